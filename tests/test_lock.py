"""The lock on a folder: who comes second waits, and a killed process holds none."""

import os
import shutil
import subprocess
import sys

from conftest import PROJECT
from processes import PATIENCE

from mnist_aug import lock

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
    return subprocess.Popen([sys.executable, "-c", HOLD, kind], cwd=folder, text=True,
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            env=os.environ | {"PYTHONPATH": str(PROJECT)})


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
