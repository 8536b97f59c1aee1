"""`ganinv train-encoder`."""

from contextlib import closing
from pathlib import Path
from typing import Any

import click

from ganinv_cli.cli import options, startup
from ganinv_cli.cli.options import GeneratorChoice
from ganinv_cli.errors import UsageError
from ganinv_cli.settings.config import RecoverConfig


@click.command()
@options.generator_choice(options.checkpoint(default=RecoverConfig.checkpoint, show_default=True))
@options.out(show_default="encoder.npz beside the checkpoint", help="File for the encoder.")
@click.option(
    "--images",
    type=click.IntRange(1),
    show_default="10 for each value of an image",
    help="Number of generated images to fit to; fewer than 2 per value of an image fit badly.",
)
@click.option(
    "--batch-size",
    default=512,
    show_default=True,
    type=click.IntRange(1),
    help="Images per batch.",
)
@options.convolution_precision(
    help="Precision of the images; bfloat16 is twice as fast on CPUs with AMX.",
)
@click.option(
    "--ridge",
    default=1e-4,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    help="Ridge regularisation, as a share of the mean square: smaller for exact images, larger "
    "for noisy ones.",
)
@options.seed(type=click.IntRange(0, 2**31 - 1), help="Seed for all latent vectors.")
@options.overwrite()
@options.verbose()
@options.quiet()
def train_encoder(
    choice: GeneratorChoice,
    out: Path | None,
    images: int | None,
    overwrite: bool,
    verbose: bool,
    quiet: bool,
    **settings: Any,
) -> None:
    """Fit an encoder, which guesses z from an image, to a generator.

    Makes images of latent vectors from the prior and solves the linear least squares that leads
    back from them: minutes, once for each generator. The same command goes on where it stopped.

    \b
    Example:
        ganinv train-encoder --checkpoint faces64
    """
    path = choice.path
    checkpoint = startup.read_checkpoint(path, choice.conventions, verbose, quiet)
    from ganinv_cli.encoder.fit import fit_encoder
    from ganinv_cli.encoder.least_squares import EncoderSettings, count_needed_images
    from ganinv_cli.encoder.model import encoder_path
    from ganinv_cli.progress import terminal as progress

    startup.refuse_precision(checkpoint, "precision", settings["precision"], ("float32",))
    generator = startup.make_generator_spec(checkpoint, label=choice.label).build()
    if generator.labels:
        raise UsageError(f"{path}: an encoder is fitted to one label; name it with --label")
    fit_settings = EncoderSettings(images or count_needed_images(generator), **settings)
    file = out or encoder_path(path)
    with (
        progress.show_fit(file, quiet) as show,
        closing(fit_encoder(generator, fit_settings, file, overwrite)) as fit,
    ):
        for last in fit:
            show(last)
    assert last.encoder
    quality = last.encoder.about["quality"]
    click.echo(
        f"{file}: squared error of a component of z {quality['error']:.4f} on fresh images, "
        f"{quality['clipped']:.4f} clipped to the prior's bounds; guessing gives "
        f"{quality['guessing']:.4f}"
    )
