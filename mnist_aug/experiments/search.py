"""Hyperparameter search: Optuna on the validation split (Akiba et al. 2019).

A trial is a variant, judged by its mean validation accuracy over some seeds. Its runs are trained
one after the other, trials in parallel; a trial whose mean so far is below the median of the
others' at the same seed is pruned (Golovin et al. 2017, the median rule). Trials go in rounds:
those of a round know only what earlier rounds found, so that a search makes the same trials
however many of them run in parallel. The test images are not read, and the seeds are not those
that variants are trained with.
"""

import os
import platform
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path

import albumentations as A
import filelock
import numpy as np
import pandas as pd

from mnist_aug import provenance, terminal
from mnist_aug.augment import named, saved
from mnist_aug.augment import policy as policies
from mnist_aug.data.dataset import Dataset
from mnist_aug.errors import UserError
from mnist_aug.formatting import percent
from mnist_aug.results import extras, files
from mnist_aug.results.extras import BEST_POLICY, Search
from mnist_aug.train import model_source
from mnist_aug.train.jobs import Job, wanted_manifest, work
from mnist_aug.train.pools import pool
from mnist_aug.train.training import validation
from mnist_aug.train.variant import Variant

try:
    import optuna
except ImportError:
    raise UserError('the search needs Optuna: pip install ".[tune]"') from None

FIRST_SEED = 1000  # of a trial's runs, so that what is chosen is judged on other seeds
SEARCHED = ("policy", "learning_rate", "schedule", "width")
WIDTHS = (64, 128, 256)
STARTUP = 10  # trials drawn at random, which none is pruned before
ROUND = 10  # trials of a round; more where more can run in parallel
MORE = {  # transforms that are searched for whether they help, at one mild magnitude
    "dropout": lambda: A.CoarseDropout(
        num_holes_range=(1, 2), hole_height_range=(0.1, 0.25), hole_width_range=(0.1, 0.25), p=0.5
    ),
    "noise": lambda: A.GaussNoise(std_range=(0.02, 0.1), p=0.5),
    "thickness": lambda: A.Morphological(scale=(2, 2), operation="dilation", p=0.25),
}
TRIAL_TIME = timedelta(days=1)  # after which another machine's trial is given up
BEGINNING_TIME = timedelta(minutes=1)  # after which one that never named its process is
SETTLED = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)


def search(
    start: Variant,
    trials: int,
    seeds: int,
    dataset: Dataset,
    results: Path,
    searched: Sequence[str] = SEARCHED,
    storage: str | None = None,
    processes: int = 1,
    scheduler: str | None = None,
) -> None:
    """Search until `trials` trials are finished, those of earlier and other calls included.

    Calls for the same variant, dataset and settings share a study; several may run at once. In
    `results/tune/`, `<variant>.csv` has a row for each trial, `<variant>-importance.csv` how much
    each setting matters, `<variant>.json` the best settings and how they were found, and
    `tuned.yaml` the best policy.

    Args:
        start: the variant whose settings are searched.
        seeds: runs of a trial.
        searched: which of `SEARCHED`; the others stay as in `start`.
        storage: a URL that Optuna takes; a journal in `results/tune/` if None.
        processes, scheduler: as for `pools.pool`.

    Raises:
        UserError: the storage or the workers can't be had or are lost, or the results can't be
            written.
    """
    folder = extras.search_folder(results)
    files.check_writable(folder)
    try:
        _search(start, trials, seeds, dataset, folder, searched, storage, processes, scheduler)
    except optuna.exceptions.StorageInternalError as error:
        raise _unusable(storage, folder, error) from None


def _search(
    start: Variant,
    trials: int,
    seeds: int,
    dataset: Dataset,
    folder: Path,
    searched: Sequence[str],
    storage: str | None,
    processes: int,
    scheduler: str | None,
) -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    fit = {"policy": bool(start.policy), "width": start.model == "dense"}
    searched = [part for part in SEARCHED if part in searched and fit.get(part, True)]
    if not searched:
        print(f"{start.name}: nothing to search for", flush=True)
        return
    model = model_source.load(start.model, dataset.image_shape, dataset.classes)
    about = {
        "start": wanted_manifest(start, FIRST_SEED, dataset, model)["variant"],
        "searched": searched,
        "seeds": seeds,
        "epochs": start.epochs,
        "dataset": dataset.sha256,
    }
    study = _study(f"mnist-aug {start.name} {files.digest(about)}", storage, folder)
    _requeue_abandoned(study)
    command = provenance.command_line()
    left = trials - len(_finished(study))
    pending: dict = {}  # the trial and its scores so far, by future
    ready: list[optuna.Trial] = []  # of the round, not handed in yet
    if left > 0:
        print(
            f"{start.name}: searching, {left} of {trials} trials to do: TensorFlow starts and "
            "compiles first, which takes some seconds",
            flush=True,
        )
    with (
        terminal.progress(f"{start.name}: {trials} trials", trials) as bar,
        pool(dataset, max(left, 1), processes, scheduler) as where,
    ):

        def suggested(trial: optuna.Trial) -> tuple[Variant, A.Compose | None]:
            return suggest(trial, start, searched, dataset.side, dataset.fill)

        def hand_in(trial: optuna.Trial, scores: list[float]) -> None:
            variant, policy = suggested(trial)
            wanted = wanted_manifest(variant, FIRST_SEED + len(scores), dataset, model)
            if policy is not None:
                tried = policies.Policy(f"trial {trial.number}", policy)
                wanted["variant"]["policy"] = policies.describe(tried)
            pending[where.submit(work, Job(variant, wanted, model, command))] = (trial, scores)

        while True:
            if not (ready or pending):
                size = max(ROUND, int(min(where.slots(), trials)))
                ready = _next_round(study, trials, size, suggested)
            while ready and len(pending) < where.slots():
                hand_in(ready.pop(0), [])
            if not pending:
                break
            for (trial, scores), held in where.finished(pending):
                scores = [*scores, validation(held)]
                trial.set_user_attr("validation", scores)
                trial.report(float(np.mean(scores)), len(scores))  # the sampler reads it if pruned
                if pruned := len(scores) < seeds and _is_below_median(study, trial, scores):
                    study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                elif len(scores) == seeds:
                    study.tell(trial, float(np.mean(scores)))
                else:
                    hand_in(trial, scores)
                    continue
                bar.reached(len(_finished(study)))
                bar.say(_line(start, trial, scores, pruned, study))
    with files.locked(folder):  # another search may write, too; the last one knows the most trials
        _write(study, start, about, dataset, folder)


def parts(text: str | None) -> tuple[str, ...]:
    """What to search for, from a list with commas; everything if None.

    Raises:
        UserError: there is no such setting.
    """
    named = SEARCHED if text is None else tuple(text.split(","))
    for part in named:
        if part not in SEARCHED:
            raise UserError(f"{part!r} can't be searched for: give some of {', '.join(SEARCHED)}")
    return named


def suggest(
    trial: optuna.trial.BaseTrial,
    start: Variant,
    searched: Sequence[str],
    side: int = policies.SIDE,
    fill: policies.Fill = 0,
) -> tuple[Variant, A.Compose | None]:
    """The variant with the trial's settings, and its policy if that is searched for.

    Magnitudes are suggested as for 28 by 28 pixels, and the policy is then fitted to the images.

    Args:
        side, fill: of the images, as for `policy.fitted`.
    """
    variant, policy = replace(start, name=f"{start.name}-trial"), None
    if "learning_rate" in searched:
        variant = replace(
            variant, learning_rate=trial.suggest_float("learning_rate", 3e-4, 6e-3, log=True)
        )
    if "schedule" in searched:
        variant = replace(
            variant, schedule=trial.suggest_categorical("schedule", ["constant", "cosine"])
        )
    if "width" in searched:
        width = trial.suggest_categorical("width", WIDTHS)
        variant = replace(variant, layers=(width,) * len(start.layers))
    if "policy" in searched:
        policy = policies.fitted(_policy(trial), side, fill)
    return variant, policy


def _policy(trial: optuna.trial.BaseTrial) -> A.Compose:
    """The default policy's parts, each with a magnitude of its own from 0, and some of `MORE`."""
    rotate = trial.suggest_int("rotate_degrees", 0, 20)
    scale = trial.suggest_float("scale", 0, 0.2, step=0.02)
    translate = trial.suggest_float("translate", 0, 0.1, step=0.01)
    shear = trial.suggest_int("shear_degrees", 0, 15)
    alpha = trial.suggest_int("elastic_alpha", 0, 80, step=5)
    sigma = trial.suggest_float("elastic_sigma", 2, 6, step=0.5)
    transforms = []
    if rotate or scale or translate or shear:
        transforms.append(named.affine(rotate, scale, translate, shear))
    if alpha:
        transforms.append(A.ElasticTransform(alpha=alpha, sigma=sigma, p=1))
    transforms += [
        make() for name, make in MORE.items() if trial.suggest_categorical(name, [False, True])
    ]
    return A.Compose(transforms or [A.NoOp(p=1)])


def _study(name: str, storage: str | None, folder: Path) -> optuna.Study:
    try:
        if not storage:
            folder.mkdir(parents=True, exist_ok=True)
            journal = _Journal(folder / "journal.log")
        return optuna.create_study(
            study_name=name,
            direction="maximize",
            load_if_exists=True,
            storage=storage or optuna.storages.JournalStorage(journal),
            pruner=optuna.pruners.NopPruner(),  # `_is_below_median` prunes
        )
    except UserError:
        raise
    except Exception as error:  # whatever the storage's own library throws
        raise _unusable(storage, folder, error) from None


def _unusable(storage: str | None, folder: Path, error: BaseException) -> UserError:
    """What to raise where the storage can't be opened, or is lost."""
    if isinstance(error, optuna.exceptions.StorageInternalError) and error.__cause__:
        error = error.__cause__  # Optuna's own words are the same for all of them
    reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
    place, reason = map(
        provenance.without_password, (storage or str(folder / "journal.log"), reason)
    )
    return UserError(
        f"the search's storage {place} can't be used ({reason}): correct STORAGE= (--storage)"
    )


class _Journal(optuna.storages.journal.JournalFileBackend):
    """Optuna's, which reports a full disk as everything here does."""

    def __init__(self, path: Path) -> None:
        self._path = path
        super().__init__(str(path), _Lock(path))  # type: ignore[arg-type]  # Optuna hides its base

    def append_logs(self, logs: list[dict]) -> None:
        try:
            super().append_logs(logs)
        except OSError as error:
            raise files.unwritable(self._path, error) from None


class _Lock:
    """A lock that goes with its process: Optuna's own is waited for 30 s after a kill.

    Whoever has it finds only whole lines in the journal. Half a line, left by a full disk, would
    spoil the next one, and with it the journal.
    """

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._lock = filelock.FileLock(journal.with_suffix(".lock"))

    def acquire(self) -> bool:
        self._lock.acquire()
        with self._journal.open("rb+") as file:
            if file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                if file.read() != b"\n":
                    file.seek(0)
                    file.truncate(file.read().rfind(b"\n") + 1)
        return True

    def release(self) -> None:
        self._lock.release()


def _finished(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    return study.get_trials(deepcopy=False, states=SETTLED)


def _whole(finished: list[optuna.trial.FrozenTrial]) -> list[optuna.trial.FrozenTrial]:
    return [trial for trial in finished if trial.state == optuna.trial.TrialState.COMPLETE]


def _best(whole: list[optuna.trial.FrozenTrial]) -> optuna.trial.FrozenTrial | None:
    """The most accurate; of several the first."""
    order = sorted(whole, key=lambda trial: (-(trial.value or 0), trial.number))
    return order[0] if order else None


def _next_round(
    study: optuna.Study, trials: int, size: int, suggest: Callable[[optuna.Trial], object]
) -> list[optuna.Trial]:
    """The next trials, their settings a function of what the study holds; none if it has enough.

    Those of killed processes make a round of their own: they belong to the one they began in.

    Args:
        size: how many, unless fewer are left to do.
        suggest: draws a trial's settings.
    """
    known = study.get_trials(deepcopy=False)
    number = 1 + max((trial.user_attrs.get("round", -1) for trial in known), default=-1)
    waiting = sum(trial.state == optuna.trial.TrialState.WAITING for trial in known)
    asked: list[optuna.Trial] = []
    while len(asked) < (waiting or size) and (trial := _next_trial(study, trials)):
        if "round" not in trial.user_attrs:
            trial.set_user_attr("round", number)
        suggest(trial)  # before any trial of the round is finished
        asked.append(trial)
    return asked


def _next_trial(study: optuna.Study, trials: int) -> optuna.Trial | None:
    """The next trial, or None if there are enough."""
    known = study.get_trials(deepcopy=False)
    if sum(_counts(trial) for trial in known) >= trials:
        return None
    # What failed began anew under another number.
    begun = sum(trial.state != optuna.trial.TrialState.FAIL for trial in known)
    study.sampler = optuna.samplers.TPESampler(n_startup_trials=STARTUP, seed=begun)
    trial = study.ask()
    trial.set_user_attr("process", _process())
    # Another search may have begun one at the same time.
    if sum(_counts(t) for t in study.get_trials(deepcopy=False)[: trial.number]) >= trials:
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
        return None
    return trial


def _is_below_median(study: optuna.Study, trial: optuna.Trial, scores: list[float]) -> bool:
    """Whether a mean so far is below the median of whole trials of earlier rounds."""
    others = [
        np.mean(other.user_attrs["validation"][: len(scores)])
        for other in _whole(_finished(study))
        if other.user_attrs.get("round", -1) < trial.user_attrs["round"]
    ]
    return len(others) >= STARTUP and bool(np.mean(scores) < np.median(others))


def _counts(trial: optuna.trial.FrozenTrial) -> bool:
    """Whether a trial is finished, or going to be."""
    return trial.state in SETTLED or (
        trial.state == optuna.trial.TrialState.RUNNING and _alive(trial)
    )


def _process() -> list:
    return [platform.node(), os.getpid()]


def _requeue_abandoned(study: optuna.Study) -> None:
    """Give the trials of killed processes to whoever asks next."""
    for trial in study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.RUNNING]):
        # This process has begun none yet: what bears its number is of one that has ended.
        if not _alive(trial) or trial.user_attrs.get("process") == _process():
            with suppress(ValueError):  # another search was faster
                study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
                kept = {key: trial.user_attrs[key] for key in ("round",) if key in trial.user_attrs}
                study.enqueue_trial(trial.params, user_attrs=kept)


def _alive(trial: optuna.trial.FrozenTrial) -> bool:
    """Whether a running trial's process is there; of another machine's, whether it may be."""
    host, process = trial.user_attrs.get("process", (None, None))
    if host != platform.node():
        allowed = TRIAL_TIME if host else BEGINNING_TIME
        return datetime.now() - (trial.datetime_start or datetime.min) < allowed
    return files.is_alive(process)


def _line(
    start: Variant, trial: optuna.Trial, scores: list, pruned: bool, study: optuna.Study
) -> str:
    best = _best(_whole(_finished(study)))
    so_far = (
        f"best so far {percent(best.value)} % (trial {best.number})"
        if best and best.value is not None
        else "none is finished yet"
    )
    return (
        f"{start.name}, trial {trial.number}: validation accuracy {percent(np.mean(scores))} % "
        f"({'pruned after' if pruned else 'mean of'} {len(scores)} "
        f"{'seed' if len(scores) == 1 else 'seeds'}); {so_far}"
    )


def _write(
    study: optuna.Study, start: Variant, about: dict, dataset: Dataset, folder: Path
) -> None:
    finished = _finished(study)
    whole = _whole(finished)
    best = _best(whole)
    if best is None:
        return
    trials = pd.DataFrame(
        [
            {
                "trial": t.number,
                "pruned": t.state == optuna.trial.TrialState.PRUNED,
                "seeds": len(t.user_attrs["validation"]),
                "validation": float(np.mean(t.user_attrs["validation"])),
                **t.params,
            }
            for t in sorted(finished, key=lambda t: t.number)
        ]
    )
    importance = pd.DataFrame(_importance(study, whole), columns=["setting", "importance"])
    # The same suggestions as in the trial make the same variant.
    variant, policy = suggest(
        optuna.trial.FixedTrial(best.params), start, about["searched"], dataset.side, dataset.fill
    )
    changed = {
        key: value
        for key, value in asdict(variant).items()
        if value != getattr(start, key) and key != "name"
    }
    policy_file, pipeline = None, {}
    if policy is not None:
        with tempfile.TemporaryDirectory() as place:
            A.save(policy, f"{place}/policy", data_format="yaml")
            policy_file = Path(place, "policy").read_bytes()
        changed["policy"] = BEST_POLICY
        pipeline = {"pipeline": saved.as_data(policy)}
    where = provenance.describe()
    where["versions"]["optuna"] = optuna.__version__
    found = {
        "changed": changed,
        **pipeline,
        "trial": best.number,
        "validation": best.value,
        "scores": best.user_attrs["validation"],
        "first_seed": FIRST_SEED,
        "trials": len(finished),
        "pruned": len(finished) - len(whole),
        **about,
        "written": provenance.now(),
        **where,
    }
    extras.write_search(folder, Search(start.name, found, trials, importance), policy_file)
    print(
        f"{start.name}: best validation accuracy {percent(found['validation'])} % "
        f"(trial {best.number} of {len(finished)}), in {folder / f'{start.name}.json'}",
        flush=True,
    )


def _importance(study: optuna.Study, whole: list) -> list[tuple[str, float]]:
    """Shares of the variance between trials (Hutter, Hoos and Leyton-Brown 2014, fANOVA)."""
    if len(whole) < STARTUP or len({t.value for t in whole}) < 2:
        return []
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    return list(optuna.importance.get_param_importances(study, evaluator=evaluator).items())
