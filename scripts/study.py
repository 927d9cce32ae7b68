#!/usr/bin/env python
"""Train and evaluate the variants of a study: the runs that are missing or out of date."""

import shlex

from mnist_aug import arguments
from mnist_aug.errors import one_line_errors


def main() -> None:
    options = arguments.parser(__doc__)
    options.add_argument(
        "studies",
        metavar="STUDY",
        nargs="+",
        help="ablation, strength, grid, data-efficiency, epochs, variance, compare or tuned",
    )
    options.add_argument(
        "--policies",
        type=shlex.split,
        default=[],
        help='policies that `compare` compares, as "affine mixup:0.2 my.yaml" '
        "(default: default, affine, flips and each published method)",
    )
    options.add_argument(
        "--extra", help="another dataset that `compare` is evaluated on, as for --data"
    )
    arguments.add_running(options)
    given = options.parse_args()

    from mnist_aug.data import dataset
    from mnist_aug.experiments import studies
    from mnist_aug.train import pools

    images = dataset.load(given.data, transpose=given.transpose)
    settings = given.epochs, given.policy
    for study in given.studies[1:]:  # a mistake in any is better known before training
        studies.variants(study, images, *settings, given.results, given.model, given.policies)
    for study in given.studies:
        studies.run(
            study,
            range(given.seeds or 5),
            images,
            given.results,
            *settings,
            given.model,
            given.policies,
            given.extra,
            processes=pools.in_parallel(),
            scheduler=given.scheduler,
            tensorboard=given.tensorboard,
        )


if __name__ == "__main__":
    with one_line_errors():
        main()
