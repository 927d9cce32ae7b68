"""A results folder without training: made-up runs whose numbers a test can check by hand."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd

from mnist_aug import examples

POLICY = {"name": "default", "pipeline": {
    "__class_fullname__": "Compose", "p": 1.0, "transforms": [
        {"__class_fullname__": "Affine", "p": 0.5, "rotate": [-12, 12], "scale": [0.9, 1.1]},
        {"__class_fullname__": "ElasticTransform", "p": 1.0, "alpha": 50, "sigma": 4}]}}
BESIDE = {  # accuracy of each arm on other test sets
    "training": (0.99, 0.98), "corruption/fog": (0.2, 0.15), "corruption/rotate": (0.8, 0.9),
    "corruption/zigzag": (0.7, 0.7), "rotation/-10": (0.9, 0.95), "rotation/10": (0.9, 0.95),
    "shift/1": (0.9, 0.95), "noise/0.1": (0.9, 0.8), "other/sklearn-digits": (0.8, 0.9)}
STUDIES = {  # variant: (policy, training images, epochs, error)
    "ablation": {"rotate": ("rotate", None, 5, 0.05), "elastic": ("elastic", None, 5, 0.03),
                 "affine": ("affine", None, 5, 0.045), "no-rotate": ("no-rotate", None, 5, 0.02)},
    "strength": {"default-0.5x": ("default-0.5x", None, 5, 0.05),
                 "default-2x": ("default-2x", None, 5, 0.06)},
    "data-efficiency": {"baseline-100": (None, 100, 5, 0.24), "augmented-100": ("default", 100, 5,
                                                                                0.12)},
    "epochs": {"baseline-long": (None, None, 20, 0.06), "augmented-long": ("default", None, 20,
                                                                           0.03)}}
ERROR_RATES = {"baseline": 0.06, "augmented": 0.04}


def dataset(classes: int = 10, test: int = 200, shape=(28, 28), seed: int = 0) -> SimpleNamespace:
    """Images with a bright bar whose place tells the class, labels in turn."""
    rng = np.random.default_rng(seed)
    labels = np.arange(test) % classes
    images = rng.integers(0, 40, (test, *shape), np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[2 + label * (shape[0] - 4) // classes] = 220
        image[:, 2 + label * (shape[1] - 4) // classes] = 180
    return SimpleNamespace(x_train=images, y_train=labels, x_test=images, y_test=labels)


def shifted(images: np.ndarray, key: tuple) -> np.ndarray:
    """Stands in for a policy: an epoch's roll to the right."""
    _seed, epoch, _positions = key
    return np.roll(images, epoch - 4, axis=-1)


def write_run(results: Path, variant: str, seed: int, correct: np.ndarray, labels: np.ndarray,
              classes: int, shape=(28, 28), name: str = "mnist", embedded: bool = False,
              epochs: int = 5, **settings) -> dict:
    """Write one run whose correctness is `correct`, bool [N]; returns its row of metrics.csv."""
    folder = results / variant / f"seed-{seed:02d}"
    folder.mkdir(parents=True)
    rng = np.random.default_rng([seed, len(variant)])
    predicted = np.where(correct, labels, (labels + 1 + rng.integers(0, classes - 1, len(labels))
                                           * (rng.random(len(labels)) < 0.4)) % classes)
    predicted = np.where(~correct & (predicted == labels), (labels + 1) % classes, predicted)
    probabilities = np.full((len(labels), classes), 0.1 / (classes - 1), np.float32)
    probabilities[np.arange(len(labels)), predicted] = 0.9
    np.savez_compressed(folder / "predictions.npz", labels=labels,
                        probabilities=probabilities.round(5))
    augmented = variant != "baseline"
    epoch = np.arange(1, epochs + 1)
    fall = np.exp(-epoch / 3) * (1.3 if augmented else 1.0) + rng.normal(0, 0.01, epochs)
    pd.DataFrame({"epoch": epoch, "loss": 0.1 + fall, "accuracy": 0.97 - 0.3 * fall,
                  "val_loss": 0.15 + fall, "val_accuracy": 0.96 - 0.25 * fall}).to_csv(
                      folder / "history.csv", index=False)
    manifest = {
        "variant": {"name": variant, "layers": [128, 128], "optimizer": "adam",
                    "learning_rate": 0.001, "loss": "sparse_categorical_crossentropy",
                    "batch_size": 32, "epochs": epochs, "validation_split": 0.2,
                    "policy": POLICY if augmented else None, "training_images": None, **settings},
        "parameters": 118282, "seed": seed,
        "dataset": {"name": name, "origin": "made up for a test", "sha256": "ab" * 32,
                    "embedded": embedded, "train": 4 * len(labels), "validation": len(labels),
                    "test": len(labels), "image_shape": list(shape), "classes": classes},
        "git": {"commit": "0123456789abcdef0123456789abcdef01234567", "dirty": False},
        "versions": {"python": "3.11.7", "tensorflow": "2.21.0", "numpy": "2.2.0"},
        "device": {"processor": "made-up processor", "cores": 2, "system": "Linux"},
        "command": f"scripts/train.py {variant}", "seconds": 8.0 + seed / 10,
        "images_per_second": 90000.0, "started": f"2026-01-02T03:{seed:02d}:00Z",
        "weights_sha256": "cd" * 32}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    confusion = np.bincount(labels * classes + predicted, minlength=classes**2)
    confusion = confusion.reshape(classes, classes)
    by_class = confusion.diagonal() / confusion.sum(axis=1)
    return {"variant": variant, "seed": seed, "test_set": "test",
            "accuracy": float(correct.mean()), "loss": 0.2 + 0.01 * seed,
            "images": len(labels),
            **{f"accuracy_{k}": value for k, value in enumerate(by_class)},
            "confusion": json.dumps(confusion.tolist())}


def write_beside(results: Path, variant: str, seed: int, test: int) -> list[dict]:
    """Write a run's correctness on `BESIDE`; returns its rows of metrics.csv."""
    rng = np.random.default_rng([seed, len(variant), 1])
    rows, kept = [], {}
    for name, rates in BESIDE.items():
        right = rng.random(test) < rates[variant != "baseline"]
        if name.startswith(("corruption/", "other/")):
            kept[name] = np.packbits(right)
        rows.append({"variant": variant, "seed": seed, "test_set": name, "images": test,
                     "accuracy": right.mean(), "loss": 1.0})
    np.savez_compressed(results / variant / f"seed-{seed:02d}" / "correct.npz", **kept)
    return rows


def write(results: Path, seeds: int = 3, classes: int = 10, test: int = 200, shape=(28, 28),
          variants=("baseline", "augmented"), correct: dict | None = None, bench: bool = True,
          samples: bool = True, beside: bool = False, studies=(), **options) -> Path:
    """Write a whole results folder.

    Args:
        correct: bool [S, N] for each variant; drawn at `ERROR_RATES` when left out, with some
            images harder than others.
        beside: write scores on `BESIDE` too.
        studies: names in `STUDIES` to write.
        options: for `write_run`.
    """
    data = dataset(classes, test, shape)
    rng = np.random.default_rng(7)
    hard = rng.gamma(0.3, 1 / 0.3, test)
    for variant in variants:
        right = (correct or {}).get(variant)
        if right is None:
            right = rng.random((seeds, test)) >= ERROR_RATES.get(variant, 0.05) * hard
        rows = [write_run(results, variant, seed, right[seed], data.y_test, classes, shape,
                          **options) for seed in range(seeds)]
        if beside:
            rows += [row for seed in range(seeds) for row in write_beside(results, variant, seed,
                                                                          test)]
        pd.DataFrame(rows).to_csv(results / variant / "metrics.csv", index=False)
    for study in studies:
        for variant, (policy, images, epochs, error) in STUDIES[study].items():
            described = None if policy is None else POLICY | {"name": policy}
            rows = [write_run(results / study, variant, seed, rng.random(test) >= error,
                              data.y_test, classes, shape, **options | {"epochs": epochs},
                              policy=described, training_images=images) for seed in range(seeds)]
            pd.DataFrame(rows).to_csv(results / study / variant / "metrics.csv", index=False)
    if bench:
        pd.DataFrame([
            {"benchmark": benchmark, "method": method, "against": slow, "repeat": repeat,
             "images": 1000, "seconds": seconds * (1 + repeat / 20)}
            for benchmark, slow, fast, times in (
                ("training epoch", "model.fit", "blocks", (0.08, 0.01)),
                ("default policy", "albumentations", "vectorised", (0.35, 0.008)))
            for method, seconds in zip((slow, fast), times, strict=True)
            for repeat in range(3)]).to_csv(results / "bench.csv", index=False)
        (results / "bench.json").write_text(json.dumps({
            "versions": {"python": "3.11.7"}, "device": {"processor": "made-up", "cores": 2},
            "git": {"commit": "0" * 40, "dirty": False}, "started": "2026-01-02T04:00:00Z"}))
    if samples:
        examples.save(results, data, shifted)
    return results
