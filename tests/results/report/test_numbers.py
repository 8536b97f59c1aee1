"""Numbers that whole reports do not show: odd trials, columns that are missing, costs per run."""

import json
import re
from dataclasses import replace

import h5py
import numpy as np
import pytest
from known_results import make_group, make_results
from reports.known_sweep import (
    add_actions,
    add_polishing,
    add_reenactment,
    add_verdict,
    make_image_groups,
    make_image_results,
    make_noise_sweep,
)

from ganinv_cli.errors import ResultsError
from ganinv_cli.experiments.summary import summarize
from ganinv_cli.noise import NOISES
from ganinv_cli.results.analysis.trial_sets import read_trial_sets
from ganinv_cli.results.report import render, render_brief
from ganinv_cli.results.report.measures import ABSENT, Measure
from ganinv_cli.results.report.noise_sweep import _state_differences
from ganinv_cli.results.report.recover import RECOVER_REPORT
from ganinv_cli.results.report.table import flatten
from ganinv_cli.results.statistics import holm
from ganinv_cli.results.store import read_results
from ganinv_cli.results.store.attributes import SCHEMA_VERSION
from ganinv_cli.results.store.hdf5 import write_file
from ganinv_cli.settings.names import STYLES, list_trial_groups


def make_images(command):
    groups = make_image_groups(minima=(11, 1)) | make_image_groups(technique="none", minima=(12,))
    return make_image_results(command, one=groups, other=groups)


COMMANDS = {
    "recover": make_results,
    "noise-sweep": lambda: make_noise_sweep(trials=8),
    "consistency": lambda: make_images("consistency"),
    "invert": lambda: make_images("invert"),
}


def tabulate(results, table):
    return summarize(results, "x").tables[table]


def test_a_number_of_z_true_is_a_column_of_every_table_that_is_named():
    """As docs/extending.md says: without a stored column."""
    error = Measure(
        "largest_error",
        lambda trials: abs(trials.read("z_found") - trials.truth["z_true"]).max(1).mean(),
        "largest\nerror",
        topic="Table 1",
    )
    kind = replace(RECOVER_REPORT, measures=(*RECOVER_REPORT.measures, error))
    report = kind.summarize(make_results(), "x")
    assert [row["largest_error"] for row in report.rows] == pytest.approx([0.0099, 0.001], abs=1e-4)
    brief, whole = render_brief(report, "x/"), render([report], "text")
    for text in (brief, whole):
        assert len(re.findall(r"^none .* 0\.010$", text, re.M)) == 1


def find_row(results, variance=0.1, rule="none"):
    rows = tabulate(results, "noise_sweep")
    return next(row for row in rows if (row["variance"], row["technique"]) == (variance, rule))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("command", COMMANDS)
def test_any_numbers_are_reported_and_drawn_without_a_warning(command, seed):
    random = np.random.default_rng(seed)
    results = COMMANDS[command]()
    for group in results.groups.values():
        for name, values in group.items():
            if values.dtype.kind == "f" and random.random() < 0.5:
                odd = random.choice([np.nan, np.inf, -np.inf, 1e300, -1.0, 0.0], values.shape)
                with np.errstate(over="ignore"):
                    chosen = random.random(values.shape) < random.choice([0.1, 1])
                    group[name] = np.where(chosen, odd, values).astype(values.dtype)
    results.constants["shared_gradients"] = np.array(random.choice([np.nan, 0.0]))
    report = summarize(results, "x")
    texts = {style: render([report], style) for style in STYLES}
    json.loads(texts["json"], parse_constant=pytest.fail)
    assert render_brief(report, "x/")
    report.draw()


def test_a_rule_without_a_trial_to_polish_has_none_below_the_last_bound():
    group = make_group(np.arange(9), 9)
    polished = add_polishing(make_group(np.arange(9), 0), recovered=7)
    report = summarize(make_results({"none": group, "standard": polished}), "x")
    none, standard = report.tables["polished"]
    assert (none["polished"], none["recovered"]["1e-20"]) == (0, 0)
    assert (standard["polished"], standard["recovered"]["1e-20"]) == (9, 7)


def test_of_two_components_of_z_none_is_the_end_of_an_interval():
    row = {"z_found": [0.1, 0.2], "interval": [0.3, 0.4], "numbers": [1, 2, 3]}
    assert flatten(row) == {"interval.low": 0.3, "interval.high": 0.4}


def test_optional_columns_are_not_needed():
    groups = {"none": make_group(np.arange(9), 2)}
    for column in ("curve_error", "curve_loss", "z_error_least"):
        del groups["none"][column]
    results = replace(make_results(groups), constants={})
    (row,) = tabulate(results, "table1")
    assert row["bound"] is None
    assert not summarize(results, "x").draw()
    sweep = make_noise_sweep(trials=4, figures=False)
    del sweep.groups[""]["cramer_rao"]
    assert find_row(sweep)["with_restarts"]["ratio"] is None
    (drawn,) = summarize(sweep, "x").draw().values()
    assert "unbiased" not in str(drawn.figure.axes[0].get_legend_handles_labels()[1])


def test_the_cases_of_any_experiment_are_read_in_order_and_missing_ones_are_named():
    results = make_results({f"step={n}/none": make_group(np.arange(9), 2) for n in (10, 2)})
    results.attributes["config"] |= {"cases": ["step=2", "step=10", "step=20"], "clip": ["none"]}
    assert [trial_set.case for trial_set in read_trial_sets(results)] == [("step", 2), ("step", 10)]
    named = ["step=2/none", "step=10/none", "step=20/none"]
    assert list_trial_groups(results.attributes["config"]) == named


def test_a_rule_that_was_not_exercised_is_in_no_test_and_neither_is_one_without_common_trials():
    groups = {name: make_group(np.arange(10), 2) for name in ("none", "stochastic")}
    groups["zero"] = make_group(np.arange(4, 20), 2)
    for name, group in groups.items():
        add_actions(group, np.full(len(group["trial"]), 10 * (name == "zero")))
    pairs = [(row["first"], row["second"]) for row in tabulate(make_results(groups), "mcnemar")]
    assert pairs == [("none", "zero")] * 2
    apart = {"none": make_group(np.arange(3), 0), "zero": make_group(np.arange(4, 9), 0)}
    assert not tabulate(make_results(apart), "mcnemar")


def test_holm_steps_down():
    # Worked by hand: 4 × .005; then 3 × .01, 2 × .03, and the last no less than the one before.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert (holm([0.5, 0.6]), holm([])) == ([1, 1], [])


@pytest.mark.parametrize("command", ["render", "rEcover", "a.b", "", "../recover", *COMMANDS])
def test_results_of_no_trial_or_of_no_command_are_refused_in_a_sentence(command):
    results = replace(make_results(), groups={})
    results.attributes["command"] = command
    unknown = f"{command!r}, which this ganinv does not"  # render is a module of ours
    words = "interrupted before its first trial ended" if command in COMMANDS else unknown
    with pytest.raises(ResultsError, match=rf"new\.h5: .* {words}"):
        summarize(results, "new.h5")


def test_rules_differ_if_they_do_after_holms_correction():
    row = {"counted": "with_restarts", "variance": 0.1, "trials": 50, "p": 0.03, "p_holm": 0.09}
    assert "no difference" in _state_differences([row], NOISES["gaussian"])


def test_the_answer_of_an_unfinished_run_says_so_first_and_names_the_rules_that_it_has():
    alike = {rule: make_group(np.arange(64), 0) for rule in ("none", "zero")}
    asked = {"trials": 300, "clip": ["none", "standard", "zero"]}
    said = summarize(make_results(alike, complete=False, **asked), "x").answer.sentence
    assert said.startswith(
        "So far (not finished: 0 to 64 of 300 trials): 64 of 64 latent vectors were recovered "
        "without clipping and with zero clipping, at"
    )
    alike["standard"] = alike["none"]
    said = summarize(make_results(alike, complete=False, **asked), "x").answer.sentence
    assert said.startswith("So far (not finished: 64 of 300 trials): 64 of 64")
    assert "under every clipping rule" in said


def test_the_gradients_of_a_rule_depend_neither_on_the_other_rules_nor_on_what_was_prepared():
    several = {rule: make_group(np.arange(64), 0) for rule in ("none", "zero")}
    reports = {}
    for prepared, groups in (
        (0.0, several),
        (9000.0, several),
        (9000.0, {"none": several["none"]}),
    ):
        results = make_results(groups)
        results.constants["shared_gradients"] = np.array(prepared)
        report = summarize(results, "x")
        reports[len(report.rows), prepared] = report
        said = "Prepared once: 9,000 gradients, in no trial's count." if prepared else ""
        for text in (
            render_brief(report, "x/"),
            *(render([report], style) for style in ("text", "markdown", "latex")),
        ):
            assert text.count("Prepared once") == bool(prepared) and said in " ".join(text.split())
        assert json.loads(render([report], "json"))["run"]["prepared_gradients"] == prepared
    costs = [
        {key: value for key, value in report.rows[0].items() if key.startswith("gradients")}
        for report in reports.values()
    ]
    assert costs[0] and costs == [costs[0]] * 3


def test_only_the_table_without_restarts_is_said_to_be_like_the_papers():
    titles = [table.title for table in summarize(make_results(), "x").sections]
    assert [title.partition(":")[0] for title in titles[:2]] == [
        "Table 1, first starts",
        "With restarts",
    ]


def test_trials_that_are_too_few_to_show_a_difference_are_said_to_be():
    # One pair of rules at each of three variances: Holm's least p is 3 · 2^(1 − n).
    said = [summarize(make_noise_sweep(trials=n), "x").answer.sentence for n in (6, 7)]
    assert "fewer than 7 trials cannot show a difference between clipping rules" in said[0]
    assert "stochastic is significantly nearer to z than none at 3 of 3 variances" in said[1]
    for count, is_said in ((5, True), (6, False)):
        groups = {rule: make_group(np.arange(count), 0) for rule in ("none", "stochastic")}
        report = summarize(make_results(groups), "x")
        for text in (render_brief(report, "x/"), render([report], "text")):
            assert ("Fewer than 6 trials cannot show a difference" in text) == is_said


def test_an_absent_measure_leaves_no_object_in_its_row():
    absent = Measure("accuracy.best", lambda trials: ABSENT)
    kind = replace(RECOVER_REPORT, measures=(*RECOVER_REPORT.measures, absent))
    assert "accuracy" not in kind.summarize(make_results(), "x").rows[0]


def test_consistency_says_how_many_of_a_few_recoveries_agree():
    few = {f"{n}.png": make_image_groups(minima=(8,)) for n in range(3)}
    said = summarize(make_image_results(**few), "x").answer.sentence
    assert said.startswith(
        "In 3 of 3 cases (images and clipping rules) 8 of 8 recoveries agree; 10 are needed for an "
        "interval that excludes"
    )


def test_consistency_says_what_is_not_unique_beside_the_papers_distances():
    apart = {f"of_{n}": make_image_groups(minima=(n, 1), unconverged=1) for n in (3, 20)}
    report = summarize(make_image_results(**apart), "x")
    assert report.answer.sentence.startswith("The recovered z is not unique in 2 of 2 cases")
    brief, (row, _) = render_brief(report, "x/"), report.rows
    assert "Paper: its value" in brief and "4.94e-5" in brief and "0.0815" in brief
    # A solver's word and that of the test in float64 are not the same.
    assert (row["converged"], row["at_minimum"], row["recoveries"]) == (4, 4, 5)
    assert "4 of 5 recoveries ended at a minimum, at 2 different ones" in row["verdict"]


def test_the_residual_stands_beside_its_own_limit():
    """Those of a JPEG and of pixels are two measures, and no error of G(z) alone is beside them."""
    pixels = add_reenactment(make_image_groups(), excess=0.286, excess_limit=0.311)
    jpeg = add_reenactment(make_image_groups(), "saved as JPEG 85", excess=0.044, excess_limit=0.4)
    noise = add_reenactment(make_image_groups(), "noise of 5.0", excess=5.1, excess_limit=np.nan)
    report = summarize(make_image_results("invert", png=pixels, jpg=jpeg, white=noise), "x")
    by_name = {row["image"]: row["left"] for row in report.rows}
    assert by_name.pop("white") is None
    assert by_name == pytest.approx({"png": 0.286 / 0.311, "jpg": 0.11})
    brief, whole = render_brief(report, "x/"), render([report], "text")
    for table in (brief, whole.partition("What the verdict says")[0]):
        rows = {line.split()[0]: line.split() for line in table.splitlines() if " made " in line}
        for name, left, limit in (
            ("png", "0.286", "0.311"),
            ("jpg", "0.044", "0.400"),
            ("white", "5.10", "-"),
        ):
            place = rows[name].index(left)
            assert rows[name][place + 1] == limit
    said = " ".join(brief.split())
    assert "Limit: nearly all pictures that the generator made have less." in said
    assert "RMSE" not in said


def test_what_an_edit_leaves_over_is_measured_after_the_edit():
    groups = add_reenactment(make_image_groups(), "blurred", explained=0, edited=1, excess=30.0)
    groups = add_verdict(groups, "edited", "explained by a picture that was edited")
    report = summarize(make_image_results("invert", picture=groups), "x")
    (row,), (trial_set,) = report.rows, report.trial_sets
    difference = trial_set.certificate["reenacted"][0].astype(float) - trial_set.image.target
    assert row["residual"] == pytest.approx(np.sqrt(np.mean(difference**2)))
    assert row["residual"] < row["excess"] == 30  # in figures too:
    assert np.array_equal(trial_set.reconstruction, trial_set.certificate["reenacted"][0])
    assert row["known_directions"] == trial_set.evidence.latent
    assert row["limit"] is None  # another rule gave the verdict
    (line,) = [each for each in render_brief(report, "x/").splitlines() if each[:7] == "picture"]
    assert line.split()[:3] == ["picture", "edited", "blurred"]


def test_a_rule_that_never_acted_is_named_in_the_first_lines():
    groups = {rule: make_group(np.arange(20), 0) for rule in ("none", "standard", "stochastic")}
    for rule, group in groups.items():
        add_actions(group, np.full(20, 10 * (rule == "standard")))
    report = summarize(make_results(groups, trials=20), "x")
    for text in (render_brief(report, "x/"), render([report], "text")):
        first = " ".join(text[: text.index("clipping   ")].split())
        assert "Stochastic clipping was not exercised: it changed no z." in first
        assert "Standard clipping" not in text
        assert "Acted: trials in which the rule changed z." in " ".join(text.split())
    add_actions(groups["standard"], np.zeros(20))
    said = summarize(make_results(groups, trials=20), "x").answer.sentence
    assert "without clipping, at" in said
    assert said.endswith("Standard and stochastic clipping were not exercised: they changed no z.")
    del groups["none"], groups["standard"]
    said = summarize(make_results(groups, trials=20), "x").answer.sentence
    assert said.startswith("20 of 20 latent vectors were recovered with stochastic clipping")
    assert said.endswith("Stochastic clipping never acted: it changed no z.")


def test_a_measure_on_a_topic_of_its_own_has_a_table_with_a_column_for_each_place():
    key = "{start}.error_90"  # beside the counts of Table 1
    more = Measure(key, lambda trials: np.quantile(trials.errors, 0.9), "90%", topic="Accuracy")
    kind = replace(RECOVER_REPORT, measures=(*RECOVER_REPORT.measures, more))
    report = kind.summarize(make_results(), "x")
    assert report.rows[0]["first_start"]["error_90"] > report.rows[0]["recovered"]["error_90"]
    assert report.sections[-1].title == "Accuracy"
    assert report.sections[-1].header == ("clipping", "90%\nfirst start", "90%\nwith restarts")
    assert "90%" in render([report], "text")


def test_a_file_is_opened_as_often_for_many_images_as_for_few(tmp_path, monkeypatch):
    opened, open_hdf5 = [], h5py.File

    def note_opening(*given, **more):
        opened.append(given)
        return open_hdf5(*given, **more)

    monkeypatch.setattr(h5py, "File", note_opening)

    def count_openings(images):
        given = {f"{n}.png": add_reenactment(make_image_groups()) for n in range(images)}
        results = make_image_results("invert", **given)
        results.attributes["schema"] = SCHEMA_VERSION
        write_file(tmp_path / "x.h5", results)
        opened.clear()
        report = summarize(read_results(tmp_path / "x.h5"), "x")
        assert report.run["trials"]["stochastic/starts"] == 10 * images
        assert len(report.rows) == images and len(report.draw()) == 1
        return len(opened)

    assert count_openings(6) == count_openings(2) > 0
