"""The pending sampling map of a batch, and its one sampling.

A map says for each pixel of the result where in the image it is read: out(p) = in(M(p)). Applying
map A and then map B gives out(p) = in(A(B(p))): what comes later in a policy stands further
inside. So a chain of transforms is one map, and the image is interpolated once.

The map of an image is H(p + d(p)), a 3 x 3 matrix H outside a displacement d. A displacement that
is smooth or separable is a small matrix Z between fixed factors, d = Fy Z Fx^T, and an affine H
acts on it as d' = H d. With a constant and a ramp joined to the factors the whole map, affine part
included, is one product of small matrices. Only where a field is not the last of a chain, or H is
a perspective, is the map held pixel by pixel.
"""

from functools import lru_cache
from typing import Any, TypeAlias

import cv2
import numpy as np

from mnist_aug.augment.engine.canvas import sample

How: TypeAlias = tuple[int, int, float | tuple[float, ...]]  # (interpolation, border, fill)

PIXELS_PER_CHUNK = 2048 * 28 * 28  # fewer cost more calls and waits for the lock, more only memory


def chunk_length(height: int, width: int) -> int:
    """Images worked on at a time."""
    return max(1, PIXELS_PER_CHUNK // (height * width))


class Warp:
    """The pending maps of `count` images of `height` x `width` pixels, identity at first.

    How a map is held and computed is settled for each image by its own transforms alone.
    """

    def __init__(self, count: int, height: int, width: int) -> None:
        self.count, self.height, self.width = count, height, width
        self.touched = np.zeros(count, bool)
        self._hows: list[How] = [(cv2.INTER_NEAREST, cv2.BORDER_CONSTANT, 0)]
        self._how = np.zeros(count, np.int64)  # which of them; the first one for flips alone
        self._matrices: np.ndarray | None = None  # H: float64 [N, 3, 3], or None for identity
        self._projective = np.zeros(count, bool)
        self._bent = np.zeros(count, bool)  # has a d
        # [(rows [M], Fy float32 [H, k], Fx [W, l], Z float32 [M, 2, k, l])]
        self._fields: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = []
        self._by_pixel = np.zeros(count, bool)  # p + d(p) is held in `_points`
        self._points: np.ndarray | None = None  # float32 [N, 2, H, W]

    def join(self, rows: np.ndarray, how: How) -> np.ndarray:
        """Have `rows` sampled like `how`; returns those that are to be sampled otherwise."""
        if how not in self._hows:
            self._hows.append(how)
        number = self._hows.index(how)
        before = self._how[rows]
        otherwise = (before != 0) & (before != number) & self.touched[rows]
        self._how[rows[~otherwise]] = number
        return rows[otherwise]

    def add_matrices(
        self, rows: np.ndarray, matrices: np.ndarray, projective: bool = False
    ) -> None:
        """Put p -> matrices p (float64 [M, 3, 3]) inside the maps of `rows` (indices [M])."""
        self.touched[rows] |= ~_is_identity(matrices)
        bent = self._bent[rows]
        if bent.any():
            inner = _transform(matrices[bent], _grid(self.height, self.width)[None])
            self._pull(rows[bent], inner)
            rows, matrices = rows[~bent], matrices[~bent]
        if self._matrices is None and len(rows) == self.count:
            self._matrices = matrices
        else:
            if self._matrices is None:
                self._matrices = np.tile(np.eye(3), (self.count, 1, 1))
            self._matrices[rows] = self._matrices[rows] @ matrices
        self._projective[rows] |= projective

    def add_fields(
        self, rows: np.ndarray, factor_y: np.ndarray, factor_x: np.ndarray, inner: np.ndarray
    ) -> None:
        """Put p -> p + Fy Z Fx^T inside the maps of `rows`; Z is float32 [M, 2, k, l]."""
        self.touched[rows] = True
        bent = self._bent[rows]
        if bent.any():
            grid = _grid(self.height, self.width)
            self._pull(rows[bent], grid + factor_y @ inner[bent] @ factor_x.T)
            rows, inner = rows[~bent], inner[~bent]
        self._bent[rows] = True
        self._fields.append((rows, factor_y, factor_x, inner))

    def _pull(self, rows: np.ndarray, inner: np.ndarray) -> None:
        """Put the absolute maps `inner` [M, 2, H, W] inside: d is read where they lead."""
        grid = _grid(self.height, self.width)
        field = np.ascontiguousarray((self._absolute(rows) - grid).transpose(0, 2, 3, 1))
        moved = sample(
            field, inner.transpose(1, 0, 2, 3).copy(), cv2.INTER_LINEAR, cv2.BORDER_REPLICATE, 0
        )
        if self._points is None:
            self._points = np.empty((self.count, 2, self.height, self.width), np.float32)
        self._points[rows] = inner + moved.transpose(0, 3, 1, 2)
        self._by_pixel[rows] = True

    def _absolute(self, rows: np.ndarray) -> np.ndarray:
        """p + d(p) for each pixel: float32 [M, 2, H, W]."""
        out = np.empty((len(rows), 2, self.height, self.width), np.float32)
        out[:] = _grid(self.height, self.width)
        for those, factor_y, factor_x, inner in self._fields:
            _, here, there = np.intersect1d(rows, those, assume_unique=True, return_indices=True)
            out[here] += factor_y @ inner[there] @ factor_x.T
        held = self._by_pixel[rows]
        if held.any():
            out[held] = self._points[rows[held]]  # type: ignore[index]  # not None where held
        return out

    def sample(self, images: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Read the images `rows` [M] of images [N, H, W, C] through their maps: [M, H, W, C]."""
        by_pixel = self._by_pixel | self._projective
        wanted = np.zeros(self.count, bool)
        wanted[rows] = True
        wanted &= self.touched
        groups = []  # (rows, their coordinates)
        nothing = [np.zeros((length, 0), np.float32) for length in (self.height, self.width)]
        flat: Any = (np.flatnonzero(wanted & ~self._bent), *nothing, None)
        for those, factor_y, factor_x, z in [*self._fields, flat]:
            chosen = wanted[those] & ~by_pixel[those]
            if chosen.all():
                chosen = slice(None)
            if len(those[chosen]):
                matrices = self._of(those[chosen])
                z = None if z is None else z[chosen]
                groups.append((those[chosen], _multiply_out(matrices, factor_y, factor_x, z)))
        those = np.flatnonzero(wanted & by_pixel)
        if len(those):
            points = _transform(self._of(those), self._absolute(those))
            groups.append((those, points.transpose(1, 0, 2, 3).copy()))
        return self._read(images, rows, groups)

    def _of(self, rows: np.ndarray) -> np.ndarray:
        """The matrices of `rows`, float64 [M, 3, 3]."""
        if self._matrices is None:
            return np.broadcast_to(np.eye(3), (len(rows), 3, 3))
        return self._matrices if len(rows) == self.count else self._matrices[rows]

    def _read(
        self, images: np.ndarray, rows: np.ndarray, groups: list[tuple[np.ndarray, np.ndarray]]
    ) -> np.ndarray:
        if (
            len(groups) == 1
            and len(groups[0][0]) == self.count
            and (self._how == self._how[0]).all()
        ):
            return sample(images, groups[0][1], *self._hows[self._how[0]])
        out = images.copy()
        for those, coordinates in groups:
            for number in np.unique(self._how[those]):
                chosen = self._how[those] == number
                out[those[chosen]] = sample(
                    images[those[chosen]], coordinates[:, chosen], *self._hows[number]
                )
        return out if len(rows) == self.count else out[rows]

    def forget(self, rows: np.ndarray) -> None:
        """Make the maps of `rows` the identity again."""
        for flags in (self.touched, self._projective, self._bent, self._by_pixel, self._how):
            flags[rows] = 0
        if self._matrices is not None:
            self._matrices[rows] = np.eye(3)
        self._fields = [
            (those[kept], factor_y, factor_x, z[kept])
            for those, factor_y, factor_x, z in self._fields
            for kept in [~np.isin(those, rows)]
        ]


def _is_identity(matrices: np.ndarray) -> np.ndarray:
    """bool [N]: within NumPy's `allclose` of the identity, where albumentations leaves an image."""
    return (np.abs(matrices - np.eye(3)) <= 1e-8 + 1e-5 * np.eye(3)).all((1, 2))  # type: ignore[return-value,unused-ignore]


@lru_cache(maxsize=16)
def _grid(height: int, width: int) -> np.ndarray:
    """float32 [2, H, W]: x and y of each pixel."""
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return np.stack([x, y])


def _transform(matrices: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The points float32 [N or 1, 2, H, W] through the matrices [N, 3, 3], with the division."""
    m = matrices.astype(np.float32)[..., None, None]
    x, y = points[:, 0], points[:, 1]
    out = np.stack(
        [
            m[:, 0, 0] * x + m[:, 0, 1] * y + m[:, 0, 2],
            m[:, 1, 0] * x + m[:, 1, 1] * y + m[:, 1, 2],
        ],
        axis=1,
    )
    if (matrices[:, 2] != (0, 0, 1)).any():
        out /= (m[:, 2, 0] * x + m[:, 2, 1] * y + m[:, 2, 2])[:, None]
    return out


def _multiply_out(
    matrices: np.ndarray,
    factor_y: np.ndarray,
    factor_x: np.ndarray,
    coefficients: np.ndarray | None,
) -> np.ndarray:
    """The affine maps H(p + Fy Z Fx^T): x and y, float32 [2, N, H, W].

    The factors become [1, ramp, F], and Z gets H's own part in its first rows and columns. Each
    image has products of its own, so that its map can't depend on its place in the batch.
    """
    height, width = len(factor_y), len(factor_x)
    count = len(matrices)
    rows, columns = factor_y.shape[1], factor_x.shape[1]
    middle = ((width - 1) / 2, (height - 1) / 2, 1)  # ramps about the middle keep the sums small
    joint = np.zeros((2, count, 2 + rows, 2 + columns), np.float32)
    if coefficients is not None:
        turned = matrices[:, :2, :2].astype(np.float32) @ coefficients.reshape(count, 2, -1)
        turned = turned.reshape(count, 2, rows, columns)
    for axis in range(2):
        part = matrices[:, axis]
        joint[axis, :, 0, 0] = part[:, 0] * middle[0] + part[:, 1] * middle[1] + part[:, 2]
        joint[axis, :, 0, 1] = part[:, 0]
        joint[axis, :, 1, 0] = part[:, 1]
        if coefficients is not None:
            row = np.dtype((np.void, 4 * columns))  # copied a row at a time
            joint[axis, :, 2:, 2:].view(row)[:] = turned[:, axis].view(row)
    right = np.ascontiguousarray(_with_ramp(factor_x).T)  # three times as fast as the view
    return _with_ramp(factor_y) @ (joint @ right)


def _with_ramp(factor: np.ndarray) -> np.ndarray:
    length = len(factor)
    ramp = np.arange(length, dtype=np.float32) - np.float32((length - 1) / 2)
    return np.concatenate([np.ones((length, 1), np.float32), ramp[:, None], factor], axis=1)
