"""A copy of the project, and make in it, on scikit-learn's digits."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

from conftest import PATIENCE, PROJECT

SMALL = ["DATA=digits", "SEEDS=1", "EPOCHS=1"]
STAGES = {"train.py": "evaluate", "report.py": "report"}  # targets, by the script that they run
TIMES = re.compile(  # and commands, in lines of a page; numbers of tables are compared as files
    r'Median training time|run started|download="(cost|manifest|runs)\.csv"|'
    r'^<tr><th scope="row">(baseline|augmented|command)</th>|^\| (baseline|augmented|command) \|'
)


def copied(folder):
    """The project as it is before the first call."""
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(PROJECT / name, folder)
    for name in ("mnist_aug", "scripts", "tools"):
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@contextmanager
def on_one_core():
    """Let a run be trained by the command itself: to start two processes takes longer."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {random.choice([*cores])})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def variables():
    """Names of the variables that make's user sets."""
    return re.findall(r"^([A-Z_]+) \?=", (PROJECT / "Makefile").read_text(), re.M)


def started(project, *arguments, python=sys.executable, environment=None, **options):
    """Start make with the Python that runs the tests, or what else, in place of a fresh .venv."""
    ignored = {"MAKEFLAGS", "MAKELEVEL", "GNUMAKEFLAGS", "CONDA_DEFAULT_ENV", *variables()}
    inherited = {key: value for key, value in os.environ.items() if key not in ignored}
    with on_one_core():
        return subprocess.Popen(
            ["make", f"PY={python}", "READY=", *arguments],
            cwd=project,
            text=True,
            errors="surrogateescape",
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=inherited | {"PYTHONPATH": str(project)} | (environment or {}),
            **options,
        )


def make(project, *arguments, **options):
    process = started(project, *arguments, **options)
    out, err = process.communicate(timeout=PATIENCE)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def made(project, *arguments, **options):
    process = make(project, *arguments, **options)
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def killed(process, due):
    """Kill make and what it runs as soon as `due()`.

    Returns:
        what it ran, or None if it had ended; and what it printed.
    """
    while not due():
        if process.poll() is not None:
            return None, process.communicate()[0]
        time.sleep(0.001)
    os.killpg(process.pid, signal.SIGKILL)
    out, _ = process.communicate()
    ran = re.findall("|".join(STAGES), out)
    return ran[-1] if ran else "make alone", out


def appears(path):
    """Whether a file or folder, or what becomes it, is there."""
    return path.exists() or any(path.parent.glob(f".{path.name}.*"))


def left_over(project):
    """What a killed process left half-written."""
    return [
        path
        for folder in ("results", "reports")
        for path in (project / folder).rglob(".*")
        if path.name != ".lock"
    ]


def weights(project):
    return {
        path.parent.parent.name + "/" + path.parent.name: json.loads(path.read_text())[
            "weights_sha256"
        ]
        for path in sorted(project.glob("results/*/seed-*/manifest.json"))
    }


def outcome(project):
    """What must not depend on kills: weights, scores, tables and pages, without times."""
    files = [
        *project.glob("results/*.npz"),
        *project.glob("results/*/metrics.csv"),
        *project.glob("results/*/seed-*/*.npz"),
        *project.glob("results/*/seed-*/history.csv"),
        *project.glob("reports/figures/*.svg"),
        *(
            path
            for path in project.glob("reports/tables/*.csv")
            if path.stem not in ("runs", "cost", "manifest")
        ),
    ]
    pages = [project / "reports" / name for name in ("index.html", "app.html", "report.md")]
    assert len(files) > 40
    return (
        weights(project)
        | {str(path.relative_to(project)): path.read_bytes() for path in files}
        | {
            path.name: [
                line
                for line in path.read_text(encoding="utf-8").splitlines()
                if not TIMES.search(line)
            ]
            for path in pages
        }
    )
