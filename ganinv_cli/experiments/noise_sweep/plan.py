"""Figure 2: how far noise on the image moves the recovered z."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ganinv_cli import statistics
from ganinv_cli.experiments.known import prepare_known_targets, render_trials
from ganinv_cli.experiments.noise_sweep import NoiseSweepConfig
from ganinv_cli.experiments.plan import Plan
from ganinv_cli.ground_truth import add_noise, draw_noise
from ganinv_cli.images import to_pixels
from ganinv_cli.jobs import Job
from ganinv_cli.loop.trial import MakeTargets, Target
from ganinv_cli.network.generator import Generator
from ganinv_cli.network.jacobian import compute_singular_values
from ganinv_cli.problem import Problem
from ganinv_cli.settings.names import representative_rule, variance_group
from ganinv_cli.solvers import make_solver
from ganinv_cli.store import Figure, Results
from ganinv_cli.store.rows import take_trials

FIGURE_TRIALS = 8
RESIDUAL_QUANTILE = 1 - 1e-6  # quantile of the residual of noise; above it, z is not the right one
ENOUGH_QUANTILE = 0.9  # the same; up to it, one start is enough


def make_plan(config: NoiseSweepConfig, generator: Generator) -> "NoiseSweepPlan":
    """Return the plan for a config. The right z has no residual only if there is no noise."""
    return NoiseSweepPlan(
        config,
        make_solver(config.solver, config.solver_settings),
        cases={n: variance_group(each) for n, each in enumerate(config.variances)},
        exact=not any(config.variances),
        problem=Problem(stationary=config.stationary),
        relative_cost=1.3,  # the least loss is not 0 and approached slowly
    )


@dataclass(frozen=True, eq=False)
class NoiseSweepPlan(Plan):
    """Recover known z from their images with noise of each variance.

    All variances and rules have the same z, start and noise. The noise of a trial is one draw,
    scaled to each variance, so that trials are paired throughout.
    """

    config: NoiseSweepConfig

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

        def find_residual(variance: float, quantile: float) -> float:
            return float(statistics.expected_residual(variance, pixels, latent, quantile))

        def make_targets(jobs: Sequence[Job]) -> list[Target]:
            nonlocal bounds
            known = {job.trial: target for job, target in zip(jobs, make_known(jobs), strict=True)}
            bounds = {
                number: bounds.get(number) or _compute_cramer_rao(generator, target)
                for number, target in known.items()
            }
            noise = dict(
                zip(known, draw_noise(generator, config.seed, np.array([*known])), strict=True)
            )
            variances = [config.variances[job.case] for job in jobs]
            images = add_noise(
                np.stack([known[job.trial].image for job in jobs]),
                np.stack([noise[job.trial] for job in jobs]),
                np.array(variances),
                config.clip_pixels,
            )
            return [
                known[job.trial]._replace(
                    image=image,
                    residual=find_residual(variance, RESIDUAL_QUANTILE),
                    sufficient_loss=find_residual(variance, ENOUGH_QUANTILE)
                    * (not config.clip_pixels),
                    cramer_rao=bounds[job.trial],
                )
                for job, image, variance in zip(jobs, images, variances, strict=True)
            ]

        return make_targets

    def make_figures(self, results: Results, generator: Generator) -> dict[str, Figure]:
        """Return Figure 2b per variance: clean, noisy and recovered images of the first trials.

        They show the paper's rule or, if it was not run, the first rule. Only trials that were run
        at every variance are shown; without such a trial there is no figure.
        """
        config, groups = self.config, results.groups
        rule = representative_rule(config.clip)
        names = {case: self.get_group(case, rule) for case in self.cases}
        if not set(names.values()) <= groups.keys():
            return {}
        shared = functools.reduce(
            np.intersect1d, [groups[name]["trial"] for name in ("", *names.values())]
        )
        trials = shared[shared < config.trials][:FIGURE_TRIALS]
        if not len(trials):
            return {}

        def render(group: str, column: str) -> np.ndarray:
            z = take_trials(groups[group], column, trials)
            return render_trials(generator, groups[group], z, trials)

        clean = render("", "z_true")
        unit, shown = draw_noise(generator, config.seed, trials), tuple(trials.tolist())
        figures = {}
        for case, name in names.items():
            variance = np.full(len(trials), config.variances[case])
            panels = {
                "clean": clean,
                "noisy": add_noise(clean, unit, variance, config.clip_pixels),
                "recovered": render(name, "z_found"),
            }
            pictures = np.stack([to_pixels(images) for images in panels.values()])
            figures[f"figure2b-{self.cases[case]}"] = Figure(pictures, tuple(panels), shown)
        return figures


def _compute_cramer_rao(generator: Generator, target: Target) -> float:
    values = compute_singular_values(generator, target.z_true, target.label)
    return float(statistics.cramer_rao(values))
