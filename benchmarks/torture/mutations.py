"""Mutations of files: of bytes, of zip archives, and of the structure of HDF5 files."""

import json
import os
import pickle
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import h5py
import numpy as np

# Edits a file and returns what it did. The folder has SECRET, and EXECUTED if code was executed.
Mutation = Callable[[Random, Path, Path], str]
SECRET, EXECUTED = "secret.h5", "executed"  # beside the case's files; nothing should touch them

_ODD_VALUES: tuple[Any, ...] = (
    "", " ", "\0", "\x1b[31mred\x1b[0m", "a\nb", "../../etc/passwd", "=1+1", "\u202eabc",
    "x" * 60_000, "%s%n", "{0.__class__}", "NaN", "1e999", "{}", "[]", "null", '"text"',
    0, -1, 1, 2**31, -(2**63), 0.5, -0.0, 1e308, float("nan"), float("inf"),
    10**30, None, True, [], {}, [[]],
)  # fmt: skip
_NAMES = ("../outside.txt", "/tmp/outside.txt", "a\x1b[31mb", "a\\b", "x" * 5000, "é\u202e")
_LENGTHS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 63)
_BOMB_BYTES = 3 << 28  # 800 MB of zeros
_END = 2048  # bytes at either end of a file, where formats have their headers and tables


class PickledCall:
    """Touches a file as soon as it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch '{self.path}'",)


def mutate_bytes(random: Random, path: Path, folder: Path) -> str:
    """Change a file's bytes at one to three places, or put noise or a pickled call in its place."""
    if random.random() < 0.1:
        call = pickle.dumps(PickledCall(folder / EXECUTED), 2)
        path.write_bytes(random.choice((call, b"", b"\n", random.randbytes(500))))
        return "noise, a pickled call or nothing in its place"
    content, done = path.read_bytes(), []
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        content, what = _change_bytes(random, content)
        done.append(what)
    path.write_bytes(content)
    return ", ".join(done)


def edit_archive(random: Random, path: Path, folder: Path) -> str:
    """Rewrite a zip archive, with right check sums, and one member changed or removed."""
    with zipfile.ZipFile(path) as archive:
        members = [(each, archive.read(each)) for each in archive.infolist()]
    info, content = members.pop(random.randrange(len(members)))
    change = random.choice(("content",) * 6 + ("remove", "rename", "bomb", "link", "call"))
    new = zipfile.ZipInfo(info.filename, info.date_time)
    new.compress_type, new.external_attr = info.compress_type, info.external_attr
    if change == "content":
        content, change = _change_bytes(random, content)
    elif change == "rename":
        new.filename = random.choice(_NAMES)
    elif change == "bomb":
        new.compress_type = zipfile.ZIP_DEFLATED
        content += bytes(_BOMB_BYTES)
    elif change == "link":
        new.external_attr = (stat.S_IFLNK | 0o777) << 16
        content = str(folder / SECRET).encode()
    elif change == "call":
        content = pickle.dumps(PickledCall(folder / EXECUTED), 2)
    if change != "remove":
        members.append((new, content))
    with zipfile.ZipFile(path, "w") as archive:
        for each, text in members:
            archive.writestr(each, text)
    return f"member {info.filename}: {change}"


def edit_hdf5(random: Random, path: Path, folder: Path) -> str:
    """Change an attribute, a dataset or a link of an HDF5 file."""
    with h5py.File(path, "r+", locking=False) as file:
        file.attrs.pop("attributes_sha256", None)  # it would be wrong
        edit = random.choice((_edit_attribute, _edit_attribute, _edit_dataset, _edit_link))
        return edit(random, file, folder)


def _change_bytes(random: Random, content: bytes) -> tuple[bytes, str]:
    """Return other bytes, and what was done at which place."""
    place = random.randrange(len(content) + 1)
    if random.random() < 0.4:  # at one of the ends
        place = random.choice((place % _END, len(content) - place % _END)) % (len(content) + 1)
    length = random.choice((1, 2, 4, 8, 16, random.randrange(1, 5000)))
    block, value = content[place : place + length], random.choice(_LENGTHS)
    new = {
        "a bit flipped": bytes(each ^ (1 << random.randrange(8)) for each in block[:1]) + block[1:],
        "random bytes": random.randbytes(len(block)),
        "removed": b"",
        "inserted": random.randbytes(length) + block,
        "repeated": block * random.choice((2, 3, 51)),
        "filled": random.choice((b"\0", b"\xff", b" ")) * len(block),
        "a length": value.to_bytes(8, "little")[:4] + block[4:],
        "a long length": value.to_bytes(8, "big") + block[8:],
        "cut off": b"",
    }
    what = random.choice([*new, "a bit flipped", "a bit flipped", "a bit flipped"])
    rest = b"" if what == "cut off" else content[place + length :]
    return content[:place] + new[what] + rest, f"{what} at {place}"


def _edit_attribute(random: Random, file: h5py.File, folder: Path) -> str:
    """Change an attribute, or one value of it if it is JSON, or remove it."""
    name = random.choice(sorted(file.attrs))
    value, stored = random.choice(_ODD_VALUES), str(file.attrs[name])
    if stored[:1] in ("{", "["):
        items = json.loads(stored)
        items[random.choice(list(items) if isinstance(items, dict) else [slice(0, 1)])] = value
        value = random.choice((json.dumps(items)[:60_000], "[" * 60_000, *_ODD_VALUES))
    del file.attrs[name]
    if random.random() > 0.15:
        file.attrs[name] = value
    return f"{name} = {str(value)[:30]!r}"


def _edit_dataset(random: Random, file: h5py.File, folder: Path) -> str:
    """Give a dataset another type, shape, values or storage, or a huge size."""
    data = random.choice([each for each in _list_objects(file) if isinstance(each, h5py.Dataset)])
    values, name, shape, dtype = np.atleast_1d(data[()]), data.name, data.shape, data.dtype
    odd = random.choice((np.nan, np.inf, -1, 0, 1e300, 2**31 - 1, 255))
    changed: dict[str, Callable[[], Any]] = {
        "type": lambda: values.astype(random.choice(("f2", "f8", ">f8", "i1", "u8", "c8"))),
        "texts": lambda: np.zeros(shape, random.choice(("S3", "V7"))),
        "axis": lambda: values[None],
        "fewer": lambda: values[:-1],
        "more": lambda: np.concatenate([values, values]),
        "scalar": lambda: values.reshape(-1)[0],
        "values": lambda: np.where(np.arange(values.size).reshape(values.shape) % 3, values, odd),
    }
    change = random.choice((*changed, "huge", "external", "virtual"))
    with np.errstate(all="ignore"):
        new = changed[change]() if change in changed else None
    del file[name]
    if change == "huge":
        file.create_dataset(name, (1 << 40, *shape[1:]), dtype, chunks=True, compression="gzip")
    elif change == "external":
        size = max(1, int(np.prod(shape)) * dtype.itemsize)
        file.create_dataset(name, shape, dtype, external=[(str(folder / SECRET), 0, size)])
    elif change == "virtual":
        layout = h5py.VirtualLayout(shape, dtype)
        layout[...] = h5py.VirtualSource(str(folder / SECRET), "secret", shape, dtype)
        file.create_virtual_dataset(name, layout)
    else:
        file[name] = new
    return f"{name}: {change}"


def _edit_link(random: Random, file: h5py.File, folder: Path) -> str:
    name = random.choice(_list_objects(file)).name
    links: dict[str, Any] = {
        "external": h5py.ExternalLink(str(folder / SECRET), random.choice(("/", "/secret"))),
        "soft": h5py.SoftLink(random.choice(("/none/such", "/", "/trial", name))),
        "itself": file["/"],
        "dataset": np.zeros(3),
    }
    change = random.choice((*links, "removed"))
    del file[name]
    if change in links:
        file[name] = links[change]
    return f"{name}: {change}"


def _list_objects(file: h5py.File) -> list[Any]:
    found: list[Any] = []
    file.visititems(lambda _, item: found.append(item))
    return sorted(found, key=lambda item: str(item.name))
