"""The pending sampling maps of a batch, and their one sampling.

A map says for each pixel of the result where in the image it is read: out(p) = in(M(p)). Applying
map A and then map B gives out(p) = in(A(B(p))): what comes later in a policy stands further
inside. So a chain of transforms is one map, and the image is interpolated once.

The map of an image is H(p + d(p)), a 3 x 3 matrix H outside a displacement d. A displacement that
is smooth or separable is a small matrix Z between fixed factors, d = Fy Z Fx^T, and an affine H
acts on it as d' = H d. With a constant and a ramp joined to the factors the whole map, affine part
included, is one product of small matrices. Only where a field is not the last of a chain is the
map held pixel by pixel.
"""

from typing import TypeAlias

import numpy as np

from mnist_aug.augment.engine import resample
from mnist_aug.augment.engine.exact import multiply
from mnist_aug.augment.engine.resample import Factors

How: TypeAlias = tuple[int, int, float | tuple[float, ...]]  # (interpolation, border, fill)

_IDENTITY = np.eye(3)[None]


class Warp:
    """The pending maps of `count` images of `height` x `width` pixels, identity at first.

    How a map is held and computed is settled for each image by its own transforms alone.
    """

    def __init__(self, count: int, height: int, width: int) -> None:
        self.height, self.width = height, width
        self.touched = np.zeros(count, bool)
        self._hows: list[How | None] = [None]  # the first for turns alone: pixels change places
        self._how = np.zeros(count, np.int64)  # which of them
        self._matrices: np.ndarray | None = None  # H: float64 [N, 3, 3], or None for identity
        self._projective = np.zeros(count, bool)
        self._fields: list[tuple[Factors, np.ndarray]] = []  # with Z float32 [M, 2, k, l]
        self._field = np.full(count, -1)  # which of them, -1 for none
        self._place = np.zeros(count, np.int64)  # where in its Z
        self._by_pixel = np.zeros(count, bool)  # p + d(p) is held in `_points`
        self._points: np.ndarray | None = None  # float32 [N, 2, H, W or more]

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
        bent = self._bent(rows)
        if bent.any():
            self._pull(
                rows[bent],
                matrices[bent],
                projective,
                resample.no_factors(self.height, self.width),
                _NO_FIELD,
            )
            rows, matrices = rows[~bent], matrices[~bent]
        if self._matrices is None and len(rows) == len(self.touched):
            self._matrices = np.empty((len(rows), 3, 3))
            self._matrices[rows] = matrices
        else:
            if self._matrices is None:
                self._matrices = np.tile(_IDENTITY, (len(self.touched), 1, 1))
            self._matrices[rows] = multiply(self._matrices[rows], matrices)
        self._projective[rows] |= projective

    def add_fields(self, rows: np.ndarray, factors: Factors, inner: np.ndarray) -> None:
        """Put p -> p + Fy Z Fx^T inside the maps of `rows`; Z is float32 [M, 2, k, l]."""
        self.touched[rows] = True
        bent = self._bent(rows)
        if bent.any():
            self._pull(rows[bent], _IDENTITY, False, factors, inner[bent])
            rows, inner = rows[~bent], inner[~bent]
        self._field[rows] = len(self._fields)
        self._place[rows] = np.arange(len(rows))
        self._fields.append((factors, inner))

    def _bent(self, rows: np.ndarray) -> np.ndarray:
        """bool: which of `rows` have a displacement."""
        return (self._field[rows] >= 0) | self._by_pixel[rows]

    def _pull(
        self,
        rows: np.ndarray,
        matrices: np.ndarray,
        projective: bool,
        factors: Factors,
        inner: np.ndarray,
    ) -> None:
        """Put another map inside those of `rows`, which have a displacement: pixel by pixel."""
        new = resample.places(matrices, not projective, factors, inner, len(rows))
        old = np.empty_like(new)
        held = self._by_pixel[rows]
        if held.any():
            old[held] = self._points[rows[held]]  # type: ignore[index]  # not None where held
        for number, (outer, z) in enumerate(self._fields):
            here = np.flatnonzero(~held & (self._field[rows] == number))
            if len(here):
                z = z[self._place[rows[here]]]
                old[here] = resample.places(_IDENTITY, True, outer, z, len(here))
        resample.pull(old, new, self.width)
        if self._points is None:
            self._points = np.empty((len(self.touched), *old.shape[1:]), np.float32)
        self._points[rows] = old
        self._by_pixel[rows] = True

    def sample(self, images: np.ndarray, rows: np.ndarray) -> None:
        """Read the images `rows` of [N, H, W, C] through their maps, in place, and forget these."""
        wanted = rows[self.touched[rows]]
        if not len(wanted) and self._matrices is None and not self._fields:
            return
        for number in range(len(self._hows)):
            those = wanted[self._how[wanted] == number]
            if not len(those):
                continue
            how = self._hows[number]
            if how is None:
                resample.turn(images, those, self._of(those))
                continue
            kind = np.where(self._by_pixel[those], len(self._fields), self._field[those])
            kind = 2 * kind + self._projective[those]
            for k in np.unique(kind):
                self._read(images, those[kind == k], *divmod(int(k), 2), how)
        self.touched[rows] = False
        self._how[rows], self._field[rows] = 0, -1
        self._by_pixel[rows] = self._projective[rows] = False
        if self._matrices is not None:
            self._matrices[rows] = _IDENTITY

    def _read(
        self, images: np.ndarray, rows: np.ndarray, field: int, projective: int, how: How
    ) -> None:
        """Images that share their field's factors (-1: no field, beyond the last: by pixel)."""
        factors, z = resample.no_factors(self.height, self.width), _NO_FIELD
        points = np.empty((0, 2, 0, 0), np.float32)
        if field == len(self._fields):
            points = self._points[rows]  # type: ignore[index]  # not None here
        elif field >= 0:
            factors, z = self._fields[field]
            z = z[self._place[rows]]
        direct = not projective and not len(points)
        resample.read(images, rows, self._of(rows), direct, factors, z, points, how)

    def _of(self, rows: np.ndarray) -> np.ndarray:
        """The matrices of `rows`, float64 [M, 3, 3]."""
        if self._matrices is None:
            return np.broadcast_to(_IDENTITY, (len(rows), 3, 3)).copy()
        return self._matrices[rows]


_NO_FIELD = np.empty((0, 2, 0, 0), np.float32)


def _is_identity(matrices: np.ndarray) -> np.ndarray:
    """bool [N]: within NumPy's `allclose` of the identity, where albumentations leaves an image."""
    return (np.abs(matrices - _IDENTITY) <= 1e-8 + 1e-5 * _IDENTITY).all((1, 2))  # type: ignore[return-value,unused-ignore]
