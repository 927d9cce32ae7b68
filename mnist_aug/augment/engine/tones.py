"""Pointwise changes of pixel values: what each transform draws, and its application to images.

For each transform one function samples parameters for N images at once, from draws, the images'
shape (H, W, C) and dtype, and one changes images in place: the images at `places` int64 [N] of [M,
H, W, C], uint8 or float32 in [0, 1]. Names, ranges, formulas and rounding follow albumentations
2.0.8, except for its errors listed in docs/engine.md.

uint8 images go through tables of 256 entries, or through a product and a sum of float32, as 2.0.8
fills its tables.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import albumentations as A
import cv2
import numpy as np
import numpy.typing as npt

from mnist_aug.augment.engine.compiled import kernel
from mnist_aug.augment.engine.draws import Draws
from mnist_aug.augment.engine.exact import log
from mnist_aug.errors import UserError

LEVELS = np.arange(256)
_RUN = 192  # values that are worked on at a time, a multiple of 1 to 4 channels


def top(dtype: npt.DTypeLike) -> float:
    """The largest value of images: 255 for uint8, 1 for float32."""
    return 255.0 if dtype == np.uint8 else 1.0


def finish(values: np.ndarray, dtype: npt.DTypeLike) -> np.ndarray:
    """Clipped to the range, and for uint8 cut to whole numbers, as albumentations does."""
    return np.clip(values, 0, 255 if dtype == np.uint8 else 1).astype(dtype)


def require_channels(t: A.BasicTransform, channels: int, *allowed: int) -> None:
    """Refuse images that the transform isn't made for.

    Raises:
        UserError: `channels` isn't among those allowed.
    """
    if channels not in allowed:
        raise UserError(
            f"{type(t).__name__} needs images of {' or '.join(map(str, allowed))} channels, not "
            f"{channels}: take it out of the policy"
        )


def nothing(
    t: A.BasicTransform, draws: Draws, shape: tuple[int, int, int], dtype: npt.DTypeLike
) -> dict[str, np.ndarray]:
    """Of a transform that draws no numbers."""
    return {}


@kernel
def look_up(images: np.ndarray, places: np.ndarray, tables: np.ndarray) -> None:
    """Replace values of uint8 images by those in tables, uint8 [N, 1 or C, 256]."""
    flat = images.reshape(len(images), -1)
    count = tables.shape[1]
    for n in range(len(places)):
        for c in range(count):
            values, table = flat[places[n]][c::count], tables[n, c]
            for i in range(len(values)):
                values[i] = table[values[i]]


@kernel
def _scale_and_add(
    images: np.ndarray, places: np.ndarray, factors: np.ndarray, summands: np.ndarray, most: float
) -> None:
    flat = images.reshape(len(images), -1)
    factor, summand = np.empty(_RUN, factors.dtype), np.empty(_RUN, factors.dtype)
    count, least = factors.shape[1], most - most
    for n in range(len(places)):
        for c in range(count):
            factor[c::count] = factors[n, c]
            summand[c::count] = summands[n, c]
        for start in range(0, flat.shape[1], _RUN):
            values = flat[places[n]][start : start + _RUN]
            for i in range(len(values)):
                values[i] = min(max(np.float32(values[i]) * factor[i] + summand[i], least), most)


def scale_and_add(
    images: np.ndarray, places: np.ndarray, factors: np.ndarray, summands: np.ndarray
) -> None:
    """Products and sums, clipped, and for uint8 cut to whole numbers.

    Args:
        factors, summands: float32 or float64, in which the sums are made; [N, 1 or C].
    """
    kind = np.result_type(factors, summands)
    _scale_and_add(
        images,
        places,
        np.ascontiguousarray(factors, kind),
        np.ascontiguousarray(summands, kind),
        kind.type(top(images.dtype)),
    )


_LEAST, _MOST = np.float32(0), np.float32(255)


@kernel
def _to_levels(images: np.ndarray, places: np.ndarray, levels: np.ndarray) -> None:
    flat, out = images.reshape(len(images), -1), levels.reshape(len(levels), -1)
    for n in range(len(places)):
        values, whole = flat[places[n]], out[n]
        for i in range(len(values)):
            whole[i] = np.int32(min(max(np.rint(values[i] * _MOST), _LEAST), _MOST))


@kernel
def _from_levels(levels: np.ndarray, places: np.ndarray, images: np.ndarray) -> None:
    flat, out = levels.reshape(len(levels), -1), images.reshape(len(images), -1)
    for n in range(len(places)):
        whole, values = flat[n], out[places[n]]
        for i in range(len(values)):
            values[i] = np.float32(whole[i]) / _MOST


def through_uint8(
    change: Callable[[np.ndarray, np.ndarray], None], images: np.ndarray, places: np.ndarray
) -> None:
    """Change float32 images as uint8 images, as 2.0.8 does where it says `uint8_io`.

    Args:
        change: of uint8 images [M, H, W, C] and places [N].
    """
    if images.dtype == np.uint8:
        return change(images, places)
    levels = np.empty((len(places), *images.shape[1:]), np.uint8)
    _to_levels(images, places, levels)
    change(levels, np.arange(len(places)))
    _from_levels(levels, places, images)


def sample_brightness_contrast(
    t: A.RandomBrightnessContrast, draws: Draws, shape: tuple[int, int, int], dtype: npt.DTypeLike
) -> dict[str, np.ndarray]:
    """The contrast's factor, and the brightness as a share of the range, or of the image's mean."""
    return {
        "factor": 1 + draws.uniform(*t.contrast_limit),
        "brightness": draws.uniform(*t.brightness_limit),
    }


@kernel
def means(images: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The mean of all values of each image, float64 [N]."""
    flat = images.reshape(len(images), -1)
    out = np.empty(len(places))
    for n in range(len(places)):
        values = flat[places[n]]
        if images.itemsize == 1:
            whole = 0
            for i in range(len(values)):
                whole += int(values[i])
            out[n] = whole / len(values)
        else:
            total = 0.0
            for i in range(len(values)):
                total += values[i]
            out[n] = total / len(values)
    return out


def factor_and_summand(
    t: A.RandomBrightnessContrast,
    images: np.ndarray,
    places: np.ndarray,
    drawn: dict[str, np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """float64 [N] each, the summand in the images' units."""
    alpha, beta, most = drawn["factor"], drawn["brightness"], top(images.dtype)
    beta = beta * (most if t.brightness_by_max else means(images, places))
    if t.ensure_safe_range:
        rising = alpha > 0
        beta = np.where(rising, np.clip(beta, 0, most), np.minimum(beta, most))
        alpha = np.where(
            rising, np.minimum(alpha, (most - beta) / most), np.maximum(alpha, -beta / most)
        )
    return alpha, beta


def change_brightness_contrast(
    t: A.RandomBrightnessContrast,
    images: np.ndarray,
    places: np.ndarray,
    drawn: dict[str, np.ndarray],
) -> None:
    alpha, beta = factor_and_summand(t, images, places, drawn)
    alpha = alpha.astype(np.float32)
    if images.dtype == np.uint8:
        beta = beta.astype(np.float32)
    scale_and_add(images, places, alpha[:, None], beta[:, None])


def sample_gamma(
    t: A.RandomGamma, draws: Draws, shape: tuple[int, int, int], dtype: npt.DTypeLike
) -> dict[str, np.ndarray]:
    return {"gamma": draws.uniform(*t.gamma_limit) / 100}


@kernel
def _logarithms() -> np.ndarray:
    out = np.empty(256)
    out[0] = -np.inf
    for i in range(1, 256):
        out[i] = log(i / 255)
    return out


@lru_cache(maxsize=1)
def _logarithms_of_levels() -> np.ndarray:
    """float64 [256]: log(i / 255)."""
    return _logarithms()


@kernel
def _gamma_tables(gamma: np.ndarray, logarithms: np.ndarray) -> np.ndarray:
    """The largest level k with log(k / 255) <= gamma log(i / 255), for each level i."""
    out = np.zeros((len(gamma), 1, 256), np.uint8)
    for n in range(len(gamma)):
        k = 0
        for i in range(1, 256):
            power = gamma[n] * logarithms[i]
            while k < 255 and logarithms[k + 1] <= power:
                k += 1
            out[n, 0, i] = k
    return out


_LN_2, _RUN_OF_POWERS = 0.6931471805599453, 256
_MANTISSA, _ONE = 2**52 - 1, 1023 << 52  # of the bits of a float64
# Added to a whole number, these make a float64 whose last bits are that number's.
_WHOLE, _WHOLE_BITS, _WHOLE_AND_SIGN = 2.0**52, (1023 + 52) << 52, 1.5 * 2.0**52


@kernel
def _raise(images: np.ndarray, places: np.ndarray, exponents: np.ndarray) -> None:
    """float32 images to a power each, to float32's precision; negative values become 0."""
    flat = images.reshape(len(images), -1)
    numbers, powers = np.empty(_RUN_OF_POWERS), np.empty(_RUN_OF_POWERS)
    bits, scale = np.empty(_RUN_OF_POWERS, np.int64), np.empty(_RUN_OF_POWERS, np.int64)
    for n in range(len(places)):
        exponent = exponents[n]
        for start in range(0, flat.shape[1], _RUN_OF_POWERS):
            values = flat[places[n]][start : start + _RUN_OF_POWERS]
            size = len(values)
            for i in range(size):
                numbers[i] = max(values[i], np.float32(0))
            bits[:] = numbers.view(np.int64)
            for i in range(size):
                scale[i] = ((bits[i] >> 52) & 2047) | _WHOLE_BITS
                bits[i] = (bits[i] & _MANTISSA) | _ONE
            numbers[:] = bits.view(np.float64)
            powers[:] = scale.view(np.float64)
            for i in range(size):
                high = numbers[i] > 1.4142135623730951
                mantissa = numbers[i] * (0.5 if high else 1.0)
                ratio = (mantissa - 1) / (mantissa + 1)
                square, total = ratio * ratio, 1.0 / 11
                for term in (1.0 / 9, 1.0 / 7, 1.0 / 5, 1.0 / 3, 1.0):
                    total = total * square + term
                power = exponent * (
                    (powers[i] - _WHOLE + (-1022.0 if high else -1023.0)) * _LN_2
                    + 2 * ratio * total
                )
                rounded = max(power, -690.0) * (1 / _LN_2) + _WHOLE_AND_SIGN
                rest = max(power, -690.0) - (rounded - _WHOLE_AND_SIGN) * _LN_2
                total = 1.0
                for term in (1 / 8, 1 / 7, 1 / 6, 1 / 5, 1 / 4, 1 / 3, 1 / 2, 1.0):
                    total = 1 + total * rest * term
                powers[i], numbers[i] = total, rounded
            bits[:] = numbers.view(np.int64)
            for i in range(size):
                bits[i] = (bits[i] + 1023) << 52
            numbers[:] = bits.view(np.float64)
            for i in range(size):
                raised = np.float32(powers[i] * numbers[i])
                values[i] = raised if values[i] > np.float32(0) else np.float32(0)


def change_gamma(
    t: A.RandomGamma, images: np.ndarray, places: np.ndarray, drawn: dict[str, np.ndarray]
) -> None:
    """Values, as shares of the range, to the power gamma; cut to whole grey levels."""
    gamma = drawn["gamma"]
    if images.dtype == np.uint8:
        look_up(images, places, _gamma_tables(gamma, _logarithms_of_levels()))
    else:
        _raise(images, places, gamma)


def invert(
    t: A.InvertImg, images: np.ndarray, places: np.ndarray, drawn: dict[str, np.ndarray]
) -> None:
    ones = np.ones((len(places), 1), np.float32)
    scale_and_add(images, places, -ones, ones * np.float32(top(images.dtype)))


def sample_posterize(
    t: A.Posterize, draws: Draws, shape: tuple[int, int, int], dtype: npt.DTypeLike
) -> dict[str, np.ndarray]:
    """The bits that are kept, int64 [N], or [N, C] where the channels have limits of their own."""
    if not isinstance(t.num_bits, list):
        return {"num_bits": draws.integers(*t.num_bits)}
    if len(t.num_bits) > 1:
        require_channels(t, shape[2], len(t.num_bits))
    return {"num_bits": np.stack([draws.integers(*limits) for limits in t.num_bits], axis=1)}


def posterize(
    t: A.Posterize, images: np.ndarray, places: np.ndarray, drawn: dict[str, np.ndarray]
) -> None:
    """The highest bits of each value; the others are zero."""
    bits = drawn["num_bits"].reshape(len(places), -1, 1)
    tables = (LEVELS & ~((256 >> bits) - 1)).astype(np.uint8)
    through_uint8(lambda images, places: look_up(images, places, tables), images, places)


def sample_solarize(
    t: A.Solarize, draws: Draws, shape: tuple[int, int, int], dtype: npt.DTypeLike
) -> dict[str, np.ndarray]:
    """The threshold as a share of the range."""
    return {"threshold": draws.uniform(*t.threshold_range)}


def solarize(
    t: A.Solarize, images: np.ndarray, places: np.ndarray, drawn: dict[str, np.ndarray]
) -> None:
    """Values from the threshold on are inverted."""
    threshold = drawn["threshold"][:, None, None]
    if images.dtype == np.uint8:
        tables = np.where(threshold * 255 <= LEVELS, 255 - LEVELS, LEVELS).astype(np.uint8)
        return look_up(images, places, tables)
    _solarize(images, places, drawn["threshold"].astype(np.float32))


@kernel
def _solarize(images: np.ndarray, places: np.ndarray, thresholds: np.ndarray) -> None:
    flat, one = images.reshape(len(images), -1), np.float32(1)
    for n in range(len(places)):
        values, threshold = flat[places[n]], thresholds[n]
        for i in range(len(values)):
            value = one - values[i] if values[i] >= threshold else values[i]
            values[i] = min(max(value, _LEAST), one)


@kernel
def _histogram(values: np.ndarray, counts: np.ndarray) -> None:
    """Counts of each level, int64 [256]: pairs of neighbours, often equal, are counted apart."""
    other = np.zeros(256, np.int64)
    counts[:] = 0
    for i in range(1, len(values), 2):
        counts[values[i - 1]] += 1
        other[values[i]] += 1
    if len(values) % 2:
        counts[values[-1]] += 1
    for i in range(256):
        counts[i] += other[i]


@kernel
def _equalize(images: np.ndarray, places: np.ndarray, pil: bool) -> None:
    channels = images.shape[3]
    flat = images.reshape(len(images), -1)
    counts, table = np.empty(256, np.int64), np.empty(256, np.uint8)
    for n in range(len(places)):
        for c in range(channels):
            values = flat[places[n]][c::channels]
            _histogram(values, counts)
            total, first, last = len(values), 0, 255
            while counts[first] == 0:
                first += 1
            while counts[last] == 0:
                last -= 1
            step = (total - counts[last]) // 255
            if first == last or (pil and step == 0):
                continue
            running = 0
            if pil:  # counted below each level, as by Pillow; 2.0.8 counts the level itself, too
                for i in range(256):
                    table[i] = min((running + step // 2) // step, 255)
                    running += counts[i]
            else:
                scale = np.float32(255) / np.float32(total - counts[first])
                table[first] = 0
                for i in range(first + 1, 256):
                    running += counts[i]
                    table[i] = min(np.rint(np.float32(running) * scale), np.float32(255))
            for i in range(total):
                values[i] = table[values[i]]


def sample_equalize(
    t: A.Equalize, draws: Draws, shape: tuple[int, int, int], dtype: npt.DTypeLike
) -> dict[str, np.ndarray]:
    require_channels(t, shape[2], 1, 3)
    return {}


def equalize(
    t: A.Equalize, images: np.ndarray, places: np.ndarray, drawn: dict[str, np.ndarray]
) -> None:
    """Each channel's histogram made as even as can be."""
    through_uint8(lambda images, places: _equalize(images, places, t.mode == "pil"), images, places)


@kernel
def _bounds(counts: np.ndarray, cutoff: float) -> tuple[int, int]:
    """The levels between which a histogram lies, `cutoff` percent of it cut on each side."""
    total, even = 0, True
    for i in range(256):
        total += counts[i]
        even = even and counts[i] == counts[0]
    if total == 0:
        return 0, 0
    if cutoff == 0:
        first, last = 0, 255
        while counts[first] == 0:
            first += 1
        while counts[last] == 0:
            last -= 1
        return first, last
    if even:
        first = int(256 * cutoff / 100)
        return first, 255 - first
    first = last = running = 0
    for i in range(256):
        running += counts[i]
        if running >= total * cutoff / 100:
            first = min(i + 1, 255)
            break
    running = 0
    for i in range(255, -1, -1):
        running += counts[i]
        if running >= total * cutoff / 100:
            last = i
            break
    return (first, last) if first <= last else (127, 127)


@kernel
def _auto_contrast(images: np.ndarray, places: np.ndarray, cutoff: float, pil: bool) -> None:
    channels = images.shape[3]
    flat = images.reshape(len(images), -1)
    counts, table = np.empty(256, np.int64), np.empty(256, np.uint8)
    most = np.float32(255)
    for n in range(len(places)):
        for c in range(channels):
            values = flat[places[n]][c::channels]
            _histogram(values, counts)
            if not pil or cutoff:
                counts[255] = 0  # 2.0.8 doesn't count the highest level
            first, last = _bounds(counts, cutoff)
            if last <= first:
                continue
            table[:first] = 0
            table[last + 1 :] = 255
            if pil:
                scale = 255 / (last - first)
                for i in range(first, last + 1):
                    table[i] = min(np.rint((i - first) * scale), 255.0)
            else:
                inside = 0
                for i in range(first, last + 1):
                    inside += counts[i]
                if inside == 0:
                    continue
                whole = np.float32(inside - counts[first])
                running = -counts[first]
                for i in range(first, last + 1):
                    running += counts[i]
                    table[i] = np.rint(np.float32(running) * most / whole) if whole else 0
            for i in range(len(values)):
                values[i] = table[values[i]]


def auto_contrast(
    t: A.AutoContrast, images: np.ndarray, places: np.ndarray, drawn: dict[str, np.ndarray]
) -> None:
    """Each channel's levels spread over the range, evenly or by their share."""
    through_uint8(
        lambda images, places: _auto_contrast(images, places, float(t.cutoff), t.method == "pil"),
        images,
        places,
    )


def sample_tone_curve(
    t: A.RandomToneCurve, draws: Draws, shape: tuple[int, int, int], dtype: npt.DTypeLike
) -> dict[str, np.ndarray]:
    """Heights of a Bezier curve's middle points, float64 [N], or [N, C] where `per_channel`."""
    count = shape[2] if t.per_channel else 1
    low, high = (
        np.clip(middle + t.scale * draws.normals(count).astype(np.float64), 0, 1)
        for middle in (0.25, 0.75)
    )
    return (
        {"low_y": low, "high_y": high} if count > 1 else {"low_y": low[:, 0], "high_y": high[:, 0]}
    )


def change_tone_curve(
    t: A.RandomToneCurve, images: np.ndarray, places: np.ndarray, drawn: dict[str, np.ndarray]
) -> None:
    low, high = (drawn[name].reshape(len(places), -1, 1) for name in ("low_y", "high_y"))
    x = np.linspace(0, 1, 256)
    rest = 1 - x
    curve = 3 * (rest * rest) * x * low + 3 * rest * (x * x) * high + x * x * x
    tables = np.rint(curve * 255).astype(np.uint8)
    through_uint8(lambda images, places: look_up(images, places, tables), images, places)


def sample_clahe(
    t: A.CLAHE, draws: Draws, shape: tuple[int, int, int], dtype: npt.DTypeLike
) -> dict[str, np.ndarray]:
    """The limit of `A.CLAHE`."""
    require_channels(t, shape[2], 1, 3)
    return {"clip_limit": draws.uniform(*t.clip_limit)}


def equalize_tiles(
    t: A.CLAHE, images: np.ndarray, places: np.ndarray, drawn: dict[str, np.ndarray]
) -> None:
    """OpenCV's own, of the lightness where there is colour."""
    tiles = cv2.createCLAHE(tileGridSize=t.tile_grid_size)

    def change(images: np.ndarray, places: np.ndarray) -> None:
        for place, limit in zip(places.tolist(), drawn["clip_limit"].tolist(), strict=True):
            tiles.setClipLimit(limit)
            image = images[place]
            if image.shape[2] == 1:
                tiles.apply(image, image)
                continue
            lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
            lab[..., 0] = tiles.apply(lab[..., 0])
            cv2.cvtColor(lab, cv2.COLOR_LAB2RGB, image)

    through_uint8(change, images, places)


def sample_compression(
    t: A.ImageCompression, draws: Draws, shape: tuple[int, int, int], dtype: npt.DTypeLike
) -> dict[str, np.ndarray]:
    """The quality of `A.ImageCompression`."""
    return {"quality": draws.integers(*t.quality_range)}


def compress(
    t: A.ImageCompression, images: np.ndarray, places: np.ndarray, drawn: dict[str, np.ndarray]
) -> None:
    """To JPEG or WebP and back, by OpenCV: three channels at once, a fourth by itself."""
    ending, flag = {
        "jpeg": (".jpg", cv2.IMWRITE_JPEG_QUALITY),
        "webp": (".webp", cv2.IMWRITE_WEBP_QUALITY),
    }[t.compression_type]

    def coded(image: np.ndarray, quality: int) -> Any:
        mode = cv2.IMREAD_GRAYSCALE if image.ndim == 2 else cv2.IMREAD_UNCHANGED
        return cv2.imdecode(cv2.imencode(ending, image, (flag, quality))[1], mode)

    def change(images: np.ndarray, places: np.ndarray) -> None:
        channels = images.shape[3]
        for place, quality in zip(places.tolist(), drawn["quality"].tolist(), strict=True):
            image = images[place]
            if channels == 2:
                image[:] = coded(np.pad(image, ((0, 0), (0, 0), (0, 1))), quality)[..., :2]
            elif channels > 2:
                image[..., :3] = coded(image[..., :3], quality)
            if channels % 3 == 1:
                image[..., -1] = coded(image[..., -1], quality)

    through_uint8(change, images, places)


TRANSFORMS: dict[
    type[A.BasicTransform], tuple[Callable[..., dict[str, np.ndarray]], Callable[..., None]]
] = {
    A.RandomBrightnessContrast: (sample_brightness_contrast, change_brightness_contrast),
    A.RandomGamma: (sample_gamma, change_gamma),
    A.InvertImg: (nothing, invert),
    A.Posterize: (sample_posterize, posterize),
    A.Solarize: (sample_solarize, solarize),
    A.Equalize: (sample_equalize, equalize),
    A.AutoContrast: (nothing, auto_contrast),
    A.RandomToneCurve: (sample_tone_curve, change_tone_curve),
    A.CLAHE: (sample_clahe, equalize_tiles),
    A.ImageCompression: (sample_compression, compress),
}


def needs_albumentations(t: A.BasicTransform) -> bool:
    """Whether a listed transform has a parameter that only albumentations can serve."""
    if isinstance(t, A.Equalize):
        return t.mask is not None or not t.by_channels
    return isinstance(t, A.AutoContrast) and t.ignore is not None
