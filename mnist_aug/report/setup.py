"""Experimental setup: settings, cards, manifest, and how to rebuild all of it."""

import re
from collections.abc import Mapping
from typing import Any

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.models import CNN, DENSE, name_of
from mnist_aug.analysis.tta import described as used_tta
from mnist_aug.data import dataset
from mnist_aug.report import cards, provenance, search, tables
from mnist_aug.report.blocks import Section
from mnist_aug.report.inputs import Inputs
from mnist_aug.report.tables import Table
from mnist_aug.results.runs import BOTH, VariantResults

SOMEWHERE = "path/to/data"


def section(content: Comparison, inputs: Inputs, shown: Mapping[str, Table]) -> Section:
    """What was run, and how to run it again.

    Args:
        shown: tables of the sections before, by name.
    """
    corrupted, moved = shown.get("corruptions"), shown.get("transfer")
    model_card = cards.model_card(
        content,
        shown["classes"].frame,
        None if corrupted is None else corrupted.frame,
        None if moved is None else moved.frame,
    )
    listed = [
        provenance.settings(content),
        model_card,
        cards.data_card(content),
        provenance.manifest(content),
        tables.runs(content),
        *([provenance.searches(inputs.searches)] if inputs.searches else []),
    ]
    facts = _equal(content) | {
        "both_models": BOTH,
        "differ_in": _mixed_hosts(content),
        "machine": provenance.machine(content.manifests[0]["device"]),
        **rebuild(content, inputs),
    }
    return Section("setup", "Experimental setup", facts, [], listed)


def _equal(content: Comparison) -> dict[str, Any]:
    """The settings that both models share, and why their losses may differ."""
    first, second = (provenance.flatten(provenance.plain(variant)) for variant in content.both)
    policy = content.both[1].settings["policy"] or {}
    soft = bool({"mixup", "cutmix", "label_smoothing"} & policy.keys())
    jsd = policy.get("augmix", {}).get("jsd", 0)
    return {
        "equal": [
            {"setting": key.replace("_", " "), "value": value}
            for key, value in first.items()
            if second.get(key) == value
            and value not in ("none", "[]")  # which say nothing
            and not (key == "loss" and (soft or jsd))
        ],
        "parameters": content.both[0].runs[0].manifest["parameters"],
        "soft": soft,
        "jsd": jsd,
    }


def _mixed_hosts(content: Comparison) -> list[str]:
    """In what of commit, versions and device the runs differ."""
    manifests = content.manifests
    return [
        word
        for key, word in (
            ("git", "git commit"),
            ("versions", "package versions"),
            ("device", "machine"),
        )
        if any(m[key] != manifests[0][key] for m in manifests)
    ]


def rebuild(content: Comparison, inputs: Inputs) -> dict[str, Any]:
    """The commands that make all of it again, and what they can't tell."""
    manifests, searches = content.manifests, inputs.searches
    commits = list(dict.fromkeys(m["git"].get("commit") for m in manifests))
    commands = [
        f"git checkout {c}"
        for c in commits[:1]
        if len(commits) == 1 and re.fullmatch("[0-9a-f]{7,64}", str(c))
    ]
    settings = content.both[1].settings
    policy = _policy(str(content.both[1].policy))
    model = _model(settings)
    source = dataset.option(content.dataset) or SOMEWHERE
    data = source + (" TRANSPOSE=1" if content.dataset.get("transposed") else "")
    commands += search.commands(searches, data, policy, model)
    changed_policy = "" if policy == "default" else f" POLICY={policy}"
    seeds, chosen = {len(content.paired_seeds)}, set[int]()
    for variant in (*content.both, *(v for own in inputs.evaluated.values() for v in own.values())):
        if variant.seeds != [*range(len(variant.seeds))]:
            chosen.update(variant.seeds)
    for name, variants in inputs.evaluated.items():
        given = f" {_policies(variants)}" if name == "compare" else ""
        own = max(len(variant.seeds) for variant in variants.values())
        seeds.add(own)
        commands.append(
            f"make {name}{given} DATA={data} SEEDS={own} "
            f"EPOCHS={settings['epochs']}{changed_policy}{model}"
        )
    if inputs.reached is not None:
        commands.append(f"make published DATA={data}{inputs.reached.command}")
    if content.benchmark is not None:
        commands.append(f"make bench DATA={data}{_model(content.host or {})}")
    # The last, as each of the others leaves a report of as many seeds as it has.
    used = used_tta(content.both[1])
    commands.append(
        f"make report DATA={data} SEEDS={len(content.paired_seeds)}"
        f" EPOCHS={settings['epochs']} POLICY={policy}{model}"
        + (f" TTA={used['views']}" if used else "")
    )
    return {
        "commands": commands,
        "same_machine": name_of(settings) != DENSE,
        "label": content.label,
        "data_unknown": source == SOMEWHERE,
        "model_file": (manifests[0].get("model_source") or {}).get("file", ""),
        "dirty": any(m["git"].get("dirty") for m in manifests),
        "other_seeds": len(seeds) > 1,
        "last_seeds": len(content.paired_seeds),
        "chosen_seeds": sorted(chosen),
    }


def _policy(name: str) -> str:
    """How to give a policy of that name as POLICY=; where its files are, only the user knows."""
    if not re.fullmatch("[A-Za-z0-9_.:+-]+", name):
        return "path/to/policy"  # the name would not be one word to a shell
    return "+".join(
        f"path/to/{part}" if part.endswith((".yaml", ".yml", ".json")) else part
        for part in name.split("+")
    )


def _policies(variants: dict[str, VariantResults]) -> str:
    """What to give as POLICIES= to compare these."""
    return f'POLICIES="{" ".join(_policy(str(one.policy)) for one in variants.values())}"'


def _model(settings: dict[str, Any]) -> str:
    """How to give the model as MODEL=, after a space; nothing for the default, a dense network."""
    name = name_of(settings)
    if name in (DENSE, CNN):
        return "" if name == DENSE else f" MODEL={name}"
    return f" MODEL=path/to/{name if re.fullmatch('[A-Za-z0-9_.:-]+', name) else 'model'}"
