"""How many trials found the label that made the image, where a generator asks for one."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np

from ganinv_cli import statistics
from ganinv_cli.report.output.number_format import format_share
from ganinv_cli.report.report import Row, Section
from ganinv_cli.report.shared.run import Group
from ganinv_cli.statistics import Booleans

if TYPE_CHECKING:
    from ganinv_cli.store import Results

NOTE = (
    "Label right: trials whose z was found under the label that made the image. A start tries one "
    "label, and the starts take the labels in turn, so a first start can succeed only where its "
    "label happens to be the right one."
)


def compare_labels(results: "Results", group: Group, column: str = "label") -> Booleans | None:
    """(trials,): which found the label that made the image; None where there are no labels."""
    root = results.groups.get("", {})
    if column not in group or "label" not in root:
        return None
    matches = np.zeros(len(group["trial"]), np.bool_)
    _, root_rows, group_rows = np.intersect1d(
        root["trial"], group["trial"], True, return_indices=True
    )
    matches[group_rows] = root["label"][root_rows] == group[column][group_rows]
    return matches


def count_right_labels(results: "Results", group: Group) -> Row:
    """The key `labels` of a row with these trials, at least one; no key where there are none."""
    best, first = (compare_labels(results, group, column) for column in ("label", "first/label"))
    if best is None or first is None:
        return {}
    return {
        "labels": {
            "right": int(np.sum(best)),
            "interval": list(statistics.clopper_pearson(int(np.sum(best)), len(best))),
            "first_start": {
                "right": int(np.sum(first)),
                "interval": list(statistics.clopper_pearson(int(np.sum(first)), len(first))),
            },
        }
    }


def make_sections(
    rows: Iterable[Row], heading: str, row_name: Callable[[Row], str]
) -> list[Section]:
    """A table of the rows that `counted` is in, `place` naming each; none where it is in none."""
    cells: list[tuple[str, ...]] = [
        (
            row_name(row),
            f"{row['trials']:,}",
            _format_count(row["labels"]["first_start"], row["trials"]),
            _format_count(row["labels"], row["trials"]),
        )
        for row in rows
        if "labels" in row
    ]
    header = (heading, "trials", "first start", "with restarts")
    return [Section("Trials that found the right label", header, cells)] if cells else []


def make_notes(rows: Iterable[Row]) -> list[str]:
    """How to read that table, where there is one."""
    return [NOTE] if any("labels" in row for row in rows) else []


def _format_count(counts: Row, trials: int) -> str:
    low, high = map(format_share, counts["interval"])
    return f"{counts['right']:,} {format_share(counts['right'] / trials)}\n[{low}, {high}]"
