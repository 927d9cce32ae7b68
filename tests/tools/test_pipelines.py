"""The benchmark set: what is in it, and that it is a set of pipelines that keep images' kind."""

from collections import Counter

import numpy as np
import pytest

from tools import pipelines

# What occurs in at least two of the repositories whose pipelines were counted.
FREQUENT = """
ShiftScaleRotate RandomBrightnessContrast HorizontalFlip GridDistortion Resize CoarseDropout
VerticalFlip GaussNoise Rotate GaussianBlur ElasticTransform RandomGamma MotionBlur RandomCrop
OpticalDistortion RGBShift ToGray PadIfNeeded CLAHE Transpose RandomRotate90 HueSaturationValue
ImageCompression MedianBlur Blur ColorJitter RandomResizedCrop InvertImg Affine Sharpen Equalize
NoOp AdditiveNoise ISONoise MultiplicativeNoise Downscale Solarize SmallestMaxSize GridDropout
RandomSizedCrop PixelDropout RandomScale RandomRain LongestMaxSize Emboss CenterCrop
"""
SHAPES = [(28, 28), (32, 32, 3), (64, 64, 3)]


def test_what_is_frequent_in_public_code_is_in_the_set():
    found = Counter(name for p in pipelines.ALL for name in pipelines.names(p.policy(32)))
    assert not set(FREQUENT.split()) - set(found)
    assert min(found[name] for name in FREQUENT.split()[:3]) >= 15
    assert len(pipelines.ALL) >= 45
    assert len({p.name for p in pipelines.ALL}) == len(pipelines.ALL)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("pipeline", pipelines.ALL, ids=lambda p: p.name)
def test_a_pipeline_keeps_shape_and_type(pipeline):
    for shape in SHAPES[pipeline.colour :]:
        image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        policy = pipeline.policy(shape[0])
        for _ in range(5):
            out = policy(image=image)["image"]
            assert out.shape == shape
            assert out.dtype == np.uint8


def test_a_pipeline_is_written_shortly():
    strong = next(p for p in pipelines.ALL if p.name == "strong")
    assert strong.written().startswith(
        "RandomRotate90, OneOf(HorizontalFlip, VerticalFlip), Transpose, "
    )
