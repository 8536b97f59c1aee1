"""A trial from its first start to its end, with its targets, limits and results."""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from ganinv_cli.clipping import ACTION_KINDS, RULES
from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.inversion.objective.problem import Objective, rounding_loss
from ganinv_cli.inversion.polish import Polished
from ganinv_cli.inversion.solvers.parts.solver import Solver
from ganinv_cli.jobs import Job
from ganinv_cli.outcome import Outcome, Phase

FUTILE_STARTS = 2  # in turn without a lower image loss, after which a noisy image gets no other


class Target(NamedTuple):
    """The image of a job, and what is known about the z that is sought."""

    image: np.ndarray  # (height, width, channels) in [-1, 1]
    z_true: np.ndarray  # (latent,), NaN if unknown
    residual: float = 0.0  # upper limit of the image loss at the right z; inf: unknown
    sufficient_loss: float = 0.0  # image loss below which no further start is needed
    solved_loss: float = 0.0  # image loss at which a start ends
    attempts: bool = False  # whether a start minimises rᵀWr first, though a residual may be left
    label: int = -1  # the true label; -1 if there is none or it is unknown
    cramer_rao: float | None = None  # tr((JᵀJ)⁻¹) / latent at the true z; None: not computed
    first_start: np.ndarray | None = None  # (latent,), z of the first start; None: it is drawn
    first_start_cost: float = 0.0  # in gradients


Polish = Callable[[np.ndarray, np.ndarray, str, int], Polished]  # z, image, rule, label
MakeTargets = Callable[[Sequence[Job]], list[Target]]


@dataclass(frozen=True)
class Limits:
    """The limits at which a trial ends."""

    tolerance: float  # estimated bound on ‖z − z_true‖² / latent: converged
    budget: float  # gradients per trial, restarts included
    restarts: int  # at most, per trial


class RecordPoints(NamedTuple):
    """The gradient counts at which a trial's state is recorded, at the next end of an increment."""

    curve: np.ndarray  # (points,), for the thinned curves
    snapshots: np.ndarray  # (snapshots,), for the images of Figure 1


class LoopSettings(NamedTuple):
    """What decides the trials of a loop, besides their generator and their targets."""

    solver: Solver
    objective: Objective
    limits: Limits
    record_points: RecordPoints
    seed: int
    batch_size: int | None = None  # rows; None: chosen by speed
    least_rows: int = 1  # unless memory runs out
    has_guesses: bool = False  # whether first starts are an encoder's guesses


class StartResult(NamedTuple):
    """The end of one start of a trial."""

    z: np.ndarray  # (latent,)
    image_loss: float
    bound: float  # bound on ‖z − z_true‖² / latent, if z leaves almost no residual
    outcome: Outcome
    counts: dict[str, float]  # what the solver counted, by column of the results
    seconds: float
    label: int = -1  # of the start; -1 for an unconditional generator
    outside: bool = False  # whether z is outside bounds that the rule keeps: it has not converged
    actions: int = 0  # updates in which the rule changed z
    # (ACTION_KINDS,) bool: whether a rule of that kind would have acted
    acting: np.ndarray = np.zeros(ACTION_KINDS, np.bool_)

    @property
    def gradients(self) -> float:
        """Gradients spent, by the encoder too."""
        return self.counts["gradients"]


@dataclass
class Trial:
    """A trial of a job under one rule, with its results so far."""

    job: Job
    rule: str
    followers: tuple[str, ...]  # other rules of the job, of which it is not known if they act
    target: Target
    limits: Limits
    record_points: RecordPoints
    label_count: int = 0  # labels that the starts take in turn
    is_copy: bool = False  # of a trial without clipping, in which this rule would not have acted
    polished: Polished | None = None
    # the progress
    start_results: list[StartResult] = field(default_factory=list, init=False)
    begins: bool = field(default=True, init=False)  # the next start is not in the batch yet
    spent: float = field(default=0.0, init=False)  # gradients of the current start
    seconds: float = field(default=0.0, init=False)  # share of the batch's, of the current start
    row_state: Any = field(default=None, init=False)  # BatchState (1, …), if it waits for a row
    least_error: float = field(default=float("inf"), init=False)  # of z at any update, observed
    z_start: np.ndarray = field(init=False)  # (latent,), NaN before the first start
    curve_loss: np.ndarray = field(init=False)  # (points,), NaN after the end
    curve_error: np.ndarray = field(init=False)  # (points,)
    snapshots: np.ndarray = field(init=False)  # (snapshots, latent)

    def __post_init__(self) -> None:
        points, snapshots = map(len, self.record_points)
        self.z_start = np.full(len(self.target.z_true), np.nan, np.float32)
        self.curve_loss = np.full(points, np.nan, np.float32)
        self.curve_error = np.full(points, np.nan, np.float32)
        self.snapshots = np.full((snapshots, len(self.target.z_true)), np.nan, np.float32)

    @property
    def gradients(self) -> float:
        """Gradients spent by the finished starts, and by the encoder before the first."""
        if not self.start_results:
            return self.target.first_start_cost
        return sum(end.gradients for end in self.start_results)

    @property
    def best(self) -> StartResult:
        """The start with the least image loss; NaN counts as infinite.

        Starts that ended outside the bounds of their rule count only if none has converged.
        """
        ends = self.start_results
        if any(end.outcome is Outcome.converged for end in ends):
            ends = [end for end in ends if not end.outside]
        return min(ends, key=lambda end: np.nan_to_num(end.image_loss, nan=np.inf))

    @property
    def outcome(self) -> Outcome:
        """`converged` if the best start converged, else the outcome of the last start."""
        converged = self.best.outcome is Outcome.converged
        return Outcome.converged if converged else self.start_results[-1].outcome

    @property
    def has_noise(self) -> bool:
        """Whether the image is of a known z, which may leave a residual."""
        return self.target.residual > 0 and not np.isnan(self.target.z_true).any()

    @property
    def is_solved(self) -> bool:
        """Whether a start explains the image, so that no other is needed."""
        best = self.best
        if best.outside:
            return False
        if self.has_noise and len(self.start_results) < self.label_count:
            return False  # the residual from noise does not distinguish labels
        is_explained = best.image_loss <= self.target.sufficient_loss
        return is_explained or best.bound <= self.limits.tolerance

    @property
    def needs_restart(self) -> bool:
        """Whether another start is needed, may help and is allowed."""
        limits = self.limits
        left = len(self.start_results) <= limits.restarts and self.gradients < limits.budget
        return left and not self.is_solved and not self._is_settled

    @property
    def _is_settled(self) -> bool:
        """Whether the latest starts have not lowered the image loss, of which noise leaves some."""
        best, latest = self.best, self.start_results[-max(FUTILE_STARTS, self.label_count) :]
        return self.has_noise and all(end is not best for end in latest)

    @property
    def current_label(self) -> int:
        """The label of the start that is running or comes next; starts take labels in turn."""
        number = self.job.trial + len(self.start_results)
        return number % self.label_count if self.label_count else -1

    def polish_best(self, polish: Polish) -> Polished:
        """Return the best z polished for the image, under the trial's rule."""
        return polish(self.best.z, self.target.image, self.rule, self.best.label)

    def split_followers(self, acting: np.ndarray) -> list["Trial"]:
        """Return new trials of the followers that would have acted, which follow no longer.

        `acting` (ACTION_KINDS,) says rules of which kinds would have.
        """
        rules = [rule for rule in self.followers if (acting & RULES[rule].kinds).any()]
        self.followers = tuple(rule for rule in self.followers if rule not in rules)
        return [replace(self, rule=rule, followers=()) for rule in rules]

    def make_follower(self, rule: str) -> "Trial":
        """Return the trial of a follower, after the end of this one.

        It is a copy of this one if the rule would not have acted in any start, else a new trial.
        """
        if any((end.acting & RULES[rule].kinds).any() for end in self.start_results):
            return replace(self, rule=rule, followers=())
        follower = copy.copy(self)
        follower.rule, follower.followers, follower.is_copy = rule, (), True
        return follower


def make_trials(
    jobs: Sequence[Job], targets: Sequence[Target], generator: Generator, settings: LoopSettings
) -> Iterator[Trial]:
    """Yield the trials with which jobs begin: the one without clipping, or all if there is none."""
    limits, record_points = settings.limits, settings.record_points
    rounding = rounding_loss(generator)
    for job, target in zip(jobs, targets, strict=True):
        target = target._replace(
            sufficient_loss=max(target.sufficient_loss, rounding),
            solved_loss=max(target.solved_loss, rounding if limits.tolerance > 0 else 0.0),
        )
        leads = "none" in job.rules
        followers = tuple(rule for rule in job.rules if rule != "none") if leads else ()
        for rule in ("none",) if leads else job.rules:
            yield Trial(job, rule, followers, target, limits, record_points, generator.labels)


class Increment(NamedTuple):
    """The result of some steps of the batch."""

    finished: list[Trial] = []  # noqa: RUF012 - never changed
    gradients: float = 0.0  # spent by the rows that were running
    seconds: float = 0.0
    rows: int = 0  # of the batch
    running: int = 0  # trials in it
    running_gradients: float = 0.0  # what these have spent
    phase: Phase = Phase.running  # what comes next, if there are no steps
