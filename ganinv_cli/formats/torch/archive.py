"""Files that torch.save writes: a pickle, and the bytes of its tensors.

Since PyTorch 1.6 it is a zip archive. Before, it was a sequence of five pickles, followed by the
bytes of the tensors. The fourth pickle holds the user's object.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from ganinv_cli.files import is_bomb
from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.formats.reading import open_file, translate_errors
from ganinv_cli.formats.torch.pickle_parser import GlobalName, PersistentId, load

MAX_PICKLE = 1 << 26  # bytes; a network's description has a few thousand
MAGIC = 0x1950A86A20F9469CFC6C  # the first pickle of a file without an archive
ZIP = b"PK\3\4"

STORAGE_DTYPES = {  # class of a storage -> dtype, and its bytes
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
    "ComplexFloatStorage": ("complex64", 8),
    "ComplexDoubleStorage": ("complex128", 16),
    "QInt8Storage": ("qint8", 1),
    "QUInt8Storage": ("quint8", 1),
    "QInt32Storage": ("qint32", 4),
    "UntypedStorage": ("bytes", 1),
}


class TorchFile(NamedTuple):
    """The object that torch.save stored, and access to the bytes of its tensors."""

    content: Any  # as pickle_parser.load returns it
    byte_order: str  # < or >, the byte order of numbers
    storage_size: Callable[[str], int]  # bytes of a storage by its key, 0 if there is none
    read_storage: Callable[
        [str, int, int], bytes
    ]  # of a storage: its key, the first byte, how many
    format: str


@contextmanager
def open_torch_file(path: Path) -> Iterator[TorchFile]:
    """Open a file of torch.save and read its pickle, not its tensors. Raises UnreadableError."""
    with open_file(path) as file:
        if file.read(len(ZIP)) != ZIP:
            yield _read_legacy(file)
            return
        with _translate_errors():
            archive = zipfile.ZipFile(file)
        with archive:
            yield _read_archive(archive)


@contextmanager
def _translate_errors() -> Iterator[None]:
    """Turn zipfile's errors for damaged archives into UnreadableError."""
    damages = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, KeyError)
    others = (NotImplementedError, RuntimeError)  # unknown compression; encryption
    problem = "its archive is damaged, cut off or locked"
    with translate_errors(problem, *damages, *others, length=100):
        yield


def _read_archive(archive: zipfile.ZipFile) -> TorchFile:
    members = {info.filename: info for info in archive.infolist()}
    pickles = [name for name in members if f"/{name}".endswith("/data.pkl")]
    if len(pickles) != 1:
        raise UnreadableError(
            f"is a zip archive with {len(pickles)} members called data.pkl, but one was expected; "
            "is it a file that torch.save wrote?"
        )
    root = pickles[0].removesuffix("data.pkl")

    def read_member(name: str, start: int, length: int) -> bytes:
        _check_member(members[name])
        with _translate_errors(), archive.open(members[name]) as file:
            file.seek(start)
            return file.read(length)

    def storage_size(key: str) -> int:
        info = members.get(f"{root}data/{key}")
        return info.file_size if info else 0

    def read_storage(key: str, start: int, length: int) -> bytes:
        return read_member(f"{root}data/{key}", start, length)

    byte_order = (
        read_member(f"{root}byteorder", 0, 16) if f"{root}byteorder" in members else b"little"
    )
    if members[pickles[0]].file_size > MAX_PICKLE:
        raise UnreadableError(
            f"{pickles[0]} in it has {members[pickles[0]].file_size:,} bytes, but at most "
            f"{MAX_PICKLE:,} were expected; save the generator's state_dict() alone"
        )
    content = load(io.BytesIO(read_member(pickles[0], 0, MAX_PICKLE)))
    return TorchFile(
        content, ">" if byte_order.strip() == b"big" else "<", storage_size, read_storage, "PyTorch"
    )


def _check_member(info: zipfile.ZipInfo) -> None:
    if is_bomb(info.file_size, info.compress_size):
        raise UnreadableError(
            f"{info.filename} in it has {info.compress_size:,} bytes and says that it becomes "
            f"{info.file_size:,}, which weights do not; is it a file that torch.save wrote?"
        )


def _read_legacy(file: BinaryIO) -> TorchFile:
    """Read a file that was written before PyTorch 1.6, without an archive."""
    file.seek(0)
    data = file.read(MAX_PICKLE)
    if data[:1] != b"\x80":
        raise UnreadableError(
            "was not written by torch.save: it is neither a zip archive nor a pickle"
        )
    head = io.BytesIO(data)
    if load(head) != MAGIC:
        raise UnreadableError(
            "is a pickle, but not one of torch.save; save the weights with "
            "torch.save(model.state_dict(), …)"
        )
    persistent_ids: list[PersistentId] = []
    load(head)  # the version of this layout, 1001
    load(head)  # sizes of numbers on the machine; the byte order is the same on all machines
    content, keys = load(head, persistent_ids), load(head)
    storages = _locate_storages(file, head.tell(), keys, persistent_ids)

    def storage_size(key: str) -> int:
        return storages[key][1] if key in storages else 0

    def read_storage(key: str, start: int, length: int) -> bytes:
        file.seek(storages[key][0] + start)
        return file.read(length)

    return TorchFile(content, "<", storage_size, read_storage, "PyTorch before 1.6")


def _locate_storages(
    file: BinaryIO, offset: int, keys: Any, persistent_ids: list[PersistentId]
) -> dict[str, tuple[int, int]]:
    """Return start and size in bytes of each storage; 8 bytes before it give its length."""
    item_sizes = {key: width for _, width, key in filter(None, map(parse_storage, persistent_ids))}
    end = file.seek(0, io.SEEK_END)
    storages = {}
    for key in keys if isinstance(keys, list) else ():
        file.seek(offset)
        item_size = item_sizes.get(key, 0) if isinstance(key, str) else 0
        size = int.from_bytes(file.read(8), "little") * item_size
        if not item_size or offset + 8 + size > end:
            raise UnreadableError(
                f"is cut off at the tensor {key!s:.20}, {end:,} bytes from its start; "
                "copy it again from its source"
            )
        storages[key] = (offset + 8, size)
        offset += 8 + size
    return storages


def parse_storage(node: Any) -> tuple[str, int, str] | None:
    """Return dtype, bytes per value and key of a storage in a pickle, or None."""
    key = node.key if isinstance(node, PersistentId) else None
    if not isinstance(key, tuple) or len(key) < 5 or key[0] != "storage":
        return None
    if not isinstance(key[1], GlobalName) or not isinstance(key[2], str):
        return None
    if len(key) > 5 and key[5] is not None:  # a view of another storage, in files before 2017
        return None
    dtype, item_size = STORAGE_DTYPES.get(key[1].name, (key[1].name, 0))
    return dtype, item_size, key[2]
