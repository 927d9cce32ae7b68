"""Compiling the engine's loops with numba, and keeping the result on disk."""

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import FunctionCache, IndexDataCacheFile

_SHARED = Path(__file__).with_name("exact.py")  # the one file whose kernels others call


class _Cache(FunctionCache):
    """numba's cache on disk, in which no process can meet another's half-written or older code.

    numba numbers the code of a function's signatures and writes the index before the code. Two
    processes that begin at once may so take each other's number, and one that is killed leaves old
    code under a new index: both run the wrong code without a word. A damaged file, or a full disk,
    ends numba with a traceback. Nor does it see that a kernel of another file has changed. Here
    every signature has files of its own, named by a hash of the source of its own file and of
    `exact.py`, and what can't be read or written only costs the compilation. Copies of the package
    share the folder that NUMBA_CACHE_DIR names.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        sources = (Path(function.__code__.co_filename), _SHARED)
        self._source = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()

    def _open(self, signature: Any, codegen: Any) -> None:
        key = repr((self._source, numba.__version__, str(signature), codegen.magic_tuple()))
        name = f"{self._impl.filename_base}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
        folder = os.environ.get("NUMBA_CACHE_DIR") or self._cache_path
        self._cache_file = IndexDataCacheFile(folder, name, self._source)

    def load_overload(self, signature: Any, target: Any) -> Any:
        try:
            target.refresh()
            self._open(signature, target.codegen())
            return super().load_overload(signature, target)
        except Exception:  # whatever damaged bytes make of pickle and LLVM
            with suppress(OSError):
                self._cache_file.flush()
            return None

    def save_overload(self, signature: Any, data: Any) -> None:
        with suppress(OSError):
            self._open(signature, data.codegen)
            super().save_overload(signature, data)


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compiled when first called, kept on disk; runs without the interpreter's lock.

    Nothing is fused or reordered (no `fastmath`), so that results are the same on every processor.
    Where no folder can be written to, it is compiled anew in every process.
    """
    compiled: Any = numba.njit(nogil=True, error_model="numpy")(function)
    with suppress(RuntimeError, OSError):  # no folder for the cache, no source
        compiled._cache = _Cache(function)
    return compiled
