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
    "seconds": 25.1,
    "seconds_without": 20.4,
}
TWENTY = ONE | {"compared": 20, "equals": ("affine", "mixup:0.2"), "cheaper": ("affine",)}
UNSURE = {"difference": 0.001, "low": -0.002, "high": 0.004, "outcome": "no detectable difference"}
EXPECTED = (
    "Expect validation accuracy to change by +0.97 pp (95 % CI +0.81 to +1.13 pp). On the test "
    "images, the check, it is +0.96 pp (95 % CI +0.80 to +1.10 pp), so they confirm it."
)
HELPS = (
    "On corrupted images policy default helps in 3 of 15 corruption types and hurts in none that "
    "could be detected, by p adjusted for all."
)
COST = (
    "Training with it takes 25.1 s a run instead of 20.4 s. How sure this is: n = 5 seeds and "
    "12,000 validation images."
)
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
            "detectably more accurate on validation images.",
        ),
        (
            {"strength": Strength(1.5, 0.001, 0.0002, 0.0018, (0.5, 1.0, 1.5))},
            "Use policy default with all magnitudes multiplied by 1.5, which is more accurate on "
            "validation images than as it is, by +0.10 pp (+0.02 to +0.18 pp).",
        ),
        (
            {**TWENTY},
            "Use policy default. On the validation images it can't be distinguished from affine "
            "and mixup:0.2, of which affine trains faster.",
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
        ({"small": True}, "+1.13 pp), which is less than the margin of 0.2 pp. On the test"),
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
    assert line == (
        "On corrupted images policy default hurts in 1 of 15 corruption types (stripe) and helps "
        "in 3, by p adjusted for all."
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
        "Train without augmentation: even policy default, the best of 20 on the validation images, "
        "hurts."
    )


def test_equivalent():
    assert said("equivalent", **ONE | UNSURE)[0] == (
        "Train with or without augmentation, whichever is cheaper: with policy default accuracy is "
        "the same within ±0.2 pp."
    )


@pytest.mark.parametrize(
    ("advice", "words"),
    [
        (Advice(40, None), "More seeds would tell, about 40."),
        (
            Advice(None, 400_000),
            "More seeds won't tell; more validation images would, about 400,000.",
        ),
        (Advice(300, 50_000), "About 50,000 validation images and 300 seeds would tell."),
        (Advice(None, None), "More seeds or more validation images would tell."),
        (None, "More seeds or more validation images would tell."),
    ],
)
def test_nothing_known(advice, words):
    lines = said("unknown", **ONE | UNSURE, advice=advice)
    assert lines[0].startswith("Nothing can be told yet: with policy default validation accuracy")
    assert lines[1] == (
        f"Until it is known, training without augmentation is the simpler choice. {words}"
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
            "Nothing can be recommended: without augmentation, or with the policy, the model did "
            "not learn to tell the classes apart.",
        ),
        (
            "no verdict",
            {"compared": 3},
            "Nothing can be recommended: without augmentation, or with each of the 3 policies, the "
            "model did not learn to tell the classes apart.",
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
