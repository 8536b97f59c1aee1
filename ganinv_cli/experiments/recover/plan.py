"""Table 1: known latent vectors, recovered under every rule from the same starts."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from ganinv_cli.errors import ConfigError
from ganinv_cli.experiments.plan import (
    Plan,
    Polisher,
    UsualCost,
    prepare_known_targets,
    render_trials,
)
from ganinv_cli.experiments.recover.config import RESTARTED, RecoverConfig
from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.images import to_pixels
from ganinv_cli.inversion.loop.trial import MakeTargets, RecordPoints
from ganinv_cli.inversion.polish.gauss_newton import GaussNewton
from ganinv_cli.inversion.solvers import make_solver
from ganinv_cli.inversion.solvers.parts.solver import Solver
from ganinv_cli.outcome import Outcome
from ganinv_cli.results.store import Figure, Results
from ganinv_cli.results.store.rows import take_trials
from ganinv_cli.settings.config import Config
from ganinv_cli.settings.names import COMPARED, representative_rule

FIGURE_TRIALS = 8
COPIED_SHARE = 0.85  # of the trials with clipping, that usually are copies of those without


@dataclass(frozen=True, eq=False)
class RecoverPlan(Plan):
    """Recover known z from their images, under each rule."""

    config: RecoverConfig

    @classmethod
    def make(cls, config: RecoverConfig, generator: Generator) -> Self:
        solver = make_solver(config.solver, config.solver_settings)
        copied = COPIED_SHARE * (len(config.clip) - 1) / len(config.clip)
        return cls(
            config,
            solver,
            record_points=_make_record_points(config, solver),
            usual_costs=(UsualCost(1 - copied),),
            compared=cls._make_compared(config),
        )

    @classmethod
    def _make_compared(cls, config: RecoverConfig) -> Self | None:
        """Return the plan of the solver that is compared: one rule, in a group of its own."""
        if config.compare != COMPARED or config.solver == COMPARED or config.batch_norm == "batch":
            return None
        config = replace(
            config,
            solver=COMPARED,
            clip=("none",),
            tolerance=Config.tolerance,
            polish="none",
            **RESTARTED,
        )
        return cls(config, make_solver(COMPARED, config.solver_settings), cases={0: COMPARED})

    def prepare_targets(self, generator: Generator) -> MakeTargets:
        precision = "float64" if self.config.polish == "float64" else "float32"
        return prepare_known_targets(
            generator, self.config.seed, self.config.initial_batch_size, precision
        )

    def make_polisher(self, generator: Generator) -> Polisher | None:
        if self.config.polish == "none":
            return None
        newton = generator.reuse(GaussNewton)
        return lambda trial: (
            trial.polish_best(newton.polish_exactly) if trial.outcome is Outcome.converged else None
        )

    def make_figures(self, results: Results, generator: Generator) -> dict[str, Figure]:
        """Return Figure 1: images from the start to the end, for first trials of the paper's rule.

        If the paper's rule was not run, the first rule is shown. With training-mode statistics an
        image depends on its batch, so all trials are rendered together.
        """
        rule = representative_rule(self.config.clip)
        group, root = results.groups[rule], results.groups[""]
        trials = group["trial"] if self.is_coupled else group["trial"][:FIGURE_TRIALS]
        z_found = take_trials(group, "z_found", trials)
        snapshots = take_trials(group, "z_snapshots", trials)
        panels = {"start": take_trials(group, "z_start", trials)}
        for place, gradients in enumerate(results.constants["snapshot_gradients"]):
            if gradients > self.config.budget:
                continue  # no trial came so far
            intermediate = snapshots[:, place]
            has_ended = np.isnan(intermediate).any(-1, keepdims=True)  # before this point
            panels[f"{gradients:,.0f} gradients"] = np.where(has_ended, z_found, intermediate)
        panels["found"] = z_found
        images = [render_trials(generator, group, z, trials) for z in panels.values()]
        z_true = take_trials(root, "z_true", trials)
        images.append(render_trials(generator, root, z_true, trials))
        pictures = to_pixels(np.array(images)[:, :FIGURE_TRIALS])
        shown = tuple(trials[:FIGURE_TRIALS].tolist())
        return {f"figure1-{rule}": Figure(pictures, (*panels, "original"), shown)}


def _make_record_points(config: RecoverConfig, solver: Solver) -> RecordPoints:
    """Return record points at ends of increments: geometric, round numbers, and snapshots."""
    interval, budget = solver.steps_per_increment, max(config.budget, solver.steps_per_increment)
    snapshots = np.array(config.snapshots or solver.default_snapshots, np.float64)
    if (snapshots % interval).any() or (snapshots <= 0).any():
        raise ConfigError(
            f"snapshots = {config.snapshots}: give multiples of {interval} for {config.solver}"
        )
    rounds = [digit * 10.0**power for power in range(7) for digit in (1, 2, 5)]
    spaced = np.rint(np.geomspace(interval, budget, 40) / interval) * interval
    points = np.unique(np.concatenate([spaced, rounds, snapshots]))
    return RecordPoints(points[(points % interval == 0) & (points <= budget)], snapshots)
