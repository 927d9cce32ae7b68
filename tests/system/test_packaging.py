"""One set of packages in pyproject.toml, environment.yml and the lock; what is installed."""

import ast
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

PROJECT = Path(__file__).parents[2]
BASE = "dependencies"  # of the engine; `study` brings what the rest of the package needs
# Not `bench`: PyTorch and JAX. Not `heic`: its wheels hold x265, which is GPL-2.0.
EXTRAS = ("cluster", "notebook", "parquet", "study", "tensorboard", "test", "tune")


def listed(*lists):
    """Requirements in these lists of pyproject.toml, in order."""
    text = (PROJECT / "pyproject.toml").read_text()
    blocks = [re.search(rf"^{name} = \[$(.*?)^\]$", text, re.M | re.S)[1] for name in lists]
    return [Requirement(line) for line in re.findall(r'"([^"]+)"', "".join(blocks))]


def declared(*lists):
    """Name to requirement, this package's own left out, from all lists or these."""
    found = {canonicalize_name(one.name): one for one in listed(*(lists or (BASE, *EXTRAS)))}
    return {name: one for name, one in found.items() if name != "mnist-aug"}


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
            (Version(pin.version), requirement.marker)
        )
    return pins


def test_environment_yml_asks_for_what_pyproject_does():
    environment = yaml.safe_load((PROJECT / "environment.yml").read_text())
    *_, pip = environment["dependencies"]
    listed = [Requirement(line) for line in pip["pip"] if not line.startswith("-")]
    assert {canonicalize_name(one.name): one.specifier for one in listed} == {
        name: one.specifier for name, one in declared().items()
    }
    python = next(line for line in environment["dependencies"] if str(line).startswith("python"))
    text = (PROJECT / "pyproject.toml").read_text()
    assert python == f"python{re.search(r'requires-python = .(.*?).$', text, re.M)[1]}"
    assert environment["name"] in (PROJECT / "Makefile").read_text()


@pytest.mark.parametrize("extra", ["bench", "heic", *sorted({*EXTRAS} - {"study"})])
def test_every_extra_brings_the_study(extra):
    """What it adds is used by commands, and those need all of the package."""
    assert "mnist-aug[study]" in map(str, listed(extra))


def test_lock_satisfies_pyproject_on_every_python():
    pins = locked()
    for name, requirement in declared().items():
        assert name in pins, name
        for python in ("3.10", "3.11", "3.12", "3.13"):
            chosen = [
                version
                for version, marker in pins[name]
                if marker is None
                or marker.evaluate(
                    {
                        "python_full_version": f"{python}.0",
                        "python_version": python,
                        "sys_platform": "linux",
                    }
                )
            ]
            assert len(chosen) == 1, (name, python, chosen)
            assert chosen[0] in requirement.specifier, (name, python)


def test_every_dependency_is_bounded_on_both_sides():
    text = (PROJECT / "pyproject.toml").read_text()
    quoted = re.findall(r'"([a-z0-9-]+[=<>][^"]+)"', text)  # `bench` and the build's among them
    assert {"torch", "setuptools"} <= {Requirement(one).name for one in quoted}
    assert set(map(str, declared().values())) < {str(Requirement(one)) for one in quoted}
    for requirement in map(Requirement, quoted):
        operators = {part.operator for part in requirement.specifier} - {"!="}
        assert operators == {"=="} or operators == {">=", "<"}, requirement


def test_whatever_is_imported_is_declared():
    """So that its bounds are ours, and not what another package happens to ask for."""
    called = {
        "PIL": "pillow",
        "cv2": "opencv-python-headless",
        "sklearn": "scikit-learn",
        "yaml": "pyyaml",
    }
    ours = {
        "mnist_aug",
        "tools",
        "tests",
        *(path.stem for path in (PROJECT / "tests").rglob("*.py")),
    }
    modules = set()
    for folder in ("mnist_aug", "scripts", "tests", "tools"):
        for path in (PROJECT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    modules |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom):
                    modules.add(node.module.split(".")[0])
    extern = modules - ours - sys.stdlib_module_names
    # What needs these does without, too.
    apart = {"atheris", "ipython", "jax", "kornia", "pillow-heif", "torch", "torchvision"}
    assert {canonicalize_name(called.get(one, one)) for one in extern} <= {*declared(), *apart}


def test_the_package_holds_its_data_and_types_but_not_the_tools(tmp_path):
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, tmp_path)
    for name in ("mnist_aug", "tools", "scripts"):
        shutil.copytree(
            PROJECT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "."],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held == {
        path.relative_to(tmp_path).as_posix()
        for path in (tmp_path / "mnist_aug").rglob("*")
        if path.is_file()
    }
    assert "mnist_aug/py.typed" in held


def test_one_version_is_stated_everywhere():
    (version,) = re.findall(r'^version = "(.+)"$', (PROJECT / "pyproject.toml").read_text(), re.M)
    assert yaml.safe_load((PROJECT / "CITATION.cff").read_text())["version"] == version
    latest = re.search(r"^## (\S+)", (PROJECT / "CHANGELOG.md").read_text(), re.M)
    assert latest[1] == version


def test_hooks_before_a_commit_fetch_nothing():
    hooks = yaml.safe_load((PROJECT / ".pre-commit-config.yaml").read_text())["repos"]
    assert {repository["repo"] for repository in hooks} == {"local"}
    assert {hook["language"] for one in hooks for hook in one["hooks"]} == {"system"}


@pytest.mark.parametrize(
    ("ci", "outcome"),
    [("true", "1 error"), pytest.param("", "1 skipped", marks=pytest.mark.torture)],
)
def test_tests_of_pages_are_not_skipped_in_ci(tmp_path, ci, outcome):
    (tmp_path / "test_page.py").write_text("def test_page(browser):\n    pass\n")
    process = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "conftest", "--rootdir", tmp_path, tmp_path],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=os.environ
        | {"CI": ci, "PATH": str(tmp_path), "PYTHONPATH": f"{PROJECT}:{PROJECT / 'tests'}"},
    )
    assert outcome in process.stdout, process.stdout + process.stderr
