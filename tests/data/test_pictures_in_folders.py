"""Folders of pictures: what they are read as, and what is said of those that can't be."""

import gzip
import io
import os
import random
import re
import subprocess
import sys
import zlib
from pathlib import Path

import bad_files
import damages
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from mnist_aug.data import preprocessing
from mnist_aug.data.formats import encoded, pictures, stored
from mnist_aug.errors import UserError
from mnist_aug.evaluate import answers

PROJECT = Path(__file__).parents[2]
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"
HEIC = b"\0\0\0\x18ftypheic" + bytes(40)


def coded(pixels, form="PNG", **options):
    """The bytes of a picture of an array, or of a PIL image."""
    file = io.BytesIO()
    picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    picture.save(file, form, **options)
    return file.getvalue()


def grey(value, height=3, width=2):
    return np.full((height, width), value, np.uint8)


@pytest.fixture
def put(tmp_path):
    """Writes files below a folder, which it returns; a number is a picture of that grey."""

    def write(**files):
        for name, content in files["files"].items():
            path = tmp_path / "set" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if not isinstance(content, bytes):
                content = coded(grey(content) if isinstance(content, int) else content)
            path.write_bytes(content)
        return tmp_path / "set"

    return lambda files: write(files=files)


def read(folder):
    """Name to array, as lists where they are text, and the notes."""
    found = pictures.contents(folder)
    arrays = {one.name: one.read() for one in found.arrays}
    for one in found.arrays:
        assert arrays[one.name].shape == one.shape
    return arrays, found.notes


def levels(arrays):
    """Name to labels, or to the level of each picture's first pixel."""
    return {
        name: array.tolist() if array.dtype.kind == "U" else array[:, 0, 0].tolist()
        for name, array in arrays.items()
    }


def refused(folder, words):
    with pytest.raises(UserError, match=words) as error:
        pictures.contents(folder)
    text = str(error.value)
    assert str(folder) in text
    assert "\n" not in text
    return text


# Where the classes are ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {"train/cat/1.png": 1, "train/dog/1.png": 2, "test/cat/1.png": 3},
            {
                "test/images": [3],
                "test/labels": ["cat"],
                "train/images": [1, 2],
                "train/labels": ["cat", "dog"],
            },
        ),
        ({"b/1.png": 1, "a/1.png": 2}, {"images": [2, 1], "labels": ["a", "b"]}),
        (
            {"flowers-v2/flowers/a/1.png": 1, "flowers-v2/flowers/b/1.png": 2},
            {"images": [1, 2], "labels": ["a", "b"]},
        ),
        (
            {"x/Training/0/1.png": 1, "x/Training/1/1.png": 2, "x/Testing/1/1.png": 3},
            {
                "Testing/images": [3],
                "Testing/labels": ["1"],
                "Training/images": [1, 2],
                "Training/labels": ["0", "1"],
            },
        ),
        (
            {"seg_train/seg_train/sea/1.png": 1, "seg_train/seg_train/ice/1.png": 2},
            {"seg_train/images": [2, 1], "seg_train/labels": ["ice", "sea"]},
        ),
        (
            {"0/train/1.png": 1, "1/train/1.png": 2, "0/test/1.png": 3, "1/test/1.png": 4},
            {
                "test/images": [3, 4],
                "test/labels": ["0", "1"],
                "train/images": [1, 2],
                "train/labels": ["0", "1"],
            },
        ),
        (
            {"train/0/1.png": 1, "train/1/1.png": 2, "dev/0/1.png": 3, "eval/1/1.png": 4},
            {
                "dev/images": [3],
                "dev/labels": ["0"],
                "eval/images": [4],
                "eval/labels": ["1"],
                "train/images": [1, 2],
                "train/labels": ["0", "1"],
            },
        ),
        (
            {"train/0/1.png": 1, "train/1/1.png": 2, "validate/0/1.png": 3},
            {
                "train/images": [1, 2],
                "train/labels": ["0", "1"],
                "validate/images": [3],
                "validate/labels": ["0"],
            },
        ),
        ({"tr/1.png": 1, "te/1.png": 2}, {"images": [2, 1], "labels": ["te", "tr"]}),
        ({"cats/tabby/1.png": 1, "dogs/2.png": 2}, {"images": [1, 2], "labels": ["cats", "dogs"]}),
        ({"train/1.png": 1, "boat/1.png": 2}, {"images": [2, 1], "labels": ["boat", "train"]}),
        ({"10/1.png": 1, "9/1.png": 2}, {"images": [2, 1], "labels": ["9", "10"]}),
    ],
    ids=[
        "train and test",
        "classes alone",
        "in an archive's folders",
        "other names",
        "Kaggle's doubled folders",
        "train and test in each class",
        "dev and eval",
        "validate",
        "languages",
        "folders within a class",
        "a class called train",
        "numbers",
    ],
)
def test_classes_are_found_in_every_usual_layout(put, files, expected):
    arrays, notes = read(put(files))
    assert levels(arrays) == expected
    assert notes == ()
    assert {array.dtype.kind for array in arrays.values()} == {"u", "U"}


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"readme.txt": b"words"},
        {"notes/readme.txt": b"words"},
        {"1.png": 1, "labels.csv": b"name,label\n1.png,3\n"},
        {"train/1.png": 1, "test/1.png": 1, "train.csv": b"name,label\n1.png,3\n"},
        {"train-images-idx3-ubyte": b"\0\0\10\3", "figures/1.png": 1},
    ],
)
def test_what_is_no_folder_of_classes_is_left_to_others(put, tmp_path, files):
    (tmp_path / "set").mkdir()
    assert pictures.contents(put(files)) is None


@pytest.mark.parametrize(
    "files",
    [
        {"1.png": 1, "2.png": 2, "README.md": b"words"},
        {"train/1.png": 1, "test/2.png": 2},
        {"train_1/1.png": 1, "train_2/2.png": 2},
    ],
)
def test_pictures_without_classes_are_refused_with_the_layout_that_is_needed(put, files):
    refused(put(files), r"2 pictures but no folders that tell their classes: .*train.<class> and ")


def test_pictures_outside_the_classes_are_left_out_and_said(put):
    files = {"train/a/1.png": 1, "train/b/1.png": 2, "test/1.png": 3, "test/2.png": 4, "x.png": 5}
    arrays, notes = read(put(files))
    assert levels(arrays) == {"train/images": [1, 2], "train/labels": ["a", "b"]}
    assert notes == (
        "3 pictures were left out, as they are in no class's folder; the first is x.png",
    )


def test_an_empty_class_is_said(put):
    folder = put({"a/1.png": 1, "b/1.png": 1})
    (folder / "c").mkdir()
    assert read(folder)[1] == ("the folder c holds no pictures and is not taken for a class",)


def test_links_are_followed_but_never_in_a_circle(put):
    folder = put({"train/a/1.png": 1, "train/b/1.png": 2})
    (folder / "test").symlink_to(folder / "train")
    (folder / "train" / "a" / "up").symlink_to(folder)
    (folder / "train" / "b" / "2.png").symlink_to(folder / "train" / "a" / "1.png")
    arrays, _ = read(folder)
    assert arrays["train/labels"].tolist() == arrays["test/labels"].tolist() == ["a", "b", "b"]
    (folder / "train" / "b" / "3.png").symlink_to(folder / "gone.png")
    with pytest.raises(FileNotFoundError):
        pictures.contents(folder)


def test_folders_within_folders_have_an_end(tmp_path):
    deep = tmp_path.joinpath(*["a"] * 40)
    deep.mkdir(parents=True)
    refused(tmp_path, "nested more than 32 folders deep")


# Which files are pictures -------------------------------------------------------------------------


def test_pictures_are_told_by_content_and_junk_is_ignored(put):
    files = {
        "a/1.jfif": coded(grey(50), "JPEG"),
        "a/2": grey(60),
        "a/3.PNG": coded(grey(70), "GIF"),
        "a/4.txt": coded(grey(80), "WEBP", lossless=True),
        "a/5.dat": coded(grey(90), "BMP"),
        "a/6.x": coded(grey(100), "TIFF"),
        "b/7.y": coded(grey(110), "PPM"),
        "a/Thumbs.db": b"\xd0\xcf\x11\xe0",
        "a/.DS_Store": b"\0\0\0\1Bud1",
        "b/desktop.ini": b"[x]",
        "__MACOSX/a/._1.jfif": b"\0\5\x16\7",
        ".cache/1.png": 0,
    }
    arrays, notes = read(put(files))
    assert levels(arrays) == {
        "images": [50, 60, 70, 80, 90, 100, 110],
        "labels": ["a"] * 6 + ["b"],
    }
    assert notes == ()


def test_other_files_are_left_out_counted_and_the_first_is_named(put):
    files = {"a/1.png": 1, "b/1.png": 2, "b/2.heic": HEIC}
    assert read(put(files))[1] == (
        "b/2.heic (HEIC) was left out, as it is not a picture in a supported format",
    )
    files |= {"a/list.csv": b"a,b", "a/page.html": b"<!doctype html>"}
    assert read(put(files))[1] == (
        "3 files were left out, as they are not pictures in a supported format; the first is "
        "a/list.csv (text)",
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (coded(grey(1, 40, 40))[:60], "can't be read as PNG"),
        (coded(grey(1, 40, 40), "JPEG")[:-200], "can't be read as JPEG"),
        (LFS, "is a Git LFS pointer"),
        (b"\n<!DOCTYPE html><title>Sign in</title>", "is a web page"),
        (b"", "is empty"),
        (bad_files.png(99_999, 99_999), "is too large"),
        (bad_files.png(70_000, 1), "is too large"),
        (coded(Image.fromarray(np.zeros((3, 2), np.float32)), "TIFF"), "floating-point or 32-bit"),
    ],
)
def test_what_stands_in_a_pictures_place_is_refused_by_name(put, content, words):
    folder = put({"a/1.png": 1, "b/1.png": content})
    assert str(folder / "b" / "1.png") in refused(folder, words)


@pytest.mark.parametrize(("content", "words"), [(HEIC, "HEIC"), (LFS, "Git LFS pointer")])
def test_folders_in_which_nothing_can_be_read_say_why(put, content, words):
    refused(put({"a/1.jpg": content, "b/1.jpg": content}), words)


# What pictures are read as ------------------------------------------------------------------------


def one(put, *contents):
    """The images of a folder of these pictures."""
    arrays, _ = read(put({f"a/{number}.png": content for number, content in enumerate(contents)}))
    return arrays["images"]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_grey_is_grey_in_every_mode(put, mode):
    drawn = np.array([[0, 255, 0], [255, 255, 0]], np.uint8)
    if mode == "I;16":
        content = coded(drawn.astype(np.uint16) * 257)
    else:
        content = coded(Image.fromarray(drawn).convert(mode))
    found = one(put, content)
    np.testing.assert_array_equal(found // (257 if mode == "I;16" else 1), drawn[None])


def test_one_picture_in_colour_makes_all_rgb_in_every_set(put):
    drawn = np.array([[[200, 10, 10]], [[0, 0, 0]]], np.uint8)
    arrays, _ = read(
        put({"train/a/1.png": grey(7, 2, 1), "train/b/1.png": grey(9, 2, 1), "test/a/1.png": drawn})
    )
    np.testing.assert_array_equal(arrays["test/images"], drawn[None])
    assert arrays["train/images"].shape == (2, 2, 1, 3)
    np.testing.assert_array_equal(arrays["train/images"][1], np.full((2, 1, 3), 9))
    assert encoded.kind(coded(drawn)) == "PNG"


def test_a_picture_in_colour_before_and_after_grey_ones(put):
    red = np.array([[[255, 0, 0]]], np.uint8)
    found = one(put, grey(1, 1, 1), red, grey(3, 1, 1))
    assert found[:, 0, 0].tolist() == [[1, 1, 1], [255, 0, 0], [3, 3, 3]]


def test_sixteen_bits_are_kept(put):
    deep = np.array([[0, 128, 4095]], np.uint16)
    assert one(put, coded(deep))[0].tolist() == [[0, 128, 4095]]
    red = np.array([[[255, 0, 0]] * 3], np.uint8)
    grey_one = np.array([[0, 1, 255]], np.uint8)
    found = one(put, coded(grey_one), coded(deep), coded(red), coded(grey_one))
    assert found.dtype == np.uint16
    assert found[..., 1].tolist() == [
        [[0, 257, 65535]],
        [[0, 128, 4095]],
        [[0] * 3],
        [[0, 257, 65535]],
    ]


def test_sixteen_bits_are_resized(put, tmp_path):
    folder = put({"a/1.png": coded(np.full((9, 9), 3000, np.uint16)), "b/1.png": grey(7, 9, 9)})
    assert pictures.resize(folder, tmp_path / "copy", 4, 4) == 2
    arrays, _ = read(tmp_path / "copy")
    assert arrays["images"][0].tolist() == [[3000] * 4] * 4


@pytest.mark.parametrize(
    ("ink", "expected"),
    [
        ((255, 255, 255), [[0, 128, 255]]),  # white ink shows on black
        ((0, 0, 0), [[255, 127, 0]]),  # and black on white
    ],
)
@pytest.mark.parametrize("hidden", [(0, 0, 0), (255, 255, 255)])
def test_what_is_drawn_by_transparency_alone_stays_visible(put, ink, hidden, expected):
    drawn = np.array([[(*hidden, 0), (*ink, 128), (*ink, 255)]], np.uint8)
    assert one(put, coded(drawn))[0].tolist() == expected


def test_transparent_pixels_are_over_white_where_there_are_colours(put):
    drawn = np.array([[(0, 0, 0, 0), (0, 0, 0, 255), (200, 200, 200, 255)]], np.uint8)
    palette = Image.new("P", (3, 1))
    palette.putpalette([9, 9, 9, 0, 0, 0, 200, 200, 200])
    palette.putdata([0, 1, 2])
    found = one(put, coded(drawn), coded(palette, transparency=0))
    assert found[:, 0].tolist() == [[255, 0, 200]] * 2


def test_an_opaque_picture_of_one_light_colour_is_kept(put):
    drawn = np.full((2, 2, 4), 255, np.uint8)
    drawn[..., :3] = 200
    assert (one(put, coded(drawn)) == 200).all()


def test_pictures_are_turned_as_exif_says(put):
    exif = Image.Exif()
    exif[0x0112] = 6  # the top of the picture is on its right
    turned = np.array([[1, 2, 3], [4, 5, 6]], np.uint8)
    upright = np.rot90(turned, -1)
    found = one(put, coded(turned, exif=exif), upright)
    np.testing.assert_array_equal(found, np.stack([upright] * 2))


def test_of_several_pictures_in_a_file_the_first_is_read(put):
    more = {"save_all": True, "append_images": [Image.fromarray(grey(200))]}
    found = one(put, coded(grey(10), "GIF", **more), coded(grey(20), "TIFF", **more))
    assert found[:, 0, 0].tolist() == [10, 20]


# Order, size and number ---------------------------------------------------------------------------


def test_folds_that_may_be_no_classes_are_named(put):
    files = {f"fold{fold}/{name}/1.png": 1 for fold in (1, 2) for name in ("cat", "dog")}
    arrays, notes = read(put(files))
    assert arrays["labels"].tolist() == ["fold1", "fold1", "fold2", "fold2"]
    assert notes == (
        "the folders fold1, fold2 are taken for classes, and each holds the same folders (cat, "
        "dog): if these are the classes, put what is in them together",
    )
    assert read(put({"fold1/1.png": 1}))[1] == ()  # which is then a class with pictures of its own


def test_pictures_are_in_natural_order(put):
    files = {f"a/img{number}.png": number for number in (10, 9, 100, 1, 2)}
    assert levels(read(put(files))[0])["images"] == [1, 2, 9, 10, 100]


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=8), unique=True))
@example(["01", "1", "001", "1a", "a1", "", "²", "٣", "1.10", "1.9"])
def test_natural_order_is_one_order_of_all_names(names):
    ordered = sorted(names, key=pictures.natural)
    assert sorted(random.Random(0).sample(names, len(names)), key=pictures.natural) == ordered
    numbers = [name for name in ordered if name.isascii() and name.isdigit()]
    assert [*map(int, numbers)] == sorted(map(int, numbers))


@pytest.mark.skipif(sys.platform != "linux", reason="needs names of any bytes")
def test_names_of_classes_are_text_whatever_their_bytes(put):
    folder = put({"e\u0301/1.png": 1, "b/1.png": 2})  # as macOS spells é
    (folder / "b").rename(os.path.join(os.fsencode(folder).decode(), os.fsdecode(b"\xff")))
    labels = read(folder)[0]["labels"].tolist()
    assert labels == ["\u00e9", "\\xff"]


def test_different_sizes_are_listed_and_the_command_helps(put, tmp_path):
    files = {f"a/{number}.png": number for number in range(5)}
    files |= {
        "b/1.jpg": coded(grey(9, 4, 4), "JPEG"),
        "b/2.png": grey(9, 5, 4),
        "b/3.png": grey(9, 5, 4),
    }
    folder = put(files)
    text = refused(folder, r"pictures of 3 sizes: 2x3 \(5, as \S+0\.png\), 4x5 \(2, as \S+2\.png\)")
    command = text.partition("make them one size: ")[2].split()
    assert command[0] == "python"
    process = subprocess.run(
        [sys.executable, *command[1:]],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
    )
    assert process.stderr == ""
    assert process.stdout == "8 pictures written: give DATA=set-2x3\n"
    arrays, notes = read(tmp_path / "set-2x3")
    assert levels(arrays) == {"images": [*range(5), 9, 9, 9], "labels": ["a"] * 5 + ["b"] * 3}
    assert arrays["images"].shape == (8, 3, 2)
    assert notes == ()
    with pytest.raises(UserError, match="exists already: give the copy a new name"):
        pictures.resize(folder, tmp_path / "set-2x3", 2, 3)


def test_photos_are_suggested_a_small_size(put):
    refused(put({"a/1.png": grey(1, 300, 200), "b/2.png": grey(1, 200, 300)}), "set-64x64 64 64$")


def test_the_whole_array_is_bounded_before_it_is_made(put, monkeypatch):
    files = {f"a/{number}.png": 1 for number in range(4)}
    monkeypatch.setattr(stored, "MAX_PIXELS", 4 * 6)
    assert one(put, *files.values()).shape == (4, 3, 2)
    monkeypatch.setattr(stored, "MAX_PIXELS", 4 * 6 - 1)
    refused(put(files), "over the limit of 23 bytes")
    monkeypatch.setattr(stored, "MAX_PIXELS", 4 * 6 * 3 - 1)
    refused(put(files | {"a/9.png": np.eye(3, 6, dtype=np.uint8).reshape(3, 2, 3)}), "over the")


def test_files_are_counted(put, monkeypatch):
    monkeypatch.setattr(stored, "MAX_IMAGES", 3)
    refused(put({f"a/{number}.png": 1 for number in range(4)}), "more than 3 files")


# Damage -------------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(bad_files.whole("picture")),
    st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 9), st.binary(max_size=9))
    ),
)
@example(gzip.compress(b"a"), [])
@example(bad_files.png(28, 28, zlib.compress(bytes(10**6))), [])
def test_any_bytes_are_read_or_refused_in_a_line(tmp_path_factory, content, edits):
    for where, removed, added in edits:
        at = int(where * len(content))
        content = content[:at] + added + content[at + removed :]
    folder = tmp_path_factory.mktemp("edited")
    for name in "ab":
        (folder / name).mkdir()
        (folder / name / "1.png").write_bytes(content)
    refusal = damages.refusal(pictures.contents, folder)
    if refusal is not None:
        assert str(folder) in refusal
        return
    found = pictures.contents(folder)
    if found is not None:
        images, labels = (array.read() for array in found.arrays)
        assert images.dtype in (np.uint8, np.uint16)
        assert images.shape[0] == len(labels) == 2
        np.testing.assert_array_equal(images[0], images[1])


# Pictures to predict ------------------------------------------------------------------------------


def test_pictures_below_a_folder_are_told_by_content_or_name(put):
    folder = put(
        {
            "10.png": 1,
            "9": 1,
            "a.jfif": coded(grey(1), "JPEG"),
            "b.heic": HEIC,
            "c.png": b"words",
            "d.txt": b"words",
            "e.pdf": b"%PDF-1.7",
            ".f.png": 1,
            "deep/er/2.png": 1,
            "deep/b.png": 1,
            "__MACOSX/c.png": 1,
            "sub.png/1.png": 1,
        }
    )
    (folder / "gone.png").symlink_to("nowhere")
    (folder / "circle").symlink_to("circle")
    (folder / "deep" / "up").symlink_to("..")
    found = [one.path for one in answers.pictures([folder, folder / "d.txt"])]
    own = ["9", "10.png", "a.jfif", "b.heic", "c.png", "e.pdf", "gone.png"]
    below = ["deep/b.png", "deep/er/2.png", "sub.png/1.png"]
    assert [str(path.relative_to(folder)) for path in found] == [*own, *below, "d.txt"]
    for path in found[:3]:
        assert preprocessing.read(path).shape == (3, 2)
    for path in (*found[3:7], found[-1]):
        with pytest.raises(UserError, match=path.name):
            preprocessing.read(path)


def test_a_place_without_pictures_is_named_and_others_are_read(put):
    folder = put({"none/d.txt": b"words", "some/a.png": 1})
    none, some = answers.pictures([folder / "none", folder / "some"])
    assert none.path == folder / "none"
    assert none.error.startswith(f"{none.path} holds no picture: give a folder of PNG or JPEG")
    assert (some.path, some.given, some.error) == (folder / "some" / "a.png", folder / "some", "")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (HEIC, "is HEIC, which is read where pillow-heif is installed"),
        (b"%PDF-1.7", "is PDF, which is not read: convert it to PNG or JPEG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "is EPS, which"),
        (b'<?xml version="1.0"?>\n<svg xmlns="">', "is SVG, which"),
        (b"\0\0\0\x1cftypavif", "is AVIF, which"),
        (b"", "is empty: fetch it again"),
        (b"version https://git-lfs.github.com/spec/v1", "is a Git LFS pointer"),
    ],
)
def test_what_is_not_read_is_named_with_a_remedy(put, content, said):
    folder = put({"a.png": content, "b.png": b"words", "c.png": 1})
    with pytest.raises(UserError, match=re.escape(f"{folder / 'a.png'} {said}")):
        pictures.refuse(folder / "a.png")
    pictures.refuse(folder / "b.png")  # a decoder is to say
    pictures.refuse(folder / "c.png")
    if content == HEIC:
        pictures.refuse(folder / "a.png", ("HEIF",))
