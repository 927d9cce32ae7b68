"""The studies' parts of the report, against values worked out by hand."""

import re

import numpy as np
import pandas as pd
import pytest
import synthetic_results

from mnist_aug.analysis import comparison
from mnist_aug.analysis.studies import StudyRuns, study_runs
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
    assert studies.seeds_sentences(found["ablation"], full.content)[0].startswith(
        "Variants are compared with all 5 seeds of baseline and augmented."
    )


def test_factors_are_in_order(found):
    frame = ablation.strength(found["strength"]).frame
    assert frame["factor"].tolist() == [0, 0.5, 1, 2]
    assert frame["variant"].tolist() == ["baseline", "default-0.5x", "augmented", "default-2x"]


def test_the_choice_counts_each_candidate_once(found):
    text = ablation.choice(found)
    # Augmented itself is in every study, affine in two of them, and two tuned variants differ in
    # more than the policy.
    assert "Of 10 candidates in ablation, strength, compare and tuned" in text
    assert "The tuned policy was already the best of a search on these validation images" in text
    best = found["ablation"].frame.copy()
    best.loc[best["variant"] == "augmented", "validation"] = 1.0
    text = ablation.choice({"ablation": StudyRuns(best, found["ablation"].curves)})
    assert "Of 5 candidates in ablation, the policy used here has the largest" in text
    assert re.search(r"Its lead over the next, \w+ ?\w* \w+, is \+1\d\.", text)


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
    assert "ablation" not in {table.name for table in small.sections["choosing"].tables}
