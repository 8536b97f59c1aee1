"""`ganinv convert`."""

from pathlib import Path

import click

from ganinv_cli.cli import options, startup
from ganinv_cli.cli.options import GeneratorChoice


@click.command()
@options.generator_choice(click.argument("checkpoint", metavar="SRC"))
@click.argument("destination", metavar="DST", type=click.Path(path_type=Path))
@options.overwrite(help="Replace existing files.")
@options.verbose()
@options.quiet(help="Print errors only.")
def convert(
    choice: GeneratorChoice, destination: Path, overwrite: bool, verbose: bool, quiet: bool
) -> None:
    """Write a generator in another format.

    DST ends in .keras for a Keras model, which holds nearly every generator. Any other DST is a
    folder, or a prefix such as faces/DCGAN.model-0 in one, for plain DCGANs alone: layout C, a
    TensorFlow 1 checkpoint with the names of carpedm20's DCGAN: dense, then 'relu, transposed
    convolution of stride 2' to a tanh. Batch norms may stand between, and --label makes a
    conditional generator a plain one.

    What was written is read again, and put in place only if it makes the same pictures. A prior
    that the format does not imply goes into a file beside it: g.keras.toml for g.keras,
    DCGAN.model-0.toml for that prefix, generator.toml in a new folder. ganinv reads it from there.

    \b
    Examples:
        ganinv convert generator.pt faces/
        ganinv convert portraits64 portraits.keras
    """
    from ganinv_cli.conversion.destination import parse_destination

    target = parse_destination(destination, overwrite)
    checkpoint = startup.read_checkpoint(choice.path, choice.conventions, verbose, quiet)
    startup.make_generator_spec(checkpoint, label=choice.label)  # refuses a label out of range
    from ganinv_cli.conversion.write import write_generator

    written = write_generator(checkpoint, target, choice.label)
    if not quiet:
        same = "the same layers" if written.sha256 == checkpoint.sha256 else "other layers"
        click.echo(f"{written.path}: {', '.join(written.files)}")
        click.echo(f"sha256 of layers and weights {written.sha256}, {same} as {checkpoint.path}")
        click.echo(f"64 pictures differ by at most {written.difference:.2g}, of pixels in [-1, 1]")
        if target.convention_file in written.files:
            click.echo(
                f"{target.folder / target.convention_file} says where z comes from; keep it beside"
            )
