"""Figure 2: how far noise on the image moves the recovered z."""

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganinv_cli import statistics
from ganinv_cli.engine.engine import Engine
from ganinv_cli.experiments import columns
from ganinv_cli.experiments.columns import Groups
from ganinv_cli.experiments.recover import prepare_known_targets
from ganinv_cli.experiments.run import ShowProgress, run_known_trials
from ganinv_cli.experiments.task import TrialTask
from ganinv_cli.ground_truth import add_noise, draw_noise
from ganinv_cli.images import to_pixels
from ganinv_cli.jobs import Job
from ganinv_cli.loop.trial import MakeTargets, Targets, Trial
from ganinv_cli.network.generator import Generator
from ganinv_cli.network.jacobian import compute_singular_values
from ganinv_cli.settings.config import NoiseSweepConfig
from ganinv_cli.settings.names import representative_rule, variance_group
from ganinv_cli.solvers import make_solver
from ganinv_cli.store import Figure, read_results
from ganinv_cli.store.rows import Group, take_trials

FIGURE_TRIALS = 8
RESIDUAL_QUANTILE = 1 - 1e-6  # quantile of the residual of noise; above it, z is not the right one
ENOUGH_QUANTILE = 0.9  # the same; up to it, one start is enough
RELATIVE_COST = 1.3  # of a trial; higher because the least loss is not 0 and approached slowly


def run_noise_sweep(
    config: NoiseSweepConfig, engine: Engine, out: Path, overwrite: bool, show: ShowProgress
) -> None:
    """Run the trials that `out` lacks; all variances and rules have the same z, start and noise.

    The noise of a trial is one draw, scaled to each variance, so that trials are paired throughout.
    """
    run_known_trials(
        "noise-sweep",
        make_task(config),
        engine,
        out,
        overwrite,
        show,
        _make_figures,
        cases=len(config.variances),
        relative_cost=RELATIVE_COST,
    )


def make_task(config: NoiseSweepConfig) -> "NoiseSweepTask":
    """Return the task of a config. The right z has no residual only if there is no noise."""
    return NoiseSweepTask(
        config,
        make_solver(config.solver, config.solver_settings),
        exact=not any(config.variances),
        has_exact_jobs=config.has_exact_images,
        stationary=config.stationary,
    )


@dataclass(frozen=True, eq=False)
class NoiseSweepTask(TrialTask[NoiseSweepConfig]):
    """Recover known z from their images with noise of each variance."""

    cases_word = "variances"

    def get_group(self, job: Job) -> str:
        return variance_group(self.config.variances[job.case], job.rule)

    def make_truth_rows(self, trials: Sequence[Trial]) -> Groups:
        """Return the true z of each trial, and tr((JᵀJ)⁻¹) / latent at it."""
        rows = columns.make_truth_rows(trials)
        cramer_rao = {trial.job.trial: trial.cramer_rao for trial in trials}
        rows[""]["cramer_rao"] = np.array(list(cramer_rao.values()))
        return rows

    def prepare_targets(self, generator: Generator) -> MakeTargets:
        """Return a function that returns each job's noisy image, and the residual of the right z.

        The residual is σ²χ² with pixels − latent degrees of freedom: it follows from the variance
        without the true z. Clipped noise leaves less, depending on the image. In that case no loss
        of a single start is sufficient, and two starts must agree.
        """
        config = self.config
        pixels, latent = int(np.prod(generator.image_shape)), generator.latent
        make_known = prepare_known_targets(generator, config.seed, config.initial_batch_size)
        bounds: dict[int, float] = {}  # of the trials in the last call

        def compute_residuals(variance: np.ndarray, quantile: float) -> np.ndarray:
            return np.array(
                [statistics.expected_residual(v, pixels, latent, quantile) for v in variance]
            )

        def make_targets(jobs: Sequence[Job]) -> Targets:
            nonlocal bounds
            known = make_known(jobs)
            trials, firsts, rows = np.unique(
                [job.trial for job in jobs], return_index=True, return_inverse=True
            )
            bounds = {
                number: bounds.get(number) or _compute_cramer_rao(generator, known, row)
                for number, row in zip(trials.tolist(), firsts, strict=True)
            }
            variance = np.array([config.variances[job.case] for job in jobs])
            unit_noise = draw_noise(generator, config.seed, trials)[rows]
            return known._replace(
                images=add_noise(known.images, unit_noise, variance, config.clip_pixels),
                residual=compute_residuals(variance, RESIDUAL_QUANTILE),
                sufficient_loss=compute_residuals(variance, ENOUGH_QUANTILE)
                * (not config.clip_pixels),
                cramer_rao=np.array([bounds[job.trial] for job in jobs]),
            )

        return make_targets


def _compute_cramer_rao(generator: Generator, targets: Targets, row: int) -> float:
    label = -1 if targets.labels is None else int(targets.labels[row])
    values = compute_singular_values(generator, targets.z_true[row], label)
    return float(statistics.cramer_rao(values))


def _make_figures(path: Path, generator: Generator, config: NoiseSweepConfig) -> dict[str, Figure]:
    """Return Figure 2b per variance: clean, noisy and recovered images of the first trials.

    They show the paper's rule or, if it was not run, the first rule. Only trials that were run at
    every variance are shown; without such a trial there is no figure.
    """
    rule = representative_rule(config.clip)
    groups = read_results(path).groups
    names = [variance_group(variance, rule) for variance in config.variances]
    shared = _intersect_trials(groups, ["", *names])
    trials = shared[shared < config.trials][:FIGURE_TRIALS]
    if not len(trials):
        return {}
    truth = groups[""]
    labels = take_trials(truth, "label", trials) if "label" in truth else None
    clean = generator.render(take_trials(truth, "z_true", trials), FIGURE_TRIALS, labels=labels)
    unit = draw_noise(generator, config.seed, trials)
    figures = {}
    for variance, name in zip(config.variances, names, strict=True):
        trial_variances = np.full(len(trials), variance)
        group = groups[name]
        found = take_trials(group, "z_found", trials)
        labels = take_trials(group, "label", trials) if "label" in group else None
        panels = {
            "clean": clean,
            "noisy": add_noise(clean, unit, trial_variances, config.clip_pixels),
            "recovered": generator.render(found, FIGURE_TRIALS, labels=labels),
        }
        panel_images = np.stack([to_pixels(images) for images in panels.values()])
        figures[f"figure2b-variance={variance:g}"] = Figure(
            panel_images, tuple(panels), tuple(trials.tolist())
        )
    return figures


def _intersect_trials(groups: Mapping[str, Group], names: Iterable[str]) -> np.ndarray:
    """Return the numbers of the trials that all of these groups have, sorted, (n,)."""
    none = np.zeros(0, np.int64)
    trials = (groups[name]["trial"] if name in groups else none for name in names)
    return functools.reduce(np.intersect1d, trials)
