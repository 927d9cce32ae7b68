"""Small files that ask for much: what each comes to, and the memory that it takes.

As a script it reads them one after the other and prints this as JSON; `--large` adds those that are
meant to be read, and large.
"""

import argparse
import gzip
import io
import json
import lzma
import os
import struct
import tempfile
import time
import zipfile
import zlib

import numpy as np
from bad_data import MIB, Place, forget_peak, peak
from bad_files import arrays, idx, lying, npy, npz, png, saved, whole, zipped

SPARE = 64  # MiB more than the data


def many(count, content=bytes(16 * MIB)):
    """A gzip file of the content, `count` times, in a member each."""
    return gzip.compress(content, 1, mtime=0) * count


def data():
    """(name, kind, content, file size or None, MiB at most) of datasets."""
    images, labels, *_ = arrays()
    header = bytes([0, 0, 8, 3])
    billions = header + struct.pack(">3I", 4_000_000_000, 28, 28)
    some = header + struct.pack(">3I", 40_000, 28, 28)  # 30 MiB
    most = 2 * 30 + SPARE
    yield "IDX header of 4 billion images", "idx", billions, None, SPARE
    yield "IDX header of 4 billion images, 10 GiB file", "idx", billions, 10 * 1024 * MIB, SPARE
    yield "IDX of 4 billion labels", "idx", bytes([0, 0, 8, 1]) + b"\xee" * 4, None, SPARE
    yield (
        "IDX of no rows and 4 billion columns",
        "idx",
        header + struct.pack(">3I", 0, 2**32 - 1, 2**32 - 1),
        None,
        SPARE,
    )
    yield "IDX with more than promised, 10 GiB", "idx", some, 10 * 1024 * MIB, most
    yield "gzip bomb of 1 GiB", "gzip", gzip.compress(some) + many(64), None, most
    yield (
        "xz bomb of 1 GiB",
        "gzip",
        lzma.compress(some) + lzma.compress(bytes(64 * MIB)) * 16,
        None,
        most,
    )
    yield "gzip header of 4 billion images", "gzip", gzip.compress(billions) + many(4), None, SPARE
    yield "gzip bomb in the header's place", "gzip", many(64), None, SPARE
    yield (
        "100,000 empty gzip members",
        "gzip",
        gzip.compress(idx(images)) + many(100_000, b""),
        None,
        SPARE,
    )
    zeros = bytes(96 * MIB)
    for claim in ((4_000_000_000, 28, 28), (2**62, 28, 28), (0, 2**62, 2**62), (10**4000, 28, 28)):
        text = {"descr": "|u1", "fortran_order": False, "shape": claim}
        yield f"NPZ header of {str(claim)[:30]}", "npz", npz(x_train=npy(text)), None, SPARE
        yield f"NPY header of {str(claim)[:30]}", "npy", npy(text), None, SPARE
    wide = {"descr": "<f8", "fortran_order": False, "shape": (2**28,)}
    yield "NPZ header of 2 GiB of labels", "npz", npz(y_train=npy(wide)), None, SPARE
    endless = b"\x93NUMPY\2\0" + b"\xff" * 4
    yield "NPZ header that is 4 GiB long", "npz", npz(x_train=endless + zeros), None, SPARE
    yield "NPY header that is 4 GiB long", "npy", endless, 8 * 1024 * MIB, SPARE
    yield "NPZ bomb after the array", "npz", npz(x_train=saved(images) + zeros), None, SPARE
    yield "NPZ bomb of labels", "npz", npz(y_train=saved(labels) + zeros), None, SPARE
    yield (
        "NPZ bomb by bzip2",
        "npz",
        npz(zipfile.ZIP_BZIP2, x_train=saved(images) + zeros[:MIB]),
        None,
        SPARE,
    )
    yield (
        "NPZ bomb by LZMA",
        "npz",
        npz(zipfile.ZIP_LZMA, x_train=saved(images) + zeros[:MIB]),
        None,
        SPARE,
    )
    bomb = npz(x_train=saved(images) + zeros)
    yield (
        "NPZ member that says it is small",
        "npz",
        lying(bomb, "x_train.npy", size=368),
        None,
        SPARE,
    )
    yield (
        "NPZ member that says it is large",
        "npz",
        lying(npz(), "x_train.npy", size=2**32 - 2),
        None,
        SPARE,
    )
    crowd = zipped([(f"{n}", b"") for n in range(20_000)])
    yield "NPZ of 20,000 members", "npz", crowd, None, SPARE + 20 * len(crowd) / MIB
    yield "NPZ within an NPZ", "npz", npz(x_train=npz()), None, SPARE
    yield "NPZ of zeros, 10 GiB", "npz", b"PK\3\4", 10 * 1024 * MIB, SPARE
    yield from matlab_data()
    yield from hdf5_data()


def matlab_data():
    def part(kind, content, size=None):
        size = len(content) if size is None else size
        return struct.pack("<2I", kind, size) + content + bytes(-len(content) % 8)

    def variable(shape, content, size, whole=None, kind=9, more=b""):
        described = (
            part(6, struct.pack("<2I", kind, 0))
            + part(5, struct.pack(f"<{len(shape)}i", *shape))
            + part(1, b"X")
        )
        return part(14, described + more + part(2, content, size), whole)

    def file_of(*variables, packed):
        if packed:
            variables = [
                struct.pack("<2I", 15, len(one)) + one for one in map(zlib.compress, variables)
            ]
        return b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM" + b"".join(variables)

    zeros = bytes(96 * MIB)
    for packed, how in (False, ""), (True, ", compressed"):
        for shape, size in ((28, 28, 2**31 - 1), 2**32 - 8), ((2**15, 2**15), 2**30):
            content = file_of(variable(shape, b"", size, 2**32 - 8), packed=packed)
            yield f"MATLAB variable of {shape}{how}", "mat", content, None, SPARE
        content = file_of(*[variable((1, 1), b"a", 1)] * 20_000, packed=packed)
        yield f"MATLAB file of 20,000 variables{how}", "mat", content, None, SPARE
    content = file_of(variable((8, 30), bytes(240) + zeros, 240), packed=True)
    yield "MATLAB bomb after the array", "mat", content, None, SPARE
    fields = (
        part(5, b"\2\0\0\0") + part(1, b"a\0b\0") + variable((1, len(zeros)), zeros, len(zeros))
    )
    content = file_of(variable((1, 1), b"", 0, kind=2, more=fields), packed=True)
    yield "MATLAB bomb in a structure", "mat", content, None, SPARE
    content = b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM" + struct.pack("<2I", 14, 2**32 - 1)
    yield "MATLAB file of zeros, 10 GiB", "mat", content, 10 * 1024 * MIB, SPARE


def hdf5_data():
    import h5py

    def file_of(fill):
        file = io.BytesIO()
        with h5py.File(file, "w") as archive:
            fill(archive)
        return file.getvalue()

    def chunk_of_zeros(file):
        made = file.create_dataset("x", (4096, 64), "u1", chunks=(64, 64), compression="gzip")
        for row in range(0, 4096, 64):
            made.id.write_direct_chunk((row, 0), bomb)

    def same_text(file):
        made = file.create_dataset("y", (100_000,), h5py.string_dtype(), chunks=(100_000,))
        made[:1] = "a" * MIB
        _, chunk = made.id.read_direct_chunk((0,))
        made.id.write_direct_chunk((0,), chunk[:16] * 100_000)

    bomb = zlib.compress(bytes(96 * MIB))
    yield "HDF5 chunks that are bombs", "h5", file_of(chunk_of_zeros), None, SPARE
    for chunks in None, (1024, 2**10):
        content = file_of(
            lambda file, chunks=chunks: file.create_dataset(
                "x", (2**20, 2**10), "u1", chunks=chunks
            )
        )
        yield (
            f"HDF5 array of 1 GiB that was never written, chunks {chunks}",
            "h5",
            content,
            None,
            SPARE,
        )
    large = file_of(lambda file: file.create_dataset("x", (4_000_000_000, 28, 28), "u1"))
    yield "HDF5 array of 4 billion images", "h5", large, None, SPARE
    crowd = file_of(lambda file: [file.create_group(f"g{number}") for number in range(20_000)])
    yield "HDF5 of 20,000 groups", "h5", crowd, None, SPARE + 4 * len(crowd) / MIB
    same = file_of(same_text)
    yield "HDF5 text of 100,000 times the same MiB", "h5", same, None, SPARE + 2 * len(same) / MIB


def large_data():
    """As `data`, to the limit: what they promise, they hold."""
    part = b"\0" * 16 * MIB
    for pixels, rows in (784, 2**30 // 784), (256, 2**22):
        header = bytes([0, 0, 8, 3]) + struct.pack(">3I", rows, pixels // 16, 16)
        yield (
            f"gzip of {rows:,} images",
            "gzip",
            gzip.compress(header)
            + many(rows * pixels // len(part), part)
            + gzip.compress(bytes(rows * pixels % len(part))),
            None,
            2 * rows * pixels / MIB + SPARE,
        )
    text = {"descr": "|u1", "fortran_order": True, "shape": (800_000, 28, 28)}
    images = npy(text, bytes(800_000 * 784))
    labels = saved(np.arange(800_000) % 10)
    yield (
        "NPZ of 800,000 images",
        "npz",
        npz(x_train=images, y_train=labels, x_test=saved(np.zeros((4, 28, 28), np.uint8))),
        None,
        2 * 600 + SPARE,
    )


def pictures():
    """(name, kind, content, file size or None, MiB at most) of pictures that must be refused."""
    from PIL import Image

    def small(form):
        file = io.BytesIO()
        Image.new("L", (18, 24), 9).save(file, form)
        return bytearray(file.getvalue())

    for width, height in (2**31 - 1, 2**31 - 1), (100_000, 100_000), (7_100, 7_100), (70_000, 5):
        yield (
            f"PNG of {width:,} by {height:,}",
            "picture",
            png(width, height, zlib.compress(bytes(1000)), 1),
            None,
            SPARE,
        )
    yield "PNG of nothing", "picture", png(0, 0), None, SPARE
    text = zlib.compress(bytes(96 * MIB))
    for kind, start in (b"zTXt", b"a\0\0"), (b"iCCP", b"a\0\0"), (b"iTXt", b"a\0\1\0\0\0"):
        yield (
            f"PNG with a bomb in {kind.decode()}",
            "picture",
            png(18, 24, zlib.compress(bytes(24 * 19)), more=[(kind, start + text)]),
            None,
            SPARE,
        )
    yield "PNG with rows beyond the last", "picture", png(18, 24, text), None, SPARE
    bmp = small("BMP")
    bmp[18:26] = struct.pack("<2i", 2**31 - 1, 2**31 - 1)
    yield "BMP of 2 billion by 2 billion", "picture", bytes(bmp), None, SPARE
    gif = small("GIF")
    more = gif[:-1] + gif[gif.index(b"," + bytes(4)) : -1] * 20_000 + b";"
    yield "GIF of 20,000 pictures", "picture", bytes(more), None, SPARE
    gif[6:10] = b"\xff" * 4
    yield "GIF of 65,535 by 65,535", "picture", bytes(gif), None, SPARE
    jpeg = small("JPEG")
    at = jpeg.index(b"\xff\xc0") + 5
    jpeg[at : at + 4] = b"\xff" * 4
    yield "JPEG of 65,535 by 65,535", "picture", bytes(jpeg), None, SPARE
    webp = b"WEBPVP8X" + struct.pack("<I", 10) + b"\2\0\0\0" + b"\xff\x3f\0" * 2
    yield (
        "WebP of 16,384 by 16,384",
        "picture",
        b"RIFF" + struct.pack("<I", len(webp)) + webp,
        None,
        SPARE,
    )
    yield "PPM of 99,999 by 99,999", "picture", b"P5 99999 99999 255\n", None, SPARE
    tiff = small("TIFF")
    (at,) = struct.unpack_from("<I", tiff, 4)
    for entry in range(at + 2, at + 2 + 12 * tiff[at], 12):
        if struct.unpack_from("<H", tiff, entry)[0] in (256, 257):  # width and length
            struct.pack_into("<HII", tiff, entry + 2, 4, 1, 2**32 - 1)
    yield "TIFF of 4 billion by 4 billion", "picture", bytes(tiff), None, SPARE
    loop = struct.pack("<2sHIHHHIII", b"II", 42, 8, 1, 256, 3, 1, 18, 8)
    yield "TIFF whose directory leads to itself", "picture", loop, None, SPARE
    yield "ICO, which is not tried", "picture", b"\0\0\1\0" + b"\xff" * 5000, None, SPARE
    yield "PostScript, which is not tried", "picture", b"%!PS-Adobe-3.0 EPSF-3.0\n", None, SPARE
    yield "PNG of 10 GiB", "picture", png(18, 24), 10 * 1024 * MIB, SPARE


def large_pictures():
    """As `pictures`, of the most pixels that are read."""
    from PIL import Image

    side = 7_000  # 49 million pixels
    most = 1280
    for bits, colour in (1, 0), (8, 0), (16, 0), (8, 2), (8, 6), (16, 6):
        depth = {0: 1, 2: 3, 6: 4}[colour] * bits
        rows = zlib.compress(bytes((side * depth + 7) // 8 + 1) * side, 1)
        yield f"PNG of {depth} bits", "picture", png(side, side, rows, bits, colour), None, most
    exif = Image.Exif()
    exif[0x0112] = 6
    for form, mode, options in (
        ("JPEG", "CMYK", {}),
        ("JPEG", "RGB", {"progressive": True, "exif": exif}),
        ("WEBP", "RGBA", {"method": 0, "quality": 1}),
        ("TIFF", "RGBA", {"compression": "tiff_lzw"}),
        ("TIFF", "I", {"compression": "tiff_lzw"}),
        ("GIF", "P", {}),
        ("BMP", "RGB", {}),
    ):
        file = io.BytesIO()
        Image.new(mode, (side, side)).save(file, form, **options)
        yield f"{form} of mode {mode}", "picture", file.getvalue(), None, most
    yield (
        "PNG of 65,535 by 762",
        "picture",
        png(65_535, 762, zlib.compress(bytes(65_535 * 4 + 1) * 762, 1), 8, 6),
        None,
        most,
    )
    yield (
        "PNG of 12 million pixels",
        "picture",
        png(4_000, 3_000, zlib.compress(bytes(12_001) * 3_000, 1), 8, 2),
        None,
        200,
    )


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("kind", choices=["data", "pictures"])
    options.add_argument("--large", action="store_true")
    given = options.parse_args()
    making = {"data": (data, large_data), "pictures": (pictures, large_pictures)}[given.kind]
    found = []
    with tempfile.TemporaryDirectory() as folder:
        place = Place(folder)
        data_kinds = ("idx", "gzip", "npz", "npy", "mat", "h5")
        for kind in data_kinds if given.kind == "data" else ("picture",):
            place.outcome(kind, whole(kind)[0])  # imports what reading needs
        for name, kind, content, size, most in making[given.large]():
            path = place.path(kind, content)
            path.write_bytes(content)
            if size:
                os.truncate(path, size)
            del content
            forget_peak()
            before, start = peak(), time.process_time()
            outcome, message = place.reading(kind, path)
            found.append(
                {
                    "name": name,
                    "outcome": outcome,
                    "message": message,
                    "most_mib": most,
                    "mib": (peak() - before) / MIB,
                    "s": time.process_time() - start,
                }
            )
            place.restore(kind)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
