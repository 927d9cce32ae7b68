"""One set of packages in pyproject.toml, environment.yml and requirements.lock; sources listed."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from mnist_aug import run

PROJECT = Path(__file__).parents[1]


def declared():
    """Name to requirement, the test extra included, from pyproject.toml."""
    text = (PROJECT / "pyproject.toml").read_text()
    blocks = [re.search(rf"^{name} = \[$(.*?)^\]$", text, re.M | re.S)[1]
              for name in ("dependencies", "test")]
    found = [Requirement(line) for line in re.findall(r'"([^"]+)"', "".join(blocks))]
    return {canonicalize_name(requirement.name): requirement for requirement in found}


def locked():
    """Name to the pinned versions (one a Python, where they differ), each with its hashes."""
    pins = {}
    text = (PROJECT / "requirements.lock").read_text().replace("\\\n", " ")
    for line in text.splitlines():
        requirement = Requirement(line.split(" --hash")[0].strip())
        (pin,) = requirement.specifier
        assert pin.operator == "=="
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", line), line[:60]
        pins.setdefault(canonicalize_name(requirement.name), []).append(
            (Version(pin.version), requirement.marker))
    return pins


def test_environment_yml_asks_for_what_pyproject_does():
    environment = yaml.safe_load((PROJECT / "environment.yml").read_text())
    *_, pip = environment["dependencies"]
    asked = [Requirement(line) for line in pip["pip"] if not line.startswith("-")]
    assert {canonicalize_name(one.name): one.specifier for one in asked} == {
        name: one.specifier for name, one in declared().items()}
    python = next(line for line in environment["dependencies"] if str(line).startswith("python"))
    text = (PROJECT / "pyproject.toml").read_text()
    assert python == f"python{re.search(r'requires-python = .(.*?).$', text, re.M)[1]}"
    assert environment["name"] in (PROJECT / "Makefile").read_text()


def test_lock_satisfies_pyproject_on_every_python():
    pins = locked()
    for name, requirement in declared().items():
        assert name in pins, name
        for python in ("3.10", "3.11", "3.12", "3.13"):
            chosen = [version for version, marker in pins[name] if marker is None or
                      marker.evaluate({"python_full_version": f"{python}.0",
                                       "python_version": python, "sys_platform": "linux"})]
            assert len(chosen) == 1, (name, python, chosen)
            assert chosen[0] in requirement.specifier, (name, python)


def test_every_dependency_is_bounded_on_both_sides():
    for requirement in declared().values():
        operators = {part.operator for part in requirement.specifier}
        assert operators == {"=="} or operators == {">=", "<"}, requirement


def imports(module):
    """Modules of the package that a module imports, anywhere in it."""
    tree = ast.parse((PROJECT / "mnist_aug" / f"{module}.py").read_text())
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "mnist_aug":
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mnist_aug."):
            names.add(node.module.split(".")[1])
    return {name for name in names if (PROJECT / "mnist_aug" / f"{name}.py").exists()}


def closure(module):
    found, todo = set(), {module}
    while todo:
        name = todo.pop()
        found.add(name)
        todo |= imports(name) - found
    return found


def test_what_decides_a_run_is_in_its_manifest_and_in_the_makefile():
    plumbing = {"arguments", "errors", "run"}  # they write the run down, and cannot change what is in it
    assert closure("training") - plumbing == {*run.TRAINING_SOURCES, *run.AUGMENTATION_SOURCES}
    makefile = (PROJECT / "Makefile").read_text()
    listed = {name: set(re.search(rf"^{name} := \$\(call module,([a-z_ ]+)\)", makefile,
                                  re.M)[1].split())
              for name in ("TRAINING", "ENGINE", "EVALUATION", "REPORTING")}
    everything = listed["TRAINING"] | listed["ENGINE"]
    assert closure("training") == everything
    everything |= listed["EVALUATION"]  # what is evaluated again is reported again
    assert closure("evaluation") <= everything
    assert closure("report") <= listed["REPORTING"] | everything


def test_the_report_half_never_imports_tensorflow():
    code = "import mnist_aug, mnist_aug.report, sys; assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=PROJECT)
