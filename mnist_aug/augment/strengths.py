"""How strong a policy is, from its description: in words, degrees and shares of the image."""

import math
from collections.abc import Iterator
from statistics import NormalDist
from typing import Any

import numpy as np


def class_of(description: dict[str, Any]) -> str:
    """The name of a described transform's class."""
    return str(description.get("__class_fullname__", "")).split(".")[-1]


def displacement(elastic: dict[str, Any], side: int) -> float:
    """The SD in pixels, along each axis, of what `A.ElasticTransform` displaces the middle by.

    The field is white noise, divided by its largest magnitude if normal, times `alpha`, and
    blurred by a Gaussian of `sigma` pixels. So it grows with `alpha`, falls as 1 / `sigma`, and
    falls slowly with the number of pixels. At the edges, where the blur repeats the border's noise,
    it is larger, the more so the larger `sigma`.

    Args:
        elastic: the transform as `describe` has it.
        side: of square images, in pixels.
    """
    sigma = elastic["sigma"]
    reach = 8 if elastic["approximate"] else int(np.rint(sigma * 8 + 1)) // 2  # as OpenCV has it
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    blurred = (weights**2).sum() / weights.sum() ** 2  # the SD's share that is left by both axes
    if elastic["noise_distribution"] == "uniform":
        noise = 1 / math.sqrt(3)
    else:
        count = side * side * (1 if elastic["same_dxdy"] else 2)
        noise = 1 / NormalDist().inv_cdf((1 + 0.5 ** (1 / count)) / 2)  # over the median largest
    return float(elastic["alpha"] * noise * blurred)


def strengths(description: dict[str, Any], side: int = 28) -> list[str]:
    """How strong a policy is, in words, degrees and shares of the image.

    Transforms of a kind share a sentence, which gives the range over all of them. How many images
    a transform is applied to is said of what the pipeline holds directly, and once.

    Args:
        description: the policy as `policy.describe` or a run's manifest has it, or a pipeline.
        side: the shorter side of the images that it is for, in pixels.
    """
    kinds: dict[str, list[dict[str, Any]]] = {}
    pipeline = description.get("pipeline", description)
    for one in _transforms(pipeline):
        kinds.setdefault(class_of(one), []).append(one)
    words = {"Affine": _affine_strength, "RandomBrightnessContrast": _tone_strength}
    lengths = {"ElasticTransform": _elastic_strength, "Morphological": _stroke_strength}
    found, others = [], []
    for kind, own in kinds.items():
        name = f"{kind}{_applied(own, pipeline)}"
        if kind in words:
            found.append(f"{name}: {words[kind](own)}.")
        elif kind in lengths:
            found.append(f"{name}: {lengths[kind](own, side)}.")
        elif kind != "NoOp":
            others.append(kind)
    if others:
        found.append(f"{', '.join(others)}: with their own parameters, in albumentations' units.")
    return found + _methods(description)


def _methods(policy: dict[str, Any]) -> list[str]:
    """What a policy does that albumentations can't say, a sentence for each method."""
    found = []
    if augmix := policy.get("augmix"):
        names = ", ".join(dict.fromkeys(map(class_of, _transforms(augmix["operations"]))))
        depth = " to ".join(map(str, dict.fromkeys(augmix["depth"])))
        found.append(
            f"AugMix: mixes each image with a weighted mean of {augmix['width']} chains of {depth} "
            f"operations ({names}); the chains' weights are drawn from a Dirichlet distribution, "
            f"that of their mean from a Beta distribution, both with alpha {augmix['alpha']:g}"
            + (
                f"; {augmix['jsd']:g} times the Jensen-Shannon divergence between the "
                "predictions for the image and for two such versions of it is added to the loss"
                if augmix["jsd"]
                else ""
            )
            + "."
        )
    both = "mixup" in policy and "cutmix" in policy
    for key, what in (
        (
            "mixup",
            "MixUp: replaces {share} by weighted means with those of another training image; the "
            "weight is drawn from Beta({alpha:g}, {alpha:g})",
        ),
        (
            "cutmix",
            "CutMix: mixes {share} with a box of another training image and its label, by area; "
            "the share outside the box, before it is clipped at the edges, is drawn from "
            "Beta({alpha:g}, {alpha:g})",
        ),
    ):
        if method := policy.get(key):
            share = 100 * method["p"] / (2 if both else 1)
            told = (
                "each image and its label"
                if share == 100
                else f"{share:.3g} % of the images and their labels"
            )
            found.append(what.format(share=told, alpha=method["alpha"]) + ".")
    if share := policy.get("label_smoothing"):
        found.append(
            f"Label smoothing: {100 * share:.3g} % of each label is spread evenly over all classes."
        )
    return found


def _transforms(value: Any) -> Iterator[dict[str, Any]]:
    """The transforms of a description, compositions left out."""
    if isinstance(value, list):
        for part in value:
            yield from _transforms(part)
    elif isinstance(value, dict):
        if "transforms" in value:
            yield from _transforms(value["transforms"])
        elif "__class_fullname__" in value:
            yield value


def _applied(own: list[dict[str, Any]], pipeline: Any) -> str:
    """To how many images the transforms of a kind are applied, in words; "" if all, or unclear."""
    direct = isinstance(pipeline, dict) and class_of(pipeline) == "Compose" and pipeline["p"] == 1
    if len(own) > 1 or not direct or own[0] not in pipeline["transforms"] or own[0]["p"] == 1:
        return ""
    return f", applied to {100 * own[0]['p']:.3g} % of the images"


def _affine_strength(own: list[dict[str, Any]]) -> str:
    def ends(key: str, axis: str | None = None) -> tuple[float, float]:
        values = [one[key][axis] if axis else one[key] for one in own if one.get(key) is not None]
        return min((v[0] for v in values), default=0), max((v[1] for v in values), default=0)

    def both(key: str) -> tuple[float, float]:
        low, high = zip(ends(key, "x"), ends(key, "y"), strict=True)
        return min(low), max(high)

    parts = []
    if any(turn := ends("rotate")):
        parts.append(f"rotates by {_span(*turn, '°')}")
    if (scale := both("scale")) not in ((0, 0), (1, 1)):
        parts.append(f"scales by factors from {scale[0]:.3g} to {scale[1]:.3g}")
    if any(shift := both("translate_percent")):
        parts.append(f"shifts by {_span(100 * shift[0], 100 * shift[1], ' %')} of the side")
    if any(shift := both("translate_px")):
        parts.append(f"shifts by {_span(*shift, ' px')}")
    if any(shear := both("shear")):
        parts.append(f"shears by {_span(*shear, '°')}")
    return ", ".join(parts) or "changes nothing"


def _elastic_strength(own: list[dict[str, Any]], side: int) -> str:
    sizes = sorted(displacement(one, side) for one in own)
    smooth = sorted(one["sigma"] for one in own)
    return (
        "moves each pixel by a random, smoothly varying displacement, typically "
        f"{_range(sizes)} px ({_share(sizes, side)} of the side) along each axis near the centre "
        f"and more at the edges, smoothed over {_range(smooth)} px ({_share(smooth, side)})"
    )


def _stroke_strength(own: list[dict[str, Any]], side: int) -> str:
    added = sorted(size - 1 for one in own for size in one["scale"])
    if not any(added):
        return "changes nothing at this size, as its kernels are whole pixels"
    return f"widens or narrows strokes by {_share(added, side)} of the side ({_range(added)} px)"


def _tone_strength(own: list[dict[str, Any]]) -> str:
    bright, contrast = (
        (min(one[key][0] for one in own), max(one[key][1] for one in own))
        for key in ("brightness_limit", "contrast_limit")
    )
    parts = []
    if any(bright):
        parts.append(
            f"changes brightness by {_span(100 * bright[0], 100 * bright[1], ' %')} of full scale"
        )
    if any(contrast):
        parts.append(f"multiplies by {1 + contrast[0]:.3g} to {1 + contrast[1]:.3g}")
    return ", ".join(parts) or "changes nothing"


def _span(low: float, high: float, unit: str) -> str:
    if low == -high:
        return f"up to {high:.3g}{unit}"
    return f"{low:.3g} to {high:.3g}{unit}".replace("-", "\N{MINUS SIGN}")


def _range(ordered: list[float]) -> str:
    return " to ".join(dict.fromkeys(f"{number:.2g}" for number in (ordered[0], ordered[-1])))


def _share(ordered: list[float], side: int) -> str:
    return f"{_range([100 * number / side for number in ordered])} %"
