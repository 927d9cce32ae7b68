"""MODEL=: what may be trained is made into an architecture; all else gets one line, at once."""

import os
import re
import sys
import textwrap
import zipfile
from dataclasses import replace

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from mnist_aug import backend
from mnist_aug.errors import UserError
from mnist_aug.train import architectures, model_source, own_model, training
from mnist_aug.train.variant import baseline, model_name

SHAPE, CLASSES = (8, 8), 10
SETTINGS = "floatx", "epsilon", "image_data_format"
HEAD = "import keras\nimport numpy as np\nfrom keras import layers\n"
RETURN = "return keras.Sequential([...]) or keras.Model(inputs, outputs)"
END = "end in keras.layers.Dense(10, activation='softmax')"
CALL = "build(image_shape=(8, 8, 1), classes=10) raises"
NO_CODE = "can't be built anew without its code"
FROM_255 = "pixels from 0 to 255, and they are in [0, 1] already"
DIVIDE = "divide its mean by 255, and its variance by 255 ** 2"


def body(code, before=""):
    return f"{HEAD}{before}\ndef build(image_shape, classes):\n" + textwrap.indent(code, "    ")


def sequential(*inner, start="keras.Input(image_shape)", end="'softmax'", before=""):
    last = f"layers.Dense(classes, activation={end})"
    listed = ", ".join(part for part in (start, *inner, "layers.Flatten()", last) if part)
    return body(f"return keras.Sequential([{listed}])", before)


def functional(code, returned="keras.Model(inputs, outputs)", before=""):
    """`code` makes `x`, flat, of `inputs`."""
    return body(
        f"x = inputs = keras.Input(image_shape)\nflat = layers.Flatten()\n{code}\n"
        f"outputs = layers.Dense(classes, activation='softmax')(flat(x))\nreturn {returned}",
        before,
    )


def changed(code):
    """A right model, to which something is done."""
    return body(
        "model = keras.Sequential([keras.Input(image_shape), layers.Flatten(), "
        f"layers.Dense(classes, activation='softmax')])\n{code}\nreturn model"
    )


OWN_LAYER = "class Own(layers.Layer):\n    def call(self, x): return 2 * x\n"
OWN_RELU = "def relu(x): return 2 * keras.ops.relu(x)\n"
REGISTERED = "@keras.saving.register_keras_serializable()\n"
OWN_MODEL = """class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.last = layers.Dense(10, activation="softmax")
    def call(self, x):
        return self.last(keras.ops.reshape(x, (-1, 64)))
"""

WRONG = {
    "pixels scaled twice": (
        sequential("layers.Rescaling(1 / 255, name='scaled')"),
        " has a layer scaled that scales pixels from 0 to 255, and they are in [0, 1] already: "
        "leave it out",
    ),
    "brighter pixels": (
        sequential("layers.RandomBrightness(0.2, name='bright')"),
        f" has a layer bright that changes {FROM_255}: give value_range=(0, 1)",
    ),
    "brighter pixels in a model within a model": (
        sequential("keras.Sequential([keras.Sequential([layers.RandomBrightness(0.2)])])"),
        f" has a layer random_brightness that changes {FROM_255}: give value_range=(0, 1)",
    ),
    "noise in place of pixels": (
        sequential("layers.RandomErasing()"),
        f" has a layer random_erasing that changes {FROM_255}: give value_range=(0, 1)",
    ),
    "white in place of pixels": (
        sequential("layers.RandomErasing(fill_value=255)"),
        f" has a layer random_erasing that fills gaps among {FROM_255}: give a fill_value from 0 "
        "to 1",
    ),
    "white around pixels": (
        sequential("layers.RandomRotation(0.1, fill_mode='constant', fill_value=255)"),
        f" has a layer random_rotation that fills gaps among {FROM_255}: give a fill_value from 0 "
        "to 1",
    ),
    "a mean of pixels": (
        sequential("layers.Normalization(mean=127.5, variance=127.5**2)"),
        f" has a layer normalization that normalizes {FROM_255}: {DIVIDE}",
    ),
    "a variance of pixels, among others": (
        sequential("layers.Normalization(mean=[1.0], variance=[900.0])"),
        f" has a layer normalization that normalizes {FROM_255}: {DIVIDE}",
    ),
    # The file
    "no such function": (
        HEAD + "def make(image_shape, classes): pass",
        ": net.py has no function build: it has make",
    ),
    "no function": ("build = 3", ": net.py has no function build, nor any other"),
    "a syntax error": (
        "def build(image_shape, classes)\n    pass\n",
        ": net.py fails at line 1 (SyntaxError: expected ':')",
    ),
    "a package that is not there": (
        "\nimport not_there\n",
        ": net.py fails at line 2 (ModuleNotFoundError: No module named 'not_there')",
    ),
    "exits": ("raise SystemExit\n", ": net.py fails at line 1 (SystemExit)"),
    # The call
    "no arguments": (
        HEAD + "def build(): pass\n",
        " does not take (image_shape, classes): define build(image_shape, classes)",
    ),
    "an argument more": (
        HEAD + "def build(image_shape, classes, width): pass\n",
        " does not take (image_shape, classes): define build(image_shape, classes)",
    ),
    "raises": (body("raise ValueError('a\\nb')"), f" fails at line 6: {CALL} ValueError: a b"),
    "raises, without words": (
        body("assert classes == 3"),
        f" fails at line 6: {CALL} AssertionError",
    ),
    "raises, with many words": (
        body("raise ValueError('x' * 1000)"),
        f" fails at line 6: {CALL} ValueError: {100 * 'x'}…",
    ),
    "calls itself": (
        body("return build(image_shape, classes)"),
        f" fails at line 6: {CALL} RecursionError: maximum recursion depth exceeded",
    ),
    "layers that don't fit": (
        sequential("layers.MaxPooling2D(20)"),
        f" fails at line 6: {CALL} ValueError: Computed output size would be zero or negative. "
        "Received: `inputs.shape=[None 8 8 1]`, `pool_size=[2…",
    ),
    "layers that don't fit, without an Input": (
        sequential("layers.MaxPooling2D(20)", start=""),
        f" fails: {CALL} ValueError: Computed output size would be zero or negative. "
        "Received: `inputs.shape=[None 8 8 1]`, `pool_size=[2…",
    ),
    "TensorFlow's functions": (
        functional("import tensorflow as tf\nx = tf.reduce_mean(x, 1)"),
        f" fails at line 9: {CALL} ValueError: A KerasTensor cannot be used as input to a "
        "TensorFlow function. A KerasTensor is a symbolic placehol…",
    ),
    "a stateful layer": (
        functional("x = layers.Reshape(image_shape[:2])(x)\nx = layers.LSTM(4, stateful=True)(x)"),
        f" fails at line 9: {CALL} ValueError: When using `stateful=True` in a RNN, the batch size "
        "must be static. Found dynamic batch size: sequen…",
    ),
    # What it returns
    "nothing": (body("pass"), f" returns nothing, not a model: {RETURN}"),
    "a list": (body("return [layers.Flatten()]"), f" returns a list, not a model: {RETURN}"),
    "a class": (
        body("return keras.Sequential"),
        f" returns the class Sequential, not a model: {RETURN}",
    ),
    "an object of another library": (
        body("class Module: pass\nreturn Module()"),
        f" returns a Module, not a model: {RETURN}",
    ),
    "a layer": (body("return layers.Dense(10)"), f" returns a Dense, not a model: {RETURN}"),
    "a subclass": (
        body("return Net()", OWN_MODEL),
        f" is a subclass of keras.Model, Net, which {NO_CODE}: {RETURN}",
    ),
    "a compiled model": (
        changed("model.compile('adam', 'mse')"),
        " is compiled, but how it is trained is set elsewhere: return it without calling compile",
    ),
    "no layers": (
        body("return keras.Sequential([])"),
        " has no layers: begin with keras.Input((8, 8, 1))",
    ),
    "an input alone": (
        body("return keras.Sequential([keras.Input(image_shape)])"),
        " has no layers: begin with keras.Input((8, 8, 1))",
    ),
    # Its layers
    "a layer of one's own": (
        sequential("Own()", before=OWN_LAYER),
        f" has a layer of your own, Own, which {NO_CODE}: use Keras's own layers",
    ),
    "a registered layer of one's own": (
        sequential("Own()", before=REGISTERED + OWN_LAYER),
        f" has a layer of your own, Own, which {NO_CODE}: use Keras's own layers",
    ),
    "a layer of one's own within another": (
        sequential("keras.Sequential([layers.TimeDistributed(Own())])", before=OWN_LAYER),
        f" has a layer of your own, Own, which {NO_CODE}: use Keras's own layers",
    ),
    "a Lambda layer": (
        sequential("layers.Lambda(lambda x: x / 2)"),
        f" has a Lambda layer, which {NO_CODE}: use another of Keras's own layers, such as "
        "Rescaling or Reshape",
    ),
    "a lambda as activation": (
        sequential("layers.Dense(4, activation=lambda x: 2 * x)"),
        " has a layer dense with the activation <lambda>, which is not Keras's own and "
        f"{NO_CODE}: use one of Keras's",
    ),
    # Keras would take its own of that name in its place.
    "an activation of a name that Keras has, too": (
        sequential("layers.Dense(4, activation=relu)", before=OWN_RELU),
        " has a layer dense with the activation relu, which is not Keras's own and "
        f"{NO_CODE}: use one of Keras's",
    ),
    "a registered activation": (
        sequential("layers.Dense(4, activation=relu)", before=REGISTERED + OWN_RELU),
        " has a layer dense with the activation relu, which is not Keras's own and "
        f"{NO_CODE}: use one of Keras's",
    ),
    "an initializer of one's own": (
        sequential(
            "layers.Dense(4, kernel_initializer=Own())",
            before="class Own(keras.initializers.GlorotUniform): pass\n",
        ),
        " has a layer dense with the kernel_initializer Own, which is not Keras's own and "
        f"{NO_CODE}: use one of Keras's",
    ),
    "Keras's operations": (
        functional("x = keras.ops.mean(x, axis=1)"),
        " computes Mean outside of layers: use keras.layers in place of keras.ops, indices and "
        "functions",
    ),
    "an index": (
        functional("x = x[:, 0]"),
        " computes GetItem outside of layers: use keras.layers in place of keras.ops, indices and "
        "functions",
    ),
    "operations in a model in it": (
        functional(
            "start = keras.Input((64,))\n"
            "x = keras.Model(start, keras.activations.relu(start))(flat(x))"
        ),
        " computes ReLU outside of layers: use keras.layers in place of keras.ops, indices and "
        "functions",
    ),
    "a layer that isn't for models": (
        sequential("layers.Discretization(4)"),
        " can't be used (it has keras.layers.Discretization, which docs/models.md doesn't allow): "
        "use fewer, smaller or other layers of Keras's own",
    ),
    "a wrapped layer that isn't for models": (
        sequential(
            "layers.TimeDistributed(layers.UnitNormalization())",
            "layers.TimeDistributed(layers.Discretization(bin_boundaries=[0.5]))",
        ),
        " can't be used (it has keras.layers.Discretization as layer, which docs/models.md doesn't "
        "allow): use fewer, smaller or other layers of Keras's own",
    ),
    "a layer that is no activation": (
        sequential("layers.Dense(4, activation=layers.Dropout(0.1))"),
        " can't be used (it has keras.layers.Dropout as activation, which is not allowed there): "
        "use fewer, smaller or other layers of Keras's own",
    ),
    "a random layer that isn't for models": (
        sequential("layers.RandomInvert(1.0)"),
        " can't be used (it has keras.layers.RandomInvert, which docs/models.md doesn't allow): "
        "use fewer, smaller or other layers of Keras's own",
    ),
    "an array": (
        sequential("layers.Rescaling(np.array([2.0]))"),
        " has an array among the settings of its layers: write it as a number or a list",
    ),
    "too large a layer": (
        sequential("layers.UpSampling2D(600)", "layers.GlobalAveragePooling2D()"),
        " can't be used (its UpSampling2D computes 23,040,000 values for an image): use fewer, "
        "smaller or other layers of Keras's own",
    ),
    "a model twice in a row": (
        body(
            "twice = keras.Sequential([keras.Input((4,)), layers.Dense(4)])\n"
            "return keras.Sequential([keras.Input(image_shape), layers.Flatten(), layers.Dense(4), "
            "twice, twice, layers.Dense(classes, activation='softmax')])"
        ),
        " has a layer sequential in two places, which gets lost when it is built anew: call it "
        "twice within one functional model, or make two",
    ),
    "a layer in two models": (
        functional(
            "shared = layers.Dense(64)\n"
            "x = shared(keras.Sequential([keras.Input((64,)), shared])(flat(x)))"
        ),
        " has a layer dense in two places, which gets lost when it is built anew: call it "
        "twice within one functional model, or make two",
    ),
    "half precision": (
        sequential("layers.Dense(4, dtype='mixed_float16')"),
        " has a layer dense of mixed_float16: leave it at float32",
    ),
    "half precision, for all layers": (
        sequential(before="keras.config.set_dtype_policy('mixed_float16')\n"),
        " has a layer input_layer of mixed_float16: leave it at float32",
    ),
    "double precision": (
        sequential("layers.Dense(4, dtype='float64')"),
        " has a layer dense of float64: leave it at float32",
    ),
    "a method that was set": (
        body(
            "layer = layers.Dense(64)\n"
            "layer.call = lambda x: x\n"
            "return keras.Sequential([keras.Input(image_shape), layers.Flatten(), layer, "
            "layers.Dense(classes, activation='softmax')])"
        ),
        " has a layer dense with the call <lambda>, which is not Keras's own and "
        f"{NO_CODE}: use one of Keras's",
    ),
    "a frozen weight": (
        functional("first = layers.Dense(4)\nx = first(flat(x))\nfirst.kernel.trainable = False"),
        " becomes another one when it is built anew from its configuration: make each layer with "
        "all of its settings, and change neither these nor its weights",
    ),
    # What it takes and gives
    "two inputs": (
        functional(
            "other = keras.Input((3,))\nx = layers.Concatenate()([flat(x), other])",
            "keras.Model([inputs, other], outputs)",
        ),
        " has 2 inputs: give it one",
    ),
    "two outputs": (
        functional("", "keras.Model(inputs, [outputs, outputs])"),
        " has 2 outputs: give it one",
    ),
    "other images": (
        sequential(start="keras.Input((32, 32, 3))"),
        " takes images of shape (32, 32, 3), and these have (8, 8, 1): begin with "
        "keras.Input((8, 8, 1))",
    ),
    "images of any size": (
        sequential("layers.GlobalMaxPooling2D()", start="keras.Input((None, None, 1))"),
        " takes images of shape (None, None, 1), and these have (8, 8, 1): begin with "
        "keras.Input((8, 8, 1))",
    ),
    "a batch size": (
        sequential(start="keras.Input(image_shape, batch_size=32)"),
        " takes batches of 32 images only: leave batch_size out of keras.Input",
    ),
    "bytes": (
        sequential(start="keras.Input(image_shape, dtype='uint8')"),
        " takes uint8, and pixels are float32 in [0, 1]: leave keras.Input at float32",
    ),
    "other classes": (
        functional("classes = 7"),
        " gives outputs of shape (7,) for an image, not (10,), one for each class: " + END,
    ),
    "a class for each pixel": (
        functional("flat = layers.Reshape((7, 7, 1))\nx = layers.Cropping2D(((0, 1), (0, 1)))(x)"),
        " gives outputs of shape (7, 7, 10) for an image, not (10,), one for each class: " + END,
    ),
    "logits": (sequential(end="None"), " gives no probabilities: " + END),
    "a sigmoid": (sequential(end="'sigmoid'"), " gives no probabilities: " + END),
    "logarithms": (sequential(end="'log_softmax'"), " gives no probabilities: " + END),
    "softmax over the images": (
        functional("", "keras.Model(inputs, layers.Softmax(axis=0)(outputs))"),
        " lets the answer to an image depend on the others in its batch: take softmax, and "
        "whatever else has an axis, over another than axis 0",
    ),
    "no finite numbers": (
        sequential("layers.Rescaling(float('inf'))"),
        " gives numbers that are not finite before any training: look at what its layers are "
        "initialized with",
    ),
    "fails on images": (
        functional(
            "x = layers.Reshape(image_shape[:2])(x)\n"
            "x = layers.MultiHeadAttention(2, 4, flash_attention=True)(x, x)"
        ),
        " fails on images (ValueError: Flash attention is not supported in tensorflow backend.)",
    ),
    "nothing to train": (
        changed("model.trainable = False"),
        " has no weights to train: add a layer that has some",
    ),
    # From call to call
    "a layer made once": (
        functional("x = once(flat(x))", before="once = layers.Dense(4)\n"),
        " has layers that outlast a call of build: make all of them inside it",
    ),
    "a model made once": (
        body(
            "return model",
            before="model = keras.Sequential([layers.Flatten(), "
            "layers.Dense(10, activation='softmax')])\n",
        ),
        " has layers that outlast a call of build: make all of them inside it",
    ),
    "another model at each call": (
        sequential("layers.Dense(next(widths))", before="widths = iter((3, 4))\n"),
        " differs from call to call: let it depend on image_shape and classes alone",
    ),
    "weights that were set": (
        changed("model.set_weights([2 * one for one in model.get_weights()])"),
        " has weights that were loaded or set, but every run begins with new ones: let build "
        "return a model as Keras initializes it",
    ),
    "weights that were loaded": (
        body(
            "one, two = (keras.Sequential([keras.Input(image_shape), layers.Flatten(), "
            "layers.Dense(classes, activation='softmax')]) for _ in range(2))\n"
            "one.save_weights('a.weights.h5')\ntwo.load_weights('a.weights.h5')\nreturn two"
        ),
        " has weights that were loaded or set, but every run begins with new ones: let build "
        "return a model as Keras initializes it",
    ),
    "a trained model in it": (
        functional(
            "trained = keras.Sequential([keras.Input((64,)), layers.Dense(4)])\n"
            "trained.compile('sgd', 'mse')\n"
            "trained.fit(np.zeros((4, 64)), np.ones((4, 4)), verbose=0)\n"
            "x = trained(flat(x))"
        ),
        " has weights that were loaded or set, but every run begins with new ones: let build "
        "return a model as Keras initializes it",
    ),
    "a normalization adapted to data": (
        functional(
            "x = layers.Normalization()\nx.adapt(np.ones((4, *image_shape)))\nx = x(inputs)"
        ),
        " has a layer normalization whose mean and variance were adapted, and are lost with the "
        "weights: make it with mean=... and variance=...",
    ),
}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A folder to work in; what a file does to Python and Keras is set back at the end."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    settings = {name: getattr(keras.config, name)() for name in SETTINGS}
    modules = {*sys.modules}
    yield tmp_path
    for name, value in settings.items():
        getattr(keras.config, f"set_{name}")(value)
    for name in {*sys.modules} - modules:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture(scope="module", autouse=True)
def tensorflow():
    backend.start_tensorflow(one_thread=True)


def found(given, shape=SHAPE, classes=CLASSES):
    """As `model_source.load` finds it, but in this process, as starting others takes long."""
    if given in ("dense", "cnn"):
        return model_source.load(given, shape, classes)
    path, function = model_source.place(given)
    made = own_model.made(given, path, function, shape, classes)
    return model_source.Model(model_name(given), *made)


def message(given, shape=SHAPE, classes=CLASSES):
    with pytest.raises(UserError) as raised:
        found(given, shape, classes)
    text = str(raised.value)
    assert "\n" not in text
    assert "()" not in text
    assert len(text) < 240
    return text


def load(path, source, shape=SHAPE, classes=CLASSES):
    (path / "net.py").write_text(source, encoding="utf-8")
    return found("net.py:build", shape, classes)


def built(model):
    with architectures.seeded(0):
        return architectures.built(model.architecture)


@pytest.mark.filterwarnings("ignore:.*The object being serialized:UserWarning")
@pytest.mark.parametrize(("source", "expected"), WRONG.values(), ids=WRONG)
def test_a_wrong_model_gets_one_line(here, source, expected):
    (here / "net.py").write_text(source, encoding="utf-8")
    assert message("net.py:build") == "model net.py:build" + expected


def test_nothing_is_trained_with_a_wrong_model(here, few, monkeypatch):
    monkeypatch.setattr(model_source, "load", found)
    (here / "net.py").write_text(sequential(end="None"), encoding="utf-8")
    with pytest.raises(UserError, match="gives no probabilities"):
        training.train(replace(baseline, model="net.py:build"), [0], few, here / "results")
    assert [path.name for path in here.iterdir() if path.name != "__pycache__"] == ["net.py"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("Dense", f"model 'Dense' is unknown: {model_source.FORMS}"),
        ("", f"model '' is unknown: {model_source.FORMS}"),
        ("net.txt", f"model 'net.txt' is unknown: {model_source.FORMS}"),
        ("net.py", "model net.py names no function: write net.py:build"),
        ("net.py:", "model net.py: names no function: write net.py:build"),
        ("net.py:a.b", "model net.py:a.b names no function: write net.py:build"),
        ("a/net.py:f", f"model a/net.py:f: there is no file a/net.py: {model_source.FORMS}"),
        ("net.keras", f"model net.keras: there is no file net.keras: {model_source.FORMS}"),
        (
            "a.txt/n.keras",
            f"model a.txt/n.keras: there is no file a.txt/n.keras: {model_source.FORMS}",
        ),
        (f"{'n' * 300}.keras", None),
        (
            "folder.keras",
            f"model folder.keras can't be read (Is a directory): {model_source.FORMS}",
        ),
        *(
            (
                name,
                f"model {name} is not in a form that is read here: load it in Keras, and save it "
                "by model.save('model.keras')",
            )
            for name in ("net.h5", "saved", "net.tflite", "net.json")
        ),
        (
            "cnn",
            "model cnn takes images of 10 by 10 pixels or more, and these have 8 by 8: use "
            "MODEL=dense or a model of your own",
        ),
    ],
)
def test_what_names_no_model(here, given, expected):
    (here / "saved").mkdir()
    (here / "folder.keras").mkdir()
    (here / "a.txt").touch()
    text = message(given) if expected else None
    if expected is None:
        with pytest.raises(UserError, match=r"can't be read \(File name too long\): use dense"):
            found(given)
    assert text == expected


def test_the_models_that_have_a_name():
    for name in ("dense", "cnn"):
        model = model_source.load(name, (28, 28), CLASSES)
        assert model == model_source.Model(name)
        assert model.described == {"name": name}


RIGHT = {
    "without an Input": sequential("layers.Conv2D(2, 3)", start=""),
    "models within it, without an Input": body(
        "return keras.Sequential([keras.Sequential([layers.Flatten(), layers.Dense(4)]), "
        "layers.Dense(classes, activation='softmax')])"
    ),
    "grey images without channels": sequential(start="keras.Input(image_shape[:2])"),
    "a list of one input and one output": functional("", "keras.Model([inputs], [outputs])"),
    "a dictionary of one output": functional("", "keras.Model(inputs, {'digit': outputs})"),
    "arithmetic": functional("x = flat(x) + layers.Dense(64)(flat(x)) - 0.5"),
    "random changes of images": sequential("layers.RandomFlip()", "layers.RandomZoom(0.1)"),
    "random changes of pixels": sequential(
        "layers.RandomBrightness(0.2, value_range=(0, 1))",
        "layers.RandomContrast(0.2)",
        "layers.RandomErasing(fill_value=0.5)",
        "layers.RandomErasing(value_range=(0, 1), fill_value=255)",
        "layers.RandomZoom(0.1, fill_value=255)",  # which reflects
        "layers.Resizing(8, 8, fill_value=255)",  # without gaps
    ),
    "pixels made from 0 to 255": sequential(
        "layers.Rescaling(255.0)",
        "layers.RandomBrightness(0.2)",
        "layers.RandomRotation(0.1, fill_mode='constant', fill_value=255)",
        "layers.Normalization(mean=127.5, variance=127.5**2)",
    ),
    "pixels multiplied to be from 0 to 255": functional(
        "x = layers.Normalization(mean=127.5, variance=127.5**2)(x * 255.0)"
    ),
    "pixels normalized and back": sequential(
        "layers.Normalization(mean=0.13, variance=0.31**2)",
        "layers.Normalization(mean=127.5, variance=127.5**2, invert=True)",
    ),
    "a frozen layer": sequential("layers.Dense(4, trainable=False)"),
    "a frozen model within it": functional(
        "frozen = keras.Sequential([keras.Input((64,)), layers.Dense(4)], name='frozen')\n"
        "frozen.trainable = False\nx = frozen(flat(x))"
    ),
    "constant weights": sequential(
        "layers.Normalization(mean=0.5, variance=0.1)",
        "layers.Dense(3, kernel_initializer=keras.initializers.Constant(0.1))",
    ),
    "names of one's own": functional(
        "x = layers.Dense(4, name='first')(flat(x))", "keras.Model(inputs, outputs, name='my net')"
    ),
    "layers and dataclasses outside the function": "from __future__ import annotations\n"
    + body(
        "return keras.Sequential([keras.Input(image_shape), layers.Flatten(), "
        "layers.Dense(Size().units), layers.Dense(classes, activation='softmax')])",
        "import dataclasses\n@dataclasses.dataclass\nclass Size:\n    units: int = 4\n"
        "tried = layers.Dense(3)\n",
    ),
    "seeds": sequential(
        "layers.Dense(4, kernel_initializer=keras.initializers.HeNormal(seed=7))",
        "layers.Dropout(0.5, seed=7)",
        before="keras.utils.set_random_seed(7)\n",
    ),
    # As Keras has it: what predict and fit say has precedence.
    "a dropout that is called for training": functional(
        "x = layers.Dropout(0.5)(x, training=True)\n"
        "x = layers.BatchNormalization()(x, training=True)"
    ),
}


@pytest.mark.one_in(2)
@pytest.mark.parametrize("source", RIGHT.values(), ids=RIGHT)
def test_a_right_model(here, source):
    model = load(here, source)
    net = built(model)
    images = np.random.default_rng(0).random((5, *SHAPE), dtype=np.float32)
    first, again = (net.predict(images, verbose=0) for _ in range(2))
    assert first.shape == (5, CLASSES)
    np.testing.assert_allclose(first.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(first, again)
    assert net.output_shape == (None, CLASSES)
    assert "seed" not in re.findall(r"'(\w+)'", str(model.architecture))
    if "trainable" not in source:
        assert architectures.of(net) == model.architecture
    else:
        assert [one.path for one in net.trainable_weights] == [
            one.path for one in net.layers[-1].weights
        ]


@pytest.mark.parametrize(("shape", "classes"), [((8, 8), 2), ((8, 9, 3), 10), ((5, 5), 100)])
def test_other_images_and_classes(here, shape, classes):
    net = built(load(here, sequential("layers.Conv2D(2, 3)"), shape, classes))
    assert net.input_shape == (None, *architectures.with_channels(shape))
    assert net.output_shape == (None, classes)


def test_the_architecture_tells_it_from_others_and_the_bytes_its_file(here):
    source = sequential("layers.Dense(4)")
    first, commented, wider = (
        load(here, text) for text in (source, f"# mine\n{source}", source.replace("4", "5"))
    )
    assert first.name == "net.py:build"
    assert first.described == commented.described != wider.described
    assert first.source["file"] == "net.py"
    assert len({model.source["sha256"] for model in (first, commented, wider)}) == 3


@pytest.mark.torture
def test_what_a_file_does_ends_with_its_process(here, capfd):
    """Two files may call their helpers alike, and what they change is not changed here."""
    before = {name: getattr(keras.config, name)() for name in SETTINGS}, [*sys.path], os.getcwd()
    for width, folder in enumerate(("one", "two"), 16):
        (here / folder).mkdir()
        (here / folder / "helper.py").write_text(f"W = {width}\n")
        lines = (
            "import os",
            "import tensorflow as tf",
            "from helper import W",
            "print(W)",
            "os.chdir('/')",
            "keras.config.set_epsilon(1.0)",
            "tf.config.run_functions_eagerly(True)",
            "tf.config.experimental.enable_op_determinism()\n",
        )
        (here / folder / "net.py").write_text(
            sequential("layers.Dense(W)", before="\n".join(lines))
        )
        net = built(model_source.load(f"{folder}/net.py:build", SHAPE, CLASSES))
        assert net.layers[0].units == width
        assert capfd.readouterr().out == f"{width}\n"
    assert before == (
        {name: getattr(keras.config, name)() for name in SETTINGS},
        sys.path,
        os.getcwd(),
    )
    assert not tf.config.functions_run_eagerly()


@pytest.mark.torture
def test_a_file_that_ends_its_process_is_named(here):
    (here / "net.py").write_text(sequential(before="import os\nos._exit(3)\n"))
    with pytest.raises(UserError, match=r"ended the process that tried it \(exit status 3\)"):
        model_source.load("net.py:build", SHAPE, CLASSES)


def test_a_file_may_import_those_next_to_it(here):
    (here / "models").mkdir()
    (here / "models" / "blocks_of_mine.py").write_text("WIDTH = 17\n")
    source = sequential("layers.Dense(WIDTH)", before="from blocks_of_mine import WIDTH\n")
    (here / "models" / "net.py").write_text(source)
    net = built(found("models/net.py:build"))
    assert net.layers[0].units == 17


# .keras files -------------------------------------------------------------------------------------


def saved(path, *inner, shape=(*SHAPE, 1), classes=CLASSES, **options):
    net = keras.Sequential(
        [
            keras.Input(shape),
            *inner,
            layers.Flatten(),
            layers.Dense(classes, activation="softmax", **options),
        ]
    )
    net.compile("sgd", "mse")
    net.save(path / "net.keras")
    return net


def test_of_a_keras_file_only_the_architecture_is_used(here):
    trained = saved(here, layers.BatchNormalization())
    trained.fit(np.ones((4, *SHAPE, 1)), np.ones((4, CLASSES)), verbose=0)
    trained.save(here / "net.keras")
    model = found("net.keras")
    assert model.name == "net.keras"
    net = built(model)
    assert not net.compiled
    mean = net.layers[0].moving_mean
    assert not np.any(mean)
    assert np.any(trained.layers[0].moving_mean)
    assert np.any(net.layers[-1].kernel - trained.layers[-1].kernel)


SAVE = "give a .keras file of Keras's own layers, or a function, as docs/models.md says"


def no_zip(path):
    path.write_bytes(b"no archive")
    return f"model net.keras can't be used (File is not a zip file): {SAVE}"


def cut_off(path):
    saved(path.parent)
    path.write_bytes(path.read_bytes()[:-100])
    return f"model net.keras can't be used (File is not a zip file): {SAVE}"


def weights_alone(path):
    with h5py.File(path, "w"):
        pass
    return f"model net.keras can't be used (File is not a zip file): {SAVE}"


def no_config(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model.weights.h5", b"")
    return (
        "model net.keras can't be used (it holds not one config.json and one model.weights.h5): "
        f"{SAVE}"
    )


def own_layer(path):
    @keras.saving.register_keras_serializable("test")
    class Own(layers.Layer):
        def call(self, x):
            return x

    saved(path.parent, Own())
    return None


def lambda_layer(path):
    saved(path.parent, layers.Lambda(lambda x: 2 * x))
    return (
        "model net.keras can't be used (it has keras.layers.Lambda, which docs/models.md doesn't "
        f"allow): {SAVE}"
    )


def half_precision(path):
    saved(path.parent, layers.Dense(3, dtype="mixed_float16"))
    return f"model net.keras can't be used (it computes in mixed_float16, not float32): {SAVE}"


def too_large(path):
    saved(path.parent, layers.UpSampling2D(600), layers.GlobalMaxPooling2D())
    return (
        "model net.keras can't be used (its UpSampling2D computes 23,040,000 values for an image): "
        f"{SAVE}"
    )


def other_images(path):
    saved(path.parent, shape=(9, 9, 3))
    return (
        "model net.keras takes images of shape (9, 9, 3), and these have (8, 8, 1): begin with "
        "keras.Input((8, 8, 1))"
    )


def other_classes(path):
    saved(path.parent, classes=3)
    return (
        "model net.keras gives outputs of shape (3,) for an image, not (10,), one for each class: "
        + END
    )


def frozen(path):
    saved(path.parent, trainable=False)
    return "model net.keras has no weights to train: add a layer that has some"


@pytest.mark.parametrize(
    "make",
    [
        no_zip,
        cut_off,
        weights_alone,
        no_config,
        own_layer,
        lambda_layer,
        half_precision,
        too_large,
        other_images,
        other_classes,
        frozen,
    ],
)
def test_a_wrong_keras_file_gets_one_line(here, make):
    expected = make(here / "net.keras")
    found = message("net.keras")
    if make is own_layer:  # where it was defined is named, too
        assert "Own, and only layers of Keras's own are allowed" in found
    else:
        assert found == expected
