"""The comparison of many policies in the report: its table, its figure and its words."""

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import synthetic_results

from mnist_aug.analysis import comparison
from mnist_aug.analysis.robustness import corruption_sets
from mnist_aug.report import blocks, choosing, compare, drawing, inputs, studies
from mnist_aug.report.drawing import Figure
from mnist_aug.report.sentences import NO_CONCLUSION
from mnist_aug.report.setup import _policies
from mnist_aug.results.runs import BOTH

pytest_plugins = "rendered"

NAN = float("nan")
EMPTY = dict.fromkeys(
    [
        *("corrupted", "corrupted_like", "corrupted_unlike", "transfer", "corrupted_low"),
        *("corrupted_difference", "corrupted_like_difference", "corrupted_unlike_difference"),
        *("corrupted_high", "corrupted_shared_difference"),
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


EMPTY_FACTS = dict.fromkeys(
    ("choice", "compare", "ablation", "strength", "grid", "tuned", "search", "kept"), None
)


def found(content, *rows) -> dict:
    return compare.facts(compare.table(pd.DataFrame(rows)), content, {})


def said(content, *rows, **facts) -> list[str]:
    """The paragraphs of the part on the comparison, those that are folded too."""
    table = compare.table(pd.DataFrame(rows))
    given = (
        EMPTY_FACTS | {"no_conclusion": "", "compare": compare.facts(table, content, {})} | facts
    )
    drawn = Figure("compare", "", "", "", table)
    made = blocks.made("choosing", given, [drawn], [table])
    return [block.text for block in made if block.kind in ("paragraph", "figure")]


def test_outcomes_are_counted_and_named(content):
    rows = (
        row("augmented", "helps", 0.004, 0.01, 1, policy="default", best=True),
        row("mixup-0.2", "helps", 0.0002, 0.0012, 2, policy="mixup:0.2", best=True),
        row("affine", "equivalent", -0.0015, 0.0015, 4),
        row("cutmix", "no detectable difference", -0.004, 0.004, 5),
        none(rank_low=2),
        row("cutout", "hurts", -0.02, -0.01, 6, rank_low=4),
    )
    facts = found(content, *rows)
    assert facts["outcomes"] == [
        ("helps", ["default", "mixup:0.2"]),
        ("hurts", ["cutout"]),
        ("equivalent", ["affine"]),
        ("no detectable difference", ["cutmix"]),
    ]
    assert facts["small"] == ["mixup:0.2"]
    assert facts["best"]["equals"] == ["mixup:0.2"]
    assert said(content, *rows)[0].startswith(
        "Of 5 policies, on the test images 2 help (default and mixup:0.2); 1 hurts (cutout); 1 is "
        "equivalent to no augmentation (affine); 1 shows no detectable difference (cutmix). "
        "mixup:0.2 differs from no augmentation by less than the margin of 0.20 pp (simultaneous "
        "90 % CI). On the validation images, which decide, default is the most accurate, 98.70 %; "
        "mixup:0.2 is not detectably less accurate by the CIs of all pairs."
    )


def test_cis_of_all_pairs_are_told_from_those_against_no_augmentation(content):
    """A policy may be worse than none by the latter only."""
    rows = (
        row("augmented", "hurts", -0.004, -0.001, 2, policy="default", best=True),
        row("cutout", "hurts", -0.02, -0.01, 3),
        none(rank_low=1) | {"best_on_validation": True, "validation": 0.99},
    )
    assert (
        "no augmentation is the most accurate, 99.00 %; default is not detectably less accurate by "
        "the CIs of all pairs, which are wider than those against no augmentation alone."
    ) in said(content, *rows)[0]


def test_the_policy_for_corrupted_images_is_named(content):
    gain = {"corrupted_low": 0.01, "corrupted_difference": 0.02, "corrupted_high": 0.03}
    best = row("augmented", "helps", 0.004, 0.01, 1, policy="default", **gain)
    more = row("cutout", "hurts", -0.02, -0.01, 3, **gain | {"corrupted_difference": 0.025})
    unsure = row("affine", "helps", 0.004, 0.01, 2, **gain | {"corrupted_low": -0.01})
    assert (
        "On corrupted test images, cutout gains most: +2.50 pp (+1.00 to +3.00); on unchanged "
        "images, the difference is \N{MINUS SIGN}1.50 pp."
    ) in said(content, best, more, unsure, none())[0]
    # On the same corruption types as the policy at the head of the page, whatever its own are.
    types = len(corruption_sets(content))
    own = best | {"like": "fog, scale", "corrupted_shared_difference": -0.001}
    more |= {"like": "fog", "corrupted_shared_difference": 0.004}
    assert (
        f"+2.50 pp (+1.00 to +3.00), and +0.40 pp in the mean of the {types - 2} types unlike the "
        "transforms of default, which has \N{MINUS SIGN}0.10; on unchanged"
    ) in said(content, own, more, unsure, none())[0]
    assert (
        f"+2.00 pp (+1.00 to +3.00), and \N{MINUS SIGN}0.10 pp in the mean of the {types - 2} "
        "types unlike its transforms; on unchanged"
    ) in said(content, own, unsure, none())[0]
    assert "corrupted" not in said(content, unsure | {"variant": "augmented"}, none())[0]


def test_one_policy(content):
    best = row("augmented", "helps", 0.004, 0.01, 1, policy="default", best=True, rank_high=1)
    text = said(content, best, none(rank=2, rank_low=2))
    assert text[0].startswith("Of 1 policy, on the test images 1 helps (default).")
    assert "98.70 %; all others are detectably less accurate." in text[0]
    assert " 5 seeds of each policy. *: not detectably less accurate" in text[1]


def test_when_nothing_can_be_told(content):
    unsure = [
        row(name, "no detectable difference", -0.01, 0.01, 2, best=True)
        for name in ("augmented", "affine")
    ]
    text = said(content, *unsure, none(rank=1, best_on_validation=True))
    assert "2 show no detectable difference (augmented and affine)" in text[0]
    assert "but none of the others is detectably less accurate." in text[0]


def test_one_seed_gives_no_interval(content):
    gone = dict.fromkeys(
        ["low", "high", "within_low", "within_high", "p", "holm_p", "validation_low", "error_sd"],
        NAN,
    )
    one = row("augmented", "too few seeds", 0, 0.01, 1, best=True, seeds=1) | gone
    text = said(content, one, none(rank=2, seeds=1, best_on_validation=True))
    assert "1 has too few seeds for a verdict (augmented)" in text[0]
    assert "; one seed of each can't say whether it is the best." in text[0]
    assert " 1 seed of each policy." in text[1]
    assert "nan" not in " ".join(text)
    table = compare.table(pd.DataFrame([one, none(rank=2, seeds=1)]))
    assert "nan" not in table.display.to_csv()
    assert "95 % CI, pp" not in table.display


def test_no_conclusions_where_nothing_was_learned(content):
    rows = row("augmented", "no verdict", -0.01, 0.01, 1), none()
    text = said(content, *rows, no_conclusion=NO_CONCLUSION)
    assert text[0] == NO_CONCLUSION
    assert text[1].startswith(
        "Green: helps; orange: hurts; grey: neither. 5 seeds"
    )  # the figure's caption is next


@pytest.mark.parametrize(
    ("low", "holm_p", "parted"),
    [(0.001, 0.01, False), (0.001, 0.06, True), (-0.001, 0.04, True), (-0.001, 0.5, False)],
)
def test_where_interval_and_p_part_it_is_said(content, low, holm_p, parted):
    one = row("augmented", "helps", low, 0.01, 1, policy="default", holm_p=holm_p)
    text = said(content, one, none())[-1]
    assert ("For default, CI and p disagree at the 5 % level" in text) == parted
    assert found(content, one, none())["parted"] == ["default"] * parted


def test_an_outcome_unlike_the_verdict_at_the_head_is_explained(content):
    assert content.difference.outcome == "hurts"
    own = row("augmented", "hurts", -0.02, -0.01, 1, policy="default")
    assert "Compared by itself" not in said(content, own, none())[0]
    unsure = own | {"outcome": "no detectable difference", "low": -0.03, "high": 0.001}
    assert said(content, unsure, none())[0].endswith(
        "Compared by itself, default hurts (main result); among 1, with simultaneous CIs, it shows "
        "no detectable difference."
    )


def test_the_table_has_what_is_read_and_the_file_all_of_it(content):
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
    plain = none(corrupted=0.32, corrupted_unlike=0.32, rank=2.5, seconds=4.0)
    table = compare.table(pd.DataFrame([one, plain]))
    display = table.display.set_index("policy")
    assert display.loc["default *"].to_dict() == {
        "validation, %": "98.70",
        "test difference, pp": "+0.70",
        "95 % CI, pp": "+0.40 to +1.00",
        "p (Holm)": "0.0200",
        "test rank (95 % CI)": "1 (1 to 3)",
        "on corrupted, pp": "+2.00",
        "its CI, pp": "+1.00 to +3.00",
        "time": "2.00\N{MULTIPLICATION SIGN}",
    }
    assert display.loc["none", "test rank (95 % CI)"] == "2.5 (1 to 3)"
    assert display.loc["none", "time"] == "1\N{MULTIPLICATION SIGN}"
    assert "*: not detectably less accurate on validation" in table.note
    assert {"nll", "ece", "corrupted_like", "transfer", "outcome"} <= {*table.frame}
    bare = compare.table(pd.DataFrame([row("augmented", "helps", 0.004, 0.01, 1), none()]))
    assert not [name for name in bare.display if "corrupted" in name or "its" in name]
    assert "*" not in bare.note


def test_without_validation_images_nothing_is_said_to_be_the_best(content):
    gone = {"validation": NAN, "validation_sd": NAN, "best_on_validation": False}
    rows = [row("augmented", "helps", 0.004, 0.01, 1, **gone), none(**gone)]
    table = compare.table(pd.DataFrame(rows))
    assert table.title == "Policies compared"
    assert "validation, %" not in table.display
    assert found(content, *rows)["best"] is None
    assert "validation" not in " ".join(said(content, *rows))


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
    table = compare.table(pd.DataFrame(rows))
    figure = compare.figure(table, content, variants)
    text = re.sub("<[^>]*>", " ", figure.svg)
    assert "* default" in text
    assert "a policy with a ver…" in text
    assert "baseline" not in text
    assert "◀ \N{MINUS SIGN}21.00" in text
    assert "shaded: less than 0.20 pp" in text
    assert compare.facts(table, content, {})["beyond"] == 1
    assert "default: +0.70 (+0.40 to +1.00)." in figure.alt
    # The bar, its mean and each run say their values.
    assert figure.svg.count("<title>default: +0.70 pp (95 % CI +0.40 to +1.00)</title>") == 2
    assert figure.svg.count("<title>default, seed ") == 3


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
    section = choosing.section(content, given)
    (table,) = section.tables
    names = {name.removesuffix(" *") for name in table.display["policy"]}
    assert names == {"none", "default", "affine", "mixup:0.2", "mine.yaml"}
    assert "on corrupted, pp" in table.display
    assert [block.name for block in section.blocks if block.kind == "heading"] == ["compare"]


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


def test_what_changes_no_image_is_said(content):
    smoothing = {"name": "label-smoothing", "label_smoothing": 0.1}
    made = {
        name: SimpleNamespace(settings={"policy": policy})
        for name, policy in (
            ("label-smoothing", smoothing | {"pipeline": {"transforms": []}}),
            ("mixup", {"name": "mixup", "pipeline": {"transforms": []}, "mixup": {}}),
            ("affine+label-smoothing", smoothing | {"pipeline": {"transforms": [{}]}}),
        )
    }
    rows = pd.DataFrame([row("augmented", "helps", 0.004, 0.01, 1), none()])
    facts = compare.facts(compare.table(rows), content, made)
    assert facts["labels_alone"] == ["label-smoothing"]
    text = " ".join(said(content, *rows.to_dict("records"), compare=facts))
    assert "label-smoothing changes labels and no images." in text
