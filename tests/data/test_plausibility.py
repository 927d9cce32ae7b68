"""Data that are odd: what is refused, what is said, and what is put right."""

import cv2
import data_forms
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mnist_aug.data import dataset, digits, layout, plausibility
from mnist_aug.errors import UserError


@pytest.fixture(scope="module")
def small(digits):
    return data_forms.small(digits)


@pytest.fixture
def load(tmp_path, small, capsys):
    """Loads a set that differs from the small one in these arrays; returns it and what was said."""

    def loaded(name="set", test=True, transpose=False, **changed):
        arrays = {
            "x_train": small.x_train,
            "y_train": small.y_train,
            "x_test": small.x_test,
            "y_test": small.y_test,
        } | changed
        path = tmp_path / f"{name}.npz"
        np.savez(path, **{key: value for key, value in arrays.items() if value is not None})
        capsys.readouterr()
        found = dataset.load(str(path), test, transpose)
        said = capsys.readouterr().out
        assert said.splitlines() == [
            *(f"note: {note}" for note in found.notes),
            *(f"warning: {warning}" for warning in found.warnings),
        ]
        return found, said

    return loaded


def test_nothing_is_said_of_a_good_set(load, small):
    found, said = load()
    assert said == ""
    assert (found.kind, found.background, found.class_names) == ("digit", 0, tuple("0123456789"))
    np.testing.assert_array_equal(found.x_train, small.x_train)


# Scale --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x: x > 127, "true or false"),
        (lambda x: (x > 127).astype(np.uint8), "the brightest pixel is 1"),
        (lambda x: np.rint(x / 255 * 16).astype(np.uint8), "the brightest pixel is 16"),
        (lambda x: np.rint(x / 255 * 16), "the brightest pixel is 16"),
        (lambda x: np.rint(x / 255 * 100).astype(np.int64), "the brightest pixel is 100"),
        (lambda x: x / 255, "multiplied by 255"),
        (lambda x: x / np.float32(127.5) - 1, "scaled to 0 to 255"),
        (lambda x: x.astype(np.uint16) * 257, "16 bits are scaled"),
        (lambda x: np.rint(x / 255 * 4095).astype(np.int32), "12 bits are scaled"),
        (lambda x: x.astype(np.float64), ""),
        (lambda x: x.astype(np.int64), ""),
        (lambda x: x.astype(np.float16), ""),
    ],
)
def test_scales_are_found_out_and_said(load, small, change, words):
    found, said = load(x_train=change(small.x_train), x_test=change(small.x_test))
    assert words.lower() in said.lower()
    assert bool(words) == bool(said)
    levels = np.unique(change(small.x_train))
    near = 255 / (len(levels) - 1)  # what the scale can tell apart
    assert np.abs(found.x_train.astype(int) - small.x_train).max() <= near
    assert found.x_train.max() == 255
    assert found.kind == "digit"


@given(st.integers(1, 16), st.integers(0, 1000))
def test_small_whole_numbers_span_all_grey_levels(top, seed):
    images = np.random.default_rng(seed).integers(0, top + 1, (20, 4, 4), dtype=np.uint8)
    images[0, 0, 0], images[0, 0, 1] = 0, top
    scale = layout.scale_of("set", images)
    levels = layout.as_uint8(images, scale)
    np.testing.assert_array_equal(levels, np.rint(images * (255 / top)).astype(np.uint8))


def test_dark_photographs_are_not_scaled(load, small):
    dark = np.minimum(small.x_train // 3, 80)
    dark[0, 14, 14] = 100  # one image alone reaches it
    found, said = load(x_train=dark, x_test=small.x_test // 3)
    assert found.x_train.max() == 100
    assert "warning: The brightest pixel is 100 of 255" in said


@pytest.mark.parametrize(
    "change",
    [
        lambda x: (x > 127).astype(np.uint8),
        lambda x: x / 255,
        lambda x: np.rint(x / 255 * 16).astype(np.uint8),
        lambda x: x.astype(np.uint16) * 257,
        lambda x: x / np.float32(127.5) - 1,
    ],
)
def test_parts_on_different_scales_are_refused(load, small, change):
    with pytest.raises(UserError, match="on different scales"):
        load(x_test=change(small.x_test))
    with pytest.raises(UserError, match="on different scales"):
        load(x_train=change(small.x_train))


def test_validation_images_on_another_scale_are_refused(load, small):
    parts = {"x_val": small.x_test, "y_val": small.y_test}
    found, _ = load(**parts)
    assert len(found.x_train) == 90
    words = "training images range from 0 to 1 but validation images from 0 to 255"
    with pytest.raises(UserError, match=f"{words}: they are on different scales"):
        load(x_train=small.x_train / 255, **parts)
    signed = small.x_train / np.float32(127.5) - 1
    with pytest.raises(UserError, match="range from -1 to 1 but validation images from 0 to 1"):
        load(x_train=signed, x_val=small.x_test / 255, y_val=small.y_test)
    with pytest.raises(UserError, match=words):  # where they stand in for test images
        load(x_train=small.x_train / 255, x_test=None, y_test=None, **parts)


@pytest.mark.parametrize("smaller", [0, 1])
def test_pieces_on_different_scales_are_refused(tmp_path, small, smaller):
    halves = [slice(0, 30), slice(30, 60)]
    for scaled in (False, True):
        for number, half in enumerate(halves):
            images = small.x_train[half]
            images = images / 255 if scaled and number == smaller else images
            np.savez(tmp_path / f"train_batch_{number}.npz", x=images, y=small.y_train[half])
        np.savez(tmp_path / "test_batch.npz", x=small.x_test, y=small.y_test)
        if not scaled:
            found = dataset.load(str(tmp_path))
            np.testing.assert_array_equal(found.x_train, small.x_train)
    words = (
        rf"images of train_batch_{1 - smaller}/x range from 0 to 255 but the images of "
        rf"train_batch_{smaller}/x from 0 to 1: they are on different scales"
    )
    with pytest.raises(UserError, match=words):
        dataset.load(str(tmp_path))


def test_images_on_a_smaller_scale_than_the_rest_are_warned_of(load, small):
    mixed = small.x_train.astype(np.float32)
    mixed[::3] /= 255
    _, said = load(x_train=mixed)
    assert "warning: 20 of 60 training images have no grey level above 1 of 255" in said
    mixed = small.x_test / 255
    mixed[0] = small.x_test[0]
    with pytest.raises(UserError, match="29 of 30 test images have no grey level above 1 of 255"):
        load(x_test=mixed)


def test_floats_that_were_cut_are_refused(load, small):
    cut = [(images / 255).astype(np.uint8) for images in (small.x_train, small.x_test)]
    _, said = load(x_train=cut[0], x_test=cut[1])
    assert "of the pixels are not 0: if values from 0 to 1 were truncated" in said
    cut[0][:40] = 0
    with pytest.raises(UserError, match="were probably truncated to whole numbers"):
        load(x_train=cut[0], x_test=cut[1])


# Background ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0, 30, 128, 200, 255])
def test_the_background_is_found(load, small, level):
    def on(images):
        ink = 0 if level > 127 else 255
        return np.rint(level + images / 255 * (ink - level)).astype(np.uint8)

    found, said = load(x_train=on(small.x_train), x_test=on(small.x_test))
    assert found.background == level
    assert found.is_light == (level > 127)
    assert ("dark on a light background" in said) == (level > 127)
    assert found.kind == "digit"


def test_the_colour_of_the_background_is_found(load, small):
    def coloured(images):
        share = images[..., None] / 255
        return np.rint(share * [10, 10, 60] + (1 - share) * [250, 240, 200]).astype(np.uint8)

    found, _ = load(x_train=coloured(small.x_train), x_test=coloured(small.x_test))
    assert found.background == (250, 240, 200)
    assert found.image_shape == (28, 28, 3)
    assert found.kind == "image"
    grey, said = load(
        x_train=np.repeat(small.x_train[..., None], 3, 3),
        x_test=np.repeat(small.x_test[..., None], 3, 3),
    )
    assert grey.image_shape == (28, 28)
    assert "three channels are equal" in said


@pytest.mark.parametrize("frame", [255, 0])
def test_a_frame_is_not_the_background(load, small, frame):
    def framed(images):
        images = images.copy() if frame else 255 - images
        images[:, [0, -1]] = images[:, :, [0, -1]] = frame
        return images

    found, said = load(x_train=framed(small.x_train), x_test=framed(small.x_test))
    assert found.background == 255 - frame
    assert "warning: The images have a frame" in said
    assert said.count("warning") == 1


def test_photographs_have_no_background(load):
    images = np.random.default_rng(0).integers(0, 256, (90, 12, 12, 3), dtype=np.uint8)
    found, _ = load(x_train=images[:60], x_test=images[60:])
    assert found.background is None
    assert found.fill == 0


def test_some_negatives_are_warned_of(load, small):
    mixed = small.x_train.copy()
    mixed[::4] = 255 - mixed[::4]
    _, said = load(x_train=mixed)
    assert "warning: 15 of 60 training images have another background" in said


def test_negatives_for_one_part_are_refused(load, small):
    with pytest.raises(UserError, match="training images are bright on a dark background"):
        load(x_test=255 - small.x_test)
    with pytest.raises(UserError, match="test images are bright on a dark background"):
        load(x_train=255 - small.x_train)


def test_transparent_pictures_are_shown_on_white(load, small):
    def rgba(images):
        ink = np.zeros((*images.shape, 4), np.uint8)
        ink[..., 3] = images
        return ink

    found, said = load(x_train=rgba(small.x_train), x_test=rgba(small.x_test))
    np.testing.assert_array_equal(found.x_train, 255 - small.x_train)
    assert "transparent pixels" in said


# How digits lie -----------------------------------------------------------------------------------


def test_transposed_digits_are_set_upright(load, small):
    turned = {"x_train": small.x_train.swapaxes(1, 2), "x_test": small.x_test.swapaxes(1, 2)}
    found, said = load(**turned)
    np.testing.assert_array_equal(found.x_train, small.x_train)
    np.testing.assert_array_equal(found.x_test, small.x_test)
    assert "rows and columns swapped" in said
    alone = {"x_test": None, "y_test": None}
    first, _ = load(**turned | alone)
    second, _ = load(**alone)
    assert first.sha256 == second.sha256  # the same are held out
    again, said = load(transpose=True, **turned)
    np.testing.assert_array_equal(again.x_train, small.x_train)
    assert said == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x: x[:, :, ::-1], "mirrored"),
        (lambda x: x[:, ::-1, ::-1], "upside down"),
        (lambda x: np.rot90(x, 1, (1, 2)), "rotated by 90° anticlockwise"),
    ],
)
def test_digits_that_lie_otherwise_are_warned_of(load, small, change, words):
    found, said = load(x_train=change(small.x_train), x_test=change(small.x_test))
    np.testing.assert_array_equal(found.x_train, change(small.x_train))
    assert f"warning: The digits are {words}, unlike MNIST's" in said


def test_ten_classes_are_not_always_digits(load, small):
    order = np.random.default_rng(0).permutation(10)
    found, _ = load(y_train=order[small.y_train], y_test=order[small.y_test])
    assert found.kind == "image"


def test_mnist_is_read_upright(mnist):
    for changed, lies in ((mnist.x_train, "upright"), (mnist.x_train.swapaxes(1, 2), "transposed")):
        found, share = digits.orientation(changed, mnist.y_train, 0)
        assert found == lies
        assert share > 0.75


# Labels -------------------------------------------------------------------------------------------


def test_labels_with_gaps_keep_their_names(load, small):
    few = ~np.isin(small.y_train, [2, 5]), ~np.isin(small.y_test, [2, 5])
    found, said = load(
        x_train=small.x_train[few[0]],
        y_train=small.y_train[few[0]],
        x_test=small.x_test[few[1]],
        y_test=small.y_test[few[1]],
    )
    assert found.class_names == tuple("01346789")
    assert found.y_train.max() == 7
    assert "Labels are 0, 1, 3, 4, 6, 7 and 2 more: they are numbered from 0" in said


@pytest.mark.parametrize("last", [0, 9])
def test_labels_from_1_are_the_digits_that_they_show(load, small, last):
    def shifted(labels):
        return np.where(labels == 0, 10, labels) if last == 0 else labels + 1

    found, said = load(y_train=shifted(small.y_train), y_test=shifted(small.y_test))
    assert found.kind == "digit"
    named = np.array([int(name) for name in found.class_names])
    np.testing.assert_array_equal(named[found.y_train], small.y_train)
    assert "Labels 1 to 10 stand for the digits" in said


def test_labels_from_1_of_some_digits(load, small):
    train, test = (labels < 5 for labels in (small.y_train, small.y_test))
    found, said = load(
        x_train=small.x_train[train],
        y_train=small.y_train[train] + 1,
        x_test=small.x_test[test],
        y_test=small.y_test[test] + 1,
    )
    assert (found.kind, found.class_names) == ("digit", tuple("01234"))
    assert "Labels 1 to 5 stand for the digits 0, 1, 2, 3, 4" in said


def test_text_labels_sort_as_people_count(load, small):
    names = np.array([f"class {k + 1}" for k in range(10)])
    found, _ = load(y_train=names[small.y_train], y_test=names[small.y_test])
    assert found.class_names == tuple(names)
    np.testing.assert_array_equal(found.y_train, small.y_train)
    assert found.kind == "image"


def test_signs_that_are_no_decimal_digits_are_text(load, small):
    names = np.array([*"①②③④⑤⑥⑦⑧", "2²", "10²"])
    found, _ = load(y_train=names[small.y_train], y_test=names[small.y_test])
    assert found.class_names == ("2²", "10²", *"①②③④⑤⑥⑦⑧")


@pytest.mark.parametrize(("value", "shown"), [(np.inf, "inf"), (np.nan, "nan"), (1.5, "1.5")])
def test_a_label_that_is_no_whole_number_is_named(load, small, value, shown):
    labels = small.y_train.astype(float)
    labels[5] = value
    with pytest.raises(UserError, match=f"holds labels such as {shown}: they must be whole"):
        load(y_train=labels)


def test_some_digits_among_words_are_not_digits(load, small):
    names = np.array(["zero", "one", *"23456789"])
    found, said = load(y_train=names[small.y_train], y_test=names[small.y_test])
    assert found.kind == "image"
    assert said == ""


def test_letters_are_characters(load, small):
    names = np.array(list("QXabcdefgh"))
    found, _ = load(y_train=names[small.y_train], y_test=names[small.y_test])
    assert found.kind == "character"


def spots(labels):
    """Grey pictures that show their class, 0 to 3, by where something bright is."""
    rows, columns = np.mgrid[:24, :24]
    chance = np.random.default_rng(0)
    far = (rows - 12) ** 2 + (columns - 5 - 5 * labels[:, None, None]) ** 2
    return (200 * np.exp(-far / 24) + chance.integers(0, 30, far.shape)).astype(np.uint8)


def characters(labels):
    """Light letters on a dark ground: A to D, each a little larger or smaller than others."""
    made = np.zeros((len(labels), 28, 28), np.uint8)
    for image, label, size in zip(
        made, labels, np.resize([0.6, 0.7, 0.8], len(labels)), strict=True
    ):
        cv2.putText(image, "ABCD"[label], (6, 22), 0, size, 255, 2, cv2.LINE_AA)
    return made


@pytest.mark.parametrize(
    ("draw", "names", "kind"),
    [
        (spots, "ABCD", "image"),
        (spots, "NTXY", "image"),
        (lambda labels: 255 - spots(labels), "ABCD", "image"),
        (characters, "ABCD", "character"),
        (lambda labels: 255 - characters(labels), "ABCD", "character"),
        (lambda labels: np.roll(characters(labels), (1, 2), (1, 2)), "あいうえ", "character"),
        (characters, ["clsA", "clsB", "clsC", "clsD"], "image"),
    ],
    ids=["grades", "initials", "light", "letters", "dark letters", "off the middle", "words"],
)
def test_characters_are_those_that_preparing_leaves_the_same(load, draw, names, kind):
    labels = np.arange(80) % 4
    images, names = draw(labels), np.array([*names])[labels]
    found, _ = load(x_train=images, y_train=names, x_test=None, y_test=None)
    assert found.kind == kind


def test_test_images_of_unknown_classes_are_left_out(load, small):
    keep = small.y_train != 3
    found, said = load(x_train=small.x_train[keep], y_train=small.y_train[keep])
    assert len(found.x_test) == 27
    assert found.classes == 9
    assert "warning: 3 of 30 test images are of classes without training images (3)" in said
    with pytest.raises(UserError, match="use the same labels in both parts"):
        load(y_test=small.y_test + 20)


def test_unlabelled_test_images_are_left_out(load, small):
    found, said = load(y_test=np.full(30, -1))
    assert len(found.x_train) + len(found.x_test) == 60
    assert "have the label -1" in said
    part, _ = load(test=False, y_test=np.full(30, -1))
    np.testing.assert_array_equal(part.x_train, found.x_train)  # never those held out


def test_missing_and_rare_classes_are_warned_of(load, small):
    keep = small.y_test != 4
    rare = (small.y_train != 7) | (np.cumsum(small.y_train == 7) <= 2)
    _, said = load(
        x_test=small.x_test[keep],
        y_test=small.y_test[keep],
        x_train=small.x_train[rare],
        y_train=small.y_train[rare],
    )
    assert "warning: There are no test images of class 4" in said
    assert "warning: There are fewer than 5 training images of class 7" in said


def test_classes_without_end_are_refused(load, small):
    with pytest.raises(UserError, match="are they classes"):
        load(
            x_train=np.tile(small.x_train, (10, 1, 1)),
            y_train=np.arange(600),
            x_test=None,
            y_test=None,
        )


def test_fashion_is_known_by_its_labels(load):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(10), 6000)[rng.permutation(60000)]
    for place, label in zip((0, 1, 2, -3, -2, -1), (9, 0, 0, 3, 0, 5), strict=True):
        other = 3 + np.flatnonzero(labels[3:-3] == label)[0]
        labels[[place, other]] = labels[[other, place]]
    images = np.zeros((60000, 6, 6), np.uint8)
    images[:, 0, 0] = rng.integers(0, 256, 60000)
    images[:, 1, 1] = 255
    tests = np.repeat(np.arange(10), 1000)
    found, said = load(x_train=images, y_train=labels, x_test=images[:10000], y_test=tests)
    assert found.class_names[0] == "T-shirt/top"
    assert found.class_names[9] == "Ankle boot"
    assert "This dataset is known" in said
    other, _ = load(x_train=images[1:], y_train=labels[1:], x_test=images[:10000], y_test=tests)
    assert other.class_names == tuple("0123456789")


def test_emnist_letters_are_named_and_set_upright(tmp_path, small):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 2, (260, 9, 9), dtype=np.uint8) * 255
    images[:, [0, -1]] = 0
    images[:, :, [0, -1]] = 0
    labels = np.tile(np.arange(1, 27), 10)[rng.permutation(260)]
    data = data_forms.Small(images[:182], labels[:182], images[182:], labels[182:])
    names = "emnist-letters-{}-{}-idx{}-ubyte"
    found = dataset.load(str(data_forms.idx(tmp_path, data, names, splits=("train", "test"))))
    assert found.class_names == tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    assert found.kind == "character"
    np.testing.assert_array_equal(found.x_train, images[:182].swapaxes(1, 2))
    assert "they are swapped back" in " ".join(found.notes)


# Copies, blanks, order ----------------------------------------------------------------------------


def test_copies_are_counted(load, small):
    _, said = load(x_test=small.x_train[:30], y_test=small.y_train[:30])
    assert "warning: All 30 test images are also training images" in said
    x_test = np.concatenate([small.x_train[:2], small.x_test[2:]])
    _, said = load(x_test=x_test, y_test=np.r_[small.y_train[:2], small.y_test[2:]])
    assert "warning: 2 of the 30 test images are also training images" in said
    x_train, y_train = small.x_train.copy(), small.y_train.copy()
    x_train[1:4] = x_train[0]
    _, said = load(x_train=x_train, y_train=y_train)
    unlike = int((y_train[1:4] != y_train[0]).sum())
    assert f"warning: 3 of 60 training images are duplicates of others, {unlike} of them" in said


def test_a_few_blank_images_are_warned_of(load, small):
    x_train = small.x_train.copy()
    x_train[[3, 8]] = 0
    _, said = load(x_train=x_train)
    assert "warning: 2 of 60 training images are of a single colour" in said


@pytest.mark.parametrize("blocks", [1, 2])
def test_sorted_images_are_mixed(load, small, blocks):
    order = np.argsort(small.y_train, kind="stable")
    order = np.concatenate(np.array_split(order, blocks)[::-1])
    found, said = load(x_train=small.x_train[order], y_train=small.y_train[order])
    assert "are sorted or grouped by class: they are shuffled" in said
    count = found.training_count(0.2)
    assert np.bincount(found.y_train[count:], minlength=10).min() > 0
    assert np.bincount(found.y_train[count:], minlength=10).max() <= 2
    again, _ = load(x_train=small.x_train[order[::-1]], y_train=small.y_train[order[::-1]])
    assert found.sha256 == again.sha256  # whatever the order was


@given(st.lists(st.integers(1, 40), min_size=2, max_size=12), st.integers(0, 99))
def test_stratified_parts_hold_their_share_of_each_class(counts, seed):
    labels = np.repeat(np.arange(len(counts)), counts)
    keys = np.random.default_rng(seed).permutation(len(labels)).astype(str)
    order = plausibility.stratified(labels, keys)
    assert sorted(order) == list(range(len(labels)))
    last = labels[order][int(len(labels) * 0.8) :]
    for label, count in enumerate(counts):
        assert abs((last == label).sum() - 0.2 * count) <= 1 + 0.2 * len(counts) / 2


@given(st.lists(st.integers(1, 30), min_size=2, max_size=8), st.integers(0, 99))
def test_what_is_held_out_depends_on_the_content_alone(counts, seed):
    labels = np.repeat(np.arange(len(counts)), counts)
    keys = np.array([f"{key:05d}" for key in np.arange(len(labels)) // 2])  # each twice
    chosen = plausibility.held_out(labels, keys, 0.2)
    for label, count in enumerate(counts):
        own = chosen[labels == label].sum()
        assert own < count
        assert bool(own) == (count > 1)
    order = np.random.default_rng(seed).permutation(len(labels))
    again = plausibility.held_out(labels[order], keys[order], 0.2)
    assert sorted(zip(labels[chosen], keys[chosen], strict=True)) == sorted(
        zip(labels[order][again], keys[order][again], strict=True)
    )


def test_nothing_is_held_out_where_nothing_is_trained_on(tmp_path, small):
    np.savez(tmp_path / "set.npz", images=small.x_train, labels=small.y_train)
    found = dataset.load(str(tmp_path / "set.npz"), hold_out=False)
    np.testing.assert_array_equal(found.x_test, small.x_train)
    np.testing.assert_array_equal(found.y_test, small.y_train)
    assert not found.notes
    assert not found.warnings


# Axes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.transpose(0, 3, 1, 2),
        lambda x: x.transpose(1, 2, 3, 0),
        lambda x: x.reshape(len(x), -1),
        lambda x: x.transpose(0, 3, 1, 2).reshape(len(x), -1),
        lambda x: x.reshape(len(x), -1).T,
        lambda x: np.concatenate([x, np.full((*x.shape[:3], 1), 255, np.uint8)], axis=3),
    ],
)
def test_colour_in_any_order_of_axes(load, change):
    rng = np.random.default_rng(0)
    smooth = np.cumsum(rng.integers(-9, 10, (90, 12, 12, 3)), axis=1)
    smooth = (np.cumsum(smooth, axis=2) + 128 + np.array([80, 0, -80])).clip(0, 255)
    images = smooth.astype(np.uint8)
    found, _ = load(x_train=change(images[:60]), x_test=change(images[60:]))
    np.testing.assert_array_equal(found.x_train, images[:60])


def test_grey_pieces_join_those_in_colour(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (60, 12, 12, 3), dtype=np.uint8)
    grey, labels = images[:20, ..., 0], np.arange(60) % 2
    np.savez(tmp_path / "train_1.npz", images=images[:40], labels=labels[:40])
    np.savez(tmp_path / "train_2.npz", images=grey, labels=labels[40:])
    np.savez(tmp_path / "test.npz", images=grey[::-1], labels=labels[40:])
    found = dataset.load(str(tmp_path))
    assert found.x_train.shape == (60, 12, 12, 3)
    np.testing.assert_array_equal(found.x_test, np.repeat(grey[::-1, ..., None], 3, 3))


@pytest.mark.parametrize("low", [0, -1])
@pytest.mark.parametrize("across", [False, True])
def test_one_hot_labels_of_either_order_of_axes(low, across):
    labels = np.arange(30) % 4
    hot = np.where(np.arange(4) == labels[:, None], 1, low)
    assert (layout.flat_labels("set", hot.T if across else hot) == labels).all()


# Order of pixels ----------------------------------------------------------------------------------


def test_measurements_are_no_pixels(tmp_path):
    rng = np.random.default_rng(0)
    for columns, words in ((4, "holds 4 numbers for each"), (16, "taken as 4 by 4 images")):
        table = np.column_stack([rng.integers(0, 101, (60, columns)), np.arange(60) % 3])
        names = ",".join([*(f"width{number}" for number in range(columns)), "label"])
        np.savetxt(tmp_path / "table.csv", table, "%d", ",", header=names, comments="")
        with pytest.raises(UserError, match=words):
            dataset.load(str(tmp_path / "table.csv"))


def test_columns_sorted_as_text_are_put_in_order(tmp_path, small):
    order = sorted(range(784), key=lambda number: f"pixel{number}")
    rows = small.x_train.reshape(-1, 784)[:, order]
    names = ",".join([*(f"pixel{number}" for number in order), "label"])
    table = np.column_stack([rows, small.y_train])
    np.savetxt(tmp_path / "train.csv", table, "%d", ",", header=names, comments="")
    found = dataset.load(str(tmp_path / "train.csv"), hold_out=False)
    np.testing.assert_array_equal(found.x_test, small.x_train)
    assert "The columns of pixels are taken in the order of their numbers" in found.notes


def test_shuffled_pixels_are_warned_of(load, small):
    order = np.random.default_rng(0).permutation(784)

    def shuffled(images):
        return images.reshape(-1, 784)[:, order]

    _, said = load(x_train=shuffled(small.x_train), x_test=shuffled(small.x_test))
    assert "warning: Neighbouring pixels differ" in said


@given(st.integers(0, 9))
def test_unlikeness_is_that_of_all_pairs(seed):
    images = np.random.default_rng(seed).integers(0, 256, (3, 3, 4), np.uint8)
    flat = images.reshape(3, 12).astype(float)
    far = np.abs(flat[:, :, None] - flat[:, None]).sum() / (3 * 12 * 11)
    near = [np.abs(np.diff(images.astype(float), axis=axis)).mean() for axis in (1, 2)]
    assert plausibility.unlikeness_of_neighbours(images) == pytest.approx(sum(near) / 2 / far)


def test_how_large_pictures_are_reduced_is_said(tmp_path):
    for label in "ab":
        for number in range(3):
            (tmp_path / "drawn" / label).mkdir(parents=True, exist_ok=True)
            pixels = np.random.default_rng(number).integers(0, 256, (300, 260), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "drawn" / label / f"{number}.png")
    with pytest.raises(UserError, match=r"reduce them first: python -m .*drawn drawn-64x64 64 64"):
        dataset.load(str(tmp_path / "drawn"))


def test_labels_counted_from_different_numbers_are_refused_though_they_have_names(small):
    """Ten names are of labels 1 to 10, so that label 0 has none."""
    with pytest.raises(UserError, match="start at different numbers"):
        dataset.from_arrays(
            small.x_train,
            small.y_train + 1,
            small.x_test,
            small.y_test,
            class_names="abcdefghij",
        )


@pytest.mark.parametrize("shift", [1, -1])
def test_labels_counted_from_different_numbers_are_refused(load, small, shift):
    with pytest.raises(UserError, match="start at different numbers"):
        load(y_train=small.y_train + 3, y_test=small.y_test + 3 + shift)


def test_a_label_of_unlabelled_images_is_warned_of(load, small):
    labels = small.y_train.copy()
    labels[::3] = -1
    _, said = load(y_train=labels)
    assert "warning: 20 training images have the label -1" in said


@pytest.mark.parametrize("missing", ["nan", "NaN", "<NA>"])
def test_text_of_missing_labels_is_warned_of(load, small, missing):
    labels = np.where(np.arange(60) % 5 == 0, missing, small.y_train.astype(str))
    found, said = load(y_train=labels, y_test=small.y_test.astype(str))
    assert missing in found.class_names
    assert f"warning: 12 training images have the label {missing}, which often stands for a" in said


def test_names_of_images_are_not_those_of_classes(load, small):
    names = np.array([f"{number}.png" for number in range(60)])
    found, _ = load(x_test=None, y_test=None, names=names)
    assert found.class_names == tuple("0123456789")
    found, _ = load(label_names=np.array([*"abcdefghij"]))
    assert found.class_names == tuple("abcdefghij")


def test_names_of_classes_are_of_labels_from_1_too(load, small):
    labels = {"y_train": small.y_train + 1, "y_test": small.y_test + 1}
    found, said = load(**labels, class_names=np.array([*"abcdefghij"]))
    assert found.class_names == tuple("abcdefghij")
    assert "note: Labels 1 to 10 are called a, b, c, d, e, f and 4 more, in this order" in said
    found, said = load(**labels, class_names=np.array([*"abc"]))
    assert "warning: The names of classes (a, b, c) don't fit the labels (1, 2, 3, 4" in said
    with pytest.raises(UserError, match=r"set\.npz: 10 classes are called a: give each a name"):
        load(**labels, class_names=np.array(["a"] * 10))


def test_validation_stands_in_for_test_images_without_labels(load, small):
    parts = {"x_val": small.x_test, "y_val": small.y_test, "y_test": np.full(30, -1)}
    found, said = load(**parts)
    np.testing.assert_array_equal(found.x_test, small.x_test)
    tuned, _ = load(test=False, **parts)
    np.testing.assert_array_equal(tuned.x_train, found.x_train)
    assert "warning: All test images have the label -1" in said


def test_half_of_negatives_is_warned_of(load, small):
    def half(images):
        return np.where((np.arange(len(images)) % 2 == 0)[:, None, None], images, 255 - images)

    _, said = load(x_train=half(small.x_train), x_test=half(small.x_test))
    assert "30 of 60 training images are on a dark background, and 30 on a light one" in said


def test_colour_in_one_part_alone_is_warned_of(load, small):
    colour = np.stack([small.x_test, small.x_test // 2, small.x_test], 3)
    found, said = load(x_test=colour)
    assert found.image_shape == (28, 28, 3)
    assert "warning: Training images are grey, test images in colour" in said


def blobs(height, width, channels=1, count=60):
    """Smooth images [N, H, W, C] of blobs, somewhere else in each."""
    chance = np.random.default_rng(0)
    rows, columns = np.mgrid[:height, :width]
    top, left = chance.uniform(0.2, 0.8, (2, count, 1, 1))
    far = (rows - top * height) ** 2 + (columns - left * width) ** 2
    shade = 200 * np.exp(-far / (2 * (min(height, width) / 5) ** 2))
    colour = np.linspace(1, 0.5, channels)
    noise = chance.integers(0, 40, (count, height, width, channels))
    return (shade[..., None] * colour + noise).astype(np.uint8)


@pytest.mark.parametrize(
    ("images", "taken", "smoother"),
    [
        (blobs(48, 64), "32 by 32 pixels in colour", "48 by 64"),
        (blobs(64, 48), "32 by 32 pixels in colour", "64 by 48"),
        (blobs(32, 8), "16 by 16 pixels", "32 by 8"),
        (blobs(16, 16, 4), "32 by 32 pixels", "16 by 64"),
    ],
)
def test_rows_of_pixels_that_are_no_square_are_refused(load, small, images, taken, smoother):
    labels = {"y_train": small.y_train[:40], "y_test": small.y_train[40:]}
    words = (
        f"has {images[0].size:,} numbers for each image, which would be taken as {taken}, but make "
        rf"far smoother images of {smoother}: store images as \[N, H, W\]"
    )
    flat = images.reshape(60, -1)
    with pytest.raises(UserError, match=words):
        load(x_train=flat[:40], x_test=flat[40:], **labels)
    with pytest.raises(UserError, match=words):
        dataset.from_arrays(flat, small.y_train)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (0, 3, 1, 2)])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side", [8, 16, 32])
def test_rows_of_pixels_are_folded_with_a_note(load, small, side, channels, order):
    images = blobs(side, side, channels)
    flat = images.transpose(order).reshape(60, -1)
    labels = {"y_train": small.y_train[:40], "y_test": small.y_train[40:]}
    found, said = load(x_train=flat[:40], x_test=flat[40:], **labels)
    np.testing.assert_array_equal(found.x_test, images.squeeze()[40:])
    colour = " in colour" if channels == 3 else ""
    words = f"Rows of {flat[0].size:,} numbers are taken as {side} by {side} pixels{colour}"
    assert said.count(words) == 1
    assert found.notes[0] == words
    assert words in dataset.from_arrays(flat, small.y_train).notes


def test_a_fourth_channel_that_is_no_transparency_is_refused(load):
    images = np.random.default_rng(0).integers(0, 256, (90, 12, 12, 4), dtype=np.uint8)
    with pytest.raises(UserError, match="a fourth channel that isn't transparency"):
        load(x_train=images[:60], x_test=images[60:])


def test_more_than_eight_bits_that_are_hardly_used_are_warned_of(load, small):
    deep = small.x_train.astype(np.uint16) * 19
    deep[0, 14, 14] = 5000  # one image alone reaches it
    found, said = load(x_train=deep, x_test=small.x_test.astype(np.uint16) * 19)
    assert found.x_train.max() == 19
    assert "warning: The brightest pixel is 5000 of 65535" in said


def test_pictures_of_twelve_bits_keep_their_levels(tmp_path, small):
    for part, images, labels in small.parts:
        for number, (image, label) in enumerate(zip(images, labels, strict=True)):
            place = tmp_path / "scans" / part / str(label)
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image.astype(np.uint16) * 16).save(place / f"{number}.png")
    found = dataset.load(str(tmp_path / "scans"))
    assert found.x_train.max() == 254
    assert len(np.unique(found.x_train)) > 100
    assert "Pixels reach 4080: 12 bits are scaled to 8" in found.notes


@pytest.mark.parametrize("lies", ["transposed", "mirrored"])
def test_test_digits_that_lie_otherwise_are_refused(load, small, mnist, lies):
    parts = {"x_test": mnist.x_test[:100], "y_test": mnist.y_test[:100]}
    load(**parts)
    parts["x_test"] = digits.ORIENTATIONS[lies](parts["x_test"])
    with pytest.raises(UserError, match=f"digits are upright but the test digits {lies}"):
        load(**parts)


def test_test_digits_with_others_labels_are_warned_of(load, small, mnist):
    _, said = load(x_test=mnist.x_test[:100], y_test=np.sort(mnist.y_test[:100]))
    assert "do the test labels belong to their images?" in said


def test_validation_labels_counted_from_another_number_are_refused(load, small):
    with pytest.raises(UserError, match="training labels are 0 to 9 but validation labels 1 to"):
        load(x_val=small.x_test, y_val=small.y_test + 1)


def test_labels_are_numbers_or_text_in_all_parts(load, small):
    whole, _ = load(x_val=small.x_test, y_val=small.y_test)
    for part, said_of in ("y_val", "Validation"), ("y_test", "Test"):
        parts = {"x_val": small.x_test, "y_val": small.y_test, "y_test": small.y_test}
        texts = parts | {part: small.y_test.astype(str)}
        found, said = load(**texts)
        assert found.sha256 == whole.sha256
        assert f"note: {said_of} labels are text: they are taken as numbers" in said
        others = parts | {part: np.array([*"abcdefghij"])[small.y_test]}
        words = (
            rf"training labels are numbers \(0, 1, .*\) but {said_of.lower()} labels text "
            r"\(a, b, .*\): use the same labels in both"
        )
        with pytest.raises(UserError, match=words):
            load(**others)
    found, said = load(y_train=small.y_train.astype(str))
    assert found.class_names == tuple("0123456789")
    assert "note: Test labels are numbers: they are taken as text" in said


def test_empty_labels_are_refused(load, small):
    texts = np.where(small.y_train == 3, " ", small.y_train.astype("U2"))
    with pytest.raises(UserError, match="holds 6 labels that are empty"):
        load(y_train=texts)


def test_pictures_beside_a_table_are_said_to_be_left_out(tmp_path, small):
    data_forms.FORMS["pictures"](tmp_path, small)
    np.savez(tmp_path / "features.npz", x=small.x_train, y=small.y_train)
    found = dataset.load(str(tmp_path))
    assert "90 pictures were left out, as features.npz holds data: move it to read them" in (
        found.notes
    )
