"""What is damaged in a results file: which trials, what is lost with them, and which figures."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import h5py
import numpy as np

from ganinv_cli.settings.names import is_image_group
from ganinv_cli.store import checksums, schema
from ganinv_cli.store.checksums import TrialRows
from ganinv_cli.store.ranges import describe_trials
from ganinv_cli.store.schema import TRIAL, column_path, enclosing_group
from ganinv_cli.store.validation import OpenResults


class Damage(NamedTuple):
    """The rows and figures of a file that cannot be read."""

    trials: Mapping[str, np.ndarray]  # group -> numbers of its rows, sorted
    figures: Sequence[str]

    def __str__(self) -> str:
        """Return such as "4 trials of none (4-7), figure1-none"; "" if nothing is damaged."""
        trials = [describe_trials(self.trials)] if self.trials else []
        return ", ".join([*trials, *self.figures])


class IntactRows(NamedTuple):
    """The rows of a group that were run, by whether they can be read."""

    found: TrialRows
    lost: np.ndarray  # (n,), numbers of the damaged rows, sorted


def find_intact_rows(opened: OpenResults) -> dict[str, IntactRows]:
    """Read every chunk; return the rows of each group, all columns of which have to be intact.

    If the row of a true z is lost, so are the trials of its number; if the row of an image is lost,
    so is everything of the image. A summary of trials is lost whole.
    """
    file, finished = opened.file, opened.attributes["finished"] != ""
    columns: dict[str, list[str]] = {group: [] for group in opened.attributes["groups"]}
    for group, name in opened.layout:
        columns[group].append(name)
    found: dict[str, IntactRows] = {}
    for group in sorted(columns):  # groups before what lies in them
        arrays = [file[column_path(group, name)] for name in (TRIAL, *columns[group])]
        rows, trials = _read_trials(arrays)
        damaged = trials == checksums.UNREADABLE
        if finished:  # the row is the number
            trials = np.where(damaged, rows, trials)
        for data in arrays[1:]:
            damaged = damaged | checksums.find_damaged_rows(data, rows)
        for outer in _iterate_enclosing(group):
            if outer in found and len(found[outer].lost):
                if is_image_group(outer):
                    damaged = np.ones_like(damaged)
                elif schema.is_trial_group(group):
                    damaged = damaged | np.isin(trials, found[outer].lost)
        if schema.get_group_kind(group).summarised_trials and damaged.any():
            damaged = np.ones_like(damaged)
        lost = np.sort(trials[damaged & (trials >= 0)])
        found[group] = IntactRows(TrialRows(rows[~damaged], trials[~damaged]), lost)
    return found


def find_damaged_figures(file: h5py.File, names: Sequence[str]) -> list[str]:
    """Return which of these figures cannot be read."""
    pictures = ((name, file[name]["pictures"]) for name in names)
    return [
        name
        for name, data in pictures
        if checksums.find_damaged_rows(data, np.arange(len(data))).any()
    ]


def _read_trials(arrays: Sequence[h5py.Dataset]) -> TrialRows:
    """Return the rows of a group that were run, from its columns, the trial numbers first.

    If the places of the numbers are lost, these are all rows that any column has.
    """
    try:
        return checksums.read_trials(arrays[0])
    except (OSError, RuntimeError):
        if not arrays[0].fletcher32:
            raise
        written = [np.zeros(0, np.int64)]
        for data in arrays:
            with contextlib.suppress(OSError, RuntimeError):
                written.append(checksums.list_written_rows(data))
        rows = np.unique(np.concatenate(written))
        if not len(rows):
            raise
        return TrialRows(rows, np.full(len(rows), checksums.UNREADABLE))


def _iterate_enclosing(group: str) -> Iterator[str]:
    while group:
        group = enclosing_group(group)
        yield group
