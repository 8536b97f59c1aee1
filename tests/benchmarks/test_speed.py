"""Pages of measured numbers come from the stored files; the measurements compare like with like."""

import json
import subprocess
import sys
import time
from pathlib import Path

import builders
import pytest

from benchmarks.records import format_page
from benchmarks.reproduction.pages import MEASUREMENTS
from benchmarks.speed import peers, waits

DOCS = Path(__file__).parents[2] / "docs"


def make_result(**changed):
    given = {"title": "one", "trials": 2, "recovered": 2, "gradients": 200.0, "seconds": 4.0}
    return peers.Result(**given | {"pace": 100.0, "stop": 8e-8} | changed)


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_a_page_is_what_its_stored_file_says(name):
    stored = json.loads((DOCS / f"{name}.json").read_text("utf-8"))
    assert format_page(stored) == (DOCS / f"{name}.md").read_text("utf-8")


def test_trials_recovered_per_second_are_compared_at_equal_pace():
    mine = make_result(seconds=1.0)
    slowed = make_result(seconds=8.0, pace=50.0)
    assert peers.format_speedup(mine, slowed) == "8"
    assert peers.format_speedup(mine, slowed, at_equal_pace=True) == "4"


def test_a_method_that_recovered_nothing_gets_a_bound_and_no_number():
    mine, authors = make_result(seconds=1.0), make_result(title="short", recovered=0, seconds=8.0)
    tables = peers.make_tables(mine, authors, 50)
    assert tables["rows"][1]["ganinv is faster by"] == "none recovered (> 16)"
    assert "faster by 1.6e+03." in tables["notes"][-1]  # 2 a second; 80,000 gradients take 800


def test_each_method_recovers_the_same_z(tmp_path):
    builders.make_checkpoint(tmp_path)
    ours, paper = peers.run_methods(str(tmp_path), 3000, 4, 2)
    assert (ours.recovered, ours.trials, paper.trials) == (4, 4, 2)
    assert ours.gradients > 1 and paper.gradients > 100 and 0 < ours.stop < 1e-6


@pytest.mark.slow
def test_a_command_is_timed_to_its_first_gradients_and_in_its_report(tmp_path):
    command = (sys.executable, waits.__file__, str(time.time()), "start")
    output = subprocess.check_output(command, cwd=tmp_path)
    first, report = json.loads(output.splitlines()[-1]).values()
    assert 0 < report < first
