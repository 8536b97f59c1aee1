"""`ganinv consistency`."""

from typing import Any

import click

from ganinv_cli.cli import experiment_options as options
from ganinv_cli.cli.options import declare
from ganinv_cli.cli.parameters import INPUT, Command
from ganinv_cli.cli.session import Output, prepare_run, report_unread_files
from ganinv_cli.settings.config import ConsistencyConfig


@click.command(
    cls=Command,
    first=("image", "trials", "checkpoint", "clip", "device", "out", "style", "config"),
)
@options.experiment_options(
    ConsistencyConfig,
    "Recoveries of each image under each rule, from independent starts.",
    declare(
        "--image",
        multiple=True,
        type=click.Path(),
        group=INPUT,
        help="Image file, NumPy file (.npy, .npz), or folder of them. Repeat it for several.",
    ),
    options.CROP,
    options.MASK,
    options.STATIONARY,
)
@options.results_options("consistency.h5")
def consistency(config: str | None, output: Output, **settings: Any) -> None:
    """Recover one unseen image many times (Table 2).

    Do the recoveries agree? Prints how far apart they are, compared with random vectors and with
    the paper, and how many distinct minima they are. With --restarts N each recovery is the best
    of N + 1 starts. The same command continues a run that was stopped; a larger --trials extends a
    finished run. New images are added to the results file; those that it holds are not run again,
    and `ganinv report` shows all of them. The paper has 1,000 trials; the default is 100.

    \b
    Example:
        ganinv consistency --image portrait.png
        ganinv consistency --image faces/ --trials 20 --restarts 3
    """
    from ganinv_cli.api.experiments import ImageExperiment

    run = prepare_run(ConsistencyConfig, config, settings, output)
    images = run.execute(ImageExperiment())
    run.output.publish(images.images)
    report_unread_files(images.unread)
