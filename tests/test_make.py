"""The whole way through the Makefile, in a copy of the project, on the embedded digits."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PROJECT = Path(__file__).parents[1]
ASKED = ["DATA=digits", "SEEDS=1", "EPOCHS=1"]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    copy = tmp_path_factory.mktemp("project")
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(PROJECT / name, copy)
    for folder in ("mnist_aug", "scripts"):
        shutil.copytree(PROJECT / folder, copy / folder,
                        ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def make(project, *arguments):
    """Run make with the Python that runs the tests in place of a fresh .venv."""
    environment = {key: value for key, value in os.environ.items()
                   if key not in {"MAKEFLAGS", "MAKELEVEL", "CONDA_DEFAULT_ENV"}}
    return subprocess.run(
        ["make", f"PY={sys.executable}", "READY=", *arguments], cwd=project, timeout=300,
        capture_output=True, text=True, env=environment | {"PYTHONPATH": str(project)})


def made(project, *arguments):
    process = make(project, *arguments)
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def weights(project):
    return {path.parent.parent.name + "/" + path.parent.name:
            json.loads(path.read_text())["weights_sha256"]
            for path in sorted(project.glob("results/*/seed-*/manifest.json"))}


def test_help_is_the_default_and_lists_every_target(project):
    text = made(project)
    assert text == made(project, "help")
    phony = re.search(r"\.PHONY: (.*)", (project / "Makefile").read_text())[1].split()
    for target in set(phony) - {"FORCE"}:
        assert len(re.findall(rf"^  make {target} +\w", text, re.M)) == 1, target
    for variable in ("DATA", "SEEDS", "EPOCHS", "POLICY", "RESULTS", "REPORTS", "PYTHON"):
        assert re.search(rf"^  {variable} +.*\(default: \S+\)$", text, re.M), variable


def test_the_conda_environment_takes_the_place_of_venv(project):
    def planned(**environment):
        return subprocess.run(["make", "-n", "bench"], cwd=project, capture_output=True, text=True,
                              env={"PATH": os.environ["PATH"], **environment}).stdout
    assert "-m venv --clear .venv" in planned()
    assert ".venv/bin/python scripts/bench.py" in planned()
    assert "-m venv --clear .venv" in planned(CONDA_DEFAULT_ENV="base")
    assert planned(CONDA_DEFAULT_ENV="mnist-aug").startswith("python scripts/bench.py")


def test_report_and_what_makes_it_again(project):
    """In one test, because each step starts from the files of the one before."""
    first = made(project, "report", *ASKED)
    assert "train.py baseline" in first
    assert "train.py augmented" in first
    page = (project / "reports" / "index.html").read_bytes()
    trained = weights(project)
    assert list(trained) == ["augmented/seed-00", "baseline/seed-00"]

    assert made(project, "report", *ASKED).strip() == ""

    style = next((project / "mnist_aug" / "report" / "templates").glob("*.css"))
    style.write_text(style.read_text() + "\n/* changed */\n")
    again = made(project, "report", *ASKED)
    assert "report.py" in again
    assert "train.py" not in again
    assert "evaluate.py" not in again
    assert (project / "reports" / "index.html").read_bytes() != page

    more = made(project, "report", "DATA=digits", "SEEDS=2", "EPOCHS=1")
    assert "seed 01: training (not trained yet)" in more
    assert "seed 00: training" not in more
    assert weights(project).items() >= trained.items()

    policy = made(project, "report", "DATA=digits", "SEEDS=2", "EPOCHS=1", "POLICY=affine")
    assert "baseline: all runs are up to date" in policy
    assert policy.count("training (policy was default, now affine)") == 2
    now = weights(project)
    assert now["baseline/seed-00"] == trained["baseline/seed-00"]
    assert now["augmented/seed-00"] != trained["augmented/seed-00"]

    source = project / "mnist_aug" / "pipeline.py"
    source.write_text(source.read_text().replace("[seed, epoch]", "[seed, epoch + 1]"))
    changed = made(project, "baseline", "DATA=digits", "SEEDS=1", "EPOCHS=1")
    assert "seed 00: training (the training code has changed)" in changed
    assert weights(project)["baseline/seed-00"] != trained["baseline/seed-00"]


def test_missing_pieces_are_made_again(project):
    made(project, "report", *ASKED)
    before = weights(project)
    shutil.rmtree(project / "results" / "baseline" / "seed-00")
    assert "seed 00: training (not trained yet)" in made(project, "report", *ASKED)
    assert weights(project) == before
    (project / "results" / "augmented" / "metrics.csv").unlink()
    again = made(project, "report", *ASKED)
    assert "evaluate.py" in again
    assert "train.py" not in again


@pytest.mark.parametrize(("mistake", "words"), [
    ("DATA=nowhere", "data nowhere is no folder or file"),
    ("DATA=negative.npz", "give another RESULTS="),
    ("SEEDS=many", "--seeds: 'many' is no whole number"),
    ("POLICY=strong", "policy 'strong' is unknown"),
    ("DATA=two words", "without spaces"),
])
def test_a_mistake_is_one_line_and_costs_nothing(project, digits, mistake, words):
    if not (project / "negative.npz").exists():
        made(project, "report", *ASKED)
        np.savez(project / "negative.npz", x_train=255 - digits.x_train, y_train=digits.y_train,
                 x_test=255 - digits.x_test, y_test=digits.y_test)
    kept = {path: path.read_bytes() for path in [*project.glob("results/*/seed-*/*"),
                                                 *project.glob("results/*/metrics.csv"),
                                                 project / "reports" / "index.html"]}
    process = make(project, "report", *ASKED, mistake)
    assert process.returncode == 2
    assert "Traceback" not in process.stderr
    ours = [line for line in process.stderr.splitlines() if words in line]
    assert len(ours) == 1, process.stderr
    assert {path: path.read_bytes() for path in kept} == kept


def test_clean_targets_leave_the_reference(project):
    kept = ["results/reference/baseline/metrics.csv", "reports/reference/index.html",
            "results/other/seed-00/manifest.json"]
    gone = ["results/baseline/seed-00/manifest.json", "results/samples.npz", "reports/index.html",
            "reports/figures/seeds.svg"]
    for name in kept + gone:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).touch()
    made(project, "clean", "clean-results")
    left = {str(path.relative_to(project)) for folder in ("results", "reports")
            for path in (project / folder).rglob("*") if path.is_file()}
    assert left == set(kept)
