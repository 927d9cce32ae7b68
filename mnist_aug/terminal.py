"""What commands say while they work: a bar with the time left on a terminal, lines in a log."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn


class Bar:
    """A bar on a terminal; in a log, its lines alone."""

    def __init__(self, progress: Progress, text: str, total: float) -> None:
        self._progress = progress
        self._task = progress.add_task(text, total=total)

    def describe(self, text: str) -> None:
        """What is being done, at the left of the bar."""
        self._progress.update(self._task, description=text)

    def reached(self, count: float) -> None:
        """How much of the total is done."""
        self._progress.update(self._task, completed=count)

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        self._progress.console.print(line, markup=False)


@contextmanager
def progress(text: str, total: float, to_stderr: bool = False) -> Iterator[Bar]:
    """A bar, which goes at the end.

    Args:
        text: what is being done.
        total: how much there is to do.
        to_stderr: draw it there, where what goes to stdout may be read by a program; what is
            printed to stdout meanwhile is not kept from the bar then.
    """
    console = Console(soft_wrap=True, highlight=False, emoji=False, stderr=to_stderr)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %, left:"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        redirect_stdout=not to_stderr,  # or what is printed would follow the bar there
        disable=not console.is_terminal,
    ) as bar:
        yield Bar(bar, text, total)
