"""Whole files of every kind that is read, and ways to damage them."""

import gzip
import io
import struct
import warnings
import zipfile
import zlib

import numpy as np

IDX = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
PARTS = ("x_train", "y_train", "x_test", "y_test")


def arrays():
    """Images of 6 by 5 and labels of three classes: 8 to train on, 4 to test on."""
    images = np.random.default_rng(0).integers(0, 256, (12, 6, 5), dtype=np.uint8)
    labels = (np.arange(12) % 3).astype(np.uint8)
    return images[:8], labels[:8], images[8:], labels[8:]


def idx(array):
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(np.uint8).tobytes()


def npy(header, data=b"", version=1):
    """A .npy file with any header: its text, or what `descr`, `fortran_order` and `shape` are."""
    text = header if isinstance(header, bytes) else repr(header).encode()
    return (
        b"\x93NUMPY"
        + bytes([version, 0])
        + struct.pack("<H" if version == 1 else "<I", len(text) + 1)
        + text
        + b"\n"
        + data
    )


def saved(array, **options):
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def zipped(members, method=zipfile.ZIP_DEFLATED):
    """An archive of (name, content) pairs; a name may come twice."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of names that come twice
        with zipfile.ZipFile(file, "w", method, compresslevel=1) as archive:
            for name, content in members:
                archive.writestr(zipfile.ZipInfo(name), content, method)
    return file.getvalue()


def npz(method=zipfile.ZIP_DEFLATED, **changed):
    """The archive of `arrays`, with some members changed to other bytes or left out (None)."""
    members = {name: saved(array) for name, array in zip(PARTS, arrays(), strict=True)} | changed
    return zipped(
        [(f"{name}.npy", content) for name, content in members.items() if content is not None],
        method,
    )


def lying(archive, name, **sizes):
    """The archive with false sizes (`size`, `compressed`) or `flags` in a member's headers."""
    archive = bytearray(archive)
    fields = {
        "flags": (6, 8, "<H"),
        "method": (8, 10, "<H"),
        "compressed": (18, 20, "<I"),
        "size": (22, 24, "<I"),
    }
    for magic, at, place in (b"PK\x03\x04", 30, 0), (b"PK\x01\x02", 46, 1):
        start = archive.find(magic)
        while archive[start + at : start + at + len(name)] != name.encode():
            start = archive.index(magic, start + 1)
        for field, value in sizes.items():
            struct.pack_into(fields[field][2], archive, start + fields[field][place], value)
    return bytes(archive)


def mat(compressed=True, **variables):
    """MATLAB's file of some variables, of the arrays of `arrays` if none are given."""
    import scipy.io

    file = io.BytesIO()
    variables = variables or dict(zip(PARTS, arrays(), strict=True))
    scipy.io.savemat(file, variables, do_compression=compressed)
    return file.getvalue()


def hdf5(form=None, **options):
    """An HDF5 file of the arrays of `arrays`, with options for images, such as compression."""
    import h5py

    file = io.BytesIO()
    with h5py.File(file, "w", **(form or {})) as archive:
        for name, array in zip(PARTS, arrays(), strict=True):
            if array.ndim == 3:
                archive.create_dataset(name, data=array, **options)
            else:
                archive[name] = array
    return file.getvalue()


def png(width, height, rows=b"", bits=8, colour=0, more=()):
    """A PNG that claims a size; `rows` are its compressed rows, `more` other chunks."""

    def chunk(kind, content):
        return (
            struct.pack(">I", len(content))
            + kind
            + content
            + struct.pack(">I", zlib.crc32(kind + content))
        )

    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(*one)
        for one in (
            (b"IHDR", struct.pack(">2I5B", width, height, bits, colour, 0, 0, 0)),
            *more,
            (b"IDAT", rows),
            (b"IEND", b""),
        )
    )


def pictures():
    """Pictures of a cross, in every format that is read and in some that are not."""
    from PIL import Image

    grey = np.full((24, 18), 250, np.uint8)
    grey[3:21, 8:11] = grey[10:13, 4:15] = 10
    plain = Image.fromarray(grey)
    exif = Image.Exif()
    exif[0x0112] = 6
    more = [plain.rotate(90) for _ in range(3)]
    found = [png(18, 24, zlib.compress(bytes(24 * 19)), more=[(b"tEXt", b"a\0b")])]
    for mode, form, options in (
        ("L", "PNG", {}),
        ("RGBA", "PNG", {}),
        ("P", "PNG", {}),
        ("1", "PNG", {}),
        ("I;16", "PNG", {}),
        ("RGB", "PNG", {"exif": exif}),
        ("RGB", "JPEG", {"exif": exif}),
        ("L", "JPEG", {}),
        ("CMYK", "JPEG", {}),
        ("RGB", "JPEG", {"progressive": True}),
        ("RGB", "MPO", {"save_all": True}),
        ("P", "GIF", {"save_all": True}),
        ("RGB", "WEBP", {"save_all": True}),
        ("RGBA", "WEBP", {"lossless": True}),
        ("L", "BMP", {}),
        ("P", "BMP", {}),
        ("L", "TIFF", {"save_all": True}),
        ("RGB", "TIFF", {"compression": "tiff_lzw"}),
        ("1", "TIFF", {"compression": "group4"}),
        ("I;16", "TIFF", {}),
        ("F", "TIFF", {}),
        ("RGB", "TIFF", {"compression": "jpeg"}),
        ("CMYK", "TIFF", {}),
        ("L", "PPM", {}),
        ("RGB", "PPM", {}),
        ("1", "PPM", {}),
        ("RGBA", "ICO", {"sizes": [(16, 16)] * 9}),
        ("RGB", "TGA", {}),
        ("L", "PCX", {}),
        ("RGB", "PDF", {}),
        ("RGB", "JPEG2000", {}),
    ):
        image = (
            Image.fromarray(grey.astype(np.uint16) * 257) if mode == "I;16" else plain.convert(mode)
        )
        file = io.BytesIO()
        if "save_all" in options:
            options = options | {"append_images": [one.convert(mode) for one in more]}
        image.save(file, form, **options)
        found.append(file.getvalue())
    found += [b"P2\n3 2\n255\n0 9 9\n255 0 0\n", b"P1\n3 2\n1 0 1 0 1 0\n"]
    return found


def whole(kind):
    """Files that are read, to be damaged."""
    images, labels = arrays()[:2]
    if kind == "idx":
        return [idx(images), idx(labels)]
    if kind == "gzip":
        return [gzip.compress(content, mtime=0) for content in (idx(images), idx(labels))]
    if kind == "npz":
        return [
            npz(),
            npz(zipfile.ZIP_STORED),
            npz(x_train=saved(np.asfortranarray(images)), y_train=saved(labels.astype(">i8"))),
            npz(x_train=saved(images[..., None])),
        ]
    if kind == "npy":
        return [
            saved(images),
            saved(images[..., None]),
            saved(np.asfortranarray(images)),
            saved(labels.astype("<i8")),
            saved(labels.astype(">i2")),
        ]
    if kind == "mat":
        parts = [
            {"images": images, "labels": labels} for images, labels in (arrays()[:2], arrays()[2:])
        ]
        dataset = dict(zip(("train", "test"), parts, strict=True))
        return [mat(), mat(False), mat(dataset=dataset), mat(False, dataset=dataset)]
    if kind == "h5":
        return [
            hdf5(),
            hdf5({"libver": "latest"}, chunks=(3, 6, 5)),
            hdf5(compression="gzip", shuffle=True, fletcher32=True),
            b"MATLAB 7.3 MAT-file".ljust(512) + hdf5(),
        ]
    return pictures()


NUMBERS = (
    0,
    1,
    2,
    3,
    5,
    6,
    7,
    8,
    127,
    128,
    255,
    256,
    2**15,
    2**16 - 1,
    2**16,
    2**24,
    2**31 - 1,
    2**31,
    2**32 - 1,
    4_000_000_000,
    2**63 - 1,
    2**63,
    2**64 - 1,
)
DTYPES = (
    "|u1",
    "<u1",
    "|i1",
    "<i8",
    ">i8",
    "<u8",
    "<f8",
    ">f4",
    "<f2",
    "|b1",
    "<U1",
    ">U7",
    "|S3",
    "|S0",
    "|V0",
    "|V5",
    "|O",
    "O8",
    "<M8[s]",
    "<m8[D]",
    "<m8",
    "<c8",
    "a5",
    "c",
    "p",
    "",
    "u1,u1",
    [("a", "|u1"), ("b", "<i4")],
    [("a", "|O")],
    ("|u1", (2, 3)),
    ("|u1", (2**31, 2**31)),
    [("é", "|u1")],
    None,
    7,
    {},
    [],
    [("a", "|u1", (2**40,))],
)


def damaged(content, chance, others=()):
    """The content with one to four faults, as a broken disk, copy or program makes them."""
    content = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 4))):
        size = len(content)
        at, end = sorted((chance.randrange(size + 1), chance.randrange(size + 1)))
        early = chance.randrange(min(size, 64) + 1)  # headers lie there
        fault = chance.randrange(9)
        if fault == 0:
            del content[at:]
        elif fault == 1 and size:
            content[chance.choice((at, early)) % size] ^= 1 << chance.randrange(8)
        elif fault == 2 and size:
            content[chance.choice((at, early)) % size] = chance.choice((0, 1, 127, 128, 255))
        elif fault in (3, 4):
            form = chance.choice(("<H", ">H", "<I", ">I", "<Q", ">Q"))
            value = chance.choice((*NUMBERS, size)) % 2 ** (8 * struct.calcsize(form))
            where = chance.choice((at, early, max(0, size - early)))
            content[where : where + struct.calcsize(form)] = struct.pack(form, value)
        elif fault == 5:
            content[at:at] = chance.randbytes(chance.randrange(1, 20))
        elif fault == 6:
            del content[at : min(end, at + 40)]
        elif fault == 7:
            content[end:end] = content[at:end]
        elif others:
            other = chance.choice(others)
            content[at:] = other[chance.randrange(len(other) + 1) :]
    return bytes(content)


def _header(chance, array):
    """A .npy file of the array whose header may claim anything."""
    shape = list(array.shape)
    header = {"descr": array.dtype.str, "fortran_order": False, "shape": tuple(shape)}
    for _ in range(chance.randrange(3)):
        fault = chance.randrange(6)
        if fault == 0:
            header["descr"] = chance.choice(DTYPES)
        elif fault == 1:
            shape[chance.randrange(len(shape))] = chance.choice(
                (*NUMBERS, -1, -(2**63), 1.5, "3", None, True)
            )
            header["shape"] = tuple(shape)
        elif fault == 2:
            header["shape"] = chance.choice(
                ((), (0,), (-1,), [3], 3, None, (1,) * 70, (2**32,) * 4, (0, 2**62, 2**62))
            )
        elif fault == 3:
            header["fortran_order"] = chance.choice((True, 1, None))
        elif fault == 4:
            header.pop(chance.choice(list(header)))
            header["extra"] = 1
        else:
            text = damaged(repr(header).encode(), chance)
            return npy(text[:60_000], array.tobytes(), chance.choice((1, 2, 3)))
    if chance.random() < 0.02:
        deep = chance.choice((b"(", b"[", b"-", b"{1:", b"~", b"not "))
        return npy(deep * chance.randrange(1, 9000), array.tobytes(), 2)
    return npy(
        {key: header[key] for key in sorted(header)},
        array.tobytes(),
        chance.choice((1, 1, 1, 2, 3)),
    )


def _built(kind, chance):
    """A file that is wrong within, under a sound gzip member, archive, header or checksum."""
    images, labels, *_ = arrays()
    if kind == "gzip":
        inner = chance.choice((idx(images), idx(labels)))
        return b"".join(
            gzip.compress(part, 1, mtime=0)
            for part in (damaged(inner, chance), b"", b"more")[: chance.choice((1, 1, 2, 3))]
        )
    if kind == "npy":
        return _header(chance, chance.choice((images, labels.astype("<i8"))))
    if kind == "npz":
        members = [
            (f"{name}.npy", saved(array)) for name, array in zip(PARTS, arrays(), strict=True)
        ]
        for _ in range(chance.randrange(1, 3)):
            which = chance.randrange(len(members))
            name, content = members[which]
            fault = chance.randrange(6)
            if fault <= 2:
                content = _header(chance, arrays()[which % 4])
            elif fault == 3:
                content = damaged(content, chance)
            elif fault == 4:
                name = chance.choice(
                    (
                        "x_train",
                        "../../x_train.npy",
                        "/etc/x_train.npy",
                        "",
                        "é.npy",
                        "x_train.npy",
                        "y_test.npy",
                        "x_train.npy/",
                        "a" * 3000,
                    )
                )
            else:
                members.append(chance.choice(members))
            members[which] = name, content
        archive = zipped(
            members,
            chance.choice(
                (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
            ),
        )
        if chance.random() < 0.3 and members[0][0] == "x_train.npy":
            field = chance.choice(("flags", "method", "compressed", "size"))
            archive = lying(
                archive,
                members[0][0],
                **{
                    field: chance.choice(NUMBERS)
                    % 2 ** (16 if field in {"flags", "method"} else 32)
                },
            )
        return archive
    if kind == "picture":
        rows = zlib.compress(chance.randbytes(chance.randrange(2000)))
        kinds = (
            b"PLTE",
            b"tRNS",
            b"eXIf",
            b"iCCP",
            b"zTXt",
            b"iTXt",
            b"gAMA",
            b"acTL",
            b"fcTL",
            b"IHDR",
            b"IDAT",
            b"abcd",
        )
        return png(
            chance.choice((0, 1, 2, 18, 60, 3000, 2**31)),
            chance.choice((0, 1, 24, 900, 2**31)),
            rows,
            chance.choice((0, 1, 2, 4, 8, 16, 32)),
            chance.choice((0, 2, 3, 4, 6, 9)),
            [
                (chance.choice(kinds), chance.randbytes(chance.randrange(30)))
                for _ in range(chance.randrange(3))
            ],
        )
    return damaged(idx(images), chance)


def bad(kind, chance):
    """A bad file of the kind: damaged from outside, or built wrong within."""
    if kind not in _WHOLE:
        _WHOLE[kind] = whole(kind)
    content = _built(kind, chance) if chance.random() < 0.5 else chance.choice(_WHOLE[kind])
    return damaged(content, chance, _WHOLE[kind]) if chance.random() < 0.5 else content


_WHOLE = {}
