"""Augmentation at a glance: what the policy does to images, and how much of it."""

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.augment.strengths import strengths
from mnist_aug.report import pictures, slider
from mnist_aug.report.blocks import Section
from mnist_aug.report.inputs import Inputs


def section(content: Comparison, inputs: Inputs) -> Section:
    """What the policy does to images."""
    samples, policy = inputs.samples, content.both[1].settings["policy"]
    drawn = []
    if samples is not None and samples["augmented"].shape[1]:
        drawn.append(pictures.augmented(content, samples))
    if samples is not None and "grid" in samples:
        drawn.append(pictures.transforms(content, samples))
    facts = {
        "policy": policy["name"] if policy else None,
        "does": strengths(policy, min(content.size)) if policy else [],
        "size": content.size,
        "mixes": bool(policy and {"mixup", "cutmix"} & policy.keys()),
        "count": len(samples["original_index"]) if samples else 0,
        "every_class": samples and len(samples["original_index"]) == content.classes,
        "versions": pictures.versions(samples) if samples else 0,
        "slider": slider.load(samples, inputs.studies.get("strength"), content),
    }
    return Section("glance", "Augmentation at a glance", facts, drawn)
