"""The committed results: made from commits that anyone can check out."""

import json
import subprocess

import pytest
from conftest import PROJECT

REFERENCE = PROJECT / "results/reference"


def git(*arguments):
    command = ["git", "-C", PROJECT, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def history():
    """Skips where the commits of the past are not there."""
    if git("rev-parse", "--is-shallow-repository").stdout.strip() != "false":
        pytest.skip("the history is not here")


def commits():
    """The files of the reference that name a commit, by the commit; None where it wasn't clean."""
    found = {}
    for path in sorted(REFERENCE.rglob("*.json")):
        about = json.loads(path.read_text(encoding="utf-8"))
        if "git" in about:
            git_state = about["git"]
            commit = None if git_state["dirty"] else git_state["commit"]
            found.setdefault(commit, []).append(str(path.relative_to(REFERENCE)))
    return found


def test_every_run_names_its_commit():
    named = {path for paths in commits().values() for path in paths}
    for name in ("seed-*/manifest.json", "evaluation.json"):
        every = {str(path.relative_to(REFERENCE)) for path in REFERENCE.rglob(name)}
        assert every
        assert every <= named


@pytest.mark.xfail(strict=True, reason="most results were made from commits never published")
@pytest.mark.usefixtures("history")
def test_every_commit_can_be_checked_out():
    for commit, paths in commits().items():
        assert commit, paths
        assert git("merge-base", "--is-ancestor", commit, "HEAD").returncode == 0, (commit, paths)
