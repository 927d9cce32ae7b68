"""Accuracy within each class, of both models on the seeds they share."""

import numpy as np
import pandas as pd

from mnist_aug.analysis.comparison import Comparison, contrast_by_set
from mnist_aug.results.runs import BOTH


def class_accuracy(content: Comparison) -> pd.DataFrame:
    """Accuracy within each true class that has test images.

    Returns:
        class; test_images; the accuracy of baseline and augmented; difference, with low and high,
        over seeds and images, simultaneous over all classes; side, 1 where the interval lies above
        0, -1 below, else 0, as with a single seed.
    """
    own = [content.labels == k for k in range(content.classes)]
    present = [k for k, images in enumerate(own) if images.any()]
    first, second = ([one.correct[:, own[k]] for k in present] for one in content.both)
    found = contrast_by_set(first, second, same_images=False)
    found = found.rename(columns=dict(zip(("first", "second"), BOTH, strict=True)))
    found.insert(0, "class", present)
    found.insert(1, "test_images", [int(np.count_nonzero(own[k])) for k in present])
    return found
