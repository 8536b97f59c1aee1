"""A snapshot of the batch in a file, from which an interrupted run goes on."""

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from ganinv_cli.files import ArrayFileError, encode_arrays, read_arrays, replace_file
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
    """The trials of one worker's batch as they were saved: in rows, or in the queue."""

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
            saved = zip(*columns, strict=True)
            jobs = [Job(trial, case, tuple(rules.split())) for trial, case, rules in saved]
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

    def restore(self, slots: Slots, batch_state: BatchState) -> None:
        """Add the trials of `jobs` to the queue, with their progress.

        They begin anew if what was saved does not fit such a batch, e.g. one of another version.
        """
        if added := slots.add_jobs(self.jobs):
            self._restore_progress(added, batch_state)
        self._arrays, self._kept, self.jobs = {}, [], []

    def save(self, slots: Slots, batch_state: BatchState, rows: int) -> None:
        """Save the trials of the batch, which has `rows` while there are enough jobs.

        If it cannot be written, nothing happens: a full disk ends the run at its next commit.
        """
        self._last_save = time.monotonic()
        in_rows = slots.taken_rows
        queued = [slot for slot in slots.queue if slot.trial.start_results or not slot.begins]
        saved = [*in_rows.values(), *queued]
        if not saved:
            return
        first_row = gather_rows(batch_state, [0])  # in place of rows that have not begun
        others = [slot.row_state or first_row for slot in queued]
        leaves = _list_leaves(concatenate_batches(gather_rows(batch_state, list(in_rows)), *others))
        trials = [slot.trial for slot in saved]
        ends = [end for trial in trials for end in trial.start_results]
        arrays = {
            "format": np.array(_describe_format(trials[0], leaves)),
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
        arrays |= {f"row.{number}": leaf.numpy() for number, leaf in enumerate(leaves)}
        with contextlib.suppress(OSError):
            replace_file(self._path, encode_arrays(arrays, self._key), durable=True)

    def _restore_progress(self, slots: Sequence[Slot], batch_state: BatchState) -> None:
        """Give the slots their progress, unless what was saved has another format."""
        arrays, template = self._arrays, _list_leaves(batch_state)
        if str(arrays["format"]) != _describe_format(slots[0].trial, template):
            return
        columns = [list(arrays["start.z"])]
        columns += [arrays[f"start.{name}"].tolist() for name in StartResult._fields[1:]]
        ends = [StartResult(*values) for values in zip(*columns, strict=True)]
        last = np.cumsum(arrays["starts"])
        for slot, number in zip(slots, self._kept, strict=True):
            trial = slot.trial
            for end in ends[last[number] - arrays["starts"][number] : last[number]]:
                trial.start_results.append(end._replace(outcome=Outcome(end.outcome)))
            for name in _PROGRESS:
                value = arrays[f"trial.{name}"][number]
                setattr(trial, name, value if value.ndim else float(value))
            slot.begins, slot.spent = bool(arrays["begins"][number]), float(arrays["spent"][number])
            if not slot.begins:
                leaves = [arrays[f"row.{leaf}"][[number]] for leaf in range(len(template))]
                row = tf.nest.pack_sequence_as(_drop_targets(batch_state), leaves)
                targets = trial.target[None].astype(np.float32)
                slot.row_state = row._replace(starts=row.starts._replace(targets=targets))


def _drop_targets(batch_state: BatchState) -> BatchState:
    """Return a batch without its targets, which can be made again."""
    return batch_state._replace(starts=batch_state.starts._replace(targets=()))


def _list_leaves(batch_state: BatchState) -> list[tf.Tensor]:
    leaves: list[tf.Tensor] = tf.nest.flatten(_drop_targets(batch_state))
    return leaves


def _describe_format(trial: Trial, leaves: Sequence[tf.Tensor]) -> str:
    """Return the shapes and types of what is saved for each trial."""
    rows = [f"{leaf.dtype.name}{leaf.shape[1:]}" for leaf in leaves]
    return " ".join([*rows, *(f"{np.shape(getattr(trial, name))}" for name in _PROGRESS)])
