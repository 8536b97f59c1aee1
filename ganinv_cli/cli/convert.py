"""`ganinv convert`."""

from pathlib import Path
from typing import Any

import click

from ganinv_cli.cli import options
from ganinv_cli.cli.options import Command
from ganinv_cli.files import check_output_file
from ganinv_cli.progress.reporters import show_on_terminal


@click.command(cls=Command, first=("overwrite", "quiet", "verbose", "prior", "range", "label"))
@options.generator_options(options.generator_argument(metavar="SRC"))
@click.argument("destination", metavar="DST", type=click.Path(path_type=Path))
@options.overwrite(help="Replace existing files.")
@options.verbose()
@options.quiet(help="Print errors only.")
def convert(
    destination: Path, overwrite: bool, verbose: bool, quiet: bool, **generator: Any
) -> None:
    """Write a generator as a Keras model.

    A Keras model can hold nearly every generator that ganinv computes as layers. The written file
    is read again, and kept only if it makes the same pictures. If the prior is not normal, it is
    written to a file beside it, g.keras.toml for g.keras, and ganinv reads it from there. --label
    makes a conditional generator a plain one.

    \b
    Example:
        ganinv convert generator.pt faces.keras
    """
    check_output_file(destination, (".keras",), overwrite, "DST")
    with show_on_terminal(quiet) as reporter:
        checkpoint = options.read_generator(generator, reporter, verbose).checkpoint
    from ganinv_cli.conversion.write import write_generator

    written = write_generator(checkpoint, destination, generator["label"])
    if not quiet:
        same = "the same layers" if written.sha256 == checkpoint.sha256 else "other layers"
        click.echo(destination)
        click.echo(f"sha256 of layers and weights {written.sha256}, {same} as {checkpoint.path}")
        click.echo(f"64 pictures differ by at most {written.difference:.2g}, of pixels in [-1, 1]")
        if written.convention_file:
            click.echo(f"{written.convention_file} holds the prior of z; keep it in this folder")
