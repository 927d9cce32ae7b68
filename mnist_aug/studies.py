"""The studies: the variants that answer one question each, trained and scored beside the arms.

A study's runs lie in `results/<study>/<variant>/seed-<nn>/`. The arms themselves, `baseline` and
`augmented`, belong to every study and are not trained again for it.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mnist_aug import arguments
from mnist_aug import policy as policies
from mnist_aug.dataset import Dataset
from mnist_aug.errors import UserError
from mnist_aug.training import train
from mnist_aug.variant import Variant, augmented, baseline

TRAINING_IMAGES = (100, 300, 1_000, 3_000, 10_000, 30_000)
LONGER = 100 / 15  # the study of epochs trains so many times as long as the arms


def _policy(name: str) -> Variant:
    return replace(augmented, name=name, policy=name)


STUDIES = {
    # Every part of the default policy alone, and the policy without it.
    "ablation": [_policy(name) for name in (*policies.PARTS, "affine", *(
        f"no-{part}" for part in policies.PARTS if part != "elastic"))],
    # The default policy's magnitudes, all times one factor. The arms are factors 0 and 1.
    "strength": [_policy(f"default-{strength}x") for strength in policies.STRENGTHS],
    # Fewer training images, as many steps. The arms have all images.
    "data-efficiency": [replace(arm, name=f"{arm.name}-{count}", training_images=count)
                        for count in TRAINING_IMAGES for arm in (baseline, augmented)],
    # The arms, trained for longer.
    "epochs": [replace(arm, name=f"{arm.name}-long", epochs=round(LONGER * arm.epochs))
               for arm in (baseline, augmented)],
}


def variants(study: str, dataset: Dataset, epochs: int | None = None,
             policy: str | None = None) -> list[Variant]:
    """The variants of a study on a dataset: those that want more images than it has are left out.

    Args:
        epochs, policy: of the arms, whose own take their place.

    Raises:
        UserError: there is no such study, or it is about the parts of the default policy and
            another is given.
    """
    if study not in STUDIES:
        raise UserError(f"study {study!r} is unknown: use one of {', '.join(STUDIES)}")
    policy = policy or augmented.policy
    if policy != augmented.policy and study in ("ablation", "strength"):
        raise UserError(f"study {study} takes the default policy apart, so it can't be of policy "
                        f"{policy}: leave POLICY= (--policy) out")
    policies.load(policy)
    wanted = []
    for variant in STUDIES[study]:
        if epochs is not None:
            variant = replace(variant, epochs=round(variant.epochs / baseline.epochs * epochs))
        if variant.policy == augmented.policy:
            variant = replace(variant, policy=policy)
        if (variant.training_images or 0) < dataset.training_count(variant.validation_split):
            wanted.append(variant)
    return wanted


def run(study: str, seeds: Sequence[int], dataset: Dataset, results: Path,
        epochs: int | None = None, policy: str | None = None) -> None:
    """Train what is missing of a study, and score it on the test images.

    Args:
        epochs, policy: as for `variants`.

    Raises:
        UserError: as `variants`, `training.train` and `evaluation.score` do.
    """
    folder = Path(results) / study
    wanted = variants(study, dataset, epochs, policy)
    for variant in wanted:
        train(variant, seeds, dataset, folder)
    arguments.import_tensorflow_quietly()
    from mnist_aug.evaluation import score

    score(folder, dataset, [(variant.name, seed) for variant in wanted for seed in seeds])
