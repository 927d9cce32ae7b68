"""What several test modules need: scikit-learn's digits, MNIST, a browser, scripts that run."""

import importlib
import importlib.util
import os
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import hypothesis
import matplotlib
import pytest

from mnist_aug import backend, notes
from mnist_aug.data import dataset

PROJECT = Path(__file__).parents[1]
if importlib.util.find_spec("triton"):  # of PyTorch
    importlib.import_module("triton")  # imported after TensorFlow, it ends the process
os.environ.pop(notes.SAID, None)  # what is tested here was not called by `make test`
PATIENCE = 900  # seconds that a test waits for a process, on a machine busy with other things
# The same examples each time, so that no change is refused for what it didn't touch; `make torture`
# draws new ones. Nothing depends on how fast they are: two tests run at once.
hypothesis.settings.register_profile(
    "suite",
    deadline=None,
    derandomize=True,
    database=None,
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.register_profile(
    "torture", hypothesis.settings.get_profile("suite"), derandomize=False
)


def pytest_addoption(parser):
    parser.addoption(
        "--counts",
        metavar="PAGE",
        default=None,
        type=Path,
        help="write what was tried how often into this page, if all tests pass",
    )


def pytest_configure(config):
    """Make this process, and those that it starts, the same for the tests wherever they run."""
    # Ctrl-C is ignored in a background job, and is to be heard.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line(
        "markers", "one_in(n): of a test's cases, `make test` runs each n-th, `make torture` others"
    )
    torture = config.getoption("markexpr") == "torture"
    hypothesis.settings.load_profile("torture" if torture else "suite")
    # Processes that tests start don't compile the package again, nor copies of it the engine.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    compiled = PROJECT / "mnist_aug" / "augment" / "engine" / "__pycache__"
    os.environ.setdefault("NUMBA_CACHE_DIR", str(compiled))
    # Matplotlib and Jupyter speak up on stderr where they can't write to the home folder.
    if not os.access(os.path.expanduser("~"), os.W_OK):
        home = tempfile.TemporaryDirectory()
        config.add_cleanup(home.cleanup)
        os.environ["HOME"] = home.name
    # On stderr, too, Matplotlib tells of its font cache where that takes long to build.
    if not [*Path(matplotlib.get_cachedir()).glob("fontlist*.json")]:
        importlib.import_module("matplotlib.font_manager")


@pytest.hookimpl(tryfirst=True)  # before others look at marks
def pytest_collection_modifyitems(items):
    """Of very many cases that are alike, some are run each time, and the others by torture."""
    places = Counter()
    for item in items:
        mark = item.get_closest_marker("one_in")
        if mark and not item.get_closest_marker("torture"):
            test = item.path, item.originalname
            if places[test] % mark.args[0]:
                item.add_marker(pytest.mark.torture)
            places[test] += 1


def pytest_collection_finish():
    """Runs are trained in the process that tests them, where TensorFlow has one thread.

    This can't be had once it has started, and modules only import it. The process that hands the
    tests to others collects none and needs none.
    """
    if "tensorflow" in sys.modules:
        assert backend.start_tensorflow(one_thread=True)


@pytest.fixture(scope="session", autouse=True)
def compiled_once():
    """Trainers, which take two seconds to compile, are kept from pool to pool.

    A pool keeps the last from run to run.
    """
    from mnist_aug.train import jobs  # here, as the process that hands out the tests trains nothing

    trainers = {}  # by settings

    class Kept(jobs._Worker):
        """Its trainer is what any worker before it compiled for the same settings."""

        @property
        def compiled(self):
            return self  # equal to the settings that there is a trainer for

        @compiled.setter
        def compiled(self, settings):
            if settings is not None:
                trainers[str(settings)] = self.trainer

        def __eq__(self, settings):
            self.trainer = trainers.get(str(settings))
            return self.trainer is not None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs, "_Worker", Kept)
        yield


@pytest.fixture
def counted(record_property):
    """Says how often a test tried something: `counted("bad files read", 1000)`.

    The end of the tests' output adds up what was said with the same words.
    """
    return record_property


def pytest_terminal_summary(terminalreporter, exitstatus, config):
    counts = {}
    for report in terminalreporter.getreports("passed"):
        for what, number in report.user_properties:
            counts[what] = counts.get(what, 0) + number
    if not counts:
        return
    table = "\n".join(
        [
            "| what was tried | how often |",
            "| :-- | --: |",
            *(f"| {what} | {number:,} |" for what, number in sorted(counts.items())),
        ]
    )
    terminalreporter.write_sep("-", "tried")
    terminalreporter.write_line(table)
    page = config.getoption("--counts")
    if page and exitstatus == 0:
        from tools import evidence  # here, as it takes a second in each process

        evidence.write(page, {"counts": table})


@pytest.fixture(scope="session")
def digits():
    return dataset.load("digits")


@pytest.fixture(scope="session")
def few(digits):
    """400 training and 100 test images of the digits, where training itself is not tested."""
    return replace(
        digits,
        name="few",
        x_train=digits.x_train[:400],
        y_train=digits.y_train[:400],
        x_test=digits.x_test[:100],
        y_test=digits.y_test[:100],
    )


@pytest.fixture(scope="session")
def mnist():
    return dataset.load("mnist")


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium; where there is none, tests that need it are skipped, but fail in CI."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        reason = "needs chromium or google-chrome on PATH, as by `apt-get install chromium`"
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    from playwright import sync_api as api

    api.expect.set_options(1000 * PATIENCE)
    with api.sync_playwright() as playwright:
        # A container's /dev/shm is too small for a large page.
        opened = playwright.chromium.launch(
            executable_path=chromium,
            timeout=1000 * PATIENCE,
            args=["--no-sandbox", "--disable-dev-shm-usage"],
        )
        yield opened
        opened.close()


@pytest.fixture
def script(tmp_path):
    """Runs `scripts/<name>.py` with the arguments in an empty folder; returns the process."""

    def run(name, *arguments, **environment):
        return subprocess.run(
            [sys.executable, PROJECT / "scripts" / f"{name}.py", *map(str, arguments)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env=os.environ | {"PYTHONPATH": str(PROJECT)} | environment,
        )

    return run


@pytest.fixture
def called(tmp_path, monkeypatch, capfd):
    """As `script`, in this process, which need not start TensorFlow again."""

    def run(name, *arguments):
        path = str(PROJECT / "scripts" / f"{name}.py")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr("sys.argv", [path, *map(str, arguments)])
        capfd.readouterr()
        code = 0
        try:
            runpy.run_path(path, run_name="__main__")
        except SystemExit as ended:
            code = ended.code
        return subprocess.CompletedProcess(sys.argv, code, *capfd.readouterr())

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
