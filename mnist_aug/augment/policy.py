"""Policies: albumentations pipelines by name or from a file, and as plain data for manifests.

A policy is written in albumentations' own words (Buslaev et al. 2020, "Albumentations: fast and
flexible image augmentations"). Files are those that `albumentations.save` writes, YAML or JSON.
Files and manifests are read as data: they name albumentations' own transforms, with numbers and
words, and nothing else is looked up, built or run.
"""

import json
import os
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it asks the network at import otherwise

import albumentations as A
import yaml
from albumentations.core import serialization

from mnist_aug.errors import UserError

PARTS = ("rotate", "scale", "translate", "shear", "elastic")


def default(strength: float = 1, parts: Sequence[str] = PARTS) -> A.Compose:
    """Affine, then elastic (Simard, Steinkraus and Platt 2003): small, smooth changes of shape.

    Args:
        strength: factor of every magnitude.
        parts: what to keep of the policy.
    """
    half = {"rotate": 6, "scale": 0.06, "translate": 0.03, "shear": 5, "elastic": 40}
    half = {part: strength * size if part in parts else 0 for part, size in half.items()}
    transforms = []
    if {*parts} - {"elastic"}:
        transforms.append(affine(half["rotate"], half["scale"], half["translate"], half["shear"]))
    if "elastic" in parts:
        transforms.append(A.ElasticTransform(alpha=half["elastic"], sigma=4, p=1))
    return A.Compose(transforms)


def wide(parts: Sequence[str] = ("affine", "elastic", "thickness")) -> A.Compose:
    """Wider and smoother than `default`, with strokes thicker or thinner: for long training.

    Args:
        parts: what to keep of the policy.
    """
    transforms = {
        "affine": affine(rotate=12, scale=0.12, translate=0.04, shear=8),
        "elastic": A.ElasticTransform(alpha=55, sigma=5, p=1),
        "thickness": A.OneOf(
            [
                A.Morphological(scale=(2, 2), operation=operation, p=1)
                for operation in ("dilation", "erosion")
            ],
            p=0.25,
        ),
    }
    return A.Compose([transforms[part] for part in parts])


def affine(rotate: float, scale: float, translate: float, shear: float) -> A.Affine:
    """Up to so many degrees, shares of 1 and of the sides, and degrees, either way.

    Width and height are scaled independently.
    """
    return A.Affine(
        rotate=(-rotate, rotate),
        scale=(1 - scale, 1 + scale),
        translate_percent=(-translate, translate),
        shear={"x": (-shear, shear), "y": (0, 0)},
        p=0.8,
    )


def without(part: str) -> Callable[[], A.Compose]:
    return partial(default, parts=[other for other in PARTS if other != part])


# Both automatic policies draw from these, at their largest magnitude: of what the papers list the
# geometric ones, contrast and brightness, and scaling and elastic distortion, too.
LARGEST = {
    "rotate": 30,
    "shear_x": 17,
    "shear_y": 17,
    "translate_x": 0.14,
    "translate_y": 0.14,
    "scale": 0.2,
    "elastic": 80,
    "contrast": 0.9,
    "brightness": 0.4,
}
LEVELS = 10  # magnitudes go up to this, as in RandAugment's code


def trivial_augment() -> A.Compose:
    """TrivialAugment (Müller and Hutter 2021): one transform an image, of a random magnitude."""
    alphas = [LARGEST["elastic"] * level / LEVELS for level in range(2, LEVELS + 1, 2)]
    return A.Compose(
        [
            A.OneOf(
                [
                    A.NoOp(p=1),
                    *(
                        A.OneOf([_one("elastic", alpha, alpha) for alpha in alphas], p=1)
                        if name == "elastic"
                        else _one(name, -largest, largest)
                        for name, largest in LARGEST.items()
                    ),
                ],
                p=1,
            )
        ]
    )


def rand_augment(count: int, magnitude: float) -> A.Compose:
    """RandAugment (Cubuk, Zoph, Shlens and Le 2020): so many transforms an image, of one magnitude.

    Args:
        count: transforms an image, drawn with replacement.
        magnitude: of all, 0 to `LEVELS`; which way is drawn for each.
    """
    transforms = [A.NoOp(p=1)]
    for name, largest in LARGEST.items():
        size = largest * magnitude / LEVELS
        transforms.append(
            _one(name, size, size)
            if name == "elastic"
            else A.OneOf([_one(name, size, size), _one(name, -size, -size)], p=1)
        )
    return A.Compose([A.SomeOf(transforms, n=count, replace=True, p=1)])


def _one(name: str, low: float, high: float) -> A.BasicTransform:
    """One transform with its magnitude between two values."""
    if name == "elastic":
        return A.ElasticTransform(alpha=high, sigma=4, p=1)
    if name in ("contrast", "brightness"):
        limits = {
            "brightness_limit": (0, 0),
            "contrast_limit": (0, 0),
            f"{name}_limit": (low, high),
        }
        return A.RandomBrightnessContrast(**limits, p=1)
    if name == "rotate":
        return A.Affine(rotate=(low, high), p=1)
    if name == "scale":
        return A.Affine(scale=(1 + low, 1 + high), keep_ratio=True, p=1)
    kind, axis = name.split("_")
    limits = {"x": (0, 0), "y": (0, 0), axis: (low, high)}
    return A.Affine(**{"shear": limits} if kind == "shear" else {"translate_percent": limits}, p=1)


STRENGTHS = (0.25, 0.5, 0.75, 1.5, 2)
AUTOMATIC = {
    "trivialaugment": trivial_augment,
    **{
        f"randaugment-{count}-{magnitude}": partial(rand_augment, count, magnitude)
        for count in (1, 2)
        for magnitude in (2, 4, 6, 8, 10)
    },
}
NAMED = {
    "default": default,
    "affine": without("elastic"),
    **{part: partial(default, parts=[part]) for part in PARTS},
    **{f"no-{part}": without(part) for part in PARTS if part != "elastic"},
    **{f"default-{strength}x": partial(default, strength) for strength in (*STRENGTHS, 1.25)},
    "wide": wide,
    "wide-affine": partial(wide, ["affine"]),
    **AUTOMATIC,
}

# Of a policy in a file: far beyond any use, and little enough to be read at once.
MAX_BYTES = 2**18
MAX_DEPTH = 30
MAX_NUMBER = 1_000
MAX_TRANSFORMS = 1_000


def load(policy: str) -> A.Compose:
    """The policy of that name, or the one saved in that file.

    Args:
        policy: a name in `NAMED`, or the path of a `.yaml`, `.yml` or `.json` file.

    Raises:
        UserError: no such name or file, or the file holds no albumentations pipeline.
    """
    if policy in NAMED:
        return NAMED[policy]()  # type: ignore[operator]  # of functions and partials
    path = Path(policy)
    if path.suffix not in {".yaml", ".yml", ".json"}:
        raise UserError(
            f"policy {policy!r} is unknown: use one of {', '.join(NAMED)}, "
            "or a .yaml or .json file written by albumentations.save"
        )
    try:
        if path.exists() and not path.is_file():
            raise UserError(f"policy file {path} can't be read: it is not a regular file")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise UserError(f"policy file {path} is longer than {MAX_BYTES:,} bytes: is it one?")
        text = content.decode()
    except (OSError, ValueError) as error:  # the second: not UTF-8, or no name of a file at all
        reason = getattr(error, "strerror", None) or "it is not text"
        raise UserError(f"policy file {path} can't be read: {reason}") from None
    try:
        data = json.loads(text) if path.suffix == ".json" else plain(text)
        transform = _built(data)
    except Exception as error:  # albumentations raises whatever its parts raise
        raise UserError(
            f"policy file {path} holds no albumentations pipeline ({reason_of(error)}"
            "): write it with albumentations.save"
        ) from None
    return transform if isinstance(transform, A.BaseCompose) else A.Compose([transform])


def plain(text: str) -> object:
    """The data of a policy's YAML.

    Raises:
        yaml.YAMLError, ValueError: it is no YAML, has a tag, or has an alias.
    """
    return yaml.load(text, _Yaml)


class _Yaml(yaml.SafeLoader):
    """Plain data alone, and no aliases, by which a short file can stand for endless data."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise ValueError("it has an alias, *name: write out what it stands for")
        return super().compose_node(parent, index)


def _built(data: object) -> A.BaseCompose | A.BasicTransform:
    """What plain data describes.

    Raises:
        Exception: of any kind, where it describes nothing that albumentations can build.
    """
    if not isinstance(data, dict) or "transform" not in data:
        raise ValueError("it has no `transform`")
    _check_values(data, 0)
    if _check_classes(data["transform"]) > MAX_TRANSFORMS:
        raise ValueError(f"it does more than {MAX_TRANSFORMS:,} transforms")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return A.from_dict(data)


def _check_values(value: object, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ValueError(f"it is nested deeper than {MAX_DEPTH}")
    if isinstance(value, dict):
        for key, inside in value.items():
            if not isinstance(key, str):
                raise ValueError(f"{key!r} is not a name")
            if key == "p" and isinstance(inside, (dict, list)):
                raise ValueError("a `p` is not a number")
            if key not in ("seed", "temperature_limit"):  # albumentations bounds these
                _check_values(inside, depth + 1)
    elif isinstance(value, list):
        for inside in value:
            _check_values(inside, depth + 1)
    elif isinstance(value, (int, float)):
        if not abs(value) <= MAX_NUMBER:
            raise ValueError(f"a number is not within ±{MAX_NUMBER:,}")
    elif value is not None and not isinstance(value, str):
        raise ValueError(f"{type(value).__name__} is neither number nor text")


def _check_classes(node: object) -> int:
    """How many transforms a node stands for, if all its classes are albumentations' own."""
    name = node.get("__class_fullname__") if isinstance(node, dict) else node
    if not isinstance(name, str) or not isinstance(node, dict):
        raise ValueError(f"{str(node)[:40]!r} is not a transform")
    found = serialization.SERIALIZABLE_REGISTRY.get(serialization.shorten_class_name(name))
    if (
        found is None
        or not found.__module__.startswith("albumentations.")
        or not issubclass(found, (A.BasicTransform, A.BaseCompose))
    ):
        raise ValueError(f"{name[:80]!r} is not an albumentations transform that can be saved")
    inside = node.get("transforms", [])
    if not isinstance(inside, list):
        raise ValueError(f"the transforms of {name} are no list")
    times = node.get("n") if issubclass(found, A.SomeOf) else 1
    times = max(1, times) if isinstance(times, int) else 1  # other values are refused later
    return times * max(1, sum(map(_check_classes, inside)))


def reason_of(error: Exception) -> str:
    """What an error of another library says, in one line that is not long."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:200]}…"


def name(policy: str) -> str:
    """What to call a policy given by name or by file: the name, or the file's without folder."""
    return policy if policy in NAMED else Path(policy).name


def describe(policy: A.Compose) -> dict:
    """The policy as plain data, as `albumentations.save` would write it."""
    return json.loads(json.dumps(A.to_dict(policy)["transform"]))


def described(description: dict) -> A.Compose:
    """The policy that `describe` described.

    Raises:
        UserError: the description is none.
    """
    try:
        return _built({"transform": description})
    except Exception as error:  # albumentations raises whatever its parts raise
        raise UserError(
            f"a manifest describes no albumentations pipeline ({reason_of(error)}): "
            "delete the run's folder and train it again"
        ) from None
