"""What policies of older albumentations mean in 2.0.8.

The tables were made from the sources of all its releases, 0.1.1 to 2.0.8 (MIT licence): arguments
that were renamed or joined, defaults that changed, transforms that went. Where 2.0.8 does the same
under the same name, nothing is said; where it does the same under another, the description is
rewritten and a line says how; where it can't, the error names what to write instead.
"""

import math
from collections.abc import Callable, Iterator
from inspect import Parameter
from typing import Any

import albumentations as A

from mnist_aug.augment.saved import Description, arguments_of, short_name

Version = tuple[int, ...]
CURRENT: Version = (2, 0, 8)
ASSUMED: Version = (1, 3, 1)  # of a file that doesn't say, and has arguments that have gone

# Arguments that have another name now, wherever 2.0.8 has the new one and not the old.
RENAMED = {
    "value": "fill",
    "fill_value": "fill",
    "image_fill_value": "fill",
    "cval": "fill",
    "pad_val": "fill",
    "pad_cval": "fill",
    "mask_value": "fill_mask",
    "mask_fill_value": "fill_mask",
    "cval_mask": "fill_mask",
    "mask_pad_val": "fill_mask",
    "pad_cval_mask": "fill_mask",
    "mode": "border_mode",
    "pad_mode": "border_mode",
    "sigmaX_limit": "sigma_x_limit",
    "sigmaY_limit": "sigma_y_limit",
    "cropping_box_key": "cropping_bbox_key",
    "method": "rotate_method",
}
# Two arguments that are one now: (lower, upper) or (first, second).
JOINED = {
    "size": ("height", "width"),
    "num_holes_range": ("min_holes", "max_holes"),
    "hole_height_range": ("min_height", "max_height"),
    "hole_width_range": ("min_width", "max_width"),
    "unit_size_range": ("unit_size_min", "unit_size_max"),
    "holes_number_xy": ("holes_number_y", "holes_number_x"),  # 2.0.8 takes the rows first
    "shift_xy": ("shift_x", "shift_y"),
    "quality_range": ("quality_lower", "quality_upper"),
    "scale_range": ("scale_min", "scale_max"),
    "fog_coef_range": ("fog_coef_lower", "fog_coef_upper"),
    "slant_range": ("slant_lower", "slant_upper"),
    "snow_point_range": ("snow_point_lower", "snow_point_upper"),
    "angle_range": ("angle_lower", "angle_upper"),
    "num_flare_circles_range": ("num_flare_circles_lower", "num_flare_circles_upper"),
    "num_shadows_limit": ("num_shadows_lower", "num_shadows_upper"),
}
# Arguments of which a single number v meant [v, v] before 1.4.4, where 2.0.8 takes it for [0, v].
FIXED = {
    "MultiplicativeNoise": {"multiplier"},
    "PiecewiseAffine": {"scale"},
    "Spatter": {"mean", "std", "gauss_sigma", "cutout_threshold", "intensity"},
    "Superpixels": {"p_replace", "n_segments"},
}
# Arguments that did nothing to images.
IDLE = {
    "RandomGamma": {"eps"},
    "PiecewiseAffine": {"keypoints_threshold"},
    "Compose": {"return_params", "save_key"},
}

# What an argument was where a file doesn't state it, before the version given; in order.
History = list[tuple[Version, Any]]
_REFLECTED: History = [((2, 0, 0), 4)]
_REFLECTED_THEN_CONSTANT: History = [((1, 4, 22), 4)]
DEFAULTS: dict[str, dict[str, History]] = {
    "CoarseDropout": {
        "max_holes": [((1, 4, 5), 8)],
        "max_height": [((1, 4, 5), 8)],
        "max_width": [((1, 4, 5), 8)],
        "num_holes_range": [((1, 4, 5), [8, 8]), ((2, 0, 0), [1, 1])],
        "hole_height_range": [((2, 0, 0), [8, 8])],
        "hole_width_range": [((2, 0, 0), [8, 8])],
    },
    "ColorJitter": {
        "hue": [((1, 4, 4), [-0.2, 0.2])],
        **{
            name: [((1, 4, 4), [0.8, 1.2]), ((1, 4, 15), [0.8, 1])]
            for name in ("brightness", "contrast", "saturation")
        },
    },
    "Cutout": {
        "num_holes": [(CURRENT, 8)],
        "max_h_size": [(CURRENT, 8)],
        "max_w_size": [(CURRENT, 8)],
    },
    "Downscale": {"scale_min": [((1, 4, 6), 0.25)], "scale_max": [((1, 4, 6), 0.25)]},
    "ElasticTransform": {
        "alpha": [((1, 4, 12), 1), ((1, 4, 18), 3)],
        "alpha_affine": [((1, 4, 12), 50)],
        "border_mode": _REFLECTED_THEN_CONSTANT,
        "noise_distribution": [((1, 4, 22), "uniform")],
    },
    "FromFloat": {"dtype": [((1, 4, 15), "uint16")]},
    "GaussianBlur": {
        "blur_limit": [((0, 5, 0), [3, 7]), ((2, 0, 1), [3, 7])],
        "sigma_limit": [((2, 0, 1), 0)],
    },
    "GaussNoise": {"var_limit": [((1, 4, 22), [10, 50])]},
    "GridDistortion": {
        "border_mode": _REFLECTED_THEN_CONSTANT,
        "normalized": [((1, 4, 18), False)],
    },
    "GridDropout": {"random_offset": [((1, 4, 18), False)]},
    "IAAAdditiveGaussianNoise": {
        "scale": [(CURRENT, [2.55, 12.75])],
        "per_channel": [(CURRENT, False)],
    },
    "ImageCompression": {"quality_lower": [((1, 4, 7), 99)], "quality_upper": [((1, 4, 7), 100)]},
    "JpegCompression": {"quality_lower": [(CURRENT, 99)], "quality_upper": [(CURRENT, 100)]},
    "LongestMaxSize": {"max_size": [((2, 0, 1), 1024)]},
    "OpticalDistortion": {"border_mode": _REFLECTED_THEN_CONSTANT},
    "PadIfNeeded": {"border_mode": _REFLECTED},
    "RandomFog": {"fog_coef_lower": [((1, 4, 9), 0.3)], "fog_coef_upper": [((1, 4, 9), 1)]},
    "RandomGridShuffle": {"p": [((0, 4, 6), 1)]},
    "RandomRain": {
        "slant_lower": [((1, 4, 8), -10)],
        "slant_upper": [((1, 4, 8), 10)],
        "drop_length": [((2, 0, 6), 20)],
    },
    "RandomRotate90": {"p": [((2, 0, 0), 0.5)]},
    "RandomShadow": {
        "num_shadows_lower": [((1, 4, 4), 1)],
        "num_shadows_upper": [((1, 4, 4), 2)],
    },
    "RandomSnow": {
        "snow_point_lower": [((1, 4, 8), 0.1)],
        "snow_point_upper": [((1, 4, 8), 0.3)],
    },
    "RandomSunFlare": {
        "angle_lower": [((1, 4, 11), 0)],
        "angle_upper": [((1, 4, 11), 1)],
        "num_flare_circles_lower": [((1, 4, 11), 6)],
        "num_flare_circles_upper": [((1, 4, 11), 10)],
    },
    "Rotate": {"border_mode": _REFLECTED},
    "SafeRotate": {"border_mode": _REFLECTED},
    "ShiftScaleRotate": {"border_mode": _REFLECTED},
    "SmallestMaxSize": {"max_size": [((2, 0, 1), 1024)]},
    "SomeOf": {"replace": [((1, 4, 19), True)]},
    "Superpixels": {"p_replace": [((1, 4, 4), [0.1, 0.1])]},
}

# Other arguments that went; functions below say what became of them.
GONE = {
    "Downscale": {"interpolation"},
    "ElasticTransform": {"alpha_affine"},
    "GaussNoise": {"var_limit", "mean"},
    "OpticalDistortion": {"shift_limit"},
    "Solarize": {"threshold"},
}
# Transforms that another one of 2.0.8 does exactly: (the other, arguments by their new names,
# arguments to add).
REPLACED: dict[str, tuple[str, dict[str, str], Description]] = {
    "Cutout": (
        "CoarseDropout",
        {"num_holes": "max_holes", "max_h_size": "max_height", "max_w_size": "max_width"},
        {},
    ),
    "IAAAdditiveGaussianNoise": ("GaussNoise", {}, {}),
    "IAAEmboss": ("Emboss", {}, {}),
    "IAAFliplr": ("HorizontalFlip", {}, {}),
    "IAAFlipud": ("VerticalFlip", {}, {}),
    "IAAPerspective": ("Perspective", {}, {}),
    "IAAPiecewiseAffine": ("PiecewiseAffine", {"order": "interpolation"}, {}),
    "IAASharpen": ("Sharpen", {}, {}),
    "IAASuperpixels": ("Superpixels", {}, {}),
    "JpegCompression": ("ImageCompression", {}, {"compression_type": "jpeg"}),
    "RandomBrightness": (
        "RandomBrightnessContrast",
        {"limit": "brightness_limit"},
        {"contrast_limit": [0, 0]},
    ),
    "RandomContrast": (
        "RandomBrightnessContrast",
        {"limit": "contrast_limit"},
        {"brightness_limit": [0, 0]},
    ),
}
# Transforms that 2.0.8 hasn't, and what to write instead.
INSTEAD = {
    "IAAAffine": "write Affine, which draws the shifts of the two axes independently",
    "IAACropAndPad": "write CropAndPad",
    "MixUp": "leave it out, as it needs other images",
    "PerChannel": "write SelectiveChannelTransform, which does the same to all of its channels",
}
TO_TENSOR = {"ToTensor", "ToTensorV2", "ToTensor3D"}
# What is left out at the end of a pipeline.
PREPARATION = {
    **dict.fromkeys(TO_TENSOR, "as images stay NumPy arrays"),
    "Normalize": "as networks here get images in [0, 1]",
}


def translated(description: Description, written_by: str | None) -> tuple[Description, list[str]]:
    """The description in 2.0.8's words, and what was changed for it.

    Args:
        description: an outermost transform, as a dict of `__class_fullname__` and arguments.
        written_by: albumentations' version as the file gives it; None if it doesn't.

    Returns:
        The description; a line for each kind of transform that is not taken word for word.

    Raises:
        ValueError: 2.0.8 has no equivalent; the message names transform, argument and remedy.
    """
    said: dict[str, None] = {}  # each line once, in order
    version = _version(written_by)
    if version is None and _has_gone(description):
        version = ASSUMED
        said["no __version__, but arguments that 2.0.8 lacks: read as albumentations 1.3.1"] = None
    if version is not None and version > CURRENT:
        said[f"written by albumentations {written_by}: read as 2.0.8"] = None
    if version is None or version < CURRENT:
        description = _translated(description, version, said)
    _say_unsaved(description, said)
    return _without_preparation(description, said), [*said]


def _say_unsaved(node: Description, said: dict[str, None]) -> None:
    if short_name(node) == "SelectiveChannelTransform" and "channels" not in node:
        said[
            "SelectiveChannelTransform: albumentations doesn't save its channels: using its "
            "default, [0, 1, 2]"
        ] = None
    inside = node.get("transforms")
    for one in inside if isinstance(inside, list) else []:
        _say_unsaved(one, said)


def _version(written: str | None) -> Version | None:
    if written is None:
        return None
    try:
        return tuple(int(part) for part in written.split(".")[:3])
    except ValueError:
        raise ValueError(f"__version__={written[:40]!r} is not a version such as 2.0.8") from None


def _has_gone(node: Description) -> bool:
    """Whether a description has transforms or arguments that 2.0.8 hasn't."""
    name = short_name(node)
    if name in {*REPLACED, *REBUILT} - {*dir(A)} or name in INSTEAD:
        return True
    if name in TO_TENSOR:
        return False
    gone = {"always_apply", *RENAMED, *(old for pair in JOINED.values() for old in pair)}
    gone |= IDLE.get(name, set()) | GONE.get(name, set())
    inside = node.get("transforms")
    return bool((node.keys() & gone) - arguments_of(name).keys()) or (
        isinstance(inside, list) and any(map(_has_gone, inside))
    )


def _translated(
    node: Description, version: Version | None, said: dict[str, None], chosen: bool = False
) -> Description:
    """A node and all in it; `chosen` if its parent applies it whatever its p."""
    old_name = name = short_name(node)
    if name in TO_TENSOR:
        return node
    if name in INSTEAD:
        raise ValueError(f"{name}: albumentations 2.0.8 lacks it: {INSTEAD[name]}")
    given = {key: value for key, value in node.items() if key != "__class_fullname__"}
    changes = [*_with_defaults(name, given, version)]
    if version is not None:
        try:
            changes += _with_p(given, chosen)
            if not (chosen and name == "Sequential"):  # whose p is its weight there
                changes += _rewritten(name, given, version)
            if name in REPLACED:
                name, names, more = REPLACED[name]
                given = {names.get(key, key): value for key, value in given.items()} | more
                changes.insert(0, f"now {name}")
                changes += _rewritten(name, given, version)
            if name not in REBUILT or hasattr(A, name):
                changes += _with_new_names(name, given, version)
        except Exception as error:  # arguments may be anything
            raise ValueError(f"{old_name}: {error}") from None
    inside = given.get("transforms")
    if isinstance(inside, list):
        always = [one for one in inside if isinstance(one, dict) and one.get("always_apply")]
        if version is not None and always and name == "Compose" and given.get("p", 1) != 1:
            raise ValueError(
                f"Compose: {short_name(always[0])} has always_apply, and was done even where this "
                f"Compose, p={given['p']}, was not: move it out of the Compose, or set p to 1"
            )
        forces = name in ("OneOf", "OneOrOther", "SomeOf", "RandomOrder")
        given["transforms"] = [_translated(one, version, said, forces) for one in inside]
    if version is not None and name in REBUILT and version < REBUILT[name][0]:
        try:
            name, given, change = REBUILT[name][1](given, version)
        except Exception as error:  # arguments may be anything
            raise ValueError(f"{old_name}: {error}") from None
        changes += change
    for one in dict.fromkeys((old_name, name)):
        if version is not None and one in DIFFERENT and version < DIFFERENT[one][0]:
            changes.append(DIFFERENT[one][1])
            break
    if changes:
        said[f"{old_name}: {'; '.join(changes)}"] = None
    return {"__class_fullname__": name} | given


def _with_defaults(name: str, given: Description, version: Version | None) -> Iterator[str]:
    """State the defaults of that version which have changed since."""
    for argument, history in DEFAULTS.get(name, {}).items():
        if argument in given or RENAMED.get(argument) in given:
            continue
        if given.keys() & {*JOINED.get(argument, ())}:
            continue
        pair = next((pair for pair in JOINED.values() if argument in pair), None)
        if pair and not given.keys() & {*pair}:  # of both together the default is the same
            continue
        if version is None:
            if parameter := arguments_of(name).get(argument):
                (*_, (before, default)) = history
                yield (
                    f"{argument} is not given: using 2.0.8's default, {parameter.default} "
                    f"(it was {default} before {_dotted(before)})"
                )
            continue
        for before, default in history:
            if version < before:
                given[argument] = default
                if default is not None and before is not CURRENT:
                    yield f"{argument}={default}, the default before {_dotted(before)}"
                break


def _dotted(version: Version) -> str:
    return ".".join(map(str, version))


def _rewritten(name: str, given: Description, version: Version) -> Iterator[str]:
    for (since, before), rewrite in REWRITTEN.get(name, ()):
        if since <= version < before:
            yield from rewrite(given)


def _with_p(given: Description, chosen: bool) -> Iterator[str]:
    if given.pop("always_apply", False) and not chosen and given.get("p") != 1:
        given["p"] = 1
        yield "always_apply is now p=1"


def _with_new_names(name: str, given: Description, version: Version) -> Iterator[str]:
    """Rename, join and drop arguments, so that those of 2.0.8 are left."""
    accepted = arguments_of(name)
    for joined, (first, second) in JOINED.items():
        if joined not in accepted or not given.keys() & {first, second} or first in accepted:
            continue
        low, high = given.pop(first, None), given.pop(second, None)
        if low is None and name == "CoarseDropout":
            low = high
        if low is None and high is None:
            continue
        if low is None or high is None:
            raise ValueError(f"{first}={low}, {second}={high}: give both")
        given[joined] = [low, high]
        yield f"{first} and {second} are now {joined}"
    for old in [key for key in given if key not in accepted]:
        new = RENAMED.get(old, "")
        value = given.pop(old)
        if old in IDLE.get(name, ()) or value is None:
            continue
        if new in accepted:
            given[new] = value
            yield f"{old} is now {new}"
        else:
            given[old] = value  # refused, or found to follow from the others, when it is built
    for argument in [key for key, value in given.items() if value is None]:
        if accepted[argument].default not in (None, Parameter.empty):
            del given[argument]
    for argument in FIXED.get(name, ()):
        if version < (1, 4, 4) and isinstance(given.get(argument), (int, float)):
            given[argument] = [given[argument]] * 2


def _pair(value: Any, low: float | None = None) -> list:
    """Two limits; of a single number, from its negative or from `low`."""
    return list(value) if isinstance(value, list) else [-value if low is None else low, value]


def _affine(given: Description) -> Iterator[str]:
    drawn = ("scale", "translate_percent", "translate_px", "rotate", "shear")
    if all(given.get(argument) is None for argument in drawn):
        given |= {"scale": [0.9, 1.1], "translate_percent": [-0.1, 0.1]}
        given |= {"rotate": [-15, 15], "shear": [-10, 10]}
        yield "what Affine without arguments did before 1.4.22 is stated"


def _turned_x_shear(given: Description) -> Iterator[str]:
    """Before 1.4.20 a positive x-shear went the other way; even limits don't show it."""
    shear = given.get("shear")
    x = shear.get("x") if isinstance(shear, dict) else shear
    if x is None or (isinstance(x, list) and x[0] == -x[1]) or x == 0:
        return
    turned = [-x[1], -x[0]] if isinstance(x, list) else -x
    given["shear"] = {"x": turned, "y": shear.get("y", 1) if isinstance(shear, dict) else shear}
    yield f"shear={given['shear']}, as positive x-shear went the other way"


def _downscale(given: Description) -> Iterator[str]:
    if "interpolation_pair" in given:
        return
    wanted = given.pop("interpolation", None)
    if isinstance(wanted, int):
        wanted = {"upscale": wanted, "downscale": wanted}
    if wanted is not None:
        given["interpolation_pair"] = wanted
        yield f"interpolation is now interpolation_pair={wanted}"


def _elastic(given: Description) -> Iterator[str]:
    if wanted := given.pop("alpha_affine", None):
        raise ValueError(
            f"alpha_affine={wanted} has no equivalent in albumentations 2.0.8: write "
            "alpha_affine: 0 and, if shifts, turns and shears are wanted, an Affine before it"
        )
    yield from ()


def _unread_border(given: Description) -> Iterator[str]:
    """Between 1.4.22 and 2.0.5 distortions filled with zeros, whatever they were given."""
    for argument in ("border_mode", "value", "mask_value"):
        given.pop(argument, None)
    yield from ()


def _gauss_noise(given: Description) -> Iterator[str]:
    limits, mean = given.pop("var_limit", None), given.pop("mean", None) or 0
    if "std_range" in given or limits is None:  # versions that had both wrote what they used
        return
    low, high = _pair(limits, 0)
    if low < 0:
        raise ValueError(f"var_limit={limits} is below 0: write variances")
    largest = 255 if high > 1 else 1
    given["std_range"] = [math.sqrt(low) / largest, math.sqrt(high) / largest]
    given["mean_range"] = [mean / largest] * 2
    yield (
        f"var_limit={limits} is now std_range={_rounded(given['std_range'])}, for images "
        f"{'up to 255' if largest == 255 else 'in [0, 1]'}; the standard deviation is drawn "
        "evenly, not the variance"
    )


def _iaa_noise(given: Description) -> Iterator[str]:
    """imgaug's noise: mean and standard deviation in grey levels."""
    scale, mean = given.pop("scale"), given.pop("loc", None) or 0
    given["std_range"] = [one / 255 for one in _pair(scale, 0)]
    given["mean_range"] = [mean / 255] * 2
    yield f"scale={scale} is now std_range={_rounded(given['std_range'])}"


def _iaa_order(given: Description) -> Iterator[str]:
    """skimage's order of interpolation as OpenCV's."""
    orders = {0: 0, 1: 1, 3: 2}
    if given.get("order", 1) not in orders:
        raise ValueError(f"order={given['order']} has no equivalent in 2.0.8: write 0, 1 or 3")
    given["order"] = orders[given.get("order", 1)]
    yield from ()


def _rounded(values: list[float]) -> list[float]:
    return [round(value, 4) for value in values]


def _image_compression(given: Description) -> Iterator[str]:
    kinds = {0: "jpeg", 1: "webp"}
    given["compression_type"] = kinds.get(given.get("compression_type", 0), "jpeg")
    yield from ()


def _optical(given: Description) -> Iterator[str]:
    shift = given.pop("shift_limit", None)
    if shift is not None and max(map(abs, _pair(shift))) > 0.5:  # it was rounded to whole pixels
        raise ValueError(
            f"shift_limit={shift} moved the centre by pixels, which 2.0.8 can't: leave it out"
        )
    yield from ()


def _piecewise_affine(given: Description) -> Iterator[str]:
    modes = {"constant": 0, "edge": 1, "symmetric": 2, "wrap": 3, "reflect": 4}
    if given.get("mode") in modes:
        given["mode"] = modes[given["mode"]]
    yield from ()


def _random_rain(given: Description) -> Iterator[str]:
    if not given.get("rain_type"):
        given["rain_type"] = "default"
    yield from ()


def _sequential(given: Description) -> Iterator[str]:
    if given.get("p", 0.5) != 1:
        given["p"] = 1
        yield "p=1, as its p did nothing before 1.4.4"


def _solarize(given: Description) -> Iterator[str]:
    threshold = given.pop("threshold", None)
    if threshold is None or "threshold_range" in given:
        return
    low, high = _pair(threshold, threshold if not isinstance(threshold, list) else None)
    largest = 255 if high > 1 else 1
    given["threshold_range"] = [low / largest, high / largest]
    yield f"threshold={threshold} is now threshold_range={_rounded(given['threshold_range'])}"


def _spatter(given: Description) -> Iterator[str]:
    """One mode and its colour; there could be several."""
    mode, colors = given.get("mode"), given.get("color")
    modes = mode if isinstance(mode, list) else [mode or "rain"]
    if len(set(modes)) != 1:
        raise ValueError(f"mode={mode}: 2.0.8 takes one: write OneOf two Spatter")
    given["mode"] = modes[0]
    if isinstance(colors, dict):
        given["color"] = colors.get(modes[0])
    yield from ()


# What becomes of a transform's arguments, from the first version to before the second.
ALWAYS: tuple[Version, Version] = ((), CURRENT)
REWRITTEN: dict[
    str, list[tuple[tuple[Version, Version], Callable[[Description], Iterator[str]]]]
] = {
    "Affine": [(((), (1, 4, 22)), _affine), (((), (1, 4, 20)), _turned_x_shear)],
    "Downscale": [(ALWAYS, _downscale)],
    "ElasticTransform": [(ALWAYS, _elastic), (((1, 4, 22), (2, 0, 0)), _unread_border)],
    "GaussNoise": [(ALWAYS, _gauss_noise)],
    "GridDistortion": [(((1, 4, 22), (2, 0, 0)), _unread_border)],
    "IAAAdditiveGaussianNoise": [(ALWAYS, _iaa_noise)],
    "IAAPiecewiseAffine": [(ALWAYS, _iaa_order)],
    "ImageCompression": [(((), (1, 4, 15)), _image_compression)],
    "OpticalDistortion": [(ALWAYS, _optical), (((1, 4, 22), (2, 0, 0)), _unread_border)],
    "PiecewiseAffine": [(ALWAYS, _piecewise_affine)],
    "RandomRain": [(ALWAYS, _random_rain)],
    "Sequential": [(((), (1, 4, 4)), _sequential)],
    "Solarize": [(ALWAYS, _solarize)],
    "Spatter": [(((), (2, 0, 6)), _spatter)],
}


def _flip(given: Description, version: Version) -> tuple[str, Description, list[str]]:
    """Evenly: upside down, left to right, or both."""
    flips = [{"__class_fullname__": f"{way}Flip", "p": 1} for way in ("Vertical", "Horizontal")]
    both = {"__class_fullname__": "Compose", "p": 1, "transforms": flips}
    return "OneOf", given | {"transforms": [*flips, both]}, ["now OneOf of its three flips"]


OPENCV_SIGMAS = {3: 0.8493, 5: 1.0565, 7: 1.437}


def _gaussian_blur(given: Description, version: Version) -> tuple[str, Description, list[str]]:
    """A standard deviation of 0 was OpenCV's for the kernel's size; 2.0.8 divides by it.

    OpenCV has a table for small kernels: the nearest Gaussians stand for them.
    """
    sigmas = _pair(given.get("sigma_limit") or 0, 0)
    low, high = _pair(given["blur_limit"], 0)
    if sigmas != [0, 0]:
        return "GaussianBlur", given, []
    low, high = max(3, low), max(3, high)
    weights: dict[int, int] = {}
    step = 1 if version < (1, 4, 22) else 2  # even sizes were drawn, and one larger taken
    for size in range(low, high + 1, step):
        odd = size | 1
        weights[odd] = weights.get(odd, 0) + 1
    blurs = [
        given
        | {
            "__class_fullname__": "GaussianBlur",
            "blur_limit": [size, size],
            "sigma_limit": [OPENCV_SIGMAS.get(size, 0.15 * size + 0.35)] * 2,
            "p": weight / sum(weights.values()),
        }
        for size, weight in weights.items()
    ]
    change = "sigma_limit=0 was OpenCV's for a kernel's size: now OneOf of the sizes"
    return "OneOf", {"p": given.get("p", 0.5), "transforms": blurs}, [change]


def _shift_scale_rotate(given: Description, version: Version) -> tuple[str, Description, list[str]]:
    """One scale for both axes, which ShiftScaleRotate of 2.0.8 draws for each."""
    limits = {"shift_limit": 0.0625, "scale_limit": 0.1, "rotate_limit": 45}
    shift, scale, rotate = (_pair(given.pop(name, limit)) for name, limit in limits.items())
    shifts = {}
    for axis in ("x", "y"):
        own = given.pop(f"shift_limit_{axis}", None)
        shifts[axis] = shift if own is None else _pair(own)
    return (
        "Affine",
        given
        | {
            "scale": [1 + one for one in scale],
            "keep_ratio": True,
            "translate_percent": shifts,
            "rotate": rotate,
        },
        ["now Affine(keep_ratio=True): one scale for both axes, as before 1.4.4"],
    )


def _some_of(given: Description, version: Version) -> tuple[str, Description, list[str]]:
    """Several transforms, which came in the order drawn before 1.4.17."""
    name, given, changes = _random_order(given, version)
    if version >= (1, 4, 17):
        return "SomeOf", given, changes
    return name, given, ["now RandomOrder, as they came in the order drawn", *changes]


def _random_order(given: Description, version: Version) -> tuple[str, Description, list[str]]:
    """Transforms were drawn by their p and always applied; 2.0.8 draws evenly, then heeds p."""
    weights = [one.get("p", 0.5) for one in given["transforms"]]
    if len(set(weights)) > 1:
        raise ValueError(
            f"the p of its transforms, {weights}, were weights before 2.0.6, and 2.0.8 draws "
            "evenly: give all the same p"
        )
    if set(weights) == {1}:
        return "RandomOrder", given, []
    given["transforms"] = [one | {"p": 1} for one in given["transforms"]]
    return "RandomOrder", given, ["p=1 for all in it, as what was drawn was always applied"]


# What transforms are rebuilt as, before the version given.
REBUILT: dict[
    str, tuple[Version, Callable[[Description, Version], tuple[str, Description, list[str]]]]
] = {
    "Flip": (CURRENT, _flip),
    "GaussianBlur": ((2, 0, 1), _gaussian_blur),
    "ShiftScaleRotate": ((1, 4, 4), _shift_scale_rotate),
    "RandomOrder": ((2, 0, 6), _random_order),
    "SomeOf": ((2, 0, 6), _some_of),
}
# What 2.0.8 does otherwise under the same words, before the version given: found by applying each
# saved transform of 0.5.2 to 2.0.0 to one image some hundred times, there and here.
DIFFERENT: dict[str, tuple[Version, str]] = {
    "Affine": ((1, 4, 22), "shifts are whole pixels in 2.0.8"),
    "ElasticTransform": (
        (1, 4, 22),
        "with a large sigma, 2.0.8 displaces pixels near the borders more",
    ),
    "FancyPCA": ((1, 4, 18), "weaker in 2.0.8"),
    "GridDistortion": ((1, 4, 18), "cells lie a little otherwise in 2.0.8"),
    "Illumination": (CURRENT, "stronger in 2.0.8"),
    "ISONoise": ((1, 4, 24), "weaker in 2.0.8"),
    "MotionBlur": ((1, 4, 24), "its line is drawn otherwise in 2.0.8"),
    "Perspective": ((1, 4, 24), "leaves more of the border in 2.0.8"),
    "PiecewiseAffine": ((1, 4, 24), "stronger in 2.0.8"),
    "PlasmaBrightnessContrast": (CURRENT, "weaker in 2.0.8"),
    "PlasmaShadow": (CURRENT, "weaker in 2.0.8"),
    "RandomFog": (CURRENT, "denser in 2.0.8"),
    "RandomGravel": ((1, 4, 18), "weaker in 2.0.8"),
    "RandomRain": (CURRENT, "brighter in 2.0.8"),
    "RandomShadow": ((1, 4, 10), "smaller in 2.0.8"),
    "RandomSunFlare": ((1, 4, 24), "weaker in 2.0.8"),
    "SaltAndPepper": (CURRENT, "weaker in 2.0.8"),
    "ShiftScaleRotate": ((1, 4, 22), "shifts are whole pixels in 2.0.8"),
    "Spatter": ((1, 4, 24), "stronger in 2.0.8"),
    "Superpixels": ((1, 4, 24), "weaker in 2.0.8"),
    "ThinPlateSpline": (CURRENT, "stronger in 2.0.8"),
}


def _without_preparation(node: Description, said: dict[str, None]) -> Description:
    """Leave out what prepares images for a network of PyTorch's at the end."""
    name, inside = short_name(node), node.get("transforms")
    if name in TO_TENSOR:
        raise ValueError(f"{name}: it makes tensors, not images: remove it")
    if name not in ("Compose", "ReplayCompose", "Sequential") or not isinstance(inside, list):
        return node
    while inside and (last := short_name(inside[-1])) in PREPARATION:
        said[f"{last}: left out, {PREPARATION[last]}"] = None
        inside = inside[:-1]
    return node | {"transforms": inside}
