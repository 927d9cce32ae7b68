"""How many pictures are read right, where their names or folders tell what they show."""

import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mnist_aug.analysis import intervals, metrics
from mnist_aug.evaluate.answers import Answer, Picture
from mnist_aug.formatting import decimals, percent, span

RULE = (
    "the nearest folder that is named after a class, from the one given downwards, or else the "
    "class that the file's name begins with: 7/a.png, 7-012.png, 7_a.png"
)
LISTED = 10  # of confusions, and of pictures of unknown class


@dataclass(frozen=True)
class Truth:
    """The true class of a picture.

    Attributes:
        name: of the class; "" if nothing tells.
        other: another class that the file's name begins with; the folder counts.
    """

    name: str = ""
    other: str = ""


@dataclass(frozen=True)
class ModelScore:
    """How well one model reads pictures of known class.

    Attributes:
        right: how many it reads right.
        low, high: 95 % interval of its accuracy (Wilson's), in [0, 1].
        confusions: (true class, class read or "" if none was, how often), the most frequent first.
        area: under the ROC curve of "wrong" by doubt; NaN where all or none of the answers are
            right, or there are no doubts.
        area_low, area_high: 95 % interval of it.
    """

    right: int
    low: float
    high: float
    confusions: list[tuple[str, str, int]]
    area: float
    area_low: float
    area_high: float


@dataclass(frozen=True)
class Score:
    """What the answers to pictures of known class are worth.

    Attributes:
        pictures: how many of known class there are.
        not_read: how many of these could not be read, which count as errors.
        unknown: the paths of those of unknown class, which don't count.
        contradicted: paths of those whose folder and name tell different classes.
        models: by name.
        folders: folder to (pictures, accuracy of each model); empty if there is but one.
    """

    pictures: int
    not_read: int
    unknown: list[Path]
    contradicted: list[Path]
    models: dict[str, ModelScore]
    folders: dict[str, tuple[int, dict[str, float]]]


class Truths:
    """The true classes of pictures, by `RULE`; case, accents' form and punctuation don't matter."""

    def __init__(self, names: Sequence[str]):
        """For classes of these names."""
        self._exact = {unicodedata.normalize("NFC", name): name for name in names}
        folded = defaultdict(list)
        for name in names:
            if words := _words(name):
                folded[words].append(name)
        self._folded = {words: own[0] for words, own in folded.items() if len(own) == 1}

    def told(self, pictures: Iterable[Picture]) -> list[Picture]:
        """The pictures with their true classes."""
        return [replace(picture, true=self.of(picture).name) for picture in pictures]

    def of(self, picture: Picture) -> Truth:
        """The class that a picture shows."""
        path, given = (Path(os.path.abspath(one)) for one in (picture.path, picture.given))
        top = given if path != given else path.parent
        folders = [one for one in path.parents if one == top or top in one.parents]
        by_folder = next(filter(None, (self._called(one.name) for one in folders)), "")
        by_name = self._beginning(path.stem)
        if not by_folder:
            return Truth(by_name)
        return Truth(by_folder, by_name if by_name != by_folder else "")

    def _called(self, text: str) -> str:
        text = unicodedata.normalize("NFC", text)
        return self._exact.get(text) or self._folded.get(_words(text), "")

    def _beginning(self, stem: str) -> str:
        """The longest class name that some of the first words are."""
        parts = re.split(r"([\W_]+)", unicodedata.normalize("NFC", stem))
        starts = ("".join(parts[:end]) for end in range(len(parts), 0, -2))
        return next(filter(None, map(self._called, starts)), "")


def _words(text: str) -> tuple[str, ...]:
    text = unicodedata.normalize("NFC", text).casefold()
    return tuple(filter(None, re.split(r"[\W_]+", text)))


def score(answers: Iterable[Answer], truths: Truths) -> Score:
    """What answers are worth.

    A picture that could not be read, or in which there is nothing to read, is an error of each
    model; a place that holds no picture isn't.
    """
    known: list[tuple[Answer, str]] = []
    unknown, contradicted = [], []
    for answer in answers:
        if answer.is_place:
            continue
        truth = truths.of(answer.picture)
        if truth.other:
            contradicted.append(answer.picture.path)
        if truth.name:
            known.append((answer, truth.name))
        else:
            unknown.append(answer.picture.path)
    names = [*dict.fromkeys(name for answer, _ in known for name in answer.readings)]
    return Score(
        len(known),
        sum(not answer.readings for answer, _ in known),
        unknown,
        contradicted,
        {name: _of_model(known, name) for name in names},
        _of_folders(known, names),
    )


def _read(answer: Answer, model: str) -> str:
    """The class that a model reads, "" if it reads none."""
    reading = answer.readings.get(model)
    return answer.names[reading.best[0][0]] if reading else ""


def _of_model(known: Sequence[tuple[Answer, str]], model: str) -> ModelScore:
    pairs = [(true, _read(answer, model)) for answer, true in known]
    right = sum(true == read for true, read in pairs)
    wrong = Counter(pair for pair in pairs if pair[0] != pair[1])
    confusions = sorted(((*pair, n) for pair, n in wrong.items()), key=lambda one: (-one[2], one))
    answered = [(answer, true) for answer, true in known if answer.readings]
    doubts = np.array([answer.readings[model].doubt for answer, _ in answered])
    errors = np.array([_read(answer, model) != true for answer, true in answered], bool)
    area = float("nan") if np.isnan(doubts).any() else metrics.roc_area(doubts, errors)
    ends = (float("nan"),) * 2
    if not np.isnan(area):
        ends = intervals.roc_area_interval(area, int(errors.sum()), int((~errors).sum()))
    return ModelScore(
        right, *intervals.proportion_interval(right, len(known)), confusions, area, *ends
    )


def _of_folders(
    known: Sequence[tuple[Answer, str]], models: Sequence[str]
) -> dict[str, tuple[int, dict[str, float]]]:
    groups = defaultdict(list)
    for answer, true in known:
        groups[answer.picture.path.parent].append((answer, true))
    if len(groups) < 2:
        return {}
    common = os.path.commonpath([os.path.abspath(folder) for folder in groups])
    return {
        os.path.relpath(folder, common): (
            len(own),
            {
                name: sum(_read(answer, name) == true for answer, true in own) / len(own)
                for name in models
            },
        )
        for folder, own in groups.items()
    }


def lines(found: Score) -> list[str]:
    """A score as lines of text."""
    text = [f"pictures of known class: {found.pictures:,}" + _errors(found)]
    for name, own in found.models.items():
        accuracy = percent(own.right / found.pictures)
        text.append(
            f"  {name:<10} accuracy {accuracy} % "
            f"(95 % CI {span(own.low, own.high, percent)}), {own.right:,} right"
        )
        if own.confusions:
            shown = [
                f"{true} read as {read}: {count:,}" if read else f"{true} not read: {count:,}"
                for true, read, count in own.confusions[:LISTED]
            ]
            more = len(own.confusions) - LISTED
            text.append(f"    {', '.join(shown)}{f', and {more:,} more kinds' * (more > 0)}")
        if not np.isnan(own.area):
            text.append(
                "    area under the ROC curve of wrong answers by doubt "
                f"{decimals(own.area, 3)} (95 % CI "
                f"{span(own.area_low, own.area_high, lambda end: decimals(end, 3))})"
            )
    if found.folders:
        text += _table(found.folders, [*found.models])
    if found.unknown:
        text.append(f"{_listed(found.unknown)} unknown class and not scored. What tells is {RULE}")
    if found.contradicted:
        text.append(
            f"{_listed(found.contradicted)} one class by the folder, which counts, and of another "
            "by the name"
        )
    return text


def _listed(paths: Sequence[Path]) -> str:
    some = ", ".join(map(str, paths[:LISTED]))
    more = f" and {len(paths) - LISTED:,} more" if len(paths) > LISTED else ""
    return f"{some}{more} {'are' if len(paths) > 1 else 'is'} of"


def _errors(found: Score) -> str:
    return f"; not read, which count as errors: {found.not_read:,}" if found.not_read else ""


def _table(
    folders: Mapping[str, tuple[int, Mapping[str, float]]], models: Sequence[str]
) -> list[str]:
    rows = [("folder", "pictures", *(f"{name}, %" for name in models))]
    for folder, (count, accuracies) in folders.items():
        rows.append((folder, f"{count:,}", *(percent(accuracies[name], 1) for name in models)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            [row[0].ljust(widths[0])]
            + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        )
        for row in rows
    ]


def as_json(found: Score) -> dict[str, Any]:
    """A score as JSON has it; numbers that are not there are null."""

    def number(value: float) -> float | None:
        return None if np.isnan(value) else round(value, 6)

    return {
        "pictures": found.pictures,
        "not_read": found.not_read,
        "unknown": [str(path) for path in found.unknown],
        "models": {
            name: {
                "accuracy": number(own.right / found.pictures),
                "low": number(own.low),
                "high": number(own.high),
                "right": own.right,
                "confusions": [
                    {"true": true, "read": read or None, "count": count}
                    for true, read, count in own.confusions
                ],
                "roc_area": number(own.area),
                "roc_area_low": number(own.area_low),
                "roc_area_high": number(own.area_high),
            }
            for name, own in found.models.items()
        },
        "folders": [
            {
                "folder": folder,
                "pictures": count,
                "accuracy": {name: number(value) for name, value in accuracies.items()},
            }
            for folder, (count, accuracies) in found.folders.items()
        ],
    }
