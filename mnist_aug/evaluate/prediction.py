"""Prediction: what the trained runs of each variant read in pictures."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mnist_aug import backend
from mnist_aug.analysis import doubts
from mnist_aug.data import preprocessing
from mnist_aug.data.preprocessing import Form
from mnist_aug.errors import UserError
from mnist_aug.evaluate import saved_models
from mnist_aug.results import extras, files, runs

if TYPE_CHECKING:  # as in saved_models
    import keras

BEST = 3
BARS = 20  # classes in a figure


class LeftOutWarning(UserWarning):
    """What evaluation stored can't be used: pictures are read without it."""


@dataclass(frozen=True)
class Reading:
    """What one variant reads in one picture.

    `probabilities` float [K] is the mean over its runs, calibrated, and `agreeing` of `runs` read
    the class that is most probable by it. `doubt` in [0, 1] is the estimated probability that this
    class is wrong, NaN where the results hold no calibration, and `doubts` says what makes the
    answer doubtful, in words.
    """

    probabilities: np.ndarray
    agreeing: int
    runs: int
    doubt: float = float("nan")
    doubts: tuple[str, ...] = ()

    @property
    def best(self) -> list[tuple[int, float]]:
        """The most probable classes, from 0, with their probabilities, at most `BEST`."""
        order = np.argsort(-self.probabilities, kind="stable")[:BEST]
        return [(int(one), float(self.probabilities[one])) for one in order]


def trained(results: Path, variants: Sequence[str] = ()) -> dict[str, list[runs.Run]]:
    """The runs of some variants.

    Args:
        results: the results folder.
        variants: names; all known ones that have runs if empty.

    Raises:
        UserError: there are no runs, or a manifest is damaged.
    """
    names = list(variants) or [name for name in runs.BOTH if runs.seeds(results, name)]
    if not names:
        raise UserError(f"{results} holds no trained runs: `make baseline augmented` first")
    seeds = {name: runs.seeds(results, name) for name in names}
    for name, own in seeds.items():
        if not own:
            raise UserError(
                f"{Path(results) / name} holds no trained runs: `make {name}` trains them"
            )
    return {
        name: [runs.read_run(runs.run_folder(results, name, seed)) for seed in own]
        for name, own in seeds.items()
    }


def form(results: Path, variants: Sequence[str] = ()) -> Form:
    """What the runs of some variants read, by the manifest of the first.

    How large what is drawn stands in an image is measured on the few images that evaluation keeps.

    Raises:
        UserError: as `trained`.
    """
    first = next(iter(trained(results, variants).values()))[0]
    found = Form.of(first.manifest.get("dataset", {}))
    if found.is_drawn and found.background is not None:
        kept = _stored(extras.read_samples, results)  # else it is taken to be MNIST's
        if kept and kept[0]["original_images"].shape[1:] == found.image_shape:
            images = np.concatenate([kept[0][f"{of}_images"] for of in ("original", "test")])
            return replace(found, box=preprocessing.box_of(images, found.background))
    return found


class Reader:
    """The trained runs of some variants, loaded once; `form` is what they read."""

    def __init__(self, results: Path, variants: Sequence[str] = ()):
        """Load the models.

        Args:
            results: the results folder.
            variants: names; all known ones that have runs if empty.

        Raises:
            UserError: there are no runs, a model can't be used, or it reads other images or
                classes than the first.
        """
        every = trained(results, variants)
        self.form = form(results, variants)
        stored = _stored(extras.read_doubts, results) or {}
        self._judges = {name: doubts.Judge.load(stored, name) for name in every}
        backend.start_tensorflow(one_thread=True)
        self.models = {name: [_model(run, self.form) for run in own] for name, own in every.items()}

    def read(self, images: Sequence[np.ndarray]) -> list[dict[str, Reading]]:
        """A reading by each variant of each image, uint8 of the form's shape."""
        pixels = np.stack(images)
        batch = pixels.astype(np.float32) / 255
        readings: list[dict[str, Reading]] = [{} for _ in images]
        for name, models in self.models.items():
            every = np.stack([saved_models.probabilities(model, batch) for model in models])
            mean, judge = every.mean(axis=0), self._judges[name]
            unsure = distances = np.full(len(mean), np.nan)
            if judge:
                mean, unsure, distances = judge.judged(every, pixels)
            answers = mean.argmax(axis=1)
            agreeing = (every.argmax(axis=2) == answers).sum(axis=0)
            for place, own in enumerate(readings):
                answer, doubt = int(answers[place]), float(unsure[place])
                label = self.form.class_names[answer] if self.form.class_names else str(answer)
                said = judge.reasons(doubt, float(distances[place]), label) if judge else ()
                own[name] = Reading(mean[place], int(agreeing[place]), len(models), doubt, said)
        return readings


def _stored(read: Callable, results: Path) -> Any:
    """What evaluation stored, or None; with a warning if it is damaged or of other runs."""
    try:
        return read(results, runs.read_variants(results))
    except UserError as error:
        _warn_once(str(error))
    return None


@cache
def _warn_once(words: str) -> None:
    """Python's own memory of warnings is lost where a library changes the filters meanwhile."""
    warnings.warn(words, LeftOutWarning, stacklevel=3)


def _model(run: runs.Run, form: Form) -> keras.Model:
    files.read(run.model, run.manifest)
    model = saved_models.load(run.model)
    shape, count = tuple(model.input_shape[1:]), model.output_shape[-1]
    if not saved_models.reads(model, form.image_shape) or (
        form.class_names and count != len(form.class_names)
    ):
        raise UserError(
            f"{run.model} reads images of {shape} in {count} classes, and others here of "
            f"{form.image_shape} in {len(form.class_names) or count}: give --variant those that "
            "were trained on the same data, or train it again"
        )
    return model


def _shortened(name: str, most: int = 16) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def draw(
    path: Path,
    names: Sequence[str],
    pictures: Sequence[np.ndarray],
    prepared: Sequence[np.ndarray],
    readings: Sequence[dict[str, Reading]],
    class_names: Sequence[str] = (),
) -> None:
    """Write a figure: each picture, what the networks see, and the probabilities by variant.

    Args:
        names: of the pictures.
        pictures: as `preprocessing.read` gives them, or reduced.
        prepared: images as the networks read them.
        class_names: in order of the classes; their numbers if empty. Of more than `BARS`, the most
            probable ones are drawn.

    Raises:
        UserError: the file can't be written.
    """
    from matplotlib.figure import Figure

    upright = max(map(len, class_names), default=1) > 2  # names, which stand below the bars
    height = (2.7 if upright else 1.9) * len(names) + 0.3
    figure = Figure(figsize=(7.5, height), layout="constrained")
    panels = figure.subplots(len(names), 3, squeeze=False, width_ratios=[1, 1, 2.2])
    for row, name, picture, image, reading in zip(
        panels, names, pictures, prepared, readings, strict=True
    ):
        shown = picture if picture.ndim == 2 else np.asarray(picture).astype(np.uint8)
        row[0].imshow(shown, cmap="gray", vmin=0, vmax=255)
        title = os.fsencode(name).decode(errors="replace")  # a file's name may be no UTF-8
        row[0].set_title(title, fontsize=9, parse_math=False)
        row[1].imshow(image, cmap="gray", vmin=0, vmax=255)
        row[1].set_title("as the networks see it", fontsize=9)
        for axes in row[:2]:
            axes.set_axis_off()
        most = np.max([own.probabilities for own in reading.values()], axis=0)
        classes = np.sort(np.argsort(-most, kind="stable")[:BARS])
        labels = [_shortened(class_names[one]) if class_names else str(one) for one in classes]
        for place, (variant, own) in enumerate(reading.items()):
            width = 0.8 / len(reading)
            best = own.best[0][0]
            row[2].bar(
                np.arange(len(classes)) - 0.4 + width * (place + 0.5),
                own.probabilities[classes],
                width,
                label=f"{variant}: {_shortened(class_names[best]) if class_names else best}",
                color=("#0072b2", "#d55e00", "#009e73")[place % 3],
            )
        row[2].set_xticks(np.arange(len(classes)), labels, parse_math=False)
        if upright:
            row[2].tick_params("x", labelsize=8, rotation=90)
        row[2].set(ylim=(0, 1), ylabel="probability")
        row[2].legend(fontsize=8, frameon=False)
        row[2].spines[["top", "right"]].set_visible(False)
    try:
        with files.written(path) as temporary:
            figure.savefig(temporary, format=Path(path).suffix.lstrip(".") or "png", dpi=120)
    except ValueError as error:
        raise UserError(
            f"{path} can't be drawn ({str(error).split(' (')[0]}): give a name that ends in .png"
        ) from None
