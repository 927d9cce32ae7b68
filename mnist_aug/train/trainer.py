"""The trainer: a variant on a dataset, seed after seed, by Keras's `fit` on blocks."""

import re
import time
from collections.abc import Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from mnist_aug.augment import policy as policies
from mnist_aug.augment.mixing import Mixer
from mnist_aug.augment.policy import Policy
from mnist_aug.data.dataset import Dataset
from mnist_aug.errors import UserError
from mnist_aug.train import models, pipeline
from mnist_aug.train.checkpoints import Checkpoint
from mnist_aug.train.variant import Variant, learning

VALIDATION_VALUES = 2**24  # float32 values of a layer in one call of validation, 64 MiB


class Trainer:
    """Trains a variant on a dataset, seed after seed, compiling it once.

    Args:
        settings: as for `take`.
        architecture: as for `models.build`.
    """

    def __init__(
        self,
        variant: Variant,
        dataset: Dataset,
        settings: dict | None = None,
        architecture: Mapping[str, Any] | None = None,
    ):
        self.dataset, self.architecture = dataset, architecture
        count = dataset.training_count(variant.validation_split)
        self.train = dataset.x_train[:count], dataset.y_train[:count]
        self.steps = variant.epochs * -(-count // variant.batch_size)
        settings = settings or variant.settings()
        self.take(variant, settings)
        model = self.initial(0)
        self.soft_labels, jsd = learning(settings)
        self.blocks = models.BlockTrainer(model, variant, self.steps, self.soft_labels, jsd)
        self.compiled = False  # the first call does
        self.validation_batch = max(1, VALIDATION_VALUES // models.most_values(model))
        self.validation = self._validation(dataset.x_train[count:], dataset.y_train[count:])

    def take(self, variant: Variant, settings: dict | None = None) -> None:
        """Train this variant from now on.

        Args:
            variant: one that differs from the first in name, learning rate and policies at most,
                of whose settings `learning` says the same.
            settings: it in full, where its policies can't be loaded by their names, or the images
                are not of MNIST's size on black, which named policies are then taken for.

        Raises:
            UserError: a policy can't be loaded, or is unfit for the images.
        """
        settings = settings or variant.settings()
        self.variant = variant
        self.phases: list[tuple[int, Policy | None]] = []
        later = settings["later_policies"]
        ends = [*(round(part["after"] * variant.epochs) for part in later), variant.epochs]
        for policy, end in zip(
            [settings["policy"], *(part["policy"] for part in later)], ends, strict=True
        ):
            own = policies.described(policy) if policy else None
            if own and (engine := own.engine()):
                engine.check(self.dataset.image_shape)
            self.phases.append((end, own))

    def _validation(self, images: np.ndarray, labels: np.ndarray) -> tf.data.Dataset | None:
        """Images to validate on, with their labels, as `fit` takes them; None if there are none."""
        if not len(images):
            return None
        return _batches(images, self._targets(labels), self.validation_batch)

    def _targets(self, labels: np.ndarray) -> np.ndarray:
        """Labels int32 `[N]`, or, where the loss takes soft ones, float32 `[N, classes]`."""
        if not self.soft_labels:
            return labels
        return np.eye(self.dataset.classes, dtype=np.float32)[labels]

    def initial(self, seed: int) -> keras.Model:
        """The untrained model of that seed, the same for every policy."""
        return models.build(
            self.variant,
            self.dataset.image_shape,
            self.dataset.classes,
            seed,
            self.steps,
            self.architecture,
        )

    def fit(
        self,
        seed: int,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        verbose: int | str = 0,
        checkpoint: Path | None = None,
    ) -> tuple[keras.Model, pd.DataFrame, float]:
        """Train with that seed. Returns the trained stock Keras model, its history, and seconds.

        The history is a DataFrame indexed by epoch, from 1, with loss and accuracy and, where
        images are held out, val_loss and val_accuracy. The seconds count all parts of a run that
        went on from a checkpoint, and leave out compiling, where that can be told.

        Args:
            checkpoint: where to save the run now and then. The run goes on from what an earlier
                call left there, to the same bytes as if nothing had happened.

        Raises:
            UserError: the policy fails on an image.
        """
        clock = time.perf_counter()
        (images, labels), validation = self.train, self.validation
        if self.variant.resampled:
            order = resampled_order(len(self.dataset.x_train), seed)
            own, held_out = order[: len(labels)], order[len(labels) :]
            images, labels = self.dataset.x_train[own], self.dataset.y_train[own]
            validation = self._validation(
                self.dataset.x_train[held_out], self.dataset.y_train[held_out]
            )
        if self.variant.training_images:
            few = np.resize(nested_subset(labels, self.variant.training_images, seed), len(labels))
            images, labels = images[few], labels[few]
        trained = self.initial(seed)
        self.blocks.restart(trained, self.variant.learning_rate)
        saved = Checkpoint(self.blocks, checkpoint, clock, compiles=not self.compiled)
        self.compiled = True
        blocks, per_epoch = pipeline.blocks(
            images,
            self._targets(labels),
            seed=seed,
            batch_size=self.variant.batch_size,
            phases=[
                (end, Mixer(policy, images, labels, self.dataset.classes) if policy else None)
                for end, policy in self.phases
            ],
            first_epoch=saved.epochs,
        )
        try:
            self.blocks.fit(
                blocks,
                initial_epoch=saved.epochs,
                epochs=self.variant.epochs,
                steps_per_epoch=per_epoch,
                shuffle=False,
                validation_data=validation,
                callbacks=[*callbacks, saved],
                verbose=verbose,
            )
        except tf.errors.OpError as error:
            # The pipeline's threads can raise no exception of ours, but keep its words.
            if words := re.search(r"UserError: (.*)", error.message):
                raise UserError(words[1]) from None
            raise
        self.blocks.hand_over(trained)
        return trained, saved.history(), saved.seconds


def _batches(images: np.ndarray, labels: np.ndarray, size: int) -> tf.data.Dataset:
    """uint8 images `[N, H, W]` as float32 in [0, 1], with labels, so many at a time."""
    batches = [
        tf.data.Dataset.from_tensors(
            (
                tf.constant(images[start : start + size].astype(np.float32) / 255),
                tf.constant(labels[start : start + size]),
            )
        )
        for start in range(0, len(images), size)
    ]
    return pipeline.untuned(reduce(tf.data.Dataset.concatenate, batches))


def resampled_order(count: int, seed: int) -> np.ndarray:
    """The order in which a resampled run of that seed takes its images, int [count].

    The first are trained on, the rest are held out; the same for every policy.
    """
    return np.random.default_rng((seed, 1)).permutation(count)  # apart from `nested_subset`'s draws


def nested_subset(labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Indices of `count` training images, int [count], each class as frequent as in all of them.

    The subsets of one seed are nested: a smaller one is the start of a larger one.

    Args:
        labels: int `[N]`, N at least `count`.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    rank = pd.Series(labels[order]).groupby(labels[order])
    place = (rank.cumcount() + 0.5) / rank.transform("size")
    return order[np.argsort(place, kind="stable")][:count]
