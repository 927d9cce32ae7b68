"""The search: on validation alone, the same each time, and none of its trials lost or repeated."""

import gzip
import json
import os
import re
import sqlite3
import struct
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import fake_training
import numpy as np
import pandas as pd
import pytest
from conftest import PATIENCE, PROJECT
from fake_training import accuracy, study_of
from processes import until

from mnist_aug.augment import policy, saved
from mnist_aug.errors import UserError
from mnist_aug.experiments import studies
from mnist_aug.results import extras, runs
from mnist_aug.train.variant import augmented, baseline

optuna = pytest.importorskip("optuna")
from mnist_aug.experiments import search  # noqa: E402, it needs Optuna


@pytest.fixture
def fake(monkeypatch, digits):
    """Searches without training; returns the table of trials."""
    monkeypatch.setattr(search, "pool", fake_training.pool)

    def searched(start, trials, seeds, results, **options):
        search.search(start, trials, seeds, digits, results, **options)
        return extras.read_search(extras.search_folder(results), start.name).trials

    return searched


def searching(results, trials, seconds, fast=0):
    return subprocess.Popen(
        [
            sys.executable,
            PROJECT / "tests" / "fake_training.py",
            results,
            *map(str, (trials, seconds, fast)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
    )


def test_the_test_images_are_not_needed(called, few, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    for kind, array in (("images-idx3", few.x_train), ("labels-idx1", few.y_train)):
        header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
        (folder / f"train-{kind}-ubyte.gz").write_bytes(
            gzip.compress(header + array.astype(np.uint8).tobytes(), 1)
        )
    process = called(
        "tune", "baseline", "--data", folder, "--trials", 1, "--seeds", 2, "--epochs", 1
    )
    assert process.returncode == 0, process.stderr
    assert process.stderr == ""
    assert re.search(r"baseline, trial 0: validation accuracy \d+\.\d\d %", process.stdout)
    found = json.loads((tmp_path / "results" / "tune" / "baseline.json").read_text())
    assert 0.2 < found["validation"] < 1
    assert found["validation"] == np.mean(found["scores"])
    assert len(found["scores"]) == 2


def test_trials_below_the_median_are_pruned_once_there_are_some(fake, tmp_path):
    table = fake(baseline, 40, 3, tmp_path)
    assert table.trial.tolist() == [*range(40)]
    whole = table[~table.pruned]
    assert (whole.seeds == 3).all()
    assert not table.pruned[: search.STARTUP].any()
    pruned = table[table.pruned]
    assert len(pruned) > 3
    noise = [
        accuracy({"variant": baseline.settings(), "seed": seed})
        for seed in range(search.FIRST_SEED, search.FIRST_SEED + 3)
    ]
    merit = table.validation - [np.mean(noise[:seeds]) for seeds in table.seeds]
    for number in range(search.STARTUP, 40):
        earlier = number - number % search.ROUND
        before = merit[:earlier][~table.pruned[:earlier]]
        assert table.pruned[number] == (merit[number] < np.median(before)), number
    assert (pruned.seeds == 1).all()


def test_the_same_search_makes_the_same_trials(fake, tmp_path):
    fake(baseline, 25, 2, tmp_path / "one")
    fake(baseline, 25, 2, tmp_path / "two")
    fake(baseline, 25, 2, tmp_path / "parallel", processes=4)
    one = tmp_path / "one/tune"
    for name in ("baseline.csv", "baseline-importance.csv"):
        for results in ("two", "parallel"):
            assert (tmp_path / results / "tune" / name).read_bytes() == (one / name).read_bytes()
    assert pd.read_csv(one / "baseline.csv").learning_rate.nunique() > 20


def test_a_search_that_was_cut_short_makes_the_same_trials(fake, tmp_path, monkeypatch):
    whole = fake(baseline, 35, 2, tmp_path / "whole", processes=3)

    def interrupted(*arguments):
        if len(seen := search._finished(study_of(tmp_path / "cut", "baseline"))) == 17:
            raise KeyboardInterrupt
        return f"trial {len(seen)}"

    with monkeypatch.context() as patched:
        patched.setattr(search, "_line", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fake(baseline, 35, 2, tmp_path / "cut", processes=3)
    resumed = fake(baseline, 35, 2, tmp_path / "cut", processes=3)
    assert len(resumed) == 35
    assert resumed.trial.max() > 34  # some began anew
    columns = [*whole.columns.drop("trial")]

    def alike(table):
        return table[columns].sort_values(columns).reset_index(drop=True)

    pd.testing.assert_frame_equal(alike(resumed), alike(whole))


def test_the_best_trial_becomes_policies_and_variants(fake, tmp_path):
    tables = {start.name: fake(start, 12, 2, tmp_path) for start in (baseline, augmented)}
    best = {
        name: table[~table.pruned].sort_values("validation").iloc[-1]
        for name, table in tables.items()
    }
    folder = tmp_path / "tune"
    chosen = next(
        trial
        for trial in study_of(tmp_path, "augmented").trials
        if trial.number == best["augmented"].trial
    )
    _, expected = search.suggest(optuna.trial.FixedTrial(chosen.params), augmented, search.SEARCHED)
    assert saved.as_data(policy.load(str(folder / "tuned.yaml")).pipeline) == saved.as_data(
        expected
    )
    made = {variant.name: variant for variant in studies.tuned(tmp_path)}
    assert [*made] == ["tuned-baseline", "tuned-policy", "tuned-training", "tuned-augmented"]
    for start in (baseline, augmented):
        found, expected = made[f"tuned-{start.name}"], best[start.name]
        assert found.learning_rate == expected.learning_rate
        assert found.schedule == expected.schedule
        assert found.layers == (expected.width,) * 2
        assert found.policy == (start.policy and str(folder / "tuned.yaml"))
        assert found.settings()["epochs"] == start.epochs
    assert made["tuned-training"].settings() == made["tuned-augmented"].settings() | {
        "name": "tuned-training",
        "policy": augmented.settings()["policy"],
    }
    assert made["tuned-policy"].settings() == augmented.settings() | {
        "name": "tuned-policy",
        "policy": made["tuned-augmented"].settings()["policy"],
    }


@pytest.mark.torture
def test_a_killed_search_goes_on_with_what_it_was_at(fake, tmp_path):
    process = searching(tmp_path, 12, 3600, fast=5)
    assert "12 of 12 trials to do" in process.stdout.readline()
    for _ in range(2):
        assert ", trial " in process.stdout.readline()
    until(
        lambda: any(
            trial.number == 2 and "validation" in trial.user_attrs
            for trial in study_of(tmp_path, "augmented").trials
        )
    )
    process.kill()
    process.communicate()
    table = fake(augmented, 12, 2, tmp_path)
    assert len(table) == 12
    trials = study_of(tmp_path, "augmented").trials
    lost = [trial.params for trial in trials if trial.state == optuna.trial.TrialState.FAIL]
    settled = [trial.params for trial in trials if trial.state in search.SETTLED]
    assert len(lost) == search.ROUND - 2
    assert all(params in settled for params in lost)


def test_a_trial_whose_process_was_killed_before_it_said_so_is_given_up_in_a_minute(
    fake, monkeypatch, tmp_path
):
    fake(baseline, 1, 2, tmp_path)
    study_of(tmp_path, "baseline").ask()
    assert len(fake(baseline, 4, 2, tmp_path)) == 3
    monkeypatch.setattr(search, "BEGINNING_TIME", timedelta(0))
    assert len(fake(baseline, 4, 2, tmp_path)) == 4


@pytest.mark.torture
def test_searches_in_parallel_share_the_trials(tmp_path):
    both = [searching(tmp_path, 10, 0.05) for _ in range(2)]
    lines = []
    for process in both:
        out, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, err) == (0, "")
        lines += [line for line in out.splitlines() if ", trial " in line]
    trials = study_of(tmp_path, "augmented").trials
    assert sum(trial.state in search.SETTLED for trial in trials) == len(lines) == 10
    assert not any(trial.state == optuna.trial.TrialState.RUNNING for trial in trials)
    assert len(pd.read_csv(tmp_path / "tune" / "augmented.csv")) == 10


@pytest.mark.torture
def test_a_search_goes_on_for_more_trials_and_in_a_database(fake, tmp_path):
    storage = f"sqlite:///{tmp_path / 'search.db'}"
    first = fake(baseline, 3, 1, tmp_path, storage=storage)
    more = fake(baseline, 5, 1, tmp_path, storage=storage)
    pd.testing.assert_frame_equal(more[:3], first)
    assert len(more) == 5
    assert not (tmp_path / "tune" / "journal.log").exists()


def test_the_width_is_searched_of_dense_alone(fake, tmp_path):
    dense = fake(baseline, 2, 1, tmp_path / "dense")
    cnn = fake(replace(baseline, model="cnn"), 2, 1, tmp_path / "cnn")
    assert [*cnn] == [name for name in dense if name != "width"]
    found = extras.read_search(tmp_path / "cnn" / "tune", "baseline").about
    assert found["start"]["model"] == {"name": "cnn"}
    assert found["searched"] == ["learning_rate", "schedule"]


def test_a_variant_without_what_is_searched_for_is_passed_over(fake, digits, tmp_path, capsys):
    search.search(baseline, 3, 1, digits, tmp_path, ["policy"])
    assert capsys.readouterr().out == "baseline: nothing to search for\n"
    assert not (tmp_path / "tune" / "baseline.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--search", "policy,depth"],
            "'depth' can't be searched for: give some of policy, learning",
        ),
        (["--storage", "nonsense://x"], "storage nonsense://x can't be used"),
        (["--storage", "nonsense://me:secret@x/y"], "storage nonsense://…@x/y can't be used"),
        (["best"], "variant 'best' is unknown"),
    ],
)
def test_mistakes(called, fails_in_one_line, arguments, words):
    process = called("tune", "--data", "digits", "--trials", 1, *arguments)
    fails_in_one_line(process, words)
    assert "secret" not in process.stderr


def test_a_damaged_journal_is_reported_in_one_line(fake, tmp_path):
    (tmp_path / "tune").mkdir()
    (tmp_path / "tune" / "journal.log").write_text("neither\nJSON\n")
    with pytest.raises(UserError, match=r"journal.log can't be used \(.*--storage"):
        fake(baseline, 1, 1, tmp_path)
    assert runs.seeds(tmp_path, "baseline") == []


def test_a_storage_that_is_lost_is_reported_in_one_line(fake, monkeypatch, tmp_path):
    def lose(study):
        with sqlite3.connect(tmp_path / "search.db") as database:
            database.execute("DROP TABLE trials")

    monkeypatch.setattr(search, "_requeue_abandoned", lose)
    with pytest.raises(UserError, match=r"search.db can't be used .*no such table: trials"):
        fake(baseline, 1, 1, tmp_path, storage=f"sqlite:///{tmp_path / 'search.db'}")


def test_suggested_policies_are_fitted_to_the_images():
    given = dict.fromkeys(["scale", "translate", "rotate_degrees"], 0) | {
        "shear_degrees": 3,
        "elastic_alpha": 40,
        "elastic_sigma": 4.0,
        **dict.fromkeys(search.MORE, True),
    }
    _, at_28 = search.suggest(optuna.trial.FixedTrial(given), augmented, ["policy"])
    _, fitted = search.suggest(optuna.trial.FixedTrial(given), augmented, ["policy"], 56, 255)
    assert saved.as_data(fitted) == saved.as_data(policy.fitted(at_28, 56, 255))
    _, elastic, dropout, _, thickness = fitted
    assert (elastic.sigma, elastic.fill, dropout.fill) == (8, 255, 255)
    assert (thickness.scale, thickness.operation) == ((3, 3), "erosion")
