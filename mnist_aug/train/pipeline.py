"""The input pipeline: shuffle, augment (optional), block, as a `tf.data.Dataset`."""

from collections.abc import Sequence
from functools import partial, reduce
from typing import Any

import numpy as np
import tensorflow as tf

BLOCK_STEPS = 128  # at most so many optimisation steps in one element


def blocks(
    images: np.ndarray,
    labels: np.ndarray,
    *,
    seed: int,
    batch_size: int,
    phases: Sequence[tuple[int, object]],
    first_epoch: int = 0,
) -> tuple[tf.data.Dataset, int]:
    """Shuffled, optionally augmented training images in blocks, and how many blocks an epoch has.

    An element is a block: float32 images `[steps, batch, H, W]` in [0, 1] and int32 labels
    `[steps, batch]`. Where `batch_size` does not divide the images, an epoch ends in a block of
    one smaller batch, as `fit`'s epochs do. Indices are shuffled and whole blocks gathered,
    because tf.data's cost is per element.

    The order is a pure function of (seed, epoch), and an image's augmentation of (seed, epoch,
    its index), so neither depends on threads or on the blocks' size.

    Args:
        images: uint8 `[N, H, W]`.
        labels: int32 `[N]`.
        phases: (the epoch a phase ends before, what `vectorize` returns or None for no
            augmentation) of one after the other; the first begins at epoch 0.
        first_epoch: where to begin, for a run that goes on; at the end, there are no blocks.
    """
    count = len(images)
    steps, rest = divmod(count, batch_size)
    size = _block_steps(steps)
    whole = steps - steps % size if size else 0
    pixels, answers = tf.constant(images), tf.constant(labels)

    def epoch_indices(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(tf.range(count), [seed, epoch])
        parts = []
        for start, stop, width in ((0, whole, size), (whole, steps, steps - whole)):
            if start < stop:
                part = tf.reshape(
                    order[start * batch_size : stop * batch_size], [-1, width, batch_size]
                )
                parts.append(tf.data.Dataset.from_tensor_slices(part))
        if rest:
            parts.append(tf.data.Dataset.from_tensors(order[None, -rest:]))
        indices = parts[0]
        for part in parts[1:]:
            indices = indices.concatenate(part)
        return indices.map(lambda index: (epoch, index))

    def gather(epoch: tf.Tensor, index: tf.Tensor, engine: Any) -> tuple[tf.Tensor, tf.Tensor]:
        flat = tf.reshape(index, [-1])
        batch = tf.gather(pixels, flat)
        if engine is not None:
            batch = engine.map(batch, seed, epoch, flat)
        batch = tf.cast(batch, tf.float32) / 255
        shape = tf.concat([tf.shape(index), images.shape[1:]], 0)
        batch = tf.ensure_shape(tf.reshape(batch, shape), [*index.shape, *images.shape[1:]])
        return batch, tf.gather(answers, index)

    parts = []
    for end, engine in phases:
        part = tf.data.Dataset.range(first_epoch, end, output_type=tf.int32)
        parts.append(
            part.flat_map(epoch_indices).map(
                partial(gather, engine=engine), num_parallel_calls=2, deterministic=True
            )
        )
        first_epoch = max(first_epoch, end)
    dataset = untuned(reduce(tf.data.Dataset.concatenate, parts).prefetch(2))
    per_epoch = (whole // size if size else 0) + (steps > whole) + (rest > 0)
    return dataset, per_epoch


def untuned(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """The dataset without tf.data's autotuning.

    Its thread sleeps for up to seconds at a time, and making a new iterator, as Keras does for
    each validation, waits for it: a third to a half of a run's time.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


def _block_steps(steps: int) -> int:
    """Steps in a block: a divisor of `steps` where one is near the limit (one shape to compile)."""
    limit = min(steps, BLOCK_STEPS)
    return next((size for size in range(limit, limit // 2, -1) if steps % size == 0), limit)
