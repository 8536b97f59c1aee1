"""How often is the verdict of `ganinv invert` wrong?

Generators invert their own pictures under listed edits, and pictures that they did not make. The
same command goes on with what build/verdicts has. `make zoo` fetches some generators.

    python -m benchmarks.verdicts                         # an hour; more pictures are added
    python -m benchmarks.verdicts --hours 12 --generator faces32
    python -m benchmarks.verdicts --hours 0 --keep docs/invert/calibration.csv  # and its page
"""

from pathlib import Path

import click

from benchmarks.verdicts.generators import DEFAULT, GENERATORS
from benchmarks.verdicts.lines import FOLDER, invert_chunks, read_chunks, write_lines
from benchmarks.verdicts.listed_edits import EDITS
from benchmarks.verdicts.page import format_page
from ganinv_cli.experiments.provenance import read_git_revision


@click.command()
@click.option("--hours", default=1.0, show_default=True, help="No chunk begins after them.")
@click.option(
    "--generator",
    "generators",
    multiple=True,
    type=click.Choice([*GENERATORS]),
    default=DEFAULT,
    show_default=True,
    help="Repeat it for several.",
)
@click.option(
    "--pictures",
    default=2 * len(EDITS),
    show_default=True,
    help="Own pictures of each generator, and as many strangers.",
)
@click.option("--keep", type=click.Path(path_type=Path), help="Write what is done, and its page.")
def main(hours: float, generators: tuple[str, ...], pictures: int, keep: Path | None) -> None:
    """Invert pictures of known origin, and print how often the verdict is wrong."""
    others = {line.revision for line in read_chunks()} - {read_git_revision()}
    if others and hours:
        raise click.ClickException(
            f"{FOLDER} has results of ganinv at {', '.join(sorted(others))}; move it away, or go "
            "on with that revision"
        )
    invert_chunks(generators, pictures, hours)
    lines = read_chunks()
    if keep:
        write_lines(keep, lines)
        keep.with_suffix(".md").write_text(format_page(lines), "utf-8")
    click.echo(format_page(lines), nl=False)


if __name__ == "__main__":
    main()
