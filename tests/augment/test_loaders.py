"""The engine in PyTorch's, JAX's and TensorFlow's loops, as docs/engine.md shows them."""

import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import mnist_aug

PROJECT = Path(__file__).parents[2]
PAGE = (PROJECT / "docs" / "engine.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("\n## In PyTorch, JAX and tf.data\n")[2].partition("\n## ")[0]


def blocks(heading):
    """The Python of a part of the section, "" for what stands before the first of them."""
    parts = re.split(r"^### (.*)$", SECTION, flags=re.M)
    texts = dict(zip(["", *parts[1::2]], parts[::2], strict=True))
    return re.findall(r"```python\n(.*?)```", texts[heading], re.S)


@pytest.fixture
def shared():
    """What the section's first block defines."""
    (setup,) = blocks("")
    names = {}
    exec(setup, names)
    return names


@pytest.fixture
def expected(shared):
    """Every image augmented, number by number: [epoch][number]."""
    engine = mnist_aug.vectorize(shared["policy"])
    return [engine(shared["images"], (shared["seed"], epoch, 0)) for epoch in (0, 1, 2)]


class TestTorch:
    @pytest.fixture
    def module(self, shared, tmp_path, monkeypatch):
        """The section's classes, in a module, where workers that are spawned find them."""
        torch = pytest.importorskip("torch")
        torch.set_num_threads(1)
        setup, classes = blocks("")[0], blocks("PyTorch")[0]
        (tmp_path / "loading.py").write_text(setup + classes)
        monkeypatch.syspath_prepend(tmp_path)
        yield importlib.import_module("loading")
        del sys.modules["loading"]

    @staticmethod
    def loader(module, order, batch_size=32, **options):
        """A label is the number of its image, so that each image is known again."""
        return module.DataLoader(
            module.Numbered(module.images, np.arange(len(module.images))),
            batch_size=batch_size,
            sampler=order,
            collate_fn=module.Augment(module.policy, module.seed),
            **options,
        )

    @staticmethod
    def seen(loader):
        """Numbers and images, in the order in which they come."""
        batches = [(batch.numpy(), numbers.numpy()) for batch, numbers in loader]
        images, numbers = (np.concatenate(part) for part in zip(*batches, strict=True))
        return numbers, images

    @pytest.mark.parametrize(
        ("workers", "batch_size"), [(0, 32), (0, 7), (1, 32), (2, 32), (2, 100), (4, 32)]
    )
    def test_workers_and_batch_size_change_nothing(self, module, expected, workers, batch_size):
        order = module.Order(len(module.images), module.seed)
        for order.epoch in (0, 1):
            numbers, images = self.seen(self.loader(module, order, batch_size, num_workers=workers))
            assert sorted(numbers) == [*range(len(images))]
            np.testing.assert_array_equal(images, expected[order.epoch][numbers])

    @pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
    def test_the_epoch_reaches_workers_that_stay(self, module, expected, method):
        order = module.Order(len(module.images), module.seed)
        loader = self.loader(
            module, order, num_workers=2, persistent_workers=True, multiprocessing_context=method
        )
        orders = []
        for order.epoch in (0, 1, 2):
            numbers, images = self.seen(loader)
            np.testing.assert_array_equal(images, expected[order.epoch][numbers])
            orders.append([*numbers])
        assert orders[0] != orders[1] != orders[2]

    @pytest.mark.parametrize("workers", [0, 2])
    def test_an_epoch_is_resumed(self, module, expected, workers):
        order = module.Order(len(module.images), module.seed)
        order.epoch = 1
        whole, _ = self.seen(self.loader(module, order, num_workers=workers))
        order.start = 96
        loader = self.loader(module, order, num_workers=workers)
        assert len(loader) == (len(module.images) - 96) / 32
        numbers, images = self.seen(loader)
        np.testing.assert_array_equal(numbers, whole[96:])
        np.testing.assert_array_equal(images, expected[1][numbers])

    def test_the_loop_trains(self, module):
        names = vars(module)
        _, loop = blocks("PyTorch")
        exec(loop, names)
        assert np.isfinite(names["loss"].item())
        assert names["order"].epoch == names["epochs"] - 1


def test_jax(shared, expected, monkeypatch):
    jax = pytest.importorskip("jax")
    seen, jit = [], jax.jit

    def watched(step):
        compiled = jit(step)

        def look(weights, images, labels):
            seen.append((np.asarray(images), np.asarray(labels)))
            return compiled(weights, images, labels)

        return look

    monkeypatch.setattr(jax, "jit", watched)
    (loop,) = blocks("JAX")
    exec(loop, shared)
    assert np.abs(shared["weights"]).max() > 0
    images, labels = (np.concatenate(part) for part in zip(*seen, strict=True))
    for epoch in (0, 1):
        part = slice(epoch * len(images) // 2, (epoch + 1) * len(images) // 2)
        order = np.random.default_rng((shared["seed"], epoch)).permutation(len(expected[epoch]))
        np.testing.assert_array_equal(images[part], expected[epoch][order])
        np.testing.assert_array_equal(labels[part], shared["labels"][order])


def test_tf_data(shared, expected):
    pytest.importorskip("tensorflow")
    (loop,) = blocks("tf.data")
    exec(loop, shared)
    assert shared["model"].count_params() == 28 * 28 * 10 + 10
    shared["labels"] = np.arange(len(shared["images"]))  # so that each image is known again
    for epoch in (0, 1, 2):
        batches = [*shared["augmented"](epoch).as_numpy_iterator()]
        images, numbers = (np.concatenate(part) for part in zip(*batches, strict=True))
        assert sorted(numbers) == [*range(len(images))]
        np.testing.assert_array_equal(images, expected[epoch][numbers])
