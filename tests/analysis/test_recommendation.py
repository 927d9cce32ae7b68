"""What is recommended for results of every kind, and that the test images do not choose."""

import numpy as np
import pandas as pd
import pytest
import synthetic_results

from mnist_aug.analysis import comparison, policies
from mnist_aug.analysis.recommendation import Recommendation, recommended
from mnist_aug.analysis.studies import StudyRuns
from mnist_aug.report import inputs
from mnist_aug.report.recommendation import written

SEEDS, IMAGES = 5, 400


def right(wrong: int, seeds: int = SEEDS, first: int = 0) -> np.ndarray:
    """Runs that are wrong on so many images from the first on, and on one more with each seed."""
    images = np.arange(IMAGES) - first
    return (images < 0) | (images >= wrong + np.arange(seeds)[:, None])


def scores(validation: int | None, test: int, seeds: int = SEEDS, **others: int) -> dict:
    """What runs read right on each set of images, by how many they are wrong on."""
    sets = {"test": right(test, seeds)}
    if validation is not None:
        sets["validation"] = right(validation, seeds)
    return sets | {f"corruption/{name}": right(wrong, seeds) for name, wrong in others.items()}


def found(folder, baseline: dict, augmented: dict, margin=None, **further) -> Recommendation:
    synthetic_results.write(
        folder,
        test=IMAGES,
        correct={"baseline": baseline, "augmented": augmented},
        samples=False,
        bench=False,
    )
    if further:
        synthetic_results.write_policies(
            folder, {k.replace("_", ":"): sets for k, sets in further.items()}
        )
    content = comparison.load(folder, margin)
    given = inputs.read(folder, content)
    return recommended(content, given.compared, given.policies)


def test_a_policy_that_helps(tmp_path):
    fact = found(
        tmp_path,
        scores(80, 80, fog=100, stripe=40, spatter=60),
        scores(20, 24, fog=20, stripe=160, spatter=60),
    )
    assert (fact.kind, fact.policy, fact.compared) == ("augment", "default", 1)
    assert (fact.seeds, fact.images) == (SEEDS, IMAGES)
    assert fact.difference == pytest.approx(60 / IMAGES)
    assert fact.test == pytest.approx(56 / IMAGES)
    assert 0 < fact.low < fact.difference < fact.high
    assert fact.outcome == "helps"
    assert fact.types == 3
    (harm,) = fact.harms
    assert (harm.name, harm.severity) == ("stripe", None)
    assert harm.difference == pytest.approx(-120 / IMAGES)
    assert (fact.equals, fact.cheaper, fact.strength, fact.advice) == ((), (), None, None)
    assert (fact.head, fact.own, fact.tested) == ("", None, "default")


def test_corrupted_images_are_those_of_the_policy_to_be_used(tmp_path):
    fact = found(
        tmp_path,
        scores(100, 100, fog=50),
        scores(60, 60, fog=50),
        affine=scores(10, 10, fog=80),
    )
    assert (fact.kind, fact.policy, fact.tested) == ("augment", "affine", "affine")
    assert [one.difference for one in fact.harms] == pytest.approx([-30 / IMAGES])
    assert (fact.head, fact.own.policy) == ("helps", "default")
    assert fact.own.difference == pytest.approx(40 / IMAGES)
    assert 0 < fact.own.low < fact.own.difference < fact.own.high


def test_where_none_is_to_be_used_corrupted_images_are_those_of_the_reports_policy(tmp_path):
    fact = found(
        tmp_path,
        scores(40, 40, fog=40),
        scores(60, 60, fog=100),
        margin=0.03,
        affine=scores(39, 39, fog=40),
    )
    assert (fact.kind, fact.policy, fact.tested) == ("equivalent", "affine", "default")
    assert [one.difference for one in fact.harms] == pytest.approx([-60 / IMAGES])
    assert (fact.head, fact.own.difference) == ("hurts", pytest.approx(-20 / IMAGES))


def test_validation_chooses_and_test_does_not(tmp_path):
    """`affine` is best on the test images, augmented on the validation images."""
    fact = found(tmp_path, scores(100, 100), scores(10, 100), affine=scores(90, 10))
    assert (fact.kind, fact.policy, fact.compared) == ("augment", "default", 2)
    assert fact.outcome == "equivalent"
    assert fact.equals == ()


def test_equals_of_the_best_and_which_of_them_are_cheaper(tmp_path):
    synthetic_results.write(
        tmp_path,
        test=IMAGES,
        correct={"baseline": scores(100, 100), "augmented": scores(40, 40)},
        samples=False,
        bench=False,
    )
    sets = {"affine": scores(11, 11), "mixup:0.2": scores(10, 10), "elastic": scores(12, 12)}
    synthetic_results.write_policies(
        tmp_path, sets, affine={"seconds": 2.0}, elastic={"seconds": 30.0}
    )
    content = comparison.load(tmp_path)
    given = inputs.read(tmp_path, content)
    fact = recommended(content, given.compared, given.policies)
    assert (fact.kind, fact.policy, fact.compared) == ("augment", "mixup:0.2", 4)
    assert {*fact.equals} == {"affine", "elastic"}
    assert fact.cheaper == ("affine",)
    assert fact.seconds_without == pytest.approx(8.2)  # the median of 8.0 and a tenth more a seed


def test_many_policies(tmp_path):
    further = {f"mixup_0.{place:02d}": scores(60 + place, 60 + place) for place in range(1, 9)}
    fact = found(tmp_path, scores(100, 100), scores(5, 5), **further)
    assert (fact.kind, fact.policy, fact.compared) == ("augment", "default", 9)
    assert fact.equals == ()


def test_a_policy_that_hurts(tmp_path):
    fact = found(tmp_path, scores(20, 20), scores(80, 80))
    assert (fact.kind, fact.outcome) == ("without", "hurts")
    assert fact.difference == pytest.approx(-60 / IMAGES)
    assert (fact.types, fact.severities, fact.groups, fact.harms) == (0, 0, {}, ())


def test_nothing_known_and_what_would_tell(tmp_path):
    """Each model is wrong on images of its own, so that seeds alone can't tell."""
    baseline, augmented = scores(40, 40), scores(40, 40)
    for name in ("test", "validation"):
        augmented[name] = right(36, first=200)
    fact = found(tmp_path, baseline, augmented)
    assert fact.kind == "unknown"
    assert fact.low < 0 < fact.difference < fact.high
    assert fact.advice.seeds is None
    assert fact.advice.images > IMAGES


def test_with_others_to_compare_more_is_needed_to_tell(tmp_path):
    """Its interval is simultaneous with theirs, and so wider."""
    rng = np.random.default_rng(0)
    baseline, augmented = ({}, {})
    for name in ("test", "validation"):
        chances = rng.normal(0.87, 0.01, (2, SEEDS, 1)) + np.array([[[0]], [[0.006]]])
        baseline[name], augmented[name] = rng.random((2, SEEDS, IMAGES)) < chances
    alone = found(tmp_path / "alone", baseline, augmented)
    further = {f"mixup_0.{k}": {n: baseline[n][::-1] for n in baseline} for k in range(1, 5)}
    among = found(tmp_path / "among", baseline, augmented, **further)
    assert alone.kind == among.kind == "unknown"
    for part in ("seeds", "images"):
        assert (getattr(among.advice, part) or 0) >= (getattr(alone.advice, part) or 0)
    assert among.advice != alone.advice


def test_equivalent_within_a_margin(tmp_path):
    fact = found(tmp_path, scores(40, 40), scores(40, 40), margin=0.05)
    assert (fact.kind, fact.small, fact.margin) == ("equivalent", True, 0.05)


def test_of_policies_that_cost_nothing_the_most_robust_is_named(tmp_path):
    """Not cutout, which gains more on corrupted images and loses on the validation images."""
    same = {"margin": 0.05, "mixup": scores(40, 40, fog=40), "cutout": scores(120, 40, fog=10)}
    robust = found(tmp_path / "a", scores(40, 40, fog=100), scores(40, 40, fog=80), **same).robust
    assert (robust.policy, robust.types) == ("mixup", 1)
    assert robust.difference == pytest.approx(60 / IMAGES)
    assert 0 < robust.low < robust.difference < robust.high
    line = written(found(tmp_path / "b", scores(40, 40, fog=100), scores(40, 40, fog=99), **same))[
        2
    ]
    assert line.startswith(
        "Of the policies within that margin on the validation images, mixup gains most on "
        "corrupted test images: +15.00 pp ("
    )


def test_no_policy_is_robust_that_gains_nothing(tmp_path):
    further = {"margin": 0.05, "mixup": scores(40, 40, fog=100)}
    fact = found(tmp_path, scores(40, 40, fog=100), scores(40, 40, fog=100), **further)
    assert (fact.kind, fact.robust) == ("equivalent", None)


def test_the_margin_is_of_the_validation_images_where_none_is_given(tmp_path):
    """A tenth of the baseline's mean error: runs are wrong on up to SEEDS - 1 images more."""
    easy, hard = scores(98, 10), scores(10, 98)
    assert found(tmp_path / "easy", easy, easy).margin == pytest.approx(0.1 * 100 / IMAGES)
    assert found(tmp_path / "hard", hard, hard).margin == pytest.approx(0.1 * 12 / IMAGES)


def test_a_gain_within_the_margin_is_said_to_be_small(tmp_path):
    fact = found(tmp_path, scores(80, 80), scores(20, 20), margin=0.5)
    assert (fact.kind, fact.small) == ("augment", True)


def test_one_seed(tmp_path):
    fact = found(tmp_path, scores(80, 80, 1), scores(20, 20, 1))
    assert (fact.kind, fact.policy) == ("one seed", "default")
    assert fact.difference == pytest.approx(60 / IMAGES)


@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [(360, 20, "no verdict"), (20, 360, "no policy"), (360, 360, "no verdict")],
)
def test_no_verdict(tmp_path, first, second, kind):
    fact = found(tmp_path, scores(first, first), scores(second, second))
    assert fact.kind == kind


def test_a_policy_that_did_not_learn_does_not_stop_another(tmp_path):
    fact = found(tmp_path, scores(80, 80), scores(360, 360), affine=scores(10, 10))
    assert (fact.kind, fact.policy, fact.compared) == ("augment", "affine", 1)


def test_validation_images_that_were_not_scored_one_by_one(tmp_path):
    """As in results of an earlier version: an accuracy for each run is all there is."""
    synthetic_results.write(tmp_path, seeds=3, test=60, samples=False, bench=False)
    content = comparison.load(tmp_path)
    fact = recommended(content, policies.compared(content, {}), {})
    first, second = (np.mean([r.validation_accuracy for r in one.runs]) for one in content.both)
    assert fact.difference == pytest.approx(second - first)
    assert fact.images is None
    assert fact.advice is None


def test_no_image_held_out(tmp_path):
    synthetic_results.write(tmp_path, seeds=3, test=60, samples=False, bench=False)
    for path in tmp_path.rglob("history.csv"):
        pd.read_csv(path).drop(columns=["val_loss", "val_accuracy"]).to_csv(path, index=False)
    synthetic_results.sign(tmp_path)
    content = comparison.load(tmp_path)
    fact = recommended(content, policies.compared(content, {}), {})
    assert (fact.kind, fact.policy) == ("no validation", "default")
    assert fact.test == pytest.approx(content.difference.mean)


@pytest.mark.parametrize("seeds", [1, 2])
def test_a_policy_that_helps_is_not_given_up_for_one_that_may_do_more(tmp_path, seeds):
    corrupted = {"fog": 60}
    unsure = {
        name: np.roll(one, 7, axis=1) if name == "validation" else one
        for name, one in scores(16, 16, seeds, **corrupted).items()
    }
    if seeds == 2:  # two runs that differ by a quarter of the images
        unsure["validation"] = np.stack([np.ones(IMAGES, bool), np.arange(IMAGES) >= 30])
    fact = found(
        tmp_path,
        scores(80, 80, **corrupted),
        scores(24, 24, **corrupted),
        mixup_1=unsure,
    )
    assert (fact.kind, fact.policy, fact.unsure) == ("augment", "default", ("mixup:1",))
    assert fact.equals == ()
    text = " ".join(written(fact))
    assert "Use policy default" in text
    assert "mixup:1 may do better, but its runs are too few" in text


def test_one_run_of_a_policy_is_compared_on_the_seeds_that_both_have(tmp_path):
    fact = found(
        tmp_path,
        scores(80, 80, fog=60),
        scores(80, 80, fog=60),
        mixup_1=scores(16, 16, 1, fog=10),
    )
    assert fact.kind in ("equivalent", "unknown")
    assert fact.unsure == ("mixup:1",)


def test_of_a_single_policy_the_check_is_the_difference_at_the_head_of_the_report(tmp_path):
    fact = found(tmp_path, scores(80, 80), scores(20, 24))
    head = comparison.load(tmp_path).difference
    assert (fact.test, fact.test_low, fact.test_high) == (head.mean, head.low, head.high)
    assert fact.outcome == head.outcome


def test_of_each_axis_the_severity_of_the_largest_loss_is_named(tmp_path):
    """Types and severities together, the largest loss first; what is not less accurate is not."""
    sets = {
        model: {
            "test": right(20),
            "validation": right(20),
            "corruption/fog": right(fog),
            "corruption/rotate": right(20),
            "noise/0.1": right(weak),
            "noise/0.3": right(strong),
            "shift/2": right(20),
        }
        for model, fog, weak, strong in (("baseline", 40, 30, 40), ("augmented", 120, 60, 200))
    }
    fact = found(tmp_path, sets["baseline"], sets["augmented"])
    assert [(one.name, one.severity) for one in fact.harms] == [("noise", 0.3), ("fog", None)]
    assert [one.difference for one in fact.harms] == pytest.approx([-160 / IMAGES, -80 / IMAGES])
    assert (fact.types, fact.severities) == (2, 3)


def test_types_like_the_policys_transforms_have_a_mean_of_their_own(tmp_path):
    """The policy of the synthetic results rotates."""
    fact = found(
        tmp_path,
        scores(20, 20, fog=60, rotate=60, stripe=60),
        scores(20, 20, fog=60, rotate=20, stripe=60),
    )
    like, unlike = fact.groups["like"], fact.groups["unlike"]
    assert (like["types"], like["side"]) == (1, 1)
    assert like["difference"] == pytest.approx(40 / IMAGES)
    assert (unlike["types"], unlike["side"], unlike["difference"]) == (2, 0, 0)


def test_a_transform_that_does_as_well_alone(tmp_path):
    """Elastic is as accurate as the whole within 0.02, rotation isn't, and affine is several."""
    synthetic_results.write(tmp_path, test=IMAGES, samples=False, bench=False)
    given = inputs.read(tmp_path, comparison.load(tmp_path))
    means = {"baseline": 0.9, "augmented": 0.95, "elastic": 0.945, "affine": 0.95, "rotate": 0.92}
    frame = pd.DataFrame(
        [
            {"variant": name, "seed": seed, "validation": mean + 0.001 * seed, "test": mean}
            for name, mean in {**means, "no-shear": 0.951}.items()
            for seed in range(SEEDS)
        ]
    )
    runs = StudyRuns(frame, pd.DataFrame())

    def part(runs, margin=0.02):
        content = comparison.load(tmp_path, margin)
        return recommended(content, given.compared, given.policies, ablation=runs).part

    assert part(runs) == "elastic"
    assert part(runs, 0.002) == ""
    assert part(StudyRuns(frame[frame["seed"] == 0], runs.curves)) == ""
    assert part(None) == ""
