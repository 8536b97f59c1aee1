"""Pages of measured numbers come from the stored files; the measurements compare like with like."""

import json
from pathlib import Path

import builders
import pytest

from benchmarks.records import format_page
from benchmarks.reproduction.pages import MEASUREMENTS
from benchmarks.speed import peers, roofline

DOCS = Path(__file__).parents[2] / "docs"


def make_result(**changed):
    given = {"title": "one", "trials": 2, "recovered": 2, "gradients": 200.0, "seconds": 4.0}
    return peers.Result(**given | {"startup": 1.0, "pace": 100.0, "stop": 8e-8} | changed)


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


def test_a_share_is_the_median_of_those_of_the_turns():
    rates = {"loop": [1.0, 40.0, 4.0], "peak": [2.0, 40.0, 16.0]}
    row = roofline.make_row(rates, "loop", "peak", 10**10)
    assert (row["gradients/s"], row["G multiply-adds/s"]) == ("4", "40")
    assert (row["share"], row["in the turns"]) == ("0.500", "0.250 to 1.000")
