"""Files: written whole or not at all, read back only as they were written, with what helps."""

import json
import os
import platform
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from mnist_aug.errors import UserError
from mnist_aug.results import files

# Writing ------------------------------------------------------------------------------------------


def test_a_file_appears_whole_with_its_folders(tmp_path):
    target = tmp_path / "new" / "folder" / "file.csv"
    with files.written(target) as temporary:
        temporary.write_text("half")
        assert not target.exists()
        temporary.write_text("whole")
    assert target.read_text() == "whole"
    assert [*target.parent.iterdir()] == [target]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_what_interrupts_the_writing_leaves_the_target_as_it_was(tmp_path, error):
    file, folder = tmp_path / "file", tmp_path / "folder"
    file.write_text("old")
    folder.mkdir()
    (folder / "inside").write_text("old")

    def write(target, fill):
        with files.written(target) as temporary:
            fill(temporary)
            raise error

    def fill_folder(temporary):
        temporary.mkdir()
        (temporary / "inside").write_text("new")

    with pytest.raises(error):
        write(file, lambda temporary: temporary.write_text("new"))
    with pytest.raises(error):
        write(folder, fill_folder)
    assert file.read_text() == (folder / "inside").read_text() == "old"
    assert sorted(tmp_path.iterdir()) == [file, folder]


def test_a_folder_takes_the_place_of_another(tmp_path):
    for content in ("first", "second"):
        with files.written(tmp_path / "run") as temporary:
            temporary.mkdir()
            (temporary / content).write_text(content)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["second"]
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_what_ended_processes_left_is_removed_and_nothing_else(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    here = platform.node()
    left = [f".a[1].{here}-{ended.pid}.tmp", f".a[1].{here}-{ended.pid}.old"]
    kept = [
        f".a[1].{here}-{os.getpid()}.tmp",  # of one that is alive
        f".a[1].elsewhere-{ended.pid}.tmp",  # of another machine
        f".a1.{here}-{ended.pid}.tmp",  # of another file
        ".a[1].csv",
    ]
    for name in (*left, *kept):
        (tmp_path / name).write_text("half")
    (tmp_path / left[1]).unlink()
    (tmp_path / left[1]).mkdir()
    (tmp_path / left[1] / "inside").write_text("old")
    files.remove_leftovers(tmp_path / "a[1]")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)


def test_where_nothing_can_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file" / "under", tmp_path / "file" / "under" / "it"):
        with pytest.raises(UserError, match=r"under.* can't be written"):
            files.check_writable(place)
        with pytest.raises(UserError, match=r"can't be written .*: check the folder"):
            files.write_with_manifest(place / "bench.json", {}, {})
    files.check_writable(tmp_path / "new" / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_same_content_same_bytes_and_the_numbers_come_back():
    arrays = {"a": np.arange(6, dtype=np.int32).reshape(2, 3), "b": np.array("text")}
    assert files.npz_bytes(arrays) == files.npz_bytes(arrays)
    back = files.arrays(files.npz_bytes(arrays))
    assert {name: (one.dtype, one.tolist()) for name, one in back.items()} == {
        name: (one.dtype, one.tolist()) for name, one in arrays.items()
    }


def test_tables_come_back_to_the_last_bit():
    table = pd.DataFrame(
        {
            "variant": ["01", "1e3", "text"] * 1000,
            "accuracy": np.random.default_rng(0).random(3000),
            "loss": [np.nan, np.inf, 1e-300] * 1000,
            "seed": range(3000),
            "pruned": [True, False, True] * 1000,
        }
    )
    back = files.table(files.csv_bytes(table))
    assert [*back] == [*table]
    for name in table:
        assert [*map(repr, back[name].tolist())] == [*map(repr, table[name].tolist())]


def test_arrays_are_not_unpickled(tmp_path):
    class Evil:
        def __reduce__(self):
            return open, (str(tmp_path / "trace"), "w")

    with pytest.raises(ValueError, match="allow_pickle"):
        files.arrays(files.npz_bytes({"a": np.array([Evil()], object)}))
    assert not (tmp_path / "trace").exists()


# Manifests ----------------------------------------------------------------------------------------


@pytest.fixture
def manifest(tmp_path):
    """The path of a manifest that answers for two files."""
    path = tmp_path / "about.json"
    files.write_with_manifest(
        path, {"name": "Ünïcode", "numbers": [1, 0.1, None]}, {"a.csv": b"a\n1\n", "b/c.npz": b"c"}
    )
    return path


def test_a_manifest_gives_back_what_it_was_given(manifest, tmp_path):
    found = files.read_manifest(manifest)
    assert {key: found[key] for key in ("name", "numbers")} == {
        "name": "Ünïcode",
        "numbers": [1, 0.1, None],
    }
    assert found["format"] == files.FORMAT
    assert found["files"].keys() == {"a.csv", "b/c.npz"}
    assert files.read(tmp_path / "a.csv", found) == b"a\n1\n"
    assert files.read(tmp_path / "b" / "c.npz", found, tmp_path) == b"c"
    assert files.is_whole(tmp_path / "a.csv", found)
    again = files.manifest_bytes(
        {"name": "Ünïcode", "numbers": [1, 0.1, None]}, {"a.csv": b"a\n1\n", "b/c.npz": b"c"}
    )
    assert again == manifest.read_bytes()
    assert "Ünïcode" in again.decode()  # for who reads it


def refused(words, function, *arguments):
    with pytest.raises(UserError) as error:
        function(*arguments)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_what_a_manifest_does_not_answer_for_is_refused(manifest, tmp_path):
    found = files.read_manifest(manifest)
    (tmp_path / "d.csv").write_bytes(b"a\n1\n")
    refused(f"{tmp_path / 'd.csv'} is damaged", files.read, tmp_path / "d.csv", found)
    (tmp_path / "a.csv").write_bytes(b"a\n2\n")
    refused(
        f"{tmp_path / 'a.csv'} is damaged or was changed by hand",
        files.read,
        tmp_path / "a.csv",
        found,
    )
    assert not files.is_whole(tmp_path / "a.csv", found)
    (tmp_path / "a.csv").unlink()
    refused(f"{tmp_path / 'a.csv'} is missing", files.read, tmp_path / "a.csv", found)
    (tmp_path / "a.csv").mkdir()
    refused("a.csv can't be read (Is a directory)", files.read, tmp_path / "a.csv", found)


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content | {"numbers": [1, 0.2, None]},
        lambda content: content | {"more": 1},
        lambda content: {key: content[key] for key in content if key != "name"},
        lambda content: content | {"files": content["files"] | {"a.csv": "0" * 64}},
        lambda content: content | {"sha256": "0" * 64},
        lambda content: {key: content[key] for key in content if key != "sha256"},
        lambda content: [content],
        lambda content: "text",
        lambda content: None,
        lambda content: 7,
    ],
)
def test_a_manifest_changed_by_hand_is_refused(manifest, change):
    manifest.write_text(json.dumps(change(json.loads(manifest.read_bytes()))))
    refused(f"{manifest} is damaged or was changed by hand", files.read_manifest, manifest)


def test_layout_is_no_damage(manifest):
    before = files.read_manifest(manifest)
    manifest.write_text(json.dumps(json.loads(manifest.read_bytes()), sort_keys=True))
    assert files.read_manifest(manifest) == before


def test_a_missing_manifest_and_one_of_another_format(manifest, monkeypatch):
    monkeypatch.setattr(files, "FORMAT", 3)
    refused(f"{manifest} has format 2, and this version reads 3", files.read_manifest, manifest)
    manifest.unlink()
    refused(f"{manifest} is missing", files.read_manifest, manifest)
    manifest.mkdir()
    refused(f"{manifest} can't be read", files.read_manifest, manifest)


@pytest.mark.parametrize("name", files.CONTENT)
def test_a_manifest_of_another_kind_is_refused(tmp_path, name):
    content = {key: 1 for key in files.CONTENT.values() if key != files.CONTENT[name]}
    path = tmp_path / name
    path.write_bytes(files.manifest_bytes(content, {}))
    refused(f"{path} is damaged", files.read_manifest, path)
    path.write_bytes(files.manifest_bytes(content | {files.CONTENT[name]: 1}, {}))
    files.read_manifest(path)


# Remedies -----------------------------------------------------------------------------------------


@pytest.mark.one_in(4)
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("baseline/seed-00/manifest.json", "delete {}/baseline/seed-00 and run `make report`"),
        ("baseline/seed-00/history.csv", "delete {}/baseline/seed-00 and run `make report`"),
        ("augmented/seed-01/a.keras", "delete {}/augmented/seed-01 and run `make report`"),
        (
            "baseline/seed-00/predictions.npz",
            "delete {}/baseline/evaluation.json and run `make report`",
        ),
        ("baseline/metrics.csv", "delete {}/baseline/evaluation.json and run `make report`"),
        ("baseline/evaluation.json", "delete it and run `make report`"),
        ("samples.npz", "delete {}/samples.json and run `make report`"),
        ("weights.npz", "delete {}/samples.json and run `make report`"),
        ("doubts.npz", "delete {}/samples.json and run `make report`"),
        ("samples.json", "delete it and run `make report`"),
        ("bench.csv", "delete {}/bench.json and run `make bench`"),
        ("bench.json", "delete it and run `make bench`"),
        ("tune/augmented.json", "delete it and run `make tune`"),
        ("tune/augmented-importance.csv", "delete it and run `make tune`"),
        ("tune/tuned.yaml", "delete it and run `make tune`"),
        ("ablation/rotate/seed-00/history.csv", "/rotate/seed-00 and run `make ablation`"),
        ("epochs/baseline-long/metrics.csv", "/evaluation.json and run `make epochs`"),
        ("tuned/tuned-policy/evaluation.json", "delete it and run `make tuned`"),
        ("published/small/metrics.csv", "/evaluation.json and run `make published ROW=small`"),
        (
            "published/ensemble/seed-00/predictions.npz",
            "delete {}/published/ensemble/evaluation.json and run `make published ROW=ensemble`",
        ),
        ("recipes/long/seed-02/manifest.json", "/seed-02 and run `make published ROW=long`"),
    ],
)
@pytest.mark.parametrize("folder", ["results", "tuned", "published"])
def test_a_remedy_says_what_to_delete_and_what_to_run(tmp_path, folder, name, words):
    path = tmp_path / folder / name
    path.parent.mkdir(parents=True)
    path.touch()
    for place in (path.parent, path.parents[1]):
        for other in ("evaluation.json", "samples.json", "bench.json"):
            (place / other).touch()
    assert files.remedy(path).endswith(words.format(tmp_path / folder))


def test_what_is_not_there_is_not_to_be_deleted(tmp_path):
    assert files.remedy(tmp_path / "baseline" / "evaluation.json") == "run `make report`"
    assert files.remedy(tmp_path / "strength" / "x" / "metrics.csv") == "run `make strength`"
    assert files.remedy(tmp_path / "bench.csv") == "run `make bench`"
