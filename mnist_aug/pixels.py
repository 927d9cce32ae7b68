"""Transforms that change values where they stand: what each draws, and its application to a batch.

For each transform one function samples parameters for N images at once and one applies them to images
[N, H, W, C], uint8 or float32 in [0, 1], giving new images. Names, ranges and formulas, rounding included,
are those of albumentations 2.0.8; docs/engine.md lists where it is wrong and this is not.
"""

import albumentations as A

TRANSFORMS = {}
