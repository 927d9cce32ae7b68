#!/usr/bin/env python
"""Show what a policy makes of the images of a dataset, on a page and in a picture.

Nothing is trained. Notes say what a person would see at once.

The other scripts' options are taken too, so that make can pass one list to all; only --data,
--transpose, --policy and --reports count.
"""

from mnist_aug import arguments
from mnist_aug.errors import one_line_errors


def main() -> None:
    given = arguments.parser(__doc__).parse_args()

    from mnist_aug.data import dataset
    from mnist_aug.experiments import next_steps
    from mnist_aug.report import preview

    found = dataset.load(given.data, test=False, transpose=given.transpose)
    for note in preview.write(found, given.policy or "default", given.reports):
        print(f"note: {note}")
    print(f"preview: {given.reports / 'preview.html'}, {given.reports / 'preview.png'}")
    print(next_steps.line("report", given, "training with and without it, and the report"))


if __name__ == "__main__":
    with one_line_errors():
        main()
