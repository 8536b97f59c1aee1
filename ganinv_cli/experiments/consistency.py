"""Table 2: many recoveries of each image, and whether they agree."""

from pathlib import Path

from ganinv_cli.engine.engine import Engine
from ganinv_cli.experiments.images import run_images
from ganinv_cli.experiments.run import ShowProgress
from ganinv_cli.settings.config import ConsistencyConfig


def run_consistency(
    config: ConsistencyConfig,
    engine: Engine,
    out: Path,
    folder: Path,
    overwrite: bool,
    show: ShowProgress,
) -> list[str]:
    """Recover each image many times; a shard has some trials of each image.

    Returns a sentence for each file that is not an image; see `run_images`.
    """
    return run_images(
        "consistency", config, engine, out, folder, overwrite, show, shard_images=False
    )
