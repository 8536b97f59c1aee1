"""Mutations of files: of bytes, JSON, TOML, zip archives, and the structure of HDF5 files."""

import json
import os
import pickle
import stat
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import h5py
import numpy as np


@dataclass(frozen=True)
class Material:
    """What a mutation may put into a file."""

    secret: Path  # a file outside the case's folder, which nothing should open
    executed: Path  # a file that appears if code from the mutated file is executed
    donors: tuple[Path, ...] = ()  # other files, whose parts are spliced in


Mutation = Callable[[Random, Path, Material], str]  # edits a file; returns what it did

_DEEP = 100_000  # brackets, more than a recursive parser bears
_ODD_TEXTS = (
    *("", " ", "\0", "\x1b[31mred\x1b[0m", "a\nb", "../../etc/passwd", "=1+1", "\u202eabc"),
    *("x" * 60_000, "%s%n", "{0.__class__}", "NaN", "1e999", "{}", "[]", "null", '"text"'),
)
_ODD_NUMBERS = (0, -1, 1, 2**31, -(2**63), 0.5, -0.0, 1e308, float("nan"), float("inf"))
_ODD_VALUES: tuple[Any, ...] = (*_ODD_TEXTS, *_ODD_NUMBERS, 10**30, None, True, [], {}, [[]])
_TOML_VALUES = (
    *("1" * 5000, "[" * _DEEP, "{a=" * 2000, '""', '"\\u0000"', '"\\u001b[31m"', "nan", "-inf"),
    *("1979-05-27", "0x7fffffffffffffff", "1e400", "[1, 'a', []]", "{}", "true", "'''", "-1"),
    *('"' + "x" * 100_000 + '"', "10_000_000_000_000", '"../../etc/passwd"', "", "= 1", "\0"),
)
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


def mutate_bytes(random: Random, path: Path, material: Material) -> str:
    """Change a file's bytes at one to three places."""
    content, done = path.read_bytes(), []
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        content, what = _change_bytes(random, content)
        done.append(what)
    path.write_bytes(content)
    return ", ".join(done)


def splice(random: Random, path: Path, material: Material) -> str:
    """Join the beginning of a file and the end of another one."""
    donor = random.choice(material.donors or (path,))
    begin, end = path.read_bytes(), donor.read_bytes()
    place, other = random.randint(0, len(begin)), random.randint(0, len(end))
    path.write_bytes(begin[:place] + end[other:])
    return f"spliced at {place} with {donor.name} from {other} on"


def replace_whole(random: Random, path: Path, material: Material) -> str:
    """Put another file, noise or a pickled call in its place, or nothing."""
    donor = random.choice(material.donors or (path,)).read_bytes()
    call = pickle.dumps(PickledCall(material.executed), 2)
    path.write_bytes(random.choice((donor, donor, call, b"", b"\n", random.randbytes(500))))
    return "another file in its place, or noise"


BYTE_MUTATIONS: tuple[Mutation, ...] = (*(mutate_bytes,) * 8, splice, replace_whole)


def edit_toml(random: Random, path: Path, material: Material) -> str:
    """Change a line of a TOML file, or add one."""
    lines = path.read_text(encoding="utf-8").splitlines()
    place, value = random.randrange(len(lines)), random.choice(_TOML_VALUES)
    key = lines[place].partition("=")[0]
    changes = {
        "value": [f"{key}= {value}"],
        "key": [random.choice(('"\\u0000"', "a.b", "'x y'", "é", "x" * 9999)) + " = 1"],
        "line removed": [],
        "line doubled": [lines[place]] * 2,
        "line inserted": [random.choice(("[a]" * 3, "[[b]]", "[", value)), lines[place]],
    }
    change = random.choice(("value", "value", *changes))
    lines[place : place + 1] = changes[change]
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass") + b"\n")
    return f"{change} {place + 1}"


def edit_archive(random: Random, path: Path, material: Material) -> str:
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
        content = str(material.secret).encode()
    elif change == "call":
        content = pickle.dumps(PickledCall(material.executed), 2)
    if change != "remove":
        members.append((new, content))
    with zipfile.ZipFile(path, "w") as archive:
        for each, text in members:
            archive.writestr(each, text)
    return f"member {info.filename}: {change}"


def edit_hdf5(random: Random, path: Path, material: Material) -> str:
    """Change the structure of an HDF5 file at one to three places."""
    done = []
    with h5py.File(path, "r+", locking=False) as file:
        file.attrs.pop("attributes_sha256", None)  # it would be wrong
        for _ in range(random.choice((1, 1, 1, 2, 3))):
            edit = random.choice((_edit_attribute, _edit_json, _edit_dataset, _edit_link))
            try:
                done.append(edit(random, file, material))
            except (KeyError, TypeError, ValueError, RuntimeError, OSError, IndexError) as error:
                done.append(f"{edit.__name__[1:]} failed: {str(error)[:60]}")
    return ", ".join(done)


def write_secret(path: Path) -> None:
    """Write an HDF5 file that nothing should read."""
    with h5py.File(path, "w") as file:
        file["secret"] = np.arange(4096.0)


def _change_bytes(random: Random, content: bytes) -> tuple[bytes, str]:
    """Return other bytes, and what was done at which place."""
    place = random.randrange(len(content) + 1)
    if random.random() < 0.4:  # at one of the ends
        place = random.choice((place % _END, len(content) - place % _END)) % (len(content) + 1)
    length = random.choice((1, 2, 4, 8, 16, random.randrange(1, 5000)))
    block, order = content[place : place + length], random.choice(("little", "big"))
    value = random.choice(_LENGTHS).to_bytes(8, order)  # type: ignore[arg-type]
    new = {
        "a bit flipped": bytes(each ^ (1 << random.randrange(8)) for each in block[:1]) + block[1:],
        "random bytes": random.randbytes(len(block)),
        "removed": b"",
        "inserted": random.randbytes(length) + block,
        "repeated": block * random.choice((2, 3, 51)),
        "filled": random.choice((b"\0", b"\xff", b" ")) * len(block),
        "swapped": content[:length],
        "a length": (value[:4] if order == "little" else value[4:]) + block[4:],
        "a long length": value + block[8:],
        "cut off": b"",
    }
    what = random.choice(("a bit flipped", *new))
    rest = b"" if what == "cut off" else content[place + length :]
    return content[:place] + new[what] + rest, f"{what} at {place}"


def _edit_attribute(random: Random, file: h5py.File, material: Material) -> str:
    name = random.choice(sorted(file.attrs))
    others = (b"\xff\xfe", [1, 2, 3], ["a", "b"], np.zeros((2, 2)), h5py.Empty("f4"), 1j)
    value = random.choice((*_ODD_TEXTS, *_ODD_NUMBERS, *others))
    del file.attrs[name]
    if random.random() > 0.15:
        file.attrs[name] = value
    return f"{name} = {str(value)[:30]!r}"


def _edit_json(random: Random, file: h5py.File, material: Material) -> str:
    """Change one value of an attribute that is JSON, or nest its list too deeply."""
    items = sorted(file.attrs.items())
    name, text = random.choice([each for each in items if str(each[1])[:1] in ("{", "[")])
    value = json.loads(text)
    keys: Any = sorted(value) if isinstance(value, dict) else range(len(value))
    key = random.choice(keys)
    value[key] = random.choice((*_ODD_VALUES, [value[key]], str(value[key]) + "x"))
    file.attrs[name] = random.choice((json.dumps(value)[:60_000],) * 9 + ("[" * 60_000,))
    return f"{key} of {name}"


def _edit_dataset(random: Random, file: h5py.File, material: Material) -> str:
    """Give a dataset another type, shape, values or storage, or a huge size."""
    data = random.choice([each for each in _list_objects(file) if isinstance(each, h5py.Dataset)])
    values, name, shape, dtype = np.atleast_1d(data[()]), data.name, data.shape, data.dtype
    odd = np.array(random.choice((np.nan, np.inf, -1, 0, 1e300, 2**31 - 1, 255)))
    with np.errstate(all="ignore"):
        changed: dict[str, Callable[[], Any]] = {
            "type": lambda: values.astype(random.choice(("f2", "f8", ">f8", "i1", "u8", "c8"))),
            "texts": lambda: np.zeros(shape, random.choice(("S3", "V7"))),
            "axis": lambda: values[None],
            "fewer": lambda: values[:-1],
            "more": lambda: np.concatenate([values, values]),
            "scalar": lambda: values.reshape(-1)[0],
            "transposed": lambda: values.T,
            "values": lambda: np.where(
                np.arange(values.size).reshape(values.shape) % 3, values, odd
            ),
        }
        change = random.choice((*changed, "huge", "external", "virtual"))
        new = changed[change]() if change in changed else None
    del file[name]
    if change == "huge":
        file.create_dataset(name, (1 << 40, *shape[1:]), dtype, chunks=True, compression="gzip")
    elif change == "external":
        size = max(1, int(np.prod(shape)) * dtype.itemsize)
        file.create_dataset(name, shape, dtype, external=[(str(material.secret), 0, size)])
    elif change == "virtual":
        layout = h5py.VirtualLayout(shape, dtype)
        layout[...] = h5py.VirtualSource(str(material.secret), "secret", shape, dtype)
        file.create_virtual_dataset(name, layout)
    else:
        file[name] = new
    return f"{name}: {change}"


def _edit_link(random: Random, file: h5py.File, material: Material) -> str:
    name = random.choice(_list_objects(file)).name
    links: dict[str, Any] = {
        "external": h5py.ExternalLink(str(material.secret), random.choice(("/", "/secret"))),
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
