"""Files that hold no policy: refused in one line, and no code is run from them."""

import copy
import json
import os
import signal
import warnings
from contextlib import suppress

import albumentations as A
import pytest
import yaml
from albumentations.core import serialization
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mnist_aug.augment import named, policy, saved
from mnist_aug.augment.batches import ImageByImageWarning
from mnist_aug.errors import UserError
from mnist_aug.train import training

SHAPE = (28, 28)
ROTATE = {"__class_fullname__": "Rotate", "p": 1.0, "limit": [-5, 5]}
# What a payload does if anything runs it: it leaves this file in the folder.
OWNED = "owned"
TOUCH = f"touch {OWNED}"


def called(name, /, *arguments, **more):
    return {"transform": {"__class_fullname__": name, "p": 1.0, "args": list(arguments), **more}}


def composed(*transforms, name="Compose", **more):
    return {
        "transform": {"__class_fullname__": name, "p": 1.0, "transforms": list(transforms), **more}
    }


def nested(depth):
    return composed(
        json.loads(
            '{"__class_fullname__": "Compose", "p": 1.0, "transforms": [' * depth
            + json.dumps(ROTATE)
            + "]}" * depth
        )
    )


PAYLOADS = {
    "apply.yaml": f"!!python/object/apply:os.system ['{TOUCH}']",
    "new.yaml": f"!!python/object/new:subprocess.Popen [['touch', '{OWNED}']]",
    "object.yaml": "!!python/object:albumentations.Compose {transforms: []}",
    "name.yaml": "transform: !!python/name:os.system ''",
    "module.yaml": "transform: !!python/module:antigravity ''",
    "tuple.yaml": f"transform: [!!python/object/apply:eval [\"open('{OWNED}', 'w')\"]]",
    "inside.yaml": "transform: {__class_fullname__: Rotate, p: 1, limit: "
    f"!!python/object/apply:os.system ['{TOUCH}']}}",
    "local.yaml": "!Compose {transforms: []}",
    "two.yaml": f"transform: 1\n---\n!!python/object/apply:os.system ['{TOUCH}']",
    "set.yaml": "transform: {__class_fullname__: Rotate, p: 1, limit: !!set {1, 2}}",
    "date.yaml": "transform: {__class_fullname__: Rotate, p: 1, limit: 2001-01-01}",
    "key.yaml": "transform: {__class_fullname__: Rotate, p: 1, 5: 5}",
    "alias.yaml": "transform: &t {__class_fullname__: Compose, p: 1, transforms: [*t]}",
    "laughs.yaml": "a: &a [x, x, x, x, x, x, x, x, x]\n"
    + "".join(
        f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n"
        for a, b in zip("abcdefghi", "bcdefghij", strict=True)
    )
    + "transform: *j\n",
    "itself.yaml": "&a [*a]",
    "tuples.yaml": f"transform: !!python/tuple [!!python/object/apply:os.system ['{TOUCH}']]",
    "hydra.yaml": f"[{{_target_: albumentations.Blur}}, {{_target_: os.system, command: {TOUCH}}}]",
    "hydra-dots.yaml": f"_target_: albumentations.os.system\ncommand: {TOUCH}",
    "hydra-args.yaml": f"_target_: albumentations.Lambda\n_args_: ['{TOUCH}']",
    "hydra-deep.json": json.loads(
        '{"a": ' * 200 + '{"_target_": "albumentations.Blur"}' + "}" * 200
    ),
    "version.json": composed(ROTATE) | {"__version__": [1, 2]},
    "old.json": composed({"__class_fullname__": "PerChannel", "transforms": [ROTATE]})
    | {"__version__": "1.3.1"},
    "old-many.json": composed(
        {"__class_fullname__": "GaussianBlur", "blur_limit": [3, 4_095], "sigma_limit": 0}
    )
    | {"__version__": "1.3.1"},
    "old-huge.json": composed({"__class_fullname__": "GaussNoise", "var_limit": -5})
    | {"__version__": "1.3.1"},
    "merges.yaml": "a: &a {x: 1}\n"
    + "".join(
        f"{b}: &{b} {{<<: [{', '.join([f'*{a}'] * 9)}]}}\n"
        for a, b in zip("abcdefghi", "bcdefghij", strict=True)
    )
    + "transform: *j\n",
    "deep.yaml": "[" * 5_000,
    "deep.json": "[" * 100_000,
    "deeper.json": '{"transform": ' * 50_000 + "1" + "}" * 50_000,
    "nested.json": nested(100),
    "digits.json": '{"transform": ' + "9" * 10_000 + "}",
    "long.json": json.dumps(composed(ROTATE) | {"filler": "x" * saved.MAX_BYTES}),
    "empty.yaml": "",
    "empty.json": "",
    "null.yaml": "null",
    "list.json": "[]",
    "one.json": "1",
    "string.json": '"Compose"',
    "nothing.json": "{}",
    "cut.json": '{"transform": {',
    "half.json": {"transform": None},
    "names.json": composed("Rotate"),
    "nameless.json": {"transform": {"p": 1.0}},
    "number.json": {"transform": [ROTATE]},
    "class.json": {"transform": {"__class_fullname__": 5, "p": 1.0}},
    "transforms.json": composed()
    | {"transform": {"__class_fullname__": "Compose", "transforms": "Rotate"}},
    "system.json": called("os.system", TOUCH),
    "popen.json": called("subprocess.Popen", TOUCH),
    "eval.json": called("builtins.eval", f"open('{OWNED}', 'w')"),
    "builtin.json": called("eval", f"open('{OWNED}', 'w')"),
    "dotted.json": called("albumentations.os.system", TOUCH),
    "lambda.json": called("Lambda", name="os.system", image=f"lambda i: open('{OWNED}', 'w')"),
    "whole-lambda.json": called(
        "albumentations.augmentations.other.lambda_transform.Lambda", __name__="os.system"
    ),
    "box.json": called("BboxParams"),
    "base.json": called("BasicTransform"),
    "dunder.json": composed(ROTATE | {"__init__": "os.system"}),
    "self.json": composed(ROTATE | {"self": 1}),
    "replay.json": composed(name="ReplayCompose", save_key=["unhashable"]),
    "boxes.json": composed(ROTATE, bbox_params={"format": "coco", "label_fields": None}),
    "dictionary.json": composed(ROTATE, additional_targets={"image2": "image"}),
    # Transforms that take pictures from files, or call what they are given.
    "histogram.json": composed(
        {
            "__class_fullname__": "HistogramMatching",
            "p": 1.0,
            "reference_images": ["/etc/passwd"],
            "read_fn": "os.system",
        }
    ),
    "reader.json": composed(
        {"__class_fullname__": "FDA", "p": 1.0, "reference_images": ["/etc/passwd"]}
    ),
    "pixels.json": composed(
        {"__class_fullname__": "PixelDistributionAdaptation", "p": 1.0, "metadata_key": "pictures"}
    ),
    "mosaic.json": composed({"__class_fullname__": "Mosaic", "p": 1.0}),
    "overlay.json": composed({"__class_fullname__": "OverlayElements", "p": 1.0}),
    "text.json": composed(
        {"__class_fullname__": "TextImage", "p": 1.0, "font_path": "/etc/passwd"}
    ),
    "mask.json": composed({"__class_fullname__": "MaskDropout", "p": 1.0}),
    # Numbers.
    "nan.json": composed(ROTATE | {"limit": [float("nan"), 5]}),
    "infinity.json": composed(ROTATE | {"limit": float("inf")}),
    "infinity.yaml": "transform: {__class_fullname__: Rotate, p: 1, limit: .inf}",
    "negative.json": composed(ROTATE | {"p": -0.1}),
    "above.json": composed(ROTATE | {"p": 1.1}),
    "none.json": composed(ROTATE | {"p": None}),
    "huge.json": composed(ROTATE | {"limit": 10**30}),
    "exponent.json": composed(ROTATE | {"limit": 1e300}),
    "words.json": composed(ROTATE | {"limit": "wide"}),
    "unknown.json": composed(ROTATE | {"degrees": 5}),
    "often.json": composed(
        composed(composed(ROTATE, name="SomeOf", n=100)["transform"], name="SomeOf", n=100)[
            "transform"
        ]
    ),
    "blank.json": composed(name="OneOf"),
    # Images must keep their size.
    "resize.json": composed({"__class_fullname__": "Resize", "p": 1.0, "height": 30, "width": 30}),
    "crop.json": composed(
        {"__class_fullname__": "RandomCrop", "p": 1.0, "height": 30, "width": 30}
    ),
    "pad.json": composed(
        {"__class_fullname__": "PadIfNeeded", "p": 1.0, "min_height": 1_000, "min_width": 1_000}
    ),
    "float.json": composed({"__class_fullname__": "ToFloat", "p": 1.0}),
    "blur.json": composed(
        {
            "__class_fullname__": "GaussianBlur",
            "p": 1.0,
            "blur_limit": [0, 0],
            "sigma_limit": [0, 0],
        }
    ),
}


def refused(path) -> str:
    """What is said of a policy that must be refused, in one line."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImageByImageWarning)
        warnings.simplefilter("ignore", policy.PolicyTranslatedWarning)
        with pytest.raises(UserError) as error:
            training.check_policy(str(path), SHAPE)
    return " ".join(str(error.value).split())


@pytest.fixture
def hang_ends():
    """A test that hangs ends by a signal, which no `except Exception` takes for an error."""

    class Hangs(BaseException):
        pass

    def ends(number, frame):
        raise Hangs

    before = signal.signal(signal.SIGALRM, ends)
    yield lambda: signal.alarm(120)
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def test_payloads_and_nonsense_are_refused_and_leave_nothing_behind(
    tmp_path, monkeypatch, counted, hang_ends
):
    monkeypatch.chdir(tmp_path)
    for name, content in PAYLOADS.items():
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        hang_ends()
        said = refused(name)
        assert "policy" in said, (name, said)
        assert len(said) < 600, (name, said)
        assert {file.name for file in tmp_path.iterdir()} == {name}, name
        path.unlink()
    counted("policies tried", len(PAYLOADS))


def test_yaml_tags_would_run_their_payload_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yaml.unsafe_load(PAYLOADS["apply.yaml"])
    assert (tmp_path / OWNED).exists()


@pytest.mark.parametrize("name", ["Plugin", "plugin.Plugin", "albumentations.Plugin"])
def test_a_registered_class_that_is_not_of_albumentations_is_not_found(tmp_path, monkeypatch, name):
    built = []

    class Plugin(A.NoOp):
        def __init__(self, p=1):
            built.append(self)
            super().__init__(p=p)

    Plugin.__module__ = "plugin"
    shortest = serialization.shorten_class_name(name)
    monkeypatch.setitem(serialization.SERIALIZABLE_REGISTRY, shortest, Plugin)
    described = {"transform": {"__class_fullname__": name, "p": 1.0}}
    A.from_dict(described)
    assert built  # albumentations finds it
    built.clear()
    path = tmp_path / "plugin.json"
    path.write_text(json.dumps(described))
    assert "is not an albumentations transform" in refused(path)
    with pytest.raises(UserError, match="is not an albumentations transform"):
        policy.described({"name": "one", "pipeline": described["transform"]})
    assert not built


@pytest.mark.parametrize(
    "description",
    [
        None,
        [],
        {},
        "Rotate",
        ROTATE | {"limit": "wide"},
        called("os.system", TOUCH)["transform"],
        nested(100)["transform"],
    ],
)
def test_a_manifest_describes_policies_as_data_too(tmp_path, monkeypatch, description):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"a manifest describes no .*: delete the run's folder"):
        policy.described({"name": "one", "pipeline": description})
    assert not list(tmp_path.iterdir())


def test_places_that_hold_no_policy(tmp_path, monkeypatch, hang_ends):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.yaml").mkdir()
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "zeros.yaml").symlink_to("/dev/zero")
    (tmp_path / "lost.yaml").symlink_to("nowhere")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe")
    (tmp_path / "large.yaml").touch()
    os.truncate(tmp_path / "large.yaml", 10**11)
    (tmp_path / "policy.txt").write_text(json.dumps(composed(ROTATE)))
    before = sorted(tmp_path.iterdir())
    for name, words in {
        "../x.yaml": "No such file",
        "folder.yaml": "not a regular file",
        "pipe.yaml": "not a regular file",
        "zeros.yaml": "not a regular file",
        "lost.yaml": "No such file",
        "binary.yaml": "not text",
        "large.yaml": "longer than",
        "policy.txt": "is unknown",
        "": "is unknown",
        ".": "is unknown",
        "..": "is unknown",
        "/": "is unknown",
        "default ": "is unknown",
        "DEFAULT": "is unknown",
        "x" * 5_000 + ".yaml": "too long",
        "x\0.yaml": "can't be read",
    }.items():
        hang_ends()
        assert words in refused(name), name
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(tmp_path):
    path = tmp_path / "mine.yaml"
    path.touch(0)
    assert "Permission denied" in refused(path)


def every_transform():
    """Descriptions of all named policies and of every transform that needs no arguments."""
    yield from (A.to_dict(made()) for made in named.NAMED.values())
    for found in serialization.SERIALIZABLE_REGISTRY.values():
        if found.__module__.startswith("albumentations."):
            with warnings.catch_warnings(), suppress(Exception):  # some need arguments
                warnings.simplefilter("ignore")
                yield A.to_dict(A.Compose([found()]))


WHOLE = [json.loads(json.dumps(description)) for description in every_transform()]
VALUES = [
    None,
    True,
    False,
    0,
    1,
    -1,
    2,
    3,
    7,
    255,
    0.5,
    -0.1,
    1.5,
    1e-300,
    1e300,
    10**30,
    1_000,
    saved.MAX_NUMBER,
    -saved.MAX_NUMBER,
    float("nan"),
    float("inf"),
    -float("inf"),
    "",
    "x",
    "constant",
    "os.system",
    "Rotate",
    "Compose",
    [],
    {},
    [0],
    [1, 2],
    [2, 1],
    [0, 0],
    [-5, 5],
    [[1]],
    {"x": 1},
    [1e3, 1e3],
    ROTATE,
    [ROTATE],
]
NAMES = [
    "var_limit",
    "threshold",
    "value",
    "p",
    "n",
    "transforms",
    "limit",
    "seed",
    "bbox_params",
    "other",
    "__class_fullname__",
]


def places(value, place=()):
    """Where values are in nested dicts and lists, as tuples of keys."""
    items = (
        value.items()
        if isinstance(value, dict)
        else (enumerate(value) if isinstance(value, list) else ())
    )
    for key, inside in items:
        yield (*place, key)
        yield from places(inside, (*place, key))


@st.composite
def mutated(draw):
    """A policy's description with one to three things replaced, dropped or added."""
    whole = copy.deepcopy(draw(st.sampled_from(WHOLE)))
    whole["__version__"] = draw(st.sampled_from(["2.0.8", "1.3.1", "0.5.2"]))
    for _ in range(draw(st.integers(1, 3))):
        if not (found := list(places(whole))):
            break
        *before, last = draw(st.sampled_from(found))
        at = whole
        for key in before:
            at = at[key]
        change = draw(st.sampled_from(["drop", "add", "value", "value", "scale", "graft"]))
        if change == "drop":
            del at[last]
        elif change == "add" and isinstance(at, dict):
            at[draw(st.sampled_from(NAMES))] = copy.deepcopy(draw(st.sampled_from(VALUES)))
        elif change == "scale" and isinstance(at[last], (int, float)):
            at[last] *= draw(st.sampled_from([-1, 10, 100, 1_000, 0.01, 1e-9]))
        elif change == "graft":
            at[last] = copy.deepcopy(draw(st.sampled_from(WHOLE))["transform"])
        else:
            at[last] = copy.deepcopy(draw(st.sampled_from(VALUES)))
    return whole


@pytest.mark.parametrize("examples", [150, pytest.param(10_000, marks=pytest.mark.torture)])
def test_a_changed_policy_works_or_is_refused_in_a_line(tmp_path, examples, counted, hang_ends):
    outcomes = {"taken": 0, "refused": 0}

    @settings(max_examples=examples, suppress_health_check=list(HealthCheck), database=None)
    @given(mutated(), st.sampled_from(["json", "yaml"]))
    def tried(whole, ending):
        path = tmp_path / f"policy.{ending}"
        path.write_text(json.dumps(whole) if ending == "json" else yaml.safe_dump(whole))
        hang_ends()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                training.check_policy(str(path), SHAPE)
                said = None
            except UserError as error:
                said = " ".join(str(error).split())
        outcomes["refused" if said else "taken"] += 1
        assert len(said or "") < 1_000

    tried()
    assert min(outcomes.values()) > examples / 20
    counted("policies tried", sum(outcomes.values()))
