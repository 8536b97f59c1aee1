"""Format what linear theory says of gradient descent."""

from collections.abc import Mapping
from typing import Any

from ganinv_cli.inspection.text_table import make_table, render_table, wrap_text
from ganinv_cli.statistics import EPSILONS

NAMES = {"authors": "authors'", "half": "half", "stable": "stable"}


def format_descent(facts: Mapping[str, Any]) -> str:
    """Return sentences on the condition of JᵀJ and a table of predictions, 80 columns wide."""
    points, condition = facts["points"], facts["condition"]
    lines = [
        f"JᵀJ at {points} random z: condition {condition['median']:,.0f} (median), "
        f"{condition['worst']:,.0f} (worst). The stable rate of plain descent on the pixel mean is "
        f"{facts['stable_rate']:g}, half of the smallest stability limit of these z.",
        f"Linear theory ({points} z, {facts['starts']} starts each, rates halved every "
        f"{facts['halve_every']:,} updates). Unstable: the share of z for which the rate is above "
        "the stability limit, at the first and at the last rate. Below 1e-1 and so on: the share "
        "of trials that come so near to z; the lower end of a range counts no z that is unstable "
        "at first. Far from z descent is slower, so expect smaller shares.",
    ]
    return "\n".join([*map(wrap_text, lines), "", _make_theory_table(facts["theory"])])


def _make_theory_table(predictions: list[Mapping[str, Any]]) -> str:
    names = list(reversed(EPSILONS))
    columns = ("rate", "updates", "unstable", "at last", *(f"< {name}" for name in names))
    table = make_table(columns, numbers=columns[1:])
    for each in predictions:
        table.add_row(
            f"{each['rate']:g} ({NAMES[each['name']]})",
            f"{each['updates']:,}",
            f"{each['beyond']:.2f}",
            f"{each['beyond_at_end']:.2f}",
            *(_format_span(each["least"][name], each["most"][name]) for name in names),
        )
    return render_table(table)


def _format_span(least: float, most: float) -> str:
    """Return a range of shares as .31–.51, or as one number."""
    first, last = f"{least:.2f}", f"{most:.2f}"
    return (first if first == last else f"{first}–{last}").replace("0.", ".")
