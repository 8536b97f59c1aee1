"""The cases of a run, as the process that commits rows knows them."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ganinv_cli.experiments.trial_rows import Groups
from ganinv_cli.results.store import Image, Run


class Inputs(NamedTuple):
    """The images of a run: files of its config, or images of a Python program."""

    images: Any = None  # paths, arrays or PIL images; None: the files of the config
    figure_folder: Path | None = None  # whose pictures are no inputs; None: the results' own


class Judged(NamedTuple):
    """A case that has its certificate."""

    case: int
    seconds: float  # for all but its trials
    answered: bool  # by its starts, e.g. as a picture that the generator makes


class Cases:
    """The cases of a run begin one after the other, and end with a certificate if they have one."""

    images: Sequence[Image] = ()  # that the command names, in its order

    def begin(self, case: int) -> bool:
        """Prepare a case whose turn has come; return whether it can be run."""
        return True

    def count_released(self, case: int, rule: str) -> float:
        """Return the number below which trials of a case under a rule may run now."""
        return math.inf

    def has_ended(self, case: int, rule: str) -> bool:
        """Return whether no more trials of a case are needed."""
        return False

    def settle(self, rows: Groups) -> Groups:
        """Return rows of trials that have ended, to commit them, with what follows from them."""
        return rows

    def take_judged(self) -> list[Judged]:
        """Return the cases that got their certificate since the last call."""
        return []

    def count_unanswered(self) -> int:
        """Return how many cases lack a certificate, and are not answered by their first starts."""
        return 0

    def take_rows(self) -> Groups:
        """Return the rows of cases that have begun since the last call, to commit them."""
        return {}

    def find_lacking(self, run: Run) -> int:
        """Take note of all rows that were committed; return how many re-enactments are lacking."""
        return 0

    def iterate_certificates(self) -> Iterator[Groups]:
        """Yield the certificates, to commit them, of cases that have all their trials."""
        yield from ()

    def find_uncounted(self, run: Run) -> dict[str, np.ndarray]:
        """Return, by group, which committed rows (rows,) bool do not count, if any do not."""
        return {}

    def end(self) -> list[str]:
        """Return a sentence for each image that could not be read or judged.

        Raises ImageError if none could be read.
        """
        return []
