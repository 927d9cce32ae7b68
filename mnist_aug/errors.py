"""The one error a user can cause, and how a script ends on it."""

import errno
import os
import select
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from mnist_aug import notes

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}


class UserError(Exception):
    """Something the user can mend. The message is one line: what is wrong, where, what to do."""

    def _render_traceback_(self) -> list[str]:
        """The lines that IPython shows in place of a traceback."""
        return [f"error: {self}"]


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn a `UserError` into one line on stderr and exit code 2, and Ctrl-C into exit code 130.

    A package that isn't installed, a full or read-only disk and lacking permissions are reported
    so, too, wherever a library meets them. Where the other end of stdout is closed, as `head` does,
    there is no message: exit code 141. Any other exception is a fault of ours and keeps its
    traceback. A path that is not UTF-8 is printed with escapes. Warnings of the package are one
    line, too, and like notes each comes once.
    """
    others = warnings.showwarning

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if category.__module__.startswith("mnist_aug."):
            where = f"{filename}: " if lineno == 0 else ""  # of a policy file
            notes.say(" ".join(f"warning: {where}{message}".split()), sys.stderr)
        else:
            others(message, category, filename, lineno, file, line)

    warnings.showwarning = show
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a text file
    try:
        try:
            with notes.each_once():
                yield
        except UserError as error:
            _report(f"error: {error}")
            raise SystemExit(2) from None
        except ModuleNotFoundError as error:
            if not error.name or "." in error.name or error.name == "mnist_aug":
                raise  # a module of ours, or of a package that is installed
            _report(f'error: {error.name} isn\'t installed: pip install ".[study]"')
            raise SystemExit(2) from None
        except KeyboardInterrupt:
            _report("interrupted: finished runs are kept; run the same command again to continue")
            raise SystemExit(130) from None
        finally:
            warnings.showwarning = others
            sys.stdout.flush()  # at Python's exit it is too late to tell what it meets
    except OSError as error:
        if isinstance(error, BrokenPipeError) and _nobody_reads():
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python tells of it at its exit
            raise SystemExit(141) from None  # as a shell has it of a process that SIGPIPE ended
        if error.errno in NO_ROOM:
            _report(
                f"error: {error.filename or 'a file'} can't be written ({error.strerror}): make "
                "room, then run the same command again"
            )
        elif isinstance(error, PermissionError):
            _report(
                f"error: {error.filename or 'a file'} can't be used ({error.strerror}): correct "
                "its permissions, or those of its folder"
            )
        else:
            raise
        raise SystemExit(2) from None


def _report(line: str) -> None:
    print(" ".join(line.split()), file=sys.stderr)


def _nobody_reads() -> bool:
    """Whether the other end of stdout is closed."""
    stdout = select.poll()
    stdout.register(1, select.POLLOUT)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in stdout.poll(0))
