"""Published test errors of dense networks on MNIST, and what the same layers reach here."""

from collections.abc import Iterable
from itertools import pairwise

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from scipy import stats

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.intervals import mean_interval, paired_interval, spread
from mnist_aug.experiments.published import AUGMENTED, CHOSEN_ANEW, ENSEMBLE, PLAIN, RATES, ROWS
from mnist_aug.formatting import listed, number, percent, points, span
from mnist_aug.report.drawing import COLOURS, INK, SMALL, STYLE, Figure, canvas, render
from mnist_aug.report.published import Published, known
from mnist_aug.report.tables import Table


def table(records: Published, content: Comparison) -> Table:
    """Published errors, the errors reached, and what they took."""
    rows = []
    for name in (*ROWS, ENSEMBLE):
        row = ROWS.get(name)
        published = row.published if row and _is_mnist(content) and row.published else np.nan
        if name in records.rows:
            settings = records.manifests["small" if name == ENSEMBLE else name]
            rows.append(_reached(records, name, settings, content) | {"published": published})
        elif row is not None:
            rows.append(_estimated(records, row, content) | {"published": published})
    frame = pd.DataFrame(rows)
    frame.insert(4, "source", [ROWS[n].source if n in ROWS else "" for n in frame["row"]])
    shown = pd.DataFrame(
        {
            "row": frame["row"],
            "hidden units": frame["layers"],
            "published error, %": known(frame["published"]),
            "error here, %": ["not run" if np.isnan(e) else percent(e) for e in frame["error"]],
            "95 % interval, %": [
                "—" if np.isnan(r.error) else span(r.low, r.high, percent)
                for r in frame.itertuples()
            ],
            "runs": frame["seeds"].astype(str),
            "parameters": [f"{p:,}" if p else "—" for p in frame["parameters"]],
            "epochs": frame["epochs"].astype(str),
            "minutes a run": [
                "—"
                if np.isnan(r.minutes)
                else ("about " if np.isnan(r.error) else "") + number(r.minutes, 2)
                for r in frame.itertuples()
            ],
            "policy": frame["policy"],
        }
    )
    return Table(
        "records",
        "Published test errors of dense networks, and errors of the same layers here",
        frame,
        shown,
    )


def _is_mnist(content: Comparison) -> bool:
    return content.dataset["name"] == "mnist"


def _reached(records: Published, name: str, manifest: dict, content: Comparison) -> dict:
    error, settings = records.error(name), manifest["variant"]
    if name == ENSEMBLE:  # one there is, so its interval is over test images (Wilson 1927)
        images = content.dataset["test"]
        found = stats.binomtest(round(error[0] * images), images).proportion_ci(method="wilson")
        low, high = found.low, found.high
        members = len(records.error("small"))
        minutes = records.seconds["small"].sum() / 60
    else:
        low, high = mean_interval(error)
        members, minutes = 1, records.seconds[name].mean() / 60
    layers = _layers(settings["layers"])
    if members > 1:
        layers = f"{members} of {layers}"
    return {
        "row": name,
        "layers": layers,
        "policy": _policy(settings),
        "images": manifest["dataset"]["train"],
        "error": error.mean(),
        "error_sd": spread(error),
        "low": low,
        "high": high,
        "seeds": len(error),
        "parameters": members * manifest["parameters"],
        "epochs": settings["epochs"],
        "minutes": minutes,
    }


def _estimated(records: Published, row, content: Comparison) -> dict:
    """A row that was not run; its time is that of the largest network run, by parameters."""
    sizes = [int(np.prod(content.dataset["image_shape"])), *row.variant.layers, content.classes]
    parameters = sum((a + 1) * b for a, b in pairwise(sizes))
    minutes = np.nan
    if records.manifests:
        name, largest = max(records.manifests.items(), key=lambda item: item[1]["parameters"])
        minutes = (
            records.seconds[name].mean()
            / 60
            * row.variant.epochs
            / (largest["variant"]["epochs"])
            * parameters
            / largest["parameters"]
        )
    return {
        "row": row.variant.name,
        "layers": _layers(row.variant.layers),
        "policy": _policy(row.variant.settings()),
        "images": content.dataset["train"] + content.dataset["validation"],
        "error": np.nan,
        "error_sd": np.nan,
        "low": np.nan,
        "high": np.nan,
        "seeds": 0,
        "parameters": parameters,
        "epochs": row.variant.epochs,
        "minutes": minutes,
    }


def _layers(layers: Iterable[int]) -> str:
    return "-".join(map(str, layers))


def _policy(settings: dict) -> str:
    used = [settings["policy"], *(part["policy"] for part in settings["later_policies"])]
    return ", then ".join(policy["name"] for policy in used if policy) or "none"


@matplotlib.rc_context(STYLE)
def figure(table: Table, content: Comparison) -> Figure:
    """Error and interval of each row, and the published error where there is one."""
    frame = table.frame.dropna(subset=["error"]).iloc[::-1].reset_index(drop=True)
    drawn, ((axes,),) = canvas(
        1.5 + 0.42 * len(frame), content, "Test errors of dense networks, published and here"
    )
    places = np.arange(len(frame))
    reach = 100 * (frame[["error", "low", "high"]].T - frame["error"]).T.abs()
    axes.errorbar(
        100 * frame["error"],
        places,
        xerr=reach[["low", "high"]].T.fillna(0),
        fmt="o",
        color=COLOURS[1],
        markersize=5,
        linewidth=2,
        label="here, 95 % interval",
    )
    if frame["published"].notna().any():
        axes.plot(
            100 * frame["published"],
            places + 0.3,
            "D",
            markerfacecolor="none",
            markeredgecolor=INK,
            markersize=6,
            linestyle="none",
            label="published",
        )
    axes.set_yticks(places, [f"{r.row}\n{r.layers}" for r in frame.itertuples()], fontsize=SMALL)
    axes.set(xlabel="test error, % (logarithmic)", xscale="log", ylim=(-0.6, len(frame) - 0.3))
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(axis="x")
    axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    alt = "Dot plot of the test error of each row. " + " ".join(
        f"{r.row}: {percent(r.error)} %"
        + ("." if np.isnan(r.published) else f", published {percent(r.published)} %.")
        for r in frame.iloc[::-1].itertuples()
    )
    return Figure(
        "records",
        "Records",
        render(drawn, "records", alt),
        alt,
        "Below the name of a row are its hidden units. Dots are means over runs, bars "
        "their intervals.",
        table,
    )


def words(table: Table, records: Published, content: Comparison) -> list[str]:
    """How the errors compare with the published ones, and what the intervals cover."""
    frame = table.frame
    compared = frame.dropna(subset=["published", "error"])
    below = compared["high"] < compared["published"]
    above = compared["low"] > compared["published"]
    said = [
        f"{listed([*compared['row'][chosen]])} {text}"
        for chosen, text in (
            (below, "below the published error by the whole interval"),
            (above, "above it by the whole interval"),
            (~below & ~above, "not to be told from it"),
        )
        if chosen.any()
    ]
    text = (
        "Each row trains the layers of a publication, or the project's own, on all "
        f"{frame['images'].max():,} training images with a recipe that was chosen on "
        "validation images alone. "
    )
    anew = [name for name in CHOSEN_ANEW if name in records.rows]
    text += "The test images judged it once" + (
        f", but for {listed(anew)}: there, after the test images had judged one recipe, another "
        "was chosen on validation images. "
        if anew
        else ". "
    )
    if said:
        text += f"Against the published errors: {'; '.join(said)}. "
    text += (
        "Intervals are Student's t over seeds, for these test images; that of the committee "
        "is Wilson's, over test images. A published error is one number, the best or the mean "
        "of few runs, without an interval: a few hundredths of a percent from it say little. "
        "Minutes are wall clock, other work on the machine included."
    )
    if _is_mnist(content):
        text += (
            " About 0.15 % of the test labels are known to be wrong (Northcutt, Athalye and "
            "Mueller 2021), so an error near that says nothing of a network."
        )
    for row in frame[frame["error"].isna() & frame["minutes"].notna()].itertuples():
        text += (
            f" {row.row} was not run; its minutes are those of the largest network that was, "
            "by parameters and epochs."
        )
    sources = {row.source: None for row in ROWS.values() if row.source}
    return [*_pair(records), text, f"Published errors are from {listed([*sources])}."]


def _pair(records: Published) -> list[str]:
    """The arms' network in as many epochs as theirs, each arm with the settings chosen for it."""
    if not {PLAIN, AUGMENTED} <= {*records.rows}:
        return []
    one, two = (1 - records.scores.loc[name]["test"] for name in (PLAIN, AUGMENTED))
    gains = (two - one).dropna().to_numpy()
    epochs = records.manifests[AUGMENTED]["variant"]["epochs"]
    at_the_end = all(
        records.manifests[name]["variant"]["learning_rate"] == max(RATES)
        for name in (PLAIN, AUGMENTED)
    )
    return [
        f"Within {epochs} epochs, with learning rate and weight decay chosen for each arm from "
        f"the same values, augmentation changes the test error of the project's own network "
        f"from {percent(one.mean())} to {percent(two.mean())} %, by {points(gains.mean())} pp "
        f"({span(*paired_interval(gains))}, n = {len(gains)} seeds). Batch size, schedule, "
        "warmup and policy were varied with augmentation alone"
        f"{', and both take the largest learning rate tried' if at_the_end else ''}."
    ]
