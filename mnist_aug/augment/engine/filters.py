"""Filters of neighbourhoods: what each transform draws, and its application to images.

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


def sample_gaussian_blur(
    t: A.GaussianBlur, draws: Draws, shape: tuple[int, int, int], dtype: npt.DTypeLike
) -> dict[str, np.ndarray]:
    """Standard deviation and kernel length of `A.GaussianBlur`, both in pixels."""
    sigma, size = draws.uniform(*t.sigma_limit), draws.integers(*t.blur_limit)
    size = np.where(size == 0, (sigma * 3.5).astype(np.int64) * 2 + 1, size)
    return {"sigma_px": sigma, "size_px": size + 1 - size % 2}


def blur(
    t: A.GaussianBlur, images: np.ndarray, places: np.ndarray, drawn: dict[str, np.ndarray]
) -> None:
    """Each image's rows and columns times a blur matrix of its own, with the border reflected."""
    reach = max(int(t.sigma_limit[1] * 3.5), t.blur_limit[1] // 2)
    down, across = (
        _blur_matrices(drawn["sigma_px"], drawn["size_px"], length, reach)
        for length in images.shape[1:3]
    )
    planes = images[places].transpose(0, 3, 1, 2).astype(np.float32)
    out = (down[:, None] @ planes @ across[:, None].transpose(0, 1, 3, 2)).transpose(0, 2, 3, 1)
    images[places] = finish(np.rint(out) if images.dtype == np.uint8 else out, images.dtype)


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
    t: A.Morphological, draws: Draws, shape: tuple[int, int, int], dtype: npt.DTypeLike
) -> dict[str, np.ndarray]:
    """Nothing: 2.0.8 takes the range `scale` as the kernel's width and height."""
    return {}


def grow_or_shrink(
    t: A.Morphological, images: np.ndarray, places: np.ndarray, drawn: dict[str, np.ndarray]
) -> None:
    """The largest or smallest value under an elliptic kernel; what lies outside doesn't count."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, t.scale)
    height, width = kernel.shape
    worst = 0 if t.operation == "dilation" else top(images.dtype)
    choose = np.maximum if t.operation == "dilation" else np.minimum
    # OpenCV's anchor is the middle, rounded up; its dilation doesn't mirror the kernel.
    before, after = (height // 2, width // 2), ((height - 1) // 2, (width - 1) // 2)
    old = images[places]
    padded = np.pad(
        old,
        ((0, 0), (before[0], after[0]), (before[1], after[1]), (0, 0)),
        constant_values=worst,
    )
    out = np.full_like(old, worst)
    for y, x in np.argwhere(kernel):
        choose(out, padded[:, y : y + images.shape[1], x : x + images.shape[2]], out=out)
    images[places] = out


TRANSFORMS: dict[
    type[A.BasicTransform], tuple[Callable[..., dict[str, np.ndarray]], Callable[..., None]]
] = {
    A.GaussianBlur: (sample_gaussian_blur, blur),
    A.Morphological: (sample_morphological, grow_or_shrink),
}
