"""What a command says at its end: what it found, and the next command that is worth running."""

import os
import shlex
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mnist_aug import notes
from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.intervals import FEW_SEEDS, spread
from mnist_aug.analysis.models import name_of
from mnist_aug.data import dataset
from mnist_aug.experiments.studies import COMPARE, TRAINING_IMAGES, TUNED
from mnist_aug.formatting import counted, mean_and_sd
from mnist_aug.results import extras, runs
from mnist_aug.results.runs import BOTH

# The variables of the Makefile that results depend on, with their defaults there.
DEFAULTS = {
    "DATA": "mnist",
    "TRANSPOSE": "",
    "SEEDS": "5",
    "EPOCHS": "15",
    "POLICY": "default",
    "MODEL": "dense",
    "RESULTS": "results",
    "REPORTS": "reports",
    "EXTRA": "",
    "MNIST_C": "",
    "TTA": "",
    "MARGIN": "",
    "SCHEDULER": "",
    "DEVICE": "cpu",
}
PLACES = ("RESULTS", "REPORTS")
OWN = (*PLACES, "DATA", "MODEL")
TRIAL_SEEDS = "3"  # of a trial of the search
WHY = {
    "preview": "what the policy does to these images",
    "report": "evaluation and the report",
    "strength": "sensitivity to augmentation strength",
    COMPARE: "which policy is best",
    "data-efficiency": "what augmentation is worth in training images",
    "tune": "hyperparameter search",
    TUNED: "what the search found, with new seeds",
    "leaderboard": "all that was trained, in one table",
}


def line(target: str, options: Namespace, why: str | None = None, **changed: str) -> str:
    """The next command, and why, in a line that ends in what is to be typed.

    Args:
        target: of make.
        options: of the script that is at its end.
        why: in place of the target's own reason.
        changed: variables to give otherwise, by name.
    """
    given = _given(options)
    if target == "leaderboard":
        given = {name: value for name, value in given.items() if name in PLACES}
    if target == "tune":
        given |= {"SEEDS": TRIAL_SEEDS}
    words = [
        f"{name}={shlex.quote(value)}"
        for name, value in (given | changed).items()
        if value != DEFAULTS[name] or name in changed
    ]
    return f"next, {why or WHY[target]}: {' '.join(['make', target, *words])}"


def _given(options: Namespace) -> dict[str, str]:
    """What make's variables are, or would be for these options of a script."""
    own = {name.upper(): value for name, value in vars(options).items() if value is not None}
    if notes.SAID in os.environ:  # make runs the script
        given = {name: os.environ.get(name, default) for name, default in DEFAULTS.items()}
        # A target may have places, data and a model of its own, as those of the reference do.
        return given | {name: str(own[name]) for name in OWN if name in own}
    own["TRANSPOSE"] = "1" if own.get("TRANSPOSE") else ""
    if "MARGIN" in own:
        own["MARGIN"] = f"{100 * own['MARGIN']:.9g}"
    own["DEVICE"] = os.environ.get("DEVICE", DEFAULTS["DEVICE"])
    return {name: str(own.get(name, default)) for name, default in DEFAULTS.items()}


def after_training(names: Sequence[str], seeds: int, options: Namespace) -> list[str]:
    """What training reached, a line for each variant, and the next command.

    Args:
        seeds: how many runs of each, from seed 0.

    Raises:
        UserError: a run is missing or damaged.
    """
    lines = []
    for name in names:
        folder = options.results / name
        reached = np.array(
            [
                runs.read_run(runs.run_folder(options.results, name, seed)).validation_accuracy
                for seed in range(seeds)
            ]
        )
        lines.append(
            f"{name}: validation accuracy {mean_and_sd(reached.mean(), spread(reached))} % "
            f"({counted(seeds, 'run')}), in {folder}"
        )
    return [*lines, line("report", options)]


def after_search(options: Namespace) -> str:
    """The next command: with as many seeds as baseline has, which are not those of a trial."""
    seeds = len(runs.seeds(options.results, BOTH[0])) or DEFAULTS["SEEDS"]
    return line(TUNED, options, SEEDS=str(seeds))


def reached(content: Comparison) -> str:
    """Test accuracy of both models, in a line."""
    frame = content.results.set_index("variant").loc[[*BOTH]]
    each = [
        f"{row.Index} {mean_and_sd(row.accuracy, row.accuracy_sd)} %" for row in frame.itertuples()
    ]
    seeds = [counted(count, "seed") for count in dict.fromkeys(frame["seeds"])]
    return f"test accuracy: {', '.join(each)} ({' and '.join(seeds)})"


def after_report(content: Comparison, results: Path, options: Namespace) -> str:
    """The next command by what the results lack.

    Args:
        results: the folder of the comparison.

    Raises:
        UserError: a file of the search is damaged.
    """
    own = _as_trained(content, options)
    if len(content.paired_seeds) < FEW_SEEDS:  # more are worth more than any study
        why = "more seeds, for a narrower confidence interval"
        return line("report", own, why, SEEDS=str(FEW_SEEDS))
    folder = extras.search_folder(results)
    there = {name for name in WHY if runs.evaluated_variants(results / name)}
    if any(extras.read_search(folder, name) for name in BOTH):
        there.add("tune")
    if content.both[1].policy != DEFAULTS["POLICY"]:
        there.add("strength")  # which is about the default policy alone
    if content.dataset["train"] <= TRAINING_IMAGES[0]:
        there.add("data-efficiency")
    wanted = ("strength", COMPARE, "data-efficiency", "tune", TUNED)
    return line(next((name for name in wanted if name not in there), "leaderboard"), own)


def _as_trained(content: Comparison, options: Namespace) -> Namespace:
    """Options of a script that was given none of these: as the results were made."""
    settings = content.both[1].settings
    made = {
        "seeds": len(content.paired_seeds),
        "epochs": settings["epochs"],
        "policy": content.both[1].policy,
        "model": name_of(settings),
    }
    given = {name: value for name, value in vars(options).items() if value is not None}
    if given.get("data", DEFAULTS["DATA"]) == DEFAULTS["DATA"]:
        given["data"] = dataset.option(content.dataset) or content.dataset["name"]
    return Namespace(**made | given)
