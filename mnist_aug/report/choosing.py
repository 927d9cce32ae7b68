"""Choosing a policy: policies compared, their parts and strength, and the hyperparameter search."""

from collections.abc import Iterable

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.studies import runs_of_both
from mnist_aug.report import ablation, compare, search, search_figures, studies, tuned
from mnist_aug.report.blocks import Section, joined, part
from mnist_aug.report.inputs import Inputs
from mnist_aug.report.sentences import concluded


def section(content: Comparison, inputs: Inputs) -> Section:
    """Which policy, how strong, with which settings."""
    return joined(
        "choosing", "Choosing a policy", (*_studies(content, inputs), *_searches(content, inputs))
    )


def _studies(content: Comparison, inputs: Inputs) -> Iterable[Section]:
    found = inputs.studies
    if inputs.policies:
        table = compare.table(inputs.compared)
        yield part(
            "compare",
            "Which policy is best",
            compare.sentences(table, content),
            [compare.figure(table, content, inputs.policies)],
            [table],
        )
    chosen = [ablation.choice(found)] if {"ablation", "strength"} & {*found} else []
    if runs := found.get("ablation"):
        table = ablation.parts(runs)
        yield part(
            "ablation",
            "Which parts of the policy help",
            [
                *studies.seeds_sentences(runs, content),
                *concluded(content, ablation.parts_sentence(table), *chosen),
            ],
            [ablation.parts_figure(runs, table, content)],
            [table],
        )
    if runs := found.get("strength"):
        table = ablation.strength(runs)
        yield part(
            "strength",
            "How strong the policy should be",
            [
                *studies.seeds_sentences(runs, content),
                *concluded(
                    content,
                    ablation.strength_sentence(table),
                    *([] if "ablation" in found else chosen),
                ),
            ],
            [ablation.strength_figure(runs, table, content)],
            [table],
        )


def _searches(content: Comparison, inputs: Inputs) -> Iterable[Section]:
    """What the hyperparameter search finds."""
    searches, runs = inputs.searches, inputs.studies.get("tuned")
    if searches or runs:
        text, listed = [], []
        if runs:
            variants = inputs.evaluated["tuned"]
            gains = tuned.gains(runs, content, variants)
            text += studies.seeds_sentences(runs, content)
            text.append(tuned.answer_sentence(gains, searches, content))
            if best := tuned.best_sentence(runs, content, variants):
                text.append(best)
            listed.append(gains)
        if searches:
            tried = runs or runs_of_both(content)
            kept = tuned.kept(searches, tried)
            text += tuned.kept_sentences(kept, searches, tried)
            text += search.about_sentences(searches)
            listed += [kept, search.settings(searches)]
        whole = [one for one in searches.values() if len(one.trials)]
        drawn = [search_figures.history(whole, content)] if whole else []
        if any(len(one.importance) for one in searches.values()):
            drawn.append(search_figures.importance(searches, content))
        drawn += [search_figures.slices(one, content) for one in whole if one.settings]
        yield part("search", "What the hyperparameter search finds", text, drawn, listed)
