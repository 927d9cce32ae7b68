"""Images joined with others: weighted sums, and boxes of one put into another."""

import numpy as np

from mnist_aug.augment.engine.compiled import kernel


@kernel
def _blend(images: np.ndarray, others: np.ndarray, weights: np.ndarray, whole: bool) -> None:
    half = np.float32(0.5 if whole else 0)
    for n in range(len(images)):
        own = weights[n, 0]
        for i in range(images.shape[1]):
            total = own * np.float32(images[n, i])
            for k in range(len(others)):
                total += weights[n, k + 1] * np.float32(others[k, n, i])
            images[n, i] = total + half


def blend(images: np.ndarray, others: np.ndarray, weights: np.ndarray) -> None:
    """Each image, in place, becomes a weighted sum of itself and others.

    Args:
        images: [N, H, W] or [N, H, W, C], contiguous, uint8, to which sums are rounded, or float32.
        others: [K, N, ...] of the same.
        weights: [N, K + 1], not negative, of sum 1, the image's own first.
    """
    count = len(images)
    _blend(
        images.reshape(count, -1),
        others.reshape(len(others), count, -1),
        weights.astype(np.float32),
        images.dtype == np.uint8,
    )


@kernel
def paste(images: np.ndarray, others: np.ndarray, boxes: np.ndarray) -> None:
    """Put a box of each of `others` where it is into each image, in place.

    Args:
        images, others: [N, H, W, C].
        boxes: int64 [N, 4], the first row and column inside and the first ones outside.
    """
    for n in range(len(images)):
        top, left, bottom, right = boxes[n]
        for y in range(top, bottom):
            for x in range(left, right):
                for c in range(images.shape[3]):
                    images[n, y, x, c] = others[n, y, x, c]
