"""Prediction: what the trained runs of each variant read in pictures of single digits."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mnist_aug import backend
from mnist_aug.data import preprocessing
from mnist_aug.data.formats import pictures as in_folders
from mnist_aug.errors import UserError
from mnist_aug.evaluate import saved_models
from mnist_aug.results import files, runs

if TYPE_CHECKING:  # as in saved_models
    import keras

BEST = 3


@dataclass(frozen=True)
class Reading:
    """What one variant reads in one picture.

    `probabilities` float [K] is the mean over its runs, and `agreeing` of `runs` read the digit
    that is most probable by it.
    """

    probabilities: np.ndarray
    agreeing: int
    runs: int

    @property
    def best(self) -> list[tuple[int, float]]:
        """The most probable digits with their probabilities, at most `BEST`."""
        order = np.argsort(-self.probabilities, kind="stable")[:BEST]
        return [(int(digit), float(self.probabilities[digit])) for digit in order]


class Reader:
    """The trained runs of some variants, loaded once."""

    def __init__(self, results: Path, variants: Sequence[str] = ()):
        """Load the models.

        Args:
            results: the results folder.
            variants: names; all known ones that have runs if empty.

        Raises:
            UserError: there are no runs, a model can't be used, or it does not read images of
                28 by 28.
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
        trained = {
            name: [runs.read_run(runs.run_folder(results, name, seed)) for seed in own]
            for name, own in seeds.items()
        }
        backend.start_tensorflow(one_thread=True)
        self.models = {name: [*map(_model, own)] for name, own in trained.items()}

    def read(self, images: Sequence[np.ndarray]) -> list[dict[str, Reading]]:
        """A reading by each variant of each image, uint8 [28, 28]."""
        batch = np.stack(images).astype(np.float32) / 255
        readings: list[dict[str, Reading]] = [{} for _ in images]
        for name, models in self.models.items():
            every = np.stack([saved_models.probabilities(model, batch) for model in models])
            mean = every.mean(axis=0)
            agreeing = (every.argmax(axis=2) == mean.argmax(axis=1)).sum(axis=0)
            for own, probabilities, agree in zip(readings, mean, agreeing, strict=True):
                own[name] = Reading(probabilities, int(agree), len(models))
        return readings


def _model(run: runs.Run) -> keras.Model:
    files.read(run.model, run.manifest)
    model = saved_models.load(run.model)
    if model.input_shape[1:] != (preprocessing.SIDE,) * 2:
        raise UserError(
            f"{run.model} reads images of {model.input_shape[1:]}: pictures are prepared "
            f"for models of {preprocessing.SIDE} by {preprocessing.SIDE}"
        )
    return model


def pictures(places: Sequence[Path]) -> list[Path]:
    """The picture files among files and folders; what is in a folder in order of its name.

    In a folder they are told by content; a picture of a kind that can't be read, or a file that is
    only named as one, is among them, to be refused by `preprocessing.read`.

    Raises:
        UserError: a folder holds no picture, or can't be read.
    """
    found = []
    for place in map(Path, places):
        try:
            if not place.is_dir():
                found.append(place)
                continue
            inside = in_folders.in_one_folder(place)
        except OSError as error:
            raise UserError(
                f"{place} can't be read: {error.strerror}; check its permissions"
            ) from None
        if not inside:
            raise UserError(
                f"{place} holds no picture: give a folder of PNG or JPEG files, or one of them"
            )
        found += inside
    return found


def draw(
    path: Path,
    names: Sequence[str],
    grey: Sequence[np.ndarray],
    prepared: Sequence[np.ndarray],
    readings: Sequence[dict[str, Reading]],
) -> None:
    """Write a figure: each picture, what the networks see, and the probabilities by variant.

    Raises:
        UserError: the file can't be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 1.9 * len(names) + 0.3), layout="constrained")
    panels = figure.subplots(len(names), 3, squeeze=False, width_ratios=[1, 1, 2.2])
    for row, name, picture, image, reading in zip(
        panels, names, grey, prepared, readings, strict=True
    ):
        row[0].imshow(picture, cmap="gray", vmin=0, vmax=255)
        title = os.fsencode(name).decode(errors="replace")  # a file's name may be no UTF-8
        row[0].set_title(title, fontsize=9, parse_math=False)
        row[1].imshow(image, cmap="gray", vmin=0, vmax=255)
        row[1].set_title("as the networks see it", fontsize=9)
        for axes in row[:2]:
            axes.set_axis_off()
        for place, (variant, own) in enumerate(reading.items()):
            digits = np.arange(len(own.probabilities))
            width = 0.8 / len(reading)
            row[2].bar(
                digits - 0.4 + width * (place + 0.5),
                own.probabilities,
                width,
                label=f"{variant}: {own.best[0][0]}",
                color=("#0072b2", "#d55e00", "#009e73")[place % 3],
            )
        row[2].set(xticks=digits, ylim=(0, 1), ylabel="probability")
        row[2].legend(fontsize=8, frameon=False)
        row[2].spines[["top", "right"]].set_visible(False)
    try:
        with files.written(path) as temporary:
            figure.savefig(temporary, format=Path(path).suffix.lstrip(".") or "png", dpi=120)
    except ValueError as error:
        raise UserError(
            f"{path} can't be drawn ({str(error).split(' (')[0]}): give a name that ends in .png"
        ) from None
