"""The report's sentences with numbers, word for word."""

import numpy as np
import pandas as pd
import pytest
import synthetic_results

from mnist_aug.analysis import comparison
from mnist_aug.analysis.intervals import Difference
from mnist_aug.analysis.planning import Advice
from mnist_aug.augment import policy
from mnist_aug.formatting import MINUS
from mnist_aug.report import page, sentences

FEW = (
    " seeds say little about the spread between seeds, so the ends of the CI may move; SEEDS=5 or "
    "more steadies them."
)


def too_few(seeds: str, least: str) -> str:
    return (
        f"{seeds} seeds are too few for the permutation test over seeds to confirm this at the 5 % "
        f"level, as its p is {least} at least: it rests on the CI alone, which takes the spread "
        "between seeds as normal. SEEDS=6 or more allow the test."
    )


def difference(seeds: int, low: float, high: float, **given) -> Difference:
    return Difference(seeds, 1000, 0.9, 0.9 + (low + high) / 2, low, high, **given)


@pytest.mark.parametrize(
    ("seeds", "low", "high", "p", "text"),
    [
        (6, 0.001, 0.003, 0.04, ""),
        (5, 0.001, 0.003, 0.0625, too_few("Five", "0.0625")),
        (3, 0.001, 0.003, 0.25, too_few("Three", "0.25") + " Three" + FEW),
        (2, -0.003, -0.001, 0.5, too_few("Two", "0.5") + " Two" + FEW),
        (
            9,
            0.001,
            0.003,
            0.0625,
            "The permutation test over seeds does not confirm this (p = 0.0625): it rests on the "
            "CI, which takes the spread between seeds as normal. More seeds would tell.",
        ),
        (
            9,
            -0.001,
            0.0034,
            0.04,
            "That is not proof of no effect: the data fit any difference from "
            f"{MINUS}0.10 to +0.34 pp.",
        ),
        (
            4,
            -0.001,
            0.0034,
            0.25,
            "That is not proof of no effect: the data fit any difference from "
            f"{MINUS}0.10 to +0.34 pp. Four" + FEW,
        ),
    ],
)
def test_caution(seeds, low, high, p, text):
    assert sentences.caution(difference(seeds, low, high), p) == text


def test_no_caution_where_both_are_equivalent():
    same = difference(9, -0.001, 0.001, within_low=-0.0008, within_high=0.0008, margin=0.002)
    assert same.outcome == "equivalent"
    assert sentences.caution(same, 0.5, "More seeds.") == ""


@pytest.mark.parametrize(
    ("advice", "text"),
    [
        (
            Advice(1200, None),
            "To find a difference like the one seen with a chance of 80 %, more seeds will do: "
            "about 1,200, with these test images.",
        ),
        (Advice(9, None), ""),
        (Advice(None, None), ""),
        (
            Advice(None, 4800),
            "To find a difference like the one seen with a chance of 80 % takes more test images: "
            "about 4,800. More seeds won't do, as the 1,000 test images are too few, however many "
            "seeds there are.",
        ),
        (
            Advice(20, 4800),
            "To find a difference like the one seen with a chance of 80 % takes more of both: "
            "about 4,800 test images and 20 seeds. More seeds alone do little, as the 1,000 test "
            "images are too few.",
        ),
    ],
)
def test_sample_size(advice, text):
    unsure = difference(9, -0.001, 0.0034)
    assert sentences.sample_size(advice, unsure) == text
    assert sentences.caution(unsure, 0.5, text).endswith(text or "pp.")


CAN_NOT = (
    "The paired permutation test over seeds, for these test images, can't find anything at the 5 % "
    "level with fewer than 6 seeds."
)


@pytest.mark.parametrize(
    ("seeds", "p", "outcome", "text"),
    [
        (5, 0.0625, "no detectable difference", CAN_NOT),
        (5, 0.0625, "helps", f"{CAN_NOT} {too_few('Five', '0.0625')}"),
        (
            30,
            2e-9,
            "helps",
            "The exact paired permutation test gives p < 0.0001. It covers other seeds alone: for "
            "these test images, a difference as large would rarely come of the choice of seeds.",
        ),
        (
            10,
            0.25,
            "no detectable difference",
            "The exact paired permutation test gives p = 0.2500. It covers other seeds alone: for "
            "these test images, a difference as large would often enough come of the choice of "
            "seeds.",
        ),
        (
            10,
            0.04,
            "equivalent",
            "The exact paired permutation test gives p = 0.0400. It covers other seeds alone: for "
            "these test images, a difference as large would rarely come of the choice of seeds. "
            "That is no contradiction to the CI: seeds agree on a difference on these test images, "
            "but it is so small that other test images might show none.",
        ),
    ],
)
def test_significance(seeds, p, outcome, text):
    frame = pd.DataFrame(
        [
            {
                "seeds": seeds,
                "permutation_p": p,
                "better": 0.9,
                "better_low": 0.555,
                "better_high": 0.9975,
                "outcome": outcome,
            }
        ]
    )
    assert sentences.significance(frame) == (
        f"augmented is ahead in {0.9 * seeds:g} of {seeds} seeds (a tie counts half); the chance "
        f"that it is with another seed has the CI 56 to 100 %. {text}"
    )


def test_subtitle(tmp_path):
    content = comparison.load(
        synthetic_results.write(tmp_path, seeds=1, test=60, bench=False, samples=False)
    )
    line = "Dense network 128{}128, 118,282 parameters, adam, 5 epochs, trained on 240 images of"
    assert sentences.subtitle(content) == (
        line.format("\N{EN DASH}") + " 28 \N{MULTIPLICATION SIGN} 28 pixels."
    )
    assert content.label == "MNIST"


def curves(baseline: list[list[float]], augmented: list[list[float]]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"variant": model, "seed": seed, "epoch": epoch, "val_loss": loss}
            for model, seeds in (("baseline", baseline), ("augmented", augmented))
            for seed, losses in enumerate(seeds)
            for epoch, loss in enumerate(losses, start=1)
        ]
    )


def test_least_loss_is_of_the_mean_curve():
    # seeds of the baseline are least at epochs 1 and 3, their mean at 2
    frame = curves([[0.1, 0.2, 0.9], [0.9, 0.3, 0.2]], [[0.3, 0.2, 0.1]] * 2)
    assert sentences.last_epochs(frame) == (
        "Both models are scored after epoch 3, with no early stopping. Mean validation loss was "
        "least at epoch 2 with baseline and at epoch 3 with augmented."
    )


def test_last_epochs_that_differ_and_a_loss_that_is_no_number():
    assert sentences.last_epochs(curves([[np.nan, np.nan]], [[0.2, 0.1, 0.3]])) == (
        "baseline is scored after epoch 2 and augmented after epoch 3, with no early stopping. "
        "Mean validation loss was least at no epoch with baseline, as it is not a number and at "
        "epoch 2 with augmented."
    )


@pytest.mark.parametrize(
    ("shown", "total", "what", "text"),
    [
        (
            10,
            1330,
            "gain",
            "The 10 of 1,330 images with the largest gain in seeds that read them "
            "right; ties by image number.",
        ),
        (
            4,
            4,
            "loss",
            "All 4 images with a loss in seeds that read them right, the largest first; "
            "ties by image number.",
        ),
        (1, 1, "gain", "The only image with a gain in seeds that read it right."),
    ],
)
def test_how_images_were_chosen(shown, total, what, text):
    assert sentences.choice(shown, total, what) == text


def test_changed_images_are_counted():
    assert sentences.changed_images(np.array([0.5, 1, -1, 0, 0, 0])) == (
        "Of 6 test images, augmented reads 2 right in more seeds than baseline does, 1 in fewer, "
        "and 3 in as many."
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("default", "Training values of augmented are measured on augmented images."),
        ("augmix", "Training values of augmented are measured on augmented images."),
        (
            "mixup",
            "Training values of augmented are measured on mixed images, whose labels are shares of "
            "several classes. So its training loss can't reach 0, and its training accuracy counts "
            "the images whose predicted class has the largest share of the label.",
        ),
        (
            "label-smoothing:0.1",
            "Training labels of augmented are smoothed. So its training loss can't reach 0, and "
            "its training accuracy counts the images whose predicted class has the largest share "
            "of the label.",
        ),
        (
            "affine+augmix-jsd",
            "Training values of augmented are of augmented images before AugMix, and its losses "
            "leave out the divergence between views.",
        ),
    ],
)
def test_what_training_values_are_of(name, said):
    described = policy.describe(policy.load(name))
    assert sentences.training_values("augmented", described) == said


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
        tmp_path / "results",
        test=images,
        samples=False,
        bench=False,
        correct={"baseline": baseline, "augmented": augmented},
    )
    page.write(results, tmp_path / "reports")
    head = (tmp_path / "reports" / "report.md").read_text(encoding="utf-8").split("## What")[0]
    assert "No detectable difference" in head
    assert "More seeds won't do, as the 359 test images are too few" in head
    assert "more seeds will do" not in head
