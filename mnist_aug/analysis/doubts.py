"""Doubts: how probable it is that a network's answer is wrong, learned on validation images.

A network's own probability says too little: it is too high where training went on for long (Guo et
al. 2017), and on images unlike any that it was trained on. So its temperature is fitted first, and
then a logistic regression of "the answer is wrong" on three things: the calibrated probability, the
share of runs that disagree (Lakshminarayanan et al. 2017), and the distance to the nearest training
images of the class answered (as Jiang et al. 2018 and Sun et al. 2022 use it). What it is fitted
on are validation images and corrupted copies of them, as networks are seldom wrong on what they
know. A page in a browser does the same.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mnist_aug.analysis.metrics import at_temperature, temperature

SIDE = 8  # pixels of a thumbnail
PER_CLASS = 100  # training images that distances are measured to
NEAREST = 3
FAR = 0.999  # of validation images are nearer to their class
DOUBTFUL = 0.1  # a doubt that is said
LEAST, MOST = 1e-6, 1 - 1e-6  # probabilities whose odds are taken
DECIMALS = 4  # of what is fitted: the last ones depend on the processor
BATCH_VALUES = 2**24  # of images averaged at once: 64 MiB of float32


@dataclass(frozen=True)
class Known:
    """Training images that distances are measured to.

    Attributes:
        thumbnails: uint8 `[M, h, w]`, or `[M, h, w, 3]`.
        labels: int `[M]`.
        far: the distance to the images of its own class that `FAR` of validation images stay below.
    """

    thumbnails: np.ndarray
    labels: np.ndarray
    far: float

    def arrays(self) -> dict[str, np.ndarray]:
        return {
            "thumbnails": self.thumbnails,
            "labels": self.labels,
            "far": np.array(self.far),
        }

    def distances(self, images: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """The mean distance of each image to the nearest known ones of its class, float `[N]`.

        Distances are Euclidean, between thumbnails with values in [0, 1]; the largest that there
        can be for a class of which there is none.

        Args:
            images: uint8 `[N, H, W]`, or `[N, H, W, 3]`.
            classes: int `[N]`.
        """
        small = _flat(thumbnails(images))
        found = np.full(len(small), 255 * np.sqrt(small.shape[1]))
        for one in np.unique(classes):
            known, chosen = _flat(self.thumbnails[self.labels == one]), classes == one
            if len(known):
                squares = (known**2).sum(1) - 2 * small[chosen] @ known.T  # of whole numbers
                squares += (small[chosen] ** 2).sum(1)[:, None]
                found[chosen] = np.sqrt(np.sort(squares, axis=1)[:, :NEAREST]).mean(1)
        return found / 255


@dataclass(frozen=True)
class Judge:
    """Judges the answers of the runs of one variant.

    Attributes:
        known: the training images.
        temperature: of the mean over runs.
        coefficients: of the log-odds of being wrong: constant, by the log-odds of the calibrated
            probability's complement, by the share of runs that disagree, by the distance.
    """

    known: Known
    temperature: float
    coefficients: tuple[float, float, float, float]

    def judged(
        self, probabilities: np.ndarray, images: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Calibrated probabilities, doubts and distances.

        Args:
            probabilities: float `[R, N, K]` of R runs.
            images: uint8 `[N, H, W]`, or `[N, H, W, 3]`, as the networks saw them.

        Returns:
            float `[N, K]`; the probability that the most probable class is wrong, float `[N]` in
            [0, 1]; and the distance to the known images of that class, float `[N]`.
        """
        mean = calibrated(probabilities.mean(axis=0), self.temperature)
        distances = self.known.distances(images, mean.argmax(1))
        odds = _features(mean, probabilities, distances) @ np.array(self.coefficients)
        return mean, (1 + np.tanh(odds / 2)) / 2, distances

    def reasons(self, doubt: float, distance: float, name: str) -> tuple[str, ...]:
        """What is to be said of an answer, in words; nothing if it isn't doubtful.

        Args:
            doubt, distance: as `judged` gives them.
            name: of the class answered.
        """
        said = []
        if doubt >= DOUBTFUL:
            said.append(f"about {100 * doubt:.0f} % of such answers are wrong")
        if distance > self.known.far:
            said.append(f"it is unlike all training images of {name}, and may be something else")
        return tuple(said)

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        """What `load` reads under a name, to be stored with `Known.arrays`."""
        return {
            f"{name}_temperature": np.array(self.temperature),
            f"{name}_coefficients": np.array(self.coefficients),
        }

    @classmethod
    def load(cls, stored: Mapping[str, np.ndarray], name: str) -> "Judge | None":
        """The judge stored under a name, or None."""
        if f"{name}_coefficients" not in stored:
            return None
        known = Known(stored["thumbnails"], stored["labels"], float(stored["far"]))
        constant, odds, disagreement, distance = stored[f"{name}_coefficients"].tolist()
        temperature = float(stored[f"{name}_temperature"])
        return cls(known, temperature, (constant, odds, disagreement, distance))


def known(
    images: np.ndarray,
    labels: np.ndarray,
    validation_images: np.ndarray,
    validation_labels: np.ndarray,
) -> Known:
    """The first training images of each class, `PER_CLASS` at most, and what is far from them.

    Args:
        images, validation_images: uint8 `[N, H, W]`, or `[N, H, W, 3]`.
        labels, validation_labels: int `[N]`.
    """
    chosen = [np.flatnonzero(labels == one)[:PER_CLASS] for one in np.unique(labels)]
    index = np.sort(np.concatenate(chosen))
    found = Known(thumbnails(images[index]), labels[index].astype(np.int32), 0)
    distances = found.distances(validation_images, validation_labels)
    return replace(found, far=float(np.quantile(distances, FAR, method="lower")))


def fitted(known: Known, sets: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Judge | None:
    """A judge of the runs whose predictions are given, or None if one of them diverged.

    Where they are always right or always wrong, doubt is the calibrated probability's complement.

    Args:
        known: the training images.
        sets: of each set of images: images as `Judge.judged` takes them, or their thumbnails,
            which give the same; their labels int `[N]`; and the predictions float `[R, N, K]`. The
            first are validation images as they are, which fit the temperature; others are changed
            copies.
    """
    from sklearn.linear_model import LogisticRegression

    if not all(np.isfinite(probabilities).all() for _, _, probabilities in sets):
        return None
    _, labels, clean = sets[0]
    heat = temperature(labels, _logarithms(clean.mean(axis=0)))
    features, wrong = [], []
    for images, labels, probabilities in sets:
        mean = calibrated(probabilities.mean(axis=0), heat)
        answers = mean.argmax(1)
        features.append(_features(mean, probabilities, known.distances(images, answers)))
        wrong.append(answers != labels)
    every, target = np.concatenate(features), np.concatenate(wrong)
    if len({*target.tolist()}) < 2:
        return Judge(known, heat, (0.0, 1.0, 0.0, 0.0))
    found = LogisticRegression(C=100, fit_intercept=False, max_iter=1000, tol=1e-8)
    found.fit(every, target)
    constant, odds, disagreement, distance = found.coef_[0].round(DECIMALS).tolist()
    return Judge(known, heat, (constant, odds, disagreement, distance))


def _features(mean: np.ndarray, probabilities: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """float `[N, 4]`, in the order of `Judge.coefficients`."""
    wrong = (1 - mean.max(axis=1)).clip(LEAST, MOST)
    disagreeing = (probabilities.argmax(axis=2) != mean.argmax(axis=1)).mean(axis=0)
    return np.stack([np.ones(len(mean)), np.log(wrong / (1 - wrong)), disagreeing, distances], 1)


def calibrated(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities float `[N, K]` at a temperature."""
    return at_temperature(_logarithms(probabilities), temperature)


def _logarithms(probabilities: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.log(probabilities.astype(float).clip(1e-12))
    return found


def thumbnails(images: np.ndarray) -> np.ndarray:
    """Images averaged to at most `SIDE` pixels a side, uint8 `[N, h, w]`, or `[N, h, w, 3]`.

    Args:
        images: uint8 `[N, H, W]`, or `[N, H, W, 3]`.
    """
    height, width = images.shape[1:3]
    down, across = (_covered(side, min(side, SIDE)) for side in (height, width))
    size = max(1, BATCH_VALUES // math.prod(images.shape[1:]))
    parts = []
    for start in range(0, max(1, len(images)), size):
        batch = images[start : start + size].astype(np.float32)
        sums = np.einsum("ih,nhw...,jw->nij...", down, batch, across, optimize=True)
        parts.append(np.rint(sums.astype(float) / (height * width)).astype(np.uint8))
    return np.concatenate(parts)


def _covered(length: int, to: int) -> np.ndarray:
    """How much of each input pixel every output pixel covers, in parts of 1 / `to`.

    float32 `[to, length]` of whole numbers, in which sums over images of up to 256 pixels a side
    are exact, and so the same on every processor.
    """
    ends = np.arange(to + 1)[:, None] * length
    covered = (ends - to * np.arange(length)).clip(0, to)
    return np.diff(covered, axis=0).astype(np.float32)


def _flat(small: np.ndarray) -> np.ndarray:
    return small.reshape(len(small), math.prod(small.shape[1:])).astype(float)
