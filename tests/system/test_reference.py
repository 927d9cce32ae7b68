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
    """The files of the reference that have a commit, by it; None where none was clean."""
    found = {}
    for path in sorted(REFERENCE.rglob("*.json")):
        about = json.loads(path.read_text(encoding="utf-8"))
        if "git" in about or path.name in ("manifest.json", "evaluation.json"):
            state = about.get("git", {})
            commit = None if state.get("dirty", True) else state["commit"]
            found.setdefault(commit, []).append(str(path.relative_to(REFERENCE)))
    return found


@pytest.mark.usefixtures("history")
def test_every_commit_can_be_checked_out():
    found = commits()
    assert found
    for commit, paths in found.items():
        assert commit, paths
        assert git("merge-base", "--is-ancestor", commit, "HEAD").returncode == 0, (commit, paths)
