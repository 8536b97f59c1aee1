"""`ganinv convert`."""

from pathlib import Path
from typing import Any

import click

from ganinv_cli.cli import options
from ganinv_cli.cli.options import Command
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
    """Write a generator in another format.

    If DST ends in .keras, a Keras model is written, which can hold nearly every generator. Any
    other DST is a folder, or a prefix in a folder such as faces/DCGAN.model-0, for a TensorFlow 1
    checkpoint with the names of carpedm20's DCGAN (layout C). This can only hold a plain DCGAN: a
    dense layer, then transposed convolutions of stride 2, each after a ReLU, then tanh; batch norms
    are allowed. --label makes a conditional generator a plain one.

    The written file is read again, and kept only if it makes the same pictures. If the format does
    not imply the prior, the prior is written to a file beside it: g.keras.toml for g.keras,
    DCGAN.model-0.toml for that prefix, generator.toml in a new folder. ganinv reads it from there.

    \b
    Examples:
        ganinv convert generator.pt faces/
        ganinv convert portraits64 portraits.keras
    """
    from ganinv_cli.conversion.destination import parse_destination

    target = parse_destination(destination, overwrite)
    with show_on_terminal(quiet) as reporter:
        checkpoint = options.read_generator(generator, reporter, verbose).checkpoint
    from ganinv_cli.conversion.write import write_generator

    written = write_generator(checkpoint, target, generator["label"])
    if not quiet:
        same = "the same layers" if written.sha256 == checkpoint.sha256 else "other layers"
        click.echo(f"{written.path}: {', '.join(written.files)}")
        click.echo(f"sha256 of layers and weights {written.sha256}, {same} as {checkpoint.path}")
        click.echo(f"64 pictures differ by at most {written.difference:.2g}, of pixels in [-1, 1]")
        if target.convention_file in written.files:
            click.echo(
                f"{target.folder / target.convention_file} holds the prior of z; keep it in this "
                "folder"
            )
