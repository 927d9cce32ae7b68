"""A `.keras` file that a stranger may have made, looked through before Keras makes a model of it.

Keras's safe mode keeps code in a file from being run. Held narrower here is what a file may name,
which is Keras's own layers and what belongs to them, and how much memory and time its model may
take: layers are only made once it is known how large they are.
"""

from __future__ import annotations

import copy
import io
import json
import math
import re
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import h5py

from mnist_aug import backend

if TYPE_CHECKING:  # it takes seconds to start, so only where there is a model to load
    import keras

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
MOST_BYTES = 2**31  # that a file may unpack to, and a model's variables may take
MOST_CONFIG_BYTES = 2**20
MOST_DEPTH = 100  # of lists and objects in each other in a config
MOST_LAYERS = 800  # Keras itself gives up at about 950, one behind the other
MOST_CALLS = 20_000  # of layers while a model is made, which takes about five seconds
MOST_VALUES = 2**24  # that a layer may compute for one image
MOST_STEPS = 1000  # of a loop in Python while a layer is called

LAYERS = """
Activation ActivityRegularization AdaptiveAveragePooling1D AdaptiveAveragePooling2D
AdaptiveMaxPooling1D AdaptiveMaxPooling2D Add AdditiveAttention AlphaDropout Attention Average
AveragePooling1D AveragePooling2D AveragePooling3D BatchNormalization Bidirectional CenterCrop
Concatenate Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose ConvLSTM1D
ConvLSTM2D Cropping1D Cropping2D Cropping3D Dense DepthwiseConv1D DepthwiseConv2D Dot Dropout ELU
EinsumDense Embedding Flatten GRU GaussianDropout GaussianNoise GlobalAveragePooling1D
GlobalAveragePooling2D GlobalAveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D
GlobalMaxPooling3D GroupNormalization GroupQueryAttention Identity InputLayer LSTM
LayerNormalization LeakyReLU Masking MaxPooling1D MaxPooling2D MaxPooling3D Maximum Minimum
MultiHeadAttention Multiply Normalization PReLU Permute RMSNormalization RNN RandomBrightness
RandomContrast RandomCrop RandomErasing RandomFlip RandomRotation RandomShear RandomTranslation
RandomZoom ReLU RepeatVector Rescaling Reshape Resizing SeparableConv1D SeparableConv2D SimpleRNN
Softmax SpatialDropout1D SpatialDropout2D SpatialDropout3D SpectralNormalization Subtract
TimeDistributed UnitNormalization UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D ZeroPadding2D
ZeroPadding3D
"""
CELLS = {"GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells"}  # of RNN
# Layers that may be another's activation; a larger one there could hide how much it computes.
AS_ACTIVATIONS = {"Activation", "ELU", "LeakyReLU", "PReLU", "ReLU", "Softmax"}
ACTIVATIONS = """
celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu
linear log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus
softsign sparse_plus sparse_sigmoid sparsemax squareplus swish tanh tanh_shrink threshold
"""
INITIALIZERS = """
Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity IdentityInitializer LecunNormal
LecunUniform Ones Orthogonal OrthogonalInitializer RandomNormal RandomUniform TruncatedNormal
VarianceScaling Zeros
"""
MODELS = {
    "keras": {"Sequential"},
    "keras.models": {"Sequential"},
    "keras.src.models.functional": {"Functional"},
    "keras.src.models.sequential": {"Sequential"},
}
ARITHMETIC = {"keras.src.ops.numpy": {"Add", "Multiply", "Subtract"}}  # `x + y` between layers
IN_MODELS = MODELS | ARITHMETIC | {"keras.layers": {*LAYERS.split()}}
WRAPPED = {"keras.layers": IN_MODELS["keras.layers"]}  # no models, which could hide what they need
PARTS = {
    "keras": {"DTypePolicy"},
    "keras.random": {"SeedGenerator"},
    "keras.initializers": {*INITIALIZERS.split()},
    "keras.regularizers": {"L1", "L2", "L1L2", "OrthogonalRegularizer"},
    "keras.constraints": {"MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm"},
}
TYPE = "float32"  # as which all layers compute


def config(path: Path) -> dict[str, Any]:
    """The architecture in a `.keras` file, as `keras.saving.deserialize_keras_object` takes it.

    What a model was compiled with is left out, and so is what Keras would build layers by before
    it knows what they read. A model that gives a list of one output is brought to give the output.

    Raises:
        ValueError: the file can't be read, or names what is not Keras's own; in a line that says
            why.
    """
    with _one_error(), zipfile.ZipFile(path) as archive:
        _check_archive(archive)
        return _checked(json.loads(archive.read(CONFIG), parse_constant=_no_number))


def stored_bytes(path: Path) -> int:
    """Bytes of all arrays in the weights of a `.keras` file.

    Raises:
        ValueError: they can't be read, claim too many or lie elsewhere; in a line that says why.
    """
    with _one_error(), zipfile.ZipFile(path) as archive:
        _check_archive(archive)
        with h5py.File(io.BytesIO(archive.read(WEIGHTS)), "r") as weights:
            stored = sum(_sizes(weights))
        if stored > MOST_BYTES:
            raise ValueError("its weights claim too many bytes")
        return stored


def check(config: dict[str, Any], stored_bytes: int | None = None) -> None:
    """Find out how large a model is, from its config as `config` gives it, without making it.

    Its variables get shapes but no memory.

    Args:
        stored_bytes: what its weights hold, which its variables must not exceed; if None, they are
            only held to `MOST_BYTES`.

    Raises:
        ValueError: Keras can't make it, it does not have one input of a fixed size and one output,
            or is too large; in a line that says why.
    """
    backend.start_tensorflow(one_thread=True)
    # In a thread of its own, as Keras keeps there the variables that it has still to make.
    with _one_error(), ThreadPoolExecutor(1) as thread:
        thread.submit(_check_sizes, _checked(config), stored_bytes).result()


@contextmanager
def _one_error() -> Iterator[None]:
    """What zipfile, json, HDF5 and Keras raise at damage is not a closed list."""
    try:
        yield
    except Exception as error:
        raise ValueError(in_a_line(error)) from None


def in_a_line(error: Exception) -> str:
    """What is wrong, by an error of Keras's or any other, in at most 200 printable characters."""
    words = str(error).rpartition("Exception encountered:")[2]  # before it, the whole config
    words = " ".join(re.sub(r"\x1b\[[\d;]*m", "", words).split())
    words = "".join(one if one.isprintable() else "?" for one in words) or type(error).__name__
    return words if len(words) <= 200 else f"{words[:199]}…"


def _check_archive(archive: zipfile.ZipFile) -> None:
    members = archive.infolist()
    names = sorted(member.filename for member in members)
    if strange := [name for name in names if name not in (CONFIG, METADATA, WEIGHTS)]:
        raise ValueError(f"it holds {strange[0]!r}, which is not part of a model")
    if {CONFIG, WEIGHTS} - {*names} or len({*names}) < len(names):
        raise ValueError(f"it holds not one {CONFIG} and one {WEIGHTS}")
    claimed = sum(member.file_size for member in members)
    if claimed > MOST_BYTES or archive.getinfo(CONFIG).file_size > MOST_CONFIG_BYTES:
        raise ValueError(f"it unpacks to {claimed:,} bytes")
    for member in members:  # zipfile bounds what these two give by what they claim
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError("it is packed in a way that Keras doesn't use")


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"there is {name} in its config")


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


# What is named -----------------------------------------------------------------------------------


def _checked(config: object) -> dict[str, Any]:
    """A model's config as `config` gives it, looked through: a new one."""
    _check_depth(config)
    if not isinstance(config, dict):
        raise ValueError("its config is not one of a model")
    found: dict[str, Any] = copy.deepcopy(config)
    _check_object(found, "")
    called, making, layers = _calls(found)
    if layers > MOST_LAYERS or called + making > MOST_CALLS:
        raise ValueError(f"it has too many layers ({layers:,}, for {called + making:,} calls)")
    return found


def _parts(value: object) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, list | tuple) else []


def _check_depth(value: object) -> None:
    level = [value]
    for _ in range(MOST_DEPTH):
        level = [part for whole in level for part in _parts(whole)]
        if not level:
            return
    raise ValueError("its config is nested too deep")


def _check_object(value: dict[str, Any], place: str) -> None:
    """Check an object's config, which is brought into form, by the key that it stands under."""
    kind, module = value.get("class_name"), value.get("module")
    if kind == "__keras_tensor__" and place in ("args", "kwargs"):
        return
    own = value.get("config")
    if not isinstance(kind, str) or not (isinstance(module, str) or module is None):
        raise ValueError(f"its config names {_text(module)}.{_text(kind)}")
    if kind == "function" and place.endswith("activation"):
        if (
            module not in ("builtins", "keras.activations", "keras.ops", "keras.ops.nn")
            or own not in ACTIVATIONS.split()
            or value.get("registered_name") not in (None, own)
        ):
            raise ValueError(f"it has the activation {_text(own)}, which is not Keras's own")
        return
    if not _is_known(str(module), kind, place):
        at = f" as {place}" if place not in ("", "layers") else ""
        if module == "keras.layers":
            fit = kind in IN_MODELS[module] | CELLS
            why = "is not allowed there" if fit else "docs/models.md doesn't allow"
            raise ValueError(f"it has {module}.{kind}{at}, which {why}")
        raise ValueError(f"it has {module}.{kind}{at}, and only layers of Keras's own are allowed")
    if value.get("registered_name") not in (None, kind):
        raise ValueError(f"it has {_text(value['registered_name'])}, which is not Keras's own")
    if not isinstance(own, dict):
        raise ValueError(f"its {kind} has no settings")
    # Keras marks what it wrote twice, but not both times, and so makes two layers of one.
    if "shared_object_id" in value and kind not in PARTS.get(module or "", ()):
        raise ValueError(f"it has a {kind} layer that two models in it share")
    for left_out in ("build_config", "compile_config", "shared_object_id"):
        value.pop(left_out, None)
    if kind == "DTypePolicy" and own.get("name") != TYPE:
        raise ValueError(f"it computes in {_text(own.get('name'))}, not {TYPE}")
    if kind in MODELS.get(module or "", ()):
        _bring_model(kind, own)
    for key in {"name", "inbound_nodes"} & {*value}:
        _check_part(value[key], key)
    for key, part in own.items():
        if key == "dtype" and isinstance(part, str) and part != TYPE:
            raise ValueError(f"it computes in {_text(part)}, not {TYPE}")
        _check_part(part, key)


def _check_part(value: object, place: str) -> None:
    if isinstance(value, dict) and {"class_name", "module", "registered_name"} & {*value}:
        _check_object(value, place)
    elif isinstance(value, dict):
        for key, part in value.items():
            _check_part(part, key if key in ("args", "kwargs") else place)
    else:
        for part in _parts(value):
            _check_part(part, place)


def _is_known(module: str, kind: str, place: str) -> bool:
    """Whether an object is one of Keras's that may stand there."""
    if place.endswith("activation"):
        return module == "keras.layers" and kind in AS_ACTIVATIONS
    if place in ("cell", "cells"):
        return module == "keras.layers" and kind in CELLS
    known = {"": MODELS, "layers": IN_MODELS, "layer": WRAPPED, "backward_layer": WRAPPED}
    return kind in known.get(place, PARTS).get(module, ())


def _bring_model(kind: str, own: dict[str, Any]) -> None:
    """Check the form of a model's settings, and give it one output instead of a list of one."""
    layers = own.get("layers")
    if not isinstance(layers, list) or not all(
        isinstance(layer, dict) and "class_name" in layer and "module" in layer for layer in layers
    ):
        raise ValueError("its config doesn't list layers as Keras 3 writes them")
    if kind == "Sequential":
        own.pop("build_input_shape", None)
        if any("inbound_nodes" in layer for layer in layers):
            raise ValueError("its Sequential model is wired as a functional one")
        return
    if {*own} - {"name", "trainable", "layers", "input_layers", "output_layers"}:
        raise ValueError("its functional model has settings that Keras doesn't write")
    for layer in layers:
        nodes = layer.get("inbound_nodes")
        if not isinstance(nodes, list) or not all(
            isinstance(node, dict) and {*node} == {"args", "kwargs"} for node in nodes
        ):
            raise ValueError("its layers are not wired as Keras 3 writes it")
    for end in ("input_layers", "output_layers"):
        tensors = own.get(end)
        if isinstance(tensors, list) and len(tensors) == 1 and isinstance(tensors[0], list):
            own[end] = tensors[0]


def _calls(layer: dict[str, Any]) -> tuple[int, int, int]:
    """Calls of layers when one is called, those when it is made, and how many layers it holds."""
    if layer["class_name"] not in MODELS.get(layer["module"], ()):
        inside = sum(one.get("module") == "keras.layers" for one in _objects(layer))
        return max(1, inside), 0, max(1, inside)
    layers = layer["config"]["layers"]
    places = {str(part.get("name")): place for place, part in enumerate(layers)}
    called = making = count = late = 0
    for place, part in enumerate(layers):
        nodes = part.get("inbound_nodes") or [None]
        calls, before, inside = _calls(part)
        called, making, count = called + calls * len(nodes), making + before, count + inside
        late += any(places.get(name, 0) > place for name in _callers(nodes))
    # Keras calls a Sequential model's layers anew as each is added, and goes through all layers of
    # a functional one again for those that come before what they read.
    again = len(layers) if layer["class_name"] == "Sequential" else 1
    return called, making + called * again + late * len(layers), count


def _objects(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for part in _parts(value):
        yield from _objects(part)


def _callers(value: object) -> Iterator[str]:
    """Names of the layers whose outputs are read."""
    if isinstance(value, dict) and isinstance(value.get("keras_history"), list):
        yield from map(str, value["keras_history"][:1])
    for part in _parts(value):
        yield from _callers(part)


def _text(value: object) -> str:
    """A value from a config, shortened for a message."""
    return str(value)[:60]


# How large it is ----------------------------------------------------------------------------------


def _check_sizes(config: dict[str, Any], stored_bytes: int | None) -> None:
    import keras
    import tensorflow as tf

    # Outside a graph, layers compute some values from variables that are not there.
    with keras.StatelessScope(initialize_variables=False), tf.Graph().as_default():
        model = keras.saving.deserialize_keras_object(config)
        ends = len(model.inputs), len(model.outputs)
        if ends != (1, 1):
            raise ValueError(f"it has {ends[0]} inputs and {ends[1]} outputs, not one of each")
        batch, *shape = model.inputs[0].shape
        if batch is not None or None in shape:
            raise ValueError(f"it reads {model.inputs[0].shape}, not any number of images")
        needed = sum(4 * math.prod(one.shape) for one in model.weights)
        for operation, node in _nodes(model):
            _check_call(operation, node)
    if needed > MOST_BYTES:
        raise ValueError(f"its layers need {needed:,} bytes")
    if stored_bytes is not None and needed > stored_bytes:
        raise ValueError("its layers need more than its weights hold")


def _nodes(model: keras.Model) -> Iterator[tuple[Any, Any]]:
    """All operations of a model, those of models in it included, with each call of them."""
    for operation in getattr(model, "operations", None) or model.layers:
        for node in operation._inbound_nodes:
            yield operation, node
        if hasattr(operation, "layers"):
            yield from _nodes(operation)


def _check_call(operation: Any, node: Any) -> None:
    """Check what a layer computes for an image: what it gives, and what is larger on the way."""
    name, parts = type(operation).__name__, [*_wrapped(operation)]
    read, given = (
        [one.shape[1:] for one in of] for of in (node.input_tensors, node.output_tensors)
    )
    if any(None in shape for shape in (*read, *given)):
        raise ValueError(f"its {name} gives values whose number depends on the images")
    values = [*map(math.prod, given)]
    if "Attention" in name:  # each place looks at each
        heads = getattr(operation, "num_heads", getattr(operation, "num_query_heads", 1))
        wide = read[0][-1] if name == "AdditiveAttention" else 1
        places = [math.prod(shape[:-1]) for shape in read]
        values.append(heads * wide * places[0] * max(places))
    for part in parts:
        sizes, rates = (getattr(part, key, ()) for key in ("kernel_size", "dilation_rate"))
        spread = max(
            ((size - 1) * (rate - 1) for size, rate in zip(sizes, rates, strict=False)), default=0
        )
        if spread:  # images are padded by it, whatever is given
            values.append(math.prod(size + spread for size in read[0]))
    if max(values, default=0) > MOST_VALUES:
        raise ValueError(f"its {name} computes {max(values):,} values for an image")
    loops = [getattr(part, "power_iterations", 0) for part in parts]
    loops += [max(read[0]) for part in parts if getattr(part, "unroll", False)]
    if max(loops) > MOST_STEPS:
        raise ValueError(f"its {name} takes {max(loops):,} steps, one by one")


def _wrapped(operation: Any) -> Iterator[Any]:
    """An operation and the layers that it wraps."""
    yield operation
    for key in ("layer", "forward_layer", "backward_layer"):
        if hasattr(operation, key):
            yield from _wrapped(getattr(operation, key))
