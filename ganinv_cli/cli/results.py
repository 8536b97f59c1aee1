"""`ganinv report`, `merge` and `cache`."""

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganinv_cli.cli import options, publish
from ganinv_cli.cli.options import Command
from ganinv_cli.errors import UsageError, to_printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ganinv_cli.cache import Entry


@click.command(cls=Command)
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE.h5..."
)
@options.style()
@options.out(
    type=click.Path(path_type=Path, file_okay=False),
    show_default="FILE without its ending",
    help="Folder for tables, figures and report.html. For several files it gets a folder for each, "
    "and one report.html for all.",
)
@options.open_page()
def report(files: tuple[Path, ...], style: str, out: Path | None, open_page: bool) -> None:
    """Print the tables of saved results; write figures and a page.

    Reads only the results files, also of a run in progress. Tables are written in every format,
    figures as PNG, PDF and SVG. The page, report.html, needs no other file and no network; with
    --out it shows several results side by side. CSV has one line for each row of the main table;
    JSON is an object, or a list of objects for several files.

    If the files are results of `ganinv invert` for the same image on several generators, it also
    prints which of them made the image.

    \b
    Examples:
        ganinv report recover.h5 --format markdown
        ganinv report a.h5 b.h5 --out both
        ganinv report invert-portraits64.h5 invert-other.h5
    """
    several = len(files) > 1
    folders = dict(zip(files, _choose_folders(files, out), strict=True))
    publish.publish(folders, style, page_folder=out if several else None)
    if several and out is None:
        click.echo("each file has its own page; --out DIR also writes one page for all", err=True)
    if open_page:
        for folder in folders.values() if out is None else (out,):
            publish.open_page(folder)


def _choose_folders(files: tuple[Path, ...], out: Path | None) -> list[Path]:
    if out in files:
        raise UsageError(f"--out {out} is the results file as well; name a folder")
    if out is not None and len(files) == 1:
        return [out]
    folders = [out / file.stem if out else publish.get_results_folder(file) for file in files]
    for folder, file in zip(folders, files, strict=True):
        if folders.count(folder) > 1:
            raise UsageError(
                f"{file} and another file have the same folder, {folder}/; report each by itself"
            )
    return folders


@click.command(cls=Command)
@click.argument("out", type=options.file_path(), metavar="OUT.h5")
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
    first counts, and a message says how many these are. Files of another run are refused. If trials
    are missing, nothing is written and the exit status is 1; --partial writes the others. The same
    command without --shard on OUT.h5 then runs the rest, and makes the reconstructions of
    `consistency`, which a shard cannot make. If OUT.h5 already holds just that, only the tables are
    printed again.

    \b
    Example:
        ganinv merge recover.h5 recover-1-of-2.h5 recover-2-of-2.h5
    """
    folder = publish.get_results_folder(out)
    from ganinv_cli.report.report import list_trial_groups
    from ganinv_cli.store.merge import merge_files

    combined = merge_files(out, parts, list_trial_groups, partial, overwrite)
    written = [] if quiet else [f"{out}: {combined.contents}"]
    for sentence in (*combined.notes, *written):
        click.echo(to_printable(sentence), err=True)
    publish.publish({out: folder}, style, quiet, brief=not verbose)


@click.group()
def cache() -> None:
    """Show or remove the measurements that commands keep.

    What was measured about a generator is kept in the user's cache folder, so that the next command
    on that generator starts sooner. The folder is ~/.cache/ganinv on Linux, or ganinv in
    XDG_CACHE_HOME if that is set. It takes at most 1 GiB and may be removed at any time: what is
    missing is measured again, with the same result. With GANINV_NO_CACHE=1 in the environment
    nothing is kept or read.

    \b
    Examples:
        ganinv cache show
        ganinv cache clear
    """


@cache.command()
@options.style(type=options.TEXT_OR_JSON, help="Format.")
def show(style: str) -> None:
    """Show what is kept: number, size and last use.

    \b
    Example:
        ganinv cache show --format json
    """
    from ganinv_cli import cache as kept

    folder, entries = _find_cache_folder(), kept.list_entries()
    size = sum(entry.bytes for entry in entries)
    if style == "json":
        facts = {"folder": str(folder), "bytes": size, "max_bytes": kept.MAX_BYTES}
        click.echo(json.dumps(facts | {"measurements": len(entries)}, indent=2))
        return
    most = f" of at most {kept.MAX_BYTES / 1e6:,.0f} MB"
    last = max((entry.last_used for entry in entries), default=0)
    used = f"{most}, last used {datetime.fromtimestamp(last):%Y-%m-%d %H:%M}" if last else most
    click.echo(f"{folder}: {_describe(entries)}{used}")


@cache.command()
def clear() -> None:
    """Remove everything that is kept, and print how much it was.

    \b
    Example:
        ganinv cache clear
    """
    from ganinv_cli import cache as kept

    folder = _find_cache_folder()
    click.echo(f"{folder}: removed {_describe(kept.clear())}")


def _find_cache_folder() -> Path:
    """Return the cache folder. Raises UsageError if there is none."""
    from ganinv_cli.cache import SWITCH, find_cache_folder

    folder = find_cache_folder()
    if folder is None:
        raise UsageError(
            f"there is no cache: {SWITCH} is set, or the user has no home; unset it, or set "
            "XDG_CACHE_HOME to a folder"
        )
    return folder


def _describe(entries: "Sequence[Entry]") -> str:
    size = sum(entry.bytes for entry in entries)
    return f"{len(entries):,} measurement{'s' * (len(entries) != 1)}, {size / 1e6:,.3f} MB"
