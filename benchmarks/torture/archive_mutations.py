"""Mutations of zip archives, with right check sums, and of .npy files."""

import io
import pickle
import random
import stat
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .byte_mutations import mutate_bytes
from .hdf5_mutations import edit_hdf5
from .pickle_mutations import PickledCall, mutate_pickle
from .subject import Material, Mutation
from .text_mutations import edit_json_file

_BOMB_BYTES = 3 << 28  # 800 MB of zeros
_NAMES = ("../outside.txt", "/tmp/outside.txt", "a\x1b[31mb", "", "a\\b", "x" * 5000, "é\u202e")
_DTYPES = ("<f8", "<i8", "|O", "|S10", "<U5", "<c16", "[('a', '<f4')]", "<f2", ">f4", "<M8[s]")
_SHAPES = ("()", "(0,)", "(-1,)", "(10**30,)", "(2**62, 4)", "(1000000000,)", "(1,)*70", "(1.5,)")


class Member(NamedTuple):
    """A member of a zip archive."""

    info: zipfile.ZipInfo
    content: bytes


def edit_archive(random: random.Random, path: Path, material: Material) -> str:
    """Rewrite a zip archive with one member changed, added, renamed or removed."""
    with zipfile.ZipFile(path) as archive:
        members = [Member(each, archive.read(each)) for each in archive.infolist()]
        comment = archive.comment
    place = random.randrange(len(members))
    info, content = members[place]
    change = random.choice(("content",) * 8 + ("remove", "rename", "double", "bomb", "link", "add"))
    name = info.filename
    if change == "content":
        content, what = _mutate_member(random, name, content, material)
        members[place] = Member(_copy_info(info, name), content)
        change = what
    elif change == "remove":
        del members[place]
    elif change == "rename":
        members[place] = Member(_copy_info(info, random.choice(_NAMES)), content)
    elif change == "double":
        members.append(Member(_copy_info(info, name), content[::-1]))
    elif change == "bomb":
        bomb = _copy_info(info, name)
        bomb.compress_type = zipfile.ZIP_DEFLATED
        members[place] = Member(bomb, content + bytes(_BOMB_BYTES))
    elif change == "link":
        link = _copy_info(info, name)
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        members[place] = Member(link, str(material.secret).encode())
    else:
        members.append(Member(zipfile.ZipInfo(random.choice(_NAMES) or "more"), b"more"))
    _write_archive(path, members, comment)
    return f"member {name}: {change}"


def _copy_info(info: zipfile.ZipInfo, name: str) -> zipfile.ZipInfo:
    copy = zipfile.ZipInfo(name, info.date_time)
    copy.compress_type, copy.external_attr = info.compress_type, info.external_attr
    return copy


def _write_archive(path: Path, members: list[Member], comment: bytes) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.comment = comment
        for info, content in members:
            archive.writestr(info, content)
    path.write_bytes(file.getvalue())


def _mutate_member(
    random: random.Random, name: str, content: bytes, material: Material
) -> tuple[bytes, str]:
    """Return a member's content, changed as its format is, or its bytes."""
    edit = next((edit for ending, edit in _EDITS.items() if name.endswith(ending)), mutate_bytes)
    if random.random() < 0.2:
        edit = mutate_bytes
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"member{Path(name).suffix}"
        file.write_bytes(content)
        what = edit(random, file, material)
        return file.read_bytes(), what


def edit_npy(random: random.Random, path: Path, material: Material) -> str:
    """Write another header before the data of an .npy file."""
    content = path.read_bytes()
    shape, dtype = random.choice(_SHAPES), random.choice(_DTYPES)
    change = random.choice(("shape", "dtype", "both", "code", "values", "pickle"))
    array = np.load(io.BytesIO(content))
    if change == "values":
        odd = np.array(random.choice((np.nan, np.inf, 1e30, -1e30)), array.dtype, copy=False)
        array = array.copy()
        array.reshape(-1)[:: random.choice((1, 7))] = odd
        np.save(path, array)
        return "odd values"
    if change == "pickle":
        payload = pickle.dumps(PickledCall(material.executed))
        path.write_bytes(_make_header("|O", "(1,)") + payload)
        return "an array of objects, pickled with code"
    if change == "code":
        code = f"__import__('pathlib').Path({str(material.executed)!r}).touch()"
        path.write_bytes(_make_header(array.dtype.str, code) + array.tobytes())
        return "code in the header"
    header = _make_header(
        dtype if change != "shape" else array.dtype.str,
        shape if change != "dtype" else str(array.shape),
    )
    path.write_bytes(header + array.tobytes())
    return f"header with {change} {shape} {dtype}"


def _make_header(dtype: str, shape: str) -> bytes:
    kind = dtype if dtype.startswith("[") else repr(dtype)
    text = f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}"
    text += " " * (-(len(text) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


_EDITS: dict[str, Mutation] = {
    ".json": edit_json_file,
    ".h5": edit_hdf5,
    ".npy": edit_npy,
    ".pkl": mutate_pickle,
}
