"""The measured tables of docs/engine.md, between markers in the page."""

import os
import platform
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

import albumentations as A
import numpy as np

from mnist_aug.augment.engine import colour, filters, geometry, holes, noise, sizes, tones
from mnist_aug.augment.vectorize import vectorize
from mnist_aug.errors import UserError
from mnist_aug.experiments.rivals import ENGINE, TASKS, draws, missing
from tools import agreement, differences, rivals, speed
from tools.pipelines import ALL, Pipeline


def measure(names: Collection[str] = (), chosen: Sequence[Pipeline] = ALL) -> dict[str, str]:
    """Markdown by name of the table.

    Args:
        names: the tables to make, of `TABLES`; none for all.
        chosen: the pipelines of the benchmark set to measure.
    """
    return {
        name: _pipelines(chosen) if name == "pipelines" else TABLES[name]()
        for name in names or TABLES
    }


def write(page: Path, tables: Mapping[str, str]) -> None:
    """Put each table between `<!-- name -->` and `<!-- end -->` in the page.

    Raises:
        UserError: the page isn't there or has no such place.
    """
    text = check(page, tables)
    for name, table in tables.items():
        before, start, rest = text.partition(_place(name))
        _, end, after = rest.partition("<!-- end -->")
        text = f"{before}{start}{table}\n{end}{after}"
    page.write_text(text, encoding="utf-8")


def check(page: Path, names: Iterable[str]) -> str:
    """The page's text, which has a place for each of the tables.

    Raises:
        UserError: the page isn't there or has no such place.
    """
    try:
        text = page.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{page} can't be read: {error.strerror}") from None
    for name in names:
        if "<!-- end -->" not in text.partition(_place(name))[2]:
            raise UserError(
                f"{page} has no place for the table {name}: "
                f"write <!-- {name} --> and <!-- end --> into it"
            )
    return text


def _place(name: str) -> str:
    return f"<!-- {name} -->\n"


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


GROUPS = {
    "moved pixels, joined into one map": geometry,
    "values": tones,
    "colour": colour,
    "noise": noise,
    "neighbourhoods": filters,
    "holes": holes,
    "sizes": sizes,
}


def _transforms() -> str:
    rows = [(group, _names(module.TRANSFORMS)) for group, module in GROUPS.items()]
    rows.append(("image by image", _names(image_by_image())))
    return _table(["", "transforms"], rows)


def _names(transforms: Iterable[type[A.BasicTransform]]) -> str:
    return ", ".join(sorted(t.__name__ for t in transforms))


def image_by_image() -> list[type[A.BasicTransform]]:
    """albumentations' own that aren't vectorised and work on images of 32 x 32 and 3 channels."""
    vectorised = {t for module in GROUPS.values() for t in module.TRANSFORMS} | {A.NoOp, A.Lambda}
    images, found = np.zeros((1, 32, 32, 3), np.uint8), []
    for t in vars(A).values():
        if not (isinstance(t, type) and issubclass(t, A.BasicTransform)) or t in vectorised:
            continue
        try:
            vectorize(t(p=1))(images, (0, 0, 0))
        except Exception:  # it needs an argument, a mask or boxes, or makes something else
            continue
        found.append(t)
    return found


def _agreement() -> str:
    rows = []
    for t in agreement.cases():
        values = agreement.parameter_agreement(t)
        away = agreement.pixel_differences(t)
        mean = away.mean()
        rows.append(
            [
                f"`{_written(t)}`",
                f"{100 * (away == 0).mean():.2f} %",
                f"{100 * (np.abs(away) <= 1).mean():.2f} %",
                f"{mean:+.4f}" if abs(mean) >= 5e-5 else "0",
                f"{100 * agreement.pixel_agreement(t, np.float32, 3):.2f} %",
                f"{min(values.values()):.3f} of {len(values)}" if values else "draws nothing",
            ]
        )
    heads = ["equal", "within 1", "mean difference", "float32 within 1/255", "least p-value"]
    return _table(["transform", *heads], rows)


def _written(t: A.BasicTransform) -> str:
    """The transform with the arguments that differ from its defaults."""
    plain = {"mask_interpolation", "fill_mask", "p", "rotate_method", "keypoint_remapping_method"}
    try:
        default = type(t)().get_transform_init_args()
    except (TypeError, ValueError):  # an argument that has to be given
        default = {}
    given = {
        name: value
        for name, value in t.get_transform_init_args().items()
        if name not in plain and value is not None and value != default.get(name)
    }
    return f"{type(t).__name__}({', '.join(f'{k}={v}' for k, v in given.items())})"


def _differences(measured: Iterable[Callable[[], tuple[float, ...]]] = differences.ALL) -> str:
    rows = []
    for difference in measured:
        theirs, ours = (
            f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}" for value in difference()
        )
        rows.append([str(difference.__doc__).splitlines()[0], theirs, ours])
    return _table(["measured", "2.0.8", "engine"], rows)


def _joined() -> str:
    return _differences(differences.JOINED)


def _pipelines(chosen: Sequence[Pipeline] = ALL) -> str:
    measured = []
    for number, each in enumerate(speed.measure(chosen), start=1):
        print(f"{number} of {len(chosen)}: {each.pipeline.name} {_ratios(each)}", file=sys.stderr)
        measured.append(each)
    return f"{_summary(measured)}\n\n{_benchmark_set(measured)}"


def _summary(measured: Sequence[speed.Measured]) -> str:
    """A row for each shape and batch: how many pipelines, their ratios and the ratios' spread."""
    rows = []
    for shape, batch in _COLUMNS:
        every = [each.comparisons[shape] for each in measured if shape in each.comparisons]
        done = [c.ratios(batch) for c in every if isinstance(c, speed.Comparison)]
        if not done:
            continue
        medians = np.array([np.median(ratios) for ratios in done])
        quartiles = np.array([np.quantile(ratios, [0.25, 0.75]) for ratios in done])
        spread = np.median((quartiles[:, 1] - quartiles[:, 0]) / 2 / medians)
        rows.append(
            [
                _column(shape, batch),
                len(every),
                len(every) - len(done),
                int(np.sum(medians < 1)),
                _times(medians.min()),
                _times(float(np.median(medians))),
                _times(medians.max()),
                f"± {100 * spread:.0f} %",
            ]
        )
    heads = ["images, batch", "pipelines", "refused", "slower", "least", "median", "most", "spread"]
    return _table(heads, rows)


def _benchmark_set(measured: Sequence[speed.Measured]) -> str:
    """A row for each pipeline, those refused first, then the slowest."""

    def slowest(each: speed.Measured) -> tuple[bool, float]:
        refused = any(isinstance(c, str) for c in each.comparisons.values())
        return not refused, min(each.medians().values(), default=0.0)

    return _table(
        ["pipeline", *(_column(*column) for column in _COLUMNS), "image by image"],
        [
            [
                f"`{each.pipeline.name}`: {each.pipeline.written()}",
                *_ratios(each),
                each.image_by_image or "nothing",
            ]
            for each in sorted(measured, key=slowest)
        ],
    )


_COLUMNS = [(shape, batch) for shape in speed.SHAPES for batch in speed.BATCHES]


def _column(shape: tuple[int, ...], batch: int) -> str:
    return f"{shape[0]} x {shape[1]} {'RGB' if len(shape) == 3 else 'grey'}, {batch:,}"


def _ratios(each: speed.Measured) -> list[str]:
    """The median ratios of a pipeline in the order of the columns."""
    medians = each.medians()
    return [
        _times(medians[column])
        if column in medians
        else "refused"
        if column[0] in each.comparisons
        else "needs colour"
        for column in _COLUMNS
    ]


def _times(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}"


def _speed() -> str:
    compared = speed.compare(
        speed.POLICY, speed.images(1000, (28, 28)), batches=(1000,), seconds=20, rounds=15
    )
    theirs, ours = (1e6 / side for side in (compared.albumentations, compared.engine[1000]))
    ratios = compared.ratios(1000)
    low, middle, high = np.quantile(ratios, [0.25, 0.5, 0.75])
    return _table(
        [f"one caller ({platform.machine()})", "images/s, median (least to most)", "times"],
        [
            ["albumentations, image by image", _spread(theirs), 1],
            ["engine, calls of 1,000", _spread(ours), f"{middle:.0f}"],
        ],
    ) + (
        f"\n\nOf {len(ratios)} rounds, each with both in turn, half lie between "
        f"{low:.0f} and {high:.0f} times, all between {ratios.min():.0f} and {ratios.max():.0f}."
    )


def _spread(rates: np.ndarray) -> str:
    return f"{np.median(rates):,.0f} ({rates.min():,.0f} to {rates.max():,.0f})"


def _rivals() -> str:
    one, every = (
        {key: float(np.median(each)) for key, each in rates.items()} for rates in rivals.measure()
    )
    rows = [
        [
            task,
            name,
            draws(task, name),
            *(
                cell
                for rates in (one, every)
                for cell in (
                    f"{rates[task, name]:,.0f}",
                    _times(rates[task, ENGINE] / rates[task, name]),
                )
            ),
        ]
        for task, name in sorted(one, key=lambda key: (TASKS.index(key[0]), -one[key]))
    ]
    cores = len(os.sched_getaffinity(0))
    heads = ["what", "by", "draws", "images/s, one core", f"times that {ENGINE} is as fast"]
    heads += [f"images/s, {cores} cores", f"times that {ENGINE} is as fast"]
    left_out = "".join(f"\n\nNot installed, and so left out: {package}." for package in missing())
    return _table(heads, rows) + left_out


TABLES: dict[str, Callable[[], str]] = {
    "transforms": _transforms,
    "agreement": _agreement,
    "differences": _differences,
    "joined": _joined,
    "speed": _speed,
    "pipelines": _pipelines,
    "rivals": _rivals,
}
