"""Kill a process while it saves, COUNT times at random moments: the file is the old or the new one, whole.

Usage: python scripts/kill_savers.py [COUNT [FOLDER]]. Prints how often each was found, and what was left beside it.
"""

import os
import random
import signal
import sys
import tempfile
import time

import rustgrad as torch

ELEMENTS = 1 << 20


def checked(path) -> int:
    """The number that all elements of a file are; an error if they are not, or if the file is damaged."""
    state = torch.load(path)
    number = int(state["number"])
    for name in ("a", "b"):
        assert state[name].shape == (ELEMENTS,) and bool((state[name] == number).all()), f"{path}: mixed elements"
    return number


def state_of(number: int):
    return {
        "number": torch.tensor(number),
        "a": torch.full((ELEMENTS,), float(number)),
        "b": torch.full((ELEMENTS,), float(number)),
    }


def main(count=1000, folder=None):
    folder = folder or tempfile.mkdtemp()
    source = random.Random(0)
    found, left = {1: 0, 2: 0}, 0
    for form in ("pt", "safetensors"):
        path = os.path.join(folder, f"checkpoint.{form}")
        for _ in range(count // 2):
            torch.save(state_of(1), path)
            left = max(left, len(os.listdir(folder)))
            read, write = os.pipe()
            child = os.fork()
            if child == 0:  # saves until it is killed
                states = [state_of(number) for number in (1, 2)]
                os.write(write, b"x")
                while True:
                    for state in states:
                        torch.save(state, path)
            os.read(read, 1)
            os.close(read)
            os.close(write)
            time.sleep(source.random() * 0.15)
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            found[checked(path)] += 1
    for form in ("pt", "safetensors"):  # the next writer removes what killed ones left
        torch.save(state_of(1), os.path.join(folder, f"checkpoint.{form}"))
    files = sorted(os.listdir(folder))
    print(f"{count} kills: the first file {found[1]} times, the second {found[2]} times, never another")
    print(f"after the last writer: {files}; most files at once: {left}")


if __name__ == "__main__":
    main(*(int(arg) if arg.isdigit() else arg for arg in sys.argv[1:]))
