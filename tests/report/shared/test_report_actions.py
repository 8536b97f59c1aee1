"""Tables say in which trials a rule acted, and no test compares rules that did the same."""

import json

import numpy as np
import pytest
from known_results import make_group, make_results
from known_sweep import make_image_groups, make_image_results, make_noise_sweep

from ganinv_cli.report import consistency, noise_sweep, recover
from ganinv_cli.report.render import render

STYLES = ("text", "markdown", "latex", "csv", "json")


def add_actions(group, actions, first=None):
    """The group with this many actions in each trial, and in its first start."""
    for prefix, counts in (("", actions), ("first/", actions if first is None else first)):
        group[f"{prefix}actions"] = np.array(counts, np.int32)
        group[f"{prefix}acted"] = (group[f"{prefix}actions"] > 0).astype(np.uint8)
    return group


def make_acting(**actions):
    """Ten trials of each rule, all different, with a number of actions in the first trials."""
    groups = {}
    for failed, (rule, counts) in enumerate(actions.items()):
        padded = np.pad(counts, (0, 10 - len(counts))).astype(int)
        groups[rule] = add_actions(make_group(np.arange(10), failed, failed), padded, padded // 10)
    return make_results(groups)


def test_table1_counts_the_trials_in_which_a_rule_acted_and_how_often():
    report = recover.summarize(make_acting(none=[], standard=[30, 5, 5]), "x")
    none, standard = report.tables["table1"]
    assert (none["acted"], none["acted_first_start"], none["actions"]) == (0, 0, 0)
    assert (standard["acted"], standard["acted_first_start"], standard["actions"]) == (3, 1, 4)


@pytest.mark.parametrize("style", STYLES)
def test_every_format_says_it(style):
    known, old = (
        render([recover.summarize(results, "x")], style)
        for results in (make_acting(none=[], standard=[30]), make_results())
    )
    assert "acted" in known
    assert ("acted" in old) == (style in ("csv", "json"))  # there it is empty


def test_a_file_that_does_not_say_it_is_still_reported():
    rows = recover.summarize(make_results(), "x").tables["table1"]
    assert {(row["acted"], row["actions"]) for row in rows} == {(None, None)}


def test_rules_that_did_not_act_are_not_tested_against_each_other():
    """Whatever rounding made of their z; standard acts after its first start, in one trial."""
    report = recover.summarize(make_acting(none=[], standard=[9], stochastic=[]), "x")
    same = [row for row in report.tables["same"] if row["counted"] == "recovered"]
    assert [(row["first"], row["second"], row["trials"]) for row in same] == [
        ("none", "stochastic", 10)
    ]
    tested = [(row["counted"], row["first"], row["second"]) for row in report.tables["mcnemar"]]
    assert tested == [("recovered", "none", "standard"), ("recovered", "standard", "stochastic")]
    notes = [note for note in report.notes if "did the same" in note]
    assert [note.partition(" did")[0] for note in notes if "every trial" in note] == [
        "none and stochastic"
    ]
    assert len([note for note in notes if "every first start" in note]) == 2


def test_identical_trials_of_an_old_file_are_the_same():
    groups = {name: make_group(np.arange(10), 2) for name in ("none", "stochastic")}
    report = recover.summarize(make_results(groups), "x")
    assert not report.tables["mcnemar"]
    assert len(report.tables["same"]) == 2
    groups["stochastic"]["z_found"][7] += 1e-6
    (row,) = recover.summarize(make_results(groups), "x").tables["mcnemar"]
    assert row["counted"] == "recovered"


def test_only_the_trials_of_both_rules_are_compared():
    groups = {"none": make_group(np.arange(10), 0), "standard": make_group(np.arange(4, 20), 0)}
    same = recover.summarize(make_results(groups), "x").tables["same"]
    assert {row["trials"] for row in same} == {6}
    apart = {"none": make_group(np.arange(3), 0), "standard": make_group(np.arange(4, 9), 0)}
    assert not recover.summarize(make_results(apart), "x").tables["same"]


def test_noise_tables_say_it_for_each_variance():
    results = make_noise_sweep(trials=30)
    for name, group in results.groups.items():
        if name:
            often = 2 if name == "variance=0.1/stochastic" else 0
            add_actions(group, np.full(30, often))
    report = noise_sweep.summarize(results, "x")
    acted = {(r["variance"], r["technique"]): r["acted"] for r in report.tables["noise_sweep"]}
    assert acted.pop((0.1, "stochastic")) == 30
    assert set(acted.values()) == {0}
    assert {row["variance"] for row in report.tables["comparisons"]} == {0.1}
    assert {row["variance"] for row in report.tables["same"]} == {0.001, 0.01}
    assert any("every trial at variance 0.001, 0.01" in note for note in report.notes)
    assert "acted" in render([report], "text")


def test_holm_corrects_for_the_tests_that_are_made():
    results = make_noise_sweep(trials=30)
    for name, group in results.groups.items():
        if name:
            add_actions(group, np.full(30, name == "variance=0.1/stochastic"))
    (row,) = noise_sweep.summarize(results, "x").tables["comparisons"]
    assert row["p_holm"] == row["p"]


def test_table2_says_it():
    groups = make_image_groups()
    add_actions(groups["stochastic"], np.arange(10))
    report = consistency.summarize(make_image_results(portrait=groups), "x")
    (row,) = json.loads(render([report], "json"))["tables"]["table2"]
    assert (row["acted"], row["actions"]) == (9, 4.5)


def test_copies_are_counted_named_and_took_no_time():
    results = make_acting(none=[], standard=[30, 5], stochastic=[])
    for rule, copies in (("none", 0), ("standard", 8), ("stochastic", 10)):
        results.groups[rule]["shared"] = (np.arange(10) >= 10 - copies).astype(np.uint8)
    report = recover.summarize(results, "x")
    assert [row["shared"] for row in report.tables["table1"]] == [0, 8, 10]
    (note,) = (note for note in report.notes if note.startswith("Computed once"))
    assert note.endswith("standard 8, stochastic 10.")
    assert report.run["solving_seconds"] == 12 * 0.25
    unshared = recover.summarize(make_results(), "x")
    assert {row["shared"] for row in unshared.tables["table1"]} == {None}
    assert not any("Computed once" in note for note in unshared.notes)
