"""The sentences of a report that hold numbers, each computed from the results."""

import numpy as np

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.report import architecture
from mnist_aug.results.runs import BOTH, VariantResults

NO_CONCLUSION = (  # in the place of those of a study
    "No conclusions are drawn from these numbers, as not both models learned to tell the classes "
    "apart."
)


def concluded(content: Comparison, *text: str) -> list[str]:
    """Sentences that say what numbers mean; where there is no verdict, that they mean nothing."""
    if content.difference.outcome == "no verdict":
        return [NO_CONCLUSION]
    return list(text)


def closed(text: str) -> str:
    """A sentence with its full stop."""
    return text if text[-1:] in ".!?" else f"{text}."


def subtitle(content: Comparison) -> str:
    """What was trained on what; a sentence for each model when they differ in it."""
    first, second = (_trained(variant) for variant in content.both)
    if first == second:
        return first
    return " ".join(f"{model}: {text}" for model, text in zip(BOTH, (first, second), strict=True))


def _trained(variant: VariantResults) -> str:
    settings, manifest = variant.settings, variant.runs[0].manifest
    epochs, dataset = settings["epochs"], manifest["dataset"]
    shape = " \N{MULTIPLICATION SIGN} ".join(map(str, dataset["image_shape"][:2]))
    colour = " in colour" if len(dataset["image_shape"]) == 3 else ""
    return (
        f"{architecture.heading(settings)}, {manifest['parameters']:,} parameters, "
        f"{settings['optimizer']}, {epochs} epoch{'s' if epochs != 1 else ''}, trained on "
        f"{dataset['train']:,} images of {shape} pixels{colour}."
    )


def changed_images(gain: np.ndarray) -> str:
    """How many test images more, fewer and as many seeds read right; gain float [N]."""
    better, worse = int((gain > 0).sum()), int((gain < 0).sum())
    return (
        f"Of {len(gain):,} test images, {BOTH[1]} reads {better:,} right in more seeds than "
        f"{BOTH[0]} does, {worse:,} in fewer, and {len(gain) - better - worse:,} in as many."
    )


def choice(count: int, total: int, what: str) -> str:
    """How the images of a gallery were chosen; what is "gain" or "loss"."""
    if total == 1:
        return f"The only image with a {what} in seeds that read it right."
    if count == total:
        return (
            f"All {total} images with a {what} in seeds that read them right, the largest "
            "first; ties by image number."
        )
    return (
        f"The {count} of {total:,} images with the largest {what} in seeds that read them "
        "right; ties by image number."
    )
