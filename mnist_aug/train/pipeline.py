"""The input pipeline: shuffle, augment (optional), block, as a `tf.data.Dataset`."""

from collections.abc import Sequence
from functools import partial, reduce

import numpy as np
import tensorflow as tf

from mnist_aug.augment.mixing import Mixer

BLOCK_STEPS = 128  # at most so many optimisation steps in one element


def blocks(
    images: np.ndarray,
    labels: np.ndarray,
    *,
    seed: int,
    batch_size: int,
    phases: Sequence[tuple[int, Mixer | None]],
    first_epoch: int = 0,
) -> tuple[tf.data.Dataset, int]:
    """Shuffled, optionally augmented training images in blocks, and how many blocks an epoch has.

    An element is a block: float32 images `[steps, batch, H, W]` in [0, 1] and int32 labels
    `[steps, batch]`, or float32 ones `[steps, batch, classes]` if those given are. For the
    Jensen-Shannon loss the images are `[steps, 3 * batch, H, W]`: a batch without AugMix, and
    behind it two views of the same images. Where `batch_size` does not divide the images, an epoch
    ends in a block of one smaller batch, as `fit`'s epochs do. Indices are shuffled and whole
    blocks gathered, because tf.data's cost is per element.

    The order is a pure function of (seed, epoch), and an image's augmentation of (seed, epoch,
    its index), so neither depends on threads or on the blocks' size.

    Args:
        images: uint8 `[N, H, W]`.
        labels: int32 `[N]`; float32 `[N, classes]` where a phase makes labels soft.
        phases: (the epoch a phase ends before, the `Mixer` of these images, or None for no
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

    def gather(
        epoch: tf.Tensor, index: tf.Tensor, mixer: Mixer | None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        batch, targets = tf.gather(pixels, index), tf.gather(answers, index)
        views = 3 if mixer is not None and mixer.compares_views else 1

        def mixed(epoch: np.ndarray, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            assert mixer is not None
            key, flat = (seed, int(epoch)), index.reshape(-1)
            if views == 3:
                made = mixer.views(key, flat).reshape(3, *index.shape, *images.shape[1:])
                return np.concatenate(made, axis=1), labels[index]
            made, own = mixer(key, flat)
            if labels.ndim == 2 and own.ndim == 1:  # another phase makes them soft
                own = labels[flat]
            return made.reshape(*index.shape, *images.shape[1:]), own.reshape(
                *index.shape, *labels.shape[1:]
            )

        if mixer is not None:
            steps, size = index.shape
            shape = [steps, size and views * size, *images.shape[1:]]
            batch, own = tf.numpy_function(
                mixed, [epoch, index], [tf.uint8, answers.dtype], stateful=False
            )
            batch, targets = tf.ensure_shape(batch, shape), tf.ensure_shape(own, targets.shape)
        return tf.cast(batch, tf.float32) / 255, targets

    parts = []
    for end, mixer in phases:
        part = tf.data.Dataset.range(first_epoch, end, output_type=tf.int32)
        parts.append(
            part.flat_map(epoch_indices).map(
                partial(gather, mixer=mixer), num_parallel_calls=2, deterministic=True
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
