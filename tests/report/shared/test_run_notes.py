"""The notes of a report on the run as a whole."""

import dataclasses

from known_results import make_results

from ganinv_cli.report import render, summarize
from ganinv_cli.report.run import describe_run, make_run_notes


def test_a_run_of_descent_says_its_rate() -> None:
    run = describe_run(make_results(), ("none",))
    run["config"] |= {"solver": "gd", "gd": {"rate": 2.17, "halve_every": 50_000}}
    notes = " ".join(make_run_notes(run))
    assert "solver gd (rate 2.17, halved every 50,000 updates)" in notes


def test_what_is_spent_once_is_said_to_be_in_every_trial() -> None:
    results = make_results()
    shared = dataclasses.replace(results, constants={"shared_gradients": 2000.0})
    assert "include 20.0 for the preparation" in " ".join(
        render([summarize(shared, "x")], "text").split()
    )
    assert "for the preparation" not in render([summarize(results, "x")], "text")
