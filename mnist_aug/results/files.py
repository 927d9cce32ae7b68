"""Files: written whole or not at all, and read back only if they are what was written.

A manifest is a JSON file that holds checksums of the files it answers for, and one of itself. That
is the one guard of results: what agrees with its manifest is whole and ours, and is not looked at
any further; what doesn't is named in one line with what makes it again.
"""

from __future__ import annotations

import glob
import hashlib
import io
import json
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import pandas as pd

from mnist_aug.errors import UserError

FORMAT = 2  # of manifests; raised when older ones can't be read as they are
LOCK = ".lock"
CONTENT = {  # of manifests, by which one is not taken for another
    "manifest.json": "seed",
    "evaluation.json": "runs",
    "samples.json": "chosen_from",
    "bench.json": "dataset_sha256",
}
# pandas before 3.1 changes the last bit of every third number unless told not to; later ones don't,
# and warn of being told.
PANDAS = tuple(int(part) for part in pd.__version__.split(".")[:2])
EXACTLY: dict[str, Any] = {"float_precision": "round_trip"} if PANDAS < (3, 1) else {}
TEXT_COLUMNS = ("variant", "eval_set", "benchmark", "method", "against", "setting")

# Writing ------------------------------------------------------------------------------------------


@contextmanager
def written(target: Path) -> Iterator[Path]:
    """A temporary path to write a file or fill a folder at; it takes the target's name at the end.

    Whatever interrupts the writing leaves the target as it was; only a kill between the two
    renames that replace a folder leaves none. What killed processes left half-written is removed.

    Raises:
        UserError: the place can't be written to.
    """
    target = Path(target)
    own = f".{target.name}.{platform.node()}-{os.getpid()}"
    temporary = target.with_name(f"{own}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(target)
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
        _remove(temporary)


def remove_leftovers(target: Path) -> None:
    """Remove what processes of this machine that have ended left next to a target, if possible."""
    name = re.compile(
        rf"\.{re.escape(target.name)}\.{re.escape(platform.node())}-([0-9]{{1,9}})\.(tmp|old)"
    )
    for left in target.parent.glob(f".{glob.escape(target.name)}.*"):
        found = name.fullmatch(left.name)
        if found and not is_alive(int(found[1])):
            _remove(left)


def _remove(path: Path) -> None:
    """Remove a file or folder, if possible."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def is_alive(process: int) -> bool:
    """Whether this machine has a process of that number."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        pass
    return True


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


def npz_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """A compressed .npz file of the arrays, the same bytes each time."""
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # names are ours
    return file.getvalue()


def csv_bytes(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False, lineterminator="\n").encode()


def digest(data: object) -> str:
    """The start of the SHA-256 of plain data, for names."""
    return _sha256(_canonical(data))[:12]


# Manifests ----------------------------------------------------------------------------------------


def manifest_bytes(content: Mapping[str, Any], files: Mapping[str, bytes]) -> bytes:
    """A manifest of that content that answers for these files.

    Args:
        content: plain data.
        files: what is in them, by their path from the manifest's folder.
    """
    whole = {
        "format": FORMAT,
        **content,
        "files": {name: _sha256(held) for name, held in files.items()},
    }
    whole["sha256"] = _sha256(_canonical(whole))
    return (json.dumps(whole, indent=2, ensure_ascii=False) + "\n").encode()


def write_with_manifest(path: Path, content: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
    """Write files and, last, the manifest that answers for them.

    Raises:
        UserError: the place can't be written to.
    """
    for name, held in {**files, path.name: manifest_bytes(content, files)}.items():
        with written(path.parent / name) as temporary:
            temporary.write_bytes(held)


def read_manifest(path: Path) -> dict[str, Any]:
    """What a manifest says.

    Raises:
        UserError: it is missing, damaged, or of another format.
    """
    held = _content(path)
    try:
        manifest = json.loads(held)
        own = manifest.pop("sha256", None)
        if "format" in manifest and manifest["format"] != FORMAT:
            raise UserError(
                f"{path} has format {manifest['format']}, and this version reads {FORMAT}: "
                f"{remedy(path)}"
            )
        if own != _sha256(_canonical(manifest)) or CONTENT.get(path.name, "files") not in manifest:
            raise ValueError
    except (ValueError, AttributeError, TypeError, RecursionError):
        raise damaged(path) from None
    return manifest


def read(path: Path, manifest: Mapping[str, Any], folder: Path | None = None) -> bytes:
    """A file that the manifest answers for.

    Args:
        folder: the manifest's; the file's own if None.

    Raises:
        UserError: it is missing, or not what was written.
    """
    name = path.relative_to(folder or path.parent).as_posix()
    held = _content(path)
    if manifest["files"].get(name) != _sha256(held):
        raise damaged(path)
    return held


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path} is missing: {remedy(path)}") from None
    except OSError as error:
        raise UserError(
            f"{path} can't be read ({error.strerror}): check its permissions, or {remedy(path)}"
        ) from None


def is_whole(path: Path, manifest: Mapping[str, Any]) -> bool:
    """Whether a file next to its manifest is what was written."""
    try:
        read(path, manifest)
    except UserError:
        return False
    return True


def table(held: bytes) -> pd.DataFrame:
    """A table from the bytes of a CSV file that was written here."""
    return pd.read_csv(
        io.BytesIO(held),
        dtype=dict.fromkeys(TEXT_COLUMNS, str),
        low_memory=False,
        **EXACTLY,
    )


def arrays(held: bytes) -> dict[str, np.ndarray]:
    """Arrays from the bytes of an .npz file that was written here."""
    with np.load(io.BytesIO(held), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def damaged(path: Path) -> UserError:
    return UserError(f"{path} is damaged or was changed by hand: {remedy(path)}")


def remedy(path: Path) -> str:
    """What makes a file of a results folder again: what to delete, and what to run then."""
    of_run = path.parent.name.startswith("seed-")
    of_variant = path.parents[1] if of_run else path.parent  # its folder
    again = f"`{_command(of_variant)}`"
    first = path  # to delete
    if path.name.startswith("bench."):
        first, again = path.with_name("bench.json"), "`make bench`"
    elif path.parent.name == "tune":
        again = "`make tune`"
    elif of_run and path.suffix == ".npz":
        first = of_variant / "evaluation.json"
    elif of_run:
        first = path.parent
    elif path.suffix == ".npz":
        first = path.with_name("samples.json")
    elif path.name == "metrics.csv":
        first = path.with_name("evaluation.json")
    if not os.path.lexists(first):
        return f"run {again}"
    return f"delete {'it' if first == path else first} and run {again}"


def _command(folder: Path) -> str:
    """What makes the runs of a variant and evaluates them."""
    study = folder.parent.name
    if folder.name in ("baseline", "augmented") or study not in STUDIES:
        return "make report"
    return STUDIES[study].format(folder.name)


STUDIES = {
    **{
        name: f"make {name}"
        for name in (
            *("ablation", "strength", "grid", "data-efficiency", "epochs", "variance", "tuned"),
        )
    },
    "compare": "make compare POLICIES=…",
    **dict.fromkeys(("published", "recipes"), "make published ROW={}"),
}


def _sha256(held: bytes) -> str:
    return hashlib.sha256(held).hexdigest()


def _canonical(data: object) -> bytes:
    return json.dumps(data, sort_keys=True, separators=(",", ":")).encode()


# One command at a time ----------------------------------------------------------------------------

_locks: dict[Path, filelock.BaseFileLock] = {}


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other commands from working in a folder at the same time.

    Waits, and says so in a line, while another is at work there. What is called within may ask for
    the same folder again. There is no lock where the folder is missing or can't be written to, or
    where its file system knows no locks.
    """
    place = Path(folder).resolve()
    lock = _locks.setdefault(place, filelock.FileLock(place / LOCK, thread_local=False))
    with suppress(OSError, NotImplementedError):
        for _ in range(9):  # the folder may be removed, and made anew, while this waits
            with suppress(FileNotFoundError):
                if place.is_dir():
                    _acquire(lock, folder)
                break
    held = lock.is_locked
    try:
        yield
    finally:
        if held:
            lock.release()


def _acquire(lock: filelock.BaseFileLock, folder: Path) -> None:
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        print(f"{folder}: waiting for another command that is at work there", flush=True)
        lock.acquire()
