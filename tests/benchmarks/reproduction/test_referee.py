"""Independent code comes to the numbers of Table 1."""

from pathlib import Path

import pytest

from benchmarks.reproduction.referee import recompute
from ganinv_cli.experiments.summary import summarize
from ganinv_cli.statistics import EPSILONS
from ganinv_cli.store import read_results

RESULTS = Path("docs/results")


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*-authors.h5")), ids=str)
def test_the_referee_agrees(path):
    found, tables = recompute(path), summarize(read_results(path), "x").tables
    for row in tables["table1"]:
        for name in EPSILONS:
            expected = [row["first_start"][name], *row["intervals"]["first_start"][name]]
            assert found[f"{row['technique']} {name}"] == pytest.approx(expected)
    for row in tables["mcnemar"]:
        if row["counted"] == "first_start":
            expected = [row["only_first"], row["only_second"], row["p"]]
            assert found[f"{row['first']}, {row['second']} 1e-4"] == pytest.approx(expected)
