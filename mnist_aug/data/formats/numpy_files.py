"""NPZ and NPY, as NumPy writes them. Pickled arrays are refused.

The list of an archive's members takes at most 20 times the file's size in memory.
"""

import io
import os
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Literal

import numpy as np

from mnist_aug.data.formats import stored
from mnist_aug.errors import UserError

HEADER = 2**14  # bytes within which the header of a .npy file ends; NumPy takes 10,000


def npz(path: Path, names: Sequence[str]) -> list[np.ndarray]:
    """The named arrays of numbers from an archive, stored or deflated as NumPy writes it.

    Raises:
        UserError: it is damaged, something else, lacks an array, or is over the limits.
        OSError: it can't be opened or read.
    """
    try:
        with stored.opened(path) as file, zipfile.ZipFile(file) as archive:
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
            f"{path} is not a readable .npz file ({stored.brief(error)}): write it with "
            "numpy.savez_compressed"
        ) from None


def npy(path: Path) -> np.ndarray:
    """The array of numbers in a .npy file, mapped: its data take memory as they are used.

    Raises:
        UserError: it is damaged, something else, or over the limits.
        OSError: it can't be opened or read.
    """
    try:
        with stored.opened(path) as file:
            shape, order, dtype, start, _ = _header(file)
            size, held = stored.size(shape, dtype.itemsize), os.fstat(file.fileno()).st_size - start
            if held != size:
                raise ValueError(f"it promises {size:,} bytes of data but holds {held:,}")
            return np.memmap(file, dtype, "r", start, shape, order)
    except ValueError as error:
        raise UserError(
            f"{path} can't be read ({stored.brief(error)}): download it again"
        ) from None


def _member(archive: zipfile.ZipFile, name: str, member: zipfile.ZipInfo) -> np.ndarray:
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # zipfile unpacks the others without a limit to what a piece may grow to.
        raise ValueError(f"{name} is compressed by another method than NumPy's")
    with archive.open(member) as file:
        shape, order, dtype, _, data = _header(file)
        size = stored.size(shape, dtype.itemsize)
        data = stored.content(file, size, data)
    if len(data) != size:
        raise ValueError(f"{name} {stored.miscounted(data, size)}")
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
        raise ValueError(f"damaged header: {stored.brief(error)}") from None
    if dtype.kind not in "biufc":
        raise ValueError(f"it holds {stored.brief(dtype)}, not numbers")
    if any(side < 0 for side in shape):
        raise ValueError("it has a negative side")
    return shape, "F" if fortran else "C", dtype, head.tell(), head.read()
