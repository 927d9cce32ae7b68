#!/usr/bin/env python
"""Evaluate trained variants on the test images, corrupted images and other datasets."""

from mnist_aug import arguments
from mnist_aug.errors import one_line_errors


def main() -> None:
    options = arguments.parser(__doc__)
    options.add_argument(
        "variants",
        metavar="VARIANT",
        nargs="*",
        help="baseline, augmented (default: those that have runs)",
    )
    arguments.add_further_sets(options)
    arguments.add_tta(options)
    given = options.parse_args()

    from mnist_aug.data import dataset
    from mnist_aug.evaluate import evaluation
    from mnist_aug.experiments import next_steps
    from mnist_aug.train import pools

    evaluation.evaluate(
        given.results,
        dataset.load(given.data, transpose=given.transpose),
        given.variants,
        given.seeds,
        given.epochs,
        given.policy,
        given.extra,
        given.mnist_c,
        model=given.model,
        tta=given.tta,
        processes=pools.in_parallel(),
    )
    print(next_steps.line("report", given, "the report"))


if __name__ == "__main__":
    with one_line_errors():
        main()
