"""Tables of text, an image in each row: CSV and its relatives, and ARFF, gzipped or not.

Which columns are pixels and which are labels is told by their names or else by what a sample of
rows from all over the file holds. pandas reads the numbers, 2 MiB of text at a time.
"""

import csv
import gzip
import io
import math
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd

from mnist_aug.data.formats import stored
from mnist_aug.data.formats.stored import Contents, Stored
from mnist_aug.errors import UserError

HEAD = 2**18  # bytes that show how a table is written
PIECE = 2**21  # bytes of text that pandas reads at once
SAMPLE = 2**21  # bytes of rows from all over a file that show what its columns are
LONGEST_LINE = 2**22
MAX_TEXT = 2**33  # bytes of a file, unpacked
MAX_LINES = 2 * stored.MAX_IMAGES
MAX_COLUMNS = 70_000  # 256 by 256 grey pixels; each costs pandas time and memory of its own
MAX_LABEL = 200  # characters

LABELS = {
    *("label", "labels", "class", "classes", "target", "targets", "y", "digit", "digits"),
    *("character", "char", "letter", "category", "classlabel", "labelid", "classid", "labelname"),
    *("classname", "groundtruth"),
}
INDEXES = {"", "id", "index", "idx", "imageid", "rowid", "rownames", "unnamed", "row", "no"}
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
BLANKS = r"\s+"
SMALLEST_IMAGE = 25  # pixels; a table of fewer columns is seldom one of images
MEND = "correct it, or save the table again"
FEWEST = 8  # rows by which labels can be told from pixels
COUNTED = 100  # rows in which numbers from 0 or 1 up are no labels but count them


def contents(path: Path) -> Contents:
    """The images and labels in a table, by the names `<stem>/images` and `<stem>/labels`.

    A table of pixels alone or of labels alone is `<stem>`. Images are a row of pixels each, [N, P],
    or [N, H, W] where the names of columns tell sides that are not equal; labels are [N], or [N, K]
    if one-hot. Numbers are uint8 where all are whole and from 0 to 255, else float32, labels int64.
    Other labels are text. A column that counts the rows is left out.

    Raises:
        UserError: it is damaged, something else, over the limits, or which column holds the labels
            can't be told.
        OSError: it can't be opened or read.
    """
    with _one_line(path):
        lines, whole = _head(path)
        table = _arff(lines) or _delimited(lines)
        table.path = path
        spread = not (whole or _named(table.names, LABELS))
        sample = _Sample()
        for piece in table.rows(_lines(path) if spread else iter([(1, lines)])):
            sample.add(*piece)
        table.divide(sample)
        count = sample.seen if whole or spread else None
        stem = _stem(path)
        arrays = tuple(
            Stored(
                f"{stem}/{part}" if table.pixels and table.labels else stem,
                () if count is None else table.shape(count, part),
                partial(table.read, part),
                table.class_names() if part == "labels" else (),
            )
            for part in ("images", "labels")
            if (table.pixels if part == "images" else table.labels)
        )
    return Contents(table.form, arrays, tuple(table.notes))


@contextmanager
def _one_line(path: Path) -> Iterator[None]:
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError(
            f"{path} is a damaged gzip file ({stored.brief(error)}): fetch it again"
        ) from None
    except ValueError as error:
        reason = " ".join(str(error).split())  # which is long where it says what was found
        raise UserError(f"{path} can't be read as a table: {reason:.400}") from None


def _stem(path: Path) -> str:
    name = path.name
    for ending in (".gz", ".csv", ".tsv", ".txt", ".arff"):
        if name.lower().endswith(ending):
            name = name[: -len(ending)]
    return name or path.name


# Lines.


def _lines(path: Path) -> Iterator[tuple[int, list[bytes]]]:
    """Lines without their ends, many at once, with the number of the first."""
    number, rest, total = 1, b"", 0
    with stored.opened(path) as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        file: IO[bytes] | gzip.GzipFile = gzip.GzipFile(fileobj=raw) if packed else raw
        while data := file.read(PIECE):
            if number == 1 and not rest:
                data = _without_mark(data)
            if b"\0" in data:
                raise ValueError("it isn't text, as it holds zero bytes")
            total += len(data)
            data = rest + data
            # A \r at the end may belong to a \n that follows.
            cut = max(data.rfind(b"\n"), data.rfind(b"\r", 0, len(data) - 1)) + 1
            lines, rest = data[:cut].splitlines(), data[cut:]
            if len(rest) > LONGEST_LINE or max(map(len, lines), default=0) > LONGEST_LINE:
                raise ValueError(f"it has a line of more than {LONGEST_LINE:,} bytes")
            if lines:
                yield number, lines
            number += len(lines)
            if total > MAX_TEXT or number > MAX_LINES:
                raise ValueError(f"it has more than {MAX_TEXT:,} bytes or {MAX_LINES:,} lines")
    if rest:
        yield number, rest.splitlines()


def _without_mark(data: bytes) -> bytes:
    """Without the byte order mark of UTF-8."""
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        raise ValueError("it is UTF-16: save it as UTF-8")
    return data.removeprefix(b"\xef\xbb\xbf")


def _head(path: Path) -> tuple[list[bytes], bool]:
    """The first lines, and whether they are all. Of ARFF, what comes before the data is there."""
    lines: list[bytes] = []
    size = 0
    blocks = _lines(path)
    for _, block in blocks:
        for at, line in enumerate(block):
            lines.append(line)
            size += len(line)
            if len(lines) > 2 * MAX_COLUMNS and _is_arff(lines):
                raise ValueError(f"it has no @data within {len(lines):,} lines")
            if size > HEAD and (not _is_arff(lines) or _is_data(line)):
                return lines, at + 1 == len(block) and next(blocks, None) is None
    return lines, True


def _is_arff(lines: Sequence[bytes]) -> bool:
    first = next((line for line in lines if line.strip() and line.strip()[:1] != b"%"), b"")
    return first.strip().lower().startswith((b"@relation", b"@attribute"))


def _is_data(line: bytes) -> bool:
    return line.strip().lower() == b"@data"


def _decoded(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise ValueError("it isn't UTF-8 text: save it as UTF-8") from None


def _fields(line: bytes, separator: str, quote: str) -> list[str]:
    text = _decoded(line)
    if quote in text and text.count(quote) % 2:
        raise ValueError("a quote that isn't closed")
    if separator == BLANKS:
        if quote not in text:
            return text.split()
        return [found.strip(quote) for found in re.findall(rf"{quote}[^{quote}]*{quote}|\S+", text)]
    try:
        row = next(
            csv.reader([text], delimiter=separator, quotechar=quote, skipinitialspace=True), []
        )
    except csv.Error as error:
        raise ValueError(str(error)) from None
    return [found.strip() for found in row]


# Names and what they say.


def _plain(name: str) -> str:
    """Without case, blanks, signs and what pandas adds (`Unnamed: 0`)."""
    name = re.sub(r"^unnamed: \d+$", "unnamed", name.strip().lower())
    return re.sub(r"[^a-z0-9]", "", name)


def _named(names: Sequence[str], among: set[str]) -> list[int]:
    return [at for at, name in enumerate(names) if _plain(name) in among]


def _is_counted(values: Sequence[str]) -> bool:
    """Whether they are 0, 1, 2, … or 1, 2, 3, …"""
    return any([str(n + start) for n in range(len(values))] == [*values] for start in (0, 1))


def _is_mangled(fields: Sequence[str]) -> bool:
    """Whether pandas took a row of pixels for names: 0, 0.1, 0.2, 7, 0.3, as each comes once."""
    seen: Counter[str] = Counter()
    expected = []
    for text in fields:
        base = text.partition(".")[0]
        expected.append(f"{base}.{seen[base]}" if seen[base] else base)
        seen[base] += 1
    return len(fields) > 8 and max(seen.values()) > 2 and expected == [*fields]


def _is_header(first: Sequence[str], second: Sequence[str]) -> bool:
    """Whether the first row holds names."""
    numbers = [text for text in first if NUMBER.fullmatch(text)]
    if not numbers:
        return bool(_named(first, LABELS)) or any(NUMBER.fullmatch(text) for text in second)
    if len(numbers) == 1 or not _is_counted(numbers):
        return False
    others = [at for at, text in enumerate(first) if not NUMBER.fullmatch(text)]
    return len(first) > 2 and all(
        _plain(first[at]) in LABELS | INDEXES or NUMBER.fullmatch(second[at])
        for at in others
        if at < len(second)
    )


def _odd_ones(names: Sequence[str]) -> list[int]:
    """The few names that differ from the others by more than a number: `what` beside `pixel12`."""
    stems = [re.sub(r"\d+", "#", name.strip().lower()) for name in names]
    stem, count = Counter(stems).most_common(1)[0]
    return (
        [at for at, other in enumerate(stems) if other != stem] if count >= SMALLEST_IMAGE else []
    )


def _is_image(count: int) -> bool:
    """Whether as many pixels are a square, grey or in colour."""
    if count < SMALLEST_IMAGE:
        return False
    return any(
        count % channels == 0 and math.isqrt(count // channels) ** 2 == count // channels
        for channels in (1, 3)
    )


class _Sample:
    """Lines from all over a table, at equal distances."""

    def __init__(self) -> None:
        self.numbers: list[int] = []  # in the file
        self.lines: list[bytes] = []
        self.places: list[int] = []  # among the rows
        self.step, self.seen, self.size = 1, 0, 0

    def add(self, numbers: list[int], lines: list[bytes]) -> None:
        start = -self.seen % self.step
        self.numbers += numbers[start :: self.step]
        self.lines += lines[start :: self.step]
        self.places += range(self.seen + start, self.seen + len(lines), self.step)
        self.size += sum(map(len, lines[start :: self.step]))
        self.seen += len(lines)
        while (self.size > SAMPLE or len(self.lines) > 2**15) and len(self.lines) > 2:
            self.step *= 2
            self.numbers, self.lines = self.numbers[::2], self.lines[::2]
            self.places = self.places[::2]
            self.size = sum(map(len, self.lines))


class _WrongColumn(Exception):
    """A column that should hold numbers doesn't."""


@dataclass
class _Table:
    """How a table is written, and which of its columns are what."""

    form: str
    separator: str
    quote: str
    columns: int
    names: tuple[str, ...]
    first: int  # number of the first line with data
    decimal: str = "."
    comment: bytes = b"#"
    trailing: bytes = b""  # what each line ends with before its end
    path: Path = Path()
    pixels: list[int] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    text: list[int] = field(default_factory=list)
    sides: tuple[int, ...] = ()  # of an image, where the names of its columns tell
    notes: list[str] = field(default_factory=list)
    held: dict[str, np.ndarray] = field(default_factory=dict)

    def rows(
        self, blocks: Iterator[tuple[int, list[bytes]]]
    ) -> Iterator[tuple[list[int], list[bytes]]]:
        """Lines that hold data, with their numbers."""
        for number, lines in blocks:
            numbers, kept = [], []
            for at, line in enumerate(lines, number):
                if at < self.first or not line.strip() or line.startswith(self.comment):
                    continue
                numbers.append(at)
                if self.trailing:
                    line = line.rstrip(b" ").removesuffix(self.trailing)
                kept.append(line)
            if kept:
                yield numbers, kept

    def frame(self, numbers: list[int], lines: list[bytes]) -> pd.DataFrame:
        """The lines as pandas reads them."""
        try:
            frame = pd.read_csv(
                io.BytesIO(b"\n".join(lines)),
                sep=self.separator,
                header=None,
                dtype=dict.fromkeys(self.text, str),
                quotechar=self.quote,
                decimal=self.decimal,
                skipinitialspace=True,
                keep_default_na=False,
                na_values=[""],
                low_memory=False,
                engine="c",
            )
        except (ValueError, OverflowError) as error:
            raise self.fault(numbers, lines, str(error)) from None
        if frame.shape != (len(lines), self.columns):
            raise self.fault(numbers, lines, "rows differ in their number of columns")
        return frame

    def fault(self, numbers: list[int], lines: list[bytes], otherwise: str) -> ValueError:
        """What is wrong first in lines that can't be read."""
        for number, line in zip(numbers, lines, strict=True):
            try:
                row = _fields(line, self.separator, self.quote)
            except ValueError as error:
                return ValueError(f"line {number} is damaged ({error}): {MEND}")
            if len(row) != self.columns:
                return ValueError(
                    f"line {number} has {len(row):,} columns where others have "
                    f"{self.columns:,}: {MEND}"
                )
            for at, text in enumerate(row):
                if not text:
                    more = f" and {row.count('') - 1:,} others" if row.count("") > 1 else ""
                    return ValueError(
                        f"line {number} has no value in {self.column(at)}{more} (empty cells are "
                        f"not read as 0): {MEND}"
                    )
                number_in = text.replace(self.decimal, ".", 1)
                if at not in self.text and (at in self.pixels or at in self.labels):
                    if not NUMBER.fullmatch(number_in):
                        return ValueError(
                            f"line {number} has {stored.brief(text)!r:.60} in {self.column(at)}, "
                            f"which isn't a number: {MEND}"
                        )
                    if abs(float(number_in)) > float(np.finfo(np.float32).max):
                        return ValueError(
                            f"line {number} has a number too large in {self.column(at)}: {MEND}"
                        )
        return ValueError(f"lines {numbers[0]} to {numbers[-1]}: {stored.brief(otherwise)}: {MEND}")

    def column(self, at: int) -> str:
        name = self.names[at] if self.names else ""
        return f"column {at + 1} ({stored.brief(name)})" if name else f"column {at + 1}"

    # Which columns are what.

    def divide(self, sample: _Sample) -> None:
        """Find the columns of pixels and of labels, and those of text.

        Raises:
            ValueError: it can't be told.
        """
        if not sample.lines:
            raise ValueError("it has no rows of data")
        frame = self.frame(sample.numbers, sample.lines)
        rest = [*range(self.columns)]
        for at in self.indexes(frame, sample.places):
            rest.remove(at)
            self.notes.append(f"{self.column(at)} counts the rows and was left out")
        self.text = [at for at in rest if frame.dtypes[at].kind not in "iuf"]
        if any(str(name).lower().endswith(PICTURES) for at in self.text for name in frame[at][:9]):
            raise ValueError("it lists image files: sort these into folders, one for each class")
        named = [at for at in _named(self.names, LABELS) if at in rest]
        if len(named) > 1:
            raise ValueError(
                f"{' and '.join(map(self.column, named))} may both hold the labels: keep one"
            )
        labels = named or self.unnamed(frame, rest)
        wrong = [at for at in self.text if at not in labels]
        if wrong:
            self.labels, self.pixels, self.text = labels, rest, []
            self.pixels = [at for at in rest if at not in labels]
            raise self.fault(sample.numbers, sample.lines, "it holds text between numbers")
        few = max(len(frame) / 2, 10 if len(rest) > 1 else 0)
        if self.text and not named and frame[self.text[0]].nunique() > few:
            raise ValueError(
                f"{self.column(self.text[0])} has a different text in almost every row, so it "
                "can't hold labels"
            )
        self.labels = labels
        self.pixels = self.in_order([at for at in rest if at not in labels])

    def in_order(self, columns: list[int]) -> list[int]:
        """Pixels by the numbers in their names, which some programs sort as text: 1, 10, 100, 2."""
        found = stored.of_pixels([self.names[at] for at in columns]) if self.names else None
        if found is None:
            return columns
        order, self.sides = found
        if order != sorted(order):
            self.notes.append("the columns of pixels are taken in the order of their numbers")
        return [columns[at] for at in order]

    def indexes(self, frame: pd.DataFrame, places: Sequence[int]) -> list[int]:
        """Columns that count rows: by name, or the first of many rows."""
        found = [
            at
            for at in _named(self.names, INDEXES)
            if frame[at].is_unique and (self.columns > 1 and frame.dtypes[at].kind in "iuO")
        ]
        if not self.names and self.columns > 1 and len(frame) > COUNTED:
            first = frame[0]
            if first.dtype.kind in "iu" and any(
                (first.to_numpy() - start == np.asarray(places)).all() for start in (0, 1)
            ):
                found = [0]
        return found

    def unnamed(self, frame: pd.DataFrame, rest: list[int]) -> list[int]:
        """The columns of labels where no name tells: none, one, or as many as classes."""
        if len(rest) == 1:
            return rest
        if self.text:
            return self.text[:1]
        if self.names and len(odd := _odd_ones([self.names[at] for at in rest])) == 1:
            return [rest[odd[0]]]
        values = frame[rest].to_numpy(np.float64)
        count = len(rest)
        if _is_one_hot(values):
            return rest
        coded = [
            at
            for classes in range(2, min(count, 1000))
            if _is_image(count - classes)
            for at in (slice(-classes, None), slice(classes))
            if _is_one_hot(values[:, at])
        ]
        # Pixels that are always 0 could be classes that none has.
        coded = [at for at in coded if values[:, at].any(0).all()] or coded
        if len(coded) == 1:
            return rest[coded[0]]
        if not coded:
            ends = [_looks_like(end[:, 0], end[:, 1:4]) for end in (values, values[:, ::-1])]
            if len(frame) >= FEWEST and _is_image(count - 1) and {*ends} == {"labels", "pixels"}:
                return [rest[0] if ends[0] == "labels" else rest[-1]]
            if _is_image(count) and (ends == ["pixels", "pixels"] or not _is_image(count - 1)):
                return []
        raise ValueError(self.untold(frame))

    def untold(self, frame: pd.DataFrame) -> str:
        row = [f"{value:g}" for value in frame.iloc[0, [0, 1, -2, -1]]]
        names = f" ({', '.join(self.names[:2])}, …, {self.names[-1]})" if self.names else ""
        return (
            f"it isn't clear which of its {self.columns:,} columns{names} holds the labels; its "
            f"first row is {row[0]}, {row[1]}, …, {row[2]}, {row[3]}: name that column label in a "
            "first line of names"
        )

    def class_names(self) -> tuple[str, ...]:
        """What one-hot columns are called."""
        if len(self.labels) < 2 or not self.names:
            return ()
        return tuple(self.names[at] for at in self.labels)

    # Reading.

    def shape(self, count: int, part: str) -> tuple[int, ...]:
        if part == "images":
            return (count, *(self.sides or (len(self.pixels),)))
        return (count,) if len(self.labels) == 1 else (count, len(self.labels))

    def read(self, part: str) -> np.ndarray:
        """Images or labels. What is read with them is held until it is asked for."""
        if part not in self.held:
            with _one_line(self.path):
                try:
                    self.held = self.parsed()
                except _WrongColumn:
                    self.text = [*self.labels]
                    self.held = self.parsed()
        return self.held.pop(part)

    def parsed(self) -> dict[str, np.ndarray]:
        pixels: list[np.ndarray] = []
        labels: list[np.ndarray] = []
        classes: dict[str, int] = {}
        count, itemsize = 0, 1
        for numbers, lines in self.rows(_lines(self.path)):
            frame = self.frame(numbers, lines)
            count += len(frame)
            for columns, pieces in (self.pixels, pixels), (self.labels, labels):
                if not columns:
                    continue
                if columns == self.text:
                    pieces.append(self.coded(frame[columns[0]], classes, numbers, lines))
                    continue
                piece = _numbers(frame, columns, len(columns) == 1 and columns == self.labels)
                if piece is None:
                    if len(self.labels) == 1 and _is_text(frame[self.labels[0]]) and not self.text:
                        raise _WrongColumn
                    raise self.fault(numbers, lines, "not all are numbers")
                itemsize = max(itemsize, piece.itemsize if columns == self.pixels else 1)
                pieces.append(piece)
            stored.size((count, len(self.pixels)), itemsize)
        if not count:
            raise ValueError("it has no rows of data")
        parts = {}
        if pixels:
            parts["images"] = _joined(pixels).reshape(self.shape(count, "images"))
        if labels:
            found = _joined(labels)
            if self.text:
                names = np.array([*classes], str)
                stored.size(found.shape, names.itemsize)
                found = names[found]
            parts["labels"] = found
        return parts

    def coded(
        self, texts: pd.Series, classes: dict[str, int], numbers: list[int], lines: list[bytes]
    ) -> np.ndarray:
        """Of each text, its place in `classes`, which grows."""
        if texts.isna().any():
            raise self.fault(numbers, lines, "a label is missing")
        codes, found = pd.factorize(texts)
        if max(map(len, found)) > MAX_LABEL:
            raise ValueError(f"a label is longer than {MAX_LABEL} characters")
        places = [classes.setdefault(text.strip(), len(classes)) for text in found]
        return np.array(places, np.int32)[codes]


def _is_text(column: pd.Series) -> bool:
    return column.dtype.kind not in "iuf"


def _is_one_hot(values: np.ndarray) -> bool:
    return bool(np.isin(values, (0, 1)).all() and (values.sum(1) == 1).all())


def _looks_like(column: np.ndarray, neighbours: np.ndarray) -> str:
    """What a column at a table's end holds: "labels", "pixels", or "" where it isn't certain.

    A pixel in the corner has one value in almost all images, or is like the pixel beside it, which
    in colour is three columns away. Labels are whole numbers, few, and are like neither.
    """
    distinct, counts = np.unique(column, return_counts=True)
    if counts.max() >= 0.95 * len(column):
        return "pixels"
    column = column[:, None]
    others = np.random.default_rng(0).permutation(neighbours)
    if (np.abs(column - neighbours).mean(0) < 0.7 * np.abs(column - others).mean(0)).any():
        return "pixels"
    whole = (distinct == np.trunc(distinct)).all() and distinct[0] >= 0
    few = len(distinct) <= max(len(column) / 2, 10)
    close = distinct[-1] - distinct[0] < 2 * len(distinct) + 10
    return "labels" if whole and few and close and len(distinct) > 1 else ""


def _numbers(frame: pd.DataFrame, columns: list[int], labels: bool) -> np.ndarray | None:
    """uint8 where all are whole and from 0 to 255, else float32, or int64 if whole labels.

    None where there are others than numbers.
    """
    part = frame if columns == [*range(frame.shape[1])] else frame[columns]
    if any(dtype.kind not in "iuf" for dtype in {*part.dtypes}):
        return None
    values = part.to_numpy()
    if values.dtype.kind not in "iuf":  # signed and unsigned ones of 64 bits
        values = part.to_numpy(np.float64)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        return None
    whole = values.dtype.kind in "iu" or (values == np.trunc(values)).all()
    if whole and values.min() >= 0 and values.max() <= 255:
        small = values.astype(np.uint8)
    elif labels and whole and np.abs(values).max() < 2**53:
        small = values.astype(np.int64)
    else:
        with np.errstate(over="ignore"):
            small = values.astype(np.float32)
        if not np.isfinite(small).all():
            return None
    return small[:, 0] if labels else small


def _joined(pieces: list[np.ndarray]) -> np.ndarray:
    """One array of all, of which each goes as it is copied."""
    kind = np.result_type(*{piece.dtype for piece in pieces})
    if kind == np.float64:  # of int64 and float32
        kind = np.dtype(np.float32)
    joined = np.empty((sum(map(len, pieces)), *pieces[0].shape[1:]), kind)
    at = 0
    pieces.reverse()
    while pieces:
        piece = pieces.pop()
        joined[at : at + len(piece)] = piece
        at += len(piece)
    return joined


# How a table is written.


def _delimited(lines: list[bytes]) -> _Table:
    """By its first lines."""
    full = [(at, line) for at, line in enumerate(lines, 1) if line.strip()]
    comments = [line for _, line in full if line.startswith(b"#")]
    full = [(at, line) for at, line in full if not line.startswith(b"#")]
    if not full:
        raise ValueError("it is empty")
    if full[0][1].lstrip().startswith(b"<"):
        raise ValueError("it is a web page or XML: fetch the file itself")
    some = [line for _, line in full[:20]]
    joined = b"\n".join(some)
    quote = '"'
    if b'"' not in joined and re.search(rb"(?:^|[,;\t\n]) *'[^']*' *(?:$|[,;\t\n])", joined):
        quote = "'"
    for at, line in full[:20]:
        if line.count(quote.encode()) % 2:
            raise ValueError(f"line {at} is damaged (a quote that isn't closed): {MEND}")
    separator, trailing = "", b""
    for tried in "\t", ";", ",", BLANKS:
        rows = [_fields(line, tried, quote) for line in some]
        count, times = Counter(map(len, rows)).most_common(1)[0]
        if count < 2 or (times * 2 <= len(rows) and len(rows) > 1):
            continue
        if tried == BLANKS and not all(any(map(NUMBER.fullmatch, row)) for row in rows[1:] or rows):
            continue
        separator = tried
        break
    if not separator:
        separator, rows, count = ",", [_fields(line, ",", quote) for line in some], 1
    if separator != BLANKS and count > 1:
        end = separator.encode()
        some = [line.rstrip(b" ") for line in some]
        # Below a whole line of names, the last cells are empty.
        whole = len(rows[0]) == count and not some[0].endswith(end)
        if not whole and all(line.endswith(end) for line in some[1:] or some):
            trailing = end
            rows = [_fields(line.removesuffix(end), separator, quote) for line in some]
            count -= 1
    if count > MAX_COLUMNS:
        raise ValueError(f"it has {count:,} columns, over the limit of {MAX_COLUMNS:,}")
    first = full[0][0]
    names: tuple[str, ...] = ()
    notes = []
    if len(rows[0]) == count and _is_mangled(rows[0]):
        notes = [
            "its first line was left out: it holds an image that pandas took for names "
            f"({', '.join(rows[0][:3])}, …)"
        ]
        first += 1
    elif len(rows[0]) == count and _is_header(rows[0], rows[1] if len(rows) > 1 else ()):
        names, first = tuple(rows[0]), first + 1
    elif comments and len(row := _fields(comments[-1].lstrip(b"# "), separator, quote)) == count:
        names = tuple(row) if _is_header(row, rows[0]) else ()
    decimal = "," if separator == ";" and re.search(rb"\d,\d", joined) else "."
    form = "CSV file" if separator in {",", ";"} else "table of text"
    return _Table(form, separator, quote, count, names, first, decimal, b"#", trailing, notes=notes)


ATTRIBUTE = re.compile(r"@attribute\s+('[^']*'|\"[^\"]*\"|\S+)\s+(.*)", re.IGNORECASE)


def _arff(lines: list[bytes]) -> _Table | None:
    """By the lines up to `@data`; None if it is no ARFF."""
    if not _is_arff(lines):
        return None
    names: list[str] = []
    for at, line in enumerate(lines, 1):
        if _is_data(line):
            break
        text = _decoded(line).strip()
        if text.lower().startswith("@attribute"):
            found = ATTRIBUTE.fullmatch(text)
            if not found or len(names) == MAX_COLUMNS:
                raise ValueError(f"line {at} is damaged, or has an attribute over the limit")
            names.append(found[1].strip("'\""))
    else:
        raise ValueError("it has no @data")
    data = [line for line in lines[at:] if line.strip() and not line.startswith(b"%")]
    if data and data[0].lstrip().startswith(b"{"):
        raise ValueError("it is sparse ARFF: save it as CSV")
    if not names:
        raise ValueError("it has no attributes")
    quote = "'" if any(b"'" in line for line in data[:20]) else '"'
    separator = next(
        (
            tried
            for tried in (",", "\t", BLANKS)
            if data and len(_fields(data[0], tried, quote)) == len(names)
        ),
        ",",
    )
    return _Table("ARFF file", separator, quote, len(names), tuple(names), at + 1, comment=b"%")
