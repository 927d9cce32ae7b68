"""Published results of dense networks on MNIST, and what the same networks reach here.

The recipes are chosen by the study `recipes`, on the validation split; the test images judge what
was chosen, once but for those in `CHOSEN_ANEW`. Runs lie in `results/recipes/` and
`results/published/<row>/seed-<nn>/`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from mnist_aug.augment import policy as policies
from mnist_aug.data import eval_sets
from mnist_aug.data.dataset import Dataset
from mnist_aug.errors import UserError
from mnist_aug.evaluate.evaluation import evaluate_runs
from mnist_aug.evaluate.views import Views
from mnist_aug.experiments.studies import train_and_evaluate
from mnist_aug.train.training import train_all
from mnist_aug.train.variant import Variant, baseline

RECIPES, FOLDER = "recipes", "published"
PLAIN, AUGMENTED = "small-plain-15", "small-15"  # the rows of baseline and augmented
DROPPED = (  # after tries on the validation split
    "label smoothing",
    "a decay of squared gradients of 0.99 or less",
    "inputs of mean 0 and variance 1",
    "moving averages of the weights at a constant rate",
    "the optimizer Muon",
    "distillation from a network of 1000-500 hidden units",
    "digits scaled to the same width",
)
# Rows whose recipe was chosen anew, on validation images, after the test images had judged another.
CHOSEN_ANEW = (
    AUGMENTED,
    "small",
    "lecun",
    "simard-affine",
    "simard-elastic",
    "ciresan-2",
    "ciresan-3",
)
LECUN = "LeCun, Bottou, Bengio and Haffner 1998"
SIMARD = "Simard, Steinkraus and Platt 2003"
CIRESAN = "Cireşan, Meier, Gambardella and Schmidhuber 2010"
CIRESAN_2011 = "Cireşan, Meier, Gambardella and Schmidhuber 2011"
VIEWS, VIEWS_POLICY = 16, "affine"  # of test-time augmentation, chosen on validation images

# Training for as long as baseline and augmented: both with the same settings but for the policy,
# learning rate and weight decay, which the recipes choose for each from the same values.
SHORT = replace(baseline, batch_size=64, schedule="cosine", warmup=0.1)
RATES, DECAYS = (0.002, 0.004), (0.01, 0.03, 0.1, 0.3)
FADING: dict[str, Any] = {"policy": "default-1.5x", "later_policies": ((2 / 3, "default-0.5x"),)}
MILDLY: dict[str, Any] = {"policy": "default-1.25x", "later_policies": ((2 / 3, "default-0.75x"),)}
FADING_WIDE: dict[str, Any] = {"policy": "wide", "later_policies": ((2 / 3, "default-0.75x"),)}
WIDE_AFFINE: dict[str, Any] = {"policy": "wide-affine", "later_policies": ((2 / 3, "affine"),)}
# Training for long.
LONG = replace(
    baseline,
    policy="default",
    batch_size=128,
    learning_rate=0.004,
    weight_decay=0.03,
    schedule="cosine",
    warmup=0.1,
    epochs=100,
)
LONGEST = replace(LONG, policy="wide", learning_rate=0.002, weight_decay=0.01, epochs=500)
LARGE = replace(LONG, policy="wide", layers=(800,), learning_rate=0.003)
DEEP = replace(
    LONG, policy="wide", layers=(1000, 500), learning_rate=0.001, weight_decay=0.1, epochs=100
)


@dataclass(frozen=True)
class Row:
    """A row: a variant, how many seeds, and the published result it is compared with.

    Attributes:
        published: test error in [0, 1] of the publication, None where there is none.
        source: the publication.
    """

    variant: Variant
    seeds: int
    published: float | None = None
    source: str = ""


def _row(
    name: str,
    variant: Variant,
    seeds: int,
    published: float | None = None,
    source: str = "",
    **settings: Any,
) -> Row:
    return Row(
        replace(variant, name=name, validation_split=0, **settings), seeds, published, source
    )


ROWS = {
    row.variant.name: row
    for row in (
        _row(PLAIN, SHORT, 10, learning_rate=0.004, weight_decay=0.1),
        _row(AUGMENTED, SHORT, 10, learning_rate=0.004, weight_decay=0.1, **FADING),
        _row("small", LONGEST, 10, epochs=1000),
        _row("lecun", LARGE, 3, 0.0245, LECUN, layers=(500, 150)),
        _row("simard-none", LARGE, 5, 0.016, SIMARD, policy=None, weight_decay=0.1, epochs=50),
        _row("simard-affine", LARGE, 5, 0.011, SIMARD, **WIDE_AFFINE),
        _row("simard-elastic", LARGE, 5, 0.007, SIMARD),
        _row("ciresan-2", DEEP, 7, 0.0049, CIRESAN, epochs=300),
        _row("ciresan-3", DEEP, 4, 0.0046, CIRESAN, layers=(1500, 1000, 500)),
        _row(
            "ciresan-5",
            DEEP,
            2,
            0.0035,
            CIRESAN,
            layers=(2500, 2000, 1500, 1000, 500),
            epochs=60,
        ),
    )
}


@dataclass(frozen=True)
class Ensemble:
    """Runs whose probabilities are averaged.

    Attributes:
        members: the row whose runs they are.
        published, source: as for `Row`.
    """

    members: str
    published: float | None = None
    source: str = ""


ENSEMBLES = {
    "ensemble": Ensemble("small"),
    "ciresan-ensemble": Ensemble("ciresan-2", 0.0031, CIRESAN_2011),
}


def recipes() -> dict[str, Variant]:
    """What the recipes were chosen from, by name; each is trained with a validation split."""
    plain = {
        f"plain-rate{rate:g}-decay{decay:g}": replace(SHORT, learning_rate=rate, weight_decay=decay)
        for rate in RATES
        for decay in DECAYS
    }
    fading = {
        name.replace("plain", "augmented"): replace(variant, **FADING)
        for name, variant in plain.items()
    }
    best = replace(ROWS[AUGMENTED].variant, validation_split=baseline.validation_split)
    without: dict[str, dict[str, Any]] = {
        "constant-policy": {"policy": "default", "later_policies": ()},
        "no-decay": {"weight_decay": 0.0},
        "no-warmup": {"warmup": 0.0},
        "constant-rate": {"schedule": "constant", "warmup": 0.0},
        "batch-32": {"batch_size": 32},
    }
    return {
        name: replace(variant, name=name)
        for name, variant in (
            *plain.items(),
            *fading.items(),
            *((f"short-{name}", replace(best, **change)) for name, change in without.items()),
            ("long", LONG),
            ("long-mildly-fading-policy", replace(LONG, **MILDLY)),
            ("long-fading-policy", replace(LONG, **FADING)),
            ("long-no-decay", replace(LONG, weight_decay=0.0)),
            ("long-no-warmup", replace(LONG, warmup=0.0)),
            ("long-batch-64", replace(LONG, batch_size=64, learning_rate=0.003)),
            ("long-rate0.002", replace(LONG, learning_rate=0.002)),
            ("longest", LONGEST),
            ("longest-fading-policy", replace(LONGEST, **FADING_WIDE)),
            ("longest-mildly-fading-policy", replace(LONGEST, **MILDLY)),
            ("longest-decay0.03", replace(LONGEST, weight_decay=0.03)),
            ("longest-1000-epochs", replace(LONGEST, epochs=1000)),
            ("large", LARGE),
            ("large-mildly-fading-policy", replace(LARGE, **MILDLY)),
            ("deep", DEEP),
            ("deep-mildly-fading-policy", replace(DEEP, **MILDLY)),
            ("deep-wider-policy", replace(DEEP, policy="wide-1.25x")),
            ("deep-300-epochs", replace(DEEP, epochs=300)),
            ("affine", replace(LARGE, policy="affine")),
            ("affine-wide", replace(LARGE, **WIDE_AFFINE)),
        )
    }


def names(text: str | None) -> list[str]:
    """The rows to make, from a list with commas; the recipes and all rows if None.

    A single recipe has its name, too.

    Raises:
        UserError: there is no such row.
    """
    every = [RECIPES, *ROWS, *ENSEMBLES]
    wanted = every if text is None else text.split(",")
    for name in wanted:
        if name not in every and name not in recipes():
            raise UserError(
                f"row {name!r} is unknown: use some of {', '.join(every)}, or the name of a recipe"
            )
    return wanted


def run(
    rows: Sequence[str],
    dataset: Dataset,
    results: Path,
    seeds: int | None = None,
    epochs: int | None = None,
    **where: Any,
) -> None:
    """Train what is missing of these rows and evaluate it on all evaluation sets.

    Args:
        rows: as `names` gives them. An ensemble is trained and evaluated with the row whose runs
            are its members, and the other way round.
        seeds: of each; the row's own number if None, 3 for the recipes.
        epochs: of a run as long as the baseline's; longer ones take proportionally more.
        where: as for `studies.train_and_evaluate`.

    Raises:
        UserError: as `training.train_all` and `evaluation.evaluate_runs` do.
    """

    def wanted(variant: Variant, count: int) -> list[tuple[Variant, int]]:
        if epochs is not None:
            variant = replace(
                variant, epochs=max(1, round(variant.epochs / baseline.epochs * epochs))
            )
        return [(variant, seed) for seed in range(seeds or count)]

    if tried := [variant for name, variant in recipes().items() if name in rows or RECIPES in rows]:
        train_all(
            [one for variant in tried for one in wanted(variant, 3)],
            dataset,
            Path(results) / RECIPES,
            **where,
        )
    folder = Path(results) / FOLDER
    together = {one.members: name for name, one in ENSEMBLES.items()}
    chosen = [
        row
        for name, row in ROWS.items()
        if name in rows or (name in together and together[name] in rows)
    ]
    runs = [one for row in chosen for one in wanted(row.variant, row.seeds)]
    if not runs:
        return
    keys = [(variant.name, seed) for variant, seed in runs]
    members = {
        together[row.variant.name]: [key for key in keys if key[0] == row.variant.name]
        for row in chosen
        if row.variant.name in together
    }
    views = policies.load(VIEWS_POLICY, dataset.side, dataset.fill)
    evaluation = partial(
        evaluate_runs,
        folder,
        dataset,
        keys,
        [*eval_sets.names(dataset), *eval_sets.read(dataset)],
        members,
        Views(VIEWS, policies.describe(views)),
    )
    train_and_evaluate(runs, dataset, folder, evaluation, **where)
