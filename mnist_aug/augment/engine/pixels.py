"""Transforms that change values where they stand: what each draws, and its application to a batch.

For each transform one function samples parameters for N images at once and one applies them to
images [N, H, W, C], uint8 or float32 in [0, 1], giving new images. Names, ranges and formulas, how
they round included, are those of albumentations 2.0.8; docs/engine.md lists where it is wrong and
this is not.
"""

from collections.abc import Callable

import albumentations as A
import cv2
import numpy as np
import numpy.typing as npt

from mnist_aug.augment.engine.canvas import fill_value
from mnist_aug.augment.engine.draws import Draws
from mnist_aug.errors import UserError


def _top(images: np.ndarray) -> float:
    return 255.0 if images.dtype == np.uint8 else 1.0


def _finish(values: np.ndarray, dtype: npt.DTypeLike) -> np.ndarray:
    """Clipped to the range, and for uint8 cut to whole numbers, as albumentations does."""
    return np.clip(values, 0, 255 if dtype == np.uint8 else 1).astype(dtype)


def sample_gauss_noise(t: A.GaussNoise, draws: Draws, images: np.ndarray) -> dict[str, np.ndarray]:
    """Mean and deviation as shares of the range, and the noise itself, float32 [N, H, W, C].

    A share of the size in `noise_scale_factor` means coarser noise, enlarged linearly.
    """
    count, height, width, channels = images.shape
    channels = channels if t.per_channel else 1
    std, mean = draws.uniform(*t.std_range), draws.uniform(*t.mean_range)
    size = [max(1, int(length * t.noise_scale_factor)) for length in (height, width)]
    numbers = size[0] * size[1] * channels
    noise = draws.normals(numbers + numbers % 2)[:, :numbers].reshape(count, *size, channels)
    noise *= std.astype(np.float32)[:, None, None, None]
    noise += mean.astype(np.float32)[:, None, None, None]
    if size != [height, width]:
        down, across = (_enlargement(*pair) for pair in zip(size, (height, width), strict=True))
        noise = (down @ noise.transpose(0, 3, 1, 2) @ across.T).transpose(0, 2, 3, 1)
    return {"std": std, "mean": mean, "noise": noise}


def _enlargement(few: int, many: int) -> np.ndarray:
    """float32 [many, few]: OpenCV's linear interpolation from `few` pixels to `many`."""
    return cv2.resize(np.eye(few, dtype=np.float32), (few, many), interpolation=cv2.INTER_LINEAR)


def add_gauss_noise(
    t: A.GaussNoise, images: np.ndarray, drawn: dict[str, np.ndarray]
) -> np.ndarray:
    return _finish(images + drawn["noise"] * np.float32(_top(images)), images.dtype)


def sample_brightness_contrast(
    t: A.RandomBrightnessContrast, draws: Draws, images: np.ndarray
) -> dict[str, np.ndarray]:
    """The contrast's factor, and the brightness as a share of the range, or of the image's mean."""
    return {
        "factor": 1 + draws.uniform(*t.contrast_limit),
        "brightness": draws.uniform(*t.brightness_limit),
    }


def factor_and_summand(
    t: A.RandomBrightnessContrast, images: np.ndarray, drawn: dict[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """float64 [N] each, the summand in grey levels."""
    alpha, beta, top = drawn["factor"], drawn["brightness"], _top(images)
    if t.brightness_by_max:
        beta = beta * top
    else:
        beta = beta * images.reshape(len(images), -1).astype(np.float64).mean(1)
    if t.ensure_safe_range:
        rising = alpha > 0
        beta = np.where(rising, np.clip(beta, 0, top), np.minimum(beta, top))
        alpha = np.where(
            rising, np.minimum(alpha, (top - beta) / top), np.maximum(alpha, -beta / top)
        )
    return alpha, beta


def change_brightness_contrast(
    t: A.RandomBrightnessContrast, images: np.ndarray, drawn: dict[str, np.ndarray]
) -> np.ndarray:
    alpha, beta = factor_and_summand(t, images, drawn)
    alpha, beta = (v.astype(np.float32)[:, None, None, None] for v in (alpha, beta))
    return _finish(images * alpha + beta, images.dtype)


def sample_coarse_dropout(
    t: A.CoarseDropout, draws: Draws, images: np.ndarray
) -> dict[str, np.ndarray]:
    """The holes of `A.CoarseDropout`, int [N, most holes, 4] as x_min, y_min, x_max, y_max.

    An image that drew fewer holes has empty ones at the end.
    """
    height, width = images.shape[1:3]
    most = t.num_holes_range[1]
    number = draws.integers(*t.num_holes_range)
    in_pixels = t.hole_height_range[1] >= 1
    sizes = [
        _hole_sizes(draws.uniforms(most), limits, length, in_pixels)
        for limits, length in ((t.hole_height_range, height), (t.hole_width_range, width))
    ]
    start_y, start_x = (
        np.floor(draws.uniforms(most) * (length - size + 1)).astype(np.int64)
        for size, length in zip(sizes, (height, width), strict=True)
    )
    holes = np.stack([start_x, start_y, start_x + sizes[1], start_y + sizes[0]], axis=-1)
    holes[np.arange(most) >= number[:, None]] = 0
    return {"holes": holes, **_hole_values(t, draws, images, most)}


def _hole_sizes(
    u: np.ndarray, limits: tuple[float, float], length: int, in_pixels: bool
) -> np.ndarray:
    low, high = limits
    if not in_pixels:
        return (length * (low + (high - low) * u)).astype(np.int64)
    low, high = int(low), int(min(high, length) + 1)
    if low >= high:
        raise UserError(
            f"CoarseDropout: holes of at least {low} pixels don't fit {length}: "
            "lower hole_height_range or hole_width_range"
        )
    return low + np.floor((high - low) * u).astype(np.int64)


def sample_erasing(t: A.Erasing, draws: Draws, images: np.ndarray) -> dict[str, np.ndarray]:
    """The one hole of `A.Erasing`, int [N, 1, 4]; empty where no rectangle fits."""
    height, width = images.shape[1:3]
    smallest, ratio = height * width * t.scale[0], t.ratio
    largest = min(
        height * width * t.scale[1],
        ratio[0] * height**2,
        ratio[1] * height**2,
        width**2 / ratio[0] if ratio[0] else np.inf,
        width**2 / ratio[1],
    )
    u = draws.uniforms(4).T
    fits = largest >= smallest
    area = np.maximum(smallest + (largest - smallest) * u[0], 1e-9)
    low = np.maximum(ratio[0], area / height**2)
    high = np.minimum(ratio[1], width**2 / area)
    fits &= low <= high
    aspect = low + (high - low) * u[1]
    tall = np.rint(np.sqrt(area / aspect)).astype(np.int64)
    wide = np.rint(np.sqrt(area * aspect)).astype(np.int64)
    top = np.floor((height - tall + 1) * u[2]).astype(np.int64)
    left = np.floor((width - wide + 1) * u[3]).astype(np.int64)
    holes = np.stack([left, top, left + wide, top + tall], axis=-1) * fits[:, None]
    return {"holes": holes[:, None], **_hole_values(t, draws, images, 1)}


def _hole_values(
    t: A.CoarseDropout | A.Erasing, draws: Draws, images: np.ndarray, most: int
) -> dict[str, np.ndarray]:
    """What random fills put into holes, in [0, 1): a value for each pixel, or for each hole."""
    count, height, width, channels = images.shape
    if t.fill == "random":
        u = draws.uniforms(height * width * channels)
        return {"values": u.reshape(count, 1, height, width, channels)}
    if t.fill == "random_uniform":
        return {"values": draws.uniforms(most * channels).reshape(count, most, 1, 1, channels)}
    return {}


def fill_holes(
    t: A.CoarseDropout | A.Erasing, images: np.ndarray, drawn: dict[str, np.ndarray]
) -> np.ndarray:
    """Later holes lie over earlier ones."""
    height, width, channels = images.shape[1:]
    y, x = np.arange(height)[:, None, None], np.arange(width)[:, None]
    out = images.copy()
    for i in range(drawn["holes"].shape[1]):
        x_min, y_min, x_max, y_max = drawn["holes"][:, i].T[..., None, None, None]
        inside = (x >= x_min) & (x < x_max) & (y >= y_min) & (y < y_max)
        if isinstance(t.fill, str):
            u = drawn["values"][:, min(i, drawn["values"].shape[1] - 1)]
            value = np.floor(u * 256) if images.dtype == np.uint8 else u
        else:
            value = fill_value(t.fill, channels, images.dtype)
        np.copyto(out, value.astype(images.dtype), where=inside)
    return out


def sample_gaussian_blur(
    t: A.GaussianBlur, draws: Draws, images: np.ndarray
) -> dict[str, np.ndarray]:
    """Standard deviation and kernel length of `A.GaussianBlur`, both in pixels."""
    sigma, size = draws.uniform(*t.sigma_limit), draws.integers(*t.blur_limit)
    size = np.where(size == 0, (sigma * 3.5).astype(np.int64) * 2 + 1, size)
    return {"sigma_px": sigma, "size_px": size + 1 - size % 2}


def blur(t: A.GaussianBlur, images: np.ndarray, drawn: dict[str, np.ndarray]) -> np.ndarray:
    """Each image's rows and columns times a blur matrix of its own, with the border reflected."""
    reach = max(int(t.sigma_limit[1] * 3.5), t.blur_limit[1] // 2)
    down, across = (
        _blur_matrices(drawn["sigma_px"], drawn["size_px"], length, reach)
        for length in images.shape[1:3]
    )
    planes = images.transpose(0, 3, 1, 2).astype(np.float32)
    out = (down[:, None] @ planes @ across[:, None].transpose(0, 1, 3, 2)).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(
        _finish(np.rint(out) if images.dtype == np.uint8 else out, images.dtype)
    )


def _blur_matrices(sigma: np.ndarray, size: np.ndarray, length: int, reach: int) -> np.ndarray:
    """float32 [N, length, length]: convolution with a Gaussian, cut to `size`, of sum one.

    All kernels are held with the longest `reach` possible, so that an image's sums don't depend on
    the other images.
    """
    offsets = np.arange(-reach, reach + 1)
    kernels = np.exp(-0.5 * (offsets / np.maximum(sigma, 1e-9)[:, None]) ** 2)
    kernels *= np.abs(offsets) <= (size // 2)[:, None]
    kernels /= kernels.sum(1, keepdims=True)
    out = np.zeros((len(sigma), length, length))
    for offset, weights in zip(offsets, kernels.T, strict=True):
        for i in range(length):
            j = cv2.borderInterpolate(int(i + offset), length, cv2.BORDER_REFLECT_101)
            out[:, i, j] += weights
    return out.astype(np.float32)


def sample_morphological(
    t: A.Morphological, draws: Draws, images: np.ndarray
) -> dict[str, np.ndarray]:
    """Nothing: 2.0.8 takes the range `scale` as the kernel's width and height."""
    return {}


def grow_or_shrink(
    t: A.Morphological, images: np.ndarray, drawn: dict[str, np.ndarray]
) -> np.ndarray:
    """The largest or smallest value under an elliptic kernel; what lies outside doesn't count."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, t.scale)
    height, width = kernel.shape
    worst = 0 if t.operation == "dilation" else _top(images)
    choose = np.maximum if t.operation == "dilation" else np.minimum
    # OpenCV's anchor is the middle, rounded up; its dilation doesn't mirror the kernel.
    before, after = (height // 2, width // 2), ((height - 1) // 2, (width - 1) // 2)
    padded = np.pad(
        images,
        ((0, 0), (before[0], after[0]), (before[1], after[1]), (0, 0)),
        constant_values=worst,
    )
    out = np.full_like(images, worst)
    for y, x in np.argwhere(kernel):
        choose(out, padded[:, y : y + images.shape[1], x : x + images.shape[2]], out=out)
    return out


TRANSFORMS: dict[
    type[A.BasicTransform],
    tuple[Callable[..., dict[str, np.ndarray]], Callable[..., np.ndarray]],
] = {
    A.GaussNoise: (sample_gauss_noise, add_gauss_noise),
    A.RandomBrightnessContrast: (sample_brightness_contrast, change_brightness_contrast),
    A.CoarseDropout: (sample_coarse_dropout, fill_holes),
    A.Erasing: (sample_erasing, fill_holes),
    A.GaussianBlur: (sample_gaussian_blur, blur),
    A.Morphological: (sample_morphological, grow_or_shrink),
}


def needs_albumentations(t: A.BasicTransform) -> bool:
    """Whether a listed transform has a parameter that only albumentations can serve."""
    return isinstance(getattr(t, "fill", None), str) and t.fill.startswith("inpaint")
