"""Figure 2: how noise on the image moves the z that is found."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganinv_cli import statistics
from ganinv_cli.engine.engine import Engine
from ganinv_cli.experiments import columns, figure2
from ganinv_cli.experiments.columns import Groups
from ganinv_cli.experiments.first_starts import check_labels, starting
from ganinv_cli.experiments.pending import Jobs, Series
from ganinv_cli.experiments.provenance import provenance
from ganinv_cli.experiments.run import Show, run_task
from ganinv_cli.experiments.task import Task
from ganinv_cli.ground_truth import noise, noisy, true_labels, true_z
from ganinv_cli.jobs import Job
from ganinv_cli.loop.queue import Supply
from ganinv_cli.loop.trial import Sought, Trial
from ganinv_cli.network.generator import Generator
from ganinv_cli.network.jacobian import singular_values
from ganinv_cli.settings.config import NoiseSweepConfig
from ganinv_cli.settings.names import variance_group
from ganinv_cli.settings.sharding import parsed
from ganinv_cli.solvers import named
from ganinv_cli.store import Run, open_run, read

MOST = 1 - 1e-6  # quantile of what the noise leaves, above which z is not the right one
TYPICAL = 0.9  # and up to which one start is enough
COST = 1.3  # the least loss is not 0, and is approached slowly


def noise_sweep(
    config: NoiseSweepConfig, engine: Engine, out: Path, overwrite: bool, show: Show
) -> None:
    """Run what `out` does not hold yet; every variance and rule sees the same z, start and noise.

    The noise of a trial is one draw, scaled to each variance, so that trials are paired throughout.
    """
    generator = engine.generator
    check_labels(generator, config, config.restarts + 1, "restarts")
    solver = named(config.solver, config.solver_settings)
    device = engine.machine.device
    # of images without noise
    precision = "float32" if all(config.variances) else engine.machine.precision
    start = starting(config, generator)
    made_by = provenance(
        "noise-sweep", config, solver, generator, device, start.identity, precision
    )
    with open_run(out, made_by, overwrite) as run:
        jobs = _jobs(config, run)
        if not jobs and read(out).figures:
            run.finish()
            return
        task = Sweep(config, solver, precision == "mixed", start.encoder)
        run_task(task, jobs, engine, run, show, cost=COST)
        run.finish(figure2.pictures(out, generator, config))


@dataclass(frozen=True, eq=False)
class Sweep(Task[NoiseSweepConfig]):
    """The images of known z with noise of each variance."""

    @property
    def exact(self) -> bool:
        return not any(self.config.variances)

    @property
    def level(self) -> bool:
        return not all(self.config.variances)

    @property
    def stationary(self) -> float:
        return self.config.stationary

    def group(self, job: Job) -> str:
        return variance_group(self.config.variances[job.case], job.rule)

    def truths(self, trials: Sequence[Trial]) -> Groups:
        """The true z, and tr((JᵀJ)⁻¹) / latent there."""
        rows = columns.truths(trials)
        known = {trial.job.trial: trial.cramer_rao for trial in trials}
        rows[""]["cramer_rao"] = np.array(list(known.values()))
        return rows

    def supply(self, generator: Generator) -> Supply:
        """Each job's image with its noise, and what the right z leaves of it.

        That is σ²χ² with a degree of freedom for every pixel but one for each component of z:
        known from the variance, without the true z. Clipped noise leaves less, how much less the
        image decides: then no start is enough by its loss, and two must agree.
        """
        config = self.config
        pixels, latent = int(np.prod(generator.image_shape)), generator.latent
        bounds: dict[int, float] = {}  # of the trials that were asked for last

        def left(variance: np.ndarray, share: float) -> np.ndarray:
            return np.array(
                [statistics.expected_residual(v, pixels, latent, share) for v in variance]
            )

        def made(jobs: Sequence[Job]) -> Sought:
            nonlocal bounds
            trials, rows = np.unique([job.trial for job in jobs], return_inverse=True)
            variance = np.array([config.variances[job.case] for job in jobs])
            z = true_z(generator, config.seed, trials)
            labels = true_labels(generator, config.seed, trials)
            known = bounds
            bounds = {
                number: known.get(number) or _bound(generator, z[row], labels, row)
                for row, number in enumerate(trials.tolist())
            }
            clean = generator.render(z, config.rows, labels=labels)[rows]
            unit = noise(generator, config.seed, trials)[rows]
            return Sought(
                noisy(clean, unit, variance, config.clip_pixels),
                z[rows],
                residual=left(variance, MOST),
                enough=left(variance, TYPICAL) * (not config.clip_pixels),
                labels=None if labels is None else labels[rows],
                cramer_rao=np.array([bounds[job.trial] for job in jobs]),
            )

        return made


def _bound(generator: Generator, z: np.ndarray, labels: np.ndarray | None, row: int) -> float:
    label = -1 if labels is None else int(labels[row])
    return float(statistics.cramer_rao(singular_values(generator, z, label=label)))


def _jobs(config: NoiseSweepConfig, run: Run) -> Jobs:
    """What is left, trial by trial, so that a run that was stopped says something of each case."""
    series = [
        Series(case, rule, variance_group(variance, rule))
        for case, variance in enumerate(config.variances)
        for rule in config.clip
    ]
    return Jobs(run, [series], config.trials, parsed(config.shard))
