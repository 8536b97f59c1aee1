"""Read results: the finished file of a run, the log of a run that goes on, or both."""

import contextlib
import glob
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ganinv_cli.errors import ResultsError
from ganinv_cli.files.links import follow_link
from ganinv_cli.files.write import has_content, open_replacement
from ganinv_cli.settings.names import image_number
from ganinv_cli.store.hdf5 import Figure, ResultsFile, explain_damage, write_results
from ganinv_cli.store.log import Log, name_log
from ganinv_cli.store.provenance import RUN_KEYS, DamagedError
from ganinv_cli.store.rows import TRIAL, Group, GroupRows, Source, is_trial_group, join_layouts

SHARED_GRADIENTS = "shared_gradients"  # the constant: what a run spent once


class NamedImage(NamedTuple):
    """An image of a results file."""

    number: int  # in the file
    name: str  # in the file, or in a command, which may name the same image twice


@dataclass(frozen=True)
class Results:
    """Everything that a run has committed."""

    attributes: dict[str, Any]  # of "/"; config, identity and versions as values
    groups: dict[str, Group]  # sorted by trial; only the trials that were run
    constants: dict[str, np.ndarray]
    figures: dict[str, Figure]
    complete: bool  # whether the run has finished, and no later run added trials
    selection: tuple[NamedImage, ...] | None = None  # to show, in order; None: all, as stored


class RunFiles(NamedTuple):
    """The files of a run that have rows."""

    finished: ResultsFile | None
    log: Log | None

    @property
    def sources(self) -> list[ResultsFile | Log]:
        """The files, the one first whose rows count."""
        return [file for file in self if file]


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
    extended = any(files.log in rows.sources for rows in groups.values())
    complete = files.finished is not None and not extended
    figures = files.finished.read_figures() if files.finished else {}
    newest = files.sources[0 if complete else -1].attributes
    about = newest | {"groups": list(groups), "figures": list(figures)}
    constants = {name: v for file in files.sources for name, v in file.constants.items()}
    return Results(about, dict(groups), constants, figures, complete)


def select_images(results: Results, images: Sequence[NamedImage]) -> Results:
    """Return the results of these images alone, to show in this order and under these names.

    What the run spent once, they spent in proportion to their trials. An image that has two names
    has its trials once.
    """
    numbers = {image.number for image in images}
    groups = {
        name: group
        for name, group in results.groups.items()
        if not name.startswith("image=") or image_number(name) in numbers
    }
    share = _count_trials(groups) / max(1, _count_trials(results.groups))
    spent = {
        name: value * share for name, value in results.constants.items() if name == SHARED_GRADIENTS
    }
    return replace(
        results,
        attributes=results.attributes | {"groups": list(groups)},
        groups=groups,
        constants=results.constants | spent,
        selection=tuple(images),
    )


def open_files(path: Path) -> RunFiles:
    """Return the files of a run. Raises ResultsError as `read_results` does."""
    parts = path.with_name(path.name + ".parts")
    if any(parts.glob("part-*.h5")):
        raise ResultsError(
            f"{parts} has an unfinished run of an earlier ganinv, which this one cannot continue; "
            "finish it with ganinv 1.0.0, or remove the folder to start again"
        )
    # The log first: if the run finishes meanwhile, the finished file has its rows.
    log = open_log(path)
    finished = ResultsFile(path) if has_content(path) else None
    files = RunFiles(finished, log if log.groups else None)
    if finished and files.log:
        if any(finished.attributes[name] != log.attributes[name] for name in RUN_KEYS):
            raise ResultsError(f"{log.path} is of another run than {path}; move it away")
        with explain_damage(path):
            join_layouts(finished.layout, log.layout)
    if log.damaged_blocks:  # images without their own row are not known
        images = {group for file in files.sources for group in file.groups}
        log.drop_groups(
            g for g in log.groups if "image=" in g and g.partition("/")[0] not in images
        )
    return files


def open_log(path: Path) -> Log:
    """Open the log of a run. Raises ResultsError if it is damaged or cannot be read."""
    with explain_damage(name_log(path)):
        return Log(name_log(path))


def join_groups(sources: Sequence[Source]) -> dict[str, GroupRows]:
    """Return the rows of all groups by name; of a trial that several files have, the first."""
    names = dict.fromkeys(name for source in sources for name in source.groups)
    return {name: GroupRows(name, sources) for name in names}


def replace_results(
    path: Path,
    groups: Mapping[str, GroupRows],
    attributes: Mapping[str, int | str],
    constants: Mapping[str, np.ndarray],
    figures: Mapping[str, Figure],
) -> None:
    """Write a finished file in place of the files of a run; the caller holds its lock.

    Raises OSError; then all files are as they were.
    """
    with open_replacement(path, durable=True) as aside:
        write_results(aside, groups, attributes, constants, figures)
    remove_log(path)  # last: its rows are in the finished file, which is on the disk


def remove_log(path: Path) -> None:
    """Remove the log of a run, and its snapshots."""
    name_log(path).unlink(missing_ok=True)
    for begin in ("", "."):  # those being written are hidden
        for file in path.parent.glob(f"{begin}{glob.escape(name_snapshot(path, '').name)}*"):
            file.unlink(missing_ok=True)


def name_snapshot(path: Path, number: int | str) -> Path:
    """Return the path of the snapshot of a worker of a run, beside its log."""
    path = follow_link(path)
    return path.with_name(f"{path.name}.snapshot-{number}")


def check_replaceable(path: Path) -> None:
    """Raise ResultsError if a file of a run is not from ganinv; a damaged file may be replaced."""
    with contextlib.suppress(DamagedError):
        if has_content(path):
            ResultsFile(path)
    with contextlib.suppress(DamagedError):
        check_log(open_log(path))


def check_log(log: Log) -> None:
    """Raise ResultsError if a file with the name of a log has no block."""
    if log.has_content and not log.groups:
        raise ResultsError(
            f"{log.path} is no log of ganinv, or is damaged, and ganinv has to write there; move it"
            " away"
        )


def _count_trials(groups: Mapping[str, Group]) -> int:
    return sum(len(group[TRIAL]) for name, group in groups.items() if is_trial_group(name))
