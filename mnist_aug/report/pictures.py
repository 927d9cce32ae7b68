"""The pictures in a report, each pixel as it is in the dataset."""

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.report.drawing import (
    INK,
    MUTED,
    RULE,
    SMALL,
    STYLE,
    WIDTH,
    Figure,
    canvas,
    finished,
    style_of,
)
from mnist_aug.report.tables import Table, name_columns, names_of, readings
from mnist_aug.results.runs import BOTH

COLUMNS, WIDE_COLUMNS = 5, 3  # of test images; fewer where classes have long names
NAME = 12  # letters of a class's name
FEW = 8  # images in a row; fewer are not made larger
SHORT = 3  # letters that have the room of a number
LETTER = 0.085  # inches
Samples = dict[str, np.ndarray]  # as `extras.read_samples` gives them


@matplotlib.rc_context(STYLE)
def augmented(content: Comparison, samples: Samples) -> Figure:
    """One training image of each class, and its augmented versions to the right of it."""
    originals, versions = samples["original_images"], samples["augmented"]
    count, many = len(originals), versions.shape[1]
    height, width = originals.shape[1:3]
    names = names_of(content, samples["original_labels"], NAME)
    longest = max(map(len, names))
    margin = LETTER * max(0, longest - SHORT)  # inches for what is longer than a number
    tile = (WIDTH - 0.8 - margin) / (many + 1.5)  # inches from image to image
    tall = tile * height / width
    figure, ((axes,),) = canvas(
        1.0 + tall * count, content, "Training images and their augmented versions"
    )
    gap = max(1, width // 12)
    for row, (original, changed) in enumerate(zip(originals, versions, strict=True)):
        top = row * (height + gap)
        for column, image in enumerate((original, *changed)):
            left = column * (width + gap) + (3 * gap if column else 0)
            _image(axes, image, left, top, content.is_light)
        axes.text(
            -2 * gap,
            top + height / 2,
            names[row],
            ha="right",
            va="center",
        )
    axes.text(width / 2, -gap, "original", ha="center", va="bottom", fontsize=SMALL)
    axes.text(width + 4 * gap, -gap, f"{many} augmented versions", va="bottom", fontsize=SMALL)
    left = -(5 if margin else 2) * gap
    axes.text(left, -gap, "class", ha="right", va="bottom", fontsize=SMALL)
    _frame(
        axes,
        (-5 * gap - margin / tile * (width + gap), (many + 1) * (width + gap) + 3 * gap),
        (count * (height + gap), -3.5 * gap),
    )
    policy = content.variants[BOTH[1]].policy
    alt = (
        f"{count} rows of images: an original of {each_class(content, count)} and {many} versions "
        f"of it by policy {policy}. The image numbers are in tables/augmented.csv."
    )
    frame = pd.DataFrame(
        {"class": samples["original_labels"], "training_image": samples["original_index"]}
    )
    table = _shown(content, "augmented", "Training images shown", frame)
    caption = (
        f"The first training image of {each_class(content, count)}, and what policy {policy} "
        f"makes of it in the first {many} epochs with seed 0."
    )
    if {"mixup", "cutmix"} & (content.both[1].settings["policy"] or {}).keys():
        caption += " Each is mixed with another training image, whose share may be the larger."
    return finished(figure, "augmented", "Augmented images", alt, caption, table)


@matplotlib.rc_context(STYLE)
def corrupted(content: Comparison, samples: Samples) -> Figure:
    """The sample test images with each corruption type."""
    images = np.concatenate([samples["test_images"][None], samples["corrupted"]])
    names = ["none", *(str(name).replace("_", " ") for name in samples["corruptions"])]
    rows, columns, height, width = images.shape[:4]
    unit = (max(columns, FEW) * (width + 1)) / (WIDTH - 1.25)  # pixels in an inch
    figure, ((axes,),) = canvas(
        0.7 + rows * (height + 1) / unit, content, "Test images and their corrupted versions"
    )
    for row, name in enumerate(names):
        top = row * (height + 1)
        for column in range(columns):
            _image(axes, images[row, column], column * (width + 1), top, content.is_light)
        axes.text(-0.08 * unit, top + height / 2, name, ha="right", va="center", fontsize=SMALL)
    _frame(axes, (-1.2 * unit, columns * (width + 1)), (rows * (height + 1), -1))
    alt = (
        f"{rows} rows of {columns} test images: unchanged, and with each of {rows - 1} "
        f"corruptions: {', '.join(names[1:])}."
    )
    frame = pd.DataFrame({"class": samples["test_labels"], "test_image": samples["test_index"]})
    table = _shown(content, "corrupted", "Test images shown with corruptions", frame)
    caption = (
        f"The first test image of {each_class(content, columns)}, unchanged and with each "
        "corruption."
    )
    return finished(figure, "corrupted", "Corrupted images", alt, caption, table)


@matplotlib.rc_context(STYLE)
def read(content: Comparison, samples: Samples, group: str, title: str, rule: str) -> Figure:
    """Test images of a group with the class that each model reads in them.

    Args:
        group: "test", "fixed" or "broken", with at least one image.
        title: heading of the figure.
        rule: a sentence that says how the images were chosen.
    """
    images, labels = samples[f"{group}_images"], samples[f"{group}_labels"]
    table = readings(content, samples[f"{group}_index"], group, title)
    height, width = images.shape[1:3]
    names = names_of(content, range(content.classes), NAME)
    columns = COLUMNS if max(map(len, names)) <= SHORT else WIDE_COLUMNS
    step = (WIDTH - 0.15) / columns  # inches from image to image
    unit = max(height, width) / (0.8 * (WIDTH - 0.15) / COLUMNS)  # pixels in an inch
    pitch = height + 0.72 * unit
    rows = -(-len(images) // columns)
    figure, ((axes,),) = canvas(1.0 + rows * pitch / unit, content, title)
    for place, (image, label) in enumerate(zip(images, labels, strict=True)):
        row, column = divmod(place, columns)
        left, top = column * step * unit, row * pitch
        _image(axes, image, left, top, content.is_light)
        axes.text(
            left,
            top - 0.06 * unit,
            f"{names[label]}, image {table.frame.at[place, 'index']}",
            va="bottom",
            fontsize=SMALL,
        )
        for i, model in enumerate(BOTH):
            y = top + height + (0.13 + 0.17 * i) * unit
            axes.plot(left + 0.05 * unit, y, markersize=5, **style_of(content, model))
            usual = table.frame.at[place, f"{model}_prediction"]
            right = table.frame.at[place, f"{model}_seeds_right"]
            axes.text(
                left + 0.15 * unit,
                y,
                f"{names[usual]}, {right} of {len(content.paired_seeds)}",
                va="center",
                fontsize=SMALL,
                color=INK if usual == label else MUTED,
                fontstyle="normal" if usual == label else "italic",
            )
    key = ((0, BOTH[0]), (0.85, BOTH[1]), (1.85, "class read most often, seeds right"))
    for x, text in key:  # in the line below the title
        if text in BOTH:
            axes.plot((x + 0.05) * unit, -0.42 * unit, markersize=6, **style_of(content, text))
        axes.text((x + 0.15) * unit, -0.42 * unit, text, va="center", fontsize=SMALL)
    _frame(axes, (-0.02 * unit, columns * step * unit), (rows * pitch - 0.2 * unit, -0.55 * unit))
    usually = [int((table.frame[f"{model}_prediction"] == labels).sum()) for model in BOTH]
    alt = (
        f"{len(images)} test images with the class that each arm reads most often: "
        f"{BOTH[0]} reads {usually[0]} of them right, {BOTH[1]} {usually[1]}. Every reading is "
        f"in tables/{group}.csv."
    )
    caption = (
        f"{rule} Each line: the class the arm reads most often, and in how many seeds it is right; "
        "wrong readings in italics."
    )
    return finished(figure, group, title, alt, caption, table)


def each_class(content: Comparison, count: int) -> str:
    """Of which classes there are samples, in words; count of them."""
    return "each class" if count == content.classes else f"each of {count} classes"


def _shown(content: Comparison, name: str, title: str, frame: pd.DataFrame) -> Table:
    """The table of the images in a figure.

    Args:
        frame: class, and number of the image.
    """
    display = frame.astype(str).assign(**{"class": names_of(content, frame["class"])})
    return Table(name, title, name_columns(content, frame, "class"), display)


def _image(axes: Axes, image: np.ndarray, left: float, top: float, framed: bool) -> None:
    """Draw an image, uint8 [H, W] with 0 black or RGB [H, W, 3], its corner at (left, top).

    Where it is framed, it has a line around it, which shows light images on light paper.
    """
    height, width = image.shape[:2]
    axes.imshow(
        image,
        cmap="gray",
        vmin=0,
        vmax=255,
        interpolation="none",
        extent=(left, left + width, top + height, top),
    )
    if framed:
        axes.add_patch(
            Rectangle((left, top), width, height, fill=False, edgecolor=RULE, linewidth=0.8)
        )


def _frame(axes: Axes, horizontal: tuple[float, float], vertical: tuple[float, float]) -> None:
    axes.set(xlim=horizontal, ylim=vertical, aspect="equal")
    axes.axis("off")
