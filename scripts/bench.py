#!/usr/bin/env python
"""Measure an epoch of training and the engine against what else there is."""

from mnist_aug import arguments
from mnist_aug.data import dataset
from mnist_aug.errors import one_line_errors


def main() -> None:
    options = arguments.parser(__doc__)
    options.add_argument(
        "--repeats",
        type=arguments.positive,
        default=7,
        help="measurements of each method (default: %(default)s)",
    )
    asked = options.parse_args()

    images = dataset.load(asked.data)  # before TensorFlow, which takes seconds to start
    arguments.import_tensorflow_quietly()
    from mnist_aug.experiments import benchmark as bench

    bench.measure(images, asked.results, asked.repeats)


if __name__ == "__main__":
    with one_line_errors():
        main()
