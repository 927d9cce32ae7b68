"""The report's part on the search for settings and on published policies, by hand."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import synthetic_results

from mnist_aug.analysis import comparison, robustness
from mnist_aug.analysis.intervals import outcome
from mnist_aug.analysis.studies import runs_of_both, study_runs
from mnist_aug.data.dataset import MNIST_TRAINING_SHA256
from mnist_aug.errors import UserError
from mnist_aug.formatting import points, span
from mnist_aug.report import choosing, inputs, search, search_figures, studies, tuned
from mnist_aug.report.page import write
from mnist_aug.results import extras
from mnist_aug.results.runs import BOTH

pytest_plugins = "rendered"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return synthetic_results.write(
        tmp_path_factory.mktemp("r"),
        seeds=4,
        test=200,
        bench=False,
        samples=False,
        studies=("compare", "tuned"),
    )


@pytest.fixture(scope="module")
def read(folder):
    content = comparison.load(folder)
    searches, left_out = search.read(folder, content)
    found, others = studies.read(folder, content, search.best_settings(searches))
    assert left_out == others == []
    return content, searches, study_runs([*found["tuned"].values()], content), found["tuned"]


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "results")


def section(results):
    """The section on choosing a policy, and what it is made of."""
    content = comparison.load(results)
    given = inputs.read(results, content)
    return choosing.section(content, given), given


def text(made) -> str:
    """All prose of a section, what is folded and captions, too."""
    return " ".join(block.text for block in made.blocks if block.kind != "heading")


def left_out(results) -> str:
    return "\n".join(inputs.read(results, comparison.load(results)).left_out)


def change(results, model, policy_file=None, **about):
    """Write what was found for a model again, changed."""
    place = extras.search_folder(results)
    found = extras.read_search(place, model)
    kept = {key: value for key, value in found.about.items() if key not in ("format", "files")}
    if policy_file is None and "pipeline" in kept:
        policy_file = (place / extras.BEST_POLICY).read_bytes()
    extras.write_search(place, replace(found, about=kept | about), policy_file)


def accuracy(results, *place: str) -> np.ndarray:
    scores = pd.read_csv(results.joinpath(*place) / "metrics.csv")
    return scores[scores["eval_set"] == "test"].set_index("seed")["accuracy"].to_numpy()


def test_the_best_so_far_counts_whole_trials_alone(read):
    content, searches, *_ = read
    drawn = search_figures.history(list(searches.values()), content)
    frame = drawn.table.frame.set_index(["variant", "trial"])["best_so_far"]
    assert frame["baseline"].tolist() == [0.93, 0.93, 0.96, 0.96, 0.96]
    assert frame["augmented"].tolist() == [0.5, 0.95, 0.99, 0.99, 0.99]
    assert "augmented: 5 trials, 1 pruned; the best is trial 2, 99.00 %" in drawn.alt
    # The axes start at 0.99 - 4 * 0.065 = 0.73, as the middle of the whole trials is 0.925, and at
    # the baseline's own mean, which is less than 0.96 - 4 * 0.005; a trial is below each.
    means = runs_of_both(content).frame.groupby("variant")["validation"].mean()
    assert 0.8 < means["baseline"] < 0.94
    assert "<title>baseline, trial 1, pruned: 80.00 %</title>" in drawn.svg
    assert "below axis" in drawn.svg


def test_gains_are_differences_of_means(folder, read):
    content, searches, runs, variants = read
    table = tuned.gains(runs, content, variants)
    frame = table.frame.set_index(["first", "second"])
    assert list(frame.index) == list(tuned.PAIRS)
    for pair in tuned.PAIRS:
        first, second = (
            accuracy(folder, *((name,) if name in BOTH else ("tuned", name))).mean()
            for name in pair
        )
        assert frame.loc[pair, "test"] == pytest.approx(second - first)
        assert frame.loc[pair, "test_low"] < second - first < frame.loc[pair, "test_high"]
    row = frame.loc[tuned.BOTH_TUNED]
    facts = tuned.facts(table, runs, searches, content, variants)
    assert facts["both"]["difference"] == row["test"]
    assert (facts["both"]["low"], facts["both"]["high"]) == (row["test_low"], row["test_high"])
    assert (
        text(section(folder)[0]).count(
            "With both models tuned by 5 trials each, augmentation changes test accuracy by "
            f"{points(row['test'])} pp ({span(row['test_low'], row['test_high'])}). "
        )
        == 1
    )


def test_the_best_of_all_is_by_validation(folder, read):
    content, searches, runs, variants = read
    table = tuned.gains(runs, content, variants)
    what = table.display.iloc[:, 0]
    assert "default policy → tuned policy, layer width and learning rate tuned" in [*what]
    best = replace(runs, frame=runs.frame.copy())
    best.frame.loc[best.frame["variant"] == "tuned-training", "validation"] = 0.97
    reached, plain = (
        accuracy(folder, "tuned", f"tuned-{n}").mean() for n in ("training", "baseline")
    )
    facts = tuned.facts(table, best, searches, content, variants)["best"]
    assert facts["name"] == "the default policy with layer width and learning rate tuned"
    assert facts["validation"] == pytest.approx(0.97)
    assert facts["test"] == pytest.approx(reached)
    assert facts["difference"] == pytest.approx(reached - plain)
    assert facts["low"] < facts["difference"] < facts["high"]
    best.frame.loc[best.frame["variant"] == "tuned-baseline", "validation"] = 0.99
    facts = tuned.facts(table, best, searches, content, variants)["best"]
    assert facts == {
        "name": "the tuned baseline",
        "is_tuned": True,
        "validation": pytest.approx(0.99),
        "test": pytest.approx(plain),
    }


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


def test_what_remains_of_the_search(folder, read):
    content, searches, runs, _ = read
    table = tuned.kept(searches, runs)
    frame = table.frame.set_index("variant")
    row = frame.loc["tuned-augmented"]
    assert row["search"] == 0.99
    assert row["search_sd"] == pytest.approx(0.02 / 2**0.5)
    assert row["test"] == pytest.approx(accuracy(folder, "tuned", "tuned-augmented").mean())
    assert np.isnan(frame.loc["augmented", "search"])
    facts = tuned.kept_facts(table, searches, runs)[1]
    own = frame.loc["augmented", "validation"]
    gain = runs.difference("augmented", "tuned-augmented")
    assert gain[0] == pytest.approx(row["test"] - accuracy(folder, "augmented").mean())
    assert facts["gain"] == pytest.approx(0.99 - own)
    assert facts["again"] == pytest.approx(row["validation"] - own)
    assert (facts["difference"], facts["low"], facts["high"]) == gain
    # Trial 2 of 5 is not among the last.
    assert (facts["settings"], facts["late"]) == (len(searches["augmented"].settings), None)
    last = replace(searches["augmented"], about=searches["augmented"].about | {"trial": 4})
    (late,) = tuned.kept_facts(table, {"augmented": last}, runs)
    assert (late["late"], late["best"]) == (5, 4)
    # Numbers have gaps where a trial was stopped: here one, before the last.
    trials = last.trials.assign(trial=last.trials["trial"].replace(4, 5))
    gap = replace(last, about=last.about | {"trial": 5}, trials=trials)
    (late,) = tuned.kept_facts(table, {"augmented": gap}, runs)
    assert (late["late"], late["best"]) == (5, 5)
    both = runs_of_both(content)
    bare = tuned.kept_facts(tuned.kept(searches, both), searches, both)[0]
    assert (bare["again"], bare["share"]) == (None, None)


@pytest.mark.parametrize(
    ("again", "found", "share"),
    [(0.951, 0.954, 0.25), (0.955, 0.954, 1), (0.94, 0.954, 0), (0.951, 0.948, None)],
)
def test_the_share_that_remains(read, again, found, share):
    _, searches, runs, _ = read
    frame = runs.frame.copy()
    frame.loc[frame["variant"] == "augmented", "validation"] = 0.95
    frame.loc[frame["variant"] == "tuned-augmented", "validation"] = again
    own = searches["augmented"]
    one = {"augmented": replace(own, about=own.about | {"validation": found})}
    runs = replace(runs, frame=frame)
    (facts,) = tuned.kept_facts(tuned.kept(one, runs), one, runs)
    assert facts["share"] == (None if share is None else pytest.approx(share))


def test_settings_next_to_those_that_the_search_started_from(read):
    display = search.settings(read[1]).display.set_index("setting")
    assert display.pop("tried")["learning rate"] == "0.0005 to 0.004"
    assert display.loc["learning rate"].tolist() == ["0.001", "0.002", "0.001", "0.002"]
    assert display.loc["layer width"].tolist() == ["128", "256", "128", "256"]
    assert display.loc["rotation (± degrees)"].tolist() == ["—", "—", "12", "2"]
    assert display.loc["scale (1 ±)"].tolist() == ["—", "—", "0.1", "0.04"]
    assert display.loc["elastic alpha"].tolist() == ["—", "—", "50", "0"]
    assert display.loc["elastic sigma"].tolist() == ["—", "—", "4", "—"]  # no matter without alpha
    assert display.loc["noise"].tolist() == ["—", "—", "no", "yes"]


def test_best_values_at_an_end_of_what_was_searched_are_named(read):
    own = read[1]["augmented"]
    names = ["width", "scale", "learning_rate", "rotate_degrees", "noise"]
    best = own.about["trial"]
    rows = {  # of three trials; the first is the best
        "width": [256, 64, 256],
        "scale": [0.02, 0.2, 0.1],  # the least, by a single trial
        "learning_rate": [0.002, 0.001, 0.003],
        "rotate_degrees": [0, 0, 20],  # none at all is no end
        "noise": [True, False, True],
    }
    trials = pd.DataFrame({"trial": [best, best + 1, best + 2], "pruned": False, **rows})
    trials = pd.concat([trials, trials.tail(1).assign(width=128, trial=best + 3)])
    few = replace(own, trials=trials)
    assert few.settings == names
    assert search.at_an_end(few) == ["width"]
    tried = search.settings({"augmented": few}).display.set_index("setting")["tried"]
    assert tried["layer width"] == "64 to 256"
    assert tried["noise"] == "no, yes"


def test_no_one_value_of_an_odd_policy():
    def own(setting, *transforms):
        return search._own({"policy": {"pipeline": {"transforms": transforms}}}, setting)

    lopsided = {"__class_fullname__": "Affine", "rotate": [-5, 9], "shear": {"x": [-3, 3]}}
    assert own("rotate_degrees", lopsided) is None
    assert own("shear_degrees", lopsided) == 3
    assert own("translate", lopsided) is None
    assert own("rotate_degrees", {"__class_fullname__": "OneOf", "transforms": []}) is None
    assert own("elastic_alpha", lopsided) == 0


def test_without_studies_there_is_no_section(small):
    assert "choosing" not in small.sections


@pytest.mark.parametrize(
    "gone",
    [
        ["tune"],
        ["tuned/tuned-augmented"],
        *(
            pytest.param(gone, marks=pytest.mark.torture)
            for gone in (
                ["tuned"],
                ["tune/baseline.json", "tune/baseline.csv"],
                ["tuned/tuned-policy", "tuned/tuned-baseline"],
                ["compare/affine", "compare/mine.yaml"],
            )
        ),
    ],
)
@pytest.mark.usefixtures("undrawn")
@pytest.mark.filterwarnings("error")
def test_any_part_may_be_missing(copy, gone):
    for name in gone:
        path = copy / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    found, given = section(copy)
    shown = " ".join([text(found), *(one.display.to_csv() for one in found.tables)])
    assert "nan" not in shown
    assert len(given.left_out) == gone[0].startswith("tune/")  # the runs of that search
    drawn = {figure.name for figure in found.figures}
    assert ("search-history" in drawn) == ("search-importance" in drawn) == (gone != ["tune"])
    assert ("search-baseline" in drawn) == (not gone[0].startswith("tune/") and gone != ["tune"])


@pytest.mark.usefixtures("undrawn")
def test_one_seed_and_few_trials(tmp_path):
    results = synthetic_results.write(
        tmp_path,
        seeds=1,
        test=60,
        bench=False,
        samples=False,
        studies=("compare", "tuned"),
    )
    place = extras.search_folder(results)
    policy_file = (place / extras.BEST_POLICY).read_bytes()
    for model in BOTH:
        found = extras.read_search(place, model)
        about = {k: v for k, v in found.about.items() if k not in ("format", "files")}
        bare = replace(found, about=about, importance=found.importance[:0])
        extras.write_search(place, bare, policy_file if "pipeline" in about else None)
    found, _ = section(results)
    assert " pp (one seed, so no CI)." in text(found)
    assert "nan" not in text(found)
    assert "search-importance" not in {figure.name for figure in found.figures}
    assert "by fANOVA" not in text(found)


@pytest.mark.parametrize(
    ("about", "reason"),
    [
        ({"dataset": MNIST_TRAINING_SHA256}, "it is of another dataset"),
        ({"epochs": 3}, "its trials have 3 epochs, augmented has 5"),
        ({"start": {"batch_size": 64}}, "it started from other settings"),
    ],
)
def test_a_search_unlike_the_model_is_left_out(copy, about, reason):
    change(copy, "augmented", **about)
    searches, sentences = search.read(copy, comparison.load(copy))
    assert [*searches] == ["baseline"]
    assert sentences == [
        f"The search for augmented is left out, as {reason}: `make tune` with the settings of "
        "baseline and augmented makes it anew."
    ]


@pytest.mark.parametrize("part", ["learning rate", "policy"])
def test_runs_of_an_older_search_are_left_out(copy, part):
    if part == "learning rate":
        layers = synthetic_results.FOUND["layers"]
        new = {"learning_rate": 0.003, "layers": layers, "policy": "tuned.yaml"}
        change(copy, "augmented", changed=new)
    else:
        pipeline = synthetic_results.POLICY["pipeline"] | {"p": 0.6}
        change(copy, "augmented", policy_file=b"{}", pipeline=pipeline)
    assert "The study tuned is left out, as the search has found other settings since" in (
        left_out(copy)
    )


@pytest.mark.usefixtures("undrawn")
def test_a_variant_that_the_search_no_longer_has_is_left_out(copy):
    change(copy, "augmented", changed={"policy": "tuned.yaml"})
    for path in (copy / "tuned" / "tuned-augmented").glob("seed-*/manifest.json"):
        manifest = json.loads(path.read_text())
        manifest["variant"] |= {"learning_rate": 0.001, "layers": [128, 128]}
        path.write_text(json.dumps(manifest))
    synthetic_results.sign(copy)
    found, given = section(copy)
    assert given.left_out == [
        "The variant tuned-training of the study tuned is left out, as no search in these "
        "results found its settings: delete its folder, or search again (`make tune`)."
    ]
    (gains,) = (table for table in found.tables if table.name == "search-gains")
    pairs = {*gains.frame[["first", "second"]].itertuples(index=False, name=None)}
    assert tuned.POLICY in pairs
    assert tuned.REST not in pairs


def test_the_policy_of_an_older_search_is_not_that_of_one_without(copy):
    place = extras.search_folder(copy)
    found = extras.read_search(place, "augmented")
    about = {k: v for k, v in found.about.items() if k not in ("format", "files", "pipeline")}
    about |= {
        "changed": synthetic_results.FOUND,
        "searched": ["learning_rate", "schedule", "width"],
    }
    extras.write_search(place, replace(found, about=about), None)
    reasons = left_out(copy)
    assert "The study tuned is left out, as the search has found other settings since" in reasons
    assert "The variant tuned-policy of the study tuned is left out" in reasons


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        (name, damage)
        for name in ("augmented.json", "baseline.csv", "augmented-importance.csv", "tuned.yaml")
        for damage in ("changed", "missing")
        if (name, damage) != ("augmented.json", "missing")  # a search that has not ended
    ],
)
def test_damaged_files_are_named_with_the_remedy(copy, tmp_path, name, damage):
    path = copy / "tune" / name
    if damage == "missing":
        path.unlink()
    else:
        path.write_text(path.read_text().replace("0", "1"))
    with pytest.raises(UserError) as error:
        write(copy, tmp_path / "reports")
    assert str(path) in str(error.value)
    assert "`make tune`" in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "reports").exists()


def test_how_to_rebuild(full, read):
    commands = full.sections["setup"].facts["commands"]
    tune = "make tune DATA=path/to/data SEEDS=2 EPOCHS=5 POLICY=default TRIALS=5"
    assert commands.count(tune) == 1
    assert sum(command.startswith("make tune DATA") for command in commands) == 1
    assert commands.index(tune) < commands.index("make tuned DATA=path/to/data SEEDS=5 EPOCHS=5")
    policies = 'POLICIES="affine path/to/mine.yaml mixup:0.2"'
    assert f"make compare {policies} DATA=path/to/data SEEDS=5 EPOCHS=5" in commands
    assert commands[-1].startswith("make report DATA=path/to/data SEEDS=5")
    found = read[1]["augmented"]
    policy_alone = replace(found, about=found.about | {"searched": ["policy"]})
    commands = search.commands({"augmented": policy_alone}, "path/to/data", "default")
    assert commands == [f"{tune} SEARCH=policy"]


def test_both_tuned_models_on_corrupted_images(folder, full):
    pair = tuned.BOTH_TUNED
    assert tuned.on_corrupted(studies_of(folder), pair) == {}  # they were not evaluated there
    own = studies_of(full.results)
    found = tuned.on_corrupted(own, pair)
    known = robustness.trained_on(own[pair[1]].settings["policy"])
    words = []
    for part, like in (("like", True), ("unlike", False)):
        scores = [own[name].scores.filter(like="corruption/") for name in pair]
        names = [name for name in scores[0] if (name.partition("/")[2] in known) == like]
        first, second = (one[names].to_numpy().mean() for one in scores)
        group = found[part]
        assert group["types"] == len(names)
        assert np.isclose(group["difference"], second - first)
        assert group["low"] < group["difference"] < group["high"]
        words.append(f"{points(second - first)} pp ({span(group['low'], group['high'])})")
    assert (found["like"]["types"], found["unlike"]["types"]) == (1, 2)
    assert (
        f", and accuracy on corrupted images by {words[0]} in the type like its transforms and by "
        f"{words[1]} in the mean of the 2 others."
    ) in full.text.replace("\\", "")


def studies_of(results):
    content = comparison.load(results)
    return inputs.read(results, content).evaluated["tuned"]
