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
import itertools
import json
import os
import re
import sys
import tempfile
import warnings
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import albumentations as A
import numpy as np
import pandas as pd
import yaml

from mnist_aug.analysis import comparison
from mnist_aug.analysis.policies import work
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
SUMMARY = [  # columns of `Compared.table`
    "seeds",
    "validation",
    "best_on_validation",
    "error",
    "difference",
    "low",
    "high",
    "holm_p",
    "outcome",
    "rank",
]


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
            files into `results/compare/policies`, and if they have no name, they take that of a
            file there that holds the same, or a new one, made of their transforms' names.
        build: the classifier, as a function `build(image_shape, classes)` that returns an
            uncompiled `keras.Model`, or as a model, whose weights are not used: docs/models.md says
            what it must be. It is written into `results/compare/models`.
        model: or its name or file, as `MODEL=` takes: "dense", "cnn", "path/model.py:build" or
            "path/model.keras".
        seeds: how many runs of each, from seed 0, or which seeds.
        epochs: of each run.
        results: folder of the runs, or None for a temporary one that lasts as long as what is
            returned. A folder holds the runs of one dataset and one model, and all policies in it
            are compared: those of earlier calls, too. A policy takes the place of one of its name.
        margin: a difference in accuracy, as a fraction in (0, 1], up to which two models count as
            equivalent; a tenth of the error without augmentation if None.

    Returns:
        What was found, as tables, in words, and as a report.

    Raises:
        UserError: an argument makes no sense; `results` holds runs of another dataset or model, or
            its `augmented` has a policy that can't be loaded again; or as `studies.run` does.
        KeyboardInterrupt: after a line that says so where finished runs are kept.

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
    with ExitStack() as temporary:  # left with an error, or when the result is no longer used
        if results is None:
            kept = temporary.enter_context(tempfile.TemporaryDirectory(prefix="mnist-aug-"))
            folder = Path(kept) / "results"
        else:
            folder = Path(results)
        wanted = _policies(policies, folder, images)
        if build is not None:
            model = _model(build, folder, images)
        try:
            with tempfile.TemporaryDirectory(prefix="mnist-aug-") as spare:
                first = _of_augmented(wanted, folder, images, Path(spare))
                _train(wanted, first, wanted_seeds, images, folder, epochs, model)
        except KeyboardInterrupt:
            if results is not None:
                print(
                    f"interrupted: finished runs are kept in {folder}, the same call goes on from "
                    "them",
                    file=sys.stderr,
                    flush=True,
                )
            raise
        found = Compared(folder, margin)
        weakref.finalize(found, temporary.pop_all().close)
    return found


def _train(
    wanted: list[str],
    first: str,
    seeds: list[int],
    images: Dataset,
    folder: Path,
    epochs: int,
    model: str,
) -> None:
    """Train and evaluate what is missing of baseline, augmented and all other policies.

    Args:
        first: the policy of augmented.
    """
    settings: dict[str, Any] = {"epochs": epochs, "policy": first, "model": model}
    others = studies.variants(studies.COMPARE, images, epochs, first, folder, model, wanted)
    given = [str(one.policy) for one in others]
    with _main_not_run_again(), pools.pool(images, processes=pools.in_parallel()) as pool:
        settings["pool"] = pool
        studies.run_both(BOTH, seeds, images, folder, **settings)
        if given:
            studies.run(studies.COMPARE, seeds, images, folder, given=given, **settings)


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
        with files.locked(self.results):
            if not {*BOTH} <= {*runs.evaluated_variants(self.results)}:
                raise UserError(
                    f"{results} holds no comparison: make one with mnist_aug.compare(..., "
                    f"results={str(results)!r})"
                )
            self._content = comparison.load(self.results, margin)
            self._given = inputs.read(self.results, self._content)
        self._frame = self._given.compared.assign(policy=self._names(self._given.compared))

    def _names(self, frame: pd.DataFrame) -> list[str]:
        """Names of the rows.

        Policies given as objects lose their suffix, unless that would make two names the same.
        """
        folder, names = self.results / studies.COMPARE / OBJECTS[0], section.names(frame)
        short = [one.removesuffix(".yaml") if (folder / one).is_file() else one for one in names]
        return [
            one if short.count(one) == 1 else whole for one, whole in zip(short, names, strict=True)
        ]

    @property
    def table(self) -> pd.DataFrame:
        """All of it, a row for each policy: `analysis.policies.compared` says what the columns are.

        The most accurate on the validation images come first.
        """
        return self._frame.set_index("policy")

    @property
    def summary(self) -> pd.DataFrame:
        """The main columns of `table`.

        seeds; validation, the mean accuracy on the validation images; best_on_validation, whether
        no other policy beats it there; error, the mean on the test images; difference, in accuracy
        there against none, with low and high, simultaneous over all policies; holm_p, adjusted for
        their number; outcome; rank on the test images, 1 is the best.
        """
        return self.table[SUMMARY]

    @property
    def ranking(self) -> pd.DataFrame:
        """Ranks by accuracy on the test images, 1 is the best: rank, rank_low, rank_high, error."""
        columns = ["rank", "rank_low", "rank_high", "error", "error_sd"]
        return self.table.sort_values("rank", kind="stable")[columns]

    @property
    def runs(self) -> pd.DataFrame:
        """A row for each run.

        seed; accuracy on the test images and on the validation images; loss, the cross-entropy on
        the test images in nats; seconds that training took; learned, whether a loss came below
        that of guessing; model, the path of its `.keras` file.
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
        """What to use, what to expect and where it hurts, in a line each.

        It is chosen on the validation images alone.
        """
        return "\n".join(recommendation.lines(self._content, self._given, self._frame))

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

    def __repr__(self) -> str:
        return f"{self.summary.to_string(**_SHOWN)}\n\n{self.recommendation}"

    def _repr_html_(self) -> str:
        lines = "".join(f"<p>{html.escape(line)}</p>" for line in self.recommendation.split("\n"))
        return self.summary.to_html(**_SHOWN) + lines


_SHOWN: dict[str, Any] = {"float_format": "{:.4g}".format, "na_rep": "—"}


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
        if len(parts) == 4 and _are_split(parts):
            raise UserError(
                "data is in the order (x_train, x_test, y_train, y_test): give (x_train, y_train, "
                "x_test, y_test), as Keras has them"
            )
        if len(parts) in (2, 4):
            return datasets.from_arrays(*parts)
    kind = f"a {type(given).__name__}" + (f" of {len(given)}" if hasattr(given, "__len__") else "")
    raise UserError(
        f"data is {kind}: give a name, a path, or arrays as (x_train, y_train, x_test, y_test)"
    )


def _are_split(parts: list[Any]) -> bool:
    """Whether four arrays come in the order that scikit-learn's `train_test_split` gives them."""
    try:
        x_train, x_test, y_train, y_test = (tuple(np.shape(part)) for part in parts)
    except Exception:  # whatever the library that they come from raises; `from_arrays` tells
        return False
    alike = x_train[1:] == x_test[1:] != y_train[1:]  # () of labels
    return alike and x_train[:1] == y_train[:1] and x_test[:1] == y_test[:1]


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
    # By what they are called here: what make calls them, and what is in the files to be written.
    wanted: dict[str, tuple[str, bytes | None]] = {}
    for name, one in pairs:
        if isinstance(one, os.PathLike):
            one = os.fspath(one)
        plain = isinstance(one, str)
        if plain:
            policy = augmentation.load(one, images.side, images.fill)
        else:
            policy = _as_policy(name, one)
        content = None
        if plain and name in (None, one):
            called, place = policy.name, one
        else:
            called = _file_name(name or policy.name)
            content = _content(policy, called, _named_pipeline(one) if plain else "")
            if name is None and not isinstance(one, Policy):
                called = _unused(called, policy, content, results, wanted)
            place = str(_file(results, called))
        if called == section.NONE:
            raise UserError(
                f"a policy is called {called}, as no augmentation is: give it another name"
            )
        if wanted.get(called) == (place, content):
            print(f"note: policy {called} is given twice: compared once", flush=True)
            continue
        if _clash(called, place, wanted):
            raise UserError(
                f"two policies are called {called}: give them names, as "
                "policies={'mild': ..., 'strong': ...}"
            )
        wanted[called] = place, content
        if content is not None:
            _write(Path(place), content)
            augmentation.load(place, images.side, images.fill)  # as every process will read it
    return [place for place, _ in wanted.values()]


def _file(results: Path, called: str) -> Path:
    """Where a policy is that was given as an object."""
    return results / studies.COMPARE / OBJECTS[0] / f"{called}.yaml"


def _clash(called: str, place: str, wanted: Mapping[str, tuple[str, bytes | None]]) -> bool:
    """Whether another policy has that name, or a file of it, whatever the case of its letters."""
    own, others = augmentation.name(place), [augmentation.name(one) for one, _ in wanted.values()]
    return called in wanted or own.lower() in map(str.lower, others)


def _unused(
    called: str,
    policy: Policy,
    content: bytes,
    results: Path,
    wanted: Mapping[str, tuple[str, bytes | None]],
) -> str:
    """A name for a policy without one: of a file that holds the same, or one that is not in use.

    Args:
        called: what it would be called if there were no others.
        content: of its file.
        wanted: the policies before it.
    """
    folder = _file(results, called).parent
    there = {path.stem: path.read_bytes() for path in sorted(folder.glob("*.yaml"))}
    same = [one for one in there if there[one] == content and one != section.NONE]
    for one in same:
        if wanted.get(one) == (str(_file(results, one)), content):
            return one
    does = work(augmentation.describe(policy))
    numbered = (f"{called}-{number}" for number in itertools.count(2))
    for one in itertools.chain(same, [called], numbered):
        held = one in there or any(work(own) != does for own in _trained(results, f"{one}.yaml"))
        free = one in same or not held
        if free and not _clash(one, str(_file(results, one)), wanted):
            break
    return one


def _trained(results: Path, name: str) -> list[dict[str, Any]]:
    """The policies of that name that runs have, as manifests describe them."""
    found = []
    for variant in (BOTH[1], f"{studies.COMPARE}/{name}"):
        for seed in runs.seeds(results, variant)[:1]:
            with suppress(UserError):  # a damaged run is trained again anyway
                run = runs.read_run(runs.run_folder(results, variant, seed))
                found.append(run.manifest["variant"]["policy"])
    return [one for one in found if one["name"] == name]


def _named_pipeline(policy: str) -> str:
    """The names of a policy's pipeline, to be fitted where they are read; "" if it has files."""
    if _has_files(policy):
        return ""
    parts = policy.split("+")
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


def _content(policy: Policy, called: str, named: str = "", as_json: bool = False) -> bytes:
    """A file from which `augment.policy.load` makes the policy again.

    Args:
        named: its pipeline, if it has a name.
    """
    try:
        described = augmentation.describe(policy)
    except Exception as error:  # albumentations raises whatever its parts raise
        raise UserError(
            f"policy {called} can't be written into a file, from which other processes read it "
            f"({saved.one_line(error)}): use albumentations' own transforms that it can save"
        ) from None
    content = {key: described[key] for key in saved.MIXING if key in described}
    if named:
        content["pipeline"] = named
    elif policy.pipeline.transforms or not content:
        content |= {"__version__": A.__version__, "transform": described["pipeline"]}
    if as_json:
        return json.dumps(content).encode()
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True).encode()


def _write(path: Path, content: bytes) -> None:
    if path.is_file() and path.read_bytes() == content:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise files.unwritable(path.parent, error) from None
    with files.written(path) as temporary:
        temporary.write_bytes(content)


def _of_augmented(wanted: Sequence[str], results: Path, images: Dataset, spare: Path) -> str:
    """The policy of augmented, as `load` takes it: the one that it has already, or the first.

    Args:
        spare: an empty folder, for a file that is not found again.

    Raises:
        UserError: the one that it has can't be loaded any more; its runs would be lost.
    """
    variant = BOTH[1]
    there = runs.seeds(results, variant)
    if not there:
        return wanted[0]
    own = runs.read_run(runs.run_folder(results, variant, there[0])).manifest["variant"]["policy"]
    name = own["name"]
    for one in wanted:
        if augmentation.name(one) == name:
            return one
    for place in _places(own, results, spare):
        with suppress(UserError), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it was not given now
            found = augmentation.describe(augmentation.load(place, images.side, images.fill))
            if found == own or not _has_files(name):
                print(f"note: {results / variant} keeps its policy, {name}", flush=True)
                return place
    raise UserError(
        f"{results / variant} has policy {name}, which is not found again: add it to policies, or "
        "give another results"
    )


def _places(own: dict[str, Any], results: Path, spare: Path) -> Iterator[str]:
    """Where the policy of a manifest may be; last, in a file that is made of the manifest."""
    name = own["name"]
    yield name
    path = Path(name)
    if path.suffix in augmentation.FILES:
        yield str(results / studies.COMPARE / OBJECTS[0] / name)
        again = _content(augmentation.described(own), name, as_json=path.suffix == ".json")
        (spare / name).write_bytes(again)
        yield str(spare / name)


def _has_files(policy: str) -> bool:
    return any(Path(part).suffix in augmentation.FILES for part in policy.split("+"))


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
