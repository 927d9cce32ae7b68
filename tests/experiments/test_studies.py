"""Studies: each variant differs from its arm in the one thing the study is about."""

import json
from dataclasses import replace

import albumentations as A
import numpy as np
import pandas as pd
import pytest

from mnist_aug.augment import policy
from mnist_aug.errors import UserError
from mnist_aug.experiments import studies
from mnist_aug.results import runs as run
from mnist_aug.train.variant import augmented, baseline

ABOUT = {
    "ablation": "policy",
    "strength": "policy",
    "data-efficiency": "training_images",
    "automatic": "policy",
    "epochs": "epochs",
}


def named(variants):
    return {variant.name: variant for variant in variants}


@pytest.mark.parametrize("study", studies.STUDIES)
def test_variants_differ_from_their_arm_in_one_thing(study):
    for variant in studies.STUDIES[study]:
        arm = baseline if variant.policy is None else augmented
        assert getattr(variant, ABOUT[study]) != getattr(arm, ABOUT[study])
        assert (
            replace(arm, name=variant.name, **{ABOUT[study]: getattr(variant, ABOUT[study])})
            == variant
        )
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


def magnitudes(name):
    """Half the width of each part's range, by part; parts whose transform is left out are 0."""
    found = dict.fromkeys(policy.PARTS, 0)
    for transform in policy.load(name).transforms:
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
    ],
)
def test_policies_by_name_have_the_magnitudes_they_name(name, factors):
    assert magnitudes(name) == pytest.approx(
        {part: factors.get(part, 0) * size for part, size in DEFAULT.items()}
    )


def test_parts_left_out_leave_no_transform_behind():
    kinds = {
        name: [type(transform) for transform in policy.load(name).transforms]
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
    assert exactly.training_count(0.2) == 300  # which are the arms' own
    assert [*named(studies.variants("data-efficiency", exactly))] == [
        "baseline-100",
        "augmented-100",
    ]


@pytest.mark.parametrize(("epochs", "longer"), [(None, 100), (15, 100), (3, 20), (1, 7)])
def test_epochs_are_measured_by_the_arms(digits, epochs, longer):
    assert {variant.epochs for variant in studies.variants("epochs", digits, epochs)} == {longer}
    for study in ("ablation", "strength", "data-efficiency"):
        assert {variant.epochs for variant in studies.variants(study, digits, epochs)} == {
            epochs or 15
        }


def test_the_search_decides_what_is_tuned(digits, tmp_path):
    def found(arm, **changed):
        (tmp_path / "tune").mkdir(exist_ok=True)
        (tmp_path / "tune" / f"{arm.name}.json").write_text(
            json.dumps(
                {
                    "changed": changed,
                    "trial": 0,
                    "validation": 0.9,
                    "scores": [0.9],
                    "first_seed": 1000,
                    "trials": 1,
                    "pruned": 0,
                    "arm": arm.settings(),
                    "searched": [],
                    "seeds": 1,
                    "epochs": 15,
                    "dataset": "",
                    "git": {},
                    "versions": {},
                    "device": {},
                    "command": "scripts/tune.py",
                    "written": "",
                }
            )
        )

    with pytest.raises(UserError, match="tune holds no finished search: `make tune` first"):
        studies.variants("tuned", digits, results=tmp_path)
    found(baseline, learning_rate=0.003, layers=[64, 64])
    expected = replace(baseline, name="tuned-baseline", learning_rate=0.003, layers=(64, 64))
    assert studies.variants("tuned", digits, results=tmp_path) == [expected]
    found(augmented, schedule="cosine", policy="tuned.yaml")
    path = str(tmp_path / "tune" / "tuned.yaml")
    assert studies.variants("tuned", digits, epochs=3, results=tmp_path) == [
        replace(expected, epochs=3),
        replace(augmented, name="tuned-policy", policy=path, epochs=3),
        replace(augmented, name="tuned-training", schedule="cosine", epochs=3),
        replace(augmented, name="tuned-augmented", policy=path, schedule="cosine", epochs=3),
    ]
    found(augmented, depth=3)
    with pytest.raises(UserError, match=r"has a wrong changed.depth .*: run `make tune` again"):
        studies.variants("tuned", digits, results=tmp_path)


def test_another_policy_takes_the_place_of_the_default(digits):
    for study in ("data-efficiency", "epochs"):
        for variant in studies.variants(study, digits, policy="affine"):
            assert variant.policy == (None if variant.name.startswith("baseline") else "affine")
    for study in ("ablation", "strength"):
        assert studies.variants(study, digits, policy="default") == studies.STUDIES[study]
        with pytest.raises(UserError, match=f"study {study} takes the default policy apart"):
            studies.variants(study, digits, policy="affine")
    with pytest.raises(UserError, match="study 'width' is unknown: use one of ablation"):
        studies.variants("width", digits)


def test_a_study_is_trained_once_and_scored_on_the_test_images(
    digits, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(studies, "STUDIES", {"epochs": [replace(augmented, name="augmented-long")]})
    studies.run("epochs", [0], digits, tmp_path, epochs=1)
    assert "augmented-long, seed 00: trained in" in capsys.readouterr().out
    folder = tmp_path / "epochs" / "augmented-long"
    table = pd.read_csv(folder / "metrics.csv")
    assert table[["variant", "seed", "test_set"]].to_numpy().tolist() == [
        ["augmented-long", 0, "test"]
    ]
    assert 0.3 < table.accuracy[0] < 1
    assert run.read_manifest(folder / "seed-00")["variant"]["epochs"] == 1
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    studies.run("epochs", [0], digits, tmp_path, epochs=1)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "augmented-long: all runs are up to date"
    assert len(lines) == 2  # the other tells the accuracy
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
