#!/usr/bin/env python
"""Train variants: the runs that are missing or out of date. With --evaluate, evaluate them, too."""

from mnist_aug import arguments
from mnist_aug.errors import one_line_errors


def main() -> None:
    options = arguments.parser(__doc__)
    options.add_argument(
        "variants",
        metavar="VARIANT",
        nargs="*",
        help="baseline, augmented (default: both)",
    )
    options.add_argument(
        "--evaluate",
        action="store_true",
        help="evaluate all runs in the same processes, and choose what the report shows",
    )
    arguments.add_further_sets(options)
    arguments.add_tta(options)
    arguments.add_running(options)
    given = options.parse_args()

    from mnist_aug.data import dataset
    from mnist_aug.experiments import next_steps, studies
    from mnist_aug.train import pools, training, variant

    names = given.variants or list(variant.VARIANTS)
    seeds = given.seeds or 5
    wanted = [variant.configured(name, given.epochs, given.policy, given.model) for name in names]
    where = {
        "processes": pools.in_parallel(),
        "scheduler": given.scheduler,
        "tensorboard": given.tensorboard,
    }
    images = dataset.load(given.data, transpose=given.transpose)
    if given.evaluate:
        studies.run_both(
            names,
            seeds,
            images,
            given.results,
            given.epochs,
            given.policy,
            given.extra,
            given.mnist_c,
            model=given.model,
            tta=given.tta,
            **where,
        )
    else:
        runs = [(one, seed) for one in wanted for seed in range(seeds)]
        training.train_all(runs, images, given.results, **where)
        print("\n".join(next_steps.after_training(names, seeds, given)))


if __name__ == "__main__":
    with one_line_errors():
        main()
