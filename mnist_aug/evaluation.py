"""Evaluation: what the trained runs predict on the test set, and their scores."""

import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from mnist_aug import examples, metrics, run
from mnist_aug import policy as policies
from mnist_aug.dataset import Dataset
from mnist_aug.errors import UserError
from mnist_aug.variant import VARIANTS, configured
from mnist_aug.vectorize import vectorize

DECIMALS = 5  # of stored probabilities: nearly all become 0 or 1, and the file a tenth


def evaluate(results: Path, dataset: Dataset, variants: Sequence[str] = (),
             seeds: int | None = None, epochs: int | None = None,
             policy: str | None = None) -> None:
    """Predict the test set with trained runs; write predictions, scores and the report's samples.

    Beside each model, `predictions.npz` holds `labels` int32 `[N]` and `probabilities` float32
    `[N, classes]`, rounded to `DECIMALS`. In each variant's folder, `metrics.csv` has a row for
    each run and test set; its columns are `variant,seed,test_set` and those of `metrics.scores`.
    `samples.npz` holds the images that the report shows.

    Args:
        variants: names; all that have runs if empty.
        seeds: evaluate seeds 0 to `seeds` - 1; all on disk if None.
        epochs, policy: what the runs must have been trained with; anything if None.

    Raises:
        UserError: a run is missing, damaged, of another dataset, or trained otherwise than asked.
    """
    results = Path(results)
    names = list(variants) or [name for name in VARIANTS if run.seeds(results, name)]
    if not names:
        raise UserError(f"{results} holds no trained runs: `make baseline augmented` first")
    manifests = {}
    for name in names:
        wanted = range(seeds) if seeds else run.seeds(results, name) or [0]
        for seed in wanted:
            manifests[name, seed] = _checked_manifest(
                run.folder(results, name, seed), dataset, name, epochs, policy)
    for name in names:
        rows = [_evaluate_run(run.folder(results, name, seed), dataset)
                | {"variant": name, "seed": seed, "test_set": "test"}
                for other, seed in manifests if other == name]
        table = pd.DataFrame(rows)
        first = ["variant", "seed", "test_set"]
        with run.written(results / name / "metrics.csv") as temporary:
            table[first + [column for column in table if column not in first]].to_csv(
                temporary, index=False)
        print(f"{name}: {len(rows)} runs, accuracy {table.accuracy.mean():.4f}", flush=True)
    _save_samples(results, dataset, manifests.values())


def _checked_manifest(folder: Path, dataset: Dataset, name: str, epochs: int | None,
                      policy: str | None) -> dict:
    asked = configured(name, epochs, policy).settings()
    if not folder.exists():
        raise UserError(f"{folder} is not there: train it with `make {name}`")
    manifest = run.read_manifest(folder)
    if manifest["dataset"].get("sha256") != dataset.sha256:
        raise UserError(f"{folder} was trained on dataset {run.called(manifest['dataset'])}, not "
                        f"{dataset.name!r} ({dataset.sha256[:8]}…): give the DATA= (--data) it was "
                        "trained with")
    for key, given in ("epochs", epochs), ("policy", policy):
        if given is not None and manifest["variant"].get(key) != asked[key]:
            raise UserError(f"{folder} was trained with other {key} than asked for: `make {name}` "
                            "with what you want trains it again")
    return manifest


def _evaluate_run(folder: Path, dataset: Dataset) -> dict:
    probabilities = _predict(folder / run.MODEL, dataset.x_test)
    stored = probabilities.round(DECIMALS)
    with run.written(folder / run.PREDICTIONS) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, labels=dataset.y_test, probabilities=stored)
    # Rounding could break a tie another way, so what is stored is scored; its logarithm would
    # suffer, so the loss is of what was predicted.
    return (metrics.scores(dataset.y_test, stored)
            | {"loss": metrics.loss(dataset.y_test, probabilities)})


def _predict(path: Path, images: np.ndarray) -> np.ndarray:
    """float32 probabilities `[N, classes]` of uint8 images `[N, H, W]`."""
    try:
        model = keras.models.load_model(path, safe_mode=True, compile=False)
        return model.predict(images.astype(np.float32) / 255, batch_size=1000, verbose=0)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        raise UserError(f"{path} can't be used ({reason}): delete its folder and train it "
                        "again") from None


def _save_samples(results: Path, dataset: Dataset, manifests: Iterable[dict]) -> None:
    used = [policy for manifest in manifests if (policy := manifest["variant"].get("policy"))]
    engine = vectorize(policies.described(used[0]["pipeline"])) if used else None
    examples.save(results, dataset, engine)
