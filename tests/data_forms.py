"""Small datasets written in the forms that people have, for the tests of reading them.

`FORMS` maps a name to a function that writes a set into a folder and returns what to give as DATA.
"""

import gzip
import io
import json
import pickle
import struct
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

LETTERS = "abcdefghij"


@dataclass(frozen=True)
class Small:
    """A set to be written: uint8 images and labels 0 to 9, in no order of class."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray

    @property
    def parts(self):
        return (("train", self.x_train, self.y_train), ("test", self.x_test, self.y_test))

    def changed(self, **parts):
        return replace(self, **parts)


def small(digits, train=60, test=30):
    """Digits of all classes in both parts; no image is there twice."""
    order = np.random.default_rng(1).permutation(len(digits.x_train))
    chosen = np.array([i for k in range(10) for i in order[digits.y_train[order] == k][:9]])
    chosen = chosen[np.random.default_rng(2).permutation(len(chosen))]
    rank = np.zeros(len(chosen), int)
    for k in range(10):
        own = np.flatnonzero(digits.y_train[chosen] == k)
        rank[own] = np.arange(len(own))
    first, second = chosen[rank < train // 10], chosen[rank >= train // 10][:test]
    return Small(
        digits.x_train[first],
        digits.y_train[first],
        digits.x_train[second],
        digits.y_train[second],
    )


def idx_bytes(array, kind=8):
    dtype = {8: ">u1", 12: ">i4"}[kind]
    sides = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, kind, array.ndim]) + sides + array.astype(dtype).tobytes()


def png_bytes(image, form="PNG"):
    file = io.BytesIO()
    Image.fromarray(image).save(file, form)
    return file.getvalue()


def idx(folder, data, names="{}-{}-idx{}-ubyte", ending="", splits=("train", "t10k"), swap=False):
    for split, (_, images, labels) in zip(splits, data.parts, strict=True):
        images = images.swapaxes(1, 2) if swap else images
        for what, array in (("images", images), ("labels", labels)):
            content = idx_bytes(array)
            path = folder / (names.format(split, what, array.ndim) + ending)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(gzip.compress(content, 1) if ending == ".gz" else content)
    return folder


def idx_kaggle(folder, data):
    idx(folder, data, "{0}-{1}.idx{2}-ubyte")
    return idx(folder, data, "{0}-{1}-idx{2}-ubyte/{0}-{1}-idx{2}-ubyte")


def idx_emnist(folder, data):
    return idx(
        folder,
        data,
        "emnist-digits-{}-{}-idx{}-ubyte",
        ".gz",
        splits=("train", "test"),
        swap=True,
    )


def idx_of_several(folder, data):
    idx_emnist(folder, data)
    names = "emnist-mnist-{}-{}-idx{}-ubyte"
    idx(folder, data.changed(x_train=data.x_train[::-1], y_train=data.y_train[::-1]), names)
    return folder / "emnist-digits"


def idx_qmnist(folder, data):
    for split, images, labels in data.parts:
        more = np.column_stack([labels, *[np.arange(len(labels))] * 7])
        for name, content in (
            (f"qmnist-{split}-images-idx3-ubyte.gz", idx_bytes(images)),
            (f"qmnist-{split}-labels-idx2-int.gz", idx_bytes(more, 12)),
        ):
            (folder / name).write_bytes(gzip.compress(content, 1))
    return folder


def npz(folder, data, names=("x_train", "y_train", "x_test", "y_test"), images=None, labels=None):
    arrays = {}
    for number, (_, x, y) in enumerate(data.parts):
        arrays[names[2 * number]] = images(x) if images else x
        arrays[names[2 * number + 1]] = labels(y) if labels else y
    np.savez_compressed(folder / "set.npz", **arrays)
    return folder / "set.npz"


def npz_medmnist(folder, data):
    cut = len(data.x_train) * 4 // 5
    np.savez(
        folder / "digitmnist.npz",
        train_images=data.x_train[:cut],
        train_labels=data.y_train[:cut, None],
        val_images=data.x_train[cut:],
        val_labels=data.y_train[cut:, None],
        test_images=data.x_test,
        test_labels=data.y_test[:, None],
    )
    return folder / "digitmnist.npz"


def npz_in_four(folder, data):
    for split, images, labels in data.parts:
        np.savez_compressed(folder / f"kset-{split}-imgs.npz", images)
        np.savez_compressed(folder / f"kset-{split}-labels.npz", labels)
    return folder


def npy(folder, data):
    for split, images, labels in data.parts:
        np.save(folder / f"X_{split}.npy", images)
        np.save(folder / f"y_{split}.npy", labels)
    return folder


def rows(images):
    return images.reshape(len(images), -1)


def csv(
    folder, data, header=True, last=False, ending=".csv", separator=",", names=("train", "test")
):
    for name, (_, images, labels) in zip(names, data.parts, strict=True):
        table = rows(images)
        table = np.column_stack([table, labels] if last else [labels, table])
        titles = [f"pixel{i}" for i in range(table.shape[1] - 1)]
        titles = [*titles, "label"] if last else ["label", *titles]
        lines = [separator.join(titles)] if header else []
        text = "\n".join([*lines, *(separator.join(map(str, row)) for row in table), ""])
        content = text.encode()
        path = folder / f"{name}{ending}"
        path.write_bytes(gzip.compress(content, 1) if ending.endswith(".gz") else content)
    return folder / f"{names[0]}{ending}"


def csv_one_hot(folder, data):
    """As Semeion's: floats and ten columns of 0 and 1 in one table, blanks between."""
    table = np.column_stack([rows(data.x_train) / 255, np.eye(10, dtype=int)[data.y_train]])
    (folder / "set.data").write_text(
        "\n".join(
            " ".join(f"{v:.6f}" for v in row[:-10])
            + " "
            + " ".join(str(int(v)) for v in row[-10:])
            + " "
            for row in table
        )
        + "\n"
    )
    return folder / "set.data"


def csv_labels_apart(folder, data):
    np.savetxt(folder / "set.csv", rows(data.x_train), "%.10f", " ")
    np.savetxt(folder / "set-labels.csv", np.eye(10)[data.y_train], "%10d", " ")
    return folder / "set.csv"


def arff(folder, data):
    count = rows(data.x_train).shape[1]
    head = [
        "% digits",
        "@relation set",
        *(f"@attribute pixel{i} integer" for i in range(count)),
        "@attribute class {0,1,2,3,4,5,6,7,8,9}",
        "@data",
    ]
    table = np.column_stack([rows(data.x_train), data.y_train])
    body = [",".join(map(str, row)) for row in table]
    (folder / "set.arff").write_text("\n".join([*head, *body, ""]))
    return folder / "set.arff"


def pictures(folder, data, splits=True, form="PNG", ending=".png", names=None):
    for split, images, labels in data.parts:
        for number, (image, label) in enumerate(zip(images, labels, strict=True)):
            name = names[label] if names else str(label)
            place = folder / split / name if splits else folder / name
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{split}{number}{ending}").write_bytes(png_bytes(image, form))
    return folder


def parquet(folder, data, pixels=False):
    import pyarrow as pa
    from pyarrow import parquet as pq

    features = {
        "image": {"_type": "Image"},
        "label": {"names": list(map(str, range(10))), "_type": "ClassLabel"},
    }
    about = {"huggingface": json.dumps({"info": {"features": features}})}
    place = folder / "data"
    place.mkdir()
    for split, images, labels in data.parts:
        if pixels:
            columns = {f"pixel{i + 1}": pa.array(c) for i, c in enumerate(rows(images).T)}
            table = pa.table({**columns, "class": pa.array(labels)})
        else:
            cells = [{"bytes": png_bytes(one), "path": f"{i}.png"} for i, one in enumerate(images)]
            table = pa.table({"image": cells, "label": pa.array(labels, pa.int64())})
            table = table.replace_schema_metadata(about)
        pq.write_table(table, place / f"{split}-00000-of-00001.parquet")
    return folder


def mat(folder, data):
    from scipy import io as scipy_io

    for split, images, labels in data.parts:
        scipy_io.savemat(
            folder / f"{split}_28x28.mat",
            {"X": images.transpose(1, 2, 0), "y": labels[:, None]},
            do_compression=True,
        )
    return folder / "train_28x28.mat"


def mat_73(folder, data):
    """As MATLAB writes 7.3: HDF5 behind 512 bytes, and the axes in its own order."""
    import h5py

    path = folder / "set.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        for split, images, labels in data.parts:
            for name, array in ((f"{split}_images", images), (f"{split}_labels", labels[:, None])):
                file[name] = np.asarray(array).T
                file[name].attrs["MATLAB_class"] = np.bytes_(
                    "uint8" if array is images else "double"
                )
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\0\2IM")
    return path


def hdf5(folder, data, groups=True):
    import h5py

    with h5py.File(folder / "set.h5", "w") as file:
        for split, images, labels in data.parts:
            if groups:  # as in USPS
                file[f"{split}/data"] = rows(images).astype(np.float32) / 255
                file[f"{split}/target"] = labels
            else:
                file.create_dataset(f"{split}_set_x", data=images, compression="gzip")
                file[f"{split}_set_y"] = labels
    return folder / "set.h5"


def pickled(folder, data):
    """As mnist.pkl.gz: three pairs of floats and labels."""
    cut = len(data.x_train) * 4 // 5
    pairs = tuple(
        ((rows(images) / 255).astype(np.float32), labels.astype(np.int64))
        for images, labels in (
            (data.x_train[:cut], data.y_train[:cut]),
            (data.x_train[cut:], data.y_train[cut:]),
            (data.x_test, data.y_test),
        )
    )
    (folder / "set.pkl.gz").write_bytes(gzip.compress(pickle.dumps(pairs, 2), 1))
    return folder / "set.pkl.gz"


def pickled_batches(folder, data):
    """As CIFAR's for Python: two batches, and one of test images."""
    half = len(data.x_train) // 2
    for name, images, labels in (
        ("data_batch_1", data.x_train[:half], data.y_train[:half]),
        ("data_batch_2", data.x_train[half:], data.y_train[half:]),
        ("test_batch", data.x_test, data.y_test),
    ):
        content = {
            b"batch_label": name.encode(),
            b"labels": [int(one) for one in labels],
            b"data": rows(images),
            b"filenames": [b"some.png"] * len(labels),
        }
        (folder / name).write_bytes(pickle.dumps(content, 2))
    (folder / "batches.meta").write_bytes(
        pickle.dumps({b"label_names": [c.encode() for c in LETTERS], b"num_vis": 3072}, 2)
    )
    return folder


def one_hot(labels):
    return np.eye(10, dtype=np.uint8)[labels]


KERAS = ("x_train", "y_train", "x_test", "y_test")
# Those without a test part hold the training images alone.
ALONE = {"npz, images and labels", "csv, one-hot", "csv, labels apart", "arff"}
# The order of a folder is that of its classes, which are mixed.
MIXED = {"pictures", "pictures, JPEG-free endings", "pictures, classes alone"}
FORMS = {
    "idx": idx,
    "idx, gzipped": lambda f, d: idx(f, d, ending=".gz"),
    "idx, with dots": lambda f, d: idx(f, d, "{}-{}.idx{}-ubyte"),
    "idx, Kaggle's folders": idx_kaggle,
    "idx, torchvision's root": lambda f, d: idx(f / "MNIST" / "raw", d) and f,
    "idx, EMNIST's": idx_emnist,
    "idx, one of several": idx_of_several,
    "idx, QMNIST's": idx_qmnist,
    "npz": npz,
    "npz, MedMNIST's": npz_medmnist,
    "npz, one-hot": lambda f, d: npz(f, d, labels=one_hot),
    "npz, text": lambda f, d: npz(f, d, labels=lambda y: y.astype(str)),
    "npz, floats": lambda f, d: npz(f, d, images=lambda x: (x / 255).astype(np.float32)),
    "npz, rows": lambda f, d: npz(f, d, images=rows),
    "npz, PyTorch's axes": lambda f, d: npz(f, d, images=lambda x: x[:, None]),
    "npz, other names": lambda f, d: npz(f, d, ("trainX", "trainY", "testX", "testY")),
    "npz, images and labels": lambda f, d: (
        np.savez(f / "set.npz", images=d.x_train, labels=d.y_train) or f / "set.npz"
    ),
    "npz, four files": npz_in_four,
    "npy": npy,
    "csv, Kaggle's": csv,
    "csv, no header": lambda f, d: csv(f, d, header=False, names=("mnist_train", "mnist_test")),
    "csv, label last, gzipped": lambda f, d: csv(f, d, last=True, ending=".csv.gz"),
    "csv, tabs, a folder": lambda f, d: csv(f, d, separator="\t", ending=".txt").parent,
    "csv, one-hot": csv_one_hot,
    "csv, labels apart": csv_labels_apart,
    "arff": arff,
    "pictures": pictures,
    "pictures, JPEG-free endings": lambda f, d: pictures(f, d, ending=""),
    "pictures, classes alone": lambda f, d: pictures(f, d, splits=False),
    "parquet, Hugging Face's": parquet,
    "parquet, pixels": lambda f, d: parquet(f, d, pixels=True),
    "mat": mat,
    "mat, 7.3": mat_73,
    "hdf5, groups": hdf5,
    "hdf5": lambda f, d: hdf5(f, d, groups=False),
    "pickle": pickled,
    "pickle, batches": pickled_batches,
}
