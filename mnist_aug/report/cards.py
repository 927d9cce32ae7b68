"""Limits, model card and data card: what the results are good for, and what nobody tried."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.intervals import Difference, mean_interval
from mnist_aug.data.dataset import DIGITS_SHA256, MNIST_SHA256
from mnist_aug.experiments.published import ENSEMBLE
from mnist_aug.formatting import listed, percent, span
from mnist_aug.report import robustness, search, studies
from mnist_aug.report.published import Published
from mnist_aug.report.tables import Table
from mnist_aug.results.extras import Search
from mnist_aug.results.runs import VariantResults

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
UNKNOWN = "Who made the images, and of whom, the dataset's files do not say."


def limits(
    study: Comparison,
    difference: Difference,
    found: dict[str, studies.Runs],
    searches: dict[str, Search],
    held: Published | None,
) -> list[str]:
    """What the results do not show, in sentences."""
    settings = study.both[1].settings
    tuned = {*found["tuned"].frame["variant"]} if "tuned" in found else set()
    both = {"tuned-baseline", "tuned-augmented"} <= tuned
    named = sorted(
        {
            search.label(name)
            for s in searches.values()
            for name in s.settings
            if name in s.about["start"] or name == "width"
        }
    )
    committee = (
        "the committee's covers other test images alone; "
        if held is not None and ENSEMBLE in held.rows
        else ""
    )
    said = [
        f"The arms are one network, trained with {settings['optimizer']} at one learning rate, "
        f"one batch size and {settings['epochs']} epochs in both, none of them tuned for either"
        f"{f'; the search tunes {listed(named)} for both' if both and named else ''}. "
        "Convolutional networks and images of other things may gain less, more or nothing.",
        "All seeds share one training set and one validation split. The intervals of the headline "
        "and of the sections on corrupted images, classes and other handwriting cover other "
        f"seeds{' and' if difference.seeds > 1 else ', with one seed none, and'} other test images "
        f"like these; {committee}all others hold for these images alone. None covers other "
        "training sets, or test images of another kind. Images count as independent, though one "
        "person may have written many: no interval covers other writers.",
        "Intervals and tests of single classes, families, doses and policies are many, and not "
        "adjusted for their number where the text does not say so.",
    ]
    if robustness.corruption_sets(study):
        said.append(
            "The corruptions are made by formulas. They were chosen by the authors of "
            "MNIST-C, at one severity each, not drawn from pictures that people take."
        )
    missing = [name for name in studies.NAMES if name not in found]
    if not searches:
        said.append("Not in these results: a search for better settings (`make tune`).")
    if missing:
        said.append(
            f"Not in these results: the studies {listed(missing)} "
            f"({', '.join(f'`make {name}`' for name in missing)})."
        )
    said.append(
        "Not tested: convolutional networks, images in colour, adversarial images, other "
        "alphabets, photographs"
        + (
            " and training on a GPU."
            if both
            else ", training on a GPU, and whether the gain lasts when both arms are tuned."
        )
    )
    return said


def model_card(study: Comparison) -> Table:
    """After Mitchell et al. 2019, "Model cards for model reporting"."""
    first, second = study.both
    manifest = second.runs[0].manifest
    layers = ", ".join(map(str, second.settings["layers"]))
    versions = manifest["versions"]
    rows = [
        (
            "model",
            f"mnist_num_reader.keras: Flatten, dense layers of {layers} units with ReLU, "
            f"{study.classes} outputs with softmax; {manifest['parameters']:,} parameters",
        ),
        (
            "versions of it",
            listed(
                [
                    f"{v.name} ({len(v.runs)} seeds, policy {v.policy or 'none'})"
                    for v in study.variants.values()
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
            f"float32 images [N, {', '.join(map(str, study.dataset['image_shape']))}], "
            "pixels divided by 255, bright strokes on dark ground as in the dataset",
        ),
        ("gives", f"{study.classes} probabilities"),
        ("meant for", "comparing training with and without augmentation; teaching"),
        (
            "not meant for",
            "reading forms, cheques or anything else that matters to somebody: it "
            "reads every picture as one of the classes, and says so with confidence",
        ),
        (
            "trained on",
            f"{manifest['dataset']['train']:,} images of {study.label}, "
            f"{manifest['dataset']['validation']:,} more for validation",
        ),
        ("accuracy on the test images", "; ".join(map(_accuracy, (first, second)))),
        ("worst class", "; ".join(_worst(study, arm) for arm in (first, second))),
    ]
    wanted = robustness.corruption_sets(study)
    if wanted:
        hard = min(wanted, key=lambda name: second.scores[name].mean())
        rows.append(
            (
                "on corrupted images",
                "; ".join(
                    f"{arm.name} {percent(arm.scores[wanted].to_numpy().mean())} % over "
                    f"{len(wanted)} families, {percent(arm.scores[hard].mean())} % on "
                    f"{hard.split('/')[1]}"
                    for arm in (first, second)
                ).replace("_", " "),
            )
        )
    for name in robustness.corruption_sets(study, "other/"):
        rows.append(
            (
                f"on {name.removeprefix('other/')}",
                "; ".join(
                    f"{arm.name} {percent(arm.scores[name].mean())} %" for arm in (first, second)
                ),
            )
        )
    return _card("model-card", "Model card", rows)


def _accuracy(arm: VariantResults) -> str:
    low, high = mean_interval(arm.accuracy)
    interval = "" if np.isnan(low) else f" (95 % interval {span(low, high, percent)} %)"
    return f"{arm.name} {percent(arm.accuracy.mean())} %{interval}"


def _worst(study: Comparison, arm: VariantResults) -> str:
    right = {k: arm.correct[:, study.labels == k].mean() for k in np.unique(study.labels)}
    worst = min(right, key=right.get)
    return f"{arm.name} {percent(right[worst])} % on class {worst}"


def data_card(study: Comparison) -> Table:
    """After Gebru et al. 2021, "Datasheets for datasets", as far as result files can tell."""
    dataset = study.dataset
    counts = np.bincount(study.labels, minlength=study.classes)
    rows = [
        ("dataset", study.label),
        ("origin", dataset["origin"]),
        ("what it holds", DESCRIBED.get(dataset["sha256"], UNKNOWN)),
        ("SHA-256 of shapes, pixels and labels", dataset["sha256"]),
        ("images", f"{' by '.join(map(str, dataset['image_shape']))} pixels, one channel, 8 bits"),
        (
            "training, validation, test",
            f"{dataset['train']:,}, {dataset['validation']:,}, "
            f"{dataset['test']:,}; validation is the last part of the "
            "training files",
        ),
        (
            "classes",
            f"{study.classes}; test images of a class: {counts.min():,} to {counts.max():,}",
        ),
        ("what is done to them", "pixels divided by 255; in training, the policy"),
        (
            "use of the test images",
            "read by evaluation alone; where settings were chosen, it was on validation images",
        ),
    ]
    return _card("data-card", "Data card", rows)


def _card(name: str, title: str, rows: Iterable[tuple[str, str]]) -> Table:
    frame = pd.DataFrame(rows, columns=["what", "value"])
    return Table(name, title, frame, frame, words=True)
