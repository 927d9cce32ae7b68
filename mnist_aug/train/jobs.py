"""Jobs: a run to be trained, and what the process that trains it does.

A run is trained by one thread, wherever it is: its weights then don't depend on the number of
cores. A worker gets the dataset once, then jobs; of each it returns the run's files, which the
caller writes. So workers share nothing, and a run is on disk once or not at all.
"""

from __future__ import annotations

import hashlib
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_aug import backend, provenance
from mnist_aug.augment.batches import ImageByImageWarning
from mnist_aug.data.dataset import Dataset
from mnist_aug.errors import UserError
from mnist_aug.fingerprint import fingerprint
from mnist_aug.results import files, runs
from mnist_aug.train import model_source
from mnist_aug.train.model_source import Model
from mnist_aug.train.variant import Variant, learning

if TYPE_CHECKING:  # TensorFlow takes seconds to start, so only where there is something to train
    from mnist_aug.train.trainer import Trainer

KEPT = "finished runs are kept; run the same command again to continue"


@dataclass(frozen=True)
class Job:
    """A run to be trained.

    Attributes:
        variant: what to train; its policy is taken from `wanted`, where it is spelled out.
        wanted: what `wanted_manifest` says of the run.
        model: what is trained.
        command: the command line, for the manifest.
        checkpoint: where a long run saves its checkpoint, if that folder is there.
        logs: folder for TensorBoard, or None.
    """

    variant: Variant
    wanted: Mapping[str, Any]
    model: Model
    command: str
    checkpoint: Path | None = None
    logs: Path | None = None


def wanted_manifest(
    variant: Variant, seed: int, dataset: Dataset, model: Model | None = None
) -> dict[str, Any]:
    """The part of a manifest that says what a run is of, and the fingerprint of its code.

    Args:
        model: the variant's, where it has been loaded.
    """
    model = model or model_source.load(variant.model, dataset.image_shape, dataset.classes)
    return {
        "variant": variant.settings(dataset.side, dataset.fill) | {"model": model.described},
        "seed": seed,
        "dataset": dataset.described(variant.validation_split),
        "fingerprint": fingerprints(variant.policy is not None),
    }


@cache
def fingerprints(augments: bool) -> dict[str, str | None]:
    """Fingerprints of the code that weights depend on, next to settings and dataset."""
    engine = (
        "augment.batches:Engine",
        "augment.engine.structure:build",
        "augment.engine.structure:chains",
        "augment.mixing:Mixer",
    )
    return {
        "training": fingerprint(("train.trainer:Trainer", "backend:PINS"), ("train",)),
        "augmentation": fingerprint(engine, ("augment.batches", "augment.engine", "augment.mixing"))
        if augments
        else None,
    }


class _Worker:
    """What a process that trains keeps from job to job."""

    def __init__(
        self, stop: Any = None, on_progress: Callable[[float], None] | None = None
    ) -> None:
        self.stop = stop  # an event, to leave off at a block's end
        self.on_progress = on_progress
        self.datasets: dict[str, Dataset] = {}  # by SHA-256
        # The last trainer, and the settings that it was compiled for.
        self.trainer: Trainer | None = None
        self.compiled: dict[str, Any] | None = None


_here = _Worker()
_one_at_a_time = threading.Lock()


def prepare(
    dataset: Dataset, stop: Any = None, on_progress: Callable[[float], None] | None = None
) -> None:
    """Give this process the dataset that its jobs are about.

    Args:
        stop: an event that ends its jobs.
        on_progress: called at the end of each block, with the share of an epoch that it is.
    """
    global _here
    _here = _Worker(stop, on_progress)
    add(dataset)


def add(dataset: Dataset) -> None:
    """Give this process a dataset, too; commands that share it may each have their own."""
    _here.datasets[dataset.sha256] = dataset


def dataset_here(sha256: str) -> Dataset:
    """A dataset that this process was given."""
    return _here.datasets[sha256]


def stop_if_interrupted() -> None:
    """Raise KeyboardInterrupt if the event given to `prepare` is set."""
    if _here.stop is not None and _here.stop.is_set():
        raise KeyboardInterrupt


def work(job: Job) -> dict[str, bytes]:
    """Train a run here; returns the files of its folder by name.

    Raises:
        UserError: the policy fails, or this worker is unfit for the job or its disk full.
        KeyboardInterrupt: the event given to `prepare` was set.
    """
    stop_if_interrupted()
    with _one_at_a_time, _disk_errors_in_one_line():
        if not backend.start_tensorflow(one_thread=True):
            raise UserError(
                "a worker's TensorFlow was started with several threads: give the worker a process "
                "of its own"
            )
        if fingerprints(job.variant.policy is not None) != job.wanted["fingerprint"]:
            raise UserError("a worker has another version of mnist_aug: install the same on all")
        from mnist_aug.train import architectures, model_file

        trainer = _trainer(job)
        started = provenance.now()
        checkpoint = job.checkpoint
        if checkpoint is not None and not checkpoint.parent.is_dir():
            checkpoint = None
        trained, history, seconds = trainer.fit(
            job.wanted["seed"], _callbacks(job), checkpoint=checkpoint
        )
        weights = hashlib.sha256()
        for array in trained.get_weights():
            weights.update(array.tobytes())
        held = {
            runs.MODEL: model_file.content(trained),
            runs.HISTORY: history.to_csv(lineterminator="\n").encode(),
        }
        about = {
            **job.wanted,
            "architecture": job.model.architecture or architectures.of(trained),
            **({"model_source": job.model.source} if job.model.source else {}),
            "parameters": trained.count_params(),
            "weights_sha256": weights.hexdigest(),
            # It is not known of other layers whether they are the same everywhere.
            "pinned": backend.is_pinned() and job.variant.model == "dense",
            "seconds": round(seconds, 3),
            "images_per_second": round(len(trainer.train[0]) * len(history) / seconds),
            "started": started,
            **provenance.describe(job.command),
        }
        if gpu := backend.device():
            about["device"]["gpu"] = gpu
        return {**held, runs.MANIFEST: files.manifest_bytes(about, held)}


@contextmanager
def _disk_errors_in_one_line() -> Iterator[None]:
    try:
        yield
    except OSError as error:  # on a cluster it would pass for a lost connection
        raise files.unwritable(Path(tempfile.gettempdir()), error) from None


def _trainer(job: Job) -> Trainer:
    """A trainer set to the job's variant, compiled once for all that it can train."""
    from mnist_aug.train.trainer import Trainer

    settings = job.wanted["variant"]
    sha256 = job.wanted["dataset"]["sha256"]
    compiled = {"dataset": sha256, "learning": learning(settings)} | {
        key: value
        for key, value in settings.items()
        if key
        not in ("name", "policy", "later_policies", "learning_rate", "training_images", "resampled")
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImageByImageWarning)  # the caller has warned
        if compiled == _here.compiled and _here.trainer is not None:
            _here.trainer.take(job.variant, settings)
        else:
            _here.trainer = Trainer(
                job.variant, _here.datasets[sha256], settings, job.model.architecture
            )
            _here.compiled = compiled
    return _here.trainer


def _callbacks(job: Job) -> list:
    import keras

    def on_block_end(batch: int, logs: Any) -> None:
        stop_if_interrupted()
        if _here.on_progress:
            _here.on_progress(1 / heard.params["steps"])

    heard = keras.callbacks.LambdaCallback(on_train_batch_end=on_block_end)
    callbacks = [heard]
    if job.logs is not None:
        callbacks.append(keras.callbacks.TensorBoard(job.logs))
    return callbacks
