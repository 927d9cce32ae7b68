"""A study on disk read into memory: the runs of a results folder, checked to belong together."""

import json
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from mnist_aug.analysis.metrics import learned
from mnist_aug.errors import UserError
from mnist_aug.results import lock
from mnist_aug.results.files import (
    AGAIN,
    damaged,
    read_csv,
    read_history,
    read_json,
    read_manifest,
    read_npz,
    read_scores,
    remedy,
)

ARMS = ("baseline", "augmented")
KEPT = ("corruption/", "mnist-c/", "other/")  # test sets whose images are compared one by one
SHOWN_AS = {
    "mnist": "MNIST",
    "digits": "scikit-learn's digits",
    "fashion-mnist": "Fashion-MNIST",
    "fashion_mnist": "Fashion-MNIST",
    "kmnist": "KMNIST",
    "emnist": "EMNIST",
}  # datasets whose usual name isn't the folder's


@dataclass(frozen=True)
class Run:
    """One variant trained with one seed."""

    seed: int
    manifest: dict
    history: pd.DataFrame  # epoch, loss, accuracy, val_loss, val_accuracy
    probabilities: np.ndarray  # float32 [N, K]
    loss: float  # on the test images
    correct: dict[str, np.ndarray]  # of other test sets, bits packed by numpy.packbits

    @property
    def learned(self) -> bool:
        """Whether the last training loss is below that of guessing."""
        return learned(self.history["loss"].iloc[-1], self.manifest["dataset"]["classes"])


@dataclass(frozen=True)
class Variant:
    """The runs of one variant in order of seed, and the labels of the test images, int [N]."""

    name: str
    runs: tuple[Run, ...]
    labels: np.ndarray
    scores: pd.DataFrame  # accuracy by seed (rows) and test set (columns)
    images: dict[str, int]  # of each test set

    @property
    def seeds(self) -> list[int]:
        return [run.seed for run in self.runs]

    @property
    def settings(self) -> dict:
        return self.runs[0].manifest["variant"]

    @property
    def policy(self) -> str | None:
        return (self.settings.get("policy") or {}).get("name")

    @cached_property
    def predictions(self) -> np.ndarray:
        """int [S, N], the class with the largest probability."""
        return np.stack([run.probabilities.argmax(axis=1) for run in self.runs])

    @cached_property
    def correct(self) -> np.ndarray:
        """bool [S, N], whether the run with seed s reads test image i right."""
        return self.predictions == self.labels

    @property
    def accuracy(self) -> np.ndarray:
        """float [S], in [0, 1]."""
        return self.correct.mean(axis=1)

    def confusion(self, classes: int) -> np.ndarray:
        """float [K, K], mean count over the runs; rows are true classes, columns predictions."""
        cells = self.labels * classes + self.predictions
        return np.bincount(cells.ravel(), minlength=classes**2).reshape(classes, classes) / len(
            self.runs
        )

    def correct_on(self, test_set: str) -> np.ndarray:
        """bool [S, M], as `correct`, on another test set whose images are compared one by one."""
        bits = np.stack([run.correct[test_set] for run in self.runs])
        return np.unpackbits(bits, axis=1, count=self.images[test_set]).astype(bool)

    def only(self, seeds: list[int]) -> "Variant":
        runs = tuple(run for run in self.runs if run.seed in seeds)
        return Variant(
            self.name, runs, self.labels, self.scores.loc[[r.seed for r in runs]], self.images
        )


@dataclass(frozen=True)
class Study:
    """All evaluated variants of one dataset, the arms first."""

    dataset: dict
    labels: np.ndarray
    variants: dict[str, Variant]
    bench: pd.DataFrame | None
    bench_host: dict | None

    @property
    def paired_seeds(self) -> list[int]:
        return [s for s in self.variants[ARMS[0]].seeds if s in self.variants[ARMS[1]].seeds]

    @property
    def arms(self) -> tuple[Variant, Variant]:
        """Both arms, cut to the seeds they share."""
        return self.pair(ARMS[1])

    def pair(self, name: str) -> tuple[Variant, Variant]:
        """The baseline and the variant of that name, cut to the seeds they share."""
        first, second = self.variants[ARMS[0]], self.variants[name]
        return first.only(second.seeds), second.only(first.seeds)

    @property
    def classes(self) -> int:
        return self.dataset["classes"]

    @property
    def mark(self) -> str:
        """Which dataset this is, in the words that stand on every page and figure."""
        name = self.dataset["name"]
        return SHOWN_AS.get(name, name)


def load(results: Path) -> Study:
    """The study in a results folder.

    Raises:
        UserError: an arm is missing, a file is missing or damaged, or the runs do not belong
            together: different datasets, test labels, settings within one variant, or anything
            but the policy between the arms.
    """
    results = Path(results)
    with lock.alone(results, reading=True):
        variants = read_variants(results)
    for arm in ARMS:
        if arm not in variants:
            raise UserError(
                f"{results / arm / 'metrics.csv'} is missing, so there is nothing to "
                "compare: run `make report`, which trains and evaluates both arms"
            )
    _check_comparable(results, *(variants[arm].runs[0].manifest for arm in ARMS))
    ordered = {name: variants[name] for name in (*ARMS, *sorted(set(variants) - set(ARMS)))}
    dataset = variants[ARMS[0]].runs[0].manifest["dataset"]
    study = Study(dataset, variants[ARMS[0]].labels, ordered, *_bench(results, dataset["sha256"]))
    if not study.paired_seeds:
        raise UserError(
            f"{ARMS[0]} and {ARMS[1]} in {results} share no seed, so they can't be "
            "paired: train both with the same SEEDS"
        )
    return study


def _check_comparable(results: Path, first: dict, second: dict) -> None:
    """The arms may differ in their policy alone, or the difference is not the policy's."""
    settings = [
        {key: value for key, value in manifest["variant"].items() if key not in ("name", "policy")}
        for manifest in (first, second)
    ]
    for key in {**settings[0], **settings[1]}:
        one, two = (setting.get(key) for setting in settings)
        if one != two:
            raise UserError(
                f"{results}: {key} is {one} for {ARMS[0]} and {two} for {ARMS[1]}, so "
                "the difference would not be the policy's: `make report` trains both "
                "alike"
            )
    codes = [(manifest.get("sources_sha256") or {}).get("training") for manifest in (first, second)]
    if codes[0] != codes[1]:
        raise UserError(
            f"{results}: {ARMS[0]} and {ARMS[1]} were trained by different code, so "
            "the difference would not be the policy's: `make report` trains both alike"
        )


def read_variants(results: Path) -> dict[str, Variant]:
    """The evaluated variants of a results folder by name, on one dataset and the same labels.

    Raises:
        UserError: a file is missing or damaged, or two variants have different datasets.
    """
    variants = {
        path.parent.name: _variant(path.parent)
        for path in sorted(Path(results).glob("*/metrics.csv"))
    }
    for first, second in pairwise(variants.values()):
        one, two = (v.runs[0].manifest["dataset"] for v in (first, second))
        for key in ("name", "sha256", "test", "image_shape", "classes"):
            if one[key] != two[key]:
                raise UserError(
                    f"{results} mixes datasets: {key} is {one[key]!r} for {first.name} and "
                    f"{two[key]!r} for {second.name}: give each dataset its own results folder"
                )
        if not np.array_equal(first.labels, second.labels):
            raise UserError(
                f"{first.name} and {second.name} in {results} were evaluated on "
                f"different test labels: {AGAIN} (predictions.npz)"
            )
    return variants


def _variant(folder: Path) -> Variant:
    path = folder / "metrics.csv"
    metrics = read_scores(path)
    scores = metrics.pivot_table("accuracy", "seed", "test_set")
    images = metrics.groupby("test_set")["images"].first().to_dict()
    runs, labels = [], None
    for row in metrics[metrics["test_set"] == "test"].sort_values("seed").itertuples():
        run, own = _run(folder / f"seed-{row.seed:02d}", row)
        if labels is not None and not np.array_equal(labels, own):
            raise UserError(
                f"the seeds of {folder} were evaluated on different test labels: "
                f"{AGAIN} (predictions.npz)"
            )
        labels = own
        _check_bits(run, scores.loc[run.seed], images, folder)
        runs.append(run)
    for run in runs[1:]:
        for part in ("dataset", "variant"):
            one, two = runs[0].manifest[part], run.manifest[part]
            for key in sorted({*one, *two}):
                if one.get(key) != two.get(key):
                    what = "mixes datasets" if part == "dataset" else "mixes settings"
                    raise UserError(
                        f"{folder} {what}: {key} is {_short(one.get(key))} for seed "
                        f"{runs[0].seed} and {_short(two.get(key))} for seed {run.seed}: "
                        "delete the folder and run `make report`, which trains it anew"
                    )
    return Variant(folder.name, tuple(runs), labels, scores, images)


def _check_bits(run: Run, scores: pd.Series, images: dict[str, int], folder: Path) -> None:
    wanted = [name for name in scores.index if name.startswith(KEPT)]
    for name in wanted:
        bits = run.correct.get(name)
        fits = (
            bits is not None and bits.dtype == np.uint8 and bits.shape == (-(-images[name] // 8),)
        )
        right = np.unpackbits(bits)[: images[name]].sum() if fits else -1
        if right != round(scores[name] * images[name]):
            raise UserError(
                f"{folder}/seed-{run.seed:02d}/correct.npz disagrees with metrics.csv "
                f"on {name}: {AGAIN}"
            )


def _short(value: object) -> str:
    text = json.dumps(value, sort_keys=True)
    return text if len(text) <= 60 else text[:57] + "..."


def _run(folder: Path, row) -> tuple[Run, np.ndarray]:
    manifest = read_manifest(folder, row.seed)
    history = read_history(folder, manifest)
    path = folder / "predictions.npz"
    arrays = read_npz(path, ["labels", "probabilities"])
    labels, probabilities = arrays["labels"], arrays["probabilities"]
    dataset = manifest["dataset"]
    if (
        labels.dtype.kind not in "iu"
        or probabilities.dtype.kind != "f"
        or ((probabilities < 0) | (probabilities > 1)).any()
    ):
        raise damaged(path)
    if (
        probabilities.shape != (dataset["test"], dataset["classes"])
        or labels.shape != (dataset["test"],)
        or row.images != dataset["test"]
        or not ((labels >= 0) & (labels < dataset["classes"])).all()
    ):
        raise UserError(
            f"{path} has not the {dataset['test']} test images and "
            f"{dataset['classes']} classes of manifest.json: {AGAIN}"
        )
    labels = labels.astype(int)
    # Probabilities are rounded on disk, so a row whose two largest are equal may go either way.
    top = np.sort(probabilities, axis=1)[:, -2:]
    ties = int((top[:, 0] == top[:, -1]).sum())
    correct = (probabilities.argmax(axis=1) == labels).mean()
    if abs(correct - row.accuracy) > (ties + 0.5) / len(labels):
        raise UserError(
            f"{path} gives accuracy {correct:.4f} but metrics.csv says {row.accuracy:.4f}: {AGAIN}"
        )
    path = folder / "correct.npz"
    correct = read_npz(path) if path.exists() else {}
    return Run(int(row.seed), manifest, history, probabilities, float(row.loss), correct), labels


def _bench(results: Path, sha256: str) -> tuple[pd.DataFrame | None, dict | None]:
    path = results / "bench.csv"
    if not path.exists():
        return None, None
    frame = read_csv(path, ("benchmark", "method", "against", "repeat", "images", "seconds"))
    if frame.duplicated(["benchmark", "method", "repeat"]).any() or (frame["seconds"] <= 0).any():
        raise damaged(path)
    path = path.with_suffix(".json")
    host = read_json(path) if path.exists() else None
    if host and not isinstance(host.get("device", {}), dict):
        raise damaged(path)
    if host and host.get("dataset_sha256", sha256) != sha256:
        raise UserError(
            f"{results} mixes datasets: bench.csv was measured on "
            f"{host.get('dataset')}: {remedy(path)}"
        )
    return frame, host
