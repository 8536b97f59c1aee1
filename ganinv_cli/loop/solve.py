"""The one loop: step, judge, retire finished rows, start others in their place.

The batch keeps its shape until nobody waits and it is nearly empty; then it shrinks. Where no
number of rows is given it doubles while that pays, and where memory runs out it is halved. Several
steps run in the graph between two looks, and a row that is done stands still until the next.
Stopping, restarts and the choice between starts see the image loss alone; an observer notes the
distance to the true z, and nothing here reads it.
"""

import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ganinv_cli.errors import GaninvError
from ganinv_cli.jobs import Feed
from ganinv_cli.loop.batch import Batch, Slots, joined, kept
from ganinv_cli.loop.batch_size import FIRST, Pace
from ganinv_cli.loop.queue import Supply, Waiting
from ganinv_cli.loop.slots import Seats
from ganinv_cli.loop.trial import Limits, Marks, Trial
from ganinv_cli.network.generator import Generator
from ganinv_cli.solvers.solver import Solver


class Look(NamedTuple):
    """What the loop saw between two looks."""

    finished: list[Trial]
    gradients: float  # spent by the rows that were running
    seconds: float
    rows: int = 0  # of the batch


def solve(
    generator: Generator,
    solver: Solver,
    feed: Feed,
    supply: Supply,
    limits: Limits,
    marks: Marks,
    *,
    seed: int,
    batch_size: int = 0,
    exact: bool = True,
    mixed: bool = False,
    mask: np.ndarray | None = None,
) -> Iterator[Look]:
    """Run the jobs of a feed until it is over; yield what was seen after every `look_every` steps.

    Where the feed has nothing for now and nothing runs, an empty look is yielded. `supply` is asked
    for the images of a block of jobs when these are about to begin; `batch_size` 0 finds one by
    what is fast; `mask` (height, width, 1) says which pixels count; `exact` says whether the right
    z of any job leaves nothing of its image; `mixed` allows bfloat16 while it is good enough. With
    `batch_norm="batch"` the rows act on one another: each batch is run to its end before the next
    one starts, and nothing restarts. Raises GaninvError where there is no memory for one row.
    """
    if feed.over():
        return
    coupled = generator.batch_norm == "batch"
    waiting = Waiting(feed, supply, limits.tolerance, generator, marks, batch_size or FIRST)
    batch = Batch(generator, solver, limits.tolerance, limits.stationary, seed, exact, mixed, mask)
    room = _Room(batch, Pace(batch_size), coupled)
    slots = room.empty(feed.waiting)
    seats = Seats(len(slots.code), limits, generator.labels, restarting=not coupled)
    while True:
        try:
            if not coupled or not seats.taken:
                slots = seats.fill(slots, waiting)
            if not seats.taken:
                if feed.over():
                    return
                yield Look([], 0.0, 0.0)
                continue
            if not coupled:
                slots = room.sized(slots, seats, waiting, feed.waiting * solver.expected_gradients)
            began = time.monotonic()
            if entries := seats.entries():
                slots = batch.enter(slots, entries)
                seats.started(slots.state.z.numpy())
            full = seats.full
            slots, seen = batch.advance(slots)
        except tf.errors.ResourceExhaustedError as error:
            slots = room.halved(slots, seats, error)
            continue
        seconds = time.monotonic() - began
        finished, gradients = seats.look(seen, seconds)
        if full:
            room.pace.note(gradients, seconds)
        yield Look(finished, gradients, seconds, len(seats))


class _Room:
    """Makes a batch larger and smaller."""

    def __init__(self, batch: Batch, pace: Pace, coupled: bool) -> None:
        self.pace = pace
        self._batch, self._coupled = batch, coupled

    def empty(self, waiting: int) -> Slots:
        """A batch with nobody in it, of no more rows than jobs wait."""
        self.pace.limit(waiting)
        while True:
            try:
                return self._built(self.pace.rows)
            except tf.errors.ResourceExhaustedError as error:
                self._halve(self.pace.rows, error)

    def sized(self, slots: Slots, seats: Seats, waiting: Waiting, gradients_left: float) -> Slots:
        """With as many rows as are worth it now."""
        before = len(seats)
        wanted = self.pace.wanted(gradients_left) if waiting.more else seats.emptier()
        if wanted > before:
            try:
                slots = joined(slots, kept(self._built(wanted), list(range(before, wanted))))
            except tf.errors.ResourceExhaustedError:
                self.pace.full(wanted)
                return slots
            seats.widen(wanted)
        return seats.cut(slots, wanted) if wanted < before else slots

    def halved(self, slots: Slots, seats: Seats, error: tf.errors.OpError) -> Slots:
        """With half the rows, after memory ran out; the trials of the others wait as they are."""
        self._halve(len(seats), error)
        return seats.cut(slots, self.pace.rows)

    def _built(self, rows: int) -> Slots:
        began = time.monotonic()
        slots = self._batch.empty(rows)
        self.pace.built(time.monotonic() - began)
        return slots

    def _halve(self, rows: int, error: tf.errors.OpError) -> None:
        if self._coupled or not self.pace.full(rows):
            raise GaninvError(
                "the device's memory ran out "
                + ("for a batch whose rows are coupled" if self._coupled else "for a single trial")
                + "; free some, or use another --device"
            ) from error
