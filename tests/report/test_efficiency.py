"""Data efficiency, longer training and cost in the report, against values worked out by hand."""

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import synthetic_results

from mnist_aug.analysis import comparison
from mnist_aug.analysis.cost import Cost
from mnist_aug.analysis.studies import StudyRuns
from mnist_aug.report import data_efficiency, efficiency, epochs
from mnist_aug.report.inputs import Inputs
from mnist_aug.report.sentences import NO_CONCLUSION
from mnist_aug.results.runs import BOTH

pytest_plugins = "rendered"

NOTHING = Inputs(None, None, None, {}, {}, None, [])
TIMES = "\N{MULTIPLICATION SIGN}"


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    return comparison.load(
        synthetic_results.write(folder, seeds=3, test=100, bench=False, samples=False)
    )


def text_of(section):
    return " ".join(block.text for block in section.blocks)


def runs_with(errors):
    """Runs of the study of data efficiency with these errors by model and size, two seeds each."""
    rows = [
        {
            "variant": f"{model}-{size}",
            "seed": seed,
            "validation": 0.9,
            "test": 1 - error + noise,
            "policy": "default" if model == "augmented" else None,
            "training_images": size,
            "epochs": 5,
        }
        for model, sizes in errors.items()
        for size, error in sizes.items()
        for seed, noise in enumerate((-0.002, 0.002))
    ]
    return StudyRuns(pd.DataFrame(rows), pd.DataFrame())


# The baseline's error halves with ten times the images.
BASELINE = {100: 0.2, 1000: 0.1, 10_000: 0.05}
HALVED = {"baseline": BASELINE, "augmented": {100: 0.11, 1000: 0.0499, 10_000: 0.03}}


def test_worth_in_images_is_read_off_the_baseline():
    table = data_efficiency.table(runs_with(HALVED))
    assert table.display["times the images"].tolist() == ["7.29", "> 10", "—"]
    assert table.display["augmented, %"].tolist() == ["89.00", "95.01", "97.00"]
    assert table.display["difference, pp"].tolist() == ["+9.00", "+5.01", "+2.00"]
    worse = {"baseline": BASELINE, "augmented": {100: 0.3, 1000: 0.2, 10_000: 0.1}}
    table = data_efficiency.table(runs_with(worse))
    assert table.display["times the images"].tolist() == ["—", "0.100", "0.100"]


@pytest.mark.parametrize(
    ("augmented", "said"),
    [
        (
            HALVED["augmented"],
            "With 1,000 images and augmentation, accuracy is not detectably different from that "
            "with 10,000 images and none: +0.01 pp (",
        ),
        (
            {100: 0.19, 1000: 0.09, 10_000: 0.04},
            "No smaller training set with augmentation matches the baseline with all 10,000 "
            "images.",
        ),
        (
            {100: 0.3, 1000: 0.2, 10_000: 0.1},
            "With augmentation, no number of training images matches the baseline with all 10,000.",
        ),
    ],
)
def test_what_augmentation_is_worth_is_said(content, augmented, said):
    runs = runs_with({"baseline": BASELINE, "augmented": augmented})
    section = efficiency.section(content, replace(NOTHING, studies={"data-efficiency": runs}))
    assert said in text_of(section)
    assert section.facts["worth"].every == 10_000
    if said.startswith("With 1,000 images"):  # of 10,000, in 5 epochs
        assert "small ones for more epochs (50 at 1,000 images)" in text_of(section)


def test_the_figure_has_bands_names_and_values(content):
    runs = runs_with(HALVED)
    figure = data_efficiency.figure(runs, data_efficiency.table(runs), content)
    assert "1,000: baseline 90.00 %, augmented 95.01 %." in figure.alt
    assert ">baseline, all 10,000: 95.00 %<" in figure.svg
    assert "band: 95 % CI over seeds" in figure.svg
    assert "<title>augmented, 100 images, seed 1: 89.20 %</title>" in figure.svg
    assert re.search(r"<title>baseline, 100 images, mean: 80.00 % \(95 % CI ", figure.svg)
    single = StudyRuns(runs.frame[runs.frame["seed"] == 0], runs.curves)
    figure = data_efficiency.figure(single, data_efficiency.table(single), content)
    assert "band" not in figure.svg


def long_runs():
    """Two seeds of 5 and of 20 epochs; validation accuracy rises until epoch 10."""
    every = np.arange(1, 21)
    curve = np.minimum(0.9 + 0.01 * every, 1.0)
    curves = [
        pd.DataFrame({"variant": f"{m}-long", "seed": seed, "epoch": every, "val_accuracy": curve})
        for m in BOTH
        for seed in range(2)
    ]
    frame = [
        {
            "variant": f"{model}{end}",
            "seed": seed,
            "test": 0.9 + 0.01 * bool(end) + 0.02 * (model == BOTH[1]) + seed / 1000,
            "epochs": 20 if end else 5,
        }
        for model in BOTH
        for end in ("", "-long")
        for seed in range(2)
    ]
    return StudyRuns(pd.DataFrame(frame), pd.concat(curves))


TIME = Cost(10.0, 20.0, 2.0, False, 2, None, None, True, False)


def test_where_a_model_settles_and_what_longer_training_changes(content):
    runs = long_runs()
    facts = epochs.facts(runs, epochs.table(runs), TIME)
    # A mean over epochs 10 to 14 is the first at the peak; 9 to 13 lacks a fifth of 0.01.
    assert facts["settled"] == {"baseline": 12, "augmented": 12}
    assert (facts["usual"], facts["long"]) == (5, 20)
    assert facts["changes"]["baseline"]["difference"] == pytest.approx(0.01)
    assert facts["gains"]["long"]["difference"] == pytest.approx(0.02)
    assert facts["seeds"] == 2
    section = efficiency.section(content, replace(NOTHING, studies={"epochs": runs}))
    text = text_of(section)
    said = "Continuing the same 2 seeds from epoch 5 to 20 changes test accuracy by +1.00 pp ("
    assert said in text
    assert "without augmentation, to 91.05 %, and by +1.00 pp (" in text
    assert "The difference between the models goes from +2.00 pp (" in text
    assert "within 0.05 pp of its peak at epoch 12 without augmentation and at epoch 12" in text


def test_a_few_high_epochs_at_the_end_are_no_peak(content):
    """The last three are the highest of all, but no five together are higher than 6 to 10."""
    runs = long_runs()
    epoch = runs.curves["epoch"]

    def rising(accuracy):
        own = replace(runs, curves=runs.curves.assign(val_accuracy=accuracy))
        return epochs.facts(own, epochs.table(own), TIME)["rising"]

    assert rising(0.9 + 0.02 * epoch.between(6, 10) + 0.03 * (epoch > 17)) == []
    assert rising(0.9 + 0.001 * epoch) == [*BOTH]


def test_longer_training_is_compared_seed_by_seed():
    """A lucky third seed of the usual training alone changes nothing."""
    runs, lucky = long_runs(), {"seed": 2, "epochs": 5, "test": 1.0}
    more = pd.DataFrame([{"variant": name, **lucky} for name in BOTH])
    further = replace(runs, frame=pd.concat([runs.frame, more], ignore_index=True))
    table = epochs.table(runs)
    assert epochs.facts(further, table, TIME) == epochs.facts(runs, table, TIME)


def test_accuracy_of_both_in_the_same_time(content):
    """20 s of augmented are 5 epochs, and 10 of the baseline."""
    runs = long_runs()
    table = epochs.table(runs)
    found = epochs.facts(runs, table, TIME)["equal_time"]
    assert found["epochs"] == 10
    assert found["baseline"] == pytest.approx((0.98 + 0.99 + 3) / 5)
    assert found["augmented"] == pytest.approx(0.95)
    for unknown in replace(TIME, overlap=True), replace(TIME, ratio=0.9), replace(TIME, ratio=5.0):
        assert epochs.facts(runs, table, unknown)["equal_time"] is None


def timed(folder, change, seeds=3):
    """The section on results whose manifests were changed."""
    results = synthetic_results.write(folder, seeds=seeds, test=60, bench=False, samples=False)
    for path in results.glob("*/*/manifest.json"):
        manifest = json.loads(path.read_text())
        change(manifest, manifest["variant"]["name"] == "augmented")
        path.write_text(json.dumps(manifest))
    synthetic_results.sign(results)
    return efficiency.section(comparison.load(results), NOTHING)


def test_one_cost_with_its_condition(tmp_path):
    def change(manifest, augmented):
        manifest["seconds"] += 8 * augmented
        manifest["started"] = f"2026-01-02T03:00:{20 * (manifest['seed'] // 2):02d}Z"

    section = timed(tmp_path, change, seeds=4)
    assert (
        f"Training takes 16 s per run with augmentation and 8.1 s without (2.0{TIMES} as long): "
        "medians of 4 runs, 2 in parallel on 2 cores. This is wall-clock time without compiling."
    ) in text_of(section)


def test_a_cost_below_the_baselines_is_said_the_right_way_round(tmp_path):
    def change(manifest, augmented):
        manifest["seconds"] /= 2 if augmented else 1

    assert f"(0.50{TIMES} as long)" in text_of(timed(tmp_path, change))


def test_times_that_overlap_are_said_to(tmp_path):
    def change(manifest, augmented):
        manifest["seconds"] += 0.1 * augmented

    text = text_of(timed(tmp_path, change))
    assert f"(1.01{TIMES} as long; the times of single runs overlap): medians of 3 runs" in text


def test_other_machines_and_what_is_not_recorded(tmp_path):
    def change(manifest, augmented):
        del manifest["started"]
        manifest["device"]["cores"] = 4 if augmented else 2

    text = text_of(timed(tmp_path, change))
    assert "in parallel" not in text
    assert "medians of 3 runs." in text
    assert "made on different machines" in text


def test_nothing_is_concluded_without_a_verdict(tmp_path):
    wrong = {"baseline": np.zeros((2, 60), bool), "augmented": np.zeros((2, 60), bool)}
    results = synthetic_results.write(
        tmp_path, seeds=2, test=60, bench=False, samples=False, correct=wrong
    )
    studies = {"data-efficiency": runs_with(HALVED), "epochs": long_runs()}
    section = efficiency.section(comparison.load(results), replace(NOTHING, studies=studies))
    text = text_of(section)
    assert text.count(NO_CONCLUSION) == 2
    assert "and augmentation, accuracy" not in text
    assert "test accuracy changes" not in text
