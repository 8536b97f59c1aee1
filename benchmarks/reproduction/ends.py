"""Are the ends of failed first starts minima inside the bounds, or can the loss still fall?

    python -m benchmarks.reproduction.ends docs/results docs/reproduction/ends.json

The first start of each failed trial (error of z at least 1e-3) is continued inside the bounds from
its end, by SciPy's L-BFGS-B on the loss in float64. Then `refine/minimum.py` tests whether the
result is a minimum inside the bounds. At most 8 trials for each run and rule. Runs with batch
statistics are left out, because their trials have no separate losses.
"""

import json
from pathlib import Path
from typing import Any

import click
import numpy as np
import tensorflow as tf
from scipy.optimize import minimize

from ganinv_cli.outcome import Outcome
from ganinv_cli.refine.minimum import MinimumTest, MinimumTester
from ganinv_cli.statistics import EPSILONS

from .generator import read_generator
from .protocols import Protocol, read_protocols

MOST = 8  # trials continued for each run and rule
MAX_GRADIENTS = 1000
FAILED, FOUND = EPSILONS["1e-3"], EPSILONS["1e-4"]
RULES = ("standard", "stochastic")  # whose z stays inside the bounds


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
def main(folder: Path, out: Path) -> None:
    """Continue, count, and write the counts."""
    rows = []
    for protocol in read_protocols(folder):
        if protocol.is_coupled or protocol.counts_ever:
            continue
        for rule in RULES:
            if rule in protocol.rules and not protocol.find_successes(rule, FAILED).all():
                rows.append(continue_failures(protocol, rule))
                click.echo(json.dumps(rows[-1]))
                out.parent.mkdir(parents=True, exist_ok=True)
                out.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")


def continue_failures(protocol: Protocol, rule: str) -> dict[str, Any]:
    """Return the counts of a run's failed first starts under a rule."""
    generator = read_generator(protocol.config)
    tester = MinimumTest(steps=0).compile_for(generator)
    failed = np.flatnonzero(~protocol.find_successes(rule, FAILED))
    z_true = np.asarray(protocol.results.groups[""]["z_true"])
    starts = np.asarray(protocol.results.groups[rule]["first/z_found"])
    row = {"title": protocol.title, "rule": rule, "failed": len(failed)}
    counts = {"true": 0, "minimum_at_bound": 0, "minimum_inside": 0, "unsettled": 0}
    at_bound = []
    low, high = generator.prior.low, generator.prior.high
    for trial in failed[:MOST]:
        target = generator(tf.constant(z_true[trial : trial + 1])).numpy()[0]
        z = descend_inside(tester, starts[trial], target, low, high)
        components = int(np.sum((z <= low) | (z >= high)))
        if np.mean((z - z_true[trial]) ** 2) < FOUND:
            counts["true"] += 1
        elif tester(z, target, rule).outcome is not Outcome.converged:
            counts["unsettled"] += 1
        elif components:
            counts["minimum_at_bound"] += 1
            at_bound.append(components)
        else:
            counts["minimum_inside"] += 1
    mean = float(np.mean(at_bound)) if at_bound else None
    return row | {"continued": len(failed[:MOST]), "components_at_bound": mean} | counts


def descend_inside(
    tester: MinimumTester, start: np.ndarray, target: np.ndarray, low: float, high: float
) -> np.ndarray:
    """Return the z (latent,) that L-BFGS-B reaches from `start`, clipped to the bounds."""

    def evaluate(z: np.ndarray) -> tuple[float, np.ndarray]:
        point = tester.evaluate_point(z, target)
        return point.loss, point.gradient

    found = minimize(
        evaluate,
        np.clip(start, low, high),
        jac=True,
        method="L-BFGS-B",
        bounds=[(low, high)] * len(start),
        options={"maxcor": 50, "maxfun": MAX_GRADIENTS, "maxiter": MAX_GRADIENTS, "ftol": 1e-15},
    )
    return np.asarray(found.x)


if __name__ == "__main__":
    main()
