"""Try it yourself: the networks of a run of both models, reading what is drawn in the page."""

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.data.preprocessing import SIDE

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
class Network:
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

    networks: list[Network]
    examples: list[Example]
    classes: int
    data: dict[str, Any]
    sliders = SLIDERS
    script = Markup(SCRIPT)  # written here, not by a user

    @property
    def sentences(self) -> list[str]:
        """The sentences before the drawing area."""
        return [
            "Draw a digit, or choose a picture of one, and see what the plain and the augmented "
            "network say. Turn, shift, scale it and add noise to feel where each of them breaks. "
            "Everything runs in this page; nothing is sent anywhere.",
            "The networks are those of the run of median test accuracy: "
            + ", ".join(f"{one.name} seed {one.seed}" for one in self.networks)
            + ".",
        ]


def load(
    content: Comparison, samples: dict[str, np.ndarray] | None, stored: dict[str, np.ndarray]
) -> App | None:
    """The app of a comparison; None where weights or samples are missing or of other images.

    Args:
        samples, stored: as `extras.read_samples` gives them.
    """
    if samples is None or content.dataset["image_shape"] != [SIDE, SIDE]:
        return None
    names = [variant.name for variant in content.both]
    if not all(f"{name}_sizes" in stored for name in names):
        return None
    networks = [
        Network(
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
        parts = (samples[f"{group}_{part}"][:count] for part in ("index", "images", "labels"))
        for index, image, label in zip(*parts, strict=True):
            examples.append(Example(f"{title} {label}, test image {index}", image))
    pixels = np.concatenate([example.image.ravel() for example in examples])
    data = {
        "networks": [{"name": name, "sizes": stored[f"{name}_sizes"].tolist()} for name in names],
        "examples": base64.b64encode(pixels.tobytes()).decode(),
    }
    return App(networks, examples, content.classes, data)


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
