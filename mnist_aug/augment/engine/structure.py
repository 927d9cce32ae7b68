"""A policy as a tree of nodes, each of which works on the images of a batch that drew it.

`build` reads an albumentations policy once. A node's `run(batch, rows, forced)` does its part for
the images with the indices `rows` (None: all); `forced` skips its own probability, as
`force_apply` does in albumentations. Every node has a key of its own, from its place in the
policy, so that its draws are independent of every other node's.
"""

import copy
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import albumentations as A
import numpy as np

from mnist_aug.augment.engine import geometry, pixels
from mnist_aug.augment.engine.draws import Draws, fold
from mnist_aug.augment.engine.faults import check
from mnist_aug.augment.engine.warp import Warp
from mnist_aug.errors import UserError

_WHETHER, _WHAT = 1, 2  # the two streams of a node: whether it is done, and what it draws


class Node(Protocol):
    """A part of a policy."""

    def run(self, batch: "Batch", rows: np.ndarray | None, forced: bool) -> None: ...


class Batch:
    """Images [N, H, W, C] on their way through a policy, and the keys uint64 [N] of their draws."""

    def __init__(self, images: np.ndarray, keys: np.ndarray) -> None:
        self.images, self.keys = images, keys
        self.warp = Warp(*images.shape[:3])
        # A list of (transform, parameters) for `replay`.
        self.log: list[tuple[A.BasicTransform, dict[str, np.ndarray]]] | None = None

    def keys_of(self, rows: np.ndarray | None) -> np.ndarray:
        return self.keys if rows is None else self.keys[rows]

    def indices(self, rows: np.ndarray | None) -> np.ndarray:
        return np.arange(len(self.keys)) if rows is None else rows

    def settle(self, rows: np.ndarray | None) -> np.ndarray:
        """Sample `rows` through their pending maps, if any, and return the images `rows`.

        Their maps start anew even where there was nothing to sample: what comes next to an image
        must not depend on whether a neighbour had something.
        """
        if rows is None or len(rows) == len(self.keys):
            if self.warp.touched.any():
                self.images = self.warp.sample(self.images, self.indices(None))
            self.warp = Warp(*self.images.shape[:3])
            return self.images
        if self.warp.touched[rows].any():
            self.put(rows, self.warp.sample(self.images, rows))
        self.warp.forget(rows)
        return self.images[rows]

    def put(self, rows: np.ndarray | None, images: np.ndarray) -> None:
        """Take `images` as the new images of `rows`; those given to the batch stay as they are."""
        if rows is None:
            self.images = images
        else:
            self.images = self.images.copy()
            self.images[rows] = images

    def note(self, transform: A.BasicTransform, drawn: dict[str, np.ndarray]) -> None:
        if self.log is not None:
            self.log.append((transform, drawn))


def _those(rows: np.ndarray | None, chosen: np.ndarray) -> np.ndarray:
    """The rows for which `chosen` [len(rows)] is true."""
    return np.flatnonzero(chosen) if rows is None else rows[chosen]


def _drawn(batch: Batch, rows: np.ndarray | None, key: int, p: float) -> np.ndarray | None:
    """The rows that draw less than p."""
    if p >= 1:
        return rows
    return _those(rows, Draws(batch.keys_of(rows), fold(key, _WHETHER)).uniform() < p)


def _draws(batch: Batch, rows: np.ndarray | None, key: int) -> Draws:
    return Draws(batch.keys_of(rows), fold(key, _WHAT))


@dataclass
class Geometry:
    """A transform that joins the batch's pending maps."""

    transform: Any
    key: int

    def run(self, batch: Batch, rows: np.ndarray | None, forced: bool) -> None:
        t = self.transform
        rows = rows if forced else _drawn(batch, rows, self.key, t.p)
        if rows is not None and len(rows) == 0:
            return
        indices = batch.indices(rows)
        if how := geometry.sampling_of(t):
            others = batch.warp.join(indices, how)
            if len(others):
                batch.settle(others)
                batch.warp.join(others, how)
        sample = geometry.TRANSFORMS[type(t)][0]
        drawn = sample(t, _draws(batch, rows, self.key), (batch.warp.height, batch.warp.width))
        batch.note(t, drawn)
        geometry.add_to(batch.warp, t, indices, drawn)


@dataclass
class Pixels:
    """A transform of values, done at once to all images that drew it."""

    transform: Any
    key: int

    def run(self, batch: Batch, rows: np.ndarray | None, forced: bool) -> None:
        t = self.transform
        rows = rows if forced else _drawn(batch, rows, self.key, t.p)
        if rows is not None and len(rows) == 0:
            return
        images = batch.settle(rows)
        sample, apply = pixels.TRANSFORMS[type(t)]
        drawn = sample(t, _draws(batch, rows, self.key), images)
        batch.note(t, drawn)
        batch.put(rows, apply(t, images, drawn))


@dataclass
class ImageByImage:
    """Anything else, done by albumentations itself with generators seeded for each image.

    Neighbours are done together, so that sizes may change in between, as by a crop and a resize.
    Copies of the transforms serve each call: they keep their generators and last parameters.
    """

    transforms: list
    key: int

    def run(self, batch: Batch, rows: np.ndarray | None, forced: bool) -> None:
        rows = batch.indices(rows)
        if len(rows) == 0:
            return
        images = batch.settle(rows)
        transforms = copy.deepcopy(self.transforms)
        seeds = _draws(batch, rows, self.key).bits(2 * len(transforms)).tolist()
        force = {"force_apply": True} if forced else {}
        out = np.empty_like(images)
        for place, image in enumerate(images):
            result = (image[..., 0] if image.shape[-1] == 1 else image).copy()
            for i, t in enumerate(transforms):
                t.set_random_state(
                    np.random.Generator(np.random.PCG64(seeds[place][2 * i])),
                    random.Random(seeds[place][2 * i + 1]),
                )
                try:
                    result = np.asarray(t(image=result, **force)["image"])
                except Exception as error:  # whatever a transform of albumentations throws
                    raise UserError(
                        f"{type(t).__name__} fails on an image {image.dtype}"
                        f"{list(image.shape)}: {error or type(error).__name__}; take "
                        "it out of the policy"
                    ) from error
                if batch.log is not None and getattr(t, "params", True):
                    params = getattr(t, "params", {}).items()  # a composition has none
                    batch.note(
                        t,
                        {
                            name: np.array([value])
                            for name, value in params
                            if isinstance(value, (int, float)) and not hasattr(t, name)
                        },
                    )
            if result.dtype != image.dtype or result.size != image.size:
                raise UserError(
                    f"{type(t).__name__} makes {result.dtype}{list(result.shape)} of "
                    f"{image.dtype}{list(image.shape)}: a policy must keep size and "
                    "type in the end; resize or convert outside it"
                )
            out[place] = result.reshape(image.shape)
        batch.put(rows, out)


@dataclass
class Chain:
    """`Compose` or `Sequential`: one child after the other."""

    children: list
    p: float
    key: int

    def run(self, batch: Batch, rows: np.ndarray | None, forced: bool) -> None:
        rows = rows if forced else _drawn(batch, rows, self.key, self.p)
        if rows is not None and len(rows) == 0:
            return
        for child in self.children:
            child.run(batch, rows, False)


@dataclass
class Choice:
    """`OneOf`: one child for each image, by weight, whatever the child's own probability."""

    children: list
    p: float
    key: int
    weights: list

    def run(self, batch: Batch, rows: np.ndarray | None, forced: bool) -> None:
        rows = rows if forced else _drawn(batch, rows, self.key, self.p)
        u = _draws(batch, rows, self.key).uniform()
        edges = np.cumsum(self.weights)
        chosen = np.minimum(
            np.searchsorted(edges / edges[-1], u, side="right"), len(self.children) - 1
        )
        for index, child in enumerate(self.children):
            child.run(batch, _those(rows, chosen == index), True)


@dataclass
class Several:
    """`SomeOf` (in the policy's order) or `RandomOrder`: n children for each image.

    `slots[s][c]` is child c as the s-th to be done; only with replacement do slots have draws of
    their own.
    """

    slots: list
    p: float
    key: int
    replace: bool
    shuffled: bool

    def run(self, batch: Batch, rows: np.ndarray | None, forced: bool) -> None:
        rows = _drawn(batch, rows, self.key, self.p)  # 2.0.8 doesn't force these
        draws, count, n = _draws(batch, rows, self.key), len(self.slots[0]), len(self.slots)
        if self.replace:
            chosen = np.floor(draws.uniforms(n) * count).astype(np.int64)
        else:
            chosen = np.argsort(draws.uniforms(count), axis=1, kind="stable")[:, :n]
        if not self.shuffled:
            chosen = np.sort(chosen, axis=1)
        for slot, children in enumerate(self.slots):
            for index, child in enumerate(children):
                child.run(batch, _those(rows, chosen[:, slot] == index), False)


def build(t: A.BasicTransform | A.BaseCompose, key: int, left_over: list[str]) -> Node:
    """The node of a transform or composition; names done image by image are put into `left_over`.

    Raises:
        UserError: a parameter that albumentations let pass and that makes no sense.
    """
    check(t)
    children = list(getattr(t, "transforms", []))
    if type(t) in (A.Compose, A.Sequential):
        return Chain(_joined(_build_all(children, key, left_over)), t.p, key)
    if type(t) is A.OneOf:
        built = _build_all(children, key, left_over)
        return Choice(built, t.p, key, list(t.transforms_ps))
    if type(t) in (A.SomeOf, A.RandomOrder):
        slots = [
            _build_all(children, fold(key, ~slot) if t.replace else key, left_over)
            for slot in range(t.n)
        ]
        return Several(slots, t.p, key, t.replace, type(t) is A.RandomOrder)
    if type(t) is A.NoOp:
        return Chain([], t.p, key)
    if type(t) in geometry.TRANSFORMS and not geometry.changes_size(t):
        return Geometry(t, key)
    if type(t) in pixels.TRANSFORMS and not pixels.needs_albumentations(t):
        return Pixels(t, key)
    for child in children:
        build(child, key, [])  # only to check it
    left_over.append(type(t).__name__)
    return ImageByImage([t], key)


def leaves(node: Node) -> Iterator["Geometry | Pixels | ImageByImage"]:
    """The nodes under a node, itself included, that do something to images."""
    inside = getattr(node, "children", None) or [c for s in getattr(node, "slots", []) for c in s]
    for child in inside:
        yield from leaves(child)
    if isinstance(node, (Geometry, Pixels, ImageByImage)):
        yield node


def _build_all(
    transforms: Sequence[A.BasicTransform | A.BaseCompose], key: int, left_over: list[str]
) -> list[Node]:
    return [build(t, fold(key, 16 + index), left_over) for index, t in enumerate(transforms)]


def _joined(nodes: list[Node]) -> list[Node]:
    """The nodes, with neighbours that go image by image as one."""
    out: list[Node] = []
    for node in nodes:
        if out and isinstance(node, ImageByImage) and isinstance(out[-1], ImageByImage):
            out[-1].transforms.extend(node.transforms)
        else:
            out.append(node)
    return out
