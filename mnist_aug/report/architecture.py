"""A model in words, from its settings and from the architecture that its manifest holds.

An architecture is Keras's config of a Sequential or Functional model, as plain data.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from mnist_aug.analysis.models import CNN, DENSE, name_of
from mnist_aug.formatting import listed

CONVNET = "Keras's Simple MNIST convnet"
MOST = 12  # layers that are described one by one; of more, the number of each type
ARROW, TIMES = " \N{RIGHTWARDS ARROW} ", " \N{MULTIPLICATION SIGN} "
SIZES = ("units", "filters", "rate", "stddev", "pool_size", "target_shape", "size")
UNMOVED = {"1", TIMES.join("11"), TIMES.join("111")}  # strides of a usual convolution
NAMES = {"relu": "ReLU", "linear": ""}
# Layers that change images at random as policies do; all others of Keras begin with "Rand".
MIXING = {"AugMix", "CutMix", "MixUp"}


def heading(settings: Mapping[str, Any]) -> str:
    """What kind of model it is, to begin a sentence with."""
    name = name_of(settings)
    if name == DENSE:
        layers = "\N{EN DASH}".join(map(str, settings["layers"])) or "without hidden layers"
        return f"Dense network {layers}"
    if name == CNN:
        return f"Convolutional network (cnn, {CONVNET})"
    return f"Model {name}"


def classifier(settings: Mapping[str, Any]) -> str:
    """The model in the question that the page answers."""
    name = name_of(settings)
    kinds = {DENSE: "this classifier", CNN: "this convolutional network"}
    return kinds.get(name, f"the model {name}")


def description(architecture: Mapping[str, Any]) -> str:
    """The layers in order, or how many there are of each type where they are many or branch."""
    layers = [*_layers(architecture)]
    if _is_chain(architecture) and len(layers) <= MOST:
        return ARROW.join(map(_layer, layers))
    counts = Counter(layer["class_name"] for layer in layers)
    numbers = listed([f"{count} {name}" for name, count in counts.items()])
    return f"{len(layers)} layers ({numbers}), the last of them {_layer(layers[-1])}"


def input_shape(architecture: Mapping[str, Any]) -> list[int] | None:
    """Of an image that the model takes; None where the architecture does not say it."""
    shapes = (
        layer["config"]["batch_shape"][1:]
        for layer in architecture["config"]["layers"]
        if layer["class_name"] == "InputLayer"
    )
    return next(shapes, None)


def random_layers(architecture: Mapping[str, Any]) -> list[str]:
    """The types of its layers that draw at random in training, such as Dropout."""
    found = []
    for layer in _layers(architecture):
        inner = _wrapped(layer) or layer
        config, name = inner["config"], inner["class_name"]
        drops = any(config.get(key) for key in ("dropout", "recurrent_dropout"))
        if drops or "Dropout" in name or name == "GaussianNoise" or _changes_images(name):
            found.append(name)
    return list(dict.fromkeys(found))


def policy_layers(architecture: Mapping[str, Any]) -> list[str]:
    """The types of its layers that augment images in training, as RandomRotation does."""
    return [name for name in random_layers(architecture) if _changes_images(name)]


def _changes_images(name: str) -> bool:
    return name.startswith("Rand") or name in MIXING


def _wrapped(layer: Mapping[str, Any]) -> dict[str, Any] | None:
    """The layer in a layer such as Bidirectional."""
    inner = layer["config"].get("layer")
    return inner if isinstance(inner, dict) else None


def _layers(architecture: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """All but the inputs, those of models in the model in their place."""
    for layer in architecture["config"]["layers"]:
        if "layers" in layer["config"]:
            yield from _layers(layer)
        elif layer["class_name"] != "InputLayer":
            yield layer


def _is_chain(architecture: Mapping[str, Any]) -> bool:
    """Whether each layer takes what the one before gives, and nothing else."""
    before: list[str] = []
    for layer in architecture["config"]["layers"]:
        if "layers" in layer["config"] and not _is_chain(layer):
            return False
        if architecture["class_name"] == "Sequential":
            continue
        if [*_sources(layer["inbound_nodes"])] != before:
            return False
        before = [layer["name"]]
    return True


def _sources(part: Any) -> Iterator[str]:
    """The layers whose outputs a call of a layer takes."""
    if isinstance(part, dict):
        if "keras_history" in part:
            yield part["keras_history"][0]
            return
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from _sources(inner)


def _layer(layer: Mapping[str, Any]) -> str:
    """A layer's type with its size and, in brackets, kernel, stride and activation."""
    config, name = layer["config"], layer["class_name"]
    if inner := _wrapped(layer):
        return f"{name} of {_layer(inner)}"
    size = next((f" {_extent(config[key])}" for key in SIZES if config.get(key) is not None), "")
    details = []
    if "kernel_size" in config:
        details.append(_extent(config["kernel_size"]))
    stride, usual = config.get("strides"), config.get("pool_size")  # not said where they are equal
    if stride is not None and stride != usual and (usual or _extent(stride) not in UNMOVED):
        details.append(f"stride {_extent(stride)}")
    if details and config.get("padding") == "same":
        details.append("padded")
    details.append(_activation(config.get("activation")))
    inside = ", ".join(filter(None, details))
    return f"{name}{size}{f' ({inside})' if inside else ''}"


def _extent(value: Any) -> str:
    if isinstance(value, list):
        return TIMES.join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _activation(value: Any) -> str:
    """The name of an activation, which may be a layer or a function of Keras's."""
    if isinstance(value, dict):
        inner, name = value.get("config"), value.get("class_name")
        value = inner if isinstance(inner, str) else name
    return NAMES.get(value, value) or ""
