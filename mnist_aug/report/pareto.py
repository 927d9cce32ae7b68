"""What accuracy takes in training time, over everything that was trained."""

from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator

from mnist_aug.analysis import pareto
from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.intervals import spread
from mnist_aug.experiments.published import ENSEMBLE
from mnist_aug.formatting import listed, number, percent, with_sd
from mnist_aug.report import provenance, tuned
from mnist_aug.report.drawing import (
    COLOURS,
    INK,
    MARKERS,
    MUTED,
    PAPER,
    SMALL,
    STYLE,
    Figure,
    canvas,
    finished,
    key,
    plain_logarithms,
)
from mnist_aug.report.inputs import Inputs
from mnist_aug.report.published import Reached
from mnist_aug.report.tables import Table
from mnist_aug.report.templating import clipped
from mnist_aug.results.runs import BOTH

FIRST = "baseline and augmented"
PUBLISHED = "published"
# Of fewer training images, or of others that are held out; so they are of another kind.
OTHER_IMAGES = ("data-efficiency", "variance")
NAME = 20  # letters of a name in the figure
ROOM = 0.33  # of the axis that such a name takes


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
            "study": frame["study"],
            "runs": frame["seeds"].astype(str),
            "epochs": frame["epochs"].astype(str),
            "minutes a run, median": frame["minutes"].map(_minutes),
            "validation accuracy ± SD, %": with_sd(frame, "validation").where(
                frame["validation"].notna(), "—"
            ),
            "test error ± SD, %": with_sd(frame, "error"),
            "on the front": np.where(frame["on_front"], "yes", "—"),
        }
    )
    return Table("pareto", "Accuracy and training time of all that was trained", frame, display)


def _published(reached: Reached) -> pd.DataFrame:
    """The rows of published results that were trained here, but for the ensemble of several."""
    rows = []
    for name in reached.rows:
        if name == ENSEMBLE:
            continue
        error, minutes = reached.error(name), reached.seconds[name] / 60
        rows.append(
            {
                "study": PUBLISHED,
                "variant": name,
                "policy": None,
                "seeds": len(minutes),
                "epochs": reached.manifests[name]["variant"]["epochs"],
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


def _minutes(minutes: float) -> str:
    return number(minutes, 2)


def _name(row: Any, content: Comparison) -> str:
    """What was trained, in words."""
    policy = row.policy if isinstance(row.policy, str) else "none"
    if row.study == PUBLISHED:
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
    frame = table.frame.assign(drawn=100 * table.frame["error"].clip(lower=least))
    studies = [*dict.fromkeys([FIRST, *frame["study"]])]
    lines = -(-len(studies) // 3)
    height = 4.2 + 0.25 * lines
    title = "Test error against training time"
    drawn, ((axes,),) = canvas(height, content, title, key=lines)
    front = frame[frame["on_front"]]
    axes.plot(front["minutes"], front["drawn"], color=MUTED, linewidth=1.2, zorder=1)
    for place, study in enumerate(studies):
        own = frame[frame["study"] == study]
        colour = (*COLOURS, INK)[place % 7]
        look = {"marker": (MARKERS + "X")[place % 7], "linestyle": "none", "color": colour}
        axes.plot([], [], markersize=7, label=study, **look)
        for chosen, size in ((~own["on_front"], 5), (own["on_front"], 8)):
            some = own[chosen]
            axes.plot(
                some["minutes"],
                some["drawn"],
                markersize=size,
                markeredgecolor=INK if size == 8 else PAPER,
                markeredgewidth=1 if size == 8 else 0.6,
                zorder=3,
                **look,
            )
    for which, values in (("x", frame["minutes"]), ("y", frame["drawn"])):
        _scale(axes, which, values)
    left, right = axes.get_xlim()
    axes.set_xlim(left * (left / right) ** (ROOM / (1 - ROOM)))  # for the first name
    ends = np.log10([axes.get_xlim(), axes.get_ylim()])
    left, below = -np.inf, np.inf
    for row in front.itertuples():
        own = np.array([row.minutes, row.drawn])
        x, y = (np.log10(own) - ends[:, 0]) / np.ptp(ends, axis=1) - (0.02, 0.045)
        if x - left < ROOM:
            y = min(y, below - 0.055)
        left, below = x, y
        axes.annotate(
            clipped(row.name, NAME),
            own,
            xytext=(x, y),
            textcoords="axes fraction",
            ha="right",
            va="center",
            fontsize=SMALL,
        )
    axes.set_xlabel("training time of a run, minutes (logarithmic)")
    axes.set_ylabel("test error, % (logarithmic)")
    axes.grid()
    key(drawn, 3)
    alt = "Scatter chart of the test error against training time. On the front: " + " ".join(
        f"{row.name}: {_minutes(row.minutes)} minutes, {percent(row.error)} %."
        for row in front.itertuples()
    )
    caption = (
        "A mark is a variant: median training time and mean test error of its runs. Large marks, "
        "joined by a line, are the Pareto front: nothing else is both as quick and as accurate."
    )
    return finished(drawn, table.name, "Accuracy and minutes", alt, caption, table)


def _scale(axes: Axes, which: str, values: pd.Series) -> None:
    """A logarithmic axis with room around the values, and ticks however near they are."""
    low, high = values.min() / 1.25, values.max() * 1.25
    axes.set(**{f"{which}scale": "log", f"{which}lim": (low, high)})
    axis = axes.xaxis if which == "x" else axes.yaxis
    steps = (1, 2, 5) if high / low > 4 else (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)
    axis.set_major_locator(LogLocator(subs=steps))
    axis.set_minor_locator(NullLocator())
    plain_logarithms(axis)


def sentences(table: Table, content: Comparison, inputs: Inputs) -> list[str]:
    """What is on the front, how times were taken, and what has no place there."""
    frame = table.frame
    steps = [
        f"{row.name} ({_minutes(row.minutes)} minutes, {percent(row.error)} %)"
        for row in frame[frame["on_front"]].itertuples()
    ]
    text = [
        "On the Pareto front nothing else that was trained is both as quick and as accurate on the "
        f"test images: {listed(steps)}. The front describes these runs; what to use is to be "
        "chosen by the validation accuracy."
    ]
    slowest = (frame["minutes_most"] / frame["minutes_least"]).max()
    devices = dict.fromkeys(
        provenance.machine(one.manifest["device"])
        for own in ({n: content.variants[n] for n in BOTH}, *inputs.evaluated.values())
        for variant in own.values()
        for one in variant.runs
    )
    text.append(
        "Minutes are wall-clock time of training one run, without compiling, the median over runs, "
        f"on: {'; '.join(devices)}. Runs may have been trained in parallel there, one a core, and "
        "other work on the machine counts: within a variant the slowest run took up to "
        f"{number(slowest)} times as long as the quickest."
    )
    left_out = [name for name in OTHER_IMAGES if name in inputs.evaluated]
    if left_out:
        text.append(f"Left out are variants on other training images ({listed(left_out)}).")
    if (frame["study"] == PUBLISHED).any():
        text.append(
            "The published results are of other networks, trained on all training images, so they "
            "have no validation accuracy."
        )
    return text
