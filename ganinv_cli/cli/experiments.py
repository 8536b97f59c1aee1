"""The commands of the experiments, as these declare them."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ganinv_cli.cli import options, report
from ganinv_cli.cli.command import GroupedCommand
from ganinv_cli.errors import UsageError
from ganinv_cli.experiments.experiment import Experiment, Request
from ganinv_cli.experiments.run_requests import run_requests
from ganinv_cli.progress.display import open_display
from ganinv_cli.settings.config import Config, ImagesConfig
from ganinv_cli.settings.declare import list_settings
from ganinv_cli.settings.load import load_config, read_assignments
from ganinv_cli.settings.names import name_generators
from ganinv_cli.settings.shipped import find

if TYPE_CHECKING:
    from ganinv_cli.experiments.run_experiment import RunImages


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
    prepared = [
        _prepare(experiment, {**given, "checkpoint": checkpoint}, name)
        for name, checkpoint in zip(names, checkpoints, strict=True)
    ]
    requests, archives = [each for each, _ in prepared], [npz for _, npz in prepared]
    files = [request.file for request in requests]
    from ganinv_cli.cli.finished_run import hash_inputs, is_finished

    hashes = [hash_inputs(request.config) for request in requests]
    done: Sequence[RunImages] = ()
    if given["overwrite"] or not all(map(is_finished, files, hashes)):
        hashed = zip(requests, hashes, strict=True)
        requests = [replace(request, inputs_sha256=sha256) for request, sha256 in hashed]
        done = run_requests(requests, partial(open_display, given["quiet"]))
    images = {file: each.images for file, each in zip(files, done, strict=False) if each.images}
    for file, npz in zip(files, archives, strict=True):
        if npz and file in images:
            from ganinv_cli.results.analysis.latents import save_latents

            save_latents(file, npz, images[file])
    folder = report.get_results_folder(given["out"] or Path(experiment.results_file))
    report.publish(
        {file: folder / file.stem if several else folder for file in files},
        given["style"],
        given["quiet"],
        page_folder=folder if several else None,
        brief=not given["verbose"],
        images=images,
        attribution=several,
        threshold=requests[0].config.shown_threshold,
    )
    failed = dict.fromkeys(sentence for each in done for sentence in each.failed)
    for sentence in failed:
        click.echo(f"Error: {sentence}", err=True)
    if failed:
        sys.exit(1)


def _prepare(
    experiment: Experiment, given: Mapping[str, Any], name: str
) -> tuple[Request, Path | None]:
    """Load the settings, choose the files, check them, and print the config's note.

    Returns the request, and the .npz file. `name` is of one of several generators. Raises, before
    any work, what is wrong.
    """
    kind, path = experiment.config, find("config", given["config"]) if given["config"] else None
    settings = {key: given[key] for key in list_settings(kind) if key in given}
    config = load_config(kind, path, settings, given["assignments"])
    find("checkpoint", config.checkpoint)  # which is refused, if it is not there, at once
    if isinstance(config, ImagesConfig) and not config.image:
        typed = f"ganinv {experiment.command} "
        example = next(line for line in (experiment.help or "").splitlines() if typed in line)
        raise UsageError(f"no image is named; type e.g. {example.strip()}")
    file = given["out"] or Path(experiment.results_file)
    folder = report.get_results_folder(file)  # of several generators together
    shard = "" if given["out"] else _name_shard(config)
    file = file.with_stem("-".join(filter(None, (file.stem, name, shard))))
    own_folder = report.get_results_folder(file)
    request = Request(
        experiment,
        config,
        file,
        name,
        figure_folder=folder if name else own_folder,
        overwrite=given["overwrite"],
        verbose=given["verbose"],
        meanwhile=report.load_report,
    )
    npz = _choose_npz(given.get("npz"), request)
    request.check()
    if config.note and not given["quiet"]:
        click.echo(config.note.strip(), err=True)
    is_named = given["checkpoint"] or "checkpoint" in read_assignments(given["assignments"])
    if not (given["quiet"] or is_named or config.checkpoint == kind.checkpoint):
        click.echo(f"generator: {config.checkpoint}, as {given['config']} has it", err=True)
    return request, npz


def _name_shard(config: Config) -> str:
    return (config.shard or "").replace("/", "-of-")


def _choose_npz(npz: Path | None, request: Request) -> Path | None:
    """Return the .npz file of a request. Raises UsageError, before any work, if it cannot be.

    An archive of an earlier call is replaced; any other file, e.g. one of images, is kept.
    """
    if npz is None:
        return None
    from ganinv_cli.files import check_output_file, has_content
    from ganinv_cli.results.analysis.latents import holds_saved_latents

    shard = _name_shard(request.config)
    npz = npz.with_stem("-".join(filter(None, (npz.stem, request.name, shard))))
    check_output_file(npz, (".npz",), True, "--npz")
    if npz.resolve() == request.file.resolve():
        raise UsageError(f"--npz {npz} is the results file as well; name another file")
    if has_content(npz) and not holds_saved_latents(npz):
        raise UsageError(
            f"--npz {npz} exists, and `ganinv invert` did not write it; name another file"
        )
    return npz
