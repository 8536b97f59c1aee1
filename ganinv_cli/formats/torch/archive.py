"""Files that torch.save writes: a pickle, and the bytes of its tensors.

Since PyTorch 1.6 it is a zip archive. Before, it was a sequence of five pickles, followed by the
bytes of the tensors. The fourth pickle holds the user's object.
"""

import io
import zipfile
from collections.abc import Callable
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from ganinv_cli.formats.interface import MAX_VALUES
from ganinv_cli.formats.torch.unpickler import Storage, Unpickler
from ganinv_cli.formats.weights.weight import FLOAT_DTYPES, decode_floats

MAX_BYTES = 8 * MAX_VALUES  # of the pickle, or of a storage, that are read
MAGIC = 0x1950A86A20F9469CFC6C  # the first pickle of a file without an archive
MAGIC_BYTES = MAGIC.to_bytes(10, "little")


class TorchFile(NamedTuple):
    """The object that torch.save stored, and access to the numbers of its tensors."""

    content: Any  # as Unpickler returns it
    read_storage: Callable[[Storage], np.ndarray]  # as float32
    format: str


def read_torch_file(file: BinaryIO) -> TorchFile:
    """Return the object in an open file; its tensors are read later."""
    return _read_archive(zipfile.ZipFile(file)) if zipfile.is_zipfile(file) else _read_stream(file)


def _read_archive(archive: zipfile.ZipFile) -> TorchFile:
    names = archive.namelist()
    (pickle_name,) = (name for name in names if f"/{name}".endswith("/data.pkl"))
    root = pickle_name.removesuffix("data.pkl")

    def read_member(name: str) -> bytes:
        with archive.open(f"{root}{name}") as member:
            return member.read(MAX_BYTES)

    def read_storage(storage: Storage) -> np.ndarray:
        return decode_floats(read_member(f"data/{storage.key}"), storage.dtype, byte_order)

    is_big = f"{root}byteorder" in names and read_member("byteorder").strip() == b"big"
    byte_order = ">" if is_big else "<"
    content = Unpickler(io.BytesIO(read_member("data.pkl"))).load()
    return TorchFile(content, read_storage, "PyTorch")


def _read_stream(file: BinaryIO) -> TorchFile:
    """Read a file that was written before PyTorch 1.6, without an archive."""
    file.seek(0)
    for _ in range(3):  # the magic number, the version, and sizes of numbers on the machine
        Unpickler(file).load()
    unpickler = Unpickler(file)
    content, keys = unpickler.load(), Unpickler(file).load()
    places = {}  # start and size in bytes of each storage
    for key in keys:
        dtype = unpickler.storages[key].dtype
        item_size = np.dtype(FLOAT_DTYPES.get(dtype, dtype)).itemsize
        size = int.from_bytes(file.read(8), "little") * item_size
        places[key] = (file.tell(), size)
        file.seek(size, io.SEEK_CUR)

    def read_storage(storage: Storage) -> np.ndarray:
        start, size = places[storage.key]
        file.seek(start)
        return decode_floats(file.read(size), storage.dtype)

    return TorchFile(content, read_storage, "PyTorch before 1.6")
