"""The pipeline: every image once an epoch, in an order that depends on seed and epoch alone."""

import numpy as np
import pytest

from mnist_aug import vectorize
from mnist_aug.augment import policy
from mnist_aug.augment.mixing import Mixer
from mnist_aug.train import pipeline


def numbered(count):
    """Images that carry their index in two pixels, and the index as label."""
    images = np.zeros((count, 2, 3), np.uint8)
    images[:, 0, 0], images[:, 0, 1] = np.divmod(np.arange(count), 256)
    return images, np.arange(count, dtype=np.int32)


def epochs_of(count, batch_size, seed=0, epochs=2):
    """What each epoch yields, joined: images [N, ...] and labels [N], and the blocks' shapes."""
    blocks, per_epoch = pipeline.blocks(
        *numbered(count), seed=seed, batch_size=batch_size, phases=[(epochs, None)]
    )
    blocks = list(blocks.as_numpy_iterator())
    assert len(blocks) == epochs * per_epoch
    out = []
    for epoch in range(epochs):
        part = blocks[epoch * per_epoch : (epoch + 1) * per_epoch]
        out.append(
            (
                np.concatenate([x.reshape(-1, 2, 3) for x, _ in part]),
                np.concatenate([y.ravel() for _, y in part]),
                [y.shape for _, y in part],
            )
        )
    return out


@pytest.mark.parametrize(
    ("count", "batch_size", "shapes"),
    [
        (96, 32, [(3, 32)]),
        (100, 32, [(3, 32), (1, 4)]),
        (20, 32, [(1, 20)]),
        (600, 4, [(75, 4)] * 2),
        (131 * 4 + 1, 4, [(128, 4), (3, 4), (1, 1)]),
    ],
)
def test_every_image_once_an_epoch_in_batches_as_fit_makes_them(count, batch_size, shapes):
    for images, labels, found in epochs_of(count, batch_size):
        assert found == shapes
        assert sorted(labels) == list(range(count))
        assert images.dtype == np.float32
        np.testing.assert_allclose(np.rint(images[:, 0, :2] * 255) @ [256, 1], labels)


def test_mnist_is_one_shape_to_compile():
    assert 1500 % pipeline._block_steps(1500) == 0


def test_order_depends_on_seed_and_epoch():
    (_, first, _), (_, second, _) = epochs_of(100, 8)
    (_, other_seed, _), _ = epochs_of(100, 8, seed=1)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, other_seed)
    (_, again, _), _ = epochs_of(100, 8)
    np.testing.assert_array_equal(first, again)
    (_, other_batch, _), _ = epochs_of(100, 32)
    np.testing.assert_array_equal(first, other_batch)


def test_augmentation_keeps_the_order_and_follows_the_key():
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (50, 12, 12), dtype=np.uint8)
    labels = np.arange(50, dtype=np.int32)
    engine = vectorize(policy.load("affine"))
    blocks, _ = pipeline.blocks(
        images,
        labels,
        seed=7,
        batch_size=8,
        phases=[(2, Mixer(policy.load("affine"), images, labels, 50))],
    )
    epoch, seen = 0, 0
    for x, y in blocks.as_numpy_iterator():
        for batch, indices in zip(x, y, strict=True):
            expected = engine(images[indices], (7, epoch, indices))
            np.testing.assert_array_equal(batch, expected.astype(np.float32) / 255)
            seen += len(indices)
        epoch += seen == 50
    assert seen == 100
