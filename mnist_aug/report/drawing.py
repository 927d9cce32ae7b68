"""What all figures of a report share: colours, canvas, and SVG that repeats byte for byte.

Colours are those of Okabe and Ito (2008), told apart by the colour-blind; every variant keeps its
colour and its marker throughout. Text stays text: it can be searched, and the file needs no font.
"""

import io
import re
import warnings
from dataclasses import dataclass

from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.formatting import MINUS
from mnist_aug.report.tables import Table, clipped, visible

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
# The same scheme for a file that is looked at alone; the page has it in style.css.
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
TAG = r"<[^>]*>"  # within which alone ids and colours are: a name may look like either
WIDTH = 5.4  # inches of every figure: on a phone of 390 px a letter of 9.5 points is 8.5 px high
SMALL = 9.5  # points of the smallest letter
MARKERS = "oDs^vP"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
STYLE = {
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
    "lines.linewidth": 1.8,
    "axes.facecolor": "none",
    "image.interpolation": "none",
    "path.simplify": False,
    "text.parse_math": False,  # a name may hold dollars
}


@dataclass(frozen=True)
class Figure:
    """A chart: its SVG text, alt text and caption, and the table of the numbers it shows."""

    name: str
    title: str
    svg: str
    alt: str
    caption: str
    table: Table

    @property
    def inline(self) -> str:
        """The SVG for the page: its colours follow the page's scheme, the paper shows through."""
        svg = re.sub(r'<rect class="paper"[^>]*/>|<style class="dark">.*?</style>', "", self.svg)

        def in_scheme(tag: re.Match) -> str:
            text = tag[0]
            for ink, css in (INKS | SHADES).items():
                text = text.replace(ink, css)
            return text

        return re.sub(TAG, in_scheme, svg)


def style_of(study: Comparison, name: str) -> dict:
    place = list(study.variants).index(name)
    return {"color": COLOURS[place % len(COLOURS)], "marker": MARKERS[place % len(MARKERS)]}


def canvas(height: float, study: Comparison, title: str, **grid) -> tuple:
    """A canvas of that height in inches, its axes, its title and the mark of the dataset."""
    figure = Canvas(figsize=(WIDTH, height), layout="constrained")
    figure.get_layout_engine().set(rect=(0, 0.26 / height, 1, 1 - 0.56 / height))
    axes = figure.subplots(squeeze=False, **grid)
    figure.text(0.004, 1 - 0.06 / height, title, fontsize=11.5, fontweight="bold", va="top")
    figure.text(
        0.004,
        0.05 / height,
        f"Dataset: {clipped(study.label)}",
        fontsize=SMALL,
        color=MUTED,
        va="bottom",
    )
    return figure, axes


def render(figure: Canvas, name: str, alt: str) -> str:
    """The SVG text of a canvas, the same for the same canvas; ids are made unique by `name`."""
    buffer = io.StringIO()
    with warnings.catch_warnings():
        # Text stays text, so a reader's fonts show what the font that measures it has not.
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font", UserWarning)
        figure.savefig(
            buffer,
            format="svg",
            transparent=True,
            metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
        )
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.S)
    # Equal images would share an id, so only those that something refers to are kept. They are
    # numbered: Matplotlib makes some of a layout's last digits, which may differ.
    used = {
        old: f"{name}-{place}"
        for place, old in enumerate(
            dict.fromkeys(re.findall(r'(?:url\(|href=")#([^")]+)', "".join(re.findall(TAG, svg))))
        )
    }

    def numbered(tag: re.Match) -> str:
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


def plain_ticks(axis, signed: bool = False) -> None:
    """Tick labels with as many decimals as the axis needs, the same for all, and a true minus."""

    def label(value, _place):
        digits = max(
            len(f"{tick:.6f}".rstrip("0").partition(".")[2]) for tick in axis.get_majorticklocs()
        )
        value = round(value, 6) + 0.0  # no minus before nought
        text = f"{value:{'+' if signed and value else ''}.{digits}f}"
        return text.replace("-", MINUS)

    axis.set_major_formatter(FuncFormatter(label))
