"""A trial from its first start to its end: what is known of it when it leaves the loop."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ganinv_cli.jobs import Job
from ganinv_cli.outcome import Outcome
from ganinv_cli.refine import Refined

AGREEMENT_TOLERANCE = 1e-3  # share of the image loss within which two starts have found the same


class Targets(NamedTuple):
    """The images of some jobs and what is known of them, one row per job."""

    images: np.ndarray  # (jobs, height, width, channels) in [-1, 1]
    z_true: np.ndarray  # (jobs, latent), NaN if unknown
    residual: np.ndarray  # (jobs,), image loss that the right z leaves at most; inf where unknown
    sufficient_loss: np.ndarray  # (jobs,), image loss below which no further start is needed
    first_start: np.ndarray | None = (
        None  # (jobs, latent), where the first starts begin; None: drawn
    )
    first_start_cost: float = 0.0  # of that, in gradients a job
    labels: np.ndarray | None = None  # (jobs,) int, the right ones, where they are known
    cramer_rao: np.ndarray | None = None  # (jobs,), least error of an estimate, by unit of noise


@dataclass(frozen=True)
class Limits:
    """When a trial ends."""

    tolerance: float  # ‖z − z_true‖² / latent, by its bound, at which a row has converged
    budget: float  # gradients a trial, restarts included
    restarts: int  # a trial
    stationary: float = 1e-4  # share of an image loss by which a fall is none, where z leaves one


class StartResult(NamedTuple):
    """Where one start of a trial ended."""

    z: np.ndarray  # (latent,)
    image_loss: float
    bound: float  # ‖z − z_true‖² / latent is less, where z leaves next to nothing of the image
    outcome: Outcome
    gradients: float
    redraws: int
    seconds: float
    label: int = -1  # under which; -1: the generator asks for none


class RecordPoints(NamedTuple):
    """The gradient counts whose state is kept; the first increment past one stands for it."""

    curve: np.ndarray  # (points,), for the thinned curves
    snapshots: np.ndarray  # (snapshots,), for the pictures on the way


@dataclass
class Trial:
    """A trial in the loop, filled as it goes."""

    job: Job
    z_true: np.ndarray  # (latent,), NaN if unknown
    target: np.ndarray  # (height, width, channels)
    residual: float
    sufficient_loss: float
    tolerance: float  # of the bound
    first_start: np.ndarray  # (latent,), where the first start begins; NaN where it is drawn
    first_start_cost: float  # of that, in gradients
    record_points: RecordPoints
    label: int = -1  # the right one; -1 if there is none or it is unknown
    label_count: int = 0  # how many the starts take in turn
    cramer_rao: float = float("nan")  # tr((JᵀJ)⁻¹) / latent at the true z, where it is asked for
    z_start: np.ndarray | None = None  # (latent,), drawn when it enters the batch
    start_results: list[StartResult] = field(default_factory=list)
    seconds: float = 0.0  # of the start that is running: its share of the batch's wall time
    least_error: float = float("inf")  # an observer's: the least z error at any update
    curve_loss: np.ndarray = field(init=False)  # (points,), NaN after the end
    curve_error: np.ndarray = field(init=False)  # (points,)
    snapshots: np.ndarray = field(init=False)  # (snapshots, latent)
    refined: Refined | None = None

    def __post_init__(self) -> None:
        self.curve_loss = np.full(len(self.record_points.curve), np.nan, np.float32)
        self.curve_error = np.full(len(self.record_points.curve), np.nan, np.float32)
        self.snapshots = np.full(
            (len(self.record_points.snapshots), len(self.z_true)), np.nan, np.float32
        )

    @property
    def gradients(self) -> float:
        """Gradients spent by the finished starts, and before the first."""
        return (
            sum(end.gradients for end in self.start_results)
            if self.start_results
            else self.first_start_cost
        )

    @property
    def best(self) -> StartResult:
        """The start that explains the image best; a loss that is no number loses to any other."""
        return min(self.start_results, key=lambda end: np.nan_to_num(end.image_loss, nan=np.inf))

    @property
    def outcome(self) -> Outcome:
        """`converged` where the best start did, or else how the last start ended."""
        converged = self.best.outcome is Outcome.converged
        return Outcome.converged if converged else self.start_results[-1].outcome

    @property
    def is_solved(self) -> bool:
        """Another start is not needed: one explains the image, or two agree on what is left.

        If the residual of the right z is unknown, agreement says nothing.
        """
        best = self.best.image_loss
        noisy = 0 < self.residual < np.inf
        if (
            noisy and len(self.start_results) < self.label_count
        ):  # what noise leaves tells no label from another
            return False
        if best <= self.sufficient_loss or self.best.bound <= self.tolerance:
            return True
        agreeing = [
            end
            for end in self.start_results
            if end.outcome is Outcome.converged
            and end.image_loss <= (1 + AGREEMENT_TOLERANCE) * best
            and end.label == self.best.label
        ]
        return np.isfinite(self.residual) and len(agreeing) > 1

    def record(self, before: float, now: float, loss: float, error: float, z: np.ndarray) -> None:
        """Record the state at every point in (before, now] of the current start's gradients."""
        spent = self.gradients
        reached = _find_reached(self.record_points.curve, spent + before, spent + now)
        self.curve_loss[reached] = loss
        self.curve_error[reached] = error
        self.snapshots[_find_reached(self.record_points.snapshots, spent + before, spent + now)] = z


def choose_label(trial: int, start: int, label_count: int) -> int:
    """The label under which a trial's start looks for z: each in turn, from start to start."""
    return (trial + start) % label_count if label_count else -1


def _find_reached(points: np.ndarray, before: float, now: float) -> np.ndarray:
    return (points > before) & (points <= now)
