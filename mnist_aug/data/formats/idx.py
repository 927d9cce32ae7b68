"""IDX, the format of Yann LeCun's MNIST page, as it is or packed by gzip or xz."""

import lzma
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from mnist_aug.data.formats import stored
from mnist_aug.data.formats.stored import Contents, Stored
from mnist_aug.errors import UserError

TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}  # by the third byte
MOST_DIMENSIONS = 4


def contents(path: Path) -> Contents:
    """The one array of the file, named by the file without endings such as `.gz`.

    Raises:
        UserError: it is damaged, something else, or over the limits.
        OSError: it can't be opened or read.
    """
    with _content(path) as file:
        shape, _ = _header(file)
    name = re.sub(r"(?i)(\.idx\d?(-\w+)?|\.ubyte)?(\.[gx]z)?$", "", path.name) or path.name
    return Contents("IDX file", (Stored(name, shape, lambda: idx(path)),))


def idx(path: Path, rank: int | None = None) -> np.ndarray:
    """The array, of any type that the format has; with a rank, bytes in so many dimensions.

    Raises:
        UserError: it is damaged, something else, or over the limits.
        OSError: it can't be opened or read.
    """
    with _content(path) as file:
        shape, dtype = _header(file)
        if rank is not None and (len(shape), dtype) != (rank, np.uint8):
            raise ValueError(f"holds {dtype} in {len(shape)} dimension(s), not bytes in {rank}")
        size = stored.size(shape, dtype.itemsize)
        data = stored.content(file, size)
        if len(data) != size:
            raise ValueError(stored.miscounted(data, size))
    return stored.native(np.frombuffer(data, dtype)).reshape(shape)


@contextmanager
def _content(path: Path) -> Iterator[IO[bytes]]:
    """The file, unpacked, to be read within; what is wrong with it is a `UserError`."""
    remedy = "fetch the file again"
    try:
        with stored.opened(path) as raw:
            yield stored.unpacked(raw)
    except stored.DAMAGE as error:
        form = "xz" if isinstance(error, lzma.LZMAError) else "gzip"
        raise UserError(f"{path} is a damaged {form} file ({error}): {remedy}") from None
    except ValueError as error:
        raise UserError(f"{path} {error}: {remedy}") from None


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type of what follows it.

    Raises:
        ValueError: it is none, or claims what is over the limits.
    """
    magic = file.read(4)
    if len(magic) < 4:
        raise ValueError("ends within its header")
    kind, rank = magic[2:]
    if magic[:2] != b"\0\0" or kind not in TYPES or not 1 <= rank <= MOST_DIMENSIONS:
        raise ValueError(
            f"has magic number 0x{magic.hex()}: it is not an IDX file of numbers in 1 to "
            f"{MOST_DIMENSIONS} dimensions"
        )
    sides = file.read(4 * rank)
    if len(sides) < 4 * rank:
        raise ValueError("ends within its header")
    shape, dtype = struct.unpack(f">{rank}I", sides), np.dtype(TYPES[kind])
    stored.size(shape, dtype.itemsize)
    return shape, dtype
