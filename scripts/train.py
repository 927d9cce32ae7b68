#!/usr/bin/env python
"""Train a variant: the runs that are missing or out of date."""

from mnist_aug import arguments
from mnist_aug.errors import one_line_errors


def main() -> None:
    options = arguments.parser(__doc__)
    options.add_argument("variant", metavar="VARIANT", help="baseline or augmented")
    arguments.add_running(options)
    asked = options.parse_args()

    from mnist_aug.data import dataset
    from mnist_aug.train import training, variant, workers

    training.train(
        variant.configured(asked.variant, epochs=asked.epochs, policy=asked.policy),
        range(asked.seeds or 5),
        dataset.load(asked.data),
        asked.results,
        processes=workers.beside(),
        scheduler=asked.scheduler,
        tensorboard=asked.tensorboard,
    )


if __name__ == "__main__":
    with one_line_errors():
        main()
