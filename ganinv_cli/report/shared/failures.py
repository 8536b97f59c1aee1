"""The trials that failed, one by one: a failed trial is a result."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ganinv_cli.outcome import Outcome
from ganinv_cli.report.report import Section
from ganinv_cli.report.shared.run import Group
from ganinv_cli.statistics import Booleans
from ganinv_cli.store.rows import taken

if TYPE_CHECKING:
    from ganinv_cli.store import Results

LISTED = 200  # more would be no easier to read
HEADER = ("group", "outcome", "trial", "image loss", "z error", "restarts")

Reasons = NDArray[np.uint8]  # the number of an Outcome, 0: not run, or one of these two:
ELSEWHERE = np.uint8(len(Outcome) + 1)  # converged, to another z
NO_MINIMUM = np.uint8(len(Outcome) + 2)
WORDS = np.array(
    ["not run", *(outcome.name.replace("_", " ") for outcome in Outcome), "elsewhere", "no minimum"]
)


class Failures(NamedTuple):
    """How many, and the first of them."""

    trials: int  # that were run
    failed: int
    listed: Section  # at most LISTED rows; columns as in HEADER, the first two are words


def failures(results: "Results", judged: Mapping[str, Reasons]) -> Failures:
    """Those that `judged`, (trials,) for a group, does not call converged.

    Of a group that it does not judge, those whose outcome is another.
    """
    groups = {name: group for name, group in results.groups.items() if "outcome" in group}
    why = {
        name: judged[name] if name in judged else group["outcome"] for name, group in groups.items()
    }
    rows = (row for name, group in groups.items() for row in _rows(name, group, why[name]))
    return Failures(
        sum(len(group["trial"]) for group in groups.values()),
        sum(int(np.sum(failed(each))) for each in why.values()),
        Section("In the order of the results file", HEADER, list(islice(rows, LISTED))),
    )


def failed(why: Reasons) -> Booleans:
    """(trials,)."""
    return np.asarray(why != Outcome.converged)


def _rows(name: str, group: Group, why: Reasons) -> Iterator[tuple[str, ...]]:
    """The first of a group, at most LISTED."""
    rows = np.flatnonzero(failed(why))[:LISTED]
    columns = {
        key: taken(group, key, rows)
        for key in ("trial", "image_loss", "z_error", "restarts")
        if key in group and len(rows)
    }
    for at, row in enumerate(rows):
        yield (
            name,
            str(WORDS[why[row]]),
            f"{columns['trial'][at]:,}",
            *(
                f"{columns[key][at]:.3g}" if key in columns else "-"
                for key in ("image_loss", "z_error")
            ),
            f"{columns['restarts'][at]:,}" if "restarts" in columns else "-",
        )
