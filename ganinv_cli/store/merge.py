"""Merge results files of one run, which tasks of a batch scheduler have written, into one."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ganinv_cli.errors import ResultsError
from ganinv_cli.files.links import resolve_links
from ganinv_cli.store import lock
from ganinv_cli.store.columns import ERROR
from ganinv_cli.store.hdf5 import Figure
from ganinv_cli.store.provenance import (
    IMAGE_KEYS,
    Provenance,
    decode_attributes,
    list_differences,
    now,
)
from ganinv_cli.store.results import (
    RunFiles,
    check_replaceable,
    join_groups,
    open_files,
    replace_results,
)
from ganinv_cli.store.rows import (
    TRIAL,
    GroupRows,
    Layout,
    get_enclosing_group,
    get_group_kind,
    is_trial_group,
    join_layouts,
)
from ganinv_cli.store.run import SaveError

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
    read, is being written, or is of another run, or if `out` holds anything else and `overwrite` is
    False; MissingError if trials are missing and `partial` is False; SaveError if `out` cannot be
    written.
    """
    _check_names(out, paths)
    if overwrite:
        check_replaceable(out)
    members = [_open_member(path) for path in paths]
    constants = _check_one_run(dict(zip(paths, members, strict=True)))
    groups = _join_members(members)
    figures = _select_figures(members)
    attributes = _merge_attributes(members, list(groups), list(figures))
    written = not overwrite and _is_written(out, groups, attributes)
    notes = [
        f"{path} has {count:,} trials that a file before it has as well, which counts"
        for path, count in zip(paths, _count_repeated(members), strict=True)
        if count
    ]
    most = max(members, key=_get_requested_trials)
    about = most.sources[-1].attributes
    expected = list_trial_groups(about["command"], about["config"] | about["identity"])
    lacking = _find_missing_trials(groups, expected, _get_requested_trials(most))
    if lacking:
        said = _describe_trials(lacking)
        if not partial:
            raise MissingError(
                f"{out} is not written, because trials are missing: {said}; add the files that "
                "have them, or give --partial to write the others; the run's command without "
                f"--shard and with --out {out} then runs the rest"
            )
        notes.append(f"missing are {said}")
    if not any(len(rows[TRIAL]) for name, rows in groups.items() if is_trial_group(name)):
        raise ResultsError(f"{out} is not written: none of the files holds a trial; name others")
    if any(_lacks_certificate(groups, name) for name in expected if name not in lacking):
        notes.append(
            f"{out} lacks certificates (reconstructions, singular values); the same command "
            f"without --shard, with --out {out}, makes them"
        )
    if not written:
        with lock.hold_lock(out) as path, _explain_write_errors(out):
            replace_results(path, groups, attributes, constants, figures)
    return MergeSummary(_describe_contents(groups, len(paths)), notes)


def _check_names(out: Path, paths: Sequence[Path]) -> None:
    known = {resolve_links(out)}
    for path in paths:
        if resolve_links(path) == resolve_links(out):
            raise ResultsError(f"{path} is the file to write as well; name another one first")
        if resolve_links(path) in known:
            raise ResultsError(f"{path} is named twice; name it once")
        known.add(resolve_links(path))


def _open_member(path: Path) -> RunFiles:
    if lock.is_locked(path):
        raise ResultsError(f"{path} is being written by another process; wait for it")
    files = open_files(path)
    if not files.sources:
        raise ResultsError(f"{path}: there is no such file; name a file that a run has written")
    return files


def _check_one_run(members: Mapping[Path, RunFiles]) -> dict[str, np.ndarray]:
    """Return the constants of the run. Raises ResultsError if a file is of another run."""
    first, *_ = members
    here = members[first].sources[-1].attributes
    layout, constants = Layout(), dict[str, np.ndarray]()
    for path, files in members.items():
        other = files.sources[-1].attributes
        if other["command"] != here["command"]:
            raise ResultsError(
                f"{path} holds results of `ganinv {other['command']}`, and {first} of "
                f"{here['command']}; name files of one run"
            )
        if differing := list_differences(_with_images(other), _with_images(here)):
            words = [f"{name} is {there} and not {value}" for name, there, value in differing]
            raise ResultsError(
                f"{path} is of another run than {first}: {'; '.join(words)}; name files of one run"
            )
        for source in files.sources:
            try:
                layout = join_layouts(layout, source.layout)
                for name, values in source.constants.items():
                    if not np.array_equal(
                        constants.setdefault(name, values), values, equal_nan=True
                    ):
                        raise ValueError(f"{name} is not the same")
            except ValueError as error:
                raise ResultsError(
                    f"{path} does not fit {first}: {error}; name files of one run"
                ) from error
    return constants


def _with_images(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes with the images in `identity`: these files number them alike."""
    config = attributes["config"]
    images = {name: config[name] for name in IMAGE_KEYS if name in config}
    return {**attributes, "identity": attributes["identity"] | images}


def _join_members(members: Sequence[RunFiles]) -> dict[str, GroupRows]:
    """Return the groups of all files; summaries only if they are of all trials of their group."""
    groups = join_groups([source for files in members for source in files.sources])
    for name in list(groups):
        if count := get_group_kind(name).summarised_trials:
            trials = groups[get_enclosing_group(name)]
            del groups[name]
            for files in members:
                if all(source in files.sources for source in trials.sources) and any(
                    name in source.groups for source in files.sources
                ):
                    rows = GroupRows(name, files.sources)
                    if rows[count][-1] == len(trials[TRIAL]):
                        groups[name] = rows
    return groups


def _select_figures(members: Sequence[RunFiles]) -> dict[str, Figure]:
    """Return the figures by name; of several, the one with the lowest trials."""
    figures: dict[str, Figure] = {}
    for files in members:
        for name, figure in files.finished.read_figures().items() if files.finished else ():
            if name not in figures or figure.trials < figures[name].trials:
                figures[name] = figure
    return figures


def _merge_attributes(
    members: Sequence[RunFiles], groups: list[str], figures: list[str]
) -> dict[str, int | str]:
    """Return the attributes of the merged file; it counts as finished at the latest now."""
    newest = [files.sources[-1].attributes for files in members]
    most = max(members, key=_get_requested_trials).sources[-1].attributes
    devices = [device for each in newest for device in each["device"].split(_DEVICE_SEPARATOR)]
    merged = Provenance(
        command=most["command"],
        config=most["config"] | ({"shard": ""} if "shard" in most["config"] else {}),
        identity=most["identity"],
        checkpoint_sha256=most["checkpoint_sha256"],
        versions=most["versions"],
        device=_DEVICE_SEPARATOR.join(dict.fromkeys(devices)),
        seed=most["seed"],
        git=most["git"],
        precision=max(each.get("precision", "float32") for each in newest),  # mixed if any is
        generator=next((e["generator"] for e in reversed(newest) if "generator" in e), None),
    )
    started = min(files.sources[0].attributes["started"] for files in members)
    times = [each["finished"] for each in newest]
    return merged.to_attributes(started, max(times) if all(times) else now(), groups, figures)


def _is_written(
    out: Path, groups: Mapping[str, GroupRows], attributes: Mapping[str, int | str]
) -> bool:
    """Return whether `out` is what is to be written. Raises ResultsError if it is anything else."""
    with contextlib.suppress(ResultsError):
        files = open_files(out)
        if not files.sources and not out.exists():
            return False
        if files.finished and not files.log:
            stored, here = files.finished.attributes, decode_attributes(attributes)
            trials = files.finished.list_trials
            if {**stored, "finished": ""} == {**here, "finished": ""} and all(
                np.array_equal(trials(name), rows[TRIAL]) for name, rows in groups.items()
            ):
                return True
    raise ResultsError(
        f"{out} exists, and the first name is that of the file to write; name another one, or "
        "replace it with --overwrite"
    )


def _count_repeated(members: Sequence[RunFiles]) -> list[int]:
    """Return how many trials of each file, over all rules, an earlier file has."""
    known: dict[str, np.ndarray] = {}
    counts = []
    for files in members:
        groups = {n: g[TRIAL] for n, g in join_groups(files.sources).items() if is_trial_group(n)}
        earlier = {name: known.get(name, np.zeros(0, np.int64)) for name in groups}
        counts.append(sum(int(np.isin(v, earlier[name]).sum()) for name, v in groups.items()))
        known |= {name: np.union1d(earlier[name], v) for name, v in groups.items()}
    return counts


def _get_requested_trials(files: RunFiles) -> int:
    return int(files.sources[-1].attributes["config"].get("trials", 0))


def _find_missing_trials(
    groups: Mapping[str, GroupRows], expected: Sequence[str], total: int
) -> dict[str, np.ndarray]:
    """Return the trials of range(total) that each group lacks; none of an image with an error."""
    lacking = {}
    for name in expected:
        case = groups.get(get_enclosing_group(name))
        missing = np.ones(total, bool)
        if name in groups:
            trials = groups[name][TRIAL]
            missing[trials[trials < total]] = False
        if missing.any() and not (case and ERROR in case and case[ERROR][0] != b""):
            lacking[name] = np.flatnonzero(missing)
    return lacking


def _lacks_certificate(groups: Mapping[str, GroupRows], name: str) -> bool:
    case = get_enclosing_group(name)
    return bool(case) and case in groups and name in groups and f"{name}/certificate" not in groups


def _describe_trials(lacking: Mapping[str, np.ndarray]) -> str:
    """Return such as "128 trials of none, stochastic (0-63, 128-191)"."""
    alike: dict[bytes, list[str]] = {}
    for name, trials in lacking.items():
        alike.setdefault(trials.tobytes(), []).append(name)
    said = []
    for names in alike.values():
        trials = lacking[names[0]]
        runs = np.split(trials, np.flatnonzero(np.diff(trials) > 1) + 1)
        ranges = [f"{r[0]}" if len(r) == 1 else f"{r[0]}-{r[-1]}" for r in runs]
        said.append(f"{_count(len(trials), 'trial')} of {_shorten(names)} ({_shorten(ranges)})")
    return _shorten(said)


def _describe_contents(groups: Mapping[str, GroupRows], count: int) -> str:
    names = [name for name in groups if is_trial_group(name)]
    trials = max(len(groups[name][TRIAL]) for name in names)
    cases = {get_enclosing_group(name) for name in names} - {""}
    said = f"{_count(trials, 'trial')} of {_count(len({n.split('/')[-1] for n in names}), 'rule')}"
    if cases:
        relation = "for" if cases & set(groups) else "at"  # an image, or a variance
        said += f" {relation} {_count(len(cases), min(cases).partition('=')[0])}"
    return f"{said} from {_count(count, 'file')}"


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _shorten(names: Sequence[str]) -> str:
    more = len(names) - MAX_RANGES
    return ", ".join(names[:MAX_RANGES]) + (f" and {more:,} more" if more > 0 else "")


@contextlib.contextmanager
def _explain_write_errors(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SaveError(
            f"{out} could not be written ({error.strerror or error}); free space or allow "
            "writing, and merge again"
        ) from error
