"""What commands say while they work: a bar with the time left on a terminal, lines in a log.

In a notebook it is one output, which is updated in place and says at the end what was done.
"""

import html
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

UPDATES = 0.5  # seconds between updates of an output in a notebook


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


class NotebookBar(Bar):
    """A bar in a notebook, with the last line that was said below it, in one output."""

    def __init__(self, progress: Progress, text: str, total: float) -> None:
        super().__init__(progress, text, total)
        self._line, self._began, self._updated = "", time.monotonic(), 0.0
        self._output: Any = None
        self._show()

    def describe(self, text: str) -> None:
        super().describe(text)
        self._show()

    def reached(self, count: float) -> None:
        super().reached(count)
        self._show()

    def say(self, line: str) -> None:
        self._line = line
        self._show()

    def end(self, whole: bool) -> None:
        """Say in place of the bar how long it took, and whether it came to its end."""
        minutes, seconds = divmod(round(time.monotonic() - self._began), 60)
        task = self._progress.tasks[0]
        how = "done" if whole else f"ended at {task.percentage:.0f} %"
        text = f"{task.description}: {how} after {minutes} min {seconds} s"
        self._display(text, html.escape(text))

    def _show(self) -> None:
        now = time.monotonic()
        if self._output is not None and now - self._updated < UPDATES:
            return
        self._updated = now
        task = self._progress.tasks[0]
        left = TimeRemainingColumn().render(task).plain
        text = f"{task.description}: {task.percentage:.0f} %, left: {left}"
        bar = f'<progress max="{task.total:g}" value="{task.completed:g}"></progress>'
        lines = [f"{html.escape(task.description)} {bar} {task.percentage:.0f} %, left: {left}"]
        lines += [html.escape(self._line)] if self._line else []
        self._display(text, "<br>".join(lines))

    def _display(self, text: str, shown: str) -> None:
        from IPython.display import display  # which is there, in a notebook

        data = {"text/plain": text, "text/html": shown}
        if self._output is None:
            self._output = display(data, raw=True, display_id=True)
        else:
            self._output.update(data, raw=True)


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
    notebook = in_notebook()
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %, left:"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        redirect_stdout=not to_stderr,  # or what is printed would follow the bar there
        disable=notebook or not console.is_terminal,
    ) as bar:
        if not notebook:
            yield Bar(bar, text, total)
            return
        shown, whole = NotebookBar(bar, text, total), False
        try:
            yield shown
            whole = True
        finally:
            shown.end(whole)


def in_notebook() -> bool:
    """Whether this is the kernel of a notebook, which shows outputs as HTML."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None) is not None
