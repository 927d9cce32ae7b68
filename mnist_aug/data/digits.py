"""Handwritten digits: scikit-learn's in MNIST's form, and how others are oriented.

A network that learned MNIST's digits reads others only if they stand upright. Files that were
written by MATLAB, or by EMNIST's authors, hold them with rows and columns swapped.
"""

from functools import cache
from pathlib import Path

import numpy as np

from mnist_aug.data.formats import idx

MNIST = Path(__file__).with_name("mnist")  # the folder of the four files that ship
TEST_FILES = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"
LEAST_SIDE = 6  # pixels; in smaller images no digit is read
SAMPLE = 400  # digits that are looked at
READ = 0.4  # share that the nearest of MNIST's mean digits reads right of digits, and not of others
ORIENTATIONS = {  # and how to set them upright
    "upright": lambda images: images,
    "transposed": lambda images: images.transpose(0, 2, 1),
    "rotated by 90° anticlockwise": lambda images: np.rot90(images, -1, (1, 2)),
    "rotated by 90° clockwise": lambda images: np.rot90(images, 1, (1, 2)),
    "upside down": lambda images: np.rot90(images, 2, (1, 2)),
    "mirrored": lambda images: images[:, :, ::-1],
    "mirrored and upside down": lambda images: images[:, ::-1],
    "transposed and upside down": lambda images: np.rot90(images, 2, (1, 2)).transpose(0, 2, 1),
}


def orientation(
    images: np.ndarray,
    labels: np.ndarray,
    background: int,
    usual: str = "upright",
    margin: float = 0.1,
) -> tuple[str, float]:
    """How digits are oriented, and how well the nearest of MNIST's mean digits reads them so.

    Args:
        images: uint8 `[N, H, W]`.
        labels: int `[N]`, the digits.
        background: grey level.
        usual: the orientation of digits that are read alike either way.
        margin: by how much of all images more must be read right in another.

    Returns:
        A key of `ORIENTATIONS`, and the share of images read right, in [0, 1]. Below `READ` they
        are no digits.
    """
    chosen = np.linspace(0, len(images) - 1, min(len(images), SAMPLE)).astype(int)
    ink = np.abs(images[chosen].astype(np.float64) - background)
    ink[ink < 0.25 * ink.max()] = 0  # noise would stretch the box around the ink
    seen = ink.reshape(len(ink), -1).any(axis=1)
    if not seen.any():
        return usual, 0.0
    formed = np.stack([mnist_form(one * (16 / one.max())) for one in ink[seen]]).astype(np.float64)
    wanted = labels[chosen][seen]
    # Cosines, so that strokes of any width compare.
    unit = _means().reshape(10, -1)
    unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
    right = {
        name: float(((turned(formed).reshape(len(formed), -1) @ unit.T).argmax(1) == wanted).mean())
        for name, turned in ORIENTATIONS.items()
    }
    best = max(right, key=lambda name: (right[name], name == usual))
    # Some are read alike either way: 0, 1 and 8 are nearly symmetric.
    if right[best] < right[usual] + margin:
        best = usual
    return best, right[best]


@cache
def _means() -> np.ndarray:
    """float64 [10, 28, 28]: the mean of each digit among MNIST's test images."""
    images, labels = (shipped(MNIST / name) for name in TEST_FILES)
    return np.stack([images[labels == digit].mean(axis=0) for digit in range(10)])


def shipped(path: Path) -> np.ndarray:
    """The array in one of MNIST's files."""
    (array,) = idx.contents(path).arrays
    return array.read()


def mnist_form(image: np.ndarray) -> np.ndarray:
    """uint8 [28, 28] from ink [h, w] in 0 to 16, as MNIST's page describes its own making."""
    rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
    ink = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] / 16
    scale = 20 / max(ink.shape)
    height, width = (max(1, round(side * scale)) for side in ink.shape)
    down, across = _cubic(ink.shape[0], height), _cubic(ink.shape[1], width)
    ink = np.clip(down @ np.pad(ink, 2, mode="edge") @ across.T, 0, 1)
    mass = ink.sum()
    top = round(14 - float((ink.sum(1) @ np.arange(height)) / mass))  # MNIST's mean centre is
    left = round(14 - float((ink.sum(0) @ np.arange(width)) / mass))  # (14.0, 14.0), from 0
    top, left = np.clip(top, 0, 28 - height), np.clip(left, 0, 28 - width)
    field = np.zeros((28, 28), np.uint8)
    # Some values end in .5 but for what a processor makes of the last bit: they are all rounded up.
    field[top : top + height, left : left + width] = np.floor(ink * 255 + 0.5 + 1e-6)
    return field


def _cubic(count: int, wanted: int) -> np.ndarray:
    """float64 [wanted, count + 4]: cubic convolution of `count` samples, padded by 2 on each side.

    After Keys 1981, with a = -0.75 as in OpenCV's `INTER_CUBIC`, whose own last bits differ from
    processor to processor.
    """
    centres = (np.arange(wanted) + 0.5) * count / wanted - 0.5
    x = np.abs(centres[:, None] - np.arange(-2, count + 2))
    near = (1.25 * x - 2.25) * x * x + 1
    far = ((-0.75 * x + 3.75) * x - 6) * x + 3
    return np.where(x <= 1, near, np.where(x < 2, far, 0))
