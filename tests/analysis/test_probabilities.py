"""Calibration and selective classification, against values by hand."""

import numpy as np
import pytest
import synthetic_results

from mnist_aug.analysis import calibration, comparison
from mnist_aug.analysis.metrics import risk_coverage


def test_risk_among_the_most_confident():
    confidence = np.array([0.9, 0.5, 0.8, 0.7])
    correct = np.array([True, False, False, True])
    expected = [0, 1 / 2, 1 / 3, 2 / 4]
    np.testing.assert_allclose(risk_coverage(confidence, correct), expected)
    assert risk_coverage(confidence, correct).mean() == pytest.approx(1 / 3)  # AURC


def test_images_of_equal_confidence_count_in_proportion_whatever_their_order():
    confidence = np.array([0.9, 0.9, 0.9, 0.9, 0.5])
    correct = np.array([False, True, True, True, False])
    expected = [1 / 4, 1 / 4, 1 / 4, 1 / 4, 2 / 5]
    for order in ([0, 1, 2, 3, 4], [3, 4, 2, 1, 0]):
        found = risk_coverage(confidence[order], correct[order])
        np.testing.assert_allclose(found, expected)


def test_confidences_that_are_no_numbers_come_last():
    found = risk_coverage(np.array([np.nan, 0.2]), np.array([False, True]))
    np.testing.assert_allclose(found, [0, 1 / 2])
    assert risk_coverage(np.full(3, np.nan), np.zeros(3, bool)).tolist() == [1, 1, 1]


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    """Two seeds; every largest probability is 0.9, and the nine others share a tenth."""
    wrong = np.ones((2, 100), bool)
    first, second = wrong.copy(), wrong.copy()
    first[0, :4], first[1, :6] = False, False
    second[0, :2], second[1, :1] = False, False
    return comparison.load(
        synthetic_results.write(
            tmp_path_factory.mktemp("results"),
            seeds=2,
            test=100,
            samples=False,
            bench=False,
            correct={"baseline": first, "augmented": second},
        )
    )


def test_scores_by_hand(content):
    frame = calibration.scores(content).set_index(["score", "scaled"])
    truth = np.eye(content.classes)[content.labels]
    brier = [((one.probabilities - truth) ** 2).sum(2).mean() for one in content.both]
    row = frame.loc[("brier", False)]
    assert [row["baseline"], row["augmented"]] == pytest.approx(brier, rel=1e-4)  # half precision
    row = frame.loc[("aurc", False)]  # where all are equally sure, the error at every coverage
    assert [row["baseline"], row["augmented"]] == pytest.approx([0.05, 0.015])
    gains = np.array([0.02, 0.05])
    half = 12.706205 * gains.std(ddof=1) / 2**0.5  # Student's t with one degree of freedom
    assert row["difference"] == pytest.approx(gains.mean())
    assert [row["low"], row["high"]] == pytest.approx([gains.mean() - half, gains.mean() + half])
    assert ("aurc", True) not in frame.index


def test_scaled_scores_by_hand(content):
    frame = calibration.scores(content).set_index(["score", "scaled"])
    for variant in content.both:
        losses = []
        for heat, right in zip(variant.temperatures, variant.correct, strict=True):
            large, small = 0.9 ** (1 / heat), (0.1 / 9) ** (1 / heat)
            total = large + 9 * small
            losses.append(-np.where(right, np.log(large / total), np.log(small / total)).mean())
        found = frame.loc[("loss", True), variant.name]
        assert found == pytest.approx(np.mean(losses), rel=1e-3)


def test_overconfidence_by_hand(content):
    found = calibration.overconfidence(content)
    assert found == pytest.approx({"baseline": 0.9 - 0.95, "augmented": 0.9 - 0.985}, rel=1e-2)


def test_bins_hold_every_image_of_every_seed(content):
    frame = calibration.bins(content)
    assert frame.groupby(["variant", "scaled"])["images"].sum().tolist() == [200] * 4
    own = frame[(frame["variant"] == "baseline") & ~frame["scaled"] & (frame["images"] > 0)]
    assert own["accuracy"].tolist() == pytest.approx([0.95])
    assert own["confidence"].tolist() == pytest.approx([0.9], rel=1e-3)
    assert own["share"].tolist() == [1]
    heated = frame[(frame["variant"] == "baseline") & frame["scaled"] & (frame["images"] > 0)]
    assert (heated["confidence"] != pytest.approx(0.9, rel=1e-3)).all()


def test_the_curve_ends_in_the_error_of_all_images(content):
    frame = calibration.risk_coverage(content)
    assert frame["coverage"].tolist() == pytest.approx(np.arange(1, 101) / 100)
    last = frame.iloc[-1]
    assert [last["baseline"], last["augmented"]] == pytest.approx([0.05, 0.015])
    assert (frame["baseline_low"] <= frame["baseline"]).all()
    assert (frame["baseline"] <= frame["baseline_high"]).all()


def test_what_may_be_kept_to_err_as_rarely_as_the_other():
    first = risk_coverage(np.arange(10, 0, -1), ~np.isin(np.arange(10), [0, 7, 8, 9]))
    second = risk_coverage(np.arange(10, 0, -1), ~np.isin(np.arange(10), [8, 9]))
    found = calibration.share_kept({"baseline": first, "augmented": second})
    assert found == ("baseline", 0.7)  # 1 error in 7 is less than 2 in 10, and 2 in 8 is more
    assert calibration.share_kept({"baseline": second, "augmented": first}) == ("augmented", 0.7)
    assert calibration.share_kept({"baseline": first, "augmented": first}) is None
    none = risk_coverage(np.arange(10, 0, -1), np.ones(10, bool))
    assert calibration.share_kept({"baseline": first, "augmented": none}) == ("baseline", 0.0)


def test_the_mean_over_seeds_is_kept(content):
    risks = calibration.mean_risks(content)
    assert risks["baseline"].tolist() == pytest.approx([0.05] * 100)
    assert calibration.share_kept(risks) == ("baseline", 0.0)
