"""Pictures of digits as people send them, and of what is no digit.

`GROUPS` has every kind of picture by what is special about it, `drawn` draws one, `saved` writes
it to a file of its format, and `NOT_DIGITS` draws the rest. All of it is a pure function of
(kind, digit, seed).
"""

from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

Box = tuple[int, int, int, int]  # left, top, right, bottom of the ink, in pixels
Colour = int | tuple[int, int, int]
# What is done to the paper before, or to the picture after the digit is drawn: from
# float32 [H, W] or [H, W, 3] in [0, 255], the digit's box and a generator to such a picture.
Effect = Callable[[np.ndarray, Box, np.random.Generator], np.ndarray]
# How a pen lays a curve, float [N, 2] of (x, y), of some width in pixels, on a mask uint8 [H, W].
Pen = Callable[[np.ndarray, np.ndarray, float, np.random.Generator], None]
Strokes = list[list[tuple[float, float]]]


def _ways(*texts: str) -> list[Strokes]:
    return [
        [
            [tuple(int(v) / 100 for v in point.split(",")) for point in stroke.split()]  # type: ignore[misc]
            for stroke in text.split("/")
        ]
        for text in texts
    ]


# Strokes as x,y in hundredths of a box of 1 by 1, y downwards; several ways to write each digit.
WAYS = {
    0: _ways(
        "50,2 20,15 10,50 20,85 50,98 80,85 90,50 80,15 50,2",
        "60,3 30,10 20,50 30,90 50,97 72,85 80,50 70,12 50,5",
    ),
    1: _ways(
        "52,2 50,50 48,98",
        "35,22 55,3 50,97",
        "62,2 40,98",
    ),
    2: _ways(
        "15,25 30,6 60,3 82,20 75,45 45,72 12,95 50,92 90,95",
        "20,20 45,3 75,12 75,40 50,70 25,93 18,85 35,82 60,93 88,90",
    ),
    3: _ways(
        "20,12 50,3 78,15 72,38 45,48 75,58 82,80 50,97 15,87",
        "20,5 75,5 45,40 75,52 82,75 55,97 18,90",
    ),
    4: _ways(
        "25,5 15,50 85,50 / 72,10 68,98",
        "60,2 10,65 90,65 / 66,35 64,98",
    ),
    5: _ways(
        "80,5 30,5 25,42 55,38 82,58 75,87 40,98 15,88",
        "30,5 25,45 60,42 80,65 65,92 20,95 / 30,6 82,3",
    ),
    6: _ways(
        "70,2 35,30 18,65 30,92 60,97 80,78 65,56 38,60 22,78",
        "55,2 25,45 20,80 45,98 75,85 72,60 45,55 22,72",
    ),
    7: _ways(
        "12,8 85,6 60,45 42,98",
        "15,10 80,5 55,50 40,97 / 35,50 75,48",
    ),
    8: _ways(
        "75,15 50,3 25,18 35,40 65,55 78,78 50,97 22,80 38,55 65,38 75,15",
        "50,48 28,25 50,3 72,22 50,48 22,75 50,97 80,75 50,48",
    ),
    9: _ways(
        "78,25 50,5 22,22 30,47 60,48 78,25 74,60 62,98",
        "75,12 40,6 22,28 40,48 72,35 76,10 72,55 45,95",
    ),
}
LETTERS = {
    "A": _ways("10,98 50,2 90,98 / 28,62 72,60"),
    "E": _ways("80,4 22,4 / 22,4 20,97 82,96 / 20,50 70,48"),
    "K": _ways("22,2 20,98 / 80,4 24,52 / 40,42 82,97"),
    "M": _ways("12,98 20,3 / 20,3 50,60 / 50,60 80,3 / 80,3 88,98"),
    "R": _ways("22,3 20,98 / 20,4 60,3 76,22 62,45 22,50 / 45,50 82,97"),
    "W": _ways("5,4 28,97 / 28,97 50,30 / 50,30 72,97 / 72,97 95,4"),
    "X": _ways("14,4 86,97 / 86,4 14,97"),
}


def drawn(
    digit: int | str,
    seed: int,
    *,
    pen: float = 0.07,
    stroke: Pen | None = None,
    paper: Colour | None = 245,
    ink: Colour = 30,
    canvas: Colour | None = None,
    size: float = 0.55,
    place: tuple[float, float] = (0.5, 0.5),
    tilt: float = 0,
    shape: tuple[int, int] = (480, 400),
    under: Sequence[Effect] = (),
    shadow: str | None = None,
    noise: float = 3,
    over: Sequence[Effect] = (),
) -> np.ndarray:
    """A picture of a digit, or of a letter of `LETTERS`, another hand for each seed.

    The strokes depend on (digit, seed) alone, not on the kind of picture.

    Args:
        pen: its width in the digit's height.
        stroke: how the pen lays its ink; round, even and without gaps if None.
        paper: grey or RGB; None is transparent.
        canvas: the colour that fully transparent pixels hold; the ink's if None.
        size: the digit's height in the picture's shorter side.
        place: of the digit's middle, in the picture's width and height.
        tilt: degrees, to the one side or the other.
        shape: height and width in pixels.
        under: what is on the paper before the digit: its texture, lines, frames.
        shadow: one of `LIGHTS`.
        noise: standard deviation of the sensor's noise, in grey levels.
        over: what the camera, the scanner or the cutting does after, in this order.

    Returns:
        uint8 [H, W], or [H, W, 3] where anything is coloured, or RGBA [H, W, 4] on no paper.
    """
    rng = np.random.default_rng([ord(digit) if isinstance(digit, str) else digit, seed])
    ways = WAYS[digit] if isinstance(digit, int) else LETTERS[digit]
    turn = np.radians(tilt * rng.choice([-1, 1]) + rng.normal(0, 3))
    slant, stretch = rng.normal(0, 0.08), rng.uniform(0.6, 0.85)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ np.array(
        [[stretch, -slant], [0, 1]]
    )
    height = size * min(shape)
    middle = np.array([shape[1], shape[0]]) / 2
    room = (middle - height * 0.5 - pen * height).clip(0)
    centre = np.array([place[0] * shape[1], place[1] * shape[0]]).clip(middle - room, middle + room)
    width = max(1.0, pen * height)
    curves = []
    for points in map(np.array, ways[seed % len(ways)]):
        points = points - 0.5 + rng.normal(0, 0.012, points.shape)
        curves.append(smooth(points) @ matrix.T * height + centre)
    by_hand = np.random.default_rng([*np.frombuffer(rng.bytes(8), np.uint32)])
    coverage = np.zeros(shape, np.uint8)
    for points in curves:
        (stroke or evenly)(coverage, points, width, by_hand)
    left, top, across, down = cv2.boundingRect((coverage > 127).astype(np.uint8))
    box = left, top, left + across, top + down
    if paper is None:
        return _on_nothing(coverage, ink, ink if canvas is None else canvas)

    colours = [np.array(one, np.float32) for one in (paper, ink)]
    channels = 3 if any(one.ndim for one in colours) else 1
    picture = np.full((*shape, channels), colours[0], np.float32).squeeze()
    for effect in under:
        picture = effect(picture, box, by_hand)
    picture = _marked(picture, coverage, ink)
    if shadow:
        picture = _lit(picture, LIGHTS[shadow])
    if noise:
        picture = picture + _noise(picture.shape, noise, by_hand)
    for effect in over:
        picture = effect(picture, box, by_hand)
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


def _on_nothing(coverage: np.ndarray, ink: Colour, canvas: Colour) -> np.ndarray:
    picture = np.empty((*coverage.shape, 4), np.uint8)
    picture[..., :3] = ink
    picture[coverage == 0, :3] = canvas
    picture[..., 3] = coverage
    return picture


def _marked(
    picture: np.ndarray, mask: np.ndarray, colour: Colour, opacity: float = 1
) -> np.ndarray:
    """The picture with a colour where a mask, uint8 [H, W], says."""
    alpha = mask.astype(np.float32) * np.float32(opacity / 255)
    if picture.ndim == 3:
        alpha = alpha[..., None]
    elif not isinstance(colour, int):
        picture = np.repeat(picture[..., None], 3, axis=2)
        alpha = alpha[..., None]
    return picture + (np.array(colour, np.float32) - picture) * alpha


def _lit(picture: np.ndarray, light: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
    height, width = picture.shape[:2]
    down, across = np.meshgrid(
        *(np.linspace(-1, 1, side, dtype=np.float32) for side in (height, width)), indexing="ij"
    )
    shining = light(across, down)
    return picture * (shining if picture.ndim == 2 else shining[..., None])


def _noise(shape: Sequence[int], deviation: float, rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal(shape, dtype=np.float32) * np.float32(deviation)


def _texture(shape: Sequence[int], grain: float, rng: np.random.Generator) -> np.ndarray:
    """Smooth noise of deviation 1 whose spots are about `grain` pixels wide."""
    size = [max(2, round(side / grain)) for side in shape[:2]]
    coarse = rng.standard_normal(size, dtype=np.float32)
    return cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)


# Pens


def _line(mask: np.ndarray, points: np.ndarray, width: float, kind: int = cv2.LINE_AA) -> None:
    fixed = [np.rint(np.asarray(points) * 16).astype(np.int32)]
    cv2.polylines(mask, fixed, False, 255, max(1, round(width)), kind, shift=4)


def evenly(mask: np.ndarray, points: np.ndarray, width: float, rng: np.random.Generator) -> None:
    _line(mask, points, width)


def nib(mask: np.ndarray, points: np.ndarray, width: float, rng: np.random.Generator) -> None:
    """A fountain pen's: wide across its edge of 40 degrees, thin along it."""
    edge = np.array([np.cos(np.radians(40)), -np.sin(np.radians(40))]) * width / 2
    for a, b in pairwise(points):
        corners = np.rint(np.array([a - edge, a + edge, b + edge, b - edge]) * 16)
        cv2.fillConvexPoly(mask, corners.astype(np.int32), 255, cv2.LINE_AA, shift=4)
    _line(mask, points, 0.3 * width)


def brush(mask: np.ndarray, points: np.ndarray, width: float, rng: np.random.Generator) -> None:
    """Pressed in the middle of a stroke, lifted towards its end."""
    along = np.linspace(0, 1, len(points) - 1)
    press = 0.35 + np.sin(np.pi * along**0.7) + 0.15 * np.sin(9 * along + rng.uniform(0, 6))
    for a, b, force in zip(points, points[1:], press, strict=False):
        _line(mask, np.stack([a, b]), width * force)


def chalk(mask: np.ndarray, points: np.ndarray, width: float, rng: np.random.Generator) -> None:
    """Broken by the grain of the board, more so at its edges."""
    own = np.zeros_like(mask)
    _line(own, points, width)
    depth = cv2.GaussianBlur(own, (0, 0), width / 4).astype(np.float32) / 255
    grain = _texture(mask.shape, 2.5, rng) + 0.5 * _texture(mask.shape, 9, rng)
    powder = ((3.2 * depth - 1.1 + 0.55 * grain) * 255).clip(0, 255)
    np.maximum(mask, np.where(own > 0, powder, 0).astype(np.uint8), out=mask)


def pencil(mask: np.ndarray, points: np.ndarray, width: float, rng: np.random.Generator) -> None:
    own = np.zeros_like(mask)
    _line(own, points, width)
    grain = (0.8 + 0.25 * _texture(mask.shape, 2, rng)).clip(0.3, 1)
    np.maximum(mask, (own * grain).astype(np.uint8), out=mask)


def dry(mask: np.ndarray, points: np.ndarray, width: float, rng: np.random.Generator) -> None:
    """A ballpoint that fails now and then."""
    place = rng.uniform(0, 4)
    while place < len(points) - 1:
        run = rng.uniform(5, 14)
        inked = points[int(place) : int(place + run) + 1]
        if len(inked) > 1:
            _line(mask, inked, width)
        place += run + rng.uniform(1, 2.5)


def dashed(mask: np.ndarray, points: np.ndarray, width: float, rng: np.random.Generator) -> None:
    """Dashes as long as gaps, as of letters to be traced."""
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    along = np.concatenate([[0], steps.cumsum()])
    for start in np.arange(0, along[-1], 2.6 * width):
        inside = np.linspace(start, min(start + 1.3 * width, along[-1]), 5)
        _line(mask, np.stack([np.interp(inside, along, points[:, i]) for i in (0, 1)], 1), width)


def twice(mask: np.ndarray, points: np.ndarray, width: float, rng: np.random.Generator) -> None:
    """Gone over again, a little beside."""
    _line(mask, points, width)
    _line(mask, points + rng.normal(0, width, 2) + rng.normal(0, 0.15 * width, points.shape), width)


def outlined(mask: np.ndarray, points: np.ndarray, width: float, rng: np.random.Generator) -> None:
    """A hollow stroke between two thin lines."""
    _line(mask, points, width)
    inner = np.zeros_like(mask)
    _line(inner, points, width * 0.6)
    np.minimum(mask, 255 - inner, out=mask)


def mouse(mask: np.ndarray, points: np.ndarray, width: float, rng: np.random.Generator) -> None:
    """Straight pieces between a shaky hand's few points, without smooth edges."""
    few = np.concatenate([points[::5], points[-1:]])
    few = np.rint(few + rng.normal(0, 0.25 * width, few.shape))
    _line(mask, few, width, cv2.LINE_8)


# Papers


def fibres(picture: np.ndarray, box: Box, rng: np.random.Generator) -> np.ndarray:
    """Recycled paper: cloudy, with dark and light fibres."""
    clouds = 4 * _texture(picture.shape, 25, rng) + 4 * _texture(picture.shape, 3, rng)
    picture = picture + (clouds if picture.ndim == 2 else clouds[..., None])
    for colour in (150, 235):
        mask = np.zeros(picture.shape[:2], np.uint8)
        for _ in range(40):
            place, way = rng.uniform(0, picture.shape[1::-1]), rng.normal(0, 5, (3, 2))
            _line(mask, place + way.cumsum(axis=0), 1)
        picture = _marked(picture, mask, colour, 0.6)
    return picture


def wiped(picture: np.ndarray, box: Box, rng: np.random.Generator) -> np.ndarray:
    """A blackboard with what the sponge left."""
    mask = np.zeros(picture.shape[:2], np.uint8)
    for _ in range(6):
        a, b = rng.uniform(0, 1, (2, 2)) * picture.shape[1::-1]
        _line(mask, np.stack([a, b]), rng.uniform(20, 60))
    return _marked(picture, cv2.GaussianBlur(mask, (0, 0), 12), 160, 0.16)


def back_of_the_sheet(picture: np.ndarray, box: Box, rng: np.random.Generator) -> np.ndarray:
    """Print that shows through, mirrored."""
    mask = np.zeros(picture.shape[:2], np.uint8)
    _text(mask, rng, scale=0.9, gap=34)
    return _marked(picture, cv2.GaussianBlur(mask[:, ::-1], (0, 0), 1.2), 60, 0.16)


def _text(mask: np.ndarray, rng: np.random.Generator, scale: float, gap: int) -> None:
    for y in range(gap, mask.shape[0] + gap, gap):
        words = " ".join(
            "".join(rng.choice([*"aeinorstlmdu"], rng.integers(2, 9))) for _ in range(12)
        )
        cv2.putText(mask, words, (12, y), cv2.FONT_HERSHEY_COMPLEX, scale, 255, 1, cv2.LINE_AA)


# Lights: of x to the right and y downwards, both float [H, W] in [-1, 1]; 1 is the lamp's


def _hand(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    shade = ((x - 0.9) ** 2 + (y - 1.1) ** 2 * 0.6 < 1.1).astype(np.float32)
    return 1 - 0.45 * cv2.GaussianBlur(shade, (0, 0), 14)


LIGHTS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "soft": lambda x, y: 0.75 + 0.25 * (x + 0.4 * y) / 1.4,
    "hard": lambda x, y: cv2.blur(np.where(x + 0.4 * y > 0.25, np.float32(0.6), 1), (9, 9)),
    "gradient": lambda x, y: 0.65 - 0.32 * (0.5 * x + y) / 1.5,
    "vignette": lambda x, y: 1 - 0.3 * (x**2 + y**2),
    "flash": lambda x, y: 0.62 + 0.5 * np.exp(-((x - 0.25) ** 2 + (y + 0.3) ** 2) / 0.25),
    "hand": _hand,
}

# Camera and scanner


def exposed(
    picture: np.ndarray, box: Box, rng: np.random.Generator, gain: float, offset: float
) -> np.ndarray:
    return (picture * gain + offset).clip(0, 255)


def compressed(picture: np.ndarray, box: Box, rng: np.random.Generator, quality: int) -> np.ndarray:
    whole = picture.clip(0, 255).round().astype(np.uint8)
    _, coded = cv2.imencode(".jpg", whole, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(coded, cv2.IMREAD_UNCHANGED)
    assert decoded is not None
    return decoded.astype(np.float32)


def moved(picture: np.ndarray, box: Box, rng: np.random.Generator, length: int) -> np.ndarray:
    kernel, way = np.zeros((length, length), np.uint8), rng.uniform(0, np.pi)
    tip = np.array([np.cos(way), np.sin(way)]) * (length - 1) / 2
    _line(kernel, np.stack([-tip, tip]) + (length - 1) / 2, 1)
    return cv2.filter2D(picture, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)


def defocused(picture: np.ndarray, box: Box, rng: np.random.Generator, radius: int) -> np.ndarray:
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2).astype(np.float32)
    return cv2.filter2D(picture, -1, disc / disc.sum(), borderType=cv2.BORDER_REPLICATE)


def on_screen(picture: np.ndarray, box: Box, rng: np.random.Generator) -> np.ndarray:
    """A monitor's pixels, photographed: they beat against the sensor's."""
    y, x = np.indices(picture.shape[:2], np.float32)
    turn = rng.uniform(0.02, 0.05)
    stripes = np.sin((x + turn * y) * 2.9) * np.sin((y - turn * x) * 3.0)
    bands = np.sin((x * 0.03 + y * 0.08) + rng.uniform(0, 6))
    return picture * (0.86 + 0.1 * stripes + 0.04 * bands) + 12


def scanned_dark(
    picture: np.ndarray, box: Box, rng: np.random.Generator, sides: str = "ltrb"
) -> np.ndarray:
    """The black that a scanner sees beside the sheet."""
    picture = picture.copy()
    height, width = picture.shape[:2]
    for side in sides:
        wide = rng.uniform(0.03, 0.07) * width
        length = width if side in "tb" else height
        depth = wide + np.linspace(0, rng.uniform(-6, 6), length) + rng.normal(0, 0.4, length)
        dark = np.arange(width if side in "lr" else height)[:, None] < depth
        turned = {"l": dark.T, "r": dark.T[:, ::-1], "t": dark, "b": dark[::-1]}[side]
        picture[turned] = 12
    return picture


def on_a_table(
    picture: np.ndarray, box: Box, rng: np.random.Generator, table: int = 55, margin: float = 0.12
) -> np.ndarray:
    """The sheet lies on a dark wooden table, seen a little from the side."""
    height, width = picture.shape[:2]
    grain = _texture((height, 4), 3, rng)
    wood = table + 7 * cv2.resize(grain, (width, height), interpolation=cv2.INTER_CUBIC)
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    inwards = (np.array([width, height]) / 2 - corners) * 2 * margin
    seen = corners + inwards * rng.uniform(0.7, 1.3, (4, 2))
    matrix = cv2.getPerspectiveTransform(corners, seen.astype(np.float32))
    sheet = cv2.warpPerspective(picture, matrix, (width, height))
    mask = cv2.warpPerspective(np.full((height, width), 255, np.uint8), matrix, (width, height))
    shade = cv2.GaussianBlur(np.roll(mask, (6, 6), (0, 1)), (0, 0), 5).astype(np.float32) / 255
    ground, alpha = wood * (1 - 0.5 * shade), mask.astype(np.float32) / 255
    if picture.ndim == 3:
        ground, alpha = ground[..., None], alpha[..., None]
    return sheet + ground * (1 - alpha)


def plotted(picture: np.ndarray, box: Box, rng: np.random.Generator, colours: str) -> np.ndarray:
    """`plt.imshow` and `plt.savefig`, with the axes, in 28 by 28 or in full."""
    side = min(picture.shape[:2])
    top, left = ((length - side) // 2 for length in picture.shape[:2])
    square = picture[top : top + side, left : left + side]
    fine = 28 if rng.random() < 0.5 else 140
    square = cv2.resize(square, (fine, fine), interpolation=cv2.INTER_AREA)
    figure, shown = _axes(fine, colours)
    shown.set_data(square)
    figure.canvas.draw()
    found = np.asarray(figure.canvas.buffer_rgba())[..., :3].astype(np.float32)
    return found[..., 0] if colours == "gray" else found


@cache
def _axes(side: int, colours: str) -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.8), dpi=100)
    FigureCanvasAgg(figure)
    data = np.zeros((side, side))
    return figure, figure.add_subplot().imshow(data, cmap=colours, vmin=0, vmax=255)


# Crops


def tight(
    picture: np.ndarray, box: Box, rng: np.random.Generator, side: int, margin: int = 0
) -> np.ndarray:
    """Cut to the ink, as `cv2.boundingRect` gives it, its longer side reduced to so many pixels.

    `margin` is in pixels of the result.
    """
    left, top, right, bottom = box
    scale = side / max(right - left, bottom - top)
    more = round(margin / scale)
    cut = picture[max(0, top - more) : bottom + more, max(0, left - more) : right + more]
    size = [max(1, round(length * scale)) for length in cut.shape[1::-1]]
    return cv2.resize(cut, size, interpolation=cv2.INTER_AREA)


def cut(
    picture: np.ndarray, box: Box, rng: np.random.Generator, sides: str, pad: float = 0
) -> np.ndarray:
    """Cut to the ink on some sides (l, t, r, b), or to a share of the ink's height beside it."""
    left, top, right, bottom = box
    more = round(pad * (bottom - top))
    rows = slice(
        max(0, top - more) if "t" in sides else None, bottom + more if "b" in sides else None
    )
    columns = slice(
        max(0, left - more) if "l" in sides else None, right + more if "r" in sides else None
    )
    return picture[rows, columns]


def squared(picture: np.ndarray, box: Box, rng: np.random.Generator, paper: int) -> np.ndarray:
    """Padded with plain paper to a square, in the middle."""
    height, width = picture.shape[:2]
    field = np.full((max(height, width),) * 2, paper, np.float32)
    top, left = (len(field) - height) // 2, (len(field) - width) // 2
    field[top : top + height, left : left + width] = picture
    return field


# Frames


def _around(box: Box, pad: float) -> tuple[np.ndarray, float]:
    """Corners of a rectangle around the ink, by a share of its height, and that height."""
    left, top, right, bottom = box
    height, more = bottom - top, pad * (bottom - top)
    wide = max(right - left, 0.7 * height) / 2  # no slit around a one
    x, y = (left + right) / 2, (top + bottom) / 2
    corners = [(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)]
    return np.array([x, y]) + np.array(corners) * [wide + more, height / 2 + more], height


def cell(picture: np.ndarray, box: Box, rng: np.random.Generator, pad: float) -> np.ndarray:
    """Cut along such a rectangle."""
    corners = np.rint(_around(box, pad)[0]).astype(int)
    (left, top), (right, bottom) = corners[0].clip(0), corners[2]
    return picture[top:bottom, left:right]


def framed(
    picture: np.ndarray,
    box: Box,
    rng: np.random.Generator,
    width: float = 2,
    colour: int = 60,
    pad: float = 0.22,
    style: str = "plain",
) -> np.ndarray:
    """A rectangle around the digit: plain, dashed, double, rounded, by hand, or a corner of one."""
    corners, height = _around(box, pad)
    mask = np.zeros(picture.shape[:2], np.uint8)
    if style == "dashed":
        for a, b in pairwise(corners):
            count = max(2, round(np.linalg.norm(b - a) / 16))
            for start in np.arange(count) / count:
                _line(mask, a + (b - a) * np.array([[start], [start + 0.6 / count]]), width)
    elif style == "rounded":
        radius, turn = 0.15 * height, np.linspace(0, np.pi / 2, 9)
        inner = corners[:4] + np.array([(1, 1), (-1, 1), (-1, -1), (1, -1)]) * radius
        arcs = [
            one + radius * np.stack([np.cos(turn + angle), np.sin(turn + angle)], 1)
            for one, angle in zip(inner, np.pi / 2 * np.array([2, 3, 0, 1]), strict=True)
        ]
        _line(mask, np.concatenate([*arcs, arcs[0][:1]]), width)
    elif style == "by hand":
        sides = [np.linspace(a, b, 7) for a, b in pairwise(corners)]
        shaky = np.concatenate(sides)
        _line(mask, shaky + rng.normal(0, 0.012 * height, shaky.shape), width)
    elif style == "corner":
        _line(mask, corners[[3, 0, 1]] * [1, 1], width)
    else:
        _line(mask, corners, width)
    if style == "double":
        outer, _ = _around(box, pad + 0.07)
        _line(mask, outer, width)
    return _marked(picture, mask, colour)


def table_of_cells(
    picture: np.ndarray,
    box: Box,
    rng: np.random.Generator,
    widths: Sequence[float] = (2, 6),
    colour: int = 40,
    pad: float = 0.22,
) -> np.ndarray:
    """The borders of the digit's cell and of its neighbours', as of a sudoku or a form."""
    corners, _ = _around(box, pad)
    (left, top), (right, bottom) = corners[0], corners[2]
    mask = np.zeros(picture.shape[:2], np.uint8)
    far = max(picture.shape)
    thick = rng.integers(0, 3)  # which of the lines is the block's border
    for i in range(-2, 4):
        width = widths[int(i % 3 == thick)]
        x, y = left + i * (right - left), top + i * (bottom - top)
        _line(mask, np.array([(x, -far), (x, far)]), width)
        _line(mask, np.array([(-far, y), (far, y)]), width)
    return _marked(picture, mask, colour)


def edge_of_the_sheet(picture: np.ndarray, box: Box, rng: np.random.Generator) -> np.ndarray:
    """Another sheet begins at the right, below this one's shadow."""
    height, width = picture.shape[:2]
    x = np.arange(width)[None] - np.linspace(0.86, 0.9, height)[:, None] * width
    light = np.where(x < 0, 1, 0.82 - 0.4 * np.exp(-x.clip(0) / 7)).astype(np.float32)
    return picture * (light if picture.ndim == 2 else light[..., None])


# Lines


def ruled(
    picture: np.ndarray,
    box: Box,
    rng: np.random.Generator,
    gap: float = 60,
    colour: Colour = 200,
    width: float = 2,
    ways: str = "-",
    tilt: float = 0.5,
) -> np.ndarray:
    """Lines across the whole paper: ruled for ways "-", squared for "-|", both a bit aslant."""
    height, across = picture.shape[:2]
    mask = np.zeros((height, across), np.uint8)
    slope, far = np.tan(np.radians(rng.normal(0, tilt))), float(height + across)
    for way in ways:
        for at in np.arange(rng.uniform(0, gap) - gap, far, gap):
            line = np.array([(0, at), (far, at + slope * far)])
            _line(mask, line if way == "-" else line[:, ::-1] * [-1, 1] + [2 * at, 0], width)
    return _marked(picture, mask, colour)


def margin_line(picture: np.ndarray, box: Box, rng: np.random.Generator) -> np.ndarray:
    mask = np.zeros(picture.shape[:2], np.uint8)
    x = 0.14 * picture.shape[1]
    _line(mask, np.array([(x, 0), (x + 3, picture.shape[0])]), 3)
    return _marked(picture, mask, (215, 70, 80))


def dotted(picture: np.ndarray, box: Box, rng: np.random.Generator, gap: int = 40) -> np.ndarray:
    mask = np.zeros(picture.shape[:2], np.uint8)
    for y in range(gap // 2, picture.shape[0], gap):
        for x in range(gap // 2, picture.shape[1], gap):
            cv2.circle(mask, (x, y), 2, 255, -1, cv2.LINE_AA)
    return _marked(picture, mask, 150)


def writing_line(
    picture: np.ndarray,
    box: Box,
    rng: np.random.Generator,
    below: float,
    colour: int = 60,
    width: float = 3,
    length: float = 2,
) -> np.ndarray:
    """A line below the digit, by a share of its height, over `length` picture widths."""
    mask = np.zeros(picture.shape[:2], np.uint8)
    middle, y = (box[0] + box[2]) / 2, box[3] + below * (box[3] - box[1])
    half = length * picture.shape[1] / 2
    _line(mask, np.array([(middle - half, y), (middle + half, y)]), width)
    return _marked(picture, mask, colour)


def staff(picture: np.ndarray, box: Box, rng: np.random.Generator) -> np.ndarray:
    """Music paper: five lines at the digit's height."""
    mask = np.zeros(picture.shape[:2], np.uint8)
    for y in np.linspace(box[1], box[3], 5):
        _line(mask, np.array([(0, y), (picture.shape[1], y)]), 2)
    return _marked(picture, mask, 90)


# Others' marks


def dirt(picture: np.ndarray, box: Box, rng: np.random.Generator) -> np.ndarray:
    """A few dark specks beside the digit, and one speck of dust on the lens."""
    mask = np.zeros(picture.shape[:2], np.uint8)
    for _ in range(4):
        x, y = (rng.uniform(0.04, 0.96, 2) * picture.shape[1::-1]).round().astype(int)
        if not (box[0] - 12 < x < box[2] + 12 and box[1] - 12 < y < box[3] + 12):
            cv2.circle(mask, (int(x), int(y)), int(rng.integers(2, 6)), 255, -1, cv2.LINE_AA)
    return _marked(picture, mask, 70)


def fold(picture: np.ndarray, box: Box, rng: np.random.Generator) -> np.ndarray:
    """A crease across the sheet, light on the one side and dark on the other."""
    height, width = picture.shape[:2]
    y, x = np.indices((height, width), np.float32)
    away = y - (0.42 + 0.1 * rng.random()) * height - 0.06 * (x - width / 2)
    light = 1 - np.sign(away) * 0.2 * np.exp(-np.abs(away) / 6) - 0.05 * (away > 0)
    return picture * (light if picture.ndim == 2 else light[..., None])


def neighbour(picture: np.ndarray, box: Box, rng: np.random.Generator, ink: int = 30) -> np.ndarray:
    """What the cut left of the next digit, at the right edge."""
    height = box[3] - box[1]
    points = np.array(WAYS[int(rng.choice([0, 2, 3, 6, 8]))][0][0]) * [0.7, 1] * height
    # Its leftmost tenth and a bit is inside the picture.
    shift = picture.shape[1] - points[:, 0].min() - 0.14 * height
    mask = np.zeros(picture.shape[:2], np.uint8)
    _line(mask, smooth(points + np.array([shift, box[1]])), 0.07 * height)
    return _marked(picture, mask, ink)


def label(picture: np.ndarray, box: Box, rng: np.random.Generator, text: str) -> np.ndarray:
    mask = np.zeros(picture.shape[:2], np.uint8)
    cv2.putText(mask, text, (14, 40), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 255, 2, cv2.LINE_AA)
    return _marked(picture, mask, 40)


def punched(picture: np.ndarray, box: Box, rng: np.random.Generator) -> np.ndarray:
    """Holes for a binder, through which the table is seen."""
    mask = np.zeros(picture.shape[:2], np.uint8)
    for y in (0.25, 0.75):
        cv2.circle(mask, (24, round(y * picture.shape[0])), 13, 255, -1, cv2.LINE_AA)
    return _marked(picture, mask, 50)


def coffee(picture: np.ndarray, box: Box, rng: np.random.Generator) -> np.ndarray:
    """The ring that a cup left, which runs out of the picture."""
    mask = np.zeros(picture.shape[:2], np.uint8)
    middle = round(rng.uniform(-0.1, 0.3) * picture.shape[1]), round(0.1 * picture.shape[0])
    cv2.circle(mask, middle, round(0.4 * picture.shape[1]), 255, 9, cv2.LINE_AA)
    return _marked(picture, cv2.GaussianBlur(mask, (0, 0), 3), 150, 0.45)


BLACKBOARD, CHALK = 45, 225
SCAN = {"paper": 255, "ink": 20, "noise": 0}  # and what is drawn on a screen
BRIGHT = {"paper": 0, "ink": 255, "noise": 0}

GROUPS: dict[str, dict[str, dict[str, Any]]] = {
    "plain": {"plain": {}},
    "pens": {
        "thin pen": {"pen": 0.025},
        "thick pen": {"pen": 0.16},
        "hairline ballpoint": {"pen": 0.012, "ink": 70},
        "fountain pen": {"pen": 0.09, "stroke": nib},
        "marker": {"pen": 0.22},
        "brush": {"pen": 0.12, "stroke": brush},
        "chalk": {"pen": 0.1, "stroke": chalk, "paper": BLACKBOARD, "ink": CHALK},
        "faint pencil": {"pen": 0.045, "stroke": pencil, "paper": 225, "ink": 150},
        "dry ballpoint": {"pen": 0.045, "stroke": dry},
        "dashes": {"pen": 0.06, "stroke": dashed},
        "gone over twice": {"pen": 0.035, "stroke": twice},
        "outlined": {"pen": 0.14, "stroke": outlined},
        "mouse": {"pen": 0.06, "stroke": mouse, **SCAN},
    },
    "papers": {
        "white paper": SCAN,
        "cream paper": {"paper": (250, 240, 214), "ink": (35, 35, 60)},
        "grey paper": {"paper": 150, "ink": 60},
        "recycled paper": {"paper": 190, "under": [fibres]},
        "kraft paper": {"paper": (181, 148, 108), "ink": (40, 32, 28), "under": [fibres]},
        "sticky note": {"paper": (255, 232, 110), "ink": (30, 50, 130)},
        "blackboard": {"paper": BLACKBOARD, "ink": CHALK, "under": [wiped]},
        "whiteboard": {"paper": 235, "ink": (20, 90, 60), "under": [wiped], "shadow": "flash"},
        "print shows through": {"under": [back_of_the_sheet]},
    },
    "light": {
        "soft shadow": {"shadow": "soft"},
        "hard shadow": {"shadow": "hard"},
        "shadow of the hand": {"shadow": "hand"},
        "gradient": {"shadow": "gradient"},
        "vignette": {"shadow": "vignette"},
        "flash": {"shadow": "flash", "paper": 225},
        "underexposed": {"noise": 9, "over": [partial(exposed, gain=0.22, offset=4)]},
        "overexposed": {"over": [partial(exposed, gain=1.3, offset=85)]},
        "strong JPEG": {"over": [partial(compressed, quality=20)], "shape": (160, 140)},
        "motion blur": {"over": [partial(moved, length=21)]},
        "out of focus": {"over": [partial(defocused, radius=9)]},
        "noisy photo": {"noise": 12, "shadow": "soft", "paper": 190},
        "night photo": {"noise": 28, "paper": 170, "ink": 40},
        "photo of a screen": {"over": [on_screen]},
    },
    "place and size": {
        "off centre": {"place": (0.2, 0.75)},
        "in a corner": {"place": (0.0, 0.0), "size": 0.3},
        "tilted": {"tilt": 12},
        "tiny": {"size": 0.12},
        "huge": {"size": 0.92},
        "tall picture": {"shape": (900, 400)},
        "small picture": {"shape": (60, 50)},
        "wide picture": {"shape": (240, 800), "place": (0.3, 0.5)},
    },
    "crops": {
        **{
            f"tight, {side} px": {"over": [partial(tight, side=side)]} for side in (16, 28, 64, 200)
        },
        **{
            f"tight, light on dark, {side} px": {
                **BRIGHT,
                "pen": 0.13,
                "over": [partial(tight, side=side)],
            }
            for side in (16, 28, 64)
        },
        **{
            f"tight, thick pen, {side} px": {
                **BRIGHT,
                "pen": 0.2,
                "over": [partial(tight, side=side)],
            }
            for side in (16, 28, 64, 200)
        },
        **{
            f"margin of a quarter, thick pen, {side} px": {
                **BRIGHT,
                "pen": 0.2,
                "over": [partial(tight, side=side, margin=side // 4)],
            }
            for side in (16, 28, 64)
        },
        "margin of 1 px": {"over": [partial(tight, side=26, margin=1)]},
        "margin of 2 px": {"over": [partial(tight, side=24, margin=2)]},
        "tight at left and right": {"over": [partial(cut, sides="lr")]},
        "tight at top and left": {"over": [partial(cut, sides="lt")]},
        "tight, squared": {
            **SCAN,
            "over": [partial(tight, side=64), partial(squared, paper=255)],
        },
        "tight photo": {
            "shadow": "soft",
            "noise": 8,
            "paper": 190,
            "over": [partial(cut, sides="ltrb", pad=0.01)],
        },
    },
    "frames": {
        "thin frame": {"under": [framed]},
        "thick frame": {"under": [partial(framed, width=9)]},
        "rounded frame": {"under": [partial(framed, width=4, style="rounded")]},
        "dashed frame": {"under": [partial(framed, width=3, style="dashed")]},
        "double frame": {"under": [partial(framed, style="double")]},
        "frame by hand": {"under": [partial(framed, width=6, style="by hand", colour=40)]},
        "corner of a frame": {
            "under": [partial(framed, width=3, style="corner")],
            "over": [partial(cut, sides="rb", pad=0.18)],
        },
        "frame that the digit touches": {"under": [partial(framed, width=3, pad=-0.02)]},
        "cell cut out": {
            "under": [partial(framed, width=4)],
            "over": [partial(cell, pad=0.225)],
        },
        "light frame on dark": {**BRIGHT, "under": [partial(framed, width=4, colour=200)]},
        "sudoku": {"under": [table_of_cells], "over": [partial(cell, pad=0.29)]},
        "boxes of a form": {
            "under": [partial(table_of_cells, widths=(3, 3), colour=150, pad=0.12)],
            "shadow": "soft",
        },
        "edge of the sheet": {"under": [edge_of_the_sheet]},
        "scanner's black around": {"over": [scanned_dark]},
        "scanner's black at one side": {"over": [partial(scanned_dark, sides="l")]},
        "sheet on a table": {"paper": 225, "over": [on_a_table]},
        "card on a table": {"paper": 225, "over": [partial(on_a_table, margin=0.2, table=90)]},
        "plotted": {**SCAN, "over": [partial(plotted, colours="gray")]},
        "plotted, light on dark": {**BRIGHT, "over": [partial(plotted, colours="gray")]},
        "plotted in viridis": {**BRIGHT, "over": [partial(plotted, colours="viridis")]},
    },
    "lines": {
        "ruled paper": {"under": [ruled]},
        "dark ruled paper": {"under": [partial(ruled, colour=80)]},
        "ruled paper aslant": {"under": [partial(ruled, colour=130, tilt=6)]},
        "margin line": {"paper": (246, 246, 240), "under": [ruled, margin_line]},
        "squared paper": {"under": [partial(ruled, ways="-|")]},
        "dark squared paper": {"under": [partial(ruled, ways="-|", colour=80)]},
        "narrow squares": {
            "paper": (248, 248, 246),
            "ink": (30, 35, 90),
            "under": [partial(ruled, ways="-|", gap=36, colour=(150, 175, 215))],
        },
        "millimetre paper": {
            "paper": 240,
            "under": [
                partial(ruled, ways="-|", gap=9, colour=215, width=1, tilt=0),
                partial(ruled, ways="-|", gap=45, colour=180, width=1, tilt=0),
            ],
        },
        "dotted paper": {"under": [dotted]},
        "line below": {"under": [partial(writing_line, below=0.15, length=0.7)]},
        "line that the digit stands on": {"under": [partial(writing_line, below=0, width=4)]},
        "staff": {"under": [staff]},
        "light lines on a blackboard": {
            "paper": BLACKBOARD,
            "ink": CHALK,
            "under": [partial(ruled, ways="-|", colour=130, gap=80)],
        },
    },
    "polarity": {
        "light on dark": {"paper": 25, "ink": 230},
        "light on grey": {"paper": 120, "ink": 240},
        "inverted scan": BRIGHT,
        "white on transparent": {"paper": None, "ink": 255, "canvas": 0},
        "white in alpha alone": {"paper": None, "ink": 255},
        "black on transparent": {"paper": None, "ink": 0, "canvas": 255},
        "black in alpha alone": {"paper": None, "ink": 0},
        "colour on transparent": {"paper": None, "ink": (200, 40, 60), "canvas": 0},
        "light colour on transparent": {"paper": None, "ink": (250, 230, 120), "canvas": 0},
        "blue on white": {"paper": 255, "ink": (40, 60, 190)},
        "red on yellow": {"paper": (255, 225, 60), "ink": (205, 30, 30)},
        "light green on black": {"paper": (0, 0, 0), "ink": (120, 255, 120)},
    },
    "others' marks": {
        "dirt": {"under": [dirt]},
        "fold": {"over": [fold]},
        "part of the next digit": {"place": (0.42, 0.5), "under": [neighbour]},
        "printed label": {"place": (0.6, 0.6), "under": [partial(label, text="Nr.")]},
        "punched holes": {"under": [punched]},
        "coffee ring": {"under": [coffee]},
    },
    "formats": {
        "1-bit PNG": {},
        "palette PNG": {},
        "16-bit PNG": {},
        "grey PNG with alpha": {},
        "RGBA PNG": {},
        "CMYK JPEG": {},
        "progressive JPEG": {},
        "JPEG turned by EXIF": {},
        "WebP": {},
        "GIF": {},
        "BMP": {},
        "fax TIFF": {},
        "PPM": {},
        "very wide": {"shape": (150, 1500), "place": (0.8, 0.5)},
        "very tall": {"shape": (1500, 150), "place": (0.5, 0.2)},
        "photo of 12 megapixels": {"shape": (1000, 750), "shadow": "soft", "paper": 215},
    },
}
KINDS = {kind: options for group in GROUPS.values() for kind, options in group.items()}
# A few of them, for what takes long with each.
PICTURES = {
    kind: KINDS[kind]
    for kind in (
        "thin pen",
        "thick pen",
        "grey paper",
        "light on dark",
        "soft shadow",
        "hard shadow",
        "off centre",
        "tilted",
        "tiny",
        "huge",
        "noisy photo",
        "tall picture",
        "small picture",
    )
}


def _black_or_white(picture: Image.Image) -> Image.Image:
    return picture.convert("L").point(lambda level: 255 * (level > 128)).convert("1")


def _sixteen_bits(picture: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)


# The file's ending, what becomes of the picture first, and how it is saved; PNG for all others.
FILES: dict[str, tuple[str, Callable[[Image.Image], Image.Image], dict[str, Any]]] = {
    "1-bit PNG": ("png", _black_or_white, {}),
    "palette PNG": ("png", lambda picture: picture.convert("RGB").quantize(16), {}),
    "16-bit PNG": ("png", _sixteen_bits, {}),
    "grey PNG with alpha": ("png", lambda picture: picture.convert("LA"), {}),
    "RGBA PNG": ("png", lambda picture: picture.convert("RGBA"), {}),
    "CMYK JPEG": ("jpg", lambda picture: picture.convert("CMYK"), {"quality": 90}),
    "progressive JPEG": ("jpg", lambda picture: picture.convert("RGB"), {"progressive": True}),
    "JPEG turned by EXIF": (
        "jpg",
        lambda picture: picture.transpose(Image.Transpose.ROTATE_90),
        {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"},
    ),
    "WebP": ("webp", lambda picture: picture.convert("RGB"), {"quality": 80}),
    "GIF": ("gif", lambda picture: picture.convert("P"), {}),
    "BMP": ("bmp", lambda picture: picture.convert("RGB"), {}),
    "fax TIFF": ("tiff", _black_or_white, {"compression": "group4"}),
    "PPM": ("ppm", lambda picture: picture.convert("RGB"), {}),
    "photo of 12 megapixels": (
        "jpg",
        lambda picture: picture.convert("RGB").resize((3000, 4000), Image.Resampling.BICUBIC),
        {"quality": 85},
    ),
}


def saved(folder: Path, kind: str, digit: int, seed: int) -> Path:
    """Write a picture of a kind into a folder as `<digit>-<seed>.<ending>`."""
    ending, convert, options = FILES.get(
        kind, ("png", lambda picture: picture, {"compress_level": 1})
    )
    path = Path(folder) / f"{digit}-{seed}.{ending}"
    convert(Image.fromarray(drawn(digit, seed, **KINDS[kind]))).save(path, **options)
    return path


# Pictures without a digit


def _sheet(level: int = 245, shape: tuple[int, int] = (480, 400)) -> np.ndarray:
    return np.full(shape, level, np.float32)


NOWHERE: Box = (120, 130, 280, 350)  # where the digit would be


def _paper_with(*effects: Effect, level: int = 245) -> Callable[[np.random.Generator], np.ndarray]:
    def draw(rng: np.random.Generator) -> np.ndarray:
        picture = _sheet(level)
        for effect in effects:
            picture = effect(picture, NOWHERE, rng)
        return picture + _noise(picture.shape, 3, rng)

    return draw


def _uniform(rng: np.random.Generator, side: int) -> np.ndarray:
    return rng.uniform(0, 255, (side, side))


def _gaussian(rng: np.random.Generator, side: int) -> np.ndarray:
    return rng.normal(128, 40, (side, side))


def _salt_and_pepper(rng: np.random.Generator, side: int) -> np.ndarray:
    return rng.choice([0.0, 255.0], (side, side))


def _letter(rng: np.random.Generator, letter: str) -> np.ndarray:
    return drawn(letter, int(rng.integers(99)))


def _scribble(rng: np.random.Generator) -> np.ndarray:
    mask = np.zeros((480, 400), np.uint8)
    _line(mask, smooth(rng.normal(0, 1, (25, 2)) * [55, 55] + [200, 240]), 8)
    return _marked(_sheet(), mask, 30)


def _words(rng: np.random.Generator) -> np.ndarray:
    mask = np.zeros((480, 400), np.uint8)
    _text(mask, rng, scale=0.6, gap=26)
    return _marked(_sheet(), mask, 30)


def _disc(rng: np.random.Generator) -> np.ndarray:
    mask = np.zeros((480, 400), np.uint8)
    cv2.circle(mask, (200, 240), int(rng.integers(60, 130)), 255, -1, cv2.LINE_AA)
    return _marked(_sheet(), mask, 30)


def _star(rng: np.random.Generator) -> np.ndarray:
    mask = np.zeros((480, 400), np.uint8)
    angles = np.pi * (0.8 * np.arange(6) - 0.5) + rng.normal(0, 0.1)
    points = np.stack([np.cos(angles), np.sin(angles)], 1) * 110 + [200, 240]
    _line(mask, points + rng.normal(0, 4, points.shape), 12)
    return _marked(_sheet(), mask, 30)


def _smiley(rng: np.random.Generator) -> np.ndarray:
    mask = np.zeros((480, 400), np.uint8)
    x, y = (int(v) for v in np.array([200, 240]) + rng.integers(-20, 20, 2))
    cv2.circle(mask, (x, y), 110, 255, 10, cv2.LINE_AA)
    for side in (-40, 40):
        cv2.circle(mask, (x + side, y - 30), 12, 255, -1, cv2.LINE_AA)
    cv2.ellipse(mask, (x, y + 15), (55, 45), 0, 15, 165, 255, 10, cv2.LINE_AA)
    return _marked(_sheet(), mask, 30)


def _checkerboard(rng: np.random.Generator) -> np.ndarray:
    field = int(rng.integers(20, 70))
    y, x = np.indices((480, 400)) // field
    return ((x + y) % 2 * 220 + 15).astype(np.float32)


def _clouds(rng: np.random.Generator) -> np.ndarray:
    """Like a photo of nothing in particular: noise that is stronger the coarser it is."""
    return 128 + sum(6 * grain**0.4 * _texture((480, 400), grain, rng) for grain in (3, 9, 30, 120))


# What is drawn: float [H, W] around [0, 255].
NOT_DIGITS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "blank": _paper_with(),
    "blank, dark": _paper_with(level=20),
    "blank, white": lambda rng: _sheet(255),
    "blank with a shadow": lambda rng: _lit(_sheet(), LIGHTS["hard"]) + _noise((480, 400), 3, rng),
    "blank with a soft shadow": lambda rng: (
        _lit(_sheet(), LIGHTS["gradient"]) + _noise((480, 400), 6, rng)
    ),
    **{
        f"{name}, {side} px": partial(draw, side=side)
        for side in (28, 300)
        for name, draw in (
            ("uniform noise", _uniform),
            ("Gaussian noise", _gaussian),
            ("black and white noise", _salt_and_pepper),
        )
    },
    "gradient": lambda rng: _lit(_sheet(255), lambda x, y: 0.5 + 0.3 * (x + y)),
    "checkerboard": _checkerboard,
    "squared paper": _paper_with(partial(ruled, ways="-|", colour=80)),
    "ruled paper": _paper_with(partial(ruled, colour=80)),
    "frame": _paper_with(partial(framed, width=4)),
    "cells": _paper_with(partial(table_of_cells, pad=-0.2)),
    "recycled paper": _paper_with(fibres, level=190),
    "empty plot": _paper_with(partial(plotted, colours="gray")),
    "scribble": _scribble,
    "lines of text": _words,
    **{f"letter {letter}": partial(_letter, letter=letter) for letter in LETTERS},
    "disc": _disc,
    "star": _star,
    "smiley": _smiley,
    "clouds": _clouds,
}


def not_digit(what: str, seed: int) -> np.ndarray:
    """A picture uint8 [H, W] of one of `NOT_DIGITS`, another for each seed."""
    rng = np.random.default_rng([sorted(NOT_DIGITS).index(what), seed])
    return np.asarray(NOT_DIGITS[what](rng)).clip(0, 255).round().astype(np.uint8)
