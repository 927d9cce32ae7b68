"""What accuracy takes in training time, over everything that was trained."""

from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, LogLocator, NullLocator

from mnist_aug.analysis import pareto
from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.intervals import spread
from mnist_aug.experiments.published import ENSEMBLES
from mnist_aug.formatting import number, percent, with_sd
from mnist_aug.report import provenance, tuned
from mnist_aug.report.drawing import (
    COLOURS,
    INK,
    MUTED,
    PAPER,
    SMALL,
    STYLE,
    Figure,
    canvas,
    finished,
    key,
    plain_logarithms,
    style_of,
    tips,
)
from mnist_aug.report.inputs import Inputs
from mnist_aug.report.published import Reached
from mnist_aug.report.tables import Table
from mnist_aug.report.templating import clipped
from mnist_aug.results.runs import BOTH

FIRST = "main result"
PUBLISHED = "published"
# Of fewer training images, or of others that are held out; so they are of another kind.
OTHER_IMAGES = ("data-efficiency", "variance")
NAME = 20  # letters of a name in the figure
OTHERS, SIGNS = (*COLOURS[2:], INK), "s^vPXp"  # of studies; of lengths that share no divisor
LETTER = 0.013  # of the axis that each of them takes
ROOM = 0.2  # of the axis, at the left of the fastest
NEAR = 1.15, 1.2  # ratios of times and of errors of marks that are too near for a name each
TICKS: tuple[float, ...] = (  # seconds
    *(0.01, 0.1, 0.2, 0.5, 1, 2, 3, 5, 10, 20, 30, 60, 120, 300, 600, 1800),
    *(3600 * hours for hours in (1, 2, 5, 10, 24, 48, 120, 240)),
)
MOST_TICKS = 6  # that have room for their labels
NOTE = (
    "Time: wall clock of training, median over runs. SD: over runs. Front: nothing else is both as "
    "fast and as accurate on the test images."
)


def table(content: Comparison, inputs: Inputs) -> Table:
    """A row for each variant of all studies, the shortest training first."""
    studies = {k: v for k, v in inputs.evaluated.items() if k not in OTHER_IMAGES}
    every = {FIRST: {name: content.variants[name] for name in BOTH}} | studies
    frame = pareto.trained(every)
    if inputs.reached is not None and inputs.reached.rows:
        frame = pd.concat([frame, _published(inputs.reached)], ignore_index=True)
        frame = frame.sort_values("minutes", kind="stable", ignore_index=True)
    frame["on_front"] = pareto.front(frame["minutes"], frame["error"])
    frame.insert(2, "name", [_name(row, content) for row in frame.itertuples()])
    display = pd.DataFrame(
        {
            "trained": frame["name"],
            "time, s": (60 * frame["minutes"]).map(number),
            "test error ± SD, %": with_sd(frame, "error"),
            "front": np.where(frame["on_front"], "yes", "—"),
            "validation accuracy ± SD, %": with_sd(frame, "validation").where(
                frame["validation"].notna(), "—"
            ),
            "study": frame["study"],
            "runs": frame["seeds"].astype(str),
            "epochs": frame["epochs"].astype(str),
        }
    )
    title = "Accuracy and training time of everything trained"
    return Table("pareto", title, frame, display, note=NOTE)


def _published(reached: Reached) -> pd.DataFrame:
    """The rows of published results that were trained here, but for ensembles."""
    rows = []
    for name in reached.rows:
        if name in ENSEMBLES:
            continue
        error, minutes = reached.error(name), reached.seconds[name] / 60
        settings = reached.manifests[name]["variant"]
        rows.append(
            {
                "study": PUBLISHED,
                "variant": name,
                "policy": (settings["policy"] or {}).get("name"),
                "seeds": len(minutes),
                "epochs": settings["epochs"],
                "minutes": minutes.median(),
                "minutes_least": minutes.min(),
                "minutes_most": minutes.max(),
                "validation": np.nan,
                "validation_sd": np.nan,
                "error": error.mean(),
                "error_sd": spread(error.to_numpy()),
            }
        )
    return pd.DataFrame(rows)


def duration(seconds: float) -> str:
    """A training time in the unit that suits it, as in "7.5 s" or "12 min"."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{number(seconds / length, 2)} {unit}"
    return f"{number(seconds, 2)} s"


def _name(row: Any, content: Comparison) -> str:
    """What was trained, in words."""
    policy = row.policy if isinstance(row.policy, str) else "none"
    if row.study in (FIRST, PUBLISHED):
        return row.variant
    if row.study == "tuned":
        return tuned.name(row.variant, str(content.both[1].policy))
    if row.study == "epochs":
        return f"{policy}, {row.epochs} epochs"
    return policy


@matplotlib.rc_context(STYLE)
def figure(table: Table, content: Comparison) -> Figure:
    """Test error against training time, both on logarithmic axes."""
    least = 0.5 / len(content.labels)  # an error of 0 has no logarithm
    frame = table.frame.assign(
        seconds=60 * table.frame["minutes"], drawn=100 * table.frame["error"].clip(lower=least)
    )
    # Baseline and augmented look as in all figures; each study has a colour and marker of its own.
    studies = [one for one in dict.fromkeys(frame["study"]) if one != FIRST]
    main = frame["study"] == FIRST
    groups = {name: (main & (frame["variant"] == name), style_of(content, name)) for name in BOTH}
    for place, study in enumerate(studies):
        look = {"color": OTHERS[place % len(OTHERS)], "marker": SIGNS[place % len(SIGNS)]}
        groups[study] = (frame["study"] == study, look)
    lines = -(-len(groups) // 4)
    title = "Test error against training time"
    drawn, ((axes,),) = canvas(3.4 + 0.2 * lines, content, title, key=lines)
    front = frame[frame["on_front"]]
    axes.step(front["seconds"], front["drawn"], where="post", color=MUTED, linewidth=1, zorder=1)
    for label, (chosen_rows, style) in groups.items():
        own = frame[chosen_rows]
        look = {"linestyle": "none", **style}
        axes.plot([], [], markersize=5, label=label, **look)
        for on_front, some in own.groupby("on_front"):
            (marks,) = axes.plot(
                some["seconds"],
                some["drawn"],
                markersize=6 if on_front or label in BOTH else 4,
                markeredgecolor=INK if on_front else PAPER,
                markeredgewidth=0.9 if on_front else 0.5,
                zorder=4 if label in BOTH else 3,
                **look,
            )
            tips(marks, [_tip(row) for row in some.itertuples()])
    for which, values in (("x", frame["seconds"]), ("y", frame["drawn"])):
        _scale(axes, which, values)
    _name_front(axes, front)
    axes.set_xlabel("training time per run, median (logarithmic)")
    axes.set_ylabel("test error, % (logarithmic)")
    axes.grid()
    key(drawn, 4)
    alt = "Scatter chart of the test error against training time. On the Pareto front: "
    alt += " ".join(
        f"{row.name}: {duration(row.seconds)}, {percent(row.error)} %."
        for row in front.itertuples()
    )
    return finished(drawn, table.name, "Accuracy and training time", alt, table)


def _tip(row: Any) -> str:
    return f"{row.name} ({row.study}): {duration(row.seconds)}, test error {percent(row.error)} %"


def _name_front(axes: Axes, front: pd.DataFrame) -> None:
    """Names below the front, of marks that are near each other the most accurate one's alone."""
    rows = [*front.itertuples()]
    right, below = -np.inf, np.inf
    for place, row in enumerate(rows):
        after = rows[place + 1] if place + 1 < len(rows) else None
        if (
            after is not None
            and after.seconds < NEAR[0] * row.seconds
            and row.drawn < NEAR[1] * after.drawn
        ):
            continue
        name = clipped(row.name, NAME)
        x, y = _share(axes, row) - np.array((0.02, 0.09))
        x = max(x, 0.01 + LETTER * len(name))
        if x - LETTER * len(name) < right:
            y = min(y, below - 0.075)
        right, below = x, y
        _named(axes, row, name, (x, y))


def _share(axes: Axes, row: Any) -> np.ndarray:
    """Where a mark is, as shares of the logarithmic axes."""
    ends = np.log10([axes.get_xlim(), axes.get_ylim()])
    return (np.log10([row.seconds, row.drawn]) - ends[:, 0]) / np.ptp(ends, axis=1)


def _named(axes: Axes, row: Any, name: str, place: tuple[float, float]) -> None:
    # The leader meets the text at its right end, or from above where the mark is over the text.
    inside = 1 + (_share(axes, row)[0] - place[0]) / (LETTER * len(name))
    axes.annotate(
        name,
        (row.seconds, row.drawn),
        xytext=place,
        textcoords="axes fraction",
        ha="right",
        va="center",
        fontsize=SMALL,
        arrowprops={
            "arrowstyle": "-",
            "color": MUTED,
            "linewidth": 0.6,
            "shrinkA": 0,
            "shrinkB": 4,
            "relpos": (inside, 1) if inside < 1 else (1, 0.5),
        },
    )


def _scale(axes: Axes, which: str, values: pd.Series) -> None:
    """A logarithmic axis with room around the values, and ticks however near they are."""
    least, high = values.min(), values.max() * 1.25
    # Names of the fastest stand at the left of their marks, not on those of others.
    low = least / (max(2, (high / least) ** (ROOM / (1 - ROOM))) if which == "x" else 1.4)
    axes.set(**{f"{which}scale": "log", f"{which}lim": (low, high)})
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_minor_locator(NullLocator())
    ticks = [tick for tick in TICKS if low <= tick <= high] if which == "x" else []
    while len(ticks) > MOST_TICKS:
        ticks = ticks[::2]
    if len(ticks) > 1:
        axis.set_major_locator(FixedLocator(ticks))
        axis.set_major_formatter(
            FixedFormatter([duration(tick).replace(".0 ", " ") for tick in ticks])
        )
        return
    steps = (1, 2, 5) if high / low > 4 else (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)
    axis.set_major_locator(LogLocator(subs=steps))
    plain_logarithms(axis)


def facts(table: Table, content: Comparison, inputs: Inputs) -> dict[str, Any]:
    """The front, the margin, how far times spread, and what has no place there."""
    frame = table.frame
    manifests = [
        one.manifest
        for own in ({n: content.variants[n] for n in BOTH}, *inputs.evaluated.values())
        for variant in own.values()
        for one in variant.runs
    ]
    published = bool((frame["study"] == PUBLISHED).any())
    if published and inputs.reached is not None:
        manifests += inputs.reached.manifests.values()
    return {
        "front": [
            {
                "name": row.name,
                "seconds": 60 * row.minutes,
                "time": duration(60 * row.minutes),
                "error": row.error,
            }
            for row in frame[frame["on_front"]].itertuples()
        ],
        "margin": content.margin,
        "spread": float((frame["minutes_most"] / frame["minutes_least"]).max()),
        "machines": provenance.machines(manifests),
        "left_out": [name for name in OTHER_IMAGES if name in inputs.evaluated],
        "published": published,
    }
