"""Where albumentations 2.0.8 is wrong, or only otherwise than the engine, each measured on both.

Every function returns (theirs, ours), the number that its first line describes.
`tools/engine_tables.py` writes them into docs/engine.md, and the tests hold them to limits.
"""

import random

import albumentations as A
import numpy as np

from mnist_aug.augment.engine import geometry
from mnist_aug.augment.engine.draws import Draws, image_keys
from mnist_aug.augment.vectorize import vectorize

SHAPE = (28, 28)


def seeded_children_are_correlated(count: int = 1000) -> tuple[float, ...]:
    """Correlation of the angles of two `Rotate` in one seeded `Compose`."""
    policy = A.Compose([A.Rotate((-9, 9), p=1), A.Rotate((-9, 9), p=1)], seed=1)
    theirs = []
    for _ in range(count):
        policy(image=np.zeros(SHAPE, np.uint8))
        theirs.append([np.arcsin(t.params["matrix"][0, 1]) for t in policy])
    engine = vectorize(policy)
    ours = [
        [drawn["rotate_degrees"] for drawn in engine.replay((1, 0, i), SHAPE)] for i in range(count)
    ]
    return tuple(float(np.corrcoef(np.transpose(pairs))[0, 1]) for pairs in (theirs, ours))


def elastic_fields_leak(count: int = 400) -> tuple[float, ...]:
    """Correlation of dx in the last row with dy in the first row of `ElasticTransform`."""
    t = A.ElasticTransform(alpha=50, sigma=4, p=1)
    t.set_random_seed(0)
    theirs = []
    x, y = np.meshgrid(np.arange(28), np.arange(28))
    for _ in range(count):
        t(image=np.zeros(SHAPE, np.uint8))
        theirs.append([(t.params["map_x"] - x)[-1, 14], (t.params["map_y"] - y)[0, 14]])
    (factor_y, factor_x), z = geometry.elastic_map(
        t, geometry.sample_elastic(t, _draws(count), SHAPE), SHAPE
    )
    field = factor_y @ z @ factor_x.T
    ours = np.stack([field[:, 0, -1, 14], field[:, 1, 0, 14]], axis=1)
    return tuple(float(np.corrcoef(np.transpose(pairs))[0, 1]) for pairs in (theirs, ours))


def shifts_are_whole_pixels(count: int = 1000) -> tuple[float, ...]:
    """Number of different shifts among 1,000 of `Affine(translate_percent=(-0.06, 0.06))`."""
    t = A.Affine(translate_percent=(-0.06, 0.06), p=1)
    t.set_random_seed(0)
    theirs = [t._get_translate_params(SHAPE)["x"] for _ in range(count)]
    ours = geometry.sample_affine(t, _draws(count), SHAPE)["shift_x_px"]
    return len(set(theirs)), len(set(ours.tolist()))


def one_sided_shear_has_two_sides(count: int = 100) -> tuple[float, ...]:
    """Mean shear along y, in degrees, of `Affine(shear={"x": (-10, 10)})`."""
    t = A.Affine(shear={"x": (-10, 10)}, p=1)
    theirs = np.mean([-t._get_shear_params()["y"] for _ in range(count)])
    ours = geometry.sample_affine(t, _draws(count), SHAPE)["shear_y_degrees"].mean()
    return float(theirs), float(ours)


def perspective_zooms_twice(count: int = 300) -> tuple[float, ...]:
    """Mean distance, in pixels, from where a drawn corner lands to the corner of the result."""
    t = A.Perspective(p=1)
    t.set_random_seed(0)
    rectangle = np.array([[0, 0, 1], [28, 0, 1], [28, 28, 1], [0, 28, 1.0]])
    theirs = []
    for _ in range(count):
        t(image=np.zeros(SHAPE, np.uint8))
        p = t.params  # the matrix takes the drawn corners to the image's, and is scaled again
        scaled = rectangle[:, :2] * [28 / p["max_width"], 28 / p["max_height"]]
        theirs.append(np.linalg.norm(scaled - rectangle[:, :2], axis=1).mean())
    drawn = geometry.sample_perspective(t, _draws(count), SHAPE)
    to_image = geometry.perspective_map(t, drawn, SHAPE)
    corners = np.concatenate([drawn["corners"] * 28, np.ones((count, 4, 1))], axis=2)
    back = corners @ np.linalg.inv(to_image).transpose(0, 2, 1)
    ours = np.linalg.norm(back[..., :2] / back[..., 2:] - rectangle[:, :2], axis=2).mean()
    return float(np.mean(theirs)), float(ours)


def fill_reaches_the_first_channel_only() -> tuple[float, ...]:
    """Share of the channels that get the fill in `ElasticTransform(fill=200)`, three channels."""
    t = A.ElasticTransform(alpha=0, p=1, fill=200)
    image = np.zeros((*SHAPE, 3), np.uint8)
    far = np.full(SHAPE, 99, np.float32)
    theirs = (t.apply(image, far, far) == 200).mean()
    away = A.Affine(translate_px=(99, 99), fill=200, p=1)
    ours = (vectorize(A.Compose([away, t]))(image[None], (0, 0, 0)) == 200).mean()
    return float(theirs), float(ours)


def grid_loses_the_last_columns() -> tuple[float, ...]:
    """Columns that `GridDistortion(num_steps=10, distort_limit=0)` reads at column 0, of 28."""
    t = A.GridDistortion(num_steps=10, distort_limit=0, p=1)
    image = np.tile(np.arange(1, 29, dtype=np.uint8), (28, 1))
    theirs = (t(image=image)["image"][0] == 1).sum()
    ours = (vectorize(t)(image[None], (0, 0, 0))[0, 0] == 1).sum()
    return int(theirs), int(ours)


def noise_repeats(count: int = 3000) -> tuple[float, ...]:
    """Repeated noise maps among 3,000 of `GaussNoise`: its generator has 65,536 seeds."""
    t = A.GaussNoise(std_range=(0.1, 0.1), p=1)
    t.set_random_seed(0)
    image = np.zeros((4, 4), np.float32)
    theirs = [t(image=image) and t.params["noise_map"].tobytes() for _ in range(count)]
    images = np.full((count, 4, 4), 0.5, np.float32)
    ours = [image.tobytes() for image in vectorize(t)(images, (0, 0, 0))]
    return count - len(set(theirs)), count - len(set(ours))


def erasing_fails_where_nothing_fits() -> tuple[float, ...]:
    """Errors in one call of `Erasing(scale=(0.9, 1), ratio=(3, 4))`, which fits nowhere."""
    t = A.Erasing(scale=(0.9, 1.0), ratio=(3, 4), p=1)
    image = np.zeros(SHAPE, np.uint8)
    errors = []
    for call in (lambda: t(image=image), lambda: vectorize(t)(image[None], (0, 0, 0))):
        try:
            call()
            errors.append(0)
        except TypeError:
            errors.append(1)
    return tuple(errors)


def sharpening_bytes_wraps_around() -> tuple[float, ...]:
    """What `Sharpen(method="gaussian", alpha=0.5)` makes of a pixel of 90 among pixels of 100."""
    t = A.Sharpen(alpha=(0.5, 0.5), method="gaussian", p=1)
    image = np.full(SHAPE, 100, np.uint8)
    image[14, 14] = 90
    theirs = t(image=image)["image"]
    ours = vectorize(t)(image[None], (0, 0, 0))[0]
    return int(theirs[14, 14]), int(ours[14, 14])


def colours_are_cut(count: int = 20) -> tuple[float, ...]:
    """Grey levels lost by `HueSaturationValue` on the way to HSV and back, 64 pixels wide."""
    t = A.HueSaturationValue((1e-9, 1e-9), (0, 0), (0, 0), p=1)
    images = np.random.default_rng(0).integers(0, 256, (count, 64, 64, 3), dtype=np.uint8)
    theirs = np.stack([t(image=image)["image"] for image in images])
    ours = vectorize(t)(images, (0, 0, 0))
    return tuple(float(images.mean() - made.mean()) for made in (theirs, ours))


def gamma_of_one_darkens() -> tuple[float, ...]:
    """Grey levels, of 256, that `RandomGamma((100, 100))`, a power of one, changes."""
    t = A.RandomGamma((100, 100), p=1)
    image = np.arange(256, dtype=np.uint8).reshape(16, 16)
    theirs, ours = t(image=image)["image"], vectorize(t)(image[None], (0, 0, 0))[0]
    return tuple(int((made != image).sum()) for made in (theirs, ours))


def equalizing_lights_black() -> tuple[float, ...]:
    """Level that `Equalize(mode="pil")` gives to black around a bright square, 0 in Pillow."""
    t = A.Equalize(mode="pil", p=1)
    image = np.zeros(SHAPE, np.uint8)
    image[2:26, 6:22] = np.arange(100, 116)
    theirs, ours = t(image=image)["image"], vectorize(t)(image[None], (0, 0, 0))[0]
    return int(theirs[0, 0]), int(ours[0, 0])


def contrast_overlooks_white() -> tuple[float, ...]:
    """What `AutoContrast(method="pil")` makes of a pixel of 50 among pixels of 0, 100 and 255."""
    t = A.AutoContrast(method="pil", p=1)
    image = np.array([[50, 0], [100, 255]], np.uint8)
    ours = vectorize(t)(image[None], (0, 0, 0))[0]
    return int(t(image=image)["image"][0, 0]), int(ours[0, 0])


def chains_blur(count: int = 20) -> tuple[float, ...]:
    """Share of the contrast of noise that `Rotate` by 20 degrees and back keeps, inside."""
    policy = A.Compose([A.Rotate((20, 20), p=1), A.Rotate((-20, -20), p=1)])
    images = np.random.default_rng(0).integers(0, 256, (count, *SHAPE), dtype=np.uint8)
    theirs = np.stack([policy(image=image)["image"] for image in images])
    ours = vectorize(policy)(images, (0, 0, 0))
    inside = np.s_[:, 6:22, 6:22]
    return tuple(float(made[inside].std() / images[inside].std()) for made in (theirs, ours))


def chains_cut_off() -> tuple[float, ...]:
    """Columns, of 28, that are lost by `Affine` ten pixels to the right and `Affine` back."""
    policy = A.Compose([A.Affine(translate_px={"x": (x, x)}, p=1) for x in (10, -10)])
    image = np.full(SHAPE, 200, np.uint8)
    theirs, ours = policy(image=image)["image"], vectorize(policy)(image[None], (0, 0, 0))[0]
    return tuple(int((made[0] == 0).sum()) for made in (theirs, ours))


def chains_reflect_what_they_have() -> tuple[float, ...]:
    """Top left pixel of a ramp, 9 a column, after two `Affine(rotate=(40, 40), border_mode=4)`."""
    policy = A.Compose([A.Affine(rotate=(40, 40), border_mode=4, p=1) for _ in range(2)])
    image = np.tile(np.arange(0, 252, 9, dtype=np.uint8), (28, 1))
    theirs, ours = policy(image=image)["image"], vectorize(policy)(image[None], (0, 0, 0))[0]
    return int(theirs[0, 0]), int(ours[0, 0])


def _draws(count: int) -> Draws:
    return Draws(image_keys(0, 0, np.arange(count)), random.Random(0).getrandbits(64))


ALL = (
    seeded_children_are_correlated,
    elastic_fields_leak,
    shifts_are_whole_pixels,
    one_sided_shear_has_two_sides,
    perspective_zooms_twice,
    fill_reaches_the_first_channel_only,
    grid_loses_the_last_columns,
    noise_repeats,
    erasing_fails_where_nothing_fits,
    sharpening_bytes_wraps_around,
    colours_are_cut,
    gamma_of_one_darkens,
    equalizing_lights_black,
    contrast_overlooks_white,
)
# Neither is wrong: the engine reads an image once, through the joint map.
JOINED = (chains_blur, chains_cut_off, chains_reflect_what_they_have)
