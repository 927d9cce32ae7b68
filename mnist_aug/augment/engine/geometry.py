"""Transforms that move pixels: what each draws, and the map that its draws make.

For each transform one function samples parameters for N images at once and one turns parameters
into maps (see `warp.py`): matrices float64 [N, 3, 3] from a place in the result to the place in the
image where it is read, x before y, or the coefficients of a displacement field in pixels. All
arithmetic is exact or in a fixed order (see `exact.py`). Names, ranges and formulas follow
albumentations 2.0.8, except for its errors listed in docs/engine.md.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import albumentations as A
import cv2
import numpy as np

from mnist_aug.augment.engine.compiled import kernel
from mnist_aug.augment.engine.draws import Draws
from mnist_aug.augment.engine.exact import (
    eigen,
    exp,
    inverse,
    log,
    normal_quantile,
    sin_cos,
)
from mnist_aug.augment.engine.resample import Factors
from mnist_aug.augment.engine.warp import How, Warp
from mnist_aug.errors import UserError


def sample_affine(t: A.Affine, draws: Draws, shape: tuple[int, int]) -> dict[str, np.ndarray]:
    """Scale, rotation, shear and shift of `A.Affine`; shifts keep fractions of a pixel."""
    u = draws.uniforms(9).T
    scale_x, scale_y = (_scale(t, axis, u[i], u[i + 2]) for i, axis in enumerate("xy"))
    if t.translate_px is not None:
        shift = [
            np.floor(_between(u[4 + i], (int(low), int(high) + 1)))
            for i, (low, high) in enumerate(t.translate_px[axis] for axis in "xy")
        ]
    else:
        shift = [
            _between(u[4 + i], t.translate_percent[axis]) * shape[1 - i]
            for i, axis in enumerate("xy")
        ]
    shear = shear_ranges(t)
    return {
        "shift_x_px": shift[0],
        "shift_y_px": shift[1],
        "shear_x_degrees": _between(u[6], shear["x"]),
        "shear_y_degrees": _between(u[7], shear["y"]),
        "scale_x": scale_x,
        "scale_y": scale_x if t.keep_ratio else scale_y,
        "rotate_degrees": _between(u[8], t.rotate),
    }


def shear_ranges(t: A.Affine) -> dict[str, tuple[float, float]]:
    """The shear ranges meant: 2.0.8 turns an axis that isn't given into exactly 1 degree."""
    x, y = t.shear["x"], t.shear["y"]
    if x != y:
        x, y = ((0.0, 0.0) if axis == (1.0, 1.0) else axis for axis in (x, y))
    return {"x": x, "y": y}


def _scale(t: A.Affine, axis: str, u: np.ndarray, side: np.ndarray) -> np.ndarray:
    low, high = t.scale[axis]
    if not t.balanced_scale:
        return _between(u, (low, high))
    below, above = (low, 1.0), (1.0, high)
    if low >= 1 and high <= 1:
        return np.ones_like(u)
    if low >= 1 or high <= 1:
        return _between(u, above if low >= 1 else below)
    return np.where(side < 0.5, _between(u, below), _between(u, above))


def _between(u: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    low, high = limits
    return low + (high - low) * u


def affine_map(
    t: A.Affine | A.Rotate, drawn: dict[str, np.ndarray], shape: tuple[int, int]
) -> np.ndarray:
    """The inverse of shift x shear x rotation x scale about the middle of the image."""
    angles = drawn["rotate_degrees"]
    nothing = np.zeros(len(angles))
    names = ("shear_x_degrees", "shear_y_degrees", "shift_x_px", "shift_y_px")
    shears_and_shifts = (drawn.get(name, nothing) for name in names)
    scales = (drawn.get(name, nothing + 1) for name in ("scale_x", "scale_y"))
    return _inverse_affine(angles, *shears_and_shifts, *scales, *shape)


@kernel
def _inverse_affine(
    degrees: np.ndarray, shear_x: np.ndarray, shear_y: np.ndarray, shift_x: np.ndarray,
    shift_y: np.ndarray, scale_x: np.ndarray, scale_y: np.ndarray, height: int, width: int,
) -> np.ndarray:  # fmt: skip
    m = np.zeros((len(degrees), 3, 3))
    middle_x, middle_y = width / 2 - 0.5, height / 2 - 0.5
    for n in range(len(degrees)):
        sin, cos = sin_cos(degrees[n])
        sin_x, cos_x = sin_cos(-shear_x[n])
        sin_y, cos_y = sin_cos(-shear_y[n])
        slant_x, slant_y = sin_x / cos_x, sin_y / cos_y
        a, b = (cos - slant_x * sin) * scale_x[n], (sin + slant_x * cos) * scale_y[n]
        c, d = (slant_y * cos - sin) * scale_x[n], (slant_y * sin + cos) * scale_y[n]
        determinant = a * d - b * c
        from_x, from_y = middle_x + shift_x[n], middle_y + shift_y[n]
        m[n, 0, 0], m[n, 0, 1] = d / determinant, -b / determinant
        m[n, 1, 0], m[n, 1, 1] = -c / determinant, a / determinant
        m[n, 0, 2] = (middle_x - m[n, 0, 0] * from_x) - m[n, 0, 1] * from_y
        m[n, 1, 2] = (middle_y - m[n, 1, 0] * from_x) - m[n, 1, 1] * from_y
        m[n, 2, 2] = 1
    return m


def sample_rotate(t: A.Rotate, draws: Draws, shape: tuple[int, int]) -> dict[str, np.ndarray]:
    """The angle of `A.Rotate`."""
    return {"rotate_degrees": draws.uniform(*t.limit)}


def sample_safe_rotate(
    t: A.SafeRotate, draws: Draws, shape: tuple[int, int]
) -> dict[str, np.ndarray]:
    """The angle of `A.SafeRotate`."""
    return {"rotate_degrees": draws.uniform(*t.limit)}


def safe_rotate_map(
    t: A.SafeRotate, drawn: dict[str, np.ndarray], shape: tuple[int, int]
) -> np.ndarray:
    """The inverse of a rotation and a scale that makes the whole turned image fit."""
    return _inverse_safe_rotate(drawn["rotate_degrees"], *shape)


@kernel
def _inverse_safe_rotate(degrees: np.ndarray, height: int, width: int) -> np.ndarray:
    m = np.zeros((len(degrees), 3, 3))
    middle_x, middle_y = width / 2 - 0.5, height / 2 - 0.5
    for n in range(len(degrees)):
        sin, cos = sin_cos(degrees[n])
        wide = float(int(height * abs(sin) + width * abs(cos)))  # whole pixels, as 2.0.8
        tall = float(int(height * abs(cos) + width * abs(sin)))
        scale_x, scale_y = wide / width, tall / height
        # From the result to the enlarged canvas, whose middle 2.0.8 puts at half its size.
        m[n, 0, 0], m[n, 0, 1] = cos * scale_x, -sin * scale_y
        m[n, 1, 0], m[n, 1, 1] = sin * scale_x, cos * scale_y
        m[n, 0, 2] = (middle_x - cos * (wide / 2)) + sin * (tall / 2)
        m[n, 1, 2] = (middle_y - sin * (wide / 2)) - cos * (tall / 2)
        m[n, 2, 2] = 1
    return m


# The eight ways to turn and flip an image, as (x from x, x from y, y from x, y from y): the place
# that is read, in D4's order e, r90, r180, r270, v, hvt, h, t.
_WAYS = np.array(
    [
        [1, 0, 0, 1], [0, -1, 1, 0], [-1, 0, 0, -1], [0, 1, -1, 0],
        [1, 0, 0, -1], [0, -1, -1, 0], [-1, 0, 0, 1], [0, 1, 1, 0],
    ]
)  # fmt: skip
_WAY_OF = {A.HorizontalFlip: 6, A.VerticalFlip: 4, A.Transpose: 7}


def sample_way(t: A.BasicTransform, draws: Draws, shape: tuple[int, int]) -> dict[str, np.ndarray]:
    """Which of `_WAYS`; a flip or transposition draws nothing but whether it is done."""
    if type(t) in _WAY_OF:
        return {}
    if isinstance(t, A.RandomRotate90):
        return {"way": draws.integers(0, 3)}
    return {"way": draws.integers(0, 7)}


def way_map(
    t: A.BasicTransform, drawn: dict[str, np.ndarray], shape: tuple[int, int]
) -> np.ndarray:
    """[N, 3, 3], or [1, 3, 3] where all images get the same; transposed ones change the size."""
    return _way_maps(*shape)[drawn.get("way", [_WAY_OF.get(type(t), 0)])]


@lru_cache(maxsize=32)
def _way_maps(height: int, width: int) -> np.ndarray:
    m = np.zeros((len(_WAYS), 3, 3))
    m[:, :2, :2] = _WAYS.reshape(-1, 2, 2)
    m[:, 0, 2] = np.where(m[:, 0, :2].min(1) < 0, width - 1, 0)
    m[:, 1, 2] = np.where(m[:, 1, :2].min(1) < 0, height - 1, 0)
    m[:, 2, 2] = 1
    return m


def sample_perspective(
    t: A.Perspective, draws: Draws, shape: tuple[int, int]
) -> dict[str, np.ndarray]:
    """The four corners of `A.Perspective`, clockwise from the top left, as shares of the size.

    Images under 6 pixels can draw sides under 2 pixels, which albumentations widens; here they
    stay.
    """
    scale = draws.uniform(*t.scale)
    inward = np.mod(np.abs(draws.normals(8).reshape(-1, 4, 2) * scale[:, None, None]), 0.32)
    return {"corners": np.abs(inward - [[0, 0], [1, 0], [1, 1], [0, 1]])}


def perspective_map(
    t: A.Perspective, drawn: dict[str, np.ndarray], shape: tuple[int, int]
) -> np.ndarray:
    """From the image's rectangle to the drawn corners; with `fit_output`, such that all is seen."""
    size = np.array([shape[1], shape[0]], float)
    onto_corners = quadrilateral(drawn["corners"] * size) * [*1 / size, 1]
    if not t.fit_output:
        return onto_corners
    back = inverse(onto_corners)
    seen = np.empty((len(back), 4, 2))
    for i, (x, y) in enumerate([(0, 0), (size[0], 0), tuple(size), (0, size[1])]):
        image = back[:, :, 0] * x + back[:, :, 1] * y + back[:, :, 2]
        seen[:, i] = image[:, :2] / image[:, 2:]
    seen = np.rint(seen - seen.min(1, keepdims=True))  # whole pixels, as albumentations
    seen *= size / np.maximum(np.floor(seen.max(1, keepdims=True)), 1)
    return inverse(quadrilateral(seen)) * np.array([*size, 1])[:, None]


def quadrilateral(corners: np.ndarray) -> np.ndarray:
    """The projective maps [N, 3, 3] of the unit square onto corners [N, 4, 2] (Heckbert 1989)."""
    p0, p1, p2, p3 = (corners[:, i] for i in range(4))
    d1, d2, s = p1 - p2, p3 - p2, p0 - p1 + p2 - p3
    det = d1[:, 0] * d2[:, 1] - d2[:, 0] * d1[:, 1]
    g = (s[:, 0] * d2[:, 1] - d2[:, 0] * s[:, 1]) / det
    h = (d1[:, 0] * s[:, 1] - s[:, 0] * d1[:, 1]) / det
    out = np.ones((len(corners), 3, 3))
    out[:, :2, 0] = p1 - p0 + g[:, None] * p1
    out[:, :2, 1] = p3 - p0 + h[:, None] * p3
    out[:, :2, 2] = p0
    out[:, 2, 0], out[:, 2, 1] = g, h
    return out


def sample_elastic(
    t: A.ElasticTransform, draws: Draws, shape: tuple[int, int]
) -> dict[str, np.ndarray]:
    """Coefficients float32 [N, 2, k, l], in pixels, of the displacement of `A.ElasticTransform`.

    The displacement is white noise z blurred along both axes: B z B^T. With B = U S V^T it is F Z
    F^T, F = U S and Z = V^T z V, and few singular values matter. Normal noise gives a normal Z,
    drawn directly. 2.0.8 divides the noise by its largest magnitude, which hardly depends on the
    few numbers in Z and is drawn from its own distribution.
    """
    bases = [_blur_basis(length, t.sigma, bool(t.approximate)) for length in shape]
    fields = 1 if t.same_dxdy else 2
    size = (len(draws), fields, *(right.shape[1] for _, right in bases))
    if t.noise_distribution == "uniform":
        noise = t.alpha * (2 * draws.uniforms(fields * shape[0] * shape[1]) - 1)
        inner = np.empty(size, np.float32)
        _project(noise.reshape(len(draws), fields, *shape), bases[0][1], bases[1][1], inner)
    else:
        inner = draws.normals(size[1] * size[2] * size[3]).reshape(size)
        largest = _largest_normals(fields * shape[0] * shape[1])
        scale = t.alpha / largest[draws.integers(0, len(largest) - 1)]
        inner *= scale.astype(np.float32)[:, None, None, None]
    return {"coefficients": np.repeat(inner, 2, axis=1) if t.same_dxdy else inner}


@kernel
def _project(noise: np.ndarray, right_y: np.ndarray, right_x: np.ndarray, out: np.ndarray) -> None:
    """V_y^T z V_x for noise float64 [N, f, H, W]."""
    count, fields, rows, columns = out.shape
    height, width = noise.shape[2:]
    half = np.empty((rows, width))
    for n in range(count):
        for f in range(fields):
            half[:] = 0
            for y in range(height):
                for k in range(rows):
                    for x in range(width):
                        half[k, x] += right_y[y, k] * noise[n, f, y, x]
            for k in range(rows):
                for j in range(columns):
                    total = 0.0
                    for x in range(width):
                        total += half[k, x] * right_x[x, j]
                    out[n, f, k, j] = total


@lru_cache(maxsize=32)
def _largest_normals(count: int) -> np.ndarray:
    """float64 [4096]: quantiles of the largest magnitude among so many normal numbers."""
    return _quantiles_of_largest(count, 4096)


@kernel
def _quantiles_of_largest(count: int, size: int) -> np.ndarray:
    out = np.empty(size)
    for i in range(size):
        # P(all within x) = (1 - 2 P(beyond x)) ** count
        beyond = 1 - exp(log((i + 0.5) / size) / count)
        out[i] = max(-normal_quantile(beyond / 2), 1e-6)
    return out


def elastic_map(
    t: A.ElasticTransform, drawn: dict[str, np.ndarray], shape: tuple[int, int]
) -> tuple[Factors, np.ndarray]:
    return _blur_factors(shape, t.sigma, bool(t.approximate)), drawn["coefficients"]


@lru_cache(maxsize=32)
def _blur_factors(shape: tuple[int, int], sigma: float, approximate: bool) -> Factors:
    return Factors(*(_blur_basis(length, sigma, approximate)[0] for length in shape))


@lru_cache(maxsize=32)
def _blur_basis(
    length: int, sigma: float, approximate: bool, lost: float = 1e-4
) -> tuple[np.ndarray, np.ndarray]:
    """U S float32 and V float64, [length, k], of OpenCV's Gaussian blur with a repeated border.

    k is the least that keeps a share 1 - `lost` of the variance.
    """
    size = 17 if approximate else int(np.rint(sigma * 8 + 1)) | 1  # OpenCV's choice for float32
    weights = gaussian(sigma, size // 2)
    blur = np.zeros((length, length))
    for i in range(length):
        for j, weight in enumerate(weights):
            blur[i, min(max(i + j - size // 2, 0), length - 1)] += weight
    squares, right = eigen(_times_transpose(blur.T.copy()))  # B^T B = V S^2 V^T
    total = np.cumsum(np.maximum(squares, 0))
    k = int(np.searchsorted(total, (1 - lost) * total[-1])) + 1
    right = np.ascontiguousarray(right[:, :k])
    left = _matrix_product(blur, right)  # B V = U S
    return left.astype(np.float32), right


def gaussian(sigma: float, reach: int) -> np.ndarray:
    """float64 [2 reach + 1], of sum one: a normal density at whole distances."""
    scale = -0.5 / (sigma * sigma)
    weights = np.array([exp(scale * d * d) for d in range(-reach, reach + 1)])
    return weights / np.cumsum(weights)[-1]  # a sum in order


@kernel
def _matrix_product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    out = np.zeros((left.shape[0], right.shape[1]))
    for i in range(left.shape[0]):
        for j in range(left.shape[1]):
            for k in range(right.shape[1]):
                out[i, k] += left[i, j] * right[j, k]
    return out


def _times_transpose(matrix: np.ndarray) -> np.ndarray:
    return _matrix_product(matrix, np.ascontiguousarray(matrix.T))


def sample_grid(t: A.GridDistortion, draws: Draws, shape: tuple[int, int]) -> dict[str, np.ndarray]:
    """The relative widths and heights of the cells of `A.GridDistortion`."""
    count = t.num_steps + 1
    steps = 1 + _between(draws.uniforms(2 * count), t.distort_limit)
    out = {"steps_x": steps[:, :count], "steps_y": steps[:, count:]}
    for name, length in (("steps_x", shape[1]), ("steps_y", shape[0])):
        if length < t.num_steps:
            raise UserError(
                f"GridDistortion(num_steps={t.num_steps}) on images of {shape[0]} x "
                f"{shape[1]} pixels: take no more steps than pixels"
            )
        if t.normalized:
            cell = length // t.num_steps
            out[name][:, -1] *= (length - t.num_steps * cell) / cell
            out[name] = out[name] * (length / cell / out[name].sum(1, keepdims=True))
    return out


def grid_map(
    t: A.GridDistortion, drawn: dict[str, np.ndarray], shape: tuple[int, int]
) -> tuple[Factors, np.ndarray]:
    """Read along each axis at a piecewise linear function of the steps, less the place itself."""
    count = len(drawn["steps_x"])
    z = np.zeros((count, 2, t.num_steps + 3, t.num_steps + 3), np.float32)
    z[:, 0, 0, 1:-1], z[:, 0, 0, -1] = drawn["steps_x"], -1
    z[:, 1, 1:-1, 0], z[:, 1, -1, 0] = drawn["steps_y"], -1
    return _grid_factors(shape, t.num_steps), z


@lru_cache(maxsize=32)
def _grid_factors(shape: tuple[int, int], num_steps: int) -> Factors:
    return Factors(*(_grid_factor(length, num_steps) for length in shape))


def _grid_factor(length: int, num_steps: int) -> np.ndarray:
    """float32 [length, num_steps + 3]: one, the place's part in each step, the place.

    The last cell takes all that the others leave; 2.0.8 sends what is more than a cell to place 0.
    """
    cell = length // num_steps
    out = np.zeros((length, num_steps + 3), np.float32)
    out[:, 0], out[:, -1] = 1, np.arange(length)
    for i in range(num_steps + 1):
        start, end = i * cell, length if i == num_steps else (i + 1) * cell
        out[start:end, 1 : i + 1] = cell
        out[start:end, i + 1] = np.linspace(0, cell, end - start)
    return out


def sample_optical(
    t: A.OpticalDistortion, draws: Draws, shape: tuple[int, int]
) -> dict[str, np.ndarray]:
    """The coefficient of `A.OpticalDistortion`."""
    return {"k": draws.uniform(*t.distort_limit)}


def optical_map(
    t: A.OpticalDistortion, drawn: dict[str, np.ndarray], shape: tuple[int, int]
) -> tuple[Factors, np.ndarray]:
    """A polynomial of the distance r from the middle: k (r^2 + r^4), of a fish eye k r^2.

    With X the distance along x, X r^2 and X r^4 are sums of products of a function of x and one
    of y. 2.0.8's camera reads half a pixel to the right and below.
    """
    camera = t.mode == "camera"
    shares = np.zeros((3, 3))  # by powers of y^2 and x^2
    shares[0, 1] = shares[1, 0] = 1
    if camera:
        shares[0, 2], shares[1, 1], shares[2, 0] = 1, 2, 1
    z = np.zeros((len(drawn["k"]), 2, 6, 6), np.float32)
    z[:, 0, :3, 3:] = drawn["k"][:, None, None] * shares
    z[:, 1, 3:, :3] = drawn["k"][:, None, None] * shares
    z[:, :, 0, 0] = 0.5 if camera else 0
    return _optical_factors(shape, camera), z


@lru_cache(maxsize=32)
def _optical_factors(shape: tuple[int, int], camera: bool) -> Factors:
    """Even and odd powers of the distance from the middle, [length, 6]."""
    factors = []
    for length in shape:
        place = np.arange(length) - (length - camera) / 2
        scale = length if camera else float(np.sqrt(shape[0] ** 2 + shape[1] ** 2)) / 2
        square = place * place / (scale * scale)
        even = [np.ones(length), square, square * square]
        factors.append(np.stack(even + [place * part for part in even], 1).astype(np.float32))
    return Factors(*factors)


# What is sampled, what the draws become, and the kind of map.
TRANSFORMS: dict[
    type[A.BasicTransform],
    tuple[Callable[..., dict[str, np.ndarray]], Callable[..., Any], str],
] = {
    A.Affine: (sample_affine, affine_map, "affine"),
    A.ShiftScaleRotate: (sample_affine, affine_map, "affine"),
    A.Rotate: (sample_rotate, affine_map, "affine"),
    A.SafeRotate: (sample_safe_rotate, safe_rotate_map, "affine"),
    A.HorizontalFlip: (sample_way, way_map, "way"),
    A.VerticalFlip: (sample_way, way_map, "way"),
    A.Transpose: (sample_way, way_map, "way"),
    A.RandomRotate90: (sample_way, way_map, "way"),
    A.D4: (sample_way, way_map, "way"),
    A.SquareSymmetry: (sample_way, way_map, "way"),
    A.Perspective: (sample_perspective, perspective_map, "projective"),
    A.ElasticTransform: (sample_elastic, elastic_map, "field"),
    A.GridDistortion: (sample_grid, grid_map, "field"),
    A.OpticalDistortion: (sample_optical, optical_map, "field"),
}


def add_to(warp: Warp, t: A.BasicTransform, rows: np.ndarray, drawn: dict[str, np.ndarray]) -> None:
    """Put the map of transform `t` with the parameters `drawn` inside the maps of `rows` [M]."""
    _, make_map, kind = TRANSFORMS[type(t)]
    made = make_map(t, drawn, (warp.height, warp.width))
    if kind == "field":
        warp.add_fields(rows, *made)
    else:
        made = np.repeat(made, len(rows), axis=0) if len(made) < len(rows) else made
        warp.add_matrices(rows, made, kind == "projective")


def shown(
    t: A.BasicTransform, drawn: dict[str, np.ndarray], shape: tuple[int, int]
) -> dict[str, object]:
    """The parameters of the first image as plain numbers; a field's coefficients as the field."""
    if "coefficients" in drawn:
        (factor_y, factor_x), z = elastic_map(t, drawn, shape)
        field = factor_y @ z[0] @ factor_x.T
        return {"dx_px": field[0].tolist(), "dy_px": field[1].tolist()}
    return {name: values[0].tolist() for name, values in drawn.items()}


def sampling_of(t: A.BasicTransform) -> How | None:
    """(interpolation, border mode, fill) of a transform, or None for a flip or turn."""
    if TRANSFORMS[type(t)][2] == "way":
        return None
    linear = cv2.INTER_LINEAR
    interpolation = linear if t.interpolation == cv2.INTER_AREA else t.interpolation  # as in remap
    fill = t.fill if isinstance(t.fill, (int, float)) else tuple(t.fill)
    return interpolation, t.border_mode, fill if t.border_mode == cv2.BORDER_CONSTANT else 0


def needs_albumentations(t: A.BasicTransform) -> bool:
    """Whether the result's size differs from the image's, which one sampling map can't do."""
    return bool(
        (isinstance(t, A.Affine) and t.fit_output and type(t) is not A.SafeRotate)
        or (isinstance(t, A.Rotate) and t.crop_border)
        or (isinstance(t, A.Perspective) and not t.keep_size)
    )
