"""Accuracy on corrupted images, and which corruptions a policy resembles."""

import numpy as np

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.intervals import Difference, compare

RESAMPLES = 2000  # for each of many intervals; moves their ends by some hundredths of a pp
# Which corruption types a policy's transforms resemble; an Affine by the parameters it is given.
RESEMBLES = {
    "Rotate": {"rotate"},
    "SafeRotate": {"rotate"},
    "RandomScale": {"scale"},
    "ShiftScaleRotate": {"translate", "scale", "rotate"},
    "GaussNoise": {"shot_noise", "impulse_noise"},
    "ShotNoise": {"shot_noise", "impulse_noise"},
    "SaltAndPepper": {"shot_noise", "impulse_noise"},
    "MultiplicativeNoise": {"shot_noise", "impulse_noise"},
    "Blur": {"glass_blur", "motion_blur"},
    "GaussianBlur": {"glass_blur", "motion_blur"},
    "MotionBlur": {"glass_blur", "motion_blur"},
    "GlassBlur": {"glass_blur", "motion_blur"},
    "RandomBrightnessContrast": {"brightness", "fog"},
    "ColorJitter": {"brightness", "fog"},
    "RandomFog": {"fog"},
    "Spatter": {"spatter"},
    "InvertImg": {"stripe"},
}
AFFINE = {
    "rotate": "rotate",
    "scale": "scale",
    "translate_percent": "translate",
    "translate_px": "translate",
    "shear": "shear",
}


def corruption_sets(content: Comparison, source: str = "corruption/") -> list[str]:
    """Evaluation sets of that source that both models have, in order of their names."""
    first, second = content.both
    return [name for name in first.scores if name.startswith(source) and name in second.scores]


def trained_on(transform: object) -> set[str]:
    """Corruption types that resemble what a policy does, by the classes of its transforms."""
    if isinstance(transform, list):
        return set().union(*map(trained_on, transform))
    if not isinstance(transform, dict):
        return set()
    name = str(transform.get("__class_fullname__", "")).split(".")[-1]
    if name == "Affine":
        return {corruption for key, corruption in AFFINE.items() if _moves(key, transform.get(key))}
    inner = set().union(*(trained_on(value) for value in transform.values()))
    return inner | RESEMBLES.get(name, set())


def _moves(key: str, value: object) -> bool:
    """Whether an Affine's parameter changes anything."""
    return any(number != (1 if key == "scale" else 0) for number in _numbers(value))


def _numbers(value: object) -> list[float]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [number for part in value for number in _numbers(part)]
    return [value] if isinstance(value, int | float) else []


def overall(content: Comparison, wanted: list[str]) -> Difference:
    """The difference in accuracy over all versions of each test image."""
    first, second = (
        np.mean([one.correct_on(name) for name in wanted], axis=0) for one in content.both
    )
    return compare(first, second, RESAMPLES)
