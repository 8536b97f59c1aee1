"""Compare the speed of gradients with the machine's limit, and the solver with bare gradients.

The matrix product is the fastest of several large ones, in multiply-adds. The bare loop computes
loss and gradient of one batch repeatedly; a gradient counts as twice the multiply-adds of a forward
pass. The Jacobian is computed at one z and counts as half a gradient per component. The solver is
`solve` from its second increment on, under the stochastic rule, with trials for every row. Descent
is the same for `gd`, with curves and snapshots, on small random generators. Measurements that are
compared alternate in short slices. A share is the median over these turns, so that a change in the
machine's speed affects both sides.

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
@click.option("--quick", is_flag=True, help="Fewer turns and batch sizes, to test the program.")
@click.option("--out", default="build/roofline.json", type=click.Path(path_type=Path))
def main(checkpoint: str, quick: bool, out: Path) -> None:
    """Print a Markdown table of gradients per second and shares, and write it as JSON."""
    import tensorflow as tf
    from roofline_study.measure import FULL, QUICK, measure_descent, measure_rows

    from ganinv_cli import formats
    from ganinv_cli.engine.devices import find_devices
    from ganinv_cli.network.make_generator import make_generator

    tf.get_logger().setLevel("ERROR")  # else it warns about many similar functions
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
