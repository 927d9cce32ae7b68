"""Reports on other data than digits: names, colours, sizes, findings, no verdict from chance."""

import base64
import io
import json
import re
from dataclasses import replace

import handwriting
import numpy as np
import pandas as pd
import pytest
import synthetic_results
from PIL import Image

from mnist_aug.analysis import comparison
from mnist_aug.data import preprocessing
from mnist_aug.report import matrices, sentences, summary
from mnist_aug.results import extras

pytest_plugins = "rendered"

WARNING = "The classes are <b>sorted</b> | in `files` of *one* class."
NOTE = "Labels were text: classes are numbered <i>by name</i>."
CIFAR = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def made(folder, render, *, classes=10, test=200, shape=(28, 28), light=False, **options):
    """A report on made-up results with samples and, of grey images, a drawing page."""
    results = synthetic_results.write(
        folder / "results",
        seeds=2,
        classes=classes,
        test=test,
        shape=shape,
        bench=False,
        samples=False,
        **options,
    )
    data = synthetic_results.dataset(classes, test, shape)
    if light:
        data = type(data)(**{k: 255 - v if k[0] == "x" else v for k, v in vars(data).items()})
    synthetic_results.write_samples(results, data, synthetic_results.networks(shape, classes))
    return render(results, folder / "reports")


@pytest.fixture(scope="module")
def fashion(tmp_path_factory, render):
    said = {
        "class_names": synthetic_results.FASHION,
        "kind": "image",
        "warnings": [WARNING],
        "notes": [NOTE],
    }
    folder = tmp_path_factory.mktemp("fashion")
    return made(folder, render, name="fashion_mnist", other_sets=True, described=said)


@pytest.fixture(scope="module")
def letters(tmp_path_factory, render):
    said = {"class_names": synthetic_results.LETTERS, "kind": "character"}
    return made(tmp_path_factory.mktemp("letters"), render, classes=47, test=141, described=said)


@pytest.fixture(scope="module")
def colour(tmp_path_factory, render):
    said = {"class_names": CIFAR, "kind": "image", "background": None}
    folder = tmp_path_factory.mktemp("colour")
    return made(folder, render, shape=(16, 12, 3), other_sets=True, described=said)


@pytest.fixture(scope="module")
def light(tmp_path_factory, render):
    said = {"background": 240, "transposed": True}
    folder = tmp_path_factory.mktemp("light")
    return made(folder, render, shape=(14, 10), light=True, described=said)


AT_CHANCE = {  # of 60 images with each of two seeds
    model: np.tile(np.arange(60) < right, (2, 1))
    for model, right in (("baseline", 12), ("augmented", 6))
}


@pytest.fixture(scope="module")
def chance(tmp_path_factory, render):
    """Both guess."""
    return made(
        tmp_path_factory.mktemp("chance"),
        render,
        test=60,
        shape=(14, 14),
        correct=AT_CHANCE,
        other_sets=True,
        studies=("ablation", "compare", "data-efficiency", "tuned"),
    )


def read(text):
    """What a reader sees of a page: no scripts, no tags."""
    text = re.sub(r"<(script|style)\b.*?</\1>", "", text, flags=re.S)
    return re.sub(r"<[^>]*>", " ", text)


@pytest.fixture
def opened(browser):
    pages = []

    def go(report, width=1280):
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.on("console", lambda message: pytest.fail(message.text))
        page.on("pageerror", lambda error: pytest.fail(str(error)))
        page.goto((report.reports / "app.html").as_uri())
        pages.append(page)
        return page

    yield go
    for page in pages:
        page.close()


def seen(page, shape):
    """What the networks see, uint8 [H, W]."""
    data = page.evaluate("""Array.from(document.getElementById("try-seen").getContext("2d")
        .getImageData(0, 0, WIDTH, HEIGHT).data).filter((_, i) => i % 4 === 0)""")
    return np.array(data).reshape(shape)


def test_classes_have_their_names_in_tables_and_figures(fashion):
    frame = fashion.tables["classes"].frame
    assert frame["class_name"].tolist() == synthetic_results.FASHION
    assert frame["class"].tolist() == list(range(10))
    assert fashion.tables["classes"].display["class"].tolist() == synthetic_results.FASHION
    frame = fashion.tables["confusion"].frame
    row = frame[(frame["true"] == 9) & (frame["predicted"] == 4)].iloc[0]
    assert (row["true_name"], row["predicted_name"]) == ("Ankle boot", "Coat")
    frame = fashion.tables["test"].frame
    assert (frame["class_name"] == [synthetic_results.FASHION[k] for k in frame["class"]]).all()
    assert "augmented_prediction_name" in frame
    for name in ("classes", "confusion", "augmented", "test"):
        texts = re.findall(r"<text[^>]*>([^<]*)</text>", fashion.figures[name].svg)
        assert any("Ankle boot" in text for text in texts), name
    worst = fashion.tables["model-card"].frame.set_index("what").loc["worst class", "value"]
    assert re.search(r"on class [A-Z]", worst)
    assert "10 (T-shirt/top, Trouser" in fashion.text


LETTERS, CHANCE = (pytest.param(name, marks=pytest.mark.torture) for name in ("letters", "chance"))


@pytest.mark.parametrize("name", ["fashion", LETTERS, "colour"])
def test_only_digits_are_called_digits(request, name):
    report = request.getfixturevalue(name)
    pages = [p.read_text(encoding="utf-8") for p in report.reports.glob("*.html")]
    for text in (*map(read, pages), report.text, *(f.alt for f in report.figures.values())):
        assert "digit" not in text.replace("sklearn-digits", "").lower()
        assert "reads 0" not in text


def test_names_that_look_alike_when_clipped_have_their_numbers(tmp_path):
    names = [f"a class with a long name, {k}" for k in range(10)]
    said = {"class_names": names, "kind": "image"}
    content = comparison.load(
        synthetic_results.write(
            tmp_path, seeds=1, test=60, bench=False, samples=False, described=said
        )
    )
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", matrices.confusion(content).svg)
    shown = {text for text in texts if "a class" in text}
    assert len(shown) == 10
    assert max(map(len, shown)) <= 12


@pytest.mark.torture
def test_samples_are_of_ten_of_many_classes(letters):
    assert "The first test image of each of 10 classes. Wrong predictions" in letters.text
    assert "The first training image of each of 10 classes, as policy" in letters.text


@pytest.mark.torture
def test_letters_are_invited_to_be_drawn(letters, opened):
    page = opened(letters)
    assert page.title().endswith("draw a character")
    assert page.locator("#try-title").inner_text() == "Probability of each character, %"
    assert page.locator(".try tbody th").all_inner_texts() == synthetic_results.LETTERS
    page.locator(".try-example").nth(3).click()
    answer = page.locator("#try-answer").inner_text()
    best = page.locator("tr:has(td.best[data-network=augmented]) th").inner_text()
    assert f"augmented reads {best} (" in answer
    page.locator("#try-pad").click(position={"x": 60, "y": 60})  # a dot
    assert seen(page, (28, 28)).max() == 255
    page.locator("#try-clear").click()
    assert page.locator("#try-answer").inner_text() == "Nothing is drawn yet."


def test_pictures_of_things_are_only_brought_to_size(fashion, opened, tmp_path):
    page = opened(fashion)
    assert page.title() == "Fashion-MNIST: choose a picture"
    assert page.locator("#try-undo, #try-clear").count() == 0
    assert "draw" not in page.locator("main").inner_text().lower()
    answer = page.locator("#try-answer").inner_text()
    assert re.match(r"baseline predicts [A-Z][a-z-]+[^;]* \([\d.]+ %\); augmented pred", answer)
    small = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)
    large = small.repeat(3, axis=0).repeat(3, axis=1)
    wide = np.pad(large, ((0, 0), (40, 40)))  # whose middle is seen
    for picture in (small, large, wide):
        Image.fromarray(picture).save(tmp_path / "picture.png")
        page.locator("#try-file").set_input_files([])
        page.locator("#try-file").set_input_files(tmp_path / "picture.png")
        page.wait_for_function(
            "want => WIDTH && document.getElementById('try-seen').getContext('2d')"
            ".getImageData(0, 0, 1, 1).data[0] === want",
            arg=int(small[0, 0]),
        )
        assert np.abs(seen(page, (28, 28)) - small.astype(int)).max() <= 1
        page.locator(".try-example").first.click()
    pad = page.evaluate("""Array.from(document.getElementById("try-pad").getContext("2d")
        .getImageData(0, 0, 256, 256).data)""")
    assert {*pad[::4]} > {220}  # the example is on the pad


@pytest.mark.parametrize("shape", [(90, 40), (31, 64), (20, 9), (28, 28)])
def test_size_and_notes_are_those_of_prediction(fashion, opened, shape):
    page = opened(fashion)
    form = preprocessing.Form.of(fashion.content.dataset)
    picture = np.random.default_rng(1).integers(180, 256, shape, np.uint8)
    image, notes = page.evaluate(
        """([height, width, values]) => {
            const made = middleOf({height, width, data: Float32Array.from(values)}, DATA);
            return [Array.from(made.image), made.notes];
        }""",
        [*shape, picture.ravel().tolist()],
    )
    expected = preprocessing.brought(picture.astype(np.float32), form)
    gap = np.array(image).reshape(28, 28) - expected.image.astype(int)
    assert np.abs(gap).max() <= 1
    assert tuple(notes) == expected.notes
    assert notes == [
        "its background is light, and that of the images that the networks were trained on is dark"
    ]


@pytest.mark.parametrize(
    "name", [pytest.param("light", marks=pytest.mark.torture), LETTERS, CHANCE]
)
def test_drawings_are_brought_as_by_prediction(request, opened, name):
    """In MNIST's form, in a box of its own in 14 by 10, and in MNIST's form made smaller."""
    report = request.getfixturevalue(name)
    samples, _weights = extras.read_samples(report.results, report.content.variants)
    form = preprocessing.Form.of(report.content.dataset)
    images = np.concatenate([samples["original_images"], samples["test_images"]])
    form = replace(form, box=preprocessing.box_of(images, form.background))
    page = opened(report)
    for digit in range(4):
        picture = handwriting.drawn(digit, 1)
        image, notes = page.evaluate(
            """([height, width, encoded]) => {
                const bytes = Uint8Array.from(atob(encoded), c => c.charCodeAt(0));
                const made = brought({height, width, data: Float32Array.from(bytes)}, DATA);
                return [Array.from(made.image), made.notes];
            }""",
            [*picture.shape, base64.b64encode(picture.tobytes()).decode()],
        )
        expected = preprocessing.brought(picture, form)
        gap = np.array(image).reshape(form.image_shape) - expected.image.astype(int)
        assert np.abs(gap).max() <= 3
        assert tuple(notes) == expected.notes


def test_what_is_drawn_is_dark_on_the_datas_paper(light, opened):
    """Images 14 high and 10 wide whose strokes fill 10 by 8, at most, on paper of 240."""
    page = opened(light)
    edge = page.locator("#try-pad").bounding_box()
    page.mouse.move(edge["x"] + 128, edge["y"] + 40)
    page.mouse.down()
    page.mouse.move(edge["x"] + 128, edge["y"] + 200)
    page.mouse.up()
    drawn = seen(page, (14, 10))
    ink = drawn < 120
    assert drawn.min() == 0
    assert drawn.max() == 240
    assert np.ptp(np.flatnonzero(ink.any(axis=1))) + 1 == 10
    assert (drawn[:, [0, 9]] == 240).all()
    page.locator("#try-right").fill("3")  # 8 / 28 of the width
    moved = seen(page, (14, 10))
    np.testing.assert_array_equal(moved[:, 3:], drawn[:, :-3])
    assert (moved[:, :3] == 240).all()
    page.locator("#try-clear").click()
    assert (seen(page, (14, 10)) == 240).all()


@pytest.mark.torture
def test_axe_finds_nothing_in_long_tables_and_boxes(browser, letters, fashion):
    from axe_playwright_python.sync_playwright import Axe

    page = browser.new_page(viewport={"width": 390, "height": 900})
    for place in (letters.reports / "app.html", fashion.reports / "index.html"):
        page.goto(place.as_uri())
        found = Axe().run(page, options={"resultTypes": ["violations"]})
        assert found.violations_count == 0, found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.close()


@pytest.mark.parametrize("name", ["fashion", LETTERS, "colour"])
def test_figures_cut_no_name(request, browser, name):
    page = browser.new_page(viewport={"width": 390, "height": 900})
    page.goto((request.getfixturevalue(name).reports / "index.html").as_uri())
    cut = page.evaluate("""[...document.querySelectorAll('figure')].filter(figure => {
        const edge = figure.querySelector('svg').getBoundingClientRect();
        return [...figure.querySelectorAll('text')].some(text => {
            const box = text.getBoundingClientRect();
            return box.left < edge.left - 1 || box.right > edge.right + 1
                || box.bottom > edge.bottom + 1;
        });
    }).map(figure => figure.id)""")
    assert cut == []
    page.close()


def test_colour_is_shown_and_has_no_drawing_page(colour):
    assert not (colour.reports / "app.html").exists()
    assert "try" not in colour.sections
    assert "trained on 800 images of 16 \N{MULTIPLICATION SIGN} 12 pixels in colour." in colour.text
    card = colour.tables["data-card"].frame.set_index("what")["value"]
    assert card["images"] == (
        "16 by 12 pixels, three channels (RGB), 8 bits, without a uniform background"
    )
    model = colour.tables["model-card"].frame.set_index("what")["value"]
    assert model["input"].startswith("float32 images [N, 16, 12, 3], RGB, pixels divided by 255")
    assert "images in colour" not in colour.text
    for name in ("augmented", "corrupted", "test"):
        (encoded, *_) = re.findall(r"data:image/png;base64,([^\"]+)", colour.figures[name].svg)
        picture = Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB")
        assert np.ptp(np.asarray(picture).astype(int), axis=2).max() > 50, name


def test_light_images_are_said_to_be_light(light):
    card = light.tables["data-card"].frame.set_index("what")["value"]
    assert card["images"].endswith("8 bits, dark on a light background")
    assert "dark strokes on a light background as in the dataset" in light.text


def test_warnings_stand_above_the_verdict_and_notes_in_the_card(fashion):
    page = fashion.html
    head = page[page.index("<h1") : page.index('class="verdict"')]
    assert "Check the data first" in head
    assert "<li>The classes are &lt;b&gt;sorted&lt;/b&gt; | in `files`" in head
    markdown = (fashion.reports / "report.md").read_text(encoding="utf-8")
    top = markdown[: markdown.index("\n## ")]
    assert "**Check the data first**" in top
    assert r"- The classes are \<b\>sorted\</b\> \| in \`files\` of \*one\* class." in top
    card = fashion.tables["data-card"].frame.set_index("what")["value"]
    assert card["notes on reading it"] == NOTE
    assert "<i>" not in page


@pytest.mark.torture
def test_nothing_is_said_first_of_data_without_fault(letters):
    assert "Check the data first" not in letters.html
    assert "notes on reading it" not in letters.text


def test_results_without_these_facts_are_read(tmp_path):
    """As those are that were made before datasets had them."""
    results = synthetic_results.write(tmp_path, seeds=1, test=60, bench=False, samples=False)
    for path in results.rglob("manifest.json"):
        manifest = json.loads(path.read_text())
        for key in ("class_names", *synthetic_results.DESCRIBED):
            del manifest["dataset"][key]
        path.write_text(json.dumps(manifest))
    synthetic_results.sign(results)
    content = comparison.load(results)
    assert content.class_names == tuple("0123456789")
    assert (content.kind, content.background, content.is_named) == ("image", 0, False)


NO_VERDICT = "No verdict: neither model is better than guessing on the test images."


def test_no_verdict_at_chance(tmp_path):
    """12 of 60 is less than 0.1 + 3 (0.1 * 0.9 / 60)^(1/2) = 0.2162, 13 would be more."""
    results = synthetic_results.write(
        tmp_path, seeds=2, test=60, bench=False, samples=False, correct=AT_CHANCE
    )
    assert summary.verdict(comparison.load(results)) == NO_VERDICT


@pytest.mark.torture
def test_nothing_is_concluded_at_chance(chance):
    assert f"**{NO_VERDICT}**" in chance.text
    assert "it must be above 21.62 %" in chance.text
    head = chance.text[: chance.text.index("\n## 2 ")]
    assert "orrupt" not in head
    assert chance.sections["summary"].facts["cards"] == []
    # The tuned models have learned, so there are verdicts on these.
    before = chance.text[: chance.text.index("### Hyperparameter search")]
    for text in (before, read((chance.reports / "app.html").read_text(encoding="utf-8"))):
        text = text.replace("so that above zero the policy helps", "")  # which says what is meant
        assert not re.search(r"\b(helps|hurts|helped|hurt)\b", text)
    for section in ("robustness", "efficiency", "choosing", "errors"):
        said = [block.text for block in chance.sections[section].blocks]
        assert sentences.NO_CONCLUSION in said, section
    verdicts = chance.tables["search-gains"].frame.set_index("first")["verdict"]
    assert verdicts["baseline"].tolist() == ["no verdict"] * 2
    assert {*chance.tables["compare"].frame["outcome"]} == {"", "no verdict"}
    assert "Nothing can be recommended" in head


def test_the_model_that_did_not_learn_is_named(tmp_path):
    correct = {
        "baseline": np.ones((2, 60), bool),
        "augmented": np.tile(np.arange(60) < 9, (2, 1)),
    }
    results = synthetic_results.write(
        tmp_path, seeds=2, test=60, bench=False, samples=False, correct=correct
    )
    content = comparison.load(results)
    assert summary.verdict(content) == (
        "No verdict: the augmented model is not better than guessing on the test images."
    )
    facts = summary.caution(content)
    assert (facts["first"], facts["second"], facts["images"]) == (1.0, 0.15, 60)


def test_a_table_of_classes_reads_back(fashion):
    frame = pd.read_csv(fashion.reports / "tables" / "classes.csv")
    assert list(frame.columns[:3]) == ["class", "class_name", "test_images"]


@pytest.mark.parametrize(
    ("origin", "source"),
    [
        ("keras.datasets", "fashion_mnist"),
        pytest.param("NPZ file", "path/to/data", marks=pytest.mark.torture),
    ],
)
def test_what_keras_downloads_is_rebuilt_by_its_name(tmp_path, render, origin, source):
    results = synthetic_results.write(
        tmp_path / "results",
        seeds=1,
        test=60,
        bench=False,
        samples=False,
        name="fashion_mnist",
        described={"origin": origin, "notes": ["Mixed", "Read."]},
    )
    report = render(results, tmp_path / "reports", drawn=False)
    assert report.sections["setup"].facts["commands"][-1].startswith(f"make report DATA={source} ")
    assert ("DATA is where you have" in report.text) == (source == "path/to/data")
    card = report.tables["data-card"].frame.set_index("what")["value"]
    assert card["notes on reading it"] == "Mixed. Read."
    assert card["training, validation, test"].endswith("in the order in which they were read")


def test_commands_to_rebuild_swap_rows_and_columns_again(light, fashion):
    assert (
        "make report DATA=path/to/data TRANSPOSE=1 SEEDS=2"
        in (light.reports / "report.md").read_text()
    )
    assert "TRANSPOSE" not in (fashion.reports / "report.md").read_text()
