"""Where the variance comes from, in the report."""

import re

import numpy as np
import pandas as pd
import pytest
import synthetic_results

from mnist_aug.analysis import comparison
from mnist_aug.analysis.variance import components
from mnist_aug.report import inputs, result, variance


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    results = synthetic_results.write(
        tmp_path_factory.mktemp("r"),
        seeds=4,
        samples=False,
        bench=False,
        studies=("variance",),
    )
    content = comparison.load(results)
    return content, inputs.read(results, content)


def split(monkeypatch, **difference):
    """What `components` gives: of the difference, a quarter of the variance from each source."""
    usual = {
        "seeds": 5,
        "resampled_seeds": 7,
        "mean": 0.98,
        "weights": 4e-6,
        "training": 1.2e-5,
        "test": 0.0,
        "weights_share": 0.25,
        "training_share": 0.75,
        "test_share": 0.0,
        "training_share_low": 0.2,
        "training_share_high": 0.9,
        "clipped": False,
        "low": 0.97,
        "high": 0.99,
    }
    ends = {"mean": 0.01, "low": -0.002, "high": 0.022}
    rows = [{"model": model} | usual for model in ("baseline", "augmented")]
    frame = pd.DataFrame([*rows, {"model": "difference"} | usual | ends | difference])
    monkeypatch.setattr(variance, "components", lambda *_: frame)


def test_the_table_is_of_the_components(made):
    content, given = made
    own = given.evaluated["variance"]
    table = variance.table(content, own)
    found = components(content, tuple(own[name] for name in variance.RESAMPLED))
    pd.testing.assert_frame_equal(table.frame, found)
    row = table.display.set_index("of").loc["baseline"]
    assert row["seeds, same and own images"] == "4, 4"
    sd = 100 * content.variants["baseline"].accuracy.std(ddof=1)
    shown = row["weights and order, SD in pp"]
    assert found.loc[0, "clipped"] or shown.startswith(f"{sd:.3f} (")


def said(content, given) -> list[str]:
    """The paragraphs below the heading of the variance."""
    blocks = result.section(content, given).blocks
    start = next(i for i, one in enumerate(blocks) if one.name == "variance")
    return [one.text for one in blocks[start:] if one.kind == "paragraph"]


def test_shares_and_the_interval_that_covers_all(made, monkeypatch):
    content, given = made
    split(monkeypatch)
    table = variance.table(content, given.evaluated["variance"])
    row = table.display.set_index("of").loc["difference"]
    assert row["weights and order, SD in pp"] == "0.200 (25 %)"
    assert row["training images, SD in pp"] == "0.346 (75 %)"
    assert row["mean (95 % CI), % or pp"] == "+1.00 (\N{MINUS SIGN}0.20 to +2.20)"
    text, how = said(content, given)
    assert text.startswith(
        "The training images cause an estimated 75 % of the variance of the difference (95 % CI 20 "
        "to 90 %, too wide to say whether they matter most). With other training images covered, "
        "too, the CI of the difference, here +1.00 pp, is \N{MINUS SIGN}0.20 to +2.20 pp."
    )
    assert "Nadeau and Bengio 2003" in how


@pytest.mark.parametrize(
    ("low", "high", "ends"),
    [(0.51, 0.99, "51 to 99 %: they matter most)."), (0.0, 0.49, "0 to 49 %: less than half).")],
)
def test_what_the_interval_of_the_share_allows_to_say(made, monkeypatch, low, high, ends):
    content, given = made
    split(monkeypatch, training_share_low=low, training_share_high=high)
    assert f"of the variance of the difference (95 % CI {ends}" in said(content, given)[0]


def test_a_part_that_is_taken_as_nought_is_said(made, monkeypatch):
    content, given = made
    shares = {"weights_share": 1.0, "training_share": 0.0}
    split(monkeypatch, clipped=True, training=0.0, **shares)
    text = " ".join(said(content, given))
    assert "The training images cause an estimated 0 % of the variance of the difference" in text
    assert (
        "Runs on training images of their own vary no more than the others for the difference, so"
    ) in text


@pytest.mark.parametrize(
    ("ends", "text"),
    [
        ((np.nan, np.nan), "Sources can't be separated with one seed"),
        ((0.01, 0.01), "there is no variance to split"),
    ],
)
def test_where_nothing_can_be_told(made, monkeypatch, ends, text):
    content, given = made
    parts = ("weights", "training", "test")
    gone = dict.fromkeys([*parts, *(f"{part}_share" for part in parts)], np.nan)
    split(monkeypatch, low=ends[0], high=ends[1], **gone)
    table = variance.table(content, given.evaluated["variance"])
    paragraphs = said(content, given)
    assert text in paragraphs[0]
    words = " ".join([*paragraphs, table.display.to_csv(), variance.figure(table, content).alt])
    assert "nan" not in words
    assert "not a number" not in words


def test_the_figure_has_a_bar_for_each(made, monkeypatch):
    content, given = made
    split(monkeypatch)
    table = variance.table(content, given.evaluated["variance"])
    figure = variance.figure(table, content)
    text = re.sub("<[^>]*>", " ", figure.svg)
    assert "SD 0.40 pp" in text
    assert "75 %" in text
    assert "difference: weights and order 25, training images 75, test images 0." in figure.alt


def test_a_part_where_both_models_are_there(made, monkeypatch):
    content, given = made
    assert "variance" in {table.name for table in result.section(content, given).tables}
    own = given.evaluated["variance"]
    alone = {"baseline-resampled": own["baseline-resampled"]}
    monkeypatch.setitem(given.evaluated, "variance", alone)
    section = result.section(content, given)
    assert "variance" not in {block.name for block in section.blocks}
