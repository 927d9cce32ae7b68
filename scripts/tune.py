#!/usr/bin/env python
"""Search on the validation split for a variant's best settings."""

from mnist_aug import arguments
from mnist_aug.errors import one_line_errors


def main() -> None:
    options = arguments.parser(__doc__)
    options.add_argument(
        "variants", metavar="VARIANT", nargs="*", help="baseline, augmented (default: both)"
    )
    options.add_argument(
        "--trials",
        type=arguments.positive,
        default=100,
        help="how many for each (default: %(default)s)",
    )
    options.add_argument(
        "--search",
        default=None,
        help="what to search, of policy, learning_rate, "
        "schedule and width, with commas between (default: all)",
    )
    options.add_argument(
        "--storage",
        default=None,
        help="URL of the search's storage, as Optuna takes it (default: RESULTS/tune/journal.log)",
    )
    arguments.add_scheduler(options)
    asked = options.parse_args()

    from mnist_aug.data import dataset
    from mnist_aug.experiments import search as tune
    from mnist_aug.train import variant, workers

    searched = tune.parts(asked.search)
    arms = [
        variant.configured(name, epochs=asked.epochs, policy=asked.policy)
        for name in asked.variants or variant.VARIANTS
    ]
    data = dataset.load(asked.data, test=False)
    for arm in arms:
        tune.tune(
            arm,
            asked.trials,
            asked.seeds or 3,
            data,
            asked.results,
            searched,
            asked.storage,
            processes=workers.beside(),
            scheduler=asked.scheduler,
        )


if __name__ == "__main__":
    with one_line_errors():
        main()
