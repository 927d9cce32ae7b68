#!/usr/bin/env python
"""Train and score the variants of a study: the runs that are missing or out of date."""

from mnist_aug import arguments
from mnist_aug.errors import one_line_errors


def main() -> None:
    options = arguments.parser(__doc__)
    options.add_argument(
        "study",
        metavar="STUDY",
        help="ablation, strength, data-efficiency, automatic, epochs or tuned",
    )
    arguments.add_running(options)
    asked = options.parse_args()

    from mnist_aug.data import dataset
    from mnist_aug.experiments import studies
    from mnist_aug.train import workers

    studies.run(
        asked.study,
        range(asked.seeds or 5),
        dataset.load(asked.data),
        asked.results,
        asked.epochs,
        asked.policy,
        processes=workers.beside(),
        scheduler=asked.scheduler,
        tensorboard=asked.tensorboard,
    )


if __name__ == "__main__":
    with one_line_errors():
        main()
