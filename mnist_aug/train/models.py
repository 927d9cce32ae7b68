"""The classifier: Flatten, hidden Dense layers with ReLU, Dense softmax."""

from typing import Any

import keras
import tensorflow as tf

from mnist_aug.train.variant import Variant


def build(
    variant: Variant,
    image_shape: tuple[int, ...],
    classes: int,
    seed: int,
    steps: int = 0,
) -> keras.Model:
    """A compiled stock Keras model with initial weights that depend on `seed` alone.

    Takes float32 images `[N, H, W]` in [0, 1] and gives float32 probabilities `[N, classes]`.
    Weights are drawn by `GlorotUniform`, Keras's default (Glorot and Bengio 2010).

    Args:
        steps: optimisation steps of the whole run, for a learning rate that isn't constant.
    """

    def dense(number: int, units: int, activation: str) -> keras.layers.Layer:
        start = keras.initializers.GlorotUniform(seed=1000 * seed + number)
        return keras.layers.Dense(units, activation, kernel_initializer=start)

    hidden = [dense(number, units, "relu") for number, units in enumerate(variant.layers)]
    model = keras.Sequential(
        [
            keras.Input(image_shape),
            keras.layers.Flatten(),
            *hidden,
            dense(len(hidden), classes, "softmax"),
        ],
        name="mnist_num_reader",
    )
    return _compiled(model, variant, steps, variant.learning_rate)


def _compiled(
    model: keras.Model, variant: Variant, steps: int, rate: Any, **options: Any
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
    model.compile(optimizer, variant.loss, metrics=["accuracy"], **options)
    return model


class BlockTrainer(keras.Model):
    """Trains a Keras model block by block: Keras's own `train_step`, many times in one call.

    A block holds images `[steps, batch, H, W]` and labels `[steps, batch]`. One XLA-compiled call
    runs the loop over its steps, which spares the return to Python, and most of the time, that
    `fit` spends between the steps of a small model. Shares its layers with the model it trains.

    Compiling takes seconds, and TensorFlow keeps what it compiled, so one trainer serves all runs
    that differ in seed, images and learning rate alone.
    """

    def __init__(self, model: keras.Model, variant: Variant, steps: int = 0):
        super().__init__(inputs=model.inputs, outputs=model.outputs)
        rate = variant.learning_rate
        if variant.schedule != "constant":  # a constant one is a variable of the optimizer
            rate = keras.Variable(rate, trainable=False)
        _compiled(self, variant, steps, rate, jit_compile=True)
        self.optimizer.build(self.trainable_variables)
        self._fresh_optimizer = [variable.numpy() for variable in self.optimizer.variables]

    def restart(self, weights: list, learning_rate: float) -> None:
        """Set weights and learning rate and forget the optimizer's state: a new run."""
        self.restore(weights, self._fresh_optimizer)
        rate = self.optimizer._learning_rate
        if isinstance(rate, keras.optimizers.schedules.CosineDecay):
            rate = rate.warmup_target if rate.warmup_steps else rate.initial_learning_rate
        rate.assign(learning_rate)

    def restore(self, weights: list, optimizer: list) -> None:
        """Set weights and the optimizer's state, both as NumPy arrays in Keras's order."""
        self.set_weights(weights)
        for variable, value in zip(self.optimizer.variables, optimizer, strict=True):
            variable.assign(value)

    def hand_over(self, model: keras.Model) -> None:
        """Give a stock model the weights and the optimizer's state, as its `fit` would."""
        model.set_weights(self.get_weights())
        model.optimizer.build(model.trainable_variables)
        for variable, value in zip(
            model.optimizer.variables, self.optimizer.variables, strict=True
        ):
            variable.assign(value)

    def train_step(self, block: tuple[tf.Tensor, tf.Tensor]) -> dict[str, Any]:
        images, labels = block
        step = super().train_step

        def train_one(number: tf.Tensor) -> tf.Tensor:
            step((images[number], labels[number]))
            return number + 1

        steps = tf.shape(labels)[0]
        tf.while_loop(lambda number: number < steps, train_one, [0])
        return self.get_metrics_result()
