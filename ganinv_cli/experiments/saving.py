"""Committing what finishes while a run goes on."""

import time
from collections.abc import Callable, Generator, Iterator, Mapping

import numpy as np

from ganinv_cli.experiments.columns import Groups
from ganinv_cli.solvers.loop import Look
from ganinv_cli.solvers.trial import Trial
from ganinv_cli.store import Run

COMMIT_SECONDS = 5.0


def saved(
    looks: Iterator[Look],
    run: Run,
    rows: Callable[[list[Trial]], Groups],
    constants: Mapping[str, np.ndarray],
    committed_some: Callable[[], None],
) -> Generator[Look, None, None]:
    """Pass the looks on; commit their trials every few seconds, and whatever ends the run.

    `committed_some` is called after a commit, but not after one that an interruption makes.
    """
    waiting: list[Trial] = []
    committed = time.monotonic()

    def commit() -> None:
        if waiting:
            run.commit(rows(waiting), constants)
            waiting.clear()

    try:
        for look in looks:
            waiting += look.finished
            if time.monotonic() - committed > COMMIT_SECONDS:
                commit()
                committed_some()
                committed = time.monotonic()
            yield look
    finally:
        commit()
