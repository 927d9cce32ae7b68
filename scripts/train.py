#!/usr/bin/env python
"""Train a variant: the runs that are missing or out of date."""

from mnist_aug import arguments, dataset, training, variant
from mnist_aug.errors import one_line_errors


def main() -> None:
    options = arguments.parser(__doc__)
    options.add_argument("variant", metavar="VARIANT", help="baseline or augmented")
    asked = options.parse_args()

    training.train(variant.configured(asked.variant, epochs=asked.epochs, policy=asked.policy),
                   range(asked.seeds or 5), dataset.load(asked.data), asked.results)


if __name__ == "__main__":
    with one_line_errors():
        main()
