"""Many means compared: against SciPy, published formulas, values by hand, and invariants."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from mnist_aug.analysis import contrasts
from mnist_aug.analysis.contrasts import (
    Estimates,
    against,
    all_pairs,
    best,
    by_set,
    difference,
    estimates,
    moderated,
    ranks,
)
from mnist_aug.analysis.intervals import compare


def given_variances(means, variances, seeds, freedom, shared=0.0, shared_freedom=np.inf):
    """Estimates of given variances over seeds, of single runs, and no part of images."""
    count = len(means)
    return Estimates(
        tuple("abcdefghijklmnopqrstuvwxyz"[:count]),
        np.array(means, float),
        np.array(seeds),
        np.array(variances) / seeds,
        np.full(count, freedom, float) if np.isscalar(freedom) else np.array(freedom, float),
        np.full(count, shared),
        shared_freedom,
        np.zeros((count, count)),
        None,
    )


def pooled(groups):
    """Estimates of one variance for all."""
    degrees = sum(len(group) - 1 for group in groups)
    variance = sum((len(group) - 1) * np.var(group, ddof=1) for group in groups) / degrees
    means, seeds = [np.mean(group) for group in groups], [len(group) for group in groups]
    return given_variances(means, [variance] * len(groups), seeds, np.inf, 1.0, degrees)


@pytest.mark.parametrize(("seeds", "wider"), [(4, 1.04), (10, 1.015), (200, 1.005)])
def test_as_dunnett_and_tukey_where_variances_are_equal(seeds, wider):
    """Up to what comes of a variance known from few; p by Student's t with the pooled variance."""
    groups = np.random.default_rng(0).normal([[0], [0.5], [1], [0.2], [0]], 1, (5, seeds))
    found = pooled(groups)
    rows = against(found, "a")
    dunnett = stats.dunnett(*groups[1:], control=groups[0], rng=np.random.default_rng(0))
    ends = dunnett.confidence_interval(0.95)
    own = (rows["high"] - rows["low"]).to_numpy() / (ends.high - ends.low)
    assert ((own > 0.995) & (own < wider)).all()
    np.testing.assert_allclose(rows["low"] + rows["high"], ends.low + ends.high)
    pairs = all_pairs(found)
    ends = stats.tukey_hsd(*groups).confidence_interval(0.95)
    at = np.triu_indices(5, 1)
    own = (pairs["high"] - pairs["low"]).to_numpy() / (ends.high - ends.low)[at]
    assert ((own > 0.995) & (own < wider)).all()
    np.testing.assert_allclose(pairs["low"] + pairs["high"], -(ends.low + ends.high)[at])
    size = np.abs(rows["difference"]) / np.sqrt(2 * found.seed_variances[0])
    np.testing.assert_allclose(rows["p"], 2 * stats.t.sf(size, 5 * (seeds - 1)))
    np.testing.assert_allclose(rows["df"], 5 * (seeds - 1))


def test_no_interval_is_shorter_than_the_images_allow():
    """As in the main result: what happened to none of N images may happen to 3 of them."""
    right = np.arange(1000) >= np.array([[30], [30], [31], [29], [30]])
    (row,) = against(estimates({"a": right, "b": right}), "a").itertuples()
    for low, high in ((row.low, row.high), (row.within_low, row.within_high)):
        assert low <= -0.003 + 1e-12
        assert high >= 0.003 - 1e-12
    ends = compare(right, right)
    assert (row.within_low, row.within_high) == pytest.approx((ends.within_low, ends.within_high))


def test_as_welch_where_nothing_is_shared():
    rng = np.random.default_rng(1)
    one, two = rng.normal(0, 1, 3), rng.normal(0.5, 3, 30)
    variances, means = [one.var(ddof=1), two.var(ddof=1)], [one.mean(), two.mean()]
    found = given_variances(means, variances, [3, 30], [2, 29])
    welch = stats.ttest_ind(two, one, equal_var=False)
    (row,) = against(found, "a").itertuples()
    assert row.df == pytest.approx(welch.df)
    assert row.p == row.holm_p == pytest.approx(welch.pvalue)
    ends = welch.confidence_interval(0.95)
    assert (row.low, row.high) == (row.alone_low, row.alone_high)
    assert (row.low, row.high) == pytest.approx((ends.low, ends.high))
    assert difference(found, "a", "b") == pytest.approx((row.difference, row.low, row.high))
    ends = welch.confidence_interval(0.9)
    assert (row.within_low, row.within_high) == pytest.approx((ends.low, ends.high))


def test_equivalence_as_statsmodels():
    """The 90 % interval ends at the margin where the larger p of two one-sided tests is 5 %."""
    from statsmodels.stats.weightstats import ttost_ind

    rng = np.random.default_rng(2)
    one, two = rng.normal(0, 1, 8), rng.normal(0.3, 1, 8)
    (row,) = against(pooled([one, two]), "a").itertuples()
    margin = max(-row.within_low, row.within_high)
    assert ttost_ind(two, one, -margin, margin)[0] == pytest.approx(0.05)


def test_variances_are_moderated_by_smyths_formulas():
    variances, freedom = np.array([0.01, 0.5, 4.0, 0.2, 9.0]), np.array([2, 4, 2, 9, 2])
    half = freedom / 2
    logs = np.log(variances) - special.digamma(half) + np.log(half)
    between = logs.var(ddof=1) - special.polygamma(1, half).mean()
    assert between > special.polygamma(1, contrasts.MOST_PRIOR / 2)  # so that it counts
    found, own, shared, usual_freedom = moderated(variances, freedom)
    error = (special.polygamma(1, half) + between).sum() / 25  # squared, of the mean logarithm
    assert usual_freedom == pytest.approx(2 / error)
    prior = own[0] - 2  # of a variance below the usual one
    assert special.polygamma(1, prior / 2) == pytest.approx(between)
    usual = np.exp(logs.mean() + special.digamma(prior / 2) - np.log(prior / 2) + error / 2)
    shrunk = (prior * usual + freedom * variances) / (prior + freedom)
    np.testing.assert_allclose(found, np.maximum(shrunk, variances))
    np.testing.assert_allclose(own, freedom + prior * np.minimum(1, usual / variances))
    np.testing.assert_allclose(shared, prior * usual / (prior + freedom) / found)


def test_a_variance_is_borrowed_upwards_alone_and_by_a_limit():
    found, own, _, _ = moderated(np.full(6, 2.0), np.full(6, 2))
    assert (found >= 2).all()
    assert (own <= 2 + contrasts.MOST_PRIOR).all()  # all alike, which may be chance
    found, *_ = moderated(np.array([1.0, 1, 1, 1, 50]), np.full(5, 2))
    assert found[4] == 50
    found, *_ = moderated(np.array([1.0, 1, 1, 1, 0.05]), np.full(5, 2))
    assert found[4] > 0.5


@pytest.mark.parametrize(("variants", "seeds"), [(2, 8), (3, 5), (4, 4), (5, 3)])
def test_few_variances_say_nothing_of_what_is_usual(variants, seeds):
    """As docs/statistics.md says: with a seed or a variant less nothing is borrowed."""
    spread = np.linspace(1, 2, variants)
    assert moderated(spread, np.full(variants, seeds - 1))[0][0] > 1
    for fewer, freedom in ((spread, seeds - 2), (spread[:-1], seeds - 1)):
        found, own, shared, _ = moderated(fewer, np.full(len(fewer), freedom))
        assert found.tolist() == fewer.tolist()
        assert own.tolist() == [freedom] * len(fewer)
        assert not shared.any()


def test_a_variance_without_spread():
    none, *_ = moderated(np.zeros(3), np.full(3, 4))
    assert none.tolist() == [0, 0, 0]
    one, *_ = moderated(np.array([0.0, 1.0, 1.0]), np.full(3, 4))
    assert 0 < one[0] < 1
    found = estimates({"a": np.full(3, 0.5), "b": np.full(5, 0.75)})
    (row,) = against(found, "a").itertuples()
    exact = stats.permutation_test(
        (np.arange(3), np.arange(3, 8)), lambda a, b: a.mean() - b.mean(), n_resamples=np.inf
    )
    assert row.p == pytest.approx(exact.pvalue)
    assert 0 < row.low < 0.25 < row.high
    few = estimates({"a": np.full(3, 0.5), "b": np.full(3, 0.75)})  # p is 0.1 at best
    assert against(few, "a")["low"].item() < 0
    same = estimates({"a": np.full(3, 0.5), "b": np.full(3, 0.5)})
    assert against(same, "a")["p"].tolist() == [1]
    assert best(same) == ["a", "b"]


def test_images_by_hand():
    """Two runs each, on four images: means by image, and the noise of cells taken off."""
    first = np.array([[1, 1, 1, 0], [1, 1, 0, 0]])
    second = np.array([[1, 0, 1, 0], [1, 0, 1, 0]])
    found = estimates({"a": first, "b": second})
    by_image = np.array([[1, 1, 0.5, 0], [1, 0, 1, 0]])
    expected = np.cov(by_image) / 4
    # left in `first`, in each row: 3/8 in one image and 1/8 in three, either way; df 3
    expected[0, 0] -= 2 * (9 + 3) / 64 / 3 / 8
    np.testing.assert_allclose(found.image_covariance, expected, atol=1e-12)
    assert found.images == 4
    (row,) = against(found, "a").itertuples()
    least = 3 / 4 / stats.t.ppf(0.975, row.df)
    variance = found.seed_variances.sum() + expected[0, 0] + expected[1, 1] - 2 * expected[0, 1]
    assert row.se == pytest.approx(max(least, variance**0.5))
    given = estimates({"a": first, "b": second}, over_images=False)
    assert not given.image_covariance.any()
    assert given.images is None


def test_what_happens_to_none_of_n_images_may_happen_to_three():
    right = np.ones((5, 400), bool)
    (row,) = against(estimates({"a": right, "b": right}), "a").itertuples()
    assert (row.low, row.high) == pytest.approx((-3 / 400, 3 / 400))
    assert row.p == 1


def test_ranks_by_hand():
    """c is above both others, which can't be told apart."""
    found = given_variances([0.5, 0.51, 0.9], [1e-4] * 3, [10] * 3, 9)
    expected = pd.DataFrame(
        {
            "variant": ["a", "b", "c"],
            "mean": [0.5, 0.51, 0.9],
            "rank": [3.0, 2, 1],
            "rank_low": [2, 2, 1],
            "rank_high": [3, 3, 1],
        }
    )
    pd.testing.assert_frame_equal(ranks(found), expected)
    assert best(found) == ["c"]
    tied = given_variances([0.9, 0.9, 0.5], [1e-4] * 3, [10] * 3, 9)
    assert ranks(tied)["rank"].tolist() == [1.5, 1.5, 3]
    assert best(tied) == ["a", "b"]
    one = given_variances([0.9], [1e-4], [10], 9)
    assert ranks(one)["rank_high"].tolist() == [1]
    assert best(one) == ["a"]
    assert not len(against(one, "a"))


def test_a_single_seed_is_not_compared():
    rng = np.random.default_rng(3)
    scores = {"a": rng.random(5), "b": rng.random(5) + 5, "single": rng.random(1)}
    rows = against(estimates(scores), "a").set_index("variant")
    assert rows.loc["single", ["low", "high", "alone_low", "p", "holm_p"]].isna().all()
    assert rows.loc["b", "low"] > 0
    assert rows.loc["b", "holm_p"] == rows.loc["b", "p"]
    assert best(estimates(scores)) == ["b", "single"]
    assert ranks(estimates(scores)).set_index("variant").loc["single", "rank_high"] == 3
    alone = against(estimates({"a": np.ones(1), "b": np.zeros(1)}), "a")
    assert np.isnan(alone[["low", "high", "alone_low", "within_low", "p"]].to_numpy()).all()


@pytest.mark.parametrize(
    "scores",
    [
        {"a": np.ones((2, 3)), "b": np.ones((2, 4))},
        {"a": np.ones((2, 3)), "b": np.ones(2)},
        {"a": np.ones(2), "b": np.ones(0)},
        {},
    ],
)
def test_what_cannot_be_compared(scores):
    with pytest.raises(ValueError, match="the same images"):
        estimates(scores)


@pytest.mark.parametrize("score", [np.nan, np.inf])
def test_what_is_no_number_is_refused(score):
    """It would make all intervals of all variants unknown, or the others' ranks wrong."""
    with pytest.raises(ValueError, match="finite"):
        estimates({"a": np.ones(3), "b": np.array([0.9, score, 0.8])})


def test_many_are_quick():
    """Twenty variants in under a second is what a page of many tables needs."""
    import time

    scores = np.random.default_rng(0).random((20, 5, 1000)) < 0.9
    found = estimates({f"v{at:02d}": own for at, own in enumerate(scores)})
    start = time.process_time()
    all_pairs(found)
    assert time.process_time() - start < 3  # with room for a busy machine


studies = st.lists(
    st.tuples(st.integers(2, 5), st.integers(0, 2**32 - 1)), min_size=2, max_size=5
).map(
    lambda drawn: {
        f"v{at}": np.random.default_rng(seed).normal(0, 1 + at, (count, 12))
        for at, (count, seed) in enumerate(drawn)
    }
)


@settings(max_examples=12, deadline=None)
@given(studies, st.randoms(use_true_random=False), st.booleans())
def test_invariants(scores, random, over_images):
    found = estimates(scores, over_images)
    rows = against(found, "v0").set_index("variant")
    # simultaneous intervals hold those of each by itself, and 95 % those of 90 %
    for wide, narrow in (("", "alone_"), ("", "within_")):
        assert (rows[f"{wide}low"] <= rows[f"{narrow}low"] + 1e-9).all()
        assert (rows[f"{wide}high"] >= rows[f"{narrow}high"] - 1e-9).all()
    # p says what the interval by itself says
    outside = (rows["alone_low"] > 0) | (rows["alone_high"] < 0)
    assert ((rows["p"] < 0.05) == outside).all()
    assert (rows["holm_p"] >= rows["p"]).all()
    # in another order, and with a constant added, all is the same
    names = [*scores]
    random.shuffle(names)
    moved = estimates({name: scores[name] + 7 for name in names}, over_images)
    again = against(moved, "v0").set_index("variant").loc[rows.index]
    np.testing.assert_allclose(again, rows, rtol=1e-4, atol=1e-6)
    # intervals of ranks hold the ranks, and someone is best
    table = ranks(found)
    assert (table["rank_low"] <= table["rank"]).all()
    assert (table["rank"] <= table["rank_high"]).all()
    names = best(found)
    assert names[0] == table.loc[table["mean"].idxmax(), "variant"]
    assert set(names) == set(table["variant"][table["rank_low"] == 1])


def test_what_never_varies_has_the_interval_of_the_rule_of_three():
    """For each policy by itself: nothing tells how these would vary together."""
    right = np.ones((3, 40), bool)
    rows = against(estimates({"baseline": right, "one": right, "two": right}), "baseline")
    for low, high in (("low", "high"), ("alone_low", "alone_high")):
        assert rows[low].to_numpy() == pytest.approx([-3 / 40] * 2)
        assert rows[high].to_numpy() == pytest.approx([3 / 40] * 2)


@pytest.mark.parametrize(
    "scores",
    [
        {"baseline": [0.9, 0.9], "one": [0.91, 0.91], "two": [0.92, 0.93]},
        {"baseline": np.ones((5, 40)), "one": np.ones((5, 40)), "two": 1 - np.eye(5, 40)},
        {"baseline": [0.1, 0.9], "one": [0.9, 0.1]},
    ],
)
def test_intervals_of_accuracies_stay_within_what_there_can_be(scores):
    found = estimates({name: np.asarray(own) for name, own in scores.items()})
    for rows in (against(found, "baseline"), all_pairs(found)):
        for end in {"low", "high", "alone_low", "alone_high"} & {*rows}:
            assert rows[end].between(-1, 1).all()
    assert (against(found, "baseline")["df"] >= 1).all()


def sets_of(rng, seeds: int, images: int = 150, sets: int = 6) -> list[list[np.ndarray]]:
    """Two variants alike on several sets: effects of seeds, of images and of cells, all shared."""
    every = []
    hard = rng.normal(0, 1, (sets, 1, images))
    for _ in range(2):
        common = rng.normal(0, 0.1, (1, seeds, 1)) + rng.normal(0, 0.1, (sets, seeds, 1))
        own = hard + rng.normal(0, 0.5, (sets, 1, images))
        every.append([*(common + own + rng.normal(0, 0.5, (sets, seeds, images)))])
    return every


def test_intervals_on_several_sets_cover_together():
    rng, missed = np.random.default_rng(3), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contrasts, "DRAWS", 4000)
        for _ in range(60):
            low, high = by_set(*sets_of(rng, 4))
            missed.append(((low > 0) | (high < 0)).any())
    assert np.mean(missed) <= 0.13


def test_more_sets_make_intervals_wider_but_not_the_same_again():
    first, second = sets_of(np.random.default_rng(0), 5)
    alone, few, many = (
        np.subtract(*by_set(first[:n], second[:n])[::-1])[0] for n in (1, 2, len(first))
    )
    assert alone < few < many
    same = np.subtract(*by_set([first[0]] * 6, [second[0]] * 6)[::-1])
    assert same == pytest.approx(np.full(6, alone), rel=0.01)


def test_of_many_seeds_and_given_images_sets_are_as_many_normal_variates():
    """Independent ones: the ends are those of Sidak (1967)."""
    rng = np.random.default_rng(1)
    first, second = ([*rng.normal(0, 1, (5, 4000))] for _ in range(2))
    low, high = by_set(first, second)
    sidak = stats.norm.isf((1 - 0.95 ** (1 / 5)) / 2)
    se = [np.hypot(stats.sem(one), stats.sem(two)) for one, two in zip(first, second, strict=True)]
    assert (high - low) / 2 == pytest.approx(sidak * np.array(se), rel=0.01)


def test_sets_of_different_images_and_single_seeds():
    first, second = sets_of(np.random.default_rng(2), 5)
    cut = [
        [own[:, : 50 + 20 * place] for place, own in enumerate(every)] for every in (first, second)
    ]
    low, high = by_set(*cut, same_images=False)
    assert (low < high).all()
    one = [own[:1] for own in first]
    assert np.isnan(by_set(one, second)).all()


def test_equal_scores_on_all_sets():
    right = [np.ones((3, 60), bool)] * 4
    low, high = by_set(right, right)
    assert (low < 0).all()
    assert high == pytest.approx(-low)
