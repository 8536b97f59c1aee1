"""What tables of several clipping rules share: costs, actions, labels, and rules that did the same.

A rule acts if it changes z; rules that did the same in every trial are not compared.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ganinv_cli import statistics
from ganinv_cli.analysis.groups import Group, join_root_column
from ganinv_cli.number_format import format_count
from ganinv_cli.outcome import Outcome
from ganinv_cli.report.table import Column, Row, Table, mean_or_none

if TYPE_CHECKING:
    from ganinv_cli.store import Results

ACTED = Column("acted", "acted", help="Acted: trials in which the rule changed z.")
ACTIONS = Column(
    "actions",
    "actions",
    help="Actions: updates per trial in which the rule changed z.",
)


def summarize_costs(group: Group, shared: float) -> Row:
    """Return the costs of a group's trials and the actions of its rule.

    `shared` is each trial's part of what the run spent once; it is counted in the gradients.
    """
    return {
        "gradients": mean_or_none(group["gradients"] + shared),  # means, but for the median
        "gradients_median": float(np.median(group["gradients"] + shared)),
        "gradients_first_start": mean_or_none(group["first/gradients"] + shared),
        "gradients_shared": shared,
        "seconds": mean_or_none(group["seconds"]),
        "restarts": mean_or_none(group["restarts"]),
        "redraws": mean_or_none(group["redraws"]),
        "acted_first_start": _count_acted(group, "first/"),
        **summarize_actions(group),
    }


def summarize_actions(group: Group) -> Row:
    """Return what the rule of a group did; None is what the file does not say."""
    return {
        "acted": _count_acted(group),  # trials in which the rule changed z
        "actions": mean_or_none(group["actions"]) if "actions" in group else None,
        # trials that are copies of those of none, because the rule would not have acted
        "shared": int(np.sum(group["shared"] > 0)) if "shared" in group else None,
    }


def _count_acted(group: Group, prefix: str = "") -> int | None:
    name = f"{prefix}acted"
    return int(np.sum(group[name] > 0)) if name in group else None


def count_outcomes(outcomes: np.ndarray) -> dict[str, int]:
    """Return how many trials ended with each outcome, by its name."""
    return {outcome.name: int(np.sum(outcomes == outcome)) for outcome in Outcome}


def count_same_trials(first: Group, second: Group, prefix: str = "") -> int:
    """Return how many trials both rules ran, if neither changed z in any of these; else 0.

    `prefix` is that of the columns to compare.
    """
    _, left, right = np.intersect1d(first["trial"], second["trial"], True, return_indices=True)
    acted = f"{prefix}acted"
    is_known = acted in first and acted in second  # older files do not say it
    return len(left) if is_known and not (first[acted][left] | second[acted][right]).any() else 0


def make_rule_notes(same: Iterable[Row], rows: Sequence[Row]) -> list[str]:
    """Return notes on trials that were copied, and on pairs of rules that no test compares.

    Each row of `same` names the rules `first` and `second` that did the same, how that is
    `counted`, and the `variance` if there are several.
    """
    copies: Counter[str] = Counter()
    for row in rows:
        copies[row["technique"]] += row["shared"] or 0
    counts = ", ".join(f"{rule} {count:,}" for rule, count in copies.items() if count)
    copied = (
        "Trials in which a rule would not change z are the same as without clipping, so they were "
        f"computed once and copied: {counts}."
    )
    by_pair: dict[tuple[str, str], list[Row]] = {}
    for row in same:
        by_pair.setdefault((row["first"], row["second"]), []).append(row)
    return ([copied] if counts else []) + [_describe_pair(*pair) for pair in by_pair.items()]


def _describe_pair(rules: tuple[str, str], rows: Sequence[Row]) -> str:
    whole = [row for row in rows if row["counted"] != "first_start"]
    where = "trial" if whole else "first start"
    variances = [f"{row['variance']:g}" for row in whole or rows if "variance" in row]
    at = f" at variance {', '.join(variances)}" if variances else ""
    return f"{' and '.join(rules)} did the same in every {where}{at}, so no test compares them."


def count_right_labels(results: "Results", group: Group) -> Row:
    """Return the key `labels`, the trials of a group that found the right label.

    The object is empty if there are no labels. The group must have a trial.
    """
    if "label" not in results.groups.get("", {}) or not {"label", "first/label"} <= group.keys():
        return {}
    true_labels = join_root_column(results, "label", group["trial"])
    first, best = (
        _count_right(int(np.sum(group[column] == true_labels)), len(true_labels))
        for column in ("first/label", "label")
    )
    return {"labels": {**best, "first_start": first}}


def _count_right(right: int, trials: int) -> Row:
    return {"right": right, "interval": statistics.clopper_pearson(right, trials)}


def make_label_tables(rows: Sequence[Row], name: Column) -> list[Table]:
    """Return a table of the rows that have labels; none if none has."""
    labelled = [row for row in rows if "labels" in row]
    columns = [
        name,
        Column("trials", "trials"),
        Column("first start", show=lambda row: _show_right(row["labels"]["first_start"], row)),
        Column(
            "with restarts",
            show=lambda row: _show_right(row["labels"], row),
            help="Each start tries one label, and the starts take the labels in turn. So a first "
            "start can succeed only if its label is the right one by chance.",
        ),
    ]
    title = "Trials that found the right label"
    return [Table(title, labelled, columns)] if labelled else []


def _show_right(counts: Row, row: Row) -> str:
    return format_count(counts["right"], row["trials"], counts["interval"])
