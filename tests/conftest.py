"""What several test modules need: the embedded digits, and real MNIST where it is there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import hypothesis
import pytest

from mnist_aug import dataset

PROJECT = Path(__file__).parents[1]
hypothesis.settings.register_profile("suite", deadline=None)  # two tests run at once
hypothesis.settings.load_profile("suite")
MNIST = PROJECT.parent / "shared" / "data" / "mnist"


@pytest.fixture(scope="session")
def digits():
    return dataset.load("digits")


@pytest.fixture
def mnist_folder():
    if not MNIST.is_dir():
        pytest.skip("needs the four IDX files of MNIST beside the project")
    return MNIST


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("needs chromium or google-chrome")
    sync_playwright = pytest.importorskip("playwright.sync_api").sync_playwright
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def script(tmp_path):
    """Runs `scripts/<name>.py` with the arguments in an empty folder; returns the process."""
    def run(name, *arguments, **environment):
        return subprocess.run(
            [sys.executable, PROJECT / "scripts" / f"{name}.py", *map(str, arguments)],
            cwd=tmp_path, capture_output=True, text=True, timeout=300,
            env=os.environ | {"PYTHONPATH": str(PROJECT)} | environment)
    return run


@pytest.fixture
def fails_in_one_line():
    """Asserts that a process ended as a user's mistake must: one line, exit code 2."""
    def check(process, *words):
        assert process.returncode == 2, process.stderr
        lines = process.stderr.strip().splitlines()
        assert len(lines) == 1, process.stderr
        assert lines[0].startswith("error: ")
        for word in words:
            assert str(word) in lines[0]
    return check
