"""Counts of trials that found the label of their image, for conditional generators."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ganinv_cli import statistics
from ganinv_cli.report.output.number_format import format_share, format_share_interval
from ganinv_cli.report.report import Section
from ganinv_cli.report.rows import Interval, TableRow
from ganinv_cli.report.shared.run import Group, join_root_column

if TYPE_CHECKING:
    from ganinv_cli.store import Results

NOTE = (
    "Label right: trials whose z was found under the label that made the image. A start tries one "
    "label, and the starts take the labels in turn, so a first start can succeed only where its "
    "label happens to be the right one."
)


@dataclass(frozen=True, kw_only=True)
class RightLabels(TableRow):
    """The number of trials that found the right label."""

    right: int
    interval: Interval  # 95 %, of their share of the trials


@dataclass(frozen=True, kw_only=True)
class LabelCounts(TableRow):
    """The numbers of trials that found the right label, with restarts and at the first start."""

    right: int  # with restarts
    interval: Interval  # 95 %, of their share of the trials
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
    cells: list[tuple[str, ...]] = [
        (
            name,
            f"{row.trials:,}",
            _format_count(row.labels.first_start, row.trials),
            _format_count(row.labels, row.trials),
        )
        for name, row in rows.items()
        if row.labels
    ]
    header = (heading, "trials", "first start", "with restarts")
    return [Section("Trials that found the right label", header, cells)] if cells else []


def make_notes(rows: Iterable[_Row]) -> list[str]:
    """Return the note on that table, if there is one."""
    return [NOTE] if any(row.labels for row in rows) else []


def _count_right(right: int, trials: int) -> RightLabels:
    return RightLabels(right=right, interval=statistics.clopper_pearson(right, trials))


def _format_count(counts: RightLabels | LabelCounts, trials: int) -> str:
    share = format_share(counts.right / trials)
    return f"{counts.right:,} {share}\n{format_share_interval(counts.interval)}"
