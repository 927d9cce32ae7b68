"""Training: the runs of a variant that are missing or out of date, one after the other."""

import hashlib
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from mnist_aug import model, pipeline, policy, run
from mnist_aug.dataset import Dataset
from mnist_aug.variant import Variant
from mnist_aug.vectorize import vectorize

VALIDATION_PIXELS = 2**24  # float32 pixels validated in one call, 64 MiB


def train(variant: Variant, seeds: Iterable[int], dataset: Dataset, results: Path) -> None:
    """Train a variant once for each seed whose run is not on disk as asked.

    A run is whole or absent: it is written beside its place and renamed at its end. Runs that
    agree with what is asked are left untouched.

    Raises:
        UserError: the policy or the dataset is unfit, a run on disk is of another dataset, or the
            results can't be written.
    """
    todo = {}
    for seed in seeds:
        wanted = run.asked(variant, seed, dataset)
        reason = run.disagreement(run.folder(results, variant.name, seed), wanted)
        if reason:
            todo[seed] = (wanted, reason)
    if not todo:
        print(f"{variant.name}: all runs are up to date")
        return
    trainer = Trainer(variant, dataset)
    for seed, (wanted, reason) in todo.items():
        print(f"{variant.name}, seed {seed:02d}: training ({reason})", flush=True)
        _train_run(trainer, wanted, run.folder(results, variant.name, seed))


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


def _train_run(trainer: Trainer, wanted: dict, target: Path) -> None:
    started = run.now()
    clock = time.perf_counter()
    trained, history = trainer.fit(wanted["seed"], verbose=1 if sys.stdout.isatty() else 2)
    seconds = time.perf_counter() - clock
    digest = hashlib.sha256()
    for weights in trained.get_weights():
        digest.update(weights.tobytes())
    with run.written(target) as temporary:
        temporary.mkdir()
        trained.save(temporary / run.MODEL)
        history.to_csv(temporary / run.HISTORY)
        run.write_json(temporary / run.MANIFEST, wanted | {
            "parameters": trained.count_params(),
            "weights_sha256": digest.hexdigest(),
            "seconds": round(seconds, 3),
            "images_per_second": round(len(trainer.train[0]) * len(history) / seconds),
            "started": started,
        } | run.environment())
