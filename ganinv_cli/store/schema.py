"""What a results file may hold: every column with its dtype, shape, unit and meaning."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from ganinv_cli.outcome import Outcome

SCHEMA = 1  # raised when an older ganinv could no longer read the file
TRIAL = "trial"  # (rows,) int64, each row's trial number; -1 where it was not run


@dataclass(frozen=True)
class Column:
    """One array with a row for every trial."""

    name: str  # its path inside the group
    dtype: str  # "float" keeps float32 or float64 as it comes
    shape: tuple[str, ...]  # the axes after the rows, as symbols
    unit: str
    meaning: str
    optional: bool = False


class Kind(NamedTuple):
    """What a file has fixed for a column."""

    dtype: str
    shape: tuple[int, ...]  # the axes after the rows

    @property
    def row_bytes(self) -> int:
        return int(np.dtype(self.dtype).itemsize * np.prod(self.shape, dtype=np.int64))

    def empty(self, rows: int) -> np.ndarray:
        """Rows that were not run: NaN, or 0 where a number cannot be NaN."""
        fill = np.nan if np.dtype(self.dtype).kind == "f" else 0
        return np.full((rows, *self.shape), fill, self.dtype)


Layout = dict[tuple[str, str], Kind]  # (group, column) -> kind

ROOT = (Column("z_true", "float", ("latent",), "z", "the latent vector that made the image"),)

_ENDS = (  # known at the end of the first start and at the end of the trial
    Column("z_found", "float", ("latent",), "z", "the latent vector that was found"),
    Column("z_error", "float", (), "z²", "‖z_found − z_true‖² / latent"),
    Column("image_loss", "float", (), "pixel²", "squared error summed over the image's pixels"),
    Column("outcome", "uint8", (), "", "how it ended (see Outcomes); 0: not run"),
    Column("gradients", "float64", (), "gradients", "gradients spent; a forward pass counts .5"),
    Column("redraws", "int32", (), "times", "times that the rule drew components of z anew"),
    Column("seconds", "float64", (), "s", "its share of the batches' wall time"),
)

RULE = (
    Column("z_start", "float", ("latent",), "z", "where the first start began"),
    *_ENDS,
    Column(
        "z_error_least",
        "float",
        (),
        "z²",
        "least z_error at any update, an observer's figure",
        True,
    ),
    Column("restarts", "int32", (), "starts", "starts after the first one"),
    Column(
        "curve_loss",
        "float32",
        ("points",),
        "pixel²",
        "image loss at curve_gradients; then NaN",
        True,
    ),
    Column(
        "curve_error", "float32", ("points",), "z²", "z_error at curve_gradients; then NaN", True
    ),
    Column(
        "z_snapshots",
        "float32",
        ("snapshots", "latent"),
        "z",
        "z at snapshot_gradients; NaN where the trial had ended",
        True,
    ),
)

FIRST = (
    *(replace(column, name=f"first/{column.name}") for column in _ENDS),
    Column(
        "first/at_bound",
        "int32",
        (),
        "components",
        "components of z at or beyond a bound of the prior",
        True,
    ),
)

CONSTANTS = (
    Column(
        "shared_gradients",
        "float64",
        (),
        "gradients",
        "spent once for the whole run, such as on the metric; in no trial's own count",
        True,
    ),
    Column(
        "curve_gradients", "float64", ("points",), "gradients", "where the curves were read", True
    ),
    Column(
        "snapshot_gradients",
        "float64",
        ("snapshots",),
        "gradients",
        "where the snapshots were taken",
        True,
    ),
)

_ROOT = {column.name: column for column in ROOT}
_RULE = {column.name: column for column in (*RULE, *FIRST)}
_CONSTANTS = {column.name: column for column in CONSTANTS}


def columns(group: str) -> dict[str, Column]:
    """The columns a group may have; "" is the root."""
    return _RULE if group else _ROOT


def inside(group: str, name: str) -> str:
    """The HDF5 path of a column."""
    return f"{group}/{name}" if group else name


def conformed(group: str, rows: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The rows in the dtypes of the schema; ValueError where they do not fit it."""
    trial = _trials(group, np.asarray(rows[TRIAL]))
    known = columns(group)
    if unknown := rows.keys() - known.keys() - {TRIAL}:
        raise ValueError(f"group {group!r} has no column {sorted(unknown)}")
    fitted = {
        name: _fitted(known[name], np.asarray(values), len(trial))
        for name, values in rows.items()
        if name != TRIAL
    }
    if group and "outcome" not in fitted:
        raise ValueError(f"group {group!r}: rows without an outcome would read as not run")
    for name in {"outcome", "first/outcome"} & fitted.keys():
        if not np.isin(fitted[name], list(Outcome)).all():
            raise ValueError(f"{inside(group, name)} holds a number that is no Outcome")
    return {TRIAL: trial, **fitted}


def conformed_constant(name: str, values: np.ndarray) -> np.ndarray:
    """A root dataset that is not a row a trial, in the dtype of the schema."""
    column = _CONSTANTS[name]
    if values.ndim != len(column.shape):
        raise ValueError(f"{name} has shape {values.shape}, and should have {column.shape}")
    return values.astype(column.dtype)


def layout(group: str, rows: Mapping[str, np.ndarray]) -> Layout:
    """The kinds of the columns of some rows."""
    return {
        (group, name): Kind(str(values.dtype), values.shape[1:])
        for name, values in rows.items()
        if name != TRIAL
    }


def joined(known: Layout, new: Layout) -> Layout:
    """Both layouts in one; ValueError where they contradict each other."""
    for key in known.keys() & new.keys():
        if known[key] != new[key]:
            raise ValueError(f"{inside(*key)} was {known[key]} before, and now is {new[key]}")
    whole = known | new
    sizes: dict[str, int] = {}
    for (group, name), kind in whole.items():
        for symbol, size in zip(columns(group)[name].shape, kind.shape, strict=True):
            if sizes.setdefault(symbol, size) != size:
                raise ValueError(f"{inside(group, name)}: {symbol} is {size}, not {sizes[symbol]}")
    return whole


def _trials(group: str, trial: np.ndarray) -> np.ndarray:
    if trial.ndim != 1 or (trial.size and not np.issubdtype(trial.dtype, np.integer)):
        raise ValueError(f"group {group!r}: trial numbers are a row of integers")
    if trial.size and (trial.min() < 0 or np.unique(trial).size != trial.size):
        raise ValueError(f"group {group!r}: trial numbers are 0 or more, each once")
    return trial.astype(np.int64)


def _fitted(column: Column, values: np.ndarray, rows: int) -> np.ndarray:
    if values.ndim != 1 + len(column.shape) or len(values) != rows:
        raise ValueError(
            f"{column.name} has shape {values.shape} for {rows} trials of {column.shape}"
        )
    if column.dtype == "float":
        if values.dtype not in (np.float32, np.float64):
            raise ValueError(f"{column.name} is {values.dtype}, not float32 or float64")
        return values
    fitted = values.astype(column.dtype)
    if column.dtype != "float32" and not np.array_equal(fitted, values, equal_nan=True):
        raise ValueError(f"{column.name} does not fit into {column.dtype}")
    return fitted
