"""`ganinv inspect`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ganinv_cli.cli import generators, startup
from ganinv_cli.cli.generators import Chosen
from ganinv_cli.errors import GaninvError

if TYPE_CHECKING:
    from ganinv_cli.network.checkpoint import Checkpoint
    from ganinv_cli.network.generator import Generator

FIGURES = (".png", ".pdf", ".svg")


@click.command()
@generators.chosen()
@click.option(
    "--sheet",
    type=click.Path(path_type=Path),
    metavar="FILE.png",
    help="Write 64 pictures of random z; of a conditional generator, a row for each of 8 labels.",
)
@click.option(
    "--spectrum",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Measure the singular values of dG/dz at random z, which say how hard inversion is, and "
    "plot them as PNG, PDF or SVG.",
)
@click.option(
    "--points",
    default=8,
    show_default=True,
    type=click.IntRange(1),
    help="How many z --spectrum takes.",
)
@click.option(
    "--check",
    is_flag=True,
    help="Check that a picture depends on its own z alone, that derivatives are right, and, of "
    "Keras files and with --trust of SavedModels, that pictures are the original's.",
)
@click.option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(0, 2**32 - 1),
    help="Names every z; those of the trials of ganinv recover.",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON object.")
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
@click.option("-v", "--verbose", is_flag=True, help="Name everything that was ignored.")
def inspect(
    chosen: Chosen,
    sheet: Path | None,
    spectrum: Path | None,
    points: int,
    check: bool,
    seed: int,
    as_json: bool,
    overwrite: bool,
    verbose: bool,
) -> None:
    """Say what a checkpoint is: its generator, layer by layer.

    Prints the format, the latent vector and its prior, the pictures and their range, which files
    beside it were heeded, what was assumed, what was ignored, and every layer as the file has it.
    Exit status 1: a check failed.

    \b
    Examples:
        ganinv inspect portraits64
        ganinv inspect generator.pt --sheet sheet.png --spectrum spectrum.png --check
    """
    _check_places(sheet, spectrum, overwrite)
    path = chosen.path
    found = generators.look(path, chosen.told, verbose=False, quiet=True)
    from ganinv_cli.inspection.facts import facts
    from ganinv_cli.report.inspect.tables import text

    told = facts(found)
    generator = None
    if sheet or spectrum or check or chosen.label >= 0:
        startup.tensorflow(verbose)
        generator = generators.recipe(found, label=chosen.label).made()
    if generator and sheet:
        _draw(generator, sheet, seed)
    if generator and spectrum:
        told["spectrum"] = _measure(generator, spectrum, seed, points)
    if generator and check:
        told["checks"] = _checked(generator, found, path, chosen, seed)
    click.echo(json.dumps(told, indent=2) + "\n" if as_json else text(told, verbose), nl=False)
    failed = [each["claim"] for each in told.get("checks", ()) if each["passed"] is False]
    if failed:
        raise GaninvError(f"{found.path}: it does not hold that {'; that '.join(failed)}")


def _check_places(sheet: Path | None, spectrum: Path | None, overwrite: bool) -> None:
    from ganinv_cli import files

    if sheet:
        files.check(sheet, (".png",), overwrite, "--sheet")
    if spectrum:
        files.check(spectrum, FIGURES, overwrite, "--spectrum")


def _draw(generator: "Generator", path: Path, seed: int) -> None:
    from ganinv_cli.files import png, put
    from ganinv_cli.inspection.pictures import overview

    put(path, png(overview(generator, seed)))


def _measure(generator: "Generator", path: Path, seed: int, points: int) -> dict[str, Any]:
    from ganinv_cli.files import put
    from ganinv_cli.inspection.spectrum import measured, summary
    from ganinv_cli.report.inspect.figures import file

    found = measured(generator, seed, points)
    put(path, file(found.values, f"Singular values of dG/dz at {points} random z", path))
    return summary(found)


def _checked(
    generator: "Generator", found: "Checkpoint", path: Path, chosen: Chosen, seed: int
) -> list[dict[str, Any]]:
    from ganinv_cli.inspection.checks import checks, plain

    return plain(checks(generator, found, path, chosen.told, chosen.label, seed))
