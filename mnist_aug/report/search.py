"""What the search of the settings found: its files, its tables and its sentences."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from mnist_aug.analysis.comparison import Study
from mnist_aug.augment.policy import plain
from mnist_aug.data.dataset import MNIST_SHA256, MNIST_TRAINING_SHA256
from mnist_aug.errors import UserError
from mnist_aug.report.tables import Table, listed, percent
from mnist_aug.results import files as result_files

COLUMNS = ["trial", "pruned", "seeds", "validation"]  # the other ones are settings, and the arm
LABELS = {
    "learning_rate": "learning rate",
    "width": "units of each layer",
    "rotate_degrees": "rotation (± degrees)",
    "scale": "scale (1 ±)",
    "translate": "shift (± of the side)",
    "shear_degrees": "shear (± degrees)",
    "elastic_alpha": "elastic alpha",
    "elastic_sigma": "elastic sigma",
    "dropout": "dropout of squares",
    "thickness": "thicker strokes",
}
# Where the arm's policy has what is searched for, and what it is there when nothing is changed.
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
PARTS = ["policy", "learning_rate", "schedule", "width"]  # what `make tune` searches if not told


@dataclass(frozen=True)
class Search:
    """The search for one arm's settings.

    `about` is `<arm>.json`. `trials` has a row for each trial, its settings from the fifth column
    on; no row when the file is missing. `importance` has setting and importance, `policy` is the
    best one as plain data.
    """

    arm: str
    about: dict
    trials: pd.DataFrame
    importance: pd.DataFrame
    policy: dict | None

    @property
    def settings(self) -> list[str]:
        return [name for name in self.trials.columns if name not in COLUMNS]

    @property
    def whole(self) -> pd.DataFrame:
        return self.trials[~self.trials["pruned"]]

    @property
    def best(self) -> pd.Series:
        return self.trials.set_index("trial").loc[self.about["trial"]]


def read(results: Path, content: Study) -> tuple[dict[str, Search], list[str]]:
    """The searches in a results folder by arm, and a sentence on each that is left out.

    Raises:
        UserError: a file is damaged.
    """
    found, left_out = {}, []
    folder = Path(results) / "tune"
    for arm in content.arms:
        path = folder / f"{arm.name}.json"
        if path.exists():
            search = _read(folder, arm.name)
            reason = _unlike(search.about, arm.runs[0].manifest)
        elif (folder / f"{arm.name}.csv").exists():
            search, reason = None, f"{path.name} is missing"
        else:
            continue
        if reason:
            left_out.append(
                f"The search for {arm.name} is left out, as {reason}: `make tune` with "
                "the arms' settings makes it anew."
            )
        else:
            found[arm.name] = search
    return found, left_out


def _read(folder: Path, arm: str) -> Search:
    path = folder / f"{arm}.json"
    about = result_files.read_search(path)
    trials, importance, policy = pd.DataFrame(columns=COLUMNS), pd.DataFrame(), None
    if (path := folder / f"{arm}.csv").exists():
        trials = result_files.read_csv(path, COLUMNS).drop(columns="arm", errors="ignore")
        _check_trials(path, trials, about)
    if (path := folder / f"{arm}-importance.csv").exists():
        importance = result_files.read_csv(path, ["setting", "importance"], empty=True)
        if importance["setting"].duplicated().any():
            raise result_files.damaged(path)
    if "policy" in about["changed"]:
        policy = _policy(folder / about["changed"]["policy"])
    return Search(arm, about, trials, importance, policy)


def _policy(path: Path) -> dict | None:
    """A policy's file as plain data; None where there is none."""
    try:
        policy = json.loads(json.dumps(plain(path.read_text("utf-8"))["transform"]))
        if not isinstance(policy, dict):
            raise ValueError
        return policy
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError, yaml.YAMLError):
        raise result_files.damaged(path) from None


def _check_trials(path: Path, trials: pd.DataFrame, about: dict) -> None:
    other = trials.drop(columns=COLUMNS)
    numbers = {"learning_rate", *RANGES, *VALUES} & {*other}
    if (
        not is_bool_dtype(trials["pruned"])
        or trials["trial"].duplicated().any()
        or other.isna().any(axis=None)
        or np.isinf(other.select_dtypes("number")).any(axis=None)
        or not all(is_numeric_dtype(other[name]) for name in numbers)
        or ("learning_rate" in other and (other["learning_rate"] <= 0).any())
    ):
        raise result_files.damaged(path)
    best = trials[~trials["pruned"] & (trials["trial"] == about["trial"])]["validation"]
    counted = len(trials) == about["trials"] and trials["pruned"].sum() == about["pruned"]
    if not counted or not (abs(best - about["validation"]) < 1e-9).any():
        raise UserError(
            f"{path} and {path.with_suffix('.json').name} are not of the same search: "
            "run `make tune` again"
        )


def _unlike(about: dict, manifest: dict) -> str | None:
    """Why a search is not one for this arm, or None if it is."""
    # A search reads no test images, so its SHA-256 is that of the rest; known of MNIST alone.
    whole, own = manifest["dataset"]["sha256"], about["dataset"]
    if own != whole and (whole == MNIST_SHA256) != (own == MNIST_TRAINING_SHA256):
        return "it is of another dataset"
    if about["epochs"] != (epochs := manifest["variant"]["epochs"]):
        return f"its trials have {about['epochs']} epochs and the arms {epochs}"
    own = manifest["variant"]
    if any(own[key] != value for key, value in about["arm"].items() if key in own):
        return "it started from other settings"
    return None


def best_settings(searches: dict[str, Search]) -> dict[str, dict]:
    """What the manifests of the study `tuned` say of settings if it is of these searches."""
    wanted = {}
    for arm, search in searches.items():
        own = {
            key: search.about["arm"][key]
            for key in ("policy", "learning_rate", "schedule", "layers")
            if key in search.about["arm"]
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
        wanted[f"tuned-{arm}"] = own | changed | policy
    return wanted


def label(setting: str) -> str:
    return LABELS.get(setting, setting.replace("_", " "))


def settings(searches: dict[str, Search]) -> Table:
    """The settings searched for: the arm's own and those of the best trial."""
    names = list(dict.fromkeys(name for s in searches.values() for name in s.settings))
    frame = pd.DataFrame({"setting": names})
    shown = pd.DataFrame({"setting": [label(name) for name in names]})
    for arm, search in searches.items():
        for what, values in (
            (arm, {n: _own(search.about["arm"], n) for n in search.settings}),
            (f"best for {arm}", dict(search.best) if search.settings else {}),
        ):
            if values.get("elastic_alpha") == 0:
                values = {**values, "elastic_sigma": None}  # of no effect
            frame[what.replace(" ", "_")] = [_text(values.get(name), "") for name in names]
            shown[what] = [_text(values.get(name)) for name in names]
    return Table(
        "search-settings", "The settings searched for: the arm's and the best trial's", frame, shown
    )


def _own(arm: dict, setting: str) -> object | None:
    """The arm's value of a setting; None where its policy has no single such one."""
    try:
        if setting == "width":
            return arm["layers"][0] if len(set(arm["layers"])) == 1 else None
        if setting in arm:
            return arm[setting]
        transforms = {
            t["__class_fullname__"].split(".")[-1]: t
            for t in arm["policy"]["pipeline"]["transforms"]
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


def _text(value: object, none: str = "—") -> str:
    if value is None:
        return none
    if isinstance(value, str):
        return value
    if str(value) in ("True", "False"):
        return "yes" if value else "no"
    return f"{value:.3g}"


def about_words(searches: dict[str, Search]) -> list[str]:
    """How the search was made, and which settings matter."""
    said = []
    for arm, search in searches.items():
        about, trials = search.about, search.trials
        runs = f", {int(trials['seeds'].sum()):,} runs in all" if len(trials) else ""
        said.append(
            f"{about['trials']} trials of {about['seeds']} seeds with {arm} "
            f"({about['pruned']} pruned{runs})"
        )
    if not searches:
        return []
    text = (
        f"The search (TPE, Bergstra, Bardenet, Bengio and Kégl 2011) made {listed(said)}. A "
        "trial is judged by its mean validation accuracy over seeds; after each seed it is "
        "pruned if its mean so far is below the median of the others. Test images were not "
        "read."
    )
    most = [
        f"{label(s.importance.iloc[0]['setting'])} "
        f"({percent(s.importance.iloc[0]['importance'], 0)} %) with {arm}"
        for arm, s in searches.items()
        if len(s.importance)
    ]
    return [text] + ([f"What matters most, by fANOVA, is {listed(most)}."] if most else [])


def commands(searches: dict[str, Search], data: str, policy: str | None) -> list[str]:
    """What makes the searches again."""
    told, before = [], []
    for search in list(searches.values())[::-1]:
        about = search.about
        parts = [p for p in PARTS if p in about["searched"]]
        if told and parts == [part for part in before if part != PARTS[0]]:
            continue  # the arm without a policy searches what else the other one does
        before = parts
        told.append(
            f"make tune DATA={data} SEEDS={about['seeds']} EPOCHS={about['epochs']} "
            f"POLICY={policy} TRIALS={about['trials']}"
            + ("" if parts in (PARTS, PARTS[1:]) else f" SEARCH={','.join(parts)}")
        )
    return told
