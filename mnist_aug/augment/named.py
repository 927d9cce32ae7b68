"""Policies that have a name, in albumentations' own words, for 28 by 28 pixels on black."""

import os
from collections.abc import Callable, Sequence
from functools import partial

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it asks the network at import otherwise

import albumentations as A

PARTS = ("rotate", "scale", "translate", "shear", "elastic")


def default(strength: float = 1, parts: Sequence[str] = PARTS) -> A.Compose:
    """Affine, then elastic (Simard, Steinkraus and Platt 2003): small, smooth changes of shape.

    Args:
        strength: factor of every magnitude.
        parts: what to keep of the policy.
    """
    half = {"rotate": 6, "scale": 0.06, "translate": 0.03, "shear": 5, "elastic": 40}
    half = {part: strength * size if part in parts else 0 for part, size in half.items()}
    transforms = []
    if {*parts} - {"elastic"}:
        transforms.append(affine(half["rotate"], half["scale"], half["translate"], half["shear"]))
    if "elastic" in parts:
        transforms.append(A.ElasticTransform(alpha=half["elastic"], sigma=4, p=1))
    return A.Compose(transforms)


def wide(parts: Sequence[str] = ("affine", "elastic", "thickness")) -> A.Compose:
    """Wider and smoother than `default`, with strokes thicker or thinner: for long training.

    Args:
        parts: what to keep of the policy.
    """
    transforms = {
        "affine": affine(rotate=12, scale=0.12, translate=0.04, shear=8),
        "elastic": A.ElasticTransform(alpha=55, sigma=5, p=1),
        "thickness": A.OneOf(
            [
                A.Morphological(scale=(2, 2), operation=operation, p=1)
                for operation in ("dilation", "erosion")
            ],
            p=0.25,
        ),
    }
    return A.Compose([transforms[part] for part in parts])


def affine(rotate: float, scale: float, translate: float, shear: float) -> A.Affine:
    """Up to so many degrees, shares of 1 and of the sides, and degrees, either way.

    Width and height are scaled independently.
    """
    return A.Affine(
        rotate=(-rotate, rotate),
        scale=(1 - scale, 1 + scale),
        translate_percent=(-translate, translate),
        shear={"x": (-shear, shear), "y": (0, 0)},
        p=0.8,
    )


def without(part: str) -> Callable[[], A.Compose]:
    return partial(default, parts=[other for other in PARTS if other != part])


# Both automatic policies draw from these, at their largest magnitude: of what the papers list the
# geometric ones, contrast and brightness, and scaling and elastic distortion, too.
LARGEST = {
    "rotate": 30,
    "shear_x": 17,
    "shear_y": 17,
    "translate_x": 0.14,
    "translate_y": 0.14,
    "scale": 0.2,
    "elastic": 80,
    "contrast": 0.9,
    "brightness": 0.4,
}
LEVELS = 10  # magnitudes go up to this, as in RandAugment's code


def trivial_augment() -> A.Compose:
    """TrivialAugment (Müller and Hutter 2021): one transform an image, of a random magnitude."""
    alphas = [LARGEST["elastic"] * level / LEVELS for level in range(2, LEVELS + 1, 2)]
    return A.Compose(
        [
            A.OneOf(
                [
                    A.NoOp(p=1),
                    *(
                        A.OneOf([_one("elastic", alpha, alpha) for alpha in alphas], p=1)
                        if name == "elastic"
                        else _one(name, -largest, largest)
                        for name, largest in LARGEST.items()
                    ),
                ],
                p=1,
            )
        ]
    )


def rand_augment(count: int, magnitude: float) -> A.Compose:
    """RandAugment (Cubuk, Zoph, Shlens and Le 2020): so many transforms an image, of one magnitude.

    Args:
        count: transforms an image, drawn with replacement.
        magnitude: of all, 0 to `LEVELS`; which way is drawn for each.
    """
    transforms = [A.NoOp(p=1)]
    for name, largest in LARGEST.items():
        size = largest * magnitude / LEVELS
        transforms.append(
            _one(name, size, size)
            if name == "elastic"
            else A.OneOf([_one(name, size, size), _one(name, -size, -size)], p=1)
        )
    return A.Compose([A.SomeOf(transforms, n=count, replace=True, p=1)])


def _one(name: str, low: float, high: float) -> A.BasicTransform:
    """One transform with its magnitude between two values."""
    if name == "elastic":
        return A.ElasticTransform(alpha=high, sigma=4, p=1)
    if name in ("contrast", "brightness"):
        limits = {
            "brightness_limit": (0, 0),
            "contrast_limit": (0, 0),
            f"{name}_limit": (low, high),
        }
        return A.RandomBrightnessContrast(**limits, p=1)
    if name == "rotate":
        return A.Affine(rotate=(low, high), p=1)
    if name == "scale":
        return A.Affine(scale=(1 + low, 1 + high), keep_ratio=True, p=1)
    kind, axis = name.split("_")
    limits = {"x": (0, 0), "y": (0, 0), axis: (low, high)}
    return A.Affine(**{"shear": limits} if kind == "shear" else {"translate_percent": limits}, p=1)


STRENGTHS = (0.25, 0.5, 0.75, 1.5, 2)
AUTOMATIC: dict[str, Callable[[], A.Compose]] = {
    "trivialaugment": trivial_augment,
    **{
        f"randaugment-{count}-{magnitude}": partial(rand_augment, count, magnitude)
        for count in (1, 2)
        for magnitude in (2, 4, 6, 8, 10)
    },
}
NAMED: dict[str, Callable[[], A.Compose]] = {
    "default": default,
    "affine": without("elastic"),
    **{part: partial(default, parts=[part]) for part in PARTS},
    **{f"no-{part}": without(part) for part in PARTS if part != "elastic"},
    **{f"default-{strength}x": partial(default, strength) for strength in (*STRENGTHS, 1.25)},
    "wide": wide,
    "wide-affine": partial(wide, ["affine"]),
    **AUTOMATIC,
}
