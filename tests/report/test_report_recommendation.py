"""What to do, word for word, for facts of every kind."""

import pytest

from mnist_aug.analysis.planning import Advice
from mnist_aug.analysis.recommendation import Recommendation, Strength
from mnist_aug.formatting import MINUS
from mnist_aug.report import recommendation

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
    "Expect validation accuracy to change by +0.97 pp (95 % CI +0.81 to +1.13; 5 seeds, 12,000 "
    "images). The test images confirm it: +0.96 pp (+0.80 to +1.10)."
)
CORRUPTED = "On corrupted images accuracy changes by +4.00 pp on average (+3.00 to +5.00)"
HELPS = f"{CORRUPTED}; it rises detectably in 3 of 15 corruption types and falls in none."
FIND = "would find a difference of this size with a chance of 80 %"
TOO_LITTLE = "Nothing is recommended: no images were held out for validation, and "


def said(kind: str, **facts) -> list[str]:
    return recommendation.written(Recommendation(kind, **facts))


def test_a_policy_that_helps():
    assert said("augment", **ONE) == ["Use policy default.", EXPECTED, HELPS]


@pytest.mark.parametrize(
    ("changed", "start"),
    [
        (
            {"strength": Strength(1.0, 0.0, 0.0, 0.0, (0.25, 0.5, 1.0, 2.0))},
            "Use policy default unchanged: no other strength from 0.25 to 2 times its own is "
            "detectably better on the validation images.",
        ),
        (
            {"strength": Strength(1.5, 0.001, 0.0002, 0.0018, (0.5, 1.0, 1.5))},
            "Use policy default with all magnitudes multiplied by 1.5, which is better on the "
            "validation images by +0.10 pp (+0.02 to +0.18).",
        ),
        (
            {**TWENTY},
            "Use policy default. The validation images can't separate it from affine and "
            "mixup:0.2; affine trains faster.",
        ),
        (
            {"small": True},
            "Policy default helps, but by less than the margin of 0.2 pp: use it where its cost "
            "does not matter.",
        ),
        (
            TWENTY | {"equals": (), "cheaper": ()},
            "Use policy default. It is more accurate on the validation images than each of the 19 "
            "others.",
        ),
        (
            TWENTY | {"none_may_be_best": True},
            "Use policy default. The validation images can't separate it from affine and "
            "mixup:0.2; affine trains faster. CIs for all pairs do not rule out that no "
            "augmentation is best.",
        ),
    ],
)
def test_what_to_use(changed, start):
    assert said("augment", **ONE | changed)[0] == start


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"outcome": "hurts"}, "The test images contradict it: +0.96 pp (+0.80 to +1.10)."),
        ({"outcome": "equivalent"}, "The test images do not confirm it:"),
        ({"images": None}, "(95 % CI +0.81 to +1.13; 5 seeds)."),
        (
            {"seeds_without": 30, "images": None},
            "(95 % CI +0.81 to +1.13; 5 seeds (30 without augmentation)).",
        ),
        (
            {"strength": Strength(1.5, 0.001, 0.0002, 0.0018, (1.0, 1.5))},
            "Expect validation accuracy to change, at its own strength, by +0.97 pp",
        ),
    ],
)
def test_what_to_expect(changed, words):
    assert words in said("augment", **ONE | changed)[1]


def test_simultaneous_intervals_are_said_to_be_so_once():
    lines = " ".join(said("augment", **TWENTY))
    assert "(simultaneous 95 % CI for 20 policies +0.81 to +1.13; 5 seeds" in lines
    assert lines.count("simultaneous") == 1


def test_where_it_hurts():
    *_, line = said("augment", **ONE | {"worse": ("stripe", "fog")})
    assert line == (
        f"{CORRUPTED}, but it falls detectably in 2 of 15 corruption types: stripe and fog."
    )
    *_, line = said("augment", **ONE | {"better": ()})
    assert line == f"{CORRUPTED}, with no detectable change in any of 15 corruption types."
    assert said("augment", **ONE | {"types": 0})[2] == (
        "Where it hurts is not known: policy default was not evaluated on corrupted images."
    )


def test_a_policy_that_hurts():
    loss = {"difference": -0.02, "low": -0.03, "high": -0.01, "outcome": "hurts"}
    lines = said("without", **ONE | loss)
    assert lines[0] == "Train without augmentation: policy default hurts."
    assert lines[1].startswith(
        f"With it, expect validation accuracy to change by {MINUS}2.00 pp (95 % CI {MINUS}3.00 to "
        f"{MINUS}1.00; 5 seeds, 12,000 images). The test images confirm it: "
    )
    assert said("without", **TWENTY | loss)[0] == (
        "Train without augmentation: even policy default, the best of 20 on the validation images, "
        "hurts."
    )


@pytest.mark.parametrize("kind", ["without", "equivalent", "unknown"])
def test_who_may_do_better_is_always_said(kind):
    """Nobody is advised against augmentation while a policy that looks better is untested."""
    lines = said(kind, **TWENTY | UNSURE | {"unsure": ("mixup:0.2",)})
    assert "mixup:0.2 may do better, but its runs are too few or vary too much to know." in lines[0]
    assert "even" not in lines[0]
    assert "best of" not in lines[0]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, " Training takes 25.1 s a run instead of 20.4 s."),
        ({"overlap": True}, ""),
        ({"seconds": float("nan")}, ""),
        ({"compared": 1}, ""),  # the page has it in a card
    ],
)
def test_what_a_policy_chosen_among_several_costs(changed, words):
    assert said("augment", **TWENTY | changed)[2] == HELPS + words


def test_a_verdict_by_itself_that_differs_is_explained():
    lines = said("unknown", **TWENTY | UNSURE | {"alone": "helps"})
    assert lines[0].endswith(
        "The verdict at the head of the page is on policy default alone and the test images; the "
        "choice among 20 is on the validation images."
    )
    assert "head of the page" not in said("unknown", **ONE | UNSURE)[0]


def test_equivalent():
    lines = said("equivalent", **ONE | UNSURE)
    assert lines[0] == (
        "Train with or without augmentation, whichever is cheaper: with policy default validation "
        "accuracy is the same within ±0.2 pp."
    )
    assert lines[1].endswith(
        "On the test images it changes by +0.96 pp (+0.80 to +1.10): no detectable difference."
    )


@pytest.mark.parametrize(
    ("advice", "words"),
    [
        (Advice(40, None), f"About 40 seeds {FIND}."),
        (
            Advice(None, 400_000),
            f"About 400,000 validation images {FIND}; more seeds alone won't.",
        ),
        (Advice(300, 50_000), f"About 50,000 validation images and 300 seeds {FIND}."),
        (Advice(None, None), "More seeds or more validation images are needed."),
        (None, "More seeds or more validation images are needed."),
    ],
)
def test_nothing_known(advice, words):
    lines = said("unknown", **ONE | UNSURE, advice=advice)
    assert lines[0].startswith(
        f"Undecided: with policy default validation accuracy changes by +0.10 pp (95 % CI "
        f"{MINUS}0.20 to +0.40; 5 seeds, 12,000 images), and by +0.96 pp (+0.80 to +1.10) on the "
        "test images."
    )
    assert lines[1] == (
        f"Until more is known, train without augmentation, which is simpler. {words}"
    )


@pytest.mark.parametrize("kind", ["augment", "without", "equivalent", "unknown"])
def test_lines_are_short(kind):
    """Three lines of two rows of the page, or a little more where there are many policies."""
    lines = said(kind, **TWENTY | {"worse": ("brightness", "fog", "glass blur", "stripe")})
    assert len(lines) == 3
    assert max(map(len, lines)) <= 250


@pytest.mark.parametrize(
    ("kind", "facts", "start"),
    [
        (
            "one seed",
            ONE,
            "Nothing can be recommended from one seed: with policy default validation accuracy "
            "changes by +0.97 pp, and another seed may say otherwise.",
        ),
        ("no validation", ONE, TOO_LITTLE),
        ("no validation", ONE | {"outcome": "too few seeds"}, TOO_LITTLE),
        (
            "no verdict",
            {"compared": 1},
            "Nothing can be recommended: the model did not learn to tell the classes apart, with "
            "or without the policy.",
        ),
        (
            "no verdict",
            {"compared": 3},
            "Nothing can be recommended: the model did not learn to tell the classes apart, "
            "without augmentation or with any of the 3 policies.",
        ),
    ],
)
def test_where_nothing_is_recommended(kind, facts, start):
    lines = said(kind, **facts)
    assert lines[0].startswith(start)
    assert not any("Use policy" in line or "Expect" in line for line in lines)
    assert all("nan" not in line and "not a number" not in line for line in lines)
