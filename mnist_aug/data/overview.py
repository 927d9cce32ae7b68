"""What the package sees in a dataset: in lines, and as a contact sheet."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mnist_aug.data.assembly import VALIDATION
from mnist_aug.data.dataset import Dataset

if TYPE_CHECKING:
    from PIL import Image

TRAINING, TEST = 8, 4  # images of a class on the contact sheet
ROWS = 40  # classes on it
TILE, GAP, LINE = 56, 4, 22  # pixels of an image, between images, and of a line of text
NAME = 150  # pixels of a class's name
LETTERS = 18  # of a name that fit in a line
LISTED = 30  # classes that are listed with their counts


def lines(dataset: Dataset) -> list[str]:
    """Counts, classes, sizes, values and background, in lines."""
    height, width = dataset.image_shape[:2]
    colour = "RGB" if len(dataset.image_shape) == 3 else "grey"
    train = dataset.training_count(VALIDATION)
    counts = [np.bincount(y, minlength=dataset.classes) for y in (dataset.y_train, dataset.y_test)]
    named = [
        f"{name} ({first:,} + {second:,})"
        for name, first, second in zip(dataset.class_names, *counts, strict=True)
    ]
    more = f", and {len(named) - LISTED} more" if len(named) > LISTED else ""
    kinds = {"digit": "drawn digits", "character": "drawn characters", "image": "images"}
    every = dataset.x_train
    return [
        f"{dataset.name} ({dataset.origin})",
        f"  images      {height} x {width} pixels, {colour}, {ground(dataset)}",
        f"  training    {len(dataset.x_train):,}, of which the last "
        f"{len(dataset.x_train) - train:,} are for validation",
        f"  test        {len(dataset.x_test):,}",
        f"  classes     {dataset.classes}, {kinds[dataset.kind]}; training + test images: "
        f"{', '.join(named[:LISTED])}{more}",
        f"  values      {every.min()} to {every.max()}, mean {every.mean():.0f}",
        f"  SHA-256     {dataset.sha256}",
    ]


def ground(dataset: Dataset) -> str:
    """The background in words."""
    if dataset.background is None:
        return "no uniform background"
    shade = "dark on a light" if dataset.is_light else "bright on a dark"
    return f"{shade} background ({dataset.background})"


def contact_sheet(dataset: Dataset) -> "Image.Image":
    """The first training and test images of each class, one row a class."""
    from PIL import Image, ImageDraw, ImageFont

    shown = min(dataset.classes, ROWS)
    height, width = dataset.image_shape[:2]
    scale = TILE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    step = TILE + GAP
    wide = NAME + (TRAINING + TEST) * step + 3 * GAP
    sheet = Image.new("RGB", (wide, 2 * LINE + shown * step + GAP), "#dddddd")
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(14)

    def write(left: float, top: float, text: str, room: float) -> None:
        while pen.textlength(text, font) > room and len(text) > 1:
            text = f"{text[:-2]}…"
        pen.text((left, top), text, "black", font)

    rest = f" (the first {shown} of {dataset.classes} classes)" if shown < dataset.classes else ""
    write(GAP, GAP, f"{dataset.name}{rest}", wide - 2 * GAP)
    write(NAME, LINE, "training images", TRAINING * step)
    write(NAME + TRAINING * step + 2 * GAP, LINE, "test images", TEST * step)
    for row in range(shown):
        top = 2 * LINE + row * step
        name = dataset.class_names[row]
        split = name.rfind(" ", 0, LETTERS + 1) if len(name) > LETTERS else -1
        for place, part in enumerate([name[:split], name[split + 1 :]] if split > 0 else [name]):
            high = 8 if split < 0 else 17 - 18 * place
            write(GAP, top + TILE / 2 - high, part, NAME - 2 * GAP)
        for images, labels, most, left in (
            (dataset.x_train, dataset.y_train, TRAINING, NAME),
            (dataset.x_test, dataset.y_test, TEST, NAME + TRAINING * step + 2 * GAP),
        ):
            for place, number in enumerate(np.flatnonzero(labels == row)[:most]):
                tile = Image.fromarray(images[number]).convert("RGB")
                how = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BOX
                sheet.paste(tile.resize(size, how), (left + place * step, top))
    return sheet


def write(dataset: Dataset, path: Path) -> None:
    """Write the contact sheet as a PNG.

    Raises:
        UserError: it can't be written.
    """
    from mnist_aug.results import files

    with files.written(path) as temporary:
        contact_sheet(dataset).save(temporary, "PNG")
