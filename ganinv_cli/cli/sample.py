"""`ganinv sample`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganinv_cli.cli import generators
from ganinv_cli.cli.generators import Chosen
from ganinv_cli.errors import UsageError

if TYPE_CHECKING:
    from ganinv_cli.inspection.latents import Latents
    from ganinv_cli.network.generator import Generator

COUNT = 64


@click.command()
@generators.chosen()
@click.option(
    "--out",
    required=True,
    help="A sheet of all, FILE.png; or a folder for one file each, 000000.png and so on.",
)
@click.option(
    "--count",
    type=click.IntRange(1),
    show_default=f"{COUNT}, or all of --z",
    help="How many pictures.",
)
@click.option(
    "--columns",
    type=click.IntRange(1),
    show_default="as many as rows",
    help="Of the sheet.",
)
@click.option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(0, 2**32 - 1),
    help="Names every z: picture N is of trial N of ganinv recover.",
)
@click.option(
    "--z",
    "z_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Pictures of these z, (n, latent): .npy, .npz as ganinv invert --npz writes, or results, "
    "such as invert.h5.",
)
@click.option(
    "--group",
    default="",
    metavar="NAME",
    show_default="the best z of each image; of recover, the first with z",
    help="All z of a group of results, such as stochastic or image=0000/stochastic.",
)
@click.option(
    "--npz",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the z, and labels, of the pictures there as well.",
)
@click.option("--overwrite", is_flag=True, help="Replace what exists.")
@click.option("-v", "--verbose", is_flag=True, help="Say what was loaded.")
@click.option("-q", "--quiet", is_flag=True, help="Only what goes wrong.")
def sample(
    chosen: Chosen,
    out: str,
    count: int | None,
    columns: int | None,
    seed: int,
    z_file: Path | None,
    group: str,
    npz: Path | None,
    overwrite: bool,
    verbose: bool,
    quiet: bool,
) -> None:
    """Make pictures of random latent vectors, or of your own.

    The same seed and number make the same z whatever the --count. Of a conditional generator labels
    take turns, unless --label names one. An --out that ends in .png is a sheet; any other without
    an ending is a folder.

    \b
    Examples:
        ganinv sample portraits64 --out sheet.png
        ganinv sample portraits64 --out pictures/ --count 1000 --npz z.npz
        ganinv sample portraits64 --out found.png --z invert.h5
        ganinv sample portraits64 --out all.png --z invert.h5 --group image=0000/stochastic
    """
    from ganinv_cli import files

    folder = files.folder(out)
    if folder:
        files.check_folder(Path(out), overwrite)
    else:
        files.check(Path(out), (".png",), overwrite, "--out")
    if npz:
        files.check(npz, (".npz",), overwrite, "--npz")
    if group and not (z_file and z_file.suffix in (".h5", ".hdf5")):
        raise UsageError("--group is of a results file; give one with --z, such as recover.h5")
    found = generators.read(chosen.path, chosen.told, verbose, quiet)
    generator = generators.recipe(found, label=chosen.label).made()
    latents = _latents(generator, z_file, group, seed, count)
    if z_file and not quiet:
        some = f"the first {count:,} of " if count else ""
        click.echo(f"{z_file}: {some}{latents.said}", err=True)
    if folder:
        _fill(generator, latents, Path(out))
    else:
        _draw(generator, latents, Path(out), columns)
    if npz:
        from ganinv_cli.inspection.latents import npz as content

        files.put(npz, content(latents))
    if not quiet:
        click.echo(f"{out}: {_said(generator, latents)}")


def _latents(
    generator: "Generator", z_file: Path | None, group: str, seed: int, count: int | None
) -> "Latents":
    from ganinv_cli.inspection import latents

    if not z_file:
        return latents.drawn(generator, seed, count or COUNT)
    kept = latents.kept(z_file, group, generator)
    if count and count > len(kept.z):
        raise UsageError(f"{z_file} holds {len(kept.z):,} z; give --count {len(kept.z)} or less")
    labels = None if kept.labels is None else kept.labels[:count]
    return latents.Latents(kept.z[:count], labels, kept.said)


def _draw(generator: "Generator", latents: "Latents", path: Path, columns: int | None) -> None:
    from ganinv_cli.files import png, put
    from ganinv_cli.inspection.pictures import sheet

    across = columns or round(len(latents.z) ** 0.5)
    put(path, png(sheet(generator, latents.z, latents.labels, across)))


def _fill(generator: "Generator", latents: "Latents", folder: Path) -> None:
    from ganinv_cli.files import fill, png
    from ganinv_cli.inspection.pictures import image, made

    fill(folder, (png(image(each)) for each in made(generator, latents.z, latents.labels)))


def _said(generator: "Generator", latents: "Latents") -> str:
    height, width, _ = generator.image_shape
    pictures = "picture" if len(latents.z) == 1 else "pictures"
    return f"{len(latents.z):,} {pictures} of {height} x {width} pixels"
