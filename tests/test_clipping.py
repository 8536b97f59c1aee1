"""A clipping rule is completely defined by its entry in RULES."""

import numpy as np
from known_results import make_group, make_results

from ganinv_cli.clipping import RULES, ClippingRule
from ganinv_cli.report import recover


def test_rules_are_told_apart_in_figures():
    looks = {(rule.colour, rule.dashes, rule.marker, rule.marker_size) for rule in RULES.values()}
    assert len(looks) == len(RULES)


def test_a_fifth_rule_needs_nothing_but_its_entry(monkeypatch):
    fifth = ClippingRule(
        "fifth", colour="black", dashes="solid", marker="x", marker_size=2, clamping=True
    )
    monkeypatch.setitem(RULES, fifth.name, fifth)
    results = make_results(
        {"none": make_group(np.arange(9), 3), "fifth": make_group(np.arange(9), 0)}
    )
    rows = recover.summarize(results, "x").tables["table1"]
    assert [row["technique"] for row in rows] == ["none", "fifth"]
    assert rows[1]["paper"] == {}
    lines = recover.REPORT.draw(results)["convergence"].figure.axes[0].lines
    assert fifth.colour in {line.get_color() for line in lines}
