"""A lock on a folder: commands that write into the same one do so one after the other."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_held = set()


@contextmanager
def alone(folder: Path, reading: bool = False) -> Iterator[None]:
    """Keep this machine's other commands from writing into a folder, and, if not reading, read.

    Waits, and says so in a line, while another is at work there. What is called within may ask
    for the same folder again. The lock is the folder's own, so that it leaves no file and goes
    with its process; there is none where the folder is missing or its file system knows no locks.
    """
    place = Path(folder).resolve()
    if place in _held:
        yield
        return
    opened = _locked(folder, fcntl.LOCK_SH if reading else fcntl.LOCK_EX)
    _held.add(place)
    try:
        yield
    finally:
        _held.discard(place)
        if opened is not None:
            os.close(opened)


def _locked(folder: Path, kind: int) -> int | None:
    while True:
        try:
            opened = os.open(folder, os.O_RDONLY)
        except OSError:  # told by whoever reads or writes there
            return None
        try:
            try:
                fcntl.flock(opened, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                print(
                    f"{folder}: another command is at work there, waiting for its end", flush=True
                )
                fcntl.flock(opened, kind)
            if os.path.samestat(os.fstat(opened), os.stat(folder)):
                return opened
        except OSError:  # no locks here, or the folder was removed
            os.close(opened)
            return None
        os.close(opened)  # the folder was removed and made again
