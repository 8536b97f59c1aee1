"""Table 2 counts distances, minima and verdicts correctly, on recoveries with known answers."""

import json

import numpy as np
import pytest
from known_sweep import LATENT, make_image_groups, make_image_results, make_recoveries

from ganinv_cli.errors import ResultsError
from ganinv_cli.outcome import Outcome
from ganinv_cli.report import consistency, render, summarize
from ganinv_cli.report.report import find_report_module
from ganinv_cli.report.shared.failures import REASON_NAMES, list_failures
from ganinv_cli.analysis.recoveries import SAME_Z_TOLERANCE
from ganinv_cli.settings.names import STYLES


def row(results=None, **given):
    """The only row of Table 2."""
    results = results or make_image_results(portrait=make_image_groups(**given))
    (found,) = summarize(results, "x").tables["table2"]
    return found


def reasons(results):
    """Why each recovery failed, in words."""
    return REASON_NAMES[consistency.classify_failures(results)["image=0000/stochastic"]].tolist()


def test_distances_are_the_papers():
    columns = make_recoveries(minima=(2,), polished=False, wobble=0)
    columns["z_found"][:] = 0
    columns["z_found"][1, :4] = 0.5  # ‖·‖ = 1
    found = row(make_image_results(portrait={"none": columns}))
    assert found["distance"]["mean"] == pytest.approx(1 / LATENT)
    assert found["distance"]["mean_squared"] == pytest.approx(1 / LATENT)
    assert found["minima"]["distinct"] == 2
    assert found["paper"] == 2.03e-4
    assert round(found["baseline"], 4) == 0.0815


def test_the_polished_z_is_compared_where_there_is_one():
    given = make_image_groups(minima=(4,))
    given["stochastic"]["z_found"][:2] += 0.1  # before polishing they were apart
    given["stochastic"]["outcome"][:] = Outcome.stalled
    found = row(make_image_results(portrait=given))
    assert (found["z"], found["minima"]["distinct"]) == ("polished", 1)
    assert found["converged"] == {"solver": 0, "polished": 4}


def test_without_polishing_the_solver_is_believed_and_it_is_said():
    results = make_image_results(portrait=make_image_groups(minima=(4,), polished=False))
    found = row(results)
    assert (found["z"], found["converged"]["polished"]) == ("as found", None)
    assert found["minima"]["largest"] == 4
    (said,) = [note for note in summarize(results, "x").notes if "Nothing was refined" in note]
    assert said.endswith("converged means that the solver converged.")
    results.attributes["config"]["polish"] = {}  # as where an image depends on its batch
    assert said in summarize(results, "x").notes


def test_what_is_not_polished_yet_has_not_converged():
    given = make_image_groups(minima=(4,))
    given["stochastic"]["polished/outcome"][3] = 0
    given["stochastic"]["polished/z_found"][3] = np.nan
    given["stochastic"]["polished/image_loss"][3] = np.nan
    found = row(make_image_results(portrait=given))
    assert (found["z"], found["polished"]) == ("polished 3 of 4", 3)
    assert (found["minima"]["largest"], found["not_converged"]) == (3, 1)
    assert found["image_loss"]["largest"] == 50  # the solver's own
    assert found["strays"] == 0  # it lies there all the same


def test_what_descent_could_still_lower_is_no_minimum():
    given = make_image_groups(minima=(3, 1))
    given["stochastic"]["polished/outcome"][3] = Outcome.stalled  # though the solver was content
    results = make_image_results(portrait=given)
    found = row(results)
    assert (found["minima"]["distinct"], found["not_converged"]) == (1, 1)
    assert reasons(results) == ["converged"] * 3 + ["no minimum"]


def test_polishing_alone_decides_what_failed():
    given = make_image_groups(minima=(12,))
    given["stochastic"]["outcome"][:4] = Outcome.stalled  # yet polishing found a minimum
    for command in ("consistency", "invert"):
        results = make_image_results(command, portrait=given)
        found = list_failures(results, find_report_module(results, "x").classify_failures(results))
        assert (found.trials, found.failed) == (12, 0)
    assert list_failures(results, {}).failed == 4


def test_recoveries_without_a_number_are_counted_and_in_no_distance():
    given = make_image_groups(minima=(12,), polished=False)
    given["stochastic"]["z_found"][10:] = np.nan
    given["stochastic"]["outcome"][10:] = Outcome.non_finite
    given["stochastic"]["image_loss"][10:] = np.nan
    results = make_image_results(portrait=given)
    report = summarize(results, "x")
    (found,) = report.tables["table2"]
    assert (found["without_number"], found["not_converged"]) == (2, 2)
    assert 0 < found["distance"]["mean"] < 1e-5
    assert any(note.startswith("2 recoveries have no finite z") for note in report.notes)
    assert reasons(results)[10:] == ["non finite"] * 2
    given["stochastic"]["z_found"][:] = np.nan
    given["stochastic"]["outcome"][:] = Outcome.non_finite
    (found,) = summarize(results, "x").tables["table2"]
    assert found["outside"] == {"median": None, "most": None}


def test_distinct_minima_are_counted_at_three_tolerances():
    columns = make_recoveries(minima=(4,), polished=False, wobble=0)
    columns["z_found"][1:, 0] += (0.05, 0.25, 0.95)  # 5e-4, 2e-3 and 7e-3 from one to the next
    found = row(make_image_results(portrait={"none": columns}))["minima"]
    assert found["distinct_at"] == {"0.001": 3, "0.003": 2, "0.01": 1}
    assert (found["tolerance"], found["distinct"]) == (SAME_Z_TOLERANCE, 3)


def test_losses_that_rounding_leaves_have_all_reached_the_least():
    found = row(minima=(5, 4, 1), losses=(1e-9, 4e-3, 6.0))  # 8 bits of 768 pixels leave 5e-3
    assert found["reached"]["recoveries"] == 9
    assert 4e-3 < found["reached"]["rounding_loss"] < 6e-3


def test_components_outside_the_box_are_counted_and_said():
    given = make_image_groups(minima=(3,), technique="none") | make_image_groups(minima=(3,))
    z = given["none"]["polished/z_found"]
    z[0, :70], z[1, :60], z[2, :50] = 1.5, -1.5, 1.5
    given["stochastic"]["polished/z_found"][:, :7] = 1.0  # held at a bound
    report = summarize(make_image_results(portrait=given), "x")
    none, stochastic = report.tables["table2"]
    assert (none["outside"], none["latent"]) == ({"median": 60, "most": 70}, LATENT)
    assert (stochastic["outside"]["median"], stochastic["at_bound"]["median"]) == (0, 7)
    (said,) = [note for note in report.notes if "end outside the bounds" in note]
    assert said.startswith("Without clipping, 60 of 100 components")


def test_the_largest_distance_is_that_of_the_farthest_pair():
    found = row(minima=(20, 1), losses=(1.0, 2.0))["distance"]
    assert found["median"] < SAME_Z_TOLERANCE < 0.04 < found["largest"]


def test_image_losses_are_spread_relative_to_the_least():
    found = row(minima=(1, 2), losses=(100.0, 150.0))["image_loss"]
    assert found == {"least": 100, "median": 150, "largest": 150, "spread": 0.5}
    assert row(minima=(1, 2), losses=(1e-9, 1e-7))["image_loss"]["spread"] is None  # rounding


def test_strays_are_shown():
    report = summarize(
        make_image_results(
            portrait=make_image_groups(minima=(8, 1), losses=(1.0, 6.0), unconverged=1)
        ),
        "x",
    )
    strays = report.tables["strays"]
    assert [(each["trial"], each["image_loss"]) for each in strays] == [(8, 6), (9, 18)]
    assert [each["converged"] for each in strays] == [True, False]
    assert all(each["distance"] > 0.05 for each in strays)
    shown = next(s for s in report.sections if s.title.startswith("Recoveries away from"))
    assert [cells[:2] for cells in shown.rows] == [
        ("portrait, stochastic", "8"),
        ("portrait, stochastic", "9"),
    ]
    assert reasons(make_image_results(portrait=make_image_groups(minima=(8, 1)))) == [
        "converged"
    ] * 8 + ["elsewhere"]


def test_where_no_minimum_is_most_of_them_none_has_failed():
    results = make_image_results(portrait=make_image_groups(minima=(1,) * 9, losses=(1.0,) * 9))
    assert reasons(results) == ["converged"] * 9
    report = summarize(results, "x")
    assert report.tables["strays"] == []
    assert report.tables["table2"][0]["strays"] is None


@pytest.mark.parametrize("style", STYLES)
def test_every_format_takes_a_run_in_progress(style):
    given = {"none": make_recoveries(minima=(1,), polished=False)}  # one recovery: no pair
    report = summarize(
        make_image_results(complete=False, portrait=given, later={}, bad="no image"), "x"
    )
    text = render([report], style)
    assert "portrait" in text
    if style == "json":
        (found,) = json.loads(text, parse_constant=pytest.fail)["tables"]["table2"]
        assert found["distance"] == dict.fromkeys(("mean", "median", "largest", "mean_squared"))


def test_nothing_yet_is_said():
    with pytest.raises(ResultsError, match=r"new\.h5: no recovery"):
        summarize(make_image_results(portrait={}), "new.h5")
