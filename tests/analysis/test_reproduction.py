"""A study against a reference: what counts as reproduced, and what can't be compared."""

import re

import numpy as np
import pytest
import synthetic_results
from scipy import stats

from mnist_aug.analysis import reproduction as check
from mnist_aug.errors import UserError
from mnist_aug.report.tables import MINUS


def test_welch_interval_by_its_formula():
    first, second = np.array([0.90, 0.94, 0.92]), np.array([0.97, 0.95, 0.96, 0.96])
    parts = [values.var(ddof=1) / len(values) for values in (first, second)]
    df = sum(parts) ** 2 / sum(
        part**2 / (len(values) - 1) for part, values in zip(parts, (first, second), strict=True)
    )
    half = stats.t.ppf(0.995, df) * np.sqrt(sum(parts))
    mean = first.mean() - second.mean()
    np.testing.assert_allclose(check.welch_interval(first, second), (mean - half, mean + half))
    assert check.welch_interval(np.full(3, 0.5), np.full(2, 0.25)) == (0.25, 0.25)


def test_false_alarms_are_as_rare_as_said():
    random = np.random.default_rng(0)
    alarms = 0
    for _ in range(2000):
        low, high = check.welch_interval(random.normal(size=5), random.normal(size=30))
        alarms += not low <= 0 <= high
    assert 0.003 <= alarms / 2000 <= 0.02


def study_with(folder, rates, seeds=5, test=400, **options):
    """A results folder whose arms err at these rates, in a seeded random pattern."""
    random = np.random.default_rng(len(str(folder)))
    correct = {arm: random.random((seeds, test)) >= rate for arm, rate in rates.items()}
    return synthetic_results.write(
        folder, seeds=seeds, test=test, correct=correct, bench=False, samples=False, **options
    )


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    return study_with(
        tmp_path_factory.mktemp("r") / "reference", {"baseline": 0.06, "augmented": 0.04}, seeds=8
    )


def test_same_rates_are_reproduced_and_other_rates_are_not(reference, tmp_path, called):
    same = study_with(tmp_path / "same", {"baseline": 0.06, "augmented": 0.04})
    worse = study_with(tmp_path / "worse", {"baseline": 0.06, "augmented": 0.16})
    process = called("check", "--results", same, "--reference", reference)
    assert process.returncode == 0, process.stdout + process.stderr
    lines = process.stdout.splitlines()
    assert len(lines) == 3
    for line in lines:
        assert re.search(
            r": reproduced: difference \S?\d\.\d\d pp, within the interval of "
            r"±\d\.\d\d pp \(99%, 5 seeds against 8\)$",
            line,
        ), line
    process = called("check", "--results", worse, "--reference", reference)
    assert process.returncode == 1
    outcomes = [": reproduced" in line for line in process.stdout.splitlines()]
    assert outcomes == [True, False, False]
    assert f": NOT reproduced: difference {MINUS}" in process.stdout
    assert "pp, outside the interval of ±" in process.stdout


def test_corrupted_images_are_compared_where_both_have_them(tmp_path):
    rates = {"baseline": 0.06, "augmented": 0.04}
    ours, theirs = (study_with(tmp_path / name, rates, beside=True) for name in ("a", "b"))
    _, lines = check.check(ours, theirs)
    assert lines[-1].startswith("augmented minus baseline, corrupted images: reproduced")
    assert len(lines) == 4


def test_what_cannot_be_compared(reference, tmp_path, called, fails_in_one_line):
    rates = {"baseline": 0.06, "augmented": 0.04}
    one = study_with(tmp_path / "one", rates, seeds=1)
    fails_in_one_line(called("check", "--results", one, "--reference", reference), "one seed")
    short = study_with(tmp_path / "short", rates, epochs=3)
    with pytest.raises(UserError, match="other epochs than in"):
        check.check(short, reference)
    fails_in_one_line(called("check", "--results", tmp_path / "none"), "none")
