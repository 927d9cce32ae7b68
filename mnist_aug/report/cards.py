"""Limits, model card and data card: what the results are good for, and what nobody tried."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.models import CNN, DENSE, name_of
from mnist_aug.analysis.robustness import corruption_sets
from mnist_aug.data.dataset import DIGITS_SHA256, MNIST_SHA256
from mnist_aug.experiments.published import ENSEMBLE
from mnist_aug.formatting import listed, percent, span
from mnist_aug.report import architecture, search, studies
from mnist_aug.report.inputs import Inputs
from mnist_aug.report.sentences import closed
from mnist_aug.report.tables import Table, names_of
from mnist_aug.results.runs import BOTH, model_of

DESCRIBED = {  # by the SHA-256 of the dataset, so that no other one is taken for it
    MNIST_SHA256: (
        "Digits that employees of the US Census Bureau and high-school students wrote in forms, "
        "scanned, made to fit a box of 20 by 20 pixels and centred by mass (LeCun, Bottou, Bengio "
        "and Haffner 1998, from NIST's Special Databases 1 and 3). Writers of the training images "
        "wrote none of the test images. Some test labels are known to be wrong or open to doubt "
        "(Northcutt, Athalye and Mueller 2021)."
    ),
    DIGITS_SHA256: (
        "Digits written by 13 people, scanned at 32 by 32 and reduced to 8 by 8 (the test part "
        "of Alpaydin and Kaynak 1998, by way of scikit-learn), enlarged again to MNIST's form. "
        "The files do not name the writers, so one may be in training and test images."
    ),
}
LISTED = 100  # at most so many classes are named
UNKNOWN = "Who made the images, and of {}, the dataset's files do not say."


def limits(content: Comparison, inputs: Inputs) -> list[str]:
    """What the results do not show, in sentences."""
    settings, seeds = content.both[1].settings, len(content.paired_seeds)
    others = "convolutional networks" if name_of(settings) == DENSE else "other architectures"
    elsewhere = {
        DENSE: "Convolutional networks",
        CNN: "Dense networks, other architectures",
    }.get(name_of(settings), "Other architectures")
    runs = inputs.studies.get("tuned")
    tuned = runs is not None and {"tuned-baseline", "tuned-augmented"} <= {*runs.frame["variant"]}
    named = sorted(
        {
            search.label(name)
            for s in inputs.searches.values()
            for name in s.settings
            if name in s.about["start"] or name == "width"
        }
    )
    ensemble = (
        "the ensemble's covers other test images alone; "
        if inputs.reached is not None and ENSEMBLE in inputs.reached.rows
        else ""
    )
    handwriting, origins = (
        (
            "handwriting",
            "Images count as independent, though one person may have written many: no CI "
            "covers other writers.",
        )
        if content.is_written
        else (
            "datasets",
            "Images count as independent, though several may show the same object: no CI "
            "covers objects other than those shown.",
        )
    )
    sentences = [
        f"Both models are one network, trained with {settings['optimizer']} at one learning rate, "
        f"one batch size and {settings['epochs']} epochs, none of them tuned for either"
        f"{f'; the search tunes {listed(named)} for both' if tuned and named else ''}. "
        f"{elsewhere} and images of other things may gain less, more or nothing.",
        "All seeds share one training set and one validation part"
        f"{', but for those of the study variance' if 'variance' in inputs.studies else ''}. The "
        "CIs of the headline "
        f"and of the sections on corrupted images, classes and other {handwriting} cover other "
        f"seeds{' and' if seeds > 1 else ', with one seed none, and'} other test images "
        f"like these; {ensemble}all others hold for these images alone where nothing else is said. "
        f"None covers test images of another kind. {origins}",
        "CIs of single classes, corruption types, severities and parts of a policy are each by "
        "itself; what the text says of many is by p adjusted for their number.",
    ]
    built = content.both[1].runs[0].manifest.get("architecture")
    if built and (drawing := architecture.policy_layers(built)):
        sentences.append(
            f"The model itself changes images at random in training ({listed(drawing)}), in both "
            "variants: the difference is what the policy adds to that."
        )
    if corruption_sets(content):
        sentences.append(
            "The corruptions are made by formulas. They were chosen by the authors of "
            "MNIST-C, at one severity each, not drawn from pictures that people take."
        )
    missing = [name for name in studies.NAMES if name not in inputs.studies]
    if not inputs.searches:
        sentences.append("Not in these results: a search for better settings (`make tune`).")
    if missing:
        sentences.append(
            f"Not in these results: the studies {listed(missing)} "
            f"({', '.join(f'`make {name}`' for name in missing)})."
        )
    untested = [
        others,
        *([] if content.in_colour else ["images in colour"]),
        "adversarial images",
        *(["other alphabets", "photographs"] if content.is_written else []),
        "training on a GPU",
    ]
    sentences.append(
        f"Not tested: {listed(untested)}."
        if tuned
        else f"Not tested: {', '.join(untested)}, and whether the gain lasts when both models "
        "are tuned."
    )
    return sentences


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
            "versions of it",
            listed(
                [
                    f"{v.name} ({len(v.runs)} seeds, policy {v.policy or 'none'})"
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
            "takes",
            f"float32 images [N, {', '.join(map(str, _input(content)))}], "
            f"{'RGB, ' if content.in_colour else ''}pixels divided by 255, {_taken(content)} as in "
            "the dataset",
        ),
        ("gives", f"{content.classes} probabilities"),
        ("meant for", "comparing training with and without augmentation; teaching"),
        (
            "not meant for",
            "reading forms, cheques or anything else that matters to somebody: it "
            "reads every picture as one of the classes, and says so with confidence"
            if content.is_written
            else "deciding anything that matters to somebody: it takes every picture for one of "
            "the classes, and says so with confidence",
        ),
        (
            "trained on",
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
        hard = single.loc[single[BOTH[1]].idxmax()]
        cells = [
            f"{model} {percent(1 - mean[model])} % over {len(single)} corruption types, "
            f"{percent(1 - hard[model])} % on {hard['corruption'].replace('_', ' ')}"
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
    told = {DENSE: "", CNN: f", {architecture.CONVNET}"}.get(name, f", model {name}")
    return f"mnist_num_reader.keras{told}: {architecture.description(manifest['architecture'])}"


def _origin(content: Comparison) -> list[tuple[str, str]]:
    """The file that a user's model was made from."""
    sources = [run.manifest.get("model_source") for one in content.both for run in one.runs]
    told = [f"{one['file']}, SHA-256 {one['sha256']}" for one in sources if one]
    if not told:
        return []
    digest = model_of(content.both[1].settings)["digest"]
    return [
        ("made from", "; ".join(dict.fromkeys(told))),
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
    order = "images as they were read (see the notes)" if notes else "files"
    rows = [
        ("dataset", content.label),
        ("origin", dataset["origin"]),
        ("what it holds", DESCRIBED.get(dataset["sha256"], unknown)),
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
            f"{content.classes}{names}; test images of a class: {counts.min():,} to "
            f"{counts.max():,}",
        ),
        ("what is done to them", "pixels divided by 255; in training, the policy"),
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
