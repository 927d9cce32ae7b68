"""Bad files: each is read or refused in one line, within bounds of memory, and nothing is run."""

import json
import os
import pickle
import random
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import bad_data
import bad_files
import numpy as np
import pytest
from bad_files import arrays, npy, npz, saved, zipped
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_aug.data import dataset, eval_sets, preprocessing
from mnist_aug.data.formats import numpy_files
from mnist_aug.errors import UserError
from mnist_aug.evaluate import answers, prediction

HERE = Path(__file__).parents[1]
KINDS = ("idx", "gzip", "npz", "npy", "mat", "h5", "picture")
HOURS = 3600  # no time limit here is near what a slow machine takes; it ends what hangs


def child(script, *arguments, timeout=HOURS):
    """The JSON that a script of the tests prints; it must print nothing to stderr."""
    process = subprocess.run(
        [sys.executable, HERE / script, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=os.environ | {"PYTHONPATH": str(HERE.parent)},
    )
    assert process.returncode == 0, process.stderr[-3000:]
    assert process.stderr == ""
    return json.loads(process.stdout)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return bad_data.Place(tmp_path_factory.mktemp("bad"))


@pytest.mark.parametrize("kind", KINDS)
def test_whole_files_are_read(place, kind):
    outcomes = [place.outcome(kind, content) for content in bad_files.whole(kind)]
    refused = 7 if kind == "picture" else 0  # two without a digit, five in other formats
    assert outcomes.count("refused") == refused


@pytest.mark.parametrize("kind", KINDS)
def test_edited_files(place, kind, counted):
    wholes = bad_files.whole(kind)
    edit = st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 9), st.binary(max_size=9))
    tried = 0

    @settings(max_examples=100, database=None)
    @given(st.sampled_from(wholes), st.lists(edit, min_size=1, max_size=4))
    def read(content, edits):
        nonlocal tried
        for where, removed, added in edits:
            at = int(where * len(content))
            content = content[:at] + added + content[at + removed :]
        assert place.outcome(kind, content) in {"read", "refused"}
        tried += 1

    read()
    counted(f"bad files read: {kind}", tried)


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files(place, kind, counted):
    chance = random.Random(1)
    outcomes = [place.outcome(kind, bad_files.bad(kind, chance)) for _ in range(150)]
    assert {*outcomes} == {"read", "refused"}
    counted(f"bad files read: {kind}", len(outcomes))


@pytest.mark.torture
@pytest.mark.parametrize("seed", [2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_very_many_damaged_files(kind, seed, counted):
    count = 12_000
    found = child("bad_data.py", kind, count, "--seed", seed)
    assert min(found["read"], found["refused"]) > count / 20
    assert found["peak_mib"] < (1280 if kind == "picture" else 128)
    assert found["slowest_s"] < 60  # of the processor's time
    counted(f"bad files read: {kind}", found["read"] + found["refused"])


@pytest.mark.torture
@pytest.mark.parametrize("kind", KINDS)
def test_files_that_atheris_finds(kind, tmp_path, counted):
    pytest.importorskip("atheris", reason="needs `pip install atheris` (Linux on x86-64)")
    count = 10_000
    process = subprocess.run(
        [sys.executable, HERE / "bad_data.py", kind, str(count), "--atheris", tmp_path / "corpus"],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=HOURS,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(HERE.parent)},
    )
    assert process.returncode == 0, process.stderr[-3000:]
    assert f"stat::number_of_executed_units: {count}" in process.stderr
    counted(f"files that atheris made read: {kind}", count)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
@pytest.mark.parametrize(
    ("kind", "large"),
    [
        pytest.param("data", [], marks=pytest.mark.torture),
        ("pictures", []),
        pytest.param("data", ["--large"], marks=pytest.mark.torture),
        pytest.param("pictures", ["--large"], marks=pytest.mark.torture),
    ],
)
def test_bombs_take_no_more_memory_than_is_said(kind, large, counted):
    found = child("bombs.py", kind, *large)
    over = [one for one in found if one["mib"] > one["most_mib"] or one["s"] > 120]
    assert over == []
    counted(f"bombs among {kind} read", len(found))


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


def test_nothing_is_ever_unpickled(tmp_path, counted):
    made = tmp_path / "made"
    payload = np.array([Payload(made)] * 8, object)
    pickled = saved(payload, allow_pickle=True)
    np.load(_file(tmp_path, pickled), allow_pickle=True)
    assert made.exists()  # the payload works
    made.unlink()
    bare = pickle.dumps(Payload(made))
    structured = npy({"descr": [("a", "|O")], "fortran_order": False, "shape": (8,)}, bare)
    tried = 0
    for content in (pickled, bare, structured):
        for name in bad_files.PARTS:
            path = _file(tmp_path, npz(**{name: content}), "set.npz")
            try:  # without its test set, a dataset may hold out its own, and says so
                assert f"{name} (Python objects" in dataset.load(str(path)).notes[0]
            except UserError as error:
                assert "set.npz" in str(error)  # noqa: PT017
            tried += 1
        with pytest.raises(UserError, match="can't be read"):
            numpy_files.npy(_file(tmp_path, content))
        with pytest.raises(UserError):
            dataset.load(str(_file(tmp_path, content, "set.npz")))
        tried += 2
    # Another member is not looked at, as the arrays are.
    members = [
        (f"{name}.npy", saved(array)) for name, array in zip(bad_files.PARTS, arrays(), strict=True)
    ]
    archive = zipped([*members, ("more.npy", pickled), ("../made", b""), ("/tmp/made", b"")])
    before = {*tmp_path.iterdir(), tmp_path / "sound.npz"}
    bad_data.check(dataset.load(str(_file(tmp_path, archive, "sound.npz"))))
    assert not made.exists()
    assert {*tmp_path.iterdir()} == before
    counted("pickles that were not unpickled", tried + 1)


def _file(folder, content, name="array.npy"):
    (folder / name).write_bytes(content)
    return folder / name


@pytest.mark.parametrize(
    "change",
    [
        {"y_train": saved(arrays()[1].astype(">i8"))},
        {"y_train": saved(arrays()[1].astype(">u2"))},
        {"x_train": saved(np.asfortranarray(arrays()[0]))},
        {"x_train": saved(arrays()[0][..., None])},
    ],
)
def test_every_layout_of_the_same_arrays_is_the_same_dataset(tmp_path, change):
    plain = dataset.load(str(_file(tmp_path, npz(), "plain.npz")))
    for method in zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED:
        other = dataset.load(str(_file(tmp_path, npz(method, **change), "other.npz")))
        assert other.sha256 == plain.sha256
        np.testing.assert_array_equal(other.x_train, arrays()[0])


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_pipes_devices_and_folders_keep_nobody_waiting(place, kind, counted):
    def put(path):
        path.unlink(missing_ok=True)
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "device":
            path.symlink_to("/dev/zero")
        else:
            path.mkdir()

    for reader in KINDS:
        for content in bad_files.whole(reader)[:2]:
            path = place.path(reader, content)
            put(path)
            outcome, message = place.reading(reader, path)
            assert outcome == "refused"
            if reader in {
                "npy",
                "picture",
            }:  # of a folder they are left out, of a path all is tried
                assert "it is a folder, pipe or device" in message
            counted("pipes, devices and folders given as a file", 1)
            path.rmdir() if kind == "folder" else path.unlink()
            place.restore(reader)


@pytest.fixture
def as_another_user():
    """Root may read everything, so be somebody else meanwhile, in a folder that all may enter."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)
        yield Path(folder), user
        os.seteuid(user)


@pytest.mark.parametrize("kind", KINDS)
def test_files_and_folders_without_permission(as_another_user, kind):
    folder, user = as_another_user
    other = os.geteuid()
    for locked in "file", "folder":
        os.seteuid(user)
        (folder / locked).mkdir()
        place = bad_data.Place(folder / locked)
        content = bad_files.whole(kind)[0]
        path = place.path(kind, content)
        path.write_bytes(content)
        for inside in (folder / locked).rglob("*"):
            inside.chmod(0o755 if inside.is_dir() else 0o644)
        (folder / locked).chmod(0o755)
        (path if locked == "file" else path.parent).chmod(0)
        os.seteuid(other)
        outcome, message = place.reading(kind, path)
        assert outcome == "refused"
        if kind != "npy" or locked == "file":  # in a locked folder none is seen
            assert "Permission denied" in message
        if kind == "picture" and locked == "folder":
            (found,) = answers.pictures([path.parent])
            assert "Permission denied" in found.error
            assert path.parent in [one.path for one in answers.pictures([folder])]
    os.seteuid(user)
    for inside in [folder, *folder.rglob("*")]:
        inside.chmod(0o755)


@pytest.mark.skipif(sys.platform != "linux", reason="needs names of any bytes")
def test_names_that_are_no_utf8(tmp_path):
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\n$\\frac$"))
    folder.mkdir()
    found = dataset.load(str(_file(folder, npz(), f"{folder.name}.npz")))
    found.name.encode()
    assert found.name == "\ufffd\n$\\frac$"
    (folder / "test").mkdir()
    for name, array in zip(("images", "labels"), arrays(), strict=False):
        _file(folder / "test", saved(array), f"test_{name}.npy")
    assert len([*eval_sets.read(found, mnist_c=str(folder))]) == 1
    picture = _file(folder, bad_files.whole("picture")[1], f"{folder.name}.png")
    assert picture in [one.path for one in answers.pictures([folder])]
    grey = preprocessing.read(picture)
    reading = {"baseline": prediction.Reading(np.full(10, 0.1), 1, 1)}
    prediction.draw(
        tmp_path / "drawn.png",
        [picture.name],
        [grey],
        [preprocessing.prepare(grey).image],
        [reading],
    )
    assert (tmp_path / "drawn.png").exists()


def test_such_names_are_printed_with_escapes(fails_in_one_line):
    code = (
        "from mnist_aug.errors import UserError, one_line_errors\n"
        "with one_line_errors():\n"
        "    print('read \\udcff')\n"
        "    raise UserError('\\udcfe is none')"
    )
    process = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(HERE.parent), "PYTHONIOENCODING": "utf-8"},
    )
    fails_in_one_line(process, r"error: \udcfe is none")
    assert process.stdout == "read \\udcff\n"


def test_flaws_of_pictures_are_not_printed(tmp_path, capfd):
    """libtiff writes past Python, and Python writes what is logged without a handler."""
    outcomes = []
    chance = random.Random(0)
    tiffs = [content for content in bad_files.whole("picture") if content[:2] == b"II"]
    for _ in range(150):
        path = _file(tmp_path, bad_files.damaged(chance.choice(tiffs), chance), "scan.tif")
        try:
            preprocessing.read(path)
            outcomes.append("read")
        except UserError:
            outcomes.append("refused")
    assert {*outcomes} == {"read", "refused"}
    assert capfd.readouterr().err == ""
