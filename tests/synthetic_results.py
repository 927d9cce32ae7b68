"""A results folder without training: made-up runs whose numbers a test can check by hand.

Files are written first and signed last: `sign` writes the manifests that answer for them, as
training and evaluation do. A test that changes a file as these would have written it signs again.
"""

import hashlib
import json
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd

from mnist_aug.analysis import metrics
from mnist_aug.augment import policy as policies
from mnist_aug.evaluate import examples
from mnist_aug.results import extras, files, runs

POLICY = {
    "name": "default",
    "pipeline": {
        "__class_fullname__": "Compose",
        "p": 1.0,
        "transforms": [
            {
                "__class_fullname__": "Affine",
                "p": 0.5,
                "rotate": [-12, 12],
                "scale": {"x": [0.9, 1.1], "y": [0.9, 1.1]},
            },
            {
                "__class_fullname__": "ElasticTransform",
                "p": 1.0,
                "alpha": 50,
                "sigma": 4,
                "approximate": False,
                "same_dxdy": False,
                "noise_distribution": "gaussian",
            },
        ],
    },
}


def named(policy: str) -> dict:
    """A policy of that name, which does something that no other does."""
    if policy == POLICY["name"]:
        return POLICY
    pipeline = POLICY["pipeline"] | {"p": 1 - zlib.crc32(policy.encode()) / 2**40}
    return {"name": policy, "pipeline": pipeline}


# What manifests say of digits, bright on dark, that nothing is amiss with.
DESCRIBED = {"background": 0, "kind": "digit", "notes": [], "warnings": []}
FASHION = [
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
]
LETTERS = [*"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt"]  # EMNIST's 47 balanced classes
OTHER_SETS = {  # accuracy of baseline and augmented on other evaluation sets
    "validation": (0.92, 0.94),
    "training": (0.99, 0.98),
    "corruption/fog": (0.2, 0.15),
    "corruption/rotate": (0.8, 0.9),
    "corruption/zigzag": (0.7, 0.7),
    "rotation/-10": (0.9, 0.95),
    "rotation/10": (0.9, 0.95),
    "shift/1": (0.9, 0.95),
    "noise/0.1": (0.9, 0.8),
    "other/sklearn-digits": (0.8, 0.9),
}
STUDIES = {  # variant: (policy, training images, epochs, error)
    "ablation": {
        "rotate": ("rotate", None, 5, 0.05),
        "elastic": ("elastic", None, 5, 0.03),
        "affine": ("affine", None, 5, 0.045),
        "no-rotate": ("no-rotate", None, 5, 0.02),
    },
    "strength": {
        "default-0.5x": ("default-0.5x", None, 5, 0.05),
        "default-2x": ("default-2x", None, 5, 0.06),
    },
    "data-efficiency": {
        "baseline-100": (None, 100, 5, 0.24),
        "augmented-100": ("default", 100, 5, 0.12),
    },
    "compare": {
        "affine": ("affine", None, 5, 0.05),
        "mixup-0.2": ("mixup:0.2", None, 5, 0.07),
        "mine.yaml": ("mine.yaml", None, 5, 0.12),
    },
    "tuned": {
        "tuned-baseline": (None, None, 5, 0.05),
        "tuned-policy": ("tuned.yaml", None, 5, 0.04),
        "tuned-training": ("default", None, 5, 0.035),
        "tuned-augmented": ("tuned.yaml", None, 5, 0.03),
    },
    "epochs": {
        "baseline-long": (None, None, 20, 0.06),
        "augmented-long": ("default", None, 20, 0.03),
    },
    "variance": {
        "baseline-resampled": (None, None, 5, 0.06),
        "augmented-resampled": ("default", None, 5, 0.04),
    },
    "grid": {
        "rotate": ("rotate", None, 5, 0.05),
        "rotate-2x": ("rotate-2x", None, 5, 0.07),
        "elastic": ("elastic", None, 5, 0.03),
        "elastic-0.5x": ("elastic-0.5x", None, 5, 0.04),
    },
}
FOUND = {"learning_rate": 0.002, "layers": [256, 256]}  # what the search changes in both variants
SEARCHED = ("learning_rate", "schedule")  # in both variants; the width where they are dense
TRIALS = {  # variant: (pruned, validation accuracy) of each trial; the best of both is trial 2
    "baseline": [(False, 0.93), (True, 0.8), (False, 0.96), (False, 0.95), (False, 0.96)],
    "augmented": [(False, 0.5), (False, 0.95), (False, 0.99), (True, 0.97), (False, 0.9)],
}
PARAMETERS = {"dense": 118282, "cnn": 34826}
ERROR_RATES = {"baseline": 0.06, "augmented": 0.04}


def _layer(kind: str, name: str, *before: str, **config) -> dict:
    """As in the config of a functional model; `before` are the layers that it takes from."""
    taken = [
        {"class_name": "__keras_tensor__", "config": {"keras_history": [one, 0, 0]}}
        for one in before
    ]
    nodes = [{"args": taken if len(taken) < 2 else [taken], "kwargs": {}}] if taken else []
    return {
        "module": "keras.layers",
        "class_name": kind,
        "config": {"name": name, **config},
        "name": name,
        "inbound_nodes": nodes,
    }


def _chain(*layers: dict) -> dict:
    return {"module": "keras", "class_name": "Sequential", "config": {"layers": [*layers]}}


def architecture(model: str, shape, classes: int, layers=()) -> dict:
    """Keras's config of a dense network, the built-in `cnn`, or of a residual network."""

    def entry(*shape: int) -> dict:
        return _layer("InputLayer", "input_layer", batch_shape=[None, *shape])

    def convolution(filters: int, number: int, *before: str, **settings) -> dict:
        usual = {"kernel_size": [3, 3], "strides": [1, 1], "padding": "valid", "activation": "relu"}
        return _layer("Conv2D", f"conv2d_{number}", *before, filters=filters, **usual | settings)

    pool = _layer("MaxPooling2D", "max_pooling2d", pool_size=[2, 2], strides=[2, 2])
    flatten, channels = _layer("Flatten", "flatten"), (*shape, 1)[:3]
    if model == "dense":
        hidden = [_layer("Dense", "dense", units=units, activation="relu") for units in layers]
        last = _layer("Dense", "dense", units=classes, activation="softmax")
        return _chain(entry(*shape), flatten, *hidden, last)
    if model == "cnn":
        return _chain(
            entry(*channels),
            convolution(32, 0),
            pool,
            convolution(64, 1),
            pool,
            flatten,
            _layer("Dropout", "dropout", rate=0.5),
            _layer("Dense", "dense", units=classes, activation="softmax"),
        )
    end = _layer("Dense", "dense", "pooled", units=classes, activation="softmax")
    return {
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "config": {
            "layers": [
                entry(*channels),
                convolution(16, 0, "input_layer", strides=[2, 2], padding="same"),
                convolution(16, 1, "conv2d_0", padding="same", activation="linear"),
                _layer("BatchNormalization", "normalised", "conv2d_1"),
                _layer("Add", "add", "conv2d_0", "normalised"),
                _layer("GlobalAveragePooling2D", "pooled", "add"),
                end,
            ]
        },
    }


def dataset(classes: int = 10, test: int = 200, shape=(28, 28), seed: int = 0) -> SimpleNamespace:
    """Images with a bright bar whose place tells the class, labels in turn.

    Args:
        shape: (H, W), or (H, W, 3); in colour each class has its own.
    """
    rng = np.random.default_rng(seed)
    labels = np.arange(test) % classes
    images = rng.integers(0, 40, (test, *shape), np.uint8)
    for image, label in zip(images, labels, strict=True):
        # Within a margin as wide as MNIST's.
        top, left = (side // 7 for side in shape[:2])
        inner = image[top : shape[0] - top, left : shape[1] - left]
        inner[label * len(inner) // classes] = 220
        inner[:, label * inner.shape[1] // classes] = 180
        image[..., label % 3 :: 3] //= 1 + (len(shape) == 3)
    return SimpleNamespace(x_train=images, y_train=labels, x_test=images, y_test=labels, fill=0)


def shifted(images: np.ndarray, key: tuple) -> np.ndarray:
    """Stands in for a policy: an epoch's roll to the right."""
    _seed, epoch, _positions = key
    return np.roll(images, epoch - 4, axis=2)


def write_run(
    results: Path,
    variant: str,
    seed: int,
    correct: np.ndarray,
    labels: np.ndarray,
    classes: int,
    shape=(28, 28),
    name: str = "mnist",
    sha256: str = "ab" * 32,
    epochs: int = 5,
    described: dict | None = None,
    model: str = "dense",
    seconds: float = 8.0,
    predictions: str = "logarithms",
    temperature: float = 1.25,
    **settings,
) -> dict:
    """Write one run, correct as in `correct`, bool [N]; returns its row of metrics.csv.

    Args:
        described: what is said of the dataset in other words than those of `DESCRIBED`.
        model: `dense`, `cnn`, or a user's, as `resnet.py:build`, a small residual network.
        seconds: that training with seed 0 took; each further seed took a tenth more.
        predictions: stored are `logarithms` of probabilities with the temperature, as of both
            models; `classes` alone, as of most studies; or `rounded` probabilities, as by earlier
            versions.
    """
    folder = results / variant / f"seed-{seed:02d}"
    folder.mkdir(parents=True)
    rng = np.random.default_rng([seed, len(variant)])
    predicted = np.where(
        correct,
        labels,
        (labels + 1 + rng.integers(0, classes - 1, len(labels)) * (rng.random(len(labels)) < 0.4))
        % classes,
    )
    predicted = np.where(~correct & (predicted == labels), (labels + 1) % classes, predicted)
    probabilities = np.full((len(labels), classes), 0.1 / (classes - 1), np.float32)
    probabilities[np.arange(len(labels)), predicted] = 0.9
    stored = probabilities.round(5)
    kept = {
        "temperature": np.array(temperature, np.float32),
        "log_probabilities": np.log(stored).astype(np.float16),
    }
    if predictions != "logarithms":
        kept = {"classes": {"predicted": predicted}, "rounded": {"probabilities": stored}}[
            predictions
        ]
    np.savez_compressed(folder / "predictions.npz", labels=labels, **kept)
    augmented = variant != "baseline"
    epoch = np.arange(1, epochs + 1)
    fall = np.exp(-epoch / 3) * (1.3 if augmented else 1.0) + rng.normal(0, 0.01, epochs)
    pd.DataFrame(
        {
            "epoch": epoch,
            "loss": 0.1 + fall,
            "accuracy": 0.97 - 0.3 * fall,
            "val_loss": 0.15 + fall,
            "val_accuracy": 0.96 - 0.25 * fall,
        }
    ).to_csv(folder / "history.csv", index=False)
    layers = settings.pop("layers", [128, 128]) if model == "dense" else None
    built = architecture(model, shape, classes, layers)
    named, source = {"name": model}, {}
    if model in PARAMETERS:
        parameters = PARAMETERS[model]
    else:
        parameters, named["digest"] = 77000, "78" * 6
        source = {"model_source": {"file": model.partition(":")[0], "sha256": "9a" * 32}}
    manifest = {
        "variant": {
            "name": variant,
            "model": named,
            "layers": layers,
            "optimizer": "adam",
            "learning_rate": 0.001,
            "loss": "sparse_categorical_crossentropy",
            "batch_size": 32,
            "epochs": epochs,
            "validation_split": 0.2,
            "policy": POLICY if augmented else None,
            "training_images": None,
            **settings,
        },
        "architecture": built,
        **source,
        "parameters": parameters,
        "seed": seed,
        "dataset": {
            "name": name,
            "origin": "made up for a test",
            "sha256": sha256,
            "train": 4 * len(labels),
            "validation": len(labels),
            "test": len(labels),
            "image_shape": list(shape),
            "classes": classes,
            "class_names": list(map(str, range(classes))),
            **DESCRIBED,
            **(described or {}),
        },
        "git": {"commit": "0123456789abcdef0123456789abcdef01234567", "dirty": False},
        "versions": {"python": "3.11.7", "tensorflow": "2.21.0", "numpy": "2.2.0"},
        "device": {"processor": "made-up processor", "cores": 2, "system": "Linux"},
        "command": f"scripts/train.py {variant}",
        "seconds": seconds + seed / 10,
        "images_per_second": 90000.0,
        "started": f"2026-01-02T03:{seed:02d}:00Z",
        "weights_sha256": hashlib.sha256(f"{variant} {seed}".encode()).hexdigest(),
        "fingerprint": {"training": "12" * 32, "augmentation": "34" * 32 if augmented else None},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return {
        "variant": variant,
        "seed": seed,
        "eval_set": "test",
        **metrics.scores(labels, stored),
        "accuracy": float(correct.mean()),
        "loss": 0.2 + 0.01 * seed,
    }


def write_sets(results: Path, variant: str, seed: int, sets: dict[str, np.ndarray]) -> list[dict]:
    """Write what a run reads right on evaluation sets, bool [M] each; returns their rows."""
    compared = ("validation", "corruption/", "other/")
    bits = {name: np.packbits(one) for name, one in sets.items() if name.startswith(compared)}
    np.savez_compressed(results / variant / f"seed-{seed:02d}" / runs.CORRECT, **bits)
    return [
        {
            "variant": variant,
            "seed": seed,
            "eval_set": name,
            "images": len(right),
            "accuracy": right.mean(),
            "loss": 1.0,
        }
        for name, right in sets.items()
    ]


def drawn_sets(variant: str, seed: int, test: int, only: tuple[str, ...] = ("",)) -> dict:
    """What a run reads right on those of `OTHER_SETS` whose names start with one of `only`."""
    own = [len(variant)] if variant in runs.BOTH else [*variant.encode()]
    rng = np.random.default_rng([seed, *own, 1])
    drawn = {k: rng.random(test) < v[variant != "baseline"] for k, v in OTHER_SETS.items()}
    return {name: right for name, right in drawn.items() if name.startswith(only)}


def write_policies(
    results: Path, policies: dict[str, dict[str, np.ndarray]], classes: int = 10, **options
) -> None:
    """Write variants of `make compare`, and sign the folder.

    Args:
        policies: by policy, what its runs read right: bool [S, M] by evaluation set, `test`
            among them.
        options: for `write_run`; of one policy those under its name.
    """
    for policy, sets in policies.items():
        variant, rows = policy.replace(":", "-").replace("/", "-"), []
        own = options.get(policy, {})
        usual = {key: value for key, value in options.items() if key not in policies}
        for seed, right in enumerate(sets["test"]):
            labels = np.arange(len(right)) % classes
            described = named(policy)
            written = {"policy": described, **usual, **own}
            rows.append(
                write_run(results / "compare", variant, seed, right, labels, classes, **written)
            )
            others = {name: every[seed] for name, every in sets.items() if name != "test"}
            rows += write_sets(results / "compare", variant, seed, others)
        pd.DataFrame(rows).to_csv(results / "compare" / variant / runs.METRICS, index=False)
    sign(results)


def _found(model: str) -> dict:
    """What the search changes: the width of a dense network alone."""
    return FOUND if model == "dense" else {k: v for k, v in FOUND.items() if k != "layers"}


def write_search(results: Path) -> None:
    """Write the files of a search that started from the variants in the folder."""
    for name, trials in TRIALS.items():
        manifest = json.loads((results / name / "seed-00" / "manifest.json").read_text())
        found, searched = _found(manifest["variant"]["model"]["name"]), [*SEARCHED]
        frame = pd.DataFrame(trials, columns=["pruned", "validation"])
        frame.insert(0, "trial", range(len(trials)))
        frame.insert(2, "seeds", np.where(frame["pruned"], 1, 2))
        frame["learning_rate"] = [0.0005, 0.004, FOUND["learning_rate"], 0.001, 0.003]
        frame["schedule"] = ["constant", "cosine"] * 2 + ["constant"]
        if "layers" in found:
            searched.append("width")
            frame["width"] = [64, 128, FOUND["layers"][0], 128, 64]
        policy = {}
        if name == "augmented":
            frame["rotate_degrees"], frame["scale"] = range(5), np.arange(5) / 50
            frame["elastic_alpha"], frame["elastic_sigma"] = [5, 40, 0, 20, 40], 4.5
            frame["noise"] = [True, False, True, False, False]
            policy = {"pipeline": POLICY["pipeline"]}
        settings = list(frame.columns[4:])
        shares = np.arange(len(settings), 0, -1) / np.arange(1, len(settings) + 1).sum()
        best = float(frame["validation"][2])
        about = {
            "changed": found | ({"policy": "tuned.yaml"} if policy else {}),
            **policy,
            "trial": 2,
            "validation": best,
            "scores": [best - 0.01, best + 0.01],
            "first_seed": 1000,
            "trials": len(trials),
            "pruned": int(frame["pruned"].sum()),
            "start": manifest["variant"],
            "seeds": 2,
            "epochs": manifest["variant"]["epochs"],
            "searched": ["policy"] * bool(policy) + searched,
            "dataset": "ef" * 32,
            "written": "2026-01-02T05:00:00Z",
            "command": "scripts/tune.py",
            **{key: manifest[key] for key in ("versions", "git", "device")},
        }
        importance = pd.DataFrame({"setting": settings, "importance": shares})
        extras.write_search(
            extras.search_folder(results),
            extras.Search(name, about, frame, importance),
            json.dumps({"transform": POLICY["pipeline"]}).encode() if policy else None,
        )


def write_published(results: Path, rows: dict, test: int = 200, **options) -> None:
    """Write rows of published results: the errors of each row's runs, by the row's name."""
    labels = np.arange(test) % 10
    for name, errors in rows.items():
        written = []
        for seed, error in enumerate(errors):
            right = np.arange(test) >= round(error * test)
            written.append(
                write_run(
                    results / "published",
                    name,
                    seed,
                    right,
                    labels,
                    10,
                    later_policies=[],
                    **options,
                )
            )
            written += [
                {
                    "variant": name,
                    "seed": seed,
                    "eval_set": name_,
                    "images": test,
                    "accuracy": value,
                    "loss": 1.0,
                }
                for name_, value in (
                    ("training", 1 - error / 3),
                    ("corruption/fog", 0.2 + seed / 100),
                    ("corruption/rotate", 0.7),
                    ("other/sklearn-digits", 0.95),
                )
            ]
        pd.DataFrame(written).to_csv(results / "published" / name / "metrics.csv", index=False)
    sign(results / "published")


def write_recipes(results: Path, recipes: dict, test: int = 200) -> None:
    """Write recipes: the last validation accuracy of each run, by the recipe's name."""
    for name, accuracies in recipes.items():
        for seed, accuracy in enumerate(accuracies):
            write_run(
                results / "recipes",
                name,
                seed,
                np.ones(test, bool),
                np.arange(test) % 10,
                10,
                later_policies=[],
            )
            path = results / "recipes" / name / f"seed-{seed:02d}" / "history.csv"
            table = pd.read_csv(path)
            table.loc[len(table) - 1, "val_accuracy"] = accuracy
            table.to_csv(path, index=False)
    sign(results / "recipes")


def write(
    results: Path,
    seeds: int = 3,
    classes: int = 10,
    test: int = 200,
    shape=(28, 28),
    variants=("baseline", "augmented"),
    correct: dict | None = None,
    bench: bool = True,
    samples: bool = True,
    other_sets: bool = False,
    studies=(),
    **options,
) -> Path:
    """Write a whole results folder.

    Args:
        correct: bool [S, N] for each variant, or these by evaluation set, `test` among them; drawn
            at `ERROR_RATES` when left out, with some images harder than others.
        other_sets: write scores on `OTHER_SETS`, too. Without, the folder is as one of an earlier
            version, whose validation images were not scored one by one.
        studies: names in `STUDIES` to write; with `tuned`, the files of the search as well.
        options: for `write_run`.
    """
    data = dataset(classes, test, shape)
    rng = np.random.default_rng(7)
    hard = rng.gamma(0.3, 1 / 0.3, test)
    for variant in variants:
        sets = (correct or {}).get(variant)
        if sets is None:
            sets = rng.random((seeds, test)) >= ERROR_RATES.get(variant, 0.05) * hard
        sets = sets if isinstance(sets, dict) else {"test": sets}
        rows = []
        for seed, right in enumerate(sets["test"]):
            rows.append(
                write_run(results, variant, seed, right, data.y_test, classes, shape, **options)
            )
            others = {name: every[seed] for name, every in sets.items() if name != "test"}
            if other_sets:
                others = drawn_sets(variant, seed, test) | others
            if others:
                rows += write_sets(results, variant, seed, others)
        pd.DataFrame(rows).to_csv(results / variant / "metrics.csv", index=False)
    for study in studies:
        for variant, (policy, images, epochs, error) in STUDIES[study].items():
            described = None if policy is None else POLICY | {"name": policy}
            if study == "compare":
                described = named(policy)
            found = variant.startswith("tuned-") and variant != "tuned-policy"
            changed = _found(options.get("model", "dense")) if found else {}
            if study == "variance":
                changed = {"resampled": True}
            rows = [
                write_run(
                    results / study,
                    variant,
                    seed,
                    rng.random(test) >= error,
                    data.y_test,
                    classes,
                    shape,
                    **options | {"epochs": epochs},
                    policy=described,
                    training_images=images,
                    predictions="logarithms" if study == "compare" else "classes",
                    **changed,
                )
                for seed in range(seeds)
            ]
            if study in ("compare", "tuned") and other_sets:
                only = ("validation", "corruption/", "other/")
                for seed in range(seeds):
                    own = drawn_sets(variant, seed, test, only)
                    rows += write_sets(results / study, variant, seed, own)
            pd.DataFrame(rows).to_csv(results / study / variant / "metrics.csv", index=False)
    if "tuned" in studies:
        write_search(results)
    sign(results)
    if bench:
        times = pd.DataFrame(
            [
                {
                    "benchmark": benchmark,
                    "method": method,
                    "against": slow,
                    "repeat": repeat,
                    "images": 1000,
                    "seconds": seconds * (1 + repeat / 20),
                }
                for benchmark, slow, fast, seconds_of in (
                    ("training epoch", "model.fit", "blocks", (0.08, 0.01)),
                    ("default policy", "albumentations", "vectorised", (0.35, 0.008)),
                )
                for method, seconds in zip((slow, fast), seconds_of, strict=True)
                for repeat in range(3)
            ]
        )
        host = {
            "dataset": options.get("name", "mnist"),
            "dataset_sha256": options.get("sha256", "ab" * 32),
            "versions": {"python": "3.11.7"},
            "device": {"processor": "made-up", "cores": 2},
            "git": {"commit": "0" * 40, "dirty": False},
            "started": "2026-01-02T04:00:00Z",
        }
        extras.write_benchmark(results, host, times)
    if samples:
        write_samples(results, data)
    return results


def write_samples(
    results: Path,
    data: SimpleNamespace,
    weights: dict | None = None,
    doubts: dict | None = None,
    strengths: bool = False,
) -> None:
    """Choose samples as evaluation does, without models: weights and doubts are given, if any.

    Args:
        strengths: have images at several strengths, by the default policy as it is.
    """
    variants = runs.read_variants(results)
    samples = examples.choose(variants, data, shifted)
    if strengths:
        images, index = samples["original_images"], samples["original_index"]
        side = min(images.shape[1:3])
        default = policies.load("default", side, data.fill)
        samples |= examples.at_strengths(default, images, index, side, data.fill)
    extras.write_samples(
        results,
        {name: variant.evaluation for name, variant in variants.items()},
        samples,
        weights or {},
        doubts or {},
    )


def write_tta(results: Path, views: int = 8, seconds=(0.004, 0.06), **found: dict) -> None:
    """Write test-time augmentation by the default policy into a folder, and sign it.

    Args:
        seconds: for 1,000 images, plain and with it.
        found: bool [S, N] by name of the set, `tta/test` and perhaps `validation` and
            `tta/validation`, for each variant.
    """
    for variant, sets in found.items():
        path = results / variant / runs.METRICS
        rows = []
        for name, every in sets.items():
            for seed, right in enumerate(every):
                row = {"variant": variant, "seed": seed, "eval_set": name, "images": len(right)}
                rows.append(row | {"accuracy": right.mean(), "loss": 1.0, "brier": 0, "ece": 0})
                file = path.parent / f"seed-{seed:02d}" / runs.CORRECT
                kept = dict(np.load(file)) if file.exists() else {}
                np.savez_compressed(file, **kept | {name: np.packbits(right)})
        before = pd.read_csv(path)
        before = before[~before["eval_set"].isin(sets)]
        pd.concat([before, pd.DataFrame(rows)]).to_csv(path, index=False)
    sign(results)
    for variant in found:
        path = results / variant / runs.EVALUATION
        used = {
            "views": views,
            "policy": POLICY,
            "seconds_per_1000_images": dict(zip(("plain", "tta"), seconds, strict=True)),
        }
        held = {
            name: (path.parent / name).read_bytes()
            for name in json.loads(path.read_text())["files"]
        }
        path.write_bytes(files.manifest_bytes(content(path) | {"tta": used}, held))


def networks(shape, classes: int, seeds=(0, 0)) -> dict[str, np.ndarray]:
    """Weights of untrained networks for the drawing page, as evaluation writes them."""
    rng = np.random.default_rng(3)
    sizes = np.array([np.prod(shape), 4, classes])
    count = int(((sizes[:-1] + 1) * sizes[1:]).sum())
    return {
        f"{model}_{part}": value
        for model, seed in zip(runs.BOTH, seeds, strict=True)
        for part, value in (
            ("sizes", sizes),
            ("seed", np.array(seed)),
            ("weights", rng.normal(0, 0.1, count).astype(np.float32)),
        )
    }


def sign(folder: Path) -> None:
    """Write the manifests of all runs and evaluations in a folder and below, as they are now."""
    for path in sorted(folder.rglob("seed-*/manifest.json")):
        held = {runs.HISTORY: (path.parent / runs.HISTORY).read_bytes()}
        if (model := path.with_name(runs.MODEL)).exists():
            held[runs.MODEL] = model.read_bytes()
        path.write_bytes(files.manifest_bytes(content(path), held))
    for path in sorted(folder.rglob(runs.METRICS)):
        variant = path.parent
        manifests = {
            one.parent.name.removeprefix("seed-"): content(one)
            for one in sorted(variant.glob("seed-*/manifest.json"))
        }
        seeds = [f"{seed:02d}" for seed in sorted({*pd.read_csv(path)["seed"]})]
        first = manifests.get(seeds[0]) or {
            "variant": {"name": variant.name, "members": 3},
            "dataset": content(next(folder.rglob("seed-*/manifest.json")))["dataset"],
        }
        about = {
            "variant": first["variant"],
            "dataset": first["dataset"],
            "runs": {
                seed: manifests[seed]["weights_sha256"] if seed in manifests else None
                for seed in seeds
            },
        }
        held = {
            one.relative_to(variant).as_posix(): one.read_bytes()
            for one in (path, *sorted(variant.glob("seed-*/*.npz")))
        }
        (variant / runs.EVALUATION).write_bytes(files.manifest_bytes(about, held))


def content(path: Path) -> dict:
    """What a manifest says, without what `sign` adds."""
    whole = json.loads(path.read_text())
    return {key: whole[key] for key in whole if key not in ("format", "files", "sha256")}
