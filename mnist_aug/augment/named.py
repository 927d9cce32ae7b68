"""Policies that have a name, in albumentations' own words, for 28 by 28 pixels on black."""

import math
import os
import re
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it asks the network at import otherwise

import albumentations as A

from mnist_aug.errors import UserError

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


def wide(
    strength: float = 1, parts: Sequence[str] = ("affine", "elastic", "thickness")
) -> A.Compose:
    """Wider and smoother than `default`, with strokes thicker or thinner: for long training.

    Args:
        strength: factor of every magnitude but that of strokes.
        parts: what to keep of the policy.
    """
    size = {"rotate": 12, "scale": 0.12, "translate": 0.04, "shear": 8}
    transforms = {
        "affine": affine(**{name: strength * own for name, own in size.items()}),
        "elastic": A.ElasticTransform(alpha=55 * strength, sigma=5, p=1),
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


# AutoAugment's policy for SVHN (Cubuk, Zoph, Mané, Vasudevan and Le 2019, arXiv:1805.09501), as in
# the paper's appendix: two operations each, with probability and magnitude, 0 to `SVHN_LEVELS`.
SVHN: tuple[tuple[tuple[str, float, int], tuple[str, float, int]], ...] = (
    (("ShearX", 0.9, 4), ("Invert", 0.2, 3)),
    (("ShearY", 0.9, 8), ("Invert", 0.7, 5)),
    (("Equalize", 0.6, 5), ("Solarize", 0.6, 6)),
    (("Invert", 0.9, 3), ("Equalize", 0.6, 3)),
    (("Equalize", 0.6, 1), ("Rotate", 0.9, 3)),
    (("ShearX", 0.9, 4), ("AutoContrast", 0.8, 3)),
    (("ShearY", 0.9, 8), ("Invert", 0.4, 5)),
    (("ShearY", 0.9, 5), ("Solarize", 0.2, 6)),
    (("Invert", 0.9, 6), ("AutoContrast", 0.8, 1)),
    (("Equalize", 0.6, 3), ("Rotate", 0.9, 3)),
    (("ShearX", 0.9, 4), ("Solarize", 0.3, 3)),
    (("ShearY", 0.8, 8), ("Invert", 0.7, 4)),
    (("Equalize", 0.9, 5), ("TranslateY", 0.6, 6)),
    (("Invert", 0.9, 4), ("Equalize", 0.6, 7)),
    (("Contrast", 0.3, 3), ("Rotate", 0.8, 4)),
    (("Invert", 0.8, 5), ("TranslateY", 0.0, 2)),
    (("ShearY", 0.7, 6), ("Solarize", 0.4, 8)),
    (("Invert", 0.6, 4), ("Rotate", 0.8, 4)),
    (("ShearY", 0.3, 7), ("TranslateX", 0.9, 3)),
    (("ShearX", 0.1, 6), ("Invert", 0.6, 5)),
    (("Solarize", 0.7, 2), ("TranslateY", 0.6, 7)),
    (("ShearY", 0.8, 4), ("Invert", 0.8, 8)),
    (("ShearX", 0.7, 9), ("TranslateY", 0.8, 3)),
    (("ShearY", 0.8, 5), ("AutoContrast", 0.7, 3)),
    (("ShearX", 0.7, 2), ("Invert", 0.1, 5)),
)
SVHN_LEVELS = 9

# RandAugment's (Cubuk, Zoph, Shlens and Le 2020, arXiv:1909.13719).
OPERATIONS = (
    *("Identity", "AutoContrast", "Equalize", "Rotate", "Solarize", "Color", "Posterize"),
    *("Contrast", "Brightness", "Sharpness", "ShearX", "ShearY", "TranslateX", "TranslateY"),
)


def autoaugment_svhn() -> A.Compose:
    """AutoAugment's policy for SVHN: one of 25 pairs of operations an image, uniformly drawn."""
    return A.Compose(
        [
            A.OneOf(
                [
                    A.Sequential([operation(name, m / SVHN_LEVELS, p) for name, p, m in pair], p=1)
                    for pair in SVHN
                ],
                p=1,
            )
        ]
    )


def rand_augment_of_the_paper(magnitude: float, count: int) -> A.Compose:
    """RandAugment with the paper's 14 operations, drawn uniformly with replacement, in any order.

    Args:
        magnitude: of all operations, 0 to 10; which way is drawn for each.
        count: operations an image.
    """
    operations = [operation(name, magnitude / 10) for name in OPERATIONS]
    return A.Compose([A.RandomOrder(operations, n=count, replace=True, p=1)])


def operation(name: str, share: float, p: float = 1) -> A.BasicTransform | A.BaseCompose:
    """One of AutoAugment's operations, as Pillow does it, but for what docs/methods.md says.

    Args:
        name: as in the paper.
        share: of the largest magnitude, 0 to 1: 0.3 for shear (pixels a row or column), 150 / 331
            of the side, 30 degrees, enhancement by factors of 1 less or more 0.9, 4 of 8 bits
            dropped, all grey levels inverted. Where there are two ways, one is drawn.
        p: its probability.
    """
    match name:
        case "Identity":
            return A.NoOp(p=p)
        case "AutoContrast":
            return A.AutoContrast(cutoff=0, method="pil", p=p)
        case "Equalize":
            return A.Equalize(mode="pil", p=p)
        case "Invert":
            return A.InvertImg(p=p)
        case "Solarize":
            threshold = 256 * (1 - share) / 255
            return A.Solarize((threshold, threshold), p=p) if threshold <= 1 else A.NoOp(p=p)
        case "Posterize":
            bits = 8 - round(4 * share)
            return A.Posterize(bits, p=p) if bits < 8 else A.NoOp(p=p)
    return A.OneOf([_one_way(name, sign * share) for sign in (1, -1)], p=p)


def _one_way(name: str, share: float) -> A.BasicTransform:
    """An operation with a sign: that of `share`, -1 to 1."""
    match name:
        case "Rotate":
            return _one("rotate", 30 * share, 30 * share)
        case "ShearX" | "ShearY":
            degrees = round(math.degrees(math.atan(0.3 * share)), 6)
            return _one(f"shear_{name[-1].lower()}", degrees, degrees)
        case "TranslateX" | "TranslateY":
            shift = round(150 / 331 * share, 6)
            return _one(f"translate_{name[-1].lower()}", shift, shift)
    factor = round(1 + 0.9 * share, 6)
    if name == "Sharpness":
        return _sharpness(factor)
    same = {"brightness": (1, 1), "contrast": (1, 1), "saturation": (1, 1), "hue": (0, 0)}
    parameter = {"Color": "saturation"}.get(name, name.lower())
    return A.ColorJitter(**same | {parameter: (factor, factor)}, p=1)


def _sharpness(factor: float) -> A.BasicTransform:
    """Away from, or towards, the image smoothed by a kernel of 3 by 3, 5 inside, 1 outside, / 13.

    Smoothing is by a Gaussian of 3 by 3 that gives a pixel itself the same weight.
    """
    if factor >= 1:
        alpha = (factor - 1) / 13
        return A.Sharpen(alpha=(alpha, alpha), lightness=(1, 1), method="kernel", p=1)
    middle = math.sqrt(factor + (1 - factor) * 5 / 13)
    sigma = round(math.sqrt(0.5 / math.log(2 * middle / (1 - middle))), 6)
    return A.GaussianBlur(blur_limit=(3, 3), sigma_limit=(sigma, sigma), p=1)


def cutout(share: float = 0.5) -> A.Compose:
    """Cutout (DeVries and Taylor 2017, arXiv:1708.04552): a square of background in every image.

    Its centre is anywhere in the image, so that it may reach over the edges, where it is cut off.

    Args:
        share: of the image's side that the square's is.
    """
    length = round(28 * share)
    return A.Compose(
        [
            A.CropAndPad(px=length // 2, keep_size=False, p=1),
            A.CoarseDropout(
                num_holes_range=(1, 1),
                hole_height_range=(length, length),
                hole_width_range=(length, length),
                p=1,
            ),
            A.CropAndPad(px=-(length // 2), keep_size=False, p=1),
        ]
    )


ERASED = (0.02, 0.3, 0.32, 0.34, 0.36, 0.38, 0.4)  # shares of the image


def random_erasing(probability: float = 0.5) -> A.Compose:
    """Random erasing (Zhong, Zheng, Kang, Li and Yang 2020, arXiv:1708.04896) by random values.

    Of square images the area is uniform between 0.02 and 0.4, and the aspect between 0.3 and 1 /
    0.3, of those that fit, as in the published code; but the aspect is width by height, where the
    paper has height by width. `A.Erasing` draws only areas that fit at any aspect; so the larger
    ones are drawn in slices, each with the aspects that fit its largest area, and as often as the
    area and all aspects that fit.

    Args:
        probability: of an image to be changed.
    """

    def chance(low: float, high: float) -> float:
        if high <= 0.3:
            return (high - low) * (1 / 0.3 - 0.3)
        return math.log(high / low) - (high * high - low * low) / 2

    return A.Compose(
        [
            A.OneOf(
                [
                    A.Erasing((low, high), (high, 1 / high), "random", p=round(weight / total, 6))
                    for (low, high), weight in slices.items()
                ],
                p=probability,
            )
            for slices in [{ends: chance(*ends) for ends in pairwise(ERASED)}]
            for total in [sum(slices.values())]
        ]
    )


def augmix_operations(severity: float = 3) -> list[A.BasicTransform | A.BaseCompose]:
    """Of AugMix's nine operations those that overlap none of the corruptions of MNIST-C.

    Autocontrast, equalize, posterize and solarize, each with a level drawn for every image from
    0.1 to `severity`, of 10, as in google-research/augmix (Hendrycks et al. 2020,
    arXiv:1912.02781).

    Args:
        severity: 1 to 10.

    Raises:
        UserError: it is another.
    """
    if not 1 <= severity <= 10:
        raise UserError(f"AugMix: severity {severity:g} is not from 1 to 10: write augmix:3")
    # Where the bits that are dropped, level * 4 / 10 cut to a whole number, go up by one.
    levels = [0.1, *(level for level in (2.5, 5, 7.5) if level < severity), severity]
    bits = [
        A.Posterize(4 - dropped, p=round((high - low) / (severity - 0.1), 6))
        for dropped, (low, high) in enumerate(pairwise(levels))
    ]
    return [
        A.AutoContrast(cutoff=0, method="pil", p=1),
        A.Equalize(mode="pil", p=1),
        A.OneOf(bits, p=1),
        # Cut to whole numbers the published thresholds, 256 - level * 25.6, invert the same levels.
        A.Solarize(((256 - 25.6 * severity) / 255, (256 - 25.6 * 0.1) / 255), p=1),
    ]


def flip(shift: float = 0) -> A.Compose:
    """Half of the images mirrored left to right, the usual policy for photos (He et al. 2016).

    Args:
        shift: share of the side that all images are shifted by at most, either way along both axes,
            as by a random crop of the image with that much background around it.
    """
    shifted = [A.Affine(translate_percent=(-shift, shift), p=1)] if shift else []
    return A.Compose([A.HorizontalFlip(p=0.5), *shifted])


STRENGTHS = (0.25, 0.5, 0.75, 1.5, 2)
OF_A_PART = (0.5, 1.5, 2)  # strengths of single parts that have a name
NAMED: dict[str, Callable[[], A.Compose]] = {
    "default": default,
    "affine": without("elastic"),
    **{part: partial(default, parts=[part]) for part in PARTS},
    **{f"no-{part}": without(part) for part in PARTS if part != "elastic"},
    **{f"default-{strength}x": partial(default, strength) for strength in (*STRENGTHS, 1.25)},
    **{
        f"{part}-{strength}x": partial(default, strength, [part])
        for part in PARTS
        for strength in OF_A_PART
    },
    "flip": flip,
    "flip-crop": partial(flip, 1 / 8),
    "wide": wide,
    "wide-1.25x": partial(wide, 1.25),
    "wide-affine": partial(wide, parts=["affine"]),
    "trivialaugment": trivial_augment,
    **{
        f"randaugment-{count}-{magnitude}": partial(rand_augment, count, magnitude)
        for count in (1, 2)
        for magnitude in (2, 4, 6, 8, 10)
    },
    "autoaugment-svhn": autoaugment_svhn,
    "rand-m6-n2": partial(rand_augment_of_the_paper, 6, 2),
    "cutout": cutout,
    "random-erasing": random_erasing,
}


def pipeline(name: str) -> A.Compose | None:
    """The pipeline of that name, with its parameters; None where no pipeline is called so.

    Args:
        name: one of `NAMED`, `cutout:0.5` (the square's side as a share of the image's),
            `random-erasing:0.5` (its probability), or `rand-m6-n2`: RandAugment's magnitude, 0 to
            10, and number of operations, as timm writes it (those left out are its 10 and 2).

    Raises:
        UserError: a parameter makes no sense.
    """
    if name in NAMED:
        return NAMED[name]()
    if name.endswith((".yaml", ".yml", ".json")):
        return None
    kind, colon, parameter = name.partition(":")
    if colon and kind == "cutout":
        return cutout(_share(name, parameter, "the square's side", 0.05))
    if colon and kind == "random-erasing":
        return random_erasing(_share(name, parameter, "the probability", 0.01))
    if name == "rand" or name.startswith("rand-"):
        return rand_augment_of_the_paper(*_timm(name))
    return None


def _share(name: str, parameter: str, what: str, least: float) -> float:
    if not (re.fullmatch(NUMBER, parameter) and least <= float(parameter) <= 1):
        raise UserError(
            f"policy {name!r}: {what} must be from {least} to 1: write {name.partition(':')[0]}:0.5"
        )
    return float(parameter)


NUMBER = r"[0-9]*\.?[0-9]+"
ALWAYS = {"inc": 1, "p": 1, "mstd": 0}  # settings of timm's that are so here


def _timm(name: str) -> tuple[float, int]:
    """Magnitude and count of a name as timm writes it."""
    numbers = {"m": 10.0, "n": 2.0}
    for part in name.split("-")[1:]:
        found = re.fullmatch(f"([a-z]+)({NUMBER})", part)
        key, number = (found[1], float(found[2])) if found else ("", 0.0)
        if key in numbers and len(re.findall(f"-{key}[0-9.]", name)) == 1:
            numbers[key] = number
        elif ALWAYS.get(key) != number:
            raise UserError(
                f"policy {name!r}: {part!r} is not understood: only the magnitude, m0 to m10, and "
                "the number of operations, n1 to n10, can be set: write rand-m6-n2"
            )
    magnitude, count = numbers["m"], int(numbers["n"])
    if not (magnitude <= 10 and 1 <= count <= 10 and count == numbers["n"]):
        raise UserError(
            f"policy {name!r}: the magnitude must be from m0 to m10, the number of operations from "
            "n1 to n10: write rand-m6-n2"
        )
    return magnitude, count
