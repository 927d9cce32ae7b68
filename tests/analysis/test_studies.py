"""What the runs of a study say, by hand; the report's tests look at its tables."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mnist_aug.analysis import contrasts
from mnist_aug.analysis.intervals import mean_interval
from mnist_aug.analysis.studies import (
    StudyRuns,
    by_epoch,
    data_efficiency,
    grid,
    mean_intervals,
    settled,
    summary,
    worth,
)


def study(scores):
    """The runs of a study, accuracies by variant; validation is a tenth below."""
    rows = [
        {"variant": name, "seed": seed, "test": value, "validation": value - 0.1}
        for name, own in scores.items()
        for seed, value in enumerate(own)
    ]
    return StudyRuns(pd.DataFrame(rows), pd.DataFrame())


def test_differences_are_of_all_runs_and_borrow_the_spread():
    scores = {"baseline": [0.5, 0.6, 0.55, 0.51], "a": [0.7, 0.72], "b": [0.8, 0.9]}
    scores |= {name: [0.8, 0.85, 0.9] for name in "cdef"}
    runs = study(scores)
    np.testing.assert_allclose(runs.values("a"), [0.7, 0.72])
    mean, low, high = runs.difference("baseline", "a")
    assert mean == pytest.approx(0.71 - 0.54)
    found = contrasts.estimates({n: np.array(own) for n, own in scores.items()}, over_images=False)
    assert (mean, low, high) == contrasts.difference(found, "baseline", "a")
    own, least, most = study({n: scores[n] for n in ("baseline", "a")}).difference("baseline", "a")
    assert own == pytest.approx(mean)
    assert most - least != pytest.approx(high - low)  # what others vary by counts
    assert runs.difference("baseline", "a", "validation") == pytest.approx((mean, low, high))
    assert np.isnan(runs.difference("baseline", "nowhere")).all()
    runs.frame.loc[runs.frame["variant"] == "a", "validation"] = np.nan  # none were held out
    assert np.isnan(runs.difference("baseline", "a", "validation")).all()


def test_intervals_of_means_borrow_the_spread():
    few = {"a": [0.7, 0.72, 0.75], "b": [0.8, 0.9], "one": [0.3]}
    alone = mean_intervals(contrasts.estimates({"a": np.array(few["a"])}))
    np.testing.assert_allclose(alone.loc["a"], mean_interval(np.array(few["a"])))
    many = few | {name: [0.8, 0.85, 0.9] for name in "cdef"}
    found = contrasts.estimates({name: np.array(own) for name, own in many.items()})
    ends = mean_intervals(found)
    (at,) = [place for place, name in enumerate(found.names) if name == "a"]
    half = np.sqrt(found.seed_variances[at])  # that of its own few seeds and the usual one
    assert ends.loc["a"].mean() == pytest.approx(np.mean(few["a"]))
    width = (ends.loc["a", "high"] - ends.loc["a", "low"]) / 2
    df = 1 / (1 / found.freedom[at] + found.shared[at] ** 2 / found.shared_freedom)
    assert 2 < df < found.freedom[at]
    assert width == pytest.approx(stats.t.ppf(0.975, df) * half)
    assert ends.loc["one"].isna().all()
    assert ends.loc["b", "high"] == 1  # an accuracy, so no more


def test_the_grid_has_a_row_for_each_part_and_strength():
    scores = {
        "baseline": [0.50, 0.52, 0.51],
        "augmented": [0.90, 0.91, 0.92],
        "rotate-2x": [0.53, 0.54, 0.55],
        "rotate": [0.60, 0.62, 0.61],
        "shear": [0.70, 0.71, 0.72],
    }
    frame = grid(study(scores))
    # By part, the one with the best row first; augmented is no part by itself.
    assert frame["variant"].tolist() == ["shear", "rotate", "rotate-2x"]
    assert frame["part"].tolist() == ["shear", "rotate", "rotate"]
    assert frame["factor"].tolist() == [1, 1, 2]
    assert frame["validation"].tolist() == pytest.approx([0.61, 0.51, 0.44])
    for part in ("validation", "test"):
        assert frame[f"{part}_difference"].tolist() == pytest.approx([0.2, 0.1, 0.03])
    rest = {name: np.array(own) for name, own in scores.items() if name != "augmented"}
    rows = contrasts.against(contrasts.estimates(rest, over_images=False), "baseline")
    rows = rows.set_index("variant").loc[frame["variant"]]
    for end in ("low", "high", "holm_p"):
        assert frame[f"test_difference_{end}"].tolist() == pytest.approx(rows[end].tolist())
    runs = study(scores)
    runs.frame["validation"] = np.nan  # none were held out
    bare = grid(runs)
    assert bare["validation_difference"].isna().all()
    assert {*bare["test_difference"].round(6)} == {0.2, 0.1, 0.03}


def test_a_summary_by_hand():
    scores = {"baseline": [0.5, 0.6], "a": [0.7, 0.72], "b": [0.8, 0.9], "one": [0.3]}
    runs = study(scores)
    table = summary(runs, [*scores], ["baseline", "a"]).set_index("variant")
    assert table["seeds"].tolist() == [2, 2, 2, 1]
    assert table.loc["b", "validation"] == pytest.approx(0.75)
    assert table.loc["b", "test_sd"] == pytest.approx(0.1 / 2**0.5)
    assert np.isnan(table.loc["one", "test_sd"])
    ends = [f"against_baseline{end}" for end in ("", "_low", "_high")]
    assert table.loc["baseline", ends].tolist() == [0, 0, 0]
    rows = contrasts.against(runs.estimates(), "baseline").set_index("variant")
    assert tuple(table.loc["b", ends]) == tuple(rows.loc["b", ["difference", "low", "high"]])
    _, low, high = runs.difference("baseline", "b")
    assert table.loc["b", ends[1]] < low < high < table.loc["b", ends[2]]  # simultaneous
    assert table.loc["one", ends].isna().tolist() == [False, True, True]


def test_training_images_by_hand():
    frame = pd.DataFrame(
        [
            {"variant": name, "seed": seed, "test": test, "policy": policy, "training_images": size}
            for name, policy, size, tests in (
                ("baseline", None, 1000, [0.9, 0.92, 0.91]),
                ("augmented", "default", 1000, [0.95, 0.95, 0.96]),
                ("baseline-100", None, 100, [0.6, 0.64]),
                ("augmented-100", "default", 100, [0.8, 0.82]),
            )
            for seed, test in enumerate(tests)
        ]
    )
    table = data_efficiency(StudyRuns(frame, pd.DataFrame())).set_index("training_images")
    assert table["seeds"].to_dict() == {100: 2, 1000: 3}
    row = table.loc[100]
    assert row["baseline"] == pytest.approx(0.38)
    assert row["difference"] == pytest.approx(-0.19)
    assert row["low"] < row["difference"] < row["high"]
    assert row["lead"] == pytest.approx(0.81 - 0.91)
    assert row["worth"] == pytest.approx(  # between 100 and 1000 in logarithms
        10 ** (np.log(0.38 / 0.19) / np.log(0.38 / 0.09))
    )
    assert table.loc[1000, "worth"] == np.inf
    ends = 1 - np.array(stats.t.interval(0.95, 2, 0.91, stats.sem([0.9, 0.92, 0.91])))
    np.testing.assert_allclose(table.loc[1000, ["baseline_high", "baseline_low"]], ends)


def efficiency(baseline, augmented):
    """The frame of errors by training images, of three runs each that hardly vary."""
    rows = [
        {"variant": f"{m}-{size}", "test": 1 - error + noise, "policy": p, "training_images": size}
        for m, p, own in (("baseline", None, baseline), ("augmented", "default", augmented))
        for size, error in own.items()
        for noise in (-0.001, 0, 0.001)
    ]
    return data_efficiency(StudyRuns(pd.DataFrame(rows), pd.DataFrame()))


def test_what_augmentation_is_worth():
    # The baseline's error halves with ten times the images.
    baseline = {100: 0.2, 1000: 0.1, 10_000: 0.05}
    found = worth(efficiency(baseline, {100: 0.1, 1000: 0.0499, 10_000: 0.03}))
    assert (found.every, found.images, found.detectable) == (10_000, 1000, 10_000)
    assert found.lead == pytest.approx(0.0001)
    assert found.lead_low < 0 < found.lead_high
    assert found.factors == pytest.approx((10, 10))
    assert found.sizes == (100, 100)
    found = worth(efficiency(baseline, {100: 0.3, 1000: 0.2, 10_000: 0.1}))
    assert (found.images, found.detectable) == (None, None)
    assert found.factors == pytest.approx((0.1, 0.1))  # at 100 it is less than can be measured


def test_curves_by_epoch_and_where_they_settle():
    rise = 1 - 0.5 ** np.arange(1, 21)
    curves = pd.DataFrame(
        [
            {"variant": f"{model}-long", "seed": seed, "epoch": epoch + 1, "val_accuracy": value}
            for model, off in (("baseline", 0.1), ("augmented", 0.0))
            for seed in range(2)
            for epoch, value in enumerate(rise - off - seed / 50)
        ]
    )
    table = by_epoch(StudyRuns(pd.DataFrame(), curves))
    assert table["variant"].tolist() == ["baseline"] * 20 + ["augmented"] * 20
    first = table.iloc[0]
    assert (first["epoch"], first["seeds"]) == (1, 2)
    np.testing.assert_allclose(
        first[["validation", "validation_least", "validation_most"]].astype(float),
        [0.39, 0.38, 0.4],
    )
    smooth = np.array([rise[i - 2 : i + 3].mean() for i in range(2, 18)])
    expected = 3 + int(np.argmax(smooth >= smooth.max() - 0.0005))
    assert settled(table[table["variant"] == "augmented"]) == expected == 12
