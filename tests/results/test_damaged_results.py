"""Any damage to any file of a results folder: one line that names it and helps, or nothing changed.

Our own results have one guard, the checksums in their manifests, so it is tried with random damage
rather than with values that might make sense.
"""

import itertools
import json
from functools import partial
from types import SimpleNamespace

import damages
import numpy as np
import pytest
import synthetic_results
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_aug.errors import UserError
from mnist_aug.experiments import studies
from mnist_aug.report import page
from mnist_aug.results import extras, files, runs
from mnist_aug.train import checkpoints

SIZES = np.array([784, 4, 10])
# Written last: without one, what it answers for counts as not made yet.
ABSENT = {"samples.json", "bench.json", "tune/baseline.json", "tune/augmented.json"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A small results folder with a file of each kind, and models that nobody opens."""
    results = synthetic_results.write(
        tmp_path_factory.mktemp("made") / "results",
        seeds=2,
        test=20,
        samples=False,
        other_sets=True,
        studies=("epochs", "tuned"),
    )
    synthetic_results.write_published(results, {"small": [0.1, 0.2], "lecun": [0.1]}, test=20)
    synthetic_results.write_recipes(results, {"plain-rate0.002-decay0.01": [0.9]}, test=20)
    for path in results.rglob("seed-*/manifest.json"):
        path.with_name(runs.MODEL).write_text(f"the model of {path.parent}")
    for path in results.glob("recipes/*/seed-*/*.npz"):
        path.unlink()  # they are not evaluated
    synthetic_results.sign(results)
    count = sum((a + 1) * b for a, b in itertools.pairwise(SIZES))
    weights = {
        f"{variant}_{part}": value
        for variant in runs.BOTH
        for part, value in (
            ("weights", np.ones(count, np.float32)),
            ("sizes", SIZES),
            ("seed", np.array(0)),
        )
    }
    synthetic_results.write_samples(results, synthetic_results.dataset(test=20), weights)
    return results


@pytest.fixture(scope="module")
def variants(made):
    return runs.read_variants(made)


@pytest.fixture(scope="module")
def expected(made, variants):
    """What is read while nothing is damaged, by file: of several seeds, or variants, the first."""
    found = {}
    for path in sorted(made.rglob("*.*")):
        place = path.relative_to(made).parts
        if path.is_file() and path.name != files.LOCK:
            found.setdefault((place[0], place[1:] if place[0] == "tune" else path.name), path)
    assert {path.name for path in found.values()} == {
        *("manifest.json", "history.csv", runs.MODEL),
        *("metrics.csv", "predictions.npz", "correct.npz", "evaluation.json"),
        *("samples.npz", "weights.npz", "doubts.npz", "samples.json"),
        *("bench.csv", "bench.json"),
        *(f"{name}{end}" for name in runs.BOTH for end in (".json", ".csv", "-importance.csv")),
        "tuned.yaml",
    }
    assert {kind for kind, _ in found} >= {*runs.BOTH, "epochs", "tuned", "published", "recipes"}
    return {path: read(made, path, variants) for path in found.values()}


def read(results, path, variants):
    """All that a file and those that belong to it hold, as plain data."""
    kind = path.relative_to(results).parts[0]
    if path.name in (extras.SAMPLES, extras.WEIGHTS, extras.SHOWN):
        return plain(extras.read_samples(results, variants))
    if path.name == extras.DOUBTS:
        return plain(extras.read_doubts(results, variants))
    if path.name in (extras.BENCHMARK, extras.HOST):
        return plain(extras.read_benchmark(results, "ab" * 32))
    if kind == extras.SEARCH:
        searches = [extras.read_search(path.parent, name) for name in runs.BOTH]
        return plain([one and (one.about, one.trials, one.importance) for one in searches])
    if path.name == runs.MODEL:  # as evaluation and prediction do
        run = runs.read_run(path.parent)
        return files.read(run.model, run.manifest)
    if kind == "recipes":
        return plain([(run.manifest, run.history) for run in runs.read_runs(path.parents[1])])
    variant = runs.read_variant(path.parents[1] if "seed-" in path.parent.name else path.parent)
    kept = [name for name in variant.images if name.startswith(("corruption/", "other/"))]
    return plain(
        [
            variant.evaluation,
            variant.metrics,
            [(run.manifest, run.history) for run in variant.runs],
            variant.labels,
            variant.predictions,
            [variant.correct_on(name) for name in kept if kind in (*runs.BOTH, "tuned")],
        ]
    )


def plain(value):
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if hasattr(value, "to_csv"):
        return value.to_csv()
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value


def refusal(made, path, variants, expected, damage):
    """What a damaged or (None) missing file is refused with; None if what is read is the same."""
    whole, found = path.read_bytes(), []
    of_run = path.parent.name.startswith("seed-")
    wanted = of_run and runs.read_run(path.parent).manifest
    try:
        path.unlink()
        if damage is not None:
            path.write_bytes(damage)
        text = damages.refusal(lambda: found.append(read(made, path, variants)))
        again = runs.disagreement(path.parent, wanted) if of_run else None
    finally:
        path.write_bytes(whole)
    if text is not None:
        assert "run `make " in text
    elif damage is not None or str(path.relative_to(made)) not in ABSENT:
        assert found == [expected[path]]
    # What is not as it was trained is trained again, and nothing else.
    assert bool(again) == (text is not None and of_run and path.suffix != ".npz")
    return text


@st.composite
def damaged(draw, content):
    """The content cut, changed somewhere, or with something put in."""
    start = draw(st.integers(0, len(content)))
    end = draw(st.integers(start, min(len(content), start + 40)))
    kind = draw(st.sampled_from(["cut", "flip", "overwrite", "insert", "foreign"]))
    if kind == "cut":
        return content[:start]
    if kind == "flip":
        at = min(start, len(content) - 1)
        return (
            content[:at] + bytes([content[at] ^ 1 << draw(st.integers(0, 7))]) + content[at + 1 :]
        )
    if kind == "overwrite":
        return content[:start] + draw(st.binary(max_size=end - start)) + content[end:]
    if kind == "insert":
        return content[:start] + draw(st.binary(min_size=1, max_size=20)) + content[start:]
    return draw(st.sampled_from(damages.FOREIGN))


@pytest.mark.parametrize(
    "examples", [200, pytest.param(10_000, marks=pytest.mark.torture)], ids=["some", "many"]
)
def test_random_damage(made, variants, expected, counted, examples):
    refused = []

    @settings(max_examples=examples)
    @given(st.sampled_from([*expected]), st.data())
    def one(path, data):
        text = refusal(made, path, variants, expected, data.draw(damaged(path.read_bytes())))
        assert text is None or str(path) in text
        refused.append(text is not None)

    one()
    counted("damaged files of results read", len(refused))
    assert sum(refused) > 0.8 * len(refused)


def test_a_missing_file(made, variants, expected):
    for path in expected:
        text = refusal(made, path, variants, expected, None)
        if str(path.relative_to(made)) in ABSENT:
            assert text is None
        else:
            assert f"{path} is missing: " in text


def test_a_file_of_another_run_in_its_place(made, variants, expected):
    """It may itself be whole; who is named is what is in its place, or what it answers for."""
    for path in expected:
        whole = path.read_bytes()
        others = [
            other
            for other in made.rglob("*.*")
            if other.is_file() and other.suffix == path.suffix and other.read_bytes() != whole
        ]
        for other in others[:: max(1, len(others) // 8)]:
            text = refusal(made, path, variants, expected, other.read_bytes())
            assert text is not None, (path, other)
            assert str(path) in text or str(path.parent) in text.partition(": ")[0], (path, other)


def test_a_table_cut_between_two_lines_is_not_taken_for_whole(made, variants, expected):
    for path in expected:
        if path.suffix == ".csv":
            lines = path.read_bytes().splitlines(keepends=True)
            text = refusal(made, path, variants, expected, b"".join(lines[:-1]))
            assert f"{path} is damaged or was changed by hand: " in text


def test_a_number_changed_by_hand(made, variants, expected):
    path = made / "baseline" / "metrics.csv"
    first = path.read_text().splitlines()[1].split(",")[3]
    text = refusal(
        made, path, variants, expected, path.read_text().replace(first, "0.99", 1).encode()
    )
    assert f"{path} is damaged or was changed by hand" in text
    path = made / "augmented" / "seed-00" / "manifest.json"
    content = json.loads(path.read_text())
    content["variant"]["learning_rate"] = 0.1
    text = refusal(made, path, variants, expected, json.dumps(content).encode())
    assert f"{path} is damaged or was changed by hand" in text


@pytest.mark.parametrize(
    "name",
    [
        "baseline/seed-00/manifest.json",
        "baseline/seed-01/predictions.npz",
        "augmented/seed-01/history.csv",
        "augmented/seed-01/correct.npz",
        "augmented/evaluation.json",
        "augmented/metrics.csv",
        "samples.npz",
        "weights.npz",
        "doubts.npz",
        "bench.csv",
        "tune/baseline.csv",
        "tune/tuned.yaml",
        "tuned/tuned-augmented/metrics.csv",
        "epochs/augmented-long/seed-01/history.csv",
        "published/small/evaluation.json",
        "recipes/plain-rate0.002-decay0.01/seed-00/manifest.json",
    ],
)
def test_no_report_is_written_of_damaged_results(made, tmp_path, name):
    path = made / name
    whole = path.read_bytes()
    try:
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(UserError) as error:
            page.write(made, tmp_path / "reports")
    finally:
        path.write_bytes(whole)
    assert str(error.value).startswith(f"{path} is damaged or was changed by hand: ")
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.name != files.LOCK]


def test_what_a_search_found_is_whole_before_it_is_trained(made):
    assert len(studies.tuned(made)) == 4
    for name, damage in (
        ("augmented.json", b'{"changed": {"layers": "wide"}}'),
        ("tuned.yaml", b"transform: !!python/object/apply:os.getcwd []\n"),
        ("tuned.yaml", b"a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n"),
    ):
        path = made / "tune" / name
        whole = path.read_bytes()
        try:
            path.write_bytes(damage)
            text = damages.refusal(studies.tuned, made)
        finally:
            path.write_bytes(whole)
        assert text == (f"{path} is damaged or was changed by hand: delete it and run `make tune`")


# Checkpoints --------------------------------------------------------------------------------------


class Blocks:
    """Stands in for the trainer that a checkpoint saves and restores."""

    def __init__(self, start):
        self.restored = None
        self.variables, variables = (
            [SimpleNamespace(numpy=partial(np.full, shape, start, np.float32)) for shape in shapes]
            for shapes in ([(3, 4), 4], [()])
        )
        self.optimizer = SimpleNamespace(variables=variables)

    def restore(self, model, optimizer):
        self.restored = [*model, *optimizer]


@pytest.mark.parametrize(
    "examples", [100, pytest.param(5_000, marks=pytest.mark.torture)], ids=["some", "many"]
)
def test_a_damaged_checkpoint_is_not_gone_on_from(tmp_path, monkeypatch, counted, examples):
    monkeypatch.setattr(checkpoints, "SAVE_SECONDS", 0)
    path, tried = tmp_path / "checkpoint.npz", []
    saved = checkpoints.Checkpoint(Blocks(0.5), path, 0)
    for epoch in range(2):
        saved.on_epoch_end(epoch, {"loss": 1.0 + epoch, "accuracy": 0.5})
    whole = path.read_bytes()
    blocks = Blocks(0)
    restored = checkpoints.Checkpoint(blocks, path, 0)
    assert restored.history().equals(saved.history())
    held = Blocks(0.5)
    assert [array.tobytes() for array in blocks.restored] == [
        one.numpy().tobytes() for one in (*held.variables, *held.optimizer.variables)
    ]

    @settings(max_examples=examples)
    @given(damaged(whole))
    def one(damage):
        path.write_bytes(damage)
        blocks = Blocks(0)
        found = checkpoints.Checkpoint(blocks, path, 0)
        if damage != whole:
            assert found.epochs == 0
            assert blocks.restored is None
        tried.append(damage)

    one()
    counted("damaged checkpoints of runs read", len(tried))
