"""Jobs: a run to be trained, and what the process that trains it does.

A run is trained by one thread, wherever it is: its weights then don't depend on the number of
cores. A worker gets the dataset once, then jobs; of each it returns the run's files, which the
caller writes. So workers share nothing, and a run is on disk once or not at all.
"""

import hashlib
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mnist_aug import arguments
from mnist_aug import provenance as environment
from mnist_aug.augment.vectorize import ImageByImageWarning
from mnist_aug.data.dataset import Dataset
from mnist_aug.errors import UserError
from mnist_aug.results import runs as run
from mnist_aug.train import checkpoints as state_file
from mnist_aug.train.variant import Variant

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
            raise UserError(
                "a worker's TensorFlow was started with several threads: give the "
                "worker a process of its own"
            )
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
        run.write_json(
            folder / run.MANIFEST,
            job.asked
            | {
                "parameters": trained.count_params(),
                "weights_sha256": digest.hexdigest(),
                "seconds": round(seconds, 3),
                "images_per_second": round(len(trainer.train[0]) * len(history) / seconds),
                "started": started,
            }
            | environment.describe(job.command),
        )
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
    from mnist_aug.train.trainer import Trainer

    settings = job.asked["variant"]
    sha256 = job.asked["dataset"]["sha256"]
    compiled = {"dataset": sha256} | {
        key: value
        for key, value in settings.items()
        if key not in ("name", "policy", "later_policies", "learning_rate", "training_images")
    }
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

    callbacks = [
        keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: _leave_off_if_asked())
    ]
    if job.logs is not None:
        callbacks.append(keras.callbacks.TensorBoard(job.logs))
    return callbacks
