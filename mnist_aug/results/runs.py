"""Runs on disk: how a results folder is laid out, and what is in it.

    results/<variant>/seed-<nn>/        a run: the variant trained with one seed
        mnist_num_reader.keras          the model
        history.csv                     a row for each epoch
        manifest.json                   what was trained, with what and when; answers for both
        predictions.npz, correct.npz    what the model predicts
    results/<variant>/metrics.csv       a row for each run and evaluation set
    results/<variant>/evaluation.json   answers for metrics.csv, predictions.npz and correct.npz
    results/<study>/<variant>/          the same, for the variants of a study
    results/tune/                       what the hyperparameter search found
    results/samples.npz, weights.npz    what the report shows; samples.json answers for them
    results/doubts.npz                  what answers are judged by; samples.json answers for it, too
    results/bench.csv                   times; bench.json answers for it

`extras` reads and writes what lies next to runs, and `files` guards all of it; nothing outside this
folder knows these names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mnist_aug.errors import UserError
from mnist_aug.results import files

MODEL = "mnist_num_reader.keras"
HISTORY = "history.csv"
MANIFEST = "manifest.json"
PREDICTIONS = "predictions.npz"
CORRECT = "correct.npz"
METRICS = "metrics.csv"
EVALUATION = "evaluation.json"
BOTH = ("baseline", "augmented")  # the variants that every results folder compares
ELSEWHERE = (
    "give another RESULTS= (--results; in Python, results=), or remove this results folder first"
)
LEAST_PROBABILITY = 1e-7  # of those that earlier versions rounded, in a logarithm
# What must agree between a run on disk and what is wanted, next to the dataset's content.
SETTINGS = ("variant", "seed", "fingerprint")


def run_folder(results: Path, variant: str, seed: int) -> Path:
    return Path(results) / variant / f"seed-{seed:02d}"


def seeds(results: Path, variant: str) -> list[int]:
    """Seeds of the runs of a variant on disk, in order."""
    found = (
        re.fullmatch(r"seed-(\d{2,})", path.name)
        for path in (Path(results) / variant).glob("seed-*")
        if path.is_dir()
    )
    return sorted(int(match[1]) for match in found if match)


def trained_variants(results: Path) -> list[str]:
    """Names of the variants that have runs in a folder, in order of their first runs' names."""
    found = (path for path in Path(results).glob("*/seed-*") if path.is_dir())
    return sorted({path.parent.name for path in found})


def evaluated_variants(results: Path) -> list[str]:
    """Names of the variants in a folder that have been evaluated, in order."""
    found = (path for name in (METRICS, EVALUATION) for path in Path(results).glob(f"*/{name}"))
    return sorted({path.parent.name for path in found})


def disagreement(run: Path, wanted: Mapping[str, Any]) -> str | None:
    """Why the run on disk is not the one that is wanted, in words, or None if it is.

    Args:
        wanted: the part of a manifest that says what a run is of.

    Raises:
        UserError: the run was trained on another dataset or with another model, so it is not ours
            to overwrite.
    """
    if not run.exists():
        return "new"
    try:
        manifest = files.read_manifest(run / MANIFEST)
    except UserError:
        return f"{MANIFEST} is missing or damaged"
    other = manifest["dataset"]
    if other["sha256"] != wanted["dataset"]["sha256"]:
        raise UserError(
            f"{run} was trained on dataset {dataset_label(other)}, not on "
            f"{dataset_label(wanted['dataset'])}: {ELSEWHERE}"
        )
    manifest["variant"]["model"] = model_of(manifest["variant"])
    mine, theirs = (one["variant"]["model"]["name"] for one in (manifest, wanted))
    if mine != theirs:
        raise UserError(f"{run} was trained with model {mine}, not {theirs}: {ELSEWHERE}")
    for name in (MODEL, HISTORY):
        if not files.is_whole(run / name, manifest):
            return f"{name} is {'damaged' if (run / name).exists() else 'missing'}"
    for part in SETTINGS:
        if manifest[part] != wanted[part]:
            return _difference(part, manifest[part], wanted[part])
    if other["train"] != wanted["dataset"]["train"]:  # whose code is in no fingerprint
        return f"training images were {other['train']}, now {wanted['dataset']['train']}"
    return None


def model_of(settings: Mapping[str, Any]) -> dict[str, str]:
    """The model of a variant's settings: `name` and, of a user's file, the architecture's `digest`.

    Settings that name none are of a version that had dense networks alone.
    """
    return dict(settings.get("model") or {"name": "dense"})


def dataset_label(dataset: Mapping[str, Any]) -> str:
    """A dataset of a manifest in words: its name, and the start of its SHA-256."""
    return f"{dataset.get('name')!r} ({str(dataset.get('sha256'))[:8]}…)"


def _difference(part: str, old: Any, new: Any) -> str:
    if part == "fingerprint":
        return "the training code has changed"
    if isinstance(old, dict):
        key = next(
            key
            for key in {**new, **old}
            if key not in old or key not in new or old[key] != new[key]
        )
        old, new, part = old.get(key), new.get(key), key
    if part in ("policy", "model"):
        old, new = (value and value["name"] for value in (old, new))
        if old == new:
            return f"{part} {new} has changed"
    return f"{part} was {old}, now {new}"


def losses_in_nats(history: pd.DataFrame) -> pd.DataFrame:
    """A history whose losses are cross-entropies, where regularizers added penalties to them."""
    for part in ("", "val_"):
        if f"{part}cross_entropy" in history:
            history[f"{part}loss"] = history.pop(f"{part}cross_entropy")
    return history


def learned(loss: float, classes: int) -> bool:
    """Whether a mean loss in nats is below that of guessing all classes alike; not if it is NaN."""
    return classes < 2 or bool(loss < np.log(classes))


@dataclass(frozen=True)
class Run:
    """One variant trained with one seed, as its manifest describes it."""

    folder: Path
    manifest: dict[str, Any]

    @property
    def seed(self) -> int:
        return int(self.manifest["seed"])

    @cached_property
    def history(self) -> pd.DataFrame:
        """epoch, loss, accuracy and, where images were held out, val_loss and val_accuracy.

        Losses are cross-entropies in nats, without penalties on weights or activations.

        Raises:
            UserError: the file is missing or damaged.
        """
        return losses_in_nats(files.table(files.read(self.folder / HISTORY, self.manifest)))

    @property
    def validation_accuracy(self) -> float:
        """After the last epoch, in [0, 1]; NaN where no images were held out."""
        last = self.history.iloc[-1]
        return float(last.get("val_accuracy", np.nan))

    @property
    def learned(self) -> bool:
        """Whether the last loss, in training or on validation images, is below that of guessing."""
        losses = self.history.iloc[-1].filter(["loss", "val_loss"])
        return learned(losses.min(skipna=False), self.manifest["dataset"]["classes"])

    @property
    def model(self) -> Path:
        return self.folder / MODEL


def read_run(folder: Path) -> Run:
    """The run in a folder.

    Raises:
        UserError: its manifest is missing, damaged, or of another run.
    """
    folder = Path(folder)
    path = folder / MANIFEST
    manifest = files.read_manifest(path)
    variant, seed = manifest["variant"]["name"], manifest["seed"]
    if (variant, f"seed-{seed:02d}") != (folder.parent.name, folder.name):
        raise UserError(f"{path} is of {variant}, seed {seed}: {files.remedy(path)}")
    return Run(folder, manifest)


def read_runs(folder: Path) -> list[Run]:
    """All runs of the variant in a folder, in order of seed.

    Raises:
        UserError: a manifest is missing or damaged.
    """
    folder = Path(folder)
    return [
        read_run(run_folder(folder.parent, folder.name, s))
        for s in seeds(folder.parent, folder.name)
    ]


def trained_runs(results: Path) -> dict[str, list[Run]]:
    """All runs in a folder, by variant, without ensembles, of which no folder has a manifest.

    Raises:
        UserError: a manifest is missing of a variant that has others, or is damaged.
    """
    trained = [
        name
        for name in trained_variants(results)
        if any((Path(results) / name).glob(f"seed-*/{MANIFEST}"))
    ]
    return {name: read_runs(Path(results) / name) for name in trained}


@dataclass(frozen=True, eq=False)
class VariantResults:
    """The evaluated runs of one variant.

    Attributes:
        folder: the variant's.
        evaluation: its `evaluation.json`, with `variant`, `dataset` and `runs`.
        metrics: a row for each run and evaluation set: variant, seed, eval_set, accuracy, loss,
            brier, ece, images.
        runs: in order of seed; none of an ensemble, which has none of its own.
    """

    folder: Path
    evaluation: dict[str, Any]
    metrics: pd.DataFrame
    runs: tuple[Run, ...]

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def settings(self) -> dict[str, Any]:
        return self.evaluation["variant"]

    @property
    def dataset(self) -> dict[str, Any]:
        return self.evaluation["dataset"]

    @property
    def policy(self) -> str | None:
        return (self.settings.get("policy") or {}).get("name")

    @cached_property
    def on_test(self) -> pd.DataFrame:
        """The metrics on the test images, by seed."""
        return self.metrics[self.metrics["eval_set"] == "test"].set_index("seed").sort_index()

    @property
    def seeds(self) -> list[int]:
        return [int(seed) for seed in self.on_test.index]

    @cached_property
    def scores(self) -> pd.DataFrame:
        """Accuracy by seed (rows) and evaluation set (columns)."""
        return self.metrics.pivot_table("accuracy", "seed", "eval_set")

    @cached_property
    def images(self) -> dict[str, int]:
        """How many images each evaluation set has."""
        return {
            str(k): int(v) for k, v in self.metrics.groupby("eval_set")["images"].first().items()
        }

    @property
    def accuracy(self) -> np.ndarray:
        """float [S], on the test images, in [0, 1]."""
        return self.on_test["accuracy"].to_numpy()

    @property
    def validation_accuracy(self) -> np.ndarray:
        """float [S], on the validation images, in [0, 1]; NaN where none were held out.

        Of the evaluation, or, where these images were not in it, after the last epoch: the two may
        differ by an image, as sums are taken in another order.
        """
        if "validation" in self.scores:
            return self.scores["validation"].to_numpy()
        return np.array([run.validation_accuracy for run in self.runs])

    @property
    def seconds(self) -> np.ndarray:
        """float [S], that training took."""
        return np.array([run.manifest["seconds"] for run in self.runs], float)

    @cached_property
    def _predicted(self) -> list[dict[str, np.ndarray]]:
        return [self._arrays(seed, PREDICTIONS) for seed in self.seeds]

    @property
    def labels(self) -> np.ndarray:
        """int [N], of the test images."""
        return self._predicted[0]["labels"].astype(int)

    @property
    def log_probabilities(self) -> np.ndarray:
        """float32 [S, N, K], natural logarithms, of the test images.

        Only of variants whose probabilities were kept, as those of baseline and augmented are.
        """
        return np.stack(
            [
                arrays["log_probabilities"].astype(np.float32)
                if "log_probabilities" in arrays
                else np.log(arrays["probabilities"].clip(LEAST_PROBABILITY))
                for arrays in self._predicted
            ]
        )

    @property
    def probabilities(self) -> np.ndarray:
        """float32 [S, N, K], of the test images, as far as `log_probabilities`."""
        return np.stack(
            [
                np.exp(arrays["log_probabilities"].astype(np.float64)).astype(np.float32)
                if "log_probabilities" in arrays
                else arrays["probabilities"]
                for arrays in self._predicted
            ]
        )

    @property
    def temperatures(self) -> np.ndarray:
        """float [S], what calibrates each run, fitted on validation images; NaN if it wasn't."""
        return np.array([float(one.get("temperature", np.nan)) for one in self._predicted])

    @cached_property
    def predictions(self) -> np.ndarray:
        """int [S, N], the class with the largest probability."""
        return np.stack([_predictions(arrays) for arrays in self._predicted])

    @cached_property
    def correct(self) -> np.ndarray:
        """bool [S, N], whether the run with seed s classifies test image i correctly."""
        return self.predictions == self.labels

    @cached_property
    def _correct_bits(self) -> list[dict[str, np.ndarray]]:
        return [self._arrays(seed, CORRECT) for seed in self.seeds]

    def correct_on(self, eval_set: str) -> np.ndarray:
        """bool [S, M], as `correct`, on another set whose images are compared one by one."""
        bits = np.stack([one[eval_set] for one in self._correct_bits])
        return np.unpackbits(bits, axis=1, count=self.images[eval_set]).astype(bool)

    def only(self, seeds: list[int]) -> VariantResults:
        """The same of these seeds alone."""
        if {*self.seeds} <= {*seeds}:
            return self  # with all that it has read
        return replace(
            self,
            metrics=self.metrics[self.metrics["seed"].isin(seeds)],
            runs=tuple(run for run in self.runs if run.seed in seeds),
        )

    def _arrays(self, seed: int, name: str) -> dict[str, np.ndarray]:
        path = self.folder / f"seed-{seed:02d}" / name
        return files.arrays(files.read(path, self.evaluation, self.folder))


def _predictions(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    for name in ("log_probabilities", "probabilities"):
        if name in arrays:
            return arrays[name].argmax(axis=1)
    return arrays["predicted"].astype(int)


def read_variant(folder: Path) -> VariantResults:
    """The evaluated runs of the variant in a folder.

    Raises:
        UserError: a file is missing, damaged or of another variant, or a run was trained again
            since.
    """
    folder = Path(folder)
    evaluation = files.read_manifest(folder / EVALUATION)
    if evaluation["variant"]["name"] != folder.name:
        raise UserError(
            f"{folder / EVALUATION} is of {evaluation['variant']['name']}: "
            f"{files.remedy(folder / EVALUATION)}"
        )
    metrics = files.table(files.read(folder / METRICS, evaluation))
    runs = []
    for seed, weights in evaluation["runs"].items():
        if weights is None:  # an ensemble
            continue
        run = read_run(folder / f"seed-{seed}")
        if run.manifest["weights_sha256"] != weights:
            raise UserError(
                f"{folder / METRICS} is not of the weights in seed-{seed}, which was trained "
                f"again: {files.remedy(folder / METRICS)}"
            )
        runs.append(run)
    return VariantResults(folder, evaluation, metrics, tuple(runs))


def read_variants(results: Path) -> dict[str, VariantResults]:
    """The evaluated variants of a results folder by name, all on one dataset.

    Raises:
        UserError: a file is missing or damaged, or two variants have different datasets.
    """
    found = {name: read_variant(Path(results) / name) for name in evaluated_variants(results)}
    for first, second in zip([*found.values()][:-1], [*found.values()][1:], strict=True):
        if first.dataset["sha256"] != second.dataset["sha256"]:
            raise UserError(
                f"{results} mixes datasets: {dataset_label(first.dataset)} for {first.name} and "
                f"{dataset_label(second.dataset)} for {second.name}: give each dataset its own "
                "results folder"
            )
    return found


def forget_evaluation(results: Path, variant: str) -> None:
    """Remove the metrics of a variant, one of whose runs is trained again."""
    for name in (METRICS, EVALUATION):
        (Path(results) / variant / name).unlink(missing_ok=True)


def write_evaluation(
    folder: Path,
    content: Mapping[str, Any],
    metrics: pd.DataFrame,
    arrays: Mapping[int, Mapping[str, Mapping[str, np.ndarray]]],
) -> None:
    """Write what an evaluation made of a variant.

    Args:
        content: of `evaluation.json`.
        metrics: as in `VariantResults`.
        arrays: by seed and file name.

    Raises:
        UserError: the place can't be written to.
    """
    held = {
        f"seed-{seed:02d}/{name}": files.npz_bytes(inside)
        for seed, own in arrays.items()
        for name, inside in own.items()
    }
    files.write_with_manifest(
        Path(folder) / EVALUATION, content, {**held, METRICS: files.csv_bytes(metrics)}
    )


def write_run(
    results: Path,
    variant: str,
    seed: int,
    held: Mapping[str, bytes],
) -> None:
    """Write the files of a run, all or none.

    Raises:
        UserError: the place can't be written to.
    """
    target = run_folder(results, variant, seed)
    if target.exists():
        forget_evaluation(results, variant)
    with files.written(target) as temporary:
        temporary.mkdir()
        for name, content in held.items():
            (temporary / name).write_bytes(content)
