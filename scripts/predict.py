#!/usr/bin/env python
"""Read pictures with the trained networks: of one digit each, or of what they were trained on."""

import json
import sys
from pathlib import Path

from mnist_aug import arguments
from mnist_aug.errors import UserError, one_line_errors


def main() -> None:
    options = arguments.Parser(description=__doc__, allow_abbrev=False)
    options.add_argument(
        "images",
        metavar="IMAGE",
        nargs="+",
        type=Path,
        help="picture of one digit, or of what the networks were trained on, or a folder of them",
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
    options.add_argument("--figure", type=Path, help="write the pictures and readings to this PNG")
    options.add_argument("--json", action="store_true", help="print JSON instead of lines")
    given = options.parse_args()

    from mnist_aug.data import preprocessing
    from mnist_aug.evaluate import prediction

    shown, small, prepared, failed = [], [], [], False
    found = prediction.pictures(given.images)
    form = prediction.form(given.results, given.variant)
    for path in found:
        try:
            picture = preprocessing.read(path, form.in_colour, form.paper)
            prepared.append(preprocessing.brought(picture, form))
        except UserError as error:
            text = " ".join(str(error).split())
            print(f"error: {text if str(path) in text else f'{path}: {text}'}", file=sys.stderr)
            failed = True
            continue
        shown.append(path)
        small.append(preprocessing.reduced(picture))  # as a folder may hold many
    if shown:
        images = [one.image for one in prepared]
        reader = prediction.Reader(given.results, given.variant)
        readings = reader.read(images)
        classes = len(next(iter(readings[0].values())).probabilities)
        names = form.class_names or tuple(map(str, range(classes)))
        digits = form.kind == "digit" and all(name.isdecimal() for name in names)
        if given.json:
            print(
                json.dumps(
                    [
                        {
                            "image": str(path),
                            "predictions": {
                                name: [
                                    {
                                        "class": names[one],
                                        **({"digit": int(names[one])} if digits else {}),
                                        "probability": round(p, 4),
                                    }
                                    for one, p in own.best
                                ]
                                for name, own in reading.items()
                            },
                        }
                        for path, reading in zip(shown, readings, strict=True)
                    ],
                    indent=2,
                )
            )
        else:
            for path, one, reading in zip(shown, prepared, readings, strict=True):
                print(path)
                for name, own in reading.items():
                    best = ", ".join(f"{names[one]} ({100 * p:.1f} %)" for one, p in own.best)
                    print(f"  {name:<10} {best}; {own.agreeing} of {own.runs} runs agree")
                for doubt in one.doubts:
                    print(f"  doubtful: {doubt}")
        if given.figure:
            titles = [path.name for path in shown]
            prediction.draw(given.figure, titles, small, images, readings, names)
    if failed:
        raise SystemExit(2)


if __name__ == "__main__":
    with one_line_errors():
        main()
