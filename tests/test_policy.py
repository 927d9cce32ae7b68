"""Policies by name and from files."""

import json

import albumentations as A
import numpy as np
import pytest

from mnist_aug import policy
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


@pytest.mark.parametrize(("name", "content", "words"), [
    ("a.yaml", "{", "holds no albumentations pipeline"),
    ("a.yaml", "!!python/object/apply:os.system ['touch owned']", "holds no albumentations"),
    ("a.yaml", "just words", "holds no albumentations"),
    ("a.json", "[]", "holds no albumentations"),
    ("a.json", '{"transform": {"__class_fullname__": "os.system"}}', "holds no albumentations"),
    ("a.json", '{"transform": {"__class_fullname__": "Rotate", "limit": "wide"}}',
     "holds no albumentations"),
    ("a.json", b"\xff\xfe", "not text"),
])
def test_unfit_files_are_named(tmp_path, monkeypatch, name, content, words):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError, match=words) as error:
        policy.load(str(path))
    assert str(path) in str(error.value)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(("name", "words"), [("strong", "use one of default"),
                                             ("nowhere.yaml", "can't be read")])
def test_unknown_names_and_files(name, words):
    with pytest.raises(UserError, match=words):
        policy.load(name)
