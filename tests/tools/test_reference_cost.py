"""What the reference cost: runs in parallel, and the table of its parts."""

import json

import synthetic_results

from mnist_aug.results import extras
from mnist_aug.results.runs import BOTH
from tools import reference_cost


def test_runs_in_parallel_take_as_long_as_the_busiest_core():
    assert reference_cost.wall([3, 1, 2, 2], 1) == 8
    assert reference_cost.wall([3, 1, 2, 2], 2) == 4
    assert reference_cost.wall([9, 1, 2, 2], 2) == 9
    assert reference_cost.wall([3, 1, 2, 2], 32) == 3


def test_the_table_has_each_part_of_each_folder(tmp_path):
    results = synthetic_results.write(tmp_path / "one", seeds=3, studies=("strength", "tuned"))
    synthetic_results.write_published(results, {"small": [0.1, 0.2, 0.1], "ensemble": [0.1]})
    (results / "published" / "ensemble" / "seed-00" / "manifest.json").unlink()
    for path in results.glob("**/seed-*/manifest.json"):
        manifest = synthetic_results.content(path)
        manifest["seconds"] = {0: 3600, 1: 1800, 2: 1800}[manifest["seed"]]
        path.write_text(json.dumps(manifest))
    for folder in (results, results / "strength", results / "tuned", results / "published"):
        synthetic_results.sign(folder)
    found = reference_cost.parts(results)
    strengths = len(synthetic_results.STUDIES["strength"])
    assert {name: len(own) for name, own in found.items()} == {
        "both models": 6,
        "published": 3,
        "strength": 3 * strengths,
        "tuned": 3 * len(synthetic_results.STUDIES["tuned"]),
        "hyperparameter search": sum(
            extras.read_search(results / "tune", model).trials["seeds"].sum() for model in BOTH
        ),
    }
    assert {*found["hyperparameter search"]} == {1800}
    lines = reference_cost.table(tmp_path).splitlines()
    assert lines[2] == "| one: both models | 6 | 4.00 | 2.0 h | 1.0 h |"
    total = sum(len(own) for own in found.values())
    assert lines[-1].startswith(f"| all | {total} |")
