"""The lock on a folder: who comes second waits, and a killed process holds none."""

import fcntl
import os
import shutil
import subprocess
import sys

import pytest
import synthetic_results
from conftest import PROJECT
from conftest import PATIENCE

from mnist_aug.errors import UserError
from mnist_aug.report import page
from mnist_aug.results import lock
from mnist_aug.train import training
from mnist_aug.train.variant import baseline

HOLD = """
import sys
from pathlib import Path
from mnist_aug import lock
with lock.alone(Path("folder"), reading=sys.argv[1] == "reading"):
    with lock.alone(Path("folder").resolve()):  # once more, from within
        print("in", flush=True)
        sys.stdin.readline()
"""
WAITS = "folder: another command is at work there, waiting for its end\n"


def holder(folder, kind="writing"):
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, kind],
        cwd=folder,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
    )


def ends(process):
    process.communicate("\n", timeout=PATIENCE)
    return process.returncode == 0


def test_the_second_waits_for_the_first_or_its_death(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    first = holder(tmp_path)
    assert first.stdout.readline() == "in\n"
    second = holder(tmp_path)
    assert second.stdout.readline() == WAITS
    first.kill()
    first.communicate()
    assert second.stdout.readline() == "in\n"
    third, fourth = holder(tmp_path, "reading"), holder(tmp_path, "reading")
    assert third.stdout.readline() == fourth.stdout.readline() == WAITS
    assert ends(second)
    assert third.stdout.readline() == fourth.stdout.readline() == "in\n"  # side by side
    fifth = holder(tmp_path)
    assert fifth.stdout.readline() == WAITS
    shutil.rmtree(folder)
    folder.mkdir()  # another folder of that name
    with lock.alone(folder):
        assert ends(third)
        assert ends(fourth)
        assert fifth.stdout.readline() == WAITS
    assert fifth.stdout.readline() == "in\n"
    assert ends(fifth)
    assert [*folder.iterdir()] == []


def test_a_missing_folder_is_not_locked_nor_made(tmp_path):
    with lock.alone(tmp_path / "none"):
        assert [*tmp_path.iterdir()] == []


def is_locked(folder):
    opened = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(opened)
    return False


def test_a_new_folder_is_locked_while_it_is_written(digits, tmp_path, monkeypatch):
    found = []
    monkeypatch.setattr(
        training, "_train", lambda todo, dataset, folder, *_: found.append(is_locked(folder))
    )
    monkeypatch.setattr(page, "_write", lambda folder, *_: found.append(is_locked(folder)))
    training.train(baseline, [0], digits, tmp_path / "new" / "results")
    page.write(
        synthetic_results.write(tmp_path / "made", seeds=2, test=20, bench=False, samples=False),
        tmp_path / "new" / "reports",
    )
    assert found == [True, True]


def test_a_command_that_is_refused_leaves_no_folder(digits, tmp_path, monkeypatch):
    def refused(*_):
        raise UserError("no scheduler answers")

    monkeypatch.setattr(training, "_train", refused)
    (tmp_path / "there").mkdir()
    for name in ("new/results", "there"):
        with pytest.raises(UserError, match="no scheduler"):
            training.train(baseline, [0], digits, tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
