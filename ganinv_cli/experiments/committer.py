"""Commit rows of a run: those that are not committed yet, and what follows from them."""

import time
from collections.abc import Callable, Mapping

import numpy as np

from ganinv_cli.experiments.image_cases import ImageCases
from ganinv_cli.experiments.image_judge import ImageJudge
from ganinv_cli.experiments.progress_counter import ProgressCounter
from ganinv_cli.experiments.trial_ledger import TrialLedger
from ganinv_cli.experiments.trial_rows import Groups, join_groups
from ganinv_cli.progress.display import RunProgress
from ganinv_cli.results.store import Run

COMMIT_SECONDS = 5.0


class Committer:
    """Takes rows of trials that have ended, and commits them; the ledger and the counter follow."""

    def __init__(
        self,
        run: Run,
        ledger: TrialLedger,
        counter: ProgressCounter,
        constants: Mapping[str, np.ndarray],
        cases: ImageCases | None = None,
        judge: ImageJudge | None = None,
    ) -> None:
        """Commit to `run`. Images have their own rows, and a judge."""
        self.run, self.ledger, self.counter = run, ledger, counter
        self._constants, self._cases, self._judge = constants, cases, judge
        self._ended = ledger.total - ledger.trials_left  # before this run
        self._uncommitted: list[Groups] = []
        self._last_commit = time.monotonic()

    @property
    def has_rows(self) -> bool:
        """Whether trials have ended that are not committed."""
        return bool(self._uncommitted)

    @property
    def is_due(self) -> bool:
        return time.monotonic() - self._last_commit > COMMIT_SECONDS

    def take(self, rows: Groups) -> None:
        """Take rows of trials that have ended, and judge the images that they answer."""
        self.ledger.end(rows)
        if settled := self._judge.settle(rows) if self._judge else rows:
            self._uncommitted.append(settled)
        self._count()

    def commit(self) -> None:
        """Commit the rows, and those of the images that have begun."""
        begun = self._cases.take_rows() if self._cases else {}
        self.run.commit(join_groups([begun, *self._uncommitted]), self._constants)
        self._uncommitted.clear()
        self._last_commit = time.monotonic()

    def certify(self, show: Callable[[RunProgress], None]) -> None:
        """Commit the rows, and one after the other certificates of images with all their trials."""
        self.commit()
        for certificate in self._judge.certify() if self._judge else ():
            self.run.commit(certificate)
            self._count()
            show(self.counter.describe())
        self._last_commit = time.monotonic()

    def _count(self) -> None:
        total = self.ledger.total
        self.counter.total, self.counter.missing = total, total - self._ended
        if self._judge:
            self.counter.unanswered = len(self._judge.unanswered)
            for judged in self._judge.judged[len(self.counter.judged) :]:
                self.counter.add_judged(judged)
