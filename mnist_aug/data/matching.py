"""Which arrays of a file or folder are images, which are labels, and of which part of the data.

People name them in many ways: `x_train`, `train_images`, `t10k-labels-idx1-ubyte`, `trainX`,
`test_32x32/y`. The words in a name decide, those of its last component first, and then the shape.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mnist_aug.data.formats.stored import Stored
from mnist_aug.errors import UserError

PARTS = {
    "train": ("train", "training", "trn", "tr", "tra"),
    "test": ("test", "testing", "tst", "te", "tes", "ts", "eval"),
    "validation": ("val", "valid", "validate", "validation", "dev"),
}
IMAGES = (
    *("x", "image", "images", "img", "imgs", "data", "dat", "pixel", "pixels", "picture"),
    *(
        "pictures",
        "fea",
        "feature",
        "features",
        "input",
        "inputs",
        "sample",
        "samples",
        "example",
        "examples",
    ),
)
LABELS = (
    *("y", "label", "labels", "lbl", "lbls", "target", "targets", "class", "classes", "category"),
    *("digit", "letter", "character", "fine", "coarse", "gt", "gnd"),
)
# What stands in names of files and says nothing of the dataset.
FORMS = (
    *("idx", "ubyte", "byte", "int", "of", "batch", "batches", "meta", "part", "shard", "raw"),
    *("arr", "processed"),
)
SHOWN = 8  # arrays that a message lists
_PART = "train|training|test|testing|val"
_ROLE = "x|y|data|dat|images?|imgs?|labels?|targets?|set"
# What people write as one word: xtrain and Xtst, trainlabels, data_test; but not the x of 32x32
_GLUED = re.compile(
    f"(?<![a-z0-9])(?:([xy])(?=(?:{_PART}|trn?|te|ts|tst)(?![a-z]))"
    f"|({_PART})(?=(?:{_ROLE})(?![a-z]))|({_ROLE})(?=(?:{_PART})(?![a-z])))"
)


@dataclass(frozen=True)
class Part:
    """The arrays of one part of the data, images and labels in the same order.

    More than one of each where they are stored in pieces.
    """

    images: tuple[Stored, ...]
    labels: tuple[Stored, ...]


@dataclass(frozen=True)
class Matched:
    """The parts that were found, `train` among them, and what to say about it.

    `class_names` are those of labels 0, 1, …, where an array holds them.
    """

    parts: dict[str, Part]
    class_names: Stored | None = None
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def words(name: str) -> list[str]:
    """The words and numbers in a name, in lower case."""
    name = re.sub(r"([a-z])([A-Z])", r"\1 \2", name).lower().replace("t10k", "test")
    name = _GLUED.sub(lambda found: f"{found[0]} ", name)
    name = re.sub(r"(?<=[0-9])x(?=[0-9])", " ", name)
    return re.findall(r"[a-z]+|[0-9]+", name)


def part_of(name: str) -> str | None:
    """The part that a name says, its last component first; None where it says none."""
    for component in reversed(name.split("/")):
        found = [part for part, own in PARTS.items() if {*own} & {*words(component)}]
        if len(found) == 1:
            return found[0]
    return None


def _said(name: str) -> tuple[str, ...]:
    """The words of a name without those for forms of data: `train-images-idx3-ubyte` is two."""
    every = words(name)
    return tuple(
        word
        for word, before in zip(every, ["", *every], strict=False)
        if word not in FORMS and before != "idx"
    )


def group_of(name: str) -> str:
    """What is left of a file's name without the words for parts, roles and forms of data."""
    parts = {word for own in PARTS.values() for word in own}
    said = {*IMAGES, *LABELS, *FORMS, *parts}
    kept, before = [], ""
    for word in words(name):
        counts = word.isdigit() and (len(word) >= 5 or before in {*FORMS, *parts})
        if word not in said and not counts:
            kept.append(word)
        before = word
    return "-".join(kept)


def listed(arrays: Sequence[Stored]) -> str:
    """Names and shapes of arrays, for a message."""
    shown = [f"{one.name} {list(one.shape)}" if one.shape else one.name for one in arrays[:SHOWN]]
    more = f" and {len(arrays) - SHOWN} more" if len(arrays) > SHOWN else ""
    return ", ".join(shown) + more if shown else "nothing"


def matched(place: object, arrays: Sequence[Stored], notes: Sequence[str] = ()) -> Matched:
    """Which of the arrays are what.

    Args:
        place: where they are, for messages.
        notes: of those who listed the arrays, for a message.

    Raises:
        UserError: there are no images with labels, or several that could be meant.
    """
    names = [one for one in arrays if _is_of_names(one)]
    own_notes: list[str] = []
    warnings: list[str] = []
    others = [one for one in _without_copies(place, arrays) if one not in names]
    found = _by_part_and_role((one, _role_by_name(one)) for one in others)
    # The shape of an array tells less than its name, so it counts where no name does.
    nameless = _by_part_and_role(
        (one, None if _role_by_name(one) else _role_by_shape(one)) for one in others
    )
    for kind, own in nameless.items():
        found[kind] = own | found[kind]
    if None in found:
        # What is in no part is for training, if nothing else is.
        found.setdefault("train", found.pop(None))
    parts: dict[str, Part] = {}
    for part in ("train", "validation", "test"):
        own = found[part]
        images, labels = own.get("images", []), _meant(own.get("labels", []))
        if images and labels:
            parts[part] = _paired(place, part, images, labels)
        elif part != "train" and images:
            warnings.append(f"the {part} images ({listed(images)}) have no labels and are left out")
    if "test" in parts and not found["train"]:
        parts["train"] = parts.pop("test")
        warnings.append("only a test set was found: it is taken for the whole dataset")
    if "train" not in parts:
        there = "; ".join([listed(arrays), *notes])
        alone = [one for own in found["train"].values() for one in own]
        if len(found["train"]) == 1 and all(part_of(one.name) == "train" for one in alone):
            (role,) = found["train"]
            other = "labels" if role == "images" else "images"
            raise UserError(
                f"{place} holds training {role} but no {other} for them (found: {there}): "
                f"add those, under a name with train and {other} in it"
            )
        raise UserError(
            f"{place} holds nothing recognisable as images and their labels (found: {there}): name "
            "the arrays x_train, y_train, x_test and y_test, or images and labels"
        )
    used = {id(one) for own in parts.values() for one in (*own.images, *own.labels)}
    left_out = [one for one in others if id(one) not in used]
    if left_out and not warnings:
        own_notes.append(f"left out, as they are neither images nor labels: {listed(left_out)}")
    same = len({one.shape for one in names}) == 1
    return Matched(parts, names[0] if same else None, own_notes, warnings)


def _is_of_names(one: Stored) -> bool:
    """Whether it holds what the classes are called, as Coursera's `list_classes` does."""
    said = {*words(one.name.rsplit("/", 1)[-1])}
    return "names" in said or {"list", "classes"} <= said


def _by_part_and_role(
    arrays: Iterable[tuple[Stored, str | None]],
) -> dict[str | None, dict[str, list[Stored]]]:
    found: dict[str | None, dict[str, list[Stored]]] = defaultdict(dict)
    for one, role in arrays:
        if role:
            found[part_of(one.name)].setdefault(role, []).append(one)
    return found


def _role_by_name(one: Stored) -> str | None:
    """`images`, `labels`, or None where the name says neither, or what its shape can't be."""
    rank = len(one.shape)
    for component in reversed(one.name.split("/")):
        said = {*words(component)}
        if said & {*LABELS} and rank <= 2:
            return "labels"
        if said & {*IMAGES} and (not rank or rank >= 2):
            return "images"
    return None


def _role_by_shape(one: Stored) -> str | None:
    shape = one.shape
    if len(shape) >= 3 or (len(shape) == 2 and any(map(_are_pixels, shape))):
        return "images"
    return "labels" if len(shape) == 1 or 1 in shape[:2] else None


def _are_pixels(count: int) -> bool:
    """Whether so many numbers may be an image, grey or in colour: a square, or three of them."""
    return count >= 16 and any(
        math.isqrt(c) ** 2 == c for c in (count, *([count // 3] if count % 3 == 0 else []))
    )


def _without_copies(place: object, arrays: Iterable[Stored]) -> list[Stored]:
    """Without those that are stored twice, as in a folder of Kaggle's, or packed and unpacked."""
    kept: dict[tuple[str, ...], Stored] = {}
    for one in arrays:
        components = [_said(component) for component in one.name.split("/")]
        # Kaggle puts a file into a folder of its own name.
        key = tuple(word for own in dict.fromkeys(components) for word in own)
        other = kept.setdefault(key, one)
        if other.shape != one.shape and other.shape[:1] == one.shape[:1] and len(one.shape) == 1:
            kept[key] = one  # QMNIST has its labels alone, and with who wrote what
        elif other.shape != one.shape and not (
            other.shape[:1] == one.shape[:1] and len(other.shape) == 1
        ):
            raise UserError(
                f"{place} holds {listed([other, one])}, of different shapes under one name: "
                "remove one of them"
            )
    return list(kept.values())


def _meant(labels: list[Stored]) -> list[Stored]:
    """The labels to learn, where there are coarse and fine ones."""
    fine = [one for one in labels if "fine" in words(one.name.rsplit("/", 1)[-1])]
    return fine or labels


def _paired(place: object, part: str, images: list[Stored], labels: list[Stored]) -> Part:
    """Pieces in the order of their names, images with their own labels.

    Raises:
        UserError: there is more than one way.
    """

    def order(one: Stored) -> list:
        return [(0, int(w), "") if w.isdigit() else (1, 0, w) for w in words(one.name)]

    images, labels = _fitting(sorted(images, key=order), sorted(labels, key=order))
    homes = [one.name.rpartition("/")[0] for one in images]
    others = [one.name.rpartition("/")[0] for one in labels]
    if len(images) == len(labels) and (len(images) == 1 or len({*homes}) == len(homes)):
        if len(images) > 1 and {*homes} == {*others}:
            by_home = dict(zip(others, labels, strict=True))
            labels = [by_home[home] for home in homes]
        return Part(tuple(images), tuple(labels))
    raise UserError(
        f"{place} holds {listed(images)} and {listed(labels)} for its {part} images and labels: "
        "keep one of each, or name the ones to use x_train and y_train"
    )


def _fitting(images: list[Stored], labels: list[Stored]) -> tuple[list[Stored], list[Stored]]:
    """Of several, those that have as many images as labels: some files hold other numbers, too."""
    if (len(images), len(labels)) == (1, 1) or not all(one.shape for one in (*images, *labels)):
        return images, labels
    counts = {side for one in labels for side in one.shape if side > 1}

    def count(one: Stored) -> int:
        return one.shape[0] if one.shape[0] in counts else one.shape[-1]

    fit = [one for one in images if count(one) in counts]
    own = [one for one in labels if {*one.shape} & {count(image) for image in fit}]
    return (fit, own) if fit and own else (images, labels)
