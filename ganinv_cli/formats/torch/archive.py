"""Files that torch.save writes: a pickle, and the bytes of its tensors.

Since PyTorch 1.6 it is a zip archive. Before, it was a sequence of five pickles, followed by the
bytes of the tensors. The fourth pickle holds the user's object.
"""

import io
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from ganinv_cli.formats.interface import MAX_VALUES, UnreadableError
from ganinv_cli.formats.torch.unpickler import Storage, Unpickler

MAX_BYTES = 8 * MAX_VALUES  # of the pickle, or of a storage
MAGIC = 0x1950A86A20F9469CFC6C  # the first pickle of a file without an archive
MAGIC_BYTES = MAGIC.to_bytes(10, "little")

STORAGE_DTYPES = {  # kind of a storage -> dtype, and its bytes
    "DoubleStorage": ("float64", 8),
    "FloatStorage": ("float32", 4),
    "HalfStorage": ("float16", 2),
    "BFloat16Storage": ("bfloat16", 2),
    "LongStorage": ("int64", 8),
    "IntStorage": ("int32", 4),
    "ShortStorage": ("int16", 2),
    "CharStorage": ("int8", 1),
    "ByteStorage": ("uint8", 1),
    "BoolStorage": ("bool", 1),
}


class TorchFile(NamedTuple):
    """The object that torch.save stored, and access to the bytes of its tensors."""

    content: Any  # as Unpickler returns it
    read_storage: Callable[[Storage], bytes]
    byte_order: str  # < or >, the byte order of numbers
    format: str


@contextmanager
def open_torch_file(path: Path) -> Iterator[TorchFile]:
    """Open a file of torch.save and read its pickle, not its tensors."""
    with path.open("rb") as file:
        if file.read(2) == b"PK":
            with zipfile.ZipFile(file) as archive:
                yield _read_archive(archive)
        else:
            file.seek(0)
            yield _read_stream(file)


def _read_archive(archive: zipfile.ZipFile) -> TorchFile:
    names = archive.namelist()
    (pickle_name,) = (name for name in names if f"/{name}".endswith("/data.pkl"))
    root = pickle_name.removesuffix("data.pkl")

    def read_member(name: str) -> bytes:
        if archive.getinfo(name).file_size > MAX_BYTES:
            raise UnreadableError(
                f"has more than {MAX_BYTES:,} bytes in {name}; is it a generator?"
            )
        return archive.read(name)

    is_big = f"{root}byteorder" in names and read_member(f"{root}byteorder").strip() == b"big"
    return TorchFile(
        Unpickler(io.BytesIO(read_member(pickle_name))).load(),
        lambda storage: read_member(f"{root}data/{storage.key}"),
        ">" if is_big else "<",
        "PyTorch",
    )


def _read_stream(file: BinaryIO) -> TorchFile:
    """Read a file that was written before PyTorch 1.6, without an archive."""
    for _ in range(3):  # the magic number, the version, and sizes of numbers on the machine
        Unpickler(file).load()
    unpickler = Unpickler(file)
    content, keys = unpickler.load(), Unpickler(file).load()
    places = {}  # start and size in bytes of each storage
    for key in keys:
        _, item_size = STORAGE_DTYPES[unpickler.storages[key].kind]
        size = int.from_bytes(file.read(8), "little") * item_size
        places[key] = (file.tell(), size)
        file.seek(size, io.SEEK_CUR)

    def read_storage(storage: Storage) -> bytes:
        start, size = places[storage.key]
        file.seek(start)
        return file.read(size)

    return TorchFile(content, read_storage, "<", "PyTorch before 1.6")
