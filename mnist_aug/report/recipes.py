"""The recipes of the published results: what was tried on validation images, and what was kept."""

from typing import Any

import numpy as np
import pandas as pd

from mnist_aug.analysis import contrasts
from mnist_aug.analysis.comparison import ALPHA
from mnist_aug.analysis.intervals import spread
from mnist_aug.analysis.significance import holm
from mnist_aug.experiments.published import DROPPED
from mnist_aug.formatting import estimated, percent
from mnist_aug.report.published import Reached
from mnist_aug.report.tables import Table, holm_column

KINDS = ("plain", "augmented", "short", "long", "longest", "large", "deep", "affine")
NOTE = (
    "Errors on the validation images. CIs: over seeds, not adjusted for multiple comparisons; p is."
)
PARTS = KINDS[2:]  # change one thing in a recipe; the others are grids
TWO_CHANGES = {
    "long-batch-64": "long-batch-64, which has a smaller learning rate, too,",
    "short-constant-rate": "short-constant-rate, which has no warmup",
}


def table(reached: Reached) -> Table:
    """What the recipes were chosen from, on the validation split."""
    frame = reached.recipes
    means = frame.groupby("recipe")["validation"].mean()
    found = contrasts.estimates(
        {name: own.to_numpy() for name, own in frame.groupby("recipe")["validation"]}
    )
    chosen_of = {name: reference(means, name.split("-")[0]) for name in means.index}
    compared_with = {
        chosen: contrasts.against(found, chosen).set_index("variant")
        for chosen in {*chosen_of.values()}
    }
    rows = []
    for name in sorted(means.index, key=_place):
        chosen = chosen_of[name]
        own = frame[frame["recipe"] == name]
        row = {
            "recipe": name,
            "against": chosen,
            "seeds": len(own),
            "epochs": own["epochs"].iloc[0],
            "validation_error": 1 - means[name],
            "validation_error_sd": spread(own["validation"]),
        }
        if name == chosen:
            row |= {"difference": 0.0, "low": 0.0, "high": 0.0, "p": np.nan}
        else:
            own = compared_with[chosen].loc[name]
            # Of errors, so the other way round.
            row |= {"difference": -own["difference"], "low": -own["alone_high"]}
            row |= {"high": -own["alone_low"], "p": own["p"]}
        rows.append(row)
    compared = pd.DataFrame(rows)
    compared["holm_p"] = holm(compared["p"])
    display = pd.DataFrame(
        {
            "recipe": compared["recipe"],
            "validation error, %": compared["validation_error"].map(percent),
            "compared with": compared["against"],
            "difference, pp (95 % CI)": [
                "—" if r.recipe == r.against else estimated(r.difference, r.low, r.high)
                for r in compared.itertuples()
            ],
            **holm_column(compared),
            "seeds": compared["seeds"].astype(str),
            "epochs": compared["epochs"].astype(str),
        }
    )
    title = "What the recipes were chosen from, on the validation images"
    return Table("recipes", title, compared, display, note=NOTE)


def _place(name: str) -> int:
    kind = name.split("-")[0]
    return (*KINDS, kind).index(kind)


def reference(means: pd.Series, kind: str) -> str:
    """The recipe that those of a kind are compared with: the one they change, or a grid's best.

    Args:
        means: validation accuracy by recipe.
        kind: of `KINDS`; short ones change the best augmented one, others that of their name.
    """
    if kind in means.index:
        return kind
    grid = {"short": "augmented"}.get(kind, kind)
    own = means[means.index.str.startswith(grid)]
    return own.idxmax() if len(own) else means[means.index.str.startswith(kind)].idxmax()


def facts(table: Table) -> dict[str, Any]:
    """What was changed and what came of it.

    Returns:
        grid, how many augmented recipes were tried; starts, the recipes outside the grids that
        others change; flattered, whether changes are compared with the best augmented one; changed,
        how many changes there are, 0 where any has no p; seeds, their fewest and most; lower,
        whether any has a lower mean error; less and more, those that detectably lower and raise the
        error; largest, the change of the largest mean difference in error: recipe, difference, low
        and high, by itself, and holm_p; None without changes; exceptions, the changes of two
        things, in words; dropped, what was tried without being kept.
    """
    frame = table.frame
    parts = frame[frame["recipe"].str.startswith(tuple(f"{kind}-" for kind in PARTS))]
    changed = parts[parts["recipe"] != parts["against"]]
    best = [name for name in frame["recipe"] if name.startswith("augmented-")]
    short = any(name.startswith("short-") for name in frame["recipe"])
    adjusted = changed["holm_p"] < ALPHA
    largest = None
    if len(changed):
        most = changed.loc[changed["difference"].abs().idxmax()]
        largest = most[["recipe", "difference", "low", "high", "holm_p"]].to_dict()
    return {
        "grid": len(best),
        "starts": [name for name in frame["recipe"] if name in PARTS],
        "flattered": short and len(best) > 1,
        "changed": len(changed) if changed["holm_p"].notna().all() else 0,
        "seeds": (changed["seeds"].min(), changed["seeds"].max()),
        "lower": bool((changed["difference"] < 0).any()),
        "less": [*changed["recipe"][adjusted & (changed["difference"] < 0)]],
        "more": [*changed["recipe"][adjusted & (changed["difference"] > 0)]],
        "largest": largest,
        "exceptions": [text for name, text in TWO_CHANGES.items() if name in {*frame["recipe"]}],
        "dropped": list(DROPPED),
    }
