"""Filters of neighbourhoods: what each transform draws, and its application to images.

For each transform one function samples parameters for N images at once, from draws, the images'
shape (H, W, C) and dtype, and one changes images in place: the images at `places` int64 [N] of [M,
H, W, C], uint8 or float32 in [0, 1]. Names, ranges, formulas and rounding follow albumentations
2.0.8, except for its errors listed in docs/engine.md.

Weighted sums are float32, in a written order, on images with a band around them that holds what
`cv2.BORDER_REFLECT_101` reads there. Box filters, medians, extremes and changes of resolution are
OpenCV's, image by image: on uint8 images they are integer arithmetic, with the same bytes on every
processor.
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
from mnist_aug.augment.engine.exact import exp, log, sin_cos
from mnist_aug.augment.engine.resample import band
from mnist_aug.augment.engine.sizes import without_ipp
from mnist_aug.errors import UserError

Drawn = dict[str, np.ndarray]
_TAPS = 4  # summed at a time
_TOGETHER = 5  # compared at a time
_128 = np.int32(128)
_LARGEST_COUNTED = 15  # side of a neighbourhood whose pixels a byte can count
_NONE = np.float32(0)
# Added and taken away, it rounds float32 numbers below 2**22 to whole ones, halves to even ones.
_ROUNDING = np.float32(1.5 * 2**23)


@kernel
def _spread(image: np.ndarray, rows: np.ndarray, columns: np.ndarray, canvas: np.ndarray) -> None:
    """Image [H, W C] with its band into a canvas [(H + 2 r) (W + 2 r) C], float32."""
    width = len(columns)
    side = (width - image.shape[1]) // 2
    for y in range(len(rows)):
        line, source = canvas[y * width : (y + 1) * width], image[rows[y]]
        inner = line[side : side + len(source)]
        for x in range(len(source)):
            inner[x] = source[x]
        for x in range(side):
            line[x] = source[columns[x]]
        for x in range(side + len(source), width):
            line[x] = source[columns[x]]


@kernel
def _weigh(source: np.ndarray, offsets: np.ndarray, weights: np.ndarray, out: np.ndarray) -> None:
    """out[i] = the sum of weights[k] source[i + offsets[k]]; k counts to a multiple of `_TAPS`."""
    for k in range(0, len(offsets), _TAPS):
        a, b = source[offsets[k] :], source[offsets[k + 1] :]
        c, d = source[offsets[k + 2] :], source[offsets[k + 3] :]
        p, q, r, s = weights[k], weights[k + 1], weights[k + 2], weights[k + 3]
        if k == 0:
            for i in range(len(out)):
                out[i] = ((p * a[i] + q * b[i]) + r * c[i]) + s * d[i]
        else:
            for i in range(len(out)):
                out[i] = (((out[i] + p * a[i]) + q * b[i]) + r * c[i]) + s * d[i]


@kernel
def _store(values: np.ndarray, width: int, image: np.ndarray) -> None:
    """Values, `width` in a row, into an image [H, W C], rounded and clipped to its range."""
    for y in range(image.shape[0]):
        line, source = image[y], values[y * width :]
        if image.itemsize == 1:
            for x in range(len(line)):
                v = (source[x] + _ROUNDING) - _ROUNDING
                line[x] = np.uint8(np.int32(min(max(v, _NONE), np.float32(255))))
        else:
            for x in range(len(line)):
                line[x] = min(max(source[x], _NONE), np.float32(1))


@kernel
def _around(index: np.ndarray, reach: int, of: int) -> np.ndarray:
    """The index of an image with a band of `reach`, out of that with a band of `of`."""
    return index[of - reach : len(index) - (of - reach)]


@kernel
def _convolve(
    images: np.ndarray, places: np.ndarray, channels: int, reach: int, rows: np.ndarray,
    columns: np.ndarray, kernels: np.ndarray,
) -> None:  # fmt: skip
    """Correlate images [M, H, W C] with kernels float32 [N, k, k], zero beyond their own size."""
    height, width, size = images.shape[1], images.shape[2], kernels.shape[1]
    stride = width + 2 * reach * channels
    canvas = np.zeros((height + 2 * reach) * stride, np.float32)
    out = np.empty((height - 1) * stride + width, np.float32)
    offsets = np.zeros(size * size + _TAPS, np.int64)
    weights = np.zeros(size * size + _TAPS, np.float32)
    for n in range(len(places)):
        image, used = images[places[n]], 0
        for y in range(size):
            for x in range(size):
                if kernels[n, y, x] != 0:
                    weights[used] = kernels[n, y, x]
                    offsets[used] = y * stride + x * channels
                    used += 1
        whole = max(-(-used // _TAPS), 1) * _TAPS
        for k in range(used, whole):
            weights[k] = 0
        _spread(image, rows, columns, canvas)
        _weigh(canvas, offsets[:whole], weights[:whole], out)
        _store(out, stride, image)


@kernel
def _smooth(
    canvas: np.ndarray, height: int, stride: int, channels: int, weights: np.ndarray,
    middle: np.ndarray, out: np.ndarray,
) -> None:  # fmt: skip
    """A canvas of `height` rows with its band, smoothed down and then across, into rows of `out`.

    Args:
        weights: float32 [k], odd in number.
        middle, out: float32, at least [height stride]; the band's columns of `out` mean nothing.
    """
    size = len(weights)
    whole = -(-size // _TAPS) * _TAPS
    offsets, grown = np.zeros(whole, np.int64), np.zeros(whole, np.float32)
    for k in range(size):
        offsets[k], grown[k] = k * stride, weights[k]
    _weigh(canvas, offsets, grown, middle[: height * stride])
    for k in range(size):
        offsets[k] = k * channels
    _weigh(middle, offsets, grown, out[: height * stride - (size - 1) * channels])


@kernel
def _blur(
    images: np.ndarray, places: np.ndarray, channels: int, reach: int, rows: np.ndarray,
    columns: np.ndarray, reaches: np.ndarray, weights: np.ndarray,
) -> None:  # fmt: skip
    """Smooth images [M, H, W C] with kernels float32 [N, 2 reach + 1], each of its own reach."""
    height, width = images.shape[1], images.shape[2]
    stride = width + 2 * reach * channels
    canvas = np.zeros((height + 2 * reach) * stride, np.float32)
    middle, out = np.empty(height * stride, np.float32), np.empty(height * stride, np.float32)
    for n in range(len(places)):
        image, own = images[places[n]], reaches[n]
        stride = width + 2 * own * channels
        _spread(
            image,
            _around(rows, own, reach),
            _around(columns, own * channels, reach * channels),
            canvas,
        )
        _smooth(canvas, height, stride, channels, weights[n, : 2 * own + 1], middle, out)
        _store(out, stride, image)


@kernel
def _sharpen(
    images: np.ndarray, places: np.ndarray, channels: int, reach: int, rows: np.ndarray,
    columns: np.ndarray, reaches: np.ndarray, weights: np.ndarray, alpha: np.ndarray,
    threshold: float, soft: bool,
) -> None:  # fmt: skip
    """Add alpha times what smoothing takes away; `soft`: only where that is above a threshold.

    The threshold is in grey levels of the image; what lies above it is a mask, which is smoothed
    in its turn.
    """
    height, width = images.shape[1], images.shape[2]
    stride = width + 2 * reach * channels
    canvas = np.zeros((height + 2 * reach) * stride, np.float32)
    middle, out = np.empty(height * stride, np.float32), np.empty(height * stride, np.float32)
    sharp, mask = np.empty((height, width), np.float32), np.empty((height, width), np.float32)
    top = np.float32(255 if images.itemsize == 1 else 1)
    limit, one = np.float32(threshold), np.float32(1)
    for n in range(len(places)):
        image, own, factor = images[places[n]], reaches[n], np.float32(alpha[n])
        stride = width + 2 * own * channels
        down, across = _around(rows, own, reach), _around(columns, own * channels, reach * channels)
        _spread(image, down, across, canvas)
        _smooth(canvas, height, stride, channels, weights[n, : 2 * own + 1], middle, out)
        for y in range(height):
            line, away, old, smooth = sharp[y], mask[y], image[y], out[y * stride :]
            for x in range(width):
                value = np.float32(old[x])
                rest = value - smooth[x]
                line[x] = min(max(value + factor * rest, _NONE), top)
                away[x] = one if abs(rest) > limit else _NONE
        if soft:
            _spread(mask, down, across, canvas)
            _smooth(canvas, height, stride, channels, weights[n, : 2 * own + 1], middle, out)
            for y in range(height):
                line, old, share = sharp[y], image[y], out[y * stride :]
                for x in range(width):
                    line[x] = line[x] * share[x] + np.float32(old[x]) * (one - share[x])
        _store(sharp.ravel(), width, image)


@lru_cache(maxsize=64)
def _columns(width: int, channels: int, reach: int, border: int) -> np.ndarray:
    """int64 [(width + 2 reach) C]: of a row with its band, which value stands where."""
    columns = band(width, reach, border)[:, None]
    return (columns * channels + np.arange(channels)).ravel()


def _flat(images: np.ndarray, reach: int, border: int = cv2.BORDER_REFLECT_101) -> tuple[Any, ...]:
    """[M, H, W C], C, the reach of the band, and its rows and columns."""
    count, height, width, channels = images.shape
    rows, columns = band(height, reach, border), _columns(width, channels, reach, border)
    return images.reshape(count, height, -1), channels, reach, rows, columns


def _odd(draws: Draws, limits: tuple[int, int]) -> np.ndarray:
    """int64 [N]: odd numbers of at least 3 from `limits`, even ones counted as the next odd one."""
    low, high = (max(3, limit + (limit % 2 == 0)) for limit in limits)
    return low + 2 * draws.integers(0, (max(high, low) - low) // 2)


@kernel
def _gaussians(sigma: np.ndarray, size: np.ndarray, out: np.ndarray) -> None:
    """Samples of the normal law's density that sum to one, into float32 [N, largest size]."""
    for n in range(len(sigma)):
        half, total = size[n] // 2, 0.0
        for i in range(2 * half + 1):
            total += exp(-0.5 * ((i - half) / sigma[n]) ** 2)
        for i in range(2 * half + 1):
            out[n, i] = exp(-0.5 * ((i - half) / sigma[n]) ** 2) / total


def _gaussian_kernels(sigma: np.ndarray, size: np.ndarray, most: int) -> np.ndarray:
    """float32 [N, most]; a deviation of 0 stands for the one that OpenCV takes for a size."""
    out = np.zeros((len(sigma), most), np.float32)
    _gaussians(np.where(sigma > 0, sigma, 1), size, out)
    for n in np.flatnonzero(sigma <= 0):
        out[n, : size[n]] = _default_gaussian(int(size[n]))
    return out


@lru_cache(maxsize=64)
def _default_gaussian(size: int) -> np.ndarray:
    return cv2.getGaussianKernel(size, 0)[:, 0].astype(np.float32)


def sample_gaussian_blur(
    t: A.GaussianBlur, draws: Draws, shape: tuple[int, int, int], dtype: npt.DTypeLike
) -> Drawn:
    """Standard deviation and kernel length of `A.GaussianBlur`, both in pixels."""
    sigma, size = draws.uniform(*t.sigma_limit), draws.integers(*t.blur_limit)
    size = np.where(size == 0, (sigma * 3.5).astype(np.int64) * 2 + 1, size)
    return {"sigma_px": sigma, "size_px": size + 1 - size % 2}


def gaussian_blur(t: A.GaussianBlur, images: np.ndarray, places: np.ndarray, drawn: Drawn) -> None:
    size = drawn["size_px"]
    reach = int(size.max()) // 2
    weights = _gaussian_kernels(np.maximum(drawn["sigma_px"], 1e-9), size, 2 * reach + 1)
    flat, *band_of = _flat(images, reach)
    _blur(flat, places, *band_of, size // 2, weights)


def sample_size(
    t: A.Blur | A.MedianBlur, draws: Draws, shape: tuple[int, int, int], dtype: npt.DTypeLike
) -> Drawn:
    """The side of the neighbourhood in pixels."""
    return {"size_px": _odd(draws, t.blur_limit)}


def box_blur(t: A.Blur, images: np.ndarray, places: np.ndarray, drawn: Drawn) -> None:
    for place, size in zip(places.tolist(), drawn["size_px"].tolist(), strict=True):
        cv2.blur(images[place], (size, size), images[place])


def median_blur(t: A.MedianBlur, images: np.ndarray, places: np.ndarray, drawn: Drawn) -> None:
    """OpenCV's where it is fast; float32 images have 256 levels meanwhile, as in 2.0.8."""
    sizes, work, at = drawn["size_px"], images, places
    if images.dtype != np.uint8:
        work, at = _in_bytes(images[places]), np.arange(len(places))
    ours = (sizes <= _LARGEST_COUNTED) & ((sizes > 3) | (images.shape[3] < 3))
    for place, size in zip(at[~ours].tolist(), sizes[~ours].tolist(), strict=True):
        image = work[place]
        if image.shape[2] != 2:
            cv2.medianBlur(image, size, image)
        else:  # which OpenCV refuses
            for c in range(2):
                image[..., c] = cv2.medianBlur(image[..., c].copy(), size)
    if ours.any():
        reach = int(sizes[ours].max()) // 2
        flat, *band_of = _flat(work, reach, cv2.BORDER_REPLICATE)
        _medians(flat, at[ours], *band_of, sizes[ours])
    if work is not images:
        images[places] = work.astype(np.float32) / np.float32(255)


def _in_bytes(images: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(images * np.float32(255)), 0, 255).astype(np.uint8)


@kernel
def _medians(
    images: np.ndarray, places: np.ndarray, channels: int, reach: int, rows: np.ndarray,
    columns: np.ndarray, sizes: np.ndarray,
) -> None:  # fmt: skip
    """The median, bit by bit: the largest number that at least half of the values reach.

    The values are held less 128: signed bytes are compared faster.
    """
    height, width = images.shape[1], images.shape[2]
    full, most = width + 2 * reach * channels, (2 * reach + 1) ** 2
    canvas = np.zeros((height + 2 * reach) * full + height * full, np.int8)
    found = np.empty(height * full, np.int32)
    below, count = np.empty(height * full, np.int8), np.empty(height * full, np.uint8)
    offsets = np.zeros(most + _TOGETHER, np.int64)
    for n in range(len(places)):
        image, size = images[places[n]], sizes[n]
        own = size // 2
        side = own * channels
        stride = width + 2 * side
        down, across = _around(rows, own, reach), _around(columns, side, reach * channels)
        for y in range(len(down)):
            line, source = canvas[y * stride : (y + 1) * stride], image[down[y]]
            inner = line[side : side + width]
            for x in range(width):
                inner[x] = np.int32(source[x]) - _128
            for x in range(side):
                line[x] = np.int32(source[across[x]]) - _128
            for x in range(side + width, stride):
                line[x] = np.int32(source[across[x]]) - _128
        end = len(down) * stride
        for k in range(end, end + height * stride):
            canvas[k] = -128  # what reaches no number
        used = 0
        for y in range(size):
            for x in range(size):
                offsets[used] = y * stride + x * channels
                used += 1
        whole = -(-used // _TOGETHER) * _TOGETHER
        for k in range(used, whole):
            offsets[k] = end
        length = (height - 1) * stride + width
        values, level, reached = found[:length], below[:length], count[:length]
        for i in range(length):
            values[i] = 0
        half = np.uint8((used + 1) // 2)
        for bit in range(7, -1, -1):
            step = np.int32(1 << bit)
            for i in range(length):
                level[i] = values[i] + (step - np.int32(129))
                reached[i] = 0
            for k in range(0, whole, _TOGETHER):
                a, b = canvas[offsets[k] :], canvas[offsets[k + 1] :]
                c, d = canvas[offsets[k + 2] :], canvas[offsets[k + 3] :]
                e = canvas[offsets[k + 4] :]
                for i in range(length):
                    z = level[i]
                    reached[i] += (
                        np.uint8(a[i] > z) + np.uint8(b[i] > z) + np.uint8(c[i] > z)
                        + np.uint8(d[i] > z) + np.uint8(e[i] > z)
                    )  # fmt: skip
            for i in range(length):
                values[i] += step if reached[i] >= half else np.int32(0)
        for y in range(height):
            line, source = image[y], values[y * stride :]
            for x in range(width):
                line[x] = source[x]


def sample_motion_blur(
    t: A.MotionBlur, draws: Draws, shape: tuple[int, int, int], dtype: npt.DTypeLike
) -> Drawn:
    """Kernels float32 [N, k, k]: lines, one-sided by `direction` and perhaps moved."""
    size, angle = _odd(draws, t.blur_limit), draws.uniform(*t.angle_range)
    direction = np.clip(draws.uniform(*t.direction_range), -1, 1)
    shift = draws.uniforms(2) * 2 - 1 if t.allow_shifted else np.zeros((len(draws), 2))
    largest = max(3, t.blur_limit[1] + (t.blur_limit[1] % 2 == 0))
    kernels = np.zeros((len(draws), largest, largest), np.float32)
    _lines(size, angle, direction, shift, kernels)
    return {"size_px": size, "angle_degrees": angle, "kernel": kernels}


@kernel
def _lines(
    sizes: np.ndarray, angles: np.ndarray, directions: np.ndarray, shifts: np.ndarray,
    kernels: np.ndarray,
) -> None:  # fmt: skip
    """Lines of weights that sum to one, in the middle of `kernels` [N, k, k]."""
    for n in range(len(sizes)):
        size, out = sizes[n], kernels[n]
        half, corner = size // 2, (out.shape[0] - size) // 2
        sine, cosine = sin_cos(angles[n])
        start = -half * (1 - max(directions[n], 0.0))
        end = half * (1 + min(directions[n], 0.0))
        step, count = (end - start) / (size - 1), 0
        for i in range(size):
            t = end if i == size - 1 else i * step + start
            x = (half + cosine * t) + shifts[n, 0] * half / 2
            y = (half + sine * t) + shifts[n, 1] * half / 2
            column = corner + int(min(max(np.rint(x), 0), size - 1))
            row = corner + int(min(max(np.rint(y), 0), size - 1))
            count += out[row, column] == 0
            out[row, column] = 1
        weight = np.float32(1) / np.float32(count)
        for y in range(out.shape[0]):
            for x in range(out.shape[1]):
                out[y, x] *= weight


def sample_advanced_blur(
    t: A.AdvancedBlur, draws: Draws, shape: tuple[int, int, int], dtype: npt.DTypeLike
) -> Drawn:
    """Kernels float32 [N, k, k]: generalised normal densities, turned, times noise."""
    size = _odd(draws, t.blur_limit)
    sigma_x, sigma_y = (
        np.maximum(draws.uniform(*limits), 1e-9) for limits in (t.sigma_x_limit, t.sigma_y_limit)
    )
    angle, below = draws.uniform(*t.rotate_limit), draws.uniform() < 0.5
    beta = draws.uniform(np.where(below, t.beta_limit[0], 1), np.where(below, 1, t.beta_limit[1]))
    largest = max(3, t.blur_limit[1] + (t.blur_limit[1] % 2 == 0))
    low, high = t.noise_limit
    noise = low + (high - low) * draws.uniforms(largest**2).reshape(-1, largest, largest)
    kernels = np.zeros(noise.shape, np.float32)
    _densities(size, sigma_x, sigma_y, angle, beta, noise, kernels)
    return {"size_px": size, "kernel": kernels}


@kernel
def _densities(
    sizes: np.ndarray, sigmas_x: np.ndarray, sigmas_y: np.ndarray, angles: np.ndarray,
    betas: np.ndarray, noise: np.ndarray, kernels: np.ndarray,
) -> None:  # fmt: skip
    for n in range(len(sizes)):
        size, values = sizes[n], noise[n]
        half, middle, total = size // 2, kernels.shape[1] // 2, 0.0
        sine, cosine = sin_cos(angles[n])
        for y in range(-half, half + 1):
            for x in range(-half, half + 1):
                along, across = cosine * x + sine * y, cosine * y - sine * x
                along, across = along / sigmas_x[n], across / sigmas_y[n]
                square = along * along + across * across
                power = exp(betas[n] * log(square)) if square > 0 else 0.0
                value = exp(-0.5 * power) * values[y + half, x + half]
                values[y + half, x + half] = value
                total += value
        for y in range(size):
            for x in range(size):
                share = np.float32(values[y, x]) / np.float32(total)
                kernels[n, y + middle - half, x + middle - half] = share


def sample_sharpen(
    t: A.Sharpen, draws: Draws, shape: tuple[int, int, int], dtype: npt.DTypeLike
) -> Drawn:
    alpha = draws.uniform(*t.alpha)
    if t.method == "gaussian":
        return {"alpha": alpha}
    lightness = draws.uniform(*t.lightness)
    kernels = np.full((len(draws), 3, 3), -1, np.float32)
    kernels[:, 1, 1] = 8 + lightness
    return {"alpha": alpha, "lightness": lightness, "kernel": _mixed(alpha, kernels)}


def _mixed(alpha: np.ndarray, kernels: np.ndarray) -> np.ndarray:
    """Kernels float32 [N, 3, 3] by alpha, the rest the image itself."""
    kernels *= alpha.astype(np.float32)[:, None, None]
    kernels[:, 1, 1] += (1 - alpha).astype(np.float32)
    return kernels


def sample_emboss(
    t: A.Emboss, draws: Draws, shape: tuple[int, int, int], dtype: npt.DTypeLike
) -> Drawn:
    alpha, strength = draws.uniform(*t.alpha), draws.uniform(*t.strength)
    kernels = np.zeros((len(draws), 3, 3), np.float32)
    kernels[:, 1, 1], kernels[:, 0, 0], kernels[:, 2, 2] = 1, -1 - strength, 1 + strength
    kernels[:, 0, 1] = kernels[:, 1, 0] = -strength
    kernels[:, 1, 2] = kernels[:, 2, 1] = strength
    return {"alpha": alpha, "strength": strength, "kernel": _mixed(alpha, kernels)}


def convolve(t: A.BasicTransform, images: np.ndarray, places: np.ndarray, drawn: Drawn) -> None:
    flat, *band_of = _flat(images, drawn["kernel"].shape[1] // 2)
    _convolve(flat, places, *band_of, drawn["kernel"])


def sharpen(t: A.Sharpen, images: np.ndarray, places: np.ndarray, drawn: Drawn) -> None:
    if t.method == "kernel":
        convolve(t, images, places, drawn)
        return
    if t.kernel_size % 2 == 0:
        raise UserError(f"Sharpen: kernel_size={t.kernel_size} must be odd")
    count, reach = len(places), t.kernel_size // 2
    weights = _gaussian_kernels(
        np.full(1, float(t.sigma)), np.full(1, t.kernel_size), t.kernel_size
    )
    weights, reaches = np.repeat(weights, count, 0), np.full(count, reach)
    flat, *band_of = _flat(images, reach)
    _sharpen(flat, places, *band_of, reaches, weights, drawn["alpha"], 0.0, False)


def sample_unsharp_mask(
    t: A.UnsharpMask, draws: Draws, shape: tuple[int, int, int], dtype: npt.DTypeLike
) -> Drawn:
    low, high = t.blur_limit
    size = low + 2 * draws.integers(0, (high - low) // 2)
    return {
        "size_px": size,
        "sigma_px": draws.uniform(*t.sigma_limit),
        "alpha": draws.uniform(*t.alpha),
    }


def unsharp_mask(t: A.UnsharpMask, images: np.ndarray, places: np.ndarray, drawn: Drawn) -> None:
    size, reach = drawn["size_px"], t.blur_limit[1] // 2
    weights = _gaussian_kernels(drawn["sigma_px"], size, 2 * reach + 1)
    threshold = t.threshold if images.dtype == np.uint8 else t.threshold / 255
    flat, *band_of = _flat(images, reach)
    _sharpen(flat, places, *band_of, size // 2, weights, drawn["alpha"], threshold, True)


def sample_downscale(
    t: A.Downscale, draws: Draws, shape: tuple[int, int, int], dtype: npt.DTypeLike
) -> Drawn:
    return {"scale": draws.uniform(*t.scale_range)}


def downscale(t: A.Downscale, images: np.ndarray, places: np.ndarray, drawn: Drawn) -> None:
    """Smaller and back; float32 images have 256 levels meanwhile, as in 2.0.8."""
    height, width = images.shape[1:3]
    if round(drawn["scale"].min() * min(height, width)) < 1:
        raise UserError(
            f"Downscale: scales an image of {height} x {width} to nothing: raise scale_range"
        )
    down, up = t.interpolation_pair["downscale"], t.interpolation_pair["upscale"]
    work, at = images, places
    if images.dtype != np.uint8:
        work, at = _in_bytes(images[places]), np.arange(len(places))
    with without_ipp():
        for place, scale in zip(at.tolist(), drawn["scale"].tolist(), strict=True):
            image = work[place]
            small = cv2.resize(image, None, None, scale, scale, down)
            cv2.resize(small, (width, height), image, interpolation=up)
    if work is not images:
        images[places] = work.astype(np.float32) / np.float32(255)


def sample_nothing(
    t: A.Morphological, draws: Draws, shape: tuple[int, int, int], dtype: npt.DTypeLike
) -> Drawn:
    """Nothing: 2.0.8 takes the range `scale` as the kernel's width and height."""
    return {}


def grow_or_shrink(
    t: A.Morphological, images: np.ndarray, places: np.ndarray, drawn: Drawn
) -> None:
    """The largest or smallest value under an elliptic kernel; what lies outside doesn't count."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, t.scale)
    change = cv2.dilate if t.operation == "dilation" else cv2.erode
    for place in places.tolist():
        change(images[place], kernel, images[place])


TRANSFORMS: dict[type[A.BasicTransform], tuple[Callable[..., Drawn], Callable[..., None]]] = {
    A.GaussianBlur: (sample_gaussian_blur, gaussian_blur),
    A.Blur: (sample_size, box_blur),
    A.MedianBlur: (sample_size, median_blur),
    A.MotionBlur: (sample_motion_blur, convolve),
    A.AdvancedBlur: (sample_advanced_blur, convolve),
    A.Sharpen: (sample_sharpen, sharpen),
    A.Emboss: (sample_emboss, convolve),
    A.UnsharpMask: (sample_unsharp_mask, unsharp_mask),
    A.Downscale: (sample_downscale, downscale),
    A.Morphological: (sample_nothing, grow_or_shrink),
}
