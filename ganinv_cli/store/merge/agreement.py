"""Whether two files that have the same trials found the same."""

from pathlib import Path

import numpy as np

from ganinv_cli.store.catalogue import Catalogue
from ganinv_cli.store.committed_rows import CommittedRows, collect_rows, read_block
from ganinv_cli.store.merge import ranges
from ganinv_cli.store.merge.merged_rows import MergedRows
from ganinv_cli.store.schema import TRIAL, Kind

Z_TOLERANCE = 1e-3  # between components of z that are the same
_BLOCK_ROWS = 1 << 13  # rows held in memory


def describe_agreement(path: Path, catalogue: Catalogue, merged: MergedRows) -> str:
    """A sentence on the trials of a file that one of those before has as well; empty: on none."""
    shared = merged.find_shared_trials(catalogue)
    if not shared:
        return ""
    before = merged.rows
    differing: dict[str, dict[str, np.ndarray]] = {"outcome": {}, "z": {}}
    for group, trials in shared.items():
        compared = _compare_rows(group, trials, collect_rows(catalogue), before)
        for groups, different in zip(differing.values(), compared, strict=True):
            if different.any():
                groups[group] = ranges.find_runs(trials[different])
    verdicts = [
        f"another {what} have {ranges.format_runs(d)}" for what, d in differing.items() if d
    ]
    runs = {group: ranges.find_runs(trials) for group, trials in shared.items()}
    return (
        f"{path} has {ranges.format_runs(runs)} that a file before it has as well, which counts; "
        f"{', '.join(verdicts) or 'outcomes and z agree'}"
    )


def _compare_rows(
    group: str, trials: np.ndarray, here: CommittedRows, before: CommittedRows
) -> tuple[np.ndarray, np.ndarray]:
    """Of which trials the outcome differs, and z: bool (trials,) each."""
    names = [name for name in ("outcome", "z_found") if (group, name) in before.layout]
    kinds = {TRIAL: Kind("int64", ())} | {name: before.layout[group, name] for name in names}
    differ = {name: np.zeros(len(trials), bool) for name in ("outcome", "z_found")}
    for low in range(0, len(trials), _BLOCK_ROWS):
        part = slice(low, low + _BLOCK_ROWS)
        both = [read_block(rows, group, kinds, trials[part]) for rows in (before, here)]
        for name in names:
            a, b = (rows[name].reshape(len(rows[name]), -1) for rows in both)
            differ[name][part] = (~np.isclose(a, b, rtol=0, atol=Z_TOLERANCE, equal_nan=True)).any(
                1
            )
    return differ["outcome"], differ["z_found"]
