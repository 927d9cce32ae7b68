"""Accuracy and training time, by hand."""

import numpy as np
import pytest
import synthetic_results
from hypothesis import given
from hypothesis import strategies as st

from mnist_aug.analysis import comparison, pareto
from mnist_aug.results.runs import read_variant


def test_the_front_by_hand():
    minutes = [1, 1, 2, 3, 3, 4, 5]
    errors = [0.3, 0.2, 0.2, 0.1, 0.1, 0.15, 0.05]
    # The second beats the first and the third, the twins do not beat each other.
    assert [*pareto.front(minutes, errors)] == [False, True, False, True, True, False, True]


POINTS = st.lists(st.tuples(st.floats(0.01, 100), st.floats(0, 1)), min_size=1, max_size=30)


@given(POINTS)
def test_what_is_not_on_the_front_is_beaten_by_what_is(points):
    on_front = pareto.front(*zip(*points, strict=True))
    best = [one for one, chosen in zip(points, on_front, strict=True) if chosen]
    assert best
    for one, chosen in zip(points, on_front, strict=True):
        beaten = any(other != one and other[0] <= one[0] and other[1] <= one[1] for other in best)
        assert beaten != chosen


def test_what_was_trained(tmp_path):
    right = np.arange(100) < np.array([[96], [94], [98]])
    results = synthetic_results.write(
        tmp_path, test=100, samples=False, bench=False, correct={"baseline": right}
    )
    scored = np.arange(50) < np.array([[45], [48]])
    sets = {"affine": {"test": right[:2]}, "elastic": {"test": right[:2], "validation": scored}}
    synthetic_results.write_policies(results, sets, seconds=60)
    found = {
        "both": comparison.load(results).variants,
        "compare": {name: read_variant(results / "compare" / name) for name in sets},
    }
    frame = pareto.trained(found).set_index("variant")
    assert [*frame.index] == ["baseline", "augmented", "affine", "elastic"]
    row = frame.loc["affine"]
    assert (row["study"], row["policy"], row["seeds"], row["epochs"]) == ("compare", "affine", 2, 5)
    assert row["minutes"] == pytest.approx(60.05 / 60)
    assert (row["minutes_least"], row["minutes_most"]) == pytest.approx((1, 60.1 / 60))
    assert row["error"] == pytest.approx(0.05)
    assert row["error_sd"] == pytest.approx(0.02 / 2**0.5)
    assert frame.loc["baseline", "minutes"] == pytest.approx(8.1 / 60)
    assert frame.loc["baseline", "error"] == pytest.approx(0.04)
    last = [run.history["val_accuracy"].iloc[-1] for run in found["compare"]["affine"].runs]
    assert row["validation"] == pytest.approx(np.mean(last))
    assert frame.loc["elastic", "validation"] == pytest.approx((0.9 + 0.96) / 2)  # evaluated
