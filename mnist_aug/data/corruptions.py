"""The fifteen corruption types of MNIST-C, made from any grey images with NumPy, SciPy and OpenCV.

Mu and Gilmer 2019, "MNIST-C: a robustness benchmark for computer vision", arXiv:1906.02337.
Formulas and severities are those of its published code. Draws are our own, so single images differ
from the published arrays; fog is cut out of 64 height maps, anywhere, instead of the corner of one
for each image; glass blur blurs both ways, where the published code, by an argument meant for
colour images, blurs along columns alone; motion blur is a one-sided Gaussian along a line, as
ImageMagick's is; edges are OpenCV's Canny with the published thresholds. Lengths are in 28ths of
the image, so that other sizes are corrupted alike.
"""

from itertools import pairwise

import cv2
import numpy as np
from scipy import ndimage

SIDE = 28  # pixels of the images that the severities were chosen for
FOG_MAPS = 64


def corrupt(images: np.ndarray, corruption: str) -> np.ndarray:
    """The images with one type of corruption, the same for the same images.

    Args:
        images: uint8 `[N, H, W]`.
        corruption: a key of `CORRUPTIONS`.

    Returns:
        uint8 `[N, H, W]`.
    """
    rng = np.random.default_rng([*corruption.encode()])
    made = CORRUPTIONS[corruption](images.astype(np.float32) / 255, rng)
    return (made.clip(0, 1) * 255).round().astype(np.uint8)


def warped(images: np.ndarray, matrices: np.ndarray) -> np.ndarray:
    """Images sampled bilinearly at places about their centre; 0 outside.

    Args:
        images: float32 or uint8 `[N, H, W]`.
        matrices: float `[N, 2, 3]`, from a pixel of the result to the one it is sampled at, both
            counted from the image's centre.
    """
    height, width = images.shape[1:]
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    matrices = np.array(matrices, float)
    matrices[:, :, 2] += centre - matrices[:, :, :2] @ centre
    return np.stack(
        [
            cv2.warpAffine(
                image, matrix, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            )
            for image, matrix in zip(images, matrices, strict=True)
        ]
    )


def rotation(radians: np.ndarray) -> np.ndarray:
    """Matrices for `warped`, float [N, 2, 3], that turn clockwise as a reader sees it."""
    cosine, sine, zero = np.cos(radians), np.sin(radians), np.zeros(len(radians))
    return np.array([[cosine, sine, zero], [-sine, cosine, zero]]).transpose(2, 0, 1)


def _signs(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.choice([-1.0, 1.0], shape)


def _blurred(images: np.ndarray, sigma: float) -> np.ndarray:
    sigma = sigma * min(images.shape[1:]) / SIDE
    return ndimage.gaussian_filter(images, (0, sigma, sigma), mode="nearest")


def _shot_noise(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return rng.poisson(images * 3) / 3


def _impulse_noise(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    chance = rng.random(images.shape)
    return np.where(chance < 0.17, chance < 0.17 / 2, images)


def _glass_blur(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    images = (_blurred(images, 0.7) * 255).astype(np.uint8)
    number = np.arange(len(images))
    height, width = images.shape[1:]
    for _ in range(2):
        for row in range(height - 1, 1, -1):
            for column in range(width - 1, 1, -1):
                up, left, swapped = rng.integers(0, 2, (3, len(images)))
                other = number, row - up * swapped, column - left * swapped
                images[:, row, column], images[other] = images[other], images[:, row, column].copy()
    return _blurred(images.astype(np.float32) / 255, 0.7)


def _motion_blur(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    radius, sigma = (size * min(images.shape[1:]) / SIDE for size in (10, 3))
    steps = np.arange(int(radius) + 1)
    weights = np.exp(-(steps**2) / (2 * sigma**2))
    blurred = []
    for image, angle in zip(images, np.radians(rng.uniform(-45, 45, len(images))), strict=True):
        kernel = np.zeros((2 * len(steps) - 1,) * 2, np.float32)
        places = np.array([steps * np.sin(angle), steps * np.cos(angle)]).round().astype(int)
        np.add.at(kernel, tuple(places + len(steps) - 1), weights)
        blurred.append(
            cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)
        )
    return np.stack(blurred)


def _shear(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    angle = 0.4 * _signs(rng, len(images))
    zero, one = np.zeros(len(images)), np.ones(len(images))
    return warped(
        images,
        np.array([[one, -np.sin(angle), zero], [zero, np.cos(angle), zero]]).transpose(2, 0, 1),
    )


def _scale(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return warped(images, np.tile(np.eye(2, 3) / 0.7, (len(images), 1, 1)))


def _rotate(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return warped(images, rotation(0.4 * _signs(rng, len(images))))


def _brightness(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return images + 0.5


def _translate(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    matrices = np.tile(np.eye(2, 3), (len(images), 1, 1))
    matrices[:, :, 2] = 3 * min(images.shape[1:]) / SIDE * _signs(rng, len(images), 2)
    return warped(images, matrices)


def _stripe(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    quarter = images.shape[2] // 4
    striped = images.copy()
    for part in (np.s_[:, :, :quarter], np.s_[:, :, -quarter:] if quarter else np.s_[:, :, :0]):
        striped[part] = 1 - striped[part]
    return striped


def _fog(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    height, width = images.shape[1:]
    maps = _height_maps(rng, FOG_MAPS)
    side = maps.shape[1]
    number = rng.integers(FOG_MAPS, size=len(images))
    top, left = rng.integers(0, side - SIDE, (2, len(images)))
    fog = np.stack(
        [
            cv2.resize(maps[n, y : y + SIDE, x : x + SIDE], (width, height))
            for n, y, x in zip(number, top, left, strict=True)
        ]
    )
    most = images.max(axis=(1, 2), keepdims=True)
    return (images + 3 * fog) * most / (most + 3)


def _height_maps(rng: np.random.Generator, count: int, side: int = 256) -> np.ndarray:
    """Plasma fractals by the diamond-square method (Fournier, Fussell and Carpenter 1982).

    float32 `[count, side, side]` in [0, 1]; `side` is a power of two, and edges wrap.
    """
    maps = np.zeros((count, side, side), np.float32)
    step, height = side, 100.0
    while step >= 2:
        half = step // 2
        corners = maps[:, ::step, ::step]
        square = corners + np.roll(corners, -1, 1)
        square = square + np.roll(square, -1, 2)
        maps[:, half::step, half::step] = _wibbled(square, height, rng)
        inner = maps[:, half::step, half::step]
        across = inner + np.roll(inner, 1, 1) + corners + np.roll(corners, -1, 2)
        maps[:, ::step, half::step] = _wibbled(across, height, rng)
        above = inner + np.roll(inner, 1, 2) + corners + np.roll(corners, -1, 1)
        maps[:, half::step, ::step] = _wibbled(above, height, rng)
        step, height = half, height / 1.4
    maps -= maps.min(axis=(1, 2), keepdims=True)
    return maps / maps.max(axis=(1, 2), keepdims=True)


def _wibbled(sums: np.ndarray, height: float, rng: np.random.Generator) -> np.ndarray:
    return sums / 4 + height * rng.uniform(-height, height, sums.shape)


def _spatter(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    liquid = _blurred(rng.normal(0.65, 0.3, images.shape).astype(np.float32), 1)
    mud = _blurred((liquid > 0.65).astype(np.float32), 1.5)
    mud[mud < 0.8] = 0
    return images * (1 - mud) + 63 / 255 * mud


def _line(shape: tuple[int, int], start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Soft lines, float [N, H, W] in [0, 1], from start to end, each (column, row) [2, N]."""
    height, width = shape
    columns = np.linspace(0, SIDE - 1, width)
    rows = np.linspace(0, SIDE - 1, height)[:, None]
    (left, first), (right, last) = start[:, :, None], end[:, :, None]
    run = np.where(right == left, 1, right - left)
    level = (last - first) / run * (columns - left) + first
    distance = np.abs(rows - level[:, None]).clip(0, 2.3 - 1e-6)
    inside = (columns >= np.floor(left)) & (columns < np.ceil(right)) & (right != left)
    return (np.log(1 - distance / 2.3) + 1).clip(0, 1) * inside[:, None]


def _dotted_line(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    rows = rng.integers(0, SIDE - 1, (2, len(images)))
    columns = np.zeros(len(images)), np.full(len(images), SIDE - 1)
    line = _line(images.shape[1:], *(np.array(end) for end in zip(columns, rows, strict=True)))
    dots = np.linspace(0, SIDE - 1, images.shape[2]) // 2 % 2
    return images + line * dots


def _zigzag(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    start = np.array([np.full(len(images), 2), rng.integers(0, SIDE - 1, len(images))])
    slope = rng.integers(-5, 5, len(images)) / 23
    length = 23 * np.hypot(1, slope)
    along = [np.zeros(len(images)), *(np.full(len(images), 4 * i + 2) for i in range(6)), length]
    across = [0, *(2 * (-1) ** i for i in range(6)), -1 / (length - 20)]
    cosine, sine = 1 / np.hypot(1, slope), slope / np.hypot(1, slope)
    corners = [
        start + np.array([cosine * a - sine * b, sine * a + cosine * b])
        for a, b in zip(along, across, strict=True)
    ]
    for one, two in pairwise(corners):
        images = (images + _line(images.shape[1:], one, two)).clip(0, 1)
    return images


def _canny_edges(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    smooth: np.ndarray = (_blurred(images, 1) * 255).round().astype(np.uint8)
    return (
        np.stack([cv2.Canny(image, 0.1 * 255, 0.2 * 255, L2gradient=True) for image in smooth])
        / 255
    )


CORRUPTIONS = {
    "shot_noise": _shot_noise,
    "impulse_noise": _impulse_noise,
    "glass_blur": _glass_blur,
    "motion_blur": _motion_blur,
    "shear": _shear,
    "scale": _scale,
    "rotate": _rotate,
    "brightness": _brightness,
    "translate": _translate,
    "stripe": _stripe,
    "fog": _fog,
    "spatter": _spatter,
    "dotted_line": _dotted_line,
    "zigzag": _zigzag,
    "canny_edges": _canny_edges,
}
