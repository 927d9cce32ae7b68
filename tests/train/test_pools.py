"""Workers: the same bytes however many train, and nothing lost or left behind when one ends."""

import os
import signal
from contextlib import suppress
from dataclasses import replace

import pytest
from conftest import PATIENCE
from processes import (
    are_gone,
    family,
    finished,
    is_whole,
    told,
    train_beside,
    trainers,
    until,
)

from mnist_aug.train import training, workers
from mnist_aug.train.variant import augmented, baseline

brief = replace(baseline, epochs=1)


def has_whole_runs_alone(folder):
    """Whether each run on disk is whole; a kill may leave one half written beside its place."""
    return {path.name for path in (folder / "results" / "baseline").glob("[!.]*")} == {
        f"seed-{seed:02d}" for seed in finished(folder)
    }


@pytest.fixture
def started(tmp_path):
    process = train_beside(
        2, tmp_path, "baseline", "--data", "digits", "--epochs", "1", "--seeds", "2000"
    )
    yield process
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def test_the_same_bytes_wherever_a_run_is_trained(digits, tmp_path):
    for processes in (1, 2):
        training.train(
            replace(augmented, epochs=2),
            range(3),
            digits,
            tmp_path / str(processes),
            processes=processes,
        )
    here = told(tmp_path / "1")
    assert len(here) == 3
    assert told(tmp_path / "2") == here


def test_a_killed_worker_is_told_in_one_line_and_the_same_command_goes_on(
    digits, started, tmp_path, capsys
):
    until(lambda: len(finished(tmp_path)) >= 2)
    children = family(started)
    first, second = trainers(started)
    first.kill()
    _, said = started.communicate(timeout=PATIENCE)
    assert said == (
        "error: a process that trained was ended from outside, by want of memory "
        "perhaps: finished runs are kept, and the same command goes on from them\n"
    )
    assert started.returncode == 2
    assert are_gone([*children, second])
    assert is_whole(tmp_path)
    before = told(tmp_path / "results")
    asked = range(max(finished(tmp_path)) + 2)
    missing = {*asked} - {*finished(tmp_path)}
    training.train(brief, asked, digits, tmp_path / "results")
    out = capsys.readouterr().out
    assert out.count("(not trained yet)") == len(out.splitlines()) == len(missing)
    assert finished(tmp_path) == [*asked]
    after = told(tmp_path / "results")
    assert after.items() >= before.items()
    training.train(brief, [0], digits, tmp_path / "here")  # the killed run may have been that
    assert told(tmp_path / "here").items() <= after.items()


@pytest.mark.torture
def test_a_killed_parent_leaves_no_process_behind(started, tmp_path):
    until(lambda: finished(tmp_path))
    children = family(started)
    assert len(trainers(started)) == 2
    started.kill()
    assert are_gone(children)
    assert has_whole_runs_alone(tmp_path)


@pytest.mark.parametrize(
    "when", [pytest.param("while they start", marks=pytest.mark.torture), "while they train"]
)
def test_ctrl_c_ends_all_processes(started, tmp_path, when):
    if when == "while they start":  # a terminal sends it to all of them
        until(lambda: len(trainers(started)) == 2)
        children = family(started)
        os.killpg(started.pid, signal.SIGINT)
    else:
        until(lambda: finished(tmp_path))
        children = family(started)
        started.send_signal(signal.SIGINT)
    _, said = started.communicate(timeout=PATIENCE)
    assert said == "interrupted: finished runs are kept, the same command goes on from them\n"
    assert started.returncode == 130
    assert are_gone(children)
    assert is_whole(tmp_path)
    assert len(finished(tmp_path)) < 2000


def test_as_many_beside_each_other_as_cores_and_memory_allow(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {5}, raising=False)
    assert workers.beside() == 1
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {2, 3, 5}, raising=False)
    monkeypatch.setattr(workers, "MEMORY", 1)
    assert workers.beside() == 3
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    monkeypatch.setattr(workers, "MEMORY", memory / 2.5)
    assert workers.beside() == 2
    monkeypatch.setattr(workers, "MEMORY", 2 * memory)
    assert workers.beside() == 1
