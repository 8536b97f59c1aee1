"""The report counts how often the bound held, and how often refinement in float64 helped."""

import json

import numpy as np
import pytest
from known_results import make_group, make_results

from ganinv_cli.outcome import Outcome
from ganinv_cli.report import render, summarize

TRIALS = np.arange(50)


def _bounded(outside=0):
    """The last three trials have not converged; a given number of the others exceeds its bound."""
    columns = make_group(TRIALS, 0)
    columns["error_bound"] = np.full(50, 2e-6)
    columns["error_bound"][:outside] = 5e-7
    columns["outcome"][-3:] = Outcome.stalled
    columns["error_bound"][-3:] = 0
    return columns


def _polished(exact=40, done=48):
    columns = make_group(TRIALS, 0)
    error = np.where(np.arange(50) < exact, 1e-26, 1e-15)
    polished = np.arange(50) < done
    return columns | {
        "polished/z_error": np.where(polished, error, np.nan),
        "polished/gradients": np.where(polished, 60.0, np.nan),
        "polished/seconds": np.where(polished, 0.125, np.nan),
        "polished/outcome": np.where(polished, Outcome.converged, 0).astype(np.uint8),
    }


def _json(given, **config):
    text = render([summarize(make_results(given, **config), "x")], "json")
    return json.loads(text, parse_constant=pytest.fail)["tables"]


def test_the_bound_is_held_against_the_converged_trials_alone():
    found = _json({"none": _bounded(), "standard": _bounded(outside=2)})["table1"]
    assert [(row["bound"]["held"], row["bound"]["converged"]) for row in found] == [
        (47, 47),
        (45, 47),
    ]
    assert found[0]["bound"]["interval"] == pytest.approx([0.9245, 1], abs=1e-4)


def test_how_often_the_bound_held_is_said_with_its_interval():
    report = summarize(make_results({"none": _bounded(outside=2)}, tolerance=1e-8), "x")
    (said,) = [note for note in report.notes if note.startswith("Estimated bound")]
    assert "It is an estimate, not a guarantee." in said
    assert "at most 1e-08" in said
    assert "none 45 of 47 [.855, .995]" in said


def test_without_bounds_or_convergence_nothing_is_said_of_them():
    none_converged = _bounded()
    none_converged["outcome"][:] = Outcome.budget
    for given, found in ((make_group(TRIALS, 0), None), (none_converged, [None, None])):
        report = summarize(make_results({"none": given}), "x")
        assert not any(note.startswith("Estimated bound") for note in report.notes)
        (row,) = _json({"none": given})["table1"]
        assert (row["bound"] and row["bound"]["interval"]) == found


def test_what_was_polished_is_counted_among_all_trials():
    (row,) = _json({"none": _polished(), "stochastic": make_group(TRIALS, 0)})["polished"]
    assert (row["technique"], row["trials"], row["polished"]) == ("none", 50, 48)
    assert row["recovered"] == {"1e-20": 40}
    assert row["interval"] == pytest.approx([0.6628, 0.8997], abs=1e-4)
    assert (row["z_error_median"], row["gradients"], row["seconds"]) == (1e-26, 60, 0.125)


def test_a_rule_of_which_nothing_converged_has_no_median():
    (row,) = _json({"none": _polished(done=0)})["polished"]
    assert (row["recovered"], row["z_error_median"]) == ({"1e-20": 0}, None)


@pytest.mark.parametrize("style", ["text", "markdown", "latex"])
def test_the_table_of_what_was_polished_is_there_where_something_was(style):
    title = "Refined in float64"
    text = render([summarize(make_results({"none": _polished()}), "x")], style)
    assert title in text and "40 (.800)" in text and "1.00e-26" in text
    assert title not in render([summarize(make_results(), "x")], style)
