"""The few images a report shows, chosen by rule; evaluation keeps them in `samples.npz`.

A report is made from the results folder alone, so evaluation, which has the dataset at hand,
stores them. Nothing is chosen by eye: the first image of a class, or the largest
difference between baseline and augmented.
"""

from collections.abc import Callable, Mapping

import numpy as np

from mnist_aug.data.corruptions import CORRUPTIONS, corrupt
from mnist_aug.data.dataset import Dataset
from mnist_aug.results.runs import BOTH, VariantResults

CLASSES = 10  # at most so many classes are shown
VERSIONS = 8  # augmented versions of each original
CHANGED = 10  # at most so many test images that augmentation fixed, and that it broke
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
