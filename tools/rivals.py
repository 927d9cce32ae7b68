"""The engine next to other libraries that do the same work: affine, and affine with elastic.

All get 1,000 digits of 28 x 28 pixels, uint8, in the arrays of their own library, and give uint8
back; 200 where an image is a call of its own. A measurement goes in rounds, in each of which every
library has its turn. Processes are started for it, as a library's threads can't be changed once it
has started: one that may use one core alone; one that may use all of them, with each library's own
threads; and one for each core, all at work at the same time, whose rates are added. The better of
the last two is what a library does on all cores.
"""

import importlib.util
import math
import multiprocessing
import os
import time
from collections.abc import Callable, Sized
from typing import TYPE_CHECKING, Any

import albumentations as A
import cv2
import numpy as np

from mnist_aug.augment.vectorize import vectorize
from mnist_aug.data import dataset
from tools import speed

if TYPE_CHECKING:
    import tensorflow as tf

COUNT = 1000
FEW = 200  # are enough where each image is a call of its own
_SLICE = 0.1  # seconds that a library has its turn for, at least
AFFINE, BOTH = "affine", "affine + elastic"
ENGINE = "engine"
ALBUMENTATIONS = "albumentations, image by image"
GRAPH, KERAS, KORNIA = "TensorFlow graph operations", "Keras layers", "Kornia"
TORCHVISION, BY_BATCH = "torchvision v2, image by image", "torchvision v2, by batch"
PER_IMAGE = "per image"
# What each draws, by task and library.
DRAWS = {
    (task, name): PER_IMAGE
    for task in (AFFINE, BOTH)
    for name in (ENGINE, ALBUMENTATIONS, GRAPH, KERAS, KORNIA, TORCHVISION)
} | {
    (BOTH, KERAS): "per image; one elastic field for both axes, its strength per batch of 50",
    (AFFINE, BY_BATCH): "once for the whole batch",
    (BOTH, BY_BATCH): "once for the whole batch",
}
Rates = dict[tuple[str, str], np.ndarray]


def missing() -> list[str]:
    """The packages of rivals that aren't installed, and so are left out."""
    return [
        package for package in ("kornia", "torchvision") if not importlib.util.find_spec(package)
    ]


def measure(rounds: int = 7) -> tuple[Rates, Rates]:
    """Images per second on one core and on all, float [rounds] by (task, library)."""
    cores = sorted(os.sched_getaffinity(0))
    one = _rates([cores[:1]], rounds)
    if len(cores) == 1:
        return one, one
    together, apart = _rates([cores], rounds), _rates([[core] for core in cores], rounds)
    return one, {
        key: max(together[key], apart[key], key=lambda rates: float(np.median(rates)))
        for key in one
    }


def _rates(groups: list[list[int]], rounds: int) -> Rates:
    """The rates of processes at work at the same time, each on a group of cores, added up."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(len(groups), timeout=300)
    allowed = os.sched_getaffinity(0)
    answers = []
    for group in groups:
        receiver, sender = context.Pipe(duplex=False)
        # A process inherits it, and with it the number of threads that its libraries start.
        os.sched_setaffinity(0, group)
        context.Process(target=_work, args=(len(group), rounds, barrier, sender)).start()
        os.sched_setaffinity(0, allowed)
        sender.close()  # so that the end of the process is the end of the answer
        answers.append(receiver)
    every = [receiver.recv() for receiver in answers]
    return {key: np.sum([rates[key] for rates in every], axis=0) for key in every[0]}


def _work(threads: int, rounds: int, barrier: Any, answer: Any) -> None:
    """Send the rate of each library, float [rounds]."""
    if threads == 1:
        cv2.setNumThreads(1)
    methods = {
        (task, name): method
        for task in (AFFINE, BOTH)
        for name, method in _methods(task == BOTH, threads).items()
    }
    calls = dict.fromkeys(methods, 1)
    rates: dict[tuple[str, str], list[float]] = {key: [] for key in methods}
    for number in range(-2, rounds):
        for key, method in methods.items():
            barrier.wait()
            start = time.perf_counter()
            done = sum(len(method()) for _ in range(calls[key]))
            seconds = time.perf_counter() - start
            if number < 0:  # what is compiled at the first call isn't counted
                calls[key] = math.ceil(calls[key] * _SLICE / seconds)
            else:
                rates[key].append(done / seconds)
    answer.send({key: np.array(each) for key, each in rates.items()})


def _methods(elastic: bool, threads: int) -> dict[str, Callable[[], Sized]]:
    policy = A.Compose([speed.AFFINE, speed.ELASTIC] if elastic else [speed.AFFINE])
    images = dataset.load("mnist").x_train[:COUNT]
    engine = vectorize(policy)
    methods: dict[str, Callable[[], Sized]] = {
        ENGINE: lambda: engine(images, (0, 0, 0)),
        ALBUMENTATIONS: lambda: [policy(image=image) for image in images[:FEW]],
        **_tensorflow(images, elastic, threads),
    }
    if not missing():
        methods |= _torch(images, elastic, threads)
    return methods


def _tensorflow(images: np.ndarray, elastic: bool, threads: int) -> dict[str, Callable[[], Sized]]:
    import keras
    import tensorflow as tf

    if threads == 1 and not tf.config.threading.get_intra_op_parallelism_threads():
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    fill = {"fill_mode": "constant"}
    layers = [
        keras.layers.RandomRotation(12 / 360, **fill),
        keras.layers.RandomTranslation(0.06, 0.06, **fill),
        keras.layers.RandomZoom((-0.1, 0.1), **fill),
        keras.layers.RandomShear(x_factor=(0.0, float(np.tan(np.deg2rad(10)))), **fill),
    ]
    if elastic:
        layers.append(keras.layers.RandomElasticTransform(factor=(1.0, 1.0), **fill))
    tensor = tf.constant(images)
    few = tf.split(tensor, COUNT // 50)

    @tf.function
    def keras_layers(batch: "tf.Tensor") -> "tf.Tensor":
        out = batch[..., None]
        for layer in layers:
            out = layer(out, training=True)
        return tf.cast(tf.round(out[..., 0]), tf.uint8)

    graph = tf.function(graph_augment)
    position = tf.constant(0)
    return {
        GRAPH: lambda: graph(tensor, position, elastic).numpy(),
        # Its elastic layer unrolls a loop over the batch: 1,000 images take minutes to compile.
        KERAS: lambda: np.concatenate([keras_layers(each).numpy() for each in few]),
    }


def _torch(images: np.ndarray, elastic: bool, threads: int) -> dict[str, Callable[[], Sized]]:
    import torch
    from kornia import augmentation
    from torchvision.transforms import v2

    torch.set_num_threads(threads)
    tensor = torch.from_numpy(images)[:, None]
    kornia = [augmentation.RandomAffine(12.0, (0.06, 0.06), (0.9, 1.1), 10.0, p=1.0)]
    vision = [v2.RandomAffine(12, (0.06, 0.06), (0.9, 1.1), 10, v2.InterpolationMode.BILINEAR)]
    if elastic:
        # Fields as strong as albumentations': of about one pixel's standard deviation.
        kornia.append(
            augmentation.RandomElasticTransform((33, 33), (4.0, 4.0), (1.75, 1.75), p=1.0)
        )
        vision.append(v2.ElasticTransform(50.0, 4.0))
    by_kornia, by_torchvision = torch.nn.Sequential(*kornia), torch.nn.Sequential(*vision)
    return {
        KORNIA: torch.inference_mode()(
            lambda: (by_kornia(tensor.float() / 255) * 255).round().byte()
        ),
        TORCHVISION: torch.inference_mode()(
            lambda: [by_torchvision(image) for image in tensor[:FEW]]
        ),
        BY_BATCH: torch.inference_mode()(lambda: by_torchvision(tensor)),
    }


def graph_augment(
    images: "tf.Tensor", position: "int | tf.Tensor", elastic: bool = True
) -> "tf.Tensor":
    """`speed.POLICY` in TensorFlow operations: uint8 [N, 28, 28] and a scalar position to the same.

    The same distributions and the same map, but the draws depend on the batch.
    """
    import tensorflow as tf

    count = tf.shape(images)[0]
    position = tf.cast(position, tf.int32)
    u = tf.random.stateless_uniform([7, count, 1, 1], tf.stack([position, 0]))
    x, y = tf.meshgrid(tf.range(28.0), tf.range(28.0))
    places = tf.stack([x, y]) - 13.5
    if elastic:
        left = tf.constant(_field_factor(28, speed.ELASTIC.sigma), tf.float32)
        k = left.shape[1]
        z = tf.random.stateless_normal([count, 2, k, k], tf.stack([position, 1]))
        z *= 50 / 3.55  # the usual largest of 1,568 normal numbers
        field = tf.einsum("yj,njk,xk->nyx", left, tf.reshape(z, [-1, k, k]), left)
        places += tf.reshape(field, [-1, 2, 28, 28])
    else:
        places = tf.tile(places[None], [count, 1, 1, 1])
    angle, shear = (24 * u[0] - 12) * np.pi / 180, tf.tan((20 * u[1] - 10) * np.pi / 180)
    scale = 0.9 + 0.2 * u[2:4]
    shift = (0.12 * u[4:6] - 0.06) * 28
    cos, sin = tf.cos(angle), tf.sin(angle)
    a, b = (cos + shear * sin) * scale[0], (sin - shear * cos) * scale[1]
    c, d = -sin * scale[0], cos * scale[1]
    det = a * d - b * c
    px, py = places[:, 0] - shift[0], places[:, 1] - shift[1]
    x, y = (d * px - b * py) / det + 13.5, (a * py - c * px) / det + 13.5
    x, y = tf.clip_by_value(x, -1.0, 28.0) + 1, tf.clip_by_value(y, -1.0, 28.0) + 1
    left_x, top_y = tf.floor(x), tf.floor(y)
    corner = tf.cast(top_y * 31 + left_x, tf.int32)
    flat = tf.reshape(tf.pad(tf.cast(images, tf.float32), [[0, 0], [1, 2], [1, 2]]), [count, -1])
    corner = tf.reshape(corner, [count, -1])
    p, q, r, s = (tf.gather(flat, corner + step, batch_dims=1) for step in (0, 1, 31, 32))
    across, down = (tf.reshape(v, [count, -1]) for v in (x - left_x, y - top_y))
    upper, lower = p + (q - p) * across, r + (s - r) * across
    return tf.cast(tf.reshape(tf.round(upper + (lower - upper) * down), [count, 28, 28]), tf.uint8)


def _field_factor(length: int, sigma: float, rank: int = 9) -> np.ndarray:
    """float [length, rank] that makes a Gaussian-smoothed field of normal numbers [rank, rank].

    The first left singular vectors of the blur along one axis times their values; those of 28
    pixels and sigma 4 hold all but a ten-thousandth of the variance.
    """
    kernel = cv2.getGaussianKernel(int(8 * sigma + 1), sigma)
    blur = cv2.sepFilter2D(np.eye(length), -1, np.ones(1), kernel, borderType=cv2.BORDER_REPLICATE)
    left, values, _ = np.linalg.svd(blur)
    return (left * values)[:, :rank]
