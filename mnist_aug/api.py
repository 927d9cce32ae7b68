"""From Python what `make compare` does: many policies trained, evaluated and compared.

    import albumentations as A
    import mnist_aug

    mine = A.Compose([A.Rotate(limit=10), A.GaussNoise(p=0.3)])
    found = mnist_aug.compare("digits", ["default", "mixup:0.2", mine], results="results")
    print(found.recommendation)

docs/python.md has the whole of it.
"""

from __future__ import annotations

import html
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import albumentations as A
import numpy as np
import pandas as pd
import yaml

from mnist_aug.analysis import comparison
from mnist_aug.analysis.recommendation import recommended
from mnist_aug.arguments import LARGEST
from mnist_aug.augment import policy as augmentation
from mnist_aug.augment import saved
from mnist_aug.augment.policy import Policy
from mnist_aug.data import dataset as datasets
from mnist_aug.data.dataset import Dataset
from mnist_aug.errors import UserError
from mnist_aug.experiments import studies
from mnist_aug.report import compare as section
from mnist_aug.report import inputs, page, recommendation
from mnist_aug.results import files, runs
from mnist_aug.results.runs import BOTH
from mnist_aug.train import model_source, pools

if TYPE_CHECKING:  # it takes seconds to start, so only where there is a model to build
    import keras

Data: TypeAlias = str | os.PathLike[str] | Dataset | Sequence[Any]
OnePolicy: TypeAlias = str | os.PathLike[str] | Policy | A.BaseCompose | A.BasicTransform
Policies: TypeAlias = OnePolicy | Sequence[OnePolicy] | Mapping[str, OnePolicy]
Build: TypeAlias = Callable[..., "keras.Model"]

OBJECTS = ("policies", "models")  # folders of results/compare that hold what was given as objects
NAMED = 3  # transforms that a policy without a name is called by
# What of the report's table stands below a call in a notebook.
SHORT = (
    "policy",
    "seeds",
    "validation accuracy ± SD, %",
    "may be the best",
    "test error ± SD, %",
    "test accuracy against none, pp (95 % CI)",
    "p by Holm",
    "outcome",
    "rank (95 % CI)",
)


def compare(
    data: Data = "mnist",
    policies: Policies = studies.POLICIES,
    build: Build | keras.Model | None = None,
    model: str = "dense",
    seeds: int | Sequence[int] = 5,
    epochs: int = 15,
    results: str | os.PathLike[str] | None = None,
    margin: float | None = None,
) -> Compared:
    """Train a classifier without augmentation and with each policy, and compare them.

    Trains what is missing, in as many processes as there are cores, and evaluates it on the test,
    validation and corrupted images. The same call with the same `results` finds its runs again, as
    `make compare` and `make report` with that folder do. Scripts need no
    `if __name__ == "__main__"`.

    Args:
        data: what `DATA=` takes, a name or a path; a `Dataset`; or arrays, as
            `(x_train, y_train, x_test, y_test)`, as Keras has them,
            `((x_train, y_train), (x_test, y_test))`, or as `(x, y)`, of which a fifth is held out.
            `data.dataset.from_arrays` says what they may be; it takes a name, too.
        policies: one or more. Each is a name or file as `POLICY=` takes, an albumentations
            transform or composition, or an `augment.policy.Policy`; in a dict, by the name to give
            it. Names are fitted to the images' size and background; files and objects are taken as
            they are, as images uint8 `[H, W]` or `[H, W, 3]` come. Objects are written as policy
            files into `results/compare/policies`, and if they have no name, one is made of their
            transforms' names.
        build: the classifier, as a function `build(image_shape, classes)` that returns an
            uncompiled `keras.Model`, or as a model, whose weights are not used: docs/models.md says
            what it must be. It is written into `results/compare/models`.
        model: or its name or file, as `MODEL=` takes: "dense", "cnn", "path/model.py:build" or
            "path/model.keras".
        seeds: how many runs of each, from seed 0, or which seeds.
        epochs: of each run.
        results: folder of the runs, or None for a temporary one that lasts as long as what is
            returned. A folder holds the runs of one dataset and one model, and all policies in it
            are compared: those of earlier calls, too.
        margin: a difference in accuracy, as a fraction in (0, 1], up to which two models count as
            equivalent; a tenth of the error without augmentation if None.

    Returns:
        What was found, as tables, in words, and as a report.

    Raises:
        UserError: an argument makes no sense; `results` holds runs of another dataset or model, or
            a pair of models whose policy is not among these; or as `studies.run` does.

    Warns:
        ImageByImageWarning, PolicyFillWarning, PolicyTranslatedWarning: of policies.
    """
    wanted_seeds = _seeds(seeds)
    if not _is_whole(epochs) or not 1 <= epochs <= LARGEST:
        raise UserError(f"epochs is {_short(epochs)}: give a whole number from 1 to {LARGEST:,}")
    _margin(margin)
    if build is not None and model != "dense":
        raise UserError("both build and model are given: leave one of them out")
    images = _dataset(data)
    kept = None
    if results is None:
        kept = tempfile.TemporaryDirectory(prefix="mnist-aug-")
        results = Path(kept.name) / "results"
    folder = Path(results)
    wanted = _policies(policies, folder, images)
    first = _of_augmented(wanted, folder)
    if build is not None:
        model = _model(build, folder, images)
    settings: dict[str, Any] = {
        "epochs": epochs,
        "policy": first,
        "model": model,
    }
    studies.variants(studies.COMPARE, images, epochs, first, folder, model, wanted)
    with _main_not_run_again(), pools.pool(images, processes=pools.in_parallel()) as pool:
        settings["pool"] = pool
        studies.run_both(BOTH, wanted_seeds, images, folder, **settings)
        if len(wanted) > 1:
            studies.run(studies.COMPARE, wanted_seeds, images, folder, given=wanted, **settings)
    found = Compared(folder, margin)
    found._kept = kept
    return found


class Compared:
    """Policies that were compared with no augmentation, in a results folder.

    Rows of the tables are named by policy, "none" for no augmentation. Accuracies, errors and
    differences are fractions, differences are in accuracy and above zero where the policy helps,
    and CIs are 95 % ones.

    Args:
        results: a folder that `compare`, or `make compare`, made; nothing in it is trained or
            evaluated anew.
        margin: as for `compare`.

    Raises:
        UserError: the folder holds no comparison, or a file in it is missing or damaged.
    """

    def __init__(self, results: str | os.PathLike[str], margin: float | None = None) -> None:
        self.results, self.margin = Path(results).resolve(), _margin(margin)
        self._kept: tempfile.TemporaryDirectory[str] | None = None  # removed with this object
        with files.locked(self.results):
            self._content = comparison.load(self.results, margin)
            self._given = inputs.read(self.results, self._content)
        self._frame = self._given.compared.assign(policy=self._names(self._given.compared))

    def _names(self, frame: pd.DataFrame) -> list[str]:
        """What the rows are called; policies that were given as objects without their suffix."""
        folder = self.results / studies.COMPARE / OBJECTS[0]
        return [
            name.removesuffix(".yaml") if (folder / name).is_file() else name
            for name in section.names(frame)
        ]

    @property
    def table(self) -> pd.DataFrame:
        """All of it, a row for each policy: `analysis.policies.compared` says what the columns are.

        The most accurate on the validation images come first.
        """
        return self._frame.set_index("policy")

    @property
    def ranking(self) -> pd.DataFrame:
        """Ranks by accuracy on the test images, 1 is the best: rank, rank_low, rank_high, error."""
        columns = ["rank", "rank_low", "rank_high", "error", "error_sd"]
        return self.table.sort_values("rank", kind="stable")[columns]

    @property
    def runs(self) -> pd.DataFrame:
        """A row for each run.

        seed; accuracy on the test images and on the validation images; loss, the cross-entropy on
        the test images in nats; seconds that training took; learned, whether the training loss came
        below that of guessing; model, the path of its `.keras` file.
        """
        every = self._content.variants | self._given.policies
        rows = [
            {
                "policy": row.policy,
                "seed": run.seed,
                "accuracy": float(every[row.variant].on_test["accuracy"][run.seed]),
                "validation": validation,
                "loss": float(every[row.variant].on_test["loss"][run.seed]),
                "seconds": run.manifest["seconds"],
                "learned": run.learned,
                "model": run.model,
            }
            for row in self._frame.itertuples()
            for run, validation in zip(
                every[row.variant].runs, every[row.variant].validation_accuracy, strict=True
            )
        ]
        return pd.DataFrame(rows).set_index("policy")

    @property
    def best(self) -> list[str]:
        """The policies that no other beats on the validation images, the most accurate first.

        "none" is among them where no policy is shown to be better than it.
        """
        return list(self.table.index[self.table["best_on_validation"]])

    @cached_property
    def recommendation(self) -> str:
        """What to use, what to expect, where it hurts and what it costs, in a line each.

        It is chosen on the validation images alone.
        """
        strength = self._given.studies.get("strength")
        found = recommended(self._content, self._frame, self._given.policies, strength)
        return "\n".join(recommendation.written(found))

    def report(self, reports: str | os.PathLike[str] = "reports") -> Path:
        """Write the report into a folder, and return the path of its `index.html`.

        Raises:
            UserError: as `report.page.write` does.
        """
        folder = Path(reports)
        if folder.resolve() == self.results.resolve():
            raise UserError(f"reports and results are both {folder}: give each its own folder")
        page.write(self.results, folder, margin=self.margin)
        return folder / "index.html"

    @cached_property
    def _shown(self) -> pd.DataFrame:
        """The report's table, with the columns that fit a page."""
        display = section.table(self._frame).display
        return display[[name for name in SHORT if name in display]].set_index("policy")

    def __repr__(self) -> str:
        return f"{self._shown.to_string()}\n\n{self.recommendation}"

    def _repr_html_(self) -> str:
        lines = "".join(f"<p>{html.escape(line)}</p>" for line in self.recommendation.split("\n"))
        return self._shown.to_html() + lines


# What is given ------------------------------------------------------------------------------------


def _seeds(given: int | Sequence[int]) -> list[int]:
    form = f"give how many, from 1 to {LARGEST:,}, or a list of different ones, as [0, 1, 2]"
    if _is_whole(given):
        if not 1 <= given <= LARGEST:  # type: ignore[operator]  # a whole number
            raise UserError(f"seeds is {_short(given)}: {form}")
        return [*range(given)]  # type: ignore[arg-type]
    try:
        found = [*given]  # type: ignore[misc]
    except TypeError:
        raise UserError(f"seeds is {_short(given)}: {form}") from None
    fit = all(_is_whole(one) and 0 <= one <= LARGEST for one in found)
    if isinstance(given, str) or not found or not fit or len({*found}) < len(found):
        raise UserError(f"seeds is {_short(given)}: {form}")
    return sorted(map(int, found))


def _margin(given: float | None) -> float | None:
    number = isinstance(given, int | float | np.number) and not isinstance(given, bool)
    if given is None or (number and 0 < given <= 1):
        return given
    raise UserError(
        f"margin is {_short(given)}: give a difference in accuracy as a fraction, as 0.002"
    )


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _short(value: object) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:60]}…"


def _dataset(given: Data) -> Dataset:
    if isinstance(given, Dataset):
        return given
    if isinstance(given, str | os.PathLike):
        return datasets.load(os.fspath(given))
    if isinstance(given, tuple | list):
        parts = [*given]
        if len(parts) == 2 and all(isinstance(p, tuple | list) and len(p) == 2 for p in parts):
            parts = [*parts[0], *parts[1]]  # ((x_train, y_train), (x_test, y_test))
        if len(parts) in (2, 4):
            return datasets.from_arrays(*parts)
    kind = f"a {type(given).__name__}" + (f" of {len(given)}" if hasattr(given, "__len__") else "")
    raise UserError(
        f"data is {kind}: give a name, a path, or arrays as (x_train, y_train, x_test, y_test)"
    )


def _policies(given: Policies, results: Path, images: Dataset) -> list[str]:
    """What each policy is called by `make`: objects are written into files."""
    if isinstance(given, str | os.PathLike | Policy | A.BaseCompose | A.BasicTransform):
        given = [given]
    if isinstance(given, Mapping):
        pairs: list[tuple[str | None, Any]] = [*given.items()]
    elif isinstance(given, Sequence):
        pairs = [(None, one) for one in given]
    else:
        raise UserError(f"policies is {_short(given)}: give a list of them, or a dict by name")
    if not pairs:
        raise UserError("policies is empty: give at least one, as ['default']")
    wanted: dict[str, str] = {}  # what make calls them, by what they are called here
    for name, one in pairs:
        if isinstance(one, os.PathLike):
            one = os.fspath(one)
        plain = isinstance(one, str)
        if plain:
            policy = augmentation.load(one, images.side, images.fill)
        else:
            policy = _as_policy(name, one)
        if plain and name in (None, one):
            called, place = policy.name, one
        else:
            called = _file_name(name or policy.name)
            place = str(results / studies.COMPARE / OBJECTS[0] / f"{called}.yaml")
        if called == section.NONE:
            raise UserError(
                f"a policy is called {called}, as no augmentation is: give it another name"
            )
        if wanted.get(called) == place == one:
            continue  # the same twice
        if called.lower() in map(str.lower, wanted):  # one file, where case makes none other
            raise UserError(
                f"two policies are called {called}: give them names, as "
                "policies={'mild': ..., 'strong': ...}"
            )
        wanted[called] = place
        if place != one:
            _write_policy(Path(place), policy, _named_pipeline(one) if plain else "")
            augmentation.load(place, images.side, images.fill)  # as every process will read it
    return [*wanted.values()]


def _named_pipeline(policy: str) -> str:
    """The names of a policy's pipeline, to be fitted where they are read; "" if it has files."""
    parts = policy.split("+")
    if any(Path(part).suffix in augmentation.FILES for part in parts):
        return ""
    return "+".join(p for p in parts if p.partition(":")[0] not in augmentation.METHODS)


def _as_policy(name: str | None, given: Any) -> Policy:
    if isinstance(given, Policy):
        return given
    if isinstance(given, A.BasicTransform):
        given = A.Compose([given])
    if not isinstance(given, A.BaseCompose):
        of = f" {name}" if name else ""
        hint = " (call it)" if isinstance(given, type) else ""
        raise UserError(
            f"policy{of} is {_short(given)}{hint}: give a name, a file, or what albumentations "
            "makes, as A.Compose([...])"
        )
    if name is None:
        plain = type(given) in (A.Compose, A.Sequential)
        within = [type(one).__name__ for one in (given.transforms if plain else [given])]
        more = [f"{len(within) - NAMED}-more"] if len(within) > NAMED else []
        name = "-".join([*within[:NAMED], *more])
    return Policy(name, given)


def _file_name(name: object) -> str:
    if not isinstance(name, str):
        raise UserError(f"the name of a policy is {_short(name)}: give text")
    return re.sub(r"[^\w.=-]+", "-", name)[:60].strip(".-") or "policy"


def _write_policy(path: Path, policy: Policy, named: str) -> None:
    """A file from which `augment.policy.load` makes the policy again.

    Args:
        named: its pipeline, if it has a name.
    """
    try:
        described = augmentation.describe(policy)
    except Exception as error:  # albumentations raises whatever its parts raise
        raise UserError(
            f"policy {path.stem} can't be written into a file, from which other processes read it "
            f"({saved.one_line(error)}): use albumentations' own transforms that it can save"
        ) from None
    content = {key: described[key] for key in saved.MIXING if key in described}
    if named:
        content["pipeline"] = named
    elif policy.pipeline.transforms or not content:
        content |= {"__version__": A.__version__, "transform": described["pipeline"]}
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    _write(path, text.encode())


def _write(path: Path, content: bytes) -> None:
    if path.is_file() and path.read_bytes() == content:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise files.unwritable(path.parent, error) from None
    with files.written(path) as temporary:
        temporary.write_bytes(content)


def _of_augmented(wanted: Sequence[str], results: Path) -> str:
    """Which of the policies augmented has: the one that it has already, or the first.

    Raises:
        UserError: it has another one, which would be lost.
    """
    name = BOTH[1]
    there = runs.seeds(results, name)
    if not there:
        return wanted[0]
    run = runs.read_run(runs.run_folder(results, name, there[0]))
    own = run.manifest["variant"]["policy"]["name"]
    for one in wanted:
        if augmentation.name(one) == own:
            return one
    raise UserError(
        f"{results / name} has policy {own}, which is not among policies: add it, or give another "
        "results"
    )


def _model(build: Any, results: Path, images: Dataset) -> str:
    """The file that what `build` makes is written into."""
    if not callable(build):  # as models are, too
        raise UserError(f"build is {_short(build)}: give a function, or the name as model=...")
    name, content = model_source.of_object(build, images.image_shape, images.classes)
    path = results / studies.COMPARE / OBJECTS[1] / f"{name}.keras"
    _write(path, content)
    return str(path)


@contextmanager
def _main_not_run_again() -> Iterator[None]:
    """Let new processes leave the program alone that calls this.

    Python runs a program's file again in each process that it spawns, in case the work is defined
    there. Here it is not, and the call would come again.
    """
    main = sys.modules["__main__"]
    held = {name: vars(main)[name] for name in ("__file__", "__spec__") if name in vars(main)}
    try:
        for name in held:
            setattr(main, name, None)
        yield
    finally:
        for name, value in held.items():
            setattr(main, name, value)
