"""The one error a user can cause, and how a script ends on it."""

import errno
import sys
from contextlib import contextmanager

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}


class UserError(Exception):
    """Something the user can mend. The message is one line: what is wrong, where, what to do."""


@contextmanager
def one_line_errors():
    """Turn a `UserError` into one line on stderr and exit code 2, and Ctrl-C into exit code 130.

    A full or read-only disk is told so, too, wherever a library met it. Any other exception is a
    fault of ours and keeps its traceback. A path that is no UTF-8 is printed with escapes.
    """
    sys.stdout.reconfigure(errors="backslashreplace")
    try:
        yield
    except UserError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        raise SystemExit(2) from None
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        print(f"error: {error.filename or 'a file'} can't be written ({error.strerror}): make "
              "room, and the same command goes on", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("interrupted: finished runs are kept, the same command goes on from them",
              file=sys.stderr)
        raise SystemExit(130) from None
