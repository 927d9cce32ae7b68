"""Files of a results folder, read and checked: each is whole and of its kind, or named in a line.

What is damaged by chance shows by what the files say of each other: a history has an epoch a row,
an accuracy is that of the confusions beside it. Who forges files that agree is not found out.
"""

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_integer_dtype, is_numeric_dtype

from mnist_aug.data.eval_sets import DOSES
from mnist_aug.errors import UserError
from mnist_aug.results import manifest as manifests

AGAIN = "delete samples.npz and run `make evaluate`, which writes it anew"
TRAINED_ANEW = "delete the run's folder and run `make {}`, which trains it anew"
STUDIES = ("ablation", "strength", "data-efficiency", "automatic", "epochs", "tuned", "records")
MOST_BYTES = 2**31  # of a file's content; that of a study of MNIST has some MB
# Columns that hold text.
WORDS = ("variant", "test_set", "benchmark", "method", "against", "setting")
WHOLE = {"seed": 0, "epoch": 1, "repeat": 0, "images": 1, "trial": 0}  # whole numbers, the least
MOST = 2**53  # of a whole number
SHARES = {"accuracy", "val_accuracy", "validation", "importance"}  # in [0, 1]
LOSSES = {"loss", "val_loss"}  # of a run that diverged not a number; nothing else may lack one
HISTORY = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy")


def read_json(path: Path) -> dict:
    """A JSON object. Raises UserError where it is missing or damaged."""
    try:
        value = json.loads(_content(path))
        json.dumps(value, ensure_ascii=False).encode()  # half a character can't be written again
    except (ValueError, RecursionError):
        raise damaged(path) from None
    if not isinstance(value, dict):
        raise damaged(path)
    return value


def read_manifest(folder: Path, seed: int | None = None) -> dict:
    """The manifest of the run in a folder.

    Raises:
        UserError: it is missing, damaged, lacks something, or is of another variant than its
            folder or of another seed.
    """
    path = folder / "manifest.json"
    manifest = read_json(path)
    fault = manifests.fault(manifest)
    if fault is None and seed not in (None, manifest["seed"]):
        fault = f"says seed {manifest['seed']}"
    if fault is None and manifest["variant"]["name"] != folder.parent.name:
        fault = f"is of variant {manifest['variant']['name']!r}"
    if fault:
        raise UserError(f"{path} {fault}: {remedy(path)}")
    return manifest


def read_search(path: Path) -> dict:
    """What a search found, `<arm>.json`. Raises UserError where it is missing or damaged."""
    about = read_json(path)
    if fault := manifests.search_fault(about):
        raise UserError(f"{path} {fault}: {remedy(path)}")
    return about


def read_history(folder: Path, manifest: dict) -> pd.DataFrame:
    """The history of the run in a folder: epoch, loss and accuracy, and where images were held
    out val_loss and val_accuracy.

    Raises:
        UserError: it is missing or damaged, or has not a row for each epoch of the manifest.
    """
    path = folder / "history.csv"
    held_out = manifest["dataset"]["validation"] > 0
    history = read_csv(path, HISTORY if held_out else HISTORY[:3])
    epochs = manifest["variant"]["epochs"]
    if not np.array_equal(history["epoch"], np.arange(1, epochs + 1)):
        raise UserError(
            f"{path} has not one row for each of the {epochs} epochs of "
            f"manifest.json: {remedy(path)}"
        )
    return history


def read_scores(path: Path) -> pd.DataFrame:
    """A variant's `metrics.csv`, which lies in a folder with the variant's name.

    Raises:
        UserError: it is missing or damaged, is another variant's, or has not one row for each
            seed and test set.
    """
    metrics = read_csv(path, ("variant", "seed", "test_set", "accuracy", "loss", "images"))
    if set(metrics["variant"]) != {path.parent.name}:
        raise UserError(
            f"{path} is of another variant than its folder {path.parent.name}: {remedy(path)}"
        )
    sets = set(metrics["test_set"])
    whole = len(metrics) == metrics["seed"].nunique() * len(sets)
    if metrics.duplicated(["seed", "test_set"]).any() or not whole or "test" not in sets:
        raise UserError(f"{path} has not one row a seed for each test_set: {remedy(path)}")
    if (metrics.groupby("test_set")["images"].nunique() > 1).any() or not all(map(_dosed, sets)):
        raise damaged(path)
    for row in metrics[metrics["test_set"] == "test"].itertuples():
        right, total = _counted(path, getattr(row, "confusion", None))
        if right is not None and (total != row.images or abs(right / total - row.accuracy) > 1e-9):
            raise UserError(
                f"{path} gives accuracy {row.accuracy:.6g} for seed {row.seed}, and "
                f"other counts of confusions: {remedy(path)}"
            )
    return metrics


def _dosed(test_set: str) -> bool:
    """Whether the name of a test set that says a dose says a number."""
    axis, _, dose = test_set.partition("/")
    if axis not in DOSES:
        return True
    try:
        return bool(np.isfinite(float(dose)))
    except ValueError:
        return False


def _counted(path: Path, confusion: object) -> tuple[int | None, int | None]:
    """Images read right and all images of a row's confusions; None where it has none."""
    if confusion is None:  # no such column
        return None, None
    try:
        counts = np.array(json.loads(confusion))
        if (
            counts.ndim != 2
            or counts.dtype.kind != "i"
            or len({*counts.shape}) != 1
            or (counts < 0).any()
        ):
            raise ValueError
    except (ValueError, TypeError, RecursionError):
        raise damaged(path) from None
    return int(np.trace(counts)), int(counts.sum())


def read_csv(path: Path, columns: tuple[str, ...], empty: bool = False) -> pd.DataFrame:
    """A table with at least those columns. Raises UserError where it is missing or damaged.

    Args:
        empty: whether it may have no rows.
    """
    content = _content(path)
    try:
        if not content.endswith(b"\n"):  # cut within a line
            raise ValueError
        frame = pd.read_csv(io.BytesIO(content), dtype=dict.fromkeys(WORDS, str), low_memory=False)
        if len(frame):
            for column in columns:
                _check_column(column, frame[column])
        if {*columns} - {*frame} or (frame.empty and not empty):
            raise ValueError
    except (ValueError, KeyError, OverflowError):
        raise damaged(path) from None
    return frame


def _check_column(name: str, values: pd.Series) -> None:
    if name in WORDS:
        fits = values.notna().all()
    elif is_bool_dtype(values) or not is_numeric_dtype(values):
        fits = name == "pruned" and is_bool_dtype(values)
    elif name in WHOLE:
        fits = is_integer_dtype(values) and values.between(WHOLE[name], MOST).all()
    elif name in SHARES:
        fits = values.between(0, 1).all()
    elif name in LOSSES:
        fits = not (values < 0).any()
    else:
        fits = np.isfinite(values).all()
    if not fits:
        raise ValueError


def read_npz(path: Path, names: list[str] | None = None) -> dict[str, np.ndarray]:
    """The named arrays of an .npz file, or all of them.

    Raises:
        UserError: the file is missing, damaged, lacks one of them, or unpacks to more than
            `MOST_BYTES`.
    """
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as arrays:
            claimed = sum(info.file_size for info in arrays.zip.infolist())
            if claimed > MOST_BYTES:
                raise UserError(
                    f"{path} unpacks to {claimed:,} bytes, over the limit of "
                    f"{MOST_BYTES:,}: {remedy(path)}"
                )
            read = {name: arrays[name] for name in names or arrays.files}
            if not all(isinstance(array, np.ndarray) for array in read.values()):
                raise ValueError  # NumPy hands over as bytes what is no array
            return read
    except (FileNotFoundError, PermissionError, UserError) as error:
        raise _unread(path, error) from None
    except Exception:  # what zipfile, zlib and NumPy throw at damage is no closed list
        raise damaged(path) from None


def _content(path: Path) -> bytes:
    try:
        if (size := path.stat().st_size) > MOST_BYTES:
            raise UserError(
                f"{path} has {size:,} bytes, over the limit of {MOST_BYTES:,}: {remedy(path)}"
            )
        return path.read_bytes()
    except (OSError, UserError) as error:
        raise _unread(path, error) from None


def _unread(path: Path, error: Exception) -> UserError:
    if isinstance(error, UserError):
        return error
    if isinstance(error, FileNotFoundError):
        return UserError(f"{path} is missing: {remedy(path)}")
    return UserError(f"{path} can't be read ({error.strerror}): {remedy(path)}")


def damaged(path: Path) -> UserError:
    return UserError(f"{path} is damaged: {remedy(path)}")


def remedy(path: Path) -> str:
    """What makes a file of a results folder anew."""
    if path.name.startswith("bench"):
        return "run `make bench` again, or delete it"
    if path.parent.name == "tune":
        return "run `make tune` again"
    of_run = path.name in ("manifest.json", "history.csv")
    above = (
        path.parent.parent.parent if path.parent.name.startswith("seed-") else (path.parent.parent)
    )
    if above.name == "recipes":
        return TRAINED_ANEW.format("records ROW=recipes")
    if above.name in STUDIES:
        return TRAINED_ANEW.format(above.name) if of_run else f"run `make {above.name}` again"
    return TRAINED_ANEW.format("report") if of_run else AGAIN
