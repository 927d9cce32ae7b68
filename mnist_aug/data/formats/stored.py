"""What every reader of a form of data shares: arrays that are stored somewhere, and bounds.

A file is read for what it holds, whatever it claims. Memory grows with the bytes that are truly
there, unpacked: at most twice as many, and 64 MiB. A claim over `MAX_PIXELS` or `MAX_IMAGES` is
refused before any data are read. Nothing is unpickled or run, and nothing is unpacked to a file.
"""

import gzip
import math
import os
import stat
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
CHUNK = 2**20  # bytes that are read at once


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


def brief(fault: object) -> str:
    """In one line that is not too long."""
    text = " ".join(str(fault).split()) or type(fault).__name__
    return text if len(text) <= 160 else f"{text[:159]}…"
