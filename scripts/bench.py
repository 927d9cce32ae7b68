#!/usr/bin/env python
"""Measure training and augmentation by this package and by other libraries, side by side."""

from mnist_aug import arguments
from mnist_aug.errors import one_line_errors


def main() -> None:
    options = arguments.parser(__doc__)
    options.add_argument(
        "--repeats",
        type=arguments.positive,
        default=7,
        help="measurements of each method (default: %(default)s)",
    )
    given = options.parse_args()

    from mnist_aug.data import dataset
    from mnist_aug.experiments import benchmark

    images = dataset.load(given.data, transpose=given.transpose)
    benchmark.measure(images, given.results, given.repeats, given.model)


if __name__ == "__main__":
    with one_line_errors():
        main()
