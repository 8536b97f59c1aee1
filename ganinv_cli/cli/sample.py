"""`ganinv sample`."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ganinv_cli.cli import options
from ganinv_cli.cli.options import Command
from ganinv_cli.errors import UsageError
from ganinv_cli.progress.reporters import show_on_terminal
from ganinv_cli.settings.declare import INPUT, OUTPUT

if TYPE_CHECKING:
    from ganinv_cli.inspection.latents import Latents
    from ganinv_cli.network.generator import Generator

DEFAULT_COUNT = 64


@click.command(
    cls=Command,
    first=("out", "count", "seed", "z_file", "group", "label", "npz", "overwrite"),
)
@options.generator_options(options.generator_argument())
@options.out(
    type=str,
    required=True,
    metavar="FILE.png|FOLDER",
    help="A sheet of all pictures, or a folder for one file per picture.",
)
@options.count(
    "--count",
    group=INPUT,
    show_default=f"{DEFAULT_COUNT}, or all of --z",
    help="Number of pictures.",
)
@options.count(
    "--columns",
    group=OUTPUT,
    show_default="as many as rows",
    help="Columns of the sheet.",
)
@options.seed(help="Seed for z; picture N has the z of trial N in ganinv recover.")
@options.option(
    "--z",
    "z_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    group=INPUT,
    help="Make pictures of the z in this file: a .npy array of shape (n, latent), an .npz file of "
    "ganinv invert --npz, or a results file, e.g. invert.h5.",
)
@options.option(
    "--group",
    default="",
    metavar="NAME",
    group=INPUT,
    show_default="the best z of each image; for recover, the first group with z",
    help="Group in the results file to read z from, e.g. stochastic or image=0000/stochastic.",
)
@options.npz(help="Also write the z and labels of the pictures to this file.")
@options.overwrite(help="Replace existing files.")
@options.verbose()
@options.quiet(help="Print errors only.")
def sample(
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
    **generator: Any,
) -> None:
    """Make pictures of random latent vectors, or of your own.

    The same seed and picture number give the same z for every --count. The pictures of a
    conditional generator go through its labels in turn, unless --label names one. If --out ends in
    .png, one sheet is written; a name without an ending is a folder.

    \b
    Examples:
        ganinv sample portraits64 --out sheet.png
        ganinv sample portraits64 --out pictures/ --count 1000 --npz z.npz
        ganinv sample portraits64 --out found.png --z invert.h5
        ganinv sample portraits64 --out all.png --z recover.h5 --group stochastic
    """
    from ganinv_cli import files

    folder = out.endswith(os.sep) or Path(out).is_dir() or not Path(out).suffix
    options.refuse_ignored(
        seed="z is read from the file of --z" if z_file else "",
        columns="a folder has one file for each picture" if folder else "",
    )
    if folder:
        files.check_output_folder(Path(out), overwrite)
    else:
        files.check_output_file(Path(out), (".png",), overwrite, "--out")
    if npz:
        files.check_output_file(npz, (".npz",), overwrite, "--npz")
    if group and not (z_file and z_file.suffix in (".h5", ".hdf5")):
        raise UsageError(
            "--group names a group in a results file; add one with --z, e.g. --z recover.h5"
        )
    with show_on_terminal(quiet) as reporter:
        built = options.read_generator(generator, reporter, verbose).make_spec().build()
        from ganinv_cli.inspection import render

        if not (folder or z_file):  # before all z are drawn
            asked = count or DEFAULT_COUNT
            render.measure_sheet(built, asked, columns or round(asked**0.5))
        latents = _load_latents(built, z_file, group, seed, count)
        if z_file:
            some = f"the first {count:,} of " if count else ""
            reporter.say(f"{z_file}: {some}{latents.description}")
        reporter.enter("drawing pictures")
        if folder:
            pictures = render.render_pixels(built, latents.z, latents.labels)
            images = (files.encode_png(render.to_pil_image(each)) for each in pictures)
            _write_numbered_pngs(Path(out), images)
        else:
            column_count = columns or round(len(latents.z) ** 0.5)
            sheet = render.draw_sheet(built, latents.z, latents.labels, column_count)
            files.write_output_file(Path(out), files.encode_png(sheet))
    if npz:
        from ganinv_cli.inspection.latents import encode_npz

        files.write_output_file(npz, encode_npz(latents))
    if not quiet:
        height, width, _ = built.image_shape
        pictures_word = "picture" if len(latents.z) == 1 else "pictures"
        click.echo(f"{out}: {len(latents.z):,} {pictures_word} of {height} x {width} pixels")


def _load_latents(
    generator: "Generator", z_file: Path | None, group: str, seed: int, count: int | None
) -> "Latents":
    from ganinv_cli.inspection import latents

    if not z_file:
        return latents.draw_latents(generator, seed, count or DEFAULT_COUNT)
    stored_latents = latents.read_latents(z_file, group, generator)
    if count and count > len(stored_latents.z):
        raise UsageError(
            f"{z_file} holds {len(stored_latents.z):,} z; give --count {len(stored_latents.z)} or "
            "less"
        )
    labels = None if stored_latents.labels is None else stored_latents.labels[:count]
    return latents.Latents(stored_latents.z[:count], labels, stored_latents.description)


def _write_numbered_pngs(folder: Path, contents: Iterable[bytes]) -> None:
    """Write 000000.png, 000001.png, ... and remove files of higher numbers from an earlier call."""
    from ganinv_cli import files

    with files.explain_write_errors(folder):
        files.make_folder(folder)
        count = 0
        for count, content in enumerate(contents, 1):
            files.replace_file(folder / f"{count - 1:06d}.png", content)
        for old in folder.glob("[0-9]*.png"):
            if old.stem.isdecimal() and int(old.stem) >= count:
                old.unlink()
