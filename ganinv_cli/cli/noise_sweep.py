"""`ganinv noise-sweep`."""

from typing import Any

import click

from ganinv_cli.cli import experiment_options as options
from ganinv_cli.cli.options import declare
from ganinv_cli.cli.param_types import Numbers
from ganinv_cli.cli.session import Output, open_session
from ganinv_cli.settings.config import NoiseSweepConfig


@click.command("noise-sweep")
@options.experiment_options(
    NoiseSweepConfig,
    "Latent vectors to recover at each variance.",
    declare(
        "--variances",
        type=Numbers(float, "0.01,0.1"),
        metavar="NUMBERS",
        help="Variances of the Gaussian noise, for pixels in [-1, 1]; 0.1 is a standard deviation "
        "of 40 of 255 grey levels.",
    ),
    declare(
        "--clip-pixels/--no-clip-pixels",
        help="Clip the noisy image to [-1, 1], as the paper's code does and its text does not.",
    ),
    options.STATIONARY,
)
@options.results_options("noise-sweep.h5")
def noise_sweep(config: str | None, output: Output, **settings: Any) -> None:
    """Recover latent vectors from noisy images: Figure 2 of the paper.

    Adds Gaussian noise of each variance to the images of known latent vectors, and recovers each
    under every rule from the same noisy image and start. Prints how the error of z grows, how
    near it comes to the Cramer-Rao bound, and whether the rules differ. The same command goes
    on where it stopped; a larger --trials extends a finished run.

    \b
    Example:
        ganinv noise-sweep
        ganinv noise-sweep --variances 0.01,0.1 --trials 50 --clip stochastic --out quick.h5
    """
    with open_session(NoiseSweepConfig, config, settings, output) as session:
        from ganinv_cli.experiments.noise_sweep import run_noise_sweep

        session.run(run_noise_sweep)
