"""Write what the reference took to train, from its manifests, into docs/scaling.md.

    python -m tools.reference_cost [--check]

With --check the file stays as it is, and the table is printed.
"""

import heapq
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from mnist_aug.arguments import Parser
from mnist_aug.errors import one_line_errors
from mnist_aug.results import extras, runs
from mnist_aug.results.runs import BOTH
from tools import evidence

ROOT = Path(__file__).parents[1]
CORES = (2, 32)  # of one machine with two, and of 16


def wall(seconds: Iterable[float], cores: int) -> float:
    """How long runs take in parallel, one a core, the longest first."""
    busy = [0.0] * cores
    for own in sorted(seconds, reverse=True):
        heapq.heapreplace(busy, busy[0] + own)
    return max(busy)


def parts(results: Path) -> dict[str, list[float]]:
    """The seconds of each run, by what is trained one after the other.

    Of a search, whose runs are not kept, each counts as the median of the model it started from.
    """
    both = {model: runs.read_runs(results / model) for model in BOTH}
    found = {"both models": _seconds(both.values())}
    for study in sorted(path for path in results.iterdir() if runs.trained_variants(path)):
        if study.name not in BOTH:
            found[study.name] = _seconds(runs.trained_runs(study).values())
    for model in BOTH:
        if search := extras.read_search(extras.search_folder(results), model):
            median = float(pd.Series(_seconds([both[model]])).median())
            own = found.setdefault("hyperparameter search", [])
            own += [median] * int(search.trials["seeds"].sum())
    return found


def _seconds(variants: Iterable[Iterable[runs.Run]]) -> list[float]:
    return [float(run.manifest["seconds"]) for own in variants for run in own]


def table(reference: Path) -> str:
    """Runs, hours of a core, and hours on machines, of each part, as Markdown."""
    rows: list[tuple[str, int, float, float, float]] = []
    for results in sorted(path.parent for path in reference.glob(f"*/{BOTH[0]}")):
        for name, seconds in parts(results).items():
            one, many = (wall(seconds, cores) for cores in CORES)
            rows.append((f"{results.name}: {name}", len(seconds), sum(seconds), one, many))
    _, counts, *sums = zip(*rows, strict=True)
    rows.append(("all", sum(counts), *map(sum, sums)))
    head = (
        "| trained | runs | core hours | 1 machine | 16 machines |\n| :-- | --: | --: | --: | --: |"
    )
    lines = [
        f"| {name} | {count:,} | {core / 3600:.2f} | {time(one)} | {time(many)} |"
        for name, count, core, one, many in rows
    ]
    return "\n".join((head, *lines))


def time(seconds: float) -> str:
    """Hours with one decimal from an hour on, else minutes."""
    if seconds >= 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.0f} min" if seconds >= 60 else f"{seconds / 60:.1f} min"


if __name__ == "__main__":
    with one_line_errors():
        parser = Parser(description=__doc__.splitlines()[0], allow_abbrev=False)
        parser.add_argument("--check", action="store_true", help="print, don't write")
        only_print = parser.parse_args().check
        made = table(ROOT / "results" / "reference")
        if only_print:
            print(made)
        else:
            evidence.write(ROOT / "docs" / "scaling.md", {"cost": made})
