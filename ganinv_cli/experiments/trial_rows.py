"""Finished trials as columns of the results file, which gives them their dtypes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ganinv_cli.inversion.loop.trial import StartResult, Trial
from ganinv_cli.inversion.polish import Polished
from ganinv_cli.prior import Prior
from ganinv_cli.results.store.columns import IMAGE, TRIAL, get_columns
from ganinv_cli.results.store.rows import concatenate_rows, make_empty

Columns = dict[str, np.ndarray]
Groups = dict[str, Columns]

_END_FIELDS = ("image_loss", "outcome", "actions", "seconds")


def make_rule_rows(
    trials: Sequence[Trial],
    get_group: Callable[[int, str], str],
    prior: Prior,
    *,
    has_bounds: bool,
) -> Groups:
    """Return the rows of some trials by their groups, `get_group(case, rule)`.

    With `has_bounds`, the final loss of a start bounds the error of its z.
    """
    trials_by_group: dict[str, list[Trial]] = {}
    for trial in trials:
        trials_by_group.setdefault(get_group(trial.job.case, trial.rule), []).append(trial)
    groups = {}
    for name, grouped in sorted(trials_by_group.items()):
        groups[name] = _make_rows(grouped, prior, has_bounds)
        if IMAGE in get_columns(name):
            groups[name][IMAGE] = np.array([trial.job.case for trial in grouped])
    return groups


def make_truth_rows(trials: Sequence[Trial]) -> Groups:
    """Return what is known of the z of each trial, the rows of "/"; no group if z is unknown."""
    targets = {trial.job.trial: trial.target for trial in trials}
    if np.isnan(trials[0].target.z_true).any():
        return {}
    rows = {
        "trial": np.array(list(targets)),
        "z_true": np.stack([target.z_true for target in targets.values()]),
        **_make_label_column([target.label for target in targets.values()]),
    }
    bounds = [target.cramer_rao for target in targets.values()]
    return {"": rows if None in bounds else rows | {"cramer_rao": np.array(bounds)}}


def join_groups(parts: Sequence[Mapping[str, Mapping[str, np.ndarray]]]) -> Groups:
    """Join rows by group; columns that some rows lack are empty there."""
    names = dict.fromkeys(name for part in parts for name in part)
    return {
        name: concatenate_rows([part[name] for part in parts if name in part]) for name in names
    }


def add_polished(
    rows: Mapping[str, np.ndarray],
    polished: Mapping[int, Polished],
    errors: Mapping[int, float] | None = None,
) -> Columns:
    """Return rows with the ends of polishing in some of them, and the errors of these z.

    The others keep what they have: NaN, and outcome 0, if they were not polished. Columns of which
    nothing is known, such as those of the test for a minimum, are left out.
    """
    columns, places = dict(rows), list(polished)
    for name in (*Polished._fields, "z_error"):
        values = errors if name == "z_error" else {n: getattr(polished[n], name) for n in places}
        column = f"polished/{name}"
        if values is None or (column not in rows and _is_unknown([*values.values()])):
            continue
        found = np.array([values[place] for place in places])
        whole = rows.get(column)
        if whole is None:
            dtype = np.dtype((found.dtype, found.shape[1:]))
            whole = make_empty(dtype, len(rows[TRIAL]))
        whole = np.array(whole)
        whole[places] = found
        columns[column] = whole
    return columns


def make_row(group: str, values: Mapping[str, Any]) -> Columns:
    """Return one row of a group; a text is cut to the bytes of its column, between characters."""
    return {
        name: _encode_text(value, get_columns(group)[name].dtype)
        if isinstance(value, str)
        else np.asarray(value)[None]
        for name, value in values.items()
    }


def z_error(found: np.ndarray, true: np.ndarray) -> float:
    """Return ‖found − true‖² / latent in float64, the error of the paper's Table 1."""
    return float(np.mean((found.astype(np.float64) - true) ** 2))


def _encode_text(text: str, dtype: str) -> np.ndarray:
    most = np.dtype(dtype).itemsize
    return np.array([text.encode()[:most].decode(errors="ignore").encode()])


def _is_unknown(values: Sequence[Any]) -> bool:
    return bool(np.isnan(np.array(values)).all())


def _make_label_column(labels: Sequence[int]) -> Columns:
    return {"label": np.array(labels)} if max(labels) >= 0 else {}


def _make_rows(trials: Sequence[Trial], prior: Prior, has_bounds: bool) -> Columns:
    truths = [trial.target.z_true for trial in trials]
    firsts = [trial.start_results[0] for trial in trials]
    first = _make_end_columns(firsts, truths, has_bounds)
    columns = {
        "trial": np.array([trial.job.trial for trial in trials]),
        "z_start": np.array([trial.z_start for trial in trials]),
        **_make_end_columns([_sum_starts(trial) for trial in trials], truths, has_bounds),
        "restarts": np.array([len(trial.start_results) - 1 for trial in trials]),
        "shared": np.array([trial.is_copy for trial in trials]),
        **{f"first/{name}": values for name, values in first.items()},
        "first/at_bound": np.array([prior.is_outside(end.z).sum() for end in firsts]),
    }
    if len(trials[0].record_points.curve):
        columns |= {
            "z_error_least": np.array([trial.least_error for trial in trials]),
            "curve_loss": np.array([trial.curve_loss for trial in trials]),
            "curve_error": np.array([trial.curve_error for trial in trials]),
            "z_snapshots": np.array([trial.snapshots for trial in trials]),
        }
    polished = {row: trial.polished for row, trial in enumerate(trials) if trial.polished}
    if polished:
        errors = {row: z_error(end.z_found, truths[row]) for row, end in polished.items()}
        columns = add_polished(columns, polished, errors)
    return columns


def _sum_starts(trial: Trial) -> StartResult:
    """Return the best start with the outcome of the trial and the cost of all starts."""
    ends = trial.start_results
    return trial.best._replace(
        outcome=trial.outcome,
        counts={name: sum(end.counts[name] for end in ends) for name in trial.best.counts},
        actions=sum(end.actions for end in ends),
        seconds=sum(end.seconds for end in ends),
    )


def _make_end_columns(
    ends: Sequence[StartResult], truths: Sequence[np.ndarray], has_bounds: bool
) -> Columns:
    columns = {
        "z_found": np.array([end.z for end in ends]),
        "acted": np.array([end.actions > 0 for end in ends]),
        **{name: np.array([getattr(end, name) for end in ends]) for name in _END_FIELDS},
        **{name: np.array([end.counts[name] for end in ends]) for name in ends[0].counts},
        **_make_label_column([end.label for end in ends]),
    }
    if has_bounds:
        columns["error_bound"] = np.array([end.bound for end in ends])
    if not np.isnan(truths).any():
        pairs = zip(ends, truths, strict=True)
        columns["z_error"] = np.array([z_error(end.z, true) for end, true in pairs])
    return columns
