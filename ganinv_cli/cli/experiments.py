"""The commands of the experiments, as these declare them."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ganinv_cli.cli import options, report
from ganinv_cli.cli.command import GroupedCommand
from ganinv_cli.errors import UsageError, to_printable
from ganinv_cli.experiments.experiment import Experiment
from ganinv_cli.progress.display import open_display
from ganinv_cli.settings.config import Config, ImagesConfig
from ganinv_cli.settings.declare import list_settings
from ganinv_cli.settings.load import load_config, read_assignments
from ganinv_cli.settings.names import name_generators
from ganinv_cli.settings.shipped import find

if TYPE_CHECKING:
    from ganinv_cli.results.store import Image


class _Run(NamedTuple):
    """A run that can start: its settings and its files."""

    config: Config
    name: str  # of one of several generators, else empty
    file: Path  # of the results
    npz: Path | None  # for the z of every image


def make_command(experiment: Experiment) -> GroupedCommand:
    """Return the command of an experiment.

    It has an option or an argument for each setting, and options for its results and output.
    """
    declared = list_settings(experiment.config).values()
    parameters = [options.make_parameter(each) for each in declared if each.in_options]
    parameters += (
        options.option(
            "--config",
            type=click.Path(),
            metavar="PATH|NAME",
            help="TOML file with settings, or the name of one that ships; options override it.",
        ),
        options.assignments(),
        options.out(
            show_default=experiment.results_file,
            help="Results file. Tables and figures go into the folder of the same name.",
        ),
        options.overwrite(),
        options.style(),
        options.verbose(help="Print all tables, and what was loaded."),
        options.quiet(),
    )
    if experiment.inverts:
        parameters.append(
            options.npz(
                help="Also write each image's z to this file. Several generators or shards get "
                "one each, e.g. z-other.npz."
            )
        )

    def run(**given: Any) -> None:
        run_and_publish(experiment, given)

    return click.command(
        experiment.command, cls=GroupedCommand, first=experiment.first, help=experiment.help
    )(options.add_options(run, parameters))


def run_and_publish(experiment: Experiment, given: Mapping[str, Any]) -> None:
    """Run an experiment on each generator, and publish the results.

    Those of several generators are compared. The exit status is 1 if images were not read or not
    judged.
    """
    checkpoint = given["checkpoint"]  # several if the option is repeated
    checkpoints = (checkpoint or (None,)) if isinstance(checkpoint, tuple) else (checkpoint,)
    several = len(checkpoints) > 1
    for checkpoint in checkpoints:
        if checkpoints.count(checkpoint) > 1:
            raise UsageError(f"--checkpoint {checkpoint} is given twice; give each generator once")
    names = name_generators([str(each) for each in checkpoints]) if several else [""]
    runs = [
        _prepare(experiment, {**given, "checkpoint": checkpoint}, name)
        for name, checkpoint in zip(names, checkpoints, strict=True)
    ]
    from ganinv_cli.cli.finished_run import hash_inputs, is_finished

    hashes = [hash_inputs(run.config) for run in runs]
    files = [run.file for run in runs]
    folder = report.get_results_folder(given["out"] or Path(experiment.results_file))
    images: dict[Path, Sequence[Image]] = {}
    failed: dict[str, None] = {}
    if given["overwrite"] or not all(map(is_finished, files, hashes)):
        images, failed = _run_all(experiment, given, runs, hashes, folder)
    report.publish(
        {run.file: _choose_folder(run, folder, several=several) for run in runs},
        given["style"],
        given["quiet"],
        page_folder=folder if several else None,
        brief=not given["verbose"],
        images=images,
        attribution=several,
        threshold=runs[0].config.shown_threshold,
    )
    for sentence in failed:
        click.echo(f"Error: {sentence}", err=True)
    if failed:
        sys.exit(1)


def _choose_folder(run: _Run, folder: Path, *, several: bool) -> Path:
    return folder / run.file.stem if several else report.get_results_folder(run.file)


def _run_all(
    experiment: Experiment,
    given: Mapping[str, Any],
    runs: Sequence[_Run],
    hashes: Sequence[str],
    folder: Path,
) -> "tuple[dict[Path, Sequence[Image]], dict[str, None]]":
    """Run an experiment on each generator.

    Return its images by results file, and a sentence for each that was not read or not judged.
    `folder` is of the tables and figures of all generators.
    """
    several, quiet, verbose = len(runs) > 1, given["quiet"], given["verbose"]
    from ganinv_cli.loaded_generator import read_generator

    with open_display(quiet) as reporter:
        generators = [  # all before any work, as one may be refused
            read_generator(run.config, reporter, verbose=verbose) for run in runs
        ]
    from ganinv_cli.experiments.cases import Inputs
    from ganinv_cli.experiments.run_experiment import run_experiment

    files = [run.file for run in runs]
    images: dict[Path, Sequence[Image]] = {}
    failed: dict[str, None] = {}
    for number, (run, generator) in enumerate(zip(runs, generators, strict=True), start=1):
        if several and not quiet:
            click.echo(f"generator {number} of {len(runs)}: {run.name}", err=True)
        if not (quiet or run.file.parent.exists()):
            click.echo(to_printable(f"makes the new folder {run.file.parent}/"), err=True)
        own_folder = report.get_results_folder(run.file)
        with open_display(quiet) as reporter:
            done = run_experiment(
                experiment,
                run.config,
                generator,
                run.file,
                reporter,
                overwrite=given["overwrite"],
                verbose=verbose,
                inputs=Inputs(figure_folder=folder if several else own_folder),
                later=list(zip(generators, files, strict=True))[number:],
                inputs_sha256=hashes[number - 1],
                meanwhile=report.load_report,
            )
        if done.images:
            images[run.file] = done.images
            failed |= dict.fromkeys(done.failed)
            if run.npz:
                from ganinv_cli.results.analysis.latents import save_latents

                save_latents(run.file, run.npz, done.images)
    return images, failed


def _prepare(experiment: Experiment, given: Mapping[str, Any], name: str) -> _Run:
    """Load the settings, choose the files, and print the config's note.

    Raises, before any work, what is wrong with them. `name` is of one of several generators.
    """
    kind, path = experiment.config, find("config", given["config"]) if given["config"] else None
    settings = {key: given[key] for key in list_settings(kind) if key in given}
    config = load_config(kind, path, settings, given["assignments"])
    find("checkpoint", config.checkpoint)  # which is refused, if it is not there, at once
    out = given["out"]
    file, npz = out or Path(experiment.results_file), given.get("npz")
    folder = report.get_results_folder(file)
    if isinstance(config, ImagesConfig):
        from ganinv_cli.experiments.image_inputs import check_images

        if not config.image:
            typed = f"ganinv {experiment.command} "
            example = next(line for line in (experiment.help or "").splitlines() if typed in line)
            raise UsageError(f"no image is named; type e.g. {example.strip()}")
        check_images(config, folder)
    shard = (config.shard or "").replace("/", "-of-")
    file = file.with_stem("-".join(filter(None, (file.stem, name, "" if out else shard))))
    report.get_results_folder(file)
    if npz:
        npz = npz.with_stem("-".join(filter(None, (npz.stem, name, shard))))
        _check_npz(npz, file)
    from ganinv_cli.results.store import check_replaceable

    check_replaceable(file)
    if config.note and not given["quiet"]:
        click.echo(config.note.strip(), err=True)
    is_named = given["checkpoint"] or "checkpoint" in read_assignments(given["assignments"])
    if not (given["quiet"] or is_named or config.checkpoint == kind.checkpoint):
        click.echo(f"generator: {config.checkpoint}, as {given['config']} has it", err=True)
    return _Run(config, name, file, npz)


def _check_npz(npz: Path, file: Path) -> None:
    """Raise UsageError, before any work, if --npz cannot be a .npz file where it is.

    An archive of an earlier call is replaced; any other file, e.g. one of images, is kept.
    """
    from ganinv_cli.files import check_output_file, has_content
    from ganinv_cli.results.analysis.latents import holds_saved_latents

    check_output_file(npz, (".npz",), True, "--npz")
    if npz.resolve() == file.resolve():
        raise UsageError(f"--npz {npz} is the results file as well; name another file")
    if has_content(npz) and not holds_saved_latents(npz):
        raise UsageError(
            f"--npz {npz} exists, and `ganinv invert` did not write it; name another file"
        )
