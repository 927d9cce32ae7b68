"""Dask: real workers make the same bytes as this process, and losing some of them loses no run."""

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import replace

import pytest
from conftest import PATIENCE, PROJECT
from processes import finished, is_whole, told, train_beside, until

from mnist_aug.errors import UserError
from mnist_aug.train import dask_cluster as cluster
from mnist_aug.train import training
from mnist_aug.train.variant import baseline

distributed = pytest.importorskip("distributed")
brief = replace(baseline, epochs=4)


class Cluster:
    """A scheduler on loopback, and workers, each a process."""

    def __init__(self, folder):
        self.folder, self.processes = folder, []
        file = folder / "scheduler.json"
        self.scheduler = self._start(
            "dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file)
        )
        self.address = until(self._written, file)

    def work(self, count=1):
        """Start workers; returns the processes when the scheduler knows them."""
        names = {f"worker-{len(self.processes) + number}" for number in range(count)}
        started = [
            self._start(
                "dask_worker",
                self.address,
                "--nthreads",
                "1",
                "--no-nanny",
                "--name",
                name,
                "--local-directory",
                str(self.folder),
            )
            for name in sorted(names)
        ]
        self.ask(
            lambda client: until(
                lambda: (
                    names
                    <= {
                        worker["name"]
                        for worker in client.scheduler_info(n_workers=-1)["workers"].values()
                    }
                )
            )
        )
        return started

    def ask(self, question):
        with distributed.Client(self.address, set_as_default=False, timeout=PATIENCE) as client:
            return question(client)

    @staticmethod
    def _written(file):
        with suppress(OSError, ValueError):  # not there, or not whole
            return json.loads(file.read_text())["address"]

    def _start(self, name, *arguments):
        with open(self.folder / "log.txt", "a") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.{name}", *arguments, "--no-dashboard"],
                cwd=self.folder,
                stdout=log,
                stderr=log,
                env=os.environ | {"PYTHONPATH": str(PROJECT)},
            )
        self.processes.append(process)
        return process

    def end(self):
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def started(tmp_path_factory):
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    yield made
    made.end()


def count_loads(dask_worker):
    """In a worker: count the times it gets a dataset from now on."""
    from mnist_aug.train import dask_cluster as cluster

    first = cluster.add
    dask_worker.loads = []
    cluster.add = lambda dataset: (dask_worker.loads.append(dataset.sha256), first(dataset))


def die_within_a_run():
    """In a worker: be killed after the first epoch of the next run."""
    import keras

    from mnist_aug.train import workers

    first = workers._callbacks
    workers._callbacks = lambda job: [
        *first(job),
        keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: os.kill(os.getpid(), signal.SIGKILL)
        ),
    ]


def test_runs_on_dask_are_those_trained_here(started, digits, tmp_path, capsys):
    other = replace(digits, name="other", x_train=255 - digits.x_train)
    first, second = started.work(2)
    started.ask(lambda client: client.run(_by_value(count_loads)))

    def train(dataset, results, seeds):
        training.train(brief, seeds, dataset, tmp_path / results, scheduler=started.address)

    train(digits, "there", range(2))
    train(other, "other", range(1))  # as another command that shares the workers
    train(digits, "there", range(3))
    loads = started.ask(lambda client: client.run(_by_value(lambda dask_worker: dask_worker.loads)))
    assert [*loads.values()] == [[digits.sha256, other.sha256]] * 2

    # A worker is killed while it trains; one that comes later gets the dataset, too.
    capsys.readouterr()
    numbers = started.ask(lambda client: client.run(os.getpid))
    address = next(key for key, number in numbers.items() if number == first.pid)
    started.ask(lambda client: client.run(_by_value(die_within_a_run), workers=[address]))

    def replace_it():
        first.wait(PATIENCE)
        started.work()

    replacing = threading.Thread(target=replace_it)
    replacing.start()
    train(digits, "lost", range(6))
    replacing.join()
    assert first.returncode == -signal.SIGKILL
    said = capsys.readouterr()
    assert said.err == ""
    assert sorted(line.split(":")[0] for line in said.out.splitlines()) == [
        f"baseline, seed {seed:02d}" for seed in range(6)
    ]
    assert second.poll() is None

    training.train(brief, range(6), digits, tmp_path / "here")
    here = told(tmp_path / "here")
    assert told(tmp_path / "lost") == here
    assert told(tmp_path / "there") == dict([*here.items()][:3])
    training.train(brief, [0], other, tmp_path / "other here")
    assert told(tmp_path / "other") == told(tmp_path / "other here")


def _by_value(function):
    """A function that travels whole to workers, which haven't the tests' modules."""
    import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    return function


def test_a_lost_scheduler_is_told_in_one_line(started, tmp_path, fails_in_one_line):
    started.work()
    process = train_beside(
        1,
        tmp_path,
        "baseline",
        "--data",
        "digits",
        "--epochs",
        "1",
        "--seeds",
        "2000",
        "--scheduler",
        started.address,
    )
    until(lambda: len(finished(tmp_path)) >= 2)
    started.scheduler.kill()
    _, said = process.communicate(timeout=PATIENCE)
    fails_in_one_line(
        subprocess.CompletedProcess([], process.returncode, "", said),
        f"the Dask scheduler at {started.address} is gone: finished runs are kept",
    )
    assert is_whole(tmp_path)
    assert len(finished(tmp_path)) >= 2


@pytest.mark.torture  # the next test has the same in this process
def test_no_scheduler_is_told_in_one_line(script, tmp_path, fails_in_one_line):
    fails_in_one_line(
        script("train", "baseline", "--data", "digits", "--scheduler", "tcp://127.0.0.1:1"),
        "no Dask scheduler answers at tcp://127.0.0.1:1",
        "--scheduler",
    )


@pytest.mark.parametrize(
    "address", ["nonsense", "ftp://127.0.0.1:8786", "127.0.0.1:many", "tcp://127.0.0.1:1"]
)
def test_where_no_scheduler_answers(digits, tmp_path, monkeypatch, capfd, address):
    monkeypatch.setattr(cluster, "LOST_SECONDS", 1)
    words = f"(?s)no Dask scheduler answers at {address} .*--scheduler"
    with pytest.raises(UserError, match=words):
        training.train(brief, [0], digits, tmp_path, scheduler=address)
    assert capfd.readouterr().err == ""


def test_workers_with_several_threads_are_refused(digits, tmp_path):
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
        ) as unfit,
        pytest.raises(UserError, match="has several threads, and a run takes a process"),
    ):
        training.train(brief, [0], digits, tmp_path, scheduler=unfit.scheduler_address)
