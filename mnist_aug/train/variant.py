"""Variants: named experiments. The difference between two of them is the experiment."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from mnist_aug.augment import policy as policies
from mnist_aug.augment.policy import SIDE, Fill
from mnist_aug.errors import UserError

BUILT_IN = ("dense", "cnn")  # models that have a name; all others are in a file


@dataclass(frozen=True)
class Variant:
    """A model, how it is trained, and at most one policy.

    Attributes:
        name: names its folder under `results/`.
        policy: a name or file that `policy.load` takes, or None for no augmentation.
        later_policies: (share of the epochs after which it begins, policy) of those that take its
            place later in a run, in order.
        model: `dense`, `cnn`, or a file that `model_source.load` takes.
        layers: units of the hidden ReLU layers of `dense`.
        optimizer, learning_rate, loss: Keras's names; Adam's other settings are its defaults.
        weight_decay: each step shrinks the weights by this times the learning rate (Loshchilov and
            Hutter 2019).
        schedule: `constant`, or `cosine`: the learning rate falls to 0 along half a cosine over all
            steps of the run (Loshchilov and Hutter 2017, without restarts).
        warmup: share of the steps in which a cosine's learning rate rises from 0.
        batch_size: images in one optimisation step.
        epochs: passes over the training images.
        validation_split: the last part of the training images, held out as Keras does; 0 trains
            on all of them.
        training_images: how many of the others to train on, or None for all of them. An epoch has
            as many steps either way: fewer images come more often.
        resampled: whether each seed draws anew which training images are held out, rather than the
            last part being held out for all seeds.
    """

    name: str
    policy: str | None = None
    later_policies: tuple[tuple[float, str], ...] = ()
    model: str = "dense"
    layers: tuple[int, ...] = (128, 128)
    optimizer: str = "adam"
    learning_rate: float = 0.001
    weight_decay: float = 0.0
    schedule: str = "constant"
    warmup: float = 0.0
    loss: str = "sparse_categorical_crossentropy"
    batch_size: int = 32
    epochs: int = 15
    validation_split: float = 0.2
    training_images: int | None = None
    resampled: bool = False

    def policies(self) -> list[str]:
        """The names or files of its policies, in order of their epochs."""
        return [policy for policy in (self.policy, *(p for _, p in self.later_policies)) if policy]

    def settings(self, side: int = SIDE, fill: Fill = 0) -> dict:
        """The variant as plain data, its policies spelled out, its model by name.

        Args:
            side, fill: of the images, as for `policy.load`.

        Raises:
            UserError: a policy can't be loaded.
        """

        def spelled_out(policy: str | None) -> dict | None:
            if not policy:
                return None
            return policies.describe(policies.load(policy, side, fill))

        settings = asdict(self)
        if not self.resampled:
            del settings["resampled"]  # which runs of earlier versions don't name
        return settings | {
            "model": {"name": model_name(self.model)},
            "layers": list(self.layers) if self.model == "dense" else None,
            "policy": spelled_out(self.policy),
            "later_policies": [
                {"after": share, "policy": spelled_out(policy)}
                for share, policy in self.later_policies
            ],
        }


def learning(settings: dict) -> tuple[bool, float]:
    """What a variant learns from: whether labels are soft, and the weight of AugMix's divergence.

    Args:
        settings: as `Variant.settings` gives them.

    Raises:
        UserError: a run's policies differ in the latter.
    """
    used = [settings["policy"], *(part["policy"] for part in settings["later_policies"])]
    own = [policies.described(policy) for policy in used if policy]
    soft, weights = any(policy.soft_labels for policy in own), {policy.jsd for policy in own}
    if len(weights) > 1 or (any(weights) and (soft or len(own) < len(used))):
        raise UserError(
            f"variant {settings['name']}: its policies must all have the same Jensen-Shannon loss, "
            "or none of them"
        )
    return soft, max(weights, default=0.0)


baseline = Variant("baseline")
augmented = replace(baseline, name="augmented", policy="default")

VARIANTS = {variant.name: variant for variant in (baseline, augmented)}


def model_name(model: str) -> str:
    """What to call a model: a name, or that of a file, with the function in it, if any."""
    return model if model in BUILT_IN else Path(model).name


def configured(
    name: str, epochs: int | None = None, policy: str | None = None, model: str | None = None
) -> Variant:
    """The variant of that name, with the epochs, the model and, if it augments, the policy wanted.

    Raises:
        UserError: there is no such variant, or the policy can't be loaded.
    """
    if name not in VARIANTS:
        raise UserError(f"variant {name!r} is unknown: use one of {', '.join(VARIANTS)}")
    variant = VARIANTS[name]
    if epochs is not None:
        variant = replace(variant, epochs=epochs)
    if model is not None:
        variant = replace(variant, model=model)
    if policy is not None:
        policies.load(policy)  # a mistake in it is found before the other variant is trained
        if variant.policy is not None:
            variant = replace(variant, policy=policy)
    return variant
