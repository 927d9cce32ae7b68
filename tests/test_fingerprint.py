"""Fingerprints of code: what changes them, and what doesn't."""

import re
import shutil
import subprocess
import sys

import pytest
from conftest import PROJECT

from mnist_aug.fingerprint import fingerprint, reached
from mnist_aug.train import jobs

TRAINER = '''"""Trains."""

import numpy as np

from mnist_aug.data import readers
from mnist_aug.train import steps
from mnist_aug.train.shapes import Shape

RATE = 0.1  # of learning


class Trainer(Shape):
    """Trains.

    More about it.
    """

    decay: float

    def __init__(self, rate=RATE):
        """Begins."""
        self.rate = rate

    def fit(self, images, epochs=3):
        # All of them.
        for _ in range(epochs):
            images = steps.step(images, self.rate) + self.area()
        if images.size > 9:
            images = np.floor(images)
        return readers.cut(images)


def unused():
    return RATE + 1
'''
STEPS = '''"""Steps."""

from mnist_aug.train.shapes import LIMIT


def step(images, rate, times=2):
    return halved(images) * rate * times if LIMIT else images


def halved(images):
    return images / 2


def other(images):
    return images * 2
'''
SHAPES = '''"""Shapes."""

LIMIT = {"a": 1}
LIMIT["b"] = 2


class Shape:
    def area(self):
        return 1
'''
READERS = """MESSAGE = "cut"


def cut(images):
    print(MESSAGE)
    return images[1:]
"""
FILES = {
    "__init__.py": "",
    "train/__init__.py": "",
    "data/__init__.py": "",
    "train/trainer.py": TRAINER,
    "train/steps.py": STEPS,
    "train/shapes.py": SHAPES,
    "data/readers.py": READERS,
}


@pytest.fixture
def fingerprint_of(tmp_path):
    """Writes the package with changes, as {file: [(old, new), …]}, and takes its fingerprint."""
    count = 0

    def take(changes=None, **files):
        nonlocal count
        count += 1
        package = tmp_path / str(count) / "mnist_aug"
        written = FILES | files
        for name, text in written.items():
            for old, new in (changes or {}).get(name, []):
                assert text.count(old) == 1, (name, old)
                text = text.replace(old, new)
            (package / name).parent.mkdir(parents=True, exist_ok=True)
            (package / name).write_text(text)
        return fingerprint(["train.trainer:Trainer"], ["train"], package)

    return take


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("train/trainer.py", [("# All of them.", "# Every one of them, twice.")]),
        ("train/trainer.py", [('"""Trains."""\n\nimport', '"""Learns."""\n\nimport')]),
        ("train/trainer.py", [("    More about it.\n", "")]),
        ("train/trainer.py", [('        """Begins."""\n', "")]),
        (
            "train/trainer.py",
            [("fit(self, images, epochs=3)", "fit(\n  self, images, epochs=3,\n)")],
        ),
        ("train/trainer.py", [("images.size > 9", "(images.size) > (9)")]),
        ("train/trainer.py", [("rate=RATE", "rate: float = RATE")]),
        ("train/trainer.py", [("decay: float", "decay: 'int | None'")]),
        ("train/trainer.py", [("RATE = 0.1", "RATE: float = 0.1")]),
        (
            "train/trainer.py",
            [("epochs=3):", "epochs: int = 3) -> list[int]:\n        total: int")],
        ),
        ("train/trainer.py", [("RATE + 1", "RATE + 2")]),  # in what is not used
        ("train/steps.py", [("images * 2", "images * 3")]),
        ("train/steps.py", [("/ 2", "/ 0x2")]),
        ("data/readers.py", [("images[1:]", "images[2:]")]),  # which is not followed
        ("data/readers.py", [('"cut"', '"cut to fit"')]),
        ("train/shapes.py", [("class Shape:\n", 'class Shape:\n    """A shape."""\n\n')]),
        (
            "train/trainer.py",
            [("import numpy as np\n", "import numpy\n"), ("np.floor", "numpy.floor")],
        ),
        (
            "train/trainer.py",
            [
                ("from mnist_aug.data import readers\n", ""),
                (
                    "        return readers",
                    "        from mnist_aug.data import readers as r\n\n        return r",
                ),
            ],
        ),
        (
            "train/trainer.py",
            [
                (
                    "import numpy as np\n",
                    "from typing import TYPE_CHECKING\n\nimport numpy as np\n",
                ),
                ("RATE = 0.1", "if TYPE_CHECKING:\n    from mnist_aug.data import x\nRATE = 0.1"),
            ],
        ),
    ],
)
def test_text_alone_changes_nothing(fingerprint_of, name, changes):
    assert fingerprint_of({name: changes}) == fingerprint_of()


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("train/trainer.py", "RATE = 0.1", "RATE = 0.2"),
        ("train/trainer.py", "epochs=3", "epochs=4"),
        ("train/trainer.py", "+ self.area()", "- self.area()"),
        ("train/trainer.py", "images.size > 9", "images.size >= 9"),
        ("train/trainer.py", "np.floor(images)", "np.ceil(images)"),
        ("train/trainer.py", "import numpy as np", "import jax.numpy as np"),
        ("train/trainer.py", "Trainer(Shape)", "Trainer"),
        ("train/trainer.py", "    def fit", "    @staticmethod\n    def fit"),
        ("train/trainer.py", "    decay: float\n", "    decay: float = 0\n"),
        ("train/trainer.py", "range(epochs)", "range(2, epochs)"),
        ("train/trainer.py", "return readers.cut(images)", "return images"),
        ("train/trainer.py", '"""Trains."""\n\nimport', "print()\nimport"),
        ("train/steps.py", "times=2", "times=3"),
        ("train/steps.py", "halved(images) *", "other(images) *"),
        ("train/steps.py", "images / 2", "images // 2"),
        ("train/shapes.py", "return 1", "return 2"),
        ("train/shapes.py", '{"a": 1}', '{"a": 2}'),
        ("train/shapes.py", '["b"] = 2', '["b"] = 3'),
        ("train/shapes.py", '["b"] = 2', '["b"] = 2\nLIMIT |= {"c": 3}'),
    ],
)
def test_behaviour_changes_it(fingerprint_of, name, old, new):
    assert fingerprint_of({name: [(old, new)]}) != fingerprint_of()


def test_order_changes_nothing(fingerprint_of):
    first, second, third = re.split(r"\n\n\n(?=def )", STEPS.strip())[1:]
    head = STEPS[: STEPS.index("def ")]
    assert fingerprint_of(**{"train/steps.py": head + "\n\n\n".join((third, second, first))}) == (
        fingerprint_of()
    )
    begins = TRAINER[TRAINER.index("    def __init__") : TRAINER.index("    def fit")]
    fit = TRAINER[TRAINER.index("    def fit") : TRAINER.index("def unused")]
    assert fingerprint_of({"train/trainer.py": [(begins + fit, fit + begins)]}) == fingerprint_of()


def test_a_definition_may_move_to_another_module(fingerprint_of):
    halved = "def halved(images):\n    return images / 2\n"
    before = fingerprint_of()
    # Its module imports it by name …
    assert before == fingerprint_of(
        {
            "train/steps.py": [
                (halved, ""),
                ("import LIMIT", "import LIMIT, halved as half"),
                ("return halved(", "return half("),
            ],
            "train/shapes.py": [("class Shape", f"{halved}\n\nclass Shape")],
        }
    )
    # … or another reaches it through a module, which may have another name, too.
    step = STEPS[STEPS.index("def step") : STEPS.index("def halved")]
    moved = {
        "train/steps.py": [(step, "")],
        "train/trainer.py": [("import steps", "import walks"), ("steps.step", "walks.step")],
    }
    walks = (
        "from mnist_aug.train.shapes import LIMIT\n"
        f"from mnist_aug.train.steps import halved\n\n\n{step}"
    )
    assert before == fingerprint_of(moved, **{"train/walks.py": walks})
    assert before != fingerprint_of(moved, **{"train/walks.py": walks.replace("* rate", "+ rate")})


def test_definitions_of_the_same_name_are_told_apart(fingerprint_of):
    both = {
        "train/steps.py": STEPS + "\n\nSIZE = 1\n",
        "train/shapes.py": SHAPES + "\n\nSIZE = 2\n",
    }
    used = [
        ("import steps\n", "import shapes, steps\n"),
        ("images = np.floor(images)", "images = steps.SIZE - shapes.SIZE"),
    ]
    turned = [used[0], (used[1][0], "images = shapes.SIZE - steps.SIZE")]
    first, second = (fingerprint_of({"train/trainer.py": how}, **both) for how in (used, turned))
    assert first != second


def test_one_of_two_definitions(fingerprint_of):
    halved = "def halved(images):\n    return images / 2\n"
    two = "if LIMIT:\n    def halved(images):\n        return 1\nelse:\n    halved = abs\n"
    first, second = (
        fingerprint_of({"train/steps.py": [(halved, text)]})
        for text in (two, two.replace("return 1", "return 2"))
    )
    assert first != second


def test_what_is_not_there_is_not_passed_over(fingerprint_of):
    with pytest.raises(KeyError):
        fingerprint_of({"train/trainer.py": [("steps.step", "steps.stride")]})
    with pytest.raises(KeyError):
        fingerprint(["train.trainer:Nobody"], ["train"])


# Of this project ----------------------------------------------------------------------------------


def test_what_weights_depend_on_is_reached(monkeypatch):
    found = {}

    def noted(roots, within):
        found[roots] = reached(roots, within)
        return "0"

    monkeypatch.setattr(jobs, "fingerprint", noted)
    jobs.fingerprints.__wrapped__(True)
    training, augmentation = found.values()
    assert {
        "train.trainer:Trainer",
        "train.trainer:nested_subset",
        "train.models:BlockTrainer",
        "train.models:build",
        "train.pipeline:blocks",
        "train.checkpoints:Checkpoint",
    } <= training.keys()
    assert {
        "augment.batches:Engine",
        "augment.engine.draws:Draws",
        "augment.engine.draws:image_keys",
        "augment.engine.draws:_mix",
        "augment.engine.exact:sin_cos",
        "augment.engine.resample:read",
        "augment.engine.resample:_read",
        "augment.engine.geometry:sample_elastic",
        "augment.engine.holes:fill_holes",
        "augment.engine.structure:build",
        "augment.engine.structure:Choice",
        "augment.engine.warp:Warp",
    } <= augmentation.keys()
    # Names of policies and what is said of them are no part of it, as they are in the manifest.
    assert not any(
        place.startswith(("augment.policy", "train.training", "train.pools", "results", "errors"))
        for place in (*training, *augmentation)
    )


def test_without_a_policy_the_engine_does_not_matter(monkeypatch):
    monkeypatch.setattr(jobs, "fingerprint", lambda roots, within: roots[0])
    assert jobs.fingerprints.__wrapped__(False) == {
        "training": "train.trainer:Trainer",
        "augmentation": None,
    }


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return shutil.copytree(
        PROJECT / "mnist_aug",
        tmp_path_factory.mktemp("copy") / "mnist_aug",
        ignore=shutil.ignore_patterns("__pycache__", "mnist", "templates"),
    )


def test_formatting_the_project_changes_nothing(package):
    roots, within = (
        ["train.trainer:Trainer", "augment.engine.structure:build"],
        ["train", "augment"],
    )
    before = fingerprint(roots, within, package)
    options = ["--config", "line-length = 60", "--config", "format.quote-style = 'single'"]
    subprocess.run(
        [sys.executable, "-m", "ruff", "format", "-q", "--isolated", *options, package], check=True
    )
    shutil.copytree(package, package.parent / "narrow" / "mnist_aug")
    assert fingerprint(roots, within, package.parent / "narrow" / "mnist_aug") == before
    assert before == fingerprint(roots, within)


SYNTAX = """
from math import floor as down, pi

TABLE, (FIRST, *REST) = {"a": 0x10, **{b"b": 1e-3}}, (1, 2j, None)


class Trainer:
    size: int = 3

    async def fit(self, x, /, *images, times: float = -1.5, **more):
        try:
            with open(f"{x!r:>{self.size}} {'a' 'b'}") as file, file:
                rows = [down(n) for n in file if (m := n) not in REST]
        except (OSError, ValueError) as error:
            raise KeyError("a" f"b{error=}" f"{error}c" "d") from None
        finally:
            del x
        match rows:
            case [int(first), *_] if first:
                return lambda y=pi, *, z=...: (y, not z, rows[1:, ::2, None])
        while not m @ times >> 2:
            yield await images[-1](*rows, **more) if m else {1, 2}
        global FIRST
        FIRST += "a" 'b'
"""


def test_every_python_takes_the_same_fingerprint(fingerprint_of):
    own = fingerprint_of(**{"train/trainer.py": SYNTAX})
    assert own == "42f10c8139b2c3411b4233af841ed874ec7c0d2451185879477dcd311105f583"
