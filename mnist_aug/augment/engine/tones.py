"""Values changed by value: what each transform draws, and its application to images.

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


def top(dtype: npt.DTypeLike) -> float:
    """The largest value of images: 255 for uint8, 1 for float32."""
    return 255.0 if dtype == np.uint8 else 1.0


def finish(values: np.ndarray, dtype: npt.DTypeLike) -> np.ndarray:
    """Clipped to the range, and for uint8 cut to whole numbers, as albumentations does."""
    return np.clip(values, 0, 255 if dtype == np.uint8 else 1).astype(dtype)


def sample_brightness_contrast(
    t: A.RandomBrightnessContrast, draws: Draws, shape: tuple[int, int, int], dtype: npt.DTypeLike
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
    alpha, beta, most = drawn["factor"], drawn["brightness"], top(images.dtype)
    if t.brightness_by_max:
        beta = beta * most
    else:
        beta = beta * images.reshape(len(images), -1).astype(np.float64).mean(1)
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
    old = images[places]
    alpha, beta = factor_and_summand(t, old, drawn)
    alpha, beta = (v.astype(np.float32)[:, None, None, None] for v in (alpha, beta))
    images[places] = finish(old * alpha + beta, images.dtype)


TRANSFORMS: dict[
    type[A.BasicTransform], tuple[Callable[..., dict[str, np.ndarray]], Callable[..., None]]
] = {
    A.RandomBrightnessContrast: (sample_brightness_contrast, change_brightness_contrast),
}
