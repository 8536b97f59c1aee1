"""A rule that never acted beside none has no numbers of its own."""

import numpy as np
from known_results import make_group, make_results
from reports.known_sweep import add_actions, add_polishing, make_image_groups, make_image_results

from ganinv_cli.experiments.summary import summarize
from ganinv_cli.results.report import render, render_brief
from ganinv_cli.results.report.table import flatten


def test_a_rule_that_was_not_exercised_has_that_in_place_of_numbers_in_every_format():
    """It has the keys of the other rules, the paper's shares and how often it acted, which is 0."""
    groups = {rule: make_group(np.arange(20), 2) for rule in ("none", "standard", "stochastic")}
    for rule, group in groups.items():
        acting = np.full(20, 10 * (rule == "standard"))
        groups[rule] = add_actions(add_polishing(group, 18), acting)
    report = summarize(make_results(groups, trials=20), "x")
    known, stochastic = (flatten(row) for row in (report.rows[1], report.rows[2]))
    assert known.keys() == stochastic.keys()
    left = {key for key, value in stochastic.items() if value is not None}
    assert {key for key in left if not key.startswith("paper.")} == {
        *("technique", "trials", "threshold", "exercised"),
        *("acted", "acted_first_start", "copied"),
    }
    assert (stochastic["exercised"], known["exercised"]) == (False, True)
    assert report.tables["polished"][2]["recovered"] == {"1e-20": None}
    for table in report.sections:
        for name, *_ in table.make_cells():
            assert not name.startswith("stochastic") or name == "stochastic,\nnot exercised"
    brief = render_brief(report, "x/")
    assert "not exercised" in brief and max(map(len, brief.splitlines())) <= 80
    assert "stochastic" not in name_curves(report.draw()["convergence"])


def name_curves(drawn):
    return drawn.figure.axes[0].get_legend_handles_labels()[1]


def test_a_rule_that_acted_in_some_images_is_not_exercised_in_the_others():
    groups = make_image_groups(minima=(12,)) | make_image_groups(technique="none", minima=(12,))
    idle = {name: dict(columns) for name, columns in groups.items()}
    add_actions(idle["stochastic/starts"], np.zeros(12))
    results = make_image_results(acting=groups, idle=idle)
    report = summarize(results, "x")
    assert [row["exercised"] for row in report.rows] == [True, True, True, False]
    assert report.answer.sentence.startswith("The recovered z is unique in 3 of 3 cases")
    assert render([report], "markdown").count("| stochastic, not exercised |") == len(
        report.sections
    )
