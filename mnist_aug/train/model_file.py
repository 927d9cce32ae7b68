"""A model as the bytes of a `.keras` file that older versions of Keras open too.

Each version of Keras writes the arguments it knows into a layer's configuration, and older ones
refuse arguments they don't know, whatever their values. Here Keras saves the model, and then what
says nothing is taken out of the configuration, so that any Keras from 3.3 opens the file of a
Sequential model, and any from 3.4 that of a functional one, if it has the layers. When the file was
written and where objects lay in memory is taken out as well: the bytes depend on the model alone.
"""

from __future__ import annotations

import importlib
import inspect
import io
import json
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import keras

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
# Arguments that came after Keras 3.3 with a default other than None and False.
NEWER = {
    "renorm_momentum",  # of BatchNormalization
    "axis",  # of SparseCategoricalCrossentropy
    "oov_method",  # of IntegerLookup and StringLookup
    "value_range",  # of RandomContrast
}
# Initializers that Keras 3.3 knows by another name alone, which later versions know as well.
RENAMED = {"Orthogonal": "OrthogonalInitializer"}
REORDERED = {"Nadam"}  # optimizers whose variables came in another order before Keras 3.10
FIRST_DATE = (1980, 1, 1, 0, 0, 0)  # that a ZIP archive can give


def content(model: keras.Model) -> bytes:
    """The bytes of a `.keras` file of a model, with what it was compiled with and its optimizer.

    Of a Keras class's arguments, those are left out that are None or False, as they are by default;
    in no version from 3.3 to 3.15 were such defaults changed. Classes that are not Keras's stay as
    they are. The state of a Nadam optimizer is left out, as no file of it suits both old and new
    versions.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        with zipfile.ZipFile(path) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
    metadata = json.loads(parts[METADATA])
    metadata.pop("date_saved", None)
    parts[METADATA] = json.dumps(metadata).encode()
    config = json.loads(parts[CONFIG])
    _leave_out_defaults(config)
    _use_old_forms(config)
    _number_shared_layers(config)
    parts[CONFIG] = json.dumps(config).encode()
    if type(getattr(model, "optimizer", None)).__name__ in REORDERED:
        parts[WEIGHTS] = _without_optimizer(parts[WEIGHTS])
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in [METADATA, CONFIG, *sorted({*parts} - {METADATA, CONFIG})]:
            member = zipfile.ZipInfo(name, FIRST_DATE)
            member.create_system, member.external_attr = 3, 0o644 << 16  # as on Unix
            archive.writestr(member, parts[name])
    return file.getvalue()


def plain(config: dict[str, Any]) -> dict[str, Any]:
    """A model's configuration without what is default, and without addresses in memory."""
    config = json.loads(json.dumps(config))
    _leave_out_defaults(config)
    _number_shared_layers(config)
    return config


def _leave_out_defaults(config: Any) -> None:
    """Take out of a configuration, at all depths, what is None or False by default."""
    for one in objects(config):
        if isinstance(one.get("config"), dict) and (kind := _keras_class(one)):
            defaults = _defaults(kind)
            one["config"] = {
                key: value
                for key, value in one["config"].items()
                if json.dumps(value) != defaults.get(key)
                or not (value is None or value is False or key in NEWER)
            }


def _use_old_forms(config: Any) -> None:
    """Write what Keras 3.3 wrote differently as it did; later versions read that, too."""
    for one in objects(config):
        if one.get("module") == "keras.initializers":
            one["class_name"] = RENAMED.get(one["class_name"], one["class_name"])


def _without_optimizer(weights: bytes) -> bytes:
    file = io.BytesIO()
    with h5py.File(io.BytesIO(weights), "r") as old, h5py.File(file, "w") as new:
        for name in old:
            if name != "optimizer":
                old.copy(name, new)
    return file.getvalue()


def _number_shared_layers(config: Any) -> None:
    """Mark layers that are used twice by numbers, in their order, not by memory addresses.

    Initializers, types and the like hold no state, so it is all the same whether they are shared.
    """
    layers = [one for one in objects(config) if "shared_object_id" in one and _may_be_layer(one)]
    uses = Counter(one["shared_object_id"] for one in layers)
    shared = [address for address, count in uses.items() if count > 1]
    for one in objects(config):
        address = one.pop("shared_object_id", None)
        if address in shared and _may_be_layer(one):
            one["shared_object_id"] = shared.index(address) + 1


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """The objects in a configuration, in order: those that Keras would make of it."""
    if isinstance(value, dict):
        if "class_name" in value and "config" in value:
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from objects(part)


def _may_be_layer(config: Mapping[str, Any]) -> bool:
    kind = _keras_class(config)
    return kind is None or issubclass(kind, keras.layers.Layer)


def _keras_class(config: Mapping[str, Any]) -> type | None:
    """The class of an object's configuration if it is one of Keras's, and no model."""
    module = str(config.get("module"))
    if module.split(".")[0] != "keras":
        return None
    try:
        kind = getattr(importlib.import_module(module), config["class_name"], None)
    except ModuleNotFoundError:
        return None
    return kind if inspect.isclass(kind) and not issubclass(kind, keras.Model) else None


@cache
def _defaults(kind: type) -> dict[str, str]:
    """The defaults of a class's constructor as JSON, those of its bases included."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if constructor := vars(base).get("__init__"):
            for name, parameter in inspect.signature(constructor).parameters.items():
                try:
                    found[name] = json.dumps(parameter.default)
                except TypeError:  # it has none, or none that a file could hold
                    found.pop(name, None)
    return found
