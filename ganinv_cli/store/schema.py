"""The schema of results files: checks that rows fit it, and fit one another."""

import functools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ganinv_cli.limits import MAX_TRIALS
from ganinv_cli.outcome import Outcome
from ganinv_cli.store import columns as contents
from ganinv_cli.store.columns import Column, GroupKind

SCHEMA_VERSION = 1  # increased if older versions of ganinv can no longer read the file
TRIAL = "trial"  # (rows,) int64, each row's trial number; -1 if it was not run


class Kind(NamedTuple):
    """The dtype and shape of a column in a file."""

    dtype: str
    shape: tuple[int, ...]  # the axes after the rows

    @property
    def row_bytes(self) -> int:
        return int(np.dtype(self.dtype).itemsize * np.prod(self.shape, dtype=np.int64))

    def empty(self, rows: int) -> np.ndarray:
        """Return rows that were not run: NaN, or 0 for dtypes without NaN."""
        fill = {"f": np.nan, "S": b""}.get(np.dtype(self.dtype).kind, 0)
        return np.full((rows, *self.shape), fill, self.dtype)


TRIAL_KIND = Kind("int64", ())
Layout = dict[tuple[str, str], Kind]  # (group, column) -> kind

OUTCOME_COLUMNS = {"outcome", "first/outcome", "polished/outcome"}
_CONSTANTS = {column.name: column for column in contents.CONSTANTS}


@functools.cache
def get_group_kind(group: str) -> GroupKind:
    """Return the kind of a group by its path; "" is the root."""
    return next(kind for kind in contents.GROUP_KINDS if kind.matches(group))


def get_columns(group: str) -> Mapping[str, Column]:
    """Return the columns a group may have, by their paths inside it; "" is the root."""
    return get_group_kind(group).columns_by_name


def is_trial_group(group: str) -> bool:
    """Return whether a group's rows are trials."""
    return get_group_kind(group).holds_trials


def enclosing_group(group: str) -> str:
    """Return the group that a group lies in: `a=1` for `a=1/none`, "" for `none`."""
    return group.rpartition("/")[0]


def column_path(group: str, name: str) -> str:
    """Return the HDF5 path of a column."""
    return f"{group}/{name}" if group else name


def conform_rows(group: str, rows: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the rows in the dtypes of the schema. Raises ValueError if they do not fit it."""
    trial = np.asarray(rows[TRIAL])
    check_trials(group, trial)
    trial = trial.astype(np.int64)
    known = get_columns(group)
    if unknown := rows.keys() - known.keys() - {TRIAL}:
        raise ValueError(f"group {group!r} has no column {sorted(unknown)}")
    fitted = {
        name: _convert_column(known[name], np.asarray(values), len(trial))
        for name, values in rows.items()
        if name != TRIAL
    }
    if is_trial_group(group) and "outcome" not in fitted:
        raise ValueError(f"group {group!r}: rows without an outcome would read as not run")
    for name in OUTCOME_COLUMNS & fitted.keys():
        check_outcomes(group, name, fitted[name])
    return {TRIAL: trial, **fitted}


def check_trials(group: str, trials: np.ndarray, rows: np.ndarray | None = None) -> None:
    """Raise ValueError if these are no numbers of trials, each once, or not those of `rows`."""
    name = column_path(group, TRIAL)
    if trials.ndim != 1 or (trials.size and not np.issubdtype(trials.dtype, np.integer)):
        raise ValueError(f"{name} is no row of integers")
    if trials.size and (trials.min() < 0 or trials.max() >= MAX_TRIALS):
        raise ValueError(f"{name} holds a number that is not 0 to {MAX_TRIALS - 1}")
    if rows is not None and not np.array_equal(trials, rows):
        raise ValueError(f"{name} holds a number that is not that of its row")
    if np.unique(trials).size != trials.size:
        raise ValueError(f"{name} holds a number twice")


def check_outcomes(group: str, name: str, outcomes: np.ndarray) -> None:
    """Raise ValueError if a column of outcomes has others, in rows that were run."""
    none = [0] if name.startswith("polished/") else []
    if not np.isin(outcomes, [*Outcome, *none]).all():
        raise ValueError(f"{column_path(group, name)} holds a number that is no outcome")


def conform_constant(name: str, values: np.ndarray) -> np.ndarray:
    """Return a dataset of the root without trial rows, in the dtype of the schema."""
    column = _CONSTANTS[name]
    if values.ndim != len(column.shape):
        raise ValueError(f"{name} has shape {values.shape}, and should have {column.shape}")
    return values.astype(column.dtype)


def infer_layout(group: str, rows: Mapping[str, np.ndarray]) -> Layout:
    """Return the kinds of the columns of some rows."""
    return {
        (group, name): Kind(str(values.dtype), values.shape[1:])
        for name, values in rows.items()
        if name != TRIAL
    }


def join_layouts(known: Layout, new: Layout) -> Layout:
    """Return both layouts joined. Raises ValueError if they contradict each other."""
    added = {key: kind for key, kind in new.items() if key not in known}
    for key in new.keys() - added.keys():
        if known[key] != new[key]:
            raise ValueError(f"{column_path(*key)} was {known[key]} before, and now is {new[key]}")
    if not added:
        return known
    whole = known | added
    sizes: dict[str, int] = {}
    for (group, name), kind in whole.items():
        for symbol, size in zip(get_columns(group)[name].shape, kind.shape, strict=True):
            if sizes.setdefault(symbol, size) != size:
                raise ValueError(
                    f"{column_path(group, name)}: {symbol} is {size}, not {sizes[symbol]}"
                )
    return whole


def join_rows(pieces: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return the rows of several pieces of a group, sorted by trial; a trial's first row counts."""
    trial, first = np.unique(np.concatenate([p[TRIAL] for p in pieces]), return_index=True)
    kinds = {
        name: Kind(str(values.dtype), values.shape[1:])
        for p in pieces
        for name, values in p.items()
    }
    rows = {
        name: np.concatenate([p.get(name, kind.empty(len(p[TRIAL]))) for p in pieces])[first]
        for name, kind in kinds.items()
        if name != TRIAL
    }
    return {TRIAL: trial, **rows}


def _convert_column(column: Column, values: np.ndarray, rows: int) -> np.ndarray:
    if values.ndim != 1 + len(column.shape) or len(values) != rows:
        raise ValueError(
            f"{column.name} has shape {values.shape} for {rows} trials of {column.shape}"
        )
    if column.dtype == "float":
        if values.dtype not in (np.float32, np.float64):
            raise ValueError(f"{column.name} is {values.dtype}, not float32 or float64")
        return values
    fitted = values.astype(column.dtype)
    if column.dtype != "float32" and not _equal_arrays(fitted, values):
        raise ValueError(f"{column.name} does not fit into {column.dtype}")
    return fitted


def _equal_arrays(fitted: np.ndarray, values: np.ndarray) -> bool:
    return np.array_equal(fitted, values, equal_nan=fitted.dtype.kind == "f")
