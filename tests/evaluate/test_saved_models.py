"""A model's file is looked through before Keras opens it: strangers' files hold anything."""

import io
import json
import zipfile
from dataclasses import replace

import damages
import h5py
import keras
import numpy as np
import pytest

from mnist_aug.errors import UserError
from mnist_aug.evaluate import saved_models
from mnist_aug.results import runs
from mnist_aug.train import architectures, model_file, models, safe_loading
from mnist_aug.train.variant import baseline


@pytest.fixture(scope="module")
def keras_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / runs.MODEL
    models.build(replace(baseline, layers=(8,)), (28, 28), 10, seed=0).save(path)
    return path


def unfit(path, *words):
    with pytest.raises(UserError) as error:
        saved_models.load(path, (28, 28), 10)
    text = str(error.value)
    assert text.startswith(f"{path} can't be used")
    assert "train it again" in text
    assert "\n" not in text
    for word in words:
        assert word in text


def repacked(source, path, config=None, weights=None):
    """The model file with another config or other weights."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == safe_loading.CONFIG and config:
                content = json.dumps(config(json.loads(content))).encode()
            if name == safe_loading.WEIGHTS and weights:
                content = weights
            new.writestr(name, content)
    return path


def test_a_whole_model_is_read(keras_file):
    ours = saved_models.load(keras_file, (28, 28), 10).get_weights()
    for one, two in zip(
        ours, keras.models.load_model(keras_file, compile=False).get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, two)


def test_damaged_models_are_named(keras_file, tmp_path, counted):
    rng, content, path = np.random.default_rng(0), keras_file.read_bytes(), tmp_path / runs.MODEL
    expected, tried = saved_models.load(keras_file).get_weights(), 0
    for _, damage in (
        *((None, foreign) for foreign in damages.FOREIGN),
        *damages.bytes_of(content, rng, 12),
    ):
        path.write_bytes(damage)
        tried += 1
        text = damages.refusal(saved_models.load, path, (28, 28), 10)
        if text is None:  # what was hit says nothing of the weights
            for one, two in zip(saved_models.load(path).get_weights(), expected, strict=True):
                np.testing.assert_array_equal(one, two)
        else:
            assert str(path) in text
    counted("damaged models read", tried)


def test_code_in_a_model_is_not_run(tmp_path):
    trace, path = tmp_path / "trace", tmp_path / runs.MODEL

    net = keras.Sequential(
        [
            keras.Input((28, 28)),
            keras.layers.Lambda(eval(f"lambda x: (open({str(trace)!r}, 'w').close(), x)[1]")),
            keras.layers.Flatten(),
            keras.layers.Dense(10, "softmax"),
        ]
    )
    net.save(path)
    assert trace.exists()
    trace.unlink()
    unfit(path, "Lambda")
    with pytest.raises(ValueError, match="safe"):  # Keras's own safe mode, which is on as well
        keras.models.load_model(path, safe_mode=True, compile=False)
    assert not trace.exists()
    keras.models.load_model(path, safe_mode=False, compile=False)
    assert trace.exists()  # so it would have been


def test_models_of_other_images_and_classes(tmp_path):
    for shape, classes in (((8, 8), 10), ((28, 28), 3)):
        path = tmp_path / runs.MODEL
        models.build(replace(baseline, layers=(4,)), shape, classes, seed=0).save(path)
        unfit(path, f"in {classes} classes")


def test_weights_that_are_not_there(keras_file, tmp_path):
    """All else that `safe_loading` refuses is tried in its own tests."""
    path = tmp_path / runs.MODEL

    def widened(old):
        old["config"]["layers"][2]["config"]["units"] = 200_000
        return old

    unfit(repacked(keras_file, path, widened), "its layers need more than its weights hold")
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:  # claims 4 TB and holds nothing
        file.create_dataset("layers/dense/vars/0", (10**6, 10**6), "f4", chunks=(100, 100))
    unfit(repacked(keras_file, path, weights=buffer.getvalue()), "too many bytes")
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:  # enough, but of others
        file["a"] = np.zeros(10_000)
    unfit(repacked(keras_file, path, weights=buffer.getvalue()), "could not be loaded")


def test_models_that_give_no_probabilities_of_classes(tmp_path):
    path = tmp_path / runs.MODEL
    keras.Sequential([keras.Input((28, 28)), keras.layers.Dense(10)]).save(path)
    unfit(path, "(None, 28, 10)")


def residual(shape, classes, seed, name):
    """With batch normalisation, dropout and a layer called twice, and with names of its own."""
    layers = keras.layers
    images = keras.Input(shape, name=f"{name}-images")
    x = layers.Reshape((28, 28, 1))(images)
    x = layers.Conv2D(4, 3, padding="same", name=f"{name}-first")(x)
    conv = layers.Conv2D(4, 3, padding="same", name=f"{name}-twice")
    x = layers.Add()(
        [x, layers.Dropout(0.5, seed=seed)(conv(layers.BatchNormalization()(conv(x))))]
    )
    x = layers.GlobalAveragePooling2D()(layers.BatchNormalization()(x))
    return keras.Model(images, layers.Dense(classes, "softmax")(x), name=name)


@pytest.fixture
def batch():
    return np.random.default_rng(5).random((6, 28, 28), np.float32)


@pytest.mark.parametrize("shape", [(28, 28), (28, 28, 1)])
def test_any_model_is_loaded_and_answers_as_in_keras(shape, batch, tmp_path):
    rng, path = np.random.default_rng(1), tmp_path / runs.MODEL
    model = residual(shape, 10, 3, "a")
    for variable in model.weights:
        variable.assign(rng.random(variable.shape))
    path.write_bytes(model_file.content(model))
    loaded = saved_models.load(path, (28, 28), 10)
    found = saved_models.probabilities(loaded, batch)
    np.testing.assert_allclose(found, model.predict_on_batch(batch), atol=1e-6)
    assert found.std() > 0.01
    np.testing.assert_array_equal(found, saved_models.probabilities(loaded, batch))
    unfit_for(path, (28, 28, 3))
    unfit_for(path, (28, 28, 1, 1))


def unfit_for(path, image_shape):
    with pytest.raises(UserError, match="it reads images of"):
        saved_models.load(path, image_shape, 10)


def test_models_of_one_architecture_share_what_is_compiled(batch, monkeypatch):
    """Each answers by its own weights and its own moving statistics."""
    monkeypatch.setattr(saved_models, "_compiled", {})
    every = [
        architectures.named_afresh(lambda seed=seed: residual((28, 28), 10, seed, "a"))
        for seed in range(3)
    ]
    rng = np.random.default_rng(2)
    for model in every:
        for variable in model.weights:
            variable.assign(rng.random(variable.shape))
        expected = model.predict_on_batch(batch)
        found = saved_models.probabilities(model, batch)
        np.testing.assert_allclose(found, expected, atol=1e-6)
    assert len(saved_models._compiled) == 1
    for variable in every[0].non_trainable_variables[:2]:  # after it was compiled
        variable.assign(variable + 1)
    found = saved_models.probabilities(every[0], batch)
    np.testing.assert_allclose(found, every[0].predict_on_batch(batch), atol=1e-6)
    other = residual((28, 28), 10, 0, "a")
    other.layers[-1].activation = keras.activations.sigmoid
    assert saved_models.probabilities(other, batch).sum() != pytest.approx(6)
    assert len(saved_models._compiled) == 2


@pytest.mark.parametrize(("layer", "by_xla"), [("Dense", True), ("Conv1D", False), ("GRU", False)])
def test_only_dense_layers_are_compiled_by_xla(layer, by_xla, batch):
    options = {"kernel_size": 1} if layer == "Conv1D" else {}
    hidden = getattr(keras.layers, layer)(7, **options)
    last = [keras.layers.Flatten(), keras.layers.Dense(10, "softmax")]
    model = keras.Sequential([keras.Input((28, 28)), hidden, *last])
    found = saved_models.probabilities(model, batch)
    np.testing.assert_allclose(found, model.predict_on_batch(batch), atol=1e-6)
    assert saved_models._by_model[model].function_spec.jit_compile is by_xla
