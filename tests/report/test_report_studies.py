"""The studies' parts of the report, against values worked out by hand."""

import re

import numpy as np
import pandas as pd
import pytest
import synthetic_results

from mnist_aug.analysis import comparison as study
from mnist_aug.report import ablation, budgets, studies
from mnist_aug.report.page import write


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    results = synthetic_results.write(
        tmp_path_factory.mktemp("r"), seeds=5, test=400, studies=tuple(synthetic_results.STUDIES)
    )
    content = study.load(results)
    found, left_out = studies.read(results, content)
    assert left_out == []
    return results, content, found


def test_pairs_are_of_equal_seeds(made):
    _, content, found = made
    table = ablation.parts(found["ablation"]).frame.set_index("variant")
    assert set(table.index) == {"baseline", "augmented", "affine", "elastic", "rotate", "no-rotate"}
    own = pd.read_csv(made[0] / "ablation" / "rotate" / "metrics.csv").set_index("seed")
    gains = own["accuracy"].to_numpy() - content.arms[0].accuracy
    assert np.isclose(table.loc["rotate", "against_baseline"], gains.mean())
    half = 2.776445 * gains.std(ddof=1) / np.sqrt(5)  # Student's t, 4 degrees of freedom
    assert np.isclose(table.loc["rotate", "against_baseline_high"], gains.mean() + half)
    assert table.loc["baseline", "against_baseline"] == 0


def test_factors_are_in_order(made):
    frame = ablation.strength(made[2]["strength"]).frame
    assert frame["factor"].tolist() == [0, 0.5, 1, 2]
    assert frame["variant"].tolist() == ["baseline", "default-0.5x", "augmented", "default-2x"]


def runs_with(errors: dict) -> studies.Runs:
    """Runs of the study of data efficiency, one seed, with these errors by arm and size."""
    rows = [
        {
            "variant": f"{arm}-{size}",
            "seed": 0,
            "validation": 0.9,
            "test": 1 - error,
            "policy": "default" if arm == "augmented" else None,
            "training_images": size,
            "epochs": 5,
        }
        for arm, sizes in errors.items()
        for size, error in sizes.items()
    ]
    return studies.Runs(pd.DataFrame(rows), pd.DataFrame())


def test_worth_in_images_is_read_off_the_baseline():
    # The baseline's error halves with ten times the images: error 0.2 * 2 ** -log10(size / 100).
    frame = budgets.efficiency(
        runs_with(
            {
                "baseline": {100: 0.2, 1000: 0.1, 10_000: 0.05},
                "augmented": {100: 0.1, 1000: 0.1 / np.sqrt(2), 10_000: 0.04},
            }
        )
    ).frame
    assert np.allclose(frame["worth"], [10, np.sqrt(10), np.inf])
    text = budgets.efficiency_words(
        budgets.efficiency(
            runs_with({"baseline": {100: 0.2, 1000: 0.1}, "augmented": {100: 0.15, 1000: 0.05}})
        )
    )
    assert (
        "From 1,000 images on, its mean error is below that of the baseline with all 1,000: "
        "with 1,000 by +5.00 pp ("
    ) in text


def test_the_choice_counts_each_candidate_once(made):
    found = made[2]
    text = ablation.choice(found)
    # The arm itself is in every study, and two tuned variants differ in more than the policy.
    assert "Of 13 candidates in ablation, strength, automatic and tuned" in text
    assert "The tuned policy was already the best of a search on these validation images" in text
    best = found["ablation"].frame.copy()
    best.loc[best["variant"] == "augmented", "validation"] = 1.0
    text = ablation.choice({"ablation": studies.Runs(best, found["ablation"].curves)})
    assert "Of 5 candidates in ablation, the policy used here has the largest" in text
    assert re.search(r"Its lead over the next, \w+ ?\w* \w+, is \+1\d\.", text)


def test_where_an_arm_settles():
    epochs = np.arange(1, 21)
    curve = np.minimum(0.9 + 0.01 * epochs, 1.0)  # rises until epoch 10
    curves = pd.concat(
        [
            pd.DataFrame(
                {"variant": f"{arm}-long", "seed": 0, "epoch": epochs, "val_accuracy": curve}
            )
            for arm in study.ARMS
        ]
    )
    frame = pd.DataFrame(
        [
            {
                "variant": f"{arm}{end}",
                "seed": 0,
                "test": 0.9 + 0.01 * bool(end),
                "epochs": 20 if end else 5,
            }
            for arm in study.ARMS
            for end in ("", "-long")
        ]
    )
    runs = studies.Runs(frame, curves)
    text = budgets.epochs_words(runs, budgets.epochs(runs))
    # A mean over epochs 10 to 14 is the first at the peak; 9 to 13 lacks a fifth of 0.01.
    assert "with baseline at epoch 12 and with augmented at epoch 12" in text
    assert "20 epochs instead of 5 change accuracy by +1.00 pp" in text


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"epochs": 9}, "its runs have 5 epochs and the arms 9"),
        (
            {"policy": synthetic_results.POLICY | {"name": "mine.yaml"}},
            "it is about another policy",
        ),
    ],
)
def test_a_study_unlike_the_arms_is_left_out_and_said_so(tmp_path, change, reason):
    results = synthetic_results.write(tmp_path / "results", seeds=2, test=60, studies=["ablation"])
    for arm in study.ARMS:
        for seed in range(2):
            own = (
                change if arm == "augmented" else {k: v for k, v in change.items() if k != "policy"}
            )
            synthetic_results.write_run(
                results / "other", arm, seed, np.ones(60, bool), np.arange(60) % 10, 10, **own
            )
            for name in ("manifest.json", "history.csv"):
                (results / "other" / arm / f"seed-{seed:02d}" / name).replace(
                    results / arm / f"seed-{seed:02d}" / name
                )
    write(results, tmp_path / "reports")
    text = (tmp_path / "reports" / "report.md").read_text()
    assert f"The study ablation is left out, as {reason}" in text
    assert "Which parts of the policy help" not in text
