"""Inversion of a user's own images: the best of several starts per image."""

from pathlib import Path

from ganinv_cli.engine.engine import Engine
from ganinv_cli.experiments.images import run_images
from ganinv_cli.experiments.run import ShowProgress
from ganinv_cli.settings.config import InvertConfig


def run_invert(
    config: InvertConfig,
    engine: Engine,
    out: Path,
    folder: Path,
    overwrite: bool,
    show: ShowProgress,
) -> list[str]:
    """Find the z of each image; a shard has whole images.

    Returns a sentence for each file that is not an image; see `run_images`.
    """
    return run_images("invert", config, engine, out, folder, overwrite, show, shard_images=True)
