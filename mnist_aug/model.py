"""The classifier: Flatten, hidden Dense layers with ReLU, Dense softmax."""

import keras
import tensorflow as tf

from mnist_aug.variant import Variant


def build(variant: Variant, image_shape: tuple[int, int], classes: int, seed: int) -> keras.Model:
    """A compiled stock Keras model with initial weights that depend on `seed` alone.

    Takes float32 images `[N, H, W]` in [0, 1] and gives float32 probabilities `[N, classes]`.
    Weights are drawn by `GlorotUniform`, Keras's default (Glorot and Bengio 2010).
    """
    def dense(number: int, units: int, activation: str) -> keras.layers.Layer:
        start = keras.initializers.GlorotUniform(seed=1000 * seed + number)
        return keras.layers.Dense(units, activation, kernel_initializer=start)

    hidden = [dense(number, units, "relu") for number, units in enumerate(variant.layers)]
    model = keras.Sequential([
        keras.Input(image_shape),
        keras.layers.Flatten(),
        *hidden,
        dense(len(hidden), classes, "softmax"),
    ], name="mnist_num_reader")
    return _compiled(model, variant)


def _compiled(model: keras.Model, variant: Variant, **options) -> keras.Model:
    optimizer = keras.optimizers.get({"class_name": variant.optimizer,
                                      "config": {"learning_rate": variant.learning_rate}})
    model.compile(optimizer, variant.loss, metrics=["accuracy"], **options)
    return model


class BlockTrainer(keras.Model):
    """Trains a Keras model block by block: Keras's own `train_step`, many times in one call.

    A block holds images `[steps, batch, H, W]` and labels `[steps, batch]`. One XLA-compiled call
    runs the loop over its steps, which spares the return to Python, and most of the time, that
    `fit` spends between the steps of a small model. Shares its layers with the model it trains.
    """

    def __init__(self, model: keras.Model, variant: Variant):
        super().__init__(inputs=model.inputs, outputs=model.outputs)
        _compiled(self, variant, jit_compile=True)
        self.optimizer.build(self.trainable_variables)
        self._fresh_optimizer = [variable.numpy() for variable in self.optimizer.variables]

    def restart(self, weights: list) -> None:
        """Set weights and forget the optimizer's state: a new run without a new compilation."""
        self.set_weights(weights)
        for variable, value in zip(self.optimizer.variables, self._fresh_optimizer, strict=True):
            variable.assign(value)

    def hand_over(self, model: keras.Model) -> None:
        """Give a stock model the weights and the optimizer's state, as its `fit` would."""
        model.set_weights(self.get_weights())
        model.optimizer.build(model.trainable_variables)
        for variable, value in zip(model.optimizer.variables, self.optimizer.variables,
                                   strict=True):
            variable.assign(value)

    def train_step(self, block):
        images, labels = block
        step = super().train_step

        def train_one(number):
            step((images[number], labels[number]))
            return number + 1

        steps = tf.shape(labels)[0]
        tf.while_loop(lambda number: number < steps, train_one, [0])
        return self.get_metrics_result()
