"""What to do, in words."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.planning import POWER
from mnist_aug.analysis.recommendation import Recommendation, recommended
from mnist_aug.report import inputs, tuned
from mnist_aug.report.templating import environment
from mnist_aug.results.runs import BOTH

TEMPLATE = "recommendation.txt.j2"
HARMS = 4  # named at most


def lines(
    content: Comparison, given: inputs.Inputs, compared: pd.DataFrame | None = None
) -> list[str]:
    """Two or three lines: what to use, what to expect, where it hurts.

    Args:
        compared: in place of that of `given`, as with other names of policies.
    """
    frame = given.compared if compared is None else compared
    studies = (given.studies.get(name) for name in ("strength", "ablation"))
    found = recommended(content, frame, given.policies, *studies)
    own = frame.set_index("variant").at[BOTH[1], "policy"]
    return written(found, tuning(content, given) if found.policy == own else {})


def tuning(content: Comparison, given: inputs.Inputs) -> dict[str, Any]:
    """What the hyperparameter search changes, as far as models were trained with what it found.

    Returns:
        settings, tuned next to the policy, with rest, what they add to augmented on the validation
        images; own, the difference on the test images between baseline and augmented with those
        tuned in both, and both, the same with the policy that the search found. Of each difference,
        low and high, over seeds, and of those on test fewer_errors, by which share. corrupted, of
        the first of own and both that is there, `robustness.by_likeness`.
    """
    if not (runs := given.studies.get("tuned")):
        return {}
    variants = given.evaluated["tuned"]
    frame = tuned.gains(runs, content, variants).frame.set_index(["first", "second"])
    frame = frame[frame["verdict"] != "no verdict"]
    found: dict[str, Any] = {}
    for name, pair, part in (
        ("rest", tuned.REST, "validation"),
        ("own", tuned.SAME_POLICY, "test"),
        ("both", tuned.BOTH_TUNED, "test"),
    ):
        if pair in frame.index:
            ends = frame.loc[pair, [part, f"{part}_low", f"{part}_high"]]
            found[name] = dict(zip(("difference", "low", "high"), ends, strict=True))
            if part == "test":
                found[name]["fewer_errors"] = frame.at[pair, "fewer_errors"]
                found.setdefault("corrupted", tuned.on_corrupted(variants, pair))
    return found | {"settings": tuned.settings(variants, content)}


def written(found: Recommendation, tuning: Mapping[str, Any] | None = None) -> list[str]:
    """The same of facts.

    Args:
        tuning: as of `tuning`, of the recommended policy.
    """
    text = (
        environment(False)
        .get_template(TEMPLATE)
        .render(found=found, power=POWER, tuning=tuning or {}, most=HARMS)
    )
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]
