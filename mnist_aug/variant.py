"""Variants: named experiments. The difference between two of them is the experiment."""

from dataclasses import asdict, dataclass, replace

from mnist_aug import policy as policies
from mnist_aug.errors import UserError


@dataclass(frozen=True)
class Variant:
    """A model, how it is trained, and at most one policy.

    Attributes:
        name: names its folder under `results/`.
        policy: a name or file that `policy.load` takes, or None for no augmentation.
        layers: units of the hidden ReLU layers.
        optimizer, learning_rate, loss: Keras's names; Adam's other settings are its defaults.
        batch_size: images in one optimisation step.
        epochs: passes over the training images.
        validation_split: the last part of the training images, held out as Keras does.
        training_images: how many of the others to train on, or None for all of them. An epoch has
            as many steps either way: fewer images come more often.
    """

    name: str
    policy: str | None = None
    layers: tuple[int, ...] = (128, 128)
    optimizer: str = "adam"
    learning_rate: float = 0.001
    loss: str = "sparse_categorical_crossentropy"
    batch_size: int = 32
    epochs: int = 15
    validation_split: float = 0.2
    training_images: int | None = None

    def settings(self) -> dict:
        """The variant in full as plain data, its policy spelled out.

        Raises:
            UserError: the policy can't be loaded.
        """
        settings = asdict(self) | {"layers": list(self.layers)}
        if self.policy is not None:
            pipeline = policies.describe(policies.load(self.policy))
            settings["policy"] = {"name": policies.name(self.policy), "pipeline": pipeline}
        return settings


baseline = Variant("baseline")
augmented = replace(baseline, name="augmented", policy="default")

VARIANTS = {variant.name: variant for variant in (baseline, augmented)}


def configured(name: str, epochs: int | None = None, policy: str | None = None) -> Variant:
    """The variant of that name, with the epochs and, if it augments, the policy asked for.

    Raises:
        UserError: there is no such variant, or the policy can't be loaded.
    """
    if name not in VARIANTS:
        raise UserError(f"variant {name!r} is unknown: use one of {', '.join(VARIANTS)}")
    variant = VARIANTS[name]
    if epochs is not None:
        variant = replace(variant, epochs=epochs)
    if policy is not None:
        policies.load(policy)  # a mistake in it is told before the other arm is trained
        if variant.policy is not None:
            variant = replace(variant, policy=policy)
    return variant
