"""Each library trains the package's network, takes its steps, and says how well it does."""

import importlib.util
import os
import shutil
from dataclasses import replace

import pytest

from mnist_aug.data import dataset
from mnist_aug.experiments import benchmark, training_rivals
from mnist_aug.experiments.training_rivals import COMPILED, COMPILER, METHODS, PACKAGE, STOCK, Task
from mnist_aug.train.model_source import Model
from mnist_aug.train.variant import baseline

IMAGES = 7500  # of which 6,000 are trained on, in 187 whole batches and one of 16
STEPS = 188
OTHERS = [method for method in METHODS if method != PACKAGE]


@pytest.fixture(scope="module")
def task():
    mnist = dataset.load("mnist", test=False)
    return Task(benchmark._part(mnist, IMAGES), baseline, Model("dense"))


@pytest.fixture(scope="module")
def trained(task):
    """Of each method: its parameters, its cores, and four epochs, the last three of a new call."""
    core = benchmark._allowed()[-1]
    found = {}
    with benchmark._processes(training_rivals.names(task), task, [[core]]) as started:
        for method, (process,) in started.items():
            first = process.submit(training_rivals.train, 1).result()
            more = process.submit(training_rivals.train, 3).result()
            found[method] = *process.submit(held).result(), first + more
    return found, core


def held():
    """How many parameters are trained in this process, its cores, and what it compiled."""
    import sys

    graphs = None
    if "torch._dynamo.utils" in sys.modules:
        counters = sys.modules["torch._dynamo.utils"].counters
        graphs = counters["stats"]["unique_graphs"], len(counters["graph_break"])
    return training_rivals._training.parameters, os.sched_getaffinity(0), graphs


def of(trained, method):
    found, core = trained
    if method not in found:
        pytest.skip("not installed")
    return *found[method], core


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.torture
def test_the_network_is_the_same(trained, method):
    parameters, *_ = of(trained, method)
    assert parameters == 118_282


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.torture
def test_it_learns_as_fast(trained, method):
    first, _, _, last = of(trained, method)[3]
    own = of(trained, PACKAGE)[3]
    assert 0.8 < first.val_accuracy < first.accuracy + 0.2
    for name, most in (("accuracy", 0.04), ("val_accuracy", 0.06), ("loss", 0.15)):
        assert getattr(first, name) == pytest.approx(getattr(own[0], name), abs=most), name
    assert last.val_accuracy > 0.9
    assert last.accuracy > first.accuracy + 0.1
    assert last.loss < first.loss / 2
    assert last.val_loss < first.val_loss


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.torture
def test_steps_are_counted_to_the_last_smaller_batch(trained, method):
    epochs = of(trained, method)[3]
    expected = [1, 1, 2, 3] if method == PACKAGE else [1, 2, 3, 4]  # the package begins anew
    assert [epoch.steps for epoch in epochs] == [STEPS * number for number in expected]
    assert all(epoch.seconds > 0 for epoch in epochs)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.torture
def test_a_process_keeps_to_its_core(trained, method):
    _, cores, _, _, core = of(trained, method)
    assert cores == {core}


@pytest.mark.torture
def test_pytorch_compiles_a_step_once_for_each_size_of_a_batch(trained):
    assert of(trained, COMPILED)[2] == (2, 0)


def test_what_lacks_is_left_out_and_named_once(task, monkeypatch):
    found = importlib.util.find_spec
    gone = set()
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in gone else found(name) or True
    )
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert training_rivals.missing(task) == [COMPILER]
    assert training_rivals.names(task) == [name for name in METHODS if name != COMPILED]
    gone |= {"torch", "jax"}
    assert training_rivals.missing(task) == ["jax", "torch"]
    assert training_rivals.names(task) == [PACKAGE, STOCK, training_rivals.KERAS]


def test_other_models_and_gpus_have_stock_keras_alone(task, monkeypatch):
    cnn = replace(task, variant=replace(baseline, model="cnn"), model=Model("cnn"))
    assert training_rivals.names(cnn) == [PACKAGE, STOCK]
    assert training_rivals.missing(cnn) == []
    monkeypatch.setenv("DEVICE", "gpu")
    assert training_rivals.names(task) == [PACKAGE, STOCK]
