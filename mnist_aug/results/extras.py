"""What lies in a results folder next to runs: samples, the benchmark and the search's findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mnist_aug.errors import UserError
from mnist_aug.results import files
from mnist_aug.results.runs import VariantResults

SAMPLES, WEIGHTS, DOUBTS, SHOWN = "samples.npz", "weights.npz", "doubts.npz", "samples.json"
BENCHMARK, HOST = "bench.csv", "bench.json"
SEARCH = "tune"  # the folder of what the hyperparameter search found
BEST_POLICY = "tuned.yaml"
TRIAL_COLUMNS = ("trial", "pruned", "seeds", "validation")


def write_samples(
    results: Path,
    evaluations: Mapping[str, Mapping[str, Any]],
    samples: Mapping[str, np.ndarray],
    weights: Mapping[str, np.ndarray],
    doubts: Mapping[str, np.ndarray],
) -> None:
    """Write the images and networks that a report shows, and what their answers are judged by.

    The same bytes each time.

    Args:
        evaluations: `evaluation.json` of each variant that they were chosen from, by name.
        samples, weights, doubts: arrays by name.

    Raises:
        UserError: the place can't be written to.
    """
    files.write_with_manifest(
        Path(results) / SHOWN,
        {"chosen_from": _chosen_from(evaluations)},
        {
            name: files.npz_bytes(arrays)
            for name, arrays in ((SAMPLES, samples), (WEIGHTS, weights), (DOUBTS, doubts))
        },
    )


def read_samples(
    results: Path, variants: Mapping[str, VariantResults]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]] | None:
    """The samples and weights of these variants, or None where there are none.

    Raises:
        UserError: a file is damaged, or was chosen from other predictions.
    """
    path = Path(results) / SHOWN
    manifest = _shown(path, variants)
    if manifest is None:
        return None
    samples, weights = (
        files.arrays(files.read(path.with_name(name), manifest)) for name in (SAMPLES, WEIGHTS)
    )
    return samples, weights


def read_doubts(
    results: Path, variants: Mapping[str, VariantResults]
) -> dict[str, np.ndarray] | None:
    """What the answers of these variants are judged by, or None where an older version evaluated.

    Raises:
        UserError: a file is damaged, or was chosen from other predictions.
    """
    path = Path(results) / SHOWN
    manifest = _shown(path, variants)
    if manifest is None or DOUBTS not in manifest["files"]:
        return None
    return files.arrays(files.read(path.with_name(DOUBTS), manifest))


def _shown(path: Path, variants: Mapping[str, VariantResults]) -> dict[str, Any] | None:
    if not path.exists():
        return None
    manifest = files.read_manifest(path)
    if manifest["chosen_from"] != _chosen_from({n: v.evaluation for n, v in variants.items()}):
        raise UserError(
            f"{path} was chosen from other predictions than those next to it: {files.remedy(path)}"
        )
    return manifest


def _chosen_from(evaluations: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {name: evaluation["files"] for name, evaluation in evaluations.items()}


def write_benchmark(results: Path, host: Mapping[str, Any], times: pd.DataFrame) -> None:
    """Write what the benchmark measured.

    Args:
        host: where, with what and on which dataset.
        times: a row for each measurement.

    Raises:
        UserError: the place can't be written to.
    """
    files.write_with_manifest(Path(results) / HOST, host, {BENCHMARK: files.csv_bytes(times)})


def read_benchmark(results: Path, sha256: str) -> tuple[pd.DataFrame, dict[str, Any]] | None:
    """The benchmark's times and where they were measured, or None where there are none.

    Args:
        sha256: of the dataset that it must have been measured on.

    Raises:
        UserError: a file is damaged, or it was measured on another dataset.
    """
    path = Path(results) / HOST
    if not path.exists():
        return None
    host = files.read_manifest(path)
    times = files.table(files.read(path.with_name(BENCHMARK), host))
    if host["dataset_sha256"] != sha256:
        raise UserError(
            f"{results} mixes datasets: {BENCHMARK} was measured on {host['dataset']}: run `make "
            "bench` again, or delete it"
        )
    return times, host


@dataclass(frozen=True)
class Search:
    """What the hyperparameter search found for one variant.

    Attributes:
        variant: its name.
        about: `<variant>.json`: `changed` settings, `trial`, `validation` accuracy, `scores`,
            `first_seed`, `trials`, `pruned`, the variant that it started from as `start`,
            `searched`, `seeds`, `epochs`, `dataset`, and where it was made.
        trials: a row for each trial: trial, pruned, seeds, validation, and its settings.
        importance: setting and importance.
    """

    variant: str
    about: dict[str, Any]
    trials: pd.DataFrame
    importance: pd.DataFrame

    @property
    def settings(self) -> list[str]:
        """What was searched: the other columns of the trials."""
        return [name for name in self.trials.columns if name not in TRIAL_COLUMNS]

    @property
    def whole(self) -> pd.DataFrame:
        """The trials that were not pruned."""
        return self.trials[~self.trials["pruned"]]

    @property
    def best(self) -> pd.Series:
        return self.trials.set_index("trial").loc[self.about["trial"]]

    @property
    def policy(self) -> dict[str, Any] | None:
        """The best policy as plain data; None where none was searched for."""
        return self.about.get("pipeline")


def search_folder(results: Path) -> Path:
    return Path(results) / SEARCH


def write_search(folder: Path, search: Search, policy_file: bytes | None) -> None:
    """Write what a search found.

    Args:
        policy_file: content of `tuned.yaml`.

    Raises:
        UserError: the place can't be written to.
    """
    trials = search.trials.copy()
    trials.insert(0, "variant", search.variant)
    held = {
        f"{search.variant}.csv": files.csv_bytes(trials),
        f"{search.variant}-importance.csv": files.csv_bytes(search.importance),
    }
    if policy_file is not None:
        held[BEST_POLICY] = policy_file
    files.write_with_manifest(folder / f"{search.variant}.json", search.about, held)


def read_search(folder: Path, variant: str) -> Search | None:
    """What a search found for a variant, or None where nothing was searched for.

    Raises:
        UserError: a file is missing or damaged.
    """
    path = Path(folder) / f"{variant}.json"
    if not path.exists():
        return None
    about = files.read_manifest(path)
    trials, importance = (
        files.table(files.read(path.with_name(f"{variant}{end}.csv"), about))
        for end in ("", "-importance")
    )
    if "pipeline" in about:
        files.read(path.with_name(BEST_POLICY), about)  # which `make tuned` trains with
    return Search(variant, about, trials.drop(columns="variant"), importance)
