"""Policies compared with each other, by hand."""

import numpy as np
import pytest
import synthetic_results

from mnist_aug.analysis import comparison, contrasts, policies
from mnist_aug.results.runs import evaluated_variants, read_variant

IMAGES = 200


def right(*counts: int, images: int = IMAGES) -> np.ndarray:
    """bool [S, images]: each seed is right on the first so many images."""
    return np.array([np.arange(images) < count for count in counts])


def compared(results, given, both, **options):
    """The frame by variant, of results that are made."""
    models = dict(zip(("baseline", "augmented"), both, strict=True))
    first = next(iter(both))["test"]
    synthetic_results.write(
        results, seeds=len(first), test=IMAGES, samples=False, bench=False, correct=models
    )
    synthetic_results.write_policies(results, given, **options)
    folder = results / "compare"
    variants = {name: read_variant(folder / name) for name in evaluated_variants(folder)}
    content = comparison.load(results)
    return content, variants, policies.compared(content, variants).set_index("variant")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Three policies next to the augmented; the corruption `rotate` is like all but MixUp."""

    def sets(*test, validation, rotate, fog, other):
        count = len(test)
        return {
            "test": right(*test),
            "validation": right(*validation),
            "corruption/rotate": right(*[rotate] * count),
            "corruption/fog": right(*[fog] * count),
            "other/digits": right(*[other] * count),
        }

    usual = {"rotate": 100, "fog": 60, "other": 150}
    same = [180, 182, 184, 186, 188]
    blend = {"mixup": {"alpha": 0.2}, "pipeline": {"__class_fullname__": "Compose"}}
    turn = {"operations": [{"__class_fullname__": "Rotate", "limit": [-9, 9]}]}
    return compared(
        tmp_path_factory.mktemp("made"),
        {
            "mixup:0.2": sets(*same, validation=[148, 150, 152, 154, 156], **usual | {"fog": 80}),
            "augmix": sets(196, 198, validation=[190, 192], rotate=120, fog=50, other=160),
            "my/own.yaml": sets(80, 84, 88, validation=[90, 90, 90], rotate=10, fog=20, other=0),
        },
        [
            sets(*same, validation=[178, 180, 182, 184, 186], **usual),
            sets(*[194] * 5, validation=[190] * 5, rotate=150, fog=50, other=170),
        ],
        **{
            "mixup:0.2": {"policy": blend | {"name": "mixup:0.2"}, "seconds": 60.0},
            "augmix": {"policy": {"name": "augmix", "pipeline": {}, "augmix": turn}},
        },
    )


def test_a_row_for_each_the_most_accurate_on_validation_first(made):
    frame = made[2]
    assert [*frame.index] == ["augmix", "augmented", "baseline", "mixup-0.2", "my-own.yaml"]
    assert [*frame["policy"].fillna("-")] == ["augmix", "default", "-", "mixup:0.2", "my/own.yaml"]
    assert [*frame["seeds"]] == [2, 5, 5, 5, 3]


def test_errors_and_differences_on_the_test_images(made):
    content, variants, frame = made
    assert frame["error"].to_dict() == pytest.approx(
        {
            "augmix": 0.015,
            "augmented": 0.03,
            "mixup-0.2": 0.08,
            "baseline": 0.08,
            "my-own.yaml": 0.58,
        }
    )
    assert frame.loc["baseline", "error_sd"] == pytest.approx(0.01 * 2.5**0.5)
    assert frame["difference"].drop("baseline").to_dict() == pytest.approx(
        {"augmix": 0.065, "augmented": 0.05, "mixup-0.2": 0, "my-own.yaml": -0.5}
    )
    scores = {name: content.variants[name].correct for name in ("baseline", "augmented")}
    found = contrasts.estimates(scores | {name: one.correct for name, one in variants.items()})
    against = contrasts.against(found, "baseline").set_index("variant")
    columns = ["low", "high", "within_low", "within_high", "p", "holm_p"]
    assert np.allclose(frame.loc[against.index, columns], against[columns])
    assert np.isnan(frame.loc["baseline", ["difference", *columns]].astype(float)).all()


def test_outcomes_and_ranks(made):
    frame = made[2]
    assert frame["outcome"].to_dict() == {
        "augmix": "helps",
        "augmented": "helps",
        "mixup-0.2": "no detectable difference",
        "baseline": "",
        "my-own.yaml": "hurts",
    }
    assert frame["rank"].to_dict() == {
        "augmix": 1,
        "augmented": 2,
        "mixup-0.2": 3.5,
        "baseline": 3.5,
        "my-own.yaml": 5,
    }
    assert (frame["rank_low"] <= frame["rank"]).all()
    assert (frame["rank"] <= frame["rank_high"]).all()
    assert tuple(frame.loc["my-own.yaml", ["rank_low", "rank_high"]]) == (5, 5)


def test_the_best_on_validation_are_those_that_none_beats(made):
    frame = made[2]
    assert frame["validation"].to_dict() == pytest.approx(
        {
            "augmix": 0.955,
            "augmented": 0.95,
            "mixup-0.2": 0.76,
            "baseline": 0.91,
            "my-own.yaml": 0.45,
        }
    )
    assert frame.loc["augmix", "validation_difference"] == pytest.approx(0.045)
    assert 0 < frame.loc["augmix", "validation_low"] < 0.045
    assert {*frame.index[frame["best_on_validation"]]} == {"augmix", "augmented"}


def test_corruption_types_like_and_unlike_a_policy(made):
    frame = made[2]
    assert frame["like"].to_dict() == {
        "augmix": "rotate",  # of its operations
        "augmented": "rotate",
        "mixup-0.2": "",
        "baseline": "",
        "my-own.yaml": "rotate",
    }
    columns = ["corrupted", "corrupted_like", "corrupted_unlike"]
    assert [*frame.loc["augmix", columns]] == pytest.approx([0.575, 0.4, 0.75])
    gains = [f"{column}_difference" for column in columns]
    assert [*frame.loc["augmix", gains]] == pytest.approx([0.025, 0.1, -0.05])
    # None of them is like no augmentation, nor like MixUp.
    assert [*frame.loc["baseline", columns]] == pytest.approx([0.6, np.nan, 0.6], nan_ok=True)
    assert [*frame.loc["mixup-0.2", columns]] == pytest.approx([0.55, np.nan, 0.55], nan_ok=True)
    assert np.isnan(frame.loc["baseline", gains].astype(float)).all()
    # On the types unlike augmented's policy, which are the same for all.
    shared = frame["corrupted_shared_difference"]
    assert [shared["augmix"], shared["mixup-0.2"]] == pytest.approx([-0.05, 0.1])
    assert np.isnan(shared["baseline"])
    assert frame.loc["augmix", "corrupted_low"] < 0.025 < frame.loc["augmix", "corrupted_high"]


def test_transfer_losses_and_seconds(made):
    frame = made[2]
    assert frame["transfer"].to_dict() == pytest.approx(
        {
            "augmix": 0.2,
            "augmented": 0.15,
            "mixup-0.2": 0.25,
            "baseline": 0.25,
            "my-own.yaml": 1,
        }
    )
    assert frame.loc["mixup-0.2", "nll"] == pytest.approx(0.22)  # 0.2 and 0.01 more with each seed
    assert frame.loc["mixup-0.2", "seconds"] == pytest.approx(60.2)
    # All are sure by 0.9, and bins are of images in a row, 0.42 of which are all right.
    ece = 0.42 * 0.1 + 0.58 * 0.9
    assert frame.loc["my-own.yaml", "ece"] == pytest.approx(ece, abs=0.01)


def test_without_scored_validation_images_accuracies_are_compared(tmp_path):
    both = [{"test": right(180, 182)}, {"test": right(190, 192)}]
    content, _, frame = compared(tmp_path, {"affine": {"test": right(188, 190)}}, both)
    last = [run.history["val_accuracy"].iloc[-1] for run in content.variants["baseline"].runs]
    assert frame.loc["baseline", "validation"] == pytest.approx(np.mean(last))
    assert np.isfinite(frame.loc["affine", "validation_low"])
    columns = [name for name in frame if name.startswith("corrupted")]
    assert frame[[*columns, "transfer"]].isna().all(axis=None)
    assert (frame["like"] == "").all()


def test_nothing_is_chosen_where_no_images_were_held_out(tmp_path, monkeypatch):
    monkeypatch.setattr("mnist_aug.results.runs.Run.validation_accuracy", np.nan)
    both = [{"test": right(180, 182)}, {"test": right(190, 192)}]
    frame = compared(tmp_path, {"affine": {"test": right(188, 190)}}, both)[2]
    assert [*frame.index] == ["baseline", "augmented", "affine"]
    assert not frame["best_on_validation"].any()
    assert frame["validation"].isna().all()


def test_one_policy_with_one_seed(tmp_path):
    sets = {"test": right(180), "validation": right(180)}
    frame = compared(tmp_path, {}, [sets, sets])[2]
    assert {*frame.index} == {"baseline", "augmented"}
    assert frame.loc["augmented", "outcome"] == "too few seeds"
    assert frame.loc["augmented", "difference"] == 0
    assert frame.loc["augmented", ["low", "high", "p", "holm_p"]].isna().all()
    assert np.isnan(frame.loc["augmented", "error_sd"])


def test_twenty_policies(tmp_path):
    rng = np.random.default_rng(0)

    def sets():
        return {"test": rng.random((3, IMAGES)) < 0.9, "validation": rng.random((3, IMAGES)) < 0.9}

    frame = compared(tmp_path, {f"p{i}": sets() for i in range(20)}, [sets(), sets()])[2]
    assert len(frame) == 22
    assert (frame["high"] - frame["low"]).dropna().min() > 0
    assert frame["validation"].is_monotonic_decreasing


def test_intervals_are_simultaneous_over_all_policies(made):
    content, variants, frame = made
    every = {name: content.variants[name] for name in ("baseline", "augmented")} | variants
    kinds = [kind for kind in content.both[0].images if kind.startswith("corruption/")]
    for part, scores in (
        ("validation", {name: one.correct_on("validation") for name, one in every.items()}),
        (
            "corrupted",
            {
                name: np.mean([one.correct_on(kind) for kind in kinds], axis=0)
                for name, one in every.items()
            },
        ),
    ):
        rows = contrasts.against(contrasts.estimates(scores), "baseline").set_index("variant")
        for end in ("low", "high"):
            found = frame.loc[rows.index, f"{part}_{end}"]
            assert found.to_numpy() == pytest.approx(rows[end].to_numpy()), part
        assert (rows["low"] < rows["alone_low"]).any()
