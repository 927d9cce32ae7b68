"""The command-line options that all scripts share."""

import argparse
import os
import re
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from mnist_aug.errors import UserError

LARGEST = 9_999  # of seeds, epochs, trials and repeats
MOST_VIEWS = 100  # of an image in test-time augmentation; each costs as much as a prediction


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, as all errors here are."""

    def error(self, message: str) -> NoReturn:
        message = message if len(message) <= 300 else f"{message[:300]}…"
        raise UserError(f"{message} (see {self.prog} --help)")

    def parse_args(  # type: ignore[override]  # no class of a namespace is ever given
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """What argparse makes of the arguments, which must not be empty, and must be text.

        Raises:
            UserError: an argument makes no sense, or results and reports are one folder.
        """
        given = sys.argv[1:] if args is None else args
        for argument in given:
            if empty := re.fullmatch(r"(?:(--[a-z-]+)=)?\s*", argument):
                name = empty[1] or "an argument"
                self.error(f"{name} is empty: give it a value, or leave it out")
            try:
                argument.encode()
            except UnicodeEncodeError:
                self.error(f"argument {argument!a} is not UTF-8: rename the file")
        parsed = super().parse_args(given, namespace)
        for name in ("results", "reports"):
            if name in parsed and getattr(parsed, name).resolve() in (Path.cwd(), Path("/")):
                self.error(f"--{name} is {getattr(parsed, name)}: give a folder of its own")
        if "reports" in parsed and parsed.reports.resolve() == parsed.results.resolve():
            self.error(f"--results and --reports are both {parsed.results}: give each its own")
        return parsed


def parser(description: str) -> Parser:
    """A parser with the options every script takes; the Makefile passes the same ones to all."""
    options = Parser(description=description, allow_abbrev=False)
    options.add_argument(
        "--data",
        default="mnist",
        help="mnist, digits, fashion_mnist, cifar10, cifar100, or a file or folder of images with "
        "labels: docs/data.md lists the forms (default: %(default)s)",
    )
    options.add_argument(
        "--transpose",
        type=switch,
        nargs="?",
        const=True,
        default=False,
        metavar="1",
        help="swap rows and columns of the dataset's images",
    )
    options.add_argument(
        "--seeds",
        type=positive,
        default=None,
        help="how many runs of each variant (default: 5 to train, 3 for each trial of a search, "
        "each row's own for published results; otherwise those on disk)",
    )
    options.add_argument(
        "--epochs", type=positive, default=None, help="epochs of a run (default: the variant's, 15)"
    )
    options.add_argument(
        "--policy",
        default=None,
        help="policy of the augmented variant: names or policy files, joined by +, as "
        "default+mixup:0.2 or my.yaml: docs/methods.md lists them (default: default)",
    )
    options.add_argument(
        "--model",
        default=None,
        help="model of both variants: dense, cnn, a function in a file, as path/model.py:build, or "
        "a .keras file: docs/models.md says what it must be (default: dense)",
    )
    options.add_argument(
        "--results",
        type=folder,
        default=Path("results"),
        help="folder of runs (default: %(default)s)",
    )
    options.add_argument(
        "--reports",
        type=folder,
        default=Path("reports"),
        help="folder of the report (default: %(default)s)",
    )
    options.add_argument(
        "--margin",
        type=percentage_points,
        default=None,
        metavar="PP",
        help="a difference in accuracy, in percentage points, below which the report counts two "
        "models as equivalent (default: a tenth of the baseline's error)",
    )
    return options


def add_further_sets(options: Parser) -> None:
    """Add the options that name evaluation sets beyond those made of the dataset."""
    options.add_argument(
        "--extra",
        help="another dataset of the same classes, as for --data, whose test images are read, too",
    )
    options.add_argument("--mnist-c", help="folder of the published MNIST-C")


def add_tta(options: Parser) -> None:
    options.add_argument(
        "--tta",
        type=views,
        default=None,
        metavar="VIEWS",
        help="score each run also with test-time augmentation: the mean of the predicted "
        f"probabilities over the image and 1 to {MOST_VIEWS} augmented views of it (default: off)",
    )


def add_scheduler(options: Parser) -> None:
    options.add_argument(
        "--scheduler",
        type=address,
        default=None,
        help="address of a Dask "
        "scheduler that the runs are sent to, as tcp://host:8786 (default: train "
        "here)",
    )


def add_running(options: Parser) -> None:
    """Add the options of scripts whose runs are kept."""
    add_scheduler(options)
    options.add_argument(
        "--tensorboard",
        type=switch,
        nargs="?",
        const=True,
        default=False,
        metavar="1",
        help="write logs for TensorBoard into tensorboard/ next to the runs",
    )


def percentage_points(text: str) -> float:
    """A difference above 0 and up to 100 percentage points, as a fraction."""
    if not re.fullmatch(r"(?=.)[0-9]{0,3}(\.[0-9]{1,9})?", text) or not 0 < float(text) <= 100:
        raise argparse.ArgumentTypeError(
            f"{text[:40]!r} is not a number of percentage points above 0 and up to 100, as 0.2"
        )
    return float(text) / 100


def positive(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", text) or int(text) < 1:
        raise argparse.ArgumentTypeError(
            f"{text[:40]!r} is not a whole number from 1 to {LARGEST:,}"
        )
    return int(text)


def views(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= MOST_VIEWS:
        raise argparse.ArgumentTypeError(
            f"{text[:40]!r} is not a whole number from 1 to {MOST_VIEWS}: 8 is usual; without this "
            "option there is no test-time augmentation"
        )
    return int(text)


def switch(text: str) -> bool:
    if text not in ("0", "1"):
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is neither 1 nor 0")
    return text == "1"


def folder(text: str) -> Path:
    """A folder, or a place for one."""
    path = Path(text)
    for place in (path, *path.parents):
        try:
            if not stat.S_ISDIR(os.stat(place).st_mode):
                raise argparse.ArgumentTypeError(f"{str(place)!r} is not a folder")
            break
        except (FileNotFoundError, NotADirectoryError):  # the second: a parent is a file
            continue
        except OSError as error:
            raise argparse.ArgumentTypeError(f"{text[:80]!r}: {error.strerror}") from None
    return path


def address(text: str) -> str:
    if not re.fullmatch(r"([a-z]+://)?(\[[0-9A-Fa-f:.]+\]|[^\s/:\[\]]+):[0-9]{1,5}", text):
        raise argparse.ArgumentTypeError(f"{text[:80]!r} is not an address like tcp://host:8786")
    return text
