"""Training: the runs of a variant that are missing or out of date, one after the other."""

import hashlib
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from mnist_aug import arguments, run
from mnist_aug.dataset import Dataset
from mnist_aug.variant import Variant


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
    # TensorFlow takes seconds to start, so only when there is something to train.
    arguments.import_tensorflow_quietly()
    from mnist_aug.trainer import Trainer

    trainer = Trainer(variant, dataset)
    for seed, (wanted, reason) in todo.items():
        print(f"{variant.name}, seed {seed:02d}: training ({reason})", flush=True)
        _train_run(trainer, wanted, run.folder(results, variant.name, seed))


def _train_run(trainer, wanted: dict, target: Path) -> None:
    started = run.now()
    with run.written(target) as temporary:
        temporary.mkdir()  # before the training, so that a folder that can't be written costs none
        clock = time.perf_counter()
        trained, history = trainer.fit(wanted["seed"], verbose=1 if sys.stdout.isatty() else 2)
        seconds = time.perf_counter() - clock
        digest = hashlib.sha256()
        for weights in trained.get_weights():
            digest.update(weights.tobytes())
        trained.save(temporary / run.MODEL)
        history.to_csv(temporary / run.HISTORY)
        run.write_json(temporary / run.MANIFEST, wanted | {
            "parameters": trained.count_params(),
            "weights_sha256": digest.hexdigest(),
            "seconds": round(seconds, 3),
            "images_per_second": round(len(trainer.train[0]) * len(history) / seconds),
            "started": started,
        } | run.environment())
