"""Policies: albumentations pipelines by name or from a file, and as plain data for manifests.

A policy is written in albumentations' own words (Buslaev et al. 2020, "Albumentations: fast and
flexible image augmentations"). Files are those that `albumentations.save` writes, YAML or JSON;
they are read as data: only transform classes that albumentations registers are built from them.
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
        transforms.append(A.Affine(
            rotate=(-half["rotate"], half["rotate"]),
            scale=(1 - half["scale"], 1 + half["scale"]),
            translate_percent=(-half["translate"], half["translate"]),
            shear={"x": (-half["shear"], half["shear"]), "y": (0, 0)}, p=0.8))
    if "elastic" in parts:
        transforms.append(A.ElasticTransform(alpha=half["elastic"], sigma=4, p=1))
    return A.Compose(transforms)


def without(part: str) -> Callable[[], A.Compose]:
    return partial(default, parts=[other for other in PARTS if other != part])


STRENGTHS = (0.25, 0.5, 0.75, 1.5, 2)
NAMED = {"default": default, "affine": without("elastic"),
         **{part: partial(default, parts=[part]) for part in PARTS},
         **{f"no-{part}": without(part) for part in PARTS if part != "elastic"},
         **{f"default-{strength}x": partial(default, strength) for strength in STRENGTHS}}


def load(policy: str) -> A.Compose:
    """The policy of that name, or the one saved in that file.

    Args:
        policy: a name in `NAMED`, or the path of a `.yaml`, `.yml` or `.json` file.

    Raises:
        UserError: no such name or file, or the file holds no albumentations pipeline.
    """
    if policy in NAMED:
        return NAMED[policy]()
    path = Path(policy)
    if path.suffix not in {".yaml", ".yml", ".json"}:
        raise UserError(f"policy {policy!r} is unknown: use one of {', '.join(NAMED)}, "
                        "or a .yaml or .json file written by albumentations.save")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise UserError(f"policy file {path} can't be read: {reason}") from None
    try:
        data = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            transform = A.from_dict(data)
    except Exception as error:  # albumentations raises whatever its parts raise
        reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        raise UserError(f"policy file {path} holds no albumentations pipeline ({reason}): "
                        "write it with albumentations.save") from None
    return transform if isinstance(transform, A.BaseCompose) else A.Compose([transform])


def name(policy: str) -> str:
    """What to call a policy given by name or by file: the name, or the file's without folder."""
    return policy if policy in NAMED else Path(policy).name


def describe(policy: A.Compose) -> dict:
    """The policy as plain data, as `albumentations.save` would write it."""
    return json.loads(json.dumps(A.to_dict(policy)["transform"]))


def described(description: dict) -> A.Compose:
    """The policy that `describe` described."""
    return A.from_dict({"transform": description})
