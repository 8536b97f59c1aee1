"""`ganinv train-encoder`."""

from contextlib import closing
from pathlib import Path
from typing import Any

import click

from ganinv_cli.api.read_checkpoint import refuse_precision
from ganinv_cli.cli import options
from ganinv_cli.cli.options import GeneratorChoice
from ganinv_cli.cli.parameters import METHOD, Command, DecimalNumber, WholeNumber
from ganinv_cli.errors import UsageError
from ganinv_cli.limits import MAX_TRAINING_BATCH
from ganinv_cli.progress.reporters import show_on_terminal
from ganinv_cli.settings.config import RecoverConfig


@click.command(
    cls=Command,
    first=("checkpoint", "out", "images", "label", "seed", "precision", "overwrite", "quiet"),
)
@options.generator_choice(options.checkpoint(default=RecoverConfig.checkpoint, show_default=True))
@options.out(show_default="encoder.npz beside the checkpoint", help="File for the encoder.")
@options.option(
    "--images",
    type=WholeNumber(1),
    show_default="10 per value of an image",
    group=METHOD,
    help="Number of generated images to fit to; fewer than 2 per value of an image fit badly.",
)
@options.option(
    "--batch-size",
    default=512,
    show_default=True,
    type=WholeNumber(1, largest=MAX_TRAINING_BATCH),
    group=METHOD,
    help="Images per batch.",
)
@options.convolution_precision(
    help="Precision of the images; bfloat16 is twice as fast on CPUs with AMX.",
)
@options.option(
    "--ridge",
    default=1e-4,
    show_default=True,
    type=DecimalNumber(0, min_open=True),
    group=METHOD,
    help="Ridge regularisation, as a share of the mean square: smaller for exact images, larger "
    "for noisy ones.",
)
@options.seed(type=WholeNumber(0, 2**31 - 1), help="Seed for all latent vectors.")
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
    """Fit an encoder, which guesses z from an image.

    Makes images of latent vectors from the prior, and fits the map from image to z by linear least
    squares. It takes minutes, once per generator. The same command continues a fit that was
    stopped.

    \b
    Example:
        ganinv train-encoder --checkpoint faces64
    """
    path = choice.path
    with show_on_terminal(quiet) as reporter:
        loaded = choice.load(reporter, verbose=verbose)
    from ganinv_cli.encoder.fit import fit_encoder
    from ganinv_cli.encoder.least_squares import EncoderSettings, count_needed_images
    from ganinv_cli.encoder.model import encoder_path
    from ganinv_cli.progress.reporters import show_fit

    refuse_precision(loaded.checkpoint, "precision", settings["precision"], ("float32",))
    generator = loaded.make_spec().build()
    if generator.labels:
        raise UsageError(
            f"{path} has labels, and an encoder is fitted to one; add it, e.g. --label 0"
        )
    fit_settings = EncoderSettings(images or count_needed_images(generator), **settings)
    file = out or encoder_path(path)
    with (
        show_fit(file, quiet) as fit_reporter,
        closing(
            fit_encoder(generator, fit_settings, file, overwrite, on_start=fit_reporter.start)
        ) as batches,
    ):
        for last in batches:
            fit_reporter.show(last)
    assert last.encoder
    quality = last.encoder.about["quality"]
    click.echo(
        f"{file}: squared error of a component of z {quality['error']:.4f} on fresh images, "
        f"{quality['clipped']:.4f} clipped to the prior's bounds; guessing gives "
        f"{quality['guessing']:.4f}"
    )
