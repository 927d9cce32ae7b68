"""HDF5 files, and those of MATLAB 7.3, which are the same.

HDF5 unpacks a compressed chunk to whatever it holds, and fills with zeros what is not there, so
that a small file may take any memory. Compressed chunks are therefore unpacked here.
"""

import itertools
import math
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

import h5py
import numpy as np

from mnist_aug.data.formats import stored
from mnist_aug.data.formats.stored import Contents, Stored
from mnist_aug.errors import UserError

MATLAB = b"MATLAB 7."  # with what its files begin
MOST_ARRAYS = 1000
MOST_DEPTH = 16  # of groups in each other
MOST_CHUNKS = 2**19
LONGEST_TEXT = 256  # bytes of a string whose length the file leaves open
REFERENCE = np.dtype([("length", "<u4"), ("place", "<u8"), ("number", "<u4")])  # to a string
FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}
_MODEL = re.compile(r"/(model|optimizer)_weights/|/kernel(:0)?$|/layers/.*/vars/0$")
MATLAB_NUMBERS = {"double", "single", "logical"} | {
    f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}


def contents(path: Path) -> Contents:
    """The arrays, named `<file>/<groups>/<array>`.

    Axes are as they are stored, but those of MATLAB's files in MATLAB's order, and text in those is
    one string a row. What lies in other files, was never written, is compressed by other methods
    than gzip, or is no array of numbers or text is left out, with a note.

    Raises:
        UserError: it is damaged, something else, or over the limits.
        OSError: it can't be opened or read.
    """
    arrays, others = [], []
    with _opened(path) as (file, matlab):
        for name, dataset, what_else in _walk(file, "", {0}, matlab):
            what_else = what_else or _what_else(dataset, matlab)
            if what_else:
                others.append(f"{name} ({what_else})")
            elif len(name) > stored.LONGEST_NAME:
                others.append(name)
            else:
                shape = dataset.shape[::-1] if matlab else dataset.shape
                shape = shape[:1] if _is_rows_of_text(dataset, matlab) else shape
                arrays.append(Stored(f"{path.stem}/{name}", shape, partial(_read, path, name)))
            if len(arrays) + len(others) > MOST_ARRAYS:
                raise ValueError(f"it holds over {MOST_ARRAYS:,} arrays")
    if any(_MODEL.search(one.name) for one in arrays):
        raise UserError(
            f"{path} holds the weights of a Keras model, not data: give images and labels"
        )
    form = "MATLAB 7.3 file" if matlab else "HDF5 file"
    return Contents(form, tuple(arrays), stored.left_out(path, others))


@contextmanager
def _opened(path: Path) -> Iterator[tuple[h5py.File, bool]]:
    """The file, and if it is MATLAB's, to be read within; what is wrong with it is a `UserError`.

    What HDF5 and h5py throw at damage is not a closed list.
    """
    with stored.opened(path) as raw:
        matlab = raw.read(len(MATLAB)) == MATLAB
    try:
        with h5py.File(path, "r", locking=False) as file:  # some file systems can't lock
            yield file, matlab
    except MemoryError:
        raise
    except Exception as error:
        raise UserError(
            f"{path} is not a readable HDF5 file ({stored.brief(error)}): fetch or write it again"
        ) from None


def _walk(
    group: h5py.Group, above: str, seen: set, matlab: bool, depth: int = 0
) -> Iterator[tuple[str, h5py.Dataset, str]]:
    """Name of each array in a group and below, and, instead of an array, what else it is."""
    if len(group) > MOST_ARRAYS:
        raise ValueError(f"it holds over {MOST_ARRAYS:,} arrays, {len(group):,} in one group")
    for key in group:
        if matlab and key.startswith("#"):
            continue  # what cells and objects refer to
        name = f"{above}{key}"
        if not isinstance(group.get(key, getlink=True), h5py.HardLink):
            yield name, None, "a link"
            continue
        part = group[key]
        place = h5py.h5o.get_info(part.id).addr
        if place in seen:
            continue  # a group that holds itself, or an array by another name
        seen.add(place)
        if isinstance(part, h5py.Dataset):
            yield name, part, ""
        elif matlab and "MATLAB_sparse" in part.attrs:
            yield name, None, "a sparse matrix"
        elif isinstance(part, h5py.Group) and depth < MOST_DEPTH:
            yield from _walk(part, f"{name}/", seen, matlab, depth + 1)
        else:
            yield name, None, "not an array"


def _what_else(dataset: h5py.Dataset, matlab: bool) -> str:
    """What it is if it is no array that can be read; else nothing.

    Raises:
        ValueError: it is over the limits.
    """
    if dataset.is_virtual or dataset.external:
        return "it lies in another file"
    if dataset.shape is None or (matlab and "MATLAB_empty" in dataset.attrs):
        return "empty"
    if not dataset.shape:
        return "a single value"
    kind = _matlab_class(dataset) if matlab else ""
    if kind == "char":
        if dataset.dtype.kind != "u" or dataset.ndim != 2:
            return "text in over two dimensions"
    elif kind not in MATLAB_NUMBERS and kind:
        return f"a MATLAB {kind}"
    text = h5py.check_string_dtype(dataset.dtype)
    if dataset.dtype.kind not in "biufS" and not text:
        return "objects" if dataset.dtype.hasobject else stored.brief(dataset.dtype)
    if text and text.length is None and math.prod(dataset.shape[1:]) != 1:
        return "text in over one dimension"
    itemsize = dataset.dtype.itemsize
    if text and text.length is None:
        itemsize = REFERENCE.itemsize
        if dataset.file.id.get_create_plist().get_sizes() != (8, 8):
            return "text in a file of another word size than 8 bytes"
    size = stored.size(dataset.shape, 4 if kind == "char" else itemsize)
    if dataset.chunks is None:
        if dataset.id.get_storage_size() < itemsize * dataset.size:
            return "not all of it was written"
        if text and text.length is None and size and dataset.id.get_offset() is None:
            return "text within its description"
        return ""
    filters = _filters(dataset)
    if not FILTERS.issuperset(filters):
        return "compressed by another method than gzip"
    expected = math.prod(
        math.ceil(a / b) for a, b in zip(dataset.shape, dataset.chunks, strict=True)
    )
    if size and dataset.id.get_num_chunks() != expected:
        return "not all of it was written"
    if expected > MOST_CHUNKS:
        raise ValueError(f"it holds {expected:,} chunks, over the limit of {MOST_CHUNKS:,}")
    stored.size(dataset.chunks, itemsize)
    return ""


def _matlab_class(dataset: h5py.Dataset) -> str:
    kind = dataset.attrs.get("MATLAB_class", "")
    return kind.decode("latin-1") if isinstance(kind, bytes) else str(kind)


def _is_rows_of_text(dataset: h5py.Dataset, matlab: bool) -> bool:
    return matlab and _matlab_class(dataset) == "char"


def _filters(dataset: h5py.Dataset) -> list[int]:
    """In the order in which they were applied."""
    made = dataset.id.get_create_plist()
    return [made.get_filter(number)[0] for number in range(made.get_nfilters())]


def _read(path: Path, name: str) -> np.ndarray:
    with _opened(path) as (file, matlab):
        dataset = file[name]
        if what_else := _what_else(dataset, matlab):
            raise ValueError(f"{name} can't be read: {what_else}")
        text = h5py.check_string_dtype(dataset.dtype)
        if text and text.length is None:
            return _strings(path, file, dataset)
        if h5py.h5z.FILTER_DEFLATE in _filters(dataset):
            if not dataset.id.get_type().equal(h5py.h5t.py_create(dataset.dtype, logical=True)):
                raise ValueError(f"{name} holds numbers that NumPy has no type for")
            array = _from_chunks(dataset, dataset.dtype)
        else:
            array = np.empty(dataset.shape, dataset.dtype)
            if array.size:
                dataset.read_direct(array)
        if matlab:
            array = array.T
        if _is_rows_of_text(dataset, matlab):
            return stored.rows_of_text(array)
        return stored.text(array) if text else stored.native(array)


def _strings(path: Path, file: h5py.File, dataset: h5py.Dataset) -> np.ndarray:
    """Text whose length the file leaves open: references to strings in heaps in the file.

    Damaged heaps keep HDF5 busy without end, so that they are read here. The format is that of
    "HDF5 File Format Specification Version 3.0", III.E.

    Raises:
        ValueError: a string is missing or too long.
    """
    base, left = file.userblock_size, path.stat().st_size
    with stored.opened(path) as raw:
        if dataset.chunks is not None:
            references = _from_chunks(dataset, REFERENCE)
        else:
            raw.seek(dataset.id.get_offset() or 0)
            data = raw.read(REFERENCE.itemsize * dataset.size)
            references = np.frombuffer(data, REFERENCE).reshape(dataset.shape)
        heaps: dict[int, dict[int, bytes]] = {0: {0: b""}}  # where an empty string is said to be
        for place in np.unique(references["place"][references["length"] > 0]).tolist():
            raw.seek(base + place)
            heaps[place], size = _heap(raw)
            left -= size
            if left < 0:
                raise ValueError("it has strings that overlap")
    found = []
    for length, place, number in references.ravel().tolist():
        string = heaps[place if length else 0].get(number if length else 0)
        if string is None or len(string) < length or length > LONGEST_TEXT:
            raise ValueError(
                f"{dataset.name} has text that is missing, or longer than {LONGEST_TEXT} bytes"
            )
        found.append(string[:length])
    return stored.text(np.array(found, "S" if found else "S1")).reshape(dataset.shape)


def _heap(raw: BinaryIO) -> tuple[dict[int, bytes], int]:
    """The strings in a heap, by their numbers, and its size in bytes."""
    head = raw.read(16)
    if head[:5] != b"GCOL\1" or len(head) < 16:
        raise ValueError("it has a damaged heap of strings")
    (size,) = struct.unpack("<Q", head[8:])
    content = raw.read(min(size, stored.MAX_PIXELS) - 16) if size > 16 else b""
    strings, at = {}, 0
    while at + 16 <= len(content):
        number, _, _, length = struct.unpack_from("<HHIQ", content, at)
        if number == 0:
            break  # what is left is free
        strings[number] = content[at + 16 : at + 16 + min(length, LONGEST_TEXT)]
        at += 16 + length + -length % 8
    return strings, max(size, 16)


def _from_chunks(dataset: h5py.Dataset, dtype: np.dtype) -> np.ndarray:
    """An array that is stored in chunks, which may be compressed by gzip."""
    filters, chunk = _filters(dataset), dataset.chunks
    size = math.prod(chunk) * dtype.itemsize
    array = np.empty(dataset.shape, dtype)
    chunks: list[h5py.h5d.StoreInfo] = []
    if array.size:
        dataset.id.chunk_iter(chunks.append)
    starts = itertools.product(*map(range, [0] * array.ndim, array.shape, chunk))
    if {info.chunk_offset for info in chunks} != set(starts):
        raise ValueError(f"{dataset.name} has a damaged list of chunks")
    for info in chunks:
        mask, data = dataset.id.read_direct_chunk(info.chunk_offset)
        for number, kind in reversed([*enumerate(filters)]):
            if mask >> number & 1:
                continue  # it was not applied to this chunk
            if kind == h5py.h5z.FILTER_DEFLATE:
                inflate = zlib.decompressobj()
                data = inflate.decompress(data, size + 5)  # a checksum of Fletcher's takes 4
                if not inflate.eof:
                    raise ValueError(f"{dataset.name} has a damaged chunk")
            elif kind == h5py.h5z.FILTER_SHUFFLE:
                data = np.frombuffer(data, np.uint8).reshape(dtype.itemsize, -1).T.tobytes()
            else:
                data = data[:-4]  # of it the checksum of what is compressed is enough
        if len(data) != size:
            raise ValueError(f"{dataset.name} has a chunk of {len(data):,} bytes, not {size:,}")
        part = array[tuple(slice(a, a + b) for a, b in zip(info.chunk_offset, chunk, strict=True))]
        part[...] = np.frombuffer(data, dtype).reshape(chunk)[tuple(map(slice, part.shape))]
    return array
