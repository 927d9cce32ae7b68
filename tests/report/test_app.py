"""The drawing page in a real browser: the same answers as Keras, the same preparation as Python."""

import base64
from dataclasses import replace

import handwriting
import keras
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from mnist_aug.data import preprocessing as preparation
from mnist_aug.evaluate import evaluation
from mnist_aug.report import page as report
from mnist_aug.train import training
from mnist_aug.train.variant import augmented, baseline

ARMS = ("baseline", "augmented")


@pytest.fixture(scope="module")
def folder(digits, tmp_path_factory):
    made = tmp_path_factory.mktemp("app")
    for variant in (baseline, augmented):
        training.train(replace(variant, epochs=15), [0], digits, made / "results")
    evaluation.evaluate(made / "results", digits)
    report.write(made / "results", made / "reports")
    return made


@pytest.fixture
def page(browser, folder):
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    said = []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.goto((folder / "reports" / "app.html").as_uri())
    yield opened
    assert said == []
    opened.close()


def answer(page):
    return page.locator("#try-answer").inner_text()


def encoded(array):
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def draw(page, digit):
    page.locator("#try-clear").click()
    edge = page.locator("#try-pad").bounding_box()
    for stroke in handwriting.WAYS[digit][0]:
        points = handwriting.smooth(np.array(stroke)) * [0.5, 0.72] + [0.25, 0.14]
        places = [
            (edge["x"] + x * edge["width"], edge["y"] + y * edge["height"]) for x, y in points
        ]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in [*places[1:-1:4], places[-1]]:
            page.mouse.move(*place)
        page.mouse.up()


def test_probabilities_are_those_of_keras(page, folder, digits):
    images = np.concatenate([digits.x_test, digits.x_train])[:1000]
    found = page.evaluate(
        """encoded => {
        const bytes = Uint8Array.from(atob(encoded), c => c.charCodeAt(0));
        const data = JSON.parse(document.getElementById("try-data").textContent);
        return data.arms.map(arm => {
            const read = network(arm.sizes, decoded(`try-weights-${arm.name}`));
            return Array.from({length: bytes.length / 784},
                (_, i) => Array.from(read(bytes.slice(784 * i, 784 * (i + 1)))));
        });
    }""",
        encoded(images),
    )
    for name, probabilities in zip(ARMS, found, strict=True):
        model = keras.models.load_model(
            folder / "results" / name / "seed-00" / "mnist_num_reader.keras"
        )
        expected = model.predict(images / np.float32(255), verbose=0)
        assert np.abs(np.array(probabilities) - expected).max() < 1e-4


def test_preparation_is_that_of_python(page):
    for options in [{}, *handwriting.PICTURES.values()]:
        for digit in range(10):
            picture = handwriting.drawn(digit, 1, **options)
            image, doubts = page.evaluate(
                """([height, width, encoded]) => {
                const bytes = Uint8Array.from(atob(encoded), c => c.charCodeAt(0));
                const made = prepare({height, width, data: Float64Array.from(bytes)});
                return [Array.from(made.image), made.doubts];
            }""",
                [*picture.shape, encoded(picture)],
            )
            expected = preparation.prepare(picture)
            gap = np.abs(np.array(image).reshape(28, 28) - expected.image.astype(int)).max()
            assert gap <= 2, (options, digit)
            assert tuple(doubts) == expected.doubts


def test_an_answer_takes_less_than_a_frame(page):
    draw(page, 8)
    times = page.evaluate("""() => {
        const data = document.getElementById("try-pad").getContext("2d")
            .getImageData(0, 0, 256, 256).data;
        const grey = {height: 256, width: 256, data: new Float64Array(65536)};
        grey.data.forEach((_, i) => { grey.data[i] = data[4 * i]; });
        const shown = JSON.parse(document.getElementById("try-data").textContent);
        const nets = shown.arms.map(arm => network(arm.sizes, decoded(`try-weights-${arm.name}`)));
        return Array.from({length: 40}, () => {
            const start = performance.now(), {image} = prepare(grey);
            nets.forEach(read => read(image));
            return performance.now() - start;
        });
    }""")
    assert min(times) < 16  # the others may have waited for a core


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
    for name in ("scan.png", "large.jpg", "phone.jpg", "clear.png"):
        page.locator("#try-clear").click()
        page.locator("#try-file").set_input_files(tmp_path / name)
        expect(page.locator("#try-answer")).to_contain_text(" reads ")
        shown = page.evaluate("""Array.from(document.getElementById("try-seen").getContext("2d")
            .getImageData(0, 0, 28, 28).data).filter((_, i) => i % 4 === 0)""")
        expected = preparation.prepare(preparation.read(tmp_path / name)).image.astype(int)
        assert np.abs(np.array(shown).reshape(28, 28) - expected).max() <= 2, name


def test_what_is_no_digit_gets_a_sentence(page, tmp_path):
    (tmp_path / "letter.png").write_text("no picture")
    Image.new("L", (300, 300), 255).save(tmp_path / "empty.png")
    Image.new("1", (10_000, 5_001), 1).save(tmp_path / "huge.png")
    for name, words in (
        ("letter.png", "letter.png can't be read as a picture"),
        ("empty.png", "There is no digit in the picture"),
        ("huge.png", "choose one of 50 million or fewer"),
    ):
        page.locator("#try-file").set_input_files(tmp_path / name)
        expect(page.locator("#try-answer")).to_contain_text(words)
    draw(page, 3)
    page.locator("#try-undo").click()
    assert answer(page) == "Nothing is drawn yet."


def test_examples_sliders_and_keyboard(page):
    examples = page.locator(".try-example")
    assert examples.count() >= 10
    examples.nth(3).focus()
    page.keyboard.press("Enter")
    first = answer(page)
    assert first.startswith("baseline reads ")
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


def test_alone_and_in_the_report_it_asks_for_nothing(browser, folder):
    from axe_playwright_python.sync_playwright import Axe

    for name in ("app.html", "index.html"):
        for width, scheme in ((1280, "light"), (390, "dark")):
            page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
            asked = []
            page.on("request", lambda request, asked=asked: asked.append(request.url))
            address = (folder / "reports" / name).as_uri()
            page.goto(address)
            page.locator(".try-example").first.click()
            assert [url for url in asked if not url.startswith(("data:", "blob:"))] == [address]
            assert page.evaluate("document.documentElement.scrollWidth") == width
            found = Axe().run(page)
            assert found.violations_count == 0, found.generate_report()
            page.close()
    text = (folder / "reports" / "index.html").read_text()
    assert len(text.encode()) < 5_000_000
    assert "script-src &#39;sha256-" in text


def test_a_foreign_script_does_not_run(browser, folder, tmp_path):
    text = (folder / "reports" / "app.html").read_text()
    spoiled = tmp_path / "spoiled.html"
    spoiled.write_text(text.replace("</body>", "<script>document.title = 'mine'</script></body>"))
    page = browser.new_page()
    page.goto(spoiled.as_uri())
    assert page.title() != "mine"
    page.close()


def test_drawn_digits_are_read(page):
    right = 0
    for digit in range(10):
        draw(page, digit)
        right += f"augmented reads {digit} " in answer(page)
    assert right >= 9
