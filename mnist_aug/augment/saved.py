"""Policies in files: what they may hold, and the albumentations objects that they describe.

A file is data: names of albumentations' own transforms, numbers and words. Nothing else is looked
up, built or run, and what is read is bounded before it is built. Three forms are read:

- what `albumentations.save` writes, as YAML or JSON: `transform` and `__version__`;
- the same without them, a transform's `__class_fullname__` and arguments alone;
- Hydra's: `_target_` nodes, a list of them, or a file in which one key, however deep, holds one.

Next to it, or alone, may stand what albumentations can't say: the keys of `MIXING`.
"""

import json
import os
import warnings
from collections.abc import Hashable, Iterator
from difflib import get_close_matches
from inspect import Parameter, signature
from typing import Any

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it asks the network at import otherwise

import albumentations as A
import yaml
from pydantic import ValidationError

Description = dict[str, Any]

# Far beyond any use, and little enough to be read at once.
MAX_BYTES = 2**18
MAX_DEPTH = 30
MAX_NODES = 100_000  # numbers, words, lists and dicts, with every alias unfolded
MAX_NUMBER = 4_096
MAX_ALPHA = 16_384  # of elastic displacements, which large images need and which costs nothing
MAX_TRANSFORMS = 1_000
# Numbers that albumentations bounds, or that only scale values.
UNBOUNDED = {"seed", "temperature_limit", "max_pixel_value", "max_value"}
# Advice that albumentations gives each time a transform is built, whatever its arguments. Its other
# warnings say that an argument was dropped, refused or changed.
ADVICE = "is a special case of|is a specialized version of|is an alias for|is very slow"
# What a file may hold next to a pipeline: `augment.methods` has what each means.
MIXING = ("augmix", "mixup", "cutmix", "label_smoothing")
HYDRA_FLAGS = {"_partial_", "_recursive_", "_convert_"}


class NoPipelineError(ValueError):
    """The data describe no albumentations pipeline."""


def parsed(text: str, is_json: bool) -> object:
    """The plain data in a file.

    Raises:
        NoPipelineError: it is no YAML or JSON, it has a tag, or it unfolds to too much.
    """
    try:
        return json.loads(text, object_pairs_hook=_once) if is_json else yaml.load(text, _Yaml)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise NoPipelineError(one_line(f"line {line}: {error.problem}")) from None
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise NoPipelineError(one_line(error)) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, whose names must differ."""
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name[:40]!r} is there twice: keep one")
    return dict(pairs)


class _Yaml(yaml.SafeLoader):
    """Plain data alone, counted as if each alias were written out."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._count = 0
        self._unfolded: dict[yaml.Node | None, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        before = self._count
        is_alias = self.check_event(yaml.AliasEvent)
        node = super().compose_node(parent, index)
        if is_alias and node not in self._unfolded:
            raise ValueError("an alias, *name, stands within what it names")
        self._count += self._unfolded[node] if is_alias else 1
        self._unfolded[node] = self._count - before
        if self._count > MAX_NODES:
            raise ValueError(f"it unfolds to more than {MAX_NODES:,} values")
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for name in names:
            if names.count(name) > 1 and name != "<<":
                raise ValueError(f"{name[:40]!r} is there twice: keep one")
        return super().construct_mapping(node, deep)


_Yaml.add_constructor(
    "tag:yaml.org,2002:python/tuple",
    _Yaml.construct_yaml_seq,  # type: ignore[type-var]  # as PyYAML itself adds it
)


def without_mixing(data: object) -> tuple[object, dict[str, Any]]:
    """A file's data without the keys of `MIXING` at the top, and these.

    Raises:
        ValueError: what one of them holds is out of bounds.
    """
    if not isinstance(data, dict):
        return data, {}
    methods = {key: data[key] for key in MIXING if key in data}
    check_values(methods)
    rest = {key: value for key, value in data.items() if key not in methods}
    return ({} if rest.keys() <= {"__version__"} and methods else rest), methods


def pipeline(data: object) -> tuple[Description, str | None]:
    """The description of the one pipeline in a file's data, and albumentations' version there.

    Returns:
        The outermost transform as a dict of its `__class_fullname__` and arguments; the version as
        written, None if it isn't.

    Raises:
        NoPipelineError: there is none.
        ValueError: there are several, or the one is not made of transforms.
    """
    if isinstance(data, dict) and "__class_fullname__" in (data.get("transform") or ()):
        found = {"transform": (data["transform"], _version(data, None))}
    else:
        found = dict(_pipelines(data, (), 0, None))
    if not found:
        raise NoPipelineError("it has neither a `__class_fullname__` nor a `_target_`")
    node, version = next(iter(found.values()))
    if any(other != (node, version) for other in found.values()):
        raise ValueError(
            f"it holds several pipelines, {', '.join(found)}: copy the one to train with to a "
            "file of its own"
        )
    check_values(node)
    return (_from_hydra(node) if _is_hydra(node) else node), version


def _pipelines(
    data: object, place: tuple[str, ...], depth: int, version: str | None
) -> Iterator[tuple[str, tuple[Any, str | None]]]:
    """The outermost pipelines: the keys that they are under, their nodes, versions."""
    if _is_hydra(data):
        yield ".".join(place), (data, version)
    elif isinstance(data, dict) and depth <= MAX_DEPTH:
        version = _version(data, version)
        if "__class_fullname__" in data:
            yield ".".join(place), (data, version)
        else:
            for key, inside in data.items():
                yield from _pipelines(inside, (*place, str(key)), depth + 1, version)


def _version(data: dict, around: str | None) -> str | None:
    return str(data["__version__"]) if "__version__" in data else around


def _is_hydra(node: object) -> bool:
    """Whether it is a `_target_` node of albumentations, or a list that has one."""
    if isinstance(node, list):
        return any(map(_is_hydra, node[:MAX_TRANSFORMS]))
    target = node.get("_target_") if isinstance(node, dict) else None
    return isinstance(target, str) and target.startswith("albumentations.")


def _from_hydra(node: object) -> Description:
    """The description that `albumentations.save` would write of a Hydra node, or of a list."""
    if isinstance(node, list):
        return {"__class_fullname__": "Compose", "transforms": [*map(_from_hydra, node)]}
    if not isinstance(node, dict) or not isinstance(node.get("_target_"), str):
        raise ValueError(f"{str(node)[:40]!r} has no `_target_`: write the transform itself")
    if "_args_" in node:
        raise ValueError(f"{node['_target_']}: `_args_` has no names: write the arguments by name")
    described = {"__class_fullname__": node["_target_"]}
    for key, value in node.items():
        if key == "transforms" and isinstance(value, list):
            value = [*map(_from_hydra, value)]
        elif key in ("bbox_params", "keypoint_params") and isinstance(value, dict):
            value = {name: inside for name, inside in value.items() if name != "_target_"}
        if key != "_target_" and key not in HYDRA_FLAGS:
            described[key] = value
    return described


def check_values(value: object, key: Hashable = None, depth: int = 0) -> None:
    """Refuse values that are not plain data or are out of bounds.

    Raises:
        ValueError: which value, and why.
    """
    if depth > MAX_DEPTH:
        raise ValueError(f"it is nested deeper than {MAX_DEPTH}")
    if isinstance(value, dict):
        for name, inside in value.items():
            if not isinstance(name, str):
                raise ValueError(f"{name!r} is not a name")
            if name == "p" and (isinstance(inside, (dict, list))):
                raise ValueError("a `p` is not a number")
            if name not in UNBOUNDED:
                check_values(inside, name, depth + 1)
    elif isinstance(value, list):
        for inside in value:
            check_values(inside, key, depth + 1)
    elif isinstance(value, (int, float)):
        most = MAX_ALPHA if key == "alpha" else MAX_NUMBER
        if not abs(value) <= most:
            raise ValueError(f"{key}: {str(value)[:20]} is outside ±{most:,}")
    elif isinstance(value, str):
        if "${" in value:
            raise ValueError(f"{value[:80]} refers to another value: write the value itself")
    elif value is not None:
        raise ValueError(f"{key}: {type(value).__name__} is neither number nor text")


def built(description: Description) -> A.BaseCompose | A.BasicTransform:
    """The transform or composition that a description of albumentations 2.0.8 stands for.

    A missing argument takes its default there; `albumentations.load` itself would take
    0.5 for each `p`.

    Raises:
        ValueError: albumentations can't build it; the message names the transform.
    """
    check_values(description)
    if _transforms_in(description) > MAX_TRANSFORMS:
        raise ValueError(f"it does more than {MAX_TRANSFORMS:,} transforms")
    return _built(description)


def short_name(node: object) -> str:
    """The name of a described transform within albumentations.

    Raises:
        ValueError: it has none.
    """
    name = node.get("__class_fullname__") if isinstance(node, dict) else None
    if not isinstance(name, str):
        raise ValueError(f"{str(node)[:40]!r} is not a transform")
    return name.rpartition(".")[2] if name.startswith("albumentations.") else name


def arguments_of(name: str) -> dict[str, Parameter]:
    """The arguments that the transform or composition of that name takes in 2.0.8.

    Raises:
        ValueError: albumentations has no transform of that name, or can't save it.
    """
    found = getattr(A, name, None)
    if (
        not isinstance(found, type)
        or not issubclass(found, (A.BasicTransform, A.BaseCompose))
        or not found.__module__.startswith("albumentations.")
        or not found.is_serializable()  # type: ignore[attr-defined]  # of its metaclass
    ):
        close = [near for near in get_close_matches(name[:80], dir(A), 1) if near != name]
        raise ValueError(
            f"{name[:80]!r} is not an albumentations transform that can be saved: "
            + (f"is it {close[0]}?" if close else "remove it")
        )
    return {
        name: parameter
        for name, parameter in signature(found).parameters.items()
        if parameter.kind is not Parameter.VAR_KEYWORD
    }


def _transforms_in(node: Description) -> int:
    """How many transforms a node stands for, if all its classes are albumentations' own."""
    name = short_name(node)
    arguments_of(name)
    inside = node.get("transforms", [])
    if not isinstance(inside, list):
        raise ValueError(f"{name}: its `transforms` are not a list")
    times = node.get("n") if issubclass(getattr(A, name), A.SomeOf) else 1
    times = max(1, times) if isinstance(times, int) else 1  # other values are refused later
    return times * max(1, sum(map(_transforms_in, inside)))


def _built(node: Description) -> A.BaseCompose | A.BasicTransform:
    name = short_name(node)
    accepted = arguments_of(name)
    given = {key: value for key, value in node.items() if key != "__class_fullname__"}
    if "transforms" in given:
        given["transforms"] = [_built(inside) for inside in given["transforms"]]
    for argument, parameter in accepted.items():
        if parameter.default is Parameter.empty and argument not in given:
            raise ValueError(f"{name}: it needs {argument}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", category=UserWarning)
        warnings.filterwarnings("ignore", f".*({ADVICE})", UserWarning)
        try:
            made = getattr(A, name)(**{key: given[key] for key in given if key in accepted})
        except UserWarning as warning:
            raise ValueError(f"{name}: it would be changed: {one_line(warning)}") from None
        except ZeroDivisionError:
            raise ValueError(f"{name}: the p of its transforms are all 0: raise one") from None
        except Exception as error:  # albumentations raises whatever its parts raise
            raise ValueError(f"{name}: {reason_of(error)}") from None
    # `albumentations.save` writes some that it won't read: they must follow from the others.
    if extra := given.keys() - accepted:
        written = as_data(made)
        for argument in sorted(extra):
            if argument not in written or written[argument] != given[argument]:
                raise ValueError(
                    f"{name}: no argument {argument!r}: it takes {', '.join(accepted)}"
                )
    return made


def as_data(transform: A.BaseCompose | A.BasicTransform) -> Description:
    """A transform as plain data, as `albumentations.save` would write it."""
    described = json.loads(json.dumps(A.to_dict(transform)["transform"]))
    _add_channels(transform, described)
    return described


def _add_channels(transform: A.BaseCompose | A.BasicTransform, described: Description) -> None:
    """State the channels of `SelectiveChannelTransform`, which 2.0.8 leaves out."""
    if isinstance(transform, A.SelectiveChannelTransform):
        described["channels"] = list(transform.channels)
    if isinstance(transform, A.BaseCompose):
        for child, inside in zip(transform.transforms, described["transforms"], strict=True):
            _add_channels(child, inside)


def reason_of(error: Exception) -> str:
    """What an error of another library says, in one line that is not long."""
    if isinstance(error.__cause__, ValidationError):  # many lines, with the class of the schema
        first = error.__cause__.errors()[0]
        place = f"{first['loc'][0]}={first['input']!r}: " if first["loc"] else ""
        return one_line(f"{place}{first['msg']}")
    return one_line(error)


def one_line(said: object, most: int = 200) -> str:
    text = " ".join(str(said).split()) or type(said).__name__
    return text if len(text) <= most else f"{text[:most]}…"
