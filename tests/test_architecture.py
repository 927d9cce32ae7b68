"""Imports run one way: from folder to folder down the list, and never in a circle."""

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter

import pytest
from conftest import PROJECT

# From top to bottom; below them all are the small modules in no folder, which all may use. `api` is
# in none, but above them all: what users import.
FOLDERS = (
    "api",
    "report",
    "experiments",
    "evaluate",
    "analysis",
    "train",
    "augment",
    "data",
    "results",
)
MODULES = {
    ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in (PROJECT / "mnist_aug").rglob("*.py")
}


def imported(module):
    """(module of the package, line) of all its imports: in functions, too, and for types alone."""
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
            # The fingerprint of the training code follows `from … import …` alone.
            assert not any(name.startswith("mnist_aug") for name in names), (module, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module}, line {node.lineno}: a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name.partition(".")[0] != "mnist_aug":
                continue
            while name not in MODULES:  # what is imported from a module is none itself
                name = name.rpartition(".")[0]
            yield name, node.lineno


def folder(module):
    """The folder that a module is in, "" if in none."""
    if module == "mnist_aug.api":
        return "api"
    parts = module.split(".")
    place = MODULES[module].parent
    return parts[1] if place != PROJECT / "mnist_aug" else ""


INSIDE = sorted({*MODULES} - {"mnist_aug"})  # which says what users import, and imports it


def test_all_folders_are_known():
    assert {folder(module) for module in MODULES} == {*FOLDERS, ""}


@pytest.mark.parametrize("name", [*FOLDERS, ""])
def test_a_folder_imports_only_from_those_below_it(name):
    below = {name, "", *(FOLDERS[FOLDERS.index(name) :] if name else ())}
    wrong = [
        f"{module}, line {line}, imports {other}"
        for module in INSIDE
        if folder(module) == name
        for other, line in imported(module)
        if folder(other) not in below or other == "mnist_aug"
    ]
    assert not wrong, "\n".join(wrong)


def test_no_circle():
    graph = {module: {other for other, _ in imported(module)} for module in INSIDE}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_what_is_imported_stays_light():
    """`vectorize` needs a few packages; what compares and reports, none that trains."""
    names = [
        "mnist_aug.report.page",
        "mnist_aug.experiments.published",
        *(module for module in MODULES if folder(module) == "analysis"),
    ]
    code = (
        "import sys, mnist_aug\n"
        "print({'pandas', 'rich', 'keras'} & {*sys.modules})\n"
        "from mnist_aug import compare\n"
        "print({'keras', 'tensorflow'} & {*sys.modules})\n"
        f"import {', '.join(names)}\n"
        "print({'tensorflow', 'keras', 'torch'} & {*sys.modules})\n"
        "try: mnist_aug.nothing\n"
        "except AttributeError as error: print(error)\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True
    )
    assert process.stdout.splitlines() == [
        *["set()"] * 3,
        "module 'mnist_aug' has no attribute 'nothing'",
    ], process.stdout + process.stderr
