"""What a policy does to images, measured on them: no transform is known by its name alone.

Where a pixel of the result is read from is found by sending ramps through the policy in place of
the image: with the same key a transform moves them as it moves the image. With an image of ones and
one of zeros, which tell what is fill, each pixel gives the mean place in the original that it shows
(exactly so for linear interpolation, of which the ramps are invariants).
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import albumentations as A
import numpy as np
from albumentations.augmentations.dropout.transforms import BaseDropout

from mnist_aug.augment import saved
from mnist_aug.augment.batches import Engine, ImageByImageWarning
from mnist_aug.augment.strengths import class_of
from mnist_aug.augment.vectorize import vectorize
from mnist_aug.data.plausibility import NEAR, Colour
from mnist_aug.errors import UserError

Description = dict[str, Any]

# Transforms of the kind that moves images and masks alike, but doesn't move what an image shows.
STAYS = (A.NoOp, A.Morphological, A.Mosaic, A.OverlayElements, A.MaskDropout, A.Transform3D)
HIDES = (BaseDropout, A.PixelDropout)
TURNED = 45  # degrees by which what is upright may be turned
ZOOMED = 2  # times that an image may be enlarged or made smaller, on either axis
BENT = 0.1  # of the side: the root mean square of what no affine map explains
ALIKE = 0.5  # correlation with the image before tones were changed; below minus this it's inverted
UNLIKE = 32  # grey levels between the background and what fills gaps
SHOWN = 0.02  # weight of a pixel in the nearest pixel of the result; less is rounding
VALUES = 2**22  # of images that are tried, and of ramps at a time
MOST, LEAST = 2_000, 50  # images that are tried, and the fewest where they are large
STEP = 1.3  # pixels between places that leave no pixel between them, however they lie


@dataclass(frozen=True)
class Effects:
    """What happens to N images; each bool or float `[N]`, NaN where it can't be told.

    Attributes:
        lost: share of the ink that is moved out of the image, or of the pixels where there is no
            uniform background: of what lies outside of the part of the original that the result
            shows, whatever that part is enlarged or bent to.
        hidden: the same of what holes hide, and isn't moved out.
        mirrored: the map that fits best is a reflection.
        turned: it turns the vertical axis by more than `TURNED` degrees.
        distorted: it enlarges or shrinks an axis by more than `ZOOMED`, or explains the moves so
            badly that `BENT` of the side is left.
        filled: what moves in is unlike the background by more than `UNLIKE` grey levels.
        inverted: what is done to values makes their correlation with the image's less than minus
            `ALIKE`.
        unlike: makes it less than `ALIKE`, and not inverted.
        empty: one colour, or nothing but background, and the image was neither.
        unchanged: the same bytes.
    """

    lost: np.ndarray
    hidden: np.ndarray
    mirrored: np.ndarray
    turned: np.ndarray
    distorted: np.ndarray
    filled: np.ndarray
    inverted: np.ndarray
    unlike: np.ndarray
    empty: np.ndarray
    unchanged: np.ndarray

    def share(self, name: str) -> float:
        """The share of the images for which that holds."""
        return float(getattr(self, name).mean())

    def share_above(self, name: str, limit: float) -> float:
        """The share of the images of which more than `limit` is lost or hidden."""
        return float((np.nan_to_num(getattr(self, name)) > limit).mean())


def ink(images: np.ndarray, background: Colour | None) -> np.ndarray:
    """What stands out from the background, float32 `[N, H, W]`, 0 within `NEAR` grey levels of it.

    Without a background every pixel counts 1.

    Args:
        images: uint8 `[N, H, W]` or `[N, H, W, 3]`.
    """
    if background is None:
        return np.ones(images.shape[:3], np.float32)
    apart = np.abs(images.astype(np.float32) - np.asarray(background, np.float32))
    apart = apart.reshape(*images.shape[:3], -1).max(axis=3)
    return np.where(apart > NEAR, apart, np.float32(0))


def tried(count: int, shape: tuple[int, ...], most: int = MOST, least: int = LEAST) -> np.ndarray:
    """The indices of the training images that are tried: spread evenly, fewer of large ones."""
    number = max(least, min(most, VALUES // int(np.prod(shape))))
    return np.unique(np.linspace(0, count - 1, min(count, number)).round().astype(np.int64))


def measured(
    pipeline: Description,
    images: np.ndarray,
    made: np.ndarray,
    background: Colour | None,
    positions: np.ndarray,
) -> Effects:
    """What a pipeline does to images in epoch 0 with seed 0.

    Args:
        pipeline: as `saved.as_data` gives it; what is moved and changed is measured in it.
        images: uint8 `[N, H, W]` or `[N, H, W, 3]`.
        made: what came of them, of the same shape, by the pipeline and what else there is.
        positions: int64 `[N]`, of the keys.

    Raises:
        UserError: the policy can't be done to such images.
    """
    nothing, false = np.full(len(images), np.nan), np.zeros(len(images), bool)
    own = ink(images, background)
    results: dict[str, np.ndarray] = dict.fromkeys(
        ("mirrored", "turned", "distorted", "filled", "inverted", "unlike"), false
    )
    moves = _only(pipeline, lambda t: _moves(t))
    hides = _only(pipeline, lambda t: _moves(t) or issubclass(t, HIDES))
    results["lost"] = np.zeros(len(images)) if moves is None else nothing
    if moves is not None:
        results |= _moved(moves, own, images, background, positions)
    results["hidden"] = np.zeros(len(images))
    if hides != moves and hides is not None:
        gone = _lost(own, _kept(engine(hides), images.shape[1:], positions))
        results["hidden"] = gone - results["lost"]
    if tones := _only(pipeline, lambda t: not _moves(t) and not issubclass(t, HIDES)):
        results["inverted"], results["unlike"] = _recoloured(engine(tones), images, positions)
    changed = (made != images).reshape(len(images), -1).any(axis=1)
    results["unchanged"] = ~changed
    results["empty"] = _is_empty(made, background) & ~_is_empty(images, background)
    return Effects(**results)


def engine(description: Description) -> Engine:
    """The engine of a described pipeline, without a word on what isn't vectorised.

    Raises:
        UserError: a parameter makes no sense.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImageByImageWarning)
        return vectorize(saved.built(description))


def runs_one_by_one(description: Description) -> bool:
    """Whether part of a pipeline runs image by image, which may take a hundred times as long."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", ImageByImageWarning)
        vectorize(saved.built(description))
    return any(issubclass(one.category, ImageByImageWarning) for one in told)


def _class(leaf: Description) -> type:
    found = getattr(A, saved.short_name(leaf), None)
    return found if isinstance(found, type) else object


def _moves(t: type) -> bool:
    return issubclass(t, A.DualTransform) and not issubclass(t, STAYS + HIDES)


def _only(pipeline: Description, wanted: Any) -> Description | None:
    """The pipeline with all other transforms replaced by `NoOp`, so that what is left draws as it
    does in the whole; None if nothing is left."""
    found = False

    def part(node: Description) -> Description:
        nonlocal found
        if "transforms" in node:
            return node | {"transforms": [part(inside) for inside in node["transforms"]]}
        if wanted(_class(node)) and class_of(node) != "NoOp":
            found = True
            return node
        return {"__class_fullname__": "NoOp", "p": node.get("p", 0.5)}

    new = part(pipeline)
    return new if found else None


@dataclass(frozen=True)
class _Places:
    """Where the pixels of results are read: x and y in pixels, and the share that is no fill."""

    x: np.ndarray
    y: np.ndarray
    weight: np.ndarray


def _places(moves: Engine, shape: tuple[int, ...], positions: np.ndarray) -> Iterator[_Places]:
    """The places `[M, H, W]` for the images at these positions, some at a time."""
    height, width = shape[:2]
    across = np.broadcast_to(np.linspace(0.25, 0.75, width, dtype=np.float32), (height, width))
    down = np.broadcast_to(np.linspace(0.25, 0.75, height, dtype=np.float32)[:, None], across.shape)
    probes = np.stack([across, down, np.ones_like(across), np.zeros_like(across)])
    probes = np.broadcast_to(probes.reshape(4, height, width, *(1 for _ in shape[2:])), (4, *shape))
    step = max(1, VALUES // probes.size)
    for start in range(0, len(positions), step):
        some = positions[start : start + step]
        batch = np.repeat(probes[:, None], len(some), axis=1).reshape(-1, *shape)
        made = moves(batch, (0, 0, np.tile(some, 4)))
        x, y, ones, zeros = made.reshape(4, len(some), height, width, -1)[..., 0]
        weight = ones - zeros
        inside = np.where(weight > SHOWN, weight, np.float32(1))
        yield _Places(
            ((x - zeros) / inside - 0.25) * 2 * (width - 1),
            ((y - zeros) / inside - 0.25) * 2 * (height - 1),
            np.where(weight > SHOWN, weight, np.float32(0)),
        )


def _kept_by(places: _Places) -> np.ndarray:
    """Which pixels of the originals lie within what the result shows, bool `[M, H, W]`.

    Where an image shrinks, places of pixels that are side by side lie apart: one between them is
    interpolated, so that no pixel of the original is missing down to two fifths of its size.
    """
    count, height, width = places.x.shape
    kept = np.zeros((count, height + 2, width + 2), bool)
    shows = places.weight > 0
    _mark(kept, np.nonzero(shows)[0], places.x[shows], places.y[shows])
    for down, across in ((0, 1), (1, 0), (1, 1)):
        first, last = (
            np.s_[:, : height - down, : width - across],
            np.s_[:, down:, across:],
        )
        x, y = ((one[first] + one[last]) / 2 for one in (places.x, places.y))
        apart = (places.x[first] - x) ** 2 + (places.y[first] - y) ** 2
        seen = shows[first] & shows[last] & (4 * apart > STEP**2 * (down + across))
        _mark(kept, np.nonzero(seen)[0], x[seen], y[seen])
    return kept[:, 1:-1, 1:-1]


def _mark(kept: np.ndarray, number: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
    """Mark the up to four pixels around each place; `kept` has a margin of one pixel."""
    left, top = np.floor(x), np.floor(y)
    column = np.clip(left.astype(np.int64) + 1, 0, kept.shape[2] - 2)
    row = np.clip(top.astype(np.int64) + 1, 0, kept.shape[1] - 2)
    for right, wide in ((0, 1 - (x - left)), (1, x - left)):
        for low, tall in ((0, 1 - (y - top)), (1, y - top)):
            near = wide * tall > SHOWN
            kept[number[near], row[near] + low, column[near] + right] = True


def _kept(moves: Engine, shape: tuple[int, ...], positions: np.ndarray) -> np.ndarray:
    return np.concatenate([_kept_by(some) for some in _places(moves, shape, positions)])


def _lost(own: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """The share of the ink in pixels that aren't kept, float64 `[N]`; NaN where there is none."""
    all_ink = own.sum(axis=(1, 2), dtype=np.float64)
    gone = np.where(kept, 0, own).sum(axis=(1, 2), dtype=np.float64)
    return np.where(all_ink > 0, gone / np.maximum(all_ink, 1), np.nan)


def _moved(
    moves: Description,
    own: np.ndarray,
    images: np.ndarray,
    background: Colour | None,
    positions: np.ndarray,
) -> dict[str, np.ndarray]:
    shape, does = images.shape[1:], engine(moves)
    parts = [(_kept_by(some), *_fitted(some)) for some in _places(does, shape, positions)]
    kept, matrices, left = (np.concatenate(one) for one in zip(*parts, strict=True))
    clear = left <= BENT * min(shape[:2])
    with np.errstate(invalid="ignore", divide="ignore"):
        a, b, c, d = matrices.reshape(-1, 4).T  # x and y in the original by x and y in the result
        determinant = a * d - b * c
        # The inverse takes (0, 1), down in the original, to (-b, a) / determinant.
        angle = np.degrees(np.arctan2(np.abs(b), a * np.sign(determinant)))
        sizes = np.linalg.svd(np.nan_to_num(matrices), compute_uv=False)
    zoomed = (sizes[:, 0] > ZOOMED) | (sizes[:, 1] < 1 / ZOOMED)
    found = {
        "lost": _lost(own, kept),
        "mirrored": clear & (determinant < 0),
        "turned": clear & (angle > TURNED),
        "distorted": ~clear | zoomed,
        "filled": np.zeros(len(images), bool),
    }
    if background is not None:
        blank = np.broadcast_to(np.asarray(background, np.uint8), images.shape)
        made = does(np.ascontiguousarray(blank), (0, 0, positions)).astype(np.int16)
        unlike = np.abs(made - np.asarray(background)) > UNLIKE
        found["filled"] = unlike.reshape(len(images), -1).any(axis=1)
    return found


def _fitted(places: _Places) -> tuple[np.ndarray, np.ndarray]:
    """The affine map that fits best from results to originals: its matrices `[M, 2, 2]`, and the
    root mean square in pixels of what is left `[M]`; NaN and 0 where too few pixels are shown."""
    count, height, width = places.x.shape
    v, u = np.mgrid[:height, :width] - np.array([height - 1, width - 1])[:, None, None] / 2
    terms = np.stack([u, v, np.ones_like(u)]).reshape(3, -1)
    whole = (places.weight > 0.99).reshape(count, -1).astype(float)
    target = np.stack([places.x, places.y], axis=1).reshape(count, 2, -1).astype(float)
    enough = whole.sum(axis=1) >= 9
    normal = np.einsum("ip,jp,np->nij", terms, terms, whole, optimize=True)
    right = np.einsum("ip,ncp,np->nic", terms, target, whole, optimize=True)
    enough &= np.linalg.cond(normal) < 1e6
    normal[~enough] = np.eye(3)
    found = np.linalg.solve(normal, right)
    off = target - np.einsum("ip,nic->ncp", terms, found, optimize=True)
    square = (off**2 * whole[:, None]).sum(axis=(1, 2)) / np.maximum(whole.sum(axis=1), 1)
    matrices = found[:, :2].transpose(0, 2, 1).copy()
    matrices[~enough] = np.nan
    return matrices, np.where(enough, np.sqrt(square), 0)


def _recoloured(
    tones: Engine, images: np.ndarray, positions: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    made = tones(images, (0, 0, positions))
    before, after = (one.reshape(len(images), -1).astype(np.float32) for one in (images, made))
    before -= before.mean(axis=1, keepdims=True)
    after -= after.mean(axis=1, keepdims=True)
    spread = np.sqrt((before**2).sum(axis=1) * (after**2).sum(axis=1))
    flat = spread == 0  # of one colour: it is counted as empty, if it wasn't so before
    likeness = (before * after).sum(axis=1) / np.where(flat, 1, spread)
    return (likeness < -ALIKE) & ~flat, (likeness < ALIKE) & (likeness >= -ALIKE) & ~flat


def _is_empty(images: np.ndarray, background: Colour | None) -> np.ndarray:
    flat = images.reshape(len(images), images.shape[1] * images.shape[2], -1)
    one_colour = (flat == flat[:, :1]).all(axis=(1, 2))
    if background is None:
        return one_colour
    return one_colour | ~ink(images, background).any(axis=(1, 2))


# Each transform alone -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """Transforms of one class in a policy that set the same parameters.

    Attributes:
        name: the class's.
        title: the same, with the parameters' names where the policy has several steps of a class.
        set_to: what they set, unlike the class's defaults: one text for each of them.
        pipelines: each alone, done to all images, brought back to their size if it changes it.
        resized: whether a pipeline does that.
        reason: why it can't be done alone to such images; nothing if it can.
    """

    name: str
    title: str
    set_to: tuple[str, ...]
    pipelines: tuple[Description, ...]
    resized: bool = False
    reason: str = ""


@dataclass
class _Found:
    texts: list[str] = field(default_factory=list)
    leaves: list[Description] = field(default_factory=list)


def steps(pipeline: Description, shape: tuple[int, ...]) -> list[Step]:
    """The transforms of a pipeline by class and parameters, in the order that they are met in.

    A `CropAndPad` that pads, where a later one always crops the same pixels again, is left out with
    it: alone, each makes what the policy never does.
    """
    groups: dict[tuple[str, ...], _Found] = {}
    for leaf in _leaves(pipeline):
        name = class_of(leaf)
        leaf = leaf | {"p": 1.0}
        own = _own(leaf)
        group = groups.setdefault((name, *own), _Found())
        if leaf not in group.leaves:
            group.leaves.append(leaf)
            group.texts.append(", ".join(f"{key} {_shown(own[key])}" for key in own))
    names = [name for name, *_ in groups]
    return [
        _step(
            name,
            f"{name}: {', '.join(own)}" if names.count(name) > 1 and own else name,
            tuple(found.texts),
            found.leaves,
            shape,
        )
        for (name, *own), found in groups.items()
    ]


def _leaves(node: Description) -> Iterator[Description]:
    if "transforms" in node:
        undone = _undone(node["transforms"]) if class_of(node) in ("Compose", "Sequential") else ()
        for place, inside in enumerate(node["transforms"]):
            if place not in undone:
                yield from _leaves(inside)
    elif class_of(node) != "NoOp":
        yield node


def _undone(transforms: Sequence[Description]) -> set[int]:
    """The places of each `CropAndPad` that pads, and of a later one that crops the same again."""
    found: set[int] = set()
    sizes = {
        place: one["px"]
        for place, one in enumerate(transforms)
        if class_of(one) == "CropAndPad"
        and one.get("p") == 1
        and one.get("keep_size") is False
        and isinstance(one.get("px"), int)
    }
    for first, size in sizes.items():
        for last, other in sizes.items():
            if first < last and not {first, last} & found and size > 0 and other == -size:
                found |= {first, last}
    return found


def _own(leaf: Description) -> dict[str, Any]:
    """The parameters that aren't those by default, nor left to others."""
    given = {
        key: value
        for key, value in leaf.items()
        if key not in ("__class_fullname__", "p") and value is not None
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a class that albumentations would do without
            usual = saved.as_data(_class(leaf)())
    except Exception:  # whatever albumentations raises where a parameter must be given
        return given
    return {key: value for key, value in given.items() if usual.get(key) != value}


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_shown(one)}" for key, one in value.items())
    if isinstance(value, (list, tuple)):
        if len(value) == 2 and value[0] == value[1]:
            return _shown(value[0])
        return f"({', '.join(map(_shown, value))})"
    return str(value)


def _step(
    name: str,
    title: str,
    texts: tuple[str, ...],
    leaves: Sequence[Description],
    shape: tuple[int, ...],
) -> Step:
    height, width = shape[:2]
    resize = saved.as_data(A.Resize(height, width, p=1))
    for resized in (False, True):
        alone = tuple(
            {"__class_fullname__": "Compose", "p": 1.0}
            | {"transforms": [leaf, resize] if resized else [leaf]}
            for leaf in leaves
        )
        try:
            for pipeline in alone:
                engine(pipeline).check(shape)
            return Step(name, title, texts, alone, resized)
        except (UserError, ValueError) as error:
            reason = " ".join(str(error).split()).removeprefix("policy: ")
    return Step(name, title, texts, (), reason=reason)


def measured_alone(
    step: Step, images: np.ndarray, background: Colour | None, positions: np.ndarray
) -> Effects:
    """What a step does to images, each of its pipelines to as many; the images as `measured`'s."""
    parts: list[Effects] = []
    for number, pipeline in enumerate(step.pipelines):
        some = np.s_[number :: len(step.pipelines)]
        if len(positions[some]):
            made = engine(pipeline)(images[some], (0, 0, positions[some]))
            parts.append(measured(pipeline, images[some], made, background, positions[some]))
    names = [one.name for one in fields(Effects)]
    return Effects(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
