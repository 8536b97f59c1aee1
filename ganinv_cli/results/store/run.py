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
from ganinv_cli.results.store.parts import (
    explain_save_errors,
    join_parts,
    name_saved_batch,
    open_parts,
    remove_log,
    replace_results,
)
from ganinv_cli.results.store.rows import Figure, Group, Part, Rows, make_records


@contextmanager
def open_run(path: Path, provenance: Provenance, overwrite: bool = False) -> Iterator["Run"]:
    """Open the run at `path`, new or continued, locked against other writers.

    With `overwrite`, the files of an earlier run stay until something is written. Raises UsageError
    if the folder cannot be written, ResultsError if another process has locked the file, or the
    file is damaged, not from ganinv, has a newer schema, or is of another run.
    """
    with hold_lock(path) as path:
        parts, log = list[Part](), Log(path)
        if overwrite:
            check_replaceable(path)
        else:
            parts, log = open_parts(path)
        for attributes in {id(part.attributes): part.attributes for part in parts}.values():
            if differing := find_differences(attributes, vars(provenance)):
                values = [
                    f"{n} is {v[0]} in the file, and {v[1]} here" for n, v in differing.items()
                ]
                typed = " ".join(f"{n} {v[0]}" for n, v in differing.items())
                can_be_typed = all(
                    n[0] == "-" and v[0] not in UNTYPED for n, v in differing.items()
                )
                name = f"Type {typed} to continue it, name" if can_be_typed else "Name"
                raise ResultsError(
                    f"{path} holds another run: {'; '.join(values)}. {name} another file with "
                    "--out, or replace this one with --overwrite"
                )
        yield Run(path, provenance, parts, log, overwrite)


def check_replaceable(path: Path) -> None:
    """Check that the results of a run may be written to a file, new or not; it may be damaged.

    Raises UsageError if it cannot be written there, ResultsError if the file is not from ganinv.
    """
    check_writable(path)
    with suppress(DamagedError):
        open_parts(path)


class Run:
    """A results file that is open for writing; made by `open_run`."""

    def __init__(
        self, path: Path, provenance: Provenance, parts: list[Part], log: Log, overwrite: bool
    ) -> None:
        self.path, self._provenance = path, provenance
        self._parts, self._log, self._overwrite = parts, log, overwrite
        self._start_time = parts[0].attributes["started"] if parts else now()

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
        return join_parts(self._parts)

    def read_group(self, group: str) -> Rows:
        """Return the committed rows of a group, sorted by trial; a column is read when used."""
        return Rows(group, self._parts)

    def commit(
        self, rows: Mapping[str, Group], constants: Mapping[str, np.ndarray] | None = None
    ) -> None:
        """Save a batch of rows: group -> {"trial": (rows,), column: (rows, …)}.

        When this returns, the rows are on the disk and no later failure changes them. A trial that
        was committed before keeps its first row. Raises SaveError if the disk is full or read-only.
        """
        if not rows and self._parts:
            return  # else the first block says at least which run this is
        batch = {group: make_records(group, columns) for group, columns in rows.items()}
        with explain_save_errors(self.path):
            self._remove_replaced()
            attributes = self._provenance.to_attributes(self._start_time)
            self._log.append(attributes, constants or {}, batch)
        self._parts.append(self._log.parts[-1])

    def finish(self, figures: Mapping[str, Figure] | None = None) -> None:
        """Write all that was committed as one file; figures of an earlier finish are kept.

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
        replace_results(self.path, replace(results, attributes=attributes, figures=joined))
        self._parts, self._log = open_parts(self.path)

    def _remove_replaced(self) -> None:
        """Remove the files that are overwritten: last, when all that could be wrong is checked."""
        if self._overwrite:
            self.path.unlink(missing_ok=True)
            remove_log(self.path)
            self._overwrite = False
