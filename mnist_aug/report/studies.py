"""The studies next to the comparison of both models, as far as their results are there."""

from pathlib import Path
from typing import Any

import pandas as pd

from mnist_aug.analysis import models
from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.policies import work
from mnist_aug.formatting import estimated, listed
from mnist_aug.results.runs import VariantResults, evaluated_variants, read_variant

OF_A_POLICY = ("name", "policy", "later_policies", "model")  # the last is compared by `models`
NAMES = (
    *("compare", "ablation", "strength", "grid", "data-efficiency", "epochs", "variance", "tuned"),
)


def read(
    results: Path, content: Comparison, best: dict[str, dict[str, Any]] | None = None
) -> tuple[dict[str, dict[str, VariantResults]], list[str]]:
    """The variants of each study in a results folder, and a sentence on each that is left out.

    Left out is what can't be compared with both models: of another model or dataset, trained by
    other code or with other epochs, about another policy, or of settings that a search no longer
    finds. Of the study `tuned`, only those variants are left out that the searches did not find; of
    `compare`, those that are unlike both models in more than the policy.

    Args:
        best: the settings that the searches found, by variant of the study `tuned`; without any,
            its variants are taken as they are.

    Returns:
        (variants by study and name, sentences). Of `compare`, a policy that is augmented's is not
        among them.

    Raises:
        UserError: a file is missing or damaged.
    """
    found, left_out = {}, []
    for name in NAMES:
        variants = evaluated_variants(Path(results) / name)
        if name == "tuned" and best:
            left_out += [
                f"The variant {variant} of the study tuned is left out, as no search in these "
                "results found its settings: delete its folder, or search again (`make tune`)."
                for variant in variants
                if variant not in best
            ]
            variants = [variant for variant in variants if variant in best]
        evaluated = {variant: read_variant(Path(results) / name / variant) for variant in variants}
        reasons = {
            variant: reason
            for variant, one in evaluated.items()
            for run in one.runs
            if (reason := _unlike(name, run.manifest, content, best or {}))
        }
        if name == "compare":
            for reason in dict.fromkeys(reasons.values()):
                own = [str(evaluated[v].policy) for v, why in reasons.items() if why == reason]
                left_out.append(
                    f"Of the study compare {listed(own)} {'are' if len(own) > 1 else 'is'} left "
                    f"out, as {reason}: `make compare` with the settings of baseline and augmented "
                    f"makes {'them' if len(own) > 1 else 'it'} anew."
                )
            evaluated = {v: one for v, one in evaluated.items() if v not in reasons}
            kept = [content.both[1]]
            for variant, one in [*evaluated.items()]:
                does = work(one.settings["policy"])
                same = next((v for v in kept if work(v.settings["policy"]) == does), None)
                if same is None:
                    kept.append(one)
                    continue
                del evaluated[variant]
                if same.policy != one.policy:
                    left_out.append(
                        f"Of the study compare {one.policy} is left out, as it does the same as "
                        f"{same.policy}."
                    )
        elif reasons:
            left_out.append(
                f"The study {name} is left out, as {next(iter(reasons.values()))}: "
                f"`make {name}` with the settings of baseline and augmented makes it anew."
            )
            continue
        if evaluated:
            found[name] = evaluated
    return found, left_out


def _unlike(
    name: str, manifest: dict[str, Any], content: Comparison, best: dict[str, dict[str, Any]]
) -> str | None:
    """Why a run of a study can't be compared with both models, or None if it can."""
    augmented = content.both[1].runs[0].manifest
    own, usual = manifest["variant"], augmented["variant"]
    if reason := models.unlike(own, usual):
        return f"its runs are {reason}"
    for key, part, reason in (
        ("dataset", "sha256", "it is of another dataset"),
        ("fingerprint", "training", "other code trained it"),
    ):
        if (manifest.get(key) or {}).get(part) != (augmented.get(key) or {}).get(part):
            return reason
    if name != "epochs" and own["epochs"] != usual["epochs"]:
        return (
            f"its runs have {own['epochs']} epochs, those of baseline and augmented "
            f"{usual['epochs']}"
        )
    if name == "tuned" and any(
        own.get(key) != value for key, value in best.get(own["name"], {}).items()
    ):
        return "the search has found other settings since"
    if name == "compare":
        for key in {**usual, **own}:
            if key not in OF_A_POLICY and own.get(key) != usual.get(key):
                return f"its runs have {key} {own.get(key)}, those of augmented {usual.get(key)}"
    if name in ("compare", "tuned"):  # which are about other policies
        return None
    if name in ("ablation", "strength", "grid"):
        same = content.both[1].policy == "default"
    else:
        same = own["policy"] in (None, usual["policy"])
    return None if same else "it is about another policy"


def against(frame: pd.DataFrame, other: str) -> list[str]:
    """Differences and intervals of an `analysis.studies.summary` as text."""
    columns = frame[[f"against_{other}", f"against_{other}_low", f"against_{other}_high"]]
    return [
        "—" if name == other else estimated(*numbers)
        for name, numbers in zip(frame["variant"], columns.to_numpy(), strict=True)
    ]
