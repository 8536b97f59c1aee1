"""How each convention of a generator is known, from its file to a mere assumption."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

# stated in the file, given by option, decided by the statistics of batch norms against the other
# values, the same and the usual value besides, or the usual value because nothing tests it
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
    discrepancy: float | None = None  # of the next norm's statistics, see `norm_statistics`
    runner_up: Alternative | None = None  # the second best value, if others were tried


def summarize_inferred(conventions: Iterable[Convention]) -> str:
    """Return the inferred values in one line, as "prior normal:1; strides 2,2"; "" if none is."""
    values: dict[str, list[str]] = {}
    for each in conventions:
        if each.source == "inferred":
            values.setdefault(each.name, []).append(each.value)
    return "; ".join(
        f"{name} {values[name][0] if len({*values[name]}) == 1 else ','.join(values[name])}"
        for name in values
    )
