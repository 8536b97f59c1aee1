"""What the figures show."""

import dataclasses

import matplotlib.image
import numpy as np
from known_results import GRADIENTS, results
from matplotlib.figure import Figure

from ganinv_cli import store
from ganinv_cli.report import figures, summarise, write


def test_figure_1_shows_every_pixel_as_a_square(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), np.uint8)
    figure = figures.pictures({"start": 255 - noise, "original": noise}, [0, 4, 9], "title")
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
    nothing = figures.Curve(GRADIENTS, np.full((2, 4), np.nan), ends)
    assert not nothing.drawable.any()
    figure = figures.convergence({"none": figures.Curve(GRADIENTS, errors, ends)}, 4)
    figure.canvas.draw()
    median = figure.axes[0].lines[-2]
    assert figure.axes[0].get_legend_handles_labels()[1] == ["none"]
    assert list(median.get_xdata()) == [1, 10, GRADIENTS[3]]  # and a point after the last ended
    assert list(median.get_ydata()) == [0.05, 0.01, 0.01]  # of .1, then .02, and 0


def test_a_figure_is_named_for_its_technique_and_solver(monkeypatch, tmp_path):
    titles = []
    monkeypatch.setattr(
        figures, "pictures", lambda panels, trials, title: titles.append(title) or Figure((1, 1))
    )
    stored = store.Figure(np.zeros((1, 1, 16, 16, 1), np.uint8), ("found",), (0,))
    for technique in ("none", "standard"):
        given = dataclasses.replace(results(), figures={f"figure1-{technique}": stored})
        write(summarise(given, "x"), given, tmp_path)
    assert titles == ["Figure 1. no clipping, lbfgs", "Figure 1. standard clipping, lbfgs"]
