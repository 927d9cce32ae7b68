"""Augmentation at a glance: what is shown, and the slider for strength in a real browser."""

import base64
import io

import numpy as np
import pytest
import synthetic_results
from PIL import Image

from mnist_aug.analysis import comparison
from mnist_aug.formatting import percent
from mnist_aug.report import glance, inputs, pictures, slider
from mnist_aug.results import extras

pytest_plugins = "rendered"


def samples_of(report):
    return extras.read_samples(report.results, report.content.variants)[0]


@pytest.fixture(scope="module")
def opened(browser, full):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.goto((full.reports / "index.html").as_uri())
    page.locator("#strength-slider").wait_for()
    yield page
    page.close()


def shown(page, image):
    """uint8 [H, W] of what a canvas of the slider shows."""
    pixels = page.evaluate(
        """image => {
            const canvas = document.querySelectorAll("#strength-slider canvas")[image];
            const {width, height} = canvas;
            return Array.from(canvas.getContext("2d").getImageData(0, 0, width, height).data);
        }""",
        image,
    )
    return np.array(pixels, np.uint8).reshape(28, 28, 4)[..., 0]


def ring(page):
    """Where the first ring is, in the units of the figure."""
    return page.locator("#strength-curve .ring").first.evaluate(
        "ring => ring.style.transform.match(/[\\d.]+/g).map(Number)"
    )


def test_the_slider_moves_images_point_and_words_by_keys(full, opened):
    samples = samples_of(full)
    data = full.sections["glance"].facts["slider"]
    opened.locator("#strength-factor").focus()
    opened.keyboard.press("Home")
    xs = []
    for place, factor in enumerate(samples["strengths"]):
        for image in 0, 9:
            np.testing.assert_array_equal(shown(opened, image), samples["stronger"][place, image])
        said = opened.locator("#strength-slider .said").inner_text().replace("\xa0", " ")
        row = data.points[place]["runs"]
        if row is None:
            assert said == f"{factor:g} times as strong: no model was trained with it."
            assert not opened.locator("#strength-curve .ring").first.is_visible()
        else:
            assert f"test accuracy {percent(row['test'])} % (95 % CI " in said
            xs.append(ring(opened))
        assert opened.locator("#strength-value").inner_text() == f"{factor:g}\xd7"
        opened.keyboard.press("ArrowRight")
    trained = [point["factor"] for point in data.points if point["runs"]]
    assert trained == [0, 0.5, 1, 2]
    across = np.array(xs)[:, 0]
    shares = (across - across[0]) / (across[-1] - across[0])
    np.testing.assert_allclose(shares, [0, 0.25, 0.5, 1], atol=1e-4)
    best = int(np.argmax([point["runs"]["test"] for point in data.points if point["runs"]]))
    assert np.array(xs)[:, 1].argmin() == best  # the highest on the curve


def test_the_slider_starts_at_the_policy_itself(full, opened):
    opened.reload()
    opened.locator("#strength-slider").wait_for()
    assert opened.locator("#strength-slider .said").inner_text().startswith("The policy as trained")
    np.testing.assert_array_equal(shown(opened, 3), samples_of(full)["stronger"][4, 3])
    height = opened.locator("#strength-factor").bounding_box()["height"]
    assert height >= 24


def test_the_sprite_is_the_samples(full):
    samples, data = samples_of(full), full.sections["glance"].facts["slider"]
    picture = Image.open(io.BytesIO(base64.b64decode(data.sprite.partition(",")[2])))
    rows = samples["stronger"].transpose(0, 2, 1, 3).reshape(7 * 28, 10 * 28)
    np.testing.assert_array_equal(np.asarray(picture), rows)
    again = slider.load(samples, full_strength(full), full.content)
    assert again.sprite == data.sprite
    assert again.curve.svg == data.curve.svg


def full_strength(report):
    return inputs.read(report.results, report.content).studies["strength"]


def test_large_images_are_thinned_out(full):
    large = {"strengths": np.array([0.0, 1.0]), "stronger": np.zeros((2, 3, 150, 90), np.uint8)}
    found = slider.load(large, None, full.content)
    assert (found.count, found.height, found.width, found.curve) == (3, 50, 30, None)


@pytest.mark.torture
def test_without_script_and_in_print_it_is_the_figure_that_shows_strengths(browser, full):
    page = browser.new_page(java_script_enabled=False)
    page.goto((full.reports / "index.html").as_uri())
    assert not page.locator("#strength-slider").is_visible()
    assert page.locator("#figure-transforms").is_visible()
    page.close()
    page = browser.new_page()
    page.goto((full.reports / "index.html").as_uri())
    page.locator("#strength-slider").wait_for()
    page.emulate_media(media="print")
    assert not page.locator("#strength-slider").is_visible()
    assert page.locator("#figure-transforms").is_visible()
    page.close()


def test_the_parts_of_the_policy_by_strength(full):
    figure = full.figures["transforms"]
    for words in ("rotate", "scale", "translate", "shear", "elastic", "all parts", "1.5\xd7"):
        assert f">{words}</text>" in figure.svg
    assert figure.svg.count("<image") == 6 * 5
    frame = figure.table.frame
    index = samples_of(full)["original_index"][samples_of(full)["grid_of"]]
    assert frame["part"].tolist()[-1] == "all"
    assert set(frame["training_image"]) == {index}


def test_examples_stand_in_two_blocks_where_classes_are_many(full):
    assert full.figures["augmented"].svg.count("<image") == 10 * (1 + 4)
    names = "original_images", "original_labels", "original_index", "augmented"
    few = {name: samples_of(full)[name][:3] for name in names}
    assert pictures.versions(few) == 8
    assert pictures.augmented(full.content, few).svg.count("<image") == 3 * (1 + 8)


def test_what_the_section_says(full):
    blocks = full.sections["glance"].blocks
    assert blocks[0].text.startswith(
        "Policy default is applied to each training image anew in every epoch. Affine, applied "
        "to 50 % of the images: rotates by up to 12\xb0, scales by factors from 0.9 to 1.1."
    )
    assert [block.kind for block in blocks] == ["paragraph", "figure", "place", "figure"]
    assert blocks[1].text == (
        "The first training image of each class, as policy default makes it in the first 4 epochs "
        "with seed 0."
    )


def written(tmp_path, **options):
    results = synthetic_results.write(tmp_path, seeds=2, test=60, bench=False, **options)
    content = comparison.load(results)
    return glance.section(content, inputs.read(results, content))


def test_results_without_strengths_or_samples_have_no_slider(tmp_path):
    section = written(tmp_path / "older")
    assert [block.kind for block in section.blocks] == ["paragraph", "figure"]
    section = written(tmp_path / "none", samples=False)
    assert section.blocks[-1].text == (
        "The results folder holds no images: `make evaluate` stores them in samples.npz."
    )


@pytest.mark.torture
def test_without_a_study_of_strength_the_images_move_alone(browser, render, tmp_path):
    results = synthetic_results.write(tmp_path / "results", seeds=2, test=60, samples=False)
    data = synthetic_results.dataset(test=60)
    synthetic_results.write_samples(results, data, strengths=True)
    report = render(results, tmp_path / "reports")
    page = browser.new_page()
    page.goto((report.reports / "index.html").as_uri())
    block = page.locator("#strength-slider")
    block.wait_for()
    assert block.locator("figure").count() == 0
    assert "make strength adds the accuracy at each strength." in block.inner_text()
    page.locator("#strength-factor").fill("2")
    np.testing.assert_array_equal(shown(page, 2), samples_of(report)["stronger"][6, 2])
    assert block.locator(".said").inner_text() == "2 times as strong."
    page.close()
