"""Summary and recommendation: what stands on the first screen."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mnist_aug.analysis import planning, robustness, studies
from mnist_aug.analysis.comparison import ALPHA, Comparison
from mnist_aug.analysis.cost import cost
from mnist_aug.analysis.intervals import FEW_SEEDS
from mnist_aug.analysis.significance import LEAST_SEEDS, least_p
from mnist_aug.formatting import counted, number, points, span
from mnist_aug.report import curves, recommendation, seeds, tuned
from mnist_aug.report.blocks import Section
from mnist_aug.report.inputs import Inputs
from mnist_aug.report.tables import p_value
from mnist_aug.report.templating import clipped, environment
from mnist_aug.results.runs import BOTH, VariantResults

KEPT = "\N{NO-BREAK SPACE}"
POLICY = 40  # letters of a policy's name in the verdict
TIMES = "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True)
class Card:
    """A size that the answer rests on.

    Attributes:
        title: what it is.
        value, interval: as text; the interval is empty where there is none.
        condition: on which it holds.
        anchor: of the section with the details.
    """

    title: str
    value: str
    interval: str
    condition: str
    anchor: str


def section(content: Comparison, inputs: Inputs) -> Section:
    """The answer, its sizes, and what to do."""
    facts = {
        "verdict": verdict(content),
        "cards": [*cards(content, inputs)],
        "todo": recommendation.lines(content, inputs),
        "policy": clipped(content.variants[BOTH[1]].policy or "", POLICY),
        "named_default": content.variants[BOTH[1]].policy == "default",
        "resampled": "variance" in inputs.studies,
        "fewer": "data-efficiency" in inputs.studies,
        "given_margin": bool(content.given_margin),
        "harm": harm(content, inputs),
        **caution(content),
    }
    return Section("summary", "Summary", facts, [seeds.figure(content)])


def verdict(content: Comparison) -> str:
    """The answer in a sentence of some twenty words."""
    policy, found = content.variants[BOTH[1]].policy, content.difference
    change = found.error_reduction
    text = (
        environment(False)
        .get_template("verdict.txt.j2")
        .render(
            policy=clipped(policy, POLICY) if policy else "",
            outcome=found.outcome,
            first=found.first,
            second=found.second,
            margin=100 * (found.margin or 0),
            small=found.is_within_margin,
            errors=None if change is None else 100 * change,
            failed=failed(content),
            idle=content.is_idle,
        )
    )
    return " ".join(text.split())


def failed(content: Comparison) -> list[str]:
    """Which of both models are not better than guessing on the test images, in the mean."""
    found = content.difference
    accuracies = zip(BOTH, (found.first, found.second), strict=True)
    return [model for model, value in accuracies if not content.chance.beaten_by(value)]


def harm(content: Comparison, inputs: Inputs) -> dict[str, Any] | None:
    """What the runs tell of the reason where augmentation hurts; None where it does not.

    Returns:
        step, the policy of the comparison that leaves out steps of augmented's and is the most
        accurate of such, if it loses less than half as much: policy, left_out, the classes of these
        transforms, difference, low and high; underfits, what accuracy on the unchanged training
        images loses, if more than on the test images, else None; falling, whether augmented's mean
        validation loss was lowest after the last of several epochs.
    """
    if content.difference.outcome != "hurts":
        return None
    ends = curves.ends(curves.table(content))
    last = ends["last"][BOTH[1]]
    whole = _steps(content.both[1])
    rows = []
    for row in inputs.compared.to_dict("records"):
        own = inputs.policies.get(row["variant"])
        kept = _steps(own) if own else []
        left = [step for step in whole if step not in kept]
        if kept and left and kept == [step for step in whole if step in kept]:
            row["left_out"] = [step["__class_fullname__"].rpartition(".")[2] for step in left]
            rows.append(row)
    best = max(rows, key=lambda row: row["difference"], default=None)
    clear = best is not None and best["difference"] > content.difference.mean / 2
    return {
        "step": best if clear else None,
        "underfits": robustness.underfitting(robustness.transfer(content)),
        "falling": 1 < last == ends["least"][BOTH[1]],
    }


def _steps(variant: VariantResults) -> list[Mapping[str, Any]]:
    """The transforms of a policy that is nothing but a pipeline of them, else none."""
    policy = variant.settings["policy"] or {}
    return policy["pipeline"]["transforms"] if {*policy} == {"name", "pipeline"} else []


def caution(content: Comparison) -> dict[str, Any]:
    """What the verdict does not tell.

    Returns:
        outcome; seeds, of both models; few, whether that is too few to know the spread; least, the
        fewest for the permutation test; p, its text, and least_p, the smallest that these seeds
        allow; doubt, "untestable" or "unconfirmed" where the test does not back a verdict; the
        difference's low and high; advice, of `planning`, where there is no detectable difference;
        unlearned, the seeds of runs that did not learn, by model; classes; chance, first and
        second, what guesses give and both models reach; images; failed, of `failed`.
    """
    found, p = content.difference, content.permutation_p[BOTH[1]]
    first, second = content.both
    clear = found.outcome in ("helps", "hurts")
    doubt = "untestable" if found.seeds < LEAST_SEEDS else "unconfirmed" if p >= ALPHA else ""
    unsure = found.outcome == "no detectable difference"
    advice = planning.advice(first.correct, second.correct) if unsure else None
    if advice and advice.images is None and (advice.seeds or 0) <= found.seeds:
        advice = None
    unlearned = {v.name: [run.seed for run in v.runs if not run.learned] for v in content.both}
    return {
        "outcome": found.outcome,
        "seeds": found.seeds,
        "few": 1 < found.seeds < FEW_SEEDS,
        "enough": FEW_SEEDS,
        "least": LEAST_SEEDS,
        "p": p_value(p),
        "least_p": least_p(found.seeds),
        "doubt": doubt if clear else "",
        "low": found.low,
        "high": found.high,
        "advice": asdict(advice) if advice else None,
        "power": 100 * planning.POWER,
        "unlearned": {name: own for name, own in unlearned.items() if own},
        "classes": content.classes,
        "chance": content.chance.accuracy,
        "first": found.first,
        "second": found.second,
        "images": found.examples,
        "failed": failed(content),
    }


def cards(content: Comparison, inputs: Inputs) -> Iterable[Card]:
    """Up to five, as far as there are results; none where a model did not learn."""
    found = content.difference
    if found.outcome == "no verdict":
        return
    yield Card(
        "Test accuracy, as trained",
        f"{points(found.mean)} pp",
        _interval(found.low, found.high),
        f"{counted(found.seeds, 'seed')}, {counted(found.examples, 'test image')}; CI over "
        + ("both" if found.seeds > 1 else "images alone"),
        "result",
    )
    yield from _both_tuned(content, inputs)
    yield from _corrupted(content)
    if runs := inputs.studies.get("data-efficiency"):
        yield _worth(studies.worth(studies.data_efficiency(runs)))
    yield from _time(content)


def _interval(low: float, high: float) -> str:
    return f"95{KEPT}%{KEPT}CI {_ends(low, high)}" if np.isfinite(low) else ""


def _ends(low: float, high: float) -> str:
    """Of an interval, on one line."""
    return span(low, high).replace(" ", KEPT)


def _both_tuned(content: Comparison, inputs: Inputs) -> Iterable[Card]:
    if not (runs := inputs.studies.get("tuned")):
        return
    variants = inputs.evaluated["tuned"]
    frame = tuned.gains(runs, content, variants).frame
    rows = frame[(frame["first"] == tuned.BOTH_TUNED[0]) & (frame["second"] == tuned.BOTH_TUNED[1])]
    for row in rows[rows["verdict"] != "no verdict"].itertuples():
        counts = {row.seeds_first, row.seeds_second}
        if len(counts) == 1:
            seeds_of = counted(row.seeds_first, "seed")
        else:
            seeds_of = f"{row.seeds_first} and {row.seeds_second} seeds"
        found = variants[tuned.BOTH_TUNED[1]].settings["policy"]
        included = ", policy included" if found != content.both[1].settings["policy"] else ""
        yield Card(
            "Both models tuned",
            f"{points(row.test)} pp",
            _interval(row.test_low, row.test_high),
            f"after a search of each{included}; {seeds_of}"
            + ("; CI over seeds" if np.isfinite(row.test_low) else ""),
            "choosing",
        )


def _corrupted(content: Comparison) -> Iterable[Card]:
    groups = robustness.by_likeness(*content.both)
    if not groups:
        return
    found = groups.get("unlike") or groups["all"]
    every = sum(group["types"] for group in groups.values())
    unlike, many = "unlike" in groups, content.difference.seeds > 1
    ends = found["low"], found["high"]
    over = f"over {'seeds and images' if many else 'images alone'}"
    types = f"mean of {found['types']} of {every} types" if unlike else _mean_of(every)
    unclear = many and not found["side"]
    condition = f"{types}; CI {over}"
    if unclear:
        condition = f"CI {_ends(*ends)}, {over}; {types}"
    if many and found["types"] > 1:
        single = robustness.corruption_accuracy(content, "corruption/")
        kinds = [robustness.UNLIKE] if unlike else [robustness.LIKE, robustness.UNLIKE]
        sides = single.loc[single["policy"].isin(kinds), "side"]
        counts = f"{(sides > 0).sum()} of {found['types']} types better, {(sides < 0).sum()} worse"
        ci = f"95{KEPT}%{KEPT}CI of the mean {_ends(*ends)}" if unclear else f"CI {over}"
        condition = f"{counts}; {ci}"
    yield Card(
        "Corruptions unlike the policy" if unlike else "Corrupted test images",
        f"{points(found['difference'])} pp",
        "no detectable change on average" if unclear else _interval(*ends),
        condition,
        "robustness",
    )


def _mean_of(types: int) -> str:
    return f"mean of {types} types" if types > 1 else "1 type"


def _worth(found: studies.Worth) -> Card:
    title, every = "Training images needed", f"{found.every:,}"
    if found.images is None:
        return Card(
            title, f"> {every}", "", "less accurate than the baseline with all", "efficiency"
        )
    if found.images == found.every:
        return Card(title, every, "", "none of the smaller sizes is as good", "efficiency")
    ends = found.lead_low, found.lead_high
    known = np.isfinite(found.lead_low)
    return Card(
        title,
        f"{found.images:,}",
        f"{'better than' if found.lead_low > 0 else 'as good as'} {every} without",
        f"difference {points(found.lead)} pp"
        + (f"; CI over seeds {_ends(*ends)}" if known else " of single seeds"),
        "efficiency",
    )


def _time(content: Comparison) -> Iterable[Card]:
    """How much longer or shorter training is; nothing of single epochs, which compile as long."""
    found = cost(content)
    if found.compiling:
        return
    with_it, without = number(found.seconds_augmented, 2), number(found.seconds_baseline, 2)
    times = f"{with_it} s instead of {without} s a run"
    if found.overlap:
        value, times = f"{with_it} vs {without} s", "the runs' times overlap"
    else:
        value = f"{number(found.ratio, 2)}{TIMES} as long"
    condition = ["median"]
    if found.in_parallel is not None:
        runs = (
            f"{found.in_parallel} runs in parallel"
            if found.in_parallel > 1
            else "one run at a time"
        )
        condition.append(runs + (f" on {counted(found.cores, 'core')}" if found.cores else ""))
    if not found.same_machine:
        condition.append("on different machines")
    yield Card("Training time", value, times, ", ".join(condition), "efficiency")
