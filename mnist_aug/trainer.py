"""The trainer: a variant on a dataset, seed after seed, by Keras's `fit` on blocks."""

import numpy as np
import pandas as pd

from mnist_aug import model, pipeline, policy
from mnist_aug.dataset import Dataset
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
        self.engine = vectorize(policy.load(variant.policy)) if variant.policy else None
        self.blocks = model.BlockTrainer(self.initial(0), variant)

    def initial(self, seed: int):
        """The untrained model of that seed, the same for every policy."""
        return model.build(self.variant, self.dataset.image_shape, self.dataset.classes, seed)

    def fit(self, seed: int, callbacks=(), verbose: int = 0):
        """Train with that seed. Returns the trained stock Keras model and its history.

        The history is a DataFrame indexed by epoch, from 1, with loss, accuracy, val_loss and
        val_accuracy.
        """
        trained = self.initial(seed)
        self.blocks.restart(trained.get_weights())
        blocks, per_epoch = pipeline.blocks(
            *self.train, seed=seed, epochs=self.variant.epochs,
            batch_size=self.variant.batch_size, engine=self.engine)
        history = self.blocks.fit(
            blocks, epochs=self.variant.epochs, steps_per_epoch=per_epoch, shuffle=False,
            validation_data=self.validation, callbacks=list(callbacks), verbose=verbose,
            validation_batch_size=max(1, VALIDATION_PIXELS // self.train[0][0].size))
        self.blocks.hand_over(trained)
        table = pd.DataFrame(history.history, index=[epoch + 1 for epoch in history.epoch])
        return trained, table.rename_axis("epoch")[["loss", "accuracy", "val_loss", "val_accuracy"]]
