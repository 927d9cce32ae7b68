"""What is saved of a model opens in other versions of Keras, and is the same bytes each time."""

import io
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace

import h5py
import keras
import numpy as np
import pytest
from conftest import PATIENCE, PROJECT
from keras import layers

from mnist_aug.evaluate import saved_models
from mnist_aug.results import runs
from mnist_aug.train import jobs, model_file, model_source, models
from mnist_aug.train.variant import baseline

small = replace(baseline, layers=(8,))
VARIANTS = {
    "dense": small,
    "cosine": replace(small, schedule="cosine", warmup=0.1, weight_decay=0.01),
    "without hidden layers": replace(small, layers=(), optimizer="sgd"),
    "cnn": replace(small, model="cnn", layers=()),
}


def network():
    """A functional model of most layers that classifiers of images are made of."""
    images = keras.Input((28, 28))
    x = layers.Reshape((28, 28, 1))(images)
    x = layers.Rescaling(2.0, -1.0)(x)
    inner = keras.Input((28, 28, 1))
    branch = keras.Model(inner, layers.Dropout(0.1, seed=3)(layers.BatchNormalization()(inner)))
    x = keras.Sequential([keras.Input((28, 28, 1)), layers.Conv2D(2, 1)])(branch(x))
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    y = layers.BatchNormalization()(layers.DepthwiseConv2D(3, padding="same")(x))
    x = layers.MaxPooling2D()(layers.Add()([x, y]))
    x = layers.Concatenate()([x, layers.SeparableConv2D(8, 3, padding="same")(x)])
    x = layers.LeakyReLU()(layers.LayerNormalization()(x))
    x = layers.GroupNormalization(4)(layers.AveragePooling2D(2)(x))
    x = layers.Dropout(0.2, seed=1)(layers.ZeroPadding2D()(x))
    x = layers.GaussianNoise(0.1, seed=2)(layers.Conv2DTranspose(4, 2)(x))
    pooled = [layers.GlobalAveragePooling2D()(x), layers.GlobalMaxPooling2D()(x)]
    x = layers.PReLU()(layers.Activation("gelu")(layers.Multiply()(pooled)))
    y = layers.EinsumDense("abc,cd->abd", (28, 4), bias_axes="d")(layers.Permute((2, 1))(images))
    y = layers.Flatten()(layers.MultiHeadAttention(2, 4)(y, y))
    z = layers.Bidirectional(layers.GRU(3))(images)
    z = layers.Dense(4, kernel_initializer="identity")(z)
    x = layers.Concatenate()([x, y, z])
    probabilities = layers.Dense(10, "softmax", kernel_regularizer="l2")(x)
    model = keras.Model(images, probabilities)
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "sparse_categorical_crossentropy")
    return model


def built(name):
    return network() if name == "functional" else models.build(VARIANTS[name], (28, 28), 10, 0, 90)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((32, 28, 28), np.float32)


@pytest.fixture(scope="module")
def saved(images, tmp_path_factory):
    """Files of models, their predictions, and the weights and states of their optimizers."""
    rng, folder, predictions = np.random.default_rng(1), tmp_path_factory.mktemp("models"), {}
    for name in [*VARIANTS, "functional"]:
        model = built(name)
        model.optimizer.build(model.trainable_variables)
        for variable in (*model.weights, *model.optimizer.variables[2:]):
            if variable.dtype == "float32":
                variable.assign(rng.random(variable.shape) / 8)
        model.optimizer.iterations.assign(2)
        (folder / f"{name}.keras").write_bytes(model_file.content(model))
        predictions[name] = model.predict_on_batch(images)
        np.savez(folder / f"{name}.npz", *everything(model))
    np.savez(folder / "images.npz", images=images, **predictions)
    return folder


def everything(model):
    return [variable.numpy() for variable in (*model.weights, *model.optimizer.variables)]


def read(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def configs(value):
    """All dicts in a config that are what an object is made from."""
    if isinstance(value, dict):
        if isinstance(value.get("config"), dict):
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from configs(part)


@pytest.mark.parametrize("name", [*VARIANTS, "functional"])
def test_it_loads_as_it_was(name, saved, images):
    path = saved / f"{name}.keras"
    model = keras.models.load_model(path)
    expected = np.load(saved / "images.npz")[name]
    np.testing.assert_array_equal(model.predict_on_batch(images), expected)
    with np.load(saved / f"{name}.npz") as arrays:
        for found, array in zip(everything(model), arrays.values(), strict=True):
            np.testing.assert_array_equal(found, array)
    assert model.optimizer.iterations == 2
    assert {**model.optimizer.get_config(), "name": ""} == {
        **built(name).optimizer.get_config(),
        "name": "",  # which the process numbers
    }
    assert model.loss == "sparse_categorical_crossentropy"
    guarded = saved_models.load(path, (28, 28), 10)
    for one, two in zip(guarded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    assert model.output_shape == guarded.output_shape == (None, 10)


@pytest.mark.parametrize("name", [*VARIANTS, "functional"])
def test_nothing_that_older_versions_do_not_know(name, saved):
    parts = read((saved / f"{name}.keras").read_bytes())
    text = parts["config.json"].decode()
    for newer in ("quantization_config", "input_axes", "output_axes", "renorm", "use_gate"):
        assert newer not in text
    for late in ("shared_object_id", "flash_attention", "lora_alpha"):
        assert late not in text
    assert json.loads(parts["metadata.json"]) == {"keras_version": keras.__version__}


def test_what_is_not_the_default_stays():
    layer = layers.BatchNormalization(renorm=True, renorm_momentum=0.5, beta_regularizer="l1")
    last = layers.Dense(3, activation=None, use_bias=False, kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((4,)), layer, last])
    parts = read(model_file.content(model))
    _, first, second = json.loads(parts["config.json"])["config"]["layers"]
    assert first["config"]["renorm"] is True
    assert first["config"]["renorm_momentum"] == 0.5
    assert first["config"]["beta_regularizer"]["class_name"] == "L1"
    assert second["config"]["use_bias"] is False
    assert second["config"]["activation"] == "linear"
    momentum = keras.optimizers.Adam(0.1, clipnorm=None, ema_momentum=0.5, use_ema=True)
    model.compile(momentum, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    compiled = json.loads(read(model_file.content(model))["config.json"])["compile_config"]
    assert compiled["optimizer"]["config"]["use_ema"] is True
    assert compiled["optimizer"]["config"]["ema_momentum"] == 0.5
    assert compiled["loss"]["config"]["from_logits"] is True


def test_what_is_left_out_is_what_the_class_takes_by_default():
    """What Keras makes of the shorter config has the whole one."""
    shorter = 0
    for thing in [
        layers.Activation("relu"),
        layers.AlphaDropout(0.1),
        layers.BatchNormalization(momentum=0.5),
        layers.CategoryEncoding(3),
        layers.CenterCrop(3, 4),
        layers.Conv1D(2, 3, use_bias=False),
        layers.Conv2D(2, 3, dilation_rate=2, kernel_constraint="non_neg"),
        layers.ConvLSTM2D(2, 3),
        layers.Cropping2D(2),
        layers.Dense(3, kernel_initializer=keras.initializers.VarianceScaling(2.0, "fan_out")),
        layers.Discretization(num_bins=3),
        layers.Dropout(0.5, noise_shape=[1, None]),
        layers.ELU(),
        layers.EinsumDense("ab,bc->ac", 3),
        layers.Embedding(5, 2),
        layers.GRU(2, return_sequences=True),
        layers.GaussianDropout(0.1),
        layers.GroupNormalization(2),
        layers.LSTM(2, recurrent_initializer=keras.initializers.Identity()),
        layers.LayerNormalization(axis=[1, 2]),
        layers.Masking(),
        layers.MultiHeadAttention(2, 3, output_shape=4),
        layers.Normalization(),
        layers.RNN(layers.StackedRNNCells([layers.LSTMCell(2), layers.SimpleRNNCell(3)])),
        layers.RandomContrast(0.1),
        layers.RandomFlip(),
        layers.RandomRotation(0.1),
        layers.ReLU(max_value=6),
        layers.Resizing(3, 4, crop_to_aspect_ratio=True),
        layers.Softmax(axis=(1, 2)),
        layers.SpectralNormalization(layers.Dense(2)),
        layers.TimeDistributed(layers.Dense(2)),
        layers.UpSampling2D(interpolation="bilinear"),
        layers.ZeroPadding1D(1),
        keras.losses.CategoricalCrossentropy(label_smoothing=0.1),
        keras.metrics.TopKCategoricalAccuracy(3),
        *(
            kind(keras.optimizers.schedules.CosineDecay(0.1, 100, warmup_target=0.2))
            for kind in (keras.optimizers.AdamW, keras.optimizers.SGD, keras.optimizers.Lion)
        ),
        keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(clipvalue=0.5)),
    ]:
        whole = keras.saving.serialize_keras_object(thing)
        short = json.loads(json.dumps(whole))
        model_file._leave_out_defaults(short)
        shorter += len(json.dumps(short)) < len(json.dumps(whole))
        again = keras.saving.deserialize_keras_object(short)
        assert json.dumps(again.get_config()) == json.dumps(thing.get_config())
    assert shorter > 20


def test_configs_of_other_classes_are_left_alone():
    config = {
        "module": "theirs",
        "class_name": "Dense",
        "config": {"units": None, "flag": False},
        "registered_name": "theirs>Dense",
    }
    again = json.loads(json.dumps(config))
    model_file._leave_out_defaults(again)
    assert again == config


def test_layers_used_twice_are_numbered():
    def shared(name, address, module="keras.layers"):
        return {"module": module, "class_name": name, "config": {}, "shared_object_id": address}

    config = [
        shared("Dense", 90),
        shared("Flatten", 70),
        shared("Dense", 80),
        shared("Zeros", 60, "keras.initializers"),
        shared("Zeros", 60, "keras.initializers"),
        shared("Flatten", 70),
        shared("Dense", 80),
    ]
    model_file._number_shared_layers(config)
    assert [part.get("shared_object_id") for part in config] == [None, 1, 2, None, None, 1, 2]


SAVES = """
import sys
from mnist_aug import backend
backend.start_tensorflow(one_thread=True)
import keras
from dataclasses import replace
from mnist_aug.train import model_file, models
from mnist_aug.train.variant import baseline
unused = [keras.layers.Dense(3) for _ in range(int(sys.argv[1]))]
variant = replace(baseline, layers=(8,), schedule="cosine")
model = models.build(variant, (28, 28), 10, 0, 90)
model.optimizer.build(model.trainable_variables)
sys.stdout.buffer.write(model_file.content(model))
"""


def test_the_example_on_the_page_on_models_reads_it(images, tmp_path, monkeypatch):
    path = tmp_path / "results/augmented/seed-00" / runs.MODEL
    path.parent.mkdir(parents=True)
    path.write_bytes(model_file.content(built("dense")))
    np.save(tmp_path / "images.npy", images)
    page = (PROJECT / "docs" / "models.md").read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```", page, re.S)
    (example,) = (one for one in examples if "load_model" in one)
    monkeypatch.chdir(tmp_path)
    found: dict = {}
    exec(example, found)
    expected = keras.models.load_model(path)(images / np.float32(255)).numpy()
    np.testing.assert_array_equal(found["digits"], expected.argmax(1))


@pytest.mark.torture
def test_the_same_bytes_from_two_processes():
    """At another time, with other hashes, and with other models made before."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SAVES, seed],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(PROJECT)},
        )
        for seed in ("1", "2")
    ]
    ended = [process.communicate(timeout=PATIENCE) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], ended
    contents = {stdout for stdout, _ in ended}
    (content,) = contents
    parts = read(content)
    names = [part["config"].get("name") for part in configs(json.loads(parts["config.json"]))]
    assert {"input_layer", "flatten", "dense", "dense_1", "adam"} <= {*names}
    with h5py.File(io.BytesIO(parts["model.weights.h5"])) as weights:
        assert len(weights["optimizer/vars"]) == 9


def test_a_run_trained_again_is_the_same_bytes(few):
    variant = replace(small, epochs=1)
    wanted = jobs.wanted_manifest(variant, 3, few)
    jobs.prepare(few)
    dense = model_source.Model("dense")
    first = jobs.work(jobs.Job(variant, wanted, dense, "a command"))
    again = jobs.work(jobs.Job(variant, wanted, dense, "another"))
    assert first[runs.MODEL] == again[runs.MODEL]
    with zipfile.ZipFile(io.BytesIO(first[runs.MODEL])) as archive:
        assert {info.date_time for info in archive.infolist()} == {model_file.FIRST_DATE}


OPENS = """
import pathlib, sys
import keras, numpy as np, tensorflow as tf
folder = pathlib.Path(sys.argv[1])
expected = np.load(folder / "images.npz")
for path in [folder / f"{name}.keras" for name in sys.argv[2:]]:
    model = keras.models.load_model(path)
    found = model.predict(expected["images"], verbose=0)
    difference = np.abs(found - expected[path.stem]).max()
    # The sums of convolutions are in another order in TensorFlow 2.16.
    assert difference <= 1e-4, (path, difference)
    assert model.optimizer.iterations == 2
    history = model.fit(expected["images"], np.arange(32) % 10, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    print(path.stem)
print(keras.__version__, tf.__version__)
"""
OLD = [("3.3.3", "2.16.2"), ("3.4.1", "2.16.2"), ("3.8.0", "2.18.1"), ("3.12.1", "2.20.0")]


@pytest.mark.torture
@pytest.mark.parametrize(("keras_version", "tensorflow_version"), OLD)
def test_it_opens_in_other_versions(keras_version, tensorflow_version, saved, tmp_path):
    """In a virtual environment of its own; functional models from Keras 3.4."""
    names = [*VARIANTS] if keras_version.startswith("3.3.") else [*VARIANTS, "functional"]
    python = tmp_path / "venv" / "bin" / "python"
    x86 = platform.system() == "Linux" and platform.machine() == "x86_64"
    packages = [
        f"tensorflow{'-cpu' if x86 else ''}=={tensorflow_version}",
        f"keras=={keras_version}",
    ]
    if uv := shutil.which("uv"):
        subprocess.run([uv, "venv", "-q", "-p", sys.executable, tmp_path / "venv"], check=True)
        command = [uv, "pip", "install", "-q", "-p", python, *packages]
    else:
        subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
        command = [python, "-m", "pip", "install", "-q", *packages]
    alone = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    installed = subprocess.run(command, capture_output=True, text=True, env=alone)
    if installed.returncode:
        pytest.skip(f"needs {packages} and a package index: {installed.stderr.strip()[-200:]}")
    process = subprocess.run(
        [python, "-c", OPENS, saved, *names],
        capture_output=True,
        text=True,
        env=alone | {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"},
        timeout=PATIENCE,
    )
    assert process.returncode == 0, process.stderr
    *opened, versions = process.stdout.splitlines()
    assert opened == names
    assert versions == f"{keras_version} {tensorflow_version}"
