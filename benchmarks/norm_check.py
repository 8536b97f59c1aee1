"""Compare stored batch-norm statistics with measured ones, for the right and wrong networks.

    python benchmarks/norm_check.py portraits64 --out docs/checkpoints/norms.json    # 20 seconds

The limit `FITS_BELOW` must be between the two. A wrong network has another prior (uniform for
normal or normal for uniform), or another activation between all norms.
"""

import sys
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
from side_by_side.tables import print_table, write_table_page

from ganinv_cli.network.graph import Network
from ganinv_cli.network.layers import Activation, BatchNorm
from ganinv_cli.network.norms.check import compare_norms
from ganinv_cli.prior import Prior, Uniform, parse_prior
from ganinv_cli.settings.conventions import Conventions
from ganinv_cli.settings.shipped import find

TITLE = "Discrepancy at each norm"
WRONG = (
    *(Activation("leaky_relu", slope) for slope in (0.01, 0.1, 0.2)),
    *(Activation("elu", 1.0), Activation("tanh")),
)


@click.command()
@click.argument("checkpoint")
@click.option("--labels", default=0)
@click.option("--prior", default="")
@click.option("--out", type=click.Path(path_type=Path), help="JSON; a Markdown table beside it.")
def main(checkpoint: str, labels: int, prior: str, out: Path | None) -> None:
    """Print the discrepancy (variance and mean together) of each norm for each network."""
    from ganinv_cli import formats

    read = formats.read(find("checkpoint", checkpoint), Conventions(labels=labels, prior=prior))
    network = read.network
    assert isinstance(network, Network)
    is_uniform = isinstance(read.prior, Uniform)
    other = parse_prior("normal" if is_uniform else "uniform", network.latent)
    found = {
        "as it is": measure_norms(network, read.prior),
        f"prior {str(other).split(':', maxsplit=1)[0]}": measure_norms(network, other),
    }
    for wrong in WRONG:
        slope = "" if wrong.slope is None else f":{wrong.slope:g}"
        found[f"{wrong.name}{slope} between norms"] = measure_norms(
            replace_activations(network, wrong), read.prior
        )
    rows = [
        {"network": name} | {f"norm {at}": round(value, 3) for at, value in enumerate(norms, 1)}
        for name, norms in found.items()
    ]
    print_table(TITLE, rows, f"`{' '.join(['python', *sys.argv])}`", out)


def write_page(path: Path) -> None:
    """Write the Markdown beside a JSON file of this benchmark."""
    write_table_page(path)


def measure_norms(network: Network, prior: Prior) -> list[float]:
    """Return the total discrepancy of each norm."""
    from ganinv_cli.network.norms.measure import prepare_norms

    norms, measure = prepare_norms(network, prior)
    check = compare_norms(norms, measure, deviation=1)
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
