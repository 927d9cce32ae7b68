"""The saved state of an unfinished run, looked through before a run goes on from it."""

import re
from itertools import pairwise
from pathlib import Path

import numpy as np

from mnist_aug.results.files import MOST_BYTES

NAMES = r"seconds|history_(loss|accuracy|val_loss|val_accuracy)|(weights|optimizer)_\d+"


def is_whole(path: Path, asked: dict) -> bool:
    """Whether a file holds the state of the run that is asked for, as the trainer saves it.

    Args:
        asked: what `run.asked` says of the run.
    """
    variant, dataset = asked["variant"], asked["dataset"]
    sizes = [int(np.prod(dataset["image_shape"])), *variant["layers"], dataset["classes"]]
    shapes = [shape for a, b in pairwise(sizes) for shape in ((a, b), (b,))]
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            if sum(info.file_size for info in file.zip.infolist()) > MOST_BYTES:
                return False
            arrays = {name: file[name] for name in file.files}
        numbers = all(array.dtype.kind in "fiu" for array in arrays.values())
        named = all(re.fullmatch(NAMES, name) for name in arrays)
        weights = [arrays[f"weights_{i}"].shape for i in range(len(shapes))]
        optimizer = sum(name.startswith("optimizer_") for name in arrays)
        lengths = {arrays[name].shape for name in arrays if name.startswith("history_")}
        ((epochs,),) = lengths
        return (
            numbers
            and named
            and weights == shapes
            and f"weights_{len(shapes)}" not in arrays
            and {"history_loss", "history_accuracy"} <= {*arrays}
            and all(f"optimizer_{i}" in arrays for i in range(optimizer))
            and optimizer > 0
            and 0 < epochs <= variant["epochs"]
            and arrays["seconds"].shape == ()
            and 0 <= arrays["seconds"] < np.inf
        )
    except Exception:  # what zipfile, zlib and NumPy throw at damage is no closed list
        return False
