"""Transforms that are not vectorised: albumentations does them, one image after the other.

What albumentations' own calls do around a transform (drawing whether it is done, checking targets
and shapes) costs as much as many transforms; here only its parameters are drawn and its `apply` is
called, with generators that are seeded anew, not made, for each image.
"""

import copy
import pickle
import random
import threading
from collections.abc import Iterator
from typing import Any

import albumentations as A
import numpy as np

from mnist_aug.augment.engine.draws import GOLDEN
from mnist_aug.errors import UserError

_MASK = 2**64 - 1
_DTYPES = (np.dtype(np.uint8), np.dtype(np.float32))
_PROBES = 8  # seeds with which a transform of the user's own is tried


class _Stream(random.Random):
    """Python's generator, drawing from SplitMix64 (see `draws.py`): seeded by setting a number."""

    state = 0
    gauss_next: float | None = None  # the half of a pair of normal numbers that Python keeps

    def _next(self) -> int:
        self.state = x = (self.state + GOLDEN) & _MASK
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
        return x ^ (x >> 31)

    def random(self) -> float:
        return (self._next() >> 11) * 2.0**-53

    def getrandbits(self, k: int) -> int:
        if k == 0:
            return 0
        bits = self._next()
        for _ in range(64, k, 64):
            bits = bits << 64 | self._next()
        return bits >> (-k % 64)


class _Generator:
    """NumPy's generator, seeded when a transform of albumentations first draws from it."""

    def __init__(self) -> None:
        bits = np.random.PCG64(0)
        self._bits, self._state = bits, bits.state
        self.generator = np.random.Generator(bits)
        self.seed: int | None = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.seeded(), name)

    def seeded(self) -> np.random.Generator:
        if self.seed is not None:
            self._state["state"]["state"], self.seed = self.seed, None
            self._bits.state = self._state
        return self.generator


class _Copy:
    """A copy of a transform for one thread, with the generators that it draws from."""

    def __init__(self, transform: A.BasicTransform | A.BaseCompose) -> None:
        self.transform = copy.deepcopy(transform)
        self._numpy, self._python = _Generator(), _Stream(0)
        # A user's own may ask whether it is a generator.
        self._foreign = any(map(_is_foreign, _all_of(transform)))
        generator = self._numpy.generator if self._foreign else self._numpy
        self.transform.set_random_state(generator, self._python)
        self._apply = self.transform.apply if _is_plain(self.transform) else None
        self.forced = True

    def seed(self, high: int, low: int) -> None:
        self._python.gauss_next = None
        self._numpy.seed, self._python.state = high << 64 | low, high ^ low
        if self._foreign:
            self._numpy.seeded()

    def __call__(self, image: np.ndarray, high: int, low: int) -> Any:
        """What the transform makes of an image, seeded with two numbers of 64 bits."""
        self.seed(high, low)
        t = self.transform
        if self._apply is None:
            return t(image=image, force_apply=self.forced)["image"]
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

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_local": None}  # threads' copies stay with their threads

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _local=threading.local())

    @property
    def name(self) -> str:
        return type(self._transform).__name__

    @property
    def decides(self) -> bool:
        """Whether the transform decides by itself, by its p, whether it is done."""
        return not _is_plain(self._transform)

    def __call__(
        self, images: np.ndarray, places: np.ndarray, seeds: np.ndarray, forced: bool = True
    ) -> Iterator[tuple[np.ndarray, dict[str, Any]]]:
        """What becomes of each image and the parameters that it drew.

        Args:
            images: [N, H, W, C], uint8 or float32, which transforms may write into.
            places: int64 [M] of those to be done; seeds: uint64 [M, 2].
            forced: have one that decides by itself do it in any case.

        Yields:
            New images [H', W', C], uint8 or float32.

        Raises:
            UserError: the transform fails, makes something else than such an image, or draws from
                a generator of its own.
        """
        source = images[..., 0] if images.shape[3] == 1 else images
        if not self._tried:
            self._try(source[places[0]])
            self._tried = True
        if not hasattr(self._local, "copy"):
            self._local.copy = _Copy(self._transform)
        one = self._local.copy
        one.forced = forced
        for place, (high, low) in zip(places.tolist(), seeds.tolist(), strict=True):
            yield self._done(one, source[place], high, low), getattr(one.transform, "params", {})

    def _done(self, one: _Copy, image: np.ndarray, high: int, low: int) -> np.ndarray:
        """The new image [H', W', C] of an image [H, W] or [H, W, C]."""
        try:
            result = one(image, high, low)
        except Exception as error:  # whatever a transform throws
            raise UserError(
                f"{self.name} fails on an image {image.dtype} {list(image.shape)}: "
                f"{' '.join(str(error).split()) or type(error).__name__}; remove it from the policy"
            ) from error
        if type(result) is np.ndarray and result.dtype in _DTYPES and result.size:
            if result.ndim == 3 and result.shape[2] == (1 if image.ndim == 2 else image.shape[2]):
                return result
            if result.ndim == image.ndim == 2:
                return result[..., None]
        raise UserError(
            f"{self.name} returns {getattr(result, 'dtype', type(result).__name__)} "
            f"{list(getattr(result, 'shape', []))} for an image {image.dtype} {list(image.shape)}: "
            "remove it from the policy, and apply it to the augmented images"
        )

    def _try(self, image: np.ndarray) -> None:
        """Refuse a transform whose results depend on more than the image and its generators."""
        used, other = _Copy(self._transform), image[::-1, ::-1]
        before = _global_state()
        for seed in range(_PROBES):
            first = self._done(_Copy(self._transform), image.copy(), seed, seed)
            self._done(used, other.copy(), seed + _PROBES, seed)
            again = self._done(used, image.copy(), seed, seed)
            same = first.shape == again.shape and np.array_equal(first, again, equal_nan=True)
            if not same or _global_state() != before:
                raise UserError(
                    f"{self.name} is not reproducible, the same seed gives different images: draw "
                    "only from self.random_generator or self.py_random, and keep nothing between "
                    "calls"
                )


def _global_state() -> tuple[bytes, object]:
    """Of the generators that all code shares."""
    return pickle.dumps(np.random.get_state()), random.getstate()  # noqa: NPY002


def _all_of(t: A.BasicTransform | A.BaseCompose) -> Iterator[A.BasicTransform | A.BaseCompose]:
    yield t
    if isinstance(t, A.BaseCompose):
        for child in t.transforms:
            yield from _all_of(child)


def _is_foreign(t: A.BasicTransform | A.BaseCompose) -> bool:
    """Whether a transform runs code of the user's own."""
    return isinstance(t, A.Lambda) or not type(t).__module__.startswith("albumentations.")
