"""The tables of docs/engine.md: where they go, and what is in the page."""

from pathlib import Path

import pytest

from mnist_aug.errors import UserError
from tools import evidence, pipelines

PAGE = Path(__file__).parents[2] / "docs" / "engine.md"


def test_tables_are_put_between_their_markers(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- speed -->\nold\n<!-- end -->\nz\n<!-- rivals -->\n<!-- end -->\n")
    evidence.write(page, {"speed": "| new |", "rivals": "| s |"})
    assert page.read_text() == (
        "a\n<!-- speed -->\n| new |\n<!-- end -->\nz\n<!-- rivals -->\n| s |\n<!-- end -->\n"
    )


def test_a_page_without_a_place_is_named(tmp_path):
    with pytest.raises(UserError, match="page"):
        evidence.write(tmp_path / "page.md", {"speed": ""})
    (tmp_path / "page.md").write_text("nothing")
    with pytest.raises(UserError, match="place for the table speed"):
        evidence.write(tmp_path / "page.md", {"speed": ""})


def test_the_page_holds_a_row_for_every_difference_case_and_pipeline():
    text = PAGE.read_text()
    for difference in (*evidence.differences.ALL, *evidence.differences.JOINED):
        assert difference.__doc__.splitlines()[0] in text
    assert text.count("% | ") >= 2 * len(evidence.agreement.cases())
    for pipeline in pipelines.ALL:
        assert f"| `{pipeline.name}`: {pipeline.written()} |" in text
