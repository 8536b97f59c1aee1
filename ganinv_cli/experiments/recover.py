"""Table 1: known latent vectors, recovered under every rule from the same starts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganinv_cli.engine.engine import Engine
from ganinv_cli.errors import ConfigError
from ganinv_cli.experiments import columns, figure1
from ganinv_cli.experiments.columns import Groups
from ganinv_cli.experiments.first_starts import check_labels, starting
from ganinv_cli.experiments.pending import Jobs, Series
from ganinv_cli.experiments.provenance import provenance
from ganinv_cli.experiments.run import Show, run_task
from ganinv_cli.experiments.task import Polisher, Task
from ganinv_cli.ground_truth import true_labels, true_z
from ganinv_cli.jobs import Job
from ganinv_cli.loop.queue import Supply
from ganinv_cli.loop.trial import Marks, Sought, Trial
from ganinv_cli.network.generator import Generator
from ganinv_cli.outcome import Outcome
from ganinv_cli.refine.refinement import LastDigits
from ganinv_cli.settings.config import RecoverConfig
from ganinv_cli.settings.sharding import parsed
from ganinv_cli.solvers import named
from ganinv_cli.solvers.solver import Solver
from ganinv_cli.store import Run, open_run, read


def recover(config: RecoverConfig, engine: Engine, out: Path, overwrite: bool, show: Show) -> None:
    """Run what `out` does not hold yet, commit as it goes, and make one file at the end.

    An interruption commits what has finished and goes on upwards; the same call then goes on.
    """
    generator = engine.generator
    check_labels(generator, config, config.restarts + 1, "restarts")
    solver = named(config.solver, config.solver_settings)
    marks = _marks(config, solver)
    device, precision = engine.machine
    start = starting(config, generator)
    made_by = provenance("recover", config, solver, generator, device, start.identity, precision)
    with open_run(out, made_by, overwrite) as run:
        jobs = _jobs(config, run)
        if not jobs and read(out).figures:
            run.finish()
            return
        task = Recovery(config, solver, precision == "mixed", start.encoder, marks)
        run_task(task, jobs, engine, run, show)
        run.finish(figure1.pictures(out, generator, config))


@dataclass(frozen=True, eq=False)
class Recovery(Task[RecoverConfig]):
    """The images of known z, looked for under each rule."""

    def supply(self, generator: Generator) -> Supply:
        precision = "float64" if self.config.polish == "float64" else "float32"
        return supply(generator, self.config.seed, self.config.rows, precision)

    def group(self, job: Job) -> str:
        return job.rule

    def truths(self, trials: Sequence[Trial]) -> Groups:
        return columns.truths(trials)

    def polisher(self, generator: Generator) -> Polisher | None:
        return LastDigits(generator) if self.config.polish == "float64" else None

    def polishes(self, trial: Trial) -> bool:
        return trial.outcome is Outcome.converged


def supply(generator: Generator, seed: int, batch_size: int, precision: str = "float32") -> Supply:
    """The image of each job's trial, made in `precision` by a z that is known."""

    def made(jobs: Sequence[Job]) -> Sought:
        trials, rows = np.unique([job.trial for job in jobs], return_inverse=True)
        z, labels = true_z(generator, seed, trials), true_labels(generator, seed, trials)
        images = generator.render(z, batch_size, precision, labels)
        nothing = np.zeros(len(jobs))
        return Sought(
            images[rows],
            z[rows],
            residual=nothing,
            enough=nothing,
            labels=None if labels is None else labels[rows],
        )

    return made


def _jobs(config: RecoverConfig, run: Run) -> Jobs:
    """What is left, trial by trial."""
    coupled = config.batch_norm == "batch"
    series = [Series(0, rule, rule) for rule in config.clip]
    bundles = [[each] for each in series] if coupled else [series]
    return Jobs(run, bundles, config.trials, parsed(config.shard), coupled)


def _marks(config: RecoverConfig, solver: Solver) -> Marks:
    """Ever farther apart, the round numbers and the snapshots among them; multiples of a look."""
    look, budget = solver.look_every, max(config.budget, solver.look_every)
    snapshots = np.array(config.snapshots or solver.snapshots, np.float64)
    if (snapshots % look).any() or (snapshots <= 0).any():
        raise ConfigError(
            f"snapshots = {config.snapshots}: multiples of {look} for {config.solver}"
        )
    rounds = [digit * 10.0**power for power in range(7) for digit in (1, 2, 5)]
    spaced = np.rint(np.geomspace(look, budget, 40) / look) * look
    points = np.unique(np.concatenate([spaced, rounds, snapshots]))
    return Marks(points[(points % look == 0) & (points <= budget)], snapshots)
