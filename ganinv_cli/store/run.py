"""Write results: commit rows to the log during a run, and write one file at its end."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ganinv_cli.errors import ResultsError
from ganinv_cli.settings.names import is_image_group
from ganinv_cli.store import lock
from ganinv_cli.store.columns import TRIAL
from ganinv_cli.store.damage import DamagedError
from ganinv_cli.store.hdf5 import Figure
from ganinv_cli.store.provenance import Provenance, find_differences, make_run_key, now
from ganinv_cli.store.results import (
    RunFiles,
    explain_save_errors,
    join_groups,
    join_results,
    join_sources,
    name_snapshot,
    open_files,
    remove_log,
    replace_results,
)
from ganinv_cli.store.rows import (
    Group,
    GroupRows,
    conform_rows,
    infer_layout,
    join_constants,
    join_layouts,
)


@contextmanager
def open_run(path: Path, provenance: Provenance, overwrite: bool = False) -> Iterator["Run"]:
    """Open the run at `path`, new or continued, locked against other writers.

    Raises UsageError if the folder is missing, ResultsError if another process has locked the file,
    or the file is damaged, not from ganinv, has a newer schema, or is of another run.
    """
    with lock.hold_lock(path) as path:
        if overwrite:
            check_replaceable(path)
            path.unlink(missing_ok=True)
            remove_log(path)
        files = open_files(path)
        for source in files.sources:
            if differing := find_differences(source.attributes, vars(provenance)):
                values = [
                    f"{n} is {v[0]} in the file, and {v[1]} here" for n, v in differing.items()
                ]
                raise ResultsError(
                    f"{path} holds another run: {'; '.join(values)}. Name another file with --out, "
                    "or replace this one with --overwrite"
                )
        yield Run(path, provenance, files)


def check_replaceable(path: Path) -> None:
    """Raise ResultsError if a file of a run is not from ganinv; a damaged file may be replaced."""
    with suppress(DamagedError):
        open_files(path)


class Run:
    """A results file that is open for writing; made by `open_run`."""

    def __init__(self, path: Path, provenance: Provenance, files: RunFiles) -> None:
        self.path = path
        self.notes: list[str] = []  # sentences on what is damaged, which counts as not committed
        self._provenance, self._files = provenance, files
        self._layout, self._constants = join_sources(files.sources)
        self._committed: dict[str, np.ndarray] = {}  # group -> bool (trials,)
        self._start_time = files.sources[0].attributes["started"] if files.sources else now()
        for source in files.sources:
            for group in source.groups:
                self._mark_committed(group, source.list_trials(group))
        if count := files.log.damaged_places:
            self.notes.append(
                f"{files.log.path} is damaged in {count:,} place{'' if count == 1 else 's'}; the "
                "trials committed there count as missing"
            )

    @property
    def key(self) -> str:
        """A hash of what is equal in all commands of a run with this version of ganinv."""
        return make_run_key(self._provenance)

    def record(self, settings: Mapping[str, Any]) -> None:
        """Add settings to the config that later commits record."""
        config = {**self._provenance.config, **settings}
        self._provenance = replace(self._provenance, config=config)

    def snapshot_file(self, number: int) -> Path:
        """Return the path for a worker's unfinished trials, which `finish` removes."""
        return name_snapshot(self.path, number)

    def list_committed(self, group: str) -> np.ndarray:
        """Return the numbers of the trials committed to a group, sorted: int64 (trials,)."""
        return np.flatnonzero(self._get_committed(group))

    def is_missing(self, group: str, trials: np.ndarray) -> np.ndarray:
        """Return which trials are not committed to a group: bool (trials,)."""
        committed = self._get_committed(group)
        missing = np.ones(len(trials), bool)
        known = trials < len(committed)
        missing[known] = ~committed[trials[known]]
        return missing

    def read_group(self, group: str) -> dict[str, np.ndarray]:
        """Return the committed rows of a group, at least one, sorted by trial."""
        return dict(GroupRows(group, self._files.sources))

    def read_images(self, names: Sequence[str]) -> dict[str, dict[str, np.ndarray]]:
        """Return these columns of the row about each committed image, by group."""
        return {
            group: GroupRows(group, self._files.sources).read(names, slice(1))
            for group in filter(is_image_group, self._committed)
        }

    def commit(
        self, rows: Mapping[str, Group], constants: Mapping[str, np.ndarray] | None = None
    ) -> None:
        """Save a batch of rows: group -> {"trial": (rows,), column: (rows, …)}.

        When this returns, the rows are on the disk and no later failure changes them. A trial that
        was committed before keeps its first row. Raises SaveError if the disk is full or read-only,
        ValueError if the rows do not fit the schema, ResultsError if they do not fit earlier ones.
        """
        batch = {}
        layout = self._layout
        whole = {group: conform_rows(group, columns) for group, columns in rows.items()}
        try:
            for group, columns in whole.items():
                layout = join_layouts(layout, infer_layout(group, columns))
            known = join_constants(self._constants, constants or {})
        except ValueError as error:
            raise ResultsError(
                f"{self.path} does not fit its own config ({error}); restore a copy, give another "
                "--out, or --overwrite to start again"
            ) from error
        for group, columns in whole.items():
            missing = self.is_missing(group, columns[TRIAL])
            if missing.any():
                batch[group] = {name: values[missing] for name, values in columns.items()}
        if not batch:
            return
        with explain_save_errors(self.path):
            self._files.log.append(self._provenance.to_attributes(self._start_time), known, batch)
        self._layout, self._constants = layout, known
        for group, columns in batch.items():
            self._mark_committed(group, columns[TRIAL])

    def finish(self, figures: Mapping[str, Figure] | None = None) -> None:
        """Write all that was committed as one file; figures of an earlier finish are kept.

        If the file is finished already and no figure is given, it is left. Raises SaveError if it
        cannot be written; then what was committed is as before.
        """
        if self._files.finished and not (self._files.log.groups or self.notes or figures):
            remove_log(self.path)  # with the snapshots
            return
        attributes = self._provenance.to_attributes(self._start_time, now())
        sources = self._files.sources
        results = join_results(sources, join_groups(sources), attributes)
        results = replace(results, figures=results.figures | dict(figures or {}))
        replace_results(self.path, results)
        self._files = open_files(self.path)
        self.notes.clear()

    def _get_committed(self, group: str) -> np.ndarray:
        return self._committed.get(group, np.zeros(0, bool))

    def _mark_committed(self, group: str, trials: np.ndarray) -> None:
        known, size = self._get_committed(group), 1 + int(trials.max(initial=-1))
        if group not in self._committed or size > len(known):
            self._committed[group] = np.zeros(max(size, 2 * len(known)), bool)
            self._committed[group][: len(known)] = known
        self._committed[group][trials] = True
