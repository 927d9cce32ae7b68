"""Tables, figures and facts of the section on errors and calibration."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import synthetic_results

from mnist_aug.analysis import comparison
from mnist_aug.formatting import MINUS
from mnist_aug.report import calibration, errors, inputs
from mnist_aug.report.tables import Table

pytest_plugins = "rendered"


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    """Two seeds; every largest probability is 0.9, and the nine others share a tenth."""
    folder = tmp_path_factory.mktemp("results")
    return comparison.load(
        synthetic_results.write(folder, seeds=2, test=100, samples=False, bench=False)
    )


def said(section) -> str:
    return " ".join(block.text for block in section.blocks if block.kind == "paragraph")


def table(first, second, low=0.01, high=0.03, scaled=True) -> Table:
    """Of the loss before and after scaling of both models.

    Args:
        low, high: of the difference after scaling.
    """
    rows = [
        {
            "score": name,
            "scaled": is_scaled,
            "baseline": first[is_scaled],
            "augmented": second[is_scaled],
            "difference": first[is_scaled] - second[is_scaled],
            "low": low if is_scaled else first[0] - second[0] - 0.01,
            "high": high if is_scaled else first[0] - second[0] + 0.01,
        }
        for is_scaled in ((False, True) if scaled else (False,))
        for name in ("loss", "ece", "aurc")
    ]
    return Table("calibration", "", pd.DataFrame(rows), pd.DataFrame())


def test_how_much_of_the_gain_scaling_alone_has(content):
    found = calibration.facts(content, table((0.12, 0.08), (0.04, 0.04)))["scaling"]
    assert found["alone"] == pytest.approx(0.04)
    assert found["share"] == pytest.approx(0.5)
    assert found["side"] == 1


def test_a_gain_that_scaling_turns_round_or_leaves_unclear(content):
    found = calibration.facts(content, table((0.12, 0.03), (0.08, 0.04), -0.02, -0.01))["scaling"]
    assert found["share"] == pytest.approx(0.09 / 0.04)
    assert found["side"] == -1
    unclear = calibration.facts(content, table((0.12, 0.03), (0.08, 0.04), -0.02, 0.01))
    assert unclear["scaling"]["side"] == 0


def test_augmentation_that_makes_it_worse_has_no_share(content):
    found = calibration.facts(content, table((0.04, 0.03), (0.12, 0.1)))["scaling"]
    assert found["share"] is None
    assert found["alone"] == pytest.approx(0.01)


def test_without_temperatures_that_is_said(content):
    found = calibration.facts(content, table((0.12, 0), (0.04, 0), scaled=False))
    assert found["scaling"] is None


@pytest.mark.parametrize(
    ("held_out", "reason"),
    [
        (60, "Results after temperature scaling are not included; `make evaluate` adds them."),
        (0, "Temperature scaling isn't included, as no images were held out for validation."),
    ],
)
def test_why_nothing_is_scaled(full, held_out, reason):
    section = full.sections["errors"]
    facts = section.facts | {"scaling": None, "held_out": held_out > 0}
    text = said(replace(section, facts=facts))
    assert reason in text
    assert text.count("emperature") == 1


def test_the_caption_has_the_bins_that_are_left_out(full):
    found = calibration.bin_facts(full.content)
    frame = calibration.bins(full.content).frame
    assert (found["above"], found["below"], found["fewest"]) == (10, 5, 10)
    assert found["left_out"] == frame["images"].between(1, 9).any()
    few = frame.assign(images=[3] * len(frame))
    assert calibration.fewest(full.content, few) == 3


def test_confusions_that_fell_and_that_grew_are_both_shown(full):
    table = full.tables["confusion"]
    shown = table.display["change"].tolist()
    own = table.frame[table.frame["true"] != table.frame["predicted"]]["difference"]
    signs = "".join(change[0] for change in shown)
    fell, grew = (min(4, int((sign * own > 0).sum())) for sign in (-1, 1))
    assert signs == MINUS * fell + "+" * grew
    assert fell
    assert grew
    assert shown[0] == f"{own.min():+.1f}".replace("-", MINUS)
    assert shown[fell] == f"{own.max():+.1f}"


def test_signs_of_the_table_are_those_of_the_gains(content):
    table = calibration.scores(content)
    for row, shown in zip(table.frame.itertuples(), table.display["difference"], strict=True):
        size = float(shown.lstrip(f"+{MINUS}"))
        assert (shown[0] == "+") == (size > 0 and row.difference > 0)
        assert (shown[0] == MINUS) == (size > 0 and row.difference < 0)
    assert {*table.display["difference"].str[0]} >= {"+", MINUS}
    assert re.fullmatch(r"[\d.]+ ± [\d.]+", table.display["baseline ± SD"][2])
    assert table.display["score"].str.endswith(", scaled").sum() == 3


def test_the_section_says_it_in_order(full):
    section = full.sections["errors"]
    headings = [block.name for block in section.blocks if block.kind == "heading"]
    assert headings == ["classes", "calibration", "risk-coverage"]
    kinds = [(block.kind, block.name) for block in section.blocks]
    folded, end = kinds.index(("folded", "")), kinds.index(("end", ""))
    inside = {name for kind, name in kinds[folded:end] if kind == "figure"}
    assert inside == {"confusion", "test"}
    text = said(section)
    first, second = (one.correct.shape[1] * (1 - one.accuracy.mean()) for one in full.content.both)
    assert (
        f"The augmented model makes {second:.1f} errors per run instead of {first:.1f}. "
        f"{section.facts['more']} images are classified correctly in more seeds with augmentation, "
        f"{section.facts['fewer']} in fewer."
    ) in text
    assert "A calibrated model that says 90 % is right 90 % of the time." in text
    assert "Without augmentation, temperature scaling " in text
    assert "divides a network's logits by one number" in full.tables["calibration"].note


def test_classes_by_side(full):
    facts = errors.class_facts(full.content, full.tables["classes"])
    frame = full.tables["classes"].frame
    assert facts["better"] == frame["class"][frame["low"] > 0].astype(str).tolist()
    assert facts["worse"] == frame["class"][frame["high"] < 0].astype(str).tolist()
    assert (facts["count"], facts["drawn"]) == (10, 10)
    assert full.tables["classes"].note == (
        "95 % CIs over seeds and test images, simultaneous over all 10 classes."
    )


def test_one_seed_judges_no_class(tmp_path, undrawn):
    results = synthetic_results.write(tmp_path, seeds=1, test=100, samples=False, bench=False)
    content = comparison.load(results)
    section = errors.section(content, inputs.read(results, content))
    text = said(section)
    assert "With one seed, the CIs cover other test images alone" in text
    assert "detectably" not in text
    assert (section.tables[0].frame["side"] == 0).all()
    assert "`make evaluate` stores them in samples.npz." in text


def test_nothing_is_concluded_where_nothing_was_learned(tmp_path, undrawn):
    wrong = np.tile(np.arange(100) < 10, (2, 1))
    results = synthetic_results.write(
        tmp_path,
        seeds=2,
        test=100,
        samples=False,
        bench=False,
        correct={"baseline": wrong, "augmented": wrong},
    )
    content = comparison.load(results)
    section = errors.section(content, inputs.read(results, content))
    text = said(section)
    assert "No conclusions are drawn" in text
    assert "errors per run" not in text
    assert "Mean confidence" not in text


def test_where_the_curve_starts():
    errors_at = np.array([0.0, 0.001, 0.002, 0.01, 0.02, 0.03, 0.05, 0.06, 0.08, 0.1])
    frame = pd.DataFrame({"coverage": np.arange(1, 11) / 10, "baseline": 0.0})
    assert calibration.drawn_from(frame.assign(augmented=errors_at)) == pytest.approx(0.4)
    assert calibration.drawn_from(frame.assign(augmented=0.1)) == 0
    assert calibration.drawn_from(frame.assign(augmented=0.0)) == 0
