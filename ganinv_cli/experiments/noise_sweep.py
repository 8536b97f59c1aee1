"""Figure 2: how noise on the image moves the z that is found."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ganinv_cli import statistics
from ganinv_cli.config import NoiseSweepConfig
from ganinv_cli.experiments import columns, figure2
from ganinv_cli.experiments.columns import Groups
from ganinv_cli.experiments.drawing import noise, noisy, true_labels, true_z
from ganinv_cli.experiments.provenance import provenance
from ganinv_cli.experiments.running import Plan, Show, run_plan
from ganinv_cli.experiments.starting import check_labels, starting
from ganinv_cli.generator import Generator
from ganinv_cli.jacobian import singular_values
from ganinv_cli.resources import Machine
from ganinv_cli.solvers import named
from ganinv_cli.solvers.trial import Job, Sought, Trial
from ganinv_cli.store import Run, open_run, read
from ganinv_cli.words import variance_group

MOST = 1 - 1e-6  # quantile of what the noise leaves, above which z is not the right one
TYPICAL = 0.9  # and up to which one start is enough


def noise_sweep(
    config: NoiseSweepConfig,
    generator: Generator,
    machine: Machine,
    out: Path,
    overwrite: bool,
    show: Show,
) -> None:
    """Run what `out` does not hold yet; every variance and rule sees the same z, start and noise.

    The noise of a trial is one draw, scaled to each variance, so that trials are paired throughout.
    """
    check_labels(generator, config, config.restarts + 1, "restarts")
    solver = named(config.solver, config.solver_settings)
    device = machine.device
    precision = "float32" if all(config.variances) else machine.precision  # of images without noise
    start = starting(config, generator)
    made_by = provenance(
        "noise-sweep", config, solver, generator, device, start.identity, precision
    )
    with open_run(out, made_by, overwrite) as run:
        jobs = _jobs(config, run)
        if not jobs and read(out).figures:
            run.finish()
            return
        sweep = _Sweep(config, generator, set(run.finished("").tolist()))
        plan = Plan(
            mixed=precision == "mixed",
            jobs=jobs,
            total=config.trials * len(config.clip) * len(config.variances),
            supply=start.supplied(sweep.supply),
            group=lambda job: variance_group(config.variances[job.case], job.rule),
            beside=sweep.truths,
            stationary=config.stationary,
            exact=not any(config.variances),
            level=not all(config.variances),
            cost=1.3,  # the least loss is not 0, and is approached slowly
        )
        run_plan(plan, config, generator, solver, run, show)
        run.finish(figure2.pictures(out, generator, config))


class _Sweep:
    """Makes the noisy images, and keeps the Cramér–Rao bound of each true z it makes."""

    def __init__(self, config: NoiseSweepConfig, generator: Generator, known: set[int]) -> None:
        self._config, self._generator = config, generator
        self._known = known  # trials whose bound is committed
        self._bounds: dict[int, float] = {}

    def supply(self, jobs: Sequence[Job]) -> Sought:
        """Each job's image with its noise, and what the right z leaves of it.

        That is σ²χ² with a degree of freedom for every pixel but one for each component of z:
        known from the variance, without the true z. Clipped noise leaves less, how much less the
        image decides: then no start is enough by its loss, and two must agree.
        """
        config, generator = self._config, self._generator
        trials, rows = np.unique([job.trial for job in jobs], return_inverse=True)
        variance = np.array([config.variances[job.case] for job in jobs])
        z = true_z(generator, config.seed, trials)
        labels = true_labels(generator, config.seed, trials)
        self._bound(trials, z, labels)
        clean = generator.render(z, config.batch_size, labels=labels)[rows]
        unit = noise(generator, config.seed, trials)[rows]
        return Sought(
            noisy(clean, unit, variance, config.clip_pixels),
            z[rows],
            residual=self._left(variance, MOST),
            enough=self._left(variance, TYPICAL) * (not config.clip_pixels),
            labels=None if labels is None else labels[rows],
        )

    def truths(self, trials: Sequence[Trial]) -> Groups:
        """The rows of "/": the true z, and tr((JᵀJ)⁻¹) / latent there."""
        new = [trial for trial in trials if trial.job.trial not in self._known]
        if not new:
            return {}
        rows = columns.truths(new)
        bounds = [self._bounds[number] for number in rows[""]["trial"].tolist()]
        rows[""]["cramer_rao"] = np.array(bounds)
        return rows

    def _bound(self, trials: np.ndarray, z: np.ndarray, labels: np.ndarray | None) -> None:
        for place, number in enumerate(trials.tolist()):
            if number not in self._known and number not in self._bounds:
                label = -1 if labels is None else int(labels[place])
                values = singular_values(self._generator, z[place], label=label)
                self._bounds[number] = float(statistics.cramer_rao(values))

    def _left(self, variance: np.ndarray, share: float) -> np.ndarray:
        pixels = int(np.prod(self._generator.image_shape))
        latent = self._generator.latent
        left = [statistics.expected_residual(v, pixels, latent, share) for v in variance]
        return np.array(left)


def _jobs(config: NoiseSweepConfig, run: Run) -> list[Job]:
    """What is left, trial by trial, so that a run that was stopped says something of each case."""
    finished = {
        (case, rule): set(run.finished(variance_group(variance, rule)).tolist())
        for case, variance in enumerate(config.variances)
        for rule in config.clip
    }
    return [
        Job(trial, rule, case)
        for trial in range(config.trials)
        for case, rule in finished
        if trial not in finished[case, rule]
    ]
