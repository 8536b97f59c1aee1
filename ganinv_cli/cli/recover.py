"""`ganinv recover`."""

from pathlib import Path
from typing import Any

import click

from ganinv_cli.cli import options, publishing


@click.command()
@options.experiment
@options.results("recover.h5")
def recover(
    config: str | None,
    out: Path,
    overwrite: bool,
    style: str,
    verbose: bool,
    quiet: bool,
    **settings: Any,
) -> None:
    """Recover known latent vectors: Table 1 and Figure 1 of the paper.

    Draws latent vectors, makes their images, and recovers each under every technique from the same
    start. Prints how often, how closely and how fast. The same command goes on where it stopped; a
    larger --trials extends a finished run.

    \b
    Example:
        ganinv recover --trials 200
        ganinv recover --config paper-text --trials 8 --out paper.h5
    """
    folder = publishing.folder(out)

    from ganinv_cli import config as configs
    from ganinv_cli.cli import progress, startup
    from ganinv_cli.resources import find

    chosen = configs.load(find("config", config) if config else None, settings)
    checkpoint = find("checkpoint", chosen.checkpoint)
    if chosen.note and not quiet:
        click.echo(chosen.note.strip(), err=True)

    startup.tensorflow(verbose)
    from ganinv_cli import formats
    from ganinv_cli.engine.local import Device
    from ganinv_cli.experiments.recover import recover as run
    from ganinv_cli.generator import Generator

    device = Device(chosen.device)
    found = formats.read(checkpoint)
    if verbose:
        click.echo(f"{found.path}: {found.format}, layout {found.layout}, {found.sha256}", err=True)
        click.echo(f"ignored: {', '.join(found.ignored) or 'nothing'}", err=True)
        click.echo(f"on {device.description}", err=True)
    with device.scope(), progress.recovery(out, quiet) as show:
        generator = Generator(found, chosen.batch_norm)
        run(chosen, generator, device.description, out, overwrite, show)
    publishing.publish({out: folder}, style, quiet)
