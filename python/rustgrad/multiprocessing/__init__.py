"""Python's multiprocessing, and `spawn`.

Tensors that are sent to another process are shared if `share_memory_` was called for them, and else copied.
"""

import multiprocessing as _multiprocessing
import os
import signal
import sys
import tempfile
import time
from multiprocessing import *  # pyright: ignore[reportWildcardImportFromLibrary]
from multiprocessing import connection

from .._names import lookup as _lookup
from . import reductions as reductions

__all__ = [
    "ProcessContext",
    "ProcessException",
    "ProcessExitedException",
    "ProcessRaisedException",
    "SpawnContext",
    "get_all_sharing_strategies",
    "get_sharing_strategy",
    "set_sharing_strategy",
    "spawn",
    "start_processes",
]
__all__ += _multiprocessing.__all__  # pyright: ignore[reportUnsupportedDunderAll]


_strategies = {"file_system"} if sys.platform in ("darwin", "win32") else {"file_descriptor", "file_system"}
_strategy = "file_system" if len(_strategies) == 1 else "file_descriptor"


def get_all_sharing_strategies() -> set[str]:
    """PyTorch's names for the ways in which shared memory reaches other processes. Here they all mean descriptors."""
    return set(_strategies)


def get_sharing_strategy() -> str:
    """The name in use."""
    return _strategy


def set_sharing_strategy(new_strategy: str) -> None:
    """Choose a name; nothing else changes. AssertionError for one that this system has not."""
    global _strategy
    if new_strategy not in _strategies:
        raise AssertionError(f"invalid sharing strategy {new_strategy!r}, expected one of {_strategies}")
    _strategy = new_strategy


class ProcessException(Exception):
    """A process failed: which one, and its process id."""

    def __init__(self, msg: str, error_index: int, pid: int):
        super().__init__(msg)
        self.msg = msg
        self.error_index = error_index
        self.pid = pid


class ProcessRaisedException(ProcessException):
    """A process ended with an exception; the message holds its traceback."""


class ProcessExitedException(ProcessException):
    """A process ended by a signal, or with an exit code other than 0."""

    def __init__(self, msg, error_index, error_pid, exit_code, signal_name=None):
        super().__init__(msg, error_index, error_pid)
        self.exit_code = exit_code
        self.signal_name = signal_name


def _run(fn, i, args, error_file) -> None:
    """The body of a process: its traceback goes into a file."""
    try:
        fn(i, *args)
    except KeyboardInterrupt:
        pass
    except Exception:
        import traceback

        with open(error_file, "w", encoding="utf-8") as file:
            file.write(traceback.format_exc())
        sys.exit(1)


class ProcessContext:
    """Processes that were started together."""

    def __init__(self, processes: list, error_files: list[str]):
        self.processes = processes
        self.error_files = error_files

    def pids(self) -> list:
        """Their process ids."""
        return [process.pid for process in self.processes]

    def join(self, timeout: float | None = None, grace_period: float | None = None) -> bool:
        """Wait until they are done: True; False when the time is over and some are not.

        When one fails, the others are ended, and its failure is raised: ProcessRaisedException with its traceback, or
        ProcessExitedException.
        """
        until = None if timeout is None else time.monotonic() + timeout
        while running := [process for process in self.processes if process.exitcode is None]:
            left = None if until is None else max(until - time.monotonic(), 0)
            connection.wait([process.sentinel for process in running], left)
            failed = [i for i, process in enumerate(self.processes) if process.exitcode not in (None, 0)]
            if failed:
                self._fail(failed[0], grace_period)
            if until is not None and time.monotonic() >= until:
                break
        failed = [i for i, process in enumerate(self.processes) if process.exitcode not in (None, 0)]
        if failed:
            self._fail(failed[0], grace_period)
        done = all(process.exitcode is not None for process in self.processes)
        if done:
            self._clean()
        return done

    def _clean(self) -> None:
        for path in self.error_files:
            if os.path.exists(path):
                os.unlink(path)

    def _fail(self, index: int, grace_period) -> None:
        for process in self.processes:
            if process.is_alive():
                process.terminate()
        for process in self.processes:
            process.join(30 if grace_period is None else grace_period)
            if process.is_alive():
                process.kill()
                process.join()
        process = self.processes[index]
        text = ""
        if os.path.exists(self.error_files[index]):
            with open(self.error_files[index], encoding="utf-8") as file:
                text = file.read()
        self._clean()
        if text:
            raise ProcessRaisedException(
                f"\n\n-- Process {index} terminated with the following error:\n{text}", index, process.pid
            )
        code = process.exitcode
        if code < 0:
            name = signal.Signals(-code).name
            raise ProcessExitedException(
                f"process {index} terminated with signal {name}", index, process.pid, code, name
            )
        raise ProcessExitedException(f"process {index} terminated with exit code {code}", index, process.pid, code)


SpawnContext = ProcessContext


def start_processes(fn, args=(), nprocs=1, join=True, daemon=False, start_method="spawn"):
    """Call `fn(i, *args)` in `nprocs` processes, i from 0. Returns None once they are done, or their context at once.

    Raises as `ProcessContext.join` does.
    """
    context = _multiprocessing.get_context(start_method)
    processes, files = [], []
    for i in range(nprocs):
        handle, path = tempfile.mkstemp(prefix="rustgrad-spawn-", suffix=".txt")
        os.close(handle)
        os.unlink(path)
        process = context.Process(target=_run, args=(fn, i, args, path), daemon=daemon)  # pyright: ignore
        process.start()
        processes.append(process)
        files.append(path)
    started = ProcessContext(processes, files)
    if not join:
        return started
    while not started.join():
        pass
    return None


def spawn(fn, args=(), nprocs=1, join=True, daemon=False, start_method="spawn"):
    """`start_processes` in fresh interpreters. `fn` must be found by its name in its module."""
    return start_processes(fn, args, nprocs, join, daemon, start_method)


reductions.init_reductions()

__getattr__ = _lookup("torch.multiprocessing")
