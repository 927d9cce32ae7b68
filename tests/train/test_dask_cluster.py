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
from processes import finished, is_whole, start_training, trained, until

from mnist_aug.errors import UserError
from mnist_aug.results import runs
from mnist_aug.train import training
from mnist_aug.train.variant import baseline

distributed = pytest.importorskip("distributed")
from mnist_aug.train import dask_cluster  # noqa: E402, it needs Dask

brief = replace(baseline, epochs=2)


class Cluster:
    """A scheduler on loopback, and workers, each a process."""

    def __init__(self, folder):
        self.folder, self.processes = folder, []
        file = folder / "scheduler.json"
        self.scheduler = self._start(
            "dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file)
        )
        self.address = until(self._written, file)

    def work(self):
        """Start a worker; `is_there` says when the scheduler knows it."""
        return self._start(
            "dask_worker",
            self.address,
            "--nthreads",
            "1",
            "--no-nanny",
            "--name",
            f"worker-{len(self.processes)}",
            "--local-directory",
            str(self.folder),
        )

    def addresses(self):
        """Of the workers that the scheduler knows, by process."""
        return {number: address for address, number in self.ask(_run(os.getpid)).items()}

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


def _run(function, **options):
    """A question to a cluster: what the function returns in each worker, by address."""
    import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers haven't this module
    return lambda client: client.run(function, **options)


def count_loads(dask_worker):
    """In a worker: count the times it gets a dataset from now on."""
    from mnist_aug.train import dask_cluster

    first = dask_cluster.add
    dask_worker.loads = []
    dask_cluster.add = lambda dataset: (dask_worker.loads.append(dataset.sha256), first(dataset))


def loads(dask_worker):
    return dask_worker.loads


def datasets():
    """In a worker: the SHA-256 of the datasets that it has."""
    from mnist_aug.train import jobs

    return {*jobs._here.datasets}


def die_within_a_run():
    """In a worker: be killed after the first epoch of the next run."""
    import keras

    from mnist_aug.train import jobs

    first = jobs._callbacks
    jobs._callbacks = lambda job: [
        *first(job),
        keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: os.kill(os.getpid(), signal.SIGKILL)
        ),
    ]


@pytest.mark.torture
def test_runs_on_dask_are_those_trained_here(started, few, tmp_path, monkeypatch):
    """One cluster is put to all of it, as workers take seconds to start."""
    other = replace(few, name="other", x_train=255 - few.x_train)

    def train(dataset, results, seeds):
        training.train(brief, seeds, dataset, tmp_path / results, scheduler=started.address)

    # A worker gets each dataset once, whatever commands share it; one that comes later, all.
    first = started.work()
    until(lambda: first.pid in started.addresses())
    started.ask(_run(count_loads))
    train(few, "there", range(2))
    train(other, "other", range(1))
    train(few, "there", range(3))
    assert [*started.ask(_run(loads)).values()] == [[few.sha256, other.sha256]]
    later = started.work()
    until(lambda: later.pid in started.addresses())
    both = {few.sha256, other.sha256}
    assert [*started.ask(_run(datasets)).values()] == [both, both]
    later.kill()
    later.wait(PATIENCE)

    # The scheduler is killed.
    def kill():
        until(lambda: len(runs.seeds(tmp_path / "ended", "baseline")) > 1)
        monkeypatch.setattr(dask_cluster, "LOST_SECONDS", 1)
        started.scheduler.kill()

    killing = threading.Thread(target=kill)
    killing.start()
    with pytest.raises(UserError, match=f"scheduler at {started.address} is gone: finished runs"):
        train(few, "ended", range(2000))
    killing.join()
    ended = trained(tmp_path / "ended")
    assert {f"baseline/{path.name}" for path in (tmp_path / "ended" / "baseline").iterdir()} == {
        *ended
    }

    training.train(brief, range(3), few, tmp_path / "here")
    here = trained(tmp_path / "here")
    assert trained(tmp_path / "there") == here
    assert ended["baseline/seed-00"] == here["baseline/seed-00"]
    (own,) = trained(tmp_path / "other").values()
    assert own not in here.values()  # it is of the other images


@pytest.mark.torture
def test_the_run_of_a_killed_worker_is_trained_by_another(started, few, tmp_path, capsys):
    first = started.work()
    until(lambda: first.pid in started.addresses())
    started.ask(_run(die_within_a_run))
    coming = threading.Thread(target=started.work)
    coming.start()
    training.train(brief, range(4), few, tmp_path / "lost", scheduler=started.address)
    coming.join()
    assert first.wait(PATIENCE) == -signal.SIGKILL
    said = capsys.readouterr()
    assert said.err == ""
    assert sorted(line.split(":")[0] for line in said.out.splitlines()[1:]) == [
        f"baseline, seed {seed:02d}" for seed in range(4)
    ]
    training.train(brief, range(4), few, tmp_path / "here")
    assert trained(tmp_path / "lost") == trained(tmp_path / "here")


@pytest.mark.torture  # test_runs_on_dask_are_those_trained_here has the same in one process
def test_a_lost_scheduler_is_reported_in_one_line(started, tmp_path, fails_in_one_line):
    worker = started.work()
    until(lambda: worker.pid in started.addresses())
    process = start_training(
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
def test_no_scheduler_is_reported_in_one_line(script, tmp_path, fails_in_one_line):
    fails_in_one_line(
        script("train", "baseline", "--data", "digits", "--scheduler", "tcp://127.0.0.1:1"),
        "no Dask scheduler answers at tcp://127.0.0.1:1",
        "--scheduler",
    )


@pytest.mark.parametrize(
    "address", ["nonsense", "ftp://127.0.0.1:8786", "127.0.0.1:many", "tcp://127.0.0.1:1"]
)
def test_where_no_scheduler_answers(few, tmp_path, monkeypatch, capfd, address):
    monkeypatch.setattr(dask_cluster, "LOST_SECONDS", 1)
    words = f"(?s)no Dask scheduler answers at {address} .*--scheduler"
    with pytest.raises(UserError, match=words):
        training.train(brief, [0], few, tmp_path, scheduler=address)
    assert capfd.readouterr().err == ""


def test_workers_with_several_threads_are_refused(few, tmp_path):
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
        ) as unfit,
        pytest.raises(UserError, match="has several threads, and a run takes a process"),
    ):
        training.train(brief, [0], few, tmp_path, scheduler=unfit.scheduler_address)
