"""The pictures in a report, each pixel as it is in the dataset."""

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Rectangle

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.evaluate import examples
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

COLUMNS, WIDE_COLUMNS = 4, 3  # of test images; fewer where classes have long names
ABOVE, BELOW, EDGE = 0.28, 0.26, 0.075  # inches around the images of a figure
AROUND = ABOVE + BELOW
TILE = 0.52  # inches of an image with a corruption type
IMAGE = 0.94  # inches of a test image with its predictions
HEAD, NAME_LINE = 0.21, 0.22  # inches of the line above the images, and of a name's line
BLOCK_ROWS = 5  # more classes stand in two blocks
STRENGTH_STEP = 0.5  # between the strengths of the grid
NAME = 12  # letters of a class's name
FEW = 8  # images in a row; fewer are not made larger
SHORT = 3  # letters that have the room of a number
LETTER = 0.085  # inches
LIGHT = 200  # mean grey level from which on a side of an image can't be told from the paper
Samples = dict[str, np.ndarray]  # as `extras.read_samples` gives them


def versions(samples: Samples) -> int:
    """How many augmented versions of each image are shown: half of them in two blocks."""
    return samples["augmented"].shape[1] // _blocks(len(samples["original_images"]))


def _blocks(rows: int) -> int:
    return 1 if rows <= BLOCK_ROWS else 2


@matplotlib.rc_context(STYLE)
def augmented(content: Comparison, samples: Samples) -> Figure:
    """One training image of each class, and augmented versions to the right of it.

    More than a few classes stand in two blocks side by side.
    """
    originals, many = samples["original_images"], versions(samples)
    count, blocks = len(originals), _blocks(len(originals))
    rows = -(-count // blocks)
    height, width = originals.shape[1:3]
    names = names_of(content, samples["original_labels"], NAME)
    longest = max(map(len, names))
    # Names stand to the left of the images or, where that would make these small, above them.
    margin, above = (LETTER * (longest + 1), 0.0) if longest <= SHORT else (0.0, NAME_LINE)
    gap = max(1, width // 12)
    step, own = width + gap, many * (width + gap) + 3 * gap + width  # pixels: an image's, a row's
    unit = (blocks * own + (blocks - 1) * 3 * gap) / (WIDTH - 2 * EDGE - blocks * margin)
    pitch, top = height + gap + above * unit, (above + HEAD) * unit
    title = "Training images and their augmented versions"
    figure, ((axes,),) = canvas(AROUND + HEAD + rows * pitch / unit, content, title)
    for place, original in enumerate(originals):
        block, row = divmod(place, rows)
        start = block * (own + 3 * gap + margin * unit) + margin * unit
        down = row * pitch
        for column, image in enumerate((original, *samples["augmented"][place, :many])):
            left = start + column * step + (3 * gap if column else 0)
            _image(axes, image, left, down, content.is_light)
        if above:
            axes.text(start, down - gap, names[place], va="bottom")
        else:
            axes.text(start - gap, down + height / 2, names[place], ha="right", va="center")
        if not row:
            line = -gap - above * unit
            axes.text(start, line, "original", va="bottom", fontsize=SMALL, color=MUTED)
            words, left = f"{many} augmented versions", start + step + 3 * gap
            axes.text(left, line, words, va="bottom", fontsize=SMALL, color=MUTED)
    _frame(
        axes,
        (0, blocks * (own + margin * unit) + (blocks - 1) * 3 * gap),
        (rows * pitch - top + HEAD * unit, -top),
    )
    _fill(figure, axes)
    policy = content.variants[BOTH[1]].policy
    alt = (
        f"Images of {each_class(content, count)}: an original and {many} versions of it by policy "
        f"{policy}. The image numbers are in tables/augmented.csv."
    )
    frame = pd.DataFrame(
        {"class": samples["original_labels"], "training_image": samples["original_index"]}
    )
    table = _shown(content, "augmented", "Training images shown", frame)
    return finished(figure, "augmented", "Augmented images", alt, table)


@matplotlib.rc_context(STYLE)
def transforms(content: Comparison, samples: Samples) -> Figure:
    """One image by each part of the policy alone, at several strengths, in two blocks."""
    factors = samples["strengths"]
    shown = np.flatnonzero(factors % STRENGTH_STEP == 0)
    parts = [str(name) for name in samples["transforms"]]
    height, width = samples["grid"].shape[2:4]
    gap, rows = max(1, width // 12), -(-len(parts) // 2)
    step, own = width + gap, len(shown) * (width + gap) - gap
    unit = (2 * own + 3 * gap) / (WIDTH - 2 * EDGE)  # pixels in an inch
    pitch = height + 0.3 * unit
    title = "Each part of the policy at each strength"
    figure, ((axes,),) = canvas(AROUND + 0.26 + rows * pitch / unit, content, title)
    for place, (name, images) in enumerate(zip(parts, samples["grid"], strict=True)):
        block, row = divmod(place, rows)
        start, top = block * (own + 3 * gap), row * pitch
        name = "all parts" if name == examples.WHOLE else name
        axes.text(start, top - 0.04 * unit, name, va="bottom", fontweight="bold")
        for column, one in enumerate(shown):
            left = start + column * step
            _image(axes, images[one], left, top, content.is_light)
            if row == rows - 1:
                words = f"{factors[one]:g}\N{MULTIPLICATION SIGN}"
                under = top + height + 0.05 * unit
                axes.text(left + width / 2, under, words, ha="center", va="top")
    _frame(axes, (0, 2 * own + 3 * gap), (rows * pitch - 0.06 * unit, -0.3 * unit))
    _fill(figure, axes)
    of = int(samples["grid_of"])
    index, label = (int(samples[f"original_{part}"][of]) for part in ("index", "labels"))
    alt = (
        f"Training image {index} by each of {len(parts) - 1} parts of the policy alone "
        f"({', '.join(parts[:-1])}) and by all, with magnitudes times "
        f"{', '.join(f'{one:g}' for one in factors[shown])}."
    )
    frame = pd.DataFrame({"part": parts, "class": label, "training_image": index})
    table = _shown(content, "transforms", "Image shown by each part", frame)
    return finished(figure, "transforms", "Parts at each strength", alt, table)


@matplotlib.rc_context(STYLE)
def corruption_types(content: Comparison, samples: Samples) -> Figure:
    """One of the sample test images, unchanged and with each corruption type."""
    one = (len(samples["test_images"]) - 1) // 2
    images = [samples["test_images"][one], *samples["corrupted"][:, one]]
    names = ["original", *(str(name).replace("_", " ") for name in samples["corruptions"])]
    height, width = images[0].shape[:2]
    unit = max(height, width) / TILE  # pixels in an inch
    step, pitch = (WIDTH - 2 * EDGE) * unit / FEW, height + 0.4 * unit
    rows = -(-len(images) // FEW)
    figure, ((axes,),) = canvas(AROUND + rows * pitch / unit, content, "The corruption types")
    for place, (name, image) in enumerate(zip(names, images, strict=True)):
        row, column = divmod(place, FEW)
        middle, top = (column + 0.5) * step, row * pitch
        _image(axes, image, middle - width / 2, top, content.is_light)
        under = top + height + 0.04 * unit
        words = name.replace(" ", "\n")
        axes.text(middle, under, words, ha="center", va="top", fontsize=SMALL, linespacing=1)
    _frame(axes, (0, FEW * step), (rows * pitch - 0.03 * unit, -0.03 * unit))
    _fill(figure, axes)
    alt = (
        f"Test image {samples['test_index'][one]}, unchanged and with each corruption type: "
        f"{', '.join(names[1:])}."
    )
    frame = pd.DataFrame(
        {"class": samples["test_labels"][[one]], "test_image": samples["test_index"][[one]]}
    )
    table = _shown(content, "corruption-types", "Test image shown with each corruption", frame)
    return finished(figure, "corruption-types", "Corruption types", alt, table)


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
    return finished(figure, "corrupted", "Corrupted images", alt, table)


@matplotlib.rc_context(STYLE)
def classified(
    content: Comparison, samples: Samples, name: str, title: str, groups: dict[str, str]
) -> Figure:
    """Test images with the class that each model predicts most often.

    Args:
        title: heading of the figure.
        groups: the heading of each group of samples that is shown, "" for none. Of several groups a
            line of images is shown, and of a single one all.
    """
    names = names_of(content, range(content.classes), NAME)
    columns = COLUMNS if max(map(len, names)) <= SHORT else WIDE_COLUMNS
    most = columns if len(groups) > 1 else None
    shown = {group: samples[f"{group}_index"][:most] for group in groups}
    table = readings(content, np.concatenate([*shown.values()]), name, title)
    height, width = samples["test_images"].shape[1:3]
    step = (WIDTH - 0.15) / columns  # inches from image to image
    unit = max(height, width) / IMAGE  # pixels in an inch
    pitch = height + 0.72 * unit
    heads = 0.3 * unit * any(groups.values())
    lines = sum(-(-len(index) // columns) for index in shown.values())
    tall = lines * pitch + heads * len(groups)
    lift = (0.3 if heads else 0.42) * unit
    figure, ((axes,),) = canvas(AROUND + (tall + lift) / unit - 0.07, content, title)
    y, place = 0.0, 0
    for group, index in shown.items():
        if groups[group]:
            axes.text(0, y + 0.06 * unit, groups[group], va="bottom", fontweight="bold")
            y += heads
        for at in range(len(index)):
            row, column = divmod(at, columns)
            left, top = column * step * unit, y + row * pitch
            _image(axes, samples[f"{group}_images"][at], left, top, content.is_light)
            _predictions(
                content,
                axes,
                table.frame.astype(object).loc[place],
                names,
                (left, top),
                height,
                unit,
            )
            place += 1
        y += -(-len(index) // columns) * pitch
    seeds = len(content.paired_seeds)
    key = ((0, BOTH[0]), (0.85, BOTH[1]), (1.85, f"predicted most often (seeds right, of {seeds})"))
    for x, text in key:  # in the line below the title
        if text in BOTH:
            axes.plot((x + 0.05) * unit, -lift, markersize=6, **style_of(content, text))
        axes.text((x + 0.15) * unit, -lift, text, va="center", fontsize=SMALL)
    _frame(axes, (0, columns * step * unit), (tall - 0.2 * unit, -lift - 0.13 * unit))
    _fill(figure, axes)
    labels = table.frame["class"]
    usually = [int((table.frame[f"{model}_prediction"] == labels).sum()) for model in BOTH]
    alt = (
        f"{len(labels)} test images with the class that each model predicts most often: "
        f"{BOTH[0]} is right on {usually[0]} of them, {BOTH[1]} on {usually[1]}. Every prediction "
        f"is in tables/{name}.csv."
    )
    return finished(figure, name, title, alt, table)


def _predictions(
    content: Comparison,
    axes: Axes,
    row: pd.Series,
    names: list[str],
    corner: tuple[float, float],
    height: int,
    unit: float,
) -> None:
    """What stands above and below an image: its class and number, and both models' predictions."""
    left, top = corner
    own = f"true {names[row['class']]} (no. {row['index']})"
    axes.text(left, top - 0.06 * unit, own, va="bottom", fontsize=SMALL)
    for i, model in enumerate(BOTH):
        y = top + height + (0.13 + 0.17 * i) * unit
        axes.plot(left + 0.05 * unit, y, markersize=5, **style_of(content, model))
        usual, right = row[f"{model}_prediction"], row[f"{model}_seeds_right"]
        is_right = usual == row["class"]
        axes.text(
            left + 0.15 * unit,
            y,
            f"mostly {names[usual]} ({right}/{len(content.paired_seeds)})",
            va="center",
            fontsize=SMALL,
            color=INK if is_right else MUTED,
            fontstyle="normal" if is_right else "italic",
        )


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

    Where it is framed, or one of its sides is light, it has a line around it, as the paper is
    light, too: an image with white stripes would look like a narrow one.
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
    sides = image[0], image[-1], image[:, 0], image[:, -1]
    if framed or max(side.mean() for side in sides) > LIGHT:
        axes.add_patch(
            Rectangle((left, top), width, height, fill=False, edgecolor=RULE, linewidth=0.8)
        )


def _frame(axes: Axes, horizontal: tuple[float, float], vertical: tuple[float, float]) -> None:
    axes.set(xlim=horizontal, ylim=vertical, aspect="equal")
    axes.axis("off")


def _fill(figure: Canvas, axes: Axes) -> None:
    """Let the axes take all of the paper between the title and the name of the dataset."""
    width, height = figure.get_size_inches()
    figure.set_layout_engine("none")
    axes.set_position(
        (EDGE / width, BELOW / height, 1 - 2 * EDGE / width, 1 - (ABOVE + BELOW) / height)
    )
