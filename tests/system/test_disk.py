"""Disks that are full or read-only, and folders that go: a line, and nothing half-written."""

import os
import platform
import resource
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import synthetic_results
from conftest import PROJECT
from fake_training import pool, study_of
from PIL import Image

from mnist_aug import errors
from mnist_aug.analysis import comparison
from mnist_aug.evaluate import prediction
from mnist_aug.experiments import search
from mnist_aug.report import page
from mnist_aug.results import files, runs
from mnist_aug.train import training
from mnist_aug.train.variant import augmented, baseline

BOTH = [replace(variant, epochs=1) for variant in (baseline, augmented)]
TIMED = {  # what tells times, or checksums of what does
    *(runs.MANIFEST, runs.MODEL, runs.EVALUATION),
    *("index.html", "report.md", "runs.csv", "cost.csv", "manifest.csv"),
}


@contextmanager
def room(size):
    """Let this process write no file beyond so many bytes, as on a disk that is full then."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def read_only(folder):
    """A folder that can't be written to, whoever writes."""
    if os.geteuid():
        folder.chmod(0o555)
    else:  # may write all the same
        for options in (["--bind", folder], ["-o", "remount,bind,ro"]):
            if subprocess.run(["mount", *options, folder], stderr=subprocess.DEVNULL).returncode:
                pytest.skip("needs the right to mount")
    try:
        yield
    finally:
        if os.geteuid():
            folder.chmod(0o755)
        else:
            subprocess.run(["umount", folder], check=True)


@contextmanager
def small_disk(folder, size):
    """A file system of its own with so many bytes."""
    folder.mkdir()
    if (
        os.geteuid()
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder],
            stderr=subprocess.DEVNULL,
        ).returncode
    ):
        pytest.skip("needs the right to mount")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def content(folder):
    """What is in a folder, by path; what tells times is there or not."""
    return {
        str(path.relative_to(folder)): b"" if path.name in TIMED else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != files.LOCK
    }


def evaluate(folder, dataset):
    from mnist_aug.evaluate.evaluation import evaluate

    evaluate(folder / "results", dataset)


STEPS = {
    "train": lambda folder, dataset: training.train_all(
        [(variant, 0) for variant in BOTH], dataset, folder / "results"
    ),
    "evaluate": evaluate,
    "report": lambda folder, dataset: page.write(folder / "results", folder / "reports"),
}


@pytest.fixture(scope="module")
def steps(digits, tmp_path_factory):
    """The folders before each step and after the last, and what is in them."""
    folder = tmp_path_factory.mktemp("steps")
    places = [folder / name for name in (*STEPS, "end")]
    places[0].mkdir()
    for (place, after), step in zip(pairwise(places), STEPS.values(), strict=True):
        shutil.copytree(place, after)
        step(after, digits)
    return dict(zip(STEPS, pairwise(places), strict=True))


def no_room_for(folder, dataset, step, size):
    """Do a step without room for files of that size; returns whether it failed, as it must."""
    message = None
    try:
        with room(size - 1):
            STEPS[step](folder, dataset)
    except errors.UserError as error:
        message = str(error)
    assert message is None or "can't be written" in message
    return message is not None


@pytest.mark.torture
@pytest.mark.parametrize("step", STEPS)
def test_a_disk_full_at_any_file_is_one_line_and_the_next_call_goes_on(
    steps, digits, tmp_path, capsys, counted, step
):
    before, after = steps[step]
    start, expected = content(before), content(after)
    sizes = {(after / name).stat().st_size for name in {*expected} - {*start}}
    largest = max(sizes)
    for number, size in enumerate(sorted(sizes | {size // 2 for size in sizes} | {1, 2 * largest})):
        folder = shutil.copytree(before, tmp_path / str(number))
        failed = no_room_for(folder, digits, step, size)
        assert failed == (size <= largest), size
        whole = content(folder)
        assert start.items() <= whole.items() <= expected.items(), size
        if failed:
            assert whole != expected
            STEPS[step](folder, digits)
            assert content(folder) == expected, size
            counted(f"disk limits at which {step} failed in a line and went on", 1)
        shutil.rmtree(folder)


def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(
    digits, few, tmp_path, capsys, counted
):
    synthetic_results.write(tmp_path / "results", seeds=2, test=60, samples=False, bench=False)
    start = content(tmp_path)
    assert no_room_for(tmp_path, digits, "report", 300_000)
    (tmp_path / "reports" / "report.md").read_text()
    assert not (tmp_path / "reports" / "index.html").exists()
    assert {path.name for path in tmp_path.rglob(".*")} <= {files.LOCK}
    assert start.items() <= content(tmp_path).items()
    with room(1_000_000), pytest.raises(errors.UserError, match="can't be written"):
        training.train(BOTH[0], [0], few, tmp_path / "new")
    assert [*(tmp_path / "new" / "baseline").iterdir()] == []
    for step in ("report", "train"):
        counted(f"disk limits at which {step} failed in a line", 1)


def test_a_read_only_folder_is_one_line(digits, tmp_path, capsys):
    results, reports, empty = (tmp_path / name for name in ("results", "reports", "empty"))
    synthetic_results.write(results)
    reports.mkdir()
    empty.mkdir()
    refused = pytest.raises(errors.UserError, match=r"can't be written \((Read-only|Permission)")
    with read_only(empty), refused:
        training.train(BOTH[0], [0], digits, empty)
    with read_only(reports), refused:
        STEPS["report"](tmp_path, digits)
    with read_only(results):  # no hindrance to reading
        assert comparison.load(results).paired_seeds == [0, 1, 2]


@pytest.mark.torture
@pytest.mark.parametrize("step", ["evaluate", "predict"])
def test_read_only_results(steps, digits, tmp_path, step):
    _, evaluated = steps["evaluate"]
    folder = shutil.copytree(evaluated, tmp_path / "copy")
    with read_only(folder / "results"):
        if step == "evaluate":
            with pytest.raises(errors.UserError, match="can't be written"):
                evaluate(folder, digits)
        else:
            readings = prediction.Reader(folder / "results").read(digits.x_test[:2])
            assert [*readings[0]] == ["baseline", "augmented"]
            with pytest.raises(errors.UserError, match="can't be written"):
                prediction.draw(
                    folder / "results" / "figure.png",
                    ["0", "1"],
                    digits.x_test[:2],
                    digits.x_test[:2],
                    readings,
                )


@pytest.mark.torture
def test_scripts_without_room_end_in_one_line(
    steps, digits, tmp_path, script, fails_in_one_line, counted
):
    """By the limit itself, and on a small file system of its own."""
    _, folder = steps["report"]
    limited = [
        sys.executable,
        "-c",
        "import resource, runpy, sys; size = int(sys.argv.pop(1)); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)); "
        "sys.argv.pop(0); runpy.run_path(sys.argv[0], run_name='__main__')",
    ]
    Image.fromarray(255 - digits.x_test[0]).resize((280, 280)).save(tmp_path / "digit.png")
    wanted = ["--data", "digits", "--epochs", "1", "--seeds", "1"]
    for name, own, size in (
        ("train", ["augmented", *wanted], 1000),
        ("train", ["augmented", *wanted], 1_000_000),
        ("evaluate", wanted, 5000),
        ("evaluate", wanted, 500_000),
        ("report", wanted, 20_000),
        ("study", ["epochs", *wanted], 1_000_000),
        ("study", ["epochs", *wanted], 5000),
        ("tune", ["baseline", *wanted, "--trials", "2"], 500),
        ("predict", ["digit.png", "--figure", "figure.png"], 5000),
    ):
        place = tmp_path / "place"
        shutil.copytree(folder, place)
        if name == "train":
            shutil.rmtree(place / "results")
        places = ["--results", place / "results"] + (
            [] if name == "predict" else ["--reports", place / "reports"]
        )
        process = subprocess.run(
            [*limited, str(size), PROJECT / "scripts" / f"{name}.py", *map(str, [*own, *places])],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=600,
            env=os.environ | {"PYTHONPATH": str(PROJECT)},
        )
        fails_in_one_line(process, "can't be written")
        assert [*place.rglob(".*.tmp")] == []
        counted("scripts that ended in one line on a full disk", 1)
        shutil.rmtree(place)
    for size in ("100k", "1500k", "2m", "6m"):
        disk = tmp_path / "disk"
        with small_disk(disk, size):
            if size == "6m":
                shutil.copytree(
                    folder,
                    disk,
                    dirs_exist_ok=True,
                    ignore=shutil.ignore_patterns(
                        "reports", "weights.npz", "doubts.npz", "samples.npz", "metrics.csv"
                    ),
                )
                with open(disk / "filler", "wb") as file:
                    file.write(b"0" * 3_000_000)
            for name in ("evaluate", "report") if size == "6m" else ("train",):
                process = script(
                    name,
                    *(["baseline"] if name == "train" else []),
                    *wanted,
                    "--results",
                    disk / "results",
                    "--reports",
                    disk / "reports",
                )
                if process.returncode:
                    fails_in_one_line(process, "can't be written")
                    counted("scripts that ended in one line on a full disk", 1)
                    break
            else:
                assert size in ("1500k", "2m")  # a run takes about as much
            assert [*disk.rglob(".*.tmp")] == []
        disk.rmdir()


@pytest.mark.torture
def test_a_search_on_a_full_disk_loses_no_trial(monkeypatch, digits, tmp_path, capsys, counted):
    monkeypatch.setattr(search, "pool", pool)
    monkeypatch.setattr(search, "BEGINNING_TIME", timedelta(0))
    living = search._process

    def search_in(folder, process=living):
        monkeypatch.setattr(search, "_process", process)
        search.search(augmented, 8, 2, digits, folder)

    search_in(tmp_path / "whole")
    size = (tmp_path / "whole" / "tune" / "journal.log").stat().st_size
    failed = 0
    for limit in np.linspace(1, size - 1, 40).astype(int):
        folder = tmp_path / str(limit)
        with room(int(limit)), pytest.raises(errors.UserError, match="can't be written"):
            search_in(folder, lambda: [platform.node(), 2**31 - 1])  # a process that is gone then
        journal = folder / "tune" / "journal.log"
        lines = journal.read_bytes().count(b"\n") if journal.exists() else 0
        search_in(folder)
        assert journal.read_bytes().count(b"\n") > lines
        table = pd.read_csv(folder / "tune" / "augmented.csv")
        assert len(table) == 8
        assert (
            sum(trial.state in search.SETTLED for trial in study_of(folder, "augmented").trials)
            == 8
        )
        failed += 1
    counted("disk limits at which a search failed in a line and went on", failed)


@pytest.mark.torture
def test_folders_that_are_removed_while_they_are_written(
    steps, digits, tmp_path, capsys, monkeypatch, counted
):
    """Each file that is about to be written meets a folder that is gone."""
    first = files.written
    for step, (before, after) in steps.items():
        expected, number = content(after), 0
        while True:
            folder = shutil.copytree(before, tmp_path / "copy")
            calls, removed = [], folder / ("reports" if step == "report" else "results")

            @contextmanager
            def written(target, calls=calls, removed=removed, number=number):
                calls.append(target)
                if len(calls) == number + 1:
                    shutil.rmtree(removed, ignore_errors=True)
                with first(target) as temporary:
                    yield temporary

            monkeypatch.setattr(files, "written", written)
            with_error = None
            try:
                STEPS[step](folder, digits)
            except errors.UserError as error:
                with_error = error
            monkeypatch.setattr(files, "written", first)
            if len(calls) <= number:
                shutil.rmtree(folder)
                break
            if with_error is None:  # what is there is right
                assert content(folder).items() <= expected.items()
            for name in STEPS:  # as make would, which sees what is missing
                STEPS[name](folder, digits)
                if name == step:
                    break
            assert content(folder) == expected
            counted(f"times a folder was removed from under {step}", 1)
            shutil.rmtree(folder)
            number += 6 if step == "report" else 1
        assert number
