"""Read results: the finished file of a run, the log of a run that goes on, or both."""

import glob
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ganinv_cli.errors import ResultsError
from ganinv_cli.files import follow_link, has_content, open_replacement
from ganinv_cli.settings.names import image_number
from ganinv_cli.store.damage import explain_damage
from ganinv_cli.store.hdf5 import Figure, ResultsFile, write_results
from ganinv_cli.store.log import Log, name_log
from ganinv_cli.store.provenance import RUN_KEYS
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
    """The files of a run."""

    finished: ResultsFile | None
    log: Log  # empty if there is none

    @property
    def sources(self) -> list[ResultsFile | Log]:
        """The files that have rows; of a trial in both, the first one's row counts."""
        return [
            *([self.finished] if self.finished else []),
            *([self.log] if self.log.groups else []),
        ]

    @property
    def newest_attributes(self) -> dict[str, Any]:
        """The attributes that the last command of the run has written."""
        return self.sources[-1].attributes

    def read_figures(self) -> dict[str, Figure]:
        """Return the figures by name."""
        return self.finished.read_figures() if self.finished else {}


def read_results(path: Path) -> Results:
    """Return everything committed at `path`, also while another process writes there.

    A column is read when it is first used, and stays readable if the file is replaced. Raises
    ResultsError if there are no results, or a file is damaged, not from ganinv or has a newer
    schema.
    """
    files = open_files(path)
    if not files.sources:
        raise ResultsError(f"{path}: there are no results; name a file that a run has written")
    groups, figures = join_groups(files.sources), files.read_figures()
    extended = any(files.log in rows.list_sources() for rows in groups.values())
    complete = files.finished is not None and not extended
    attributes = files.sources[0].attributes if complete else files.newest_attributes
    about = attributes | {"groups": list(groups), "figures": list(figures)}
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
    log = Log(path)  # first: if the run finishes meanwhile, the finished file has its rows
    files = RunFiles(ResultsFile(path) if has_content(path) else None, log)
    if len(files.sources) == 2:
        with explain_damage(log.path):
            join_layouts(files.sources[0].layout, log.layout)
        if any(files.sources[0].attributes[name] != log.attributes[name] for name in RUN_KEYS):
            raise ResultsError(f"{log.path} is of another run than {path}; move it away")
    if log.damaged_places:  # images without their own row are not known
        known = {name for file in files.sources for name in file.groups}
        images = {name.partition("/")[0] for name in log.groups if name.startswith("image=")}
        log.drop_groups(n for n in log.groups if n.partition("/")[0] in images - known)
    return files


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
    remove_log(path)  # last: the finished file, which has its rows, is on the disk


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
