"""Read results: the finished file of a run, the log of a run that goes on, or both."""

import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import numpy as np

from ganinv_cli.errors import ResultsError, explain_failures, refuse_folder
from ganinv_cli.files import follow_link, has_content, open_replacement
from ganinv_cli.results.store.attributes import find_differences
from ganinv_cli.results.store.columns import IMAGE, is_trial_group
from ganinv_cli.results.store.damage import DamagedError
from ganinv_cli.results.store.hdf5 import Image, Results, read_file, write_file
from ganinv_cli.results.store.log import Log, name_log
from ganinv_cli.results.store.rows import Group, JoinedRows, LazyRows, count_rows, select_rows

NO_TRIAL = (
    "the run was interrupted before its first trial ended, or has just begun; the same command "
    "goes on"
)
NOTHING = Results({}, {}, {}, {}, complete=False)


class SaveError(ResultsError):
    """The results could not be written; what was committed before is safe."""

    exit_code = 1


def read_results(path: Path) -> Results:
    """Return everything committed at `path`, also while another process writes there.

    A column of a finished file is read when it is used, and refused if the file was replaced by
    then; `load_results` reads all. Raises ResultsError if there are no results, or a file is
    damaged, not from ganinv or of another version.
    """
    results, log = open_results(path)
    if not results.attributes:
        if log.is_damaged:
            raise DamagedError(
                f"{log.path} is damaged, and no trial in it can be read; run its command again"
            )
        if name_saved_batch(path, 0).exists():
            raise ResultsError(f"{path}: {NO_TRIAL}")
        raise ResultsError(f"{path}: there is no such file; name one that a run has written")
    return replace(results, notes=tuple(log.notes))


def load_results(path: Path) -> Results:
    """Return everything committed at `path`, in memory, whatever becomes of the file."""
    results = read_results(path)
    for rows in results.groups.values():
        if isinstance(rows, LazyRows):
            rows.load()
    return results


def open_results(path: Path) -> tuple[Results, Log]:
    """Return what is committed, NOTHING if there is none, and the log, as `read_results` does."""
    refuse_folder(path)
    log = Log(path)
    pieces = log.read()  # first: if the run finishes meanwhile, the finished file has its rows
    finished = read_file(path) if has_content(path) else NOTHING
    if not log.blocks:
        return finished, log
    if finished.attributes and (differing := find_differences(finished.attributes, log.attributes)):
        raise ResultsError(
            f"{log.path} is of another run than {path}: it differs in {', '.join(differing)}; name "
            "files of one run, or move it away"
        )
    groups: dict[str, Group] = dict(finished.groups)
    for name, parts in pieces.items():
        groups[name] = JoinedRows([*([groups[name]] if name in groups else []), *parts])
    is_complete = bool(finished.attributes) and all(
        name in finished.groups and count_rows(finished.groups[name]) == count_rows(groups[name])
        for name in groups
    )
    attributes = finished.attributes if is_complete else log.attributes
    constants = finished.constants | log.constants
    return Results(attributes, groups, constants, finished.figures, is_complete), log


def select_images(results: Results, images: Sequence[Image]) -> Results:
    """Return the results of these images alone, to show in this order and under these names.

    An image that has two names has its trials once.
    """
    numbers = list({image.number for image in images})
    groups = {
        name: select_rows(group, np.isin(group[IMAGE], numbers)) if IMAGE in group else group
        for name, group in results.groups.items()
    }
    return replace(results, groups=groups, selection=tuple(images))


def count_trials(groups: Mapping[str, Group]) -> int:
    """Return how many trials there are under all rules; copies count."""
    return sum(count_rows(group) for name, group in groups.items() if is_trial_group(name))


def replace_results(path: Path, results: Results) -> None:
    """Write a finished file in place of the files of a run; the caller holds its lock.

    Raises SaveError; then all files are as they were.
    """
    with explain_save_errors(path):
        with open_replacement(path, durable=True) as aside:
            write_file(aside, results)
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
    for file in list_log_files(path):
        file.unlink(missing_ok=True)


def list_log_files(path: Path) -> list[Path]:
    """Return the log of a run and its saved batches, as far as they exist."""
    log = name_log(path)
    saved = re.compile(rf"\.?{re.escape(name_saved_batch(path, 0).name[:-1])}\d+(\.tmp)?")
    batches = [file for file in path.parent.iterdir() if saved.fullmatch(file.name)]
    return [log, *batches] if log.exists() else batches


def name_saved_batch(path: Path, number: int) -> Path:
    """Return the path of the saved batch of a worker of a run, beside its log."""
    return Path(f"{follow_link(path)}.batch-{number}")
