"""Compare what a disturbed run has made in the end with what an undisturbed one makes."""

import hashlib
import re
import zipfile
from pathlib import Path

import numpy as np

from ganinv_cli.errors import ResultsError
from ganinv_cli.store import read_results

from .faults import list_files

RowBytes = dict[tuple[str, int], dict[str, bytes]]  # (group, trial) -> its columns
_TABLES = (".csv", ".json", ".md", ".tex", ".txt", ".html")  # these show seconds and dates
_SAVED = re.compile(r"(?<=/state/ckpt-)[0-9]+")  # TensorFlow counts how often it was saved
_TIMED = ("seconds", "first/seconds", "polished/seconds")  # columns that no second run repeats


def read_rows(path: Path) -> RowBytes:
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


def find_lost(committed: RowBytes, results: str, folder: Path, undisturbed: Path) -> list[str]:
    """Return rows and files that are missing, changed, or computed again although committed.

    `results` is the name of the results file in both folders, or empty.
    """
    lost = []
    if results:
        rows = read_rows(folder / results)
        expected = read_rows(undisturbed / results)
        lost += [f"{key} differs" for key in _compare(_drop_times(rows), _drop_times(expected))]
        lost += [f"{key} was computed again" for key in _compare(rows, committed)]
    found, wanted = (_hash_files(each, bool(results)) for each in (folder, undisturbed))
    return lost + [name for name, content in wanted.items() if found.get(name) != content]


def find_differences(path: Path, undisturbed: Path) -> list[str]:
    """Return trials that ended otherwise, or at another z, in one of two results files."""
    groups, expected = read_results(path).groups, read_results(undisturbed).groups
    return [
        f"{name}/{column}"
        for name, group in expected.items()
        for column, tolerance in (("trial", 0.0), ("outcome", 0.0), ("z_found", 1e-3))
        if column in group and not _are_near(groups[name][column], group[column], tolerance)
    ]


def list_names(folder: Path) -> dict[str, Path]:
    """Return all files of a folder by their names, as they are after any number of saves."""
    return {_SAVED.sub("N", name): folder / name for name in sorted(list_files(folder))}


def _drop_times(rows: RowBytes) -> RowBytes:
    return {
        key: {column: value for column, value in row.items() if column not in _TIMED}
        for key, row in rows.items()
    }


def _compare(rows: RowBytes, expected: RowBytes) -> list[tuple[str, int]]:
    return [key for key, row in expected.items() if rows.get(key) != row]


def _are_near(values: np.ndarray, expected: np.ndarray, tolerance: float) -> bool:
    return values.shape == expected.shape and bool(np.all(abs(values - expected) <= tolerance))


def _hash_files(folder: Path, has_times: bool) -> dict[str, str]:
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
    if zipfile.is_zipfile(path) and path.suffix == ".keras":  # which has a date beside the weights
        with zipfile.ZipFile(path) as archive:
            return hashlib.sha256(archive.read("model.weights.h5")).hexdigest()
    return hashlib.sha256(path.read_bytes()).hexdigest()
