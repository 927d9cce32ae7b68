"""Training: the model as specified, the same arithmetic as Keras's, the same bytes each time."""

import json
import os
import platform
import re
import shutil
import signal
from dataclasses import replace

import albumentations as A
import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_aug.errors import UserError
from mnist_aug.results import runs as run
from mnist_aug.train import models as model
from mnist_aug.train import pipeline, training
from mnist_aug.train.trainer import Trainer, nested_subset
from mnist_aug.train.variant import augmented, baseline

short = replace(baseline, epochs=2)


@pytest.fixture(scope="module")
def trained(digits, tmp_path_factory):
    results = tmp_path_factory.mktemp("results")
    for variant in (short, replace(augmented, epochs=2)):
        training.train(variant, [0, 1], digits, results)
    return results


def weights(path):
    return keras.models.load_model(path / run.MODEL).get_weights()


def test_the_baseline_is_the_one_specified():
    net = model.build(baseline, (28, 28), 10, seed=0)
    assert net.count_params() == 118_282
    assert [type(layer).__name__ for layer in net.layers] == ["Flatten"] + ["Dense"] * 3
    assert [layer.units for layer in net.layers[1:]] == [128, 128, 10]
    assert [layer.activation.__name__ for layer in net.layers[1:]] == ["relu", "relu", "softmax"]
    assert isinstance(net.optimizer, keras.optimizers.Adam)
    assert net.optimizer.get_config() | {"name": ""} == (
        keras.optimizers.Adam().get_config() | {"name": ""}
    )
    assert net.loss == "sparse_categorical_crossentropy"


def test_initial_weights_depend_on_the_seed_alone():
    first, again, other = (
        model.build(baseline, (28, 28), 10, seed).get_weights() for seed in (3, 3, 4)
    )
    for one, two, three in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(one, two)
        if one.ndim == 2:
            assert abs(np.corrcoef(one.ravel(), three.ravel())[0, 1]) < 0.1
            limit = np.sqrt(6 / sum(one.shape))  # Glorot and Bengio 2010, equation 16
            assert 0.9 * limit < np.abs(one).max() <= limit


@pytest.mark.parametrize(
    "variant",
    [
        baseline,
        replace(baseline, schedule="cosine", warmup=0.25, learning_rate=0.01, weight_decay=1.0),
    ],
    ids=["Keras's defaults", "all settings of the optimizer"],
)
def test_a_block_is_as_many_steps_of_stock_keras(digits, variant):
    images, labels = digits.x_train[:100], digits.y_train[:100]
    stock = model.build(variant, (28, 28), 10, seed=0, steps=12)
    ours = model.build(variant, (28, 28), 10, seed=0, steps=12)
    trainer = model.BlockTrainer(ours, variant, steps=12)
    blocks, per_epoch = pipeline.blocks(images, labels, seed=0, batch_size=32, phases=[(3, None)])
    history = trainer.fit(blocks, epochs=3, steps_per_epoch=per_epoch, shuffle=False, verbose=0)
    batches = blocks.flat_map(lambda *block: tf.data.Dataset.from_tensor_slices(block))
    expected = stock.fit(batches, epochs=3, steps_per_epoch=4, shuffle=False, verbose=0)
    assert int(trainer.optimizer.iterations) == int(stock.optimizer.iterations) == 12
    for one, two in zip(trainer.get_weights(), stock.get_weights(), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-5)
    assert ours.layers[1].kernel is trainer.layers[2].kernel
    for key in ("loss", "accuracy"):
        np.testing.assert_allclose(history.history[key], expected.history[key], rtol=1e-4)


def test_restart_forgets_everything(digits):
    trainer = Trainer(short, digits)
    first, history, _ = trainer.fit(0)
    trainer.fit(1)
    again, same_history, _ = trainer.fit(0)
    for one, two in zip(first.get_weights(), again.get_weights(), strict=True):
        assert one.tobytes() == two.tobytes()
    pd.testing.assert_frame_equal(history, same_history)


def test_a_run_holds_what_others_rely_on(trained, digits):
    for variant in ("baseline", "augmented"):
        folder = trained / variant / "seed-00"
        assert sorted(path.name for path in folder.iterdir()) == [
            "history.csv",
            "manifest.json",
            "mnist_num_reader.keras",
        ]
        net = keras.models.load_model(folder / "mnist_num_reader.keras")
        assert type(net) is keras.Sequential
        assert int(net.optimizer.iterations) == 2 * 36  # training can go on from the file
        history = pd.read_csv(folder / "history.csv")
        assert list(history) == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy"]
        assert history.epoch.tolist() == [1, 2]
        count = digits.training_count(0.2)
        loss, accuracy = net.evaluate(
            digits.x_train[count:] / np.float32(255), digits.y_train[count:], verbose=0
        )
        assert np.isclose(loss, history.val_loss.iloc[-1], rtol=1e-4)
        assert np.isclose(accuracy, history.val_accuracy.iloc[-1])
        manifest = json.loads((folder / "manifest.json").read_text())
        assert manifest["dataset"] == {
            "name": "digits",
            "origin": digits.origin,
            "sha256": digits.sha256,
            "train": 1150,
            "validation": 288,
            "test": 359,
            "image_shape": [28, 28],
            "classes": 10,
        }
        assert (manifest["seed"], manifest["parameters"]) == (0, 118_282)
        assert manifest["versions"]["keras"] == keras.__version__
        assert (manifest["variant"]["policy"] is None) == (variant == "baseline")
    assert not list(trained.rglob("*.tmp"))


def test_arms_are_paired(trained, digits, tmp_path):
    """With a policy that does nothing the augmented arm is the baseline, to the bit."""
    path = tmp_path / "nothing.json"
    A.save(A.Compose([A.NoOp(p=1)]), str(path), data_format="json")
    training.train(replace(augmented, epochs=2, policy=str(path)), [1], digits, tmp_path)
    digests = [
        run.read_manifest(run.folder(results, name, 1))["weights_sha256"]
        for results, name in ((trained, "baseline"), (tmp_path, "augmented"))
    ]
    assert digests[0] == digests[1]
    assert digests[0] != run.read_manifest(run.folder(trained, "augmented", 1))["weights_sha256"]


def test_same_command_same_bytes(trained, script, tmp_path):
    process = script("train", "augmented", "--data", "digits", "--seeds", 1, "--epochs", 2)
    assert process.returncode == 0, process.stderr
    again, first = tmp_path / "results/augmented/seed-00", trained / "augmented/seed-00"
    assert (again / run.HISTORY).read_bytes() == (first / run.HISTORY).read_bytes()
    for one, two in zip(weights(again), weights(first), strict=True):
        assert one.tobytes() == two.tobytes()


def test_runs_on_disk_are_kept_or_trained_again(trained, digits, capsys):
    before = {path: path.read_bytes() for path in trained.rglob("*") if path.is_file()}
    training.train(short, [0, 1], digits, trained)
    assert "up to date" in capsys.readouterr().out
    scores = trained / "baseline" / "metrics.csv"
    scores.write_text("scores of seeds 0 and 1")
    training.train(short, [0, 1, 2], digits, trained)
    assert scores.exists()
    out = capsys.readouterr().out
    assert re.fullmatch(
        r"baseline, seed 02: trained in \d+\.\d s \(not trained yet\), "
        r"validation accuracy 0\.\d{4}\n",
        out,
    )
    assert "seed 00" not in out
    for path, content in before.items():
        assert path.read_bytes() == content
    training.train(replace(short, epochs=1), [1], digits, trained)
    assert "(epochs was 2, now 1)" in capsys.readouterr().out
    assert not scores.exists()  # they are of weights that are gone
    (trained / "baseline" / "seed-02" / run.MANIFEST).write_text("{")
    training.train(short, [1, 2], digits, trained)
    out = capsys.readouterr().out
    assert "epochs was 1, now 2" in out
    assert "manifest.json can't be read" in out
    for path, content in before.items():
        if path.name == "history.csv":
            assert path.read_bytes() == content


def test_another_dataset_is_refused(trained, digits):
    other = replace(digits, name="other", x_test=255 - digits.x_test)
    with pytest.raises(UserError, match=r"trained on dataset 'digits' \(\w+…\), but 'other'"):
        training.train(short, [0, 5], other, trained)
    assert not (trained / "baseline" / "seed-05").exists()


def test_an_interrupted_run_leaves_nothing(digits, tmp_path, monkeypatch):
    training.train(short, [0], digits, tmp_path)
    before = sorted(tmp_path.rglob("*"))

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "write_json", interrupted)
    with pytest.raises(KeyboardInterrupt):
        training.train(short, [0, 1], digits, tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


def test_what_a_killed_process_left_goes_and_what_a_live_one_writes_stays(trained, digits, capsys):
    gone = 2**29  # more than any process's number
    dead, *live = [
        trained / "baseline" / f".seed-00.{name}.tmp"
        for name in (
            f"{platform.node()}-{gone}",
            f"{platform.node()}-{os.getpid()}",
            f"{platform.node()}-2-{gone}",
            f"{platform.node()}-{'9' * 30}",
        )
    ]
    for folder in (dead, *live):
        folder.mkdir()
        (folder / "history.csv").touch()
    training.train(short, [0], digits, trained)
    assert "up to date" in capsys.readouterr().out
    assert not dead.exists()
    for folder in live:
        shutil.rmtree(folder)


def test_ctrl_c_is_heeded_at_the_end_of_a_block(digits, tmp_path, monkeypatch):
    class Press(keras.callbacks.Callback):
        epochs = 0

        def on_epoch_begin(self, epoch, logs=None):
            signal.raise_signal(signal.SIGINT)  # lost or worse where it would raise in TensorFlow
            Press.epochs += 1

    first = Trainer.fit
    monkeypatch.setattr(
        Trainer,
        "fit",
        lambda self, seed, callbacks, state: first(self, seed, [*callbacks, Press()], state=state),
    )
    with pytest.raises(KeyboardInterrupt):
        training.train(short, range(3), digits, tmp_path)
    assert Press.epochs == 1
    assert list((tmp_path / "baseline").iterdir()) == []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_all_images_trained_on_with_a_learning_rate_that_falls_to_zero(digits, tmp_path, capsys):
    variant = replace(short, validation_split=0, schedule="cosine", warmup=0.1, weight_decay=0.1)
    training.train(variant, [0], digits, tmp_path)
    assert re.search(r"trained yet\), training accuracy 0\.\d{4}\n", capsys.readouterr().out)
    folder = tmp_path / "baseline" / "seed-00"
    assert list(pd.read_csv(folder / run.HISTORY)) == ["epoch", "loss", "accuracy"]
    manifest = run.read_manifest(folder)
    assert (manifest["dataset"]["train"], manifest["dataset"]["validation"]) == (1438, 0)
    optimizer = keras.models.load_model(folder / run.MODEL).optimizer  # stock Keras
    steps = 2 * 45
    assert int(optimizer.iterations) == steps
    assert float(optimizer.learning_rate) == 0
    rates = [float(optimizer._learning_rate(step)) for step in (0, 9, 9 + (steps - 9) / 2)]
    np.testing.assert_allclose(rates, [0, 0.001, 0.0005], rtol=1e-5)
    assert optimizer.weight_decay == 0.1


def test_a_run_that_diverges_says_so(digits, tmp_path, capsys):
    training.train(replace(short, learning_rate=1e4), [0], digits, tmp_path)
    assert re.search(
        r"; it did not learn: its training loss, \S+, is not below that of guessing, "
        r"ln 10 = 2\.3026\n",
        capsys.readouterr().out,
    )


def test_later_policies_take_over_at_their_epochs(digits):
    calm = replace(short, name="calm", epochs=4)
    policies = replace(calm, policy="default", later_policies=((0.5, "affine"), (0.75, "rotate")))
    told = policies.settings()["later_policies"]
    assert [(part["after"], part["policy"]["name"]) for part in told] == [
        (0.5, "affine"),
        (0.75, "rotate"),
    ]
    trained = Trainer(policies, digits)
    ends, engines = zip(*trained.phases, strict=True)
    assert ends == (2, 3, 4)
    blocks, per_epoch = pipeline.blocks(
        *trained.train, seed=5, batch_size=32, phases=trained.phases
    )
    again, _ = pipeline.blocks(
        *trained.train, seed=5, batch_size=32, phases=trained.phases, first_epoch=3
    )
    plain, _ = pipeline.blocks(*trained.train, seed=5, batch_size=32, phases=[(4, None)])
    everything = list(blocks.as_numpy_iterator())
    assert len(everything) == 4 * per_epoch
    for number, ((images, _), (still, _)) in enumerate(zip(everything, plain, strict=True)):
        epoch = number // per_epoch
        engine = engines[0 if epoch < 2 else epoch - 1]
        assert not np.array_equal(images, still)
        # The engine that draws this epoch is the one whose single phase gives the same images.
        alone, _ = pipeline.blocks(
            *trained.train, seed=5, batch_size=32, phases=[(4, engine)], first_epoch=epoch
        )
        if number % per_epoch == 0:
            np.testing.assert_array_equal(images, next(alone.as_numpy_iterator())[0])
    for one, two in zip(again.as_numpy_iterator(), everything[3 * per_epoch :], strict=True):
        np.testing.assert_array_equal(one[0], two[0])


@settings(deadline=None)
@given(
    counts=st.lists(st.integers(1, 60), min_size=1, max_size=6),
    seed=st.integers(0, 9),
    data=st.data(),
)
def test_subsets_are_nested_and_stratified(counts, seed, data):
    labels = np.repeat(np.arange(len(counts)), counts)
    small, large = sorted(data.draw(st.tuples(*[st.integers(1, len(labels))] * 2)))
    few, many = (nested_subset(labels, count, seed) for count in (small, large))
    np.testing.assert_array_equal(few, many[:small])
    assert len(set(many)) == large
    for k, count in enumerate(counts):
        assert abs((labels[many] == k).sum() - large * count / len(labels)) <= 1 + len(counts) / 2


def test_fewer_training_images_make_as_many_steps(digits):
    few = Trainer(replace(short, training_images=100), digits)
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(few.blocks.optimizer.iterations.numpy().item())

    _, history, _ = few.fit(3, callbacks=[Watch()])
    steps = -(-digits.training_count(0.2) // 32)
    assert seen[-1] == steps * short.epochs
    assert history.loss.iloc[-1] < history.val_loss.iloc[-1]  # it knows its images by heart


def test_tensorboard_logs_each_epoch_and_changes_nothing(trained, digits, tmp_path):
    training.train(short, [0], digits, tmp_path, tensorboard=True)
    folders = [
        tmp_path / "tensorboard" / "baseline" / "seed-00" / part for part in ("train", "validation")
    ]
    for folder in folders:
        (events,) = folder.glob("events.out.tfevents.*")
        steps = [
            event.step
            for event in tf.compat.v1.train.summary_iterator(str(events))
            for value in event.summary.value
            if value.tag == "epoch_loss"
        ]
        assert steps == [0, 1]
    manifests = [
        run.read_manifest(run.folder(results, "baseline", 0)) for results in (trained, tmp_path)
    ]
    assert manifests[0]["weights_sha256"] == manifests[1]["weights_sha256"]


def test_labels_in_order_are_noticed(digits, tmp_path, capsys):
    order = np.argsort(digits.y_train, kind="stable")
    training.train(
        replace(short, epochs=1),
        [0],
        replace(digits, x_train=digits.x_train[order], y_train=digits.y_train[order]),
        tmp_path,
    )
    note = capsys.readouterr().out.splitlines()[0]
    assert note.startswith("note: of class 8, 9 there are images in the last 20%")
    assert note.endswith("none among those trained on: shuffle the training images")
