"""What the figures show; golden/ has their alternative texts and captions."""

import io
from dataclasses import replace
from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pytest
from known_results import GRADIENTS, make_group, make_results
from matplotlib.image import imread
from reports.known_sweep import (
    INFORMATION,
    SIDE,
    VARIANCES,
    add_actions,
    make_image_groups,
    make_image_results,
    make_noise_sweep,
    make_picture,
)

from ganinv_cli.clipping import RULES
from ganinv_cli.experiments.summary import summarize
from ganinv_cli.prior import Uniform
from ganinv_cli.results.analysis.trial_sets import TrialSet
from ganinv_cli.results.report import figures, plots
from ganinv_cli.results.report.grid import DrawnFigure
from ganinv_cli.results.store import Figure


def draw(results):
    return summarize(results, "x").draw()


def draw_recoveries(groups, name="portrait"):
    return draw(make_image_results(**{name: groups}))["image-0000"]


def draw_histogram(**given):
    return draw_recoveries(make_image_groups(**given)).figure.axes[-1]


def find_quantiles(errors, ends):
    columns = {"trial": np.arange(len(ends)), "z_error": ends, "curve_error": errors}
    trial_set = TrialSet(None, "none", "none", columns, {}, None, Uniform(), 0.0)
    return figures.find_curve(trial_set, GRADIENTS)


def assert_shows(figure, picture):
    """The PNG of a figure holds a picture enlarged to squares of whole pixels."""
    shown = imread(io.BytesIO(plots.encode_figure(figure, "png")))
    shown = (shown[:, :, :3] * 255).round()
    times = -(-128 // len(picture))
    large = picture.repeat(times, axis=0).repeat(times, axis=1)
    height, width = large.shape[:2]
    corners = np.argwhere((shown == large[0, 0]).all(axis=2))
    assert any(np.array_equal(shown[y : y + height, x : x + width], large) for y, x in corners)


def test_a_pixel_of_an_image_is_a_square_of_whole_pixels():
    noise = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), np.uint8)
    stored = Figure(np.stack([255 - noise, noise]), ("start", "original"), (0, 4, 9))
    assert_shows(plots.draw_montage(stored, "title"), noise[2])
    assert_shows(draw_recoveries(make_image_groups()).figure, make_picture(SIDE))


def test_a_dollar_is_no_mathematics_and_a_long_title_is_whole():
    stored = Figure(np.zeros((1, 1, 16, 16, 1), np.uint8), (r"$\nonsense$",), (0,))
    title = r"$\frac$ " + "wide words " * 7
    figure = plots.draw_montage(stored, title)
    plots.encode_drawn_figure(DrawnFigure(figure, "", ""))  # raises if it is taken for a formula
    assert figure.texts[0].get_window_extent().x1 < figure.bbox.x1
    named = draw_recoveries(make_image_groups(), "a $very$ strange_{name}$顔.png")
    plots.encode_drawn_figure(named)


def test_figures_are_the_same_each_time_whatever_the_users_style():
    def encode():
        picture = Figure(np.zeros((1, 1, 16, 16, 1), np.uint8), ("found",), (0,))
        results = replace(make_results(), figures={"figure1-none": picture})
        with plots.use_own_style():
            drawn = draw(results)
            forms = ("pdf", "svg")
            return {name: plots.encode_drawn_figure(each, forms) for name, each in drawn.items()}

    first = encode()
    with mpl.rc_context({"text.usetex": True, "axes.facecolor": "red", "lines.linewidth": 9}):
        assert encode() == first
        assert mpl.rcParams["axes.facecolor"] == "red"
    assert first["convergence"].files.keys() == {"png", "pdf", "svg"}


def test_rules_are_told_apart():
    looks = {(rule.colour, rule.dashes, rule.marker, rule.marker_size) for rule in RULES.values()}
    assert len(looks) == len(RULES)


def test_the_labels_of_an_axis_are_all_of_one_kind():
    results = make_results({"none": make_group(np.arange(3), 0)})
    results.constants["curve_gradients"] = np.array([0.0, 5, 8, 12])
    figure = draw(results)["convergence"].figure
    figure.canvas.draw()
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels(which="both")]
    assert {"6", "10"} <= set(labels)
    assert not any("10^" in label for label in labels)


def test_long_names_fit_over_their_pictures():
    wide = {f"{'words-' * 5}{number}{'-more' * 5}.png": make_image_groups() for number in range(3)}
    drawn = draw(make_image_results("invert", **wide))["reconstructions"]
    names = [text for text in drawn.figure.texts if "words" in text.get_text()]
    edges = [text.get_window_extent() for text in names]
    assert len({text.get_text() for text in names}) == 3
    assert all(left.x1 < right.x0 for left, right in pairwise(edges))
    title = draw_recoveries(make_image_groups(), "a long name " * 9).figure.texts[0]
    assert title.get_window_extent().x1 < title.figure.bbox.x1


def test_curves_hold_what_has_no_logarithm_and_trials_that_ended():
    errors = np.array([[1, 0.1, np.nan, np.nan], [1, 0.0, 0.0, np.nan], [np.nan] * 4])
    ends = np.array([0.02, 0.0, np.nan])
    results = make_results({"none": make_group(np.arange(3), 0)})
    results.groups["none"] |= {"curve_error": errors, "z_error": ends}
    figure = draw(results)["convergence"].figure
    figure.canvas.draw()
    median = figure.axes[0].lines[-2]
    assert figure.axes[0].get_legend_handles_labels()[1] == ["none"]
    assert list(median.get_xdata()) == [1, 10, GRADIENTS[3]]  # and a point after the last ended
    assert median.get_ydata() == pytest.approx([0.05, 0.01, 0.01])  # of .1, then .02, and 0
    assert not len(find_quantiles(np.full((2, 4), np.nan), np.zeros(2)).gradients)


@pytest.mark.parametrize("block", [1, 100, 1 << 16])
def test_quantiles_are_those_of_all_trials_whatever_the_block(monkeypatch, block):
    monkeypatch.setattr(figures, "BLOCK_TRIALS", block)
    draw = np.random.default_rng(0)
    errors, ends = draw.lognormal(size=(101, 4)).astype(np.float32), draw.lognormal(size=101)
    errors[np.arange(4) >= draw.integers(1, 5, 101)[:, None]] = np.nan
    errors[7], ends[7] = np.nan, np.nan
    found = find_quantiles(errors, ends)
    whole = np.delete(np.where(np.isnan(errors), ends[:, None], errors), 7, axis=0)[:, 1:]
    np.testing.assert_array_equal(found.gradients, GRADIENTS[1:])
    quantiles = np.quantile(whole, (0.1, 0.5, 0.9), axis=0)
    np.testing.assert_allclose(found.quantiles, quantiles, rtol=1e-6)


def test_figure_2a_has_a_curve_per_rule_the_bound_and_the_centre_of_the_prior():
    results = make_noise_sweep(trials=9)
    results.groups[""]["z_true"] += np.linspace(0.1, 0.9, 9, dtype=np.float32)[:, None]
    (axes,) = draw(results)["figure2a"].figure.axes
    lines = {line.get_label(): line.get_xydata().T for line in axes.lines}
    assert lines.keys() == {"none", "stochastic", "unbiased (Cramér–Rao)", "z = 0, always"}
    for name, factor in {"none": 2, "stochastic": 1, "unbiased (Cramér–Rao)": 1}.items():
        x, y = lines[name]
        assert list(x) == list(VARIANCES)
        assert y == pytest.approx(factor * INFORMATION * x)
    assert lines["z = 0, always"][1] == pytest.approx(0.25)  # the median trial has .5 everywhere


def make_idle(*rules):
    """Results of three rules of which these never acted, with Figure 1 of the last one."""
    groups = {rule: make_group(np.arange(9), 0) for rule in ("none", "standard", "stochastic")}
    for rule in ("none", *rules):
        add_actions(groups[rule], np.zeros(9))
    pictures = np.stack([make_picture(SIDE, level)[None] for level in (90, 40, 1, 0, 0)])
    panels = ("start", "10 gradients", "30 gradients", "found", "original")
    results = make_results(groups, trials=9)
    return replace(results, figures={"figure1-stochastic": Figure(pictures, panels, (0,))})


@pytest.mark.parametrize(
    ("idle", "name", "title"),
    [
        ((), "figure1-stochastic", "Figure 1. Stochastic clipping, lbfgs"),
        (("stochastic",), "figure1-none", "Figure 1. No clipping, lbfgs"),
        (("standard", "stochastic"), "figure1-none", "Figure 1. No clipping: no rule acted, lbfgs"),
    ],
)
def test_figure_1_is_titled_by_what_ran_and_no_two_rows_are_equal(idle, name, title):
    drawn = draw(make_idle(*idle))
    figure = drawn[name].figure
    texts = [text.get_text() for text in figure.texts]
    assert texts[0] == title
    assert texts[1:4] == ["start", "10 gradients", "found and\noriginal"]
    assert len(figure.axes) == 3
    curves = drawn["convergence"].figure.axes[0].get_legend_handles_labels()[1]
    assert curves == [rule for rule in ("none", "standard", "stochastic") if rule not in idle]


def test_a_figure_of_recoveries_has_the_image_the_best_and_the_most_distant():
    both = make_image_groups() | make_image_groups(technique="none")
    axes = draw_recoveries(both).figure.axes
    shown = [each.images[0].get_array() for each in axes if each.images]
    expected = [make_picture(SIDE), make_picture(SIDE, 8), make_picture(SIDE, 40)] * 2
    assert [np.array_equal(*pair) for pair in zip(shown, expected, strict=True)] == [True] * 6


def test_the_histogram_counts_every_pair_and_marks_the_distance_of_random_z():
    axes = draw_histogram(minima=(5, 5))
    (steps,) = axes.patches
    assert axes.get_xscale() == "log"
    assert steps.get_data().values.sum() == pytest.approx(100)
    assert steps.get_data().values[-5:].sum() == pytest.approx(100 * 25 / 45)  # pairs of both
    marks = {line.get_label(): line.get_xdata()[0] for line in axes.lines}
    assert marks["random z: 0.0815"] == pytest.approx(0.0815, abs=1e-4)
    assert draw_histogram(minima=(1,) * 9).get_xscale() == "linear"
    (steps,) = draw_histogram(minima=(3,), wobble=0).patches
    assert steps.get_data().values[0] == pytest.approx(100)
