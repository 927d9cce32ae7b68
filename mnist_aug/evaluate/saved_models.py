"""A trained model's `.keras` file, looked through before Keras opens it.

Keras's safe mode keeps code in a file from being run. Which classes a file may name, and how much
it may unpack to, is held narrower here: the networks of this project are dense layers.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np

from mnist_aug import backend
from mnist_aug.errors import UserError

if TYPE_CHECKING:  # it takes seconds to start, so only where there is a model to load
    import keras

CONFIG, WEIGHTS = "config.json", "model.weights.h5"
MOST_BYTES = 2**31  # that a file may unpack to
MOST_CONFIG_BYTES = 2**20
CLASSES = {
    ("keras", "Sequential"),
    ("keras", "DTypePolicy"),
    ("keras.layers", "InputLayer"),
    ("keras.layers", "Flatten"),
    ("keras.layers", "Dense"),
    ("keras.initializers", "GlorotUniform"),
    ("keras.initializers", "Zeros"),
}


def load(
    path: Path, image_shape: tuple[int, ...] | None = None, classes: int | None = None
) -> keras.Model:
    """A trained model.

    Args:
        image_shape, classes: what it must read and tell apart; anything if None.

    Raises:
        UserError: the file is missing, damaged, no model of dense layers, or for other images.
    """
    backend.start_tensorflow(one_thread=True)
    import keras

    try:
        _check(path)
        model = keras.models.load_model(path, safe_mode=True, compile=False)
    except Exception as error:  # what zipfile, HDF5 and Keras throw at damage is not a closed list
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"{path} can't be used ({reason[:200]}): delete its folder and train it again"
        ) from None
    shape, count = tuple(model.input_shape[1:]), model.output_shape[-1]
    if image_shape is not None and (shape, count) != (tuple(image_shape), classes):
        raise UserError(
            f"{path} can't be used (it reads images of {shape} in {count} classes, not "
            f"of {tuple(image_shape)} in {classes}): delete its folder and train it "
            "again"
        )
    return model


def probabilities(model: keras.Model, batch: object) -> np.ndarray:
    """Probabilities float32 `[N, classes]` of float32 images `[N, H, W]` in [0, 1].

    They are computed by XLA, whose sums `backend` pins and whose softmax divides exactly; outside
    it, TensorFlow's depends on how a processor approximates 1 / x.
    """
    layers = [(type(layer).__name__, layer.get_config()) for layer in model.layers]
    same = ("units", "activation", "use_bias")
    built = json.dumps(
        [model.input_shape[1:], *((kind, [own.get(one) for one in same]) for kind, own in layers)]
    )
    if built not in _compiled:
        _compiled[built] = _by_xla(model)
    return _compiled[built](list(model.variables), batch).numpy()


_compiled: dict[str, Callable] = {}  # by the layers, as models of the same differ in weights alone


def _by_xla(model: keras.Model) -> Callable:
    import tensorflow as tf

    @tf.function(jit_compile=True)
    def compiled(weights: list, batch: tf.Tensor) -> tf.Tensor:
        return model.stateless_call(weights, [], batch, training=False)[0]

    return compiled


def _check(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        claimed = sum(info.file_size for info in archive.infolist())
        if claimed > MOST_BYTES or archive.getinfo(CONFIG).file_size > MOST_CONFIG_BYTES:
            raise ValueError(f"it unpacks to {claimed:,} bytes")
        config = json.loads(archive.read(CONFIG))
        named = {*_classes({key: config[key] for key in config if key != "compile_config"})}
        if config["class_name"] != "Sequential" or not named <= CLASSES:
            strange = ", ".join(sorted(f"{module}.{name}" for module, name in named - CLASSES))
            raise ValueError(f"it is not a model of dense layers but of {strange}")
        with h5py.File(io.BytesIO(archive.read(WEIGHTS)), "r") as weights:
            stored = sum(_sizes(weights))
        if stored > MOST_BYTES:
            raise ValueError("its weights claim too many bytes")
        # Keras makes the layers, of float32, before it looks at what is stored for them.
        if 4 * _parameters(config["config"]["layers"]) > stored:
            raise ValueError("its layers need more than its weights hold")


def _classes(value: object) -> Iterator[tuple[str, str]]:
    """Module and name of all classes in a config."""
    if isinstance(value, dict):
        if {"class_name", "module", "registered_name"} & {*value}:
            yield str(value.get("module")), str(value.get("class_name"))
            if value.get("registered_name") is not None:
                yield "registered", str(value["registered_name"])
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _classes(part)


def _parameters(layers: list[dict]) -> int:
    """How many numbers the layers of a config hold.

    Raises:
        ValueError, or what else nonsense leads to: they do not follow each other.
    """
    first, *others = layers
    if first["class_name"] != "InputLayer":
        raise ValueError("its first layer is not an input")
    shape, count = first["config"]["batch_shape"][1:], 0
    for layer in others:
        config = layer["config"]
        if layer["class_name"] == "Flatten":
            shape = [math.prod(map(_size, shape))]
        elif layer["class_name"] == "Dense":
            # Keras builds a layer by what it says itself first, and then by where it stands.
            if (built := layer.get("build_config")) and (
                [*built] != ["input_shape"] or built["input_shape"][1:] != shape
            ):
                raise ValueError("its layers don't follow each other")
            before, units = _size(shape[-1]), _size(config["units"])
            low_rank = _size(config["lora_rank"]) if config.get("lora_rank") else 0
            count += (before + 1) * units + low_rank * (before + units)
            shape = [*shape[:-1], units]
        else:
            raise ValueError(f"it has a layer {layer['class_name']}")
    return count


def _size(value: object) -> int:
    if type(value) is not int or value < 1:
        raise ValueError(f"{value!r} in its config is not a size")
    return value


def _sizes(group: h5py.Group) -> Iterator[int]:
    """Bytes of each array in a group and below.

    Raises:
        ValueError: something lies in another file, or is given twice.
    """
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise ValueError(f"its {name} is a link")
        part = group[name]
        if isinstance(part, h5py.Group):
            yield from _sizes(part)
        elif part.is_virtual or part.external:
            raise ValueError(f"its {name} lies in another file")
        else:
            yield part.nbytes
