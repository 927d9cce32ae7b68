"""Crops, paddings and enlargements: what each draws, and its application to images.

Each is a box of the image, which may reach beyond it, that is then scaled to a size.
"""

from collections.abc import Callable, Iterator

import albumentations as A
import numpy as np

TRANSFORMS: dict[type[A.BasicTransform], Callable[..., dict[str, np.ndarray]]] = {}


def needs_albumentations(t: A.BasicTransform) -> bool:
    return False


def cut_and_scaled(
    t: A.BasicTransform, images: np.ndarray, places: np.ndarray, drawn: dict[str, np.ndarray]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    yield from ()
