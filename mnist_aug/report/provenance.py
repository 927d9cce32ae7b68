"""Tables of how the results came about: settings, manifests and cost."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.cost import times
from mnist_aug.analysis.models import label
from mnist_aug.formatting import MINUS, number
from mnist_aug.report.tables import Table
from mnist_aug.results.extras import Search
from mnist_aug.results.runs import BOTH, VariantResults

# What an image policy without masks, boxes and points has no use for.
UNUSED = {
    "bbox_params",
    "keypoint_params",
    "is_check_shapes",
    "fill_mask",
    "mask_interpolation",
    "keypoint_remapping_method",
}


def settings(content: Comparison) -> Table:
    """Where the settings of both models differ: this is the experiment.

    The frame has a row for each setting. Displayed are those that images use; all settings of one
    transform share a row when only one model has a policy, since then every one of them differs.
    """
    nested = [
        {**(own := plain(v)), "policy": own["policy"] or {"name": "none"}} for v in content.both
    ]
    first, second = (flatten(one) for one in nested)
    names = [
        n for n in dict.fromkeys((*first, *second)) if first.get(n) != second.get(n) and n != "name"
    ]
    frame = pd.DataFrame(
        {
            "setting": names,
            BOTH[0]: [first.get(n, "") for n in names],
            BOTH[1]: [second.get(n, "") for n in names],
        },
        dtype=str,
    )
    display = frame[np.array([not _idle(*row) for row in frame.itertuples(index=False)], bool)]
    of_policy = display["setting"].str.startswith("policy / ")
    display = display.assign(
        **{model: display[model].where(~of_policy, display[model].map(_plain)) for model in BOTH}
    )
    if sum("pipeline" in one["policy"] for one in nested) == 1:
        steps = display["setting"].str.extract(r"^(policy / (?:augmix / )?\d+ [^/]+) / (.*)$")
        display = display.assign(setting=steps[0].fillna(display["setting"]))
        for model in BOTH:
            given = steps[1].notna() & (display[model] != "")
            display[model] = display[model].where(~given, steps[1] + " " + display[model])
        display = display.groupby("setting", sort=False, as_index=False).agg(
            lambda cells: "; ".join(cell for cell in cells if cell)
        )
    return Table(
        "settings",
        "Settings of both models",
        frame,
        display.replace("", "—"),
        wraps=True,
    )


def plain(variant: VariantResults) -> dict[str, Any]:
    """A variant's settings with the model, where they name one, as one word or two."""
    settings = variant.settings
    return {**settings, "model": label(settings)} if "model" in settings else settings


def _idle(setting: str, *values: str) -> bool:
    """Whether no image is made otherwise by this setting of a policy."""
    given = {value for value in values if value}
    return setting.startswith("policy / ") and (
        setting.split(" / ")[-1] in UNUSED
        or given <= {"none"}
        or (setting, *given)
        in {("policy / class", "Compose"), ("policy / p", "1.0"), ("policy / p", "1")}
    )


def _plain(text: str) -> str:
    """A number without idle decimals, and a pair of numbers as a range."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    if isinstance(value, list) and len(value) == 2:
        low, high = (_plain(json.dumps(end)) for end in value)
        return low if low == high else f"{low} to {high}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return text
    return f"{value:.10g}".replace("-", MINUS)


def flatten(value: object, name: str = "") -> dict[str, str]:
    """Nested settings as one level of text; a transform is called by its class and place."""
    if isinstance(value, dict):
        parts: dict[str, str] = {}
        for key, inner in value.items():
            if key in ("transforms", "operations") and isinstance(inner, list):
                for i, transform in enumerate(inner):
                    own = str(transform.get("__class_fullname__", "transform")).split(".")[-1]
                    parts |= flatten(
                        {k: v for k, v in transform.items() if k != "__class_fullname__"},
                        f"{name} / {i + 1} {own}",
                    )
            elif key == "__class_fullname__":
                parts |= {f"{name} / class": str(inner)}
            else:
                # "pipeline" only holds the transforms; their own names say enough
                parts |= flatten(
                    inner, name if key == "pipeline" else f"{name} / {key}" if name else str(key)
                )
        return parts
    return {
        name: value
        if isinstance(value, str)
        else "none"
        if value is None
        else json.dumps(value, ensure_ascii=False)
    }


def cost(content: Comparison) -> Table:
    """Training time of a run of each variant."""
    frame = times(content)
    display = pd.DataFrame(
        {
            "variant": frame["variant"],
            "runs": frame["runs"].astype(str),
            "epochs": frame["epochs"].astype(str),
            "seconds a run, median": frame["seconds"].map(number),
            "least to most": [
                f"{number(r.seconds_least)} to {number(r.seconds_most)}" for r in frame.itertuples()
            ],
            "images/s, median": frame["images_per_second"].map(number),
        }
    )
    return Table("cost", "Training time of a run", frame, display)


def manifest(content: Comparison) -> Table:
    """Where the results came from. A cell lists every value when the runs differ in it."""
    manifests, dataset = content.manifests, content.dataset
    seeds = {name: ", ".join(map(str, v.seeds)) for name, v in content.variants.items()}
    counts = {
        (v.runs[0].manifest["dataset"]["train"], v.runs[0].manifest["dataset"]["validation"])
        for v in content.variants.values()
    }
    rows = [
        ("dataset", content.label),
        ("origin of the dataset", dataset["origin"]),
        ("SHA-256 of the dataset", dataset["sha256"]),
        ("training, validation images", "; ".join(f"{a:,}, {b:,}" for a, b in sorted(counts))),
        ("test images", f"{dataset['test']:,}"),
        (
            "image shape, classes",
            f"{' by '.join(map(str, dataset['image_shape']))}, {dataset['classes']}",
        ),
        *((f"seeds of {name}", text) for name, text in seeds.items()),
        ("git commit", _all(_commit(m["git"]) for m in manifests)),
        ("processor, cores, system", _all(machine(m["device"]) for m in manifests)),
        ("command", _all(m["command"] for m in manifests)),
        ("first run started", min(str(m.get("started", "")) for m in manifests)),
        ("last run started", max(str(m.get("started", "")) for m in manifests)),
        (
            "versions",
            _all(
                ", ".join(f"{package} {version}" for package, version in m["versions"].items())
                for m in manifests
            ),
        ),
    ]
    frame = pd.DataFrame(rows, columns=["what", "value"])
    return Table("manifest", "Where the results come from", frame, frame, wraps=True)


def searches(found: dict[str, Search]) -> Table:
    """Where the searches, by the variant they started from, come from."""
    rows = {}
    for model, about in ((model, search.about) for model, search in found.items()):
        last = about["first_seed"] + about["seeds"] - 1
        rows[model] = {
            "trials, pruned": f"{about['trials']:,}, {about['pruned']:,}",
            "seeds of a trial": f"{about['first_seed']} to {last}",
            "epochs": str(about["epochs"]),
            "searched": ", ".join(about["searched"]) or "none",
            "git commit": _commit(about["git"]),
            "written": about["written"],
            "processor, cores, system": machine(about["device"]),
            "command": about["command"],
            "versions": ", ".join(f"{p} {version}" for p, version in about["versions"].items()),
        }
    frame = pd.DataFrame(rows).rename_axis("what").reset_index()
    return Table("search-origin", "Where the search comes from", frame, frame, wraps=True)


def machine(device: dict[str, Any]) -> str:
    """A manifest's device in words; nothing of one that says nothing."""
    cores = f"{device.get('cores')} core{'s' if device.get('cores') != 1 else ''}"
    known = device | ({"cores": cores} if "cores" in device else {})
    return ", ".join(str(known[key]) for key in ("processor", "cores", "system") if key in known)


def machines(manifests: Iterable[Mapping[str, Any]]) -> list[str]:
    """The different machines of runs, in words and without their operating systems."""
    devices = ({k: v for k, v in m["device"].items() if k != "system"} for m in manifests)
    return [*filter(None, dict.fromkeys(map(machine, devices)))]


def _commit(git: dict[str, Any]) -> str:
    return (git.get("commit") or "not from a git repository") + (
        " with uncommitted changes" if git.get("dirty") else ""
    )


def _all(values: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(values))
