"""All that was trained in one table: for terminals, in Markdown and in LaTeX."""

import re
import shutil
import subprocess
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
import synthetic_results

from mnist_aug.report import leaderboard
from mnist_aug.report.leaderboard import LATEX, MARKDOWN

STUDIES = ("strength", "epochs", "tuned", "data-efficiency", "variance")
ODD = "a_b%&$#{}~^\\<>|\"±--?`é`→``'',,"


def right(errors, images=200, seeds=2):
    return np.tile(np.arange(images) >= errors, (seeds, 1))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Both models, studies, two policies of which the worse is the best on the test images, and
    published results.
    """
    folder = synthetic_results.write(
        tmp_path_factory.mktemp("leaderboard") / "results",
        seeds=2,
        samples=False,
        bench=False,
        studies=STUDIES,
        seconds=120,
    )
    first, second = (
        {"test": right(test), "validation": right(validation)}
        for test, validation in ((12, 0), (0, 1))
    )
    synthetic_results.write_policies(
        folder, {"chosen": first, "lucky": second}, chosen={"seconds": 30}
    )
    synthetic_results.write_published(
        folder, {"small": [0.03, 0.02], "ensemble": [0.01]}, seconds=60
    )
    return folder


@pytest.fixture(scope="module")
def made(results, tmp_path_factory):
    reports = tmp_path_factory.mktemp("reports")
    return leaderboard.write(results, reports), reports


def shown(one):
    text = StringIO()
    one.show(text)
    return text.getvalue()


def test_the_best_on_validation_comes_first(made):
    frame = made[0].frame
    assert [*frame["variant"][:2]] == ["compare/chosen", "compare/lucky"]
    assert frame["test"][0] == pytest.approx(0.94)
    assert frame["test"][1] == 1
    known = frame["validation"].dropna()
    assert known.is_monotonic_decreasing
    assert [*known.index] == [*range(len(frame) - 2)]


def test_what_held_no_images_out_comes_last_by_its_test_accuracy(made):
    last = made[0].frame.iloc[-2:].set_index("variant")
    assert [*last.index] == ["published/ensemble", "published/small"]
    assert [*last["test"]] == pytest.approx([0.99, 0.975])
    assert [*last["runs"]] == [1, 2]
    assert [*last["seconds"]] == pytest.approx([120, 60], abs=0.5)  # of all its members
    assert last["parameters"].iloc[0] == 2 * last["parameters"].iloc[1]
    titles = [title for title, _ in made[0].groups]
    assert titles == [
        "sorted by validation accuracy",
        "sorted by test accuracy, as no images were held out for validation",
    ]


def test_all_that_was_trained_on_the_same_images_is_there_under_its_folder(made, results):
    table, _ = made
    folders = {
        path.parent.relative_to(results).as_posix()
        for path in results.rglob("metrics.csv")
        if path.parent.parent.name not in ("data-efficiency", "variance")
    }
    assert {*table.frame["variant"]} == folders
    assert any("data-efficiency and variance" in note for note in table.notes)
    assert "median training time per run" in table.notes[0]
    assert "on made-up processor, 2 cores;" in table.notes[0]


def test_what_is_of_another_dataset_is_left_out_with_a_line(results, tmp_path):
    folder = tmp_path / "results"
    shutil.copytree(results, folder)
    shutil.rmtree(folder / "strength")
    synthetic_results.write(
        tmp_path / "others", seeds=2, samples=False, bench=False, studies=["strength"], sha256="0"
    )
    shutil.copytree(tmp_path / "others" / "strength", folder / "strength")
    found = leaderboard.write(folder, tmp_path / "reports")
    assert not any(name.startswith("strength/") for name in found.frame["variant"])
    (line,) = (note for note in found.notes if "strength" in note)
    assert "another dataset" in line
    assert line in shown(found)


def test_in_a_pipe_it_is_plain_text_as_wide_as_it_is(made):
    text = shown(made[0])
    assert "\x1b" not in text
    lines = text.splitlines()
    assert re.match(
        r" 1 compare/chosen +dense chosen +5 +2 100\.00 ± 0\.00 +94\.00 ± 0\.00 +30 s +118,282$",
        next(line for line in lines if "chosen" in line),
    )
    assert not any(line.endswith("…") for line in lines)
    frame = made[0].frame.assign(policy="long " * 60)
    assert ("long " * 60).strip() in shown(replace(made[0], frame=frame))


def test_the_files_hold_the_same_rows_and_the_same_bytes_each_time(made, results, tmp_path):
    table, reports = made
    for name in (MARKDOWN, LATEX):
        text = (reports / name).read_text("utf-8")
        for variant in table.frame["variant"]:
            assert f" {variant} " in text, (name, variant)
    leaderboard.write(results, tmp_path)
    for name in (MARKDOWN, LATEX):
        assert (tmp_path / name).read_bytes() == (reports / name).read_bytes()


def test_any_name_means_itself_in_latex_and_markdown(made, tmp_path):
    frame = made[0].frame.copy()
    frame.loc[0, "policy"] = ODD
    odd = replace(made[0], frame=frame, dataset="a_b & c")
    assert leaderboard.escaped("a_b%&$#{}~^\\") == (
        r"a\_b\%\&\$\#\{\}\textasciitilde{}\textasciicircum{}\textbackslash{}"
    )
    row = next(line for line in odd.latex.splitlines() if line.startswith("    1 & compare/chosen"))
    assert len(re.findall(r"(?<!\\)&", row)) == 9  # between ten columns
    assert row.endswith(r" \\")
    row = next(line for line in odd.markdown.splitlines() if line.startswith("| 1 |"))
    assert len(re.findall(r"(?<!\\)\|", row)) == 11
    assert r"a\_b%\&\$\#{}\~^\\\<\>\|" in row
    if shutil.which("pdflatex") is None or not _has("booktabs.sty"):
        return
    (tmp_path / LATEX).write_text(odd.latex, "utf-8")
    (tmp_path / "paper.tex").write_text(
        "\\documentclass{article}\\usepackage{booktabs,graphicx}\n"
        f"\\begin{{document}}\\input{{{LATEX}}}\\end{{document}}"
    )
    process = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stdout


def _has(package):
    return subprocess.run(["kpsewhich", package], capture_output=True).returncode == 0


def test_nothing_trained_is_one_line(called, tmp_path, fails_in_one_line):
    fails_in_one_line(called("leaderboard"), "results/baseline/metrics.csv is missing")
    assert not any(tmp_path.iterdir())


def test_the_script_prints_it_and_says_where_it_is(called, results, tmp_path):
    done = called("leaderboard", "--results", results, "--reports", "pages")
    assert done.returncode == 0, done.stderr
    assert "compare/chosen" in done.stdout
    assert done.stdout.endswith("written: pages/leaderboard.md, pages/leaderboard.tex\n")
