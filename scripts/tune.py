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
    given = options.parse_args()

    from mnist_aug.data import dataset
    from mnist_aug.experiments import next_steps, search
    from mnist_aug.train import pools, variant

    searched = search.parts(given.search)
    variants = [
        variant.configured(name, given.epochs, given.policy, given.model)
        for name in given.variants or variant.VARIANTS
    ]
    images = dataset.load(given.data, test=False, transpose=given.transpose)
    for start in variants:
        search.search(
            start,
            given.trials,
            given.seeds or 3,
            images,
            given.results,
            searched,
            given.storage,
            processes=pools.in_parallel(),
            scheduler=given.scheduler,
        )
    print(next_steps.after_search(given))


if __name__ == "__main__":
    with one_line_errors():
        main()
