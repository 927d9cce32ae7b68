"""Pools: the same bytes wherever work is done, and nothing lost or left behind when one ends."""

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import replace

import fake_training
import numpy as np
import pytest
from conftest import PATIENCE, PROJECT
from in_two_processes import EPOCHS, SEEDS, VARIANTS
from processes import (
    are_gone,
    descendants,
    finished,
    is_whole,
    start_training,
    trained,
    until,
    workers,
)

from mnist_aug.data import dataset
from mnist_aug.errors import UserError
from mnist_aug.evaluate.evaluation import evaluate
from mnist_aug.results import runs
from mnist_aug.train import jobs, pools, training
from mnist_aug.train.variant import baseline

brief = replace(baseline, epochs=1)
ENDED = (
    "error: a worker process was ended from outside, perhaps for want of memory: finished runs are "
    "kept; run the same command again to continue\n"
)


@pytest.fixture(scope="module")
def data(few, tmp_path_factory):
    """A file of a few images, as for DATA=."""
    path = tmp_path_factory.mktemp("data") / "few.npz"
    arrays = few.x_train, few.y_train, few.x_test, few.y_test
    np.savez(path, **dict(zip(dataset.NAMES, arrays, strict=True)))
    return path


@pytest.fixture
def started(data, tmp_path):
    process = start_training(
        2, tmp_path, "baseline", "--data", str(data), "--epochs", "1", "--seeds", "2000"
    )
    yield process
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


@pytest.mark.torture
def test_two_processes_do_what_one_does(data, few, tmp_path):
    """The same bytes, by processes that start TensorFlow once each and end at Ctrl-C."""
    process = subprocess.run(
        [sys.executable, PROJECT / "tests" / "in_two_processes.py", data, tmp_path / "there"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
    )
    assert (process.returncode, process.stderr) == (0, "")
    *lines, seen = process.stdout.splitlines()
    assert lines[0].startswith("training 4 runs, 2 in parallel: TensorFlow starts and compiles")
    total = len(VARIANTS) * SEEDS * EPOCHS
    assert json.loads(seen) == {
        "epochs": total,
        "processes": 2,
        "the same for both": True,  # training and evaluation
        "answered": [*range(6)],
        "by workers": True,
        "fit": True,
        "TensorFlow here": False,
        "interrupted": True,
        "ended": True,
        "handler": True,
    }
    both = [(variant, seed) for variant in VARIANTS for seed in range(SEEDS)]
    with pools.pool(few) as pool:
        training.train_all(both, few, tmp_path / "here", pool=pool)
        assert pool.epochs() == pytest.approx(total)
        evaluate(tmp_path / "here", few, seeds=SEEDS, tta=2, pool=pool)
    here = trained(tmp_path / "here")
    assert len(here) == len(both)
    assert trained(tmp_path / "there") == here
    for path in (tmp_path / "here").rglob("*"):
        if path.suffix in (".npz", ".csv"):
            other = tmp_path / "there" / path.relative_to(tmp_path / "here")
            assert other.read_bytes() == path.read_bytes(), path
    # What was interrupted is whole or absent.
    more = trained(tmp_path / "there" / "more")
    assert 2 <= len(more) < 2000
    assert {path.name for path in (tmp_path / "there" / "more" / "baseline").iterdir()} == {
        name.removeprefix("baseline/") for name in more
    }
    shared = more.keys() & here.keys()  # of the first two, one may have been slower than a third
    assert shared
    assert {name: more[name] for name in shared} == {name: here[name] for name in shared}


def test_a_worker_killed_as_it_starts_is_reported_in_one_line(started, tmp_path):
    """Nobody waits for it, though it has not read what it is given yet."""
    (first, *_) = until(workers, started)
    children = descendants(started)
    first.kill()
    assert started.communicate(timeout=PATIENCE)[1] == ENDED
    assert started.returncode == 2
    assert are_gone(children)
    assert finished(tmp_path) == []


@pytest.mark.torture
def test_after_a_killed_worker_the_same_command_goes_on(data, started, tmp_path, capsys):
    until(lambda: len(finished(tmp_path)) >= 2)
    children = descendants(started)
    first, second = workers(started)
    first.kill()
    assert started.communicate(timeout=PATIENCE)[1] == ENDED
    assert started.returncode == 2
    assert are_gone([*children, second])
    assert is_whole(tmp_path)
    before = trained(tmp_path / "results")
    wanted = range(max(finished(tmp_path)) + 2)
    missing = {*wanted} - {*finished(tmp_path)}
    few = dataset.load(str(data))
    training.train(brief, wanted, few, tmp_path / "results")
    out = capsys.readouterr().out
    assert out.count("(new)") == len(out.splitlines()) - 1 == len(missing)
    assert finished(tmp_path) == [*wanted]
    after = trained(tmp_path / "results")
    assert after.items() >= before.items()


@pytest.mark.torture
def test_a_killed_parent_leaves_no_process_behind(started, tmp_path):
    until(lambda: finished(tmp_path))
    children = descendants(started)
    assert len(workers(started)) == 2
    started.kill()
    assert are_gone(children)
    whole = {f"seed-{seed:02d}" for seed in finished(tmp_path)}
    # A run may be half written under another name.
    assert {path.name for path in (tmp_path / "results" / "baseline").glob("[!.]*")} == whole


@pytest.mark.torture  # test_two_processes_do_what_one_does has the same but for the terminal's
@pytest.mark.parametrize("when", ["while they start", "while they train"])
def test_ctrl_c_ends_all_processes(started, tmp_path, when):
    if when == "while they start":  # a terminal sends it to all of them
        until(lambda: len(workers(started)) == 2)
        children = descendants(started)
        os.killpg(started.pid, signal.SIGINT)
    else:
        until(lambda: finished(tmp_path))
        children = descendants(started)
        started.send_signal(signal.SIGINT)
    _, said = started.communicate(timeout=PATIENCE)
    assert said == "interrupted: finished runs are kept; run the same command again to continue\n"
    assert started.returncode == 130
    assert are_gone(children)
    assert is_whole(tmp_path)
    assert len(finished(tmp_path)) < 2000


def test_a_pool_takes_other_work_than_training(few):
    waited = []
    with pools.pool(few) as pool:
        pool.on_wait = lambda: waited.append(True)
        pending = {pool.submit(divmod, 17, number): number for number in (5, 0, 3)}
        assert waited
        # What is whole is not lost to another's error.
        answers = []
        while len(answers) < 2:
            answers += pool.finished(pending)
        assert dict(answers) == {5: (3, 2), 3: (5, 2)}
        with pytest.raises(ZeroDivisionError):
            pool.finished(pending)
        assert pool.finished({pool.submit(jobs.dataset_here, few.sha256): "few"}) == [("few", few)]


def test_a_user_error_in_work_ends_the_pool(few):
    def fails():
        raise UserError("the policy fails")

    with pytest.raises(UserError, match="the policy fails"), pools.pool(few) as pool:
        pool.finished({pool.submit(fails): None})


def test_a_pool_within_another_hears_ctrl_c(few, tmp_path, monkeypatch):
    done = []

    def work(job):
        jobs.stop_if_interrupted()
        done.append(job.wanted["seed"])
        signal.raise_signal(signal.SIGINT)
        return fake_training.work(job)

    def within():
        with pools.pool(few) as outer:
            with pytest.raises(KeyboardInterrupt):
                training.train(brief, range(3), few, tmp_path)  # in a pool of its own
            assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
            with pytest.raises(KeyboardInterrupt):
                outer.finished({outer.submit(os.getpid): None})

    monkeypatch.setattr(training, "work", work)
    with pytest.raises(KeyboardInterrupt):
        within()
    assert done == [0]
    assert runs.seeds(tmp_path, "baseline") == []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_ctrl_c_is_not_waited_with(few):
    def twice():
        with pools.pool(few):
            signal.raise_signal(signal.SIGINT)
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        twice()


def test_signals_that_the_caller_handles_are_left_alone(few):
    heard = []
    before = signal.signal(signal.SIGINT, lambda *_: heard.append(True))
    try:
        with pools.pool(few):
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [True]


def test_a_pool_in_a_thread(few):
    def work():
        with pools.pool(few) as pool:
            found.extend(pool.finished({pool.submit(abs, -3): "abs"}))

    found = []
    thread = threading.Thread(target=work)
    thread.start()
    thread.join(PATIENCE)
    assert found == [("abs", 3)]


def test_as_many_in_parallel_as_cores_and_memory_allow(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {5}, raising=False)
    assert pools.in_parallel() == 1
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {2, 3, 5}, raising=False)
    monkeypatch.setattr(pools, "MEMORY", 1)
    assert pools.in_parallel() == 3
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    monkeypatch.setattr(pools, "MEMORY", memory / 2.5)
    assert pools.in_parallel() == 2
    monkeypatch.setattr(pools, "MEMORY", 2 * memory)
    assert pools.in_parallel() == 1
