"""How fast the engine is next to albumentations: the same policy, image by image and in batches.

A measurement goes in rounds. In each, albumentations augments some images one at a time, and the
engine augments batches, one after the other, so that a drift of the machine's speed meets both; a
ratio is taken within a round. `tools/engine_tables.py` writes the results into docs/engine.md.
"""

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import albumentations as A
import cv2
import numpy as np

from mnist_aug.augment.batches import ImageByImageWarning
from mnist_aug.augment.vectorize import vectorize
from mnist_aug.data import dataset
from mnist_aug.errors import UserError
from mnist_aug.experiments import rivals
from tools.pipelines import ALL, Pipeline

SHAPES = ((28, 28), (32, 32, 3), (64, 64, 3))
BATCHES = (32, 1000)
POLICY = rivals.policy(rivals.BOTH).pipeline
_SLICE = 0.03  # seconds that a side is measured for at a time, at least


@dataclass(frozen=True)
class Comparison:
    """The time of one policy on images of one shape, in microseconds an image, round by round.

    Attributes:
        albumentations: float [rounds], image by image.
        engine: float [rounds] by size of the batch.
    """

    albumentations: np.ndarray
    engine: dict[int, np.ndarray]

    def ratios(self, batch: int) -> np.ndarray:
        """How many times as many images the engine does in the same time, float [rounds]."""
        return self.albumentations / self.engine[batch]


@dataclass(frozen=True)
class Measured:
    """One pipeline of the benchmark set, measured.

    Attributes:
        comparisons: by shape of the images; the message instead where the engine refuses it.
        image_by_image: what the engine leaves to albumentations, in its own words; or "".
    """

    pipeline: Pipeline
    comparisons: dict[tuple[int, ...], "Comparison | str"]
    image_by_image: str

    def medians(self) -> dict[tuple[tuple[int, ...], int], float]:
        """The median ratio by shape and batch, of the shapes that the engine takes."""
        return {
            (shape, batch): float(np.median(comparison.ratios(batch)))
            for shape, comparison in self.comparisons.items()
            if isinstance(comparison, Comparison)
            for batch in comparison.engine
        }


def images(count: int, shape: tuple[int, ...]) -> np.ndarray:
    """Images uint8 [count, *shape]: smoothed noise, and real digits in turn with it where grey."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (count, *shape), dtype=np.uint8)
    mixed = np.stack([cv2.GaussianBlur(image, (0, 0), 1) for image in noise])
    if len(shape) == 2:
        digits = dataset.load("mnist").x_train[: len(mixed[::2])]
        mixed[::2] = [cv2.resize(digit, shape[::-1]) for digit in digits]
    return mixed


def measure(
    pipelines: Sequence[Pipeline] = ALL,
    shapes: Sequence[tuple[int, ...]] = SHAPES,
    batches: Sequence[int] = BATCHES,
    seconds: float = 1.8,
) -> Iterator[Measured]:
    """Measure the pipelines, `seconds` for each shape.

    Raises:
        ValueError: a pipeline changes the images' shape or type.
    """
    sets = {shape: images(max(batches), shape) for shape in shapes}
    for pipeline in pipelines:
        comparisons: dict[tuple[int, ...], Comparison | str] = {}
        left_over = ""
        for shape, these in sets.items():
            if pipeline.colour and len(shape) == 2:
                continue
            policy = pipeline.policy(shape[0])
            try:
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter("always", ImageByImageWarning)
                    comparisons[shape] = compare(policy, these, batches, seconds)
            except UserError as error:
                comparisons[shape] = str(error)
            for warning in caught:
                if issubclass(warning.category, ImageByImageWarning):
                    left_over = str(warning.message).partition(": ")[2]
        yield Measured(pipeline, comparisons, left_over)


def compare(
    policy: A.Compose,
    images: np.ndarray,
    batches: Sequence[int] = BATCHES,
    seconds: float = 1.8,
    rounds: int = 5,
) -> Comparison:
    """Time a policy on images [N, H, W] or [N, H, W, C] by albumentations and by the engine.

    Args:
        batches: how many images the engine is given at once, each at most N.
        seconds, rounds: it goes on until there are so many rounds and so much time has passed.

    Raises:
        UserError: the engine refuses the policy.
        ValueError: a side changes the images' shape or type.
    """
    engine = vectorize(policy)
    engine.check(images.shape[1:], images.dtype)
    position = 0

    def theirs(count: int) -> None:
        nonlocal position
        for index in range(position, position + count):
            policy(image=images[index % len(images)])["image"]
        position += count

    def ours(batch: int, calls: int) -> None:
        nonlocal position
        for _ in range(calls):
            engine(images[:batch], (0, 0, position))
            position += batch

    for batch in batches:  # which compiles, too, what is compiled when it is first needed
        _same_kind(images[:batch], engine(images[:batch], (0, 0, 0)))
    _same_kind(images[:50], np.stack([policy(image=image)["image"] for image in images[:50]]))

    count = _enough(partial(theirs, 100), 100)
    calls = {batch: -(-_enough(partial(ours, batch, 1), batch) // batch) for batch in batches}
    threads = _faster_threads(partial(theirs, count // 2))
    default = cv2.getNumThreads()
    times: dict[int, list[float]] = {batch: [] for batch in (0, *batches)}
    end = time.perf_counter() + seconds
    while len(times[0]) < rounds or time.perf_counter() < end:
        cv2.setNumThreads(threads)
        times[0].append(_seconds(partial(theirs, count)) / count)
        cv2.setNumThreads(default)
        for batch in batches:
            taken = _seconds(partial(ours, batch, calls[batch]))
            times[batch].append(taken / (batch * calls[batch]))
    micro = {batch: 1e6 * np.array(each) for batch, each in times.items()}
    return Comparison(micro.pop(0), micro)


def _same_kind(given: np.ndarray, made: np.ndarray) -> None:
    if made.shape != given.shape or made.dtype != given.dtype:
        raise ValueError(f"{made.dtype}{made.shape} was made of {given.dtype}{given.shape}")


def _seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _enough(work: Callable[[], None], count: int) -> int:
    """How many images to do at a time, where `work` does `count` of them: for `_SLICE` or more."""
    return max(count, round(count * _SLICE / min(_seconds(work) for _ in range(2))))


def _faster_threads(work: Callable[[], None]) -> int:
    """The number of OpenCV's threads, its default or 1, with which `work` is faster.

    albumentations is measured with the better one; the engine as it comes.
    """
    default = cv2.getNumThreads()
    least = dict.fromkeys((default, 1), np.inf)
    for _ in range(3):
        for threads in least:
            cv2.setNumThreads(threads)
            least[threads] = min(least[threads], _seconds(work))
    cv2.setNumThreads(default)
    return min(least, key=lambda threads: least[threads])
