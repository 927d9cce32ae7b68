"""Main result: what is said of both models compared, and the learning curves."""

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import synthetic_results

from mnist_aug.analysis import comparison
from mnist_aug.augment import policy
from mnist_aug.formatting import MINUS
from mnist_aug.report import blocks, curves, result
from mnist_aug.report.inputs import Inputs
from mnist_aug.report.sentences import NO_CONCLUSION

pytest_plugins = "rendered"

ALONE = Inputs(None, None, None, {}, {}, None, [])


def correct(right_of_100: int, seeds: int) -> np.ndarray:
    return np.tile(np.arange(400) % 100 < right_of_100, (seeds, 1))


def loaded(folder, first, second, seeds=3, margin=None, test=400):
    results = synthetic_results.write(
        folder,
        seeds=seeds,
        test=test,
        bench=False,
        samples=False,
        correct={"baseline": correct(first, seeds), "augmented": correct(second, seeds)},
    )
    return comparison.load(results, margin)


def test_other_intervals_of_the_difference_are_explained_where_there_are_any(full, clear):
    said = "Elsewhere on this page the same difference has other CIs"
    assert said in text(full.sections["result"])
    assert said not in text(result.section(clear, ALONE))


def text(section: blocks.Section) -> str:
    """All prose of a section, folded or not, captions included."""
    return "\n".join(
        [one.text for one in section.blocks] + [i for one in section.blocks for i in one.items]
    )


@pytest.fixture(scope="module")
def clear(tmp_path_factory):
    """A comparison in which augmentation helps."""
    return loaded(tmp_path_factory.mktemp("clear"), 80, 90)


@pytest.mark.usefixtures("undrawn")
def test_a_difference_that_is_clear_needs_no_words(clear):
    section = result.section(clear, ALONE)
    assert section.facts["outcome"] == "helps"
    said = text(section)
    assert "count as equally accurate" not in said
    assert "do not contradict" not in said
    assert (
        "Runs are paired: each seed gives both models the same initial weights and the same "
        in (said)
    )
    assert "it can't reach p < 0.05" in said  # with three seeds


@pytest.mark.usefixtures("undrawn")
def test_equivalent_models(tmp_path):
    content = loaded(tmp_path, 90, 90)
    found = content.difference
    said = text(result.section(content, ALONE))
    low, high = (f"{100 * x:+.2f}" for x in (found.within_low, found.within_high))
    assert (
        f"The 90 % CI of the difference, {low} to {high} pp, lies within ±1 pp, a tenth of the "
        "baseline's error: in practice the two count as equally accurate."
    ).replace("-", MINUS) in said.replace("-", MINUS)
    content = comparison.load(tmp_path, 0.05)
    assert "within ±5 pp, the margin that was set: in practice" in text(
        result.section(content, ALONE)
    )


@pytest.mark.usefixtures("undrawn")
def test_where_seeds_agree_and_images_may_not(tmp_path):
    """One image more in each of nine seeds: p is 2 / 2^9, and the CI reaches 3/N to each side."""
    first = np.ones((9, 400), bool)
    first[:, :41] = False
    second = first.copy()
    second[:, 40] = True
    results = synthetic_results.write(
        tmp_path,
        seeds=9,
        test=400,
        bench=False,
        samples=False,
        correct={"baseline": first, "augmented": second},
    )
    section = result.section(comparison.load(results), ALONE)
    assert section.facts["agree"]
    assert section.facts["tested"]
    assert "The permutation test and the CI do not contradict each other." in text(section)


@pytest.mark.usefixtures("undrawn")
def test_one_seed(tmp_path):
    section = result.section(loaded(tmp_path, 80, 90, 1), ALONE)
    said = text(section)
    assert "A single seed gives no CI over seeds and no permutation test." in said
    (table,) = (one for one in section.tables if one.name == "results")
    assert table.note == "One seed: the CI of the difference covers other test images alone."
    assert not any(name.startswith(("p", "better")) for name in table.display)


@pytest.mark.usefixtures("undrawn")
def test_no_conclusion_where_no_model_learned(tmp_path):
    section = result.section(loaded(tmp_path, 10, 9), ALONE)
    assert NO_CONCLUSION in text(section)
    assert (
        "must exceed that by more than luck allows (3 standard errors on 400 test images): it "
        in (text(section))
    )


def test_what_a_model_must_exceed(clear):
    facts = result.compared(clear)
    assert facts["chance"] == pytest.approx(0.1)
    assert facts["needed"] == pytest.approx(0.1 + 3 * (0.09 / 400) ** 0.5)


def test_seeds_of_one_model_only_are_named(tmp_path, monkeypatch):
    content = loaded(tmp_path, 80, 90)
    monkeypatch.setitem(content.variants, "augmented", content.variants["augmented"].only([0, 2]))
    said = text(result.section(content, ALONE))
    assert "Left out of the difference: seed 1, which only one model has." in said


def epochs(baseline: list[list[float]], augmented: list[list[float]]):
    """A table of learning curves with these validation losses."""
    frame = pd.DataFrame(
        [
            {"variant": model, "seed": seed, "epoch": epoch, "val_loss": loss}
            for model, seeds in (("baseline", baseline), ("augmented", augmented))
            for seed, losses in enumerate(seeds)
            for epoch, loss in enumerate(losses, start=1)
        ]
    )
    return SimpleNamespace(frame=frame)


def test_least_loss_is_of_the_mean_curve():
    """Seeds of the baseline are least at epochs 1 and 3, their mean at 2."""
    table = epochs([[0.1, 0.2, 0.9], [0.9, 0.3, 0.2]], [[0.3, 0.2, 0.1]] * 2)
    assert curves.ends(table) == {
        "last": {"baseline": 3, "augmented": 3},
        "least": {"baseline": 2, "augmented": 3},
    }


def test_last_epochs_that_differ_and_a_loss_that_is_no_number():
    table = epochs([[np.nan, np.nan]], [[0.2, 0.1, 0.3]])
    assert curves.ends(table) == {
        "last": {"baseline": 2, "augmented": 3},
        "least": {"baseline": None, "augmented": 2},
    }


def losses(training: list[float], validation: list[float]):
    """A table of learning curves in which both models have these losses, with one seed."""
    return SimpleNamespace(
        frame=pd.DataFrame(
            [
                {
                    "variant": model,
                    "seed": 0,
                    "epoch": epoch,
                    "loss": loss,
                    "val_loss": own,
                    "val_accuracy": epoch / 10,
                }
                for model in ("baseline", "augmented")
                for epoch, (loss, own) in enumerate(zip(training, validation, strict=True), 1)
            ]
        )
    )


@pytest.mark.parametrize(
    ("training", "validation", "epoch"),
    [
        ([0.5, 0.4, 0.3, 0.2, 0.1], [0.5, 0.4, 0.45, 0.5, 0.6], 2),
        ([0.5, 0.4, 0.3, 0.2, 0.1], [0.5, 0.4, 0.41, 0.41, 0.42], None),  # hardly rises
        ([0.5, 0.4, 0.3, 0.2, 0.1], [0.6, 0.5, 0.4, 0.3, 0.5], None),  # at the end alone
        ([0.5, 0.4, 0.5, 0.6, 0.7], [0.5, 0.4, 0.45, 0.5, 0.6], None),  # training fails
        ([0.5, 0.4, 0.3, 0.2, np.nan], [0.5, 0.4, 0.45, 0.5, 0.6], None),
    ],
)
def test_overfitting_is_a_validation_loss_that_rises_while_training_improves(
    training, validation, epoch
):
    found = curves.overfitting(losses(training, validation))
    assert [one["epoch"] for one in found] == ([epoch] * 2 if epoch else [])
    for one in found:
        assert (one["least"], one["last"]) == (0.4, 0.6)
        assert (one["accuracy"], one["last_accuracy"]) == (0.2, 0.5)


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    ("last", "words"),
    [
        (0.9751, "still rises, from 97.30 to 97.51 %."),
        (0.9651, "falls, from 97.30 to 96.51 %."),
        (0.97301, "stays at 97.30 %."),
    ],
)
def test_overfitting_is_said(clear, monkeypatch, last, words):
    found = {"model": "baseline", "epoch": 5, "least": 0.0978, "last": 0.1366}
    found |= {"accuracy": 0.973, "last_accuracy": last}
    monkeypatch.setattr(curves, "overfitting", lambda _: [found])
    assert (
        "From epoch 5 on, the baseline overfits: its validation loss rises from 0.098 to 0.137 "
        f"while its training loss falls. Its validation accuracy {words}"
    ) in text(result.section(clear, ALONE))


@pytest.mark.parametrize(
    ("below", "reason"),
    [
        (
            ("augmented",),
            "The training accuracy of augmented is below its validation accuracy, as its training "
            "images are harder.",
        ),
        (
            ("baseline", "augmented"),
            "Training accuracy is measured while the weights still change, so it is below "
            "validation accuracy without augmentation, too; that of augmented is also measured on "
            "harder images.",
        ),
        (("baseline",), ""),
        ((), ""),
    ],
)
def test_why_training_accuracy_is_the_lower_one(clear, monkeypatch, below, reason):
    monkeypatch.setattr(curves, "below_validation", lambda _, model: model in below)
    said = text(result.section(clear, ALONE))
    assert reason in said
    assert bool(reason) == ("harder images" in said or "images are harder" in said)


def test_below_validation(clear):
    table = curves.table(clear)
    table.frame[["accuracy", "val_accuracy"]] = 0.9, 0.8
    assert not curves.below_validation(table, "augmented")
    table.frame.loc[table.frame["epoch"] == table.frame["epoch"].max(), "val_accuracy"] = 0.95
    assert curves.below_validation(table, "augmented")


def test_the_difference_comes_before_what_few_look_at(clear):
    (table,) = (one for one in result.section(clear, ALONE).tables if one.name == "results")
    assert [*table.display][:4] == [
        "variant (policy)",
        "accuracy ± SD, %",
        "difference, pp",
        "95 % CI, pp",
    ]
    assert [*table.display][-2:] == ["95 % CI of accuracy, %", "seeds"]


@pytest.mark.parametrize(
    ("last", "least", "said"),
    [
        (
            (15, 15),
            (5, 15),
            "Both models are scored after epoch 15, without early stopping. Mean validation loss "
            "was lowest at epoch 5 (baseline) and at epoch 15 (augmented).",
        ),
        ((5, 5), (5, 5), "Mean validation loss was lowest at epoch 5 with both."),
        (
            (2, 3),
            (None, 2),
            "The baseline is scored after epoch 2 and augmented after epoch 3, without early "
            "stopping. Mean validation loss was lowest at no epoch (baseline, not a number) and at "
            "epoch 2 (augmented).",
        ),
        ((2, 2), (None, None), "was lowest at no epoch, as it is not a number."),
    ],
)
def test_when_models_are_scored(clear, monkeypatch, last, least, said):
    found = {
        name: dict(zip(("baseline", "augmented"), own, strict=True))
        for name, own in (("last", last), ("least", least))
    }
    monkeypatch.setattr(curves, "ends", lambda _: found)
    assert said in text(result.section(clear, ALONE))


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        (None, "Training values are measured during the epoch."),
        ("default", "during the epoch, those of augmented on augmented images."),
        ("augmix", "during the epoch, those of augmented on augmented images."),
        (
            "mixup",
            "during the epoch, those of augmented on mixed images. Training labels of augmented "
            "are shares of several classes: its training loss can't reach 0, and its training "
            "accuracy counts the class of the largest share.",
        ),
        (
            "label-smoothing:0.1",
            "Training values are measured during the epoch. Training labels of augmented are "
            "smoothed: its training loss can't reach 0,",
        ),
        (
            "affine+augmix-jsd",
            "those of augmented on augmented images before AugMix, without the divergence between "
            "views.",
        ),
    ],
)
def test_what_training_values_are_of(tmp_path, monkeypatch, name, said):
    described = policy.describe(policy.load(name)) if name else None
    monkeypatch.setattr(synthetic_results, "POLICY", described)
    content = loaded(tmp_path, 80, 90)
    (caption,) = (
        one.text
        for one in result.section(content, ALONE).blocks
        if one.kind == "figure" and one.name == "curves"
    )
    assert said in caption


def test_a_seeds_curve_can_be_pointed_at(clear):
    figure = curves.figure(clear, curves.table(clear))
    for seed in range(3):
        assert len(re.findall(rf'data-seed="{seed}"', figure.svg)) == 4  # two models, two panels
    assert "augmented, seed 2: validation accuracy " in figure.svg
    assert "baseline, training loss after epoch 5: " in figure.svg


def test_runs_that_diverge_are_left_out_of_the_curves(clear):
    table = curves.table(clear)
    table.frame.loc[table.frame["seed"] == 0, ["loss", "val_loss"]] = np.nan
    figure = curves.figure(clear, table)
    assert "nan" not in figure.svg
    assert "seed 0: validation accuracy" in figure.svg
    assert "seed 0: validation loss" not in figure.svg
