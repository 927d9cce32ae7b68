"""Training that takes no time, for tests of the search; as a script, a search with it."""

import itertools
import math
import sys
import threading
import time
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import optuna

from mnist_aug.data import dataset
from mnist_aug.experiments import search as tune
from mnist_aug.results import runs as run
from mnist_aug.train.variant import augmented
from mnist_aug.train.workers import Workers


def accuracy(asked):
    """A made-up validation accuracy; a seed adds the same to that of every variant."""
    variant = asked["variant"]
    off = abs(math.log10(variant["learning_rate"]) + 2.5) + (variant["schedule"] == "constant") / 9
    return 0.95 - 0.03 * off + asked["seed"] * 7 % 5 * 1e-4


def study_of(results, arm):
    storage = optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend(str(results / "tune" / "journal.log"))
    )
    name = next(
        summary.study_name
        for summary in optuna.get_all_study_summaries(storage)
        if f" {arm} " in summary.study_name
    )
    return optuna.load_study(study_name=name, storage=storage)


@contextmanager
def workers(dataset, jobs=1, processes=1, scheduler=None, seconds=0, fast=0):
    """Takes the place of `mnist_aug.workers.workers`; a run takes `seconds`, but for the first."""
    numbers = itertools.count()

    def submit(job):
        if next(numbers) >= fast:
            time.sleep(seconds)
        future = Future()
        future.set_result({run.HISTORY: f"val_accuracy\n{accuracy(job.asked)!r}\n".encode()})
        return future

    yield Workers(submit, lambda: 1, threading.Event())


if __name__ == "__main__":
    folder, trials, seconds, fast = sys.argv[1:]
    tune.workers = partial(workers, seconds=float(seconds), fast=int(fast))
    tune.tune(augmented, int(trials), 2, dataset.load("digits"), Path(folder))
