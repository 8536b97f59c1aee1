"""Counts of trials that found the label of their image, for conditional generators."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ganinv_cli import statistics
from ganinv_cli.report.output.number_format import format_count
from ganinv_cli.report.report import Columns, Section, make_table
from ganinv_cli.report.rows import Interval, TableRow
from ganinv_cli.report.shared.run import Group, join_root_column

if TYPE_CHECKING:
    from ganinv_cli.store import Results

NOTE = (
    "Label right: trials whose z was found under the label that made the image. Each start tries "
    "one label, and the starts take the labels in turn. So a first start can succeed only if its "
    "label is the right one by chance."
)


@dataclass(frozen=True, kw_only=True)
class RightLabels(TableRow):
    """The number of trials that found the right label."""

    right: int
    interval: Interval  # 95 %, of their share of the trials


@dataclass(frozen=True, kw_only=True)
class LabelCounts(RightLabels):
    """The numbers of trials that found the right label, with restarts and at the first start."""

    first_start: RightLabels


class _Row(Protocol):
    @property
    def trials(self) -> int: ...
    @property
    def labels(self) -> LabelCounts | None: ...


def count_right_labels(results: "Results", group: Group) -> LabelCounts | None:
    """Count the trials of a group that found the right label; None if there are no labels.

    The group must have a trial.
    """
    if "label" not in results.groups.get("", {}) or not {"label", "first/label"} <= group.keys():
        return None
    true_labels = join_root_column(results, "label", group["trial"])
    first, best = (
        _count_right(int(np.sum(group[column] == true_labels)), len(true_labels))
        for column in ("first/label", "label")
    )
    return LabelCounts(right=best.right, interval=best.interval, first_start=first)


def make_sections(heading: str, rows: Mapping[str, _Row]) -> list[Section]:
    """Return a table of the rows that have labels, by the name of each; none if none has."""
    labelled = [(name, row.trials, row.labels) for name, row in rows.items() if row.labels]
    columns: Columns[tuple[str, int, LabelCounts]] = {
        heading: lambda row: row[0],
        "trials": lambda row: row[1],
        "first start": lambda row: _format_count(row[2].first_start, row[1]),
        "with restarts": lambda row: _format_count(row[2], row[1]),
    }
    return [make_table("Trials that found the right label", labelled, columns)] if labelled else []


def make_notes(rows: Iterable[_Row]) -> list[str]:
    """Return the note on that table, if there is one."""
    return [NOTE] if any(row.labels for row in rows) else []


def _count_right(right: int, trials: int) -> RightLabels:
    return RightLabels(right=right, interval=statistics.clopper_pearson(right, trials))


def _format_count(counts: RightLabels, trials: int) -> str:
    return format_count(counts.right, trials, counts.interval)
