"""Workers: where runs are trained. In this process, in several beside each other, or on Dask.

A run is trained by one thread, wherever it is: its weights then don't depend on the number of
cores, and as many runs beside each other as there are cores take the least time together (see
docs/scaling.md). A worker gets the dataset once, then jobs; of each it returns the run's files,
which the caller writes. So workers share nothing, and a run is on disk once or not at all.
"""

import hashlib
import math
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mnist_aug import arguments, environment, run, state_file
from mnist_aug.dataset import Dataset
from mnist_aug.errors import UserError
from mnist_aug.variant import Variant
from mnist_aug.vectorize import ImageByImageWarning

MEMORY = 1.5 * 2**30  # bytes a worker takes at most, with MNIST and the arms' network
KEPT = "finished runs are kept, and the same command goes on from them"


@dataclass(frozen=True)
class Job:
    """A run to be trained.

    Attributes:
        variant: what to train; its policy is taken from `asked`, where it is spelled out.
        asked: what `run.asked` says of the run.
        command: the command line, for the manifest.
        state: where a long run saves its state, if that folder is there.
        logs: folder for TensorBoard, or None.
    """

    variant: Variant
    asked: dict
    command: str
    state: Path | None = None
    logs: Path | None = None


class Workers:
    """Where to hand in jobs.

    Attributes:
        submit: takes a `Job`, returns a future of what `work` returns.
        slots: says how many jobs to hand in at a time; further ones would wait.
    """

    def __init__(self, submit: Callable[[Job], Future], slots: Callable[[], float],
                 pressed: threading.Event, check: Callable[[], None] = lambda: None):
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
def workers(dataset: Dataset, jobs: float = math.inf, processes: int = 1,
            scheduler: str | None = None) -> Iterator[Workers]:
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
            from mnist_aug import cluster  # here, as it needs an extra

            with cluster.connected(dataset, scheduler) as (submit, slots, check):
                yield Workers(submit, slots, pressed, check)
        elif min(jobs, processes) > 1 or not _one_thread_here():
            yield from _processes(dataset, int(min(jobs, processes)), pressed)
        else:
            prepare(dataset, pressed)
            yield Workers(_now, lambda: 1, pressed)


def _one_thread_here() -> bool:
    return ("tensorflow" not in sys.modules
            or arguments.import_tensorflow_quietly(one_thread=True))


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
        raise UserError("a process that trained was ended from outside, by want of memory "
                        f"perhaps: {KEPT}") from None
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

    ours = (threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler)
    if ours:  # not in a thread, which gets no signals, nor where the caller handles or ignores them
        signal.signal(signal.SIGINT, handler)
    try:
        yield pressed
        if pressed.is_set():
            raise KeyboardInterrupt
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)


class _Worker:
    """What a process that trains keeps from job to job."""

    def __init__(self, stop=None):
        self.stop = stop  # an event, to leave off at a block's end
        self.datasets = {}  # by SHA-256
        self.trainer = self.compiled = None  # the last, and the settings that it was compiled for


_here = _Worker()
_one_at_a_time = threading.Lock()


def prepare(dataset: Dataset, stop=None) -> None:
    """Give this process the dataset that its jobs are about, and the event that ends them."""
    global _here
    _here = _Worker(stop)
    add(dataset)


def add(dataset: Dataset) -> None:
    """Give this process a dataset beside those of other commands, which share the process."""
    _here.datasets[dataset.sha256] = dataset


def work(job: Job) -> dict[str, bytes]:
    """Train a run here; returns the files of its folder by name.

    Raises:
        UserError: the policy fails, or this worker is unfit for the job or its disk full.
        KeyboardInterrupt: the event given to `prepare` was set.
    """
    _leave_off_if_asked()
    with _one_at_a_time, _temporary_folder() as folder:
        # TensorFlow takes seconds to start, so only when there is something to train.
        if not arguments.import_tensorflow_quietly(one_thread=True):
            raise UserError("a worker's TensorFlow was started with several threads: give the "
                            "worker a process of its own")
        if run.sources_sha256(job.variant) != job.asked["sources_sha256"]:
            raise UserError("a worker has another version of mnist_aug: install the same on all")
        trainer = _trainer(job)
        started = environment.now()
        state = job.state if job.state is not None and job.state.parent.is_dir() else None
        if state is not None and not state_file.is_whole(state, job.asked):
            state.unlink(missing_ok=True)  # the run starts anew
        trained, history, seconds = trainer.fit(job.asked["seed"], _callbacks(job), state=state)
        digest = hashlib.sha256()
        for weights in trained.get_weights():
            digest.update(weights.tobytes())
        trained.save(folder / run.MODEL)
        history.to_csv(folder / run.HISTORY)
        run.write_json(folder / run.MANIFEST, job.asked | {
            "parameters": trained.count_params(),
            "weights_sha256": digest.hexdigest(),
            "seconds": round(seconds, 3),
            "images_per_second": round(len(trainer.train[0]) * len(history) / seconds),
            "started": started,
        } | environment.describe(job.command))
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    try:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)
    except OSError as error:  # on a cluster it would pass for a lost connection
        raise run.unwritable(Path(tempfile.gettempdir()), error) from None


def _trainer(job: Job):
    """A trainer set to the job's variant, compiled once for all that it can train."""
    from mnist_aug.trainer import Trainer

    settings = job.asked["variant"]
    sha256 = job.asked["dataset"]["sha256"]
    compiled = {"dataset": sha256} | {key: value for key, value in settings.items() if key not in (
        "name", "policy", "later_policies", "learning_rate", "training_images")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImageByImageWarning)  # the caller has warned
        if compiled == _here.compiled:
            _here.trainer.take(job.variant, settings)
        else:
            _here.trainer = Trainer(job.variant, _here.datasets[sha256], settings)
            _here.compiled = compiled
    return _here.trainer


def _leave_off_if_asked() -> None:
    if _here.stop is not None and _here.stop.is_set():
        raise KeyboardInterrupt


def _callbacks(job: Job) -> list:
    import keras

    callbacks = [keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: _leave_off_if_asked())]
    if job.logs is not None:
        callbacks.append(keras.callbacks.TensorBoard(job.logs))
    return callbacks
