"""Write results: commit rows to the log during a run, and write one file at its end."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ganinv_cli.errors import ResultsError
from ganinv_cli.files import check_writable
from ganinv_cli.lock import hold_lock
from ganinv_cli.results.store.attributes import (
    IMAGE_KEYS,
    UNTYPED,
    Provenance,
    find_differences,
    now,
)
from ganinv_cli.results.store.damage import DamagedError
from ganinv_cli.results.store.hdf5 import Results
from ganinv_cli.results.store.log import Log
from ganinv_cli.results.store.read import (
    NOTHING,
    explain_save_errors,
    name_saved_batch,
    open_results,
    remove_log,
    replace_results,
)
from ganinv_cli.results.store.rows import NO_ROWS, Figure, Group, JoinedRows, select_rows


@contextmanager
def open_run(path: Path, provenance: Provenance, overwrite: bool = False) -> Iterator["Run"]:
    """Open the run at `path`, new or continued, locked against other writers.

    The rows of a log are in memory; those of a finished file are read when they are used. With
    `overwrite`, the files of an earlier run stay until something is written. Raises UsageError if
    the folder cannot be written, ResultsError if another process has locked the file, or the file
    is damaged, not from ganinv, of another version, or of another run.
    """
    with hold_lock(path) as path:
        results, log = NOTHING, Log(path)
        if overwrite:
            check_replaceable(path)
        else:
            results, log = open_results(path)
        if results.attributes:
            _check_same_run(path, results.attributes, provenance)
        yield Run(path, provenance, results, log, overwrite)


def _check_same_run(path: Path, attributes: Mapping[str, Any], provenance: Provenance) -> None:
    differing = find_differences(attributes, vars(provenance))
    if not differing:
        return
    values = [
        f"{name} is {there} in the file, and {here} here"
        for name, (there, here) in differing.items()
    ]
    typed = " ".join(f"{name} {there}" for name, (there, _) in differing.items())
    can_be_typed = all(
        name[0] == "-" and there not in UNTYPED for name, (there, _) in differing.items()
    )
    name = f"Type {typed} to continue it, name" if can_be_typed else "Name"
    raise ResultsError(
        f"{path} holds another run: {'; '.join(values)}. {name} another file with "
        "--out, or replace this one with --overwrite"
    )


def check_replaceable(path: Path) -> None:
    """Check that the results of a run may be written to a file, new or not; it may be damaged.

    Raises UsageError if it cannot be written there, ResultsError if the file is not from ganinv.
    """
    check_writable(path)
    with suppress(DamagedError):
        open_results(path)


class Run:
    """A results file that is open for writing; what it commits stays in memory. See `open_run`."""

    def __init__(
        self, path: Path, provenance: Provenance, results: Results, log: Log, overwrite: bool
    ) -> None:
        self.path, self._provenance = path, provenance
        self._results, self._log, self._overwrite = results, log, overwrite
        self._parts: dict[str, list[Group]] = {
            name: [*group.parts] if isinstance(group, JoinedRows) else [group]
            for name, group in results.groups.items()
        }
        self._joined = dict(results.groups)  # those to which no rows were added since
        self._start_time = results.attributes.get("started", now())

    @property
    def notes(self) -> list[str]:
        """Sentences on what is damaged, which counts as not committed."""
        return self._log.notes

    @property
    def key(self) -> str:
        """A hash of what is equal in all commands of a run with this version of ganinv."""
        about, version = self._provenance, self._provenance.versions.get("ganinv")
        values = about.command, about.seed, about.checkpoint_sha256, about.identity, version
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()

    def record(self, settings: Mapping[str, Any]) -> None:
        """Add settings to the config that later commits record."""
        config = {**self._provenance.config, **settings}
        self._provenance = replace(self._provenance, config=config)

    def saved_batch_file(self, number: int) -> Path:
        """Return the path for a worker's unfinished trials, which `finish` removes."""
        self._remove_replaced()
        return name_saved_batch(self.path, number)

    def read(self) -> Results:
        """Return what is committed."""
        return replace(self._results, groups={name: self.read_group(name) for name in self._parts})

    def read_group(self, name: str) -> Group:
        """Return the committed rows of a group; only their numbers are there if there are none."""
        if name not in self._joined and name in self._parts:
            self._joined[name] = JoinedRows(self._parts[name])
        return self._joined.get(name, NO_ROWS)

    def commit(
        self, rows: Mapping[str, Group], constants: Mapping[str, np.ndarray] | None = None
    ) -> None:
        """Save a batch of rows: group -> {"trial": (rows,), column: (rows, …)}.

        When this returns, the rows are on the disk and no later failure changes them. A trial that
        was committed before keeps its first row. Raises SaveError if the disk is full or read-only.
        """
        if not rows and (self._log.blocks or self._results.attributes):
            return  # else the first block says at least which run this is
        attributes = self._provenance.to_attributes(self._start_time)
        with explain_save_errors(self.path):
            self._remove_replaced()
            columns = self._log.append(attributes, constants or {}, rows)
        for name, each in columns.items():
            self._parts.setdefault(name, []).append(each)
            self._joined.pop(name, None)
        self._results = replace(
            self._results, attributes=attributes, constants=self._log.constants, complete=False
        )

    def leave_out(self, name: str, rows: np.ndarray) -> None:
        """Leave rows (rows,) bool of a group out of the finished file."""
        self._parts[name] = [select_rows(self.read_group(name), ~rows)]
        self._joined.pop(name, None)
        self._results = replace(self._results, complete=False)

    def finish(self, figures: Mapping[str, Figure] | None = None) -> None:
        """Write all that was committed as one file, at the end; figures of an earlier one are kept.

        If the file is finished already, knows all images and no figure is given, it is left. Raises
        SaveError if it cannot be written; then what was committed is as before.
        """
        results = self.read()
        configs = self._provenance.config, results.attributes.get("config", {})
        has_images = all(configs[0].get(key) == configs[1].get(key) for key in IMAGE_KEYS)
        if results.complete and has_images and not (figures or self.notes):
            remove_log(self.path)  # that of a run which was killed after it had finished
            return
        attributes = self._provenance.to_attributes(self._start_time, now())
        joined = {**results.figures, **(figures or {})}
        finished = replace(results, attributes=attributes, figures=joined, complete=True)
        replace_results(self.path, finished)

    def _remove_replaced(self) -> None:
        """Remove the files that are overwritten: last, when all that could be wrong is checked."""
        if self._overwrite:
            self.path.unlink(missing_ok=True)
            remove_log(self.path)
            self._overwrite = False
