"""What the report says of corrupted and changed images, against values worked out by hand."""

from dataclasses import replace

import albumentations as A
import numpy as np
import pandas as pd
import pytest
import synthetic_results

from mnist_aug.analysis import comparison
from mnist_aug.analysis import robustness as analysis
from mnist_aug.augment import policy, saved
from mnist_aug.data.corruptions import CORRUPTIONS
from mnist_aug.formatting import number, points
from mnist_aug.report import inputs, robustness
from mnist_aug.report.tables import Table

pytest_plugins = "rendered"


def test_accuracies_are_those_of_the_bits(full):
    table = full.tables["corruptions"].frame.set_index("corruption")
    accuracy = {
        variant.name: {
            name: variant.correct_on(f"corruption/{name}").mean()
            for name in ("fog", "rotate", "zigzag")
        }
        for variant in full.content.both
    }
    for name in ("fog", "rotate", "zigzag"):
        row = table.loc[name]
        before, after = (accuracy[model][name] for model in ("baseline", "augmented"))
        assert np.isclose(row["baseline"], before)
        assert np.isclose(row["difference"], after - before)
        assert np.isclose(row["relative_error"], (1 - after) / (1 - before))
        assert row["low"] < row["difference"] < row["high"]
    assert list(table.index) == [
        "rotate",
        "zigzag",
        "fog",
        "mean of 1 like the policy",
        "mean of 2 unlike it",
        "mean of all 3",
    ]
    every = table.loc["mean of all 3"]
    assert np.isclose(every["augmented"], np.mean(list(accuracy["augmented"].values())))
    assert np.isclose(every["relative_error"], table["relative_error"][:3].mean())
    assert np.isclose(
        table.loc["mean of 2 unlike it", "baseline"],
        (accuracy["baseline"]["fog"] + accuracy["baseline"]["zigzag"]) / 2,
    )


def test_the_interval_of_the_mean_knows_that_versions_share_an_image(full):
    frame = full.tables["corruptions"].frame.set_index("corruption")
    width = frame["high"] - frame["low"]
    assert width["mean of all 3"] < width[["rotate", "zigzag", "fog"]].min()


def test_intervals_of_types_are_simultaneous_and_those_of_means_alone(full):
    table = full.tables["corruptions"]
    frame = table.frame.set_index("corruption")
    width = frame["high"] - frame["low"]
    assert width["rotate"] > width["mean of 1 like the policy"]  # the same images
    assert frame["side"].tolist()[:4] == [1, 0, -1, 1]
    assert table.note == (
        "95 % CIs over seeds and test images: of the types simultaneous over all 3, of each mean "
        "by itself."
    )


def test_what_helps_is_the_same_in_the_section_and_the_recommendation(full):
    frame = full.tables["corruptions"].frame
    found = analysis.accuracy_by_type(*full.content.both).set_index("corruption")
    single = frame[frame["policy"] != ""].set_index("corruption")
    pd.testing.assert_frame_equal(
        found.sort_index(), single[[*found]].sort_index(), check_names=False
    )


def test_mean_accuracy_of_a_source_by_hand(full):
    baseline = full.content.both[0]
    names = ("fog", "rotate", "zigzag")
    expected = np.mean([baseline.correct_on(f"corruption/{n}").mean(axis=1) for n in names], 0)
    np.testing.assert_allclose(analysis.mean_accuracy(baseline.scores, "corruption/"), expected)
    assert np.isnan(analysis.mean_accuracy(baseline.scores, "mnist-c/")).all()


def test_sentences(full):
    section = full.sections["robustness"]
    text = " ".join(block.text for block in section.blocks if block.kind == "paragraph")
    assert text.startswith(
        "Augmentation helps in 1 of 3 corruption types and hurts in 1 (fog). On fog, neither "
        "model keeps half of its accuracy on unchanged images. On the 1 like the policy's "
        "transforms, the mean difference in accuracy is "
    )
    worst = section.facts["severity"]["worst"]
    assert (
        "At these severities, the only detectable loss from augmentation is with noise: "
        f"{points(worst['difference'])} pp at {worst['severity']} (SD, share of full scale). "
        "Augmentation helps at every tested severity of rotation and shift. It hurts at "
        "every severity of noise." in text
    )
    assert "On the 400 images of sklearn-digits, which neither model was trained on" in text
    gap = {
        one.name: one.scores["training"].mean() - one.accuracy.mean() for one in full.content.both
    }
    assert section.facts["gap"] == pytest.approx(gap)
    kinds = [(block.kind, block.name) for block in section.blocks]
    folded, corrupted = (kinds.index(one) for one in (("folded", ""), ("figure", "corrupted")))
    assert folded < corrupted < kinds.index(("end", ""))
    assert kinds.index(("figure", "corruption-types")) < kinds.index(("figure", "corruptions"))
    assert full.figures["corruption-types"].svg.count("<image") == 16
    assert "for Affine by the parameters it varies: here rotate." in text
    assert "Each random corruption was drawn once" in text
    most = full.tables["corruptions"].frame[:3].set_index("corruption")["relative_error"]
    assert f"over types (highest for {most.idxmax()}, {number(100 * most.max())} %). This" in text


def test_the_largest_loss_is_named_first(full):
    table = full.tables["corruptions"]
    lost = table.frame.assign(side=np.where(table.frame["policy"] == "", 0, -1))
    facts = robustness.corruption_facts(
        "corruption/", replace(table, frame=lost), full.content.both
    )
    assert facts["worse"] == ["fog", "zigzag", "rotate"]


def test_facts_of_each_kind_of_axis():
    frame = pd.DataFrame(
        [
            {
                "axis": axis,
                "unit": "px",
                "severity": severity,
                "difference": low + 0.01,
                "low": low,
                "side": side,
            }
            for axis, own in {
                "shift": [(0, np.nan, 0), (1, 0.1, 1), (2, 0.1, 1)],
                "noise": [(0, np.nan, 0), (0.1, -0.2, -1)],
                "stroke": [(-2, -0.2, -1), (1, 0.1, 1), (2, -0.1, 0)],
                "scale": [(2, -0.1, 0)],
            }.items()
            for severity, low, side in own
        ]
    )
    table = Table("severities", "", frame, frame)
    assert robustness.severity_facts(table) == {
        "helped": ["shift"],
        "hurt": ["noise"],
        "unclear": ["scale"],
        "mixed": [{"axis": "stroke", "unit": "px", "better": ["1"], "worse": ["\N{MINUS SIGN}2"]}],
        "worst": {
            "axis": "noise",
            "unit": "px",
            "severity": "0.1",
            "difference": pytest.approx(-0.19),
        },
        "losses": 2,
    }
    unharmed = Table("severities", "", frame[frame["side"] >= 0], frame)
    assert robustness.severity_facts(unharmed)["worst"] is None
    assert robustness.severity_facts(None) == {}
    assert robustness.severity_facts(Table("", "", frame.assign(low=np.nan), frame)) == {}


def test_an_axis_may_help_here_and_there_where_nothing_hurts(full):
    own = full.sections["robustness"]
    noise = {"axis": "noise", "unit": "SD", "better": ["0.1"], "worse": []}
    severity = {"helped": [], "hurt": [], "unclear": [], "mixed": [noise], "worst": None}
    severity["losses"] = 0
    made = replace(own, facts=own.facts | {"severity": severity}).blocks
    assert any("With noise (SD), it helps at 0.1." in one.text for one in made)


def test_one_seed_judges_no_type(tmp_path):
    results = synthetic_results.write(
        tmp_path, seeds=1, test=200, bench=False, samples=False, other_sets=True
    )
    content = comparison.load(results)
    section = robustness.section(content, inputs.read(results, content))
    text = " ".join(block.text for block in section.blocks)
    assert "With one seed, the CIs cover other test images alone, and no single type is" in text
    assert "helps" not in text
    frame = section.tables[0].frame
    assert (frame["side"] == 0).all()
    assert (frame["low"] < frame["difference"]).all()
    assert section.facts["severity"] == {}


def test_severities_hold_the_clean_images(full):
    frame = full.tables["severities"].frame
    turned = frame[frame["axis"] == "rotation"]
    assert turned["severity"].tolist() == [-10, 0, 10]
    assert np.isclose(turned["augmented"].iloc[1], full.content.both[1].accuracy.mean())
    assert (frame["baseline_least"] <= frame["baseline"]).all()
    assert (frame["baseline"] <= frame["baseline_most"]).all()
    assert turned["low"].isna().tolist() == [False, True, False]
    assert list(full.tables["severities"].display["95 % CI, pp"][[1, 3]]) == ["—", "—"]


def test_shifts_of_other_sizes_are_in_shares_of_the_side(full, tmp_path):
    results = synthetic_results.write(
        tmp_path, seeds=1, test=60, shape=(16, 20), bench=False, samples=False, other_sets=True
    )
    small = analysis.severity_accuracy(comparison.load(results))
    for frame, unit in (
        (full.tables["severities"].frame, "px"),
        (small, "1/28 of the shorter side"),
    ):
        assert {*frame[frame["axis"] == "shift"]["unit"]} == {unit}


def test_without_scores_on_any_axis_nothing_is_said_of_them(tmp_path, monkeypatch):
    few = {"corruption/fog": (0.2, 0.15), "training": (0.99, 0.98)}
    monkeypatch.setattr(synthetic_results, "OTHER_SETS", few)
    results = synthetic_results.write(
        tmp_path / "results", seeds=1, test=60, bench=False, samples=False, other_sets=True
    )
    content = comparison.load(results)
    section = robustness.section(content, inputs.read(results, content))
    headings = [block.name for block in section.blocks if block.kind == "heading"]
    assert headings == ["corruptions", "transfer"]
    assert [table.name for table in section.tables] == ["corruptions", "transfer"]


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


@pytest.mark.filterwarnings("ignore:ShiftScaleRotate is a special case")
@pytest.mark.parametrize(
    ("name", "arguments", "like"),
    [
        ("ShiftScaleRotate", {"shift_limit": 0.1, "scale_limit": 0, "rotate_limit": 0},
         {"translate"}),
        ("ShiftScaleRotate", {"shift_limit": 0}, {"scale", "rotate"}),
        ("CropAndPad", {"px": (-2, 2)}, {"scale", "translate"}),
        ("CropAndPad", {"px": 7, "keep_size": False}, set()),
        ("AdditiveNoise", {}, {"shot_noise", "impulse_noise"}),
        ("MedianBlur", {}, {"glass_blur", "motion_blur"}),
        ("RandomGamma", {}, {"brightness", "fog"}),
    ],
)  # fmt: skip
def test_what_a_transform_resembles(name, arguments, like):
    inner = A.OneOf([A.Sequential([getattr(A, name)(**arguments)])])
    assert analysis.trained_on(saved.as_data(A.Compose([inner]))) == like


# Deforms, occludes, mirrors, changes colours, contrast or detail, crops and pads to a size, or
# needs boxes, masks or other pictures: no corruption type does that.
UNLIKE_ALL = """
    AtLeastOneBBoxRandomCrop AutoContrast BBoxSafeRandomCrop CLAHE CenterCrop CenterCrop3D
    ChannelDropout ChannelShuffle ChromaticAberration CoarseDropout CoarseDropout3D
    ConstrainedCoarseDropout Crop CropNonEmptyMaskIfExists CubicSymmetry Downscale ElasticTransform
    Emboss Equalize Erasing FDA FancyPCA FrequencyMasking FromFloat GridDistortion GridDropout
    GridElasticDeform HEStain HistogramMatching HorizontalFlip ImageCompression Lambda
    LongestMaxSize MaskDropout Morphological Mosaic NoOp Normalize OpticalDistortion
    OverlayElements Pad Pad3D PadIfNeeded PadIfNeeded3D PiecewiseAffine PixelDistributionAdaptation
    PlanckianJitter PlasmaShadow Posterize RandomCrop3D RandomCropNearBBox RandomGravel
    RandomGridShuffle RandomShadow RandomSizedBBoxSafeCrop RandomSnow RandomSunFlare Resize
    RingingOvershoot Sharpen SmallestMaxSize Solarize Superpixels TextImage ThinPlateSpline
    TimeMasking TimeReverse ToFloat ToGray ToRGB ToSepia Transpose UnsharpMask VerticalFlip
    XYMasking
"""


def test_every_transform_resembles_corruption_types_or_is_known_not_to():
    abstract = {A.BasicTransform, A.DualTransform, A.ImageOnlyTransform, A.Transform3D}
    every = [c for c in vars(A).values() if isinstance(c, type) and c not in abstract]
    names = {c.__name__ for c in every if issubclass(c, A.BasicTransform)}
    known, others = {*analysis.RESEMBLES, *analysis.VARIED}, {*UNLIKE_ALL.split()}
    assert not known & others
    assert names == known | others
    assert set().union(*analysis.RESEMBLES.values()) < {*CORRUPTIONS}


@pytest.mark.parametrize(
    ("training", "test", "lost"),
    [((0.93, 0.86), (0.88, 0.85), -0.07), ((0.93, 0.92), (0.88, 0.85), None),
     ((0.93, 0.86), (0.85, 0.88), None)],
)  # fmt: skip
def test_a_policy_too_strong_for_the_network_is_seen_on_training_images(training, test, lost):
    moved = pd.DataFrame(
        [("training", training[1] - training[0]), ("test", test[1] - test[0])],
        columns=["images", "difference"],
    )
    moved["high"] = moved["difference"] + 0.005
    assert analysis.underfitting(moved[1:]) is None
    assert analysis.underfitting(moved.assign(high=0.01)) is None
    assert analysis.underfitting(moved) == (None if lost is None else pytest.approx(lost))
