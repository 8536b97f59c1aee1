"""The runs of other generators on the same images, later in the same command."""

from collections.abc import Sequence
from pathlib import Path

from ganinv_cli.experiments.pending_jobs import PendingJobs
from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.loaded_generator import LoadedGenerator
from ganinv_cli.results.store.log import name_log

OVERHEAD = 1e7  # multiply-adds that take about as long as the rest of a row's gradient

OtherRuns = Sequence[tuple[LoadedGenerator, Path]]  # with the results file


def compare_work(others: OtherRuns, generator: Generator, jobs: PendingJobs) -> float:
    """Return the work of other runs over that of this one, by the sizes of the generators.

    A run that has begun lacks as many trials as this one, and another run lacks all.
    """
    compared = 0.0
    for other, file in others:
        has_begun = file.exists() or name_log(file).exists()
        trials = 1.0 if has_begun else jobs.total / max(1, jobs.missing)
        size = other.definition.network.multiply_adds + OVERHEAD
        compared += trials * size / (generator.multiply_adds + OVERHEAD)
    return compared
