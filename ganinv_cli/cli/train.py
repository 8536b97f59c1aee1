"""`ganinv train`."""

from contextlib import closing
from pathlib import Path
from typing import Any

import click

from ganinv_cli.cli import options
from ganinv_cli.cli.parameters import Command, DecimalNumber, WholeNumber
from ganinv_cli.files.regular_file import read_regular_file
from ganinv_cli.limits import MAX_TRAINING_BATCH

MAX_NAMES_BYTES = 1 << 26  # of the file of --exclude


@click.command(
    cls=Command,
    first=("out", "steps", "size", "width", "grey", "crop_side", "crop_center", "seed"),
)
@click.argument("images", type=click.Path(path_type=Path))
@options.out(
    type=click.Path(path_type=Path),
    required=True,
    help="Folder for the checkpoint, samples and state.",
)
@options.option(
    "--steps",
    default=10_000,
    show_default=True,
    type=WholeNumber(1),
    help="Training steps; a larger number extends a finished run.",
)
@options.option(
    "--size",
    default=64,
    show_default=True,
    help="Side of the images in pixels: 16, 32, 64, 128 or 256.",
)
@options.option(
    "--width",
    default=64,
    show_default=True,
    type=WholeNumber(1, 1024),
    help="Channels of the last feature map; each earlier map has twice as many, up to 512.",
)
@options.option("--grey", is_flag=True, help="Train on grey images.")
@options.option(
    "--exclude",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Text file with the names of images to leave out, one name per line.",
)
@options.option(
    "--crop-side",
    default=1.0,
    show_default=True,
    type=DecimalNumber(0, 1, min_open=True),
    help="Side of the square to crop, as a share of the image's shorter side.",
)
@options.option(
    "--crop-center",
    default="0.5,0.5",
    show_default=True,
    metavar="X,Y",
    help="Centre of that square, as shares of the image's width and height.",
)
@options.option(
    "--batch-size",
    default=64,
    show_default=True,
    type=WholeNumber(2, largest=MAX_TRAINING_BATCH),
    help="Images per step.",
)
@options.convolution_precision(
    help="Precision of the convolutions; bfloat16 is twice as fast on CPUs with AMX.",
)
@options.option(
    "--augment/--no-augment",
    default=True,
    show_default=True,
    help="Whether to shift and recolour real and generated images, for small data sets.",
)
@options.option(
    "--flip/--no-flip", default=True, show_default=True, help="Whether to mirror every other image."
)
@options.option(
    "--average",
    default=0.999,
    show_default=True,
    type=DecimalNumber(0, 1, max_open=True),
    help="Decay of the average of the generator's weights over the steps; 0: no average.",
)
@options.option(
    "--keep-every",
    type=WholeNumber(1),
    metavar="N",
    help="Also keep a checkpoint every N steps.",
)
@options.seed(
    type=WholeNumber(0, 2_000_000),
    help="Seed for the weights, the order of the images and all draws.",
)
def train(
    images: Path,
    out: Path,
    grey: bool,
    crop_side: float,
    crop_center: str,
    augment: bool,
    keep_every: int | None,
    exclude: Path | None,
    **settings: Any,
) -> None:
    """Train the paper's DCGAN on a folder or zip archive of images.

    Writes a TensorFlow checkpoint of the generator and a sheet of samples every three minutes. The
    same command continues a training that was stopped.

    \b
    Example:
        ganinv train faces.zip --out faces64 --crop-side .72 --crop-center .5,.4
    """
    from ganinv_cli.api.tensorflow_start import start_tensorflow
    from ganinv_cli.progress.reporters import show_training
    from ganinv_cli.training.images import SquareCrop, load_images
    from ganinv_cli.training.settings import TrainingSettings

    training = TrainingSettings(
        channels=1 if grey else 3,
        augment=TrainingSettings.augment if augment else (),
        **settings,
    )
    size = training.size
    crop = SquareCrop(crop_side, _parse_pair(crop_center))
    held_out = _read_names(exclude) if exclude else ()
    last = None
    with show_training(out) as reporter:
        reporter.enter("reading images")
        pictures = load_images(images, size, training.channels, crop, held_out)
        reporter.say(f"{len(pictures):,} images of {size}x{size} pixels")
        reporter.enter("loading TensorFlow")
        start_tensorflow()
        from ganinv_cli.training.train import train as run

        with closing(
            run(pictures, training, out, keep_every, on_start=reporter.start)
        ) as steps_taken:
            for last in steps_taken:
                reporter.show(last)
    if last is None:
        click.echo(
            f"{out} is trained for {training.steps} steps already; a larger --steps continues",
            err=True,
        )
    click.echo(out)


def _read_names(path: Path) -> frozenset[str]:
    try:
        lines = read_regular_file(path, MAX_NAMES_BYTES).decode().splitlines()
    except (OSError, ValueError) as error:
        raise click.BadParameter(
            f"{path} cannot be read ({error}); name a text file with one file name per line",
            param_hint="--exclude",
        ) from None
    return frozenset(line.strip() for line in lines if line.strip())


def _parse_pair(text: str) -> tuple[float, float]:
    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is not X,Y, such as 0.5,0.4", param_hint="--crop-center"
        ) from None
    return x, y
