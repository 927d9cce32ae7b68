"""True classes by folders and names, and what answers are worth."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from mnist_aug.analysis import intervals, metrics
from mnist_aug.evaluate import scoring
from mnist_aug.evaluate.answers import Answer, Picture
from mnist_aug.evaluate.prediction import Reading

DIGITS = [*map(str, range(10))]
CLOTHES = ["T-shirt/top", "Ankle boot", "Boot", "A", "a", "é", "+", "-"]


@pytest.mark.parametrize(
    ("path", "given", "names", "true"),
    [
        ("x/7-012.png", "x", DIGITS, "7"),
        ("x/7_x.png", "x", DIGITS, "7"),
        ("x/7.png", "x/7.png", DIGITS, "7"),
        ("x/7 (2).jpg", "x", DIGITS, "7"),
        ("x/digit_7.png", "x", DIGITS, ""),
        ("x/seven.png", "x", DIGITS, ""),
        ("x/0007.png", "x", DIGITS, ""),
        ("x/17.png", "x", DIGITS, ""),
        ("x/7/a.png", "x", DIGITS, "7"),
        ("x/7/photos/a.png", "x", DIGITS, "7"),
        ("x/7/8/a.png", "x", DIGITS, "8"),
        ("x/7/3.png", "x", DIGITS, "7"),  # the third of its class
        ("7/a.png", "7", DIGITS, "7"),
        ("7/a.png", "7/a.png", DIGITS, "7"),
        ("7/x/a.png", "7/x", DIGITS, ""),  # what is above the given folder tells nothing
        ("7/x/a.png", "7/x/a.png", DIGITS, ""),
        ("x/ankle_boot-3.png", "x", CLOTHES, "Ankle boot"),
        ("x/ANKLE BOOT/3.png", "x", CLOTHES, "Ankle boot"),
        ("x/boot.3.png", "x", CLOTHES, "Boot"),
        ("x/t-shirt-top_1.png", "x", CLOTHES, "T-shirt/top"),
        ("x/a-1.png", "x", CLOTHES, "a"),
        ("x/A-1.png", "x", CLOTHES, "A"),
        ("x/e\u0301/1.png", "x", CLOTHES, "é"),  # as macOS stores it
        ("x/+/1.png", "x", CLOTHES, "+"),
        ("x/_/1.png", "x", CLOTHES, ""),
    ],
)
def test_the_true_class_is_told_by_folder_or_name(path, given, names, true):
    truth = scoring.Truths(names).of(Picture(Path(path), Path(given)))
    assert truth.name == true


def test_the_folder_counts_and_contradictions_are_known():
    truths = scoring.Truths(DIGITS)
    assert truths.of(Picture(Path("x/7/3.png"), Path("x"))) == scoring.Truth("7", "3")
    assert truths.of(Picture(Path("x/7/7-3.png"), Path("x"))) == scoring.Truth("7")


def answered(path, digit=None, doubt=float("nan"), other=None):
    picture = Picture(Path(path), Path("x"))
    if digit is None:
        return Answer(picture, error=f"{path} is damaged")
    readings = {
        name: Reading(np.eye(10)[own], 1, 1, doubt)
        for name, own in (("baseline", digit), ("augmented", digit if other is None else other))
    }
    return Answer(picture, tuple(DIGITS), readings)


ANSWERS = [
    answered("x/a/4-1.png", 9, 0.8, other=4),
    answered("x/a/4-2.png", 9, 0.3, other=4),
    answered("x/a/4-3.png"),
    answered("x/a/5.png", 5, 0.3),
    answered("x/b/6.png", 6, 0.1),
    answered("x/b/unknown.png", 6, 0.1),
    Answer(Picture(Path("x/7"), Path("x/7"), error="x/7 holds no picture"), error="x/7 holds…"),
]


def test_a_score_counts_what_was_not_read_as_an_error():
    found = scoring.score(ANSWERS, scoring.Truths(DIGITS))
    assert (found.pictures, found.not_read, found.unknown) == (5, 1, [Path("x/b/unknown.png")])
    baseline, augmented = found.models["baseline"], found.models["augmented"]
    assert (baseline.right, augmented.right) == (2, 4)
    assert baseline.confusions == [("4", "9", 2), ("4", "", 1)]
    assert augmented.confusions == [("4", "", 1)]
    wilson = stats.binomtest(4, 5).proportion_ci(method="wilson")
    assert (augmented.low, augmented.high) == (wilson.low, wilson.high)
    # Wrong ones have 0.8 and 0.3, right ones 0.3 and 0.1: three of four pairs, and a tie.
    assert baseline.area == 3.5 / 4
    assert baseline.area_low < baseline.area < baseline.area_high
    assert np.isnan(augmented.area)  # all that it answered is right
    assert found.folders == {
        "a": (4, {"baseline": 0.25, "augmented": 0.75}),
        "b": (1, {"baseline": 1.0, "augmented": 1.0}),
    }
    lines = scoring.lines(found)
    assert lines[0] == "pictures of known class: 5; not read, which count as errors: 1"
    assert lines[1].startswith("  baseline   accuracy 40.00 % (95 % CI 11.76 to 76.93), 2 right")
    assert lines[2] == "    4 read as 9: 2, 4 not read: 1"
    assert lines[3].startswith("    area under the ROC curve of wrong answers by doubt 0.875")
    assert lines[-1].startswith("x/b/unknown.png is of unknown class and not scored.")
    shown = json.loads(json.dumps(scoring.as_json(found), allow_nan=False))
    assert shown["models"]["baseline"]["accuracy"] == 0.4
    assert shown["models"]["baseline"]["confusions"][1] == {"true": "4", "read": None, "count": 1}
    assert shown["models"]["augmented"]["roc_area"] is None
    assert shown["folders"][0]["accuracy"] == {"baseline": 0.25, "augmented": 0.75}


def test_no_area_without_doubts_nor_a_table_of_one_folder():
    some = [answered("x/1.png", 1), answered("x/2.png", 1)]
    found = scoring.score(some, scoring.Truths(DIGITS))
    assert np.isnan(found.models["baseline"].area)
    assert found.folders == {}
    assert not any("ROC" in line for line in scoring.lines(found))


def test_roc_area_counts_ties_half():
    rng = np.random.default_rng(0)
    scores, positive = rng.integers(0, 6, 200), rng.random(200) < 0.3
    assert metrics.roc_area(scores, positive) == pytest.approx(roc_auc_score(positive, scores))
    assert np.isnan(metrics.roc_area(scores, positive & False))


def test_roc_area_interval_covers_and_has_a_width_at_the_ends():
    """The published example is not at hand, so coverage of binormal scores is counted."""
    low, high = intervals.roc_area_interval(1.0, 5, 50)
    assert 0.7 < low < 1
    assert high == 1
    low, high = intervals.roc_area_interval(0.5, 40, 40)
    assert (low, high) == pytest.approx((1 - high, 1 - low))
    rng = np.random.default_rng(1)
    truth = stats.norm.cdf(1.5 / 2**0.5)
    covered = []
    for _ in range(400):
        scores = np.concatenate([rng.normal(1.5, 1, 12), rng.normal(0, 1, 80)])
        area = metrics.roc_area(scores, np.arange(92) < 12)
        low, high = intervals.roc_area_interval(area, 12, 80)
        covered.append(low <= truth <= high)
    assert 0.92 <= np.mean(covered) <= 0.99
    assert np.isnan(intervals.roc_area_interval(float("nan"), 0, 3)).all()
