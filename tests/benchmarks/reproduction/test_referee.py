"""Independent code comes to the numbers of the pages."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.reproduction.referee import holm, measure_distances, recompute
from ganinv_cli.experiments.summary import summarize
from ganinv_cli.results.statistics import EPSILONS, wilcoxon
from ganinv_cli.results.store import read_results

pytestmark = pytest.mark.slow

RESULTS = Path("docs/results")
QUICK = "faces16-five", "figure2-zero", "table2-portrait"  # one of each kind


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=[] if path.stem in QUICK else pytest.mark.nightly)
        for path in sorted(RESULTS.glob("*.h5"))
        if path.stem != "invert"
    ],
)
def test_the_referee_agrees(path):
    found = recompute(path) | measure_distances(path)
    tables = summarize(read_results(path), "x").tables
    exercised = {
        name: [row for row in rows if row.get("exercised", True)] for name, rows in tables.items()
    }
    for row in exercised.get("table1", ()):
        for name in EPSILONS:
            expected = [row["first_start"][name], *row["intervals"]["first_start"][name]]
            assert found[f"{row['technique']} {name}"] == pytest.approx(expected)
    for row in tables.get("mcnemar", ()):
        if row["counted"] == "first_start":
            pair = {row["first"]: row["only_first"], row["second"]: row["only_second"]}
            names = sorted(pair, key=list(found).index)
            *only, p = found[f"{', '.join(names)} 1e-4"]
            assert [*only, p] == pytest.approx([*(pair[name] for name in names), row["p"]])
    for row in exercised.get("noise_sweep", ()):
        errors = found[f"variance={row['variance']:g} {row['technique']}"]
        assert errors == {name: pytest.approx(row["first_start"][name]) for name in errors}
    tests = tables.get("comparisons", ())
    tests = [row for row in tests if row["counted"] == "first_start"] or tests
    for row in tests:
        pair = found[f"variance={row['variance']:g} {row['first']}, {row['second']}"]
        assert (pair["second nearer"], pair["p"]) == pytest.approx((row["second_nearer"], row["p"]))
    assert holm([row["p"] for row in tests]) == pytest.approx([row["p_holm"] for row in tests])
    for row in exercised.get("table2", ()):
        distance = found[f"{row['number']} {row['technique']}"]
        assert distance == pytest.approx(row["distance_as_found"])


def test_the_referee_agrees_on_the_planned_primary_comparison():
    path, pair = RESULTS / "faces16-five.h5", ("stochastic", "zero")
    groups = read_results(path).groups
    test = wilcoxon(*(np.log(groups[rule]["first/z_error"]) for rule in pair))
    assert recompute(path)[", ".join(pair)]["p of logarithms"] == pytest.approx(test.p)
