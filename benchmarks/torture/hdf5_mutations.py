"""Mutations of the structure of HDF5 files: links, types, shapes, attributes, values."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from .subject import Material
from .text_mutations import ODD_NUMBERS, ODD_TEXTS, mutate_json_text

_DTYPES = ("f2", "f4", "f8", ">f8", "i1", "u1", "i8", "u8", "c8", "?", "S3", "V7", "O")
_NAMES = ("image=9999", "..", "a\x1b[31mb", "é\u202e", "x" * 3000, "variance=nan", "none", "trial")
_HUGE = (1 << 31, 10**9, 10**12, 1 << 62)
_ODD_VALUES = (np.nan, np.inf, -np.inf, -1, 0, 1e300, 2**31 - 1, 255)


def edit_hdf5(random: random.Random, path: Path, material: Material) -> str:
    """Change the structure of an HDF5 file at one to three places."""
    done = []
    with h5py.File(path, "r+", locking=False) as file:
        file.attrs.pop("attributes_sha256", None)  # it would be wrong
        for _ in range(random.choice((1, 1, 1, 2, 3))):
            edit = random.choice(_EDITS)
            try:
                done.append(f"{edit.__name__[1:]}: {edit(random, file, material)}")
            except (KeyError, TypeError, ValueError, RuntimeError, OSError, IndexError) as error:
                done.append(f"{edit.__name__[1:]} failed: {str(error)[:60]}")
    return ", ".join(done)


def _edit_attribute(random: random.Random, file: h5py.File, material: Material) -> str:
    holder = random.choice([file, file, file, *_list_objects(file)])
    if not len(holder.attrs):
        holder = file
    name = random.choice(sorted(holder.attrs))
    if random.random() < 0.15:
        del holder.attrs[name]
        return f"{name} removed"
    value = random.choice(
        (
            *ODD_TEXTS[4:],
            *(each for each in ODD_NUMBERS if abs(each) < 2**63),
            *(np.nan, b"\xff\xfe", [], [1, 2, 3], ["a", "b"], np.zeros((2, 2)), h5py.Empty("f4")),
            *(np.void(b"abc"), "{}", "[]", "null", "true", '"text"', np.array([], "S1"), 1j),
        )
    )
    holder.attrs[name] = value
    return f"{name} = {str(value)[:30]!r}"


def _edit_json(random: random.Random, file: h5py.File, material: Material) -> str:
    texts = {
        name: value
        for name, value in file.attrs.items()
        if isinstance(value, str) and value[:1] in ("{", "[")
    }
    name = random.choice(sorted(texts))
    text, done = mutate_json_text(random, texts[name])
    file.attrs[name] = text if len(text) < 60_000 else text[:60_000]
    return f"{name}: {done}"


def _edit_type(random: random.Random, file: h5py.File, material: Material) -> str:
    data = _choose_dataset(random, file)
    values, name, kind = data[()], data.name, random.choice(_DTYPES)
    del file[name]
    if kind == "O":
        file.create_dataset(name, data.shape, h5py.string_dtype())
    else:
        with np.errstate(all="ignore"):
            file[name] = np.zeros(values.shape, kind) if kind[0] in "VS" else values.astype(kind)
    return f"{name} as {kind}"


def _edit_shape(random: random.Random, file: h5py.File, material: Material) -> str:
    data = _choose_dataset(random, file)
    values, name = np.asarray(data[()]), data.name
    change = random.choice(
        ("axis", "fewer", "more", "empty", "scalar", "flat", "huge", "transposed")
    )
    del file[name]
    if change == "huge":
        shape = (random.choice(_HUGE), *values.shape[1:])
        file.create_dataset(name, shape, values.dtype, chunks=True, compression="gzip")
        return f"{name} with shape {shape}"
    changed = {
        "axis": values[None],
        "fewer": values[:-1] if values.ndim else values,
        "more": np.concatenate([values, values]) if values.ndim else values,
        "empty": np.zeros((0, *values.shape[1:]), values.dtype),
        "scalar": values.reshape(-1)[0] if values.size else values,
        "flat": values.reshape(-1),
        "transposed": values.T,
    }
    file[name] = changed[change]
    return f"{name} {change}"


def _edit_values(random: random.Random, file: h5py.File, material: Material) -> str:
    data = _choose_dataset(random, file)
    values, odd = np.atleast_1d(np.asarray(data[()])).copy(), random.choice(_ODD_VALUES)
    if values.dtype.kind not in "fiu" or not values.size:
        return f"{data.name} has no numbers"
    with np.errstate(all="ignore"):
        odd_value = np.asarray(odd).astype(values.dtype)
    if random.random() < 0.5:
        values.reshape(-1)[random.randrange(values.size)] = odd_value
    else:
        values[...] = odd_value
    data[...] = values.reshape(data.shape)
    return f"{data.name} has {odd}"


def _edit_link(random: random.Random, file: h5py.File, material: Material) -> str:
    item = random.choice(_list_objects(file))
    name, secret = item.name, str(material.secret)
    change = random.choice(("remove", "external", "soft", "circle", "itself", "group", "dataset"))
    shape, dtype = getattr(item, "shape", None), getattr(item, "dtype", None)
    del file[name]
    if change == "external":
        file[name] = h5py.ExternalLink(secret, random.choice(("/", "/secret")))
    elif change == "soft":
        file[name] = h5py.SoftLink(random.choice(("/none/such", "/", "/trial", "..")))
    elif change == "circle":
        file[name] = h5py.SoftLink(name)
    elif change == "itself":
        file[name] = file["/"]
    elif change == "group":
        file.create_group(name)
    elif change == "dataset":
        file[name] = np.zeros(3)
    return f"{name} {change} {shape or ''} {dtype or ''}"


def _edit_storage(random: random.Random, file: h5py.File, material: Material) -> str:
    """Keep the values outside the file: in a raw file, or a dataset of another file."""
    data = _choose_dataset(random, file)
    name, shape, dtype, secret = data.name, data.shape, data.dtype, str(material.secret)
    virtual = random.random() < 0.5
    del file[name]
    if virtual:
        layout = h5py.VirtualLayout(shape, dtype)
        layout[...] = h5py.VirtualSource(secret, "secret", shape, dtype)
        file.create_virtual_dataset(name, layout)
        return f"{name} is virtual"
    size = max(1, int(np.prod(shape)) * dtype.itemsize)
    file.create_dataset(name, shape, dtype, external=[(secret, 0, size)])
    return f"{name} is stored outside"


def _add_object(random: random.Random, file: h5py.File, material: Material) -> str:
    holder = random.choice([file, *(o for o in _list_objects(file) if isinstance(o, h5py.Group))])
    name = random.choice(_NAMES)
    if random.random() < 0.5:
        holder.create_group(name).create_dataset("trial", data=np.arange(3))
    else:
        holder.create_dataset(name, data=np.zeros(random.choice((0, 3, 1000))))
    return f"{holder.name} has {name[:20]!r}"


def _edit_trial(random: random.Random, file: h5py.File, material: Material) -> str:
    """Change trial numbers, which say where each row belongs."""
    found = [each for each in _list_objects(file) if each.name.endswith("trial")]
    data = random.choice(found)
    trials = data[()]
    trials.reshape(-1)[random.randrange(trials.size)] = random.choice(
        (-1, -5, 0, 1, 10**6, 10**9, 2**31 - 1, 2**62)
    )
    data[...] = trials
    return f"{data.name} {trials[:5].tolist()}"


_EDITS: tuple[Callable[[random.Random, h5py.File, Material], str], ...] = (
    *(_edit_attribute, _edit_attribute, _edit_json, _edit_json, _edit_type, _edit_shape),
    *(_edit_shape, _edit_values, _edit_values, _edit_link, _edit_storage, _add_object, _edit_trial),
)


def write_secret(path: Path) -> None:
    """Write an HDF5 file that nothing should read; its first bytes are those of any HDF5 file."""
    with h5py.File(path, "w") as file:
        file["secret"] = np.arange(4096.0)
        file.attrs["secret"] = json.dumps({"secret": True})


def _list_objects(file: h5py.File) -> list[Any]:
    found: list[Any] = []
    file.visititems(lambda _, item: found.append(item))
    return sorted(found, key=lambda item: str(item.name))


def _choose_dataset(random: random.Random, file: h5py.File) -> h5py.Dataset:
    return random.choice([each for each in _list_objects(file) if isinstance(each, h5py.Dataset)])
