"""Limits: what sections are about, what CIs leave out, and what was not run."""

import synthetic_results

from mnist_aug.analysis import comparison
from mnist_aug.report import inputs, limits

pytest_plugins = "rendered"


def said(section):
    return "\n".join(
        [block.text for block in section.blocks]
        + [item for block in section.blocks for item in block.items]
    )


def test_what_the_sections_are_about(full, small):
    text = said(full.sections["limits"])
    assert (
        "The sections on the main result, on robustness and on errors and calibration are about "
        "one network, trained on one dataset with one fixed set of hyperparameters (Adam, 5 "
        "epochs), tuned for neither model."
    ) in text
    shown = "Of the tuned models, this report shows only accuracy and means over corruption types."
    assert shown in text
    assert "the tuned models" not in said(small.sections["limits"])


def test_other_training_images(full, small):
    assert (
        'None covers images of another kind, and only "Sources of variance" and, for parts of the '
        'training set, "Data efficiency" cover other training images. In the main result, all '
        "seeds share one training set and one validation split."
    ) in said(full.sections["limits"])
    assert (
        "None covers images of another kind or other training images. In the main result, all "
        "seeds share one training set and one validation split."
    ) in said(small.sections["limits"])


def test_of_results_without_studies_all_that_was_not_run_is_listed(tmp_path):
    results = synthetic_results.write(tmp_path, seeds=2, test=60, bench=False, samples=False)
    content = comparison.load(results)
    text = said(limits.section(content, inputs.read(results, content)))
    assert (
        "studies not run: hyperparameter search, comparison of named policies, each transform "
        "alone and left out, strength of the policy, transform \N{MULTIPLICATION SIGN} strength "
        "grid, fewer training images, longer training, variance over training images, tuned models "
        "with new seeds"
    ) in text
    assert "make " not in text
    assert "the tuned ones" not in text
