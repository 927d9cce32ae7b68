"""Training images and labels as a policy mixes them.

Every draw is a pure function of (seed, epoch, the image's position), and every image has its own:
docs/methods.md says where that differs from published code.
"""

import numpy as np

from mnist_aug.augment.engine.blend import blend, paste
from mnist_aug.augment.engine.draws import Draws, fold, image_keys
from mnist_aug.augment.policy import Policy

_NODE = fold(0, 2)  # the place in a policy where partners and weights are drawn


class Mixer:
    """What a policy makes of training images and their labels.

        from mnist_aug.augment.mixing import Mixer
        from mnist_aug.augment.policy import load

        mixer = Mixer(load("default+mixup:0.2"), images, labels, classes=10)
        mixed, soft = mixer((seed, epoch), index)  # of the images with these indices

    Args:
        policy: of any kind.
        images: uint8 [N, H, W] or [N, H, W, 3], all that is trained on; partners are drawn from
            them.
        labels: int [N], 0 to classes - 1.
        classes: how many there are.
    """

    def __init__(
        self, policy: Policy, images: np.ndarray, labels: np.ndarray, classes: int
    ) -> None:
        self._policy, self._engine = policy, policy.engine()
        self._images, self._labels, self._classes = images, labels, classes

    @property
    def compares_views(self) -> bool:
        """Whether the loss compares three views of an image."""
        return bool(self._policy.jsd)

    def __call__(self, key: tuple[int, int], index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Augmented images and labels.

        Each depends on the training images, the seed, the epoch and its index alone. Another image
        is drawn uniformly from all, the image itself among them, and is augmented by its own key:
        as it is itself seen in that epoch.

        Args:
            key: (seed, epoch), integers.
            index: int [M], of the images wanted.

        Returns:
            uint8 [M, H, W] or [M, H, W, 3]; and int32 labels [M], or float32 [M, classes], which
            sum to 1, where the policy makes them soft.
        """
        index = np.asarray(index)
        whole = self._labels[index].astype(np.int32)
        if not self._policy.mixes:
            images = self._augmented(key, index)
            return images, self.soft(whole) if self._policy.soft_labels else whole
        partners, boxes, weights = self.draw(key, index)
        both = self._augmented(key, np.concatenate([index, partners]))
        images, others = both[: len(index)], both[len(index) :]
        four = images if images.ndim == 4 else images[..., None]
        paste(four, others.reshape(four.shape), boxes)
        own = np.where(boxes.any(axis=1), 1.0, weights)  # by weight where nothing is cut
        blend(images, others[None], np.stack([own, 1 - own], axis=1))
        weights = weights[:, None]
        labels = weights * self.soft(whole) + (1 - weights) * self.soft(self._labels[partners])
        return images, labels.astype(np.float32)

    def views(self, key: tuple[int, int], index: np.ndarray) -> np.ndarray:
        """The three views that the Jensen-Shannon loss compares: uint8 [3, M, H, W] or with a 3.

        The first is without AugMix. Args are those of a call.
        """
        assert self._engine is not None
        return self._engine.views(self._images[index], (*key, index))

    def soft(self, labels: np.ndarray) -> np.ndarray:
        """Labels int [M] as float32 [M, classes], smoothed where the policy does so."""
        share = self._policy.label_smoothing
        out = np.full((len(labels), self._classes), share / self._classes, np.float32)
        out[np.arange(len(labels)), labels] = 1 - share + share / self._classes
        return out

    def draw(
        self, key: tuple[int, int], index: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What images draw, without the images.

        Args:
            key, index: as of a call.

        Returns:
            The partners' indices int64 [M]; CutMix's boxes int64 [M, 4], the first row and column
            inside and the first ones outside, all 0 where nothing is cut; and the weights of the
            images' own labels, float64 [M]: 1 where nothing is mixed.
        """
        policy, shape = self._policy, self._images.shape
        draws = Draws(image_keys(*key, index), _NODE)
        partners = draws.integers(0, shape[0] - 1)
        which, whether = draws.uniforms(2).T
        boxes, weights = np.zeros((len(index), 4), np.int64), np.ones(len(index))
        both = policy.mixup is not None and policy.cutmix is not None
        cuts = which < 0.5 if both else np.full(len(index), policy.mixup is None)
        if policy.mixup is not None:
            mixed = ~cuts & (whether < policy.mixup.p)
            weights[mixed] = draws.betas(policy.mixup.alpha)[mixed]
        if policy.cutmix is not None:
            mixed = cuts & (whether < policy.cutmix.p)
            sides = np.sqrt(1 - draws.betas(policy.cutmix.alpha))
            ends = []
            for length in shape[1:3]:
                middle, half = draws.integers(0, length - 1), np.floor(length * sides) // 2
                half = half.astype(np.int64)
                ends.append((np.maximum(middle - half, 0), np.minimum(middle + half, length)))
            (top, bottom), (left, right) = ends
            boxes[mixed] = np.stack([top, left, bottom, right], axis=1)[mixed]
            area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
            weights[mixed] = 1 - area[mixed] / (shape[1] * shape[2])
        return partners, boxes, weights

    def _augmented(self, key: tuple[int, int], index: np.ndarray) -> np.ndarray:
        """A copy of the images of these indices, without what mixes them."""
        images = self._images[index]
        return images if self._engine is None else self._engine(images, (*key, index))
