"""Sentences that several parts of the report share."""

import numpy as np
import pytest
import synthetic_results

from mnist_aug.analysis import comparison
from mnist_aug.report import sentences


def test_subtitle(tmp_path):
    content = comparison.load(
        synthetic_results.write(tmp_path, seeds=1, test=60, bench=False, samples=False)
    )
    line = "Dense network 128{}128, 118,282 parameters, adam, 5 epochs, trained on 240 images of"
    assert sentences.subtitle(content) == (
        line.format("\N{EN DASH}") + " 28 \N{MULTIPLICATION SIGN} 28 pixels."
    )
    assert content.label == "MNIST"


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
