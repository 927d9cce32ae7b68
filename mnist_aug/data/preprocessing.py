"""Preparation: a photo, scan or drawing of one digit brought to the form of MNIST's images.

The steps are those of LeCun et al. 1998 (crop, fit into 20 by 20, centre by mass in 28 by 28),
after what a picture off a desk needs first: even light, bright ink on dark ground, one digit
alone, and a stroke about as wide as MNIST's. They use nothing but averages, minima and sums, so
that a page can do the same in a browser.
"""

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from mnist_aug.data.formats import stored
from mnist_aug.errors import UserError

if TYPE_CHECKING:
    from PIL import Image

SIDE, BOX = 28, 20
WORKING = 256  # the longer side is reduced to so many pixels first
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")  # JPEG includes MPO
MAX_PIXELS = 50_000_000
MAX_SIDE = 65_535  # JPEG's limit
MAX_BYTES = 2**28
STRIP = 2**20  # pixels whose brightness is computed at once
GROUND = 0.14  # of the longer side: half the width of what counts as ground, not ink
LEAST_CONTRAST = 24  # grey levels between ink and ground
THIN, THICK = 2.2, 3.6  # pixels of stroke in the 20 by 20 box; thinner and thicker ones are mended

# Without any handler, Python itself would write what Pillow logs of a damaged file to stderr.
logging.getLogger("PIL").addHandler(logging.NullHandler())


@dataclass(frozen=True)
class Prepared:
    """An image uint8 [28, 28] as MNIST's are, and what makes it doubtful, in words."""

    image: np.ndarray
    doubts: tuple[str, ...]


def read(path: Path) -> np.ndarray:
    """The grey picture in a file, float32 [H, W] in [0, 255], turned as EXIF says, on white paper.

    Of a file with several pictures, the first. Only `FORMATS` are tried: what phones, scanners and
    drawing programs write, and no more, as each format brings a decoder that may have faults.
    Reading takes at most 1.25 GiB of memory, and 200 MiB for a PNG of 12 million pixels.

    Raises:
        UserError: the file is missing, no picture, damaged, or larger than `MAX_PIXELS`,
            `MAX_SIDE` or `MAX_BYTES`.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        file = stored.opened(path)
    except FileNotFoundError:
        raise UserError(f"{path} is not there: give the path of a picture") from None
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path} can't be read ({getattr(error, 'strerror', error)}): give a PNG "
            "or JPEG, and check its permissions"
        ) from None
    with file, warnings.catch_warnings(), silent_libtiff():
        warnings.simplefilter("ignore")  # a picture with a flaw is read, or refused in one line
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        if os.fstat(file.fileno()).st_size > MAX_BYTES:
            raise UserError(f"{path} is larger than {MAX_BYTES // 2**20} MiB: give a smaller file")
        try:
            with Image.open(file, formats=FORMATS) as picture:
                if picture.width * picture.height > MAX_PIXELS or max(picture.size) > MAX_SIDE:
                    raise UserError(
                        f"{path} has {picture.width} by {picture.height} pixels: give "
                        f"a picture of {MAX_PIXELS // 10**6} million or fewer, and "
                        f"of {MAX_SIDE:,} a side"
                    )
                ImageOps.exif_transpose(picture, in_place=True)
                return _grey(picture)
        except UserError:
            raise
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise UserError(
                f"{path} is too large: give a picture of {MAX_PIXELS // 10**6} million "
                "pixels or fewer"
            ) from None
        except UnidentifiedImageError:
            raise UserError(f"{path} is not a readable picture: give a PNG or JPEG") from None
        except Exception as error:  # a decoder may throw anything at a damaged file
            reason = (str(error).strip() or type(error).__name__).splitlines()[0][:160]
            raise UserError(
                f"{path} is not a readable picture ({reason}): give a PNG or JPEG"
            ) from None


@contextmanager
def silent_libtiff() -> Iterator[None]:
    """libtiff writes its complaints to the process's stderr, past Python."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _grey(picture: "Image.Image") -> np.ndarray:
    """The brightness of a PIL image over white, some rows at a time, so that memory is bounded."""
    grey = np.empty((picture.height, picture.width), np.float32)
    rows = max(1, STRIP // max(1, picture.width))
    for top in range(0, picture.height, rows):
        bottom = min(top + rows, picture.height)
        strip = picture.crop((0, top, picture.width, bottom))
        if strip.mode.startswith("I"):  # 16 bits
            grey[top:bottom] = (np.asarray(strip, np.float32) / 257).clip(0, 255)
            continue
        pixels = np.asarray(strip.convert("RGBA"), np.float32)
        alpha = pixels[..., 3:] / 255
        grey[top:bottom] = (pixels[..., :3] * alpha + 255 * (1 - alpha)) @ np.array(
            [0.299, 0.587, 0.114], np.float32
        )
    return grey


def prepare(grey: np.ndarray) -> Prepared:
    """A picture of one digit, dark on light or light on dark, as MNIST would have it.

    Args:
        grey: float or uint8 [H, W] in [0, 255].

    Raises:
        UserError: there is no ink in it.
    """
    if not np.size(grey):
        raise UserError("there are no pixels in the picture: give one of a digit")
    ink = _ink(reduced(np.asarray(grey, np.float32)))
    few = max(9, ink.size // 1000)
    peak = float(np.sort(ink, axis=None)[-few:].mean())
    if peak < LEAST_CONTRAST:
        raise UserError(
            "there is no digit in the picture: draw one, dark on light or light on dark"
        )
    kept, doubts = _one_digit(ink > 0.4 * peak, ink)
    near = cv2.dilate(kept.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    strokes = np.where(near, (ink / peak - 0.25).clip(0, 0.5) * 2, 0).astype(np.float32)
    strokes = _cropped(_mended(_cropped(strokes), doubts))
    height, width = strokes.shape
    if width > 1.6 * height:
        doubts.append("it is wider than a digit")
    return Prepared(_centred(_fitted(strokes)), tuple(doubts))


def reduced(grey: np.ndarray) -> np.ndarray:
    """A picture [H, W] whose longer side is at most `WORKING`."""
    height, width = grey.shape
    scale = WORKING / max(height, width)
    if scale >= 1:
        return grey
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA)


def _ink(grey: np.ndarray) -> np.ndarray:
    """Bright ink on a ground of 0, however the light falls; float32 [H, W]."""
    smooth = cv2.blur(grey, (3, 3), borderType=cv2.BORDER_REPLICATE)
    edge = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    if np.median(edge) > (smooth.min() + smooth.max()) / 2:
        grey, smooth = 255 - grey, 255 - smooth
    # An opening keeps what is wider than any stroke: the ground, with the edges of its shadows.
    window = np.ones((2 * round(GROUND * max(grey.shape)) + 1,) * 2, np.uint8)
    return (grey - cv2.morphologyEx(smooth, cv2.MORPH_OPEN, window)).clip(0, None)


def _one_digit(mask: np.ndarray, ink: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """The largest mark with the pieces that belong to it, and doubts about the others."""
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=8
    )
    places = labels.ravel().astype(np.intp)
    weights = np.bincount(places, weights=ink.ravel(), minlength=count)[1:]
    left, top, width, height = boxes[1:, :4].T
    right, bottom = left + width, top + height
    inside = (left > 0) & (top > 0) & (right < mask.shape[1]) & (bottom < mask.shape[0])
    # A shadow or the table's edge runs out of the picture; the digit does so only if all does.
    order = np.where(inside, weights, weights * 0.1)
    main = int(order.argmax())
    reach = 0.35 * max(width[main], height[main])
    gap = np.maximum(
        np.maximum(left[main] - right, left - right[main]),
        np.maximum(top[main] - bottom, top - bottom[main]),
    )
    belongs = (weights >= 0.05 * weights[main]) & (gap <= reach) & (inside | ~inside[main])
    belongs[main] = True
    others = (weights >= 0.3 * weights[main]) & ~belongs & inside
    doubts = []
    if others.any():
        doubts.append(f"there are {int(others.sum()) + 1} marks, and the largest is read")
    if not inside[main]:
        doubts.append("it runs out of the picture")
    return np.isin(labels, 1 + np.flatnonzero(belongs)), doubts


def _cropped(strokes: np.ndarray) -> np.ndarray:
    rows, columns = np.flatnonzero(strokes.any(1)), np.flatnonzero(strokes.any(0))
    return strokes[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _mended(strokes: np.ndarray, doubts: list[str]) -> np.ndarray:
    """Strokes made wider or narrower where MNIST's would be."""
    mask = (strokes > 0.5).astype(np.uint8)
    area = int(mask.sum())
    inner = cv2.erode(np.pad(mask, 1), cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)))
    stroke = 2 * area / max(1, area - int(inner.sum()))  # of width w and length l: w l and 2 l
    if area > 0.8 * mask.size and min(mask.shape) > 0.5 * max(mask.shape):
        doubts.append("it is a blot rather than strokes")
    scale = BOX / max(strokes.shape)
    if stroke * scale < THIN - 0.4:
        radius = max(1, round((THIN / scale - stroke) / 2))
        return cv2.dilate(np.pad(strokes, radius), np.ones((2 * radius + 1,) * 2, np.uint8))
    if stroke * scale > THICK + 0.9:
        radius = round((stroke - THICK / scale) / 2)
        narrow = cv2.erode(np.pad(strokes, radius), np.ones((2 * radius + 1,) * 2, np.uint8))
        if (narrow > 0.5).sum() > 0.1 * area:
            return narrow
    return strokes


def _fitted(strokes: np.ndarray) -> np.ndarray:
    """Strokes in a box of 20 by 20, the longer side as long as the box; brightest 1."""
    scale = BOX / max(strokes.shape)
    height, width = (max(1, round(side * scale)) for side in strokes.shape)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    fitted = cv2.resize(strokes, (width, height), interpolation=how)
    return fitted / fitted.max()


def _centred(strokes: np.ndarray) -> np.ndarray:
    """uint8 [28, 28] with the centre of mass of the strokes in the middle."""
    height, width = strokes.shape
    mass = strokes.sum()
    top = round(SIDE / 2 - float(strokes.sum(1) @ np.arange(height)) / mass)
    left = round(SIDE / 2 - float(strokes.sum(0) @ np.arange(width)) / mass)
    top, left = np.clip(top, 0, SIDE - height), np.clip(left, 0, SIDE - width)
    field = np.zeros((SIDE, SIDE), np.uint8)
    field[top : top + height, left : left + width] = np.rint(strokes * 255)
    return field
