"""Trains and evaluates for a moment, as make does; prints digests of what must be the same bytes.

Arguments: a results folder, how many processes, a variant, and the evaluation sets (`all` for all
of them).
"""

import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from mnist_aug.data import dataset, eval_sets
from mnist_aug.evaluate.evaluation import evaluate_runs
from mnist_aug.results import runs
from mnist_aug.train import training
from mnist_aug.train.variant import VARIANTS


def digest(*parts):
    return hashlib.sha256(b"".join(parts)).hexdigest()


def main(results, processes, name, *sets):
    whole = dataset.load("mnist")
    few = replace(
        whole,
        name="few",
        x_train=whole.x_train[:4800],
        y_train=whole.y_train[:4800],
        x_test=whole.x_test[:500],
        y_test=whole.y_test[:500],
    )
    variant, seeds = replace(VARIANTS[name], epochs=2), [0, 1]
    training.train(variant, seeds, few, results, processes=processes)
    sets = [*eval_sets.names()] if sets == ("all",) else sets
    keys = [(variant.name, seed) for seed in seeds]
    evaluate_runs(results, few, keys, sets, {"both": keys}, processes=processes)
    found = [runs.read_run(runs.run_folder(results, variant.name, seed)) for seed in seeds]
    arrays = [np.load(run.folder / runs.PREDICTIONS) for run in found]
    print(
        json.dumps(
            {
                "pinned": all(run.manifest["pinned"] for run in found),
                "weights": digest(*(run.manifest["weights_sha256"].encode() for run in found)),
                "history": digest(*((run.folder / runs.HISTORY).read_bytes() for run in found)),
                "predictions": digest(*(one["log_probabilities"].tobytes() for one in arrays)),
                "tables": digest(
                    *((results / name / runs.METRICS).read_bytes() for name in (name, "both"))
                ),
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
