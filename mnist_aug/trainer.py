"""The trainer: a variant on a dataset, seed after seed, by Keras's `fit` on blocks."""

import re

import numpy as np
import pandas as pd
import tensorflow as tf

from mnist_aug import model, pipeline, policy
from mnist_aug.dataset import Dataset
from mnist_aug.errors import UserError
from mnist_aug.variant import Variant
from mnist_aug.vectorize import vectorize

VALIDATION_PIXELS = 2**24  # float32 pixels validated in one call, 64 MiB


class Trainer:
    """Trains one variant on one dataset, seed after seed, compiling it once."""

    def __init__(self, variant: Variant, dataset: Dataset):
        self.variant, self.dataset = variant, dataset
        count = dataset.training_count(variant.validation_split)
        self.train = dataset.x_train[:count], dataset.y_train[:count]
        self.validation = (dataset.x_train[count:].astype(np.float32) / 255,
                           dataset.y_train[count:])
        self.engine = None
        if variant.policy:
            self.engine = vectorize(policy.load(variant.policy))
            self.engine.check(dataset.image_shape)
        self.blocks = model.BlockTrainer(self.initial(0), variant)

    def initial(self, seed: int):
        """The untrained model of that seed, the same for every policy."""
        return model.build(self.variant, self.dataset.image_shape, self.dataset.classes, seed)

    def fit(self, seed: int, callbacks=(), verbose: int = 0):
        """Train with that seed. Returns the trained stock Keras model and its history.

        The history is a DataFrame indexed by epoch, from 1, with loss, accuracy, val_loss and
        val_accuracy.

        Raises:
            UserError: the policy fails on an image.
        """
        images, labels = self.train
        if self.variant.training_images:
            few = np.resize(nested_subset(labels, self.variant.training_images, seed), len(labels))
            images, labels = images[few], labels[few]
        trained = self.initial(seed)
        self.blocks.restart(trained.get_weights())
        blocks, per_epoch = pipeline.blocks(
            images, labels, seed=seed, epochs=self.variant.epochs,
            batch_size=self.variant.batch_size, engine=self.engine)
        try:
            history = self.blocks.fit(
                blocks, epochs=self.variant.epochs, steps_per_epoch=per_epoch, shuffle=False,
                validation_data=self.validation, callbacks=list(callbacks), verbose=verbose,
                validation_batch_size=max(1, VALIDATION_PIXELS // images[0].size))
        except tf.errors.OpError as error:
            # The pipeline's threads can raise no exception of ours, but keep its words.
            if told := re.search(r"UserError: (.*)", error.message):
                raise UserError(told[1]) from None
            raise
        self.blocks.hand_over(trained)
        table = pd.DataFrame(history.history, index=[epoch + 1 for epoch in history.epoch])
        return trained, table.rename_axis("epoch")[["loss", "accuracy", "val_loss", "val_accuracy"]]


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
