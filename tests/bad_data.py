"""What reading bad files comes to.

As a script it reads damaged files in a process of its own, with little memory to spare, and prints
what came of it as JSON; or it lets atheris look for files that break a reader:

    python tests/bad_data.py npz 10000
    python tests/bad_data.py npz 10000 --atheris /tmp/corpus    # needs `pip install atheris`
"""

import argparse
import contextlib
import gzip
import io
import json
import pickle
import random
import resource
import sys
import tempfile
import time
import warnings
import zlib
from pathlib import Path

import numpy as np
from bad_files import IDX, arrays, bad, damaged, idx, saved, whole

MIB = 2**20
ALONE = ("npz", "mat", "h5")  # kinds of files that are a dataset alone
LONGEST_MESSAGE = 600


class Place:
    """A folder of whole files, in which one after another is replaced by a bad one."""

    def __init__(self, folder):
        self.folder = Path(folder)
        for kind in ("idx", "gzip", *ALONE):
            (self.folder / kind).mkdir()
        (self.folder / "mnist-c" / "fog").mkdir(parents=True)
        for kind in "idx", "gzip", "npy":
            self.restore(kind)

    def path(self, kind, content):
        """Where content belongs: labels or images, by its header, and the test's never."""
        if kind in ALONE:
            return self.folder / kind / f"set.{kind}"
        if kind == "picture":
            return self.folder / "picture.png"
        if kind == "npy":
            labels = any(dtype in content[:100] for dtype in (b"'<i", b"'>i"))
            return self.folder / "mnist-c" / "fog" / f"test_{'labels' if labels else 'images'}.npy"
        if kind == "gzip":
            try:
                content = zlib.decompressobj(31).decompress(content, 4)
            except zlib.error:
                content = b""
        name = IDX[content[3:4] == b"\1"]
        return self.folder / kind / (name if kind == "idx" else f"{name}.gz")

    def restore(self, kind):
        if kind == "npy":
            for name, array in zip(("images", "labels"), arrays(), strict=False):
                (self.folder / "mnist-c" / "fog" / f"test_{name}.npy").write_bytes(saved(array))
        elif kind in {"idx", "gzip"}:
            for name, array in zip(IDX, arrays(), strict=True):
                content = idx(array)
                if kind == "gzip":
                    name, content = f"{name}.gz", gzip.compress(content, 1, mtime=0)
                (self.folder / kind / name).write_bytes(content)

    def outcome(self, kind, content):
        """What reading the content comes to: `read` or `refused`. Anything else is a fault."""
        path = self.path(kind, content)
        before = path.read_bytes() if path.exists() else None
        path.write_bytes(content)
        try:
            return self.reading(kind, path)[0]
        finally:
            path.unlink() if before is None else path.write_bytes(before)

    def reading(self, kind, path):
        """`read` or `refused`, and the refusal.

        A dataset or picture that was read is well-formed; a refusal is short and names the file
        or its folder; nothing is warned of.
        """
        from mnist_aug.data import dataset, eval_sets, preprocessing
        from mnist_aug.data.formats import hdf5, matlab
        from mnist_aug.errors import UserError

        images, labels, *_ = arrays()
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            warnings.simplefilter("ignore", DeprecationWarning)  # not shown to users either
            try:
                if kind == "picture":
                    prepared = preprocessing.prepare(preprocessing.read(path))
                    assert prepared.image.shape == (28, 28)
                    assert prepared.image.dtype == np.uint8
                elif kind == "npy":
                    content = dataset.Dataset("some", "", images, labels, images, labels)
                    (fog,) = eval_sets.read(content, mnist_c=str(path.parents[1]))
                    assert fog.images.dtype == np.uint8
                    assert fog.images.shape == (len(fog.labels), 6, 5)
                    assert 0 <= fog.labels.min() <= fog.labels.max() < 3
                    fog.images.sum()
                else:
                    if kind in {"mat", "h5"}:  # all arrays, be they a dataset or not
                        reader = matlab if kind == "mat" else hdf5
                        with contextlib.suppress(OSError):  # `load` has words for it
                            [one.read() for one in reader.contents(path).arrays]
                    with contextlib.redirect_stdout(io.StringIO()):  # notes and warnings
                        found = dataset.load(str(path if kind in ALONE else path.parent))
                    check(found)
                result = "read", ""
            except UserError as error:
                result = "refused", str(error)
                assert len(result[1]) < LONGEST_MESSAGE, result
                # `prepare` knows no path; scripts/predict.py puts it before the message.
                assert kind == "picture" or str(self.folder) in result[1], result
        assert not warned, warned[0].message
        return result


def check(data):
    """That a dataset is what `dataset.Dataset` promises."""
    for images, labels in (data.x_train, data.y_train), (data.x_test, data.y_test):
        assert images.dtype == np.uint8
        assert labels.dtype == np.int32
        assert images.ndim == 3
        assert images.size > 0
        assert labels.shape == images.shape[:1]
        assert 0 <= labels.min() <= labels.max() < data.classes
    assert data.x_test.shape[1:] == data.image_shape
    assert len(data.sha256) == 64


def peak():
    """The most memory that this process has held since `forget_peak`, in bytes."""
    text = Path("/proc/self/status").read_text()
    return int(text.split("VmHWM:")[1].split()[0]) * 1024


def forget_peak():
    Path("/proc/self/clear_refs").write_text("5")


def limit(spare):
    """Let this process map no more than `spare` bytes beyond what it has mapped now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + spare
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _random(kind, count, seed, folder):
    place = Place(folder)
    # Imports what reading needs; a damaged file may be taken for another kind.
    for content in (*whole(kind), b"label,pixel0\n0,1\n", pickle.dumps([1, 2]), b"PAR1"):
        place.outcome(kind, content)
    chance = random.Random(seed)
    limit(2048 * MIB)
    forget_peak()
    before, slowest, outcomes = peak(), 0, {"read": 0, "refused": 0}
    for number in range(count):
        content = bad(kind, chance)
        start = time.process_time()
        try:
            outcomes[place.outcome(kind, content)] += 1
        except BaseException:
            print(f"{kind} {number}: {content[:300]!r}", file=sys.stderr)
            raise
        slowest = max(slowest, time.process_time() - start)
    print(
        json.dumps(
            outcomes | {"peak_mib": (peak() - before) // MIB, "slowest_s": round(slowest, 1)}
        )
    )


def _by_atheris(kind, count, corpus, folder):
    import importlib
    import zipfile

    import atheris

    with atheris.instrument_imports(include=["mnist_aug", "zipfile", "gzip", "PIL"]):
        for module in zipfile, gzip:  # imported before
            importlib.reload(module)
        import PIL.Image

        PIL.Image.init()

        import mnist_aug.data.dataset
        import mnist_aug.data.eval_sets
        import mnist_aug.data.preprocessing  # noqa: F401

    def mutated(content, longest, seed):
        """Half as libFuzzer does it, half with sums and sizes that are right outside."""
        chance = random.Random(seed)
        how = chance.randrange(4)
        if how == 0:
            return bad(kind, chance)[:longest]
        return damaged(content, chance)[:longest] if how == 1 else atheris.Mutate(content, longest)

    place = Place(folder)
    Path(corpus).mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(whole(kind)):
        (Path(corpus) / f"whole-{number:02d}").write_bytes(content)
    atheris.Setup(
        [
            sys.argv[0],
            str(corpus),
            f"-runs={count}",
            "-timeout=60",
            "-max_len=4096",
            "-rss_limit_mb=4096",
            f"-artifact_prefix={corpus}/",
            "-seed=1",
            "-print_final_stats=1",
        ],
        lambda content: place.outcome(kind, content) and None,
        custom_mutator=mutated,
    )
    atheris.Fuzz()


def main():
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("kind", choices=["idx", "gzip", "npz", "npy", "mat", "h5", "picture"])
    options.add_argument("count", type=int)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--atheris", metavar="CORPUS")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if given.atheris:
            _by_atheris(given.kind, given.count, given.atheris, folder)
        else:
            _random(given.kind, given.count, given.seed, folder)


if __name__ == "__main__":
    main()
