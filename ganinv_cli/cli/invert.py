"""`ganinv invert`."""

from pathlib import Path
from typing import Any

import click

from ganinv_cli.cli import experiment_options as options
from ganinv_cli.cli.options import npz as npz_option
from ganinv_cli.cli.session import Output, open_session, report_unread_files
from ganinv_cli.errors import UsageError
from ganinv_cli.files import check_parent_folder
from ganinv_cli.settings.config import InvertConfig


@click.command()
@click.argument("image", nargs=-1, metavar="IMAGE...")
@options.experiment_options(
    InvertConfig,
    "Starts for each image: the best is kept, and the others say how sure it is.",
    options.CROP,
    options.MASK,
    options.STATIONARY,
)
@npz_option(help="Write the z of every image there as well.")
@options.results_options("invert.h5")
def invert(config: str | None, output: Output, npz: Path | None, **settings: Any) -> None:
    """Find the latent vectors of images, each with a certificate.

    Takes image files and folders. Prints for each how close the generator comes to it, how many
    starts agree, how well z is determined, and whether it lies where latent vectors are drawn; the
    folder gets original, reconstruction and difference. A file that is no image is passed over, and
    the exit status is 1; where none is one, it is 2. The same command goes on where it stopped.

    \b
    Example:
        ganinv invert portrait.png
        ganinv invert faces/ more/*.jpg --mask glasses.png --npz z.npz
    """
    _check_npz(npz)
    with open_session(InvertConfig, config, settings, output) as session:
        from ganinv_cli.experiments.images import run_images

        unread = session.run(run_images)
        if npz:
            from ganinv_cli.report.invert.latents import save_latents

            save_latents(session.output.out, npz)
    report_unread_files(unread)


def _check_npz(npz: Path | None) -> None:
    """Raise UsageError, before any work, if --npz is not a .npz file in an existing folder."""
    if npz and npz.suffix != ".npz":
        raise UsageError(f"--npz {npz}: the name must end in .npz, as z.npz does")
    if npz:
        check_parent_folder(npz)
