"""MODEL=: a name, a function in a Python file, or a `.keras` file, made into an architecture.

From Python, a function or a model that the program holds: it becomes a `.keras` file, too.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_aug.errors import UserError
from mnist_aug.results import files
from mnist_aug.train import own_model
from mnist_aug.train.variant import BUILT_IN, model_name

if TYPE_CHECKING:  # it takes seconds to start, so only where there is a model to build
    import keras

FORMS = f"use {', '.join(BUILT_IN)}, a file and function like path/model.py:build, or a .keras file"
CNN_SIDE = 10  # pixels that an image for `cnn` has at least, or its second pooling has none
OTHER_FILES = {".h5", ".hdf5", ".pb", ".tflite", ".onnx", ".pt", ".pth", ".json", ".weights"}
TRY = """
import json, sys
sys.path[:] = json.loads(sys.argv.pop(1))
from mnist_aug.train import own_model
own_model.main(*sys.argv[1:])
"""


@dataclass(frozen=True)
class Model:
    """Which model a variant trains.

    Attributes:
        name: `dense`, `cnn`, or the name of a file, with the function in it.
        architecture: what `architectures.built` takes; None for those that have a name.
        source: `file` and `sha256` of the user's file, for the manifest.
    """

    name: str
    architecture: Mapping[str, Any] | None = None
    source: Mapping[str, str] | None = None

    @property
    def described(self) -> dict[str, str]:
        """What tells it from other models: its name and, if a user's, its architecture's digest.

        A file may change in what doesn't make another architecture.
        """
        if self.architecture is None:
            return {"name": self.name}
        return {"name": self.name, "digest": files.digest(self.architecture)}


def load(given: str, image_shape: tuple[int, ...], classes: int) -> Model:
    """The model that MODEL= (--model) names.

    Args:
        given: `dense`, `cnn`, `path/model.py:build`, or `path/model.keras`. `build` is called with
            `image_shape`, (H, W, C), and `classes`, and returns an uncompiled Sequential or
            Functional `keras.Model` of Keras's own layers, from images to class probabilities. Of
            either file, only the architecture is used. A file is tried in a process of its own.
        image_shape: (H, W), or (H, W, 3).

    Raises:
        UserError: there is no such model, or it is unfit for these images and classes.
    """
    if given in BUILT_IN:
        if given == "cnn" and min(image_shape[:2]) < CNN_SIDE:
            raise UserError(
                f"model cnn takes images of {CNN_SIDE} by {CNN_SIDE} pixels or more, and these "
                f"have {image_shape[0]} by {image_shape[1]}: use MODEL=dense or a model of your own"
            )
        return Model(given)
    path, function = place(given)
    key = given, hashlib.sha256(path.read_bytes()).hexdigest(), image_shape, classes
    if function is None and key in _loaded:
        return _loaded[key]
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "found.json"
        arguments = [given, path, function or "", json.dumps(image_shape), classes, found]
        ended = subprocess.run(
            [sys.executable, "-c", TRY, json.dumps(sys.path), *map(str, arguments)], check=False
        )
        if not found.exists():
            raise UserError(
                f"model {given} ended the process that tried it (exit status {ended.returncode}), "
                "perhaps for want of memory: make it smaller"
            )
        answer = json.loads(found.read_text())
    if "error" in answer:
        raise UserError(answer["error"])
    model = Model(model_name(given), **answer)
    if function is None:  # what a function makes may depend on other files, too
        _loaded[key] = model
    return model


_loaded: dict[tuple, Model] = {}  # of `.keras` files, by what was asked for and their SHA-256


def of_object(
    build: Callable | keras.Model, image_shape: tuple[int, ...], classes: int
) -> tuple[str, bytes]:
    """A name for a model that this program holds, and the `.keras` file that `load` takes.

    Args:
        build: a function as in a file, or what it would return, whose weights are not used.
        image_shape, classes: as for `load`.

    Raises:
        UserError: it is unfit for these images and classes.
    """
    name, architecture = own_model.of_object(build, image_shape, classes)
    from mnist_aug.train import architectures, model_file  # now that Keras is there

    with architectures.seeded(0):
        return name, model_file.content(architectures.built(architecture))


def place(given: str) -> tuple[Path, str | None]:
    """The file of a model, and the function in it, if it is one of Python.

    Raises:
        UserError: it can't be read, or is of another kind.
    """
    path, function = _split(given)
    try:
        path.open("rb").close()
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"model {given}: there is no file {path}: {FORMS}") from None
    except OSError as error:
        raise UserError(f"model {given} can't be read ({error.strerror}): {FORMS}") from None
    return path, function


def _split(given: str) -> tuple[Path, str | None]:
    """A file and the function in it, if it is one of Python."""
    if match := re.fullmatch(r"(.+\.py):([^\W\d]\w*)", given, re.DOTALL):
        return Path(match[1]), match[2]
    if re.fullmatch(r".+\.py(:.*)?", given, re.DOTALL):
        file = given[: given.index(".py") + 3]
        raise UserError(f"model {given} names no function: write {file}:build")
    path = Path(given)
    if path.suffix == ".keras":
        return path, None
    if path.suffix.lower() in OTHER_FILES or (given and path.is_dir()):
        raise UserError(
            f"model {given} is not in a form that is read here: load it in Keras, and save it by "
            "model.save('model.keras')"
        )
    raise UserError(f"model {given!r} is unknown: {FORMS}")
