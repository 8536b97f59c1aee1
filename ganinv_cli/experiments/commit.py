"""Committing what finishes while a run goes on."""

import contextlib
import time
from collections.abc import Callable, Generator, Mapping

import numpy as np

from ganinv_cli.engine.engine import Done, Handed, Tally
from ganinv_cli.experiments.columns import Groups, joined
from ganinv_cli.store import Run

COMMIT_SECONDS = 5.0


def saved(
    handed: Handed,
    run: Run,
    beside: Callable[[Groups], Groups],
    constants: Mapping[str, np.ndarray],
    committed_some: Callable[[], None],
) -> Generator[Tally, None, None]:
    """Pass the tallies on; commit the rows every few seconds, and whatever ends the run.

    Where whoever listens is interrupted, `handed` is as well, and hands over what it has.
    `beside` gives more rows for those of a commit. `committed_some` is called after a commit, but
    not after one that an interruption makes.
    """
    waiting: list[Groups] = []
    committed = time.monotonic()

    def commit() -> None:
        if waiting:
            rows = joined(waiting)
            run.commit(beside(rows) | rows, constants)
            waiting.clear()

    def keep(done: Done) -> None:
        if done.rows:
            waiting.append({name: dict(rows) for name, rows in done.rows.items()})

    try:
        for done in handed:
            keep(done)
            if time.monotonic() - committed > COMMIT_SECONDS:
                commit()
                committed_some()
                committed = time.monotonic()
            yield done.tally
    except (GeneratorExit, KeyboardInterrupt):
        with contextlib.suppress(KeyboardInterrupt, StopIteration):
            keep(handed.throw(KeyboardInterrupt()))
            while True:
                keep(next(handed))
        raise
    finally:
        handed.close()
        commit()
