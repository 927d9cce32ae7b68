"""Model card and data card: what was trained, on what, and what it is good for."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.models import CNN, DENSE, name_of
from mnist_aug.data.dataset import DIGITS_SHA256, FASHION_SHA256, MNIST_SHA256
from mnist_aug.formatting import counted, listed, percent, span
from mnist_aug.report import architecture
from mnist_aug.report.sentences import closed
from mnist_aug.report.tables import Table, names_of
from mnist_aug.results.runs import BOTH, model_of

DESCRIBED = {  # by the SHA-256 of the dataset, so that no other one is taken for it
    MNIST_SHA256: (
        "Digits that employees of the US Census Bureau and high-school students wrote on forms, "
        "scanned, made to fit a box of 20 by 20 pixels and centred by mass (LeCun, Bottou, Bengio "
        "and Haffner 1998, from NIST's Special Databases 1 and 3). Writers of the training images "
        "wrote none of the test images. Some test labels are known to be wrong or open to doubt "
        "(Northcutt, Athalye and Mueller 2021)."
    ),
    FASHION_SHA256: (
        "Photos of clothes, shoes and bags from the shop Zalando, reduced to 28 by 28 grey pixels, "
        "bright on black, in as many training and test images as MNIST has, and meant to replace "
        "it (Xiao, Rasul and Vollgraf 2017)."
    ),
    DIGITS_SHA256: (
        "Digits written by 13 people, scanned at 32 by 32 and reduced to 8 by 8 (the test part "
        "of Alpaydin and Kaynak 1998, by way of scikit-learn), enlarged again to MNIST's form. "
        "The files do not name the writers, so one may be in training and test images."
    ),
}
LISTED = 100  # at most so many classes are named
UNKNOWN = "Who made the images, and of {}, the dataset's files do not say."


def model_card(
    content: Comparison,
    by_class: pd.DataFrame,
    corruptions: pd.DataFrame | None,
    transfer: pd.DataFrame | None,
) -> Table:
    """After Mitchell et al. 2019, "Model cards for model reporting".

    Args:
        by_class, corruptions, transfer: the frames of these tables, as far as there are any.
    """
    second = content.both[1]
    manifest = second.runs[0].manifest
    versions = manifest["versions"]
    rows = [
        ("model", f"{_model(content)}; {manifest['parameters']:,} parameters"),
        *_origin(content),
        (
            "variants",
            listed(
                [
                    f"{v.name} ({counted(len(v.runs), 'seed')}, policy {v.policy or 'none'})"
                    for v in content.variants.values()
                ]
            ),
        ),
        (
            "made by",
            f"scripts/train.py, commit {(manifest['git'].get('commit') or 'unknown')[:12]}"
            f", TensorFlow {versions.get('tensorflow', 'unknown')}",
        ),
        (
            "input",
            f"float32 images [N, {', '.join(map(str, _input(content)))}], "
            f"{'RGB, ' if content.in_colour else ''}pixels divided by 255, {_taken(content)} as in "
            "the dataset",
        ),
        ("output", f"{content.classes} probabilities"),
        ("intended use", "comparing training with and without augmentation; teaching"),
        (
            "out of scope",
            ("reading forms, cheques and the like" if content.is_written else "any real use")
            + ": it assigns every picture to one of the classes, often with high confidence",
        ),
        (
            "training data",
            f"{manifest['dataset']['train']:,} images of {content.label}, "
            f"{manifest['dataset']['validation']:,} more for validation",
        ),
        (
            "accuracy on the test images",
            "; ".join(_accuracy(row) for row in content.results.head(2).itertuples()),
        ),
        ("worst class", "; ".join(_worst(content, by_class, model) for model in BOTH)),
    ]
    if corruptions is not None:
        single, mean = corruptions[corruptions["policy"] != ""], corruptions.iloc[-1]
        hard = single.loc[single[BOTH[1]].idxmin()]
        cells = [
            f"{model} {percent(mean[model])} % over {len(single)} corruption types, "
            f"{percent(hard[model])} % on {hard['corruption'].replace('_', ' ')}"
            for model in BOTH
        ]
        rows.append(("on corrupted images", "; ".join(cells)))
    if transfer is not None:
        for _, row in transfer[~transfer["images"].isin(["training", "test"])].iterrows():
            cells = [f"{model} {percent(row[model])} %" for model in BOTH]
            rows.append((f"on {row['images']}", "; ".join(cells)))
    return _card("model-card", "Model card", rows)


def _model(content: Comparison) -> str:
    """The file of the trained model, and the layers in it."""
    manifest, settings = content.both[1].runs[0].manifest, content.both[1].settings
    if "architecture" not in manifest:  # of a version that had dense networks alone
        layers = ", ".join(map(str, settings["layers"]))
        return (
            f"mnist_num_reader.keras: Flatten, dense layers of {layers} units with ReLU, "
            f"{content.classes} outputs with softmax"
        )
    name = name_of(settings)
    named = {DENSE: "", CNN: f", {architecture.CONVNET}"}.get(name, f", model {name}")
    return f"mnist_num_reader.keras{named}: {architecture.description(manifest['architecture'])}"


def _origin(content: Comparison) -> list[tuple[str, str]]:
    """The file that a user's model was made from."""
    sources = [run.manifest.get("model_source") for one in content.both for run in one.runs]
    files = [f"{one['file']}, SHA-256 {one['sha256']}" for one in sources if one]
    if not files:
        return []
    digest = model_of(content.both[1].settings)["digest"]
    return [
        ("made from", "; ".join(dict.fromkeys(files))),
        ("digest of its architecture", digest),
    ]


def _input(content: Comparison) -> list[int]:
    """The shape of an image that the model takes."""
    built = content.both[1].runs[0].manifest.get("architecture")
    return (built and architecture.input_shape(built)) or content.dataset["image_shape"]


def _accuracy(row: Any) -> str:
    """Of a row of `Comparison.results`."""
    low, high = row.accuracy_low, row.accuracy_high
    interval = "" if np.isnan(low) else f" (95 % CI {span(low, high, percent)} %)"
    return f"{row.variant} {percent(row.accuracy)} %{interval}"


def _worst(content: Comparison, by_class: pd.DataFrame, model: str) -> str:
    worst = by_class.loc[by_class[model].idxmin()]
    (name,) = names_of(content, [int(worst["class"])])
    return f"{model} {percent(worst[model])} % on class {name}"


def _taken(content: Comparison) -> str:
    """What is bright and what is dark in the images that a network takes."""
    if not content.is_written or content.background is None:
        return _polarity(content)
    if content.is_light:
        return "dark strokes on a light background"
    return "bright strokes on a dark background"


def _polarity(content: Comparison) -> str:
    if content.background is None:
        return "without a uniform background"
    return "dark on a light background" if content.is_light else "bright on a dark background"


def data_card(content: Comparison) -> Table:
    """After Gebru et al. 2021, "Datasheets for datasets", as far as result files can tell."""
    dataset = content.dataset
    counts = np.bincount(content.labels, minlength=content.classes)
    unknown = UNKNOWN.format("whom" if content.is_written else "what")
    names = ""
    if content.is_named and content.classes <= LISTED:
        names = f" ({listed(names_of(content, range(content.classes)))})"
    notes = " ".join(map(closed, dataset.get("notes", ())))
    order = "images, in the order in which they were read" if notes else "files"
    rows = [
        ("dataset", content.label),
        ("origin", dataset["origin"]),
        ("content", DESCRIBED.get(dataset["sha256"], unknown)),
        ("SHA-256 of shapes, pixels and labels", dataset["sha256"]),
        (
            "images",
            f"{' by '.join(map(str, content.size))} pixels, "
            f"{'three channels (RGB)' if content.in_colour else 'one channel'}, 8 bits, "
            f"{_polarity(content)}",
        ),
        (
            "training, validation, test",
            f"{dataset['train']:,}, {dataset['validation']:,}, "
            f"{dataset['test']:,}; validation is the last part of the training {order}",
        ),
        (
            "classes",
            f"{content.classes}{names}; test images of each: {counts.min():,}"
            + (f" to {counts.max():,}" if counts.max() > counts.min() else ""),
        ),
        ("preprocessing", "pixels divided by 255; in training, the policy"),
        (
            "use of the test images",
            "read by evaluation alone; where settings were chosen, it was on validation images",
        ),
    ]
    if notes:
        rows.insert(6, ("notes on reading it", notes))
    return _card("data-card", "Data card", rows)


def _card(name: str, title: str, rows: Iterable[tuple[str, str]]) -> Table:
    frame = pd.DataFrame(rows, columns=["what", "value"])
    return Table(name, title, frame, frame, wraps=True)
