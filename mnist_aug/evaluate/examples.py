"""The few images a report shows, chosen by rule; evaluation keeps them in `samples.npz`.

A report is made from the results folder alone, so evaluation, which has the dataset at hand,
stores them. Nothing is chosen by eye: the first image of a class, or the largest
difference between baseline and augmented.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from mnist_aug.augment import named, policy
from mnist_aug.augment.policy import Fill, Policy
from mnist_aug.augment.vectorize import vectorize
from mnist_aug.data.corruptions import CORRUPTIONS, corrupt
from mnist_aug.data.dataset import Dataset
from mnist_aug.results.runs import BOTH, VariantResults

CLASSES = 10  # at most so many classes are shown
VERSIONS = 8  # augmented versions of each original
WHOLE = "all"  # parts of the policy at once
CHANGED = 10  # at most so many test images that augmentation fixed, and that it broke
FACTORS = tuple(sorted({0.0, 1.0, *named.STRENGTHS}))  # of the magnitudes, in the strength study
GROUPS = ("original", "test", "fixed", "broken")


def first_of_each(labels: np.ndarray) -> np.ndarray:
    """int [min(K, 10)], the index of the first image of each class in order of class."""
    classes, first = np.unique(labels, return_index=True)
    return first[np.argsort(classes)][:CLASSES]


def gains(first: VariantResults, second: VariantResults) -> np.ndarray:
    """float [N], the share of seeds that classify a test image correctly, second minus first."""
    return second.correct.mean(axis=0) - first.correct.mean(axis=0)


def most_changed(gain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the test images that augmentation fixed most, and broke most; ties by index."""
    order = np.lexsort((np.arange(len(gain)), -gain))
    fixed = [i for i in order if gain[i] > 0][:CHANGED]
    order = np.lexsort((np.arange(len(gain)), gain))
    broken = [i for i in order if gain[i] < 0][:CHANGED]
    return np.array(fixed, int), np.array(broken, int)


def choose(
    variants: Mapping[str, VariantResults], dataset: Dataset, augment: Callable | None
) -> dict[str, np.ndarray]:
    """The images to show.

    Args:
        variants: those evaluated; unless both are there, no images are fixed or broken.
        dataset: has x_train and x_test, uint8 [N, H, W], or [N, H, W, 3] where those below have
            three channels, too; y_train and y_test, int [N].
        augment: called as `augment(images, (seed, epoch, positions))` with images uint8
            [K, H, W] and positions int [K], their indices in x_train; gives uint8 [K, H, W].
            None when no variant augments.

    Returns:
        `<group>_index` int [M], `<group>_images` uint8 [M, H, W] and `<group>_labels` int [M] for
        each group in `GROUPS`; `augmented` uint8 [M, 8 or 0, H, W] of `original`; `corrupted` uint8
        [F, M, H, W] of `test`, by the types in `corruptions` str [F].
    """
    y_train, y_test = np.asarray(dataset.y_train), np.asarray(dataset.y_test)
    chosen = {
        "original": first_of_each(y_train),
        "test": first_of_each(y_test),
        "fixed": np.empty(0, int),
        "broken": np.empty(0, int),
    }
    if all(name in variants for name in BOTH):
        first, second = (variants[name] for name in BOTH)
        shared = [seed for seed in first.seeds if seed in second.seeds]
        if shared:
            chosen["fixed"], chosen["broken"] = most_changed(
                gains(first.only(shared), second.only(shared))
            )
    arrays: dict[str, np.ndarray] = {}
    for group, index in chosen.items():
        images, labels = (
            (dataset.x_train, y_train) if group == "original" else (dataset.x_test, y_test)
        )
        arrays |= {
            f"{group}_index": index,
            f"{group}_images": images[index],
            f"{group}_labels": labels[index].astype(int),
        }
    originals, index = arrays["original_images"], arrays["original_index"]
    versions = (
        [augment(originals, (0, epoch, index)) for epoch in range(VERSIONS)]
        if augment is not None
        else []
    )
    arrays["augmented"] = (
        np.stack(versions, axis=1).astype(np.uint8)
        if versions
        else np.empty((len(index), 0, *originals.shape[1:]), np.uint8)
    )
    arrays["corruptions"] = np.array(list(CORRUPTIONS))
    arrays["corrupted"] = np.stack(
        [corrupt(arrays["test_images"], one, dataset.fill) for one in CORRUPTIONS]
    )
    return arrays


def at_strengths(
    own: Policy, images: np.ndarray, positions: np.ndarray, side: int, fill: Fill
) -> dict[str, np.ndarray]:
    """Images by the default policy with all magnitudes times each factor, and by its parts alone.

    What is drawn depends on no magnitude, so an image moves on as the factor grows. The parts are
    those of the ablation, and the policy as a whole is the last. They are done to one image: that
    which the whole policy changes most at the largest factor, by its mean over the epochs 0 to 7.
    Each is shown by what it draws in one of these epochs: that in which it changes the image most.

    Args:
        own: the policy of augmented; nothing is made of another than the default one, which the
            studies of strength and ablation are about.
        images: uint8 [M, H, W] or [M, H, W, 3].
        positions: int [M], their indices in x_train.
        side, fill: as for `policy.load`.

    Returns:
        `strengths` float [F], from 0, no augmentation; `stronger` uint8 [F, M, H, W], the images in
        epoch 0 with seed 0; `transforms` str [T]; `grid` uint8 [T, F, H, W]; and `grid_of` int [],
        which of the images that is of. Nothing of another policy.
    """
    if policy.describe(own) != policy.describe(policy.load("default", side, fill)):
        return {}

    def made(factor: float, parts: Sequence[str], epoch: int, some: slice) -> np.ndarray:
        if not factor:
            return images[some]
        engine = vectorize(policy.fitted(named.default(factor, parts), side, fill))
        return engine(images[some], (0, epoch, positions[some]))

    def changes(parts: Sequence[str], some: slice) -> np.ndarray:
        """float [8, M], how much of each image is changed in each epoch."""
        before = images[some].astype(float)
        after = [made(FACTORS[-1], parts, epoch, some) for epoch in range(VERSIONS)]
        return np.stack([np.abs(one - before).reshape(len(before), -1).mean(1) for one in after])

    every = {**{part: [part] for part in named.PARTS}, WHOLE: named.PARTS}
    most = int(changes(named.PARTS, slice(None)).mean(0).argmax())
    one = slice(most, most + 1)
    epochs = {name: int(changes(parts, one)[:, 0].argmax()) for name, parts in every.items()}
    return {
        "strengths": np.array(FACTORS),
        "stronger": np.stack([made(f, named.PARTS, 0, slice(None)) for f in FACTORS]),
        "transforms": np.array([*every]),
        "grid": np.stack(
            [
                [made(factor, parts, epochs[name], one)[0] for factor in FACTORS]
                for name, parts in every.items()
            ]
        ),
        "grid_of": np.array(most),
    }
