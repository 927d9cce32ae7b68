"""Reading images at places between their pixels, beyond their borders too.

For each image: the places are computed, folded into the image and a band around it as its border
mode says, and rounded to 1/2048 pixel; then the pixels around each are weighed. The weights of
uint8 images are whole numbers, so that their sums are exact; those of float32 images, and cubic
and Lanczos weights, are summed in a written order (see `exact.py`).

The loops are short and alike because LLVM then computes eight numbers at a time: one loop over
all pixels for each step, over slices without arithmetic on indices, and sums over a fixed number
of terms.
"""

from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from mnist_aug.augment.engine.compiled import kernel
from mnist_aug.augment.engine.exact import sin_cos
from mnist_aug.errors import UserError

TERMS = 12  # summed at a time in a product; the inner length of products is a multiple of it
LANES = 8  # the width of products is a multiple of it
REACH = {cv2.INTER_NEAREST: 1, cv2.INTER_LINEAR: 1, cv2.INTER_CUBIC: 2, cv2.INTER_LANCZOS4: 4}
_BITS, _PARTS = np.uint32(11), 2048  # of a pixel
_REST = np.uint32(_PARTS - 1)
_WHOLE = np.uint32(_PARTS)
_HALF = np.uint32(1 << 21)  # of the sum of weights, 2048 x 2048
_8, _16, _22, _24, _255 = (np.uint32(n) for n in (8, 16, 22, 24, 255))


@kernel
def product(left: np.ndarray, right: np.ndarray, out: np.ndarray) -> None:
    """left [m, k] times right [k, n] into out [m, n], float32; k is a multiple of `TERMS`."""
    for y in range(left.shape[0]):
        for x in range(out.shape[1]):
            total = np.float32(0)
            for i in range(TERMS):
                total += left[y, i] * right[i, x]
            out[y, x] = total
    for first in range(TERMS, left.shape[1], TERMS):
        block = right[first : first + TERMS]
        for y in range(left.shape[0]):
            factors = left[y, first : first + TERMS]
            for x in range(out.shape[1]):
                total = out[y, x]
                for i in range(TERMS):
                    total += factors[i] * block[i, x]
                out[y, x] = total


def grown(array: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """float32, with zeros added so that its size is a multiple of (rows, columns)."""
    down, across = (-length % of for length, of in zip(array.shape, (rows, columns), strict=True))
    return np.ascontiguousarray(np.pad(array.astype(np.float32), ((0, down), (0, across))))


class _Pair(NamedTuple):
    y: np.ndarray
    x: np.ndarray


class Factors(_Pair):
    """Fy float32 [H, k] and Fx [W, l] of a displacement d = Fy Z Fx^T."""

    @cached_property
    def joined(self) -> tuple[np.ndarray, np.ndarray]:
        """[1, ramp, Fy] and the transpose of [1, ramp, Fx], grown with zeros for `product`."""
        left, right = (np.concatenate([ramps(len(f)), f], axis=1) for f in self)
        return grown(left, 1, TERMS), grown(right.T, TERMS, LANES)


@lru_cache(maxsize=64)
def no_factors(height: int, width: int) -> Factors:
    """Those of no displacement."""
    return Factors(np.empty((height, 0), np.float32), np.empty((width, 0), np.float32))


@lru_cache(maxsize=64)
def ramps(length: int) -> np.ndarray:
    """float32 [length, 2]: one, and the place counted from the middle, which keeps sums small."""
    return np.stack([np.ones(length), np.arange(length) - (length - 1) / 2], 1).astype(np.float32)


@kernel
def affine_places(
    matrix: np.ndarray,
    inner: np.ndarray,
    left: np.ndarray,
    right: np.ndarray,
    half: np.ndarray,
    grid: np.ndarray,
    joint: np.ndarray,
    middle: np.ndarray,
    places: np.ndarray,
) -> None:
    """H(p + d(p)) into places float32 [2, H, width], x before y.

    Args:
        matrix: H, float64 [3, 3], affine.
        inner: Z, float32 [2, k, l], of the displacement d = Fy Z Fx^T; k = l = 0 for none.
        left: float32 [H, K], columns one, ramp, Fy, zeros.
        right: float32 [L, width], rows one, ramp, Fx^T, zeros.
        half: float64 [2]: the middle, x before y.
        grid: float32 [2, H width]: places counted from the middle, x before y.
        joint, middle: float32 zeros [K, L] and [K, width], to be used.
    """
    rows, columns = inner.shape[1], inner.shape[2]
    for axis in range(2):
        a, b = np.float32(matrix[axis, 0]), np.float32(matrix[axis, 1])
        c = np.float32((matrix[axis, 2] + matrix[axis, 0] * half[0]) + matrix[axis, 1] * half[1])
        if rows == 0:
            xs, ys, flat = grid[0], grid[1], places[axis].ravel()
            for i in range(len(flat)):
                flat[i] = (a * xs[i] + b * ys[i]) + c
            continue
        joint[0, 0], joint[0, 1], joint[1, 0] = c, a, b
        for i in range(rows):
            line, along, across = joint[2 + i, 2:], inner[0, i], inner[1, i]
            for j in range(columns):
                line[j] = a * along[j] + b * across[j]
        product(joint[: 2 + rows], right, middle)
        product(left, middle, places[axis])


@kernel
def _grid(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """float32 [2, H width], from the ramps in the factors of `affine_places`."""
    height, width = left.shape[0], right.shape[1]
    out = np.empty((2, height, width), np.float32)
    for y in range(height):
        for x in range(width):
            out[0, y, x], out[1, y, x] = right[1, x], left[y, 1]
    return out.reshape(2, -1)


@kernel
def _move(places: np.ndarray, matrix: np.ndarray) -> None:
    """Places float32 [2, H, width] through a matrix [3, 3], with the division."""
    m = matrix.astype(np.float32)
    xs, ys = places[0].ravel(), places[1].ravel()
    for i in range(len(xs)):
        x, y = xs[i], ys[i]
        w = (m[2, 0] * x + m[2, 1] * y) + m[2, 2]
        xs[i] = ((m[0, 0] * x + m[0, 1] * y) + m[0, 2]) / w
        ys[i] = ((m[1, 0] * x + m[1, 1] * y) + m[1, 2]) / w


@kernel
def _fold(places: np.ndarray, length: int, border: int, reach: int) -> None:
    """Places [n] brought into the image and its band, where the same pixels are read; in place."""
    low, high = np.float32(-reach), np.float32(length - 1 + reach)
    if border == cv2.BORDER_WRAP:
        period = np.float32(length)
        for i in range(len(places)):
            places[i] -= np.floor(places[i] / period) * period
    elif border == cv2.BORDER_REFLECT_101 and length > 1:
        period = np.float32(2 * length - 2)
        for i in range(len(places)):
            x = places[i] - np.floor(places[i] / period) * period
            places[i] = min(x, period - x)
    elif border == cv2.BORDER_REFLECT:
        period = np.float32(2 * length)
        for i in range(len(places)):
            x = places[i] + np.float32(0.5)
            x -= np.floor(x / period) * period
            places[i] = min(x, period - x) - np.float32(0.5)
    for i in range(len(places)):  # a place that is not a number goes to the lower end
        x = places[i]
        places[i] = min(x, high) if x > low else low


@kernel
def _offsets(
    xs: np.ndarray,
    ys: np.ndarray,
    shift: float,
    width: int,
    offsets: np.ndarray,
    parts: np.ndarray,
) -> None:
    """Where on the canvas the first pixel to be weighted is, and its parts beyond, x below y."""
    beyond, scale, half = np.float32(shift), np.float32(_PARTS), np.float32(0.5)
    across = np.uint32(width)
    for i in range(len(xs)):
        x = np.uint32(np.int32((xs[i] + beyond) * scale + half))
        y = np.uint32(np.int32((ys[i] + beyond) * scale + half))
        offsets[i] = (y >> _BITS) * across + (x >> _BITS)
        parts[i] = x & _REST | (y & _REST) << _16


@kernel
def _copy_rows(
    old: np.ndarray, old_step: int, new: np.ndarray, new_step: int, rows: int, width: int
) -> None:
    """Rows of `width` values, in order, from and into flat arrays with so much from row to row.

    Eight at a time are copied, so that up to seven values behind a row are overwritten.
    """
    grown = width + -width % LANES
    for y in range(rows):
        source, target = old[y * old_step :], new[y * new_step :]
        if len(source) >= grown and len(target) >= grown:
            for x in range(grown):
                target[x] = source[x]
        else:
            for x in range(width):
                target[x] = source[x]


@kernel
def _put_on_canvas(
    plane: np.ndarray, pad: int, rows: np.ndarray, columns: np.ndarray, fill: float,
    canvas: np.ndarray,
) -> None:  # fmt: skip
    """One channel [H W] with its band; rows and columns of -1 hold the fill."""
    height, width = len(rows) - 2 * pad, len(columns) - 2 * pad
    flat, wide = canvas.ravel(), canvas.shape[1]
    _copy_rows(plane, width, flat[pad * wide + pad :], wide, height, width)
    constant = columns[0] < 0
    for y in range(height):
        line, source = canvas[y + pad], plane[y * width :]
        for x in range(pad):
            if constant:
                line[x] = line[pad + width + x] = fill
            else:
                line[x] = source[columns[x]]
                line[pad + width + x] = source[columns[pad + width + x]]
    for i in range(pad):
        above, below = canvas[i], canvas[pad + height + i]
        if constant:
            for x in range(wide):
                above[x] = below[x] = fill
        else:
            first, last = canvas[rows[i] + pad], canvas[rows[pad + height + i] + pad]
            for x in range(wide):
                above[x], below[x] = first[x], last[x]


@kernel
def _linear_bytes(
    canvas: np.ndarray, offsets: np.ndarray, parts: np.ndarray,
    quads: np.ndarray, four: np.ndarray, out: np.ndarray,
) -> None:  # fmt: skip
    """uint8. The four pixels around a place are first put into one number, to be read at once."""
    flat, wide = canvas.ravel(), canvas.shape[1]
    count = len(flat) - wide - 1
    p, q, r, s = flat[:count], flat[1:], flat[wide:], flat[wide + 1 :]
    for i in range(count):
        quads[i] = (
            np.uint32(p[i])
            | (np.uint32(q[i]) << _8)
            | (np.uint32(r[i]) << _16)
            | (np.uint32(s[i]) << _24)
        )
    for i in range(len(offsets)):
        four[i] = quads[offsets[i]]
    for i in range(len(offsets)):
        # What is known to fit 16 bits is multiplied twice as fast.
        v, x, y = four[i], parts[i] & _REST, (parts[i] >> _16) & _REST
        upper = (v & _255) * (_WHOLE - x) + ((v >> _8) & _255) * x
        lower = ((v >> _16) & _255) * (_WHOLE - x) + (v >> _24) * x
        out[i] = np.uint8((upper * (_WHOLE - y) + lower * y + _HALF) >> _22)


@kernel
def _linear_floats(
    canvas: np.ndarray, offsets: np.ndarray, parts: np.ndarray,
    out: np.ndarray,
) -> None:  # fmt: skip
    flat, wide, part = canvas.ravel(), canvas.shape[1], np.float32(1 / _PARTS)
    p, q, r, s = flat, flat[1:], flat[wide:], flat[wide + 1 :]
    for i in range(len(offsets)):
        o = offsets[i]
        x = np.float32(parts[i] & _REST) * part
        y = np.float32(parts[i] >> _16) * part
        upper = p[o] + (q[o] - p[o]) * x
        lower = r[o] + (s[o] - r[o]) * x
        out[i] = upper + (lower - upper) * y


@kernel
def _weigh(
    canvas: np.ndarray, offsets: np.ndarray, parts: np.ndarray,
    weights: np.ndarray, out: np.ndarray,
) -> None:  # fmt: skip
    """Sums over the taps of `weights` float32 [taps, 2048], the first at the offset itself."""
    taps, wide = weights.shape[0], canvas.shape[1]
    flat, count = canvas.ravel(), len(offsets)
    whole = np.zeros(count, np.float32)
    line = np.empty(count, np.float32)
    for down in range(taps):
        for i in range(count):
            line[i] = 0
        for across in range(taps):
            source = flat[down * wide + across :]
            weight = weights[across]
            for i in range(count):
                line[i] += np.float32(source[offsets[i]]) * weight[parts[i] & _REST]
        weight = weights[down]
        for i in range(count):
            whole[i] += line[i] * weight[parts[i] >> _16]
    if canvas.itemsize == 1:
        for i in range(count):
            out[i] = min(max(np.floor(whole[i] + np.float32(0.5)), np.float32(0)), np.float32(255))
    else:
        for i in range(count):
            out[i] = whole[i]


@kernel
def _places(
    matrices: np.ndarray, direct: bool, left: np.ndarray, right: np.ndarray, half: np.ndarray,
    inner: np.ndarray, out: np.ndarray,
) -> None:  # fmt: skip
    identity, no_field = np.eye(3), np.empty((2, 0, 0), np.float32)
    grid = _grid(left, right)
    joint = np.zeros((left.shape[1], right.shape[0]), np.float32)
    middle = np.zeros((left.shape[1], right.shape[1]), np.float32)
    for n in range(len(out)):
        matrix = matrices[n if len(matrices) > 1 else 0]
        field = inner[n] if len(inner) else no_field
        affine_places(
            matrix if direct else identity, field, left, right, half, grid, joint, middle, out[n]
        )
        if not direct:
            _move(out[n], matrix)


@kernel
def pull(points: np.ndarray, inner: np.ndarray, width: int) -> None:
    """Make maps points [N, 2, H, width or more] those of first `inner`, then `points`, in place.

    The displacement is read linearly where `inner` leads.
    """
    height = points.shape[2]
    shape = (height, points.shape[3])
    moved = np.empty(shape, np.float32), np.empty(shape, np.float32)
    for n in range(len(points)):
        xs, ys = inner[n, 0], inner[n, 1]
        for axis in range(2):
            old = points[n, axis]
            for y in range(height):
                for x in range(width):
                    old[y, x] -= np.float32(y if axis else x)
        for y in range(height):
            for x in range(width):
                u = min(max(xs[y, x], np.float32(0)), np.float32(width - 1))
                v = min(max(ys[y, x], np.float32(0)), np.float32(height - 1))
                i, j = int(u), int(v)
                k, m = min(i + 1, width - 1), min(j + 1, height - 1)
                right, down = u - np.float32(i), v - np.float32(j)
                for axis in range(2):
                    old = points[n, axis]
                    upper = old[j, i] + (old[j, k] - old[j, i]) * right
                    lower = old[m, i] + (old[m, k] - old[m, i]) * right
                    moved[axis][y, x] = upper + (lower - upper) * down
        for axis in range(2):
            for y in range(height):
                for x in range(width):
                    points[n, axis, y, x] = inner[n, axis, y, x] + moved[axis][y, x]


@kernel
def _turn(images: np.ndarray, rows: np.ndarray, matrices: np.ndarray, out: np.ndarray) -> None:
    """Into out[n], or back into the images themselves where `out` has none."""
    height, width, channels = images.shape[1:] if len(out) == 0 else out.shape[1:]
    spare = np.empty(images.shape[1:], images.dtype)
    for n in range(len(rows)):
        old, new, m = images[rows[n]], spare, matrices[n]
        if len(out):
            new = out[n]
        else:
            _copy(old.ravel(), spare.ravel())
            old, new = spare, old
        first_x, first_y = int(m[0, 2]), int(m[1, 2])
        x_across, x_down = int(m[0, 0]), int(m[0, 1])
        y_across, y_down = int(m[1, 0]), int(m[1, 1])
        for y in range(height):
            if x_across == 1:
                _copy(old[first_y + y_down * y].ravel(), new[y].ravel())
            elif x_across == -1 and channels == 1:
                source, line = old[first_y + y_down * y, ::-1, 0], new[y].ravel()
                for x in range(width):
                    line[x] = source[x]
            elif channels == 1:
                source, line = old[:, first_x + x_down * y, 0], new[y].ravel()
                if y_across < 0:
                    source = source[::-1]
                for x in range(width):
                    line[x] = source[x]
            else:
                for x in range(width):
                    for c in range(channels):
                        new[y, x, c] = old[
                            first_y + y_across * x + y_down * y,
                            first_x + x_across * x + x_down * y,
                            c,
                        ]


@kernel
def _copy(old: np.ndarray, new: np.ndarray) -> None:
    for i in range(len(new)):
        new[i] = old[i]


@kernel
def _read(
    images: np.ndarray,
    rows: np.ndarray,
    matrices: np.ndarray,
    direct: bool,
    left: np.ndarray,
    right: np.ndarray,
    half: np.ndarray,
    inner: np.ndarray,
    points: np.ndarray,
    border: int,
    fill: np.ndarray,
    weights: np.ndarray,
    band_rows: np.ndarray,
    band_columns: np.ndarray,
) -> None:
    height, width, channels = images.shape[1:]
    taps = weights.shape[0]  # 1 for the nearest pixel
    reach = max(1, taps // 2)
    pad = 2 * reach
    before = max(0, taps // 2 - 1)
    places = np.empty((2, height, right.shape[1]), np.float32)
    xs, ys, both = places[0].ravel(), places[1].ravel(), places.ravel()
    count = len(xs)
    offsets, parts = np.empty(count, np.uint32), np.empty(count, np.uint32)
    canvas = np.empty((len(band_rows), len(band_columns)), images.dtype)
    quads, four = np.empty(canvas.size, np.uint32), np.empty(count, np.uint32)
    values = np.empty(count, images.dtype)
    spare = np.empty(height * width, images.dtype)
    identity = np.eye(3)
    no_field = np.empty((2, 0, 0), np.float32)
    grid = _grid(left, right)
    joint = np.zeros((left.shape[1], right.shape[0]), np.float32)
    middle = np.zeros((left.shape[1], right.shape[1]), np.float32)
    shift = pad - before + (0.5 if taps == 1 else 0.0)
    for n in range(len(rows)):
        image = images[rows[n]]
        if len(points):
            given = points[n].ravel()
            for i in range(2 * count):
                both[i] = given[i]
            _move(places, matrices[n])
        else:
            field = inner[n] if len(inner) else no_field
            affine_places(
                matrices[n] if direct else identity,
                field,
                left,
                right,
                half,
                grid,
                joint,
                middle,
                places,
            )
            if not direct:
                _move(places, matrices[n])
        _fold(xs, width, border, reach)
        _fold(ys, height, border, reach)
        _offsets(xs, ys, shift, canvas.shape[1], offsets, parts)
        for channel in range(channels):
            plane = image.ravel() if channels == 1 else spare
            if channels > 1:
                source = image.reshape(-1, channels)[:, channel]
                for i in range(len(plane)):
                    plane[i] = source[i]
            _put_on_canvas(plane, pad, band_rows, band_columns, fill[channel], canvas)
            if taps == 1:
                flat = canvas.ravel()
                for i in range(count):
                    values[i] = flat[offsets[i]]
            elif taps > 2:
                _weigh(canvas, offsets, parts, weights, values)
            elif images.itemsize == 1:
                _linear_bytes(canvas, offsets, parts, quads, four, values)
            else:
                _linear_floats(canvas, offsets, parts, values)
            _copy_rows(values, count // height, plane, width, height, width)
            if channels > 1:
                for i in range(len(plane)):
                    source[i] = plane[i]


def places(
    matrices: np.ndarray,
    direct: bool,
    factors: Factors,
    inner: np.ndarray,
    count: int,
) -> np.ndarray:
    """H(p + d(p)) pixel by pixel, float32 [count, 2, H, width], arguments as in `read`.

    `width` is W grown to a multiple of `LANES`; `matrices` may be one for all, [1, 3, 3].
    """
    left, right = factors.joined
    out = np.empty((count, 2, len(left), right.shape[1]), np.float32)
    _places(matrices, direct, left, right, _middle(len(factors.y), len(factors.x)), inner, out)
    return out


def turn(images: np.ndarray, rows: np.ndarray, matrices: np.ndarray) -> None:
    """Flip and transpose square or only flipped images in place: pixels change places.

    Args:
        images: [N, H, W, C]; rows: int64 [M], of those to be turned.
        matrices: [M, 3, 3] of whole numbers, from a place in the result to that in the image.
    """
    if (
        images.shape[3] > 1
    ):  # OpenCV reverses the order of pixels of several bytes three times as fast
        mirrored = matrices[:, 0, 0] == -1
        for row, down in zip(rows[mirrored], matrices[mirrored, 1, 1], strict=True):
            cv2.flip(images[row], 1 if down == 1 else -1, images[row])
        rows, matrices = rows[~mirrored], matrices[~mirrored]
    _turn(images, rows, matrices, images[:0])


def turned(
    images: np.ndarray, rows: np.ndarray, matrices: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
    """The same into new images [M, *size, C], of another height and width."""
    out = np.empty((len(rows), *size, images.shape[3]), images.dtype)
    _turn(images, rows, matrices, out)
    return out


def _middle(height: int, width: int) -> np.ndarray:
    return np.array([(width - 1) / 2, (height - 1) / 2])


def read(
    images: np.ndarray,
    rows: np.ndarray,
    matrices: np.ndarray,
    direct: bool,
    factors: Factors,
    inner: np.ndarray,
    points: np.ndarray,
    how: tuple[int, int, float | tuple[float, ...]],
) -> None:
    """Replace the images `rows` by what is read through their maps.

    Args:
        images: [N, H, W, C], uint8 or float32, changed in place.
        rows: int64 [M].
        matrices: float64 [M, 3, 3]: H of the map H(p + d(p)).
        direct: all are affine, so that H d can be added up rather than moved through H.
        factors: of d = Fy Z Fx^T.
        inner: Z, float32 [M, 2, k, l], or [0, 2, 0, 0] where no image has a displacement.
        points: p + d(p) pixel by pixel, float32 [M, 2, H, width], or [0, 2, H, width].
        how: interpolation, border mode and fill.
    """
    interpolation, border, fill = how
    height, width, channels = images.shape[1:]
    left, right = factors.joined
    pad = 2 * REACH[interpolation]
    _read(
        images,
        rows,
        matrices,
        direct,
        left,
        right,
        _middle(height, width),
        inner,
        points,
        border,
        fill_value(fill, channels, images.dtype),
        tap_weights(interpolation),
        band(height, pad, border),
        band(width, pad, border),
    )


@lru_cache(maxsize=64)
def band(length: int, pad: int, border: int) -> np.ndarray:
    """int64 [length + 2 pad]: which pixel stands where, -1 for the fill."""
    places = range(-pad, length + pad)
    return np.array([cv2.borderInterpolate(i, length, border) for i in places], np.int64)


@lru_cache(maxsize=4)
def tap_weights(interpolation: int) -> np.ndarray:
    """float32 [taps, 2048]: of the pixels around a place, by its part of a pixel beyond the first.

    Keys's cubic with a = -0.75 and Lanczos's window of 4, the latter in steps of 1/32 pixel, all as
    in OpenCV.
    """
    part = np.arange(_PARTS) / _PARTS
    if interpolation == cv2.INTER_NEAREST:
        return np.ones((1, _PARTS), np.float32)
    if interpolation == cv2.INTER_CUBIC:
        a = -0.75
        far, near = (
            ((a * (d + 1) - 5 * a) * (d + 1) + 8 * a) * (d + 1) - 4 * a for d in (part, 1 - part)
        )
        inner = ((a + 2) * part - (a + 3)) * part * part + 1
        weights = np.stack([far, inner, 1 - far - inner - near, near])
    elif interpolation == cv2.INTER_LANCZOS4:
        part = np.floor(part * 32 + 0.5) / 32
        distance = part - np.arange(-3, 5)[:, None]
        sines = [[sin_cos(180 * d)[0] * sin_cos(45 * d)[0] for d in row] for row in distance]
        at_zero = np.pi**2 / 4  # the limit of the quotient
        zero = distance == 0
        weights = np.where(zero, at_zero, np.array(sines) / np.where(zero, 1, distance**2))
        weights /= sum(weights)  # one row after the other: in a fixed order
    else:
        weights = np.stack([1 - part, part])
    return np.ascontiguousarray(weights.astype(np.float32))


def fill_value(fill: float | Sequence[float], channels: int, dtype: npt.DTypeLike) -> np.ndarray:
    """A policy's fill as [C] of the images' dtype, rounded and clipped for uint8."""
    value = np.atleast_1d(np.asarray(fill, np.float64))
    if len(value) not in (1, channels):
        raise UserError(
            f"fill {fill!r} has {len(value)} values and the images have {channels} "
            "channel(s): give one number or one for each channel"
        )
    if dtype == np.uint8:
        value = np.clip(np.rint(value), 0, 255)
    return np.ascontiguousarray(np.broadcast_to(value, channels).astype(dtype))
