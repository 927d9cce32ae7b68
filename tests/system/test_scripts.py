"""What every script does with wrong arguments: one line, exit code 2, nothing written."""

import os
import runpy
import signal
import subprocess
import sys
import warnings

import albumentations as A
import numpy as np
import pytest
from conftest import PATIENCE, PROJECT
from PIL import Image
from processes import start_training, until
from project import on_one_core

from mnist_aug import provenance, vectorize
from mnist_aug.errors import one_line_errors
from mnist_aug.results import files, runs

SCRIPTS = ("train", "evaluate", "study", "tune", "report", "leaderboard", "bench", "check")


@pytest.mark.parametrize("name", SCRIPTS)
def test_help_names_the_shared_options(called, name):
    process = called(name, "--help")
    assert process.returncode == 0
    for option in (
        "--data",
        "--seeds",
        "--epochs",
        "--policy",
        "--model",
        "--results",
        "--reports",
    ):
        assert option in process.stdout


@pytest.mark.parametrize(
    ("device", "words"),
    [
        pytest.param("gpu", "DEVICE is gpu, and TensorFlow finds none", marks=pytest.mark.torture),
        ("tpu", "is 'tpu'"),
    ],
)
def test_a_device_that_is_not_there(script, fails_in_one_line, tmp_path, device, words):
    with on_one_core():
        options = {"DEVICE": device, "CUDA_VISIBLE_DEVICES": ""}
        process = script("train", "baseline", "--data=digits", "--epochs=1", **options)
    fails_in_one_line(process, words)
    assert not any(tmp_path.iterdir())


# Values that must be refused, by option; every script that has the option is given them.
WRONG = {
    "--seeds": [
        "0",
        "-1",
        "",
        " ",
        "many",
        "1.5",
        "1e3",
        "0x10",
        "٣",
        "²",
        "1 2",
        "99999999999999999999",
        "9" * 5_000,
        "10000",
        "nan",
        "None",
    ],
    "--epochs": ["0", "-5", "", "1e9", "1_000", "inf", "99999999999999999999"],
    "--trials": ["0", "-1", "", "all", "1e3", "10000"],
    "--repeats": ["0", "", "seven", "99999"],
    "--results": [
        "",
        " ",
        "file",
        "file/inside",
        "x" * 5_000,
        "circle",
        "reports",
        "./reports/",
        "\udcff",
    ],
    "--reports": ["", "file", "results", "../here/results", "circle"],
    "--reference": ["", "file", "file/inside"],
    "--scheduler": [
        "",
        "nonsense",
        "tcp://",
        "host",
        "host:",
        "host:port",
        "tcp://a b:1",
        "://:1",
        "tcp://host:8786/;x",
    ],
    "--sed": ["3"],
    "--seed": ["3"],
    "--data=": [""],
    "--policy=": [""],
    "--data": [""],
    "--policy": [""],
    "--model=": [""],
    "--model": [""],
    "--extra": [""],
    "--mnist-c": [""],
    "--tta": ["0", "-1", "", "abc", "8.0", "101", "10000", "9" * 5_000, "٣"],
    "--row": [""],
    "--search": [""],
    "--storage": [""],
    "--figure": [""],
    "--variant": [""],
    "--json=1": ["x"],
    "--check=1": ["x"],
    "--tensorboard=1": ["x"],
    "--": ["\udcff"],
}
NEEDED = {"train": ["baseline"], "study": ["epochs"], "predict": ["picture.png"]}
# What each script refuses beside these, and words of what it says.
MISTAKES = [
    ("study", [], "STUDY"),
    ("predict", [], "IMAGE"),
    ("train", ["baseline", "best", "--evaluate"], "variant 'best' is unknown"),
    ("train", ["--extra", "nowhere", "--evaluate"], "nowhere is neither a folder nor a file"),
    ("train", ["--mnist-c", "nowhere", "--evaluate"], "nowhere"),
    ("train", ["--tta", "101", "--evaluate"], "--tta: '101' is not a whole number from 1 to 100"),
    ("train", ["baseline", "--tta=8", "--evaluate"], "baseline has none: evaluate augmented"),
    ("train", ["--tta=8", "--policy=mixup", "--evaluate"], "mixup changes none by itself"),
    ("study", ["epochs", "best"], "study 'best' is unknown: use one of ablation"),
    ("study", ["epochs", "ablation", "--policy", "affine"], "leave POLICY="),
    ("train", ["best"], "variant 'best' is unknown"),
    ("train", ["BASELINE"], "variant 'BASELINE' is unknown"),
    ("train", ["../baseline"], "variant '../baseline' is unknown"),
    ("train", ["augmented", "--policy", "x.yaml"], "x.yaml can't be read"),
    ("train", ["augmented", "--policy", "../x.json"], "../x.json can't be read"),
    ("train", ["augmented", "--policy", "folder.yaml"], "not a regular file"),
    ("train", ["augmented", "--policy", "pipe.yaml"], "not a regular file"),
    ("train", ["augmented", "--policy", "strong"], "policy 'strong' is unknown"),
    ("train", ["baseline", "--policy", "strong"], "policy 'strong' is unknown"),
    ("train", ["augmented", "--policy", "/"], "policy '/' is unknown"),
    ("train", ["baseline", "--model", "lenet"], "model 'lenet' is unknown: use dense, cnn, a file"),
    ("train", ["--evaluate", "--model", "net.py:build"], "there is no file net.py"),
    ("study", ["epochs", "--model", "net.py"], "names no function: write net.py:build"),
    ("tune", ["--model", "net.keras"], "there is no file net.keras"),
    ("bench", ["--model", "folder.h5"], "load it in Keras, and save it by model.save"),
    ("train", ["baseline", "--data"], "--data: expected one argument"),
    ("train", ["baseline", "--data", "nowhere"], "nowhere is neither a folder nor a file"),
    ("train", ["baseline", "--transpose=yes"], "'yes' is neither 1 nor 0"),
    ("train", ["baseline", "--tensorboard=yes"], "'yes' is neither 1 nor 0"),
    ("train", ["baseline", "--data", "file"], "file can't be read as a table"),
    ("train", ["baseline", "--trials", "3"], "unrecognized arguments: --trials 3"),
    ("train", ["baseline", "--seeds", "3", "--seeds", "0"], "--seeds: '0'"),
    ("study", ["best"], "study 'best' is unknown: use one of ablation"),
    ("study", ["tuned"], "holds no finished search"),
    ("study", ["ablation", "--policy", "affine"], "leave POLICY="),
    ("study", ["epochs", "--policy", "strong"], "policy 'strong' is unknown"),
    ("tune", ["best"], "variant 'best' is unknown"),
    ("tune", ["baseline", "best"], "variant 'best' is unknown"),
    ("tune", ["--search", "unknown"], "'unknown' can't be searched for"),
    ("tune", ["--search", "policy,"], "'' can't be searched for"),
    ("tune", ["--storage", "nonsense"], "storage nonsense can't be used"),
    ("tune", ["--storage", "none://host/x"], "can't be used"),
    ("tune", ["--storage", "sqlite:////nowhere/x.db"], "can't be used"),
    ("tune", ["--policy", "pipe.yaml"], "not a regular file"),
    ("published", ["--row", "unknown"], "row 'unknown' is unknown"),
    ("published", ["--row", "small,"], "row '' is unknown"),
    ("published", ["small"], "unrecognized arguments: small"),
    ("published", ["--data", "nowhere"], "nowhere is neither a folder nor a file"),
    ("report", [], "results/baseline/metrics.csv is missing"),
    ("report", ["--seeds", "3"], "results/baseline/metrics.csv is missing"),
    ("report", ["baseline"], "unrecognized arguments: baseline"),
    ("report", ["--scheduler", "tcp://host:1"], "unrecognized arguments"),
    ("leaderboard", [], "results/baseline/metrics.csv is missing"),
    ("leaderboard", ["best"], "unrecognized arguments: best"),
    ("check", [], "results/baseline/metrics.csv is missing"),
    ("check", ["--reference", "nowhere"], "results/baseline/metrics.csv is missing"),
    ("bench", ["--data", "nowhere"], "nowhere is neither a folder nor a file"),
    ("bench", ["fast"], "unrecognized arguments: fast"),
    ("evaluate", ["--data", "nowhere"], "nowhere is neither a folder nor a file"),
    ("evaluate", ["--extra"], "--extra: expected one argument"),
    ("predict", ["nowhere.png"], "results holds no trained runs"),
    ("predict", ["folder.yaml"], "holds no picture"),
    ("predict", ["picture.png"], "results holds no trained runs"),
    ("predict", ["picture.png", "--variant", "best"], "results/best holds no trained runs"),
    ("predict", ["picture.png", "--policy", "default"], "unrecognized arguments: --policy"),
    ("predict", ["--image", "picture.png"], "arguments"),
    ("tools.licences", ["page"], "unrecognized arguments: page"),
    ("tools.audit", ["--offline"], "unrecognized arguments: --offline"),
    ("tools.engine_tables", ["table"], "unrecognized arguments: table"),
    ("tools.engine_tables", ["--chec"], "unrecognized arguments: --chec"),
    ("tools.engine_tables", ["--check", "--seeds", "3"], "unrecognized arguments: --seeds 3"),
]
TOOLS = ("tools.engine_tables", "tools.licences", "tools.audit")
EVERY = (*SCRIPTS, "published", "predict", *TOOLS)
SHARED = [
    (name, [*NEEDED.get(name, []), option, *([value] if option[-1:] != "=" else [])], "error: ")
    for name in EVERY
    for option, values in WRONG.items()
    for value in values
]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with what stands in the way of wrong arguments."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "file").write_text("in the way")
    (folder / "folder.yaml").mkdir()
    (folder / "circle").symlink_to("circle")
    os.mkfifo(folder / "pipe.yaml")
    Image.fromarray(np.pad(np.zeros((20, 5), np.uint8), 20, constant_values=255)).save(
        folder / "picture.png"
    )
    return folder


def content(folder):
    """Every file and folder, with its content."""
    return {
        path: path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))
    }


def given(name, arguments):
    """The arguments, and a dataset that is at hand."""
    own = name not in ("predict", *TOOLS) and not any("--data" in a for a in arguments)
    return [*(["--data", "digits"] if own else []), *arguments]


@pytest.mark.parametrize("step", [32, pytest.param(1, marks=pytest.mark.torture)])
def test_mistakes_are_one_line_and_change_nothing(here, monkeypatch, capsys, counted, step):
    before, cases = content(here.parent), [*SHARED[::step], *MISTAKES]
    for name, arguments, words in cases:
        script = str(PROJECT / "scripts" / f"{name}.py")
        monkeypatch.setattr("sys.argv", [script, *given(name, arguments)])
        run, what = (runpy.run_module, name) if name in TOOLS else (runpy.run_path, script)
        with pytest.raises(SystemExit) as ended:
            run(what, run_name="__main__")
        out, said = capsys.readouterr()
        case = name, arguments, out, said
        assert ended.value.code == 2, case
        assert len(said.splitlines()) == 1, case
        assert said.startswith("error: "), case
        assert words in said, case
        assert len(said) < 1_000, case
        assert content(here.parent) == before, case
    counted("calls of scripts with wrong arguments", len(cases))


@pytest.mark.torture
def test_mistakes_of_real_processes(here, counted):
    before = content(here.parent)
    cases = [*SHARED[::7], *MISTAKES]
    for name, arguments, words in cases:
        called = ["-m", name] if name in TOOLS else [PROJECT / "scripts" / f"{name}.py"]
        process = subprocess.run(
            [sys.executable, *called, *given(name, arguments)],
            cwd=here,
            capture_output=True,
            timeout=PATIENCE,
            env=os.environ | {"PYTHONPATH": str(PROJECT)},
        )
        said = process.stderr.decode()
        assert process.returncode == 2, (name, arguments, said)
        assert len(said.splitlines()) == 1, (name, arguments, said)
        assert words in said, (name, arguments, said)
        assert content(here.parent) == before, (name, arguments)
    counted("calls of scripts with wrong arguments", len(cases))


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        (
            ["--storage", "mysql+pymysql://me:secret@host:1/x"],
            "--storage mysql+pymysql://…@host:1/x",
        ),
        (["--storage=redis://:sec/r@et@host"], "--storage=redis://…@host"),
        (["--storage", "postgresql:///x?user=me&password=secret"], "--storage postgresql:///x?…"),
        (["--storage", "sqlite:///x.db"], "--storage sqlite:///x.db"),
        (["--scheduler", "tcp://host:8786"], "--scheduler tcp://host:8786"),
        (
            ["--data=/home/me/secret/mnist", "--results=results/a"],
            "--data=…/mnist --results=results/a",
        ),
        (["--data", "../secret/mnist", "augmented"], "--data …/mnist augmented"),
    ],
)
def test_a_command_is_kept_without_passwords_and_places(monkeypatch, arguments, kept):
    monkeypatch.setattr("sys.argv", ["/home/me/scripts/tune.py", *arguments])
    assert provenance.command_line() == f"scripts/tune.py {kept}"


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("ending", ["", "raise SystemExit(1)", "raise UserError('mistake')"])
def test_nobody_reads_on(ending, unbuffered):
    read, write = os.pipe()
    os.close(read)
    process = subprocess.run(
        [
            sys.executable,
            "-c",
            "from mnist_aug.errors import *\nwith one_line_errors():\n"
            f"    print('a line')\n    {ending}",
        ],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        timeout=PATIENCE,
        env=os.environ | {"PYTHONPATH": str(PROJECT), "PYTHONUNBUFFERED": unbuffered},
    )
    os.close(write)
    assert process.returncode == 141
    is_met = "UserError" in ending and not unbuffered  # else the line before is met first
    assert process.stderr == ("error: mistake\n" if is_met else "")


def test_a_right_that_is_lacking_is_one_line(capfd):
    with pytest.raises(SystemExit) as ended, one_line_errors():
        raise PermissionError(13, "Permission denied", "/some/file")
    assert ended.value.code == 2
    assert capfd.readouterr().err == (
        "error: /some/file can't be used (Permission denied): "
        "correct its permissions, or those of its folder\n"
    )


def test_warnings_of_the_package_are_one_line(capfd):
    with one_line_errors(), warnings.catch_warnings():
        warnings.simplefilter("always")
        vectorize(A.GlassBlur())
    assert capfd.readouterr().err == (
        "warning: not vectorised, runs image by image through albumentations: GlassBlur\n"
    )


def test_a_pipe_of_our_own_that_breaks_is_a_fault():
    with pytest.raises(BrokenPipeError), one_line_errors():
        raise BrokenPipeError(32, "Broken pipe")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "holds no trained runs"),
        (["baseline"], "baseline/seed-00 is missing: train it with `make baseline`"),
        (["best"], "variant 'best' is unknown"),
    ],
)
def test_nothing_to_evaluate(called, tmp_path, fails_in_one_line, arguments, words):
    fails_in_one_line(called("evaluate", "--data", "digits", *arguments), words)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written(called, tmp_path, fails_in_one_line):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "baseline").write_text("a file in the way")
    fails_in_one_line(
        called("train", "baseline", "--data", "digits", "--epochs", 1),
        "results/baseline can't be written",
    )


@pytest.mark.torture  # test_pools.py has the same of runs in processes of their own
def test_ctrl_c_keeps_finished_runs_and_the_next_call_goes_on(script, tmp_path):
    process = start_training(
        1, tmp_path, "baseline", "--data", "digits", "--epochs", "1", "--seeds", "2000"
    )
    until(lambda: len(runs.seeds(tmp_path / "results", "baseline")) >= 3)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert said == "interrupted: finished runs are kept; run the same command again to continue\n"
    finished = runs.seeds(tmp_path / "results", "baseline")
    assert finished == list(range(len(finished)))
    assert {path.name for path in (tmp_path / "results" / "baseline").iterdir()} == {
        f"seed-{seed:02d}" for seed in finished
    }
    before = {seed: files.read_manifest(manifest_of(tmp_path, seed)) for seed in finished}
    process = script(
        "train", "baseline", "--data", "digits", "--epochs", 1, "--seeds", len(finished) + 1
    )
    assert process.stdout.count("(new)") == 1
    for seed, manifest in before.items():
        assert files.read_manifest(manifest_of(tmp_path, seed)) == manifest


def manifest_of(folder, seed):
    return runs.run_folder(folder / "results", "baseline", seed) / runs.MANIFEST
