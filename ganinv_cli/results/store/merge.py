"""Merge results files of one run, which tasks of a batch scheduler have written, into one."""

import json
import resource
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ganinv_cli.errors import ResultsError
from ganinv_cli.files import has_content
from ganinv_cli.lock import hold_lock
from ganinv_cli.results.store.attributes import IMAGE_KEYS, now
from ganinv_cli.results.store.columns import ERROR, RECOVERIES, TRIAL, is_trial_group
from ganinv_cli.results.store.hdf5 import Results
from ganinv_cli.results.store.log import name_log
from ganinv_cli.results.store.parts import (
    NO_TRIAL,
    join_parts,
    open_existing_parts,
    replace_results,
)
from ganinv_cli.results.store.rows import Group, Rows
from ganinv_cli.results.store.run import check_replaceable
from ganinv_cli.settings.names import is_image_group, list_trial_groups

_DEVICE_SEPARATOR = "; "


class MergeSummary(NamedTuple):
    """A description of the file that was written."""

    contents: str  # such as: 1,000 trials of 3 rules from 4 files
    notes: list[str]  # sentences


def merge_files(out: Path, paths: Sequence[Path], overwrite: bool = False) -> MergeSummary:
    """Write the trials of results files, finished or not, to `out`, a block at a time.

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
    with suppress(ValueError, OSError):  # as many open files as the system lets a process have
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    for path in paths:
        if path.resolve() == out.resolve():
            raise ResultsError(f"{path} is the file to write as well; name another one first")
    members = [open_existing_parts(path) for path in dict.fromkeys(paths)]
    joined = join_parts([part for parts, _ in members for part in parts])
    about = _merge_attributes([parts[-1].attributes for parts, _ in members])
    groups = _drop_outdated_certificates(joined.groups)
    results = replace(joined, attributes=about, groups=groups)
    trial_groups = [name for name in groups if is_trial_group(name)]
    if not any(len(groups[name][TRIAL]) for name in trial_groups):
        raise ResultsError(f"{out} is not written, because no file has a trial: {NO_TRIAL}")
    notes = [note for _, log in members for note in log.notes]
    rows = sum(len(Rows(name, parts)[TRIAL]) for parts, _ in members for name in trial_groups)
    if repeated := rows - sum(len(groups[name][TRIAL]) for name in trial_groups):
        notes.append(f"{repeated:,} trials are in several files; the first file counts")
    missing = _count_missing(results)
    lacking = [_count(missing, "row")] if missing else []
    certificates = {f"{name}/certificate" for name in trial_groups if is_image_group(name[:10])}
    if certificates - groups.keys():
        lacking.append("certificates (reconstructions, singular values)")
    if lacking:
        notes.append(
            f"{out} lacks {' and '.join(lacking)}; the same command without --shard, with --out "
            f"{out}, makes them"
        )
    with hold_lock(out) as path:
        replace_results(path, results)
    cases = {name.rpartition("/")[0] for name in trial_groups} - {""}
    trials = max(len(groups[name][TRIAL]) for name in trial_groups)
    rules = len({name.rpartition("/")[2] for name in trial_groups})
    contents = f"{_count(trials, 'trial')} of {_count(rules, 'rule')}"
    contents += f" in {_count(len(cases), 'case')}" if cases else ""
    return MergeSummary(f"{contents} from {_count(len(paths), 'file')}", notes)


def _drop_outdated_certificates(groups: Mapping[str, Group]) -> dict[str, Group]:
    """Return the groups without certificates that are not of all trials of their group."""
    return {
        name: rows
        for name, rows in groups.items()
        if RECOVERIES not in rows
        or rows[RECOVERIES][-1] == len(groups[name.rpartition("/")[0]][TRIAL])
    }


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
        "device": _DEVICE_SEPARATOR.join(dict.fromkeys(devices)),
        "precision": max(each.get("precision", "float32") for each in newest),  # the lowest of all
        "started": min(each["started"] for each in newest),
        "finished": max(finished) if all(finished) else now(),
    }


def _count_missing(results: Results) -> int:
    """Return how many rows a whole run has beside these; images with an error have none."""
    groups, config = results.groups, results.attributes["config"]
    missing = 0
    for name in list_trial_groups(config | results.attributes["identity"]):
        case = groups.get(name.rpartition("/")[0], {})
        if not (ERROR in case and case[ERROR][0]):
            known = groups[name][TRIAL] if name in groups else np.zeros(0, np.int64)
            missing += len(np.setdiff1d(np.arange(config.get("trials", 0)), known))
    return missing


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
