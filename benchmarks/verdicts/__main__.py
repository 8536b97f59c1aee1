"""How often is the verdict of `ganinv invert` wrong?

Generators invert a random sample of their own pictures, edited, and of pictures that they did not
make. The same command goes on with what build/verdicts has. `make zoo` fetches some generators.

    python -m benchmarks.verdicts                         # an hour; more pictures are added
    python -m benchmarks.verdicts --hours 12 --generator faces32
    python -m benchmarks.verdicts --kinds 2               # two pictures of each listed edit
    python -m benchmarks.verdicts --keep docs/invert/calibration.csv  # what is done, as a page
    python -m benchmarks.verdicts --generator faces32 --draw 40 --first 100000 --out pictures
"""

from pathlib import Path

import click

from benchmarks.verdicts.chunks import (
    check_revision,
    invert_chunks,
    list_kinds,
    list_sample,
    read_chunks,
)
from benchmarks.verdicts.generators import DEFAULT, GENERATORS
from benchmarks.verdicts.lines import write_lines
from benchmarks.verdicts.page import format_page
from benchmarks.verdicts.sample import draw_sample
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
@click.option("--kinds", type=int, help="Own pictures of each listed edit; no random sample.")
@click.option("--keep", type=click.Path(path_type=Path), help="Write what is done; invert none.")
@click.option("--draw", "drawn", type=int, help="Own pictures and strangers to draw; invert none.")
@click.option("--first", default=0, show_default=True, help="Number of the first of them.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to draw them into.")
def main(
    hours: float,
    generators: tuple[str, ...],
    kinds: int | None,
    keep: Path | None,
    drawn: int | None,
    first: int,
    out: Path | None,
) -> None:
    """Invert pictures of known origin, and print how often the verdict is wrong."""
    if drawn is not None:
        if out is None or len(generators) != 1:
            raise click.UsageError("--draw needs --out and one --generator")
        draw_sample(generators[0], range(first, first + drawn), out)
        return
    if not keep:
        check_revision(read_git_revision())
        chunks = list_kinds(generators, kinds) if kinds else list_sample(generators)
        invert_chunks(chunks, hours)
    lines = read_chunks(GENERATORS)
    check_revision(lines[0].revision if lines else "")
    if keep:
        write_lines(keep, lines)
        keep.with_suffix(".md").write_text(format_page(lines), "utf-8")
    click.echo(format_page(lines), nl=False)


if __name__ == "__main__":
    main()
