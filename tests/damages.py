"""Ways to damage the bytes of a file."""

from collections.abc import Callable, Iterator

import numpy as np

from mnist_aug.errors import UserError

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


def refusal(function: Callable, *arguments: object) -> str | None:
    """What a call refuses its arguments with, which is one line; None if it does not."""
    try:
        function(*arguments)
    except UserError as error:
        text = str(error)
    else:
        return None
    assert "\n" not in text
    return text
