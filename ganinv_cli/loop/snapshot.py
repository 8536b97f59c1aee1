"""A snapshot of the batch in a file, from which an interrupted run goes on."""

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from ganinv_cli.files.array_file import ArrayFileError, encode_arrays, read_arrays
from ganinv_cli.files.write import replace_file
from ganinv_cli.jobs import Job
from ganinv_cli.loop.batch import BatchState, concatenate_batches, gather_rows
from ganinv_cli.loop.slots import Slot, Slots
from ganinv_cli.loop.trial import StartResult, Trial
from ganinv_cli.outcome import Outcome

SAVE_SECONDS = 300.0  # between saves
MAX_BYTES = 2**40
_PROGRESS = ("z_start", "seconds", "least_error", "curve_loss", "curve_error", "snapshots")

Arrays = Mapping[str, np.ndarray]  # by name: `trial.*` and `row.*` per trial, `start.*` per start


class Snapshot:
    """The trials of one worker's batch as they were saved: in rows, or parked."""

    def __init__(self, path: Path, key: str) -> None:
        """Read the file at `path` if it is there and has this key, which identifies the run.

        A file that is damaged or has another key counts as none.
        """
        self._path, self._key = path, key
        self._last_save = time.monotonic()
        self._arrays: Arrays = {}
        self._kept: list[int] = []  # the saved trials that go on
        self.jobs: list[Job] = []  # of those trials; their rules are the trial's and its followers'
        self.rows = 0  # of the batch that was saved; 0: there is none
        with contextlib.suppress(OSError, ArrayFileError, KeyError, ValueError):
            arrays = read_arrays(path, MAX_BYTES, key)
            columns = [arrays[name].tolist() for name in ("trial", "case", "rules")]
            jobs = [Job(*job, tuple(rules.split())) for *job, rules in zip(*columns, strict=True)]
            self.rows, self._arrays = int(arrays["rows"]), arrays
            self.jobs, self._kept = jobs, list(range(len(jobs)))

    @property
    def is_due(self) -> bool:
        """Whether it is time to save the batch."""
        return time.monotonic() - self._last_save >= SAVE_SECONDS

    def select(self, list_pending: Callable[[Job], tuple[str, ...]]) -> None:
        """Keep the trials that are still to run: their rule is one of the job's pending rules.

        Followers that are not pending are dropped. Coupled trials are kept only if all are.
        """
        kept = []
        for number, job in zip(self._kept, self.jobs, strict=True):
            pending = list_pending(job)
            if job.rules[0] in pending:
                rules = tuple(rule for rule in job.rules if rule in pending)
                kept.append((number, job._replace(rules=rules)))
        if self._arrays and self._arrays["coupled"] and len(kept) < self.rows:
            kept = []
        self._kept, self.jobs = [number for number, _ in kept], [job for _, job in kept]

    def restore(self, trials: Sequence[Trial], batch_state: BatchState) -> list[Slot]:
        """Return parked slots for the trials of `jobs`, with their progress.

        They begin anew if what was saved does not fit such a batch, e.g. one of another version.
        """
        slots = [Slot(trial) for trial in trials]
        with contextlib.suppress(KeyError, ValueError):
            if trials:
                self._restore_progress(slots, batch_state)
        self._arrays, self._kept, self.jobs = {}, [], []
        return slots

    def save(self, slots: Slots, batch_state: BatchState, rows: int) -> None:
        """Save the trials of the batch, which has `rows` while there are enough jobs.

        If it cannot be written, nothing happens: a full disk ends the run at its next commit.
        """
        self._last_save = time.monotonic()
        in_rows = slots.unfinished
        saved = [*in_rows.values(), *slots.parked]
        if not saved:
            return
        first_row = gather_rows(batch_state, [0])  # in place of rows that have not begun
        parked = [slot.row_state or first_row for slot in slots.parked]
        states = concatenate_batches(gather_rows(batch_state, list(in_rows)), *parked)
        trials = [slot.trial for slot in saved]
        ends = [end for trial in trials for end in trial.start_results]
        arrays = {
            "rows": np.array(rows),
            "coupled": np.array(slots.coupled),
            "trial": np.array([trial.job.trial for trial in trials], np.int64),
            "case": np.array([trial.job.case for trial in trials], np.int64),
            "rules": np.array([" ".join((trial.rule, *trial.followers)) for trial in trials]),
            "begins": np.array([slot.begins for slot in saved]),
            "spent": np.array([slot.spent for slot in saved]),
            "starts": np.array([len(trial.start_results) for trial in trials]),
        }
        for name in _PROGRESS:
            arrays[f"trial.{name}"] = np.stack([getattr(trial, name) for trial in trials])
        for name in StartResult._fields:
            arrays[f"start.{name}"] = np.array([getattr(end, name) for end in ends])
        for number, leaf in enumerate(_list_leaves(states)):
            arrays[f"row.{number}"] = leaf.numpy()
        with contextlib.suppress(OSError):
            replace_file(self._path, encode_arrays(arrays, self._key), durable=True)

    def _restore_progress(self, slots: Sequence[Slot], batch_state: BatchState) -> None:
        """Give the slots their progress. Raises KeyError or ValueError, and changes none then."""
        arrays, template = (
            self._arrays,
            batch_state._replace(starts=batch_state.starts._replace(targets=())),
        )
        leaves = [arrays[f"row.{number}"] for number in range(len(_list_leaves(batch_state)))]
        for saved, leaf in zip(leaves, _list_leaves(batch_state), strict=True):
            if (saved.shape[1:], saved.dtype) != (leaf.shape[1:], leaf.dtype.as_numpy_dtype):
                raise ValueError("the batch was saved by another version")
        progress = {name: arrays[f"trial.{name}"] for name in _PROGRESS}
        for name, values in progress.items():
            if values.shape[1:] != np.shape(getattr(slots[0].trial, name)):
                raise ValueError("other points were recorded")
        columns = [list(arrays["start.z"])]
        columns += [arrays[f"start.{name}"].tolist() for name in StartResult._fields[1:]]
        ends = [StartResult(*values) for values in zip(*columns, strict=True)]
        last = np.cumsum(arrays["starts"])
        for slot, number in zip(slots, self._kept, strict=True):
            trial = slot.trial
            for end in ends[last[number] - arrays["starts"][number] : last[number]]:
                trial.start_results.append(end._replace(outcome=Outcome(end.outcome)))
            for name, values in progress.items():
                setattr(trial, name, values[number] if values.ndim > 1 else float(values[number]))
            slot.begins, slot.spent = bool(arrays["begins"][number]), float(arrays["spent"][number])
            if not slot.begins:
                row = tf.nest.pack_sequence_as(template, [leaf[[number]] for leaf in leaves])
                targets = trial.target[None].astype(np.float32)
                slot.row_state = row._replace(starts=row.starts._replace(targets=targets))


def _list_leaves(batch_state: BatchState) -> list[tf.Tensor]:
    """Return all tensors of a batch but the targets, which can be made again."""
    leaves: list[tf.Tensor] = tf.nest.flatten(
        batch_state._replace(starts=batch_state.starts._replace(targets=()))
    )
    return leaves
