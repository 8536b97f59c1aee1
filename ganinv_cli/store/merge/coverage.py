"""Coverage of a run by several files: trials that several have, and trials that are missing."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ganinv_cli.store.catalogue import Catalogue, CommittedRows, read_block
from ganinv_cli.store.columns import ERROR, GROUP_KINDS
from ganinv_cli.store.merge.merged_rows import BLOCK_ROWS, MergedRows
from ganinv_cli.store.ranges import find_ranges, format_count, format_ranges
from ganinv_cli.store.schema import TRIAL, TRIAL_KIND, enclosing_group

Z_TOLERANCE = 1e-3  # components of z that differ by less are the same


def find_missing_trials(
    rows: CommittedRows, expected_groups: Sequence[str], trials: int
) -> dict[str, np.ndarray]:
    """Return the trials of range(trials) that each group lacks, as ranges (n, 2) int64.

    Groups that lack none are left out, and so are those in a group with an error.
    """
    gaps = {group: _find_gaps(rows.list_trials(group), trials) for group in expected_groups}
    lacking = {group: ranges for group, ranges in gaps.items() if len(ranges)}
    failed = {
        case: _has_error(rows, case) for case in {enclosing_group(group) for group in lacking}
    }
    return {
        group: ranges for group, ranges in lacking.items() if not failed[enclosing_group(group)]
    }


def describe_missing_summaries(
    rows: CommittedRows, expected_groups: Sequence[str], missing: Mapping[str, np.ndarray]
) -> str:
    """Return a clause on the cases that have all their trials and no summary of them, or "".

    A summary is made if the case has rows of its own.
    """
    (summary,) = (kind for kind in GROUP_KINDS if kind.summarised_trials)
    stored = set(rows.groups) - {""}
    lacking = {
        enclosing_group(group)
        for group in expected_groups
        if enclosing_group(group) in stored
        and group not in missing
        and len(rows.list_trials(group))
        and f"{group}/{summary.name}" not in stored
    }
    if not lacking:
        return ""
    cases = format_count(len(lacking), get_case_noun(min(lacking)))
    has = "has" if len(lacking) == 1 else "have"
    return f"{cases} {has} no {summary.name} yet ({summary.contents})"


def describe_agreement(path: Path, catalogue: Catalogue, merged: MergedRows) -> str:
    """Return a sentence on the trials of a file that an earlier file has as well, or ""."""
    shared = merged.find_shared_trials(catalogue)
    if not shared:
        return ""
    differing: dict[str, dict[str, np.ndarray]] = {"outcome": {}, "z": {}}
    for group, trials in shared.items():
        compared = _compare_rows(group, trials, catalogue, merged)
        for groups, different in zip(differing.values(), compared, strict=True):
            if different.any():
                groups[group] = find_ranges(trials[different])
    verdicts = [f"another {what} have {format_ranges(d)}" for what, d in differing.items() if d]
    ranges = {group: find_ranges(trials) for group, trials in shared.items()}
    return (
        f"{path} has {format_ranges(ranges)} that a file before it has as well, which counts; "
        f"{', '.join(verdicts) or 'outcomes and z agree'}"
    )


def get_case_noun(case: str) -> str:
    """Return what a group around groups of trials is: `a` for `a=1`."""
    return case.partition("=")[0]


def _find_gaps(trials: np.ndarray, total: int) -> np.ndarray:
    """Return the ranges of range(total) that sorted numbers lack, (ranges, 2) int64."""
    edges = np.concatenate([[0], find_ranges(trials).ravel(), [total]]).reshape(-1, 2)
    edges = np.minimum(edges, total).astype(np.int64)
    gaps: np.ndarray = edges[edges[:, 0] < edges[:, 1]]
    return gaps


def _has_error(rows: CommittedRows, case: str) -> bool:
    kind = rows.layout.get((case, ERROR))
    if kind is None or not len(rows.list_trials(case)):
        return False
    first = read_block(rows, case, {TRIAL: TRIAL_KIND, ERROR: kind}, np.zeros(1, np.int64))
    return bool(first[ERROR][0] != b"")


def _compare_rows(
    group: str, trials: np.ndarray, here: CommittedRows, before: CommittedRows
) -> tuple[np.ndarray, np.ndarray]:
    """Return for which trials the outcome differs, and z: bool (trials,) each."""
    names = [name for name in ("outcome", "z_found") if (group, name) in before.layout]
    kinds = {TRIAL: TRIAL_KIND} | {name: before.layout[group, name] for name in names}
    differ = {name: np.zeros(len(trials), bool) for name in ("outcome", "z_found")}
    for low in range(0, len(trials), BLOCK_ROWS):
        block = slice(low, low + BLOCK_ROWS)
        both = [read_block(rows, group, kinds, trials[block]) for rows in (before, here)]
        for name in names:
            a, b = (rows[name].reshape(len(rows[name]), -1) for rows in both)
            same = np.isclose(a, b, rtol=0, atol=Z_TOLERANCE, equal_nan=True)
            differ[name][block] = ~same.all(1)
    return differ["outcome"], differ["z_found"]
