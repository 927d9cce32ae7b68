"""What tests of processes need: to start one, wait for something, and see what it started."""

import json
import os
import subprocess
import sys
import time
from contextlib import suppress

import psutil
from conftest import PATIENCE, PROJECT

from mnist_aug.results import runs


def until(condition, *arguments):
    """Wait until the condition holds; returns what it gave."""
    end = time.monotonic() + PATIENCE
    while not (met := condition(*arguments)):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
    return met


def start_training(count, folder, *arguments):
    """Start scripts/train.py as on a machine with so many cores, in a session of its own."""
    code = (
        f"import runpy; from mnist_aug.train import pools; pools.in_parallel = lambda: {count}; "
        f"runpy.run_path({str(PROJECT / 'scripts' / 'train.py')!r}, run_name='__main__')"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
    )


def descendants(process):
    """The processes that a process started, and those that they did."""
    return psutil.Process(process.pid).children(recursive=True)


def workers(process):
    """Those of its children that train; a child of theirs may look like one as it starts."""
    found = []
    for child in psutil.Process(process.pid).children():
        with suppress(psutil.NoSuchProcess):  # git, for one, is gone in a moment
            if "spawn_main" in " ".join(child.cmdline()):
                found.append(child)
    return found


def are_gone(processes):
    """Wait until they have ended; who adopts orphans, in a container, may never reap them."""

    def ended(process):
        try:
            return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    return until(lambda: all(map(ended, processes)))


def trained(results):
    """What must not depend on where a run was trained, by run."""
    return {
        f"{path.parent.parent.name}/{path.parent.name}": (
            json.loads(path.read_text())["weights_sha256"],
            (path.parent / runs.HISTORY).read_bytes(),
        )
        for path in sorted(results.glob(f"*/seed-*/{runs.MANIFEST}"))
    }


def finished(folder):
    """Seeds of the whole runs of the baseline in `folder/results`."""
    return runs.seeds(folder / "results", "baseline")


def is_whole(folder):
    """Whether nothing but whole runs is on disk."""
    return {path.name for path in (folder / "results" / "baseline").iterdir()} == {
        f"seed-{seed:02d}" for seed in finished(folder)
    }
