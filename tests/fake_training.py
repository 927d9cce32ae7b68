"""Training that takes no time, where it is not what is tested; as a script, a search with it."""

import hashlib
import itertools
import math
import sys
import threading
import time
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from mnist_aug import provenance
from mnist_aug.data import dataset
from mnist_aug.results import files, runs
from mnist_aug.train.pools import Pool
from mnist_aug.train.variant import augmented


def accuracy(wanted):
    """A made-up validation accuracy; a seed adds the same to that of every variant."""
    variant = wanted["variant"]
    off = abs(math.log10(variant["learning_rate"]) + 2.5) + (variant["schedule"] == "constant") / 9
    return 0.95 - 0.03 * off + wanted["seed"] * 7 % 5 * 1e-4


def work(job):
    """Takes the place of `jobs.work`: the files of a run, the same for the same job."""
    settings, reached = job.wanted["variant"], accuracy(job.wanted)
    rows = [f"{epoch + 1},0.5,0.9,0.6,{reached!r}" for epoch in range(settings["epochs"])]
    history = "\n".join(["epoch,loss,accuracy,val_loss,val_accuracy", *rows, ""]).encode()
    held = {runs.MODEL: files.digest(job.wanted).encode(), runs.HISTORY: history}
    about = {
        **job.wanted,
        "parameters": 118_282,
        "weights_sha256": hashlib.sha256(held[runs.MODEL]).hexdigest(),
        "seconds": 0.1,
        "images_per_second": 1000,
        "started": provenance.now(),
        **provenance.describe(job.command),
    }
    return {**held, runs.MANIFEST: files.manifest_bytes(about, held)}


@contextmanager
def pool(dataset, count=1, processes=1, scheduler=None, seconds=0, fast=0):
    """Takes the place of `pools.pool`; a run takes `seconds`, except for the first `fast`.

    With several processes, of as many runs the last to be handed in is the first to be done.
    """
    numbers, begun = itertools.count(), []

    def submit(_, job):
        if next(numbers) >= fast:
            time.sleep(seconds)
        future = Future()
        begun.append((future, f"val_accuracy\n{accuracy(job.wanted)!r}\n".encode()))
        if processes == 1:
            finish()
        return future

    def finish():
        if begun:
            future, history = begun.pop()
            future.set_result({runs.HISTORY: history})

    here = Pool(submit, lambda: processes, threading.Event())
    here.on_wait = finish
    yield here


def study_of(results, start):
    """Optuna's study of the search that started from the variant of that name."""
    import optuna

    storage = optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend(str(results / "tune" / "journal.log"))
    )
    name = next(
        summary.study_name
        for summary in optuna.get_all_study_summaries(storage)
        if f" {start} " in summary.study_name
    )
    return optuna.load_study(study_name=name, storage=storage)


if __name__ == "__main__":
    from mnist_aug.experiments import search

    folder, trials, seconds, fast = sys.argv[1:]
    search.pool = partial(pool, seconds=float(seconds), fast=int(fast))
    search.search(augmented, int(trials), 2, dataset.load("digits"), Path(folder))
