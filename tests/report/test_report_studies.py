"""The studies' parts of the report, against values worked out by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import synthetic_results

from mnist_aug.analysis import comparison
from mnist_aug.analysis.studies import StudyRuns, study_runs
from mnist_aug.formatting import percent, points
from mnist_aug.report import ablation, studies
from mnist_aug.results.runs import BOTH

pytest_plugins = "rendered"


@pytest.fixture(scope="module")
def found(full):
    variants, left_out = studies.read(full.results, full.content)
    assert left_out == []
    return {name: study_runs([*own.values()], full.content) for name, own in variants.items()}


def test_differences_are_of_means(full, found):
    table = ablation.parts(found["ablation"]).frame.set_index("variant")
    assert set(table.index) == {"baseline", "augmented", "affine", "elastic", "rotate", "no-rotate"}
    own = pd.read_csv(full.results / "ablation" / "rotate" / "metrics.csv")["accuracy"]
    gain = own.mean() - full.content.variants["baseline"].accuracy.mean()
    row = table.loc["rotate"]
    assert row["against_baseline"] == pytest.approx(gain)
    assert row["against_baseline_low"] < gain < row["against_baseline_high"]
    assert table.loc["baseline", "against_baseline"] == 0
    display = ablation.parts(found["ablation"]).display
    assert {*display["policy"]} == {
        *("no augmentation", "full policy", "without elastic", "without rotation"),
        *("elastic alone", "rotation alone"),
    }


def test_factors_are_in_order(found):
    frame = ablation.strength(found["strength"]).frame
    assert frame["factor"].tolist() == [0, 0.5, 1, 2]
    assert frame["variant"].tolist() == ["baseline", "default-0.5x", "augmented", "default-2x"]


def test_the_choice_counts_each_candidate_once(found):
    facts = ablation.choice(found)
    # Augmented itself is in every study, rotate and elastic in ablation and grid, affine in
    # ablation and compare, and two tuned variants differ in more than the policy.
    assert facts["studies"] == ["ablation", "strength", "grid", "compare", "tuned"]
    assert facts["count"] == 12
    every = pd.concat([found[name].frame for name in facts["studies"]])
    policies = every[every["policy"].notna()].groupby("variant")["validation"].mean()
    others = [name for name in policies.index if name in ("tuned-augmented", "tuned-training")]
    assert facts["first"]["validation"] == pytest.approx(policies.drop(index=others).max())


def altered(runs, **validation) -> StudyRuns:
    """The same runs with other validation accuracies, by variant; others have 0.9."""
    frame = runs.frame.copy()
    spread = 0.001 * frame["seed"]
    frame["validation"] = frame["variant"].map(validation).fillna(0.9) + spread
    return StudyRuns(frame, runs.curves)


def test_the_choice_says_how_far_the_best_is_ahead(found):
    runs = altered(found["ablation"], **{"no-rotate": 0.97, "augmented": 0.96, "elastic": 0.9695})
    facts = ablation.choice({"ablation": runs})
    assert facts["first"]["name"] == "the default policy without rotation"
    assert facts["own"] == {
        "name": "the default policy",
        "validation": pytest.approx(0.962),
        "rank": 3,
        "is_first": False,
        "is_equal": False,
    }
    assert facts["lead"]["difference"] == pytest.approx(0.01)
    assert 0 < facts["lead"]["low"] < 0.01 < facts["lead"]["high"]
    assert facts["equals"] == ["elastic alone"]
    assert facts["equal_seeds"] == {"seeds": 5, "all": True}
    assert facts["sure"]
    assert not facts["flattered"]
    first = ablation.choice({"ablation": altered(found["ablation"], augmented=0.97, elastic=0.95)})
    assert first["own"]["is_first"]
    assert first["second"] == "elastic alone"
    assert first["lead"]["difference"] == pytest.approx(0.02)
    tuned = altered(found["tuned"], **{"tuned-policy": 0.99, "augmented": 0.96})
    assert ablation.choice({"tuned": tuned})["flattered"]


def test_the_choice_needs_validation_images_and_two_seeds(found):
    runs = found["ablation"]
    none = StudyRuns(runs.frame.assign(validation=np.nan), runs.curves)
    assert ablation.choice({"ablation": none}) is None
    one = StudyRuns(runs.frame[runs.frame["seed"] == 0], runs.curves)
    facts = ablation.choice({"ablation": one})
    assert not facts["sure"]
    assert np.isnan(facts["lead"]["low"])


def test_what_the_ablation_says(found):
    runs = found["ablation"]
    frame = runs.frame.copy()
    means = {"baseline": 0.9, "augmented": 0.95, "rotate": 0.9, "elastic": 0.94, "affine": 0.92}
    means["no-rotate"] = 0.96
    frame["test"] = frame["variant"].map(means) + 0.001 * frame["seed"]
    facts = ablation.parts_facts(ablation.parts(StudyRuns(frame, runs.curves)))
    assert facts["best"]["name"] == "elastic"
    assert facts["best"]["difference"] == pytest.approx(0.04)
    assert facts["whole"] == pytest.approx(0.05)
    assert (facts["gaining"], facts["losing"], facts["unclear"]) == (["elastic"], [], ["rotation"])
    assert facts["spare"] == ["rotation"]
    assert facts["needed"] == [facts["costly"]]
    assert facts["costly"]["name"] == "elastic"
    assert facts["costly"]["low"] < facts["costly"]["difference"] == pytest.approx(-0.03)
    assert not facts["above"]  # as one of those above is detectably better
    assert facts["seeds"] == (5, 5)
    near = frame["test"].where(frame["variant"] != "no-rotate", frame["test"] - 0.009)
    for test, above in ((near, True), (near.where(frame["variant"] != "rotate", 0.96), False)):
        altered_runs = StudyRuns(frame.assign(test=test), runs.curves)
        assert ablation.parts_facts(ablation.parts(altered_runs))["above"] == above
    one = ablation.parts_facts(ablation.parts(StudyRuns(frame[frame["seed"] == 0], runs.curves)))
    assert not one["sure"]


def test_what_the_strength_says(full, found):
    runs = found["strength"]
    frame = runs.frame.copy()
    means = {"baseline": 0.9, "default-0.5x": 0.94, "augmented": 0.95, "default-2x": 0.95}
    for part in ("test", "validation"):
        frame[part] = frame["variant"].map(means) + 0.001 * frame["seed"]
    table = ablation.strength(StudyRuns(frame, runs.curves))
    facts = ablation.strength_facts(table, 0.001)
    assert (facts["lower"], facts["higher"], facts["unclear"]) == (["0", "0.5"], [], ["2"])
    # Seeds differ by 0.001, so the CI at factor 1 holds what is 0.0005 above, and not 0.01.
    for ahead, close in ((0.0005, True), (0.01, False)):
        other = table.frame.copy()
        row = other["variant"] == "default-2x"
        other.loc[row, "validation"] = own = facts["best"]["own"] + ahead
        best = ablation.strength_facts(replace(table, frame=other), 0.001)["best"]
        assert (best["factor"], best["validation"], best["close"]) == (2, own, close)
    figure = ablation.strength_figure(runs, table, full.content)
    low, high = (table.frame.loc[1, f"test_{end}"] for end in ("low", "high"))
    assert low < 0.942 < high
    assert (
        f"<title>factor 0.5: test accuracy 94.20 % (95 % CI {100 * low:.2f} to {100 * high:.2f})"
        "</title>"
    ) in figure.svg


def test_the_grid_is_a_heat_map_of_validation_gains(full, found):
    table = ablation.grid(found["grid"])
    facts = ablation.grid_facts(table, full.content)
    assert facts["count"] == len(table.display) == 4
    cell = table.frame.loc[table.frame["validation"].idxmax()]
    assert facts["best"]["difference"] == cell["validation_difference"]
    figure = ablation.grid_figure(table, full.content)
    for one in table.frame.to_dict("records"):
        assert f">{points(one['validation_difference'])}<" in figure.svg
    assert "<title>rotation at factor 2: " in figure.svg
    none = StudyRuns(found["grid"].frame.assign(validation=np.nan), found["grid"].curves)
    bare = ablation.grid(none)
    assert ablation.grid_facts(bare, full.content)["best"] is None
    assert [*bare.display] == ["transform", "factor", "seeds", "test ± SD, %"]


def test_the_parts_stand_in_the_order_of_reading(full):
    section = full.sections["choosing"]
    heads = [block.text for block in section.blocks if block.kind == "heading"]
    assert heads == [
        "Comparison of policies",
        "Ablation",
        "Sensitivity to augmentation strength",
        "Transform \N{MULTIPLICATION SIGN} strength",
        "Hyperparameter search",
    ]
    first = next(block.text for block in section.blocks if block.kind == "paragraph")
    choice = section.facts["choice"]
    assert first.startswith(
        "Of 12 policies "
        f"(ablation, strength, transform \N{MULTIPLICATION SIGN} strength, comparison and "
        "hyperparameter search), "
        f"{choice['first']['name']} has the highest validation accuracy, "
        f"{percent(choice['first']['validation'])} %"
    )
    assert " on the test images. " in first
    folded = {block.name for block in section.blocks if block.folded}
    assert {"strength", "search-settings"} <= folded


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"epochs": 9}, "its runs have 5 epochs, those of baseline and augmented 9"),
        (
            {"policy": synthetic_results.POLICY | {"name": "mine.yaml"}},
            "it is about another policy",
        ),
    ],
)
def test_a_study_unlike_both_models_is_left_out_with_the_reason(tmp_path, change, reason):
    results = synthetic_results.write(
        tmp_path, seeds=2, test=60, samples=False, bench=False, studies=["ablation"]
    )
    for model in BOTH:
        own = {key: value for key, value in change.items() if model == BOTH[1] or key != "policy"}
        for path in sorted((results / model).glob("seed-*")):
            seed = int(path.name[-2:])
            synthetic_results.write_run(
                tmp_path / "other", model, seed, np.ones(60, bool), np.arange(60) % 10, 10, **own
            )
            for name in ("manifest.json", "history.csv"):
                (tmp_path / "other" / model / path.name / name).replace(path / name)
    synthetic_results.sign(results)
    runs, left_out = studies.read(results, comparison.load(results))
    assert runs == {}
    assert left_out == [
        f"The study ablation is left out, as {reason}: `make ablation` with the settings of "
        "baseline and augmented makes it anew."
    ]


def test_what_is_left_out_is_in_the_limits(small):
    sentence = (
        "The study ablation is left out, as other code trained it: `make ablation` with the "
        "settings of baseline and augmented makes it anew."
    )
    *_, items = [block.items for block in small.sections["limits"].blocks if block.kind == "list"]
    assert items == (sentence,)
    assert sentence in small.text
    assert "choosing" not in small.sections
