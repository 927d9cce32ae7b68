"""The engine beside other libraries that do the same work, each set to the same parameters.

All get the same uint8 images, in the arrays of their own library, and give uint8 back; what mixes
labels gets them one-hot and gives shares. Where a library draws once for a whole batch, it is
measured by batch and, where it can take one image, image by image, which draws as the engine does;
`DRAWS` says what it draws and where its API does something else.

A measurement goes in rounds, in each of which every library has its turn. It has processes of its
own, as a library's threads can't be changed once it has started.
"""

import importlib
import importlib.util
import math
import multiprocessing
import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import albumentations as A
import cv2
import numpy as np

from mnist_aug import backend
from mnist_aug.analysis.benchmark import PACKAGE
from mnist_aug.augment import policy as policies
from mnist_aug.augment.mixing import Mixer
from mnist_aug.augment.policy import SIDE, Policy
from mnist_aug.errors import UserError

COUNT = 1000  # images of a call
FEW = 100  # are enough where each image is a call of its own
SOME = 50  # of a call of what compiles a loop over the images, or takes long for each
_SLICE = 0.1  # seconds that a library has its turn for, at least

AFFINE, BOTH = "affine", "affine + elastic"
MIXUP, CUTMIX, AUGMIX = "mixup:0.2", "cutmix:1", "augmix:3"
AUTOAUGMENT, RANDAUGMENT = "autoaugment-svhn", "rand-m6-n2"
TRIVIALAUGMENT, ERASING, CUTOUT = "trivialaugment", "random-erasing:0.5", "cutout:0.5"
NAMED = (  # policies by their names
    *("default", MIXUP, CUTMIX, AUGMIX, AUTOAUGMENT, RANDAUGMENT, TRIVIALAUGMENT, ERASING, CUTOUT),
)
TASKS = (AFFINE, BOTH, *NAMED)
PIPELINES = {
    AFFINE: [
        A.Affine(
            rotate=(-12, 12),
            scale=(0.9, 1.1),
            translate_percent=(-0.06, 0.06),
            shear={"x": (-10, 10), "y": (0, 0)},
            p=1,
        )
    ]
}
PIPELINES[BOTH] = [*PIPELINES[AFFINE], A.ElasticTransform(alpha=50, sigma=4, p=1)]

ENGINE = PACKAGE
ALBUMENTATIONS = "albumentations, image by image"
KERAS, KORNIA = "Keras layers", "Kornia"
TORCHVISION, BY_BATCH = "torchvision v2, image by image", "torchvision v2, by batch"
PER_IMAGE = "per image"
_BATCH = "once for the whole batch"
_OPERATIONS = f"operations {_BATCH}, magnitudes per image"
_IN_BATCH = "per image, the other image from the batch"
_BEFORE = f"{_BATCH}, the other image is the one before"
_OWN = "its own operations and magnitudes"
_INSIDE = "the box lies inside the image"
_NINE = "nine operations, geometric ones among them"
# What each draws where that isn't all of it for every image, and what it does otherwise.
DRAWS = {
    (MIXUP, ENGINE): "per image, the other image from all",
    (CUTMIX, ENGINE): "per image, the other image from all",
    (BOTH, KERAS): "per image; one elastic field for both axes, less smooth",
    (MIXUP, KERAS): _IN_BATCH,
    (CUTMIX, KERAS): f"{_IN_BATCH}; {_INSIDE}",
    (AUGMIX, KERAS): f"{_OPERATIONS}, weights {_BATCH}; {_OWN}, geometric ones among them",
    (RANDAUGMENT, KERAS): f"{_OPERATIONS}; {_OWN}",
    (ERASING, KERAS): "per image; any aspect",
    (CUTOUT, KERAS): f"per image; {_INSIDE}",
    (MIXUP, KORNIA): f"{_IN_BATCH}; weights are uniform",
    (CUTMIX, KORNIA): f"{_IN_BATCH}; {_INSIDE}",
    (AUTOAUGMENT, KORNIA): f"{_OPERATIONS}",
    (RANDAUGMENT, KORNIA): f"operations {_BATCH}; without identity and colour",
    (TRIVIALAUGMENT, KORNIA): f"{_OPERATIONS}; without identity, scale and elastic",
    (ERASING, KORNIA): "per image; by one value",
    (CUTOUT, KORNIA): f"per image; {_INSIDE}",
    (MIXUP, BY_BATCH): _BEFORE,
    (CUTMIX, BY_BATCH): _BEFORE,
    (AUGMIX, BY_BATCH): f"operations and magnitudes {_BATCH}, weights per image; {_NINE}",
    (AUGMIX, TORCHVISION): f"per image; {_NINE}",
    (TRIVIALAUGMENT, BY_BATCH): f"{_BATCH}; {_OWN}",
    (TRIVIALAUGMENT, TORCHVISION): f"per image; {_OWN}",
    (CUTOUT, BY_BATCH): f"{_BATCH}; {_INSIDE}",
    (CUTOUT, TORCHVISION): f"per image; {_INSIDE}",
}

Method = tuple[int, Callable[[], Any]]  # images of a call, and what makes them
More = Callable[[str, np.ndarray], dict[str, Method]]


@dataclass(frozen=True)
class Timed:
    """How long a library took.

    Attributes:
        images: of a call.
        seconds: of a call, float [rounds].
    """

    images: int
    seconds: np.ndarray

    @property
    def rates(self) -> np.ndarray:
        """Images per second, float [rounds]."""
        return self.images / self.seconds


def draws(task: str, library: str) -> str:
    """What a library draws for each image or once for a batch, and what it does otherwise."""
    return DRAWS.get((task, library), _BATCH if library == BY_BATCH else PER_IMAGE)


def missing() -> list[str]:
    """The packages of rivals that aren't installed, and so are left out."""
    packages = ("kornia", "torchvision")
    return [package for package in packages if not importlib.util.find_spec(package)]


def policy(task: str, side: int = SIDE, fill: policies.Fill = 0) -> Policy:
    """What the engine does, for images of that shorter side and background."""
    if task in PIPELINES:
        return Policy(task, policies.fitted(A.Compose(PIPELINES[task]), side, fill))
    return policies.load(task, side, fill)


def measure(
    images: np.ndarray,
    labels: np.ndarray,
    groups: Sequence[Sequence[int]],
    rounds: int = 7,
    tasks: Sequence[str] = TASKS,
    more: More | None = None,
) -> Iterator[tuple[str, dict[str, Timed]]]:
    """Each task, and how long each library took for it.

    Args:
        images: uint8 [N, H, W] or [N, H, W, 3].
        labels: int [N].
        groups: the cores of each of the processes that are at work at the same time, and whose
            rates are added. Where it has none, it has one thread wherever the system puts it.
        more: further methods of a task by name; a function of a module.

    Raises:
        UserError: a process ended before it was done.
    """
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(len(groups), timeout=600)
    receivers, processes = [], []
    for group in groups:
        receiver, sender = context.Pipe(duplex=False)
        work = (
            images[:COUNT],
            labels[:COUNT],
            max(1, len(group)),
            rounds,
            tasks,
            more,
            barrier,
            sender,
        )
        process = context.Process(target=_work, args=work, daemon=True)
        with on_cores(group):
            process.start()
        sender.close()  # so that the end of the process is the end of the answer
        receivers.append(receiver)
        processes.append(process)
    try:
        for task in tasks:
            every = [receiver.recv() for receiver in receivers]
            yield task, {name: _together([each[name] for each in every]) for name in every[0]}
    except EOFError:
        raise UserError("a process of the benchmark ended early: see above") from None
    finally:
        for process in processes:
            process.terminate()
            process.join()


@contextmanager
def on_cores(cores: Sequence[int]) -> Iterator[None]:
    """Processes started meanwhile may use these alone, and their libraries count them."""
    if not (cores and hasattr(os, "sched_setaffinity")):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def _together(every: Sequence[Timed]) -> Timed:
    images = every[0].images
    return Timed(images, images / np.sum([timed.rates for timed in every], axis=0))


def _work(
    images: np.ndarray,
    labels: np.ndarray,
    threads: int,
    rounds: int,
    tasks: Sequence[str],
    more: More | None,
    barrier: Any,
    answer: Any,
) -> None:
    """Send the times of each task's libraries."""
    start(threads)
    for task in tasks:
        all_methods = methods(task, images, labels)
        all_methods |= more(task, images) if more else {}
        calls = dict.fromkeys(all_methods, 1)
        seconds: dict[str, list[float]] = {name: [] for name in all_methods}
        for number in range(-2, rounds):
            for name, (_, method) in all_methods.items():
                barrier.wait()
                begin = time.perf_counter()
                for _ in range(calls[name]):
                    method()
                each = (time.perf_counter() - begin) / calls[name]
                if number < 0:  # what is compiled at the first call isn't counted
                    calls[name] = math.ceil(_SLICE / each)
                else:
                    seconds[name].append(each)
        answer.send(
            {
                name: Timed(count, np.array(seconds[name]))
                for name, (count, _) in all_methods.items()
            }
        )


def start(threads: int) -> None:
    """Start the libraries in this process, on the CPU, with so many threads, and quietly."""
    if threads == 1:
        cv2.setNumThreads(1)
    if importlib.util.find_spec("triton"):  # which may come with PyTorch
        importlib.import_module("triton")  # imported after TensorFlow, it ends the process
    start_keras(threads)
    if importlib.util.find_spec("torch"):
        import torch

        torch.set_num_threads(threads)
        warnings.filterwarnings("ignore", module="torch|kornia")


def start_keras(threads: int) -> None:
    """Start Keras and TensorFlow with the instructions that they choose, as `start` does."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # of the parent it has another
    with backend.silent_stderr():
        import keras
        import tensorflow as tf

        if not backend.on_gpu():
            tf.config.set_visible_devices([], "GPU")
        if threads == 1:
            tf.config.threading.set_intra_op_parallelism_threads(1)
            tf.config.threading.set_inter_op_parallelism_threads(1)
        keras.ops.zeros(1)


def methods(task: str, images: np.ndarray, labels: np.ndarray) -> dict[str, Method]:
    """How each library that is there does the task, the engine first.

    A call gives the images as a NumPy array, a tensor [N, C, H, W], or a list of single ones; of
    what mixes labels, images and the labels' shares [N, classes].
    """
    classes = int(labels.max()) + 1
    ours = policy(task, min(images.shape[1:3]))
    found: dict[str, Method] = {}
    if ours.soft_labels:
        mixer, index = Mixer(ours, images, labels, classes), np.arange(len(images))
        found[ENGINE] = len(images), lambda: mixer((0, 0), index)
    else:
        engine = ours.engine()
        assert engine is not None
        found[ENGINE] = len(images), lambda: engine(images, (0, 0, 0))
    # albumentations' Erasing fails where a box doesn't fit, as happens where sides differ.
    fails = task == ERASING and images.shape[1] != images.shape[2]
    if not (ours.soft_labels or ours.augmix or fails):
        few = images[:FEW]
        found[ALBUMENTATIONS] = len(few), lambda: [ours.pipeline(image=i)["image"] for i in few]
    one_hot = np.eye(classes, dtype=np.float32)[labels]
    found |= _keras(task, images, one_hot)
    if not {"torchvision"} & {*missing()}:
        found |= _torchvision(task, images, one_hot)
    if not {"kornia"} & {*missing()}:
        found |= _kornia(task, images, labels, classes)
    return found


# Keras --------------------------------------------------------------------------------------------


def _keras(task: str, images: np.ndarray, one_hot: np.ndarray) -> dict[str, Method]:
    import keras
    import tensorflow as tf

    layers = _keras_layers(task, keras.layers)
    if not layers:
        return {}
    pixels = tf.constant(images if images.ndim == 4 else images[..., None])

    def augmented(batch: Any) -> Any:
        for layer in layers:
            batch = layer(batch, training=True)
        return tf.cast(tf.round(batch), tf.uint8)

    def mixed(batch: Any, shares: Any) -> tuple[Any, Any]:
        both = layers[0]({"images": batch, "labels": shares}, training=True)
        return tf.cast(tf.round(both["images"]), tf.uint8), both["labels"]

    if task in (MIXUP, CUTMIX):
        compiled, shares = tf.function(mixed), tf.constant(one_hot)

        def both() -> tuple[np.ndarray, np.ndarray]:
            made, soft = compiled(pixels, shares)
            return made.numpy(), soft.numpy()

        return {KERAS: (len(images), both)}
    if task == AUGMIX:  # in a graph it would draw its operations once and for all
        return {KERAS: (len(images), lambda: augmented(pixels).numpy())}
    compiled = tf.function(augmented)
    if task != BOTH:
        return {KERAS: (len(images), lambda: compiled(pixels).numpy())}
    # The elastic layer unrolls a loop over the batch: 1,000 images take minutes to compile.
    size = min(SOME, len(images))
    some = [pixels[at : at + size] for at in range(0, len(images) - size + 1, size)]
    return {
        KERAS: (
            size * len(some),
            lambda: np.concatenate([compiled(batch).numpy() for batch in some]),
        )
    }


def _keras_layers(task: str, layers: Any) -> list[Any]:
    black = {"fill_mode": "constant"}

    def affine() -> list[Any]:
        return [
            layers.RandomRotation(12 / 360, **black),
            layers.RandomTranslation(0.06, 0.06, **black),
            layers.RandomZoom((-0.1, 0.1), (-0.1, 0.1), **black),
            layers.RandomShear(x_factor=(0.0, math.tan(math.radians(10))), **black),
        ]

    makers: dict[str, Callable[[], list[Any]]] = {
        AFFINE: affine,
        # Its smoothest: sigma is 1.4 of 28 pixels.
        BOTH: lambda: [*affine(), layers.RandomElasticTransform((1.0, 1.0), (1.0, 1.0), **black)],
        MIXUP: lambda: [layers.MixUp(alpha=0.2)],
        CUTMIX: lambda: [layers.CutMix(factor=(1.0, 1.0))],  # that is alpha
        AUGMIX: lambda: [layers.AugMix(num_chains=3, chain_depth=3, factor=0.3, all_ops=False)],
        RANDAUGMENT: lambda: [layers.RandAugment(num_ops=2, factor=0.6)],
        ERASING: lambda: [layers.RandomErasing(factor=(0.5, 0.5), scale=(0.02, 0.4))],
        CUTOUT: lambda: [layers.RandomErasing(factor=(1.0, 1.0), scale=(0.25, 0.25), fill_value=0)],
    }
    return makers[task]() if task in makers else []


# torchvision --------------------------------------------------------------------------------------


def _torchvision(task: str, images: np.ndarray, one_hot: np.ndarray) -> dict[str, Method]:
    import torch
    from torchvision.transforms import v2

    tensor = _channels_first(images)
    transform = _torchvision_transform(task, v2, min(images.shape[1:3]) / SIDE)
    if transform is None:
        return {}
    if task in (MIXUP, CUTMIX):
        shares = torch.from_numpy(one_hot)

        def mixed() -> tuple[Any, Any]:
            made, soft = transform(tensor.float(), shares)  # of whole numbers it makes no means
            return made.round().byte(), soft

        return {BY_BATCH: (len(tensor), torch.inference_mode()(mixed))}
    few = tensor[:FEW]
    return {
        TORCHVISION: (len(few), torch.inference_mode()(lambda: [transform(i) for i in few])),
        BY_BATCH: (len(tensor), torch.inference_mode()(lambda: transform(tensor))),
    }


def _torchvision_transform(task: str, v2: Any, scale: float) -> Any:
    """The transform for images of `scale` times 28 pixels a side."""
    bilinear = {"interpolation": v2.InterpolationMode.BILINEAR}
    affine = partial(v2.RandomAffine, 12, (0.06, 0.06), (0.9, 1.1), 10, **bilinear)
    makers: dict[str, Callable[[], Any]] = {
        AFFINE: affine,
        BOTH: lambda: v2.Compose([affine(), v2.ElasticTransform(50.0 * scale**2, 4.0 * scale)]),
        MIXUP: lambda: v2.MixUp(alpha=0.2),
        CUTMIX: lambda: v2.CutMix(alpha=1.0),
        AUGMIX: lambda: v2.AugMix(severity=3, all_ops=False),
        AUTOAUGMENT: lambda: v2.AutoAugment(v2.AutoAugmentPolicy.SVHN, **bilinear),
        RANDAUGMENT: lambda: v2.RandAugment(2, 18, 31, **bilinear),  # the 18th of 30 parts is 0.6
        TRIVIALAUGMENT: lambda: v2.TrivialAugmentWide(**bilinear),
        ERASING: lambda: v2.RandomErasing(0.5, (0.02, 0.4), (0.3, 1 / 0.3), value="random"),
        CUTOUT: lambda: v2.RandomErasing(1.0, (0.25, 0.25), (1.0, 1.0), value=0),
    }
    return makers[task]() if task in makers else None


def _channels_first(images: np.ndarray) -> Any:
    import torch

    tensor = torch.from_numpy(images)
    return tensor[:, None] if images.ndim == 3 else tensor.permute(0, 3, 1, 2).contiguous()


# Kornia -------------------------------------------------------------------------------------------


def _kornia(task: str, images: np.ndarray, labels: np.ndarray, classes: int) -> dict[str, Method]:
    import torch
    from kornia import augmentation

    transform = _kornia_transform(task, augmentation, min(images.shape[1:3]) / SIDE)
    if transform is None:
        return {}
    tensor, whole = _channels_first(images), torch.from_numpy(labels.astype(np.int64))

    def augmented() -> Any:
        return _bytes(transform(tensor.float() / 255))

    def mixed() -> tuple[Any, Any]:
        made, drawn = transform(tensor.float() / 255, whole)
        own, other, share = drawn.reshape(-1, 3).T
        if task == MIXUP:
            share = 1 - share
        soft = torch.zeros(len(whole), classes).scatter_(1, own.long()[:, None], share[:, None])
        return _bytes(made), soft.scatter_add_(1, other.long()[:, None], 1 - share[:, None])

    method = mixed if task in (MIXUP, CUTMIX) else augmented
    return {KORNIA: (len(tensor), torch.inference_mode()(method))}


def _bytes(floats: Any) -> Any:
    return (floats * 255).round().clamp(0, 255).byte()


def _kornia_transform(task: str, k: Any, scale: float) -> Any:
    """The transform for images of `scale` times 28 pixels a side."""
    import torch

    affine = partial(k.RandomAffine, 12.0, (0.06, 0.06), (0.9, 1.1), 10.0, p=1.0)
    labelled = {"data_keys": ["input", "class"]}

    def elastic() -> Any:
        # Fields as strong as albumentations': of a standard deviation of about one of 28 pixels.
        size, sigma, strength = 2 * round(16 * scale) + 1, 4.0 * scale, 1.75 * scale
        return k.RandomElasticTransform((size,) * 2, (sigma,) * 2, (strength,) * 2, p=1.0)

    makers: dict[str, Callable[[], Any]] = {
        AFFINE: affine,
        BOTH: lambda: torch.nn.Sequential(affine(), elastic()),
        MIXUP: lambda: k.RandomMixUpV2(**labelled),
        CUTMIX: lambda: k.RandomCutMixV2(beta=1.0, use_correct_lambda=True, **labelled),
        AUTOAUGMENT: lambda: k.auto.AutoAugment("svhn"),
        RANDAUGMENT: lambda: k.auto.RandAugment(2, 18, _kornia_operations(30, 0.3, 150 / 331, 0.9)),
        TRIVIALAUGMENT: lambda: k.auto.TrivialAugment(
            _kornia_operations(30, math.tan(math.radians(17)), 0.14, 0.4, tones=False)
        ),
        ERASING: lambda: k.RandomErasing((0.02, 0.4), (0.3, 1 / 0.3), p=0.5),
        CUTOUT: lambda: k.RandomErasing((0.25, 0.25), (1.0, 1.0), p=1.0),
    }
    return makers[task]() if task in makers else None


def _kornia_operations(
    degrees: float, shear: float, shift: float, brighter: float, tones: bool = True
) -> list[list[tuple[str, float, float]]]:
    """Its operations with these largest magnitudes: shear in pixels a row, shift as a share."""
    sheared = math.degrees(math.atan(shear)) / 180  # it takes half turns
    found = {
        "rotate": (-degrees, degrees),
        **{f"shear_{axis}": (-sheared, sheared) for axis in "xy"},
        **{f"translate_{axis}": (-shift, shift) for axis in "xy"},
        "contrast": (0.1, 1.9),
        "brightness": (1 - brighter, 1 + brighter),
    }
    if tones:
        found |= {"auto_contrast": (0, 1), "equalize": (0, 1), "sharpness": (0.1, 1.9)}
        found |= {"posterize": (4.0, 8.0), "solarize": (0.0, 1.0)}
    return [[(name, *limits)] for name, limits in found.items()]
