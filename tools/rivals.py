"""`mnist_aug.experiments.rivals` on one core and on all; and TensorFlow graph operations, too.

What a library does on all cores is the better of two: one process that may use all of them, with
the library's own threads; and a process for each core, all at work at the same time, whose rates
are added.
"""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from mnist_aug.data import dataset
from mnist_aug.experiments import rivals
from mnist_aug.experiments.rivals import AFFINE, BOTH, COUNT
from tools import speed

if TYPE_CHECKING:
    import tensorflow as tf

GRAPH = "TensorFlow graph operations"
Rates = dict[tuple[str, str], np.ndarray]


def measure(rounds: int = 7) -> tuple[Rates, Rates]:
    """Images per second on one core and on all, float [rounds] by (task, library)."""
    cores = sorted(os.sched_getaffinity(0))
    one = _rates([cores[:1]], rounds)
    if len(cores) == 1:
        return one, one
    together, apart = _rates([cores], rounds), _rates([[core] for core in cores], rounds)
    return one, {
        key: max(together[key], apart[key], key=lambda rates: float(np.median(rates)))
        for key in one
    }


def _rates(groups: list[list[int]], rounds: int) -> Rates:
    digits = dataset.load("mnist")
    images, labels = digits.x_train[:COUNT], digits.y_train[:COUNT]
    return {
        (task, name): timed.rates
        for task, libraries in rivals.measure(images, labels, groups, rounds, more=graph)
        for name, timed in libraries.items()
    }


def graph(task: str, images: np.ndarray) -> dict[str, tuple[int, Callable[[], Any]]]:
    """The methods, as of `rivals.methods`, that only maintainers measure."""
    import tensorflow as tf

    if task not in (AFFINE, BOTH):
        return {}
    compiled = tf.function(graph_augment)
    tensor, position = tf.constant(images), tf.constant(0)
    return {GRAPH: (len(images), lambda: compiled(tensor, position, task == BOTH).numpy())}


def graph_augment(
    images: "tf.Tensor", position: "int | tf.Tensor", elastic: bool = True
) -> "tf.Tensor":
    """`speed.POLICY` in TensorFlow operations: uint8 [N, 28, 28] and a scalar position to the same.

    The same distributions and the same map, but the draws depend on the batch.
    """
    import tensorflow as tf

    count = tf.shape(images)[0]
    position = tf.cast(position, tf.int32)
    u = tf.random.stateless_uniform([7, count, 1, 1], tf.stack([position, 0]))
    x, y = tf.meshgrid(tf.range(28.0), tf.range(28.0))
    places = tf.stack([x, y]) - 13.5
    if elastic:
        left = tf.constant(_field_factor(28, speed.POLICY.transforms[1].sigma), tf.float32)
        k = left.shape[1]
        z = tf.random.stateless_normal([count, 2, k, k], tf.stack([position, 1]))
        z *= 50 / 3.55  # the usual largest of 1,568 normal numbers
        field = tf.einsum("yj,njk,xk->nyx", left, tf.reshape(z, [-1, k, k]), left)
        places += tf.reshape(field, [-1, 2, 28, 28])
    else:
        places = tf.tile(places[None], [count, 1, 1, 1])
    angle, shear = (24 * u[0] - 12) * np.pi / 180, tf.tan((20 * u[1] - 10) * np.pi / 180)
    scale = 0.9 + 0.2 * u[2:4]
    shift = (0.12 * u[4:6] - 0.06) * 28
    cos, sin = tf.cos(angle), tf.sin(angle)
    a, b = (cos + shear * sin) * scale[0], (sin - shear * cos) * scale[1]
    c, d = -sin * scale[0], cos * scale[1]
    det = a * d - b * c
    px, py = places[:, 0] - shift[0], places[:, 1] - shift[1]
    x, y = (d * px - b * py) / det + 13.5, (a * py - c * px) / det + 13.5
    x, y = tf.clip_by_value(x, -1.0, 28.0) + 1, tf.clip_by_value(y, -1.0, 28.0) + 1
    left_x, top_y = tf.floor(x), tf.floor(y)
    corner = tf.cast(top_y * 31 + left_x, tf.int32)
    flat = tf.reshape(tf.pad(tf.cast(images, tf.float32), [[0, 0], [1, 2], [1, 2]]), [count, -1])
    corner = tf.reshape(corner, [count, -1])
    p, q, r, s = (tf.gather(flat, corner + step, batch_dims=1) for step in (0, 1, 31, 32))
    across, down = (tf.reshape(v, [count, -1]) for v in (x - left_x, y - top_y))
    upper, lower = p + (q - p) * across, r + (s - r) * across
    return tf.cast(tf.reshape(tf.round(upper + (lower - upper) * down), [count, 28, 28]), tf.uint8)


def _field_factor(length: int, sigma: float, rank: int = 9) -> np.ndarray:
    """float [length, rank] that makes a Gaussian-smoothed field of normal numbers [rank, rank].

    The first left singular vectors of the blur along one axis times their values; those of 28
    pixels and sigma 4 hold all but a ten-thousandth of the variance.
    """
    kernel = cv2.getGaussianKernel(int(8 * sigma + 1), sigma)
    blur = cv2.sepFilter2D(np.eye(length), -1, np.ones(1), kernel, borderType=cv2.BORDER_REPLICATE)
    left, values, _ = np.linalg.svd(blur)
    return (left * values)[:, :rank]
