"""Pictures of digits as people send them: drawn with many pens, on many papers, in many lights."""

import cv2
import numpy as np

# Strokes as (x, y) in a box of 1 by 1, y downwards; several ways to write each digit.
WAYS = {
    0: [
        [
            [
                (0.5, 0.02),
                (0.2, 0.15),
                (0.1, 0.5),
                (0.2, 0.85),
                (0.5, 0.98),
                (0.8, 0.85),
                (0.9, 0.5),
                (0.8, 0.15),
                (0.5, 0.02),
            ]
        ],
        [
            [
                (0.6, 0.03),
                (0.3, 0.1),
                (0.2, 0.5),
                (0.3, 0.9),
                (0.5, 0.97),
                (0.72, 0.85),
                (0.8, 0.5),
                (0.7, 0.12),
                (0.5, 0.05),
            ]
        ],
    ],
    1: [
        [[(0.52, 0.02), (0.5, 0.5), (0.48, 0.98)]],
        [[(0.35, 0.22), (0.55, 0.03), (0.5, 0.97)]],
        [[(0.62, 0.02), (0.4, 0.98)]],
    ],
    2: [
        [
            [
                (0.15, 0.25),
                (0.3, 0.06),
                (0.6, 0.03),
                (0.82, 0.2),
                (0.75, 0.45),
                (0.45, 0.72),
                (0.12, 0.95),
                (0.5, 0.92),
                (0.9, 0.95),
            ]
        ],
        [
            [
                (0.2, 0.2),
                (0.45, 0.03),
                (0.75, 0.12),
                (0.75, 0.4),
                (0.5, 0.7),
                (0.25, 0.93),
                (0.18, 0.85),
                (0.35, 0.82),
                (0.6, 0.93),
                (0.88, 0.9),
            ]
        ],
    ],
    3: [
        [
            [
                (0.2, 0.12),
                (0.5, 0.03),
                (0.78, 0.15),
                (0.72, 0.38),
                (0.45, 0.48),
                (0.75, 0.58),
                (0.82, 0.8),
                (0.5, 0.97),
                (0.15, 0.87),
            ]
        ],
        [
            [
                (0.2, 0.05),
                (0.75, 0.05),
                (0.45, 0.4),
                (0.75, 0.52),
                (0.82, 0.75),
                (0.55, 0.97),
                (0.18, 0.9),
            ]
        ],
    ],
    4: [
        [[(0.25, 0.05), (0.15, 0.5), (0.85, 0.5)], [(0.72, 0.1), (0.68, 0.98)]],
        [[(0.6, 0.02), (0.1, 0.65), (0.9, 0.65)], [(0.66, 0.35), (0.64, 0.98)]],
    ],
    5: [
        [
            [
                (0.8, 0.05),
                (0.3, 0.05),
                (0.25, 0.42),
                (0.55, 0.38),
                (0.82, 0.58),
                (0.75, 0.87),
                (0.4, 0.98),
                (0.15, 0.88),
            ]
        ],
        [
            [(0.3, 0.05), (0.25, 0.45), (0.6, 0.42), (0.8, 0.65), (0.65, 0.92), (0.2, 0.95)],
            [(0.3, 0.06), (0.82, 0.03)],
        ],
    ],
    6: [
        [
            [
                (0.7, 0.02),
                (0.35, 0.3),
                (0.18, 0.65),
                (0.3, 0.92),
                (0.6, 0.97),
                (0.8, 0.78),
                (0.65, 0.56),
                (0.38, 0.6),
                (0.22, 0.78),
            ]
        ],
        [
            [
                (0.55, 0.02),
                (0.25, 0.45),
                (0.2, 0.8),
                (0.45, 0.98),
                (0.75, 0.85),
                (0.72, 0.6),
                (0.45, 0.55),
                (0.22, 0.72),
            ]
        ],
    ],
    7: [
        [[(0.12, 0.08), (0.85, 0.06), (0.6, 0.45), (0.42, 0.98)]],
        [[(0.15, 0.1), (0.8, 0.05), (0.55, 0.5), (0.4, 0.97)], [(0.35, 0.5), (0.75, 0.48)]],
    ],
    8: [
        [
            [
                (0.75, 0.15),
                (0.5, 0.03),
                (0.25, 0.18),
                (0.35, 0.4),
                (0.65, 0.55),
                (0.78, 0.78),
                (0.5, 0.97),
                (0.22, 0.8),
                (0.38, 0.55),
                (0.65, 0.38),
                (0.75, 0.15),
            ]
        ],
        [
            [
                (0.5, 0.48),
                (0.28, 0.25),
                (0.5, 0.03),
                (0.72, 0.22),
                (0.5, 0.48),
                (0.22, 0.75),
                (0.5, 0.97),
                (0.8, 0.75),
                (0.5, 0.48),
            ]
        ],
    ],
    9: [
        [
            [
                (0.78, 0.25),
                (0.5, 0.05),
                (0.22, 0.22),
                (0.3, 0.47),
                (0.6, 0.48),
                (0.78, 0.25),
                (0.74, 0.6),
                (0.62, 0.98),
            ]
        ],
        [
            [
                (0.75, 0.12),
                (0.4, 0.06),
                (0.22, 0.28),
                (0.4, 0.48),
                (0.72, 0.35),
                (0.76, 0.1),
                (0.72, 0.55),
                (0.45, 0.95),
            ]
        ],
    ],
}
# pen: width in the digit's height; size: the digit's height in the picture's
PICTURES = {
    "thin pen": {"pen": 0.025},
    "thick pen": {"pen": 0.16},
    "grey paper": {"paper": 150, "ink": 60},
    "light on dark": {"paper": 25, "ink": 230},
    "soft shadow": {"shadow": "soft"},
    "hard shadow": {"shadow": "hard"},
    "off centre": {"place": (0.2, 0.75)},
    "tilted": {"tilt": 12},
    "tiny": {"size": 0.12},
    "huge": {"size": 0.92},
    "noisy photo": {"noise": 12, "shadow": "soft", "paper": 190},
    "tall picture": {"shape": (900, 400)},
    "small picture": {"shape": (60, 50)},
}


def drawn(
    digit: int,
    seed: int,
    pen=0.07,
    paper=245,
    ink=30,
    size=0.55,
    place=(0.5, 0.5),
    tilt=0,
    shadow=None,
    noise=3,
    shape=(480, 400),
) -> np.ndarray:
    """A picture uint8 [H, W] of a digit, another hand for each seed."""
    rng = np.random.default_rng([digit, seed])
    strokes = WAYS[digit][seed % len(WAYS[digit])]
    turn = np.radians(tilt * rng.choice([-1, 1]) + rng.normal(0, 3))
    slant, stretch = rng.normal(0, 0.08), rng.uniform(0.6, 0.85)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ np.array(
        [[stretch, -slant], [0, 1]]
    )
    height = size * min(shape)
    centre = np.array([place[0] * shape[1], place[1] * shape[0]])
    room = np.array([shape[1], shape[0]]) / 2 - height * 0.5 - pen * height
    centre = np.clip(
        centre,
        np.array([shape[1], shape[0]]) / 2 - room.clip(0),
        np.array([shape[1], shape[0]]) / 2 + room.clip(0),
    )
    coverage = np.zeros(shape, np.uint8)
    for stroke in strokes:
        points = np.array(stroke) - 0.5 + rng.normal(0, 0.012, (len(stroke), 2))
        points = smooth(points) @ matrix.T * height + centre
        cv2.polylines(
            coverage,
            [np.rint(points * 16).astype(np.int32)],
            False,
            255,
            max(1, round(pen * height)),
            cv2.LINE_AA,
            shift=4,
        )
    light = np.ones(shape)
    across = np.linspace(-1, 1, shape[1])[None] + 0.4 * np.linspace(-1, 1, shape[0])[:, None]
    if shadow == "soft":
        light = 0.75 + 0.25 * across / 1.4
    elif shadow == "hard":
        light = cv2.blur(np.where(across > 0.25, 0.6, 1.0), (9, 9))
    alpha = coverage / 255
    picture = (paper * (1 - alpha) + ink * alpha) * light + rng.normal(0, noise, shape)
    return picture.clip(0, 255).round().astype(np.uint8)


def smooth(points: np.ndarray, steps: int = 12) -> np.ndarray:
    """A Catmull-Rom curve through the points."""
    ends = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    curve = []
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    for a, b, c, d in zip(ends, ends[1:], ends[2:], ends[3:], strict=False):
        curve.append(
            0.5
            * (
                2 * b
                + (c - a) * t
                + (2 * a - 5 * b + 4 * c - d) * t**2
                + (3 * b - a - 3 * c + d) * t**3
            )
        )
    return np.concatenate([*curve, points[-1:]])
