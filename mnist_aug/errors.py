"""The one error a user can cause, and how a script ends on it."""

import sys
from contextlib import contextmanager


class UserError(Exception):
    """Something the user can mend. The message is one line: what is wrong, where, what to do."""


@contextmanager
def one_line_errors():
    """Turn a `UserError` into one line on stderr and exit code 2, and Ctrl-C into exit code 130.

    Any other exception is a fault of ours and keeps its traceback.
    """
    try:
        yield
    except UserError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("interrupted: finished runs are kept, the same command goes on from them",
              file=sys.stderr)
        raise SystemExit(130) from None
