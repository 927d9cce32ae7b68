"""Training times and their condition, from manifests."""

import json

import pytest
import synthetic_results

from mnist_aug.analysis import comparison
from mnist_aug.analysis.cost import cost

TWO_AT_ONCE = {0: 0, 1: 0, 2: 8, 3: 8, 4: 17}  # seconds after the first at which a seed starts


def found(folder, seeds=5, starts=TWO_AT_ONCE, change=None, **options):
    """The cost of runs whose manifests say that they started then, after `change` of each."""
    results = synthetic_results.write(
        folder, seeds=seeds, test=60, bench=False, samples=False, **options
    )
    for path in results.glob("*/*/manifest.json"):
        manifest = json.loads(path.read_text())
        manifest["started"] = f"2026-01-02T03:00:{starts[manifest['seed']]:02d}Z"
        if manifest["variant"]["name"] == "augmented":
            manifest["seconds"] += 4
        (change or (lambda manifest: None))(manifest)
        path.write_text(json.dumps(manifest))
    synthetic_results.sign(results)
    return cost(comparison.load(results))


def test_medians_their_ratio_and_the_condition(tmp_path):
    own = found(tmp_path)
    assert (own.seconds_baseline, own.seconds_augmented) == (8.2, 12.2)
    assert own.ratio == pytest.approx(12.2 / 8.2)
    assert (own.overlap, own.runs, own.cores, own.same_machine) == (False, 5, 2, True)
    assert own.in_parallel == 2
    assert not own.compiling


def test_runs_one_after_the_other(tmp_path):
    assert found(tmp_path, 3, {0: 0, 1: 15, 2: 30}).in_parallel == 1


def test_on_several_machines_it_is_not_known_how_many_ran_on_each(tmp_path):
    assert found(tmp_path, 5, dict.fromkeys(range(5), 0)).in_parallel is None


def test_what_is_not_recorded_is_not_said(tmp_path):
    def forget(manifest):
        del manifest["started"], manifest["device"]["cores"]

    own = found(tmp_path, change=forget)
    assert (own.in_parallel, own.cores) == (None, None)


def test_starts_are_too_coarse_for_short_runs(tmp_path):
    def short(manifest):
        manifest["seconds"] = 1.5

    assert found(tmp_path, 2, {0: 0, 1: 0}, short).in_parallel is None


def test_times_of_a_single_epoch_hold_compiling(tmp_path):
    assert found(tmp_path, epochs=1).compiling


def test_times_that_overlap_are_said_to(tmp_path):
    def slow(manifest):
        manifest["seconds"] += 5 * (manifest["seed"] == 0)

    own = found(tmp_path, change=slow)
    assert own.overlap
    assert own.ratio > 1
