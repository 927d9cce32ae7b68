"""Studies: each variant differs from the one it is compared with in one thing."""

from dataclasses import replace

import albumentations as A
import numpy as np
import pandas as pd
import pytest

from mnist_aug.augment import policy
from mnist_aug.augment.named import PARTS
from mnist_aug.data import eval_sets
from mnist_aug.data.corruptions import CORRUPTIONS
from mnist_aug.errors import UserError
from mnist_aug.experiments import studies
from mnist_aug.results import extras, runs
from mnist_aug.train.variant import augmented, baseline

ABOUT = {
    "ablation": "policy",
    "strength": "policy",
    "grid": "policy",
    "data-efficiency": "training_images",
    "epochs": "epochs",
    "variance": "resampled",
}


def named(variants):
    return {variant.name: variant for variant in variants}


@pytest.mark.parametrize("study", studies.STUDIES)
def test_variants_differ_in_the_one_thing_that_the_study_is_about(study):
    for variant in studies.STUDIES[study]:
        other = baseline if variant.policy is None else augmented
        changed = getattr(variant, ABOUT[study])
        assert changed != getattr(other, ABOUT[study])
        assert replace(other, name=variant.name, **{ABOUT[study]: changed}) == variant
    assert len(named(studies.STUDIES[study])) == len(studies.STUDIES[study])
    assert not {"baseline", "augmented"} & {*named(studies.STUDIES[study])}


def test_the_ablation_has_every_part_alone_and_the_policy_without_it():
    assert named(studies.STUDIES["ablation"]).keys() == {
        "rotate",
        "scale",
        "translate",
        "shear",
        "elastic",
        "affine",  # the policy without elastic
        "no-rotate",
        "no-scale",
        "no-translate",
        "no-shear",
    }


def test_the_grid_has_every_part_alone_at_every_strength():
    assert named(studies.STUDIES["grid"]).keys() == {
        f"{part}{strength}" for part in PARTS for strength in ("", "-0.5x", "-1.5x", "-2x")
    }


def magnitudes(name):
    """Half the width of each part's range, by part; parts whose transform is left out are 0."""
    found = dict.fromkeys(PARTS, 0)
    for transform in policy.load(name).pipeline.transforms:
        if isinstance(transform, A.ElasticTransform):
            found["elastic"] = transform.alpha
            continue
        ranges = {
            "rotate": [transform.rotate],
            "scale": transform.scale.values(),
            "translate": transform.translate_percent.values(),
            "shear": [transform.shear["x"]],
        }
        for part, ends in ranges.items():
            for low, high in ends:
                assert np.isclose(low + high, 2 * (part == "scale"))
                found[part] = (high - low) / 2
        assert transform.shear["y"] == (0, 0)
    return found


DEFAULT = {"rotate": 6, "scale": 0.06, "translate": 0.03, "shear": 5, "elastic": 40}


@pytest.mark.parametrize(
    ("name", "factors"),
    [
        ("default", dict.fromkeys(DEFAULT, 1)),
        *((part, {part: 1}) for part in DEFAULT),
        *(
            (f"no-{part}", {other: 1 for other in DEFAULT if other != part})
            for part in DEFAULT
            if part != "elastic"
        ),
        ("affine", {other: 1 for other in DEFAULT if other != "elastic"}),
        *(
            (f"default-{factor}x", dict.fromkeys(DEFAULT, factor))
            for factor in (0.25, 0.5, 0.75, 1.5, 2)
        ),
        *(
            (f"{part}-{factor}x", {part: factor})
            for part, factor in zip(DEFAULT, (0.5, 1.5, 2, 0.5, 2), strict=True)
        ),
    ],
)
def test_policies_by_name_have_the_magnitudes_they_name(name, factors):
    assert magnitudes(name) == pytest.approx(
        {part: factors.get(part, 0) * size for part, size in DEFAULT.items()}
    )


def test_parts_left_out_leave_no_transform_behind():
    kinds = {
        name: [type(transform) for transform in policy.load(name).pipeline.transforms]
        for name in ("default", "elastic", "affine")
    }
    assert kinds == {
        "default": [A.Affine, A.ElasticTransform],
        "elastic": [A.ElasticTransform],
        "affine": [A.Affine],
    }


def test_sizes_the_dataset_has_not_are_left_out(digits):
    sizes = [variant.training_images for variant in studies.variants("data-efficiency", digits)]
    assert sizes == [100, 100, 300, 300, 1000, 1000]
    exactly = replace(digits, x_train=digits.x_train[:375], y_train=digits.y_train[:375])
    assert exactly.training_count(0.2) == 300  # which are those of baseline and augmented
    assert [*named(studies.variants("data-efficiency", exactly))] == [
        "baseline-100",
        "augmented-100",
    ]


@pytest.mark.parametrize(("epochs", "longer"), [(None, 100), (15, 100), (3, 20), (1, 7)])
def test_epochs_are_measured_by_those_of_both_models(digits, epochs, longer):
    assert {variant.epochs for variant in studies.variants("epochs", digits, epochs)} == {longer}
    for study in ("ablation", "strength", "data-efficiency"):
        assert {variant.epochs for variant in studies.variants(study, digits, epochs)} == {
            epochs or 15
        }


def test_the_search_decides_what_is_tuned(digits, tmp_path):
    folder = extras.search_folder(tmp_path)
    trials = pd.DataFrame({"trial": [0], "pruned": [False], "seeds": [1], "validation": [0.9]})
    importance = pd.DataFrame(columns=["setting", "importance"])

    def found(start, **changed):
        about = (
            {"changed": changed, "trial": 0, "pipeline": {}}
            if "policy" in changed
            else {
                "changed": changed,
                "trial": 0,
            }
        )
        one = extras.Search(start.name, about, trials, importance)
        extras.write_search(folder, one, b"a policy" if "policy" in changed else None)

    with pytest.raises(UserError, match="tune holds no finished search: `make tune` first"):
        studies.variants("tuned", digits, results=tmp_path)
    found(baseline, learning_rate=0.003, layers=[64, 64])
    expected = replace(baseline, name="tuned-baseline", learning_rate=0.003, layers=(64, 64))
    assert studies.variants("tuned", digits, results=tmp_path) == [expected]
    found(augmented, schedule="cosine", policy="tuned.yaml")
    path = str(folder / "tuned.yaml")
    assert studies.variants("tuned", digits, epochs=3, results=tmp_path) == [
        replace(expected, epochs=3),
        replace(augmented, name="tuned-policy", policy=path, epochs=3),
        replace(augmented, name="tuned-training", schedule="cosine", epochs=3),
        replace(augmented, name="tuned-augmented", policy=path, schedule="cosine", epochs=3),
    ]
    for name in ("tuned.yaml", "augmented.json"):  # not what the search wrote
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content.replace(b"a", b"b", 1))
        with pytest.raises(UserError, match=rf"{name} is damaged or .* run `make tune`"):
            studies.variants("tuned", digits, results=tmp_path)
        (folder / name).write_bytes(content)


def test_another_policy_takes_the_place_of_the_default(digits):
    for study in ("data-efficiency", "epochs"):
        for variant in studies.variants(study, digits, policy="affine"):
            assert variant.policy == (None if variant.name.startswith("baseline") else "affine")
    for study in ("ablation", "strength", "grid"):
        assert studies.variants(study, digits, policy="default") == studies.STUDIES[study]
        with pytest.raises(UserError, match=f"study {study} takes the default policy apart"):
            studies.variants(study, digits, policy="affine")
    with pytest.raises(UserError, match="study 'width' is unknown: use one of ablation"):
        studies.variants("width", digits)


def test_another_model_takes_the_place_of_dense(digits):
    for study, usual in studies.STUDIES.items():
        made = studies.variants(study, digits, model="cnn")
        assert {variant.model for variant in made} == {"cnn"}
        assert [replace(variant, model="dense") for variant in made] == [
            variant for variant in usual if variant.name in named(made)
        ]


def content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_study_is_trained_once_and_evaluated_on_the_test_images(
    few, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(studies, "STUDIES", {"epochs": [replace(augmented, name="augmented-long")]})
    studies.run("epochs", [0], few, tmp_path, epochs=1)
    assert "augmented-long, seed 00: validation accuracy" in capsys.readouterr().out
    folder = tmp_path / "epochs" / "augmented-long"
    table = pd.read_csv(folder / "metrics.csv")
    assert table[["variant", "seed", "eval_set"]].to_numpy().tolist() == [
        ["augmented-long", 0, "test"]
    ]
    assert 0.3 < table.accuracy[0] < 1
    assert runs.read_run(folder / "seed-00").manifest["variant"]["epochs"] == 1
    before = content(tmp_path)
    studies.run("epochs", [0], few, tmp_path, epochs=1)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "augmented-long: all runs are up to date"
    assert len(lines) == 2  # the other says the accuracy
    after = content(tmp_path)
    assert after.keys() == before.keys()
    for path in after:
        if path.name != runs.EVALUATION:  # which says when
            assert after[path] == before[path]


def test_both_models_are_trained_and_evaluated_on_all_sets(few, tmp_path, capsys):
    both = [baseline.name, augmented.name]
    studies.run_both(both, 1, few, tmp_path, epochs=1)
    out = capsys.readouterr().out
    assert out.startswith("training 2 runs: ")
    assert [line.split(",")[0] for line in out.splitlines()[1:3]] == both
    for name in both:
        results = runs.read_variant(tmp_path / name)
        assert results.metrics.eval_set.tolist() == [*eval_sets.names(few)]
        assert results.seeds == [0]
    assert (tmp_path / extras.SAMPLES).exists()


@pytest.mark.torture  # test_training.py has the same of training alone
def test_another_policy_trains_augmented_anew_and_evaluates_both(few, tmp_path, capsys):
    both = [baseline.name, augmented.name]
    studies.run_both(both, 1, few, tmp_path, epochs=1)
    capsys.readouterr()
    studies.run_both(both, 1, few, tmp_path, epochs=1, policy="affine")
    out = capsys.readouterr().out
    assert out.startswith("baseline: all runs are up to date\ntraining 1 run: ")
    assert "augmented, seed 00: validation accuracy" in out
    assert "(policy was default, now affine)" in out
    evaluated = [
        line.split(":")[0]
        for line in out.splitlines()
        if ", accuracy" in line and "run" in line.split(":")[1]
    ]
    assert evaluated == both
    assert runs.read_variant(tmp_path / augmented.name).policy == "affine"


def test_a_comparison_has_a_variant_for_each_policy_but_that_of_augmented(digits, tmp_path):
    mine = tmp_path / "mine.yaml"
    A.save(A.Compose([A.Rotate(limit=10)]), str(mine), data_format="yaml")
    given = ["default", "mixup:0.2", "affine+cutmix", str(mine), str(mine)]
    made = studies.variants("compare", digits, epochs=3, given=given)
    assert {variant.name: variant.policy for variant in made} == {
        "mixup-0.2": "mixup:0.2",
        "affine+cutmix": "affine+cutmix",
        "mine.yaml": str(mine),
    }
    for variant in made:
        assert variant == replace(augmented, name=variant.name, policy=variant.policy, epochs=3)
    # Where augmented has another policy, the default one is compared.
    own = studies.variants("compare", digits, policy="mixup:0.2", given=["default", "mixup:0.2"])
    assert own == [replace(augmented, name="default")]
    assert len(studies.variants("compare", digits)) == len(studies.POLICIES) - 1


def test_policies_of_one_name_and_unknown_ones_are_refused(digits, tmp_path):
    (tmp_path / "other").mkdir()
    files = [tmp_path / "mine.yaml", tmp_path / "other" / "mine.yaml", tmp_path / "augmented.json"]
    for limit, path in enumerate(files[:2], 10):
        A.save(A.Compose([A.Rotate(limit=limit)]), str(path), data_format="yaml")
    with pytest.raises(UserError, match=r"would be called mine\.yaml in the results, as policy"):
        studies.variants("compare", digits, given=[*map(str, files[:2])])
    with pytest.raises(UserError, match="'mixdown'"):
        studies.variants("compare", digits, given=["affine", "mixdown"])


def test_policies_that_do_the_same_are_compared_once(digits, tmp_path, capsys):
    (tmp_path / "mine.yaml").write_text("pipeline: affine\n")
    given = ["affine", "mixup:0.2", "mixup:0.20", str(tmp_path / "mine.yaml"), "affine"]
    assert [*named(studies.variants("compare", digits, given=given))] == ["affine", "mixup-0.2"]
    assert capsys.readouterr().out.splitlines() == [
        "note: policies mixup:0.2 and mixup:0.20 do the same: compared once",
        "note: policies affine and mine.yaml do the same: compared once",
    ]
    assert studies.variants("compare", digits, policy="mixup:0.20", given=["mixup:0.2"]) == []


def test_resampled_runs_keep_that_in_their_manifests_and_others_do_not(few, tmp_path):
    studies.run("variance", [0], few, tmp_path, epochs=1)
    for name in ("baseline-resampled", "augmented-resampled"):
        found = runs.read_variant(tmp_path / "variance" / name)
        assert found.settings["resampled"] is True
        assert [*found.images] == ["test"]
    assert "resampled" not in baseline.settings()


def test_policies_are_evaluated_on_validation_and_corrupted_images_and_what_is_given(
    few, tmp_path, capsys
):
    (tmp_path / "my own.yaml").write_text("mixup: {alpha: 0.4}\npipeline: rotate\n")
    other = replace(few, name="others")
    np.savez(
        tmp_path / "others.npz",
        **{name: getattr(other, name) for name in ("x_train", "y_train", "x_test", "y_test")},
    )
    given = ["mixup:0.2", str(tmp_path / "my own.yaml")]
    options = {"epochs": 1, "given": given, "extra": str(tmp_path / "others.npz")}
    studies.run("compare", [0], few, tmp_path, **options | {"given": given[:1]})
    capsys.readouterr()
    # It goes on where it was left, and another policy makes no other one out of date.
    studies.run("compare", [0], few, tmp_path, **options)
    out = capsys.readouterr().out
    assert out.startswith("mixup-0.2: all runs are up to date\ntraining 1 run: ")
    for name in ("mixup-0.2", "my own.yaml"):
        found = runs.read_variant(tmp_path / "compare" / name)
        assert found.policy == name.replace("mixup-", "mixup:")
        assert {*found.images} == {
            "test",
            "validation",
            "other/others",
            *(f"corruption/{one}" for one in CORRUPTIONS),
        }
        assert found.correct_on("validation").shape == (1, found.images["validation"])
        assert found.predictions.shape == (1, len(few.x_test))
