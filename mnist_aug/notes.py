"""Notes and warnings, each printed once in a command and once in one call of make.

Several commands of one make load the same dataset, and a command may read a set twice. Make gives
its commands a file in which they keep what they have said.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

SAID = "MNIST_AUG_SAID"  # environment variable: the file of what was said in this call of make

_said: set[str] | None = None  # in this command; None where notes are repeated


def say(line: str, file: TextIO | None = None) -> None:
    """Print a line, unless this command, or this call of make, has printed it before.

    Args:
        file: where to, stdout if None.
    """
    if _said is not None:
        own = " ".join(line.encode(errors="backslashreplace").decode().split())
        if own in _said | _said_by_others():
            return
        _said.add(own)
        _keep(own)
    print(line, file=file, flush=True)


@contextmanager
def each_once() -> Iterator[None]:
    """Within it, `say` prints each line once; without it, as in a notebook, each time."""
    global _said
    before, _said = _said, set()
    try:
        yield
    finally:
        _said = before


def _said_by_others() -> set[str]:
    path = os.environ.get(SAID)
    with suppress(OSError, UnicodeError):
        if path:
            return {*Path(path).read_text("utf-8").split("\n")}
    return set()


def _keep(line: str) -> None:
    path = os.environ.get(SAID)
    with suppress(OSError):  # the line is printed again
        if path:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            with open(path, "a", encoding="utf-8") as file:
                file.write(f"{line}\n")
