"""Published test errors of dense networks on MNIST, and what the same layers reach here."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from scipy import stats

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.intervals import estimate, mean_interval, spread
from mnist_aug.experiments.published import (
    AUGMENTED,
    CHOSEN_ANEW,
    ENSEMBLES,
    FOLDER,
    PLAIN,
    RATES,
    RECIPES,
    ROWS,
    VIEWS,
    VIEWS_POLICY,
    Row,
    names,
)
from mnist_aug.formatting import number, percent, span
from mnist_aug.report.drawing import (
    COLOURS,
    INK,
    STYLE,
    Figure,
    canvas,
    finished,
    key,
    label_rows,
    tips,
)
from mnist_aug.report.tables import Table
from mnist_aug.results.runs import evaluated_variants, read_runs, read_variant, trained_variants

NOTE = (
    "95 % CIs: Student's t over seeds, for these test images; of published errors and of "
    "ensembles, of which there is one each, Wilson's over test images. Time: median over runs; of "
    "an ensemble, the sum. The CSV file has the policies."
)
WITH_TTA = (
    f" With TTA: the same runs, each prediction the mean over an image and {VIEWS} views of it by "
    f"policy {VIEWS_POLICY}."
)
MADE_ANEW = "`make published` makes it anew"


@dataclass(frozen=True)
class Reached:
    """What `make published` wrote into a results folder.

    `scores` has a row for each run and a column for each evaluation set: accuracy, indexed by row
    and seed. `manifests` has each row's first manifest, `seconds` and `history` (last
    accuracy on training images, augmented where the row augments them) one of each run.
    `recipes` has recipe, seed, validation accuracy and epochs.
    """

    scores: pd.DataFrame
    manifests: dict[str, dict[str, Any]]
    seconds: pd.Series
    history: pd.Series
    recipes: pd.DataFrame

    def error(self, name: str) -> pd.Series:
        """Of a row's runs on the test images, by seed."""
        return 1 - self.scores.loc[name]["test"]

    @property
    def rows(self) -> list[str]:
        return [name for name in (*ROWS, *ENSEMBLES) if name in self.scores.index]

    @property
    def command(self) -> str:
        """What to give as ROW= to make them again; nothing for all."""
        own = [
            name
            for name in (RECIPES, *ROWS, *ENSEMBLES)
            if name in self.rows or (name == RECIPES and len(self.recipes))
        ]
        return "" if own == names(None) else f" ROW={','.join(own)}"


def read(results: Path, content: Comparison) -> tuple[Reached | None, list[str]]:
    """The published results in a results folder, and a sentence on each row that is left out.

    Raises:
        UserError: a file is missing or damaged.
    """
    folder = Path(results) / FOLDER
    evaluated = evaluated_variants(folder)
    scores: dict[str, pd.DataFrame] = {}
    manifests: dict[str, dict[str, Any]] = {}
    seconds, history, left_out = {}, {}, []
    for name in (*ROWS, *ENSEMBLES):
        if name not in evaluated:
            continue
        variant = read_variant(folder / name)
        if variant.dataset["sha256"] != content.dataset["sha256"]:
            left_out.append(
                f"The row {name} is left out, as it is of another dataset: {MADE_ANEW}."
            )
            continue
        scores[name] = variant.scores
        for run in variant.runs:
            manifests.setdefault(name, run.manifest)
            seconds[name, run.seed] = run.manifest["seconds"]
            history[name, run.seed] = run.history["accuracy"].iloc[-1]
    recipes, reasons = _recipes(Path(results) / RECIPES, content)
    for name, ensemble in ENSEMBLES.items():
        if ensemble.members not in scores:
            scores.pop(name, None)
    if not scores and recipes.empty:
        return None, left_out + reasons
    return Reached(
        pd.concat(scores) if scores else pd.DataFrame(),
        manifests,
        pd.Series(seconds),
        pd.Series(history),
        recipes,
    ), left_out + reasons


def _recipes(folder: Path, content: Comparison) -> tuple[pd.DataFrame, list[str]]:
    rows = []
    for name in trained_variants(folder):
        for run in read_runs(folder / name):
            if run.manifest["dataset"]["sha256"] != content.dataset["sha256"]:
                return pd.DataFrame(), [
                    f"The recipes are left out, as they are of another dataset: {MADE_ANEW}."
                ]
            rows.append(
                {
                    "recipe": name,
                    "seed": run.seed,
                    "validation": run.validation_accuracy,
                    "epochs": run.manifest["variant"]["epochs"],
                }
            )
    return pd.DataFrame(rows, columns=["recipe", "seed", "validation", "epochs"]), []


def table(reached: Reached, content: Comparison) -> Table:
    """Published errors, the errors reached, and what they took."""
    rows = []
    for name, row in (ROWS | ENSEMBLES).items():
        if name in reached.rows:
            rows.append(_trained(reached, name, content))
        elif isinstance(row, Row):
            rows.append(_not_trained(reached, row, content))
        else:
            continue
        error = row.published if _is_mnist(content) and row.published else np.nan
        low, high = _wilson(error, content)
        rows[-1] |= {"published": error, "published_low": low, "published_high": high}
        rows[-1]["source"] = row.source
    frame = pd.DataFrame(rows)
    display = pd.DataFrame(
        {
            "row": frame["row"],
            "published, % (95 % CI)": [
                "—"
                if np.isnan(r.published)
                else f"{percent(r.published)} ({span(r.published_low, r.published_high, percent)})"
                for r in frame.itertuples()
            ],
            "here, %": ["not run" if np.isnan(e) else percent(e) for e in frame["error"]],
            "95 % CI, %": [
                "—" if np.isnan(r.error) else span(r.low, r.high, percent)
                for r in frame.itertuples()
            ],
            **({"with TTA, %": known(frame["tta"])} if frame["tta"].notna().any() else {}),
            "hidden units": frame["layers"],
            "runs": frame["seeds"].astype(str),
            "epochs": frame["epochs"].astype(str),
            "min per run": [
                "—"
                if np.isnan(r.minutes)
                else ("about " if np.isnan(r.error) else "") + number(r.minutes, 2)
                for r in frame.itertuples()
            ],
        }
    )
    title = "Test errors of dense networks, published and here"
    note = NOTE + (WITH_TTA if frame["tta"].notna().any() else "")
    return Table("published", title, frame, display, note=note)


def known(shares: pd.Series) -> list[str]:
    """Shares as text, percent, with a dash for each that is not there."""
    return ["—" if np.isnan(share) else percent(share) for share in shares]


def _is_mnist(content: Comparison) -> bool:
    return content.dataset["name"] == "mnist"


def _wilson(error: float, content: Comparison) -> tuple[float, float]:
    """Interval of an error over test images (Wilson 1927); NaN of NaN."""
    if np.isnan(error):
        return np.nan, np.nan
    images = content.dataset["test"]
    found = stats.binomtest(round(error * images), images).proportion_ci(method="wilson")
    return found.low, found.high


def _trained(reached: Reached, name: str, content: Comparison) -> dict[str, Any]:
    error, of = reached.error(name), name
    if name in ENSEMBLES:  # there is one, so its interval is over test images
        of = ENSEMBLES[name].members
        low, high = _wilson(error.iloc[0], content)
        members = len(reached.error(of))
        minutes = reached.seconds[of].sum() / 60
    else:
        low, high = mean_interval(error)
        members, minutes = 1, reached.seconds[name].median() / 60
    manifest = reached.manifests[of]
    settings = manifest["variant"]
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
        "tta": 1 - reached.scores.loc[name].get("tta/test", pd.Series(dtype=float)).mean(),
        "seeds": len(error),
        "parameters": members * manifest["parameters"],
        "epochs": settings["epochs"],
        "minutes": minutes,
    }


def _not_trained(reached: Reached, row: Row, content: Comparison) -> dict[str, Any]:
    """A row that was not run; its time is that of the largest network run, by parameters."""
    sizes = [int(np.prod(content.dataset["image_shape"])), *row.variant.layers, content.classes]
    parameters = sum((a + 1) * b for a, b in pairwise(sizes))
    minutes = np.nan
    if reached.manifests:
        name, largest = max(reached.manifests.items(), key=lambda item: item[1]["parameters"])
        longer = row.variant.epochs / largest["variant"]["epochs"]
        larger = parameters / largest["parameters"]
        minutes = reached.seconds[name].median() / 60 * longer * larger
    return {
        "row": row.variant.name,
        "layers": _layers(row.variant.layers),
        "policy": _policy(row.variant.settings()),
        "images": content.dataset["train"] + content.dataset["validation"],
        "error": np.nan,
        "error_sd": np.nan,
        "low": np.nan,
        "high": np.nan,
        "tta": np.nan,
        "seeds": 0,
        "parameters": parameters,
        "epochs": row.variant.epochs,
        "minutes": minutes,
    }


def _layers(layers: Iterable[int]) -> str:
    return "-".join(map(str, layers))


def _policy(settings: dict[str, Any]) -> str:
    used = [settings["policy"], *(part["policy"] for part in settings["later_policies"])]
    return ", then ".join(policy["name"] for policy in used if policy) or "none"


@matplotlib.rc_context(STYLE)
def figure(table: Table, content: Comparison) -> Figure:
    """Error and CI of each row, and the published error where there is one."""
    frame = table.frame.dropna(subset=["error"]).reset_index(drop=True)
    title = "Test errors of dense networks, published and here"
    drawn, ((axes,),) = canvas(1.15 + 0.24 * len(frame), content, title, key=1)
    places, look = frame.index.to_numpy(float), {"color": COLOURS[1]}
    least = frame["error"].min() / 4  # a CI of few seeds can reach 0, which this axis can't show
    ends = 100 * frame[["low", "high"]].clip(lower=least)
    bars = axes.hlines(places, ends["low"], ends["high"], linewidth=1.8, zorder=4, **look)
    (dots,) = axes.plot(100 * frame["error"], places, "o", label="here; bar: 95 % CI", **look)
    for artist in (bars, dots):
        tips(artist, [_tip(row) for row in frame.itertuples()])
    cut = frame.index[frame["low"] < least]
    if len(cut):
        axes.plot([100 * least] * len(cut), cut, "<", label="bar ends further left", **look)
    known_here = frame[frame["published"].notna()]
    if len(known_here):
        axes.hlines(
            known_here.index,
            100 * known_here["published_low"],
            100 * known_here["published_high"],
            color=INK,
            linewidth=0.8,
        )
        (marks,) = axes.plot(
            100 * known_here["published"],
            known_here.index,
            "D",
            markerfacecolor="none",
            markeredgecolor=INK,
            markersize=5.5,
            linestyle="none",
            zorder=5,
            label="published; line: 95 % CI",
        )
        tips(
            marks,
            [f"{r.row}, published: {percent(r.published)} %" for r in known_here.itertuples()],
        )
    label_rows(axes, [f"{r.row}, {r.layers}" for r in frame.itertuples()])
    axes.set(xlabel="test error, % (logarithmic)", xscale="log", ylim=(len(frame) - 0.5, -0.7))
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    key(drawn, 3)
    alt = "Dot plot of the test error of each row. " + " ".join(
        f"{r.row}: {percent(r.error)} %"
        + ("." if np.isnan(r.published) else f", published {percent(r.published)} %.")
        for r in frame.itertuples()
    )
    return finished(drawn, "published", "Published results", alt, table)


def _tip(row: Any) -> str:
    interval = "" if np.isnan(row.low) else f" (95 % CI {span(row.low, row.high, percent)})"
    return f"{row.row}: {percent(row.error)} %{interval}"


def facts(table: Table, reached: Reached, content: Comparison) -> dict[str, Any]:
    """How many rows have a published error, and on what condition they were trained."""
    frame = table.frame
    compared = frame.dropna(subset=["published", "error"])
    sources = [row.source for row in ROWS.values()] + [one.source for one in ENSEMBLES.values()]
    estimated = frame[frame["error"].isna() & frame["minutes"].notna()]
    return {
        "images": int(frame["images"].max()),
        "pair": _pair(reached),
        "compared": len(compared),
        "chosen_anew": [name for name in CHOSEN_ANEW if name in reached.rows],
        "not_run": [*estimated["row"]],
        "verdicts": _verdicts(compared),
        "ensembles": [
            {
                "name": name,
                "members": one.members,
                "count": len(reached.error(one.members)),
                "published": one.published,
            }
            for name, one in ENSEMBLES.items()
            if name in reached.rows
        ],
        "is_mnist": _is_mnist(content),
        "sources": [*dict.fromkeys(filter(None, sources))],
    }


def _verdicts(compared: pd.DataFrame) -> dict[str, list[str]]:
    """Which rows have a mean error that is at most the published one, or above it, and how far.

    Returns:
        rows by verdict: `lower`, as low or lower; `within`, higher, but either CI holds the other's
        error; `higher`, all others.
    """
    found: dict[str, list[str]] = {"lower": [], "within": [], "higher": []}
    for row in compared.itertuples():
        if row.error <= row.published:
            verdict = "lower"
        elif row.low <= row.published or row.error <= row.published_high:
            verdict = "within"
        else:
            verdict = "higher"
        found[verdict].append(row.row)
    return found


def _pair(reached: Reached) -> dict[str, Any] | None:
    """The network of both models in as many epochs, each with the settings chosen for it."""
    if not {PLAIN, AUGMENTED} <= {*reached.rows}:
        return None
    one, two = (reached.error(name) for name in (PLAIN, AUGMENTED))
    shared = one.index.intersection(two.index)
    one, two = one[shared], two[shared]
    gains = two - one
    mean, low, high = estimate(gains)
    return {
        "epochs": reached.manifests[AUGMENTED]["variant"]["epochs"],
        "plain": one.mean(),
        "augmented": two.mean(),
        "policy": _policy(reached.manifests[AUGMENTED]["variant"]),
        "change": {"difference": mean, "low": low, "high": high},
        "seeds": len(gains),
        "largest_rate": all(
            reached.manifests[name]["variant"]["learning_rate"] == max(RATES)
            for name in (PLAIN, AUGMENTED)
        ),
    }
