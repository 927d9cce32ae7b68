"""The experimental setup: what is equal, what differs, and how to rebuild it."""

import json

import pytest
import synthetic_results

from mnist_aug.analysis import comparison
from mnist_aug.report import errors, inputs, setup

pytest_plugins = "rendered"


def changed(folder, change, **options):
    """The section on results of which each manifest was changed."""
    options = {"seeds": 2, "test": 60, "bench": False, "samples": False} | options
    results = synthetic_results.write(folder, **options)
    for path in results.rglob("manifest.json"):
        manifest = json.loads(path.read_text())
        change(manifest)
        path.write_text(json.dumps(manifest))
    synthetic_results.sign(results)
    content = comparison.load(results)
    shown = {"classes": errors.classes(content)}
    return setup.section(content, inputs.read(results, content), shown)


def text_of(section):
    return " ".join(block.text for block in section.blocks)


def test_cards_manifest_and_runs_are_folded_and_settings_are_not(full):
    blocks = full.sections["setup"].blocks
    folded = {block.name: block.folded for block in blocks if block.kind == "table"}
    assert not folded.pop("settings")
    assert {*folded} == {"model-card", "data-card", "manifest", "search-origin", "runs"}
    assert all(folded.values())


def test_what_is_equal_is_listed_once(full):
    section = full.sections["setup"]
    (items,) = [block.items for block in section.blocks if block.kind == "list"]
    assert "learning rate: 0.001" in items
    assert items[-1] == "parameters: 118,282"
    assert not any(item.startswith(("policy", "name")) for item in items)
    assert (
        "All runs of both models were made with the same code, packages and machine: made-up "
        "processor, 2 cores, Linux."
    ) in text_of(section)


def test_commands_are_a_block_of_code_on_the_page(full):
    section = full.sections["setup"]
    commands = section.facts["commands"]
    assert [block.kind for block in section.blocks][-1] == "place"
    code = full.html[full.html.index('aria-label="Commands"') :]
    code = code[code.index("<code>") + 6 : code.index("</code>")]
    assert code.replace("&#34;", '"').splitlines() == commands
    assert "commands:" not in full.text
    # All of it has five seeds.
    assert "SEEDS differs" not in text_of(section)


@pytest.mark.parametrize("bench", [True, False])
def test_a_benchmark_is_made_again_where_there_is_one(tmp_path, bench):
    results = synthetic_results.write(tmp_path, seeds=2, test=60, samples=False, bench=bench)
    content = comparison.load(results)
    commands = setup.rebuild(content, inputs.read(results, content))["commands"]
    assert ("make bench DATA=path/to/data" in commands) == bench


def test_seeds_that_differ_have_their_reason(tmp_path):
    short = {"test": 60, "bench": False, "samples": False}
    results = synthetic_results.write(tmp_path / "3", seeds=3, **short)
    two = synthetic_results.write(tmp_path / "2", seeds=2, studies=["ablation"], **short)
    (two / "ablation").rename(results / "ablation")
    content = comparison.load(results)
    facts = setup.rebuild(content, inputs.read(results, content))
    assert facts["commands"][1:] == [
        "make ablation DATA=path/to/data SEEDS=2 EPOCHS=5",
        "make report DATA=path/to/data SEEDS=3 EPOCHS=5 POLICY=default",
    ]
    assert facts["other_seeds"]
    assert facts["last_seeds"] == 3


def test_seeds_that_were_chosen_are_named(tmp_path, monkeypatch):
    """No command has a list of seeds; the Python interface does."""
    results = synthetic_results.write(tmp_path, seeds=2, test=60, bench=False, samples=False)
    content = comparison.load(results)
    found = inputs.read(results, content)
    assert setup.rebuild(content, found)["chosen_seeds"] == []
    monkeypatch.setattr(type(content.both[0]), "seeds", property(lambda _: [7, 8]))
    assert setup.rebuild(content, found)["chosen_seeds"] == [7, 8]
    said = "These commands train seeds from 0 on; for seeds 7 and 8, see `seeds=` in docs/python.md"
    shown = {"classes": errors.classes(content)}
    assert said in text_of(setup.section(content, found, shown))


def test_runs_of_other_machines_and_changed_code_are_said(tmp_path):
    def change(manifest):
        manifest["device"]["cores"] += manifest["seed"]
        manifest["git"]["dirty"] = True

    text = text_of(changed(tmp_path, change))
    assert "The runs of both models were not all made with the same machine: the manifest" in text
    assert "The code had changes that were not committed." in text


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"mixup": {"alpha": 0.2}}, "and with shares of several classes in augmented."),
        ({"augmix": {"jsd": 12}}, "12 times the Jensen-Shannon divergence between three views"),
    ],
)
def test_losses_that_differ_are_said(tmp_path, part, said):
    def change(manifest):
        if manifest["variant"]["policy"]:
            manifest["variant"]["policy"] |= part

    section = changed(tmp_path, change)
    assert said in text_of(section)
    assert not any(one["setting"] == "loss" for one in section.facts["equal"])
