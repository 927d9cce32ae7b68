"""Does this augmentation help this classifier on this data, by how much, and how sure are we?"""

import os
from typing import TYPE_CHECKING, Any

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it asks the network at import otherwise

from mnist_aug.augment.vectorize import vectorize

if TYPE_CHECKING:  # it brings pandas and more, which `vectorize` does without
    from mnist_aug.api import Compared, compare

__all__ = ["Compared", "compare", "vectorize"]


def __getattr__(name: str) -> Any:
    if name not in ("Compared", "compare"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from mnist_aug import api
    except ModuleNotFoundError as error:
        raise ImportError(
            f'mnist_aug.{name} needs {error.name}: pip install "mnist-aug[study]"'
        ) from error
    return getattr(api, name)
