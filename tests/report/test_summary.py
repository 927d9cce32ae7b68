"""The first screen: verdict, what it does not tell, cards, and the figure of all runs."""

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import synthetic_results
from rendered import rendered

from mnist_aug.analysis import comparison, planning, robustness, studies
from mnist_aug.analysis.cost import Cost
from mnist_aug.analysis.intervals import Chance, Difference
from mnist_aug.analysis.planning import Advice
from mnist_aug.analysis.studies import Worth
from mnist_aug.formatting import MINUS
from mnist_aug.report import blocks, curves, inputs, page, summary
from mnist_aug.report.drawing import Figure

pytest_plugins = "rendered"

HELPS = Difference(30, 10_000, 0.9766, 0.9863, 0.0081, 0.0113, Chance(0.1135, 10_000))
SAME = replace(HELPS, second=0.9768, low=-0.001, high=0.0014)
WITHIN = {"within_low": -0.0008, "within_high": 0.0012}
READ = {"correct": np.ones((2, 2), bool), "settings": {"policy": None}, "scores": {}}


def content(difference=HELPS, policy="default", p=1e-9, learned=True, idle=False):
    """What the summary reads of a comparison."""
    runs = [SimpleNamespace(seed=seed, learned=learned) for seed in range(difference.seeds)]
    both = tuple(
        SimpleNamespace(name=name, policy=own, runs=runs, **READ)
        for name, own in (("baseline", None), ("augmented", policy))
    )
    return SimpleNamespace(
        difference=difference,
        chance=difference.chance,
        variants={one.name: one for one in both},
        both=both,
        permutation_p={"augmented": p},
        classes=10,
        is_idle=idle,
    )


@pytest.mark.parametrize(
    ("difference", "text"),
    [
        (
            HELPS,
            "Augmentation (policy default) helps: test accuracy rises from 97.66 to 98.63 %, 41 % "
            "fewer errors.",
        ),
        (
            replace(HELPS, first=0.9, second=0.8, low=-0.12, high=-0.08),
            "Augmentation (policy default) hurts: test accuracy falls from 90.00 to 80.00 %, 100 % "
            "more errors.",
        ),
        (
            replace(HELPS, second=0.9769, low=0.0001, high=0.0005, margin=0.0023, **WITHIN),
            "Augmentation (policy default) helps, but by less than 0.23 pp: test accuracy rises "
            "from 97.66 to 97.69 %, 1 % fewer errors.",
        ),
        (
            replace(HELPS, first=1.0, second=0.99, low=-0.012, high=-0.008),
            "Augmentation (policy default) hurts: test accuracy falls from 100.00 to 99.00 %.",
        ),
        (
            SAME,
            "No detectable difference: test accuracy is 97.68 % with augmentation (policy "
            "default), 97.66 % without.",
        ),
        (
            replace(SAME, margin=0.0023, **WITHIN),
            "Equivalent within ±0.23 pp: test accuracy is 97.68 % with augmentation (policy "
            "default), 97.66 % without.",
        ),
        (
            replace(HELPS, seeds=1),
            "One seed is too few for a verdict: test accuracy is 98.63 % with augmentation (policy "
            "default), 97.66 % without.",
        ),
        (
            replace(HELPS, first=0.1, second=0.11),
            "No verdict: neither model is better than guessing on the test images.",
        ),
        (
            replace(HELPS, second=0.1),
            "No verdict: the augmented model is not better than guessing on the test images.",
        ),
        (
            replace(HELPS, first=0.1),
            "No verdict: the baseline is not better than guessing on the test images.",
        ),
    ],
)
def test_the_verdict_is_a_short_sentence(difference, text):
    found = summary.verdict(content(difference))
    assert found == text
    assert len(found.split()) <= 24  # of which signs of per cent are words of their own


def test_a_policy_without_effect_gets_no_verdict():
    assert summary.verdict(content(idle=True)) == (
        "No effect: policy default changes no training image; each seed gives the same weights "
        "with it and without."
    )


def test_a_long_name_of_a_policy_is_clipped_and_none_is_left_out():
    assert summary.verdict(content(policy="x\n" * 500)).startswith(
        f"Augmentation (policy {'x ' * 19}x…) helps"
    )
    assert summary.verdict(content(policy=None)).startswith("Augmentation helps: test")


def said(monkeypatch, advice=None, **given) -> list[str]:
    """The paragraphs of caution that stand in the summary."""
    monkeypatch.setattr(planning, "advice", lambda *_: advice or Advice(None, None))
    facts = summary.caution(content(**given)) | {"verdict": "", "cards": [], "todo": ["Wait."]}
    facts |= {
        "named_default": True,
        "resampled": False,
        "fewer": False,
        "harm": None,
        "given_margin": False,
    }
    table = SimpleNamespace(display=pd.DataFrame())
    figure = Figure("seeds", "", "", "", table)
    made = blocks.made("summary", facts, [figure])
    return [one.text for one in made if one.kind == "paragraph"]


def untestable(seeds: int, least: str) -> str:
    return (
        f"With {seeds} seeds the permutation test over seeds can't reach p < 0.05 (its smallest p "
        f"is {least}). The verdict rests on the CI, which takes accuracies to vary normally "
        "between seeds; SEEDS=6 or more allow the test."
    )


FEW = " So few seeds say little about the spread between seeds, so the CI itself is uncertain"
UNSURE = (
    f"This does not prove that there is no effect: {MINUS}0.10 to +0.14 pp are compatible with the "
    "data."
)


@pytest.mark.parametrize(
    ("difference", "p", "text"),
    [
        (HELPS, 0.001, []),
        (replace(HELPS, seeds=5), 0.0625, [untestable(5, "0.0625")]),
        (replace(HELPS, seeds=2), 0.5, [untestable(2, "0.5") + FEW + "."]),
        (
            HELPS,
            0.0625,
            [
                "The permutation test over seeds does not confirm this (p = 0.0625). The verdict "
                "rests on the CI, which takes accuracies to vary normally between seeds."
            ],
        ),
        (SAME, 0.04, [UNSURE]),
        (replace(SAME, seeds=4), 0.25, [UNSURE, FEW.strip() + "; use SEEDS=5 or more."]),
        (replace(SAME, margin=0.0023, **WITHIN), 0.5, []),
        (
            replace(HELPS, seeds=1),
            1,
            [
                "Another seed may give another difference, and a single pair of runs does not "
                "show how far off this one is. Train with SEEDS=5 or more."
            ],
        ),
        (
            replace(HELPS, seeds=2, first=0.1, second=0.11),
            1,
            [
                "Test accuracy is 10.00 % without augmentation and 11.00 % with it on 10,000 test "
                "images. Always guessing the most frequent class gives 11.35 %. Look at the data "
                "and the learning curves first: wrong labels, pixels on an unexpected scale, too "
                "few epochs and an unsuitable learning rate all end here."
            ],
        ),
        (
            replace(HELPS, seeds=2, second=0.11),
            1,
            [
                "Test accuracy is 97.66 % without augmentation and 11.00 % with it on 10,000 test "
                "images. Always guessing the most frequent class gives 11.35 %. Look at the "
                "augmented images below first: a policy that is far too strong ends here."
            ],
        ),
    ],
)
def test_what_the_verdict_does_not_tell_is_said(monkeypatch, difference, p, text):
    assert said(monkeypatch, difference=difference, p=p) == text


FIND = UNSURE + " To find a difference of the size seen with 80 % power, about "


@pytest.mark.parametrize(
    ("advice", "text"),
    [
        (Advice(1200, None), "1,200 seeds are enough with these test images."),
        (Advice(None, 4800), "4,800 test images are needed; more seeds alone are not enough."),
        (
            Advice(20, 4800),
            "4,800 test images and 20 seeds are needed; more seeds alone do little.",
        ),
    ],
)
def test_what_would_find_a_difference(monkeypatch, advice, text):
    assert said(monkeypatch, advice, difference=SAME) == [FIND + text]


def test_fewer_seeds_than_there_are_is_no_advice(monkeypatch):
    assert said(monkeypatch, Advice(30, None), difference=SAME) == [UNSURE]


def test_what_359_test_images_allow_is_said(tmp_path):
    """A small difference on few images, of scikit-learn's digits: no number of seeds would do."""
    images, seeds = 359, 6
    shared = np.arange(images)
    baseline, augmented = (np.ones((seeds, images), bool) for _ in range(2))
    baseline[:, shared < 12] = False  # images that the one model always gets wrong, and the other
    augmented[:, (shared >= 12) & (shared < 21)] = False
    for seed in range(seeds):  # and one of each seed's own
        baseline[seed, 100 + seed] = augmented[seed, 200 + seed] = False
    results = synthetic_results.write(
        tmp_path,
        test=images,
        samples=False,
        bench=False,
        correct={"baseline": baseline, "augmented": augmented},
    )
    facts = summary.caution(comparison.load(results))
    assert facts["outcome"] == "no detectable difference"
    assert facts["advice"]["seeds"] is None
    assert facts["advice"]["images"] > images


def test_runs_that_did_not_learn_are_named(monkeypatch):
    (text,) = said(monkeypatch, difference=replace(SAME, seeds=9, low=0.001), learned=False)
    assert text == (
        "Some training failed: baseline with seeds 0, 1, 2, 3, 4, 5, 6, 7 and 8 and augmented with "
        "seeds 0, 1, 2, 3, 4, 5, 6, 7 and 8 did not learn, as the last loss is not below "
        "that of guessing, ln 10. These runs count in all means."
    )


def test_the_cards_are_looked_up(full):
    cards = {card.title: card for card in full.sections["summary"].facts["cards"]}
    assert [*cards] == [
        "Test accuracy, as trained",
        "Both models tuned",
        "Corruptions unlike the policy",
        "Training images needed",
        "Training time",
    ]
    found = full.content.difference
    first = cards["Test accuracy, as trained"]
    assert first.value == f"+{100 * found.mean:.2f} pp"
    assert first.interval == (
        f"95~%~CI {100 * found.low:+.2f}~to~{100 * found.high:+.2f}".replace("-", MINUS)
    ).replace("~", summary.KEPT)
    assert first.condition == "5 seeds, 400 test images; CI over both"
    frame = full.tables["search-gains"].frame.set_index(["first", "second"])
    row = frame.loc[("tuned-baseline", "tuned-augmented")]
    assert cards["Both models tuned"].value == f"{100 * row['test']:+.2f} pp"
    assert cards["Both models tuned"].condition == (
        "after a search of each, policy included; 5 seeds; CI over seeds"
    )
    groups = robustness.by_likeness(*full.content.both)
    assert {name: group["types"] for name, group in groups.items()} == {"like": 1, "unlike": 2}
    unseen = groups["unlike"]
    value = f"{100 * unseen['difference']:+.2f} pp".replace("-", MINUS)
    assert cards["Corruptions unlike the policy"].value == value
    assert "0 of 2 types better, 1 worse" in cards["Corruptions unlike the policy"].condition
    assert {card.anchor for card in cards.values()} <= {*full.sections}
    for card in cards.values():
        assert card.value in full.text


GROUP = {"types": 11, "difference": -0.0029, "low": -0.0118, "high": 0.0059, "side": 0}


@pytest.mark.parametrize(
    ("seeds", "groups", "said"),
    [
        (
            30,
            {"like": GROUP | {"types": 4}, "unlike": GROUP},
            (
                "Corruptions unlike the policy",
                "no detectable change on average",
                f"2 of 11 types better, 1 worse; 95 % CI of the mean {MINUS}1.18 to +0.59",
            ),
        ),
        (
            30,
            {"all": GROUP | {"types": 5}},
            (
                "Corrupted test images",
                "no detectable change on average",
                f"3 of 5 types better, 1 worse; 95 % CI of the mean {MINUS}1.18 to +0.59",
            ),
        ),
        (
            30,
            {"all": GROUP | {"types": 1}},
            (
                "Corrupted test images",
                "no detectable change on average",
                f"CI {MINUS}1.18 to +0.59, over seeds and images; 1 type",
            ),
        ),
        (
            30,
            {"all": GROUP | {"low": -0.01, "high": -0.001, "side": -1}},
            (
                "Corrupted test images",
                f"95 % CI {MINUS}1.00 to {MINUS}0.10",
                "3 of 11 types better, 1 worse; CI over seeds and images",
            ),
        ),
        (
            1,
            {"all": GROUP | {"types": 1}},
            (
                "Corrupted test images",
                f"95 % CI {MINUS}1.18 to +0.59",
                "1 type; CI over images alone",
            ),
        ),
    ],
)
def test_what_the_interval_on_corrupted_images_says(monkeypatch, seeds, groups, said):
    monkeypatch.setattr(summary, "cost", lambda _: replace(COST, compiling=True))
    monkeypatch.setattr(robustness, "by_likeness", lambda *_: groups)
    kinds = [robustness.LIKE, *[robustness.UNLIKE] * 4, ""]
    single = pd.DataFrame({"policy": kinds, "side": [1, 1, 1, -1, 0, 1]})
    monkeypatch.setattr(robustness, "corruption_accuracy", lambda *_: single)
    given = content(replace(HELPS, seeds=seeds))
    *_, card = summary.cards(given, SimpleNamespace(studies={}))
    shown = (card.title, card.interval, card.condition)
    assert tuple(one.replace(summary.KEPT, " ") for one in shown) == said
    assert card.value == f"{MINUS}0.29 pp"


def test_terms_are_folded_and_few(full):
    made = full.sections["summary"].blocks
    start = next(i for i, one in enumerate(made) if one.kind == "folded" and one.text == "Terms")
    (terms,) = [one.items for one in made[start:] if one.kind == "list"]
    assert len(" ".join(terms).split()) <= 150
    assert any(
        one.endswith('images: only under "Sources of variance" and "Data efficiency".')
        for one in terms
    )


def test_what_the_unlike_corruptions_are(full):
    """The mean is the one that the table of corruption types has."""
    own = robustness.corruption_accuracy(full.content, "corruption/").set_index("corruption")
    unseen = robustness.by_likeness(*full.content.both)["unlike"]
    assert unseen["difference"] == pytest.approx(own.loc["mean of 2 unlike it", "difference"])


def test_no_card_where_a_model_did_not_learn():
    guesses = content(replace(HELPS, second=0.1))
    assert [*summary.cards(guesses, SimpleNamespace(studies={}))] == []


COST = Cost(4.24, 7.49, 7.49 / 4.24, False, 30, 2, 2, True, False)


@pytest.mark.parametrize(
    ("change", "value", "interval", "condition"),
    [
        (
            {},
            "1.8x as long",
            "7.5 s instead of 4.2 s a run",
            "median, 2 runs in parallel on 2 cores",
        ),
        (
            {"ratio": 0.8, "in_parallel": 1, "cores": 1},
            "0.80x as long",
            "7.5 s instead of 4.2 s a run",
            "median, one run at a time on 1 core",
        ),
        (
            {"overlap": True, "in_parallel": None},
            "7.5 vs 4.2 s",
            "the runs' times overlap",
            "median",
        ),
        (
            {"cores": None, "same_machine": False},
            "1.8x as long",
            "7.5 s instead of 4.2 s a run",
            "median, 2 runs in parallel, on different machines",
        ),
    ],
)
def test_the_cost_with_its_condition(monkeypatch, change, value, interval, condition):
    monkeypatch.setattr(summary, "cost", lambda _: replace(COST, **change))
    *_, card = summary.cards(content(), SimpleNamespace(studies={}))
    shown = card.value.replace("\N{MULTIPLICATION SIGN}", "x")
    assert (shown, card.interval, card.condition) == (value, interval, condition)


def test_times_that_hold_compiling_are_no_cost(monkeypatch):
    monkeypatch.setattr(summary, "cost", lambda _: replace(COST, compiling=True))
    cards = [*summary.cards(content(), SimpleNamespace(studies={}))]
    assert [card.title for card in cards] == ["Test accuracy, as trained"]


@pytest.mark.parametrize(
    ("worth", "value", "rest"),
    [
        (
            Worth(48_000, 3_000, 0.0011, -0.0022, 0.0043, 10_000),
            "3,000",
            (
                "as good as 48,000 without",
                f"difference +0.11 pp; CI over seeds {MINUS}0.22 to +0.43",
            ),
        ),
        (
            Worth(48_000, 3_000, 0.0011),
            "3,000",
            ("as good as 48,000 without", "difference +0.11 pp of single seeds"),
        ),
        (Worth(48_000), "> 48,000", ("", "less accurate than the baseline with all")),
        (
            Worth(48_000, 48_000, 0.01, 0.005, 0.015),
            "48,000",
            ("", "none of the smaller sizes is as good"),
        ),
    ],
)
def test_what_augmentation_is_worth_in_images(monkeypatch, worth, value, rest):
    monkeypatch.setattr(summary, "cost", lambda _: replace(COST, compiling=True))
    monkeypatch.setattr(studies, "data_efficiency", lambda _: None)
    monkeypatch.setattr(studies, "worth", lambda _: worth)
    inputs = SimpleNamespace(studies={"data-efficiency": True})
    *_, card = summary.cards(content(), inputs)
    shown = [one.replace(summary.KEPT, " ") for one in (card.value, card.interval, card.condition)]
    assert shown == [value, *rest]


def test_what_is_printed_is_what_the_page_says(small, tmp_path, undrawn):
    text = page.write(small.results, tmp_path / "reports")
    facts = small.sections["summary"].facts
    assert text.splitlines() == [facts["verdict"], *facts["todo"]]
    assert f"**{facts['verdict']}**" in small.text
    for line in facts["todo"]:
        assert f"- {line}" in small.text


def test_each_run_is_a_dot_that_says_its_value(full):
    svg = full.figures["seeds"].svg
    run = full.content.variants["augmented"]
    for seed, accuracy in zip(run.seeds, run.accuracy, strict=True):
        assert re.search(
            rf'data-seed="{seed}"[^>]*><title>augmented, seed {seed}: {100 * accuracy:.2f} %', svg
        )
    assert svg.count("augmented minus baseline, seed") == 5
    found = full.content.difference
    assert f"mean difference: +{100 * found.mean:.2f} pp (95 % CI over seeds and images" in svg


def test_the_figure_of_one_seed_has_no_interval_over_seeds(tmp_path):
    results = synthetic_results.write(tmp_path, seeds=1, test=60, bench=False, samples=False)
    figure = summary.seeds.figure(comparison.load(results))
    assert "95 % CI over seeds" not in figure.svg
    assert "over test images alone, as there is one seed" in figure.alt


def test_what_does_the_harm_is_said(tmp_path, monkeypatch):
    """Of policies that leave out a step of the one that hurts, the best, if it loses much less."""
    right = {"baseline": 0.9, "augmented": 0.6, "affine": 0.85, "elastic": 0.65, "other": 0.88}
    sets = {
        name: {"test": np.arange(400) >= np.full((5, 1), round(400 * (1 - share)))}
        for name, share in right.items()
    }
    sets["baseline"]["training"] = sets["baseline"]["test"]
    sets["augmented"]["training"] = np.roll(sets["augmented"]["test"], 1)[:, :400] & (
        np.arange(400) >= 200
    )
    both = {name: sets.pop(name) for name in ("baseline", "augmented")}
    folder = tmp_path / "results"
    synthetic_results.write(folder, test=400, correct=both, samples=False, bench=False)
    steps = synthetic_results.POLICY["pipeline"]["transforms"]
    kept = {"affine": steps[:1], "elastic": steps[1:], "other": [steps[0] | {"p": 0.1}]}
    options = {
        name: {
            "policy": {
                "name": name,
                "pipeline": synthetic_results.POLICY["pipeline"] | {"transforms": own},
            }
        }
        for name, own in kept.items()
    }
    synthetic_results.write_policies(folder, sets, **options)
    section = rendered(folder, tmp_path / "reports", drawn=False).sections["summary"]
    text = " ".join(block.text for block in section.blocks if block.kind == "paragraph")
    assert (
        "Most of this loss comes with ElasticTransform: without it (policy affine), the difference "
        f"is {MINUS}5.00 pp ("
    ) in text
    assert (
        "With policy default, the network underfits: accuracy on the unchanged training images "
        "falls as well, by 40.00 pp."
    ) in text
    loaded = comparison.load(folder)
    given = inputs.read(folder, loaded)
    for last, least, falling in ((15, 15, True), (15, 14, False), (1, 1, False)):
        ends = {"last": {"augmented": last}, "least": {"augmented": least}}
        monkeypatch.setattr(curves, "ends", lambda _, own=ends: own)
        assert summary.harm(loaded, given)["falling"] == falling
