"""Training with other libraries: the same network, images and steps, each in its fastest form.

All train the dense network that the package trains by default, from Glorot's uniform weights, with
Adam and the same batches' size, in a new order each epoch, down to a last smaller batch. They sum
up the loss and the accuracy on the training images and take both on the images held out. Images are
float32 before the clock starts, except where the package and stock Keras do as they always do.

A library has processes of its own, as its threads can't be changed once it has started.
"""

import importlib.util
import logging
import os
import shutil
import sysconfig
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mnist_aug import backend
from mnist_aug.analysis.benchmark import PACKAGE
from mnist_aug.data.dataset import Dataset
from mnist_aug.experiments import rivals
from mnist_aug.train.model_source import Model
from mnist_aug.train.variant import Variant

STOCK = "Keras, stock model.fit"
KERAS = "Keras, jit_compile"
EAGER, COMPILED = "PyTorch, eager", "PyTorch, torch.compile"
JAX = "JAX, lax.scan"
NEEDS = {EAGER: "torch", COMPILED: "torch", JAX: "jax"}  # packages
COMPILER = "a C++ compiler"  # that torch.compile needs
# Of 8, 32, 128, 500 and 1,500, an epoch of MNIST, this one took the least time of the processor, by
# little from 128 on. One step per execution, compiled, takes longer than stock Keras.
STEPS_PER_EXECUTION = 1500
BETAS, EPSILON = (0.9, 0.999), 1e-7  # of Adam, Keras's defaults


@dataclass(frozen=True)
class Task:
    """What is trained, and on which images."""

    dataset: Dataset
    variant: Variant
    model: Model

    @property
    def count(self) -> int:
        """How many images an epoch trains on."""
        return self.dataset.training_count(self.variant.validation_split)

    def images(self) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
        """float32 images [N, H, W] or [N, H, W, 3] and int32 labels: to train on, and held out."""
        pixels, labels = self.dataset.x_train.astype(np.float32) / 255, self.dataset.y_train
        own, held_out = slice(self.count), slice(self.count, None)
        return (pixels[own], labels[own]), (pixels[held_out], labels[held_out])


class Epoch(NamedTuple):
    """An epoch of training.

    Attributes:
        seconds: that it took, validation included.
        steps: that the optimizer has taken since the process began to train.
        loss, accuracy: the means over the training images, while they were trained on.
        val_loss, val_accuracy: on the images held out, after it.
    """

    seconds: float
    steps: int
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float


class Training(NamedTuple):
    """A network ready to be trained.

    Attributes:
        parameters: how many it has.
        train: trains for so many epochs, and goes on from there when called again; the package's
            own begins anew.
    """

    parameters: int
    train: Callable[[int], list[Epoch]]


def names(task: Task) -> list[str]:
    """What can train it here, the package first, and besides it only stock Keras if need be."""
    if not _others_take_part(task):
        return [PACKAGE, STOCK]
    return [method for method in METHODS if not _lacks(method)]


def missing(task: Task) -> list[str]:
    """What libraries that are left out for it lack: packages, or a compiler."""
    if not _others_take_part(task):
        return []
    return sorted({lacking for method in METHODS for lacking in _lacks(method)[:1]})


def _others_take_part(task: Task) -> bool:
    """Whether it is what they are written for here: the network `dense`, on CPUs."""
    return task.variant.model == "dense" and not backend.on_gpu()


def _lacks(method: str) -> list[str]:
    found = []
    if (package := NEEDS.get(method)) and not importlib.util.find_spec(package):
        found.append(package)
    if method == COMPILED:
        header = Path(sysconfig.get_path("include"), "Python.h")
        if not (shutil.which(os.environ.get("CXX", "g++")) and header.exists()):
            found.append(COMPILER)
    return found


_training: Training  # of a process that trains


def begin(method: str, task: Task, threads: int) -> None:
    """Make this process, which has imported no library yet, one that trains by this method."""
    global _training
    _training = METHODS[method](task, threads)


def train(epochs: int) -> list[Epoch]:
    """Train for so many epochs in a process that has begun."""
    return _training.train(epochs)


def _timed(epoch: Callable[[], tuple[int, Any, Any, Any, Any]], epochs: int) -> list[Epoch]:
    """Call what trains for an epoch, and gives an `Epoch` without its seconds."""
    done = []
    for _ in range(epochs):
        start = time.perf_counter()
        steps, *numbers = epoch()
        values = [float(number) for number in numbers]  # waits for what is still computed
        done.append(Epoch(time.perf_counter() - start, int(steps), *values))
    return done


# Keras --------------------------------------------------------------------------------------------


def _fitted(fit: Callable[..., Any], steps: Callable[[], Any], epochs: int) -> list[Epoch]:
    """The epochs of one call of Keras's `fit`, which sets up only once so; it takes callbacks."""
    import keras

    done: list[Epoch] = []
    start = time.perf_counter()

    def on_epoch_end(epoch: int, logs: dict[str, float]) -> None:
        nonlocal start
        end = time.perf_counter()
        values = [logs[name] for name in Epoch._fields[2:]]
        done.append(Epoch(end - start, int(steps()), *values))
        start = end

    fit(epochs, [keras.callbacks.LambdaCallback(on_epoch_end=on_epoch_end)])
    return done


def of_trainer(trainer: Any) -> Callable[[int], list[Epoch]]:
    """What trains with the package's `Trainer`, anew for each call."""

    def fit(epochs: int, callbacks: list[Any]) -> None:
        whole = trainer.variant
        trainer.variant = replace(whole, epochs=epochs)
        trainer.fit(0, callbacks)
        trainer.variant = whole

    return partial(_fitted, fit, lambda: trainer.blocks.optimizer.iterations)


def _package(task: Task, threads: int) -> Training:
    backend.start_tensorflow(one_thread=threads == 1)
    from mnist_aug.train.trainer import Trainer

    settings = task.variant.settings(task.dataset.side, task.dataset.fill)
    trainer = Trainer(task.variant, task.dataset, settings, task.model.architecture)
    return Training(trainer.blocks.count_params(), of_trainer(trainer))


def _keras_model(task: Task, threads: int) -> Any:
    rivals.start_keras(threads)
    from mnist_aug.train import models

    shape, classes = task.dataset.image_shape, task.dataset.classes
    return models.build(task.variant, shape, classes, 0, architecture=task.model.architecture)


def _stock_keras(task: Task, threads: int) -> Training:
    """Keras as it is used most: `model.fit` on arrays with `validation_split`."""
    model, dataset, variant = _keras_model(task, threads), task.dataset, task.variant
    pixels = dataset.x_train.astype(np.float32) / 255

    def fit(epochs: int, callbacks: list[Any]) -> None:
        model.fit(
            pixels,
            dataset.y_train,
            batch_size=variant.batch_size,
            epochs=epochs,
            validation_split=variant.validation_split,
            callbacks=callbacks,
            verbose=0,
        )

    return Training(model.count_params(), partial(_fitted, fit, lambda: model.optimizer.iterations))


def _compiled_keras(task: Task, threads: int) -> Training:
    """Steps compiled by XLA, many per call, on batches that tf.data gathers by a permutation.

    On arrays `fit` takes longer, as tf.data's autotuning, which it leaves on, waits.
    """
    model = _keras_model(task, threads)
    import keras
    import tensorflow as tf

    model.compile(
        keras.optimizers.Adam(task.variant.learning_rate),
        task.variant.loss,
        metrics=["accuracy"],
        jit_compile=True,
        steps_per_execution=STEPS_PER_EXECUTION,
    )
    (images, labels), held_out = task.images()
    pixels, answers = tf.constant(images), tf.constant(labels)
    size, (whole, steps) = task.variant.batch_size, _batches(task)

    def order(_: Any) -> tf.data.Dataset:
        order = tf.random.shuffle(tf.range(len(labels)))
        batches = tf.data.Dataset.from_tensor_slices(tf.reshape(order[:whole], [-1, size]))
        if whole == len(labels):
            return batches
        return batches.concatenate(tf.data.Dataset.from_tensors(order[whole:]))

    def gathered(chosen: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.gather(pixels, chosen), tf.gather(answers, chosen)

    options = tf.data.Options()
    options.autotune.enabled = False
    batches = (
        tf.data.Dataset.range(1)
        .flat_map(order)
        .map(gathered)
        .apply(tf.data.experimental.assert_cardinality(steps))
        .with_options(options)
    )

    def fit(epochs: int, callbacks: list[Any]) -> None:
        model.fit(
            batches,
            epochs=epochs,
            shuffle=False,
            validation_data=held_out,
            validation_batch_size=len(held_out[1]),
            callbacks=callbacks,
            verbose=0,
        )

    return Training(model.count_params(), partial(_fitted, fit, lambda: model.optimizer.iterations))


def _batches(task: Task) -> tuple[int, int]:
    """How many of the training images are in whole batches; the steps of an epoch."""
    size = task.variant.batch_size
    return task.count - task.count % size, -(-task.count // size)


# PyTorch ------------------------------------------------------------------------------------------


def _pytorch(task: Task, threads: int) -> tuple[Any, list[Any], list[Any]]:
    """Start PyTorch. Returns the network, and images and labels: to train on, and held out."""
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"  # else it starts processes
    import torch

    logging.getLogger("torch").setLevel(logging.ERROR)  # it says that there is no GPU
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)  # as TensorFlow and JAX do
    torch.manual_seed(0)
    sizes = _sizes(task)
    layers: list[Any] = []
    for inputs, outputs in pairwise(sizes):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
        torch.nn.init.xavier_uniform_(layers[-2].weight)
        torch.nn.init.zeros_(layers[-2].bias)
    train, held_out = (
        [torch.from_numpy(pixels).flatten(1), torch.from_numpy(labels.astype(np.int64))]
        for pixels, labels in task.images()
    )
    return torch.nn.Sequential(*layers[:-1]), train, held_out


def _sizes(task: Task) -> list[int]:
    """The sizes of the dense layers' inputs and of the output."""
    return [int(np.prod(task.dataset.image_shape)), *task.variant.layers, task.dataset.classes]


def _pytorch_training(
    task: Task,
    net: Any,
    step: Callable[[Any, Any, Any, Any, Any], None],
    train: list[Any],
    held_out: list[Any],
    steps: Callable[[], Any],
) -> Training:
    """Training by a step, which takes images, labels, the indices of a batch, and two sums."""
    import torch

    images, labels = train

    def epoch() -> tuple[int, Any, Any, Any, Any]:
        loss, right = torch.zeros(()), torch.zeros((), dtype=torch.int64)
        for chosen in torch.randperm(len(labels)).split(task.variant.batch_size):
            step(images, labels, chosen, loss, right)
        with torch.inference_mode():
            scores = net(held_out[0])
            val_loss = torch.nn.functional.cross_entropy(scores, held_out[1])
            val_right = (scores.argmax(1) == held_out[1]).sum()
        count, val_count = len(labels), len(held_out[1])
        return steps(), loss / count, right / count, val_loss, val_right / val_count

    return Training(sum(p.numel() for p in net.parameters()), partial(_timed, epoch))


def _eager_pytorch(task: Task, threads: int) -> Training:
    """A tensor indexed by a permutation, and PyTorch's fused Adam."""
    net, train, held_out = _pytorch(task, threads)
    import torch

    optimizer = torch.optim.Adam(
        net.parameters(), task.variant.learning_rate, BETAS, EPSILON, fused=True
    )

    def step(images: Any, labels: Any, chosen: Any, loss: Any, right: Any) -> None:
        answers = labels[chosen]
        scores = net(images[chosen])
        mean = torch.nn.functional.cross_entropy(scores, answers)
        optimizer.zero_grad()
        mean.backward()
        optimizer.step()
        with torch.no_grad():
            loss += mean * len(chosen)
            right += (scores.argmax(1) == answers).sum()

    def steps() -> Any:
        return next(iter(optimizer.state.values()))["step"]

    return _pytorch_training(task, net, step, train, held_out, steps)


def _compiled_pytorch(task: Task, threads: int) -> Training:
    """A whole step as one graph: gathering, both passes, Adam and the sums.

    `loss.backward()` and PyTorch's optimizers would break the graph into several, which takes as
    long as eager mode. Several steps in a graph, or its search for faster products, save nothing.
    """
    net, train, held_out = _pytorch(task, threads)
    import torch

    weights = {name: weight.detach() for name, weight in net.named_parameters()}  # share memory
    means, squares = (
        {name: torch.zeros_like(weight) for name, weight in weights.items()} for _ in range(2)
    )
    number = torch.zeros(())
    first, second = BETAS
    rate = task.variant.learning_rate

    def mean_loss(weights: Any, images: Any, answers: Any) -> tuple[Any, Any]:
        scores = torch.func.functional_call(net, weights, images)
        return torch.nn.functional.cross_entropy(scores, answers), scores

    @partial(torch.compile, fullgraph=True, dynamic=False)
    def compiled(images: Any, labels: Any, chosen: Any, loss: Any, right: Any) -> None:
        answers = labels[chosen]
        with_value = torch.func.grad_and_value(mean_loss, has_aux=True)
        gradients, (mean, scores) = with_value(weights, images[chosen], answers)
        number.add_(1)
        size = rate * torch.sqrt(1 - second**number) / (1 - first**number)
        for name, gradient in gradients.items():
            means[name].mul_(first).add_(gradient, alpha=1 - first)
            squares[name].mul_(second).addcmul_(gradient, gradient, value=1 - second)
            weights[name].sub_(size * means[name] / (squares[name].sqrt() + EPSILON))
        loss.add_(mean * len(chosen))
        right.add_((scores.argmax(1) == answers).sum())

    def step(*arguments: Any) -> None:
        with torch.no_grad():
            compiled(*arguments)

    return _pytorch_training(task, net, step, train, held_out, lambda: number)


# JAX ----------------------------------------------------------------------------------------------


def _jax(task: Task, threads: int) -> Training:
    """An epoch in one compiled call that may overwrite the state it is given.

    It takes as many threads as the process has cores.
    """
    os.environ["JAX_PLATFORMS"] = "cpu"
    import jax
    import jax.numpy as jnp

    (images, labels), held_out = task.images()
    data = tuple(
        jnp.asarray(each)
        for each in (
            images.reshape(len(images), -1),
            labels,
            held_out[0].reshape(len(held_out[0]), -1),
            held_out[1],
        )
    )
    size, (whole, _) = task.variant.batch_size, _batches(task)
    rate, (first, second) = task.variant.learning_rate, BETAS
    sizes = _sizes(task)
    start = jax.nn.initializers.glorot_uniform()
    keys = jax.random.split(jax.random.key(0), len(sizes))
    weights = [
        (start(key, shape), jnp.zeros(shape[1]))
        for key, shape in zip(keys[1:], pairwise(sizes), strict=True)
    ]

    def mean_loss(weights: Any, images: Any, labels: Any) -> tuple[Any, Any]:
        *hidden, (last, bias) = weights
        for weight, own in hidden:
            images = jax.nn.relu(images @ weight + own)
        scores = images @ last + bias
        each = jnp.take_along_axis(jax.nn.log_softmax(scores), labels[:, None], 1)
        return -each.mean(), (scores.argmax(1) == labels).sum()

    def adam(state: Any, gradients: Any) -> Any:
        weights, means, squares, number = state
        number += 1
        size = rate * jnp.sqrt(1 - second**number) / (1 - first**number)
        means = jax.tree.map(lambda m, g: first * m + (1 - first) * g, means, gradients)
        squares = jax.tree.map(lambda v, g: second * v + (1 - second) * g * g, squares, gradients)
        weights = jax.tree.map(
            lambda w, m, v: w - size * m / (jnp.sqrt(v) + EPSILON), weights, means, squares
        )
        return weights, means, squares, number

    @partial(jax.jit, donate_argnums=0)
    def compiled(
        state: Any, key: Any, images: Any, labels: Any, held_out: Any, answers: Any
    ) -> tuple[Any, tuple]:
        def step(carry: Any, chosen: Any) -> tuple[Any, None]:
            state, loss, right = carry
            with_gradients = jax.value_and_grad(mean_loss, has_aux=True)
            (mean, own), gradients = with_gradients(state[0], images[chosen], labels[chosen])
            return (adam(state, gradients), loss + mean * len(chosen), right + own), None

        order = jax.random.permutation(key, len(labels))
        carry, _ = jax.lax.scan(step, (state, 0.0, 0), order[:whole].reshape(-1, size))
        if whole < len(labels):
            carry, _ = step(carry, order[whole:])
        state, loss, right = carry
        val_loss, val_right = mean_loss(state[0], held_out, answers)
        numbers = loss / len(labels), right / len(labels), val_loss, val_right / len(answers)
        return state, numbers

    zeros = [jax.tree.map(jnp.zeros_like, weights) for _ in range(2)]
    state: Any = (weights, *zeros, jnp.zeros(()))
    orders = _keys(jax.random.key(1))

    def epoch() -> tuple[int, Any, Any, Any, Any]:
        nonlocal state
        state, numbers = compiled(state, next(orders), *data)
        return state[-1], *numbers

    return Training(sum(weight.size for weight in jax.tree.leaves(weights)), partial(_timed, epoch))


def _keys(key: Any) -> Iterator[Any]:
    import jax

    while True:
        key, own = jax.random.split(key)
        yield own


METHODS: dict[str, Callable[[Task, int], Training]] = {
    PACKAGE: _package,
    STOCK: _stock_keras,
    KERAS: _compiled_keras,
    EAGER: _eager_pytorch,
    COMPILED: _compiled_pytorch,
    JAX: _jax,
}
