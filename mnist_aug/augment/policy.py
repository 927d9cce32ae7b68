"""Policies: albumentations pipelines by name or from a file, and as plain data for manifests.

A policy is written in albumentations' own words (Buslaev et al. 2020, "Albumentations: fast and
flexible image augmentations"). Named policies are written for images of 28 by 28 pixels on black,
and `fitted` to others. Files are read by `saved`, and those of older versions understood by
`translation`; manifests hold what came of it, so that nothing is translated twice.
"""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it asks the network at import otherwise

import albumentations as A
import cv2

from mnist_aug.augment import saved
from mnist_aug.augment.named import NAMED
from mnist_aug.augment.saved import reason_of as reason_of
from mnist_aug.augment.strengths import class_of, displacement
from mnist_aug.augment.translation import translated
from mnist_aug.errors import UserError

SIDE = 28  # pixels of the images that the named policies are written for
UNLIKE = 32  # grey levels by which a file's fill may differ from the background without a word

Fill = int | tuple[int, int, int]  # grey, or RGB; 0 to 255


def fitted(policy: A.Compose, side: int = SIDE, fill: Fill = 0) -> A.Compose:
    """A policy written for 28 by 28 pixels on black, for images of another size or background.

    Lengths in pixels become the same share of the side. Of `A.ElasticTransform`, `sigma` does, but
    for the least that albumentations takes, 1 pixel, and `alpha` becomes what gives a displacement
    of the same share (`displacement`). The kernels of `A.Morphological` are whole pixels: what
    they add to a stroke is rounded, below 15 pixels to nothing. A constant fill becomes `fill`,
    and where that is light, dilation and erosion change places, so that the same one thickens
    strokes. Angles, shares and tones stay.

    Args:
        side: the shorter side of the images, in pixels.
        fill: the colour of the images' background.
    """
    grounds = np.broadcast_to(fill, 3)
    if side == SIDE and not grounds.any():
        return policy
    light = float(grounds.mean()) > 127.5

    def fit(value: Any) -> Any:
        if isinstance(value, list):
            return [fit(part) for part in value]
        if not isinstance(value, dict):
            return value
        new = {key: fit(part) for key, part in value.items()}
        if isinstance(new.get("fill"), int | float):
            new["fill"] = list(fill) if isinstance(fill, tuple) else fill
        match class_of(new):
            case "ElasticTransform":
                sigma = max(1.0, _rounded(new["sigma"] * side / SIDE))
                share = displacement(new, SIDE) / SIDE
                unit = displacement(new | {"alpha": 1, "sigma": sigma}, side) / side
                new |= {"alpha": _rounded(share / unit), "sigma": sigma}
            case "Morphological":
                new["scale"] = [1 + round((size - 1) * side / SIDE) for size in new["scale"]]
                if light:
                    other = {"dilation": "erosion", "erosion": "dilation"}
                    new["operation"] = other[new["operation"]]
        return new

    return described(fit(describe(policy)))


def _rounded(number: float) -> float:
    """Four significant digits, which the last bits of a processor's functions don't reach."""
    return float(f"{number:.4g}")


class PolicyTranslatedWarning(UserWarning):
    """A policy's file was written for other versions of albumentations, and changed to be read."""


class PolicyFillWarning(UserWarning):
    """A policy's file fills gaps with a colour other than that of the images' background."""


def load(policy: str, side: int = SIDE, fill: Fill = 0) -> A.Compose:
    """The policy of that name, fitted to the images, or the one saved in that file, as written.

    Args:
        policy: a name in `NAMED`, or the path of a `.yaml`, `.yml` or `.json` file: of
            `albumentations.save`, of any version, or of Hydra.
        side: the shorter side of the images, in pixels.
        fill: the colour of the images' background, `Dataset.fill`.

    Raises:
        UserError: no such name or file, or the file holds no pipeline that 2.0.8 can build.

    Warns:
        PolicyTranslatedWarning: once for each kind of transform that isn't taken word for word.
        PolicyFillWarning: once for each kind of transform that fills what moves in with another
            constant than a background that isn't black.
    """
    if policy in NAMED:
        return fitted(NAMED[policy](), side, fill)
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
            content = file.read(saved.MAX_BYTES + 1)
        if len(content) > saved.MAX_BYTES:
            raise UserError(
                f"policy file {path} is longer than {saved.MAX_BYTES:,} bytes: is it one?"
            )
        text = content.decode()
    except (OSError, ValueError) as error:  # the second: not UTF-8, or no name of a file at all
        reason = getattr(error, "strerror", None) or "it is not text"
        raise UserError(f"policy file {path} can't be read: {reason}") from None
    try:
        description, version = saved.pipeline(saved.parsed(text, path.suffix == ".json"))
        description, changes = translated(description, version)
        transform = saved.built(description)
    except saved.NoPipelineError as error:
        raise UserError(
            f"policy file {path} holds no albumentations pipeline ({error}): "
            "write it with albumentations.save"
        ) from None
    except Exception as error:  # albumentations raises whatever its parts raise
        raise UserError(f"policy file {path}: {saved.one_line(error, 500)}") from None
    whole = transform if isinstance(transform, A.BaseCompose) else A.Compose([transform])
    for kind, words in (
        *((PolicyTranslatedWarning, change) for change in changes),
        *((PolicyFillWarning, unlike) for unlike in _unlike_fills(whole, fill)),
    ):
        if (said := (str(path), words)) not in _said:
            _said.add(said)
            warnings.warn_explicit(words, kind, str(path), 0)
    return whole


_said: set[tuple[str, str]] = set()  # files and words: a command reads a file several times


def _unlike_fills(transform: A.BaseCompose | A.BasicTransform, fill: Fill) -> Iterator[str]:
    """Of transforms that fill what moves in with another constant than a background of `fill`."""
    if isinstance(transform, A.BaseCompose):
        for part in transform.transforms:
            yield from _unlike_fills(part, fill)
        return
    own, background = getattr(transform, "fill", None), np.broadcast_to(fill, 3)
    if (
        isinstance(own, int | float | list | tuple)
        and np.size(own) in (1, 3)  # the engine refuses others
        and getattr(transform, "border_mode", None) == cv2.BORDER_CONSTANT
        and background.any()
        and np.abs(np.broadcast_to(own, 3) - background).max() > UNLIKE
    ):
        wanted = list(fill) if isinstance(fill, tuple) else fill
        yield (
            f"{type(transform).__name__} fills gaps with "
            f"{f'{own:g}' if isinstance(own, int | float) else list(own)}, but the background of "
            f"the images is {wanted}: set fill: {wanted} there"
        )


def name(policy: str) -> str:
    """What to call a policy given by name or by file: the name, or the file's without folder."""
    return policy if policy in NAMED else Path(policy).name


def describe(policy: A.Compose) -> dict:
    """The policy as plain data, as `albumentations.save` would write it."""
    return saved.as_data(policy)


def described(description: dict) -> A.Compose:
    """The policy that `describe` described.

    Raises:
        UserError: the description is none.
    """
    try:
        return saved.built(description)
    except Exception as error:  # albumentations raises whatever its parts raise
        raise UserError(
            f"a manifest describes no albumentations pipeline ({saved.one_line(error)}): "
            "delete the run's folder and train it again"
        ) from None
