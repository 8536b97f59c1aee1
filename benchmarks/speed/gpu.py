"""Speed on a GPU: gradients per second by batch, precision and XLA, and `recover` as a whole.

    python -m benchmarks.speed.gpu --out docs/scaling/gpu.json        (make bench-gpu)

Runs on every GPU that TensorFlow finds. `--device cpu` only tests the program on a machine without
a GPU; its numbers mean nothing.
"""

import itertools
from pathlib import Path

import click
import tensorflow as tf

import ganinv_cli as ganinv
from benchmarks.records import format_page, publish
from benchmarks.speed.bare_loop import make_bare_loop, measure_rate
from ganinv_cli import formats
from ganinv_cli.cli.options import CommaList
from ganinv_cli.engine.devices import Device, describe_machine, find_devices
from ganinv_cli.errors import UsageError
from ganinv_cli.network.generator import Generator
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.settings.config import RecoverConfig
from ganinv_cli.settings.shipped import find

SECONDS = 2.0  # of a bare loop, after one call that is not counted


@click.command()
@click.option("--checkpoint", default=RecoverConfig.checkpoint, show_default=True)
@click.option("--device", default="gpu", show_default=True)
@click.option("--trials", default=1000, show_default=True)
@click.option("--batches", default="64,256,1024", type=CommaList(click.INT))
@click.option("--xla/--no-xla", default=True, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="JSON; a Markdown table beside it.")
def main(
    checkpoint: str, device: str, trials: int, batches: tuple[int, ...], xla: bool, out: Path | None
) -> None:
    """Print a row for each measurement."""
    try:
        used = find_devices(device)
    except UsageError as error:
        raise click.ClickException(str(error)) from None
    kinds = itertools.product(("float32", "bfloat16"), batches, (False, True) if xla else (False,))
    with used[0].scope():
        generator = make_generator(formats.read(find("checkpoint", checkpoint)))
        rows = [_measure_loop(generator, used[0], *kind) for kind in kinds]
    rows += [_measure_recover(checkpoint, device, trials, each) for each in ("float32", "mixed")]
    about = f"{describe_machine(used, 'auto').device}; TensorFlow {tf.__version__}, checkpoint "
    about += f"{generator.sha256[:12]}; `make bench-gpu`"
    publish({"title": "On a GPU", "about": about, "rows": rows}, format_page, out)


def _measure_loop(
    generator: Generator, device: Device, precision: str, size: int, xla: bool
) -> dict[str, object]:
    """Return the row of a bare loop; without a rate if the memory or the graph is too large."""
    what = f"bare loop, {precision}" + (", XLA" if xla else "")
    try:
        call = make_bare_loop(generator, size, precision, xla=xla)
        call()
        rate = round(measure_rate(call, SECONDS), 1)
    except tf.errors.OpError:
        rate = None
    memory = None
    if device.kind != "cpu":
        name = f"GPU:{device.number}"
        memory = round(tf.config.experimental.get_memory_info(name)["peak"] / 1e6)
        tf.config.experimental.reset_memory_stats(name)
    row = {"what": what, "batch": size, "gradients per second": rate, "trials per second": ""}
    return row | {"peak memory, MB": memory}


def _measure_recover(
    checkpoint: str, device: str, trials: int, precision: str
) -> dict[str, object]:
    """Return the row of `ganinv recover` on all devices, in seconds of one device's solver."""
    run = ganinv.recover(
        checkpoint, trials=trials, rule="stochastic", device=device, precision=precision
    )
    (row,) = run.tables["table1"]
    return {
        "what": f"recover --precision {precision}, per device",
        "batch": "auto",
        "gradients per second": round(row["gradients"] / row["seconds"], 1),
        "trials per second": round(1 / row["seconds"], 2),
        "peak memory, MB": "",
    }


if __name__ == "__main__":
    main()
