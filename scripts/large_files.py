"""Save and load a state dict of MIB MiB: how fast, beside plain writes and reads of as many bytes, and in what memory.

Usage: python scripts/large_files.py [MIB [FOLDER]]. Each step runs in a process of its own, with its own peak.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time

TENSORS = 16


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def step(name: str, mib: int, path: str) -> None:
    import rustgrad as torch

    each = mib * (1 << 18) // TENSORS
    state = {}
    if name == "save" or name == "write":
        state = {f"layer{i}": torch.full((each,), float(i)) for i in range(TENSORS)}
    base, start = peak(), time.perf_counter()
    if name == "save":
        torch.save(state, path)
    elif name == "write":
        with open(path, "wb") as file:
            for tensor in state.values():
                file.write(memoryview(tensor.numpy()).cast("B"))
            file.flush()
            os.fsync(file.fileno())
    elif name == "read":
        with open(path, "rb") as file:
            buffer = bytearray(os.path.getsize(path))
            file.readinto(buffer)
    else:
        state = torch.load(path, mmap=name == "mmap")
    seconds = time.perf_counter() - start
    print(f"{name:6s} {seconds:7.2f} s {mib / seconds:8.0f} MiB/s   peak {peak():7.0f} MiB, {base:.0f} before")
    assert name in ("write", "read") or all(bool((x == float(k[5:])).all()) for k, x in state.items())


def main(mib="1024", folder=None):
    path = os.path.join(folder or tempfile.mkdtemp(), "state.pt")
    for name in ("write", "read", "save", "load", "mmap"):
        subprocess.run([sys.executable, __file__, "--step", name, mib, path], check=True)
    os.unlink(path)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--step"]:
        step(sys.argv[2], int(sys.argv[3]), sys.argv[4])
    else:
        main(*sys.argv[1:])
