"""Trains, evaluates and is interrupted in two processes, as scripts are; prints what it saw."""

import json
import os
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path

import psutil
from processes import are_gone, until, workers

from mnist_aug.data import dataset
from mnist_aug.evaluate.evaluation import evaluate
from mnist_aug.experiments import studies
from mnist_aug.results import runs
from mnist_aug.train import jobs, training
from mnist_aug.train.variant import augmented, baseline

EPOCHS, SEEDS = 2, 2
VARIANTS = [replace(variant, epochs=EPOCHS) for variant in (baseline, augmented)]


def worker(sha256):
    """In a worker: its number, and whether it has the dataset and TensorFlow."""
    return os.getpid(), jobs.dataset_here(sha256).sha256 == sha256, "tensorflow" in sys.modules


def main(data, results):
    few, seen = dataset.load(data), {}
    here = psutil.Process()

    def evaluation(pool):
        seen["epochs"] = round(pool.epochs(), 6)
        began = workers(here)
        evaluate(results, few, seeds=SEEDS, tta=2, pool=pool)
        seen["processes"] = len(began)
        seen["the same for both"] = workers(here) == began
        pending = {pool.submit(worker, few.sha256): number for number in range(6)}
        answers = []
        while pending:
            answers += pool.finished(pending)
        seen["answered"] = sorted(number for number, _ in answers)
        seen["by workers"] = {pid for _, (pid, *_) in answers} <= {one.pid for one in began}
        seen["fit"] = all(all(rest) for _, (_, *rest) in answers)
        seen["TensorFlow here"] = "tensorflow" in sys.modules

        def press():
            until(lambda: len(runs.seeds(results / "more", "baseline")) > 1)
            os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=press).start()
        try:
            training.train(VARIANTS[0], range(2000), few, results / "more", pool=pool)
        finally:
            seen["ended"] = began

    wanted = [(variant, seed) for variant in VARIANTS for seed in range(SEEDS)]
    try:
        studies.train_and_evaluate(wanted, few, results, evaluation, processes=2)
    except KeyboardInterrupt:
        seen["interrupted"] = True
    seen["ended"] = are_gone(seen["ended"])
    seen["handler"] = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    print(json.dumps(seen))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
