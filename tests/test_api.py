"""From Python: what may be given, what is found, and that it is what make finds."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
from dataclasses import replace

import albumentations as A
import keras
import numpy as np
import pandas as pd
import pytest
from conftest import PATIENCE, PROJECT

import mnist_aug
from mnist_aug import api, provenance, terminal
from mnist_aug.augment import policy
from mnist_aug.augment.methods import MixUp
from mnist_aug.data import dataset, eval_sets
from mnist_aug.errors import UserError
from mnist_aug.evaluate import evaluation
from mnist_aug.report import drawing
from mnist_aug.results import runs
from mnist_aug.train import architectures, model_source, pools

PAGE = PROJECT / "docs" / "python.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def here(monkeypatch, tmp_path):
    """Train in this process, in an empty folder."""
    monkeypatch.setattr(pools, "in_parallel", lambda: 1)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def asked(monkeypatch, here):
    """Train nothing; returns what was to be trained: by study, what `studies` was called with."""
    called = {}

    def both(names, seeds, images, results, **settings):
        called["both"] = {"seeds": seeds, "data": images, "results": results} | settings

    def study(name, seeds, images, results, given, **settings):
        called[name] = {"seeds": seeds, "given": given}

    monkeypatch.setattr(api.studies, "run_both", both)
    monkeypatch.setattr(api.studies, "run", study)
    monkeypatch.setattr(api, "Compared", lambda results, margin: type("Found", (), {})())
    return called


def build(image_shape, classes):
    return keras.Sequential(
        [
            keras.Input(image_shape),
            keras.layers.Flatten(),
            keras.layers.Dense(8, activation="relu"),
            keras.layers.Dense(classes, activation="softmax"),
        ]
    )


@pytest.fixture(scope="module", autouse=True)
def less_evaluated():
    """Evaluation takes a few sets and keeps no images for the report: neither is tested here."""
    names = ["test", "training", "validation", "corruption/fog", "rotation/-10", "rotation/10"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(eval_sets, "names", lambda _: names)
        patch.setattr(evaluation, "_save_samples", lambda *_: None)
        yield


@pytest.fixture(scope="module")
def found(tmp_path_factory, few):
    """The first example of the page, on few images, two seeds and an epoch."""
    folder = tmp_path_factory.mktemp("example")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pools, "in_parallel", lambda: 1)
        patch.setattr(dataset, "load", lambda name: few)
        patch.chdir(folder)
        code = EXAMPLES[0].replace("seeds=5, epochs=15", "seeds=2, epochs=1")
        assert code != EXAMPLES[0]
        made = {}
        exec(code, made)
    return made["found"]


# What is found ------------------------------------------------------------------------------------


def test_tables_have_a_row_for_each_policy_and_run(found):
    names = {"none", "default", "Rotate-GaussNoise"}
    assert {*found.table.index} == names
    assert found.table.loc["default", "variant"] == "augmented"
    assert found.table["validation"].is_monotonic_decreasing
    assert {*found.best} <= names
    assert sorted(found.ranking["rank"]) == [1, 2, 3]
    assert found.ranking["rank"].is_monotonic_increasing
    by_policy = found.runs.groupby(level=0)
    assert dict(by_policy.size()) == dict.fromkeys(names, 2)
    errors = (1 - by_policy["accuracy"].mean()).to_dict()
    assert errors == pytest.approx(found.table["error"].to_dict())
    model = found.runs.loc["Rotate-GaussNoise", "model"].iloc[1]
    assert keras.models.load_model(model).count_params() == 118_282
    assert found.recommendation.splitlines()[0]


def test_it_is_shown_as_text_and_as_html(found):
    for shown in (repr(found), found._repr_html_()):
        assert all(name in shown for name in ("none", "default", "Rotate-GaussNoise"))
        assert all(name in shown for name in found.summary)
        assert f"{found.summary.loc['default', 'error']:.4g}" in shown
    assert "<table" in found._repr_html_()
    assert "<p>" in found._repr_html_()


def test_the_summary_is_numbers(found):
    pd.testing.assert_frame_equal(found.summary, found.table[[*found.summary]])
    texts = [name for name, kind in found.summary.dtypes.items() if kind.kind not in "bif"]
    assert texts == ["outcome"]
    assert len(found.summary.columns) <= 10


def test_rows_have_names_of_their_own(found, here):
    """A policy by name, and one that was given by the same name as an object."""
    shutil.copytree(found.results, "results")
    (here / "results/compare/policies/default.yaml").touch()
    again = mnist_aug.Compared("results")
    twice = again._frame.assign(policy=["default", "default.yaml", None])
    assert again._names(twice) == ["default", "default.yaml", "none"]


def test_it_writes_the_report(found, tmp_path, monkeypatch):
    monkeypatch.setattr(drawing, "_svg", lambda *_: "<svg></svg>")  # half of the time it takes
    page = found.report(tmp_path / "reports")
    assert page == tmp_path / "reports" / "index.html"
    written = pd.read_csv(tmp_path / "reports" / "tables" / "compare.csv")
    assert written["error"].tolist() == pytest.approx(found.table["error"].tolist())
    with pytest.raises(UserError, match="are both"):
        found.report(found.results)


def test_a_folder_is_read_again_without_training(found):
    again = mnist_aug.Compared(str(found.results), margin=0.5)
    pd.testing.assert_frame_equal(
        again.table.drop(columns="outcome"), found.table.drop(columns="outcome")
    )
    assert again.margin == 0.5


def test_a_folder_without_results_is_said(here):
    words = "nowhere holds no comparison: make one with mnist_aug.compare(..., results='nowhere')"
    with pytest.raises(UserError) as raised:
        mnist_aug.Compared("nowhere")
    assert str(raised.value) == words


def test_the_same_call_trains_nothing(found, few, here, monkeypatch, capsys):
    monkeypatch.chdir(found.results.parent)
    before = {path: path.stat().st_mtime_ns for path in found.results.rglob("*.keras")}
    mine = A.Compose([A.Rotate(limit=10), A.GaussNoise(p=0.3)])
    arrays = (few.x_train, few.y_train, few.x_test, few.y_test)
    # The order of the policies doesn't count.
    again = mnist_aug.compare(arrays, [mine, "default"], seeds=2, epochs=1, results="results")
    said = capsys.readouterr().out
    assert said.count("all runs are up to date") == 3
    assert before == {path: path.stat().st_mtime_ns for path in found.results.rglob("*.keras")}
    pd.testing.assert_frame_equal(again.table, found.table)


def content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_calls_in_a_folder_add_up(found, few, here, capsys):
    """Without the policy of augmented, too, of which more seeds are trained as well."""
    shutil.copytree(found.results, "results")
    before = content(here / "results" / "augmented" / "seed-00")
    more = mnist_aug.compare(few, "affine", results="results", seeds=3, epochs=1)
    assert "note: results/augmented keeps its policy, default\n" in capsys.readouterr().out
    assert before == content(here / "results" / "augmented" / "seed-00")
    assert more.table.loc["default", "variant"] == "augmented"
    assert more.table["seeds"].to_dict() == {
        "none": 3,
        "default": 3,
        "affine": 3,
        "Rotate-GaussNoise": 2,
    }
    old = found.runs.loc["Rotate-GaussNoise", "accuracy"]
    assert more.runs.loc["Rotate-GaussNoise", "accuracy"].tolist() == old.tolist()


@pytest.mark.torture
def test_a_policy_of_augmented_without_its_file(few, here, capsys):
    """Which was somewhere else, or is gone: it is in the manifests."""
    once = {"results": "results", "epochs": 1}
    (here / "own").mkdir()
    A.save(A.Compose([A.Rotate(limit=5)]), "own/Rotate.yaml", data_format="yaml")
    mnist_aug.compare(few, "own/Rotate.yaml", seeds=1, **once)
    before = content(here / "results" / "augmented" / "seed-00")
    shutil.rmtree("own")
    found = mnist_aug.compare(few, A.Rotate(limit=10), seeds=2, **once)
    assert "note: results/augmented keeps its policy, Rotate.yaml\n" in capsys.readouterr().out
    assert before == content(here / "results" / "augmented" / "seed-00")
    assert found.table["variant"].to_dict() == {
        "none": "baseline",
        "Rotate.yaml": "augmented",
        "Rotate-2": "Rotate-2.yaml",
    }
    assert found.table["seeds"].tolist() == [2, 2, 2]
    # The same as an object.
    again = mnist_aug.compare(few, A.Rotate(limit=5), seeds=2, **once)
    assert before == content(here / "results" / "augmented" / "seed-00")
    assert {*again.table.index} == {"none", "Rotate", "Rotate-2"}


@pytest.mark.torture
def test_a_policy_of_augmented_that_is_lost(few, here):
    """A file and a method, which no file of that name could hold."""
    once = {"results": "results", "seeds": 1, "epochs": 1}
    (here / "own").mkdir()
    A.save(A.Compose([A.Rotate(limit=5)]), "own/mine.yaml", data_format="yaml")
    mnist_aug.compare(few, "own/mine.yaml+mixup:0.2", **once)
    before = content(here / "results" / "augmented")
    words = "results/augmented has policy mine.yaml+mixup:0.2, which is not found again: add it to"
    with pytest.raises(UserError, match=re.escape(words)):
        mnist_aug.compare(few, "affine", **once)
    assert before == content(here / "results" / "augmented")


def test_a_folder_of_other_data_is_left_alone(found, few, here):
    shutil.copytree(found.results, "results")
    other = few.x_train[:-1], few.y_train[:-1], few.x_test, few.y_test
    with pytest.raises(UserError, match="results=") as raised:
        mnist_aug.compare(other, "default", results="results", epochs=1)
    assert "`make" not in str(raised.value)


def test_a_temporary_folder_goes_with_an_error_and_without_a_warning(few, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserError, match="unheard-of"):
            mnist_aug.compare(few, ["unheard-of"])
    assert not [*tmp_path.iterdir()]


def test_interrupted_calls_say_that_runs_are_kept(asked, few, monkeypatch, capsys):
    def interrupted(*arguments, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(api.studies, "run_both", interrupted)
    for results, said in (
        ("own", "interrupted: finished runs are kept in own, the same call goes on from them\n"),
        (None, ""),
    ):
        with pytest.raises(KeyboardInterrupt):
            mnist_aug.compare(few, "affine", results=results)
        assert capsys.readouterr().err == said


@pytest.mark.torture
def test_make_finds_the_same_runs(found, few, called, here, monkeypatch):
    """With the arrays in a file and the policy that was written, by the scripts that make calls."""
    np.savez(
        here / "few.npz",
        x_train=few.x_train,
        y_train=few.y_train,
        x_test=few.x_test,
        y_test=few.y_test,
    )
    mine = found.results / "compare" / "policies" / "Rotate-GaussNoise.yaml"
    settings = ["--data", here / "few.npz", "--seeds", "2", "--epochs", "1"]
    own = called("train", *settings, "--results", "other")
    assert own.returncode == 0, own.stderr
    study = ["compare", "--policies", f"default '{mine}'", "--results", "other"]
    own = called("study", *study, *settings)
    assert own.returncode == 0, own.stderr
    for variant in ("baseline", "augmented", "compare/Rotate-GaussNoise.yaml"):
        made = [
            [run.manifest["weights_sha256"] for run in runs.read_runs(results / variant)]
            for results in (found.results, here / "other")
        ]
        assert len(made[0]) == 2
        assert made[0] == made[1], variant


@pytest.mark.torture
def test_runs_without_a_folder_last_as_long_as_what_is_found(few, here):
    found = mnist_aug.compare(few, "affine", build=build, seeds=[3], epochs=1)
    folder = found.results
    assert found.runs["seed"].tolist() == [3, 3]
    assert {*found.table.index} == {"none", "affine"}
    run = runs.read_run(folder / "augmented" / "seed-03")
    assert run.manifest["variant"]["model"]["name"] == "build.keras"
    assert run.manifest["parameters"] == 784 * 8 + 8 + 8 * 10 + 10
    assert "Nothing can be recommended" in found.recommendation
    del found
    assert not folder.exists()


# Data ---------------------------------------------------------------------------------------------


def test_forms_of_arrays_are_one_dataset(asked, few, capsys):
    train, test = (few.x_train, few.y_train), (few.x_test, few.y_test)
    scaled = [images[..., None] / np.float32(255) for images in (few.x_train, few.x_test)]
    words = np.array(list("abcdefghij"), dtype=object)
    for given in (
        few,
        (train, test),
        (*train, *test),
        [[*train], [*test]],
        (scaled[0], train[1], scaled[1], test[1]),
        (train[0], np.eye(10)[train[1]], test[0], np.eye(10)[test[1]]),
        (train[0].reshape(len(train[0]), -1), train[1][:, None], *test),
        (train[0], words[train[1]], test[0], words[test[1]]),
        tuple(map(keras.ops.convert_to_tensor, (*train, *test))),
    ):
        mnist_aug.compare(given, "affine")
        assert asked["both"]["data"].sha256 == few.sha256
    assert asked["both"]["data"].class_names == tuple("0123456789")
    assert "note: Pixels range from 0 to 1: they are multiplied by 255" in capsys.readouterr().out


def test_without_test_images_a_fifth_is_held_out(asked, few):
    mnist_aug.compare((few.x_train, few.y_train), "affine")
    made = asked["both"]["data"]
    assert len(made.x_train) + len(made.x_test) == 400
    assert 60 <= len(made.x_test) <= 100


def test_arrays_may_have_names(few):
    arrays = (few.x_train, few.y_train, few.x_test, few.y_test)
    made = dataset.from_arrays(*arrays, name="letters", class_names="abcdefghij")
    assert (made.name, made.class_names) == ("letters", tuple("abcdefghij"))
    assert made.kind == "character"  # as ten classes that are called so are


def test_names_of_classes_are_of_labels_from_0_or_1(few, capsys):
    arrays = (few.x_train, few.y_train + 1, few.x_test, few.y_test + 1)
    made = dataset.from_arrays(*arrays, class_names=[*"abcdefghij"])
    assert made.class_names == tuple("abcdefghij")
    np.testing.assert_array_equal(made.y_train, few.y_train)
    said = capsys.readouterr().out
    assert "note: Labels 1 to 10 are called a, b, c, d, e, f and 4 more, in this order" in said
    made = dataset.from_arrays(*arrays, class_names=[*"Kabcdefghij"])
    assert made.class_names == tuple("abcdefghij")
    made = dataset.from_arrays(few.x_train, few.y_train, class_names=np.array([*"abcdefghijk"]))
    assert made.class_names == tuple("abcdefghij")
    words = np.array([*"abcdefghij"])[few.y_train]
    made = dataset.from_arrays(few.x_train, words, class_names="jihgfedcba")
    assert made.class_names == tuple("abcdefghij")
    assert "names of classes" not in capsys.readouterr().out


def test_names_of_classes_that_do_not_fit_are_warned_of(few, capsys):
    made = dataset.from_arrays(few.x_train, few.y_train, class_names="abc")
    assert made.class_names == tuple("0123456789")
    warning = "warning: The names of classes (a, b, c) don't fit the labels (0, 1, 2, 3, 4, 5 and 4"
    assert warning in capsys.readouterr().out
    words = np.array([*"abcdefghij"])[few.y_train]
    made = dataset.from_arrays(few.x_train, words, class_names=["x", "y"])
    assert made.class_names == tuple("abcdefghij")
    assert "warning: The names of classes (x, y) don't fit" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (range(10), "class_names of type range is not a list of text: give the names in the order"),
        ({"cat": 0, "dog": 1}, "class_names of type dict is not a list of text"),
        ({*"abcdefghij"}, "class_names of type set is not a list of text"),
        (5, "class_names of type int is not a list of text"),
        (["a"] * 10, "data: 10 classes are called a: give each a name of its own"),
        ("abcdefghia", "data: 2 classes are called a"),
    ],
)
def test_names_that_no_classes_can_have_are_refused(few, names, words):
    with pytest.raises(UserError) as raised:
        dataset.from_arrays(few.x_train, few.y_train, class_names=names)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x, y, s, t: (x, y[:-1], s, t), "x_train has shape [400, 28, 28], and there are"),
        (lambda x, y, s, t: (x, y, s, t[1:]), "x_test has shape [100, 28, 28], and there are 99"),
        (lambda x, y, s, t: (x[0], y, s, t), "x_train has shape [28, 28]"),
        (lambda x, y, s, t: (x[None], y, s, t), "x_train has shape [1, 400, 28, 28]"),
        (lambda x, y, s, t: (x, y, s, None), "y_test is a single NoneType: give a NumPy array"),
        (lambda x, y, s, t: ("x", y, s, t), "x_train is a single str: give a NumPy array"),
        (lambda x, y, s, t: (x, x, s, t), "y_train holds labels [400, 28, 28]"),
        (lambda x, y, s, t: (x, y + 0.5, s, t), "y_train holds labels such as "),
        (lambda x, y, s, t: (x - 99.0, y, s, t), "so they were standardised"),
        (lambda x, y, s, t: (x, y, s[:0], t[:0]), "y_test is empty"),
        (
            lambda x, y, s, t: (x, s, y, t),
            "data is in the order (x_train, x_test, y_train, y_test): give (x_train, y_train, "
            "x_test, y_test), as Keras has them",
        ),
        (lambda x, y, s, t: (x.reshape(400, -1), s.reshape(100, -1), y, t), "data is in the order"),
        (lambda x, y, s, t: (x, s, np.eye(10)[y], [*t]), "data is in the order"),
        (lambda x, y, s, t: (x, y, s, t, s), "data is a tuple of 5: give a name, a path, or"),
        (lambda x, y, s, t: {"x": x}, "data is a dict of 1"),
        (lambda x, y, s, t: None, "data is a NoneType"),
        (lambda x, y, s, t: "nowhere", "data nowhere is neither a folder nor a file"),
    ],
)
def test_data_that_make_no_dataset(here, few, change, words):
    given = change(few.x_train, few.y_train, few.x_test, few.y_test)
    refused(words, given, "affine")


def refused(words, *arguments, **named):
    """It is one line, and nothing was made."""
    with pytest.raises(UserError) as raised:
        mnist_aug.compare(*arguments, **named)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)
    assert not os.path.exists("results")


# Policies -----------------------------------------------------------------------------------------


def test_policies_become_what_make_takes(asked, few, capsys):
    rotate, noise = A.Rotate(limit=5), A.GaussNoise(p=0.3)
    given = [
        "default",
        rotate,
        A.Compose([rotate, noise]),
        A.OneOf([rotate, noise]),
        A.Sequential([rotate, noise, A.HorizontalFlip(), A.VerticalFlip(), A.Transpose()]),
        policy.Policy("mixed", A.Compose([noise]), mixup=MixUp(0.4), label_smoothing=0.1),
        policy.load("augmix-jsd"),
        "default",
    ]
    mnist_aug.compare(few, given, results="results")
    names = ["Rotate", "Rotate-GaussNoise", "OneOf", "Rotate-GaussNoise-HorizontalFlip-2-more"]
    names += ["mixed", "augmix-jsd"]
    wanted = ["default", *(f"results/compare/policies/{name}.yaml" for name in names)]
    assert asked["compare"]["given"] == wanted[1:]
    assert asked["both"]["policy"] == "default"
    note = "note: policy default is given twice: compared once\n"
    assert capsys.readouterr().out.count(note) == 1
    for place, one in zip(wanted[1:], given[1:-1], strict=True):
        if not isinstance(one, policy.Policy):
            one = policy.Policy("", one if isinstance(one, A.BaseCompose) else A.Compose([one]))
        written = policy.describe(policy.load(place))
        assert written | {"name": ""} == policy.describe(one) | {"name": ""}, place


def test_a_dict_names_policies(asked, few):
    given = {"mild / 5": A.Rotate(limit=5), "affine": "affine", "twice": "affine+mixup:0.2"}
    mnist_aug.compare(few, given, results="results")
    folder = "results/compare/policies"
    assert asked["both"]["policy"] == f"{folder}/mild-5.yaml"
    assert asked["compare"]["given"] == ["affine", f"{folder}/twice.yaml"]
    named, own = policy.load("affine+mixup:0.2"), policy.load(f"{folder}/twice.yaml")
    assert policy.describe(own) == policy.describe(named) | {"name": "twice.yaml"}


def test_policies_by_name_are_fitted_and_objects_are_not(asked, few):
    light = replace(few, background=255)
    cutout = A.CoarseDropout(fill=7)
    mnist_aug.compare(light, {"own": cutout, "named": "cutout"}, results="results")
    own, named = (
        policy.load(f"results/compare/policies/{name}.yaml", 28, 255) for name in ("own", "named")
    )
    assert own.pipeline.transforms[0].fill == 7
    assert (
        policy.describe(named)["pipeline"]
        == policy.describe(policy.load("cutout", 28, 255))["pipeline"]
    )


def test_one_policy_is_all_that_augmented_needs(asked, few):
    mnist_aug.compare(few, A.Rotate(limit=5))
    assert "compare" not in asked
    assert asked["both"]["policy"].endswith("/Rotate.yaml")


def limit(place):
    (rotate,) = policy.load(place).pipeline.transforms
    return rotate.limit[1]


def test_a_policy_without_a_name_takes_no_others_place(asked, few):
    folder = "results/compare/policies"
    for degrees, name in (
        *((5, "Rotate"), (10, "Rotate-2"), (20, "Rotate-3")),
        *((10, "Rotate-2"), (5, "Rotate")),  # again
    ):
        mnist_aug.compare(few, A.Rotate(limit=degrees), results="results")
        assert asked["both"]["policy"] == f"{folder}/{name}.yaml"
        assert limit(f"{folder}/{name}.yaml") == degrees
    assert len(os.listdir(folder)) == 3
    # One that was named is found again by what it does, and is replaced by its name alone.
    mnist_aug.compare(few, {"mild": A.Rotate(limit=7)}, results="results")
    mnist_aug.compare(few, A.Rotate(limit=7), results="results")
    assert asked["both"]["policy"] == f"{folder}/mild.yaml"
    mnist_aug.compare(few, {"mild": A.Rotate(limit=8)}, results="results")
    assert limit(f"{folder}/mild.yaml") == 8
    assert len(os.listdir(folder)) == 4


def test_policies_without_names_in_one_call(asked, few, capsys):
    given = [*map(A.Rotate, (5, 10, 5)), "affine", A.Affine(rotate=5)]
    mnist_aug.compare(few, given, results="results")
    names = [asked["both"]["policy"], *asked["compare"]["given"]]
    folder = "results/compare/policies"
    assert names == [
        *(f"{folder}/Rotate.yaml", f"{folder}/Rotate-2.yaml"),
        *("affine", f"{folder}/Affine.yaml"),
    ]
    assert [*map(limit, names[:2])] == [5, 10]
    said = capsys.readouterr().out
    assert said.count("note: policy Rotate is given twice: compared once\n") == 1


def test_policies_that_do_the_same_are_said_once(asked, few, capsys):
    given = {"one": A.Rotate(limit=5), "two": A.Rotate(limit=5)}
    mnist_aug.compare(few, given, results="results")
    said = capsys.readouterr().out
    assert said.count("note: policies one.yaml and two.yaml do the same: compared once") == 1
    assert "compare" not in asked


class Own(A.ImageOnlyTransform):
    def apply(self, img, **params):
        return img


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "policies is empty"),
        (7, "policies is 7: give a list of them, or a dict by name"),
        ([7], "policy is 7: give a name, a file, or what albumentations makes"),
        ([None], "policy is None"),
        ([A.Rotate], "(call it): give a name"),
        ({1: "default"}, "the name of a policy is 1: give text"),
        ({"x": [A.Rotate()]}, "policy x is [Rotate("),
        ("deflaut", "policy 'deflaut' is unknown: is it default?"),
        (["missing.yaml"], "policy file missing.yaml can't be read"),
        (["affine", policy.load("affine")], "two policies are called affine: give them names"),
        ({"a b": "affine", "a/b": "default"}, "two policies are called a-b"),
    ],
)
def test_what_is_no_policy(here, few, given, words):
    refused(words, few, given)


@pytest.mark.filterwarnings("ignore:Using lambda")
@pytest.mark.parametrize("made", [lambda: A.Lambda(image=lambda img, **_: img, name="x"), Own])
def test_a_policy_that_no_file_can_hold(here, few, made):
    transform = made()
    with pytest.raises(UserError) as raised:
        mnist_aug.compare(few, {"mine": A.Compose([transform])}, results="results")
    assert "mine" in str(raised.value)
    assert "\n" not in str(raised.value)


# Models -------------------------------------------------------------------------------------------


def branched(image_shape, classes):
    inputs = keras.Input(image_shape)
    inner = build(image_shape, 4)
    x = keras.layers.Add()([inner(inputs), inner(inputs)])
    rows = keras.layers.Bidirectional(keras.layers.LSTM(2))(keras.layers.Reshape((28, 28))(inputs))
    x = keras.layers.Concatenate()([x, rows])
    return keras.Model(inputs, keras.layers.Dense(classes, activation="softmax")(x))


@pytest.mark.parametrize("function", [build, pytest.param(branched, marks=pytest.mark.torture)])
def test_a_model_is_its_architecture_alone(function):
    """Whatever numbers Keras gives its layers, so that its runs are found again."""
    made = [function((28, 28, 1), 10) for _ in range(2)]
    made[0].compile(loss="mse")
    made[1].set_weights([0 * weight for weight in made[1].get_weights()])
    names, contents = zip(*(model_source.of_object(one, (28, 28), 10) for one in made), strict=True)
    assert names == ("model", "model")
    assert contents[0] == contents[1]
    anew = model_source.of_object(function, (28, 28), 10)
    assert anew[0] == function.__name__


def test_a_lambda_has_a_name(asked, few):
    mnist_aug.compare(few, "affine", build=lambda image_shape, classes: build(image_shape, classes))
    assert asked["both"]["model"].endswith("/compare/models/model.keras")


@pytest.mark.torture
def test_the_file_is_of_the_architecture_that_was_tried(here, few):
    """As `make report MODEL=` with the file reads it."""
    name, content = model_source.of_object(build, few.image_shape, few.classes)
    path = here / f"{name}.keras"
    path.write_bytes(content)
    loaded = model_source.load(str(path), few.image_shape, few.classes)
    made = architectures.named_afresh(lambda: build((28, 28, 1), 10))
    assert loaded.architecture == architectures.of(made)
    assert model_source.load(str(path), few.image_shape, few.classes) is loaded  # not tried again


def no_softmax(image_shape, classes):
    return keras.Sequential([keras.Input(image_shape), keras.layers.Flatten()])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (lambda image_shape, classes: None, "model model returns nothing, not a model"),
        (lambda x: x, "model model does not take (image_shape, classes)"),
        (no_softmax, "model no_softmax gives outputs of shape (784,) for an image, not (10,)"),
        (lambda image_shape, classes: 1 / 0, "raises ZeroDivisionError: division by zero"),
        (7, "build is 7: give a function"),
        ("cnn", "build is 'cnn': give a function, or the name as model=..."),
    ],
)
def test_what_builds_no_model(here, few, given, words):
    refused(words, few, "affine", given)


def test_a_model_for_other_images(here, few):
    words = "model model takes images of shape (8, 8, 1), and these have (28, 28, 1)"
    refused(words, few, "affine", build((8, 8, 1), 10))


# Settings -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"seeds": 0}, "seeds is 0: give how many, from 1 to 9,999, or a list"),
        ({"seeds": []}, "seeds is []"),
        ({"seeds": [1, 1]}, "seeds is [1, 1]"),
        ({"seeds": [-1]}, "seeds is [-1]"),
        ({"seeds": 2.5}, "seeds is 2.5"),
        ({"seeds": True}, "seeds is True"),
        ({"seeds": "12"}, "seeds is '12'"),
        ({"epochs": 0}, "epochs is 0: give a whole number"),
        ({"epochs": 1.5}, "epochs is 1.5"),
        ({"margin": 2}, "margin is 2: give a difference in accuracy as a fraction, as 0.002"),
        ({"margin": "small"}, "margin is 'small'"),
        ({"model": "transformer"}, "model 'transformer' is unknown"),
        ({"model": "cnn", "build": build}, "both build and model are given"),
    ],
)
def test_settings_that_make_no_sense(here, few, settings, words):
    refused(words, few, "affine", **settings)


def test_seeds_are_a_number_or_a_list(asked, few):
    for given, wanted in (
        (2, [0, 1]),
        ([7, 3], [3, 7]),
        (np.arange(2), [0, 1]),
        (range(1, 3), [1, 2]),
    ):
        mnist_aug.compare(few, "affine", seeds=given)
        assert asked["both"]["seeds"] == wanted


@pytest.mark.torture
def test_a_script_without_a_guard_is_run_once(tmp_path):
    """Python runs a program's file again in the processes that it spawns."""
    script = tmp_path / "script.py"
    script.write_text(
        "print('here', flush=True)\n"
        "from concurrent.futures import ProcessPoolExecutor\n"
        "from multiprocessing import get_context\n"
        "from mnist_aug import api\n"
        "with api._main_not_run_again(), ProcessPoolExecutor(1, get_context('spawn')) as pool:\n"
        "    print(pool.submit(abs, -3).result())\n"
        "print(__file__)\n"
    )
    ended = subprocess.run(
        [sys.executable, script],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
    )
    assert ended.stdout.splitlines() == ["here", "3", str(script)], ended.stderr


# In a notebook ------------------------------------------------------------------------------------


class Output:
    """Takes the place of IPython's `display`, and of the handle that it returns."""

    def __init__(self):
        self.shown = []

    def __call__(self, data, raw, display_id):
        assert raw
        assert display_id
        self.shown.append(data)
        return self

    def update(self, data, raw):
        assert raw
        self.shown.append(data)


@pytest.fixture
def output(monkeypatch):
    made = Output()
    monkeypatch.setattr(terminal, "in_notebook", lambda: True)
    monkeypatch.setattr("IPython.display.display", made)
    monkeypatch.setattr(terminal, "UPDATES", 0)
    return made


def test_progress_is_one_output_that_ends_in_a_line(output, capsys):
    with terminal.progress("training <3> runs", 3) as bar:
        bar.reached(1)
        bar.say("seed 00 & others")
    first, last = output.shown[0], output.shown[-1]
    assert first["text/html"].startswith('training &lt;3&gt; runs <progress max="3" value="0">')
    assert first["text/plain"].startswith("training <3> runs: 0 %, 0 s so far")
    assert output.shown[-2]["text/html"].endswith("<br>seed 00 &amp; others")
    assert 'value="1"> 33 %' not in last["text/html"]
    assert re.fullmatch(r"training <3> runs: done after \d s", last["text/plain"])
    assert not capsys.readouterr().out


def test_progress_says_that_it_was_interrupted(output):
    def interrupted():
        with terminal.progress("training", 4) as bar:
            bar.reached(1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert output.shown[-1]["text/plain"].startswith("training: ended at 25 % after 0 s")


def test_progress_is_not_shown_more_often_than_it_can_be_read(output, monkeypatch):
    monkeypatch.setattr(terminal, "UPDATES", 60)
    with terminal.progress("training", 1000) as bar:
        for count in range(1000):
            bar.reached(count)
    assert len(output.shown) == 2


def test_manifests_say_that_it_was_a_notebook(output):
    assert provenance.command_line() == "a notebook"


def test_a_mistake_is_one_line_there():
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    lines = []
    shell._showtraceback = lambda kind, error, shown: lines.extend(shown)
    shell.run_cell("from mnist_aug.errors import UserError\nraise UserError('x is wrong: mend it')")
    InteractiveShell.clear_instance()
    assert lines == ["error: x is wrong: mend it"]


# The page -----------------------------------------------------------------------------------------


def test_the_examples_of_the_page_are_right(asked, few, monkeypatch):
    """All of them run, with nothing trained; the first one is that of `found`, which is."""
    monkeypatch.setattr(dataset, "load", lambda name: few)
    arrays = {"x_train": few.x_train, "y_train": few.y_train}
    arrays |= {"x_test": few.x_test, "y_test": few.y_test}
    monkeypatch.setattr(
        keras.datasets.fashion_mnist,
        "load_data",
        lambda: ((few.x_train, few.y_train), (few.x_test, few.y_test)),
    )
    held = {"keras": keras, "images": few.x_train, "labels": few.y_train} | arrays
    for example in EXAMPLES:
        if "class_names" in example:
            kept = few.y_train < 3, few.y_test < 3
            held |= {"x_train": few.x_train[kept[0]], "y_train": few.y_train[kept[0]]}
            held |= {"x_test": few.x_test[kept[1]], "y_test": few.y_test[kept[1]]}
        asked.clear()
        exec(example, held)
        assert asked["both"]["data"].x_train.shape[1:] == (28, 28)
    assert len(EXAMPLES) == 6
    assert asked["both"]["model"].endswith("build.keras")


@pytest.mark.parametrize(
    ("policies", "words"),
    [
        ({"none": A.Rotate(limit=5)}, "a policy is called none, as no augmentation is"),
        ({"mild": A.Rotate(limit=5), "Mild": A.Rotate(limit=9)}, "two policies are called Mild"),
    ],
)
def test_names_that_could_be_confused_are_refused(few, tmp_path, policies, words):
    with pytest.raises(UserError, match=words):
        mnist_aug.compare(few, policies, results=tmp_path)
    with pytest.raises(UserError, match="margin is True: give a difference"):
        mnist_aug.compare(few, "affine", results=tmp_path, margin=True)
