"""`ganinv train`."""

from contextlib import closing
from pathlib import Path
from typing import Any

import click

from ganinv_cli.cli import options


@click.command()
@click.argument("images", type=click.Path(path_type=Path))
@options.out(
    type=click.Path(path_type=Path),
    required=True,
    help="Folder for the checkpoint, samples and state.",
)
@click.option(
    "--steps",
    default=10_000,
    show_default=True,
    type=click.IntRange(1),
    help="Training steps; a larger number extends a finished run.",
)
@click.option(
    "--size",
    default=64,
    show_default=True,
    help="Side of the images in pixels: 16, 32, 64, 128 or 256.",
)
@click.option(
    "--width",
    default=64,
    show_default=True,
    type=click.IntRange(1, 1024),
    help="Channels of the last feature map; each earlier map has twice as many, up to 512.",
)
@click.option("--grey", is_flag=True, help="Train on grey images.")
@click.option(
    "--exclude",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Hold out images: their file names, one per line.",
)
@click.option(
    "--crop-side",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0, 1, min_open=True),
    help="Side of the square to keep, as a share of the shorter side.",
)
@click.option(
    "--crop-center",
    default="0.5,0.5",
    show_default=True,
    metavar="X,Y",
    help="Centre of that square, as shares of width and height.",
)
@click.option(
    "--batch-size", default=64, show_default=True, type=click.IntRange(2), help="Images per step."
)
@options.convolution_precision(
    help="Precision of the convolutions; bfloat16 is twice as fast on CPUs with AMX.",
)
@click.option(
    "--augment/--no-augment",
    default=True,
    show_default=True,
    help="Shift and recolour real and generated images; for small data sets.",
)
@click.option("--flip/--no-flip", default=True, show_default=True, help="Mirror every other image.")
@click.option(
    "--average",
    default=0.999,
    show_default=True,
    type=click.FloatRange(0, 1, max_open=True),
    help="Decay of the averaged generator; 0 writes the last weights.",
)
@click.option(
    "--keep-every",
    type=click.IntRange(1),
    metavar="N",
    help="Also keep a checkpoint every N steps.",
)
@options.seed(
    type=click.IntRange(0, 2_000_000),
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
    """Train the paper's DCGAN on a folder, or a zip archive, of images.

    Writes a TensorFlow checkpoint of the generator and a sheet of samples every three minutes. The
    same command goes on where it stopped.

    \b
    Example:
        ganinv train faces.zip --out faces64 --crop-side .72 --crop-center .5,.4
    """
    from ganinv_cli.cli import startup
    from ganinv_cli.progress import terminal as progress
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
    pictures = load_images(images, size, training.channels, crop, held_out)
    click.echo(f"{len(pictures)} images of {size}x{size} pixels; loading TensorFlow", err=True)

    startup.start_tensorflow()
    from ganinv_cli.training.train import train as run

    last = None
    with (
        progress.show_training(out) as show,
        closing(run(pictures, training, out, keep_every)) as steps_taken,
    ):
        for last in steps_taken:
            show(last)
    if last is None:
        click.echo(f"{out} has had its {training.steps} steps; a larger --steps goes on", err=True)
    click.echo(out)


def _read_names(path: Path) -> frozenset[str]:
    try:
        lines = path.read_text("utf-8").splitlines()
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
