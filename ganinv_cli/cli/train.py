"""`ganinv train` and `train-encoder`."""

from contextlib import closing
from pathlib import Path
from typing import Any, TextIO, get_args

import click

from ganinv_cli.cli import options
from ganinv_cli.cli.command import GroupedCommand
from ganinv_cli.errors import UsageError
from ganinv_cli.precision import TrainingDtype
from ganinv_cli.progress.display import open_display
from ganinv_cli.settings.config import Config
from ganinv_cli.settings.declare import METHOD, TRAINING, list_settings
from ganinv_cli.settings.load import load_config
from ganinv_cli.settings.shipped import find

MAX_BATCH_SIZE = 2**13  # images


@click.command(
    cls=GroupedCommand,
    first=("out", "steps", "size", "width", "grey", "exclude", "crop_side", "crop_center", "seed"),
)
@click.argument("images", type=click.Path(path_type=Path))
@options.out(
    type=click.Path(path_type=Path),
    required=True,
    help="Folder for the checkpoint, samples and state.",
)
@options.count(
    "--steps", default=10_000, help="Training steps; a larger number extends a finished run."
)
@options.option("--size", default=64, help="Side of the images in pixels: 16, 32, 64, 128 or 256.")
@options.count(
    "--width",
    most=512,
    default=64,
    help="Channels of the last feature map; each earlier map has twice as many, up to 512.",
)
@options.option("--grey", is_flag=True, help="Train on grey images.")
@options.option(
    "--exclude",
    type=click.File(encoding="utf-8", errors="replace"),
    metavar="FILE",
    help="Text file with the names of images to leave out, one name per line.",
)
@options.option(
    "--crop-side",
    default=1.0,
    metavar="NUMBER",
    help="Side of the square to crop, as a share of the image's shorter side.",
)
@options.option(
    "--crop-center",
    default="0.5,0.5",
    type=options.CommaList(options.Number()),
    metavar="X,Y",
    help="Centre of that square, as shares of the image's width and height.",
)
@options.count(
    "--batch-size",
    least=2,
    most=MAX_BATCH_SIZE,
    default=64,
    group=TRAINING,
    help="Images per step.",
)
@options.option(
    "--precision",
    group=TRAINING,
    default="float32",
    type=options.Choice(get_args(TrainingDtype)),
    help="Precision of the convolutions; bfloat16 is twice as fast on CPUs with AMX.",
)
@options.option(
    "--augment/--no-augment",
    group=TRAINING,
    default=True,
    help="Whether to shift and recolour real and generated images, for small data sets.",
)
@options.option(
    "--flip/--no-flip",
    default=True,
    group=TRAINING,
    help="Whether to mirror every other image.",
)
@options.option(
    "--average",
    group=TRAINING,
    default=0.999,
    metavar="NUMBER",
    help="Decay of the average of the generator's weights over the steps; 0: no average.",
)
@options.count("--keep-every", group=TRAINING, help="Also keep a checkpoint every N steps.")
@options.seed(most=2_000_000, help="Seed for the weights, the order of the images and all draws.")
def train(
    images: Path,
    out: Path,
    grey: bool,
    crop_side: float,
    crop_center: tuple[float, ...],
    augment: bool,
    keep_every: int | None,
    exclude: TextIO | None,
    **settings: Any,
) -> None:
    """Train the paper's DCGAN on a folder of images.

    Writes a TensorFlow checkpoint of the generator and a sheet of samples every three minutes. The
    same command continues a training that was stopped.

    \b
    Example:
        ganinv train faces/ --out faces64 --crop-side .72 --crop-center .5,.4
    """
    from ganinv_cli.files import check_output_folder
    from ganinv_cli.progress.reporters import show_steps
    from ganinv_cli.tensorflow_start import start_tensorflow
    from ganinv_cli.training.settings import TrainingSettings
    from ganinv_cli.training.square_images import SquareCrop, list_images, load_images

    training = TrainingSettings(
        channels=1 if grey else 3,
        augment=TrainingSettings.augment if augment else (),
        **settings,
    )
    if len(crop_center) != 2:
        raise UsageError("--crop-center takes two numbers, X,Y, such as 0.5,0.4")
    crop = SquareCrop(crop_side, (crop_center[0], crop_center[1]))
    names = map(str.strip, exclude or ())
    held_out = frozenset(name for name in names if name)
    size = training.size
    list_images(images, held_out)
    check_output_folder(out, overwrite=True)
    last = None
    with show_steps(out, out / "state") as reporter:
        reporter.enter("loading TensorFlow")
        start_tensorflow()
        from ganinv_cli.training.train_generator import check_precision, train_generator

        check_precision(training)
        reporter.enter("reading images")
        pictures = load_images(images, size, training.channels, crop, held_out)
        reporter.say(f"{len(pictures):,} images of {size}x{size} pixels")
        with closing(
            train_generator(pictures, training, out, keep_every, on_start=reporter.start)
        ) as steps_taken:
            for last in steps_taken:
                reporter.show(last)
    if last is None:
        click.echo(
            f"{out} is trained for {training.steps} steps already; a larger --steps continues",
            err=True,
        )
    click.echo(out)


@click.command(cls=GroupedCommand, first=("checkpoint", "out", "images", "label", "seed"))
@options.generator_options(options.make_parameter(list_settings(Config)["checkpoint"]))
@options.out(show_default="encoder.npz beside the checkpoint", help="File for the encoder.")
@options.count(
    "--images",
    show_default="10 per value of an image",
    group=METHOD,
    help="Number of generated images to fit to; fewer than 2 per value of an image fit badly.",
)
@options.seed(most=2**31 - 1, help="Seed for all latent vectors.")
@options.overwrite()
@options.verbose()
@options.quiet()
def train_encoder(
    out: Path | None,
    images: int | None,
    seed: int,
    overwrite: bool,
    verbose: bool,
    quiet: bool,
    **generator: Any,
) -> None:
    """Fit an encoder, which guesses z from an image.

    Makes images of latent vectors from the prior, and fits the map from image to z by linear least
    squares. It takes minutes, once per generator.

    \b
    Example:
        ganinv train-encoder --checkpoint faces64
    """
    from ganinv_cli.loaded_generator import read_generator

    with open_display(quiet) as reporter:
        loaded = read_generator(load_config(Config, None, generator), reporter, verbose=verbose)
    from ganinv_cli.encoder.fit_encoder import EncoderSettings, count_needed_images, fit_encoder
    from ganinv_cli.encoder.model import encoder_path
    from ganinv_cli.progress.reporters import show_steps

    built, path = loaded.build(), find("checkpoint", loaded.name)
    if built.labels:
        raise UsageError(
            f"{path} has labels, and an encoder is fitted to one; add it, e.g. --label 0"
        )
    settings = EncoderSettings(images or count_needed_images(built), seed=seed)
    file = out or encoder_path(path)
    with show_steps(file, None, quiet) as fit_reporter:
        fit_reporter.enter("compiling")
        for last in fit_encoder(built, settings, file, overwrite):
            fit_reporter.show(last)
    assert last.encoder
    quality = last.encoder.about["quality"]
    click.echo(
        f"{file}: squared error of a component of z {quality['error']:.4f} on fresh images, "
        f"{quality['clipped']:.4f} clipped to the prior's bounds; guessing gives "
        f"{quality['guessing']:.4f}"
    )
