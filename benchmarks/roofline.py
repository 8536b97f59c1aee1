"""How near is a gradient to what the machine can do, and how near is the solver to the gradient?

The matrix product: the fastest of some large ones, by its multiply-adds. The bare loop: loss and
gradient of one batch over and over, a gradient counted as twice the multiply-adds of a forward
pass. The Jacobian: at one z, half a gradient a component. The solver: what `solve` does from its
second look on, under the stochastic rule, while trials wait for every row. Descent: the same for
`gd`, with curves and snapshots, on random generators that are small. What is compared takes turns
in short slices; a share is the median of the turns, so that both sides feel the pace change.

    python benchmarks/roofline.py --out docs/solvers/roofline.json    # 3 minutes on two cores
    python benchmarks/roofline.py --quick                             # 1 minute, to see it work
"""

import json
import sys
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import click
from roofline_study.table import format_page

from ganinv_cli.settings.config import RecoverConfig
from ganinv_cli.settings.shipped import find


@click.command()
@click.option("--checkpoint", default=RecoverConfig.checkpoint, show_default=True)
@click.option("--quick", is_flag=True, help="Fewer turns and batch sizes.")
@click.option("--out", default="build/roofline.json", type=click.Path(path_type=Path))
def main(checkpoint: str, quick: bool, out: Path) -> None:
    """Print a Markdown table of gradients per second and shares, and write it as JSON."""
    import tensorflow as tf
    from roofline_study.measure import FULL, QUICK, measure_descent, measure_rows

    from ganinv_cli import formats
    from ganinv_cli.engine.devices import find_devices
    from ganinv_cli.network.make_generator import make_generator

    tf.get_logger().setLevel("ERROR")  # else it wonders at so many functions that are alike
    plan = QUICK if quick else FULL
    device = find_devices("auto")[0]
    with device.scope():
        generator = make_generator(formats.read(find("checkpoint", checkpoint)))
        rows = [*measure_rows(generator, plan), *measure_descent(plan)]
    record = {
        "hardware": device.description,
        "versions": {name: version(name) for name in ("ganinv", "tensorflow", "numpy")},
        "command": " ".join(["python", *sys.argv]),
        "checkpoint_sha256": generator.sha256,
        "plan": asdict(plan),
        "rows": [asdict(row) for row in rows],
    }
    click.echo(format_page(record), nl=False)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    write_page(out)


def write_page(path: Path) -> None:
    """Write the Markdown beside a JSON file of this benchmark."""
    path.with_suffix(".md").write_text(format_page(json.loads(path.read_text("utf-8"))), "utf-8")


if __name__ == "__main__":
    main()
