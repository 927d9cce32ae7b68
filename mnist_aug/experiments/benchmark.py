"""What training and augmentation cost, measured side by side on the same machine and images.

Every repeat measures each method once, in turn, so that a drift of the machine's speed meets all
of them; ratios are taken within a repeat. A first round warms up and is not counted.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mnist_aug import backend, provenance
from mnist_aug.analysis.benchmark import PACKAGE
from mnist_aug.data.dataset import Dataset
from mnist_aug.errors import UserError
from mnist_aug.experiments import rivals, training_rivals
from mnist_aug.experiments.training_rivals import Epoch, Task
from mnist_aug.results import extras, files
from mnist_aug.train import model_source, pools
from mnist_aug.train.variant import Variant, augmented, baseline, configured, learning

if TYPE_CHECKING:
    from mnist_aug.train.trainer import Trainer

ONE_CORE = "training on one core"
IN_PARALLEL = "training, {} runs in parallel"  # a core each
ALL_CORES = "training on all cores"
EPOCH = "plain and augmented epoch"
AUGMENTED_EPOCH = "augmented epoch against a plain one"
PLAIN = "plain"
POLICIES = (
    *("default", "mixup:0.2", "cutmix", "augmix", "augmix-jsd", "autoaugment-svhn", "rand-m6-n2"),
    *("trivialaugment", "cutout", "random-erasing", "label-smoothing:0.1"),
)
POLICY_REPEATS = 3  # at most, of an epoch with each of these
EPOCH_SECONDS = 2.0  # that a plain epoch takes about, or less: of images there are so many
TRIED = 2000  # images to find that out with
EPOCHS = 3  # of a measurement, for one in the middle
VERSIONS = ("jax", "jaxlib", "kornia", "torch", "torchvision")  # to be stated, where installed
SPAWN = multiprocessing.get_context("spawn")  # TensorFlow doesn't survive a fork

Timed = Callable[[], tuple[int, float]]  # measures: gives images, and seconds for them


def measure(
    dataset: Dataset, results: Path, repeats: int = 7, model: str | None = None
) -> pd.DataFrame:
    """Time epochs, and augmentation by each library; write `bench.csv` and `bench.json`.

    Args:
        model: what is trained, as for `model_source.load`; `dense` if None. Other libraries train
            only that one.

    Returns:
        A row for each measurement: `benchmark`, `method`, `against` (the method whose time the
        ratio refers to), `repeat`, `images`, `seconds`; and, of libraries that augment, `draws`:
        what is drawn for each image or once for a batch, and what else the library does otherwise.
        Of runs in parallel, the images are those of all, and the seconds are the mean of an epoch.

    Raises:
        UserError: the dataset or the model is unfit, the results can't be written, or a process
            ended early.
    """
    loaded = model_source.load(model or baseline.model, dataset.image_shape, dataset.classes)
    files.check_writable(Path(results))
    task = Task(dataset, configured(baseline.name, model=model), loaded)
    left_out = _left_out(task)
    rows: list[tuple] = []
    try:
        task = replace(task, dataset=_part_of_a_second(task))
        for started in (_one_core_each, _all_cores, _augmented):
            with started(task) as benchmarks:
                for benchmark, methods in benchmarks.items():
                    few = benchmark == AUGMENTED_EPOCH
                    rows += _repeated(
                        benchmark, methods, min(repeats, POLICY_REPEATS) if few else repeats
                    )
                    print(_summary(rows, benchmark), flush=True)
    except BrokenProcessPool:
        raise UserError(
            "a process of the benchmark was ended from outside, perhaps for want of memory"
        ) from None
    some = slice(rivals.COUNT)
    images, labels = dataset.x_train[some], dataset.y_train[some]
    for work, libraries in rivals.measure(images, labels, [_allowed()[:1]], repeats):
        rows += [
            (work, library, rivals.ENGINE, repeat, timed.images, round(seconds, 6))
            for library, timed in libraries.items()
            for repeat, seconds in enumerate(timed.seconds)
        ]
        print(_summary(rows, work), flush=True)
    table = pd.DataFrame(
        rows, columns=["benchmark", "method", "against", "repeat", "images", "seconds"]
    )
    table["draws"] = [
        rivals.draws(work, method) if work in rivals.TASKS else None
        for work, method in zip(table["benchmark"], table["method"], strict=True)
    ]
    host = {
        "dataset": dataset.name,
        "dataset_sha256": dataset.sha256,
        "model": loaded.described,
        "left_out": left_out,
        "started": provenance.now(),
        **provenance.describe(),
    }
    host["versions"] |= _versions()
    extras.write_benchmark(results, host, table)
    return table


def _left_out(task: Task) -> list[str]:
    """What rivals lack, which is said."""
    lacking = sorted({*training_rivals.missing(task), *rivals.missing()})
    if packages := [name for name in lacking if name != training_rivals.COMPILER]:
        print(
            f"Not installed, and so left out: {', '.join(packages)}. "
            "pip install '.[bench]' in the checkout brings them."
        )
    if training_rivals.COMPILER in lacking:
        print("torch.compile is left out: it needs a C++ compiler (g++) and Python's headers.")
    return lacking


def _versions() -> dict[str, str]:
    found = {}
    for package in VERSIONS:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _repeated(benchmark: str, methods: dict[str, Timed], repeats: int) -> list[tuple]:
    """A row for each measurement but those of the first round."""
    against = next(iter(methods))
    rows = []
    for repeat in range(-1, repeats):
        for method, timed in methods.items():
            images, seconds = timed()
            if repeat >= 0:
                rows.append((benchmark, method, against, repeat, images, round(seconds, 6)))
    return rows


def _summary(rows: list[tuple], benchmark: str) -> str:
    """A line for each method: seconds, images per second, and time relative to the first method."""
    times: dict[str, list[tuple[float, float]]] = {}
    for name, method, _, _, images, seconds in rows:
        if name == benchmark:
            times.setdefault(method, []).append((seconds, seconds / images))
    against = next(iter(times))
    first = np.array(times[against])[:, 1]
    lines = [f"{benchmark}; in the last column, time relative to {against}"]
    for method, measured in times.items():
        seconds, each = np.array(measured).T
        relative = each / first
        lines.append(
            f"  {method:44} {np.median(seconds):8.4f} s {1 / np.median(each):12,.0f} images/s   "
            f"{np.median(relative):7.2f}x ({relative.min():.2f} to {relative.max():.2f})"
        )
    return "\n".join(lines)


# An epoch of training -----------------------------------------------------------------------------


def _part_of_a_second(task: Task) -> Dataset:
    """So many of the training images, or all, that a plain epoch takes about `EPOCH_SECONDS`."""
    tried = replace(task, dataset=_part(task.dataset, TRIED))
    with _processes([PACKAGE], tried, [_allowed()[:1]]) as started:
        _, seconds = _epoch(started[PACKAGE], tried)
    return _part(task.dataset, round(TRIED * max(1, EPOCH_SECONDS / seconds)))


def _part(dataset: Dataset, count: int) -> Dataset:
    """So many of the training images, or all, from all of the dataset."""
    total = len(dataset.x_train)
    chosen = np.linspace(0, total - 1, min(count, total)).round().astype(int)
    return replace(dataset, x_train=dataset.x_train[chosen], y_train=dataset.y_train[chosen])


@contextmanager
def _one_core_each(task: Task) -> Iterator[dict[str, dict[str, Timed]]]:
    """Each method in one process, and in as many at the same time as there are cores."""
    names = training_rivals.names(task)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    cores = _allowed()[: max(1, min(pools.in_parallel(), int(memory / pools.MEMORY / len(names))))]
    with _processes(names, task, [[core] for core in cores]) as started:
        found: dict[str, dict[str, Timed]] = {
            ONE_CORE: {name: partial(_epoch, every[:1], task) for name, every in started.items()}
        }
        if len(cores) > 1:
            found[IN_PARALLEL.format(len(cores))] = {
                name: partial(_epoch, every, task) for name, every in started.items()
            }
        yield found


@contextmanager
def _all_cores(task: Task) -> Iterator[dict[str, dict[str, Timed]]]:
    """Each method in a process that may use all cores; nothing where there is one."""
    cores, names = _allowed(), training_rivals.names(task)
    with _processes(names if len(cores) > 1 else [], task, [cores]) as started:
        methods: dict[str, Timed] = {
            name: partial(_epoch, every, task) for name, every in started.items()
        }
        yield {ALL_CORES: methods} if methods else {}


def _allowed() -> list[int]:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return [*range(provenance.cores())]


@contextmanager
def _processes(
    names: Sequence[str], task: Task, groups: Sequence[Sequence[int]]
) -> Iterator[dict[str, list[ProcessPoolExecutor]]]:
    """A process for each method and each group of cores, ready to train."""
    started: dict[str, list[ProcessPoolExecutor]] = {}
    begun = []
    with ExitStack() as stack:
        for name in names:
            for cores in groups:
                pool = stack.enter_context(ProcessPoolExecutor(1, SPAWN))
                started.setdefault(name, []).append(pool)
                with rivals.on_cores(cores):  # the call starts the process
                    begun.append(pool.submit(training_rivals.begin, name, task, len(cores)))
        for future in begun:
            future.result()
        yield started


def _epoch(workers: Sequence[ProcessPoolExecutor], task: Task) -> tuple[int, float]:
    """The images of all together, and the seconds that an epoch took each of them."""
    futures = [worker.submit(training_rivals.train, EPOCHS) for worker in workers]
    return task.count * len(workers), _of_one([future.result() for future in futures])


def _of_one(runs: Sequence[Sequence[Epoch]]) -> float:
    """Mean seconds of an epoch in the middle of runs in parallel.

    In the first a run starts up, and in the last others may be done.
    """
    return float(np.mean([epoch.seconds for epochs in runs for epoch in epochs[1:-1]]))


# An augmented epoch -------------------------------------------------------------------------------


@contextmanager
def _augmented(task: Task) -> Iterator[dict[str, dict[str, Timed]]]:
    """Epochs of this package with and without augmentation, wherever the system runs them."""
    model = task.variant.model
    variants = {PLAIN: task.variant, augmented.name: configured(augmented.name, model=model)}
    policies = {
        policy: configured(augmented.name, policy=policy, model=model) for policy in POLICIES
    }
    count = pools.in_parallel()
    with ExitStack() as stack:
        *single, whole = (
            # Started so, they import nothing that starts TensorFlow with its notes.
            stack.enter_context(
                ProcessPoolExecutor(1, SPAWN, backend.start_tensorflow, (number < count,))
            )
            for number in range(count + 1)
        )
        for pool in (*single, whole):
            own = variants | policies if pool is single[0] else variants
            pool.submit(_begin, own, task).result()
        methods: dict[str, Timed] = {}
        for name in variants:
            methods |= {
                name: partial(_own_epoch, single[:1], task, name),
                f"{name}, {count} runs in parallel": partial(_own_epoch, single, task, name),
                f"{name}, one run on all cores": partial(_own_epoch, [whole], task, name),
            }
        yield {
            EPOCH: methods,
            AUGMENTED_EPOCH: {
                name: partial(_own_epoch, single[:1], task, name) for name in (PLAIN, *POLICIES)
            },
        }


class _Worker:
    """What a process trains. Variants that learn from the same kind of label share a trainer."""

    def __init__(self, variants: dict[str, Variant], task: Task) -> None:
        self._task = task
        dataset = task.dataset
        self._variants = {
            name: (variant, variant.settings(dataset.side, dataset.fill))
            for name, variant in variants.items()
        }
        self._trainers: dict[tuple[bool, float], Trainer] = {}

    def trainer(self, name: str) -> "Trainer":
        from mnist_aug.train.trainer import Trainer  # in a process that has started TensorFlow

        variant, settings = self._variants[name]
        kind = learning(settings)
        if kind not in self._trainers:
            self._trainers[kind] = Trainer(
                variant, self._task.dataset, settings, self._task.model.architecture
            )
        self._trainers[kind].take(variant, settings)
        return self._trainers[kind]


_worker: _Worker  # of such a process


def _begin(variants: dict[str, Variant], task: Task) -> None:
    """Make a process with TensorFlow one that trains as workers do."""
    global _worker
    _worker = _Worker(variants, task)


def _train(name: str) -> list[Epoch]:
    return training_rivals.of_trainer(_worker.trainer(name))(EPOCHS)


def _own_epoch(workers: Sequence[ProcessPoolExecutor], task: Task, name: str) -> tuple[int, float]:
    futures = [worker.submit(_train, name) for worker in workers]
    return task.count * len(workers), _of_one([future.result() for future in futures])
