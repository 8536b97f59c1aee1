"""What may have been done to a picture: the candidates of the search, a line each."""

from collections.abc import Callable
from enum import Enum, auto
from typing import NamedTuple

from ganinv_cli.reenact.stages.placement import iterate_placements
from ganinv_cli.reenact.stages.resampling import (
    iterate_blurs,
    iterate_mirrors,
    iterate_resizings,
    iterate_small_filters,
)
from ganinv_cli.reenact.stages.subject import Options, Subject


class Rank(Enum):
    """Whether a candidate is fitted."""

    predicted = auto()  # if a linear generator would leave less with it
    always = auto()  # whatever is predicted, which says little of a large or a rough change
    last = auto()  # after all others, from a z that is no worse than a wrong one


class Candidate(NamedTuple):
    """Changes of a kind, of which the most promising ones are fitted."""

    iterate: Callable[[Subject], Options]
    rank: Rank
    evaluations: int  # of J, at most, in each fit
    moves: bool = False  # whether it is fitted to the inner part first, from several z


CANDIDATES = (
    Candidate(iterate_resizings, Rank.predicted, 12),
    Candidate(iterate_blurs, Rank.predicted, 12),
    Candidate(iterate_small_filters, Rank.predicted, 12),
    Candidate(iterate_placements, Rank.always, 12, moves=True),
    Candidate(iterate_mirrors, Rank.last, 25),
)
