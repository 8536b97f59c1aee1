"""Read results: a finished file, the parts of a run in progress, or both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ganinv_cli.errors import ResultsError
from ganinv_cli.files.write import has_content
from ganinv_cli.settings.names import image_number
from ganinv_cli.store import contents, files, provenance
from ganinv_cli.store.contents import Figure, FileSummary
from ganinv_cli.store.rows import (
    FileRows,
    Group,
    GroupRows,
    ResultsFile,
    read_stamp,
    select_run_key,
)
from ganinv_cli.store.schema import TRIAL, is_trial_group

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


class _FileContents(NamedTuple):
    source: ResultsFile
    summary: FileSummary
    figures: dict[str, Figure]


def read_results(path: Path, *, keep_open: bool = True) -> Results:
    """Return everything committed at `path`, also while another process writes there.

    A column is read when it is first used, even if the run has continued since. With `keep_open`
    the finished file stays open meanwhile, and readable if another file replaces it. Raises
    ResultsError if there are no results, or a file is damaged, not from ganinv or has a newer
    schema.
    """
    for _ in range(100):
        try:
            found = _read_files(path, keep_open)
        except FileNotFoundError:
            continue  # parts were just merged into the finished file: try again
        if not found:
            raise ResultsError(f"{path}: there are no results; name a file that a run has written")
        return _merge_contents(found)
    raise ResultsError(f"{path} is being rewritten; try again")


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


def _count_trials(groups: Mapping[str, Group]) -> int:
    return sum(len(group[TRIAL]) for name, group in groups.items() if is_trial_group(name))


def _read_files(path: Path, keep_open: bool) -> list[_FileContents]:
    """Return the finished file, then the parts, listed before it is opened: they move into it."""
    parts = files.list_parts(path)
    found: list[_FileContents] = []
    if has_content(path):
        found.append(_read_file(ResultsFile(path, path, read_stamp(path)), keep_open))
    for part in parts:
        found.append(_read_file(ResultsFile(part, path, read_stamp(part))))
        provenance.check_beside(found[0].summary.attributes, found[-1].summary.attributes, part)
    return found


def _read_file(source: ResultsFile, keep_open: bool = False) -> _FileContents:
    with files.open_results(source.path) as opened:
        summary = contents.read_summary(opened)
        figures = contents.read_figures(opened.file, summary.attributes["figures"])
    handle = files.reopen_persistent(source.path) if keep_open else None
    if read_stamp(source.path) != source.stamp:
        raise FileNotFoundError(source.path)  # another file has the name since
    source = replace(source, handle=handle, run_key=select_run_key(summary.attributes))
    return _FileContents(source, summary, figures)


def _merge_contents(loaded: Sequence[_FileContents]) -> Results:
    pieces: dict[str, list[FileRows]] = {}
    for source, summary, _ in loaded:
        columns: dict[str, list[str]] = {}
        for group, name in summary.layout:
            columns.setdefault(group, []).append(name)
        for group, stored in summary.trials.items():
            piece = FileRows(source, stored, columns.get(group, []))
            pieces.setdefault(group, []).append(piece)
    groups = {name: GroupRows(name, of) for name, of in pieces.items()}
    first = loaded[0].summary
    complete = first.attributes["finished"] != "" and all(
        name in first.trials and len(rows[TRIAL]) == len(first.trials[name].trials)
        for name, rows in groups.items()
    )
    constants: dict[str, np.ndarray] = {}
    figures: dict[str, Figure] = {}
    for _, summary, drawn in reversed(loaded):
        constants |= summary.constants
        figures |= drawn
    newest = first if complete else loaded[-1].summary
    about = {"groups": list(groups), "figures": list(figures)}
    return Results(newest.attributes | about, dict(groups), constants, figures, complete)
