"""What may have been done to a picture: the candidates of the search, a line each."""

from collections.abc import Callable, Iterator
from enum import Enum, auto
from typing import NamedTuple

from ganinv_cli.images import Picture
from ganinv_cli.reenact.chain import Stage
from ganinv_cli.reenact.stages.colours import Colours
from ganinv_cli.reenact.stages.jpeg import Jpeg
from ganinv_cli.reenact.stages.placement import Placement
from ganinv_cli.reenact.stages.resampling import Filter, iterate_resizings, make_mirror

Changes = tuple[Stage, ...]


class Rank(Enum):
    """Whether a candidate is fitted."""

    predicted = auto()  # if a linear generator would leave less with it
    always = auto()  # whatever is predicted, which says little of a large or a rough change
    last = auto()  # after all others, from a z that is no worse than a wrong one


class Subject(NamedTuple):
    """The picture that candidates are made for."""

    picture: Picture
    jpeg: Jpeg | None  # how JPEG stored it; None: it did not
    aligns: bool  # whether it may have been moved and recoloured

    @property
    def shape(self) -> tuple[int, int, int]:
        height, width, channels = self.picture.pixels.shape
        return height, width, channels


class Candidate(NamedTuple):
    """Changes of a kind, of which the most promising ones are fitted."""

    make: Callable[[Subject], Iterator[Changes]]
    rank: Rank
    evaluations: int  # of J, at most, in each fit
    moves: bool = False  # whether it is fitted to the inner part first, from several z


def _make_resizings(subject: Subject) -> Iterator[Changes]:
    enlarged, tables = subject.picture.enlarged, subject.picture.tables
    for resizing in iterate_resizings(subject.shape, enlarged=enlarged, tables=tables):
        yield (resizing,)


def _make_blur(subject: Subject) -> Iterator[Changes]:
    yield (Filter(subject.shape, is_gaussian=True),)


def _make_small_filter(subject: Subject) -> Iterator[Changes]:
    yield (Filter(subject.shape, is_gaussian=False),)


def _make_placement(subject: Subject) -> Iterator[Changes]:
    if subject.aligns:
        height, width, channels = subject.shape
        is_plain = subject.jpeg is None  # its luma tells neither colours nor a small rotation
        placement = Placement(
            (height, width), enlarged=subject.picture.enlarged, turns=is_plain
        )
        yield placement, Colours(channels, mixes=is_plain)


def _make_mirror(subject: Subject) -> Iterator[Changes]:
    yield (make_mirror(subject.shape),)


CANDIDATES = (
    Candidate(_make_resizings, Rank.predicted, 12),
    Candidate(_make_blur, Rank.predicted, 12),
    Candidate(_make_small_filter, Rank.predicted, 12),
    Candidate(_make_placement, Rank.always, 12, moves=True),
    Candidate(_make_mirror, Rank.last, 25),
)
