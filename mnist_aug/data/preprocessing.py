"""Preparation: a photo, scan or drawing brought to the form of the images that a network reads.

A drawn digit or character first becomes an image as MNIST's are. The steps are those of LeCun et
al. 1998 (crop, fit into 20 by 20, centre by mass in 28 by 28), after what a picture off a desk
needs first: even light, bright ink on dark ground, one digit alone, and a stroke about as wide as
MNIST's. They use nothing but averages, minima and sums, so that a page can do the same in a
browser. Any other picture is cropped about its middle and reduced.
"""

import logging
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from mnist_aug.data import isolation
from mnist_aug.data.formats import heic, stored
from mnist_aug.errors import UserError

if TYPE_CHECKING:
    from PIL import Image

SIDE, BOX = 28, 20
BOX_TOLERANCE = 0.08  # shares of the side by which a network's images may differ from MNIST's box
WORKING = 256  # the longer side is reduced to so many pixels first
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")  # JPEG includes MPO
MAX_PIXELS = 50_000_000
MAX_SIDE = 65_535  # JPEG's limit
MAX_BYTES = 2**28
STRIP = 2**20  # pixels whose brightness is computed at once
LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green, blue (ITU-R BT.601)
DARK_SHARE = 0.01  # of what shows in a transparent picture, at most, where its ink is light
FINE = 0.05  # of the longer side: half the width of what may be strokes in uneven light
GROUND = 0.14  # of the longer side: half the width of what counts as ground, not ink
FAINT = 0.25  # of the ink's strength: what is more may be part of a line or frame
MARK = 0.4  # of the ink's strength: what is more is a mark
NO_TIE = 0.003  # grey levels: where ink is just at such a limit, rounding errors would decide
PANELS = 4  # within one another, at most, less one
ONE_GROUND = 0.8  # of the edge, at least, where the picture is not cropped to its ink
LEAST_CONTRAST = 24  # grey levels between ink and ground
SAMPLE = 60  # images by which it is told whether a set's are drawings
BLUR = 0.18  # of the side: how wide strokes are blurred to compare them
THIN, THICK = 2.2, 3.6  # pixels of stroke in the 20 by 20 box; thinner and thicker ones are mended

# Without any handler, Python itself would write what Pillow logs of a damaged file to stderr.
logging.getLogger("PIL").addHandler(logging.NullHandler())


@dataclass(frozen=True)
class Form:
    """What a network reads.

    Attributes:
        image_shape: (H, W), or (H, W, 3).
        background: the colour around what the images show, None where it isn't one.
        kind: what an image shows: "digit", "character" (drawn ones, both) or "image".
        class_names: in order of the classes; empty if unknown.
        box: the share of the shorter side that the longer side of what is drawn fills.
    """

    image_shape: tuple[int, ...] = (SIDE, SIDE)
    background: int | tuple[int, ...] | None = 0
    kind: str = "digit"
    class_names: tuple[str, ...] = ()
    box: float = BOX / SIDE

    @classmethod
    def of(cls, dataset: Mapping[str, Any]) -> "Form":
        """The form of a dataset as manifests hold it; what old ones lack is MNIST's."""
        background = dataset.get("background", 0)
        return cls(
            tuple(dataset.get("image_shape", (SIDE, SIDE))),
            tuple(background) if isinstance(background, list) else background,
            dataset.get("kind", "digit"),
            tuple(dataset.get("class_names") or map(str, range(dataset.get("classes", 0)))),
        )

    @property
    def is_drawn(self) -> bool:
        """Whether the images are of drawn digits or characters."""
        return self.kind != "image"

    @property
    def in_colour(self) -> bool:
        """Whether pictures are to be read in colour: a drawing's own colour means nothing."""
        return len(self.image_shape) == 3 and not self.is_drawn

    @property
    def paper(self) -> int | tuple[int, ...] | None:
        """What transparent pictures lie on, as `read` takes it."""
        return None if self.is_drawn else 255 if self.background is None else self.background


@dataclass(frozen=True)
class Prepared:
    """An image uint8 as the network's are, and what was done to the picture or is odd in it."""

    image: np.ndarray
    notes: tuple[str, ...] = ()


def read(
    path: Path, in_colour: bool = False, paper: int | tuple[int, ...] | None = None
) -> np.ndarray:
    """The picture in a file, turned as EXIF says.

    Grey, it is float32 [H, W] in [0, 255], in colour uint8 [H, W, 3]. Of a file with several
    pictures, the first. Only `FORMATS` are tried: what phones, scanners and drawing programs
    write, and no more, as each format brings a decoder that may have faults. Reading takes at most
    1.25 GiB of memory, and 200 MiB for a PNG of 12 million pixels.

    Args:
        paper: what shows through where the picture is transparent, grey or RGB, 0 to 255; if
            None, white, or black where all that is drawn is light.

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
            with Image.open(file, formats=(*FORMATS, *heic.formats())) as picture:
                if picture.width * picture.height > MAX_PIXELS or max(picture.size) > MAX_SIDE:
                    raise UserError(
                        f"{path} has {picture.width} by {picture.height} pixels: give "
                        f"a picture of {MAX_PIXELS // 10**6} million or fewer, and "
                        f"of {MAX_SIDE:,} a side"
                    )
                ImageOps.exif_transpose(picture, in_place=True)
                return _pixels(picture, in_colour, paper)
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


def _pixels(
    picture: "Image.Image", in_colour: bool, paper: int | tuple[int, ...] | None
) -> np.ndarray:
    """A PIL image over paper, as `read` has it, some rows at a time, so that memory is bounded."""
    if paper is None:
        paper = 0 if _is_light_alone(picture) else 255
    ground = np.broadcast_to(np.asarray(paper, np.float32), 3)
    size = picture.height, picture.width
    found = np.empty((*size, 3), np.uint8) if in_colour else np.empty(size, np.float32)
    for top, strip in _strips(picture):
        bottom = top + strip.height
        if strip.mode.startswith("I"):  # 16 bits
            grey = (np.asarray(strip, np.float32) / 257).clip(0, 255)
            found[top:bottom] = grey.round()[..., None] if in_colour else grey
            continue
        pixels = np.asarray(strip.convert("RGBA"), np.float32)
        alpha = pixels[..., 3:] / 255
        colours = pixels[..., :3] * alpha + ground * (1 - alpha)
        found[top:bottom] = colours.round() if in_colour else colours @ LUMINANCE
    return found


def _strips(picture: "Image.Image") -> "Iterator[tuple[int, Image.Image]]":
    """The rows of a picture, `STRIP` pixels or fewer at a time, with the first one's number."""
    rows = max(1, STRIP // max(1, picture.width))
    for top in range(0, picture.height, rows):
        yield top, picture.crop((0, top, picture.width, min(top + rows, picture.height)))


def _is_light_alone(picture: "Image.Image") -> bool:
    """Whether a picture is transparent, and what shows is light: white ink, say."""
    if not picture.has_transparency_data:
        return False
    clear, shows, dark = 0, 0.0, 0.0
    for _, strip in _strips(picture):
        pixels = np.asarray(strip.convert("RGBA"), np.float32)
        alpha = pixels[..., 3]
        clear += int((alpha < 127.5).sum())
        shows += float(alpha.sum(dtype=float))
        dark += float(alpha[pixels[..., :3] @ LUMINANCE < 127.5].sum(dtype=float))
    return clear > 0 and dark <= DARK_SHARE * shows


def brought(picture: np.ndarray, form: Form) -> Prepared:
    """A picture as a network reads it, uint8 of the form's shape.

    A drawing is prepared as MNIST would have it, brought to the size of the shorter side (and of
    what is drawn, where that differs from MNIST's), in the middle of a background as the network's.
    Of any other picture the middle is taken, in the
    shape of the network's images, and its size averaged down, or interpolated up.

    Args:
        picture: as `read` gives it.

    Raises:
        UserError: there is nothing drawn in it.
    """
    if form.is_drawn:
        found = prepare(picture, form.kind)
        return replace(found, image=_painted(found.image, form))
    return _middle(picture, form)


def box_of(images: np.ndarray, background: int | tuple[int, ...]) -> float:
    """The share of the shorter side that the longer side of what is drawn fills, by the median.

    It is at most 1, although what is drawn in an oblong image may be longer.

    Args:
        images: uint8 `[N, H, W]` or `[N, H, W, 3]`.
        background: their background's colour.
    """
    ink = np.abs(images.astype(np.float32) - np.array(background, np.float32))
    ink = ink.reshape(*images.shape[:3], -1).max(axis=3)
    marked = ink > 0.25 * ink.max(axis=(1, 2), keepdims=True)
    extents = [
        max(int(np.ptp(np.flatnonzero(one.any(axis)))) + 1 for axis in (0, 1))
        for one in marked
        if one.any()
    ]
    return min(1.0, float(np.median(extents)) / min(images.shape[1:3])) if extents else BOX / SIDE


def sameness(images: np.ndarray, background: int) -> float:
    """How much images stay the same when they are prepared as drawings, by the median of a sample.

    Drawn characters on an even ground are cropped and centred as MNIST's digits are, or nearly,
    and have 0.6 to 1. Photographs are cut to what stands out in them, and have 0 to 0.5.

    Args:
        images: uint8 `[N, H, W]`.
        background: their background's grey level.

    Returns:
        the correlation of the ink, blurred as strokes are thin, and little moves them.
    """
    chosen = images[np.linspace(0, len(images) - 1, min(len(images), SAMPLE)).astype(int)]
    form = Form(images.shape[1:], background, "character", (), box_of(chosen, background))
    window = (max(1, round(BLUR * min(images.shape[1:]))),) * 2
    found = []
    for image in chosen:
        try:
            prepared = brought(image, form).image
        except UserError:  # nothing drawn is in it
            found.append(0.0)
            continue
        both = [
            cv2.blur(np.abs(one.astype(np.float32) - background), window).ravel()
            for one in (image, prepared)
        ]
        own, other = (one - one.mean() for one in both)
        length = float(np.linalg.norm(own) * np.linalg.norm(other))
        found.append(float(own @ other) / length if length else 0.0)
    return float(np.median(found))


def _painted(field: np.ndarray, form: Form) -> np.ndarray:
    """Bright ink on black, uint8 [28, 28], in the size and colours of the network's images."""
    height, width = form.image_shape[:2]
    side = min(height, width)
    if abs(form.box - BOX / SIDE) > BOX_TOLERANCE:
        strokes = _fitted(_cropped(field / np.float32(255)), max(1, round(form.box * side)))
        field = _centred(strokes, side)
    elif side != SIDE:
        how = cv2.INTER_AREA if side < SIDE else cv2.INTER_LINEAR
        field = cv2.resize(field, (side, side), interpolation=how)
    top, left = (height - side) // 2, (width - side) // 2
    ink = np.zeros((height, width), np.float32)
    ink[top : top + side, left : left + side] = field
    if len(form.image_shape) == 3:
        ink = ink[..., None]
    ground = np.array(0 if form.background is None else form.background, np.float32)
    bright = 0 if ground.mean() > 127.5 else 255
    painted: np.ndarray = np.rint(ground + (bright - ground) * (ink / 255)).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(painted, form.image_shape))


def _middle(picture: np.ndarray, form: Form) -> Prepared:
    if not np.size(picture):
        raise UserError("there are no pixels in the picture: give another")
    height, width = form.image_shape[:2]
    scale = min(picture.shape[0] / height, picture.shape[1] / width)
    rows, columns = (max(1, round(scale * length)) for length in (height, width))
    top, left = (picture.shape[0] - rows) // 2, (picture.shape[1] - columns) // 2
    how = cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR
    cut = np.ascontiguousarray(picture[top : top + rows, left : left + columns])
    image = np.rint(cv2.resize(cut, (width, height), interpolation=how)).astype(np.uint8)
    notes = []
    if form.background is not None:
        own, wanted = float(np.median(_edge(image))), float(np.mean(form.background))
        if abs(own - wanted) > 127.5:
            kinds = ("dark", "light")
            notes.append(
                f"its background is {kinds[own > wanted]}, and that of the images that the "
                f"networks were trained on is {kinds[own < wanted]}"
            )
    return Prepared(image, tuple(notes))


def prepare(grey: np.ndarray, what: str = "digit") -> Prepared:
    """A picture of one digit, dark on light or light on dark, as MNIST would have it.

    Args:
        grey: float or uint8 [H, W] in [0, 255].
        what: what to call it.

    Returns:
        Its image, [28, 28], is bright on black.

    Raises:
        UserError: there is no ink in it.
    """
    if not np.size(grey):
        raise UserError(f"there are no pixels in the picture: give one of a {what}")
    notes: list[str] = []
    ink, peak = _within_its_panel(reduced(np.asarray(grey, np.float32)), notes)
    if peak < LEAST_CONTRAST:
        raise UserError(
            f"there is no {what} in the picture, or it is too faint: give one of a {what} drawn "
            "dark on light or light on dark"
        )
    marks = ink > MARK * peak + NO_TIE
    if isolation.is_texture(marks):
        raise UserError(
            f"this is not a {what}: noise, rough paper or many small marks fill the picture: give "
            f"one of a {what}"
        )
    unframed, frames = isolation.without_frames(marks)
    faint = (ink > FAINT * peak + NO_TIE) & ~(marks & ~unframed)
    bare, lines = isolation.without_lines(unframed, faint)
    for name, count in ("frame", frames), ("line", lines):
        if count:
            notes.append(f"a {name} was removed" if count == 1 else f"{count} {name}s were removed")
    if not bare.any():
        raise UserError(f"there is no {what} in the picture but lines: give one of a {what}")
    if frames or lines:
        ink = np.where(isolation.near(marks & ~bare, 2) & ~isolation.near(bare, 1), 0, ink)
        ink = np.where(marks & ~bare, 0, ink)
    kept, further = _one_digit(bare, ink)
    strokes = np.where(isolation.near(kept, 2), (ink / peak - 0.25).clip(0, 0.5) * 2, 0).astype(
        np.float32
    )
    strokes = _cropped(_mended(_cropped(strokes)))
    field = _centred(_fitted(strokes))
    if isolation.is_blot(field):
        raise UserError(
            f"this is not a {what}: it is a blot rather than strokes: give a picture of a {what}"
        )
    return Prepared(field, (*notes, *further))


def _within_its_panel(grey: np.ndarray, notes: list[str]) -> tuple[np.ndarray, float]:
    """The ink of what stands in the innermost panel, float32 [H, W], and its strength."""
    for _ in range(PANELS):
        smooth = cv2.blur(grey, (3, 3), borderType=cv2.BORDER_REPLICATE)
        ink, peak = _ink(grey, smooth)
        box = isolation.panel(smooth > isolation.threshold(smooth))
        for share in (MARK, FAINT) if peak >= LEAST_CONTRAST else ():
            box = box or isolation.panel(ink > share * peak + NO_TIE)
        if box is None:
            break
        if not notes:
            notes.append("what surrounds it was removed")
        top, bottom, left, right = box
        grey = np.ascontiguousarray(grey[top:bottom, left:right])
    return ink, peak


def reduced(grey: np.ndarray) -> np.ndarray:
    """A picture [H, W] or [H, W, 3] whose longer side is at most `WORKING`."""
    height, width = grey.shape[:2]
    scale = WORKING / max(height, width)
    if scale >= 1:
        return grey
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA)


def _ink(grey: np.ndarray, smooth: np.ndarray) -> tuple[np.ndarray, float]:
    """Bright ink on a ground of 0, however the light falls, float32 [H, W], and its strength.

    Args:
        smooth: the picture, blurred.
    """
    light, dark = (grey, smooth), (255 - grey, 255 - smooth)
    share = float((_edge(smooth) > (smooth.min() + smooth.max()) / 2).mean())
    if max(share, 1 - share) >= ONE_GROUND:
        return _above_ground(*(dark if share > 0.5 else light))
    if _is_smooth(smooth):
        fine, dark_fine = _fine(smooth), _fine(255 - smooth)
        level = max(fine.max(), dark_fine.max()) / 2  # what is weaker may be gradients and noise
        return _above_ground(*(dark if (dark_fine > level).sum() > (fine > level).sum() else light))
    return _above_ground(*(dark if _is_cut_by_dark(smooth) else light))


def _fine(smooth: np.ndarray) -> np.ndarray:
    """How much lighter what is narrow is than what is around it, float32 [H, W]."""
    window = isolation.square(round(FINE * max(smooth.shape)))
    return smooth - cv2.morphologyEx(smooth, cv2.MORPH_OPEN, window)


def _above_ground(grey: np.ndarray, smooth: np.ndarray) -> tuple[np.ndarray, float]:
    # An opening keeps what is wider than any stroke: the ground, with the edges of its shadows.
    # Beyond the picture its ground goes on, so that strokes at the very edge are narrow, too.
    reach = round(GROUND * max(grey.shape))
    ground = np.minimum(smooth, np.median(smooth[smooth <= isolation.threshold(smooth)]))
    wide = np.pad(ground, reach + 1, mode="edge")
    inner = np.s_[reach + 1 : -reach - 1, reach + 1 : -reach - 1]
    wide[inner] = smooth
    opened = cv2.morphologyEx(wide, cv2.MORPH_OPEN, isolation.square(reach))
    ink = (grey - opened[inner]).clip(0, None)
    few = max(9, ink.size // 1000)
    return ink, float(np.sort(ink, axis=None)[-few:].mean())


def _is_cut_by_dark(smooth: np.ndarray) -> bool:
    """Whether the ink is dark in a picture cropped to it: strokes cut the ground into pieces."""
    level = isolation.threshold(smooth)
    light = smooth > level
    pieces, dark_pieces = isolation.pieces(light), isolation.pieces(~light)
    if pieces != dark_pieces:
        return pieces > dark_pieces
    return float(light[[0, 0, -1, -1], [0, -1, 0, -1]].mean() + _edge(light).mean()) > 1


def _edge(image: np.ndarray) -> np.ndarray:
    """The values along the four edges, those of the corners twice."""
    return np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])


def _is_smooth(smooth: np.ndarray) -> bool:
    """Whether the picture's edge changes gradually, as light does, and is not crossed by ink."""
    lag = max(1, round(0.02 * max(smooth.shape)))
    steps = [
        np.abs(one[lag:] - one[:-lag]).max(initial=0)
        for one in (smooth[0], smooth[-1], smooth[:, 0], smooth[:, -1])
    ]
    return bool(max(steps) < 0.25 * (smooth.max() - smooth.min()))


def _one_digit(mask: np.ndarray, ink: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """The largest mark with the pieces that belong to it, and notes on the others."""
    labels = isolation.joined(mask)
    weights = np.bincount(labels.ravel(), weights=ink.ravel())[1:]
    left, top, right, bottom = isolation.extents(labels)
    width, height = right - left, bottom - top
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
    notes = []
    if others.any():
        notes.append(f"there are {int(others.sum()) + 1} marks, and the largest is read")
    # A picture that is cropped to its digit is touched at opposite sides.
    cropped = (left[main] == 0 and right[main] == mask.shape[1]) or (
        top[main] == 0 and bottom[main] == mask.shape[0]
    )
    if not inside[main] and not cropped:
        notes.append("it runs out of the picture")
    return np.isin(labels, 1 + np.flatnonzero(belongs)), notes


def _cropped(strokes: np.ndarray) -> np.ndarray:
    rows, columns = np.flatnonzero(strokes.any(1)), np.flatnonzero(strokes.any(0))
    return strokes[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _mended(strokes: np.ndarray) -> np.ndarray:
    """Strokes made wider or narrower where MNIST's would be."""
    mask = strokes > 0.5
    stroke = isolation.stroke_width(mask)
    scale = BOX / max(strokes.shape)
    if stroke * scale < THIN - 0.4:
        radius = max(1, round((THIN / scale - stroke) / 2))
        return cv2.dilate(np.pad(strokes, radius), isolation.square(radius))
    if stroke * scale > THICK + 0.9:
        radius = round((stroke - THICK / scale) / 2)
        narrow = cv2.erode(np.pad(strokes, radius), isolation.square(radius))
        if (narrow > 0.5).sum() > 0.1 * mask.sum():
            return narrow
    return strokes


def _fitted(strokes: np.ndarray, box: int = BOX) -> np.ndarray:
    """Strokes in a square box, the longer side as long as the box; brightest 1."""
    scale = box / max(strokes.shape)
    height, width = (max(1, round(side * scale)) for side in strokes.shape)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    fitted = cv2.resize(strokes, (width, height), interpolation=how)
    return fitted / fitted.max()


def _centred(strokes: np.ndarray, side: int = SIDE) -> np.ndarray:
    """uint8 [side, side] with the centre of mass of the strokes in the middle."""
    height, width = strokes.shape
    mass = strokes.sum()
    top = round(side / 2 - float(strokes.sum(1) @ np.arange(height)) / mass)
    left = round(side / 2 - float(strokes.sum(0) @ np.arange(width)) / mass)
    top, left = np.clip(top, 0, side - height), np.clip(left, 0, side - width)
    field = np.zeros((side, side), np.uint8)
    field[top : top + height, left : left + width] = np.rint(strokes * 255)
    return field
