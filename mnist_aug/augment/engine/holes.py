"""Holes: what each transform draws, and its application to images.

For each transform one function samples parameters for N images at once, from draws, the images'
shape (H, W, C) and dtype, and one changes images in place: the images at `places` int64 [N] of [M,
H, W, C], uint8 or float32 in [0, 1]. Names, ranges, formulas and rounding follow albumentations
2.0.8, except for its errors listed in docs/engine.md.
"""

from collections.abc import Callable
from typing import TypeAlias

import albumentations as A
import cv2
import numpy as np
import numpy.typing as npt

from mnist_aug.augment.engine.compiled import kernel
from mnist_aug.augment.engine.draws import Draws
from mnist_aug.augment.engine.resample import fill_value
from mnist_aug.errors import UserError

Drawn = dict[str, np.ndarray]
Dropout: TypeAlias = A.CoarseDropout | A.Erasing | A.GridDropout | A.XYMasking


def sample_coarse_dropout(
    t: A.CoarseDropout, draws: Draws, shape: tuple[int, int, int], dtype: npt.DTypeLike
) -> Drawn:
    """The holes of `A.CoarseDropout`, int [N, most holes, 4] as x_min, y_min, x_max, y_max.

    An image that drew fewer holes has empty ones at the end.
    """
    height, width = shape[:2]
    most = t.num_holes_range[1]
    number = draws.integers(*t.num_holes_range)
    in_pixels = t.hole_height_range[1] >= 1
    sizes = [
        _hole_sizes(draws.uniforms(most), limits, length, in_pixels)
        for limits, length in ((t.hole_height_range, height), (t.hole_width_range, width))
    ]
    start_y, start_x = (
        np.floor(draws.uniforms(most) * (length - size + 1)).astype(np.int64)
        for size, length in zip(sizes, (height, width), strict=True)
    )
    holes = np.stack([start_x, start_y, start_x + sizes[1], start_y + sizes[0]], axis=-1)
    holes[np.arange(most) >= number[:, None]] = 0
    return {"holes": holes, **_hole_values(t, draws, shape, most, dtype)}


def _hole_sizes(
    u: np.ndarray, limits: tuple[float, float], length: int, in_pixels: bool
) -> np.ndarray:
    low, high = limits
    if not in_pixels:
        return (length * (low + (high - low) * u)).astype(np.int64)
    low, high = int(low), int(min(high, length) + 1)
    if low >= high:
        raise UserError(
            f"CoarseDropout: holes of at least {low} pixels don't fit {length}: "
            "lower hole_height_range or hole_width_range"
        )
    return low + np.floor((high - low) * u).astype(np.int64)


def sample_erasing(
    t: A.Erasing, draws: Draws, shape: tuple[int, int, int], dtype: npt.DTypeLike
) -> Drawn:
    """The one hole of `A.Erasing`, int [N, 1, 4]; empty where no rectangle fits."""
    height, width = shape[:2]
    smallest, ratio = height * width * t.scale[0], t.ratio
    largest = min(
        height * width * t.scale[1],
        ratio[0] * height**2,
        ratio[1] * height**2,
        width**2 / ratio[0] if ratio[0] else np.inf,
        width**2 / ratio[1],
    )
    u = draws.uniforms(4).T
    fits = largest >= smallest
    area = np.maximum(smallest + (largest - smallest) * u[0], 1e-9)
    low = np.maximum(ratio[0], area / height**2)
    high = np.minimum(ratio[1], width**2 / area)
    fits &= low <= high
    aspect = low + (high - low) * u[1]
    tall = np.rint(np.sqrt(area / aspect)).astype(np.int64)
    wide = np.rint(np.sqrt(area * aspect)).astype(np.int64)
    top = np.floor((height - tall + 1) * u[2]).astype(np.int64)
    left = np.floor((width - wide + 1) * u[3]).astype(np.int64)
    holes = np.stack([left, top, left + wide, top + tall], axis=-1) * fits[:, None]
    return {"holes": holes[:, None], **_hole_values(t, draws, shape, 1, dtype)}


def sample_grid_dropout(
    t: A.GridDropout, draws: Draws, shape: tuple[int, int, int], dtype: npt.DTypeLike
) -> Drawn:
    """One hole for each cell of a grid, int [N, most cells, 4].

    Rows and columns of the grid are as equal as can be; which are a pixel longer is drawn. The
    numbers of `holes_number_xy` are those of rows and columns, the upper limit of
    `unit_size_range` is never drawn, as in 2.0.8.
    """
    height, width = shape[:2]
    if t.unit_size_range is None or t.holes_number_xy:
        rows, columns = t.holes_number_xy or (
            height // max(2, height // 10),
            width // max(2, width // 10),
        )
        grids = np.full((len(draws), 2), (rows, columns))
    else:
        low, high = t.unit_size_range
        if high <= low or high > min(height, width):
            raise UserError(
                f"GridDropout: unit_size_range={t.unit_size_range} must rise, to no more than the "
                f"image's {min(height, width)} pixels"
            )
        rows, columns = height // low, width // low
        unit = draws.integers(low, high - 1)
        grids = np.stack([height // unit, width // unit], 1)
    if not (1 <= rows <= height and 1 <= columns <= width):
        raise UserError(
            f"GridDropout: a grid of {rows} x {columns} cells doesn't fit an image of {height} x "
            f"{width} pixels: change holes_number_xy"
        )
    cells = rows * columns
    u = draws.uniforms(rows + columns + (2 * cells if t.random_offset else 0))
    boxes = np.zeros((len(draws), cells, 4), np.int64)
    _grid_holes(
        u, grids, height, width, t.ratio, t.random_offset, *t.shift_xy, rows, columns, boxes
    )
    return {"holes": boxes, **_hole_values(t, draws, shape, cells, dtype)}


@kernel
def _edges(u: np.ndarray, length: int, parts: int, out: np.ndarray) -> None:
    """Where parts of a length begin and the last ends: those a pixel longer by uniform numbers."""
    longer, out[0] = length % parts, 0
    for i in range(parts):
        is_longer = u[i] * (parts - i) < longer
        longer -= is_longer
        out[i + 1] = out[i] + length // parts + is_longer


@kernel
def _grid_holes(
    u: np.ndarray, grids: np.ndarray, height: int, width: int, ratio: float, shifted: bool,
    shift_x: int, shift_y: int, most_rows: int, most_columns: int, holes: np.ndarray,
) -> None:  # fmt: skip
    tops, lefts = np.empty(height + 2, np.int64), np.empty(width + 2, np.int64)
    for n in range(len(holes)):
        rows, columns, v = grids[n, 0], grids[n, 1], u[n]
        _edges(v, height, rows, tops)
        _edges(v[most_rows:], width, columns, lefts)
        v = v[most_rows + most_columns :]
        for i in range(rows):
            tall = tops[i + 1] - tops[i]
            high = int(min(max(tall * ratio, 1), tall - 1))
            for j in range(columns):
                broad, k = lefts[j + 1] - lefts[j], i * columns + j
                wide = int(min(max(broad * ratio, 1), broad - 1))
                down, across = shift_y, shift_x
                if shifted:
                    down = int(v[2 * k] * (tall - high + 1))
                    across = int(v[2 * k + 1] * (broad - wide + 1))
                top = min(max(tops[i] + down, 0), height - high)
                left = min(max(lefts[j] + across, 0), width - wide)
                holes[n, k, 0], holes[n, k, 1] = left, top
                holes[n, k, 2], holes[n, k, 3] = left + wide, top + high


def sample_xy_masking(
    t: A.XYMasking, draws: Draws, shape: tuple[int, int, int], dtype: npt.DTypeLike
) -> Drawn:
    """Stripes from top to bottom and then from left to right, int [N, most of both, 4]."""
    height, width = shape[:2]
    most = t.num_masks_x[1] + t.num_masks_y[1]
    holes = np.zeros((len(draws), most, 4), np.int64)
    first = 0
    for axis, (numbers, lengths, across, along) in enumerate(
        (
            (t.num_masks_x, t.mask_x_length, width, height),
            (t.num_masks_y, t.mask_y_length, height, width),
        )
    ):
        if lengths[1] > across:
            raise UserError(
                f"XYMasking: mask_{'xy'[axis]}_length={lengths} must not be above the image's "
                f"{across} pixels"
            )
        if not numbers[1]:
            continue
        count, u = draws.integers(*numbers), draws.uniforms(2 * numbers[1])
        size = lengths[0] + np.floor((lengths[1] - lengths[0] + 1) * u[:, ::2]).astype(np.int64)
        start = np.floor((across - size + 1) * u[:, 1::2]).astype(np.int64)
        part = holes[:, first : first + numbers[1]]
        part[..., axis], part[..., axis + 2], part[..., 3 - axis] = start, start + size, along
        part[np.arange(numbers[1]) >= count[:, None]] = 0
        first += numbers[1]
    return {"holes": holes, **_hole_values(t, draws, shape, most, dtype)}


def _hole_values(
    t: Dropout, draws: Draws, shape: tuple[int, int, int], most: int, dtype: npt.DTypeLike
) -> Drawn:
    """What random fills put into holes, in the images' range: a value for each pixel, or hole."""
    count, (height, width, channels) = len(draws), shape
    if t.fill == "random":
        number, is_bytes = height * width * channels, dtype == np.uint8
        bits = draws.bits(-(-number // (8 if is_bytes else 2)))
        parts = bits.astype("<u8", copy=False).view("u1" if is_bytes else "<u4")[:, :number]
        values = parts if is_bytes else (parts >> 8).astype(np.float32) * np.float32(2**-24)
        return {"values": values.reshape(count, height, width, channels)}
    if t.fill == "random_uniform":
        u = draws.uniforms(most * channels).reshape(count, most, channels)
        return {"values": (np.floor(u * 256) if dtype == np.uint8 else u).astype(dtype)}
    return {}


def fill_holes(t: Dropout, images: np.ndarray, places: np.ndarray, drawn: Drawn) -> None:
    """Later holes lie over earlier ones. For uint8 a number's part after the point is cut off."""
    count, height, _, channels = images.shape
    flat, holes = images.reshape(count, height, -1), drawn["holes"]
    if isinstance(t.fill, str) and t.fill.startswith("inpaint"):
        _inpaint(t, images, places, holes)
        return
    if t.fill == "random":
        _copy(flat, places, holes, channels, drawn["values"].reshape(len(places), height, -1))
        return
    values = drawn.get("values")
    if values is None:
        fill = np.trunc(t.fill).tolist() if images.dtype == np.uint8 else t.fill
        values = fill_value(fill, channels, images.dtype)[None, None]
    _fill(flat, places, holes, values)


def _inpaint(t: Dropout, images: np.ndarray, places: np.ndarray, holes: np.ndarray) -> None:
    """From what surrounds the holes; float32 images have 256 levels meanwhile, as in 2.0.8."""
    channels, is_bytes = images.shape[3], images.dtype == np.uint8
    if channels not in (1, 3):
        raise UserError(
            f"{type(t).__name__}: fill={t.fill!r} takes images of 1 or 3 channels, not {channels}: "
            "give a number, random or random_uniform"
        )
    how = cv2.INPAINT_TELEA if t.fill == "inpaint_telea" else cv2.INPAINT_NS
    mask = np.empty(images.shape[1:3], np.uint8)
    for place, boxes in zip(places.tolist(), holes.tolist(), strict=True):
        image = images[place]
        mask[:] = 0
        for x_min, y_min, x_max, y_max in boxes:
            mask[y_min:y_max, x_min:x_max] = 255
        if not is_bytes:
            image = np.clip(np.rint(image * np.float32(255)), 0, 255).astype(np.uint8)
        made = cv2.inpaint(image, mask, 3, how).reshape(image.shape)
        images[place] = made if is_bytes else made.astype(np.float32) / np.float32(255)


@kernel
def _copy(
    images: np.ndarray, places: np.ndarray, holes: np.ndarray, channels: int, values: np.ndarray
) -> None:
    """Into holes of images [M, H, W C] what is there in values [N, H, W C]."""
    for n in range(len(places)):
        image = images[places[n]]
        for k in range(holes.shape[1]):
            first, end = holes[n, k, 0] * channels, holes[n, k, 2] * channels
            for y in range(holes[n, k, 1], holes[n, k, 3]):
                line, source = image[y], values[n, y]
                for x in range(first, end):
                    line[x] = source[x]


@kernel
def _fill(images: np.ndarray, places: np.ndarray, holes: np.ndarray, values: np.ndarray) -> None:
    """Into holes of images [M, H, W C] values [N, holes, C], or [1, 1, C] for all."""
    channels = values.shape[2]
    for n in range(len(places)):
        image = images[places[n]]
        for k in range(holes.shape[1]):
            value = values[n, k] if len(values) > 1 or values.shape[1] > 1 else values[0, 0]
            first, end = holes[n, k, 0] * channels, holes[n, k, 2] * channels
            for y in range(holes[n, k, 1], holes[n, k, 3]):
                line = image[y]
                for c in range(channels):
                    v = value[c]
                    for x in range(first + c, end, channels):
                        line[x] = v


TRANSFORMS: dict[type[A.BasicTransform], tuple[Callable[..., Drawn], Callable[..., None]]] = {
    A.CoarseDropout: (sample_coarse_dropout, fill_holes),
    A.Erasing: (sample_erasing, fill_holes),
    A.GridDropout: (sample_grid_dropout, fill_holes),
    A.XYMasking: (sample_xy_masking, fill_holes),
}
