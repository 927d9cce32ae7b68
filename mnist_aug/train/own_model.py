"""A model of the user's own, tried and made into an architecture.

One in a file is tried in a process of its own: whatever the user's code does to Keras, TensorFlow
and Python ends with that process. A function or a model that a program holds is tried in it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import json
import os
import re
import signal
import sys
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mnist_aug import backend
from mnist_aug.errors import UserError

if TYPE_CHECKING:  # it takes seconds to start, so only where there is a model to load
    import keras

MODEL = "model"  # what to call one that has no name
TRIED = 3  # images that a model is tried on
LONGEST = 100  # characters of an error of Keras's or of the file's that are shown
LEAST_SCALE = 0.02  # of Rescaling: a smaller one is for pixels from 0 to 255
MOST = 2  # a range, mean, deviation or fill above this is of pixels from 0 to 255


def made(
    given: str, path: Path, function: str | None, image_shape: tuple[int, ...], classes: int
) -> tuple[dict[str, Any], dict[str, str]]:
    """Architecture and source of a model, as in `model_source.Model`.

    Args:
        given: what to call it in errors.
        path, function: a Python file and a function in it, or a `.keras` file and None.
        image_shape, classes: as for `model_source.load`.

    Raises:
        UserError: it is unfit for these images and classes.
    """
    backend.start_tensorflow(one_thread=True)

    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    if function is None:
        model = _from_keras_file(given, path)
        _check_form(given, model, image_shape, classes)
    else:
        model = _from_file(given, path, function, image_shape, classes)
    return _tried(given, model, image_shape, classes), {"file": path.name, "sha256": sha256}


def of_object(
    build: Callable | keras.Model, image_shape: tuple[int, ...], classes: int
) -> tuple[str, dict[str, Any]]:
    """What to call a model that a program holds, and its architecture, as in `model_source.Model`.

    Args:
        build: a function as in a file, or what it would return. Of a model, the architecture alone
            is used: its weights, names of layers and what it was compiled with are not.
        image_shape, classes: as for `model_source.load`.

    Raises:
        UserError: it is unfit for these images and classes.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with backend.silent_stderr():
        import keras

    from mnist_aug.train import architectures

    if isinstance(build, keras.Model):
        _check_kind(MODEL, build)
        _check_form(MODEL, build, image_shape, classes)
        model = architectures.built(_renumbered(_architecture(MODEL, build)))
        return MODEL, _tried(MODEL, model, image_shape, classes)
    name = getattr(build, "__name__", "")
    name = name if name.isidentifier() else MODEL  # a lambda, or an object that can be called
    model = _from_function(name, build, image_shape, classes)
    return name, _tried(name, model, image_shape, classes)


def _tried(
    given: str, model: keras.Model, image_shape: tuple[int, ...], classes: int
) -> dict[str, Any]:
    """The architecture of a model of fit form, if what is built of it gives the same answers."""
    import keras

    from mnist_aug.train import architectures, model_file, safe_loading

    if not isinstance(model, keras.Sequential):  # what it takes and gives may be in a list or dict
        model = keras.Model(model.inputs[0], model.outputs[0])
    architecture = _architecture(given, model)
    if any(one["class_name"] == "__numpy__" for one in model_file.objects(architecture)):
        raise UserError(
            f"model {given} has an array among the settings of its layers: write it as a number "
            "or a list"
        )
    try:
        safe_loading.check(architecture)  # as those who load what was trained do
    except ValueError as error:
        raise UserError(
            f"model {given} can't be used ({error}): use fewer, smaller or other layers of "
            "Keras's own"
        ) from None
    with architectures.seeded(0):
        anew = architectures.built(architecture)
    _check_answers(given, model, anew, image_shape, classes)
    return architecture


def main(given: str, path: str, function: str, image_shape: str, classes: str, found: str) -> None:
    """Write what `made` gives, or `error` and its words, as JSON to a file."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        architecture, source = made(
            given, Path(path), function or None, tuple(json.loads(image_shape)), int(classes)
        )
        answer: dict[str, Any] = {"architecture": architecture, "source": source}
    except UserError as error:
        answer = {"error": str(error)}
    Path(found).write_text(json.dumps(answer))


def _from_keras_file(given: str, path: Path) -> keras.Model:
    from mnist_aug.train import architectures, model_file, safe_loading

    try:
        config = safe_loading.config(path)
        for one in model_file.objects(config):
            if one["class_name"] == "InputLayer":  # it keeps the size of the batches it was fit on
                one["config"]["batch_shape"][0] = None
        safe_loading.check(config)
    except ValueError as error:
        raise UserError(
            f"model {given} can't be used ({error}): give a .keras file of Keras's own layers, or "
            "a function, as docs/models.md says"
        ) from None
    return architectures.built(config)


def _from_file(
    given: str, path: Path, name: str, image_shape: tuple[int, ...], classes: int
) -> keras.Model:
    """What the function in a file returns."""
    import keras

    from mnist_aug.train import architectures

    sys.path.insert(0, str(path.parent.resolve()))  # it may import those next to it, as scripts do

    def loaded() -> tuple[Callable, keras.DTypePolicy]:
        return _function(given, path, name), keras.config.dtype_policy()

    # In a thread of its own, so that layers that it makes outside don't count as the first.
    function, policy = architectures.named_afresh(loaded)

    def called() -> keras.Model:
        keras.config.set_dtype_policy(policy)
        return _called(given, function, name, path, image_shape, classes)

    def together() -> None:
        loaded()
        called()

    return _called_twice(given, name, called, together, image_shape, classes)


def _from_function(
    name: str, build: Callable, image_shape: tuple[int, ...], classes: int
) -> keras.Model:
    """What a function of this program returns."""
    code = getattr(build, "__code__", None)
    path = Path(code.co_filename if code else "")

    def called() -> keras.Model:
        return _called(name, build, name, path, image_shape, classes)

    return _called_twice(name, name, called, None, image_shape, classes)


def _renumbered(architecture: dict[str, Any]) -> dict[str, Any]:
    """An architecture whose layers' names don't depend on how many Keras numbered before.

    `dense_7` and `dense_8` become `dense` and `dense_1`.
    """
    from mnist_aug.train import model_file

    new: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for one in model_file.objects(architecture):
        name = one["config"].get("name") if isinstance(one["config"], dict) else None
        if isinstance(name, str) and one["class_name"] != "DTypePolicy" and name not in new:
            base = re.sub(r"_\d+$", "", name)
            new[name] = f"{base}_{counts[base]}" if counts[base] else base
            counts[base] += 1

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            named = {key: new.get(inside, inside) for key, inside in value.items() if key == "name"}
            return {key: walk(inside) for key, inside in value.items()} | named
        if isinstance(value, list):
            if [*map(type, value)] == [str, int, int]:  # name, call and output of a layer
                return [new.get(value[0], value[0]), *value[1:]]
            return [*map(walk, value)]
        return value

    return walk(architecture)


def _called_twice(
    given: str,
    name: str,
    called: Callable[[], keras.Model],
    together: Callable[[], None] | None,
    image_shape: tuple[int, ...],
    classes: int,
) -> keras.Model:
    """What a function gives, called twice to see what depends on more than its arguments.

    Args:
        together: runs the file and calls the function, if it is in a file.
    """
    from mnist_aug.train import architectures

    outlasting = UserError(
        f"model {given} has layers that outlast a call of {name}: make all of them inside it"
    )
    with _noting_first_values() as values:
        try:
            first = architectures.named_afresh(called)
        except UserError as error:
            # A layer from outside may have the name of one from inside; not if all are counted.
            try:
                if together is None:
                    raise
                architectures.named_afresh(together)
            except UserError:
                raise error from None
            raise outlasting from None
        _check_form(given, first, image_shape, classes)
        second = architectures.named_afresh(called)
    if {*map(id, _layers(first))} & {*map(id, _layers(second))}:
        raise outlasting
    if any(not np.array_equal(one, values[id(one)]) for one in first.weights):
        raise UserError(
            f"model {given} has weights that were loaded or set, but every run begins with new "
            f"ones: let {name} return a model as Keras initializes it"
        )
    if _architecture(given, first) != _architecture(given, second):
        raise UserError(
            f"model {given} differs from call to call: let it depend on image_shape and classes "
            "alone"
        )
    return first


def _architecture(given: str, model: keras.Model) -> dict[str, Any]:
    from mnist_aug.train import architectures

    try:
        return architectures.of(model)
    except Exception as error:  # a layer's configuration may fail in any way
        raise UserError(
            f"model {given} has no configuration to build it anew from ({_words(error)}): use "
            "Keras's own layers"
        ) from None


@contextmanager
def _noting_first_values() -> Iterator[dict[int, np.ndarray]]:
    """The first values of variables that are made while this lasts, by their ids."""
    import keras
    import tensorflow as tf

    noted: dict[int, np.ndarray] = {}
    initialize = keras.Variable._initialize

    def noting(self: keras.Variable, value: Any) -> None:
        initialize(self, value)
        with tf.init_scope():
            noted[id(self)] = self.numpy()

    keras.Variable._initialize = noting
    try:
        yield noted
    finally:
        keras.Variable._initialize = initialize


def _function(given: str, path: Path, name: str) -> Callable:
    spec = importlib.util.spec_from_file_location(f"model_of_{path.stem}", path)
    assert spec is not None  # as there is for every .py
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for it
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # it is the user's code
        raise UserError(
            f"model {given}: {path.name} fails{_line(error, path)} ({_words(error)})"
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


def _called(
    given: str,
    build: Callable,
    name: str,
    path: Path,
    image_shape: tuple[int, ...],
    classes: int,
) -> Any:
    """What a function returns.

    Args:
        name, path: the function's, and its file's, for errors.
    """
    from mnist_aug.train import architectures

    image_shape = architectures.with_channels(image_shape)
    try:
        inspect.signature(build).bind(image_shape=image_shape, classes=classes)
    except TypeError:
        raise UserError(
            f"model {given} does not take (image_shape, classes): define "
            f"{name}(image_shape, classes)"
        ) from None
    except ValueError:  # it has no signature to look at
        pass
    try:
        model = build(image_shape=image_shape, classes=classes)
        _check_kind(given, model)
        _check_uncompiled(given, model)
        if not model.built and getattr(model, "layers", None):  # a Sequential without an Input
            model.build((None, *image_shape))
        return model
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        raise UserError(
            f"model {given} fails{_line(error, path)}: {name}(image_shape={image_shape}, "
            f"classes={classes}) raises {_words(error)}"
        ) from None


# What a model must be -----------------------------------------------------------------------------


def _check_kind(given: str, model: Any) -> None:
    """Raise a UserError unless it is a model whose code is all Keras's."""
    import keras

    forms = "return keras.Sequential([...]) or keras.Model(inputs, outputs)"
    if isinstance(model, type):
        raise UserError(f"model {given} returns the class {model.__name__}, not a model: {forms}")
    if not isinstance(model, keras.Model):
        raise UserError(f"model {given} returns {_article(type(model))}, not a model: {forms}")
    if not _is_of_keras(type(model)):
        raise UserError(
            f"model {given} is a subclass of keras.Model, {type(model).__name__}, which can't be "
            f"built anew without its code: {forms}"
        )


def _check_uncompiled(given: str, model: keras.Model) -> None:
    if model.compiled:
        raise UserError(
            f"model {given} is compiled, but how it is trained is set elsewhere: return it without "
            "calling compile"
        )


def _check_form(given: str, model: keras.Model, image_shape: tuple[int, ...], classes: int) -> None:
    """Raise a UserError unless the model maps such images to as many outputs as classes."""
    import keras

    from mnist_aug.train import architectures, safe_loading

    wanted = architectures.with_channels(image_shape)
    to_255 = _scales_to_255(model)
    for layer in _layers(model):
        kind = type(layer).__name__
        if not _is_of_keras(type(layer)):
            raise UserError(
                f"model {given} has a layer of your own, {kind}, which can't be built anew without "
                "its code: use Keras's own layers"
            )
        if isinstance(layer, keras.layers.Lambda):
            raise UserError(
                f"model {given} has a Lambda layer, which can't be built anew without its code: "
                "use another of Keras's own layers, such as Rescaling or Reshape"
            )
        for function in _functions(layer):
            raise UserError(
                f"model {given} has a layer {layer.name} with {function}, which is not Keras's "
                "own and can't be built anew without its code: use one of Keras's"
            )
        if wrong := _from_255(layer, to_255):
            does, remedy = wrong
            raise UserError(
                f"model {given} has a layer {layer.name} that {does} pixels from 0 to 255, and "
                f"they are in [0, 1] already: {remedy}"
            )
        if isinstance(layer, keras.layers.Normalization) and layer.input_mean is None:
            raise UserError(
                f"model {given} has a layer {layer.name} whose mean and variance were adapted, "
                "and are lost with the weights: make it with mean=... and variance=..."
            )
        if {layer.compute_dtype, layer.variable_dtype} != {"float32"}:
            raise UserError(
                f"model {given} has a layer {layer.name} of {layer.dtype_policy.name}: leave it at "
                "float32"
            )
    if not getattr(model, "inputs", None) or not model.layers:
        raise UserError(f"model {given} has no layers: begin with keras.Input({wanted})")
    for count, what in (len(model.inputs), "inputs"), (len(model.outputs), "outputs"):
        if count != 1:
            raise UserError(f"model {given} has {count} {what}: give it one")
    for name in _in_two_places(model):
        raise UserError(
            f"model {given} has a layer {name} in two places, which gets lost when it is built "
            "anew: call it twice within one functional model, or make two"
        )
    for operation in _operations(model):
        if type(operation).__name__ not in safe_loading.ARITHMETIC.get(
            type(operation).__module__, ()
        ):
            raise UserError(
                f"model {given} computes {type(operation).__name__} outside of layers: use "
                "keras.layers in place of keras.ops, indices and functions"
            )
    batch, *taken = model.inputs[0].shape
    if batch is not None:
        raise UserError(
            f"model {given} takes batches of {batch} images only: leave batch_size out of "
            "keras.Input"
        )
    if tuple(taken) not in (tuple(image_shape), wanted):
        raise UserError(
            f"model {given} takes images of shape {tuple(taken)}, and these have {wanted}: begin "
            f"with keras.Input({wanted})"
        )
    if model.inputs[0].dtype != "float32":
        raise UserError(
            f"model {given} takes {model.inputs[0].dtype}, and pixels are float32 in [0, 1]: leave "
            "keras.Input at float32"
        )
    given_out = tuple(model.outputs[0].shape[1:])
    if given_out != (classes,):
        raise UserError(
            f"model {given} gives outputs of shape {given_out} for an image, not ({classes},), one "
            f"for each class: end in {_end(classes)}"
        )
    if not model.trainable_weights:
        raise UserError(f"model {given} has no weights to train: add a layer that has some")


def _check_answers(
    given: str,
    model: keras.Model,
    anew: keras.Model,
    image_shape: tuple[int, ...],
    classes: int,
) -> None:
    """Raise a UserError unless both give the same probabilities, of each image on its own."""
    images = np.random.default_rng(0).random((TRIED, *image_shape), dtype=np.float32)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Called, not compiled, which would take longer than it saves.
            original = np.asarray(model(images, training=False))
            if kept := [*map(_kind, anew.weights)] == [*map(_kind, model.weights)]:
                anew.set_weights(model.get_weights())
            together = np.asarray(anew(images, training=False))
            alone = [np.asarray(anew(image[None], training=False)) for image in images]
    except Exception as error:
        raise UserError(f"model {given} fails on images ({_words(error)})") from None
    if not np.isfinite(together).all():
        raise UserError(
            f"model {given} gives numbers that are not finite before any training: look at what "
            "its layers are initialized with"
        )
    if not kept or not np.allclose(original, together, atol=1e-4):
        raise UserError(
            f"model {given} becomes another one when it is built anew from its configuration: "
            "make each layer with all of its settings, and change neither these nor its weights"
        )
    if not np.allclose(together, np.concatenate(alone), atol=1e-4):
        raise UserError(
            f"model {given} lets the answer to an image depend on the others in its batch: take "
            "softmax, and whatever else has an axis, over another than axis 0"
        )
    if together.min() < 0 or not np.allclose(together.sum(axis=1), 1, atol=1e-3):
        raise UserError(f"model {given} gives no probabilities: end in {_end(classes)}")


def _kind(weight: keras.Variable) -> tuple:
    return tuple(weight.shape), weight.trainable


def _end(classes: int) -> str:
    return f"keras.layers.Dense({classes}, activation='softmax')"


def _layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """All layers, those in models and wrappers within it included."""
    yield from model._flatten_layers(include_self=False)


def _operations(model: keras.Model) -> Iterator[keras.Operation]:
    """What a functional model, or one within it, computes otherwise than by layers."""
    import keras

    for part in (model, *_layers(model)):
        for operation in getattr(part, "operations", ()):
            if not isinstance(operation, keras.layers.Layer):
                yield operation


def _from_255(layer: keras.layers.Layer, to_255: bool) -> tuple[str, str] | None:
    """What a layer does to pixels from 0 to 255 that goes wrong with those in [0, 1]; the remedy.

    `RandomContrast` takes either, whatever its `value_range`, by which it only cuts off.

    Args:
        to_255: whether the model makes such pixels of those that it is given.
    """
    match type(layer).__name__, vars(layer):
        case "Rescaling", {"scale": scale} if 0 < _sizes(scale).min() < LEAST_SCALE:
            return "scales", "leave it out"
        case _ if to_255:
            return None
        case "Normalization", {"input_mean": mean, "input_variance": variance, "invert": False} if (
            mean is not None and (_is_large(mean) or _is_large(np.sqrt(_sizes(variance))))
        ):
            return "normalizes", "divide its mean by 255, and its variance by 255 ** 2"
        case ("RandomBrightness", {"value_range": values}) | (
            "RandomErasing",
            {"value_range": values, "fill_value": None},
        ) if _is_large(values):
            return "changes", "give value_range=(0, 1)"
        case "Resizing", {"pad_to_aspect_ratio": False}:  # where nothing is filled
            return None
        case "RandomErasing", {"value_range": values, "fill_value": fill} if _is_large(values):
            pass
        case _, {"fill_mode": "constant", "fill_value": fill}:
            pass
        case _:
            return None
    return ("fills gaps among", "give a fill_value from 0 to 1") if _is_large(fill) else None


def _scales_to_255(model: keras.Model) -> bool:
    """Whether a model, or one within it, multiplies by so much that pixels may be above 1."""
    import keras

    factors = [layer.scale for layer in _layers(model) if isinstance(layer, keras.layers.Rescaling)]
    factors += [
        one
        for operation in _operations(model)
        if type(operation).__name__ == "Multiply"
        for node in operation._inbound_nodes
        for one in (*node.arguments.args, *node.arguments.kwargs.values())
        if isinstance(one, int | float)
    ]
    return any(_sizes(one).max() > 1 / LEAST_SCALE for one in factors)


def _is_large(numbers: Any) -> bool:
    """Whether a number, or one of several, is too large for pixels in [0, 1]."""
    try:
        return bool(_sizes(numbers).max() > MOST)
    except (TypeError, ValueError):  # no number, which Keras takes until it counts with it
        return False


def _sizes(numbers: Any) -> np.ndarray:
    """Absolute values of a number, or of those of a list or array."""
    return np.abs(np.asarray(numbers, dtype=float))


def _in_two_places(model: keras.Model) -> Iterator[str]:
    """Names of layers that are in several models within it, or twice in a Sequential one."""
    import keras

    places = Counter(
        (id(layer), layer.name)
        for part in dict.fromkeys((model, *_layers(model)))
        if isinstance(part, keras.Model)
        for layer in part.layers
    )
    yield from (name for (_, name), count in places.items() if count > 1)


def _functions(layer: keras.layers.Layer) -> Iterator[str]:
    """Names of functions and the like, such as initializers, that are not Keras's own."""
    import keras

    for name, value in vars(layer).items():
        if callable(value) and not isinstance(value, type | keras.layers.Layer):
            kind = value if inspect.isroutine(value) else type(value)
            if not _is_of_keras(kind):
                yield f"the {name.strip('_')} {getattr(kind, '__name__', kind)}"


def _is_of_keras(defined: Any) -> bool:
    return str(defined.__module__).startswith("keras.")


def _article(kind: type) -> str:
    if kind is type(None):
        return "nothing"
    return f"{'an' if kind.__name__[0].lower() in 'aeiou' else 'a'} {kind.__name__}"


def _line(error: BaseException, path: Path) -> str:
    """The line of the file that an error comes from, in words."""
    lines = [
        line
        for frame, line in traceback.walk_tb(error.__traceback__)
        if Path(frame.f_code.co_filename).name == path.name
    ]
    line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
    return f" at line {line}" if line else ""


def _words(error: BaseException) -> str:
    """An error in words: of Keras's, without escapes for the terminal and the arguments."""
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    noise = r"\x1b\[\d+m|\{\{.*?\}\} |Exception encountered when calling [\w.]+\(\)\."
    text = re.sub(noise, "", text).partition("Arguments received by")[0]
    text = " ".join(text.split())
    kind = type(error).__name__
    if not text:
        return kind
    return f"{kind}: {text if len(text) <= LONGEST else f'{text[:LONGEST]}…'}"
