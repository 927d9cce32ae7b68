"""Policies: what augmentation is applied, by name or from a file, and as plain data for manifests.

A policy is a pipeline in albumentations' own words (Buslaev et al. 2020, "Albumentations: fast and
flexible image augmentations"), a method that mixes images or labels (`methods`), or both. Named
policies are written for images of 28 by 28 pixels on black, and `fitted` to others. Files are read
by `saved`, and those of older versions understood by `translation`; manifests hold what came of it,
so that nothing is translated twice.
"""

import math
import os
import re
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it asks the network at import otherwise

import albumentations as A
import cv2

from mnist_aug.augment import methods, named, saved
from mnist_aug.augment.batches import Engine, engine_of
from mnist_aug.augment.methods import AugMix, CutMix, MixUp
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
    they add to a stroke is rounded, below 15 pixels to nothing. So are what `A.CropAndPad` adds or
    cuts off, and the holes of `A.CoarseDropout`, of one pixel at least. A constant fill becomes
    `fill`, and where that is light, dilation and erosion change places, so that the same one
    thickens strokes. Angles, shares and what is done to grey levels stay.

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
        # What `A.CropAndPad` pads, named policies crop; a colour would be a range of greys to it.
        if isinstance(new.get("fill"), int | float) and class_of(new) != "CropAndPad":
            new["fill"] = list(fill) if isinstance(fill, tuple) else fill
        match class_of(new):
            case "ElasticTransform":
                sigma = max(1.0, _rounded(new["sigma"] * side / SIDE))
                share = displacement(new, SIDE) / SIDE
                unit = displacement(new | {"alpha": 1, "sigma": sigma}, side) / side
                new |= {"alpha": _rounded(share / unit), "sigma": sigma}
            case "CropAndPad":  # halves towards zero, so that it is half of an odd hole's length
                length = abs(new["px"]) * side / SIDE
                new["px"] = math.ceil(length - 0.5) * (1 if new["px"] > 0 else -1)
            case "CoarseDropout":
                for key in ("hole_height_range", "hole_width_range"):
                    if new[key][1] >= 1:
                        new[key] = [max(1, round(length * side / SIDE)) for length in new[key]]
            case "Morphological":
                new["scale"] = [1 + round((size - 1) * side / SIDE) for size in new["scale"]]
                if light:
                    other = {"dilation": "erosion", "erosion": "dilation"}
                    new["operation"] = other[new["operation"]]
        return new

    return saved.built(fit(saved.as_data(policy)))


def _rounded(number: float) -> float:
    """Four significant digits, which the last bits of a processor's functions don't reach."""
    return float(f"{number:.4g}")


class PolicyTranslatedWarning(UserWarning):
    """A policy's file was written for other versions of albumentations, and changed to be read."""


class PolicyFillWarning(UserWarning):
    """A policy's file fills gaps with a colour other than that of the images' background."""


@dataclass(frozen=True)
class Policy:
    """What is done to training images and their labels, in the order of the attributes.

    Attributes:
        name: what to call it.
        pipeline: what is done to an image alone; empty where nothing is.
        augmix: what is done to an image after that.
        mixup, cutmix: how it is mixed with another; by one of the two, each with a probability of
            one half, where both are there.
        label_smoothing: the share of a label that is spread evenly over all classes, in [0, 1).
    """

    name: str
    pipeline: A.BaseCompose = field(default_factory=lambda: A.Compose([]))
    augmix: AugMix | None = None
    mixup: MixUp | None = None
    cutmix: CutMix | None = None
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        if self.label_smoothing:
            methods.check_smoothing(self.label_smoothing)
        if self.soft_labels and self.jsd:
            raise UserError(
                f"policy {self.name}: the Jensen-Shannon loss compares views of one image, with "
                "one label: leave out mixup, cutmix and label smoothing, or take augmix without it"
            )

    @property
    def changes_images(self) -> bool:
        """Whether anything is done to an image alone."""
        empty = type(self.pipeline) is A.Compose and not self.pipeline.transforms
        return not empty or self.augmix is not None

    @property
    def mixes(self) -> bool:
        """Whether images are mixed with others."""
        return self.mixup is not None or self.cutmix is not None

    @property
    def soft_labels(self) -> bool:
        """Whether a label is shares of the classes, rather than one of them."""
        return self.mixes or bool(self.label_smoothing)

    @property
    def jsd(self) -> float:
        """The weight of the Jensen-Shannon divergence in the loss; 0 where it is not used."""
        return self.augmix.jsd if self.augmix else 0.0

    def engine(self) -> Engine | None:
        """What is done to an image alone, and None where nothing is.

        Raises, warns: as `vectorize`.
        """
        return self._engine

    @cached_property
    def _engine(self) -> Engine | None:
        return engine_of(self.pipeline, self.augmix) if self.changes_images else None


METHODS = ("mixup", "cutmix", "augmix", "augmix-jsd", "label-smoothing")
JSD = 12.0  # the weight of the divergence in AugMix's paper
SEVERITY = 3.0  # of AugMix's operations, 1 to 10, in the paper
SMOOTHING = 0.1  # in Szegedy et al.


def load(policy: str, side: int = SIDE, fill: Fill = 0) -> Policy:
    """The policy of that name, fitted to the images, or the one in that file, as written.

    Args:
        policy: names and files joined by `+`, which are done in that order. A name is one in
            `named.NAMED`, one that `named.pipeline` understands, or one in `METHODS`, some of them
            with a number after a colon: `default+mixup:0.2`. A file is the path of a `.yaml`,
            `.yml` or `.json` file: of `albumentations.save`, of any version, or of Hydra.
        side: the shorter side of the images, in pixels.
        fill: the colour of the images' background, `Dataset.fill`.

    Raises:
        UserError: no such name or file, or the file holds no policy that can be built.

    Warns:
        PolicyTranslatedWarning: once for each kind of transform that isn't taken word for word.
        PolicyFillWarning: once for each kind of transform that fills what moves in with another
            constant than a background that isn't black.
    """
    if _is_file(policy):
        return _of_file(policy, side, fill)
    parts = [_part(part, policy, side, fill) for part in policy.split("+")]
    return parts[0] if len(parts) == 1 else _joined(name(policy), parts)


FILES = {".yaml", ".yml", ".json"}


def _is_file(policy: str) -> bool:
    """Whether it is one file, whose name may hold a plus sign."""
    return Path(policy).suffix in FILES and os.path.isfile(policy)


def _part(part: str, whole: str, side: int, fill: Fill) -> Policy:
    word, colon, given = part.partition(":")
    if word in METHODS:
        return replace(_method(part, word, given if colon else None, side, fill), name=part)
    if (found := named.pipeline(part)) is not None:
        return Policy(part, fitted(found, side, fill))
    if Path(part).suffix in FILES:
        return _of_file(part, side, fill)
    of = f" in {whole!r}" if part != whole else ""
    near = get_close_matches(word, [*NAMED, *METHODS], 1)
    raise UserError(
        f"policy {part!r}{of} is unknown: {f'is it {near[0]}? U' if near else 'u'}se one of "
        f"{_listed(*METHODS)}, several joined by +, or a .yaml or .json file written by "
        "albumentations.save"
    )


def _listed(*others: str) -> str:
    """Names of policies to choose from, one of each kind that has numbers in its names."""
    plain = [name for name in NAMED if not re.search("[0-9]", name)]
    return ", ".join([*plain, "default-1.5x", "randaugment-2-6", "rand-m6-n2", *others])


def _method(part: str, word: str, given: str | None, side: int, fill: Fill) -> Policy:
    """Of a name in `METHODS` and what is behind its colon, if there is one."""
    if given is not None and not re.fullmatch(f"-?{named.NUMBER}", given):
        raise UserError(f"policy {part!r}: {given!r} is not a number: write it as {word}:0.2")
    number = None if given is None else float(given)
    content: object = True if number is None else number
    if word in ("augmix", "augmix-jsd"):
        content = {"severity": SEVERITY if number is None else number} | (
            {"jsd": JSD} if word == "augmix-jsd" else {}
        )
    return _mixed(part, {word.removesuffix("-jsd").replace("-", "_"): content}, side, fill)


def _mixed(called: str, content: dict[str, Any], side: int = SIDE, fill: Fill = 0) -> Policy:
    """Of the keys in `saved.MIXING`, each with its settings, or one number, or whether to do it.

    Raises:
        UserError: a setting is unknown, or of a wrong kind.
    """
    made: dict[str, Any] = {}
    for key, value in content.items():
        main = {"mixup": "alpha", "cutmix": "alpha", "augmix": "severity"}.get(key, "share")
        if value is False:
            continue
        if value is None:  # which means no in many a configuration
            raise UserError(
                f"policy {called}: {key} is empty: write `{key}: true` for its defaults, or "
                f"`{key}: false`"
            )
        if value is True:
            value = {}
        settings = dict(value) if isinstance(value, dict) else {main: value}
        for setting in {"alpha", "p", "jsd", "share"} & settings.keys():
            if type(settings[setting]) is int:  # 1 and 1.0 are the same policy
                settings[setting] = float(settings[setting])
        known = {"mixup": MixUp, "cutmix": CutMix, "augmix": AugMix}.get(key)
        accepted = [one.name for one in fields(known)] if known else ["share"]
        if key == "augmix":
            accepted.append("severity")
        if unknown := [name for name in settings if name not in accepted]:
            raise UserError(
                f"policy {called}: {key} takes {', '.join(accepted)}, not {str(unknown[0])[:40]!r}"
            )
        if key == "augmix":
            settings = _augmix_settings(called, settings, side, fill)
        try:
            if known:
                made[key] = known(**settings)
            else:
                made[key] = settings.get("share", SMOOTHING)
                methods.check_smoothing(made[key])
        except UserError as error:
            raise UserError(f"policy {called}: {error}") from None
    return Policy(called, **made)


def _augmix_settings(
    called: str, settings: dict[str, Any], side: int, fill: Fill
) -> dict[str, Any]:
    """With its operations built, those of a severity where none are listed."""
    if "operations" in settings and "severity" in settings:
        raise UserError(
            f"policy {called}: augmix's severity is for operations of its own: leave it out, or "
            "the list of operations"
        )
    severity = settings.pop("severity", SEVERITY)
    if "operations" in settings:
        listed = settings["operations"]
        if not isinstance(listed, list):
            raise UserError(f"policy {called}: augmix's operations are not a list of transforms")
        try:
            settings["operations"] = tuple(saved.built(one) for one in listed)
        except ValueError as error:
            raise UserError(f"policy {called}: augmix's operations: {error}") from None
    else:
        if type(severity) not in (int, float) or not 1 <= severity <= 10:
            raise UserError(
                f"policy {called}: augmix's severity is {str(severity)[:40]}: give a number from 1 "
                "to 10"
            )
        operations = A.Compose(named.augmix_operations(severity))
        settings["operations"] = tuple(fitted(operations, side, fill).transforms)
    if "depth" in settings:
        depth = settings["depth"]
        depth = (depth, depth) if isinstance(depth, int) else depth
        if not isinstance(depth, list | tuple) or len(depth) != 2:
            raise UserError(
                f"policy {called}: augmix's depth is {str(depth)[:40]}: give the fewest and the "
                "most operations of a chain, as [1, 3]"
            )
        settings["depth"] = tuple(depth)
    return settings


def _joined(called: str, parts: list[Policy]) -> Policy:
    """The parts one after the other, each method at most once."""
    made: dict[str, Any] = {}
    for key in ("augmix", "mixup", "cutmix", "label_smoothing"):
        own = [value for part in parts if (value := getattr(part, key))]
        if len(own) > 1:
            raise UserError(f"policy {called} has {key.replace('_', ' ')} twice: leave one out")
        if own:
            made[key] = own[0]
    pipelines = [part.pipeline for part in parts if part.pipeline.transforms]
    transforms: list[Any] = []
    for one in pipelines:
        transforms += one.transforms if type(one) is A.Compose and one.p == 1 else [one]
    return Policy(called, pipelines[0] if len(pipelines) == 1 else A.Compose(transforms), **made)


def _unread(path: Path, why: str) -> UserError:
    return UserError(
        f"policy file {path} can't be read ({why}): give the path of a .yaml or .json file that "
        "albumentations.save wrote"
    )


def _of_file(policy: str, side: int, fill: Fill) -> Policy:
    path = Path(policy)
    try:
        if path.exists() and not path.is_file():
            raise _unread(path, "not a regular file")
        with path.open("rb") as file:
            content = file.read(saved.MAX_BYTES + 1)
        if len(content) > saved.MAX_BYTES:
            raise UserError(
                f"policy file {path} is longer than {saved.MAX_BYTES:,} bytes: is it one?"
            )
        text = content.decode()
    except (OSError, ValueError) as error:  # the second: not UTF-8, or no name of a file at all
        raise _unread(path, getattr(error, "strerror", None) or "not text") from None
    changes: list[str] = []
    data: object = None
    mixes: dict[str, Any] = {}
    try:
        data, mixes = saved.without_mixing(saved.parsed(text, path.suffix == ".json"))
        called = data.get("pipeline") if isinstance(data, dict) else None
        if isinstance(called, str) and isinstance(data, dict):
            whole = _named_in_file(path, data, called, side, fill)
        elif mixes and not data:
            if not any(mixes.values()):
                raise UserError(
                    f"policy file {path} does nothing: set one of its keys, or add a pipeline"
                )
            whole = A.Compose([])
        else:
            description, version = saved.pipeline(data)
            description, changes = translated(description, version)
            transform = saved.built(description)
            whole = transform if isinstance(transform, A.BaseCompose) else A.Compose([transform])
    except saved.NoPipelineError as error:
        if isinstance(data, dict) and mixes:
            other = next((str(key) for key in data if key != "__version__"), "")
            raise UserError(
                f"policy file {path}: {other[:40]!r} is neither a pipeline nor one of "
                f"{', '.join(saved.MIXING)}: {_meant(other)}"
            ) from None
        raise UserError(
            f"policy file {path} holds no albumentations pipeline ({error}): "
            "write it with albumentations.save"
        ) from None
    except UserError:
        raise
    except Exception as error:  # albumentations raises whatever its parts raise
        raise UserError(f"policy file {path}: {saved.one_line(error, 500)}") from None
    fitted = isinstance(called, str)  # what it fills with is seen nowhere, or the background
    for kind, words in (
        *((PolicyTranslatedWarning, change) for change in changes),
        *((PolicyFillWarning, one) for one in (() if fitted else _unlike_fills(whole, fill))),
    ):
        if (said := (str(path), words)) not in _said:
            _said.add(said)
            warnings.warn_explicit(words, kind, str(path), 0)
    mixed = _mixed(path.name, mixes, side, fill)
    if fitted:
        return _joined(path.name, [Policy(path.name, whole), mixed])
    return replace(mixed, pipeline=whole)


def _key(method: str) -> str:
    """How a file says a method by its name, for an error."""
    return {
        "augmix-jsd": f"augmix: {{jsd: {JSD:g}}}",
        "label-smoothing": "label_smoothing: 0.1",
    }.get(method, f"{method}: true")


def _meant(key: str) -> str:
    """What to do about a key that a file can't have."""
    if key in METHODS:
        return f"write `{_key(key)}`"
    near = get_close_matches(key.lower().replace("-", "_"), saved.MIXING, 1)
    return f"is it {near[0]}?" if near else "remove it"


def _named_in_file(path: Path, data: dict, called: str, side: int, fill: Fill) -> A.BaseCompose:
    """The pipeline that a file names, and that is fitted to the images."""
    if others := [str(key) for key in data if key not in ("pipeline", "__version__")]:
        raise UserError(
            f"policy file {path}: next to `pipeline: {called[:40]}` it has {others[0][:40]!r}: "
            + _meant(others[0])
        )
    parts = []
    for part in called.split("+"):
        found = named.pipeline(part)
        if part.partition(":")[0] in METHODS:
            raise UserError(
                f"policy file {path}: {part[:40]!r} is not a pipeline: write "
                f"`{_key(part.partition(':')[0])}` on a line of its own"
            )
        if found is None:
            near = get_close_matches(part, NAMED, 1)
            raise UserError(
                f"policy file {path}: pipeline {part[:40]!r} is unknown: "
                f"{f'is it {near[0]}? U' if near else 'u'}se one of {_listed()}, "
                "or a transform with its `__class_fullname__`"
            )
        parts.append(Policy(part, fitted(found, side, fill)))
    return _joined(path.name, parts).pipeline


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
    """What to call a policy: its names, and those of files without their folders."""
    if _is_file(policy):
        return Path(policy).name
    return "+".join(
        Path(part).name if Path(part).suffix in FILES else part for part in policy.split("+")
    )


def describe(policy: Policy) -> dict[str, Any]:
    """The policy as plain data: its name, its pipeline as `albumentations.save` would write it, and
    each of `saved.MIXING` that it has, with all of its settings."""
    described: dict[str, Any] = {"name": policy.name, "pipeline": saved.as_data(policy.pipeline)}
    for key in ("mixup", "cutmix"):
        if (method := getattr(policy, key)) is not None:
            described[key] = asdict(method)
    if (augmix := policy.augmix) is not None:
        described["augmix"] = {
            "operations": [saved.as_data(one) for one in augmix.operations],
            "width": augmix.width,
            "depth": list(augmix.depth),
            "alpha": augmix.alpha,
            "jsd": augmix.jsd,
        }
    if policy.label_smoothing:
        described["label_smoothing"] = policy.label_smoothing
    return described


def described(description: dict[str, Any]) -> Policy:
    """The policy that `describe` described.

    Raises:
        UserError: the description is none.
    """
    try:
        mixes = {key: description[key] for key in saved.MIXING if key in description}
        mixed = _mixed(description["name"], mixes)
        return replace(mixed, pipeline=saved.built(description["pipeline"]))
    except Exception as error:  # albumentations raises whatever its parts raise
        raise UserError(
            f"a manifest describes no policy ({saved.one_line(error)}): "
            "delete the run's folder and train it again"
        ) from None
