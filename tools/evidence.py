"""The measured tables of docs/engine.md, between markers in the page."""

import platform
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import albumentations as A
import numpy as np

from mnist_aug.errors import UserError
from tools import agreement, differences, speed


def measure() -> dict[str, str]:
    """Markdown by name of the table."""
    return {
        "agreement": _agreement(),
        "differences": _differences(),
        "speed": _speed(),
        "stages": _stages(),
    }


def write(page: Path, tables: Mapping[str, str]) -> None:
    """Put each table between `<!-- name -->` and `<!-- end -->` in the page.

    Raises:
        UserError: the page isn't there or has no such place.
    """
    try:
        text = page.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{page} can't be read: {error.strerror}") from None
    for name, table in tables.items():
        before, start, rest = text.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition("<!-- end -->")
        if not end:
            raise UserError(
                f"{page} has no place for the table {name}: "
                f"write <!-- {name} --> and <!-- end --> into it"
            )
        text = f"{before}{start}{table}\n{end}{after}"
    page.write_text(text, encoding="utf-8")


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def _agreement() -> str:
    rows = []
    for t in agreement.cases():
        values = agreement.parameter_agreement(t)
        rows.append(
            [
                f"`{_written(t)}`",
                f"{100 * agreement.pixel_agreement(t):.2f} %",
                f"{100 * agreement.pixel_agreement(t, np.float32, 3):.2f} %",
                f"{min(values.values()):.3f} of {len(values)}" if values else "draws nothing",
            ]
        )
    return _table(["transform", "uint8", "float32, 3 channels", "least p-value"], rows)


def _written(t: A.BasicTransform) -> str:
    """The transform with the arguments that differ from a plain one."""
    plain = {"mask_interpolation", "fill_mask", "p", "rotate_method", "keypoint_remapping_method"}
    default = type(t)().get_transform_init_args() if type(t).__name__ != "ShiftScaleRotate" else {}
    given = {
        name: value
        for name, value in t.get_transform_init_args().items()
        if name not in plain and default and value != default.get(name)
    }
    return f"{type(t).__name__}({', '.join(f'{k}={v}' for k, v in given.items())})"


def _differences() -> str:
    rows = []
    for difference in differences.ALL:
        theirs, ours = (
            f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}" for value in difference()
        )
        rows.append([str(difference.__doc__).splitlines()[0], theirs, ours])
    return _table(["measured", "2.0.8", "engine"], rows)


def _speed() -> str:
    single = speed.albumentations_rate()
    rates = {
        "albumentations, image by image": single,
        "engine, one thread": speed.one_thread_rate(),
        "engine through tf.data, a call for each core": speed.engine_rate(),
        "TensorFlow graph operations through tf.data": speed.graph_rate(),
    }
    rows = [[name, f"{rate:,.0f}", f"{rate / single:.0f}"] for name, rate in rates.items()]
    return _table(
        [f"on {speed.os.cpu_count()} cores ({platform.machine()})", "images/s", "times"], rows
    )


def _stages() -> str:
    rate = speed.copy_rate()
    rows = [
        [name, f"{time:.2f}", f"{touched:,}", f"{touched / rate:.2f}"]
        for name, (time, touched) in speed.stages().items()
    ]
    return _table(["stage", "µs an image", "bytes an image", "µs to copy as much"], rows)
