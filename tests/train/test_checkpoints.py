"""A run that was killed goes on from its state, to the same bytes as if nothing had happened."""

from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest

from mnist_aug.results import runs as run
from mnist_aug.train import trainer, training
from mnist_aug.train.trainer import Trainer
from mnist_aug.train.variant import augmented, baseline

plain = replace(baseline, epochs=6)


class Kill(keras.callbacks.Callback):
    """Ends a run at the start of its fourth epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 3:
            raise KeyboardInterrupt


class Count(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.epochs = []

    def on_epoch_begin(self, epoch, logs=None):
        self.epochs.append(epoch)


@pytest.fixture(autouse=True)
def always(monkeypatch):
    monkeypatch.setattr(trainer, "SAVE_SECONDS", 0)


def assert_same(one, two):
    pd.testing.assert_frame_equal(one[1], two[1], check_exact=True)
    for values in (
        lambda net: net.get_weights(),
        lambda net: [np.asarray(variable) for variable in net.optimizer.variables],
    ):
        for first, second in zip(values(one[0]), values(two[0]), strict=True):
            assert first.tobytes() == second.tobytes()


@pytest.mark.parametrize(
    "variant",
    [
        plain,
        replace(
            augmented,
            epochs=6,
            schedule="cosine",
            warmup=0.1,
            weight_decay=0.1,
            later_policies=((0.3, "affine"), (0.7, "rotate")),
        ),
    ],
    ids=["constant, plain", "cosine, augmented"],
)
def test_a_killed_run_goes_on_to_the_same_bytes(digits, tmp_path, variant):
    state = tmp_path / "state.npz"
    undisturbed, other = Trainer(variant, digits), Trainer(variant, digits)
    expected = undisturbed.fit(0)
    assert expected[2] > 0
    with pytest.raises(KeyboardInterrupt):
        undisturbed.fit(0, [Kill()], state=state)
    count = Count()
    with np.load(state) as saved:
        before = saved["seconds"]
    went_on = other.fit(0, [count], state=state)
    assert_same(went_on, expected)
    assert went_on[2] > before > 0
    assert count.epochs == [3, 4, 5]

    # What was saved after the last epoch has all; what is damaged has nothing.
    content = state.read_bytes()
    count = Count()
    assert_same(other.fit(0, [count], state=state), expected)
    assert count.epochs == []
    for damaged in (
        content[:-100],
        content[:1000],
        b"",
        b"no state",
        content[:5000] + b"damage" + content[5006:],
    ):
        state.write_bytes(damaged)
        count = Count()
        assert_same(other.fit(0, [count], state=state), expected)
        assert count.epochs == [*range(6)]


def test_a_state_is_of_one_setting_and_goes_when_the_run_is_whole(digits, tmp_path, monkeypatch):
    count, first = Count(), Trainer.fit

    def disturbed(*callbacks):
        monkeypatch.setattr(
            Trainer,
            "fit",
            lambda self, seed, others=(), **options: first(
                self, seed, [*others, count, *callbacks], **options
            ),
        )
        count.epochs.clear()

    def files():
        return sorted(path.name for path in (tmp_path / "baseline").iterdir())

    disturbed(Kill())
    with pytest.raises(KeyboardInterrupt):
        training.train(replace(plain, learning_rate=0.002), [0], digits, tmp_path)
    disturbed(Kill())
    with pytest.raises(KeyboardInterrupt):
        training.train(plain, [0], digits, tmp_path)
    assert count.epochs == [0, 1, 2, 3]
    assert len(files()) == 2
    assert all(name.startswith(".seed-00.") for name in files())
    disturbed()
    training.train(plain, [0], digits, tmp_path)
    assert count.epochs == [3, 4, 5]
    assert files() == ["seed-00"]
    history = pd.read_csv(tmp_path / "baseline" / "seed-00" / run.HISTORY)
    assert history.epoch.tolist() == [*range(1, 7)]
