"""Models: compiled Keras models of a variant, and their training block by block."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from mnist_aug.train import architectures
from mnist_aug.train.variant import Variant

# Layers that XLA compiles to fast code on a CPU: matrix products, and what is done value by value.
DENSE = (
    layers.InputLayer,
    layers.Flatten,
    layers.Reshape,
    layers.Dense,
    layers.Activation,
    layers.ReLU,
    layers.LeakyReLU,
    layers.ELU,
    layers.PReLU,
    layers.Softmax,
    layers.Rescaling,
    layers.BatchNormalization,
    layers.LayerNormalization,
    layers.Add,
    layers.Average,
    layers.Multiply,
    layers.Concatenate,
)


def build(
    variant: Variant,
    image_shape: tuple[int, ...],
    classes: int,
    seed: int,
    steps: int = 0,
    architecture: Mapping[str, Any] | None = None,
) -> keras.Model:
    """A compiled stock Keras model whose initial weights and random layers depend on `seed` alone.

    Takes float32 images `[N, H, W]`, or `[N, H, W, 3]`, in [0, 1] and gives float32 probabilities
    `[N, classes]`.

    Args:
        steps: optimisation steps of the whole run, for a learning rate that isn't constant.
        architecture: of a model that is neither `dense` nor `cnn`.
    """

    def network() -> keras.Model:
        if architecture is not None:
            model = architectures.built(architecture)
        elif variant.model == "cnn":
            model = architectures.cnn(architectures.with_channels(image_shape), classes)
        else:
            model = architectures.dense(image_shape, classes, variant.layers, seed)
        return _compiled(model, variant, steps, variant.learning_rate)

    with architectures.seeded(seed):
        return architectures.named_afresh(network)


def is_dense(model: keras.Model) -> bool:
    """Whether all layers are in `DENSE`, so that XLA makes the model faster.

    XLA's convolutions on the CPU take ten times as long as TensorFlow's own. It is the layers that
    decide, not a measurement, so that weights are the same everywhere.
    """
    return all(
        is_dense(layer) if isinstance(layer, keras.Model) else type(layer) in DENSE
        for layer in model.layers
    )


def most_values(model: keras.Model) -> int:
    """The most values that a layer takes or gives for one image, to keep batches in memory."""
    tensors = [*model.inputs, *model.outputs]
    most = 1
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            most = max(most, most_values(layer))
        try:
            tensors += keras.tree.flatten(layer.output)
        except AttributeError:  # it is used several times, so the others tell enough
            continue
    for tensor in tensors:
        values = 1
        for size in tensor.shape[1:]:
            values *= size or 1
        most = max(most, values)
    return most


def _compiled(
    model: keras.Model,
    variant: Variant,
    steps: int,
    rate: Any,
    soft_labels: bool = False,
    adds_to_loss: bool = False,
    **options: Any,
) -> keras.Model:
    if variant.schedule == "cosine":
        rising = round(variant.warmup * steps)
        start: dict[str, Any] = {
            "initial_learning_rate": 0.0,
            "warmup_target": rate,
            "warmup_steps": rising,
        }
        rate = keras.optimizers.schedules.CosineDecay(
            decay_steps=steps - rising, **(start if rising else {"initial_learning_rate": rate})
        )
    optimizer = keras.optimizers.get(
        {
            "class_name": variant.optimizer,
            "config": {"learning_rate": rate, "weight_decay": variant.weight_decay or None},
        }
    )
    metrics = ["accuracy"]
    adds_to_loss |= bool(model.losses) or any(
        layer.activity_regularizer for layer in model._flatten_layers()
    )
    if adds_to_loss:  # what is left without it can be compared
        kind = "Categorical" if soft_labels else "SparseCategorical"
        metrics.append(getattr(keras.metrics, f"{kind}Crossentropy")(name="cross_entropy"))
    loss = variant.loss.removeprefix("sparse_") if soft_labels else variant.loss
    model.compile(optimizer, loss, metrics=metrics, **options)
    return model


class BlockTrainer(keras.Model):
    """Trains a Keras model block by block: Keras's own `train_step`, many times in one call.

    A block holds images `[steps, batch, H, W]` and labels `[steps, batch]`. One compiled call runs
    the loop over its steps, which spares the return to Python, and most of the time, that `fit`
    spends between the steps of a small model. XLA compiles it where `is_dense`. Shares its layers
    with the model it trains.

    Compiling takes seconds, and TensorFlow keeps what it compiled, so one trainer serves all runs
    that differ in seed, images and learning rate alone.

    Args:
        soft_labels: labels are float32 `[steps, batch, classes]`. Accuracy counts the images for
            which the predicted class has the largest share of the label.
        jsd: above 0, images are three views, `[steps, 3 * batch, H, W]`, and so many times the
            Jensen-Shannon divergence between the predictions for them is added to the loss of the
            first (Hendrycks et al. 2020, AugMix). Accuracy is that of the first, too.
    """

    def __init__(
        self,
        model: keras.Model,
        variant: Variant,
        steps: int = 0,
        soft_labels: bool = False,
        jsd: float = 0.0,
    ):
        super().__init__(inputs=model.inputs, outputs=model.outputs)
        self.jsd = jsd
        rate = variant.learning_rate
        if variant.schedule != "constant":  # a constant one is a variable of the optimizer
            rate = keras.Variable(rate, trainable=False)
        _compiled(self, variant, steps, rate, soft_labels, jsd > 0, jit_compile=is_dense(model))
        self.optimizer.build(self.trainable_variables)
        self._fresh_optimizer = [variable.numpy() for variable in self.optimizer.variables]

    def restart(self, model: keras.Model, learning_rate: float) -> None:
        """Begin a new run: set what the model holds and the learning rate, forget the optimizer.

        Args:
            model: an untrained one of the same architecture.
        """
        self.restore(state(model), self._fresh_optimizer)
        rate = self.optimizer._learning_rate
        if isinstance(rate, keras.optimizers.schedules.CosineDecay):
            rate = rate.warmup_target if rate.warmup_steps else rate.initial_learning_rate
        rate.assign(learning_rate)

    def restore(self, held: list[np.ndarray], optimizer: list[np.ndarray]) -> None:
        """Set what the model holds, as `state` gives it, and the optimizer's state."""
        _assign(self.variables, held)
        _assign(self.optimizer.variables, optimizer)

    def hand_over(self, model: keras.Model) -> None:
        """Give a stock model what is held here and the optimizer's state, as its `fit` would."""
        _assign(model.variables, state(self))
        model.optimizer.build(model.trainable_variables)
        _assign(model.optimizer.variables, [one.numpy() for one in self.optimizer.variables])

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        first = self._first_view(y, y_pred)
        loss = super().compute_loss(x, y, first, sample_weight, training)
        if self.jsd and training:
            loss += self.jsd * divergence(tf.reshape(y_pred, [3, -1, y_pred.shape[-1]]))
        return loss

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        return super().compute_metrics(x, y, self._first_view(y, y_pred), sample_weight)

    def _first_view(self, y: Any, y_pred: Any) -> Any:
        if not self.jsd:
            return y_pred
        count = tf.shape(y)[0]
        first = y_pred[:count]
        # Keras takes the loss of the softmax's inputs where it finds them, which clips nothing.
        if (logits := getattr(y_pred, "_keras_logits", None)) is not None:
            first._keras_logits = logits[:count]
        return first

    def train_step(self, block: tuple[tf.Tensor, tf.Tensor]) -> dict[str, Any]:
        images, labels = block
        step = super().train_step

        def train_one(number: tf.Tensor) -> tf.Tensor:
            step((images[number], labels[number]))
            return number + 1

        steps = tf.shape(labels)[0]
        tf.while_loop(lambda number: number < steps, train_one, [0])
        return self.get_metrics_result()


def divergence(probabilities: tf.Tensor) -> tf.Tensor:
    """The mean Jensen-Shannon divergence, in nats, between the predictions for several views.

    Lin 1991, "Divergence measures based on the Shannon entropy". The mean over the views is at
    least 1e-7 in its logarithm, as in AugMix's published code.

    Args:
        probabilities: float32 `[views, N, classes]`.
    """
    mean = tf.math.log(tf.clip_by_value(tf.reduce_mean(probabilities, axis=0), 1e-7, 1))
    each = tf.math.xlogy(probabilities, probabilities) - probabilities * mean
    return tf.reduce_mean(tf.reduce_sum(each, axis=-1))


def state(model: keras.Model) -> list[np.ndarray]:
    """All that a model holds, in Keras's order: its weights, and what random layers draw next."""
    return [variable.numpy() for variable in model.variables]


def _assign(variables: list[keras.Variable], values: list[np.ndarray]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
