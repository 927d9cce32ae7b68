"""The report's part on the search for settings and on published policies, by hand."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import synthetic_results

from mnist_aug.analysis import comparison as study
from mnist_aug.analysis.intervals import outcome, paired_interval
from mnist_aug.data.dataset import MNIST_TRAINING_SHA256
from mnist_aug.errors import UserError
from mnist_aug.report import automatic, search, search_figures, studies, tuned
from mnist_aug.report.page import write
from mnist_aug.report.tables import percent, points, span

HEADINGS = ("## What a search of the settings finds", "## Policies that papers give")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return synthetic_results.write(
        tmp_path_factory.mktemp("r"),
        seeds=4,
        test=200,
        bench=False,
        samples=False,
        studies=("automatic", "tuned"),
    )


@pytest.fixture(scope="module")
def read(folder):
    content = study.load(folder)
    searches, left_out = search.read(folder, content)
    found, others = studies.read(folder, content, search.best_settings(searches))
    assert left_out == others == []
    return content, searches, found


@pytest.fixture
def copy(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "results")
    return tmp_path / "results"


def report(results) -> str:
    write(results, results.parent / "reports")
    return (results.parent / "reports" / "report.md").read_text(encoding="utf-8").replace("\\", "")


def accuracy(results, *place: str) -> np.ndarray:
    return (
        pd.read_csv(results.joinpath(*place) / "metrics.csv")
        .set_index("seed")["accuracy"]
        .to_numpy()
    )


def test_the_best_so_far_counts_whole_trials_alone(read):
    content, searches, _ = read
    drawn = search_figures.history(list(searches.values()), content)
    frame = drawn.table.frame.set_index(["arm", "trial"])["best_so_far"]
    assert frame["baseline"].tolist() == [0.93, 0.93, 0.96, 0.96, 0.96]
    assert frame["augmented"].tolist() == [0.5, 0.95, 0.99, 0.99, 0.99]
    assert "augmented: 5 trials, 1 pruned; the best is trial 2, 99.00 %" in drawn.alt
    # The axes start at 0.99 - 4 * 0.065 = 0.73, as the middle of the whole trials is 0.925, and at
    # the baseline's own mean, which is less than 0.96 - 4 * 0.005; a trial is below each.
    assert 0.8 < studies.of_arms(content).groupby("variant")["validation"].mean()["baseline"] < 0.94
    assert "2 trials below the axis are drawn at its foot" in drawn.caption


def test_gains_are_paired_differences(folder, read):
    table = tuned.gains(read[2]["tuned"])
    frame = table.frame.set_index("what")
    assert list(frame.index) == [what for what, *_ in tuned.PAIRS]
    for what, first, second in (
        (tuned.BOTH, ("tuned", "tuned-baseline"), ("tuned", "tuned-augmented")),
        (tuned.POLICY, ("augmented",), ("tuned", "tuned-policy")),
        (tuned.BESIDE, ("tuned", "tuned-training"), ("tuned", "tuned-augmented")),
        (tuned.NEITHER, ("baseline",), ("augmented",)),
    ):
        gains = accuracy(folder, *second) - accuracy(folder, *first)
        half = 3.182446 * gains.std(ddof=1) / 2  # Student's t, 3 degrees of freedom
        assert np.isclose(frame.loc[what, "test"], gains.mean())
        assert np.isclose(frame.loc[what, "test_high"], gains.mean() + half)
    text = tuned.answer_words(table, read[1], read[0])
    row = frame.loc[tuned.BOTH]
    assert text.startswith(
        "With both arms tuned by 5 trials each, augmentation changes test "
        f"accuracy by {points(row['test'])} pp (95 % interval "
        f"{span(row['test_low'], row['test_high'])}, n = 4 seeds): "
    )


@pytest.mark.parametrize(
    ("ends", "word"),
    [
        ((0.001, 0.002), "helps"),
        ((-0.002, -0.001), "hurts"),
        ((0, 0.1), "no detectable difference"),
        ((np.nan, np.nan), "too few seeds"),
    ],
)
def test_verdict(ends, word):
    assert outcome(*ends) == word


def test_what_is_left_of_the_search(folder, read):
    content, searches, found = read
    frame = tuned.kept(searches, found["tuned"], content).frame.set_index("variant")
    row = frame.loc["tuned-augmented"]
    assert row["search"] == 0.99
    assert row["search_sd"] == pytest.approx(0.02 / 2**0.5)
    assert row["test"] == pytest.approx(accuracy(folder, "tuned", "tuned-augmented").mean())
    assert np.isnan(frame.loc["augmented", "search"])
    text = tuned.kept_words(searches, found["tuned"], content)[1]
    own = frame.loc["augmented", "validation"]
    gains = accuracy(folder, "tuned", "tuned-augmented") - accuracy(folder, "augmented")
    assert f"has validation accuracy 99.00 %, {points(0.99 - own)} pp against" in text
    assert f"({points(row['validation'] - own)} pp); on test the gain is " in text
    assert f"{points(gains.mean())} pp ({span(*paired_interval(gains))})" in text
    assert "`make tuned` does it" in tuned.kept_words(searches, None, content)[0]


@pytest.mark.parametrize(
    ("left", "found", "text"),
    [
        (0.001, 0.004, "25 % of that is left (+0.10 pp)"),
        (0.005, 0.004, "all of that is left"),
        (-0.001, 0.004, "none of that is left"),
        (0.001, -0.002, "it is +0.10 pp"),
    ],
)
def test_the_share_that_is_left(left, found, text):
    assert tuned._share(left, found).startswith(text)


def test_settings_beside_those_of_the_arm(read):
    shown = search.settings(read[1]).shown.set_index("setting")
    assert shown.loc["learning rate"].tolist() == ["0.001", "0.002", "0.001", "0.002"]
    assert shown.loc["units of each layer"].tolist() == ["128", "256", "128", "256"]
    assert shown.loc["rotation (± degrees)"].tolist() == ["—", "—", "12", "2"]
    assert shown.loc["scale (1 ±)"].tolist() == ["—", "—", "0.1", "0.04"]
    assert shown.loc["elastic alpha"].tolist() == ["—", "—", "50", "0"]
    assert shown.loc["elastic sigma"].tolist() == ["—", "—", "4", "—"]  # no matter without alpha
    assert shown.loc["noise"].tolist() == ["—", "—", "no", "yes"]


def test_no_one_value_of_an_odd_policy():
    def own(setting, *transforms):
        return search._own({"policy": {"pipeline": {"transforms": transforms}}}, setting)

    lopsided = {"__class_fullname__": "Affine", "rotate": [-5, 9], "shear": {"x": [-3, 3]}}
    assert own("rotate_degrees", lopsided) is None
    assert own("shear_degrees", lopsided) == 3
    assert own("translate", lopsided) is None
    assert own("rotate_degrees", {"__class_fullname__": "OneOf", "transforms": []}) is None
    assert own("elastic_alpha", lopsided) == 0


def test_rivals_and_the_grid(folder, read):
    content, _, found = read
    table = automatic.rivals(found["automatic"], found["tuned"], content)
    means = found["automatic"].frame.groupby("variant")["validation"].mean()
    best = means[[name for name in means.index if name.startswith("rand")]].idxmax()
    assert table.frame["variant"].tolist() == ["trivialaugment", best, "augmented", "tuned-policy"]
    assert table.shown["policy"].iloc[2:].tolist() == ["policy default", "the tuned policy"]
    grid = automatic.grid(found["automatic"])
    assert len(grid.frame) == 4
    shown = grid.shown.set_index("transforms an image")
    own = accuracy(folder, "automatic", "randaugment-2-10").mean()
    assert shown.loc["2, test, %", "magnitude 10"] == percent(own)
    assert automatic.label("randaugment-1-2") == "RandAugment with 1 transform of magnitude 2"
    text = " ".join(automatic.words(table, grid, content))
    assert "Of 4 settings of RandAugment" in text


def test_absent_files_make_no_section(tmp_path):
    results = synthetic_results.write(
        tmp_path / "results", seeds=2, test=60, bench=False, samples=False
    )
    text = report(results)
    assert not any(heading in text for heading in HEADINGS)
    assert "Not in these results: a search for better settings (`make tune`)." in text
    assert "whether the gain lasts when both arms are tuned" in text


@pytest.mark.parametrize(
    "gone",
    [
        ["tune"],
        ["tuned"],
        ["tune/tuned.yaml"],
        ["tuned/tuned-policy", "tuned/tuned-baseline"],
        *(
            pytest.param(gone, marks=pytest.mark.torture)
            for gone in (
                ["tune/baseline.json", "tune/baseline.csv"],
                ["tune/augmented.csv"],
                ["tune/baseline-importance.csv", "tune/augmented-importance.csv"],
                ["tuned/tuned-augmented"],
                ["automatic/trivialaugment"],
                [f"automatic/randaugment-{n}-{m}" for n in (1, 2) for m in (2, 10)],
            )
        ),
    ],
)
@pytest.mark.filterwarnings("error")
def test_any_part_may_be_missing(copy, gone):
    for name in gone:
        path = copy / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    text = report(copy)
    assert HEADINGS[0] in text
    assert HEADINGS[1] in text
    assert "nan" not in text
    assert "other settings since" not in text
    assert ("figures/search-history.svg" in text) == (gone != ["tune"])
    assert ("figures/search-importance.svg" in text) == (
        gone != ["tune"] and "importance" not in gone[0]
    )


def test_a_search_without_its_end_is_left_out(copy):
    (copy / "tune" / "baseline.json").unlink()
    assert "The search for baseline is left out, as baseline.json is missing" in report(copy)


def test_one_seed_and_few_trials(tmp_path):
    results = synthetic_results.write(
        tmp_path / "results",
        seeds=1,
        test=60,
        bench=False,
        samples=False,
        studies=("automatic", "tuned"),
    )
    for arm in study.ARMS:
        (results / "tune" / f"{arm}-importance.csv").write_text("setting,importance\n")
    text = report(results)
    assert "(95 % interval none, n = 1 seed): too few seeds" in text
    assert "search-importance" not in text


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"dataset": MNIST_TRAINING_SHA256}, "it is of another dataset"),
        ({"epochs": 3}, "its trials have 3 epochs and the arms 5"),
        ({"arm": {"batch_size": 64}}, "it started from other settings"),
    ],
)
def test_a_search_unlike_the_arms_is_left_out(copy, change, reason):
    path = copy / "tune" / "augmented.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    text = report(copy)
    assert f"The search for augmented is left out, as {reason}" in text
    assert "figures/search-baseline.svg" in text
    assert "figures/search-augmented.svg" not in text


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("augmented.json", '"learning_rate": 0.002', '"learning_rate": 0.003'),
        ("tuned.yaml", '"p": 0.5', '"p": 0.6'),
    ],
)
def test_runs_of_an_older_search_are_left_out(copy, name, old, new):
    path = copy / "tune" / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    text = report(copy)
    assert "The study tuned is left out, as the search has found other settings since" in text
    assert "Its settings were not trained with the arm's seeds" in text


def test_a_variant_that_the_search_has_no_more_is_left_out(copy):
    path = copy / "tune" / "augmented.json"
    about = json.loads(path.read_text())
    path.write_text(json.dumps(about | {"changed": {"policy": "tuned.yaml"}}))
    for path in (copy / "tuned" / "tuned-augmented").glob("seed-*/manifest.json"):
        path.write_text(
            path.read_text()
            .replace('"learning_rate": 0.002', '"learning_rate": 0.001')
            .replace("[256, 256]", "[128, 128]")
        )
    text = report(copy)
    assert (
        "The variant tuned-training of the study tuned is left out, as no search in these "
        "results found its settings"
    ) in text
    assert "The study tuned is left out" not in text
    assert tuned.POLICY in text
    assert tuned.REST not in text


def test_the_policy_of_an_older_search_is_not_that_of_one_without(copy):
    path = copy / "tune" / "augmented.json"
    about = json.loads(path.read_text())
    del about["changed"]["policy"]
    path.write_text(json.dumps(about | {"searched": ["learning_rate", "schedule", "width"]}))
    text = report(copy)
    assert "The study tuned is left out, as the search has found other settings since" in text
    assert "The variant tuned-policy of the study tuned is left out" in text


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("augmented.json", lambda text: text[:200]),
        ("augmented.json", lambda text: "[]"),
        ("baseline.json", lambda text: text.replace('"scores": [', '"scores": ["x", ')),
        ("baseline.json", lambda text: text.replace('"trial"', '"trail"')),
        ("baseline.csv", lambda text: text.replace("validation", "value")),
        ("baseline.csv", lambda text: text.replace("False", "maybe")),
        ("baseline.csv", lambda text: text.replace("0.96", "much")),
        ("baseline.csv", lambda text: text.replace("0.0005", "slow")),
        ("baseline.csv", lambda text: text.replace("0.0005", "-1")),
        ("baseline.csv", lambda text: text.replace("0.8", "80")),
        ("baseline.csv", lambda text: ""),
        ("baseline.csv", lambda text: text.splitlines()[0]),
        ("baseline.csv", lambda text: text[: text.rindex("\n", 0, -1) + 1]),
        ("baseline.csv", lambda text: text.replace("0.96,", "0.95,")),
        ("augmented-importance.csv", lambda text: text.replace("importance", "share")),
        ("augmented-importance.csv", lambda text: text + "noise,much\n"),
        ("augmented-importance.csv", lambda text: text + ",0.1\n"),
        ("tuned.yaml", lambda text: "{"),
        ("tuned.yaml", lambda text: "a list: 1"),
    ],
)
def test_damaged_files_are_named_with_the_remedy(copy, tmp_path, name, damage):
    path = copy / "tune" / name
    path.write_text(damage(path.read_text()))
    with pytest.raises(UserError) as told:
        write(copy, tmp_path / "reports")
    assert str(path) in str(told.value)
    assert str(told.value).endswith("run `make tune` again")
    assert "\n" not in str(told.value)
    assert not (tmp_path / "reports").exists()


def test_how_to_rebuild(copy):
    text = report(copy)
    tune = "make tune DATA=path/to/data SEEDS=2 EPOCHS=5 POLICY=default TRIALS=5\n"
    assert text.count("make tune DATA") == 1
    assert text.index(tune) < text.index("make tuned DATA=path/to/data SEEDS=4 EPOCHS=5\n")
    assert "make automatic DATA=path/to/data SEEDS=4 EPOCHS=5\n" in text
    path = copy / "tune" / "augmented.json"
    path.write_text(
        path.read_text().replace('"policy", "learning_rate", "schedule", "width"', '"policy"')
    )
    assert "TRIALS=5 SEARCH=policy\n" in report(copy)
