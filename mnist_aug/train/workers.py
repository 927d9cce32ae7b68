"""Workers: where runs are trained. In this process, in several beside each other, or on Dask.

A run is trained by one thread, wherever it is: its weights then don't depend on the number of
cores, and as many runs beside each other as there are cores take the least time together (see
docs/scaling.md). A worker gets the dataset once, then jobs; of each it returns the run's files,
which the caller writes. So workers share nothing, and a run is on disk once or not at all.
"""

import math
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

from mnist_aug import arguments
from mnist_aug import provenance as environment
from mnist_aug.data.dataset import Dataset
from mnist_aug.errors import UserError
from mnist_aug.train.jobs import KEPT, Job, prepare, work

MEMORY = 1.5 * 2**30  # bytes a worker takes at most, with MNIST and the arms' network


class Workers:
    """Where to hand in jobs.

    Attributes:
        submit: takes a `Job`, returns a future of what `work` returns.
        slots: says how many jobs to hand in at a time; further ones would wait.
    """

    def __init__(
        self,
        submit: Callable[[Job], Future],
        slots: Callable[[], float],
        pressed: threading.Event,
        check: Callable[[], None] = lambda: None,
    ):
        self.submit, self.slots = submit, slots
        self._pressed, self._check = pressed, check

    def finished(self, pending: dict) -> list[tuple]:
        """Wait for the next jobs to be done; take them out of `pending`.

        Args:
            pending: what to call each job, by its future.

        Returns:
            (what it is called, the files' names and bytes) of each.

        Raises:
            UserError: a run can't be trained, or the workers are gone.
            KeyboardInterrupt: Ctrl-C was pressed.
        """
        done = ()
        while not done:
            if self._pressed.is_set():
                raise KeyboardInterrupt
            self._check()
            done = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED).done
        # What is whole is not lost to another's error, which the next call raises.
        whole = [future for future in done if not (future.cancelled() or future.exception())]
        return [(pending.pop(future), future.result()) for future in whole or done]


def beside() -> int:
    """How many runs to train beside each other here: one a core, as far as memory goes."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(1, min(environment.cores(), int(memory / MEMORY)))


@contextmanager
def workers(
    dataset: Dataset, jobs: float = math.inf, processes: int = 1, scheduler: str | None = None
) -> Iterator[Workers]:
    """Workers for jobs on a dataset.

    Args:
        jobs: how many there will be, so that no more processes are started.
        processes: how many processes to train in at most; 1 trains in this one, if it can.
        scheduler: address of a Dask scheduler, to train there instead.

    Raises:
        UserError: the scheduler can't be reached or has unfit workers.
    """
    with _ctrl_c_heeded() as pressed:
        if scheduler:
            from mnist_aug.train import dask_cluster as cluster  # here, as it needs an extra

            with cluster.connected(dataset, scheduler) as (submit, slots, check):
                yield Workers(submit, slots, pressed, check)
        elif min(jobs, processes) > 1 or not _one_thread_here():
            yield from _processes(dataset, int(min(jobs, processes)), pressed)
        else:
            prepare(dataset, pressed)
            yield Workers(_now, lambda: 1, pressed)


def _one_thread_here() -> bool:
    return "tensorflow" not in sys.modules or arguments.import_tensorflow_quietly(one_thread=True)


def _now(job: Job) -> Future:
    future = Future()
    try:
        future.set_result(work(job))
    except Exception as error:  # told by the future, as by any other
        future.set_exception(error)
    return future


def _processes(dataset: Dataset, count: int, pressed: threading.Event) -> Iterator[Workers]:
    spawn = multiprocessing.get_context("spawn")  # TensorFlow doesn't survive a fork
    stop = spawn.Event()
    pool = ProcessPoolExecutor(count, spawn, _begin, (dataset, stop))

    def submit(job):
        # This may start a process, which is not to hear Ctrl-C before it can ignore it.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            return pool.submit(work, job)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    try:
        yield Workers(submit, lambda: count, pressed)
    except BrokenProcessPool:  # the others are ended, too; one may have held the lock of `stop`
        raise UserError(
            f"a process that trained was ended from outside, by want of memory perhaps: {KEPT}"
        ) from None
    except BaseException:
        stop.set()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(dataset: Dataset, stop) -> None:
    """Make a new process a worker, which ends when its parent does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it, and sets `stop`
    parent = multiprocessing.parent_process()
    threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()
    prepare(dataset, stop)
    # Keras brings these for what isn't used here, which is a third of the time it takes to start.
    unused = dict.fromkeys({"sklearn", "matplotlib"} - sys.modules.keys())
    sys.modules.update(unused)
    arguments.import_tensorflow_quietly(one_thread=True)
    for name in unused:
        del sys.modules[name]


@contextmanager
def _ctrl_c_heeded() -> Iterator[threading.Event]:
    """Remember Ctrl-C in an event instead of raising KeyboardInterrupt.

    Python raises it wherever it happens to be. Within TensorFlow that may be dropped (where an
    object is being deleted), turned into another error, or end in a crash. A second Ctrl-C raises
    it all the same.
    """
    pressed = threading.Event()

    def handler(number, frame):
        if pressed.is_set():
            raise KeyboardInterrupt
        pressed.set()

    ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if ours:  # not in a thread, which gets no signals, nor where the caller handles or ignores them
        signal.signal(signal.SIGINT, handler)
    try:
        yield pressed
        if pressed.is_set():
            raise KeyboardInterrupt
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
