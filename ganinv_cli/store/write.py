"""Committing rows while a run goes on, and making one file of them at its end."""

import contextlib
import io
from collections.abc import Iterator, Mapping
from pathlib import Path

import h5py
import numpy as np

from ganinv_cli.store import catalogue, files, finish, lock, results, schema
from ganinv_cli.store import figure as figure_
from ganinv_cli.store import provenance as provenance_
from ganinv_cli.store.catalogue import Catalogue
from ganinv_cli.store.committed import committed
from ganinv_cli.store.figure import Figure
from ganinv_cli.store.files import SaveError
from ganinv_cli.store.provenance import Provenance
from ganinv_cli.store.schema import TRIAL, inside


@contextlib.contextmanager
def open_run(path: Path, provenance: Provenance, overwrite: bool = False) -> Iterator["Run"]:
    """The run at `path`, new or gone on with, locked against other writers.

    Raises ResultsError where the folder is missing, another process holds the file, or the file is
    damaged, not ours, of a newer schema, or of another run.
    """
    with lock.held(path):
        if overwrite:
            files.remove(path)
        files.clear_leftovers(path)
        committed, more = catalogue.scan(path)
        provenance_.refuse_another_run(path, provenance, committed.attributes)
        if path.exists() and not more:  # killed between the finished file and its parts' removal
            files.discard(path, files.parts(path))
            del committed.stored[1:]
        yield Run(path, provenance, committed)


class Run:
    """A results file that is open for writing; made by `open_run`."""

    def __init__(self, path: Path, provenance: Provenance, committed: Catalogue) -> None:
        self.path = path
        self._provenance = provenance
        self._committed = committed
        self._number = max(map(files.number, files.parts(path)), default=0)
        stored = committed.attributes
        self._started = stored["started"] if stored else provenance_.now()

    def finished(self, group: str) -> np.ndarray:
        """The numbers of the trials committed to a group, sorted, (trials,) int64."""
        return self._committed.trials(group)

    def missing(self, group: str, trials: np.ndarray) -> np.ndarray:
        """Which of some trials are not committed to a group yet, bool (trials,)."""
        return self._committed.missing(group, trials)

    def rows(self, group: str) -> dict[str, np.ndarray]:
        """What is committed of one group, sorted by trial; at least one row must be."""
        pieces = []
        for stored in self._committed.stored:
            if group in stored.spans:
                with files.opened(stored.path) as file:
                    pieces.append(results.rows_of(file, group))
        return results.joined(pieces)

    def commit(
        self,
        rows: Mapping[str, Mapping[str, np.ndarray]],
        constants: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        """Save a batch: group -> {"trial": numbers, column: values, first axis the trials'}.

        When this returns the rows are on the disk, and no later failure changes them. A trial that
        was committed before keeps its first row. Raises SaveError where the disk is full or
        read-only, ValueError where the rows do not fit the schema or those before them.
        """
        batch, layout = self._new(rows)
        self._check_constants(constants or {})
        if not batch:
            return
        self._number += 1  # even if it fails: a name is used once
        part = files.part(self.path, self._number)
        content = _part(batch, self._committed.constants, self._attributes("", list(batch), []))
        try:
            files.make_parts_folder(self.path)
            files.write(part, content)
        except OSError as error:
            raise self._not_saved(error) from error
        self._committed.layout = layout
        self._committed.add(part, {group: columns[TRIAL] for group, columns in batch.items()})

    def finish(self, figures: Mapping[str, Figure] | None = None) -> None:
        """Make one file of everything committed; figures of an earlier finish stay.

        Does nothing where the file is finished already and no figure is given. Raises SaveError
        where it cannot be written: the commits are still there.
        """
        known = self._figures()
        parts = [stored.path for stored in self._committed.stored if stored.path != self.path]
        if self.path.exists() and not parts and not figures:
            return
        whole = known | dict(figures or {})
        attributes = self._attributes(provenance_.now(), self._committed.groups, list(whole))
        temporary = files.aside(self.path)
        try:
            files.make_parts_folder(self.path)
            finish.write(temporary, committed(self._committed), attributes, whole)
            files.publish(temporary, self.path)
            files.discard(self.path, parts)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise self._not_saved(error) from error
        trials = {group: self.finished(group) for group in self._committed.groups}
        self._committed.stored.clear()
        self._committed.add(self.path, trials)

    def _new(
        self, rows: Mapping[str, Mapping[str, np.ndarray]]
    ) -> tuple[dict[str, dict[str, np.ndarray]], schema.Layout]:
        """The rows that are not committed yet, and the layout with them."""
        batch, layout = {}, self._committed.layout
        for group, columns in rows.items():
            whole = schema.conformed(group, columns)
            layout = schema.joined(layout, schema.layout(group, whole))
            missing = self._committed.missing(group, whole[TRIAL])
            if missing.any():
                batch[group] = {name: values[missing] for name, values in whole.items()}
        return batch, layout

    def _check_constants(self, constants: Mapping[str, np.ndarray]) -> None:
        for name, values in constants.items():
            value = schema.conformed_constant(name, np.asarray(values))
            known = self._committed.constants.setdefault(name, value)
            if not np.array_equal(known, value, equal_nan=True):
                raise ValueError(f"{name} is not what it was in an earlier commit")

    def _attributes(
        self, finished: str, groups: list[str], figures: list[str]
    ) -> dict[str, int | str]:
        return self._provenance.attributes(self._started, finished, groups, figures)

    def _figures(self) -> dict[str, Figure]:
        if not self.path.exists():
            return {}
        with files.opened(self.path) as file:
            names = provenance_.decoded(file.attrs)["figures"]
            return {name: figure_.load(file[name]) for name in names}

    def _not_saved(self, error: OSError) -> SaveError:
        saved = f"{self._committed.saved:,} trials are saved"
        if stored := self._committed.stored:
            where = self.path if stored[-1].path == self.path else files.parts_folder(self.path)
            saved = f"{saved} in {where}"
        return SaveError(
            f"{self.path} could not be written ({error.strerror or error}); {saved}; "
            "free space or allow writing, and run the same command to go on"
        )


def _part(
    batch: Mapping[str, Mapping[str, np.ndarray]],
    constants: Mapping[str, np.ndarray],
    attributes: Mapping[str, int | str],
) -> bytes:
    image = io.BytesIO()
    with h5py.File(image, "w") as file:
        file.attrs.update(attributes)
        for group, columns in batch.items():
            for name, values in columns.items():
                file.create_dataset(inside(group, name), data=values, track_times=False)
        for name, values in constants.items():
            file.create_dataset(name, data=values, track_times=False)
    return image.getvalue()
