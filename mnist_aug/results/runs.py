"""Runs on disk: one variant trained with one seed, in `results/<variant>/seed-<nn>/`."""

import glob
import hashlib
import json
import os
import platform
import re
import shutil
import tempfile
import zipfile
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import numpy as np

from mnist_aug.data.dataset import Dataset
from mnist_aug.errors import UserError
from mnist_aug.results import manifest as manifests
from mnist_aug.train.variant import Variant

MODEL = "mnist_num_reader.keras"
HISTORY = "history.csv"
MANIFEST = "manifest.json"
PREDICTIONS = "predictions.npz"
CORRECT = "correct.npz"
# The code that weights depend on, beside the settings and the dataset, which a manifest spells out.
TRAINING_SOURCES = ("train/models", "train/pipeline", "train/trainer")
AUGMENTATION_SOURCES = (
    "augment/vectorize",
    *(
        f"augment/engine/{name}"
        for name in ("canvas", "draws", "faults", "geometry", "pixels", "structure", "warp")
    ),
)
ASKED = {"variant": dict, "seed": int, "dataset": dict, "sources_sha256": dict}  # must agree


def folder(results: Path, variant: str, seed: int) -> Path:
    return Path(results) / variant / f"seed-{seed:02d}"


def seeds(results: Path, variant: str) -> list[int]:
    """Seeds of the whole runs of a variant on disk, in order."""
    found = (
        re.fullmatch(r"seed-(\d{2,})", path.parent.name)
        for path in (Path(results) / variant).glob(f"seed-*/{MANIFEST}")
    )
    return sorted(int(match[1]) for match in found if match)


def asked(variant: Variant, seed: int, dataset: Dataset) -> dict:
    """The part of a manifest that says what was asked for, and by which code."""
    train = dataset.training_count(variant.validation_split)
    return {
        "variant": variant.settings(),
        "seed": seed,
        "dataset": {
            "name": dataset.name,
            "origin": dataset.origin,
            "sha256": dataset.sha256,
            "train": train,
            "validation": len(dataset.x_train) - train,
            "test": len(dataset.x_test),
            "image_shape": list(dataset.image_shape),
            "classes": dataset.classes,
        },
        "sources_sha256": sources_sha256(variant),
    }


def sources_sha256(variant: Variant) -> dict:
    """SHA-256 of the code that a variant's weights depend on."""
    return {
        "training": _sha256(TRAINING_SOURCES),
        "augmentation": _sha256(AUGMENTATION_SOURCES) if variant.policy else None,
    }


def disagreement(run: Path, wanted: dict) -> str | None:
    """Why the run on disk does not answer what is asked, in words, or None if it does.

    Raises:
        UserError: the run was trained on another dataset; it is not ours to overwrite.
    """
    if not run.exists():
        return "not trained yet"
    try:
        manifest = read_manifest(run)
    except UserError as error:
        return str(error)
    other = manifest["dataset"]
    if other.get("sha256") != wanted["dataset"]["sha256"]:
        raise UserError(
            f"{run} was trained on dataset {called(other)}, but "
            f"{called(wanted['dataset'])} is asked for: give another RESULTS= "
            "(--results), or `make clean-results` first"
        )
    if not (run / MODEL).exists():
        return f"{MODEL} is missing"
    if not _is_whole_zip(run / MODEL):
        return f"{MODEL} is damaged"
    for part in ASKED:
        if manifest[part] != wanted[part]:
            return _difference(part, manifest[part], wanted[part])
    return None if _has_history(run, manifest) else f"{HISTORY} is missing or damaged"


def _is_whole_zip(path: Path) -> bool:
    """Whether what an archive holds agrees with its checksums."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except Exception:  # what zipfile and zlib throw at damage is no closed list
        return False


def _has_history(run: Path, manifest: dict) -> bool:
    """Whether the history has a row for each epoch."""
    try:
        return (run / HISTORY).read_bytes().count(b"\n") == 1 + manifest["variant"]["epochs"]
    except OSError:
        return False


def called(dataset: dict) -> str:
    """A dataset of a manifest in words: its name, and the start of its SHA-256."""
    return f"{dataset.get('name')!r} ({str(dataset.get('sha256'))[:8]}…)"


def _difference(part: str, old, new) -> str:
    if part == "sources_sha256":
        return "the training code has changed"
    if isinstance(old, dict):
        key = next(
            key
            for key in {**new, **old}
            if key not in old or key not in new or old[key] != new[key]
        )
        old, new, part = old.get(key), new.get(key), key
    if part == "policy":
        old, new = (value and value["name"] for value in (old, new))
        if old == new:
            return f"policy {new} has changed"
    return f"{part} was {old}, now {new}"


def read_manifest(run: Path) -> dict:
    """The run's manifest.

    Raises:
        UserError: it is missing or damaged.
    """
    try:
        manifest = json.loads((run / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{run / MANIFEST} can't be read ({error}): train the run again") from None
    if not isinstance(manifest, dict) or not all(
        isinstance(manifest.get(part), kind) for part, kind in ASKED.items()
    ):
        raise UserError(f"{run / MANIFEST} lacks what a manifest must say: train the run again")
    if fault := manifests.fault(manifest):
        raise UserError(f"{run / MANIFEST} {fault}: train the run again")
    return manifest


@contextmanager
def written(target: Path):
    """A temporary path to write a file or fill a folder at; it takes the target's name at the end.

    Whatever interrupts the writing leaves the target as it was; only a kill between the two
    renames that replace a folder leaves none. What killed processes left half written goes.

    Raises:
        UserError: the place can't be written to.
    """
    target = Path(target)
    own = f".{target.name}.{platform.node()}-{os.getpid()}"
    temporary = target.with_name(f"{own}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        sweep(target)
        yield temporary
        if temporary.is_dir() and target.exists():
            aside = target.with_name(f"{own}.old")
            target.rename(aside)
            temporary.rename(target)
            shutil.rmtree(aside)
        else:
            temporary.replace(target)
    except OSError as error:
        raise unwritable(target, error) from None
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            with suppress(OSError):
                temporary.unlink()


def sweep(target: Path) -> None:
    """Remove what processes of this machine that are gone left beside a target, if it can be."""
    name = re.compile(
        rf"\.{re.escape(target.name)}\.{re.escape(platform.node())}"
        r"-([0-9]{1,9})\.(tmp|old)"
    )
    for left in target.parent.glob(f".{glob.escape(target.name)}.*"):
        found = name.fullmatch(left.name)
        if found and not is_alive(int(found[1])):
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                with suppress(OSError):
                    left.unlink()


def is_alive(process: int) -> bool:
    """Whether this machine has a process of that number."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        pass
    return True


def write_folder(target: Path, files: dict[str, bytes]) -> None:
    """Write the files of a folder, all or none.

    Raises:
        UserError: the place can't be written to.
    """
    with written(target) as temporary:
        temporary.mkdir()
        for name, content in files.items():
            (temporary / name).write_bytes(content)


def check_writable(folder: Path) -> None:
    """Look whether a folder can be made and written to; nothing is left of it.

    Raises:
        UserError: it can't be written to, which is better known before the work.
    """
    try:
        there = next(
            place for place in (folder, *folder.absolute().parents) if os.path.lexists(place)
        )
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise unwritable(folder, error) from None


def unwritable(place: Path, error: OSError) -> UserError:
    """What to raise where a place can't be written to."""
    return UserError(
        f"{place} can't be written ({error.strerror or error}): check the folder and its free space"
    )


def write_npz(path: Path, arrays: dict) -> None:
    """Write arrays by name, compressed, the same bytes each time.

    Raises:
        UserError: the place can't be written to.
    """
    with written(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **arrays)


def write_json(path: Path, data: dict) -> None:
    path.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


@cache
def _sha256(names: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    for name in names:
        digest.update((Path(__file__).parents[1] / f"{name}.py").read_bytes())
    return digest.hexdigest()


def digest(data: dict) -> str:
    """The start of the SHA-256 of plain data, for names."""
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:12]
