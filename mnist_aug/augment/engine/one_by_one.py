"""Transforms that are not vectorised: albumentations does them, one image after the other.

What albumentations' own calls do around a transform (drawing whether it is done, checking targets
and shapes) costs as much as many transforms; here only its parameters are drawn and its `apply` is
called, with generators that are seeded anew, not made, for each image.
"""

import copy
import random
import threading
from collections.abc import Iterator
from typing import Any

import albumentations as A
import numpy as np

from mnist_aug.augment.engine.draws import GOLDEN, mix
from mnist_aug.errors import UserError

_MASK = 2**64 - 1
_PROBES = 8  # seeds with which a transform of the user's own is tried


class _Stream(random.Random):
    """Python's generator, drawing from SplitMix64: seeding it is setting a number."""

    state = 0

    def getrandbits(self, k: int) -> int:
        bits = 0
        for _ in range(0, k, 64):
            self.state += GOLDEN
            bits = bits << 64 | mix(self.state)
        return bits >> (-k % 64)

    def random(self) -> float:
        self.state += GOLDEN
        return (mix(self.state) >> 11) * 2.0**-53


class _Copy:
    """A copy of a transform for one thread, with the generators that it draws from."""

    def __init__(self, transform: A.BasicTransform | A.BaseCompose) -> None:
        self.transform = copy.deepcopy(transform)
        self._bits = np.random.PCG64(0)
        self._state = self._bits.state
        self._python = _Stream(0)
        self.transform.set_random_state(np.random.Generator(self._bits), self._python)
        self._apply = self.transform.apply if _is_plain(self.transform) else None

    def seed(self, high: int, low: int) -> None:
        self._state["state"]["state"] = high << 64 | low
        self._state["has_uint32"] = 0
        self._bits.state = self._state
        self._python.state = high ^ low

    def __call__(self, image: np.ndarray, high: int, low: int) -> Any:
        """What the transform makes of an image, seeded with two numbers of 64 bits."""
        self.seed(high, low)
        t = self.transform
        if self._apply is None:
            return t(image=image, force_apply=True)["image"]
        data = {"image": image}
        params = t.update_transform_params(t.get_params(), data)
        params.update(t.get_params_dependent_on_data(params, data))
        t.params = params
        return self._apply(image, **params)


def _is_plain(t: A.BasicTransform | A.BaseCompose) -> bool:
    """Whether a call of a transform does no more than draw parameters and apply them."""
    return (
        isinstance(t, A.BasicTransform)
        and type(t).__call__ is A.BasicTransform.__call__
        and type(t).apply_with_params is A.BasicTransform.apply_with_params
        and not isinstance(t, A.Lambda)
    )


class OneByOne:
    """A transform or composition, done image by image; copies serve the threads that call it."""

    def __init__(self, transform: A.BasicTransform | A.BaseCompose) -> None:
        self._transform = transform
        self._local = threading.local()
        self._tried = not any(map(_is_foreign, _all_of(transform)))

    @property
    def name(self) -> str:
        return type(self._transform).__name__

    def __call__(
        self, images: np.ndarray, places: np.ndarray, seeds: np.ndarray
    ) -> Iterator[tuple[np.ndarray, dict[str, Any]]]:
        """What becomes of each image and the parameters that it drew.

        Args:
            images: [N, H, W, C], uint8 or float32; places: int64 [M] of those to be done.
            seeds: uint64 [M, 2].

        Yields:
            New images [H', W', C], uint8 or float32.

        Raises:
            UserError: the transform fails, makes something else than such an image, or draws from
                a generator of its own.
        """
        if not self._tried:
            self._try(images[places[0]])
            self._tried = True
        if not hasattr(self._local, "copy"):
            self._local.copy = _Copy(self._transform)
        one = self._local.copy
        for place, (high, low) in zip(places.tolist(), seeds.tolist(), strict=True):
            yield self._done(one, images[place], high, low), getattr(one.transform, "params", {})

    def _done(self, one: _Copy, image: np.ndarray, high: int, low: int) -> np.ndarray:
        channels = image.shape[2]
        # A copy: some transforms write into what they are given.
        source = image[..., 0].copy() if channels == 1 else image.copy()
        try:
            result = one(source, high, low)
        except Exception as error:  # whatever a transform throws
            raise UserError(
                f"{self.name} fails on an image {image.dtype}{list(source.shape)}: "
                f"{' '.join(str(error).split()) or type(error).__name__}; take it out of the policy"
            ) from error
        if (
            not isinstance(result, np.ndarray)
            or result.dtype not in (np.uint8, np.float32)
            or result.shape[2:] not in ((channels,), () if channels == 1 else (channels,))
            or result.ndim < 2
            or not result.size
        ):
            made = f"{getattr(result, 'dtype', type(result).__name__)}"
            raise UserError(
                f"{self.name} makes {made}{list(getattr(result, 'shape', []))} of an image "
                f"{image.dtype}{list(source.shape)}: take it out of the policy and do it to the "
                "augmented images"
            )
        return result[..., None] if result.ndim == 2 else result

    def _try(self, image: np.ndarray) -> None:
        """Refuse a transform whose results depend on more than the image and its generators."""
        used, other = _Copy(self._transform), image[::-1, ::-1]
        for seed in range(_PROBES):
            first = self._done(_Copy(self._transform), image, seed, seed)
            self._done(used, other, seed + _PROBES, seed)
            again = self._done(used, image, seed, seed)
            if first.shape != again.shape or not np.array_equal(first, again, equal_nan=True):
                raise UserError(
                    f"{self.name} gives other images for the same seed: draw from "
                    "self.random_generator or self.py_random alone and keep nothing between calls"
                )


def _all_of(t: A.BasicTransform | A.BaseCompose) -> Iterator[A.BasicTransform | A.BaseCompose]:
    yield t
    if isinstance(t, A.BaseCompose):
        for child in t.transforms:
            yield from _all_of(child)


def _is_foreign(t: A.BasicTransform | A.BaseCompose) -> bool:
    """Whether a transform runs code of the user's own."""
    return isinstance(t, A.Lambda) or not type(t).__module__.startswith("albumentations.")
