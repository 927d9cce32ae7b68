"""Everything that was trained, best first: for terminals, as Markdown, and as LaTeX for papers.

Variants are sorted by their accuracy on the validation images, as whatever is chosen is chosen by
it. Variants that held no images out, as those of published results, come last, by their accuracy on
the test images.
"""

import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mnist_aug.analysis import comparison, models
from mnist_aug.analysis.comparison import Comparison
from mnist_aug.data.dataset import check_source
from mnist_aug.experiments.published import ENSEMBLES
from mnist_aug.formatting import listed, mean_and_sd
from mnist_aug.report import inputs, pareto, provenance
from mnist_aug.report.inputs import Inputs
from mnist_aug.report.templating import markdown, visible
from mnist_aug.results import files

NAME = "leaderboard"
MARKDOWN, LATEX = f"{NAME}.md", f"{NAME}.tex"
SHORT = 32  # letters of names that are not wrapped
WORDS = ("variant", "model", "policy")  # columns that hold words; others hold numbers
# What LaTeX takes for a command, and what its fonts have elsewhere.
SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"{\char34}",
    "±": r"$\pm$",
    "—": "---",
    "→": r"$\rightarrow$",
    **{one: f"\\{one}" for one in "&%$#_{}"},
}

LIGATURE = r"-(?=-)|[?!`](?=`)|'(?=')|,(?=,)"  # the first of two letters that LaTeX makes one of


@dataclass(frozen=True)
class Leaderboard:
    """The table and what is to be known about it.

    `frame` has a row for each variant, best first: variant, its folder within the results; model;
    policy; epochs; runs; validation and test, the mean accuracy, each with `_sd`; seconds, the
    median time that training a run took; parameters. `notes` are sentences, the first on how
    accuracy and time were measured, the others on what has no place in the table.
    """

    dataset: str
    frame: pd.DataFrame
    notes: list[str]

    @property
    def groups(self) -> list[tuple[str, pd.DataFrame]]:
        """Rows as text by what they are sorted by; the first column is the rank."""
        found = []
        for by, own in (
            ("validation accuracy", self.frame[self.frame["validation"].notna()]),
            (
                "test accuracy, as no images were held out for validation",
                self.frame[self.frame["validation"].isna()],
            ),
        ):
            if len(own):
                found.append((f"sorted by {by}", _display(own)))
        return found

    @property
    def markdown(self) -> str:
        """A heading, the rows, and the notes."""
        lines = [f"# Leaderboard: {markdown(self.dataset)}"]
        for title, rows in self.groups:
            lines += ["", f"{title.capitalize()}:", ""]
            lines.append(_row(rows.columns))
            lines.append(_row([":--" if name in WORDS else "--:" for name in rows]))
            lines += [_row([markdown(cell) for cell in cells]) for cells in rows.to_numpy()]
        for note in self.notes:
            lines += ["", markdown(note)]
        return visible("\n".join(lines) + "\n")

    @property
    def latex(self) -> str:
        """A table for the packages booktabs and graphicx; its caption says what the numbers are."""
        groups = self.groups
        columns = "".join("l" if name in WORDS else "r" for name in groups[0][1])
        lines = [
            r"% Needs \usepackage{booktabs,graphicx}.",
            *(f"% {' '.join(note.split())}" for note in self.notes[1:]),
            r"\begin{table}",
            r"  \centering",
            rf"  \caption{{Accuracy on {escaped(self.dataset)}, {_by(groups)}. "
            rf"{escaped(self.notes[0])}}}",
            rf"  \label{{tab:{NAME}}}",
            r"  \resizebox{\textwidth}{!}{%",
            rf"  \begin{{tabular}}{{{columns}}}",
            r"    \toprule",
            f"    {_tex(groups[0][1].columns)}",
        ]
        for _, rows in groups:
            lines.append(r"    \midrule")
            lines += [f"    {_tex(cells)}" for cells in rows.to_numpy()]
        lines += [r"    \bottomrule", r"  \end{tabular}}", r"\end{table}"]
        return visible("\n".join(lines) + "\n")

    def show(self, file: TextIO | None = None) -> None:
        """Print it: fitted to a terminal's width, or else as plain text as wide as it is."""
        file = file or sys.stdout
        console = Console(file=file, highlight=False, emoji=False)
        if not console.is_terminal:
            console = Console(file=file, highlight=False, emoji=False, width=10_000, no_color=True)
        with console.capture() as held:  # rich would end the program where nobody reads on
            first = True
            for title, rows in self.groups:
                if not first:
                    console.print()
                console.print(Text(visible(f"{self.dataset}, {title}"), "bold"))
                made = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
                known = rows.loc[:, (rows != "—").any()]
                for name in known:
                    made.add_column(
                        Text(name),
                        justify="left" if name in WORDS else "right",
                        overflow="fold",
                        no_wrap=name not in WORDS or (name == "variant" and _is_short(known[name])),
                    )
                for cells in known.to_numpy():
                    made.add_row(*(Text(visible(" ".join(cell.split()))) for cell in cells))
                console.print(made)
                first = False
            console.print()
            for note in self.notes:
                console.print(Text(visible(note)))
        file.write(held.get())


def write(results: Path, reports: Path, data: str | None = None) -> Leaderboard:
    """Read a results folder; write leaderboard.md and leaderboard.tex into `reports`.

    Args:
        data: refuse results that can't be of it, as `dataset.check_source` does; none if None.

    Raises:
        UserError: the results are missing, damaged, not of one dataset or of another one, or the
            reports can't be written.
    """
    with files.locked(results):
        content = comparison.load(results)
        if data is not None:
            check_source(content.dataset, data)
        made = leaderboard(content, inputs.read(results, content))
    files.check_writable(reports)
    with suppress(OSError):  # raised when a file is written
        reports.mkdir(parents=True, exist_ok=True)  # what is not there can't be locked
    with files.locked(reports):
        for name, text in ((MARKDOWN, made.markdown), (LATEX, made.latex)):
            with files.written(reports / name) as temporary:
                temporary.write_text(text, encoding="utf-8", newline="\n")
    return made


def leaderboard(content: Comparison, given: Inputs) -> Leaderboard:
    """All that was trained on the same images as baseline and augmented."""
    frame = pareto.table(content, given).frame
    manifests = [_manifest(row, content, given) for row in frame.itertuples()]
    made = pd.DataFrame(
        {
            "variant": [
                row.variant if row.study == pareto.FIRST else f"{row.study}/{row.variant}"
                for row in frame.itertuples()
            ],
            "model": [models.label(one["variant"]) for one in manifests],
            "policy": [_policy(one["variant"]) for one in manifests],
            "epochs": frame["epochs"],
            "runs": frame["seeds"],
            "validation": frame["validation"],
            "validation_sd": frame["validation_sd"],
            "test": 1 - frame["error"],
            "test_sd": frame["error_sd"],
            "seconds": 60 * frame["minutes"],
            "parameters": [one["parameters"] for one in manifests],
        }
    )
    ensembles = [one for one in given.reached.rows if one in ENSEMBLES] if given.reached else []
    made = pd.concat([made, *(_ensemble(name, made, given) for name in ensembles)])
    made = made.sort_values(
        ["validation", "test", "variant"],
        ascending=[False, False, True],
        kind="stable",
        ignore_index=True,
    )
    return Leaderboard(content.label, made, _notes(content, given))


def _ensemble(name: str, frame: pd.DataFrame, given: Inputs) -> pd.DataFrame:
    """A row of an ensemble of published results; its training is that of all its members."""
    assert given.reached is not None
    of = ENSEMBLES[name].members
    member = frame[frame["variant"] == f"{pareto.PUBLISHED}/{of}"].iloc[0]
    seconds = given.reached.seconds[of]
    row = member.to_dict() | {
        "variant": f"{pareto.PUBLISHED}/{name}",
        "model": f"{len(seconds)} of {of}",
        "runs": 1,
        "test": 1 - given.reached.error(name).iloc[0],
        "test_sd": np.nan,
        "seconds": seconds.sum(),
        "parameters": len(seconds) * member["parameters"],
    }
    return pd.DataFrame([row])


def _manifest(row: Any, content: Comparison, given: Inputs) -> dict[str, Any]:
    """Of the first run of a row of `pareto.table`."""
    if row.study == pareto.PUBLISHED:
        assert given.reached is not None
        return given.reached.manifests[row.variant]
    own = content.variants if row.study == pareto.FIRST else given.evaluated[row.study]
    return own[row.variant].runs[0].manifest


def _policy(settings: dict[str, Any]) -> str:
    used = [settings.get("policy"), *(one["policy"] for one in settings.get("later_policies", []))]
    return " → ".join(one["name"] for one in used if one) or "none"


def _notes(content: Comparison, given: Inputs) -> list[str]:
    """How accuracy and time were measured, and what has no place in the table."""
    every = [content.variants, *given.evaluated.values()]
    manifests = [run.manifest for own in every for one in own.values() for run in one.runs]
    if given.reached is not None:
        manifests += given.reached.manifests.values()
    machines = "; ".join(provenance.machines(manifests)) or "an unknown machine"
    single = " where there is more than one epoch" if content.both[0].settings["epochs"] < 2 else ""
    notes = [
        "Accuracy: mean ± SD over runs, in %. Time: median training time per run, without "
        f"compiling{single}, on {machines}; up to one run per core was trained in parallel."
    ]
    others = [name for name in pareto.OTHER_IMAGES if name in given.evaluated]
    if others:
        notes.append(
            f"Left out, as trained on other images: {listed(others)}, which the report compares."
        )
    return notes + given.left_out


def _display(frame: pd.DataFrame) -> pd.DataFrame:
    rows = frame.reset_index(drop=True)
    shown = {
        "#": (rows.index + 1).astype(str),
        **{name: rows[name].astype(str) for name in WORDS},
        "epochs": rows["epochs"].astype(str),
        "runs": rows["runs"].astype(str),
        "validation": _accuracies(rows["validation"], rows["validation_sd"]),
        "test": _accuracies(rows["test"], rows["test_sd"]),
        "time": [pareto.duration(seconds) for seconds in rows["seconds"]],
        "parameters": [f"{count:,}" for count in rows["parameters"]],
    }
    return pd.DataFrame(shown)


def _accuracies(means: Sequence[float], spreads: Sequence[float]) -> list[str]:
    return [
        "—" if np.isnan(mean) else mean_and_sd(mean, sd)
        for mean, sd in zip(means, spreads, strict=True)
    ]


def _is_short(names: pd.Series) -> bool:
    """Whether names leave room for the other columns, so that those are wrapped first."""
    return bool(names.str.len().max() <= SHORT)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _tex(cells: Sequence[str]) -> str:
    return " & ".join(escaped(cell) for cell in cells) + r" \\"


def _by(groups: Sequence[tuple[str, pd.DataFrame]]) -> str:
    """What rows are sorted by, as part of a caption."""
    return "; below, ".join(title for title, _ in groups)


def escaped(text: str) -> str:
    """Text that means itself in LaTeX."""
    text = "".join(SPECIAL.get(one, one) for one in " ".join(text.split()))
    return re.sub(LIGATURE, r"\g<0>{}", text) if text != SPECIAL["—"] else text
