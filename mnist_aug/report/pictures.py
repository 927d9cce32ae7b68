"""The pictures of digits in a report, each pixel as it is in the dataset."""

import matplotlib
import numpy as np
import pandas as pd

from mnist_aug.report.drawing import INK, MUTED, STYLE, Figure, canvas, render, style_of
from mnist_aug.report.tables import Table, read_by
from mnist_aug.study import ARMS, Study

TILE = 0.62  # inches across a small image


@matplotlib.rc_context(STYLE)
def augmented(study: Study, samples: dict) -> Figure:
    """One training image of each class beside its augmented versions."""
    originals, versions = samples["original_images"], samples["augmented"]
    count, shown = len(originals), versions.shape[1]
    height, width = originals.shape[1:]
    tall = TILE * height / max(height, width)
    figure, ((axes,),) = canvas(1.1 + TILE * (shown + 1.4), 1.0 + tall * count, study,
                                "Training images and their augmented versions")
    gap = max(1, width // 12)
    for row, (original, changed) in enumerate(zip(originals, versions, strict=True)):
        top = row * (height + gap)
        for column, image in enumerate((original, *changed)):
            left = column * (width + gap) + (3 * gap if column else 0)
            _image(axes, image, left, top)
        axes.text(-2 * gap, top + height / 2, str(samples["original_labels"][row]), ha="right",
                  va="center")
    axes.text(width / 2, -gap, "original", ha="center", va="bottom", fontsize=9.5)
    axes.text(width + 4 * gap, -gap, f"{shown} augmented versions", va="bottom", fontsize=9.5)
    axes.text(-2 * gap, -gap, "class", ha="right", va="bottom", fontsize=9.5)
    _frame(axes, (-5 * gap, (shown + 1) * (width + gap) + 3 * gap),
           (count * (height + gap), -3.5 * gap))
    policy = study.variants[ARMS[1]].policy
    listed = ", ".join(f"{label} (image {index})" for label, index in
                       zip(samples["original_labels"], samples["original_index"], strict=True))
    alt = (f"{count} rows of images: an original of each class and {shown} versions of it by "
           f"policy {policy}. Classes: {listed}.")
    frame = pd.DataFrame({"class": samples["original_labels"],
                          "training_image": samples["original_index"]})
    table = Table("augmented", "Training images shown", frame, frame.astype(str))
    return Figure("augmented", "Augmented images", render(figure, "augmented", alt), alt,
                  f"The first training image of each class, and what policy {policy} makes of it "
                  f"in epochs 0 to {shown - 1} with seed 0. Classes and images: {listed}.", table)


@matplotlib.rc_context(STYLE)
def read(study: Study, samples: dict, group: str, title: str, rule: str) -> Figure:
    """Test images of a group with the class each arm reads in them.

    Args:
        group: "test", "fixed" or "broken", with at least one image.
        title: heading of the figure.
        rule: a sentence that says how the images were chosen.
    """
    images, labels = samples[f"{group}_images"], samples[f"{group}_labels"]
    table = read_by(study, samples[f"{group}_index"], group, title)
    height, width = images.shape[1:]
    columns, step = 5, 1.45  # inches from image to image
    rows = -(-len(images) // columns)
    unit = max(height, width)  # pixels in an inch
    pitch = unit * (height / max(height, width) + 0.72)
    figure, ((axes,),) = canvas(0.2 + step * columns, 1.0 + rows * pitch / unit, study, title)
    for place, (image, label) in enumerate(zip(images, labels, strict=True)):
        row, column = divmod(place, columns)
        left, top = column * step * unit, row * pitch
        _image(axes, image, left, top)
        axes.text(left, top - 0.06 * unit, f"class {label}", va="bottom", fontsize=9.5,
                  fontweight="bold")
        for i, arm in enumerate(study.arms):
            look = style_of(study, arm.name)
            y = top + height + (0.13 + 0.17 * i) * unit
            axes.plot(left + 0.05 * unit, y, markersize=5, **look)
            usual = table.frame.at[place, f"{arm.name}_prediction"]
            right = table.frame.at[place, f"{arm.name}_seeds_right"]
            axes.text(left + 0.15 * unit, y, f"reads {usual}, {right}/{len(arm.runs)} right",
                      va="center", fontsize=8.5, color=INK if usual == label else MUTED,
                      fontstyle="normal" if usual == label else "italic")
    for i, arm in enumerate(study.arms):  # the key, in the line of the title
        x = (columns - 2 + i) * step * unit
        axes.plot(x + 0.05 * unit, -0.5 * unit, markersize=6, **style_of(study, arm.name))
        axes.text(x + 0.15 * unit, -0.5 * unit, arm.name, va="center", fontsize=9.5)
    _frame(axes, (-0.02 * unit, columns * step * unit),
           (rows * pitch - 0.2 * unit, -0.6 * unit))
    text = " ".join(
        f"Image {r['test image']}, class {r['class']}: " + ", ".join(
            f"{arm} reads {r[f'{arm} reads']} ({r[f'{arm} right, seeds']} seeds right)"
            for arm in ARMS) + "." for _, r in table.shown.iterrows())
    alt = f"{len(images)} test images with what each arm reads. {text}"
    marks = ", ".join(f"{arm} by {shape}" for arm, shape in
                      zip(ARMS, ("a blue circle", "an orange-red diamond"), strict=True))
    return Figure(group, title, render(figure, group, alt), alt,
                  f"{rule} Below each image is what each arm reads in most seeds, and in how many "
                  f"seeds it is right: {marks}. Wrong readings are in italics.", table)


def _image(axes, image: np.ndarray, left: float, top: float) -> None:
    """Draw a uint8 image with its corner at (left, top), black as 0 and white as 255."""
    height, width = image.shape
    axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="none",
                extent=(left, left + width, top + height, top))


def _frame(axes, horizontal: tuple, vertical: tuple) -> None:
    axes.set(xlim=horizontal, ylim=vertical, aspect="equal")
    axes.axis("off")
