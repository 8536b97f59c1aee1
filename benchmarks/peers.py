"""How much sooner is z recovered than by the methods of other projects and of libraries?

All on the same gradient, generator, images and machine, in one run: trials 0 to n − 1 of
`ganinv recover`, the image loss alone to stop, restart and choose by. A peer's trial is done at the
largest image loss at which one of ours ended, so that none has more to do than ours. A trial counts
as recovered when the mean of (z − z_true)² is below 1e-4 where the method ended, and what is
compared is trials recovered a second, start-up and tracing left out for all, the measuring of our
preconditioner counted. Each method has its authors' settings;
where these cost it something here, it is spared that: pixel means without a prior on z, rows that
are done leave the batch, no restart after a start that explains the image. ganinv runs first and
last, and a bare loop around every method tells whether the machine kept its pace.

    python benchmarks/peers.py             # about 10 minutes on two cores
    python benchmarks/peers.py --quick     # about 2, to see it work: too few trials to compare

What was measured is kept in --out after every method, and the same command goes on from there.
TensorFlow Probability is optional: pip install tensorflow-probability tf-keras.
"""

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click
from side_by_side import records
from side_by_side.descents import Descent, adam, momentum, redraw_outside, redraw_together
from side_by_side.libraries import BatchedLBFGS, BoundedLBFGS, BoundedLeastSquares
from side_by_side.ours import run_ganinv
from side_by_side.task import BATCH, Method, RecoveryBenchmark

from ganinv_cli import formats
from ganinv_cli.engine.devices import find_devices
from ganinv_cli.errors import GaninvError
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.settings.config import RecoverConfig
from ganinv_cli.settings.shipped import find

TFP_PACKAGES = ("tensorflow_probability", "tf_keras")
TFP_TITLE = f"TensorFlow Probability {records.package_version('tensorflow-probability')} L-BFGS"


@dataclass(frozen=True)
class Entry:
    """A method and how much of it is run."""

    title: str
    method: Callable[[int], Method]  # with so many updates a start
    trials: int
    quick_trials: int  # trials of --quick
    updates: int = 0  # a start; 0 where the method counts none
    quick_updates: int = 0
    author_updates: int = 0  # that its authors give it


def _make_descent(**settings: object) -> Callable[[int], Method]:
    return lambda updates: Descent(updates=updates, **settings)  # type: ignore[arg-type]


def _ignore_updates(method: Method) -> Callable[[int], Method]:
    return lambda updates: method


# From each project's code, and its configuration for CelebA where it has several. csgm starts from
# its generator's prior, so here from this one's; Defense-GAN at √(1/latent) of a normal, near 0.
ENTRIES = {
    "ganinv": Entry("**ganinv**, its default", _ignore_updates(run_ganinv), 256, 64),
    "paper-code": Entry(
        "ReverseGAN (Lipton & Tripathi): descent, rate 1, redraws, float64 z",
        _make_descent(
            move=momentum(1.0, 0.0, halve_every=50_000), clip=redraw_outside, precision="float64"
        ),
        *(8, 4, 2_000, 250, 80_000),
    ),
    "pytorch-reverse-gan": Entry(
        "pytorch-reverse-gan: Adam .01 (.5, .999), redraws",
        _make_descent(move=adam(0.01, 0.5), clip=redraw_together),
        *(8, 4, 5_000, 500, 5_000),
    ),
    "csgm": Entry(
        "csgm (Bora et al.): Adam .1, best of up to 10",
        _make_descent(move=adam(0.1, 0.9), starts=10),
        *(8, 2, 500, 500, 500),
    ),
    "defense-gan": Entry(
        "Defense-GAN: momentum .7, rate 10, best of up to 2",
        _make_descent(move=momentum(10.0, 0.7), starts=2, spread=0.1),
        *(64, 8, 200, 200, 200),
    ),
    "scipy-lbfgsb": Entry(
        "SciPy L-BFGS-B in bounds, one image at a time", _ignore_updates(BoundedLBFGS()), 16, 2
    ),
    "scipy-lbfgsb-50": Entry(
        "SciPy L-BFGS-B, memory 50", _ignore_updates(BoundedLBFGS(memory=50)), 16, 2
    ),
    "scipy-least-squares": Entry(
        "SciPy least_squares (trf) in bounds, one image at a time",
        _ignore_updates(BoundedLeastSquares()),
        *(2, 1),
    ),
    "tfp-lbfgs": Entry(f"{TFP_TITLE}, one batch", _ignore_updates(BatchedLBFGS()), 16, 4),
    "tfp-lbfgs-50": Entry(
        f"{TFP_TITLE}, memory 50", _ignore_updates(BatchedLBFGS(memory=50)), 16, 4
    ),
    "ganinv again": Entry("**ganinv**, again at the end", _ignore_updates(run_ganinv), 256, 64),
}


@click.command()
@click.option("--checkpoint", default=RecoverConfig.checkpoint, show_default=True)
@click.option(
    "--out", type=click.Path(path_type=Path), default="build/peers.json", show_default=True
)
@click.option("--only", help=f"Some of them, by commas: {', '.join(ENTRIES)}.")
@click.option("--trials", type=click.IntRange(1), help="Of every method, in place of its own.")
@click.option("--descent-updates", type=click.IntRange(1), help="Of the paper's 80,000.")
@click.option("--quick", is_flag=True, help="Few trials and updates: does it all run?")
@click.option("--overwrite", is_flag=True, help="Run again what --out holds already.")
def main(
    checkpoint: str,
    out: Path,
    only: str | None,
    trials: int | None,
    descent_updates: int | None,
    quick: bool,
    overwrite: bool,
) -> None:
    """Print a Markdown table of trials recovered a second, ours over theirs."""
    names = only.split(",") if only else [*ENTRIES]
    if unknown := [name for name in names if name not in ENTRIES]:
        raise click.UsageError(f"no method {unknown[0]!r}; they are {', '.join(ENTRIES)}")
    try:
        device = find_devices("auto")[0]
        generator = make_generator(formats.read(find("checkpoint", checkpoint)))
        here = records.describe_environment(device.description, generator)
        known = {} if overwrite and not only else records.load_records(out, here)
    except GaninvError as error:
        raise click.UsageError(str(error)) from None
    asked = _select_entries(names, quick, trials, descent_updates)
    kept = {name: known[name] for name in known if not (overwrite and name in asked)}
    with device.scope():
        for name, record in _run_entries(RecoveryBenchmark(generator), asked, kept):
            known = {each: known[each] for each in ENTRIES if each in known} | {name: record}
            records.save_records(out, here, known)
    click.echo(records.format_table({name: known[name] for name in ENTRIES if name in known}, here))


def _select_entries(
    names: list[str], quick: bool, trials: int | None, descent_updates: int | None
) -> dict[str, tuple[Entry, int, int]]:
    """Each method with its trials and updates; what cannot run here is said and left out."""
    asked = {}
    for name in names:
        entrant = ENTRIES[name]
        if name.startswith("tfp") and not all(map(importlib.util.find_spec, TFP_PACKAGES)):
            click.echo(f"{name}: left out, it needs {' and '.join(TFP_PACKAGES)}", err=True)
            continue
        updates = entrant.quick_updates if quick else entrant.updates
        if name == "paper-code" and descent_updates:
            updates = descent_updates
        count = trials or (entrant.quick_trials if quick else entrant.trials)
        asked[name] = entrant, count, updates
    return asked


def _run_entries(
    task: RecoveryBenchmark, asked: dict[str, tuple[Entry, int, int]], known: records.Records
) -> Iterator[tuple[str, records.Record]]:
    """The records of what is not known already, as they are made; ours must be the first."""
    known = dict(known)
    for name, (entrant, trials, updates) in asked.items():
        stop = 0.0 if name in records.OURS else records.find_stop(known)
        if stop is None:
            raise click.UsageError(
                f"{name} stops where ganinv's recovered trials do, and there is none of these in "
                "--out: run ganinv before it"
            )
        settings = (entrant.title, updates, entrant.author_updates, trials, stop)
        if name in known and known[name].settings == settings:
            click.echo(f"{name}: kept", err=True)
            continue
        click.echo(f"{name}: {trials} trials, batches of {min(trials, BATCH)}", err=True)
        before = task.measure_pace()
        found = entrant.method(updates)(task, trials, stop)
        pace = before, task.measure_pace()
        errors = task.z_error(found.z)
        record = records.make_record(
            entrant.title, (updates, entrant.author_updates), found, errors, pace, stop
        )
        known[name] = record
        click.echo(
            f"{name}: {record.recovered} of {trials} in {record.seconds:.0f} s, image loss "
            f"{min(record.image_losses):.1e} to {max(record.image_losses):.1e}",
            err=True,
        )
        yield name, record


if __name__ == "__main__":
    main()
