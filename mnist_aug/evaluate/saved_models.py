"""Trained models: loaded from `.keras` files that strangers may have made, and asked."""

from __future__ import annotations

import json
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mnist_aug import backend
from mnist_aug.errors import UserError
from mnist_aug.train import safe_loading

if TYPE_CHECKING:  # it takes seconds to start, so only where there is a model to load
    import keras
    import tensorflow as tf


def load(
    path: Path, image_shape: tuple[int, ...] | None = None, classes: int | None = None
) -> keras.Model:
    """A trained model of Keras's own layers, which `safe_loading` looks through before it is made.

    Args:
        image_shape, classes: what it must read, (H, W) or (H, W, 3), and tell apart; anything if
            None. A model of grey images may take (H, W, 1) as well.

    Raises:
        UserError: the file is missing or damaged, its model is not of Keras's own layers or too
            large, or for other images.
    """
    backend.start_tensorflow(one_thread=True)
    from mnist_aug.train import architectures

    try:
        config = safe_loading.config(path)
        safe_loading.check(config, safe_loading.stored_bytes(path))
        model = architectures.built(config)
        model.load_weights(path)
        if len(model.output_shape) != 2:
            raise ValueError(f"it gives {model.output_shape}, not probabilities of classes")
    except Exception as error:  # what Keras throws at damaged weights is not a closed list
        raise UserError(
            f"{path} can't be used ({safe_loading.in_a_line(error)}): delete its folder and train "
            "it again"
        ) from None
    shape, count = tuple(model.input_shape[1:]), model.output_shape[-1]
    if image_shape is not None and not (reads(model, image_shape) and count == classes):
        raise UserError(
            f"{path} can't be used (it reads images of {shape} in {count} classes, not "
            f"of {tuple(image_shape)} in {classes}): delete its folder and train it "
            "again"
        )
    return model


def reads(model: keras.Model, image_shape: Sequence[int]) -> bool:
    """Whether a model takes such images, (H, W) or (H, W, 3); (H, W) may have a channel to it."""
    shape = tuple(model.input_shape[1:])
    return shape == tuple(image_shape) or (len(image_shape) == 2 and shape == (*image_shape, 1))


def probabilities(model: keras.Model, batch: object) -> np.ndarray:
    """Probabilities float32 `[N, classes]` of float32 images in [0, 1], `[N, H, W]` if grey.

    Those of dense layers are computed by XLA, whose sums `backend` pins and whose softmax divides
    exactly; outside it, TensorFlow's depends on how a processor approximates 1 / x.
    """
    from mnist_aug.train import architectures

    if model not in _by_model:
        architecture = json.dumps(architectures.of(model))
        if architecture not in _compiled:
            _compiled[architecture] = _function(model)
        _by_model[model] = _compiled[architecture]
    compute = _by_model[model]
    return compute(model.trainable_variables, model.non_trainable_variables, batch).numpy()


# Models of the same architecture differ in their variables alone, and share what was compiled.
_compiled: dict[str, Callable] = {}
_by_model: weakref.WeakKeyDictionary[Any, Callable] = weakref.WeakKeyDictionary()


def _function(model: keras.Model) -> Callable:
    import tensorflow as tf

    from mnist_aug.train import models

    @tf.function(jit_compile=models.is_dense(model))
    def compute(trainable: list, others: list, batch: tf.Tensor) -> tf.Tensor:
        return model.stateless_call(trainable, others, batch, training=False)[0]

    return compute
