"""What is compiled is kept on disk, made anew when it has to be, and not needed on disk."""

import os
import pkgutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from shutil import copytree

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
    """numba's cache doesn't see when other files change."""
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


@pytest.fixture
def package(tmp_path):
    """A copy of the package that nothing has been compiled of."""
    ignored = ("__pycache__", "mnist", "report", "train", "evaluate", "experiments")
    copytree(PROJECT / "mnist_aug", tmp_path / "mnist_aug", ignore=lambda *_: ignored)
    return tmp_path


def run(where, program, **environment):
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=where,
        env={**os.environ, "PYTHONPATH": str(where), **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_what_exact_changes_is_compiled_anew(package):
    """A change of `log` reaches a function in another file that it is compiled into."""
    folder = package / "mnist_aug" / "augment" / "engine"
    (folder / "other.py").write_text(
        "from mnist_aug.augment.engine.compiled import kernel\n"
        "from mnist_aug.augment.engine.exact import log\n\n\n"
        "@kernel\ndef twice(x):\n    return 2 * log(x)\n"
    )
    program = (
        "from mnist_aug.augment.engine.other import twice;"
        "print(twice(1.0), sum(twice.stats.cache_hits.values()))"
    )
    assert run(package, program) == ["0.0", "0"]
    assert run(package, program) == ["0.0", "1"]
    exact = folder / "exact.py"
    exact.write_text(exact.read_text().replace("return power * _LN_2", "return 1 + power * _LN_2"))
    assert run(package, program) == ["2.0", "0"]


def test_without_a_folder_to_write_to(package):
    folder = package / "mnist_aug" / "augment" / "engine"
    (folder / "__pycache__").write_text("a file, where the folder would be")
    program = "from mnist_aug.augment.engine.exact import log; print(log(1.0))"
    nowhere = {"XDG_CACHE_HOME": os.devnull, "HOME": os.devnull, "PYTHONDONTWRITEBYTECODE": "1"}
    assert run(package, program, **nowhere) == ["0.0"]
