"""`ganinv invert`."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ganinv_cli.cli import experiment_options as options
from ganinv_cli.cli import publish
from ganinv_cli.cli.options import checkpoint as checkpoint_option
from ganinv_cli.cli.options import npz as npz_option
from ganinv_cli.cli.parameters import Command
from ganinv_cli.cli.session import Output, Run, prepare_run, report_unread_files
from ganinv_cli.errors import UsageError
from ganinv_cli.files.links import resolve_links
from ganinv_cli.files.write import check_parent_folder, check_writable, has_content
from ganinv_cli.settings.config import InvertConfig
from ganinv_cli.settings.names import name_generators

if TYPE_CHECKING:
    from ganinv_cli.api.generator import LoadedGenerator
    from ganinv_cli.experiments.images import ImageRun


@click.command(
    cls=Command,
    first=("trials", "checkpoint", "crop", "mask", "device", "out", "npz", "style"),
)
@click.argument("image", nargs=-1, type=click.Path(), metavar="IMAGE...")
@options.experiment_options(
    InvertConfig,
    "Number of starts for each image. The best start is kept. If others find the same z, the "
    "result is more certain.",
    options.CROP,
    options.MASK,
    options.STATIONARY,
    checkpoint=partial(
        checkpoint_option,
        multiple=True,
        help="Generator: a file, a folder, a prefix of files, or the name of one that ships. "
        "Repeat it to ask which of several generators made the image.",
    ),
    trials_names=("--starts", "--trials"),
)
@npz_option(
    help="Also write the z of every image to this file. With several generators each gets its own "
    "file, e.g. z-portraits64.npz."
)
@options.results_options("invert.h5")
def invert(
    config: str | None,
    output: Output,
    npz: Path | None,
    checkpoint: tuple[str, ...],
    **settings: Any,
) -> None:
    """Find the latent vectors of images, each with a verdict.

    Takes image files, NumPy files (.npy, .npz) and folders. Prints for each image whether the
    generator made it, and why: how close the reconstruction is, how many starts agree, how well z
    is determined, and whether z lies inside the prior's bounds. Pictures of original,
    reconstruction and difference are written to the folder. A file that is not an image is skipped,
    and the exit status is 1; if no file is an image, it is 2. The same command continues a run that
    was stopped.

    New images are added to the results file. Images that it holds, under this or another name, are
    not inverted again. `ganinv report invert.h5` shows all of them.

    With several generators it prints which of them made each image, or that none did. Each
    generator gets its own results file, e.g. invert-portraits64.h5; `ganinv report` on these files
    prints the answer again.

    \b
    Example:
        ganinv invert portrait.png
        ganinv invert faces/ more/*.jpg --mask glasses.png --npz z.npz
        ganinv invert portrait.png --checkpoint portraits64 --checkpoint other.pt
    """
    if len(checkpoint) > 1:
        names = _name_generators(checkpoint)
        prepared = {
            name: prepare_run(
                InvertConfig, config, settings | {"checkpoint": path}, output.for_generator(name)
            )
            for name, path in zip(names, checkpoint, strict=True)
        }
        z_files = {name: npz and npz.with_stem(f"{npz.stem}-{name}") for name in names}
        for name, run in prepared.items():
            _check_npz(z_files[name], run.output.out)
        unread = _attribute(prepared, output, z_files)
    else:
        given = settings | {"checkpoint": checkpoint[0] if checkpoint else None}
        run = prepare_run(InvertConfig, config, given, output)
        _check_npz(npz, run.output.out)
        images = _run(run, npz)
        run.output.publish(images.images)
        unread = images.unread
    report_unread_files(unread)


def _attribute(
    prepared: Mapping[str, Run[InvertConfig]], output: Output, z_files: Mapping[str, Path | None]
) -> list[str]:
    """Invert the images on each generator, by its name, and print which one made each image.

    Return a sentence for each file that is not an image.
    """
    folder = publish.get_results_folder(output.out)
    generators = [run.read_generator() for run in prepared.values()]  # one may be refused
    folders: dict[Path, Path] = {}
    images: dict[Path, ImageRun] = {}
    for (name, run), generator in zip(prepared.items(), generators, strict=True):
        if not output.quiet:
            click.echo(f"generator {len(folders) + 1} of {len(prepared)}: {name}", err=True)
        file = run.output.out
        folders[file] = folder / file.stem
        images[file] = _run(run, z_files[name], folder, generator)
    shown = {file: of.images for file, of in images.items()}
    publish.publish(
        folders,
        output.style,
        output.quiet,
        folder,
        brief=not output.verbose,
        images=shown,
        attribution=True,
    )
    if output.open_page:
        publish.open_page(folder)
    return list(dict.fromkeys(sentence for of in images.values() for sentence in of.unread))


def _run(
    prepared: Run[InvertConfig],
    npz: Path | None,
    figure_folder: Path | None = None,
    generator: "LoadedGenerator | None" = None,
) -> "ImageRun":
    """Invert the images, and save their z.

    `figure_folder` is the folder of the figures if it is not the results file's own, and
    `generator` the run's, if it was read already.
    """
    from ganinv_cli.api.experiments import ImageExperiment

    images = prepared.execute(ImageExperiment(figure_folder=figure_folder), generator)
    if npz:
        from ganinv_cli.report.invert.latents import save_latents

        save_latents(prepared.output.out, npz, images.images)
    return images


def _name_generators(checkpoints: tuple[str, ...]) -> list[str]:
    """Return a name for each generator. Raises UsageError if one is given twice."""
    for checkpoint in checkpoints:
        if checkpoints.count(checkpoint) > 1:
            raise UsageError(f"--checkpoint {checkpoint} is given twice; give each generator once")
    return name_generators(checkpoints)


def _check_npz(npz: Path | None, out: Path) -> None:
    """Raise UsageError, before any work, if --npz cannot be a .npz file where it is.

    An archive of an earlier call is replaced; any other file, e.g. one of images, is kept.
    """
    if npz is None:
        return
    if npz.suffix != ".npz":
        raise UsageError(f"--npz {npz}: the name must end in .npz, e.g. z.npz")
    check_parent_folder(npz)
    check_writable(npz)
    if resolve_links(npz) == resolve_links(out):
        raise UsageError(f"--npz {npz} is the results file as well; name another file")
    if has_content(npz):
        from ganinv_cli.report.invert.latents import holds_saved_latents

        if not holds_saved_latents(npz):
            raise UsageError(
                f"--npz {npz} exists, and `ganinv invert` did not write it; name another file"
            )
