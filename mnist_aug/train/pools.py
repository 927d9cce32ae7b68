"""Where runs are trained: in this process, in several in parallel, or on a Dask cluster.

As many runs in parallel as there are cores, each on one thread, take the least time together;
`make bench` measures it. A pool of processes takes other work than training, too, so
that TensorFlow is started once for all that a command does.
"""

from __future__ import annotations

import math
import mmap
import multiprocessing
import os
import pickle
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import reduction
from pathlib import Path
from typing import Any

from mnist_aug import backend, provenance
from mnist_aug.data.dataset import Dataset
from mnist_aug.errors import UserError
from mnist_aug.results import files
from mnist_aug.train import jobs

MEMORY = 1.5 * 2**30  # bytes a worker takes at most, with MNIST and the default network


class Pool:
    """Where to hand in work.

    Attributes:
        submit: takes a function and its arguments, returns the future of its result.
        slots: says how many calls to hand in at a time; further ones would wait.
        epochs: says how many epochs were trained so far, the parts of those under way included;
            None where that isn't known.
    """

    def __init__(
        self,
        submit: Callable[..., Future],
        slots: Callable[[], float],
        pressed: threading.Event,
        check: Callable[[], None] = lambda: None,
        epochs: Callable[[], float] | None = None,
    ) -> None:
        self.submit, self.slots, self.epochs = submit, slots, epochs
        self._pressed, self._check = pressed, check
        self.on_wait: Callable[[], None] = lambda: None  # called while work goes on

    def finished(self, pending: dict[Future, Any]) -> list[tuple[Any, Any]]:
        """Wait for the next calls to be done; take them out of `pending`.

        Args:
            pending: what to call each call, by its future.

        Returns:
            (what it is called, its result) of each.

        Raises:
            UserError: a run can't be trained, or the workers are gone.
            KeyboardInterrupt: Ctrl-C was pressed.
        """
        done: set[Future] = set()
        while not done:
            if self._pressed.is_set():
                raise KeyboardInterrupt
            self._check()
            self.on_wait()
            done = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED).done
        # What is whole is not lost to another's error, which the next call raises.
        whole = [future for future in done if not (future.cancelled() or future.exception())]
        return [(pending.pop(future), future.result()) for future in whole or done]


def in_parallel() -> int:
    """How many runs to train in parallel here: one a core, as far as memory goes; one on a GPU."""
    if backend.on_gpu():
        return 1
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(1, min(provenance.cores(), int(memory / MEMORY)))


@contextmanager
def pool(
    dataset: Dataset, count: float = math.inf, processes: int = 1, scheduler: str | None = None
) -> Iterator[Pool]:
    """A pool for work on a dataset.

    Args:
        count: how many calls there will be, so that no more processes are started.
        processes: how many processes to work in at most; 1 works in this one, if it can.
        scheduler: address of a Dask scheduler, to train there instead.

    Raises:
        UserError: the scheduler can't be reached or has unfit workers.
    """
    with _ctrl_c_remembered() as pressed:
        if scheduler:
            from mnist_aug.train import dask_cluster  # here, as it needs an extra

            with dask_cluster.connected(dataset, scheduler) as (submit, slots, check):
                yield Pool(submit, slots, pressed, check)
        elif min(count, processes) > 1 or not _one_thread_here():
            yield from _processes(dataset, int(min(count, processes)), pressed)
        else:
            yield _this_process(dataset, pressed)


def _one_thread_here() -> bool:
    return "tensorflow" not in sys.modules or backend.start_tensorflow(one_thread=True)


def _this_process(dataset: Dataset, pressed: threading.Event) -> Pool:
    epochs = 0.0

    def on_progress(share: float) -> None:
        nonlocal epochs
        epochs += share
        here.on_wait()

    def submit(function: Callable, *arguments: Any) -> Future:
        here.on_wait()
        future: Future = Future()
        try:
            future.set_result(function(*arguments))
        except Exception as error:  # the future raises it, as any other does
            future.set_exception(error)
        return future

    here = Pool(submit, lambda: 1, pressed, epochs=lambda: epochs)
    jobs.prepare(dataset, pressed, on_progress)
    return here


def _processes(dataset: Dataset, count: int, pressed: threading.Event) -> Iterator[Pool]:
    spawn = multiprocessing.get_context("spawn")  # TensorFlow doesn't survive a fork
    stop, epochs = spawn.Event(), spawn.Value("d", 0)
    packed: Any = _Packed(dataset)
    executor = ProcessPoolExecutor(count, spawn, _begin, (packed, stop, epochs))
    others = {*multiprocessing.active_children()}

    def submit(function: Callable, *arguments: Any) -> Future:
        # This may start a process, which is not to hear Ctrl-C before it can ignore it.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            return executor.submit(function, *arguments)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    try:
        # Read without its lock, which a worker that was killed may hold.
        yield Pool(submit, lambda: count, pressed, epochs=lambda: epochs.get_obj().value)
    except BrokenProcessPool:  # the others are ended, too; one may have held the lock of `stop`
        # One that was being started then is not, and would be waited for below without end.
        for worker in {*multiprocessing.active_children()} - others:
            worker.terminate()
        raise UserError(
            "a worker process was ended from outside, perhaps for want of memory: " + jobs.KEPT
        ) from None
    except BaseException:
        stop.set()
        raise
    finally:
        executor.shutdown(cancel_futures=True)


class _Packed:
    """A dataset on its way to new processes, in a file without a name that they inherit.

    By a pipe, as Python hands over arguments, it would have to be read before it is all written;
    for a process that ends before it does, its parent would wait forever.
    """

    def __init__(self, dataset: Dataset) -> None:
        try:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115, as long as this is there
            pickle.dump(dataset, self._file)
            self._file.flush()
        except OSError as error:
            raise files.unwritable(Path(tempfile.gettempdir()), error) from None

    def __reduce__(self) -> tuple:
        return _unpacked, (reduction.DupFd(self._file.fileno()),)


def _unpacked(handle: Any) -> Dataset:
    with (
        open(handle.detach(), "rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as held,
    ):
        return pickle.loads(held)


def _begin(dataset: Dataset, stop: Any, epochs: Any) -> None:
    """Make a new process a worker, which ends when its parent does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it, and sets `stop`
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end_with_parent() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()

    def on_progress(share: float) -> None:
        with epochs.get_lock():
            epochs.value += share

    jobs.prepare(dataset, stop, on_progress)
    # Keras brings these for what isn't used here, which is a third of the time it takes to start.
    unused: dict[str, Any] = dict.fromkeys({"sklearn", "matplotlib"} - sys.modules.keys())
    sys.modules.update(unused)
    backend.start_tensorflow(one_thread=True)
    for name in unused:
        del sys.modules[name]


_heard: threading.Event | None = None  # of the pool that heeds Ctrl-C


@contextmanager
def _ctrl_c_remembered() -> Iterator[threading.Event]:
    """Remember Ctrl-C in an event instead of raising KeyboardInterrupt.

    Python raises it wherever it happens to be. Within TensorFlow that may be dropped (where an
    object is being deleted), turned into another error, or end in a crash. A second Ctrl-C raises
    it all the same. A pool within another hears what the outer one does.
    """
    global _heard
    if _heard is not None:
        yield _heard
        return
    pressed = threading.Event()

    def handler(number: int, frame: Any) -> None:
        if pressed.is_set():
            raise KeyboardInterrupt
        pressed.set()

    ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if ours:  # not in a thread, which gets no signals, nor where the caller handles or ignores them
        signal.signal(signal.SIGINT, handler)
        _heard = pressed
    try:
        yield pressed
        if pressed.is_set():
            raise KeyboardInterrupt
    finally:
        if ours:
            _heard = None
            signal.signal(signal.SIGINT, signal.default_int_handler)
