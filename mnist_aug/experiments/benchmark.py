"""What training and augmentation cost, measured side by side on the same machine and images.

Every repeat measures each method once, in turn, so that a drift of the machine's speed meets all
of them; ratios are taken within a repeat. A first round warms up and is not counted.
"""

import importlib.util
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import albumentations as A
import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from mnist_aug import backend, provenance
from mnist_aug.augment import named
from mnist_aug.augment import policy as policies
from mnist_aug.augment.vectorize import vectorize
from mnist_aug.data.dataset import Dataset
from mnist_aug.results import extras, files
from mnist_aug.train import model_source, pools
from mnist_aug.train.model_source import Model
from mnist_aug.train.trainer import Trainer
from mnist_aug.train.variant import Variant, augmented, baseline, configured

BATCH = 4000  # images given to the engine at once, about a block of training
SLOW_IMAGES = 3000  # image by image, so many are enough for a second of measuring
EPOCH = "training epoch"
ONE_THREAD = "training epoch of one run, one thread"
AUGMENTED_EPOCH = "augmented epoch against a plain one"
STOCK = "stock model.fit"
STOCK_ONE = f"{STOCK}, one thread"
PLAIN = "plain"
ALL_CORES = "one run on all cores"  # and otherwise one thread a run, as runs are trained
SINGLE = "albumentations, image by image"


def measure(
    dataset: Dataset, results: Path, repeats: int = 7, model: str | None = None
) -> pd.DataFrame:
    """Time the epochs and the engine; write `bench.csv` and `bench.json`.

    Args:
        model: what is trained, as for `model_source.load`; `dense` if None.

    Returns:
        A row for each measurement: `benchmark`, `method`, `against` (the method whose time the
        ratio refers to), `repeat`, `images`, `seconds`.

    Raises:
        UserError: the dataset or the model is unfit, or the results can't be written.
    """
    loaded = model_source.load(model or baseline.model, dataset.image_shape, dataset.classes)
    files.check_writable(Path(results))
    rows = []
    with _epochs(dataset, model, loaded) as epochs:
        for benchmark, methods in {EPOCH: epochs, **_engines(dataset)}.items():
            against = next(iter(methods))
            for repeat in range(-1, repeats):
                for method, timed in methods.items():
                    images, seconds = timed()
                    if repeat >= 0:
                        rows.append((benchmark, method, against, repeat, images, round(seconds, 6)))
            print(_summary(rows, benchmark), flush=True)
    # The same measurements, seen against others.
    for benchmark, compared in (
        (ONE_THREAD, (STOCK_ONE, PLAIN, augmented.name)),
        (AUGMENTED_EPOCH, (PLAIN, augmented.name)),
    ):
        rows += [
            (benchmark, method, compared[0], *rest)
            for name, method, _, *rest in rows
            if name == EPOCH and method in compared
        ]
        print(_summary(rows, benchmark))
    table = pd.DataFrame(
        rows, columns=["benchmark", "method", "against", "repeat", "images", "seconds"]
    )
    # Linux counts in KiB, macOS in bytes.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        1 if sys.platform == "darwin" else 1 / 1024
    )
    host = {
        "dataset": dataset.name,
        "dataset_sha256": dataset.sha256,
        "model": loaded.described,
        "peak_memory_mib": round(peak / 2**20),
        "started": provenance.now(),
        **provenance.describe(),
    }
    extras.write_benchmark(results, host, table)
    return table


def _summary(rows: list[tuple], benchmark: str) -> str:
    """A line for each method: images per second, and the ratio to the first method."""
    times: dict[str, list[float]] = {}
    for name, method, _, _, images, seconds in rows:
        if name == benchmark:
            times.setdefault(method, []).append(seconds / images)
    first = np.array(next(iter(times.values())))
    lines = [benchmark]
    for method, each in times.items():
        ratio = first / np.array(each)
        lines.append(
            f"  {method:48} {1 / np.median(each):12,.0f} images/s   "
            f"{np.median(ratio):7.2f}x ({ratio.min():.2f} to {ratio.max():.2f})"
        )
    return "\n".join(lines)


# An epoch of training -----------------------------------------------------------------------------


@contextmanager
def _epochs(dataset: Dataset, model: str | None, loaded: Model) -> Iterator[dict[str, Callable]]:
    variants = {
        PLAIN: configured(baseline.name, model=model),
        augmented.name: configured(augmented.name, model=model),
    }
    trainers = {name: _trainer(variant, dataset, loaded) for name, variant in variants.items()}
    count = pools.in_parallel()
    spawn = multiprocessing.get_context("spawn")
    single = [
        ProcessPoolExecutor(1, spawn, _begin, (variants, dataset, loaded)) for _ in range(count)
    ]
    methods: dict[str, Callable] = {
        STOCK: partial(_stock_epoch, trainers[PLAIN]),
        STOCK_ONE: partial(_in_workers, single[:1], STOCK),
    }
    for name, trainer in trainers.items():
        methods |= {
            name: partial(_in_workers, single[:1], name),
            f"{name}, {count} runs in parallel": partial(_in_workers, single, name),
            f"{name}, {ALL_CORES}": partial(_epoch, trainer),
        }
    try:
        yield methods
    finally:
        for pool in single:
            pool.shutdown()


def _begin(variants: dict, dataset: Dataset, loaded: Model) -> None:
    """Make a new process one that trains as workers do, with one thread."""
    backend.start_tensorflow(one_thread=True)
    _trainers.update({name: _trainer(one, dataset, loaded) for name, one in variants.items()})


def _trainer(variant: Variant, dataset: Dataset, loaded: Model) -> Trainer:
    settings = variant.settings(dataset.side, dataset.fill)
    return Trainer(variant, dataset, settings, loaded.architecture)


_trainers: dict[str, Trainer] = {}  # of such a process


def _epoch_here(name: str) -> tuple[int, float]:
    return _stock_epoch(_trainers[PLAIN]) if name == STOCK else _epoch(_trainers[name])


def _in_workers(pools: list, name: str) -> tuple[int, float]:
    """The images of all together, and the seconds that an epoch took each of them."""
    done = [future.result() for future in [pool.submit(_epoch_here, name) for pool in pools]]
    return sum(images for images, _ in done), float(np.mean([seconds for _, seconds in done]))


class _Clock(keras.callbacks.Callback):
    """When each epoch ended, validation included."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[float] = []

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.ends.append(time.perf_counter())

    def seconds(self) -> float:
        """Of one epoch in the middle: neither the first, which starts up, nor the last."""
        return (self.ends[-2] - self.ends[0]) / (len(self.ends) - 2)


def _epoch(trainer: Trainer) -> tuple[int, float]:
    clock = _Clock()
    whole, trainer.variant = trainer.variant, replace(trainer.variant, epochs=4)
    trainer.fit(0, [clock])
    trainer.variant = whole
    return len(trainer.train[0]), clock.seconds()


def _stock_epoch(trainer: Trainer) -> tuple[int, float]:
    """Keras as it is used most: `model.fit` on arrays with `validation_split`."""
    clock, dataset, variant = _Clock(), trainer.dataset, trainer.variant
    model = trainer.initial(0)
    model.fit(
        dataset.x_train.astype(np.float32) / 255,
        dataset.y_train,
        batch_size=variant.batch_size,
        epochs=4,
        verbose=0,
        validation_split=variant.validation_split,
        callbacks=[clock],
    )
    return len(trainer.train[0]), clock.seconds()


# Augmentation alone, through tf.data --------------------------------------------------------------


def _engines(dataset: Dataset) -> dict[str, dict[str, Callable]]:
    affine = {
        "rotate": (-12, 12),
        "scale": (0.9, 1.1),
        "translate_percent": (-0.06, 0.06),
        "shear": (-10, 10),
        "p": 1,
    }
    elastic = {"alpha": 50, "sigma": 4, "p": 1}
    pipelines = {
        "affine": A.Compose([A.Affine(**affine)]),
        "affine + elastic": A.Compose([A.Affine(**affine), A.ElasticTransform(**elastic)]),
        "default policy": named.default(),
    }
    return {
        name: _methods(dataset.x_train, policies.fitted(pipeline, dataset.side, dataset.fill))
        | (_other_libraries(dataset.x_train) if name != "default policy" else {})
        for name, pipeline in pipelines.items()
    }


def _methods(images: np.ndarray, pipeline: A.Compose) -> dict[str, Callable]:
    engine = vectorize(pipeline)

    def one(image: np.ndarray) -> np.ndarray:
        return pipeline(image=image)["image"]

    def batch(several: np.ndarray) -> np.ndarray:
        return np.stack([one(image) for image in several])

    return {
        SINGLE: _timed(images[:SLOW_IMAGES], None, lambda image, _: _numpy(one, image)),
        "albumentations, looped over a batch": _timed(
            images[:SLOW_IMAGES], SLOW_IMAGES // 4, lambda several, _: _numpy(batch, several)
        ),
        "mnist_aug": _timed(images, BATCH, lambda several, first: engine.map(several, 0, 0, first)),
    }


def _other_libraries(images: np.ndarray) -> dict[str, Callable]:
    """Rotation, shift and zoom (affine without elastic) by what is installed."""
    layers = keras.Sequential(
        [
            keras.layers.RandomRotation(12 / 360, fill_mode="constant"),
            keras.layers.RandomTranslation(0.06, 0.06, fill_mode="constant"),
            keras.layers.RandomZoom(0.1, fill_mode="constant"),
        ]
    )
    methods = {
        "Keras layers, affine": _timed(
            images, BATCH, lambda several, _: layers(several[..., None], training=True)
        )
    }
    if importlib.util.find_spec("torchvision"):
        methods["torchvision v2, affine"] = _torchvision(images)
    if importlib.util.find_spec("kornia"):
        methods["Kornia, affine"] = _kornia(images)
    return methods


def _torchvision(images: np.ndarray) -> Callable:
    import torch
    from torchvision.transforms import v2

    transform = v2.RandomAffine(12, (0.06, 0.06), (0.9, 1.1), 10, v2.InterpolationMode.BILINEAR)

    def one(
        image: np.ndarray,
    ) -> np.ndarray:  # v2 draws once for a whole batch, so each image goes alone
        return transform(torch.from_numpy(image)[None])[0].numpy()

    return _timed(images[:SLOW_IMAGES], None, lambda image, _: _numpy(one, image))


def _kornia(images: np.ndarray) -> Callable:
    import kornia.augmentation
    import torch

    transform = kornia.augmentation.RandomAffine(12, (0.06, 0.06), (0.9, 1.1), 10, p=1)

    def batch(several: np.ndarray) -> np.ndarray:
        floats = torch.from_numpy(several)[:, None].float() / 255
        return (transform(floats)[:, 0] * 255).byte().numpy()

    return _timed(images, BATCH, lambda several, _: _numpy(batch, several))


def _numpy(function: Callable, tensor: tf.Tensor) -> tf.Tensor:
    out = tf.numpy_function(function, [tensor], tensor.dtype)
    out.set_shape(tensor.shape)
    return out


def _timed(images: np.ndarray, batch: int | None, augment: Callable) -> Callable:
    """Times one pass of a tf.data pipeline that maps `augment(images, first position)`."""
    pixels = tf.constant(images)
    positions = tf.data.Dataset.range(0, len(images), batch or 1)
    dataset = positions.map(
        lambda first: (pixels[first : first + batch] if batch else pixels[first], first)
    )
    dataset = dataset.map(augment, num_parallel_calls=tf.data.AUTOTUNE)

    def timed() -> tuple[int, float]:
        start = time.perf_counter()
        for _ in dataset:
            pass
        return len(images), time.perf_counter() - start

    return timed
