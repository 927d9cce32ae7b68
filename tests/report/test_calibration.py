"""What temperature scaling mends, by hand; and words that are true whoever gains."""

import numpy as np
import pandas as pd
import pytest
import synthetic_results

from mnist_aug.analysis import comparison
from mnist_aug.formatting import MINUS
from mnist_aug.report import calibration
from mnist_aug.report.tables import Table


def table(first: tuple[float, float], second: tuple[float, float], half=0.02) -> Table:
    """Of the loss before and after scaling of both models; the ECE is a tenth of it.

    Args:
        half: the width of the intervals of the gains in loss to each side.
    """
    rows = [
        {
            "variant": model,
            "overconfidence": 0.01,
            "temperature": 2.0,
            "loss": before,
            "scaled_loss": after,
            "ece": before / 10,
            "scaled_ece": after / 10,
            **{
                f"{part}{name}_gain{end}": (gain + by * half) * of
                for name, of in (("loss", 1), ("ece", 0.1))
                for part, gain in (("", first[0] - before), ("scaled_", first[1] - after))
                for end, by in (("", 0), ("_low", -1), ("_high", 1))
            },
        }
        for model, (before, after) in (("baseline", first), ("augmented", second))
    ]
    return Table("calibration", "", pd.DataFrame(rows), pd.DataFrame())


def test_how_much_of_the_gain_scaling_alone_has():
    said = calibration.sentences(table((0.12, 0.08), (0.04, 0.04)))
    assert said[2:] == [
        "The loss: augmentation lowers it by 0.0800 nats (95 % CI 0.0600 to 0.1000); temperature "
        "scaling of the baseline, without augmentation, lowers it by 0.0400 nats, 50 % of that. "
        "After both are scaled, augmentation lowers it by 0.0400 nats (95 % CI 0.0200 to 0.0600).",
        "The ECE: augmentation lowers it by 0.80 pp (95 % CI 0.60 to 1.00); temperature scaling of "
        "the baseline, without augmentation, lowers it by 0.40 pp, 50 % of that. After both are "
        "scaled, augmentation lowers it by 0.40 pp (95 % CI 0.20 to 0.60).",
    ]
    assert "mean temperature 2.00, it takes the loss from 0.1200 to 0.0800 nats" in said[1]


def test_a_gain_that_scaling_turns_round():
    said = calibration.sentences(table((0.12, 0.03), (0.08, 0.04)))
    assert said[2] == (
        "The loss: augmentation lowers it by 0.0400 nats (95 % CI 0.0200 to 0.0600); temperature "
        "scaling of the baseline, without augmentation, lowers it by 0.0900 nats, 225 % of that. "
        f"After both are scaled, augmentation raises it by 0.0100 nats (95 % CI {MINUS}0.0100 to "
        "0.0300), so no difference is detectable."
    )


def test_one_seed_has_no_interval():
    found = table((0.12, 0.08), (0.04, 0.04))
    found.frame.loc[:, found.frame.columns.str.contains("_gain_")] = np.nan
    said = calibration.sentences(found)
    assert said[2] == (
        "The loss: augmentation lowers it by 0.0800 nats. After both are scaled, augmentation "
        "lowers it by 0.0400 nats; one seed can't tell more."
    )


def test_augmentation_that_makes_it_worse():
    said = calibration.sentences(table((0.04, 0.04), (0.12, 0.1)))
    assert said[2] == (
        "The loss: augmentation raises it by 0.0800 nats (95 % CI 0.0600 to 0.1000). After both "
        "are scaled, augmentation raises it by 0.0600 nats (95 % CI 0.0400 to 0.0800)."
    )
    unclear = calibration.sentences(table((0.04, 0.04), (0.05, 0.1)))[2]
    assert f"raises it by 0.0100 nats (95 % CI {MINUS}0.0100 to 0.0300), so no change" in unclear


def test_without_temperatures_that_is_said():
    said = calibration.sentences(table((0.12, np.nan), (0.04, 0.04)))
    assert said[1:] == [calibration.NOT_SCALED]


def test_scaled_scores_by_hand(tmp_path):
    """Every largest probability is 0.9, and the nine others share a tenth."""
    content = comparison.load(
        synthetic_results.write(tmp_path, seeds=2, test=100, samples=False, bench=False)
    )
    frame = calibration.scores(content).frame.set_index("variant")
    for variant in content.both:
        losses = []
        for heat, right in zip(variant.temperatures, variant.correct, strict=True):
            large, small = 0.9 ** (1 / heat), (0.1 / 9) ** (1 / heat)
            total = large + 9 * small
            losses.append(-np.where(right, np.log(large / total), np.log(small / total)).mean())
        assert frame.loc[variant.name, "scaled_loss"] == pytest.approx(np.mean(losses), rel=1e-3)
        sure = variant.temperatures.mean()
        assert frame.loc[variant.name, "temperature"] == pytest.approx(sure)
    bins = calibration.bins(content).frame
    assert bins["confidence"].to_numpy() == pytest.approx(0.9, rel=1e-3)
    assert (bins["scaled_confidence"] != bins["confidence"]).all()
