"""What stands in the report, section by section."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.intervals import Difference
from mnist_aug.data.dataset import DIGITS_SHA256, MNIST_SHA256
from mnist_aug.evaluate import examples
from mnist_aug.report import (
    ablation,
    automatic,
    budgets,
    calibration,
    cards,
    figures,
    matrices,
    pictures,
    provenance,
    published,
    published_table,
    recipes,
    robustness,
    search,
    search_figures,
    studies,
    tables,
    tuned,
    words,
)
from mnist_aug.report.drawing import Figure
from mnist_aug.report.tables import Table
from mnist_aug.results.extras import Search
from mnist_aug.results.runs import BOTH


@dataclass(frozen=True)
class Section:
    """A part of the report: sentences, then figures, then tables."""

    anchor: str
    title: str
    sentences: list[str] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    app: bool = False  # ends in the app


def every_section(
    content: Comparison,
    difference: Difference,
    samples: dict | None,
    found: dict[str, studies.Runs],
    searches: dict[str, Search],
    held: published.Published | None,
    left_out: list[str],
) -> Iterable[Section]:
    """The sections in order.

    Args:
        samples: what `extras.read_samples` gives.
        found, searches, held: the studies, searches and records that the results hold.
        left_out: sentences on those of them that are left out.
    """
    unpaired = sorted(
        {s for arm in BOTH for s in content.variants[arm].seeds} - set(content.paired_seeds)
    )
    unused = (
        [
            f"Seeds {', '.join(map(str, unpaired))} are in one arm only and left out of the "
            "comparison."
        ]
        if unpaired
        else []
    )
    compared = tables.comparisons(content)
    yield Section(
        "results",
        "Results",
        [
            words.methods(difference),
            *([words.significance(compared.frame)] if difference.seeds > 1 else []),
            *unused,
        ],
        [figures.seeds(content, difference)],
        [tables.results(content), compared, tables.pairs(content)],
    )
    yield from _robustness(content, samples, difference)
    yield from _studies(content, found)
    yield from _searches(content, found, searches)
    if held is not None:
        yield _published(content, held)
    curves = figures.curves(content)
    yield Section(
        "curves",
        "Learning curves",
        [words.last_epochs(curves.table.frame)],
        [curves],
        [curves.table],
    )
    drawn = samples is not None and samples["augmented"].shape[1] > 0
    yield Section(
        "augmentation",
        "What augmentation does to images",
        []
        if drawn
        else [
            "The results folder holds no augmented images: `make evaluate` stores "
            "them in samples.npz."
        ],
        [pictures.augmented(content, samples)] if drawn else [],
    )
    errors = [matrices.confusion(content), figures.classes(content)]
    yield Section("errors", "Where the errors are", [], errors, [f.table for f in errors[::-1]])
    scores = calibration.scores(content)
    yield Section(
        "calibration",
        "How far the probabilities can be trusted",
        [words.calibration(scores.frame)],
        [calibration.diagram(content)],
        [scores],
    )
    gain = examples.gains(*content.both)
    changed = [words.changed_images(gain)]
    groups = []
    if samples is None:
        changed.append(
            "The results folder holds no images to show: `make evaluate` stores them "
            "in samples.npz."
        )
    else:
        shown = {group: len(samples[f"{group}_index"]) for group in examples.GROUPS}
        groups = [
            pictures.read(content, samples, group, title, how)
            for group, title, how in (
                ("test", "Sample test images", "The first test image of each class."),
                (
                    "fixed",
                    "Read right more often with augmentation",
                    words.choice(shown["fixed"], int((gain > 0).sum()), "gain"),
                ),
                (
                    "broken",
                    "Read right less often with augmentation",
                    words.choice(shown["broken"], int((gain < 0).sum()), "loss"),
                ),
            )
            if shown[group]
        ]
    yield Section("images", "Single test images", changed, groups)
    yield Section(
        "settings",
        "What differs between the arms",
        _same_settings(content),
        [],
        [provenance.settings(content)],
    )
    yield _cost(content)
    yield Section(
        "limits",
        "Limits and what was not tested",
        cards.limits(content, difference, found, searches, held) + left_out,
    )
    yield Section(
        "cards",
        "Model card and data card",
        [],
        [],
        [cards.model_card(content), cards.data_card(content)],
    )
    yield Section(
        "manifest",
        "Manifest",
        _mixed_hosts(content),
        [],
        [
            provenance.manifest(content),
            tables.runs(content),
            *([provenance.searches(searches)] if searches else []),
        ],
    )
    yield _rebuild(content, found, searches, held)


def _robustness(
    content: Comparison, samples: dict | None, difference: Difference
) -> Iterable[Section]:
    found = [source for source in robustness.SOURCES if robustness.corruption_sets(content, source)]
    if not found:
        yield Section(
            "corruptions",
            "Corrupted images",
            ["The results hold no scores on corrupted images: `make evaluate` makes them."],
        )
        return
    shown = [robustness.corruptions(content, source) for source in found]
    pictured = [pictures.corrupted(content, samples)] if samples is not None else []
    yield Section(
        "corruptions",
        "Corrupted images",
        [*robustness.corruption_words(shown[0]), *robustness.origin(found)],
        [*(robustness.corruption_figure(content, table) for table in shown), *pictured],
        shown,
    )
    doses, others = robustness.doses(content), robustness.others(content, difference)
    yield Section(
        "doses",
        "How much change the arms bear",
        [robustness.dose_words(doses)],
        [robustness.dose_figure(content, doses)],
    )
    yield Section(
        "others",
        "Training images and other handwriting",
        list(robustness.other_words(others)),
        [],
        [others],
    )


def _studies(content: Comparison, found: dict[str, studies.Runs]) -> Iterable[Section]:
    chosen = [ablation.choice(found)] if {"ablation", "strength"} & {*found} else []
    if runs := found.get("ablation"):
        table = ablation.parts(runs)
        yield Section(
            "ablation",
            "Which parts of the policy help",
            [*studies.seeds_words(runs, content), ablation.parts_words(table), *chosen],
            [ablation.parts_figure(runs, table, content)],
            [table],
        )
    if runs := found.get("strength"):
        table = ablation.strength(runs)
        yield Section(
            "strength",
            "How strong the policy should be",
            [
                *studies.seeds_words(runs, content),
                ablation.strength_words(table),
                *([] if "ablation" in found else chosen),
            ],
            [ablation.strength_figure(runs, table, content)],
            [table],
        )
    if runs := found.get("data-efficiency"):
        table = budgets.efficiency(runs)
        yield Section(
            "data-efficiency",
            "What augmentation is worth in training images",
            [budgets.efficiency_words(table)],
            [budgets.efficiency_figure(runs, table, content)],
            [table],
        )
    if runs := found.get("epochs"):
        table = budgets.epochs(runs)
        yield Section(
            "epochs",
            "What longer training changes",
            [budgets.epochs_words(runs, table)],
            [budgets.epochs_figure(table, content)],
            [table],
        )


def _searches(
    content: Comparison, found: dict[str, studies.Runs], searches: dict[str, Search]
) -> Iterable[Section]:
    """What a search of the settings finds, and policies that nobody made for the data."""
    runs = found.get("tuned")
    if searches or runs:
        answers = [tuned.gains(runs)] if runs else []
        kept = [tuned.kept(searches, runs, content)] if searches else []
        drawn = [s for s in searches.values() if len(s.trials)]
        yield Section(
            "search",
            "What a search of the settings finds",
            [
                *(studies.seeds_words(runs, content) if runs else []),
                *(tuned.answer_words(table, searches, content) for table in answers),
                *tuned.kept_words(searches, runs, content),
                *search.about_words(searches),
            ],
            [
                *([search_figures.history(drawn, content)] if drawn else []),
                *(
                    [search_figures.importance(searches, content)]
                    if any(len(s.importance) for s in searches.values())
                    else []
                ),
                *(search_figures.slices(s, content) for s in drawn if s.settings),
            ],
            [*answers, *kept, *([search.settings(searches)] if searches else [])],
        )
    if runs := found.get("automatic"):
        rivals = automatic.rivals(runs, found.get("tuned"), content)
        grid = automatic.grid(runs)
        yield Section(
            "automatic",
            "Policies that papers give",
            automatic.words(rivals, grid, content),
            [],
            [rivals, *([grid] if len(grid.frame) else [])],
        )


def _published(content: Comparison, held: published.Published) -> Section:
    """What augmentation makes of dense networks, beside published published_table."""
    said, drawn, shown = [], [], []
    if held.rows:
        shown = [published_table.table(held, content), published.beyond(held, content)]
        drawn = [published_table.figure(shown[0], content)]
        said = [*published_table.words(shown[0], held, content), *published.words(shown[1])]
    if len(held.recipes):
        shown.append(recipes.table(held))
        said += recipes.words(shown[-1])
    return Section("records", "Records of dense networks", said, drawn, shown)


def _same_settings(content: Comparison) -> list[str]:
    first, second = (provenance.flatten(arm.settings) for arm in content.both)
    same = [
        f"{key} {value}"
        for key, value in first.items()
        if second.get(key) == value and value not in ("none", "[]")
    ]  # which say nothing
    same.append(f"{content.both[0].runs[0].manifest['parameters']:,} parameters")
    return [f"Equal in both arms: {'; '.join(same)}."]


def _cost(content: Comparison) -> Section:
    table = provenance.cost(content)
    text = words.training_time(table.frame)
    if content.benchmark is None:
        return Section("cost", "Cost", [text], [], [table])
    host = content.host or {}
    where = provenance.machine(host.get("device", {}))
    measured = (
        [f"The comparison of methods was measured apart from the runs, on: {where}."]
        if where
        else []
    ) + [
        "Its factors are medians of the ratios within a repeat, not ratios of the medians. "
        "Image by image is a call of Python for each image within tf.data. The other libraries do "
        "affine alone, Keras's layers without shear."
    ]
    timed = figures.bench(content)
    return Section("cost", "Cost", [text, *measured], [timed], [table, timed.table])


def _mixed_hosts(content: Comparison) -> list[str]:
    """A sentence for each of commit, versions and device in which runs differ."""
    manifests = [run.manifest for v in content.variants.values() for run in v.runs]
    return [
        f"The runs were not all made with the same {word}; the table lists each."
        for key, word in (
            ("git", "git commit"),
            ("versions", "package versions"),
            ("device", "machine"),
        )
        if any(m[key] != manifests[0][key] for m in manifests)
    ]


def _rebuild(
    content: Comparison,
    found: dict[str, studies.Runs],
    searches: dict[str, Search],
    held: published.Published | None,
) -> Section:
    manifests = [run.manifest for v in content.variants.values() for run in v.runs]
    commits = list(dict.fromkeys(m["git"].get("commit") for m in manifests))
    commands = [
        f"git checkout {c}"
        for c in commits[:1]
        if len(commits) == 1 and re.fullmatch("[0-9a-f]{7,64}", str(c))
    ]
    settings = content.both[1].settings
    policy = content.both[1].policy
    if not re.fullmatch("[A-Za-z0-9_.-]+", str(policy)):
        policy = "path/to/policy"  # the name would not be one word to a shell
    commands += search.commands(searches, _source(content.dataset), policy)
    for name, runs in found.items():
        commands.append(
            f"make {name} DATA={_source(content.dataset)} "
            f"SEEDS={runs.frame[runs.frame['variant'] != BOTH[0]]['seed'].nunique()} "
            f"EPOCHS={settings['epochs']}"
        )
    if held is not None:
        commands.append(f"make published DATA={_source(content.dataset)}{held.command}")
    # The last, as each of the others leaves a report of as many seeds as it has.
    commands.append(
        f"make report DATA={_source(content.dataset)} SEEDS={len(content.paired_seeds)}"
        f" EPOCHS={settings['epochs']} POLICY={policy}"
    )
    dirty = any(m["git"].get("dirty") for m in manifests)
    known = (
        ""
        if _source(content.dataset) in {"digits", "mnist"}
        else (f" DATA is where you have {content.label}; its SHA-256 is in the manifest.")
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


def _source(dataset: dict) -> str:
    """What to give as DATA= for the dataset; a made-up path where only the user can know."""
    named = {MNIST_SHA256: "mnist", DIGITS_SHA256: "digits"}
    return named.get(dataset["sha256"], "path/to/data")
