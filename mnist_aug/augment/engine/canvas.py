"""Reading many images at once at places between their pixels, beyond their borders too."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from mnist_aug.errors import UserError

PIXELS_PER_REMAP = 2**15 - 2  # the longest row that OpenCV takes
_REACH = {cv2.INTER_NEAREST: 1, cv2.INTER_LINEAR: 1, cv2.INTER_CUBIC: 2, cv2.INTER_LANCZOS4: 4}


def sample(
    images: np.ndarray,
    coordinates: np.ndarray,
    interpolation: int,
    border: int,
    fill: float | Sequence[float],
) -> np.ndarray:
    """Read images [N, H, W, C] (uint8 or float32, C <= 4) at [2, N, H, W], x and y, used up here.

    Some images at a time lie below one another on a canvas with a band of border pixels around
    each; coordinates are folded or clamped into the band, so that one `cv2.remap` serves all. Rows
    are rounded to the same step for every place on the canvas, 2**-12 px at 28 x 28, so that the
    place of an image can't show in its result. Cubic and Lanczos weights come from a table with
    steps of 1/32 px, so those get smaller canvases and finer rows.

    The map goes to `cv2.remap` as a single row: that runs in this thread alone, where many rows
    would wake OpenCV's own threads, which then wait for more by spinning, half a millisecond each
    time.
    """
    count, height, width, channels = images.shape
    reach = _REACH[interpolation]
    pad = 2 * reach
    canvas = _canvas(images, pad, border, fill)
    step = canvas.shape[1]
    together = max(1, PIXELS_PER_REMAP // (height * width))
    if interpolation in (cv2.INTER_CUBIC, cv2.INTER_LANCZOS4):
        together = min(together, 8)
    x, y = _fold(coordinates[0], width, border, reach), _fold(coordinates[1], height, border, reach)
    x += np.float32(pad)
    base = np.float32(2.0 ** np.ceil(np.log2(together * step)))  # between base and 2 base
    place = np.arange(count) % together * step + pad
    y += (place.astype(np.float32) + base)[:, None, None]  # float32 has one step
    y -= base
    out = np.empty((1, count * height * width, channels), images.dtype)
    x, y = x.reshape(1, -1), y.reshape(1, -1)
    for first in range(0, count, together):
        source = canvas[first : first + together].reshape(-1, width + 2 * pad, channels)
        end = min(first + together, count) * height * width
        for start in range(first * height * width, end, PIXELS_PER_REMAP):
            part = slice(start, min(start + PIXELS_PER_REMAP, end))
            cv2.remap(
                source,
                x[:, part],
                y[:, part],
                interpolation,
                dst=out[:, part],
                borderMode=cv2.BORDER_REPLICATE,
            )
    return out.reshape(images.shape)


def _canvas(images: np.ndarray, pad: int, border: int, fill: float | Sequence[float]) -> np.ndarray:
    """The images with `pad` border pixels on each side: [N, step, W + 2 pad, C], step even.

    An even step keeps the parity of rows, which decides how a nearest pixel's tie is rounded.
    """
    count, height, width, channels = images.shape
    step = height + 2 * pad + height % 2
    if border != cv2.BORDER_CONSTANT:
        rows = [cv2.borderInterpolate(i - pad, height, border) for i in range(step)]
        columns = [cv2.borderInterpolate(i - pad, width, border) for i in range(width + 2 * pad)]
        return images[:, rows][:, :, columns]
    canvas = np.empty((count, step, width + 2 * pad, channels), images.dtype)
    canvas[:] = fill_value(fill, channels, images.dtype)
    row = np.dtype((np.void, width * channels * images.itemsize))  # copied a row at a time
    inner = canvas.reshape(count, step, -1)[
        :, pad : pad + height, pad * channels : (pad + width) * channels
    ]
    inner.view(row)[:] = images.reshape(count, height, -1).view(row)
    return canvas


def fill_value(fill: float | Sequence[float], channels: int, dtype: npt.DTypeLike) -> np.ndarray:
    """A policy's fill as [C] of the images' dtype, rounded and clipped for uint8."""
    value = np.atleast_1d(np.asarray(fill, np.float64))
    if len(value) not in (1, channels):
        raise UserError(
            f"fill {fill!r} has {len(value)} values and the images have {channels} "
            "channel(s): give one number or one for each channel"
        )
    if dtype == np.uint8:
        value = np.clip(np.rint(value), 0, 255)
    return np.broadcast_to(value, channels).astype(dtype)


def _fold(coordinate: np.ndarray, length: int, border: int, reach: int) -> np.ndarray:
    """Coordinates brought into the image and its band, where the same pixels are read; in place."""
    if border == cv2.BORDER_WRAP:
        return np.mod(coordinate, np.float32(length), out=coordinate)
    if border == cv2.BORDER_REFLECT_101 and length > 1:
        period = np.float32(2 * (length - 1))
        np.mod(coordinate, period, out=coordinate)
        return np.minimum(coordinate, period - coordinate, out=coordinate)
    if border == cv2.BORDER_REFLECT:
        period = np.float32(2 * length)
        coordinate += np.float32(0.5)
        np.mod(coordinate, period, out=coordinate)
        np.minimum(coordinate, period - coordinate, out=coordinate)
        coordinate -= np.float32(0.5)
        return coordinate
    return np.clip(coordinate, np.float32(-reach), np.float32(length - 1 + reach), out=coordinate)
