"""Format what linear theory says of plain descent."""

from collections.abc import Mapping
from typing import Any

from ganinv_cli.report.inspect.text_table import make_table, render_table
from ganinv_cli.statistics import EPSILONS, clopper_pearson
from ganinv_cli.statistics.descent_theory import Prediction

NAMES = {"authors": "the authors'", "half": "half of it", "stable": "stable"}


def format_descent(facts: Mapping[str, Any]) -> str:
    """Return sentences on the condition of JᵀJ and a table of predictions."""
    points, condition = facts["points"], facts["condition"]
    lines = [
        f"JᵀJ at {points} random z: condition {condition['median']:,.0f} (median), "
        f"{condition['worst']:,.0f} (worst). The stable rate of plain descent, on the mean over "
        f"a picture's values: {facts['stable_rate']:g}, half of the limit at the steepest of them.",
        f"Theory (linear, {points} z with {facts['starts']} starts each, rates halved every "
        f"{facts['halve_every']:,} updates): the share of z beyond the limit of stability at first "
        "and at the end, and the share of trials below each ε. Of two shares the first is without "
        "z that were beyond it at first. Far from z descent is slower than that: expect less.",
    ]
    return "\n".join([*lines, "", _make_theory_table(facts["theory"], points)])


def describe_prediction(prediction: Prediction) -> list[str]:
    """Return what theory says before a run, in two lines."""
    shares = ", ".join(
        f"{name} {_format_span(prediction.least[name], prediction.most[name])}"
        for name in reversed(EPSILONS)
    )
    return [
        f"beyond the limit of stability at this rate: "
        f"{_format_share(prediction.beyond, prediction.points)} of random z, "
        f"{prediction.beyond_at_end:.2f} at the last rate",
        f"theory, share of trials below ε after this budget: {shares}; expect less, descent is "
        "slower far from z",
    ]


def _make_theory_table(predictions: list[Mapping[str, Any]], points: int) -> str:
    names = list(reversed(EPSILONS))
    columns = ("rate", "updates", "beyond", "at the end", *(f"< {name}" for name in names))
    table = make_table(columns, numbers=columns[1:])
    for each in predictions:
        table.add_row(
            f"{each['rate']:g} ({NAMES[each['name']]})",
            f"{each['updates']:,}",
            _format_share(each["beyond"], points),
            f"{each['beyond_at_end']:.2f}",
            *(_format_span(each["least"][name], each["most"][name]) for name in names),
        )
    return render_table(table)


def _format_share(share: float, points: int) -> str:
    """Return the share of some z with its exact interval."""
    low, high = clopper_pearson(round(share * points), points)
    return f"{share:.2f} [{low:.2f}, {high:.2f}]"


def _format_span(least: float, most: float) -> str:
    first, last = f"{least:.2f}", f"{most:.2f}"
    return first if first == last else f"{first} to {last}"
