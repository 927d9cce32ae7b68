"""What training and augmentation cost, measured side by side on the same machine and images.

Every repeat measures each method once, in turn, so that a drift of the machine's speed meets all
of them; ratios are taken within a repeat. A first round warms up and is not counted.
"""

import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from mnist_aug import backend, provenance
from mnist_aug.data.dataset import Dataset
from mnist_aug.experiments import rivals
from mnist_aug.results import extras, files
from mnist_aug.train import model_source, pools
from mnist_aug.train.model_source import Model
from mnist_aug.train.trainer import Trainer
from mnist_aug.train.variant import Variant, augmented, baseline, configured, learning

EPOCH = "training epoch"
ONE_THREAD = "training epoch of one run, one thread"
AUGMENTED_EPOCH = "augmented epoch against a plain one"
STOCK = "stock model.fit"
STOCK_ONE = f"{STOCK}, one thread"
PLAIN = "plain"
ALL_CORES = "one run on all cores"  # and otherwise one thread a run, as runs are trained
POLICIES = (
    *("default", "mixup:0.2", "cutmix", "augmix", "augmix-jsd", "autoaugment-svhn", "rand-m6-n2"),
    *("trivialaugment", "cutout", "random-erasing", "label-smoothing:0.1"),
)
POLICY_REPEATS = 3  # at most, of an epoch with each of these
EPOCH_SECONDS = 1.0  # that a plain epoch takes about, or less: of images there are so many
TRIED = 2000  # images to find that out with


def measure(
    dataset: Dataset, results: Path, repeats: int = 7, model: str | None = None
) -> pd.DataFrame:
    """Time epochs, and augmentation by each library; write `bench.csv` and `bench.json`.

    Args:
        model: what is trained, as for `model_source.load`; `dense` if None.

    Returns:
        A row for each measurement: `benchmark`, `method`, `against` (the method whose time the
        ratio refers to), `repeat`, `images`, `seconds`; and, of libraries alone, `draws`: what is
        drawn for each image or once for a batch, and what else the library does otherwise.

    Raises:
        UserError: the dataset or the model is unfit, or the results can't be written.
    """
    loaded = model_source.load(model or baseline.model, dataset.image_shape, dataset.classes)
    files.check_writable(Path(results))
    rows = []
    with _epochs(dataset, model, loaded) as benchmarks:
        for benchmark, methods in benchmarks.items():
            against, few = next(iter(methods)), benchmark == AUGMENTED_EPOCH
            for repeat in range(-1, min(repeats, POLICY_REPEATS) if few else repeats):
                for method, timed in methods.items():
                    images, seconds = timed()
                    if repeat >= 0:
                        rows.append((benchmark, method, against, repeat, images, round(seconds, 6)))
            print(_summary(rows, benchmark), flush=True)
    compared = (STOCK_ONE, PLAIN, augmented.name)  # the same measurements, seen against another
    rows += [
        (ONE_THREAD, method, compared[0], *rest)
        for name, method, _, *rest in rows
        if name == EPOCH and method in compared
    ]
    print(_summary(rows, ONE_THREAD))
    for task, libraries in _libraries(dataset, repeats):
        rows += [
            (task, library, rivals.ENGINE, repeat, timed.images, round(seconds, 6))
            for library, timed in libraries.items()
            for repeat, seconds in enumerate(timed.seconds)
        ]
        print(_summary(rows, task, faster=True), flush=True)
    table = pd.DataFrame(
        rows, columns=["benchmark", "method", "against", "repeat", "images", "seconds"]
    )
    table["draws"] = [
        rivals.draws(task, method) if task in rivals.TASKS else None
        for task, method in zip(table["benchmark"], table["method"], strict=True)
    ]
    # Linux counts in KiB, macOS in bytes.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        1 if sys.platform == "darwin" else 1 / 1024
    )
    host = {
        "dataset": dataset.name,
        "dataset_sha256": dataset.sha256,
        "model": loaded.described,
        "peak_memory_mib": round(peak / 2**20),
        "left_out": rivals.missing(),
        "started": provenance.now(),
        **provenance.describe(),
    }
    extras.write_benchmark(results, host, table)
    return table


def _libraries(dataset: Dataset, repeats: int) -> Iterator[tuple[str, dict[str, rivals.Timed]]]:
    """Augmentation alone, on one core, by each library."""
    if missing := rivals.missing():
        print(
            f"Not installed, and so left out: {', '.join(missing)}. "
            "pip install '.[bench]' in the checkout brings them."
        )
    some = slice(rivals.COUNT)
    allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return rivals.measure(dataset.x_train[some], dataset.y_train[some], [allowed[:1]], repeats)


def _summary(rows: list[tuple], benchmark: str, faster: bool = False) -> str:
    """A line for each method: images per second, and the ratio to the first method.

    Args:
        faster: the ratio says how many times faster the first one is.
    """
    times: dict[str, list[float]] = {}
    for name, method, _, _, images, seconds in rows:
        if name == benchmark:
            times.setdefault(method, []).append(seconds / images)
    against, first = next((method, np.array(each)) for method, each in times.items())
    lines = [f"{benchmark}: {against} is so many times faster" if faster else benchmark]
    for method, each in times.items():
        ratio = np.array(each) / first if faster else first / np.array(each)
        lines.append(
            f"  {method:48} {1 / np.median(each):12,.0f} images/s   "
            f"{np.median(ratio):7.2f}x ({ratio.min():.2f} to {ratio.max():.2f})"
        )
    return "\n".join(lines)


# An epoch of training -----------------------------------------------------------------------------


@contextmanager
def _epochs(
    dataset: Dataset, model: str | None, loaded: Model
) -> Iterator[dict[str, dict[str, Callable]]]:
    """Epochs by benchmark and method: those of the package, and with a policy of each kind."""
    variants = {
        PLAIN: configured(baseline.name, model=model),
        augmented.name: configured(augmented.name, model=model),
    }
    policies = {
        policy: configured(augmented.name, policy=policy, model=model) for policy in POLICIES
    }
    count = pools.in_parallel()
    spawn = multiprocessing.get_context("spawn")
    # Started so, they import nothing that starts TensorFlow with its notes.
    single = [
        ProcessPoolExecutor(1, spawn, backend.start_tensorflow, (True,)) for _ in range(count)
    ]
    try:
        tried = _part(dataset, min(TRIED, len(dataset.x_train)))
        single[0].submit(_begin, {PLAIN: variants[PLAIN]}, tried, loaded).result()
        images, seconds = _in_workers(single[:1], PLAIN)
        share = images / len(tried.x_train)
        part = _part(
            dataset, round(max(len(tried.x_train), EPOCH_SECONDS * images / seconds / share))
        )
        for number, pool in enumerate(single):
            own = variants | policies if number == 0 else variants
            pool.submit(_begin, own, part, loaded).result()
        trainers = {name: _trainer(variant, part, loaded) for name, variant in variants.items()}
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
        yield {
            EPOCH: methods,
            AUGMENTED_EPOCH: {
                name: partial(_in_workers, single[:1], name) for name in (PLAIN, *POLICIES)
            },
        }
    finally:
        for pool in single:
            pool.shutdown()


def _part(dataset: Dataset, count: int) -> Dataset:
    """So many of the training images, or all, from all of the dataset."""
    total = len(dataset.x_train)
    chosen = np.linspace(0, total - 1, min(count, total)).round().astype(int)
    return replace(dataset, x_train=dataset.x_train[chosen], y_train=dataset.y_train[chosen])


class _Worker:
    """What a process trains. Variants that learn from the same kind of label share a trainer."""

    def __init__(self, variants: dict[str, Variant], dataset: Dataset, loaded: Model) -> None:
        self._dataset, self._loaded = dataset, loaded
        self._variants = {
            name: (variant, variant.settings(dataset.side, dataset.fill))
            for name, variant in variants.items()
        }
        self._trainers: dict[tuple[bool, float], Trainer] = {}

    def trainer(self, name: str) -> Trainer:
        variant, settings = self._variants[name]
        kind = learning(settings)
        if kind not in self._trainers:
            self._trainers[kind] = _trainer(variant, self._dataset, self._loaded)
        self._trainers[kind].take(variant, settings)
        return self._trainers[kind]


_worker: _Worker  # of such a process


def _begin(variants: dict[str, Variant], dataset: Dataset, loaded: Model) -> None:
    """Make a process with TensorFlow on one thread one that trains as workers do."""
    global _worker
    _worker = _Worker(variants, dataset, loaded)


def _trainer(variant: Variant, dataset: Dataset, loaded: Model) -> Trainer:
    settings = variant.settings(dataset.side, dataset.fill)
    return Trainer(variant, dataset, settings, loaded.architecture)


def _epoch_here(name: str) -> tuple[int, float]:
    if name == STOCK:
        return _stock_epoch(_worker.trainer(PLAIN))
    return _epoch(_worker.trainer(name))


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
    """Keras as it is used most: `model.fit` on arrays with `validation_split`.

    A new model is built each time, as `fit` would go on with the weights of the one before; what
    that takes, and compiling, is over before the clock's first epoch ends.
    """
    clock, dataset, variant = _Clock(), trainer.dataset, trainer.variant
    model = trainer.initial(0)
    model.fit(
        dataset.x_train.astype(np.float32) / 255,
        dataset.y_train,
        batch_size=variant.batch_size,
        epochs=3,  # it takes long
        verbose=0,
        validation_split=variant.validation_split,
        callbacks=[clock],
    )
    return len(trainer.train[0]), clock.seconds()
