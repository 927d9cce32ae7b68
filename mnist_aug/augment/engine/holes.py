"""Holes: what each transform draws, and its application to images.

For each transform one function samples parameters for N images at once, from draws, the images'
shape (H, W, C) and dtype, and one changes images in place: the images at `places` int64 [N] of
[M, H, W, C], uint8 or float32 in [0, 1]. Names, ranges and formulas, how they round included, are
those of albumentations 2.0.8; docs/engine.md lists where it is wrong and this is not.
"""

from collections.abc import Callable

import albumentations as A
import numpy as np
import numpy.typing as npt

from mnist_aug.augment.engine.draws import Draws
from mnist_aug.augment.engine.resample import fill_value
from mnist_aug.errors import UserError


def sample_coarse_dropout(
    t: A.CoarseDropout, draws: Draws, shape: tuple[int, int, int], dtype: npt.DTypeLike
) -> dict[str, np.ndarray]:
    """The holes of `A.CoarseDropout`, int [N, most holes, 4] as x_min, y_min, x_max, y_max.

    An image that drew fewer holes has empty ones at the end.
    """
    height, width = shape[:2]
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
    return {"holes": holes, **_hole_values(t, draws, shape, most)}


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


def sample_erasing(
    t: A.Erasing, draws: Draws, shape: tuple[int, int, int], dtype: npt.DTypeLike
) -> dict[str, np.ndarray]:
    """The one hole of `A.Erasing`, int [N, 1, 4]; empty where no rectangle fits."""
    height, width = shape[:2]
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
    return {"holes": holes[:, None], **_hole_values(t, draws, shape, 1)}


def _hole_values(
    t: A.CoarseDropout | A.Erasing, draws: Draws, shape: tuple[int, int, int], most: int
) -> dict[str, np.ndarray]:
    """What random fills put into holes, in [0, 1): a value for each pixel, or for each hole."""
    count, (height, width, channels) = len(draws), shape
    if t.fill == "random":
        u = draws.uniforms(height * width * channels)
        return {"values": u.reshape(count, 1, height, width, channels)}
    if t.fill == "random_uniform":
        return {"values": draws.uniforms(most * channels).reshape(count, most, 1, 1, channels)}
    return {}


def fill_holes(
    t: A.CoarseDropout | A.Erasing,
    images: np.ndarray,
    places: np.ndarray,
    drawn: dict[str, np.ndarray],
) -> None:
    """Later holes lie over earlier ones."""
    height, width, channels = images.shape[1:]
    y, x = np.arange(height)[:, None, None], np.arange(width)[:, None]
    out = images[places]
    for i in range(drawn["holes"].shape[1]):
        x_min, y_min, x_max, y_max = drawn["holes"][:, i].T[..., None, None, None]
        inside = (x >= x_min) & (x < x_max) & (y >= y_min) & (y < y_max)
        if isinstance(t.fill, str):
            u = drawn["values"][:, min(i, drawn["values"].shape[1] - 1)]
            value = np.floor(u * 256) if images.dtype == np.uint8 else u
        else:
            value = fill_value(t.fill, channels, images.dtype)
        np.copyto(out, value.astype(images.dtype), where=inside)
    images[places] = out


TRANSFORMS: dict[
    type[A.BasicTransform], tuple[Callable[..., dict[str, np.ndarray]], Callable[..., None]]
] = {
    A.CoarseDropout: (sample_coarse_dropout, fill_holes),
    A.Erasing: (sample_erasing, fill_holes),
}


def needs_albumentations(t: A.BasicTransform) -> bool:
    """Whether a listed transform has a parameter that only albumentations can serve."""
    return isinstance(getattr(t, "fill", None), str) and t.fill.startswith("inpaint")
