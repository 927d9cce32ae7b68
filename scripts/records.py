#!/usr/bin/env python
"""Train and score what is held against published marks: the runs missing or out of date."""

from mnist_aug import arguments
from mnist_aug.errors import one_line_errors


def main() -> None:
    options = arguments.parser(__doc__)
    options.add_argument(
        "--row",
        help="rows with commas between them, recipes and committee among "
        "them, or names of single recipes (default: all)",
    )
    arguments.add_running(options)
    asked = options.parse_args()

    from mnist_aug.data import dataset
    from mnist_aug.experiments import published as records
    from mnist_aug.train import workers

    records.run(
        records.names(asked.row),
        dataset.load(asked.data),
        asked.results,
        asked.seeds,
        asked.epochs,
        processes=workers.beside(),
        scheduler=asked.scheduler,
        tensorboard=asked.tensorboard,
    )


if __name__ == "__main__":
    with one_line_errors():
        main()
