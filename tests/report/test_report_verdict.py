"""The sentence on whether z is unique, for recoveries with known answers."""

import numpy as np
import pytest
from known_sweep import make_image_groups, make_image_results

from ganinv_cli.outcome import Outcome
from ganinv_cli.report import summarize


def row(given=None, **of):
    """The only row of Table 2."""
    (found,) = summarize(make_image_results(portrait=given or make_image_groups(**of)), "x").tables[
        "table2"
    ]
    return found


def verdict(given=None, **of):
    return row(given, **of)["verdict"]


def test_recoveries_of_one_z_are_unique_as_far_as_their_number_tells():
    found = row(minima=(32,))
    assert found["verdict"] == (
        "unique: all 32 recoveries are one z (at most 11 % of starts end elsewhere, 95 %)"
    )
    assert (found["minima"]["distinct"], found["minima"]["largest"], found["strays"]) == (1, 32, 0)
    assert found["distance"]["mean"] < 1e-6
    assert "at most 3.6 % of starts" in verdict(minima=(100,))  # 1 - .025^(1/100)


@pytest.mark.parametrize(
    ("count", "said"), [(1, "1 recovery"), (2, "2 recoveries"), (9, "9 recoveries")]
)
def test_a_few_recoveries_decide_nothing(count, said):
    assert verdict(minima=(count,)) == f"undecided: only {said}"
    assert verdict(minima=(1,) * count) == f"undecided: only {said}"


def test_recoveries_all_apart_are_not_unique():
    given = {"minima": (1,) * 32, "losses": tuple(500 + np.arange(32.0))}
    assert verdict(**given) == (
        "not unique: 32 recoveries, 32 different minima; 1 reached the least image loss"
    )
    found = row(**given, unconverged=3)
    assert (found["minima"]["distinct"], found["not_converged"]) == (32, 3)
    assert "35 recoveries, 32 converged, 32 different minima; 1 reached" in found["verdict"]


def test_one_z_at_the_least_loss_is_told_from_starts_that_were_stuck():
    found = row(minima=(99, 1), losses=(1e-9, 6.0))
    assert found["verdict"] == (
        "unique at the least image loss: 99 of 100 recoveries are one z "
        "(at most 5.4 % of starts end elsewhere, 95 %); 1 elsewhere at a larger loss"
    )
    assert (found["minima"]["distinct"], found["minima"]["largest"]) == (2, 99)
    assert (found["reached"]["recoveries"], found["reached"]["distinct"]) == (99, 1)
    assert found["distance"]["median"] < 1e-5 < found["distance"]["mean"]
    assert found["reached"]["distance"]["mean"] < 1e-5


def test_a_rival_of_the_same_loss_makes_z_not_unique():
    assert verdict(minima=(99, 1), losses=(50.0, 50.01)) == (
        "not unique: 100 recoveries, 2 different minima, 99 at the most frequent; "
        "100 reached the least image loss, at 2 different minima"
    )


def test_a_rare_minimum_of_the_least_loss_is_not_the_frequent_one():
    assert verdict(minima=(97, 3), losses=(50.0, 40.0)) == (
        "not unique: 100 recoveries, 2 different minima, 97 at the most frequent; "
        "3 reached the least image loss, all one z"
    )


def test_nearly_all_means_95_of_100():
    for same, word in ((95, "unique at"), (94, "not unique")):
        assert verdict(minima=(same, 100 - same), losses=(1.0, 6.0)).startswith(word)


def test_what_did_not_converge_counts_in_the_share():
    assert verdict(minima=(3,), unconverged=7) == (
        "undecided: only 3 of 10 recoveries converged; they are one z"
    )
    assert verdict(minima=(94,), unconverged=6).startswith("undecided: only 94 of 100")
    assert verdict(minima=(95,), unconverged=5).endswith("; 5 elsewhere at a larger loss")


@pytest.mark.parametrize(("converged", "said"), [(0, "none"), (1, "1")])
def test_nothing_is_decided_where_hardly_any_converged(converged, said):
    given = make_image_groups(minima=(20,))
    given["stochastic"]["polished/outcome"][converged:] = Outcome.stalled
    assert verdict(given) == f"undecided: {said} of 20 recoveries converged"


def test_the_same_z_not_converged_is_told_from_elsewhere_and_from_no_number():
    given = make_image_groups(minima=(100,))
    columns = given["stochastic"]
    columns["polished/outcome"][97:] = Outcome.stalled
    columns["polished/z_found"][98] += 0.5
    columns["polished/image_loss"][98] = 80.0
    columns["polished/z_found"][99] = columns["polished/image_loss"][99] = np.nan
    assert verdict(given).endswith(
        "; 1 elsewhere at a larger loss, 1 there but not converged, 1 without a number"
    )


def test_a_rival_that_did_not_converge_leaves_it_undecided():
    given = make_image_groups(minima=(99,), unconverged=1)
    given["stochastic"]["polished/image_loss"][99] = 50.0
    assert verdict(given) == (
        "undecided: 99 of 100 recoveries converged; "
        "they are one z, but 1 elsewhere reached the least image loss"
    )


def test_without_a_converged_one_at_the_least_loss_it_is_said():
    given = make_image_groups(minima=(10, 10), losses=(50.0, 60.0), unconverged=5)
    given["stochastic"]["polished/image_loss"][20:] = 40.0
    assert verdict(given).endswith("; none that converged reached the least image loss")
