"""Test-time augmentation: a prediction is the mean over an image and augmented views of it.

Krizhevsky et al. (2012) average over ten crops and reflections; here a policy makes the views, as
many as wanted. The mean can also lose what the image alone would have got right (Shanmugam et al.
2021), so it is scored next to the plain prediction of the same run.

A view is a pure function of the run's seed, its own number and the image's index, so batches,
processes and order can't change it. Runs of one seed see the same views.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mnist_aug.augment import policy as policies
from mnist_aug.augment.batches import Engine, ImageByImageWarning
from mnist_aug.errors import UserError

Description = dict[str, Any]  # a policy as manifests have it, with its name


@dataclass(frozen=True)
class Views:
    """How many views of each image are made, and by what.

    Attributes:
        count: views of each image, next to the image itself; at least 1.
        policy: as manifests have it. What it does to an image alone is done, label mixing is not.
    """

    count: int
    policy: Description

    def engine(self) -> Engine:
        """What makes the views."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ImageByImageWarning)  # training has warned
            engine = policies.described(self.policy).engine()
        assert engine is not None, "the policy changes no image"
        return engine


def chosen(count: int, variants: Mapping[str, Description | None]) -> Views:
    """Views by the first policy that changes images; runs without one are given the same views.

    Args:
        count: views of each image.
        variants: the policy of each variant that is evaluated, by its name.

    Raises:
        UserError: none of the policies changes an image.
    """
    given = [policy for policy in variants.values() if policy]
    for policy in given:
        if policies.described(policy).changes_images:
            return Views(count, policy)
    if given:
        name = given[0]["name"]
        raise UserError(
            f"TTA (--tta) needs a policy that changes images, and {name} changes none by itself: "
            "add one that does, as in POLICY=default+mixup, or leave TTA out"
        )
    raise UserError(
        f"TTA (--tta) needs a policy that changes images, and {', '.join(variants)} has none: "
        "evaluate augmented as well, whose policy makes the views, or leave TTA out"
    )


def made(engine: Engine, images: np.ndarray, seed: int, view: int, first: int = 0) -> np.ndarray:
    """A view of each image.

    Args:
        engine: of `Views`.
        images: uint8 `[N, H, W]` or `[N, H, W, 3]`.
        seed: the run's.
        view: its number, from 0. Its epoch in the engine's key is -1 - `view`: training counts
            from 0, so no view draws what a training image drew.
        first: the index of the first image; the others follow.

    Returns:
        uint8, of the same shape.
    """
    return engine(images, (seed, -1 - view, first))
