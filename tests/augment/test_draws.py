"""Counter-based draws: uniform, independent in every part of the key, the same in any order."""

import numpy as np
import pytest
from scipy.stats import chisquare, kstest

from mnist_aug.augment.engine.draws import Draws, fold, image_keys

NEIGHBOURS = {
    "seed": lambda i: (i, 0, 0, 1),
    "epoch": lambda i: (0, i, 0, 1),
    "position": lambda i: (0, 0, i, 1),
    "node": lambda i: (0, 0, 0, fold(7, i)),
}


def draws_of(seed, epoch, positions, node=1):
    return Draws(image_keys(seed, epoch, np.atleast_1d(positions)), node)


def test_splitmix64_agrees_with_its_published_sequence():
    # The reference generator seeded with 1234567 (Vigna, splitmix64.c) adds GOLDEN, then mixes.
    from mnist_aug.augment.engine.draws import GOLDEN, mix

    state = np.uint64(1234567) + np.arange(1, 4, dtype=np.uint64) * np.uint64(GOLDEN)
    assert [mix(int(n)) for n in state] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]


@pytest.mark.parametrize("part", NEIGHBOURS)
def test_neighbouring_keys_give_uniform_uncorrelated_draws(part):
    u = np.stack(
        [
            Draws(image_keys(s, e, np.array([p])), n).uniforms(8)[0]
            for s, e, p, n in map(NEIGHBOURS[part], range(2000))
        ]
    )
    assert kstest(u.ravel(), "uniform").pvalue > 1e-3
    neighbours = [np.corrcoef(u[:-1, i], u[1:, j])[0, 1] for i in range(8) for j in range(8)]
    within = [np.corrcoef(u[:, i], u[:, j])[0, 1] for i in range(8) for j in range(i)]
    assert np.abs(neighbours + within).max() < 4.5 / np.sqrt(2000)


def test_bits_are_fair_and_bytes_uniform():
    bits = draws_of(3, 1, np.arange(4000)).bits(16).ravel()
    ones = ((bits[:, None] >> np.arange(64, dtype=np.uint64)) & np.uint64(1)).mean(0)
    assert np.abs(ones - 0.5).max() < 4.5 * 0.5 / np.sqrt(len(bits))
    assert chisquare(np.bincount(bits.view(np.uint8), minlength=256)).pvalue > 1e-3
    assert len(np.unique(bits)) == len(bits)


def test_normals_are_normal_and_their_halves_independent():
    z = draws_of(5, 0, np.arange(5000)).normals(10)
    assert z.dtype == np.float32
    assert np.isfinite(z).all()
    assert kstest(z.ravel(), "norm").pvalue > 1e-3
    assert np.abs(np.corrcoef(z.T) - np.eye(10)).max() < 4.5 / np.sqrt(5000)
    assert np.abs(np.corrcoef((z**2).T) - np.eye(10)).max() < 4.5 / np.sqrt(5000)


def test_the_rarest_bits_make_finite_normals():
    draws = draws_of(0, 0, np.arange(3))
    draws.bits = lambda count: np.array([[0], [2**64 - 1], [2**63]], np.uint64)
    z = draws.normals(2)
    assert np.isfinite(z).all()
    assert np.abs(z).max() < 7


def test_integers_have_both_ends_and_equal_shares():
    counts = np.bincount(draws_of(1, 1, np.arange(7000)).integers(2, 8), minlength=9)
    assert counts[:2].sum() == 0
    assert chisquare(counts[2:]).pvalue > 1e-3


def test_a_draw_is_the_same_alone_in_any_order_and_company():
    whole = draws_of(1, 2, np.arange(50)).uniforms(5)
    assert np.array_equal(draws_of(1, 2, 17).uniforms(5)[0], whole[17])
    assert np.array_equal(draws_of(1, 2, np.array([30, 3])).uniforms(5), whole[[30, 3]])
    one_by_one = draws_of(1, 2, np.arange(50))
    assert np.array_equal(np.stack([one_by_one.uniform() for _ in range(5)], axis=1), whole)


def test_every_integer_is_a_seed_and_counts_modulo_2_to_the_64():
    first = [draws_of(seed, 0, 0).bits(1)[0, 0] for seed in (-1, 0, 2**63, 10**30, -(2**63) - 1)]
    assert len(set(first)) == 5
    assert draws_of(-1, -2, np.array([-3])).bits(1) == draws_of(
        2**64 - 1, 2**64 - 2, np.array([2**64 - 3], np.uint64)
    ).bits(1)


def test_keys_in_swapped_roles_differ():
    keys = {
        int(image_keys(*roles[:2], np.array([roles[2]]))[0])
        for roles in ((1, 2, 3), (1, 3, 2), (2, 1, 3), (2, 3, 1), (3, 1, 2), (3, 2, 1))
    }
    assert len(keys) == 6
