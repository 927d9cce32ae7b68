"""Architectures: what a network is made of, apart from any weights and seeds.

`dense` and `cnn` are built here. Any other model is known by its architecture, which is plain data:
Keras's own configuration, from which every process builds it anew with the seed of its run.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import keras
from keras import layers

from mnist_aug.train import model_file

NAME = "mnist_num_reader"
Made = TypeVar("Made")


def dense(
    image_shape: tuple[int, ...], classes: int, units: Sequence[int], seed: int
) -> keras.Model:
    """Flatten, hidden Dense layers with ReLU, Dense softmax.

    Takes float32 images `[N, H, W]` or `[N, H, W, 3]` in [0, 1] and gives float32 probabilities
    `[N, classes]`. Weights are drawn by `GlorotUniform`, Keras's default (Glorot and Bengio 2010).
    """

    def layer(number: int, outputs: int, activation: str) -> keras.layers.Layer:
        start = keras.initializers.GlorotUniform(seed=1000 * seed + number)
        return layers.Dense(outputs, activation, kernel_initializer=start)

    hidden = [layer(number, width, "relu") for number, width in enumerate(units)]
    return keras.Sequential(
        [
            keras.Input(image_shape),
            layers.Flatten(),
            *hidden,
            layer(len(hidden), classes, "softmax"),
        ],
        name=NAME,
    )


def cnn(image_shape: tuple[int, ...], classes: int) -> keras.Model:
    """Keras's "Simple MNIST convnet" (Chollet 2015, https://keras.io/examples/vision/mnist_convnet).

    Takes float32 images `[N, H, W, C]` in [0, 1], of 10 pixels a side or more, and gives float32
    probabilities `[N, classes]`.
    """
    return keras.Sequential(
        [
            keras.Input(image_shape),
            layers.Conv2D(32, kernel_size=(3, 3), activation="relu"),
            layers.MaxPooling2D(pool_size=(2, 2)),
            layers.Conv2D(64, kernel_size=(3, 3), activation="relu"),
            layers.MaxPooling2D(pool_size=(2, 2)),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(classes, activation="softmax"),
        ],
        name=NAME,
    )


def with_channels(image_shape: tuple[int, ...]) -> tuple[int, ...]:
    """(H, W, C), as Keras's layers for images take it, of (H, W) or (H, W, 3)."""
    return image_shape if len(image_shape) == 3 else (*image_shape, 1)


def of(model: keras.Model) -> dict[str, Any]:
    """A model's architecture: its configuration without seeds, and without what is default."""
    config = model_file.plain(keras.saving.serialize_keras_object(model))
    for one in model_file.objects(config):
        for key in ("build_config", "compile_config"):  # both follow from the rest, or are not used
            one.pop(key, None)
        if isinstance(one["config"], dict):
            one["config"].pop("seed", None)
    config["config"]["name"] = NAME
    return config


def built(architecture: Mapping[str, Any]) -> keras.Model:
    """A model of an architecture, with new weights.

    Raises:
        Exception: whatever Keras raises where it can't be built.
    """
    # Keras takes what it is given apart.
    return keras.saving.deserialize_keras_object(copy.deepcopy(dict(architecture)), safe_mode=True)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Let what Keras draws without a seed of its own depend on `seed` alone.

    Keras then takes its seeds, of initial weights and random layers, from Python's generator, as
    `keras.utils.set_random_seed` makes use of, too; it is set back afterwards.
    """
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)


def named_afresh(build: Callable[[], Made]) -> Made:
    """What `build` gives, its layers named as those of the first model in a process are.

    Keras numbers layers without a name of their own, `dense_7`, from the first in the thread.
    """
    policy = keras.config.dtype_policy()  # each thread has its own

    def named() -> Made:
        keras.config.set_dtype_policy(policy)
        return build()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(named).result()
