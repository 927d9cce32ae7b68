"""What the runs of a study say, by hand; the report's tests look at its tables."""

import numpy as np
import pandas as pd

from mnist_aug.analysis.studies import StudyRuns, by_epoch, settled


def test_only_the_seeds_that_both_have_are_paired():
    frame = pd.DataFrame(
        {
            "variant": ["a", "a", "b", "b"],
            "seed": [0, 1, 1, 2],
            "test": [0.5, 0.6, 0.9, 0.8],
        }
    )
    paired = StudyRuns(frame, pd.DataFrame()).paired("a", "b", "test")
    np.testing.assert_allclose(paired, [0.3])


def test_curves_by_epoch_and_where_they_settle():
    rise = 1 - 0.5 ** np.arange(1, 21)
    curves = pd.DataFrame(
        [
            {"variant": f"{model}-long", "seed": seed, "epoch": epoch + 1, "val_accuracy": value}
            for model, off in (("baseline", 0.1), ("augmented", 0.0))
            for seed in range(2)
            for epoch, value in enumerate(rise - off - seed / 50)
        ]
    )
    table = by_epoch(StudyRuns(pd.DataFrame(), curves))
    assert table["variant"].tolist() == ["baseline"] * 20 + ["augmented"] * 20
    first = table.iloc[0]
    assert (first["epoch"], first["seeds"]) == (1, 2)
    np.testing.assert_allclose(
        first[["validation", "validation_least", "validation_most"]].astype(float),
        [0.39, 0.38, 0.4],
    )
    smooth = np.array([rise[max(0, i - 2) : i + 3].mean() for i in range(20)])
    expected = 1 + int(np.argmax(smooth >= smooth.max() - 0.0005))
    assert settled(table[table["variant"] == "augmented"]) == expected == 12
