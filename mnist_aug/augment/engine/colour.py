"""Colours: what each transform draws, and its application to images.

For each transform one function samples parameters for N images at once, from draws, the images'
shape (H, W, C) and dtype, and one changes images in place: the images at `places` int64 [N] of [M,
H, W, C], uint8 or float32 in [0, 1]. Names, ranges, formulas and rounding follow albumentations
2.0.8, except for its errors listed in docs/engine.md.

The sums that OpenCV makes in fixed point are made here in float32, where they are exact: all are
below 2**24. Its way back from hue, saturation and value cuts where it can take many pixels at a
time and rounds elsewhere; here it always rounds.
"""

from collections.abc import Callable
from functools import reduce
from typing import Any

import albumentations as A
import cv2
import numpy as np
import numpy.typing as npt
from albumentations.augmentations.pixel.functional import PLANCKIAN_COEFFS

from mnist_aug.augment.engine.compiled import kernel
from mnist_aug.augment.engine.draws import Draws
from mnist_aug.augment.engine.exact import exp
from mnist_aug.augment.engine.tones import (
    require_channels,
    scale_and_add,
    through_uint8,
    top,
)
from mnist_aug.errors import UserError

_RUN = 1024  # pixels whose colours are held apart at a time
_GREY = np.array([9798, 19235, 3735], np.float32) / np.float32(2**15)  # OpenCV's fixed point
_GREY_SHARES = np.array([0.299, 0.587, 0.114], np.float32)
_float32: Any = np.float32
_0, _1, _2, _3, _4, _5, _6, _HALF = (_float32(x) for x in (0, 1, 2, 3, 4, 5, 6, 0.5))
_30, _90, _150, _180, _255 = (_float32(x) for x in (30, 90, 150, 180, 255))
_PER_VALUE, _PER_SPREAD = np.float32(255 * 2**12), np.float32(30 * 2**12)
_PART = np.float32(1 / (30 * 255))
_EPSILON, _SIXTH, _SIXTH_OF_SIX = np.finfo(np.float32).eps, _float32(1 / 60), _float32(1 / 6)


def _pixels(images: np.ndarray) -> np.ndarray:
    """[M, H, W, C] as [M, H * W, C]."""
    count, height, width, channels = images.shape
    return images.reshape(count, height * width, channels)


# The loops below are many times faster where the compiler knows the stride of 3 and that no two of
# the arrays share memory: each is an array of its own, made in the kernel.


@kernel
def _separate(values: np.ndarray, red: np.ndarray, green: np.ndarray, blue: np.ndarray) -> None:
    for i in range(len(red)):
        red[i], green[i], blue[i] = values[3 * i], values[3 * i + 1], values[3 * i + 2]


@kernel
def _join(red: np.ndarray, green: np.ndarray, blue: np.ndarray, values: np.ndarray) -> None:
    for i in range(len(red)):
        values[3 * i], values[3 * i + 1], values[3 * i + 2] = red[i], green[i], blue[i]


@kernel
def _mix(
    images: np.ndarray, places: np.ndarray, matrix: np.ndarray, half: float, most: float
) -> None:
    """Each pixel, of [M, P, 3], times a matrix float32 [3, 3], clipped."""
    least = most - most
    red, green, blue = _plane(_RUN), _plane(_RUN), _plane(_RUN)
    mixed = np.empty((3, _RUN), np.float32)
    for place in places:
        for start in range(0, images.shape[1], _RUN):
            values = images[place][start : start + _RUN].ravel()
            size = len(values) // 3
            _separate(values, red[:size], green[:size], blue[:size])
            for c in range(3):
                first, second, third = matrix[c]
                out = mixed[c]
                for i in range(size):
                    total = (red[i] * first + green[i] * second) + blue[i] * third
                    out[i] = min(max(total + half, least), most)
            _join(mixed[0][:size], mixed[1][:size], mixed[2][:size], values)


@kernel
def _plane(size: int) -> np.ndarray:
    return np.empty(size, np.float32)


def _mixed(images: np.ndarray, places: np.ndarray, matrix: np.ndarray) -> None:
    half: Any = np.float32(0.5 if images.dtype == np.uint8 else 0)
    most: Any = np.float32(top(images.dtype))
    _mix(_pixels(images), places, matrix.astype(np.float32), half, most)


def sample_to_gray(
    t: A.ToGray, draws: Draws, shape: tuple[int, int, int], dtype: npt.DTypeLike
) -> dict[str, np.ndarray]:
    """Nothing is drawn; grey images stay as they are."""
    channels = shape[2]
    if t.method in ("weighted_average", "from_lab"):
        require_channels(t, channels, 1, 3)
    if channels > 1 and t.num_output_channels != channels:
        raise UserError(
            f"ToGray turns images of {channels} channels into {t.num_output_channels}: set "
            f"num_output_channels={channels}"
        )
    return {}


def to_gray(
    t: A.ToGray, images: np.ndarray, places: np.ndarray, drawn: dict[str, np.ndarray]
) -> None:
    if images.shape[3] == 1:
        return
    if t.method == "weighted_average":
        row = _GREY if images.dtype == np.uint8 else _GREY_SHARES
        return _mixed(images, places, np.tile(row, (3, 1)))
    if t.method == "from_lab":
        return through_uint8(_lightness, images, places)
    channels = list(np.moveaxis(images[places], 3, 0))
    if t.method == "max":
        grey = reduce(np.maximum, channels)
    elif t.method == "desaturation":
        high, low = reduce(np.maximum, channels), reduce(np.minimum, channels)
        grey = (high.astype(np.float32) + low) / np.float32(2)
    else:  # average
        grey = reduce(np.add, (channel.astype(np.float32) for channel in channels))
        grey /= np.float32(len(channels))
    images[places] = grey.astype(images.dtype)[..., None]


def _lightness(images: np.ndarray, places: np.ndarray) -> None:
    for place in places.tolist():
        lightness = cv2.extractChannel(cv2.cvtColor(images[place], cv2.COLOR_RGB2LAB), 0)
        cv2.cvtColor(lightness, cv2.COLOR_GRAY2RGB, dst=images[place])


def sample_colour(
    t: A.BasicTransform, draws: Draws, shape: tuple[int, int, int], dtype: npt.DTypeLike
) -> dict[str, np.ndarray]:
    """Nothing is drawn; grey images stay as they are."""
    require_channels(t, shape[2], 1, 3)
    return {}


def to_sepia(
    t: A.ToSepia, images: np.ndarray, places: np.ndarray, drawn: dict[str, np.ndarray]
) -> None:
    if images.shape[3] == 3:
        matrix = t.sepia_transformation_matrix
        if images.dtype == np.uint8:
            matrix = np.rint(matrix * 2**10) / 2**10  # OpenCV's fixed point
        _mixed(images, places, matrix)


@kernel
def _distance(hue: float, sixth: float) -> float:
    """How far a hue is from a colour that is at four sixths of the circle, at most one sixth."""
    hue -= _6 * sixth if hue >= _6 * sixth else _0
    return max(_0, min(min(hue, _4 * sixth - hue), sixth))


@kernel
def _shift_hsv(
    red: np.ndarray, green: np.ndarray, blue: np.ndarray, hue: float, sat: float, val: float
) -> None:
    """Planes of whole numbers, float32 [P], with shifts of the hue (0 to 179, in 2 degrees),
    saturation and value."""
    for i in range(len(red)):
        r, g, b = red[i], green[i], blue[i]
        value = max(max(r, g), b)
        spread = value - min(min(r, g), b)
        # OpenCV's quotients: by tables in fixed point, whose products float64 holds.
        per_value = np.float64(np.rint(_PER_VALUE / max(value, _1)))
        per_spread = np.float64(np.rint(_PER_SPREAD / max(spread, _1)))
        s = np.floor(np.float32((np.float64(spread) * per_value + 2048) / 4096))
        side = (
            g - b
            if value == r
            else ((b - r) + _2 * spread if value == g else (r - g) + _4 * spread)
        )
        h = np.floor(np.float32((np.float64(side) * per_spread + 2048) / 4096))
        h += hue + (_180 if h < _0 else _0)
        h -= _180 if h >= _180 else _0
        h -= _180 if h >= _180 else _0
        s = min(max(s + sat, _0), _255) if s > _0 else _0
        value = min(max(value + val, _0), _255)
        # A colour lies below the value by a share that grows with the hue's distance from it.
        size = value * s
        red[i] = value - np.rint(size * _distance(h + _150, _30) * _PART)
        green[i] = value - np.rint(size * _distance(h + _90, _30) * _PART)
        blue[i] = value - np.rint(size * _distance(h + _30, _30) * _PART)


@kernel
def _shift_all_hsv(images: np.ndarray, places: np.ndarray, shifts: np.ndarray) -> None:
    """Of images uint8 [M, P, 3] by float32 [N, 3]."""
    red, green, blue = _plane(_RUN), _plane(_RUN), _plane(_RUN)
    for n in range(len(places)):
        hue, sat, val = shifts[n]
        for start in range(0, images.shape[1], _RUN):
            values = images[places[n]][start : start + _RUN].ravel()
            size = len(values) // 3
            r, g, b = red[:size], green[:size], blue[:size]
            _separate(values, r, g, b)
            _shift_hsv(r, g, b, hue, sat, val)
            _join(r, g, b, values)


def sample_hue_saturation_value(
    t: A.HueSaturationValue, draws: Draws, shape: tuple[int, int, int], dtype: npt.DTypeLike
) -> dict[str, np.ndarray]:
    """Shifts of the hue, of 180 in all, and of saturation and value, of 255."""
    require_channels(t, shape[2], 1, 3)
    return {
        "hue_shift": draws.uniform(*t.hue_shift_limit),
        "sat_shift": draws.uniform(*t.sat_shift_limit),
        "val_shift": draws.uniform(*t.val_shift_limit),
    }


def shift_hsv(
    t: A.HueSaturationValue, images: np.ndarray, places: np.ndarray, drawn: dict[str, np.ndarray]
) -> None:
    """Of grey images the value only."""
    hue, sat, val = drawn["hue_shift"], drawn["sat_shift"], drawn["val_shift"]
    if images.shape[3] == 1:
        val = np.trunc(val)[:, None].astype(np.float32)
        through_uint8(
            lambda images, places: scale_and_add(images, places, np.ones_like(val), val),
            images,
            places,
        )
        return
    done = (hue != 0) | (sat != 0) | (val != 0)
    shifts = np.stack([np.floor(hue % 180), np.trunc(sat), np.trunc(val)], axis=1)[done]
    through_uint8(
        lambda images, places: _shift_all_hsv(_pixels(images), places, shifts.astype(np.float32)),
        images,
        places[done],
    )


@kernel
def _turn_hue(red: np.ndarray, green: np.ndarray, blue: np.ndarray, turn: float) -> None:
    """Planes in [0, 1], float32 [P], with the hue turned by 0 to 6 sixths of a circle."""
    for i in range(len(red)):
        r, g, b = red[i], green[i], blue[i]
        value = max(max(r, g), b)
        spread = value - min(min(r, g), b)
        side = (
            g - b
            if value == r
            else ((b - r) + _2 * spread if value == g else (r - g) + _4 * spread)
        )
        h = turn + (side / spread if spread > _0 else _0)
        h += _6 if h < _0 else _0
        h -= _6 if h >= _6 else _0
        red[i] = value - spread * _distance(h + _5, _1)
        green[i] = value - spread * _distance(h + _3, _1)
        blue[i] = value - spread * _distance(h + _1, _1)


@kernel
def _greys(
    red: np.ndarray,
    green: np.ndarray,
    blue: np.ndarray,
    shares: np.ndarray,
    whole: bool,
    grey: np.ndarray,
) -> None:
    first, second, third = shares
    half = _HALF if whole else _0
    for i in range(len(grey)):
        level = ((red[i] * first + green[i] * second) + blue[i] * third) + half
        grey[i] = np.float32(np.int32(level)) if whole else level


@kernel
def _mean(values: np.ndarray, whole: bool) -> float:
    if whole:
        count = 0
        for i in range(len(values)):
            count += int(values[i])
        return count / len(values)
    total = 0.0
    for i in range(len(values)):
        total += values[i]
    return total / len(values)


@kernel
def _stretch(plane: np.ndarray, factor: float, summand: float, whole: bool, most: float) -> None:
    least = most - most
    for i in range(len(plane)):
        level = min(max(plane[i] * factor + summand, least), most)
        plane[i] = np.float32(np.int32(level)) if whole else level


@kernel
def _blend(plane: np.ndarray, grey: np.ndarray, factor: float, whole: bool, most: float) -> None:
    """Away from grey for factors above 1."""
    least, own, rest = most - most, np.float32(factor), np.float32(1 - factor)
    for i in range(len(plane)):
        level = plane[i] * own + grey[i] * rest
        plane[i] = min(max(np.rint(level) if whole else level, least), most)


@kernel
def _jitter(
    images: np.ndarray,
    places: np.ndarray,
    order: np.ndarray,
    factors: np.ndarray,
    shares: np.ndarray,
    most: float,
) -> None:
    """Brightness, contrast, saturation and hue, float64 [N, 4], in any order, of [M, P, C]."""
    whole, coloured, size = images.itemsize == 1, images.shape[2] == 3, images.shape[1]
    red, grey = _plane(size), _plane(size)
    green, blue = _plane(size if coloured else 0), _plane(size if coloured else 0)
    for n in range(len(places)):
        values = images[places[n]].ravel()
        if coloured:
            _separate(values, red, green, blue)
        else:
            red[:] = values
        for what in order[n]:
            factor = factors[n, what]
            if coloured and what in (1, 2):
                _greys(red, green, blue, shares, whole, grey)
            if what <= 1:
                summand = _0
                if what == 1:
                    mean = _mean(grey if coloured else red, whole)
                    even = np.floor(mean + 0.5) if whole and factor == 0 else mean
                    summand = np.float32(even * (1 - factor))
                scale = np.float32(factor)
                _stretch(red, scale, summand, whole, most)
                _stretch(green, scale, summand, whole, most)
                _stretch(blue, scale, summand, whole, most)
            elif coloured and what == 2 and factor != 1:
                _blend(red, grey, factor, whole, most)
                _blend(green, grey, factor, whole, most)
                _blend(blue, grey, factor, whole, most)
            elif coloured and what == 3 and factor != 0:
                if whole:
                    hue = np.float32(np.floor((180 * factor) % 180))
                    _shift_hsv(red, green, blue, hue, _0, _0)
                else:
                    _turn_hue(red, green, blue, np.float32((6 * factor) % 6))
        if coloured:
            _join(red, green, blue, values)
        else:
            for i in range(size):
                values[i] = red[i]


def sample_color_jitter(
    t: A.ColorJitter, draws: Draws, shape: tuple[int, int, int], dtype: npt.DTypeLike
) -> dict[str, np.ndarray]:
    """Three factors, the hue's turn as a share of the circle, and the order of the four."""
    require_channels(t, shape[2], 1, 3)
    return {
        "brightness": draws.uniform(*t.brightness),
        "contrast": draws.uniform(*t.contrast),
        "saturation": draws.uniform(*t.saturation),
        "hue": draws.uniform(*t.hue),
        "order": _shuffled(draws, 4),
    }


def _shuffled(draws: Draws, count: int) -> np.ndarray:
    """Random orders of 0..count-1, int64 [N, count]."""
    return np.argsort(draws.uniforms(count), axis=1, kind="stable")


def jitter(
    t: A.ColorJitter, images: np.ndarray, places: np.ndarray, drawn: dict[str, np.ndarray]
) -> None:
    names = ("brightness", "contrast", "saturation", "hue")
    _jitter(
        _pixels(images),
        places,
        drawn["order"],
        np.stack([drawn[name] for name in names], axis=1),
        _GREY if images.dtype == np.uint8 else _GREY_SHARES,
        np.float32(top(images.dtype)),
    )


def sample_channel_shuffle(
    t: A.ChannelShuffle, draws: Draws, shape: tuple[int, int, int], dtype: npt.DTypeLike
) -> dict[str, np.ndarray]:
    """For each channel the one that it is taken from, int64 [N, C]."""
    return {"channels_shuffled": _shuffled(draws, shape[2])}


@kernel
def _shuffle_three(images: np.ndarray, places: np.ndarray, source: np.ndarray) -> None:
    red, green, blue = (
        np.empty(_RUN, images.dtype),
        np.empty(_RUN, images.dtype),
        np.empty(_RUN, images.dtype),
    )
    planes = (red, green, blue)
    for n in range(len(places)):
        first, second, third = source[n]
        for start in range(0, images.shape[1], _RUN):
            values = images[places[n]][start : start + _RUN].ravel()
            size = len(values) // 3
            _separate(values, red[:size], green[:size], blue[:size])
            _join(planes[first][:size], planes[second][:size], planes[third][:size], values)


def shuffle_channels(
    t: A.ChannelShuffle, images: np.ndarray, places: np.ndarray, drawn: dict[str, np.ndarray]
) -> None:
    source = drawn["channels_shuffled"]
    if images.shape[3] == 3:
        _shuffle_three(_pixels(images), places, source)
    elif images.shape[3] > 1:
        images[places] = np.take_along_axis(images[places], source[:, None, None], axis=3)


def sample_channel_dropout(
    t: A.ChannelDropout, draws: Draws, shape: tuple[int, int, int], dtype: npt.DTypeLike
) -> dict[str, np.ndarray]:
    """Which channels are dropped, bool [N, C]."""
    channels, (low, high) = shape[2], t.channel_drop_range
    if high >= channels:
        raise UserError(
            f"ChannelDropout: channel_drop_range={t.channel_drop_range} can drop all of {channels} "
            "channels: lower it, or take it out of the policy"
        )
    number = draws.integers(low, high)
    return {"dropped": _shuffled(draws, channels) < number[:, None]}


def drop_channels(
    t: A.ChannelDropout, images: np.ndarray, places: np.ndarray, drawn: dict[str, np.ndarray]
) -> None:
    for c, dropped in enumerate(drawn["dropped"].T):
        images[places[dropped], :, :, c] = t.fill


def sample_planckian_jitter(
    t: A.PlanckianJitter, draws: Draws, shape: tuple[int, int, int], dtype: npt.DTypeLike
) -> dict[str, np.ndarray]:
    """Temperatures in kelvin, int64 [N]: 40 % below that of white, 6,000 K, or 60 % above it."""
    require_channels(t, shape[2], 3)
    low, high = t.temperature_limit
    white, share = 6000, 0.4
    below = draws.uniform() < share
    if t.sampling_method == "uniform":
        u = draws.uniform()
        drawn = np.where(below, low + (white - low) * u, white + (high - white) * u)
    else:
        far = np.abs(draws.normals(1)[:, 0].astype(np.float64)) / 3
        drawn = np.where(below, white - far * (white - low), white + far * (high - white))
    return {"temperature": np.clip(drawn, low, high).astype(np.int64)}


def change_temperature(
    t: A.PlanckianJitter, images: np.ndarray, places: np.ndarray, drawn: dict[str, np.ndarray]
) -> None:
    """Red and blue times the light's share of them against green."""
    known = PLANCKIAN_COEFFS[t.mode]
    temperatures = np.array(sorted(known))
    shares = np.array([known[temperature] for temperature in temperatures.tolist()])
    temperature = np.clip(drawn["temperature"], temperatures[0], temperatures[-1])
    left = (temperature - temperatures[0]) // 500
    right = np.minimum(left + 1, len(temperatures) - 1)
    weight = np.where(right > left, (temperature - temperatures[left]) / 500, 0)[:, None]
    light = (1 - weight) * shares[left] + weight * shares[right]
    factors = np.stack([light[:, 0] / light[:, 1], np.ones(len(places)), light[:, 2] / light[:, 1]])
    kind = np.float32 if images.dtype == np.uint8 else np.float64
    scale_and_add(images, places, factors.T.astype(kind), np.zeros(factors.T.shape, kind))


def sample_iso_noise(
    t: A.ISONoise, draws: Draws, shape: tuple[int, int, int], dtype: npt.DTypeLike
) -> dict[str, np.ndarray]:
    """Strengths, and for each pixel a uniform number, from which its grains are counted, and its
    hue's shift, normal, in degrees, float32 [N, H, W]."""
    require_channels(t, shape[2], 3)
    size = (len(draws), *shape[:2])
    shift, intensity = draws.uniform(*t.color_shift), draws.uniform(*t.intensity)
    turns = draws.normals(shape[0] * shape[1])
    turns *= (shift * intensity).astype(np.float32)[:, None]
    return {
        "color_shift": shift,
        "intensity": intensity,
        "hue_shift": turns.reshape(size),
        "uniforms": draws.uniforms(shape[0] * shape[1]).reshape(size),
    }


@kernel
def _count_grains(uniforms: np.ndarray, mean: float, counts: np.ndarray) -> None:
    """Quantiles of Poisson's law."""
    none = exp(-mean)
    for i in range(len(counts)):
        u, k, share = uniforms[i], 0.0, none
        while u >= share and share > 1e-300:
            u -= share
            k += 1
            share *= mean / k
        counts[i] = k


@kernel
def _add_iso_noise(
    images: np.ndarray,
    places: np.ndarray,
    intensities: np.ndarray,
    turns: np.ndarray,
    uniforms: np.ndarray,
    most: float,
) -> None:
    """Of images [M, P, 3], by numbers [N] and [N, P]."""
    whole, size = images.itemsize == 1, images.shape[1]
    red, green, blue, light, grains = (
        _plane(size), _plane(size), _plane(size), _plane(size), _plane(size),
    )  # fmt: skip
    for n in range(len(places)):
        values, intensity, turn = images[places[n]].ravel(), intensities[n], turns[n]
        _separate(values, red, green, blue)
        for i in range(size):
            r, g, b = red[i] / most, green[i] / most, blue[i] / most
            red[i], green[i], blue[i] = r, g, b
            light[i] = (max(max(r, g), b) + min(min(r, g), b)) * _HALF
        mean, square = _mean(light, False), 0.0
        for i in range(size):
            square += (light[i] - mean) * (light[i] - mean)
        _count_grains(uniforms[n], np.sqrt(square / size) * intensity, grains)
        for i in range(size):
            r, g, b = red[i], green[i], blue[i]
            high, low = max(max(r, g), b), min(min(r, g), b)
            spread = high - low
            side = (
                g - b if high == r else (b - r + _2 * spread if high == g else r - g + _4 * spread)
            )
            grey = spread <= _EPSILON
            hue = (_0 if grey else side / spread) + turn[i] * _SIXTH
            hue -= _6 * np.floor(hue * _SIXTH_OF_SIX)
            away = high + low if light[i] < _HALF else _2 - high - low
            saturation = _0 if grey else spread / away
            more = np.float32(grains[i] * intensity * (_1 - light[i]))
            level = min(max(light[i] + more, _0), _1)
            top_level = (
                level * (_1 + saturation)
                if level <= _HALF
                else level + saturation - level * saturation
            )
            spread = _2 * (top_level - level)
            red[i] = top_level - spread * _distance(hue + _5, _1)
            green[i] = top_level - spread * _distance(hue + _3, _1)
            blue[i] = top_level - spread * _distance(hue + _1, _1)
        for i in range(size):
            r, g, b = red[i], green[i], blue[i]
            r, g, b = (
                min(max(r, _0), _1) * most,
                min(max(g, _0), _1) * most,
                min(max(b, _0), _1) * most,
            )
            red[i], green[i], blue[i] = (np.rint(r), np.rint(g), np.rint(b)) if whole else (r, g, b)
        _join(red, green, blue, values)


def add_iso_noise(
    t: A.ISONoise, images: np.ndarray, places: np.ndarray, drawn: dict[str, np.ndarray]
) -> None:
    """Grains that lighten, more where the image has contrast, and turns of the hue."""
    size = (len(places), images.shape[1] * images.shape[2])
    most: Any = np.float32(top(images.dtype))
    turns, uniforms = (drawn[name].reshape(size) for name in ("hue_shift", "uniforms"))
    _add_iso_noise(_pixels(images), places, drawn["intensity"], turns, uniforms, most)


TRANSFORMS: dict[
    type[A.BasicTransform], tuple[Callable[..., dict[str, np.ndarray]], Callable[..., None]]
] = {
    A.HueSaturationValue: (sample_hue_saturation_value, shift_hsv),
    A.ToGray: (sample_to_gray, to_gray),
    A.ToSepia: (sample_colour, to_sepia),
    A.ColorJitter: (sample_color_jitter, jitter),
    A.ChannelShuffle: (sample_channel_shuffle, shuffle_channels),
    A.ChannelDropout: (sample_channel_dropout, drop_channels),
    A.PlanckianJitter: (sample_planckian_jitter, change_temperature),
    A.ISONoise: (sample_iso_noise, add_iso_noise),
}


def needs_albumentations(t: A.BasicTransform) -> bool:
    """Whether a listed transform has a parameter that only albumentations can serve."""
    if isinstance(t, A.ISONoise):
        return t.intensity[1] > 500  # grains are counted one by one
    return isinstance(t, A.ToGray) and t.method == "pca"
