"""Crops, padding and resizing: what each draws, and its application to images.

Each is a box of the image, which may reach beyond it, that is then scaled to a size. For each
transform one function gives the boxes for N images of (H, W) pixels, int64 [N] each where they
differ: `box`, int64 [N, 4] as x_min, y_min, x_max, y_max, and, if the boxes are scaled, `size`,
int64 [N, 2], the height and width to which they are. Names, ranges, formulas and rounding follow
albumentations 2.0.8.

Scaling is OpenCV's own, image by image, without Intel's library (IPP), to which it leaves some
kinds of images and interpolation, and which chooses its arithmetic by the processor.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import NoReturn, TypeAlias

import albumentations as A
import cv2
import numpy as np

from mnist_aug.augment.engine.compiled import kernel
from mnist_aug.augment.engine.draws import Draws
from mnist_aug.augment.engine.exact import exp, log
from mnist_aug.augment.engine.resample import band, fill_value
from mnist_aug.errors import UserError

Drawn = dict[str, np.ndarray]
Length: TypeAlias = int | np.ndarray
_TRIES = 10  # of RandomResizedCrop


def _refuse(t: A.BasicTransform, what: str) -> NoReturn:
    raise UserError(f"{type(t).__name__}: {what}")


def _boxes(
    count: int, left: Length, top: Length, width: Length,
    height: Length,
) -> np.ndarray:  # fmt: skip
    """int64 [N, 4] of numbers or arrays [N]."""
    out = np.empty((count, 4), np.int64)
    out[:, 0], out[:, 1], out[:, 2], out[:, 3] = left, top, left + width, top + height
    return out


def _sizes(count: int, height: Length, width: Length) -> np.ndarray:
    """int64 [N, 2] of numbers or arrays [N]."""
    out = np.empty((count, 2), np.int64)
    out[:, 0], out[:, 1] = height, width
    return out


def _whole(count: int, size: tuple[Length, Length]) -> np.ndarray:
    """Boxes of whole images."""
    return _boxes(count, 0, 0, size[1], size[0])


def _before(position: str, draws: Draws, down: Length, across: Length) -> tuple[Length, Length]:
    """How much of a padding of `down` rows and `across` columns is above and left of an image."""
    if position == "center":
        return down // 2, across // 2
    if position == "random":
        return draws.integers(0, down), draws.integers(0, across)
    return down * position.startswith("bottom"), across * position.endswith("right")


def _padding(
    t: A.RandomCrop | A.CenterCrop | A.Crop, draws: Draws, size: tuple[Length, Length],
    least: tuple[int, int], what: str, less: str,
) -> tuple[Length, Length, Length, Length]:  # fmt: skip
    """Rows and columns that a crop needs more than there are, and those of them before the image.

    Raises:
        UserError: it needs some and may not pad, with what doesn't fit and how to crop less.
    """
    height, width = size
    down, across = np.maximum(least[0] - height, 0), np.maximum(least[1] - width, 0)
    if not (np.any(down) or np.any(across)):
        return down, across, 0, 0
    if not t.pad_if_needed:
        _refuse(
            t,
            f"{what} doesn't fit an image of {np.min(height)} x {np.min(width)}: set "
            f"pad_if_needed, or {less}",
        )
    return down, across, *_before(t.pad_position, draws, down, across)


def _crop(t: A.RandomCrop | A.CenterCrop, draws: Draws, size: tuple[Length, Length]) -> Drawn:
    what = f"a crop of {t.height} x {t.width} pixels"
    least = (t.height, t.width)
    down, across, top, left = _padding(t, draws, size, least, what, "crop less")
    spare_y, spare_x = size[0] + down - t.height, size[1] + across - t.width
    if type(t) is A.RandomCrop:
        y, x = draws.integers(0, spare_y), draws.integers(0, spare_x)
    else:
        y, x = spare_y // 2, spare_x // 2
    return {"box": _boxes(len(draws), x - left, y - top, t.width, t.height)}


def _fixed_crop(t: A.Crop, draws: Draws, size: tuple[Length, Length]) -> Drawn:
    what = f"a crop up to row {t.y_max} and column {t.x_max}"
    least = (t.y_max, t.x_max)
    *_, top, left = _padding(t, draws, size, least, what, "lower x_max and y_max")
    wide, high = t.x_max - t.x_min, t.y_max - t.y_min
    return {"box": _boxes(len(draws), t.x_min - left, t.y_min - top, wide, high)}


def _crop_from_borders(
    t: A.RandomCropFromBorders, draws: Draws, size: tuple[Length, Length]
) -> Drawn:
    height, width = (np.asarray(length) for length in size)
    left = draws.integers(0, (t.crop_left * width).astype(np.int64))
    least = ((1 - t.crop_right) * width).astype(np.int64)
    right = draws.integers(np.maximum(left + 1, least), width)
    top = draws.integers(0, (t.crop_top * height).astype(np.int64))
    least = ((1 - t.crop_bottom) * height).astype(np.int64)
    bottom = draws.integers(np.maximum(top + 1, least), height)
    if (right <= left).any() or (bottom <= top).any():
        _refuse(t, "crops an image to nothing: lower crop_left, crop_right, crop_top, crop_bottom")
    return {"box": np.stack([left, top, right, bottom], -1)}


def _pad(t: A.Pad, draws: Draws, size: tuple[Length, Length]) -> Drawn:
    given = t.padding
    match given:
        case int() | float():
            left = top = right = bottom = int(given)
        case (x, y):
            left, top, right, bottom = x, y, x, y
        case _:
            left, top, right, bottom = given
    if min(left, top, right, bottom) < 0:
        _refuse(t, f"padding={given} must not be negative")
    height, width = size[0] + top + bottom, size[1] + left + right
    return {"box": _boxes(len(draws), -left, -top, width, height)}


def _pad_if_needed(t: A.PadIfNeeded, draws: Draws, size: tuple[Length, Length]) -> Drawn:
    down, across = (
        np.maximum(least - length, 0) if least is not None else -length % divisor
        for length, least, divisor in (
            (size[0], t.min_height, t.pad_height_divisor),
            (size[1], t.min_width, t.pad_width_divisor),
        )
    )
    top, left = _before(t.position, draws, down, across)
    return {"box": _boxes(len(draws), -left, -top, size[1] + across, size[0] + down)}


def _resize(t: A.Resize, draws: Draws, size: tuple[Length, Length]) -> Drawn:
    return {"box": _whole(len(draws), size), "size": _sizes(len(draws), t.height, t.width)}


def _scale(t: A.RandomScale, draws: Draws, size: tuple[Length, Length]) -> Drawn:
    scale = draws.uniform(*t.scale_limit) + 1.0
    height, width = ((length * scale).astype(np.int64) for length in size)
    if len(draws) and min(height.min(), width.min()) < 1:
        _refuse(t, "scales an image to nothing: raise scale_limit")
    return {"box": _whole(len(draws), size), "size": _sizes(len(draws), height, width)}


def _scale_to_side(
    t: A.LongestMaxSize | A.SmallestMaxSize, draws: Draws, size: tuple[Length, Length]
) -> Drawn:
    """`max_size` may be a list, of which one is drawn for each image."""
    longest = type(t) is A.LongestMaxSize
    if t.max_size is not None:
        sides = np.atleast_1d(t.max_size)
        scale = sides[draws.integers(0, len(sides) - 1)] / (np.maximum if longest else np.minimum)(
            *size
        )
    else:
        pairs = zip(t.max_size_hw, size, strict=True)
        ratios = [most / length for most, length in pairs if most is not None]
        scale = (np.min if longest else np.max)(np.broadcast_arrays(*ratios), axis=0)
    height, width = (np.maximum(np.rint(length * scale), 1) for length in size)
    return {"box": _whole(len(draws), size), "size": _sizes(len(draws), height, width)}


def _sized_crop(t: A.RandomSizedCrop, draws: Draws, size: tuple[Length, Length]) -> Drawn:
    high = draws.integers(*t.min_max_height)
    wide = np.minimum((high * t.w2h_ratio).astype(np.int64), size[1])
    high = np.minimum(high, size[0])
    if len(wide) and wide.min() < 1:
        _refuse(t, "crops images to no column: raise w2h_ratio")
    y, x = draws.integers(0, size[0] - high), draws.integers(0, size[1] - wide)
    return {"box": _boxes(len(draws), x, y, wide, high), "size": _sizes(len(draws), *t.size)}


def _resized_crop(t: A.RandomResizedCrop, draws: Draws, size: tuple[Length, Length]) -> Drawn:
    """The first of ten draws of area and ratio that fits; else the largest in the middle."""
    if t.ratio[0] <= 0:
        _refuse(t, f"ratio={t.ratio} must be above 0")
    whole = _sizes(len(draws), *size)
    height, width = whole.T
    sides = np.empty_like(whole)
    sides[:, 0] = np.minimum(height, np.rint(width / t.ratio[0]))
    sides[:, 1] = np.minimum(width, np.rint(height * t.ratio[1]))
    ratios = np.array([log(t.ratio[0]), log(t.ratio[1])])
    fits = _try_crops(draws.uniforms(2 * _TRIES), np.array(t.scale, float), ratios, whole, sides)
    u = draws.uniforms(2)
    spare = whole - sides
    starts = np.where(fits[:, None], np.floor((spare + 1) * u).astype(np.int64), spare // 2)
    box = np.concatenate([starts[:, ::-1], (starts + sides)[:, ::-1]], axis=1)
    return {"box": box, "size": _sizes(len(draws), *t.size)}


@kernel
def _try_crops(
    u: np.ndarray, scales: np.ndarray, ratios: np.ndarray, whole: np.ndarray, out: np.ndarray
) -> np.ndarray:
    """Heights and widths [N, 2] by uniform numbers [N, 2 tries]; whether there is one that fits."""
    fits = np.zeros(len(u), np.bool_)
    for n in range(len(u)):
        height, width = whole[n, 0], whole[n, 1]
        least, most = scales[0] * (height * width), scales[1] * (height * width)
        for i in range(0, u.shape[1], 2):
            area = least + (most - least) * u[n, i]
            ratio = exp(ratios[0] + (ratios[1] - ratios[0]) * u[n, i + 1])
            wide, high = np.rint(np.sqrt(area * ratio)), np.rint(np.sqrt(area / ratio))
            if 0 < wide <= width and 0 < high <= height:
                out[n, 0], out[n, 1], fits[n] = int(high), int(wide), True
                break
    return fits


def _crop_and_pad(t: A.CropAndPad, draws: Draws, size: tuple[Length, Length]) -> Drawn:
    """Each side, from the top clockwise, is cropped by what is negative or padded."""
    height, width = size
    if t.px is not None:
        sides = _sides_in_pixels(t, draws)
    else:
        shares = _sides_in_shares(t, draws)
        sides = [(s * length).astype(np.int64) for s, length in zip(shares, size * 2, strict=True)]
    top, right, bottom, left = sides
    for first, second, length in ((top, bottom, height), (left, right, width)):
        crops = np.minimum(first, 0), np.minimum(second, 0)
        for i in np.flatnonzero(length + crops[0] + crops[1] < 1):
            _keep_one(first, second, int(i), int(np.broadcast_to(length, len(first))[i]))
    wide, high = width + left + right, height + top + bottom
    if len(draws) and min(np.min(wide), np.min(high)) < 1:
        _refuse(t, "crops images to nothing: crop less")
    box = _boxes(len(draws), -left, -top, wide, high)
    return {"box": box, "size": _sizes(len(draws), *size)} if t.keep_size else {"box": box}


def _keep_one(first: np.ndarray, second: np.ndarray, i: int, length: int) -> None:
    """Give back so much of a crop from two sides that a pixel is left, as 2.0.8 does."""
    before, after = max(-first[i], 0), max(-second[i], 0)
    regain_before = regain_after = (length + 1) // 2
    if (length + 1) % 2:
        regain_before += 1
    if regain_before > before:
        regain_after += regain_before - before
        regain_before = before
    elif regain_after > after:
        regain_before += regain_after - after
        regain_after = after
    if first[i] < 0:
        first[i] = -max(before - regain_before, 0)
    if second[i] < 0:
        second[i] = -max(after - regain_after, 0)


def _sides_in_pixels(t: A.CropAndPad, draws: Draws) -> list[np.ndarray]:
    """int64 [N] for each side; the upper limit of a range is never drawn."""
    px, count = t.px, len(draws)
    if isinstance(px, int):
        return [np.full(count, px) for _ in range(4)]
    if len(px) == 2:
        low, high = px
        if high <= low:
            _refuse(t, f"px={px} holds no number: give more than {low} as the upper limit")
        if t.sample_independently:
            return [draws.integers(low, high - 1) for _ in range(4)]
        side = draws.integers(low, high - 1)
        return [side.copy() for _ in range(4)]
    if isinstance(px[0], int):
        return [np.full(count, side) for side in px]
    if len(px[0]) == 2:
        return [draws.integers(low, high - 1) for low, high in px]
    return [np.array(s, np.int64)[draws.integers(0, len(s) - 1)] for s in px]


def _sides_in_shares(t: A.CropAndPad, draws: Draws) -> list[np.ndarray]:
    """float64 [N] for each side."""
    percent, count = t.percent, len(draws)
    if isinstance(percent, (int, float)):
        return [np.full(count, float(percent)) for _ in range(4)]
    if len(percent) == 2:
        if t.sample_independently:
            return [draws.uniform(*percent) for _ in range(4)]
        return [draws.uniform(*percent)] * 4
    if isinstance(percent[0], (int, float)):
        return [np.full(count, float(side)) for side in percent]
    if len(percent[0]) == 2:
        return [draws.uniform(*side) for side in percent]
    return [np.array(s, np.float64)[draws.integers(0, len(s) - 1)] for s in percent]


TRANSFORMS: dict[type[A.BasicTransform], Callable[..., Drawn]] = {
    A.RandomCrop: _crop,
    A.CenterCrop: _crop,
    A.Crop: _fixed_crop,
    A.RandomCropFromBorders: _crop_from_borders,
    A.Pad: _pad,
    A.PadIfNeeded: _pad_if_needed,
    A.Resize: _resize,
    A.RandomScale: _scale,
    A.LongestMaxSize: _scale_to_side,
    A.SmallestMaxSize: _scale_to_side,
    A.RandomSizedCrop: _sized_crop,
    A.RandomResizedCrop: _resized_crop,
    A.CropAndPad: _crop_and_pad,
}


def needs_albumentations(t: A.BasicTransform) -> bool:
    """Whether a listed transform has a parameter that only albumentations can serve.

    `CropAndPad` draws a fill from a range, and its reflections depend on what it crops.
    """
    return type(t) is A.CropAndPad and (
        not isinstance(t.fill, (int, float))
        or t.border_mode not in (cv2.BORDER_CONSTANT, cv2.BORDER_REPLICATE)
    )


def changes_sizes_apart(t: A.BasicTransform) -> bool:
    """Whether images of one size can get different ones."""
    return (
        type(t) in (A.RandomScale, A.RandomCropFromBorders)
        or (type(t) is A.CropAndPad and not t.keep_size)
        or isinstance(getattr(t, "max_size", None), (list, tuple))
    )


class Pieces:
    """Images of different sizes, cut and scaled one by one.

    Args:
        images: [M, H, W, C]; places: int64 [N].
    """

    def __init__(self, images: np.ndarray, places: np.ndarray) -> None:
        self._images = [images[place] for place in places.tolist()]
        self._kind = images.shape[3], images.dtype
        self.sizes = _sizes(len(places), *images.shape[1:3])

    def change(self, t: A.BasicTransform, chosen: np.ndarray, drawn: Drawn) -> None:
        """Cut and scale those with the indices `chosen` int64 [K], as drawn for them."""
        box = drawn["box"]
        size = drawn.get("size", box[:, [3, 2]] - box[:, [1, 0]])
        channels, dtype = self._kind
        fill = _line(getattr(t, "fill", 0), channels, 1, dtype).tolist()
        with without_ipp():
            for k, edges, (height, width) in zip(
                chosen.tolist(), box.tolist(), size.tolist(), strict=True
            ):
                piece = _piece(t, self._images[k], edges, fill)
                if piece.shape[:2] != (height, width):
                    how = _interpolation(t, piece, height, width)
                    piece = cv2.resize(piece, (width, height), interpolation=how)
                self._images[k] = piece
        self.sizes[chosen] = size

    def stacks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """For each size the indices of its images, int64 [K], and the images [K, h, w, C], new."""
        channels, dtype = self._kind
        for chosen in _alike(self.sizes):
            out = np.empty((len(chosen), *self.sizes[chosen[0]], channels), dtype)
            for n, k in enumerate(chosen.tolist()):
                out[n] = self._images[k].reshape(out.shape[1:])
            yield chosen, out


@contextmanager
def without_ipp() -> Iterator[None]:
    """In this thread OpenCV uses code of its own alone, with the same bytes on every processor."""
    used = cv2.ipp.useIPP()
    cv2.ipp.setUseIPP(False)
    try:
        yield
    finally:
        cv2.ipp.setUseIPP(used)


def cut_and_scaled(
    t: A.BasicTransform, images: np.ndarray, places: np.ndarray, drawn: Drawn
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The images at `places` int64 [N] of [M, H, W, C], cut and scaled as drawn.

    Yields:
        For each size of results the indices of its images among the N, int64 [K], and the images
        [K, h, w, C], new.
    """
    box = drawn["box"]
    extents = np.stack([box[:, 3] - box[:, 1], box[:, 2] - box[:, 0]], -1)
    size = drawn.get("size", extents)
    if "size" not in drawn or np.array_equal(size, extents):
        for chosen in _alike(size):
            yield chosen, _cut(t, images, places[chosen], box[chosen])
        return
    for chosen in _alike(size):
        out = np.empty((len(chosen), *size[chosen[0]], images.shape[3]), images.dtype)
        with without_ipp():
            _scaled(t, images, places[chosen], box[chosen], out)
        yield chosen, out


def _alike(sizes: np.ndarray) -> list[np.ndarray]:
    """Indices [K] of rows [N, 2] that are equal."""
    if (sizes == sizes[0]).all():
        return [np.arange(len(sizes))]
    keys = sizes[:, 0] << 32 | sizes[:, 1]
    order = np.argsort(keys, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(keys[order])) + 1)


def _cut(
    t: A.BasicTransform, images: np.ndarray, places: np.ndarray, box: np.ndarray
) -> np.ndarray:
    """Boxes of one size, [K, h, w, C]."""
    count, height, width, channels = images.shape
    x_min, y_min, x_max, y_max = box[0].tolist()
    out = np.empty((len(box), y_max - y_min, (x_max - x_min) * channels), images.dtype)
    reach = int(max(0, -box[:, :2].min(), (box[:, 2:] - (width, height)).max()))
    border = getattr(t, "border_mode", cv2.BORDER_CONSTANT)
    rows, columns = band(height, reach, border), _values(width, channels, reach, border)
    fill = _line(getattr(t, "fill", 0), channels, x_max - x_min, images.dtype)
    _copy_boxes(
        images.reshape(count, height, -1), places, box, channels, reach, rows, columns, fill, out
    )
    return out.reshape(len(box), y_max - y_min, x_max - x_min, channels)


@lru_cache(maxsize=64)
def _values(width: int, channels: int, pad: int, border: int) -> np.ndarray:
    """int64 [(width + 2 pad) C]: of a row with its band, which value stands where; -1 for fill."""
    columns = band(width, pad, border)[:, None]
    return np.where(columns < 0, -1, columns * channels + np.arange(channels)).ravel()


@lru_cache(maxsize=64)
def _line(
    fill: float | tuple[float, ...], channels: int, width: int, dtype: np.dtype
) -> np.ndarray:
    """[width C], filled."""
    return np.tile(fill_value(fill, channels, dtype), width)


@kernel
def _copy_boxes(
    images: np.ndarray, places: np.ndarray, boxes: np.ndarray, channels: int, pad: int,
    rows: np.ndarray, columns: np.ndarray, fill: np.ndarray, out: np.ndarray,
) -> None:  # fmt: skip
    """Boxes of images [M, H, W C] with a band of `pad` pixels around them, into [K, h, w C]."""
    width = out.shape[2]
    for n in range(len(out)):
        place, left, top = places[n], boxes[n, 0] * channels, boxes[n, 1] + pad
        first = min(max(-left, 0), width)
        end = max(min(images.shape[2] - left, width), first)
        around = columns[left + pad * channels :]
        for y in range(out.shape[1]):
            line, row = out[n, y], rows[top + y]
            if row < 0:
                for x in range(width):
                    line[x] = fill[x]
                continue
            source = images[place, row]
            inner, old = line[first:end], source[max(left, 0) :]
            for x in range(len(inner)):
                inner[x] = old[x]
            for x in range(first):
                line[x] = fill[x] if around[x] < 0 else source[around[x]]
            for x in range(end, width):
                line[x] = fill[x] if around[x] < 0 else source[around[x]]


def _scaled(
    t: A.BasicTransform, images: np.ndarray, places: np.ndarray, box: np.ndarray, out: np.ndarray
) -> None:
    """Boxes, scaled into `out` [K, h, w, C]."""
    height, width, channels = out.shape[1:]
    fill = _line(getattr(t, "fill", 0), channels, 1, images.dtype).tolist()
    for k, (place, edges) in enumerate(zip(places.tolist(), box.tolist(), strict=True)):
        piece = _piece(t, images[place], edges, fill)
        how = _interpolation(t, piece, height, width)
        cv2.resize(piece, (width, height), out[k], interpolation=how)


def _piece(
    t: A.BasicTransform, image: np.ndarray, edges: Sequence[int], fill: list[float]
) -> np.ndarray:
    """The part of an image [H, W, C] within edges x_min, y_min, x_max, y_max."""
    height, width = image.shape[:2]
    x, y, x_end, y_end = edges
    if x < 0 or y < 0 or x_end > width or y_end > height:
        left, top, right, bottom = (
            -min(x, 0),
            -min(y, 0),
            max(x_end - width, 0),
            max(y_end - height, 0),
        )
        image = cv2.copyMakeBorder(image, top, bottom, left, right, t.border_mode, value=fill)
        x, y, x_end, y_end = x + left, y + top, x_end + left, y_end + top
        height, width = image.shape[:2]
    return image if (x_end - x, y_end - y) == (width, height) else image[y:y_end, x:x_end]


def _interpolation(t: A.BasicTransform, piece: np.ndarray, height: int, width: int) -> int:
    smaller = piece.shape[0] > height or piece.shape[1] > width
    finer = smaller and getattr(t, "area_for_downscale", None) is not None
    return cv2.INTER_AREA if finer else t.interpolation
