"""IDX, the format of Yann LeCun's MNIST page, gzipped or not."""

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np

from mnist_aug.data.formats import stored
from mnist_aug.errors import UserError


def idx(path: Path, rank: int) -> np.ndarray:
    """uint8 array of `rank` dimensions from an IDX file, gzipped if its name ends in `.gz`.

    Raises:
        UserError: it is damaged, something else, or over the limits.
        OSError: it can't be opened or read.
    """
    remedy = "fetch the file again"
    try:
        with stored.opened(path) as raw:
            file = gzip.GzipFile(fileobj=raw) if path.suffix == ".gz" else raw
            header = file.read(4 + 4 * rank)
            if len(header) < 4 + 4 * rank:
                raise UserError(f"{path} ends within its header: {remedy}")
            if header[:4] != bytes([0, 0, 8, rank]):
                raise UserError(
                    f"{path} has magic number 0x{header[:4].hex()}, not "
                    f"0x{bytes([0, 0, 8, rank]).hex()}: it is not an IDX file of bytes in "
                    f"{rank} dimension(s)"
                )
            shape = struct.unpack(f">{rank}I", header[4:])
            size = stored.size(shape)
            data = stored.content(file, size)
        if len(data) != size:
            raise ValueError(stored.miscounted(data, size))
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError(f"{path} is a damaged gzip file ({error}): {remedy}") from None
    except ValueError as error:
        raise UserError(f"{path} {error}: {remedy}") from None
    return np.frombuffer(data, np.uint8).reshape(shape)
