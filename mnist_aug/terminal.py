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
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

UPDATES = 0.5  # seconds between updates of an output in a notebook
SETTLED = 1.0  # seconds of work that an estimate of the time left needs
SILENCE = 60.0  # seconds after which a log gets a line, where no other was due
SHORT = 10.0  # seconds left that are worth no line of their own in a log


class Pace:
    """How long what is left takes.

    The time begins when the first part is done: before that, TensorFlow starts and compiles.
    """

    def __init__(self, total: float) -> None:
        self._total = total
        self._first: tuple[float, float] | None = None  # when, and how much was done then
        self._last = 0.0, 0.0

    def reached(self, count: float, now: float) -> None:
        """Note how much of the total is done."""
        if count > self._last[1]:
            self._last = now, count
            self._first = self._first or self._last

    def left(self, now: float) -> float | None:
        """Seconds, or None while they can't be estimated."""
        if self._first is None or self._last[0] - self._first[0] < SETTLED:
            return None
        seconds, done = (last - first for last, first in zip(self._last, self._first, strict=True))
        whole = (self._total - self._last[1]) * seconds / done
        return max(0.0, whole - (now - self._last[0]))


class Bar:
    """A bar on a terminal; in a log, lines with the time left."""

    def __init__(self, progress: Progress, text: str, total: float, lines: bool = False) -> None:
        """With `lines` it says now and then how far it is."""
        self._progress, self._lines = progress, lines
        self._task = progress.add_task(text, total=total)
        self._pace = Pace(total)
        self._began = self._said = time.monotonic()
        self._told = False  # whether the time left was said

    def describe(self, text: str) -> None:
        """What is being done, at the left of the bar."""
        self._progress.update(self._task, description=text)

    def reached(self, count: float) -> None:
        """How much of the total is done."""
        now = time.monotonic()
        self._pace.reached(count, now)
        self._progress.update(self._task, completed=count)
        if not self._lines:
            return
        left = self._pace.left(now)
        if left is not None and left > SHORT and (not self._told or now - self._said > SILENCE):
            task = self._progress.tasks[0]
            self._print(f"{task.description} ({task.percentage:.0f} %), {duration(left)} left")

    def say(self, line: str) -> None:
        """Print a line above the bar; in a log, with the time left."""
        left = self._pace.left(time.monotonic())
        if self._lines and left is not None and left >= 1:
            line = f"{line}; {duration(left)} left"
        self._print(line)

    def status(self) -> str:
        """The percentage that is done, and the time left as soon as it is known."""
        now = time.monotonic()
        left = self._pace.left(now)
        text = f"{self._progress.tasks[0].percentage:.0f} %, "
        if left is None:
            return text + f"{duration(now - self._began)} so far"
        return text + f"{duration(left)} left"

    def _print(self, line: str) -> None:
        self._said, self._told = time.monotonic(), True
        self._progress.console.print(line, markup=False)


class NotebookBar(Bar):
    """A bar in a notebook, with the last line that was said below it, in one output."""

    def __init__(self, progress: Progress, text: str, total: float) -> None:
        super().__init__(progress, text, total)
        self._line, self._updated = "", 0.0
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
        task = self._progress.tasks[0]
        how = "done" if whole else f"ended at {task.percentage:.0f} %"
        text = f"{task.description}: {how} after {duration(time.monotonic() - self._began)}"
        self._display(text, html.escape(text))

    def _show(self) -> None:
        now = time.monotonic()
        if self._output is not None and now - self._updated < UPDATES:
            return
        self._updated = now
        task, status = self._progress.tasks[0], self.status()
        bar = f'<progress max="{task.total:g}" value="{task.completed:g}"></progress>'
        lines = [f"{html.escape(task.description)} {bar} {status}"]
        lines += [html.escape(self._line)] if self._line else []
        self._display(f"{task.description}: {status}", "<br>".join(lines))

    def _display(self, text: str, shown: str) -> None:
        from IPython.display import display  # which is there, in a notebook

        data = {"text/plain": text, "text/html": shown}
        if self._output is None:
            self._output = display(data, raw=True, display_id=True)
        else:
            self._output.update(data, raw=True)


class _Status(ProgressColumn):
    """What the bar says of itself, at its right."""

    bar: Bar | None = None

    def render(self, task: Task) -> Text:
        return Text(self.bar.status() if self.bar else "")


@contextmanager
def progress(text: str, total: float, to_stderr: bool = False) -> Iterator[Bar]:
    """A bar, which goes at the end.

    Args:
        text: what is being done.
        total: how much there is to do.
        to_stderr: draw it there, where what goes to stdout may be read by a program; what is
            printed to stdout meanwhile is not kept from the bar then. A log there gets no lines.
    """
    console = Console(soft_wrap=True, highlight=False, emoji=False, stderr=to_stderr)
    notebook, status = in_notebook(), _Status()
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        status,
        console=console,
        transient=True,
        redirect_stdout=not to_stderr,  # or what is printed would follow the bar there
        disable=notebook or not console.is_terminal,
    ) as bar:
        if not notebook:
            made = Bar(bar, text, total, lines=not console.is_terminal and not to_stderr)
            status.bar = made
            yield made
            return
        shown, whole = NotebookBar(bar, text, total), False
        try:
            yield shown
            whole = True
        finally:
            shown.end(whole)


def duration(seconds: float) -> str:
    """A time in words, as in "45 s", "3 min 20 s", "12 min" or "2 h 5 min"."""
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    if whole < 60:
        return f"{whole} s"
    if minutes < 10:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def in_notebook() -> bool:
    """Whether this is the kernel of a notebook, which shows outputs as HTML."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None) is not None
