"""Files of older albumentations and of Hydra, in 2.0.8's words.

The files in `policies/` were written by `A.save` of the version in their name.
"""

import json
import subprocess
import sys
import warnings
from pathlib import Path

import albumentations as A
import cv2
import numpy as np
import pytest
import yaml

from mnist_aug.augment import policy, saved
from mnist_aug.augment.policy import PolicyTranslatedWarning
from mnist_aug.errors import UserError

POLICIES = Path(__file__).parent / "policies"


@pytest.fixture(autouse=True)
def nothing_said_before(monkeypatch):
    monkeypatch.setattr(policy, "_said", set())


def loaded(path):
    """The policy and what was said of it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = policy.load(str(path)).pipeline
    assert {warning.category for warning in caught} <= {PolicyTranslatedWarning}
    assert {warning.filename for warning in caught} <= {str(path)}
    return found, [str(warning.message) for warning in caught]


def same(found, wanted):
    """Equal descriptions, numbers but for rounding."""
    if isinstance(found, dict):
        assert isinstance(wanted, dict)
        assert found.keys() == wanted.keys()
        for key in found:
            same(found[key], wanted[key])
    elif isinstance(found, list):
        assert isinstance(wanted, list)
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted, strict=True):
            same(one, other)
    elif isinstance(found, float):
        assert found == pytest.approx(wanted)
    else:
        assert found == wanted


def blurs(weights, p):
    """GaussianBlur of OpenCV's own sigma for each size of the kernel."""
    sigmas = {3: 0.8493, 5: 1.0565, 7: 1.437}
    sizes = [
        A.GaussianBlur((size, size), (sigmas[size],) * 2, p=weight)
        for size, weight in weights.items()
    ]
    return A.OneOf(sizes, p=p)


EQUIVALENTS = {
    "0.5.2.json": lambda: [
        A.OneOf(
            [
                A.VerticalFlip(p=1),
                A.HorizontalFlip(p=1),
                A.Compose([A.VerticalFlip(p=1), A.HorizontalFlip(p=1)]),
            ],
            p=0.5,
        ),
        A.Affine(
            scale=(0.8, 1.2),
            translate_percent={"x": (-0.1, 0.1), "y": (-0.1, 0.1)},
            rotate=(-20, 20),
            keep_ratio=True,
            border_mode=cv2.BORDER_REFLECT_101,
            fill=255,
            p=0.7,
        ),
        A.OneOf(
            [
                A.GaussNoise(std_range=(0.01, 0.05), per_channel=False, p=0.4),
                A.GaussNoise(std_range=(4 / 255, 8 / 255), p=0.6),
            ],
            p=0.3,
        ),
        A.OneOf(
            [
                A.Sharpen(),
                A.Emboss(),
                A.RandomBrightnessContrast(brightness_limit=0.3, contrast_limit=0),
                A.RandomBrightnessContrast(brightness_limit=0, contrast_limit=0.4),
            ],
            p=0.5,
        ),
        A.ElasticTransform(
            alpha=40,
            sigma=4,
            noise_distribution="uniform",
            border_mode=cv2.BORDER_REFLECT_101,
        ),
        A.CoarseDropout((4, 4), (6, 6), (5, 5)),
        A.ImageCompression(quality_range=(60, 90), p=0.2),
    ],
    "1.0.3.yaml": lambda: [
        A.RandomResizedCrop((32, 32), scale=(0.5, 1)),
        A.RandomOrder(
            [A.HorizontalFlip(p=1), A.VerticalFlip(p=1), A.Transpose(p=1)], n=2, replace=True
        ),
        A.Sequential([A.RandomGamma(), A.CLAHE()], p=1),
        A.Perspective(fill=7, p=0.3),
        A.Solarize(threshold_range=(128 / 255,) * 2, p=0.2),
    ],
    "1.3.1.yaml": lambda: [
        A.RandomRotate90(p=1),
        A.Rotate((-10, 10), fill=(255, 255, 255)),
        A.Affine(
            rotate=(-10, 10),
            shear={"x": (-10, 5), "y": (0, 0)},  # positive went the other way
            fill=3,
            border_mode=cv2.BORDER_REPLICATE,
        ),
        A.CoarseDropout((2, 8), (6, 6), (1, 4), fill=9),
        blurs({3: 0.2, 5: 0.4, 7: 0.4}, 0.5),
        A.GridDistortion(normalized=False, border_mode=cv2.BORDER_REFLECT_101, p=0.3),
        A.OpticalDistortion(border_mode=cv2.BORDER_REFLECT_101, p=0.3),
        A.Downscale(scale_range=(0.5, 0.75), interpolation_pair={"upscale": 1, "downscale": 1}),
        A.RandomFog(fog_coef_range=(0.2, 0.4), p=0.1),
        A.ImageCompression("webp", quality_range=(50, 100)),
        A.Spatter(mode="mud"),
        A.GridDropout(ratio=0.4, random_offset=False, holes_number_xy=(5, 3)),
    ],
    "1.3.1-one.json": lambda: [
        A.Affine(
            scale=(0.9, 1.1),
            translate_percent={"x": (-0.0625, 0.0625), "y": (-0.0625, 0.0625)},
            rotate=(-45, 45),
            keep_ratio=True,
            border_mode=cv2.BORDER_REFLECT_101,
            p=1,
        )
    ],
    "1.4.10.yaml": lambda: [
        A.ShiftScaleRotate(border_mode=cv2.BORDER_REFLECT_101),
        A.CoarseDropout((1, 4), (8, 8), (8, 8), fill=5),
        A.GaussNoise(std_range=(0.1, 0.2), mean_range=(0.1, 0.1)),
        A.Rotate(30, border_mode=cv2.BORDER_REFLECT_101),
    ],
    "1.4.24.json": lambda: [
        A.ElasticTransform(alpha=30, sigma=5),  # which filled with zeros whatever was given
        A.CoarseDropout((1, 1), (8, 8), (8, 8)),
        A.RandomOrder([A.HorizontalFlip(p=1), A.Blur(p=1)], n=2),
        A.PadIfNeeded(40, 40, border_mode=cv2.BORDER_REFLECT_101),
    ],
    "2.0.0.yaml": lambda: [
        blurs({3: 0.5, 5: 0.5}, 0.4),
        A.MedianBlur(),
        A.RandomRotate90(p=1),
    ],
}


@pytest.mark.parametrize("name", EQUIVALENTS)
def test_files_of_older_versions(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = saved.as_data(A.Compose(EQUIVALENTS[name]()))
    found, said = loaded(POLICIES / name)
    same(saved.as_data(found)["transforms"], wanted["transforms"])
    for line in said:
        transform, colon, change = line.partition(": ")
        assert transform in (POLICIES / name).read_text()
        assert colon
        assert change
        assert "\n" not in line


def test_all_files_are_tried():
    refused = {"1.3.1-elastic.json", "1.3.1-weights.json"}
    assert {path.name for path in POLICIES.iterdir()} == EQUIVALENTS.keys() | refused


def test_what_has_no_equivalent():
    with pytest.raises(UserError, match=r"ElasticTransform: alpha_affine=50 has no .*: write"):
        policy.load(str(POLICIES / "1.3.1-elastic.json"))
    with pytest.raises(UserError, match=r"SomeOf: the p of .* \[0.2, 0.8\], were weights before"):
        policy.load(str(POLICIES / "1.3.1-weights.json"))


def test_gaussian_blur_is_opencvs():
    """What 1.3.1 did: cv2.GaussianBlur with a sigma of 0."""
    found, _ = loaded(POLICIES / "1.3.1.yaml")
    noise = np.random.default_rng(1).integers(0, 256, (32, 32, 3), np.uint8)
    for blur, size in zip(found[4], (3, 5, 7), strict=True):
        blur.p = 1
        blurred = blur(image=noise)["image"].astype(int)
        np.testing.assert_allclose(blurred, cv2.GaussianBlur(noise, (size, size), 0), atol=3)


def test_larger_gaussian_blurs_are_opencvs(tmp_path):
    (found,), _ = of(tmp_path, one("GaussianBlur", blur_limit=[11, 11], sigma_limit=0))
    noise = np.random.default_rng(1).integers(0, 256, (32, 32, 3), np.uint8)
    found.p = 1
    blurred = found(image=noise)["image"].astype(int)
    np.testing.assert_allclose(blurred, cv2.GaussianBlur(noise, (11, 11), 0), atol=1)


def one(name, version="1.3.1", /, **arguments):
    described = {"__class_fullname__": name, "p": 0.5} | arguments
    return {"__version__": version, "transform": described} if version else {"transform": described}


def of(tmp_path, data):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(data))
    return loaded(path)


@pytest.mark.parametrize(
    ("name", "arguments", "wanted"),
    [
        ("albumentations.augmentations.transforms.Flip", {}, "OneOf"),
        ("albumentations.imgaug.transforms.IAAFliplr", {}, "HorizontalFlip"),
        ("albumentations.augmentations.geometric.transforms.ShiftScaleRotate", {}, "Affine"),
        ("albumentations.augmentations.transforms.HorizontalFlip", {}, "HorizontalFlip"),
        ("IAASuperpixels", {"p_replace": 0.1, "n_segments": 100}, "Superpixels"),
        ("IAAPiecewiseAffine", {"order": 3, "mode": "edge", "cval": 5}, "PiecewiseAffine"),
    ],
)
def test_old_names(tmp_path, name, arguments, wanted):
    found, _ = of(tmp_path, one(name, "0.5.2", **arguments))
    (transform,) = found if wanted != "OneOf" else [found]
    assert type(transform).__name__ == wanted


def test_iaa_arguments(tmp_path):
    (found,), _ = of(tmp_path, one("IAAPiecewiseAffine", "0.5.2", order=3, mode="edge", cval=5))
    assert (found.interpolation, found.border_mode, found.fill) == (2, cv2.BORDER_REPLICATE, 5)
    (found,), _ = of(tmp_path, one("IAASuperpixels", "0.5.2", p_replace=0.2, n_segments=30))
    assert (found.p_replace, found.n_segments) == ((0.2, 0.2), (30, 30))


@pytest.mark.parametrize(
    ("name", "version", "arguments", "argument", "wanted"),
    [
        # Defaults that changed, where a file doesn't state them.
        ("Rotate", "1.4.24", {}, "border_mode", 4),
        ("Rotate", "2.0.0", {}, "border_mode", 0),
        ("ColorJitter", "1.3.1", {}, "hue", [-0.2, 0.2]),
        ("ColorJitter", "1.4.10", {}, "brightness", [0.8, 1]),
        ("CoarseDropout", "1.4.4", {}, "num_holes_range", [8, 8]),
        ("CoarseDropout", "1.4.5", {}, "num_holes_range", [1, 1]),
        ("CoarseDropout", "1.3.1", {"max_holes": 5}, "hole_width_range", [8, 8]),
        ("CoarseDropout", "1.3.1", {"max_width": 0.2}, "hole_width_range", [0.2, 0.2]),
        ("GridDropout", "1.3.1", {}, "random_offset", False),
        ("SmallestMaxSize", "1.3.1", {}, "max_size", 1024),
        ("Superpixels", "1.3.1", {}, "p_replace", [0.1, 0.1]),
        ("Affine", "1.3.1", {}, "rotate", [-15, 15]),
        ("Affine", "1.3.1", {"scale": 1.5, "rotate": None}, "rotate", [0, 0]),
        ("ImageCompression", "1.3.1", {"quality_lower": 80}, "quality_range", [80, 100]),
        # A single number for a range.
        ("GaussNoise", "1.3.1", {"var_limit": 64}, "std_range", [0, 8 / 255]),
        ("GaussNoise", "1.3.1", {"var_limit": [4, 16], "mean": 51}, "mean_range", [0.2, 0.2]),
        ("Solarize", "1.3.1", {"threshold": 51}, "threshold_range", [0.2, 0.2]),
        ("Solarize", "1.3.1", {"threshold": [51, 102]}, "threshold_range", [0.2, 0.4]),
        ("Spatter", "1.3.1", {"mean": 0.5}, "mean", [0.5, 0.5]),
        ("Spatter", "1.3.1", {"color": {"rain": [1, 2, 3]}}, "color", [1, 2, 3]),
        ("RandomRain", "1.3.1", {"rain_type": None}, "rain_type", "default"),
        ("Affine", "1.3.1", {"shear": 5}, "shear", {"x": [-5, -5], "y": [5, 5]}),
        ("OpticalDistortion", "1.3.1", {"shift_limit": 0.3}, "distort_limit", [-0.05, 0.05]),
        ("Downscale", "1.3.1", {"interpolation": None}, "scale_range", [0.25, 0.25]),
        ("RandomGamma", "1.3.1", {"eps": 1e-7}, "gamma_limit", [80, 120]),
        ("PadIfNeeded", "1.3.1", {"value": [1, 2, 3]}, "fill", [1, 2, 3]),
        ("Rotate", "1.2.1", {"method": "ellipse"}, "rotate_method", "ellipse"),
        ("MaskDropout", "1.3.1", {"image_fill_value": 7}, "fill", 7),
        ("HorizontalFlip", "1.3.1", {"always_apply": True}, "p", 1),
        ("HorizontalFlip", "1.3.1", {"always_apply": False}, "p", 0.5),
    ],
)  # fmt: skip
def test_arguments(tmp_path, name, version, arguments, argument, wanted):
    (found,), _ = of(tmp_path, one(name, version, **arguments))
    same(saved.as_data(A.Compose([found]))["transforms"][0][argument], wanted)


def test_always_apply_leaves_weights(tmp_path):
    inside = [{"__class_fullname__": "Blur", "always_apply": True, "p": p} for p in (0.2, 0.6)]
    found, said = of(tmp_path, one("OneOf", transforms=inside))
    assert found.transforms_ps == pytest.approx([0.25, 0.75])
    assert said == []


def test_some_of_draws_as_before(tmp_path):
    """Three of three, each always applied, in any order."""
    fills = [
        {"__class_fullname__": "Solarize", "threshold": 0, "p": 0.1},
        {"__class_fullname__": "VerticalFlip", "p": 0.1},
    ]
    found, _ = of(tmp_path, one("SomeOf", n=2, replace=False, transforms=fills))
    found.p = 1
    image = np.arange(4, dtype=np.uint8).reshape(4, 1)
    for _ in range(20):
        np.testing.assert_array_equal(found(image=image)["image"], 255 - image[::-1])


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("ElasticTransform", {"alpha_affine": 3}, "alpha_affine=3 has no equivalent"),
        ("OpticalDistortion", {"shift_limit": 4}, "shift_limit=4 moved the centre"),
        ("PerChannel", {"transforms": []}, "write SelectiveChannelTransform"),
        ("IAAAffine", {}, "write Affine"),
        ("IAAPiecewiseAffine", {"order": 4}, "order=4 has no equivalent"),
        ("GaussNoise", {"var_limit": [-5, 5]}, "is below 0"),
        ("MixUp", {}, "leave it out"),
        ("Spatter", {"mode": ["rain", "mud"]}, "write OneOf two Spatter"),
        ("GridDropout", {"holes_number_x": 4}, "give both"),
        ("Rotate", {"degrees": 4}, "no argument 'degrees'"),
    ],
)
def test_no_equivalent_is_said_in_a_line(tmp_path, name, arguments, words):
    with pytest.raises(UserError) as error:
        of(tmp_path, one(name, **arguments))
    assert str(error.value).startswith(f"policy file {tmp_path / 'mine.json'}: {name}: ")
    assert words in str(error.value)


@pytest.mark.parametrize("version", ["", "two", "2.x"])
def test_versions_that_are_none(tmp_path, version):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"__version__": version} | one("Rotate", None)))
    with pytest.raises(UserError, match="is not a version such as"):
        policy.load(str(path))


@pytest.mark.parametrize("version", ["2.0.8", "2.0.9", "2.1.0"])
def test_nothing_is_translated_for_these(tmp_path, version):
    found, said = of(tmp_path, one("Rotate", version, limit=9))
    newer = [f"written by albumentations {version}: read as 2.0.8"]
    assert said == ([] if version == "2.0.8" else newer)
    assert found[0].border_mode == cv2.BORDER_CONSTANT


def test_what_is_not_given_is_said_where_no_version_is(tmp_path):
    found, said = of(tmp_path, one("Rotate", None, limit=9))
    assert found[0].border_mode == cv2.BORDER_CONSTANT
    assert said == [
        "Rotate: border_mode is not given: using 2.0.8's default, 0 (it was 4 before 2.0.0)"
    ]
    found, said = of(tmp_path, one("Rotate", None, limit=9, border_mode=4))
    assert said == []


def test_a_manifest_holds_the_translation():
    """It is described in 2.0.8's words, and read without a word."""
    found, said = loaded(POLICIES / "1.3.1.yaml")
    assert said
    description = saved.as_data(found)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert saved.as_data(saved.built(description)) == description


def test_each_change_is_said_once_a_file(tmp_path):
    """However often a command reads it."""
    code = (
        "from mnist_aug.augment import policy\n"
        f"for _ in range(3):\n    policy.load({str(POLICIES / '1.3.1-one.json')!r}).pipeline\n"
        f"policy.load({str(POLICIES / '1.3.1.yaml')!r})\n"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    lines = process.stderr.splitlines()
    assert len({*lines}) == len(lines) > 5
    assert all("PolicyTranslatedWarning: " in line for line in lines)


HYDRA = """
defaults: [_self_]
seed: 1
train_dataset:
  _target_: my.package.Dataset
  root: ${paths.data}
  transform:
    _target_: albumentations.Compose
    _convert_: all
    bbox_params: null
    transforms:
      - _target_: albumentations.augmentations.crops.transforms.RandomResizedCrop
        size: [64, 64]
      - _target_: albumentations.OneOf
        p: 0.3
        transforms:
          - {_target_: albumentations.MotionBlur, blur_limit: 5}
          - {_target_: albumentations.ISONoise}
      - _target_: albumentations.HorizontalFlip
        _partial_: false
        p: 0.5
      - _target_: albumentations.Normalize
      - _target_: albumentations.pytorch.transforms.ToTensorV2
"""
HYDRA_POLICY = [
    A.RandomResizedCrop((64, 64)),
    A.OneOf([A.MotionBlur(blur_limit=5), A.ISONoise()], p=0.3),
    A.HorizontalFlip(p=0.5),
]


def hydra(tmp_path, text):
    path = tmp_path / "augment.yaml"
    path.write_text(text)
    return loaded(path)


def test_hydra(tmp_path):
    found, said = hydra(tmp_path, HYDRA)
    assert saved.as_data(found) == saved.as_data(A.Compose(HYDRA_POLICY))
    assert said == [
        "ToTensorV2: left out, as images stay NumPy arrays",
        "Normalize: left out, as networks here get images in [0, 1]",
    ]


@pytest.mark.parametrize("keys", [(), ("transform",), ("data", "train", "augmentations")])
def test_lists_of_targets(tmp_path, keys):
    inside = yaml.safe_load(HYDRA)["train_dataset"]["transform"]["transforms"]
    for key in reversed(keys):
        inside = {key: inside}
    found, _ = hydra(tmp_path, yaml.safe_dump(inside))
    assert saved.as_data(found) == saved.as_data(A.Compose(HYDRA_POLICY))


def test_saved_pipelines_lie_in_configurations_too(tmp_path):
    one = yaml.safe_load((POLICIES / "1.3.1.yaml").read_text())
    found, _ = hydra(tmp_path, yaml.safe_dump({"data": {"size": 256, "transform": one}}))
    alone, _ = loaded(POLICIES / "1.3.1.yaml")
    assert saved.as_data(found) == saved.as_data(alone)


def test_hydra_of_1_x(tmp_path):
    text = """
    - _target_: albumentations.ShiftScaleRotate
      rotate_limit: 15
    - _target_: albumentations.RandomCrop
      height: 256
      width: 256
      always_apply: true
    - _target_: albumentations.CoarseDropout
      max_holes: 4
      fill_value: 9
    """
    found, said = hydra(tmp_path, text)
    assert said[0] == "no __version__, but arguments that 2.0.8 lacks: read as albumentations 1.3.1"
    assert [type(transform).__name__ for transform in found] == [
        "Affine",
        "RandomCrop",
        "CoarseDropout",
    ]
    assert found[0].border_mode == cv2.BORDER_REFLECT_101
    assert (found[2].num_holes_range, found[2].hole_width_range) == ((4, 4), (8, 8))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "train: [{_target_: albumentations.Blur}]\nval: [{_target_: albumentations.CLAHE}]",
            "it holds several pipelines, train, val: copy the one to train with",
        ),
        (
            "a: {_target_: albumentations.Resize, height: '${size}', width: 3}",
            "${size} refers to another value: write the value itself",
        ),
        ("- {_target_: albumentations.Blur}\n- ${other}", "${other} refers to another value"),
        ("- {_target_: albumentations.Blur}\n- other", "'other' has no `_target_`"),
        ("a: {_target_: albumentations.Resize, _args_: [3, 3]}", "write the arguments by name"),
        ("a: {_target_: albumentations.os.system, command: x}", "'system' is not an"),
        (
            "- {_target_: albumentations.Blur}\n- {_target_: os.system, command: touch owned}",
            "'os.system' is not an albumentations transform",
        ),
    ],
)
def test_hydra_that_cannot_be_read(tmp_path, monkeypatch, text, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as error:
        hydra(tmp_path, text)
    assert words in str(error.value)
    assert "write it with albumentations.save" not in str(error.value)
    assert not (tmp_path / "owned").exists()


def test_the_same_pipeline_twice_is_one(tmp_path):
    text = "train: &one [{_target_: albumentations.Blur}]\nval: *one"
    found, _ = hydra(tmp_path, text)
    assert saved.as_data(found) == saved.as_data(A.Compose([A.Blur()]))


def test_what_a_saved_pipeline_takes_its_parts_from_is_none(tmp_path):
    text = """
    flip: &flip {__class_fullname__: HorizontalFlip, p: 0.3}
    transform: {__class_fullname__: Compose, transforms: [*flip, *flip]}
    """
    found, _ = hydra(tmp_path, text)
    assert [transform.p for transform in found] == [0.3, 0.3]


def test_other_configurations_are_no_policies(tmp_path):
    with pytest.raises(UserError, match="holds no albumentations pipeline"):
        hydra(tmp_path, "model: {_target_: torch.nn.Linear, in_features: 3}")


def inverts(p):
    return {"__class_fullname__": "InvertImg", "p": p}


def test_a_sequential_of_1_x_keeps_its_weight_in_a_choice(tmp_path):
    both = [
        {"__class_fullname__": "Sequential", "p": 0.3, "transforms": [inverts(1)]},
        {"__class_fullname__": "RandomGamma", "p": 0.3},
    ]
    found, _ = of(tmp_path, one("OneOf", "1.3.1", transforms=both, p=1))
    assert [*found.transforms_ps] == [0.5, 0.5]


def test_always_apply_in_a_compose_that_is_not_is_refused(tmp_path):
    inside = [inverts(0.5) | {"always_apply": True}]
    with pytest.raises(UserError, match=r"InvertImg has always_apply.*move it out"):
        of(tmp_path, one("Compose", "1.3.1", transforms=inside, p=0.5))


def test_tensors_in_between_are_refused(tmp_path):
    inside = [{"__class_fullname__": "ToTensorV2"}, {"__class_fullname__": "Blur", "p": 1}]
    with pytest.raises(UserError, match=r"ToTensorV2.*: remove it"):
        of(tmp_path, one("Compose", "2.0.8", transforms=inside))
