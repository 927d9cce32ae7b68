"""Published results: rows and recipes as they are meant, what is made of them, the ensemble."""

from dataclasses import asdict

import fake_training
import numpy as np
import pandas as pd
import pytest
from conftest import PROJECT

from mnist_aug.errors import UserError
from mnist_aug.experiments import published
from mnist_aug.results import runs
from mnist_aug.train import training

REFERENCE = PROJECT / "results/reference/mnist"


def changed(one, two):
    one, two = asdict(one), asdict(two)
    return {key for key in one if one[key] != two[key]} - {"name"}


def test_rows_train_on_all_images_and_recipes_on_the_validation_split():
    assert {row.variant.validation_split for row in published.ROWS.values()} == {0}
    assert {variant.validation_split for variant in published.recipes().values()} == {0.2}


def test_both_models_choose_from_the_same_values():
    tried = published.recipes()
    grid = [name for name in tried if name.startswith("plain-")]
    assert len(grid) == len(published.RATES) * len(published.DECAYS)
    for name in grid:
        both = tried[name], tried[name.replace("plain", "augmented")]
        assert changed(*both) == {"policy", "later_policies"}
    both = [published.ROWS[name].variant for name in (published.PLAIN, published.AUGMENTED)]
    assert changed(*both) <= {"policy", "later_policies", "learning_rate", "weight_decay"}
    for name, variant in tried.items():
        if name.startswith("long-"):
            assert len(changed(variant, tried["long"]) - {"later_policies"}) <= 2


@pytest.mark.parametrize(("row", "kind"), [("small-plain-15", "plain"), ("small-15", "augmented")])
def test_the_rows_have_what_was_best_on_the_reference_validation(row, kind):
    found = {
        path.name: np.mean(
            [pd.read_csv(file)["val_accuracy"].iloc[-1] for file in path.glob("seed-*/history.csv")]
        )
        for path in (REFERENCE / "recipes").glob(f"{kind}-*")
    }
    assert len(found) == 8
    best = published.recipes()[max(found, key=found.get)]
    assert changed(best, published.ROWS[row].variant) == {"validation_split"}


def test_names():
    every = ["recipes", *published.ROWS, "ensemble", "ciresan-ensemble"]
    assert published.names(None) == every
    assert published.names("small,ensemble") == ["small", "ensemble"]
    assert published.names("small,longest-decay0.03") == ["small", "longest-decay0.03"]
    with pytest.raises(UserError, match="row 'smal' is unknown: use some of recipes, small-plain"):
        published.names("smal")


def test_a_recipe_is_made_alone(few, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "work", fake_training.work)
    published.run(["affine-wide"], few, tmp_path, epochs=1)
    folder = tmp_path / "recipes"
    assert runs.trained_variants(folder) == ["affine-wide"]
    assert runs.seeds(folder, "affine-wide") == [0, 1, 2]
    settings = published.recipes()["affine-wide"].settings()
    longer = settings["epochs"] / 15
    trained = runs.read_run(folder / "affine-wide" / "seed-00").manifest["variant"]
    assert trained == settings | {"epochs": round(longer)}
    assert {path.name for path in tmp_path.iterdir()} == {"recipes"}


@pytest.fixture(scope="module")
def trained(few, tmp_path_factory):
    """Runs whose models are untrained, as each row's would have to be compiled for seconds."""
    results = tmp_path_factory.mktemp("results")

    def untrained(trainer, seed, *_, **__):
        epochs = pd.RangeIndex(1, trainer.variant.epochs + 1, name="epoch")
        return trainer.initial(seed), pd.DataFrame({"loss": 2.3, "accuracy": 0.1}, epochs), 0.1

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mnist_aug.train.trainer.Trainer.fit", untrained)
        published.run(["small-15", "ensemble"], few, results, seeds=2, epochs=1)
    return results / "published"


def test_the_ensemble_averages_its_members_probabilities(trained, few):
    small, ensemble = (runs.read_variant(trained / name) for name in ("small", "ensemble"))
    assert (len(small.runs), len(ensemble.runs)) == (2, 0)
    np.testing.assert_allclose(
        ensemble.probabilities[0], small.probabilities.mean(axis=0), rtol=4e-3, atol=1e-6
    )
    np.testing.assert_array_equal(ensemble.labels, few.y_test)
    assert ensemble.accuracy == (ensemble.predictions[0] == few.y_test).mean()
    assert ensemble.on_test.images[0] == len(few.x_test)
    assert ensemble.settings == {"name": "ensemble", "members": 2}


def test_rows_are_evaluated_on_every_set(trained, few):
    for name in ("small-15", "ensemble"):
        sets = runs.read_variant(trained / name).images
        assert ("tta/test" in sets) == (name == "small-15")
        assert {"test", "training", "corruption/fog", "rotation/-10"} <= {*sets}
        assert sets["training"] == len(few.x_train)
    manifest = runs.read_run(trained / "small-15" / "seed-01").manifest
    assert manifest["variant"]["epochs"] == 1
    assert manifest["dataset"]["validation"] == 0


def test_finished_rows_are_kept(trained, few, capsys):
    before = {path: path.read_bytes() for path in trained.glob("small-15/seed-*/*")}
    published.run(["small-15"], few, trained.parent, seeds=2, epochs=1)
    assert capsys.readouterr().out.startswith("small-15: all runs are up to date\n")
    assert {path: path.read_bytes() for path in before} == before


def test_mistakes(called, fails_in_one_line, tmp_path):
    fails_in_one_line(
        called("published", "--row", "simard", "--data", "digits"), "row 'simard' is unknown"
    )
    fails_in_one_line(called("published", "--data", "nowhere"), "neither a folder nor a file")
    assert list(tmp_path.iterdir()) == []
