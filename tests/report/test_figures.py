"""What the figures show."""

import dataclasses

import matplotlib.image
import numpy as np
import pytest
from known_results import GRADIENTS, make_results

from ganinv_cli import store
from ganinv_cli.report import recover
from ganinv_cli.report import plots
from ganinv_cli.report.recover import curves, figures
from ganinv_cli.report.report import DrawnFigure


def fall(errors, ends):
    whole = curves.Curves(GRADIENTS, errors.__getitem__, ends)
    return curves.compute_error_quantiles(whole)


def test_figure_1_shows_every_pixel_as_a_square(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), np.uint8)
    stored = store.Figure(np.stack([255 - noise, noise]), ("start", "original"), (0, 4, 9))
    figure = plots.draw_montage(stored, "title")
    figure.savefig(tmp_path / "figure.png")
    shown = (matplotlib.image.imread(tmp_path / "figure.png")[:, :, :3] * 255).round()
    large = noise[2].repeat(2, axis=0).repeat(2, axis=1)
    assert any(
        np.array_equal(shown[y : y + 128, x : x + 128], large)
        for y, x in np.argwhere((shown == large[0, 0]).all(axis=2))
    )


def test_curves_hold_what_has_no_logarithm_and_trials_that_ended():
    errors = np.array([[1, 0.1, np.nan, np.nan], [1, 0.0, 0.0, np.nan], [np.nan] * 4])
    ends = np.array([0.02, 0.0, np.nan])
    figure = figures.draw_convergence({"none": fall(errors, ends)}, 4)
    figure.canvas.draw()
    median = figure.axes[0].lines[-2]
    assert figure.axes[0].get_legend_handles_labels()[1] == ["none"]
    assert list(median.get_xdata()) == [1, 10, GRADIENTS[3]]  # and a point after the last ended
    assert list(median.get_ydata()) == [0.05, 0.01, 0.01]  # of .1, then .02, and 0


def test_an_error_too_large_for_the_axis_is_drawn():
    errors = np.array([[1e-9, 1e-9, np.nan, np.nan]] * 2)
    figure = figures.draw_convergence({"none": fall(errors, np.full(2, 1e300))}, 4)
    with plots.use_own_style():
        plots.encode_drawn_figure(DrawnFigure(figure, "", ""))


def test_where_no_trial_ran_or_none_has_an_end_there_is_no_curve():
    assert not len(fall(np.full((2, 4), np.nan), np.zeros(2)).gradients)
    given = make_results()
    for technique in ("none", "stochastic"):
        given.groups[technique]["z_error"][:] = np.nan
    assert "convergence" not in recover.REPORT.draw(given)


@pytest.mark.parametrize("block_bytes", [1, 4096, 1 << 26])
def test_quantiles_are_those_of_all_trials_however_many_are_looked_at_together(
    monkeypatch, block_bytes
):
    monkeypatch.setattr(curves, "BLOCK_BYTES", block_bytes)
    draw = np.random.default_rng(0)
    errors, ends = draw.lognormal(size=(101, 4)).astype(np.float32), draw.lognormal(size=101)
    ended = draw.integers(1, 5, 101)
    errors[np.arange(4) >= ended[:, None]] = np.nan
    errors[7], ends[7] = np.nan, np.nan
    found = fall(errors, ends)
    whole = np.delete(np.where(np.isnan(errors), ends[:, None], errors), 7, axis=0)[:, 1:]
    np.testing.assert_array_equal(found.gradients, GRADIENTS[1:])
    np.testing.assert_array_equal(found.quantiles, np.quantile(whole, (0.1, 0.5, 0.9), axis=0))


def test_a_figure_says_its_technique_and_solver_and_how_often_z_was_right():
    stored = store.Figure(np.zeros((1, 3, 16, 16, 1), np.uint8), ("found",), (0, 1, 49))
    for technique, clipping in (("none", "no clipping"), ("stochastic", "stochastic clipping")):
        given = dataclasses.replace(make_results(), figures={f"figure1-{technique}": stored})
        drawn = recover.REPORT.draw(given)[f"figure1-{technique}"]
        title = f"Figure 1. {clipping}, lbfgs"
        assert drawn.figure.texts[0].get_text() == title
        assert drawn.caption.startswith(title)
        right = 2 if technique == "none" else 3  # its last trial went elsewhere
        assert f"{right} of these 3" in drawn.alt


def test_the_alt_text_of_the_curves_is_their_finding():
    alt = recover.REPORT.draw(make_results())["convergence"].alt
    assert "none after 100 gradients; stochastic after 100 gradients" in alt
    given = make_results()
    given.groups["none"]["z_error"][:] = 0.5
    assert "none never, it ends at 0.5" in recover.REPORT.draw(given)["convergence"].alt


def test_a_title_is_whole_over_one_picture():
    stored = store.Figure(np.zeros((1, 1, 16, 16, 1), np.uint8), ("clean",), (0,))
    figure = plots.draw_montage(stored, "Figure 2b. " + "wide words " * 7)
    figure.canvas.draw()
    assert figure.texts[0].get_window_extent().x1 < figure.bbox.x1


def test_a_dollar_in_a_title_or_label_is_a_dollar():
    stored = store.Figure(np.zeros((1, 1, 16, 16, 1), np.uint8), (r"$\nonsense$",), (0,))
    figure = plots.draw_montage(stored, r"$\frac$")
    plots.encode_drawn_figure(DrawnFigure(figure, "", ""))  # raises where it is taken for a formula


def test_every_format_is_the_same_each_time_and_leaves_matplotlib_alone():
    before = dict(matplotlib.rcParams)
    first, second = (
        plots.encode_drawn_figure(recover.REPORT.draw(make_results())["convergence"])
        for _ in range(2)
    )
    assert set(first.files) == {"png", "pdf", "svg"}
    assert first == second
    assert not any(
        b"Date>" in content or b"<dc:date" in content for content in first.files.values()
    )
    assert dict(matplotlib.rcParams) == before


def test_a_page_gets_lines_as_svg_and_pixels_as_png():
    stored = store.Figure(np.zeros((1, 1, 16, 16, 1), np.uint8), ("found",), (0,))
    given = dataclasses.replace(make_results(), figures={"figure1-none": stored})
    inline = {
        name: plots.encode_drawn_figure(drawn).inline_format
        for name, drawn in recover.REPORT.draw(given).items()
    }
    assert inline == {"figure1-none": "png", "convergence": "svg"}
