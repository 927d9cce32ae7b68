"""NPZ and NPY, as NumPy writes them. Arrays of Python objects are left out, as they are pickles.

The list of an archive's members takes at most 20 times the file's size in memory.
"""

import io
import os
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Literal, NamedTuple

import numpy as np

from mnist_aug.data.formats import stored
from mnist_aug.data.formats.stored import Contents, Stored
from mnist_aug.errors import UserError

MAGIC = b"\x93NUMPY"
HEADER = 2**14  # bytes within which the header of a .npy file ends; NumPy takes 10,000
MOST_MEMBERS = 1000  # of an archive that is looked through
# What zipfile raises: NotImplementedError and RuntimeError at an unknown method or flag, and where
# a password is needed; OSError where a member is to lie before the file's start.
FAULTS = (
    ValueError,
    OSError,
    zipfile.BadZipFile,
    EOFError,
    zlib.error,
    NotImplementedError,
    RuntimeError,
    struct.error,
)
# Archives by the last part of a member's name that gives them away.
OTHER_ARCHIVES = {
    "data.pkl": "is a file of PyTorch, which is a pickle: load it with torch.load and save its "
    "tensors with numpy.savez_compressed",
    "[Content_Types].xml": "is a spreadsheet or other Office file: export it as CSV",
    "model.weights.h5": "is a Keras model, not data",
}


def contents(path: Path) -> Contents:
    """The arrays of an .npz file, named `<file>/<array>`, or that of a .npy file, `<file>`.

    What is no array of numbers or text is left out, with a note. Nothing is unpickled.

    Raises:
        UserError: it is damaged, something else, or over the limits.
        OSError: it can't be opened or read.
    """
    with stored.opened(path) as file:
        if file.read(len(MAGIC)) == MAGIC:
            file.seek(0)
            return Contents("NPY file", (_alone(path, file),))
    arrays, others = {}, []
    with _archive(path) as archive:
        members = archive.NameToInfo  # of two of one name the last, as NumPy has it
        if len(members) > MOST_MEMBERS or not any(
            _is_array(archive, member) for member in members.values()
        ):
            raise UserError(f"{path} {_of_no_arrays([*members])}")
        for member in members.values():
            name = member.filename.removesuffix(".npy")
            if not _is_array(archive, member):
                others.append(f"{name} (not an array)")
                continue
            with _opened(archive, member) as content:
                header = _header(content)
                if not header.what_else:
                    stored.size(header.shape, header.dtype.itemsize)
            if header.what_else:
                others.append(f"{name} ({header.what_else})")
            elif len(name) > stored.LONGEST_NAME:
                others.append(name)
            else:
                arrays[name] = Stored(
                    f"{path.stem}/{name}", header.shape, partial(_member, path, member.filename)
                )
    return Contents("NPZ file", tuple(arrays.values()), stored.left_out(path, others))


def npy(path: Path) -> np.ndarray:
    """The array of numbers in a .npy file, mapped: its data take memory as they are used.

    Raises:
        UserError: it is damaged, something else, or over the limits.
        OSError: it can't be opened or read.
    """
    with _read_of_npy(path), stored.opened(path) as file:
        header = _header(file)
        shape, order, dtype, start, _ = header
        if header.what_else or dtype.kind in "SU":
            raise ValueError(f"it holds {header.what_else or 'text'}, not numbers")
        size, held = stored.size(shape, dtype.itemsize), os.fstat(file.fileno()).st_size - start
        if held != size:
            raise ValueError(f"it promises {size:,} bytes of data but holds {held:,}")
        return np.memmap(file, dtype, "r", start, shape, order)


class _Header(NamedTuple):
    """Of a .npy file: what its data are, where they start, and those that were read with it."""

    shape: tuple[int, ...]
    order: Literal["C", "F"]
    dtype: np.dtype
    start: int
    data: bytes

    @property
    def what_else(self) -> str:
        """What it holds, if that is no array of numbers or text."""
        if self.dtype.hasobject:
            return "Python objects, which are not unpickled"
        if self.dtype.kind not in "biufSU" or not self.dtype.itemsize:
            return stored.brief(self.dtype)
        return "" if self.shape else "a single value"


def _alone(path: Path, file: IO[bytes]) -> Stored:
    with _read_of_npy(path):
        header = _header(file)
        if header.what_else:
            raise ValueError(f"it holds {header.what_else}, not numbers or text")
        stored.size(header.shape, header.dtype.itemsize)

    def read() -> np.ndarray:
        with _read_of_npy(path), stored.opened(path) as file:
            return _data(file)

    return Stored(path.stem, header.shape, read)


def _member(path: Path, member: str) -> np.ndarray:
    with _archive(path) as archive:
        if member not in archive.NameToInfo:
            raise ValueError("it was changed meanwhile")
        with _opened(archive, archive.NameToInfo[member]) as content:
            return _data(content)


@contextmanager
def _read_of_npy(path: Path) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise UserError(
            f"{path} can't be read ({stored.brief(error)}): download or write it again"
        ) from None


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """To be read within; what is wrong with it is a `UserError`."""
    with stored.opened(path) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                yield archive
        except FAULTS as error:
            raise UserError(
                f"{path} is not a readable .npz file ({stored.brief(error)}): download or write it "
                "again"
            ) from None


def _is_array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bool:
    if member.filename.endswith(".npy"):
        return True
    try:
        with _opened(archive, member) as content:
            return content.read(len(MAGIC)) == MAGIC
    except FAULTS:
        return False


@contextmanager
def _opened(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[IO[bytes]]:
    """A member to read, whose name is put before what is wrong with it."""
    name = member.filename.removesuffix(".npy")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # zipfile unpacks the others without a limit to what a piece may grow to.
        raise ValueError(f"{name} is compressed by another method than NumPy's")
    try:
        with archive.open(member) as content:
            yield content
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _of_no_arrays(names: Sequence[str]) -> str:
    if not names:
        return "is an empty ZIP archive: fetch it again"
    for name in names:
        if (last := name.rpartition("/")[2]) in OTHER_ARCHIVES:
            return OTHER_ARCHIVES[last]
    files = [name for name in names if not name.endswith("/")] or names
    return (
        f"is a ZIP archive of {len(files):,} file{'s'[: len(files) > 1]} (first: "
        f"{stored.brief(files[0])}): unzip it and give the folder"
    )


def _data(file: IO[bytes]) -> np.ndarray:
    """The array of numbers or text in a .npy file."""
    header = _header(file)
    size = stored.size(header.shape, header.dtype.itemsize)
    data = stored.content(file, size, header.data)
    if len(data) != size:
        raise ValueError(stored.miscounted(data, size))
    if header.what_else:
        raise ValueError("it was changed meanwhile")
    array = np.frombuffer(data, header.dtype)
    if array.dtype.kind in "SU":
        array = stored.text(array)
    elif array.dtype.kind == "b":
        array = array.view(np.uint8) != 0
    return stored.native(array).reshape(header.shape, order=header.order)


def _header(file: IO[bytes]) -> _Header:
    """What a .npy file says of itself.

    Raises:
        ValueError: it is none, or damaged.
    """
    head = io.BytesIO(file.read(HEADER))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of headers by Python 2, of odd literals and dtypes
            version = np.lib.format.read_magic(head)
            read: Callable = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }[version]
            shape, fortran, dtype = read(head)
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
    if any(side < 0 for side in shape):
        raise ValueError("it has a negative side")
    return _Header(shape, "F" if fortran else "C", dtype, head.tell(), head.read())
