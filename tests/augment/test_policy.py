"""Policies by name and from files."""

import json
import re
import warnings

import albumentations as A
import cv2
import numpy as np
import pytest

from mnist_aug.augment import named, policy, saved
from mnist_aug.augment.batches import ImageByImageWarning
from mnist_aug.augment.strengths import displacement, strengths
from mnist_aug.augment.vectorize import vectorize
from mnist_aug.errors import UserError


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", named.NAMED)
def test_named_policies_survive_description(name):
    loaded = policy.load(name).pipeline
    description = saved.as_data(loaded)
    json.dumps(description)
    assert saved.as_data(saved.built(description)) == description


@pytest.mark.parametrize("ending", ["yaml", "yml", "json"])
def test_files_written_by_albumentations(tmp_path, ending):
    written = A.Compose([A.OneOf([A.Rotate(limit=(5, 9), p=1), A.HorizontalFlip(p=1)], p=0.7)])
    path = tmp_path / f"mine.{ending}"
    A.save(written, str(path), data_format="json" if ending == "json" else "yaml")
    assert saved.as_data(policy.load(str(path)).pipeline) == saved.as_data(written)
    assert policy.name(str(path)) == path.name


def test_single_transform_in_a_file(tmp_path):
    path = tmp_path / "one.json"
    A.save(A.VerticalFlip(p=1), str(path), data_format="json")
    image = np.arange(6, dtype=np.uint8).reshape(3, 2)
    np.testing.assert_array_equal(
        policy.load(str(path)).pipeline(image=image)["image"], image[::-1]
    )


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.yaml", "{", "holds no albumentations pipeline"),
        ("a.yaml", "!!python/object/apply:os.system ['touch owned']", "holds no albumentations"),
        ("a.yaml", "just words", "holds no albumentations"),
        ("a.json", "[]", "holds no albumentations"),
        ("a.json", '{"transform": {"__class_fullname__": "os.system"}}', "'os.system' is not an"),
        (
            "a.json",
            '{"transform": {"__class_fullname__": "Rotate", "limit": "wide"}}',
            "Rotate: limit='wide'",
        ),
        ("a.json", b"\xff\xfe", "not text"),
    ],
)
def test_unfit_files_are_named(tmp_path, monkeypatch, name, content, words):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError, match=words) as error:
        policy.load(str(path))
    assert str(path) in str(error.value)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    ("name", "words"), [("strong", "use one of default"), ("nowhere.yaml", "can't be read")]
)
def test_unknown_names_and_files(name, words):
    with pytest.raises(UserError, match=words):
        policy.load(name)


DOES_NOTHING = {
    "factor": 1,
    "brightness": 0,
    "shift_x_px": 0,
    "shift_y_px": 0,
    "rotate_degrees": 0,
    "shear_x_degrees": 0,
    "shear_y_degrees": 0,
    "scale_x": 1,
    "scale_y": 1,
}
LARGEST = {
    "factor": 0.9,
    "brightness": 0.4,
    "shift_x_px": 0.14 * 28,
    "shift_y_px": 0.14 * 28,
    "rotate_degrees": 30,
    "shear_x_degrees": 17,
    "shear_y_degrees": 17,
    "scale": 0.2,
}


def changes(made, images=400):
    """What the engine does to each image: lists of (what is changed, by how much)."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", ImageByImageWarning)
        engine = vectorize(made)
    engine.check((28, 28))
    for number in range(images):
        found = []
        for drawn in engine.replay((0, 0, number)):
            name = drawn.pop("transform")
            changed = {
                key: value - DOES_NOTHING[key]
                for key, value in drawn.items()
                if key in DOES_NOTHING and value != DOES_NOTHING[key]
            }
            if "scale_x" in changed:
                assert changed["scale_x"] == changed.pop("scale_y")
                changed["scale"] = changed.pop("scale_x")
            found += (
                [(name, np.abs(drawn["dx_px"]).max())] if "dx_px" in drawn else (changed.items())
            )
            assert len(changed) == (name != "ElasticTransform")
        yield found


def test_trivial_augment_changes_one_thing_by_a_random_magnitude():
    seen = {}
    for found in changes(named.trivial_augment()):
        assert len(found) <= 1
        for name, size in found or [("nothing", 0)]:
            seen.setdefault(name, []).append(size)
    assert seen.keys() == {*LARGEST, "ElasticTransform", "nothing"}
    for name, largest in LARGEST.items():
        sizes = np.array(seen[name])
        assert np.abs(sizes).max() <= largest
        assert sizes.min() < -largest / 3
        assert sizes.max() > largest / 3
        assert len(set(sizes)) == len(sizes)


@pytest.mark.parametrize(("count", "magnitude"), [(1, 10), (2, 4)])
def test_rand_augment_changes_so_many_things_by_one_magnitude(count, magnitude):
    seen, counts = {}, set()
    for found in changes(policy.load(f"randaugment-{count}-{magnitude}").pipeline):
        counts.add(len(found))
        for name, size in found:
            seen.setdefault(name, set()).add(round(size, 6))
    assert counts == {*range(count + 1)}  # to do nothing is one of the things
    assert seen.pop("ElasticTransform")
    assert seen == {
        name: {round(sign * largest * magnitude / 10, 6) for sign in (-1, 1)}
        for name, largest in LARGEST.items()
    }


def elastic_of(made):
    """The one elastic transform of a policy, alone and as plain data."""
    (found,) = [t for t in made.transforms if isinstance(t, A.ElasticTransform)]
    return A.Compose([found]), saved.as_data(A.Compose([found]))["transforms"][0]


def middles(made, side, images):
    """What the middle ninth of images is displaced by, [N, 2, H, W], in shares of the side."""
    engine, third = vectorize(made), side // 3
    drawn = [engine.replay((0, 0, number), (side, side))[0] for number in range(images)]
    fields = np.array([[one["dx_px"], one["dy_px"]] for one in drawn]) / side
    return fields[:, :, third : side - third, third : side - third]


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", named.NAMED)
def test_named_policies_are_written_for_28_pixels_on_black(name):
    written = saved.as_data(named.NAMED[name]())
    assert saved.as_data(policy.load(name).pipeline) == written
    assert saved.as_data(policy.load(name, 28, (0, 0, 0)).pipeline) == written


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", ["default", "wide"])
@pytest.mark.parametrize("side", [8, 14, 16, 32, 64, 128])
def test_displacements_are_the_same_share_of_any_side(name, side):
    made, described = elastic_of(policy.load(name, side).pipeline)
    _, at_28 = elastic_of(policy.load(name).pipeline)
    share = displacement(at_28, 28) / 28
    assert displacement(described, side) / side == pytest.approx(share, rel=1e-3)
    assert described["sigma"] / side == pytest.approx(at_28["sigma"] / 28, rel=1e-3)
    fields = middles(made, side, 200)
    assert np.sqrt((fields**2).mean()) == pytest.approx(share, rel=0.07)
    # The correlation of places sigma apart is that of a Gaussian blurred twice.
    lag = round(described["sigma"])
    product = (fields[..., lag:] * fields[..., :-lag]).mean() / (fields**2).mean()
    assert product == pytest.approx(np.exp(-((lag / described["sigma"]) ** 2) / 4), abs=0.04)


@pytest.mark.parametrize(
    "options", [{"noise_distribution": "uniform"}, {"approximate": True}, {"same_dxdy": True}]
)
def test_the_displacement_of_other_fields(options):
    made, described = elastic_of(A.Compose([A.ElasticTransform(30, 3, p=1, **options)]))
    measured = 40 * np.sqrt((middles(made, 40, 200) ** 2).mean())
    assert measured == pytest.approx(displacement(described, 40), rel=0.06)


def test_tiny_images_have_the_least_sigma_that_albumentations_takes():
    made, described = elastic_of(policy.load("elastic", 4).pipeline)
    assert described["sigma"] == 1
    vectorize(made).check((4, 4))


@pytest.mark.parametrize(("side", "kernel"), [(8, 1), (14, 1), (16, 2), (28, 2), (56, 3), (112, 5)])
@pytest.mark.parametrize(("fill", "thicker"), [(0, "dilation"), (255, "erosion")])
def test_strokes_thicken_by_a_share_of_the_side_on_dark_and_light(side, kernel, fill, thicker):
    kinds = saved.as_data(policy.load("wide", side, fill).pipeline)["transforms"][2]["transforms"]
    assert [one["scale"] for one in kinds] == [[kernel, kernel]] * 2
    assert kinds[0]["operation"] == thicker


@pytest.mark.parametrize(("fill", "channels"), [(255, ()), (60, ()), ((250, 240, 20), (3,))])
@pytest.mark.parametrize("name", ["default", "wide", "affine"])
def test_what_moves_in_is_background(name, fill, channels):
    images = np.broadcast_to(np.uint8(fill), (50, 20, 16, *channels))
    assert np.array_equal(vectorize(policy.load(name, 16, fill))(images, (0, 0, 0)), images)
    assert not np.array_equal(vectorize(policy.load(name, 16))(images, (0, 0, 0)), images)


def test_a_light_image_is_augmented_as_its_negative_is():
    image = np.zeros((30, 28, 28), np.uint8)
    image[:, 6:22, 12:16] = 255
    dark, light = (vectorize(policy.load("wide", 28, fill)) for fill in (0, 255))
    difference = 255 - light(255 - image, (0, 0, 0)).astype(int) - dark(image, (0, 0, 0))
    assert np.abs(difference).max() <= 1


def test_a_file_that_fills_with_another_colour_is_said_once(tmp_path):
    path = tmp_path / "mine.yaml"
    A.save(
        A.Compose(
            [
                A.OneOf([A.Rotate(p=1), A.Affine(rotate=5, fill=250, p=1)]),
                A.ElasticTransform(border_mode=cv2.BORDER_REFLECT_101, p=1),
                A.CoarseDropout(p=1),
            ]
        ),
        str(path),
        data_format="yaml",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        policy.load(str(path))
        policy.load(str(path), 28, (0, 0, 0))
    words = "Rotate fills gaps with 0, but the background of the images is 240: set fill: 240 there"
    with pytest.warns(policy.PolicyFillWarning, match=f"^{re.escape(words)}$") as said:
        policy.load(str(path), 28, 240)
    assert len(said) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        policy.load(str(path), 28, 240)
    with pytest.warns(policy.PolicyFillWarning, match=r"set fill: \[250, 250, 30\] there$") as said:
        policy.load(str(path), 28, (250, 250, 30))
    assert [str(one.message).split()[0] for one in said] == ["Rotate", "Affine"]


@pytest.mark.parametrize("called", ["cutout", "default", "default+random-erasing"])
def test_a_pipeline_by_its_name_is_fitted_and_not_warned_of(tmp_path, called, recwarn):
    path = tmp_path / "light.yaml"
    path.write_text(f"pipeline: {called}\n")
    policy.load(str(path), 28, 255)
    assert not recwarn.list


def test_strengths_are_in_degrees_and_shares():
    affine = (
        "Affine, applied to 80 % of the images: rotates by up to 6°, scales by factors from 0.94 "
        "to 1.06, shifts by up to 3 % of the side, shears by up to 5°."
    )
    for side, pixels in (28, ("0.8", "4")), (56, ("1.6", "8")):
        assert strengths(saved.as_data(policy.load("default", side).pipeline), side) == [
            affine,
            "ElasticTransform: moves each pixel by a random, smoothly varying displacement, "
            f"typically {pixels[0]} px (2.9 % of the side) along each axis near the centre and "
            f"more at the edges, smoothed over {pixels[1]} px (14 %).",
        ]
    assert strengths(saved.as_data(policy.load("randaugment-1-10").pipeline)) == [
        "Affine: rotates by up to 30°, scales by factors from 0.8 to 1.2, shifts by up to 14 % of "
        "the side, shears by up to 17°.",
        "ElasticTransform: moves each pixel by a random, smoothly varying displacement, typically "
        "1.6 px (5.7 % of the side) along each axis near the centre and more at the edges, "
        "smoothed over 4 px (14 %).",
        "RandomBrightnessContrast: changes brightness by up to 40 % of full scale, multiplies by "
        "0.1 to 1.9.",
    ]
    assert strengths(saved.as_data(policy.load("wide", 8).pipeline), 8)[2] == (
        "Morphological: changes nothing at this size, as its kernels are whole pixels."
    )
    others = A.Compose([A.Affine(translate_px=(-1, 3), p=1), A.GaussNoise(p=1), A.NoOp(p=1)])
    assert strengths(saved.as_data(others)) == [
        "Affine: shifts by \N{MINUS SIGN}1 to 3 px.",
        "GaussNoise: with their own parameters, in albumentations' units.",
    ]
    nested = A.Compose([A.OneOf([A.Affine(translate_px=(-1, 3), p=0.5), A.NoOp(p=0.5)], p=1)])
    assert strengths(saved.as_data(nested)) == ["Affine: shifts by \N{MINUS SIGN}1 to 3 px."]


def test_strengths_say_how_images_and_labels_are_mixed():
    def told(name):
        return strengths(policy.describe(policy.load(name)))

    assert told("mixup:0.4") == [
        "MixUp: replaces each image and its label by weighted means with those of another training "
        "image; the weight is drawn from Beta(0.4, 0.4)."
    ]
    assert told("mixup+cutmix:1")[1].startswith(
        "CutMix: mixes 50 % of the images and their labels with a box of another training image"
    )
    assert told("label-smoothing:0.1") == [
        "Label smoothing: 10 % of each label is spread evenly over all classes."
    ]
    assert told("augmix")[0].endswith("both with alpha 1.")
    assert "; 12 times the Jensen-Shannon divergence between" in told("augmix-jsd")[0]
    assert [line.split(":")[0] for line in told("affine+cutmix")] == [
        "Affine, applied to 80 % of the images",
        "CutMix",
    ]
