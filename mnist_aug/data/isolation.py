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

PANEL = 0.25  # of the picture's area, at least
INSET = 0.06  # of a panel's side: where its sides are looked at, which may be slightly tilted
STRAIGHT = 0.75  # of a panel's side, at least, that is its own
LEAST_INSIDE = 0.15  # of a panel's longer side: the height or width of what stands in it
LEAST_SIDE = 40  # pixels: in smaller pictures lines and strokes are too much alike
TILT = 0.09  # slope of lines, at most (5 degrees)
LINE = 0.6  # of the picture's width: a line's length, at least
WHOLE = 0.9  # of the picture's width: a line across all of it
FREE = 0.5  # of a line, at least, that nothing else touches
GAP = 0.04  # of the picture's side, at most, within a line
THICK_LINE = 0.12  # of the picture's side, at most
BEYOND = 0.08  # of the picture's width: how far a line goes on beyond the digit
THINNER = 0.6  # of the digit's strokes: a line so thin is not one of them
MANY_LINES = 3  # are ruled or squared paper
HOLES = 6  # in a digit's marks, at most, once it is small

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

    Args:
        mask: bool [H, W].
    """
    height, width = mask.shape
    found: list[tuple[int, Box]] = []
    for own in (mask, ~mask):
        _, others, inside, _ = cv2.connectedComponentsWithStats(
            (~own).astype(np.uint8), connectivity=8
        )
        count, labels, boxes, _ = cv2.connectedComponentsWithStats(
            own.astype(np.uint8), connectivity=4
        )
        for label in range(1, count):
            left, top, across, down = (int(one) for one in boxes[label, :4])
            if across * down < PANEL * height * width or (across, down) == (width, height):
                continue
            if boxes[label, 4] < 0.5 * across * down:
                continue
            box = top, top + down, left, left + across
            if not _has_straight_sides(labels == label, box):
                continue
            stands = _stands_in(inside, box)
            if stands:
                found.append((stands, box))
    if not found:
        return None
    top, bottom, left, right = max(found)[1]
    # The blurred edge of what surrounds it goes, too.
    rim = max(1, round(0.015 * max(bottom - top, right - left)))
    return (
        top + rim * (top > 0),
        bottom - rim * (bottom < height),
        left + rim * (left > 0),
        right - rim * (right < width),
    )


def _has_straight_sides(own: np.ndarray, box: Box) -> bool:
    top, bottom, left, right = box
    height, width = own.shape
    down, across = round(INSET * (bottom - top)), round(INSET * (right - left))
    rows = [y for y, edge in ((top + down, top), (bottom - 1 - down, bottom)) if edge % height]
    columns = [
        x for x, edge in ((left + across, left), (right - 1 - across, right)) if edge % width
    ]
    sides = [own[y, left:right].mean() for y in rows] + [own[top:bottom, x].mean() for x in columns]
    return min(sides) >= STRAIGHT


def _stands_in(boxes: np.ndarray, box: Box) -> int:
    """The area of the largest mark strictly within a box; 0 if there is none."""
    top, bottom, left, right = box
    least = LEAST_INSIDE * max(bottom - top, right - left)
    x, y, across, down, area = boxes[1:].T
    fits = (x > left) & (y > top) & (x + across < right) & (y + down < bottom)
    fits &= np.maximum(across, down) >= least
    filled = area > 0.8 * across * down  # as the inside of an angular 0
    fits &= ~(filled & (np.minimum(across, down) > 0.4 * np.maximum(across, down)))
    return int(area[fits].max()) if fits.any() else 0


def without_lines(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """Marks without the lines across the picture, and how many lines there were.

    A line is straight, about level or upright, and goes on beyond the digit at both ends. It is
    thinner than the digit's strokes, or one of several, or the digit is clear of the picture's
    edges. Where strokes cross it they stay whole.

    Args:
        mask: bool [H, W].

    Returns:
        bool [H, W], and the number.
    """
    if max(mask.shape) < LEAST_SIDE:
        return mask, 0
    lines = [*_lines(mask), *(replace(line, is_upright=True) for line in _lines(mask.T))]
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
    for line in lines:
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
    columns = np.arange(width)
    reach = max(1, round(TILT * width / 2))
    padded = np.pad(mask, ((reach + 1, reach + 1), (0, 0)))
    thicker = padded.copy()
    thicker[1:] |= padded[:-1]
    thicker[:-1] |= padded[1:]
    best: tuple[float, list[tuple[int, int, int]], float] = (0.0, [], 0.0)
    # Slopes by steps of two pixels over the whole width, the level one first.
    for rise in sorted(range(-2 * reach, 2 * reach + 1, 2), key=abs):
        slope = rise / max(1, width - 1)
        shift = np.floor(slope * (columns - (width - 1) / 2) + 0.5).astype(int)
        rows = reach + 1 + np.arange(height)
        covered = thicker[(rows[:, None] + shift[None]).clip(0, len(thicker) - 1), columns[None]]
        runs = [
            (row, *run)
            for row in np.flatnonzero(covered.sum(1) >= need)
            if (run := _longest(covered[row], gap))[1] - run[0] >= need
        ]
        total = float(sum(end - start for _, start, end in runs))
        if total > best[0]:
            best = total, runs, slope
    _, runs, slope = best
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


def pieces(mask: np.ndarray) -> int:
    """How many pieces bool [H, W] has, without specks."""
    _, _, boxes, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return int((boxes[1:, 4] >= mask.size / 300).sum())


def _largest(mask: np.ndarray) -> np.ndarray | None:
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=8
    )
    if count < 2:
        return None
    one = 1 + int(boxes[1:, 4].argmax())
    return labels == one


def stroke_width(mask: np.ndarray) -> float:
    """The mean width in pixels of the strokes of bool [H, W].

    Of a stroke of width w and length l the area is w l, and about 2 l of it are edge.
    """
    marks = mask.astype(np.uint8)
    area = int(marks.sum())
    inner = cv2.erode(np.pad(marks, 1), cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)))
    return 2 * area / max(1, area - int(inner.sum()))
