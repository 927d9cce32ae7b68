"""What a policy may hold that albumentations can't say, and the settings of each.

MixUp (Zhang, Cisse, Dauphin and Lopez-Paz 2018, "mixup: beyond empirical risk minimization"),
CutMix (Yun, Han, Oh, Chun, Choe and Yoo 2019, "CutMix: regularization strategy to train strong
classifiers with localizable features"), AugMix (Hendrycks, Mu, Cubuk, Zoph, Gilmer and
Lakshminarayanan 2020, "AugMix: a simple data processing method to improve robustness and
uncertainty") and label smoothing (Szegedy, Vanhoucke, Ioffe, Shlens and Wojna 2016, "Rethinking the
Inception architecture for computer vision"). docs/methods.md says where ours differ.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mnist_aug.errors import UserError

if TYPE_CHECKING:
    import albumentations as A

MAX_ALPHA = 1_000.0  # beyond it all weights are 1/2
MAX_WIDTH = MAX_DEPTH = 10


def _check(name: str, value: object, low: float, high: float, *, open_low: bool) -> None:
    """Refuse what isn't a number from `low`, itself left out if `open_low`, to `high`."""
    if open_low and value == low and not isinstance(value, bool):
        raise UserError(f"{name} is 0: give a number above 0, or leave it out")
    fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not (fits and low <= value <= high):  # type: ignore[operator]
        ends = f"above {low:g}, at most {high:g}" if open_low else f"from {low:g} to {high:g}"
        raise UserError(f"{name} is {repr(value)[:40]}: give a number {ends}")


@dataclass(frozen=True)
class MixUp:
    """An image and its label become weighted means with those of another training image.

    Attributes:
        alpha: of the weight, which is Beta(alpha, alpha); above 0.
        p: the share of the images that are mixed.
    """

    alpha: float = 0.2
    p: float = 1.0

    def __post_init__(self) -> None:
        _check("mixup's alpha", self.alpha, 0, MAX_ALPHA, open_low=True)
        _check("mixup's p", self.p, 0, 1, open_low=True)


@dataclass(frozen=True)
class CutMix:
    """A box of another training image is put into an image, whose label is mixed by area.

    Attributes:
        alpha: of the share of the image that stays, which before the box is clipped at the edges
            is Beta(alpha, alpha); above 0.
        p: the share of the images that are mixed.
    """

    alpha: float = 1.0
    p: float = 1.0

    def __post_init__(self) -> None:
        _check("cutmix's alpha", self.alpha, 0, MAX_ALPHA, open_low=True)
        _check("cutmix's p", self.p, 0, 1, open_low=True)


@dataclass(frozen=True)
class AugMix:
    """An image is mixed with a weighted mean of several augmented versions of itself.

    Attributes:
        operations: what the chains are made of, each drawn with the same probability.
        width: how many chains, 1 to 10.
        depth: the fewest and the most operations of a chain, 1 to 10.
        alpha: of the Dirichlet of the chains' weights and of the Beta of their share; above 0.
        jsd: weight of the Jensen-Shannon divergence, between the predictions for the image and
            for two such versions of it, that is added to the loss; 0 trains on one version alone.
    """

    operations: "tuple[A.BasicTransform | A.BaseCompose, ...]"
    width: int = 3
    depth: tuple[int, int] = (1, 3)
    alpha: float = 1.0
    jsd: float = 0.0

    def __post_init__(self) -> None:
        if not self.operations:
            raise UserError("augmix has no operations: list some, or leave `operations` out")
        for name, value, most in (
            ("width", self.width, MAX_WIDTH),
            *(("depth", length, MAX_DEPTH) for length in self.depth),
        ):
            if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
                raise UserError(
                    f"augmix's {name} is {str(value)[:40]}: give a whole number from 1 to {most}"
                )
        if self.depth[0] > self.depth[1]:
            raise UserError(f"augmix's depth is {list(self.depth)}: give the smaller number first")
        _check("augmix's alpha", self.alpha, 0, MAX_ALPHA, open_low=True)
        _check("augmix's jsd", self.jsd, 0, 1_000, open_low=False)


def check_smoothing(share: object) -> None:
    """Refuse what can't be the share of a label that is spread over all classes.

    Raises:
        UserError: it isn't a number above 0 and below 1.
    """
    _check("label smoothing", share, 0, 0.999, open_low=True)
