"""Answers: what came of each picture that was given to trained networks, as text, JSON and CSV."""

import csv
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mnist_aug import formatting
from mnist_aug.data import preprocessing
from mnist_aug.data.formats import heic
from mnist_aug.data.formats import pictures as in_folders
from mnist_aug.data.preprocessing import Form
from mnist_aug.errors import UserError
from mnist_aug.evaluate import prediction
from mnist_aug.evaluate.prediction import Reading

BATCH = 32  # pictures that are read at once, each of them reduced to what the networks see
DRAWN = 50  # pictures in a figure
ONE_BY_ONE = 10  # failures of a kind in a folder that have a line each
DIGITS = 6  # decimals of probabilities in JSON and CSV
COLUMNS = (
    *("image", "model", "class", "probability", "second", "second_probability"),
    *("agreeing", "runs", "doubt", "doubts", "notes", "error"),
)


@dataclass(frozen=True)
class Picture:
    """A picture that was found, or a place that holds none and why.

    Attributes:
        path: of the file.
        given: the file or folder by which it was found.
        error: why nothing can be read there; "" of a picture.
        true: its true class, "" if nothing tells it; None where nobody asked.
    """

    path: Path
    given: Path
    error: str = ""
    true: str | None = None


@dataclass(frozen=True)
class Answer:
    """What came of a picture.

    Attributes:
        picture: which.
        names: what the classes are called.
        readings: by variant; empty if it could not be read or shows nothing to read.
        notes: of the preparation, as in `preprocessing.Prepared`.
        error: one line on why there are no readings.
    """

    picture: Picture
    names: tuple[str, ...] = ()
    readings: dict[str, Reading] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    error: str = ""

    @property
    def is_place(self) -> bool:
        """Whether it tells of a folder in which no picture could be found."""
        return bool(self.picture.error) or (bool(self.error) and self.picture.path.is_dir())


def pictures(places: Sequence[Path]) -> list[Picture]:
    """The picture files among files and folders, and in the folders below these.

    In folders they are told by content, in natural order of their names, a folder's own first. A
    picture of a kind that can't be read, or a file that is only named as one, is among them, to be
    refused when it is read.
    """
    found = []
    for place in map(Path, places):
        if not place.is_dir():
            found.append(Picture(place, place))
            continue
        error = f"{place} holds no picture: give a folder of PNG or JPEG files, or one of them"
        try:
            inside = in_folders.meant_as_pictures(place)
        except UserError as too_many:
            inside, error = [], str(too_many)
        except OSError as locked:
            inside, error = [], f"{place} can't be read: {locked.strerror}; check its permissions"
        found += [Picture(path, place) for path in inside] or [Picture(place, place, error)]
    return found


def read(
    found: Iterable[Picture], form: Form, results: Path, variants: Sequence[str] = ()
) -> Iterator[Answer]:
    """An answer for each picture, in order; the networks are loaded for the first that needs them.

    A picture's pixels are kept no longer than it takes to prepare it.

    Args:
        form: what the networks read, as `prediction.form` has it.
        results, variants: as for `prediction.Reader`.

    Raises:
        UserError: as `prediction.Reader`.
    """
    reader = None
    batch: list[preprocessing.Prepared | str] = []
    found = [*found]
    for place, picture in enumerate(found, 1):
        batch.append(_prepared(picture, form))
        if len(batch) < BATCH and place < len(found):
            continue
        images = [one.image for one in batch if isinstance(one, preprocessing.Prepared)]
        if images and reader is None:
            reader = prediction.Reader(results, variants)
        readings = iter(reader.read(images) if images and reader else ())
        for own, one in zip(found[place - len(batch) : place], batch, strict=True):
            if isinstance(one, str):
                yield Answer(own, error=one)
                continue
            reading = next(readings)
            classes = len(next(iter(reading.values())).probabilities)
            names = form.class_names or tuple(map(str, range(classes)))
            yield Answer(own, names, reading, one.notes)
        batch.clear()


def _prepared(picture: Picture, form: Form) -> preprocessing.Prepared | str:
    """What the networks are to see, or why there is nothing, in one line that names the file."""
    if picture.error:
        return picture.error
    path = picture.path
    try:
        with suppress(OSError):  # which opening it explains
            in_folders.refuse(path, heic.formats())
        return preprocessing.brought(preprocessing.read(path, form.in_colour, form.paper), form)
    except UserError as error:
        text = " ".join(str(error).split())
        return text if str(path) in text else f"{path}: {text}"


def lines(answer: Answer) -> list[str]:
    """An answer as lines of text; none for a picture that was not read."""
    if not answer.readings:
        return []
    every = [own.doubts for own in answer.readings.values()]
    shared = [doubt for doubt in every[0] if all(doubt in doubts for doubts in every)]
    found = [str(answer.picture.path)]
    for name, own in answer.readings.items():
        best = ", ".join(
            f"{answer.names[one]} ({formatting.probability(p)})" for one, p in own.best
        )
        found.append(f"  {name:<10} {best}; {own.agreeing} of {own.runs} runs agree")
        found += [f"    doubtful: {doubt}" for doubt in own.doubts if doubt not in shared]
    found += [f"  note: {note}" for note in answer.notes]
    return found + [f"  doubtful: {doubt}" for doubt in shared]


def failures(answers: Iterable[Answer]) -> list[str]:
    """A line for each picture that was not read, why, and what to do.

    Of more than `ONE_BY_ONE` in a folder for the same reason, the first stands for all.
    """
    groups: dict[tuple[Path, str], list[Answer]] = {}
    for answer in answers:
        if answer.error:
            path = answer.picture.path
            reason = answer.error.replace(str(path), "", 1)
            groups.setdefault((path.parent, reason), []).append(answer)
    found = []
    for (folder, _), group in groups.items():
        if len(group) > ONE_BY_ONE:
            more = f"{len(group) - 1:,} more of {folder} alike; --json or --csv lists all"
            found.append(f"{group[0].error} ({more})")
        else:
            found += [one.error for one in group]
    return found


def as_json(answer: Answer, form: Form) -> dict[str, Any]:
    """An answer as JSON has it; docs/data.md describes the fields."""
    image: dict[str, Any] = {"image": str(answer.picture.path)}
    if answer.picture.true is not None:
        image["true"] = answer.picture.true or None
    if answer.error:
        return {**image, "error": answer.error}
    digits = form.kind == "digit" and all(name.isdecimal() for name in answer.names)

    def shown(one: int, probability: float) -> dict[str, Any]:
        return {
            "class": answer.names[one],
            **({"digit": int(answer.names[one])} if digits else {}),
            "probability": round(probability, DIGITS),
        }

    return {
        **image,
        "predictions": {
            name: {
                **shown(*own.best[0]),
                "best": [shown(*one) for one in own.best],
                "agreeing": own.agreeing,
                "runs": own.runs,
                "doubt": None if math.isnan(own.doubt) else round(own.doubt, DIGITS),
                "doubts": [*own.doubts],
            }
            for name, own in answer.readings.items()
        },
        "notes": [*answer.notes],
    }


def csv_rows(answer: Answer) -> list[dict[str, Any]]:
    """An answer as rows of a table, one a model, with `COLUMNS`, and `true` where it was asked for.

    Several doubts or notes stand in one cell, with semicolons between them.
    """
    image = {"image": _as_path(str(answer.picture.path))}
    if answer.picture.true is not None:
        image["true"] = _as_text(answer.picture.true)
    if answer.error:
        return [{**image, "error": _as_text(answer.error)}]
    found = []
    for name, own in answer.readings.items():
        (first, probability), *others = own.best
        row = {
            **image,
            "model": name,
            "class": _as_text(answer.names[first]),
            "probability": round(probability, DIGITS),
            "agreeing": own.agreeing,
            "runs": own.runs,
            "doubt": "" if math.isnan(own.doubt) else round(own.doubt, DIGITS),
            "doubts": "; ".join(own.doubts),
            "notes": "; ".join(answer.notes),
        }
        if others:
            second, less = others[0]
            row |= {
                "second": _as_text(answer.names[second]),
                "second_probability": round(less, DIGITS),
            }
        found.append(row)
    return found


def csv_lines(rows: Iterable[dict[str, Any]], columns: Sequence[str]) -> str:
    """Rows as lines of CSV, without the last one's end."""
    text = io.StringIO()
    csv.DictWriter(text, columns, restval="", lineterminator="\n").writerows(rows)
    return text.getvalue().removesuffix("\n")


FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # with what a cell begins that is computed


def _as_path(path: str) -> str:
    """A path that no spreadsheet takes for a formula, and that still leads to the file."""
    return f"./{path}" if path.startswith(FORMULA) else path


def _as_text(text: str) -> str:
    """Text that no spreadsheet takes for a formula: with an apostrophe before, as they write it."""
    return f"'{text}" if text.startswith(FORMULA) else text


def draw(path: Path, answers: Iterable[Answer], form: Form) -> None:
    """Write a figure of the first `DRAWN` pictures that were read, as `prediction.draw` has it.

    Raises:
        UserError: a picture has gone since, or the file can't be written.
    """
    shown = [answer for answer in answers if answer.readings][:DRAWN]
    small, images = [], []
    for answer in shown:
        picture = preprocessing.read(answer.picture.path, form.in_colour, form.paper)
        images.append(preprocessing.brought(picture, form).image)
        small.append(np.asarray(preprocessing.reduced(picture)))
    prediction.draw(
        path,
        [answer.picture.path.name for answer in shown],
        small,
        images,
        [answer.readings for answer in shown],
        shown[0].names,
    )
