"""Sections from templates: prose, figures and tables in the order of reading."""

import jinja2
import pandas as pd
import pytest

from mnist_aug.report import blocks, templating
from mnist_aug.report.tables import Table


@pytest.fixture
def section(monkeypatch):
    """Makes the blocks of a template given as text."""

    def made(text, facts=None, tables=()):
        environment = templating.environment(False)
        environment.loader = jinja2.DictLoader({"sections/own.j2": text})
        monkeypatch.setattr(blocks, "environment", lambda html: environment)
        return blocks.made("own", facts or {}, [], tables)

    return made


def table(name, rows):
    frame = pd.DataFrame({"row": map(str, range(rows))})
    return Table(name, name.title(), frame, frame)


def kinds(found):
    return [(block.kind, block.text or block.name or block.items) for block in found]


def test_prose_lists_headings_and_folds_keep_their_order(section):
    found = section(
        'One\nline.\n\n- a\n  goes on\n- b\n\n{{ heading("deep", "Deeper") }}\nTwo.\n'
        '{% call folded("More") %}Three.{{ table("few") }}{% endcall %}Four.{{ place("app") }}',
        tables=[table("few", 8)],
    )
    assert kinds(found) == [
        ("paragraph", "One line."),
        ("list", ("a goes on", "b")),
        ("heading", "Deeper"),
        ("paragraph", "Two."),
        ("folded", "More"),
        ("paragraph", "Three."),
        ("table", "few"),
        ("end", ()),
        ("paragraph", "Four."),
        ("place", "app"),
    ]


@pytest.mark.parametrize(("rows", "folded"), [(8, False), (9, True)])
def test_a_table_of_more_than_eight_rows_is_folded(section, rows, folded):
    (block,) = section('{{ table("own") }}', tables=[table("own", rows)])
    assert block.folded is folded


def test_a_value_stays_in_its_paragraph(section):
    """Whatever is in a name, it begins no paragraph, list or figure."""
    name = "a\n\n- b\n\n\x02table\x1fown\x03 c"
    (block,) = section("Policy {{ name }} helps.", {"name": name})
    assert block.kind == "paragraph"
    assert block.text == "Policy a - b \ufffdtable\ufffdown\ufffd c helps."


def test_what_a_template_forgets_is_an_error(section):
    with pytest.raises(ValueError, match=r"own\.j2 places"):
        section("Nothing.", tables=[table("own", 1)])
    with pytest.raises(ValueError, match=r"own\.j2 places"):
        section('{{ table("own") }}{{ table("own") }}', tables=[table("own", 1)])
    with pytest.raises(jinja2.UndefinedError):
        section("{{ unknown }}")
