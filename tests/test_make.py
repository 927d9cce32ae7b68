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
    makefile = (project / "Makefile").read_text()
    studies = re.search(r"^STUDIES := (.*)$", makefile, re.M)[1]
    phony = re.search(r"\.PHONY: ((?:.*\\\n)*.*)", makefile)[1].replace("\\\n", " ")
    for target in {*phony.replace("$(STUDIES)", studies).split()} - {"FORCE"}:
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


@pytest.fixture(scope="module")
def reported(project):
    """The project with its report made; tests that change anything take a copy."""
    first = made(project, "report", *ASKED)
    assert "train.py baseline" in first
    assert "train.py augmented" in first
    assert list(weights(project)) == ["augmented/seed-00", "baseline/seed-00"]
    return project


@pytest.fixture
def copy(reported, tmp_path):
    return shutil.copytree(reported, tmp_path / "copy")  # keeps the files' times


def test_a_second_report_does_nothing(reported):
    assert made(reported, "report", *ASKED).strip() == ""


def test_a_changed_style_sheet_rebuilds_the_report_alone(copy):
    page = (copy / "reports" / "index.html").read_bytes()
    style = next((copy / "mnist_aug" / "report" / "templates").glob("*.css"))
    style.write_text(style.read_text() + "\n/* changed */\n")
    again = made(copy, "report", *ASKED)
    assert "report.py" in again
    assert "train.py" not in again
    assert "evaluate.py" not in again
    assert (copy / "reports" / "index.html").read_bytes() != page


def test_more_seeds_train_the_missing_ones_alone(copy):
    trained = weights(copy)
    more = made(copy, "baseline", "DATA=digits", "SEEDS=2", "EPOCHS=1")
    assert "seed 01: training (not trained yet)" in more
    assert "seed 00: training" not in more
    assert weights(copy).items() >= trained.items()


def test_another_policy_trains_the_augmented_arm_alone(copy):
    trained = weights(copy)
    again = made(copy, "report", *ASKED, "POLICY=affine")
    assert "baseline: all runs are up to date" in again
    assert "seed 00: training (policy was default, now affine)" in again
    assert "evaluate.py" in again
    assert "report.py" in again
    assert weights(copy)["baseline/seed-00"] == trained["baseline/seed-00"]
    assert weights(copy)["augmented/seed-00"] != trained["augmented/seed-00"]


def test_a_study_adds_its_section_and_leaves_the_arms(copy):
    trained = weights(copy)
    again = made(copy, "epochs", *ASKED)
    assert again.count(": training (") == 2
    assert "train.py" not in again
    assert weights(copy) == trained
    page = (copy / "reports" / "report.md").read_text()
    assert "What longer training changes" in page
    assert "7 epochs instead of 1 change accuracy" in page
    assert made(copy, "report", *ASKED).strip() == ""


def test_changed_training_code_trains_again(copy):
    trained = weights(copy)
    source = copy / "mnist_aug" / "pipeline.py"
    source.write_text(source.read_text().replace("[seed, epoch]", "[seed, epoch + 1]"))
    changed = made(copy, "baseline", *ASKED)
    assert "seed 00: training (the training code has changed)" in changed
    assert weights(copy)["baseline/seed-00"] != trained["baseline/seed-00"]


def test_missing_pieces_are_made_again(copy):
    trained = weights(copy)
    shutil.rmtree(copy / "results" / "baseline" / "seed-00")
    (copy / "results" / "augmented" / "metrics.csv").unlink()
    again = made(copy, "report", *ASKED)
    assert "seed 00: training (not trained yet)" in again
    assert again.count("training (") == 1
    assert "evaluate.py" in again
    assert weights(copy) == trained


@pytest.mark.parametrize(("mistake", "words"), [
    ("DATA=nowhere", "data nowhere is no folder or file"),
    ("DATA=negative.npz", "give another RESULTS="),
    ("SEEDS=many", "--seeds: 'many' is no whole number"),
    ("POLICY=strong", "policy 'strong' is unknown"),
    ("DATA=two words", "without spaces"),
])
def test_a_mistake_is_one_line_and_costs_nothing(copy, digits, mistake, words):
    if "negative" in mistake:
        np.savez(copy / "negative.npz", x_train=255 - digits.x_train, y_train=digits.y_train,
                 x_test=255 - digits.x_test, y_test=digits.y_test)
    kept = {path: path.read_bytes() for path in [*copy.glob("results/*/seed-*/*"),
                                                 *copy.glob("results/*/metrics.csv"),
                                                 copy / "reports" / "index.html"]}
    process = make(copy, "report", *ASKED, mistake)
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
