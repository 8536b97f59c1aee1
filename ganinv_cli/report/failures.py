"""The trials that failed, one by one: a failed trial is a result."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ganinv_cli.outcome import Outcome
from ganinv_cli.report.report import Section
from ganinv_cli.report.runs import Group
from ganinv_cli.statistics import Integers

if TYPE_CHECKING:
    from ganinv_cli.store import Results

LISTED = 200  # more would be no easier to read
HEADER = ("group", "outcome", "trial", "image loss", "z error", "restarts")


class Failures(NamedTuple):
    """How many, and the first of them."""

    trials: int  # that were run
    failed: int
    listed: Section  # at most LISTED rows; columns as in HEADER, the first two are words


def failures(results: "Results", judged: Mapping[str, NDArray[np.str_]]) -> Failures:
    """Those that `judged` has words for, (trials,) for a group, and empty ones for the others.

    Of a group that it does not judge, those that did not converge.
    """
    groups = {name: group for name, group in results.groups.items() if "outcome" in group}
    why = {
        name: judged[name] if name in judged else unconverged(group["outcome"])
        for name, group in groups.items()
    }
    rows = (row for name, group in groups.items() for row in _rows(name, group, why[name]))
    return Failures(
        sum(len(group["trial"]) for group in groups.values()),
        sum(int(np.sum(each != "")) for each in why.values()),
        Section("In the order of the results file", HEADER, list(islice(rows, LISTED))),
    )


def unconverged(outcomes: Integers) -> NDArray[np.str_]:
    """(trials,) words for how each ended; empty where it converged."""
    names = np.array(["not run", *(outcome.name.replace("_", " ") for outcome in Outcome)])
    return np.where(outcomes == Outcome.converged, "", names[outcomes])


def _rows(name: str, group: Group, why: NDArray[np.str_]) -> Iterator[tuple[str, ...]]:
    for row in np.flatnonzero(why != ""):
        yield (
            name,
            str(why[row]),
            f"{group['trial'][row]:,}",
            *(
                f"{group[key][row]:.3g}" if key in group else "-"
                for key in ("image_loss", "z_error")
            ),
            f"{group['restarts'][row]:,}" if "restarts" in group else "-",
        )
