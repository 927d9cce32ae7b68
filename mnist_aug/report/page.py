"""The report: one page that answers whether augmentation helps, made from a results folder alone.

The same results give the same bytes. Every number and every sentence with a number is computed.
"""

import base64
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import jinja2
from markupsafe import Markup, escape

from mnist_aug import examples, study
from mnist_aug.errors import UserError
from mnist_aug.report import (
    ablation,
    app,
    budgets,
    calibration,
    cards,
    figures,
    matrices,
    pictures,
    provenance,
    robustness,
    studies,
    tables,
    words,
)
from mnist_aug.report.drawing import Figure
from mnist_aug.report.tables import Table
from mnist_aug.significance import seeds_needed
from mnist_aug.statistics import Difference, compare
from mnist_aug.study import ARMS, Study


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


def write(results: Path, reports: Path, seeds: int | None = None, epochs: int | None = None,
          policy: str | None = None) -> str:
    """Write index.html, report.md, tables/ and figures/ into `reports`; return the verdict.

    Args:
        results: the results folder.
        reports: made when missing. Files of an older report with other names are removed.
        seeds: refuse results whose arms have not seeds 0 to `seeds` - 1; any if None.
        epochs, policy: refuse arms trained otherwise; anything if None.

    Raises:
        UserError: the results are missing, damaged, not of one dataset, or not those asked for.
    """
    content = study.load(results)
    _check_asked(content, seeds, epochs, policy)
    difference = compare(*(arm.correct for arm in content.arms))
    samples = examples.load(results, content)
    tried = app.load(results, content, samples)
    sections = list(_sections(content, difference, samples, studies.read(results, content)))
    if tried:
        sections.insert(1, Section("try", "Try it yourself", tried.words, app=True))
    shown = [figure for section in sections for figure in section.figures]
    every = {t.name: t for s in sections for t in (*s.tables, *(f.table for f in s.figures))}
    page = {"verdict": words.verdict(content, difference),
            "beyond": robustness.summary(every["corruptions"]) if "corruptions" in every else "",
            "caution": _caution(content, difference),
            "subtitle": words.subtitle(content), "mark": content.mark, "dataset": content.dataset,
            "sections": sections,
            "app": tried, "security": app.policy(tried),
            "listed": {table.name for section in sections for table in section.tables}}
    reports = Path(reports)
    try:
        _write_folder(reports / "tables", {f"{t.name}.csv": t.csv for t in every.values()})
        _write_folder(reports / "figures", {f"{f.name}.svg": f.svg for f in shown})
        _write_file(reports / "report.md", _environment(False).get_template(
            "report.md.j2").render(page))
        for name in ("index", "app") if tried else ("index",):
            template = _environment(True).get_template(
                {"index": "report.html.j2", "app": "alone.html.j2"}[name])
            _write_file(reports / f"{name}.html", template.render(page))
        if not tried:
            (reports / "app.html").unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"{error.filename or reports} can't be written ({error.strerror}): check "
                        "the folder and its free space") from None
    return page["verdict"]


def _caution(content: Study, difference: Difference) -> str:
    first, second = (arm.accuracy for arm in content.arms)
    return words.caution(difference, seeds_needed(second - first) if len(first) > 1 else None)


def _sections(content: Study, difference: Difference, samples: dict | None,
              made: tuple[dict[str, studies.Runs], list[str]]) -> Iterable[Section]:
    found, left_out_studies = made
    unpaired = sorted({s for arm in ARMS for s in content.variants[arm].seeds}
                      - set(content.paired_seeds))
    left_out = [f"Seeds {', '.join(map(str, unpaired))} are in one arm only and left out of the "
                "comparison."] if unpaired else []
    compared = tables.comparisons(content)
    yield Section("results", "Results", [
        words.methods(difference),
        *([words.significance(compared.frame)] if difference.seeds > 1 else []), *left_out],
        [figures.seeds(content, difference)],
        [tables.results(content), compared, tables.pairs(content)])
    yield from _robustness(content, samples)
    yield from _studies(content, found)
    curves = figures.curves(content)
    yield Section("curves", "Learning curves", [words.last_epochs(curves.table.frame)], [curves],
                  [curves.table])
    drawn = samples is not None and samples["augmented"].shape[1] > 0
    yield Section(
        "augmentation", "What augmentation does to images",
        [] if drawn else ["The results folder holds no augmented images: `make evaluate` stores "
                          "them in samples.npz."],
        [pictures.augmented(content, samples)] if drawn else [])
    errors = [matrices.confusion(content), figures.classes(content)]
    yield Section("errors", "Where the errors are", [], errors, [f.table for f in errors[::-1]])
    scores = calibration.scores(content)
    yield Section("calibration", "How far the probabilities can be trusted",
                  [words.calibration(scores.frame)], [calibration.diagram(content)], [scores])
    gain = examples.gains(content.arms)
    changed = [words.changed_images(gain)]
    groups = []
    if samples is None:
        changed.append("The results folder holds no images to show: `make evaluate` stores them "
                       "in samples.npz.")
    else:
        shown = {group: len(samples[f"{group}_index"]) for group in examples.GROUPS}
        groups = [pictures.read(content, samples, group, title, how) for group, title, how in (
            ("test", "Sample test images", "The first test image of each class."),
            ("fixed", "Read right more often with augmentation",
             words.choice(shown["fixed"], int((gain > 0).sum()), "gain")),
            ("broken", "Read right less often with augmentation",
             words.choice(shown["broken"], int((gain < 0).sum()), "loss")),
        ) if shown[group]]
    yield Section("images", "Single test images", changed, groups)
    yield Section("settings", "What differs between the arms", _same_settings(content), [],
                  [provenance.settings(content)])
    yield _cost(content)
    yield Section("limits", "Limits and what was not tested",
                  cards.limits(content, difference, found) + left_out_studies)
    yield Section("cards", "Model card and data card", [], [],
                  [cards.model_card(content), cards.data_card(content)])
    yield Section("manifest", "Manifest", _mixed_hosts(content), [],
                  [provenance.manifest(content), tables.runs(content)])
    yield _rebuild(content, found)


def _robustness(content: Study, samples: dict | None) -> Iterable[Section]:
    found = [source for source in robustness.SOURCES if robustness.families(content, source)]
    if not found:
        yield Section("corruptions", "Corrupted images", [
            "The results hold no scores on corrupted images: `make evaluate` makes them."])
        return
    shown = [robustness.corruptions(content, source) for source in found]
    pictured = [pictures.corrupted(content, samples)] if samples is not None else []
    yield Section("corruptions", "Corrupted images", robustness.corruption_words(shown[0]),
                  [*(robustness.corruption_figure(content, table) for table in shown), *pictured],
                  shown)
    doses, others = robustness.doses(content), robustness.others(content)
    yield Section("doses", "How much change the arms bear", [robustness.dose_words(doses)],
                  [robustness.dose_figure(content, doses)])
    yield Section("others", "Training images and other handwriting",
                  list(robustness.other_words(others)), [], [others])


def _studies(content: Study, found: dict[str, studies.Runs]) -> Iterable[Section]:
    chosen = [ablation.choice(found)] if {"ablation", "strength"} & {*found} else []
    if runs := found.get("ablation"):
        table = ablation.parts(runs)
        yield Section("ablation", "Which parts of the policy help",
                      [ablation.parts_words(table), *chosen],
                      [ablation.parts_figure(runs, table, content)], [table])
    if runs := found.get("strength"):
        table = ablation.strength(runs)
        yield Section("strength", "How strong the policy should be",
                      [ablation.strength_words(table), *([] if "ablation" in found else chosen)],
                      [ablation.strength_figure(runs, table, content)], [table])
    if runs := found.get("data-efficiency"):
        table = budgets.efficiency(runs)
        yield Section("data-efficiency", "What augmentation is worth in training images",
                      [budgets.efficiency_words(table)],
                      [budgets.efficiency_figure(runs, table, content)], [table])
    if runs := found.get("epochs"):
        table = budgets.epochs(runs)
        yield Section("epochs", "What longer training changes",
                      [budgets.epochs_words(runs, table)],
                      [budgets.epochs_figure(table, content)], [table])


def _same_settings(content: Study) -> list[str]:
    first, second = (provenance.flatten(arm.settings) for arm in content.arms)
    same = [f"{key} {value}" for key, value in first.items() if second.get(key) == value]
    same.append(f"{content.arms[0].runs[0].manifest['parameters']:,} parameters")
    return [f"Equal in both arms: {'; '.join(same)}."]


def _cost(content: Study) -> Section:
    table = provenance.cost(content)
    text = words.training_time(table.frame)
    if content.bench is None:
        return Section("cost", "Cost", [text], [], [table])
    host = content.bench_host or {}
    where = ", ".join(str(value) for value in host.get("device", {}).values())
    measured = [f"The comparison of methods was measured on: {where}."] if where else []
    timed = figures.bench(content)
    return Section("cost", "Cost", [text, *measured], [timed], [table, timed.table])


def _mixed_hosts(content: Study) -> list[str]:
    """A sentence for each of commit, versions and device in which runs differ."""
    manifests = [run.manifest for v in content.variants.values() for run in v.runs]
    return [f"The runs were not all made with the same {word}; the table lists each."
            for key, word in (("git", "git commit"), ("versions", "package versions"),
                              ("device", "machine"))
            if any(m[key] != manifests[0][key] for m in manifests)]


def _rebuild(content: Study, found: dict[str, studies.Runs]) -> Section:
    manifests = [run.manifest for v in content.variants.values() for run in v.runs]
    commits = list(dict.fromkeys(m["git"].get("commit") for m in manifests))
    commands = [f"git checkout {c}" for c in commits[:1] if c and len(commits) == 1]
    settings = content.arms[1].settings
    commands.append(f"make report DATA={_source(content.dataset)} SEEDS={len(content.paired_seeds)}"
                    f" EPOCHS={settings['epochs']} POLICY={content.arms[1].policy}")
    for name, runs in found.items():
        commands.append(f"make {name} DATA={_source(content.dataset)} "
                        f"SEEDS={runs.frame[runs.frame['variant'] != ARMS[0]]['seed'].nunique()} "
                        f"EPOCHS={settings['epochs']}")
    dirty = any(m["git"].get("dirty") for m in manifests)
    known = "" if _source(content.dataset) in {"digits", "mnist"} else (
        f" DATA is where you have {content.mark}; its SHA-256 is in the manifest.")
    changed = " The code had changes that were not committed." if dirty else ""
    return Section("rebuild", "How to rebuild", [f"In the repository:{known}{changed}"],
                   commands=commands)


def _source(dataset: dict) -> str:
    """What to give as DATA= for the dataset; a made-up path where only the user can know."""
    if dataset["embedded"]:
        return "digits"
    return "mnist" if dataset["origin"].startswith("keras") else "path/to/data"


def _check_asked(content: Study, seeds: int | None, epochs: int | None,
                 policy: str | None) -> None:
    for arm in ARMS:
        variant = content.variants[arm]
        trained = variant.settings["epochs"]
        remedy = "run `make report` with the settings you want, or leave the option out"
        if seeds is not None and variant.seeds != list(range(seeds)):
            raise UserError(f"{arm} was evaluated with seeds {', '.join(map(str, variant.seeds))}, "
                            f"not 0 to {seeds - 1}: {remedy}")
        if epochs is not None and trained != epochs:
            raise UserError(f"{arm} was trained for {trained} epochs, not {epochs}: {remedy}")
        if policy is not None and variant.policy not in (None, policy, Path(policy).stem,
                                                         Path(policy).name):
            raise UserError(f"{arm} was trained with policy {variant.policy}, not {policy}: "
                            f"{remedy}")


def _environment(html: bool) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"), autoescape=html,
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True)
    environment.filters["md"] = _markdown
    environment.filters["svg"] = lambda figure: Markup(figure.inline)  # made here, labels escaped
    environment.filters["prose"] = _prose
    environment.filters["base64"] = lambda text: base64.b64encode(text.encode()).decode()
    return environment


def _prose(text: str) -> Markup:
    """Escaped text, its `commands` marked up, no line ending between a number and its unit."""
    text = re.sub("`([^`]*)`", r"<code>\1</code>", str(escape(text)))
    return Markup(re.sub(r"(?<=\d) (?=%|pp|seeds?)|(?<=n) (?==)|(?<==) (?=\d)", "&nbsp;", text))


def _markdown(text: str) -> str:
    """Text that means itself in Markdown and in a cell of a table."""
    for sign in "\\|*_<>[]#":
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())


def _write_file(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8", newline="\n")
    temporary.replace(path)


def _write_folder(folder: Path, files: dict[str, str]) -> None:
    """Write the files; of those already there, remove any of the same kind with another name."""
    for name, text in files.items():
        _write_file(folder / name, text)
    for suffix in {Path(name).suffix for name in files}:
        for old in folder.glob(f"*{suffix}"):
            if old.name not in files:
                old.unlink()
