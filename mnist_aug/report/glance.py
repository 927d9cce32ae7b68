"""Augmentation at a glance: what the policy does to images, and how much of it."""

from collections.abc import Iterable

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.augment.strengths import strengths
from mnist_aug.report import pictures
from mnist_aug.report.blocks import Section, joined, part
from mnist_aug.report.inputs import Inputs

NO_IMAGES = "The results folder holds no {}: `make evaluate` stores them in samples.npz."


def section(content: Comparison, inputs: Inputs) -> Section:
    """What the policy does to images."""
    return joined("glance", "Augmentation at a glance", _parts(content, inputs))


def _parts(content: Comparison, inputs: Inputs) -> Iterable[Section]:
    yield _augmentation(content, inputs)


def _augmentation(content: Comparison, inputs: Inputs) -> Section:
    title, samples = "What augmentation does to images", inputs.samples
    text, policy = [], content.both[1].settings["policy"]
    if policy and (strong := strengths(policy, min(content.size))):
        size = " by ".join(map(str, content.size))
        text.append(f"Policy {policy['name']} on images of {size} pixels. {' '.join(strong)}")
    if samples is None or not samples["augmented"].shape[1]:
        return part("augmentation", title, [*text, NO_IMAGES.format("augmented images")])
    return part("augmentation", title, text, [pictures.augmented(content, samples)])
