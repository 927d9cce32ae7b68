"""What stands in the report, section by section."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from mnist_aug.analysis import benchmark
from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.models import CNN, DENSE, name_of
from mnist_aug.analysis.studies import runs_of_both
from mnist_aug.analysis.tta import described as used_tta
from mnist_aug.augment.strengths import strengths
from mnist_aug.data.dataset import DIGITS_SHA256, MNIST_SHA256
from mnist_aug.evaluate import examples
from mnist_aug.report import (
    ablation,
    calibration,
    cards,
    compare,
    data_efficiency,
    epochs,
    figures,
    matrices,
    pareto,
    pictures,
    provenance,
    published,
    published_elsewhere,
    recipes,
    robustness,
    search,
    search_figures,
    sentences,
    studies,
    tables,
    tta,
    tuned,
    variance,
)
from mnist_aug.report.drawing import Figure
from mnist_aug.report.inputs import Inputs
from mnist_aug.report.tables import Table
from mnist_aug.results.runs import BOTH, VariantResults

SOMEWHERE = "path/to/data"
NO_IMAGES = "The results folder holds no {}: `make evaluate` stores them in samples.npz."


@dataclass(frozen=True)
class Section:
    """A part of the report: sentences, then figures, then tables."""

    anchor: str
    title: str
    sentences: list[str] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    app: bool = False  # ends in the drawing page


def every_section(content: Comparison, inputs: Inputs) -> Iterable[Section]:
    """The sections in order."""
    yield _results(content)
    if inputs.app:
        yield Section("try", "Try it yourself", inputs.app.sentences, app=True)
    elif inputs.no_app:
        yield Section("try", "Try it yourself", [inputs.no_app])
    corruptions = robustness.corruptions(content)
    transfer = robustness.transfer(content) if corruptions else None
    yield from _robustness(content, inputs, corruptions, transfer)
    yield from _studies(content, inputs)
    yield from _searches(content, inputs)
    yield from _published(content, inputs)
    yield from _trained(content, inputs)
    curves = figures.curves(content)
    yield Section(
        "curves",
        "Learning curves",
        [sentences.last_epochs(curves.table.frame)],
        [curves],
        [curves.table],
    )
    yield _augmentation(content, inputs)
    matrix, by_class = matrices.confusion(content), figures.classes(content)
    yield Section(
        "errors", "Where the errors are", [], [matrix, by_class], [by_class.table, matrix.table]
    )
    scores = calibration.scores(content)
    yield Section(
        "calibration",
        "How far the probabilities can be trusted",
        calibration.sentences(scores),
        [calibration.diagram(content)],
        [scores],
    )
    yield _images(content, inputs)
    yield Section(
        "settings",
        "What differs between the models",
        _same_settings(content),
        [],
        [provenance.settings(content)],
    )
    yield _cost(content)
    yield Section(
        "limits", "Limits and what was not tested", cards.limits(content, inputs) + inputs.left_out
    )
    made_here = corruptions.get("corruption/")
    model_card = cards.model_card(
        content, by_class.table.frame, made_here and made_here.frame, transfer and transfer.frame
    )
    yield Section(
        "cards", "Model card and data card", [], [], [model_card, cards.data_card(content)]
    )
    yield Section(
        "manifest",
        "Manifest",
        _mixed_hosts(content),
        [],
        [
            provenance.manifest(content),
            tables.runs(content),
            *([provenance.searches(inputs.searches)] if inputs.searches else []),
        ],
    )
    yield _rebuild(content, inputs)


def _results(content: Comparison) -> Section:
    every = {seed for model in BOTH for seed in content.variants[model].seeds}
    unpaired = sorted(every - {*content.paired_seeds})
    compared = tables.comparisons(content)
    text = [sentences.methods(content)]
    if content.difference.seeds > 1:
        text += _concluded(content, sentences.significance(compared.frame))
    text.append(sentences.chance_rule(content.chance))
    if unpaired:
        text.append(
            f"Seeds {', '.join(map(str, unpaired))} are of one model only and left out of the "
            "comparison."
        )
    listed = [tables.results(content), compared, tables.pairs(content)]
    if (with_views := tta.table(content)) is not None:
        text += tta.sentences(with_views, content)
        listed.insert(1, with_views)
    return Section("results", "Results", text, [figures.seeds(content)], listed)


def _robustness(
    content: Comparison, inputs: Inputs, corruptions: dict[str, Table], transfer: Table | None
) -> Iterable[Section]:
    if transfer is None:
        yield Section(
            "corruptions",
            "Corrupted images",
            ["The results hold no scores on corrupted images: `make evaluate` makes them."],
        )
        return
    every = [*corruptions.values()]
    drawn = [robustness.corruption_figure(content, table) for table in every]
    if inputs.samples is not None:
        drawn.append(pictures.corrupted(content, inputs.samples))
    text = [
        *_concluded(content, *robustness.corruption_sentences(every[0])),
        *robustness.origin([*corruptions], content),
    ]
    yield Section("corruptions", "Corrupted images", text, drawn, every)
    if robustness.has_severities(content):
        severities = robustness.severities(content)
        yield Section(
            "severities",
            "How much change both models bear",
            _concluded(content, robustness.severity_sentence(severities)),
            [robustness.severity_figure(content, severities)],
        )
    other = "handwriting" if content.is_written else "datasets"
    yield Section(
        "transfer",
        f"Training images and other {other}",
        _concluded(content, *robustness.transfer_sentences(transfer)),
        [],
        [transfer],
    )


def _concluded(content: Comparison, *text: str) -> list[str]:
    """Sentences that say what numbers mean; where there is no verdict, that they mean nothing."""
    if content.difference.outcome == "no verdict":
        return [sentences.NO_CONCLUSION]
    return list(text)


def _studies(content: Comparison, inputs: Inputs) -> Iterable[Section]:
    found = inputs.studies
    if inputs.policies:
        table = compare.table(inputs.compared)
        yield Section(
            "compare",
            "Which policy is best",
            compare.sentences(table, content),
            [compare.figure(table, content, inputs.policies)],
            [table],
        )
    chosen = [ablation.choice(found)] if {"ablation", "strength"} & {*found} else []
    if runs := found.get("ablation"):
        table = ablation.parts(runs)
        yield Section(
            "ablation",
            "Which parts of the policy help",
            [
                *studies.seeds_sentences(runs, content),
                *_concluded(content, ablation.parts_sentence(table), *chosen),
            ],
            [ablation.parts_figure(runs, table, content)],
            [table],
        )
    if runs := found.get("strength"):
        table = ablation.strength(runs)
        yield Section(
            "strength",
            "How strong the policy should be",
            [
                *studies.seeds_sentences(runs, content),
                *_concluded(
                    content,
                    ablation.strength_sentence(table),
                    *([] if "ablation" in found else chosen),
                ),
            ],
            [ablation.strength_figure(runs, table, content)],
            [table],
        )
    if runs := found.get("data-efficiency"):
        table = data_efficiency.table(runs)
        yield Section(
            "data-efficiency",
            "What augmentation is worth in training images",
            _concluded(content, data_efficiency.sentence(table)),
            [data_efficiency.figure(runs, table, content)],
            [table],
        )
    if runs := found.get("epochs"):
        table = epochs.table(runs)
        yield Section(
            "epochs",
            "What longer training changes",
            _concluded(content, epochs.sentence(runs, table)),
            [epochs.figure(table, content)],
            [table],
        )
    resampled = inputs.evaluated.get("variance", {})
    if {*variance.RESAMPLED} <= {*resampled}:
        table = variance.table(content, resampled)
        yield Section(
            "variance",
            "Where the variance comes from",
            _concluded(content, *variance.sentences(table, content)),
            [variance.figure(table, content)],
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
        yield Section("search", "What the hyperparameter search finds", text, drawn, listed)


def _trained(content: Comparison, inputs: Inputs) -> Iterable[Section]:
    """What accuracy takes in training time."""
    if inputs.evaluated or inputs.reached:
        table = pareto.table(content, inputs)
        yield Section(
            "pareto",
            "Accuracy and training time",
            _concluded(content, *pareto.sentences(table, content, inputs)),
            [pareto.figure(table, content)],
            [table],
        )


def _published(content: Comparison, inputs: Inputs) -> Iterable[Section]:
    """What augmentation makes of dense networks, and what is published of such."""
    reached, model = inputs.reached, name_of(content.both[1].settings)
    if reached is None:
        return
    text, drawn, listed = [], [], []
    if model != DENSE:
        text.append(
            "The rows and recipes of this section are dense networks, two of them a dense "
            "network trained without and with augmentation; baseline and augmented of this report "
            f"are of model {model}."
        )
    if reached.rows:
        table, elsewhere = (
            published.table(reached, content),
            published_elsewhere.table(reached, content),
        )
        text += [
            *published.sentences(table, reached, content),
            *_concluded(content, *published_elsewhere.sentences(elsewhere, content)),
        ]
        drawn, listed = [published.figure(table, content)], [table, elsewhere]
    if len(reached.recipes):
        listed.append(recipes.table(reached))
        text += recipes.sentences(listed[-1])
    yield Section("published", "Published results of dense networks", text, drawn, listed)


def _augmentation(content: Comparison, inputs: Inputs) -> Section:
    title, samples = "What augmentation does to images", inputs.samples
    text, policy = [], content.both[1].settings["policy"]
    if policy and (strong := strengths(policy, min(content.size))):
        size = " by ".join(map(str, content.size))
        text.append(f"Policy {policy['name']} on images of {size} pixels. {' '.join(strong)}")
    if samples is None or not samples["augmented"].shape[1]:
        return Section("augmentation", title, [*text, NO_IMAGES.format("augmented images")])
    return Section("augmentation", title, text, [pictures.augmented(content, samples)])


def _images(content: Comparison, inputs: Inputs) -> Section:
    gain, samples = examples.gains(*content.both), inputs.samples
    text, drawn = [sentences.changed_images(gain)], []
    if samples is None:
        text.append(NO_IMAGES.format("images to show"))
    else:
        counts = {group: len(samples[f"{group}_index"]) for group in examples.GROUPS}
        for group, title, rule in (
            (
                "test",
                "Sample test images",
                f"The first test image of {pictures.each_class(content, counts['test'])}.",
            ),
            (
                "fixed",
                "Read right more often with augmentation",
                sentences.choice(counts["fixed"], int((gain > 0).sum()), "gain"),
            ),
            (
                "broken",
                "Read right less often with augmentation",
                sentences.choice(counts["broken"], int((gain < 0).sum()), "loss"),
            ),
        ):
            if counts[group]:
                drawn.append(pictures.read(content, samples, group, title, rule))
    return Section("images", "Single test images", text, drawn)


def _same_settings(content: Comparison) -> list[str]:
    first, second = (provenance.flatten(provenance.plain(variant)) for variant in content.both)
    policy = content.both[1].settings["policy"] or {}
    soft = {"mixup", "cutmix", "label_smoothing"} & policy.keys()
    jsd = policy.get("augmix", {}).get("jsd", 0)
    same = [
        f"{key} {value}"
        for key, value in first.items()
        if second.get(key) == value
        and value not in ("none", "[]")  # which say nothing
        and not (key == "loss" and (soft or jsd))
    ]
    same.append(f"{content.both[0].runs[0].manifest['parameters']:,} parameters")
    text = [f"Equal in both models: {'; '.join(same)}."]
    if soft:
        text.append(
            f"The loss is the cross-entropy with the label in {BOTH[0]}, and with shares of "
            f"several classes in {BOTH[1]}."
        )
    if jsd:
        text.append(
            f"The loss is the cross-entropy in {BOTH[0]}; in {BOTH[1]}, {jsd:g} times the "
            "Jensen-Shannon divergence between three views is added to it."
        )
    return text


def _cost(content: Comparison) -> Section:
    table = provenance.cost(content)
    text = sentences.training_time(table.frame)
    if content.benchmark is None:
        return Section("cost", "Cost", [text], [], [table])
    host = content.host or {}
    where = provenance.machine(host.get("device", {}))
    measured = (
        [f"The comparison of methods was measured apart from the runs, on: {where}."]
        if where
        else []
    ) + ["Its factors are medians of the ratios within a repeat, not ratios of the medians."]
    own, timed_model = name_of(content.both[1].settings), name_of(host)
    if own != timed_model:
        measured.append(f"The training epochs compared are of model {timed_model}, not of {own}.")
    timed = [figures.bench(content, content.benchmark)]
    if len(benchmark.libraries(content.benchmark)):
        timed.append(figures.libraries(content, content.benchmark))
        measured.append(
            "Libraries do the same work on the same images, each in its own arrays, with the same "
            "parameters as far as it has them; the table says what each draws for every image or "
            "once for a batch, and what it does otherwise."
        )
        if left_out := host.get("left_out"):
            measured.append(f"Not installed, and so left out: {', '.join(left_out)}.")
    else:  # measured by version 0.2 or before
        measured.append(
            "Image by image is a call of Python for each image within tf.data. The other libraries "
            "do affine alone, Keras's layers without shear."
        )
    return Section("cost", "Cost", [text, *measured], timed, [table, *(f.table for f in timed)])


def _mixed_hosts(content: Comparison) -> list[str]:
    """A sentence for each of commit, versions and device in which runs differ."""
    manifests = content.manifests
    return [
        f"The runs were not all made with the same {word}; the table lists each."
        for key, word in (
            ("git", "git commit"),
            ("versions", "package versions"),
            ("device", "machine"),
        )
        if any(m[key] != manifests[0][key] for m in manifests)
    ]


def _rebuild(content: Comparison, inputs: Inputs) -> Section:
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
    source = _source(content.dataset)
    data = source + (" TRANSPOSE=1" if content.dataset.get("transposed") else "")
    commands += search.commands(searches, data, policy, model)
    changed_policy = "" if policy == "default" else f" POLICY={policy}"
    for name, variants in inputs.evaluated.items():
        given = f" {_policies(variants)}" if name == "compare" else ""
        commands.append(
            f"make {name}{given} DATA={data} "
            f"SEEDS={max(len(variant.seeds) for variant in variants.values())} "
            f"EPOCHS={settings['epochs']}{changed_policy}{model}"
        )
    if inputs.reached is not None:
        commands.append(f"make published DATA={data}{inputs.reached.command}")
    # The last, as each of the others leaves a report of as many seeds as it has.
    used = used_tta(content.both[1])
    commands.append(
        f"make report DATA={data} SEEDS={len(content.paired_seeds)}"
        f" EPOCHS={settings['epochs']} POLICY={policy}{model}"
        + (f" TTA={used['views']}" if used else "")
    )
    dirty = any(m["git"].get("dirty") for m in manifests)
    known = (
        ""
        if source != SOMEWHERE
        else (f" DATA is where you have {content.label}; its SHA-256 is in the manifest.")
    )
    if model_source := manifests[0].get("model_source"):
        known += (
            f" MODEL is where you have {model_source['file']}; its SHA-256 is in the model card."
        )
    changed = " The code had changes that were not committed." if dirty else ""
    other = (
        " Trials run beside each other, so another search may find other settings."
        if searches
        else ""
    )
    return Section(
        "rebuild",
        "How to rebuild",
        [f"In the repository:{known}{changed}{other}"],
        commands=commands,
    )


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


def _source(dataset: dict[str, Any]) -> str:
    """What to give as DATA= for the dataset; a made-up path where only the user can know."""
    named = {MNIST_SHA256: "mnist", DIGITS_SHA256: "digits"}
    name = str(dataset["name"])
    if dataset["origin"] == "keras.datasets" and re.fullmatch("[a-z0-9_]+", name):
        return name  # which is downloaded again
    return named.get(dataset["sha256"], SOMEWHERE)
