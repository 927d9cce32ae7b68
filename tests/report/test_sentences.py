"""The report's sentences with numbers, word for word."""

import numpy as np
import pandas as pd
import pytest
import synthetic_results

from mnist_aug.analysis import comparison
from mnist_aug.analysis.intervals import Difference
from mnist_aug.augment import policy
from mnist_aug.formatting import MINUS
from mnist_aug.report import sentences

FEW = (
    " seeds say little about the spread between seeds, so the ends of the interval may move; "
    "SEEDS=5 or more steadies them."
)


@pytest.mark.parametrize(
    ("seeds", "low", "high", "text"),
    [
        (5, 0.001, 0.003, ""),
        (3, 0.001, 0.003, "Three" + FEW),
        (2, -0.003, -0.001, "Two" + FEW),
        (
            9,
            -0.001,
            0.0034,
            "That is not proof of no effect: the data fit any difference from "
            f"{MINUS}0.10 to +0.34 pp.",
        ),
        (
            4,
            -0.001,
            0.0034,
            "That is not proof of no effect: the data fit any difference from "
            f"{MINUS}0.10 to +0.34 pp. Four" + FEW,
        ),
    ],
)
def test_caution(seeds, low, high, text):
    difference = Difference(seeds, 1000, 0.9, 0.9 + (low + high) / 2, low, high)
    assert sentences.caution(difference) == text


def test_caution_says_how_many_seeds_would_tell():
    unsure = Difference(9, 1000, 0.9, 0.9012, -0.001, 0.0034)
    assert sentences.caution(unsure, needed=1200).endswith(
        "To find a difference like the one seen with a chance of 80 %, on these test images, "
        "takes about 1,200 seeds."
    )
    assert "takes about" not in sentences.caution(unsure, needed=9)
    assert sentences.caution(Difference(9, 1000, 0.9, 0.92, 0.01, 0.03), needed=1200) == ""


@pytest.mark.parametrize(
    ("seeds", "p", "text"),
    [
        (
            5,
            0.0625,
            "The paired permutation test can't find anything at the 5 % level with fewer than "
            "6 seeds.",
        ),
        (
            30,
            2e-9,
            "The exact paired permutation test over seeds gives p < 0.0001: for these test "
            "images, a difference as large would rarely come of the choice of seeds alone.",
        ),
        (
            10,
            0.25,
            "The exact paired permutation test over seeds gives p = 0.2500: for these test "
            "images, a difference as large would often enough come of the choice of seeds "
            "alone.",
        ),
    ],
)
def test_significance(seeds, p, text):
    frame = pd.DataFrame(
        [
            {
                "seeds": seeds,
                "permutation_p": p,
                "better": 0.9,
                "better_low": 0.555,
                "better_high": 0.9975,
            }
        ]
    )
    assert sentences.significance(frame) == (
        f"augmented is ahead in {0.9 * seeds:g} of {seeds} seeds (a tie counts half); the chance "
        f"that it is with another seed has the 95 % interval 56 to 100 %. {text}"
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
        "Both arms are scored after epoch 3, with no early stopping. Mean validation loss was "
        "least at epoch 2 with baseline and at epoch 3 with augmented."
    )


def test_last_epochs_that_differ_and_a_loss_that_is_no_number():
    assert sentences.last_epochs(curves([[np.nan, np.nan]], [[0.2, 0.1, 0.3]])) == (
        "baseline is scored after epoch 2 and augmented after epoch 3, with no early stopping. "
        "Mean validation loss was least at no epoch with baseline, as it is not a number and at "
        "epoch 2 with augmented."
    )


@pytest.mark.parametrize(
    ("least", "ratio"),
    [(21.7, ""), (21.8, " That is 1.21 times as long with augmented as with baseline.")],
)
def test_a_ratio_of_times_only_when_the_ranges_are_apart(least, ratio):
    cost = pd.DataFrame(
        {
            "variant": ["baseline", "augmented"],
            "seconds": [20.7, 25.04],
            "seconds_least": [19.4, least],
            "seconds_most": [21.7, 26.0],
        }
    )
    assert sentences.training_time(cost) == (
        "Median training time of a run: 20.7 s with baseline, 25.0 s with augmented (wall clock; "
        "the first run of each includes compiling, and other work on the machine counts)." + ratio
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
