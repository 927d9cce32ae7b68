#!/usr/bin/env python
"""Read pictures with the trained networks: of one digit each, or of what they were trained on.

The exit code is 0 if all were read, 1 if some could not be read or show nothing to read, and 2 if
none was, or the arguments are wrong.
"""

import argparse
import json
import math
import sys
from pathlib import Path

from mnist_aug import arguments
from mnist_aug.errors import UserError, one_line_errors


def main() -> int:
    options = arguments.Parser(
        description=__doc__,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add_argument(
        "images",
        metavar="IMAGE",
        nargs="+",
        type=Path,
        help="picture of one digit, or of what the networks were trained on, or a folder of them, "
        "with the folders below it",
    )
    options.add_argument(
        "--results",
        type=arguments.folder,
        default=Path("results"),
        help="folder of runs (default: %(default)s)",
    )
    options.add_argument(
        "--variant",
        action="append",
        default=[],
        help="a variant to predict with; again for more (default: all that have runs)",
    )
    options.add_argument(
        "--figure", type=Path, help="write the first 50 pictures and readings to this PNG"
    )
    options.add_argument(
        "--score",
        action="store_true",
        help="print accuracy and confusions, too. A picture's true class is the name of the "
        "nearest folder that is named after a class, from the given one downwards, or else what "
        "the file's name begins with: 7/a.png, 7-012.png, 7_a.png",
    )
    form_of_output = options.add_mutually_exclusive_group()
    form_of_output.add_argument("--json", action="store_true", help="print JSON instead of lines")
    form_of_output.add_argument(
        "--csv",
        action="store_true",
        help="print CSV instead of lines, a row for each picture and variant; the score goes to "
        "stderr",
    )
    given = options.parse_args()

    from mnist_aug import terminal
    from mnist_aug.data import preprocessing
    from mnist_aug.evaluate import answers, prediction, scoring

    found = answers.pictures(given.images)
    if all(picture.error for picture in found):
        form = preprocessing.Form.of({})  # which nothing is read in
    else:
        form = prediction.form(given.results, given.variant)
    truths = scoring.Truths(form.class_names or [*map(str, range(10))]) if given.score else None
    columns = [*answers.COLUMNS]
    if truths:
        found = truths.told(found)
        columns.append("true")
        if not any(picture.true for picture in found):
            raise UserError(f"no picture's true class is known; it is {scoring.RULE}")

    every = []
    lines_on_terminal = sys.stdout.isatty() and not given.json
    with terminal.progress("reading", len(found), to_stderr=not lines_on_terminal) as bar:
        say = bar.say if lines_on_terminal else print
        if given.csv:
            say(",".join(columns))
        for answer in answers.read(found, form, given.results, given.variant):
            every.append(answer)
            if given.csv:
                say(answers.csv_lines(answers.csv_rows(answer), columns))
            elif answer.readings and not given.json:
                say("\n".join(answers.lines(answer)))
            bar.reached(len(every))

    unjudged = any(math.isnan(own.doubt) for answer in every for own in answer.readings.values())
    if unjudged and not given.json and not given.csv:
        print(
            "note: these probabilities are not calibrated, and no answer is marked as doubtful: "
            "run `make evaluate` first"
        )
    score = scoring.score(every, truths) if truths else None
    if given.json:
        shown: object = [answers.as_json(answer, form) for answer in every]
        if score:
            shown = {"pictures": shown, "score": scoring.as_json(score)}
        print(json.dumps(shown, indent=2))
    elif score:
        for line in scoring.lines(score):
            print(line, file=sys.stderr if given.csv else sys.stdout)
    for line in answers.failures(every):
        print(f"error: {line}", file=sys.stderr)
    if given.figure and any(answer.readings for answer in every):
        answers.draw(given.figure, every, form)
    if all(answer.error for answer in every):
        return 2
    return int(any(answer.error for answer in every))


if __name__ == "__main__":
    with one_line_errors():
        raise SystemExit(main())
