"""`ganinv noise-sweep`."""

from typing import Any

import click

from ganinv_cli.cli import experiment_options as options
from ganinv_cli.cli.options import declare
from ganinv_cli.cli.parameters import INPUT, Command, Numbers
from ganinv_cli.cli.session import Output, prepare_run
from ganinv_cli.settings.config import NoiseSweepConfig


@click.command(
    "noise-sweep",
    cls=Command,
    first=("variances", "trials", "checkpoint", "clip", "device", "out", "style", "config"),
)
@options.experiment_options(
    NoiseSweepConfig,
    "Latent vectors to recover at each variance.",
    declare(
        "--variances",
        type=Numbers(float, "0.01,0.1"),
        group=INPUT,
        help="Variances of the Gaussian noise, for pixels in [-1, 1]. A variance of 0.1 is a "
        "standard deviation of 40 grey levels of 255.",
    ),
    declare(
        "--clip-pixels/--no-clip-pixels",
        group=INPUT,
        help="Whether to clip the noisy image to [-1, 1]. The paper's code clips; its text does "
        "not, nor does ganinv by default.",
    ),
    options.STATIONARY,
)
@options.results_options("noise-sweep.h5")
def noise_sweep(config: str | None, output: Output, **settings: Any) -> None:
    """Recover latent vectors from noisy images (Figure 2).

    Adds Gaussian noise of each variance to the images of known latent vectors, and recovers each
    under every clipping rule from the same noisy image and start. Prints how the error of z grows,
    how close it is to the Cramer-Rao bound, and whether the rules differ. The same command
    continues a run that was stopped; a larger --trials extends a finished run.

    \b
    Example:
        ganinv noise-sweep
        ganinv noise-sweep --variances 0.01,0.1 --trials 50 --out quick.h5
    """
    from ganinv_cli.api.experiments import run_noise_sweep

    run = prepare_run(NoiseSweepConfig, config, settings, output)
    run.execute(run_noise_sweep)
    run.output.publish()
