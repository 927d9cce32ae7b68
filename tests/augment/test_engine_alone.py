"""The engine where only what the package itself asks for is installed: no TensorFlow, no pandas."""

import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).parents[2]
SCRIPTS = sorted(path.stem for path in PROJECT.glob("scripts/*.py"))
MAP_NEEDS = 'engine.map needs TensorFlow: pip install ".[study]"'
REFUSES = """
import sys

class Refuses:
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in {refused}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Refuses)
"""
AUGMENTS = """
import sys, warnings
import albumentations as A
import numpy as np
import mnist_aug

warnings.simplefilter("ignore")
policy = A.Compose([A.Affine(rotate=(-15, 15)), A.ElasticTransform(alpha=50, sigma=4),
                    A.GaussNoise(p=0.5), A.ZoomBlur(p=0.5)])
A.save(policy, "policy.yaml", data_format="yaml")
images = np.random.default_rng(0).integers(0, 256, (8, 28, 28), dtype=np.uint8)
for engine in map(mnist_aug.vectorize, (policy, "policy.yaml", "default", "trivialaugment")):
    engine.check((28, 28))
    augmented = engine(images, (1, 0, 0))
    assert augmented.shape == images.shape and (augmented != images).any()
    np.testing.assert_array_equal(engine(images[3:4], (1, 0, 3)), augmented[3:4])
    engine.replay((1, 0, 3))
print(*sorted({"tensorflow", "keras", "pandas", "matplotlib", "sklearn", "torch"} & {*sys.modules}))
try:
    engine.map(images, 1, 0, 0)
except mnist_aug.errors.UserError as error:
    print(error)
"""


def base():
    """Names of the packages that an installation without extras brings."""
    text = (PROJECT / "pyproject.toml").read_text()
    lines = re.search(r"^dependencies = \[$(.*?)^\]$", text, re.M | re.S)[1]
    todo = [Requirement(line).name for line in re.findall(r'"([^"]+)"', lines)]
    found = set()
    while todo:
        name = canonicalize_name(todo.pop())
        if name not in found:
            found.add(name)
            needs = map(Requirement, metadata.requires(name) or [])
            todo += [n.name for n in needs if n.marker is None or n.marker.evaluate({"extra": ""})]
    return found


@pytest.fixture(scope="module")
def refusing(tmp_path_factory):
    """An environment in which every Python refuses to import what `base` doesn't bring."""
    brought = base()
    assert {"numba", "pydantic"} <= brought  # ours, and albumentations' own
    refused = {
        module
        for module, packages in metadata.packages_distributions().items()
        if not {"mnist-aug", *brought} & {*map(canonicalize_name, packages)}
    }
    assert {"tensorflow", "keras", "pandas", "sklearn", "pytest"} <= refused
    folder = tmp_path_factory.mktemp("refusing")
    (folder / "sitecustomize.py").write_text(REFUSES.format(refused=refused))
    return os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{PROJECT}"}


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, **options)


def test_the_engine_needs_nothing_else(refusing, tmp_path):
    process = run(sys.executable, "-c", AUGMENTS, cwd=tmp_path, env=refusing)
    assert process.returncode == 0, process.stderr
    loaded, said = process.stdout.splitlines()
    assert loaded == ""
    assert said == MAP_NEEDS


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in ("train", "report") else pytest.mark.torture)
        for name in SCRIPTS
    ],
)
def test_a_script_says_what_to_install(name, refusing, tmp_path, fails_in_one_line):
    arguments = {"predict": ["7.png"], "study": ["ablation"]}.get(name, [])
    script = PROJECT / "scripts" / f"{name}.py"
    process = run(sys.executable, script, *arguments, cwd=tmp_path, env=refusing)
    fails_in_one_line(process, 'isn\'t installed: pip install ".[study]"')


@pytest.mark.torture
def test_an_installation_from_the_index(tmp_path):
    """In a virtual environment of its own: what comes, and that it augments."""
    source, python = tmp_path / "source", tmp_path / "venv" / "bin" / "python"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PROJECT / "mnist_aug", source / "mnist_aug", ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, source)
    alone = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    run(sys.executable, "-m", "venv", tmp_path / "venv", check=True)
    installed = run(python, "-m", "pip", "install", source, env=alone)
    if "Failed to establish a new connection" in installed.stderr:
        pytest.skip("needs a package index")
    assert installed.returncode == 0, installed.stderr
    process = run(python, "-c", AUGMENTS, cwd=tmp_path, env=alone)
    assert process.returncode == 0, process.stderr
    assert process.stdout.splitlines() == ["", MAP_NEEDS]
    listed = run(python, "-m", "pip", "list", "--format=freeze", env=alone, check=True).stdout
    names = {canonicalize_name(line.partition("==")[0]) for line in listed.splitlines()}
    assert names - {"pip", "setuptools"} == {"mnist-aug", *base()}
