"""How far are batch norms' statistics from what a network makes: the right one, and wrong ones.

The limit `FITS_BELOW` has to lie between the two. Wrong are the prior (uniform for normal, or the
other way round), or every activation between two norms.
"""

from dataclasses import replace

import click
import numpy as np
from tabulate import tabulate

from ganinv_cli import formats
from ganinv_cli.network.graph import Network
from ganinv_cli.network.layers import Activation, BatchNorm
from ganinv_cli.network.norms.check import compare_norms
from ganinv_cli.network.norms.measure import find_stored_norms, make_measure
from ganinv_cli.prior import Prior, Uniform, parse_prior
from ganinv_cli.settings.conventions import Conventions
from ganinv_cli.settings.shipped import find

WRONG = (
    *(Activation("leaky_relu", slope) for slope in (0.01, 0.1, 0.2)),
    *(Activation("elu", 1.0), Activation("tanh")),
)


@click.command()
@click.argument("checkpoint")
@click.option("--labels", default=0)
@click.option("--prior", default="")
def main(checkpoint: str, labels: int, prior: str) -> None:
    """One line per network: the discrepancy (of variance and mean together) of each norm."""
    read = formats.read(find("checkpoint", checkpoint), Conventions(labels=labels, prior=prior))
    network = read.network
    assert isinstance(network, Network)
    is_uniform = isinstance(read.prior, Uniform)
    other = parse_prior("normal" if is_uniform else "uniform", network.latent)
    lines = [
        ("as it is", *measure_norms(network, read.prior)),
        (f"prior {str(other).split(':', maxsplit=1)[0]}", *measure_norms(network, other)),
    ]
    for wrong in WRONG:
        slope = "" if wrong.slope is None else f" {wrong.slope:g}"
        lines.append(
            (wrong.name + slope, *measure_norms(replace_activations(network, wrong), read.prior))
        )
    click.echo(tabulate(lines, floatfmt=".3f", tablefmt="github"))


def measure_norms(network: Network, prior: Prior) -> list[float]:
    """Return the total discrepancy of each norm."""
    norms = find_stored_norms(network)
    check = compare_norms(norms.stored, make_measure(network, prior, norms), deviation=1)
    return [row.discrepancy.total for row in check.rows]


def replace_activations(network: Network, wrong: Activation) -> Network:
    """Return the network with other activations before its last norm."""
    last = np.max([n for n, node in enumerate(network.nodes) if isinstance(node.layer, BatchNorm)])
    nodes = (
        node._replace(layer=wrong) if isinstance(node.layer, Activation) and number < last else node
        for number, node in enumerate(network.nodes)
    )
    return replace(network, nodes=tuple(nodes))


if __name__ == "__main__":
    main()
