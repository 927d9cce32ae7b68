"""Files of a results folder cut, emptied, changed and put in each other's place.

Each damage is told of in one line that names the file, or changes nothing that is read; `make
torture` tries every one, and a sample of them is tried always.
"""

import io
import itertools
import json
import shutil
import zipfile
from dataclasses import replace

import damages
import h5py
import keras
import numpy as np
import pytest
import synthetic_results
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_aug.analysis import comparison as study
from mnist_aug.errors import UserError
from mnist_aug.evaluate import examples
from mnist_aug.evaluate import saved_models as stored_model
from mnist_aug.experiments import studies
from mnist_aug.report import app, page, search
from mnist_aug.report import published as records
from mnist_aug.report import studies as report_studies
from mnist_aug.results import files as result_files
from mnist_aug.results import runs as run
from mnist_aug.train import checkpoints as state_file
from mnist_aug.train import models as model
from mnist_aug.train.variant import baseline

SIZES = np.array([784, 4, 10])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A small results folder with a file of each kind."""
    results = synthetic_results.write(
        tmp_path_factory.mktemp("made") / "results",
        seeds=2,
        test=20,
        beside=True,
        studies=("ablation", "tuned"),
    )
    for folder in [*(results / "ablation").iterdir()][1:]:
        shutil.rmtree(folder)
    synthetic_results.write_records(results, {"small": [0.1, 0.2], "lecun": [0.1]}, test=20)
    synthetic_results.write_recipes(results, {"plain-rate0.002-decay0.01": [0.9]}, test=20)
    count = sum((a + 1) * b for a, b in itertools.pairwise(SIZES))
    np.savez_compressed(
        results / "weights.npz",
        **{
            f"{arm}_{part}": value
            for arm in study.ARMS
            for part, value in (
                ("weights", np.ones(count, np.float32)),
                ("sizes", SIZES),
                ("seed", np.array(0)),
            )
        },
    )
    return results


@pytest.fixture(scope="module")
def reader(made):
    """For each file, a function of the results folder that reads it as a report does."""
    content = study.load(made)
    samples = examples.load(made, content)
    found, left_out = search.read(made, content)
    assert found.keys() == {*study.ARMS}
    assert not left_out
    best = search.best_settings(found)

    def choose(path):
        name = path.relative_to(made).parts[0]
        return {
            "samples.npz": lambda results: examples.load(results, content),
            "weights.npz": lambda results: app.load(results, content, samples),
            "tune": lambda results: search.read(results, content),
            "records": lambda results: records.read(results, content),
            "recipes": lambda results: records.read(results, content),
            "ablation": lambda results: report_studies.read(results, content, best),
            "tuned": lambda results: report_studies.read(results, content, best),
        }.get(name, study.load)

    return choose


def kinds(results):
    """One file of each kind: of several seeds and variants of a study the first."""
    found = {}
    for path in sorted(path for path in results.rglob("*") if path.is_file()):
        place = path.relative_to(results).parts
        if path.name == "predictions.npz" and place[0] not in study.ARMS:
            continue  # not read
        found.setdefault((place[0], path.name if "seed-" in str(path) else place[1:]), path)
    return list(found.values())


def refusal(function, *arguments):
    """What a call refuses its arguments with; None if it does not."""
    try:
        function(*arguments)
    except UserError as error:
        return str(error)
    return None


def told(path, read, results, damage):
    """Read a damaged file; what is said of it, or None where it was taken as it is."""
    whole = path.read_bytes()
    try:
        path.write_bytes(damage)
        text = refusal(read, results)
    finally:
        path.write_bytes(whole)
    if text is not None:
        assert "\n" not in text
        # Runs that disagree are told of by their variant: any of them may be the damaged one.
        folder = path.parent.parent if path.parent.name.startswith("seed-") else path.parent
        assert path.name in text or str(folder) in text, text
    return text


def every_damage(path, rng, count):
    yield from ((f"foreign {content[:9]!r}", content) for content in damages.FOREIGN)
    yield from damages.bytes_of(path.read_bytes(), rng, count)
    yield from damages.values_of(path)


def test_some_damage_of_every_file(made, reader, counted):
    rng, tried, refused = np.random.default_rng(1), 0, 0
    for path in kinds(made):
        read = reader(path)
        chosen = list(every_damage(path, rng, 2))
        for place in rng.choice(len(chosen), 3, replace=False):
            refused += told(path, read, made, chosen[place][1]) is not None
            tried += 1
    counted("damaged files of results read", tried)
    assert refused > tried / 3


@pytest.mark.torture
def test_every_damage_of_every_file(made, reader, counted):
    rng, tried = np.random.default_rng(0), 0
    for path in kinds(made):
        read = reader(path)
        for what, damage in every_damage(path, rng, 40):
            print(f"{path.relative_to(made)}: {what}")  # shown where it fails
            told(path, read, made, damage)
            tried += 1
    counted("damaged files of results read", tried)
    assert tried > 5000


@pytest.mark.torture
def test_what_is_read_in_spite_of_damage_makes_a_report(made, reader, tmp_path, counted):
    rng, tried = np.random.default_rng(2), 0
    for path in kinds(made):
        read, whole, written = reader(path), path.read_bytes(), 0
        for place, (_, damage) in enumerate(
            rng.permutation(np.array(list(damages.values_of(path)), object).reshape(-1, 2))
        ):
            if written == 4 or place == 100:
                break
            if damage != whole and told(path, read, made, damage) is None:
                results = shutil.copytree(made, tmp_path / "results", dirs_exist_ok=True)
                (results / path.relative_to(made)).write_bytes(damage)
                page.write(results, tmp_path / "reports")
                written += 1
        tried += written
    counted("reports of damaged results that nothing read is wrong with", tried)
    assert tried > 20


@pytest.mark.parametrize(
    "name",
    [
        "baseline/seed-00/manifest.json",
        "tune/augmented.json",
        "augmented/seed-01/history.csv",
        "baseline/metrics.csv",
        "augmented/seed-01/correct.npz",
        "samples.npz",
        "weights.npz",
        "ablation/elastic/metrics.csv",
        "bench.csv",
    ],
)
def test_an_emptied_file_is_named_with_its_remedy(made, reader, name):
    path = made / name if (made / name).exists() else next(made.glob("ablation/*/metrics.csv"))
    text = told(path, reader(path), made, b"")
    assert str(path) in text
    assert "make " in text


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("baseline/seed-00/history.csv", "has not one row for each of the 5 epochs"),
        ("baseline/metrics.csv", "has not one row a seed for each test_set"),
        ("tune/baseline.csv", "are not of the same search"),
    ],
)
def test_a_table_cut_between_two_lines_is_not_taken_for_whole(made, reader, name, what):
    path = made / name
    lines = path.read_bytes().splitlines(keepends=True)
    assert what in told(path, reader(path), made, b"".join(lines[:-1]))


def test_a_foreign_manifest(made, reader):
    path = made / "augmented" / "seed-00" / "manifest.json"
    other = (made / "baseline" / "seed-00" / "manifest.json").read_bytes()
    assert "is of variant 'baseline'" in told(path, reader(path), made, other)


def test_studies_are_made_again_by_their_own_command(made, reader):
    for name, command in (
        ("ablation/*/metrics.csv", "run `make ablation` again"),
        ("ablation/*/seed-00/history.csv", "run `make ablation`, which trains"),
        ("records/small/metrics.csv", "run `make records` again"),
        ("recipes/*/seed-00/manifest.json", "`make records ROW=recipes`"),
    ):
        path = next(made.glob(name))
        assert command in told(path, reader(path), made, b"damage")


def test_what_a_search_found_is_checked_before_it_is_trained(made, tmp_path):
    (tmp_path / "tune").mkdir()
    about = json.loads((made / "tune" / "augmented.json").read_text())
    for changed in (
        {"layers": "wide"},
        {"learning_rate": "fast"},
        {"policy": "../policy.yaml"},
        {"name": "x"},
        {"layers": [True]},
        {"policy": None},
        [],
        None,
        {"schedule": "never"},
    ):
        (tmp_path / "tune" / "augmented.json").write_text(json.dumps(about | {"changed": changed}))
        with pytest.raises(UserError, match=r"augmented\.json has a wrong changed"):
            studies.tuned(tmp_path)


def test_a_policy_of_a_search_is_plain_data_without_aliases(made, reader):
    path = made / "tune" / "tuned.yaml"
    bomb = "a: &a [x,x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)},*{chr(97 + i)}]\n" for i in range(24)
    )
    for text in (bomb, "transform: !!python/object/apply:os.getcwd []\n", "transform: [1]\n"):
        assert "tuned.yaml is damaged" in told(path, reader(path), made, text.encode())


@settings(max_examples=60)
@given(st.data())
def test_random_bytes_in_predictions(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp()
    path = folder / "predictions.npz"
    buffer = io.BytesIO()
    np.savez_compressed(buffer, labels=np.arange(9), probabilities=np.eye(9, dtype=np.float32))
    content = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        arrays = result_files.read_npz(path, ["labels", "probabilities"])
    except UserError:
        return
    np.testing.assert_array_equal(arrays["labels"], np.arange(9))  # by the archive's checksums


def test_npz_files_are_not_unpickled_and_not_unpacked_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(result_files, "MOST_BYTES", 2**24)
    path, trace = tmp_path / "weights.npz", tmp_path / "trace"

    class Evil:
        def __reduce__(self):
            return open, (str(trace), "w")

    np.savez(path, a=np.array([Evil()], object))
    with pytest.raises(UserError, match="damaged"):
        result_files.read_npz(path)
    assert not trace.exists()
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a.npy", "w", force_zip64=True) as member,
    ):
        member.write(bytes(2**24 + 1))
    assert path.stat().st_size < 2**16
    with pytest.raises(UserError, match="unpacks to"):
        result_files.read_npz(path)


# Models -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def keras_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / run.MODEL
    model.build(replace(baseline, layers=(8,)), (28, 28), 10, seed=0).save(path)
    return path


def unfit(path, *words):
    with pytest.raises(UserError) as error:
        stored_model.load(path, (28, 28), 10)
    text = str(error.value)
    assert text.startswith(f"{path} can't be used")
    assert "train it again" in text
    assert "\n" not in text
    for word in words:
        assert word in text


def repacked(source, path, config=None, weights=None):
    """The model file with another config or other weights."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == stored_model.CONFIG and config:
                content = json.dumps(config(json.loads(content))).encode()
            if name == stored_model.WEIGHTS and weights:
                content = weights
            new.writestr(name, content)
    return path


def test_a_whole_model_is_read(keras_file):
    ours = stored_model.load(keras_file, (28, 28), 10).get_weights()
    for one, two in zip(ours, keras.models.load_model(keras_file).get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_damaged_models_are_named(keras_file, tmp_path, counted):
    rng, content, path = np.random.default_rng(0), keras_file.read_bytes(), tmp_path / run.MODEL
    expected, tried = stored_model.load(keras_file).get_weights(), 0
    for _, damage in (
        *((None, foreign) for foreign in damages.FOREIGN),
        *damages.bytes_of(content, rng, 12),
    ):
        path.write_bytes(damage)
        tried += 1
        text = refusal(stored_model.load, path, (28, 28), 10)
        if text is None:  # what was hit says nothing of the weights
            for one, two in zip(stored_model.load(path).get_weights(), expected, strict=True):
                np.testing.assert_array_equal(one, two)
        else:
            assert str(path) in text
            assert "\n" not in text
    counted("damaged models read", tried)


def test_code_in_a_model_is_not_run(tmp_path):
    trace, path = tmp_path / "trace", tmp_path / run.MODEL

    net = keras.Sequential(
        [
            keras.Input((28, 28)),
            keras.layers.Lambda(eval(f"lambda x: (open({str(trace)!r}, 'w').close(), x)[1]")),
            keras.layers.Flatten(),
            keras.layers.Dense(10, "softmax"),
        ]
    )
    net.save(path)
    assert trace.exists()
    trace.unlink()
    unfit(path, "Lambda")
    with pytest.raises(ValueError, match="safe"):  # Keras's own safe mode, which is on as well
        keras.models.load_model(path, safe_mode=True, compile=False)
    assert not trace.exists()
    keras.models.load_model(path, safe_mode=False, compile=False)
    assert trace.exists()  # so it would have been


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("subprocess", "Popen"),
        ("keras.utils", "get_file"),
        ("keras", "Functional"),
        ("keras.layers", "TorchModuleWrapper"),
        ("keras.layers", "TextVectorization"),
        ("builtins", "eval"),
        (None, None),
    ],
)
def test_other_classes_are_not_looked_up(keras_file, tmp_path, module, name):
    def config(old):
        old["config"]["layers"][1] |= {"module": module, "class_name": name}
        return old

    unfit(repacked(keras_file, tmp_path / run.MODEL, config), f"{module}.{name}")


def test_models_of_other_images_and_classes(tmp_path):
    for shape, classes in (((8, 8), 10), ((28, 28), 3)):
        path = tmp_path / run.MODEL
        model.build(replace(baseline, layers=(4,)), shape, classes, seed=0).save(path)
        unfit(path, f"in {classes} classes")


def test_hdf5_under_another_name_and_archives_that_swell(keras_file, tmp_path, monkeypatch):
    monkeypatch.setattr(stored_model, "MOST_BYTES", 2**24)
    path = tmp_path / run.MODEL
    with h5py.File(path, "w") as file:
        file["a"] = np.ones(3)
    unfit(path, "zip")
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(stored_model.WEIGHTS, "w", force_zip64=True) as member,
    ):
        member.write(bytes(2**24 + 1))
    assert path.stat().st_size < 2**16
    unfit(path)
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:  # claims 4 TB and holds nothing
        file.create_dataset("layers/dense/vars/0", (10**6, 10**6), "f4", chunks=(100, 100))
    unfit(repacked(keras_file, path, weights=buffer.getvalue()), "too many bytes")
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["layers"] = h5py.ExternalLink(str(keras_file), "/")
    unfit(repacked(keras_file, path, weights=buffer.getvalue()), "link")


def test_layers_are_not_made_for_weights_that_are_not_there(keras_file, tmp_path, monkeypatch):
    monkeypatch.setattr(keras.models, "load_model", lambda *_, **__: pytest.fail("it is opened"))

    def without(change):
        def config(old):
            change(old["config"]["layers"])
            return old

        return repacked(keras_file, tmp_path / run.MODEL, config)

    for units in (9, 200_000, 20_000_000):

        def widen(layers, units=units):
            layers[2]["config"]["units"] = units
            del layers[3]["build_config"]

        unfit(without(widen), "its layers need more than its weights hold")
    for part, value in (
        ("units", -8),
        ("units", 0),
        ("units", "many"),
        ("units", True),
        ("units", 1e9),
        ("units", None),
        ("units", []),
        ("lora_rank", 10**9),
    ):
        unfit(without(lambda layers, p=part, v=value: layers[2]["config"].update({p: v})))
    for shape in (
        None,
        28,
        [],
        [None],
        [None, None, 28],
        [None, "x", 28],
        [None, -28, 28],
        [None, 10**5, 28],
    ):
        unfit(without(lambda layers, s=shape: layers[0]["config"].update({"batch_shape": s})))
    for built in (
        {"input_shape": [None, 10**9]},
        {"shapes_dict": {"input_shape": [None, 10**9]}},
        {"input_shape": None},
        ["input_shape"],
        "input_shape",
        1,
    ):
        unfit(without(lambda layers, b=built: layers[2].update({"build_config": b})))
    unfit(without(lambda layers: layers.pop(0)), "its first layer is no input")
    unfit(
        without(
            lambda layers: layers.append(
                {
                    "module": "keras",
                    "class_name": "Sequential",
                    "config": {"name": "a", "layers": layers[:]},
                }
            )
        ),
        "it has a layer Sequential",
    )
    unfit(without(lambda layers: layers.clear()))


# Runs ---------------------------------------------------------------------------------------------


@pytest.fixture
def stored_run(digits, keras_file, tmp_path):
    """A whole run on disk without training, and what was asked for."""
    asked = run.asked(replace(baseline, epochs=2), 0, digits)
    folder = tmp_path / "baseline" / "seed-00"
    manifest = asked | {
        "parameters": 10,
        "seconds": 1.0,
        "images_per_second": 5,
        "git": {},
        "versions": {},
        "device": {},
        "command": "scripts/train.py",
    }
    run.write_folder(
        folder,
        {
            run.MODEL: keras_file.read_bytes(),
            run.MANIFEST: json.dumps(manifest).encode(),
            run.HISTORY: b"epoch,loss,accuracy\n1,2.0,0.1\n2,1.0,0.2\n",
        },
    )
    assert run.disagreement(folder, asked) is None
    return folder, asked


@pytest.mark.parametrize("name", [run.MODEL, run.MANIFEST, run.HISTORY])
def test_a_damaged_run_is_trained_again(stored_run, name):
    folder, asked = stored_run
    path = folder / name
    content = path.read_bytes()
    for damage in (b"", content[: len(content) // 2], b"foreign", b"[" * 100_000, b"{}"):
        path.write_bytes(damage)
        assert name in run.disagreement(folder, asked)
    path.write_bytes(content)
    assert run.disagreement(folder, asked) is None


@pytest.mark.parametrize("damage", [None, b"", b"foreign"])
def test_a_run_of_another_dataset_is_kept_whatever_its_model(stored_run, damage):
    folder, asked = stored_run
    (folder / run.MODEL).unlink()
    if damage is not None:
        (folder / run.MODEL).write_bytes(damage)
    other = asked | {"dataset": asked["dataset"] | {"sha256": "ab" * 32}}
    assert "was trained on dataset" in refusal(run.disagreement, folder, other)
    assert run.MODEL in run.disagreement(folder, asked)


def test_odd_values_in_a_manifest_make_the_run_be_trained_again(stored_run):
    folder, asked = stored_run
    path = folder / run.MANIFEST
    for what, damage in damages.values_of(path):
        path.write_bytes(damage)
        text = refusal(run.disagreement, folder, asked)
        # Of another dataset, it is not ours to overwrite.
        assert text is None or "was trained on dataset" in text, what


def test_a_state_is_looked_through_before_a_run_goes_on(digits, tmp_path, counted):
    asked = run.asked(replace(baseline, layers=(4,), epochs=3), 0, digits)
    path = tmp_path / ".seed-00.x.state.npz"
    arrays = {
        "weights_0": np.ones((784, 4)),
        "weights_1": np.ones(4),
        "weights_2": np.ones((4, 10)),
        "weights_3": np.ones(10),
        "optimizer_0": np.array(1),
        "history_loss": np.ones(2),
        "history_accuracy": np.ones(2),
        "seconds": np.array(3.0),
    }
    np.savez(path, **arrays)
    assert state_file.is_whole(path, asked)
    content, tried = path.read_bytes(), 0
    for name in arrays:
        np.savez(path, **{other: array for other, array in arrays.items() if other != name})
        assert not state_file.is_whole(path, asked)
    for change in (
        {"weights_0": np.ones((4, 784))},
        {"seconds": np.array("now")},
        {"history_loss": np.ones(3)},
        {"more": np.ones(1)},
        {"seconds": np.array(-1)},
    ):
        np.savez(path, **arrays | change)
        assert not state_file.is_whole(path, asked)
    for damage in (*damages.FOREIGN, content[:-1], content[:3000], content[3000:]):
        path.write_bytes(damage)
        assert not state_file.is_whole(path, asked)
        tried += 1
    place = content.index(np.ones(8).tobytes())
    path.write_bytes(content[:place] + b"\x01" + content[place + 1 :])
    assert not state_file.is_whole(path, asked)
    counted("damaged states of runs read", tried + 1)
