"""`ganinv recover`."""

from typing import Any

import click

from ganinv_cli.cli import experiment_options as options
from ganinv_cli.cli.parameters import Command
from ganinv_cli.cli.session import Output, prepare_run
from ganinv_cli.settings.config import RecoverConfig


@click.command(
    cls=Command,
    first=("trials", "checkpoint", "clip", "seed", "device", "out", "style", "config"),
)
@options.experiment_options(RecoverConfig, "Latent vectors to recover.", options.POLISH)
@options.results_options("recover.h5")
def recover(config: str | None, output: Output, **settings: Any) -> None:
    """Recover known latent vectors (Table 1, Figure 1).

    Draws latent vectors, makes their images, and recovers each under every clipping rule from the
    same start. Prints the success rate, the error and the speed, as in the paper. The same command
    continues a run that was stopped; a larger --trials extends a finished run.

    \b
    Example:
        ganinv recover --trials 200
        ganinv recover --polish float64 --out float64.h5
        ganinv recover --config paper-text --trials 8 --out paper.h5
    """
    from ganinv_cli.api.experiments import run_recover

    run = prepare_run(RecoverConfig, config, settings, output)
    run.execute(run_recover)
    run.output.publish()
