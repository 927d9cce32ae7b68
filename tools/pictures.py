"""Write pictures of digits, and of what is none, as people send them, to try `make predict` on.

    python -m tools.pictures FOLDER [--seeds N] [--only GROUP ...]

The tests' own, drawn by tests/handwriting.py: `<kind>/<digit>-<seed>.png`, or its format's ending,
and `not-digits/<what>-<seed>.png`. `scripts/predict.py FOLDER --score` then tells the accuracy.
"""

from itertools import product
from pathlib import Path

from PIL import Image

from mnist_aug.arguments import Parser
from mnist_aug.errors import UserError, one_line_errors
from tests import handwriting

NOT_DIGITS = "not-digits"


def write(folder: Path, seeds: int, groups: list[str]) -> int:
    """Write the pictures of some groups, so many of each digit, and return how many there are."""
    count = 0
    for group in groups:
        for kind in handwriting.GROUPS.get(group, ()):
            inside = folder / kind
            inside.mkdir(parents=True, exist_ok=True)
            for digit, seed in product(range(10), range(seeds)):
                handwriting.saved(inside, kind, digit, seed)
                count += 1
    if NOT_DIGITS in groups:
        inside = folder / NOT_DIGITS
        inside.mkdir(parents=True, exist_ok=True)
        for what, seed in product(handwriting.NOT_DIGITS, range(seeds)):
            Image.fromarray(handwriting.not_digit(what, seed)).save(inside / f"{what}-{seed}.png")
            count += 1
    return count


if __name__ == "__main__":
    with one_line_errors():
        parser = Parser(description=__doc__.splitlines()[0], allow_abbrev=False)
        parser.add_argument("folder", type=Path, metavar="FOLDER", help="where to write them")
        parser.add_argument(
            "--seeds", type=int, default=4, help="pictures of each digit (default: %(default)s)"
        )
        names = [*handwriting.GROUPS, NOT_DIGITS]
        parser.add_argument(
            "--only", nargs="+", choices=names, default=names, metavar="GROUP", help="these alone"
        )
        given = parser.parse_args()
        try:
            count = write(given.folder, given.seeds, given.only)
        except OSError as error:
            raise UserError(
                f"{given.folder} can't be written to ({error.strerror}): give another folder"
            ) from None
        print(f"{count} pictures in {given.folder}")
