"""`ganinv inspect` and `sample`."""

import json
import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ganinv_cli.cli import options
from ganinv_cli.cli.command import GroupedCommand
from ganinv_cli.errors import GaninvError, UsageError
from ganinv_cli.progress.display import open_display
from ganinv_cli.settings.config import Config
from ganinv_cli.settings.declare import INPUT, OUTPUT
from ganinv_cli.settings.load import load_config
from ganinv_cli.settings.shipped import find

if TYPE_CHECKING:
    from ganinv_cli.inspection.latent_vectors import StoredLatents

DEFAULT_COUNT, DEFAULT_BETWEEN = 64, 8  # pictures of `sample`, and of those with --between

_generator = partial(click.argument, "checkpoint", metavar="GENERATOR", type=click.Path())


@click.command(cls=GroupedCommand, first=("spectrum", "check", "style", "verbose"))
@options.generator_options(_generator())
@options.option(
    "--spectrum",
    is_flag=True,
    help="Measure the singular values of dG/dz at random z, which show how hard inversion is.",
)
@options.option(
    "--check",
    is_flag=True,
    help="Check that the batch norms' statistics fit the network and the prior, and that pictures "
    "are finite and depend on every component of z.",
)
@options.style(type=options.TEXT_OR_JSON, help="Format: text, or everything as one JSON object.")
@options.verbose(
    help="List every layer, the statistics of each batch norm, and all names that were ignored."
)
def inspect(spectrum: bool, check: bool, style: str, verbose: bool, **given: Any) -> None:
    """Describe a generator: its prior, pictures and layers.

    Prints first whether all is known, or what only your program can tell, and what to do; then the
    latent vector and its prior, the pictures and their range.

    Other generators can be exported to ONNX. In PyTorch, for 100 latent values:

    \b
        torch.onnx.export(
            G.eval(), torch.randn(1, 100), "generator.onnx",
            input_names=["z"], dynamic_axes={"z": {0: "n"}})

    \b
    Examples:
        ganinv inspect portraits64
        ganinv inspect netG.pth --spectrum --check
    \f

    \b
    In detail, it prints
    - first whether all is known, or what only your program can tell, and what
      to do;
    - the latent vector and its prior, the pictures and their range;
    - for a file of weights alone, each convention in one line, and its source:
      the file, given by option, inferred from the norms' statistics, confirmed
      (inferred, and the usual value), told by its pictures, assumed but fitting,
      or assumed;
    - with -v every layer, or the number of TensorFlow operations of each kind,
      and how far the statistics that batch norms stored in training are from
      those of now.

    The exit status is 1 if a check failed.
    """
    from ganinv_cli.inspection.text import format_facts
    from ganinv_cli.loaded_generator import read_generator

    path = find("checkpoint", given["checkpoint"])
    with open_display(quiet=False) as reporter:
        reporter.enter(f"reading {path.name}")
        loaded = read_generator(load_config(Config, None, given), verbose=verbose)
        from ganinv_cli.inspection.facts import describe_definition

        description = describe_definition(loaded.definition)
        description["arguments"] = options.join_arguments(given)
        if spectrum or check:
            generator = loaded.build()
        if spectrum:
            from ganinv_cli.inspection.spectrum import measure_singular_values, summarize_spectrum

            reporter.enter("measuring the spectrum")
            description["spectrum"] = summarize_spectrum(measure_singular_values(generator))
        if check:
            from ganinv_cli.inspection.facts import check_generator

            reporter.enter(f"checking {path.name}")
            description["checks"] = check_generator(generator, loaded.definition)
    if style == "json":
        click.echo(json.dumps(description, indent=2))
    else:
        click.echo(format_facts(description, verbose), nl=False)
    failed_claims = [
        each["claim"] + (f" ({each['why']})" if each["why"] else "")
        for each in description.get("checks", ())
        if each["passed"] is False
    ]
    if failed_claims:
        raise GaninvError(
            f"{loaded.definition.path}: the check failed that {'; and that '.join(failed_claims)}"
        )


@click.command(
    cls=GroupedCommand,
    first=("out", "count", "seed", "z_file", "between", "group", "label", "npz"),
)
@options.generator_options(_generator())
@options.out(
    type=str,
    default="sample.png",
    metavar="FILE.png|FOLDER",
    help="A sheet of all pictures, or a folder for one file per picture.",
)
@options.count(
    "--count",
    group=INPUT,
    show_default=f"{DEFAULT_COUNT}; all of --z; {DEFAULT_BETWEEN} of --between",
    help="Number of pictures.",
)
@options.count(
    "--columns",
    group=OUTPUT,
    show_default="as many as rows; one row of --between",
    help="Columns of the sheet.",
)
@options.seed(
    default=None,
    show_default="0",
    help="Seed for z; picture N has the z of trial N in ganinv recover.",
)
@options.option(
    "--z",
    "z_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    group=INPUT,
    help="Make pictures of the z in this file: a .npy array of shape (n, latent), an .npz file of "
    "ganinv invert --npz, or a results file, e.g. invert.h5.",
)
@options.option(
    "--between",
    nargs=2,
    metavar="FILE FILE",
    group=INPUT,
    help="Make pictures on the way from the z in one such file to the z in another, both included: "
    "along a line, or for a normal prior along a great circle (White 2016). If a file has several "
    "z, the first counts, or name a row, e.g. z.npz[3].",
)
@options.option(
    "--group",
    default="",
    metavar="NAME",
    group=INPUT,
    show_default="the best z of each image; for recover, the first group with z",
    help="Group in the results file to read z from, e.g. stochastic or stochastic/starts.",
)
@options.npz(help="Also write the z and labels of the pictures to this file.")
@options.overwrite(help="Replace existing files.")
@options.verbose()
@options.quiet(help="Print errors only.")
def sample(
    out: str,
    count: int | None,
    columns: int | None,
    seed: int | None,
    z_file: Path | None,
    between: tuple[str, str] | None,
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
        ganinv sample portraits64
        ganinv sample portraits64 --out pictures/ --count 1000 --npz z.npz
        ganinv sample portraits64 --out found.png --z invert.h5
        ganinv sample portraits64 --out way.png --between a.npz b.npz
        ganinv sample portraits64 --out all.png --z recover.h5 --group stochastic
    """
    from ganinv_cli import files
    from ganinv_cli.inspection import latent_vectors
    from ganinv_cli.loaded_generator import read_generator

    folder = out.endswith(os.sep) or Path(out).is_dir() or not Path(out).suffix
    if folder:
        files.check_output_folder(Path(out), overwrite)
    else:
        files.check_output_file(Path(out), (".png",), overwrite, "--out")
    if npz:
        files.check_output_file(npz, (".npz",), overwrite, "--npz")
    if z_file and between:
        raise UsageError("--z and --between both name the z of the pictures; give one of them")
    if seed is not None and (z_file or between):
        raise UsageError("--seed is for z that are drawn, and a file has these; leave --seed out")
    if columns and folder:
        raise UsageError("--columns is for a sheet; leave it out, or give --out FILE.png")
    if between and count == 1:
        raise UsageError("--between includes both ends; give a --count of 2 or more")
    if group and not (z_file and z_file.suffix in (".h5", ".hdf5")):
        raise UsageError(
            "--group names a group in a results file; add one with --z, e.g. --z recover.h5"
        )
    stored = [latent_vectors.read_row(name) for name in between or ()]
    if z_file:
        stored = [_read_first(z_file, group, count)]
    with open_display(quiet) as reporter:
        config = load_config(Config, None, generator)
        built = read_generator(config, reporter, verbose=verbose).build()
        from ganinv_cli.inspection import render_pictures as render

        for each in stored:
            if each.checkpoint_sha256 not in ("", built.sha256):
                reporter.say(
                    f"{each.file} has z of another generator (sha256 {each.checkpoint_sha256[:12]}"
                    f"…); {config.checkpoint} ({built.sha256[:12]}…) makes other pictures of them"
                )
        if between:
            first, last = stored
            latents = latent_vectors.interpolate(built, first, last, count or DEFAULT_BETWEEN)
        elif stored:
            reporter.say(f"{z_file}: {stored[0].description}")
            latents = latent_vectors.fit_latents(stored[0], built)
        else:
            asked = count or DEFAULT_COUNT
            if not folder:  # before all z are drawn
                render.measure_sheet(built, asked, columns or round(asked**0.5))
            latents = latent_vectors.draw_latents(built, seed or 0, asked)
        reporter.enter("drawing pictures")
        if folder:
            pictures = render.render_pixels(built, latents.z, latents.labels)
            images = (files.encode_png(render.to_pil_image(each)) for each in pictures)
            _write_numbered_pngs(Path(out), images)
        else:
            column_count = columns or round(len(latents.z) ** (1 if between else 0.5))
            sheet = render.draw_contact_sheet(built, latents.z, latents.labels, column_count)
            files.write_output_file(Path(out), files.encode_png(sheet))
    if npz:
        files.write_output_file(npz, latent_vectors.encode_npz(latents, built))
    if not quiet:
        height, width, _ = built.image_shape
        pictures_word = "picture" if len(latents.z) == 1 else "pictures"
        click.echo(f"{out}: {len(latents.z):,} {pictures_word} of {height} x {width} pixels")


def _read_first(z_file: Path, group: str, count: int | None) -> "StoredLatents":
    """Return the first `count` z of a file, or all of them."""
    from ganinv_cli.inspection.latent_vectors import read_latents

    stored = read_latents(z_file, group)
    if count is None:
        return stored
    if count > len(stored.z):
        raise UsageError(
            f"{z_file} holds {len(stored.z):,} z; give --count {len(stored.z)} or less"
        )
    labels = None if stored.labels is None else stored.labels[:count]
    description = f"the first {count:,} of {stored.description}"
    return stored._replace(z=stored.z[:count], labels=labels, description=description)


def _write_numbered_pngs(folder: Path, contents: Iterable[bytes]) -> None:
    """Write 000000.png, 000001.png, ... and remove the next numbers, of an earlier call."""
    from ganinv_cli import files

    with files.explain_write_errors(folder):
        files.make_folder(folder)
        count = 0
        for count, content in enumerate(contents, 1):
            files.replace_file(folder / f"{count - 1:06d}.png", content)
        while (old := folder / f"{count:06d}.png").exists():
            old.unlink()
            count += 1
