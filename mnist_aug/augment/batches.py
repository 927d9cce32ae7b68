"""The engine at work: a pipeline, and AugMix after it, on batches of images."""

import copy
import warnings
from collections.abc import Sequence
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mnist_aug.augment.methods import AugMix
from mnist_aug.errors import UserError

if (
    TYPE_CHECKING
):  # what follows is imported when it is used, so that `import mnist_aug` stays light
    import albumentations as A
    import tensorflow as tf

    from mnist_aug.augment.engine.structure import Node


BYTES_AT_A_TIME = 2**21  # of images: fewer cost more calls, more fall out of the cache
_TRIES = 100  # of a policy that changes sizes, by `check`
_FLOATS = (-0.25, 1.25)  # what float32 images may reach: some interpolation overshoots


class ImageByImageWarning(UserWarning):
    """Part of a policy is not vectorised and runs at albumentations' own speed."""


def engine_of(
    pipeline: "A.BaseCompose | A.BasicTransform", augmix: AugMix | None = None, stacklevel: int = 1
) -> "Engine":
    """The engine of a pipeline, and of AugMix after it. What is given is copied.

    Args:
        stacklevel: whose line a warning names, as for `warnings.warn`.

    Raises, warns: as `vectorize.vectorize`.
    """
    from mnist_aug.augment.engine import draws, structure

    left_over: list[str] = []
    root = structure.build(copy.deepcopy(pipeline), draws.fold(0, 0), left_over)
    chains = []
    if augmix is not None:
        for view in range(2 if augmix.jsd else 1):
            key = draws.fold(draws.fold(0, 1), view)
            operations = copy.deepcopy(augmix.operations)
            width, depth, alpha = augmix.width, augmix.depth, augmix.alpha
            chains.append(structure.chains(operations, width, depth, alpha, key, left_over))
    if left_over:
        names = ", ".join(dict.fromkeys(left_over))
        warnings.warn(
            f"not vectorised, runs image by image through albumentations: {names}",
            ImageByImageWarning,
            stacklevel=stacklevel + 1,
        )
    return Engine(root, chains)


class Engine:
    """Maps images and a key to augmented images; may be called by several threads at a time.

    Args:
        root: the pipeline.
        chains: those of each view that AugMix makes of what the pipeline gives.
    """

    def __init__(self, root: "Node", chains: "Sequence[Node]" = ()) -> None:
        self._root, self._chains = root, chains
        self._floats_checked = False

    def __call__(self, images: np.ndarray, key: tuple[int, int, int | np.ndarray]) -> np.ndarray:
        """The images augmented.

        Args:
            images: [N, H, W] or [N, H, W, C], uint8, or float32 in [0, 1]; H and W at most 256, C
                at most 4. The first float32 batch is checked. As in albumentations, results can
                leave [0, 1] where weights overshoot (cubic, Lanczos).
            key: (seed, epoch, position), integers of any size and sign. The position is that of
                the first image, the others follow; or it is an integer array [N].

        Returns:
            New images of the same shape and dtype. Each depends on its own pixels, seed, epoch and
            position alone.

        Raises:
            UserError: images or key of another kind, or a parameter that doesn't fit the images'
            size.
        """
        return self._views(images, key, 0 if self._chains else None)[0]

    def views(self, images: np.ndarray, key: tuple[int, int, int | np.ndarray]) -> np.ndarray:
        """What the pipeline gives of the images, and after it AugMix, twice where `jsd` is set.

        Args:
            images, key: as of a call.

        Returns:
            [1 to 3, N, ...] of the images' dtype: without AugMix, and with each of its views.
        """
        return self._views(images, key, None, *range(len(self._chains)))

    def _views(
        self, images: np.ndarray, key: tuple[int, int, int | np.ndarray], *views: int | None
    ) -> np.ndarray:
        """[V, N, ...]: of each view with these chains, or with none."""
        from mnist_aug.augment.engine.structure import Batch

        _check_images(images)
        if images.dtype == np.float32 and not self._floats_checked and images.size:
            _check_floats(images)
            self._floats_checked = True
        keys = _keys(key, len(images))
        out = np.empty((len(views), *images.shape), images.dtype)
        out[:] = images
        five = out if images.ndim == 4 else out[..., None]
        step = max(1, BYTES_AT_A_TIME // (five[0, 0].nbytes if len(images) else 1))
        for start in range(0, len(images), step):
            part = five[:, start : start + step]
            batch = Batch(part[0], keys[start : start + step])
            self._root.run(batch, None, False)
            batch.finish()
            part[1:] = part[0]
            for each, view in zip(part, views, strict=True):
                if view is not None:
                    batch = Batch(each, keys[start : start + step])
                    self._chains[view].run(batch, None, False)
                    batch.finish()
        return out

    def check(self, shape: tuple[int, ...], dtype: npt.DTypeLike = np.uint8) -> None:
        """Try the policy on blank images.

        Every transform is tried, whatever its probability. A policy that changes sizes or types in
        between is tried as a whole, so often that what has a probability of 5 % is surely done.

        Args:
            shape: the images' (H, W) or (H, W, C); dtype: their type.

        Raises:
            UserError: a transform can't be done to such images.
        """
        from mnist_aug.augment.engine.structure import Batch, leaves

        image = np.zeros((1, *shape), dtype)
        _check_images(image)
        fault, changes = None, False
        for leaf in [leaf for node in (self._root, *self._chains) for leaf in leaves(node)]:
            batch = Batch(image.reshape(1, *shape[:2], -1).copy(), _keys((0, 0, 0), 1))
            try:
                leaf.run(batch, None, True)
                batch.settle()
            except UserError as error:
                fault = fault or error
            changes |= batch.changed
        if changes:  # what comes after a crop may need it
            fault = None
            checked = self._floats_checked
            try:
                self(np.repeat(image, _TRIES, axis=0), (0, 0, 0))
            except UserError as error:
                fault = error
            self._floats_checked = checked
        if fault:
            raise UserError(f"policy: {fault}")

    def map(
        self,
        images: "tf.Tensor",
        seed: "int | tf.Tensor",
        epoch: "int | tf.Tensor",
        position: "int | tf.Tensor",
    ) -> "tf.Tensor":
        """The same on tensors, for a function given to `tf.data.Dataset.map`.

        Args:
            images: uint8 or float32 tensor [N, H, W] or [N, H, W, C].
            seed, epoch: integers or scalar integer tensors.
            position: integer, or integer tensor [] or [N].

        Returns:
            A tensor of the same shape and dtype.

        Raises:
            UserError: TensorFlow isn't installed, or a number is not an integer.
        """
        try:
            import tensorflow as tf
        except ImportError:
            raise UserError('engine.map needs TensorFlow: pip install ".[study]"') from None

        def whole(name: str, number: "int | tf.Tensor") -> "tf.Tensor":
            try:
                number = (index(number) + 2**63) % 2**64 - 2**63
            except (TypeError, AttributeError):  # the latter is a tensor's
                dtype = getattr(number, "dtype", None)
                if dtype is None or not tf.as_dtype(dtype).is_integer:
                    raise UserError(
                        f"{name} is {number!r}: give an integer or an integer tensor"
                    ) from None
            return tf.cast(number, tf.int64)

        images = tf.convert_to_tensor(images)
        out = tf.numpy_function(
            lambda array, *key: self(array, key),
            [images, whole("seed", seed), whole("epoch", epoch), whole("position", position)],
            images.dtype,
            stateful=False,
        )
        out.set_shape(images.shape)
        return out

    def replay(
        self,
        key: tuple[int, int, int],
        shape: tuple[int, int] | tuple[int, int, int] = (28, 28),
        dtype: npt.DTypeLike = np.uint8,
    ) -> list[dict[str, Any]]:
        """What the image with this key draws, without the image.

        Args:
            key: (seed, epoch, position), the position an integer.
            shape: the image's (H, W) or (H, W, C); dtype: its type.

        Returns:
            A dict for each transform done, in order: its name as `transform`, and plain numbers or
            lists by name. Fields are given as `dx_px` and `dy_px`, lists [H][W].
        """
        from mnist_aug.augment.engine.geometry import shown
        from mnist_aug.augment.engine.structure import Batch

        image = np.zeros((1, *shape), dtype)
        _check_images(image)
        batch = Batch(image.reshape(1, *shape[:2], -1), _keys(key, 1))
        batch.log = []
        for node in (self._root, *self._chains[:1]):
            node.run(batch, None, False)
        return [
            {"transform": type(t).__name__, **shown(t, drawn, size)} for t, size, drawn in batch.log
        ]


def _check_images(images: object) -> None:
    if not isinstance(images, np.ndarray) or images.dtype not in (np.uint8, np.float32):
        kind = getattr(images, "dtype", type(images).__name__)
        raise UserError(
            f"images have dtype {kind}: give a NumPy array of uint8, or float32 in [0, 1]"
        )
    if (
        images.ndim not in (3, 4)
        or not all(1 <= size <= 256 for size in images.shape[1:3])
        or (images.ndim == 4 and not 1 <= images.shape[3] <= 4)
    ):
        raise UserError(
            f"images have shape {images.shape}: give [N, H, W] or [N, H, W, C], "
            "channels last, H and W from 1 to 256, C from 1 to 4"
        )


def _check_floats(images: np.ndarray) -> None:
    low, high = float(images.min()), float(images.max())
    if not (_FLOATS[0] <= low and high <= _FLOATS[1]):  # also where one is not a number
        raise UserError(
            f"float32 images range from {low:g} to {high:g}: rescale them to [0, 1], or give uint8"
        )


def _keys(key: tuple[int, int, int | np.ndarray], count: int) -> np.ndarray:
    try:
        seed, epoch, position = key
        seed, epoch = index(seed), index(epoch)
        array = np.asarray(position)
        if array.ndim == 0:
            array = np.arange(count, dtype=np.uint64) + np.uint64(index(position) % 2**64)
        if array.dtype.kind not in "iu" or array.shape != (count,):
            raise TypeError
    except (TypeError, ValueError):
        raise UserError(
            f"key {' '.join(repr(key).split())[:80]} is not (seed, epoch, position) for {count} "
            "images: give integers; the position may be an array, one for each image"
        ) from None
    from mnist_aug.augment.engine.draws import image_keys

    return image_keys(seed, epoch, array)
