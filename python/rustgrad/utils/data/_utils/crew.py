"""The workers of one iterator, as threads or as processes: how they start, are spoken to, and end.

Whatever happens to the program or to a worker, nobody waits for ever: threads are daemons that hold nothing of the
iterator, a process sees the end of its parent, and the parent that of a process.
"""

import atexit
import os
import queue
import threading
import time
import weakref
from typing import Any

from ...._rustgrad import default_generator
from ...._rustgrad.torch import (
    _become_worker,
    _set_grad_enabled,
    _set_inference,
    get_default_dtype,
    is_grad_enabled,
    is_inference_mode_enabled,
    set_default_dtype,
    set_num_threads,
)
from . import MP_STATUS_CHECK_INTERVAL
from .worker import DIED, ExceptionWrapper, Job, WorkerRNG, _generate_state, copy_for_thread, work

__all__ = ["ProcessCrew", "ThreadCrew"]

# Crews that live. Each has a finalizer `stop`, which owns what it needs: collected together with its crew, a pipe might
# be closed before it.
_LIVE: "weakref.WeakSet[Any]" = weakref.WeakSet()


@atexit.register
def _stop_all() -> None:
    # Before the interpreter ends: afterwards a thread that comes back from a kernel could only be left where it is.
    for crew in list(_LIVE):
        crew.stop()


def _finalizer(crew, end, *owned) -> weakref.finalize:
    _LIVE.add(crew)
    stop = weakref.finalize(crew, end, *owned)
    stop.atexit = False
    return stop


class _Switch:
    """Whether answers are still wanted."""

    on = True


def _thread(job: Job, worker_id: int, inbox, answers, switch: _Switch, modes: tuple) -> None:
    """The life of a worker thread. It knows queues only, so that an iterator nobody holds can be collected."""
    grad, inference, dtype = modes
    try:
        rng = WorkerRNG(job.base_seed, worker_id)
        _become_worker(rng.torch_generator)
        set_default_dtype(dtype)
        _set_inference(inference)
        _set_grad_enabled(grad)
        work(job, worker_id, copy_for_thread(job.dataset), rng, inbox.get, answers.put, lambda: not switch.on)
    except BaseException:
        answers.put((worker_id, None, DIED, None))


class ThreadCrew:
    """Workers as threads, each with the modes of the thread that made them."""

    def __init__(self, job: Job) -> None:
        self._answers: Any = queue.SimpleQueue()
        self._inboxes: list[Any] = [queue.SimpleQueue() for _ in range(job.num_workers)]
        self._switch = _Switch()
        self.workers: list[threading.Thread] = []
        self.stop = _finalizer(self, _end_threads, self._switch, self._inboxes, self.workers)
        modes = is_grad_enabled(), is_inference_mode_enabled(), get_default_dtype()
        for worker_id, inbox in enumerate(self._inboxes):
            args = (job, worker_id, inbox, self._answers, self._switch, modes)
            thread = threading.Thread(target=_thread, args=args, name=f"data worker {worker_id}", daemon=True)
            thread.start()
            self.workers.append(thread)

    def send(self, worker_id: int, message) -> None:
        """Give a worker a message; None sends it home."""
        self._inboxes[worker_id].put(message)

    def receive(self, timeout: float):
        """The next answer. `queue.Empty` if none comes in time, RuntimeError if a worker has died."""
        try:
            answer = self._answers.get(timeout=timeout)
        except queue.Empty:
            # After a fork the child has the queues, and no threads.
            if not any(thread.is_alive() for thread in self.workers):
                raise RuntimeError("DataLoader worker threads do not exist in this process") from None
            raise
        if answer[2] is DIED:
            raise RuntimeError(f"DataLoader worker (thread {answer[0]}) exited unexpectedly")
        return answer


def _end_threads(switch: _Switch, inboxes: list, threads: list[threading.Thread]) -> None:
    """End all workers, and wait for those that are busy, but not for ever."""
    switch.on = False
    for inbox in inboxes:
        inbox.put(None)
    _join(threads)


def _join(workers: list) -> None:
    deadline = time.monotonic() + MP_STATUS_CHECK_INTERVAL
    for worker in workers:
        # The garbage collector may end an iterator on the thread of one of its own workers.
        if worker is not threading.current_thread():
            worker.join(max(0.0, deadline - time.monotonic()))


def _process(job: Job, worker_id: int, connection) -> None:
    """The life of a worker process."""
    import random
    from multiprocessing import parent_process
    from multiprocessing.connection import wait
    from multiprocessing.reduction import ForkingPickler

    parent: Any = parent_process()
    outbox: Any = queue.SimpleQueue()
    inbox: list = []

    def forward() -> None:
        try:
            while True:
                connection.send_bytes(outbox.get())
        except OSError:
            pass  # nobody reads any more

    def receive():
        # All messages are taken in, so that the last one is seen before tasks that nobody wants any more.
        try:
            while not inbox or connection.poll():
                if connection not in wait([connection, parent.sentinel]):
                    return None
                inbox.append(connection.recv())
        except (EOFError, OSError):
            return None
        return None if inbox[-1] is None else inbox.pop(0)

    def send(answer) -> None:
        # Pickled here rather than by the other thread, whose exceptions nobody would see.
        try:
            message = ForkingPickler.dumps(answer)
        except Exception:
            error = ExceptionWrapper(where=f"in DataLoader worker process {worker_id}")
            message = ForkingPickler.dumps((*answer[:2], error, answer[3]))
        outbox.put(message)

    try:
        set_num_threads(1)
        random.seed(job.base_seed + worker_id)
        default_generator.manual_seed(job.base_seed + worker_id)
        import numpy as np

        np.random.seed(_generate_state(job.base_seed, worker_id))
        threading.Thread(target=forward, daemon=True).start()
        work(job, worker_id, job.dataset, None, receive, send, lambda: False)
    except KeyboardInterrupt:
        pass  # the parent gets it as well, and says so


class ProcessCrew:
    """Workers as processes of a multiprocessing context, each at the other end of a pipe."""

    def __init__(self, job: Job, context) -> None:
        self.workers: list[Any] = []
        self._pipes: list[Any] = []
        self._home: set[int] = set()
        self.stop = _finalizer(self, _end_processes, self.workers, self._pipes, os.getpid())
        for worker_id in range(job.num_workers):
            ours, theirs = context.Pipe()
            process = context.Process(target=_process, args=(job, worker_id, theirs), daemon=True)
            try:
                process.start()
            finally:
                # Only the worker holds its end then, so that its death ends the pipe.
                theirs.close()
            self.workers.append(process)
            self._pipes.append(ours)

    def send(self, worker_id: int, message) -> None:
        """Give a worker a message; None sends it home."""
        if message is None:
            self._home.add(worker_id)
        try:
            self._pipes[worker_id].send(message)
        except OSError:
            if message is not None:
                raise self._death(worker_id) from None

    def receive(self, timeout: float):
        """The next answer. `queue.Empty` if none comes in time, RuntimeError if a worker has died."""
        from multiprocessing.connection import wait

        ends: dict[Any, int] = {}
        for worker_id, pipe in enumerate(self._pipes):
            if worker_id not in self._home:
                ends[pipe] = ends[self.workers[worker_id].sentinel] = worker_id
        ready = [ends[end] for end in wait(list(ends), timeout)]
        if not ready:
            raise queue.Empty
        for worker_id in ready:
            try:
                # What a worker said before its death is heard first.
                if self._pipes[worker_id].poll():
                    return self._pipes[worker_id].recv()
            except (EOFError, OSError):
                raise self._death(worker_id) from None
        raise self._death(ready[0])

    def _death(self, worker_id: int) -> RuntimeError:
        process = self.workers[worker_id]
        process.join(MP_STATUS_CHECK_INTERVAL)
        pid, code = process.pid, process.exitcode
        if code is not None and code < 0:
            from signal import strsignal

            return RuntimeError(f"DataLoader worker (pid {pid}) is killed by signal: {strsignal(-code)}. ")
        return RuntimeError(f"DataLoader worker (pid(s) {pid}) exited unexpectedly")


def _end_processes(processes: list, pipes: list, owner: int) -> None:
    """End all workers: ask, wait, terminate."""
    if os.getpid() != owner:
        return
    for pipe in pipes:
        try:
            if os.name == "posix":
                # A worker that hangs reads nothing: a full pipe must not make this wait for it.
                os.set_blocking(pipe.fileno(), False)
            pipe.send(None)
        except OSError:
            pass
    _join(processes)
    for process in processes:
        if process.is_alive():
            process.terminate()
    for pipe in pipes:
        pipe.close()
