"""Pictures of digits as people send them: drawn with many pens, on many papers, in many lights."""

import cv2
import numpy as np

# Strokes as (x, y) in a box of 1 by 1, y downwards; several ways to write each digit.
WAYS = {
    0: [[[(.5, .02), (.2, .15), (.1, .5), (.2, .85), (.5, .98), (.8, .85), (.9, .5), (.8, .15),
          (.5, .02)]],
        [[(.6, .03), (.3, .1), (.2, .5), (.3, .9), (.5, .97), (.72, .85), (.8, .5), (.7, .12),
          (.5, .05)]]],
    1: [[[(.52, .02), (.5, .5), (.48, .98)]], [[(.35, .22), (.55, .03), (.5, .97)]],
        [[(.62, .02), (.4, .98)]]],
    2: [[[(.15, .25), (.3, .06), (.6, .03), (.82, .2), (.75, .45), (.45, .72), (.12, .95),
          (.5, .92), (.9, .95)]],
        [[(.2, .2), (.45, .03), (.75, .12), (.75, .4), (.5, .7), (.25, .93), (.18, .85), (.35, .82),
          (.6, .93), (.88, .9)]]],
    3: [[[(.2, .12), (.5, .03), (.78, .15), (.72, .38), (.45, .48), (.75, .58), (.82, .8),
          (.5, .97), (.15, .87)]],
        [[(.2, .05), (.75, .05), (.45, .4), (.75, .52), (.82, .75), (.55, .97), (.18, .9)]]],
    4: [[[(.25, .05), (.15, .5), (.85, .5)], [(.72, .1), (.68, .98)]],
        [[(.6, .02), (.1, .65), (.9, .65)], [(.66, .35), (.64, .98)]]],
    5: [[[(.8, .05), (.3, .05), (.25, .42), (.55, .38), (.82, .58), (.75, .87), (.4, .98),
          (.15, .88)]],
        [[(.3, .05), (.25, .45), (.6, .42), (.8, .65), (.65, .92), (.2, .95)],
         [(.3, .06), (.82, .03)]]],
    6: [[[(.7, .02), (.35, .3), (.18, .65), (.3, .92), (.6, .97), (.8, .78), (.65, .56), (.38, .6),
          (.22, .78)]],
        [[(.55, .02), (.25, .45), (.2, .8), (.45, .98), (.75, .85), (.72, .6), (.45, .55),
          (.22, .72)]]],
    7: [[[(.12, .08), (.85, .06), (.6, .45), (.42, .98)]],
        [[(.15, .1), (.8, .05), (.55, .5), (.4, .97)], [(.35, .5), (.75, .48)]]],
    8: [[[(.75, .15), (.5, .03), (.25, .18), (.35, .4), (.65, .55), (.78, .78), (.5, .97),
          (.22, .8), (.38, .55), (.65, .38), (.75, .15)]],
        [[(.5, .48), (.28, .25), (.5, .03), (.72, .22), (.5, .48), (.22, .75), (.5, .97), (.8, .75),
          (.5, .48)]]],
    9: [[[(.78, .25), (.5, .05), (.22, .22), (.3, .47), (.6, .48), (.78, .25), (.74, .6),
          (.62, .98)]],
        [[(.75, .12), (.4, .06), (.22, .28), (.4, .48), (.72, .35), (.76, .1), (.72, .55),
          (.45, .95)]]]}
# pen: width in the digit's height; size: the digit's height in the picture's
PICTURES = {
    "thin pen": {"pen": 0.025}, "thick pen": {"pen": 0.16},
    "grey paper": {"paper": 150, "ink": 60}, "light on dark": {"paper": 25, "ink": 230},
    "soft shadow": {"shadow": "soft"}, "hard shadow": {"shadow": "hard"},
    "off centre": {"place": (0.2, 0.75)}, "tilted": {"tilt": 12}, "tiny": {"size": 0.12},
    "huge": {"size": 0.92}, "noisy photo": {"noise": 12, "shadow": "soft", "paper": 190},
    "tall picture": {"shape": (900, 400)}, "small picture": {"shape": (60, 50)}}


def drawn(digit: int, seed: int, pen=0.07, paper=245, ink=30, size=0.55, place=(0.5, 0.5), tilt=0,
          shadow=None, noise=3, shape=(480, 400)) -> np.ndarray:
    """A picture uint8 [H, W] of a digit, another hand for each seed."""
    rng = np.random.default_rng([digit, seed])
    strokes = WAYS[digit][seed % len(WAYS[digit])]
    turn = np.radians(tilt * rng.choice([-1, 1]) + rng.normal(0, 3))
    slant, stretch = rng.normal(0, 0.08), rng.uniform(0.6, 0.85)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ np.array(
        [[stretch, -slant], [0, 1]])
    height = size * min(shape)
    centre = np.array([place[0] * shape[1], place[1] * shape[0]])
    room = np.array([shape[1], shape[0]]) / 2 - height * 0.5 - pen * height
    centre = np.clip(centre, np.array([shape[1], shape[0]]) / 2 - room.clip(0),
                     np.array([shape[1], shape[0]]) / 2 + room.clip(0))
    coverage = np.zeros(shape, np.uint8)
    for stroke in strokes:
        points = np.array(stroke) - 0.5 + rng.normal(0, 0.012, (len(stroke), 2))
        points = smooth(points) @ matrix.T * height + centre
        cv2.polylines(coverage, [np.rint(points * 16).astype(np.int32)], False, 255,
                      max(1, round(pen * height)), cv2.LINE_AA, shift=4)
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
        curve.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2
                            + (3 * b - a - 3 * c + d) * t**3))
    return np.concatenate([*curve, points[-1:]])
