"""Running trials as arrays, so that a killed run can go on with them."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import tensorflow as tf

from ganinv_cli.jobs import Job
from ganinv_cli.loop.batch import BatchState
from ganinv_cli.loop.trial import StartResult, Trial

Arrays = dict[str, np.ndarray]  # of one trial, by name
NAME = ("trial", "rule", "case")  # of a trial: its job without followers
PROGRESS = ("z_start", "seconds", "least_error", "curve_loss", "curve_error", "snapshots")


class SavedTrial(NamedTuple):
    """A running trial as it is saved."""

    job: Job
    arrays: Arrays


class SavedTrials(Protocol):
    """Where a loop saves its running trials, and finds those of a killed run."""

    @property
    def is_due(self) -> bool:
        """Whether the trials should be saved now."""

    def save(self, trials: Sequence[SavedTrial]) -> None:
        """Save the running trials, in place of those that were saved before."""

    def pop(self, job: Job) -> Arrays | None:
        """Return the arrays of a job that a killed run had saved; None if it had not."""


def list_leaves(batch_state: BatchState) -> list[np.ndarray]:
    """Return all arrays of a batch, (batch, …) each, but the targets, which can be made again."""
    return [leaf.numpy() for leaf in tf.nest.flatten(batch_state._replace(targets=()))]


def pack_trial(trial: Trial, spent: float, row: Sequence[np.ndarray]) -> SavedTrial:
    """Return a trial in the loop as arrays.

    `spent` are the gradients of its current start, `row` its part of `list_leaves`.
    """
    arrays = {f"trial.{name}": np.asarray(getattr(trial, name)) for name in PROGRESS}
    for name in StartResult._fields:
        values = [np.asarray(getattr(each, name)) for each in trial.start_results]
        shape = (len(trial.z_true),) if name == "z" else ()
        arrays[f"start.{name}"] = np.array(values, np.float64).reshape(-1, *shape)
    arrays |= {f"row.{number}": leaf for number, leaf in enumerate(row)}
    return SavedTrial(trial.job.alone, arrays | {"spent": np.asarray(spent)})


def unpack_trial(
    trial: Trial, arrays: Mapping[str, np.ndarray], batch_state: BatchState
) -> tuple[float, BatchState]:
    """Give a trial its progress; return the gradients of its start, and its row as a batch.

    Raises ValueError or KeyError if the arrays do not fit a batch such as `batch_state`.
    """
    progress = {name: arrays[f"trial.{name}"] for name in PROGRESS}
    for name in ("curve_loss", "curve_error", "snapshots"):
        _check_alike(progress[name], getattr(trial, name))
    template = batch_state._replace(targets=())
    leaves = tf.nest.flatten(template)
    row = [arrays[f"row.{number}"] for number in range(len(leaves))]
    for leaf, values in zip(leaves, row, strict=True):
        _check_alike(values, np.empty(leaf.shape[1:], leaf.dtype.as_numpy_dtype))
    row_state = tf.nest.pack_sequence_as(template, [tf.constant(values[None]) for values in row])
    kinds = StartResult.__annotations__
    starts = [arrays[f"start.{name}"] for name in StartResult._fields]
    z_type = batch_state.solver_state.z.dtype.as_numpy_dtype
    trial.start_results = [
        StartResult(
            z.astype(z_type),
            *(kinds[n](value) for n, value in zip(StartResult._fields[1:], values, strict=True)),
        )
        for z, *values in zip(*starts, strict=True)
    ]
    for name, values in progress.items():
        setattr(trial, name, values if values.ndim else float(values))
    targets = tf.constant(trial.target[None].astype(np.float32))
    return float(arrays["spent"]), row_state._replace(targets=targets)


def stack_trials(trials: Sequence[SavedTrial]) -> Arrays:
    """Return the arrays of some trials, at least one, as one array for each name."""
    arrays: Arrays = {
        "jobs.trial": np.array([each.job.trial for each in trials], np.int64),
        "jobs.rule": np.array([each.job.rule for each in trials]),
        "jobs.case": np.array([each.job.case for each in trials], np.int64),
        "starts": np.array([len(each.arrays["start.seconds"]) for each in trials]),
    }
    for name in trials[0].arrays:
        join = np.concatenate if name.startswith("start.") else np.stack
        arrays[name] = join([each.arrays[name] for each in trials])
    return arrays


def split_trials(arrays: Arrays) -> list[SavedTrial]:
    """Return the trials that `stack_trials` made one of. Raises ValueError or KeyError."""
    jobs = zip(*(arrays[f"jobs.{name}"].tolist() for name in NAME), strict=True)
    ends = np.cumsum(arrays["starts"])[:-1]
    parts = {
        name: np.split(values, ends) if name.startswith("start.") else list(values)
        for name, values in arrays.items()
        if not name.startswith("jobs.")
    }
    rows = zip(*parts.values(), strict=True)
    return [
        SavedTrial(Job(*job), dict(zip(parts, map(np.asarray, row), strict=True)))
        for job, row in zip(jobs, rows, strict=True)
    ]


def _check_alike(values: np.ndarray, example: np.ndarray) -> None:
    if values.shape != example.shape or values.dtype != example.dtype:
        raise ValueError("the trial was saved by another version")
