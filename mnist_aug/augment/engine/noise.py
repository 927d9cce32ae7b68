"""Noise: what each transform draws, and its application to images.

For each transform one function samples parameters for N images at once, from draws, the images'
shape (H, W, C) and dtype, and one changes images in place: the images at `places` int64 [N] of [M,
H, W, C], uint8 or float32 in [0, 1]. Names, ranges, formulas and rounding follow albumentations
2.0.8, except for its errors listed in docs/engine.md.

Noise is held as shares of the range, float32 [N, H, W, C], or [N, H, W, 1] where the channels share
it. In grey levels it is cut towards zero before it is added, as in 2.0.8, so that it darkens
nothing.
"""

from collections.abc import Callable
from typing import Any

import albumentations as A
import numpy as np
import numpy.typing as npt

from mnist_aug.augment.engine.compiled import kernel
from mnist_aug.augment.engine.draws import Draws
from mnist_aug.augment.engine.tones import require_channels, scale_and_add, top
from mnist_aug.errors import UserError

_PEPPER, _SALT = 1, 2


@kernel
def _scale(noise: np.ndarray, std: np.ndarray, mean: np.ndarray) -> None:
    for n in range(len(noise)):
        values, factor, summand = noise[n], std[n], mean[n]
        for i in range(len(values)):
            values[i] = values[i] * factor + summand


@kernel
def _between(uniforms: np.ndarray, low: float, high: float) -> np.ndarray:
    """float32 [N, K], uniform on [low, high), of as many on [0, 1)."""
    out = np.empty(uniforms.shape, np.float32)
    source, values = uniforms.ravel(), out.ravel()
    for i in range(len(source)):
        values[i] = low + (high - low) * source[i]
    return out


@kernel
def _add(images: np.ndarray, places: np.ndarray, noise: np.ndarray, most: float) -> None:
    """Add noise [N, H * W, C or 1] to images [M, H * W, C], cut and clipped."""
    whole, least = images.itemsize == 1, most - most
    every = images.shape[2] // noise.shape[2]
    for n in range(len(places)):
        values, added = images[places[n]].ravel(), noise[n].ravel()
        for start in range(every):
            part = values[start::every] if every > 1 else values
            for i in range(len(added)):
                amount = added[i] * most
                if whole:
                    amount = np.float32(np.int32(amount))
                part[i] = min(max(np.float32(part[i]) + amount, least), most)


@kernel
def _multiply(images: np.ndarray, places: np.ndarray, factors: np.ndarray, most: float) -> None:
    """Multiply images [M, H * W, C] by factors [N, H * W, C or 1], cut and clipped."""
    every, least = images.shape[2] // factors.shape[2], most - most
    for n in range(len(places)):
        values, factor = images[places[n]].ravel(), factors[n].ravel()
        for start in range(every):
            part = values[start::every]
            for i in range(len(factor)):
                part[i] = min(max(np.float32(part[i]) * factor[i], least), most)


@kernel
def _put(images: np.ndarray, places: np.ndarray, which: np.ndarray, values: np.ndarray) -> None:
    """Where `which` uint8 [N, H * W, C or 1] is k > 0, put values [N, K, C][:, k - 1]."""
    channels, own = images.shape[2], which.shape[2] > 1
    for n in range(len(places)):
        image, chosen = images[places[n]], which[n]
        for i in range(len(image)):
            for c in range(channels):
                k = chosen[i, c if own else 0]
                if k:
                    image[i, c] = values[n, k - 1, c]


def _by_pixel(array: np.ndarray) -> np.ndarray:
    """[N, H, W, C] as [N, H * W, C]."""
    count, height, width, channels = array.shape
    return array.reshape(count, height * width, channels)


def _normal_noise(
    draws: Draws, size: tuple[int, int, int], std: np.ndarray, mean: np.ndarray
) -> np.ndarray:
    """float32 [N, *size]."""
    noise = draws.normals(int(np.prod(size)))
    _scale(noise, std.astype(np.float32), mean.astype(np.float32))
    return noise.reshape(len(draws), *size)


def _coarse(shape: tuple[int, int, int], share: float, shared: bool) -> tuple[int, int, int]:
    """The size at which noise is drawn that is then enlarged."""
    height, width, channels = shape
    return max(1, int(height * share)), max(1, int(width * share)), 1 if shared else channels


@kernel
def _steps(few: int, many: int) -> tuple[np.ndarray, np.ndarray]:
    """OpenCV's linear interpolation: the pixel before each of `many`, and the next one's weight."""
    before, weight = np.empty(many, np.int64), np.empty(many, np.float32)
    for i in range(many):
        place = (i + 0.5) * (few / many) - 0.5
        before[i] = min(max(np.floor(place), 0), few - 1)
        weight[i] = place - before[i] if place >= 0 and before[i] < few - 1 else 0
    return before, weight


@kernel
def _enlarge(noise: np.ndarray, height: int, width: int) -> np.ndarray:
    one = np.float32(1)
    rows, down = _steps(noise.shape[1], height)
    columns, across = _steps(noise.shape[2], width)
    count, channels = len(noise), noise.shape[3]
    out = np.empty((count, height, width, channels), np.float32)
    wide = np.empty((noise.shape[1], width, channels), np.float32)
    for n in range(count):
        for y in range(noise.shape[1]):
            line = noise[n, y]
            for x in range(width):
                left, right = line[columns[x]], line[min(columns[x] + 1, len(line) - 1)]
                for c in range(channels):
                    wide[y, x, c] = left[c] * (one - across[x]) + right[c] * across[x]
        for y in range(height):
            upper, lower = wide[rows[y]].ravel(), wide[min(rows[y] + 1, len(wide) - 1)].ravel()
            line = out[n, y].ravel()
            for i in range(len(line)):
                line[i] = upper[i] * (one - down[y]) + lower[i] * down[y]
    return out


def _enlarged(noise: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    return noise if noise.shape[1:3] == shape[:2] else _enlarge(noise, *shape[:2])


def sample_gauss_noise(
    t: A.GaussNoise, draws: Draws, shape: tuple[int, int, int], dtype: npt.DTypeLike
) -> dict[str, np.ndarray]:
    """Mean and deviation as shares of the range, and the noise itself.

    A share of the size in `noise_scale_factor` means coarser noise, enlarged linearly.
    """
    std, mean = draws.uniform(*t.std_range), draws.uniform(*t.mean_range)
    size = _coarse(shape, t.noise_scale_factor, not t.per_channel)
    noise = _enlarged(_normal_noise(draws, size, std, mean), shape)
    return {"std": std, "mean": mean, "noise": noise}


def add_noise(
    t: A.GaussNoise | A.AdditiveNoise,
    images: np.ndarray,
    places: np.ndarray,
    drawn: dict[str, np.ndarray],
) -> None:
    if "noise" in drawn:
        most: Any = np.float32(top(images.dtype))
        return _add(_by_pixel(images), places, _by_pixel(drawn["noise"]), most)
    shift = drawn["shift"] * top(images.dtype)
    if images.dtype == np.uint8:
        shift = np.trunc(shift)
    shift = shift.astype(np.float32)
    scale_and_add(images, places, np.ones_like(shift), shift)


def sample_additive_noise(
    t: A.AdditiveNoise, draws: Draws, shape: tuple[int, int, int], dtype: npt.DTypeLike
) -> dict[str, np.ndarray]:
    """Constant noise as `shift`, float64 [N, C] in shares of the range; other as `noise`."""
    count, channels, numbers = len(draws), shape[2], t.noise_params
    if t.noise_type == "gaussian":
        std, mean = draws.uniform(*numbers["std_range"]), draws.uniform(*numbers["mean_range"])
        if t.spatial_mode == "constant":
            return {"shift": _normal_noise(draws, (1, 1, channels), std, mean)[:, 0, 0]}
    elif t.spatial_mode == "constant":
        ranges = numbers["ranges"] * (channels if len(numbers["ranges"]) == 1 else 1)
        if len(ranges) < channels:
            require_channels(t, channels, *range(1, len(ranges) + 1))
        u = draws.uniforms(channels)
        low, high = np.array(ranges[:channels]).T
        return {"shift": low + (high - low) * u}
    size = _coarse(shape, t.approximation, t.spatial_mode == "shared")
    if t.noise_type == "gaussian":
        noise = _normal_noise(draws, size, std, mean)
    else:
        low, high = numbers["ranges"][0]
        noise = _between(draws.uniforms(int(np.prod(size))), low, high).reshape(count, *size)
    return {"noise": _enlarged(noise, shape)}


def sample_multiplicative_noise(
    t: A.MultiplicativeNoise, draws: Draws, shape: tuple[int, int, int], dtype: npt.DTypeLike
) -> dict[str, np.ndarray]:
    """Factors, float32 [N, 1 or C], or [N, H, W, 1 or C] where `elementwise`."""
    low, high = t.multiplier
    size = (*(shape[:2] if t.elementwise else ()), shape[2] if t.per_channel else 1)
    factors = _between(draws.uniforms(int(np.prod(size))), float(low), float(high))
    return {"multiplier": factors.reshape(len(draws), *size)}


def multiply(
    t: A.MultiplicativeNoise, images: np.ndarray, places: np.ndarray, drawn: dict[str, np.ndarray]
) -> None:
    factors = drawn["multiplier"]
    if not t.elementwise:
        return scale_and_add(images, places, factors, np.zeros_like(factors))
    most: Any = np.float32(top(images.dtype))
    _multiply(_by_pixel(images), places, _by_pixel(factors), most)


def sample_pixel_dropout(
    t: A.PixelDropout, draws: Draws, shape: tuple[int, int, int], dtype: npt.DTypeLike
) -> dict[str, np.ndarray]:
    """Which values are dropped, bool [N, H, W, 1 or C], and what takes their place, [N, C]."""
    height, width, channels = shape
    size = (height, width, channels if t.per_channel else 1)
    dropped = draws.uniforms(int(np.prod(size))) < t.dropout_prob
    if t.drop_value is None:
        u = draws.uniforms(channels)  # 2.0.8 never draws 255
        values = np.floor(u * 255) if dtype == np.uint8 else u
    else:
        given = np.array(t.drop_value, dtype).reshape(-1)
        if channels == 1:
            given = given[:1]
        if len(given) not in (1, channels):
            raise UserError(
                f"PixelDropout: drop_value={t.drop_value} has {len(given)} numbers for images of "
                f"{channels} channels: give one number, or one for each channel"
            )
        values = np.broadcast_to(given, (len(draws), channels))
    return {"drop_mask": dropped.reshape(-1, *size), "drop_values": values.astype(dtype)}


def drop_pixels(
    t: A.PixelDropout, images: np.ndarray, places: np.ndarray, drawn: dict[str, np.ndarray]
) -> None:
    dropped = _by_pixel(drawn["drop_mask"]).view(np.uint8)
    _put(_by_pixel(images), places, dropped, drawn["drop_values"][:, None])


@kernel
def _grains(uniforms: np.ndarray, pixels: np.ndarray, salt: np.ndarray, out: np.ndarray) -> None:
    """The first pixels of shuffles by Fisher and Yates: salt[n] of pixels[n] are salt."""
    area = out.shape[1]
    order = np.empty(area, np.int64)
    for n in range(len(out)):
        for i in range(area):
            order[i] = i
        for i in range(pixels[n]):
            j = i + int(uniforms[n, i] * (area - i))
            chosen, order[j] = order[j], order[i]
            out[n, chosen] = _SALT if i < salt[n] else _PEPPER


def sample_salt_and_pepper(
    t: A.SaltAndPepper, draws: Draws, shape: tuple[int, int, int], dtype: npt.DTypeLike
) -> dict[str, np.ndarray]:
    """Grains, uint8 [N, H, W, 1]: 1 for pepper, 2 for salt."""
    height, width, _ = shape
    area = height * width
    pixels = (area * draws.uniform(*t.amount)).astype(np.int64)
    salt = (pixels * draws.uniform(*t.salt_vs_pepper)).astype(np.int64)
    grains = np.zeros((len(draws), area), np.uint8)
    _grains(draws.uniforms(int(area * t.amount[1])), pixels, salt, grains)
    return {"grains": grains.reshape(-1, height, width, 1)}


def sprinkle(
    t: A.SaltAndPepper, images: np.ndarray, places: np.ndarray, drawn: dict[str, np.ndarray]
) -> None:
    values = np.zeros((len(places), 2, images.shape[3]), images.dtype)
    values[:, _SALT - 1] = top(images.dtype)
    _put(_by_pixel(images), places, _by_pixel(drawn["grains"]), values)


TRANSFORMS: dict[
    type[A.BasicTransform], tuple[Callable[..., dict[str, np.ndarray]], Callable[..., None]]
] = {
    A.GaussNoise: (sample_gauss_noise, add_noise),
    A.AdditiveNoise: (sample_additive_noise, add_noise),
    A.RGBShift: (sample_additive_noise, add_noise),
    A.MultiplicativeNoise: (sample_multiplicative_noise, multiply),
    A.PixelDropout: (sample_pixel_dropout, drop_pixels),
    A.SaltAndPepper: (sample_salt_and_pepper, sprinkle),
}


def needs_albumentations(t: A.BasicTransform) -> bool:
    """Whether a listed transform has a parameter that only albumentations can serve."""
    return isinstance(t, A.AdditiveNoise) and t.noise_type in ("laplace", "beta")
