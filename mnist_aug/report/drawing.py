"""What all figures of a report share: colours, canvas, and SVG that repeats byte for byte.

Colours are those of Okabe and Ito (2008), told apart by the colour-blind; every variant keeps its
colour and its marker throughout. Text stays text: it can be searched, and the file needs no font.
"""

import html
import io
import json
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Canvas
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import Formatter, FuncFormatter, NullFormatter

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.formatting import MINUS, points, span
from mnist_aug.report.tables import Table
from mnist_aug.report.templating import clipped, visible

# Each ink stands for a colour of the page's scheme; the files keep them, on their own white paper.
INKS = {
    "#1c1c1d": "currentColor",
    "#5c5c5e": "var(--muted)",
    "#d6d6d8": "var(--rule)",
    "#fefefe": "var(--paper)",
}
INK, MUTED, RULE, PAPER = INKS
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
SHADES = {colour: f"var(--series-{i})" for i, colour in enumerate(COLOURS)}
# The same scheme for a file by itself; the page has it in style.css.
DARK = {
    INK: "#e6e6e8",
    MUTED: "#a9acb1",
    RULE: "#3d4045",
    PAPER: "#15171a",
    COLOURS[0]: "#3b9fdc",
    COLOURS[1]: "#ec7a26",
    COLOURS[2]: "#1fb58a",
}
DARK_RULES = "".join(
    f'[style*="{part}: {colour}"]{{{part}:{dark}!important}}'
    for colour, dark in DARK.items()
    for part in ("fill", "stroke")
)
DARK_STYLE = f"@media (prefers-color-scheme: dark) {{.paper{{fill:{DARK[PAPER]}}}{DARK_RULES}}}"
TAG = r"<[^>]*>"  # only there ids and colours are: a name may look like either
WIDTH = 6.0  # inches of every figure: on a phone of 390 px a letter of 10 points is 8.6 px high
SMALL = 10  # points of the smallest letter; a wide page makes letters smaller (`--type`)
FOOT = 0.26  # inches of every figure that hold the name of the dataset
SOURCE = "Dataset: "
MARKERS = "oDs^vP"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "mnist-aug",
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": RULE,
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "lines.linewidth": 1.4,
    "lines.markersize": 4.5,
    "axes.facecolor": "none",
    "image.interpolation": "none",
    "path.simplify": False,
    "text.parse_math": False,  # a name may hold dollars
}


@dataclass(frozen=True)
class Figure:
    """A chart: its SVG text and alt text, and the table of the numbers it shows."""

    name: str
    title: str
    svg: str
    alt: str
    table: Table

    @property
    def inline(self) -> str:
        """The SVG for the page: its colours follow the page's scheme, the paper shows through.

        The page's `--type` scales its letters, so that they are of one size on a phone and a desk.
        The foot with the dataset's name, which stands at the head of the page, is cut off.
        """
        svg = re.sub(
            r'<rect class="paper"[^>]*/>|<style class="dark">.*?</style>'
            rf"|<text [^>]*>{SOURCE}[^<]*</text>",
            "",
            self.svg,
        )
        svg = re.sub(
            r'height="([\d.]+)pt" viewBox="0 0 ([\d.]+) [\d.]+"',
            lambda size: (
                f'height="{float(size[1]) - 72 * FOOT:g}pt" '
                f'viewBox="0 0 {size[2]} {float(size[1]) - 72 * FOOT:g}"'
            ),
            svg,
            count=1,
        )

        def in_scheme(tag: re.Match[str]) -> str:
            text = tag[0]
            for ink, css in (INKS | SHADES).items():
                text = text.replace(ink, css)
            if text.startswith("<text"):
                text = re.sub(
                    r"font-size: ([\d.]+)px", r"font-size: calc(\1px * var(--type))", text
                )
                text = re.sub(
                    r"font: ([^;]*?)([\d.]+)px", r"font: \1calc(\2px * var(--type))", text
                )
            return text

        return re.sub(TAG, in_scheme, svg)


def tips(artist: Artist, texts: Sequence[str], seeds: Sequence[int] | None = None) -> None:
    """What each mark of an artist says when it is pointed at or reached by keys.

    Args:
        artist: from `plot`, `scatter`, `hlines`, `fill_between` or the like.
        texts: one for each mark in the order drawn; a line is one mark.
        seeds: of the runs that the marks show; the page highlights one seed in all figures.
    """
    own = [[text, None if seeds is None else int(seeds[i])] for i, text in enumerate(texts)]
    artist.set_gid(f"tips:{json.dumps(own)}")


def _with_tips(svg: str) -> str:
    """The marks of the groups that `tips` named, each with its text as <title> and its seed."""
    first, *groups = re.split(r"""<g id=(["'])tips:(.*?)\1>""", svg)
    parts = [first]
    for given, rest in zip(groups[1::3], groups[2::3], strict=True):
        own = iter(json.loads(html.unescape(given)))
        depth, end = 1, len(rest)
        for tag in re.finditer(r"<(/?)(g|defs)\b[^>]*>", rest):
            depth += -1 if tag[1] else 1
            if not depth:
                end = tag.start()
                break
        defined = rest.rfind("</defs>", 0, end) + 1

        def said(mark: re.Match[str], own: Iterator = own, defined: int = defined) -> str:
            if mark.start() < defined or (found := next(own, None)) is None:
                return mark[0]
            text, seed = html.escape(visible(found[0])), found[1]
            run = "" if seed is None else f' data-seed="{seed}"'
            return f'<{mark[1]} data-tip=""{run}{mark[2]}><title>{text}</title></{mark[1]}>'

        marks = re.sub(r"<(use|path)\b([^>]*)/>", said, rest[:end])
        parts += ["<g>", marks, rest[end:]]
    return "".join(parts)


def style_of(content: Comparison, name: str) -> dict[str, Any]:
    """Colour and marker of a variant."""
    place = list(content.variants).index(name)
    return {"color": COLOURS[place % len(COLOURS)], "marker": MARKERS[place % len(MARKERS)]}


def canvas(
    height: float,
    content: Comparison,
    title: str,
    hspace: float | None = None,
    wspace: float | None = None,
    key: int = 0,
    **grid: Any,
) -> tuple[Canvas, np.ndarray]:
    """A canvas of that height in inches with its title and the name of the dataset, and its axes.

    Args:
        hspace, wspace: between panels, as shares of their size; Matplotlib's if None.
        key: leave room for so many lines below the title.
        grid: as for `subplots`.
    """
    bottom, top = FOOT / height, (0.56 + 0.28 * key) / height
    layout = ConstrainedLayoutEngine(hspace=hspace, wspace=wspace, rect=(0, bottom, 1, 1 - top))
    figure = Canvas(figsize=(WIDTH, height), layout=layout)
    axes = figure.subplots(squeeze=False, **grid)
    figure.text(0.004, 1 - 0.06 / height, title, fontsize=11.5, fontweight="bold", va="top")
    source = f"{SOURCE}{clipped(content.label)}"
    figure.text(0.004, 0.05 / height, source, fontsize=SMALL, color=MUTED, va="bottom")
    return figure, axes


def finished(figure: Canvas, name: str, title: str, alt: str, table: Table) -> Figure:
    """The figure that was drawn on a canvas."""
    return Figure(name, title, _svg(figure, name, alt), alt, table)


def _svg(figure: Canvas, name: str, alt: str) -> str:
    """The SVG text of a canvas, the same for the same canvas; ids are made unique by `name`."""
    for patch in (figure.patch, *(axes.patch for axes in figure.axes)):
        patch.set(facecolor="none", edgecolor="none")
    buffer = io.StringIO()
    with warnings.catch_warnings():
        # Text stays text, so a reader's fonts show what the font that measures it has not.
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font", UserWarning)
        # Not by `savefig`, which draws everything twice.
        FigureCanvasSVG(figure).print_svg(buffer, metadata=NO_METADATA)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = _with_tips(re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.S))
    # Equal images would share an id, so only those that something refers to are kept. They are
    # numbered: Matplotlib makes some of a layout's last digits, which may differ.
    targets = re.findall(r'(?:url\(|href=")#([^")]+)', "".join(re.findall(TAG, svg)))
    used = {old: f"{name}-{place}" for place, old in enumerate(dict.fromkeys(targets))}

    def numbered(tag: re.Match[str]) -> str:
        text = re.sub(
            r' id="([^"]*)"',
            lambda found: f' id="{used[found[1]]}"' if found[1] in used else "",
            tag[0],
        )
        return re.sub(
            r'(url\(|href=")#([^")]+)', lambda found: f"{found[1]}#{used[found[2]]}", text
        )

    svg = visible(re.sub(TAG, numbered, svg).replace("'DejaVu Sans'", FONT))
    label = visible(alt)
    for sign, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        label = label.replace(sign, entity)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1).replace(
        ">",
        f'>\n <style class="dark">{DARK_STYLE}</style>'
        '\n <rect class="paper" width="100%" height="100%" fill="#ffffff"/>',
        1,
    )


def label_rows(axes: Axes, labels: Sequence[str]) -> None:
    """Name the rows of a dot plot, the first at the top."""
    axes.set_yticks(range(len(labels)), labels)
    axes.set(ylim=(len(labels) - 0.5, -0.5), ylabel="")
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def run_row(
    axes: Axes,
    row: float,
    name: str,
    estimate: Sequence[float],
    runs: np.ndarray,
    seeds: Sequence[int],
    colour: str,
) -> None:
    """A row of a dot plot in pp: a mean on the bar of its CI, and below the bar a dot for each run.

    Args:
        estimate: the mean difference and the ends of its CI, fractions; NaN of a single run.
        runs: float [S], the difference of each run, a fraction.
        seeds: of the runs.
    """
    mean, low, high = estimate
    dots = axes.plot(100 * runs, [row + 0.26] * len(runs), "o", color=colour)[0]
    dots.set(markersize=3, alpha=0.55, markeredgewidth=0)
    tips(
        dots, [f"{name}, seed {s}: {points(v)} pp" for s, v in zip(seeds, runs, strict=True)], seeds
    )
    text = f"{name}: {points(mean)} pp"
    if np.isfinite(low):
        text += f" (95 % CI {span(low, high)})"
        bar = axes.plot([100 * low, 100 * high], [row - 0.1] * 2, color=colour)[0]
        bar.set(linewidth=2, solid_capstyle="butt")
        tips(bar, [text])
    point = axes.plot(100 * mean, row - 0.1, "o", color=colour, markersize=5.5)[0]
    tips(point, [text])


class PlainTicks(Formatter):
    """Tick labels with as many decimals as the axis needs, the same for all, and a true minus."""

    def __init__(self, signed: bool = False) -> None:
        self.signed, self.digits = signed, 0

    def set_locs(self, locs: Sequence[float]) -> None:
        digits = (len(f"{tick:.6f}".rstrip("0").partition(".")[2]) for tick in locs)
        self.digits = max(digits, default=0)

    def __call__(self, value: float, _place: int | None = None) -> str:
        value = round(value, 6) + 0.0  # no minus before nought
        text = f"{value:{'+' if self.signed and value else ''}.{self.digits}f}"
        return text.replace("-", MINUS)


def key(figure: Canvas, columns: int, pad: float = 0.2) -> None:
    """A key of all that is labelled, below the title of a canvas that has room for one.

    Args:
        columns: how many marks stand in a line.
        pad: between a mark and its label, in sizes of the type.
    """
    figure.legend(
        loc="upper left",
        bbox_to_anchor=(0, 1 - 0.3 / figure.get_figheight()),
        ncols=columns,
        frameon=False,
        fontsize=SMALL,
        handletextpad=pad,
        columnspacing=1,
    )


def plain_logarithms(axis: Axis, thousands: str = "") -> None:
    """Tick labels of a logarithmic axis that are written out, at its whole steps alone."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:{thousands}g}"))
    axis.set_minor_formatter(NullFormatter())
