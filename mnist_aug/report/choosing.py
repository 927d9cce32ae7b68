"""Choosing a policy: policies compared, their parts and strength, and the hyperparameter search."""

from typing import Any

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.studies import runs_of_both
from mnist_aug.report import ablation, compare, search, search_figures, tuned
from mnist_aug.report.blocks import Section
from mnist_aug.report.drawing import Figure
from mnist_aug.report.inputs import Inputs
from mnist_aug.report.sentences import NO_CONCLUSION
from mnist_aug.report.tables import Table
from mnist_aug.results.runs import BOTH


def section(content: Comparison, inputs: Inputs) -> Section | None:
    """Which policy, how strong, with which settings; None where nothing was tried but both models.

    Facts are None for what there is no study of.
    """
    found = inputs.studies
    facts: dict[str, Any] = dict.fromkeys(
        ("choice", "compare", "ablation", "strength", "grid", "tuned", "search", "kept")
    )
    concluding = content.difference.outcome != "no verdict"
    facts["no_conclusion"] = "" if concluding else NO_CONCLUSION
    facts["seeds_of"] = {name: len(content.variants[name].seeds) for name in BOTH}
    figures: list[Figure] = []
    tables: list[Table] = []
    if {"ablation", "strength", "grid"} & {*found}:
        facts["choice"] = ablation.choice(found)
    if inputs.policies:
        table = compare.table(inputs.compared)
        tables.append(table)
        figures.append(compare.figure(table, content, inputs.policies))
        facts["compare"] = compare.facts(table, content, inputs.policies)
    if runs := found.get("ablation"):
        table = ablation.parts(runs)
        tables.append(table)
        figures.append(ablation.parts_figure(runs, table, content))
        facts["ablation"] = ablation.parts_facts(table)
    if runs := found.get("strength"):
        table = ablation.strength(runs)
        tables.append(table)
        figures.append(ablation.strength_figure(runs, table, content))
        facts["strength"] = ablation.strength_facts(table, content.validation_margin)
    if runs := found.get("grid"):
        table = ablation.grid(runs)
        tables.append(table)
        facts["grid"] = ablation.grid_facts(table, content)
        if facts["grid"]["best"]:
            figures.append(ablation.grid_figure(table, content))
    if runs := found.get("tuned"):
        variants = inputs.evaluated["tuned"]
        table = tuned.gains(runs, content, variants)
        tables.append(table)
        facts["tuned"] = tuned.facts(table, runs, inputs.searches, content, variants)
    if searches := inputs.searches:
        runs = found.get("tuned") or runs_of_both(content)
        table = tuned.kept(searches, runs)
        tables += [table, search.settings(searches)]
        facts["kept"] = tuned.kept_facts(table, searches, runs)
        facts["search"] = search.facts(searches)
        figures += _search_figures(content, inputs)
    if not tables:
        return None
    return Section("choosing", "Choosing a policy", facts, figures, tables)


def _search_figures(content: Comparison, inputs: Inputs) -> list[Figure]:
    every = [*inputs.searches.values()]
    tried = [one for one in every if len(one.trials)]
    drawn = [search_figures.history(tried, content)] if tried else []
    if any(len(one.importance) for one in every):
        drawn.append(search_figures.importance(inputs.searches, content))
    return drawn + [search_figures.slices(one, content) for one in tried if one.settings]
