"""Compare settings of L-BFGS and clipping rules on the same trials, for docs/solvers.md.

python benchmarks/solvers.py --trials 64 > docs/solvers-table.md
"""

import time
from collections.abc import Sequence

import click
import numpy as np

from ganinv_cli import formats, preconditioner
from ganinv_cli.clipping import RULES
from ganinv_cli.engine.devices import find_devices
from ganinv_cli.experiments.recover import prepare_known_targets
from ganinv_cli.experiments.rows import z_error
from ganinv_cli.jobs import Job, JobQueue
from ganinv_cli.loop.solve import solve
from ganinv_cli.loop.trial import Limits, RecordPoints, Trial
from ganinv_cli.network.generator import Generator
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.settings.config import RecoverConfig
from ganinv_cli.settings.shipped import find
from ganinv_cli.solvers import make_solver

SETTINGS: tuple[dict[str, int], ...] = (
    {},
    {"memory": 50},
    {"metric": 0},
    {"metric": 0, "memory": 50},
)
HEADER = ("lbfgs with", "rule", "first start", "with restarts", "gradients", "median", "most")


@click.command()
@click.option("--checkpoint", default=RecoverConfig.checkpoint, show_default=True)
@click.option("--trials", default=64, show_default=True)
def main(checkpoint: str, trials: int) -> None:
    """Print a Markdown table: trials recovered below 1e-4, and gradients per trial."""
    device = find_devices("auto")[0]
    generator = make_generator(formats.read(find("checkpoint", checkpoint)))
    _print_row(HEADER)
    _print_row(["---"] * len(HEADER))
    for settings in SETTINGS:
        words = ", ".join(f"{key} = {value}" for key, value in settings.items())
        began = time.monotonic()
        done = _solve_trials(generator, settings, trials)
        points = make_solver("lbfgs", settings).preconditioner_points
        share = preconditioner.count_gradients(generator, points) / len(done)
        for rule in RULES:
            _print_row(_format_counts(words or "its defaults", rule, done, share))
        click.echo(f"{words or 'defaults'}: {time.monotonic() - began:.0f} s", err=True)
    click.echo(
        f"\n{trials} trials per rule, seed 0, {device.description}, checkpoint "
        f"{generator.sha256[:12]}. Gradients are the mean per trial, with its share of the "
        "preconditioner."
    )


def _solve_trials(generator: Generator, settings: dict[str, int], trials: int) -> list[Trial]:
    size = RecoverConfig().initial_batch_size
    looks = solve(
        generator,
        make_solver("lbfgs", settings),
        JobQueue([Job(trial, rules=(rule,)) for trial in range(trials) for rule in RULES]),
        prepare_known_targets(generator, 0, size),
        Limits(RecoverConfig.tolerance, RecoverConfig.budget, RecoverConfig.restarts),
        RecordPoints(np.array([]), np.array([])),
        seed=0,
        batch_size=size,
    )
    return [trial for look in looks for trial in look.finished]


def _format_counts(words: str, rule: str, done: Sequence[Trial], share: float) -> list[str]:
    trials = [trial for trial in done if trial.rule == rule]
    first, best = (
        sum(
            z_error(end.z, trial.target.z_true) < 1e-4
            for end, trial in zip(ends, trials, strict=True)
        )
        for ends in ([t.start_results[0] for t in trials], [t.best for t in trials])
    )
    spent = np.array([trial.gradients for trial in trials])
    numbers = (spent.mean() + share, np.median(spent) + share, spent.max())
    counts = [f"{count} of {len(trials)}" for count in (first, best)]
    return [words, rule, *counts, *(f"{number:.0f}" for number in numbers)]


def _print_row(cells: Sequence[str]) -> None:
    click.echo(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
