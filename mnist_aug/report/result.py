"""Main result: accuracy of both models, their difference, and where its variance comes from."""

from typing import Any

import numpy as np

from mnist_aug.analysis.comparison import ALPHA, Comparison
from mnist_aug.analysis.intervals import ABOVE_CHANCE
from mnist_aug.analysis.significance import LEAST_SEEDS
from mnist_aug.report import architecture, curves, tables, tta, variance
from mnist_aug.report.blocks import Section
from mnist_aug.report.inputs import Inputs
from mnist_aug.report.sentences import NO_CONCLUSION
from mnist_aug.results.runs import BOTH


def section(content: Comparison, inputs: Inputs) -> Section:
    """Both models compared."""
    epochs = curves.table(content)
    figures, listed = (
        [curves.figure(content, epochs)],
        [tables.results(content), tables.pairs(content), epochs],
    )
    facts = {
        **compared(content),
        "no_conclusion": NO_CONCLUSION,
        "epochs": curves.ends(epochs),
        "diverged": not np.isfinite(epochs.frame.select_dtypes("number")).all(axis=None),
        "overfitting": curves.overfitting(epochs),
        "training": [training_values(content, model) for model in BOTH],
        "below": [model for model in BOTH if curves.below_validation(epochs, model)],
        "elsewhere": bool(inputs.evaluated),
        "variance": None,
        "tta": None,
    }
    resampled = inputs.evaluated.get("variance", {})
    if {*variance.RESAMPLED} <= {*resampled}:
        split = variance.table(content, resampled)
        facts["variance"] = variance.facts(split)
        figures.append(variance.figure(split, content))
        listed.append(split)
    if (with_views := tta.table(content)) is not None:
        facts["tta"] = tta.facts(with_views, content)
        listed.append(with_views)
    return Section("result", "Main result", facts, figures, listed)


def compared(content: Comparison) -> dict[str, Any]:
    """How both models were compared, and what the tests say.

    Returns:
        outcome; seeds, that both have; unpaired, those of one model only; draws, the layers that
        draw at random in training, the same in both models; equivalent, whether the 90 % interval,
        within_low to within_high, lies within the margin; margin, in pp; given_margin, whether it
        was set; agree, whether seeds agree by the permutation test where the interval shows no
        difference; tested, whether there are enough seeds for it; chance, what guesses give,
        needed, what must be exceeded (None where no model can), above, in standard errors, and
        images.
    """
    found, chance = content.difference, content.chance
    every = {seed for model in BOTH for seed in content.variants[model].seeds}
    built = content.both[1].runs[0].manifest.get("architecture")
    alike = found.outcome in ("equivalent", "no detectable difference")
    return {
        "outcome": found.outcome,
        "seeds": found.seeds,
        "unpaired": sorted(every - {*content.paired_seeds}),
        "draws": architecture.random_layers(built) if built else [],
        "equivalent": found.is_within_margin,
        "within_low": found.within_low,
        "within_high": found.within_high,
        "margin": 100 * (found.margin or 0),
        "given_margin": bool(content.given_margin),
        "agree": alike and content.permutation_p[BOTH[1]] < ALPHA,
        "tested": found.seeds >= LEAST_SEEDS,
        "least": LEAST_SEEDS,
        "chance": chance.accuracy,
        "needed": None if chance.accuracy == 1 else min(chance.limit, 1.0),
        "above": ABOVE_CHANCE,
        "images": chance.images,
    }


def training_values(content: Comparison, model: str) -> dict[str, Any]:
    """What a model's training loss and accuracy are of, where its policy makes them differ.

    Returns:
        model; augmented, whether they are of augmented images; before_augmix, whether they are of
        images before AugMix, as the loss has a divergence between views; mixed, of mixed images;
        smoothed, with smoothed labels.
    """
    policy = next(v for v in content.both if v.name == model).settings["policy"] or {}
    own = bool(policy.get("pipeline", {}).get("transforms"))
    views = bool(policy.get("augmix", {}).get("jsd"))
    return {
        "model": model,
        "augmented": own or ("augmix" in policy and not views),
        "before_augmix": views,
        "mixed": bool({"mixup", "cutmix"} & {*policy}),
        "smoothed": "label_smoothing" in policy,
    }
