"""Reading results: a finished file, a run that goes on, or both."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ganinv_cli.errors import ResultsError
from ganinv_cli.store import catalogue, files, provenance, schema
from ganinv_cli.store import figure as figure_
from ganinv_cli.store.figure import Figure
from ganinv_cli.store.schema import TRIAL, Kind, inside

_Rows = dict[str, np.ndarray]  # "trial" and the columns, one row each a trial


@dataclass(frozen=True)
class Results:
    """Everything a run has committed."""

    attributes: dict[str, Any]  # of "/"; config, identity and versions as values
    groups: dict[str, _Rows]  # sorted by trial; only the trials that were run
    constants: dict[str, np.ndarray]
    figures: dict[str, Figure]
    complete: bool  # the run was finished, and nothing has been added since


@dataclass(frozen=True)
class _File:
    attributes: dict[str, Any]
    groups: dict[str, _Rows]
    constants: dict[str, np.ndarray]
    figures: dict[str, Figure]


def read(path: Path) -> Results:
    """What is committed at `path`, also while another process writes there.

    Raises ResultsError where there is nothing, or a file is damaged, not ours or of a newer schema.
    """
    for _ in range(100):
        try:
            found = _load_all(path)
        except FileNotFoundError:
            continue  # the run has just put its parts into the finished file: look again
        if not found:
            raise ResultsError(f"{path}: there are no results; name a file that a run has written")
        return _results(found, finished=found[0].attributes["finished"] != "")
    raise ResultsError(f"{path} is being rewritten; try again")


def _load_all(path: Path) -> list[_File]:
    """The finished file first; the parts are listed before it is opened, for they end in it."""
    parts = files.parts(path)
    paths = [path, *parts] if path.exists() else parts
    loaded = [_load(file) for file in paths]
    for file, name in zip(loaded, paths, strict=True):
        catalogue.same_run(loaded[0].attributes, file.attributes, name)
    return loaded


def _load(path: Path) -> _File:
    with files.opened(path) as file:
        attributes = provenance.decoded(file.attrs)
        return _File(
            attributes,
            {group: rows_of(file, group) for group in attributes["groups"]},
            catalogue.constants(file),
            {name: figure_.load(file[name]) for name in attributes["figures"]},
        )


def rows_of(file: h5py.File, group: str) -> _Rows:
    """The rows of a group that were run."""
    trial = file[inside(group, TRIAL)][:]
    run = trial >= 0
    rows = {TRIAL: trial[run]}
    for name in schema.columns(group):
        if inside(group, name) in file:
            rows[name] = file[inside(group, name)][:][run]
    return rows


def _results(found: list[_File], finished: bool) -> Results:
    names = dict.fromkeys(group for file in found for group in file.groups)
    groups = {
        name: joined([file.groups[name] for file in found if name in file.groups]) for name in names
    }
    complete = finished and all(
        len(rows[TRIAL]) == len(found[0].groups.get(name, {TRIAL: ()})[TRIAL])
        for name, rows in groups.items()
    )
    constants: dict[str, np.ndarray] = {}
    figures: dict[str, Figure] = {}
    for file in reversed(found):
        constants |= file.constants
        figures |= file.figures
    newest = found[0] if complete else found[-1]
    about = {"groups": list(groups), "figures": list(figures)}
    return Results(newest.attributes | about, groups, constants, figures, complete)


def joined(pieces: list[_Rows]) -> _Rows:
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
