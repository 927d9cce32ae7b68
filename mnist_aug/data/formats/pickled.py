"""Pickles of arrays, gzipped or not, read without ever running one.

`pickle.load` runs whatever functions a file names. Here a small interpreter follows the opcodes
(listed in Python's `pickletools`, protocols 0 to 5) and makes nothing but tuples, lists,
dictionaries, bytes, text, numbers and arrays. Of the functions that a pickle may name it knows
those by which NumPy writes arrays, and does their work itself; any other ends the reading.

Besides the data, up to 300 bytes are held for each of at most `MAX_OBJECTS` small objects.
"""

import codecs
import gzip
import io
import pickletools
import re
import shlex
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np

from mnist_aug.data.formats import stored
from mnist_aug.data.formats.stored import Contents, Stored
from mnist_aug.errors import UserError

MAX_BYTES = 2 * stored.MAX_PIXELS  # of a file, unpacked
MAX_OPCODES = 2**23
MAX_OBJECTS = 2**20  # whatever takes more room than the opcode that makes it
MAX_LISTED = 2**22  # numbers in lists, each counted as often as it is met
MAX_TEXT = 2**26  # bytes of lists of text once they are arrays
MAX_DEPTH = 8  # of dictionaries, lists and tuples around an array
# Fewer arrays in a list are several arrays; more, if of one shape, are the rows of one.
FEW = 16

PARTS = {2: ("train", "test"), 3: ("train", "validation", "test")}
KNOWN = {
    f"{module}.{name}"
    for modules, names in (
        (("numpy.core.multiarray", "numpy._core.multiarray"), ("_reconstruct", "scalar")),
        (("numpy.core.numeric", "numpy._core.numeric"), ("_frombuffer",)),
        (("numpy",), ("ndarray", "dtype")),
        (("_codecs",), ("encode",)),
        (("builtins", "__builtin__"), ("bytes", "bytearray")),
    )
    for module in modules
    for name in names
}
DTYPE = re.compile(r"b1|[iu][1248]|f[248]|[US]\d{1,6}|O8?")


def contents(path: Path) -> Contents:
    """The arrays in a pickle, or in several one after another in a file.

    The keys of dictionaries and the places in lists make the names: `<stem>/data`. Two or three
    pairs of images and labels are `train/images`, `train/labels`, `test/images`, …, with
    `validation` between them if there are three, as in the `mnist.pkl.gz` of deeplearning.net; one
    pair is `<stem>/images` and `<stem>/labels`. Lists of numbers or of text are arrays, too. Bytes,
    as Python 2 writes text, become text.

    Raises:
        UserError: it is damaged, something else, holds other objects, or is over the limits.
        OSError: it can't be opened or read.
    """
    try:
        with stored.opened(path) as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            file: Any = raw
            if packed:
                file = io.BufferedReader(cast(Any, gzip.GzipFile(fileobj=raw)), 2**16)
            interpreter, values = _Interpreter(_File(file)), []
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of escapes in text that aren't any
                while file.peek(1):
                    values.append(interpreter.run())
        if not values:
            raise ValueError("it is empty")
        value = values[0] if len(values) == 1 else values
        arrays = _Listing(_stem(path)).arrays(value)
    except _Foreign as foreign:
        raise UserError(
            f"{path} is a pickle that needs {foreign}, and no code is ever run from a pickle "
            f"here: if you trust the file, convert it with python -c "
            f"{shlex.quote(_conversion(path, str(foreign), packed))}"
        ) from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError(
            f"{path} is a damaged gzip file ({stored.brief(error)}): fetch the file again"
        ) from None
    except ValueError as error:
        raise UserError(
            f"{path} can't be read as a pickle of arrays ({stored.brief(error)}): fetch it again, "
            "or save its arrays with numpy.savez_compressed"
        ) from None
    if not arrays:
        raise UserError(
            f"{path} is a pickle without arrays (it holds one {type(value).__name__}): save arrays "
            "of images and labels with numpy.savez_compressed"
        )
    return Contents("pickle of arrays", tuple(arrays))


def _stem(path: Path) -> str:
    name = path.name
    for ending in (".gz", ".pkl", ".pickle", ".p"):
        name = name.removesuffix(ending)
    return name or path.name


def _conversion(path: Path, foreign: str, packed: bool) -> str:
    """Python that makes another form of a pickle by running it."""
    name = str(path)
    if foreign.startswith("pandas."):
        kind = ", compression='gzip'" if packed else ""
        return f"import pandas; pandas.read_pickle({name!r}{kind}).to_csv('data.csv', index=False)"
    if foreign.startswith("joblib."):
        return f"import joblib, numpy as np; np.savez('data.npz', **joblib.load({name!r}))"
    opened = f"gzip.open({name!r})" if packed else f"open({name!r}, 'rb')"
    return f"import gzip, pickle, numpy as np; d = pickle.load({opened}); np.savez('data.npz', **d)"


class _Foreign(Exception):
    """A pickle needs a function or class that isn't known here; the message is its name."""


class _File:
    """What the readers of `pickletools` need of a file, within `MAX_BYTES`."""

    def __init__(self, file: Any) -> None:
        self.file = file
        self.left = MAX_BYTES

    def read(self, count: int) -> bytes:
        if count <= stored.CHUNK:
            data = self.file.read(count)
        else:  # in pieces, as a claim takes no memory then
            pieces, missing = [], count
            while missing and (piece := self.file.read(min(missing, stored.CHUNK))):
                pieces.append(piece)
                missing -= len(piece)
                if len(pieces) * stored.CHUNK > self.left:
                    break
            data = b"".join(pieces)
        return self._counted(data)

    def exactly(self, count: int) -> bytes:
        data = self.read(count) if count >= 0 else b""
        if len(data) != count:
            raise ValueError("it ends too early")
        return data

    def readline(self) -> bytes:
        return self._counted(self.file.readline(self.left + 1))

    def _counted(self, data: bytes) -> bytes:
        self.left -= len(data)
        if self.left < 0:
            raise ValueError(f"it holds more than {MAX_BYTES:,} bytes")
        return data


def _number(file: _File) -> int | bool:
    """The argument of INT or LONG. INT has truth values, too, as 00 and 01."""
    line = file.readline()
    text = line.strip().removesuffix(b"L")
    if not line.endswith(b"\n") or not re.fullmatch(rb"[+-]?\d{1,40}", text):
        raise ValueError("a number is damaged")
    return {b"00": False, b"01": True}.get(text, int(text))


def _quoted(file: _File) -> bytes:
    """The argument of STRING. It is bytes, which `pickletools` takes for ASCII."""
    line = file.readline()
    text = line[:-1].strip()
    if line[-1:] != b"\n" or len(text) < 2 or text[0] != text[-1] or text[:1] not in b"'\"":
        raise ValueError("a text is damaged")
    return cast(Any, codecs).escape_decode(text[1:-1])[0]  # as pickle does


READERS: dict[str, Callable[[_File], Any]] = {
    "INT": _number,
    "LONG": _number,
    "STRING": _quoted,
    "BINSTRING": lambda file: file.exactly(struct.unpack("<i", file.exactly(4))[0]),
    "SHORT_BINSTRING": lambda file: file.exactly(file.exactly(1)[0]),
}


OPCODES = {opcode.code.encode("latin-1"): opcode for opcode in pickletools.opcodes}


def _opcodes(file: _File) -> Iterator[tuple[str, Any]]:
    """As `pickletools.genops`, of any bytes that Python 2 writes."""
    for _ in range(MAX_OPCODES):
        code = file.read(1)
        if not code:
            raise ValueError("it ends too early")
        opcode = OPCODES.get(code)
        if opcode is None:
            raise ValueError(f"it has no opcode {code!r}")
        reader: Any = READERS.get(opcode.name) or (opcode.arg and opcode.arg.reader)
        yield opcode.name, reader(file) if reader else None
    raise ValueError(f"it has more than {MAX_OPCODES:,} opcodes")


@dataclass(frozen=True)
class _Known:
    """One of the functions or classes of `KNOWN`."""

    name: str


@dataclass
class _DType:
    code: str
    order: str = "|"

    def numpy(self) -> np.dtype:
        if not DTYPE.fullmatch(self.code) or self.order not in {"<", ">", "|", "="}:
            raise ValueError(f"an array holds {self.order}{self.code}, not numbers or text")
        return np.dtype(self.code).newbyteorder(self.order)  # type: ignore[arg-type]


@dataclass
class _Array:
    """An array, once its state is known; a list if it is one of objects."""

    value: np.ndarray | list | None = None


def _array(data: object, dtype: object, shape: object, fortran: bool) -> np.ndarray | list:
    if not isinstance(dtype, _DType) or not isinstance(shape, tuple):
        raise ValueError("an array is damaged")
    if len(shape) > 8 or not all(type(side) is int and side >= 0 for side in shape):
        raise ValueError("an array's shape is damaged")
    kind = dtype.numpy()
    if kind.kind == "O":
        if not isinstance(data, list) or shape != (len(data),):
            raise ValueError("an array holds objects in more dimensions than one")
        return data
    if isinstance(data, str):
        data = data.encode("latin-1")
    if not isinstance(data, bytes | bytearray):
        raise ValueError("an array is damaged")
    size = stored.size(shape, kind.itemsize)
    if len(data) != size:
        raise ValueError(f"an array promises {size:,} bytes but holds {len(data):,}")
    if size == 0:
        return np.zeros(shape, kind)
    array = np.frombuffer(data, kind)
    if kind.kind == "b":
        array = np.frombuffer(data, np.uint8) != 0
    return array.reshape(shape, order="F" if fortran else "C")


def _text(value: object) -> str:
    """Bytes or text as text that can be printed."""
    if isinstance(value, bytes | bytearray):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value.decode("latin-1")
    return str(value).encode(errors="replace").decode()


class _Interpreter:
    """Of the pickles in a file: a stack, the stacks below its marks, and the memo."""

    def __init__(self, file: _File) -> None:
        self.opcodes = _opcodes(file)
        self.objects = 0

    def run(self) -> object:
        """What the next pickle in the file holds."""
        self._counted()
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        try:
            for name, argument in self.opcodes:
                if name == "STOP":
                    return self.stack.pop()
                self._step(name, argument)
        # What is damaged asks for what isn't there; `pickletools` raises more kinds of errors.
        except (IndexError, KeyError, OverflowError, AssertionError, struct.error) as error:
            raise ValueError(f"damaged: {type(error).__name__} {stored.brief(error)}") from None
        raise ValueError("it ends too early")

    def _step(self, name: str, argument: Any) -> None:
        stack = self.stack
        match name:
            case "BININT1" | "BININT2" | "BININT" | "INT" | "BINFLOAT" | "FLOAT":
                stack.append(argument)
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                stack.append({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[name])
            case "GET" | "BINGET" | "LONG_BINGET":
                stack.append(self.memo[argument])
            case "MARK":
                self._counted()
                self.below.append(stack)
                self.stack = []
            case "PROTO" | "FRAME":
                pass
            case "POP":
                if stack:
                    stack.pop()
                else:
                    self._marked()
            case "POP_MARK":
                self._marked()
            case "DUP":
                stack.append(stack[-1])
            case "APPEND" | "APPENDS":
                items = [stack.pop()] if name == "APPEND" else self._marked()
                self._top(list).extend(items)
            case "SETITEM" | "SETITEMS":
                items = [stack.pop(-2), stack.pop()] if name == "SETITEM" else self._marked()
                self._put(self._top(dict), items)
            case _:
                self._counted()
                self._make(name, argument)

    def _make(self, name: str, argument: Any) -> None:
        """What takes room of its own."""
        stack = self.stack
        match name:
            case "PUT" | "BINPUT" | "LONG_BINPUT" | "MEMOIZE":
                self.memo[len(self.memo) if name == "MEMOIZE" else argument] = stack[-1]
            case "LONG" | "LONG1" | "LONG4" | "STRING" | "BINSTRING" | "SHORT_BINSTRING":
                stack.append(argument)
            case "BINBYTES" | "SHORT_BINBYTES" | "BINBYTES8" | "BYTEARRAY8":
                stack.append(argument)
            case "UNICODE" | "BINUNICODE" | "SHORT_BINUNICODE" | "BINUNICODE8":
                stack.append(argument)
            case "READONLY_BUFFER":
                self._top(bytes | bytearray)
            case "EMPTY_TUPLE":
                stack.append(())
            case "EMPTY_LIST":
                stack.append([])
            case "EMPTY_DICT":
                stack.append({})
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                count = int(name[-1])
                if len(stack) < count:
                    raise IndexError("pop from empty list")
                stack[-count:] = [tuple(stack[-count:])]
            case "TUPLE" | "LIST":
                items = self._marked()
                self.stack.append(tuple(items) if name == "TUPLE" else items)
            case "DICT":
                made: dict[Any, Any] = {}
                self._put(made, self._marked())
                self.stack.append(made)
            case "GLOBAL":
                stack.append(_known(argument.replace(" ", ".", 1)))
            case "STACK_GLOBAL":
                attribute, module = stack.pop(), stack.pop()
                stack.append(_known(f"{_text(module)}.{_text(attribute)}"))
            case "REDUCE":
                arguments, function = stack.pop(), stack.pop()
                if not isinstance(function, _Known) or not isinstance(arguments, tuple):
                    raise ValueError("it calls something that is not a function")
                stack.append(_called(function.name, arguments))
            case "BUILD":
                state = stack.pop()
                _built(stack[-1], state)
            case "INST":
                raise _Foreign(stored.brief(argument.replace(" ", ".", 1)))
            case "NEWOBJ" | "NEWOBJ_EX" | "OBJ":
                raise ValueError("it makes objects of classes")
            case "EMPTY_SET" | "ADDITEMS" | "FROZENSET":
                raise _Foreign("builtins.set")
            case _:
                raise ValueError(f"it needs something outside it ({name})")

    def _counted(self) -> None:
        self.objects += 1
        if self.objects > MAX_OBJECTS:
            raise ValueError(f"it holds more than {MAX_OBJECTS:,} objects beside its arrays")

    def _marked(self) -> list[Any]:
        """What lies above the last mark, which goes."""
        items = self.stack
        self.stack = self.below.pop()
        return items

    def _top(self, kind: Any) -> Any:
        if not isinstance(self.stack[-1], kind):
            raise ValueError("it changes something that is not a list or dictionary")
        return self.stack[-1]

    @staticmethod
    def _put(into: dict[Any, Any], items: list[Any]) -> None:
        if len(items) % 2:
            raise ValueError("a dictionary lacks a value")
        for key, value in zip(items[::2], items[1::2], strict=True):
            # Other keys, and larger numbers, can be made to collide.
            if not isinstance(key, str | bytes) and (type(key) is not int or abs(key) >= 2**31):
                raise ValueError("a dictionary has keys other than text and small whole numbers")
            into[key] = value


def _known(name: str) -> _Known:
    if name not in KNOWN:
        raise _Foreign(stored.brief(_text(name)))
    return _Known(name.rpartition(".")[2])


def _called(name: str, arguments: tuple[Any, ...]) -> object:
    match name, arguments:
        case "_reconstruct", (_Known("ndarray"), tuple(), _):
            return _Array()
        case "_frombuffer", (data, dtype, shape, "C" | "F" as order):
            return _Array(_array(data, dtype, shape, order == "F"))
        case "dtype", (str() | bytes() as code, *_):
            return _DType(_text(code))
        case "scalar", (dtype, data):
            value = _array(data, dtype, (1,), False)
            return value.tolist()[0] if isinstance(value, np.ndarray) else value[0]
        case "encode", (str() as text, "latin1" | "latin-1"):
            return text.encode("latin-1")
        case "bytes" | "bytearray", ():
            return b""
        case "bytearray", (bytes() as data,):
            return data
        case "bytearray", (str() as text, "latin-1"):
            return text.encode("latin-1")
    raise ValueError(f"it calls {name} with other arguments than NumPy does")


def _built(value: object, state: object) -> None:
    """Give an array or a dtype what `_reconstruct` or `dtype` has left open."""
    match value, state:
        case _Array(), (int(), shape, dtype, fortran, data):
            value.value = _array(data, dtype, shape, bool(fortran))
        case _DType(), (int(), str() | bytes() as order, None, None, None, *_):
            value.order = _text(order)
        case _:
            raise ValueError(
                "it sets the state of something other than an array of numbers or text"
            )


class _Listing:
    """The arrays within a value, by name."""

    def __init__(self, stem: str) -> None:
        self.stem = stem
        self.left = MAX_LISTED
        self.text = MAX_TEXT
        self.made: dict[int, np.ndarray | None] = {}  # by id, of values that the pickle holds

    def arrays(self, value: Any) -> list[Stored]:
        parts = self._parts(value)
        if parts:
            named = [
                (f"{part}/{kind}", array)
                for part, pair in zip(PARTS[len(parts)], parts, strict=True)
                for kind, item in zip(("images", "labels"), pair, strict=True)
                if (array := self._array(item)) is not None
            ]
        else:
            named = [*self._within(self.stem, value, 0)]
        return [Stored(name, array.shape, partial(_same, array)) for name, array in named]

    def _within(self, name: str, value: Any, depth: int) -> Iterator[tuple[str, np.ndarray]]:
        self._visited(1)
        if depth > MAX_DEPTH:
            raise ValueError(f"its lists and dictionaries are nested more than {MAX_DEPTH} deep")
        array = value if isinstance(value, np.ndarray) else self._array(value)
        if array is not None:
            if array.ndim:
                yield name, array
            return
        if isinstance(value, _Array):
            value = value.value
        inside: Any = ()
        if isinstance(value, dict):
            inside = value.items()
        elif isinstance(value, list | tuple):
            if self._is_pair(value):
                inside = zip(("images", "labels"), value, strict=True)
            elif len(value) > FEW and all(
                isinstance(item, list | tuple) and len(item) == 2 for item in value
            ):
                # Examples, each an image and its label.
                columns = [self._column(column) for column in zip(*value, strict=True)]
                inside = zip(("images", "labels"), columns, strict=True)
            else:
                inside = enumerate(value)
        for key, inner in inside:
            yield from self._within(f"{name}/{_text(key)}", inner, depth + 1)

    def _parts(self, value: Any) -> list[Any] | None:
        """Pairs of images and labels, two or three, where it is those, or their arrays in a row."""
        if not isinstance(value, list | tuple) or not 2 <= len(value) <= 6:
            return None
        ways: list[list[Any]] = [list(value)]
        if len(value) in {4, 6}:
            half = len(value) // 2
            ways = [
                [*zip(value[::2], value[1::2], strict=True)],
                [*zip(value[:half], value[half:], strict=True)],
            ]
        for pairs in ways:
            if len(pairs) in PARTS and all(self._is_pair(pair) for pair in pairs):
                return pairs
        return None

    def _is_pair(self, value: Any) -> bool:
        """Whether it is images and, of each, a label."""
        if not isinstance(value, list | tuple) or len(value) != 2:
            return False
        images, labels = (self._array(item) for item in value)
        if images is None or labels is None or labels.ndim not in {1, 2} or images.ndim < 2:
            return False
        return len(images) == len(labels) and images.size > labels.size

    def _array(self, value: Any) -> np.ndarray | None:
        """An array that is one, or a list that could be one; made only once."""
        if isinstance(value, _Array) and isinstance(value.value, np.ndarray):
            if id(value) not in self.made:
                self.made[id(value)] = _readable(value.value)
            return self.made[id(value)]
        if isinstance(value, _Array):
            if value.value is None:
                raise ValueError("an array is damaged")
            value = value.value
        if not isinstance(value, list | tuple):
            return None
        if id(value) not in self.made:
            self.made[id(value)] = self._column(value)
        return self.made[id(value)]

    def _column(self, values: list[Any] | tuple[Any, ...]) -> np.ndarray | None:
        """An array of numbers, of text, or of arrays of one shape, nested in lists or not."""
        shape, items = [len(values)], values
        while items and all(isinstance(item, list | tuple) for item in items):
            side = len(items[0])
            if len(shape) == 5 or any(len(item) != side for item in items):
                return None
            shape.append(side)
            self._visited(len(items) * side)
            items = [inner for item in items for inner in item]
        self._visited(len(items))
        if not items:
            return None
        if all(isinstance(item, str | bytes) for item in items):
            self.text -= len(items) * 4 * max(map(len, items))
            if self.text < 0:
                raise ValueError(f"its lists of text come to more than {MAX_TEXT:,} bytes")
            return np.array([_text(item) for item in items], str).reshape(shape)
        if all(isinstance(item, int | float) for item in items):
            try:
                array = np.array(items)
            except OverflowError:
                return None
            return array.reshape(shape) if array.dtype.kind in "biuf" else None
        arrays = [item.value for item in items if isinstance(item, _Array)]
        if len(arrays) != len(items) or len(shape) > 1 or len(arrays) <= FEW:
            return None
        rows = [array for array in arrays if isinstance(array, np.ndarray)]
        if len(rows) != len(items) or len({(row.shape, row.dtype) for row in rows}) > 1:
            return None
        if len({*map(id, rows)}) < len(rows):  # one many times may come to more than is there
            return None
        if rows[0].dtype.kind not in "biuf":
            return None
        stored.size((len(rows), *rows[0].shape), rows[0].itemsize)
        return np.stack(rows)

    def _visited(self, count: int) -> None:
        """Lists may hold one another many times over."""
        self.left -= count
        if self.left < 0:
            raise ValueError(f"its lists come to more than {MAX_LISTED:,} numbers")


def _same(array: np.ndarray) -> np.ndarray:
    return array


def _readable(array: np.ndarray) -> np.ndarray:
    """Numbers as they are; bytes and text as text without broken characters."""
    if array.dtype.kind == "S":
        stored.size(array.shape, 4 * array.itemsize)
        try:
            return np.char.decode(array, "utf-8")
        except UnicodeDecodeError:
            return np.char.decode(array, "latin-1")
    if array.dtype.kind == "U" and array.size and array.itemsize:
        points = array.ravel().astype(array.dtype.newbyteorder("=")).view(np.uint32)
        if points.max() > 0x10FFFF or ((points >= 0xD800) & (points <= 0xDFFF)).any():
            raise ValueError("an array's text is damaged")
    return array
