"""Invalid policies, refused before the first image."""

import math
from numbers import Real
from typing import NoReturn

import albumentations as A

from mnist_aug.errors import UserError


def check(t: A.BasicTransform | A.BaseCompose) -> None:
    """Refuse a transform or composition that albumentations let pass and that makes no sense.

    Raises:
        UserError: what is wrong with it.
    """
    name = type(t).__name__

    def refuse(what: str) -> NoReturn:
        raise UserError(f"policy: {name}: {what}")

    if isinstance(t, type):
        raise UserError(f"policy: {t.__name__} is a class: create an instance, {t.__name__}()")
    if not isinstance(t, (A.BasicTransform, A.BaseCompose)):
        raise UserError(
            f"policy: a {name} is not an albumentations transform: give an A.Compose or a transform"
        )
    if isinstance(t, A.Normalize):
        refuse(
            "its values are outside [0, 1], and other transforms would clip them: remove it from "
            "the policy, and normalise the augmented images"
        )
    if not (isinstance(t.p, Real) and 0 <= float(t.p) <= 1):
        refuse(f"p={t.p} is not a probability: take a number from 0 to 1")
    if getattr(t, "processors", None) or getattr(t, "additional_targets", None):
        refuse(
            "bounding boxes, keypoints and additional targets are not images: leave out "
            "bbox_params, keypoint_params and additional_targets"
        )
    if isinstance(t, A.BaseCompose):
        if type(t) in (A.OneOf, A.SomeOf, A.RandomOrder) and not len(t.transforms):
            refuse("has nothing to choose from: give it transforms")
        if type(t) in (A.SomeOf, A.RandomOrder) and not (isinstance(t.n, int) and t.n >= 1):
            refuse(f"n={t.n} must be a whole number of at least 1")
        return
    if t.invalid_args:
        refuse(f"unknown argument {', '.join(t.invalid_args)}: see albumentations' documentation")
    missing = set(t.targets_as_params) - {"image"}
    if missing:
        refuse(
            f"needs {', '.join(sorted(missing))} besides the image, which isn't supported: "
            "remove it"
        )
    for argument, value in t.get_transform_init_args().items():
        if not all(map(math.isfinite, numbers_in(value))):
            refuse(f"{argument}={value} is not finite: give numbers")
    if fault := _fault(t):
        refuse(fault)


def numbers_in(value: object) -> list[float]:
    """All numbers in a number, list, tuple or dict, however deep."""
    if isinstance(value, (list, tuple)):
        return [n for item in value for n in numbers_in(item)]
    if isinstance(value, dict):
        return numbers_in(list(value.values()))
    return [value] if isinstance(value, (int, float)) else []


def _fault(t: A.BasicTransform) -> str | None:
    """What is wrong with the numbers of a vectorised transform, if anything."""
    if isinstance(t, A.Affine):
        for axis, (low, high) in t.scale.items():
            if low <= 0 or high <= 0:
                return f"scale {axis}={low, high} must be above 0"
        for axis, limits in t.shear.items():
            if max(map(abs, limits)) >= 90:
                return f"shear {axis}={limits} must be within 90 degrees"
    if type(t) is A.GaussianBlur and t.sigma_limit[1] == 0:
        return "sigma_limit of 0 alone makes no kernel: take more than 0"
    if type(t) is A.Erasing and t.ratio[1] <= 0:
        return f"ratio={t.ratio} must reach above 0"
    if type(t) is A.CoarseDropout and t.hole_height_range[1] < 1 < t.hole_width_range[1]:
        return "hole_height_range and hole_width_range must both be shares or both be pixels"
    return None
