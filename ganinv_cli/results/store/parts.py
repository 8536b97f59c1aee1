"""Read results: the finished file of a run, the log of a run that goes on, or both."""

import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from ganinv_cli.errors import ResultsError, explain_failures, refuse_folder
from ganinv_cli.files import follow_link, has_content, open_replacement
from ganinv_cli.results.store.attributes import find_differences
from ganinv_cli.results.store.columns import TRIAL, is_trial_group
from ganinv_cli.results.store.hdf5 import NamedImage, Results, open_file, write_results
from ganinv_cli.results.store.log import Log, name_log, read_log
from ganinv_cli.results.store.rows import Figure, Group, Part, Rows
from ganinv_cli.settings.names import image_number, is_image_group

NO_TRIAL = (
    "the run was interrupted before its first trial ended, or has just begun; the same command "
    "goes on"
)
SHARED_GRADIENTS = "shared_gradients"  # the constant: what a run spent once


class SaveError(ResultsError):
    """The results could not be written; what was committed before is safe."""

    exit_code = 1


def read_results(path: Path) -> Results:
    """Return everything committed at `path`, also while another process writes there.

    A column is read when it is first used, and stays readable if the file is replaced. Raises
    ResultsError if there are no results, or a file is damaged, not from ganinv or has a newer
    schema.
    """
    parts, log = open_existing_parts(path)
    return replace(join_parts(parts), notes=tuple(log.notes))


def select_images(results: Results, images: Sequence[NamedImage]) -> Results:
    """Return the results of these images alone, to show in this order and under these names.

    What the run spent once, they spent in proportion to their trials. An image that has two names
    has its trials once.
    """
    numbers = {image.number for image in images}
    groups = {
        name: group
        for name, group in results.groups.items()
        if not is_image_group(name.partition("/")[0]) or image_number(name) in numbers
    }
    share = _count_trials(groups) / max(1, _count_trials(results.groups))
    spent = {
        name: value * share for name, value in results.constants.items() if name == SHARED_GRADIENTS
    }
    return replace(
        results, groups=groups, constants=results.constants | spent, selection=tuple(images)
    )


def open_parts(path: Path) -> tuple[list[Part], Log]:
    """Return the parts of a run, the newest last, and its log, empty if there is none.

    Raises ResultsError as `read_results` does.
    """
    refuse_folder(path)
    log = read_log(path)  # first: if the run finishes meanwhile, the finished file has its rows
    finished = [open_file(path)] if has_content(path) else []
    return [*finished, *log.parts], log


def open_existing_parts(path: Path) -> tuple[list[Part], Log]:
    """Return the parts of a run and its log. Raises ResultsError if nothing is committed, too."""
    parts, log = open_parts(path)
    if not parts and name_saved_batch(path, 0).exists():
        raise ResultsError(f"{path}: {NO_TRIAL}")
    if not parts:
        raise ResultsError(f"{path}: there is no such file; name one that a run has written")
    return parts, log


def join_parts(parts: Sequence[Part]) -> Results:
    """Return what parts have together, with the attributes of the last that counts.

    Of a trial in several parts the first row counts, of several figures the one with the lowest
    trials. Raises ResultsError if the parts are not of one run.
    """
    for part in {id(part.attributes): part for part in parts}.values():  # blocks share them
        if differing := find_differences(parts[0].attributes, part.attributes):
            raise ResultsError(
                f"{part.path} is of another run than {parts[0].path}: it differs in "
                f"{', '.join(differing)}; name files of one run, or move it away"
            )
    names = dict.fromkeys(name for part in parts for name in part.trials)
    groups = {name: Rows(name, parts) for name in names}
    counted = [part for rows in groups.values() for part in rows.list_parts()]
    complete = bool(counted) and all(part.is_finished for part in counted)
    newest = (counted if complete else parts)[-1:]
    attributes = dict(newest[0].attributes) if newest else {}
    constants = {name: value for part in parts for name, value in part.constants.items()}
    figures: dict[str, Figure] = {}
    for part in parts:
        for name, figure in part.figures.items():
            figures[name] = min(figures.get(name, figure), figure, key=lambda each: each.trials)
    return Results(attributes, groups, constants, figures, complete)


def replace_results(path: Path, results: Results) -> None:
    """Write a finished file in place of the files of a run; the caller holds its lock.

    Raises SaveError; then all files are as they were.
    """
    with explain_save_errors(path):
        with open_replacement(path, durable=True) as aside:
            write_results(aside, results)
        remove_log(path)  # last: the finished file, which has its rows, is on the disk


def explain_save_errors(path: Path) -> AbstractContextManager[None]:
    """Turn an OSError into a SaveError."""
    return explain_failures(
        f"{path} could not be written",
        "all trials that were committed are saved; free space or allow writing, and run the same "
        "command to go on",
        SaveError,
    )


def remove_log(path: Path) -> None:
    """Remove the log of a run, and its saved batches."""
    name_log(path).unlink(missing_ok=True)
    saved = re.compile(rf"\.?{re.escape(name_saved_batch(path, 0).name[:-1])}\d+(\.tmp)?")
    for file in path.parent.iterdir():
        if saved.fullmatch(file.name):
            file.unlink(missing_ok=True)


def name_saved_batch(path: Path, number: int) -> Path:
    """Return the path of the saved batch of a worker of a run, beside its log."""
    return Path(f"{follow_link(path)}.batch-{number}")


def _count_trials(groups: Mapping[str, Group]) -> int:
    return sum(len(group[TRIAL]) for name, group in groups.items() if is_trial_group(name))
