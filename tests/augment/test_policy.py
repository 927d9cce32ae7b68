"""Policies by name and from files."""

import json
import warnings

import albumentations as A
import numpy as np
import pytest

from mnist_aug.augment import policy
from mnist_aug.augment.vectorize import ImageByImageWarning, vectorize
from mnist_aug.errors import UserError


@pytest.mark.parametrize("name", policy.NAMED)
def test_named_policies_survive_description(name):
    loaded = policy.load(name)
    description = policy.describe(loaded)
    json.dumps(description)
    assert policy.describe(policy.described(description)) == description


@pytest.mark.parametrize("ending", ["yaml", "yml", "json"])
def test_files_written_by_albumentations(tmp_path, ending):
    saved = A.Compose([A.OneOf([A.Rotate(limit=(5, 9), p=1), A.HorizontalFlip(p=1)], p=0.7)])
    path = tmp_path / f"mine.{ending}"
    A.save(saved, str(path), data_format="json" if ending == "json" else "yaml")
    assert policy.describe(policy.load(str(path))) == policy.describe(saved)
    assert policy.name(str(path)) == path.name


def test_single_transform_in_a_file(tmp_path):
    path = tmp_path / "one.json"
    A.save(A.VerticalFlip(p=1), str(path), data_format="json")
    image = np.arange(6, dtype=np.uint8).reshape(3, 2)
    np.testing.assert_array_equal(policy.load(str(path))(image=image)["image"], image[::-1])


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.yaml", "{", "holds no albumentations pipeline"),
        ("a.yaml", "!!python/object/apply:os.system ['touch owned']", "holds no albumentations"),
        ("a.yaml", "just words", "holds no albumentations"),
        ("a.json", "[]", "holds no albumentations"),
        ("a.json", '{"transform": {"__class_fullname__": "os.system"}}', "'os.system' is not an"),
        (
            "a.json",
            '{"transform": {"__class_fullname__": "Rotate", "limit": "wide"}}',
            "Rotate: limit='wide'",
        ),
        ("a.json", b"\xff\xfe", "not text"),
    ],
)
def test_unfit_files_are_named(tmp_path, monkeypatch, name, content, words):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError, match=words) as error:
        policy.load(str(path))
    assert str(path) in str(error.value)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    ("name", "words"), [("strong", "use one of default"), ("nowhere.yaml", "can't be read")]
)
def test_unknown_names_and_files(name, words):
    with pytest.raises(UserError, match=words):
        policy.load(name)


DOES_NOTHING = {
    "factor": 1,
    "brightness": 0,
    "shift_x_px": 0,
    "shift_y_px": 0,
    "rotate_degrees": 0,
    "shear_x_degrees": 0,
    "shear_y_degrees": 0,
    "scale_x": 1,
    "scale_y": 1,
}
LARGEST = {
    "factor": 0.9,
    "brightness": 0.4,
    "shift_x_px": 0.14 * 28,
    "shift_y_px": 0.14 * 28,
    "rotate_degrees": 30,
    "shear_x_degrees": 17,
    "shear_y_degrees": 17,
    "scale": 0.2,
}


def changes(made, images=400):
    """What the engine does to each image: lists of (what is changed, by how much)."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", ImageByImageWarning)
        engine = vectorize(made)
    engine.check((28, 28))
    for number in range(images):
        found = []
        for drawn in engine.replay((0, 0, number)):
            name = drawn.pop("transform")
            changed = {
                key: value - DOES_NOTHING[key]
                for key, value in drawn.items()
                if key in DOES_NOTHING and value != DOES_NOTHING[key]
            }
            if "scale_x" in changed:
                assert changed["scale_x"] == changed.pop("scale_y")
                changed["scale"] = changed.pop("scale_x")
            found += (
                [(name, np.abs(drawn["dx_px"]).max())] if "dx_px" in drawn else (changed.items())
            )
            assert len(changed) == (name != "ElasticTransform")
        yield found


def test_trivial_augment_changes_one_thing_by_a_random_magnitude():
    seen = {}
    for found in changes(policy.trivial_augment()):
        assert len(found) <= 1
        for name, size in found or [("nothing", 0)]:
            seen.setdefault(name, []).append(size)
    assert seen.keys() == {*LARGEST, "ElasticTransform", "nothing"}
    for name, largest in LARGEST.items():
        sizes = np.array(seen[name])
        assert np.abs(sizes).max() <= largest
        assert sizes.min() < -largest / 3
        assert sizes.max() > largest / 3
        assert len(set(sizes)) == len(sizes)


@pytest.mark.parametrize(("count", "magnitude"), [(1, 10), (2, 4)])
def test_rand_augment_changes_so_many_things_by_one_magnitude(count, magnitude):
    seen, counts = {}, set()
    for found in changes(policy.load(f"randaugment-{count}-{magnitude}")):
        counts.add(len(found))
        for name, size in found:
            seen.setdefault(name, set()).add(round(size, 6))
    assert counts == {*range(count + 1)}  # to do nothing is one of the things
    assert seen.pop("ElasticTransform")
    assert seen == {
        name: {round(sign * largest * magnitude / 10, 6) for sign in (-1, 1)}
        for name, largest in LARGEST.items()
    }
