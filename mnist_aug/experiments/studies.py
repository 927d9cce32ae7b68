"""The studies: the variants that answer one question each, trained and scored beside the arms.

A study's runs lie in `results/<study>/<variant>/seed-<nn>/`. The arms themselves, `baseline` and
`augmented`, belong to every study and are not trained again for it.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mnist_aug import arguments
from mnist_aug.augment import policy as policies
from mnist_aug.data.dataset import Dataset
from mnist_aug.errors import UserError
from mnist_aug.results.files import read_search
from mnist_aug.train.training import train_all
from mnist_aug.train.variant import Variant, augmented, baseline

TRAINING_IMAGES = (100, 300, 1_000, 3_000, 10_000, 30_000)
LONGER = 100 / 15  # the study of epochs trains so many times as long as the arms


def _policy(name: str) -> Variant:
    return replace(augmented, name=name, policy=name)


STUDIES = {
    # Every part of the default policy alone, and the policy without it.
    "ablation": [
        _policy(name)
        for name in (
            *policies.PARTS,
            "affine",
            *(f"no-{part}" for part in policies.PARTS if part != "elastic"),
        )
    ],
    # The default policy's magnitudes, all times one factor. The arms are factors 0 and 1.
    "strength": [_policy(f"default-{strength}x") for strength in policies.STRENGTHS],
    # Fewer training images, as many steps. The arms have all images.
    "data-efficiency": [
        replace(arm, name=f"{arm.name}-{count}", training_images=count)
        for count in TRAINING_IMAGES
        for arm in (baseline, augmented)
    ],
    # Policies that papers give instead of one made for the data.
    "automatic": [_policy(name) for name in policies.AUTOMATIC],
    # The arms, trained for longer.
    "epochs": [
        replace(arm, name=f"{arm.name}-long", epochs=round(LONGER * arm.epochs))
        for arm in (baseline, augmented)
    ],
}
TUNED = "tuned"  # the study of what the search found; its variants are in the search's files


def tuned(results: Path) -> list[Variant]:
    """The best variants that `tune.tune` found: of each arm, and its policy or training alone.

    Raises:
        UserError: nothing was searched for yet, or a file of the search is damaged.
    """
    folder, found = Path(results) / "tune", []
    for arm in (baseline, augmented):
        path = folder / f"{arm.name}.json"
        if not path.exists():
            continue
        changed = read_search(path)["changed"]
        if "layers" in changed:
            changed["layers"] = tuple(changed["layers"])
        if "policy" in changed:
            changed["policy"] = str(folder / changed["policy"])
            found.append(replace(arm, name="tuned-policy", policy=changed["policy"]))
            if len(changed) > 1:
                found.append(
                    replace(arm, name="tuned-training", **changed | {"policy": arm.policy})
                )
        found.append(replace(arm, name=f"tuned-{arm.name}", **changed))
    if not found:
        raise UserError(f"{folder} holds no finished search: `make tune` first")
    return found


def variants(
    study: str,
    dataset: Dataset,
    epochs: int | None = None,
    policy: str | None = None,
    results: Path = Path("results"),
) -> list[Variant]:
    """The variants of a study on a dataset: those that want more images than it has are left out.

    Args:
        epochs, policy: of the arms, whose own take their place.
        results: where the search's files are, for the study of what it found.

    Raises:
        UserError: there is no such study, or it is about the parts of the default policy and
            another is given.
    """
    if study not in (*STUDIES, TUNED):
        raise UserError(f"study {study!r} is unknown: use one of {', '.join((*STUDIES, TUNED))}")
    policy = policy or augmented.policy
    if policy != augmented.policy and study in ("ablation", "strength"):
        raise UserError(
            f"study {study} takes the default policy apart, so it can't be of policy "
            f"{policy}: leave POLICY= (--policy) out"
        )
    policies.load(policy)
    wanted = []
    for variant in tuned(results) if study == TUNED else STUDIES[study]:
        if epochs is not None:
            variant = replace(variant, epochs=round(variant.epochs / baseline.epochs * epochs))
        if variant.policy == augmented.policy:
            variant = replace(variant, policy=policy)
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
    **where,
) -> None:
    """Train what is missing of a study, and score it on the test images.

    Args:
        epochs, policy: as for `variants`.
        where: as for `training.train_all`.

    Raises:
        UserError: as `variants`, `training.train_all` and `evaluation.score` do.
    """
    folder = Path(results) / study
    wanted = variants(study, dataset, epochs, policy, results)
    train_all([(variant, seed) for variant in wanted for seed in seeds], dataset, folder, **where)
    arguments.import_tensorflow_quietly()
    from mnist_aug.evaluate.evaluation import score

    score(folder, dataset, [(variant.name, seed) for variant in wanted for seed in seeds])
