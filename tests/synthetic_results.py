"""A results folder without training: made-up runs whose numbers a test can check by hand."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd

from mnist_aug.evaluate import examples

POLICY = {
    "name": "default",
    "pipeline": {
        "__class_fullname__": "Compose",
        "p": 1.0,
        "transforms": [
            {"__class_fullname__": "Affine", "p": 0.5, "rotate": [-12, 12], "scale": [0.9, 1.1]},
            {"__class_fullname__": "ElasticTransform", "p": 1.0, "alpha": 50, "sigma": 4},
        ],
    },
}
BESIDE = {  # accuracy of each arm on other test sets
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
    "automatic": {
        "trivialaugment": ("trivialaugment", None, 5, 0.05),
        **{
            f"randaugment-{count}-{magnitude}": (f"randaugment-{count}-{magnitude}", None, 5, 0.06)
            for count in (1, 2)
            for magnitude in (2, 10)
        },
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
}
FOUND = {"learning_rate": 0.002, "layers": [256, 256]}  # what the search changes in both arms
TRIALS = {  # arm: (pruned, validation accuracy) of each trial; the best of both is trial 2
    "baseline": [(False, 0.93), (True, 0.8), (False, 0.96), (False, 0.95), (False, 0.96)],
    "augmented": [(False, 0.5), (False, 0.95), (False, 0.99), (True, 0.97), (False, 0.9)],
}
ERROR_RATES = {"baseline": 0.06, "augmented": 0.04}


def dataset(classes: int = 10, test: int = 200, shape=(28, 28), seed: int = 0) -> SimpleNamespace:
    """Images with a bright bar whose place tells the class, labels in turn."""
    rng = np.random.default_rng(seed)
    labels = np.arange(test) % classes
    images = rng.integers(0, 40, (test, *shape), np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[(2 + label * (shape[0] - 4) // classes) % shape[0]] = 220
        image[:, (2 + label * (shape[1] - 4) // classes) % shape[1]] = 180
    return SimpleNamespace(x_train=images, y_train=labels, x_test=images, y_test=labels)


def shifted(images: np.ndarray, key: tuple) -> np.ndarray:
    """Stands in for a policy: an epoch's roll to the right."""
    _seed, epoch, _positions = key
    return np.roll(images, epoch - 4, axis=-1)


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
    **settings,
) -> dict:
    """Write one run whose correctness is `correct`, bool [N]; returns its row of metrics.csv."""
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
    np.savez_compressed(
        folder / "predictions.npz", labels=labels, probabilities=probabilities.round(5)
    )
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
    manifest = {
        "variant": {
            "name": variant,
            "layers": [128, 128],
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
        "parameters": 118282,
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
        },
        "git": {"commit": "0123456789abcdef0123456789abcdef01234567", "dirty": False},
        "versions": {"python": "3.11.7", "tensorflow": "2.21.0", "numpy": "2.2.0"},
        "device": {"processor": "made-up processor", "cores": 2, "system": "Linux"},
        "command": f"scripts/train.py {variant}",
        "seconds": 8.0 + seed / 10,
        "images_per_second": 90000.0,
        "started": f"2026-01-02T03:{seed:02d}:00Z",
        "weights_sha256": "cd" * 32,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    confusion = np.bincount(labels * classes + predicted, minlength=classes**2)
    confusion = confusion.reshape(classes, classes)
    with np.errstate(invalid="ignore"):
        by_class = confusion.diagonal() / confusion.sum(axis=1)
    return {
        "variant": variant,
        "seed": seed,
        "test_set": "test",
        "accuracy": float(correct.mean()),
        "loss": 0.2 + 0.01 * seed,
        "images": len(labels),
        **{f"accuracy_{k}": value for k, value in enumerate(by_class)},
        "confusion": json.dumps(confusion.tolist()),
    }


def write_beside(results: Path, variant: str, seed: int, test: int) -> list[dict]:
    """Write a run's correctness on `BESIDE`; returns its rows of metrics.csv."""
    rng = np.random.default_rng([seed, len(variant), 1])
    rows, kept = [], {}
    for name, rates in BESIDE.items():
        right = rng.random(test) < rates[variant != "baseline"]
        if name.startswith(("corruption/", "other/")):
            kept[name] = np.packbits(right)
        rows.append(
            {
                "variant": variant,
                "seed": seed,
                "test_set": name,
                "images": test,
                "accuracy": right.mean(),
                "loss": 1.0,
            }
        )
    np.savez_compressed(results / variant / f"seed-{seed:02d}" / "correct.npz", **kept)
    return rows


def write_search(results: Path) -> None:
    """Write the files of a search that started from the arms in the folder."""
    folder = results / "tune"
    folder.mkdir()
    for arm, trials in TRIALS.items():
        manifest = json.loads((results / arm / "seed-00" / "manifest.json").read_text())
        frame = pd.DataFrame(trials, columns=["pruned", "validation"])
        frame.insert(0, "arm", arm)
        frame.insert(1, "trial", range(len(trials)))
        frame.insert(3, "seeds", np.where(frame["pruned"], 1, 2))
        frame["learning_rate"] = [0.0005, 0.004, FOUND["learning_rate"], 0.001, 0.003]
        frame["schedule"] = ["constant", "cosine"] * 2 + ["constant"]
        frame["width"] = [64, 128, FOUND["layers"][0], 128, 64]
        if arm == "augmented":
            frame["rotate_degrees"], frame["scale"] = range(5), np.arange(5) / 50
            frame["elastic_alpha"], frame["elastic_sigma"] = [5, 40, 0, 20, 40], 4.5
            frame["noise"] = [True, False, True, False, False]
        frame.to_csv(folder / f"{arm}.csv", index=False)
        names = list(frame.columns[5:])
        shares = np.arange(len(names), 0, -1) / np.arange(1, len(names) + 1).sum()
        pd.DataFrame({"setting": names, "importance": shares}).to_csv(
            folder / f"{arm}-importance.csv", index=False
        )
        changed = FOUND | ({"policy": "tuned.yaml"} if arm == "augmented" else {})
        best = frame["validation"][2]
        (folder / f"{arm}.json").write_text(
            json.dumps(
                {
                    "changed": changed,
                    "trial": 2,
                    "validation": best,
                    "scores": [best - 0.01, best + 0.01],
                    "first_seed": 1000,
                    "trials": len(trials),
                    "pruned": int(frame["pruned"].sum()),
                    "arm": manifest["variant"],
                    "seeds": 2,
                    "epochs": manifest["variant"]["epochs"],
                    "searched": ["policy"] * (arm == "augmented")
                    + ["learning_rate", "schedule", "width"],
                    "dataset": "ef" * 32,
                    "written": "2026-01-02T05:00:00Z",
                    "command": "scripts/tune.py",
                    **{key: manifest[key] for key in ("versions", "git", "device")},
                }
            )
        )
    (folder / "tuned.yaml").write_text(json.dumps({"transform": POLICY["pipeline"]}))


def write_records(results: Path, rows: dict, test: int = 200, **options) -> None:
    """Write records: the errors of each row's runs on the test images, by the row's name."""
    labels = np.arange(test) % 10
    for name, errors in rows.items():
        written = []
        for seed, error in enumerate(errors):
            right = np.arange(test) >= round(error * test)
            written.append(
                write_run(
                    results / "records", name, seed, right, labels, 10, later_policies=[], **options
                )
            )
            written += [
                {
                    "variant": name,
                    "seed": seed,
                    "test_set": name_,
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
        pd.DataFrame(written).to_csv(results / "records" / name / "metrics.csv", index=False)


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
    beside: bool = False,
    studies=(),
    **options,
) -> Path:
    """Write a whole results folder.

    Args:
        correct: bool [S, N] for each variant; drawn at `ERROR_RATES` when left out, with some
            images harder than others.
        beside: write scores on `BESIDE` too.
        studies: names in `STUDIES` to write; with `tuned`, the files of the search as well.
        options: for `write_run`.
    """
    data = dataset(classes, test, shape)
    rng = np.random.default_rng(7)
    hard = rng.gamma(0.3, 1 / 0.3, test)
    for variant in variants:
        right = (correct or {}).get(variant)
        if right is None:
            right = rng.random((seeds, test)) >= ERROR_RATES.get(variant, 0.05) * hard
        rows = [
            write_run(results, variant, seed, right[seed], data.y_test, classes, shape, **options)
            for seed in range(seeds)
        ]
        if beside:
            rows += [
                row for seed in range(seeds) for row in write_beside(results, variant, seed, test)
            ]
        pd.DataFrame(rows).to_csv(results / variant / "metrics.csv", index=False)
    for study in studies:
        for variant, (policy, images, epochs, error) in STUDIES[study].items():
            described = None if policy is None else POLICY | {"name": policy}
            changed = FOUND if variant.startswith("tuned-") and variant != "tuned-policy" else {}
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
                    **changed,
                )
                for seed in range(seeds)
            ]
            pd.DataFrame(rows).to_csv(results / study / variant / "metrics.csv", index=False)
    if "tuned" in studies:
        write_search(results)
    if bench:
        pd.DataFrame(
            [
                {
                    "benchmark": benchmark,
                    "method": method,
                    "against": slow,
                    "repeat": repeat,
                    "images": 1000,
                    "seconds": seconds * (1 + repeat / 20),
                }
                for benchmark, slow, fast, times in (
                    ("training epoch", "model.fit", "blocks", (0.08, 0.01)),
                    ("default policy", "albumentations", "vectorised", (0.35, 0.008)),
                )
                for method, seconds in zip((slow, fast), times, strict=True)
                for repeat in range(3)
            ]
        ).to_csv(results / "bench.csv", index=False)
        (results / "bench.json").write_text(
            json.dumps(
                {
                    "versions": {"python": "3.11.7"},
                    "device": {"processor": "made-up", "cores": 2},
                    "git": {"commit": "0" * 40, "dirty": False},
                    "started": "2026-01-02T04:00:00Z",
                }
            )
        )
    if samples:
        examples.save(results, data, shifted)
    return results
