"""What lies at a path: files and folders of data, each recognised by its content."""

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

from mnist_aug.data import matching
from mnist_aug.data.formats import stored
from mnist_aug.data.formats.stored import Contents
from mnist_aug.data.matching import Matched, group_of
from mnist_aug.errors import UserError

# The module of `formats` that reads files of a kind.
READERS = {
    "idx": "idx",
    "npy": "numpy_files",
    "zip": "numpy_files",
    "mat": "matlab",
    "hdf5": "hdf5",
    "parquet": "parquet",
    "pickle": "pickled",
    "text": "text",
}
# What stands in place of data, or is damaged
USELESS = ("git-lfs", "git-annex", "html", "empty", "gzip", "xz")
FEW_PICTURES = 10  # fewer may be those of a documentation
DEPTH = 3  # folders below the one that is given: torchvision's root holds MNIST/raw
MOST_FILES = 300  # data files of a folder; a folder with more is one of pictures
PROSE = {
    *(".md", ".rst", ".html", ".pdf", ".json", ".yaml", ".yml", ".log", ".docx", ".pptx"),
    *(".py", ".ipynb", ".m", ".r", ".c", ".h", ".cpp", ".java", ".js", ".css", ".sh"),
}
PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"}


@dataclass(frozen=True)
class Source:
    """Data that were found.

    `form` is how they are stored; `known_as` holds the names of the folder and its files.
    """

    name: str
    known_as: str
    form: str
    found: Matched
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _File:
    """A data file: its name from the folder that was given, and the dataset that it belongs to."""

    path: Path
    name: str
    kind: str
    group: str


def source(path: Path) -> Source:
    """The data at a path.

    Args:
        path: a file, a folder, or a folder and, after a slash, how the names of one dataset's files
            in it begin: `emnist/emnist-letters`.

    Raises:
        UserError: there is nothing, or nothing that can be read.
        OSError: a file can't be opened or read.
    """
    if path.is_dir():
        return _of_folder(path)
    if path.exists() or path.is_symlink():  # which git-annex leaves without a file to point to
        return _of_file(path)
    if path.parent.is_dir():
        files = [*_files(path.parent, group=group_of(path.name))]
        if files and group_of(path.name):
            return _of_files(path, files, path.name)
    raise UserError(
        f"data {path} is neither a folder nor a file: give mnist, digits, a name that "
        "keras.datasets downloads (fashion_mnist, cifar10, cifar100), or a path"
    )


def _of_file(path: Path) -> Source:
    """A file, and those that belong to it: its test set, or its labels."""
    kind = stored.recognised(path)
    if kind == "picture":
        raise UserError(
            f"{path} is a single picture: give a folder that has a folder of pictures for each "
            "class (to read a picture: make predict IMAGE=…)"
        )
    if kind not in READERS:
        raise UserError(f"{path} holds no data that can be read ({kind})")
    own = _File(path, _stem(path), kind, group_of(_stem(path)))
    alone, fault = None, None
    try:
        alone = _of_files(path, [own], _stem(path))
        if "test" in alone.found.parts or matching.part_of(own.name) is None:
            return alone
    except UserError as error:
        fault = error
    beside = [
        one
        for one in _files(path.parent, 0, own.group)
        if one.kind in (kind, *USELESS) and one.path != path and not _is_whole(one)
    ]
    if beside:
        try:
            # What is left of train_32x32 without its words is no name.
            named = any(len(word) > 1 and word.isalpha() for word in own.group.split("-"))
            name = own.group if named else path.parent.resolve().name
            found = _of_files(path, [own, *beside], name)
            others = stored.listed([one.path.name for one in beside])
            note = f"read with {path.name}, as parts of the same dataset: {others}"
            return replace(found, notes=(note, *found.notes))
        except UserError as error:
            fault = fault or error
    if alone is None or beside:
        raise fault or UserError(f"{path} holds no data that can be read")
    return alone


def _is_whole(file: _File) -> bool:
    """Whether a file is a dataset by itself, and no part of one by its name."""
    if file.kind in USELESS or matching.part_of(file.name):
        return False
    try:
        _of_files(file.path, [file], file.name)
    except UserError:
        return False
    return True


def _of_folder(folder: Path) -> Source:
    nothing, groups = [], defaultdict[str, list[_File]](list)
    files, crowd = [], None
    try:
        files = [*_files(folder)]
    except _TooManyFilesError as error:  # they may be pictures whose names don't say so
        crowd = error
    for one in files:
        if one.kind in USELESS and not _is_named_as_data(one.path):
            nothing.append(one)
        else:
            groups[one.group].append(one)
    faults, whole = {}, {}
    for group, own in groups.items():
        try:
            whole[group] = _of_files(folder, own, folder.resolve().name)
        except UserError as error:
            faults[group] = error
    if len(whole) > 1:
        several = [
            str(groups[group][0].path.relative_to(folder))
            if len(groups[group]) == 1 or not group
            else group
            for group in whole
        ]
        raise UserError(
            f"{folder} holds several datasets ({', '.join(several)}): name one, as in "
            f"DATA={folder / several[-1]}"
        )
    for fault in faults.values():
        if isinstance(fault, _NotDataError):
            raise fault
    others = [one.path.name for group in faults for one in groups[group]]
    if whole:
        ((group, found),) = whole.items()
        left_out = [*_left_out(others), *_pictures_left_out(folder, groups[group][0].path.name)]
        return replace(found, notes=(*found.notes, *left_out))
    pictures = import_module("mnist_aug.data.formats.pictures").contents(folder)
    if pictures is not None:
        # The reader of pictures names what lies among them.
        others = [one.path.name for group in faults for one in groups[group] if "/" not in one.name]
        return _source(folder, folder.resolve().name, [pictures], _left_out(others))
    if crowd:
        raise crowd
    if faults:
        raise faults[max(faults, key=lambda group: len(groups[group]))]
    if nothing:
        stored.recognised(nothing[0].path)  # says what is amiss
    raise UserError(
        f"{folder} holds no data that can be read: put IDX, NPZ, CSV, Parquet, .mat or HDF5 files "
        "there, or a folder of pictures for each class"
    )


class _NotDataError(UserError):
    """A file has the name of data, and something else stands in it."""


def _left_out(names: Sequence[str]) -> list[str]:
    return [f"left out, as not part of the dataset: {stored.listed(names)}"] if names else []


def _pictures_left_out(folder: Path, instead: str) -> list[str]:
    names = [name for _, _, own in os.walk(folder) for name in own if not stored.is_ignored(name)]
    count = sum(Path(name).suffix.lower() in PICTURES for name in names)
    if count < FEW_PICTURES:
        return []
    return [f"{count:,} pictures were left out, as {instead} holds data: move it to read them"]


def _of_files(place: Path, files: list[_File], name: str) -> Source:
    """One dataset's files, of the first kind in `READERS` that there is."""
    for one in files:
        if one.kind in USELESS:
            try:
                stored.recognised(one.path)
            except UserError as error:
                raise _NotDataError(str(error)) from None
    kinds = [one.kind for one in files]
    kind = next(kind for kind in READERS if kind in kinds)
    read = import_module(f"mnist_aug.data.formats.{READERS[kind]}").contents
    contents = []
    for one in files:
        if one.kind != kind:
            continue
        own = read(one.path)
        # The reader knows the file's name alone, and the folders around it tell, too.
        above = one.name.rpartition("/")[0]
        arrays = [replace(a, name=f"{above}/{a.name}") if above else a for a in own.arrays]
        contents.append(replace(own, arrays=tuple(arrays)))
    others = sorted({one.path.name for one in files if one.kind != kind})
    return _source(place, name, contents, _left_out(others))


def _source(place: Path, name: str, contents: list[Contents], notes: Sequence[str] = ()) -> Source:
    arrays = [array for one in contents for array in one.arrays]
    found = matching.matched(place, arrays, [note for one in contents for note in one.notes])
    said = [*notes, *(note for one in contents for note in one.notes), *found.notes]
    known_as = " ".join([name, *(one.name for one in arrays[:100])])
    return Source(name, known_as, contents[0].form, found, tuple(dict.fromkeys(said)))


def _files(folder: Path, depth: int = DEPTH, group: str | None = None) -> Iterator[_File]:
    """The data files in a folder and below it, in order.

    Args:
        depth: of the folders below it.
        group: only those whose names say that they belong to this dataset.

    Raises:
        _TooManyFilesError: there are more than `MOST_FILES`.
    """
    found = []
    for place, folders, names in os.walk(folder):
        below = Path(place).relative_to(folder).parts
        folders[:] = sorted(one for one in folders if not stored.is_ignored(one))
        if len(below) >= depth:
            folders.clear()
        for name in sorted(names):
            path = Path(place, name)
            if stored.is_ignored(name) or path.suffix.lower() in PROSE | PICTURES:
                continue
            # Kaggle puts a file into a folder of its own name.
            parts = dict.fromkeys([*below, _stem(path)])
            own = "-".join(filter(None, map(group_of, parts)))
            if group is None or own == group:
                found.append((path, "/".join([*below, _stem(path)]), own))
            if len(found) > MOST_FILES:
                raise _TooManyFilesError(
                    f"{folder} holds more than {MOST_FILES} files that may be data, and no folders "
                    "of pictures by class: give a folder with the files of one dataset alone"
                )
    for path, name, own in found:
        if not path.is_file() and not _is_named_as_data(path):
            continue
        kind = stored.kind(path)
        if kind in (*READERS, *USELESS):
            yield _File(path, name, kind, own)


class _TooManyFilesError(UserError):
    """A folder holds too many files to be those of one dataset."""


def _is_named_as_data(path: Path) -> bool:
    endings = {one.lower() for one in path.suffixes}
    known = {".npz", ".npy", ".csv", ".mat", ".h5", ".hdf5", ".parquet", ".pkl", ".data"}
    return bool(endings & known) or "ubyte" in path.name.lower()


def _stem(path: Path) -> str:
    """A file's name without what says how it is packed or stored; it may be no UTF-8."""
    name = os.fsencode(path.name).decode(errors="replace")
    endings = r".gz .xz .csv .npz .npy .mat .h5 .hdf5 .parquet .pq .pkl .pickle .txt .data .arff"
    while Path(name).suffix.lower() in endings.split():
        name = Path(name).stem
    return name
