"""The benchmark set: training pipelines for small images, as people write them.

Rebuilt, in albumentations 2.0.8's arguments, after 131 training pipelines of 43 public repositories
and after what is usual for CIFAR, MNIST, Kaggle's competitions and medical images. What is frequent
in public code is frequent here; every transform that occurs in at least two of the repositories,
exists in 2.0.8 and works on single images is here. Transforms of old versions stand as their
successors do: Cutout as CoarseDropout, RandomBrightness and RandomContrast as
RandomBrightnessContrast, JpegCompression as ImageCompression, Flip as a choice of flips,
IAAAdditiveGaussianNoise as AdditiveNoise.

`Normalize`, `ToFloat` and `ToTensorV2` are left out: they change the images' type, and people put
them after augmentation. What is written in pixels in public code, for images of 224 px and more, is
written here relative to the images' side, so that one pipeline serves all sizes.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import albumentations as A
import cv2

Transforms = list[A.BasicTransform | A.BaseCompose]
REFLECT = cv2.BORDER_REFLECT_101


@dataclass(frozen=True)
class Pipeline:
    """One pipeline of the set.

    Attributes:
        name: what it is called in the tables and on the command line.
        origin: the kind of code it is taken after.
        transforms: its transforms for images of this side in pixels.
        colour: whether it needs three channels.
    """

    name: str
    origin: str
    transforms: Callable[[int], Transforms]
    colour: bool = False

    def policy(self, side: int) -> A.Compose:
        """The pipeline for square images with this side in pixels."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "ShiftScaleRotate is a special case", UserWarning)
            return A.Compose(self.transforms(side))

    def written(self) -> str:
        """The names of its transforms, as `HorizontalFlip, OneOf(Blur, NoOp)`."""
        return ", ".join(map(_written, self.policy(32).transforms))


def names(t: A.BasicTransform | A.BaseCompose) -> set[str]:
    """The names of all transforms in a policy, compositions left out."""
    if isinstance(t, A.BaseCompose):
        return {name for child in t.transforms for name in names(child)}
    return {type(t).__name__}


def _written(t: A.BasicTransform | A.BaseCompose) -> str:
    name = type(t).__name__
    if isinstance(t, A.BaseCompose):
        return f"{name}({', '.join(map(_written, t.transforms))})"
    return name


def _single(t: Callable[[int], A.BasicTransform], name: str, colour: bool = False) -> Pipeline:
    return Pipeline(name, "one transform", lambda side: [t(side)], colour)


def _hole(side: int, share: float) -> tuple[int, int]:
    """The range of a hole of this share of the side, in pixels."""
    return max(1, round(side * share / 2)), max(2, round(side * share))


SINGLE = [
    _single(lambda side: A.HorizontalFlip(p=0.5), "flip"),
    _single(lambda side: A.VerticalFlip(p=0.5), "vertical-flip"),
    _single(lambda side: A.ShiftScaleRotate(p=0.5), "shift-scale-rotate"),
    _single(lambda side: A.RandomBrightnessContrast(p=0.5), "brightness-contrast"),
    _single(lambda side: A.GridDistortion(p=0.5), "grid-distortion"),
    _single(
        lambda side: A.CoarseDropout(
            num_holes_range=(1, 8),
            hole_height_range=_hole(side, 0.25),
            hole_width_range=_hole(side, 0.25),
            p=0.5,
        ),
        "dropout",
    ),
    _single(lambda side: A.GaussNoise(p=0.5), "gauss-noise"),
    _single(lambda side: A.Rotate(limit=15, p=1), "rotate"),
    _single(lambda side: A.GaussianBlur(blur_limit=(3, 7), p=0.5), "gaussian-blur"),
    _single(lambda side: A.ElasticTransform(alpha=50, sigma=4, p=0.5), "elastic"),
    _single(lambda side: A.RandomGamma(gamma_limit=(80, 120), p=0.5), "gamma"),
    _single(lambda side: A.MotionBlur(blur_limit=5, p=0.5), "motion-blur"),
    _single(lambda side: A.OpticalDistortion(distort_limit=0.3, p=0.5), "optical-distortion"),
    _single(
        lambda side: A.RGBShift(r_shift_limit=15, g_shift_limit=15, b_shift_limit=15, p=0.5),
        "rgb-shift",
        colour=True,
    ),
    _single(lambda side: A.ToGray(p=0.2), "to-grey", colour=True),
    _single(lambda side: A.CLAHE(clip_limit=2, p=0.5), "clahe"),
    _single(lambda side: A.Transpose(p=0.5), "transpose"),
    _single(lambda side: A.RandomRotate90(p=0.5), "quarter-turns"),
    _single(lambda side: A.D4(p=1), "square-symmetries"),
    _single(lambda side: A.HueSaturationValue(p=0.5), "hue-saturation-value", colour=True),
    _single(lambda side: A.ImageCompression(quality_range=(60, 95), p=0.5), "compression"),
    _single(lambda side: A.MedianBlur(blur_limit=5, p=0.5), "median-blur"),
    _single(lambda side: A.ColorJitter(0.2, 0.2, 0.2, 0.1, p=0.8), "colour-jitter", colour=True),
    _single(
        lambda side: A.RandomResizedCrop(size=(side, side), scale=(0.6, 1), p=1), "resized-crop"
    ),
    _single(
        lambda side: A.Affine(
            rotate=(-15, 15), scale=(0.9, 1.1), translate_percent=(-0.1, 0.1), shear=(-8, 8), p=1
        ),
        "affine",
    ),
    _single(lambda side: A.Perspective(scale=(0.05, 0.1), p=0.5), "perspective"),
]

DIGITS = [
    Pipeline(
        "digits-affine-elastic",
        "MNIST",
        lambda side: [
            A.Affine(
                rotate=(-12, 12),
                scale=(0.9, 1.1),
                translate_percent=(-0.06, 0.06),
                shear={"x": (-10, 10), "y": (0, 0)},
                p=1,
            ),
            A.ElasticTransform(alpha=50, sigma=4, p=1),
        ],
    ),
    Pipeline(
        "digits-shift-scale-rotate",
        "Kaggle digits",
        lambda side: [
            A.ShiftScaleRotate(
                shift_limit=0.1,
                scale_limit=0.1,
                rotate_limit=10,
                border_mode=cv2.BORDER_CONSTANT,
                fill=0,
                p=0.8,
            )
        ],
    ),
    Pipeline(
        "digits-one-distortion",
        "Kaggle digits",
        lambda side: [
            A.Rotate(limit=10, border_mode=cv2.BORDER_CONSTANT, p=0.7),
            A.OneOf(
                [
                    A.ElasticTransform(alpha=30, sigma=5, p=1),
                    A.GridDistortion(num_steps=5, distort_limit=0.2, p=1),
                    A.OpticalDistortion(distort_limit=0.2, p=1),
                ],
                p=0.5,
            ),
        ],
    ),
    Pipeline(
        "digits-noisy",
        "MNIST",
        lambda side: [
            A.Affine(rotate=(-10, 10), translate_percent=(-0.1, 0.1), p=0.7),
            A.OneOf([A.GaussNoise(std_range=(0.02, 0.1), p=1), A.GaussianBlur(p=1)], p=0.3),
            A.CoarseDropout(
                num_holes_range=(1, 2),
                hole_height_range=_hole(side, 0.2),
                hole_width_range=_hole(side, 0.2),
                p=0.3,
            ),
        ],
    ),
    Pipeline(
        "graphemes",
        "Bengali graphemes",
        lambda side: [
            A.ShiftScaleRotate(rotate_limit=15, p=0.5),
            A.OneOf([A.OpticalDistortion(distort_limit=0.3, p=1), A.GridDistortion(p=1)], p=0.2),
            A.CoarseDropout(
                num_holes_range=(4, 8),
                hole_height_range=_hole(side, 0.06),
                hole_width_range=_hole(side, 0.06),
                p=0.2,
            ),
        ],
    ),
    Pipeline(
        "graphemes-heavy",
        "Bengali graphemes",
        lambda side: [
            A.ShiftScaleRotate(
                shift_limit=0.0625, scale_limit=0.15, rotate_limit=10, border_mode=0, p=0.7
            ),
            A.OneOf(
                [
                    A.ElasticTransform(alpha=20, sigma=4, p=1),
                    A.GridDistortion(num_steps=5, distort_limit=0.3, p=1),
                    A.Perspective(scale=(0.03, 0.1), p=1),
                ],
                p=0.4,
            ),
            A.OneOf(
                [
                    A.GaussianBlur(blur_limit=3, p=1),
                    A.MotionBlur(blur_limit=3, p=1),
                    A.GaussNoise(p=1),
                ],
                p=0.3,
            ),
            A.OneOf([A.InvertImg(p=1), A.Sharpen(p=1), A.NoOp(p=1)], p=0.2),
        ],
    ),
    Pipeline(
        "text",
        "text recognition",
        lambda side: [
            A.SafeRotate(limit=5, border_mode=cv2.BORDER_REPLICATE, p=0.5),
            A.Morphological(scale=(2, 3), operation="dilation", p=0.2),
            A.RandomBrightnessContrast(brightness_limit=0.2, contrast_limit=0.2, p=0.5),
            A.ImageCompression(quality_range=(40, 90), p=0.3),
            A.InvertImg(p=0.1),
        ],
    ),
]

CIFAR = [
    Pipeline(
        "pad-crop-flip",
        "CIFAR",
        lambda side: [
            A.PadIfNeeded(min_height=side + 8, min_width=side + 8, border_mode=REFLECT),
            A.RandomCrop(height=side, width=side),
            A.HorizontalFlip(p=0.5),
        ],
    ),
    Pipeline(
        "pad-flip-crop",
        "CIFAR",
        lambda side: [
            A.PadIfNeeded(min_height=side + 8, min_width=side + 8, border_mode=0, fill=0),
            A.HorizontalFlip(p=0.5),
            A.RandomCrop(height=side, width=side),
        ],
    ),
    Pipeline(
        "pad-crop-flip-dropout",
        "CIFAR",
        lambda side: [
            A.PadIfNeeded(min_height=side + 8, min_width=side + 8),
            A.RandomCrop(height=side, width=side),
            A.HorizontalFlip(p=0.5),
            A.CoarseDropout(
                num_holes_range=(1, 1),
                hole_height_range=(side // 4, side // 4),
                hole_width_range=(side // 4, side // 4),
                p=0.5,
            ),
        ],
    ),
    Pipeline(
        "flip-shift-dropout",
        "CIFAR",
        lambda side: [
            A.HorizontalFlip(p=0.5),
            A.ShiftScaleRotate(shift_limit=0.0625, scale_limit=0.1, rotate_limit=15, p=0.5),
            A.CoarseDropout(
                num_holes_range=(1, 1),
                hole_height_range=(side // 2, side // 2),
                hole_width_range=(side // 2, side // 2),
                fill=120,
                p=0.5,
            ),
        ],
    ),
    Pipeline(
        "flip-shift-dropout-grey",
        "CIFAR",
        lambda side: [
            A.HorizontalFlip(p=0.5),
            A.ShiftScaleRotate(shift_limit=0.1, scale_limit=0.1, rotate_limit=10, p=0.5),
            A.CoarseDropout(
                num_holes_range=(1, 1),
                hole_height_range=(side // 2, side // 2),
                hole_width_range=(side // 2, side // 2),
                fill=(125, 123, 114),
                p=0.5,
            ),
            A.ToGray(p=0.15),
        ],
        colour=True,
    ),
    Pipeline(
        "resized-crop-flip",
        "ImageNet's way",
        lambda side: [
            A.RandomResizedCrop(size=(side, side), scale=(0.08, 1), p=1),
            A.HorizontalFlip(p=0.5),
        ],
    ),
    Pipeline(
        "two-views",
        "self-supervised learning",
        lambda side: [
            A.RandomResizedCrop(size=(side, side), scale=(0.2, 1), p=1),
            A.HorizontalFlip(p=0.5),
            A.ColorJitter(0.4, 0.4, 0.4, 0.1, p=0.8),
            A.ToGray(p=0.2),
            A.GaussianBlur(blur_limit=(3, 3), sigma_limit=(0.1, 2), p=0.5),
            A.Solarize(threshold_range=(0.5, 0.5), p=0.2),
        ],
        colour=True,
    ),
    Pipeline(
        "some-of-many",
        "RandAugment's way",
        lambda side: [
            A.SomeOf(
                [
                    A.Rotate(limit=30, p=1),
                    A.Affine(shear=(-16, 16), p=1),
                    A.Affine(translate_percent=(-0.15, 0.15), p=1),
                    A.RandomBrightnessContrast(p=1),
                    A.Equalize(p=1),
                    A.Posterize(num_bits=(4, 7), p=1),
                    A.Solarize(p=1),
                    A.Sharpen(p=1),
                    A.RandomGamma(p=1),
                    A.InvertImg(p=1),
                ],
                n=2,
                p=1,
            )
        ],
    ),
    Pipeline(
        "one-of-six",
        "AutoAugment's way",
        lambda side: [
            A.HorizontalFlip(p=0.5),
            A.OneOf(
                [
                    A.ShiftScaleRotate(p=1),
                    A.Equalize(p=1),
                    A.Solarize(p=1),
                    A.Posterize(p=1),
                    A.ColorJitter(p=1),
                    A.NoOp(p=1),
                ],
                p=0.9,
            ),
        ],
        colour=True,
    ),
]

RESIZED = [
    Pipeline(
        "enlarge-crop-flip",
        "competition",
        lambda side: [
            A.Resize(side * 9 // 8, side * 9 // 8),
            A.RandomCrop(side, side),
            A.HorizontalFlip(p=0.5),
            A.RandomBrightnessContrast(p=0.2),
        ],
    ),
    Pipeline(
        "crop-rotate-resize",
        "competition",
        lambda side: [
            A.RandomCrop(side * 7 // 8, side * 7 // 8),
            A.Rotate(limit=10, p=0.5),
            A.Resize(side, side),
        ],
    ),
    Pipeline(
        "sized-crop",
        "satellite images",
        lambda side: [
            A.RandomSizedCrop(min_max_height=(side * 5 // 8, side), size=(side, side), p=0.5),
            A.VerticalFlip(p=0.5),
            A.HorizontalFlip(p=0.5),
            A.RandomRotate90(p=0.5),
        ],
    ),
    Pipeline(
        "smallest-side-shift-crop",
        "albumentations' tutorial",
        lambda side: [
            A.SmallestMaxSize(max_size=side * 5 // 4),
            A.ShiftScaleRotate(shift_limit=0.05, scale_limit=0.05, rotate_limit=15, p=0.5),
            A.RandomCrop(height=side, width=side),
            A.RGBShift(r_shift_limit=15, g_shift_limit=15, b_shift_limit=15, p=0.5),
            A.RandomBrightnessContrast(p=0.5),
        ],
        colour=True,
    ),
    Pipeline(
        "longest-side-pad",
        "detection",
        lambda side: [
            A.LongestMaxSize(max_size=side * 7 // 8),
            A.PadIfNeeded(min_height=side, min_width=side, border_mode=0, fill=114),
            A.HorizontalFlip(p=0.5),
            A.RandomGamma(p=0.2),
        ],
    ),
    Pipeline(
        "scale-pad-crop",
        "segmentation",
        lambda side: [
            A.RandomScale(scale_limit=0.2, p=0.8),
            A.PadIfNeeded(min_height=side * 5 // 4, min_width=side * 5 // 4, border_mode=0),
            A.CenterCrop(height=side, width=side),
            A.HorizontalFlip(p=0.5),
        ],
    ),
    Pipeline(
        "rare-yolo",
        "detection",
        lambda side: [
            A.RandomResizedCrop(size=(side, side), scale=(0.8, 1), ratio=(0.9, 1.11), p=0.1),
            A.Blur(p=0.01),
            A.MedianBlur(p=0.01),
            A.ToGray(p=0.01),
            A.CLAHE(p=0.01),
            A.RandomBrightnessContrast(p=0.1),
            A.RandomGamma(p=0.1),
            A.ImageCompression(quality_range=(75, 100), p=0.1),
        ],
        colour=True,
    ),
]

KAGGLE = [
    Pipeline(
        "strong",
        "albumentations' example",
        lambda side: [
            A.RandomRotate90(p=0.5),
            A.OneOf([A.HorizontalFlip(p=1), A.VerticalFlip(p=1)], p=0.5),
            A.Transpose(p=0.5),
            A.OneOf([A.AdditiveNoise(p=1), A.GaussNoise(p=1)], p=0.2),
            A.OneOf(
                [
                    A.MotionBlur(blur_limit=3, p=0.2),
                    A.MedianBlur(blur_limit=3, p=0.1),
                    A.Blur(blur_limit=3, p=0.1),
                ],
                p=0.2,
            ),
            A.ShiftScaleRotate(shift_limit=0.0625, scale_limit=0.2, rotate_limit=45, p=0.2),
            A.OneOf([A.OpticalDistortion(p=0.3), A.GridDistortion(p=0.1)], p=0.2),
            A.OneOf(
                [
                    A.CLAHE(clip_limit=2, p=1),
                    A.Sharpen(p=1),
                    A.Emboss(p=1),
                    A.RandomBrightnessContrast(p=1),
                ],
                p=0.3,
            ),
            A.HueSaturationValue(p=0.3),
        ],
        colour=True,
    ),
    Pipeline(
        "leaves",
        "cassava",
        lambda side: [
            A.RandomResizedCrop(size=(side, side), p=1),
            A.Transpose(p=0.5),
            A.HorizontalFlip(p=0.5),
            A.VerticalFlip(p=0.5),
            A.ShiftScaleRotate(p=0.5),
            A.HueSaturationValue(hue_shift_limit=20, sat_shift_limit=20, val_shift_limit=20, p=0.5),
            A.RandomBrightnessContrast(
                brightness_limit=(-0.1, 0.1), contrast_limit=(-0.1, 0.1), p=0.5
            ),
            A.CoarseDropout(
                num_holes_range=(1, 8),
                hole_height_range=_hole(side, 0.03),
                hole_width_range=_hole(side, 0.03),
                p=0.5,
            ),
            A.CoarseDropout(
                num_holes_range=(1, 4),
                hole_height_range=_hole(side, 0.1),
                hole_width_range=_hole(side, 0.1),
                p=0.5,
            ),
        ],
        colour=True,
    ),
    Pipeline(
        "leaves-blurs",
        "cassava",
        lambda side: [
            A.OneOf(
                [
                    A.RandomBrightnessContrast(contrast_limit=0, brightness_limit=0.1, p=1),
                    A.RandomBrightnessContrast(contrast_limit=0.1, brightness_limit=0, p=1),
                ],
                p=0.5,
            ),
            A.OneOf(
                [
                    A.MotionBlur(blur_limit=3, p=1),
                    A.MedianBlur(blur_limit=3, p=1),
                    A.GaussianBlur(blur_limit=3, p=1),
                ],
                p=0.5,
            ),
            A.VerticalFlip(p=0.5),
            A.HorizontalFlip(p=0.5),
            A.ShiftScaleRotate(
                shift_limit=0.2, scale_limit=0.2, rotate_limit=20, border_mode=REFLECT, p=1
            ),
        ],
    ),
    Pipeline(
        "apple-leaves",
        "plant pathology",
        lambda side: [
            A.RandomBrightnessContrast(p=1),
            A.VerticalFlip(p=0.5),
            A.HorizontalFlip(p=0.5),
            A.ShiftScaleRotate(
                shift_limit=0.2, scale_limit=0.2, rotate_limit=20, border_mode=REFLECT, p=1
            ),
            A.OneOf([A.Emboss(p=1), A.Sharpen(p=1), A.Blur(p=1)], p=0.5),
            A.OneOf([A.ElasticTransform(p=1), A.GridDistortion(p=1)], p=0.3),
        ],
    ),
    Pipeline(
        "skin",
        "melanoma",
        lambda side: [
            A.Transpose(p=0.5),
            A.VerticalFlip(p=0.5),
            A.HorizontalFlip(p=0.5),
            A.RandomBrightnessContrast(brightness_limit=0.2, contrast_limit=0.2, p=0.75),
            A.OneOf(
                [
                    A.MotionBlur(blur_limit=5, p=1),
                    A.MedianBlur(blur_limit=5, p=1),
                    A.GaussianBlur(blur_limit=5, p=1),
                    A.GaussNoise(std_range=(0.01, 0.03), p=1),
                ],
                p=0.7,
            ),
            A.OneOf(
                [
                    A.OpticalDistortion(distort_limit=1.0, p=1),
                    A.GridDistortion(num_steps=5, distort_limit=1.0, p=1),
                    A.ElasticTransform(alpha=3, p=1),
                ],
                p=0.7,
            ),
            A.CLAHE(clip_limit=4, p=0.7),
            A.HueSaturationValue(hue_shift_limit=10, sat_shift_limit=20, val_shift_limit=10, p=0.5),
            A.ShiftScaleRotate(
                shift_limit=0.1, scale_limit=0.1, rotate_limit=15, border_mode=0, p=0.85
            ),
            A.CoarseDropout(
                num_holes_range=(1, 1),
                hole_height_range=_hole(side, 0.375),
                hole_width_range=_hole(side, 0.375),
                p=0.7,
            ),
        ],
        colour=True,
    ),
    Pipeline(
        "tissue",
        "histopathology",
        lambda side: [
            A.RandomRotate90(p=0.5),
            A.HorizontalFlip(p=0.5),
            A.VerticalFlip(p=0.5),
            A.Transpose(p=0.5),
            A.HueSaturationValue(hue_shift_limit=10, sat_shift_limit=30, val_shift_limit=20, p=0.5),
            A.RandomGamma(gamma_limit=(80, 120), p=0.3),
        ],
        colour=True,
    ),
    Pipeline(
        "cells",
        "microscopy",
        lambda side: [
            A.CLAHE(p=0.5),
            A.RandomRotate90(p=0.5),
            A.Transpose(p=0.5),
            A.ShiftScaleRotate(shift_limit=0.0625, scale_limit=0.5, rotate_limit=45, p=0.75),
            A.Blur(blur_limit=3, p=0.5),
            A.OpticalDistortion(p=0.5),
            A.GridDistortion(p=0.5),
            A.HueSaturationValue(p=0.5),
        ],
        colour=True,
    ),
    Pipeline(
        "scans",
        "MRI",
        lambda side: [
            A.HorizontalFlip(p=0.5),
            A.VerticalFlip(p=0.3),
            A.RandomRotate90(p=0.3),
            A.ShiftScaleRotate(shift_limit=0.1, scale_limit=0.1, rotate_limit=15, p=0.3),
            A.OneOf(
                [A.ElasticTransform(alpha=120, sigma=6, p=0.5), A.GridDistortion(p=0.5)], p=0.3
            ),
            A.RandomBrightnessContrast(brightness_limit=0.1, contrast_limit=0.1, p=0.3),
            A.GaussianBlur(blur_limit=3, p=0.2),
        ],
    ),
    Pipeline(
        "x-rays",
        "chest X-rays",
        lambda side: [
            A.HorizontalFlip(p=0.5),
            A.Rotate(limit=10, border_mode=0, p=0.5),
            A.RandomResizedCrop(size=(side, side), scale=(0.85, 1), ratio=(0.9, 1.1), p=0.5),
            A.OneOf([A.CLAHE(clip_limit=2, p=1), A.RandomGamma(p=1), A.Equalize(p=1)], p=0.3),
            A.OneOf([A.GaussNoise(p=1), A.MultiplicativeNoise(p=1)], p=0.2),
        ],
    ),
    Pipeline(
        "segmentation",
        "segmentation_models' example",
        lambda side: [
            A.HorizontalFlip(p=0.5),
            A.ShiftScaleRotate(
                scale_limit=0.5, rotate_limit=0, shift_limit=0.1, border_mode=0, p=1
            ),
            A.PadIfNeeded(min_height=side, min_width=side, border_mode=0),
            A.RandomCrop(height=side, width=side),
            A.AdditiveNoise(p=0.2),
            A.Perspective(p=0.5),
            A.OneOf([A.CLAHE(p=1), A.RandomBrightnessContrast(p=1), A.RandomGamma(p=1)], p=0.9),
            A.OneOf(
                [A.Sharpen(p=1), A.Blur(blur_limit=3, p=1), A.MotionBlur(blur_limit=3, p=1)],
                p=0.9,
            ),
            A.OneOf([A.RandomBrightnessContrast(p=1), A.HueSaturationValue(p=1)], p=0.9),
        ],
        colour=True,
    ),
    Pipeline(
        "phone-photos",
        "photos",
        lambda side: [
            A.HorizontalFlip(p=0.5),
            A.RandomBrightnessContrast(0.3, 0.3, p=0.6),
            A.OneOf([A.ISONoise(p=1), A.GaussNoise(p=1), A.MultiplicativeNoise(p=1)], p=0.3),
            A.OneOf([A.Downscale(scale_range=(0.5, 0.9), p=1), A.ImageCompression(p=1)], p=0.3),
            A.OneOf([A.ColorJitter(p=1), A.RGBShift(p=1), A.HueSaturationValue(p=1)], p=0.5),
        ],
        colour=True,
    ),
    Pipeline(
        "street",
        "driving",
        lambda side: [
            A.HorizontalFlip(p=0.5),
            A.RandomBrightnessContrast(p=0.5),
            A.RandomRain(slant_range=(-5, 5), drop_length=max(2, side // 10), p=0.2),
            A.MotionBlur(blur_limit=(3, 5), p=0.2),
            A.ToGray(p=0.1),
        ],
        colour=True,
    ),
    Pipeline(
        "dropouts",
        "regularisation",
        lambda side: [
            A.HorizontalFlip(p=0.5),
            A.OneOf(
                [
                    A.CoarseDropout(p=1),
                    A.GridDropout(ratio=0.3, unit_size_range=(side // 7, side // 4), p=1),
                    A.PixelDropout(dropout_prob=0.05, p=1),
                ],
                p=0.5,
            ),
        ],
    ),
    Pipeline(
        "flips-noise-blur",
        "general",
        lambda side: [
            A.HorizontalFlip(p=0.5),
            A.VerticalFlip(p=0.5),
            A.Rotate(limit=45, p=0.5),
            A.RandomBrightnessContrast(p=0.3),
            A.GaussNoise(p=0.2),
            A.GaussianBlur(p=0.2),
        ],
    ),
    Pipeline(
        "geometry",
        "general",
        lambda side: [
            A.HorizontalFlip(p=0.5),
            A.ShiftScaleRotate(
                shift_limit=0.0625, scale_limit=0.1, rotate_limit=30, border_mode=REFLECT, p=0.7
            ),
            A.GridDistortion(num_steps=5, distort_limit=0.3, p=0.3),
            A.ElasticTransform(alpha=40, sigma=5, p=0.3),
        ],
    ),
]

ALL = SINGLE + DIGITS + CIFAR + RESIZED + KAGGLE
