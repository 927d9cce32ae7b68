"""`make preview`: what it measures, where that can be worked out; what it says; its page."""

import re
import subprocess
import sys
from dataclasses import replace

import albumentations as A
import numpy as np
import pytest
from conftest import PROJECT
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mnist_aug import vectorize
from mnist_aug.augment import policy as policies
from mnist_aug.augment import saved
from mnist_aug.augment.mixing import Mixer
from mnist_aug.data.dataset import Dataset
from mnist_aug.report import effects, preview


def compose(*transforms):
    return saved.as_data(A.Compose(list(transforms)))


def measured(images, *transforms, background=0):
    """What transforms do to images."""
    pipeline, index = compose(*transforms), np.arange(len(images))
    made = effects.engine(pipeline)(images, (0, 0, index))
    return effects.measured(pipeline, images, made, background, index)


@pytest.fixture
def noted(tmp_path):
    """The notes on a policy of these transforms."""

    def made(dataset, *transforms):
        path = tmp_path / "mine.yaml"
        A.save(A.Compose(list(transforms)), path, data_format="yaml")
        return preview.preview(dataset, str(path)).notes

    return made


@pytest.fixture(scope="module")
def photographs():
    """Smooth pictures in colour, of classes with names."""
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (120, 4, 4, 3)).astype(np.uint8)
    images = np.stack(
        [
            np.asarray(Image.fromarray(one).resize((32, 24), Image.Resampling.BICUBIC))
            for one in small
        ]
    )
    labels = (np.arange(120) % 2).astype(np.int32)
    return Dataset(
        "pets", "made", images[:100], labels[:100], images[100:], labels[100:], ("cat", "dog"), None
    )


# What leaves the picture --------------------------------------------------------------------------


@settings(max_examples=30)
@given(st.integers(-28, 28), st.integers(-28, 28))
def test_ink_that_is_shifted_out_is_that_of_the_rows_and_columns_that_leave(digits, right, down):
    images = digits.x_train[:20]
    shift = A.Affine(translate_px={"x": (right, right), "y": (down, down)}, p=1)
    own = np.where(images > effects.NEAR, images, 0).astype(float)
    stays = own[:, max(0, -down) : min(28, 28 - down), max(0, -right) : min(28, 28 - right)].sum(
        axis=(1, 2)
    )
    found = measured(images, shift)
    np.testing.assert_allclose(found.lost, 1 - stays / own.sum(axis=(1, 2)), atol=1e-9)
    assert (found.empty == (stays == 0)).all()
    assert not found.hidden.any()


@pytest.mark.parametrize(
    "transform",
    [
        A.HorizontalFlip(p=1),
        A.D4(p=1),
        A.Affine(scale=0.5, p=1),
        A.RandomGridShuffle((2, 2), p=1),
        A.InvertImg(p=1),
        A.Morphological(operation="erosion", scale=(3, 3), p=1),
    ],
    ids=lambda transform: type(transform).__name__,
)
def test_what_stays_within_the_picture_loses_nothing(digits, transform):
    assert measured(digits.x_train[:50], transform).lost.max() == 0


def test_a_crop_loses_what_is_around_it(digits):
    images = digits.x_train[:50]
    own = np.where(images > effects.NEAR, images, 0).astype(float)
    stays = own[:, 8:20, 8:20].sum(axis=(1, 2)) / own.sum(axis=(1, 2))
    found = measured(images, A.CenterCrop(12, 12, p=1), A.Resize(28, 28, p=1))
    # The rows and columns next to the crop are not read: it is enlarged after it was cut out.
    np.testing.assert_allclose(found.lost, 1 - stays, atol=1e-9)


def test_without_a_background_every_pixel_counts(photographs):
    shift = A.Affine(translate_px={"x": (8, 8), "y": (0, 0)}, p=1)
    found = measured(photographs.x_train[:10], shift, background=None)
    np.testing.assert_allclose(found.lost, 8 / 32)


def test_holes_hide_what_is_there_and_move_nothing_out():
    images = np.full((50, 28, 28), 255, np.uint8)
    pipeline = A.CoarseDropout(num_holes_range=(2, 4), p=0.7)
    gone = (vectorize(A.Compose([pipeline]))(images, (0, 0, 0)) == 0).mean(axis=(1, 2))
    found = measured(images, pipeline)
    assert 0 < (gone == 0).mean() < 1
    np.testing.assert_allclose(found.hidden, gone)
    assert found.lost.max() == 0


def test_other_transforms_draw_as_they_do_in_the_whole(digits):
    """What is measured in a part of the policy is what the whole does with the same keys."""
    images = digits.x_train[:60]
    parts = (
        A.OneOf([A.GaussNoise(p=1), A.HorizontalFlip(p=1), A.Rotate((90, 90), p=1)], p=0.8),
        A.RandomBrightnessContrast(p=0.5),
        A.SomeOf([A.InvertImg(p=1), A.VerticalFlip(p=1), A.NoOp()], n=2, p=0.7),
    )
    engine, found = vectorize(A.Compose(list(parts))), measured(images, *parts)
    for number in range(60):
        drawn = [one["transform"] for one in engine.replay((0, 0, number), (28, 28))]
        flips = ("HorizontalFlip" in drawn) + ("VerticalFlip" in drawn)
        assert found.mirrored[number] == (flips == 1), drawn
        assert found.turned[number] == (("Rotate" in drawn) or ("VerticalFlip" in drawn)), drawn
        assert found.inverted[number] == ("InvertImg" in drawn), drawn


# Counts -------------------------------------------------------------------------------------------


def test_empty_are_those_with_nothing_left():
    """Bars in the left half stay, bars in the right half are shifted out; blank ones were blank."""
    images = np.zeros((60, 28, 28), np.uint8)
    images[:20, 5:20, 3:8] = images[20:50, 5:20, 18:22] = 200
    found = measured(images, A.Affine(translate_px={"x": (14, 14), "y": (0, 0)}, p=1))
    assert found.empty.tolist() == [False] * 20 + [True] * 30 + [False] * 10
    assert found.lost[:20].tolist() == [0] * 20
    assert found.lost[20:50].tolist() == [1] * 30
    assert np.isnan(found.lost[50:]).all()


def test_unchanged_are_those_that_draw_nothing(digits):
    flip = A.HorizontalFlip(p=0.5)
    engine, found = vectorize(A.Compose([flip])), measured(digits.x_train[:80], flip)
    assert found.unchanged.tolist() == [not engine.replay((0, 0, n)) for n in range(80)]


def test_tried_images_are_spread_over_all():
    index = effects.tried(48_000, (28, 28))
    assert (len(index), index[0], index[-1]) == (2_000, 0, 47_999)
    assert set(np.diff(index)) == {24, 25}
    assert effects.tried(7, (28, 28)).tolist() == [*range(7)]
    assert len(effects.tried(48_000, (256, 256, 3))) == effects.LEAST


# Notes --------------------------------------------------------------------------------------------


@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", ["default", "affine", "wide", "trivialaugment", "elastic"])
def test_usual_policies_call_for_no_note(digits, name):
    assert preview.preview(digits, name).notes == []


@pytest.mark.parametrize(
    ("transform", "words"),
    [
        (A.HorizontalFlip(p=0.5), r"^\d\d.* mirrored \(HorizontalFlip\): a mirrored digit is"),
        (A.VerticalFlip(p=1), r"^100 % .* mirrored \(VerticalFlip\)"),
        (A.Rotate((180, 180), p=1), r"^100 % .* turned by more than 45°, .*\(Rotate\).* 6 and 9"),
        (
            A.Affine(translate_percent={"x": (0.4, 0.4), "y": (0, 0)}, p=1),
            r"lose more than 10 % of their ink over the edge \(Affine\): they are cut off",
        ),
        (A.InvertImg(p=1), r"^100 % of the images are inverted \(InvertImg\)"),
        (A.Affine(rotate=20, fill=128, p=1), r"^100 % .* \(Affine\): set fill: 0$"),
        (A.Affine(scale=0.3, p=1), r"^100 % .* enlarged or shrunk more than 2 times"),
        (A.Affine(translate_px={"x": (28, 28), "y": (0, 0)}, p=1), r"^100 % .* come out empty"),
        (A.HorizontalFlip(p=0.1), r"^\d\d.* of the images come out unchanged$"),
        (A.Erasing(scale=(0.7, 0.7), ratio=(1, 1), p=1), r"of their ink to holes \(Erasing\)"),
        (A.Morphological(scale=(1, 1), p=1), r"^Morphological \(scale 1\) changes none of the"),
        (
            A.Solarize(threshold_range=(0.1, 0.1), p=1),
            r"barely related to the original's.*\(Solarize\)",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, A.BasicTransform) else "",
)
def test_what_is_seen_at_once_is_noted(few, noted, transform, words):
    assert any(re.search(words, note) for note in noted(few, transform)), noted(few, transform)


def test_photographs_may_be_mirrored_but_not_turned_upside_down(photographs, noted):
    assert noted(photographs, A.HorizontalFlip(p=1)) == []
    (note,) = noted(photographs, A.VerticalFlip(p=1))
    assert note.startswith("100 % of the images are turned by more than 45°, or upside down")
    numbered = replace(photographs, class_names=("0", "1"))
    (note,) = noted(numbered, A.HorizontalFlip(p=1))
    assert note.endswith("right for many natural pictures, wrong for digits and letters")


def test_a_policy_that_does_nothing_at_a_size(few):
    small = replace(few, x_train=few.x_train[:, 4:24:2, 4:24:2].copy())
    found = preview.preview(small, "wide").notes
    assert [note.split(" changes none")[0] for note in found] == [
        "Morphological (scale 1)",
        "Morphological (operation erosion, scale 1)",
    ]


# Pictures -----------------------------------------------------------------------------------------


def test_the_grid_is_what_training_sees(few):
    engine = policies.load("default").engine()
    for row in preview.preview(few, "default").grid:
        number = int(row.text.removeprefix("training image "))
        assert few.y_train[number] == int(row.title)
        assert number == np.flatnonzero(few.y_train == int(row.title))[0]
        original, *versions = row.tiles
        assert (original.image == few.x_train[number]).all()
        for epoch, tile in enumerate(versions):
            seen = engine(few.x_train[[number]], (0, epoch, number))[0]
            assert (tile.image == seen).all()


def test_mixed_images_have_their_labels_below(few):
    policy = "mixup:1+label-smoothing:0.1"
    count = few.training_count(0.2)
    mixer = Mixer(policies.load(policy), few.x_train[:count], few.y_train[:count], 10)
    found = preview.preview(few, policy)
    for row in found.grid:
        number = int(row.text.removeprefix("training image "))
        for epoch, tile in enumerate(row.tiles[1:]):
            images, labels = mixer((0, epoch), np.array([number]))
            assert (tile.image == images[0]).all()
            assert tile.text == preview.soft_label(labels[0], few.class_names)
    mixup, smoothing = found.steps
    own = [re.search(r"\b0: (\d+)\s%", tile.text) for tile in mixup.tiles]
    shares = [int(found[1]) if found else 0 for found in own]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 90 > 10 > shares[-1]
    assert found.drawn == ""  # of transforms of one image, of which there are none
    assert preview.preview(few, "default+mixup:1").drawn
    assert smoothing.text == "10.0 % of each label is spread over all classes"


def test_soft_labels_in_words():
    label = np.zeros(10, np.float32)
    label[[7, 3]] = 0.62, 0.38
    names = [*"0123456789"]
    assert preview.soft_label(label, names) == "7: 62\xa0%\n3: 38\xa0%"
    assert preview.soft_label(np.full(10, 0.02) + 0.8 * np.eye(10)[4], names) == (
        "4: 82\xa0%\nothers: 18\xa0%"
    )
    label[[7, 3]] = 0.96, 0.04  # a single other class has its name
    assert preview.soft_label(label, names) == "7: 96\xa0%\n3: 4\xa0%"


def test_transforms_alone_go_from_weak_to_strong(few, tmp_path):
    turn = A.Rotate((-30, 30), p=0.5)
    A.save(
        A.Compose(
            [turn, A.OneOf([turn, A.SomeOf([A.InvertImg(), A.Rotate((-30, 30), p=1)], n=1)])]
        ),
        tmp_path / "nested.yaml",
        data_format="yaml",
    )
    rotate, invert = preview.preview(few, str(tmp_path / "nested.yaml")).steps
    assert (rotate.title, invert.title, len(invert.tiles)) == ("Rotate", "InvertImg", 1)
    angles = [
        abs(float(t.text.split("\n")[0].replace("\N{MINUS SIGN}", "-"))) for t in rotate.tiles
    ]
    changes = [float(t.text.split("by ")[1]) for t in rotate.tiles]
    assert angles == sorted(angles)
    assert changes == sorted(changes)
    assert angles[0] < 2
    assert 29 < angles[-1] <= 30


@pytest.mark.torture
def test_of_very_many_transforms_some_are_left_out(few, tmp_path):
    many = [t(p=1) for t in (A.HorizontalFlip, A.VerticalFlip, A.Transpose, A.InvertImg)]
    many += [
        A.Affine(
            rotate=5 * bool(n & 1),
            scale=1 + 0.1 * bool(n & 2),
            shear={"x": 5 * bool(n & 4), "y": 0},
            translate_px={"x": int(bool(n & 8)), "y": 0},
            keep_ratio=bool(n & 16),
            p=1,
        )
        for n in range(32)
    ]
    A.save(A.Compose(many), tmp_path / "many.yaml", data_format="yaml")
    found = preview.preview(few, str(tmp_path / "many.yaml"))
    assert len(found.steps) == preview.STEPS
    assert re.match(r"Left out are \d+ more: Affine: ", found.left_out)


def test_a_crop_alone_is_brought_back_to_size(few, tmp_path):
    A.save(
        A.Compose([A.RandomCrop(20, 20, p=1), A.PadIfNeeded(28, 28, p=1)]),
        tmp_path / "crop.yaml",
        data_format="yaml",
    )
    crop, pad = preview.preview(few, str(tmp_path / "crop.yaml")).steps
    assert "the result is brought back to the images' size" in crop.text
    assert {tile.image.shape for tile in crop.tiles} == {(28, 28)}
    assert "always the same" in pad.text


def test_padding_that_is_cropped_again_is_not_shown_alone(few, tmp_path):
    assert [row.title for row in preview.preview(few, "cutout").steps] == ["CoarseDropout"]
    sizes = [A.CropAndPad(px=px, keep_size=False, p=1) for px in (-2, 2)]
    A.save(A.Compose(sizes), tmp_path / "other.yaml", data_format="yaml")
    (row,) = preview.preview(few, str(tmp_path / "other.yaml")).steps
    assert row.title == "CropAndPad (2 variants)"  # cropped first, so that pixels are lost


# Any data -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "classes", "light"),
    [
        ((8, 8), 2, True),
        ((40, 24), 10, False),
        pytest.param((256, 256, 3), 3, True, marks=pytest.mark.torture),
        ((32, 32, 3), 100, False),
    ],
)
def test_any_size_and_colour(few, tmp_path, shape, classes, light):
    sizes = [
        np.asarray(Image.fromarray(one).resize(shape[1::-1], Image.Resampling.BICUBIC))
        for one in few.x_train[: 2 * classes + 20]
    ]
    images = np.stack(sizes)
    images = np.repeat(images[..., None], 3, axis=3) if len(shape) == 3 else images
    images = 255 - images if light else images
    labels = (np.arange(len(images)) % classes).astype(np.int32)
    ground = (255 if light else 0,) * 3 if len(shape) == 3 else 255 if light else 0
    dataset = Dataset("any", "made", images, labels, images, labels, background=ground)
    preview.write(dataset, "default", tmp_path)
    assert Image.open(tmp_path / "preview.png").size[0] == preview.PAGE
    assert 'alt="0, epoch 0"' in (tmp_path / "preview.html").read_text(encoding="utf-8")


# The command and its page -------------------------------------------------------------------------


def test_the_same_command_gives_the_same_bytes_and_prints_the_notes(called, tmp_path):
    A.save(A.Compose([A.HorizontalFlip(p=0.5)]), tmp_path / "flip.yaml", data_format="yaml")
    made = []
    for _ in range(2):
        process = called("preview", "--data=digits", "--policy=flip.yaml")
        assert (process.returncode, process.stderr) == (0, "")
        note, place, following = process.stdout.splitlines()
        assert re.match(r"note: 5\d.* of the images are mirrored \(HorizontalFlip\)", note)
        assert place == "preview: reports/preview.html, reports/preview.png"
        assert following.endswith("make report DATA=digits POLICY=flip.yaml")
        paths = sorted((tmp_path / "reports").iterdir())
        assert [path.name for path in paths] == ["preview.html", "preview.png"]
        made.append([path.read_bytes() for path in paths])
    assert made[0] == made[1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--policy=strong"], "policy 'strong' is unknown"),
        (["--policy=crop.yaml"], "end the policy with a Resize"),
        (["--reports=crop.yaml/inside"], "is not a folder"),
        (["--data=nowhere"], "nowhere"),
    ],
)
def test_mistakes(called, fails_in_one_line, tmp_path, arguments, words):
    A.save(A.Compose([A.RandomCrop(20, 20, p=1)]), tmp_path / "crop.yaml", data_format="yaml")
    fails_in_one_line(called("preview", "--data=digits", *arguments), words)
    assert not (tmp_path / "reports").exists()


@pytest.mark.torture
def test_tensorflow_is_not_needed(tmp_path):
    code = (
        "import runpy, sys\n"
        f"sys.argv = ['preview.py', '--data=digits', '--policy=default+mixup', "
        f"'--reports={tmp_path / 'made'}']\n"
        f"runpy.run_path({str(PROJECT / 'scripts' / 'preview.py')!r}, run_name='__main__')\n"
        "print(sorted({'tensorflow', 'keras', 'torch', 'matplotlib'} & {*sys.modules}))\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True
    )
    assert process.stdout.endswith("preview.png\n[]\n"), process.stdout + process.stderr


HOSTILE = "<script>document.title='run'</script>\"'&"


@pytest.fixture(scope="module")
def hostile(few, tmp_path_factory):
    """A page whose names are meant to break it, with all that a page can show."""
    folder = tmp_path_factory.mktemp("hostile")
    path = folder / "<img src=x onerror=alert(1)>&.yaml"
    parts = [A.HorizontalFlip(p=0.5), A.Rotate(180, p=1), A.CoarseDropout(p=0.5)]
    A.save(A.Compose(parts), path, data_format="yaml")
    names = (HOSTILE, *"123456789")
    dataset = replace(few, name=HOSTILE, class_names=names, x_train=few.x_train)
    preview.write(dataset, f"{path}+mixup:0.4", folder / "reports")
    return folder / "reports" / "preview.html"


def test_the_page_in_a_browser(browser, hostile):
    """Narrow or wide, bright or dark: nothing sticks out, all pictures load, nothing is asked for
    or run."""
    for width, scheme in ((1280, "light"), (390, "dark")):
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        asked, said = [], []
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.on("console", lambda message, said=said: said.append(message.text))
        page.goto(hostile.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.evaluate(
            "Array.from(document.querySelectorAll('.wide'), w => w.scrollWidth <= w.clientWidth)"
        ) == [True]
        assert [url for url in asked if not url.startswith("data:")] == [hostile.as_uri()]
        assert said == []
        pictures = page.evaluate(
            "Array.from(document.images, "
            "i => [i.naturalWidth, i.alt, i.getBoundingClientRect().width])"
        )
        assert len(pictures) > 100
        assert all(natural == 28 and alt and shown > 50 for natural, alt, shown in pictures)
        assert page.title().endswith(f"makes of {HOSTILE}")
        assert page.locator("h3").first.inner_text() == HOSTILE[:40]
        assert page.locator("script").count() == 0
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (background == "rgb(255, 255, 255)") == (scheme == "light")
        page.close()
