"""What every script does with wrong arguments: one line, exit code 2, nothing written."""

import os
import signal
import subprocess
import sys
import time

import pytest
from conftest import PROJECT

from mnist_aug import run

SCRIPTS = ("train", "evaluate", "study", "report", "bench", "check")


@pytest.mark.parametrize("name", SCRIPTS)
def test_help_names_the_shared_options(script, name):
    process = script(name, "--help")
    assert process.returncode == 0
    for option in ("--data", "--seeds", "--epochs", "--policy", "--results", "--reports"):
        assert option in process.stdout


@pytest.mark.parametrize(("name", "arguments", "words"), [
    ("train", [], "VARIANT"),
    ("train", ["baseline", "--data", "digits", "--epochs", "0"], "--epochs: '0' is no whole"),
    ("train", ["baseline", "--sed", "3"], "unrecognized arguments: --sed 3"),
    ("train", ["best", "--data", "digits"], "variant 'best' is unknown"),
    ("train", ["augmented", "--data", "digits", "--policy", "x.yaml"], "x.yaml can't be read"),
    ("evaluate", ["--data", "digits"], "holds no trained runs"),
    ("evaluate", ["baseline", "--data", "digits"], "baseline/seed-00 is not there"),
    ("evaluate", ["best", "--data", "digits"], "variant 'best' is unknown"),
    ("evaluate", ["--data", "nowhere"], "nowhere is no folder or file"),
    ("evaluate", ["--data", "digits", "--extra"], "--extra"),
    ("study", [], "STUDY"),
    ("study", ["best", "--data", "digits"], "study 'best' is unknown: use one of ablation"),
    ("study", ["ablation", "--data", "digits", "--policy", "affine"], "leave POLICY="),
    ("report", [], "results"),
    ("report", ["--seeds", "-1"], "--seeds"),
    ("check", [], "results"),
    ("bench", ["--data", "nowhere"], "nowhere is no folder or file"),
])
def test_mistakes(script, tmp_path, fails_in_one_line, name, arguments, words):
    fails_in_one_line(script(name, *arguments), words)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written(script, tmp_path, fails_in_one_line):
    (tmp_path / "results").write_text("a file in the way")
    fails_in_one_line(script("train", "baseline", "--data", "digits", "--epochs", 1),
                      "results/baseline/seed-00")


def test_ctrl_c_keeps_finished_runs_and_the_next_call_goes_on(script, tmp_path):
    command = [sys.executable, PROJECT / "scripts" / "train.py", "baseline", "--data", "digits",
               "--epochs", "1", "--seeds", "500"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, text=True,
                               stderr=subprocess.PIPE, env=os.environ | {"PYTHONPATH": PROJECT})
    while len(run.seeds(tmp_path / "results", "baseline")) < 3:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said == "interrupted: finished runs are kept, the same command goes on from them\n"
    finished = run.seeds(tmp_path / "results", "baseline")
    assert finished == list(range(len(finished)))
    assert {path.name for path in (tmp_path / "results" / "baseline").iterdir()} == {
        f"seed-{seed:02d}" for seed in finished}
    before = {seed: run.read_manifest(tmp_path / f"results/baseline/seed-{seed:02d}")
              for seed in finished}
    process = script("train", "baseline", "--data", "digits", "--epochs", 1, "--seeds",
                     len(finished) + 1)
    assert process.stdout.count("training (not trained yet)") == 1
    for seed, manifest in before.items():
        assert run.read_manifest(tmp_path / f"results/baseline/seed-{seed:02d}") == manifest
