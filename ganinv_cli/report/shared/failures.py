"""The list of failed trials."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ganinv_cli.outcome import Outcome
from ganinv_cli.report.report import Section
from ganinv_cli.report.shared.run import Group
from ganinv_cli.statistics import Booleans
from ganinv_cli.store.rows import take_rows

if TYPE_CHECKING:
    from ganinv_cli.store import Results

MAX_LISTED = 200  # a longer list would not be read
HEADER = ("group", "outcome", "trial", "image loss", "z error", "restarts")

Reasons = NDArray[np.uint8]  # an Outcome, 0 for a trial that was not run, or one of these two:
ELSEWHERE = np.uint8(len(Outcome) + 1)  # converged, to another z
NO_MINIMUM = np.uint8(len(Outcome) + 2)
REASON_NAMES = np.array(
    ["not run", *(outcome.name.replace("_", " ") for outcome in Outcome), "elsewhere", "no minimum"]
)


class Failures(NamedTuple):
    """The number of failed trials, and a table of the first."""

    trials: int  # that were run
    failed: int
    table: Section  # at most MAX_LISTED rows; columns are those of HEADER


def list_failures(results: "Results", reasons: Mapping[str, Reasons]) -> Failures:
    """Return the trials that did not converge by `reasons`, (trials,) per group.

    Groups that are not in `reasons` use the column outcome.
    """
    groups = {name: group for name, group in results.groups.items() if "outcome" in group}
    why = {
        name: reasons[name] if name in reasons else group["outcome"]
        for name, group in groups.items()
    }
    rows = (row for name, group in groups.items() for row in _make_rows(name, group, why[name]))
    return Failures(
        sum(len(group["trial"]) for group in groups.values()),
        sum(int(np.sum(is_failed(each))) for each in why.values()),
        Section("In the order of the results file", HEADER, list(islice(rows, MAX_LISTED))),
    )


def count_outcomes(outcomes: Reasons) -> dict[str, int]:
    """Return how many trials ended with each outcome, by its name."""
    return {outcome.name: int(np.sum(outcomes == outcome)) for outcome in Outcome}


def is_failed(reasons: Reasons) -> Booleans:
    """Return which trials (trials,) did not converge."""
    return np.asarray(reasons != Outcome.converged)


def _make_rows(name: str, group: Group, reasons: Reasons) -> Iterator[tuple[str, ...]]:
    """Yield the table rows of a group's failed trials, at most MAX_LISTED."""
    rows = np.flatnonzero(is_failed(reasons))[:MAX_LISTED]
    columns = {
        key: take_rows(group, key, rows)
        for key in ("trial", "image_loss", "z_error", "restarts")
        if key in group and len(rows)
    }
    for position, row in enumerate(rows):
        yield (
            name,
            str(REASON_NAMES[reasons[row]]),
            f"{columns['trial'][position]:,}",
            *(
                f"{columns[key][position]:.3g}" if key in columns else "-"
                for key in ("image_loss", "z_error")
            ),
            f"{columns['restarts'][position]:,}" if "restarts" in columns else "-",
        )
