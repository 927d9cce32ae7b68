"""What the hyperparameter search found: its files, its table of settings and its facts."""

from pathlib import Path
from typing import Any

import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from mnist_aug.analysis import models
from mnist_aug.analysis.comparison import Comparison
from mnist_aug.data.dataset import MNIST_SHA256, MNIST_TRAINING_SHA256
from mnist_aug.report.tables import Table
from mnist_aug.results import extras
from mnist_aug.results.extras import Search

LABELS = {
    "learning_rate": "learning rate",
    "width": "layer width",
    "rotate_degrees": "rotation (± degrees)",
    "scale": "scale (1 ±)",
    "translate": "shift (± of the side)",
    "shear_degrees": "shear (± degrees)",
    "elastic_alpha": "elastic alpha",
    "elastic_sigma": "elastic sigma",
    "dropout": "dropout of squares",
    "thickness": "thicker strokes",
}
# Where a policy has what is searched for, and what it is there when nothing is changed.
RANGES = {
    "rotate_degrees": ("Affine", "rotate", 0),
    "scale": ("Affine", "scale", 1),
    "translate": ("Affine", "translate_percent", 0),
    "shear_degrees": ("Affine", "shear", 0),
}
VALUES = {
    "elastic_alpha": ("ElasticTransform", "alpha"),
    "elastic_sigma": ("ElasticTransform", "sigma"),
}
PRESENT = {"dropout": "CoarseDropout", "noise": "GaussNoise", "thickness": "Morphological"}
PARTS = ["policy", "learning_rate", "schedule", "width"]  # what `make tune` searches by default


def read(results: Path, content: Comparison) -> tuple[dict[str, Search], list[str]]:
    """The searches in a results folder by model, and a sentence on each that is left out.

    Raises:
        UserError: a file is damaged.
    """
    found, left_out = {}, []
    for model in content.both:
        search = extras.read_search(extras.search_folder(results), model.name)
        if search is None:
            continue
        if reason := _unlike(search.about, model.runs[0].manifest):
            left_out.append(
                f"The search for {model.name} is left out, as {reason}: `make tune` with "
                "the settings of baseline and augmented makes it anew."
            )
        else:
            found[model.name] = search
    return found, left_out


def _unlike(about: dict[str, Any], manifest: dict[str, Any]) -> str | None:
    """Why a search is not one for this model, or None if it is."""
    # A search reads no test images, so its SHA-256 is that of the rest; known only of MNIST.
    whole, training = manifest["dataset"]["sha256"], about["dataset"]
    if training != whole and (whole == MNIST_SHA256) != (training == MNIST_TRAINING_SHA256):
        return "it is of another dataset"
    own, start = manifest["variant"], about["start"]
    if reason := models.unlike(start, own):
        return f"its trials are {reason}"
    if about["epochs"] != own["epochs"]:
        return f"its trials have {about['epochs']} epochs, {own['name']} has {own['epochs']}"
    if any(own[key] != value for key, value in start.items() if key in own and key != "model"):
        return "it started from other settings"
    return None


def best_settings(searches: dict[str, Search]) -> dict[str, dict[str, Any]]:
    """What the manifests of the study `tuned` say of settings if it is of these searches."""
    wanted = {}
    for model, search in searches.items():
        own = {
            key: search.about["start"][key]
            for key in ("policy", "learning_rate", "schedule", "layers")
            if key in search.about["start"]
        }
        changed = {k: v for k, v in search.about["changed"].items() if k != "policy"}
        policy = {}
        if search.policy is not None:
            policy = {
                "policy": {"name": search.about["changed"]["policy"], "pipeline": search.policy}
            }
            wanted["tuned-policy"] = own | policy
            if changed:
                wanted["tuned-training"] = own | changed
        elif "policy" in search.about["changed"]:
            own.pop("policy", None)  # its file is gone, so nothing is known of it
        wanted[f"tuned-{model}"] = own | changed | policy
    return wanted


def label(setting: str) -> str:
    return LABELS.get(setting, setting.replace("_", " "))


def settings(searches: dict[str, Search]) -> Table:
    """The settings searched for: the model's own, the best trial's, and what was tried."""
    names = list(dict.fromkeys(name for s in searches.values() for name in s.settings))
    frame = pd.DataFrame({"setting": names})
    display = pd.DataFrame({"setting": [label(name) for name in names]})
    for model, search in searches.items():
        for what, values in (
            (model, {n: _own(search.about["start"], n) for n in search.settings}),
            (f"best for {model}", dict(search.best) if search.settings else {}),
        ):
            if values.get("elastic_alpha") == 0:
                values = {**values, "elastic_sigma": None}  # of no effect
            frame[what.replace(" ", "_")] = [setting_text(values.get(name), "") for name in names]
            display[what] = [setting_text(values.get(name)) for name in names]
    display["tried"] = [_tried(searches, name) for name in names]
    return Table(
        "search-settings",
        "Settings: the model's own and the best trial's",
        frame,
        display,
    )


def is_number(values: pd.Series) -> bool:
    """Whether a setting's values are numbers, not words or yes and no."""
    return is_numeric_dtype(values) and not is_bool_dtype(values)


def _tried(searches: dict[str, Search], name: str) -> str:
    """The values of a setting that trials had: the least and the most, or all in words."""
    values = pd.concat([one.trials[name] for one in searches.values() if name in one.trials])
    if not is_number(values):
        return ", ".join(sorted({setting_text(value) for value in values}))
    return f"{setting_text(values.min())} to {setting_text(values.max())}"


def at_an_end(search: Search) -> list[str]:
    """The settings of which the best trial has the largest value tried, or the least if not 0.

    A value that a single trial had is the largest by chance, and no end of what was searched.
    """
    found = []
    for name in search.settings:
        values = search.trials[name]
        if not is_number(values):
            continue
        best = search.best[name]
        ends = {values.max(), values.min()} if values.nunique() > 2 else set()
        if best and best in ends and (values == best).sum() > 1:
            found.append(name)
    return found


def _own(variant: dict[str, Any], setting: str) -> object | None:
    """A variant's value of a setting; None where its policy has no single such one."""
    try:
        if setting == "width":
            return variant["layers"][0] if len(set(variant["layers"])) == 1 else None
        if setting in variant:
            return variant[setting]
        transforms = {
            t["__class_fullname__"].split(".")[-1]: t
            for t in variant["policy"]["pipeline"]["transforms"]
        }
        if any("transforms" in t for t in transforms.values()):
            return None  # some are drawn from, so there is no one value
        if setting in PRESENT:
            return PRESENT[setting] in transforms
        if setting in VALUES:
            name, key = VALUES[setting]
            return (
                transforms[name][key]
                if name in transforms
                else (0 if setting == "elastic_alpha" else None)
            )
        name, key, centre = RANGES[setting]
        if name not in transforms:
            return 0
        ends = transforms[name][key]
        low, high = ends["x"] if isinstance(ends, dict) else ends
        return round(high - centre, 10) if abs(high + low - 2 * centre) < 1e-9 else None
    except (KeyError, IndexError, TypeError, ValueError):
        return None


def setting_text(value: Any, none: str = "—") -> str:
    """The value of a setting as text."""
    if value is None:
        return none
    if isinstance(value, str):
        return value
    if str(value) in ("True", "False"):
        return "yes" if value else "no"
    return f"{value:.3g}"


def facts(searches: dict[str, Search]) -> list[dict[str, Any]]:
    """How each search was made, and which setting matters most.

    Returns:
        Of each model: model; trials; seeds of a trial; pruned; runs in all, or None; top, the
        setting that matters most by fANOVA, and share, its importance, or None; ends, in words, as
        of `at_an_end`.
    """
    return [
        {
            "model": model,
            "trials": one.about["trials"],
            "seeds": one.about["seeds"],
            "pruned": one.about["pruned"],
            "runs": int(one.trials["seeds"].sum()) if len(one.trials) else None,
            "top": label(one.importance["setting"].iloc[0]) if len(one.importance) else None,
            "share": one.importance["importance"].iloc[0] if len(one.importance) else None,
            "ends": [label(name).partition(" (")[0] for name in at_an_end(one)],
        }
        for model, one in searches.items()
    ]


def commands(searches: dict[str, Search], data: str, policy: str, model: str = "") -> list[str]:
    """What makes the searches again.

    Args:
        model: how MODEL= is given after a space, or nothing.
    """
    commands: list[str] = []
    before: list[str] = []
    for search in list(searches.values())[::-1]:
        about = search.about
        parts = [p for p in PARTS if p in about["searched"]]
        if commands and parts == [part for part in before if part != PARTS[0]]:
            continue  # the model without a policy searches what else the other one does
        before = parts
        commands.append(
            f"make tune DATA={data} SEEDS={about['seeds']} EPOCHS={about['epochs']} "
            f"POLICY={policy} TRIALS={about['trials']}{model}"
            + ("" if parts in (PARTS, PARTS[1:]) else f" SEARCH={','.join(parts)}")
        )
    return commands
