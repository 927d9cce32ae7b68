"""The trainer: a variant on a dataset, seed after seed, by Keras's `fit` on blocks."""

import re
import time
import zipfile
from functools import reduce
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from mnist_aug.augment import policy as policies
from mnist_aug.augment.vectorize import vectorize
from mnist_aug.data.dataset import Dataset
from mnist_aug.errors import UserError
from mnist_aug.results import runs as run
from mnist_aug.train import models as model
from mnist_aug.train import pipeline
from mnist_aug.train.variant import Variant

VALIDATION_PIXELS = 2**24  # float32 pixels validated in one call, 64 MiB
SAVE_SECONDS = 30  # between two states of a run: saving takes well under 1 % of the time
HISTORY = ["loss", "accuracy", "val_loss", "val_accuracy"]


class Trainer:
    """Trains a variant on a dataset, seed after seed, compiling it once."""

    def __init__(self, variant: Variant, dataset: Dataset, settings: dict | None = None):
        self.dataset = dataset
        count = dataset.training_count(variant.validation_split)
        self.train = dataset.x_train[:count], dataset.y_train[:count]
        self.validation = None
        if variant.validation_split:
            self.validation = _whole_batches(dataset.x_train[count:], dataset.y_train[count:])
        self.steps = variant.epochs * -(-count // variant.batch_size)
        self.take(variant, settings)
        self.blocks = model.BlockTrainer(self.initial(0), variant, self.steps)

    def take(self, variant: Variant, settings: dict | None = None) -> None:
        """Train this variant from now on.

        Args:
            variant: one that differs from the first in name, policies and learning rate at most.
            settings: it in full, where its policies can't be loaded by their names.

        Raises:
            UserError: a policy can't be loaded, or is unfit for the images.
        """
        settings = settings or variant.settings()
        self.variant, self.phases = variant, []
        later = settings["later_policies"]
        ends = [*(round(part["after"] * variant.epochs) for part in later), variant.epochs]
        for policy, end in zip(
            [settings["policy"], *(part["policy"] for part in later)], ends, strict=True
        ):
            engine = policy and vectorize(policies.described(policy["pipeline"]))
            if engine:
                engine.check(self.dataset.image_shape)
            self.phases.append((end, engine))

    def initial(self, seed: int) -> keras.Model:
        """The untrained model of that seed, the same for every policy."""
        return model.build(
            self.variant, self.dataset.image_shape, self.dataset.classes, seed, self.steps
        )

    def fit(self, seed: int, callbacks=(), verbose: int = 0, state: Path | None = None):
        """Train with that seed. Returns the trained stock Keras model, its history, and seconds.

        The history is a DataFrame indexed by epoch, from 1, with loss and accuracy and, where
        images are held out, val_loss and val_accuracy. The seconds count all parts of a run that
        went on from a state.

        Args:
            state: where to save the state every `SAVE_SECONDS`. What an earlier call left there
                goes on, to the same bytes as if nothing had happened.

        Raises:
            UserError: the policy fails on an image.
        """
        clock = time.perf_counter()
        images, labels = self.train
        if self.variant.training_images:
            few = np.resize(nested_subset(labels, self.variant.training_images, seed), len(labels))
            images, labels = images[few], labels[few]
        trained = self.initial(seed)
        self.blocks.restart(trained.get_weights(), self.variant.learning_rate)
        saved = _State(self.blocks, state, clock)
        blocks, per_epoch = pipeline.blocks(
            images,
            labels,
            seed=seed,
            batch_size=self.variant.batch_size,
            phases=self.phases,
            first_epoch=saved.epochs,
        )
        try:
            self.blocks.fit(
                blocks,
                initial_epoch=saved.epochs,
                epochs=self.variant.epochs,
                steps_per_epoch=per_epoch,
                shuffle=False,
                validation_data=self.validation,
                callbacks=[*callbacks, saved],
                verbose=verbose,
            )
        except tf.errors.OpError as error:
            # The pipeline's threads can raise no exception of ours, but keep its words.
            if told := re.search(r"UserError: (.*)", error.message):
                raise UserError(told[1]) from None
            raise
        self.blocks.hand_over(trained)
        return trained, saved.history(), saved.seconds


def _whole_batches(images: np.ndarray, labels: np.ndarray) -> tf.data.Dataset:
    """uint8 images `[N, H, W]` as float32 in [0, 1], with labels, in as few batches as fit."""
    size = max(1, VALIDATION_PIXELS // images[0].size)
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


class _State(keras.callbacks.Callback):
    """The history of a run and, every `SAVE_SECONDS`, all that is needed to go on with it."""

    def __init__(self, blocks: model.BlockTrainer, path: Path | None, clock: float):
        super().__init__()
        self._blocks, self._path, self._rows = blocks, path, []
        self._clock = clock  # when the run began, or would have without a pause
        self._saved = time.perf_counter()
        if path is not None and path.exists():
            self._restore()

    @property
    def epochs(self) -> int:
        """How many are done."""
        return len(self._rows)

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._clock

    def history(self) -> pd.DataFrame:
        table = pd.DataFrame(self._rows, index=range(1, len(self._rows) + 1))
        return table.rename_axis("epoch")[[name for name in HISTORY if name in table]]

    def on_epoch_end(self, epoch, logs=None):
        self._rows.append({name: float(value) for name, value in (logs or {}).items()})
        if self._path is not None and time.perf_counter() - self._saved >= SAVE_SECONDS:
            self._save()
            self._saved = time.perf_counter()

    def _save(self) -> None:
        arrays = {f"weights_{i}": w for i, w in enumerate(self._blocks.get_weights())}
        arrays |= {
            f"optimizer_{i}": v.numpy() for i, v in enumerate(self._blocks.optimizer.variables)
        }
        arrays |= {
            f"history_{name}": np.array([row[name] for row in self._rows]) for name in self._rows[0]
        } | {"seconds": np.array(self.seconds)}
        with run.written(self._path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **arrays)  # not compressed, which takes longer than epochs do

    def _restore(self) -> None:
        try:
            with open(self._path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):
            return  # damaged: the run starts anew
        self._clock -= float(arrays["seconds"])
        names = [name for name in arrays if name.startswith("history_")]
        self._rows = [
            {name.removeprefix("history_"): float(arrays[name][epoch]) for name in names}
            for epoch in range(len(arrays[names[0]]))
        ]
        weights, optimizer = (
            [arrays[f"{part}{i}"] for i in range(sum(name.startswith(part) for name in arrays))]
            for part in ("weights_", "optimizer_")
        )
        self._blocks.restore(weights, optimizer)


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
