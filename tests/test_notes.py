"""Notes: each once in a command and in a call of make, and every time elsewhere."""

import os
import subprocess
import sys

import pytest
from conftest import PROJECT

from mnist_aug import notes
from mnist_aug.notes import SAID


@pytest.fixture(autouse=True)
def outside(monkeypatch):
    monkeypatch.delenv(SAID, raising=False)


def test_a_note_is_repeated_where_no_command_runs(capsys):
    for _ in range(2):
        notes.say("note: dark on light")
    assert capsys.readouterr().out.count("dark") == 2


def test_a_command_prints_a_note_once_and_the_next_one_again(capsys):
    for _ in range(2):
        with notes.each_once():
            for _ in range(2):
                notes.say("note: dark on light")
                notes.say("warning: few images", sys.stderr)
        found = capsys.readouterr()
        assert found.out == "note: dark on light\n"
        assert found.err == "warning: few images\n"


@pytest.mark.parametrize("line", ["note: dark on light", "note: two\nlines", "note: \udcff ü"])
def test_commands_of_one_make_print_it_once(monkeypatch, tmp_path, line):
    monkeypatch.setenv(SAID, str(tmp_path / "new" / "said"))
    for first in (True, False):
        heard = []
        monkeypatch.setattr("builtins.print", lambda text, **_: heard.append(text))  # noqa: B023
        with notes.each_once():
            notes.say(line)
            notes.say(line)
        assert heard == ([line] if first else [])


def test_where_nothing_can_be_kept_it_is_printed_again(monkeypatch, tmp_path, capsys):
    (tmp_path / "file").touch()
    monkeypatch.setenv(SAID, str(tmp_path / "file" / "said"))
    for _ in range(2):
        with notes.each_once():
            notes.say("note: dark on light")
    assert capsys.readouterr().out.count("dark") == 2


def test_make_gives_its_commands_and_the_make_within_it_one_file(tmp_path):
    """A make within another keeps its file; one of another call has its own."""
    (tmp_path / "inner.mk").write_text(
        f"include {PROJECT / 'Makefile'}\n"
        'outer: ; @echo "$$MNIST_AUG_SAID"; $(MAKE) -f inner.mk --no-print-directory inner\n'
        'inner: ; @echo "$$MNIST_AUG_SAID"\n'
    )
    (tmp_path / "Makefile").symlink_to(PROJECT / "Makefile")
    (tmp_path / "tools").symlink_to(PROJECT / "tools")
    calls = []
    for _ in range(2):
        process = subprocess.run(
            ["make", "-f", "inner.mk", "outer"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            env={"PATH": os.environ["PATH"]},
        )
        assert process.returncode == 0, process.stderr
        first, second = (line for line in process.stdout.split() if line.startswith(".make/said."))
        assert first == second
        calls.append(first)
    assert calls[0] != calls[1]
