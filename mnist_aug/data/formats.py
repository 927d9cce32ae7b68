"""Readers of arrays in files: IDX as on Yann LeCun's MNIST page, NPZ and NPY as NumPy writes them.

A file is read for what it holds, whatever it claims. Memory grows with the bytes that are truly
there, unpacked: at most twice as many, and 64 MiB. The list of an archive's members takes at most
20 times the file's size in addition. A claim over `MAX_PIXELS` or `MAX_IMAGES` is refused before
any data are read. Nothing is unpickled, and no member of an archive is unpacked to a file.
"""

import gzip
import io
import math
import os
import stat
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, BinaryIO, Literal

import numpy as np

from mnist_aug.errors import UserError

# No dataset for a small network is larger: EMNIST, the largest in MNIST's form, has 814,255 images
# of 28 by 28. Both bound one array.
MAX_PIXELS = 2**30
MAX_IMAGES = 2**22
CHUNK = 2**20  # bytes that are read at once
HEADER = 2**14  # bytes within which the header of a .npy file ends; NumPy takes 10,000


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


def idx(path: Path, rank: int) -> np.ndarray:
    """uint8 array of `rank` dimensions from an IDX file, gzipped if its name ends in `.gz`.

    Raises:
        UserError: it is damaged, something else, or over the limits.
        OSError: it can't be opened or read.
    """
    remedy = "fetch the file again"
    try:
        with opened(path) as raw:
            file = gzip.GzipFile(fileobj=raw) if path.suffix == ".gz" else raw
            header = file.read(4 + 4 * rank)
            if len(header) < 4 + 4 * rank:
                raise UserError(f"{path} ends within its header: {remedy}")
            if header[:4] != bytes([0, 0, 8, rank]):
                raise UserError(
                    f"{path} has magic number 0x{header[:4].hex()}, not "
                    f"0x{bytes([0, 0, 8, rank]).hex()}: it is not an IDX file of bytes in "
                    f"{rank} dimension(s)"
                )
            shape = struct.unpack(f">{rank}I", header[4:])
            size = _size(shape)
            data = _content(file, size)
        if len(data) != size:
            raise ValueError(_miscounted(data, size))
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError(f"{path} is a damaged gzip file ({error}): {remedy}") from None
    except ValueError as error:
        raise UserError(f"{path} {error}: {remedy}") from None
    return np.frombuffer(data, np.uint8).reshape(shape)


def npz(path: Path, names: Sequence[str]) -> list[np.ndarray]:
    """The named arrays of numbers from an archive, stored or deflated as NumPy writes it.

    Raises:
        UserError: it is damaged, something else, lacks an array, or is over the limits.
        OSError: it can't be opened or read.
    """
    try:
        with opened(path) as file, zipfile.ZipFile(file) as archive:
            members = {
                name: archive.NameToInfo.get(name, archive.NameToInfo.get(f"{name}.npy"))
                for name in names
            }
            missing = [name for name, member in members.items() if member is None]
            if missing:
                raise UserError(f"{path} has no array {missing[0]}: it needs {', '.join(names)}")
            return [
                _member(archive, name, member)
                for name, member in members.items()
                if member is not None
            ]
    # NotImplementedError and RuntimeError: an unknown method or flag, a password.
    except (
        ValueError,
        zipfile.BadZipFile,
        EOFError,
        zlib.error,
        NotImplementedError,
        RuntimeError,
        struct.error,
    ) as error:
        raise UserError(
            f"{path} is not a readable .npz file ({_brief(error)}): write it with "
            "numpy.savez_compressed"
        ) from None


def npy(path: Path) -> np.ndarray:
    """The array of numbers in a .npy file, mapped: its data take memory as they are used.

    Raises:
        UserError: it is damaged, something else, or over the limits.
        OSError: it can't be opened or read.
    """
    try:
        with opened(path) as file:
            shape, order, dtype, start, _ = _header(file)
            size, held = _size(shape, dtype.itemsize), os.fstat(file.fileno()).st_size - start
            if held != size:
                raise ValueError(f"it promises {size:,} bytes of data but holds {held:,}")
            return np.memmap(file, dtype, "r", start, shape, order)
    except ValueError as error:
        raise UserError(f"{path} can't be read ({_brief(error)}): download it again") from None


def _member(archive: zipfile.ZipFile, name: str, member: zipfile.ZipInfo) -> np.ndarray:
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # zipfile unpacks the others without a limit to what a piece may grow to.
        raise ValueError(f"{name} is compressed by another method than NumPy's")
    with archive.open(member) as file:
        shape, order, dtype, _, data = _header(file)
        size = _size(shape, dtype.itemsize)
        data = _content(file, size, data)
    if len(data) != size:
        raise ValueError(f"{name} {_miscounted(data, size)}")
    return np.frombuffer(data, dtype).reshape(shape, order=order)


def _header(
    file: IO[bytes],
) -> tuple[tuple[int, ...], Literal["C", "F"], np.dtype, int, bytes]:
    """Shape, order, dtype and start of the data of a .npy file, and data that were read with it."""
    head = io.BytesIO(file.read(HEADER))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of headers by Python 2, of odd literals and dtypes
            version = np.lib.format.read_magic(head)
            shape, fortran, dtype = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }[version](head)
    # The header is a Python literal, so a damaged one fails in any of these ways.
    except (
        ValueError,
        KeyError,
        TypeError,
        OverflowError,
        SyntaxError,
        MemoryError,
        RecursionError,
        tokenize.TokenError,
    ) as error:
        raise ValueError(f"damaged header: {_brief(error)}") from None
    if dtype.kind not in "biufc":
        raise ValueError(f"it holds {_brief(dtype)}, not numbers")
    if any(side < 0 for side in shape):
        raise ValueError("it has a negative side")
    return shape, "F" if fortran else "C", dtype, head.tell(), head.read()


def _size(shape: Sequence[int], itemsize: int = 1) -> int:
    """Bytes that a shape promises."""
    # NumPy bounds the other sides even where one is 0.
    if math.prod(max(side, 1) for side in shape) * itemsize > MAX_PIXELS:
        raise ValueError(f"claims data over the limit of {MAX_PIXELS:,} bytes")
    if shape and shape[0] > MAX_IMAGES:
        raise ValueError(f"claims images or labels over the limit of {MAX_IMAGES:,}")
    return math.prod(shape) * itemsize


def _content(file: IO[bytes] | gzip.GzipFile, size: int, start: bytes = b"") -> bytearray:
    """The start and what follows it in the file, to one byte more than `size`."""
    content = bytearray(start)
    while len(content) <= size and (more := file.read(min(CHUNK, size + 1 - len(content)))):
        content += more
    return content


def _miscounted(data: bytearray, size: int) -> str:
    found = "more" if len(data) > size else f"only {len(data):,}"
    return f"promises {size:,} bytes of data but holds {found}"


def _brief(fault: object) -> str:
    """In one line that is not too long."""
    text = " ".join(str(fault).split()) or type(fault).__name__
    return text if len(text) <= 160 else f"{text[:159]}…"
