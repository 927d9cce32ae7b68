#!/usr/bin/env python
"""Evaluate the trained variants on the test set."""

from mnist_aug import arguments
from mnist_aug.errors import one_line_errors


def main() -> None:
    options = arguments.parser(__doc__)
    options.add_argument(
        "variants",
        metavar="VARIANT",
        nargs="*",
        help="baseline, augmented (default: those on disk)",
    )
    options.add_argument(
        "--extra",
        help="another dataset of the same classes, as for --data, whose test images are read too",
    )
    options.add_argument("--mnist-c", help="folder of the published MNIST-C")
    asked = options.parse_args()

    from mnist_aug.data import dataset
    from mnist_aug.evaluate import evaluation

    evaluation.evaluate(
        asked.results,
        dataset.load(asked.data),
        asked.variants,
        seeds=asked.seeds,
        epochs=asked.epochs,
        policy=asked.policy,
        extra=asked.extra,
        mnist_c=asked.mnist_c,
    )


if __name__ == "__main__":
    with one_line_errors():
        main()
