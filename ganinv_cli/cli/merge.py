"""`ganinv merge`."""

from pathlib import Path

import click

from ganinv_cli.cli import options, publish
from ganinv_cli.cli.parameters import Command
from ganinv_cli.errors import to_printable


@click.command(cls=Command)
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False), metavar="OUT.h5")
@click.argument(
    "parts", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PART.h5..."
)
@options.option("--partial", is_flag=True, help="Write the file even if trials are missing.")
@options.overwrite(help="Replace OUT.h5 if it exists.")
@options.style()
@options.verbose(help="Print all tables.")
@options.quiet(help="Do not print what was written.")
def merge(
    out: Path,
    parts: tuple[Path, ...],
    partial: bool,
    overwrite: bool,
    style: str,
    verbose: bool,
    quiet: bool,
) -> None:
    """Join the results files of a run that was divided by --shard.

    Takes the results files of a run's shards, finished or interrupted, and writes OUT.h5, its
    tables and its figures, as the run itself would have. If two files hold the same trial, the
    first counts, and a message says whether they agree. Files of another run are refused. If trials
    are missing, nothing is written and the exit status is 1; --partial writes the others. The same
    command without --shard on OUT.h5 then runs the rest, and makes the reconstructions of
    `consistency`, which a shard cannot make. If OUT.h5 already holds just that, only the tables are
    printed again.

    \b
    Example:
        ganinv merge recover.h5 recover-1-of-2.h5 recover-2-of-2.h5
    """
    publish.check_results_folder(out)
    from ganinv_cli.report.report import list_trial_groups
    from ganinv_cli.store.merge import merge_files

    combined = merge_files(out, parts, list_trial_groups, partial, overwrite)
    for note in combined.notes:
        click.echo(to_printable(note), err=True)
    if not quiet:
        click.echo(to_printable(f"{out}: {combined.contents}"), err=True)
    publish.publish({out: publish.get_results_folder(out)}, style, quiet, brief=not verbose)
