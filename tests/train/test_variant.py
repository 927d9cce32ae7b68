"""Variants and their configuration."""

import pytest

from mnist_aug.augment import policy as policies
from mnist_aug.errors import UserError
from mnist_aug.train.variant import augmented, baseline, configured


def test_the_policy_is_the_only_difference():
    plain, policy = baseline.settings(), augmented.settings()
    assert {key for key in plain if plain[key] != policy[key]} == {"name", "policy"}
    assert plain == {
        "name": "baseline",
        "policy": None,
        "later_policies": [],
        "model": {"name": "dense"},
        "layers": [128, 128],
        "optimizer": "adam",
        "learning_rate": 0.001,
        "weight_decay": 0.0,
        "schedule": "constant",
        "warmup": 0.0,
        "loss": "sparse_categorical_crossentropy",
        "batch_size": 32,
        "epochs": 15,
        "validation_split": 0.2,
        "training_images": None,
    }


def test_configured():
    assert configured("baseline", epochs=3, policy="affine").settings() == (
        baseline.settings() | {"epochs": 3}
    )
    policy = configured("augmented", policy="affine").settings()["policy"]
    assert policy["name"] == "affine"
    assert [part["__class_fullname__"] for part in policy["pipeline"]["transforms"]] == ["Affine"]


def test_unknown_variant():
    with pytest.raises(UserError, match="'plain' is unknown: use one of baseline, augmented"):
        configured("plain")


def test_policies_are_spelled_out_for_the_images():
    fitted = augmented.settings(56, 255)["policy"]
    assert fitted["name"] == "default"
    assert fitted == policies.describe(policies.load("default", 56, 255))
    assert fitted != augmented.settings()["policy"]
