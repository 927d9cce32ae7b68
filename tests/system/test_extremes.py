"""Extreme data, extreme results, and names that are meant to break out of a page."""

import csv
import io
import json
import re
import warnings
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
import synthetic_results

from mnist_aug.analysis import comparison
from mnist_aug.data.dataset import Dataset
from mnist_aug.errors import UserError
from mnist_aug.evaluate import evaluation
from mnist_aug.report import inputs, page, setup, tables, templating
from mnist_aug.results import runs
from mnist_aug.train import training, variant

RIGHT = np.ones((2, 40), bool)
ODD = {  # results that need no training
    "one seed": {"seeds": 1, "test": 40},
    "ten test images": {"seeds": 2, "test": 10},
    "one test image": {"seeds": 2, "test": 1},
    "one test image, one seed": {"seeds": 1, "test": 1},
    "images of one pixel": {"seeds": 2, "test": 40, "shape": (1, 1)},
    "images of one row": {"seeds": 2, "test": 40, "shape": (1, 50)},
    "images of 300 by 300": {"seeds": 2, "test": 20, "shape": (300, 300)},
    "all right": {"correct": {"baseline": RIGHT, "augmented": RIGHT}},
    "all wrong": {"correct": {"baseline": ~RIGHT, "augmented": ~RIGHT}},
    "right against wrong": {"correct": {"baseline": RIGHT, "augmented": ~RIGHT}},
    "wrong against right": {"correct": {"baseline": ~RIGHT, "augmented": RIGHT}},
    "two classes": {"seeds": 2, "test": 40, "classes": 2},
    "test images of some classes": {"seeds": 2, "test": 7},
    "one epoch": {"seeds": 2, "test": 40, "epochs": 1},
    "the same model twice": {"seeds": 2, "test": 40, "policy": None},
    "two hundred classes": {"seeds": 2, "test": 400, "classes": 200},
}


def made(folder, **options):
    return synthetic_results.write(
        folder, **{"seeds": 2, "test": 40, "other_sets": True, **options}
    )


def report(results, reports):
    """Write the report with no warning; its verdict, and the text of report.md."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        verdict = page.write(results, reports)
    for path in (reports / "figures").glob("*.svg"):
        ElementTree.parse(path)
    text = (reports / "report.md").read_text(encoding="utf-8")
    assert not re.search(r"\b(nan|inf)\b", text)
    return verdict, text


@pytest.mark.torture  # test_figures.py draws some
@pytest.mark.parametrize("name", ODD)
def test_odd_results_make_a_report(tmp_path, name, counted):
    verdict, text = report(made(tmp_path / "results", **ODD[name]), tmp_path / "reports")
    assert verdict
    if name == "two hundred classes":
        assert "Drawn are the 12 of 200 classes with the most errors" in text
        assert "The 40 classes with the largest differences." in text
        assert (tmp_path / "reports" / "index.html").stat().st_size < 3_000_000
    counted("reports of odd results", 1)


# Runs that diverged -------------------------------------------------------------------------------


def diverge(results, name, seed):
    """Make a run one whose weights are no numbers from its second epoch on."""
    folder = runs.run_folder(results, name, seed)
    history = pd.read_csv(folder / runs.HISTORY)
    history.loc[1:, ["loss", "val_loss"]] = np.nan
    history.loc[2, "val_loss"] = np.inf
    history.to_csv(folder / runs.HISTORY, index=False)
    with np.load(folder / runs.PREDICTIONS) as file:
        arrays = dict(file)
    arrays["log_probabilities"] = np.full_like(arrays["log_probabilities"], np.nan)
    np.savez(folder / runs.PREDICTIONS, **arrays)
    metrics = pd.read_csv(results / name / runs.METRICS)
    own = (metrics["seed"] == seed) & (metrics["eval_set"] == "test")
    metrics.loc[own, ["accuracy", "loss"]] = (arrays["labels"] == 0).mean(), np.nan
    metrics.to_csv(results / name / runs.METRICS, index=False)


def signed(results, weights=None):
    """Let manifests answer for what was changed, and choose samples from it."""
    synthetic_results.sign(results)
    synthetic_results.write_samples(results, synthetic_results.dataset(test=40), weights)


def test_a_run_that_diverged_is_marked_and_in_no_mean_unseen(tmp_path):
    results = made(tmp_path / "results", seeds=3)
    diverge(results, "augmented", 1)
    signed(results)
    _, text = report(results, tmp_path / "reports")
    assert "augmented with seed 1 did not learn" in text.split("## Contents")[0]
    assert "Runs are left out where a value of theirs is not a number." in text
    lines = text.split("**After the last epoch")[1].splitlines()[:8]
    rows = {line.split(" | ")[0].strip("| "): line for line in lines}
    assert rows["augmented"].count("not a number") == 2
    assert "not a number" not in rows["baseline"]
    frame = pd.read_csv(tmp_path / "reports" / "tables" / "results.csv").set_index("variant")
    assert np.isnan(frame.loc["augmented", "loss"])
    frame = pd.read_csv(tmp_path / "reports" / "tables" / "runs.csv")
    assert frame[~frame["learned"]][["variant", "seed"]].to_numpy().tolist() == [["augmented", 1]]


@pytest.mark.torture
@pytest.mark.parametrize("seeds", [1, 2])
def test_models_that_diverged_make_a_report(tmp_path, seeds):
    results = made(tmp_path / "results", seeds=seeds)
    for name in runs.BOTH:
        for seed in range(seeds):
            diverge(results, name, seed)
    signed(results)
    _, text = report(results, tmp_path / "reports")
    assert "baseline with seed" in text.split("## Contents")[0]


@pytest.mark.torture
def test_a_network_that_diverged_says_so_in_the_app(browser, tmp_path):
    results = made(tmp_path / "results")
    signed(results, weights(baseline=0.01, augmented=np.nan))
    page.write(results, tmp_path / "reports")
    opened, heard = trapped(browser, tmp_path / "reports" / "app.html")
    opened.locator(".try-example").first.click()
    answer = opened.locator("#try-answer").inner_text()
    assert re.fullmatch(
        r"baseline reads \d \(10\.0 %\); augmented reads nothing, as its training "
        r"diverged\..*",
        answer,
    )
    assert heard == []
    opened.close()


# Names --------------------------------------------------------------------------------------------

NAMES = {
    "markup": '</script><script>document.title="run"</script><img src=x onerror=run()>&amp;"\'',
    "Markdown": "|a|`b`\n\n# c\n```\n[d](e) **f** $g$ ~~h~~ <i>",
    "mathematics": r"$\frac{$ a$b$",
    "directions and controls": "a\u202eb\u2066c\x1b[31m\x00\x08\ufffe\u200fd",
    "an attribute": '" onload="run()" id="x" href="#y" url(#z) #1c1c1d>',
    "a formula": '=HYPERLINK("http://127.0.0.1:9")',
    "long": "x" * 5000,
    "a template": "{{ 7 * 7 }}{% raw %}${7*7}",
    "a command": "a; touch b $(touch c) `touch d` 'e'",
}


def weights(**models):
    """A network of each model whose weights all have one value."""
    return {
        f"{name}_{part}": value
        for name, weight in models.items()
        for part, value in (
            ("weights", np.full(785 * 4 + 50, weight, np.float32)),
            ("sizes", np.array([784, 4, 10])),
            ("seed", np.array(0)),
        )
    }


def hostile(folder, name):
    """Results in which a name stands wherever one can."""
    results = made(folder, name=name)
    for path in results.glob(f"*/seed-*/{runs.MANIFEST}"):
        manifest = synthetic_results.content(path)
        manifest |= {
            "git": {"commit": name.encode("utf-8", "replace").decode(), "dirty": True},
            "versions": {"python": name, "tensorflow": name},
            "command": f"scripts/{name}",
            "device": {"processor": name, "cores": 2, "system": name},
        }
        if policy := manifest["variant"]["policy"]:
            policy["name"] = name
            policy["pipeline"]["transforms"][0][name] = [name, -0.5, name]
        path.write_text(json.dumps(manifest))
    for model in runs.BOTH:  # as of a dataset given by EXTRA
        path = results / model / runs.METRICS
        metrics = pd.read_csv(path)
        own = metrics["eval_set"] == "other/sklearn-digits"
        metrics.loc[own, "eval_set"] = f"other/{name}"
        metrics.to_csv(path, index=False)
        for kept in path.parent.glob(f"seed-*/{runs.CORRECT}"):
            with np.load(kept) as file:
                arrays = dict(file)
            arrays[f"other/{name}"] = arrays.pop("other/sklearn-digits")
            np.savez(kept, **arrays)
    signed(results, weights(baseline=0.01, augmented=0.01))
    return results


def trapped(browser, path):
    """A page, and a list that takes down whatever runs in it or is asked for by it."""
    opened, heard = browser.new_page(viewport={"width": 390, "height": 900}), []

    def hear(text):
        if not text.startswith(("data:", path.as_uri())):
            heard.append(text)

    opened.on("request", lambda request: hear(request.url))
    opened.on("console", lambda message: hear(message.text))
    opened.on("dialog", lambda dialog: hear(dialog.message))
    opened.on("pageerror", lambda error: hear(str(error)))
    opened.goto(path.as_uri())
    return opened, heard


def seen(name):
    """What a reader sees of a name where it stands."""
    return " ".join(templating.visible(name).split())


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name == "markup" else pytest.mark.torture)
        for name in NAMES
        if name not in ("directions and controls",)
    ],
)
def test_names_are_text_to_a_browser(browser, tmp_path, name, counted):
    text, reports = NAMES[name], tmp_path / "reports"
    page.write(hostile(tmp_path / "results", text), reports)
    for file in ("index.html", "app.html"):
        opened, heard = trapped(browser, reports / file)
        assert heard == []
        assert seen(text) in " ".join(opened.title().split())
        own = 4 + (file == "index.html")  # the drawing page's and its data, and the report's
        assert opened.evaluate("document.scripts.length") == own
        assert opened.evaluate("document.querySelectorAll('h1').length") == 1
        assert (
            opened.evaluate("""document.querySelectorAll(
            'img, i, b, iframe, object, embed, form, base, foreignObject').length""")
            == 0
        )
        assert all(
            link.startswith(("#", "data:text/csv"))
            for link in opened.evaluate(
                "[...document.querySelectorAll('a')].map(link => link.getAttribute('href'))"
            )
        )
        assert all(
            re.match("make |git ", code)
            for code in opened.evaluate(
                "[...document.querySelectorAll('code')].map(code => code.textContent)"
            )
        )
        assert (
            opened.evaluate("document.querySelectorAll('[onload],[onerror],[onclick]').length") == 0
        )
        assert opened.evaluate("document.documentElement.scrollWidth") <= 390
        assert seen(text) in " ".join(opened.locator("h1").first.inner_text().split())
        opened.close()
    for path in (reports / "figures").glob("*.svg"):
        for element in ElementTree.parse(path).iter():
            assert element.tag.rpartition("}")[2] not in ("script", "foreignObject", "a")
            assert not any(key.startswith("on") for key in element.attrib)
    counted("hostile names shown in a browser", 1)


def test_names_are_text_in_markdown(tmp_path):
    text = NAMES["Markdown"]
    (made_text,) = {templating.markdown(text)}
    assert "\n" not in made_text
    for sign in "|`#[]*$~<>":
        assert not re.search(rf"(?<!\\){re.escape(sign)}", made_text), sign
    command = "as `make report DATA=digits` does"
    assert templating.markdown(command) == command


@pytest.mark.torture
@pytest.mark.parametrize("name", NAMES)
def test_every_name_makes_a_report(tmp_path, name):
    results = hostile(tmp_path / "results", NAMES[name].replace("\x00", ""))
    verdict, text = report(results, tmp_path / "reports")
    assert 2 <= len(verdict.split("\n")) <= 4  # and none within a name
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08\x0b-\x1f]", verdict + text)


def test_commands_to_type_hold_no_name_that_a_shell_would_act_on(tmp_path):
    results = hostile(tmp_path / "results", NAMES["a command"])
    content = comparison.load(results)
    facts = setup.rebuild(content, inputs.Inputs(None, None, None, {}, {}, None, []))
    assert all(re.fullmatch(r"[\w ./=-]+", command) for command in facts["commands"])
    assert any("POLICY=path/to/policy" in command for command in facts["commands"])


def test_formulas_are_text_and_numbers_are_numbers_in_tables():
    risky = ["=1+1", "+x", "-x", "@x", "\t=1", "\n=1", " =1", "\uff1d1", "-1+cmd|' /C calc'!A0"]
    numbers = ["-0.5", "+3", "-1e-05", "-.5"]
    harmless = ["x", "1=1", "a-b"]
    assert tables.Table("t", "t", pd.DataFrame({"a": ["\r=1"]}), None).csv == 'a\n"\'\n=1"\n'
    frame = pd.DataFrame({"name": [*risky, *numbers, *harmless], "=value": -0.5})
    table = tables.Table("t", "t", frame, frame)
    rows = list(csv.reader(io.StringIO(table.csv, newline="")))
    assert rows[0] == ["name", "'=value"]
    assert [row[0] for row in rows[1:]] == [*(f"'{cell}" for cell in risky), *numbers, *harmless]
    assert {row[1] for row in rows[1:]} == {"-0.5"}


# Training -----------------------------------------------------------------------------------------


def small(images, classes, test=None, shape=(28, 28), constant=False, order="mixed"):
    """A dataset of random images whose brightest row tells the class."""
    rng = np.random.default_rng(0)

    def part(count):
        labels = np.arange(count, dtype=np.int32) % classes
        if order == "sorted":
            labels = np.sort(labels)
        pixels = rng.integers(0, 60, (count, *shape), np.uint8)
        pixels[np.arange(count), labels * shape[0] // classes] = 250
        return np.full_like(pixels, 7) if constant else pixels, labels

    return Dataset("small", "made for a test", *part(images), *part(test or images))


def whole_way(data, folder, seeds=1, **settings):
    """Train, evaluate and report; the text of report.md, or what is refused."""
    for name in runs.BOTH:
        training.train(
            variant.replace(variant.configured(name, epochs=1), **settings),
            range(seeds),
            data,
            folder / "results",
        )
    evaluation.evaluate(folder / "results", data)
    page.write(folder / "results", folder / "reports")
    return (folder / "reports" / "report.md").read_text(encoding="utf-8")


@pytest.mark.torture
def test_a_learning_rate_of_ten_is_named_from_training_to_the_page(tmp_path, capsys):
    text = whole_way(small(300, 3), tmp_path, learning_rate=10.0)
    assert "it did not learn: its training loss" in capsys.readouterr().out
    head = text.split("## Contents")[0]
    assert "baseline with seed 0 and augmented with seed 0 did not learn" in head


EXTREME = {
    "one image of each class": small(10, 10),
    "constant images": small(100, 10, constant=True),
    "300 by 300": small(60, 3, shape=(300, 300)),
    "200 classes": small(2000, 200, 400, (28, 28)),
    "ten test images": small(200, 10, test=10),
    "sorted, so that validation lacks classes": small(200, 10, order="sorted"),
    "one pixel": small(60, 1 + 1, shape=(2, 1)),
}


@pytest.mark.torture
@pytest.mark.parametrize("name", EXTREME)
def test_extreme_data_go_the_whole_way_or_are_refused(tmp_path, name, counted):
    counted("extreme datasets trained, evaluated and reported", 1)
    try:
        text = whole_way(EXTREME[name], tmp_path)
    except UserError as error:
        text = str(error)
        assert "\n" not in text
        assert ": " in text
    else:
        assert text.startswith("# Does this augmentation help")
        assert runs.seeds(tmp_path / "results", "baseline") == [0]
