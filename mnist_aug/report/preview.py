"""What a policy makes of a user's images, as a page and a picture, before anything is trained.

The same dataset and policy give the same bytes.
"""

import base64
import io
import itertools
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import albumentations as A
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mnist_aug.augment import policy as policies
from mnist_aug.augment import saved
from mnist_aug.augment.methods import AugMix
from mnist_aug.augment.mixing import Mixer
from mnist_aug.augment.policy import Policy
from mnist_aug.data.assembly import VALIDATION
from mnist_aug.data.dataset import Dataset
from mnist_aug.data.overview import ground
from mnist_aug.data.plausibility import NEAR
from mnist_aug.formatting import MINUS, listed, percent
from mnist_aug.report import effects
from mnist_aug.report.effects import Effects, Step
from mnist_aug.report.templating import clipped, environment
from mnist_aug.results import files

CLASSES, VERSIONS = 10, 8  # of the grid
PLACES = (0, 0.25, 0.5, 0.75, 1)  # shares of the draws of a transform that change an image less
DRAWS, FEWEST = 200, 40  # of a transform; fewer of large images
STEPS = 30  # transforms that are shown alone
ALONE = 200, 20  # images that each transform is tried on alone; the second if large or slow
SLOW = 100  # images that a policy is tried on that runs image by image
LARGE = 96  # pixels of the longer side; what is larger is shown smaller
SHARE = 0.01  # of the images that is worth a note
EMPTY = 0.001  # of them that is, if they come out empty
OFTEN = 0.75  # of them that is, if they don't change
NUMBERS = {"rotate_degrees": "degrees of rotation"}  # drawn numbers, where the name isn't enough
CUT, CROPPED, COVERED = 0.1, 0.5, 0.5  # of an image's ink, of its pixels, and of its ink by holes
UNBROKEN = "\N{NO-BREAK SPACE}"
SECURITY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; "
    "style-src 'unsafe-inline'"
)


@dataclass(frozen=True)
class Tile:
    """A picture with a line below it."""

    image: np.ndarray  # uint8 [H, W] or [H, W, 3]
    alt: str
    text: str = ""

    @property
    def source(self) -> str:
        """The picture as a data URI."""
        buffer = io.BytesIO()
        picture = Image.fromarray(self.image)
        if max(picture.size) > LARGE:
            picture.thumbnail((LARGE, LARGE), Image.Resampling.BOX)
        picture.save(buffer, "PNG")
        return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


@dataclass(frozen=True)
class Row:
    """Pictures in a row: what they are, how they are ordered, or why there are none."""

    title: str
    tiles: Sequence[Tile]
    text: str = ""


@dataclass(frozen=True)
class Preview:
    """All that is on the page."""

    policy: str
    dataset: Dataset
    notes: list[str]
    grid: list[Row]
    steps: list[Row]
    left_out: str
    drawn: str
    worst: list[Row]
    counts: list[tuple[str, str]]
    measures: list[str]

    @property
    def subtitle(self) -> str:
        height, width = self.dataset.image_shape[:2]
        colour = "RGB" if len(self.dataset.image_shape) == 3 else "grey"
        return (
            f"{self.dataset.classes} classes, images of {height} \N{MULTIPLICATION SIGN} "
            f"{width} pixels, {colour}, {ground(self.dataset)}. Nothing was trained."
        )


def write(dataset: Dataset, policy: str, reports: Path) -> list[str]:
    """Write preview.html and preview.png into `reports`; return the notes, a sentence each.

    Args:
        dataset: only its training images are looked at.
        policy: a name or the path of a file, as for `policies.load`.
        reports: made when missing.

    Raises:
        UserError: there is no such policy, it can't be done to such images, or the folder can't be
            written to.
    """
    files.check_writable(reports)
    made = preview(dataset, policy)
    page = environment(True).get_template("preview.html.j2")
    with files.written(reports / "preview.png") as temporary:
        sheet(made).save(temporary, "PNG")
    with files.written(reports / "preview.html") as temporary:
        text = page.render(preview=made, security=SECURITY)
        temporary.write_text(text, encoding="utf-8", newline="\n")
    return made.notes


def preview(dataset: Dataset, policy: str) -> Preview:
    """Try a policy on the training images of a dataset.

    Raises:
        UserError: as `write`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", policies.PolicyFillWarning)  # a note tells how often
        loaded = policies.load(policy, dataset.side, dataset.fill)
    if (engine := loaded.engine()) is not None:
        engine.check(dataset.image_shape)
    count = dataset.training_count(VALIDATION)
    images, labels = dataset.x_train[:count], dataset.y_train[:count]
    mixer = Mixer(loaded, images, labels, dataset.classes)
    pipeline = saved.as_data(loaded.pipeline)
    every = effects.steps(pipeline, dataset.image_shape)
    first = [np.flatnonzero(labels == label)[:1] for label in range(dataset.classes)]
    shown = np.concatenate(first)[:CLASSES]

    slow = effects.runs_one_by_one(pipeline)
    index = effects.tried(count, dataset.image_shape, SLOW if slow else effects.MOST)
    whole = effects.measured(
        pipeline, images[index], mixer((0, 0), index)[0], dataset.background, index
    )
    some = effects.tried(count, dataset.image_shape, ALONE[slow], ALONE[1])
    alone = [
        (step, effects.measured_alone(step, images[some], dataset.background, some))
        for step in every
        if step.pipelines
    ]
    most = FEWEST if slow else DRAWS
    draws = max(FEWEST, min(most, effects.VALUES // int(np.prod(dataset.image_shape))))
    example = int(shown[_plainest(images[shown])])
    rows = [_alone(step, images[example], draws) for step in every]
    if loaded.augmix is not None:
        rows.append(_augmix(loaded.augmix, images[example], draws))
    drawn = _how_drawn(draws, example) if any(row.tiles for row in rows) else ""
    rows += _mixed(loaded, images[shown], _names(dataset, labels[shown]), draws)
    return Preview(
        policies.name(policy),
        dataset,
        notes(dataset, whole, alone),
        _grid(dataset, mixer, shown),
        rows[:STEPS],
        _left_out(rows),
        drawn,
        _worst(whole, images, mixer, index),
        _counts(dataset, whole),
        _measures(dataset, whole, len(some)),
    )


# What a person would see at once -----------------------------------------------------------------


def notes(dataset: Dataset, whole: Effects, alone: Sequence[tuple[Step, Effects]]) -> list[str]:
    """What a person would see at once in the images, each in a sentence with its share.

    Args:
        whole: what the policy does to images.
        alone: what each of its transforms does, done to all.
    """
    found: list[str] = []

    def note(
        share: Callable[[Effects], float], words: str, meaning: str, least: float = SHARE
    ) -> None:
        if (own := share(whole)) >= least:
            by = [step.name for step, effect in alone if share(effect) >= least]
            cause = ", ".join(dict.fromkeys(by)) or "by all transforms together"
            found.append(f"{_share(own)} of the images {words} ({cause}): {meaning}")

    symbols, doubtful = dataset.kind in ("digit", "character"), _may_be_symbols(dataset)
    what = "character" if dataset.kind == "character" else "digit"
    if symbols or doubtful:
        note(
            lambda e: e.share("mirrored"),
            "are mirrored",
            f"a mirrored {what} is another one, or none"
            if symbols
            else "right for many natural pictures, wrong for digits and letters",
        )
    note(
        lambda e: e.share("turned"),
        f"are turned by more than {effects.TURNED}°, or upside down",
        f"a turned {what} may be another one, as 6 and 9 are, or none"
        if symbols
        else "right for pictures that have no upper side, as of cells or from satellites",
    )
    if dataset.background is None:
        note(
            lambda e: e.share_above("lost", CROPPED),
            f"lose more than {_share(CROPPED)} of their pixels",
            "check that what they show is still there",
        )
    else:
        note(
            lambda e: e.share_above("lost", CUT),
            f"lose more than {_share(CUT)} of their ink over the edge",
            "they are cut off",
        )
    note(
        lambda e: e.share_above("hidden", COVERED),
        f"lose more than {_share(COVERED)} of "
        f"{'their pixels' if dataset.background is None else 'their ink'} to holes",
        "check that they can still be recognised",
    )
    note(
        lambda e: e.share("filled"),
        "have gaps filled with another colour than the background's",
        f"set fill: {list(dataset.fill) if isinstance(dataset.fill, tuple) else dataset.fill}",
    )
    note(
        lambda e: e.share("distorted"),
        f"are enlarged or shrunk more than {effects.ZOOMED} times, or bent by more than "
        f"{_share(effects.BENT)} of the side",
        "check that they are still what their labels say",
    )
    note(
        lambda e: e.share("inverted"),
        "are inverted",
        "only right if the images you will classify may be inverted, too",
    )
    note(
        lambda e: e.share("unlike"),
        f"have grey levels barely related to the original's (correlation below {effects.ALIKE})",
        "check that they are still what their labels say",
    )
    note(
        lambda e: e.share("empty"),
        "come out empty",
        "they teach the model to see a class in a blank image",
        EMPTY,
    )
    if (same := whole.share("unchanged")) >= OFTEN:
        found.append(f"{_share(same)} of the images come out unchanged")
    found += [
        f"{step.name}{f' ({step.set_to[0]})' if step.set_to[0] else ''} changes none of the "
        f"{len(effect.unchanged):,} images that it was tried on: it does nothing at this size, or "
        "with these parameters"
        for step, effect in alone
        if effect.unchanged.all()
    ]
    return found


def _may_be_symbols(dataset: Dataset) -> bool:
    return all(len(name) == 1 and name.isalnum() for name in dataset.class_names)


# Rows of pictures ---------------------------------------------------------------------------------


def _grid(dataset: Dataset, mixer: Mixer, shown: np.ndarray) -> list[Row]:
    """The first training image of each class and what becomes of it in the first epochs."""
    versions = [mixer((0, epoch), shown) for epoch in range(VERSIONS)]
    names = _names(dataset, range(dataset.classes))
    rows = []
    for place, number in enumerate(shown.tolist()):
        name = names[dataset.y_train[number]]
        tiles = [Tile(dataset.x_train[number], f"{name}, original", "original")]
        for epoch, (images, labels) in enumerate(versions):
            text = soft_label(labels[place], names) if labels.ndim == 2 else ""
            alt = f"{name}, epoch {epoch}" + (f", label {_in_line(text)}" if text else "")
            tiles.append(Tile(images[place], alt, text))
        rows.append(Row(name, tiles, f"training image {number:,}"))
    return rows


def soft_label(label: np.ndarray, names: Sequence[str]) -> str:
    """A soft label `[classes]` in words: classes of 5 % or more, three at most, and the others.

    A line each. A single other class is named, too.
    """
    by_share = np.argsort(-label, kind="stable")
    order = [place for place in by_share[:3] if label[place] >= 0.05]
    shares = [(clipped(names[place], 12), float(label[place])) for place in order]
    others = [place for place in by_share[len(order) :] if label[place] > 0]
    if (rest := 1 - sum(share for _, share in shares)) >= 0.005:
        shares.append((clipped(names[others[0]], 12) if len(others) == 1 else "others", rest))
    return "\n".join(f"{name}: {percent(share, 0)}{UNBROKEN}%" for name, share in shares)


def _in_line(label: str) -> str:
    return label.replace("\n", ", ")


def _plainest(images: np.ndarray) -> int:
    """Which of images has the median contrast: one that isn't blank, if most aren't."""
    contrast = images.reshape(len(images), -1).std(axis=1)
    return int(np.argsort(contrast, kind="stable")[len(images) // 2])


def _alone(step: Step, image: np.ndarray, draws: int) -> Row:
    """A transform alone, from weak to strong."""
    several = f" ({len(step.pipelines)} variants)" if len(step.pipelines) > 1 else ""
    texts = [text for text in step.set_to if text]
    settings = "; ".join(texts[:3]) + (f"; and {len(texts) - 3} more" if len(texts) > 3 else "")
    if step.reason:
        return Row(
            step.title, [], f"{settings}. It can't be shown alone: {step.reason}".lstrip(". ")
        )
    each = max(1, draws // len(step.pipelines))
    keys = np.arange(each)
    made, origins = [], []
    for pipeline in step.pipelines:
        engine = effects.engine(pipeline)
        batch = np.repeat(image[None], each, axis=0)
        made.append(engine(batch, (0, 0, keys)))
        origins += [(engine, key) for key in keys.tolist()]
    images = np.concatenate(made)
    change = np.abs(images.astype(np.float32) - image).reshape(len(images), -1).mean(axis=1)
    chosen = _places(change, images)
    values = [
        engine.replay((0, 0, key), image.shape)[:1] for engine, key in (origins[i] for i in chosen)
    ]
    name, numbers = _one_number([value[0] if value else {} for value in values])
    tiles = [
        Tile(
            images[place],
            f"{step.name}, place {rank + 1} of {len(chosen)}"
            + (f", {name} {number}" if number else "")
            + f", changed by {change[place]:.1f} grey levels",
            f"{number}\n{_change(change[place])}" if number else _change(change[place]),
        )
        for rank, (place, number) in enumerate(zip(chosen, numbers, strict=True))
    ]
    sentences = [
        settings,
        f"upper number: {NUMBERS.get(name, name.replace('_', ' '))}" if name else "",
        "the result is brought back to the images' size" if step.resized else "",
        "always the same" if len(chosen) == 1 else "",
    ]
    return Row(step.title + several, tiles, "; ".join(filter(None, sentences)))


def _places(order_by: np.ndarray, images: np.ndarray) -> list[int]:
    """Which images are shown: those at `PLACES` in the order, equal ones once."""
    order = np.argsort(order_by, kind="stable")
    found: dict[bytes, int] = {}
    for share in PLACES:
        place = int(order[round(share * (len(order) - 1))])
        found.setdefault(images[place].tobytes(), place)
    return list(found.values())


def _one_number(drawn: list[dict[str, Any]]) -> tuple[str, list[str]]:
    """The one number that differs between draws, by name; no name and empty texts if there isn't
    just one. What is equal in each draw, as two axes that are scaled alike, counts once."""
    names = set.intersection(*(set(one) for one in drawn)) if drawn else set()
    columns: dict[tuple[float, ...], str] = {}
    for name in sorted(names):
        values = [one[name] for one in drawn]
        if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
            column = tuple(float(value) for value in values)
            if len({round(value, 9) for value in column}) > 1:
                columns.setdefault(column, name)
    if len(columns) != 1:
        return "", [""] * len(drawn)
    ((column, name),) = columns.items()
    return name, [f"{value:.3g}".replace("-", MINUS) for value in column]


def _change(levels: float) -> str:
    return f"by {levels:.1f}"


def _mixed(policy: Policy, images: np.ndarray, names: Sequence[str], draws: int) -> list[Row]:
    """What a policy does to several images or to labels, each alone: MixUp, CutMix, smoothing."""
    bare, rows = Policy(_nothing()), []
    # Each image stands there as often as is drawn, and is a class of its own: so that the label
    # tells the weight.
    count = len(images)
    many, own = np.tile(images, (draws, *(1 for _ in images.shape[1:]))), np.arange(draws * count)
    for title, what in (("MixUp", "mixup"), ("CutMix", "cutmix")):
        if (settings := getattr(policy, what)) is None or count < 2:
            continue
        mixer = Mixer(replace(bare, **{what: replace(settings, p=1.0)}), many, own % count, count)
        index = own[::count]
        partners, _, weights = mixer.draw((0, 0), index)
        index, weights = (one[partners % count != 0] for one in (index, weights))
        made, labels = mixer((0, 0), index)
        tiles = [
            Tile(made[i], f"{title}, label {_in_line(text)}", text)
            for i in _places(-weights, made)
            for text in [soft_label(labels[i], names)]
        ]
        text = (
            f"alpha {settings.alpha:g}. Two of the images above, whatever p is, from the partner's "
            "smallest weight to its largest. Below: the label."
        )
        rows.append(Row(title, tiles, text))
    if policy.label_smoothing:
        text = f"{percent(policy.label_smoothing, 1)} % of each label is spread over all classes"
        rows.append(Row("Label smoothing", [], text))
    return rows


def _nothing() -> A.Compose:
    return saved.built({"__class_fullname__": "Compose", "p": 1.0, "transforms": []})


def _augmix(augmix: AugMix, image: np.ndarray, draws: int) -> Row:
    engine = Policy(_nothing(), augmix=augmix).engine()
    assert engine is not None
    made = engine(np.repeat(image[None], draws, axis=0), (0, 0, np.arange(draws)))
    change = np.abs(made.astype(np.float32) - image).reshape(draws, -1).mean(axis=1)
    tiles = [
        Tile(
            made[place],
            f"AugMix, changed by {change[place]:.1f} grey levels",
            _change(change[place]),
        )
        for place in _places(change, made)
    ]
    return Row("AugMix", tiles, "chains of its operations, mixed with the image")


def _left_out(rows: Sequence[Row]) -> str:
    rest = rows[STEPS:]
    if not rest:
        return ""
    return f"Left out are {len(rest):,} more: {listed([row.title for row in rest])}."


def _how_drawn(draws: int, example: int) -> str:
    return (
        f"Each transform is done alone, whatever its probability, {draws} times to training image "
        f"{example:,}, drawn each time. The results are ordered by how much they differ from "
        "it: below each is the mean absolute difference in grey levels, 0 to 255. Shown are the "
        "one that is changed least, those at a quarter, a half and three quarters of the order, "
        "and the one that is changed most; equal ones once. Transforms of one class that set the "
        "same parameters are taken together; the draws are others than in training."
    )


# Counts -------------------------------------------------------------------------------------------


def _worst(whole: Effects, images: np.ndarray, mixer: Mixer, index: np.ndarray) -> list[Row]:
    """The images that lose most, before and after."""
    rows = []
    for name, title in (
        ("lost", "Loses most over the edge"),
        ("hidden", "Loses most to holes"),
    ):
        shares = np.nan_to_num(getattr(whole, name))
        if not shares.any():
            continue
        number = index[shares.argmax()]
        made = mixer((0, 0), np.array([number]))[0][0]
        tiles = [
            Tile(images[number], f"training image {number:,}, original", "original"),
            Tile(made, f"training image {number:,}, epoch 0", _share(float(shares.max()))),
        ]
        rows.append(Row(title, tiles, f"training image {number:,}"))
    return rows


def _counts(dataset: Dataset, whole: Effects) -> list[tuple[str, str]]:
    """What was counted, in words and numbers."""
    stuff = "pixels" if dataset.background is None else "ink"
    rows = [
        ("come out empty", _share(whole.share("empty"))),
        ("come out unchanged", _share(whole.share("unchanged"))),
    ]
    for name, what in (("lost", "moved out"), ("hidden", "hidden by holes")):
        known = getattr(whole, name)[~np.isnan(getattr(whole, name))]
        ends = np.quantile(known, (0.5, 0.95, 1)) if len(known) else [0.0] * 3
        rows += [
            (f"{stuff} {what}, {where}", _share(float(end)))
            for where, end in zip(
                ("of the median image", "at the 95 % quantile", "of the worst image"),
                ends,
                strict=True,
            )
        ]
    rows += [
        (words, _share(whole.share(name)))
        for name, words in (
            ("mirrored", "mirrored"),
            ("turned", f"turned by more than {effects.TURNED}°"),
            ("distorted", "enlarged, shrunk or bent a lot"),
            ("filled", "gaps unlike the background"),
            ("inverted", "inverted"),
            ("unlike", "grey levels barely related to the original's"),
        )
    ]
    return rows


def _measures(dataset: Dataset, whole: Effects, few: int) -> list[str]:
    """What was measured and how, in sentences."""
    count = len(whole.empty)
    ink = (
        "The images have no uniform background, so every pixel counts the same"
        if dataset.background is None
        else f"Ink is the difference from the background, where it is more than {NEAR} grey levels"
    )
    return [
        f"{count:,} training images, spread evenly over all, as they are augmented in epoch 0 with "
        "seed 0: with the keys that training uses.",
        "Where a pixel of a result comes from is found by sending ramps through the policy in "
        "place of the image, with the same key, and only its transforms that move pixels. A pixel "
        "counts as moved out if it lies outside the part of the image that the result shows, so "
        f"that enlarging or shrinking what is seen loses nothing. {ink}.",
        "An image counts as mirrored or turned if the affine map that fits these places best does "
        "that; as enlarged or shrunk a lot if the map does it more than "
        f"{effects.ZOOMED} times along an axis; as bent a lot if the root mean square of what the "
        f"map doesn't explain is above {_share(effects.BENT)} of the side.",
        "For inverted and barely related grey levels only the transforms that don't move pixels "
        "are done: the correlation with the image they are given is below "
        f"{MINUS}{effects.ALIKE} or below {effects.ALIKE}. Gaps are those that an image of the "
        f"background alone shows: they differ from it by more than {effects.UNLIKE} grey levels.",
        "An image counts as empty if it is of one colour, or of nothing but background, and wasn't "
        "so before; as unchanged if it has the same bytes.",
        f"A note appears when at least {_share(SHARE)} of the images are affected "
        f"({_share(EMPTY)} for empty ones, {_share(OFTEN)} for unchanged ones). It names the "
        f"transforms that, done alone to {few:,} images, affect at least that share. AugMix "
        "and what mixes images count only for empty and unchanged ones.",
    ]


def _share(share: float) -> str:
    """A share in percent, never rounded to nothing or to all."""
    text = percent(share, 1)
    if share > 0 and text == "0.0":
        return "< 0.1 %"
    if share < 1 and text == "100.0":
        return "> 99.9 %"
    return f"{text.removesuffix('.0')} %"


def _names(dataset: Dataset, labels: Sequence[int] | np.ndarray) -> list[str]:
    return [clipped(dataset.class_names[label], 40) for label in labels]


# The picture --------------------------------------------------------------------------------------

SIDE, GAP, LINE, MARGIN = 56, 6, 20, 150  # pixels: of an image, between them, of text, of titles
PAGE = MARGIN + (VERSIONS + 1) * (SIDE + GAP) + GAP


def sheet(made: Preview) -> Image.Image:
    """The page's pictures and notes in one picture."""
    font, small = ImageFont.load_default(14), ImageFont.load_default(10)
    pen = ImageDraw.Draw(Image.new("RGB", (1, 1)))

    def wrapped(text: str, room: float, used: Any, most: int = 99) -> list[str]:
        lines = [""]
        for word in re.split(r"[ \n\t]+", text.replace(MINUS, "-")):  # the font has no minus
            word = word.replace(UNBROKEN, " ")
            longer = f"{lines[-1]} {word}".strip()
            if lines[-1] and pen.textlength(longer, used) > room:
                lines.append(word)
            else:
                lines[-1] = longer
        lines = lines if len(lines) <= most else [*lines[: most - 1], f"{lines[most - 1]}…"]
        return [_fitting(pen, line, room, used) for line in lines]

    width, height = made.dataset.image_shape[1], made.dataset.image_shape[0]
    scale = SIDE / max(width, height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    how = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BOX
    blocks: list[tuple[int, Callable[[Image.Image, ImageDraw.ImageDraw, int], None]]] = []

    def text(words: str, used: Any = font) -> None:
        lines = wrapped(words, PAGE - 2 * GAP, used)

        def draw(sheet: Image.Image, pen: ImageDraw.ImageDraw, top: int) -> None:
            for place, line in enumerate(lines):
                pen.text((GAP, top + place * LINE), line, "black", used)

        blocks.append((len(lines) * LINE + GAP, draw))

    def row(one: Row) -> None:
        title = wrapped(one.title, MARGIN - 2 * GAP, font, 3)
        below = [
            [part for line in tile.text.split("\n") for part in wrapped(line, SIDE, small, 4)]
            for tile in one.tiles
        ]
        words = wrapped(one.text, PAGE - MARGIN - GAP, small, 4) if not one.tiles else []
        tall = max(
            (size[1] + 12 * max(map(len, below), default=0)) if one.tiles else 12 * len(words),
            17 * len(title),
        )

        def draw(sheet: Image.Image, pen: ImageDraw.ImageDraw, top: int) -> None:
            for place, line in enumerate(title):
                pen.text((GAP, top + 17 * place), line, "black", font)
            for place, line in enumerate(words):
                pen.text((MARGIN, top + 12 * place), line, "black", small)
            for place, (tile, lines) in enumerate(zip(one.tiles, below, strict=True)):
                left = MARGIN + place * (SIDE + GAP)
                picture = Image.fromarray(tile.image).convert("RGB").resize(size, how)
                sheet.paste(picture, (left, top))
                for number, line in enumerate(lines):
                    pen.text((left, top + size[1] + 12 * number), line, "black", small)

        blocks.append((tall + GAP, draw))

    text(f"What policy {made.policy} makes of {made.dataset.name}")
    for note in made.notes:
        text(f"- {note}")
    for one in made.grid:
        row(one)
    if made.steps:
        text("Each transform alone, from weak to strong")
    for one in itertools.chain(made.steps, made.worst):
        row(one)
    sheet = Image.new("RGB", (PAGE, sum(tall for tall, _ in blocks) + 2 * GAP), "#dddddd")
    top, pen = GAP, ImageDraw.Draw(sheet)
    for tall, draw in blocks:
        draw(sheet, pen, top)
        top += tall
    return sheet


def _fitting(pen: ImageDraw.ImageDraw, text: str, room: float, font: Any) -> str:
    while pen.textlength(text, font) > room and len(text) > 1:
        text = f"{text[:-2]}…"
    return text
