"""The numbers of trials with a known z: an entry each, for every format.

A measure is a key of a row of the JSON and of the CSV, and a column wherever a table names it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ganinv_cli.clipping import RULES
from ganinv_cli.outcome import Outcome
from ganinv_cli.results import statistics
from ganinv_cli.results.analysis.trial_sets import Number, TrialSet
from ganinv_cli.results.number_format import (
    format_concise,
    format_count,
    format_interval,
    format_scientific,
)
from ganinv_cli.results.report.table import Column, Row, read_key, show_value, to_plain
from ganinv_cli.results.statistics import EPSILONS

ABSENT = object()  # computed for a trial set whose row has no such key
COSTS_TITLE = "Cost per trial"
ACTED_HELP = "Acted: trials in which the rule changed z."


@dataclass(frozen=True)
class Measure:
    """A number of a trial set, or an object of numbers.

    A measure whose key holds `{start}` is read twice: at the end of the first start and of the
    trial. The places have the names of `Starts`. `{number}` is what a case is, e.g. a variance.
    """

    key: str  # in the JSON; dots lead into objects
    compute: Callable[[TrialSet], Any]
    heading: str = ""  # with the unit, if it has one
    help: str = ""  # a sentence below the table
    show: Callable[[Any], str] = show_value
    topic: str = ""  # the title, or its beginning, of a table in which this is a last column
    always: bool = False  # whether a rule that was not exercised has this too

    def make_column(self) -> Column:
        return Column(self.heading, self.key, self.show, self.help, self.always)

    def make_columns(self, starts: "Starts") -> list[Column]:
        """Return the columns at both places, or the only one."""
        if "{start}" not in self.key:
            return [self.make_column()]
        places = zip(("first start", "with restarts"), starts, strict=True)
        return [
            replace(
                self.make_column(),
                heading=f"{self.heading}\n{place}",
                key=self.key.format(start=start),
            )
            for place, start in places
        ]


Starts = tuple[str, str]  # names of the numbers at the end of the first start, and of the trial


def measure_trial_set(trial_set: TrialSet, measures: Sequence[Measure], starts: Starts) -> Row:
    """Return the row of a trial set.

    Where the measures say whether the rule was exercised and it was not, the row has None for
    numbers: they would be those of the row without clipping.
    """
    row: Row = {}
    is_blank = EXERCISED in measures and not trial_set.exercised
    number = trial_set.case.name if isinstance(trial_set.case, Number) else ""
    for measure in measures:
        is_twofold = "{start}" in measure.key
        places = (
            {starts[0]: trial_set.first, starts[1]: trial_set} if is_twofold else {"": trial_set}
        )
        for start, place in places.items():
            if (value := measure.compute(place)) is ABSENT:
                continue
            value = to_plain(value)
            value = blank(value) if is_blank and not measure.always else value
            *path, last = measure.key.format(start=start, number=number).split(".")
            inner = row
            for part in path:
                inner = inner.setdefault(part, {})
            inner[last] = value
    return row


def blank(value: Any) -> Any:
    """Return None, or None in place of each number of an object or an interval."""
    if isinstance(value, dict):
        return {key: blank(each) for key, each in value.items()}
    return [None for _ in value] if isinstance(value, list) else None


def stack_interval(
    key: str, interval_key: str, show: Callable[[Any], str] = format_scientific
) -> Callable[[Row], str]:
    """Return the function that shows a value above its interval, if there is one."""
    return lambda row: f"{show(row[key])}\n{format_interval(row[interval_key], show)}".rstrip("\n")


def show_share(key: str, interval_key: str = "") -> Callable[[Row], str]:
    """Return the function that shows a count and its share, perhaps above its interval."""

    def show(row: Row) -> str:
        interval = read_key(row, interval_key) if interval_key else (None, None)
        return format_count(read_key(row, key), row["trials"], interval)

    return show


def _count_acted(trial_set: TrialSet) -> int:
    return int(np.sum(trial_set.read("acted") > 0))


def _count_right_labels(trial_set: TrialSet) -> Any:
    if "label" not in trial_set.truth or not trial_set.first.has("label"):
        return ABSENT
    last, first = (
        {"right": right, "interval": statistics.clopper_pearson(right, trial_set.trials)}
        for place in (trial_set, trial_set.first)
        for right in [int(np.sum(place.read("label") == trial_set.truth["label"]))]
    )
    return last | {"first_start": first}


def _make_cost(column: str, heading: str = "", help_text: str = "") -> Measure:
    """Return the mean over the trials of a column; with a heading it is a cost that tables show."""
    topic = COSTS_TITLE if heading else ""
    return Measure(
        column,
        lambda trials: statistics.mean(trials.read(column)),
        heading,
        help_text,
        topic=topic,
    )


NAMES = (
    Measure("technique", lambda trials: trials.rule, "clipping", always=True),
    Measure("trials", lambda trials: trials.trials, "trials", always=True),
)
EXERCISED = Measure("exercised", lambda trials: trials.exercised, always=True)
OUTCOMES = Measure(
    "outcomes.{start}",
    lambda trials: {each.name: int(np.sum(trials.outcomes == each)) for each in Outcome},
)
COSTS = (
    _make_cost("gradients", "gradients\nmean"),
    Measure(
        "gradients_median",
        lambda trials: statistics.median(trials.read("gradients")),
        "gradients\nmedian",
        topic=COSTS_TITLE,
    ),
    Measure(
        "gradients_first_start",
        lambda trials: statistics.mean(trials.first.read("gradients")),
        "first start\nmean",
        topic=COSTS_TITLE,
    ),
    _make_cost("restarts", "restarts\nmean"),
    _make_cost("redraws"),
    EXERCISED,
    Measure(
        "acted_first_start",
        lambda trials: _count_acted(trials.first),
        "acted",
        ACTED_HELP,
        always=True,
    ),
    Measure("acted", _count_acted, "acted", ACTED_HELP, always=True),
    _make_cost("actions", "actions\nmean", "Actions: updates in which the rule changed z."),
    # trials that are copies of those of none, because the rule would not have acted
    Measure("copied", lambda trials: int(np.sum(trials.read("shared") > 0)), always=True),
)
LABELS = Measure("labels", _count_right_labels)
RIGHT_LABELS = (  # columns
    Column(
        "first start", show=show_share("labels.first_start.right", "labels.first_start.interval")
    ),
    Column(
        "with restarts",
        show=show_share("labels.right", "labels.interval"),
        help="Each start tries one label, and the starts take the labels in turn. So a first "
        "start can succeed only if its label is the right one by chance.",
    ),
)


def count_recovered(trial_set: TrialSet) -> dict[str, int]:
    """Return in how many trials the error of z is below the ε of the paper's table and another."""
    epsilons = EPSILONS | {format_concise(trial_set.threshold): trial_set.threshold}
    return {
        name: int(np.sum(statistics.is_recovered(trial_set.errors, epsilon)))
        for name, epsilon in sorted(epsilons.items(), key=lambda item: item[1])
    }


def _find_intervals(trial_set: TrialSet) -> Row:
    counts = count_recovered(trial_set)
    return {
        name: statistics.clopper_pearson(count, trial_set.trials) for name, count in counts.items()
    }


def _count_within_bound(trial_set: TrialSet) -> Row | None:
    """Return how often the estimated bound on the error of z held; None without bounds."""
    if not trial_set.has("error_bound"):
        return None
    bound = trial_set.read("error_bound")
    bounded = trial_set.has_converged & np.isfinite(bound)
    converged, held = (
        int(np.sum(each)) for each in (bounded, bounded & (trial_set.read("z_error") <= bound))
    )
    interval = statistics.clopper_pearson(held, converged) if converged else (None, None)
    return {"converged": converged, "held": held, "interval": interval}


def _get_paper_shares(trial_set: TrialSet) -> Row:
    shares = RULES[trial_set.rule].paper_shares
    return dict(zip(EPSILONS, shares, strict=True)) if shares else {}


RECOVER = (
    *NAMES,
    Measure("threshold", lambda trials: trials.threshold, always=True),
    Measure("{start}", count_recovered),
    Measure("intervals.{start}", _find_intervals),  # 95 %, of their shares
    Measure("paper", _get_paper_shares, always=True),
    Measure(
        "elsewhere.{start}",
        lambda trials: int(np.sum(trials.has_converged & ~trials.is_recovered)),
        help="Elsewhere: converged by the image loss, but the error of z is not below {threshold}.",
    ),
    Measure("bound", _count_within_bound),
    OUTCOMES,
    Measure(
        "at_bound",
        lambda trials: statistics.mean(trials.first.read("at_bound")[~trials.first.is_recovered]),
        "at\nbound",
        "At bound: mean number of components of z at a bound of the prior, over the first "
        "starts that did not reach {threshold}.",
    ),
    *COSTS,
    LABELS,
)
