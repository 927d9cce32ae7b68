"""Numbers in tables, by hand."""

import io
import json
import shutil

import numpy as np
import pandas as pd
import pytest
import synthetic_results

from mnist_aug.analysis import comparison
from mnist_aug.formatting import MINUS, listed, number, percent, points, span
from mnist_aug.report import errors, provenance, tables


@pytest.fixture(scope="module")
def content(tmp_path_factory):
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
            correct={"baseline": first, "augmented": second},
        )
    )


def test_results_by_hand(content):
    table = tables.results(content)
    row = table.frame.set_index("variant").loc["baseline"]
    assert row["accuracy"] == pytest.approx(0.95)
    assert row["accuracy_sd"] == pytest.approx(0.02 / 2**0.5)
    assert row["errors"] == pytest.approx(5)
    assert table.display.iloc[0]["accuracy ± SD, %"] == "95.00 ± 1.41"
    assert pd.isna(row["policy"])
    assert table.display["variant (policy)"].tolist()[:2] == ["baseline", "augmented (default)"]
    assert table.display["difference, pp"].tolist()[:2] == ["—", "+3.50"]


def test_pairs_by_hand(content):
    frame = tables.pairs(content).frame
    assert list(tables.pairs(content).display["difference, pp"]) == ["+2.00", "+5.00"]
    assert list(frame["gained"]) == [2, 5]
    assert list(frame["lost"]) == [0, 0]
    assert list(frame["mcnemar_p"]) == pytest.approx([2 / 2**2, 2 / 2**5])
    assert list(frame["holm_p"]) == pytest.approx([0.5, 2 * 2 / 2**5])


def test_differences_by_hand(content):
    table = tables.results(content)
    row = table.frame.set_index("variant").loc["augmented"]
    assert (row["paired_seeds"], row["better"]) == (2, 1)
    assert row["difference"] == pytest.approx(0.035)
    assert (row["low"], row["high"]) == (content.difference.low, content.difference.high)
    assert row["better_low"] == pytest.approx(0.025**0.5)  # Clopper and Pearson, 2 of 2
    assert row["permutation_p"] == pytest.approx(2 / 2**2)
    assert table.display["better in, % of seeds (95 % CI)"][1] == "100 (16 to 100)"
    p = "p" if "p" in table.display else "p (Holm)"
    assert table.display[p].tolist()[:2] == ["—", "0.5000"]


def test_several_variants_are_adjusted_and_strangers_left_out(tmp_path):
    results = synthetic_results.write(tmp_path, seeds=3, test=60, bench=False, samples=False)
    for name, seeds in ("other", (0, 1, 2)), ("stranger", (7,)):
        shutil.copytree(results / "augmented", results / name)
        scores = pd.read_csv(results / name / "metrics.csv")
        for folder in (results / name).glob("seed-*"):
            seed = int(folder.name[-2:])
            if seed not in seeds and seed != 0:
                shutil.rmtree(folder)
                continue
            manifest = json.loads((folder / "manifest.json").read_text())
            manifest["variant"]["name"] = name
            manifest["seed"] = seeds[seed]
            (folder / "manifest.json").write_text(json.dumps(manifest))
            if seed != seeds[seed]:
                folder.rename(folder.with_name(f"seed-{seeds[seed]:02d}"))
        scores = scores[: len(seeds)].assign(variant=name, seed=seeds)
        scores.to_csv(results / name / "metrics.csv", index=False)
    synthetic_results.sign(results)
    table = tables.results(comparison.load(results))
    frame = table.frame.set_index("variant")
    assert [*frame.index] == ["baseline", "augmented", "other", "stranger"]
    assert frame["difference"].isna().tolist() == [True, False, False, True]
    two = frame.loc[["augmented", "other"]]
    assert list(two["holm_p"]) == pytest.approx((2 * two["permutation_p"]).clip(upper=1))
    assert table.display["p (Holm)"].tolist()[-1] == "—"


def test_class_differences_by_hand(content):
    # labels are the index modulo 10; baseline misses 0-3 and 0-5, augmented 0-1 and 0
    frame = errors.classes(content).frame.set_index("class")
    assert frame.loc[0, "difference"] == pytest.approx(0)
    assert frame.loc[1, "difference"] == pytest.approx(0.05)
    assert frame.loc[2, "difference"] == pytest.approx(0.1)
    assert (frame["low"] < frame["difference"]).all()
    assert {*frame["test_images"]} == {10}


def test_numbers_alone_get_no_column_of_names(content):
    assert "class_name" not in errors.classes(content).frame
    assert "true_name" not in tables.confusion(content).frame


def test_readings_by_hand(content):
    row = tables.readings(content, np.array([4]), "x", "x").frame.iloc[0]
    assert row["baseline_seeds_right"] == 1
    assert row["augmented_seeds_right"] == 2
    assert row["augmented_prediction"] == 4


def test_only_what_differs_between_both_models(content):
    display = provenance.settings(content).display.set_index("setting")
    assert display.loc["policy / name"].tolist() == ["none", "default"]
    assert display.loc["policy / 1 Affine", "augmented"] == (
        f"p 0.5; rotate {MINUS}12 to 12; scale / x 0.9 to 1.1; scale / y 0.9 to 1.1"
    )
    assert "batch_size" not in display.index


def test_settings_that_no_image_uses_are_in_the_csv_alone(tmp_path):
    pipeline = {
        **synthetic_results.POLICY["pipeline"],
        "bbox_params": None,
        "is_check_shapes": True,
    }
    pipeline["transforms"] = [
        {
            "__class_fullname__": "Affine",
            "p": 0.5,
            "translate_px": None,
            "fill_mask": 0.0,
            "shear": [0.0, 0.0],
            "fill": 0.0,
            "keep": False,
        }
    ]
    results = synthetic_results.write(
        tmp_path, seeds=1, test=60, bench=False, samples=False, variants=("baseline", "augmented")
    )
    for path in results.glob("augmented/*/manifest.json"):
        manifest = json.loads(path.read_text())
        manifest["variant"]["policy"]["pipeline"] = pipeline
        path.write_text(json.dumps(manifest))
    synthetic_results.sign(results)
    table = provenance.settings(comparison.load(results))
    assert table.display.to_dict("list") == {
        "setting": ["policy / name", "policy / 1 Affine"],
        "baseline": ["none", "—"],
        "augmented": ["default", "p 0.5; shear 0; fill 0; keep false"],
    }
    for name, text in (
        ("policy / class", "Compose"),
        ("policy / p", "1.0"),
        ("policy / bbox_params", "none"),
        ("policy / is_check_shapes", "true"),
        ("policy / 1 Affine / translate_px", "none"),
        ("policy / 1 Affine / shear", "[0.0, 0.0]"),
    ):
        assert table.frame.set_index("setting").loc[name, "augmented"] == text


def test_versions_share_a_row(content):
    display = provenance.manifest(content).display.set_index("what")
    assert display.loc["versions", "value"] == "python 3.11.7, tensorflow 2.21.0, numpy 2.2.0"
    assert not display.index.str.startswith("version of").any()


def test_no_accuracy_is_displayed_twice(content):
    table = tables.runs(content)
    assert "accuracy" in table.frame
    assert "test accuracy, %" not in table.display


@pytest.mark.parametrize(
    ("names", "text"),
    [([], ""), (["3"], "3"), (["3", "5"], "3 and 5"), (["3", "5", "9"], "3, 5 and 9")],
)
def test_listed(names, text):
    assert listed(names) == text


def test_csv_reads_back(content):
    table = tables.runs(content)
    pd.testing.assert_frame_equal(
        pd.read_csv(io.StringIO(table.csv)), table.frame, check_dtype=False
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0123, "+1.23"), (-0.0123, "\N{MINUS SIGN}1.23"), (0.0, "0.00"), (-0.00001, "0.00")],
)
def test_points(value, text):
    assert points(value) == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.00004, 0.0123, "+0.00 to +1.23"),
        (-0.00004, 0.0123, f"{MINUS}0.00 to +1.23"),
        (-0.0123, 0.0, f"{MINUS}1.23 to 0.00"),
    ],
)
def test_ends_of_intervals_that_round_to_0_keep_their_side(low, high, text):
    assert span(low, high) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (8, "8.00"),
        (0.0123, "0.0123"),
        (90000.4, "90,000"),
        (999.96, "1,000"),
        (-3.14159, "-3.14"),
        (float("nan"), "not a number"),
    ],
)
def test_number(value, text):
    assert number(value) == text


def test_one_number_has_one_text():
    """Of means of the same runs that differ in their last bits, too."""
    assert {percent(0.88435 + bit) for bit in (0, 2e-16, -2e-16)} == {"88.44"}
    assert len({points(bit - 0.03775) for bit in (0, 2e-16, -2e-16)}) == 1
