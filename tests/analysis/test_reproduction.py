"""Results against a reference: what counts as reproduced, and what can't be compared."""

import json
import re
import shutil

import numpy as np
import pytest
import synthetic_results

from mnist_aug.analysis import reproduction
from mnist_aug.errors import UserError
from mnist_aug.formatting import MINUS


def results_with(folder, rates, seeds=5, test=400, **options):
    """A results folder whose models err at these rates, in a seeded random pattern."""
    random = np.random.default_rng([*folder.name.encode()])  # wherever it lies
    correct = {name: random.random((seeds, test)) >= rate for name, rate in rates.items()}
    return synthetic_results.write(
        folder, seeds=seeds, test=test, correct=correct, bench=False, samples=False, **options
    )


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    return results_with(
        tmp_path_factory.mktemp("r") / "reference", {"baseline": 0.06, "augmented": 0.04}, seeds=8
    )


def test_same_rates_are_reproduced_and_other_rates_are_not(reference, tmp_path, called):
    same = results_with(tmp_path / "same", {"baseline": 0.06, "augmented": 0.04})
    with_other_manifests(same, lambda manifest: manifest.update(weights_sha256="0" * 64))
    worse = results_with(tmp_path / "worse", {"baseline": 0.06, "augmented": 0.16})
    process = called("check", "--results", same, "--reference", reference)
    assert process.returncode == 0, process.stdout + process.stderr
    *lines, weights = process.stdout.splitlines()
    assert len(lines) == 3
    assert weights.startswith("weights: 0 of 10 runs the same, byte for byte")
    for line in lines:
        assert re.search(
            r": reproduced: difference \S?\d\.\d\d pp, within the simultaneous CI of "
            r"±\d\.\d\d pp \(99 %, 5 seeds against 8\)$",
            line,
        ), line
    process = called("check", "--results", worse, "--reference", reference)
    assert process.returncode == 1
    outcomes = [": reproduced" in line for line in process.stdout.splitlines()]
    assert outcomes == [True, False, False, False]
    assert f": NOT reproduced: difference {MINUS}" in process.stdout
    assert "pp, outside the simultaneous CI of ±" in process.stdout


def test_the_same_runs_are_compared_with_themselves(tmp_path):
    """Their mean may lie outside an interval that takes them for a sample of their own."""
    theirs, ours = (tmp_path / name for name in ("theirs", "ours"))
    correct = {
        name: np.arange(400) >= np.array(rights)[:, None]
        for name, rights in (("baseline", [24] * 5 + [12] * 15), ("augmented", [16, 17] * 10))
    }
    for folder, seeds in ((theirs, 20), (ours, 5)):
        synthetic_results.write(
            folder,
            seeds=seeds,
            test=400,
            correct={name: one[:seeds] for name, one in correct.items()},
            bench=False,
            samples=False,
        )
    reproduced, lines = reproduction.check(ours, theirs)
    assert reproduced
    assert lines[0] == (
        "baseline: reproduced: difference 0.00 pp, within the simultaneous CI of ±0.00 pp (99 %, "
        "the same 5 seeds)"
    )
    with_other_manifests(ours, lambda manifest: manifest.update(weights_sha256="0" * 64))
    assert not reproduction.check(ours, theirs)[0]


def test_corrupted_images_are_compared_where_both_have_them(tmp_path):
    rates = {"baseline": 0.06, "augmented": 0.04}
    ours, theirs = (results_with(tmp_path / name, rates, other_sets=True) for name in ("a", "b"))
    _, lines = reproduction.check(ours, theirs)
    assert lines[3].startswith("augmented minus baseline, corrupted images: reproduced")
    assert len(lines) == 5


def with_other_manifests(folder, change):
    """The same results, the manifests of whose runs say something else."""
    for path in folder.glob("*/seed-*/manifest.json"):
        manifest = synthetic_results.content(path)
        change(manifest)
        path.write_text(json.dumps(manifest))
    synthetic_results.sign(folder)
    return folder


def test_other_weights_are_no_failure_and_are_explained(tmp_path):
    rates = {"baseline": 0.06, "augmented": 0.04}
    theirs, ours = (results_with(tmp_path / name, rates) for name in ("same", "a/same"))

    def one_elsewhere(manifest):
        manifest["pinned"] = True
        manifest["fingerprint"]["training"] = "56" * 32
        if manifest["seed"] == 3:
            manifest |= {"weights_sha256": "0" * 64, "pinned": False}
            manifest["device"]["processor"] = "another processor"
            manifest["versions"] |= {"tensorflow": "2.21.1", "pandas": "9"}

    with_other_manifests(theirs, lambda manifest: manifest.update(pinned=True))
    with_other_manifests(ours, one_elsewhere)
    reproduced, lines = reproduction.check(ours, theirs)
    assert reproduced
    assert lines[-1] == (
        "weights: 8 of 10 runs the same, byte for byte; the others differ (training code changed, "
        "tensorflow 2.21.1, not 2.21.0, TensorFlow not pinned here, processor another "
        "processor, not made-up processor), which the CIs allow for"
    )


def test_manifests_of_before_weights_were_compared(reference, tmp_path):
    ours = results_with(tmp_path / "ours", {"baseline": 0.06, "augmented": 0.04})
    with_other_manifests(ours, lambda manifest: manifest.update(weights_sha256="0" * 64))
    _, lines = reproduction.check(ours, reference)
    assert "weights: 0 of 10 runs the same" in lines[-1]
    assert "here and in the reference" in lines[-1]


def test_what_cannot_be_compared(reference, tmp_path, called, fails_in_one_line):
    rates = {"baseline": 0.06, "augmented": 0.04}
    one = results_with(tmp_path / "one", rates, seeds=1)
    fails_in_one_line(called("check", "--results", one, "--reference", reference), "one seed")
    short = results_with(tmp_path / "short", rates, epochs=3)
    with pytest.raises(UserError, match="other epochs than in"):
        reproduction.check(short, reference)
    fails_in_one_line(called("check", "--results", tmp_path / "none"), "none")


def test_another_model_than_the_references(reference, tmp_path):
    rates = {"baseline": 0.06, "augmented": 0.04}
    ours = results_with(tmp_path / "ours", rates, model="cnn")
    with pytest.raises(UserError) as error:
        reproduction.check(ours, reference)
    assert str(error.value) == (
        f"{ours} is of model cnn, {reference} of dense: give the MODEL= of the reference"
    )
    again = results_with(tmp_path / "again", rates, model="cnn")
    reproduction.check(ours, again)


def test_a_reference_that_names_no_model_is_of_a_dense_network(reference, tmp_path):
    def unnamed(manifest):
        del manifest["variant"]["model"], manifest["architecture"]

    rates = {"baseline": 0.06, "augmented": 0.04}
    old = with_other_manifests(results_with(tmp_path / "old", rates), unnamed)
    for ours, theirs in ((reference, old), (old, reference)):
        _, lines = reproduction.check(ours, theirs)
        assert len(lines) == 4


def test_studies_are_compared_variant_by_variant(tmp_path):
    rates = {"baseline": 0.06, "augmented": 0.04}
    theirs = results_with(tmp_path / "same", rates, studies=("strength",))
    ours = results_with(tmp_path / "a/same", rates, studies=("strength",))
    for results, errors in (ours, [0.02, 0.03]), (theirs, [0.02, 0.03]):
        synthetic_results.write_published(
            results, {"one": errors[:1], "two": errors, "ensemble": errors[:1]}
        )
        (results / "published" / "ensemble" / "seed-00" / "manifest.json").unlink()
        synthetic_results.write_recipes(results, {"long": [0.98, 0.981], "wide": [0.97, 0.972]})
    reproduced, lines = reproduction.check(ours, theirs)
    assert reproduced
    variants = len(synthetic_results.STUDIES["strength"])
    assert lines[3:6] == [
        "published: reproduced: 1 of 1 variant within the simultaneous CIs (99 %); of one run, so "
        "only their weights are compared: one",
        "recipes: reproduced: 2 of 2 variants within the simultaneous CIs (99 %)",
        f"strength: reproduced: {variants} of {variants} variants within the simultaneous CIs "
        "(99 %)",
    ]
    runs = 2 * 5 + 5 * variants + 3 + 4
    assert lines[6:] == [f"weights: {runs} of {runs} runs the same, byte for byte"]

    shutil.rmtree(ours / "recipes")
    synthetic_results.write_recipes(ours, {"long": [0.98, 0.981], "wide": [0.99, 0.992]})
    reproduced, lines = reproduction.check(ours, theirs)
    assert not reproduced
    assert lines[4].startswith("recipes: NOT reproduced: 1 of 2 variants within")
    assert "; wide by +2.00 pp, outside the CI of ±" in lines[4]

    for path in ours.glob("recipes/wide/*/manifest.json"):
        manifest = synthetic_results.content(path)
        manifest["variant"]["epochs"] = 99
        path.write_text(json.dumps(manifest))
    synthetic_results.sign(ours / "recipes")
    reproduced, lines = reproduction.check(ours, theirs)
    assert reproduced
    assert lines[4].endswith("; with other settings, so not compared: wide")


def test_variants_are_compared_on_the_same_images(tmp_path):
    """One that only the reference evaluated is compared on the validation images, on both sides."""
    rates = {"baseline": 0.06, "augmented": 0.04}
    theirs, ours = (
        results_with(folder / "same", rates, studies=("strength",))
        for folder in (tmp_path, tmp_path / "a")
    )
    name = min(synthetic_results.STUDIES["strength"])
    (ours / "strength" / name / "evaluation.json").unlink()
    reproduced, lines = reproduction.check(ours, theirs)
    assert reproduced
    assert lines[3].startswith("strength: reproduced")

    both = [reproduction.runs.trained_runs(one / "strength")[name] for one in (ours, theirs)]
    mine, other = reproduction._accuracies(*both)
    assert [*mine] == [*other] == [run.validation_accuracy for run in both[0]]
    assert [*other] != [*reproduction._accuracies(both[1], both[1])[1]]


def test_the_reference_is_that_of_the_dataset_and_the_model(tmp_path):
    rates = {"baseline": 0.06, "augmented": 0.04}
    references = tmp_path / "references"
    dense = results_with(references / "dense", rates)
    results_with(references / "cnn", rates, model="cnn")
    results_with(references / "other", rates, name="other", sha256="cd" * 32)
    ours = results_with(tmp_path / "dense", rates)
    assert reproduction.check(ours, references) == reproduction.check(ours, dense)
    unknown = results_with(tmp_path / "unknown", rates, name="unknown", sha256="ef" * 32)
    with pytest.raises(UserError, match="dataset unknown, which has no reference: give"):
        reproduction.check(unknown, references)

    # Several at once, as they were rebuilt.
    rebuilt = tmp_path / "rebuilt"
    for name in ("dense", "other"):
        results_with(
            rebuilt / name,
            rates,
            **({} if name == "dense" else {"name": "other", "sha256": "cd" * 32}),
        )
    reproduced, lines = reproduction.check(rebuilt, references)
    assert reproduced
    assert len(lines) == 8
    assert [line.split(": ")[0] for line in lines] == ["dense"] * 4 + ["other"] * 4
    for path in rebuilt.glob("other/augmented/*/manifest.json"):
        manifest = synthetic_results.content(path) | {"weights_sha256": "0" * 64}
        path.write_text(json.dumps(manifest))
    synthetic_results.sign(rebuilt / "other")
    _, lines = reproduction.check(rebuilt, references)
    assert lines[3] == "dense: weights: 10 of 10 runs the same, byte for byte"
    assert lines[7].startswith("other: weights: 5 of 10 runs the same, byte for byte; the others")
