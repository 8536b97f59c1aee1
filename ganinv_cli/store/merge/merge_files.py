"""Merge results files of one run, which tasks of a batch scheduler have written, into one."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ganinv_cli.errors import ResultsError
from ganinv_cli.files.links import resolve_links
from ganinv_cli.files.write import has_content
from ganinv_cli.store import catalogue, files, finished_file, lock
from ganinv_cli.store.files import SaveError
from ganinv_cli.store.merge.coverage import (
    describe_agreement,
    describe_missing_summaries,
    find_missing_trials,
    get_case_noun,
)
from ganinv_cli.store.merge.merged_provenance import MergedProvenance, get_requested_trials
from ganinv_cli.store.merge.merged_rows import MergedRows
from ganinv_cli.store.ranges import format_count, format_ranges
from ganinv_cli.store.schema import enclosing_group, is_trial_group


class MissingError(ResultsError):
    """Trials of the run are missing in all files."""

    exit_code = 1


class MergeSummary(NamedTuple):
    """A description of the file that was written."""

    contents: str  # such as: 1,000 trials of 3 rules from 4 files
    notes: list[str]  # sentences


# The command and its settings -> the groups of trials that a finished run has.
ListTrialGroups = Callable[[str, Mapping[str, Any]], Sequence[str]]


def merge_files(
    out: Path,
    paths: Sequence[Path],
    list_trial_groups: ListTrialGroups,
    partial: bool = False,
    overwrite: bool = False,
) -> MergeSummary:
    """Write the trials of results files, finished or not, to `out`, a block at a time.

    If two files have the same trial, the first one counts. `out` is replaced whole or not at all;
    if an earlier call wrote just this, nothing is written. Raises ResultsError if a file cannot be
    read, is being written, or is of another run, or if `out` holds anything else and `overwrite` is
    False; MissingError if trials are missing and `partial` is False; SaveError if `out` cannot be
    written.
    """
    _check_names(out, paths)
    if overwrite:
        files.check_replaceable(out)
    rows, origins, notes = _collect_files(paths)
    written = not overwrite and _is_written(out, rows, origins)
    largest = origins.largest
    expected = list_trial_groups(largest["command"], largest["config"] | largest["identity"])
    lacking = find_missing_trials(rows, expected, get_requested_trials(largest))
    if lacking and not partial:
        raise MissingError(
            f"{out} is not written, because trials are missing: {format_ranges(lacking)}; add the "
            "files that have them, or give --partial to write the others; the run's command "
            f"without --shard and with --out {out} then runs the rest"
        )
    if not any(len(rows.list_trials(group)) for group in filter(is_trial_group, rows.groups)):
        raise ResultsError(f"{out} is not written: none of the files holds a trial; name others")
    if lacking:
        notes.append(f"missing are {format_ranges(lacking)}")
    if summaries := describe_missing_summaries(rows, expected, lacking):
        notes.append(
            f"{out}: {summaries}; the same command without --shard, with --out {out}, makes them"
        )
    with lock.hold_lock(out) as held:
        out = held.path
        files.remove_temporary_files(out)
        if written:
            files.remove_parts(out, [])  # a folder that a killed call left
        else:
            _write_merged_file(out, rows, origins)
    return MergeSummary(
        _describe_contents(rows, len(paths)), [*origins.describe_differences(), *notes]
    )


def _check_names(out: Path, paths: Sequence[Path]) -> None:
    known: dict[Path, Path] = {resolve_links(out): out}
    for path in paths:
        same = known.get(resolve_links(path))
        if same is out:
            raise ResultsError(f"{path} is the file to write as well; name another one first")
        if same is not None:
            raise ResultsError(f"{path} is named twice; name it once")
        known[resolve_links(path)] = path


def _is_written(out: Path, rows: MergedRows, origins: MergedProvenance) -> bool:
    """Return whether `out` is what is to be written. Raises ResultsError if it is anything else."""
    if not has_content(out) and not files.list_parts(out):
        return False
    with contextlib.suppress(ResultsError):
        stored, has_parts = catalogue.scan_run(out)
        if not (has_parts or stored.notes) and origins.match(stored) and rows.equal(stored):
            return True
    raise ResultsError(
        f"{out} exists, and the first name is that of the file to write; name another one, or "
        "replace it with --overwrite"
    )


def _collect_files(paths: Sequence[Path]) -> tuple[MergedRows, MergedProvenance, list[str]]:
    """Return the rows and provenance of all files, and notes on trials that two files have."""
    found, origins, notes = MergedRows(), MergedProvenance(), []
    for path in paths:
        if not has_content(path) and not files.list_parts(path):
            raise ResultsError(f"{path}: there is no such file; name a file that a run has written")
        if lock.is_locked(path):
            raise ResultsError(f"{path} is being written by another process; wait for it")
        try:
            part, more = catalogue.scan_run(path)
            notes += part.notes
            if not part.files:
                raise ResultsError(
                    f"{path} is damaged, and nothing of it can be read; leave it out"
                )
            origins.add(path, part, more)
            found.add_layout(path, part)
            if note := describe_agreement(path, part, found):
                notes.append(note)
            found.add_rows(path, part)
        except FileNotFoundError as error:
            raise _removed_error(error) from error
    return found, origins, notes


def _removed_error(error: FileNotFoundError) -> ResultsError:
    return ResultsError(
        f"{error.filename or 'a file'} was removed while it was read; merge again when nothing "
        "writes there"
    )


def _write_merged_file(out: Path, rows: MergedRows, origins: MergedProvenance) -> None:
    try:
        figures = origins.read_figures()
        attributes = origins.to_attributes(list(rows.groups), list(figures))
        with files.replace_parts(out, files.list_parts(out)) as written:
            finished_file.write_finished_file(written, rows, attributes, figures)
    except FileNotFoundError as error:
        raise _removed_error(error) from error
    except OSError as error:
        raise SaveError(
            f"{out} could not be written ({error.strerror or error}); free space or allow "
            "writing, and merge again"
        ) from error


def _describe_contents(rows: MergedRows, count: int) -> str:
    groups = [group for group in rows.groups if is_trial_group(group)]
    trials = max(len(rows.list_trials(group)) for group in groups)
    rules = {group.rpartition("/")[2] for group in groups}
    cases = {enclosing_group(group) for group in groups} - {""}
    said = f"{format_count(trials, 'trial')} of {format_count(len(rules), 'rule')}"
    if cases:
        relation = "for" if cases & set(rows.groups) else "at"  # an image, or a variance
        said += f" {relation} {format_count(len(cases), get_case_noun(min(cases)))}"
    return f"{said} from {format_count(count, 'file')}"
