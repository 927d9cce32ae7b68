"""SHA-256 of the images that the engine makes by each of many policies, as a program.

    python tests/every_policy.py uint8|float32 [all|default|others]

It is run under other processors' instructions, where every hash must stay as it is.
"""

import hashlib
import json
import sys
import warnings

import albumentations as A
import cv2
import numpy as np

SHAPES = ((28, 28), (20, 31, 3), (64, 64, 3))
COUNT = 40


def policies(which="all", size=(28, 28)):
    """By name: every vectorised transform with the parameters of the agreement, and chains.

    `others` are those that run image by image.
    """
    from mnist_aug.augment import named
    from tools import agreement, evidence

    if which == "others":
        return {t.__name__: A.Compose([t(p=1)]) for t in evidence.image_by_image()}

    found = {"default": named.default(), "wide": named.wide()}
    if which == "default":
        return found
    back = [A.Resize(*size, p=1)]
    field = A.ElasticTransform(alpha=60, sigma=5, p=0.7)
    turn = A.Affine(rotate=(-30, 30), border_mode=4, p=0.7)
    found["field, affine, field"] = A.Compose([field, turn, field])
    found["projective"] = A.Compose([A.Perspective(p=0.7), field, A.Perspective(p=0.5)])
    found["large field"] = A.Compose([A.ElasticTransform(alpha=100, sigma=10, p=1)])
    found["randaugment-2-8"] = named.rand_augment(2, 8)
    found["pillow"] = A.Compose(
        [A.AutoContrast(method="pil", p=0.7), A.Equalize(mode="pil", p=0.7)]
    )
    for t in (A.Transpose, A.RandomRotate90, A.SquareSymmetry):
        found[t.__name__] = A.Compose([t(p=0.7), A.Resize(24, 24, p=1), A.Rotate(20), *back])
    for t in (
        A.RandomScale(0.3, p=0.7),
        A.Pad((3, 1, 4, 2), p=0.7),
        A.PadIfNeeded(70, 66, border_mode=4, p=0.7),
        A.LongestMaxSize([24, 40], interpolation=cv2.INTER_CUBIC, p=0.7),
        A.SmallestMaxSize([19, 33], area_for_downscale="image", p=0.7),
        A.RandomCropFromBorders(p=0.7),
        A.CenterCrop(15, 18, p=0.7),
        A.Resize(19, 33, p=0.7),
        A.Crop(2, 3, 17, 16, p=0.7),
    ):
        found[type(t).__name__] = A.Compose([t, *back])
    for number, t in enumerate(agreement.cases()):
        found[f"{number} {type(t).__name__}"] = A.Compose([t])
    return found


def images(shape, dtype):
    """Noise, half of it smooth: [COUNT, *shape]."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (COUNT, *shape)).astype(np.uint8)
    y = np.arange(shape[0])[:, None] * np.arange(1, COUNT // 2 + 1)[:, None, None]
    smooth = (y + np.arange(shape[1])) % 256
    smooth = smooth.reshape(*smooth.shape, *(1 for _ in shape[2:]))
    noise[::2] = np.broadcast_to(smooth, noise[::2].shape)
    return noise if dtype == np.uint8 else noise.astype(np.float32) / np.float32(255)


def digests(dtype, which="all"):
    """SHA-256 by policy and shape; "refused" where a policy is for other images."""
    from mnist_aug.augment.vectorize import vectorize
    from mnist_aug.errors import UserError

    found = {}
    for shape in SHAPES:
        for name, policy in policies(which, shape[:2]).items():
            engine = vectorize(policy)
            try:
                augmented = engine(images(shape, dtype), (3, 1, 4))
            except UserError:
                found[f"{name} {shape}"] = "refused"
            else:
                found[f"{name} {shape}"] = hashlib.sha256(augmented.tobytes()).hexdigest()
    return found


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        print(json.dumps(digests(np.dtype(sys.argv[1]), *sys.argv[2:])))
