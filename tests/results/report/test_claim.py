"""What a report of `recover` says of the paper's claim, and of the rules."""

import numpy as np
import pytest
from known_results import make_group, make_results

from ganinv_cli.experiments.summary import summarize
from ganinv_cli.results.report.render import render_brief


def test_where_no_rule_recovers_more_an_option_that_parts_them_is_named():
    missed = {"none": 2, "stochastic": 4}
    groups = {rule: make_group(np.arange(50), each) for rule, each in missed.items()}
    assert "--restarts 0" in render_brief(summarize(make_results(groups), "x"), "x/")
    assert "--restarts 0" not in render_brief(summarize(make_results(), "x"), "x/")
    by_descent = make_results(groups, solver="gd")
    assert "--restarts 0" not in render_brief(summarize(by_descent, "x"), "x/")


@pytest.mark.parametrize(
    ("missed", "said"),
    [
        ({"none": 9, "stochastic": 1}, "This run agrees: 8 z were recovered only with it, 0 only"),
        ({"none": 1, "stochastic": 9}, "This run disagrees: 0 z were recovered only with it, 8"),
        ({"none": 1, "stochastic": 2}, "This run does not show it: 0 z were recovered only with"),
    ],
)
def test_descent_says_what_the_paper_claims_and_whether_the_run_agrees(missed, said):
    groups = {rule: make_group(np.arange(50), each) for rule, each in missed.items()}
    for solver in ("gd", "lbfgs"):
        results = make_results(groups, solver=solver, clip=["none", "stochastic"])
        text = " ".join(render_brief(summarize(results, "x"), "x/").split())
        assert ("recovers more z than no clipping (1.000 and .980)" in text) == (solver == "gd")
        assert (said in text) == (solver == "gd")
        assert ("acts only if a start is stuck" in text) == (solver == "lbfgs")
        share = f"{1 - missed['stochastic'] / 50:.3f}".removeprefix("0")
        assert (f"stochastic {share} (1.000)" in text) == (solver == "gd")  # the paper's share


def test_rules_are_compared_with_restarts_if_these_change_something():
    trials = np.arange(50)
    for elsewhere, counted in ((8, ["first_start"]), (2, ["first_start", "recovered"])):
        groups = {"none": make_group(trials, 8, elsewhere), "stochastic": make_group(trials, 1, 1)}
        for group in groups.values():
            group["restarts"] *= elsewhere != 8
        rows = summarize(make_results(groups), "x").tables["mcnemar"]
        assert [row["counted"] for row in rows] == counted
