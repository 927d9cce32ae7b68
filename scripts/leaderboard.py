#!/usr/bin/env python
"""Print all that was trained, best first; write reports/leaderboard.md and leaderboard.tex.

The other scripts' options are taken too, so that make can pass one list to all; only --results and
--reports count, and --data is refused where it names another dataset than that of the results.
"""

from mnist_aug import arguments
from mnist_aug.errors import one_line_errors


def main() -> None:
    given = arguments.parser(__doc__).parse_args()

    from mnist_aug.report import leaderboard

    leaderboard.write(given.results, given.reports, given.data).show()
    print(f"written: {given.reports / leaderboard.MARKDOWN}, {given.reports / leaderboard.LATEX}")


if __name__ == "__main__":
    with one_line_errors():
        main()
