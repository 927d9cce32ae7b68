"""Memory and time: a run of many epochs, many runs, and many reports hold both."""

import gc
import time
from dataclasses import replace

import keras
import numpy as np
import psutil
import pytest
import synthetic_results
from matplotlib import pyplot

from mnist_aug.evaluate import evaluation
from mnist_aug.report import page
from mnist_aug.train import training
from mnist_aug.train.trainer import Trainer
from mnist_aug.train.variant import augmented, baseline

MIB = 2**20


def memory():
    gc.collect()
    return psutil.Process().memory_info().rss / MIB


class Watch(keras.callbacks.Callback):
    """Seconds of each epoch, and memory in MiB at the end of each tenth."""

    def __init__(self):
        super().__init__()
        self.seconds, self.memory = [], []

    def on_epoch_begin(self, epoch, logs=None):
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.perf_counter() - self.began)
        if epoch % 10 == 9:
            self.memory.append(memory())


def assert_held(used, seconds, mib=20):
    """Neither grows beyond noise from when all is warm to the end; memory by so much at most."""
    print(f"memory {used[0]:.0f} MiB, then {np.round(np.array(used) - used[0], 1)}")
    third = len(seconds) // 3
    first, last = np.median(seconds[1:third]), np.median(seconds[-third:])
    print(f"seconds: median {first:.4f} in the first third, {last:.4f} in the last")
    assert used[-1] - used[0] < mib
    assert last < 3 * first  # a busy machine slows by as much


@pytest.mark.torture
@pytest.mark.parametrize("variant", [baseline, augmented], ids=lambda variant: variant.name)
def test_a_run_of_200_epochs(digits, tmp_path, variant, counted):
    watch = Watch()
    trainer = Trainer(replace(variant, epochs=200), digits)
    trainer.fit(0, [watch], checkpoint=tmp_path / "checkpoint.npz")
    assert len(watch.seconds) == 200
    assert_held(watch.memory[1:], watch.seconds)
    counted("epochs of long runs that held memory and time", 200)


@pytest.mark.torture
def test_the_reference_data_for_200_epochs(mnist, counted):
    watch = Watch()
    Trainer(replace(baseline, epochs=200), mnist).fit(0, [watch])
    assert_held(watch.memory[1:], watch.seconds)
    counted("epochs of long runs that held memory and time", 200)


@pytest.mark.torture
def test_30_runs_and_10_evaluations_in_one_process(digits, tmp_path, capsys, monkeypatch, counted):
    used, seconds, first = [], [], Trainer.fit

    def fit(self, *arguments, **options):
        began = time.perf_counter()
        trained = first(self, *arguments, **options)
        seconds.append(time.perf_counter() - began)
        used.append(memory())
        return trained

    monkeypatch.setattr(Trainer, "fit", fit)
    training.train(replace(augmented, epochs=2), range(30), digits, tmp_path)
    # TensorFlow itself keeps up to 1 MiB of each run, and takes memory in steps of 15.
    assert_held(used[9:], seconds, 60)
    used, seconds = [], []
    for _ in range(10):
        began = time.perf_counter()
        evaluation.evaluate(tmp_path, digits, seeds=3)
        seconds.append(time.perf_counter() - began)
        used.append(memory())
    assert_held(used[2:], seconds, 40)
    counted("runs and evaluations in one process that held memory and time", 40)


@pytest.mark.torture
def test_10_reports_in_one_process(tmp_path, counted):
    synthetic_results.write(tmp_path / "results")
    used, seconds = [], []
    for _ in range(10):
        began = time.perf_counter()
        page.write(tmp_path / "results", tmp_path / "reports")
        seconds.append(time.perf_counter() - began)
        used.append(memory())
    assert pyplot.get_fignums() == []
    assert_held(used[2:], seconds)
    counted("reports in one process that held memory and time", 10)
