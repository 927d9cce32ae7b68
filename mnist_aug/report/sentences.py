"""The sentences of a report that hold numbers, each computed from the results."""

from typing import Any

import numpy as np
import pandas as pd

from mnist_aug.analysis import pareto
from mnist_aug.analysis.comparison import ALPHA, Comparison
from mnist_aug.analysis.intervals import ABOVE_CHANCE, FEW_SEEDS, Chance, Difference
from mnist_aug.analysis.planning import POWER, Advice
from mnist_aug.formatting import about, listed, number, percent, points, span
from mnist_aug.report import architecture
from mnist_aug.report.tables import p_value
from mnist_aug.results.runs import BOTH, VariantResults

INTERVAL = "95 % confidence interval (CI)"  # the first time on a page
LEAST_SEEDS = 6  # the fewest with 2 / 2^S below 0.05
NO_CONCLUSION = (  # in the place of those of a study
    "No conclusions are drawn from these numbers, as not both models learned to tell the classes "
    "apart."
)
NUMERALS = {2: "Two", 3: "Three", 4: "Four", 5: "Five"}


def concluded(content: Comparison, *text: str) -> list[str]:
    """Sentences that say what numbers mean; where there is no verdict, that they mean nothing."""
    if content.difference.outcome == "no verdict":
        return [NO_CONCLUSION]
    return list(text)


def closed(text: str) -> str:
    """A sentence with its full stop."""
    return text if text[-1:] in ".!?" else f"{text}."


def subtitle(content: Comparison) -> str:
    """What was trained on what; a sentence for each model when they differ in it."""
    first, second = (_trained(variant) for variant in content.both)
    if first == second:
        return first
    return " ".join(f"{model}: {text}" for model, text in zip(BOTH, (first, second), strict=True))


def _trained(variant: VariantResults) -> str:
    settings, manifest = variant.settings, variant.runs[0].manifest
    epochs, dataset = settings["epochs"], manifest["dataset"]
    shape = " \N{MULTIPLICATION SIGN} ".join(map(str, dataset["image_shape"][:2]))
    colour = " in colour" if len(dataset["image_shape"]) == 3 else ""
    return (
        f"{architecture.heading(settings)}, {manifest['parameters']:,} parameters, "
        f"{settings['optimizer']}, {epochs} epoch{'s' if epochs != 1 else ''}, trained on "
        f"{dataset['train']:,} images of {shape} pixels{colour}."
    )


def verdict(content: Comparison) -> str:
    """The answer in one sentence, with the difference, its confidence interval and n."""
    policy, difference = content.variants[BOTH[1]].policy, content.difference
    cause = f"augmentation (policy {policy})" if policy else f"variant {BOTH[1]}"
    first, second = percent(difference.first), percent(difference.second)
    size = f"{points(difference.mean)} pp"
    interval = f"{INTERVAL} {span(difference.low, difference.high)} pp"
    seeds = f"n = {difference.seeds} seed{'s' if difference.seeds > 1 else ''}"
    place = f"on the {difference.examples:,} test images of {content.label}"
    outcome = difference.outcome
    if outcome == "no verdict":
        return f"No verdict: {_at_chance(content)}."
    if outcome == "too few seeds":
        return (
            f"One seed is too few for a verdict: with {cause}, test accuracy is {second} % "
            f"instead of {first} % {place}, a difference of {size} ({interval} over test "
            f"images alone, {seeds})."
        )
    found = f"test accuracy is {second} % instead of {first} % {place}, a difference of {size}"
    if outcome == "equivalent":
        return (
            f"Equivalent within ±{margin(difference)} pp: with {cause}, {found} ({interval}; 90 % "
            f"CI {span(difference.within_low, difference.within_high)} pp; {seeds})."
        )
    if outcome == "no detectable difference":
        return f"No detectable difference: with {cause}, {found} ({interval}, {seeds})."
    small = f", by less than {margin(difference)} pp" if difference.is_within_margin else ""
    if difference.seeds < LEAST_SEEDS:
        seeds += ", too few for a test over seeds"
    change = difference.error_reduction
    errors = (
        ""
        if change is None
        else (f", {abs(100 * change):.0f} % {'fewer' if change > 0 else 'more'} errors")
    )
    return f"{cause[0].upper()}{cause[1:]} {outcome}{small}: {found} ({interval}, {seeds}){errors}."


def margin(difference: Difference) -> str:
    """Within which differences count as none, in percentage points."""
    return f"{100 * (difference.margin or 0):.3g}"


def _at_chance(content: Comparison) -> str:
    """Which of both models did not learn, with their accuracies and what guessing gives."""
    difference, chance = content.difference, content.chance
    accuracies = dict(zip(BOTH, (difference.first, difference.second), strict=True))
    failed = [model for model, value in accuracies.items() if not chance.beaten_by(value)]
    if len(failed) == len(BOTH):
        who = "neither model learned"
        found = " and ".join(f"{percent(value)} %" for value in accuracies.values())
    else:
        who = f"{failed[0]} did not learn"
        found = " and ".join(f"{percent(value)} % with {m}" for m, value in accuracies.items())
    return (
        f"{who} to tell the classes apart: test accuracy is {found} on the {chance.images:,} test "
        f"images of {content.label}, where always guessing the most frequent class gives "
        f"{percent(chance.accuracy)} % (n = {difference.seeds} "
        f"seed{'s' if difference.seeds > 1 else ''})"
    )


def chance_rule(chance: Chance) -> str:
    """When there is no verdict."""
    if chance.accuracy == 1:
        needed = "no model can, as the test images are of one class"
    elif chance.limit < 1:
        needed = f"it must be above {percent(chance.limit)} %"
    else:
        needed = "it must be 100 %"
    return (
        "There is a verdict only where both models have learned to tell the classes apart: mean "
        f"test accuracy must exceed {percent(chance.accuracy)} %, which always guessing the most "
        f"frequent class gives, by more than guesses could by luck ({ABOVE_CHANCE} standard "
        f"errors) on {chance.images:,} test images; so {needed}."
    )


def caution(difference: Difference, p: float, advice: str = "") -> str:
    """What the verdict can't tell; empty when nothing is amiss.

    Args:
        p: of the permutation test over seeds.
        advice: what would tell, where there is no detectable difference.
    """
    outcome, seeds = difference.outcome, difference.seeds
    if outcome == "too few seeds":
        return (
            "Another seed may give another difference, and one pair of runs can't tell how "
            f"far off; train with SEEDS={FEW_SEEDS} or more."
        )
    if outcome == "no verdict":
        return (
            "Look at the data and at the learning curves first: labels that do not belong to "
            "their images, pixels on another scale than expected, too few epochs or an unfit "
            "learning rate all end here."
        )
    sentences = []
    if outcome == "no detectable difference":
        sentences += [
            "That is not proof of no effect: the data fit any difference from "
            f"{span(difference.low, difference.high)} pp.",
            advice,
        ]
    if outcome in ("helps", "hurts"):
        sentences.append(disagreement(outcome, seeds, p))
    if seeds < FEW_SEEDS:
        sentences.append(
            f"{NUMERALS[seeds]} seeds say little about the spread between seeds, so the ends of "
            f"the CI may move; SEEDS={FEW_SEEDS} or more steadies them."
        )
    return " ".join(filter(None, sentences))


def sample_size(advice: Advice, difference: Difference) -> str:
    """How many seeds or test images would find a difference like the one seen; nothing if none."""
    seeds, images = advice.seeds, advice.images
    what = f"To find a difference like the one seen with a chance of {100 * POWER:.0f} %"
    if seeds is not None and images is None:
        if seeds <= difference.seeds:
            return ""
        return f"{what}, more seeds will do: about {about(seeds)}, with these test images."
    if images is None:
        return ""
    few = f"the {difference.examples:,} test images are too few"
    if seeds is None:
        return (
            f"{what} takes more test images: about {about(images)}. More seeds won't do, as {few}, "
            "however many seeds there are."
        )
    return (
        f"{what} takes more of both: about {about(images)} test images and {about(seeds)} seeds. "
        f"More seeds alone do little, as {few}."
    )


def disagreement(outcome: str, seeds: int, p: float) -> str:
    """Where the CI and the permutation test seem to contradict each other, why; else nothing.

    Args:
        outcome: of the difference, by its CI.
        seeds: at least 2.
        p: of the permutation test over seeds.
    """
    clear = outcome in ("helps", "hurts")
    if clear and seeds < LEAST_SEEDS:
        return (
            f"{NUMERALS[seeds]} seeds are too few for the permutation test over seeds to confirm "
            f"this at the 5 % level, as its p is {2 / 2**seeds:g} at least: it rests on the CI "
            f"alone, which takes the spread between seeds as normal. SEEDS={LEAST_SEEDS} or more "
            "allow the test."
        )
    if clear and p >= ALPHA:
        return (
            f"The permutation test over seeds does not confirm this (p = {p_value(p)}): it rests "
            "on the CI, which takes the spread between seeds as normal. More seeds would tell."
        )
    if outcome in ("equivalent", "no detectable difference") and p < ALPHA:
        return (
            "That is no contradiction to the CI: seeds agree on a difference on these test images, "
            "but it is so small that other test images might show none."
        )
    return ""


def not_learned(content: Comparison) -> str:
    """Which runs of both models did not learn; empty when all did."""
    failed = []
    for variant in content.both:
        seeds = [str(run.seed) for run in variant.runs if not run.learned]
        if seeds:
            failed.append(
                f"{variant.name} with seed{'s' if len(seeds) > 1 else ''} {listed(seeds)}"
            )
    if not failed:
        return ""
    return (
        f"Some training failed: {' and '.join(failed)} did not learn, as the last training loss "
        f"is not below that of guessing, ln {content.classes}. What such runs score is in all "
        "means."
    )


def methods(content: Comparison) -> str:
    """How the intervals are made, and what counts as equivalent."""
    difference = content.difference
    built = content.both[1].runs[0].manifest.get("architecture")
    drawing = architecture.random_layers(built) if built else []
    order = "the same initial weights and the same order of images"
    if drawing:
        order = (
            "the same initial weights, the same order of images and the same random draws in "
            f"{listed(drawing)}"
        )
    paired = (
        f"Runs are paired: a seed gives both models {order}. Differences are in percentage points, "
        "pp. Each interval is a 95 % confidence interval (CI) where nothing else is said."
    )
    if difference.seeds < 2:
        return (
            f"{paired} The CI of the difference comes from a bootstrap over test images; "
            "with one seed there is none over seeds."
        )
    return (
        f"{paired} The CI of the difference covers other seeds and other test images: it comes "
        "from a bootstrap that resamples both crosswise (Owen 2007), with Student's t for few "
        "seeds. The CI of a variant's mean is Student's t over seeds, for these test images. SD is "
        f"over seeds.{equivalence(content)}"
    )


def equivalence(content: Comparison) -> str:
    """What counts as equivalent, with a space before; nothing where nothing can."""
    difference = content.difference
    if not difference.margin:
        return ""
    source = (
        "as was asked for (MARGIN)"
        if content.given_margin
        else f"a tenth of the {BOTH[0]}'s test error (MARGIN= sets another)"
    )
    return (
        f" Both models count as equivalent where the 90 % CI of the difference, here "
        f"{span(difference.within_low, difference.within_high)} pp, lies within "
        f"±{margin(difference)} pp, {source}: two one-sided tests at 5 % (Schuirmann 1987)."
    )


def significance(comparisons: pd.DataFrame) -> str:
    """What the tests say of both models, and how that fits the verdict.

    Args:
        comparisons: the frame of `tables.comparisons`, augmented in its first row.
    """
    row = comparisons.iloc[0]
    seeds, p = int(row["seeds"]), row["permutation_p"]
    ahead, chance = (
        row["better"] * seeds,
        span(row["better_low"], row["better_high"], lambda share: percent(share, 0)),
    )
    text = (
        f"{BOTH[1]} is ahead in {ahead:g} of {seeds} seeds (a tie counts half); the chance "
        f"that it is with another seed has the CI {chance} %. "
    )
    if seeds < LEAST_SEEDS:
        text += (
            "The paired permutation test over seeds, for these test images, can't find anything at "
            f"the 5 % level with fewer than {LEAST_SEEDS} seeds."
        )
    else:
        text += (
            f"The exact paired permutation test gives p "
            f"{p_value(p) if p < 0.0001 else '= ' + p_value(p)}. It covers other seeds alone: for "
            f"these test images, a difference as large would "
            f"{'rarely' if p < ALPHA else 'often enough'} come of the choice of seeds."
        )
    return " ".join(filter(None, (text, disagreement(row["outcome"], seeds, p))))


def training_values(model: str, policy: dict[str, Any]) -> str:
    """What a model's training loss and accuracy are of, where a policy makes them differ.

    Args:
        policy: in full, as in the model's settings.
    """
    own = bool(policy["pipeline"].get("transforms"))
    if policy.get("augmix", {}).get("jsd"):
        return (
            f"Training values of {model} are of {'augmented ' if own else ''}images before AugMix, "
            "and its losses leave out the divergence between views."
        )
    text = []
    if mixes := "mixup" in policy or "cutmix" in policy:
        text.append(
            f"Training values of {model} are measured on mixed images, whose labels are shares of "
            "several classes."
        )
    elif own or "augmix" in policy:
        text.append(f"Training values of {model} are measured on augmented images.")
    if "label_smoothing" in policy:
        text.append(f"{'These labels' if mixes else f'Training labels of {model}'} are smoothed.")
    if mixes or "label_smoothing" in policy:
        text.append(
            "So its training loss can't reach 0, and its training accuracy counts the images whose "
            "predicted class has the largest share of the label."
        )
    return " ".join(text)


def last_epochs(curves: pd.DataFrame) -> str:
    """After which epoch the models are scored, and where their validation loss was least.

    Args:
        curves: the frame of `tables.curves`, a row for each run and epoch of both models.
    """
    ends, least = [], []
    for model in BOTH:
        mean = (
            curves[curves["variant"] == model]
            .groupby("epoch")["val_loss"]
            .agg(lambda values: values.mean(skipna=False))
        )
        ends.append(int(mean.index.max()))
        least.append(
            f"at epoch {mean.idxmin()} with {model}"
            if mean.notna().any()
            else f"at no epoch with {model}, as it is not a number"
        )
    scored = (
        f"Both models are scored after epoch {ends[0]}"
        if ends[0] == ends[1]
        else f"{BOTH[0]} is scored after epoch {ends[0]} and {BOTH[1]} after epoch {ends[1]}"
    )
    return (
        f"{scored}, with no early stopping. Mean validation loss was least {' and '.join(least)}."
    )


def training_time(cost: pd.DataFrame) -> str:
    """Median training times, and their ratio when no run of one model took as long as one of the
    other.

    Args:
        cost: the frame of `provenance.cost`, a row for each variant.
    """
    first, second = (cost.set_index("variant").loc[model] for model in BOTH)
    text = (
        f"Median training time of a run: {number(first['seconds'])} s with {BOTH[0]}, "
        f"{number(second['seconds'])} s with {BOTH[1]} (wall clock; other work on the machine "
        "counts, "
    )
    if first["epochs"] < 2:
        return f"{text}and compiling, too, which is most of the first run of a single epoch)."
    text += "compiling does not)."
    if pareto.overlap(first, second):
        return text
    ratio = number(second["seconds"] / first["seconds"])
    return f"{text} That is {ratio} times as long with {BOTH[1]} as with {BOTH[0]}."


def changed_images(gain: np.ndarray) -> str:
    """How many test images more, fewer and as many seeds read right; gain float [N]."""
    better, worse = int((gain > 0).sum()), int((gain < 0).sum())
    return (
        f"Of {len(gain):,} test images, {BOTH[1]} reads {better:,} right in more seeds than "
        f"{BOTH[0]} does, {worse:,} in fewer, and {len(gain) - better - worse:,} in as many."
    )


def choice(count: int, total: int, what: str) -> str:
    """How the images of a gallery were chosen; what is "gain" or "loss"."""
    if total == 1:
        return f"The only image with a {what} in seeds that read it right."
    if count == total:
        return (
            f"All {total} images with a {what} in seeds that read them right, the largest "
            "first; ties by image number."
        )
    return (
        f"The {count} of {total:,} images with the largest {what} in seeds that read them "
        "right; ties by image number."
    )
