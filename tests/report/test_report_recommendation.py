"""What to do, word for word, for facts of every kind."""

import pytest

from mnist_aug.analysis.planning import Advice
from mnist_aug.analysis.recommendation import Recommendation, Strength
from mnist_aug.formatting import MINUS
from mnist_aug.report import recommendation

pytest_plugins = "rendered"

ONE = {
    "policy": "default",
    "compared": 1,
    "seeds": 5,
    "images": 12_000,
    "difference": 0.0097,
    "low": 0.0081,
    "high": 0.0113,
    "margin": 0.002,
    "test": 0.0096,
    "test_low": 0.008,
    "test_high": 0.011,
    "outcome": "helps",
    "types": 15,
    "better": ("fog", "rotate", "shear"),
    "corrupted": 0.04,
    "corrupted_low": 0.03,
    "corrupted_high": 0.05,
    "seconds": 25.1,
    "seconds_without": 20.4,
}
TWENTY = ONE | {"compared": 20, "equals": ("affine", "mixup:0.2"), "cheaper": ("affine",)}
UNSURE = {"difference": 0.001, "low": -0.002, "high": 0.004, "outcome": "no detectable difference"}
EXPECTED = (
    "Expect validation accuracy to change by +0.97 pp (95 % CI +0.81 to +1.13 pp). On the test "
    "images, the check, it is +0.96 pp (95 % CI +0.80 to +1.10 pp), so they confirm it."
)
CORRUPTED = (
    "On corrupted images policy default changes mean accuracy by +4.00 pp (95 % CI +3.00 to +5.00 "
    "pp). "
)
HELPS = CORRUPTED + (
    "It helps in 3 of 15 corruption types and hurts in none that could be detected, by p adjusted "
    "for all."
)
COST = (
    "Training with it takes 25.1 s a run instead of 20.4 s. How sure this is: n = 5 seeds and "
    "12,000 validation images."
)
FIND = "would find a difference like this one with a chance of 80 %."
TOO_LITTLE = "Nothing is recommended: no images were held out for validation, and "


def said(kind: str, **facts) -> list[str]:
    return recommendation.written(Recommendation(kind, **facts))


def test_a_policy_that_helps():
    assert said("augment", **ONE) == ["Use policy default.", EXPECTED, HELPS, COST]


@pytest.mark.parametrize(
    ("changed", "start"),
    [
        (
            {"strength": Strength(1.0, 0.0, 0.0, 0.0, (0.25, 0.5, 1.0, 2.0))},
            "Use policy default as strong as it is: no factor from 0.25 to 2 for its magnitudes is "
            "detectably more accurate on these validation images.",
        ),
        (
            {"strength": Strength(1.5, 0.001, 0.0002, 0.0018, (0.5, 1.0, 1.5))},
            "Use policy default with all magnitudes multiplied by 1.5, which is more accurate on "
            "these validation images than as it is, by +0.10 pp (+0.02 to +0.18 pp).",
        ),
        (
            {**TWENTY},
            "Use policy default. On the validation images it can't be distinguished from affine "
            "and mixup:0.2, of which affine trains faster.",
        ),
        (
            {"small": True},
            "Policy default helps, but by less than the margin of 0.2 pp: use it where its cost "
            "does not matter.",
        ),
        (
            TWENTY | {"equals": (), "cheaper": ()},
            "Use policy default. On the validation images it is more accurate than each of the 19 "
            "others.",
        ),
    ],
)
def test_what_to_use(changed, start):
    assert said("augment", **ONE | changed)[0] == start


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"outcome": "hurts"}, "so they contradict it."),
        ({"outcome": "equivalent"}, "so they do not confirm it."),
        ({"compared": 20}, "(95 % CI +0.81 to +1.13 pp, simultaneous for 20 policies)"),
        (
            {"strength": Strength(1.5, 0.001, 0.0002, 0.0018, (1.0, 1.5))},
            "Expect validation accuracy to change with magnitudes as they are by +0.97 pp",
        ),
    ],
)
def test_what_to_expect(changed, words):
    assert words in said("augment", **ONE | changed)[1]


def test_where_it_hurts():
    (line,) = (one for one in said("augment", **ONE | {"worse": ("stripe",)}) if "corrupted" in one)
    assert line == CORRUPTED + (
        "It hurts in 1 of 15 corruption types (stripe) and helps in 3, by p adjusted for all."
    )
    assert said("augment", **ONE | {"types": 0})[2] == (
        "Where policy default hurts is not known, as it was not evaluated on corrupted images."
    )


def test_a_policy_that_hurts():
    loss = {"difference": -0.02, "low": -0.03, "high": -0.01, "outcome": "hurts"}
    lines = said("without", **ONE | loss)
    assert lines[0] == "Train without augmentation: policy default hurts."
    assert f"by {MINUS}2.00 pp (95 % CI {MINUS}3.00 to {MINUS}1.00 pp) with it." in lines[1]
    assert lines[1].endswith("so they confirm it.")
    assert said("without", **TWENTY | loss)[0] == (
        "Train without augmentation: even policy default, the best of the 20 policies on the "
        "validation images, hurts."
    )


@pytest.mark.parametrize("kind", ["without", "equivalent", "unknown"])
def test_who_may_do_better_is_always_said(kind):
    """Nobody is told to do without augmentation while a policy that looks better is untested."""
    lines = said(kind, **TWENTY | UNSURE | {"unsure": ("mixup:0.2",)})
    assert (
        "mixup:0.2 may do better: its mean is larger, but its runs are too few or vary too much"
    ) in lines[0]
    assert "even" not in lines[0]
    assert "best of" not in lines[0]


def test_times_that_overlap_are_no_cost():
    assert said("augment", **ONE | {"overlap": True})[3].startswith(
        "Training with it takes 25.1 s a run and 20.4 s without, in the median; the times of "
        "single runs overlap. "
    )


def test_a_verdict_by_itself_that_differs_is_explained():
    lines = said("unknown", **TWENTY | UNSURE | {"alone": "helps"})
    assert lines[0].endswith(
        "The verdict at the head of the page is on policy default alone, by the test images; the "
        "choice among 20 is by the validation images."
    )
    assert "head of the page" not in said("unknown", **ONE | UNSURE)[0]


def test_equivalent():
    assert said("equivalent", **ONE | UNSURE)[0] == (
        "Train with or without augmentation, whichever is cheaper: with policy default accuracy is "
        "the same within ±0.2 pp."
    )


@pytest.mark.parametrize(
    ("advice", "words"),
    [
        (Advice(40, None), f"About 40 seeds {FIND}"),
        (Advice(None, 400_000), f"More seeds won't do; about 400,000 validation images {FIND}"),
        (Advice(300, 50_000), f"About 50,000 validation images and 300 seeds {FIND}"),
        (Advice(None, None), "More seeds or more validation images are needed."),
        (None, "More seeds or more validation images are needed."),
    ],
)
def test_nothing_known(advice, words):
    lines = said("unknown", **ONE | UNSURE, advice=advice)
    assert lines[0].startswith(
        "The comparison is inconclusive: with policy default validation accuracy"
    )
    assert lines[1] == (
        f"Until more is known, training without augmentation is the simpler choice. {words}"
    )


@pytest.mark.parametrize(
    ("kind", "facts", "start"),
    [
        (
            "one seed",
            ONE,
            "Nothing can be recommended from one seed: with policy default validation accuracy "
            "differs by +0.97 pp, and another seed may say otherwise.",
        ),
        ("no validation", ONE, TOO_LITTLE),
        ("no validation", ONE | {"outcome": "too few seeds"}, TOO_LITTLE),
        (
            "no verdict",
            {"compared": 1},
            "Nothing can be recommended: either without augmentation or with the policy the model "
            "did not learn to tell the classes apart.",
        ),
        (
            "no verdict",
            {"compared": 3},
            "Nothing can be recommended: either without augmentation or with all of the 3 policies "
            "the model did not learn to tell the classes apart.",
        ),
    ],
)
def test_where_nothing_is_recommended(kind, facts, start):
    lines = said(kind, **facts)
    assert lines[0].startswith(start)
    assert not any("Use policy" in line or "Expect" in line for line in lines)
    assert all("nan" not in line and "not a number" not in line for line in lines)


def test_it_stands_at_the_head_of_the_page_and_is_to_be_had_as_text(full):
    text = recommendation.text(full.results)
    head = full.text.split("## Contents")[0]
    assert len(text.splitlines()) in (3, 4)
    for line in text.splitlines():
        assert f"- {line}" in head
    assert head.index("## What to do") > head.index("**")
