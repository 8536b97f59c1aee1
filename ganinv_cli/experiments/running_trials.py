"""The running trials of a run. Its workers save them, so that a killed run loses little."""

import contextlib
import itertools
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from ganinv_cli.files.array_file import ArrayFileError, encode_arrays, read_arrays
from ganinv_cli.files.write import replace_file
from ganinv_cli.jobs import Job
from ganinv_cli.loop.saved_trials import Arrays, SavedTrial, split_trials, stack_trials
from ganinv_cli.store import Run

MAX_BYTES = 1 << 29  # of one file
SAVE_SECONDS = 300.0  # between saves of a worker


class RunningTrials:
    """The saved trials of a killed run, and the files of this run's workers."""

    def __init__(self, run: Run, coupled_trials: int = 0) -> None:
        """Read the saved trials. Coupled trials are used only if all `coupled_trials` are there."""
        self.damaged_files: list[str] = []  # files that could not be used
        self._run = run
        self._saved: dict[Job, Arrays] = {}
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        for number in range(64):
            file = run.snapshot_file(number)
            if not file.exists():
                continue
            try:
                saved = split_trials(read_arrays(file, MAX_BYTES, run.key))
                if coupled_trials not in (0, len(saved)):
                    raise ValueError("some of the coupled trials are missing")
            except (OSError, ArrayFileError, ValueError, LookupError, TypeError):
                self.damaged_files.append(str(file))
                continue
            self._saved = {each.job: each.arrays for each in saved} | self._saved

    @property
    def jobs(self) -> list[Job]:
        """The jobs that were saved and have not been popped."""
        return list(self._saved)

    def pop(self, job: Job) -> Arrays | None:
        """Return the arrays of a job once; None if it was not saved."""
        return self._saved.pop(job, None)

    def open_worker(self) -> "WorkerTrials":
        """Return the interface to the saved trials for one more worker."""
        with self._lock:
            return WorkerTrials(self, next(self._numbers))

    def write(self, number: int, trials: Sequence[SavedTrial]) -> None:
        """Save the trials of a worker. If they cannot be written, nothing happens."""
        if number == 0:  # its file also held the saved trials that are still pending
            trials = [*trials, *(SavedTrial(*each) for each in list(self._saved.items()))]
        if trials:
            with contextlib.suppress(OSError):  # a full disk ends the run at its next commit
                content = encode_arrays(stack_trials(trials), self._run.key)
                replace_file(self._run.snapshot_file(number), content, durable=True)


@dataclass
class WorkerTrials:
    """The trials of one worker; keeps the interface of `SavedTrials`."""

    _running_trials: RunningTrials
    _number: int
    _last_save: float = field(default_factory=time.monotonic)

    @property
    def is_due(self) -> bool:
        return time.monotonic() - self._last_save > SAVE_SECONDS

    def save(self, trials: Sequence[SavedTrial]) -> None:
        self._running_trials.write(self._number, trials)
        self._last_save = time.monotonic()

    def pop(self, job: Job) -> Arrays | None:
        return self._running_trials.pop(job)
