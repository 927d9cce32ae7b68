"""MATLAB files of version 5 to 7, as `save` writes them by default; 7.3 is HDF5.

The format is that of MathWorks's "MAT-File Format" (R2019b). It is read here, and not by
`scipy.io`, which makes room for whatever a file claims, and unpacks whatever it holds.
"""

import math
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np

from mnist_aug.data.formats import stored
from mnist_aug.data.formats.stored import Contents, Stored
from mnist_aug.errors import UserError

HEADER = 128  # bytes
MOST_ARRAYS = 1000
MOST_DEPTH = 8  # of structures in each other
MOST_UNPACKED = 2 * stored.MAX_PIXELS  # bytes of a variable, a structure with all of its fields
MOST_DESCRIBED = 2**16  # bytes of a name or shape

# Types of parts of a file.
INT8, UINT8, INT32, UINT32, MATRIX, COMPRESSED, UTF8 = 1, 2, 5, 6, 14, 15, 16
NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8"}
NUMBERS[13] = "u8"
TEXT = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}

# Classes of arrays.
STRUCT, CHAR, OPAQUE = 2, 4, 17
NUMERIC = range(6, 16)
OTHERS = {1: "a cell array", 2: "a structure array", 4: "text in over two dimensions"}
OTHERS |= {5: "a sparse matrix", 16: "a function"}
COMPLEX = 0x800  # a flag


@dataclass(frozen=True)
class _Array:
    """An array of a file, and where its data are: of which type, and where in which variable."""

    name: str
    kind: int
    shape: tuple[int, ...]
    start: int
    at: int
    size: int
    type: int
    what_else: str = ""  # it is, if it is no array of numbers or text


def contents(path: Path) -> Contents:
    """The arrays, named `<file>/<variable>`, those of a structure `<file>/<variable>/<field>`.

    Axes are in MATLAB's order. Numbers are of the type that they are stored as, which is a shorter
    one than the variable's where that holds them. Text is one string a row, without the blanks at
    its end. Cells, objects, sparse and complex arrays are left out, with a note.

    Raises:
        UserError: it is damaged, something else, or over the limits.
        OSError: it can't be opened or read.
    """
    arrays, others = {}, []
    with _opened(path) as (file, order):
        for number, array in enumerate(_arrays(file, order)):
            if number == MOST_ARRAYS:
                raise ValueError(f"it holds over {MOST_ARRAYS:,} arrays")
            if array.what_else:
                others.append(f"{array.name} ({array.what_else})")
            elif len(array.name) > stored.LONGEST_NAME:
                others.append(array.name)
            else:
                shape = array.shape[:1] if array.kind == CHAR else array.shape
                arrays[array.name] = Stored(
                    f"{path.stem}/{array.name}", shape, partial(_read, path, array)
                )
    return Contents("MATLAB file", tuple(arrays.values()), stored.left_out(path, others))


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, str]]:
    """The file and its byte order, to be read within; what is wrong with it is a `UserError`."""
    try:
        with stored.opened(path) as file:
            header = file.read(HEADER)
            order = {b"\0\1IM": "<", b"\1\0MI": ">"}.get(header[124:])
            if order is None:
                raise ValueError("it is not of version 5 to 7")
            yield file, order
    except (ValueError, EOFError, zlib.error) as error:
        raise UserError(
            f"{path} is not a readable .mat file ({stored.brief(error)}): fetch it again, or save "
            "it again with -v7"
        ) from None


class _Variable:
    """A variable of a file, to be read forward, unpacked if it is compressed.

    Attributes:
        at: bytes of it that were read, unpacked.
        stop: `at` at its end.
        next: where in the file the next one starts.
    """

    def __init__(self, file: BinaryIO, order: str, start: int) -> None:
        self.file, self.order, self.at = file, order, 0
        self.inflate = None
        file.seek(start)
        self.next = start + 8
        kind, size = self._numbers()
        self.next = start + 8 + size
        if kind == COMPRESSED:
            self.inflate, self.at = zlib.decompressobj(), 0
            kind, size = self._numbers()
        if kind != MATRIX:
            raise ValueError(f"it has a part of type {kind} where an array is expected")
        self.stop = self.at + size

    def read(self, count: int) -> bytes:
        """So many bytes, unpacked.

        Raises:
            EOFError: there are fewer.
        """
        data = bytearray()
        while len(data) < count:
            more = self._more(count - len(data))
            if more is None:
                raise EOFError("it ends within an array")
            data += more
        self.at += count
        return bytes(data)

    def _more(self, most: int) -> bytes | None:
        """Some bytes, maybe none yet; None at the end."""
        left = max(self.next - self.file.tell(), 0)
        if self.inflate is None:
            return self.file.read(min(most, left)) or None
        if self.inflate.eof:
            return None
        packed = self.inflate.unconsumed_tail or self.file.read(min(2**16, left))
        more = self.inflate.decompress(packed, most)
        return more if packed or more else None

    def pieces(self, count: int) -> Iterator[bytes]:
        """So many bytes, in pieces that are not too large."""
        if self.at + count > MOST_UNPACKED:
            raise ValueError(f"it unpacks to more than the limit of {MOST_UNPACKED:,} bytes")
        for start in range(0, count, stored.CHUNK):
            yield self.read(min(stored.CHUNK, count - start))

    def pass_over(self, count: int) -> None:
        if count < 0:
            raise ValueError("it has an array that is longer than it says")
        for _ in self.pieces(count):
            pass

    def finish(self) -> None:
        """Go to its end, and see whether the checksum there is right."""
        self.pass_over(self.stop - self.at)
        while self.inflate is not None and not self.inflate.eof:
            if self._more(1) != b"":
                raise ValueError("it has an array that is longer or shorter than it says")

    def tag(self) -> tuple[int, int, bytes | None]:
        """Type and size of the next part, and its data if they stand in the tag."""
        kind, size = self._numbers()
        if not kind >> 16:
            return kind, size, None
        size, kind = kind >> 16, kind & 0xFFFF
        if size > 4:
            raise ValueError("it has a short part of over four bytes")
        # The data are the tag's second half.
        return kind, size, struct.pack(f"{self.order}I", self._second)[:size]

    def small(self, *kinds: int) -> bytes:
        """The data of a part that describes an array."""
        kind, size, data = self.tag()
        if kind not in kinds or size > MOST_DESCRIBED:
            raise ValueError("it has a damaged description of an array")
        if data is None:
            data = self.read(size + -size % 8)[:size]
        return data

    def whole_numbers(self, *kinds: int) -> tuple[int, ...]:
        data = self.small(*kinds)
        return struct.unpack(f"{self.order}{len(data) // 4}i", data[: len(data) // 4 * 4])

    def _numbers(self) -> tuple[int, int]:
        first, self._second = struct.unpack(f"{self.order}2I", self.read(8))
        return first, self._second


def _arrays(file: BinaryIO, order: str) -> Iterator[_Array]:
    start, end = HEADER, file.seek(0, 2)
    while start < end:
        variable = _Variable(file, order, start)
        if variable.next > end:
            raise EOFError("it ends within an array")
        yield from _within(variable, start, variable.stop, ())
        start = variable.next


def _within(variable: _Variable, start: int, stop: int, above: tuple[str, ...]) -> Iterator[_Array]:
    """The arrays in a matrix that ends at `stop`; `above` is its name, if it is a field."""
    if variable.at == stop:
        return  # as MATLAB stores a field that was never given
    flags = (*variable.whole_numbers(UINT32), 0)[0]
    kind = flags & 0xFF
    shape = () if kind == OPAQUE else variable.whole_numbers(INT32, UINT32)
    own = variable.small(INT8, UINT8, UTF8)
    if not above and not own:
        return  # MATLAB keeps it for its own use
    names = above or (_name(own),)
    found = partial(_Array, "/".join(names), kind, shape, start)
    if kind != OPAQUE and (len(shape) < 2 or min(shape) < 0):
        raise ValueError("it has an array without a shape")
    if kind == STRUCT and math.prod(shape) == 1 and len(names) < MOST_DEPTH:
        length = (*variable.whole_numbers(INT32), 0)[0]
        fields = variable.small(INT8)
        if length < 1:
            raise ValueError("it has a structure without names")
        for begin in range(0, len(fields) - length + 1, length):
            part, size, data = variable.tag()
            if part != MATRIX or data is not None:
                raise ValueError("it has a structure with a damaged field")
            field_stop = variable.at + size
            field = _name(fields[begin : begin + length])
            yield from _within(variable, start, field_stop, (*names, field))
            variable.pass_over(field_stop - variable.at)
    elif kind in NUMERIC and flags & COMPLEX:
        yield found(0, 0, 0, "complex numbers")
    elif kind in NUMERIC or (kind == CHAR and len(shape) == 2):
        part, size, data = variable.tag()
        if part not in (TEXT if kind == CHAR else NUMBERS):
            raise ValueError(f"it has data of type {part}")
        promised = stored.size(shape, 4 if kind == CHAR else np.dtype(NUMBERS[part]).itemsize)
        if kind != CHAR and size != promised:
            raise ValueError(f"it has {size:,} bytes of data for an array of {promised:,}")
        if size > promised or variable.at + size * (data is None) > stop:
            raise ValueError("it has an array that is longer than it says")
        yield found(variable.at - 4 * (data is not None), size, part)
    else:
        yield found(0, 0, 0, OTHERS.get(kind, "an object"))


def _name(data: bytes) -> str:
    data = data.split(b"\0")[0]
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _read(path: Path, array: _Array) -> np.ndarray:
    with _opened(path) as (file, order):
        variable = _Variable(file, order, array.start)
        tag = array.at - variable.at
        data = bytearray()
        if tag < 0:
            raise ValueError("it was changed meanwhile")
        variable.pass_over(tag)
        for piece in variable.pieces(array.size):
            data += piece
        variable.finish()
        if array.kind == CHAR:
            return _text(bytes(data), array, order)
        found = np.frombuffer(data, f"{order}{NUMBERS[array.type]}")
        return stored.native(found).reshape(array.shape, order="F")


def _text(data: bytes, array: _Array, order: str) -> np.ndarray:
    """One string a row of characters."""
    encoding = TEXT[array.type]
    if encoding in {"utf-16", "utf-32"}:
        encoding += "-le" if order == "<" else "-be"
    points = np.frombuffer(data.decode(encoding).encode("utf-32-le"), "<u4")
    if points.size == 0:  # as MATLAB stores blanks
        return np.full(array.shape[0], "")
    if len(points) != math.prod(array.shape):
        raise ValueError(f"{array.name} promises other characters than it holds")
    return stored.rows_of_text(points.reshape(array.shape, order="F"))
