"""Simulate the report's intervals and tests, and write the tables of docs/statistics.md anew.

    python -m tools.coverage [--repeats N] [--check]

Takes some twenty minutes. With --check the file stays as it is, and the tables are printed.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from mnist_aug.analysis import comparison, contrasts, intervals, variance
from mnist_aug.arguments import Parser
from mnist_aug.errors import one_line_errors
from mnist_aug.results import runs

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "results/reference/mnist"
SEEDS = (2, 3, 5, 10, 30)
IMAGES = 400  # simulated, with effects such that a mean varies as on 10,000
RESAMPLED_IMAGES = 2000  # drawn from the test images of real runs
BOOTSTRAP = 300  # resamples for each simulated interval
TRAINING = (0.0, 0.25, 1.0, 3.0)  # of the variance between resampled runs, times that of weights
Drawn = tuple[dict[str, np.ndarray], dict[str, float]]  # scores by variant, and true means


@cache
def spreads() -> dict[str, float]:
    """Standard deviations over seeds, pp, of the policies compared in results/reference/mnist."""
    every = [REFERENCE / name for name in runs.BOTH]
    every += [
        REFERENCE / "compare" / name for name in runs.evaluated_variants(REFERENCE / "compare")
    ]
    read = [runs.read_variant(one) for one in every]
    return {one.policy or "none": 100 * intervals.spread(one.accuracy) for one in read}


@cache
def equal() -> dict[str, float]:
    """The same number of policies, all with the root mean square of these."""
    every = spreads()
    return dict.fromkeys(every, float(np.mean(np.square([*every.values()])) ** 0.5))


@cache
def reference() -> dict[str, np.ndarray]:
    """bool [30, 10000] of baseline and augmented in results/reference/mnist."""
    return {name: runs.read_variant(REFERENCE / name).correct for name in runs.BOTH}


@cache
def corrupted() -> tuple[list[np.ndarray], list[np.ndarray]]:
    """As `reference`, on each corruption type."""
    both = [runs.read_variant(REFERENCE / name) for name in runs.BOTH]
    names = [name for name in both[0].scores if name.startswith("corruption/")]
    first, second = ([one.correct_on(name) for name in names] for one in both)
    return first, second


@cache
def measured() -> tuple[float, float, float]:
    """Of these: variance from images of a mean, correlation between the two, cell noise; pp^2."""
    arrays = [*reference().values()]
    parts = [intervals.Crossed.of(own) for own in arrays]
    images = arrays[0].shape[1]
    shared = np.cov([own.mean(axis=0) for own in arrays])[0, 1]
    image = np.mean([part.image for part in parts])
    cell = np.mean([part.cell for part in parts])
    scale = 1e4 / images
    return float(image * scale), float(shared / image), float(cell * scale)


def crossed(
    rng: np.random.Generator, seeds: int, spreads: Mapping[str, float], first: int | None = None
) -> Drawn:
    """A study without differences: effects of seeds, of images, and of cells, all normal.

    Args:
        seeds: of each variant; of the first one `first`, if given, and then without effects of
            images, which are given as well.
    """
    image, correlation, cell = measured()
    if first:
        image = 0.0
    common = rng.normal(0, (correlation * image * IMAGES) ** 0.5, IMAGES)
    scores = {}
    for at, (name, spread) in enumerate(spreads.items()):
        count = first if at == 0 and first else seeds
        noise = min(cell, spread**2 / 2)  # of a run's mean
        own = rng.normal(0, ((1 - correlation) * image * IMAGES) ** 0.5, IMAGES)
        by_seed = rng.normal(0, (spread**2 - noise) ** 0.5, (count, 1))
        cells = rng.normal(0, (noise * IMAGES) ** 0.5, (count, IMAGES))
        scores[name] = 100 * (common + own + by_seed + cells)  # beyond the rule of three
    return scores, dict.fromkeys(scores, 0.0)


def resampled(rng: np.random.Generator, seeds: int, _: object = None) -> Drawn:
    """As many variants as `spreads`, of seeds and images drawn from real runs, with replacement."""
    arrays = reference()
    images = rng.integers(arrays[runs.BOTH[0]].shape[1], size=RESAMPLED_IMAGES)
    scores, truth = {}, {}
    for at, name in enumerate(spreads()):
        own = arrays[runs.BOTH[at % 2]]
        scores[name] = own[rng.integers(len(own), size=seeds)][:, images]
        truth[name] = float(own.mean())
    return scores, truth


def comparisons(
    draw: Callable[[np.random.Generator], Drawn], repeats: int, over_images: bool = True
) -> dict[str, float]:
    """Of simulated comparisons of many: how often all, or each, of the intervals fail.

    Returns:
        against, pairs, holm: the shares of studies with any error; alone: that of single
        intervals; worst: of the variant with most; equivalent: the share of differences as large
        as the margin that are found to lie within it, of studies with any.
    """
    rng = np.random.default_rng(7)
    errors: dict[str, list[np.ndarray]] = {name: [] for name in FAMILIES}
    contrasts.DRAWS, kept = 4000, contrasts.DRAWS
    try:
        for _ in range(repeats):
            scores, truth = draw(rng)
            first, *others = truth
            found = contrasts.estimates(scores, over_images)
            rows = contrasts.against(found, first)
            true = np.array([truth[name] - truth[first] for name in others])
            errors["against"].append((rows["low"] > true) | (rows["high"] < true))
            errors["alone"].append((rows["alone_low"] > true) | (rows["alone_high"] < true))
            same = true == 0
            errors["holm"].append(np.array(rows["holm_p"] < 0.05) & same)
            # A margin as large as what is true: the upper test of the two errs.
            errors["equivalent"].append(rows["within_high"] < true)
            pairs = contrasts.all_pairs(found)
            true = pairs["second"].map(truth) - pairs["first"].map(truth)
            errors["pairs"].append((pairs["low"] > true) | (pairs["high"] < true))
    finally:
        contrasts.DRAWS = kept
    shares = {name: float(np.any(rows, axis=1).mean()) for name, rows in errors.items()}
    by_variant = np.mean(errors["alone"], axis=0)
    return shares | {"alone": float(by_variant.mean()), "worst": float(by_variant.max())}


FAMILIES = ("against", "alone", "holm", "equivalent", "pairs")
AGAINST = "any of {} against one"


def headline(seeds: int, repeats: int) -> dict[str, float]:
    """How often `intervals.compare` of real runs, drawn by seed and image, misses what is true.

    Returns:
        interval; equivalent, how often a difference as large as the margin is found within it.
    """
    rng = np.random.default_rng(8)
    first, second = reference().values()
    true = second.mean() - first.mean()
    missed, within = [], []
    for _ in range(repeats):
        at = rng.integers(len(first), size=seeds)[:, None]
        images = rng.integers(first.shape[1], size=first.shape[1])
        found = intervals.compare(first[at, images], second[at, images], BOOTSTRAP)
        missed.append(not found.low <= true <= found.high)
        within.append(found.within_high < true)
    return {"interval": float(np.mean(missed)), "equivalent": float(np.mean(within))}


def alone(seeds: int, repeats: int) -> float:
    """How often the interval of `comparison.contrast`, of two models by themselves, misses."""
    rng = np.random.default_rng(10)
    both = {name: spreads()[name] for name in ("none", "default")}
    missed = []
    for _ in range(repeats):
        scores, _ = crossed(rng, seeds, both)
        found = comparison.contrast(*scores.values())
        missed.append(not found["low"] <= 0 <= found["high"])
    return float(np.mean(missed))


def by_set(seeds: int, repeats: int) -> float:
    """How often any interval of `contrasts.by_set` on corrupted images misses what is true.

    Seeds of each model and images are drawn from real runs, with replacement, where the mean over
    all of them is true.
    """
    rng = np.random.default_rng(seeds)
    both = corrupted()
    true = np.array([two.mean() - one.mean() for one, two in zip(*both, strict=True)])
    contrasts.DRAWS, kept = 20_000, contrasts.DRAWS
    missed = []
    try:
        for _ in range(repeats):
            images = rng.integers(both[0][0].shape[1], size=RESAMPLED_IMAGES)
            drawn = [rng.integers(len(every[0]), size=seeds) for every in both]
            first, second = (
                [own[some][:, images] for own in every]
                for every, some in zip(both, drawn, strict=True)
            )
            low, high = contrasts.by_set(first, second)
            missed.append(bool(((low > true) | (high < true)).any()))
    finally:
        contrasts.DRAWS = kept
    return float(np.mean(missed))


def all_sources(seeds: int, training: float, repeats: int) -> dict[str, float]:
    """How often the intervals of `variance.components` miss, with as many runs of both kinds.

    Args:
        training: the variance that drawing training images adds between runs, over that of weights.

    Returns:
        mean, the interval of the difference; share, that of the share of training images.
    """
    rng, drawn = np.random.default_rng(9), 0.8
    test = measured()[0] / spreads()["none"] ** 2
    freedom = np.array([seeds - 1, seeds - 1])
    variance.DRAWS, kept = 1000, variance.DRAWS
    true = np.array([1.0, 1.0 + training])
    total = true[1] / seeds + drawn * training / (1 - drawn) + test
    share = training / (1 - drawn) / (1 + training / (1 - drawn) + test)
    missed, missed_share = [], []
    try:
        for _ in range(repeats):
            seen = true * rng.chisquare(freedom) / freedom
            half = variance._half_width(seen, freedom, seeds, drawn, test)
            missed.append(abs(rng.normal(0, total**0.5)) > half)
            low, high = variance._training_share(seen, freedom, drawn, test)
            missed_share.append(not low <= share <= high)
    finally:
        variance.DRAWS = kept
    return {"mean": float(np.mean(missed)), "share": float(np.mean(missed_share))}


def many(repeats: int) -> str:
    """The table of comparisons of many."""
    scenarios: dict[str, Callable[[int], dict[str, float]]] = {
        "spreads as measured": lambda s: comparisons(lambda r: crossed(r, s, spreads()), repeats),
        "equal spreads": lambda s: comparisons(lambda r: crossed(r, s, equal()), repeats),
        "real runs, resampled": lambda s: comparisons(lambda r: resampled(r, s), repeats),
        "30 of the baseline, given images": lambda s: comparisons(
            lambda r: crossed(r, s, spreads(), 30), repeats, over_images=False
        ),
    }
    count = len(spreads())
    words = {
        "against": AGAINST.format(count - 1),
        "pairs": f"any of {count * (count - 1) // 2} pairs, or any rank",
        "holm": "any claim by Holm's p",
        "equivalent": "any false equivalence",
        "alone": "each interval by itself",
        "worst": "the worst variant's by itself",
    }
    rows = []
    for scenario, simulate in scenarios.items():
        found = [simulate(seeds) for seeds in SEEDS]
        for name, text in words.items():
            if scenario.startswith("real") and name == "holm":
                continue  # half of those are different indeed
            rows.append([scenario, text, *(f"{100 * one[name]:.1f}" for one in found)])
    return table(["simulated", "wrong, %", *(f"{seeds} seeds" for seeds in SEEDS)], rows)


def single(repeats: int) -> str:
    """The table of the other intervals."""
    heads = [headline(seeds, 2 * repeats) for seeds in SEEDS]
    rows: list[tuple[str, list[float]]] = [
        ("augmented against baseline (real runs, resampled)", [h["interval"] for h in heads]),
        ("the same, equivalence at the margin", [h["equivalent"] for h in heads]),
        (
            "two models by themselves, as for a corruption type",
            [alone(seeds, 2 * repeats) for seeds in SEEDS],
        ),
    ]
    types = f"any of {len(corrupted()[0])} corruption types (real runs, resampled)"
    rows.append((types, [by_set(seeds, repeats) for seeds in SEEDS]))
    for training in TRAINING:
        found = [all_sources(seeds, training, 2 * repeats) for seeds in SEEDS]
        text = f"training images vary runs {training:g} times as much as weights: "
        rows.append((text + "difference, all sources", [one["mean"] for one in found]))
        rows.append((text + "share of training images", [one["share"] for one in found]))
    shown = [[text, *(f"{100 * value:.1f}" for value in values)] for text, values in rows]
    return table(["wrong, %", *(f"{seeds} seeds" for seeds in SEEDS)], shown)


def outlier(repeats: int) -> str:
    """The table of one variant that varies far more than the others."""
    rows = []
    for factor in (2, 4):
        varied = equal() | {"cutmix": factor * equal()["cutmix"]}
        found = [
            comparisons(partial(crossed, seeds=seeds, spreads=varied), repeats) for seeds in SEEDS
        ]
        against = AGAINST.format(len(varied) - 1)
        for name, text in (("worst", "its own interval"), ("against", against)):
            rows.append([f"{factor} times", text, *(f"{100 * one[name]:.1f}" for one in found)])
    return table(["spread", "wrong, %", *(f"{seeds} seeds" for seeds in SEEDS)], rows)


TABLES = {"many": many, "single": single, "outlier": outlier}


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """In Markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in _lines(heads, rows))


def _lines(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[Sequence[str]]:
    yield from (heads, ["---"] * len(heads), *rows)


if __name__ == "__main__":
    from tools import evidence

    with one_line_errors():
        parser = Parser(description=__doc__.splitlines()[0], allow_abbrev=False)
        parser.add_argument("--repeats", type=int, default=1000, help="simulated studies")
        parser.add_argument("--check", action="store_true", help="print, don't write")
        arguments = parser.parse_args()
        page = ROOT / "docs" / "statistics.md"
        if not arguments.check:
            evidence.check(page, TABLES)
        made = {name: make(arguments.repeats) for name, make in TABLES.items()}
        if arguments.check:
            print("\n\n".join(made.values()))
        else:
            evidence.write(page, made)
