"""Try it yourself: the networks of one run of each arm, reading what is drawn in the page."""

import base64
import hashlib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from markupsafe import Markup

from mnist_aug.analysis.comparison import Study
from mnist_aug.data.preprocessing import SIDE
from mnist_aug.results.files import damaged, read_npz

FILE = "weights.npz"
SCRIPT = (Path(__file__).parent / "templates" / "app.js").read_text(encoding="utf-8")
CHANGED = 5  # examples that augmentation fixed, and as many that it broke
SLIDERS = [  # name, label, least, most, step, start
    ("turn", "turn, degrees", -60, 60, 1, 0),
    ("right", "shift right, px", -8, 8, 0.5, 0),
    ("down", "shift down, px", -8, 8, 0.5, 0),
    ("size", "size", 0.5, 1.6, 0.05, 1),
    ("noise", "noise, SD", 0, 0.6, 0.02, 0),
]


@dataclass(frozen=True)
class Arm:
    """One trained network: its name, the seed of the run, and its weights in base64."""

    name: str
    seed: int
    weights: str


@dataclass(frozen=True)
class Example:
    """A test image to start from."""

    label: str
    image: np.ndarray  # uint8 [28, 28]


@dataclass(frozen=True)
class App:
    """What the templates need."""

    arms: list[Arm]
    examples: list[Example]
    classes: int
    data: dict
    sliders = SLIDERS
    script = Markup(SCRIPT)  # written here, not by a user

    @property
    def words(self) -> list[str]:
        """What is said before the drawing area."""
        return [
            "Draw a digit, or choose a picture of one, and see what the plain and the augmented "
            "network say. Turn, shift, scale it and add noise to feel where each of them breaks. "
            "Everything runs in this page; nothing is sent anywhere.",
            "The networks are those of the run of median test accuracy: "
            + ", ".join(f"{arm.name} seed {arm.seed}" for arm in self.arms)
            + ".",
        ]


def load(results: Path, study: Study, samples: dict | None) -> App | None:
    """The app of a results folder; None where weights or samples are missing or do not fit it.

    Raises:
        UserError: the file of weights is damaged.
    """
    path = Path(results) / FILE
    if samples is None or study.dataset["image_shape"] != [SIDE, SIDE] or not path.exists():
        return None
    stored = read_npz(path)
    names = [variant.name for variant in study.arms]
    if not all(f"{name}_sizes" in stored for name in names):
        return None
    if not all(_fits(stored, name, study.classes) for name in names):
        raise damaged(path)
    arms = [
        Arm(
            name,
            int(stored[f"{name}_seed"]),
            base64.b64encode(stored[f"{name}_weights"].astype("<f4").tobytes()).decode(),
        )
        for name in names
    ]
    examples = []
    for group, title, count in (
        ("test", "class", None),
        ("fixed", "helped by augmentation, class", CHANGED),
        ("broken", "hurt by augmentation, class", CHANGED),
    ):
        for index, image, label in list(
            zip(
                *(samples[f"{group}_{part}"] for part in ("index", "images", "labels")), strict=True
            )
        )[:count]:
            examples.append(Example(f"{title} {label}, test image {index}", image))
    pixels = np.concatenate([example.image.ravel() for example in examples])
    data = {
        "arms": [{"name": name, "sizes": stored[f"{name}_sizes"].tolist()} for name in names],
        "examples": base64.b64encode(pixels.tobytes()).decode(),
    }
    return App(arms, examples, study.classes, data)


def _fits(stored: dict[str, np.ndarray], name: str, classes: int) -> bool:
    """Whether the stored arrays are a network of dense layers for such images."""
    sizes, weights, seed = (stored.get(f"{name}_{part}") for part in ("sizes", "weights", "seed"))
    if (
        weights is None
        or seed is None
        or seed.shape != ()
        or seed.dtype.kind != "i"
        or (sizes.dtype.kind != "i" or sizes.ndim != 1 or weights.dtype.kind != "f")
    ):
        return False
    inner = [int(size) for size in sizes]
    return (
        len(inner) > 1
        and min(inner) > 0
        and inner[0] == SIDE**2
        and inner[-1] == classes
        and weights.shape == (sum((a + 1) * b for a, b in pairwise(inner)),)
    )


def policy(app: App | None) -> str:
    """The page's Content-Security-Policy: no request anywhere, and no script but ours."""
    script = (
        "'none'"
        if app is None
        else "'sha256-" + base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode() + "'"
    )
    return (
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data: blob:; "
        f"style-src 'unsafe-inline'; script-src {script}"
    )
