"""What every script does with wrong arguments: one line, exit code 2, nothing written."""

import pytest

SCRIPTS = ("train", "evaluate", "report", "bench", "check")


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
    ("evaluate", ["--data", "nowhere"], "nowhere is no folder or file"),
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
