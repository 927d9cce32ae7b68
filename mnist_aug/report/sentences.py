"""Sentences that several parts of the report share."""

from collections.abc import Mapping
from typing import Any

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.report import architecture
from mnist_aug.results.runs import BOTH, VariantResults

NO_CONCLUSION = (  # in the place of those of a study
    "No conclusions are drawn from these numbers, as not both models are better than guessing on "
    "the test images."
)


def closed(text: str) -> str:
    """A sentence with its full stop."""
    return text if text[-1:] in ".!?" else f"{text}."


def subtitle(content: Comparison) -> str:
    """What was trained on what; a sentence for each model when they differ in it."""
    first, second = (_trained(variant) for variant in content.both)
    if first == second:
        return first
    return " ".join(f"{model}: {text}" for model, text in zip(BOTH, (first, second), strict=True))


def optimizer(settings: Mapping[str, Any]) -> str:
    """Of a variant's settings, as publications write it; of others than Adam, as Keras does."""
    return {"adam": "Adam"}.get(settings["optimizer"], settings["optimizer"])


def _trained(variant: VariantResults) -> str:
    settings, manifest = variant.settings, variant.runs[0].manifest
    epochs, dataset = settings["epochs"], manifest["dataset"]
    shape = " \N{MULTIPLICATION SIGN} ".join(map(str, dataset["image_shape"][:2]))
    colour = " in colour" if len(dataset["image_shape"]) == 3 else ""
    return (
        f"{architecture.heading(settings)}, {manifest['parameters']:,} parameters, "
        f"{optimizer(settings)}, {epochs} epoch{'s' if epochs != 1 else ''}, trained on "
        f"{dataset['train']:,} images of {shape} pixels{colour}."
    )
