"""Transforms that move pixels: what each draws, and the map that its draws make.

For each transform one function samples parameters for N images at once and one turns parameters
into maps (see `warp.py`): matrices float64 [N, 3, 3] from a place in the result to the
place in the image where it is read, x before y, or the coefficients of a displacement field in
pixels. Names, ranges and formulas are those of albumentations 2.0.8; docs/engine.md lists where it
is wrong and this is not.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import albumentations as A
import cv2
import numpy as np
from scipy.special import ndtri

from mnist_aug.augment.engine.draws import Draws
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
    zero = np.zeros(1)
    angle = np.deg2rad(drawn["rotate_degrees"])
    slant_x = np.tan(np.deg2rad(-drawn.get("shear_x_degrees", zero)))
    slant_y = np.tan(np.deg2rad(-drawn.get("shear_y_degrees", zero)))
    cos, sin = np.cos(angle), np.sin(angle)
    scale_x, scale_y = drawn.get("scale_x", 1.0), drawn.get("scale_y", 1.0)
    a, b = (cos - slant_x * sin) * scale_x, (sin + slant_x * cos) * scale_y
    c, d = (slant_y * cos - sin) * scale_x, (slant_y * sin + cos) * scale_y
    determinant = a * d - b * c
    middle_x, middle_y = shape[1] / 2 - 0.5, shape[0] / 2 - 0.5
    from_x = middle_x + drawn.get("shift_x_px", zero)
    from_y = middle_y + drawn.get("shift_y_px", zero)
    m = np.zeros((len(angle), 3, 3))
    m[:, 0, 0], m[:, 0, 1] = d / determinant, -b / determinant
    m[:, 1, 0], m[:, 1, 1] = -c / determinant, a / determinant
    m[:, 0, 2] = middle_x - m[:, 0, 0] * from_x - m[:, 0, 1] * from_y
    m[:, 1, 2] = middle_y - m[:, 1, 0] * from_x - m[:, 1, 1] * from_y
    m[:, 2, 2] = 1
    return m


def sample_rotate(t: A.Rotate, draws: Draws, shape: tuple[int, int]) -> dict[str, np.ndarray]:
    """The angle of `A.Rotate`."""
    return {"rotate_degrees": draws.uniform(*t.limit)}


def sample_nothing(
    t: A.BasicTransform, draws: Draws, shape: tuple[int, int]
) -> dict[str, np.ndarray]:
    """A flip draws nothing but whether it is done."""
    return {}


def horizontal_flip_map(
    t: A.HorizontalFlip, drawn: dict[str, np.ndarray], shape: tuple[int, int]
) -> np.ndarray:
    return np.array([[[-1.0, 0, shape[1] - 1], [0, 1, 0], [0, 0, 1]]])


def vertical_flip_map(
    t: A.VerticalFlip, drawn: dict[str, np.ndarray], shape: tuple[int, int]
) -> np.ndarray:
    return np.array([[[1.0, 0, 0], [0, -1, shape[0] - 1], [0, 0, 1]]])


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
    onto_corners = quadrilateral(drawn["corners"] * size) @ np.diag([*1 / size, 1])
    if not t.fit_output:
        return onto_corners
    rectangle = np.array([[0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]]) * [*size, 1]
    seen = rectangle @ np.linalg.inv(onto_corners).transpose(0, 2, 1)
    seen = seen[..., :2] / seen[..., 2:]
    seen = np.rint(seen - seen.min(1, keepdims=True))  # whole pixels, as albumentations
    seen *= size / np.maximum(np.floor(seen.max(1, keepdims=True)), 1)
    return np.diag([*size, 1]) @ np.linalg.inv(quadrilateral(seen))


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
    (_, right_y), (_, right_x) = elastic_factors(t, shape)
    fields = 1 if t.same_dxdy else 2
    size = (len(draws), fields, right_y.shape[1], right_x.shape[1])
    if t.noise_distribution == "uniform":
        noise = t.alpha * (2 * draws.uniforms(fields * shape[0] * shape[1]) - 1)
        noise = noise.astype(np.float32).reshape(len(draws), fields, *shape)
        inner = right_y.T @ noise @ right_x
    else:
        count = int(np.prod(size[1:]))
        inner = draws.normals(count + count % 2)[:, :count].reshape(size)
        u = 1 - draws.uniform()
        largest = -ndtri(-np.expm1(np.log(u) / (fields * shape[0] * shape[1])) / 2)
        inner *= (t.alpha / np.maximum(largest, 1e-6)).astype(np.float32)[:, None, None, None]
    return {"coefficients": np.repeat(inner, 2, axis=1) if t.same_dxdy else inner}


def elastic_map(
    t: A.ElasticTransform, drawn: dict[str, np.ndarray], shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    (left_y, _), (left_x, _) = elastic_factors(t, shape)
    return left_y, left_x, drawn["coefficients"]


def elastic_factors(
    t: A.ElasticTransform, shape: tuple[int, int]
) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    return tuple(_blur_factors(length, t.sigma, bool(t.approximate)) for length in shape)


@lru_cache(maxsize=32)
def _blur_factors(
    length: int, sigma: float, approximate: bool, lost: float = 1e-4
) -> tuple[np.ndarray, np.ndarray]:
    """U S and V, float32 [length, k], of OpenCV's Gaussian blur with a repeated border.

    k is the least that keeps a share 1 - `lost` of the variance.
    """
    size = 17 if approximate else int(np.rint(sigma * 8 + 1)) | 1  # OpenCV's choice for float32
    kernel = cv2.getGaussianKernel(size, sigma)[:, 0]
    blur = np.zeros((length, length))
    for i in range(length):
        np.add.at(blur[i], np.clip(np.arange(size) + i - size // 2, 0, length - 1), kernel)
    left, values, right = np.linalg.svd(blur)
    share = np.cumsum(values**2) / np.sum(values**2)
    k = int(np.searchsorted(share, 1 - lost)) + 1
    return (
        (left * values)[:, :k].astype(np.float32),
        np.ascontiguousarray(right[:k].T.astype(np.float32)),
    )


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
) -> tuple[np.ndarray, ...]:
    """Read along each axis at a piecewise linear function of the steps, less the place itself."""
    count = len(drawn["steps_x"])
    factors = [_grid_factor(length, t.num_steps) for length in shape]
    z = np.zeros((count, 2, t.num_steps + 3, t.num_steps + 3), np.float32)
    z[:, 0, 0, 1:-1], z[:, 0, 0, -1] = drawn["steps_x"], -1
    z[:, 1, 1:-1, 0], z[:, 1, -1, 0] = drawn["steps_y"], -1
    return *factors, z


@lru_cache(maxsize=32)
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


# What is sampled, what the draws become, and the kind of map.
TRANSFORMS: dict[
    type[A.BasicTransform],
    tuple[Callable[..., dict[str, np.ndarray]], Callable[..., Any], str],
] = {
    A.Affine: (sample_affine, affine_map, "affine"),
    A.ShiftScaleRotate: (sample_affine, affine_map, "affine"),
    A.Rotate: (sample_rotate, affine_map, "affine"),
    A.HorizontalFlip: (sample_nothing, horizontal_flip_map, "flip"),
    A.VerticalFlip: (sample_nothing, vertical_flip_map, "flip"),
    A.Perspective: (sample_perspective, perspective_map, "projective"),
    A.ElasticTransform: (sample_elastic, elastic_map, "field"),
    A.GridDistortion: (sample_grid, grid_map, "field"),
}


def add_to(warp: Warp, t: A.BasicTransform, rows: np.ndarray, drawn: dict[str, np.ndarray]) -> None:
    """Put the map of transform `t` with the parameters `drawn` inside the maps of `rows` [M]."""
    _, make_map, kind = TRANSFORMS[type(t)]
    made = make_map(t, drawn, (warp.height, warp.width))
    if kind == "field":
        warp.add_fields(rows, *made)
    else:
        made = np.repeat(made, len(rows), axis=0) if kind == "flip" else made
        warp.add_matrices(rows, made, kind == "projective")


def shown(
    t: A.BasicTransform, drawn: dict[str, np.ndarray], shape: tuple[int, int]
) -> dict[str, object]:
    """The parameters of the first image as plain numbers; a field's coefficients as the field."""
    if "coefficients" in drawn:
        factor_y, factor_x, z = elastic_map(t, drawn, shape)
        field = factor_y @ z[0] @ factor_x.T
        return {"dx_px": field[0].tolist(), "dy_px": field[1].tolist()}
    return {name: values[0].tolist() for name, values in drawn.items()}


def sampling_of(t: A.BasicTransform) -> How | None:
    """(interpolation, border mode, fill) of a transform, or None for a flip."""
    if TRANSFORMS[type(t)][2] == "flip":
        return None
    linear = cv2.INTER_LINEAR
    interpolation = linear if t.interpolation == cv2.INTER_AREA else t.interpolation  # as in remap
    fill = t.fill if isinstance(t.fill, (int, float)) else tuple(t.fill)
    return interpolation, t.border_mode, fill if t.border_mode == cv2.BORDER_CONSTANT else 0


def changes_size(t: A.BasicTransform) -> bool:
    """Whether the result's size differs from the image's, which one sampling map can't do."""
    return bool(
        (isinstance(t, A.Affine) and t.fit_output)
        or (isinstance(t, A.Rotate) and t.crop_border)
        or (isinstance(t, A.Perspective) and not t.keep_size)
    )
