"""Training: the runs that are missing or out of date, in parallel."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable
from contextlib import nullcontext, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from mnist_aug import backend, notes, provenance, terminal
from mnist_aug.augment import policy
from mnist_aug.data.dataset import Dataset
from mnist_aug.errors import UserError
from mnist_aug.formatting import counted, percent
from mnist_aug.results import files, runs
from mnist_aug.train import model_source, pools
from mnist_aug.train.jobs import Job, wanted_manifest, work
from mnist_aug.train.model_source import Model
from mnist_aug.train.pools import Pool
from mnist_aug.train.variant import Variant

CHECKPOINT = ".checkpoint.npz"  # how the name of an unfinished run's checkpoint ends

Wanted = dict[tuple[str, int], tuple[Variant, dict[str, Any]]]  # by variant and seed: its manifest
Todo = dict[tuple[str, int], tuple[Variant, dict[str, Any], str]]  # and why it is to be trained
Models = dict[str, Model]  # by what a variant calls its own, all loaded once


def train(
    variant: Variant, seeds: Iterable[int], dataset: Dataset, results: Path, **where: Any
) -> None:
    """Train a variant once for each seed, as `train_all` does."""
    train_all([(variant, seed) for seed in seeds], dataset, results, **where)


def train_all(
    wanted: Iterable[tuple[Variant, int]],
    dataset: Dataset,
    results: Path,
    processes: int = 1,
    scheduler: str | None = None,
    tensorboard: bool = False,
    pool: Pool | None = None,
) -> None:
    """Train the runs, given as (variant, seed), that are not on disk as wanted.

    A run is whole or absent: it is written under another name and renamed at its end. Runs that
    agree with what is wanted are left untouched. A run that takes long saves checkpoints, and goes
    on from the last after whatever ended it. Commands with the same results folder wait for each
    other.

    Args:
        processes, scheduler: as for `pools.pool`.
        tensorboard: write logs for TensorBoard into `results/tensorboard/`.
        pool: where to train, in place of a pool of its own.

    Raises:
        UserError: the policy or the dataset is unfit, a run on disk is of another dataset, the
            results can't be written, or workers can't be had or are lost.
    """
    results = Path(results)
    wanted = [*wanted]
    models = {
        name: model_source.load(name, dataset.image_shape, dataset.classes)
        for name in dict.fromkeys(variant.model for variant, _ in wanted)
    }
    by_run: Wanted = {
        (variant.name, seed): (
            variant,
            wanted_manifest(variant, seed, dataset, models[variant.model]),
        )
        for variant, seed in wanted
    }
    _remove_leftovers(by_run, results)
    todo = _missing(by_run, results)
    if not todo:
        return
    if tensorboard and find_spec("tensorboard") is None:
        raise UserError(
            'TENSORBOARD=1 (--tensorboard) needs TensorBoard: pip install ".[tensorboard]"'
        )
    if backend.on_gpu() and not scheduler:  # where there is none, that is said at once
        backend.start_tensorflow(one_thread=True)
    _check(dataset, results, [variant for variant, *_ in todo.values()])
    made = [place for place in (results, *results.parents) if not place.exists()]
    with suppress(OSError):  # raised when a run is written
        results.mkdir(parents=True, exist_ok=True)  # what is not there can't be locked
    with files.locked(results):
        try:
            # Another command may have trained some of them while this one waited.
            todo = _missing({key: by_run[key] for key in todo}, results, quiet=True)
            if todo:
                with (
                    nullcontext(pool)
                    if pool
                    else pools.pool(dataset, len(todo), processes, scheduler) as where
                ):
                    _train(todo, results, models, where, tensorboard)
        except UserError:
            with suppress(OSError):  # some hold what was trained
                for place in made:
                    if [path.name for path in place.iterdir()] == [files.LOCK]:
                        (place / files.LOCK).unlink()
                    place.rmdir()
            raise


def _remove_leftovers(wanted: Wanted, results: Path) -> None:
    """Remove what killed commands left next to runs that, being whole, are not written again."""
    if any(
        left.suffix in (".tmp", ".old")
        for name in {name for name, _ in wanted}
        for left in (results / name).glob(".seed-*")
    ):
        with files.locked(results):
            for name, seed in wanted:
                files.remove_leftovers(runs.run_folder(results, name, seed))


def _missing(wanted: Wanted, results: Path, quiet: bool = False) -> Todo:
    """Those not on disk, each with the reason."""
    todo = {}
    for (name, seed), (variant, manifest) in wanted.items():
        if reason := runs.disagreement(runs.run_folder(results, name, seed), manifest):
            todo[name, seed] = (variant, manifest, reason)
    for name in dict.fromkeys(name for name, _ in wanted):
        if not quiet and name not in (missing for missing, _ in todo):
            print(f"{name}: all runs are up to date", flush=True)
    return todo


def _train(todo: Todo, results: Path, models: Models, pool: Pool, tensorboard: bool) -> None:
    left = iter(todo)
    pending: dict = {}
    total = sum(variant.epochs for variant, *_ in todo.values())
    before = pool.epochs() if pool.epochs else 0
    what = f"training {counted(len(todo), 'run')}"
    slots = int(min(len(todo), pool.slots()))
    print(
        f"{what}{f', {slots} in parallel' if slots > 1 else ''}: TensorFlow starts and compiles "
        "first, which takes some seconds",
        flush=True,
    )
    with terminal.progress(f"{what}: starting TensorFlow", total) as bar:
        epochs, finished = 0, 0  # of finished runs, and how many these are
        resumed = 0  # epochs of checkpoints, which no process trains here

        def on_wait() -> None:
            trained = pool.epochs() - before if pool.epochs else 0
            if trained or finished:
                done = max(epochs, resumed + trained)
                bar.describe(f"training: {finished} of {counted(len(todo), 'run')} done")
                bar.reached(done)

        pool.on_wait = on_wait
        while True:
            while len(pending) < pool.slots() and (key := next(left, None)):
                variant, manifest, _ = todo[key]
                with suppress(OSError):  # raised when the run is written
                    (results / variant.name).mkdir(parents=True, exist_ok=True)  # for checkpoints
                job = _job(variant, manifest, models[variant.model], results, tensorboard)
                resumed += _epochs_in(job.checkpoint) if pool.epochs else 0
                pending[pool.submit(work, job)] = key
            if not pending:
                break
            for (name, seed), held in pool.finished(pending):
                runs.write_run(results, name, seed, held)
                for checkpoint in (results / name).glob(f".seed-{seed:02d}.*{CHECKPOINT}"):
                    checkpoint.unlink(missing_ok=True)
                epochs += todo[name, seed][0].epochs
                finished += 1
                on_wait()
                bar.say(_line(name, seed, todo[name, seed][2], held))
        pool.on_wait = lambda: None


def _check(dataset: Dataset, results: Path, variants: list[Variant]) -> None:
    """Say what is wrong, or slow, before anything is trained."""
    if lacks := backend.unpinned_processor():
        notes.say(
            f"note: this processor {lacks}: the last bits of weights and predictions will differ "
            "from those of other machines; statistics will not"
        )
    for name in dict.fromkeys(name for variant in variants for name in variant.policies()):
        check_policy(name, dataset.image_shape, dataset.fill)
    for name in dict.fromkeys(variant.name for variant in variants):
        files.check_writable(results / name)
    for split in dict.fromkeys(variant.validation_split for variant in variants):
        count = dataset.training_count(split)
        unseen = np.setdiff1d(dataset.y_train[count:], dataset.y_train[:count])
        if len(unseen):
            notes.say(
                f"note: the validation images, the last {split:.0%} of the training images, hold "
                f"class {', '.join(dataset.class_names[k] for k in unseen)}, and the images "
                "trained on do not: shuffle the training images"
            )


def check_policy(name: str, shape: tuple[int, ...], fill: policy.Fill = 0) -> None:
    """Try a policy on one image of that shape, (H, W) or (H, W, 3), on such a background.

    Raises:
        UserError: it can't be loaded, or fails.
    """
    loaded = policy.load(name, min(shape[:2]), fill)
    try:
        if engine := loaded.engine():
            engine.check(shape)
    except UserError:
        raise
    except Exception as error:  # whatever senseless numbers make of NumPy and OpenCV
        raise UserError(
            f"policy {name} fails on images of {shape[0]} by {shape[1]} pixels "
            f"({policy.reason_of(error)}): correct its numbers"
        ) from None


def _job(
    variant: Variant, manifest: dict[str, Any], model: Model, results: Path, tensorboard: bool
) -> Job:
    results = results.resolve()
    logs = results / "tensorboard" / variant.name / f"seed-{manifest['seed']:02d}"
    # Another name for each different run that may be wanted under the same variant and seed.
    checkpoint = f".seed-{manifest['seed']:02d}.{files.digest(manifest)}{CHECKPOINT}"
    return Job(
        variant,
        manifest,
        model,
        provenance.command_line(),
        results / variant.name / checkpoint,
        logs if tensorboard else None,
    )


def _epochs_in(checkpoint: Path | None) -> int:
    """How many epochs of an unfinished run are done; 0 where there is no checkpoint to read."""
    if checkpoint is None:
        return 0
    try:
        with np.load(checkpoint) as arrays:
            return len(arrays["history_loss"])
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return 0


def validation(held: dict[str, bytes]) -> float:
    """Validation accuracy after the last epoch of a run's files, in [0, 1]."""
    return float(files.table(held[runs.HISTORY])["val_accuracy"].iloc[-1])


def _line(name: str, seed: int, reason: str, held: dict[str, bytes]) -> str:
    manifest = json.loads(held[runs.MANIFEST])
    last = runs.losses_in_nats(files.table(held[runs.HISTORY])).iloc[-1]
    held_out = "val_accuracy" in last
    classes = manifest["dataset"]["classes"]
    amiss = (
        ""
        if runs.learned(last.filter(["loss", "val_loss"]).min(skipna=False), classes)
        else (
            f"; it did not learn: its training loss, {last['loss']:.4g}, is not below that of "
            f"guessing, ln {classes} = {np.log(classes):.4f}"
        )
    )
    part = "val_accuracy" if held_out else "accuracy"
    return (
        f"{name}, seed {seed:02d}: {'validation' if held_out else 'training'} accuracy "
        f"{percent(last[part])} %, trained in {manifest['seconds']:.1f} s ({reason}){amiss}"
    )
