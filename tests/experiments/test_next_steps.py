"""What commands say at their end: what they found, and a command that can be pasted."""

import re
import shlex
from argparse import Namespace
from pathlib import Path

import pytest
import synthetic_results
from conftest import PROJECT

from mnist_aug import notes
from mnist_aug.analysis import comparison
from mnist_aug.data.dataset import FASHION_SHA256
from mnist_aug.experiments import next_steps
from mnist_aug.experiments.next_steps import DEFAULTS


@pytest.fixture(autouse=True)
def outside(monkeypatch):
    """As in a script that no make runs."""
    for name in (notes.SAID, *DEFAULTS):
        monkeypatch.delenv(name, raising=False)


def options(results, **given):
    """What a script without other options makes of its arguments."""
    usual = dict.fromkeys(("seeds", "epochs", "policy", "model", "margin"))
    places = {"results": Path(results), "reports": Path("reports")}
    return Namespace(**{"data": "mnist", "transpose": False} | usual | places | given)


def test_the_defaults_are_those_of_the_makefile():
    text = (PROJECT / "Makefile").read_text()
    assert {name: re.search(rf"^{name} \?= ?(.*?)##", text, re.M)[1] for name in DEFAULTS} == (
        DEFAULTS
    )


def test_every_target_is_one():
    text = (PROJECT / "Makefile").read_text()
    assert {*next_steps.WHY} <= {*re.findall(r"^([a-z-]+):.*## ", text, re.M)}


def write(tmp_path, seeds=5, studies=(), **given):
    results = tmp_path / "results"
    synthetic_results.write(
        results, seeds=seeds, samples=False, bench=False, studies=studies, epochs=15, **given
    )
    return results


def following(results, **given):
    content = comparison.load(results)
    return next_steps.after_report(content, results, options(results, **given))


@pytest.mark.parametrize(
    ("studies", "target"),
    [
        ((), "strength"),
        (("strength",), "compare"),
        (("strength", "compare"), "data-efficiency"),
        (("strength", "compare", "data-efficiency"), "tune"),
        (("strength", "compare", "data-efficiency", "tuned"), "leaderboard"),
    ],
)
def test_the_next_command_is_what_the_results_lack(tmp_path, studies, target):
    results = write(tmp_path, studies=studies)
    line = following(results)
    assert line.startswith(f"next, {next_steps.WHY[target]}: make {target} ")
    assert line.endswith(f" RESULTS={results}")


def test_few_seeds_come_first(tmp_path):
    results = write(tmp_path, seeds=3)
    assert "confidence interval: make report SEEDS=5 RESULTS=" in following(results)


def test_what_a_search_found_is_tried_next(tmp_path):
    results = write(tmp_path, studies=("strength", "compare", "data-efficiency"))
    synthetic_results.write_search(results)
    assert ": make tuned RESULTS=" in following(results)


def test_a_study_that_cannot_be_is_not_advised(tmp_path):
    """That of strength is of the default policy, and few images can't be fewer."""
    policy = synthetic_results.named("mild")
    results = write(tmp_path, policy=policy)
    assert ": make compare POLICY=mild RESULTS=" in following(results)


def test_the_settings_of_the_results_are_kept(tmp_path):
    """A report without options goes by any, and make without variables by the defaults."""
    results = write(tmp_path, seeds=6, name="digits")
    line = following(results, reports=Path("other pages"), margin=0.002)
    assert line.endswith(
        f": make strength DATA=digits SEEDS=6 RESULTS={results} REPORTS='other pages' MARGIN=0.2"
    )


def test_under_make_the_variables_are_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv(notes.SAID, ".make/said.1")
    monkeypatch.setenv("DATA", "it's $HOME")
    monkeypatch.setenv("EXTRA", "x")
    monkeypatch.setenv("SEEDS", DEFAULTS["SEEDS"])
    given = options("results", data="it's $HOME")
    line = next_steps.line("compare", given)
    words = shlex.split(line.split(": ")[1])
    assert words == ["make", "compare", "DATA=it's $HOME", "EXTRA=x"]
    assert next_steps.line("leaderboard", given).endswith(": make leaderboard")
    assert next_steps.line("tune", given).endswith(" SEEDS=3 EXTRA=x")


def test_a_target_may_have_a_folder_data_and_a_model_of_its_own(monkeypatch):
    """As those of the reference have, whose variables name what lies around theirs."""
    monkeypatch.setenv(notes.SAID, ".make/said.1")
    monkeypatch.setenv("RESULTS", "rebuilt")
    line = next_steps.line("strength", options("rebuilt/fashion", data="fashion", model="cnn"))
    assert line.endswith(": make strength DATA=fashion MODEL=cnn RESULTS=rebuilt/fashion")


def test_accuracy_is_given_in_per_cent_with_its_spread(tmp_path):
    results = write(tmp_path, seeds=3)
    content = comparison.load(results)
    reached = next_steps.reached(content)
    for variant in content.both:
        mean, sd = 100 * variant.accuracy.mean(), 100 * variant.accuracy.std(ddof=1)
        assert f"{variant.name} {mean:.2f} ± {sd:.2f} %" in reached
    assert reached.endswith("(3 seeds)")
    *lines, last = next_steps.after_training(["baseline"], 3, options(results))
    accuracy = [100 * run.validation_accuracy for run in content.variants["baseline"].runs]
    assert lines[0].startswith(f"baseline: validation accuracy {sum(accuracy) / 3:.2f} ± ")
    assert lines[0].endswith(f" % (3 runs), in {results / 'baseline'}")
    assert last == f"next, evaluation and the report: make report RESULTS={results}"


def test_a_dataset_is_named_as_data_takes_it(tmp_path):
    """Fashion-MNIST's own name is not that of its download."""
    results = write(tmp_path, name="fashion-mnist", sha256=FASHION_SHA256)
    assert ": make strength DATA=fashion_mnist RESULTS=" in following(results)
