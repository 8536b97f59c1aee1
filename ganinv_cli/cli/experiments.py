"""`ganinv recover`, `noise-sweep`, `consistency` and `invert`."""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from ganinv_cli.cli import options, publish
from ganinv_cli.cli.options import Command
from ganinv_cli.errors import UsageError
from ganinv_cli.progress.display import open_display
from ganinv_cli.settings.config import (
    Config,
    ConsistencyConfig,
    ImagesConfig,
    InvertConfig,
    NoiseSweepConfig,
    RecoverConfig,
)
from ganinv_cli.settings.declare import list_settings
from ganinv_cli.settings.load import load
from ganinv_cli.settings.names import name_generators
from ganinv_cli.settings.shipped import find

if TYPE_CHECKING:
    from ganinv_cli.store import NamedImage

Function = TypeVar("Function", bound=Callable[..., Any])


class _Run(NamedTuple):
    """A run that can start: its settings and its files."""

    config: Config
    name: str  # of one of several generators, else empty
    file: Path  # of the results
    npz: Path | None  # for the z of every image


def add_experiment_options(kind: type[Config], results_file: str) -> Callable[[Function], Function]:
    """Add an option for each setting of an experiment, and those for its results and output."""
    settings = [each for each in list_settings(kind).values() if each.in_options]
    others = (
        options.option(
            "--config",
            type=click.Path(),
            metavar="PATH|NAME",
            help="TOML file with settings, or the name of one that ships; options override it.",
        ),
        options.out(
            show_default=results_file,
            help="Results file. Tables and figures go into the folder of the same name.",
        ),
        options.overwrite(),
        options.style(),
        options.verbose(help="Print all tables, and what was loaded."),
        options.quiet(),
    )
    return lambda function: options.add_options(
        function, [*map(options.make_option, settings), *others]
    )


@click.command(
    cls=Command,
    first=("trials", "checkpoint", "clip", "seed", "device", "out", "style", "config"),
)
@add_experiment_options(RecoverConfig, "recover.h5")
def recover(**given: Any) -> None:
    """Recover known latent vectors (Table 1, Figure 1).

    Draws latent vectors, makes their images, and recovers each under every clipping rule from the
    same start. Prints the success rate, the error and the speed, as in the paper. The same command
    continues a run that was stopped; a larger --trials extends a finished run.

    \b
    Example:
        ganinv recover --trials 200
        ganinv recover --polish float64 --out float64.h5
        ganinv recover --config paper-text --trials 8 --out paper.h5
    """
    run_and_publish(RecoverConfig, "recover.h5", given)


@click.command(
    "noise-sweep",
    cls=Command,
    first=("variances", "trials", "checkpoint", "clip", "device", "out", "style", "config"),
)
@add_experiment_options(NoiseSweepConfig, "noise-sweep.h5")
def noise_sweep(**given: Any) -> None:
    """Recover latent vectors from noisy images (Figure 2).

    Adds Gaussian noise of each variance to the images of known latent vectors, and recovers each
    under every clipping rule from the same noisy image and start. Prints how the error of z grows,
    how close it is to the Cramer-Rao bound, and whether the rules differ. The same command
    continues a run that was stopped; a larger --trials extends a finished run.

    \b
    Example:
        ganinv noise-sweep
        ganinv noise-sweep --variances 0.01,0.1 --trials 50 --out quick.h5
    """
    run_and_publish(NoiseSweepConfig, "noise-sweep.h5", given)


@click.command(
    cls=Command,
    first=("image", "trials", "checkpoint", "clip", "device", "out", "style", "config"),
)
@add_experiment_options(ConsistencyConfig, "consistency.h5")
def consistency(**given: Any) -> None:
    """Recover one unseen image many times (Table 2).

    Do the recoveries agree? Prints how far apart they are, compared with random vectors and with
    the paper, and how many distinct minima they are. With --restarts N each recovery is the best
    of N + 1 starts. The same command continues a run that was stopped; a larger --trials extends a
    finished run. New images are added to the results file; those that it holds are not run again.
    The folder and `ganinv report` show all of them. The paper has 1,000 trials; the default is 100.

    \b
    Example:
        ganinv consistency --image portrait.png
        ganinv consistency --image faces/ --trials 20 --restarts 3
    """
    run_and_publish(ConsistencyConfig, "consistency.h5", given)


@click.command(
    cls=Command,
    first=("trials", "checkpoint", "crop", "mask", "device", "out", "npz", "style"),
)
@click.argument("image", nargs=-1, type=click.Path(), metavar="IMAGE...")
@add_experiment_options(InvertConfig, "invert.h5")
@options.npz(
    help="Also write the z of every image to this file. With several generators, or with --shard, "
    "each gets its own file, e.g. z-portraits64.npz, z-1-of-4.npz."
)
def invert(npz: Path | None, checkpoint: tuple[str, ...], **given: Any) -> None:
    """Find the latent vectors of images, each with a verdict.

    Takes image files, NumPy files (.npy, .npz) and folders. Prints for each image whether the
    generator made it, and what was done to it since: JPEG, a resize, shift or crop, other colours,
    noise; what that leaves, and how sure z is. Pictures of original, reconstruction and difference
    are written to the folder. A file that is not an image is skipped, and the exit status is 1; if
    no file is an image, it is 2. The same command continues a run that was stopped.

    New images are added to the results file. Images that it holds, under this or another name, are
    not inverted again. The folder and `ganinv report invert.h5` show all of them.

    With several generators it prints which of them made each image, or that none did. Each
    generator gets its own results file, e.g. invert-portraits64.h5; `ganinv report` on these files
    prints the answer again.

    \b
    Example:
        ganinv invert portrait.png
        ganinv invert faces/ more/*.jpg --mask glasses.png --npz z.npz
        ganinv invert portrait.png --checkpoint portraits64 --checkpoint other.pt
    """
    run_and_publish(InvertConfig, "invert.h5", given, checkpoint or (None,), npz)


def run_and_publish(
    kind: type[Config],
    results_file: str,
    given: dict[str, Any],
    checkpoints: Sequence[str | None] = (),
    npz: Path | None = None,
) -> None:
    """Run an experiment on each generator, and publish the results.

    Those of several generators are compared. The exit status is 1 if images were not read.
    """
    checkpoints = checkpoints or (given["checkpoint"],)
    several = len(checkpoints) > 1
    for checkpoint in checkpoints:
        if checkpoints.count(checkpoint) > 1:
            raise UsageError(f"--checkpoint {checkpoint} is given twice; give each generator once")
    names = name_generators([str(each) for each in checkpoints]) if several else [""]
    given = {"npz": npz, "results_file": Path(results_file), **given}
    runs = [
        _prepare(kind, given | {"checkpoint": checkpoint}, name)
        for name, checkpoint in zip(names, checkpoints, strict=True)
    ]
    quiet, verbose = given["quiet"], given["verbose"]
    from ganinv_cli.engine.loaded_generator import read_generator

    with open_display(quiet) as reporter:
        generators = [  # all before any work, as one may be refused
            read_generator(run.config, reporter, verbose=verbose) for run in runs
        ]
    from ganinv_cli.experiments.plan import ImageInputs
    from ganinv_cli.experiments.run import run_experiment

    folder = publish.get_results_folder(given["out"] or Path(results_file))
    folders: dict[Path, Path] = {}
    images: dict[Path, Sequence[NamedImage]] = {}
    unread: dict[str, None] = {}
    for number, (run, generator) in enumerate(zip(runs, generators, strict=True), start=1):
        if several and not quiet:
            click.echo(f"generator {number} of {len(runs)}: {run.name}", err=True)
        own_folder = publish.get_results_folder(run.file)
        folders[run.file] = folder / run.file.stem if several else own_folder
        with open_display(quiet) as reporter:
            done = run_experiment(
                run.config,
                generator,
                run.file,
                reporter,
                overwrite=given["overwrite"],
                verbose=verbose,
                inputs=ImageInputs(figure_folder=folder if several else own_folder),
            )
        if done:
            images[run.file] = done.images
            unread |= dict.fromkeys(done.unread)
            if run.npz:
                from ganinv_cli.analysis.latents import save_latents

                save_latents(run.file, run.npz, done.images)
    publish.publish(
        folders,
        given["style"],
        quiet,
        page_folder=folder if several else None,
        brief=not verbose,
        images=images,
        attribution=several,
    )
    for sentence in unread:
        click.echo(f"Error: {sentence}", err=True)
    if unread:
        sys.exit(1)


def _prepare(kind: type[Config], given: Mapping[str, Any], name: str) -> _Run:
    """Load the settings, choose the files, and print the config's note.

    Raises, before any work, what is wrong with them. `name` is of one of several generators.
    """
    path = find("config", given["config"]) if given["config"] else None
    config = load(kind, path, {key: given[key] for key in list_settings(kind) if key in given})
    out = given["out"]
    file, npz = out or given["results_file"], given["npz"]
    folder = publish.get_results_folder(file)
    if isinstance(config, ImagesConfig):
        from ganinv_cli.images.files import list_named_images

        list_named_images(config.image, folder)
    shard = config.shard.replace("/", "-of-")
    file = file.with_stem("-".join(filter(None, (file.stem, name, "" if out else shard))))
    publish.get_results_folder(file)
    if npz:
        npz = npz.with_stem("-".join(filter(None, (npz.stem, name, shard))))
        _check_npz(npz, file)
    if config.note and not given["quiet"]:
        click.echo(config.note.strip(), err=True)
    if not (given["quiet"] or given["checkpoint"] or config.checkpoint == kind.checkpoint):
        click.echo(f"generator: {config.checkpoint}, as {given['config']} has it", err=True)
    return _Run(config, name, file, npz)


def _check_npz(npz: Path, file: Path) -> None:
    """Raise UsageError, before any work, if --npz cannot be a .npz file where it is.

    An archive of an earlier call is replaced; any other file, e.g. one of images, is kept.
    """
    from ganinv_cli.analysis.latents import holds_saved_latents
    from ganinv_cli.files import check_output_file, has_content

    check_output_file(npz, (".npz",), True, "--npz")
    if npz.resolve() == file.resolve():
        raise UsageError(f"--npz {npz} is the results file as well; name another file")
    if has_content(npz) and not holds_saved_latents(npz):
        raise UsageError(
            f"--npz {npz} exists, and `ganinv invert` did not write it; name another file"
        )
