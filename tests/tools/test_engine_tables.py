"""The tables of docs/engine.md: where they go, and that the speed measurement measures the same."""

from pathlib import Path

import numpy as np
import pytest

from mnist_aug import vectorize
from mnist_aug.errors import UserError
from tools import evidence, speed

PAGE = Path(__file__).parents[2] / "docs" / "engine.md"


def test_tables_are_put_between_their_markers(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- speed -->\nold\n<!-- end -->\nz\n<!-- stages -->\n<!-- end -->\n")
    evidence.write(page, {"speed": "| new |", "stages": "| s |"})
    assert page.read_text() == (
        "a\n<!-- speed -->\n| new |\n<!-- end -->\nz\n<!-- stages -->\n| s |\n<!-- end -->\n"
    )


def test_a_page_without_a_place_is_named(tmp_path):
    with pytest.raises(UserError, match="page"):
        evidence.write(tmp_path / "page.md", {"speed": ""})
    (tmp_path / "page.md").write_text("nothing")
    with pytest.raises(UserError, match="place for the table speed"):
        evidence.write(tmp_path / "page.md", {"speed": ""})


def test_the_page_holds_a_row_for_every_difference_and_case():
    text = PAGE.read_text()
    for difference in evidence.differences.ALL:
        assert difference.__doc__.splitlines()[0] in text
    assert text.count("% | ") >= 2 * len(evidence.agreement.cases())


def test_stages_add_up_to_the_whole():
    rows = speed.stages(repeats=3)
    times = [time for time, _ in rows.values()]
    assert sum(times[:-1]) == pytest.approx(times[-1])
    assert min(times[:-2]) > 0


def test_graph_operations_augment_like_the_engine():
    images = speed._images(2000)
    graph = speed.graph_augment(images, 0).numpy().astype(float)
    ours = vectorize(speed.POLICY)(images, (0, 0, 0)).astype(float)
    assert graph.mean() == pytest.approx(ours.mean(), rel=0.01)
    assert np.abs(graph.mean(0) - ours.mean(0)).max() < 6
    assert np.abs(graph.std(0) - ours.std(0)).max() < 6
