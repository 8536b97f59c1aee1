"""Write results: commit rows to the log during a run, and write one file at its end."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ganinv_cli.errors import ResultsError
from ganinv_cli.settings.names import is_image_group
from ganinv_cli.store import lock
from ganinv_cli.store.hdf5 import Figure, ResultsFile
from ganinv_cli.store.log import Log, name_log
from ganinv_cli.store.provenance import Provenance, check_same_run, make_run_key, now
from ganinv_cli.store.results import (
    RunFiles,
    check_log,
    check_replaceable,
    join_groups,
    name_snapshot,
    open_files,
    open_log,
    remove_log,
    replace_results,
)
from ganinv_cli.store.rows import (
    TRIAL,
    GroupRows,
    Layout,
    conform_constant,
    conform_rows,
    infer_layout,
    is_trial_group,
    join_layouts,
)


class SaveError(ResultsError):
    """The results could not be written; what was committed before is safe."""

    exit_code = 1


@contextlib.contextmanager
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
        log = files.log or open_log(path)
        check_log(log)
        for file in files.sources:
            check_same_run(path, provenance, file.attributes)
        yield Run(path, provenance, files.finished, log)


class Run:
    """A results file that is open for writing; made by `open_run`."""

    def __init__(
        self, path: Path, provenance: Provenance, finished: ResultsFile | None, log: Log
    ) -> None:
        self.path = path
        self.notes: list[str] = []  # sentences on what is damaged, which counts as not committed
        self._provenance, self._finished, self._log = provenance, finished, log
        sources = self._list_sources()
        self._continued = bool(sources)  # whether an earlier command has committed rows
        self._start_time = sources[0].attributes["started"] if sources else now()
        self._layout: Layout = {}
        self._constants: dict[str, np.ndarray] = {}
        self._committed: dict[str, np.ndarray] = {}  # group -> bool (trials,)
        for source in sources:
            self._layout = self._layout | source.layout
            self._constants = source.constants | self._constants
            for group in source.groups:
                self._mark_committed(group, source.list_trials(group))
        if log.damaged_blocks:
            self.notes.append(
                f"{log.path} is damaged in {log.damaged_blocks:,} places; the trials committed "
                "there count as missing"
            )

    @property
    def key(self) -> str:
        """The hash of what is equal in all commands of a run with this version of ganinv."""
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
        return np.flatnonzero(self._committed.get(group, []))

    def is_missing(self, group: str, trials: np.ndarray) -> np.ndarray:
        """Return which trials are not committed to a group: bool (trials,)."""
        committed = self._committed.get(group, np.zeros(0, bool))
        missing = np.ones(len(trials), bool)
        known = trials < len(committed)
        missing[known] = ~committed[trials[known]]
        return missing

    def read_group(self, group: str) -> dict[str, np.ndarray]:
        """Return the committed rows of a group, at least one, sorted by trial."""
        return dict(GroupRows(group, self._list_sources()))

    def read_images(self, names: Sequence[str]) -> dict[str, dict[str, np.ndarray]]:
        """Return these columns of the row about each committed image, by group."""
        sources = self._list_sources()
        return {
            group: GroupRows(group, sources).read(names, slice(1))
            for group in filter(is_image_group, self._committed)
        }

    def commit(
        self,
        rows: Mapping[str, Mapping[str, np.ndarray]],
        constants: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        """Save a batch of rows: group -> {"trial": (rows,), column: (rows, …)}.

        When this returns, the rows are on the disk and no later failure changes them. A trial that
        was committed before keeps its first row. Raises SaveError if the disk is full or read-only,
        ResultsError if the rows do not fit those of an earlier command, ValueError if they do not
        fit the schema or one another.
        """
        batch, layout = self._select_new_rows(rows)
        self._check_constants(constants or {})
        if not batch:
            return
        attributes = self._provenance.to_attributes(self._start_time, "", list(batch), [])
        with self._explain_write_errors():
            self._log.append(attributes, self._constants, batch)
        self._layout = layout
        for group, columns in batch.items():
            self._mark_committed(group, columns[TRIAL])

    def finish(self, figures: Mapping[str, Figure] | None = None) -> None:
        """Write all that was committed as one file; figures of an earlier finish are kept.

        If the file is finished already and no figure is given, it is left. Raises SaveError if it
        cannot be written; then what was committed is as before.
        """
        if self._finished and not (self._log.has_content or figures):
            remove_log(self.path)
            return
        groups = join_groups(self._list_sources())
        whole = (self._finished.read_figures() if self._finished else {}) | dict(figures or {})
        attributes = self._provenance.to_attributes(
            self._start_time, now(), list(groups), list(whole)
        )
        with self._explain_write_errors():
            replace_results(self.path, groups, attributes, self._constants, whole)
        self._finished, self._log = ResultsFile(self.path), Log(name_log(self.path))
        self.notes.clear()

    def _list_sources(self) -> list[ResultsFile | Log]:
        return RunFiles(self._finished, self._log if self._log.groups else None).sources

    def _mark_committed(self, group: str, trials: np.ndarray) -> None:
        known = self._committed.get(group, np.zeros(0, bool))
        size = 1 + int(trials.max(initial=-1))
        if size > len(known):
            grown = np.zeros(max(size, 2 * len(known)), bool)
            grown[: len(known)] = known
            known = self._committed[group] = grown
        known[trials] = True

    def _select_new_rows(
        self, rows: Mapping[str, Mapping[str, np.ndarray]]
    ) -> tuple[dict[str, dict[str, np.ndarray]], Layout]:
        """Return the rows that are not committed yet, and the layout that includes them."""
        batch, new_layout = {}, Layout()
        for group, columns in rows.items():
            whole = conform_rows(group, columns)
            new_layout |= infer_layout(group, whole)
            missing = self.is_missing(group, whole[TRIAL])
            if missing.any():
                batch[group] = {name: values[missing] for name, values in whole.items()}
        try:
            return batch, join_layouts(self._layout, new_layout)
        except ValueError as error:
            raise self._misfit_error(str(error)) from error

    def _check_constants(self, constants: Mapping[str, np.ndarray]) -> None:
        for name, values in constants.items():
            value = conform_constant(name, np.asarray(values))
            known = self._constants.setdefault(name, value)
            if not np.array_equal(known, value, equal_nan=True):
                raise self._misfit_error(f"{name} is not what it was before")

    def _misfit_error(self, reason: str) -> Exception:
        """Return the error for rows that do not fit earlier ones: the file is wrong, or we are."""
        if not self._continued:
            return ValueError(reason)
        return ResultsError(
            f"{self.path} does not fit its own config ({reason}); restore a copy, give another "
            "--out, or --overwrite to start again"
        )

    @contextlib.contextmanager
    def _explain_write_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            saved = sum(v.sum() for group, v in self._committed.items() if is_trial_group(group))
            raise SaveError(
                f"{self.path} could not be written ({error.strerror or error}); {saved:,} trials "
                "are saved; free space or allow writing, and run the same command to go on"
            ) from error
