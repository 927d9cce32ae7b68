#!/usr/bin/env python
"""Train and evaluate what is compared with published results: runs missing or out of date."""

from mnist_aug import arguments
from mnist_aug.errors import one_line_errors


def main() -> None:
    options = arguments.parser(__doc__)
    options.add_argument(
        "--row",
        help="rows with commas between them, recipes and ensemble among them, or names of single "
        "recipes (default: all)",
    )
    arguments.add_running(options)
    given = options.parse_args()

    from mnist_aug.data import dataset
    from mnist_aug.experiments import published
    from mnist_aug.train import pools

    published.run(
        published.names(given.row),
        dataset.load(given.data, transpose=given.transpose),
        given.results,
        given.seeds,
        given.epochs,
        processes=pools.in_parallel(),
        scheduler=given.scheduler,
        tensorboard=given.tensorboard,
    )


if __name__ == "__main__":
    with one_line_errors():
        main()
