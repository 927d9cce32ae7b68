"""The command-line options that all scripts share."""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from mnist_aug.errors import UserError


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, as all errors here are."""

    def error(self, message):
        raise UserError(f"{message} (see {self.prog} --help)")


def parser(description: str) -> Parser:
    """A parser with the options every script takes; the Makefile passes the same ones to all."""
    options = Parser(description=description, allow_abbrev=False)
    options.add_argument("--data", default="auto", help="auto, mnist, digits, a folder of IDX "
                         "files, or an .npz (default: %(default)s)")
    options.add_argument("--seeds", type=positive, default=None, help="how many runs of each "
                         "variant (default: 5 to train; those on disk otherwise)")
    options.add_argument("--epochs", type=positive, default=None,
                         help="epochs of a run (default: the variant's, 15)")
    options.add_argument("--policy", default=None, help="policy of the augmented variant: a name, "
                         "or a file by albumentations.save (default: default)")
    options.add_argument("--results", type=Path, default=Path("results"),
                         help="folder of runs (default: %(default)s)")
    options.add_argument("--reports", type=Path, default=Path("reports"),
                         help="folder of the report (default: %(default)s)")
    return options


def import_tensorflow_quietly() -> None:
    """Import TensorFlow without its start-up notes, which no log level of its own silences."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.stderr.flush()
    with tempfile.TemporaryFile() as notes:
        stderr = os.dup(2)
        os.dup2(notes.fileno(), 2)
        try:
            import tensorflow as tf
            tf.config.list_logical_devices()
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1")
    return int(text)
