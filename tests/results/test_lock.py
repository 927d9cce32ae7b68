"""The lock on a folder: who comes second waits, and a killed process holds none."""

import io
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import filelock
import pytest
import synthetic_results
from conftest import PATIENCE, PROJECT

from mnist_aug.errors import UserError
from mnist_aug.report import page
from mnist_aug.results import files
from mnist_aug.train import training
from mnist_aug.train.variant import baseline

HOLD = """
import sys
from pathlib import Path
from mnist_aug.results import files
with files.locked(Path("folder")):
    print("in", flush=True)
    sys.stdin.readline()
"""


def lock(folder):
    """As another command has it."""
    return filelock.FileLock(folder / files.LOCK)


def is_locked(folder):
    try:
        with lock(folder).acquire(timeout=0):
            return False
    except filelock.Timeout:
        return True


@contextmanager
def working(folder):
    """Works in the folder in a thread; gives an event that is set once it is in."""
    inside, done = threading.Event(), threading.Event()

    def work():
        with files.locked(folder):
            inside.set()
            done.wait(PATIENCE)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield inside
    finally:
        done.set()
        thread.join(PATIENCE)


def printing(monkeypatch):
    """A function that gives the lines printed by all threads from now on, at least so many.

    Pytest's own capture may lose what is printed while it is looked at.
    """
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)

    def lines(count):
        while len(found := out.getvalue().splitlines(keepends=True)) < count:
            time.sleep(0.01)
        return found

    return lines


def test_the_second_waits_for_the_first(tmp_path, monkeypatch):
    printed = printing(monkeypatch)
    first = lock(tmp_path)
    first.acquire()
    with working(tmp_path) as inside:
        line = f"{tmp_path}: waiting for another command that is at work there\n"
        assert printed(1) == [line]
        assert not inside.wait(0.2)
        first.release()
        assert inside.wait(PATIENCE)
        assert is_locked(tmp_path)
    assert not is_locked(tmp_path)
    with working(tmp_path) as inside:
        assert inside.wait(PATIENCE)
    assert printed(1) == [line]  # who needs not wait says nothing


def test_what_is_called_within_asks_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    with files.locked(Path("folder")):
        with files.locked(tmp_path / "folder"):
            assert is_locked(Path("folder"))
        assert is_locked(Path("folder"))
    assert not is_locked(Path("folder"))


def test_an_error_within_lets_go(tmp_path):
    with pytest.raises(UserError), files.locked(tmp_path):
        raise UserError("amiss")
    assert not is_locked(tmp_path)


def test_a_killed_process_holds_none(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD],
        cwd=tmp_path,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
    )
    assert process.stdout.readline() == "in\n"
    assert is_locked(folder)
    with working(folder) as inside:
        assert not inside.wait(0.2)
        process.kill()
        process.communicate()
        assert inside.wait(PATIENCE)


def test_a_folder_that_is_removed_is_not_waited_for(tmp_path, monkeypatch):
    printed = printing(monkeypatch)
    folder = tmp_path / "folder"
    folder.mkdir()
    with lock(folder).acquire(), working(folder) as inside:
        printed(1)
        folder.rename(tmp_path / "old")
        assert inside.wait(PATIENCE)
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_a_folder_that_was_made_anew_is_locked(tmp_path, monkeypatch):
    acquire, calls = files._acquire, []

    def removed_meanwhile(*arguments):
        calls.append(arguments)
        if len(calls) == 1:
            raise FileNotFoundError
        acquire(*arguments)

    monkeypatch.setattr(files, "_acquire", removed_meanwhile)
    with files.locked(tmp_path):
        assert is_locked(tmp_path)
    assert len(calls) == 2


def test_a_missing_folder_is_not_locked_nor_made(tmp_path):
    with files.locked(tmp_path / "none"):
        assert [*tmp_path.iterdir()] == []


def test_a_folder_that_cannot_be_written_to_is_not_locked():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o555)
        as_root = os.geteuid() == 0
        if as_root:  # whom nothing stops
            os.seteuid(65534)
        try:
            with files.locked(folder):
                assert [*folder.iterdir()] == []
        finally:
            if as_root:
                os.seteuid(0)
            folder.chmod(0o755)


@pytest.mark.parametrize("error", [NotImplementedError, OSError])
def test_where_the_file_system_knows_no_locks(tmp_path, monkeypatch, error):
    def acquire(*_, **__):
        raise error

    monkeypatch.setattr(filelock.FileLock, "acquire", acquire)
    with files.locked(tmp_path):
        pass


def test_a_new_folder_is_locked_while_it_is_written(digits, tmp_path, monkeypatch):
    found = []
    monkeypatch.setattr(
        training, "_train", lambda todo, folder, *_: found.append(is_locked(folder))
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
