"""Are a generator's pictures as varied as its training images, and are they copies of them?

python benchmarks/diversity.py faces.zip --crop-side .72 --crop-center .5,.4
"""

from pathlib import Path

import click
import numpy as np
import tensorflow as tf
from scipy.spatial.distance import cdist, pdist

from ganinv_cli import formats
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.settings.config import RecoverConfig
from ganinv_cli.settings.shipped import find
from ganinv_cli.training.images import SquareCrop, load_images


@click.command()
@click.argument("images", type=click.Path(path_type=Path))
@click.option("--checkpoint", default=RecoverConfig.checkpoint, show_default=True)
@click.option("--crop-side", default=1.0, show_default=True)
@click.option("--crop-center", default="0.5,0.5", show_default=True)
@click.option("--count", default=256, show_default=True)
def main(images: Path, checkpoint: str, crop_side: float, crop_center: str, count: int) -> None:
    """Print mean pixel distances between samples, between training images, and to the nearest."""
    generator = make_generator(formats.read(find("checkpoint", checkpoint)))
    x, y = (float(part) for part in crop_center.split(","))
    size, _, channels = generator.image_shape
    real = load_images(images, size, channels, SquareCrop(crop_side, (x, y))) / 127.5 - 1
    z = tf.random.stateless_uniform([count, generator.latent], [0, 0], -1, 1)
    samples = _flatten(generator(z).numpy())
    both_ways = _flatten(
        np.concatenate([real, real[:, :, ::-1]])
    )  # training mirrors every other one
    click.echo(f"samples   {_mean_distance(samples):.3f}  ({count} of them)")
    click.echo(f"data      {_mean_distance(_flatten(real)):.3f}  ({len(real)} of them)")
    click.echo(
        f"nearest   {_normalize_distance(cdist(samples, both_ways).min(1), samples):.3f}  sample "
        "to data"
    )
    others = cdist(_flatten(real), both_ways)
    others[np.arange(len(real)), np.arange(len(real))] = np.inf
    click.echo(f"nearest   {_normalize_distance(others.min(1), samples):.3f}  data to other data")
    click.echo("root mean square over pixels in [-1, 1], mean over pairs")


def _flatten(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float64)


def _mean_distance(images: np.ndarray) -> float:
    return _normalize_distance(pdist(images), images)


def _normalize_distance(distances: np.ndarray, images: np.ndarray) -> float:
    return float(distances.mean() / images.shape[1] ** 0.5)


if __name__ == "__main__":
    main()
