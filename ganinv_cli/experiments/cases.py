"""The cases of a run, as the process that commits rows knows them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ganinv_cli.experiments.trial_rows import Groups
from ganinv_cli.results.store import Image, Run


class Inputs(NamedTuple):
    """The images of a run: files of its config, or images of a Python program."""

    images: Any = None  # paths, arrays or PIL images; None: the files of the config
    figure_folder: Path | None = None  # whose pictures are no inputs; None: the results' own


class Cases:
    """The cases of a run begin one after the other, and end with a certificate if they have one."""

    images: Sequence[Image] = ()  # that the command names, in its order

    def begin(self, case: int) -> bool:
        """Prepare a case whose turn has come; return whether it can be run."""
        return True

    def take_rows(self) -> Groups:
        """Return the rows of cases that have begun since the last call, to commit them."""
        return {}

    def add_rows(self, rows: Groups) -> None:
        """Take note of rows that were committed."""

    def find_lacking(self, run: Run) -> int:
        """Take note of all rows that were committed; return how many certificates are lacking."""
        return 0

    def iterate_certificates(self) -> Iterator[Groups]:
        """Yield the certificates, to commit them, of cases that have all their trials."""
        yield from ()

    def end(self) -> list[str]:
        """Return a sentence for each image that could not be read. Raises ImageError if all are."""
        return []
