"""The studies: each answers one question by variants that are compared with baseline and augmented.

A study's runs lie in `results/<study>/<variant>/seed-<nn>/`. Baseline and augmented belong to every
study and are not trained again for it.
"""

import re
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from mnist_aug import notes
from mnist_aug.analysis.policies import work
from mnist_aug.augment import named
from mnist_aug.augment import policy as policies
from mnist_aug.data import eval_sets
from mnist_aug.data.corruptions import CORRUPTIONS
from mnist_aug.data.dataset import Dataset
from mnist_aug.data.eval_sets import EvalSet
from mnist_aug.errors import UserError
from mnist_aug.evaluate import views
from mnist_aug.evaluate.evaluation import evaluate, evaluate_runs
from mnist_aug.results import extras, runs
from mnist_aug.train import pools
from mnist_aug.train.pools import Pool
from mnist_aug.train.training import train_all
from mnist_aug.train.variant import Variant, augmented, baseline, configured

# What `compare` compares if nothing else is asked for: the methods of docs/methods.md.
POLICIES = (
    "default",
    "affine",
    "trivialaugment",
    "rand-m6-n2",
    "autoaugment-svhn",
    "flip",
    "flip-crop",
    "cutout",
    "random-erasing",
    "mixup:0.2",
    "cutmix",
    "augmix",
    "augmix-jsd",
    "label-smoothing",
)
TRAINING_IMAGES = (100, 300, 1_000, 3_000, 10_000, 30_000)
LONGER = 100 / 15  # the study of epochs trains so many times as long


def _policy(name: str) -> Variant:
    return replace(augmented, name=name, policy=name)


STUDIES = {
    # Each part of the default policy alone, and the policy without it.
    "ablation": [
        _policy(name)
        for name in (
            *named.PARTS,
            "affine",
            *(f"no-{part}" for part in named.PARTS if part != "elastic"),
        )
    ],
    # The default policy's magnitudes, all times one factor. Baseline and augmented are factors
    # 0 and 1.
    "strength": [_policy(f"default-{strength}x") for strength in named.STRENGTHS],
    # Each part of the default policy alone, its magnitude times several factors.
    "grid": [
        _policy(name)
        for part in named.PARTS
        for name in (part, *(f"{part}-{strength}x" for strength in named.OF_A_PART))
    ],
    # Fewer training images, as many steps. Baseline and augmented have all images.
    "data-efficiency": [
        replace(one, name=f"{one.name}-{count}", training_images=count)
        for count in TRAINING_IMAGES
        for one in (baseline, augmented)
    ],
    # Baseline and augmented, trained for longer.
    "epochs": [
        replace(one, name=f"{one.name}-long", epochs=round(LONGER * one.epochs))
        for one in (baseline, augmented)
    ],
    # Baseline and augmented, each seed with training images of its own drawing.
    "variance": [
        replace(one, name=f"{one.name}-resampled", resampled=True) for one in (baseline, augmented)
    ],
}
COMPARE = "compare"  # the study of policies; its variants are those that are asked for
TUNED = "tuned"  # the study of what the search found; its variants are in the search's files
NAMES = (*STUDIES, COMPARE, TUNED)


def tuned(results: Path) -> list[Variant]:
    """The best variants that the hyperparameter search found: of each variant that it started from,
    and with its policy or its training settings alone.

    Raises:
        UserError: nothing was searched for yet, or a file of the search is damaged.
    """
    folder, found = extras.search_folder(results), []
    for start in (baseline, augmented):
        search = extras.read_search(folder, start.name)
        if search is None:
            continue
        changed = dict(search.about["changed"])
        if "layers" in changed:
            changed["layers"] = tuple(changed["layers"])
        if "policy" in changed:
            changed["policy"] = str(folder / changed["policy"])
            found.append(replace(start, name="tuned-policy", policy=changed["policy"]))
            if len(changed) > 1:
                others = changed | {"policy": start.policy}
                found.append(replace(start, name="tuned-training", **others))
        found.append(replace(start, name=f"tuned-{start.name}", **changed))
    if not found:
        raise UserError(f"{folder} holds no finished search: `make tune` first")
    return found


def compared(given: Sequence[str], dataset: Dataset, policy: str) -> list[Variant]:
    """A variant for each policy of a comparison but that of augmented, which is trained anyway.

    A variant's name is its policy's, with hyphens for what is no part of a folder's name. Policies
    that do the same under several names are compared once.

    Args:
        given: names and files, as `policy.load` takes them; none twice.
        policy: of augmented.

    Raises:
        UserError: a policy can't be loaded, or two have one name.
    """

    def described(one: str) -> tuple[str, dict[str, Any]]:
        data = policies.describe(policies.load(one, dataset.side, dataset.fill))
        return str(data["name"]), work(data)

    called, own = described(policy)
    known = [(called, own)]
    found: dict[str, Variant] = {}
    for one in given:
        called, own = described(one)
        same = next((other for other, data in known if data == own), None)
        if same is not None:
            if same != called:
                notes.say(f"note: policies {same} and {called} do the same: compared once")
            continue
        known.append((called, own))
        name = re.sub(r"[:/\\]", "-", called)
        if name in runs.BOTH or (name in found and found[name].policy != one):
            other = f"policy {found[name].policy}" if name in found else "a model of every study"
            raise UserError(
                f"policy {one} would be called {name} in the results, as {other} is: rename its "
                "file"
            )
        found[name] = replace(augmented, name=name, policy=one)
    return [*found.values()]


def variants(
    study: str,
    dataset: Dataset,
    epochs: int | None = None,
    policy: str | None = None,
    results: Path = Path("results"),
    model: str | None = None,
    given: Sequence[str] = (),
) -> list[Variant]:
    """The variants of a study on a dataset: those that want more images than it has are left out.

    Args:
        epochs, policy, model: of baseline and augmented, in place of their own.
        results: where the search's files are, for the study of what it found.
        given: the policies that `compare` compares; `POLICIES` if empty.

    Raises:
        UserError: there is no such study, it is about the parts of the default policy and another
            is given, or as `compared` does.
    """
    if study not in NAMES:
        raise UserError(f"study {study!r} is unknown: use one of {', '.join(NAMES)}")
    policy = policy or str(augmented.policy)
    if policy != augmented.policy and study in ("ablation", "strength", "grid"):
        raise UserError(
            f"study {study} takes the default policy apart, so it can't be of policy "
            f"{policy}: leave POLICY= (--policy) out"
        )
    policies.load(policy, dataset.side, dataset.fill)
    if study == TUNED:
        every = tuned(results)
    elif study == COMPARE:
        every = compared(given or POLICIES, dataset, policy)
    else:
        every = STUDIES[study]
    wanted = []
    for variant in every:
        if epochs is not None:
            variant = replace(variant, epochs=round(variant.epochs / baseline.epochs * epochs))
        if variant.policy == augmented.policy and study != COMPARE:
            variant = replace(variant, policy=policy)
        if model is not None:
            variant = replace(variant, model=model)
        if (variant.training_images or 0) < dataset.training_count(variant.validation_split):
            wanted.append(variant)
    return wanted


def run(
    study: str,
    seeds: Sequence[int],
    dataset: Dataset,
    results: Path,
    epochs: int | None = None,
    policy: str | None = None,
    model: str | None = None,
    given: Sequence[str] = (),
    extra: str | None = None,
    **where: Any,
) -> None:
    """Train what is missing of a study, and evaluate it.

    Runs are evaluated on the test images; those of `compare` and `tuned` on the validation images,
    corrupted images and other datasets, too.

    Args:
        epochs, policy, model, given: as for `variants`.
        extra: another dataset that these two are evaluated on, as for `evaluation.evaluate`.
        where: as for `train_and_evaluate`.

    Raises:
        UserError: as `variants`, `training.train_all` and `evaluation.evaluate_runs` do.
    """
    folder = Path(results) / study
    wanted = [
        (variant, seed)
        for variant in variants(study, dataset, epochs, policy, results, model, given)
        for seed in seeds
    ]
    sets: list[str | EvalSet] = ["test"]
    if study in (COMPARE, TUNED):
        sets += ["validation", *(f"corruption/{one}" for one in CORRUPTIONS)]
        sets += eval_sets.read(dataset, extra)
    keys = [(variant.name, seed) for variant, seed in wanted]
    evaluation = partial(evaluate_runs, folder, dataset, keys, sets, probabilities=False)
    train_and_evaluate(wanted, dataset, folder, evaluation, **where)


def run_both(
    names: Sequence[str],
    seeds: int | Sequence[int],
    dataset: Dataset,
    results: Path,
    epochs: int | None = None,
    policy: str | None = None,
    extra: str | None = None,
    mnist_c: str | None = None,
    model: str | None = None,
    tta: int | None = None,
    **where: Any,
) -> None:
    """Train what is missing of baseline and augmented, and evaluate them on all evaluation sets.

    Args:
        names: of the variants.
        seeds: which, or how many from 0.
        epochs, policy, model: as for `variant.configured`.
        extra, mnist_c, tta: as for `evaluation.evaluate`.
        where: as for `train_and_evaluate`.

    Raises:
        UserError: as `training.train_all` and `evaluation.evaluate` do.
    """
    both = [configured(name, epochs, policy, model) for name in names]
    wanted_seeds = range(seeds) if isinstance(seeds, int) else seeds
    wanted = [(variant, seed) for variant in both for seed in wanted_seeds]
    if extra or mnist_c:  # a mistake in these is better known before training
        eval_sets.read(dataset, extra, mnist_c)
    if tta:
        policies_of = {one.name: one.settings(dataset.side, dataset.fill)["policy"] for one in both}
        views.chosen(tta, policies_of)
    evaluation = partial(
        evaluate, results, dataset, names, seeds, epochs, policy, extra, mnist_c, model, tta
    )
    train_and_evaluate(wanted, dataset, results, evaluation, **where)


def train_and_evaluate(
    wanted: Sequence[tuple[Variant, int]],
    dataset: Dataset,
    folder: Path,
    evaluation: Callable[..., None],
    processes: int = 1,
    scheduler: str | None = None,
    tensorboard: bool = False,
    pool: Pool | None = None,
) -> None:
    """Train runs and evaluate them in the same processes, each of which starts TensorFlow once.

    Args:
        wanted: (variant, seed) of each run.
        folder: of the variants.
        evaluation: takes the pool to work in.
        processes, scheduler, tensorboard: as for `training.train_all`; evaluation is done here.
        pool: where to work, in place of a pool of its own.
    """
    with nullcontext(pool) if pool else pools.pool(dataset, processes=processes) as here:
        train_all(
            wanted,
            dataset,
            folder,
            scheduler=scheduler,
            tensorboard=tensorboard,
            pool=None if scheduler else here,
        )
        evaluation(pool=here)
