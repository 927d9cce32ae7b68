"""A run that was killed goes on from its checkpoint, to the same bytes as if nothing had been."""

from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest

from mnist_aug import terminal
from mnist_aug.results import runs
from mnist_aug.train import checkpoints, pools, training
from mnist_aug.train.trainer import Trainer
from mnist_aug.train.variant import augmented, baseline

EPOCHS = 4
plain = replace(baseline, epochs=EPOCHS)


class Kill(keras.callbacks.Callback):
    """Ends a run at the start of its third epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt


class Count(keras.callbacks.Callback):
    """Which epochs are trained."""

    def __init__(self):
        super().__init__()
        self.epochs = []

    def on_epoch_begin(self, epoch, logs=None):
        self.epochs.append(epoch)


@pytest.fixture(autouse=True)
def always(monkeypatch):
    """A checkpoint is saved after each epoch."""
    monkeypatch.setattr(checkpoints, "SAVE_SECONDS", 0)


def assert_same(one, two):
    pd.testing.assert_frame_equal(one[1], two[1], check_exact=True)
    for values in (
        lambda net: net.get_weights(),
        lambda net: [variable.numpy() for variable in net.optimizer.variables],
    ):
        for first, second in zip(values(one[0]), values(two[0]), strict=True):
            assert first.tobytes() == second.tobytes()


@pytest.mark.parametrize(
    "variant",
    [
        pytest.param(plain, marks=pytest.mark.torture),
        replace(
            augmented,
            epochs=EPOCHS,
            schedule="cosine",
            warmup=0.1,
            weight_decay=0.1,
            later_policies=((0.3, "affine"), (0.7, "rotate")),
        ),
    ],
    ids=["constant, plain", "cosine, augmented"],
)
def test_a_killed_run_goes_on_to_the_same_bytes(few, tmp_path, variant):
    path = tmp_path / "checkpoint.npz"
    undisturbed = Trainer(variant, few)
    # Another process has another trainer, which takes as long again to compile.
    other = Trainer(variant, few) if variant is plain else undisturbed
    expected = undisturbed.fit(0)
    assert expected[2] > 0
    with pytest.raises(KeyboardInterrupt):
        undisturbed.fit(0, [Kill()], checkpoint=path)
    count = Count()
    with np.load(path) as saved:
        before = saved["seconds"]
    went_on = other.fit(0, [count], checkpoint=path)
    assert_same(went_on, expected)
    assert went_on[2] > before > 0
    assert count.epochs == [2, 3]

    # What was saved after the last epoch has all.
    count = Count()
    assert_same(other.fit(0, [count], checkpoint=path), expected)
    assert count.epochs == []


@pytest.mark.parametrize(("compiles", "seconds"), [(True, 106), (False, 124)])
def test_what_the_first_epoch_takes_to_compile_is_no_time_of_the_run(
    monkeypatch, compiles, seconds
):
    now = [1000.0]
    monkeypatch.setattr(checkpoints.time, "perf_counter", lambda: now[0])
    saved = checkpoints.Checkpoint(None, None, 1000.0, compiles)
    for epoch, took in enumerate((40, 22, 30, 32)):
        saved.on_epoch_begin(epoch)
        now[0] += took
        saved.on_epoch_end(epoch, {"loss": 1.0})
    assert saved.seconds == seconds


@pytest.mark.torture
def test_a_damaged_checkpoint_starts_the_run_anew(few, tmp_path):
    path, trainer = tmp_path / "checkpoint.npz", Trainer(plain, few)
    expected = trainer.fit(0, checkpoint=path)
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    for damaged in (
        whole[:-100],
        b"",
        b"no checkpoint",
        bytes(flipped),
        whole[:-1] + bytes([whole[-1] ^ 1]),
    ):
        path.write_bytes(damaged)
        count = Count()
        assert_same(trainer.fit(0, [count], checkpoint=path), expected)
        assert count.epochs == [*range(EPOCHS)]


def test_a_checkpoint_is_of_one_setting_and_goes_when_the_run_is_whole(few, tmp_path, monkeypatch):
    count, first, reached = Count(), Trainer.fit, []
    monkeypatch.setattr(terminal.Bar, "reached", lambda bar, epochs: reached.append(epochs))

    def disturbed(*callbacks):
        monkeypatch.setattr(
            Trainer,
            "fit",
            lambda self, seed, others=(), **options: first(
                self, seed, [*others, count, *callbacks], **options
            ),
        )
        count.epochs.clear()

    def names():
        return sorted(path.name for path in (tmp_path / "baseline").iterdir())

    with pools.pool(few) as pool:  # all share what is compiled
        for variant in (replace(plain, learning_rate=0.002), plain):
            disturbed(Kill())
            with pytest.raises(KeyboardInterrupt):
                training.train(variant, [0], few, tmp_path, pool=pool)
            assert count.epochs == [0, 1, 2]
        assert len(names()) == 2
        assert all(name.startswith(".seed-00.") for name in names())
        assert reached[0] == 1
        reached.clear()
        disturbed()
        training.train(plain, [0], few, tmp_path, pool=pool)
    assert count.epochs == [2, 3]
    assert sorted({*reached}) == [
        3,
        EPOCHS,
    ]  # or the time left would be that of a run of two epochs
    assert names() == ["seed-00"]
    history = runs.read_run(tmp_path / "baseline" / "seed-00").history
    assert history.epoch.tolist() == [*range(1, EPOCHS + 1)]
