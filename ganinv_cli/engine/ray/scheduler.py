"""Which jobs each of several workers holds: dealt, handed in, and handed on where one is lost."""

import itertools
import math
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ganinv_cli.errors import GaninvError
from ganinv_cli.jobs import Job, Jobs

LOSSES = 3  # workers that a job may be lost with


class Portion(NamedTuple):
    """What goes to a worker at once."""

    jobs: list[Job]
    more: int  # that it may expect after these; 0: nothing waits for anybody


class _Hand:
    """Of one worker."""

    def __init__(self, rows: int) -> None:
        self.held: dict[Job, None] = {}  # in the order that they were dealt
        self.rows = self.ahead = rows  # of its batch; that should lie ready behind them


class Ledger:
    """The jobs of a run, each done once: when its rows have come back.

    A worker has as many jobs as its batch has rows, and as many again ahead. Towards the end the
    latter become fewer, so that all have work for equally long. `run` is as lazy as the jobs are.
    """

    def __init__(self, jobs: Jobs, rows: int, workers: int) -> None:
        """`rows` of a batch before a worker shows how many it has; so many workers may come."""
        self._jobs: Iterator[Job] = iter(jobs)
        self._undealt = len(jobs)
        self._back: deque[Job] = deque()
        self._hands: dict[int, _Hand] = {}
        self._rows, self._workers = rows, workers
        self._losses: Counter[Job] = Counter()

    @property
    def waiting(self) -> int:
        """How many nobody holds."""
        return self._undealt + len(self._back)

    @property
    def over(self) -> bool:
        """Whether all are done."""
        return not self.waiting and not any(hand.held for hand in self._hands.values())

    def held(self, worker: int) -> int:
        """How many a worker has not handed in; 0 for one that is not known."""
        return len(self._hands[worker].held) if worker in self._hands else 0

    def deal(self, worker: int) -> Portion:
        """What it needs now."""
        hand = self._hands.setdefault(worker, _Hand(self._rows))
        jobs = self._next(self._target(hand) - len(hand.held))
        hand.held.update(dict.fromkeys(jobs))
        return Portion(jobs, math.ceil(self.waiting * self._weight(hand)))

    def handed(self, worker: int, jobs: Sequence[Job], batch: int) -> None:
        """These jobs of a worker are done; so many are in flight there."""
        hand = self._hands[worker]
        for job in jobs:
            del hand.held[job]
        if batch and self.waiting:  # else it is the end that makes a batch small
            hand.rows = batch
        hand.ahead = max(hand.rows, 2 * len(jobs))  # it may be faster than it is called

    def lost(self, worker: int, why: str) -> None:
        """It is gone: what it held waits again, before all others.

        Raises GaninvError where a job was lost too often.
        """
        hand = self._hands.pop(worker, None)
        if not hand:
            return
        self._back.extendleft(reversed(hand.held))
        self._losses.update(list(hand.held))
        if often := [job for job in hand.held if self._losses[job] >= LOSSES]:
            raise GaninvError(
                f"{LOSSES} workers ended while they had {_named(often)}: {why}; the same command "
                "goes on when that is mended"
            )

    def _target(self, hand: _Hand) -> int:
        """How many a worker should hold."""
        ahead = min(hand.ahead, math.ceil(self.waiting / (2 * self._takers)))
        left = self.waiting + sum(len(other.held) for other in self._hands.values())
        return min(hand.rows + ahead, math.ceil(left * self._weight(hand)))

    def _weight(self, hand: _Hand) -> float:
        """The share of a worker in all that is to be done."""
        rows = sum(other.rows for other in self._hands.values())
        return hand.rows / (rows + self._rows * (self._takers - len(self._hands)))

    @property
    def _takers(self) -> int:
        return max(self._workers, len(self._hands))

    def _next(self, most: int) -> list[Job]:
        most = max(most, 0)
        taken = [self._back.popleft() for _ in range(min(most, len(self._back)))]
        fresh = list(itertools.islice(self._jobs, most - len(taken)))
        self._undealt -= len(fresh)
        return taken + fresh


def _named(jobs: list[Job]) -> str:
    trials = sorted({job.trial for job in jobs})
    first = ", ".join(map(str, trials[:3]))
    more = f" and {len(trials) - 3:,} more" if len(trials) > 3 else ""
    return f"trial{'s' if len(trials) > 1 else ''} {first}{more}"
