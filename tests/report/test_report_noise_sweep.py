"""What the noise sweep's tables count: slopes, ratios and comparisons with known answers."""

import csv
import dataclasses
import io
import json

import numpy as np
import pytest
from known_sweep import INFORMATION, VARIANCES, make_noise_sweep

from ganinv_cli.errors import ResultsError
from ganinv_cli.outcome import Outcome
from ganinv_cli.report import render, summarize
from ganinv_cli.report.noise_sweep import claims, numbers
from ganinv_cli.report.table import to_json
from ganinv_cli.settings.names import STYLES


def swept(results):
    """(variance, technique) -> its row."""
    rows = numbers.make_rows(results, numbers.read_cells(results))
    return {(row.variance, row.technique): to_json(row) for row in rows}


@pytest.fixture(scope="module")
def usual():
    return summarize(make_noise_sweep(), "x")


def test_there_is_a_row_for_each_variance_and_technique_in_order():
    found = list(swept(make_noise_sweep(trials=5)))
    assert found == [(v, name) for v in VARIANCES for name in ("none", "stochastic")]


def test_median_mean_and_bound_are_those_of_the_trials():
    row = swept(make_noise_sweep())[0.1, "none"]
    for counted in ("first_start", "with_restarts"):
        middle = 2 * 0.1 * INFORMATION
        assert row[counted]["median"] == pytest.approx(middle)
        assert row[counted]["mean"] == pytest.approx(middle)
        low, high = row[counted]["median_interval"]
        assert 0.5 * middle < low < middle < high < 1.5 * middle
    assert row["cramer_rao"] == pytest.approx(0.1 * INFORMATION)
    assert (row["trials"], row["gradients"], row["restarts"]) == (40, 100, 0)


def test_the_ratio_to_the_bound_is_that_of_the_converged_trials():
    results = make_noise_sweep()
    group = results.groups["variance=0.1/none"]
    group["outcome"][:10] = Outcome.stalled
    group["z_error"][:10] = 5.0
    row = swept(results)[0.1, "none"]
    kept = np.linspace(0.5, 1.5, 40)[10:]
    low, high = row["with_restarts"]["ratio_interval"]
    assert 1 < low < 2 * np.mean(kept) < high < 3
    assert row["with_restarts"]["converged"] == 30
    assert row["with_restarts"]["ratio"] == pytest.approx(2 * np.mean(kept))
    assert row["first_start"]["ratio"] == pytest.approx(2)
    assert row["outcomes"]["with_restarts"]["stalled"] == 10


def test_the_mean_error_is_held_against_the_mean_bound():
    results = make_noise_sweep(trials=5)
    hard = np.array([1.0, 1, 1, 1, 100])  # a trial whose z the image hardly tells
    results.groups[""]["cramer_rao"] *= hard
    for name, group in results.groups.items():
        if name:
            group["z_error"] = group["z_error"] * hard
    row = swept(results)[0.1, "none"]
    expected = 2 * np.average(np.linspace(0.5, 1.5, 5), weights=hard)
    assert row["with_restarts"]["ratio"] == pytest.approx(expected)
    assert row["cramer_rao"] == pytest.approx(0.1 * INFORMATION * 104 / 5)


def test_what_is_the_same_for_the_first_start_is_told_once(usual):
    assert not any("First start" in section.title for section in usual.sections)
    results = make_noise_sweep(trials=5)
    results.groups["variance=0.1/none"]["first/z_error"] *= 3
    report = summarize(results, "x")
    apart = {s.title: s.rows for s in report.sections if s.title.startswith("First start")}
    assert [row[0] for row in apart["First start: z error under noise, rows that differ"]] == [
        "0.1 none"
    ]
    slopes = next(s for s in report.sections if s.title.startswith("Slope"))
    assert len(slopes.header) == 5


def test_how_trials_ended_is_listed_where_not_all_converged(usual):
    assert not any("Outcomes" in section.title for section in usual.sections)
    results = make_noise_sweep(trials=5)
    results.groups["variance=0.1/none"]["outcome"][:2] = Outcome.budget
    ended = [s for s in summarize(results, "x").sections if "Outcomes" in s.title]
    assert [s.rows for s in ended] == [
        [("0.1 none", "5", "3", "2")],
        [("0.1 none", "5", "5", "0")],
    ]


def test_first_start_and_restarts_are_told_apart():
    results = make_noise_sweep()
    for name, group in results.groups.items():
        if name:
            group["first/z_error"] = 3 * group["z_error"]
    row = swept(results)[0.01, "stochastic"]
    assert row["first_start"]["median"] == pytest.approx(3 * row["with_restarts"]["median"])


def test_an_error_in_proportion_to_the_noise_has_slope_1(usual):
    slopes = usual.tables["slopes"]
    assert len(slopes) == 2 * 2 * 2 * 2
    for row in slopes:
        assert row["slope"] == pytest.approx(1)
        assert row["interval"] == pytest.approx([1, 1])
        assert row["variances"] == (2 if row["over"] == "small" else 3)


def test_another_growth_has_another_slope():
    results = make_noise_sweep()
    for variance in VARIANCES:
        results.groups[f"variance={variance:g}/none"]["z_error"] *= variance
    found = map(to_json, claims.fit_slopes(numbers.read_cells(results)))
    squared = [r for r in found if r["technique"] == "none" and r["counted"] == "with_restarts"]
    assert [row["slope"] for row in squared] == pytest.approx([2] * 4)


def test_variance_0_is_in_the_table_and_in_no_slope(usual):
    report = summarize(make_noise_sweep(variances=[0, *VARIANCES]), "x")
    first = report.tables["noise_sweep"][0]
    assert (first["variance"], first["cramer_rao"]) == (0, 0)
    assert first["with_restarts"]["ratio"] is None
    assert max(row["variances"] for row in report.tables["slopes"]) == 3
    assert any("Variance 0" in note for note in report.notes)
    assert not any("Variance 0" in note for note in usual.notes)


def test_rules_are_compared_trial_by_trial(usual):
    tests = usual.tables["comparisons"]
    assert [test["counted"] for test in tests] == ["with_restarts"] * 3  # first starts are the same
    row = next(r for r in tests if r["variance"] == 0.1)
    assert (row["first"], row["second"], row["trials"]) == ("none", "stochastic", 40)
    assert row["median_difference"] == pytest.approx(0.1 * INFORMATION)
    assert (row["first_nearer"], row["second_nearer"]) == (0, 40)
    assert row["p"] == pytest.approx(2 * 0.5**40)
    assert row["p_holm"] == pytest.approx(3 * row["p"])
    (note,) = [note for note in usual.notes if "3 tests are made (" in note]
    assert "Wilcoxon's signed-rank test that the differences are symmetric about 0" in note


def test_ways_of_counting_are_corrected_apart_and_no_test_is_made_twice():
    results = make_noise_sweep()
    results.groups["variance=0.1/none"]["first/z_error"] *= 3
    report = summarize(results, "x")
    first, *best = report.tables["comparisons"]
    assert (first["counted"], first["variance"], len(best)) == ("first_start", 0.1, 3)
    assert first["p_holm"] == pytest.approx(3 * first["p"])  # the two that are the same count
    assert any("3 tests are made for each way of counting" in note for note in report.notes)
    apart = [s for s in report.sections if s.title.startswith("First start: rules compared")]
    assert [s.title.endswith("rows that differ") for s in apart] == [True]
    assert [row[0] for s in apart for row in s.rows] == ["0.1 none,\nstochastic"]


def test_intervals_of_few_trials_are_called_too_narrow(usual):
    def said(report):
        return any("fewer than 20 trials" in note for note in report.notes)

    assert said(summarize(make_noise_sweep(trials=19), "x"))
    assert not said(summarize(make_noise_sweep(trials=20), "x"))


def test_the_note_says_that_means_are_compared_since_the_bound_is_on_a_mean(usual):
    (note,) = [note for note in usual.notes if "Error / bound: " in note]
    assert "mean error of converged trials over the mean of their bounds" in note
    assert "Clipped pixels" not in note


def test_rules_with_equal_errors_are_not_told_apart():
    cells = numbers.read_cells(make_noise_sweep(factors={"none": 1, "standard": 1}))
    tests = claims.compare_rules(cells, [])
    assert {row.p for row in tests} == {row.p_holm for row in tests} == {1}
    assert {row.first_nearer for row in tests} == {row.second_nearer for row in tests} == {0}


def test_holm_steps_down():
    # Worked by hand: 4 × .005; then 3 × .01, 2 × .03, and the last no less than the one before.
    assert claims.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert claims.holm([0.5, 0.6]) == [1, 1]
    assert claims.holm([]) == []


def test_a_trial_without_a_number_counts_as_infinitely_far():
    results = make_noise_sweep(trials=5)
    results.groups["variance=0.1/none"]["z_error"][0] = np.nan  # the nearest of them
    report = summarize(results, "x")
    row = swept(results)[0.1, "none"]["with_restarts"]
    assert row["median"] == pytest.approx(2 * 0.1 * INFORMATION * 1.25)
    assert (row["mean"], row["without_number"]) == (None, 1)
    assert any("without a finite z" in note for note in report.notes)
    test = [r for r in report.tables["comparisons"] if r["variance"] == 0.1][-1]
    assert (test["counted"], test["trials"], test["second_nearer"]) == ("with_restarts", 5, 5)
    json.loads(render([report], "json"), parse_constant=pytest.fail)


def test_a_run_in_progress_is_reported():
    results = make_noise_sweep(trials=6, complete=False, figures=False)
    del results.groups["variance=0.1/stochastic"]
    del results.groups[""]["cramer_rao"]
    group = results.groups["variance=0.01/none"]
    results.groups["variance=0.01/none"] = {name: rows[:4] for name, rows in group.items()}
    report = summarize(results, "x")
    assert "Run in progress: fewest 0, most 6 of 6 trials so far." in report.notes
    assert report.run["trials"]["variance=0.1/stochastic"] == 0
    assert report.run["trials"]["variance=0.01/none"] == 4
    found = {(row["variance"], row["technique"]): row for row in report.tables["noise_sweep"]}
    assert found[0.01, "none"]["trials"] == 4
    assert found[0.1, "none"]["cramer_rao"] is None
    pairs = {row["variance"]: row["trials"] for row in report.tables["comparisons"]}
    assert pairs == {0.001: 6, 0.01: 4}
    for style in STYLES:
        assert render([report], style)


def test_no_trial_yet_is_said():
    results = dataclasses.replace(make_noise_sweep(), groups={})
    with pytest.raises(ResultsError, match=r"sweep\.h5: no trial"):
        summarize(results, "sweep.h5")


def test_csv_has_one_line_a_variance_and_technique(usual):
    rows = list(csv.DictReader(io.StringIO(render([usual], "csv"))))
    assert [(float(row["variance"]), row["technique"]) for row in rows] == [
        (row["variance"], row["technique"]) for row in usual.tables["noise_sweep"]
    ]
    assert float(rows[-1]["with_restarts.median"]) == pytest.approx(0.1 * INFORMATION)


def test_clipped_pixels_are_said(usual):
    clipped = summarize(make_noise_sweep(trials=5, clip_pixels=True), "x")
    assert "were clipped" in " ".join(clipped.notes)
    assert "were not clipped" in " ".join(usual.notes)
