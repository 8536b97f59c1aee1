"""Compare what a disturbed run has made in the end with what an undisturbed one makes."""

import hashlib
import re
import zipfile
from pathlib import Path

import numpy as np

from ganinv_cli.errors import ResultsError
from ganinv_cli.store import read_results

from ..faults import list_files

RowBytes = dict[tuple[str, int], dict[str, bytes]]  # (group, trial) -> its columns
_TABLES = (".csv", ".json", ".md", ".tex", ".txt", ".html")  # these show seconds and dates
_SAVED = re.compile(r"(?<=/state/ckpt-)[0-9]+")  # TensorFlow counts how often it was saved
_TIMED = ("seconds", "first/seconds", "polished/seconds")  # columns that no second run repeats


def read_row_bytes(path: Path) -> RowBytes:
    """Return the committed rows of a results file; none if it has none."""
    try:
        groups = read_results(path).groups
    except ResultsError:
        return {}
    rows: RowBytes = {}
    for name, group in groups.items():
        columns = {column: np.asarray(values) for column, values in group.items()}
        for row, trial in enumerate(columns.get("trial", np.zeros(0, int))):
            rows[name, int(trial)] = {
                column: values[row].tobytes()
                for column, values in columns.items()
                if values.ndim and len(values) == len(columns["trial"])
            }
    return rows


def drop_times(rows: RowBytes) -> RowBytes:
    """Return the rows without the columns that differ between two runs."""
    return {
        key: {column: value for column, value in row.items() if column not in _TIMED}
        for key, row in rows.items()
    }


def list_names(folder: Path) -> dict[str, Path]:
    """Return all files of a folder by their names, as they are after any number of saves."""
    return {_SAVED.sub("N", name): folder / name for name in sorted(list_files(folder))}


def hash_files(folder: Path, has_times: bool) -> dict[str, str]:
    """Return a hash of the content of each file, or a word if a date or a count of saves is in it.

    `has_times` says whether tables show how long trials took.
    """
    return {
        name: _hash_file(path, has_times)
        for name, path in list_names(folder).items()
        if not name.endswith(".lock")
    }


def _hash_file(path: Path, has_times: bool) -> str:
    is_dated = path.suffix == ".h5" or path.name == "checkpoint" or path.parent.name == "state"
    if is_dated or (has_times and path.suffix in _TABLES):
        return "a file"
    if path.suffix == ".keras":
        return _hash_keras(path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _hash_keras(path: Path) -> str:
    """Return the hash of a model's weights; Keras writes a date and addresses beside them."""
    with zipfile.ZipFile(path) as archive:
        return hashlib.sha256(archive.read("model.weights.h5")).hexdigest()
