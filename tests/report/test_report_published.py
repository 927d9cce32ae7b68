"""The report's part on published results, against values worked out by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import synthetic_results
from scipy import stats

from mnist_aug.analysis import comparison
from mnist_aug.experiments.published import DROPPED, ENSEMBLES, ROWS
from mnist_aug.formatting import points
from mnist_aug.report import appendix, published, published_elsewhere, recipes
from mnist_aug.report.inputs import Inputs

pytest_plugins = "rendered"

ERRORS = {
    "small": [0.02, 0.03, 0.04],
    "simard-none": [0.005, 0.005, 0.01],
    "simard-affine": [0.05, 0.05, 0.055],
    "simard-elastic": [0.005, 0.01],
}


def written(folder, errors, **options):
    results = synthetic_results.write(
        folder, other_sets=True, samples=False, bench=False, **options
    )
    synthetic_results.write_published(results, errors, **options)
    return results


def read(results):
    """The comparison in the folder, what is published with it, and what is left out."""
    content = comparison.load(results)
    return content, *published.read(results, content)


@pytest.fixture(scope="module")
def reached(tmp_path_factory):
    results = written(tmp_path_factory.mktemp("r"), ERRORS | {"ensemble": [0.015]})
    synthetic_results.write_recipes(
        results,
        {
            "plain-rate0.002-decay0.1": [0.91, 0.92],
            "plain-rate0.004-decay0.1": [0.93, 0.92],
            "long": [0.95, 0.95],
            "long-no-decay": [0.93, 0.94],
            "long-no-warmup": [0.95, 0.96],
        },
    )
    content, found, left_out = read(results)
    assert left_out == []
    return content, found


def test_errors_with_their_intervals(reached):
    content, found = reached
    frame = published.table(found, content).frame.set_index("row")
    assert [*frame.index] == [*ROWS, "ensemble"]
    for name, errors in ERRORS.items():
        row, half = frame.loc[name], stats.t.ppf(0.975, len(errors) - 1) * stats.sem(errors)
        np.testing.assert_allclose(
            [row.error, row.low, row.high],
            [np.mean(errors), max(0, np.mean(errors) - half), np.mean(errors) + half],
            atol=1e-12,
        )
        assert row.parameters == 118282
    seconds = [8.0, 8.1, 8.2]
    assert np.isclose(frame.loc["small", "minutes"], np.mean(seconds) / 60)
    ensemble = frame.loc["ensemble"]
    assert (ensemble.seeds, ensemble.parameters) == (1, 3 * 118282)
    assert np.isclose(ensemble.minutes, sum(seconds) / 60)
    # Wilson 1927, for 3 of 200
    z = stats.norm.ppf(0.975)
    centre, half = (
        (3 + z * z / 2) / (200 + z * z),
        z / (200 + z * z) * np.sqrt(3 * 197 / 200 + z * z / 4),
    )
    np.testing.assert_allclose([ensemble.low, ensemble.high], [centre - half, centre + half])


def test_what_was_not_run_is_estimated_by_its_parameters(reached):
    content, found = reached
    table = published.table(found, content)
    row = table.frame.set_index("row").loc["ciresan-5"]
    assert np.isnan(row.error)
    assert row.parameters == sum(
        (a + 1) * b
        for a, b in ((784, 2500), (2500, 2000), (2000, 1500), (1500, 1000), (1000, 500), (500, 10))
    )
    epochs = ROWS["ciresan-5"].variant.epochs
    assert np.isclose(row.minutes, 8.1 / 60 * epochs / 5 * row.parameters / 118282)
    display = table.display.set_index("row").loc["ciresan-5"]
    assert display["here, %"] == "not run"
    assert display["min per run"].startswith("about ")


def test_errors_against_the_published_ones(reached):
    content, found = reached
    facts = published.facts(published.table(found, content), found, content)
    assert facts["compared"] == 3
    assert facts["not_run"][-1] == "ciresan-5"
    text = text_of(content, found)
    assert facts["verdicts"] == {
        "lower": ["simard-none"],
        "within": ["simard-elastic"],
        "higher": ["simard-affine"],
    }
    assert (
        "Of 3 rows with a published error, 1 has the same or a lower one here; simard-elastic is "
        "above it, within one of the CIs; simard-affine is above it, beyond both CIs."
    ) in text
    assert "Published errors are from" in text
    assert all(one.source in text for one in (*ROWS.values(), *ENSEMBLES.values()))
    # Wilson 1927, for 1.6 % of 200 images
    table = published.table(found, content)
    row = table.frame.set_index("row").loc["simard-none"]
    expected = stats.binomtest(3, 200).proportion_ci(method="wilson")
    np.testing.assert_allclose([row.published_low, row.published_high], expected)
    display = table.display.set_index("row")["published, % (95 % CI)"]
    assert display["simard-none"].startswith("1.60 (0.51")
    assert display["small"] == "—"
    assert "with TTA, %" not in table.display
    assert (
        "ensemble averages the probabilities of 3 runs of small. Each row was evaluated on the "
        "test images once. But an earlier recipe had been evaluated there for small, "
        "simard-affine and simard-elastic, before theirs was chosen on validation images."
    ) in text


def test_test_time_augmentation_has_a_column_of_its_own(tmp_path):
    results = written(tmp_path, {"small": [0.02, 0.03], "simard-none": [0.01]})
    path = results / "published/small/metrics.csv"
    metrics = pd.read_csv(path)
    views = metrics[metrics["eval_set"] == "test"].assign(
        eval_set="tta/test", accuracy=[0.985, 0.975]
    )
    pd.concat([metrics, views]).to_csv(path, index=False)
    synthetic_results.sign(results / "published")
    content, found, _ = read(results)
    table = published.table(found, content)
    assert [*table.display.set_index("row")["with TTA, %"][["small", "simard-none"]]] == [
        "2.00",
        "—",
    ]
    assert "16 views of it by policy affine" in table.note


def text_of(content, found):
    """What the section says."""
    given = Inputs(None, None, None, {}, {}, found, [])
    return " ".join(block.text for block in appendix.section(content, given).blocks)


def test_the_figure_has_both_errors(reached):
    content, found = reached
    figure = published.figure(published.table(found, content), content)
    assert "simard-none: 0.67 %, published 1.60 %." in figure.alt
    assert "<title>simard-none, published: 1.60 %</title>" in figure.svg
    assert "<title>small: 3.00 % (95 % CI 0.52 to 5.48)</title>" in figure.svg
    # The CI of simard-elastic's two seeds reaches 0, where a logarithmic axis does not.
    assert "bar ends further left" in figure.svg
    table = published.table(found, content)
    shown = table.frame[table.frame["low"] > 0]
    assert "further left" not in published.figure(replace(table, frame=shown), content).svg


def test_elsewhere_than_on_the_clean_test_images(reached):
    content, found = reached
    table = published_elsewhere.table(found, content)
    frame = table.frame.set_index("row")
    assert [*frame.index] == [
        "baseline",
        "augmented",
        "small",
        "simard-none",
        "simard-affine",
        "simard-elastic",
        "ensemble",
    ]
    augmented = content.both[1].scores.filter(regex="^corruption/").mean(axis=1)
    own = pd.Series([0.45, 0.455, 0.46])
    expected = stats.ttest_ind(own, augmented, equal_var=False).confidence_interval()
    row = frame.loc["small"]
    np.testing.assert_allclose(
        [row.corrupted, row.corrupted_difference, row.corrupted_low, row.corrupted_high],
        [0.455, 0.455 - augmented.mean(), *expected],
    )
    assert np.isnan(frame.loc["ensemble", "corrupted_low"])
    shown = table.display.set_index("row").loc["ensemble", "difference, pp (95 % CI)"]
    assert shown == points(frame.loc["ensemble", "corrupted_difference"])
    facts = published_elsewhere.facts(table, content)
    worse = ["small", "simard-none", "simard-elastic"]
    assert facts["worse"][0] == {"images": "corrupted images", "rows": worse}
    assert facts["better"] == ["digits of other datasets"]
    assert (
        "Detectably worse than augmented on corrupted images, despite a lower test error: small, "
        "simard-none and simard-elastic."
    ) in text_of(content, found)
    frame = table.frame.copy()
    frame["corrupted_low"] += 1
    frame["corrupted_high"] += 1
    facts = published_elsewhere.facts(replace(table, frame=frame), content)
    assert facts["better"] == ["corrupted images", "digits of other datasets"]
    assert (facts["tight"], facts["loose"]) == ([], pytest.approx(1 / 3))
    assert content.both[1].accuracy.mean() < 0.97  # so that these three are better on clean images


def test_recipes_are_compared_within_their_kind(reached):
    table = recipes.table(reached[1])
    frame = table.frame.set_index("recipe")
    assert frame.loc["plain-rate0.002-decay0.1", "against"] == "plain-rate0.004-decay0.1"
    assert np.isclose(frame.loc["plain-rate0.002-decay0.1", "difference"], 0.01)
    assert np.isclose(frame.loc["long-no-decay", "difference"], 0.015)
    assert frame.loc["long-no-warmup", "against"] == "long"
    facts = recipes.facts(table)
    assert facts["largest"]["recipe"] == "long-no-decay"
    # Of six recipes two change one thing, and two seeds can't show that it matters.
    assert (facts["changed"], facts["less"], facts["more"]) == (2, [], [])
    assert not facts["flattered"]
    text = text_of(*reached)
    said = "none of the 2 changes is detectably different from its reference (2 seeds each); the "
    assert said + "largest difference in error is that of long-no-decay, +1.50 pp (" in text
    p = f"{facts['largest']['holm_p']:.2g}"
    assert f", individual 95 % CI; Holm's p {p}." in text
    # No exceptions, as all that there are change one thing.
    assert "long is a further starting point. The others change one thing in one of these. " in text
    assert all(dropped in text for dropped in DROPPED)


def test_changes_that_matter_are_named(tmp_path):
    results = written(tmp_path, {"small": [0.02, 0.03]})
    accuracies = {
        "long": [0.95, 0.951, 0.952, 0.95],
        "long-no-decay": [0.85, 0.851, 0.852, 0.85],
        "long-no-warmup": [0.98, 0.981, 0.982, 0.98],
    }
    synthetic_results.write_recipes(results, accuracies)
    content, found, _left_out = read(results)
    facts = recipes.facts(recipes.table(found))
    assert (facts["less"], facts["more"]) == (["long-no-warmup"], ["long-no-decay"])
    assert "long-no-warmup lowers the error and long-no-decay raises it, of 2 changes." in text_of(
        content, found
    )


def test_the_report_holds_all_of_it(full):
    assert "## A Published results" in full.text
    rows = "recipes,small,simard-elastic,ensemble"
    commands = full.sections["setup"].facts["commands"]
    assert f"make published DATA=path/to/data ROW={rows}" in commands
    for name in ("published", "published-elsewhere", "recipes"):
        assert (full.reports / "tables" / f"{name}.csv").exists()


def test_rows_of_another_dataset_are_left_out(tmp_path):
    results = written(tmp_path, {"small": [0.02, 0.03], "ensemble": [0.02]})
    for path in results.glob("published/small/*/manifest.json"):
        path.write_text(path.read_text().replace("ab" * 32, "ff" * 32))
    synthetic_results.sign(results / "published")
    _content, found, left_out = read(results)
    assert found is None
    assert left_out == [
        "The row small is left out, as it is of another dataset: `make published` makes it anew."
    ]


def test_published_errors_are_of_mnist_alone(tmp_path):
    results = written(tmp_path, {"simard-none": [0.02, 0.03]}, name="letters")
    content, found, _left_out = read(results)
    table = published.table(found, content)
    assert table.frame["published"].isna().all()
    assert "0.15" not in text_of(content, found)


def test_a_pair_is_of_the_seeds_that_both_have(tmp_path):
    results = written(tmp_path, {"small-plain-15": [0.04, 0.05, 0.09], "small-15": [0.02, 0.03]})
    pair = published._pair(read(results)[1])
    assert (pair["plain"], pair["augmented"]) == (pytest.approx(0.045), pytest.approx(0.025))
    assert (pair["change"]["difference"], pair["seeds"]) == (pytest.approx(-0.02), 2)


def test_both_models_within_as_many_epochs_are_paired(tmp_path):
    results = written(
        tmp_path, {"small-plain-15": [0.04, 0.05, 0.06], "small-15": [0.02, 0.03, 0.025]}
    )
    content, found, _left_out = read(results)
    text = text_of(content, found)
    gains = np.array([-0.02, -0.02, -0.035])
    policy = published.table(found, content).frame.set_index("row").at["small-15", "policy"]
    low, high = stats.t.interval(0.95, 2, gains.mean(), stats.sem(gains))
    assert (
        "At 5 epochs, with learning rate and weight decay chosen for each model, the project's "
        "network has a test error of 5.00 % without augmentation and 2.50 % with policy "
        f"{policy}: "
        f"\N{MINUS SIGN}2.50 pp ({points(low)} to {points(high)}), n = 3 seeds."
    ) in text
