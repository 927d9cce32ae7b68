"""A section from its template: prose with its figures and tables in the order of reading.

A template in templates/sections/ is plain text. A blank line ends a paragraph, lines that start
with "- " are a list, and these calls place what is not prose:

    {% call figure("seeds") %}Each dot is one run.{% endcall %}    a figure and its caption
    {{ table("results") }}              a table; of more than eight rows it is folded
    {{ heading("severity", "Severity") }}    a heading within the section, and its anchor
    {% call folded("Methods") %}…{% endcall %}    what is shown when it is opened
    {{ place("app") }}                  what the page itself has a template of

`has("seeds")` says whether there is such a figure or table. Values can't break out of their
paragraph: in them, white space is a space.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from mnist_aug.report.drawing import Figure
from mnist_aug.report.tables import Table
from mnist_aug.report.templating import environment, visible

MOST_ROWS = 8  # of a table that is shown at once
MARK = re.compile("\x02(.*?)\x03", re.S)


@dataclass(frozen=True)
class Block:
    """A part of a section in the order of reading.

    Attributes:
        kind: "paragraph", "list", "heading", "figure", "table", "folded", "end" or "place".
        text: prose; of a heading or what is folded its title, of a figure its caption.
        name: anchor of a heading, name of a figure, table or place.
        items: of a list.
        figure, table: what is placed.
        folded: whether a table is shown when it is opened.
    """

    kind: str
    text: str = ""
    name: str = ""
    items: tuple[str, ...] = ()
    figure: Figure | None = None
    table: Table | None = None
    folded: bool = False


class Mark(str):
    """What stands for a block in a rendered template; a value can't hold its control characters."""

    @staticmethod
    def of(*parts: str) -> "Mark":
        return Mark(f"\n\n\x02{chr(31).join(parts)}\x03\n\n")


@dataclass(frozen=True)
class Section:
    """A part of the report, written by the template of its anchor's name.

    Attributes:
        anchor: of its heading, and the name of its template in templates/sections/.
        title: of its heading.
        facts: what the template says, by name.
        figures, tables: what the template places, each once.
        number: "1", or "A" of an appendix.
    """

    anchor: str
    title: str
    facts: dict[str, Any] = field(default_factory=dict)
    figures: list[Figure] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    number: str = ""

    @cached_property
    def blocks(self) -> list[Block]:
        """What stands in it in the order of reading."""
        return made(self.anchor, self.facts, self.figures, self.tables)


def made(
    template: str,
    facts: dict[str, Any],
    figures: Iterable[Figure] = (),
    tables: Iterable[Table] = (),
) -> list[Block]:
    """The blocks of a section.

    Args:
        template: its name in templates/sections/, without ending.
        facts: what the template says, by name.
        figures, tables: what it places; each has to be placed once.

    Raises:
        ValueError: it leaves one out, or places one twice.
    """
    drawn = {figure.name: figure for figure in figures}
    listed = {table.name: table for table in tables}

    def figure(name: str, caller: Callable[[], str] | None = None) -> str:
        return Mark.of("figure", name, caller() if caller else "")

    def table(name: str, folded: bool = False) -> str:
        return Mark.of("table", name, "folded" if folded else "")

    def folded(title: str, caller: Callable[[], str]) -> str:
        return f"{Mark.of('folded', title)}{caller()}{Mark.of('end')}"

    templates = environment(False)
    templates.finalize = _value
    text = templates.get_template(f"sections/{template}.j2").render(
        facts,
        figure=figure,
        table=table,
        heading=lambda name, title: Mark.of("heading", name, title),
        folded=folded,
        place=lambda name: Mark.of("place", name),
        has=lambda name: name in drawn or name in listed,
    )
    blocks = [*_parsed(text, drawn, listed)]
    for kind, every in (("figure", drawn), ("table", listed)):
        placed = sorted(block.name for block in blocks if block.kind == kind)
        if placed != sorted(every):
            raise ValueError(f"sections/{template}.j2 places {placed}, not {sorted(every)}")
    return blocks


def _value(value: object) -> object:
    if isinstance(value, str) and not isinstance(value, Mark):
        return re.sub(r"\s+", " ", visible(value))
    return value


def _parsed(text: str, figures: dict[str, Figure], tables: dict[str, Table]) -> Iterable[Block]:
    for place, part in enumerate(MARK.split(text)):
        if not place % 2:
            yield from _prose(part)
            continue
        kind, *given = part.split(chr(31))
        if kind == "figure":
            name, caption = given
            yield Block(kind, " ".join(caption.split()), name, figure=figures[name])
        elif kind == "table":
            name, fold = given
            table = tables[name]
            yield Block(
                kind, name=name, table=table, folded=bool(fold) or len(table.display) > MOST_ROWS
            )
        elif kind == "heading":
            yield Block(kind, given[1], given[0])
        elif kind == "folded":
            yield Block(kind, given[0])
        elif kind == "place":
            yield Block(kind, name=given[0])
        else:
            yield Block(kind)


def _prose(text: str) -> Iterable[Block]:
    for chunk in re.split(r"\n\s*\n", text.strip()):
        if chunk.startswith("- "):
            items = re.split(r"^- ", chunk, flags=re.M)[1:]
            yield Block("list", items=tuple(" ".join(item.split()) for item in items))
        elif chunk.strip():
            yield Block("paragraph", " ".join(chunk.split()))
