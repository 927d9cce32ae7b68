"""The whole way through the Makefile, in a copy of the project, on scikit-learn's digits."""

import json
import os
import re
import runpy
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import PROJECT
from processes import until
from project import (
    SMALL,
    copied,
    left_over,
    made,
    make,
    started,
    variables,
    weights,
)

from mnist_aug.data import dataset
from mnist_aug.report import drawing
from mnist_aug.train import pools

TARGETS = {
    *("help", "setup", "baseline", "augmented", "evaluate", "report", "ablation", "strength"),
    *(
        "grid",
        "leaderboard",
        "data-efficiency",
        "epochs",
        "variance",
        "compare",
        "study",
        "tune",
        "tuned",
        "published",
        "predict",
    ),
    *(
        "app",
        "serve",
        "notebook",
        "bench",
        "check",
        "test",
        "torture",
        "lint",
        "clean",
        "reference",
    ),
    *("clean-results", "data", "preview"),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The project before the first call; nothing but `reported` makes anything in it."""
    return copied(tmp_path_factory.mktemp("project"))


FEW = ["DATA=few.npz", "SEEDS=1", "EPOCHS=1"]
HANDS_OUT = """#!/bin/sh
# Takes the place of Python: gives what its scripts made before.
case $1 in
scripts/train.py) cp -R "$PREPARED/results" . ;;
scripts/report.py) cp -R "$PREPARED/reports" . ;;
esac
"""


@pytest.fixture(scope="module")
def reported(project, few, tmp_path_factory):
    """The project with its report made; tests that change anything take a copy.

    The scripts run in this process, with the same arguments, as another would start TensorFlow
    anew; make is given what they make.
    """
    prepared = tmp_path_factory.mktemp("prepared")
    for folder in (prepared, project):
        np.savez(folder / "few.npz", **{name: getattr(few, name) for name in dataset.NAMES})
    options = ["--data=few.npz", "--seeds=1", "--epochs=1"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pools, "in_parallel", lambda: 1)
        patch.setattr(drawing, "_svg", lambda *_: "<svg></svg>")
        patch.chdir(prepared)
        for name, *arguments in (["train", "baseline", "augmented", "--evaluate"], ["report"]):
            script = str(PROJECT / "scripts" / f"{name}.py")
            patch.setattr("sys.argv", [script, *arguments, *options])
            runpy.run_path(script, run_name="__main__")
    program = prepared / "python"
    program.write_text(HANDS_OUT)
    program.chmod(0o755)
    text = made(project, "report", *FEW, python=program, environment={"PREPARED": str(prepared)})
    assert planned(text) == ["train.py", "report.py"]
    assert left_over(project) == []
    return project


@pytest.fixture(scope="module")
def untouched(tmp_path_factory):
    """Another project, all of whose report make has made."""
    project = copied(tmp_path_factory.mktemp("untouched"))
    assert planned(made(project, "report", *SMALL)) == ["train.py", "report.py"]
    assert left_over(project) == []
    assert list(weights(project)) == ["augmented/seed-00", "baseline/seed-00"]
    return project


@pytest.fixture
def copy(untouched, tmp_path):
    return shutil.copytree(untouched, tmp_path / "copy")  # keeps the files' times


def planned(printed):
    """The scripts in what make prints, in their order."""
    return re.findall(r" scripts/(\w+\.py) ", printed)


def plan(project, *arguments):
    """The scripts that make would run."""
    return planned(made(project, "--dry-run", *arguments))


def content(project):
    """Every file of the project with its bytes and time."""
    return {
        path: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in project.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_help_is_the_default_and_lists_every_target(project):
    text = made(project)
    assert text == made(project, "help")
    assert set(re.findall(r"^  make ([a-z-]+) +\w", text, re.M)) == TARGETS
    (phony,) = re.findall(r"^\.PHONY: (.*)$", made(project, "--print-data-base", "help"), re.M)
    assert set(phony.split()) == TARGETS | {f"reference-{name}" for name in REBUILT}
    assert max(map(len, text.splitlines())) <= 100  # columns of a terminal
    headings = re.findall(r"\n\n([A-Z].*)\n  ", text)
    assert headings[0] == "Start here"
    assert len(headings) == len({*headings}) == 11
    for variable in ("DATA", "SEEDS", "EPOCHS", "POLICY", "RESULTS", "REPORTS", "PYTHON"):
        assert re.search(rf"^  {variable} +.*\(default: \S+\)$", text, re.M), variable


def test_the_conda_environment_takes_the_place_of_venv(project):
    def printed(**environment):
        return subprocess.run(
            ["make", "-n", "bench"],
            cwd=project,
            capture_output=True,
            text=True,
            env={"PATH": os.environ["PATH"], **environment},
        ).stdout

    assert "sh tools/setup.sh" in printed()
    assert ".venv/bin/python scripts/bench.py" in printed()
    assert "sh tools/setup.sh" in printed(CONDA_DEFAULT_ENV="base")
    assert printed(CONDA_DEFAULT_ENV="mnist-aug").startswith("python scripts/bench.py")


# What is made again -------------------------------------------------------------------------------


def test_a_second_report_does_nothing(reported):
    """Python's bytecode, which the first call may have left, is not taken for code."""
    for folder in ("analysis", "report"):
        cache = reported / "mnist_aug" / folder / "__pycache__"
        cache.mkdir(exist_ok=True)
        (cache / "module.cpython-311.pyc").touch()
    before, clock = content(reported), time.monotonic()
    again = made(reported, "report", *FEW)
    assert time.monotonic() - clock < 2  # 0.05 on a quiet machine
    assert again.strip() == "make: Nothing to be done for 'report'."
    assert content(reported) == before


ALL, PAGE, NOTHING = ["train.py", "report.py"], ["report.py"], []


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("SEEDS=2", ALL),
        ("EPOCHS=2", ALL),
        ("POLICY=affine", ALL),
        ("DATA=mnist", ALL),
        ("EXTRA=digits", ALL),
        ("MNIST_C=folder", ALL),
        ("TTA=8", ALL),
        ("MARGIN=0.5", PAGE),
        ("POLICIES=affine", NOTHING),
        ("RESULTS=others", ALL),
        ("REPORTS=others", PAGE),
        ("TRIALS=3", NOTHING),
        ("IMAGE=picture.png", NOTHING),
        ("ROW=small", NOTHING),
    ],
)
def test_a_changed_variable_makes_what_depends_on_it_again(reported, values, expected):
    assert plan(reported, "report", *FEW, values) == expected


def replaced(path, held):
    """Replace a file and no other that is linked to it."""
    path.unlink()
    path.write_bytes(held)


def append(path):
    replaced(path, path.read_bytes() + b"\n")


def rewrite(path):
    """Change one byte, and neither the file's size nor its time."""
    before = path.stat()
    replaced(path, path.read_bytes()[:-1] + b"?")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def create(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("new")


@pytest.mark.parametrize(
    ("expected", "change", "names"),
    [
        (PAGE, append, "mnist_aug/report/templates/*.css mnist_aug/report/templates/*.j2"),
        (PAGE, append, "mnist_aug/report/page.py scripts/report.py"),
        (ALL, append, "mnist_aug/analysis/metrics.py mnist_aug/evaluate/evaluation.py"),
        (ALL, append, "mnist_aug/train/trainer.py mnist_aug/augment/engine/warp.py"),
        (ALL, append, "mnist_aug/data/mnist/t10k* mnist_aug/errors.py scripts/train.py"),
        (NOTHING, append, "tools/speed.py scripts/tune.py pyproject.toml"),
        (ALL, rewrite, "results/*/metrics.csv results/*/evaluation.json results/*.json"),
        (ALL, rewrite, "results/baseline/seed-00/* results/*.npz"),
        (PAGE, rewrite, "reports/*.html reports/report.md reports/tables/* reports/figures/*"),
        (ALL, Path.unlink, "results/*/metrics.csv results/*/evaluation.json results/*.json"),
        (ALL, Path.unlink, "results/baseline/seed-00/* results/*.npz"),
        (PAGE, Path.unlink, "reports/*.html reports/report.md reports/tables/* reports/figures/*"),
        (ALL, shutil.rmtree, "results/augmented/seed-00 results/baseline results"),
        (PAGE, shutil.rmtree, "reports/figures reports/tables reports"),
        (PAGE, create, "results/bench.csv results/epochs/baseline-long/metrics.csv"),
        (PAGE, create, "results/published/small/metrics.csv reports/tables/own.csv"),
        (NOTHING, create, "results/tune/journal.log results/reference/a/x.csv reports/other/x.svg"),
    ],
)
def test_what_is_changed_or_removed_is_made_again(reported, tmp_path, expected, change, names):
    for name in names.split():
        path = max(reported.glob(name), default=reported / name)
        linked = tmp_path / "linked"
        shutil.copytree(reported, linked, copy_function=os.link)
        change(linked / path.relative_to(reported))
        assert plan(linked, "report", *FEW) == expected, path
        shutil.rmtree(linked)


@pytest.mark.parametrize(
    ("variable", "name", "file"),
    [
        pytest.param("DATA", "own.npz", "own.npz", marks=pytest.mark.torture),
        ("DATA", "idx folder", "idx folder/train-labels-idx1-ubyte"),
        pytest.param("DATA", "own/train.csv", "own/test.csv", marks=pytest.mark.torture),
        ("DATA", "pictures", "pictures/data/train/a cat/1.JPEG"),
        ("DATA", "pictures", "pictures/a/b/c/d/e/train/a cat/1.JPEG"),
        ("DATA", "pictures", "pictures/train/r/1.JPEG"),  # a class called as the results' folder
        ("DATA", ".hidden", ".hidden/a cat/1.JPEG"),
        pytest.param(
            "DATA",
            "all/emnist-letters",
            "all/emnist-letters-test-images-idx3-ubyte.gz",
            marks=pytest.mark.torture,
        ),
        ("POLICY", "-own.yaml", "-own.yaml"),
        ("POLICY", "-own.yaml+mixup:0.2", "-own.yaml"),
        ("POLICY", "my own+a*.yaml", "my own+a*.yaml"),
        pytest.param("POLICY", "own.json", "own.json", marks=pytest.mark.torture),
        ("EXTRA", "own.npz", "own.npz"),
        ("MNIST_C", "published", "published/fog/test_images.npy"),
        ("MODEL", "nets/net.py:build", "nets/blocks/block.py"),
        ("MODEL", "nets/net.py:build", "nets/net.json"),
    ],
)
def test_a_changed_file_of_data_makes_all_again(project, tmp_path, variable, name, file):
    """Nothing is run here: make itself sees that the file isn't what it was."""
    for path, given in ((project / file, name), (tmp_path / file, tmp_path / name)):
        create(path)
        call = ("report", f"{variable}={given}", f"RESULTS={tmp_path}/r", f"REPORTS={tmp_path}/p")
        made(project, *call, python="true")
        assert plan(project, *call) == NOTHING
        rewrite(path)
        assert plan(project, *call) == ALL


HARD = "it's (ü) #1; $(touch y) %s\\\"~"


@pytest.mark.torture
def test_a_study_more_seeds_and_another_policy_whatever_folders_are_called(copy):
    """make calls itself for the report, and only what is missing or wanted otherwise is trained."""
    import albumentations  # here, as it takes long

    from mnist_aug.augment import policy as policies

    trained, trainer = weights(copy), copy / "mnist_aug" / "train" / "trainer.py"
    trainer.write_text(f"# a comment changes no run\n{trainer.read_text()}")
    (copy / "results").rename(copy / HARD)
    policy = copy / f"{HARD}.yaml"
    albumentations.save(policies.load("affine").pipeline, policy, data_format="yaml")
    call = ["DATA=digits", "SEEDS=2", "EPOCHS=1", f"POLICY={policy.name}"]
    call += [f"RESULTS={HARD}", f"REPORTS=-{HARD}"]
    text = made(copy, "epochs", *call)
    assert planned(text) == ["study.py", *ALL]
    reasons = dict(
        re.findall(r"^(\S+, seed \d+): .* trained in .*? s \((new|policy was \w+)", text, re.M)
    )
    assert reasons == {
        "baseline-long, seed 00": "new",
        "baseline-long, seed 01": "new",
        "augmented-long, seed 00": "new",
        "augmented-long, seed 01": "new",
        "baseline, seed 01": "new",
        "augmented, seed 00": "policy was default",
        "augmented, seed 01": "new",
    }
    (kept,) = (copy / HARD).glob("baseline/seed-00/manifest.json")
    assert json.loads(kept.read_text())["weights_sha256"] == trained["baseline/seed-00"]
    page = (copy / f"-{HARD}" / "report.md").read_text()
    assert "(2 seeds, " in page
    assert "Longer training" in page
    assert "With 7 epochs instead of 1, test accuracy changes by" in page
    assert plan(copy, "report", *call) == NOTHING
    assert not [*copy.rglob("y")]


@pytest.mark.torture
def test_policies_are_compared_and_what_is_there_is_not_trained_again(copy):
    call = [*SMALL, "POLICIES=affine mixup:0.2 'my own.yaml'"]
    (copy / "my own.yaml").write_text("mixup: {alpha: 0.4}\npipeline: rotate\n")
    text = made(copy, "compare", *call)
    assert planned(text) == ["study.py", "report.py"]
    assert "training 3 runs" in text
    page = (copy / "reports" / "report.md").read_text()
    for name in ("affine", "mixup:0.2", "my own.yaml"):
        assert name in page
    more = made(copy, "compare", *SMALL, "POLICIES=affine cutmix")
    assert "affine: all runs are up to date" in more
    assert "training 1 run:" in more
    refused = make(copy, "compare", *SMALL, "POLICIES=affine mixdown")
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: policy 'mixdown'")
    assert plan(copy, "report", *SMALL) == NOTHING


@pytest.mark.torture  # the plan of both is tested above, and training by itself elsewhere
@pytest.mark.parametrize("changed", ["POLICY=affine", "EPOCHS=2"])
def test_a_changed_setting_goes_the_whole_way(copy, changed):
    trained = weights(copy)
    again = made(copy, "report", *SMALL, changed)
    if changed == "POLICY=affine":
        assert "baseline: all runs are up to date" in again
        assert "(policy was default, now affine)" in again
        trained = {name: digest for name, digest in trained.items() if "augmented" in name}
    assert planned(again) == ALL
    assert not {*trained.items()} & {*weights(copy).items()}
    assert plan(copy, "report", *SMALL, changed) == NOTHING


# Mistakes and odd values --------------------------------------------------------------------------


def test_a_mistake_is_one_line_and_costs_nothing(reported, digits, tmp_path):
    negative = tmp_path / "negative.npz"
    np.savez(
        negative,
        x_train=255 - digits.x_train,
        y_train=digits.y_train,
        x_test=255 - digits.x_test,
        y_test=digits.y_test,
    )
    before = content(reported)
    for values, words in (
        (["SEEDS=7", "MARGIN=0,2"], "'0,2' is not a number of percentage points"),
        ([f"DATA={negative}"], "give another RESULTS="),
        (["RESULTS=."], "give a folder of its own"),
        (["REPORTS=results"], "give each its own"),
    ):
        process = make(reported, "report", *FEW, *values)
        assert process.returncode == 2, values
        first, *others = process.stderr.splitlines()
        assert first.startswith("error: "), values
        assert words in first
        assert [line.split(":")[0] for line in others] == ["make"], values
        after = content(reported)
        new = {path for path in after if path not in before}
        assert new <= {*reported.glob(".make/*.begun"), *reported.glob(".make/said.*")}
        assert after.items() >= {k: v for k, v in before.items() if k.suffix != ".begun"}.items()
        assert plan(reported, "report", *FEW) == NOTHING, values


@pytest.mark.parametrize("python", ["$(touch y)", "touch y", "nowhere", "false", "-c"])
def test_a_python_that_cannot_be_used_is_one_line(tmp_path, python):
    process = make(copied(tmp_path), "setup", "READY=.venv/ready", f"PYTHON={python}")
    first, *others = process.stderr.splitlines()
    assert first == f"error: {python} is not Python 3.10 to 3.13: give PYTHON=..."
    assert [line.split(":")[0] for line in others] == ["make"]
    assert process.returncode == 2
    assert not [*tmp_path.glob("y"), *tmp_path.glob(".venv")]


def test_a_dry_run_makes_nothing(tmp_path):
    fresh = copied(tmp_path)
    before = content(fresh)
    for target in ("report", "epochs", "published", "clean", "clean-results"):
        made(fresh, "--dry-run", target, *SMALL)
    assert content(fresh) == before


RECORDER = """#!/bin/sh
# Takes the place of Python: writes down what it is called with, and makes something.
printf '%s\\0' $# "$@" >> "$RECORD"
case $* in *--evaluate*)
  mkdir -p -- "$RESULTS/baseline" && echo new > "$RESULTS/baseline/metrics.csv" || : ;;
esac
"""


@pytest.fixture
def recorder(tmp_path):
    """Calls make with something in place of Python; returns the arguments of each call of that."""
    program, record = tmp_path / "recorder", tmp_path / "record"
    program.write_text(RECORDER)
    program.chmod(0o755)

    def call(project, *arguments, **environment):
        record.write_bytes(b"")
        made(project, *arguments, python=program, environment={"RECORD": record, **environment})
        words = record.read_bytes().decode(errors="surrogateescape").split("\0")[:-1]
        calls = []
        while words:
            count = int(words.pop(0))
            calls.append(words[:count])
            words = words[count:]
        return calls

    return call


VALUES = [  # for make's variables; `y` would be there if make or a shell ran any
    *("$(touch y)", "$(shell touch y)", "`touch y`", "a;touch y", "a\n\ttouch y", "';touch y;'"),
    *("-delete", "--results=x", "-", "(a#b", "a\\", "'", "$", '"', "\udcff", "trailing "),
]
MORE = [
    *(
        "two words",
        "a'b",
        'a"b',
        "a\\b",
        "\\'",
        "(a",
        "b)",
        "a#b",
        "a:b=c",
        "a,b",
        "{a,b}",
        "*",
        "?",
    ),
    *(
        "[a]",
        "~",
        "%.c",
        "$$",
        "$a",
        "$@",
        "${HOME}",
        "!!",
        "Übung/ß",
        "-x",
        "tab\tbed",
        "9" * 5_000,
    ),
    *("$$(touch y)", "a;touch\ty", "a|touch y", "a&touch y", "a\ntouch y", '";touch y;"', "a>y"),
    *("a${IFS}y", "$(eval y:;touch y)", HARD),
]


@pytest.mark.parametrize(
    ("tried", "given"),
    [
        (VALUES[::3], "in the call"),
        (VALUES[1::3], "in the environment"),
        *(
            pytest.param(VALUES + MORE, given, marks=pytest.mark.torture)
            for given in ("in the call", "in the environment")
        ),
    ],
)
def test_values_are_taken_as_they_are_and_nothing_in_them_is_run(
    tmp_path, recorder, tried, given, counted
):
    fresh = tmp_path / "project"
    fresh.mkdir()
    copied(fresh)
    names = [name for name in variables() if name not in ("PYTHON", "DEVICE", "TENSORBOARD")]
    for value in tried:
        values = dict.fromkeys(names, value)
        options = [
            f"--{name}={value}"
            for name in ("data", "transpose", "seeds", "epochs", "policy", "model")
        ] + [f"--results={value}", f"--reports={value}", f"--margin={value}"]
        scheduler = f"--scheduler={value}"
        both = ["scripts/train.py", "baseline", "augmented", "--evaluate", *options]
        report = [
            [*both, f"--extra={value}", f"--mnist-c={value}", f"--tta={value}", scheduler],
            ["scripts/report.py", *options],
        ]
        targets = ["epochs", "tune", "published", "predict", "leaderboard", "serve"]
        if given == "in the call":
            targets += [f"{name}={value}" for name in values]
            values = {}
        called = recorder(fresh, *targets, **values)
        tuning = [f"--{name.lower()}={value}" for name in ("TRIALS", "SEARCH", "STORAGE")]
        expected = [
            [
                *("scripts/study.py", "epochs", *options, scheduler),
                *(f"--policies={value}", f"--extra={value}"),
            ],
            *report,
            ["scripts/tune.py", *options, *tuning, scheduler],
            [
                "scripts/published.py",
                *(f"--{name.lower()}={value}" for name in ("DATA", "TRANSPOSE", "RESULTS", "ROW")),
                scheduler,
            ],
            ["scripts/predict.py", f"--results={value}", "--", value],
            ["scripts/leaderboard.py", *options],
            ["-m", "http.server", "--bind", "127.0.0.1", f"--directory={value}", "8000"],
        ]
        if "\n" in value:  # make loses line breaks as it looks whether these are there
            called = [one for number, one in enumerate(called) if one not in called[:number]]
        assert called == expected, value
        assert not [*fresh.rglob("y"), *tmp_path.glob("y")], value
    counted("values of make's variables tried", len(tried) * len(names))


@pytest.mark.parametrize("value", ["1", "0", "yes"])
def test_tensorboard_reaches_the_script_as_it_is_given(tmp_path, recorder, value):
    fresh = tmp_path / "project"
    fresh.mkdir()
    called = recorder(copied(fresh), "baseline", "published", f"TENSORBOARD={value}")
    assert [one[0] for one in called] == [
        *("scripts/train.py", "scripts/published.py", "scripts/train.py", "scripts/report.py")
    ]
    for one in called[:3]:
        assert one[-1] == f"--tensorboard={value}"


# Makes at once ------------------------------------------------------------------------------------

SLOW = """#!/bin/sh
# Takes the place of Python: begins, and ends when it is let.
case $* in *--evaluate*)
  touch "begun $SEEDS"
  while [ ! -e "go $SEEDS" ]; do sleep 0.01; done
  mkdir -p results/baseline && echo "$SEEDS" > results/baseline/metrics.csv ;;
esac
"""


@pytest.mark.parametrize("ending_first", [1, 2])
def test_two_makes_at_once_with_other_settings(tmp_path, ending_first):
    """What one has made is not taken for up to date where the other has changed it since."""
    fresh, program = copied(tmp_path), tmp_path / "slow"
    program.write_text(SLOW)
    program.chmod(0o755)
    calls = {}
    for seeds in (1, 2):
        calls[seeds] = started(fresh, "evaluate", f"SEEDS={seeds}", python=program)
        until((fresh / f"begun {seeds}").exists)
    for seeds in (ending_first, 3 - ending_first):
        (fresh / f"go {seeds}").touch()
        calls[seeds].communicate()
        assert calls[seeds].returncode == 0
    plans = {seeds: plan(fresh, "evaluate", f"SEEDS={seeds}") for seeds in calls}
    if ending_first == 1:  # as where the second waits for the first
        assert plans == {1: ["train.py"], 2: []}
    else:
        assert plans == {1: ["train.py"], 2: ["train.py"]}


def test_two_makes_at_once_with_the_same_settings(tmp_path):
    fresh, program = copied(tmp_path), tmp_path / "slow"
    program.write_text(SLOW)
    program.chmod(0o755)
    calls = [started(fresh, "report", "SEEDS=3", python=program) for _ in range(2)]
    (fresh / "go 3").touch()
    for call in calls:
        _, said = call.communicate()
        assert (call.returncode, said) == (0, "")
    assert plan(fresh, "report", "SEEDS=3") == []


# Cleaning -----------------------------------------------------------------------------------------


def test_clean_targets_leave_the_reference(tmp_path):
    fresh = copied(tmp_path)
    kept = [
        "results/reference/mnist/baseline/metrics.csv",
        "reports/reference/mnist/index.html",
        "results/other/seed-00/manifest.json",
    ]
    gone = [
        "results/baseline/seed-00/manifest.json",
        "results/epochs/baseline-long/seed-00/manifest.json",
        "results/samples.npz",
        "results/doubts.npz",
        "results/.lock",
        "reports/index.html",
        "reports/figures/seeds.svg",
        "reports/leaderboard.md",
        "reports/leaderboard.tex",
        "reports/.lock",
    ]
    for name in kept + gone:
        create(fresh / name)
    made(fresh, "clean", "clean-results")
    left = {
        str(path.relative_to(fresh))
        for folder in ("results", "reports")
        for path in (fresh / folder).rglob("*")
        if path.is_file()
    }
    assert left == set(kept)
    for name in gone:
        create(fresh / "-odd $(touch y)" / name)
    made(fresh, "clean", "clean-results", *(f"{n}=-odd $(touch y)/{n.lower()}" for n in PLACES))
    assert not [path for path in (fresh / "-odd $(touch y)").rglob("*") if path.is_file()]
    for target, name in (("clean", "REPORTS"), ("clean-results", "RESULTS")):
        process = make(fresh, target, f"{name}=")  # not the root's folders of these names
        assert process.returncode == 2


PLACES = ("RESULTS", "REPORTS")


def test_what_is_cleaned_is_made_again_by_the_same_call(tmp_path):
    fresh = copied(tmp_path)
    create(fresh / "results" / "baseline" / "metrics.csv")
    create(fresh / "reports" / "index.html")
    made(fresh, "report", python="true")
    assert plan(fresh, "report") == []
    assert planned(made(fresh, "clean", "report", python="true")) == PAGE
    assert planned(made(fresh, "clean-results", "report", python="true")) == ALL


# The reference ------------------------------------------------------------------------------------


def test_the_reference_is_rebuilt_in_a_folder_for_each_dataset_and_model(tmp_path, recorder):
    fresh = copied(tmp_path)
    calls = recorder(fresh, "reference", "RESULTS=a b", "FASHION=c d", "SCHEDULER=tcp://e:1")
    into = {name: [f"--results=a b/{name}", f"--reports=reports/{name}"] for name in REBUILT}
    assert [own[:1] for own in calls if own[0] == "scripts/report.py"] == [
        ["scripts/report.py"]
    ] * 4
    for name, options in into.items():
        own = [call for call in calls if {*options} <= {*call}]
        assert own[0][:4] == ["scripts/train.py", "baseline", "augmented", "--evaluate"]
        assert own[-1][0] == "scripts/report.py"
        for call in own:
            trains = call[0] not in ("scripts/report.py", "scripts/bench.py")
            assert ("--scheduler=tcp://e:1" in call) == trains
            if trains:
                assert ("--data=c d" in call) == name.startswith("fashion")
                assert ("--model=cnn" in call) == name.endswith("cnn")
    first = [call for call in calls if {*into["mnist"]} <= {*call}]
    assert [call[0].removeprefix("scripts/") for call in first] == [
        *("train.py", "study.py", "tune.py", "study.py", "published.py", "bench.py", "report.py"),
    ]
    assert len(calls) == len(first) + 3 * 3


REBUILT = ("mnist", "mnist-cnn", "fashion-mnist", "fashion-mnist-cnn")


def test_a_check_trains_what_is_missing_unless_the_reference_was_rebuilt(tmp_path, recorder):
    fresh = copied(tmp_path)
    assert [call[0] for call in recorder(fresh, "check")] == [
        "scripts/train.py",
        "scripts/check.py",
    ]
    (fresh / "results/mnist/baseline").mkdir(parents=True)
    assert [call[0] for call in recorder(fresh, "check")] == ["scripts/check.py"]
