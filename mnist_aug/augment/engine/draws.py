"""Random numbers that are a pure function of (seed, epoch, position, node, index).

A counter-based generator: the key of an image and the index of a draw are hashed, so any draw of
any image can be had in any order, on any thread, without the draws before it (Salmon et al. 2011,
"Parallel random numbers: as easy as 1, 2, 3"). The hash is the finaliser of SplitMix64 (Steele,
Lea and Flood 2014, "Fast splittable pseudorandom number generators"), the variant 13 of Stafford's
mixers: two multiplications and three shifts of 64-bit integers.

Every integer is a valid seed, epoch or position and counts modulo 2**64: -1 is 2**64 - 1.
"""

import math
from functools import lru_cache

import numpy as np

from mnist_aug.augment.engine.compiled import kernel
from mnist_aug.augment.engine.exact import exp, log, normal_quantile

GOLDEN = 0x9E3779B97F4A7C15  # 2**64 divided by the golden ratio, odd: SplitMix64's increment
_MASK = 2**64 - 1
_STEP = np.uint64(GOLDEN)
_30, _27, _31, _11 = (np.uint64(shift) for shift in (30, 27, 31, 11))
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


@kernel
def _mix(x: np.uint64) -> np.uint64:
    """SplitMix64's finaliser of one uint64."""
    x = (x ^ (x >> _30)) * _FIRST
    x = (x ^ (x >> _27)) * _SECOND
    return x ^ (x >> _31)


@kernel
def _keys(base: np.uint64, positions: np.ndarray, keys: np.ndarray) -> None:
    for n in range(len(keys)):
        keys[n] = _mix(_mix(positions[n]) ^ base)


@kernel
def _bits(keys: np.ndarray, first: np.uint64, out: np.ndarray) -> None:
    count = out.shape[1]
    for n in range(len(keys)):
        for i in range(count):
            out[n, i] = _mix(keys[n] + (first + np.uint64(i)) * _STEP)


@kernel
def _uniforms(keys: np.ndarray, first: np.uint64, out: np.ndarray) -> None:
    count = out.shape[1]
    for n in range(len(keys)):
        for i in range(count):
            out[n, i] = float(_mix(keys[n] + (first + np.uint64(i)) * _STEP) >> _11) * 2.0**-53


_16, _32, _48, _LOW = (np.uint64(n) for n in (16, 32, 48, 0xFFFF))


@kernel
def _normals(keys: np.ndarray, first: np.uint64, table: np.ndarray, out: np.ndarray) -> None:
    count = out.shape[1]
    fours = count // 4
    for n in range(len(keys)):
        line = out[n]
        for i in range(fours):
            bits = _mix(keys[n] + (first + np.uint64(i)) * _STEP)
            four = line[4 * i :]
            four[0], four[1] = table[bits & _LOW], table[(bits >> _16) & _LOW]
            four[2], four[3] = table[(bits >> _32) & _LOW], table[bits >> _48]
        bits = _mix(keys[n] + (first + np.uint64(fours)) * _STEP)
        for i in range(4 * fours, count):
            line[i] = table[bits & _LOW]
            bits >>= _16


@kernel
def _normal_table(size: int) -> np.ndarray:
    out = np.empty(size, np.float32)
    for i in range(size):
        out[i] = normal_quantile((i + 0.5) / size)
    return out


@lru_cache(maxsize=1)
def normal_table() -> np.ndarray:
    """float32 [65536]: the quantiles in the middle of as many equal shares of the normal law."""
    return _normal_table(2**16)


@kernel
def _log_gamma_variate(key: np.uint64, shape: float) -> float:
    """The logarithm of one gamma variate of scale 1, from a stream of its own.

    Marsaglia and Tsang 2000, "A simple method for generating gamma variables": rejection from a
    cubed normal, and a power of a uniform for shapes below 1, taken as a logarithm, as small
    shapes give variates below the smallest float.
    """
    d = (shape if shape >= 1 else shape + 1) - 1 / 3
    c = 1 / math.sqrt(9 * d)
    key = _mix(key)
    while True:
        key += _STEP
        x = normal_quantile((float(_mix(key) >> _11) + 0.5) * 2.0**-53)
        key += _STEP
        u = (float(_mix(key) >> _11) + 0.5) * 2.0**-53
        v = (1 + c * x) * ((1 + c * x) * (1 + c * x))
        if v > 0 and log(u) < 0.5 * x * x + d - d * v + d * log(v):
            break
    out = log(d) + log(v)
    if shape < 1:
        key += _STEP
        out += log((float(_mix(key) >> _11) + 0.5) * 2.0**-53) / shape
    return out


@kernel
def _dirichlets(keys: np.ndarray, alpha: float, out: np.ndarray) -> None:
    count = out.shape[1]
    for n in range(len(out)):
        most = -np.inf
        for i in range(count):
            out[n, i] = _log_gamma_variate(keys[n, i], alpha)
            most = max(most, out[n, i])
        total = 0.0
        for i in range(count):
            out[n, i] = exp(out[n, i] - most)
            total += out[n, i]
        for i in range(count):
            out[n, i] /= total


def mix(number: int) -> int:
    """SplitMix64's finaliser of an integer modulo 2**64."""
    x = number & _MASK
    x = ((x ^ (x >> 30)) * int(_FIRST)) & _MASK
    x = ((x ^ (x >> 27)) * int(_SECOND)) & _MASK
    return x ^ (x >> 31)


@lru_cache(maxsize=4096)
def fold(key: int, number: int) -> int:
    """A new 64-bit key from a key and any integer: `mix((key + 1) * GOLDEN ^ mix(number))`."""
    return mix(((key + 1) * GOLDEN & _MASK) ^ mix(number))


def image_keys(seed: int, epoch: int, positions: np.ndarray) -> np.ndarray:
    """The key of every image, uint64 [N], from integer positions [N]."""
    keys = np.empty(len(positions), np.uint64)
    positions = np.asarray(positions).astype(np.uint64)  # wraps negative numbers
    _keys(np.uint64(fold(fold(0, int(seed)), int(epoch))), positions, keys)
    return keys


class Draws:
    """The draws of one node of a policy for N images; each call takes the next of its stream.

    Args:
        keys: uint64 [N], from `image_keys`.
        node: 64-bit key of the place in the policy.
    """

    def __init__(self, keys: np.ndarray, node: int):
        self._keys = np.empty_like(keys)
        _node_keys(keys, np.uint64(node), self._keys)
        self._next = 1

    def __len__(self) -> int:
        return len(self._keys)

    def _take(self, count: int) -> np.uint64:
        first = np.uint64(self._next)
        self._next += count
        return first

    def bits(self, count: int) -> np.ndarray:
        """uint64 [N, count], 64 independent fair bits each."""
        out = np.empty((len(self), count), np.uint64)
        _bits(self._keys, self._take(count), out)
        return out

    def uniform(self, low: float | np.ndarray = 0.0, high: float | np.ndarray = 1.0) -> np.ndarray:
        """float64 [N], uniform on [low, high) with 53 bits; `low` and `high` are numbers or [N]."""
        return low + (high - low) * self.uniforms(1)[:, 0]

    def uniforms(self, count: int) -> np.ndarray:
        """float64 [N, count], uniform on [0, 1) with 53 bits."""
        out = np.empty((len(self), count))
        _uniforms(self._keys, self._take(count), out)
        return out

    def integers(self, low: int | np.ndarray, high: int | np.ndarray) -> np.ndarray:
        """int64 [N], uniform on low..high inclusive; `low` and `high` are integers or [N]."""
        return low + np.floor((high - low + 1) * self.uniforms(1)[:, 0]).astype(np.int64)

    def dirichlets(self, alpha: float, count: int) -> np.ndarray:
        """float64 [N, count], symmetric Dirichlet of concentration `alpha`: sums to 1 in a row."""
        out = np.empty((len(self), count))
        _dirichlets(self.bits(count), alpha, out)
        return out

    def betas(self, alpha: float) -> np.ndarray:
        """float64 [N], Beta(alpha, alpha) on [0, 1]."""
        return self.dirichlets(alpha, 2)[:, 0]

    def normals(self, count: int) -> np.ndarray:
        """float32 [N, count] standard normal, each one of 65,536 quantiles: at most 4.33 in size.

        Four come from one 64-bit hash.
        """
        out = np.empty((len(self), count), np.float32)
        _normals(self._keys, self._take(-(-count // 4)), normal_table(), out)
        return out


@kernel
def _node_keys(keys: np.ndarray, node: np.uint64, out: np.ndarray) -> None:
    for n in range(len(keys)):
        out[n] = _mix(keys[n] ^ node)
