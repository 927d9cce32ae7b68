"""A policy, run on whole batches.

    import albumentations as A
    import numpy as np
    import mnist_aug

    policy = A.Compose([A.HorizontalFlip(p=0.5), A.Affine(rotate=(-15, 15), p=0.8),
                        A.CoarseDropout(p=0.3)])
    engine = mnist_aug.vectorize(policy)
    images = np.random.default_rng(0).integers(0, 256, (1000, 32, 32, 3), dtype=np.uint8)
    augmented = engine(images, (1, 0, 0))           # seed 1, epoch 0, the first image is number 0
    print(augmented.shape, augmented.dtype)         # (1000, 32, 32, 3) uint8
    print(engine.replay((1, 0, 7), (32, 32, 3)))    # what image 7 drew

Loops compiled by numba do the work, not TensorFlow graph operations: docs/engine.md has the
measurement of both. Augmented uint8 images are the same bytes on every processor.
"""

import os
from typing import TYPE_CHECKING

from mnist_aug.augment.batches import Engine, engine_of
from mnist_aug.errors import UserError

if (
    TYPE_CHECKING
):  # what follows is imported when it is used, so that `import mnist_aug` stays light
    import albumentations as A

    from mnist_aug.augment.policy import Policy


def vectorize(
    policy_or_path: "A.BaseCompose | A.BasicTransform | Policy | str | os.PathLike[str]",
) -> Engine:
    """The engine of a policy.

    Args:
        policy_or_path: an `A.Compose` or other composition, one transform, or what
            `augment.policy.load` takes or gives: the path of a saved policy, or a name, for
            images of 28 by 28 pixels on black; `load` fits it to others. The policy is copied,
            its `seed` not used.

    Raises:
        UserError: a parameter makes no sense, or the policy is for more than images: one that
            mixes images or labels needs `augment.mixing.Mixer`.

    Warns:
        ImageByImageWarning: once, naming the transforms that run image by image.
    """
    from mnist_aug.augment import policy

    wanted = policy_or_path
    if isinstance(wanted, (str, os.PathLike)):
        wanted = policy.load(os.fspath(wanted))
    augmix = None
    if isinstance(wanted, policy.Policy):
        if wanted.soft_labels:
            raise UserError(
                f"policy {wanted.name} changes labels, too, which an engine of images can't: use "
                "mnist_aug.augment.mixing.Mixer(policy, images, labels, classes)"
            )
        wanted, augmix = wanted.pipeline, wanted.augmix
    return engine_of(wanted, augmix, stacklevel=2)
