"""Encoded pictures (PNG, JPEG, …), wherever they are stored, as one array.

What a picture is, its first bytes say. Only the decoders of `preprocessing.FORMATS` are used, as
each may have faults; sizes are checked before pixels are read.
"""

import os
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

import numpy as np

from mnist_aug.data import preprocessing
from mnist_aug.data.formats import stored
from mnist_aug.errors import UserError

if TYPE_CHECKING:
    from PIL import Image

HEAD = 512  # bytes by which a picture is recognised
_KINDS = (
    (rb"\x89PNG\r\n\x1a\n", "PNG"),
    (rb"\xff\xd8\xff", "JPEG"),
    (rb"GIF8[79]a", "GIF"),
    (rb"RIFF.{4}WEBP", "WEBP"),
    (rb"BM.{4}\0{4}.{4}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\0{3}", "BMP"),
    (rb"II[*+]\0|MM\0[*+]", "TIFF"),
    (rb"P[1-6]\s+[\d#]", "PPM"),
)
_OTHERS = (
    (rb".{4}ftyp(hei|hev|mif1|msf1)", "HEIC"),
    (rb".{4}ftypavi", "AVIF"),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", "JPEG XL"),
    (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "JPEG 2000"),
    (rb"\0\0[\1\2]\0[^\0]\0", "an icon"),
    (rb"8BPS", "Photoshop's PSD"),
    (rb"%PDF", "PDF"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "EPS"),
    (rb"(\xef\xbb\xbf)?\s*(<\?xml.{0,400})?<svg", "SVG"),
)
_LEAST_ALPHA = 32  # of what shows; the colours of what is almost transparent are rounded coarsely
_ONE_COLOUR = 8  # levels by which a colour may vary and be one
_LEVELS = 257  # of 16 bits to one of 8


def kind(head: bytes) -> str | None:
    """Which of `preprocessing.FORMATS` begins so; None if it is no picture that is read."""
    return _matching(_KINDS, head)


def other_kind(head: bytes) -> str:
    """What begins so and is not read, in a word or two: "HEIC", "text"."""
    if not head:
        return "empty"
    found = _matching(_OTHERS, head)
    return found or ("of an unknown type" if re.search(rb"[\0-\x08\x0e-\x1f]", head) else "text")


def is_foreign_picture(head: bytes) -> bool:
    """Whether it is a picture of a kind that is not read."""
    return _matching(_OTHERS, head) not in (None, "PDF")


def _matching(beginnings: Iterable[tuple[bytes, str]], head: bytes) -> str | None:
    return next((name for start, name in beginnings if re.match(start, head, re.DOTALL)), None)


@dataclass
class DifferentSizes(Exception):
    """Pictures that make no array.

    Attributes:
        sizes: (width, height) to how many there are, and the name of the first.
    """

    sizes: dict[tuple[int, int], tuple[int, str]] = field(default_factory=dict)

    def add(self, size: tuple[int, int], name: str, count: int = 1) -> None:
        before, first = self.sizes.get(size, (0, name))
        self.sizes[size] = before + count, first

    def in_order(self) -> list[tuple[tuple[int, int], int, str]]:
        """(width, height), count and first name, the most frequent first."""
        found = [(size, count, first) for size, (count, first) in self.sizes.items()]
        return sorted(found, key=lambda one: -one[1])

    def __str__(self) -> str:
        found = self.in_order()
        shown = ", ".join(f"{w}x{h} ({n:,}, as {name})" for (w, h), n, name in found[:3])
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        return f"pictures of {len(found)} sizes: {shown}{more}"


def array(pictures: Iterable[tuple[str, Callable[[], IO[bytes]]]], count: int) -> np.ndarray:
    """The pictures [N, H, W] if all are grey in content, whatever their mode, else RGB
    [N, H, W, 3]; uint8, or, if some have 16 bits, uint16.

    Pictures are turned as EXIF says. Among those of 16 bits others are scaled by 257. What is
    transparent is over white, or, where a picture is of one light colour and drawn by its
    transparency alone, over black. Of a file with several pictures the first is read. Next to the
    array, which must fit `stored`'s bounds, a copy of it may be needed, of 8 bits or in grey, and
    what decoding one picture takes.

    Args:
        pictures: the name of each, for messages, and what opens it.
        count: N.

    Raises:
        UserError: a picture is damaged or too large, or all together are.
        DifferentSizes: they are of different sizes.
        OSError: one can't be opened or read.
    """
    found: np.ndarray = np.empty((0, 0, 0), np.uint8)
    sizes = DifferentSizes()
    with quiet():
        for place, (name, opening) in enumerate(pictures):
            with opening() as file, opened(file, name) as picture:
                size = upright_size(picture)
                sizes.add(size, name)
                if len(sizes.sizes) > 1:
                    continue
                if not place:
                    found = np.empty(_bounded(name, (count, *size[::-1])), np.uint8)
                image = pixels(picture)
            if image.dtype != found.dtype:
                if found.dtype == np.uint16:
                    image = image * np.uint16(_LEVELS)
                else:
                    _bounded(name, found.shape, 2)
                    found = found * np.uint16(_LEVELS)
            if image.ndim > found.ndim - 1:
                shape = _bounded(name, (*found.shape, 3), found.itemsize)
                colour = np.empty(shape, found.dtype)
                colour[:place] = found[:place, ..., None]
                found = colour
            found[place] = image if image.ndim == found.ndim - 1 else image[..., None]
    if len(sizes.sizes) > 1:
        raise sizes
    return found


def _bounded(name: str, shape: tuple[int, ...], itemsize: int = 1) -> tuple[int, ...]:
    try:
        stored.size(shape, itemsize)
    except ValueError as error:
        images = f"{shape[0]:,} pictures of {shape[2]}x{shape[1]} pixels"
        raise UserError(
            f"{name} {error}, with the others ({images}): use fewer or smaller pictures"
        ) from None
    return shape


@contextmanager
def quiet() -> Iterator[None]:
    """What decoders warn of is not shown; a picture is read, or refused in one line."""
    from PIL import Image

    with warnings.catch_warnings(), preprocessing.silent_libtiff():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


@contextmanager
def opened(file: IO[bytes], name: str) -> Iterator["Image.Image"]:
    """A picture of which only the header has been read; needs `quiet`.

    Raises:
        UserError: it is too large, or damaged, which what is done with it may find out, too.
    """
    from PIL import Image, UnidentifiedImageError

    form = kind(file.read(HEAD))
    length = file.seek(0, os.SEEK_END)
    file.seek(0)
    if form is None:
        raise UserError(f"{name} can't be read as a picture: give a PNG or JPEG")
    if length > preprocessing.MAX_BYTES:
        raise UserError(
            f"{name} is larger than {preprocessing.MAX_BYTES // 2**20} MiB: give a smaller file"
        )
    most = preprocessing.MAX_PIXELS
    too_large = UserError(
        f"{name} is too large: give pictures of {most // 10**6} million pixels or fewer"
    )
    try:
        with Image.open(file, formats=(form,)) as picture:
            if picture.width * picture.height > most or max(picture.size) > preprocessing.MAX_SIDE:
                raise too_large
            yield picture
    except UserError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise too_large from None
    except Exception as error:  # a decoder may throw anything at a damaged file
        # That of an unidentified one names a Python object.
        is_header = isinstance(error, UnidentifiedImageError)
        what = "its header is damaged" if is_header else stored.brief(error)
        raise UserError(
            f"{name} can't be read as {form} ({what}): fetch it again, or remove it"
        ) from None


def upright_size(picture: "Image.Image") -> tuple[int, int]:
    """Width and height after what EXIF says was done."""
    width, height = picture.size
    return (height, width) if picture.getexif().get(0x0112, 1) in (5, 6, 7, 8) else (width, height)


def pixels(picture: "Image.Image") -> np.ndarray:
    """[H, W] if the picture is grey in content, else RGB [H, W, 3]; uint8, or uint16 if it is one
    of 16 bits, as they may hold fewer, which only all of a set tell.

    Raises:
        ValueError: its numbers have no scale of their own, as floating-point and 32-bit ones.
    """
    from PIL import ImageOps

    ImageOps.exif_transpose(picture, in_place=True)
    if picture.mode in ("L", "1") and "transparency" not in picture.info:
        return np.array(picture if picture.mode == "L" else picture.convert("L"))
    if picture.mode == "F" or (picture.mode == "I" and picture.format == "TIFF"):
        raise ValueError("it holds floating-point or 32-bit numbers: store 8 bits")
    if picture.mode.startswith("I"):
        levels = np.asarray(picture).astype(np.int32)  # the machine's byte order
        if levels.min() < 0 or levels.max() > 0xFFFF:
            raise ValueError("it holds numbers of more than 16 bits: store 8")
        return levels.astype(np.uint16)
    if picture.has_transparency_data:
        colours = np.asarray(_over_ground(picture.convert("RGBA")))
    else:
        colours = np.asarray(picture.convert("RGB"))
    red = colours[..., 0]
    if (red == colours[..., 1]).all() and (red == colours[..., 2]).all():
        return red.copy()
    return colours


def _over_ground(picture: "Image.Image") -> "Image.Image":
    """An RGBA picture over white, or over black if all its ink is of one light colour."""
    from PIL import Image

    values = np.asarray(picture)
    shows = values[..., 3] >= _LEAST_ALPHA
    ground = 255
    if shows.any() and values[..., 3].min() < 255:
        ink = values[..., :3][shows]
        if np.ptp(ink, axis=0).max() <= _ONE_COLOUR and ink.mean(0) @ (0.299, 0.587, 0.114) > 127.5:
            ground = 0
    flat = Image.new("RGB", picture.size, (ground,) * 3)
    flat.paste(picture, mask=picture.getchannel("A"))
    return flat
