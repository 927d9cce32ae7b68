"""Training: the runs that are missing or out of date, in parallel."""

import io
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mnist_aug import provenance as environment
from mnist_aug.analysis.metrics import learned
from mnist_aug.augment import policy
from mnist_aug.augment.vectorize import vectorize
from mnist_aug.data.dataset import Dataset
from mnist_aug.errors import UserError
from mnist_aug.results import lock
from mnist_aug.results import runs as run
from mnist_aug.train.variant import Variant
from mnist_aug.train.workers import Job, workers

STATE = ".state.npz"  # how the name of an unfinished run's state ends


def train(variant: Variant, seeds: Iterable[int], dataset: Dataset, results: Path, **where) -> None:
    """Train a variant once for each seed, as `train_all` does."""
    train_all([(variant, seed) for seed in seeds], dataset, results, **where)


def train_all(
    runs: Iterable[tuple[Variant, int]],
    dataset: Dataset,
    results: Path,
    processes: int = 1,
    scheduler: str | None = None,
    tensorboard: bool = False,
) -> None:
    """Train the runs, given as (variant, seed), that are not on disk as asked.

    A run is whole or absent: it is written beside its place and renamed at its end. Runs that
    agree with what is asked are left untouched. A run that takes long saves its state, and goes
    on from it after whatever ended it. Commands with the same results folder wait for each other.

    Args:
        processes, scheduler: as for `workers.workers`.
        tensorboard: write logs for TensorBoard into `results/tensorboard/`.

    Raises:
        UserError: the policy or the dataset is unfit, a run on disk is of another dataset, the
            results can't be written, or workers can't be had or are lost.
    """
    results = Path(results)
    wanted = {
        (variant.name, seed): (variant, run.asked(variant, seed, dataset)) for variant, seed in runs
    }
    _sweep(wanted, results)
    todo = _missing(wanted, results)
    if not todo:
        return
    if tensorboard and find_spec("tensorboard") is None:
        raise UserError("TENSORBOARD=1 (--tensorboard) needs TensorBoard: pip install tensorboard")
    _check(dataset, results, [variant for variant, *_ in todo.values()])
    made = [place for place in (results, *results.parents) if not place.exists()]
    with suppress(OSError):  # told when a run is written
        results.mkdir(parents=True, exist_ok=True)  # what is not there can't be locked
    with lock.alone(results):
        try:
            # Another command may have trained some of them while this one waited.
            todo = _missing({key: wanted[key] for key in todo}, results)
            if todo:
                _train(todo, dataset, results, processes, scheduler, tensorboard)
        except UserError:
            with suppress(OSError):  # some hold what was trained
                for place in made:
                    place.rmdir()
            raise


def _sweep(wanted: dict, results: Path) -> None:
    """Remove what killed commands left beside runs that, being whole, are not written again."""
    if any(
        left.suffix in (".tmp", ".old")
        for name in {name for name, _ in wanted}
        for left in (results / name).glob(".seed-*")
    ):
        with lock.alone(results):
            for name, seed in wanted:
                run.sweep(run.folder(results, name, seed))


def _missing(wanted: dict, results: Path) -> dict:
    """Of (variant, what is asked) by name and seed those not on disk, each with the reason."""
    todo = {}
    for (name, seed), (variant, asked) in wanted.items():
        if reason := run.disagreement(run.folder(results, name, seed), asked):
            todo[name, seed] = (variant, asked, reason)
    for name in dict.fromkeys(name for name, _ in wanted):
        if name not in (missing for missing, _ in todo):
            print(f"{name}: all runs are up to date", flush=True)
    return todo


def _train(
    todo: dict,
    dataset: Dataset,
    results: Path,
    processes: int,
    scheduler: str | None,
    tensorboard: bool,
) -> None:
    jobs = iter(todo)
    pending = {}
    with (
        progress("training", len(todo)) as step,
        workers(dataset, len(todo), processes, scheduler) as where,
    ):
        while True:
            while len(pending) < where.slots() and (key := next(jobs, None)):
                variant, asked, _ = todo[key]
                with suppress(OSError):  # told when the run is written
                    (results / variant.name).mkdir(parents=True, exist_ok=True)  # for its state
                pending[where.submit(_job(variant, asked, results, tensorboard))] = key
            if not pending:
                break
            for (name, seed), files in where.finished(pending):
                target = run.folder(results, name, seed)
                if target.exists():  # its scores are of other weights
                    (results / name / "metrics.csv").unlink(missing_ok=True)
                run.write_folder(target, files)
                for state in (results / name).glob(f".seed-{seed:02d}.*{STATE}"):
                    state.unlink(missing_ok=True)
                step(_told(name, seed, todo[name, seed][2], files))


def _check(dataset: Dataset, results: Path, variants: list[Variant]) -> None:
    """Tell what is wrong, or slow, before anything is trained."""
    for name in dict.fromkeys(name for variant in variants for name in variant.policies()):
        check_policy(name, dataset.image_shape)
    for name in dict.fromkeys(variant.name for variant in variants):
        run.check_writable(results / name)
    for split in dict.fromkeys(variant.validation_split for variant in variants):
        count = dataset.training_count(split)
        unseen = np.setdiff1d(dataset.y_train[count:], dataset.y_train[:count])
        if len(unseen):
            print(
                f"note: of class {', '.join(map(str, unseen))} there are images in the last "
                f"{split:.0%} of the training images, which validate, and none among those "
                "trained on: shuffle the training images",
                flush=True,
            )


def check_policy(name: str, shape: tuple) -> None:
    """Try a policy on one image of that shape, (H, W).

    Raises:
        UserError: it can't be loaded, or fails.
    """
    loaded = policy.load(name)
    try:
        vectorize(loaded).check(shape)
    except UserError:
        raise
    except Exception as error:  # whatever senseless numbers make of NumPy and OpenCV
        raise UserError(
            f"policy {name} can't be done to images of {shape[0]} by {shape[1]} pixels "
            f"({policy.reason_of(error)}): correct its numbers"
        ) from None


def _job(variant: Variant, asked: dict, results: Path, tensorboard: bool) -> Job:
    results = results.resolve()
    logs = results / "tensorboard" / variant.name / f"seed-{asked['seed']:02d}"
    return Job(
        variant,
        asked,
        environment.command_line(),
        _state(results, variant.name, asked),
        logs if tensorboard else None,
    )


def _state(results: Path, name: str, asked: dict) -> Path:
    """Where the state of an unfinished run is; another for each different run asked for."""
    return results / name / f".seed-{asked['seed']:02d}.{run.digest(asked)}{STATE}"


def validation(files: dict[str, bytes]) -> float:
    """Validation accuracy after the last epoch of a run's files, in [0, 1]."""
    return float(pd.read_csv(io.BytesIO(files[run.HISTORY]))["val_accuracy"].iloc[-1])


def _told(name: str, seed: int, reason: str, files: dict[str, bytes]) -> str:
    manifest = json.loads(files[run.MANIFEST])
    last = pd.read_csv(io.BytesIO(files[run.HISTORY])).iloc[-1]
    held_out = "val_accuracy" in last
    classes = manifest["dataset"]["classes"]
    amiss = (
        ""
        if learned(last["loss"], classes)
        else (
            f"; it did not learn: its training loss, {last['loss']:.4g}, is not below that of "
            f"guessing, ln {classes} = {np.log(classes):.4f}"
        )
    )
    return (
        f"{name}, seed {seed:02d}: trained in {manifest['seconds']:.1f} s ({reason}), "
        f"{'validation' if held_out else 'training'} accuracy "
        f"{last['val_accuracy' if held_out else 'accuracy']:.4f}{amiss}"
    )


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[str], None]]:
    """A bar with the time left, on a terminal; gives a function that tells of one more done."""
    console = Console(soft_wrap=True, highlight=False)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task(what, total=total)

        def step(line: str) -> None:
            bar.console.print(line, markup=False)
            bar.advance(task)

        yield step
