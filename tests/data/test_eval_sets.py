"""Evaluation sets: severities worked out by hand, one name for each, refusals in one line."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from mnist_aug.data import eval_sets
from mnist_aug.data.corruptions import CORRUPTIONS
from mnist_aug.data.eval_sets import SEVERITIES
from mnist_aug.errors import UserError


@pytest.mark.parametrize("quarters", [-2, -1, 1, 2])
def test_quarter_turns_go_clockwise(digits, quarters):
    turned = eval_sets.rotated(digits.x_test[:20], 90 * quarters).astype(int)
    expected = np.rot90(digits.x_test[:20], -quarters, axes=(1, 2))  # it turns the other way
    assert np.abs(turned - expected).max() <= 1


@pytest.mark.parametrize("shift", range(5))
def test_shifts_go_right_down_left_and_up_in_turn(shift):
    images = np.zeros((8, 9, 11), np.uint8)
    images[:, 4, 5] = 200
    shifted = eval_sets.shifted(images, shift)
    ways = [[4, 5 + shift], [4 + shift, 5], [4, 5 - shift], [4 - shift, 5]]
    assert np.argwhere(shifted == 200)[:, 1:].tolist() == 2 * ways
    assert (shifted.sum((1, 2)) == 200).all()


def test_scaling_is_about_the_centre():
    images = np.zeros((1, 28, 28), np.uint8)
    images[:, 10:18, 10:18] = 255
    for factor in (0.5, 1.5):
        scaled = eval_sets.scaled(images, factor)[0].astype(float) / 255
        assert np.isclose(scaled.sum(), 64 * factor**2, rtol=0.02)
        assert np.isclose(scaled.sum(0) @ np.arange(28) / scaled.sum(), 13.5, atol=0.05)


def test_noise_is_the_same_at_every_severity():
    grey = np.full((200, 28, 28), 128, np.uint8)
    weak, strong = (eval_sets.noisy(grey, std).astype(float) - 128 for std in (0.05, 0.1))
    assert np.isclose(strong.std(), 25.5, rtol=0.01)
    inside = np.abs(strong) < 127
    assert np.abs(strong - 2 * weak)[inside].max() <= 1.5  # both are rounded


@pytest.mark.parametrize("width", [-2, -1, 0, 1, 2, 3])
def test_strokes_grow_by_the_pixels_given(width):
    images = np.zeros((2, 28, 28), np.uint8)
    images[0, :, 10:14] = images[1, 10:14] = 90
    lines = eval_sets.thickened(images, float(width))
    assert set(np.unique(lines)) == {0, 90}
    assert lines[0].any(0).sum() == lines[1].any(1).sum() == 4 + width


@pytest.mark.parametrize("axis", SEVERITIES)
def test_severities_are_unique_and_change_what_the_clean_one_does_not(digits, axis):
    images, axis = digits.x_test[:20], SEVERITIES[axis]
    assert len({f"{severity:g}" for severity in axis.severities}) == len(axis.severities)
    np.testing.assert_array_equal(axis.apply(images, axis.clean), images)
    for severity in axis.severities:
        assert (axis.apply(images, severity) != images).any((1, 2)).all()


def test_every_name_makes_a_set_of_the_digits(digits):
    names = list(eval_sets.names(replace(digits, kind="digit")))
    assert names[:3] == ["test", "training", "validation"]
    assert names[3:18] == [f"corruption/{kind}" for kind in CORRUPTIONS]
    assert names[18:] == [
        f"{axis}/{severity:g}" for axis in SEVERITIES for severity in SEVERITIES[axis].severities
    ]
    assert len(names) == len(set(names)) == 3 + 15 + 12 + 8 + 11 + 6 + 5
    test, training, validation, *others = (eval_sets.make(name, digits, 0.2) for name in names)
    np.testing.assert_array_equal(test.images, digits.x_test)
    np.testing.assert_array_equal(training.images, digits.x_train[:1150])
    np.testing.assert_array_equal(training.labels, digits.y_train[:1150])
    np.testing.assert_array_equal(validation.images, digits.x_train[1150:])
    np.testing.assert_array_equal(validation.labels, digits.y_train[1150:])
    for name, one in zip(names[3:], others, strict=True):
        assert one.name == name
        assert one.images.shape == digits.x_test.shape
        assert one.images.dtype == np.uint8
        assert (one.images != digits.x_test).any()
    for one in (test, *others):
        np.testing.assert_array_equal(one.labels, digits.y_test)
    whole = eval_sets.make("training", digits, 0)
    np.testing.assert_array_equal(whole.images, digits.x_train)


def test_shifts_are_in_28ths_of_larger_images(few):
    doubled = replace(
        few,
        x_train=few.x_train.repeat(2, 1).repeat(2, 2),
        x_test=few.x_test.repeat(2, 1).repeat(2, 2),
    )
    shifted = eval_sets.make("shift/3", doubled, 0.2).images
    np.testing.assert_array_equal(shifted[0, :, 6:], doubled.x_test[0, :, :-6])


@pytest.mark.parametrize(
    ("side", "pixels"),
    [
        (8, [-1, 1]),
        (14, [-1, 1, 2]),
        (20, [-1, 1, 2]),
        (28, [-2, -1, 1, 2, 3]),
        (56, [-4, -2, 2, 4, 6]),
    ],
)
def test_strokes_change_by_whole_pixels_at_any_side(few, side, pixels):
    content = sized(replace(few, kind="digit"), side, side + 3)
    assert eval_sets.severities("stroke", content) == pixels
    names = [name for name in eval_sets.names(content) if name.startswith("stroke/")]
    assert names == [f"stroke/{one}" for one in pixels]
    made = [eval_sets.make(name, content, 0.2).images for name in names]
    for images, added in zip(made, pixels, strict=True):
        assert (images >= content.x_test).all() == (added > 0)
        assert (images <= content.x_test).all() == (added < 0)


@pytest.mark.parametrize("change", [{"kind": "image"}, {"kind": "character", "background": None}])
def test_images_without_drawn_strokes_have_no_severities_of_them(few, change):
    names = [*eval_sets.names(replace(few, **{"kind": "digit"} | change))]
    assert not [name for name in names if name.startswith("stroke/")]
    assert len(names) == 3 + 15 + 12 + 8 + 11 + 6


@pytest.mark.parametrize("name", sorted({*eval_sets.SEVERITIES} | {"corruption"}))
def test_dark_ink_on_light_is_changed_as_its_negative(few, name):
    content = replace(few, kind="digit")
    light = replace(content, x_test=255 - few.x_test, background=255)
    for one in eval_sets.names(content):
        if one.split("/")[0] == name:
            on_dark, on_light = (eval_sets.make(one, d, 0.2).images for d in (content, light))
            np.testing.assert_array_equal(255 - on_light, on_dark)


@pytest.mark.parametrize("fill", [(0, 0, 0), (90, 20, 60), (255, 250, 200)])
def test_colour_is_filled_with_the_background(few, fill):
    content = replace(
        few,
        x_test=np.broadcast_to(np.uint8(fill), (8, 9, 14, 3)),
        x_train=np.zeros((1, 9, 14, 3), np.uint8),
        background=fill,
        kind="digit",
    )
    for name in eval_sets.names(content):
        made = eval_sets.make(name, content, 0).images
        assert made.shape == content.x_test.shape or name in ("training", "validation")
        if name.split("/")[0] in ("rotation", "shift", "scale", "stroke"):
            np.testing.assert_array_equal(made, content.x_test)


def sized(content, height, width):
    """The dataset with images of another size."""
    return replace(
        content,
        **{
            part: np.stack([cv2.resize(image, (width, height)) for image in images])
            for part, images in (("x_train", content.x_train), ("x_test", content.x_test))
        },
    )


@pytest.fixture
def few(digits):
    return replace(
        digits,
        x_train=digits.x_train[:50],
        y_train=digits.y_train[:50],
        x_test=digits.x_test[:5],
        y_test=digits.y_test[:5],
    )


def test_mnist_alone_is_also_read_on_the_digits(digits, few):
    assert eval_sets.read(few) == []
    (found,) = eval_sets.read(replace(few, name="mnist"))
    assert found.name == "other/sklearn-digits"
    assert found.images.shape == (1797, 28, 28)
    np.testing.assert_array_equal(found.images[-len(digits.x_test) :], digits.x_test)
    np.testing.assert_array_equal(found.labels[: len(digits.y_train)], digits.y_train)


@pytest.fixture
def extra(few, tmp_path):
    def save(**changed):
        np.savez(
            tmp_path / "mine.npz",
            **{
                "x_train": few.x_train,
                "y_train": few.y_train,
                "x_test": few.x_test[::-1],
                "y_test": few.y_test[::-1],
            }
            | changed,
        )
        return str(tmp_path / "mine.npz")

    return save


def test_extra_images_of_the_same_shape_are_read(few, extra):
    (found,) = eval_sets.read(few, extra=extra())
    assert found.name == "other/mine"
    np.testing.assert_array_equal(found.images, few.x_test[::-1])
    np.testing.assert_array_equal(found.labels, few.y_test[::-1])


def test_extra_classes_are_those_of_the_same_name(few, monkeypatch):
    names = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    content = replace(few, class_names=names)
    for given in (names[::-1], names[3:], names):
        labels = np.arange(len(given), dtype=np.int32)
        extra = replace(
            few,
            name="mine",
            class_names=given,
            x_test=few.x_test[:1].repeat(len(given), 0),
            y_test=labels,
        )
        monkeypatch.setattr(eval_sets.dataset, "load", lambda source, found=extra, **_: found)
        (found,) = eval_sets.read(content, extra="mine")
        assert [names[label] for label in found.labels] == list(given)
    numbered = replace(few, name="mine")
    monkeypatch.setattr(eval_sets.dataset, "load", lambda source, **_: numbered)
    (found,) = eval_sets.read(content, extra="mine")
    np.testing.assert_array_equal(found.labels, few.y_test)
    some = replace(few, name="mine", class_names=("2", "5"), y_test=few.y_test % 2)
    monkeypatch.setattr(eval_sets.dataset, "load", lambda source, **_: some)
    (found,) = eval_sets.read(content, extra="mine")
    np.testing.assert_array_equal(found.labels, np.array([2, 5])[few.y_test % 2])
    monkeypatch.setattr(eval_sets.dataset, "load", lambda source, **_: content)
    with pytest.raises(UserError, match="classes that the models don't know, zero, one"):
        eval_sets.read(few, extra="mine")
    strange = replace(numbered, class_names=("zero", "un", *names[2:]))
    monkeypatch.setattr(eval_sets.dataset, "load", lambda source, **_: strange)
    with pytest.raises(UserError, match="classes that the models don't know, un: name them as"):
        eval_sets.read(content, extra="mine")
    others = replace(numbered, class_names=(*map(str, range(1, 11)),))
    monkeypatch.setattr(eval_sets.dataset, "load", lambda source, **_: others)
    with pytest.raises(UserError, match="classes that the models don't know, 10: name them as"):
        eval_sets.read(few, extra="mine")


def test_extra_images_of_the_other_polarity_are_refused(few, monkeypatch):
    light = replace(few, name="mine", background=255)
    monkeypatch.setattr(eval_sets.dataset, "load", lambda source, **_: light)
    with pytest.raises(UserError, match=r"EXTRA mine is dark on light, but .* light on dark: inv"):
        eval_sets.read(few, extra="mine")


def test_extra_images_that_are_training_images_are_counted(few, extra, capsys):
    images = np.concatenate([few.x_test[1:], few.x_train[:1]])
    eval_sets.read(few, extra=extra(x_test=images))
    assert "warning: 1 of 5 images of EXTRA" in capsys.readouterr().out


def test_unfit_extra_images_are_refused_before_any_work(few, extra):
    for changed in (
        {"x_train": few.x_train[:, 1:], "x_test": few.x_test[:, 1:]},
        {"y_train": np.append(few.y_train[:-1], 10)},
    ):
        with pytest.raises(UserError, match=r"EXTRA .*mine\.npz has 1\d classes and images of"):
            eval_sets.read(few, extra=extra(**changed))


def test_an_extra_set_may_not_take_the_name_of_the_digits(few, extra, tmp_path):
    taken = Path(extra()).rename(tmp_path / "sklearn-digits.npz")
    with pytest.raises(
        UserError, match="has the name of a set that is evaluated anyway: rename it"
    ):
        eval_sets.read(few, extra=str(taken))


@pytest.fixture
def fog(few, tmp_path):
    folder = tmp_path / "mnist_c" / "fog"
    folder.mkdir(parents=True)
    np.save(folder / "test_images.npy", few.x_test[..., None])
    np.save(folder / "test_labels.npy", few.y_test.astype(np.int64))
    return folder


def test_the_published_layout_is_read(few, fog):
    (found,) = eval_sets.read(few, mnist_c=str(fog.parent))
    assert found.name == "mnist-c/fog"
    assert found.images.dtype == np.uint8
    np.testing.assert_array_equal(found.images, few.x_test)
    np.testing.assert_array_equal(found.labels, few.y_test)


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("images", lambda array: array.astype(np.float32)),
        ("images", lambda array: array[:, 1:]),
        ("images", lambda array: array[:-1]),
        ("images", lambda array: np.array([{}] * 5)),
        ("labels", lambda array: np.array([None] * 5)),
        ("labels", lambda array: array / 1),
        ("labels", lambda array: array - 10),
        ("labels", lambda array: array + 10),
        ("labels", lambda array: array[:, None]),
    ],
)
def test_unfit_published_arrays_are_named(few, fog, file, change):
    path = fog / f"test_{file}.npy"
    np.save(path, change(np.load(path)), allow_pickle=True)
    with pytest.raises(UserError, match=r"download (or write )?it again") as error:
        eval_sets.read(few, mnist_c=str(fog.parent))
    assert str(fog) in str(error.value)


@pytest.mark.parametrize("kept", [0, 5, 60, -1])
@pytest.mark.parametrize("file", ["images", "labels"])
def test_truncated_and_missing_published_files_are_named(few, fog, file, kept):
    path = fog / f"test_{file}.npy"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(UserError, match=f"test_{file}.npy can't be read"):
        eval_sets.read(few, mnist_c=str(fog.parent))
    path.unlink()
    with pytest.raises(UserError, match="test_"):
        eval_sets.read(few, mnist_c=str(fog.parent))


def test_a_folder_without_the_published_files_is_named(few, tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(UserError, match=f"MNIST_C {folder} has no <type>"):
            eval_sets.read(few, mnist_c=str(folder))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04",
        b"\x93NUMPY\x01\x00\x11\x00{'descr': '|u1', \n",
        b"\x93NUMPY\x01\x00\x41\x00{'descr': '|u1', 'fortran_order': False, "
        b"'shape': (-1, 28, 28), }\n",
    ],
)
def test_damaged_headers(few, fog, content):
    (fog / "test_images.npy").write_bytes(content)
    with pytest.raises(UserError, match=r"test_images\.npy can't be read"):
        eval_sets.read(few, mnist_c=str(fog.parent))


def test_an_archive_under_the_name_of_an_array(few, fog):
    with open(fog / "test_images.npy", "wb") as file:
        np.savez(file, images=np.zeros((3, 28, 28), np.uint8))
    with pytest.raises(UserError, match=r"test_images\.npy can't be read"):
        eval_sets.read(few, mnist_c=str(fog.parent))
