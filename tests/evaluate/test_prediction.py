"""Pictures read by trained networks, through the command line as a user would."""

import csv
import io
import itertools
import json
import shutil
from dataclasses import replace

import handwriting
import keras
import numpy as np
import pandas as pd
import pytest
import synthetic_results
from conftest import PROJECT
from PIL import Image

from mnist_aug.analysis import doubts
from mnist_aug.data import preprocessing
from mnist_aug.errors import UserError
from mnist_aug.evaluate import answers, prediction
from mnist_aug.results import extras, files, runs
from mnist_aug.train import models, training
from mnist_aug.train.variant import augmented, baseline


def write_run(results, variant="augmented", seed=0, shape=(28, 28), weights=None, about=None):
    """A run whose model is not trained here; `about` is what its manifest says of the dataset."""
    classes = len((about or {}).get("class_names", range(10)))
    model = models.build(baseline, shape, classes, 10 * runs.BOTH.index(variant) + seed)
    if weights is not None:
        model.set_weights(weights)
    model.save(results / runs.MODEL)
    held = {runs.MODEL: (results / runs.MODEL).read_bytes()}
    described = {"dataset": about} if about else {}
    manifest = files.manifest_bytes({"variant": {"name": variant}, "seed": seed, **described}, held)
    runs.write_run(results, variant, seed, held | {runs.MANIFEST: manifest})


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    for variant in runs.BOTH:
        for seed in range(2):
            write_run(folder, variant, seed)
    return folder


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "pictures"
    place.mkdir()
    for digit in (3, 8):
        Image.fromarray(handwriting.drawn(digit, 0)).save(place / f"{digit}.png")
    (place / "notes.txt").write_text("no picture")
    return place


def test_lines_of_both_variants_and_their_score(called, results, folder):
    (folder / "8").mkdir()
    (folder / "8.png").rename(folder / "8" / "3-1.png")
    Image.new("L", (50, 50), 255).save(folder / "4_blank.png")
    process = called("predict", folder, "--results", results, "--score")
    assert process.returncode == 1
    lines = process.stdout.splitlines()
    assert lines[0] == str(folder / "3.png")
    assert lines[1].startswith("  baseline   ")
    assert lines[1].count("%") == 3
    assert lines[2].startswith("  augmented  ")
    assert " of 2 runs agree" in lines[2]
    assert str(folder / "8" / "3-1.png") in lines
    assert "pictures of known class: 3; not read, which count as errors: 1" in lines
    assert process.stdout.count("4 not read: 1") == 2
    assert f"{folder / '8' / '3-1.png'} is of one class by the folder" in lines[-1]
    error = process.stderr.splitlines()[-1]  # TensorFlow's first words may stand before
    assert error.startswith(f"error: {folder / '4_blank.png'}: there is no digit")


def test_json_figure_and_bad_files_among_good_ones(called, results, folder, tmp_path):
    Image.new("L", (50, 50), 255).save(folder / "empty.png")
    (folder / "broken.jpg").write_bytes(b"no picture")
    figure = tmp_path / "out.png"
    process = called(
        "predict",
        folder,
        folder / "none.png",
        "--results",
        results,
        "--json",
        "--variant",
        "augmented",
        "--figure",
        figure,
    )
    assert process.returncode == 1
    order = ["3.png", "8.png", "broken.jpg", "empty.png", "none.png"]
    bad = order[2:]
    errors = process.stderr.splitlines()
    assert [line.startswith("error: ") for line in errors] == [True] * 3
    for name, line in zip(bad, errors, strict=True):
        assert str(folder / name) in line
    found = json.loads(process.stdout)
    assert [one["image"] for one in found] == [str(folder / name) for name in order]
    assert [f"error: {one['error']}" for one in found[2:]] == errors
    own = prediction.Reader(results, ["augmented"]).read(
        [
            preprocessing.prepare(preprocessing.read(folder / f"{digit}.png")).image
            for digit in (3, 8)
        ]
    )
    for one, expected in zip(found, own, strict=False):
        assert list(one["predictions"]) == ["augmented"]
        answer = one["predictions"]["augmented"]
        best = answer["best"]
        assert [b["digit"] for b in best] == [digit for digit, _ in expected["augmented"].best]
        assert [b["class"] for b in best] == [str(b["digit"]) for b in best]
        assert [b["probability"] for b in best] == pytest.approx(
            [p for _, p in expected["augmented"].best], abs=1e-6
        )
        assert best[0].items() <= answer.items()
        assert (answer["runs"], answer["agreeing"]) == (2, expected["augmented"].agreeing)
    with Image.open(figure) as drawn:
        assert drawn.width > 500


def test_csv_of_more_pictures_than_are_read_at_once(called, results, folder, monkeypatch):
    monkeypatch.setattr(answers, "BATCH", 3)
    for k in range(4):
        shutil.copy(folder / "3.png", folder / f"3-{k}.png")
    (folder / "5.svg").write_text("<svg></svg>")
    process = called("predict", folder, "--results", results, "--csv", "--score")
    assert process.returncode == 1
    rows = [*csv.DictReader(io.StringIO(process.stdout))]
    names = ["3.png", *(f"3-{k}.png" for k in range(4)), "5.svg", "8.png"]
    assert {row["image"] for row in rows} == {str(folder / name) for name in names}
    assert len(rows) == 2 * 6 + 1
    of_threes = {
        (row["class"], row["probability"])
        for row in rows
        if row["true"] == "3" and row["model"] == "baseline"
    }
    assert len(of_threes) == 1
    assert "pictures of known class: 7; not read" in process.stderr


def test_a_reading_is_the_mean_over_runs(results, few):
    images = few.x_test[:20]
    readings = prediction.Reader(results).read(images)
    every = np.stack(
        [
            keras.models.load_model(
                runs.run_folder(results, "baseline", seed) / runs.MODEL, compile=False
            )(images / np.float32(255)).numpy()
            for seed in range(2)
        ]
    )
    for i, reading in enumerate(readings):
        np.testing.assert_allclose(
            reading["baseline"].probabilities, every[:, i].mean(axis=0), atol=1e-5
        )
        digit = every[:, i].mean(axis=0).argmax()
        assert reading["baseline"].agreeing == (every[:, i].argmax(axis=1) == digit).sum()


def test_grey_images_may_have_a_channel(tmp_path, few):
    weights = models.build(baseline, (28, 28), 10, 3).get_weights()
    write_run(tmp_path, "baseline", weights=weights)
    write_run(tmp_path, "augmented", shape=(28, 28, 1), weights=weights)
    for reading in prediction.Reader(tmp_path).read(few.x_test[:5]):
        one, other = (reading[name].probabilities for name in runs.BOTH)
        np.testing.assert_array_equal(one, other)


def test_mistakes(called, results, folder, tmp_path, fails_in_one_line):
    fails_in_one_line(called("predict"), "IMAGE")
    fails_in_one_line(
        called("predict", folder, "--results", results, "--variant", "best"),
        "best holds no trained runs",
    )
    (tmp_path / "bare").mkdir()
    fails_in_one_line(called("predict", tmp_path / "bare"), "bare holds no picture")
    (tmp_path / "bare" / "x.png").touch()
    fails_in_one_line(called("predict", tmp_path / "bare", "--results", results), "x.png is empty")
    fails_in_one_line(
        called("predict", tmp_path / "bare", "--results", results, "--score"),
        "no picture's true class is known",
    )
    fails_in_one_line(called("predict", folder, "--json", "--csv"), "not allowed with")
    fails_in_one_line(
        called("predict", folder, "--results", results, "--figure", "x.doc"), "x.doc can't be drawn"
    )


def test_a_model_that_is_not_the_runs_own_is_not_read_with(results, tmp_path):
    folder = shutil.copytree(results, tmp_path / "results") / "baseline"
    shutil.copy(folder / "seed-01" / runs.MODEL, folder / "seed-00" / runs.MODEL)
    with pytest.raises(UserError, match=r"seed-00/mnist_num_reader\.keras is damaged or was chang"):
        prediction.Reader(tmp_path / "results")


def test_models_of_other_images_are_refused(tmp_path):
    write_run(tmp_path, shape=(14, 14))
    with pytest.raises(UserError, match=r"reads images of \(14, 14\)"):
        prediction.Reader(tmp_path)


@pytest.fixture
def judged(results, tmp_path):
    """Results as evaluation leaves them, and their judge of the baseline; augmented has none."""
    place = shutil.copytree(results, tmp_path / "results")
    for variant in runs.BOTH:
        weights = {}
        for seed in range(2):
            path = runs.run_folder(place, variant, seed) / runs.MANIFEST
            held = {runs.MODEL: path.with_name(runs.MODEL).read_bytes()}
            weights[f"{seed:02d}"] = f"{variant} {seed}"
            manifest = {"variant": {"name": variant}, "seed": seed, "dataset": {}}
            manifest |= {"weights_sha256": weights[f"{seed:02d}"]}
            path.write_bytes(files.manifest_bytes(manifest, held))
        about = {"variant": {"name": variant}, "dataset": {"sha256": "ab"}, "runs": weights}
        table = pd.DataFrame({"variant": [variant]})
        runs.write_evaluation(place / variant, about, table, {})
    shown = {"original_images": np.zeros((1, 28, 28)), "test_images": np.zeros((1, 28, 28))}
    known = doubts.Known(np.zeros((10, 8, 8), np.uint8), np.arange(10), 2.3)
    judge = doubts.Judge(known, 1.5, (-1.0, 0.5, 1.0, 0.2))
    extras.write_samples(
        place,
        {name: one.evaluation for name, one in runs.read_variants(place).items()},
        shown,
        {},
        known.arrays() | judge.arrays("baseline"),
    )
    return place, judge


def test_answers_are_calibrated_and_doubted_as_evaluation_found(called, judged, folder, few):
    place, judge = judged
    images = few.x_test[:20]
    readings = prediction.Reader(place).read(images)
    models = [
        keras.models.load_model(run.model, compile=False)
        for run in prediction.trained(place)["baseline"]
    ]
    every = np.stack([model(images / np.float32(255)).numpy() for model in models])
    mean, doubt, distances = judge.judged(every, images)
    assert len(set(distances > 2.3)) == 2
    for i, reading in enumerate(readings):
        own, digit = reading["baseline"], int(mean[i].argmax())
        np.testing.assert_allclose(own.probabilities, mean[i], atol=1e-5)
        assert own.doubt == pytest.approx(doubt[i], abs=1e-4)
        assert own.doubts == judge.reasons(doubt[i], distances[i], str(digit))
        assert np.isnan(reading["augmented"].doubt)
        assert reading["augmented"].doubts == ()
    process = called("predict", folder / "3.png", "--results", place, "--json")
    (found,) = json.loads(process.stdout)
    assert found["predictions"]["augmented"]["doubt"] is None
    assert 0 < found["predictions"]["baseline"]["doubt"] < 1
    text = called("predict", folder / "3.png", "--results", place).stdout
    for reason in found["predictions"]["baseline"]["doubts"]:
        assert reason in text


@pytest.mark.filterwarnings("default::mnist_aug.evaluate.prediction.LeftOutWarning")
def test_what_evaluation_stored_is_not_left_out_unsaid(called, judged, folder):
    place, _ = judged
    path = place / "doubts.npz"
    path.write_bytes(path.read_bytes()[:-1])
    words = f"{path} is damaged or was changed by hand: delete {place / 'samples.json'} and run"
    with pytest.warns(prediction.LeftOutWarning) as said:
        reader = prediction.Reader(place)
    assert [str(one.message).startswith(words) for one in said] == [True]
    (reading,) = reader.read([np.zeros((28, 28), np.uint8)])
    assert np.isnan(reading["baseline"].doubt)
    (place / "samples.json").write_bytes(b"{}")
    process = called("predict", folder / "3.png", "--results", place, "--csv")
    assert process.returncode == 0
    assert process.stderr.count("warning: ") == 1
    assert f"warning: {place / 'samples.json'} is damaged" in process.stderr


CLOTHES = ["T-shirt/top", "Trouser", "Pullover", "Ankle boot, laced up to the knee"]


def test_things_are_called_by_their_names_and_read_in_colour(called, tmp_path):
    place = tmp_path / "results"
    place.mkdir()
    about = {
        "image_shape": [6, 8, 3],
        "classes": 4,
        "class_names": CLOTHES,
        "background": None,
        "kind": "image",
    }
    for variant in runs.BOTH:
        write_run(place, variant, shape=(6, 8, 3), about=about)
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (60, 80, 3), np.uint8)
    Image.fromarray(picture).save(tmp_path / "one.png")
    figure = tmp_path / "out.png"
    process = called(
        "predict", tmp_path / "one.png", "--results", place, "--json", "--figure", figure
    )
    assert process.returncode == 0, process.stderr
    (read,) = json.loads(process.stdout)
    reader = prediction.Reader(place)
    assert reader.form == preprocessing.Form((6, 8, 3), None, "image", tuple(CLOTHES))
    expected = picture.reshape(6, 10, 8, 10, 3).mean((1, 3)).round().astype(np.uint8)
    (own,) = reader.read([expected])
    for variant in runs.BOTH:
        best = read["predictions"][variant]["best"]
        assert [{*one} for one in best] == [{"class", "probability"}] * 3
        assert [one["class"] for one in best] == [CLOTHES[k] for k, _ in own[variant].best]
        for one, (_, p) in zip(best, own[variant].best, strict=True):
            assert one["probability"] == pytest.approx(p, abs=2e-3)
    process = called("predict", tmp_path / "one.png", "--results", place)
    assert sum(name in process.stdout for name in CLOTHES) >= 3
    with Image.open(figure) as drawn:
        assert drawn.width > 500


def test_variants_of_other_data_are_not_read_together(tmp_path):
    write_run(tmp_path, "baseline")
    write_run(tmp_path, "augmented", shape=(14, 14), about={"image_shape": [14, 14], "classes": 10})
    with pytest.raises(UserError, match=r"reads images of \(14, 14\) in 10 classes, and others"):
        prediction.Reader(tmp_path)
    assert prediction.Reader(tmp_path, ["augmented"]).form.image_shape == (14, 14)


def test_how_large_digits_stand_in_the_images_is_measured(tmp_path):
    synthetic_results.write(tmp_path, bench=False, test=60)
    form = prediction.form(tmp_path)
    assert form.image_shape == (28, 28)
    assert form.box == pytest.approx(20 / 28)
    samples, _ = extras.read_samples(tmp_path, runs.read_variants(tmp_path))
    images = np.concatenate([samples["original_images"], samples["test_images"]])
    assert form.box == preprocessing.box_of(images, 0)
    (tmp_path / "samples.npz").write_bytes(b"damaged")
    with pytest.warns(prediction.LeftOutWarning, match=r"samples\.npz is damaged"):
        assert prediction.form(tmp_path) == replace(form, box=20 / 28)


def reference_weights():
    """Of the reference's augmented network, layer by layer."""
    with np.load(PROJECT / "results/reference/mnist" / "weights.npz") as stored:
        numbers = stored["augmented_weights"]
    sizes = 784, 128, 128, 10
    shapes = [shape for a, b in itertools.pairwise(sizes) for shape in ((a, b), (b,))]
    ends = np.cumsum([np.prod(shape) for shape in shapes])[:-1]
    return [part.reshape(s) for part, s in zip(np.split(numbers, ends), shapes, strict=True)]


@pytest.mark.parametrize(
    ("trained", "hands"), [("before", 1), pytest.param("now", 2, marks=pytest.mark.torture)]
)
def test_drawn_digits_are_read(request, tmp_path, trained, hands):
    """Of digits drawn for this test, none of them seen in training, at least nine in ten."""
    if trained == "before":
        write_run(tmp_path, weights=reference_weights())
    else:
        mnist = request.getfixturevalue("mnist")
        training.train(replace(augmented, epochs=3), [0], mnist, tmp_path)
    reader, right = prediction.Reader(tmp_path), []
    for options in handwriting.PICTURES.values():
        images = [
            preprocessing.prepare(handwriting.drawn(digit, seed, **options)).image
            for digit in range(10)
            for seed in range(hands)
        ]
        digits = np.repeat(np.arange(10), hands)
        right += [
            reading["augmented"].best[0][0] == digit
            for reading, digit in zip(reader.read(images), digits, strict=True)
        ]
    print(f"{sum(right)} of {len(right)} drawn digits read right")
    assert np.mean(right) >= 0.9
