"""Committing what finishes while a run goes on."""

import contextlib
import time
from collections.abc import Callable, Generator, Mapping

import numpy as np

from ganinv_cli.engine.engine import Counts, WorkerResult, WorkerResults
from ganinv_cli.experiments.columns import Groups, join_groups
from ganinv_cli.store import Run

COMMIT_SECONDS = 5.0


def commit_results(
    results: WorkerResults,
    run: Run,
    extra_rows: Callable[[Groups], Groups],
    constants: Mapping[str, np.ndarray],
    on_commit: Callable[[], None],
) -> Generator[Counts, None, None]:
    """Pass the tallies on; commit the rows every few seconds, and whatever ends the run.

    Where whoever listens is interrupted, `handed` is as well, and hands over what it has.
    `beside` gives more rows for those of a commit. `committed_some` is called after a commit, but
    not after one that an interruption makes.
    """
    uncommitted: list[Groups] = []
    last_commit = time.monotonic()

    def commit() -> None:
        if uncommitted:
            rows = join_groups(uncommitted)
            run.commit(extra_rows(rows) | rows, constants)
            uncommitted.clear()

    def add_rows(result: WorkerResult) -> None:
        if result.rows:
            uncommitted.append({name: dict(rows) for name, rows in result.rows.items()})

    try:
        for result in results:
            add_rows(result)
            if time.monotonic() - last_commit > COMMIT_SECONDS:
                commit()
                on_commit()
                last_commit = time.monotonic()
            yield result.counts
    except (GeneratorExit, KeyboardInterrupt):
        with contextlib.suppress(KeyboardInterrupt, StopIteration):
            add_rows(results.throw(KeyboardInterrupt()))
            while True:
                add_rows(next(results))
        raise
    finally:
        results.close()
        commit()
