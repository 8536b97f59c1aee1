"""`ganinv consistency`."""

from functools import partial
from typing import Any

import click

from ganinv_cli.cli import experiment_options as options
from ganinv_cli.cli.session import (
    Output,
    ensure_start_per_label,
    load_config,
    open_session,
    report_unread_files,
)
from ganinv_cli.settings.config import ConsistencyConfig


@click.command()
@options.experiment_options(
    ConsistencyConfig,
    "Recoveries of each image under each technique, from independent starts.",
    partial(
        click.option,
        "--image",
        multiple=True,
        metavar="PATH",
        help="Image file, or folder of images; may be repeated.",
    ),
    options.CROP,
    options.MASK,
    options.STATIONARY,
)
@options.results_options("consistency.h5")
def consistency(config: str | None, output: Output, **settings: Any) -> None:
    """Recover one unseen image many times: Table 2 of the paper.

    Do the recoveries agree? Prints how far apart they are, beside random vectors and the paper, and
    how many distinct minima they are. With --restarts N each recovery is the best of N + 1 starts.
    The same command goes on where it stopped; a larger --trials extends a finished run. 1,000
    trials, as in the paper, take ten times as long as the 100 here.

    \b
    Example:
        ganinv consistency --image portrait.png
        ganinv consistency --image faces/ --clip stochastic --trials 20 --restarts 3
    """
    run_config = load_config(ConsistencyConfig, config, settings, output.quiet)
    output = output.for_shard(run_config.shard)
    with open_session(run_config, output) as ready:
        from ganinv_cli.experiments.consistency import run_consistency as run

        run_config = ensure_start_per_label(run_config, ready, output)
        unread = run(
            run_config, ready.engine, output.out, output.folder, output.overwrite, ready.show
        )
    output.publish()
    report_unread_files(unread)
