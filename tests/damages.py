"""Ways to damage the files of a results folder: by bytes, by values, by arrays."""

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

# What may stand in the place of a number, a word, a list or an object.
VALUES = (
    None,
    True,
    -1,
    0,
    1,
    0.5,
    1e308,
    10**400,
    float("nan"),
    float("inf"),
    "",
    "text",
    "-5",
    "\ud800",
    [],
    [1],
    [[]],
    {},
    {"a": 1},
)
CELLS = (
    "",
    "text",
    "nan",
    "inf",
    "-1",
    "0",
    "0.5",
    "1.5",
    "1e400",
    "9" * 30,
    "True",
    "[1]",
    "1;2",
    '"',
    "\x00",
    "2026-01-01",
)
FOREIGN = (
    b"",
    b"\n",
    b"\x00" * 200,
    b"[]",
    b"{}",
    b"null",
    b'{"a": 1}\n',
    b"a,b\n1,2\n",
    b"PK\x03\x04" + bytes(60),
    b"\x89PNG\r\n\x1a\n" + bytes(60),
    b"<!doctype html>\n",
    b"\x93NUMPY\x01\x00" + bytes(60),
    b"[" * 100_000,
    b'{"a":' * 20_000,
    b"\xff\xfe\xfd\n",
    b"a: &a [1]\nb: *a\n",
    b"!!python/object/apply:os.getcwd []\n",
)


def bytes_of(content: bytes, rng: np.random.Generator, count: int) -> Iterator[tuple[str, bytes]]:
    """`count` cuts, and as many flipped bits, doubled parts and zeroed parts."""
    for _ in range(count):
        cut = int(rng.integers(len(content)))
        yield f"cut to {cut} bytes", content[:cut]
        bit = int(rng.integers(8 * len(content)))
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        yield f"bit {bit} flipped", bytes(flipped)
        start, end = sorted(map(int, rng.integers(len(content) + 1, size=2)))
        yield f"bytes {start} to {end} doubled", content[:end] + content[start:]
        yield f"bytes {start} to {end} zeroed", content[:start] + bytes(end - start) + content[end:]


def values_of(path: Path) -> Iterator[tuple[str, bytes]]:
    """Every value of a JSON file, cell of a CSV file and array of an .npz file, replaced."""
    yield from {".json": _json, ".csv": _csv, ".npz": _npz}.get(path.suffix, lambda _: ())(
        path.read_bytes()
    )


def _json(content: bytes) -> Iterator[tuple[str, bytes]]:
    whole = json.loads(content)

    def places(value, at=()):
        yield at
        if isinstance(value, dict | list):
            for key in value if isinstance(value, dict) else range(len(value)):
                yield from places(value[key], (*at, key))

    for at in places(whole):
        for value in (*VALUES, places):  # the last: nothing at all
            changed = json.loads(content)
            holder = {0: changed}
            key = 0
            for step in at:
                holder, key = holder[key], step
            if value is places:
                del holder[key]
            else:
                holder[key] = value
            if not at:
                changed = value
            if value is not places or at:
                told = "left out" if value is places else repr(value)[:20]
                yield f"{'.'.join(map(str, at))} {told}", json.dumps(changed).encode()


def _csv(content: bytes) -> Iterator[tuple[str, bytes]]:
    rows = list(csv.reader(io.StringIO(content.decode())))

    def text(rows):
        out = io.StringIO()
        # Where Python before 3.11 sees an escape in the null character, "\\" takes that place.
        csv.writer(out, lineterminator="\n", escapechar="\\").writerows(rows)
        return out.getvalue().encode()

    for column, name in enumerate(rows[0]):
        for place in {1, len(rows) - 1}:
            for cell in CELLS:
                changed = [list(row) for row in rows]
                changed[place][column] = cell
                yield f"{name} of row {place} {cell[:9]!r}", text(changed)
        yield f"no {name}", text([row[:column] + row[column + 1 :] for row in rows])
        yield (
            f"all of {name} text",
            text([rows[0], *([*row[:column], "text", *row[column + 1 :]] for row in rows[1:])]),
        )
    for place in range(1, len(rows)):
        yield f"row {place} doubled", text([*rows, rows[place]])
        yield f"row {place} left out", text(rows[:place] + rows[place + 1 :])
        yield f"row {place} short", text([*rows[:place], rows[place][:1], *rows[place + 1 :]])
        yield f"row {place} long", text([*rows[:place], rows[place] * 2, *rows[place + 1 :]])
    yield "no heads", text(rows[1:])
    yield "heads alone", text(rows[:1])
    yield "heads twice", text([rows[0], *rows])


def _npz(content: bytes) -> Iterator[tuple[str, bytes]]:
    with np.load(io.BytesIO(content)) as file:
        arrays = dict(file)

    def packed(arrays, **more):
        out = io.BytesIO()
        np.savez_compressed(out, **arrays)
        with zipfile.ZipFile(out, "a") as archive:
            for name, data in more.items():
                archive.writestr(f"{name}.npy", data)
        return out.getvalue()

    for name, array in arrays.items():
        rest = {other: value for other, value in arrays.items() if other != name}
        yield f"no {name}", packed(rest)
        for told, value in _arrays(array):
            yield f"{name} {told}", packed(rest | {name: value})
        yield f"{name} of no kind", packed(rest, **{name: b"no array"})
        for shape in ((10**12,), (2**62, 2**62), (-1,), (0, 10**15)):
            head = io.BytesIO()
            np.lib.format.write_array_header_1_0(
                head, {"descr": array.dtype.str, "fortran_order": False, "shape": shape}
            )
            yield f"{name} claims shape {shape}", packed(rest, **{name: head.getvalue()})


def _arrays(array: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    yield "pickled", np.array([array, None], object)
    yield "as text", array.astype(str)
    yield "as complex", np.zeros(array.shape, complex)
    yield "as times", np.zeros(array.shape, "M8[s]")
    yield "as records", np.zeros(array.shape, [("a", "i4")])
    yield "as truth", np.zeros(array.shape, bool)
    yield "as floats", np.full(array.shape, np.nan)
    yield "as integers", np.full(array.shape, -3)
    yield "flat", array.reshape(-1)
    yield "in a list", array[None]
    yield "a number", np.array(0)
    yield "empty", array[:0] if array.ndim else np.empty(0)
    if array.ndim:
        yield "shorter", array[:-1]
        yield "longer", np.concatenate([array, array])
