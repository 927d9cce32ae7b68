"""Keras files of strangers: what is Keras's own opens as in Keras, the rest costs little."""

import copy
import io
import json
import re
import time
import zipfile

import damages
import h5py
import keras
import numpy as np
import pytest
from bad_data import MIB, forget_peak, peak
from conftest import PROJECT
from keras import layers

from mnist_aug.train import safe_loading

GREY = (28, 28, 1)


def sequential(*parts, shape=(28, 28)):
    end = [layers.Flatten(), layers.Dense(10, "softmax")]
    return keras.Sequential([keras.Input(shape), *parts, *end])


def functional(middle, shape=(28, 28)):
    images = keras.Input(shape)
    x = layers.Flatten()(middle(images))
    return keras.Model(images, layers.Dense(10, "softmax")(x))


def residual(images):
    x = layers.Conv2D(8, 3, padding="same", use_bias=False)(images)
    for _ in range(2):
        y = layers.ReLU()(layers.BatchNormalization()(x))
        x = layers.Add()([x, layers.Conv2D(8, 3, padding="same")(y)])
    return layers.GlobalAveragePooling2D()(x)


def mixer(images):
    x = layers.Reshape((49, 16))(images)
    y = layers.Permute((2, 1))(layers.LayerNormalization()(x))
    x = x + layers.Permute((2, 1))(layers.Dense(49, "gelu")(y))
    return x + layers.Dense(16, "gelu")(layers.LayerNormalization()(x)) * 0.5


def transformer(images):
    x = layers.Dense(16)(layers.Reshape((49, 16))(images))
    x = layers.Add()([x, layers.MultiHeadAttention(2, 8, dropout=0.1)(x, x)])
    return layers.GlobalAveragePooling1D()(x)


def attention(images):
    looked = [kind()([images, images]) for kind in (layers.Attention, layers.AdditiveAttention)]
    return layers.Concatenate()([*looked, layers.GroupQueryAttention(8, 4, 2)(images, images)])


def used_twice(images):
    dense = layers.Dense(28, "relu")
    return dense(layers.Dropout(0.2)(dense(images)))


def features():
    images = keras.Input(GREY)
    return keras.Model(images, layers.BatchNormalization()(layers.Conv2D(4, 3)(images)))


def lists():
    images = keras.Input((28, 28))
    return keras.Model([images], [layers.Dense(10, "softmax")(layers.Flatten()(images))])


def adapted():
    model = sequential(layers.Normalization(axis=None), shape=GREY)
    model.layers[0].adapt(np.random.default_rng(2).random((9, *GREY)))
    return model


ARCHITECTURES = {
    "dense": lambda: sequential(layers.Flatten(), layers.Dense(8, "relu")),
    "cnn": lambda: sequential(
        layers.Conv2D(8, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Dropout(0.5, seed=3),
        shape=GREY,
    ),
    "residual": lambda: functional(residual, GREY),
    "mixer": lambda: functional(mixer),
    "transformer": lambda: functional(transformer, GREY),
    "attention": lambda: functional(attention),
    "a layer used twice": lambda: functional(used_twice),
    "models in a Sequential": lambda: sequential(
        features(), keras.Sequential([layers.Conv2D(3, 3), layers.BatchNormalization()]), shape=GREY
    ),
    "models in a functional model": lambda: functional(
        lambda images: keras.Sequential([layers.Conv2D(3, 3)])(features()(images)), GREY
    ),
    "lists of one": lists,
    "recurrent": lambda: sequential(
        layers.LSTM(8, return_sequences=True, dropout=0.1, recurrent_dropout=0.1), layers.GRU(4)
    ),
    "bidirectional": lambda: sequential(layers.Bidirectional(layers.LSTM(4))),
    "cells": lambda: sequential(
        layers.RNN(layers.StackedRNNCells([layers.GRUCell(3), layers.LSTMCell(4)]))
    ),
    "convolutional recurrent": lambda: sequential(
        layers.Reshape((4, 7, 28, 1)),
        layers.ConvLSTM2D(3, 3, return_sequences=True),
        layers.Conv3D(2, 3, padding="same"),
        layers.MaxPooling3D(2),
        shape=GREY,
    ),
    "in time": lambda: sequential(layers.TimeDistributed(layers.Conv1D(4, 3)), shape=GREY),
    "einsum": lambda: sequential(layers.EinsumDense("abc,cd->abd", (28, 4), bias_axes="d")),
    "spectral": lambda: sequential(layers.SpectralNormalization(layers.Conv2D(4, 3)), shape=GREY),
    "embedding": lambda: sequential(layers.Flatten(), layers.Embedding(3, 2)),
    "augmented": lambda: sequential(
        layers.RandomFlip("horizontal"),
        layers.RandomRotation(0.1, seed=1),
        layers.RandomZoom(0.1),
        layers.RandomTranslation(0.1, 0.1),
        layers.RandomContrast(0.1),
        layers.GaussianNoise(0.1),
        layers.SpatialDropout2D(0.1),
        shape=GREY,
    ),
    "scaled": lambda: sequential(
        layers.Normalization(mean=0.1, variance=0.3),
        layers.Rescaling(2.0, -1.0),
        layers.Resizing(14, 14),
        shape=GREY,
    ),
    "adapted": adapted,
    "convolutions": lambda: sequential(
        layers.SeparableConv2D(4, 3, dilation_rate=2),
        layers.DepthwiseConv2D(3),
        layers.Conv2DTranspose(3, 3, strides=2),
        layers.GroupNormalization(3),
        layers.PReLU(),
        layers.UpSampling2D(2),
        layers.AveragePooling2D(2),
        layers.UnitNormalization(),
        shape=GREY,
    ),
    "settings": lambda: sequential(
        layers.Dense(4, activation=layers.LeakyReLU()),
        layers.Dense(4, activation=keras.ops.relu, kernel_initializer="orthogonal"),
        layers.Dense(3, kernel_regularizer="l2", kernel_constraint="max_norm", trainable=False),
        layers.Activation("gelu"),
        layers.Dense(3, kernel_initializer=keras.initializers.VarianceScaling(2.0)),
    ),
}


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((5, 28, 28), np.float32)


@pytest.mark.one_in(2)
@pytest.mark.filterwarnings("ignore:The structure of `inputs`:UserWarning")  # Keras's own, of lists
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_what_is_accepted_answers_as_in_keras(name, images, tmp_path):
    rng, model, path = np.random.default_rng(1), ARCHITECTURES[name](), tmp_path / "net.keras"
    for variable in model.weights:
        if variable.dtype == "float32" and name != "adapted":
            variable.assign(rng.random(variable.shape) / 8)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.save(path)
    config = safe_loading.config(path)
    before = copy.deepcopy(config)
    safe_loading.check(config, safe_loading.stored_bytes(path))
    assert config == before
    ours = keras.saving.deserialize_keras_object(config)
    ours.load_weights(path)
    assert ours.output_shape == (None, 10)
    assert not ours.compiled
    theirs = keras.models.load_model(path, compile=False)
    (expected,) = keras.tree.flatten(theirs(images, training=False))
    np.testing.assert_array_equal(ours(images, training=False), expected)


def test_a_list_of_one_output_as_keras_3_3_wrote_it(images, tmp_path):
    inner = features()
    config = keras.saving.serialize_keras_object(functional(inner, GREY))
    config = json.loads(json.dumps(config))
    models = [part for part in config["config"]["layers"] if "layers" in part["config"]]
    for model in (config, *models):
        for end in ("input_layers", "output_layers"):
            model["config"][end] = [model["config"][end]]
    path = packed(tmp_path, config)
    safe_loading.check(safe_loading.config(path))
    model = keras.saving.deserialize_keras_object(safe_loading.config(path))
    assert model.output_shape == (None, 10)
    assert model.input_shape == (None, *GREY)
    assert model(images).shape == (5, 10)


# What is refused ----------------------------------------------------------------------------------


def test_the_page_names_the_layers_of_keras_that_are_refused():
    text = (PROJECT / "docs" / "models.md").read_text()
    listed = text.partition("These layers of Keras's are refused")[2].partition("`make report`")[0]
    known = {*safe_loading.LAYERS.split()}
    refused = {*re.findall(r"`(\w+)`", listed)}
    assert not refused & known
    names = {}
    for name, kind in vars(layers).items():
        if isinstance(kind, type) and issubclass(kind, layers.Layer):
            names.setdefault(kind, set()).add(name)
    bases = {layers.Layer, layers.Wrapper}
    neither = [own for kind, own in names.items() if kind not in bases and not own & known]
    assert [own for own in neither if not own & (refused | safe_loading.CELLS)] == []


def packed(folder, config, weights=b"", compression=zipfile.ZIP_STORED, more=()):
    path = folder / "net.keras"
    text = config if isinstance(config, str | bytes) else json.dumps(config)
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in (
            (safe_loading.METADATA, "{}"),
            (safe_loading.CONFIG, text),
            (safe_loading.WEIGHTS, weights),
            *more,
        ):
            archive.writestr(name, content)
    return path


def looked_through(path, stored):
    config = safe_loading.config(path)
    safe_loading.check(config, safe_loading.stored_bytes(path) if stored else None)


def refused(path, stored=False):
    """What a file is refused with, in a line, for little time and memory."""
    forget_peak()
    before, start = peak(), time.process_time()
    with pytest.raises(ValueError, match=r"\S") as error:
        looked_through(path, stored)
    assert time.process_time() - start < 10
    assert peak() - before < 64 * MIB
    text = str(error.value)
    assert type(error.value) is ValueError
    assert text.isprintable()
    assert len(text) <= 200
    return text


def config_of(*parts, shape=(28, 28)):
    """A config of layers that aren't made: Keras would make them when they are added."""
    found = [layers.InputLayer(shape=shape), *parts]
    return {
        "module": "keras",
        "class_name": "Sequential",
        "config": {"name": "a", "layers": [*map(keras.saving.serialize_keras_object, found)]},
        "registered_name": None,
    }


def layer(module, name, registered=None, /, **config):
    return {"module": module, "class_name": name, "config": config, "registered_name": registered}


def with_layer(own):
    config = config_of()
    config["config"]["layers"].append(own)
    return config


def dense(**changes):
    config = json.loads(json.dumps(config_of(layers.Flatten(), layers.Dense(10))))
    config["config"]["layers"][-1]["config"] |= changes
    return config


def nested(depth):
    config = config_of(layers.Flatten())
    for number in range(depth):
        inner, config = config, config_of()
        inner["config"]["name"] = f"{number}"
        config["config"]["layers"].append(inner)
    return config


def chain(count):
    """A functional model whose layers come in the reverse order of what they read."""
    images = x = keras.Input((28, 28))
    for _ in range(count):
        x = layers.Dense(4)(x)
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(keras.Model(images, x))))
    config["config"]["layers"].reverse()
    return config


def doubled(depth):
    """Models that each call the one in them twice."""
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(4)])
    for _ in range(depth):
        values = keras.Input((4,))
        inner = keras.Model(values, inner(inner(values)))
    return keras.saving.serialize_keras_object(inner)


LAMBDA = layer("builtins", "__lambda__", value="4wEAAAA=")
NAMES = [
    ("os", "system"),
    ("subprocess", "Popen"),
    ("builtins", "eval"),
    ("keras.utils", "get_file"),
    ("keras", "Model"),
    ("keras.layers", "Lambda"),
    ("keras.layers", "TFSMLayer"),
    ("keras.layers", "TorchModuleWrapper"),
    ("keras.layers", "JaxLayer"),
    ("keras.layers", "FlaxLayer"),
    ("keras.layers", "StringLookup"),
    ("keras.layers", "TextVectorization"),
    ("keras.layers", "Layer"),
    ("keras.src.layers.core.lambda_layer", "Lambda"),
    ("keras.src.saving.saving_lib", "H5IOStore"),
    ("theirs", "Dense"),
    (None, "Dense"),
    ("keras.layers", None),
    ("keras.layers", ["Dense"]),
    (["keras.layers"], "Dense"),
    ("keras.layers\x1b[2J\n", "Dense"),
]


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_names_that_are_not_of_keras_layers(module, name, tmp_path):
    text = refused(packed(tmp_path, with_layer(layer(module, name, units=1))))
    assert str(name) in text


NAMED_ELSEWHERE = {
    "a registered name": with_layer(layer("keras.layers", "Dense", "theirs>Dense", units=1)),
    "a function": dense(activation=layer("os", "function", "system") | {"config": "system"}),
    "a function of Keras": dense(
        activation=layer("builtins", "function", "deserialize") | {"config": "deserialize"}
    ),
    "a function as an initializer": dense(
        kernel_initializer=layer("builtins", "function", "relu") | {"config": "relu"}
    ),
    "a lambda": dense(activation=LAMBDA),
    "a layer as an initializer": dense(kernel_initializer=layer("keras.layers", "Dense", units=1)),
    "a large layer as an activation": dense(
        activation=layer("keras.layers", "UpSampling2D", size=10**5)
    ),
    "a model in a wrapper": with_layer(layer("keras.layers", "TimeDistributed", layer=config_of())),
    "an array": dense(kernel_initializer=layer("builtins", "__numpy__", value="", dtype="U999999")),
    "a type": dense(extra=layer("tensorflow", "__typespec__")),
    "a quantized type": dense(dtype="int8_from_float32"),
    "a policy": dense(dtype=layer("keras", "DTypePolicy", name="int8_from_float32")),
    "another policy": dense(dtype=layer("keras.dtype_policies", "QuantizedDTypePolicy")),
    "Keras 2": {
        "class_name": "Sequential",
        "config": {"name": "a", "layers": [{"class_name": "Dense", "config": {"units": 3}}]},
    },
    "nothing": {},
    "no object": [],
    "a number": 3,
}


@pytest.mark.parametrize("name", NAMED_ELSEWHERE)
def test_what_is_hidden_in_settings(name, tmp_path):
    refused(packed(tmp_path, NAMED_ELSEWHERE[name]))


BOMBS = {
    "units": lambda: config_of(layers.Flatten(), layers.Dense(10**6), layers.Dense(10**6)),
    "many units": lambda: dense(units=10**30),
    "low rank": lambda: dense(lora_rank=10**9),
    "orthogonal": lambda: config_of(
        layers.Flatten(), layers.Dense(10**6, kernel_initializer="orthogonal")
    ),
    "recurrent": lambda: config_of(layers.Bidirectional(layers.LSTM(10**6))),
    "embedding": lambda: config_of(layers.Embedding(10**6, 10**6)),
    "einsum": lambda: config_of(layers.EinsumDense("abc,cd->abd", (28, 10**9))),
    "an image": lambda: config_of(layers.Flatten(), shape=(10**5, 10**5)),
    "larger images": lambda: config_of(layers.UpSampling2D(10**5), shape=GREY),
    "resized images": lambda: config_of(layers.Resizing(10**5, 10**5), shape=GREY),
    "padding": lambda: config_of(layers.ZeroPadding2D(10**6), shape=GREY),
    "dilation": lambda: config_of(
        layers.Conv2D(1, 3, padding="same", dilation_rate=10**5), shape=GREY
    ),
    "strides": lambda: config_of(layers.Conv2DTranspose(1, 1, strides=10**5), shape=GREY),
    "repeated": lambda: config_of(layers.Flatten(), layers.RepeatVector(10**9)),
    "values from variables": lambda: config_of(
        layers.UpSampling2D(10**4), layers.Normalization(axis=(1, 2, 3)), shape=GREY
    ),
    "values from settings": lambda: config_of(
        layers.UpSampling2D(10**4),
        layers.Normalization(axis=(1, 2, 3), mean=0.0, variance=1.0),
        shape=GREY,
    ),
    "spectral": lambda: config_of(
        layers.Flatten(), layers.SpectralNormalization(layers.Dense(2), power_iterations=10**9)
    ),
    "unrolled": lambda: config_of(
        layers.Flatten(), layers.RepeatVector(10**4), layers.GRU(1, unroll=True)
    ),
    "unrolled both ways": lambda: config_of(
        layers.Flatten(),
        layers.RepeatVector(10**4),
        layers.Bidirectional(layers.GRU(1, unroll=True)),
    ),
    "dilation of columns": lambda: config_of(
        layers.Conv2D(1, 3, padding="same", dilation_rate=(1, 10**5)), shape=(200, 200, 200)
    ),
    "attention": lambda: keras.saving.serialize_keras_object(
        functional(lambda x: layers.MultiHeadAttention(1, 1)(x, x), (10**4, 1))
    ),
    "a large file": lambda: config_of(*[layers.ReLU()] * 10_000),
    "layers": lambda: config_of(*[layers.ReLU()] * 1_000),
    "layers one by one": lambda: config_of(*[layers.ReLU()] * 200),
    "layers in reverse": lambda: chain(200),
    "models in models": lambda: nested(40),
    "calls": lambda: doubled(16),
}


@pytest.mark.parametrize("name", BOMBS)
def test_small_files_that_ask_for_much(name, tmp_path):
    refused(packed(tmp_path, BOMBS[name]()))


def test_models_in_twenty_others_are_still_made(tmp_path):
    safe_loading.check(safe_loading.config(packed(tmp_path, nested(20))))


def test_what_layers_say_of_themselves_is_not_believed(tmp_path):
    """Keras builds a layer by what it says itself first, and then by where it stands."""
    for built in ({"input_shape": [None, 10**9]}, {"input_shape": None}, [1], "input_shape"):
        config = dense()
        config["config"]["layers"][-1]["build_config"] = built
        config["config"]["build_input_shape"] = [None, 10**6, 10**6]
        path = packed(tmp_path, config)
        safe_loading.check(safe_loading.config(path))
        model = keras.saving.deserialize_keras_object(safe_loading.config(path))
        assert model.count_params() == 7850


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[" * 100_000, ""),
        ('{"a":' * 50_000 + "1" + "}" * 50_000, ""),
        ('{"class_name":' * 500 + "1" + "}" * 500, "deep"),
        (json.dumps(dense(units=float("nan"))), "NaN"),
        (json.dumps(dense(units=-float("inf"))), "-Infinity"),
        ('{"a": ' + "9" * 10_000 + "}", "digits"),
        (json.dumps(dense(units=1e300)), ""),
        (b"\xff\xfe\xfd", ""),
        (b"\x00" * 100, ""),
        ("", ""),
        ("null", ""),
        (json.dumps({"a": " " * safe_loading.MOST_CONFIG_BYTES}), "unpacks"),
    ],
)
def test_configs_that_are_no_use(text, word, tmp_path):
    assert word in refused(packed(tmp_path, text))


def test_settings_of_wrong_types(tmp_path):
    for key, values in {
        "units": (None, True, 0, -8, "many", [], {}, 1e9, [10**9], 10**400),
        "activation": (3, [], {}, "theirs"),
        "kernel_initializer": (3, [], "theirs", {"class_name": "Zeros"}),
        "lora_rank": ("a", -1, []),
        "name": (3, [], "a/b"),
        "dtype": ([], 3, "string"),
        "other": (3,),
    }.items():
        for value in values:
            if (key, value) not in (("units", True), ("activation", {}), ("lora_rank", [])):
                refused(packed(tmp_path, dense(**{key: value})))
    for shape in (
        None,
        28,
        [],
        [None, None, 28],
        [None, "x"],
        [None, -28, 28],
        [3, 28, 28],
    ):
        config = dense()
        config["config"]["layers"][0]["config"]["batch_shape"] = shape
        refused(packed(tmp_path, config))


def test_functional_models_that_are_wired_wrong(tmp_path):
    whole = json.loads(json.dumps(keras.saving.serialize_keras_object(functional(mixer))))

    def with_change(change):
        config = copy.deepcopy(whole)
        change(config["config"])
        return packed(tmp_path, config)

    def node(own):
        return own["layers"][2]["inbound_nodes"][0]

    safe_loading.check(safe_loading.config(with_change(lambda own: None)))
    for change in (
        lambda own: own["layers"].pop(2),
        lambda own: own.pop("output_layers"),
        lambda own: own.update(output_layers=["nowhere", 0, 0]),
        lambda own: own.update(output_layers=[*([own["output_layers"]] * 2)]),
        lambda own: own.update(other=1),
        lambda own: own["layers"].append(3),
        lambda own: own["layers"][2].update(inbound_nodes=[[["reshape", 0, 0, {}]]]),
        lambda own: own["layers"][2].update(inbound_nodes=3),
        lambda own: node(own)["args"][0]["config"].update(keras_history=None),
        lambda own: node(own)["args"][0]["config"].update(keras_history=["a", {}, []]),
        lambda own: node(own)["args"].clear(),
        lambda own: node(own).update(kwargs={"a": LAMBDA}),
        lambda own: own["layers"][2].update(inbound_nodes=own["layers"][4]["inbound_nodes"] * 9),
        lambda own: own["layers"][1].update(inbound_nodes=own["layers"][-1]["inbound_nodes"]),
    ):
        refused(with_change(change))
    images, other = keras.Input((28, 28)), keras.Input((28, 28))
    both = keras.Model([images, other], layers.Flatten()(layers.Add()([images, other])))
    assert "2 inputs" in refused(packed(tmp_path, keras.saving.serialize_keras_object(both)))


def test_layers_that_models_share(tmp_path):
    """Keras itself makes two of them, and can't load the second."""
    shared = layers.Dense(4)

    def half(size):
        values = keras.Input((size,))
        return keras.Model(values, shared(layers.Dense(4)(values)))

    images = keras.Input((28, 28))
    x = layers.Flatten()(images)
    model = keras.Model(images, half(4)(half(784)(x)))
    model.save(tmp_path / "net.keras")
    assert "two models in it share" in refused(tmp_path / "net.keras")


# Archives and weights -----------------------------------------------------------------------------


def hdf5(fill):
    file = io.BytesIO()
    with h5py.File(file, "w") as weights:
        fill(weights)
    return file.getvalue()


def chunk_of_nothing(weights):
    weights.create_dataset("layers/dense/vars/0", (10**6, 10**6), "f4", chunks=(100, 100))


def elsewhere(weights):
    weights.create_dataset("a", (4,), "f4", external=[("/etc/passwd", 0, 16)])


def virtual(weights):
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "a", (4,))
    weights.create_virtual_dataset("a", layout)


def linked(weights):
    weights["layers"] = h5py.ExternalLink("/etc/passwd", "/")


def soft_linked(weights):
    weights["layers"] = h5py.SoftLink("/layers")


@pytest.mark.parametrize(
    ("fill", "word"),
    [
        (chunk_of_nothing, "too many bytes"),
        (elsewhere, "another file"),
        (virtual, "another file"),
        (linked, "link"),
        (soft_linked, "link"),
        (lambda weights: None, "more than its weights hold"),
    ],
)
def test_weights_that_are_not_there(fill, word, tmp_path):
    assert word in refused(packed(tmp_path, dense(), hdf5(fill)), stored=True)


@pytest.mark.parametrize("units", [9, 200_000])
def test_layers_that_are_larger_than_their_weights(units, tmp_path):
    path = tmp_path / "net.keras"
    sequential(layers.Dense(8)).save(path)
    stored = safe_loading.stored_bytes(path)
    assert stored == 4 * (28 * 8 + 8 + 28 * 8 * 10 + 10)
    config = safe_loading.config(path)
    safe_loading.check(config, stored)
    config["config"]["layers"][1]["config"]["units"] = units
    with pytest.raises(ValueError, match=r"more than its weights hold"):
        safe_loading.check(config, stored)


def test_archives_that_swell_or_hold_more(tmp_path, monkeypatch):
    monkeypatch.setattr(safe_loading, "MOST_BYTES", 2**24)
    zeros = bytes(2**24 + 1)
    for compression, word in (
        (zipfile.ZIP_DEFLATED, "unpacks"),
        (zipfile.ZIP_BZIP2, "unpacks"),
        (zipfile.ZIP_LZMA, "unpacks"),
    ):
        path = packed(tmp_path, dense(), zeros, compression)
        assert path.stat().st_size < 2**16
        assert word in refused(path, stored=True)
    for compression in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        assert "packed" in refused(packed(tmp_path, dense(), b"", compression))
    for name in ("assets/vocabulary.txt", "../a", "/etc/a", "model.weights.npz"):
        assert name in refused(packed(tmp_path, dense(), more=[(name, "a")]))
    with pytest.warns(UserWarning, match="Duplicate"):
        path = packed(tmp_path, dense(), more=[(safe_loading.CONFIG, "{}")])
    refused(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(safe_loading.CONFIG, json.dumps(dense()))
    refused(path)
    refused(tmp_path / "missing.keras")
    refused(tmp_path)


def test_foreign_and_damaged_files(tmp_path, counted):
    path = tmp_path / "net.keras"
    sequential(layers.Dense(8)).save(path)
    content, whole, rng = path.read_bytes(), safe_loading.config(path), np.random.default_rng(0)
    every = [*damages.FOREIGN, *(damage for _, damage in damages.bytes_of(content, rng, 40))]
    said = set()
    for damage in every:
        path.write_bytes(damage)
        try:
            found = safe_loading.config(path), safe_loading.stored_bytes(path)
        except ValueError as error:
            said.add((type(error), str(error).count("\n")))
        else:  # what was hit says nothing of the layers
            assert found[0] == whole
    assert said == {(ValueError, 0)}
    counted("damaged models read", len(every))
