"""`ganinv recover`, `noise-sweep`, `consistency` and `invert`."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ganinv_cli.cli import options, publish
from ganinv_cli.cli.options import Command
from ganinv_cli.errors import UsageError
from ganinv_cli.files.write import check_output_file, has_content
from ganinv_cli.progress.reporters import show_on_terminal
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
    from ganinv_cli.engine.loaded_generator import LoadedGenerator
    from ganinv_cli.experiments.plan import ImageRun
    from ganinv_cli.store import NamedImage

Kind = TypeVar("Kind", bound=Config)
Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Output:
    """The options for the results file and for what is printed."""

    out: Path | None
    overwrite: bool
    style: str
    open_page: bool  # whether the page is shown in the browser at the end
    verbose: bool
    quiet: bool

    def name_file(self, default: str, part: str = "") -> Path:
        """Return the results file, e.g. invert-portraits64.h5 with a part of the name.

        Raises UsageError, before any work, if its folder cannot have its name.
        """
        file = self.out or Path(default)
        file = file.with_stem(f"{file.stem}-{part}") if part else file
        publish.get_results_folder(file)
        return file

    def publish(self, file: Path, images: "Sequence[NamedImage] | None" = None) -> None:
        """Write and print the tables and figures of a file, of some of its images if given."""
        folder = publish.get_results_folder(file)
        shown = None if images is None else {file: images}
        publish.publish(
            {file: folder}, self.style, self.quiet, brief=not self.verbose, images=shown
        )
        if self.open_page:
            publish.open_page(folder)


def _experiment_options(kind: type[Config], results_file: str) -> Callable[[Function], Function]:
    """Add an option for each setting of an experiment, and those of `Output`."""
    settings = [each for each in list_settings(kind).values() if each.declaration.in_options]
    others = (
        options.option(
            "--config",
            type=options.Shipped("config"),
            help="TOML file with settings, or the name of one that ships; options override it.",
        ),
        options.out(
            show_default=results_file,
            help="Results file. Tables and figures go into the folder of the same name.",
        ),
        options.overwrite(),
        options.style(),
        options.open_page(),
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
@_experiment_options(RecoverConfig, "recover.h5")
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
    _run_and_publish(RecoverConfig, "recover.h5", given)


@click.command(
    "noise-sweep",
    cls=Command,
    first=("variances", "trials", "checkpoint", "clip", "device", "out", "style", "config"),
)
@_experiment_options(NoiseSweepConfig, "noise-sweep.h5")
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
    _run_and_publish(NoiseSweepConfig, "noise-sweep.h5", given)


@click.command(
    cls=Command,
    first=("image", "trials", "checkpoint", "clip", "device", "out", "style", "config"),
)
@_experiment_options(ConsistencyConfig, "consistency.h5")
def consistency(**given: Any) -> None:
    """Recover one unseen image many times (Table 2).

    Do the recoveries agree? Prints how far apart they are, compared with random vectors and with
    the paper, and how many distinct minima they are. With --restarts N each recovery is the best
    of N + 1 starts. The same command continues a run that was stopped; a larger --trials extends a
    finished run. New images are added to the results file; those that it holds are not run again,
    and `ganinv report` shows all of them. The paper has 1,000 trials; the default is 100.

    \b
    Example:
        ganinv consistency --image portrait.png
        ganinv consistency --image faces/ --trials 20 --restarts 3
    """
    _run_and_publish(ConsistencyConfig, "consistency.h5", given)


@click.command(
    cls=Command,
    first=("trials", "checkpoint", "crop", "mask", "device", "out", "npz", "style"),
)
@click.argument("image", nargs=-1, type=click.Path(), metavar="IMAGE...")
@_experiment_options(InvertConfig, "invert.h5")
@options.npz(
    help="Also write the z of every image to this file. With several generators each gets its own "
    "file, e.g. z-portraits64.npz."
)
def invert(npz: Path | None, checkpoint: tuple[str, ...], **given: Any) -> None:
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
        _attribute(checkpoint, npz, given)
    else:
        given["checkpoint"] = checkpoint[0] if checkpoint else None
        _run_and_publish(InvertConfig, "invert.h5", given, npz)


def _run_and_publish(
    kind: type[Config], default: str, given: dict[str, Any], npz: Path | None = None
) -> None:
    """Run an experiment, and publish its results; exit with status 1 if images were not read."""
    config, output = _load_config(kind, given)
    file = output.name_file(default, "" if output.out else config.shard.replace("/", "-of-"))
    _check_npz(npz, file)
    images = _run(config, file, output)
    _save_npz(npz, file, images)
    output.publish(file, images.images if images else None)
    _report_unread_files(images.unread if images else ())


def _attribute(checkpoints: Sequence[str], npz: Path | None, given: dict[str, Any]) -> None:
    """Invert the images on each of several generators, and print which one made each image."""
    if repeated := [name for name in checkpoints if checkpoints.count(name) > 1]:
        raise UsageError(f"--checkpoint {repeated[0]} is given twice; give each generator once")
    configs, files, z_files = [], [], []
    for name, checkpoint in zip(name_generators(checkpoints), checkpoints, strict=True):
        config, output = _load_config(InvertConfig, given | {"checkpoint": checkpoint})
        configs.append(config)
        shard = "" if output.out else config.shard.replace("/", "-of-")
        files.append(output.name_file("invert.h5", f"{name}-{shard}" if shard else name))
        z_files.append(npz and npz.with_stem(f"{npz.stem}-{name}"))
        _check_npz(z_files[-1], files[-1])
    folder = publish.get_results_folder(output.name_file("invert.h5"))
    folders = {file: folder / file.stem for file in files}
    generators = [_read_generator(config, output) for config in configs]  # one may be refused
    runs: dict[Path, ImageRun] = {}
    for number, (file, config) in enumerate(zip(files, configs, strict=True)):
        if not output.quiet:
            place = f"generator {number + 1} of {len(files)}"
            click.echo(f"{place}: {name_generators(checkpoints)[number]}", err=True)
        run = _run(config, file, output, generators[number], folders[file])
        assert run
        _save_npz(z_files[number], file, run)
        runs[file] = run
    publish.publish(
        folders,
        output.style,
        output.quiet,
        page_folder=folder,
        brief=not output.verbose,
        images={file: run.images for file, run in runs.items()},
        attribution=True,
    )
    if output.open_page:
        publish.open_page(folder)
    _report_unread_files([sentence for run in runs.values() for sentence in run.unread])


def _load_config(kind: type[Kind], given: Mapping[str, Any]) -> tuple[Kind, Output]:
    """Return the settings and the output of a command, and print the config's note."""
    names = [each.name for each in fields(Output)]
    output = Output(**{name: given[name] for name in names})
    settings = {name: given[name] for name in given if name not in (*names, "config")}
    config_file = find("config", given["config"]) if given["config"] else None
    config = load(kind, config_file, settings)
    if isinstance(config, ImagesConfig):
        from ganinv_cli.experiments.pictures import list_named_images

        list_named_images(config.image)  # refuses names before TensorFlow is loaded
    if config.note and not output.quiet:
        click.echo(config.note.strip(), err=True)
    if not (output.quiet or given["checkpoint"] or config.checkpoint == kind.checkpoint):
        click.echo(f"generator: {config.checkpoint}, as {given['config']} has it", err=True)
    return config, output


def _read_generator(config: Config, output: Output) -> "LoadedGenerator":
    from ganinv_cli.engine.loaded_generator import read_run_generator

    with show_on_terminal(output.quiet) as reporter:
        return read_run_generator(config, reporter, verbose=output.verbose)


def _run(
    config: Config,
    file: Path,
    output: Output,
    generator: "LoadedGenerator | None" = None,
    figure_folder: Path | None = None,
) -> "ImageRun | None":
    """Run an experiment into a results file; of image files, return those that it has.

    `generator` is the config's, if it was read already; `figure_folder` is the folder of the
    figures if it is not the results file's own.
    """
    loaded = generator or _read_generator(config, output)  # starts TensorFlow
    from ganinv_cli.experiments.plan import ImageInputs
    from ganinv_cli.experiments.run import run_experiment

    with show_on_terminal(output.quiet) as reporter:
        return run_experiment(
            config,
            loaded,
            file,
            reporter,
            overwrite=output.overwrite,
            verbose=output.verbose,
            inputs=ImageInputs(figure_folder=figure_folder),
        )


def _check_npz(npz: Path | None, file: Path) -> None:
    """Raise UsageError, before any work, if --npz cannot be a .npz file where it is.

    An archive of an earlier call is replaced; any other file, e.g. one of images, is kept.
    """
    if npz is None:
        return
    check_output_file(npz, (".npz",), True, "--npz")
    if npz.resolve() == file.resolve():
        raise UsageError(f"--npz {npz} is the results file as well; name another file")
    if has_content(npz):
        from ganinv_cli.report.invert.latents import holds_saved_latents

        if not holds_saved_latents(npz):
            raise UsageError(
                f"--npz {npz} exists, and `ganinv invert` did not write it; name another file"
            )


def _save_npz(npz: Path | None, file: Path, run: "ImageRun | None") -> None:
    if npz and run:
        from ganinv_cli.report.invert.latents import save_latents

        save_latents(file, npz, run.images)


def _report_unread_files(unread: Sequence[str]) -> None:
    """Print which files are not images; if there are any, exit with status 1."""
    for sentence in dict.fromkeys(unread):
        click.echo(f"Error: {sentence}", err=True)
    if unread:
        sys.exit(1)
