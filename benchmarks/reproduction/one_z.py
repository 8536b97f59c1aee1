"""Recover one known z from many starts by gradient descent, without rounding its image to 8 bits.

    python -m benchmarks.reproduction.one_z --out build/one-z.h5

`ganinv consistency` takes image files, whose pixels are bytes. Here every trial has the z of the
first trial of `ganinv recover`, and its own start. The result is a file of `recover`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

from ganinv_cli.engine.loaded_generator import read_generator
from ganinv_cli.experiments.recover import RecoverPlan
from ganinv_cli.experiments.run import run_experiment
from ganinv_cli.jobs import Job
from ganinv_cli.loop.trial import MakeTargets, RecordPoints, Target
from ganinv_cli.network.generator import Generator
from ganinv_cli.progress.reporters import show_on_terminal
from ganinv_cli.settings.config import RecoverConfig
from ganinv_cli.solvers import make_solver

SNAPSHOTS = (5_000, 20_000)  # updates, at which z is kept


@dataclass(frozen=True, eq=False)
class OneImagePlan(RecoverPlan):
    """Recover one z, that of trial 0, from the starts of all trials."""

    def prepare_targets(self, generator: Generator) -> MakeTargets:
        make_known = super().prepare_targets(generator)

        def make_targets(jobs: Sequence[Job]) -> list[Target]:
            return make_known([job._replace(trial=0) for job in jobs])

        return make_targets


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--checkpoint", default="faces32", show_default=True)
@click.option("--rate", default=0.727, show_default=True, help="Learning rate for the pixel mean.")
@click.option("--trials", default=64, show_default=True)
@click.option("--updates", default=80_000, show_default=True)
@click.option("--quiet", is_flag=True)
def main(out: Path, checkpoint: str, rate: float, trials: int, updates: int, quiet: bool) -> None:
    """Write OUT, a results file; the same command continues a stopped run."""
    config = RecoverConfig(
        checkpoint=f"checkpoints/{checkpoint}",
        trials=trials,
        solver="gd",
        budget=updates + 1,
        tolerance=0,
        restarts=0,
        batch_size=64,
        snapshots=SNAPSHOTS,
        seed=1,
        note="every trial has the z of trial 0; its image is not rounded to 8 bits",
        solver_tables={"gd": {"rate": rate}},
    )
    with show_on_terminal(quiet) as reporter:
        generator = read_generator(config, reporter)
        run_experiment(config, generator, out, reporter, make_plan=_make_plan)


def _make_plan(config: RecoverConfig, generator: Generator) -> OneImagePlan:
    points = RecordPoints(np.array(SNAPSHOTS, float), np.array(SNAPSHOTS, float))
    solver = make_solver(config.solver, config.solver_settings)
    return OneImagePlan(config, solver, record_points=points)


if __name__ == "__main__":
    main()
