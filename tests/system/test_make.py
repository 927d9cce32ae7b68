"""The whole way through the Makefile, in a copy of the project, on scikit-learn's digits."""

import os
import re
import shutil
import subprocess

import numpy as np
import pytest
from project import (
    ASKED,
    appears,
    copied,
    killed,
    left_over,
    made,
    make,
    outcome,
    started,
    weights,
)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return copied(tmp_path_factory.mktemp("project"))


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
        return subprocess.run(
            ["make", "-n", "bench"],
            cwd=project,
            capture_output=True,
            text=True,
            env={"PATH": os.environ["PATH"], **environment},
        ).stdout

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


@pytest.mark.torture  # test_training.py has the same of a run's settings, without make
def test_another_policy_trains_the_augmented_arm_alone(copy):
    trained = weights(copy)
    again = made(copy, "report", *ASKED, "POLICY=affine")
    assert "baseline: all runs are up to date" in again
    assert "(policy was default, now affine)" in again
    assert "evaluate.py" in again
    assert "report.py" in again
    assert weights(copy)["baseline/seed-00"] == trained["baseline/seed-00"]
    assert weights(copy)["augmented/seed-00"] != trained["augmented/seed-00"]


def test_a_study_adds_its_section_and_leaves_the_arms(copy):
    trained = weights(copy)
    again = made(copy, "epochs", *ASKED)
    assert again.count(": trained in") == 2
    assert "train.py" not in again
    assert weights(copy) == trained
    page = (copy / "reports" / "report.md").read_text()
    assert "What longer training changes" in page
    assert "7 epochs instead of 1 change accuracy" in page
    assert made(copy, "report", *ASKED).strip() == ""


def test_changed_training_code_and_more_seeds_train(copy):
    trained = weights(copy)
    source = copy / "mnist_aug" / "pipeline.py"
    source.write_text(source.read_text().replace("[seed, epoch]", "[seed, epoch + 1]"))
    asked = "DATA=digits", "SEEDS=2", "EPOCHS=1"
    out = made(copy, "baseline", *asked)
    assert weights(copy)["augmented/seed-00"] == trained["augmented/seed-00"]
    out += made(copy, "report", *asked)
    for arm in ("baseline", "augmented"):
        assert re.search(rf"{arm}, seed 00: trained in .* \(the training code has changed\)", out)
        assert re.search(rf"{arm}, seed 01: trained in .* \(not trained yet\)", out)
        assert weights(copy)[f"{arm}/seed-00"] != trained[f"{arm}/seed-00"]
    assert "n = 2 seeds" in (copy / "reports" / "report.md").read_text()


def test_a_killed_report_is_made_whole_by_the_next_call(copy, counted):
    """test_faults.py has more of these."""
    expected = outcome(copy)
    for path in [
        copy / "reports",
        *copy.glob("results/*.npz"),
        *copy.glob("results/*/metrics.csv"),
        *copy.glob("results/*/*/*.npz"),
    ]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    scores = copy / "results" / "augmented" / "metrics.csv"
    process = started(copy, "report", *ASKED, start_new_session=True)
    stage = killed(process, lambda: appears(scores))
    made(copy, "report", *ASKED)
    assert outcome(copy) == expected
    assert left_over(copy) == []
    counted(
        "`make report` killed while it evaluates, made whole by the next call",
        stage == "evaluate.py",
    )  # on a busy machine that may be missed


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        ("DATA=nowhere", "data nowhere is neither a folder nor a file"),
        ("DATA=negative.npz", "give another RESULTS="),
        ("SEEDS=many", "SEEDS=many is no whole number from 1 to 9999"),
        ("POLICY=strong", "policy 'strong' is unknown"),
        ("DATA=two words", "without spaces"),
    ],
)
def test_a_mistake_is_one_line_and_costs_nothing(copy, digits, mistake, words):
    if "negative" in mistake:
        np.savez(
            copy / "negative.npz",
            x_train=255 - digits.x_train,
            y_train=digits.y_train,
            x_test=255 - digits.x_test,
            y_test=digits.y_test,
        )
    kept = {
        path: path.read_bytes()
        for path in [
            *copy.glob("results/*/seed-*/*"),
            *copy.glob("results/*/metrics.csv"),
            copy / "reports" / "index.html",
        ]
    }
    process = make(copy, "report", *ASKED, mistake)
    assert process.returncode == 2
    assert "Traceback" not in process.stderr
    ours = [line for line in process.stderr.splitlines() if words in line]
    assert len(ours) == 1, process.stderr
    assert {path: path.read_bytes() for path in kept} == kept


BAD_VALUES = {  # for make's variables; `y` would be there if the shell or make ran any
    "SEEDS": [
        "",
        "0",
        "000",
        "-1",
        "1e3",
        "1 2",
        "many",
        "٣",
        "10000",
        "9" * 5_000,
        "$(touch y)",
        "1;touch y",
    ],
    "EPOCHS": ["", "0", "1.5", "1|touch y"],
    "TRIALS": ["", "0", "all", "`touch y`"],
    "DATA": [
        "",
        "two words",
        "x;touch y",
        "x;touch\ty",
        "`touch y`",
        "$(shell touch y)",
        "$(touch y)",
        "${IFS}",
        "a'b",
        'a"b',
        "a\\b",
        "a|b",
        "a&b",
        "a>y",
        "a<b",
        "a#b",
        "a*",
        "a?",
        "{a,b}",
        "(a)",
        "-x",
    ],
    "POLICY": ["", "x;touch y", "$(shell touch y)", "-x"],
    "RESULTS": [
        "",
        ".",
        "..",
        "/",
        "./",
        "-rf",
        "x;touch y",
        "x;touch${IFS}y",
        "$(shell touch y)",
        "$$(touch y)",
        "`touch y`",
        "a:b",
        "a%b",
        "a=b",
        "~",
        "a[b]",
        "reports",
        "./reports/",
        "x\ny",
    ],
    "REPORTS": ["", ".", "/", "a'b", "a$b", "a;b", "results"],
    "EXTRA": ["a b", "a;touch y", "$(shell touch y)"],
    "MNIST_C": ["a b", "a;touch y"],
    "IMAGE": ["a;touch y", "$(shell touch y)"],
    "SEARCH": ["", "a b", "a;touch y"],
    "ROW": ["a b", "a;touch y"],
    "SCHEDULER": ["a b", "a;touch y", "-x"],
    "STORAGE": ["a b", "a';touch y;'", "$(shell touch y)"],
    "TENSORBOARD": ["1;touch y"],
    "PYTHON": ["touch y", "x;touch y"],
}


def test_values_that_the_shell_could_misread_are_refused(tmp_path, counted):
    project = copied(tmp_path)
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    calls = [("report", name, value) for name, values in BAD_VALUES.items() for value in values]
    calls += [("clean-results", "RESULTS", value) for value in BAD_VALUES["RESULTS"]]
    for target, name, value in calls:
        process = make(project, target, f"{name}={value}")
        case = target, name, value, process.stderr
        assert process.returncode == 2, case
        assert len(process.stderr.splitlines()) == 1, case
        assert name in process.stderr, case
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before
    counted("values of make's variables tried", len(calls))


def test_usual_values_are_not_refused(project):
    for values in (
        ["SEEDS=9999", "EPOCHS=007"],
        ["DATA=~/Übung/mnist-1,2_a@b+c.npz"],
        ["RESULTS=../a/b.c", "REPORTS=/tmp/Bericht-ä"],
        ["IMAGE=a.png b.png"],
        ["STORAGE=mysql://me:word@host:3306/search?charset=utf8&x=(y)"],
        ["SCHEDULER=tcp://[::1]:8786", "ROW=small,lecun", "PYTHON=/usr/bin/python3"],
    ):
        assert "train.py" in made(project, "--dry-run", "report", *values)


def test_clean_targets_leave_the_reference(project):
    kept = [
        "results/reference/baseline/metrics.csv",
        "reports/reference/index.html",
        "results/other/seed-00/manifest.json",
    ]
    gone = [
        "results/baseline/seed-00/manifest.json",
        "results/samples.npz",
        "reports/index.html",
        "reports/figures/seeds.svg",
    ]
    for name in kept + gone:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).touch()
    made(project, "clean", "clean-results")
    left = {
        str(path.relative_to(project))
        for folder in ("results", "reports")
        for path in (project / folder).rglob("*")
        if path.is_file()
    }
    assert left == set(kept)
