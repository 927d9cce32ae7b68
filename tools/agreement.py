"""How far the engine agrees with albumentations 2.0.8, and where that is wrong.

Pixels: the parameters that the engine drew are forced on albumentations' own functions, and the
results compared on noise images, where a wrong place shows most. Parameters: two samples of each
number that a transform draws are compared by the test of Kolmogorov and Smirnov.
`tools/engine_tables.py` writes the results into docs/engine.md, and the tests hold them to
limits.
"""

import copy
import warnings
from typing import Any

import albumentations as A
import cv2
import numpy as np
import numpy.typing as npt
from albumentations.augmentations.blur import functional as a_blur
from albumentations.augmentations.crops import functional as a_crops
from albumentations.augmentations.dropout import functional as a_dropout
from albumentations.augmentations.geometric import functional as a_geometric
from albumentations.augmentations.pixel import functional as a_pixel
from scipy.stats import ks_2samp, poisson

from mnist_aug.augment.engine import colour, geometry, holes, noise, pixels, sizes, tones
from mnist_aug.augment.engine.draws import Draws, image_keys
from mnist_aug.augment.vectorize import vectorize

SIZE = (28, 28)
MODES = [{"border_mode": mode} for mode in range(5)] + [
    {"interpolation": how, "fill": 90}
    for how in (cv2.INTER_NEAREST, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)
]
OF_VALUES = {**tones.TRANSFORMS, **colour.TRANSFORMS, **noise.TRANSFORMS}
# These are for three channels; their agreement is measured on them only.
OF_COLOUR = (A.RGBShift, *colour.TRANSFORMS)


def cases() -> list[A.BasicTransform]:
    """Transforms that are always applied, with ordinary and with rarer parameters."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 2.0.8 calls ShiftScaleRotate outdated
        shift = [A.ShiftScaleRotate(p=1)]
    wide = {"rotate": (-40, 40), "scale": (0.7, 1.3), "shear": (-12, 12), "p": 1}
    return [
        *shift,
        A.SafeRotate(limit=(-60, 60), p=1),
        A.SafeRotate(limit=(-180, 180), border_mode=4, p=1),
        A.OpticalDistortion(distort_limit=(-0.4, 0.4), p=1),
        A.OpticalDistortion(distort_limit=(-0.4, 0.4), mode="fisheye", border_mode=2, p=1),
        A.D4(p=1),
        A.Affine(translate_percent=(-0.2, 0.2), **wide),
        A.Affine(translate_px=(-4, 5), rotate=(-20, 20), scale=(0.6, 1.5), keep_ratio=True, p=1),
        A.Affine(balanced_scale=True, scale=(0.5, 2.0), p=1),
        *(A.Affine(**wide, **mode) for mode in MODES),
        A.Rotate(limit=(-70, 50), p=1),
        A.HorizontalFlip(p=1),
        A.VerticalFlip(p=1),
        A.Perspective(p=1),
        A.Perspective(scale=(0.1, 0.3), fit_output=True, p=1),
        *(A.ElasticTransform(alpha=50, sigma=4, p=1, **mode) for mode in MODES),
        A.ElasticTransform(alpha=40, sigma=2, approximate=True, p=1),
        A.ElasticTransform(alpha=60, sigma=6, same_dxdy=True, p=1),
        A.ElasticTransform(alpha=30, sigma=4, noise_distribution="uniform", p=1),
        A.GridDistortion(p=1),
        A.GridDistortion(num_steps=4, normalized=False, p=1),
        A.GaussNoise(p=1),
        A.GaussNoise(mean_range=(-0.2, 0.3), noise_scale_factor=0.5, p=1),
        A.RandomBrightnessContrast(p=1),
        A.RandomBrightnessContrast(brightness_by_max=False, p=1),
        A.RandomBrightnessContrast((-0.5, 0.5), (-3, 1), ensure_safe_range=True, p=1),
        A.RandomGamma(p=1),
        A.RandomGamma((20, 500), p=1),
        A.InvertImg(p=1),
        A.Posterize((1, 7), p=1),
        A.Solarize((0, 1), p=1),
        A.Equalize(p=1),
        A.AutoContrast(p=1),
        A.AutoContrast(cutoff=5, method="pil", p=1),
        A.CLAHE(p=1),
        A.CLAHE(clip_limit=(1, 20), tile_grid_size=(3, 4), p=1),
        A.ImageCompression(quality_range=(10, 90), p=1),
        A.ImageCompression("webp", quality_range=(10, 90), p=1),
        A.RandomToneCurve(p=1),
        A.RandomToneCurve(scale=0.4, per_channel=True, p=1),
        A.RGBShift(p=1),
        A.AdditiveNoise(p=1),
        A.AdditiveNoise("gaussian", "shared", approximation=0.4, p=1),
        A.MultiplicativeNoise(p=1),
        A.MultiplicativeNoise((0.5, 2), per_channel=True, elementwise=True, p=1),
        A.PixelDropout(p=1),
        A.PixelDropout(0.3, per_channel=True, drop_value=None, p=1),
        A.SaltAndPepper(p=1),
        A.HueSaturationValue(p=1),
        A.ColorJitter(p=1),
        A.ColorJitter(0.9, 0.9, 0.9, 0, p=1),
        A.ToGray(p=1),
        A.ToGray(method="average", p=1),
        A.ToSepia(p=1),
        A.ChannelShuffle(p=1),
        A.ChannelDropout((1, 2), fill=0.5, p=1),
        A.PlanckianJitter(p=1),
        A.PlanckianJitter("cied", sampling_method="gaussian", p=1),
        A.ISONoise(p=1),
        A.CoarseDropout(p=1, fill=120),
        A.CoarseDropout((2, 5), (3, 9), (2, 12), p=1),
        A.Erasing(p=1),
        A.GridDropout(p=1),
        A.GridDropout(0.4, unit_size_range=(4, 9), fill=77.6, p=1),
        A.GridDropout(0.3, False, None, (3, 5), (1, 2), p=1),
        A.XYMasking((1, 3), (1, 2), (2, 6), (3, 4), fill=200, p=1),
        A.GaussianBlur(p=1),
        A.GaussianBlur(blur_limit=(3, 7), sigma_limit=(0.2, 2), p=1),
        A.Morphological(p=1),
        A.Morphological((3, 4), "erosion", p=1),
        A.Blur((3, 9), p=1),
        A.MedianBlur((3, 9), p=1),
        A.MotionBlur(p=1),
        A.MotionBlur((3, 15), False, (20, 70), (0.2, 0.6), p=1),
        A.AdvancedBlur(p=1),
        A.Sharpen(p=1),
        A.Sharpen(method="gaussian", p=1),
        A.Emboss(p=1),
        A.UnsharpMask(p=1),
        A.UnsharpMask((5, 9), (0.5, 2), (0.3, 1), 2, p=1),
        A.Downscale(p=1),
        A.Downscale((0.3, 0.9), {"downscale": 3, "upscale": 1}, p=1),
        A.RandomResizedCrop(SIZE, p=1),
        A.RandomSizedCrop((12, 28), SIZE, area_for_downscale="image", p=1),
        A.CropAndPad(percent=(-0.2, 0.1), fill=40, p=1),
        A.CropAndPad(px=((-3, 1), (-6, 2), (0, 4), (1, 5)), border_mode=1, p=1),
        A.RandomCrop(*SIZE, p=1),
    ]


def pixel_agreement(
    t: A.BasicTransform,
    dtype: npt.DTypeLike = np.uint8,
    channels: int | None = None,
    count: int = 24,
    seed: int = 0,
) -> float:
    """The share of values within one grey level (1/255 for float32) of albumentations' own."""
    differences = pixel_differences(t, dtype, channels, count, seed)
    return float((np.abs(differences) <= 1 + 1e-5).mean())


def pixel_differences(
    t: A.BasicTransform,
    dtype: npt.DTypeLike = np.uint8,
    channels: int | None = None,
    count: int = 24,
    seed: int = 0,
) -> np.ndarray:
    """The engine's values less albumentations' own in grey levels, float64 [count, H, W(, C)]."""
    rng = np.random.default_rng(seed)
    if isinstance(t, OF_COLOUR) or (isinstance(t, A.Equalize) and channels):
        channels = 3
    shape = (count, *SIZE) if channels is None else (count, *SIZE, channels)
    images: np.ndarray = rng.integers(0, 256, shape, dtype=np.uint8)
    level = 1.0
    if dtype == np.float32:
        images, level = images.astype(np.float32) / 255, 1 / 255
        t = copy.copy(t)
        if not isinstance(getattr(t, "fill", ""), str):
            t.fill = t.fill / 255
    engine = vectorize(A.Compose([t]))
    ours = engine(images, (seed, 0, 0))
    theirs = [
        forced(t, image, engine.replay((seed, 0, i), shape[1:], dtype)[0])
        for i, image in enumerate(images)
    ]
    return (ours.astype(float) - np.stack(theirs)) / level


def forced(t: A.BasicTransform, image: np.ndarray, drawn: dict[str, Any]) -> np.ndarray:
    """What 2.0.8's functions make of an image [H, W] or [H, W, C] with parameters of `replay`."""
    height, width = image.shape[:2]
    if isinstance(t, A.D4):
        group = ["e", "r90", "r180", "r270", "v", "hvt", "h", "t"][drawn["way"]]
        return t.apply(image, group_element=group)
    if isinstance(t, A.CLAHE):
        return t.apply(image, drawn["clip_limit"])
    if isinstance(t, A.ImageCompression):
        ending = {"jpeg": ".jpg", "webp": ".webp"}[t.compression_type]
        return t.apply(image, drawn["quality"], ending)
    if isinstance(t, A.SafeRotate):
        matrix, _ = t._create_safe_rotate_matrix(
            drawn["rotate_degrees"], a_geometric.center(image.shape[:2]), image.shape[:2]
        )
        return a_geometric.warp_affine(
            image, matrix, t.interpolation, t.fill, t.border_mode, image.shape[:2]
        )
    if isinstance(t, A.OpticalDistortion):
        maps = {
            "camera": a_geometric.get_camera_matrix_distortion_maps,
            "fisheye": a_geometric.get_fisheye_distortion_maps,
        }[t.mode](image.shape[:2], drawn["k"])
        return a_geometric.remap(image, *maps, t.interpolation, t.border_mode, t.fill)
    array = {name: np.array(value) for name, value in drawn.items() if name != "transform"}
    if isinstance(t, (A.Affine, A.Rotate)):
        parts = (
            {axis: sign * drawn.get(name.format(axis), default) for axis in "xy"}
            for name, sign, default in (
                ("shift_{}_px", 1, 0),
                ("shear_{}_degrees", -1, 0),
                ("scale_{}", 1, 1),
            )
        )
        matrix = a_geometric.create_affine_transformation_matrix(
            *parts, drawn["rotate_degrees"], a_geometric.center(image.shape[:2])
        )
        return a_geometric.warp_affine(
            image, matrix, t.interpolation, t.fill, t.border_mode, image.shape[:2]
        )
    if isinstance(t, A.Perspective):
        corners = (array["corners"] * (width, height)).astype(np.float32)
        matrix = a_geometric.compute_perspective_params(corners, image.shape[:2])[0]
        size = (width, height)  # 2.0.8 gives the drawn quadrilateral's size and so zooms twice
        if t.fit_output:
            matrix, *size = a_geometric.expand_transform(matrix, image.shape[:2])
        return a_geometric.perspective(
            image, matrix, *size, t.fill, t.border_mode, True, t.interpolation
        )
    if isinstance(t, A.ElasticTransform):
        x, y = np.meshgrid(np.arange(width), np.arange(height))
        fill = t.fill if image.ndim == 2 else (t.fill,) * image.shape[2]
        return a_geometric.remap(
            image, x + array["dx_px"], y + array["dy_px"], t.interpolation, t.border_mode, fill
        )
    if isinstance(t, A.GridDistortion):
        return t.apply(
            image,
            *a_geometric.generate_grid(
                image.shape[:2], array["steps_x"], array["steps_y"], t.num_steps
            ),
        )
    if isinstance(t, A.GaussNoise):
        top = 255 if image.dtype == np.uint8 else 1
        noise = np.broadcast_to(array["noise"], (height, width, image[0, 0].size))
        return a_pixel.add_noise(image, noise.reshape(image.shape).astype(np.float32) * top)
    if isinstance(t, A.RandomBrightnessContrast):
        top = 255 if image.dtype == np.uint8 else 1
        alpha = drawn["factor"]
        beta = drawn["brightness"] * (top if t.brightness_by_max else np.mean(image))
        if t.ensure_safe_range:
            alpha, beta = a_pixel.get_safe_brightness_contrast_params(alpha, beta, top)
        return t.apply(image, alpha, beta)
    if type(t) in holes.TRANSFORMS:
        return a_dropout.cutout(image, array["holes"], t.fill, np.random.default_rng(0))
    if isinstance(t, A.GaussianBlur):
        return t.apply(image, a_blur.create_gaussian_kernel_1d(drawn["sigma_px"], drawn["size_px"]))
    if isinstance(t, (A.MotionBlur, A.AdvancedBlur)):
        return t.apply(image, array["kernel"].astype(np.float32))
    if type(t) in (A.Blur, A.MedianBlur):
        return t.apply(image, drawn["size_px"])
    if isinstance(t, A.Emboss):
        matrix = t._Emboss__generate_emboss_matrix(drawn["alpha"], drawn["strength"])
        return t.apply(image, matrix)
    if isinstance(t, A.Sharpen) and t.method == "kernel":
        matrix = t._Sharpen__generate_sharpening_matrix(drawn["alpha"], drawn["lightness"])
        return t.apply(image, drawn["alpha"], matrix)
    if isinstance(t, A.Sharpen):  # on bytes 2.0.8's differences wrap around
        values = image if image.dtype == np.float32 else np.float32(image) / np.float32(255)
        sharp = t.apply(values, drawn["alpha"], None)
        return sharp if image.dtype == np.float32 else np.rint(sharp * 255).astype(np.uint8)
    if isinstance(t, A.UnsharpMask):
        return t.apply(image, drawn["size_px"], drawn["sigma_px"], drawn["alpha"])
    if isinstance(t, A.Downscale):
        return t.apply(image, drawn["scale"])
    if type(t) in sizes.TRANSFORMS:
        return cut_and_scaled(t, image, array["box"], array.get("size"))
    if type(t) in OF_VALUES:
        return recoloured(t, image, array)
    return t.apply(image, **t.get_params())


def recoloured(t: A.BasicTransform, image: np.ndarray, drawn: dict[str, np.ndarray]) -> np.ndarray:
    """What 2.0.8's functions make of an image's values, colours or noise."""
    top = 255 if image.dtype == np.uint8 else 1
    whole = (*image.shape[:2], image[0, 0].size)
    if isinstance(t, A.AdditiveNoise) and "shift" in drawn:
        return t.apply(image, drawn["shift"] * top)
    if isinstance(t, A.AdditiveNoise):
        noise_map = np.broadcast_to(drawn["noise"], whole).reshape(image.shape)
        return t.apply(image, noise_map.astype(np.float32) * top)
    if isinstance(t, A.MultiplicativeNoise):
        factors = drawn["multiplier"].astype(np.float32)
        if t.elementwise:
            return t.apply(image, np.broadcast_to(factors, whole).reshape(image.shape))
        return t.apply(image, np.broadcast_to(factors, whole[2:]).squeeze())
    if isinstance(t, A.PixelDropout):
        mask, values = (
            np.broadcast_to(drawn[name], whole).reshape(image.shape)
            for name in ("drop_mask", "drop_values")
        )
        return t.apply(image, mask, values.astype(image.dtype))
    if isinstance(t, A.SaltAndPepper):
        grains = drawn["grains"][..., 0]
        return t.apply(image, grains == 2, grains == 1)
    if isinstance(t, A.ChannelDropout):
        return t.apply(image, np.flatnonzero(drawn["dropped"]))
    if isinstance(t, A.Equalize):
        return t.apply(image, mask=None)
    if isinstance(t, A.ISONoise):
        return a_pixel.iso_noise(image, 0, drawn["intensity"], _Given(drawn))
    return t.apply(image, **{name: v if v.ndim else v.item() for name, v in drawn.items()})


class _Given:
    """In place of a generator: the numbers that the engine drew for `A.ISONoise`."""

    def __init__(self, drawn: dict[str, np.ndarray]) -> None:
        self._drawn = drawn

    def poisson(self, mean: float, size: tuple[int, int]) -> np.ndarray:
        return poisson.ppf(self._drawn["uniforms"], mean).astype(int)

    def normal(self, mean: float, std: float, size: tuple[int, int]) -> np.ndarray:
        return self._drawn["hue_shift"]


def cut_and_scaled(
    t: A.BasicTransform, image: np.ndarray, box: np.ndarray, size: np.ndarray | None
) -> np.ndarray:
    """What 2.0.8's functions make of an image, padded and cut to a box and scaled to a size."""
    height, width = image.shape[:2]
    left, top, right, bottom = np.maximum(0, (-box[0], -box[1], box[2] - width, box[3] - height))
    if max(left, top, right, bottom) > 0:
        image = a_geometric.pad_with_params(image, top, bottom, left, right, t.border_mode, t.fill)
    image = a_crops.crop(image, *(box + np.array((left, top, left, top))))
    if size is None:
        return image
    if isinstance(t, (A.RandomResizedCrop, A.RandomSizedCrop)):
        interpolation = t._get_interpolation_for_resize(image.shape[:2], "image")
    else:
        interpolation = t.interpolation
        if isinstance(t, (A.RandomScale, A.LongestMaxSize, A.SmallestMaxSize)):
            smaller = size[0] < image.shape[0] or size[1] < image.shape[1]
            interpolation = cv2.INTER_AREA if t.area_for_downscale and smaller else interpolation
    if isinstance(t, A.Resize):
        return t.apply(image)
    return a_geometric.resize(image, tuple(size), interpolation)


def parameter_agreement(t: A.BasicTransform, count: int = 1500, seed: int = 0) -> dict[str, float]:
    """p-values of the two-sample test by name of the number drawn, `count` draws on each side."""
    shape = (*SIZE, 3) if isinstance(t, OF_COLOUR) else SIZE
    image = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    t.set_random_seed(seed)
    theirs = [_their_numbers(t, image) for _ in range(count)]
    ours = _our_numbers(t, image, Draws(image_keys(seed, 0, np.arange(count)), 1))
    return {
        name: float(ks_2samp([numbers[name] for numbers in theirs], ours[name]).pvalue)
        for name in ours
    }


def _their_numbers(t: A.BasicTransform, image: np.ndarray) -> dict[str, Any]:
    t(image=image)
    p = t.params
    if isinstance(t, A.D4):
        return {"way": ["e", "r90", "r180", "r270", "v", "hvt", "h", "t"].index(p["group_element"])}
    if isinstance(t, (A.CLAHE, A.ImageCompression)):
        return {name: p[name] for name in ("clip_limit", "quality") if name in p}
    if isinstance(t, A.SafeRotate):
        return {"rotate": p["rotate"]}
    if isinstance(t, A.OpticalDistortion):
        places = np.meshgrid(*(np.arange(length, dtype=np.float32) for length in SIZE[::-1]))
        return {"dx": (p["map_x"] - places[0])[3, 9], "dy": (p["map_y"] - places[1])[-4, 14]}
    if isinstance(t, A.Affine):
        shift, shear = t._get_translate_params(SIZE), t._get_shear_params()
        return {
            "rotate": p["rotate"],
            "scale x": p["scale"]["x"],
            "scale y": p["scale"]["y"],
            "scale x / y": p["scale"]["x"] / p["scale"]["y"],
            "whole shift x": shift["x"],
            "whole shift y": shift["y"],
            "shear x": -shear["x"],
            "shear y": -shear["y"],
        }
    if isinstance(t, A.Rotate):
        return {"rotate": np.rad2deg(np.arctan2(p["matrix"][0, 1], p["matrix"][0, 0]))}
    if isinstance(t, A.Perspective):
        rectangle = np.array([[[0, 0], [28, 0], [28, 28], [0, 28]]], np.float32)
        corners = (
            rectangle[0]
            if t.fit_output
            else cv2.perspectiveTransform(rectangle, np.linalg.inv(p["matrix"]))[0]
        )
        return {
            "corner x": corners[0, 0],
            "corner y": corners[2, 1],
            "corners' spread": corners.std(),
        }
    if "map_x" in p:
        x, y = np.meshgrid(np.arange(28), np.arange(28))
        return _field_numbers(t, (p["map_x"] - x)[None], (p["map_y"] - y)[None], 0)
    if isinstance(t, A.GaussNoise):
        noise = p["noise_map"] / 255
        return {"noise": noise[3, 4], "noise's mean": noise.mean(), "noise's spread": noise.std()}
    if type(t) in holes.TRANSFORMS:
        return _hole_numbers(p["holes"][None], 0)
    if isinstance(t, A.GaussianBlur):
        return {"kernel's length": len(p["kernel"]), "kernel's middle": p["kernel"].max()}
    if isinstance(t, (A.MotionBlur, A.AdvancedBlur)):
        return _kernel_numbers(p["kernel"])
    if type(t) in (A.Blur, A.MedianBlur):
        return {"size_px": p["kernel"]}
    if isinstance(t, A.Sharpen):
        numbers = {"alpha": p["alpha"]}
        middle = p["sharpening_matrix"]
        return numbers if middle is None else numbers | {"kernel's middle": middle[1, 1]}
    if isinstance(t, A.Emboss):
        matrix = p["emboss_matrix"]
        return {"kernel's middle": matrix[1, 1], "kernel's corner": matrix[0, 0]}
    if isinstance(t, A.UnsharpMask):
        return {"size_px": p["ksize"], "sigma_px": p["sigma"], "alpha": p["alpha"]}
    if isinstance(t, A.Downscale):
        return {"scale": p["scale"]}
    if type(t) in sizes.TRANSFORMS:
        return _box_numbers(t, image)
    if isinstance(t, A.RandomBrightnessContrast):
        return {name: p[name] for name in ("alpha", "beta")}
    if type(t) in OF_VALUES:
        return {
            name: v[0] for name, v in _tone_numbers(t, {k: np.array([p[k]]) for k in p}).items()
        }
    return {}


def _our_numbers(t: A.BasicTransform, image: np.ndarray, draws: Draws) -> dict[str, Any]:
    images = np.repeat(image.reshape(1, *SIZE, -1), len(draws), axis=0)
    if type(t) in pixels.TRANSFORMS:
        drawn = pixels.TRANSFORMS[type(t)][0](t, draws, images.shape[1:], images.dtype)
    elif type(t) in sizes.TRANSFORMS:
        drawn = sizes.TRANSFORMS[type(t)](t, draws, SIZE)
        box = dict(zip(("left", "top", "right", "bottom"), drawn["box"].T, strict=True))
        return box if "size" not in drawn else box | {"height": drawn["size"][:, 0]}
    else:
        drawn = geometry.TRANSFORMS[type(t)][0](t, draws, SIZE)
    if isinstance(t, (A.CLAHE, A.ImageCompression)):
        return drawn
    if isinstance(t, A.SafeRotate):
        return {"rotate": drawn["rotate_degrees"]}
    if isinstance(t, A.OpticalDistortion):
        (factor_y, factor_x), z = geometry.optical_map(t, drawn, SIZE)
        field = factor_y @ z @ factor_x.T
        return {"dx": field[:, 0, 3, 9], "dy": field[:, 1, -4, 14]}
    if isinstance(t, A.Affine):
        return {
            "rotate": drawn["rotate_degrees"],
            "scale x": drawn["scale_x"],
            "scale y": drawn["scale_y"],
            "scale x / y": drawn["scale_x"] / drawn["scale_y"],
            "whole shift x": np.trunc(drawn["shift_x_px"]),
            "whole shift y": np.trunc(drawn["shift_y_px"]),
            "shear x": drawn["shear_x_degrees"],
            "shear y": drawn["shear_y_degrees"],
        }
    if isinstance(t, A.Rotate):
        return {"rotate": drawn["rotate_degrees"]}
    if isinstance(t, A.Perspective):
        corners = drawn["corners"] * 28
        return (
            {}
            if t.fit_output
            else {
                "corner x": corners[:, 0, 0],
                "corner y": corners[:, 2, 1],
                "corners' spread": corners.std((1, 2)),
            }
        )
    if isinstance(t, (A.ElasticTransform, A.GridDistortion)):
        (factor_y, factor_x), z = geometry.TRANSFORMS[type(t)][1](t, drawn, SIZE)
        field = factor_y @ z @ factor_x.T
        return _field_numbers(t, field[:, 0], field[:, 1], slice(None))
    if isinstance(t, A.GaussNoise):
        noise = drawn["noise"][..., 0]
        return {
            "noise": noise[:, 3, 4],
            "noise's mean": noise.mean((1, 2)),
            "noise's spread": noise.std((1, 2)),
        }
    if type(t) in holes.TRANSFORMS:
        return _hole_numbers(drawn["holes"], slice(None))
    if isinstance(t, A.GaussianBlur):
        kernels = [
            a_blur.create_gaussian_kernel_1d(*pair)
            for pair in zip(drawn["sigma_px"], drawn["size_px"], strict=True)
        ]
        return {
            "kernel's length": [len(k) for k in kernels],
            "kernel's middle": [k.max() for k in kernels],
        }
    if isinstance(t, A.RandomBrightnessContrast):
        alpha, beta = tones.factor_and_summand(t, images, np.arange(len(images)), drawn)
        return {"alpha": alpha, "beta": beta}
    if isinstance(t, (A.MotionBlur, A.AdvancedBlur)):
        each = [_kernel_numbers(kernel) for kernel in drawn["kernel"]]
        return {name: [numbers[name] for numbers in each] for name in each[0]}
    if isinstance(t, A.Sharpen):
        middle = {"kernel's middle": drawn["kernel"][:, 1, 1]} if "kernel" in drawn else {}
        return {"alpha": drawn["alpha"]} | middle
    if isinstance(t, A.Emboss):
        kernel = drawn["kernel"]
        return {"kernel's middle": kernel[:, 1, 1], "kernel's corner": kernel[:, 0, 0]}
    if type(t) in OF_VALUES:
        return _tone_numbers(t, drawn)
    return drawn


def _kernel_numbers(kernel: np.ndarray) -> dict[str, Any]:
    """Of a filter's kernel [k, k]: its weights and how they lie around its middle."""
    y, x = np.nonzero(kernel)
    weights, middle = kernel[y, x], len(kernel) // 2
    return {
        "largest": round(float(weights.max()), 4),
        "middle": round(float(kernel[middle, middle]), 4),
        "down": float((weights * (y - middle)).sum()),
        "across": float((weights * (x - middle)).sum()),
        "slant": float((weights * (x - middle) * (y - middle)).sum()),
    }


def _box_numbers(t: A.BasicTransform, image: np.ndarray) -> dict[str, Any]:
    """The box of the last call of a crop, padding or enlargement, and the height of its result."""
    height, width = image.shape[:2]
    p, box = t.params, [0, 0, width, height]
    pads = p if "pad_top" in p else p.get("pad_params")
    if isinstance(t, A.CropAndPad):
        box = p["crop_params"] or box
        names = ("pad_top", "pad_bottom", "pad_left", "pad_right")
        pads = dict(zip(names, p["pad_params"] or [0] * 4, strict=True))
    box = list(p.get("crop_coords", box))
    if pads and "crop_coords" in p:
        box = [b - pads[s] for b, s in zip(box, ("pad_left", "pad_top") * 2, strict=True)]
    elif pads:
        sides = ("pad_left", "pad_top", "pad_right", "pad_bottom")
        signs = (-1, -1, 1, 1)
        box = [b + f * pads[s] for b, f, s in zip(box, signs, sides, strict=True)]
    numbers = dict(zip(("left", "top", "right", "bottom"), box, strict=True))
    made = t.apply(image, **p).shape[0]
    return numbers | {"height": made}


def _tone_numbers(t: A.BasicTransform, drawn: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Of N samples of 2.0.8's or the engine's parameters, by name: [N, ...] each."""
    numbers = {name: v for name, v in drawn.items() if v.dtype.kind in "biuf" and name != "fill"}
    if "noise_map" in numbers:
        numbers = {"noise": numbers["noise_map"] / 255}
    elif "shift" in numbers:
        numbers = {"noise": numbers["shift"]}
    elif "grains" in numbers:
        numbers = {"salt_mask": numbers["grains"] == 2, "pepper_mask": numbers["grains"] == 1}
    elif "uniforms" in numbers:
        numbers = {name: numbers[name] for name in ("color_shift", "intensity")}
    elif "channels_to_drop" in numbers:
        dropped = numbers["channels_to_drop"][:, :, None] == np.arange(3)
        numbers = {"dropped": dropped.any(1)}
    found = {}
    for name, values in numbers.items():
        flat = values.reshape(len(values), -1).astype(float)
        found[name] = flat[:, flat.shape[1] // 2]  # OpenCV's first number follows its few seeds
        found[f"{name}, mean"] = flat.mean(1)
        found[f"{name}, spread"] = flat.std(1)
    return found


def _field_numbers(
    t: A.BasicTransform, dx: np.ndarray, dy: np.ndarray, which: int | slice
) -> dict[str, Any]:
    """Of fields [N, 28, 28]. An elastic field is looked at away from the seam where 2.0.8 leaks."""
    far = 28 - 16 if isinstance(t, A.ElasticTransform) and not t.same_dxdy else 28
    up, down = dx[:, :far], dy[:, 28 - far :]
    numbers = {
        "dx": up[:, 3, 9],
        "dy": down[:, -4, 14],
        "step of dx": up[:, 3, 9] - up[:, 3, 12],
        "dx's size": np.sqrt((up**2).mean((1, 2))),
        "dy's size": np.sqrt((down**2).mean((1, 2))),
    }
    return {name: values[which] for name, values in numbers.items()}


def _hole_numbers(boxes: np.ndarray, which: int | slice) -> dict[str, Any]:
    """Of holes [N, M, 4]."""
    size_x, size_y = boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1]
    numbers = {
        "holes": ((size_x > 0) & (size_y > 0)).sum(1),
        "width": size_x[:, 0],
        "height": size_y[:, 0],
        "left": boxes[:, 0, 0],
        "top": boxes[:, 0, 1],
    }
    return {name: values[which] for name, values in numbers.items()}
