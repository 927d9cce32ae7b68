"""What the report says of corrupted and changed images, against values worked out by hand."""

import numpy as np
import pytest
import synthetic_results
from statsmodels.stats.multitest import multipletests

from mnist_aug.analysis import comparison
from mnist_aug.analysis import robustness as analysis
from mnist_aug.augment import policy, saved
from mnist_aug.report import robustness

pytest_plugins = "rendered"


def test_errors_are_those_of_the_bits(full):
    table = full.tables["corruptions"].frame.set_index("corruption")
    error = {
        variant.name: {
            name: 1 - variant.correct_on(f"corruption/{name}").mean()
            for name in ("fog", "rotate", "zigzag")
        }
        for variant in full.content.both
    }
    for name in ("fog", "rotate", "zigzag"):
        row = table.loc[name]
        assert np.isclose(row["baseline"], error["baseline"][name])
        assert np.isclose(row["relative"], error["augmented"][name] / error["baseline"][name])
        assert row["low"] < row["difference"] < row["high"]
    assert list(table.index) == [
        "rotate",
        "zigzag",
        "fog",
        "mean of 1 resembling",
        "mean of 2 unseen",
        "mean of all 3",
    ]
    every = table.loc["mean of all 3"]
    assert np.isclose(every["augmented"], np.mean(list(error["augmented"].values())))
    assert np.isclose(every["relative"], table["relative"][:3].mean())
    assert np.isclose(
        table.loc["mean of 2 unseen", "baseline"],
        (error["baseline"]["fog"] + error["baseline"]["zigzag"]) / 2,
    )


def test_the_interval_of_the_mean_knows_that_versions_share_an_image(full):
    frame = full.tables["corruptions"].frame.set_index("corruption")
    width = frame["high"] - frame["low"]
    assert width["mean of all 3"] < width[["rotate", "zigzag", "fog"]].min()


def test_p_is_that_of_the_interval_and_adjusted_for_all_types(full):
    frame = full.tables["corruptions"].frame
    single = frame[frame["policy"] != ""]
    assert ((single["p"] < 0.05) == ((single["low"] > 0) | (single["high"] < 0))).all()
    assert list(single["holm_p"]) == pytest.approx(multipletests(single["p"], method="holm")[1])
    assert frame.loc[frame["policy"] == "", "holm_p"].isna().all()
    shown = full.tables["corruptions"].display["p, Holm for 3"]
    assert list(shown[3:]) == ["—"] * 3


def test_mean_accuracy_of_a_source_by_hand(full):
    baseline = full.content.both[0]
    names = ("fog", "rotate", "zigzag")
    expected = np.mean([baseline.correct_on(f"corruption/{n}").mean(axis=1) for n in names], 0)
    np.testing.assert_allclose(analysis.mean_accuracy(baseline.scores, "corruption/"), expected)
    assert np.isnan(analysis.mean_accuracy(baseline.scores, "mnist-c/")).all()


def test_sentences(full):
    text = robustness.corruption_sentences(full.tables["corruptions"])[0]
    assert "Mean error over 3 corruption types is 41." in text
    assert (
        "By p adjusted for all 3 (Holm 1979), augmented makes fewer errors in 1 of 3 corruption "
        "types (rotate), more errors in 1 (fog) and no detectable difference in 1 (zigzag)." in text
    )
    assert "The policy's transforms resemble rotate" in text
    others = list(robustness.transfer_sentences(full.tables["transfer"]))
    assert others[0].startswith("Generalisation gap")
    assert others[1].startswith("On the 400 images of sklearn-digits")
    assert robustness.severity_sentence(full.tables["severities"]) == (
        "For these test images, by p over seeds adjusted for all 4 severities (Holm 1979), "
        "augmented makes: rotation, fewer errors in all 2 severities; shift, fewer errors in the "
        "only one; noise, more errors in the only one."
    )


def test_severities_hold_the_clean_images(full):
    frame = full.tables["severities"].frame
    turned = frame[frame["axis"] == "rotation"]
    assert turned["severity"].tolist() == [-10, 0, 10]
    assert np.isclose(turned["augmented"].iloc[1], 1 - full.content.both[1].accuracy.mean())
    assert (frame["baseline_least"] <= frame["baseline"]).all()
    assert (frame["baseline"] <= frame["baseline_most"]).all()


def test_shifts_of_other_sizes_are_in_shares_of_the_side(full, tmp_path):
    results = synthetic_results.write(
        tmp_path, seeds=1, test=60, shape=(16, 20), bench=False, samples=False, other_sets=True
    )
    small = analysis.severity_errors(comparison.load(results))
    for frame, unit in (
        (full.tables["severities"].frame, "px"),
        (small, "1/28 of the shorter side"),
    ):
        assert {*frame[frame["axis"] == "shift"]["unit"]} == {unit}


def test_without_scores_on_any_axis_there_is_no_section_on_them(tmp_path, render, monkeypatch):
    few = {"corruption/fog": (0.2, 0.15), "training": (0.99, 0.98)}
    monkeypatch.setattr(synthetic_results, "OTHER_SETS", few)
    results = synthetic_results.write(
        tmp_path / "results", seeds=1, test=60, bench=False, samples=False, other_sets=True
    )
    report = render(results, tmp_path / "reports")
    assert "severities" not in report.sections
    assert {"corruptions", "transfer"} <= {*report.sections}


@pytest.mark.parametrize(
    ("name", "like"),
    [
        ("default", {"rotate", "scale", "translate", "shear"}),
        ("rotate", {"rotate"}),
        ("scale", {"scale"}),
        ("elastic", set()),
        ("no-shear", {"rotate", "scale", "translate"}),
    ],
)
def test_what_a_policy_resembles(name, like):
    assert analysis.trained_on(saved.as_data(policy.load(name).pipeline)) == like
