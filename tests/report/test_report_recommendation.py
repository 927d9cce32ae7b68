"""What to do, word for word, for facts of every kind."""

from dataclasses import replace

import pytest

from mnist_aug.analysis.planning import Advice
from mnist_aug.analysis.recommendation import Gain, Harm, Recommendation, Strength
from mnist_aug.formatting import MINUS
from mnist_aug.report import inputs, recommendation

pytest_plugins = "rendered"

GAIN = {"types": 4, "difference": 0.1967, "low": 0.1917, "high": 0.2018, "side": 1}
LOSS = {"types": 11, "difference": -0.03, "low": -0.04, "high": -0.02, "side": -1}
NONE = {"types": 11, "difference": -0.0029, "low": -0.0118, "high": 0.0059, "side": 0}
HARMS = (
    Harm("noise", -0.159, 0.4, "SD, share of full scale"),
    Harm("brightness", -0.09),
    Harm("stroke width", -0.036, -2.0, "px added"),
)
ONE = {
    "policy": "default",
    "tested": "default",
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
    "groups": {"like": GAIN, "unlike": NONE},
    "severities": 43,
    "seconds": 25.1,
    "seconds_without": 20.4,
}
TWENTY = ONE | {"compared": 20, "equals": ("affine", "mixup:0.2"), "cheaper": ("affine",)}
UNSURE = {"difference": 0.001, "low": -0.002, "high": 0.004, "outcome": "no detectable difference"}
EXPECTED = (
    "Validation accuracy rises by 0.97 pp (95 % CI +0.81 to +1.13; 5 seeds, 12,000 "
    "images). The test images confirm it: +0.96 pp (+0.80 to +1.10)."
)
GAINS = "On corrupted images, the policy gains +19.67 pp in the mean of "
CORRUPTED = (
    f"{GAINS}the 4 types like its transforms; in the mean of the 11 others it shows no detectable "
    "change. "
)
OVER = "Over all types and severities, it"
HELPS = f"{CORRUPTED}No loss is detectable in any corruption type or at any severity."
DETECT = "to detect a difference of this size with 80 % power"
TOO_LITTLE = "Nothing is recommended: no images were held out for validation, and "


def said(kind: str, **facts) -> list[str]:
    return recommendation.written(Recommendation(kind, **facts))


def test_a_policy_that_helps():
    assert said("augment", **ONE) == ["Use policy default.", EXPECTED, HELPS]


@pytest.mark.parametrize(
    ("changed", "start"),
    [
        (
            {"strength": Strength(1.0, 0.0, 0.0, 0.0, (0.25, 0.5, 1.0, 2.0), (3, 3))},
            "Use policy default. No other strength from 0.25 to 2 times its own is detectably "
            "better on the validation images (3 seeds each).",
        ),
        (
            {"strength": Strength(1.0, 0.0, 0.0, 0.0, (0.5, 1.0), (2, 5))},
            "Use policy default. No other strength from 0.5 to 1 times its own is detectably "
            "better on the validation images (2 to 5 seeds each).",
        ),
        (
            {"strength": Strength(1.5, 0.001, 0.0002, 0.0018, (0.5, 1.0, 1.5), (3, 3))},
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
            "others compared.",
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
            "(95 % CI +0.81 to +1.13; 5 seeds against 30 without augmentation).",
        ),
        (
            {"strength": Strength(1.5, 0.001, 0.0002, 0.0018, (1.0, 1.5), (3, 3))},
            "Validation accuracy rises, at its own strength, by 0.97 pp",
        ),
    ],
)
def test_what_to_expect(changed, words):
    assert words in said("augment", **ONE | changed)[1]


def tuned(low: float, high: float, fewer_errors: float = 0.395) -> dict:
    found = {"difference": (low + high) / 2, "low": low, "high": high}
    return found | {"fewer_errors": fewer_errors}


@pytest.mark.parametrize(
    ("rest", "words"),
    [
        (
            tuned(0.002, 0.004),
            " Tuning learning rate and schedule with it adds another +0.30 pp on validation.",
        ),
        (tuned(-0.001, 0.004), ""),
        (tuned(float("nan"), float("nan")), ""),
    ],
)
def test_what_tuning_adds_is_said_where_it_is_known(rest, words):
    found = Recommendation("augment", **ONE)
    tuning = {"settings": ["learning rate", "schedule"], "rest": rest}
    assert recommendation.written(found, tuning)[0] == f"Use policy default.{words}"


@pytest.mark.parametrize(
    ("both", "words"),
    [
        (tuned(0.005, 0.007), "the gain is +0.60 pp, 40 % fewer errors."),
        (tuned(0.005, 0.007, float("nan")), "the gain is +0.60 pp."),
        (tuned(-0.001, 0.002), "no gain is detectable: +0.05 pp."),
        (tuned(-0.003, -0.001), f"it hurts: {MINUS}0.20 pp."),
    ],
)
def test_what_remains_with_both_models_tuned(both, words):
    tuning = {"settings": ["learning rate"], "both": both}
    lines = recommendation.written(Recommendation("augment", **ONE), tuning)
    assert lines[1] == f"{EXPECTED} With both models tuned, {words}"


def test_the_recommended_policy_comes_before_the_one_that_the_search_found():
    tuning = {"own": tuned(0.0059, 0.0079), "both": tuned(0.005, 0.007)}
    settings = {"settings": ["learning rate", "schedule"]}
    found = Recommendation("augment", **ONE)
    assert recommendation.written(found, tuning | settings)[1] == (
        f"{EXPECTED} With learning rate and schedule tuned in both models, the gain is +0.69 pp, "
        "40 % fewer errors."
    )
    assert "With both models tuned, the gain is" in recommendation.written(found, tuning)[1]


@pytest.mark.parametrize(
    ("side", "words"), [(-1, f" With both models tuned, it loses {2.5:.2f} pp there."), (0, "")]
)
def test_tuning_may_change_what_is_said_of_corrupted_images(side, words):
    like, unlike = {"types": 4, "difference": 0.2, "side": 1}, {"types": 11, "difference": -0.005}
    found = replace(
        Recommendation("augment", **ONE),
        types=15,
        groups={"like": like, "unlike": unlike | {"side": 0}},
    )
    tuning = {"corrupted": {"like": like, "unlike": unlike | {"difference": -0.025, "side": side}}}
    line = recommendation.written(found, tuning)[-1]
    assert f"in the mean of the 11 others it shows no detectable change.{words} No loss" in line


def test_tuning_is_looked_up(full):
    gains = full.tables["search-gains"].frame.set_index(["first", "second"])
    found = recommendation.tuning(full.content, inputs.read(full.results, full.content))
    assert found["both"]["difference"] == gains.at[("tuned-baseline", "tuned-augmented"), "test"]
    assert found["own"]["high"] == gains.at[("tuned-baseline", "tuned-training"), "test_high"]
    assert found["rest"]["low"] == gains.at[("augmented", "tuned-training"), "validation_low"]
    assert found["settings"]
    ends = 1 - full.content.variants["baseline"].accuracy.mean()
    row = gains.loc[("baseline", "augmented")]
    assert row["fewer_errors"] == pytest.approx(row["test"] / ends)


def test_simultaneous_intervals_are_said_to_be_so_once():
    lines = " ".join(said("augment", **TWENTY))
    assert "(simultaneous 95 % CI for 20 policies +0.81 to +1.13; 5 seeds" in lines
    assert lines.count("simultaneous") == 1


@pytest.mark.parametrize(
    ("harms", "words"),
    [
        (HARMS[:1], f"{OVER} hurts on noise ({MINUS}15.90 pp at SD 0.4)."),
        (
            HARMS,
            f"{OVER} hurts on noise ({MINUS}15.90 pp at SD 0.4), brightness ({MINUS}9.00) and "
            f"stroke width ({MINUS}3.60 at 2 px thinner).",
        ),
        (
            (*HARMS, Harm("fog", -0.03), Harm("stripe", -0.02), Harm("spatter", -0.01)),
            f"{OVER}s largest detectable losses are on noise ({MINUS}15.90 pp at SD 0.4), "
            f"brightness ({MINUS}9.00), stroke width ({MINUS}3.60 at 2 px thinner) and fog "
            f"({MINUS}3.00).",
        ),
        (
            (
                Harm("rotation", -0.05, -40.0, "degrees"),
                Harm("shift", -0.04, 3.0, "px"),
                Harm("scale", -0.03, 1.5, "factor"),
            ),
            f"{OVER} hurts on rotation ({MINUS}5.00 pp at 40°), shift ({MINUS}4.00 at 3 px) and "
            f"scale ({MINUS}3.00 at factor 1.5).",
        ),
        (
            (Harm("shift", -0.04, 3.0, "1/28 of the shorter side"),),
            f"{OVER} hurts on shift ({MINUS}4.00 pp at 3/28 of the shorter side).",
        ),
    ],
)
def test_where_it_hurts(harms, words):
    assert said("augment", **ONE | {"harms": harms})[2] == CORRUPTED + words


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        ({"all": GAIN | {"types": 15}}, f"{GAINS}all 15 corruption types. "),
        (
            {"all": NONE | {"types": 1}},
            "On corrupted images, the policy shows no detectable change in the only corruption "
            "type. ",
        ),
        (
            {"like": GAIN | {"types": 1}, "unlike": LOSS},
            "On corrupted images, the policy gains +19.67 pp in the type like its transforms; in "
            "the mean of the 11 others it loses 3.00 pp. ",
        ),
        ({}, ""),
    ],
)
def test_corruption_types_like_the_policy_and_others(groups, words):
    (*_, line) = said("augment", **ONE | {"groups": groups})
    assert line == f"{words}No loss is detectable in any corruption type or at any severity."


def test_what_was_not_evaluated_is_not_spoken_of():
    (*_, line) = said("augment", **ONE | {"severities": 0, "harms": HARMS[1:2]})
    assert line == f"{CORRUPTED}It hurts on brightness ({MINUS}9.00 pp)."


def test_where_it_hurts_may_not_be_known():
    assert said("augment", **ONE | {"severities": 0})[2].endswith("in any corruption type.")
    assert said("augment", **ONE | {"types": 0, "severities": 0})[2] == (
        "Where it hurts is not known: policy default was not evaluated on corrupted images."
    )


def test_a_policy_that_hurts():
    loss = {"difference": -0.02, "low": -0.03, "high": -0.01, "outcome": "hurts"}
    lines = said("without", **ONE | loss)
    assert lines[0] == "Train without augmentation: policy default hurts."
    assert lines[1].startswith(
        f"With policy default, validation accuracy falls by 2.00 pp (95 % CI "
        f"{MINUS}3.00 to {MINUS}1.00; 5 seeds, 12,000 images). The test images confirm it: "
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


OWN = Gain("affine", 0.0006, -0.0006, 0.00004)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, " Training takes 25 s a run instead of 20 s."),
        ({"overlap": True}, ""),
        ({"seconds": float("nan")}, ""),
        ({"own": None}, ""),  # the page has it in a card
    ],
)
def test_what_a_policy_chosen_among_several_costs(changed, words):
    line = HELPS.replace("the policy", "policy default", 1)
    assert said("augment", **TWENTY | {"own": OWN} | changed)[2] == line + words


@pytest.mark.parametrize(
    ("own", "words"),
    [
        (None, "default alone and on the test images; the choice among 20 is on the validation "),
        (
            OWN,
            "affine alone and on the test images; on the validation images, which decide, it "
            f"changes accuracy by +0.06 pp ({MINUS}0.06 to +0.00).",
        ),
    ],
)
def test_a_verdict_that_differs_from_the_recommendation_is_explained(own, words):
    start = f"The verdict at the head of the page is on policy {words}"
    for kind, head in (("unknown", "helps"), ("unknown", "hurts"), ("equivalent", "helps")):
        assert said(kind, **TWENTY | UNSURE | {"head": head, "own": own})[1].startswith(start)
    for kind, head in (("unknown", "equivalent"), ("equivalent", "hurts"), ("without", "hurts")):
        lines = said(kind, **TWENTY | UNSURE | {"head": head, "own": own})
        assert not any("head of the page" in line for line in lines)


def test_where_the_reports_policy_hurts_is_said_where_no_other_is_to_be_used():
    lines = said("unknown", **TWENTY | UNSURE | {"tested": "affine", "harms": HARMS[1:2]})
    assert lines[-1].startswith("On corrupted images, policy affine gains +19.67 pp")


def test_the_best_of_several_is_said_to_be_overestimated():
    some = Advice(None, 37_000)
    line = said("unknown", **TWENTY | UNSURE, advice=some)[1]
    assert line.endswith(
        "It would take about 37,000 validation images to detect a difference of this size with 80 "
        "% power; more seeds alone are not enough. As the largest of 20, it is probably "
        "overestimated."
    )
    for other in ONE, TWENTY | {"unsure": ("mixup:0.2",)}:
        assert "overestimated" not in said("unknown", **other | UNSURE, advice=some)[1]


def test_policies_as_good_are_named_where_nothing_is_decided():
    line = said("unknown", **TWENTY | UNSURE)[0]
    assert line.endswith("The validation images can't separate it from affine and mixup:0.2.")


def test_equivalent():
    lines = said("equivalent", **ONE | UNSURE)
    assert lines[0] == (
        "Train with or without augmentation, whichever is cheaper: with policy default validation "
        "accuracy is the same within ±0.2 pp."
    )
    assert lines[1].endswith(
        "On the test images it changes by +0.96 pp (+0.80 to +1.10): no detectable difference."
    )
    assert said("equivalent", **TWENTY | UNSURE)[0] == (
        "Train without augmentation, which is simpler: with policy default, the best of 20 on the "
        "validation images, validation accuracy is the same within ±0.2 pp."
    )


@pytest.mark.parametrize(
    ("advice", "words"),
    [
        (Advice(40, None), f"It would take about 40 seeds {DETECT}."),
        (
            Advice(None, 400_000),
            f"It would take about 400,000 validation images {DETECT}; more seeds alone are not "
            "enough.",
        ),
        (
            Advice(300, 50_000),
            f"It would take about 50,000 validation images and 300 seeds {DETECT}.",
        ),
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
    """Three lines of at most three rows of the page."""
    lines = said(kind, **TWENTY | {"harms": (*HARMS, Harm("fog", -0.03), Harm("stripe", -0.02))})
    assert len(lines) == 3
    assert max(map(len, lines)) <= 360


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
            "Nothing can be recommended: without augmentation, the model is not better than "
            "guessing on the test images.",
        ),
        (
            "no policy",
            {"compared": 1},
            "Train without augmentation: with the policy, the model is not better than guessing",
        ),
        (
            "no policy",
            {"compared": 3},
            "Train without augmentation: with each of the 3 policies, the model is not better than",
        ),
        (
            "no effect",
            {"compared": 1},
            "Nothing can be recommended, as the policy changes no training image. `make preview`",
        ),
    ],
)
def test_where_nothing_is_recommended(kind, facts, start):
    lines = said(kind, **facts)
    assert lines[0].startswith(start)
    assert not any("Use policy" in line or "Expect" in line for line in lines)
    assert all("nan" not in line and "not a number" not in line for line in lines)
