"""What the report says of corrupted and changed images, against values worked out by hand."""

import numpy as np
import pytest
import synthetic_results

from mnist_aug.analysis import comparison as study
from mnist_aug.analysis.intervals import compare
from mnist_aug.augment import policy
from mnist_aug.errors import UserError
from mnist_aug.report import robustness
from mnist_aug.results.files import read_npz


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return synthetic_results.write(tmp_path_factory.mktemp("r"), seeds=4, test=400, beside=True)


@pytest.fixture(scope="module")
def content(results):
    return study.load(results)


def test_errors_are_those_of_the_bits(content):
    table = robustness.corruptions(content).frame.set_index("family")
    first, second = content.arms
    error = {
        arm.name: {
            name: 1 - arm.correct_on(f"corruption/{name}").mean()
            for name in ("fog", "rotate", "zigzag")
        }
        for arm in (first, second)
    }
    for name in ("fog", "rotate", "zigzag"):
        row = table.loc[name]
        assert np.isclose(row["baseline"], error["baseline"][name])
        assert np.isclose(row["relative"], error["augmented"][name] / error["baseline"][name])
        assert row["low"] < row["difference"] < row["high"]
    assert list(table.index) == [
        "rotate",
        "zigzag",
        "fog",
        "mean of 1 resembling",
        "mean of 2 unseen",
        "mean of all 3",
    ]
    every = table.loc["mean of all 3"]
    assert np.isclose(every["augmented"], np.mean(list(error["augmented"].values())))
    assert np.isclose(every["relative"], table["relative"][:3].mean())
    assert np.isclose(
        table.loc["mean of 2 unseen", "baseline"],
        (error["baseline"]["fog"] + error["baseline"]["zigzag"]) / 2,
    )


def test_the_interval_of_the_mean_knows_that_versions_share_an_image(content):
    names = robustness.families(content)
    both = robustness.overall(content, names)
    assert both.examples == 400
    single = robustness.overall(content, names[:1])
    assert (both.high - both.low) < (single.high - single.low)


def test_words(content):
    text = robustness.corruption_words(robustness.corruptions(content))[0]
    assert "Mean error over 3 families is 42." in text
    assert "It makes more in: fog." in text
    assert "The policy's transforms resemble rotate" in text
    others = list(
        robustness.other_words(
            robustness.others(content, compare(*(arm.correct for arm in content.arms)))
        )
    )
    assert others[0].startswith("Generalisation gap")
    assert others[1].startswith("On the 400 images of sklearn-digits")
    assert "noise: fewer errors at 0 of 1 doses, more at 0.1" in robustness.dose_words(
        robustness.doses(content)
    )


def test_doses_hold_the_clean_images(content):
    frame = robustness.doses(content).frame
    turned = frame[frame["axis"] == "rotation"]
    assert turned["dose"].tolist() == [-10, 0, 10]
    assert np.isclose(turned["augmented"].iloc[1], 1 - content.arms[1].accuracy.mean())
    assert (frame["baseline_least"] <= frame["baseline"]).all()
    assert (frame["baseline"] <= frame["baseline_most"]).all()


@pytest.mark.parametrize(
    ("name", "like"),
    [
        ("default", {"rotate", "scale", "translate", "shear"}),
        ("rotate", {"rotate"}),
        ("scale", {"scale"}),
        ("elastic", set()),
        ("no-shear", {"rotate", "scale", "translate"}),
    ],
)
def test_what_a_policy_resembles(name, like):
    assert robustness.trained_on(policy.describe(policy.load(name))) == like


def test_bits_that_disagree_with_the_scores_are_refused(results):
    path = results / "baseline" / "seed-00" / "correct.npz"
    whole = path.read_bytes()
    arrays = read_npz(path)
    arrays["corruption/fog"] = ~arrays["corruption/fog"]
    np.savez_compressed(path, **arrays)
    with pytest.raises(UserError, match=r"correct.npz disagrees with .* on corruption/fog"):
        study.load(results)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"correct.npz is damaged"):
        study.load(results)
    path.unlink()
    with pytest.raises(UserError, match=r"correct.npz disagrees"):
        study.load(results)
    path.write_bytes(whole)
