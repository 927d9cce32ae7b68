"""Variance by source, by hand and against simulated training sets."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from mnist_aug.analysis.variance import _half_width, _training_share, components
from mnist_aug.results.runs import BOTH


class Results(SimpleNamespace):
    """As much of a variant's results as the split reads."""

    @property
    def accuracy(self):
        return self.correct.mean(axis=1)

    def only(self, seeds):
        keep = [seed in seeds for seed in self.seeds]
        chosen = [seed for seed in self.seeds if seed in seeds]
        return Results(correct=self.correct[keep], seeds=chosen, runs=self.runs)


def results(correct, train=80, validation=20):
    run = SimpleNamespace(manifest={"dataset": {"train": train, "validation": validation}})
    return Results(correct=correct, seeds=[*range(len(correct))], runs=(run,))


def content(first, second):
    both = [results(np.asarray(own)[:, None]) for own in (first, second)]
    gains = both[1].accuracy - both[0].accuracy
    return SimpleNamespace(variants=dict(zip(BOTH, both, strict=True)), gains=gains)


def test_the_split_by_hand():
    fixed = content([0.5, 0.6], [0.7, 0.7])
    spread = np.array([0.2, 0.4, 0.6])[:, None] + np.zeros((3, 50))
    frame = components(fixed, (results(spread), results(spread + 0.1)))
    assert frame["model"].tolist() == [*BOTH, "difference"]
    first, second, difference = frame.to_dict("records")
    assert (first["seeds"], first["resampled_seeds"], first["mean"]) == (2, 3, pytest.approx(0.4))
    assert first["weights"] == pytest.approx(0.005)
    assert first["training"] == pytest.approx((0.04 - 0.005) / 0.2)  # a fifth of it is seen
    assert first["test"] == pytest.approx(0, abs=1e-12)
    assert first["training_share"] == pytest.approx(0.175 / 0.18)
    assert 0 == first["training_share_low"] < 0.175 / 0.18 < first["training_share_high"] <= 1
    assert not first["clipped"]
    assert second["weights"] == 0
    assert difference["mean"] == pytest.approx(0.1)
    # the differences of runs on the same images vary, those of resampled runs don't
    assert difference["clipped"]
    assert difference["training"] == 0
    assert difference["weights"] == pytest.approx(0.005 / 3)  # the mean by degrees of freedom
    for row in (first, difference):
        assert row["low"] < row["mean"] < row["high"]


def test_seeds_are_paired_in_the_difference():
    rng = np.random.default_rng(0)
    first, second = (results(rng.random((3, 40)) < 0.8) for _ in range(2))
    second.seeds = [1, 2, 3]
    frame = components(content([0.5, 0.6], [0.6, 0.8]), (first, second)).set_index("model")
    expected = second.correct[:2].mean() - first.correct[1:].mean()
    assert frame.loc["difference", "mean"] == pytest.approx(expected)
    assert frame["resampled_seeds"].tolist() == [3, 3, 2]


def test_what_cannot_be_split():
    rng = np.random.default_rng(1)
    both = tuple(results(rng.random((3, 40)) < 0.8, 100, 0) for _ in range(2))
    assert components(content([0.5, 0.6], [0.6, 0.7]), both)["low"].isna().all()
    single = tuple(results(rng.random((1, 40)) < 0.8) for _ in range(2))
    found = components(content([0.5, 0.6], [0.6, 0.7]), single)
    parts = ["weights", "training_share", "training_share_high", "low", "high"]
    assert found[parts].isna().all(axis=None)


def test_the_interval_is_students_where_training_images_do_nothing():
    """Runs of all seeds on the same images, known to vary as much: nothing but a t interval."""
    half = _half_width(np.array([100.0, 1.0]), np.array([10**6, 4]), 5, 0.8, 0.0)
    assert half == pytest.approx(stats.t.ppf(0.975, 4) * (1 / 5) ** 0.5, rel=0.01)
    known = _half_width(np.array([1.0, 2.0]), np.array([10**6, 10**6]), 5, 0.8, 0.5)
    assert known == pytest.approx(1.959964 * (2 / 5 + 0.8 * 1 / 0.2 + 0.5) ** 0.5, rel=0.01)
    assert _half_width(np.zeros(2), np.array([4, 4]), 5, 0.8, 0.0) == 0


def test_the_interval_of_the_share_of_training_images_is_that_of_a_ratio_of_variances():
    """Without test images in it, the share is a function of the ratio, whose interval is by F."""
    variances, freedom = np.array([1.0, 4.0]), np.array([9, 14])
    ratios = 4 / stats.f.ppf([0.975, 0.025], 14, 9)
    training = (np.array(ratios) - 1).clip(0) / 0.2
    found = _training_share(variances, freedom, 0.8, 0.0)
    assert found == pytest.approx(training / (1 + training), abs=0.04)
    assert 0 < found[0] < found[1] < 1
    # and with them, the share of a total that holds more
    other = _training_share(variances, freedom, 0.8, 5.0)
    assert other[0] < found[0]
    assert other[1] < found[1]
    assert _training_share(variances[::-1], np.array([10**6, 10**6]), 0.8, 0.0) == (0, 0)
    assert np.isnan(_training_share(np.zeros(2), freedom, 0.8, 0.0)).all()


@pytest.mark.parametrize("drawn", [0.5, 0.8])
def test_the_formula_by_simulated_training_sets(drawn):
    """A model that is the sum over its training images of what each does."""
    rng = np.random.default_rng(2)
    count, seeds = 50, 4
    taken = int(drawn * count)
    pools = rng.normal(size=(20_000, count))
    order = rng.random((20_000, seeds, count)).argsort(axis=2)[:, :, :taken]
    sums = np.take_along_axis(pools[:, None, :], order, axis=2).sum(axis=2)
    new = taken  # the variance over wholly new training sets
    assert sums.mean(axis=1).var() == pytest.approx(new * ((1 - drawn) / seeds + drawn), rel=0.05)
    seen = sums.var(axis=1, ddof=1).mean()
    assert seen == pytest.approx(new * (1 - drawn), rel=0.05)
    known = _half_width(np.array([1e-9, seen]), np.array([10**6, 10**6]), seeds, drawn, 0.0)
    assert known == pytest.approx(1.959964 * sums.mean(axis=1).std(), rel=0.05)


def test_what_never_varies_reaches_as_far_as_the_rule_of_three_and_no_further_than_there_is():
    both = tuple(results(np.ones((3, 60), bool)) for _ in range(2))
    frame = components(content([1.0, 1.0], [1.0, 1.0]), both).set_index("model")
    assert frame["low"].tolist() == pytest.approx([1 - 3 / 60, 1 - 3 / 60, -3 / 60])
    assert frame["high"].tolist() == pytest.approx([1, 1, 3 / 60])
