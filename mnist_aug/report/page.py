"""The report: one page that answers whether augmentation helps, made from a results folder.

The same results give the same bytes. Every number and every sentence with a number is computed.
"""

import base64
import hashlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from markupsafe import Markup

from mnist_aug.analysis import comparison
from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.models import DENSE, name_of
from mnist_aug.data.dataset import check_source
from mnist_aug.errors import UserError
from mnist_aug.report import app, architecture, inputs, sentences
from mnist_aug.report.drawing import Figure
from mnist_aug.report.sections import every_section
from mnist_aug.report.tables import Table
from mnist_aug.report.templating import environment, visible
from mnist_aug.results import files
from mnist_aug.results.runs import BOTH

SCRIPT = "\n".join(
    (Path(__file__).parent / "templates" / name).read_text(encoding="utf-8")
    for name in ("report.js", "slider.js")
)


def write(
    results: Path,
    reports: Path,
    seeds: int | None = None,
    epochs: int | None = None,
    policy: str | None = None,
    model: str | None = None,
    margin: float | None = None,
    data: str | None = None,
) -> str:
    """Write index.html, report.md, tables/ and figures/ into `reports`.

    Returns the verdict and, a line each, what to do.

    Args:
        results: the results folder.
        reports: made when missing. Files of an older report with other names are removed.
        seeds: refuse results without exactly the seeds 0 to `seeds` - 1; any if None.
        epochs, policy: refuse models trained with others; anything if None.
        model: refuse results of a model with another name, `dense`, `cnn` or a file's, with or
            without its folder; anything if None.
        margin: a difference in accuracy, in (0, 1], up to which both models count as equivalent; a
            tenth of the baseline's error if None.
        data: refuse results that can't be of it, as `dataset.check_source` does; none if None.

    Raises:
        UserError: the results are missing, damaged, not of one dataset, or not those wanted.
    """
    with files.locked(results):
        content = comparison.load(results, margin)
        if data is not None:
            check_source(content.dataset, data)
        _check_wanted(content, seeds, epochs, policy, model)
        given = inputs.read(results, content)
    reports = Path(reports)
    files.check_writable(reports)
    sections = every_section(content, given)
    drawn = [figure for section in sections for figure in section.figures]
    every = {t.name: t for s in sections for t in (*s.tables, *(f.table for f in s.figures))}
    name = name_of(content.both[1].settings)
    page = {
        "subtitle": sentences.subtitle(content),
        "label": content.label,
        "classifier": architecture.classifier(content.both[1].settings),
        "title": content.label if name == DENSE else f"{content.label}, {name}",
        "dataset": content.dataset,
        "warnings": [*map(sentences.closed, content.dataset.get("warnings", []))],
        "sections": sections,
        "app": given.app,
        "script": Markup(SCRIPT),  # written here, not by a user
        "security": security(SCRIPT, *([app.SCRIPT] if given.app else [])),
        "app_security": security(app.SCRIPT),
        "listed": {table.name for section in sections for table in section.tables},
    }
    with suppress(OSError):  # raised when a file is written
        reports.mkdir(parents=True, exist_ok=True)  # what is not there can't be locked
    with files.locked(reports):
        _write(reports, page, every.values(), drawn)
    said = [sections[0].facts["verdict"], *sections[0].facts["todo"]]  # of the summary
    return "\n".join(" ".join(visible(one).split()) for one in said)


def security(*scripts: str) -> str:
    """A page's Content-Security-Policy: no request anywhere, and no script but these."""
    hashes = (
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts
    )
    allowed = " ".join(f"'sha256-{one}'" for one in hashes)
    return (
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data: blob:; "
        f"style-src 'unsafe-inline'; script-src {allowed}"
    )


def _write(
    reports: Path, page: dict[str, Any], tables: Iterable[Table], figures: Iterable[Figure]
) -> None:
    html = environment(True)
    try:
        _write_folder(reports / "tables", {f"{table.name}.csv": table.csv for table in tables})
        _write_folder(reports / "figures", {f"{figure.name}.svg": figure.svg for figure in figures})
        _write_file(
            reports / "report.md", environment(False).get_template("report.md.j2").render(page)
        )
        if page["app"]:
            _write_file(reports / "app.html", html.get_template("app_page.html.j2").render(page))
        else:
            (reports / "app.html").unlink(missing_ok=True)
        # Last, as make looks for it.
        _write_file(reports / "index.html", html.get_template("report.html.j2").render(page))
    except OSError as error:
        raise files.unwritable(error.filename or reports, error) from None


def _check_wanted(
    content: Comparison,
    seeds: int | None,
    epochs: int | None,
    policy: str | None,
    model: str | None,
) -> None:
    for name in BOTH:
        variant = content.variants[name]
        trained = variant.settings["epochs"]
        remedy = "run `make report` with the settings you want, or leave the option out"
        if seeds is not None and variant.seeds != list(range(seeds)):
            raise UserError(
                f"{name} was evaluated with seeds {', '.join(map(str, variant.seeds))}, "
                f"not 0 to {seeds - 1}: {remedy}"
            )
        if epochs is not None and trained != epochs:
            raise UserError(f"{name} was trained for {trained} epochs, not {epochs}: {remedy}")
        own = name_of(variant.settings)
        if model is not None and own not in (model, Path(model).name):
            raise UserError(f"{name} is of model {own}, not {model}: {remedy}")
        if policy is not None and variant.policy not in (
            None,
            policy,
            Path(policy).stem,
            "+".join(Path(part).name for part in policy.split("+")),
        ):
            raise UserError(
                f"{name} was trained with policy {variant.policy}, not {policy}: {remedy}"
            )


def _write_file(path: Path, text: str) -> None:
    with files.written(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def _write_folder(folder: Path, files: dict[str, str]) -> None:
    """Write the files; of those already there, remove any of the same kind with another name."""
    for name, text in files.items():
        _write_file(folder / name, text)
    for suffix in {Path(name).suffix for name in files}:
        for old in folder.glob(f"*{suffix}"):
            if old.name not in files:
                old.unlink()
