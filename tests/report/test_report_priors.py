"""Every report uses the prior of its run, and names it."""

import numpy as np
import pytest
from known_results import make_results
from known_sweep import make_image_groups, make_image_results, make_noise_sweep, make_recoveries

from ganinv_cli import statistics
from ganinv_cli.errors import ResultsError
from ganinv_cli.prior import Normal, make_normal, parse_prior
from ganinv_cli.report import consistency, summarize
from ganinv_cli.analysis.prior import describe_prior

CUT = Normal(1.0, 0.99)
NORMAL = (
    "z is drawn from a normal prior with σ = 1, cut at ±2.58: this keeps 99 % of a component's "
    "draws, and "
)
UNIT = "z is drawn from a prior that is uniform in [0, 1]."


def of(prior, given):
    """The same results from a run with that prior; None: from before there was another."""
    config = given.attributes["config"]
    given.attributes["config"] = config if prior is None else config | {"prior": prior}
    return given


def every():
    """Results of each command."""
    return [
        make_results(),
        make_noise_sweep(trials=4, figures=False),
        make_image_results(portrait=make_image_groups()),
        make_image_results("invert", portrait=make_image_groups()),
    ]


@pytest.mark.parametrize(("prior", "said"), [("normal:1,0.99", NORMAL), ("uniform:0,1", UNIT)])
def test_a_prior_that_is_not_the_papers_is_said_by_every_command(prior, said):
    for given in every():
        assert any(said in note for note in summarize(of(prior, given), "x").notes)


@pytest.mark.parametrize(
    ("prior", "component", "whole"),
    [
        (CUT, "cut at ±2.58: this keeps 99 %", "36.6 %"),
        (make_normal(100), "±3.89: this keeps 99.99 %", "99 %"),
    ],
)
def test_a_cut_is_said_for_a_component_and_for_whole_vectors(prior, component, whole):
    (sentence,) = describe_prior(prior, 100)
    assert f"{component} of a component's draws, and {whole} of whole vectors." in sentence
    assert describe_prior(prior, None)[0].endswith("of a component's draws.")


@pytest.mark.parametrize("prior", [None, "uniform:-1,1"])
def test_the_papers_prior_goes_without_saying(prior):
    for given in every():
        assert not any("z is drawn from" in note for note in summarize(of(prior, given), "x").notes)


def test_a_prior_that_is_not_known_is_refused():
    with pytest.raises(ResultsError, match="names the prior 'cauchy:1'"):
        summarize(of("cauchy:1", make_results()), "x")


def words(report):
    return [*report.notes, *(section.title for section in report.sections)]


def test_no_command_says_the_papers_bounds_of_another_prior():
    _, sweep, several, one = (words(summarize(of("normal:1,0.99", g), "x")) for g in every())
    for given, said in (
        (sweep, "keeps in the bounds [-2.58, 2.58]"),
        (several, "outside the bounds [-2.58, 2.58]"),
        (several, "independent u, v, normal with σ = 1, cut at ±2.58."),
        (one, "at or beyond -2.58 or 2.58."),
    ):
        assert any(said in line for line in given)
    pixels = ("pixels in [-1, 1]", "clipped to [-1, 1]", "Image loss")
    for line in (*sweep, *several, *one):
        assert "[-1, 1]" not in line or any(each in line for each in pixels)


def test_random_vectors_are_those_of_the_prior_in_table_and_figure():
    given = of("normal:1,0.99", make_image_results(portrait=make_image_groups(minima=(5, 5))))
    expected = statistics.expected_distance(100, CUT)
    assert expected == pytest.approx(0.1357, abs=1e-4)
    (row,) = summarize(given, "x").tables["table2"]
    assert row["baseline"] == pytest.approx(expected)
    axes = consistency.REPORT.draw(given)["image=0000"].figure.axes[-1]
    assert any(line.get_xdata()[0] == pytest.approx(expected) for line in axes.lines)


@pytest.mark.parametrize(
    ("prior", "outside", "at_bound"),
    [("normal:1,0.99", 1, 2), ("uniform:0,1", 4, 4), ("uniform:-4,4", 0, 0)],
)
def test_components_are_outside_the_runs_own_bounds(prior, outside, at_bound):
    columns = make_recoveries(minima=(3,), polished=False)
    columns["z_found"][:] = 0.5
    columns["z_found"][:, :4] = (CUT.high, 2.7, 1.5, -0.5)
    for command in ("consistency", "invert"):
        report = summarize(of(prior, make_image_results(command, portrait={"none": columns})), "x")
        (row,) = next(iter(report.tables.values()))
        middle = [row[key] for key in ("outside", "at_bound")]
        found = [each["median"] if isinstance(each, dict) else each for each in middle]
        assert found == [outside, at_bound]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("prior", ["normal:1,0.99", "normal:1,0.9", "uniform:-0.1,0.3"])
def test_what_is_clamped_to_a_bound_is_at_it_and_not_outside(prior, dtype):
    """In float32 a bound is rounded, and the rounded value may be on either side."""
    given = of(prior, make_image_results(portrait=make_image_groups(minima=(3,))))
    edges = parse_prior(prior, 100).low, parse_prior(prior, 100).high
    z = np.full((3, 100), np.mean(edges))
    z[:, 0], z[:, 1] = np.array(edges, dtype)
    given.groups["image=0000/stochastic"]["polished/z_found"][:] = z
    (row,) = summarize(given, "x").tables["table2"]
    assert (row["outside"]["most"], row["at_bound"]["median"]) == (0, 2)
