"""Exported networks, run in a browser by the page's script, answer as in Keras."""

import base64
import json

import keras
import numpy as np
import pytest
from conftest import PROJECT
from hypothesis import given
from hypothesis import strategies as st
from keras import layers

from mnist_aug.evaluate import page_network
from mnist_aug.evaluate.page_network import exported
from mnist_aug.report import app
from mnist_aug.train import architectures

TEMPLATES = PROJECT / "mnist_aug" / "report" / "templates"


@pytest.fixture(scope="module")
def run(browser):
    """What the page's script makes of uint8 images with a model: values `[N, …]`, flat."""
    page = browser.new_page()
    for script in ("preparation.js", "network.js"):
        page.add_script_tag(path=TEMPLATES / script)

    def run(model, images):
        stored = exported(model)
        assert stored.keys() == {"layers", "weights"}, stored
        assert stored["weights"].dtype == np.float32
        values = page.evaluate(
            """([layers, numbers, images, size]) => {
                const bytesOf = (text) => Uint8Array.from(atob(text), c => c.charCodeAt(0));
                const read = network(layers, new Float32Array(bytesOf(numbers).buffer));
                const bytes = bytesOf(images), found = [];
                for (let at = 0; at < bytes.length; at += size)
                    found.push(Array.from(read(bytes.subarray(at, at + size))));
                return found;
            }""",
            [
                json.loads(str(stored["layers"])),
                base64.b64encode(stored["weights"].tobytes()).decode(),
                base64.b64encode(images.tobytes()).decode(),
                images[0].size,
            ],
        )
        return np.array(values, np.float64)

    yield run
    page.close()


def of_keras(model, images):
    pixels = images.astype(np.float32) / 255
    return model(pixels, training=False).numpy().reshape(len(images), -1)


def kinds(model):
    return [layer["kind"] for layer in json.loads(str(exported(model)["layers"]))]


def randomised(model, seed=0):
    """The model with weights, biases and moving statistics that are all different."""
    rng = np.random.default_rng(seed)
    weights = []
    for variable in model.variables:
        if "seed_generator" in variable.path:
            weights.append(variable.numpy())
        elif variable.name in ("gamma", "moving_variance"):
            weights.append(rng.uniform(0.5, 2, variable.shape))
        elif len(variable.shape) > 1:
            inputs = np.prod(variable.shape[:-1])
            weights.append(rng.normal(0, 1.5 / np.sqrt(inputs), variable.shape))
        else:
            weights.append(rng.normal(0, 0.5, variable.shape))
    for variable, value in zip(model.variables, weights, strict=True):
        variable.assign(value)
    return model


def images_of(shape, count=20):
    return np.random.default_rng(1).integers(0, 256, (count, *shape), np.uint8)


def chain(*parts, shape=(8, 8, 2)):
    return randomised(keras.Sequential([keras.Input(shape), *parts]))


def convnet():
    return architectures.cnn((28, 28, 1), 10)


def normalised(image):
    """Batch normalization before and after activations, after Flatten and between Dense layers."""
    x = layers.Reshape((28, 28, 1))(image)
    x = layers.Rescaling(2.0, offset=-1)(x)
    x = layers.Conv2D(8, (5, 3), strides=2, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.9, epsilon=0.01)(x)
    x = layers.ReLU(max_value=6, negative_slope=0.1)(x)
    x = layers.BatchNormalization(momentum=0.9, scale=False)(x)
    x = layers.AveragePooling2D(3, strides=2, padding="same")(x)
    x = keras.Sequential(
        [
            layers.Conv2D(12, 3, strides=(1, 2), activation=layers.LeakyReLU(0.2)),
            layers.SpatialDropout2D(0.2),
            layers.MaxPooling2D((2, 1), padding="same"),
        ]
    )(x)
    x = layers.Flatten()(x)
    x = layers.BatchNormalization(momentum=0.9, center=False)(x)
    x = layers.Dense(16)(x)
    x = layers.Dropout(0.2)(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    x = layers.Activation("relu")(x)
    return layers.Softmax()(layers.Dense(10)(x))


def test_the_convnet_reads_mnist_as_in_keras(run, mnist):
    keras.utils.set_random_seed(0)
    model = convnet()
    model.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy")
    pixels = mnist.x_train[:1500, ..., None] / np.float32(255)
    model.fit(pixels, mnist.y_train[:1500], batch_size=32, epochs=1, verbose=0)
    images = mnist.x_test[:1000, ..., None]
    found = run(model, images)
    assert np.abs(found - of_keras(model, images)).max() < 1e-4
    assert (found.argmax(1) == mnist.y_test[:1000]).mean() > 0.8


def test_normalization_strides_and_padding_as_in_keras(run, mnist):
    image = keras.Input((28, 28))
    model = randomised(keras.Model(image, normalised(image)))
    for _ in range(20):  # moving statistics follow
        model(mnist.x_train[:50] / np.float32(255), training=True)
    assert kinds(model) == [
        *("scale", "convolution", "relu", "scale", "mean"),
        *("convolution", "relu", "max", "scale", "dense", "relu", "dense", "softmax"),
    ]
    images = mnist.x_test[:1000]
    expected = of_keras(model, images)
    assert len({*expected.argmax(1)}) > 3  # it tells images apart
    assert np.abs(run(model, images) - expected).max() < 1e-4


WINDOWS = {
    "convolution": lambda size, **how: layers.Conv2D(3, size, **how),
    "max": layers.MaxPooling2D,
    "mean": layers.AveragePooling2D,
}


@given(
    kind=st.sampled_from([*WINDOWS]),
    sides=st.tuples(*[st.integers(1, 9)] * 2),
    channels=st.integers(1, 3),
    size=st.tuples(*[st.integers(1, 5)] * 2),
    strides=st.tuples(*[st.integers(1, 4)] * 2),
    padding=st.sampled_from(["valid", "same"]),
)
def test_every_geometry_as_in_keras(run, kind, sides, channels, size, strides, padding):
    if padding == "valid":
        sides = tuple(map(max, sides, size))
    model = chain(WINDOWS[kind](size, strides=strides, padding=padding), shape=(*sides, channels))
    images = images_of((*sides, channels), 2)
    np.testing.assert_allclose(run(model, images), of_keras(model, images), atol=1e-5)


@pytest.mark.parametrize(
    "part",
    [
        *(layers.Activation(name) for name in ("linear", "relu", "relu6", "leaky_relu")),
        *(layers.Activation(name) for name in ("tanh", "sigmoid", "softmax")),
        layers.ReLU(max_value=0.6, negative_slope=0.3, threshold=0.41),
        layers.LeakyReLU(0.7),
        layers.Softmax(),
        layers.GlobalAveragePooling2D(),
        layers.GlobalMaxPooling2D(keepdims=True),
        layers.Rescaling([0.5, -3.0], offset=[0.1, 0.2]),
        layers.BatchNormalization(axis=3),
        layers.Dense(3, activation="softmax"),  # at each pixel
        layers.Conv2D(3, 2, activation="tanh", use_bias=False),
    ],
    ids=lambda part: part.name,
)
def test_each_layer_as_in_keras(run, part):
    model = chain(layers.Rescaling(4.0, offset=-2), part)  # from -2 to 2
    images = images_of((8, 8, 2))
    np.testing.assert_allclose(run(model, images), of_keras(model, images), atol=1e-5)


PASSED = {
    "Identity": {},
    "Reshape": {"target_shape": (2, -1)},
    "ActivityRegularization": {"l2": 0.1},
    "GaussianNoise": {"stddev": 0.5},
    "RandomFlip": {},
    "RandomTranslation": {"height_factor": 0.5, "width_factor": 0.5},
    "RandomZoom": {"height_factor": 0.5},
    "RandomRotation": {"factor": 0.5},
    "RandomBrightness": {"factor": 0.5},
    "RandomContrast": {"factor": 0.5},
}


@pytest.mark.parametrize("name", sorted({*page_network.PASSED} - {"InputLayer"}))
def test_what_is_passed_does_nothing(name):
    part = getattr(layers, name)(**PASSED.get(name, {"rate": 0.5}))
    shape = (8, 2) if name == "SpatialDropout1D" else (8, 8, 2)
    model, images = chain(part, shape=shape), images_of(shape)
    assert kinds(model) == []
    np.testing.assert_array_equal(
        of_keras(model, images), images.reshape(len(images), -1) / np.float32(255)
    )


def test_values_that_are_no_numbers_are_none_in_the_page(run):
    model = chain(layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(4, activation="softmax"))
    model.layers[0].bias.assign([0, np.nan])
    assert np.isnan(run(model, np.zeros((2, 8, 8, 2), np.uint8))).all()


def joined(*parts):
    image = keras.Input((8, 8, 2))
    x = layers.Conv2D(2, 3, padding="same")(image)
    for part in parts:
        x = part(x)
    x = layers.Flatten()(layers.Add()([x, image]))
    return keras.Model(image, layers.Dense(3, activation="softmax")(x))


class Twice(layers.Layer):
    def call(self, x):
        return 2 * x


class Dropout(layers.Dropout):
    """One of the user's, of a known name."""


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (lambda: joined(), "(Add)"),
        (lambda: chain(layers.Reshape((16, 8)), layers.LSTM(3)), "(LSTM)"),
        (lambda: chain(Twice()), "(Twice)"),
        (lambda: chain(Dropout(0.5)), "(Dropout)"),
        (lambda: chain(keras.Sequential([layers.UpSampling2D()])), "(UpSampling2D)"),
        (lambda: chain(layers.Conv2D(2, 3, dilation_rate=2)), "(Conv2D with dilation)"),
        (lambda: chain(layers.Conv2D(2, 3, groups=2)), "(Conv2D with groups)"),
        (lambda: chain(layers.Dense(3, "gelu")), "(Dense with activation gelu)"),
        (
            lambda: chain(layers.Conv2D(2, 3, activation=layers.ELU())),
            "(Conv2D with activation ELU)",
        ),
        (
            lambda: chain(layers.BatchNormalization(axis=1)),
            "(BatchNormalization with another axis than the last one)",
        ),
        (lambda: chain(layers.Softmax(1)), "(Softmax with another axis than the last one)"),
        (
            lambda: chain(layers.MaxPooling2D(2, data_format="channels_first")),
            "(MaxPooling2D with channels first)",
        ),
        (
            lambda: chain(layers.Flatten(data_format="channels_first")),
            "(Flatten with channels first)",
        ),
        (
            lambda: chain(layers.Rescaling(np.ones((8, 8, 2)))),
            "(Rescaling with a scale for each pixel)",
        ),
        (
            lambda: chain(
                *(layers.ELU(), layers.PReLU(), layers.UnitNormalization(), layers.ELU()),
                *(layers.LayerNormalization(), layers.Permute((2, 1, 3)), layers.ZeroPadding2D()),
            ),
            "(ELU, PReLU, UnitNormalization, LayerNormalization, Permute, and others)",
        ),
    ],
)
def test_what_the_page_does_not_know_is_named(model, words):
    (reason,) = exported(model()).values()
    assert str(reason) == f"it has layers that the page doesn't know {words}"


def test_an_operation_is_not_taken_for_the_layer_of_its_name():
    image = keras.Input((8, 2))
    model = keras.Model(image, keras.ops.softmax(layers.Dense(3)(image), axis=1))
    assert "(the operation Softmax)" in str(exported(model)["reason"])


def test_results_of_older_versions_have_the_same_layers():
    """They hold the units of dense layers."""
    model = keras.Sequential(
        [
            keras.Input((28, 28)),
            layers.Flatten(),
            *(layers.Dense(units, "relu") for units in (30, 20)),
            layers.Dense(10, "softmax"),
        ]
    )
    older = app.layers_of({"baseline_sizes": np.array([28 * 28, 30, 20, 10])}, "baseline")
    assert older == json.loads(str(exported(model)["layers"]))


def test_a_layer_that_is_called_twice_counts_twice(run):
    image, shared = keras.Input((4, 4, 2)), layers.Conv2D(2, 3, padding="same")
    model = randomised(keras.Model(image, shared(layers.ReLU()(shared(image)))))
    images = images_of((4, 4, 2))
    np.testing.assert_allclose(run(model, images), of_keras(model, images), atol=1e-5)


def test_what_is_too_much_for_the_page_is_said():
    most = page_network.MOST_NUMBERS
    fits = chain(layers.Dense(most // 3), shape=(2,))
    assert "reason" not in exported(fits)
    (reason,) = exported(chain(layers.Dense(most // 3 + 1), shape=(2,))).values()
    assert str(reason) == "it has 300,003 weights, and the page has room for 300,000"
    slow = chain(layers.Conv2D(80, 3, padding="same"), layers.Conv2D(50, 5), shape=(64, 64, 1))
    (reason,) = exported(slow).values()
    assert str(reason) == (
        "an answer takes 363 million multiplications, and the page has time for 100 million"
    )
