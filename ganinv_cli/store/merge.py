"""Merge results files of one run, which tasks of a batch scheduler have written, into one."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ganinv_cli.errors import ResultsError
from ganinv_cli.store import lock
from ganinv_cli.store.columns import ERROR
from ganinv_cli.store.hdf5 import Figure
from ganinv_cli.store.provenance import (
    IMAGE_KEYS,
    decode_attributes,
    describe_differences,
    encode_attributes,
    now,
)
from ganinv_cli.store.results import RunFiles, join_groups, open_files, replace_results
from ganinv_cli.store.rows import (
    TRIAL,
    Group,
    GroupRows,
    Layout,
    get_enclosing_group,
    get_group_kind,
    is_trial_group,
    join_layouts,
)
from ganinv_cli.store.run import SaveError, check_replaceable

MAX_RANGES = 6  # of trials, or groups, in a sentence
_DEVICE_SEPARATOR = "; "

# The command and its settings -> the groups of trials that a finished run has.
ListTrialGroups = Callable[[str, Mapping[str, Any]], Sequence[str]]


class MissingError(ResultsError):
    """Trials of the run are missing in all files."""

    exit_code = 1


class MergeSummary(NamedTuple):
    """A description of the file that was written."""

    contents: str  # such as: 1,000 trials of 3 rules from 4 files
    notes: list[str]  # sentences


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
    read or is of another run, or if `out` holds anything else and `overwrite` is False;
    MissingError if trials are missing and `partial` is False; SaveError if `out` cannot be written.
    """
    if overwrite:
        check_replaceable(out)
    members = _open_members(out, paths)
    constants = _check_same_run(members)
    files = list(members.values())
    groups, figures = _join_files(files), _select_figures(files)
    trial_groups = [name for name in groups if is_trial_group(name)]
    if not any(len(groups[name][TRIAL]) for name in trial_groups):
        raise ResultsError(f"{out} is not written: none of the files holds a trial; name others")
    attributes = _merge_attributes(files, groups, figures)
    about = decode_attributes(out, attributes)
    expected = list_trial_groups(about["command"], about["config"] | about["identity"])
    notes = _describe_repeated(members)
    lacking = _describe_missing(groups, expected, about["config"].get("trials", 0))
    if lacking and not partial:
        raise MissingError(
            f"{out} is not written, because trials are missing: {lacking}; add the files that have "
            "them, or give --partial to write the others; the run's command without --shard and "
            f"with --out {out} then runs the rest"
        )
    if lacking:
        notes.append(f"missing are {lacking}")
    images = [name for name in trial_groups if name.startswith("image=")]
    if any(f"{name}/certificate" not in groups for name in images):
        notes.append(
            f"{out} lacks certificates (reconstructions, singular values); the same command "
            f"without --shard, with --out {out}, makes them"
        )
    if overwrite or not _is_written(out, groups, about):
        with lock.hold_lock(out) as path:
            try:
                replace_results(path, groups, attributes, constants, figures)
            except OSError as error:
                raise SaveError(
                    f"{out} could not be written ({error.strerror or error}); free space or allow "
                    "writing, and merge again"
                ) from error
    trials = max(len(groups[name][TRIAL]) for name in trial_groups)
    rules = len({name.rpartition("/")[2] for name in trial_groups})
    cases = len({get_enclosing_group(name) for name in trial_groups} - {""})
    contents = f"{_count(trials, 'trial')} of {_count(rules, 'rule')}"
    contents += f" in {_count(cases, 'case')}" if cases else ""
    return MergeSummary(f"{contents} from {_count(len(paths), 'file')}", notes)


def _open_members(out: Path, paths: Sequence[Path]) -> dict[Path, RunFiles]:
    members: dict[Path, RunFiles] = {}
    for path in paths:
        if path.resolve() == out.resolve():
            raise ResultsError(f"{path} is the file to write as well; name another one first")
        if path.resolve() in map(Path.resolve, members):
            raise ResultsError(f"{path} is named twice; name it once")
        members[path] = open_files(path)
        if not members[path].sources:
            raise ResultsError(f"{path}: there is no such file; name a file that a run has written")
    return members


def _check_same_run(members: Mapping[Path, RunFiles]) -> dict[str, np.ndarray]:
    """Return the constants of the run. Raises ResultsError if a file is of another run."""
    first = next(iter(members))
    here = _add_images(members[first].newest_attributes)
    layout, constants = Layout(), dict[str, np.ndarray]()
    for path, files in members.items():
        other = _add_images(files.newest_attributes)
        if differing := describe_differences(other, here, "{} is {} and not {}"):
            raise ResultsError(
                f"{path} is of another run than {first}: {differing}; name files of one run"
            )
        try:
            for source in files.sources:
                layout = join_layouts(layout, source.layout)
                for name, value in source.constants.items():
                    if not np.array_equal(constants.setdefault(name, value), value, equal_nan=True):
                        raise ValueError(f"{name} is not the same")
        except ValueError as error:
            raise ResultsError(
                f"{path} does not fit {first}: {error}; name files of one run"
            ) from error
    return constants


def _add_images(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes with the images in `identity`: files of a run number them alike."""
    config = attributes["config"]
    images = {name: config[name] for name in IMAGE_KEYS if name in config}
    return {**attributes, "identity": attributes["identity"] | images}


def _join_files(members: Sequence[RunFiles]) -> dict[str, GroupRows]:
    """Return the groups of all files; summaries only if they are of all trials of their group."""
    groups = join_groups([source for files in members for source in files.sources])
    for name in [name for name in groups if get_group_kind(name).summarised_trials]:
        trials = groups[get_enclosing_group(name)]
        del groups[name]
        for files in members:
            summaries = join_groups(files.sources).get(name)
            complete = all(source in files.sources for source in trials.list_sources())
            if summaries and complete:
                count = summaries[get_group_kind(name).summarised_trials][-1]
                groups |= {name: summaries} if count == len(trials[TRIAL]) else {}
    return groups


def _select_figures(members: Sequence[RunFiles]) -> dict[str, Figure]:
    """Return the figures by name; of several, the one with the lowest trials."""
    figures: dict[str, Figure] = {}
    for files in members:
        for name, figure in files.read_figures().items():
            if name not in figures or figure.trials < figures[name].trials:
                figures[name] = figure
    return figures


def _merge_attributes(
    members: Sequence[RunFiles], groups: Mapping[str, Any], figures: Mapping[str, Any]
) -> dict[str, int | str]:
    """Return the attributes of the merged file; it counts as finished at the latest now."""
    newest = [files.newest_attributes for files in members]
    most = max(newest, key=lambda each: int(each["config"].get("trials", 0)))
    devices = [device for each in newest for device in each["device"].split(_DEVICE_SEPARATOR)]
    finished = [each["finished"] for each in newest]
    changes = {
        "config": most["config"] | ({"shard": ""} if "shard" in most["config"] else {}),
        "device": _DEVICE_SEPARATOR.join(dict.fromkeys(devices)),
        "precision": max(each.get("precision", "float32") for each in newest),  # mixed, if any is
        "started": min(files.sources[0].attributes["started"] for files in members),
        "finished": max(finished) if all(finished) else now(),
        "groups": list(groups),
        "figures": list(figures),
    }
    return encode_attributes(most | changes)


def _is_written(out: Path, groups: Mapping[str, GroupRows], about: Mapping[str, Any]) -> bool:
    """Return whether `out` is what is to be written. Raises ResultsError if it is anything else."""
    with suppress(ResultsError):
        finished, log = open_files(out)
        if not finished and not log.groups:
            return False
        if finished and not log.groups:
            same = {**finished.attributes, "finished": ""} == {**about, "finished": ""}
            trials = {name: rows[TRIAL] for name, rows in groups.items()}
            if same and all(np.array_equal(finished.list_trials(n), v) for n, v in trials.items()):
                return True
    raise ResultsError(
        f"{out} exists, and the first name is that of the file to write; name another one, or "
        "replace it with --overwrite"
    )


def _describe_repeated(members: Mapping[Path, RunFiles]) -> list[str]:
    """Return a sentence for each file with trials, counted once per rule, of an earlier file."""
    notes, known = [], dict[str, np.ndarray]()
    for path, files in members.items():
        count = 0
        for name, rows in join_groups(files.sources).items():
            if is_trial_group(name):
                earlier = known.get(name, np.zeros(0, np.int64))
                count += int(np.isin(rows[TRIAL], earlier).sum())
                known[name] = np.union1d(earlier, rows[TRIAL])
        if count:
            notes.append(
                f"{path} has {count:,} trials that a file before it has too; the first file counts"
            )
    return notes


def _describe_missing(groups: Mapping[str, GroupRows], expected: Sequence[str], total: int) -> str:
    """Return such as "6 trials of none, stochastic (2-3, 6-9)"; nothing of images with an error."""
    lacking: dict[str, list[str]] = {}
    for name in expected:
        known = groups[name][TRIAL] if name in groups else np.zeros(0, np.int64)
        case: Group = groups.get(get_enclosing_group(name), {})
        trials = np.setdiff1d(np.arange(total), known)
        if len(trials) and not (ERROR in case and case[ERROR][0]):
            runs = np.split(trials, np.flatnonzero(np.diff(trials) > 1) + 1)
            ranges = [f"{run[0]}" if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs]
            said = f"{_count(len(trials), 'trial')} of {{}} ({_shorten(ranges)})"
            lacking.setdefault(said, []).append(name)
    return _shorten([said.format(_shorten(names)) for said, names in lacking.items()])


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _shorten(names: Sequence[str]) -> str:
    more = len(names) - MAX_RANGES
    return ", ".join(names[:MAX_RANGES]) + (f" and {more:,} more" if more > 0 else "")
