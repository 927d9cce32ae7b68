"""Limits: what sections are about, what CIs leave out, and what was not run."""

import synthetic_results

from mnist_aug.analysis import comparison
from mnist_aug.report import inputs, limits, recommendation

pytest_plugins = "rendered"


def said(section):
    return "\n".join(
        [block.text for block in section.blocks]
        + [item for block in section.blocks for item in block.items]
    )


def test_what_the_sections_are_about_and_what_was_not_measured(full, monkeypatch):
    text = said(full.sections["limits"])
    assert (
        "The sections on the main result, on robustness and on errors and calibration are about "
        "one network, trained on one dataset with one fixed set of hyperparameters (adam, 5 "
        "epochs), tuned for neither model."
    ) in text
    start = (
        "Robustness, transfer and calibration are those of the models as trained: with tuned "
        "hyperparameters they were not measured"
    )
    low = full.content.difference.low
    for shrinks, end in (
        (True, ", and part of such gains may go, as part of the gain in accuracy does."),
        (False, "."),
    ):
        both = {"high": low - 0.001 if shrinks else low + 0.001}
        monkeypatch.setattr(recommendation, "tuning", lambda *_, both=both: {"both": both})
        given = inputs.read(full.results, full.content)
        assert start + end in said(limits.section(full.content, given))


def test_other_training_images(full, small):
    assert (
        'None covers images of another kind, and only "Sources of variance" covers other training '
        "images: elsewhere, all seeds share one training set and one validation split."
    ) in said(full.sections["limits"])
    assert (
        "None covers images of another kind or other training images: all seeds share one training "
        "set and one validation split."
    ) in said(small.sections["limits"])


def test_of_results_without_studies_all_that_was_not_run_is_listed(tmp_path):
    results = synthetic_results.write(tmp_path, seeds=2, test=60, bench=False, samples=False)
    content = comparison.load(results)
    text = said(limits.section(content, inputs.read(results, content)))
    assert (
        "studies not run here: hyperparameter search, comparison of policies, each transform left "
        "out, strength of the policy, each transform alone, fewer training images, longer "
        "training, other training images, tuned models with new seeds"
    ) in text
    assert "make " not in text
    assert "The hyperparameter search tunes" not in text
    assert "as part of the gain in accuracy does" not in text
