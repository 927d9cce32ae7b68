#!/usr/bin/env python
"""Compare your results with the committed reference; exit code 1 if they differ beyond noise."""

from pathlib import Path

from mnist_aug import arguments
from mnist_aug.errors import one_line_errors


def main() -> None:
    options = arguments.parser(__doc__)
    options.add_argument(
        "--reference",
        type=arguments.folder,
        default=Path("results/reference"),
        help="results folder to compare with, or a folder of several (default: %(default)s)",
    )
    given = options.parse_args()

    from mnist_aug.analysis import reproduction

    reproduced, lines = reproduction.check(given.results, given.reference)
    print("\n".join(lines))
    if not reproduced:
        raise SystemExit(1)


if __name__ == "__main__":
    with one_line_errors():
        main()
