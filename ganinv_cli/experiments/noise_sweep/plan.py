"""Figure 2: how far noise on the image moves the recovered z."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from ganinv_cli.experiments.noise_sweep.config import NoiseSweepConfig
from ganinv_cli.experiments.plan import Plan, UsualCost, prepare_known_targets, render_trials
from ganinv_cli.generators.network.generator import Generator, compute_singular_values
from ganinv_cli.images import to_pixels
from ganinv_cli.inversion.loop.trial import MakeTargets, Target
from ganinv_cli.inversion.objective.ground_truth import draw_noise
from ganinv_cli.inversion.objective.problem import Objective
from ganinv_cli.inversion.solvers import make_solver
from ganinv_cli.jobs import Job
from ganinv_cli.noise import Level
from ganinv_cli.results import statistics
from ganinv_cli.results.store import Figure, Results
from ganinv_cli.results.store.rows import take_trials
from ganinv_cli.settings.names import representative_rule

FIGURE_TRIALS = 8
FIGURE_LEVELS = 4  # of the usual ones, variances .001, .01, .1 and 1
RESIDUAL_QUANTILE = 1 - 1e-6  # quantile of the residual of noise; above it, z is not the right one
# the same; above it, another start may lower the loss, as it does after half of these first starts
ENOUGH_QUANTILE = 0.9


@dataclass(frozen=True, eq=False)
class NoiseSweepPlan(Plan):
    """Recover known z from their images with noise of each level.

    All levels and rules have the same z, start and noise. The noise of a trial is one draw, which
    every level uses, so that trials are paired throughout.
    """

    config: NoiseSweepConfig

    @classmethod
    def make(cls, config: NoiseSweepConfig, generator: Generator) -> Self:
        levels = config.noise_levels
        return cls(
            config,
            make_solver(config.solver, config.solver_settings),
            cases={number: level.group for number, level in enumerate(levels)},
            zero_residual=all(level.is_clean for level in levels),
            objective=Objective(stationary=config.stationary),
            usual_costs=(UsualCost(2.5),),  # the least loss is not 0 and approached slowly
        )

    def prepare_targets(self, generator: Generator) -> MakeTargets:
        """Return a function that returns each job's noisy image, and the residual of the right z.

        The residual follows from the noisy image and the level without the true z. Clipped noise
        leaves less, depending on the image, and of some kinds it is not known. In these cases no
        loss of a single start is sufficient.
        """
        config, levels = self.config, self.config.noise_levels
        has_bound = levels[0].noise.is_variance
        make_known = prepare_known_targets(generator, config.seed, config.initial_batch_size)
        bounds: dict[int, float] = {}  # of the trials in the last call

        def make_targets(jobs: Sequence[Job]) -> list[Target]:
            nonlocal bounds
            known = {job.trial: target for job, target in zip(jobs, make_known(jobs), strict=True)}
            bounds = {
                number: bounds.get(number) or _compute_cramer_rao(generator, target)
                for number, target in known.items()
                if has_bound
            }
            draws = draw_noise(generator, config.seed, np.array([*known]))
            noises = dict(zip(known, draws, strict=True))
            targets = {n: target._replace(cramer_rao=bounds.get(n)) for n, target in known.items()}
            return [
                self._make_noisy(targets[job.trial], noises[job.trial], levels[job.case])
                for job in jobs
            ]

        return make_targets

    def _make_noisy(self, target: Target, draws: np.ndarray, level: Level) -> Target:
        image = level.apply(target.image, draws, self.config.clip_pixels)
        latent = len(target.z_true)
        residual = level.find_residual(image, latent, RESIDUAL_QUANTILE)
        is_comparable = np.isfinite(residual) and not self.config.clip_pixels
        enough = level.find_residual(image, latent, ENOUGH_QUANTILE) if is_comparable else 0.0
        return target._replace(image=image, residual=residual, sufficient_loss=enough)

    def make_figures(self, results: Results, generator: Generator) -> dict[str, Figure]:
        """Return Figure 2b for some levels: clean, noisy and recovered images of the first trials.

        They show the paper's rule or, if it was not run, the first rule.
        """
        config, groups = self.config, results.groups
        rule = representative_rule(config.clip)
        drawn = np.linspace(0, len(self.cases) - 1, FIGURE_LEVELS).round()
        cases = [case for number, case in enumerate(self.cases) if number in drawn]
        names = {case: self.get_group(case, rule) for case in cases}
        numbers = groups[""]["trial"]
        trials = numbers[numbers < config.trials][:FIGURE_TRIALS]

        def render(group: str, column: str) -> np.ndarray:
            z = take_trials(groups[group], column, trials)
            return render_trials(generator, groups[group], z, trials)

        clean = render("", "z_true")
        unit, shown = draw_noise(generator, config.seed, trials), tuple(trials.tolist())
        figures = {}
        for case, name in names.items():
            noisy = config.noise_levels[case].apply(clean, unit, config.clip_pixels)
            panels = {
                "clean": clean,
                "noisy": np.nan_to_num(noisy),  # grey, if the value is not known
                "recovered": render(name, "z_found"),
            }
            pictures = np.stack([to_pixels(images) for images in panels.values()])
            figures[f"figure2b-{self.cases[case]}"] = Figure(pictures, tuple(panels), shown)
        return figures


def _compute_cramer_rao(generator: Generator, target: Target) -> float:
    values = compute_singular_values(generator, target.z_true, target.label)
    return float(statistics.cramer_rao(values))
