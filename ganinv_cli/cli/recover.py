"""`ganinv recover`."""

from typing import Any

import click

from ganinv_cli.cli import experiment_options as options
from ganinv_cli.cli.session import Output, open_session
from ganinv_cli.settings.config import RecoverConfig


@click.command()
@options.experiment_options(RecoverConfig, "Latent vectors to recover.", options.POLISH)
@options.results_options("recover.h5")
def recover(config: str | None, output: Output, **settings: Any) -> None:
    """Recover known latent vectors: Table 1 and Figure 1 of the paper.

    Draws latent vectors, makes their images, and recovers each under every rule from the same
    start. Prints how often, how closely and how fast. The same command goes on where it stopped; a
    larger --trials extends a finished run.

    \b
    Example:
        ganinv recover --trials 200
        ganinv recover --polish float64 --out float64.h5
        ganinv recover --config paper-text --trials 8 --out paper.h5
    """
    with open_session(RecoverConfig, config, settings, output) as session:
        from ganinv_cli.experiments.recover import recover as run

        session.run(run)
