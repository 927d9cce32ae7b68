"""The few images a report shows, chosen by rule and kept in `samples.npz`.

A report is made from the results folder alone, so evaluation, which has the dataset at hand,
stores the images here. Nothing is chosen by eye: the first image of a class, or the largest
difference between the arms.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from mnist_aug.analysis.comparison import ARMS, Study, Variant, read_variants
from mnist_aug.data.corruptions import FAMILIES, corrupt
from mnist_aug.errors import UserError
from mnist_aug.results import runs as run
from mnist_aug.results.files import read_npz

FILE = "samples.npz"
CLASSES = 10  # at most so many classes are shown
VERSIONS = 8  # augmented versions of each original
CHANGED = 10  # at most so many test images that augmentation fixed, and that it broke
GROUPS = ("original", "test", "fixed", "broken")


def first_of_each(labels: np.ndarray) -> np.ndarray:
    """int [min(K, 10)], the index of the first image of each class in order of class."""
    classes, first = np.unique(labels, return_index=True)
    return first[np.argsort(classes)][:CLASSES]


def gains(study_arms: tuple[Variant, Variant]) -> np.ndarray:
    """float [N], the share of seeds that read a test image right, augmented minus baseline."""
    first, second = study_arms
    return second.correct.mean(axis=0) - first.correct.mean(axis=0)


def most_changed(gain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the test images that augmentation fixed most, and broke most; ties by index."""
    order = np.lexsort((np.arange(len(gain)), -gain))
    fixed = [i for i in order if gain[i] > 0][:CHANGED]
    order = np.lexsort((np.arange(len(gain)), gain))
    broken = [i for i in order if gain[i] < 0][:CHANGED]
    return np.array(fixed, int), np.array(broken, int)


def save(results: Path, dataset, augment: Callable | None) -> None:
    """Choose the images and write `samples.npz` into the results folder, the same bytes each time.

    Call it when predictions exist. With one arm evaluated there are no fixed and broken images.

    Args:
        results: the results folder.
        dataset: has x_train and x_test, uint8 [N, H, W], y_train and y_test, int [N].
        augment: called as `augment(images, (seed, epoch, positions))` with images uint8
            [K, H, W] and positions int [K], their indices in x_train; gives uint8 [K, H, W].
            None when no arm augments.

    Raises:
        UserError: the place can't be written to.
    """
    y_train, y_test = np.asarray(dataset.y_train), np.asarray(dataset.y_test)
    chosen = {
        "original": first_of_each(y_train),
        "test": first_of_each(y_test),
        "fixed": np.empty(0, int),
        "broken": np.empty(0, int),
    }
    variants = read_variants(results)
    if all(arm in variants for arm in ARMS):
        first, second = (variants[arm] for arm in ARMS)
        shared = [seed for seed in first.seeds if seed in second.seeds]
        if shared:
            chosen["fixed"], chosen["broken"] = most_changed(
                gains((first.only(shared), second.only(shared)))
            )
    arrays = {}
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
    arrays["families"] = np.array(list(FAMILIES))
    arrays["corrupted"] = np.stack([corrupt(arrays["test_images"], family) for family in FAMILIES])
    run.write_npz(Path(results) / FILE, arrays)


def load(results: Path, study: Study) -> dict[str, np.ndarray] | None:
    """The arrays that `save` wrote, or None when there is no such file.

    Keys are `<group>_index` int [M], `<group>_images` uint8 [M, H, W] and `<group>_labels`
    int [M] for each group in `GROUPS`, `augmented` uint8 [M, 8 or 0, H, W] of `original`, and
    `corrupted` uint8 [F, M, H, W] of `test`, by the corruptions `families` str [F].

    Raises:
        UserError: the file is damaged, or was chosen from other predictions than the study's.
    """
    path = Path(results) / FILE
    if not path.exists():
        return None
    names = [f"{group}_{part}" for group in GROUPS for part in ("index", "images", "labels")]
    samples = read_npz(path, [*names, "augmented", "families", "corrupted"])
    if not _whole(samples):
        raise UserError(f"{path} is damaged: run `make evaluate` again")
    fixed, broken = most_changed(gains(study.arms))
    shape = tuple(study.dataset["image_shape"])
    same = (
        np.array_equal(samples["fixed_index"], fixed)
        and np.array_equal(samples["broken_index"], broken)
        and all(samples[f"{group}_images"].shape[1:] == shape for group in GROUPS)
        and all(
            samples[f"{group}_index"].max(initial=0) < len(study.labels)
            for group in ("test", "fixed", "broken")
        )
        and all(
            np.array_equal(samples[f"{group}_labels"], study.labels[samples[f"{group}_index"]])
            for group in ("test", "fixed", "broken")
        )
    )
    if not same:
        raise UserError(
            f"{path} was chosen from other predictions than those beside it: "
            "run `make evaluate` again"
        )
    return samples


def _whole(samples: dict[str, np.ndarray]) -> bool:
    """Whether the arrays are of the kinds and shapes that `load` tells."""
    for group in GROUPS:
        index, images, labels = (
            samples[f"{group}_{part}"] for part in ("index", "images", "labels")
        )
        if (
            index.dtype.kind not in "iu"
            or labels.dtype.kind not in "iu"
            or index.ndim != 1
            or (
                images.dtype != np.uint8
                or images.ndim != 3
                or len(images) != len(index)
                or labels.shape != index.shape
                or (index < 0).any()
            )
        ):
            return False
    families, augmented, corrupted = (
        samples[name] for name in ("families", "augmented", "corrupted")
    )
    original, test = samples["original_images"].shape, samples["test_images"].shape
    return (
        families.dtype.kind == "U"
        and families.ndim == 1
        and original[0] > 0
        and test[0] > 0
        and augmented.dtype == corrupted.dtype == np.uint8
        and augmented.ndim == 4
        and (augmented.shape[0], *augmented.shape[2:]) == original
        and corrupted.shape == (len(families), *test)
    )
