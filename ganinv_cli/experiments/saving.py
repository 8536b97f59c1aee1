"""Committing what finishes while a run goes on."""

import time
from collections.abc import Generator, Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from ganinv_cli.experiments import columns
from ganinv_cli.prior import Uniform
from ganinv_cli.solvers.loop import Look
from ganinv_cli.store import Run

if TYPE_CHECKING:
    from ganinv_cli.solvers.trial import Trial

COMMIT_SECONDS = 5.0


def saved(
    looks: Iterator[Look], run: Run, constants: Mapping[str, np.ndarray], prior: Uniform
) -> Generator[Look, None, None]:
    """Pass the looks on; commit their trials every few seconds, and whatever ends the run."""
    waiting: list[Trial] = []
    committed = time.monotonic()

    def commit() -> None:
        if waiting:
            run.commit(columns.by_group(waiting, prior), constants)
            waiting.clear()

    try:
        for look in looks:
            waiting += look.finished
            if time.monotonic() - committed > COMMIT_SECONDS:
                commit()
                committed = time.monotonic()
            yield look
    finally:
        commit()
