"""Reading results: a finished file, a run that goes on, or both."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from ganinv_cli.errors import ResultsError
from ganinv_cli.store import catalogue, files, schema
from ganinv_cli.store import figure as figure_
from ganinv_cli.store.catalogue import FileSummary
from ganinv_cli.store.figure import Figure
from ganinv_cli.store.rows import (
    FileRows,
    Group,
    GroupRows,
    ResultsFile,
    read_stamp,
    select_run_key,
)
from ganinv_cli.store.schema import TRIAL, Kind, column_path

_GroupColumns = dict[str, np.ndarray]  # "trial" and the columns, one row each a trial


@dataclass(frozen=True)
class Results:
    """Everything a run has committed."""

    attributes: dict[str, Any]  # of "/"; config, identity and versions as values
    groups: dict[str, Group]  # sorted by trial; only the trials that were run
    constants: dict[str, np.ndarray]
    figures: dict[str, Figure]
    complete: bool  # the run was finished, and nothing has been added since


class _FileContents(NamedTuple):
    source: ResultsFile
    summary: FileSummary
    figures: dict[str, Figure]


def read_results(path: Path) -> Results:
    """What is committed at `path`, also while another process writes there.

    A group's column is read when it is asked for, however the run has gone on by then. Raises
    ResultsError where there is nothing, or a file is damaged, not ours or of a newer schema.
    """
    for _ in range(100):
        try:
            found = _read_files(path)
        except FileNotFoundError:
            continue  # the run has just put its parts into the finished file: look again
        if not found:
            raise ResultsError(f"{path}: there are no results; name a file that a run has written")
        return _merge_contents(found)
    raise ResultsError(f"{path} is being rewritten; try again")


def _read_files(path: Path) -> list[_FileContents]:
    """The finished file first; the parts are listed before it is opened, for they end in it."""
    parts = files.list_parts(path)
    found: list[_FileContents] = []
    if path.exists():
        found.append(
            _read_file(ResultsFile(path, path, read_stamp(path), files.open_persistent(path)))
        )
    for part in parts:
        found.append(_read_file(ResultsFile(part, path, read_stamp(part))))
        catalogue.check_same_run(found[0].summary.attributes, found[-1].summary.attributes, part)
    return found


def _read_file(source: ResultsFile) -> _FileContents:
    with source.open() as file:
        summary = catalogue.read_summary(file)
        names = summary.attributes["figures"]
        source = replace(source, run_key=select_run_key(summary.attributes))
        return _FileContents(
            source, summary, {name: figure_.read_figure(file[name]) for name in names}
        )


def _merge_contents(contents: Sequence[_FileContents]) -> Results:
    pieces: dict[str, list[FileRows]] = {}
    for source, summary, _ in contents:
        for group, trials in summary.trials.items():
            piece = FileRows(source, trials, summary.columns[group])
            pieces.setdefault(group, []).append(piece)
    groups = {name: GroupRows(name, of) for name, of in pieces.items()}
    first = contents[0].summary
    complete = first.attributes["finished"] != "" and all(
        len(rows[TRIAL]) == np.sum(first.trials.get(name, np.zeros(0)) >= 0)
        for name, rows in groups.items()
    )
    constants: dict[str, np.ndarray] = {}
    figures: dict[str, Figure] = {}
    for _, summary, drawn in reversed(contents):
        constants |= summary.constants
        figures |= drawn
    newest = first if complete else contents[-1].summary
    about = {"groups": list(groups), "figures": list(figures)}
    return Results(newest.attributes | about, dict(groups), constants, figures, complete)


def read_group(file: h5py.File, group: str) -> _GroupColumns:
    """The rows of a group that were run."""
    trial = file[column_path(group, TRIAL)][:]
    run = trial >= 0
    rows = {TRIAL: trial[run]}
    for name in schema.get_columns(group):
        if column_path(group, name) in file:
            rows[name] = file[column_path(group, name)][:][run]
    return rows


def join_rows(pieces: list[_GroupColumns]) -> _GroupColumns:
    """Each trial once, its first row, sorted by number."""
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
