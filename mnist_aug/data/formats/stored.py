"""What every reader of a form of data shares: arrays that are stored somewhere, and bounds.

A file is read for what it holds, whatever it claims. Memory grows with the bytes that are truly
there, unpacked: at most twice as many, and 64 MiB; text takes four bytes a character. A claim over
`MAX_PIXELS` or `MAX_IMAGES` is refused before any data are read. Nothing is unpickled or run, and
nothing is unpacked to a file.
"""

import gzip
import io
import lzma
import math
import os
import pickletools
import re
import stat
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np

from mnist_aug.errors import UserError

# No dataset for a small network is larger: EMNIST, the largest in MNIST's form, has 814,255 images
# of 28 by 28. Both bound one array.
MAX_PIXELS = 2**30
MAX_IMAGES = 2**22
JUNK = {"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "icon\r", "$recycle.bin", "@eadir"}
CHUNK = 2**20  # bytes that are read at once
LISTED = 5  # files, folders or arrays that a note names
LONGEST_NAME = 200  # of an array, as messages list them

GZIP, XZ = b"\x1f\x8b", b"\xfd7zXZ\0"  # with what such files begin
DAMAGE = (gzip.BadGzipFile, EOFError, zlib.error, lzma.LZMAError)  # what unpacking raises at it

_HEAD = 2**16  # bytes by which a file is recognised
_BEGINNINGS = (
    (rb"\x00\x00[\x08\x09\x0b-\x0e][\x01-\x08]", "idx"),
    (rb"\x93NUMPY", "npy"),
    (rb"PK(\x03\x04|\x05\x06)", "zip"),
    (rb"MATLAB 5\.0 MAT-file", "mat"),
    (rb"(.{512}|.{1024}|.{2048}|.{4096})?\x89HDF\r\n\x1a\n", "hdf5"),
    (rb"PAR1", "parquet"),
    (rb"\x80[\x02-\x05]", "pickle"),
    (rb"version https://(git-lfs|hawser)\.github\.com", "git-lfs"),
    (rb"(\.\./)*(/|\.git/)annex/objects/", "git-annex"),
    (rb"\x89PNG|\xff\xd8\xff|GIF8|BM.{4}\0{4}|II\*\0|MM\0\*|RIFF.{4}WEBP", "picture"),
    (rb"P[1-6]\s+[\d#]|.{4}ftyp(hei|hev|mif|msf|avi)", "picture"),
    (rb".{257}ustar", "tar"),
    (GZIP, "gzip"),
    (re.escape(XZ), "xz"),
    (rb"(\xef\xbb\xbf)?\s*<[!?a-zA-Z]", "html"),
    (rb"\xff\xfe[^\0]\0|\xfe\xff\0[^\0]", "utf-16"),
)
_LOOKED_THROUGH_TO = {  # all of it can be read so, or is no data
    "gzip": {"idx", "pickle", "text", "git-lfs", "html", "empty", "tar"},
    "xz": {"idx", "git-lfs", "html", "empty", "tar"},
}
# How names call columns of a picture before its rows.
_ACROSS_FIRST = (["c", "r"], ["col", "row"], ["column", "row"])
_USELESS = {
    "empty": "is empty: fetch it again",
    "git-lfs": "is a Git LFS pointer, not the data: run `git lfs pull` in its repository, or "
    "download the file itself",
    "git-annex": "is a git-annex pointer, not the data: run `git annex get` in its repository, or "
    "download the file itself",
    "html": "is a web page, not data: the download probably asked for a login or a confirmation "
    "first; download it in a browser",
    "tar": "is a tar archive: unpack it and give the folder",
    "gzip": "is packed by gzip, and holds no recognised IDX, CSV or pickle: unpack it with "
    "gunzip, or fetch it again if that finds it damaged",
    "xz": "is packed by xz, and holds no recognised IDX: unpack it with unxz, or fetch it "
    "again if that finds it damaged",
    "utf-16": "is text in UTF-16: save it as UTF-8",
}


@dataclass(frozen=True)
class Stored:
    """An array in a file, or in several files of a folder, not read yet.

    Attributes:
        name: how it is called where it is stored, with the names of the files and groups around it
            and `/` between them: `train-images-idx3-ubyte`, `mnist.npz/x_train`, `train/label`.
        shape: its shape; empty where only reading it would tell.
        read: gives it: numbers, or text (dtype kind `U`). May raise a `UserError`.
        class_names: of labels, what 0, 1, … are called, where the file says so.
    """

    name: str
    shape: tuple[int, ...]
    read: Callable[[], np.ndarray]
    class_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Contents:
    """What a file or folder holds.

    Attributes:
        form: in words, as in "IDX files" or "CSV file".
        arrays: all of them, in the order in which they are stored.
        notes: what a reader must know, in sentences without a full stop: what was left out and why.
    """

    form: str
    arrays: tuple[Stored, ...]
    notes: tuple[str, ...] = ()


def opened(path: Path) -> BinaryIO:
    """A regular file, open to read bytes.

    A pipe or device is refused, as it may keep its reader waiting, or never end.

    Raises:
        UserError: it is not a regular file.
        OSError: it can't be opened.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # which waits for no pipe's writer
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UserError(f"{path} can't be read, as it is a folder, pipe or device: give a file")
    return os.fdopen(descriptor, "rb")


def is_ignored(name: str) -> bool:
    """Whether a file or folder is hidden, or what systems leave behind."""
    return name.startswith(".") or name.lower() in JUNK


def kind(path: Path) -> str:
    """What a file is by its first 64 KiB, whatever its name says.

    Returns:
        `idx`, `npy`, `zip`, `mat` (version 5 or 7), `hdf5` (MATLAB's 7.3, too), `parquet`,
        `pickle`, `text`, `picture`, `git-lfs` and `git-annex` (a pointer in place of the data),
        `html`, `empty`,
        `tar`, `utf-16`, `gzip`, `xz` or `unknown`. gzip is looked through once, to IDX, pickles,
        text and what is no data, and xz to IDX and what is no data; around all else they are named.

    Raises:
        UserError: it is not a regular file.
        OSError: it can't be opened or read.
    """
    if path.is_symlink() and not path.exists() and "annex/objects/" in os.readlink(path):
        return "git-annex"
    with opened(path) as file:
        head = file.read(_HEAD)
    found = _kind(head, len(head) < _HEAD)
    if found in {"gzip", "xz"}:
        unpacker = zlib.decompressobj(31) if found == "gzip" else lzma.LZMADecompressor()
        try:
            content = unpacker.decompress(head, _HEAD)
        except (*DAMAGE, MemoryError):  # of an .xz file that asks for a dictionary of GiBs
            return found
        if content or unpacker.eof:
            inner = _kind(content, unpacker.eof)
            found = inner if inner in _LOOKED_THROUGH_TO[found] else found
    return found


def recognised(path: Path) -> str:
    """As `kind`, of a file that may hold data.

    Raises:
        UserError: it holds none, is packed, or of an unknown kind.
        OSError: it can't be opened or read.
    """
    found = kind(path)
    if found in _USELESS:
        raise UserError(f"{path} {_USELESS[found]}")
    if found == "unknown":
        with opened(path) as file:
            start = file.read(12)
        raise UserError(
            f"{path} is of an unknown type (it begins with {str(start)[1:]}): convert it to NPZ, "
            "CSV, Parquet or a folder of pictures"
        )
    return found


def _kind(head: bytes, whole: bool) -> str:
    """What begins so, or, if `whole`, is no longer."""
    if not head:
        return "empty"
    for beginning, found in _BEGINNINGS:
        if re.match(beginning, head, re.DOTALL):
            return found
    if _is_pickle(head, whole):
        return "pickle"
    # cp1252 has letters where ISO 8859-1 has control characters from 0x80 on.
    return "unknown" if re.search(rb"[\0-\x08\x0e-\x1f\x7f]", head) else "text"


def _is_pickle(head: bytes, whole: bool) -> bool:
    """Whether it is a pickle of protocol 0 or 1, which has no magic number. Nothing is unpickled.

    A short text may happen to be a few opcodes, so that what is whole must end where its pickle
    does, and what is not must go on as one for long.
    """
    if head[:1] not in b"(])}cFGIJKLMNSTUVX":  # those that need nothing before them
        return False
    stream, count = io.BytesIO(head), 0
    try:
        for _ in pickletools.genops(stream):
            count += 1
    except Exception:  # what it throws at other bytes is not a closed list
        return not whole and count > 8 and stream.tell() == len(head)
    return count > 2 and stream.tell() == len(head) if whole else count > 8


def unpacked(file: BinaryIO) -> IO[bytes]:
    """The file, or what is in it if it is packed by gzip or xz, which its first bytes tell.

    Reading it raises what is in `DAMAGE`. An .xz file's dictionary takes no more than is unpacked.
    """
    start = file.read(len(XZ))
    file.seek(0)
    if start.startswith(GZIP):
        return gzip.GzipFile(fileobj=file)  # type: ignore[return-value]
    return lzma.LZMAFile(file, format=lzma.FORMAT_XZ) if start == XZ else file


def size(shape: Sequence[int], itemsize: int = 1) -> int:
    """Bytes that a shape promises.

    Raises:
        ValueError: more than the limits.
    """
    # NumPy bounds the other sides even where one is 0.
    if math.prod(max(side, 1) for side in shape) * itemsize > MAX_PIXELS:
        raise ValueError(f"claims data over the limit of {MAX_PIXELS:,} bytes")
    if shape and shape[0] > MAX_IMAGES:
        raise ValueError(f"claims images or labels over the limit of {MAX_IMAGES:,}")
    return math.prod(shape) * itemsize


def content(file: IO[bytes] | gzip.GzipFile, size: int, start: bytes = b"") -> bytearray:
    """The start and what follows it in the file, to one byte more than `size`."""
    found = bytearray(start)
    while len(found) <= size and (more := file.read(min(CHUNK, size + 1 - len(found)))):
        found += more
    return found


def miscounted(data: bytearray, size: int) -> str:
    found = "more" if len(data) > size else f"only {len(data):,}"
    return f"promises {size:,} bytes of data but holds {found}"


def listed(names: Sequence[str]) -> str:
    """The first `LISTED` names, and how many more there are."""
    more = f" and {len(names) - LISTED:,} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


def left_out(path: Path, names: Sequence[str]) -> tuple[str, ...]:
    """The note of what of a file was left out, each with the reason; none where nothing was."""
    if not names:
        return ()
    shown = [
        brief(name) if len(name) <= LONGEST_NAME else f"{name[:20]}… (its name is too long)"
        for name in names
    ]
    return (f"left out of {path.name}: {listed(shown)}",)


def of_pixels(names: Sequence[str]) -> tuple[list[int], tuple[int, ...]] | None:
    """The order of columns of pixels, one of each, by the numbers in their names.

    Of two numbers the first is a row, unless the letters before them say otherwise (`c3r5`). As `x`
    and `y` may be meant either way, columns that are in order by `x` are left so.

    Returns:
        The places of names in that order, and the shape of an image: its sides, and its channels
        where a third number tells, or `[P]` where the numbers make no grid, or a square one.
        None where names differ by more than their numbers, or have the same ones.
    """
    if len({re.sub("[0-9]+", "#", name) for name in names}) != 1:
        return None
    keys = [tuple(map(int, re.findall("[0-9]+", name))) for name in names]
    if not keys[0] or len({*keys}) < len(keys):
        return None
    axes = re.findall("([a-z]+)[^a-z0-9]*[0-9]+", names[0].lower())
    if axes in _ACROSS_FIRST or (axes == ["x", "y"] and keys != sorted(keys)):
        keys = [key[1::-1] for key in keys]
    shape: tuple[int, ...] = tuple(len({*own}) for own in zip(*keys, strict=True))
    sides = [side for side in shape if side not in (1, 3, 4)]
    whole = len(shape) in (2, 3) and len(sides) == 2 and math.prod(shape) == len(keys)
    if not whole or sides[0] == sides[1]:
        shape = (len(keys),)
    return sorted(range(len(keys)), key=keys.__getitem__), shape


def native(array: np.ndarray) -> np.ndarray:
    """The array in this machine's byte order. One of another order is turned where it lies."""
    if array.dtype.isnative:
        return array
    return array.byteswap(inplace=True).view(array.dtype.newbyteorder("="))


def text(array: np.ndarray) -> np.ndarray:
    """Text of any dtype, `S` or `U`, as `U` in this machine's byte order.

    Bytes are decoded as UTF-8, or as Latin-1 where any of them is no UTF-8.

    Raises:
        ValueError: it is no Unicode, or over the limit of bytes when it is decoded.
    """
    if array.dtype.kind == "S":
        size(array.shape, 4 * array.dtype.itemsize)  # what it takes as `U`
        try:
            return np.char.decode(array, "utf-8")
        except UnicodeDecodeError:
            return np.char.decode(array, "latin-1")
    array = native(array)
    # NumPy looks at code points when it makes a str of them, and can't write half a surrogate pair.
    points = np.ascontiguousarray(array).view(np.uint32)
    if points.size and (points.max() > 0x10FFFF or (points >> 11 == 0xD800 >> 11).any()):
        raise ValueError("it holds text that is no Unicode")
    return array


def rows_of_text(points: np.ndarray) -> np.ndarray:
    """Strings `[N]` of code points `[N, L]`, without the blanks at their ends.

    Raises:
        ValueError: as `text`.
    """
    if not points.size:
        return np.full(len(points), "")
    points = np.ascontiguousarray(points, np.uint32)
    return np.char.rstrip(text(points.view(f"=U{points.shape[1]}")[:, 0]))


def brief(fault: object) -> str:
    """In one line that is not too long."""
    text = " ".join(str(fault).split()) or type(fault).__name__
    return text if len(text) <= 160 else f"{text[:159]}…"
