"""From arrays as they are stored to a dataset: labels, grey levels, parts, and what is odd.

Each step changes the draft and says what it did: notes on what was handled, warnings about what a
person must decide.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from mnist_aug.data import digits, known, layout, plausibility, preprocessing
from mnist_aug.errors import UserError

HELD_OUT = 0.2  # share of the images that become test images where there are none
VALIDATION = 0.2  # share of the training images for validation, unless a variant says otherwise
SHARE = f"{100 * VALIDATION:.0f} %"
RENUMBERED = "Labels are"
TOO_FEW = 9  # pixels; so few make no picture
FEWEST = 30  # pixels; with fewer, and unlike ones side by side, they are measurements
SET_UPRIGHT = "EMNIST's files store images with rows and columns swapped: they are swapped back"
ENOUGH_DIGITS = 100  # test images by which it is told how the test digits lie
SAME = 0.7  # least `preprocessing.sameness` of drawn characters
UNLABELLED = -1  # as Hugging Face has it of test images whose labels are secret
MISSING = ("nan", "NaN", "<NA>")  # as NumPy and pandas write it where they make text of it
UNLEARNT = 0.5  # share of the test images that may be of classes nobody trains on

Arrays = tuple[np.ndarray, np.ndarray]  # images `[N, H, W]` or with channels, and labels `[N]`


def sentence(text: str) -> str:
    """A note or warning as it is shown: with a capital letter."""
    return text[:1].upper() + text[1:]


@dataclass
class Draft:
    """What becomes a dataset: its fields are those of `dataset.Dataset`.

    `place` is the source, for messages; there is no `x_test` where the source has no test part.
    """

    place: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray | None = None
    y_test: np.ndarray | None = None
    class_names: tuple[str, ...] = ()
    background: plausibility.Colour | None = None
    kind: str = "image"
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def parts(self) -> list[tuple[str, np.ndarray]]:
        """The images that there are, by the name of their part."""
        parts = [("training", self.x_train)]
        return parts if self.x_test is None else [*parts, ("test", self.x_test)]

    def note(self, text: str) -> None:
        self.notes.append(sentence(text))

    def warn(self, text: str) -> None:
        self.warnings.append(sentence(text))


def assembled(
    place: str,
    known_as: str,
    parts: Mapping[str, Arrays],
    names: tuple[str, ...] = (),
    transposed: bool = False,
    transpose: bool = False,
    hold_out: bool = True,
) -> Draft:
    """The draft of a dataset, looked through.

    Args:
        place: the source, for messages.
        known_as: the names of the source and of its files, by which well-known sets are known.
        parts: `train` and, as far as there are any, `validation` and `test`. Test images that are
            there, but not to be read, are none at all: `[0, …]`.
        names: of labels 0, 1, …, where the source has them, or of 1, 2, … if there is one for each.
        transposed: the source is known to hold images with rows and columns swapped.
        transpose: swap them because the user says so.
        hold_out: where there are no test images, hold some out; else all images are for testing.

    Raises:
        UserError: the arrays make no dataset, or one of which no verdict could be right.
    """
    _check_images(place, parts)
    draft = Draft(place, *parts["train"])
    if "test" in parts:
        draft.x_test, draft.y_test = parts["test"]
    if "validation" in parts:
        _take_validation(draft, *parts["validation"], names)
    _bring_to_grey_levels(draft)
    _check_that_pixels_have_neighbours(draft)
    _number_classes(draft, known_as, names, 2 if hold_out else 1)
    if transpose or transposed:
        _swap(draft)
    _look_at_background(draft)
    _look_at_drawings(draft, known_as, transposed, transpose)
    # Only now, as what is held out depends on the pixels.
    alone = draft.x_test is None
    if alone and hold_out:
        _hold_out(draft)
    elif alone:
        draft.x_test, draft.y_test = draft.x_train, draft.y_train
    if not alone or hold_out:
        _look_for_oddities(draft)
    _mix_if_sorted(draft)
    return draft


def _check_images(place: str, parts: Mapping[str, Arrays]) -> None:
    """That all parts hold numbers, and on one scale."""
    found = {}
    for part, (images, _) in parts.items():
        name = "training" if part == "train" else part
        if images.dtype.kind not in "biuf":
            raise UserError(f"{place}: the {name} images are of type {images.dtype}: store numbers")
        if 0 in images.shape[1:] or (part == "train" and not len(images)):
            raise UserError(f"{place}: the {name} set is empty: at least one image is needed")
        if len(images):
            found[f"{name} images"] = images
    layout.check_same_scale(place, found)


def _take_validation(
    draft: Draft, images: np.ndarray, labels: np.ndarray, names: tuple[str, ...]
) -> None:
    if draft.x_test is None:
        draft.x_test, draft.y_test = images, labels
        draft.note("there are no test images: the source's validation images are used instead")
        return
    if images.shape[1:] != draft.x_train.shape[1:]:
        raise UserError(
            f"{draft.place}: training images are {_sides(draft.x_train)} pixels but validation "
            f"images {_sides(images)}: all must have the same size"
        )
    labels = _in_one_kind(draft, "validation", labels)
    classes = layout.classes_of(draft.y_train)
    _check_first_labels(
        draft.place,
        classes,
        "validation",
        layout.classes_of(labels),
        _of_labels_from_0(classes, names),
    )
    draft.x_train = np.concatenate([draft.x_train, images])
    draft.y_train = np.concatenate([draft.y_train, labels])
    draft.note(
        "the source's own validation images are added to the training images, the last "
        f"{SHARE} of which are used for validation"
    )


def _bring_to_grey_levels(draft: Draft) -> None:
    """uint8, `[N, H, W]` or `[N, H, W, 3]`, both parts alike."""
    scale = layout.scale_of(draft.place, draft.x_train)
    if scale.words:
        draft.note(scale.words)
    if scale.warning:
        draft.warn(scale.warning)
    draft.x_train = _levels(draft, draft.x_train, scale)
    _check_what_they_show(draft, "training", draft.x_train, scale)
    if draft.x_test is None:
        return
    if not len(draft.x_test):
        draft.x_test = np.zeros((0, *draft.x_train.shape[1:]), np.uint8)
        return
    draft.x_test = _levels(draft, draft.x_test, scale)
    _check_what_they_show(draft, "test", draft.x_test, scale)
    if draft.x_train.ndim != draft.x_test.ndim:
        kinds = ["in colour" if one.ndim == 4 else "grey" for one in (draft.x_train, draft.x_test)]
        draft.warn(
            f"training images are {kinds[0]}, test images {kinds[1]}: do both come from the same "
            "source?"
        )
    draft.x_train, draft.x_test = layout.in_one_colour([draft.x_train, draft.x_test])
    if draft.x_train.shape[1:] != draft.x_test.shape[1:]:
        raise UserError(
            f"{draft.place}: training images are {_sides(draft.x_train)} but test images "
            f"{_sides(draft.x_test)}: they must be alike"
        )


def _check_that_pixels_have_neighbours(draft: Draft) -> None:
    """Numbers in a table may be measurements, and no pixels, or pixels in another order."""
    height, width = draft.x_train.shape[1:3]
    if height * width <= TOO_FEW:
        raise UserError(
            f"{draft.place} holds {height * width} numbers for each image: they can't be pixels, "
            "and only images can be augmented"
        )
    unlike = plausibility.unlikeness_of_neighbours(draft.x_train)
    if unlike < plausibility.SHUFFLED:
        return
    text = (
        f"neighbouring pixels differ {100 * unlike:.0f} % as much as distant ones, and in images "
        "far less"
    )
    if height * width < FEWEST:
        raise UserError(
            f"{draft.place}: taken as {height} by {width} images, {text}: these numbers are not "
            "pixels, and only images can be augmented"
        )
    draft.warn(f"{text}: check that each image's pixels are stored row by row")


def _levels(draft: Draft, images: np.ndarray, scale: layout.Scale) -> np.ndarray:
    levels, notes = layout.grey_or_rgb(draft.place, layout.as_uint8(images, scale))
    for note in notes:
        if note not in draft.notes:
            draft.note(note)
    return levels


def _sides(images: np.ndarray) -> str:
    colour = " in colour" if images.ndim == 4 else ""
    return f"{images.shape[1]} by {images.shape[2]}{colour}"


def _check_what_they_show(draft: Draft, part: str, images: np.ndarray, scale: layout.Scale) -> None:
    """Refuse images most of which show nothing; warn of some."""
    blank, black = plausibility.count_empty(images)
    truncated = (
        ": values from 0 to 1 were probably truncated to whole numbers; multiply by 255 first"
        if scale.top == 1
        else ": they show nothing; check how they were stored"
    )
    # On a smaller scale than the others, images become all but black.
    mixed = ": they are probably stored on another scale than the rest; use the same scale for all"
    for count, fault, always, refused in (
        (blank, "are of a single colour", "", truncated),
        (black, "have no grey level above 1 of 255", mixed, ""),
    ):
        text = f"{count:,} of {len(images):,} {part} images {fault}{always}"
        if 2 * count > len(images):
            raise UserError(f"{draft.place}: {text}{refused}")
        if count:
            draft.warn(text)


def _number_classes(draft: Draft, known_as: str, names: tuple[str, ...], fewest: int = 2) -> None:
    """Labels from 0 to K - 1, and what the classes are called."""
    classes = layout.classes_of(draft.y_train)
    if len(classes) < fewest:
        raise UserError(
            f"{draft.place}: all training labels are {classes[0]}: a classifier needs at least two "
            "classes"
        )
    if len(classes) > layout.MOST_CLASSES or (
        len(classes) > 100 and len(classes) > 0.2 * len(draft.y_train)
    ):
        raise UserError(
            f"{draft.place} has {len(classes):,} different labels, from {classes[0]} to "
            f"{classes[-1]}, for {len(draft.y_train):,} training images: are they classes?"
        )
    if draft.x_test is not None and draft.y_test is not None:
        draft.y_test = _in_one_kind(draft, "test", draft.y_test)
        _leave_out_unlearnt(draft, classes, names)
    if classes[0] == UNLABELLED and len(classes) > 2:
        count = int((draft.y_train == UNLABELLED).sum())
        draft.warn(
            f"{count:,} training images have the label -1, which often stands for no label: they "
            "count as a class of their own"
        )
    missing = [one for one in classes if one in MISSING]
    if missing:
        count = int(np.isin(draft.y_train, missing).sum())
        draft.warn(
            f"{count:,} training images have the label {missing[0]}, which often stands for a "
            "missing one: they count as a class of their own"
        )
    draft.y_train = layout.numbered(draft.y_train, classes)
    if draft.y_test is not None:
        draft.y_test = layout.numbered(draft.y_test, classes)
    whole = all(isinstance(one, int) for one in classes)
    own = _given_names(draft, classes, names)
    if own:
        draft.class_names = own
        return
    draft.class_names = tuple(map(str, classes))
    if not whole:
        return
    found = known.class_names(known_as, classes, draft.y_train, draft.y_test)
    if found and found != draft.class_names:
        draft.class_names = found
        draft.note(f"this dataset is known: its classes are called {plausibility.named(found)}")
    elif classes != [*range(len(classes))]:
        draft.note(
            f"{RENUMBERED} {plausibility.named([*map(str, classes)])}: they are numbered from 0, "
            "and the classes keep these values as names"
        )


def _in_one_kind(draft: Draft, part: str, labels: np.ndarray) -> np.ndarray:
    """Labels as numbers or text, as those of the training images are.

    Raises:
        UserError: they are of the other kind, and don't say the same.
    """
    kinds = ["text" if own.dtype.kind == "U" else "numbers" for own in (draft.y_train, labels)]
    if kinds[0] == kinds[1] or not len(labels):
        return labels
    known_ones, own = (
        [str(one) for one in layout.classes_of(found)] for found in (draft.y_train, labels)
    )
    if not {*own} <= {*known_ones}:
        raise UserError(
            f"{draft.place}: training labels are {kinds[0]} ({plausibility.named(known_ones)}) but "
            f"{part} labels {kinds[1]} ({plausibility.named(own)}): use the same labels in both"
        )
    draft.note(
        f"{part} labels are {kinds[1]}: they are taken as {kinds[0]}, as training labels are"
    )
    return labels.astype(str if kinds[0] == "text" else np.int64)


def _given_names(draft: Draft, classes: list, names: tuple[str, ...]) -> tuple[str, ...]:
    """The names of the classes among those that came with the data; empty where they don't fit."""
    if not names or {*classes} <= {*names}:  # labels are the names themselves
        return ()
    first = 0 if _of_labels_from_0(classes, names) else 1
    if first:
        draft.note(
            f"labels 1 to {len(names)} are called {plausibility.named(names)}, in this order"
        )
    elif not (isinstance(classes[0], int) and classes[0] >= 0 and classes[-1] < len(names)):
        text = plausibility.named([*map(str, classes)])
        draft.warn(
            f"the names of classes ({plausibility.named(names)}) don't fit the labels ({text}) and "
            "are left out: give a name for each class, in the order of labels 0, 1, …"
        )
        return ()
    own = tuple(names[label - first] for label in classes)
    twice = next((one for one in own if own.count(one) > 1), None)
    if twice is not None:
        raise UserError(
            f"{draft.place}: {own.count(twice)} classes are called {twice}: give each a name of "
            "its own"
        )
    return own


def _leave_out_unlearnt(draft: Draft, classes: list, names: tuple[str, ...]) -> None:
    """Test images of a class that no training image is of can't be read by any network."""
    assert draft.x_test is not None
    assert draft.y_test is not None
    names = _of_labels_from_0(classes, names)
    found = layout.classes_of(draft.y_test)
    unlearnt = [one for one in found if one not in {*classes}]
    if not unlearnt:
        return
    _check_first_labels(draft.place, classes, "test", found, names)
    known_ones = ~np.isin(draft.y_test, unlearnt)
    count = int((~known_ones).sum())
    text = (
        f"{count:,} of {len(draft.y_test):,} test images are of classes without training images "
        f"({plausibility.named(_called(unlearnt, names))})"
    )
    if count > UNLEARNT * len(draft.y_test):
        raise UserError(
            f"{draft.place}: {text}: use the same labels in both parts (those of the training "
            f"images: {plausibility.named(_called(classes, names))})"
        )
    draft.x_test, draft.y_test = draft.x_test[known_ones], draft.y_test[known_ones]
    draft.warn(f"{text}: they are left out")


def _has_name(label: int | str, names: tuple[str, ...]) -> bool:
    """Whether names of labels 0, 1, … have one for it."""
    return isinstance(label, int) and 0 <= label < len(names)


def _of_labels_from_0(classes: list, names: tuple[str, ...]) -> tuple[str, ...]:
    """The names, or none where there is exactly one for each of labels 1, 2, …"""
    return () if classes == [*range(1, len(names) + 1)] else names


def _called(classes: list, names: tuple[str, ...]) -> list[str]:
    """Names of classes, or else their labels."""
    return [names[one] if _has_name(one, names) else str(one) for one in classes]


def _check_first_labels(
    place: str, classes: list, part: str, found: list, names: tuple[str, ...]
) -> None:
    """Refuse labels that are counted from 1 in one part, and from 0 in another."""
    first, last = classes[0], classes[-1]
    # What has a name was counted right.
    strange = [one for one in found if one not in {*classes} and not _has_name(one, names)]
    if isinstance(first, int) and (
        (strange == [last + 1] and first not in found)
        or (strange == [first - 1] and last not in found)
    ):
        raise UserError(
            f"{place}: training labels are {first} to {last} but {part} labels {found[0]} to "
            f"{found[-1]}: they seem to start at different numbers, so no verdict could be "
            "right; number both alike"
        )


def _swap(draft: Draft) -> None:
    draft.x_train = draft.x_train.swapaxes(1, 2)
    if draft.x_test is not None:
        draft.x_test = draft.x_test.swapaxes(1, 2)


def _hold_out(draft: Draft) -> None:
    chosen = plausibility.held_out(draft.y_train, plausibility.hashes(draft.x_train), HELD_OUT)
    if not chosen.any():
        raise UserError(
            f"{draft.place} has no test images, and no class has two images, of which one could be "
            "held out: add images, or a test set"
        )
    draft.x_test, draft.y_test = draft.x_train[chosen], draft.y_train[chosen]
    draft.note(
        f"there is no test set: {chosen.sum():,} of {len(chosen):,} images, a fifth of each class, "
        "chosen by a hash of their content, are held out for testing"
    )
    draft.x_train, draft.y_train = draft.x_train[~chosen], draft.y_train[~chosen]


def _look_at_background(draft: Draft) -> None:
    """Where training and test images are on unlike backgrounds, no verdict could be right."""
    look = plausibility.background
    ground, inner = look(draft.x_train), plausibility.background_within(draft.x_train)
    framed = None not in (ground, inner) and _apart(ground, inner) > 2 * plausibility.APART
    if framed:
        look, ground = plausibility.background_within, inner
        draft.warn(
            "the images have a frame: the background is taken from within it, but it is better to "
            "crop the images"
        )
    draft.background = ground
    level = None if ground is None else float(np.mean(ground))
    if level is not None and draft.x_test is not None and len(draft.x_test):
        other = look(draft.x_test)
        test = level if other is None else float(np.mean(other))
        if abs(level - test) > plausibility.APART:
            raise UserError(
                f"{draft.place}: training images are {_polarity(level)} ({level:.0f} of 255 at "
                f"their edges) but test images are {_polarity(test)} ({test:.0f}), so no verdict "
                "could be right: invert one of the two"
            )
    if level is not None and level > 127.5:
        draft.note(
            "the images are dark on a light background: named policies fill gaps with its "
            "colour; dense networks often learn the negatives of such images better"
        )
    if level is not None and not framed:
        for part, images in draft.parts:
            others = plausibility.count_elsewhere(images, level)
            if others > plausibility.MIXED * len(images):
                draft.warn(
                    f"{others:,} of {len(images):,} {part} images have another background than "
                    "the rest: if they are negatives, invert them"
                )
    elif level is None:
        for part, images in draft.parts:
            dark, light = plausibility.count_on_dark_and_light(images)
            few = plausibility.MIXED * len(images)
            if min(dark, light) > few and dark + light > plausibility.UNIFORM * len(images):
                draft.warn(
                    f"{dark:,} of {len(images):,} {part} images are on a dark background, and "
                    f"{light:,} on a light one: if some are negatives, invert them"
                )
    means = [float(images.mean()) for _, images in draft.parts if len(images)]
    if abs(means[0] - means[-1]) > plausibility.APART / 2:
        draft.warn(
            f"the mean brightness of the training images is {means[0]:.0f} of 255, that of the "
            f"test images {means[-1]:.0f}: do both come from the same source?"
        )


def _apart(one: plausibility.Colour | None, other: plausibility.Colour | None) -> float:
    """Grey levels between two colours."""
    return abs(float(np.mean(one or 0)) - float(np.mean(other or 0)))


def _polarity(level: float) -> str:
    return "dark on a light background" if level > 127.5 else "bright on a dark background"


def _look_at_drawings(draft: Draft, known_as: str, transposed: bool, transpose: bool) -> None:
    """Whether the images are drawn digits or characters, and how the digits lie."""
    if transposed and not transpose:
        draft.note(SET_UPRIGHT)
    if draft.x_train.ndim != 3 or not isinstance(draft.background, int):
        return
    names = draft.class_names
    single = all(len(name) == 1 and name.isalnum() for name in names)
    letters = single and not all(name in DIGITS for name in names)
    if names == known.KMNIST or (letters and known.is_transposed(known_as)):
        draft.kind = "character"
    if min(draft.x_train.shape[1:]) < digits.LEAST_SIDE:
        return
    # Photographs, too, have grades from A to D.
    if letters and preprocessing.sameness(draft.x_train, draft.background) >= SAME:
        draft.kind = "character"
    found = []
    for numbers, renamed in _as_digits(names):
        labels = numbers[draft.y_train]
        read = labels >= 0
        lies, share = digits.orientation(draft.x_train[read], labels[read], draft.background)
        found.append((share, lies, renamed, numbers))
    nothing = (0.0, "", (), np.empty(0, int))
    share, lies, renamed, numbers = max(found, key=lambda one: one[0], default=nothing)
    if share >= digits.READ:
        _check_test_digits(draft, share, lies, numbers)
        if (numbers >= 0).all():
            draft.kind = "digit"
        if renamed:
            draft.class_names = renamed
            draft.notes = [note for note in draft.notes if not note.startswith(RENUMBERED)]
            draft.note(
                f"labels {names[0]} to {names[-1]} stand for the digits {', '.join(renamed)}"
            )
        if lies == "transposed" and not transpose:
            _swap(draft)
            if transposed:
                draft.notes.remove(SET_UPRIGHT)
            else:
                draft.note(
                    "the digits have rows and columns swapped, unlike MNIST's: they are swapped "
                    "back"
                )
        elif lies != "upright":
            remedy = (
                "leave TRANSPOSE= (--transpose) out"
                if lies == "transposed"
                else "networks trained on them can't read upright ones"
            )
            draft.warn(f"the digits are {lies}, unlike MNIST's: {remedy}")


def _check_test_digits(draft: Draft, share: float, lies: str, numbers: np.ndarray) -> None:
    """That test digits lie as the training digits do, and are what their labels say."""
    if draft.x_test is None or draft.y_test is None:
        return
    assert isinstance(draft.background, int)
    labels = numbers[draft.y_test]
    read = labels >= 0
    if read.sum() < ENOUGH_DIGITS:
        return
    others, right = digits.orientation(
        draft.x_test[read], labels[read], draft.background, lies, margin=0.25
    )
    if right >= digits.READ and others != lies:
        raise UserError(
            f"{draft.place}: the training digits are {lies} but the test digits {others}, so no "
            "verdict could be right: store both alike"
        )
    if right < share / 2:
        draft.warn(
            f"the mean digits of MNIST read {100 * share:.0f} % of the training images as they "
            f"are labelled, but {100 * right:.0f} % of the test images: do the test labels belong "
            "to their images?"
        )


DIGITS = tuple("0123456789")


def _as_digits(names: tuple[str, ...]) -> list[tuple[np.ndarray, tuple[str, ...]]]:
    """Which digit each class may be, -1 for none, and its other name, if it has another."""
    own = np.array([int(name) if name in DIGITS else -1 for name in names])
    found: list[tuple[np.ndarray, tuple[str, ...]]] = []
    count = len(names)
    if names == tuple(map(str, range(1, count + 1))) and 3 <= count <= 10:
        # MATLAB counts from 1, and some put 0 last.
        rotated = [(np.arange(10) + 1) % 10] if count == 10 else []
        for numbers in (np.arange(count), *rotated):
            found.append((numbers, tuple(map(str, numbers))))
    if (own >= 0).sum() >= 2 and len(found) < 2:
        found.append((own, ()))
    return found


def _look_for_oddities(draft: Draft) -> None:
    assert draft.x_test is not None
    assert draft.y_test is not None
    for warning in (
        *plausibility.about_copies(
            plausibility.hashes(draft.x_train),
            draft.y_train,
            plausibility.hashes(draft.x_test),
            draft.y_test,
        ),
        *plausibility.about_classes(draft.y_train, draft.y_test, draft.class_names),
    ):
        draft.warn(warning)


def _mix_if_sorted(draft: Draft) -> None:
    if not plausibility.are_sorted(draft.y_train, VALIDATION):
        return
    order = plausibility.stratified(draft.y_train, plausibility.hashes(draft.x_train))
    draft.x_train, draft.y_train = draft.x_train[order], draft.y_train[order]
    draft.note(
        "the training images are sorted or grouped by class: they are shuffled, so that the last "
        f"{SHARE}, used for validation, contain every class in proportion"
    )
