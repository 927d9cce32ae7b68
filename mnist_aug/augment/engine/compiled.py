"""Compiling the engine's loops with numba, and keeping the result on disk.

numba takes a compiled function from disk as long as the file that it stands in is the same, and
overlooks changes of functions in other files that are compiled into it. Of the engine's files only
`exact.py` is compiled into others; here it counts, too.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import CacheImpl

_HERE = Path(__file__).parent


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compiled when first called, kept on disk; runs without the interpreter's lock.

    Nothing is fused or reordered (no `fastmath`), so that results are the same on every processor.
    Where no folder can be written to, it is compiled anew in every process.
    """
    try:
        return numba.njit(nogil=True, cache=True, error_model="numpy")(function)
    except RuntimeError:  # no folder for the cache
        return numba.njit(nogil=True, error_model="numpy")(function)


class _Locator:
    """Finds numba's usual folder for the engine's functions, and adds to what they depend on."""

    usual = tuple(CacheImpl._locator_classes)
    shared = hashlib.sha256((_HERE / "exact.py").read_bytes()).digest()

    @classmethod
    def from_function(cls, function: Callable[..., Any], path: str) -> Any:
        if Path(path).parent != _HERE:
            return None
        for kind in cls.usual:
            if found := kind.from_function(function, path):
                own = found.get_source_stamp()
                found.get_source_stamp = lambda: (own, cls.shared)
                return found
        return None


CacheImpl._locator_classes.insert(0, _Locator)
