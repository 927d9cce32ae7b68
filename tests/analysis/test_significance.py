"""Tests of differences against values by hand, other implementations and simulated nulls."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats import contingency_tables

from mnist_aug.analysis.significance import (
    holm,
    mcnemar,
    permutation_test,
    probability_better,
)


def test_permutation_by_hand():
    # of 8 sums of +-1, +-2, +-4 the largest magnitude is 7, reached by two
    assert permutation_test([1, 2, 4]) == pytest.approx(2 / 8)
    assert permutation_test([-1, 2, 4]) == pytest.approx(4 / 8)
    assert permutation_test([0, 0, 0]) == 1
    assert permutation_test([5] * 30) == pytest.approx(2 / 2**30)


@given(st.lists(st.integers(-30, 30), min_size=1, max_size=9))
def test_permutation_counts_every_choice_of_signs(differences):
    sums = [
        abs(sum(s * d for s, d in zip(signs, differences, strict=True)))
        for signs in product((1, -1), repeat=len(differences))
    ]
    expected = np.mean(np.array(sums) >= abs(sum(differences)))
    assert permutation_test(np.array(differences)) == pytest.approx(expected, abs=1e-12)


def test_permutation_as_scipy():
    differences = np.random.default_rng(0).integers(-20, 35, 11)
    expected = stats.permutation_test(
        (differences,), np.sum, permutation_type="samples", n_resamples=np.inf
    ).pvalue
    assert permutation_test(differences) == pytest.approx(expected)


def test_permutation_takes_counts():
    with pytest.raises(ValueError, match="counts of images"):
        permutation_test([0.5, 0.25])


@pytest.mark.parametrize("seeds", [10, 30])
def test_permutation_rejects_one_true_null_in_twenty(seeds):
    """5 +- 1.5 % of 2,000 simulated studies without a difference, with skewed noise in both."""
    rng = np.random.default_rng(1)
    models = rng.gamma(2, 8, (2, 2000, seeds)).round().astype(int)
    rejected = sum(permutation_test(d) <= 0.05 for d in models[0] - models[1])
    assert 70 <= rejected <= 130


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.2]) == pytest.approx([0.2])


@pytest.mark.parametrize("seed", range(5))
def test_mcnemar_as_statsmodels(seed):
    rng = np.random.default_rng(seed)
    first, second = rng.random(300) < 0.8, rng.random(300) < 0.85
    table = [
        [(first & second).sum(), (first & ~second).sum()],
        [(~first & second).sum(), (~first & ~second).sum()],
    ]
    gained, lost, p = mcnemar(first, second)
    assert (gained, lost) == (table[1][0], table[0][1])
    assert p == pytest.approx(contingency_tables.mcnemar(table, exact=True).pvalue)


def test_mcnemar_of_equal_models():
    assert mcnemar(np.ones(9, bool), np.ones(9, bool)) == (0, 0, 1.0)


def test_probability_better_by_hand():
    share, low, high = probability_better(np.array([1, 2, 0, -1]))
    assert share == 2.5 / 4
    exact = stats.beta.ppf(0.025, 2, 3), stats.beta.ppf(0.975, 4, 1)  # Clopper and Pearson 1934
    assert (low, high) == pytest.approx(exact)
    assert probability_better(np.ones(30))[1] == pytest.approx(0.025 ** (1 / 30))
