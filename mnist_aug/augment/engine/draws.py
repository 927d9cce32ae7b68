"""Random numbers that are a pure function of (seed, epoch, position, node, index).

A counter-based generator: the key of an image and the index of a draw are hashed, so any draw of
any image can be had in any order, on any thread, without the draws before it (Salmon et al. 2011,
"Parallel random numbers: as easy as 1, 2, 3"). The hash is the finaliser of SplitMix64 (Steele,
Lea and Flood 2014, "Fast splittable pseudorandom number generators"), the variant 13 of Stafford's
mixers: two multiplications and three shifts of 64-bit integers, which NumPy does for a whole batch
at once.

Every integer is a valid seed, epoch or position and counts modulo 2**64: -1 is 2**64 - 1.
"""

import numpy as np

GOLDEN = 0x9E3779B97F4A7C15  # 2**64 divided by the golden ratio, odd: SplitMix64's increment
_MASK = 2**64 - 1
_SHIFTS = tuple(np.uint64(s) for s in (30, 27, 31))
_FACTORS = tuple(np.uint64(f) for f in (0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


def mix(x: np.ndarray) -> np.ndarray:
    """SplitMix64's finaliser, in place, on uint64 of any shape; returns `x`."""
    scratch = np.right_shift(x, _SHIFTS[0])
    np.bitwise_xor(x, scratch, out=x)
    for shift, factor in zip(_SHIFTS[1:], _FACTORS, strict=True):
        np.multiply(x, factor, out=x)
        np.right_shift(x, shift, out=scratch)
        np.bitwise_xor(x, scratch, out=x)
    return x


def fold(key: int, number: int) -> int:
    """A new 64-bit key from a key and any integer: `mix((key + 1) * GOLDEN ^ mix(number))`."""
    inner = int(mix(np.array([number & _MASK], np.uint64))[0])
    return int(mix(np.array([((key + 1) * GOLDEN & _MASK) ^ inner], np.uint64))[0])


def image_keys(seed: int, epoch: int, positions: np.ndarray) -> np.ndarray:
    """The key of every image, uint64 [N], from integer positions [N]."""
    base = np.uint64(fold(fold(0, int(seed)), int(epoch)))
    keys = mix(np.asarray(positions).astype(np.uint64))  # astype copies, and wraps negative numbers
    return mix(np.bitwise_xor(keys, base, out=keys))


class Draws:
    """The draws of one node of a policy for N images; each call takes the next of its stream.

    Args:
        keys: uint64 [N], from `image_keys`.
        node: 64-bit key of the place in the policy.
    """

    def __init__(self, keys: np.ndarray, node: int):
        self._keys = mix(np.bitwise_xor(keys, np.uint64(node)))
        self._next = 1

    def __len__(self) -> int:
        return len(self._keys)

    def bits(self, count: int) -> np.ndarray:
        """uint64 [N, count], 64 independent fair bits each."""
        index = np.arange(self._next, self._next + count, dtype=np.uint64)
        self._next += count
        return mix(self._keys[:, None] + index * np.uint64(GOLDEN))

    def uniform(self, low: float | np.ndarray = 0.0, high: float | np.ndarray = 1.0) -> np.ndarray:
        """float64 [N], uniform on [low, high) with 53 bits; `low` and `high` are numbers or [N]."""
        return low + (high - low) * self.uniforms(1)[:, 0]

    def uniforms(self, count: int) -> np.ndarray:
        """float64 [N, count], uniform on [0, 1) with 53 bits."""
        return (self.bits(count) >> np.uint64(11)) * 2.0**-53

    def integers(self, low: int | np.ndarray, high: int | np.ndarray) -> np.ndarray:
        """int64 [N], uniform on low..high inclusive; `low` and `high` are integers or [N]."""
        return low + np.floor((high - low + 1) * self.uniforms(1)[:, 0]).astype(np.int64)

    def normals(self, count: int) -> np.ndarray:
        """float32 [N, count] standard normal, `count` even, by Box and Muller (1958).

        Draw i and draw i + count / 2 come from one 64-bit hash: its high half is the radius, its
        low half the angle. With 32 bits for the radius the largest magnitude is 6.7.
        """
        halves = self.bits(count // 2).view(np.uint32).reshape(len(self), count // 2, 2)
        radius = halves[..., 1].astype(np.float32)
        radius += np.float32(0.5)  # never 0, whose logarithm is infinite
        radius *= np.float32(2.0**-32)
        np.log(radius, out=radius)
        radius *= np.float32(-2)
        np.maximum(radius, 0, out=radius)  # 2**32 - 1 rounds up to 1, whose logarithm may be +0
        np.sqrt(radius, out=radius)
        angle = halves[..., 0].view(np.int32).astype(np.float32)  # signed: [-pi, pi), more exact
        angle *= np.float32(np.pi * 2.0**-31)
        out = np.empty((len(self), count), np.float32)
        np.multiply(radius, np.cos(angle), out=out[:, : count // 2])
        np.multiply(radius, np.sin(angle), out=out[:, count // 2 :])
        return out
