"""Merge results files of one run, which tasks of a batch scheduler have written, into one."""

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ganinv_cli.errors import ResultsError
from ganinv_cli.files import has_content
from ganinv_cli.lock import hold_lock
from ganinv_cli.results.store.attributes import IMAGE_KEYS, find_differences, now
from ganinv_cli.results.store.columns import ANSWERED, ERROR, IMAGE, RECOVERIES, is_trial_group
from ganinv_cli.results.store.hdf5 import Results
from ganinv_cli.results.store.log import name_log
from ganinv_cli.results.store.read import NO_TRIAL, count_trials, read_results, replace_results
from ganinv_cli.results.store.rows import (
    NO_ROWS,
    Figure,
    Group,
    JoinedRows,
    count_rows,
)
from ganinv_cli.results.store.run import check_replaceable
from ganinv_cli.settings.names import IMAGES, list_trial_groups, name_certificates

_DEVICE_SEPARATOR = "; "


class MergeSummary(NamedTuple):
    """A description of the file that was written."""

    contents: str  # such as: 1,000 trials of 3 rules from 4 files
    notes: list[str]  # sentences


def merge_files(out: Path, paths: Sequence[Path], overwrite: bool = False) -> MergeSummary:
    """Write the trials of results files, finished or not, to `out`, a slice at a time.

    If two files have the same trial, the first one counts. `out` is replaced whole or not at all.
    Raises ResultsError if a file cannot be read or is of another run, or if `out` exists and
    `overwrite` is False; SaveError if `out` cannot be written.
    """
    if overwrite:
        check_replaceable(out)
    elif has_content(out) or name_log(out).exists():
        raise ResultsError(
            f"{out} exists, and the first name is that of the file to write; type ganinv merge "
            f"all.h5 {shlex.join(map(str, (out, *paths)))}, or replace it with --overwrite"
        )
    for path in paths:
        if path.resolve() == out.resolve():
            raise ResultsError(f"{path} is the file to write as well; name another one first")
    members = [read_results(path) for path in dict.fromkeys(paths)]
    for path, member in zip(dict.fromkeys(paths), members, strict=True):
        if differing := find_differences(members[0].attributes, member.attributes):
            raise ResultsError(
                f"{path} is of another run than {paths[0]}: it differs in {', '.join(differing)}; "
                "name files of one run"
            )
    results = _join_results(members)
    rows, merged = sum(count_trials(each.groups) for each in members), count_trials(results.groups)
    if not merged:
        raise ResultsError(f"{out} is not written, because no file has a trial: {NO_TRIAL}")
    notes = [note for member in members for note in member.notes]
    if rows > merged:
        notes.append(f"{rows - merged:,} trials are in several files; the first file counts")
    if lacking := _list_lacking(results):
        notes.append(
            f"{out} lacks {' and '.join(lacking)}; the same command without --shard, with --out "
            f"{out}, makes them"
        )
    with hold_lock(out) as path:
        replace_results(path, results)
    return MergeSummary(f"{_describe(results)} from {_count(len(paths), 'file')}", notes)


def _join_results(members: Sequence[Results]) -> Results:
    """Return what results of one run have together; of several figures the first trials count."""
    names = dict.fromkeys(name for member in members for name in member.groups)
    groups: dict[str, Group] = {
        name: JoinedRows([each.groups[name] for each in members if name in each.groups])
        for name in names
    }
    figures: dict[str, Figure] = {}
    for member in members:
        for name, figure in member.figures.items():
            figures[name] = min(figures.get(name, figure), figure, key=lambda each: each.trials)
    constants = {name: value for each in members for name, value in each.constants.items()}
    attributes = _merge_attributes([each.attributes for each in members])
    return Results(attributes, groups, constants, figures, complete=True)


def _merge_attributes(newest: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the attributes of the merged file; it counts as finished at the latest now."""
    if len({json.dumps([each["config"].get(key) for key in IMAGE_KEYS]) for each in newest}) > 1:
        raise ResultsError("the files have results of different images; name files of one run")
    most = max(newest, key=lambda each: int(each["config"].get("trials", 0)))
    devices = [device for each in newest for device in each["device"].split(_DEVICE_SEPARATOR)]
    finished = [each["finished"] for each in newest]
    return {
        **most,
        "config": most["config"] | ({"shard": None} if "shard" in most["config"] else {}),
        "inputs_sha256": "",
        "device": _DEVICE_SEPARATOR.join(dict.fromkeys(devices)),
        "precision": max(each.get("precision", "float32") for each in newest),  # the lowest of all
        "started": min(each["started"] for each in newest),
        "finished": max(finished) if all(finished) else now(),
    }


def _list_lacking(results: Results) -> list[str]:
    """Return what a whole run has beside these, in words; images with an error have no rows."""
    groups, config = results.groups, results.attributes["config"]
    names = list_trial_groups(config | results.attributes["identity"])
    cases = 1
    if IMAGES in groups:
        cases = config["images"] - int(np.sum(groups[IMAGES][ERROR] != b""))
    lacking, trials = [], config.get("trials", 0)
    present = count_trials(groups) + sum(_count_spared(groups, name, trials) for name in names)
    if (missing := len(names) * cases * trials - present) > 0:
        lacking.append(_count(missing, "row"))
    if IMAGES in groups and any(_count_certified(groups, name) < cases for name in names):
        lacking.append("certificates (reconstructions, singular values)")
    return lacking


def _count_certified(groups: Mapping[str, Group], starts: str) -> int:
    """Return how many images have a certificate of all their starts under a rule."""
    certificates = groups.get(name_certificates(starts.partition("/")[0]))
    if certificates is None:
        return 0
    are_all = _count_starts(groups, starts, certificates) == certificates[RECOVERIES]
    return int(np.sum(are_all | _are_answered(certificates)))


def _count_spared(groups: Mapping[str, Group], starts: str, trials: int) -> int:
    """Return how many starts under a rule are not needed, since their images are answered."""
    certificates = groups.get(name_certificates(starts.partition("/")[0]))
    if certificates is None:
        return 0
    missing = trials - _count_starts(groups, starts, certificates)
    return int(np.sum(missing.clip(min=0) * _are_answered(certificates)))


def _count_starts(groups: Mapping[str, Group], starts: str, certificates: Group) -> np.ndarray:
    """Return how many starts there are of the image of each certificate."""
    images = groups.get(starts, NO_ROWS)[IMAGE]
    counts: np.ndarray = np.bincount(images, minlength=1 + certificates[IMAGE].max(initial=0))
    return counts[certificates[IMAGE]]


def _are_answered(certificates: Group) -> np.ndarray:
    answered = certificates.get(ANSWERED, np.zeros(count_rows(certificates)))
    are_answered: np.ndarray = answered > 0
    return are_answered


def _describe(results: Results) -> str:
    """Return what the results hold, such as: 1,000 trials of 3 rules."""
    groups = [name for name in results.groups if is_trial_group(name)]
    trials = max(count_rows(results.groups[name]) for name in groups)
    if IMAGES in results.groups:
        images, rules = count_rows(results.groups[IMAGES]), _count(len(groups), "rule")
        return f"{_count(trials, 'start')} of {_count(images, 'image')} under {rules}"
    rules = _count(len({name.rpartition("/")[2] for name in groups}), "rule")
    cases = {name.rpartition("/")[0] for name in groups} - {""}
    in_cases = f" in {_count(len(cases), 'case')}" if cases else ""
    return f"{_count(trials, 'trial')} of {rules}{in_cases}"


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
