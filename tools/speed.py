"""How fast the engine is, stage by stage, and the same work as TensorFlow graph operations.

The hot path is affine and elastic on 28 x 28 uint8. Each time is the least of several, since other
work on the machine only ever adds to it. `tools/engine_tables.py` writes the results into
docs/engine.md.
"""

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import albumentations as A
import cv2
import numpy as np

from mnist_aug.augment.engine import canvas, geometry, warp
from mnist_aug.augment.engine.draws import Draws, image_keys
from mnist_aug.augment.vectorize import vectorize

if TYPE_CHECKING:
    import tensorflow as tf

SHAPE = (28, 28)
POLICY = A.Compose(
    [
        A.Affine(
            rotate=(-12, 12),
            scale=(0.9, 1.1),
            translate_percent=(-0.06, 0.06),
            shear={"x": (-10, 10), "y": (0, 0)},
            p=1,
        ),
        A.ElasticTransform(alpha=50, sigma=4, p=1),
    ]
)


def seconds(work: Callable[[], object], repeats: int = 30) -> float:
    """The least wall time of `repeats` calls, after one more."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def stages(repeats: int = 60) -> dict[str, tuple[float, int]]:
    """By stage, on one chunk: microseconds an image, and bytes an image read and written.

    The stages are measured in turn, round by round, so that other work meets all of them alike.
    """
    count = warp.chunk_length(*SHAPE)
    images = _images(count)[..., None]
    affine, elastic = POLICY
    keys = image_keys(0, 0, np.arange(count))
    drawn = geometry.sample_affine(affine, Draws(keys, 1), SHAPE)
    field = geometry.sample_elastic(elastic, Draws(keys, 2), SHAPE)
    matrices = geometry.affine_map(affine, drawn, SHAPE)
    factor_y, factor_x, z = geometry.elastic_map(elastic, field, SHAPE)
    places = warp._multiply_out(matrices, factor_y, factor_x, z)
    band, pad = canvas._canvas(images, 2, cv2.BORDER_CONSTANT, 0), 2
    together = canvas.PIXELS_PER_REMAP // 784
    x, y = (canvas._fold(axis.copy(), 28, cv2.BORDER_CONSTANT, 1) + pad for axis in places)
    y += (np.arange(count) % together * band.shape[1])[:, None, None].astype(np.float32)
    out = np.empty((1, together * 784, 1), np.uint8)

    def read() -> None:
        for first in range(0, count - together + 1, together):
            part = slice(first, first + together)
            cv2.remap(
                band[part].reshape(-1, 32),
                x[part].reshape(1, -1),
                y[part].reshape(1, -1),
                cv2.INTER_LINEAR,
                dst=out,
                borderMode=cv2.BORDER_REPLICATE,
            )

    spare = places.copy()
    parts = {
        "draw affine parameters": (
            lambda: geometry.sample_affine(affine, Draws(keys, 1), SHAPE),
            9 * 8,
        ),
        "draw the field's coefficients": (
            lambda: geometry.sample_elastic(elastic, Draws(keys, 2), SHAPE),
            z[0].nbytes,
        ),
        "matrices from parameters": (lambda: geometry.affine_map(affine, drawn, SHAPE), 9 * 8 * 2),
        "multiply the map out": (
            lambda: warp._multiply_out(matrices, factor_y, factor_x, z),
            z[0].nbytes + 2 * 784 * 4,
        ),
        "canvas with a band": (
            lambda: canvas._canvas(images, 2, cv2.BORDER_CONSTANT, 0),
            784 + band[0].nbytes,
        ),
        "clamp the map": (
            lambda: [canvas._fold(axis, 28, cv2.BORDER_CONSTANT, 1) for axis in spare],
            4 * 784 * 4,
        ),
        "read the pixels (`cv2.remap`)": (read, 2 * 784 * 4 + band[0].nbytes + 784),
    }
    engine, all_images = vectorize(POLICY), _images(count)
    works = {name: work for name, (work, _) in parts.items()}
    works["whole"] = lambda: engine(all_images, (0, 0, 0))
    least = dict.fromkeys(works, np.inf)
    for _ in range(repeats):
        for name, work in works.items():
            least[name] = min(least[name], seconds(work, 1) / count * 1e6)
    rows = {name: (least[name], touched) for name, (_, touched) in parts.items()}
    rest = least["whole"] - sum(value for value, _ in rows.values())
    rows["keys, rows of the canvas, checks, calls"] = (rest, 6 * 784 * 4)
    rows["whole"] = (least["whole"], sum(touched for _, touched in rows.values()))
    return rows


def copy_rate(size: int = 1_600_000) -> float:
    """Bytes read and written in a microsecond by copying an array as large as a chunk's maps."""
    source, target = np.zeros(size, np.uint8), np.zeros(size, np.uint8)
    return 2 * size / (seconds(lambda: np.copyto(target, source), 200) * 1e6)


def albumentations_rate(count: int = 1500) -> float:
    """Images in a second, one at a time through the policy itself."""
    images = _images(count)
    return count / seconds(lambda: [POLICY(image=image) for image in images], 5)


def one_thread_rate(count: int = 8192) -> float:
    """Images in a second by calling the engine."""
    engine, images = vectorize(POLICY), _images(count)
    return count / seconds(lambda: engine(images, (0, 0, 0)), 40)


def dataset_rate(
    apply: "Callable[[tf.Tensor, tf.Tensor], tf.Tensor]", batch: int = 4096, count: int = 49152
) -> float:
    """Images in a second through tf.data with as many calls at a time as cores.

    Args:
        apply: function of (images, position) tensors that gives images.
    """
    import tensorflow as tf

    images = tf.constant(_images(batch))
    data = (
        tf.data.Dataset.range(0, count, batch)
        .map(lambda position: apply(images, position), num_parallel_calls=os.cpu_count())
        .prefetch(2)
    )

    def epoch() -> None:
        for _ in data:
            pass

    return count / seconds(epoch, 20)


def engine_rate() -> float:
    engine = vectorize(POLICY)
    return dataset_rate(lambda images, position: engine.map(images, 0, 0, position))


def graph_rate() -> float:
    return dataset_rate(graph_augment)


def graph_augment(images: "tf.Tensor", position: "int | tf.Tensor") -> "tf.Tensor":
    """The hot path in TensorFlow operations: uint8 [N, 28, 28] and a scalar position to the same.

    The same distributions and the same map, but draws by batch rather than by image.
    """
    import tensorflow as tf

    (left, _), _ = geometry.elastic_factors(POLICY[1], SHAPE)
    count, k = tf.shape(images)[0], left.shape[1]
    position = tf.cast(position, tf.int32)
    u = tf.random.stateless_uniform([7, count, 1, 1], tf.stack([position, 0]))
    z = tf.random.stateless_normal([count, 2, k, k], tf.stack([position, 1]))
    z *= 50 / 3.55  # the usual largest of 1,568 normal numbers
    x, y = tf.meshgrid(tf.range(28.0), tf.range(28.0))
    grid = tf.stack([x, y]) - 13.5
    field = tf.einsum("yj,njk,xk->nyx", left, tf.reshape(z, [-1, k, k]), left)
    places = grid + tf.reshape(field, [-1, 2, 28, 28])
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


def _images(count: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return cv2.GaussianBlur(
        rng.integers(0, 256, (count * 28, 28), dtype=np.uint8), (0, 0), 1
    ).reshape(count, 28, 28)
