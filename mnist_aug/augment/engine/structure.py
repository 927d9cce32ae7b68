"""A policy as a tree of nodes, each of which works on the images of a batch that drew it.

`build` reads an albumentations policy once. A node's `run(batch, rows, forced)` does its part for
the images with the indices `rows` (None: all); `forced` skips its own probability, as
`force_apply` does in albumentations. Every node has a key of its own, from its place in the
policy, so that its draws are independent of every other node's.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import albumentations as A
import numpy as np

from mnist_aug.augment.engine import geometry, pixels, resample, sizes
from mnist_aug.augment.engine.blend import blend
from mnist_aug.augment.engine.draws import Draws, fold
from mnist_aug.augment.engine.faults import check
from mnist_aug.augment.engine.one_by_one import OneByOne
from mnist_aug.augment.engine.warp import Warp
from mnist_aug.errors import UserError

_WHETHER, _WHAT = 1, 2  # the two streams of a node: whether it is done, and what it draws


class Node(Protocol):
    """A part of a policy."""

    def run(self, batch: "Batch", rows: np.ndarray | None, forced: bool) -> None: ...


class Stack:
    """Images [M, H, W, C] of one size and type, changed in place.

    Args:
        images: the first of them.
        made_by: name of the transform that gave them their size and type, if one did.
    """

    def __init__(self, images: np.ndarray, made_by: str | None = None) -> None:
        self.count, self.made_by = 0, made_by
        self._pieces: list[np.ndarray] = []
        self._warp: Warp | None = None
        self.add(images)

    def add(self, images: np.ndarray) -> None:
        """Put `images` behind the others; only while none has had a map."""
        self._pieces.append(images)
        self.count += len(images)

    @property
    def open(self) -> bool:
        """Whether images can be added: none here has had a map."""
        return self._warp is None

    @property
    def images(self) -> np.ndarray:
        if len(self._pieces) > 1:
            self._pieces = [np.concatenate(self._pieces)]
        return self._pieces[0]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self._pieces[0].shape[1:3]

    @property
    def warp(self) -> Warp:
        """The pending maps."""
        if self._warp is None:
            self._warp = Warp(self.count, *self.size)
        return self._warp

    def settle(self, places: np.ndarray) -> np.ndarray:
        """Sample the images at `places` through their pending maps; returns all, to be changed."""
        if self._warp is not None:
            self._warp.sample(self.images, places)
        return self.images


class Batch:
    """Images on their way through a policy.

    Args:
        images: [N, H, W, C], replaced by the augmented ones.
        keys: uint64 [N], of their draws.
    """

    def __init__(self, images: np.ndarray, keys: np.ndarray) -> None:
        self.keys, self._images = keys, images
        self._stacks = [Stack(images)]
        self._open: dict[tuple[Any, ...], int] = {}  # the latest stack by shape and type
        self._stack = np.zeros(len(images), np.int64)  # which of them an image is in
        self._place = np.arange(len(images))  # and where
        # A list of (transform, size of the image, parameters) for `replay`.
        self.log: list[tuple[A.BasicTransform, tuple[int, int], dict[str, Any]]] | None = None

    def keys_of(self, rows: np.ndarray | None) -> np.ndarray:
        return self.keys if rows is None else self.keys[rows]

    def parts(self, rows: np.ndarray | None) -> Iterator[tuple[Stack, np.ndarray, np.ndarray]]:
        """The images `rows` by size and type: their stack, their places there, their indices."""
        rows = np.arange(len(self.keys)) if rows is None else rows
        if len(rows) and len(self._stacks) == 1:
            yield self._stacks[0], self._place[rows], rows
        elif len(rows):
            # As they are now: an image that is moved to one of the stacks isn't met there again.
            stacks, places = self._stack[rows], self._place[rows]
            for number, stack in enumerate(list(self._stacks)):
                chosen = stacks == number
                if chosen.any():
                    yield stack, places[chosen], rows[chosen]

    def move(self, rows: np.ndarray, images: np.ndarray, made_by: str) -> None:
        """Give the images `rows` another size or type: `images` [M, H, W, C]."""
        kind = images.shape[1:], images.dtype
        number = self._open.get(kind)
        if number is None or not self._stacks[number].open:
            number = self._open[kind] = len(self._stacks)
            self._stacks.append(Stack(images[:0], made_by))
        stack = self._stacks[number]
        self._stack[rows] = number
        self._place[rows] = np.arange(stack.count, stack.count + len(rows))
        stack.add(images)

    @property
    def changed(self) -> bool:
        """Whether images have been given another size or type."""
        return len(self._stacks) > 1

    def settle(self) -> None:
        """Sample all images through their pending maps."""
        for stack, places, _ in self.parts(None):
            stack.settle(places)

    def finish(self) -> None:
        """Put the augmented images where the given ones were.

        Raises:
            UserError: an image hasn't the size or type that it came with.
        """
        whole = self._images
        for stack, places, rows in self.parts(None):
            images = stack.settle(places)
            if images.dtype != whole.dtype:
                raise UserError(
                    f"{stack.made_by} turns {whole.dtype} images into {images.dtype}: remove it "
                    "from the policy, and apply it to the augmented images"
                )
            if images.shape[1:] != whole.shape[1:]:
                raise UserError(
                    f"{stack.made_by} turns {whole.shape[1]} x {whole.shape[2]} images into "
                    f"{stack.size[0]} x {stack.size[1]}: end the policy with a Resize, or a crop "
                    "or padding, to the size of the images"
                )
            if images is not whole:
                whole[rows] = images[places]

    def note(
        self, transform: A.BasicTransform, size: tuple[int, int], drawn: dict[str, Any]
    ) -> None:
        if self.log is not None:
            self.log.append((transform, size, drawn))


def _those(rows: np.ndarray | None, chosen: np.ndarray) -> np.ndarray:
    """The rows for which `chosen` [len(rows)] is true."""
    return np.flatnonzero(chosen) if rows is None else rows[chosen]


def _drawn(batch: Batch, rows: np.ndarray | None, key: int, p: float) -> np.ndarray | None:
    """The rows that draw less than p."""
    if p >= 1:
        return rows
    return _those(rows, Draws(batch.keys_of(rows), fold(key, _WHETHER)).uniforms(1)[:, 0] < p)


def _draws(batch: Batch, rows: np.ndarray | None, key: int) -> Draws:
    return Draws(batch.keys_of(rows), fold(key, _WHAT))


@dataclass
class Leaf(ABC):
    """One transform."""

    transform: Any
    key: int

    @property
    def decides(self) -> bool:
        """Whether `apply` decides, by the transform's p, whether it is done."""
        return False

    def run(self, batch: Batch, rows: np.ndarray | None, forced: bool) -> None:
        if not (forced or self.decides):
            rows = _drawn(batch, rows, self.key, self.transform.p)
        for stack, places, indices in batch.parts(rows):
            self.apply(batch, stack, places, indices, forced)

    @abstractmethod
    def apply(
        self, batch: Batch, stack: Stack, places: np.ndarray, rows: np.ndarray, forced: bool
    ) -> None:
        """Do the transform to the images `rows` of the batch, at `places` of a stack."""


class Geometry(Leaf):
    """A transform that joins the images' pending maps."""

    def apply(
        self, batch: Batch, stack: Stack, places: np.ndarray, rows: np.ndarray, forced: bool
    ) -> None:
        t, draws = self.transform, _draws(batch, rows, self.key)
        if how := geometry.sampling_of(t):
            others = stack.warp.join(places, how)
            if len(others):
                stack.settle(others)
                stack.warp.join(others, how)
        drawn = geometry.TRANSFORMS[type(t)][0](t, draws, stack.size)
        batch.note(t, stack.size, drawn)
        if how or stack.size[0] == stack.size[1]:
            geometry.add_to(stack.warp, t, places, drawn)
        else:
            self._turn(batch, stack, places, rows, drawn)

    def _turn(
        self,
        batch: Batch,
        stack: Stack,
        places: np.ndarray,
        rows: np.ndarray,
        drawn: dict[str, np.ndarray],
    ) -> None:
        """Flips and turns of images that aren't square, some of which change their size."""
        matrices = geometry.way_map(self.transform, drawn, stack.size)
        matrices = np.repeat(matrices, len(rows), 0) if len(matrices) < len(rows) else matrices
        swaps = matrices[:, 0, 0] == 0
        stack.warp.add_matrices(places[~swaps], matrices[~swaps])
        if swaps.any():
            images = stack.settle(places[swaps])
            turned = resample.turned(images, places[swaps], matrices[swaps], stack.size[::-1])
            batch.move(rows[swaps], turned, type(self.transform).__name__)


class Pixels(Leaf):
    """A transform of values, done at once to all images that drew it."""

    def apply(
        self, batch: Batch, stack: Stack, places: np.ndarray, rows: np.ndarray, forced: bool
    ) -> None:
        t, draws = self.transform, _draws(batch, rows, self.key)
        images = stack.settle(places)
        sample, change = pixels.TRANSFORMS[type(t)]
        drawn = sample(t, draws, images.shape[1:], images.dtype)
        batch.note(t, stack.size, drawn)
        change(t, images, places, drawn)


class Size(Leaf):
    """A crop, padding or enlargement."""

    def apply(
        self, batch: Batch, stack: Stack, places: np.ndarray, rows: np.ndarray, forced: bool
    ) -> None:
        t, draws = self.transform, _draws(batch, rows, self.key)
        drawn = sizes.TRANSFORMS[type(t)](t, draws, stack.size)
        batch.note(t, stack.size, drawn)
        images = stack.settle(places)
        for chosen, made in sizes.cut_and_scaled(t, images, places, drawn):
            if made.shape[1:] == images.shape[1:]:
                images[places[chosen]] = made
            else:
                batch.move(rows[chosen], made, type(t).__name__)


class ImageByImage(Leaf):
    """Anything else, done by albumentations itself with generators seeded for each image."""

    def __init__(self, transform: A.BasicTransform | A.BaseCompose, key: int) -> None:
        super().__init__(transform, key)
        self._one_by_one = OneByOne(transform)

    @property
    def decides(self) -> bool:
        return self._one_by_one.decides

    def apply(
        self, batch: Batch, stack: Stack, places: np.ndarray, rows: np.ndarray, forced: bool
    ) -> None:
        images = stack.settle(places)
        others: dict[tuple[Any, ...], list[tuple[int, np.ndarray]]] = {}
        seeds = _draws(batch, rows, self.key).bits(2)
        results = self._one_by_one(images, places, seeds, forced)
        for place, row, (made, drawn) in zip(places, rows, results, strict=True):
            if batch.log is not None:
                batch.note(self.transform, stack.size, _numbers(self.transform, drawn))
            if made.shape == images.shape[1:] and made.dtype == images.dtype:
                images[place] = made
            else:
                others.setdefault((made.shape, made.dtype), []).append((row, made))
        for group in others.values():
            moved, new = zip(*group, strict=True)
            batch.move(np.array(moved), np.stack(new), self._one_by_one.name)


def _numbers(t: A.BasicTransform, drawn: dict[str, Any]) -> dict[str, np.ndarray]:
    """Of one image's parameters those that are numbers and aren't the transform's own."""
    return {
        name: np.array([value])
        for name, value in drawn.items()
        if isinstance(value, (int, float)) and not hasattr(t, name)
    }


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
class Sizing:
    """Changes of size in a row, of which the first gives images of one size different ones."""

    children: list

    def run(self, batch: Batch, rows: np.ndarray | None, forced: bool) -> None:
        for stack, places, indices in batch.parts(rows):
            images = stack.settle(places)
            pieces = sizes.Pieces(images, places)
            for child in self.children:
                t = child.transform
                whether = Draws(batch.keys[indices], fold(child.key, _WHETHER))
                chosen = np.flatnonzero(whether.uniforms(1)[:, 0] < t.p)
                if len(chosen):
                    height, width = pieces.sizes[chosen].T
                    draws = _draws(batch, indices[chosen], child.key)
                    drawn = sizes.TRANSFORMS[type(t)](t, draws, (height, width))
                    batch.note(t, (int(height[0]), int(width[0])), drawn)
                    pieces.change(t, chosen, drawn)
            for chosen, made in pieces.stacks():
                if made.shape[1:] == images.shape[1:]:
                    images[places[chosen]] = made
                else:
                    batch.move(indices[chosen], made, type(self.children[-1].transform).__name__)


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


@dataclass
class Chains:
    """AugMix: a mean of chains of operations, joined with the image itself.

    Args:
        chains: what each does to a copy of the image.
        alpha: of the Dirichlet of the chains' weights, and of the Beta of their share.
    """

    chains: list
    alpha: float
    key: int

    def run(self, batch: Batch, rows: np.ndarray | None, forced: bool) -> None:
        for stack, places, indices in batch.parts(rows):
            images = stack.settle(places)
            keys = batch.keys[indices]
            draws = Draws(keys, self.key)
            share = draws.betas(self.alpha)[:, None]
            weights = draws.dirichlets(self.alpha, len(self.chains)) * share
            own = images[places]
            made = np.empty((len(self.chains), *own.shape), own.dtype)
            for number, chain in enumerate(self.chains):
                made[number] = own
                inside = Batch(made[number], keys)
                inside.log = batch.log
                chain.run(inside, None, False)
                inside.finish()
            blend(own, made, np.hstack([1 - share, weights]))
            images[places] = own


def build(t: A.BasicTransform | A.BaseCompose, key: int, left_over: list[str]) -> Node:
    """The node of a transform or composition; names done image by image are put into `left_over`.

    Raises:
        UserError: a parameter that albumentations let pass and that makes no sense.
    """
    check(t)
    # Other classes have `transforms` that are none: ColorJitter's are functions.
    children = list(t.transforms) if isinstance(t, A.BaseCompose) else []
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
    for kind, module in ((Geometry, geometry), (Pixels, pixels), (Size, sizes)):
        if type(t) in module.TRANSFORMS and not module.needs_albumentations(t):
            return kind(t, key)
    for child in children:
        build(child, key, [])  # only to check it
    left_over.append(type(t).__name__)
    return ImageByImage(t, key)


def chains(
    operations: Sequence[A.BasicTransform | A.BaseCompose],
    width: int,
    depth: tuple[int, int],
    alpha: float,
    key: int,
    left_over: list[str],
) -> Chains:
    """The node of AugMix: `width` chains of `depth[0]` to `depth[1]` operations each.

    Raises:
        UserError: as for `build`.
    """
    lengths = [
        A.RandomOrder(operations, n=n, replace=True, p=1) for n in range(depth[0], depth[1] + 1)
    ]
    inside = [
        Choice(
            _build_all(lengths, fold(key, number), left_over),
            1,
            fold(key, number),
            [1] * len(lengths),
        )
        for number in range(width)
    ]
    return Chains(inside, alpha, fold(key, -1))


def leaves(node: Node) -> Iterator[Leaf]:
    """The leaves under a node, itself included."""
    inside = [
        *getattr(node, "children", []),
        *getattr(node, "chains", []),
        *(child for slot in getattr(node, "slots", []) for child in slot),
    ]
    for child in inside:
        yield from leaves(child)
    if isinstance(node, Leaf):
        yield node


def _build_all(
    transforms: Sequence[A.BasicTransform | A.BaseCompose], key: int, left_over: list[str]
) -> list[Node]:
    return [build(t, fold(key, 16 + index), left_over) for index, t in enumerate(transforms)]


def _joined(nodes: list[Node]) -> list[Node]:
    """Nodes, with changes of size in a row joined where they lead to images of different sizes."""
    out: list[Node] = []
    for node in nodes:
        last = out[-1] if out else None
        if isinstance(node, Size) and isinstance(last, Sizing):
            last.children.append(node)
        elif (
            isinstance(node, Size)
            and isinstance(last, Size)
            and sizes.changes_sizes_apart(last.transform)
        ):
            out[-1] = Sizing([last, node])
        else:
            out.append(node)
    return out
