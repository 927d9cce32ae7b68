"""Arithmetic that gives the same bits on every processor.

NumPy, BLAS, LAPACK and the C library choose code by the processor, and their results differ in
the last bit: in the order of sums, in fused multiplications and additions, in sines and
logarithms. The functions here use nothing but +, -, x, / and square roots of IEEE 754, which are
rounded in one way, in a written order.
"""

import math

import numpy as np

from mnist_aug.augment.engine.compiled import kernel

_DEGREE = math.pi / 180
_LN_2 = 0.6931471805599453
# Ratios of the terms of Taylor's series, the last first; the next terms are below 1e-18.
_SERIES = tuple((-1 / (n * (n + 1)), -1 / (n * (n - 1))) for n in range(18, 0, -2))


@kernel
def sin_cos(degrees: float) -> tuple[float, float]:
    """Sine and cosine of an angle in degrees, to 1e-15; exact at multiples of 90."""
    quarter = math.floor(degrees / 90 + 0.5)
    x = (degrees - 90 * quarter) * _DEGREE  # within pi / 4
    square = x * x
    sine = cosine = 0.0
    for of_sine, of_cosine in _SERIES:
        sine = (1 + sine) * square * of_sine
        cosine = (1 + cosine) * square * of_cosine
    sine, cosine = x + x * sine, 1 + cosine
    turn = int(quarter) % 4
    if turn == 1:
        return cosine, -sine
    if turn == 2:
        return -sine, -cosine
    if turn == 3:
        return -cosine, sine
    return sine, cosine


@kernel
def exp(x: float) -> float:
    """e to the power x, to a relative 1e-14; 0 below -700."""
    if x < -700:
        return 0.0
    steps = math.floor(x / _LN_2 + 0.5)
    rest = x - steps * 0.6931471803691238 - steps * 1.9082149292705877e-10  # ln 2 in two parts
    total = 1.0
    for n in range(14, 0, -1):
        total = 1 + total * rest / n
    return math.ldexp(total, int(steps))


@kernel
def log(x: float) -> float:
    """The natural logarithm of a positive number, to a relative 1e-14."""
    mantissa, power = math.frexp(x)
    if mantissa < 0.7071067811865476:
        mantissa, power = mantissa * 2, power - 1
    ratio = (mantissa - 1) / (mantissa + 1)
    square, total = ratio * ratio, 0.0
    for n in range(23, 0, -2):  # twice the inverse hyperbolic tangent
        total = total * square + 1.0 / n
    return power * _LN_2 + 2 * ratio * total


@kernel
def normal_quantile(p: float) -> float:
    """The standard normal quantile of p in (0, 1), by Wichura's AS 241 (1988), to 1e-15."""
    q = p - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        return q * _polynomial(r, _CENTRE_ABOVE) / _polynomial(r, _CENTRE_BELOW)
    r = math.sqrt(-log(p if q < 0 else 1 - p))
    if r <= 5:
        value = _polynomial(r - 1.6, _MIDDLE_ABOVE) / _polynomial(r - 1.6, _MIDDLE_BELOW)
    else:
        value = _polynomial(r - 5, _TAIL_ABOVE) / _polynomial(r - 5, _TAIL_BELOW)
    return -value if q < 0 else value


@kernel
def _polynomial(x: float, coefficients: tuple[float, ...]) -> float:
    total = 0.0
    for c in coefficients:
        total = total * x + c
    return total


# From the highest power down.
_CENTRE_ABOVE = (
    2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457,
    13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.387132872796366608,
)  # fmt: skip
_CENTRE_BELOW = (
    5226.495278852545925, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867,
    5394.1960214247511077, 687.1870074920579083, 42.313330701600911252, 1.0,
)  # fmt: skip
_MIDDLE_ABOVE = (
    7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177,
    1.27045825245236838258, 3.64784832476320460504, 5.7694972214606914055,
    4.6303378461565452959, 1.42343711074968357734,
)  # fmt: skip
_MIDDLE_BELOW = (
    1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966,
    0.14810397642748007459, 0.68976733498510000455, 1.6763848301838038494,
    2.05319162663775882187, 1.0,
)  # fmt: skip
_TAIL_ABOVE = (
    2.01033439929228813265e-7, 2.71155556874348757815e-5, 0.0012426609473880784386,
    0.026532189526576123093, 0.29656057182850489123, 1.7848265399172913358,
    5.4637849111641143699, 6.6579046435011037772,
)  # fmt: skip
_TAIL_BELOW = (
    2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5,
    7.868691311456132591e-4, 0.0148753612908506148525, 0.13692988092273580531,
    0.59983220655588793769, 1.0,
)  # fmt: skip


@kernel
def multiply(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Products of matrices, float64 [N, 3, 3] each; `left` may be a single one, [1, 3, 3]."""
    out = np.empty(right.shape)
    for n in range(len(right)):
        first = left[n if len(left) > 1 else 0]
        for i in range(3):
            for j in range(3):
                out[n, i, j] = (
                    first[i, 0] * right[n, 0, j] + first[i, 1] * right[n, 1, j]
                ) + first[i, 2] * right[n, 2, j]
    return out


@kernel
def inverse(matrices: np.ndarray) -> np.ndarray:
    """The inverses of matrices, float64 [N, 3, 3], by cofactors."""
    out = np.empty_like(matrices)
    for n in range(len(matrices)):
        m = matrices[n]
        for i in range(3):
            for j in range(3):
                a, b, c, d = (j + 1) % 3, (j + 2) % 3, (i + 1) % 3, (i + 2) % 3
                out[n, i, j] = m[a, c] * m[b, d] - m[a, d] * m[b, c]
        determinant = (m[0, 0] * out[n, 0, 0] + m[0, 1] * out[n, 1, 0]) + m[0, 2] * out[n, 2, 0]
        for i in range(3):
            for j in range(3):
                out[n, i, j] /= determinant
    return out


@kernel
def _diagonalise(symmetric: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues [n] and eigenvectors in rows [n, n], by Jacobi's method (1846)."""
    a, n = symmetric.copy(), len(symmetric)
    vectors = np.eye(n)
    for _ in range(30):
        off, whole = 0.0, 0.0
        for i in range(n):
            for j in range(n):
                whole += a[i, j] * a[i, j]
                if i != j:
                    off += a[i, j] * a[i, j]
        if off <= 1e-28 * whole:
            break
        for i in range(n - 1):
            for j in range(i + 1, n):
                if abs(a[i, j]) <= 1e-17 * math.sqrt(abs(a[i, i] * a[j, j])):
                    continue
                theta = (a[j, j] - a[i, i]) / (2 * a[i, j])
                t = 1 / (abs(theta) + math.sqrt(theta * theta + 1))
                t = -t if theta < 0 else t
                cos = 1 / math.sqrt(t * t + 1)
                sin = t * cos
                for k in range(n):
                    a[i, k], a[j, k] = cos * a[i, k] - sin * a[j, k], sin * a[i, k] + cos * a[j, k]
                for k in range(n):
                    a[k, i], a[k, j] = cos * a[k, i] - sin * a[k, j], sin * a[k, i] + cos * a[k, j]
                for k in range(n):
                    vectors[i, k], vectors[j, k] = (
                        cos * vectors[i, k] - sin * vectors[j, k],
                        sin * vectors[i, k] + cos * vectors[j, k],
                    )
    values = np.empty(n)
    for i in range(n):
        values[i] = a[i, i]
    return values, vectors


def eigen(symmetric: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues [n], the largest first, and eigenvectors in columns [n, n]: float64.

    Args:
        symmetric: float64 [n, n].
    """
    values, vectors = _diagonalise(symmetric)
    order = np.argsort(-values, kind="stable")
    return values[order], vectors[order].T
