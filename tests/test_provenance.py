"""Where results come from: the commit, and whether the code is that of the commit."""

import subprocess

from mnist_aug import provenance


def test_results_anywhere_leave_the_code_as_committed_and_changes_of_code_do_not(
    tmp_path, monkeypatch
):
    def git(*arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", "-C", tmp_path, *identity, *arguments], check=True)

    code = tmp_path / "mnist_aug/own.py"
    code.parent.mkdir()
    code.write_text("one")
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message=one")
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "mnist_aug/provenance.py"))
    clean = provenance.describe()["git"]
    assert len(clean["commit"]) == 40
    assert clean["dirty"] is False
    for name in ("results/a", "mine/b", "docs/c.md"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    assert provenance.describe()["git"] == clean
    added = tmp_path / "mnist_aug/added.py"
    added.touch()
    assert provenance.describe()["git"] == clean | {"dirty": True}
    added.unlink()
    code.write_text("two")
    assert provenance.describe()["git"] == clean | {"dirty": True}
