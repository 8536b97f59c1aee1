"""`ganinv convert`."""

from dataclasses import replace
from pathlib import Path

import click

from ganinv_cli.cli import generators
from ganinv_cli.cli.generators import Chosen


@click.command()
@generators.chosen(click.argument("checkpoint", metavar="SRC"))
@click.argument("destination", metavar="DST", type=click.Path(path_type=Path))
@click.option("--overwrite", is_flag=True, help="Replace what exists.")
@click.option("-v", "--verbose", is_flag=True, help="Say what was loaded.")
@click.option("-q", "--quiet", is_flag=True, help="Only what goes wrong.")
def convert(chosen: Chosen, destination: Path, overwrite: bool, verbose: bool, quiet: bool) -> None:
    """Write a generator in another format.

    DST ends in .keras for a Keras model, which holds nearly every generator. Any other DST is a
    TensorFlow checkpoint in layout C, for DCGANs: a folder, or a prefix such as faces/DCGAN.model-0
    in one. What was written is read again, and put in place only if it makes the same pictures. A
    prior that the format does not imply goes into generator.toml beside it.

    \b
    Examples:
        ganinv convert generator.pt faces/
        ganinv convert portraits64 portraits.keras
    """
    from ganinv_cli.conversion.places import destination as meant

    place = meant(destination, overwrite)
    found = generators.read(chosen.path, chosen.told, verbose, quiet)
    generators.generator(found, label=chosen.label)  # whether there is such a label
    from ganinv_cli.conversion.writing import write
    from ganinv_cli.folding import labelled

    if chosen.label >= 0:
        found = replace(found, network=labelled(found.network, chosen.label))
    written = write(found, place)
    if not quiet:
        same = "the same layers" if written.sha256 == found.sha256 else "other layers"
        click.echo(f"{written.path}: {', '.join(written.files)}")
        click.echo(f"sha256 {written.sha256}, {same} as {found.path}")
        click.echo(f"64 pictures differ by at most {written.difference:.2g}, of pixels in [-1, 1]")
        if "generator.toml" in written.files:
            click.echo("generator.toml gives the prior of every generator in its folder")
