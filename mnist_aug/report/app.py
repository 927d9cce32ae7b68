"""Try it yourself: the networks of a run of both models, reading what is drawn or chosen."""

import base64
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from mnist_aug.analysis.comparison import Comparison
from mnist_aug.analysis.doubts import Judge
from mnist_aug.data.preprocessing import BOX, SIDE, box_of
from mnist_aug.report.tables import names_of

SCRIPT = "\n".join(
    (Path(__file__).parent / "templates" / name).read_text(encoding="utf-8")
    for name in ("preparation.js", "doubts.js", "network.js", "app.js")
)
LEAST_SIDE, MOST_SIDE = 8, 64  # pixels: on less nothing can be told, more makes a heavy page
CHANGED = 5  # examples that augmentation fixed, and as many that it broke
SHIFT = 8 / 28  # of the side, at most
Slider = tuple[str, str, float, float, float, float]  # name, label, least, most, step, start


@dataclass(frozen=True)
class Network:
    """One trained network: its name, the seed of the run, and its weights in base64."""

    name: str
    seed: int
    weights: str


@dataclass(frozen=True)
class Example:
    """A test image to start from; its group is "test", "fixed" or "broken"."""

    group: str
    label: str
    image: np.ndarray  # uint8 [H, W]


@dataclass(frozen=True)
class App:
    """What the templates need."""

    networks: list[Network]
    examples: list[Example]
    kind: str  # what an image shows, as in `Comparison`
    height: int
    width: int
    names: list[str]  # of the classes
    data: dict[str, Any]
    script = Markup(SCRIPT)  # written here, not by a user

    @property
    def draws(self) -> bool:
        """Whether there is something to draw; else pictures and examples can be chosen."""
        return self.kind != "image"

    @property
    def invitation(self) -> str:
        return f"Draw a {self.kind}" if self.draws else "Choose a picture"

    @property
    def groups(self) -> list[tuple[str, list[Example]]]:
        """The examples in their order by why they are here, each group with its title."""
        first = [one for one in self.examples if one.group == "test"]
        whole = len(first) == len(self.names)
        of = "each class" if whole else f"each of {len(first)} classes"
        changed = [one for one in self.examples if one.group != "test"]
        parts = [(f"First of {of}", first), ("Predictions that changed most", changed)]
        return [(title, own) for title, own in parts if own]

    @property
    def sliders(self) -> list[Slider]:
        across, down = (round(SHIFT * side) for side in (self.width, self.height))
        return [
            ("turn", "turn, degrees", -60, 60, 1, 0),
            ("right", "shift right, px", -across, across, 0.5, 0),
            ("down", "shift down, px", -down, down, 0.5, 0),
            ("size", "size", 0.5, 1.6, 0.05, 1),
            ("noise", "noise, SD", 0, 0.6, 0.02, 0),
        ]


def load(
    content: Comparison,
    samples: dict[str, np.ndarray] | None,
    stored: dict[str, np.ndarray],
    doubts: dict[str, np.ndarray],
) -> App | None:
    """The app of a comparison; None where weights or samples are missing, or images unfit.

    Images must be grey, of `LEAST_SIDE` to `MOST_SIDE` pixels a side. Where the networks are unfit,
    `reason` says why.

    Args:
        samples, stored: as `extras.read_samples` gives them.
        doubts: as `extras.read_doubts` gives them; nothing is doubted if there are none.
    """
    names = [variant.name for variant in content.both]
    layers = {name: layers_of(stored, name) for name in names}
    if samples is None or not _fit(content) or None in layers.values():
        return None
    networks = [
        Network(
            name,
            int(stored[f"{name}_seed"]),
            base64.b64encode(stored[f"{name}_weights"].astype("<f4").tobytes()).decode(),
        )
        for name in names
    ]
    names_of_classes = names_of(content, range(content.classes))
    examples = []
    judged = content.difference.outcome != "no verdict"
    for group, title, count in (
        ("test", "class", None),
        ("fixed", "helped by augmentation, class", CHANGED if judged else 0),
        ("broken", "hurt by augmentation, class", CHANGED if judged else 0),
    ):
        parts = (samples[f"{group}_{part}"][:count] for part in ("index", "images", "labels"))
        for index, image, label in zip(*parts, strict=True):
            name = names_of_classes[label]
            examples.append(Example(group, f"{title} {name}, test image {index}", image))
    pixels = np.concatenate([example.image.ravel() for example in examples])
    (height, width), background = content.size, content.background
    images = np.concatenate([samples["original_images"], samples["test_images"]])
    data = {
        "kind": content.kind,
        "height": height,
        "width": width,
        "background": background,
        "light": content.is_light,
        "box": BOX / SIDE if background is None else box_of(images, background),
        "names": names_of_classes,
        "networks": [
            {"name": name, "layers": layers[name], "judge": judge(doubts, name)} for name in names
        ],
        "known": known_images(doubts),
        "examples": base64.b64encode(pixels.tobytes()).decode(),
    }
    return App(networks, examples, content.kind, height, width, names_of_classes, data)


def _fit(content: Comparison) -> bool:
    sides = all(LEAST_SIDE <= side <= MOST_SIDE for side in content.size)
    return sides and not content.in_colour


def reason(content: Comparison, stored: Mapping[str, np.ndarray]) -> str | None:
    """Why the networks don't run in the page, in words that follow "as"; None if they do, or images
    are unfit.

    Args:
        stored: as for `load`.
    """
    found = [stored[key] for one in content.both if (key := f"{one.name}_reason") in stored]
    return str(found[0]) if found and _fit(content) else None


def layers_of(stored: Mapping[str, np.ndarray], name: str) -> list[dict[str, Any]] | None:
    """The layers of a network, as `page_network` describes them; None where there are none.

    Older versions stored the units of dense layers with ReLU, from input to output.
    """
    if f"{name}_layers" in stored:
        layers: list[dict[str, Any]] = json.loads(str(stored[f"{name}_layers"]))
        return layers
    if f"{name}_sizes" not in stored:
        return None
    units = stored[f"{name}_sizes"].tolist()
    layers = []
    for inputs, outputs in itertools.pairwise(units):
        layers += [
            {"kind": "dense", "rows": 1, "inputs": inputs, "outputs": outputs}
            | {"numbers": [inputs * outputs, outputs]},
            {"kind": "relu", "slope": 0, "threshold": 0, "most": None, "numbers": []},
        ]
    return [*layers[:-1], {"kind": "softmax", "size": units[-1], "numbers": []}]


def judge(doubts: Mapping[str, np.ndarray], name: str) -> dict[str, Any] | None:
    """What the answers of the network shown are judged by."""
    found = Judge.load(doubts, f"{name}_shown")
    if found is None:
        return None
    return {"temperature": found.temperature, "coefficients": found.coefficients}


def known_images(doubts: Mapping[str, np.ndarray]) -> dict[str, Any] | None:
    """The training images that distances are measured to."""
    if "thumbnails" not in doubts:
        return None
    thumbnails = doubts["thumbnails"]
    return {
        "height": thumbnails.shape[1],
        "width": thumbnails.shape[2],
        "thumbnails": base64.b64encode(thumbnails.tobytes()).decode(),
        "labels": doubts["labels"].tolist(),
        "far": float(doubts["far"]),
    }
