"""Does this augmentation help this classifier on this data, by how much, and how sure are we?"""

import os

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it asks the network at import otherwise

from mnist_aug.augment.vectorize import vectorize

__all__ = ["vectorize"]
