"""Figures: bytes that repeat, words for those who can't see them, the name of the dataset."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import synthetic_results
from matplotlib.figure import Figure as Canvas

from mnist_aug.analysis import comparison
from mnist_aug.formatting import MINUS, percent, points, span
from mnist_aug.report import curves, errors, inputs, matrices, pictures, robustness, seeds
from mnist_aug.report.drawing import PlainTicks
from mnist_aug.results import extras

pytest_plugins = "rendered"

FIGURES = 28  # of a report that holds all there can be


@pytest.fixture(scope="module")
def drawn(full):
    return list(full.figures.values())


def draw(results) -> list:
    """What any results have figures of."""
    content = comparison.load(results)
    given = inputs.read(results, content)
    sections = [part.section(content, given) for part in (errors, robustness)]
    return [
        seeds.figure(content),
        curves.figure(content, curves.table(content)),
        pictures.augmented(content, given.samples),
        *(figure for section in sections for figure in section.figures),
    ]


def test_every_figure_is_xml_with_the_dataset_and_alt_text(drawn):
    assert len(drawn) == FIGURES
    for figure in drawn:
        root = ElementTree.fromstring(figure.svg)
        assert root.get("role") == "img"
        assert root.get("aria-label") == figure.alt
        assert re.search(r"\d", figure.alt)
        assert "Dataset: MNIST" in "".join(root.itertext())


def test_ids_are_unique_over_all_figures(drawn):
    ids = [i for figure in drawn for i in re.findall(r'\bid="([^"]+)"', figure.svg)]
    assert len(ids) == len(set(ids))
    for figure in drawn:
        for target in re.findall(r'(?:url\(|href=")#([^")]+)', figure.svg):
            assert f'id="{target}"' in figure.svg


def test_nothing_is_fetched(drawn):
    for figure in drawn:
        for target in re.findall(r'(?:href|src)="([^"]*)"', figure.svg):
            assert target.startswith(("#", "data:image/png;base64,"))


def test_inline_figures_follow_the_scheme_of_the_page(drawn):
    for figure in drawn:
        assert 'class="paper"' in figure.svg
        assert 'class="paper"' not in figure.inline
        assert "currentColor" in figure.inline
        assert "#1c1c1d" not in figure.inline


def test_a_file_alone_follows_the_readers_scheme(drawn):
    for figure in drawn:
        style = re.search(r'<style class="dark">(.*?)</style>', figure.svg)[1]
        assert style.startswith("@media (prefers-color-scheme: dark)")
        assert '[style*="fill: #1c1c1d"]{fill:#e6e6e8!important}' in style
        assert 'class="dark"' not in figure.inline


def test_every_figure_fits_a_phone(drawn):
    """6 inches are 432 points: shown 374 px wide, 10 points are 8.66 px."""
    for figure in drawn:
        assert re.search(r'<svg [^>]*width="432pt"', figure.svg), figure.name
        sizes = {
            float(size) for size in re.findall(r"font(?:-size)?: [^;]*?([\d.]+)px", figure.svg)
        }
        assert sizes
        assert min(sizes) >= 10, figure.name


def test_galleries_name_image_and_class_but_list_nothing(full):
    samples, _weights = extras.read_samples(full.results, full.content.variants)
    for name, groups in (("test", ("test",)), ("changed", ("fixed", "broken")), ("augmented", ())):
        figure = full.figures[name]
        assert len(figure.alt) <= 300
        assert f"tables/{name}.csv" in figure.alt
        for group in groups:
            label, index = (samples[f"{group}_{part}"][0] for part in ("labels", "index"))
            assert f">true {label} (no. {index})</text>" in figure.svg


def test_a_line_of_each_kind_of_change_is_shown(full):
    samples, _weights = extras.read_samples(full.results, full.content.variants)
    frame = full.figures["changed"].table.frame
    expected = [*samples["fixed_index"][:4], *samples["broken_index"][:4]]
    assert frame["index"].tolist() == expected
    right = frame["augmented_seeds_right"] - frame["baseline_seeds_right"]
    assert (right[:4] > 0).all()
    assert (right[4:] < 0).all()


def test_bars_say_what_they_are(full):
    for name in ("classes", "corruptions"):
        figure = full.figures[name]
        assert ">augmented minus baseline, pp</text>" in figure.svg, name
        assert ">bar: simultaneous 95 % CI</text>" in figure.svg, name
    assert ">* like the policy's transforms</text>" in full.figures["corruptions"].svg
    assert ">rotate *</text>" in full.figures["corruptions"].svg


def test_marks_have_their_values(full):
    row = full.tables["corruptions"].frame.set_index("corruption").loc["rotate"]
    ends = span(row["low"], row["high"])
    title = f"<title>rotate *: {points(row['difference'])} pp (95 % CI {ends})</title>"
    assert title in full.figures["corruptions"].svg
    title = f"<title>rotate *, baseline: {percent(row['baseline'])} %</title>"
    assert title in full.figures["corruptions"].svg
    frame = full.tables["risk-coverage"].frame
    title = (
        f"<title>augmented: {percent(frame['augmented'].iloc[-1], 3)} % error among the most "
        "confident 100 %</title>"
    )
    assert title in full.figures["risk-coverage"].svg


@pytest.mark.parametrize(
    ("ticks", "signed", "texts"),
    [
        ([97.25, 97.5, 98], False, ["97.25", "97.50", "98.00"]),
        ([-1, -0.0, 0.5], True, [f"{MINUS}1.0", "0.0", "+0.5"]),
        ([2, 4], False, ["2", "4"]),
    ],
)
def test_ticks_of_an_axis_have_equal_decimals(ticks, signed, texts):
    axis = Canvas().subplots().xaxis
    axis.set_ticks(ticks)
    axis.set_major_formatter(PlainTicks(signed))
    assert axis.get_major_formatter().format_ticks(ticks) == texts


def test_the_numbers_in_the_alt_text_are_those_of_the_results(full):
    alt = full.figures["seeds"].alt
    for variant in full.content.both:
        assert f"{100 * variant.accuracy.mean():.2f} %" in alt
    first, second = (variant.accuracy.mean() for variant in full.content.both)
    assert f"{100 * (second - first):+.2f} pp" in alt


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"seeds": 1, "test": 60}, marks=pytest.mark.torture),
        {"seeds": 2, "classes": 3, "test": 60, "shape": (12, 9)},
        {"seeds": 1, "classes": 2, "test": 8, "epochs": 1},
        {
            "seeds": 2,
            "test": 60,
            "correct": {"baseline": np.ones((2, 60), bool), "augmented": np.ones((2, 60), bool)},
        },
        pytest.param({"seeds": 2, "classes": 26, "test": 104}, marks=pytest.mark.torture),
    ],
)
@pytest.mark.filterwarnings("error")
def test_odd_results_can_be_drawn(tmp_path, options):
    for figure in draw(synthetic_results.write(tmp_path, bench=False, **options)):
        ElementTree.fromstring(figure.svg)


@pytest.mark.torture
def test_two_hundred_classes_stay_small_and_repeat(tmp_path):
    content = comparison.load(
        synthetic_results.write(
            tmp_path, seeds=2, test=400, classes=200, bench=False, samples=False
        )
    )
    first, again = (matrices.confusion(content).svg for _ in range(2))
    assert first == again
    assert len(first) < 500_000
