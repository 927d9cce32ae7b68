"""Compiled kernels on disk: never another's or older code, and no error where there's no room."""

import os
import pkgutil
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from numba.core.registry import CPUDispatcher

import mnist_aug.augment.engine as engine

PROJECT = Path(__file__).parents[2]
MODULES = [
    import_module(f"{engine.__name__}.{module.name}")
    for module in pkgutil.iter_modules(engine.__path__)
]


def kernels(module):
    return [
        thing
        for thing in vars(module).values()
        if isinstance(thing, CPUDispatcher) and thing.py_func.__module__ == module.__name__
    ]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.split(".")[-1])
def test_kernels_use_their_own_file_and_exact_alone(module):
    """What is kept on disk is named by these two."""
    for kernel in kernels(module):
        for name in kernel.py_func.__code__.co_names:
            used = getattr(module, name, None)
            if isinstance(used, CPUDispatcher):
                assert used.py_func.__module__ in (module.__name__, f"{engine.__name__}.exact")
            elif isinstance(used, (int, float, tuple)):
                assert name in assigned_in(module), f"{name} comes from another file"


def assigned_in(module):
    lines = Path(module.__file__).read_text().splitlines()
    return {
        word.strip()
        for line in lines
        if " = " in line and not line.startswith((" ", "@", "def "))
        for word in line.split(" = ")[0].split(":")[0].split(",")
    }


OF_ANOTHER_FILE = "from compiled import kernel\n\n@kernel\ndef times(x):\n    return x * 10\n"
CALLING = """
import resource
import sys
import numpy as np
from compiled import kernel
from exact import times

@kernel
def f(x):
    return times(x) + x

if __name__ == "__main__":
    if sys.argv[1] == "full":  # what a full disk does, to every file of more than 100 bytes
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
    for dtype in sys.argv[2:]:
        out = f(np.full(3, 2, dtype))
        print(*map(int, out), "loaded" if sum(f.stats.cache_hits.values()) else "compiled")
"""


@pytest.fixture
def folder(tmp_path):
    """The module that keeps kernels, and two that use it."""
    shutil.copy(PROJECT / "mnist_aug" / "augment" / "engine" / "compiled.py", tmp_path)
    (tmp_path / "exact.py").write_text(OF_ANOTHER_FILE)
    (tmp_path / "calling.py").write_text(CALLING)
    return tmp_path


def started(folder, *dtypes, disk="free", **environment):
    """A process that computes 10 x + x of three twos, in each of the types."""
    ours = ("NUMBA", "PYTHON", "XDG")
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    return subprocess.Popen(
        [sys.executable, "-B", "calling.py", disk, *dtypes],
        cwd=folder,
        env=inherited | environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def said(process):
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert err == ""
    return out.splitlines()


def run(folder, *dtypes, **options):
    return said(started(folder, *dtypes, **options))


def test_compiled_once_and_again_when_what_it_calls_changes(folder):
    assert run(folder, "uint8") == ["22 22 22 compiled"]
    assert run(folder, "uint8") == ["22 22 22 loaded"]
    (folder / "exact.py").write_text(OF_ANOTHER_FILE.replace("10", "20"))
    assert run(folder, "uint8") == ["42 42 42 compiled"]


@pytest.mark.torture
def test_damaged_files_are_made_again(folder):
    run(folder, "uint8", "float32")
    for kind in ("nbi", "nbc"):
        files = [*folder.rglob(f"*.{kind}")]
        assert files
        for file in files:
            file.write_bytes(file.read_bytes()[:300])
        assert run(folder, "uint8") == ["22 22 22 compiled"]
    assert run(folder, "uint8") == ["22 22 22 loaded"]


@pytest.mark.torture
def test_compiled_anew_where_nothing_can_be_kept(folder):
    """As installed by another user, for one without a home."""
    (folder / "__pycache__").touch()  # no folder can be made in its place, not even by root
    for _ in range(2):
        assert run(folder, "uint8", HOME="/dev/null") == ["22 22 22 compiled"]


@pytest.mark.torture
def test_a_full_disk_is_no_error(folder):
    assert run(folder, "uint8", disk="full") == ["22 22 22 compiled"]
    assert run(folder, "uint8") == ["22 22 22 compiled"]
    assert run(folder, "uint8") == ["22 22 22 loaded"]


@pytest.mark.torture
def test_processes_that_begin_at_once_with_other_types(folder):
    """numba's own numbers of files are taken twice then, and one runs the other's code."""
    dtypes = ["uint8", "float32", "int64", "float64"]
    for _ in range(3):
        processes = [started(folder, *dtypes[n:], *dtypes[:n]) for n in range(4)]
        for process in processes:
            assert [line.partition(" c")[0][:8] for line in said(process)] == ["22 22 22"] * 4
        assert run(folder, *dtypes) == ["22 22 22 loaded"] * 4
        shutil.rmtree(folder / "__pycache__")


@pytest.mark.torture
def test_types_never_share_a_file(folder):
    kept = []
    for dtype in ("uint8", "float32"):
        run(folder, dtype)
        kept.append({path.name for path in folder.rglob("*.nb?")})
        shutil.rmtree(folder / "__pycache__")
    assert all(kept)
    assert not set.intersection(*kept)


@pytest.mark.torture
def test_copies_share_the_folder_that_is_named(folder, tmp_path_factory):
    other, cache = tmp_path_factory.mktemp("copy"), str(tmp_path_factory.mktemp("cache"))
    shutil.copytree(folder, other, dirs_exist_ok=True)
    assert run(folder, "uint8", NUMBA_CACHE_DIR=cache) == ["22 22 22 compiled"]
    assert run(other, "uint8", NUMBA_CACHE_DIR=cache) == ["22 22 22 loaded"]
    assert not [*folder.rglob("*.nb?"), *other.rglob("*.nb?")]
