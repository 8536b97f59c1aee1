"""Read results: the finished file of a run, the log of a run that goes on, or both."""

import glob
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from ganinv_cli.errors import ResultsError
from ganinv_cli.files import follow_link, has_content, open_replacement
from ganinv_cli.settings.names import image_number, is_image_group
from ganinv_cli.store.columns import TRIAL, is_trial_group
from ganinv_cli.store.hdf5 import Figure, NamedImage, Results, ResultsFile, write_results
from ganinv_cli.store.log import Log, name_log
from ganinv_cli.store.provenance import find_differences
from ganinv_cli.store.rows import (
    Constants,
    Group,
    GroupRows,
    Layout,
    Source,
    join_constants,
    join_layouts,
)

SHARED_GRADIENTS = "shared_gradients"  # the constant: what a run spent once


class SaveError(ResultsError):
    """The results could not be written; what was committed before is safe."""

    exit_code = 1


class RunFiles(NamedTuple):
    """The files of a run."""

    finished: ResultsFile | None
    log: Log  # empty if there is none

    @property
    def sources(self) -> list[Source]:
        """The files that have rows, the newest last; of a trial in both, the first row counts."""
        files = (self.finished, self.log if self.log.groups else None)
        return [file for file in files if file is not None]


def read_results(path: Path) -> Results:
    """Return everything committed at `path`, also while another process writes there.

    A column is read when it is first used, and stays readable if the file is replaced. Raises
    ResultsError if there are no results, or a file is damaged, not from ganinv or has a newer
    schema.
    """
    files = open_files(path)
    if not files.sources:
        raise ResultsError(f"{path}: there are no results; name a file that a run has written")
    groups = join_groups(files.sources)
    results = join_results(files.sources, groups, files.sources[-1].attributes)
    counted = [source for rows in groups.values() for source in rows.list_sources()]
    if files.finished is None or files.log in counted:
        return results
    return replace(results, attributes=files.finished.attributes, complete=True)


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


def open_files(path: Path) -> RunFiles:
    """Return the files of a run. Raises ResultsError as `read_results` does."""
    log = Log(path)  # first: if the run finishes meanwhile, the finished file has its rows
    return RunFiles(ResultsFile(path) if has_content(path) else None, log)


def join_sources(sources: Sequence[Source]) -> tuple[Layout, Constants]:
    """Return the columns and constants of files. Raises ResultsError if they are not of one run."""
    layout: Layout = {}
    constants: Constants = {}
    for source in sources:
        try:
            if differing := find_differences(sources[0].attributes, source.attributes):
                raise ValueError(f"it differs in {', '.join(differing)}")
            layout = join_layouts(layout, source.layout)
            constants = join_constants(constants, source.constants)
        except ValueError as error:
            raise ResultsError(
                f"{source.path} is of another run than {sources[0].path}: {error}; name files of "
                "one run, or move it away"
            ) from error
    return layout, constants


def join_groups(sources: Sequence[Source]) -> dict[str, GroupRows]:
    """Return the rows of all groups by name; of a trial in several files, the first row counts."""
    names = dict.fromkeys(name for source in sources for name in source.groups)
    return {name: GroupRows(name, sources) for name in names}


def join_results(
    sources: Sequence[Source], groups: Mapping[str, GroupRows], attributes: Mapping[str, Any]
) -> Results:
    """Return what files have together; of several figures, the one with the lowest trials.

    Raises ResultsError if the files are not of one run.
    """
    constants = join_sources(sources)[1]
    figures: dict[str, Figure] = {}
    for source in sources:
        found = source.read_figures() if isinstance(source, ResultsFile) else {}
        for name, figure in found.items():
            figures[name] = min(figures.get(name, figure), figure, key=lambda each: each.trials)
    return Results(dict(attributes), groups, constants, figures, complete=False)


def replace_results(path: Path, results: Results) -> None:
    """Write a finished file in place of the files of a run; the caller holds its lock.

    Raises SaveError; then all files are as they were.
    """
    with explain_save_errors(path):
        with open_replacement(path, durable=True) as aside:
            write_results(aside, results)
        remove_log(path)  # last: the finished file, which has its rows, is on the disk


@contextmanager
def explain_save_errors(path: Path) -> Iterator[None]:
    """Turn an OSError into a SaveError."""
    try:
        yield
    except OSError as error:
        raise SaveError(
            f"{path} could not be written ({error.strerror or error}); all trials that were "
            "committed are saved; free space or allow writing, and run the same command to go on"
        ) from error


def remove_log(path: Path) -> None:
    """Remove the log of a run, and its snapshots."""
    name_log(path).unlink(missing_ok=True)
    pattern = glob.escape(name_snapshot(path).name)
    for file in (*path.parent.glob(f"{pattern}*"), *path.parent.glob(f".{pattern}*")):
        file.unlink(missing_ok=True)


def name_snapshot(path: Path, number: int | str = "") -> Path:
    """Return the path of the snapshot of a worker of a run, beside its log."""
    path = follow_link(path)
    return path.with_name(f"{path.name}.snapshot-{number}")


def _count_trials(groups: Mapping[str, Group]) -> int:
    return sum(len(group[TRIAL]) for name, group in groups.items() if is_trial_group(name))
