"""The drawing page in a real browser: the same answers as Keras, the same preparation as Python."""

import base64
import re
from dataclasses import replace

import handwriting
import numpy as np
import pytest
import synthetic_results
from PIL import Image
from playwright.sync_api import expect

from mnist_aug import backend
from mnist_aug.analysis import doubts
from mnist_aug.data import preprocessing
from mnist_aug.errors import UserError
from mnist_aug.report import app
from mnist_aug.results import runs

pytest_plugins = "rendered"


@pytest.fixture(scope="module")
def opened(browser, full):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto((full.reports / "app.html").as_uri())
    yield page
    page.close()


@pytest.fixture
def page(opened):
    """The page as it is when it was just opened; it must not complain in the test."""
    messages = []

    def on_message(message):
        messages.append(message.text)

    def on_error(error):
        messages.append(str(error))

    opened.on("console", on_message)
    opened.on("pageerror", on_error)
    opened.reload()
    yield opened
    assert messages == []
    opened.remove_listener("console", on_message)
    opened.remove_listener("pageerror", on_error)


def answer(page):
    return page.locator("#try-answer").inner_text()


def encoded(array):
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def draw(page, digit):
    page.locator("#try-clear").click()
    page.locator("#try-pad").scroll_into_view_if_needed()
    edge = page.locator("#try-pad").bounding_box()
    for stroke in handwriting.WAYS[digit][0]:
        points = handwriting.smooth(np.array(stroke)) * [0.5, 0.72] + [0.25, 0.14]
        places = [
            (edge["x"] + x * edge["width"], edge["y"] + y * edge["height"]) for x, y in points
        ]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in [*places[1:-1:8], places[-1]]:
            page.mouse.move(*place)
        page.mouse.up()


def test_probabilities_are_those_of_keras(page, reference, mnist):
    """The page's networks read MNIST as Keras did when the reference was evaluated."""
    content, weights = reference
    images = mnist.x_test[:500]
    found = page.evaluate(
        """encoded => {
        const bytes = Uint8Array.from(atob(encoded), c => c.charCodeAt(0));
        const data = JSON.parse(document.getElementById("try-data").textContent);
        return data.networks.map(({name, layers}) => {
            const read = network(layers, decoded(`try-weights-${name}`));
            return [name, Array.from({length: bytes.length / 784},
                (_, i) => Array.from(read(bytes.slice(784 * i, 784 * (i + 1)))))];
        });
    }""",
        encoded(images),
    )
    assert [name for name, _ in found] == ["baseline", "augmented"]
    for name, probabilities in found:
        variant = content.variants[name].only([int(weights[f"{name}_seed"])])
        # Evaluation stores log-probabilities in float16: p |log p| / 2**11 is 1.8e-4 at most.
        assert np.abs(np.array(probabilities) - variant.probabilities[0][:500]).max() < 2e-4


def prepared_here_and_there(page, pictures):
    """What Python and the page make of uint8 pictures: (image or None, notes or error) of each."""
    found = page.evaluate(
        """pictures => pictures.map(([height, width, encoded]) => {
            const grey = {height, width, data: Float32Array.from(bytesOf(encoded))};
            const {field, notes, error} = prepare(grey, "digit");
            return [field ? Array.from(field.data) : null, error ?? notes];
        })""",
        [[*picture.shape, encoded(picture)] for picture in pictures],
    )
    for picture, (field, notes) in zip(pictures, found, strict=True):
        there = None if field is None else np.array(field).reshape(28, 28), notes
        try:
            one = preprocessing.prepare(picture)
            yield (one.image.astype(int), list(one.notes)), there
        except UserError as error:
            yield (None, str(error)), there


def grey(path):
    return preprocessing.read(path).round().astype(np.uint8)


QUICK = [*handwriting.GROUPS][::3]


@pytest.mark.parametrize(
    ("group", "count"),
    [
        *((group, 1) for group in QUICK),
        *(pytest.param(group, 6, marks=pytest.mark.torture) for group in handwriting.GROUPS),
    ],
)
def test_preparation_is_that_of_python(page, tmp_path, group, count):
    kinds = [kind for kind in handwriting.GROUPS[group] if "12 mega" not in kind]
    cases = [
        (kind, (3 * place + number) % 10, number)
        for place, kind in enumerate(kinds)
        for number in range(count)
    ]
    pictures = [grey(handwriting.saved(tmp_path, *case)) for case in cases]
    pairs = prepared_here_and_there(page, pictures)
    for case, (here, there) in zip(cases, pairs, strict=True):
        assert there[1] == here[1], case
        assert np.abs(there[0] - here[0]).max() <= 2, case


@pytest.mark.parametrize(
    "kinds",
    [
        [*handwriting.NOT_DIGITS][::3],
        pytest.param([*handwriting.NOT_DIGITS], marks=pytest.mark.torture),
    ],
    ids=["some", "all"],
)
def test_what_is_not_a_digit_is_refused_as_by_python(page, kinds):
    pictures = [handwriting.not_digit(what, 0) for what in kinds]
    pictures = [
        np.asarray(Image.fromarray(picture).convert("L")) if picture.ndim == 3 else picture
        for picture in pictures
    ]
    pairs = prepared_here_and_there(page, pictures)
    for what, (here, there) in zip(kinds, pairs, strict=True):
        assert (there[0] is None) == (here[0] is None), what
        if here[0] is None:
            assert here[1].startswith(there[1]), what  # Python tells the remedy, too


def test_doubts_are_those_of_python(opened, mnist):
    """Of a network that is sure, one that isn't, and one that answers what it has never seen."""
    known = doubts.known(mnist.x_train[:500], mnist.y_train[:500], mnist.x_test, mnist.y_test)
    judge = doubts.Judge(known, 1.7, (-0.8, 0.6, 0.4, 0.9))
    stored = known.arrays() | judge.arrays("one_shown")
    rng = np.random.default_rng(0)
    images = np.concatenate([mnist.x_test[:30], rng.integers(0, 256, (10, 28, 28), np.uint8)])
    chances = rng.dirichlet(np.full(10, 0.1), len(images)).astype(np.float32)
    chances[0] = np.eye(10)[7]
    found = opened.evaluate(
        """([known, judge, images, chances]) => {
            const bytes = bytesOf(images), one = knownImages(known);
            return chances.map((own, i) => {
                const image = bytes.subarray(784 * i, 784 * (i + 1));
                const {chances, doubt, reasons} = judged(own, image, judge, one);
                return [Array.from(chances), doubt, reasons];
            });
        }""",
        [
            app.known_images(stored),
            app.judge(stored, "one"),
            encoded(images),
            chances.tolist(),
        ],
    )
    mean, doubt, distances = judge.judged(chances[None], images)
    for i, (fair, own, reasons) in enumerate(found):
        np.testing.assert_allclose(fair, mean[i], atol=1e-6)
        assert own == pytest.approx(doubt[i], abs=1e-4)
        assert tuple(reasons) == judge.reasons(doubt[i], distances[i], str(mean[i].argmax()))
    assert any("unlike all training images" in text for _, _, texts in found for text in texts)
    assert any(not texts for _, _, texts in found)


@pytest.fixture(scope="module")
def convnet(tmp_path_factory, render):
    """A report whose networks are convolutional, as evaluation writes them."""
    backend.start_tensorflow(one_thread=True)
    import keras

    from mnist_aug.evaluate import page_network

    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(32, 3, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Conv2D(64, 3, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    stored = page_network.exported(model)
    report = with_networks(tmp_path_factory.mktemp("convnet"), render, stored)
    return report, model


def with_networks(folder, render, stored):
    """A report on MNIST with this network as both models."""
    results = synthetic_results.write(folder / "results", seeds=2, test=60, samples=False)
    weights = {f"{name}_{part}": array for name in runs.BOTH for part, array in stored.items()}
    seeds = {f"{name}_seed": np.array(0) for name in runs.BOTH}
    synthetic_results.write_samples(results, synthetic_results.dataset(test=60), weights | seeds)
    return render(results, folder / "reports")


# Milliseconds for preparation and both networks, of each the least of many times, as others
# may have the cores; the code is compiled while it runs.
LEAST_TIME = """() => {
    const data = document.getElementById("try-pad").getContext("2d")
        .getImageData(0, 0, 256, 256).data;
    const grey = {height: 256, width: 256, data: new Float32Array(65536)};
    grey.data.forEach((_, i) => { grey.data[i] = data[4 * i]; });
    const shown = JSON.parse(document.getElementById("try-data").textContent);
    const nets = shown.networks.map(
        ({name, layers}) => network(layers, decoded(`try-weights-${name}`)));
    let least = [Infinity, Infinity];
    for (let i = 0; i < 500 && least[0] + least[1] >= 16; i++) {
        const start = performance.now(), {image} = brought(grey, shown);
        const middle = performance.now();
        nets.forEach(read => read(image));
        least = [middle - start, performance.now() - middle].map(
            (time, part) => Math.min(time, least[part]));
    }
    return least[0] + least[1];
}"""


def test_an_answer_takes_less_than_a_frame(page):
    draw(page, 8)
    assert page.evaluate(LEAST_TIME) < 16


@pytest.mark.torture
def test_convolutional_networks_answer_as_fast(browser, convnet):
    report, model = convnet
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto((report.reports / "app.html").as_uri())
    draw(page, 8)
    assert page.evaluate(LEAST_TIME) < 16
    page.locator(".try-example").nth(2).click()
    image = np.array(
        page.evaluate("""Array.from(document.getElementById("try-seen").getContext("2d")
            .getImageData(0, 0, 28, 28).data).filter((_, i) => i % 4 === 0)""")
    )
    pixels = image.reshape(1, 28, 28, 1).astype(np.float32) / 255
    expected = model(pixels, training=False).numpy()[0]
    shown = page.locator('[data-network="augmented"] meter')
    found = [float(shown.nth(i).evaluate("meter => meter.value")) for i in range(10)]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    page.close()


@pytest.mark.torture
def test_a_model_that_the_page_cannot_run_gets_a_sentence(browser, render, tmp_path):
    reason = np.array("it has layers that the page doesn't know (LSTM, Add)")
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "app.html").write_text("of an older report")
    report = with_networks(tmp_path, render, {"reason": reason})
    sentence = (
        "The drawing pad can't run the model, as it has layers that the page doesn't know (LSTM, "
        "Add): read pictures with `make predict IMAGE=FILE`."
    )
    assert [block.text for block in report.sections["try"].blocks] == [sentence]
    assert f" Try it\n\n{sentence}\n\n## " in re.sub(r"\n+", "\n\n", report.text)
    assert not (report.reports / "app.html").exists()
    page = browser.new_page()
    page.goto((report.reports / "index.html").as_uri())
    section = page.locator("section[aria-labelledby=try]")
    assert section.inner_text().split("\n")[-1] == sentence.replace("`", "")
    assert section.locator("code").inner_text() == "make predict IMAGE=FILE"
    assert page.locator("#try-pad").count() == 0
    page.close()


def test_pictures_by_file(page, tmp_path):
    picture = Image.fromarray(handwriting.drawn(4, 0, shadow="soft", paper=200))
    turned, exif = picture.transpose(Image.Transpose.ROTATE_90), Image.Exif()
    exif[0x0112] = 6
    clear = Image.new("RGBA", picture.size, (0, 0, 0, 0))
    clear.putalpha(Image.eval(picture, lambda level: 255 - level))
    picture.save(tmp_path / "scan.png")
    picture.resize((1200, 1440)).save(tmp_path / "large.jpg", quality=92)
    turned.save(tmp_path / "phone.jpg", exif=exif, quality=92)
    clear.save(tmp_path / "clear.png")
    white = Image.new("RGBA", picture.size, "white")
    white.putalpha(clear.getchannel("A"))
    white.save(tmp_path / "white.png")
    for name in ("scan.png", "large.jpg", "phone.jpg", "clear.png", "white.png"):
        page.locator("#try-clear").click()
        page.locator("#try-file").set_input_files(tmp_path / name)
        expect(page.locator("#try-answer")).to_contain_text(" reads ")
        shown = page.evaluate("""Array.from(document.getElementById("try-seen").getContext("2d")
            .getImageData(0, 0, 28, 28).data).filter((_, i) => i % 4 === 0)""")
        expected = preprocessing.prepare(preprocessing.read(tmp_path / name)).image.astype(int)
        assert np.abs(np.array(shown).reshape(28, 28) - expected).max() <= 2, name
    corner = page.evaluate("""Array.from(document.getElementById("try-pad").getContext("2d")
        .getImageData(0, 0, 1, 1).data)""")
    assert corner == [0, 0, 0, 255]  # white ink is shown on black


def test_what_was_removed_is_said(page, tmp_path):
    path = handwriting.saved(tmp_path, "thin frame", 5, 0)
    (note,) = preprocessing.prepare(preprocessing.read(path)).notes
    page.locator("#try-file").set_input_files(path)
    expect(page.locator("#try-answer")).to_contain_text(f" Note: {note}.")
    page.locator(".try-example").first.click()
    assert "Note" not in answer(page)


def test_what_is_not_a_digit_gets_a_sentence(page, tmp_path):
    (tmp_path / "letter.png").write_text("no picture")
    Image.new("L", (300, 300), 255).save(tmp_path / "empty.png")
    Image.new("1", (10_000, 5_001), 1).save(tmp_path / "huge.png")
    Image.fromarray(handwriting.not_digit("uniform noise, 300 px", 0)).save(tmp_path / "noise.png")
    for name, words in (
        ("letter.png", "letter.png can't be read as a picture"),
        ("empty.png", "There is no digit in the picture"),
        ("noise.png", "This is not a digit: noise, rough paper or many small marks fill the"),
        ("huge.png", "choose one of 50 million or fewer"),
    ):
        page.locator("#try-file").set_input_files(tmp_path / name)
        expect(page.locator("#try-answer")).to_contain_text(words)
    draw(page, 3)
    assert not page.locator("#try-invitation").is_visible()
    assert page.locator("#try-source").inner_text() == ""
    page.locator("#try-undo").click()
    assert page.locator("#try-invitation").is_visible()
    assert answer(page) == "Nothing is drawn yet."


def test_examples_sliders_and_keyboard(page):
    examples = page.locator(".try-example")
    assert examples.count() >= 10
    titles = page.locator(".examples .title").all_inner_texts()
    assert titles == ["First of each class", "Predictions that changed most"]
    invitation, source = page.locator("#try-invitation"), page.locator("#try-source")
    assert invitation.inner_text() == "Draw a digit here"
    examples.nth(3).focus()
    page.keyboard.press("Enter")
    first = answer(page)
    assert first.startswith("baseline reads ")
    assert source.inner_text() == f": {examples.nth(3).get_attribute('title')}"
    assert invitation.is_visible()
    page.locator("#try-turn").focus()
    for _ in range(60):
        page.keyboard.press("ArrowRight")
    assert page.locator("#try-turn-value").inner_text() == "60"
    assert answer(page) != first
    page.locator("#try-reset").click()
    assert answer(page) == first


def test_changes_are_as_their_labels_say(page):
    image = np.zeros((28, 28), np.uint8)
    image[10, 6] = 200

    def moved(**settings):
        settings = {"turn": 0, "right": 0, "down": 0, "size": 1, "noise": 0} | settings
        return np.array(
            page.evaluate(
                "([image, settings]) => Array.from(changed(image, settings))",
                [image.ravel().tolist(), settings],
            )
        ).reshape(28, 28)

    np.testing.assert_array_equal(moved(), image)
    np.testing.assert_array_equal(moved(right=3, down=-2), np.roll(image, (-2, 3), (0, 1)))
    np.testing.assert_allclose(moved(turn=90), np.rot90(image, -1), atol=1)
    noise = moved(noise=0.5)[image == 0]  # half of it below black: 0.4 SD on average
    assert 40 < noise.mean() < 60


@pytest.mark.parametrize(
    ("width", "scheme"),
    [(1280, "light"), pytest.param(390, "dark", marks=pytest.mark.torture)],
)
def test_it_asks_for_nothing_and_axe_finds_nothing(browser, full, width, scheme):
    from axe_playwright_python.sync_playwright import Axe

    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto((full.reports / "app.html").as_uri())
    page.locator(".try-example").first.click()
    assert [url for url in requests if not url.startswith(("data:", "blob:"))] == [page.url]
    assert page.evaluate("document.documentElement.scrollWidth") == width
    found = Axe().run(page, options={"resultTypes": ["violations"]})
    assert found.violations_count == 0, found.generate_report()
    page.close()


def test_a_foreign_script_does_not_run(browser, full, tmp_path):
    text = (full.reports / "app.html").read_text()
    spoiled = tmp_path / "spoiled.html"
    spoiled.write_text(text.replace("</body>", "<script>document.title = 'mine'</script></body>"))
    page = browser.new_page()
    page.goto(spoiled.as_uri())
    assert page.title() != "mine"
    page.close()


@pytest.mark.parametrize(
    "digits", [(0, 3, 6, 8), pytest.param(range(10), marks=pytest.mark.torture)]
)
def test_drawn_digits_are_read(page, digits):
    right = 0
    for digit in digits:
        draw(page, digit)
        right += f"augmented reads {digit} " in answer(page)
    assert right >= len(digits) - 1


def test_which_networks_they_are_is_said(full, opened):
    words = "The networks are the runs with the median test accuracy: baseline seed "
    assert words in full.sections["try"].blocks[1].text
    assert words in opened.locator("main").inner_text()
    assert full.sections["try"].blocks[0].text.startswith("Draw a digit, choose a picture of one")
    assert [block.name for block in full.sections["try"].blocks if block.kind == "place"] == ["app"]


def test_only_what_it_can_read_has_one(full, reference):
    """Without weights, samples or the size of MNIST's images there is no drawing page."""
    content, weights = reference
    assert app.load(content, None, weights, {}) is None
    assert app.load(content, {}, {}, {}) is None
    assert app.reason(content, {}) is None
    colour = replace(content, dataset=content.dataset | {"image_shape": [28, 28, 3]})
    assert app.reason(colour, {"augmented_reason": np.array("it has layers")}) is None
