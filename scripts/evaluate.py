#!/usr/bin/env python
"""Evaluate the trained variants on the test set."""

from mnist_aug import arguments
from mnist_aug.errors import one_line_errors


def main() -> None:
    options = arguments.parser(__doc__)
    options.add_argument("variants", metavar="VARIANT", nargs="*",
                         help="baseline, augmented (default: those on disk)")
    asked = options.parse_args()

    arguments.import_tensorflow_quietly()
    from mnist_aug import dataset, evaluation

    evaluation.evaluate(asked.results, dataset.load(asked.data), asked.variants,
                        seeds=asked.seeds, epochs=asked.epochs, policy=asked.policy)


if __name__ == "__main__":
    with one_line_errors():
        main()
