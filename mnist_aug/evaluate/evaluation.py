"""Evaluation: what the trained runs predict on the evaluation sets, and their metrics.

Work is shared out by evaluation set: a process makes a set's images once and gives them to all
models, which it keeps loaded.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mnist_aug import provenance, terminal
from mnist_aug.analysis import doubts, metrics
from mnist_aug.analysis.intervals import spread
from mnist_aug.analysis.models import name_of
from mnist_aug.augment import policy as policies
from mnist_aug.augment.mixing import Mixer
from mnist_aug.augment.policy import Policy
from mnist_aug.data import eval_sets
from mnist_aug.data.corruptions import CORRUPTIONS, corrupt
from mnist_aug.data.dataset import Dataset
from mnist_aug.data.eval_sets import EvalSet
from mnist_aug.errors import UserError
from mnist_aug.evaluate import examples, page_network, saved_models, views
from mnist_aug.evaluate.views import Views
from mnist_aug.formatting import counted, mean_and_sd
from mnist_aug.results import extras, files, runs
from mnist_aug.train import jobs, pools
from mnist_aug.train.pools import Pool
from mnist_aug.train.variant import configured

if TYPE_CHECKING:  # as in saved_models
    import keras
    import tensorflow as tf

LEAST = 1e-38  # a probability whose logarithm is stored: less is 0 in float32
CORRUPTED = 1000  # validation images that doubts are fitted on corrupted copies of
BATCH_VALUES = 2**24  # float32 values of a layer in one call, 64 MiB
# Sets whose images are compared one by one.
KEPT = ("corruption/", "mnist-c/", "other/", "validation", "tta/")

RunKey = tuple[str, int]  # variant and seed


def evaluate(
    results: Path,
    dataset: Dataset,
    variants: Sequence[str] = (),
    seeds: int | Sequence[int] | None = None,
    epochs: int | None = None,
    policy: str | None = None,
    extra: str | None = None,
    mnist_c: str | None = None,
    model: str | None = None,
    tta: int | None = None,
    processes: int = 1,
    pool: Pool | None = None,
) -> None:
    """Evaluate trained runs on all evaluation sets; write predictions, metrics and samples.

    As `evaluate_runs` does, on the sets of `eval_sets`. `samples.npz` and `weights.npz` hold the
    images and networks that the report shows, and `doubts.npz` what their answers are judged by.

    Args:
        variants: names; all that have runs if empty.
        seeds: which, or how many from 0; all on disk if None.
        epochs, policy, model: what the runs must have been trained with; anything if None.
        extra, mnist_c: further sets, as for `eval_sets.read`.
        tta: score test-time augmentation with so many views of each image, too, on the test images
            and, with and without it, on the validation images.
        processes: how many to work in at most.
        pool: where to work, in place of a pool of its own.

    Raises:
        UserError: a run is missing, damaged, of another dataset, or trained with other settings;
            or a further set is unfit, or no policy makes views for `tta`.
    """
    results = Path(results)
    names = list(variants) or [name for name in runs.BOTH if runs.seeds(results, name)]
    if not names:
        raise UserError(f"{results} holds no trained runs: `make baseline augmented` first")
    wanted_seeds = range(seeds) if isinstance(seeds, int) else seeds
    further = eval_sets.read(dataset, extra, mnist_c)
    with files.locked(results):
        trained = {}
        for name in names:
            for seed in wanted_seeds or runs.seeds(results, name) or [0]:
                trained[name, seed] = _checked(
                    runs.run_folder(results, name, seed), dataset, name, epochs, policy, model
                )
        used = {name: run.manifest["variant"]["policy"] for (name, _), run in trained.items()}
        wanted = views.chosen(tta, used) if tta else None
        with nullcontext(pool) if pool else pools.pool(dataset, processes=processes) as where:
            evaluate_runs(
                results,
                dataset,
                list(trained),
                [*eval_sets.names(dataset), *further],
                tta=wanted,
                pool=where,
            )
            _save_samples(results, dataset, trained.values(), where)
        if not all((results / name / runs.METRICS).exists() for name in names):
            raise UserError(
                f"{results} was removed while it was written: run the same command again"
            )


def _checked(
    folder: Path,
    dataset: Dataset,
    name: str,
    epochs: int | None,
    policy: str | None,
    model: str | None,
) -> runs.Run:
    wanted = configured(name, epochs, policy, model).settings(dataset.side, dataset.fill)
    if not folder.exists():
        raise UserError(f"{folder} is missing: train it with `make {name}`")
    run = runs.read_run(folder)
    trained_on = run.manifest["dataset"]
    if trained_on["sha256"] != dataset.sha256:
        raise UserError(
            f"{folder} was trained on dataset {runs.dataset_label(trained_on)}, not on "
            f"{dataset.name!r} ({dataset.sha256[:8]}…): give the DATA= (--data) it was trained with"
        )
    trained = run.manifest["variant"] | {"model": {"name": name_of(run.manifest["variant"])}}
    for key, given in ("epochs", epochs), ("policy", policy), ("model", model):
        if given is not None and trained[key] != wanted[key]:
            raise UserError(
                f"{folder} was trained with other {key}: `make {name}` with what you want trains "
                "it again"
            )
    return run


def evaluate_runs(
    results: Path,
    dataset: Dataset,
    wanted: Sequence[RunKey],
    sets: Sequence[str | EvalSet] = ("test",),
    ensembles: Mapping[str, Sequence[RunKey]] | None = None,
    tta: Views | None = None,
    probabilities: bool = True,
    processes: int = 1,
    pool: Pool | None = None,
) -> None:
    """Evaluate runs, given as (variant, seed), on the test images and on other sets.

    In each run's folder, `predictions.npz` holds `labels` int32 `[N]` of the dataset's test images
    and `log_probabilities` float16 `[N, classes]` of them, as `stored_logarithms` gives them; and
    `temperature` float32, by which `metrics.temperature` calibrates the run on the validation
    images, if `validation` is among the sets. `correct.npz` holds, for other sets whose names start
    with one of `KEPT`, which images were classified correctly, as bits packed by `numpy.packbits`.
    In each variant's folder, `metrics.csv` has a row for each run and set: `variant,seed,eval_set`
    and what `metrics.scores` gives. `evaluation.json` answers for all of these.

    Args:
        sets: names that `eval_sets.make` knows, or sets. There is no `validation` of runs that held
            no image out.
        ensembles: which of the runs to evaluate together, by the name to give them; an ensemble's
            probabilities are its members' means (Cireşan et al. 2011), and its seed is 0.
        tta: score each run, but no ensemble, also with test-time augmentation by these views: rows
            `tta/test` and `tta/validation`. `tta` in `evaluation.json` says by which
            views, and the median seconds that a run took for 1,000 images on one thread.
        probabilities: if not, `predictions.npz` holds, in place of `log_probabilities` and
            `temperature`, the `predicted` classes alone, uint8 or uint16 `[N]`: a tenth as much.
        processes, pool: as for `evaluate`.

    Raises:
        UserError: a model can't be used, runs of a variant differ in more than their seed, or the
            results can't be written.
    """
    results = Path(results)
    ensembles = ensembles or {}
    if not wanted:  # as of a study that wants more images than there are
        return
    with files.locked(results):
        trained = {key: runs.read_run(runs.run_folder(results, *key)) for key in wanted}
        _check_alike(trained)
        for run in trained.values():
            files.read(run.model, run.manifest)
        models = {key: run.model for key, run in trained.items()}
        rows: dict[RunKey, list[dict]] = {
            key: [] for key in [*models, *((e, 0) for e in ensembles)]
        }
        correct: dict[RunKey, dict[str, np.ndarray]] = {key: {} for key in rows}
        predicted: dict[RunKey, dict[str, np.ndarray]] = {key: {} for key in rows}
        split = trained[wanted[0]].manifest["variant"]["validation_split"]  # of all alike
        if not split:
            sets = [one for one in sets if one != "validation"]
        elif tta and "validation" not in sets:
            sets = [*sets, "validation"]
        task = partial(_evaluate_set, dataset.sha256, models, ensembles, split, probabilities)
        images = [_count(one, dataset, split) for one in sets]
        with (
            nullcontext(pool) if pool else pools.pool(dataset, len(sets), processes) as where,
            terminal.progress(f"evaluating {counted(len(models), 'run')}", sum(images)) as bar,
        ):
            for name, found in _in_order(where, task, sets, images, bar):
                for key, (row, bits, arrays) in found.items():
                    rows[key].append({"variant": key[0], "seed": key[1], "eval_set": name, **row})
                    if bits is not None:
                        correct[key][name] = bits
                    predicted[key] |= arrays
            seconds = _add_views(where, dataset, models, tta, split, rows, correct) if tta else {}
        started = provenance.now()
        for name in dict.fromkeys(name for name, _ in rows):
            keys = [key for key in rows if key[0] == name]
            table = pd.DataFrame([row for key in keys for row in rows[key]])
            if members := ensembles.get(name):
                variant = {"name": name, "members": len(members)}
                weights = {"00": None}
            else:
                variant = trained[keys[0]].manifest["variant"]
                weights = {f"{key[1]:02d}": trained[key].manifest["weights_sha256"] for key in keys}
            about = {
                "variant": variant,
                "dataset": dataset.described(split),
                "runs": weights,
                "started": started,
                **provenance.describe(),
            }
            if tta and not members:
                about["tta"] = {
                    "views": tta.count,
                    "policy": tta.policy,
                    "seconds_per_1000_images": {
                        part: float(np.median([seconds[key][part] for key in keys]))
                        for part in ("plain", "tta")
                    },
                }
            arrays_of = {
                key[1]: {runs.PREDICTIONS: predicted[key]}
                | ({runs.CORRECT: correct[key]} if correct[key] else {})
                for key in keys
            }
            runs.write_evaluation(results / name, about, table, arrays_of)
            test = table.loc[table["eval_set"] == "test", "accuracy"].to_numpy()
            of = "ensemble of " if members else ""
            count = counted(len(members or test), "run")
            reached = mean_and_sd(test.mean(), spread(test))
            print(f"{name}: test accuracy {reached} % ({of}{count})", flush=True)


def _add_views(
    pool: Pool,
    dataset: Dataset,
    models: Mapping[RunKey, Path],
    tta: Views,
    split: float,
    rows: Mapping[RunKey, list[dict]],
    correct: Mapping[RunKey, dict[str, np.ndarray]],
) -> dict[RunKey, dict[str, float]]:
    """Add what test-time augmentation makes of each run to its rows and bits.

    Returns:
        Of each run the seconds for 1,000 images, `plain` and `tta`.
    """
    held_out = dataset.training_count(split) < len(dataset.x_train)
    seeds = sorted({seed for _, seed in models})
    wanted = [
        (name, seed) for name in ("test", *(("validation",) if held_out else ())) for seed in seeds
    ]
    task = partial(_evaluate_views, dataset.sha256, models, tta, split)
    seconds: dict[RunKey, dict[str, float]] = {}
    images = [_count(name, dataset, split) for name, _ in wanted]
    with terminal.progress("evaluating with test-time augmentation", sum(images)) as bar:
        for found in _in_order(pool, task, wanted, images, bar):
            for key, (scored, taken) in found.items():
                for name, (row, bits) in scored.items():
                    rows[key].append({"variant": key[0], "seed": key[1], "eval_set": name, **row})
                    correct[key][name] = bits
                seconds.setdefault(key, taken)  # on the test images, which come first
    return seconds


def _check_alike(trained: Mapping[RunKey, runs.Run]) -> None:
    first: dict[str, runs.Run] = {}
    for (name, _), run in trained.items():
        other = first.setdefault(name, run)
        for part, keys in ("variant", ()), ("dataset", ("sha256", "train")):
            mine, others = run.manifest[part], other.manifest[part]
            if any(mine.get(key) != others.get(key) for key in keys or {**mine, **others}):
                raise UserError(
                    f"{run.folder} and {other.folder} were trained with different settings "
                    f"({part}): delete one of them, or train both alike"
                )


def _count(one: str | EvalSet, dataset: Dataset, split: float) -> int:
    """How many images a set has, by its name where it is yet to be made."""
    if isinstance(one, EvalSet):
        return len(one.images)
    trained_on = dataset.training_count(split)
    validation = len(dataset.x_train) - trained_on
    return {"training": trained_on, "validation": validation}.get(one, len(dataset.x_test))


def _in_order(
    pool: Pool, task: Callable, sets: Sequence, images: Sequence[int], bar: terminal.Bar
) -> Iterable:
    """What a task makes of each set, in the order of the sets.

    Args:
        images: how many each set has, by which the bar goes.
    """
    left = iter(enumerate(sets))
    pending: dict = {}
    found: dict[int, Any] = {}
    while True:
        while len(pending) < pool.slots() and (one := next(left, None)):
            number, eval_set = one
            pending[pool.submit(task, eval_set)] = number
        if not pending:
            break
        found |= dict(pool.finished(pending))
        bar.reached(sum(images[number] for number in found))
    return [found[number] for number in range(len(sets))]


# In a worker --------------------------------------------------------------------------------------

_models: dict[Path, tuple[tuple[int, int], Any]] = {}  # loaded here, with the file's size and time


def _model(path: Path, dataset: Dataset) -> keras.Model:
    status = path.stat() if path.exists() else None
    version = (status.st_size, status.st_mtime_ns) if status else (0, 0)
    if path not in _models or _models[path][0] != version:
        _models[path] = version, saved_models.load(path, dataset.image_shape, dataset.classes)
    return _models[path][1]


def _evaluate_set(
    sha256: str,
    models: Mapping[RunKey, Path],
    ensembles: Mapping[str, Sequence[RunKey]],
    validation_split: float,
    keep: bool,
    wanted: str | EvalSet,
) -> tuple[str, dict[RunKey, tuple]]:
    """The set's name; of each run its row, its packed bits or None, and what is kept in arrays.

    Args:
        keep: the probabilities, rather than the predicted classes alone.
    """
    jobs.stop_if_interrupted()
    dataset = jobs.dataset_here(sha256)
    made = wanted
    if isinstance(made, str):
        made = eval_sets.make(made, dataset, validation_split)
    loaded = {key: [_model(path, dataset)] for key, path in models.items()}
    for name, members in ensembles.items():
        loaded[name, 0] = [model for key in members for model in loaded[key]]
    found: dict[RunKey, tuple] = {}
    for key, probabilities in _predictions(loaded, made.images).items():
        arrays: dict[str, np.ndarray] = {}
        bits = None
        predicted = probabilities.argmax(1)
        if made.name == "test":
            arrays = {"labels": made.labels}
            if keep:
                arrays["log_probabilities"] = stored_logarithms(probabilities)
            else:
                arrays["predicted"] = predicted.astype(np.min_scalar_type(dataset.classes))
        elif made.name == "validation" and keep:
            logarithms = stored_logarithms(probabilities).astype(np.float64)
            fitted = metrics.temperature(made.labels, logarithms)
            arrays = {"temperature": np.array(fitted, np.float32)}
        row = metrics.scores(made.labels, probabilities)
        if made.name.startswith(KEPT):
            bits = np.packbits(predicted == made.labels)
        found[key] = row, bits, arrays
    return made.name, found


def stored_logarithms(probabilities: np.ndarray) -> np.ndarray:
    """Natural logarithms of probabilities, float16 `[N, K]`, with the same largest class.

    They keep what rounded probabilities lose: how far from 1 a probability near 1 is. Where
    rounding would make another class the first of the largest, that class gives way by one step.

    Args:
        probabilities: float32 `[N, K]` in [0, 1].
    """
    found = metrics.logarithm(probabilities.astype(np.float64).clip(LEAST)).astype(np.float16)
    rows, largest = np.arange(len(found)), probabilities.argmax(axis=1)
    own = found[rows, largest][:, None]
    tied = (found >= own) & (np.arange(found.shape[1]) != largest[:, None])
    lower = np.broadcast_to(np.nextafter(own, np.float16(-np.inf)), found.shape)
    return np.where(tied, lower, found)


def _predictions(
    models: Mapping[RunKey, Sequence[keras.Model]], images: np.ndarray
) -> dict[RunKey, np.ndarray]:
    """Probabilities float32 `[N, classes]` of uint8 images, means over models."""
    size = _batch_size([model for members in models.values() for model in members])
    parts: dict[RunKey, list[np.ndarray]] = {key: [] for key in models}
    for start in range(0, len(images), size):
        batch = _as_tensor(images[start : start + size])
        for key, members in models.items():
            each = [saved_models.probabilities(model, batch) for model in members]
            parts[key].append(np.mean(each, axis=0) if len(each) > 1 else each[0])
    return _joined(parts)


def _batch_size(models: Iterable[keras.Model]) -> int:
    """How many images to give these models in one call."""
    from mnist_aug.train.models import most_values

    return max(1, BATCH_VALUES // max(map(most_values, models)))


def _as_tensor(images: np.ndarray) -> tf.Tensor:
    """What models take, float32 in [0, 1], of uint8 images."""
    import tensorflow as tf

    return tf.constant(images.astype(np.float32) / 255)


def _evaluate_views(
    sha256: str,
    models: Mapping[RunKey, Path],
    tta: Views,
    validation_split: float,
    wanted: tuple[str, int],
) -> dict[RunKey, tuple[dict[str, tuple[dict, np.ndarray]], dict[str, float]]]:
    """What the runs of a seed make of a set with test-time augmentation.

    Args:
        wanted: `test` or `validation`, and the seed.

    Returns:
        Of each run the row and the packed bits by name of the set, and its seconds for 1,000
        images.
    """
    name, seed = wanted
    dataset = jobs.dataset_here(sha256)
    made = eval_sets.make(name, dataset, validation_split)
    first = dataset.training_count(validation_split) if name == "validation" else 0
    loaded = {key: _model(path, dataset) for key, path in models.items() if key[1] == seed}
    mean, seconds = _with_views(loaded, made.images, tta, seed, first)
    found = {}
    for key in loaded:
        scored = {
            f"tta/{name}": (
                metrics.scores(made.labels, mean[key]),
                np.packbits(mean[key].argmax(1) == made.labels),
            )
        }
        found[key] = scored, seconds[key]
    return found


def _with_views(
    models: Mapping[RunKey, keras.Model], images: np.ndarray, tta: Views, seed: int, first: int
) -> tuple[dict[RunKey, np.ndarray], dict[RunKey, dict[str, float]]]:
    """Mean probabilities over each image and its views, float32 `[N, classes]`, by run.

    A batch of one view of the images is in memory at a time.

    Args:
        images: uint8; the index of the first is `first`.
        tta: what views to make, for runs of that `seed`.

    Returns:
        These, and the seconds for 1,000 images. As what is called first is compiled or loaded, a
        pass over the images is timed by the passes over their views, which take the same work.
    """
    engine = tta.engine()
    engine.check(images.shape[1:])  # compiles what it calls
    size = _batch_size(models.values())
    means: dict[RunKey, list[np.ndarray]] = {key: [] for key in models}
    making, passes = 0.0, dict.fromkeys(models, 0.0)
    for start in range(0, len(images), size):
        part = images[start : start + size]
        batch = _as_tensor(part)
        sums = {
            key: saved_models.probabilities(model, batch).astype(np.float64)
            for key, model in models.items()
        }
        for view in range(tta.count):
            jobs.stop_if_interrupted()
            began = time.perf_counter()
            made = views.made(engine, part, seed, view, first + start)
            making += time.perf_counter() - began
            for key, model in models.items():
                began = time.perf_counter()
                probabilities = saved_models.probabilities(model, _as_tensor(made))
                passes[key] += time.perf_counter() - began
                sums[key] += probabilities
        for key in models:
            means[key].append((sums[key] / (tta.count + 1)).astype(np.float32))
    seconds = {}
    for key in models:
        once = passes[key] / tta.count
        taken = {"plain": once, "tta": making + passes[key] + once}
        seconds[key] = {part: 1000 * value / len(images) for part, value in taken.items()}
    return _joined(means), seconds


def _joined(parts: Mapping[RunKey, Sequence[np.ndarray]]) -> dict[RunKey, np.ndarray]:
    return {key: np.concatenate(part) for key, part in parts.items()}


def _exported(sha256: str, path: Path) -> dict[str, np.ndarray]:
    return page_network.exported(_model(path, jobs.dataset_here(sha256)))


# What the report shows ----------------------------------------------------------------------------


def _save_samples(results: Path, dataset: Dataset, trained: Iterable[runs.Run], pool: Pool) -> None:
    """Write `samples.npz`, `weights.npz` and `doubts.npz`."""
    trained = [*trained]
    used = [policy for run in trained if (policy := run.manifest["variant"].get("policy"))]
    variants = runs.read_variants(results)
    models = {
        name: {seed: runs.run_folder(results, name, seed) / runs.MODEL for seed in variant.seeds}
        for name, variant in variants.items()
    }
    models = {
        name: own for name, own in models.items() if all(path.exists() for path in own.values())
    }
    shown = {name: _median_seed(variants[name]) for name in models}
    split = trained[0].manifest["variant"]["validation_split"]
    own = policies.described(used[0]) if used else None
    with terminal.progress("choosing what the report shows", 3) as bar:
        augment = _augmented(own, dataset, split) if own else None
        samples = examples.choose(variants, dataset, augment)
        if own:
            images, index = samples["original_images"], samples["original_index"]
            samples |= examples.at_strengths(own, images, index, dataset.side, dataset.fill)
        bar.reached(1)
        weights = _shown_weights(models, shown, dataset, pool)
        bar.reached(2)
        extras.write_samples(
            results,
            {name: variant.evaluation for name, variant in variants.items()},
            samples,
            weights,
            _doubts(models, shown, dataset, split, pool),
        )


def _augmented(policy: Policy, dataset: Dataset, split: float) -> Callable | None:
    """What a policy makes of training images, for `examples.choose`; None if it leaves them."""
    if not (policy.changes_images or policy.mixes):
        return None

    def augment(images: np.ndarray, key: tuple[int, int, np.ndarray]) -> np.ndarray:
        *when, index = key
        count = max(dataset.training_count(split), index.max() + 1)  # partners are trained on, too
        mixer = Mixer(policy, dataset.x_train[:count], dataset.y_train[:count], dataset.classes)
        return mixer((when[0], when[1]), index)[0]

    return augment


def _median_seed(variant: runs.VariantResults) -> int:
    """The seed of the run of median test accuracy."""
    order = np.lexsort((np.array(variant.seeds), variant.accuracy))
    return variant.seeds[order[(len(order) - 1) // 2]]


Models = Mapping[str, Mapping[int, Path]]  # by variant and seed


def _shown_weights(
    models: Models, shown: Mapping[str, int], dataset: Dataset, pool: Pool
) -> dict[str, np.ndarray]:
    """Of each variant the network of the run that is shown, given by its seed.

    `<variant>_layers` and `<variant>_weights` are those of `page_network.exported`, and
    `<variant>_seed` is the run's seed. Of a network that the page can't run, `<variant>_reason`
    says why instead.
    """
    arrays: dict[str, np.ndarray] = {}
    for name, seed in shown.items():
        pending = {pool.submit(_exported, dataset.sha256, models[name][seed]): name}
        ((_, parts),) = pool.finished(pending)
        arrays |= {f"{name}_{part}": array for part, array in parts.items()}
        arrays[f"{name}_seed"] = np.array(seed)
    return arrays


def _doubts(
    models: Models, shown: Mapping[str, int], dataset: Dataset, split: float, pool: Pool
) -> dict[str, np.ndarray]:
    """What answers are judged by, as `doubts.Judge.load` takes it.

    Under a variant's name it is that of all of its runs, and under `<variant>_shown` that of the
    run that is shown.

    Args:
        split: the share of training images held out; nothing is known of doubts without any.
    """
    judged = {name: [*own.values()] for name, own in models.items()}
    judged |= {f"{name}_shown": [models[name][seed]] for name, seed in shown.items()}
    count = dataset.training_count(split)
    if not judged or count == len(dataset.x_train):
        return {}
    images, labels = dataset.x_train, dataset.y_train
    known = doubts.known(images[:count], labels[:count], images[count:], labels[count:])
    pending = {pool.submit(_judge, dataset.sha256, known, count, judged): ""}
    ((_, judges),) = pool.finished(pending)
    return known.arrays() | {
        key: array for name, judge in judges.items() for key, array in judge.arrays(name).items()
    }


def _judge(
    sha256: str, known: doubts.Known, count: int, models: Mapping[str, Sequence[Path]]
) -> dict[str, doubts.Judge]:
    """A judge of the runs under each name, fitted on the validation images of a dataset.

    There is none of runs of which one diverged.
    """
    dataset = jobs.dataset_here(sha256)
    images, labels = dataset.x_train[count:], dataset.y_train[count:]
    few, few_labels = images[:CORRUPTED], labels[:CORRUPTED]
    loaded = {
        (name, number): [_model(path, dataset)]
        for name, paths in models.items()
        for number, path in enumerate(paths)
    }
    sets: dict[str, list[tuple[np.ndarray, np.ndarray, np.ndarray]]] = {n: [] for n in models}
    for one in (None, *CORRUPTIONS):
        made, truth = (corrupt(few, one, dataset.fill), few_labels) if one else (images, labels)
        found, small = _predictions(loaded, made), doubts.thumbnails(made)
        for name, paths in models.items():
            every = np.stack([found[name, number] for number in range(len(paths))])
            sets[name].append((small, truth, every))
    judges = {name: doubts.fitted(known, own) for name, own in sets.items()}
    return {name: judge for name, judge in judges.items() if judge}
