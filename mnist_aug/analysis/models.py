"""Which model results are of, by the settings of its variant."""

from collections.abc import Mapping
from typing import Any

from mnist_aug.results.runs import model_of

DENSE, CNN = "dense", "cnn"  # the built-in ones; all others are named by their file


def name_of(settings: Mapping[str, Any]) -> str:
    """As it is given as MODEL=, without the folder of a user's file."""
    return model_of(settings)["name"]


def label(settings: Mapping[str, Any]) -> str:
    """The model in words that tell two of one name apart: name and start of the digest."""
    model = model_of(settings)
    return model["name"] + (f" ({model['digest'][:8]}…)" if "digest" in model else "")


def unlike(settings: Mapping[str, Any], both: Mapping[str, Any]) -> str | None:
    """Of which models some settings and those of both models are, or None if they are of one."""
    if model_of(settings) == model_of(both):
        return None
    return f"of model {label(settings)}, baseline and augmented of {label(both)}"
