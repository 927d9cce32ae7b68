"""Pages from templates, and text from anywhere made fit to be shown."""

import base64
import re
from pathlib import Path

import jinja2
from markupsafe import Markup, escape

from mnist_aug.formatting import about, end, estimated, listed, number, percent, points, span

COMMAND = r"`(make [A-Za-z0-9 =,_-]*)`"  # the only code in sentences; a name may hold other ticks
UNSEEN = dict.fromkeys(
    [
        *range(9),
        11,
        12,
        *range(14, 32),
        *range(127, 160),
        0x61C,
        0x200E,
        0x200F,
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
        0xFFFE,
        0xFFFF,
    ],
    "\N{REPLACEMENT CHARACTER}",
)


def environment(html: bool) -> jinja2.Environment:
    """What renders the templates in this folder; values are escaped if they are for HTML."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=html,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=lambda value: visible(value) if isinstance(value, str) else value,
    )
    made.filters["md"] = markdown
    made.filters["percent"] = percent
    made.filters["span"] = lambda row: span(row["low"], row["high"])
    made.filters["ci"] = lambda row: estimated(row["difference"], row["low"], row["high"], " pp")
    made.filters["plural"] = lambda count, one, many=None: one if count == 1 else many or f"{one}s"
    made.filters["about"] = about
    made.filters["pp"] = points
    made.filters["end"] = end
    made.filters["number"] = number
    made.filters["listed"] = lambda names: listed([*map(clipped, names)])
    made.filters["svg"] = lambda figure: Markup(figure.inline)  # by `drawing`, labels escaped
    made.filters["prose"] = prose
    made.filters["base64"] = lambda text: base64.b64encode(text.encode()).decode()
    return made


def prose(text: str) -> Markup:
    """Escaped text, its `commands` marked up, no line ending between a number and its unit."""
    text = re.sub(COMMAND, r"<code>\1</code>", str(escape(text)))
    return Markup(re.sub(r"(?<=\d) (?=%|pp|seeds?)|(?<=n) (?==)|(?<==) (?=\d)", "&nbsp;", text))


def markdown(text: str) -> str:
    """Text that means itself in Markdown and in a cell of a table."""
    parts = re.split(f"({COMMAND.replace('(', '(?:')})", " ".join(text.split()))
    return "".join(
        part if i % 2 else re.sub(r"[\\|*_<>\[\]#`&~$]", r"\\\g<0>", part)
        for i, part in enumerate(parts)
    )


def visible(text: str) -> str:
    """Text with a mark for each character that would not be seen, and turn or hide its neighbours.

    Such are control characters but tab and newline, and those that change the direction of text.
    """
    return text.translate(UNSEEN)


def clipped(name: str, most: int = 60) -> str:
    """A name that fits a line of a figure."""
    name = " ".join(visible(name).split())
    return name if len(name) <= most else f"{name[: most - 1]}…"
