"""Models of all kinds train as Keras trains them, on what the seed says, to the same bytes."""

import itertools
from dataclasses import replace

import albumentations as A
import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import PROJECT

from mnist_aug.evaluate import saved_models
from mnist_aug.results import runs
from mnist_aug.train import (
    checkpoints,
    model_file,
    model_source,
    models,
    own_model,
    pipeline,
    training,
)
from mnist_aug.train.trainer import Trainer
from mnist_aug.train.variant import baseline

NAMES = [
    "mlp",  # with all random layers of dense ones, moving statistics and penalties
    *(
        pytest.param(name, marks=pytest.mark.torture)
        for name in (
            *("resnet", "nested", "mixer", "lstm", "vit", "separable", "inception", "squeeze"),
        )
    ),
]
EPOCHS = 2
CONSTANT = {"bias", "beta", "gamma", "alpha", "moving_mean", "moving_variance"}


def variant_of(name, start=baseline):
    return replace(start, epochs=EPOCHS, model=f"{PROJECT / 'tests' / 'model_zoo.py'}:{name}")


class Trained:
    """A model of the zoo, its trainer, and what that made of two seeds."""

    def __init__(self, name, few):
        self.variant, self.few = variant_of(name), few
        given = self.variant.model
        # As `model_source.load` does in a process of its own, which takes seconds to start.
        self.architecture, _ = own_model.made(
            given, *model_source.place(given), few.image_shape, few.classes
        )
        self.trainer = self.fresh()
        both = [self.trainer.fit(seed) for seed in (0, 1)]
        self.nets = {seed: net for seed, (net, _, _) in enumerate(both)}
        self.histories = {seed: history for seed, (_, history, _) in enumerate(both)}

    def fresh(self):
        return Trainer(self.variant, self.few, architecture=self.architecture)

    def untrained(self, seed):
        return models.build(
            self.variant,
            self.few.image_shape,
            self.few.classes,
            seed,
            self.trainer.steps,
            self.architecture,
        )


@pytest.fixture(scope="module", params=NAMES)
def trained(request, few):
    return Trained(request.param, few)


def test_the_same_bytes_in_any_order_of_seeds(trained):
    trainer = trained.fresh()
    again = {seed: trainer.fit(seed)[0] for seed in (1, 0)}
    files = {seed: model_file.content(net) for seed, net in trained.nets.items()}
    assert files == {seed: model_file.content(net) for seed, net in again.items()}
    assert files[0] != files[1]


@pytest.mark.torture
def test_the_same_bytes_in_other_processes(trained, few, tmp_path):
    training.train(trained.variant, [1, 0], few, tmp_path, processes=2)
    for seed, net in trained.nets.items():
        run = runs.read_run(runs.run_folder(tmp_path, trained.variant.name, seed))
        assert (run.folder / runs.MODEL).read_bytes() == model_file.content(net)
        assert run.manifest["architecture"] == trained.architecture
        assert run.manifest["parameters"] == net.count_params()


def test_blocks_are_steps_of_stock_keras(trained):
    """Of the same batches: random layers, moving statistics, and losses of layers included."""
    stock, trainer = trained.untrained(0), trained.trainer
    blocks, _ = pipeline.blocks(*trainer.train, seed=0, batch_size=32, phases=[(EPOCHS, None)])
    history = stock.fit(
        blocks.flat_map(lambda *block: tf.data.Dataset.from_tensor_slices(block)),
        epochs=EPOCHS,
        steps_per_epoch=trainer.steps // EPOCHS,
        shuffle=False,
        validation_data=trainer.validation,
        verbose=0,
    ).history
    ours, ours_history = trained.nets[0], trained.histories[0]
    assert int(stock.optimizer.iterations) == trainer.steps
    for one, two in zip(stock.variables, ours.variables, strict=True):
        assert one.path == two.path
        if not one.path.endswith("key/bias"):  # its gradient is 0 but for rounding
            np.testing.assert_allclose(one, two, atol=2e-5, err_msg=one.path)
    for key, values in history.items():
        np.testing.assert_allclose(values, ours_history[key], rtol=1e-4, err_msg=key)


def test_pairs_of_variants_start_alike_and_draw_the_same(trained, tmp_path):
    """An augmentation that changes nothing leaves nothing changed."""
    path = tmp_path / "nothing.json"
    A.save(A.Compose([A.NoOp(p=1)]), str(path), data_format="json")
    trainer = trained.trainer
    trainer.take(replace(trained.variant, name="augmented", policy=str(path)))
    try:
        net, _, _ = trainer.fit(1)
    finally:
        trainer.take(trained.variant)
    assert model_file.content(net) == model_file.content(trained.nets[1])


def random_variables(net):
    return [one for one in net.variables if one.path.split("/")[-1] not in CONSTANT]


def test_all_that_is_drawn_follows_the_seed(trained):
    first, same, other = (trained.untrained(seed) for seed in (0, 0, 1))
    for one, two in zip(first.variables, same.variables, strict=True):
        np.testing.assert_array_equal(one, two)
    drawn = [*zip(random_variables(first), random_variables(other), strict=True)]
    assert len(drawn) >= 3
    for one, two in drawn:
        assert not np.array_equal(one, two), one.path
    # Nothing in a model begins as something else in it does: weights of one shape, random layers.
    for one, two in itertools.combinations(random_variables(first), 2):
        if one.shape == two.shape:
            assert not np.array_equal(one, two), (one.path, two.path)


def test_what_is_saved_opens_everywhere(trained, few, tmp_path):
    path, net = tmp_path / "model.keras", trained.nets[0]
    path.write_bytes(model_file.content(net))
    images = few.x_test.astype(np.float32) / 255
    expected = net.predict(images, verbose=0)
    stock = keras.models.load_model(path)
    np.testing.assert_allclose(stock.predict(images, verbose=0), expected, atol=1e-6)
    ours = saved_models.load(path, few.image_shape, few.classes)
    np.testing.assert_allclose(saved_models.probabilities(ours, images), expected, atol=1e-6)
    for one, two in zip(net.weights, ours.weights, strict=True):
        np.testing.assert_array_equal(one, two)


class Kill(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt


def test_a_killed_run_goes_on_to_the_same_bytes(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "SAVE_SECONDS", 0)
    path = tmp_path / "checkpoint.npz"
    with pytest.raises(KeyboardInterrupt):
        trained.trainer.fit(0, [Kill()], checkpoint=path)
    trained.trainer.fit(1)
    net, history, _ = trained.trainer.fit(0, checkpoint=path)
    assert len(history) == EPOCHS
    assert model_file.content(net) == model_file.content(trained.nets[0])
