"""Noise: what each transform draws, and its application to images.

For each transform one function samples parameters for N images at once, from draws, the images'
shape (H, W, C) and dtype, and one changes images in place: the images at `places` int64 [N] of
[M, H, W, C], uint8 or float32 in [0, 1]. Names, ranges and formulas, how they round included, are
those of albumentations 2.0.8; docs/engine.md lists where it is wrong and this is not.
"""

from collections.abc import Callable

import albumentations as A
import cv2
import numpy as np
import numpy.typing as npt

from mnist_aug.augment.engine.draws import Draws
from mnist_aug.augment.engine.tones import finish, top


def sample_gauss_noise(
    t: A.GaussNoise, draws: Draws, shape: tuple[int, int, int], dtype: npt.DTypeLike
) -> dict[str, np.ndarray]:
    """Mean and deviation as shares of the range, and the noise itself, float32 [N, H, W, C].

    A share of the size in `noise_scale_factor` means coarser noise, enlarged linearly.
    """
    count, (height, width, channels) = len(draws), shape
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
    t: A.GaussNoise, images: np.ndarray, places: np.ndarray, drawn: dict[str, np.ndarray]
) -> None:
    noise = drawn["noise"] * np.float32(top(images.dtype))
    images[places] = finish(images[places] + noise, images.dtype)


TRANSFORMS: dict[
    type[A.BasicTransform], tuple[Callable[..., dict[str, np.ndarray]], Callable[..., None]]
] = {
    A.GaussNoise: (sample_gauss_noise, add_gauss_noise),
}
