"""Parquet files, as Hugging Face stores image sets, or with a column for each pixel.

pyarrow reads them, some rows at a time. What the footer claims of a row group is held to `stored`'s
bounds before it is read, and arrays and decoded pictures are; a row group that is a single value
takes four times its size. pyarrow itself has no bound: where a page, of up to 2 GiB, unpacks to
more than the footer says, or a few bytes to a long list of equal numbers, it takes what that takes.
Extension types that nobody registered are read as what they store, and none is made by unpickling.
"""

import io
import json
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np

from mnist_aug.data.formats import encoded, stored
from mnist_aug.data.formats.stored import Contents, Stored
from mnist_aug.errors import UserError

LEAST_PIXELS = 16  # numbered columns of numbers that are an image's pixels
MOST_COLUMNS = 2**17
PEEKED = 4096  # rows in which a column of bytes shows whether it holds pictures
ROWS = 16  # whose pictures, or lists, are unpacked at once: a page may repeat a value for few bytes
NUMBERS = 2**21  # of wide tables, and of columns of one number a row, that are unpacked at once
_FOOTER = 2**26  # bytes of text, and items of a list, that a footer may hold


def contents(path: Path) -> Contents:
    """The columns that may be images or labels, called `<stem of the file>/<column>`.

    Columns of encoded pictures (Hugging Face's `Image`, or bytes that begin as a picture) are read
    as `encoded.array` has them, and have no shape before; lists of numbers, one or more in one
    another, are arrays. `LEAST_PIXELS` or more columns of numbers whose names differ by numbers
    alone (pixel1, pixel2, …; 1x1, 1x2, …) are `pixels` [N, P], in the order of those numbers, or
    [N, H, W] where they tell sides that are not equal.
    Hugging Face's names of classes are taken. Other columns are named in a note.

    Raises:
        UserError: it is damaged, over the limits, or pyarrow isn't installed.
        OSError: it can't be opened or read.
    """
    with _file(path) as file:
        rows, schema = file.metadata.num_rows, file.schema_arrow
        if rows < 0:
            raise ValueError("it has a negative number of rows")
        _bounded(path, "", (rows,))
        if len(schema) > MOST_COLUMNS:
            raise UserError(
                f"{path} has {len(schema):,} columns, over the limit of {MOST_COLUMNS:,}"
            )
        if len({*schema.names}) < len(schema):
            raise UserError(f"{path} has columns of the same name: give each its own")
        types = {field.name: _storage(field.type) for field in schema}
        numbers = [name for name, kind in types.items() if _is_number(kind)]
        pixels, sides = _numbered(numbers)
        class_names = _class_names(schema.metadata or {})
        arrays, others = [], []
        for name, kind in types.items():
            stem = f"{_shown(path.stem)}/{name}"
            if name in pixels:
                if name == pixels[0]:
                    arrays.append(_wide(path, types, pixels, (rows, *sides)))
            elif name in numbers or _is_text(kind):
                names = class_names.get(name, ())
                arrays.append(Stored(stem, (rows,), partial(_column, path, name, rows), names))
            elif (inner := _bytes_of(name, kind)) and _holds_pictures(path, file, name, inner):
                arrays.append(Stored(stem, (), partial(_pictures, path, name, inner, rows)))
            elif (shape := _shape_of_lists(schema.field(name).type)) is not None:
                shape = (rows, *shape) if all(shape) else ()
                arrays.append(Stored(stem, shape, partial(_lists, path, name, rows)))
            else:
                others.append(name)
    notes = []
    if others:
        more = f" and {len(others) - 5} more" if len(others) > 5 else ""
        notes.append(
            f"columns that are neither images nor labels were left out: {', '.join(others[:5])}"
            f"{more}"
        )
    return Contents("Parquet file", tuple(arrays), tuple(notes))


def _shown(name: str) -> str:
    return os.fsencode(name).decode(errors="replace")  # it may be no UTF-8


@contextmanager
def _file(path: Path) -> Iterator[Any]:
    """A pyarrow.parquet.ParquetFile, whose faults become one line."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError:
        raise UserError(
            f"{path} is a Parquet file, and pyarrow, which reads them, isn't installed: "
            'pip install ".[parquet]"'
        ) from None
    with stored.opened(path) as raw:
        try:
            with parquet.ParquetFile(
                raw,
                pre_buffer=False,
                buffer_size=stored.CHUNK,
                thrift_string_size_limit=_FOOTER,
                thrift_container_size_limit=_FOOTER,
            ) as file:
                yield file
        except MemoryError:
            raise
        except (pyarrow.ArrowException, ValueError, LookupError, TypeError, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise UserError(
                f"{path} is not a readable Parquet file ({stored.brief(error)}): fetch it again, "
                "or write it again with pandas or pyarrow"
            ) from None


def _bounded(path: Path, column: str, shape: tuple[int, ...], itemsize: int = 1) -> None:
    try:
        stored.size(shape, itemsize)
    except ValueError as error:
        place = f"{path}, column {column}," if column else str(path)
        raise UserError(f"{place} {error}: use fewer rows or smaller images") from None


# Types --------------------------------------------------------------------------------------------


def _storage(kind: Any) -> Any:
    """A pyarrow type without what an extension makes of it."""
    from pyarrow import types

    kind = getattr(kind, "storage_type", kind)
    return kind.value_type if types.is_dictionary(kind) else kind


def _is_number(kind: Any) -> bool:
    from pyarrow import types

    return types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    return types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)


def _bytes_of(name: str, kind: Any) -> str | None:
    """The path of a column's bytes: its own, or that of `bytes` in Hugging Face's struct."""
    from pyarrow import types

    is_binary = (
        types.is_binary,
        types.is_large_binary,
        types.is_binary_view,
        types.is_fixed_size_binary,
    )
    if types.is_struct(kind):
        at = kind.get_field_index("bytes")
        return f"{name}.bytes" if at >= 0 and _bytes_of(name, kind.field(at).type) == name else None
    return name if any(test(kind) for test in is_binary) else None


def _shape_of_lists(kind: Any) -> tuple[int, ...] | None:
    """Lengths of lists within one another, 0 where they are not known; None if it is none."""
    from pyarrow import types

    if hasattr(kind, "permutation"):  # Arrow's own tensors
        in_order = kind.permutation in (None, [*range(len(kind.shape))])
        return tuple(kind.shape) if in_order else None
    kind = _storage(kind)
    if types.is_fixed_size_list(kind):
        length = kind.list_size
    elif types.is_list(kind) or types.is_large_list(kind):
        length = 0
    else:
        return None
    inner = kind.value_type
    if _is_number(inner):
        return (length,)
    rest = _shape_of_lists(inner)
    return None if rest is None else (length, *rest)


def _numbered(names: Iterable[str]) -> tuple[list[str], tuple[int, ...]]:
    """The columns that are pixels, those that differ by the numbers in their names alone.

    With the shape of an image, as `stored.of_pixels` has it.
    """
    groups = defaultdict(list)
    for name in names:
        groups[re.sub("[0-9]+", "#", name)].append(name)
    found = max((own for key, own in groups.items() if "#" in key), key=len, default=[])
    if len(found) < LEAST_PIXELS:
        return [], ()
    order, shape = stored.of_pixels(found) or (range(len(found)), (len(found),))
    return [found[at] for at in order], shape


def _class_names(metadata: dict[bytes, bytes]) -> dict[str, tuple[str, ...]]:
    """Column to what its labels 0, 1, … are called, as Hugging Face's `datasets` writes it."""
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
        found = {name: own["names"] for name, own in features.items() if "names" in own}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}
    return {
        name: tuple(own)
        for name, own in found.items()
        if isinstance(own, list) and all(isinstance(one, str) for one in own)
    }


# Data ---------------------------------------------------------------------------------------------


def _batches(path: Path, file: Any, columns: list[str], rows: int) -> Iterator[tuple[int, Any]]:
    """Row and what follows of these columns, some rows at a time.

    Raises:
        UserError: what the footer claims of a column is over the limits.
        ValueError: there are other rows than it says.
    """
    _claimed(path, file.metadata)
    start = 0
    for batch in file.iter_batches(batch_size=rows, columns=columns, use_threads=False):
        yield start, batch
        start += batch.num_rows
    if start != file.metadata.num_rows:
        raise ValueError(f"it promises {file.metadata.num_rows:,} rows but holds {start:,}")


def _claimed(path: Path, about: Any) -> None:
    """Check the sizes in a footer.

    Those of single columns would tell more, but pyarrow ends the process where they are damaged.
    """
    for group in range(about.num_row_groups):
        size = about.row_group(group).total_byte_size
        if not 0 <= size <= stored.MAX_PIXELS:
            raise UserError(
                f"{path} claims {size:,} bytes in row group {group}, over the limit of "
                f"{stored.MAX_PIXELS:,}: write it with smaller row groups"
            )


def _plain(path: Path, name: str, start: int, array: Any) -> Any:
    """An array as it is stored, without an extension or a dictionary.

    Raises:
        UserError: there are nulls.
    """
    from pyarrow import types

    array = getattr(array, "storage", array)
    if array.null_count:
        row = start + array.is_null().to_pylist().index(True)
        raise UserError(f"{path} holds nothing in row {row} of column {name}: remove such rows")
    return array.dictionary_decode() if types.is_dictionary(array.type) else array


def _column(path: Path, name: str, rows: int) -> np.ndarray:
    """Numbers, or text, [N]."""
    found = []
    with _file(path) as file:
        for start, batch in _batches(path, file, [name], NUMBERS):
            array = _plain(path, name, start, batch.column(name))
            if _is_text(array.type):
                texts = array.to_pylist()
                _bounded(path, name, (rows,), 4 * max(map(len, texts), default=0))
                found.append(np.array(texts, np.str_))
            else:
                found.append(array.to_numpy(zero_copy_only=False))
    return np.concatenate(found) if found else np.empty(0)


def _wide(path: Path, types: dict[str, Any], pixels: list[str], shape: tuple[int, ...]) -> Stored:
    rows = shape[0]
    dtype = np.result_type(*{types[name].to_pandas_dtype() for name in pixels})

    def read() -> np.ndarray:
        _bounded(path, pixels[0], (rows, len(pixels)), dtype.itemsize)
        found = np.empty((rows, len(pixels)), dtype)
        with _file(path) as file:
            for start, batch in _batches(path, file, pixels, max(1, NUMBERS // len(pixels))):
                for place, name in enumerate(pixels):
                    array = _plain(path, name, start, batch.column(name))
                    found[start : start + batch.num_rows, place] = array.to_numpy(
                        zero_copy_only=False
                    )
        return found.reshape(shape)

    return Stored(f"{_shown(path.stem)}/pixels", shape, read)


def _lists(path: Path, name: str, rows: int) -> np.ndarray:
    """Numbers [N, …]."""
    from pyarrow import types

    found: np.ndarray | None = None
    with _file(path) as file:
        for start, batch in _batches(path, file, [name], ROWS):
            if not batch.num_rows:
                continue
            shape = _shape_of_lists(batch.schema.field(name).type) or ()
            array = _plain(path, name, start, batch.column(name))
            if not all(shape):
                shape = ()
            lengths = []
            while not _is_number(array.type):
                count = len(array)
                is_fixed = types.is_fixed_size_list(array.type)
                if not is_fixed and len(array.value_lengths().unique()) > 1:
                    raise UserError(_uneven(path, name))
                array = _plain(path, name, start, array.flatten())
                lengths.append(len(array) // count if count else 0)
            values = array.to_numpy(zero_copy_only=False)
            values = values.reshape(batch.num_rows, *(shape or lengths))
            if found is None:
                _bounded(path, name, (rows, *values.shape[1:]), values.itemsize)
                found = np.empty((rows, *values.shape[1:]), values.dtype)
            if values.shape[1:] != found.shape[1:]:
                raise UserError(_uneven(path, name))
            found[start : start + batch.num_rows] = values
    return np.empty(0) if found is None else found


def _uneven(path: Path, name: str) -> str:
    return f"{path} holds lists of different lengths in column {name}: make its images one size"


def _holds_pictures(path: Path, file: Any, name: str, column: str) -> bool:
    """Whether the first value that isn't null, of the first `PEEKED` rows, begins as a picture."""
    for start, batch in _batches(path, file, [column], ROWS):
        for value in _values(batch.column(name)):
            if value.is_valid:
                return encoded.kind(bytes(value.as_buffer()[: encoded.HEAD])) is not None
        if start >= PEEKED:
            break
    return False


def _values(array: Any) -> Any:
    """Bytes, of Hugging Face's struct or alone."""
    from pyarrow import types

    array = getattr(array, "storage", array)
    return array.field("bytes") if types.is_struct(array.type) else array


def _pictures(path: Path, name: str, column: str, rows: int) -> np.ndarray:
    """[N, H, W] or [N, H, W, 3], as `encoded.array` has them."""
    with _file(path) as file:

        def every() -> Iterator[tuple[str, Callable[[], IO[bytes]]]]:
            for start, batch in _batches(path, file, [column], ROWS):
                for row, value in enumerate(_values(batch.column(name)), start):
                    place = f"{path}, row {row} of column {name},"
                    if not value.is_valid:
                        raise UserError(f"{place} holds no picture: remove such rows")
                    yield place, partial(io.BytesIO, value.as_buffer())

        try:
            return encoded.array(every(), rows)
        except encoded.DifferentSizes as error:
            raise UserError(
                f"{path} holds, in column {name}, {error}; make them one size and write the "
                "file again"
            ) from None
