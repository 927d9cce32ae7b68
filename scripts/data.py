#!/usr/bin/env python
"""Show what the package sees in a dataset: counts, classes, sizes, values, and a contact sheet.

Nothing is trained. Notes say what was found and handled, warnings what to check.
"""

from mnist_aug import arguments
from mnist_aug.errors import one_line_errors


def main() -> None:
    given = arguments.parser(__doc__).parse_args()

    from mnist_aug.data import dataset, overview
    from mnist_aug.experiments import next_steps

    found = dataset.load(given.data, transpose=given.transpose)
    print("\n".join(overview.lines(found)))
    sheet = given.reports / "data.png"
    overview.write(found, sheet)
    print(f"contact sheet: {sheet}")
    print(next_steps.line("preview", given))


if __name__ == "__main__":
    with one_line_errors():
        main()
