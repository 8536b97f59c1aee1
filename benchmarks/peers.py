"""Compare the speed of recovery with the methods of other projects and of libraries.

All methods use the same gradient, generator, images and machine, in one run. They solve trials 0 to
n − 1 of `ganinv recover`, and stop, restart and choose by the image loss alone. A trial of another
method is done at the largest image loss at which one of our trials ended, so no method has more to
do than ours. A trial is recovered if the final mean of (z − z_true)² is below 1e-4. The result is
the number of trials recovered per second. Start-up and tracing are left out for all methods; the
measurement of our preconditioner is included. Each method has its authors' settings, except where
they would slow it down here: the loss is the pixel mean without a prior on z, finished rows leave
the batch, and there is no restart after a start that explains the image. ganinv runs first and
last. A bare loop before and after each method shows whether the speed of the machine was constant.

    python benchmarks/peers.py             # about 10 minutes on two cores
    python benchmarks/peers.py --quick     # about 4: few trials, so that ratios are rough

Results are saved in --out after every method, and the same command continues from there. The table
is written beside it, as Markdown.
TensorFlow Probability is optional: pip install tensorflow-probability tf-keras.
"""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
from side_by_side import records

from ganinv_cli.errors import GaninvError
from ganinv_cli.settings.config import RecoverConfig
from ganinv_cli.settings.shipped import find

if TYPE_CHECKING:
    from side_by_side.entries import Entry
    from side_by_side.task import RecoveryBenchmark

TFP_PACKAGES = ("tensorflow_probability", "tf_keras")


@click.command()
@click.option("--checkpoint", default=RecoverConfig.checkpoint, show_default=True)
@click.option(
    "--out", type=click.Path(path_type=Path), default="build/peers.json", show_default=True
)
@click.option("--only", help="Methods to run, separated by commas; an unknown name lists all.")
@click.option(
    "--trials",
    type=click.IntRange(1),
    help="Number of trials for every method, instead of its own.",
)
@click.option(
    "--descent-updates",
    type=click.IntRange(1),
    help="Number of descent updates, instead of 80,000 as in the paper.",
)
@click.option("--quick", is_flag=True, help="Few trials and updates, to test the program.")
@click.option("--overwrite", is_flag=True, help="Run methods again that --out already has.")
def main(
    checkpoint: str,
    out: Path,
    only: str | None,
    trials: int | None,
    descent_updates: int | None,
    quick: bool,
    overwrite: bool,
) -> None:
    """Print a Markdown table of trials recovered per second, ours over theirs."""
    from side_by_side.entries import ENTRIES
    from side_by_side.task import RecoveryBenchmark

    from ganinv_cli import formats
    from ganinv_cli.engine.devices import find_devices
    from ganinv_cli.network.make_generator import make_generator

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
        task = RecoveryBenchmark(generator)
        for name, record in _run_entries(task, asked, kept):
            known |= {name: record}
            known = {each: known[each] for each in ENTRIES if each in known}
            records.save_records(out, here, known)
            write_page(out)
    click.echo(records.format_page(known, here), nl=False)


def write_page(path: Path) -> None:
    """Write the Markdown beside a JSON file of this benchmark."""
    page = records.format_page(*records.read_records(path))
    path.with_suffix(".md").write_text(page, "utf-8")


def _select_entries(
    names: list[str], quick: bool, trials: int | None, descent_updates: int | None
) -> "dict[str, tuple[Entry, int, int]]":
    """Return each method's entry, trials and updates; methods that cannot run are left out."""
    from side_by_side.entries import ENTRIES

    asked = {}
    for name in names:
        entry = ENTRIES[name]
        if name.startswith("tfp") and not all(map(importlib.util.find_spec, TFP_PACKAGES)):
            click.echo(f"{name}: left out, it needs {' and '.join(TFP_PACKAGES)}", err=True)
            continue
        updates = entry.quick_updates if quick else entry.updates
        if name == "paper-code" and descent_updates:
            updates = descent_updates
        count = trials or (entry.quick_trials if quick else entry.trials)
        asked[name] = entry, count, updates
    return asked


def _run_entries(
    task: "RecoveryBenchmark", asked: "dict[str, tuple[Entry, int, int]]", known: records.Records
) -> Iterator[tuple[str, records.Record]]:
    """Yield the record of each method that is not in `known`; ours must be the first."""
    from side_by_side.task import BATCH

    known = dict(known)
    for name, (entry, trials, updates) in asked.items():
        stop = 0.0 if name in records.OURS else records.find_stop(known)
        if stop is None:
            raise click.UsageError(
                f"{name} stops at the image loss of ganinv's recovered trials, and --out has none "
                "of these; run ganinv before it"
            )
        settings = (entry.title, updates, entry.author_updates, trials, stop)
        if name in known and known[name].settings == settings:
            click.echo(f"{name}: kept", err=True)
            continue
        click.echo(f"{name}: {trials} trials, batches of {min(trials, BATCH)}", err=True)
        before = task.measure_pace()
        found = entry.method(updates)(task, trials, stop)
        pace = before, task.measure_pace()
        errors = task.z_error(found.z)
        record = records.make_record(
            entry.title, (updates, entry.author_updates), found, errors, pace, stop
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
