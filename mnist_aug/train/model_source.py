"""MODEL=: a name, a function in a Python file, or a `.keras` file, made into an architecture."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mnist_aug import backend
from mnist_aug.errors import UserError
from mnist_aug.results import files
from mnist_aug.train.variant import BUILT_IN, model_name

if TYPE_CHECKING:  # it takes seconds to start, so only where there is a model to load
    import keras

FORMS = f"use {', '.join(BUILT_IN)}, a file and function like path/model.py:build, or a .keras file"
CNN_SIDE = 10  # pixels that an image for `cnn` has at least, or its second pooling has none
TRIED = 3  # images that a model is tried on
OTHER_FILES = {".h5", ".hdf5", ".pb", ".tflite", ".onnx", ".pt", ".pth", ".json", ".weights"}


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
        """What tells it from other models: its name and, if a user's, its architecture's SHA-256.

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
            either file, only the architecture is used.
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
    path, _function = _split(given)
    if not path.is_file():
        raise UserError(f"model {given}: there is no file {path}: {FORMS}")
    try:
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UserError(f"model {given} can't be read ({error.strerror})") from None
    return _loaded(given, sha256, tuple(image_shape), classes)


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
    if path.suffix.lower() in OTHER_FILES or path.is_dir():
        raise UserError(
            f"model {given} is not in a form that is read here: load it in Keras, and save it by "
            "model.save('model.keras')"
        )
    raise UserError(f"model {given!r} is unknown: {FORMS}")


@cache
def _loaded(given: str, sha256: str, image_shape: tuple[int, ...], classes: int) -> Model:
    backend.start_tensorflow(one_thread=True)
    from mnist_aug.train import architectures, safe_loading

    path, function = _split(given)
    if function is None:
        model = _from_keras_file(given, path)
    else:
        model = _from_function(given, path, function, image_shape, classes)
    _check_form(given, model, image_shape, classes)
    architecture = _architecture(given, model)
    try:
        safe_loading.check(architecture)  # as those who load what was trained do
        with architectures.seeded(0):
            anew = architectures.built(architecture)
    except Exception as error:  # as above
        raise _not_kept(given, error) from None
    _check_answers(given, anew, image_shape, classes)
    return Model(model_name(given), architecture, {"file": path.name, "sha256": sha256})


def _from_keras_file(given: str, path: Path) -> keras.Model:
    from mnist_aug.train import architectures, safe_loading

    try:
        config = safe_loading.config(path)
        safe_loading.check(config)
        return architectures.built(config)
    except Exception as error:  # whatever Keras raises where sizes don't fit together
        raise UserError(
            f"model {given} can't be used ({error}): save an uncompiled model of Keras's "
            "own layers by model.save('model.keras')"
        ) from None


def _from_function(
    given: str, path: Path, name: str, image_shape: tuple[int, ...], classes: int
) -> keras.Model:
    """What the function returns, called twice to see what depends on more than its arguments."""
    from mnist_aug.train import architectures

    shape = architectures.with_channels(image_shape)
    with _importable(path.parent):
        build = _function(given, path, name)
        with _noting_assigned() as assigned:
            first, second = (
                architectures.named_afresh(lambda: _called(given, build, shape, classes))
                for _ in range(2)
            )
    for model in first, second:
        _check_kind(given, model)
    if {*map(id, _layers(first))} & {*map(id, _layers(second))}:
        raise UserError(
            f"model {given} gives the same layers at every call: make them inside of {name}"
        )
    if assigned & {*map(id, first.weights)}:
        raise UserError(
            f"model {given} comes with weights, and every run begins with new ones: let {name} "
            "neither load nor set any"
        )
    if _architecture(given, first) != _architecture(given, second):
        raise UserError(
            f"model {given} is another one at every call: let {name} depend on image_shape and "
            "classes alone"
        )
    return first


def _architecture(given: str, model: keras.Model) -> dict[str, Any]:
    from mnist_aug.train import architectures

    try:
        return architectures.of(model)
    except Exception as error:  # a class's own configuration may fail in any way
        raise _not_kept(given, error) from None


def _not_kept(given: str, error: Exception) -> UserError:
    return UserError(
        f"model {given} can't be built anew from its configuration ({_words(error)}): use Keras's "
        "own layers"
    )


@contextmanager
def _noting_assigned() -> Iterator[set[int]]:
    """The ids of variables that are given values while this lasts, beyond their first ones."""
    import keras

    noted: set[int] = set()
    assign = keras.Variable._direct_assign  # what all ways to set a variable end in

    def noting(self: keras.Variable, value: Any) -> None:
        noted.add(id(self))
        assign(self, value)

    keras.Variable._direct_assign = noting
    try:
        yield noted
    finally:
        keras.Variable._direct_assign = assign


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Let a file import those next to it, as a script may."""
    before = [*sys.path]
    sys.path.insert(0, str(folder.resolve()))
    try:
        yield
    finally:
        sys.path[:] = before


def _function(given: str, path: Path, name: str) -> Callable:
    spec = importlib.util.spec_from_file_location(f"model_of_{path.stem}", path)
    assert spec is not None  # as there is for every .py
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # it is the user's code
        raise UserError(
            f"model {given}: {path.name} can't be run ({_where(error, path)})"
        ) from None
    function = getattr(module, name, None)
    if not callable(function):
        defined = [
            one
            for one, value in vars(module).items()
            if inspect.isfunction(value) and value.__module__ == module.__name__
        ]
        there = f": it has {', '.join(defined[:5])}" if defined else ", nor any other"
        raise UserError(f"model {given}: {path.name} has no function {name}{there}")
    return function


def _called(given: str, build: Callable, image_shape: tuple[int, ...], classes: int) -> Any:
    try:
        inspect.signature(build).bind(image_shape=image_shape, classes=classes)
    except TypeError:
        raise UserError(
            f"model {given} does not take (image_shape, classes): define "
            f"{given.rpartition(':')[2]}(image_shape, classes)"
        ) from None
    except ValueError:  # it has no signature to look at
        pass
    try:
        return build(image_shape=image_shape, classes=classes)
    except (Exception, SystemExit) as error:
        path, name = given.rsplit(":", 1)
        raise UserError(
            f"model {given} fails: {name}(image_shape={image_shape}, classes={classes}) raises "
            f"{_where(error, Path(path))}"
        ) from None


# What a model must be -----------------------------------------------------------------------------


def _check_kind(given: str, model: Any) -> None:
    import keras

    if isinstance(model, type):
        raise UserError(f"model {given} returns a class: return a keras.Model made of it")
    if not isinstance(model, keras.Model):
        raise UserError(
            f"model {given} returns {_article(type(model))}, not a keras.Model: return a "
            "keras.Sequential or keras.Model(inputs, outputs)"
        )
    if getattr(model, "compiled", False):
        raise UserError(
            f"model {given} is compiled, and what it was compiled with would be ignored: return it "
            "uncompiled"
        )
    if type(model) not in (keras.Sequential, keras.Model) and type(model).__name__ != "Functional":
        raise UserError(
            f"model {given} is of the class {type(model).__name__}, whose code can't be kept in a "
            ".keras file: return keras.Model(inputs, outputs) or a keras.Sequential"
        )


def _check_form(given: str, model: keras.Model, image_shape: tuple[int, ...], classes: int) -> None:
    """Raise a UserError unless the model maps such images to as many outputs as classes."""
    import keras

    from mnist_aug.train import architectures

    wanted = architectures.with_channels(image_shape)
    if not model.built or not getattr(model, "inputs", None):
        raise UserError(
            f"model {given} does not say what images it takes: begin with "
            f"keras.Input(image_shape), of {wanted}"
        )
    for number, what in (len(model.inputs), "inputs"), (len(model.outputs), "outputs"):
        if number != 1:
            raise UserError(f"model {given} has {number} {what}: give it one")
    for layer in _layers(model):
        kind = type(layer)
        if not kind.__module__.startswith("keras."):
            raise UserError(
                f"model {given} has a layer of the class {kind.__name__}, which is not one of "
                "Keras's own: its code can't be kept in a .keras file"
            )
        if isinstance(layer, keras.layers.Lambda):
            raise UserError(
                f"model {given} has a Lambda layer, whose code can't be kept safely in a .keras "
                "file: use Keras's own layers, keras.layers.Rescaling for example"
            )
        if layer.compute_dtype != "float32" or layer.variable_dtype != "float32":
            raise UserError(
                f"model {given} has a layer {layer.name} of {layer.dtype_policy.name}: leave it at "
                "float32"
            )
    batch, *taken = model.inputs[0].shape
    if batch is not None:
        raise UserError(
            f"model {given} takes batches of {batch} images alone: leave batch_size out of "
            "keras.Input"
        )
    if tuple(taken) not in (tuple(image_shape), wanted):
        raise UserError(
            f"model {given} takes images of {tuple(taken)}, and these have {wanted}: begin with "
            "keras.Input(image_shape)"
        )
    given_out = model.outputs[0].shape
    if tuple(given_out[1:]) != (classes,):
        numbers = " by ".join(map(str, given_out[1:])) or "no"
        raise UserError(
            f"model {given} gives {numbers} numbers for an image, and there are {classes} classes: "
            f"end in keras.layers.Dense({classes}, activation='softmax')"
        )
    if not model.trainable_weights:
        raise UserError(f"model {given} has no weights to train: add a layer that has some")


def _check_answers(
    given: str, model: keras.Model, image_shape: tuple[int, ...], classes: int
) -> None:
    """Raise a UserError unless it gives probabilities, and of each image on its own."""
    images = np.random.default_rng(0).random((TRIED, *image_shape), dtype=np.float32)
    try:
        # Called, not compiled, which would take longer than it saves.
        together, again = (np.asarray(model(images, training=False)) for _ in range(2))
        alone = np.concatenate([np.asarray(model(one[None], training=False)) for one in images])
    except Exception as error:
        raise UserError(f"model {given} fails on images ({_words(error)})") from None
    end = f"end in softmax, as keras.layers.Dense({classes}, activation='softmax') does"
    if not np.isfinite(together).all():
        raise UserError(f"model {given} gives numbers that are not finite before any training")
    if not np.array_equal(together, again):
        raise UserError(
            f"model {given} answers differently each time: call none of its layers with "
            "training=True"
        )
    if not np.allclose(together, alone, atol=1e-4):
        raise UserError(
            f"model {given} gives an image another answer with other images in the batch: call "
            "none of its layers with training=True, and take softmax over the classes"
        )
    if together.min() < 0 or not np.allclose(together.sum(axis=1), 1, atol=1e-3):
        raise UserError(f"model {given} gives no probabilities: {end}")


def _layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """All layers, those in models and wrappers within it included."""
    yield from model._flatten_layers(include_self=False)


def _article(kind: type) -> str:
    if kind is type(None):
        return "nothing"
    return f"{'an' if kind.__name__[0].lower() in 'aeiou' else 'a'} {kind.__name__}"


def _where(error: BaseException, path: Path) -> str:
    """An error in words, with the line of the file that it comes from."""
    lines = [
        frame.lineno
        for frame in inspect.getinnerframes(error.__traceback__)  # type: ignore[arg-type]
        if Path(frame.filename).name == path.name
    ]
    line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
    return f"{_words(error)}{f', line {line}' if line else ''}"


def _words(error: BaseException) -> str:
    text = " ".join(str(error).split())
    kind = type(error).__name__
    return f"{kind}: {text[:200]}" if text else kind
