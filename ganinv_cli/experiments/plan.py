"""What is particular to an experiment; `run_experiment.py` has what all share."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np

from ganinv_cli.experiments.trial_rows import z_error
from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.inversion.loop.trial import MakeTargets, RecordPoints, Target, Trial
from ganinv_cli.inversion.objective.ground_truth import draw_true_labels, draw_true_z
from ganinv_cli.inversion.objective.problem import Objective
from ganinv_cli.inversion.polish import Polished
from ganinv_cli.inversion.solvers.parts.solver import Solver
from ganinv_cli.jobs import UNSHARDED, Job, Shard, parse_shard
from ganinv_cli.outcome import THRESHOLD, Outcome
from ganinv_cli.results.store import Figure, Results
from ganinv_cli.results.store.rows import take_trials
from ganinv_cli.settings.config import Config, ImagesConfig

Polisher = Callable[[Trial], Polished | None]
NO_RECORD_POINTS = RecordPoints(np.zeros(0), np.zeros(0))


class Shards(NamedTuple):
    """What a run has of the whole one: some of the cases, or some trials of each."""

    cases: Shard
    trials: Shard


class UsualCost(NamedTuple):
    """What a trial usually costs, and the certificate of a case whose trials cost so much."""

    trial: float  # in a plan over that of `recover`
    certificate: float = 0.0  # gradients


@dataclass(frozen=True, eq=False)
class Plan(ABC):
    """An experiment on a generator: its trials, their targets, and what is stored of them.

    Workers get a copy, so it can be pickled.
    """

    config: Config
    solver: Solver  # after `make`: with measured settings
    cases: Mapping[int, str] = field(default_factory=lambda: {0: ""})  # number -> its group
    record_points: RecordPoints = NO_RECORD_POINTS
    objective: Objective = field(default_factory=Objective)
    zero_residual: bool = True  # whether the right z is known to leave no residual, in every case
    identity: Mapping[str, Any] = field(default_factory=dict)  # more inputs that decide results
    # the first is of trials that are solved, the last of others
    usual_costs: tuple[UsualCost, ...] = (UsualCost(1.0),)
    compared: Self | None = None  # another way to the same z, which runs after this one

    has_images: ClassVar[bool] = False  # whether cases are images, whose rows are in one group

    @classmethod
    @abstractmethod
    def make(cls, config: Any, generator: Generator) -> Self:
        """Return the plan of a config for a generator. Raises ConfigError."""

    @abstractmethod
    def prepare_targets(self, generator: Generator) -> MakeTargets:
        """Return a function that returns the target of each job."""

    def get_group(self, case: int, rule: str) -> str:
        """Return the results group of the rows of a case under a rule."""
        return f"{self.cases[case]}/{rule}".lstrip("/")

    def make_polisher(self, generator: Generator) -> Polisher | None:
        """Return a function that polishes the best z of a trial, or returns None; None: none is."""
        return None

    def uses_encoder(self, job: Job) -> bool:
        """Return whether the encoder, if there is one, makes the first start."""
        return True

    def make_figures(self, results: Results, generator: Generator) -> dict[str, Figure]:
        """Return the figures that are stored in the finished file, by name."""
        return {}

    def is_success(self, trial: Trial) -> bool:
        """Return whether a trial counts as a success while the run goes on."""
        if self.zero_residual:
            threshold = self.config.shown_threshold or THRESHOLD
            return z_error(trial.best.z, trial.target.z_true) < threshold
        return trial.outcome is Outcome.converged

    @property
    def success_word(self) -> str:
        return "recovered" if self.zero_residual else "converged"

    @property
    def is_coupled(self) -> bool:
        """Whether the trials of a batch depend on one another."""
        return self.config.batch_norm == "batch"

    @property
    def shards(self) -> Shards:
        shard = parse_shard(self.config.shard)
        if isinstance(self.config, ImagesConfig) and self.config.shards_images:
            return Shards(shard, UNSHARDED)
        return Shards(UNSHARDED, shard)

    @property
    def has_bounds(self) -> bool:
        """Whether the final loss of a start bounds the error of its z."""
        return self.zero_residual and self.solver.preconditioner_points > 0


def render_trials(
    generator: Generator, rows: Mapping[str, np.ndarray], z: np.ndarray, trials: np.ndarray
) -> np.ndarray:
    """Return the images of z (trials, latent), with the labels that the rows have for them."""
    labels = take_trials(rows, "label", trials) if "label" in rows else None
    return generator.render(z, len(z), labels=labels)


def prepare_known_targets(
    generator: Generator, seed: int, batch_size: int, precision: str = "float32"
) -> MakeTargets:
    """Return a function that makes each job's target: the image of a known z, in `precision`."""

    def make_targets(jobs: Sequence[Job]) -> list[Target]:
        rows = {trial: row for row, trial in enumerate(sorted({job.trial for job in jobs}))}
        trials = np.array(list(rows))
        z, labels = draw_true_z(generator, seed, trials), draw_true_labels(generator, seed, trials)
        images = generator.render(z, batch_size, precision, labels)
        return [
            Target(images[row], z[row], label=-1 if labels is None else int(labels[row]))
            for row in (rows[job.trial] for job in jobs)
        ]

    return make_targets
