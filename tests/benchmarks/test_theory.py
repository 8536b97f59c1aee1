"""The benchmark of linear theory measures the right errors."""

import re

import builders
from click.testing import CliRunner

from benchmarks import theory


def test_near_the_solution_descent_does_what_theory_says(tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    builders.make_checkpoint(folder)
    arguments = [str(folder), "--rate", "3", "--updates", "20,50", "--halve-every", "30"]
    out = tmp_path / "theory.json"
    result = CliRunner().invoke(theory.main, [*arguments, "--trials", "2", "--out", out])
    assert result.exit_code == 0, result.output
    rows = re.findall(r"^\| 0.01 +\| (\d+) +\| \S+ +\| \S+ +\| (\S+) +\|$", result.output, re.M)
    assert [updates for updates, _ in rows] == ["20", "50"]
    assert all(0.9 < float(ratio) < 1.1 for _, ratio in rows)
    assert re.search(r"\| never beyond the limit +\| 2 +\|", result.output)
    assert out.with_suffix(".md").read_text() == result.output
