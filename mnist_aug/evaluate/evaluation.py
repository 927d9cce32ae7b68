"""Evaluation: what the trained runs predict on the test sets, and their scores."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mnist_aug.analysis import metrics
from mnist_aug.analysis.comparison import KEPT, read_variants
from mnist_aug.augment import policy as policies
from mnist_aug.augment.vectorize import vectorize
from mnist_aug.data import eval_sets as test_sets
from mnist_aug.data.dataset import Dataset
from mnist_aug.data.eval_sets import TestSet
from mnist_aug.errors import UserError
from mnist_aug.evaluate import examples
from mnist_aug.evaluate import saved_models as stored_model
from mnist_aug.results import lock
from mnist_aug.results import runs as run
from mnist_aug.train.variant import VARIANTS, configured

if TYPE_CHECKING:  # as in stored_model
    import keras
    import tensorflow as tf

DECIMALS = 5  # of stored probabilities: nearly all become 0 or 1, and the file a tenth
BATCH_PIXELS = 2**24  # float32 pixels predicted in one call, 64 MiB


def evaluate(
    results: Path,
    dataset: Dataset,
    variants: Sequence[str] = (),
    seeds: int | None = None,
    epochs: int | None = None,
    policy: str | None = None,
    extra: str | None = None,
    mnist_c: str | None = None,
) -> None:
    """Score trained runs on all test sets; write predictions, scores and the report's samples.

    As `score` does, with the sets of `test_sets.beside`. `samples.npz` holds the images that the
    report shows.

    Args:
        variants: names; all that have runs if empty.
        seeds: evaluate seeds 0 to `seeds` - 1; all on disk if None.
        epochs, policy: what the runs must have been trained with; anything if None.
        extra, mnist_c: further test sets, as for `test_sets.beside`.

    Raises:
        UserError: a run is missing, damaged, of another dataset, or trained otherwise than asked;
            or a further test set is unfit.
    """
    results = Path(results)
    names = list(variants) or [name for name in VARIANTS if run.seeds(results, name)]
    if not names:
        raise UserError(f"{results} holds no trained runs: `make baseline augmented` first")
    with lock.alone(results):
        manifests = {}
        for name in names:
            wanted = range(seeds) if seeds else run.seeds(results, name) or [0]
            for seed in wanted:
                manifests[name, seed] = _checked_manifest(
                    run.folder(results, name, seed), dataset, name, epochs, policy
                )
        score(
            results,
            dataset,
            list(manifests),
            test_sets.beside(dataset, VARIANTS[names[0]].validation_split, extra, mnist_c),
        )
        _save_weights(results)
        _save_samples(results, dataset, manifests.values())  # last, as make looks for it
        if not all((results / name / "metrics.csv").exists() for name in names):
            raise UserError(
                f"{results} was removed while it was written: the same command makes it anew"
            )


def score(
    results: Path,
    dataset: Dataset,
    runs: Sequence[tuple[str, int]],
    others: Iterable[TestSet] = (),
    committees: dict[str, Sequence[tuple[str, int]]] | None = None,
) -> None:
    """Score runs, given as (variant, seed), on the dataset's test images and on other test sets.

    Beside each model, `predictions.npz` holds `labels` int32 `[N]` and `probabilities` float32
    `[N, classes]` of the dataset's test images, rounded to `DECIMALS`. `correct.npz` holds, for
    other sets whose names start as one of `KEPT`, which images were read right, as bits packed by
    `numpy.packbits`. In each variant's folder, `metrics.csv` has a row for each run and test set;
    its columns are `variant,seed,test_set`, those of `metrics.scores` and, for the dataset's test
    images, those of `metrics.by_class`.

    Args:
        committees: which of the runs to score together, by the name to give them; a committee's
            probabilities are its members' means (Cireşan et al. 2011), and its seed is 0.

    Raises:
        UserError: a model can't be used, or the results can't be written.
    """
    results = Path(results)
    with lock.alone(results):
        models = {
            (name, seed): stored_model.load(
                run.folder(results, name, seed) / run.MODEL, dataset.image_shape, dataset.classes
            )
            for name, seed in runs
        }
        for name, members in (committees or {}).items():
            models[name, 0] = partial(_mean_of, [models[key] for key in members])
        rows = {key: [] for key in models}
        correct = {key: {} for key in models}
        for test_set in chain([TestSet("test", dataset.x_test, dataset.y_test)], others):
            for key, probabilities in _predictions(models, test_set.images):
                if test_set.name == "test":
                    row = _kept(run.folder(results, *key), test_set.labels, probabilities)
                else:
                    row = metrics.scores(test_set.labels, probabilities)
                if test_set.name.startswith(KEPT):
                    right = probabilities.argmax(1) == test_set.labels
                    correct[key][test_set.name] = np.packbits(right)
                name, seed = key
                rows[key].append({"variant": name, "seed": seed, "test_set": test_set.name} | row)
        for key, arrays in correct.items():
            path = run.folder(results, *key) / run.CORRECT
            if arrays:
                run.write_npz(path, arrays)
            else:
                path.unlink(missing_ok=True)
        for name in dict.fromkeys(name for name, _ in models):
            table = pd.DataFrame([row for key in models if key[0] == name for row in rows[key]])
            with run.written(results / name / "metrics.csv") as temporary:
                table.to_csv(temporary, index=False)
            test = table[table.test_set == "test"]
            print(f"{name}: {len(test)} runs, accuracy {test.accuracy.mean():.4f}", flush=True)


def _mean_of(models: Sequence[keras.Model], batch: tf.Tensor, training: bool) -> tf.Tensor:
    import tensorflow as tf

    return tf.reduce_mean([model(batch, training=training) for model in models], axis=0)


def _checked_manifest(
    folder: Path, dataset: Dataset, name: str, epochs: int | None, policy: str | None
) -> dict:
    asked = configured(name, epochs, policy).settings()
    if not folder.exists():
        raise UserError(f"{folder} is not there: train it with `make {name}`")
    manifest = run.read_manifest(folder)
    if manifest["dataset"].get("sha256") != dataset.sha256:
        raise UserError(
            f"{folder} was trained on dataset {run.called(manifest['dataset'])}, not "
            f"{dataset.name!r} ({dataset.sha256[:8]}…): give the DATA= (--data) it was "
            "trained with"
        )
    for key, given in ("epochs", epochs), ("policy", policy):
        if given is not None and manifest["variant"].get(key) != asked[key]:
            raise UserError(
                f"{folder} was trained with other {key} than asked for: `make {name}` "
                "with what you want trains it again"
            )
    return manifest


def _kept(folder: Path, labels: np.ndarray, probabilities: np.ndarray) -> dict:
    """Write `predictions.npz`; return the row of what is in it."""
    stored = probabilities.round(DECIMALS)
    run.write_npz(folder / run.PREDICTIONS, {"labels": labels, "probabilities": stored})
    # Rounding could break a tie another way, so what is stored is scored; its logarithm would
    # suffer, so the loss is of what was predicted.
    return (
        metrics.scores(labels, stored)
        | {"loss": metrics.loss(labels, probabilities)}
        | metrics.by_class(labels, stored)
    )


def _predictions(models: dict, images: np.ndarray) -> Iterable[tuple]:
    """Each key of `models` with float32 `[N, classes]` of uint8 images `[N, H, W]`."""
    import tensorflow as tf

    size = max(1, BATCH_PIXELS // images[0].size)
    parts = {key: [] for key in models}
    for start in range(0, len(images), size):
        batch = tf.constant(images[start : start + size].astype(np.float32) / 255)
        for key, model in models.items():
            parts[key].append(model(batch, training=False).numpy())
    return ((key, np.concatenate(part)) for key, part in parts.items())


def _save_samples(results: Path, dataset: Dataset, manifests: Iterable[dict]) -> None:
    used = [policy for manifest in manifests if (policy := manifest["variant"].get("policy"))]
    engine = vectorize(policies.described(used[0]["pipeline"])) if used else None
    examples.save(results, dataset, engine)


def _save_weights(results: Path) -> None:
    """Write `weights.npz`: of each variant the network of the run of median test accuracy.

    `<variant>_weights` float32 holds kernels and biases of its dense layers one after the other,
    `<variant>_sizes` the units from input to output, `<variant>_seed` the run's seed.
    """
    arrays = {}
    for name, variant in read_variants(results).items():
        order = np.lexsort((variant.seeds, variant.accuracy))
        seed = variant.seeds[order[(len(order) - 1) // 2]]
        path = run.folder(results, name, seed) / run.MODEL
        if not path.exists():
            continue
        weights = stored_model.load(path).get_weights()
        arrays |= {
            f"{name}_weights": np.concatenate([part.ravel() for part in weights]),
            f"{name}_sizes": np.array([len(weights[0]), *map(len, weights[1::2])]),
            f"{name}_seed": np.array(seed),
        }
    run.write_npz(results / "weights.npz", arrays)
