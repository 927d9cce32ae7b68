"""Accuracy against training time in the report."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
import synthetic_results

from mnist_aug.analysis import comparison
from mnist_aug.report import efficiency, inputs, pareto
from mnist_aug.report.templating import clipped

pytest_plugins = "rendered"


def right(errors: int, seeds: int = 2, images: int = 200) -> np.ndarray:
    return np.tile(np.arange(images) >= errors, (seeds, 1))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Baseline and augmented, `quick` and `slow`, and published results that took a minute."""
    results = synthetic_results.write(
        tmp_path_factory.mktemp("r"),
        seeds=2,
        samples=False,
        bench=False,
        correct={"baseline": right(20), "augmented": right(10)},
        studies=("epochs", "data-efficiency", "tuned", "variance"),
        seconds=120,
    )
    quick, slow = ({"test": right(errors), "validation": right(errors)} for errors in (12, 4))
    synthetic_results.write_policies(
        results, {"quick": quick, "slow": slow}, quick={"seconds": 30}, slow={"seconds": 600}
    )
    synthetic_results.write_published(
        results, {"small": [0.03, 0.03], "ensemble": [0.02]}, seconds=60
    )
    content = comparison.load(results)
    return content, inputs.read(results, content)


def test_the_table_has_all_that_was_trained_on_the_same_images(made):
    table = pareto.table(*made)
    frame = table.frame.set_index("name")
    assert {*frame["study"]} == {
        "main result",
        "compare",
        "epochs",
        "tuned",
        "published",
    }
    assert frame["minutes"].is_monotonic_increasing
    assert {
        *(
            "baseline",
            "augmented",
            "quick",
            "slow",
            "none, 20 epochs",
            "default, 20 epochs",
            "small",
        ),
        *("none, tuned", "tuned policy", "tuned policy, tuned settings"),
        "default, settings tuned",
    } == {*frame.index}
    display = table.display.set_index("trained")
    assert display.loc["quick", "time, s"] == "30.1"
    assert display.loc["quick", "test error ± SD, %"] == "6.00 ± 0.00"
    assert display.loc["small", "validation accuracy ± SD, %"] == "—"
    front = frame["on_front"]
    assert front["quick"]
    assert front["slow"]
    assert not front["baseline"]  # which quick beats


def test_the_front_has_its_conditions(made):
    content, given = made
    table = pareto.table(content, given)
    facts = pareto.facts(table, content, given)
    front = {row["name"]: row for row in facts["front"]}
    assert (front["quick"]["time"], front["slow"]["time"]) == ("30 s", "10 min")
    assert front["quick"]["error"] == pytest.approx(0.06)
    assert facts["machines"] == ["made-up processor, 2 cores"]
    assert facts["left_out"] == ["data-efficiency", "variance"]
    times = table.frame["minutes_most"] / table.frame["minutes_least"]
    text = " ".join(block.text for block in efficiency.section(content, given).blocks)
    assert "The Pareto front runs from quick (30 s, 6.00 % error) to slow (10 min, 2.00 %)." in text
    assert f"the slowest run took up to {times.max():.2f} times as long as the fastest" in text
    assert "left out (data-efficiency and variance)" in text
    assert "Published networks (appendix A)" in text


def test_times_that_vary_as_much_between_runs_of_one_variant_are_no_trade_off(made, monkeypatch):
    content, given = made
    facts = pareto.facts(pareto.table(content, given), content, given)
    for spread, said in ((19.0, False), (20.0, True)):  # from 30.1 s to ten minutes
        monkeypatch.setattr(pareto, "facts", lambda *_, own=spread: facts | {"spread": own})
        text = " ".join(block.text for block in efficiency.section(content, given).blocks)
        assert ("it shows no trade-off between time and accuracy" in text) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.5, "0.50 s"), (7.49, "7.5 s"), (59.9, "60 s"), (742, "12 min")]
)
def test_durations_have_the_unit_that_suits_them(seconds, said):
    assert pareto.duration(seconds) == said


def test_the_figure_names_what_is_on_the_front(made):
    content, given = made
    table = pareto.table(content, given)
    figure = pareto.figure(table, content)
    text = re.sub("<[^>]*>", " ", figure.svg)
    for name in table.frame["name"][table.frame["on_front"]]:
        assert clipped(name, pareto.NAME) in text
    for name in ("baseline", "augmented"):
        assert f">{name}<" in figure.svg
    assert "quick: 30 s, 6.00 %." in figure.alt
    assert "<title>quick (compare): 30 s, test error 6.00 %</title>" in figure.svg


def test_a_model_without_errors_can_be_drawn(tmp_path):
    results = synthetic_results.write(
        tmp_path,
        samples=False,
        bench=False,
        correct={"baseline": right(0), "augmented": right(0)},
    )
    content = comparison.load(results)
    table = pareto.table(content, SimpleNamespace(evaluated={}, reached=None))
    assert "baseline: 8.0 s, 0.00 %." in pareto.figure(table, content).alt
