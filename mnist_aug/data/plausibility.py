"""What is odd about a set of images, counted and worded; `assembly` decides what follows."""

import hashlib
import math
from collections.abc import Sequence

import numpy as np

NEAR = 24  # grey levels within which pixels are of one colour: a camera's or JPEG's noise
UNIFORM = 0.6  # share of the pixels at the edges that have one colour, if there is a background
APART = 64  # grey levels between two backgrounds
AROUND = 0.9  # share of an image's edges that are on its background
MIXED = 0.03  # share of images on the other background that is worth a word
LISTED = 6  # classes that a sentence names
SHUFFLED = 0.9  # of the difference between distant pixels; neighbours in images are far below
LOOKED_AT = 500  # images that are enough for it
FEWEST_IMAGES = 20  # by which it can be told how rows of pixels are folded
LONGEST = 4  # times its other side; longer images are rare
SMOOTHER = 0.8  # of the difference between rows; wrongly folded ones have 0.1 to 0.8
SORTED = 0.5  # of the label changes expected in random order; fewer, and the labels are sorted
UNLIKE = 10  # standard deviations of chi-squared: two parts are of other classes


Colour = int | tuple[int, int, int]  # 0 to 255


def background(images: np.ndarray) -> Colour | None:
    """The colour around what the images show, from the pixels at their edges.

    Args:
        images: uint8 `[N, H, W]` or `[N, H, W, 3]`.

    Returns:
        0 to 255, or three of them; None where fewer than `UNIFORM` of the pixels are near it.
    """
    edge = _edges(images).reshape(-1, *images.shape[3:])
    if images.ndim == 3:
        counts = np.bincount(edge, minlength=256)
        window = np.convolve(counts, np.ones(2 * NEAR + 1, int), "same")
        # The colour that most are near; of several, that which is most frequent.
        most = np.flatnonzero(window == window.max())
        middle = int(most[counts[most].argmax()])
        if window[middle] < UNIFORM * len(edge):
            return None
        near = np.arange(256)[max(0, middle - NEAR) : middle + NEAR + 1]
        return int(near[counts[near].argmax()])
    middles = np.median(edge, axis=0)
    close = (np.abs(edge - middles) <= NEAR).all(axis=1)
    if close.mean() < UNIFORM:
        return None
    red, green, blue = (int(value) for value in np.median(edge[close], axis=0))
    return red, green, blue


def background_within(images: np.ndarray) -> Colour | None:
    """The background an eighth of the side away from the edges, where a frame would end."""
    far = min(images.shape[1:3]) // 8
    return background(images[:, far:-far, far:-far]) if far else None


def _edges(images: np.ndarray) -> np.ndarray:
    """The pixels at the edges, `[N, E]` or `[N, E, 3]`."""
    return np.concatenate([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]], axis=1)


def count_elsewhere(images: np.ndarray, level: float) -> int:
    """How many images have edges of another grey level than the background's, by far."""
    if not len(images):
        return 0
    own = np.median(_edges(images), axis=1).reshape(len(images), -1).mean(axis=1)
    return int((np.abs(own - level) > 2 * APART).sum())


def count_on_dark_and_light(images: np.ndarray) -> tuple[int, int]:
    """How many images have dark edges all round, and how many light ones."""
    edges = _edges(images)
    grey = edges.mean(axis=2) if edges.ndim == 3 else edges
    dark, light = ((own.mean(axis=1) >= AROUND) for own in (grey < APART, grey > 255 - APART))
    return int(dark.sum()), int(light.sum())


def unlikeness_of_neighbours(images: np.ndarray) -> float:
    """How much pixels side by side differ, in the mean, as a share of those at random places.

    Handwriting and photographs have 0.2 to 0.7; numbers without any order 1.

    Args:
        images: uint8 `[N, H, W]` or `[N, H, W, 3]`, H and W at least 2.
    """
    few = images[:: max(1, len(images) // LOOKED_AT)][:LOOKED_AT].astype(np.float32)
    if few.ndim == 4:
        few = few.mean(axis=3)
    near = [float(np.abs(np.diff(few, axis=axis)).mean()) for axis in (1, 2)]
    # The mean difference of all pairs of an image, of its ordered pixels.
    ordered = np.sort(few.reshape(len(few), -1), axis=1)
    count = ordered.shape[1]
    weights = 2 * np.arange(1, count + 1) - count - 1
    far = float((ordered @ weights).mean()) * 2 / (count * (count - 1))
    return sum(near) / 2 / far if far else 0.0


def better_width(flat: np.ndarray, width: int) -> int | None:
    """The width at which rows of pixels make far smoother images than at the one given.

    Of the widths that divide them, that at which a pixel differs least from the one below it; far
    less than at the width given, and less than from those beside that one. Digits and photographs,
    grey or in colour, differ at the right width by less than 0.8 of what they do at others.

    Args:
        flat: numbers `[N, P]`.
        width: that was taken.

    Returns:
        It; None where there is none, or fewer than `FEWEST_IMAGES` images.
    """
    if len(flat) < FEWEST_IMAGES:
        return None
    few = flat[:: max(1, len(flat) // LOOKED_AT)][:LOOKED_AT].astype(np.float32)
    pixels = few.shape[1]

    def unlike(distance: int) -> float:
        return float(np.abs(few[:, distance:] - few[:, :-distance]).mean())

    with np.errstate(invalid="ignore", over="ignore"):  # what isn't finite is refused later
        others = {
            own: unlike(own)
            for own in range(2, pixels // 2 + 1)
            if pixels % own == 0 and own != width and 1 / LONGEST <= own**2 / pixels <= LONGEST
        }
        best = min(others, key=lambda own: others[own], default=width)
        if best == width or not others[best] < SMOOTHER * unlike(width):
            return None
        # 3 for colours that are stored pixel by pixel.
        beside = [best + step for step in (-3, -1, 1, 3) if best + step > 0]
        return best if others[best] < min(map(unlike, beside)) else None


def count_empty(images: np.ndarray) -> tuple[int, int]:
    """How many images are of one colour, and how many others have no grey level above 1."""
    flat = images.reshape(len(images), -1)
    least, most = flat.min(axis=1), flat.max(axis=1)
    return int((most == least).sum()), int(((most == 1) & (least == 0)).sum())


def hashes(images: np.ndarray) -> np.ndarray:
    """A digest of each image, text `[N]`: the same for the same pixels."""
    rows = np.ascontiguousarray(images).reshape(len(images), math.prod(images.shape[1:]))
    return np.array([hashlib.blake2b(row.data, digest_size=12).hexdigest() for row in rows], "U24")


def about_copies(
    train: np.ndarray, y_train: np.ndarray, test: np.ndarray, y_test: np.ndarray
) -> list[str]:
    """Warnings about images that are there more than once.

    Args:
        train, test: as `hashes` gives them.
    """
    warnings = []
    common = np.isin(test, train)
    if common.any():
        count = int(common.sum())
        share = "All" if count == len(test) else f"{count:,} of the"
        warnings.append(
            f"{share} {len(test):,} test images are also training images: accuracy on them "
            "measures memorisation"
        )
    for part, own, labels in ("training", train, y_train), ("test", test, y_test):
        if not len(own):
            continue
        kinds, first, inverse = np.unique(own, return_index=True, return_inverse=True)
        copies = len(own) - len(kinds)
        unlike = int((labels != labels[first][inverse]).sum())
        # A few copies are in most sets of small images; with other labels they are mistakes.
        if copies > 0.01 * len(own) or unlike:
            text = f"{copies:,} of {len(own):,} {part} images are duplicates of others"
            if unlike:
                text += f", {unlike:,} of them under a different label"
            warnings.append(text)
    return warnings


def about_classes(y_train: np.ndarray, y_test: np.ndarray, names: Sequence[str]) -> list[str]:
    """Warnings about classes that are missing from the test images, or rare."""
    warnings = []
    count = np.bincount(y_train, minlength=len(names))
    if len(y_test):
        missing = [names[int(k)] for k in np.setdiff1d(np.arange(len(names)), y_test)]
        if missing:
            warnings.append(
                f"There are no test images of class {named(missing)}: accuracy on "
                f"{'it' if len(missing) == 1 else 'them'} is unknown"
            )
    rare = [names[int(k)] for k in np.flatnonzero(count < 5)]
    if rare:
        warnings.append(f"There are fewer than 5 training images of class {named(rare)}")
    return warnings


def named(names: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    more = len(names) - LISTED
    return ", ".join(names[:LISTED]) + (f" and {more} more" if more > 0 else "")


def are_sorted(labels: np.ndarray, split: float) -> bool:
    """Whether the last part of the labels, `split` of them, is not like the others.

    Where the labels are sorted by class, or come in blocks, or the parts' classes differ by more
    than chance explains.
    """
    count = int(len(labels) * (1 - split))
    first, last = labels[:count], labels[count:]
    if not len(first) or not len(last):
        return False
    if len(np.setdiff1d(last, first)):
        return True
    shares = np.bincount(labels) / len(labels)
    expected = 1 - float((shares**2).sum())
    if float((labels[1:] != labels[:-1]).mean()) < SORTED * expected:
        return True
    there = shares > 0
    wanted = shares[there] * len(last)
    found = np.bincount(last, minlength=len(shares))[there]
    free = max(1, int(there.sum()) - 1)
    chi_squared = float((((found - wanted) ** 2) / wanted).sum()) / (1 - split)
    return (chi_squared - free) / (2 * free) ** 0.5 > UNLIKE


def stratified(labels: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Indices int `[N]` that mix the classes evenly, so that any part holds its share of each.

    Args:
        labels: int `[N]`.
        order: the digest of each image: within a class, images follow it.
    """
    by_class = np.lexsort((order, labels))
    counts = np.bincount(labels)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    rank = np.arange(len(labels)) - np.repeat(starts, counts)
    place = (rank + 0.5) / np.repeat(counts, counts)
    return by_class[np.lexsort((order[by_class], place))]


def held_out(labels: np.ndarray, order: np.ndarray, share: float) -> np.ndarray:
    """Which images to hold out: bool `[N]`, of each class a share, at least one of two or more.

    They are chosen by their content, so whatever the order of the files, they are the same, and
    copies of an image stay together.

    Args:
        labels: int `[N]`.
        order: the digest of each image.
    """
    chosen = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        own = own[np.argsort(order[own], kind="stable")]
        count = max(1, round(share * len(own))) if len(own) > 1 else 0
        while 0 < count < len(own) and order[own[count]] == order[own[count - 1]]:
            count += 1
        chosen[own[: min(count, len(own) - 1)]] = True
    return chosen
