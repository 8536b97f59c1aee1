"""How each convention of a generator is known: from its file, by option, inferred or assumed.

Statistics of batch norms decide an inferred value against all others; it is confirmed if it is also
the usual value.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

Source = Literal["file", "given", "inferred", "confirmed", "assumed"]


class Alternative(NamedTuple):
    """Another value of a convention, and how well the stored statistics fit it."""

    value: str
    discrepancy: float


@dataclass(frozen=True)
class Convention:
    """A property that a file may not state: its value, and how that is known."""

    name: str  # of the option that gives it, e.g. "activation"
    layer: str  # name in the file; empty for the whole generator
    value: str  # as the option takes it, e.g. "leaky_relu:0.2"
    source: Source
    discrepancy: float | None = None  # of the next norm's statistics, see `norms.check`
    runner_up: Alternative | None = None  # the second best value, if others were tried


def summarize_inferred(conventions: Iterable[Convention]) -> str:
    """Return the inferred and confirmed values in one line, as "prior normal:1; strides 2,2"."""
    values: dict[str, list[str]] = {}
    for each in conventions:
        if each.source in ("inferred", "confirmed"):
            values.setdefault(each.name, []).append(each.value)
    return "; ".join(
        f"{name} {values[name][0] if len({*values[name]}) == 1 else ','.join(values[name])}"
        for name in values
    )
