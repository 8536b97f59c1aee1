"""Search for a lower loss near the recoveries, by gradient sampling from their ends.

The method of Burke, Lewis & Overton (2005, SIAM J. Optim. 15, 751–779) converges on functions with
kinks. It steps against the shortest convex combination of gradients sampled in a ball, and shrinks
the ball if no step lowers the loss. Takes a results file of `ganinv consistency`.
"""

from pathlib import Path

import click
import numpy as np
from tabulate import tabulate

from ganinv_cli import formats
from ganinv_cli.images import to_floats
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.refine.minimum import MinimumTest, MinimumTester, shortest_combination
from ganinv_cli.settings.config import Config
from ganinv_cli.settings.shipped import find
from ganinv_cli.store import read_results

FIRST_RADIUS = 1e-2  # of the ball, in z
LAST_RADIUS = 1e-5
ROUNDS = 40
STEP_LENGTHS = 2.0 ** np.arange(6, -7, -1)  # steps to try, in radii


@click.command()
@click.argument("results", type=click.Path(path_type=Path))
@click.argument("group")
@click.option("--recoveries", default=8, show_default=True)
@click.option("--checkpoint", default=Config.checkpoint, show_default=True)
def main(results: Path, group: str, recoveries: int, checkpoint: str) -> None:
    """Print one line per recovery of GROUP, such as image=0000/stochastic."""
    groups = read_results(results).groups
    target = to_floats(groups[group.split("/")[0]]["target"][0])
    generator = make_generator(formats.read(find("checkpoint", checkpoint)))
    polisher = MinimumTest().compile_for(generator)
    low, high = (
        (-np.inf, np.inf) if group.endswith("none") else (generator.prior.low, generator.prior.high)
    )
    lines = []
    for trial, z in enumerate(groups[group]["polished/z_found"][:recoveries]):
        found, before, after, rounds = _sample_gradients(polisher, z, target, low, high)
        moved = np.linalg.norm(found - z) / len(z)
        lines.append(
            (f"{trial}", f"{before:,.3f}", f"{1 - after / before:.1e}", f"{moved:.1e}", f"{rounds}")
        )
    header = ("recovery", "image loss", "fall, as a share of it", "z moved by", "rounds")
    click.echo(tabulate(lines, header, "github", disable_numparse=True))


def _sample_gradients(
    polisher: MinimumTester, z: np.ndarray, target: np.ndarray, low: float, high: float
) -> tuple[np.ndarray, float, float, int]:
    """Return the final z, the losses before and after in float64, and the number of rounds."""
    draw = np.random.default_rng(0)
    _, before, gradient = polisher.evaluate_point(z, target)
    loss = before
    radius, rounds = FIRST_RADIUS, 0
    while radius >= LAST_RADIUS and rounds < ROUNDS:
        rounds += 1
        free = (z > low) & (z < high)
        around = draw.standard_normal((2 * len(z), len(z)))
        around *= free * radius / np.linalg.norm(around, axis=1, keepdims=True)
        _, gradients = polisher.evaluate(np.clip(z + around, low, high), target)
        downhill = np.zeros_like(z)
        downhill[free] = -shortest_combination(np.vstack([gradient, gradients])[:, free])
        downhill /= np.linalg.norm(downhill)
        steps = np.clip(z + radius * STEP_LENGTHS[:, None] * downhill, low, high)
        tried = [polisher.evaluate_point(step, target) for step in steps]
        least = min(range(len(steps)), key=lambda number: tried[number].loss)
        if tried[least].loss < loss:
            z, loss, gradient = tried[least]
        else:
            radius /= 3
    return z, before, loss, rounds


if __name__ == "__main__":
    main()
