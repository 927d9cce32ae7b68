"""Test-time augmentation in the report: numbers by hand, sentences that are true in all cases."""

import numpy as np
import pandas as pd
import pytest
import synthetic_results
from rendered import rendered

from mnist_aug.analysis import comparison, intervals
from mnist_aug.formatting import MINUS
from mnist_aug.report import result
from mnist_aug.report.inputs import Inputs
from mnist_aug.results import runs

SEEDS, IMAGES = 6, 400


def right(wrong: int, seeds: int = SEEDS, images: int = IMAGES) -> np.ndarray:
    """Runs that are wrong on so many images and one more with each seed."""
    return np.arange(images) >= wrong + np.arange(seeds)[:, None]


def written(folder, seeds=SEEDS, wrong=(40, 20), **found):
    correct = {model: right(n, seeds) for model, n in zip(runs.BOTH, wrong, strict=True)}
    results = synthetic_results.write(
        folder, seeds=seeds, test=IMAGES, correct=correct, samples=False, bench=False
    )
    if found:
        synthetic_results.write_tta(results, **found)
    return results


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Baseline gets worse by views, augmented better; on validation images it is the same."""
    folder = tmp_path_factory.mktemp("tta")
    sets = {
        model: {
            "tta/test": right(wrong),
            "validation": right(30, images=300),
            "tta/validation": right(30, images=300),
        }
        for model, wrong in (("baseline", 80), ("augmented", 8))
    }
    return rendered(written(folder / "results", **sets), folder / "reports", drawn=False)


def test_the_table_by_hand(report):
    frame = report.tables["tta"].frame
    assert frame["variant"].tolist() == ["baseline"] * 2 + ["augmented"] * 2
    assert frame["images"].tolist() == ["validation", "test"] * 2
    assert frame["count"].tolist() == [300, IMAGES] * 2
    rows = frame.set_index(["variant", "images"])
    for model, before, after in (("baseline", 40, 80), ("augmented", 20, 8)):
        row = rows.loc[(model, "test")]
        assert row["plain"] == pytest.approx(1 - (before + 2.5) / IMAGES)
        assert row["tta"] == pytest.approx(1 - (after + 2.5) / IMAGES)
        assert row["difference"] == pytest.approx((before - after) / IMAGES)
        differences = right(after).astype(float) - right(before)
        assert (row["low"], row["high"]) == intervals.difference_interval(differences)
        assert row["permutation_p"] == pytest.approx(2 / 2**SEEDS)
        assert row["holm_p"] == pytest.approx(4 * 2 / 2**SEEDS)
        assert row["times"] == pytest.approx(15)
        none = rows.loc[(model, "validation")]
        assert none["difference"] == 0
        assert none["low"] < 0 < none["high"]
        assert none["permutation_p"] == 1
    assert rows["outcome"].tolist() == [
        "no detectable difference",
        "hurts",
        "no detectable difference",
        "helps",
    ]
    display = report.tables["tta"].display
    assert display["difference, pp"].tolist() == ["0.00", f"{MINUS}10.00", "0.00", "+3.00"]
    assert display["prediction time"].tolist() == ["15.0\N{MULTIPLICATION SIGN}"] * 4
    assert display["p (Holm)"].tolist()[1] == "0.1250"


def prose(section) -> str:
    """What a section says of it."""
    blocks = section.blocks
    start = next(i for i, one in enumerate(blocks) if one.name == "tta")
    return " ".join(" ".join([one.text, *one.items]) for one in blocks[start:])


def test_what_is_said(report):
    text = prose(report.sections["result"])
    for words in (
        "averages the predicted probabilities of an image and 8 augmented views of it (policy "
        "default): 9 forward passes instead of 1. The baseline was not trained on such views.",
        f"baseline: TTA hurts, {MINUS}10.00 pp (",
        ", but the permutation test adjusted for all rows does not confirm it (p = 0.1250).",
        "augmented: TTA helps, +3.00 pp (",
        "On the validation images, which decide whether to use it, accuracy changes by 0.00 pp "
        "(baseline) and 0.00 pp (augmented).",
    ):
        assert words in text
    assert "TTA helps, +3.00" in report.html
    assert "**Test-time augmentation (TTA)" in report.text
    assert (report.reports / "tables" / "tta.csv").exists()
    assert " POLICY=default TTA=8\n" in report.text  # among the commands


def test_no_other_table_changes(report, tmp_path):
    """Nothing about it is on the page without it, and with it all other tables are the same."""
    plain = rendered(written(tmp_path / "results"), tmp_path / "reports", drawn=False)
    assert {*report.tables} - {*plain.tables} == {"tta"}
    for name, table in plain.tables.items():
        # Evaluation always has validation images; here they come with views of them alone.
        same = [column for column in table.frame if "validation" not in column]
        pd.testing.assert_frame_equal(table.frame[same], report.tables[name].frame[same])
    for text in (plain.html, plain.text):
        assert "TTA" not in text
        assert "est-time augmentation" not in text


def said(folder, **options):
    content = comparison.load(written(folder, **options))
    return prose(result.section(content, Inputs(None, None, None, {}, {}, None, [])))


def test_no_detectable_difference(tmp_path):
    text = said(tmp_path, augmented={"tta/test": right(20)})
    assert "augmented: no detectable difference, 0.00 pp (" in text
    assert "baseline" not in text
    assert "Not trained with" not in text
    assert "validation" not in text


def test_one_seed_is_too_few(tmp_path):
    text = said(tmp_path, seeds=1, augmented={"tta/test": right(5, 1)})
    assert "augmented: one seed is too few for a verdict." in text


def test_few_seeds_make_a_ci_too_narrow(tmp_path):
    text = said(tmp_path, seeds=3, augmented={"tta/test": right(5, 3)})
    assert "a CI too narrow: use SEEDS=5 or more" in text


def test_no_verdict_on_what_has_not_learned(tmp_path):
    found = {"baseline": {"tta/test": right(300)}, "augmented": {"tta/test": right(370)}}
    text = said(tmp_path, wrong=(365, 20), **found)
    assert "baseline: no verdict, as it is not better than guessing." in text
    # It is the views that take augmented down to chance.
    assert f"augmented: TTA hurts, {MINUS}87.50 pp (" in text


def test_one_view_by_a_policy_that_mixes_images(tmp_path, monkeypatch):
    mixing = synthetic_results.POLICY | {"name": "default+mixup:0.2", "mixup": {"alpha": 0.2}}
    monkeypatch.setattr(synthetic_results, "POLICY", mixing)
    text = said(tmp_path, views=1, augmented={"tta/test": right(10)})
    assert (
        "1 augmented view of it (policy default+mixup:0.2, without its mixing of images): 2 "
        "forward passes"
    ) in text
