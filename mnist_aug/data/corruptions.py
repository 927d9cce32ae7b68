"""The fifteen corruption types of MNIST-C, made from any images with NumPy, SciPy and OpenCV.

Mu and Gilmer 2019, "MNIST-C: a robustness benchmark for computer vision", arXiv:1906.02337.
Formulas and severities are those of its published code. Draws are our own, so single images differ
from the published arrays; fog is cut out of 64 height maps, anywhere, instead of the corner of one
for each image; glass blur blurs both ways, where the published code, by an argument meant for
colour images, blurs along columns alone; motion blur is a one-sided Gaussian along a line, as
ImageMagick's is; edges are OpenCV's Canny with the published thresholds. Lengths are in 28ths of
the image, so that other sizes are corrupted alike; what is drawn is drawn at 28 pixels at least.

MNIST's digits are bright on black. Images on a light background are corrupted as their negatives,
so that each type means the same for what they show: brightness fades ink, and lines are of its
colour. Of RGB images, each channel has noise of its own, as in CIFAR-10-C (Hendrycks and Dietterich
2019, arXiv:1903.12261); all else is the same in all channels, but for spatter, which has that
publication's mud; edges are those of the grey image.
"""

from collections.abc import Callable
from itertools import pairwise
from statistics import NormalDist

import cv2
import numpy as np
from scipy import ndimage

SIDE = 28  # pixels of the images that the severities were chosen for
FOG_MAPS = 64
MUD = (63, 42, 20)  # its red is the grey of MNIST-C's
GREY = (0.299, 0.587, 0.114)  # what red, green and blue count for

Fill = int | tuple[int, int, int]  # grey, or RGB; 0 to 255


def corrupt(images: np.ndarray, corruption: str, fill: Fill = 0) -> np.ndarray:
    """The images with one type of corruption, the same for the same images.

    Args:
        images: uint8 `[N, H, W]` or `[N, H, W, 3]`.
        corruption: a key of `CORRUPTIONS`.
        fill: the colour of the images' background, `Dataset.fill`.

    Returns:
        uint8 of the same shape.
    """

    def change(images: np.ndarray, fill: np.ndarray) -> np.ndarray:
        rng = np.random.default_rng([*corruption.encode()])
        moved = (fill / 255,) if corruption in MOVES else ()
        made = CORRUPTIONS[corruption](images.astype(np.float32) / 255, rng, *moved)
        return (made.clip(0, 1) * 255).round().astype(np.uint8)

    return as_on_dark(change, images, fill)


def as_on_dark(
    change: Callable[[np.ndarray, np.ndarray], np.ndarray], images: np.ndarray, fill: Fill
) -> np.ndarray:
    """What `change(images, fill)` makes, with the negative of images on a light background.

    Args:
        images: uint8 `[N, H, W]` or `[N, H, W, 3]`.
        fill: the colour of their background.
    """
    colour = np.array(fill)
    if colour.mean() <= 127.5:
        return change(images, colour)
    return 255 - change(255 - images, 255 - colour)


def warped(images: np.ndarray, matrices: np.ndarray, fill: float | np.ndarray = 0) -> np.ndarray:
    """Images sampled bilinearly at places about their centre; `fill` outside.

    Args:
        images: float32 or uint8 `[N, H, W]` or `[N, H, W, 3]`.
        matrices: float `[N, 2, 3]`, from a pixel of the result to the one it is sampled at, both
            counted from the image's centre.
        fill: on the scale of the images, one number or one for each channel.
    """
    height, width = images.shape[1:3]
    outside = [float(part) for part in np.broadcast_to(fill, 3)]
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    matrices = np.array(matrices, float)
    matrices[:, :, 2] += centre - matrices[:, :, :2] @ centre
    return np.stack(
        [
            cv2.warpAffine(
                image,
                matrix,
                (width, height),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderValue=outside,
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


def _scale_of(images: np.ndarray) -> float:
    """How many pixels a 28th of the shorter side is."""
    return min(images.shape[1:3]) / SIDE


def _blurred(images: np.ndarray, sigma: float) -> np.ndarray:
    sigma = sigma * _scale_of(images)
    return ndimage.gaussian_filter(images, (0, sigma, sigma, 0)[: images.ndim], mode="nearest")


def _in_all_channels(layer: np.ndarray, images: np.ndarray) -> np.ndarray:
    """A layer [N, H, W], in the shape that it is joined to images by."""
    return layer[..., None] if images.ndim == 4 else layer


def _shot_noise(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return rng.poisson(images * 3) / 3


def _impulse_noise(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    chance = rng.random(images.shape)
    return np.where(chance < 0.17, chance < 0.17 / 2, images)


def _glass_blur(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    images = (_blurred(images, 0.7) * 255).astype(np.uint8)
    number = np.arange(len(images))
    height, width = images.shape[1:3]
    reach = max(1, round(_scale_of(images)))
    for _ in range(2):
        for row in range(height - 1, reach, -1):
            for column in range(width - 1, reach, -1):
                up, left, chance = rng.integers(0, reach + 1, (3, len(images)))
                swapped = 2 * chance > reach
                other = number, row - up * swapped, column - left * swapped
                images[:, row, column], images[other] = images[other], images[:, row, column].copy()
    return _blurred(images.astype(np.float32) / 255, 0.7)


def _motion_blur(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    radius, sigma = (size * _scale_of(images) for size in (10, 3))
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


def _shear(images: np.ndarray, rng: np.random.Generator, fill: np.ndarray) -> np.ndarray:
    angle = 0.4 * _signs(rng, len(images))
    zero, one = np.zeros(len(images)), np.ones(len(images))
    return warped(
        images,
        np.array([[one, -np.sin(angle), zero], [zero, np.cos(angle), zero]]).transpose(2, 0, 1),
        fill,
    )


def _scale(images: np.ndarray, rng: np.random.Generator, fill: np.ndarray) -> np.ndarray:
    return warped(images, np.tile(np.eye(2, 3) / 0.7, (len(images), 1, 1)), fill)


def _rotate(images: np.ndarray, rng: np.random.Generator, fill: np.ndarray) -> np.ndarray:
    return warped(images, rotation(0.4 * _signs(rng, len(images))), fill)


def _brightness(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return images + 0.5


def _translate(images: np.ndarray, rng: np.random.Generator, fill: np.ndarray) -> np.ndarray:
    matrices = np.tile(np.eye(2, 3), (len(images), 1, 1))
    matrices[:, :, 2] = 3 * min(images.shape[1:3]) / SIDE * _signs(rng, len(images), 2)
    return warped(images, matrices, fill)


def _stripe(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    quarter = images.shape[2] // 4
    striped = images.copy()
    for part in (np.s_[:, :, :quarter], np.s_[:, :, -quarter:] if quarter else np.s_[:, :, :0]):
        striped[part] = 1 - striped[part]
    return striped


def _fog(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    height, width = images.shape[1:3]
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
    most = images.max(axis=(1, 2, 3)[: images.ndim - 1], keepdims=True)
    return (images + 3 * _in_all_channels(fog, images)) * most / (most + 3)


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
    liquid = _blurred(rng.normal(0.65, 0.3, images.shape[:3]).astype(np.float32), 1)
    mud = _blurred((liquid > 0.65).astype(np.float32), 1.5)
    mud[mud < 0.8] = 0
    mud = _in_all_channels(mud, images)
    colour = np.array(MUD) / 255 if images.ndim == 4 else MUD[0] / 255
    return images * (1 - mud) + colour * mud


def _line(
    images: np.ndarray, start: np.ndarray, end: np.ndarray, dotted: bool = False
) -> np.ndarray:
    """Soft lines, float [N, H, W] in [0, 1], from start to end, each (column, row) [2, N].

    They are drawn at 28 pixels a side or more, and reduced to the size of `images`.
    """
    height, width = (max(SIDE, length) for length in images.shape[1:3])
    columns = np.linspace(0, SIDE - 1, width)
    rows = np.linspace(0, SIDE - 1, height)[:, None]
    (left, first), (right, last) = start[:, :, None], end[:, :, None]
    run = np.where(right == left, 1, right - left)
    level = (last - first) / run * (columns - left) + first
    distance = np.abs(rows - level[:, None]).clip(0, 2.3 - 1e-6)
    inside = (columns >= np.floor(left)) & (columns < np.ceil(right)) & (right != left)
    line = (np.log(1 - distance / 2.3) + 1).clip(0, 1) * inside[:, None]
    if dotted:
        line = line * (columns // 2 % 2)
    if line.shape != images.shape[:3]:
        size = images.shape[2], images.shape[1]
        line = np.stack([cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in line])
    return _in_all_channels(line, images)


def _dotted_line(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    rows = rng.integers(0, SIDE - 1, (2, len(images)))
    columns = np.zeros(len(images)), np.full(len(images), SIDE - 1)
    start, end = (np.array(one) for one in zip(columns, rows, strict=True))
    return images + _line(images, start, end, dotted=True)


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
        images = (images + _line(images, one, two)).clip(0, 1)
    return images


def _canny_edges(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    grey = images @ np.array(GREY, np.float32) if images.ndim == 4 else images
    smooth: np.ndarray = (_blurred(grey, 1) * 255).round().astype(np.uint8)
    scale = _scale_of(images)
    # A step's steepest gradient, of Sobel's filter after the blur, against that at 28 pixels.
    steep = _step(scale) / _step(1)
    width = np.ones((max(1, round(scale)),) * 2, np.uint8)
    edges = [
        cv2.dilate(cv2.Canny(one, 0.1 * 255 * steep, 0.2 * 255 * steep, L2gradient=True), width)
        for one in smooth
    ]
    every = _in_all_channels(np.stack(edges) / 255, images)
    return np.broadcast_to(every, images.shape)


def _step(sigma: float) -> float:
    normal = NormalDist(sigma=sigma)
    return normal.cdf(1.5) - normal.cdf(-0.5)


CORRUPTIONS: dict[str, Callable[..., np.ndarray]] = {
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
MOVES = {"shear", "scale", "rotate", "translate"}  # bring in what was outside: the background
