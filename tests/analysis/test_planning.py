"""Advice on the number of seeds and images, against tables and simulated studies."""

import numpy as np
import pytest

from mnist_aug.analysis.intervals import Crossed, difference_interval
from mnist_aug.analysis.planning import Advice, _power, advice


def study(rng, seeds, images, seed=0.0, image=0.0, cell=0.02, mean=0.01):
    """Differences [S, N] with effects of these standard deviations."""
    return (
        mean
        + rng.normal(0, seed, (seeds, 1))
        + rng.normal(0, image, (1, images))
        + rng.normal(0, cell, (seeds, images))
    )


def test_seeds_by_the_t_test():
    """A t test of 34 pairs finds half a standard deviation with 80 % (Cohen 1988, table 2.4.1)."""
    only_seeds = Crossed(1.0, 0.0, 0.0)
    assert _power(only_seeds, 0.5, 33, 10**6) < 0.8 < _power(only_seeds, 0.5, 34, 10**6)


def test_many_seeds_where_seeds_are_the_noise():
    rng = np.random.default_rng(0)
    differences = study(rng, 20, 500, seed=0.05, cell=0.001, mean=0.03)
    found = advice(np.zeros_like(differences), differences)
    assert found.images is None
    spread = differences.mean(axis=1).std(ddof=1)
    expected = (2.8 * spread / differences.mean()) ** 2  # normal, so a little less than with t
    assert expected < found.seeds < expected + 4


def test_images_where_no_number_of_seeds_will_do():
    rng = np.random.default_rng(1)
    differences = study(rng, 10, 359, image=0.2, mean=0.02)
    found = advice(np.zeros_like(differences), differences)
    assert found.seeds is None
    wanted = (2.8 * 0.2 / differences.mean()) ** 2
    assert found.images == pytest.approx(wanted, rel=0.25)
    assert found.images > 359


def test_both_where_seeds_alone_would_be_beyond_measure():
    """The images leave just enough power, so that a little less of a difference asks for all."""
    rng = np.random.default_rng(4)
    drawn = study(rng, 5, 2000, seed=0.01, image=0.5, cell=0.3, mean=0.0)
    drawn += 3.0 * np.sqrt(Crossed.of(drawn).image / 2000) - drawn.mean()
    found = advice(np.zeros_like(drawn), drawn)
    assert found.images == 4000
    assert 2 <= found.seeds < 20
    within = _power(Crossed.of(drawn), drawn.mean(), found.seeds, found.images)
    assert within >= 0.8 > _power(Crossed.of(drawn), drawn.mean(), found.seeds, 2000)


def test_two_seeds_ask_for_seeds_before_images():
    """A t with one degree of freedom would ask for twenty times the images that five seeds need."""
    differences = study(np.random.default_rng(6), 2, 300, seed=0.01, image=0.3, cell=0.1)
    differences += 0.03 - differences.mean()
    found = advice(np.zeros_like(differences), differences)
    assert found.seeds == 5
    variance = Crossed.of(differences)
    assert _power(variance, differences.mean(), 5, found.images) >= 0.8
    assert _power(variance, differences.mean(), 2, 10 * found.images) < 0.8


def test_both_where_neither_will_do_alone():
    differences = study(np.random.default_rng(2), 2, 300, seed=0.05, image=0.3, mean=0.03)
    found = advice(np.zeros_like(differences), differences)
    assert found.seeds > 2
    assert found.images > 300


def test_a_wider_interval_needs_more_seeds():
    """A t test at 1 % finds half a standard deviation with 80 % by 51 pairs."""
    only_seeds = Crossed(1.0, 0.0, 0.0)
    assert _power(only_seeds, 0.5, 50, 10**6, 0.99) < 0.8 < _power(only_seeds, 0.5, 51, 10**6, 0.99)
    differences = study(np.random.default_rng(0), 20, 500, seed=0.05, cell=0.001, mean=0.03)
    strict = advice(np.zeros_like(differences), differences, level=0.99)
    assert strict.seeds > 1.3 * advice(np.zeros_like(differences), differences).seeds


def test_nothing_finds_what_is_not_there():
    same = np.ones((5, 50), bool)
    assert advice(same, same) == Advice(None, None)
    assert advice(same[:1], ~same[:1]) == Advice(None, None)


def test_a_difference_below_three_in_n_needs_images():
    """However alike the runs are, the interval reaches 3/N."""
    first, second = np.zeros((5, 1000), bool), np.zeros((5, 1000), bool)
    second[:, :2] = True
    assert advice(first, second).seeds is None
    assert advice(first, second).images > 1500


@pytest.mark.parametrize(
    ("studies", "allowed"), [(50, 0.17), pytest.param(400, 0.06, marks=pytest.mark.torture)]
)
@pytest.mark.parametrize(("case", "part"), [((0.05, 0.05), "seeds"), ((0.01, 0.4), "images")])
def test_the_advice_finds_the_difference(case, part, studies, allowed):
    """About 80 % of studies of the advised size leave 0 out, by the verdict's own interval."""
    seed, image = case
    rng = np.random.default_rng(3)
    drawn = study(rng, 30, 400, seed, image, 0.1, 0.0)
    differences = drawn - drawn.mean() + 0.03
    found = advice(np.zeros_like(differences), differences)
    size = (found.seeds or 30, found.images or 400)
    assert getattr(found, part) is not None
    parts = Crossed.of(differences)
    effects = (parts.seed**0.5, parts.image**0.5, parts.cell**0.5)
    hits = [
        difference_interval(study(rng, *size, *effects, 0.03), resamples=100)[0] > 0
        for _ in range(studies)
    ]
    assert np.mean(hits) == pytest.approx(0.8, abs=allowed)
