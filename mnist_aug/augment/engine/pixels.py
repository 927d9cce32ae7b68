"""All transforms that change values where they stand."""

import albumentations as A

from mnist_aug.augment.engine import colour, filters, holes, noise, tones

TRANSFORMS = {
    **tones.TRANSFORMS,
    **colour.TRANSFORMS,
    **noise.TRANSFORMS,
    **filters.TRANSFORMS,
    **holes.TRANSFORMS,
}


def needs_albumentations(t: A.BasicTransform) -> bool:
    """Whether a listed transform has a parameter that only albumentations can serve."""
    return any(module.needs_albumentations(t) for module in (colour, noise, tones))
