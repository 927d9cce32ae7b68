"""The pending sampling map of a batch, and its one sampling.

A map says for each pixel of the result where in the image it is read: out(p) = in(M(p)). Applying map A
and then map B gives out(p) = in(A(B(p))): what comes later in a policy stands further inside. So a chain of
transforms is one map, and the image is interpolated once.

The map of an image is H(p + d(p)), a 3 x 3 matrix H outside a displacement d. A displacement that is
smooth or separable is a small matrix Z between fixed factors, d = Fy Z Fx^T, and an affine H acts on it as
d' = H d. With a constant and a ramp joined to the factors the whole map, affine part included, is one
product of small matrices. Only where a field is not the last of a chain, or H is a perspective, is the map
held pixel by pixel.
"""

from functools import lru_cache

import cv2
import numpy as np

from mnist_aug.errors import UserError

PIXELS_PER_CHUNK = 128 * 28 * 28  # a chunk's maps then fit a second-level cache of 1 MB
_REACH = {cv2.INTER_NEAREST: 1, cv2.INTER_LINEAR: 1, cv2.INTER_CUBIC: 2, cv2.INTER_LANCZOS4: 4}


def chunk_length(height: int, width: int) -> int:
    """Images worked on at a time: a whole number of blocks, and a canvas of at most 2**14 rows."""
    block = block_length(height, width)
    return max(block, min(PIXELS_PER_CHUNK // (height * width), 2**14 // (height + 32))
               // block * block)


@lru_cache(maxsize=64)
def block_length(height: int, width: int) -> int:
    """Images whose maps are multiplied out and sampled side by side: 8 if small, else 1.

    An image's map must not depend on its place in a block. BLAS doesn't promise that, so it is tried here
    and blocks of one image, always computed alike, are the way out.
    """
    if height * width > 64 * 64:
        return 1
    factors = np.sin(np.arange(height * 7, dtype=np.float32).reshape(height, 7))
    one = np.cos(np.arange(7 * width, dtype=np.float32) * 0.37).reshape(1, 7, 1, width)
    product = (factors @ np.repeat(one, 8, 2).reshape(7, 8 * width)).reshape(height, 8, width)
    return 8 if (product == product[:, :1]).all() else 1


class Warp:
    """The pending maps of `count` images of `height` x `width` pixels, identity at first."""

    def __init__(self, count: int, height: int, width: int):
        self.count, self.height, self.width = count, height, width
        self.touched = np.zeros(count, bool)
        self.matrices = None  # float64 [N, 3, 3], or None for identity
        self.projective = False
        self.smooth = None  # (Fy float32 [H, k], Fx [W, l], Z float32 [N, 2, k, l]), or None
        self.dense = None  # float32 [N, 2, H, W]: p + d(p) as absolute x and y, or None
        self.how = None  # (interpolation, border mode, fill), or None: whatever suits

    def add_matrices(self, rows, matrices: np.ndarray, projective: bool = False):
        """Put p -> matrices p (float64 [len(rows), 3, 3]) inside the maps of `rows` (None: all)."""
        if self.smooth is None and self.dense is None:
            moved = ~_is_identity(matrices)
            if rows is None:
                self.touched |= moved
                self.matrices = matrices if self.matrices is None else self.matrices @ matrices
            else:
                self.touched[rows] |= moved
                if self.matrices is None:
                    self.matrices = np.tile(np.eye(3), (self.count, 1, 1))
                self.matrices[rows] = self.matrices[rows] @ matrices
            self.projective |= projective
        else:
            inner = _transform(matrices, _grid(self.height, self.width)[None])
            self._pull(rows, inner)

    def add_fields(self, rows, factor_y, factor_x, inner: np.ndarray):
        """Put p -> p + Fy Z Fx^T inside the maps of `rows`; Z is float32 [len(rows), 2, k, l]."""
        if self.smooth is None and self.dense is None:
            if rows is None:
                coefficients = inner
            else:
                coefficients = np.zeros((self.count, *inner.shape[1:]), np.float32)
                coefficients[rows] = inner
            self.smooth = (factor_y, factor_x, coefficients)
            self.touched[slice(None) if rows is None else rows] = True
        else:
            self._pull(rows, _grid(self.height, self.width) + factor_y @ inner @ factor_x.T)

    def _pull(self, rows, inner: np.ndarray):
        """Put the absolute map `inner` [M, 2, H, W] inside: the field is read where it leads."""
        grid = _grid(self.height, self.width)
        if self.dense is None:
            factor_y, factor_x, coefficients = self.smooth
            self.dense = grid + factor_y @ coefficients @ factor_x.T
            self.smooth = None
        rows = slice(None) if rows is None else rows
        self.touched[rows] = True
        field = np.ascontiguousarray((self.dense[rows] - grid).transpose(0, 2, 3, 1))
        moved = sample(field, _to_blocks(inner), cv2.INTER_LINEAR, cv2.BORDER_REPLICATE, 0)
        self.dense[rows] = inner + moved.transpose(0, 3, 1, 2)

    def sample(self, images: np.ndarray) -> np.ndarray:
        """The images [N, H, W, C] read through the maps; untouched ones as they are."""
        interpolation, border, fill = self.how or (cv2.INTER_NEAREST, cv2.BORDER_CONSTANT, 0)
        if self.touched.all():
            return sample(images, self._coordinates(slice(None)), interpolation, border, fill)
        rows = np.flatnonzero(self.touched)
        out = images.copy()
        if len(rows):
            out[rows] = sample(images[rows], self._coordinates(rows), interpolation, border, fill)
        return out

    def _coordinates(self, rows) -> np.ndarray:
        matrices = None if self.matrices is None else self.matrices[rows]
        if self.dense is not None or self.projective:
            inner = _grid(self.height, self.width)[None]
            if self.dense is not None:
                inner = self.dense[rows]
            elif self.smooth is not None:
                factor_y, factor_x, coefficients = self.smooth
                inner = inner + factor_y @ coefficients[rows] @ factor_x.T
            return _to_blocks(inner if matrices is None else _transform(matrices, inner))
        if matrices is None:
            matrices = np.broadcast_to(np.eye(3), (len(self.touched[rows]), 3, 3))
        if self.smooth is None:
            return _multiply_out(matrices, np.zeros((self.height, 0), np.float32),
                                 np.zeros((self.width, 0), np.float32), None)
        factor_y, factor_x, coefficients = self.smooth
        return _multiply_out(matrices, factor_y, factor_x, coefficients[rows])


def _is_identity(matrices):
    """bool [N]: within NumPy's `allclose` of the identity, where albumentations leaves an image."""
    return (np.abs(matrices - np.eye(3)) <= 1e-8 + 1e-5 * np.eye(3)).all((1, 2))


@lru_cache(maxsize=16)
def _grid(height: int, width: int) -> np.ndarray:
    """float32 [2, H, W]: x and y of each pixel."""
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return np.stack([x, y])


def _transform(matrices: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The points float32 [N or 1, 2, H, W] through the matrices [N, 3, 3], with the division."""
    m = matrices.astype(np.float32)[..., None, None]
    x, y = points[:, 0], points[:, 1]
    out = np.stack([m[:, 0, 0] * x + m[:, 0, 1] * y + m[:, 0, 2],
                    m[:, 1, 0] * x + m[:, 1, 1] * y + m[:, 1, 2]], axis=1)
    if (matrices[:, 2] != (0, 0, 1)).any():
        out /= (m[:, 2, 0] * x + m[:, 2, 1] * y + m[:, 2, 2])[:, None]
    return out


def _multiply_out(matrices, factor_y, factor_x, coefficients) -> np.ndarray:
    """Affine maps H(p + Fy Z Fx^T), as coordinates in blocks: float32 [2, B, H, block * W].

    The factors become [1, ramp, F] and Z gets H's own part in its first rows and columns.
    """
    height, width, count = len(factor_y), len(factor_x), len(matrices)
    block = block_length(height, width)
    blocks = -(-count // block)
    rows, columns = factor_y.shape[1] + 2, factor_x.shape[1] + 2
    if count % block:
        spare = blocks * block - count
        matrices = np.concatenate([matrices, np.zeros((spare, 3, 3))])
        if coefficients is not None:
            coefficients = np.concatenate(
                [coefficients, np.zeros((spare, *coefficients.shape[1:]), np.float32)])
    middle = ((width - 1) / 2, (height - 1) / 2)  # ramps about the middle keep the sums small
    m = matrices.reshape(blocks, block, 3, 3)
    joint = np.zeros((2, blocks, rows, block, columns), np.float32)
    for axis in range(2):
        joint[axis, :, 0, :, 0] = (m[..., axis, 0] * middle[0] + m[..., axis, 1] * middle[1]
                                   + m[..., axis, 2])
        joint[axis, :, 0, :, 1] = m[..., axis, 0]
        joint[axis, :, 1, :, 0] = m[..., axis, 1]
    if coefficients is not None:
        z = coefficients.reshape(blocks, block, 2, rows - 2, columns - 2).transpose(2, 0, 3, 1, 4)
        weight = m[..., :2, :2].astype(np.float32)[:, None, :, :, :, None]
        for axis in range(2):
            np.multiply(z[0], weight[..., axis, 0, :], out=joint[axis, :, 2:, :, 2:])
            joint[axis, :, 2:, :, 2:] += z[1] * weight[..., axis, 1, :]
    left, right = _with_ramp(factor_y), _with_ramp(factor_x)
    half = joint.reshape(2 * blocks, rows * block, columns) @ right.T
    full = left @ half.reshape(2 * blocks, rows, block * width)
    return full.reshape(2, blocks, height, block * width)


def _with_ramp(factor):
    length = len(factor)
    ramp = np.arange(length, dtype=np.float32) - np.float32((length - 1) / 2)
    return np.concatenate([np.ones((length, 1), np.float32), ramp[:, None], factor], axis=1)


def _to_blocks(points: np.ndarray) -> np.ndarray:
    """Absolute x and y [N, 2, H, W] in the layout of `_multiply_out`."""
    count, _, height, width = points.shape
    block = block_length(height, width)
    blocks = -(-count // block)
    out = np.zeros((2, blocks * block, height, width), np.float32)
    out[:, :count] = points.transpose(1, 0, 2, 3)
    out = out.reshape(2, blocks, block, height, width).transpose(0, 1, 3, 2, 4)
    return np.ascontiguousarray(out).reshape(2, blocks, height, block * width)


def sample(images, coordinates, interpolation, border, fill) -> np.ndarray:
    """Read images [N, H, W, C] (uint8 or float32, C <= 4) at coordinates [2, B, H, block * W].

    The images lie below one another on a canvas with a band of border pixels around each; coordinates are
    folded or clamped into the band, so that one `cv2.remap` serves all. Rows of the canvas are rounded
    to the same step for every place on it, so that the place of an image can't show in its result.
    """
    count, height, width, channels = images.shape
    reach = _REACH[interpolation]
    pad = 2 * reach
    canvas = _canvas(images, pad, border, fill)
    x, y = _fold(coordinates[0], width, border, reach), _fold(coordinates[1], height, border, reach)
    blocks, _, row = x.shape
    block = row // width
    step = canvas.shape[1]
    top = np.arange(blocks * block, dtype=np.float32).reshape(blocks, 1, block) * step + pad
    top[top >= count * step] = pad  # the spare places of the last block
    base = np.float32(2.0 ** np.ceil(np.log2(chunk_length(height, width) * step)))
    y += np.repeat(top + base, width, axis=2)  # all in [base, 2 base]: one rounding step for all
    y -= base
    x += pad
    out = cv2.remap(canvas.reshape(count * step, width + 2 * pad, channels), x.reshape(-1, row),
                    y.reshape(-1, row), interpolation, borderMode=cv2.BORDER_REPLICATE)
    item = np.dtype((np.void, width * channels * images.itemsize))
    out = out.reshape(blocks * height, -1).view(item).reshape(blocks, height, block)
    out = np.ascontiguousarray(out.transpose(0, 2, 1)).view(images.dtype)
    return out.reshape(blocks * block, height, width, channels)[:count]


def _canvas(images, pad, border, fill):
    """The images with `pad` border pixels on each side: [N, step, W + 2 pad, C], step even.

    An even step keeps the parity of rows, which decides how a nearest pixel's tie is rounded.
    """
    count, height, width, channels = images.shape
    step = height + 2 * pad + height % 2
    shape = (count, step, width + 2 * pad, channels)
    if border == cv2.BORDER_CONSTANT:
        canvas = np.empty(shape, images.dtype)
        canvas[:] = fill_value(fill, channels, images.dtype)
        item = np.dtype((np.void, width * channels * images.itemsize))
        inner = canvas.reshape(count, step, -1)[:, pad:pad + height,
                                                pad * channels:(pad + width) * channels]
        inner.view(item)[:] = images.reshape(count, height, -1).view(item)
        return canvas
    rows = [cv2.borderInterpolate(i - pad, height, border) for i in range(step)]
    columns = [cv2.borderInterpolate(i - pad, width, border) for i in range(width + 2 * pad)]
    return images[:, rows][:, :, columns]


def fill_value(fill, channels: int, dtype) -> np.ndarray:
    """A policy's fill as [C] of the images' dtype, rounded and clipped for uint8."""
    value = np.atleast_1d(np.asarray(fill, np.float64))
    if len(value) not in (1, channels):
        raise UserError(f"fill {fill!r} has {len(value)} values and the images have {channels} "
                        "channel(s): give one number or one for each channel")
    if dtype == np.uint8:
        value = np.clip(np.rint(value), 0, 255)
    return np.broadcast_to(value, channels).astype(dtype)


def _fold(coordinate, length, border, reach):
    """Coordinates brought into the image and its band, where the same pixels are read; in place."""
    if border == cv2.BORDER_WRAP:
        return np.mod(coordinate, np.float32(length), out=coordinate)
    if border == cv2.BORDER_REFLECT_101 and length > 1:
        period = np.float32(2 * (length - 1))
        np.mod(coordinate, period, out=coordinate)
        return np.minimum(coordinate, period - coordinate, out=coordinate)
    if border == cv2.BORDER_REFLECT:
        period = np.float32(2 * length)
        coordinate += np.float32(0.5)
        np.mod(coordinate, period, out=coordinate)
        np.minimum(coordinate, period - coordinate, out=coordinate)
        coordinate -= np.float32(0.5)
        return coordinate
    return np.clip(coordinate, np.float32(-reach), np.float32(length - 1 + reach), out=coordinate)
