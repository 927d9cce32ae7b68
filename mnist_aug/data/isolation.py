"""Isolation: the one digit or character of a picture without its frame, lines and neighbours.

A picture is cropped to the panel that the digit stands in (a cell, the axes of a plot, a sheet on a
table), lines across it are removed, and of the marks that are left the largest is kept, with the
pieces that belong to it. As in `preprocessing`, nothing is used that a page in a browser could not
do the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

LEAST_PANEL_SIDE = 25  # pixels of a picture that may have a panel
PANEL = 0.12  # of the picture's area, at least
RIM = 0.025  # of a panel's longer side: the blurred edge of what surrounds it
THREAD = 0.01  # of the longer side: half of what is thinner than a panel
INSET = 0.2  # of a panel's side, at most: how far its sides may be from level or upright
FILLED = 0.83  # of the box around a panel, at least, by it and what stands in it
STRAIGHT = 0.92  # of a panel's side, at least, that is its own
LEAST_FRAME = 0.15  # of the picture's side
STRIP = 0.1  # of a frame's side: how far its sides may be from level or upright
LEAST_INSIDE = 0.15  # of a panel's longer side: the height or width of what stands in it
LEAST_SIDE = 40  # pixels: in smaller pictures lines and strokes are too much alike
PASSES = 3
STROKE_GAP = 0.012  # of the longer side: half of a gap within a stroke, at most
TILT = 0.17  # slope of lines, at most (10 degrees)
LINE = 0.6  # of the picture's width: a line's length, at least
WHOLE = 0.9  # of the picture's width: a line across all of it
FREE = 0.5  # of a line, at least, that nothing else touches
GAP = 0.04  # of the picture's side, at most, within a line
THICK_LINE = 0.12  # of the picture's side, at most
BEYOND = 0.08  # of the picture's width: how far a line goes on beyond the digit
THINNER = 0.6  # of the digit's strokes: a line so thin is not one of them
MANY_LINES = 3  # are ruled or squared paper
TEXTURE_SHARE = 0.17  # of the picture, at least
TEXTURE_WIDTH = 3.5  # pixels of stroke, at most
TEXTURE_PIECES = 12  # marks and holes in them, at most, that may be a digit and specks
BLOT = 0.85  # of the box around a digit, at most, that it fills

Box = tuple[int, int, int, int]  # top, bottom, left, right


def threshold(grey: np.ndarray) -> float:
    """The grey level that parts dark from light best (Otsu 1979), of float32 [H, W] in [0, 255].

    If all is of one level, all is dark.
    """
    counts = np.bincount(np.rint(grey).astype(np.intp).ravel(), minlength=256).astype(float)
    below = np.cumsum(counts)
    sums = np.cumsum(counts * np.arange(256))
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (sums[-1] * below - below[-1] * sums) ** 2 / (below * above)
    between[np.isnan(between)] = -1  # all on one side
    level = int(between.argmax()) if between.max() >= 0 else int(np.flatnonzero(counts)[0])
    return level + 0.5


def panel(mask: np.ndarray) -> Box | None:
    """The largest rectangle of one colour, within the picture, that something stands in.

    It may be slightly tilted or seen in perspective; what is given then lies within it.

    Args:
        mask: bool [H, W].
    """
    height, width = mask.shape
    if max(height, width) < LEAST_PANEL_SIDE:
        return None
    found: list[tuple[int, Box]] = []
    for own in (mask, ~mask):
        marks = _boxes(~own, connectivity=8)[1]
        labels, boxes = _boxes(_opened(own), connectivity=4)
        for label, (left, top, across, down, area) in enumerate(boxes.tolist(), 1):
            if area < 0.5 * across * down or across * down < PANEL * height * width:
                continue
            if (across, down) == (width, height):
                continue
            box = top, top + down, left, left + across
            mark = _stands_in(marks, box)
            inner = mark and _straightened(labels == label, box, mark[1])
            if mark and inner:
                found.append((mark[0], inner))
    return max(found)[1] if found else None


def _opened(mask: np.ndarray) -> np.ndarray:
    """A mask without what is thinner than `THREAD`, as the streaks of a table are."""
    window = square(round(THREAD * max(mask.shape)))
    return cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, window) > 0


def square(reach: int) -> np.ndarray:
    """A window that reaches so many pixels from its middle, for erosion and dilation."""
    return np.ones((2 * reach + 1,) * 2, np.uint8)


def joined(mask: np.ndarray) -> np.ndarray:
    """Labels of the marks in bool [H, W], from 1; pieces with small gaps are one, as dry pens'."""
    close = near(mask, round(STROKE_GAP * max(mask.shape)))
    _, labels = cv2.connectedComponents(close.astype(np.uint8), connectivity=8)
    return np.where(mask, labels, 0)


def near(mask: np.ndarray, pixels: int) -> np.ndarray:
    """Where a mark is within so many pixels, bool [H, W]."""
    return cv2.dilate(mask.astype(np.uint8), square(pixels)) > 0


def extents(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Left, top, right and bottom of each label from 1, int [N]; right and bottom lie beyond it."""
    count, (height, width) = int(labels.max()), labels.shape
    rows, columns = np.nonzero(labels)
    own: np.ndarray = labels[rows, columns] - 1
    left, top = np.full(count, width), np.full(count, height)
    right, bottom = np.zeros(count, int), np.zeros(count, int)
    for least, most, places in ((left, right, columns), (top, bottom, rows)):
        np.minimum.at(least, own, places)
        np.maximum.at(most, own, places + 1)
    return left, top, right, bottom


def _boxes(mask: np.ndarray, connectivity: int) -> tuple[np.ndarray, np.ndarray]:
    """The labels of the pieces of bool [H, W], and left, top, width, height and area of each."""
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=connectivity
    )
    return labels, boxes[1:]


def _straightened(own: np.ndarray, box: Box, mark: Box) -> Box | None:
    """The part of a box along whose sides all is the panel's own, if it is about a rectangle."""
    height, width = own.shape
    sides, inwards = [*box], (1, -1, 1, -1)
    within = own[box[0] : box[1], box[2] : box[3]]
    spans = within.shape[1] - within.argmax(1) - within[:, ::-1].argmax(1)
    if spans.sum() < FILLED * within.size:
        return None  # round, as a thick 0 around its inside
    free = [
        edge in (0, last) for edge, last in zip(box, (height, height, width, width), strict=True)
    ]
    most = [
        min(abs(inner - edge), max(2, round(INSET * length)))
        for inner, edge, length in zip(
            mark, box, (box[1] - box[0],) * 2 + (box[3] - box[2],) * 2, strict=True
        )
    ]
    while True:
        top, bottom, left, right = sides
        shares = [
            own[top, left:right].mean(),
            own[bottom - 1, left:right].mean(),
            own[top:bottom, left].mean(),
            own[top:bottom, right - 1].mean(),
        ]
        worst = min((share, side) for side, share in enumerate(shares) if not free[side])
        if worst[0] >= STRAIGHT:
            break
        side = worst[1]
        if abs(sides[side] - box[side]) >= most[side]:
            return None
        sides[side] += inwards[side]
    if (bottom - top) * (right - left) < 0.5 * (box[1] - box[0]) * (box[3] - box[2]):
        return None
    # The blurred edge of what surrounds it goes, too.
    rim = max(2, round(RIM * max(bottom - top, right - left)))
    for side in range(4):
        if not free[side]:
            sides[side] += inwards[side] * min(rim, abs(mark[side] - sides[side]))
    return sides[0], sides[1], sides[2], sides[3]


def _stands_in(boxes: np.ndarray, box: Box) -> tuple[int, Box] | None:
    """The area and box of the largest mark strictly within a box."""
    top, bottom, left, right = box
    least = LEAST_INSIDE * max(bottom - top, right - left)
    x, y, across, down, area = boxes.T
    fits = (x > left) & (y > top) & (x + across < right) & (y + down < bottom)
    fits &= np.maximum(across, down) >= least
    filled = area > 0.7 * across * down  # as the inside of a 0
    fits &= ~(filled & (np.minimum(across, down) > 0.4 * np.maximum(across, down)))
    if not fits.any():
        return None
    one = int(np.where(fits, area, 0).argmax())
    x, y, across, down, area = (int(part) for part in boxes[one])
    return area, (y, y + down, x, x + across)


def without_frames(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """Marks without the frames around something, touched by it or not, and how many there were.

    Args:
        mask: bool [H, W].

    Returns:
        bool [H, W], and the number.
    """
    labels, bare, count = joined(mask), mask.copy(), 0
    for label, (left, top, right, bottom) in enumerate(zip(*extents(labels), strict=True), 1):
        across, down = int(right - left), int(bottom - top)
        if min(across, down) < max(LEAST_SIDE / 2, LEAST_FRAME * max(mask.shape)):
            continue
        place = np.s_[top:bottom, left:right]
        own = labels[place] == label
        strips = max(2, round(STRIP * down)), max(2, round(STRIP * across))
        sides = own[: strips[0]], own[-strips[0] :], own[:, : strips[1]].T, own[:, -strips[1] :].T
        if min(side.any(0).mean() for side in sides) < 0.9:
            continue
        lines = [
            *(line for line in _lines(own) if line.is_at_edge(own)),
            *(replace(line, is_upright=True) for line in _lines(own.T) if line.is_at_edge(own.T)),
        ]
        rest = _cleared(own, lines)
        others = mask[place] & ~own
        inside = _boxes(rest | others, connectivity=8)[1]
        if len(inside) and inside[:, 2:4].max() >= 0.4 * down:
            bare[place] &= rest | others
            count += 1
    return bare, count


def without_lines(mask: np.ndarray, faint: np.ndarray) -> tuple[np.ndarray, int]:
    """Marks without the lines across the picture, and how many lines there were.

    A line is straight, about level or upright, and goes on beyond the digit at both ends. It is
    thinner than the digit's strokes, or one of several, or the digit is clear of the picture's
    edges. Where strokes cross it they stay whole.

    Args:
        mask: bool [H, W].
        faint: the same with fainter marks, as a line's may be in places.

    Returns:
        bool [H, W], and the number.
    """
    if max(mask.shape) < LEAST_SIDE:
        return mask, 0
    lines: list[_Line] = []
    for _ in range(PASSES):  # as lines in perspective differ in slope
        bare = _cleared(faint, lines)
        found = [*_lines(bare), *(replace(line, is_upright=True) for line in _lines(bare.T))]
        lines += found
        if not found:
            break
    if not lines:
        return mask, 0
    rest = _largest(_cleared(mask, lines))
    if rest is not None:
        stroke = stroke_width(rest)
        lines = [line for line in lines if line.is_no_stroke(rest, stroke, len(lines))]
    elif len(lines) < MANY_LINES:
        lines = []
    return _cleared(mask, lines), len(lines)


def _cleared(mask: np.ndarray, lines: Sequence["_Line"]) -> np.ndarray:
    bare = mask.copy()
    for line in sorted(lines, key=lambda line: line.is_upright):
        field = bare.T if line.is_upright else bare
        columns = np.flatnonzero(line.is_free(field))
        first = line.first(field.shape[1])[columns]
        for offset in range(-1, line.thickness + 1):
            rows = first + offset
            there = (rows >= 0) & (rows < len(field))
            field[rows[there], columns[there]] = False
    return bare


@dataclass(frozen=True)
class _Line:
    """A line from column `start` to `end`; its first row is about `row + slope * column`."""

    row: float
    slope: float
    start: int
    end: int
    thickness: int
    is_upright: bool = False  # rows are columns then

    def first(self, width: int) -> np.ndarray:
        """Its first row in each column, int [W]."""
        return np.floor(self.row + self.slope * np.arange(width) + 0.5).astype(int)

    def is_free(self, field: np.ndarray) -> np.ndarray:
        """Where no mark crosses or touches it, bool [W]."""
        height, width = field.shape
        columns, first = np.arange(width), self.first(width)
        free = np.ones(width, bool)
        for rows in (first - 2, first + self.thickness + 1):
            there = (rows >= 0) & (rows < height)
            free &= ~(there & field[rows.clip(0, height - 1), columns])
        return free

    def is_at_edge(self, field: np.ndarray) -> bool:
        """Whether it is one of the level sides of a frame in bool [H, W]."""
        height, width = field.shape
        middle = self.row + self.slope * (width - 1) / 2 + (self.thickness - 1) / 2
        return min(middle, height - 1 - middle) <= max(2, STRIP * height)

    def is_no_stroke(self, rest: np.ndarray, stroke: float, count: int) -> bool:
        """Whether it is none of the digit's strokes.

        Args:
            rest: the digit without any lines, bool [H, W].
            stroke: the width of its strokes.
            count: how many lines there are.
        """
        field = rest.T if self.is_upright else rest
        rows, columns = np.flatnonzero(field.any(1)), np.flatnonzero(field.any(0))
        height, width = field.shape
        beyond = min(columns[0] - self.start, self.end - 1 - columns[-1])
        is_thin = self.thickness <= THINNER * stroke
        is_whole = self.end - self.start >= WHOLE * width
        is_clear = min(rows[0], columns[0], height - 1 - rows[-1], width - 1 - columns[-1]) > 0
        if count >= MANY_LINES and is_thin and is_whole:
            return True
        is_other = is_thin or (is_whole and (count >= MANY_LINES or is_clear))
        return bool(beyond >= BEYOND * width and is_other)


def _lines(mask: np.ndarray) -> list[_Line]:
    """The lines from left to right."""
    height, width = mask.shape
    side = max(height, width)
    need, gap = LINE * width, max(1, round(GAP * side))
    if mask.any(0).sum() < need:
        return []
    columns = np.arange(width)
    reach = max(1, round(TILT * width / 2))
    padded = np.pad(mask, ((reach + 1, reach + 1), (0, 0)))
    thicker = padded.copy()
    thicker[1:] |= padded[:-1]
    thicker[:-1] |= padded[1:]
    most, runs, slope = 0, list[tuple[int, int, int]](), 0.0
    # Slopes by steps of two pixels over the whole width, the level one first.
    for rise in sorted(range(-2 * reach, 2 * reach + 1, 2), key=abs):
        tried = rise / max(1, width - 1)
        shift = np.floor(tried * (columns - (width - 1) / 2) + 0.5).astype(int)
        rows = reach + 1 + np.arange(height)
        covered = thicker[rows[:, None] + shift, columns]
        long = [
            (int(row), *one)
            for row in np.flatnonzero(covered.sum(1) >= need)
            if (one := _longest(covered[row], gap))[1] - one[0] >= need
        ]
        total = sum(end - start for _, start, end in long)
        if total > most:
            most, runs, slope = total, long, tried
    found: list[_Line] = []
    group: list[tuple[int, int, int]] = []
    for run in [*runs, (2 * height + 9, 0, 0)]:
        if group and run[0] != group[-1][0] + 1:
            thickness = max(1, len(group) - 2)
            if thickness <= THICK_LINE * side:
                middle = group[len(group) // 2]
                first = group[0][0] + (1 if len(group) > 2 else len(group) // 2)
                _, start, end = middle
                line = _Line(first - slope * (width - 1) / 2, slope, start, end, thickness)
                if line.is_free(mask)[start:end].mean() >= FREE:
                    found.append(line)
            group = []
        group.append(run)
    return found


def _longest(covered: np.ndarray, gap: int) -> tuple[int, int]:
    """Start and end of the longest stretch in bool [N] whose gaps are no longer than `gap`."""
    places = np.flatnonzero(covered)
    breaks = np.flatnonzero(np.diff(places) > gap + 1)
    starts = places[np.concatenate([[0], breaks + 1])]
    ends = places[np.concatenate([breaks, [len(places) - 1]])] + 1
    longest = int((ends - starts).argmax())
    return int(starts[longest]), int(ends[longest])


def is_texture(mask: np.ndarray) -> bool:
    """Whether marks fill a picture as noise, rough paper or a printed page do.

    They are many, thin, and everywhere.

    Args:
        mask: bool [H, W].
    """
    if mask.mean() < TEXTURE_SHARE or stroke_width(mask) > TEXTURE_WIDTH:
        return False
    holes = len(_boxes(np.pad(~mask, 1, constant_values=True), connectivity=4)[1]) - 1
    return len(_boxes(mask, connectivity=8)[1]) + holes > TEXTURE_PIECES


def is_blot(field: np.ndarray) -> bool:
    """Whether a prepared digit, uint8 [H, W], bright on black, has no form: no strokes, no holes.

    A narrow one may be a thick 1.
    """
    mask = field > 100
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    height, width = int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1
    filled = field.sum(dtype=float) > 255 * BLOT * height * width
    return bool(filled and min(height, width) > 0.5 * max(height, width))


def pieces(mask: np.ndarray) -> int:
    """How many pieces bool [H, W] has, without specks."""
    return int((_boxes(mask, connectivity=8)[1][:, 4] >= mask.size / 300).sum())


def _largest(mask: np.ndarray) -> np.ndarray | None:
    labels, boxes = _boxes(mask, connectivity=8)
    return labels == 1 + int(boxes[:, 4].argmax()) if len(boxes) else None


def stroke_width(mask: np.ndarray) -> float:
    """The mean width in pixels of the strokes of bool [H, W].

    Of a stroke of width w and length l the area is w l, and about 2 l of it are edge.
    """
    marks = mask.astype(np.uint8)
    area = int(marks.sum())
    inner = cv2.erode(np.pad(marks, 1), cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)))
    return 2 * area / max(1, area - int(inner.sum()))
