"""Limits: what the results do not show, and what was not tested."""

from typing import Any

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.models import CNN, DENSE, name_of
from mnist_aug.analysis.robustness import corruption_sets, shared_sets
from mnist_aug.report import architecture, sentences, studies
from mnist_aug.report.blocks import Section
from mnist_aug.report.inputs import Inputs
from mnist_aug.report.tuned import BOTH_TUNED


def section(content: Comparison, inputs: Inputs) -> Section:
    """What the results do not show."""
    return Section("limits", "Limits", facts(content, inputs))


def facts(content: Comparison, inputs: Inputs) -> dict[str, Any]:
    """What was held fixed, what the CIs leave out, what is missing, and what does not belong."""
    settings = content.both[1].settings
    built = content.both[1].runs[0].manifest.get("architecture")
    runs = inputs.studies.get("tuned")
    tuned = runs is not None and {*BOTH_TUNED} <= {*runs.frame["variant"]}
    first, second = (inputs.evaluated.get("tuned", {}).get(name) for name in BOTH_TUNED)
    missing = [name for name in studies.NAMES if name not in inputs.studies]
    return {
        "optimizer": sentences.optimizer(settings),
        "epochs": settings["epochs"],
        "varied": bool({"tuned", "epochs", "data-efficiency"} & {*inputs.studies}),
        "tuned": tuned,
        "tuned_corrupted": bool(first and second and shared_sets(first, second, "corruption/")),
        "other_models": _other_models(content),
        "fewer": "data-efficiency" in inputs.studies,
        "resampled": "variance" in inputs.studies,
        "written": content.is_written,
        "in_colour": content.in_colour,
        "corrupted": bool(corruption_sets(content)),
        "drawing": architecture.policy_layers(built) if built else [],
        "on_gpu": any("gpu" in manifest.get("device", {}) for manifest in content.manifests),
        "missing": [*([] if inputs.searches else ["tune"]), *missing],
        "left_out": inputs.left_out,
    }


def _other_models(content: Comparison) -> str:
    """The architectures of which the results say nothing."""
    return {DENSE: "convolutional networks", CNN: "dense networks and other architectures"}.get(
        name_of(content.both[1].settings), "other architectures"
    )
