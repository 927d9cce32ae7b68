"""A model's file is looked through before Keras opens it: strangers' files hold anything."""

import io
import json
import zipfile
from dataclasses import replace

import damages
import h5py
import keras
import numpy as np
import pytest

from mnist_aug.errors import UserError
from mnist_aug.evaluate import saved_models
from mnist_aug.results import runs
from mnist_aug.train import models
from mnist_aug.train.variant import baseline


@pytest.fixture(scope="module")
def keras_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / runs.MODEL
    models.build(replace(baseline, layers=(8,)), (28, 28), 10, seed=0).save(path)
    return path


def unfit(path, *words):
    with pytest.raises(UserError) as error:
        saved_models.load(path, (28, 28), 10)
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
            if name == saved_models.CONFIG and config:
                content = json.dumps(config(json.loads(content))).encode()
            if name == saved_models.WEIGHTS and weights:
                content = weights
            new.writestr(name, content)
    return path


def test_a_whole_model_is_read(keras_file):
    ours = saved_models.load(keras_file, (28, 28), 10).get_weights()
    for one, two in zip(
        ours, keras.models.load_model(keras_file, compile=False).get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, two)


def test_damaged_models_are_named(keras_file, tmp_path, counted):
    rng, content, path = np.random.default_rng(0), keras_file.read_bytes(), tmp_path / runs.MODEL
    expected, tried = saved_models.load(keras_file).get_weights(), 0
    for _, damage in (
        *((None, foreign) for foreign in damages.FOREIGN),
        *damages.bytes_of(content, rng, 12),
    ):
        path.write_bytes(damage)
        tried += 1
        text = damages.refusal(saved_models.load, path, (28, 28), 10)
        if text is None:  # what was hit says nothing of the weights
            for one, two in zip(saved_models.load(path).get_weights(), expected, strict=True):
                np.testing.assert_array_equal(one, two)
        else:
            assert str(path) in text
    counted("damaged models read", tried)


def test_code_in_a_model_is_not_run(tmp_path):
    trace, path = tmp_path / "trace", tmp_path / runs.MODEL

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

    unfit(repacked(keras_file, tmp_path / runs.MODEL, config), f"{module}.{name}")


def test_models_of_other_images_and_classes(tmp_path):
    for shape, classes in (((8, 8), 10), ((28, 28), 3)):
        path = tmp_path / runs.MODEL
        models.build(replace(baseline, layers=(4,)), shape, classes, seed=0).save(path)
        unfit(path, f"in {classes} classes")


def test_hdf5_under_another_name_and_archives_that_swell(keras_file, tmp_path, monkeypatch):
    monkeypatch.setattr(saved_models, "MOST_BYTES", 2**24)
    path = tmp_path / runs.MODEL
    with h5py.File(path, "w") as file:
        file["a"] = np.ones(3)
    unfit(path, "zip")
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(saved_models.WEIGHTS, "w", force_zip64=True) as member,
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

        return repacked(keras_file, tmp_path / runs.MODEL, config)

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
    unfit(without(lambda layers: layers.pop(0)), "its first layer is not an input")
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
