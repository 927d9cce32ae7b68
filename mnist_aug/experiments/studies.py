"""The studies: each answers one question by variants that are compared with baseline and augmented.

A study's runs lie in `results/<study>/<variant>/seed-<nn>/`. Baseline and augmented belong to every
study and are not trained again for it.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from mnist_aug.augment import named
from mnist_aug.augment import policy as policies
from mnist_aug.data import eval_sets
from mnist_aug.data.dataset import Dataset
from mnist_aug.errors import UserError
from mnist_aug.evaluate import views
from mnist_aug.evaluate.evaluation import evaluate, evaluate_runs
from mnist_aug.results import extras
from mnist_aug.train import pools
from mnist_aug.train.training import train_all
from mnist_aug.train.variant import Variant, augmented, baseline, configured

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
    # Fewer training images, as many steps. Baseline and augmented have all images.
    "data-efficiency": [
        replace(one, name=f"{one.name}-{count}", training_images=count)
        for count in TRAINING_IMAGES
        for one in (baseline, augmented)
    ],
    # Policies that papers give instead of one made for the data.
    "automatic": [_policy(name) for name in named.AUTOMATIC],
    # Baseline and augmented, trained for longer.
    "epochs": [
        replace(one, name=f"{one.name}-long", epochs=round(LONGER * one.epochs))
        for one in (baseline, augmented)
    ],
}
TUNED = "tuned"  # the study of what the search found; its variants are in the search's files


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


def variants(
    study: str,
    dataset: Dataset,
    epochs: int | None = None,
    policy: str | None = None,
    results: Path = Path("results"),
    model: str | None = None,
) -> list[Variant]:
    """The variants of a study on a dataset: those that want more images than it has are left out.

    Args:
        epochs, policy, model: of baseline and augmented, in place of their own.
        results: where the search's files are, for the study of what it found.

    Raises:
        UserError: there is no such study, or it is about the parts of the default policy and
            another is given.
    """
    if study not in (*STUDIES, TUNED):
        raise UserError(f"study {study!r} is unknown: use one of {', '.join((*STUDIES, TUNED))}")
    policy = policy or str(augmented.policy)
    if policy != augmented.policy and study in ("ablation", "strength"):
        raise UserError(
            f"study {study} takes the default policy apart, so it can't be of policy "
            f"{policy}: leave POLICY= (--policy) out"
        )
    policies.load(policy, dataset.side, dataset.fill)
    wanted = []
    for variant in tuned(results) if study == TUNED else STUDIES[study]:
        if epochs is not None:
            variant = replace(variant, epochs=round(variant.epochs / baseline.epochs * epochs))
        if variant.policy == augmented.policy:
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
    **where: Any,
) -> None:
    """Train what is missing of a study, and evaluate it on the test images.

    Args:
        epochs, policy, model: as for `variants`.
        where: as for `train_and_evaluate`.

    Raises:
        UserError: as `variants`, `training.train_all` and `evaluation.evaluate_runs` do.
    """
    folder = Path(results) / study
    wanted = [
        (variant, seed)
        for variant in variants(study, dataset, epochs, policy, results, model)
        for seed in seeds
    ]
    keys = [(variant.name, seed) for variant, seed in wanted]
    train_and_evaluate(
        wanted, dataset, folder, partial(evaluate_runs, folder, dataset, keys), **where
    )


def run_both(
    names: Sequence[str],
    seeds: int,
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
        seeds: how many, from 0.
        epochs, policy, model: as for `variant.configured`.
        extra, mnist_c, tta: as for `evaluation.evaluate`.
        where: as for `train_and_evaluate`.

    Raises:
        UserError: as `training.train_all` and `evaluation.evaluate` do.
    """
    both = [configured(name, epochs, policy, model) for name in names]
    wanted = [(variant, seed) for variant in both for seed in range(seeds)]
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
) -> None:
    """Train runs and evaluate them in the same processes, each of which starts TensorFlow once.

    Args:
        wanted: (variant, seed) of each run.
        folder: of the variants.
        evaluation: takes the pool to work in.
        processes, scheduler, tensorboard: as for `training.train_all`; evaluation is done here.
    """
    with pools.pool(dataset, processes=processes) as pool:
        train_all(
            wanted,
            dataset,
            folder,
            scheduler=scheduler,
            tensorboard=tensorboard,
            pool=None if scheduler else pool,
        )
        evaluation(pool=pool)
