"""Folders of pictures: `train/<class>/*` and `test/<class>/*`, `<class>/train/*` and
`<class>/test/*`, or `<class>/*` alone, in however many folders an archive put around them.

As a script it writes a copy of such a folder in which all pictures are of one size:

    python -m mnist_aug.data.formats.pictures flowers flowers-64x64 64 64
"""

import os
import re
import shlex
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from mnist_aug import arguments
from mnist_aug.data.formats import encoded, stored
from mnist_aug.data.formats.stored import Contents, Stored
from mnist_aug.errors import UserError, one_line_errors

# Without the shortest of `matching.PARTS`, which are names of classes, too: tr, te, ts.
SPLITS = {
    *("train", "training", "test", "testing", "eval"),
    *("val", "valid", "validate", "validation", "dev"),
}
DEPTH = 32  # folders within one another
LARGE_SIDE = 128  # pixels; where the most frequent size is larger, `SUGGESTED_SIDE` is suggested
SUGGESTED_SIDE = 64
ENDINGS = (
    *(".png", ".jpg", ".jpeg", ".jfif", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".pgm", ".ppm"),
    ".pbm",
)
OTHER_ENDINGS = (".heic", ".heif", ".avif", ".svg", ".pdf", ".eps", ".jp2", ".jxl", ".psd")
_PROSE = re.compile(
    r"(readme|licen[cs]e|copying|notice|authors|changelog|citation).*|.*\.(md|txt|rst|html?|pdf)",
    re.IGNORECASE,
)


_NOT_FETCHED = re.compile(
    rb"version https://(git-lfs|hawser)\.github\.com|(\xef\xbb\xbf)?\s*<(!doctype html|html)",
    re.IGNORECASE,
)


@dataclass
class _Folder:
    """A folder and what is below it, ignored names left out, all in natural order of the names.

    Attributes:
        name: its own; "" of the one that was given.
        pictures, others: the files directly in it, as paths.
        folders: those directly in it, by name.
    """

    name: str
    pictures: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    folders: dict[str, "_Folder"] = field(default_factory=dict)

    def below(self) -> Iterator["_Folder"]:
        """The folder itself and all folders below."""
        yield self
        for one in self.folders.values():
            yield from one.below()

    def all_pictures(self) -> list[str]:
        return [path for one in self.below() for path in one.pictures]

    def full(self) -> dict[str, "_Folder"]:
        """The folders directly in it that hold pictures, at whatever depth."""
        return {
            name: one
            for name, one in self.folders.items()
            if any(below.pictures for below in one.below())
        }


# Set ("" if there is but one) to class to the class's folder, which may turn out to hold no picture
_Sets = dict[str, dict[str, _Folder]]


def contents(folder: Path) -> Contents | None:
    """Pictures [N, H, W], or RGB [N, H, W, 3], and their classes' names as text [N].

    The arrays are `train/images` and `train/labels`, with the names of the folders that split the
    data, or `images` and `labels`. Which files are pictures, their first bytes tell. They are read
    at once, and are all grey or all RGB, as `encoded.array` has them. Classes, and a class's
    pictures, follow one another in natural order (2.png before 10.png), whatever the file system's.
    Hidden files are ignored, and what systems leave behind (`stored.JUNK`).

    Returns:
        None if it holds no folders of pictures; or just one, or pictures alone, and other data.

    Raises:
        UserError: a picture is damaged, or a Git LFS pointer or web page in place of one; they are
            of different sizes, or too many; they lie in no folders of classes.
        OSError: a file or folder can't be read.
    """
    tree = _tree(str(folder))
    top = _unwrapped(tree)
    found = top.full()
    is_flat = (bool(top.pictures) and not found) or _are_flat(found)
    if not found and not is_flat:
        if not _holds_data(tree):
            _refuse_unreadable(folder, tree)
        return None
    sets = _sets(top)
    if (is_flat or (len(found) == 1 and "" in sets)) and _holds_data(tree):
        return None
    if is_flat:
        raise UserError(
            f"{folder} holds {len(tree.all_pictures()):,} pictures but no folders that tell their "
            f"classes: put them into {folder / 'train' / '<class>'} and "
            f"{folder / 'test' / '<class>'}, or into {folder / '<class>'} alone"
        )
    notes = [
        *_other_files(folder, sets),
        *_empty_folders(sets),
        *_left_out(folder, tree, sets),
        *_same_inside(sets),
    ]
    return Contents("folder of pictures", tuple(_arrays(folder, sets)), tuple(notes))


def meant_as_pictures(folder: Path) -> list[Path]:
    """The files in a folder and the folders below it that are pictures by their content, of kinds
    that are read and others, or are only named so; in natural order, a folder's own files first.

    A folder below that can't be read stands among them, so that `refuse` or opening it says why.

    Raises:
        UserError: there are too many files, or folders within one another.
        OSError: the folder itself can't be read.
    """
    return [*map(Path, _tree(str(folder), meant=True).all_pictures())]


def refuse(path: Path, formats: tuple[str, ...] = ()) -> None:
    """Refuse a file that is none of the pictures that are read, where its first bytes tell.

    Args:
        formats: what is read beside `preprocessing.FORMATS`.

    Raises:
        UserError: it is a PDF, SVG, HEIC and the like, empty, or a pointer or web page in place of
            a picture.
        OSError: it can't be opened or read.
    """
    start = head(str(path))
    if encoded.kind(start) or not os.path.isfile(path):
        return
    if _poses(str(path), start):
        stored.recognised(path)  # which says what is amiss
    other = encoded.other_kind(start)
    if other == "HEIC":
        if "HEIF" not in formats:
            raise UserError(
                f"{path} is HEIC, which is read where pillow-heif is installed: pip install "
                '".[heic]", or convert it to PNG or JPEG'
            )
    elif other == "PDF" or encoded.is_foreign_picture(start):
        raise UserError(f"{path} is {other}, which is not read: convert it to PNG or JPEG")


def _is_picture(path: str) -> bool:
    return encoded.kind(head(path)) is not None


def _is_meant_as_picture(path: str) -> bool:
    if path.lower().endswith((*ENDINGS, *OTHER_ENDINGS)):
        return True
    try:
        start = head(path)
    except OSError:
        return False
    return encoded.kind(start) is not None or encoded.is_foreign_picture(start)


def natural(name: str) -> tuple[tuple[int | str, ...], str]:
    """What to sort names by so that 2.png comes before 10.png."""
    parts = re.split("([0-9]+)", name)
    return tuple(int(one) if place % 2 else one for place, one in enumerate(parts)), name


def head(path: str) -> bytes:
    """The first bytes of a regular file, by which it is recognised; none of anything else.

    Raises:
        OSError: it can't be opened or read.
    """
    if not os.path.isfile(path):
        return b""
    with stored.opened(Path(path)) as file:
        return file.read(encoded.HEAD)


def _tree(folder: str, meant: bool = False) -> _Folder:
    """All folders and files. Links are followed, but not to a folder that they are in.

    Args:
        meant: whether the pictures are `meant_as_pictures`.

    Raises:
        UserError: there are too many files, or folders within one another.
        OSError: a folder or file can't be read.
    """
    count = 0
    is_picture = _is_meant_as_picture if meant else _is_picture

    def read(place: str, name: str, above: tuple[tuple[int, int], ...]) -> _Folder:
        nonlocal count
        found = _Folder(name)
        try:
            about = os.stat(place)
            with os.scandir(place) as entries:
                kept = [one for one in entries if not stored.is_ignored(one.name)]
                names = [(one.name, _is_folder(one)) for one in kept]
        except OSError:
            if not (meant and above):
                raise
            found.pictures.append(place)
            return found
        own = about.st_dev, about.st_ino
        if own in above:
            return found
        if len(above) > DEPTH:
            raise UserError(f"{place} is nested more than {DEPTH} folders deep: give it itself")
        count += len(names)
        if count > stored.MAX_IMAGES:
            raise UserError(
                f"{folder} holds more than {stored.MAX_IMAGES:,} files: give a folder of fewer"
            )
        for one, is_folder in sorted(names, key=lambda entry: natural(entry[0])):
            path = os.path.join(place, one)
            if is_folder:
                found.folders[one] = read(path, one, (*above, own))
            elif is_picture(path):
                found.pictures.append(path)
            else:
                found.others.append(path)
        return found

    return read(folder, "", ())


def _is_folder(entry: os.DirEntry) -> bool:
    """As `entry.is_dir`, which raises at a link in a circle."""
    return os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir()


def _unwrapped(folder: _Folder) -> _Folder:
    """The folder, or the one below that holds all folders of pictures."""
    while not folder.pictures and len(full := folder.full()) == 1:
        (only,) = full.values()
        if not only.full() or (_split_of(only.name) and not _split_of(folder.name)):
            break
        folder = only
    return folder


def _split_of(name: str) -> str | None:
    """The part of the data that a folder's name tells: "train" of seg_train."""
    found = SPLITS & {*re.findall("[a-z]+", name.lower())}
    return found.pop() if len(found) == 1 else None


def _holds_data(tree: _Folder) -> bool:
    """Whether there is a file that is neither a picture of any kind nor there to be read."""
    others = [path for one in tree.below() for path in one.others]
    return any(
        not _PROSE.fullmatch(os.path.basename(path))
        and not _poses(path, start := head(path))
        and not encoded.is_foreign_picture(start)
        for path in others
    )


def _are_flat(folders: dict[str, _Folder]) -> bool:
    """Whether folders called train, test, … hold pictures and no folders.

    One so called among others is a class: CIFAR-100 has a class of trains.
    """
    splits = [split for name, one in folders.items() if (split := _split_of(name))]
    return (
        bool(splits)
        and (len({split[:2] for split in splits}) > 1 or len(splits) == len(folders))
        and not any(one.full() for one in folders.values())
    )


def _sets(top: _Folder) -> _Sets:
    found = top.full()
    splits = {name: one for name, one in found.items() if _split_of(name) and one.full()}
    if splits:
        return {name: {**_unwrapped(one).folders} for name, one in splits.items()}
    if all(not one.pictures and all(map(_split_of, one.full())) for one in found.values()):
        sets: _Sets = defaultdict(dict)
        for name, one in found.items():
            for split, own in one.full().items():
                sets[split][name] = own
        return dict(sets)
    return {"": {**top.folders}}


def _other_files(folder: Path, sets: _Sets) -> list[str]:
    """What is to be said of files in class folders that are no pictures.

    Raises:
        UserError: one stands in place of a picture: a Git LFS pointer, a web page, nothing.
    """
    classes = [one for own in sets.values() for one in own.values()]
    others = [path for one in classes for below in one.below() for path in below.others]
    for path in others:
        if _poses(path, head(path)):
            stored.recognised(Path(path))  # which says what is amiss
    if not others:
        return []
    first = f"{_shown(os.path.relpath(others[0], folder))} ({encoded.other_kind(head(others[0]))})"
    if len(others) == 1:
        return [f"{first} was left out, as it is not a picture in a supported format"]
    return [
        f"{len(others):,} files were left out, as they are not pictures in a supported format; "
        f"the first is {first}"
    ]


def _poses(path: str, start: bytes) -> bool:
    """Whether something that was to be fetched stands in a picture's place."""
    if path.lower().endswith(ENDINGS):
        return not start or _NOT_FETCHED.match(start) is not None
    return not os.path.splitext(path)[1] and _NOT_FETCHED.match(start) is not None


def _empty_folders(sets: _Sets) -> list[str]:
    empty = [
        f"{split}/{name}" if split else name
        for split, own in sets.items()
        for name, one in own.items()
        if not one.all_pictures()
    ]
    if not empty:
        return []
    if len(empty) == 1:
        return [f"the folder {_shown(empty[0])} holds no pictures and is not taken for a class"]
    return [
        f"{len(empty)} folders hold no pictures and are not taken for classes; the first is "
        f"{_shown(empty[0])}"
    ]


def _left_out(folder: Path, tree: _Folder, sets: _Sets) -> list[str]:
    """What is to be said of pictures that are in no class's folder."""
    taken = {id(below) for own in sets.values() for one in own.values() for below in one.below()}
    left = [path for one in tree.below() if id(one) not in taken for path in one.pictures]
    if not left:
        return []
    first = _shown(os.path.relpath(left[0], folder))
    if len(left) == 1:
        return [f"the picture {first} was left out, as it is in no class's folder"]
    return [
        f"{len(left):,} pictures were left out, as they are in no class's folder; the first is "
        f"{first}"
    ]


def _same_inside(sets: _Sets) -> list[str]:
    """What is to be said of classes that may be parts of the data, such as folds."""
    for own in sets.values():
        full = {name: one for name, one in own.items() if one.all_pictures()}
        inside = {tuple(one.full()) for one in full.values()}
        if len(full) < 2 or len(inside) > 1 or any(one.pictures for one in full.values()):
            continue
        below = inside.pop()
        if len(below) > 1:
            outer, inner = (stored.listed([*map(_shown, one)]) for one in (full, below))
            return [
                f"the folders {outer} are taken for classes, and each holds the same folders "
                f"({inner}): if these are the classes, put what is in them together"
            ]
    return []


def _refuse_unreadable(folder: Path, tree: _Folder) -> None:
    """Refuse folders of pictures none of which can be read.

    Raises:
        UserError: they hold HEIC and the like, or Git LFS pointers under pictures' names.
    """
    below = [inner for one in tree.folders.values() for inner in one.below()]
    for path in (path for one in below for path in one.others):
        start = head(path)
        if _poses(path, start):
            stored.recognised(Path(path))
        if encoded.is_foreign_picture(start):
            raise UserError(
                f"{folder} holds no picture in a supported format; the first file is {path} "
                f"({encoded.other_kind(start)}): convert them to PNG or JPEG"
            )


def _shown(name: str) -> str:
    """A name as text, even if it is no UTF-8, or letters and accents apart as macOS stores them."""
    return unicodedata.normalize("NFC", os.fsencode(name).decode(errors="backslashreplace"))


def _arrays(folder: Path, sets: _Sets) -> Iterator[Stored]:
    """Images and labels of each set."""
    paths = [path for own in sets.values() for one in own.values() for path in one.all_pictures()]
    try:
        images = encoded.array(
            ((path, partial(stored.opened, Path(path))) for path in paths), len(paths)
        )
    except encoded.DifferentSizes as error:
        raise UserError(_with_remedy(folder, error)) from None
    start = 0
    for split, own in sets.items():
        counts = {name: len(one.all_pictures()) for name, one in own.items()}
        end = start + sum(counts.values())
        before = f"{_shown(split)}/" if split else ""
        yield Stored(f"{before}images", images[start:end].shape, _given(images[start:end]))
        labels = _labels(folder, counts)
        yield Stored(f"{before}labels", labels.shape, _given(labels))
        start = end


def _given(array: np.ndarray) -> Callable[[], np.ndarray]:
    return lambda: array


def _labels(folder: Path, counts: dict[str, int]) -> np.ndarray:
    names = [*map(_shown, counts)]
    try:
        stored.size((sum(counts.values()),), 4 * max(map(len, names)))
    except ValueError as error:
        raise UserError(f"{folder} {error}: give its class folders shorter names") from None
    return np.repeat(names, [*counts.values()])


def _with_remedy(folder: Path, error: encoded.DifferentSizes) -> str:
    width, height = error.in_order()[0][0]
    if max(width, height) > LARGE_SIDE:
        width = height = SUGGESTED_SIDE
    size, module = [str(width), str(height)], "mnist_aug.data.formats.pictures"
    target = f"{folder.resolve().name or 'pictures'}-{'x'.join(size)}"
    command = shlex.join(["python", "-m", module, str(folder), target, *size])
    return f"{folder} holds {error}; make them one size: {command}"


def resize(source: Path, target: Path, width: int, height: int) -> int:
    """Write a copy of a folder's pictures, all of one size, as PNG in the same folders.

    Returns:
        their number.

    Raises:
        UserError: the target is there, or a picture can't be read.
        OSError: a folder or file can't be read or written.
    """
    from PIL import Image

    if target.exists():
        raise UserError(f"{target} exists already: give the copy a new name")
    pictures = _tree(str(source)).all_pictures()
    if not pictures:
        raise UserError(f"{source} holds no picture that can be read")
    with encoded.quiet():
        for path in pictures:
            with stored.opened(Path(path)) as file, encoded.opened(file, path) as picture:
                pixels = encoded.pixels(picture)
            image = Image.fromarray(pixels.astype(np.float32) if pixels.itemsize > 1 else pixels)
            image = image.resize((width, height), Image.Resampling.LANCZOS)
            if pixels.itemsize > 1:  # Pillow resizes no 16 bits
                levels = np.rint(np.asarray(image)).clip(0, 2**16 - 1)
                image = Image.fromarray(levels.astype(np.uint16))
            copy = target / f"{os.path.relpath(path, source)}.png"
            copy.parent.mkdir(parents=True, exist_ok=True)
            image.save(copy)
    return len(pictures)


def main() -> None:
    options = arguments.Parser(
        description="Write a copy of a folder of pictures, all of one size.", allow_abbrev=False
    )
    options.add_argument("source", type=Path, help="the folder")
    options.add_argument("target", type=Path, help="a new folder for the copy")
    options.add_argument("width", type=arguments.positive, help="in pixels")
    options.add_argument("height", type=arguments.positive, help="in pixels")
    given = options.parse_args()
    count = resize(given.source, given.target, given.width, given.height)
    print(f"{count:,} pictures written: give DATA={shlex.quote(str(given.target))}")


if __name__ == "__main__":
    with one_line_errors():
        main()
