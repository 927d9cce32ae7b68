"""Arrays as people store images and labels, brought to one form.

Images become `[N, H, W]` or RGB `[N, H, W, 3]`, whatever the order of their axes, and uint8,
whatever their scale; labels become 0, 1, … with names. Nothing is guessed in silence: what was
done is a note, and what is unclear is refused.
"""

import math
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mnist_aug.data import plausibility
from mnist_aug.errors import UserError

LARGEST_SIDE = 256  # pixels; what the engine takes
MOST_CLASSES = 10_000
LOW = 0.5  # of the range; an image set whose maximum is below uses another scale, or is too dark
SURE = 16  # no image set with 8 bits ends here, or below
FEW = 0.04  # share of pixels that are not 0; drawings have several times as many
REACHED = 0.1  # share of the images that reach a low maximum, if it is the scale's end
ROWS = 2**24  # numbers that are converted at once


# Images -------------------------------------------------------------------------------------------


def arranged(place: str, images: np.ndarray, count: int) -> tuple[np.ndarray, list[str]]:
    """Images `[N, H, W]`, or with a last axis of 3 or 4 channels, in the dtype that they have.

    Takes `[N, H, W]`, `[N, H, W, C]`, `[N, C, H, W]`, as PyTorch has it, `[H, W, N]` and
    `[H, W, C, N]`, as MATLAB has it, and flattened ones `[N, P]` and `[P, N]`, where P is a square,
    or three times a square. How these are folded is said in a note.

    Args:
        place: what to call them in a message.
        images: numbers.
        count: N, the number of labels.

    Raises:
        UserError: the shape is none of these, or of another number of images, or flattened images
            are seen not to be square.
    """
    given = list(images.shape)
    if images.ndim == 3 and 1 in images.shape[1:] and images.shape[0] == count:
        images = images.reshape(count, -1)  # [N, P, 1] and [N, 1, P]
    if images.ndim == 2 and count in images.shape:
        flat = images if images.shape[0] == count else images.T
        return _unflattened(place, flat)
    if images.ndim == 3:
        if images.shape[0] == count:
            return images, []
        if images.shape[2] == count:
            return np.moveaxis(images, 2, 0), []
    if images.ndim == 4:
        if images.shape[0] != count and images.shape[3] == count:
            images = np.moveaxis(images, 3, 0)
        if images.shape[0] == count:
            if images.shape[3] not in (1, 3, 4) and images.shape[1] in (1, 3, 4):
                images = np.moveaxis(images, 1, 3)
            if images.shape[3] == 1:
                return images[..., 0], []
            if images.shape[3] in (3, 4):
                return images, []
    raise UserError(
        f"{place} has shape {given}, and there are {count:,} labels: images must be [N, H, W] or "
        "[N, H, W, 3], with one label each"
    )


def _unflattened(place: str, flat: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Images of rows of pixels, and a note unless they are of MNIST's size."""
    count, pixels = flat.shape
    remedy = "store images as [N, H, W] or [N, H, W, 3], or call a table's columns r0c0, r0c1, …"
    side = math.isqrt(pixels)
    if side * side == pixels:
        images, width, form = flat.reshape(count, side, side), side, f"{side} by {side} pixels"
    else:
        side = math.isqrt(pixels // 3)
        if 3 * side * side != pixels:
            raise UserError(
                f"{place} has {pixels:,} numbers for each image, which make no square, grey or "
                f"RGB: {remedy}"
            )
        images, width = _in_colour(flat, side)
        form = f"{side} by {side} pixels in colour"
    better = plausibility.better_width(flat, width)
    if better:
        raise UserError(
            f"{place} has {pixels:,} numbers for each image, which would be taken as {form}, but "
            f"make far smoother images of {pixels // better} by {better}: {remedy}"
        )
    as_mnist = pixels == 28 * 28
    return images, [] if as_mnist else [f"rows of {pixels:,} numbers are taken as {form}"]


def _in_colour(flat: np.ndarray, side: int) -> tuple[np.ndarray, int]:
    """RGB images of rows of pixels, and how many numbers a row of an image has there."""
    count = len(flat)
    planes, inner = flat.reshape(count, 3, side, side), flat.reshape(count, side, side, 3)
    few = slice(0, 64)
    # Neighbours are alike in the order that is right.
    rough = [
        float(np.abs(np.diff(one[few].astype(np.float64), axis=axis)).mean())
        for one, axis in ((planes, 3), (inner, 2))
    ]
    return (np.moveaxis(planes, 1, 3), side) if rough[0] <= rough[1] else (inner, 3 * side)


@dataclass(frozen=True)
class Scale:
    """How stored numbers become grey levels: (value + `offset`) times `factor`.

    `top` is the stored value that becomes 255, and `words` say what was done, if anything.
    """

    offset: float
    factor: float
    top: float
    words: str = ""
    warning: str = ""


def scale_of(place: str, images: np.ndarray) -> Scale:
    """The scale of stored pixels.

    Args:
        place: what to call them in a message.
        images: numbers `[N, …]`, at least one.

    Raises:
        UserError: no scale fits.
    """
    low, high = float(images.min()), float(images.max())
    whole = images.dtype.kind in "biu"
    span = f"{low:g} to {high:g}"
    if not (math.isfinite(low) and math.isfinite(high)):
        raise UserError(f"{place} holds values that are not numbers (NaN or infinity): remove them")
    if low == high:
        raise UserError(f"{place} holds {low:g} in every pixel: the images are blank")
    if images.dtype.kind == "b":
        return Scale(0, 255, 1, "pixels are true or false: they are taken as 255 and 0")
    if low < 0:
        if not whole and -1.01 <= low < -0.5 and 0.5 < high <= 1.01:
            return Scale(1, 127.5, 1, f"pixels range from {span}: they are scaled to 0 to 255")
        raise UserError(
            f"{place} holds values from {span}, so they were standardised or are not pixels: store "
            "them as 0 to 255, or as 0 to 1"
        )
    if not whole:
        if high <= 1.25:
            cut = " and clipped" if high > 1.0001 else ""
            return Scale(0, 255, 1, f"pixels range from {span}: they are multiplied by 255{cut}")
        if high > 256 or (high > 255.5 and not _is_whole(images)):
            raise UserError(
                f"{place} holds pixels from {span}: store them as 0 to 255, or as 0 to 1"
            )
    if high <= 1:
        share = float(np.count_nonzero(images)) / images.size
        cut = (
            f"only {100 * share:.1f} % of the pixels are not 0: if values from 0 to 1 were "
            "truncated to whole numbers, multiply them by 255 first"
        )
        words = "the brightest pixel is 1: all are multiplied by 255"
        return Scale(0, 255, 1, words, cut if share < FEW else "")
    for top in (255, 1023, 4095, 65535):
        if high <= top and (whole or top == 255):
            return _of_bits(images, high, top)
    raise UserError(f"{place} holds pixels from {span}: store them as 0 to 255, or as 0 to 1")


def _of_bits(images: np.ndarray, high: float, top: int) -> Scale:
    words = ""
    if top > 255:
        words = f"pixels reach {high:g}: {top.bit_length()} bits are scaled to 8"
    if high >= LOW * top:
        return Scale(0, 255 / top, top, words)
    brightest = images.reshape(len(images), -1).max(axis=1)
    if high <= SURE or (brightest == high).mean() >= REACHED:
        return Scale(
            0, 255 / high, high, f"the brightest pixel is {high:g}: all are scaled to reach 255"
        )
    return Scale(
        0,
        255 / top,
        top,
        words,
        f"the brightest pixel is {high:g} of {top}: if the images use another scale, store "
        "them as 0 to 255",
    )


def _is_whole(images: np.ndarray) -> bool:
    return bool((images[:1000] == np.floor(images[:1000])).all())


def check_same_scale(place: str, parts: Mapping[str, np.ndarray]) -> None:
    """That images are on the scale of the first ones.

    Args:
        place: what to call all of them in a message.
        parts: numbers `[N, …]`, at least one image each, by what to call them in a message.

    Raises:
        UserError: they are not, or no scale fits.
    """
    (one, first), *others = parts.items()
    scale, low, high = scale_of(f"{place} ({one})", first), float(first.min()), float(first.max())
    for other, images in others:
        own = scale_of(f"{place} ({other})", images)
        least, most = float(images.min()), float(images.max())
        # A part of the images need not reach the brightest value of all.
        close = scale.offset == own.offset and high / 1.5 <= most <= high * 1.1
        if (scale.offset, scale.factor) != (own.offset, own.factor) and not close:
            raise UserError(
                f"{place}: {one} range from {low:g} to {high:g} but {other} from {least:g} to "
                f"{most:g}: they are on different scales, so no verdict could be right; use the "
                "same scale for all"
            )


def as_uint8(images: np.ndarray, scale: Scale) -> np.ndarray:
    """Grey levels uint8 of stored numbers, rounded, cut to 0 to 255; the array itself if it is."""
    if images.dtype == np.uint8 and (scale.offset, scale.factor) == (0, 1):
        return images
    made = np.empty(images.shape, np.uint8)
    step = max(1, ROWS // max(1, images[0].size))
    for start in range(0, len(images), step):
        part = images[start : start + step].astype(np.float64)
        made[start : start + step] = np.rint(((part + scale.offset) * scale.factor).clip(0, 255))
    return made


def grey_or_rgb(place: str, images: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """uint8 `[N, H, W]` or `[N, H, W, 3]`, of those with three or four channels or none.

    Transparent pixels are shown on white. What was done is said in notes.

    Raises:
        UserError: the images are too large.
    """
    notes = []
    if images.ndim == 4 and images.shape[3] == 4:
        alpha = images[..., 3:]
        clear = float(((alpha == 0) | (alpha == 255)).mean())
        if clear < 0.5:
            raise UserError(
                f"{place} holds images with a fourth channel that isn't transparency (only "
                f"{clear:.0%} of it is 0 or the maximum): store three channels"
            )
        if (alpha != 255).any():
            share = alpha.astype(np.float32) / 255
            images = np.rint(images[..., :3] * share + 255 * (1 - share)).astype(np.uint8)
            notes.append("Images have transparent pixels: they are shown on white")
        images = images[..., :3]
    if images.ndim == 4 and (images == images[..., :1]).all():
        images = images[..., 0]
        notes.append("The three channels are equal: the images are taken as grey")
    if max(images.shape[1:3]) > LARGEST_SIDE:
        height, width = images.shape[1:3]
        target = shlex.join([place, f"{Path(place).resolve().name}-64x64", "64", "64"])
        how = f": python -m mnist_aug.data.formats.pictures {target}"
        raise UserError(
            f"{place} holds images of {height} by {width} pixels, and at most {LARGEST_SIDE} a "
            f"side are supported; reduce them first{how if Path(place).is_dir() else ''}"
        )
    return images, notes


def in_one_colour(parts: list[np.ndarray]) -> list[np.ndarray]:
    """Images `[N, H, W]` and `[N, H, W, 3]`, all as RGB if some are."""
    if all(one.ndim == parts[0].ndim for one in parts):
        return parts
    return [np.repeat(one[..., None], 3, axis=3) if one.ndim == 3 else one for one in parts]


# Labels -------------------------------------------------------------------------------------------


def flat_labels(place: str, labels: np.ndarray) -> np.ndarray:
    """Labels `[N]`, int64 or text, of `[N]`, `[N, 1]`, `[1, N]`, one-hot `[N, K]` or `[K, N]`.

    Of QMNIST's `[N, 8]`, whose other columns say who wrote an image, the first column.

    Raises:
        UserError: they are none of these.
    """
    given = list(labels.shape)
    if labels.ndim == 2 and 1 in labels.shape:
        labels = labels.reshape(-1)
    if labels.ndim == 2 and labels.dtype.kind in "biuf":
        for hot in (labels, labels.T):  # MATLAB's have a column for each image
            if is_one_hot(hot):
                return hot.argmax(axis=1)
        if labels.shape[1] == 8 and labels.dtype.kind in "iu":
            return labels[:, 0].astype(np.int64)
        raise UserError(
            f"{place} holds labels {given} that are not one-hot (one 1 in each row): "
            "each image needs one class"
        )
    if labels.ndim != 1:
        raise UserError(f"{place} holds labels {given}: one for each image is needed, [N]")
    if labels.dtype.kind == "f":
        broken = labels[~np.isfinite(labels) | (labels != np.floor(labels))]
        if len(broken):
            raise UserError(
                f"{place} holds labels such as {broken[0]:g}: they must be whole numbers or text"
            )
        return labels.astype(np.int64)
    if labels.dtype.kind in "biu":
        return labels.astype(np.int64)
    if labels.dtype.kind == "U":
        texts = np.char.strip(labels)
        if empty := int((texts == "").sum()):
            raise UserError(
                f"{place} holds {empty:,} labels that are empty: label these images, or leave them "
                "out"
            )
        return texts
    raise UserError(f"{place} holds labels of type {labels.dtype}: give whole numbers or text")


def is_one_hot(labels: np.ndarray) -> bool:
    """Whether each row holds one 1, and 0 else, or -1."""
    if labels.shape[1] < 2 or not np.isin(labels[:1], (-1, 0, 1)).all():
        return False
    hot, low = labels == 1, labels.min()
    return bool(low in (-1, 0) and (hot | (labels == low)).all() and (hot.sum(axis=1) == 1).all())


def natural(name: str) -> list:
    """A key that sorts 2 before 10, and numbers before words."""
    return [
        (0, int(part), "") if part.isdecimal() else (1, 0, part.casefold())
        for part in re.findall(r"[0-9]+|[^0-9]+", name)
    ] + [(2, 0, name)]


def classes_of(labels: np.ndarray) -> list:
    """The classes among labels, in order: numbers by value, texts naturally."""
    found = np.unique(labels)
    return sorted(found.tolist(), key=natural) if labels.dtype.kind == "U" else found.tolist()


def numbered(labels: np.ndarray, classes: list) -> np.ndarray:
    """int32 `[N]`: the places of labels among the classes, all of which must be there."""
    order = np.argsort(np.array(classes))
    return order[np.searchsorted(np.array(classes)[order], labels)].astype(np.int32)
