"""The live line can be drawn, on a terminal too, and counts what it says."""

import io
import math
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from small import MARKS, make_limits

from ganinv_cli.experiments.noise_sweep import make_task
from ganinv_cli.experiments.progress import RunProgress
from ganinv_cli.jobs import Job
from ganinv_cli.loop.trial import Increment, StartResult, Trial
from ganinv_cli.outcome import Outcome
from ganinv_cli.progress import terminal as progress
from ganinv_cli.settings.config import NoiseSweepConfig


@pytest.mark.parametrize("terminal", [True, False])
def test_a_line_shows_what_it_is_told(terminal):
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=100)
    with progress.show_progress_line("trials", console) as show:
        show(3, 1200, "2 recovered")
        show(1200, 1200, "1,199 recovered")
    assert "1,200/1,200 trials" in file.getvalue()
    assert "1,199 recovered" in file.getvalue()


def test_a_long_run_is_announced_once(capsys):
    with progress.show_trials(Path("recover.h5"), quiet=False) as show:
        for left in (math.nan, 3725.0, 3700.0):
            show(RunProgress(0, 10, 0, "recovered", 100.0, 50.0, left))
    assert capsys.readouterr().err.count("about 1:02:05 (h:mm:ss) to go") == 1


def test_a_short_run_is_not_announced_and_a_quiet_one_says_nothing(capsys):
    with progress.show_trials(Path("recover.h5"), quiet=False) as show:
        show(RunProgress(0, 10, 0, "recovered", 100.0, 50.0, 20.0))
    assert "to go" not in capsys.readouterr().err
    with progress.show_trials(Path("recover.h5"), quiet=True) as show:
        show(RunProgress(0, 10, 0, "recovered", 100.0, 50.0, 3600.0))
    assert capsys.readouterr().err == ""


def _finished(outcome: Outcome, away: float) -> Trial:
    z = np.zeros(3, np.float32)
    trial = Trial(Job(0, "none"), z, np.zeros((2, 2, 3)), 0.0, 0.0, make_limits(), z, 0.0, MARKS)
    trial.start_results.append(StartResult(z + away, 1.0, 1.0, outcome, 10.0, 0, 1.0))
    return trial


@pytest.mark.parametrize(("variances", "good"), [((0.0,), 2), ((0.1,), 1)])
def test_what_is_counted_as_good_is_what_can_be_known(variances, good):
    """Recovered where the right z is sought exactly, and converged where noise moves it."""
    finished = [
        _finished(Outcome.converged, 1.0),
        _finished(Outcome.stalled, 0.0),
        _finished(Outcome.budget, 1e-3),
    ]
    task = make_task(NoiseSweepConfig(variances=variances))
    seen = task.count_trials(Increment(finished, 30.0, 2.0))
    assert (
        seen.finished,
        seen.successes,
        seen.finished_gradients,
        seen.gradients,
        seen.seconds,
    ) == (3, good, 30, 30, 2)
