"""The live line can be drawn, on a terminal too."""

import io
import math
from pathlib import Path

import pytest
from rich.console import Console

from ganinv_cli.cli import progress
from ganinv_cli.experiments.progress import Progress


@pytest.mark.parametrize("terminal", [True, False])
def test_a_line_shows_what_it_is_told(terminal):
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=100)
    with progress.line("trials", console) as show:
        show(3, 1200, "2 recovered")
        show(1200, 1200, "1,199 recovered")
    assert "1,200/1,200 trials" in file.getvalue()
    assert "1,199 recovered" in file.getvalue()


def test_a_long_run_is_announced_once(capsys):
    with progress.recovery(Path("recover.h5"), quiet=False) as show:
        for left in (math.nan, 3725.0, 3700.0):
            show(Progress(0, 10, 0, 100.0, 50.0, left))
    assert capsys.readouterr().err.count("about 1:02:05 (h:mm:ss) to go") == 1


def test_a_short_run_is_not_announced_and_a_quiet_one_says_nothing(capsys):
    with progress.recovery(Path("recover.h5"), quiet=False) as show:
        show(Progress(0, 10, 0, 100.0, 50.0, 20.0))
    assert "to go" not in capsys.readouterr().err
    with progress.recovery(Path("recover.h5"), quiet=True) as show:
        show(Progress(0, 10, 0, 100.0, 50.0, 3600.0))
    assert capsys.readouterr().err == ""
