"""The batch of a worker, saved in a file from which an interrupted run goes on."""

import contextlib
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ganinv_cli.files import ArrayFileError, encode_arrays, read_arrays, replace_file
from ganinv_cli.inversion.loop.batch import BatchState, concatenate_batches, gather_rows
from ganinv_cli.inversion.loop.slots import Slots
from ganinv_cli.inversion.loop.trial import StartResult, Trial
from ganinv_cli.jobs import Job
from ganinv_cli.outcome import Outcome

SAVE_SECONDS = 300.0  # between saves
MAX_BYTES = 2**40
LAYOUT = 5  # of BatchState and StartResult: a file of another one counts as none
_ELSEWHERE = "start_results", "row_state"  # which have arrays of their own
_PROGRESS = [each.name for each in fields(Trial) if not each.init and each.name not in _ELSEWHERE]

Arrays = Mapping[str, np.ndarray]  # by name: `trial.*` and `row.*` per trial, `start.*` per start


class SavedBatch:
    """The trials of one worker's batch as they were saved: in rows, or in the queue."""

    def __init__(self, path: Path, key: str) -> None:
        """Read the file at `path` if it is there and has this key.

        The key identifies the run and the version of ganinv. A file that is damaged or has another
        key counts as none; `note` says so of the former.
        """
        self._path, self._key = path, f"{key} {LAYOUT}"
        self._last_save = time.monotonic()
        self._arrays: Arrays = {}
        self._jobs: dict[int, Job] = {}  # of the saved trials that go on, by place in the file
        self.note = ""
        with contextlib.suppress(OSError, ArrayFileError):
            content = path.read_bytes()
            if content[-4:] != _sum(content[:-4]):
                self.note = f"{path} is damaged; the trials that it saved start again"
                return
            self._arrays = read_arrays(path, MAX_BYTES, self._key)
            columns = [self._arrays[name].tolist() for name in ("number", "case", "rules")]
            for place, (trial, case, rules) in enumerate(zip(*columns, strict=True)):
                self._jobs[place] = Job(trial, case, tuple(rules.split()))

    @property
    def jobs(self) -> list[Job]:
        """The jobs of the saved trials; their rules are the trial's and its followers'."""
        return list(self._jobs.values())

    @property
    def rows(self) -> int:
        """The rows of the batch that was saved; 0: there is none."""
        return int(self._arrays.get("rows", 0))

    @property
    def is_due(self) -> bool:
        """Whether it is time to save the batch."""
        return time.monotonic() - self._last_save >= SAVE_SECONDS

    def select(self, list_pending: Callable[[Job], tuple[str, ...]], coupled: bool) -> None:
        """Keep the trials that are still to run: their rule is one of the job's pending rules.

        Followers that are not pending are dropped. Coupled trials are kept only if all are.
        """
        pending = {place: list_pending(job) for place, job in self._jobs.items()}
        kept = {
            place: job._replace(rules=tuple(rule for rule in job.rules if rule in pending[place]))
            for place, job in self._jobs.items()
            if job.rules[0] in pending[place]
        }
        self._jobs = {} if coupled and len(kept) < self.rows else kept

    def restore(self, slots: Slots, batch_state: BatchState) -> None:
        """Add the trials of `jobs` to the queue, with their progress."""
        if self._jobs:
            self._restore_progress(slots.add_jobs(self.jobs), batch_state)
        self._arrays, self._jobs = {}, {}

    def save(self, slots: Slots, batch_state: BatchState, rows: int) -> None:
        """Save the trials of the batch, which has `rows` while there are enough jobs.

        If it cannot be written, nothing happens: a full disk ends the run at its next commit.
        """
        self._last_save = time.monotonic()
        in_rows = slots.taken_rows
        queued = [trial for trial in slots.queue if trial.start_results or not trial.begins]
        trials = [*in_rows.values(), *queued]
        if not trials:
            return
        first_row = gather_rows(batch_state, [0])  # in place of rows that have not begun
        others = [trial.row_state or first_row for trial in queued]
        saved_rows = concatenate_batches(gather_rows(batch_state, list(in_rows)), *others)
        arrays = {
            "rows": np.array(rows),
            "number": np.array([trial.job.trial for trial in trials], np.int64),
            "case": np.array([trial.job.case for trial in trials], np.int64),
            "rules": np.array([" ".join((trial.rule, *trial.followers)) for trial in trials]),
            "starts": np.array([len(trial.start_results) for trial in trials]),
        }
        for name in _PROGRESS:
            arrays[f"trial.{name}"] = np.stack([getattr(trial, name) for trial in trials])
        ends = [_flatten_end(end) for trial in trials for end in trial.start_results]
        for name in ends[0] if ends else ():
            arrays[f"start.{name}"] = np.array([end[name] for end in ends])
        for number, leaf in enumerate(tf.nest.flatten(_drop_targets(saved_rows))):
            arrays[f"row.{number}"] = leaf.numpy()
        with contextlib.suppress(OSError):
            content = encode_arrays(arrays, self._key)
            replace_file(self._path, content + _sum(content), durable=True)

    def _restore_progress(self, trials: Sequence[Trial], batch_state: BatchState) -> None:
        arrays, template = self._arrays, _drop_targets(batch_state)
        last = np.cumsum(arrays["starts"])
        for trial, place in zip(trials, self._jobs, strict=True):
            for number in range(last[place] - arrays["starts"][place], last[place]):
                values = {
                    name.removeprefix("start."): values[number]
                    for name, values in arrays.items()
                    if name.startswith("start.")
                }
                trial.start_results.append(_restore_end(values))
            for name in _PROGRESS:
                value = arrays[f"trial.{name}"][place]
                setattr(trial, name, value if value.ndim else value.item())
            if not trial.begins:
                leaves = [
                    arrays[f"row.{number}"][[place]]
                    for number in range(len(tf.nest.flatten(template)))
                ]
                row = tf.nest.pack_sequence_as(template, leaves)
                targets = trial.target.image[None].astype(np.float32)
                trial.row_state = row._replace(starts=row.starts._replace(targets=targets))


def _sum(content: bytes) -> bytes:
    return zlib.crc32(content).to_bytes(4, "little")


def _flatten_end(end: StartResult) -> dict[str, Any]:
    values = end._asdict()
    return {**values.pop("counts"), **values}


def _restore_end(values: Mapping[str, np.ndarray]) -> StartResult:
    plain: dict[str, Any] = {n: v if v.ndim else v.item() for n, v in values.items()}
    counts = {name: plain.pop(name) for name in plain.keys() - set(StartResult._fields)}
    return StartResult(**plain | {"counts": counts, "outcome": Outcome(plain["outcome"])})


def _drop_targets(batch_state: BatchState) -> BatchState:
    """Return a batch without its targets, which can be made again."""
    return batch_state._replace(starts=batch_state.starts._replace(targets=()))
