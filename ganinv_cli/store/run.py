"""Write results: commit rows during a run, and merge them into one file at its end."""

import contextlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ganinv_cli.errors import ResultsError
from ganinv_cli.files.write import has_content
from ganinv_cli.store import (
    catalogue,
    checksums,
    contents,
    files,
    finished_file,
    lock,
    running,
    schema,
)
from ganinv_cli.store import provenance as provenance_
from ganinv_cli.store.catalogue import Catalogue
from ganinv_cli.store.contents import Figure
from ganinv_cli.store.files import SaveError
from ganinv_cli.store.lock import HeldLock
from ganinv_cli.store.provenance import Provenance
from ganinv_cli.store.schema import TRIAL, column_path


@contextlib.contextmanager
def open_run(path: Path, provenance: Provenance, overwrite: bool = False) -> Iterator["Run"]:
    """Open the run at `path`, new or continued, locked against other writers.

    Raises UsageError if the folder is missing, ResultsError if another process has locked the file,
    or the file is damaged, not from ganinv, has a newer schema, or is of another run.
    """
    with lock.hold_lock(path) as held:
        path = held.path
        if overwrite:
            files.remove_results(path)
            running.remove_running_files(path)
        files.remove_temporary_files(path)
        committed, more = catalogue.scan_run(path)
        provenance_.check_same_run(path, provenance, committed.attributes)
        if has_content(path) and not more:  # killed before the parts were removed
            files.remove_parts(path, files.list_parts(path))
            del committed.files[1:]
        yield Run(held, provenance, committed)


class Run:
    """A results file that is open for writing; made by `open_run`."""

    def __init__(self, held: HeldLock, provenance: Provenance, committed: Catalogue) -> None:
        self.path = path = held.path
        self._lock = held
        self._stamp = _read_stamp(path)  # of the finished file, which no one else may change
        self._provenance = provenance
        self._committed = committed
        self._continued = bool(committed.files)  # whether an earlier command has committed rows
        self._part_number = max(map(files.part_number, files.list_parts(path)), default=0)
        stored = committed.attributes
        self._start_time = stored["started"] if stored else provenance_.now()

    @property
    def notes(self) -> list[str]:
        """Sentences on what is damaged in the files, which counts as not committed."""
        return list(self._committed.notes)

    def record(self, settings: Mapping[str, Any]) -> None:
        """Add settings to the config that later commits record."""
        config = {**self._provenance.config, **settings}
        self._provenance = replace(self._provenance, config=config)

    def list_committed(self, group: str) -> np.ndarray:
        """Return the numbers of the trials committed to a group, sorted: int64 (trials,)."""
        return self._committed.list_trials(group)

    def is_missing(self, group: str, trials: np.ndarray) -> np.ndarray:
        """Return which trials are not committed to a group: bool (trials,)."""
        return self._committed.is_missing(group, trials)

    def read_group(self, group: str) -> dict[str, np.ndarray]:
        """Return the committed rows of a group, at least one, sorted by trial.

        Raises SaveError if they were removed.
        """
        with self._explain_removal():
            return catalogue.read_group(self._committed, group)

    def read_images(self, names: Sequence[str]) -> dict[str, dict[str, np.ndarray]]:
        """Return these columns of the row about each committed image, by group.

        Raises SaveError if they were removed.
        """
        with self._explain_removal():
            return catalogue.read_images(self._committed, names)

    def commit(
        self,
        rows: Mapping[str, Mapping[str, np.ndarray]],
        constants: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        """Save a batch of rows: group -> {"trial": (rows,), column: (rows, …)}.

        When this returns, the rows are on the disk and no later failure changes them. A trial that
        was committed before keeps its first row. Raises SaveError if the disk is full or read-only,
        or another program has changed the run's files, ResultsError if the rows do not fit those
        of an earlier command, ValueError if they do not fit the schema or one another.
        """
        batch, layout = self._select_new_rows(rows)
        self._check_constants(constants or {})
        if not batch:
            return
        self._check_undisturbed()
        self._part_number += 1  # even if writing fails: a name is never used twice
        content = _encode_part(
            batch, self._committed.constants, self._build_attributes("", list(batch), [])
        )
        try:
            part = files.write_part(self.path, self._part_number, content)
        except OSError as error:
            raise self._write_error(error) from error
        self._committed.layout = layout
        self._committed.add(part, {group: columns[TRIAL] for group, columns in batch.items()})

    def list_running_files(self) -> list[Path]:
        """Return the files of the trials that ran when this run was killed, the last ones first."""
        return running.list_running_files(self.path)

    def read_running_file(self, file: Path) -> dict[str, np.ndarray] | None:
        """Return its arrays; None if it is damaged, or of another run."""
        return running.read_running_file(file, provenance_.make_run_key(self._provenance))

    def write_running_file(self, number: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Save the running trials of a worker, until this run is finished. Raises OSError."""
        key = provenance_.make_run_key(self._provenance)
        running.write_running_file(self.path, number, arrays, key)

    def finish(self, figures: Mapping[str, Figure] | None = None) -> None:
        """Merge all commits into the finished file; figures of an earlier finish are kept.

        Does nothing if the file is finished already and no figure is given. Raises SaveError if it
        cannot be written, or another program has changed the run's files; the commits are kept.
        """
        parts = [stored.path for stored in self._committed.files if stored.path != self.path]
        parts += self._committed.damaged_parts
        running.remove_running_files(self.path)
        if has_content(self.path) and not (parts or figures or self.notes):
            return
        self._check_undisturbed()
        whole = self._read_figures() | dict(figures or {})
        attributes = self._build_attributes(provenance_.now(), self._committed.groups, list(whole))
        try:
            with self._explain_removal(), files.replace_parts(self.path, parts) as written:
                finished_file.write_finished_file(written, self._committed, attributes, whole)
        except OSError as error:
            raise self._write_error(error) from error
        self._stamp = _read_stamp(self.path)
        trials = {group: self.list_committed(group) for group in self._committed.groups}
        self._committed.files.clear()
        self._committed.damaged_parts.clear()
        self._committed.notes.clear()
        self._committed.figures = list(whole)
        self._committed.add(self.path, trials)

    def _select_new_rows(
        self, rows: Mapping[str, Mapping[str, np.ndarray]]
    ) -> tuple[dict[str, dict[str, np.ndarray]], schema.Layout]:
        """Return the rows that are not committed yet, and the layout that includes them."""
        batch, new_layout = {}, schema.Layout()
        for group, columns in rows.items():
            whole = schema.conform_rows(group, columns)
            new_layout |= schema.infer_layout(group, whole)
            missing = self._committed.is_missing(group, whole[TRIAL])
            if missing.any():
                batch[group] = {name: values[missing] for name, values in whole.items()}
        try:
            return batch, schema.join_layouts(self._committed.layout, new_layout)
        except ValueError as error:
            raise self._misfit_error(str(error)) from error

    def _check_constants(self, constants: Mapping[str, np.ndarray]) -> None:
        for name, values in constants.items():
            value = schema.conform_constant(name, np.asarray(values))
            known = self._committed.constants.setdefault(name, value)
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

    def _build_attributes(
        self, finished: str, groups: list[str], figures: list[str]
    ) -> dict[str, int | str]:
        return self._provenance.to_attributes(self._start_time, finished, groups, figures)

    def _read_figures(self) -> dict[str, Figure]:
        if not has_content(self.path):
            return {}
        with files.reopen_results(self.path) as file:
            return contents.read_figures(file, self._committed.figures)

    def _check_undisturbed(self) -> None:
        """Raise SaveError if another program has removed or replaced files of the run."""
        if not self._lock.is_visible():
            raise self._save_error(f"the lock of {self.path} was removed in mid-run")
        last = self._committed.files[-1:]
        if _read_stamp(self.path) != self._stamp or not all(each.path.exists() for each in last):
            raise self._save_error(f"another program removed or replaced files of {self.path}")

    @contextlib.contextmanager
    def _explain_removal(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise self._save_error(f"another program removed files of {self.path}") from error

    def _write_error(self, error: OSError) -> SaveError:
        reason = f"{self.path} could not be written ({error.strerror or error})"
        return self._save_error(reason, "free space or allow writing, and ")

    def _save_error(self, reason: str, advice: str = "") -> SaveError:
        """Return the error that says, after a look at the disk, what is saved."""
        try:
            there, _ = catalogue.scan_run(self.path)
        except (OSError, ResultsError) as error:
            saved = f"what is saved cannot be read ({error})"
        else:
            saved = f"{there.saved_trials:,} trials are saved"
            if there.files:
                is_whole = there.files[-1].path == self.path
                saved += f" in {self.path if is_whole else files.parts_folder(self.path)}"
        return SaveError(f"{reason}; {saved}; {advice}run the same command to go on")


def _read_stamp(path: Path) -> tuple[int, int] | None:
    """Return the time of writing and the size of a file; None if there is none."""
    if not path.exists():
        return None
    about = path.stat()
    return about.st_mtime_ns, about.st_size


def _encode_part(
    batch: Mapping[str, Mapping[str, np.ndarray]],
    constants: Mapping[str, np.ndarray],
    attributes: Mapping[str, int | str],
) -> bytes:
    image = io.BytesIO()
    with h5py.File(image, "w", libver=checksums.DENSE) as file:
        file.attrs.update(attributes)
        for group, columns in batch.items():
            for name, values in columns.items():
                checksums.write_rows(file, column_path(group, name), values)
        for name, values in constants.items():
            file.create_dataset(name, data=values, track_times=False)
        checksums.write_attributes_sum(file)
    return image.getvalue()
