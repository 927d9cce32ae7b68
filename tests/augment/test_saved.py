"""Every transform of albumentations is saved by `A.save` and read back as it was."""

import inspect
import json
import time
import warnings

import albumentations as A
import pytest
import yaml

from mnist_aug.augment import policy, saved
from mnist_aug.errors import UserError

# What `A.save` can't write: the pictures or functions that they are given are not data.
UNSAVABLE = {
    "FDA": "reference_images",
    "HistogramMatching": "reference_images",
    "Lambda": "name",
    "PixelDistributionAdaptation": "reference_images",
    "TextImage": None,  # which is saved, but needs a font's file to be built
}
# Classes to build others from: they do nothing to images themselves.
BASES = {
    "BaseCompose",
    "BaseCropAndPad",
    "BasicTransform",
    "DualTransform",
    "ImageOnlyTransform",
    "Transform3D",
}
REQUIRED = {
    "transforms": lambda: [A.HorizontalFlip(p=0.4), A.VerticalFlip(p=0.4)],
    "size": lambda: (24, 20),
    "height": lambda: 24,
    "width": lambda: 20,
    "min_max_height": lambda: (12, 24),
    "num_grid_xy": lambda: (4, 3),
    "magnitude": lambda: 3,
    "erosion_rate": lambda: 0.1,
    "padding": lambda: 2,
}
NEEDED = {
    "CenterCrop3D": {"size": (4, 8, 8)},
    "CropAndPad": {"px": 2},
    "LongestMaxSize": {"max_size": 40},
    "PadIfNeeded3D": {"min_zyx": (4, 8, 8)},
    "RandomCrop3D": {"size": (4, 8, 8)},
    "SmallestMaxSize": {"max_size_hw": (40, None)},
    "OneOrOther": {"transforms": REQUIRED["transforms"]()},
}


def public():
    """All transforms and compositions of albumentations, by name."""
    for name, found in vars(A).items():
        if (
            isinstance(found, type)
            and issubclass(found, (A.BasicTransform, A.BaseCompose))
            and name not in BASES
            and name == found.__name__
        ):
            yield name, found


TRANSFORMS = dict(public())


def quietly(make, **arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make(**arguments)


def required(name):
    arguments = {
        argument: REQUIRED[argument]()
        for argument, parameter in inspect.signature(TRANSFORMS[name]).parameters.items()
        if parameter.default is parameter.empty and argument in REQUIRED
    }
    return arguments | NEEDED.get(name, {})


def another(argument, default):
    """Another value than the default, None if there is none to guess."""
    if argument in ("border_mode", "interpolation", "mask_interpolation"):
        return 2
    if isinstance(default, bool):
        return not default
    if isinstance(default, (int, float)):
        return default * 0.4 if isinstance(default, float) else default + 2
    if isinstance(default, tuple) and len(default) == 2:
        low, high = default
        if all(isinstance(value, float) for value in default):
            return (low + (high - low) * 0.3, low + (high - low) * 0.7)
        if all(isinstance(value, int) for value in default):
            return (low, low + max(0, high - low - 1))
    return None


def otherwise(name):
    """The transform with as many arguments changed as it takes."""
    arguments = required(name)
    for argument, parameter in inspect.signature(TRANSFORMS[name]).parameters.items():
        value = another(argument, parameter.default)
        if argument in (*arguments, "strict", "p") or value is None:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            warnings.filterwarnings("ignore", f".*({saved.ADVICE})")
            try:
                TRANSFORMS[name](**arguments, **{argument: value})
            except Exception:  # not a value for it
                continue
        arguments[argument] = value
    return quietly(TRANSFORMS[name], **arguments, p=0.37)


def written(transform, path):
    A.save(transform, str(path), data_format="json" if path.suffix == ".json" else "yaml")
    return json.loads(json.dumps(A.to_dict(transform)["transform"]))


def read_back(transform, path):
    """Assert that a file of `A.save` holds the transform, and a manifest's description, too."""
    description = written(transform, path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = policy.load(str(path)).pipeline
    if not isinstance(transform, A.BaseCompose):
        (single,) = loaded
        assert saved.as_data(single) == description
    else:
        assert saved.as_data(loaded) == description
    assert saved.as_data(saved.built(saved.as_data(loaded))) == saved.as_data(loaded)


SAVED = TRANSFORMS.keys() - UNSAVABLE.keys() - {"SelectiveChannelTransform"}  # tested below


@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", sorted(SAVED))
def test_every_transform_is_read_back(tmp_path, name):
    for transform in (quietly(TRANSFORMS[name], **required(name)), otherwise(name)):
        for ending in ("json", "yaml"):
            read_back(transform, tmp_path / f"one.{ending}")


def test_channels_that_albumentations_does_not_save(tmp_path):
    """The file can't hold them, a manifest does."""
    chosen = A.SelectiveChannelTransform([A.Blur(p=1)], channels=(1,))
    written(chosen, tmp_path / "one.json")
    with pytest.warns(policy.PolicyTranslatedWarning, match="doesn't save its channels"):
        loaded = policy.load(str(tmp_path / "one.json")).pipeline
    assert [*loaded.channels] == [0, 1, 2]
    described = saved.built(saved.as_data(A.Compose([chosen])))
    assert [*described[0].channels] == [1]


def test_most_arguments_were_changed():
    """Or the test above tries defaults alone."""
    changed = total = 0
    for name in TRANSFORMS.keys() - UNSAVABLE.keys():
        default = A.to_dict(quietly(TRANSFORMS[name], **required(name)))["transform"]
        other = A.to_dict(otherwise(name))["transform"]
        total += len(default) - 1
        changed += sum(default[argument] != other[argument] for argument in default)
    assert changed > 0.6 * total


@pytest.mark.parametrize(
    "name", [name for name, argument in UNSAVABLE.items() if argument == "reference_images"]
)
def test_what_cannot_be_saved(tmp_path, name):
    transform = quietly(TRANSFORMS[name])
    with pytest.raises(NotImplementedError, match="cannot be reliably serialized"):
        A.save(transform, str(tmp_path / "one.json"))


def test_a_function_cannot_be_read(tmp_path):
    path = tmp_path / "one.json"
    A.save(A.Lambda(name="mine", image=test_a_function_cannot_be_read), str(path))
    with pytest.raises(UserError, match="'Lambda' is not an albumentations transform that can be"):
        policy.load(str(path))


LIMITS = (-10, 10)
PIPELINES = [
    A.Compose([A.HorizontalFlip(), A.VerticalFlip(p=0.1), A.RandomRotate90(p=0.5)], seed=12345),
    A.Compose(
        [
            A.Rotate(limit=LIMITS, fill=(255.0,) * 3),
            A.Affine(rotate=LIMITS, shear={"x": (-8, 8), "y": (0, 0)}, scale=(0.8, 1.2)),
        ]
    ),
    A.Compose(
        [
            A.RandomResizedCrop(size=(64, 64), scale=(0.5, 1), ratio=(0.8, 1.25)),
            A.OneOf([A.MotionBlur(p=0.2), A.MedianBlur(p=0.3), A.GaussianBlur(p=0.5)], p=0.2),
            A.OneOf([A.OpticalDistortion(p=0.3), A.GridDistortion(p=0.1)], p=0.2),
            A.HueSaturationValue(20, 30, 20, p=0.3),
        ],
        additional_targets={"second": "image"},
    ),
    A.Compose(
        [
            A.CoarseDropout((1, 3), (2, 5), (2, 5), fill="random", p=0.5),
            A.GridDropout(ratio=0.3, unit_size_range=(4, 8)),
            A.ToFloat(max_value=65535.0),
        ],
        bbox_params=A.BboxParams("coco", label_fields=["labels"]),
    ),
    A.Sequential([A.SomeOf([A.CLAHE(), A.RandomGamma(), A.NoOp()], n=2), A.ISONoise()], p=0.7),
    A.ReplayCompose([A.PadIfNeeded(40, 40), A.RandomCrop(1024, 1024), A.Crop()]),
]


@pytest.mark.parametrize("ending", ["json", "yaml"])
@pytest.mark.parametrize("number", range(len(PIPELINES)))
def test_pipelines_are_read_back(tmp_path, number, ending):
    read_back(PIPELINES[number], tmp_path / f"mine.{ending}")


@pytest.mark.parametrize("limits", [0.07, (-0.3, 0.1), (0.123, 0.456), (-0.9, 5)])
def test_shift_scale_rotate_is_read_back(tmp_path, limits):
    """Its scale is kept as a factor and written as a difference from 1."""
    transform = quietly(A.ShiftScaleRotate, scale_limit=limits, shift_limit_x=0.2, rotate_limit=33)
    read_back(transform, tmp_path / "one.yaml")


def test_aliases_stand_for_what_they_name(tmp_path):
    path, transform = tmp_path / "mine.yaml", A.CoarseDropout((2, 5), (2, 5), (2, 5))
    description = A.to_dict(transform)
    for argument in ("num_holes_range", "hole_height_range", "hole_width_range"):
        description["transform"][argument] = (shared := [2, 5]) if argument[0] == "n" else shared
    path.write_text(yaml.safe_dump(description))
    assert path.read_text().count("*id") == 2
    assert saved.as_data(policy.load(str(path)).pipeline) == saved.as_data(A.Compose([transform]))


def test_tuples_are_lists(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.dump(A.to_dict(PIPELINES[1])))
    assert "!!python/tuple" in path.read_text()
    assert saved.as_data(policy.load(str(path)).pipeline) == saved.as_data(PIPELINES[1])


def test_no_p_is_the_transforms_own(tmp_path):
    path = tmp_path / "mine.json"
    inside = [{"__class_fullname__": "HorizontalFlip"}, {"__class_fullname__": "AutoContrast"}]
    described = {"__class_fullname__": "Compose", "transforms": inside}
    path.write_text(json.dumps({"__version__": "2.0.8", "transform": described}))
    assert [transform.p for transform in policy.load(str(path)).pipeline] == [0.5, 0.5]


def laughs(levels):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    for level in range(1, levels):
        lines.append(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]")
    return "\n".join([*lines, f"transform: *a{levels - 1}"])


@pytest.mark.parametrize(
    "text",
    [laughs(10), laughs(2_000), "&a [*a]", "transform: &a {__class_fullname__: Compose, p: *a}"],
    ids=["laughs", "many levels", "itself", "within itself"],
)
def test_what_unfolds_without_end_is_refused_at_once(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    start = time.perf_counter()
    with pytest.raises(UserError, match=r"unfolds to more than|stands within what it names"):
        policy.load(str(path))
    assert time.perf_counter() - start < 5


def test_aliases_count_as_often_as_they_stand(monkeypatch):
    monkeypatch.setattr(saved, "MAX_NODES", 100)
    half = f"a: &a [{', '.join('1' for _ in range(saved.MAX_NODES // 2))}]\n"
    saved.parsed(half + "b: 1", is_json=False)
    with pytest.raises(ValueError, match="unfolds to more than"):
        saved.parsed(half + "b: *a", is_json=False)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"limit": "wide"}, "Rotate: limit='wide': Input should be a valid tuple"),
        ({"degrees": 5}, "Rotate: no argument 'degrees': it takes limit, interpolation"),
        ({"border_mode": 17}, "Rotate: border_mode=17"),
        ({"p": 2}, "Rotate: p=2"),
    ],
)
def test_errors_name_file_transform_and_argument(tmp_path, arguments, words):
    path = tmp_path / "mine.json"
    one = {"__class_fullname__": "Rotate", "p": 0.5} | arguments
    path.write_text(json.dumps({"__version__": "2.0.8", "transform": one}))
    with pytest.raises(UserError) as error:
        policy.load(str(path))
    assert str(error.value).startswith(f"policy file {path}: {words}")


@pytest.mark.parametrize(
    ("one", "words"),
    [
        ({"__class_fullname__": "RandomCrop", "height": 3}, "RandomCrop: it needs width"),
        ({"__class_fullname__": "Rotat"}, "'Rotat' is not an albumentations transform"),
        ({"__class_fullname__": "kaggle.Windowing"}, "'kaggle.Windowing' is not an"),
        (  # albumentations takes another value, with a warning
            {"__class_fullname__": "Blur", "blur_limit": [4, 6]},
            "Blur: it would be changed: blur_limit",
        ),
        ({"__class_fullname__": "OneOf", "transforms": 5}, "OneOf: its `transforms` are not a"),
        # Written by `A.save` next to `limit`, from which it must follow.
        (
            {"__class_fullname__": "SafeRotate", "limit": 9, "rotate": [1, 2]},
            "SafeRotate: no argument 'rotate'",
        ),
    ],
)
def test_what_cannot_be_built_is_named(tmp_path, one, words):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"__version__": "2.0.8", "transform": one}))
    with pytest.raises(UserError) as error:
        policy.load(str(path))
    assert str(error.value).startswith(f"policy file {path}: {words}")
