"""Sentences that several parts of the report share."""

import synthetic_results

from mnist_aug.analysis import comparison
from mnist_aug.report import sentences


def test_subtitle(tmp_path):
    content = comparison.load(
        synthetic_results.write(tmp_path, seeds=1, test=60, bench=False, samples=False)
    )
    line = "Dense network 128{}128, 118,282 parameters, Adam, 5 epochs, trained on 240 images of"
    assert sentences.subtitle(content) == (
        line.format("\N{EN DASH}") + " 28 \N{MULTIPLICATION SIGN} 28 pixels."
    )
    assert content.label == "MNIST"
