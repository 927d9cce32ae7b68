"""A trained model as plain layers and one array of numbers, which the report's page can run.

Each layer is a dict. Its `kind` says what it does, and `numbers` how many numbers of the array are
its, part by part: layers take theirs one after the other. Values go from layer to layer as one flat
array, channels last, so that flattening and reshaping change nothing.

| kind | other entries | parts |
|---|---|---|
| `dense` | `rows`, and the `inputs` and `outputs` of each | kernel `[inputs, outputs]`, bias |
| `convolution` | `input` `[H, W, C]`, `output` `[h, w, F]`, `size`, `strides`, `padding` | kernel \
`[*size, C, F]`, bias |
| `max`, `mean` (pooling) | as of `convolution` | |
| `scale` | `size` | factors and shifts `[size]`, over the last axis |
| `relu` | `threshold`, `slope` below it, and `most`, the largest value or null | |
| `tanh`, `sigmoid` | | |
| `softmax` | `size` of the last axis | |

`padding` is how many rows and columns of zeros, or of nothing where it is pooled, come before the
image; windows may also reach beyond its end. `templates/network.js` of the report runs them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:  # as in saved_models
    import keras

MOST_NUMBERS = 300_000  # of a network: two of them in base64 leave 1.8 MB of 5 to the report
MOST_PRODUCTS = 100_000_000  # for an answer: about a tenth of a second in a browser
MOST_NAMED = 5  # layers that a reason names

Shape = tuple[int, ...]  # of an image or of what a layer gives for one, without the batch
Step = tuple[dict[str, Any], list[np.ndarray]]  # a layer and its parts


class _Unfit(ValueError):
    """Why the page can't run a model, in words."""


def exported(model: keras.Model) -> dict[str, np.ndarray]:
    """What the page needs to run a model that takes images divided by 255.

    Dropout and the like are left out, and batch normalization becomes part of the linear layer
    before it, or else a `scale`.

    Returns:
        `layers`, their JSON as text, and `weights` float32 `[numbers]`. Or `reason` alone: why the
        page can't run the model, a clause in words.
    """
    try:
        steps = _steps(model)
    except _Unfit as reason:
        return {"reason": np.array(str(reason))}
    layers = [about | {"numbers": [part.size for part in parts]} for about, parts in steps]
    numbers = [np.array(part, np.float32).ravel() for _, parts in steps for part in parts]
    return {
        "layers": np.array(json.dumps(layers)),
        "weights": np.concatenate([*numbers, np.zeros(0, np.float32)]),
    }


def _steps(model: keras.Model) -> list[Step]:
    strange = [_name(one) for one in _operations(model) if not _is_known(one)]
    shape, steps = tuple(model.input_shape[1:]), []
    for layer in _chain(model) if not strange else []:
        made = MADE.get(type(layer).__name__, _nothing)
        try:
            steps += made(layer, shape)
        except _Unfit as reason:
            strange.append(f"{type(layer).__name__} with {reason}")
        shape = tuple(layer.compute_output_shape((1, *shape))[1:])
    if strange:
        different = [*dict.fromkeys(strange)]
        more = ["and others"] if len(different) > MOST_NAMED else []
        named = ", ".join(different[:MOST_NAMED] + more)
        raise _Unfit(f"it has layers that the page doesn't know ({named})")
    steps = _folded(steps)
    count = sum(part.size for _, parts in steps for part in parts)
    if count > MOST_NUMBERS:
        raise _Unfit(f"it has {count:,} weights, and the page has room for {MOST_NUMBERS:,}")
    products = sum(_products(about, parts) for about, parts in steps)
    if products > MOST_PRODUCTS:
        raise _Unfit(
            f"an answer takes {products / 1e6:,.0f} million multiplications, and the page has time "
            f"for {MOST_PRODUCTS / 1e6:.0f} million"
        )
    return steps


# The layers of a model ----------------------------------------------------------------------------


def _operations(model: keras.Model) -> Iterator[Any]:
    """All that a model is made of, in no particular order."""
    for one in getattr(model, "operations", model.layers):  # Sequential has layers alone
        yield from _operations(one) if _is_chain(one) else [one]


def _is_chain(one: Any) -> bool:
    """Whether a layer is itself a model, Sequential or Functional, of one input and one output."""
    import keras

    if not isinstance(one, keras.Sequential) and not hasattr(one, "operations"):
        return False
    return len(one.inputs) == 1 == len(one.outputs)


def _is_known(one: Any) -> bool:
    import keras

    name = type(one).__name__  # of an operation such as keras.ops.softmax, too
    return (name in PASSED or name in MADE) and type(one) is getattr(keras.layers, name, None)


def _name(one: Any) -> str:
    import keras

    kind = "" if isinstance(one, keras.Layer) else "the operation "
    return f"{kind}{type(one).__name__}"


def _chain(model: keras.Model) -> list[keras.Layer]:
    """Its layers from input to output. Each has one input, as none that joins branches is known."""
    found: list[keras.Layer] = []
    (tensor,) = model.outputs
    while tensor is not model.inputs[0]:
        layer, node, _ = tensor._keras_history
        found[:0] = _chain(layer) if _is_chain(layer) else [layer]
        (tensor,) = layer._inbound_nodes[node].input_tensors
    return found


# What is made of each -----------------------------------------------------------------------------


def _nothing(_layer: keras.Layer, _shape: Shape) -> list[Step]:
    return []


def _flatten(layer: keras.Layer, shape: Shape) -> list[Step]:
    _check(layer.data_format == "channels_last" or len(shape) < 2, "channels first")
    return []


def _dense(layer: keras.Layer, shape: Shape) -> list[Step]:
    about = {"kind": "dense", "rows": math.prod(shape[:-1]), "inputs": shape[-1]}
    return [_linear(layer, about), *_activation(layer, shape)]


def _convolution(layer: keras.Layer, shape: Shape) -> list[Step]:
    _check(layer.data_format == "channels_last", "channels first")
    _check(tuple(layer.dilation_rate) == (1, 1), "dilation")
    _check(layer.groups == 1, "groups")
    window = _window(layer, shape, layer.kernel_size, layer.strides, layer.padding)
    return [_linear(layer, {"kind": "convolution"} | window), *_activation(layer, shape)]


def _linear(layer: keras.Layer, about: dict[str, Any]) -> Step:
    _check(getattr(layer, "quantization_mode", None) is None, "quantization")
    kernel = np.asarray(layer.kernel)
    bias = np.zeros(kernel.shape[-1]) if layer.bias is None else np.asarray(layer.bias)
    return about | {"outputs": kernel.shape[-1]}, [kernel, bias]


def _max(layer: keras.Layer, shape: Shape) -> list[Step]:
    return _pooling("max", layer, shape)


def _mean(layer: keras.Layer, shape: Shape) -> list[Step]:
    return _pooling("mean", layer, shape)


def _pooling(kind: str, layer: keras.Layer, shape: Shape) -> list[Step]:
    _check(layer.data_format == "channels_last", "channels first")
    if hasattr(layer, "pool_size"):
        window = _window(layer, shape, layer.pool_size, layer.strides, layer.padding)
    else:  # of the whole image
        window = _window(layer, shape, shape[:2], (1, 1), "valid")
    return [({"kind": kind} | window, [])]


def _window(
    layer: keras.Layer, shape: Shape, size: Shape, strides: Shape, padding: str
) -> dict[str, Any]:
    """Where the windows over an image lie, as TensorFlow lays them."""
    before = [0, 0]
    if padding == "same":
        before = [
            max((math.ceil(side / step) - 1) * step + length - side, 0) // 2
            for side, step, length in zip(shape, strides, size, strict=False)
        ]
    output = tuple(layer.compute_output_shape((1, *shape))[1:])
    return {
        "input": list(shape),
        "output": list(output if len(output) == 3 else (1, 1, output[-1])),
        "size": list(size),
        "strides": list(strides),
        "padding": before,
    }


def _normalization(layer: keras.Layer, shape: Shape) -> list[Step]:
    _check(layer.axis in (-1, len(shape)), "another axis than the last one")
    mean, variance = (
        np.asarray(part, np.float64) for part in (layer.moving_mean, layer.moving_variance)
    )
    factors = (np.asarray(layer.gamma) if layer.scale else 1) / np.sqrt(variance + layer.epsilon)
    shifts = (np.asarray(layer.beta) if layer.center else 0) - mean * factors
    return [({"kind": "scale", "size": shape[-1]}, [factors, shifts])]


def _rescaling(layer: keras.Layer, shape: Shape) -> list[Step]:
    try:
        parts = [np.broadcast_to(part, shape[-1]) for part in (layer.scale, layer.offset)]
    except ValueError:
        raise _Unfit("a scale for each pixel") from None
    return [({"kind": "scale", "size": shape[-1]}, parts)]


def _softmax(layer: keras.Layer, shape: Shape) -> list[Step]:
    _check(layer.axis in (-1, len(shape)), "another axis than the last one")
    return [({"kind": "softmax", "size": shape[-1]}, [])]


def _relu(slope: float = 0, threshold: float = 0, most: float | None = None) -> list[Step]:
    return [({"kind": "relu", "slope": slope, "threshold": threshold, "most": most}, [])]


def _activation(layer: keras.Layer, shape: Shape) -> list[Step]:
    """Of an Activation, or what ends a layer."""
    import keras

    function = layer.activation
    if isinstance(function, keras.Layer):
        _check(_is_known(function), f"activation {type(function).__name__}")
        made: Callable[[keras.Layer, Shape], list[Step]] = MADE.get(
            type(function).__name__, _nothing
        )
        return made(function, tuple(layer.compute_output_shape((1, *shape))[1:]))
    size = layer.compute_output_shape((1, *shape))[-1]
    known: dict[Any, list[Step]] = {
        None: [],
        keras.activations.linear: [],
        keras.activations.relu: _relu(),
        keras.activations.relu6: _relu(most=6),
        keras.activations.leaky_relu: _relu(slope=0.2),
        keras.activations.tanh: [({"kind": "tanh"}, [])],
        keras.activations.sigmoid: [({"kind": "sigmoid"}, [])],
        keras.activations.softmax: [({"kind": "softmax", "size": size}, [])],
    }
    _check(function in known, f"activation {getattr(function, '__name__', function)}")
    return known[function]


def _check(fit: bool, reason: str) -> None:
    if not fit:
        raise _Unfit(reason)


# They do nothing to an image that isn't trained on, or only to its shape.
PASSED = (
    *("InputLayer", "Identity", "Reshape", "Dropout", "AlphaDropout", "GaussianDropout"),
    *("SpatialDropout1D", "SpatialDropout2D", "GaussianNoise", "ActivityRegularization"),
    *("RandomFlip", "RandomRotation", "RandomTranslation", "RandomZoom"),
    *("RandomBrightness", "RandomContrast"),
)
MADE: dict[str, Callable[[Any, Shape], list[Step]]] = {
    "Flatten": _flatten,
    "Dense": _dense,
    "Conv2D": _convolution,
    "MaxPooling2D": _max,
    "GlobalMaxPooling2D": _max,
    "AveragePooling2D": _mean,
    "GlobalAveragePooling2D": _mean,
    "BatchNormalization": _normalization,
    "Rescaling": _rescaling,
    "Activation": _activation,
    "ReLU": lambda layer, _: _relu(layer.negative_slope, layer.threshold, layer.max_value),
    "LeakyReLU": lambda layer, _: _relu(layer.negative_slope),
    "Softmax": _softmax,
}


# All of them --------------------------------------------------------------------------------------


def _folded(steps: list[Step]) -> list[Step]:
    """The same without any scale that comes right after a linear layer."""
    found: list[Step] = []
    for about, parts in steps:
        before, earlier = found[-1] if found else ({}, [])
        if about["kind"] == "scale" and before.get("outputs") == about["size"]:
            factors, shifts = parts
            kernel, bias = (part.astype(np.float64) * factors for part in earlier)
            found[-1] = before, [kernel, bias + shifts]
        else:
            found.append((about, parts))
    return found


def _products(about: dict[str, Any], parts: list[np.ndarray]) -> int:
    """How often a layer multiplies by a number of its kernel."""
    if about["kind"] == "dense":
        return about["rows"] * parts[0].size
    return math.prod(about["output"][:2]) * parts[0].size if about["kind"] == "convolution" else 0
