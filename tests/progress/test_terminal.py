"""The live line can be drawn, on a terminal too, and counts what it says."""

import io
import math
import time
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
from ganinv_cli.progress import display as display_module
from ganinv_cli.progress.display import Display, LiveLine, PlainLines, Work
from ganinv_cli.progress.terminal import show_on_terminal
from ganinv_cli.settings.config import NoiseSweepConfig


def _make_display(terminal: bool, width: int = 80) -> tuple[Display, io.StringIO]:
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=width)
    return (LiveLine(console, transient=False) if terminal else PlainLines(console)), file


@pytest.mark.parametrize("terminal", [True, False])
def test_a_line_shows_what_it_is_told(terminal):
    display, file = _make_display(terminal)
    display.advance(Work(3, 1200, "trials", ["2 recovered"]))
    display.advance(Work(1200, 1200, "trials", ["1,199 recovered"]))
    display.close()
    assert "1,200/1,200 trials" in file.getvalue()
    assert "1,199 recovered" in file.getvalue()
    assert "left" not in file.getvalue()  # since it was never known


def test_a_line_fits_80_columns_and_leaves_out_what_does_not():
    display, file = _make_display(terminal=True)
    display.advance(
        Work(1, 300, "trials", ["1 recovered", "9 gradients/s"], ["100", "3 rules"], 7199.0)
    )
    display.close()
    assert "1/300 trials (100 × 3 rules)" in file.getvalue()
    assert "1 recovered  9 gradients/s  2 h left" in file.getvalue()

    display, file = _make_display(terminal=True)
    details = ["11,999 recovered", "12,345 gradients/s"]
    display.advance(Work(12000, 30000, "trials", details, ["10,000", "3 rules"], 7199.0))
    display.close()
    assert "12,000/30,000 trials" in file.getvalue()
    assert "10,000 ×" not in file.getvalue()
    assert "11,999 recovered  12,345 gradients/s  2 h left" in file.getvalue()

    display, file = _make_display(terminal=True, width=60)
    display.advance(Work(12000, 30000, "trials", details, ["10,000", "3 rules"], 7199.0))
    display.close()
    assert "11,999 recovered  2 h left" in file.getvalue()
    assert "gradients/s" not in file.getvalue()


def test_plain_lines_are_far_apart_and_the_last_is_not_repeated():
    display, file = _make_display(terminal=False)
    for done in (1, 2, 3, 3):
        display.advance(Work(done, 3, "trials", factors=["3 rules"]))
    display.close()
    assert file.getvalue() == "1/3 trials (3 rules)\n3/3 trials (3 rules)\n"


@pytest.mark.parametrize(("seconds", "lines"), [(0.0, "reading\n"), (60.0, "")])
def test_a_plain_line_names_a_phase_that_takes_long(seconds, lines, monkeypatch):
    monkeypatch.setattr(display_module, "PHASE_SECONDS", seconds)
    display, file = _make_display(terminal=False)
    display.enter("reading")
    time.sleep(0.5)
    display.close()
    assert file.getvalue() == lines


def test_a_resumed_run_counts_successes_among_its_own_trials(capsys):
    with show_on_terminal(Path("recover.h5"), quiet=False) as reporter:
        running = RunProgress(130, 300, 9, "recovered", 1e3, 50.0, math.nan, finished_here=10)
        reporter.show(running)
    assert capsys.readouterr().err == "130/300 trials, 9 of 10 recovered, 50 gradients/s\n"


def test_a_long_run_is_announced_once(capsys):
    with show_on_terminal(Path("recover.h5"), quiet=False) as reporter:
        for left in (math.nan, 3725.0, 3700.0):
            reporter.show(RunProgress(0, 10, 0, "recovered", 100.0, 50.0, left))
    assert capsys.readouterr().err.count("about 1 h to go") == 1


def test_a_short_run_is_not_announced_and_a_quiet_one_says_nothing(capsys):
    with show_on_terminal(Path("recover.h5"), quiet=False) as reporter:
        reporter.show(RunProgress(0, 10, 0, "recovered", 100.0, 50.0, 20.0))
    assert "to go" not in capsys.readouterr().err
    with show_on_terminal(Path("recover.h5"), quiet=True) as reporter:
        reporter.say("nobody reads this")
        reporter.show(RunProgress(0, 10, 0, "recovered", 100.0, 50.0, 3600.0))
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
