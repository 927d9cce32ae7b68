"""The comparison of many policies in the report: its table, its figure and its words."""

import re

import numpy as np
import pandas as pd
import pytest
import synthetic_results

from mnist_aug.analysis import comparison
from mnist_aug.report import compare, drawing, inputs, studies
from mnist_aug.report.sections import _policies, every_section
from mnist_aug.results.runs import BOTH

pytest_plugins = "rendered"

NAN = float("nan")
EMPTY = dict.fromkeys(
    [
        *("corrupted", "corrupted_like", "corrupted_unlike", "transfer", "corrupted_low"),
        *("corrupted_difference", "corrupted_like_difference", "corrupted_unlike_difference"),
        "corrupted_high",
    ],
    NAN,
)


def row(variant, outcome, low, high, rank, *, best=False, policy=None, **other):
    """One of a frame of `policies.compared`, whose difference is in the middle of its interval."""
    difference = (low + high) / 2
    return {
        "variant": variant,
        "policy": policy or variant,
        "seeds": 5,
        "error": 0.02 - difference,
        "error_sd": 0.001,
        "difference": difference,
        "low": low,
        "high": high,
        "within_low": low * 0.8 + difference * 0.2,
        "within_high": high * 0.8 + difference * 0.2,
        "p": 0.01 if low > 0 or high < 0 else 0.5,
        "holm_p": 0.02 if low > 0 or high < 0 else 0.5,
        "outcome": outcome,
        "rank": rank,
        "rank_low": 1,
        "rank_high": 3,
        "nll": 0.05,
        "ece": 0.01,
        "validation": 0.98 + difference,
        "validation_sd": 0.001,
        "validation_difference": difference,
        "validation_low": low,
        "validation_high": high,
        "best_on_validation": best,
        "like": "",
        **EMPTY,
        "seconds": 8.0,
        **other,
    }


def none(**other):
    """The row of no augmentation."""
    gone = dict.fromkeys(["difference", "low", "high", "within_low", "within_high", "p"], NAN)
    usual = row("baseline", "", 0, 0, 3) | gone | {"holm_p": NAN, "policy": None}
    return usual | {"validation_difference": NAN, "validation_low": NAN} | other


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    """Whose baseline makes 2 % errors, so that the margin is 0.2 pp, and augmented 20 %."""
    right = [np.tile(np.arange(200) >= errors, (3, 1)) for errors in (4, 40)]
    correct = dict(zip(BOTH, right, strict=True))
    results = synthetic_results.write(
        tmp_path_factory.mktemp("r"), samples=False, bench=False, correct=correct
    )
    return comparison.load(results)


def said(content, *rows) -> list[str]:
    return compare.sentences(compare.table(pd.DataFrame(rows)), content)


def test_outcomes_are_counted_and_named(content):
    text = said(
        content,
        row("augmented", "helps", 0.004, 0.01, 1, policy="default", best=True),
        row("mixup-0.2", "helps", 0.0002, 0.0012, 2, policy="mixup:0.2", best=True),
        row("affine", "equivalent", -0.0015, 0.0015, 4),
        row("cutmix", "no detectable difference", -0.004, 0.004, 5),
        none(rank_low=2),
        row("cutout", "hurts", -0.02, -0.01, 6, rank_low=4),
    )
    assert text[1] == (
        "Of 5 policies, on the test images 2 help (default and mixup:0.2); 1 hurts (cutout); 1 is "
        "equivalent to none (affine); 1 shows no detectable difference (cutmix). Equivalent means "
        "a difference of less than 0.20 pp either way. The difference of mixup:0.2 is smaller than "
        "0.20 pp, so of little consequence."
    )
    assert text[2] == (
        "By mean test accuracy default ranks first of 6 (95 % CI of its rank: 1 to 3); by the "
        "wider CIs of all pairs mixup:0.2, affine and cutmix may rank first as well."
    )
    assert text[3].endswith(
        "default has the largest mean accuracy, 98.70 %; by the simultaneous 95 % CIs of all pairs "
        "the best may also be mixup:0.2."
    )


def test_one_policy(content):
    best = row("augmented", "helps", 0.004, 0.01, 1, policy="default", best=True, rank_high=1)
    text = said(content, best, none(rank=2, rank_low=2))
    assert text[0].startswith("1 policy is compared with no augmentation, called none, ")
    assert text[1] == "Of 1 policy, on the test images 1 helps (default)."
    assert text[2].endswith("(95 % CI of its rank: 1 to 1); no other may.")
    assert text[3].endswith(
        "98.70 %, and by the simultaneous 95 % CIs of all pairs every other is less accurate."
    )


def test_when_nothing_can_be_told(content):
    unsure = [
        row(name, "no detectable difference", -0.01, 0.01, 2, best=True)
        for name in ("augmented", "affine")
    ]
    text = said(content, *unsure, none(rank=1, best_on_validation=True))
    assert "2 show no detectable difference (augmented and affine)" in text[1]
    assert text[3].endswith("any of the others may be the best as well.")


def test_one_seed_gives_no_interval(content):
    gone = dict.fromkeys(
        ["low", "high", "within_low", "within_high", "p", "holm_p", "validation_low", "error_sd"],
        NAN,
    )
    one = row("augmented", "too few seeds", 0, 0.01, 1, best=True, seeds=1) | gone
    text = said(content, one, none(rank=2, seeds=1, best_on_validation=True))
    assert "each with 1 seed." in text[0]
    assert "1 has too few seeds to tell (augmented)" in text[1]
    assert text[2].endswith("one seed of each can't tell whether it is the best.")
    assert "nan" not in " ".join(text)
    table = compare.table(pd.DataFrame([one, none(rank=2, seeds=1)]))
    assert "nan" not in table.display.to_csv()


def test_no_conclusions_where_nothing_was_learned(content):
    text = said(content, row("augmented", "no verdict", -0.01, 0.01, 1), none())
    assert len(text) == 2
    assert text[1].startswith("No conclusions are drawn")


@pytest.mark.parametrize(
    ("low", "holm_p", "parted"),
    [(0.001, 0.01, False), (0.001, 0.06, True), (-0.001, 0.04, True), (-0.001, 0.5, False)],
)
def test_where_interval_and_p_part_it_is_said(content, low, holm_p, parted):
    one = row("augmented", "helps", low, 0.01, 1, policy="default", holm_p=holm_p)
    text = said(content, one, none())[-2]
    assert ("For default the two part at the 5 % level" in text) == parted
    assert "over seeds and test images" in text


def test_an_outcome_unlike_the_verdict_at_the_head_is_explained(content):
    assert content.difference.outcome == "hurts"
    own = row("augmented", "hurts", -0.02, -0.01, 1, policy="default")
    assert said(content, own, none())[-1].endswith("the outcome is the same.")
    unsure = own | {"outcome": "no detectable difference", "low": -0.03, "high": 0.001}
    assert said(content, unsure, none())[-1].endswith(
        "its CI differs, and the outcome, too: there it hurts; here, among 1, it shows no "
        "detectable difference."
    )


def test_the_table_holds_all_of_it(content):
    corrupted = {
        "corrupted": 0.3,
        "corrupted_difference": 0.02,
        "corrupted_low": 0.01,
        "corrupted_high": 0.03,
        "corrupted_like": 0.1,
        "corrupted_like_difference": 0.05,
        "corrupted_unlike": 0.4,
        "corrupted_unlike_difference": -0.01,
    }
    one = row("augmented", "helps", 0.004, 0.01, 1, policy="default", best=True, **corrupted)
    plain = none(corrupted=0.32, corrupted_unlike=0.32, rank=2.5)
    table = compare.table(pd.DataFrame([one, plain]))
    display = table.display.set_index("policy")
    assert display.loc["default"].to_dict() == {
        "seeds": "5",
        "validation accuracy ± SD, %": "98.70 ± 0.10",
        "may be the best": "yes",
        "test error ± SD, %": "1.30 ± 0.10",
        "test accuracy against none, pp (95 % CI)": "+0.70 (+0.40 to +1.00)",
        "p, Holm for 1": "0.0200",
        "outcome": "helps",
        "rank (95 % CI)": "1 (1 to 3)",
        "NLL, nats": "0.0500",
        "ECE, %": "1.00",
        "error on corrupted images, %": "30.00",
        "accuracy there against none, pp (95 % CI)": "+2.00 (+1.00 to +3.00)",
        "error on types like the policy, % (gain, pp)": "10.00 (+5.00)",
        "error on other types, % (gain, pp)": "40.00 (\N{MINUS SIGN}1.00)",
        "training, s a run": "8.00",
    }
    assert display.loc["none", "error on other types, % (gain, pp)"] == "32.00"
    assert display.loc["none", "rank (95 % CI)"] == "2.5 (1 to 3)"
    assert "transfer error, %" not in display
    bare = compare.table(pd.DataFrame([row("augmented", "helps", 0.004, 0.01, 1), none()]))
    assert not [name for name in bare.display if "corrupted" in name or "types" in name]


def test_without_validation_images_nothing_is_said_to_be_the_best(content):
    gone = {"validation": NAN, "validation_sd": NAN, "best_on_validation": False}
    rows = [row("augmented", "helps", 0.004, 0.01, 1, **gone), none(**gone)]
    table = compare.table(pd.DataFrame(rows))
    assert table.title == "Policies compared"
    assert not {"may be the best", "validation accuracy ± SD, %"} & {*table.display}
    assert "validation" not in " ".join(compare.sentences(table, content))


def test_policies_of_one_name_are_told_apart():
    rows = [row("augmented", "helps", 0, 1, 1, policy="my.yaml"), row("my.yaml", "helps", 0, 1, 2)]
    assert compare.names(pd.DataFrame([*rows, none()])) == [
        "my.yaml (augmented)",
        "my.yaml (my.yaml)",
        "none",
    ]


def test_the_figure_shows_each_policy_and_the_margin(content):
    variants = {"far": content.variants["augmented"]}
    rows = [
        row("augmented", "helps", 0.004, 0.01, 1, policy="default", best=True),
        none(),
        row("far", "hurts", -0.22, -0.2, 3, policy="a policy with a very long name"),
    ]
    figure = compare.figure(compare.table(pd.DataFrame(rows)), content, variants)
    text = re.sub("<[^>]*>", " ", figure.svg)
    assert "* default" in text
    assert "a policy with a ver…" in text
    assert "baseline" not in text
    assert "◀ \N{MINUS SIGN}21.00" in text
    assert "Triangles point to 1 outside the axis." in figure.caption
    assert "±0.20 pp" in figure.caption
    assert "default: +0.70 (+0.40 to +1.00)." in figure.alt


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return synthetic_results.write(
        tmp_path_factory.mktemp("compared"),
        test=120,
        samples=False,
        bench=False,
        other_sets=True,
        studies=("compare",),
    )


def test_a_section_from_results(results, monkeypatch):
    monkeypatch.setattr(drawing, "_svg", lambda *_: "")
    content = comparison.load(results)
    given = inputs.read(results, content)
    assert {*given.policies} == {"affine", "mine.yaml", "mixup-0.2"}
    sections = {section.anchor: section for section in every_section(content, given)}
    (table,) = sections["compare"].tables
    assert {*table.display["policy"]} == {"none", "default", "affine", "mixup:0.2", "mine.yaml"}
    assert "error on corrupted images, %" in table.display
    assert [*sections].index("compare") < [*sections].index("pareto")


def test_policies_that_do_not_fit_are_left_out_and_named(tmp_path):
    results = synthetic_results.write(tmp_path, test=60, samples=False, bench=False)
    sets = {"test": np.ones((2, 60), bool)}
    synthetic_results.write_policies(
        results,
        dict.fromkeys(("affine", "cutmix", "mixup:0.2", "fine", "again", "other"), sets),
        affine={"epochs": 9},
        cutmix={"epochs": 9},
        again={"policy": synthetic_results.POLICY},  # is augmented's, of its name
        other={"policy": synthetic_results.named("fine") | {"name": "other.yaml"}},
        **{"mixup:0.2": {"learning_rate": 0.01}},
    )
    variants, left_out = studies.read(results, comparison.load(results))
    assert {*variants["compare"]} == {"fine"}
    again = "`make compare` with the settings of baseline and augmented makes"
    assert left_out == [
        "Of the study compare affine and cutmix are left out, as its runs have 9 epochs, those of "
        f"baseline and augmented 5: {again} them anew.",
        "Of the study compare mixup:0.2 is left out, as its runs have learning_rate 0.01, those of "
        f"augmented 0.001: {again} it anew.",
        "Of the study compare other.yaml is left out, as it does the same as fine.",
    ]


def test_how_to_give_the_policies_again(results):
    content = comparison.load(results)
    own = inputs.read(results, content).policies
    assert _policies(own) == 'POLICIES="affine path/to/mine.yaml mixup:0.2"'
