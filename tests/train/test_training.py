"""Training: the model as specified, the same arithmetic as Keras's, the same bytes each time."""

import json
import os
import platform
import pty
import re
import select
import signal
from dataclasses import replace
from pathlib import Path

import albumentations as A
import fake_training
import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from conftest import PATIENCE
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_aug.augment.mixing import Mixer
from mnist_aug.data.dataset import NAMES
from mnist_aug.errors import UserError
from mnist_aug.results import runs
from mnist_aug.train import jobs, model_source, models, pipeline, pools, training
from mnist_aug.train.trainer import Trainer, nested_subset, resampled_order
from mnist_aug.train.variant import augmented, baseline

short, augmented_short = replace(baseline, epochs=2), replace(augmented, epochs=2)


@pytest.fixture(scope="module")
def trained(few, tmp_path_factory):
    """Both models, two seeds each; in `nothing`, the augmented one with a policy of no effect."""
    results = tmp_path_factory.mktemp("results")
    path = results.with_name("nothing.json")
    A.save(A.Compose([A.NoOp(p=1)]), str(path), data_format="json")
    both = [(variant, seed) for variant in (short, augmented_short) for seed in (0, 1)]
    with pools.pool(few) as pool:  # all share what is compiled
        training.train_all(both, few, results, pool=pool)
        nothing = replace(augmented_short, policy=str(path))
        training.train(nothing, [1], few, results / "nothing", pool=pool)
    return results


@pytest.fixture
def untrained(monkeypatch):
    """Runs are made up where training them is not what is tested."""
    monkeypatch.setattr(training, "work", fake_training.work)


def weights(path):
    return keras.models.load_model(path / runs.MODEL).get_weights()


REGULARIZED = """
import keras

def build(image_shape, classes):
    return keras.Sequential([
        keras.Input(image_shape),
        keras.layers.Flatten(),
        keras.layers.Dense(8, kernel_regularizer=keras.regularizers.L2(1.0)),
        keras.layers.Dense(classes, activation="softmax", activity_regularizer="l1"),
    ])
"""


@pytest.mark.torture
def test_penalties_are_no_part_of_the_cross_entropy(few, tmp_path, capsys):
    """What a regularizer adds to the loss doesn't tell whether a run learned."""
    (tmp_path / "net.py").write_text(REGULARIZED)
    variant = replace(baseline, model=f"{tmp_path}/net.py:build", epochs=1)
    training.train(variant, [0], few, tmp_path / "results")
    (run,) = runs.read_runs(tmp_path / "results" / "baseline")
    raw = pd.read_csv(run.folder / runs.HISTORY)
    assert list(raw) == [
        "epoch",
        *(
            f"{part}{name}"
            for part in ("", "val_")
            for name in ("loss", "accuracy", "cross_entropy")
        ),
    ]
    assert raw["loss"].item() > raw["cross_entropy"].item() + 1
    assert run.history["loss"].item() == raw["cross_entropy"].item()
    assert ("did not learn" in capsys.readouterr().out) is not run.learned
    model = keras.models.load_model(run.model)
    pixels = few.x_train[-run.manifest["dataset"]["validation"] :] / np.float32(255)
    labels = few.y_train[-len(pixels) :]
    loss = keras.losses.sparse_categorical_crossentropy(labels, model(pixels))
    assert raw["val_cross_entropy"].item() == pytest.approx(np.mean(loss), rel=1e-4)


def test_a_file_that_is_changed_meanwhile_is_read_once(few, tmp_path, untrained, monkeypatch):
    """All runs of a command are of one model, which their manifests agree about."""
    loaded = []

    def load(given, image_shape, classes):
        loaded.append(given)
        architecture = {"module": "keras", "class_name": "Sequential", "units": len(loaded)}
        return model_source.Model("net.py:build", architecture, {"file": "net.py", "sha256": "0"})

    monkeypatch.setattr(model_source, "load", load)
    made = []
    monkeypatch.setattr(training, "work", lambda job: made.append(job) or fake_training.work(job))
    both = [replace(one, model="net.py:build") for one in (baseline, augmented)]
    training.train_all([(one, seed) for one in both for seed in range(3)], few, tmp_path / "r")
    assert loaded == ["net.py:build"]
    assert {job.model.architecture["units"] for job in made} == {1}
    assert {job.wanted["variant"]["model"]["digest"] for job in made} == {
        made[0].model.described["digest"]
    }


def digest(results, variant, seed):
    return runs.read_run(runs.run_folder(results, variant, seed)).manifest["weights_sha256"]


def test_the_baseline_is_the_one_specified():
    net = models.build(baseline, (28, 28), 10, seed=0)
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
        models.build(baseline, (28, 28), 10, seed).get_weights() for seed in (3, 3, 4)
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
        pytest.param(baseline, marks=pytest.mark.torture),  # test_models.py has them
        replace(baseline, schedule="cosine", warmup=0.25, learning_rate=0.01, weight_decay=1.0),
    ],
    ids=["Keras's defaults", "all settings of the optimizer"],
)
def test_a_block_is_as_many_steps_of_stock_keras(digits, variant):
    images, labels = digits.x_train[:100], digits.y_train[:100]
    stock = models.build(variant, (28, 28), 10, seed=0, steps=12)
    ours = models.build(variant, (28, 28), 10, seed=0, steps=12)
    trainer = models.BlockTrainer(ours, variant, steps=12)
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


@pytest.mark.torture
def test_restart_forgets_everything(few):
    trainer = Trainer(short, few)
    first, history, _ = trainer.fit(0)
    trainer.fit(1)
    again, same_history, _ = trainer.fit(0)
    for one, two in zip(first.get_weights(), again.get_weights(), strict=True):
        assert one.tobytes() == two.tobytes()
    pd.testing.assert_frame_equal(history, same_history)


def test_a_run_holds_what_others_rely_on(trained, few):
    for variant in ("baseline", "augmented"):
        folder = trained / variant / "seed-00"
        assert sorted(path.name for path in folder.iterdir()) == [
            "history.csv",
            "manifest.json",
            "mnist_num_reader.keras",
        ]
        net = keras.models.load_model(folder / "mnist_num_reader.keras")
        assert type(net) is keras.Sequential
        assert int(net.optimizer.iterations) == 2 * 10  # training can go on from the file
        history = pd.read_csv(folder / "history.csv")
        assert list(history) == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy"]
        assert history.epoch.tolist() == [1, 2]
        count = few.training_count(0.2)
        loss, accuracy = net.evaluate(
            few.x_train[count:] / np.float32(255), few.y_train[count:], verbose=0
        )
        assert np.isclose(loss, history.val_loss.iloc[-1], rtol=1e-4)
        assert np.isclose(accuracy, history.val_accuracy.iloc[-1])
        manifest = json.loads((folder / "manifest.json").read_text())
        assert manifest["dataset"] == {
            "name": "few",
            "origin": few.origin,
            "sha256": few.sha256,
            "train": 320,
            "validation": 80,
            "test": 100,
            "image_shape": [28, 28],
            "classes": 10,
            "class_names": [*"0123456789"],
            "transposed": False,
            "background": 0,
            "kind": "digit",
            "notes": [],
            "warnings": [],
        }
        assert (manifest["seed"], manifest["parameters"]) == (0, 118_282)
        assert manifest["versions"]["keras"] == keras.__version__
        assert (manifest["variant"]["policy"] is None) == (variant == "baseline")
        assert (manifest["fingerprint"]["augmentation"] is None) == (variant == "baseline")
        assert manifest["files"].keys() == {"history.csv", "mnist_num_reader.keras"}
        assert manifest["images_per_second"] == pytest.approx(
            320 * 2 / manifest["seconds"], rel=0.1
        )
    assert not list(trained.rglob("*.tmp"))


def test_both_models_are_paired(trained):
    """With a policy that does nothing the augmented model is the baseline, to the bit."""
    plain = digest(trained, "baseline", 1)
    assert plain == digest(trained / "nothing", "augmented", 1)
    assert plain != digest(trained, "augmented", 1)


def test_same_command_same_bytes(trained, few, called, tmp_path):
    data = tmp_path / "few.npz"
    np.savez(
        data, **dict(zip(NAMES, (few.x_train, few.y_train, few.x_test, few.y_test), strict=True))
    )
    process = called("train", "augmented", "--data", data, "--seeds", 1, "--epochs", 2)
    assert process.returncode == 0, process.stderr
    again, first = tmp_path / "results/augmented/seed-00", trained / "augmented/seed-00"
    assert (again / runs.HISTORY).read_bytes() == (first / runs.HISTORY).read_bytes()
    for one, two in zip(weights(again), weights(first), strict=True):
        assert one.tobytes() == two.tobytes()


LINE = r"baseline, seed (\d\d): validation accuracy \d\d\.\d\d %, trained in 0\.1 s \((.*)\)\n"


def reasons(out):
    """Why a run was trained, by seed, as its line says."""
    return {int(seed): reason for seed, reason in re.findall(LINE, out)}


def content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_runs_on_disk_are_kept_or_trained_again(untrained, few, tmp_path, capsys):
    training.train(short, [0, 1], few, tmp_path)
    assert reasons(capsys.readouterr().out) == {0: "new", 1: "new"}
    before = content(tmp_path)
    metrics = tmp_path / "baseline" / "metrics.csv"
    metrics.write_text("metrics of seeds 0 and 1")
    training.train(short, [0, 1], few, tmp_path)
    assert capsys.readouterr().out == "baseline: all runs are up to date\n"
    training.train(short, [0, 1, 2], few, tmp_path)
    assert metrics.exists()
    out = capsys.readouterr().out
    assert re.fullmatch(f"training 1 run: TensorFlow starts and compiles first, .*\n{LINE}", out)
    assert reasons(out) == {2: "new"}
    assert content(tmp_path).items() >= before.items()
    training.train(replace(short, epochs=1), [1], few, tmp_path)
    assert reasons(capsys.readouterr().out) == {1: "epochs was 2, now 1"}
    assert not metrics.exists()  # they are of weights that are gone
    training.train_all([(short, 1), (augmented_short, 0)], few, tmp_path)
    out = capsys.readouterr().out
    assert out.startswith("training 2 runs: ")
    assert reasons(out) == {1: "epochs was 1, now 2"}
    assert re.search(r"augmented, seed 00: .* trained in 0\.1 s \(new\)", out)
    history = tmp_path / "baseline" / "seed-01" / runs.HISTORY
    assert history.read_bytes() == before[history]
    training.train_all([(short, 0), (replace(augmented_short, policy="affine"), 0)], few, tmp_path)
    out = capsys.readouterr().out
    assert out.startswith("baseline: all runs are up to date\n")
    assert re.search(r"augmented, seed 00: .* \(policy was default, now affine\)", out)


@pytest.mark.parametrize("name", [runs.MODEL, runs.HISTORY, runs.MANIFEST])
def test_a_damaged_run_is_trained_again_with_one_line(untrained, few, tmp_path, capsys, name):
    training.train(short, [0, 1], few, tmp_path)
    before = content(tmp_path)
    path = tmp_path / "baseline" / "seed-01" / name
    missing = "is missing or damaged" if name == runs.MANIFEST else "is missing"
    damaged = missing if name == runs.MANIFEST else "is damaged"
    flipped = bytearray(before[path])
    flipped[len(flipped) // 2] ^= 1
    for damage, words in (None, missing), (b"", damaged), (bytes(flipped), damaged):
        path.unlink() if damage is None else path.write_bytes(damage)
        capsys.readouterr()
        training.train(short, [0, 1], few, tmp_path)
        assert reasons(capsys.readouterr().out) == {1: f"{name} {words}"}
        again = content(tmp_path)
        assert again.keys() == before.keys()
        for other in again:
            if other.name != runs.MANIFEST:  # which says when
                assert again[other] == before[other]


def test_changed_training_code_trains_again(untrained, few, tmp_path, capsys, monkeypatch):
    both = [(short, 0), (augmented_short, 0)]
    training.train_all(both, few, tmp_path)
    codes = {augments: jobs.fingerprints(augments) for augments in (False, True)}
    assert codes[False]["training"] == codes[True]["training"]

    def changed(part):
        monkeypatch.setattr(
            jobs,
            "fingerprints",
            lambda augments: codes[augments] | ({part: "f" * 64} if codes[augments][part] else {}),
        )
        capsys.readouterr()
        training.train_all(both, few, tmp_path)
        return capsys.readouterr().out

    out = changed("augmentation")
    assert out.startswith("baseline: all runs are up to date\ntraining 1 run")
    assert re.search(r"augmented, seed 00: .* \(the training code has changed\)", out)
    out = changed("training")
    assert out.count("(the training code has changed)") == 2


def test_another_dataset_is_refused(trained, few):
    other = replace(few, name="other", x_test=255 - few.x_test)
    with pytest.raises(UserError, match=r"trained on dataset 'few' \(\w+…\), not on 'other'"):
        training.train(short, [0, 5], other, trained)
    assert not (trained / "baseline" / "seed-05").exists()


def test_an_interrupted_run_leaves_nothing(untrained, few, tmp_path, monkeypatch):
    training.train(short, [0], few, tmp_path)
    before = sorted(tmp_path.rglob("*"))
    write, written = Path.write_bytes, []

    def interrupted(self, content):
        written.append(self)
        if len(written) == 2:
            raise KeyboardInterrupt
        return write(self, content)

    monkeypatch.setattr(Path, "write_bytes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        training.train(short, [0, 1], few, tmp_path)
    assert written
    assert sorted(tmp_path.rglob("*")) == before


def test_what_a_killed_process_left_goes_and_what_a_live_one_writes_stays(
    untrained, few, tmp_path, capsys
):
    training.train(short, [0], few, tmp_path)
    gone = 2**29  # more than any process's number
    dead, *live = [
        tmp_path / "baseline" / f".seed-00.{name}.tmp"
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
    training.train(short, [0], few, tmp_path)
    assert "up to date" in capsys.readouterr().out
    assert not dead.exists()
    assert all(folder.exists() for folder in live)


def test_what_happens_is_shown_before_tensorflow_starts(few, tmp_path, monkeypatch):
    """On a terminal there are a line and a bar, which says what takes its time."""
    reader, writer = pty.openpty()
    shown = []

    def read(end):
        text = ""
        while end not in text:
            assert select.select([reader], [], [], PATIENCE)[0], text
            text += os.read(reader, 10_000).decode()
        shown.append(text)

    def work(job):
        read("so far")
        return fake_training.work(job)

    monkeypatch.setattr(training, "work", work)
    monkeypatch.setenv("TERM", "xterm")
    with os.fdopen(writer, "w", buffering=1) as terminal:
        monkeypatch.setattr("sys.stdout", terminal)
        training.train(short, [0], few, tmp_path)
        read("(new)")
    os.close(reader)
    assert shown[0].startswith("training 1 run: TensorFlow starts and compiles first, ")
    assert "training 1 run: starting TensorFlow" in shown[0].split("\n", 1)[1]
    assert re.search(r"baseline, seed 00: validation accuracy \d\d\.\d\d %, trained", shown[1])


def test_ctrl_c_is_heeded_at_the_end_of_a_block(few, tmp_path, monkeypatch):
    class Press(keras.callbacks.Callback):
        epochs = 0

        def on_epoch_begin(self, epoch, logs=None):
            signal.raise_signal(signal.SIGINT)  # lost or worse where it would raise in TensorFlow
            Press.epochs += 1

    first = Trainer.fit
    monkeypatch.setattr(
        Trainer,
        "fit",
        lambda self, seed, callbacks, **more: first(self, seed, [*callbacks, Press()], **more),
    )
    with pytest.raises(KeyboardInterrupt):
        training.train(short, range(3), few, tmp_path)
    assert Press.epochs == 1
    assert list((tmp_path / "baseline").iterdir()) == []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_run_that_diverges_says_so(few, tmp_path, capsys):
    training.train(replace(short, learning_rate=1e4), [0], few, tmp_path)
    assert re.search(
        r"; it did not learn: its training loss, \S+, is not below that of guessing, "
        r"ln 10 = 2\.3026\n",
        capsys.readouterr().out,
    )


def test_later_policies_take_over_at_their_epochs(few):
    calm = replace(short, name="calm", epochs=4)
    policies = replace(calm, policy="default", later_policies=((0.5, "affine"), (0.75, "rotate")))
    later = policies.settings()["later_policies"]
    assert [(part["after"], part["policy"]["name"]) for part in later] == [
        (0.5, "affine"),
        (0.75, "rotate"),
    ]
    trained = Trainer(policies, few)
    phases = [(end, Mixer(own, *trained.train, few.classes)) for end, own in trained.phases]
    ends, mixers = zip(*phases, strict=True)
    assert ends == (2, 3, 4)
    blocks, per_epoch = pipeline.blocks(*trained.train, seed=5, batch_size=32, phases=phases)
    again, _ = pipeline.blocks(*trained.train, seed=5, batch_size=32, phases=phases, first_epoch=3)
    plain, _ = pipeline.blocks(*trained.train, seed=5, batch_size=32, phases=[(4, None)])
    everything = list(blocks.as_numpy_iterator())
    assert len(everything) == 4 * per_epoch
    for number, ((images, _), (still, _)) in enumerate(zip(everything, plain, strict=True)):
        epoch = number // per_epoch
        mixer = mixers[0 if epoch < 2 else epoch - 1]
        assert not np.array_equal(images, still)
        # The engine that draws this epoch is the one whose single phase gives the same images.
        alone, _ = pipeline.blocks(
            *trained.train, seed=5, batch_size=32, phases=[(4, mixer)], first_epoch=epoch
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


def test_fewer_training_images_make_as_many_steps(few, tmp_path, monkeypatch):
    seen, first = [], Trainer.fit

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(self.model.optimizer.iterations.numpy().item())

    monkeypatch.setattr(
        Trainer,
        "fit",
        lambda self, seed, callbacks, **more: first(self, seed, [*callbacks, Watch()], **more),
    )
    training.train(replace(short, training_images=50), [3], few, tmp_path)
    steps = -(-few.training_count(0.2) // 32)
    assert seen[-1] == steps * short.epochs
    history = runs.read_run(tmp_path / "baseline" / "seed-03").history
    assert history.loss.iloc[-1] < history.val_loss.iloc[-1]  # it knows its images by heart


def test_tensorboard_logs_each_epoch_and_changes_nothing(trained, few, tmp_path):
    training.train(short, [0], few, tmp_path, tensorboard=True)
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
    assert digest(trained, "baseline", 0) == digest(tmp_path, "baseline", 0)


def test_all_images_trained_on_with_a_learning_rate_that_falls_to_zero(few, tmp_path, capsys):
    variant = replace(short, validation_split=0, schedule="cosine", warmup=0.1, weight_decay=0.1)
    training.train(variant, [0], few, tmp_path)
    assert re.search(r": training accuracy \d\d\.\d\d %, trained in", capsys.readouterr().out)
    run = runs.read_run(tmp_path / "baseline" / "seed-00")
    assert list(run.history) == ["epoch", "loss", "accuracy"]
    assert np.isnan(run.validation_accuracy)
    assert (run.manifest["dataset"]["train"], run.manifest["dataset"]["validation"]) == (400, 0)
    optimizer = keras.models.load_model(run.model).optimizer  # stock Keras
    steps = 2 * 13
    assert int(optimizer.iterations) == steps
    assert float(optimizer.learning_rate) == 0
    rising = round(0.1 * steps)
    places = (0, rising, rising + (steps - rising) / 2)
    rates = [float(optimizer._learning_rate(step)) for step in places]
    np.testing.assert_allclose(rates, [0, 0.001, 0.0005], rtol=1e-5)
    assert optimizer.weight_decay == 0.1


def test_labels_in_order_are_noticed(untrained, few, tmp_path, capsys):
    order = np.argsort(few.y_train, kind="stable")
    ordered = replace(few, x_train=few.x_train[order], y_train=few.y_train[order])
    training.train(short, [0], ordered, tmp_path)
    note = capsys.readouterr().out.splitlines()[0]
    assert note.startswith(
        "note: the validation images, the last 20% of the training images, hold class 8, 9, and "
    )
    assert note.endswith("the images trained on do not: shuffle the training images")


@pytest.mark.torture
def test_a_resampled_run_is_one_on_images_in_another_order(few):
    seed, count = 3, len(few.x_train)
    order = resampled_order(count, seed)
    assert sorted(order) == [*range(count)]
    assert order.tolist() != resampled_order(count, 4).tolist()
    mixed = replace(few, x_train=few.x_train[order], y_train=few.y_train[order])
    trainer, of_mixed = Trainer(short, few), Trainer(short, mixed)
    plain, plain_history, _ = trainer.fit(seed)
    for variant in (short, augmented_short):
        trainer.take(replace(variant, resampled=True))
        of_mixed.take(variant)
        found, history, _ = trainer.fit(seed)
        expected, as_mixed, _ = of_mixed.fit(seed)
        pd.testing.assert_frame_equal(history, as_mixed)
        assert not history.equals(plain_history)
        for own, other in zip(found.get_weights(), expected.get_weights(), strict=True):
            assert own.tobytes() == other.tobytes()
    # What was trained between in the same trainer makes no difference.
    trainer.take(short)
    again, again_history, _ = trainer.fit(seed)
    pd.testing.assert_frame_equal(plain_history, again_history)
    assert all(map(np.array_equal, plain.get_weights(), again.get_weights()))
