"""Kills, full and read-only disks, folders that go, and commands that meet in one folder."""

import hashlib
import json
import random
import shutil
import time
from functools import partial

import pandas as pd
import pytest
from project import SMALL, STAGES, appears, copied, killed, left_over, made, outcome, started

from mnist_aug.evaluate import saved_models


@pytest.fixture(scope="module")
def untouched(tmp_path_factory):
    """The project as it is before the first call."""
    return copied(tmp_path_factory.mktemp("untouched"))


@pytest.fixture(scope="module")
def stages(untouched, tmp_path_factory):
    """What each stage of `make report` makes, and its seconds."""
    project, made_so_far, found = tmp_path_factory.mktemp("stages") / "project", set(), []
    shutil.copytree(untouched, project)
    for target in STAGES.values():
        clock = time.monotonic()
        made(project, target, *SMALL)
        seconds = time.monotonic() - clock
        every = {
            path for folder in ("results", "reports") for path in (project / folder).rglob("*")
        }
        found.append((sorted(path.relative_to(project) for path in every - made_so_far), seconds))
        made_so_far = every
    return project, found


@pytest.mark.torture
@pytest.mark.parametrize("chain", range(11))
def test_reports_killed_at_random_moments_are_made_whole_by_the_next_call(
    untouched, stages, tmp_path, counted, chain
):
    """Five calls, each killed on its way on from where the last was; the next is let be."""
    reported, found = stages
    project, draw = shutil.copytree(untouched, tmp_path / "project"), random.Random(chain)
    numbers = range(len(found))
    for number in sorted([*numbers, *draw.choices(numbers, k=5 - len(found))]):
        files, seconds = found[number]
        if draw.random() < 0.7:  # when one of the stage's files begins to be there
            path = project / draw.choice(files)
            due = partial(appears, path)
        else:
            before = project / (last(found[number - 1][0], reported) if number else ".")
            due = partial(is_past, before, draw.uniform(0, seconds), [])
        ran, _ = killed(started(project, "report", *SMALL, start_new_session=True), due)
        if ran is None:  # it had ended before
            break
        counted(f"`make report` killed in {ran} and made whole by the next call", 1)
    made(project, "report", *SMALL)
    assert outcome(project) == outcome(reported)
    assert left_over(project) == []


def last(files, project):
    """Of some files and folders the file that was written last."""
    return max(
        (path for path in files if (project / path).is_file()),
        key=lambda path: (project / path).stat().st_mtime_ns,
    )


def is_past(path, seconds, since):
    """Whether so many seconds have gone since a file was there."""
    if not since and path.exists():
        since.append(time.monotonic())
    return bool(since) and time.monotonic() - since[0] > seconds


@pytest.mark.torture
def test_a_killed_report_with_other_settings_leaves_nothing_that_is_taken_for_this_one(
    stages, tmp_path, counted
):
    reported, found = stages
    draw, expected, kills = random.Random(4), outcome(reported), 0
    while kills < 8:
        project = shutil.copytree(reported, tmp_path / "copy")
        whole = {path: path.stat().st_ino for path in (project / "results").rglob("*")}
        if kills % 2:
            file = draw.choice([path for path in whole if path.name[0] != "."])
            due = lambda: not file.exists() or file.stat().st_ino != whole[file]  # noqa: B023, E731
        else:
            end = time.monotonic() + draw.uniform(0, sum(seconds for _, seconds in found))
            due = lambda: time.monotonic() > end  # noqa: B023, E731
        process = started(project, "report", *SMALL, "EPOCHS=2", start_new_session=True)
        ran, _ = killed(process, due)
        if ran:
            made(project, "report", *SMALL)
            assert outcome(project) == expected
            assert left_over(project) == []
            kills += 1
        shutil.rmtree(project)
    counted("`make report` with other settings killed, and made anew by the next call", kills)


def is_whole(folder):
    """Whether a run's model, history and manifest are of one and the same training."""
    manifest = json.loads((folder / "manifest.json").read_text())
    digest = hashlib.sha256()
    for array in saved_models.load(folder / "mnist_num_reader.keras").get_weights():
        digest.update(array.tobytes())
    return (
        digest.hexdigest() == manifest["weights_sha256"]
        and len(pd.read_csv(folder / "history.csv")) == manifest["variant"]["epochs"]
    )


@pytest.mark.torture
@pytest.mark.parametrize("kill", [False, True], ids=["both live", "one is killed"])
@pytest.mark.parametrize(
    ("target", "other"),
    [
        ("baseline", []),
        ("baseline", ["EPOCHS=2"]),
        ("report", []),
        ("report", ["SEEDS=2"]),
        ("report", ["EPOCHS=2"]),
    ],
    ids=" ".join,
)
def test_two_calls_at_once_in_one_folder(untouched, stages, tmp_path, counted, target, other, kill):
    reported, found = stages
    project = shutil.copytree(untouched, tmp_path / "project")
    draw = random.Random(f"{target} {other}")
    calls = [
        started(project, target, *SMALL, start_new_session=True),
        started(project, target, *SMALL, *other, start_new_session=True),
    ]
    if kill:
        stage = draw.randrange(1 if target == "baseline" else len(found))
        killed(calls.pop(), partial(appears, project / draw.choice(found[stage][0])))
    for call in calls:
        _, said = call.communicate(timeout=900)
        lines = [line for line in said.splitlines() if not line.startswith("make: ")]
        assert call.returncode in (0, 2)
        assert len(lines) == (call.returncode == 2), said
        assert all(line.startswith("error: ") for line in lines)
        assert other or call.returncode == 0
    runs = [*project.glob("results/*/seed-*")]
    assert runs
    assert all(map(is_whole, runs))
    made(project, "report", *SMALL)
    after, expected = outcome(project), outcome(reported)
    assert {name: after[name] for name in expected} == expected
    assert left_over(project) == []
    counted("calls of make at once in one folder", 2)
