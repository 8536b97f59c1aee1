"""Check the arrays of an open results file against the schema; of their values, only constants."""

import functools
import math
from collections.abc import Iterator, Mapping
from typing import Any

import h5py
import numpy as np

from ganinv_cli.files.hdf5 import Array, Arrays, Hdf5Error, read_texts
from ganinv_cli.limits import MAX_TRIALS
from ganinv_cli.settings.names import is_image_group
from ganinv_cli.store import columns, schema
from ganinv_cli.store.columns import Column
from ganinv_cli.store.schema import TRIAL, Kind, Layout, column_path, enclosing_group

MAX_CHUNK_BYTES = 1 << 28  # that a read of one row may take
MAX_CONSTANT_VALUES = 1 << 20  # of an array beside the rows
_CHANNELS = (1, 3)  # of a picture
_TOGETHER = (  # columns of which a group has all or none
    ("z_error", "first/z_error"),
    ("error_bound", "first/error_bound"),
    ("label", "first/label"),
    ("copy_quality", "copy_loss"),
    tuple(
        f"polished/{name}" for name in ("z_found", "image_loss", "gradients", "seconds", "outcome")
    ),
)
_PLACES = {  # column -> the constant with the places of its second axis
    "curve_loss": "curve_gradients",
    "curve_error": "curve_gradients",
    "z_snapshots": "snapshot_gradients",
}


def check_layout(file: h5py.File, arrays: Arrays, attributes: Mapping[str, Any]) -> Layout:
    """Return the kind of each column. Raises Hdf5Error if an array does not fit the schema."""
    sizes: dict[str, int] = {}  # symbol of the schema -> its size in this file
    layout: Layout = {}
    for column in columns.CONSTANTS:
        if column.name in arrays:
            _check_constant(column, _get_array(column.name, arrays), sizes)
            _check_values(column.name, file[column.name][()])
    for group in attributes["groups"]:
        kinds = dict(_list_kinds(group, arrays, sizes))
        _check_columns(group, kinds, attributes["config"].get("success") == "ever")
        layout |= {(group, name): kind for name, kind in kinds.items()}
    for group, name in layout:
        if name in _PLACES and _PLACES[name] not in arrays:
            raise Hdf5Error(f"{column_path(group, name)} is there, and {_PLACES[name]} is missing")
    for name in attributes["figures"]:
        _check_figure(file, name, arrays)
    return layout


def _list_kinds(group: str, arrays: Arrays, sizes: dict[str, int]) -> Iterator[tuple[str, Kind]]:
    """Yield the kinds of a group's columns by their names."""
    trial = _get_array(column_path(group, TRIAL), arrays)
    rows = _check_rows(column_path(group, TRIAL), trial, "int64")
    if rows > (1 if is_image_group(group) else MAX_TRIALS):
        raise Hdf5Error(f"{column_path(group, TRIAL)} has {rows:,} rows, which are too many")
    for name, column in schema.get_columns(group).items():
        path = column_path(group, name)
        if path not in arrays:
            continue
        array = _get_array(path, arrays)
        if _check_rows(path, array, column.dtype, len(column.shape)) != rows:
            raise Hdf5Error(f"{path} has {array.shape[0]:,} rows, and {TRIAL} has {rows:,}")
        _check_sizes(path, column, array.shape[1:], sizes)
        yield name, Kind(_name_dtype(array.dtype), array.shape[1:])


def _check_columns(group: str, kinds: Mapping[str, Kind], counts_any_update: bool) -> None:
    """Raise Hdf5Error if a group lacks a column that it should have."""
    needed = {name for name, each in schema.get_columns(group).items() if not each.optional}
    for together in _TOGETHER:
        if not kinds.keys().isdisjoint(together):
            needed |= set(together) & schema.get_columns(group).keys()
    if schema.is_trial_group(group) and not enclosing_group(group).startswith("image="):
        needed |= {"z_error", "first/z_error"}
        needed |= {"z_error_least"} if counts_any_update else set()
    if missing := needed - kinds.keys():
        raise Hdf5Error(f"{column_path(group, min(missing))} is missing")


def _check_constant(column: Column, array: Array, sizes: dict[str, int]) -> None:
    if array.dtype != np.dtype(column.dtype) or len(array.shape) != len(column.shape):
        raise Hdf5Error(
            f"{column.name} is {array.dtype} {array.shape}, and should be {column.dtype} of rank "
            f"{len(column.shape)}"
        )
    if max(array.shape, default=1) > MAX_CONSTANT_VALUES:
        raise Hdf5Error(f"{column.name} has {array.shape[0]:,} numbers, which are too many")
    _check_sizes(column.name, column, array.shape, sizes)


def _check_values(name: str, values: np.ndarray) -> None:
    """Raise Hdf5Error if a constant is no count; NaN is none either."""
    if not np.all((values >= 0) & (values < np.inf)):
        raise Hdf5Error(f"{name} has a value that is negative or not finite")


def _check_sizes(path: str, column: Column, shape: tuple[int, ...], sizes: dict[str, int]) -> None:
    for symbol, size in zip(column.shape, shape, strict=True):
        if sizes.setdefault(symbol, size) != size:
            raise Hdf5Error(f"{path}: {symbol} is {size:,}, and {sizes[symbol]:,} elsewhere")
        if size == 0 and symbol not in ("snapshots", "points"):
            raise Hdf5Error(f"{path}: {symbol} is 0")
        if symbol == "channels" and size not in _CHANNELS:
            raise Hdf5Error(f"{path}: {symbol} is {size:,}, and should be 1 or 3")


def _check_rows(path: str, array: Array, dtype: str, axes: int = 0) -> int:
    """Return the number of rows of an array with so many further axes."""
    fits = array.dtype in _list_dtypes(dtype)
    if not fits or len(array.shape) != 1 + axes:
        raise Hdf5Error(
            f"{path} is {array.dtype} {array.shape}, and should be {dtype} of rank {1 + axes}"
        )
    _check_storage(path, array)
    return array.shape[0]


def _check_storage(path: str, array: Array) -> None:
    """Raise Hdf5Error if an array in one piece has more values than are stored, or a huge chunk."""
    if array.chunk:
        if array.dtype.itemsize * math.prod(array.chunk) > MAX_CHUNK_BYTES:
            raise Hdf5Error(f"{path} has chunks of {array.chunk}, which are too large")
    elif array.shape[0] * array.row_bytes > array.most_bytes:
        raise Hdf5Error(f"{path} has the shape {array.shape}, and fewer values are stored")


def _check_figure(file: h5py.File, name: str, arrays: Arrays) -> None:
    path = f"{name}/pictures"
    pictures = _get_array(path, arrays)
    _check_rows(path, pictures, "uint8", 4)
    if pictures.shape[0] * pictures.row_bytes > pictures.most_bytes:
        raise Hdf5Error(f"{path} has the shape {pictures.shape}, and fewer values are stored")
    if 0 in pictures.shape or pictures.shape[-1] not in _CHANNELS:
        raise Hdf5Error(f"{path} has the shape {pictures.shape}, which pictures do not have")
    panels = read_texts(file[name], "panels") or []
    if len(panels) != pictures.shape[0] or not all(
        p.isprintable() and "$" not in p for p in panels
    ):
        raise Hdf5Error(f"attribute panels of {name} is not the name of each of its rows")
    if "trials" not in file[name].attrs:
        raise Hdf5Error(f"attribute trials of {name} is missing")
    trials = file[name].attrs.get_id("trials")
    if trials.shape != pictures.shape[1:2] or trials.dtype != np.int64:
        raise Hdf5Error(f"attribute trials of {name} is not the number of each of its columns")


def _get_array(path: str, arrays: Arrays) -> Array:
    array = arrays.get(path)
    if array is None:
        raise Hdf5Error(f"{path} is {'a group and no array' if path in arrays else 'missing'}")
    return array


@functools.cache
def _list_dtypes(name: str) -> tuple[np.dtype, ...]:
    """Return the dtypes that a column of the schema may have in a file."""
    names = ("float32", "float64") if name == "float" else (name,)
    return tuple(map(np.dtype, names))


@functools.cache
def _name_dtype(dtype: np.dtype) -> str:
    return str(dtype)
