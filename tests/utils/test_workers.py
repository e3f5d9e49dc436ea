"""Workers that are processes, and programs that end while workers are busy. Nothing here may hang."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

import rustgrad as torch
from rustgrad.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info

HAS_FORK = hasattr(os, "fork")


class Draws(Dataset):
    """Examples that say who made them."""

    def __len__(self):
        return 5

    def __getitem__(self, i):
        import random

        import numpy as np

        info = get_worker_info()
        return i, torch.rand(1), random.random(), np.random.rand(), info.id, info.worker_method


class Stream(IterableDataset):
    def __iter__(self):
        return iter(range(6 - 3 * get_worker_info().id))


class Trouble(Dataset):
    """Example 0 is as it should be; the others are an exception, what cannot be pickled, an exit and a kill."""

    def __len__(self):
        return 5

    def __getitem__(self, i):
        if i == 1:
            raise ValueError("a bad example")
        if i == 2:
            return lambda: 0
        if i == 3:
            os._exit(3)
        if i == 4:
            os.kill(os.getpid(), signal.SIGKILL)
        return i


def draw_more(worker):
    torch.rand(worker)


def seeds_of_a_worker(base, worker):
    """What PyTorch's worker processes draw first from Python's and NumPy's generators."""
    import random

    import numpy as np

    words = np.random.SeedSequence([worker, base & 0xFFFFFFFF, base >> 32, 0]).generate_state(4)
    return random.Random(base + worker).random(), np.random.RandomState(words).rand()


# One start method is enough for what does not depend on it: each process takes a moment.
@pytest.mark.skipif(not HAS_FORK, reason="no fork on this system")
def test_processes_that_are_forks():
    torch.manual_seed(2)
    base = torch.empty((), dtype=torch.int64).random_().item()
    torch.manual_seed(2)
    loader = DataLoader(Draws(), None, num_workers=2, multiprocessing_context="fork", persistent_workers=True)
    rows = list(loader)
    assert [row[0] for row in rows] == [0, 1, 2, 3, 4]
    assert [row[4:] for row in rows] == [[i % 2, "multiprocessing"] for i in range(5)]
    assert [(row[2], row[3]) for row in rows[:2]] == [seeds_of_a_worker(base, i) for i in range(2)]
    torch.manual_seed(2)
    assert [row[1] for row in DataLoader(Draws(), None, num_workers=2)] == [row[1] for row in rows]
    assert [row[0] for row in loader] == [0, 1, 2, 3, 4]
    processes = loader._iterator._workers
    del loader
    assert not any(process.is_alive() for process in processes)
    streams = DataLoader(Stream(), 2, num_workers=2, multiprocessing_context="fork")
    assert [batch.tolist() for batch in streams] == [[0, 1], [0, 1], [2, 3], [2], [4, 5]]


@pytest.mark.skipif(not HAS_FORK, reason="no fork on this system")
def test_processes_in_trouble():
    it = iter(DataLoader(Trouble(), None, sampler=[0, 1, 2, 0], num_workers=1, multiprocessing_context="fork"))
    assert next(it) == 0
    with pytest.raises(ValueError, match=r"Caught ValueError in DataLoader worker process 0.\nOriginal Traceback"):
        next(it)
    with pytest.raises(Exception, match=r"Can't pickle|Can't get local"):
        next(it)
    assert next(it) == 0
    for index, message in [(3, r"worker \(pid\(s\) \d+\) exited unexpectedly"), (4, "is killed by signal: Killed")]:
        sampler = [0, index, 0, 0, 0]
        it = iter(DataLoader(Trouble(), None, sampler=sampler, num_workers=2, multiprocessing_context="fork"))
        begun = time.monotonic()
        for _ in range(2):
            with pytest.raises(RuntimeError, match=message):
                list(it)
        assert time.monotonic() - begun < 4  # told by the process's end, not by the next look at it


def test_a_process_that_begins_anew(monkeypatch):
    # The new process has to find this file by its module's name.
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))
    torch.manual_seed(2)
    loader = DataLoader(Draws(), None, num_workers=1, multiprocessing_context="spawn", worker_init_fn=draw_more)
    torch.manual_seed(2)
    threads = DataLoader(Draws(), None, num_workers=1, worker_init_fn=draw_more)
    expected = [row[1] for row in threads]
    torch.manual_seed(2)
    assert [row[1] for row in loader] == expected


PROGRAM = """
    import os, signal, sys, threading, time
    import rustgrad as torch
    from rustgrad.utils.data import DataLoader

    def slow(batch):
        if batch[0] >= 4:
            time.sleep(60)
        return batch

    def interrupt_soon():
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()

    it = iter(DataLoader(range(100), num_workers=4, collate_fn=slow))
    for _ in range(4):
        next(it)
    print("begun", flush=True)
"""


def run(end, **options):
    program = textwrap.dedent(PROGRAM) + textwrap.dedent(end)
    # The wait for workers that are busy is shortened: five seconds a test would be long.
    program = f"import rustgrad.utils.data._utils.crew as crew\ncrew.MP_STATUS_CHECK_INTERVAL = 0.1\n{program}"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, **options)


@pytest.mark.parametrize(
    ("end", "code", "last"),
    [
        ("", 0, ""),
        ("del it", 0, ""),
        ("sys.exit(3)", 3, ""),
        ("raise KeyError(1)", 1, "KeyError: 1"),
        ("interrupt_soon(); next(it)", -signal.SIGINT, "KeyboardInterrupt"),
    ],
)
def test_programs_end_while_workers_are_busy(end, code, last):
    done = run(end)
    assert done.stdout == "begun\n"
    assert done.stderr.strip().endswith(last)
    assert done.returncode == code


def test_after_an_interrupt_one_begins_anew():
    done = run(
        """
        try:
            interrupt_soon()
            next(it)
        except KeyboardInterrupt:
            print("interrupted")
        try:
            next(it)
        except RuntimeError as error:
            print(error)
        it = iter(DataLoader(range(8), num_workers=2))
        print([batch.tolist() for batch in it])
        """
    )
    message = "the iterator was interrupted: begin another epoch of the DataLoader"
    assert done.stdout.splitlines() == ["begun", "interrupted", message, str([[i] for i in range(8)])], done.stderr
