"""Does this augmentation help this classifier on this data, by how much, and how sure are we?"""

from mnist_aug.vectorize import vectorize

__all__ = ["vectorize"]
